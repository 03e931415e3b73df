//! Local files that survive a power cut.
//!
//! The library's local store writes a file and renames it without telling the disk to keep it.
//! After a power cut the log entry may then be there with no bytes in it, which makes the whole
//! table unreadable, or be there while the data file it names is empty. So every PUT here is:
//!
//! 1. write to a temporary name in the same folder, `fsync` the file;
//! 2. `link` it to its name (fails if the name exists: that is the conditional PUT) or `rename`;
//! 3. `fsync` the folder, so that the name itself is kept.
//!
//! What a power cut can then do: nothing to a commit that was reported; a commit in the middle is
//! wholly there or wholly not (N4 decides on restart); temporary files and data files without an
//! entry may be left over, vacuum removes them.
//!
//! Everything that is not a whole-object PUT (multipart uploads, copies) goes to the library's
//! store unchanged; nothing that commits uses those.

use std::fmt;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path as FsPath, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{PutMode, PutOptions, PutPayload, PutResult, Result};

use crate::forward_object_store;

/// The whole local file system as an object store whose PUTs are durable.
#[derive(Debug, Default)]
pub struct DurableFiles {
    files: LocalFileSystem,
}

/// Makes temporary names unique within the process; the process id makes them so on the machine.
static STAGED: AtomicU64 = AtomicU64::new(0);

impl DurableFiles {
    /// A store with "/" at the root of the file system.
    pub fn new() -> Self {
        Self {
            files: LocalFileSystem::new(),
        }
    }
}

impl fmt::Display for DurableFiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DurableFiles({})", self.files)
    }
}

fn failed(what: &str, path: &FsPath, source: &std::io::Error) -> object_store::Error {
    object_store::Error::Generic {
        store: "DurableFiles",
        source: format!("{what} `{}`: {source}", path.display()).into(),
    }
}

/// Writes `payload` to `path` so that it is either there as a whole or not at all.
fn write_durably(path: &FsPath, payload: &PutPayload, create: bool) -> Result<()> {
    let folder = path.parent().unwrap_or(FsPath::new("/"));
    let number = STAGED.fetch_add(1, Ordering::Relaxed);
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    // The library ignores names with `#`, and so do readers of the log.
    let staged = folder.join(format!("{name}#{}-{number}", std::process::id()));
    let mut file = match File::create_new(&staged) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            fs::create_dir_all(folder).map_err(|error| failed("create folder", folder, &error))?;
            File::create_new(&staged)
        }
        other => other,
    }
    .map_err(|error| failed("create", &staged, &error))?;
    let written = payload
        .iter()
        .try_for_each(|bytes| file.write_all(bytes))
        .and_then(|()| file.sync_all())
        .map_err(|error| failed("write", &staged, &error));
    drop(file);
    let named = written.and_then(|()| {
        if create {
            fs::hard_link(&staged, path).map_err(|error| match error.kind() {
                std::io::ErrorKind::AlreadyExists => object_store::Error::AlreadyExists {
                    path: path.display().to_string(),
                    source: Box::new(error),
                },
                _ => failed("link", path, &error),
            })
        } else {
            fs::rename(&staged, path).map_err(|error| failed("rename to", path, &error))
        }
    });
    if create || named.is_err() {
        // Left over at worst; it carries no name that anybody reads.
        let _ = fs::remove_file(&staged);
    }
    named?;
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(|error| failed("sync folder", folder, &error))
}

forward_object_store!(DurableFiles, files, {
    async fn put_opts(
        &self,
        location: &Path,
        payload: PutPayload,
        options: PutOptions,
    ) -> Result<PutResult> {
        let create = match options.mode {
            PutMode::Create => true,
            PutMode::Overwrite => false,
            PutMode::Update(_) => return self.files.put_opts(location, payload, options).await,
        };
        let path: PathBuf = self.files.path_to_filesystem(location)?;
        tokio::task::spawn_blocking(move || write_durably(&path, &payload, create))
            .await
            .map_err(|source| object_store::Error::JoinError { source })??;
        Ok(PutResult {
            e_tag: None,
            version: None,
        })
    }
});

#[cfg(test)]
mod tests {
    use object_store::{ObjectStore as _, ObjectStoreExt};

    use super::*;

    #[tokio::test]
    async fn a_name_is_taken_once_and_nothing_is_left_over() {
        let folder = tempfile::tempdir().unwrap();
        let store = DurableFiles::new();
        let path = Path::from_filesystem_path(folder.path())
            .unwrap()
            .join("a")
            .join("b.json");
        let create = PutOptions {
            mode: PutMode::Create,
            ..PutOptions::default()
        };
        store
            .put_opts(&path, "one".into(), create.clone())
            .await
            .unwrap();
        let error = store
            .put_opts(&path, "two".into(), create)
            .await
            .unwrap_err();
        assert!(
            matches!(error, object_store::Error::AlreadyExists { .. }),
            "{error}"
        );
        assert_eq!(
            store.get(&path).await.unwrap().bytes().await.unwrap(),
            "one"
        );
        store.put(&path, "three".into()).await.unwrap();
        assert_eq!(
            store.get(&path).await.unwrap().bytes().await.unwrap(),
            "three"
        );
        assert_eq!(fs::read_dir(folder.path().join("a")).unwrap().count(), 1);
    }
}
