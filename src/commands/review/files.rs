//! The files of a case: handing them in, looking at them, taking them out.

use std::path::PathBuf;

use anyhow::Context as _;
use nonsite_analytics::review::{CaseFile, Kept, SeenBefore, beijing_text};

use super::Desk;
use super::papers::Who;
use crate::exit::Exit;
use crate::output::{Format, Listing};

/// Hands files in without another step.
#[derive(Debug, clap::Args)]
pub(super) struct Attach {
    /// The case; its id may be shortened.
    case: String,
    /// Photos, PDF documents or videos.
    #[arg(required = true)]
    files: Vec<PathBuf>,
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
            files.push(self.service.keep(path).await?);
        }
        let note = args.note.as_deref();
        let after = self.service.attach(&id, &actor, &files, note).await?;
        let mut all = self.service.files(&id).await?;
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
        print(&added, self.format)
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
