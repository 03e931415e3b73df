//! Hand-over packages: a case as one ZIP that its receiver can check without this program.
//!
//! Police, another authority, or the legal section gets the printed documents, the files handed in, the
//! sealed evidence, the acts, the audit rows and the data with what they are judged by (CSV and
//! Parquet), with `manifest.json` and `SHA256SUMS` over all of it (`sha256sum -c SHA256SUMS`).
//!
//! Invariants: the same state of a case, the same receiver and the same rows of the tables give the
//! same bytes, whenever and however often it is made (rows about packages themselves are left out);
//! a package is complete or is not made: a file that is gone or altered is an error; an audit row with
//! hash and receiver is written before the file has its name, so no package leaves without a row.
//!
//! Failure modes: [`Error::Bundle`] (no such kind, wrong state, evidence damaged), [`Error::File`] (the
//! target cannot be written), [`Error::Tables`].

mod contents;
mod data;
mod tables;
#[cfg(test)]
mod tests;
mod zipped;

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::case::{Case, sha256_of};
use super::desk::Desk;
use super::error::Error;
use super::event::Event;
use super::parts::Role;
use super::service::{Service, Shown};
use super::step::{Actor, Input};
use super::store::StoreError;
use crate::session::Session;

/// The action of audit rows about packages.
const PACKAGE: &str = "package";

/// A package that was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Package {
    /// The case.
    pub case_id: String,
    /// Its kind.
    pub kind: String,
    /// Whom it is for.
    pub receiver: String,
    /// Where it lies.
    pub path: PathBuf,
    /// SHA-256 of the ZIP, hex.
    pub sha256: String,
    /// Size, bytes.
    pub bytes: u64,
    /// Files inside, the manifest and the sums included.
    pub files: usize,
}

impl Service {
    /// Makes a package of a case and records to whom it goes.
    ///
    /// # Errors
    /// [`Error::Refused`] when the role may not; [`Error::Bundle`] when there is no such package, the
    /// case is in another state, or evidence is gone or altered; [`Error::File`], [`Error::Tables`],
    /// [`Error::NotFound`], [`Error::Store`].
    pub async fn package(
        &self,
        case_id: &str,
        kind: &str,
        receiver: &str,
        actor: &Actor,
        session: &Session,
        out: &Path,
    ) -> Result<Package, Error> {
        if actor.role == Role::Engine {
            return Err(Error::NotAPerson);
        }
        let receiver = receiver.trim();
        let bundle = self.bundles().get(kind)?;
        if !bundle.package {
            let kinds = self.bundles().all().iter().filter(|bundle| bundle.package);
            let kinds: Vec<&str> = kinds.map(|bundle| bundle.kind.as_str()).collect();
            return Err(Error::Bundle(format!(
                "`{kind}` is no hand-over package; there are: {}",
                kinds.join(", ")
            )));
        }
        self.catch_up(case_id).await?;
        let shown = self.show(case_id).await?;
        let present = shown.case.version;
        self.of_body(&shown.case, PACKAGE, actor)?;
        let refused = |case: &Case, why: String| self.desk.refused(case, PACKAGE, why);
        if !bundle.roles.contains(&actor.role) {
            let roles: Vec<&str> = bundle.roles.iter().map(|role| role.code()).collect();
            let why = format!(
                "role `{}` may not hand over; it belongs to: {}",
                actor.role,
                roles.join(", ")
            );
            return Err(refused(&shown.case, why));
        }
        if actor.name.trim().is_empty() || receiver.is_empty() {
            let why = "who hands over, and to whom, has to be named".to_owned();
            return Err(refused(&shown.case, why));
        }
        let shown = self.before_packages(shown).await?;
        let contents = self.contents(bundle, &shown, receiver, session).await?;
        let files = contents.len();
        let made = zipped::write(contents, out).await?;
        let input = Input::default()
            .with("package", kind)
            .with("bundle_version", &bundle.version)
            .with("receiver", receiver)
            .with("sha256", &made.sha256)
            .with("bytes", &made.bytes.to_string());
        self.change(case_id, |case, now| {
            if case.version != present {
                return Err(StoreError::Conflict {
                    case_id: case.case_id.clone(),
                    version: present,
                }
                .into());
            }
            let input = input.clone();
            Ok(vec![Desk::mark(case, PACKAGE, actor, input, now, |_| {})])
        })
        .await?;
        let (sha256, bytes) = (made.sha256.clone(), made.bytes);
        made.publish(out)?;
        Ok(Package {
            case_id: case_id.to_owned(),
            kind: kind.to_owned(),
            receiver: receiver.to_owned(),
            path: out.to_owned(),
            sha256,
            bytes,
            files,
        })
    }

    /// The case as its last row that is not about a package left it: earlier packages change nothing. What
    /// that row says of the case, it says of the text that was stored, by whichever program.
    async fn before_packages(&self, mut shown: Shown) -> Result<Shown, Error> {
        let case_id = shown.case.case_id.clone();
        let content = |event: &Event| event.action != PACKAGE;
        let Some(place) = shown.events.iter().rposition(content) else {
            return Err(Error::NotFound(case_id));
        };
        let last = &shown.events[place];
        let mut document = String::new();
        // Programs that did not keep versions left no other than their last one.
        for event in &shown.events[place..] {
            if let Some(row) = self.store.version(&case_id, event.case_version).await? {
                document = set_back(&row.document, event, last);
                break;
            }
        }
        let sound = sha256_of(&document) == last.case_sha256;
        match serde_json::from_str(&document) {
            Ok(case) if sound => shown.case = case,
            _ => {
                return Err(Error::Bundle(format!(
                    "case {case_id} is not what its last audit row says: nonsite audit verify"
                )));
            }
        }
        shown.events.retain(content);
        Ok(shown)
    }
}

/// A document that one row left, as an earlier one left it with nothing but packages in between, which
/// change version and instant alone. (Inside of a text the quotes would be escaped.)
fn set_back(document: &str, from: &Event, to: &Event) -> String {
    let version = |event: &Event| format!("\"version\":{},", event.case_version);
    let changed = |event: &Event| format!("\"updated_at\":{},", event.at);
    document
        .replacen(&version(from), &version(to), 1)
        .replacen(&changed(from), &changed(to), 1)
}
