//! A file that arrives piece by piece, before it is kept.
//!
//! It lies in the evidence folder without a name, so that there is room for it where it will stay,
//! and is gone when its sender gives up.

use std::io::Write as _;

use super::super::error::{Error, FileFault};
use super::super::service::Service;
use super::super::step::Attachment;
use super::too_large;

/// The part that has arrived.
#[derive(Debug)]
pub struct Incoming {
    part: tempfile::NamedTempFile,
    bytes: u64,
    most: u64,
    name: String,
}

impl Service {
    /// Makes room for a file of this name.
    ///
    /// # Errors
    /// [`Error::File`] when the evidence folder cannot be written.
    pub fn incoming(&self, name: &str) -> Result<Incoming, Error> {
        let root = &self.config.evidence_dir;
        let part = std::fs::create_dir_all(root)
            .and_then(|()| tempfile::NamedTempFile::new_in(root))
            .map_err(|error| Error::File {
                path: root.clone(),
                fault: FileFault::Disk,
                problem: error.to_string(),
            })?;
        Ok(Incoming {
            part,
            bytes: 0,
            most: self.largest_file(),
            name: name.to_owned(),
        })
    }

    /// Keeps what has arrived, as [`Service::keep`] does.
    ///
    /// # Errors
    /// As [`Service::keep`].
    pub async fn keep_incoming(&self, incoming: Incoming) -> Result<Attachment, Error> {
        let named = |error| incoming.named(error);
        self.keep_as(incoming.part.path(), &incoming.name)
            .await
            .map_err(named)
    }
}

impl Incoming {
    /// Takes the next piece.
    ///
    /// # Errors
    /// [`Error::File`] when the file is larger than allowed or cannot be written.
    pub fn write(&mut self, piece: &[u8]) -> Result<(), Error> {
        self.bytes += piece.len() as u64;
        let refuse = |fault, problem| Error::File {
            path: self.name.clone().into(),
            fault,
            problem,
        };
        if self.bytes > self.most {
            return Err(refuse(FileFault::TooLarge, too_large(self.most)));
        }
        self.part
            .write_all(piece)
            .map_err(|error| refuse(FileFault::Disk, error.to_string()))
    }

    /// The sender knows the file by its name, not by where its part lies.
    fn named(&self, error: Error) -> Error {
        match error {
            Error::File { fault, problem, .. } => Error::File {
                path: self.name.clone().into(),
                fault,
                problem,
            },
            other => other,
        }
    }
}
