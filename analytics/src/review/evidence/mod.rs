//! Files that prove something: kept by content, looked at by the program, told apart from old ones.
//!
//! A file (photo, PDF, video) goes to the evidence folder under its SHA-256 before the audit row
//! that names it is written, so a row never names a file that was not kept; a file without a row is
//! an upload that was broken off and harms nobody. The row holds what the program read from the
//! file: kind by its first bytes, size, time, place and device from EXIF, and a hash of what the
//! picture looks like ([`FileFacts`]). Table `review_files` is an index of these rows.
//!
//! Whether a file was seen before is answered from the rows before its own: the same content, or a
//! picture that looks the same. It is pointed out, not refused: a person decides what it means. The
//! enterprise is told of its own earlier files, and never that somebody else handed a picture in.
//!
//! Failure modes: a file that is too large, of another kind, or unreadable is refused by name; a kept
//! file that is gone or altered shows in `nonsite review files` and [`Kept`].

mod exif_data;
mod folder;
mod incoming;
mod kind;
mod made;
mod picture;
mod shows;
#[cfg(test)]
mod tests;

#[cfg(test)]
pub(super) use self::tests::fixture;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use self::folder::{Fault, Folder};
pub use self::incoming::Incoming;
use self::kind::FileKind;
pub(crate) use self::picture::near;
pub use self::shows::EvidenceKind;
pub(super) use self::shows::misnamed;
use super::case::Case;
use super::desk::Desk;
use super::error::{Error, FileFault, Refusal};
use super::parts::Role;
use super::service::Service;
use super::step::{Actor, Attachment, Input};
use super::store::FileRow;
use super::visit::videos;

/// Largest photo that is looked into; larger ones are kept unseen.
const MOST_PHOTO: u64 = 64 << 20;
const MIB: u64 = 1 << 20;

/// What the program read from a file. Part of the audit row.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct FileFacts {
    /// Media type, by the file's first bytes.
    pub media: String,
    /// Size in bytes.
    pub bytes: u64,
    /// When the camera says it was taken, microseconds UTC.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub taken_at: Option<i64>,
    /// Latitude by the camera (WGS 84), millionths of a degree, north positive.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub latitude_e6: Option<i32>,
    /// Longitude by the camera (WGS 84), millionths of a degree, east positive.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub longitude_e6: Option<i32>,
    /// Maker and model of the camera.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device: Option<String>,
    /// 128 bits of what the picture looks like, hex.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub picture: Option<String>,
}

/// Whether a kept file is what its audit row says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kept {
    /// There, with the hash of the row.
    Sound,
    /// Not there.
    Missing,
    /// There, with another hash.
    Altered,
    /// Only name and hash were recorded (rows of earlier versions).
    NotKept,
}

/// An earlier file that is the same or looks the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SeenBefore {
    /// Its case.
    pub case_id: String,
    /// Its name.
    pub name: String,
    /// When it was handed in, microseconds UTC.
    pub at: i64,
    /// The content is the same to the byte.
    pub identical: bool,
    /// In how many of 128 bits the pictures differ; 0 for the same content.
    pub differing_bits: u32,
}

/// A file of a case with everything known about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CaseFile {
    /// Audit row that brought it.
    pub seq: i64,
    /// Action of that row.
    pub action: String,
    /// Who handed it in.
    pub by: String,
    /// In which role.
    pub role: String,
    /// When, microseconds UTC.
    pub at: i64,
    /// Name, hash and what was read from it.
    #[serde(flatten)]
    pub file: Attachment,
    /// Whether the kept content is still the one of the row.
    pub kept: Kept,
    /// Earlier files that are the same or look the same.
    pub seen_before: Vec<SeenBefore>,
}

impl Service {
    /// Keeps a file in the evidence folder and reads from it what can be read. The result goes with
    /// an action ([`Input::attachments`]) or with [`Service::attach`].
    ///
    /// # Errors
    /// [`Error::File`] when the file is too large, of a kind that is not taken, or unreadable.
    pub async fn keep(&self, path: &Path) -> Result<Attachment, Error> {
        let name = path.file_name().unwrap_or(path.as_os_str());
        self.keep_as(path, &name.to_string_lossy()).await
    }

    /// The same under a name of one's own.
    ///
    /// # Errors
    /// As [`Service::keep`].
    pub async fn keep_as(&self, path: &Path, name: &str) -> Result<Attachment, Error> {
        let folder = Folder::new(&self.config.evidence_dir);
        let most = self.largest_file();
        let (source, name) = (path.to_owned(), name.to_owned());
        let kept = tokio::task::spawn_blocking(move || keep(&folder, &source, name, most));
        kept.await.unwrap_or_else(|panic| {
            Err(Error::File {
                path: path.to_owned(),
                fault: FileFault::Disk,
                problem: format!("looking into it failed ({panic}); nothing was kept"),
            })
        })
    }

    /// Size of the largest file that is taken, bytes.
    pub fn largest_file(&self) -> u64 {
        u64::from(self.config.evidence_max_mb) * MIB
    }

    /// Adds files to an open case without moving it.
    ///
    /// # Errors
    /// [`Error::Refused`] when the case is finished, is held by somebody else, or waits for others
    /// than the enterprise that adds to it.
    pub async fn attach(
        &self,
        case_id: &str,
        actor: &Actor,
        files: &[Attachment],
        note: Option<&str>,
    ) -> Result<Case, Error> {
        if actor.role == Role::Engine {
            return Err(Error::NotAPerson);
        }
        self.change(case_id, |case, now| {
            self.of_body(case, "attach", actor)?;
            let state = self.machine().state(&case.state);
            let refused = |why: String| Err(self.desk.refused(case, "attach", why));
            let refused_as =
                |kind, why: String| Err(self.desk.refused_as(kind, case, "attach", why));
            let holder = state.map(|state| state.holder);
            if state.is_some_and(|state| state.is_final) {
                return refused("the case is finished: reopen it first".to_owned());
            }
            if actor.name.trim().is_empty() {
                return refused("nobody is named as acting".to_owned());
            }
            if actor.role == Role::Enterprise && holder != Some(Role::Enterprise) {
                return refused("the case does not wait for the enterprise".to_owned());
            }
            if files.is_empty() {
                return refused("no file is given".to_owned());
            }
            if let Some(other) = case.held_by(now)
                && other != actor.name
            {
                return refused_as(Refusal::Held, format!("{other} has claimed the case"));
            }
            let input = Input {
                note: note.map(str::to_owned),
                attachments: files.to_vec(),
                ..Input::default()
            };
            if let Some(what) = input.unwritable() {
                let why = format!("`{what}` holds control characters");
                return refused_as(Refusal::Field, why);
            }
            if let Some(why) = misnamed(files) {
                return refused_as(Refusal::Field, why);
            }
            let added = u32::try_from(files.len()).unwrap_or(u32::MAX);
            Ok(vec![Desk::mark(
                case,
                "attach",
                actor,
                input,
                now,
                |after| {
                    if holder == Some(actor.role) {
                        after.files_added = after.files_added.saturating_add(added);
                        after.videos_added = after.videos_added.saturating_add(videos(files));
                    }
                    if actor.role == Role::Officer {
                        after.handlers.insert(actor.name.clone());
                    }
                },
            )])
        })
        .await
    }

    /// Every file of a case in order, with earlier ones like it, and whether it is still kept.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Store`].
    pub async fn files(&self, case_id: &str) -> Result<Vec<CaseFile>, Error> {
        let only = self.caller.scope.permits.clone();
        self.files_within(case_id, only.as_ref()).await
    }

    /// The same as somebody in this role may see it: whoever acts for the enterprise is told of earlier
    /// files of its own permits and of no others.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Store`].
    pub async fn files_as(&self, case_id: &str, role: Role) -> Result<Vec<CaseFile>, Error> {
        if role != Role::Enterprise || self.caller.scope.permits.is_some() {
            return self.files(case_id).await;
        }
        let case = self.visible(self.store.case(case_id).await?, case_id)?;
        let own: BTreeSet<String> = case.permit_no.into_iter().collect();
        self.files_within(case_id, Some(&own)).await
    }

    /// Earlier files are those of cases of these permits alone, and of the case itself.
    async fn files_within(
        &self,
        case_id: &str,
        only: Option<&BTreeSet<String>>,
    ) -> Result<Vec<CaseFile>, Error> {
        let shown = self.show(case_id).await?;
        let mut files = Vec::new();
        for event in shown.events {
            for (position, file) in event.attachments.into_iter().enumerate() {
                let mut seen_before = self.seen_before(event.seq, position, &file).await?;
                if let Some(only) = only {
                    seen_before = self.own_alone(seen_before, case_id, only).await?;
                }
                files.push(CaseFile {
                    seq: event.seq,
                    action: event.action.clone(),
                    by: event.actor.clone(),
                    role: event.role.clone(),
                    at: event.at,
                    kept: self.kept(&file).await,
                    seen_before,
                    file,
                });
            }
        }
        Ok(files)
    }

    /// Where a kept file lies.
    pub fn file_path(&self, file: &Attachment) -> PathBuf {
        Folder::new(&self.config.evidence_dir).path(&file.sha256)
    }

    async fn kept(&self, file: &Attachment) -> Kept {
        if file.facts.is_none() {
            return Kept::NotKept;
        }
        let folder = Folder::new(&self.config.evidence_dir);
        let sha256 = file.sha256.clone();
        let state = tokio::task::spawn_blocking(move || folder.state(&sha256));
        state.await.unwrap_or(Kept::Altered)
    }

    async fn seen_before(
        &self,
        seq: i64,
        position: usize,
        file: &Attachment,
    ) -> Result<Vec<SeenBefore>, Error> {
        let picture = file.facts.as_ref().and_then(|facts| facts.picture.clone());
        let position = i64::try_from(position).unwrap_or(i64::MAX);
        let earlier = self
            .store
            .files_before(seq, position, &file.sha256, picture.is_some())
            .await?;
        Ok(earlier
            .into_iter()
            .filter_map(|row| like(&row, &file.sha256, picture.as_deref()))
            .collect())
    }
}

impl Service {
    /// What an enterprise is told of earlier files: whose other pictures look the same is for those who
    /// judge.
    async fn own_alone(
        &self,
        seen: Vec<SeenBefore>,
        case_id: &str,
        only: &BTreeSet<String>,
    ) -> Result<Vec<SeenBefore>, Error> {
        let mut own = Vec::new();
        for before in seen {
            let is_own = before.case_id == case_id || {
                let case = self.store.case(&before.case_id).await?;
                case.is_some_and(|case| {
                    self.caller.scope.covers_case(&case)
                        && case.permit_no.is_some_and(|permit| only.contains(&permit))
                })
            };
            if is_own {
                own.push(before);
            }
        }
        Ok(own)
    }
}

/// What an earlier file has in common with one, if anything.
fn like(row: &FileRow, sha256: &str, picture: Option<&str>) -> Option<SeenBefore> {
    let identical = row.sha256 == sha256;
    let differing_bits = match identical {
        true => 0,
        false => near(row.picture.as_deref()?, picture?)?,
    };
    Some(SeenBefore {
        case_id: row.case_id.clone(),
        name: row.name.clone(),
        at: row.at,
        identical,
        differing_bits,
    })
}

fn too_large(most: u64) -> String {
    format!("larger than {} MiB ([review] evidence_max_mb)", most / MIB)
}

fn keep(folder: &Folder, path: &Path, name: String, most: u64) -> Result<Attachment, Error> {
    let refuse = |fault: FileFault, problem: String| Error::File {
        path: path.to_owned(),
        fault,
        problem,
    };
    let fault = |fault: Fault| match fault {
        Fault::TooLarge => refuse(FileFault::TooLarge, too_large(most)),
        Fault::Io(at, error) => refuse(FileFault::Disk, format!("{}: {error}", at.display())),
    };
    let stored = folder.copy(path, most).map_err(fault)?;
    let kind = FileKind::of(&stored.head).ok_or_else(|| {
        let problem = format!(
            "its content is of no kind that is taken as evidence ({})",
            FileKind::ALL
        );
        refuse(FileFault::Kind, problem)
    })?;
    let (sha256, bytes) = (stored.sha256.clone(), stored.bytes);
    folder.publish(stored).map_err(fault)?;
    let mut facts = FileFacts {
        media: kind.media().to_owned(),
        bytes,
        ..FileFacts::default()
    };
    if kind.has_exif() && bytes <= MOST_PHOTO {
        let kept = folder.path(&sha256);
        let photo = std::fs::read(&kept).map_err(|error| fault(Fault::Io(kept, error)))?;
        look_into(kind, photo, &mut facts);
    }
    Ok(Attachment {
        name,
        sha256,
        kind: None,
        facts: Some(Box::new(facts)),
    })
}

/// A decoder that gives up on a malformed photo must not keep it from being handed in.
fn look_into(kind: FileKind, photo: Vec<u8>, facts: &mut FileFacts) {
    let seen =
        std::panic::catch_unwind(move || (exif_data::taken(&photo), picture::look(kind, &photo)));
    if let Ok((taken, picture)) = seen {
        facts.taken_at = taken.at;
        facts.latitude_e6 = taken.place.map(|(latitude, _)| latitude);
        facts.longitude_e6 = taken.place.map(|(_, longitude)| longitude);
        facts.device = taken.device;
        facts.picture = picture;
    }
}
