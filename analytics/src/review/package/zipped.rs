//! Entries into a ZIP whose bytes depend on nothing but the entries.

use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use tempfile::NamedTempFile;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipWriter};

use super::super::error::{Error, FileFault};

/// What a file in the package holds.
#[derive(Debug)]
pub(super) enum Content {
    /// Made by the program.
    Bytes(Vec<u8>),
    /// A kept file, which must have this hash.
    Kept { path: PathBuf, sha256: String },
}

/// A file in the package.
#[derive(Debug)]
pub(super) struct Entry {
    /// Path inside, with slashes.
    pub(super) path: String,
    pub(super) content: Content,
}

/// A finished ZIP that has no name yet.
#[derive(Debug)]
pub(super) struct Made {
    /// SHA-256, hex.
    pub(super) sha256: String,
    pub(super) bytes: u64,
    part: NamedTempFile,
}

impl Made {
    /// Gives it its name, on disk before this returns.
    pub(super) fn publish(self, out: &Path) -> Result<(), Error> {
        let synced = self.part.as_file().sync_all();
        synced.map_err(|error| fault(out, &error.to_string()))?;
        let named = self.part.persist(out);
        named.map_err(|error| fault(out, &error.error.to_string()))?;
        Ok(())
    }
}

fn fault(path: &Path, problem: &str) -> Error {
    Error::File {
        path: path.to_owned(),
        fault: FileFault::Disk,
        problem: problem.to_owned(),
    }
}

/// Writes the ZIP beside its later place.
pub(super) async fn write(entries: Vec<Entry>, out: &Path) -> Result<Made, Error> {
    let target = out.to_owned();
    let written = tokio::task::spawn_blocking(move || pack(&entries, &target));
    written
        .await
        .unwrap_or_else(|panic| Err(fault(out, &panic.to_string())))
}

fn pack(entries: &[Entry], out: &Path) -> Result<Made, Error> {
    let folder = out
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder).map_err(|error| fault(folder, &error.to_string()))?;
    let part = NamedTempFile::new_in(folder).map_err(|error| fault(folder, &error.to_string()))?;
    let zip_fault = |error: zip::result::ZipError| fault(out, &error.to_string());
    let mut zip = ZipWriter::new(part);
    for entry in entries {
        // No clock and no rights of this machine: the same entries, the same bytes.
        let options = SimpleFileOptions::default()
            .last_modified_time(DateTime::default())
            .unix_permissions(0o644);
        match &entry.content {
            Content::Bytes(bytes) => {
                let options = options.compression_method(CompressionMethod::Deflated);
                zip.start_file(entry.path.as_str(), options)
                    .map_err(zip_fault)?;
                zip.write_all(bytes)
                    .map_err(|error| fault(out, &error.to_string()))?;
            }
            Content::Kept { path, sha256 } => {
                // Photos, videos and PDF do not get smaller.
                let options = options
                    .compression_method(CompressionMethod::Stored)
                    .large_file(true);
                zip.start_file(entry.path.as_str(), options)
                    .map_err(zip_fault)?;
                copy(path, sha256, &mut zip)?;
            }
        }
    }
    let mut part = zip.finish().map_err(zip_fault)?;
    part.flush()
        .map_err(|error| fault(out, &error.to_string()))?;
    let mut hash = Sha256::new();
    let mut file = part
        .reopen()
        .map_err(|error| fault(out, &error.to_string()))?;
    let bytes =
        std::io::copy(&mut file, &mut hash).map_err(|error| fault(out, &error.to_string()))?;
    Ok(Made {
        sha256: hex::encode(hash.finalize()),
        bytes,
        part,
    })
}

/// Copies a kept file and makes sure that what was copied is what its audit row says.
fn copy(path: &Path, sha256: &str, to: &mut impl Write) -> Result<(), Error> {
    let told = |error: std::io::Error| fault(path, &error.to_string());
    let mut file = File::open(path).map_err(told)?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        let read = file.read(&mut buffer).map_err(told)?;
        if read == 0 {
            break;
        }
        hash.update(&buffer[..read]);
        to.write_all(&buffer[..read]).map_err(told)?;
    }
    if hex::encode(hash.finalize()) == sha256 {
        Ok(())
    } else {
        Err(fault(path, "it is not what its audit row says any more"))
    }
}
