//! Where the files are: one file per content, named by its SHA-256, never changed.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

/// What became of a file that was to be kept.
#[derive(Debug)]
pub(super) struct Stored {
    /// SHA-256 of the content, hex.
    pub(super) sha256: String,
    /// Size.
    pub(super) bytes: u64,
    /// First bytes of the content.
    pub(super) head: Vec<u8>,
    /// The copy, not yet under its name.
    part: tempfile::NamedTempFile,
}

/// The folder.
#[derive(Debug, Clone)]
pub(super) struct Folder {
    root: PathBuf,
}

/// Why a file was not kept.
#[derive(Debug)]
pub(super) enum Fault {
    /// Larger than allowed.
    TooLarge,
    /// Reading or writing failed at this path.
    Io(PathBuf, std::io::Error),
}

impl Folder {
    pub(super) fn new(root: &Path) -> Self {
        Self {
            root: root.to_owned(),
        }
    }

    /// Where the content with this hash lies, if it was kept.
    pub(super) fn path(&self, sha256: &str) -> PathBuf {
        let shelf = sha256.get(..2).unwrap_or("");
        self.root.join(shelf).join(sha256)
    }

    /// Copies and hashes a file in one pass, so that what is judged is what is kept, whatever
    /// happens to the original meanwhile. Nothing is visible before [`Folder::publish`].
    pub(super) fn copy(&self, source: &Path, most: u64) -> Result<Stored, Fault> {
        let at = |path: &Path| {
            let path = path.to_owned();
            move |error| Fault::Io(path, error)
        };
        fs::create_dir_all(&self.root).map_err(at(&self.root))?;
        let mut from = File::open(source).map_err(at(source))?;
        let mut part = tempfile::NamedTempFile::new_in(&self.root).map_err(at(&self.root))?;
        let mut hash = Sha256::new();
        let mut head = Vec::new();
        let mut bytes = 0_u64;
        let mut buffer = vec![0; 1 << 16];
        loop {
            let read = from.read(&mut buffer).map_err(at(source))?;
            if read == 0 {
                break;
            }
            let chunk = &buffer[..read];
            bytes += read as u64;
            if bytes > most {
                return Err(Fault::TooLarge);
            }
            let missing = super::kind::HEAD.saturating_sub(head.len()).min(read);
            head.extend_from_slice(&chunk[..missing]);
            hash.update(chunk);
            part.write_all(chunk).map_err(at(&self.root))?;
        }
        Ok(Stored {
            sha256: hex::encode(hash.finalize()),
            bytes,
            head,
            part,
        })
    }

    /// Keeps a content of the program's own; its SHA-256, hex.
    pub(super) fn keep(&self, content: &[u8]) -> Result<String, Fault> {
        let at = |error| Fault::Io(self.root.clone(), error);
        fs::create_dir_all(&self.root).map_err(at)?;
        let mut part = tempfile::NamedTempFile::new_in(&self.root).map_err(at)?;
        part.write_all(content).map_err(at)?;
        let sha256 = hex::encode(Sha256::digest(content));
        self.publish(Stored {
            sha256: sha256.clone(),
            bytes: content.len() as u64,
            head: Vec::new(),
            part,
        })?;
        Ok(sha256)
    }

    /// Gives the copy its name, on disk before this returns. A content that is there already stays.
    pub(super) fn publish(&self, stored: Stored) -> Result<(), Fault> {
        let path = self.path(&stored.sha256);
        let shelf = path.parent().unwrap_or(&self.root).to_owned();
        let at = |path: &Path| {
            let path = path.to_owned();
            move |error| Fault::Io(path, error)
        };
        fs::create_dir_all(&shelf).map_err(at(&shelf))?;
        stored.part.as_file().sync_all().map_err(at(&path))?;
        // Over a copy that was damaged since, the sound one wins; over a sound one nothing changes.
        stored
            .part
            .persist(&path)
            .map_err(|error| at(&path)(error.error))?;
        let folder = File::open(&shelf).map_err(at(&shelf))?;
        folder.sync_all().map_err(at(&shelf))
    }

    /// Whether the content under a hash is there and still has it.
    pub(super) fn state(&self, sha256: &str) -> super::Kept {
        let Ok(mut file) = File::open(self.path(sha256)) else {
            return super::Kept::Missing;
        };
        let mut hash = Sha256::new();
        match std::io::copy(&mut file, &mut hash) {
            Ok(_) if hex::encode(hash.finalize()) == sha256 => super::Kept::Sound,
            _ => super::Kept::Altered,
        }
    }
}
