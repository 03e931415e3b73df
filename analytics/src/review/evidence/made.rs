//! Contents that the program made itself, kept beside what was handed in.
//!
//! They go under their SHA-256 before the audit row that names them is written, as handed-in files do, but
//! they are no evidence of the enterprise's: they stand in no list of files and void no signature.

use std::path::PathBuf;

use super::super::error::{Error, FileFault};
use super::super::service::Service;
use super::folder::{Fault, Folder};
use super::{Kept, too_large};

impl Service {
    /// Keeps contents; the SHA-256 of each, hex, in order.
    ///
    /// # Errors
    /// [`Error::File`] when the evidence folder cannot be written.
    pub(in crate::review) async fn keep_made(
        &self,
        contents: Vec<Vec<u8>>,
    ) -> Result<Vec<String>, Error> {
        let root = self.config.evidence_dir.clone();
        let folder = Folder::new(&root);
        let most = self.largest_file();
        let kept = tokio::task::spawn_blocking(move || {
            let keep = |content: &Vec<u8>| folder.keep(content);
            contents
                .iter()
                .map(keep)
                .collect::<Result<Vec<String>, Fault>>()
        });
        let disk = |path: PathBuf, problem: String| Error::File {
            path,
            fault: FileFault::Disk,
            problem,
        };
        kept.await
            .map_err(|panic| disk(root, panic.to_string()))?
            .map_err(|fault| match fault {
                Fault::Io(path, error) => disk(path, error.to_string()),
                Fault::TooLarge => disk(PathBuf::new(), too_large(most)),
            })
    }

    /// Whether a content that was kept is still what it was.
    pub(in crate::review) async fn made(&self, sha256: &str) -> Kept {
        let folder = Folder::new(&self.config.evidence_dir);
        let sha256 = sha256.to_owned();
        let state = tokio::task::spawn_blocking(move || folder.state(&sha256));
        state.await.unwrap_or(Kept::Altered)
    }

    /// Where it lies.
    pub(in crate::review) fn made_path(&self, sha256: &str) -> PathBuf {
        Folder::new(&self.config.evidence_dir).path(sha256)
    }
}
