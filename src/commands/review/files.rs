//! The files of a case: handing them in, looking at them, taking them out.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use nonsite_analytics::review::{
    Attachment, CaseFile, EvidenceKind, Kept, SeenBefore, Service, beijing_text,
};

use super::Desk;
use super::papers::Who;
use crate::exit::Exit;
use crate::output::{Format, Listing};

/// Hands files in without another step.
#[derive(Debug, clap::Args)]
pub(super) struct Attach {
    /// The case; its id may be shortened.
    case: String,
    /// Photos, PDF documents or videos: the path, or KIND=PATH with what the file shows (see --kind).
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// What the files show: before or after the measures (photos and videos), device_label,
    /// repair_ticket, calibration_report, lab_report, permit_change, other.
    #[arg(long, value_parser = kind)]
    kind: Option<EvidenceKind>,
    #[command(flatten)]
    who: Who,
    /// Free text for the audit row.
    #[arg(long)]
    note: Option<String>,
}

/// Shows what was handed in.
#[derive(Debug, clap::Args)]
pub(super) struct Files {
    /// The case; its id may be shortened.
    case: String,
    /// Copy the files into this folder, under the number of their audit row and their name.
    #[arg(long, value_name = "DIR")]
    save: Option<PathBuf>,
}

impl Desk {
    pub(super) async fn attach(&self, args: Attach) -> anyhow::Result<()> {
        let id = self.service.resolve(&args.case).await?;
        let actor = self.actor(&args.who)?;
        let mut files = Vec::with_capacity(args.files.len());
        for path in &args.files {
            files.push(keep(&self.service, path, args.kind).await?);
        }
        let note = args.note.as_deref();
        let after = self.service.attach(&id, &actor, &files, note).await?;
        let mut all = self.service.files_as(&id, actor.role).await?;
        // The row just written is the last one that brought files.
        let added = all.split_off(all.len().saturating_sub(files.len()));
        if self.format == Format::Table {
            println!(
                "{}: {} added in state {}",
                after.case_id,
                added.len(),
                after.state
            );
        }
        print(&added, self.format)?;
        if self.format == Format::Table {
            for file in added.iter().filter(|file| !file.seen_before.is_empty()) {
                println!(
                    "提示：{}与此前提交的文件相同或相近 / note: it is the same as, or looks like, what was \
                     handed in before",
                    file.file.name
                );
            }
        }
        Ok(())
    }

    /// Exit code 1 when a file is gone or altered.
    pub(super) async fn files(&self, args: Files) -> anyhow::Result<Exit> {
        let id = self.service.resolve(&args.case).await?;
        let files = self.service.files(&id).await?;
        print(&files, self.format)?;
        if let Some(folder) = &args.save {
            std::fs::create_dir_all(folder)
                .with_context(|| format!("folder `{}`", folder.display()))?;
            for (number, file) in files.iter().enumerate() {
                if file.kept == Kept::Sound {
                    let name = format!("{:02}-{}", number + 1, plain(&file.file.name));
                    let target = folder.join(name);
                    std::fs::copy(self.service.file_path(&file.file), &target)
                        .with_context(|| format!("file `{}`", target.display()))?;
                }
            }
        }
        let damaged = files
            .iter()
            .any(|file| matches!(file.kept, Kept::Missing | Kept::Altered));
        Ok(if damaged { Exit::Finding } else { Exit::Done })
    }
}

/// Reads a kind of evidence.
fn kind(code: &str) -> Result<EvidenceKind, String> {
    EvidenceKind::from_code(code).ok_or_else(|| {
        let codes = EvidenceKind::ALL.map(EvidenceKind::code);
        format!("there are: {}", codes.join(", "))
    })
}

/// A path, or what the file shows and the path: `after=pump.jpg`. A path that begins like that is
/// written with its folder, `./after=pump.jpg`.
fn named(given: &Path) -> (Option<EvidenceKind>, &Path) {
    let split = given.to_str().and_then(|text| text.split_once('='));
    let known = split.and_then(|(code, path)| Some((EvidenceKind::from_code(code)?, path)));
    match known {
        Some((kind, path)) => (Some(kind), Path::new(path)),
        None => (None, given),
    }
}

/// Keeps a file; what its own name says it shows goes before what is said of all.
pub(super) async fn keep(
    service: &Service,
    given: &Path,
    all: Option<EvidenceKind>,
) -> anyhow::Result<Attachment> {
    let (own, path) = named(given);
    Ok(service.keep(path).await?.showing(own.or(all)))
}

/// A name that stays in its folder, whatever was handed in.
fn plain(name: &str) -> String {
    name.chars()
        .map(|letter| match letter {
            '/' | '\\' | '\0' => '_',
            letter if letter.is_control() => '_',
            letter => letter,
        })
        .collect()
}

pub(super) fn print(files: &[CaseFile], format: Format) -> anyhow::Result<()> {
    let mut listing = Listing::new(&[
        "row",
        "step",
        "by",
        "file",
        "shows",
        "kind",
        "bytes",
        "taken",
        "place",
        "device",
        "kept",
        "seen before",
        "sha256",
    ]);
    for file in files {
        let facts = file.file.facts.clone().unwrap_or_default();
        let place = facts.latitude_e6.zip(facts.longitude_e6);
        let shorten = format == Format::Table;
        listing.row([
            file.seq.to_string(),
            file.action.clone(),
            file.by.clone(),
            file.file.name.clone(),
            file.file.kind.map(shows).unwrap_or_default(),
            facts.media.clone(),
            facts.bytes.to_string(),
            facts.taken_at.map(beijing_text).unwrap_or_default(),
            place
                .map(|(latitude, longitude)| {
                    let degrees = |e6: i32| f64::from(e6) / 1e6;
                    format!("{:.5}, {:.5}", degrees(latitude), degrees(longitude))
                })
                .unwrap_or_default(),
            facts.device.clone().unwrap_or_default(),
            kept(file.kept).to_owned(),
            file.seen_before
                .iter()
                .map(seen)
                .collect::<Vec<_>>()
                .join("; "),
            match file.file.sha256.get(..12) {
                Some(short) if shorten => short.to_owned(),
                _ => file.file.sha256.clone(),
            },
        ]);
    }
    listing.print(format, files)
}

fn shows(kind: EvidenceKind) -> String {
    format!("{} {}", kind.code(), kind.zh())
}

fn kept(kept: Kept) -> &'static str {
    match kept {
        Kept::Sound => "sound",
        Kept::Missing => "MISSING",
        Kept::Altered => "ALTERED",
        Kept::NotKept => "hash only",
    }
}

fn seen(before: &SeenBefore) -> String {
    let how = if before.identical {
        "same file"
    } else {
        "looks the same"
    };
    format!(
        "{how} in {} ({}, {})",
        before.case_id,
        before.name,
        beijing_text(before.at)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_may_say_what_its_file_shows() {
        let read = |given: &'static str| named(Path::new(given));
        assert_eq!(
            read("after=site/pump.jpg"),
            (Some(EvidenceKind::After), Path::new("site/pump.jpg"))
        );
        assert_eq!(
            read("lab_report=a=b.pdf"),
            (Some(EvidenceKind::LabReport), Path::new("a=b.pdf"))
        );
        for plain in ["pump.jpg", "./after=pump.jpg", "x=y.jpg"] {
            assert_eq!(read(plain), (None, Path::new(plain)));
        }
        assert!(kind("selfie").unwrap_err().contains("device_label"));
    }
}
