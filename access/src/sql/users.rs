//! Who may ask: names, verifiers of passwords, and what each may see.
//!
//! The file holds no password. It holds what SCRAM-SHA-256 (RFC 5802) derives from one with a salt
//! and [`ITERATIONS`] rounds; the wire protocol proves knowledge of the password against that.
//! Whoever reads the file can pose as its users, so it is written for its owner only (mode 0600).
//!
//! Invariants:
//! - an unknown name takes the same steps as a known one with a wrong password: it has a salt, the
//!   same one every time;
//! - a user with `orgs` sees rows of these bodies only; one without sees all rows.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use datafusion_postgres::pgwire::api::auth::sasl::scram::gen_salted_password;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::Error;

/// Rounds of the key derivation.
pub const ITERATIONS: usize = 16_384;
/// Shortest password that is taken, characters.
const SHORTEST: usize = 8;

/// What is known of one user.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Salt, hex.
    salt: String,
    /// Salted password, hex.
    verifier: String,
    /// Bodies whose rows the user sees; all rows when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    orgs: Option<BTreeSet<String>>,
    /// Whether the user sees everybody's queries in the query log.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    admin: bool,
}

/// A user as the rest of the server knows it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct User {
    /// Name.
    pub name: String,
    /// Bodies whose rows the user sees; all rows when absent.
    pub orgs: Option<BTreeSet<String>>,
    /// Whether the user sees everybody's queries in the query log.
    pub admin: bool,
}

impl User {
    /// Whoever works on the machine itself, by the command line.
    pub fn local() -> Self {
        Self {
            name: "local".to_owned(),
            orgs: None,
            admin: true,
        }
    }
}

#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct File {
    users: BTreeMap<String, Entry>,
}

/// The users, read again whenever their file changes.
#[derive(Clone)]
pub struct Users {
    path: Arc<PathBuf>,
    read: Arc<Mutex<Read>>,
    /// For salts of names that do not exist.
    secret: Arc<[u8; 16]>,
}

#[derive(Default)]
struct Read {
    changed: Option<SystemTime>,
    file: File,
}

impl std::fmt::Debug for Users {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Users")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

/// What a password is checked against.
pub struct Verifier {
    /// Salt of the key derivation.
    pub salt: Vec<u8>,
    /// Salted password.
    pub salted: Vec<u8>,
}

impl Users {
    /// The users of a file; nobody while there is none.
    ///
    /// # Errors
    /// A file that is not what `nonsite user` writes.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let users = Self {
            path: Arc::new(path.to_owned()),
            read: Arc::default(),
            secret: Arc::new(uuid::Uuid::new_v4().into_bytes()),
        };
        users.refresh()?;
        Ok(users)
    }

    /// Nobody, for who needs no login.
    pub fn none() -> Self {
        Self {
            path: Arc::default(),
            read: Arc::default(),
            secret: Arc::default(),
        }
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.read.lock().file.users.len()
    }

    /// The user of this name.
    pub fn get(&self, name: &str) -> Option<User> {
        if let Err(error) = self.refresh() {
            tracing::warn!(%error, "the users stay as they were");
        }
        let read = self.read.lock();
        read.file.users.get(name).map(|entry| User {
            name: name.to_owned(),
            orgs: entry.orgs.clone(),
            admin: entry.admin,
        })
    }

    /// What a login of this name is checked against; for a name that does not exist something no
    /// password fits.
    pub fn verifier(&self, name: &str) -> Verifier {
        if let Err(error) = self.refresh() {
            tracing::warn!(%error, "the users stay as they were");
        }
        let read = self.read.lock();
        let known = read.file.users.get(name).and_then(|entry| {
            Some(Verifier {
                salt: hex::decode(&entry.salt).ok()?,
                salted: hex::decode(&entry.verifier).ok()?,
            })
        });
        known.unwrap_or_else(|| {
            let mut hash = Sha256::new();
            hash.update(*self.secret);
            hash.update(name);
            Verifier {
                salt: hash.finalize()[..16].to_vec(),
                salted: uuid::Uuid::new_v4().into_bytes().to_vec(),
            }
        })
    }

    /// The user, when the password is right. Takes some milliseconds on purpose.
    pub fn login(&self, name: &str, password: &str) -> Option<User> {
        let verifier = self.verifier(name);
        let salted = gen_salted_password(password, &verifier.salt, ITERATIONS);
        // Differences are summed up, so that the time does not tell where the first one is.
        let differs = salted.len() != verifier.salted.len()
            || salted
                .iter()
                .zip(&verifier.salted)
                .fold(0, |sum, (a, b)| sum | (a ^ b))
                != 0;
        if differs { None } else { self.get(name) }
    }

    /// Adds a user, or gives a known one a new password and new rights.
    ///
    /// # Errors
    /// A name or password that is not taken, or a file that cannot be written.
    pub fn put(
        &self,
        name: &str,
        password: &str,
        orgs: Option<BTreeSet<String>>,
        admin: bool,
    ) -> Result<(), Error> {
        let fault = |what: &str| Error::File {
            path: self.path.to_path_buf(),
            what: what.to_owned(),
        };
        let plain = |c: char| c.is_ascii_alphanumeric() || "_-.@".contains(c);
        if name.is_empty() || name.len() > 63 || !name.chars().all(plain) {
            return Err(fault(
                "a user name has 1 to 63 letters, digits and _ - . @, nothing else",
            ));
        }
        if password.chars().count() < SHORTEST {
            return Err(fault("a password has at least 8 characters"));
        }
        if orgs.as_ref().is_some_and(BTreeSet::is_empty) {
            return Err(fault(
                "a user of no body sees nothing; name its bodies, or leave them out for all rows",
            ));
        }
        let salt = uuid::Uuid::new_v4().into_bytes();
        let entry = Entry {
            salt: hex::encode(salt),
            verifier: hex::encode(gen_salted_password(password, &salt, ITERATIONS)),
            orgs,
            admin,
        };
        self.refresh()?;
        let mut read = self.read.lock();
        read.file.users.insert(name.to_owned(), entry);
        self.write(&read.file)?;
        read.changed = None;
        Ok(())
    }

    /// Removes a user; whether there was one.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn remove(&self, name: &str) -> Result<bool, Error> {
        self.refresh()?;
        let mut read = self.read.lock();
        let was = read.file.users.remove(name).is_some();
        if was {
            self.write(&read.file)?;
            read.changed = None;
        }
        Ok(was)
    }

    /// All users by name.
    pub fn all(&self) -> Vec<User> {
        let names: Vec<String> = self.read.lock().file.users.keys().cloned().collect();
        names.iter().filter_map(|name| self.get(name)).collect()
    }

    fn refresh(&self) -> Result<(), Error> {
        let fault = |what: String| Error::File {
            path: self.path.to_path_buf(),
            what,
        };
        let mut read = self.read.lock();
        let changed = match std::fs::metadata(self.path.as_path()) {
            Ok(known) => known.modified().ok(),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                *read = Read::default();
                return Ok(());
            }
            Err(error) => return Err(fault(error.to_string())),
        };
        if changed.is_some() && read.changed == changed {
            return Ok(());
        }
        let text = std::fs::read_to_string(self.path.as_path())
            .map_err(|error| fault(error.to_string()))?;
        let file: File = toml::from_str(&text)
            .map_err(|error| fault(format!("not a file of users: {error}")))?;
        for (name, entry) in &file.users {
            if hex::decode(&entry.salt).is_err() || hex::decode(&entry.verifier).is_err() {
                return Err(fault(format!(
                    "users.{name}: salt and verifier are not hex; `nonsite user add {name}` writes them anew"
                )));
            }
        }
        *read = Read { changed, file };
        Ok(())
    }

    /// Writes beside the file and renames, so that a reader sees the old file or the new one.
    fn write(&self, file: &File) -> Result<(), Error> {
        let fault = |error: std::io::Error| Error::File {
            path: self.path.to_path_buf(),
            what: error.to_string(),
        };
        let text = toml::to_string(file).map_err(|error| fault(std::io::Error::other(error)))?;
        if let Some(folder) = self
            .path
            .parent()
            .filter(|path| !path.as_os_str().is_empty())
        {
            std::fs::create_dir_all(folder).map_err(fault)?;
        }
        let beside = self.path.with_extension("new");
        let mut out = std::fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&beside)
            .map_err(fault)?;
        // The mode above counts only for a file that was not there.
        out.set_permissions(std::fs::Permissions::from_mode(0o600))
            .and_then(|()| out.write_all(text.as_bytes()))
            .and_then(|()| out.sync_all())
            .and_then(|()| std::fs::rename(&beside, self.path.as_path()))
            .map_err(fault)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_checked_and_never_written() {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("users.toml");
        let users = Users::open(&path).expect("no file is nobody");
        assert!(users.login("alice", "correct horse").is_none());
        users
            .put("alice", "correct horse", None, false)
            .expect("added");
        assert!(users.login("alice", "correct horse").is_some());
        assert!(users.login("alice", "correct hors").is_none());
        assert!(users.login("bob", "correct horse").is_none());
        let text = std::fs::read_to_string(&path).expect("file");
        assert!(!text.contains("horse"), "{text}");
        let mode = std::fs::metadata(&path).expect("file").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn an_unknown_name_has_a_salt_that_does_not_change() {
        let folder = tempfile::tempdir().expect("folder");
        let users = Users::open(&folder.path().join("users.toml")).expect("nobody");
        assert_eq!(users.verifier("eve").salt, users.verifier("eve").salt);
        assert_ne!(users.verifier("eve").salt, users.verifier("mal").salt);
    }

    #[test]
    fn what_another_process_writes_counts_at_once() {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("users.toml");
        let (server, tool) = (
            Users::open(&path).expect("open"),
            Users::open(&path).expect("open"),
        );
        let orgs = BTreeSet::from(["330100".to_owned()]);
        tool.put("carol", "long enough", Some(orgs.clone()), false)
            .expect("added");
        assert_eq!(server.get("carol").and_then(|user| user.orgs), Some(orgs));
        assert!(tool.remove("carol").expect("removed"));
        assert_eq!(server.get("carol"), None);
    }

    #[test]
    fn names_passwords_and_rights_that_cannot_work_are_refused() {
        let folder = tempfile::tempdir().expect("folder");
        let users = Users::open(&folder.path().join("users.toml")).expect("nobody");
        assert!(users.put("a b", "long enough", None, false).is_err());
        assert!(users.put("alice", "short", None, false).is_err());
        let nothing = Some(BTreeSet::new());
        assert!(users.put("alice", "long enough", nothing, false).is_err());
    }
}
