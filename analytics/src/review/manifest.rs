//! What a case is put on file with: one hash over everything that was handed in.
//!
//! The row that brings a case to its file holds the number of files and the SHA-256 of their manifest,
//! so that the whole of the evidence can be checked against one line of the chain. The manifest has a
//! line per file, in the order of the audit rows and within a row in the order they were given:
//! the file's SHA-256, two spaces, its name, a line feed, which is what `sha256sum` prints.

use sha2::{Digest, Sha256};

use super::case::Case;
use super::desk::Moved;
use super::error::Error;
use super::event::Event;
use super::service::Service;
use super::step::Attachment;
use super::store::Tx;

/// Field with the hash.
pub(super) const SHA256: &str = "files_sha256";
/// Field with the number of files.
pub(super) const COUNT: &str = "files_count";

/// Number of files, and the SHA-256 of their manifest, hex.
fn sealed<'f>(files: impl Iterator<Item = &'f Attachment>) -> (usize, String) {
    let mut hash = Sha256::new();
    let mut count = 0;
    for file in files {
        hash.update(format!("{}  {}\n", file.sha256, file.name).as_bytes());
        count += 1;
    }
    (count, hex::encode(hash.finalize()))
}

impl Service {
    /// Adds the manifest's hash to a change that puts a case on file.
    pub(super) async fn seal_files(
        &self,
        tx: &mut dyn Tx,
        before: Option<&Case>,
        moved: &mut Moved,
    ) -> Result<(), Error> {
        let on_file = self
            .machine()
            .state(&moved.case.state)
            .is_some_and(|state| state.manifest);
        let Some(before) = before.filter(|before| on_file && before.state != moved.case.state)
        else {
            return Ok(());
        };
        let events: Vec<Event> = tx.events_of(&before.case_id).await?;
        let earlier = events.iter().flat_map(|event| &event.attachments);
        let (count, sha256) = sealed(earlier.chain(&moved.input.attachments));
        let fields = &mut moved.input.fields;
        fields.insert(COUNT.to_owned(), count.to_string());
        fields.insert(SHA256.to_owned(), sha256);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_manifest_is_what_sha256sum_prints() {
        let file = |name: &str, digit: &str| Attachment {
            name: name.to_owned(),
            sha256: digit.repeat(64),
            kind: None,
            facts: None,
        };
        let files = [file("泵.jpg", "a"), file("report.pdf", "b")];
        let lines = format!(
            "{}  泵.jpg\n{}  report.pdf\n",
            "a".repeat(64),
            "b".repeat(64)
        );
        let expected = hex::encode(Sha256::digest(lines.as_bytes()));
        assert_eq!(sealed(files.iter()), (2, expected));
        assert_ne!(sealed(files.iter().rev()).1, sealed(files.iter()).1);
        let nothing = hex::encode(Sha256::digest(b""));
        assert_eq!(sealed(std::iter::empty()), (0, nothing));
    }
}
