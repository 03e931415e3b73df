//! Local files that survive a power cut.
//!
//! The library's local store writes a file and renames it without telling the disk to keep it.
//! After a power cut the log entry may then be there with no bytes in it, which makes the whole
//! table unreadable, or be there while the data file it names is empty. So every PUT here is:
//!
//! 1. write to a temporary name in the same folder, `fsync` the file;
//! 2. `link` it to its name (fails if the name exists: that is the conditional PUT) or `rename`;
//! 3. `fsync` the folder, so that the name itself is kept; and the one above a folder that is new.
//!
//! What a power cut can then do: nothing to a commit that was reported; a commit in the middle is
//! wholly there or wholly not (N4 decides on restart); temporary files and data files without an
//! entry may be left over, vacuum removes them.
//!
//! An object that is streamed in parts (the library's checkpoints and large data files) goes the same
//! way: the parts are written to the temporary name, and `complete` is steps 1 to 3. A checkpoint
//! that is there is therefore whole: a torn one would make the table unreadable.
//!
//! Copies go to the library's store unchanged; nothing that commits uses those.

use std::fmt;
use std::fs::{self, File};
use std::io::ErrorKind;
use std::os::unix::fs::FileExt;
use std::path::{Path as FsPath, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{
    MultipartUpload, PutMode, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
    UploadPart,
};

use crate::forward_object_store;

/// The whole local file system as an object store whose PUTs are durable.
#[derive(Debug, Default)]
pub struct DurableFiles {
    files: LocalFileSystem,
}

/// Makes temporary names unique within the process; the process id makes them so on the machine, and
/// where it does not (containers), a name that is taken is not used.
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

/// Keeps the names in a folder.
fn sync_folder(folder: &FsPath) -> Result<()> {
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(|error| failed("sync folder", folder, &error))
}

/// Creates a folder and those above it that are missing, and keeps their names: without them the
/// files in it would be lost, whatever is done for these.
fn create_folder(folder: &FsPath) -> Result<()> {
    let missing: Vec<&FsPath> = folder.ancestors().take_while(|at| !at.is_dir()).collect();
    fs::create_dir_all(folder).map_err(|error| failed("create folder", folder, &error))?;
    let mut above = missing.iter().rev().filter_map(|made| made.parent());
    above.try_for_each(sync_folder)
}

/// A temporary name: `#` and nothing but digits, which listings leave out. With anything else in it
/// the name is listed, and readers of a log take what stands behind `#` for no part of it: a table
/// whose creation was cut short would count as created and could never be opened.
fn staged_name(name: &str, number: u64) -> String {
    format!("{name}#{}{number:010}", std::process::id())
}

/// A file under a temporary name in the folder where it will be.
struct Staged {
    file: File,
    staged: PathBuf,
    path: PathBuf,
    /// The temporary name is gone, or somebody else's business.
    settled: bool,
}

impl Staged {
    fn create(path: PathBuf) -> Result<Self> {
        let folder = path.parent().unwrap_or(FsPath::new("/"));
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let (file, staged) = loop {
            let number = STAGED.fetch_add(1, Ordering::Relaxed);
            let staged = folder.join(staged_name(&name, number));
            match File::create_new(&staged) {
                Ok(file) => break (file, staged),
                // Of another container, or left over from one: processes in there have the same id.
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                Err(error) if error.kind() == ErrorKind::NotFound && !folder.is_dir() => {
                    create_folder(folder)?;
                }
                Err(error) => return Err(failed("create", &staged, &error)),
            }
        };
        Ok(Self {
            file,
            staged,
            path,
            settled: false,
        })
    }

    fn write_at(&self, payload: &PutPayload, mut offset: u64) -> Result<()> {
        for bytes in payload.iter() {
            self.file
                .write_all_at(bytes, offset)
                .map_err(|error| failed("write", &self.staged, &error))?;
            offset += bytes.len() as u64;
        }
        Ok(())
    }

    /// Gives the file its name once the disk has its bytes; with `create` only if nothing has it.
    fn publish(mut self, create: bool) -> Result<()> {
        self.file
            .sync_all()
            .map_err(|error| failed("sync", &self.staged, &error))?;
        if create {
            fs::hard_link(&self.staged, &self.path).map_err(|error| match error.kind() {
                ErrorKind::AlreadyExists => object_store::Error::AlreadyExists {
                    path: self.path.display().to_string(),
                    source: Box::new(error),
                },
                _ => failed("link", &self.path, &error),
            })?;
        } else {
            fs::rename(&self.staged, &self.path)
                .map_err(|error| failed("rename to", &self.path, &error))?;
            self.settled = true;
        }
        sync_folder(self.path.parent().unwrap_or(FsPath::new("/")))
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        if !self.settled {
            // Left over at worst; it carries no name that anybody reads.
            let _ = fs::remove_file(&self.staged);
        }
    }
}

/// Writes `payload` to `path` so that it is either there as a whole or not at all.
fn write_durably(path: PathBuf, payload: &PutPayload, create: bool) -> Result<()> {
    let staged = Staged::create(path)?;
    staged.write_at(payload, 0)?;
    staged.publish(create)
}

/// Runs what waits for the disk where waiting harms nobody.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|source| object_store::Error::JoinError { source })?
}

/// An object that comes in parts: each at its place in the file under the temporary name.
struct Parts {
    /// None once completed or aborted; parts still being written hold it too.
    staged: Option<Arc<Staged>>,
    offset: u64,
}

impl fmt::Debug for Parts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Parts")
            .field("path", &self.staged.as_ref().map(|staged| &staged.path))
            .field("offset", &self.offset)
            .finish()
    }
}

fn ended() -> object_store::Error {
    object_store::Error::Generic {
        store: "DurableFiles",
        source: "the upload has ended or parts of it are still being written".into(),
    }
}

#[async_trait::async_trait]
impl MultipartUpload for Parts {
    fn put_part(&mut self, data: PutPayload) -> UploadPart {
        let offset = self.offset;
        self.offset += data.content_length() as u64;
        let staged = self.staged.clone();
        Box::pin(blocking(move || {
            staged.ok_or_else(ended)?.write_at(&data, offset)
        }))
    }

    async fn complete(&mut self) -> Result<PutResult> {
        let staged = self
            .staged
            .take()
            .and_then(Arc::into_inner)
            .ok_or_else(ended)?;
        blocking(move || staged.publish(false)).await?;
        Ok(written())
    }

    async fn abort(&mut self) -> Result<()> {
        self.staged.take().map(drop).ok_or_else(ended)
    }
}

fn written() -> PutResult {
    PutResult {
        e_tag: None,
        version: None,
    }
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
        blocking(move || write_durably(path, &payload, create)).await?;
        Ok(written())
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        _: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        let path: PathBuf = self.files.path_to_filesystem(location)?;
        let staged = blocking(move || Staged::create(path)).await?;
        Ok(Box::new(Parts {
            staged: Some(Arc::new(staged)),
            offset: 0,
        }))
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

    #[tokio::test]
    async fn what_a_death_leaves_behind_is_not_listed() {
        let folder = tempfile::tempdir().unwrap();
        let path = Path::from_filesystem_path(folder.path())
            .unwrap()
            .join("00000000000000000000.json");
        let on_disk = folder.path().join("00000000000000000000.json");
        // As when the process dies before the file has its name.
        std::mem::forget(Staged::create(on_disk).unwrap());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        let store = DurableFiles::new();
        let prefix = Path::from_filesystem_path(folder.path()).unwrap();
        let listed = store.list_with_delimiter(Some(&prefix)).await.unwrap();
        assert!(listed.objects.is_empty(), "{listed:?}");
        assert!(store.get(&path).await.is_err());
        store.put(&path, "one".into()).await.unwrap();
        let listed = store.list_with_delimiter(Some(&prefix)).await.unwrap();
        assert_eq!(listed.objects.len(), 1);
    }

    #[tokio::test]
    async fn temporary_names_that_are_taken_are_left_to_their_owners() {
        let folder = tempfile::tempdir().unwrap();
        let path = Path::from_filesystem_path(folder.path())
            .unwrap()
            .join("b.json");
        let next = STAGED.load(Ordering::Relaxed);
        for number in next..next + 50 {
            let name = staged_name("b.json", number);
            fs::write(folder.path().join(name), "another's").unwrap();
        }
        let store = DurableFiles::new();
        store.put(&path, "one".into()).await.unwrap();
        let read = store.get(&path).await.unwrap().bytes().await.unwrap();
        assert_eq!(read, "one");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 51);
    }

    #[tokio::test]
    async fn parts_become_one_object_when_they_are_complete_and_nothing_when_not() {
        let folder = tempfile::tempdir().unwrap();
        let store = DurableFiles::new();
        let path = Path::from_filesystem_path(folder.path())
            .unwrap()
            .join("log")
            .join("checkpoint");
        let mut upload = store.put_multipart(&path).await.unwrap();
        let (first, second) = (
            upload.put_part("one ".into()),
            upload.put_part("two".into()),
        );
        second.await.unwrap();
        first.await.unwrap();
        assert!(
            store.get(&path).await.is_err(),
            "no name before it is whole"
        );
        upload.complete().await.unwrap();
        assert!(upload.complete().await.is_err());
        let read = store.get(&path).await.unwrap().bytes().await.unwrap();
        assert_eq!(read, "one two");

        let mut given_up = store.put_multipart(&path).await.unwrap();
        given_up.put_part("three".into()).await.unwrap();
        given_up.abort().await.unwrap();
        let mut dropped = store.put_multipart(&path).await.unwrap();
        dropped.put_part("four".into()).await.unwrap();
        drop(dropped);
        let read = store.get(&path).await.unwrap().bytes().await.unwrap();
        assert_eq!(read, "one two");
        assert_eq!(fs::read_dir(folder.path().join("log")).unwrap().count(), 1);
    }
}
