//! Bearer tokens: who showed a password lately.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use parking_lot::Mutex;
use tonic::Status;
use tonic::metadata::MetadataMap;

use super::TOKEN_HOURS;
use crate::sql::users::{User, Users};

/// Tokens kept at the same time; the one that was not used for longest goes first.
const MOST: usize = 10_000;

/// Tokens and whose they are.
#[derive(Debug, Default)]
pub(super) struct Tokens(Mutex<BTreeMap<String, (String, Instant)>>);

impl Tokens {
    /// A new token for a user.
    pub(super) fn issue(&self, user: &User) -> String {
        let parts = [uuid::Uuid::new_v4(), uuid::Uuid::new_v4()];
        let token = parts.map(|part| part.simple().to_string()).concat();
        let mut tokens = self.0.lock();
        let good = Duration::from_secs(TOKEN_HOURS * 3_600);
        tokens.retain(|_, (_, used)| used.elapsed() < good);
        if tokens.len() >= MOST {
            let oldest = tokens.iter().min_by_key(|(_, (_, used))| *used);
            if let Some(oldest) = oldest.map(|(token, _)| token.clone()) {
                tokens.remove(&oldest);
            }
        }
        tokens.insert(token.clone(), (user.name.clone(), Instant::now()));
        token
    }

    /// Name of the user a token was issued to.
    fn owner(&self, token: &str) -> Option<String> {
        let mut tokens = self.0.lock();
        let (name, used) = tokens.get_mut(token)?;
        if used.elapsed() >= Duration::from_secs(TOKEN_HOURS * 3_600) {
            tokens.remove(token);
            return None;
        }
        *used = Instant::now();
        Some(name.clone())
    }

    /// The user of a call, by its token.
    pub(super) fn user(&self, users: &Users, metadata: &MetadataMap) -> Result<User, Status> {
        let token = header(metadata)?
            .strip_prefix("Bearer ")
            .ok_or_else(|| Status::unauthenticated("log in first: the call has no bearer token"))?;
        self.owner(token)
            .and_then(|name| users.get(&name))
            .ok_or_else(|| Status::unauthenticated("the token is not valid any more: log in again"))
    }
}

/// The name and password of a handshake.
pub(super) fn credentials(metadata: &MetadataMap) -> Result<(String, String), Status> {
    let wrong = || Status::unauthenticated("log in with a user name and a password");
    let encoded = header(metadata)?.strip_prefix("Basic ").ok_or_else(wrong)?;
    let decoded = STANDARD.decode(encoded).map_err(|_| wrong())?;
    let text = String::from_utf8(decoded).map_err(|_| wrong())?;
    let (name, password) = text.split_once(':').ok_or_else(wrong)?;
    Ok((name.to_owned(), password.to_owned()))
}

fn header(metadata: &MetadataMap) -> Result<&str, Status> {
    metadata
        .get("authorization")
        .and_then(|value| value.to_str().ok())
        .ok_or_else(|| Status::unauthenticated("log in first: the call has no authorization"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_its_users_alone_and_ends_with_the_user() {
        let folder = tempfile::tempdir().expect("folder");
        let users = Users::open(&folder.path().join("users.toml")).expect("nobody");
        users
            .put("alice", "long enough", None, false)
            .expect("added");
        let alice = users.get("alice").expect("added above");
        let tokens = Tokens::default();
        let token = tokens.issue(&alice);
        let with = |token: &str| {
            let mut metadata = MetadataMap::new();
            let value = format!("Bearer {token}").parse().expect("ascii");
            metadata.insert("authorization", value);
            metadata
        };
        assert_eq!(tokens.user(&users, &with(&token)).expect("known"), alice);
        assert!(tokens.user(&users, &with("0000")).is_err());
        assert!(tokens.user(&users, &MetadataMap::new()).is_err());
        users.remove("alice").expect("removed");
        assert!(tokens.user(&users, &with(&token)).is_err());
    }
}
