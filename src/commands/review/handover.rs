//! What leaves the queue: acts, documents, packages; and what was checked before.

use std::path::PathBuf;

use anyhow::Context as _;
use nonsite_analytics::review::{Checked, Serving, beijing_text};
use nonsite_analytics::session;

use super::Desk;
use super::papers::Who;
use crate::commands::detect::classed;
use crate::exit::Usage;
use crate::output::{Format, Listing};
use crate::progress::during;
use crate::settings::Settings;

/// Prints documents.
#[derive(Debug, clap::Args)]
pub(super) struct Bundle {
    /// The case; its id may be shortened.
    case: String,
    /// four_notices, five_documents, or another one of `[review] bundles`.
    kind: String,
    /// Folder for the pages.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Whom they go to, where that is not the unit.
    #[arg(long)]
    receiver: Option<String>,
}

/// Records a service of documents.
#[derive(Debug, clap::Args)]
pub(super) struct Serve {
    /// The case; its id may be shortened.
    case: String,
    /// four_notices, five_documents, or another one of `[review] bundles`.
    kind: String,
    #[command(flatten)]
    who: Who,
    /// By what means: in person, client, post ...
    #[arg(long)]
    channel: String,
    /// Proof of service.
    #[arg(long)]
    receipt: String,
    /// When it was served, if before now: a Beijing time, 2026-03-02 15:20.
    #[arg(long, value_name = "T")]
    served_at: Option<String>,
}

/// Makes a package.
#[derive(Debug, clap::Args)]
pub(super) struct Package {
    /// The case; its id may be shortened.
    case: String,
    /// transfer (to police or another authority), filing, or another one of `[review] bundles`.
    #[arg(long)]
    kind: String,
    /// Whom it goes to.
    #[arg(long)]
    receiver: String,
    /// The ZIP.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    #[command(flatten)]
    who: Who,
}

impl Desk {
    /// What was checked on the case's outlet of late; the tables add the inspection system's acts.
    pub(super) async fn checked(
        &self,
        id: &str,
        settings: &Settings,
    ) -> anyhow::Result<Vec<Checked>> {
        let session = match settings.store.path.join("inspections").is_dir() {
            true => Some(
                session::open(&settings.store.path, &settings.session)
                    .await
                    .map_err(classed)?,
            ),
            false => None,
        };
        Ok(self.service.already_checked(id, session.as_ref()).await?)
    }

    /// Says it where a clue is decided on, beside the result.
    pub(super) async fn banner(&self, case: &str, settings: &Settings) -> anyhow::Result<()> {
        let id = self.service.resolve(case).await?;
        for checked in self.checked(&id, settings).await? {
            eprintln!("{}", line(&checked));
        }
        if let Some(onsite) = self.service.show(&id).await?.onsite {
            eprintln!("{onsite}");
        }
        Ok(())
    }

    pub(super) async fn draft(&self, case: &str, settings: &Settings) -> anyhow::Result<()> {
        let id = self.service.resolve(case).await?;
        let session = session::open(&settings.store.path, &settings.session)
            .await
            .map_err(classed)?;
        let record = self.service.draft_record(&id, &session).await?;
        if self.format == Format::Json {
            println!("{}", serde_json::to_string_pretty(&record)?);
            return Ok(());
        }
        println!(
            "# Inspection record of case {id}: complete it and give it with --record FILE.\n\
             # To count it also needs: approval, two officers with certificates, checklist answers,\n\
             # signed_by, notice. docs/examples/inspection_record.toml shows all of it.\n"
        );
        print!("{}", toml::to_string(&record)?);
        Ok(())
    }

    pub(super) async fn deliver(&self, settings: &Settings) -> anyhow::Result<()> {
        let delivered = super::deliver(settings, &self.service).await?;
        let marks = super::deliver_marks(settings, &self.service).await?;
        if self.format == Format::Json {
            println!(
                "{}",
                serde_json::json!({ "acts": delivered, "marks": marks })
            );
        } else {
            println!("{delivered} versions of acts and {marks} marks delivered");
        }
        Ok(())
    }

    pub(super) async fn bundle(&self, args: Bundle) -> anyhow::Result<()> {
        let id = self.service.resolve(&args.case).await?;
        let receiver = args.receiver.as_deref();
        let pages = self.service.print_bundle(&id, &args.kind, receiver).await?;
        std::fs::create_dir_all(&args.out)
            .with_context(|| format!("folder `{}`", args.out.display()))?;
        let mut listing = Listing::new(&["file", "document"]);
        for page in &pages {
            let path = args.out.join(&page.name);
            std::fs::write(&path, &page.html)
                .with_context(|| format!("file `{}`", path.display()))?;
            listing.row([path.display().to_string(), page.title.clone()]);
        }
        listing.print(self.format, &pages)
    }

    pub(super) async fn serve(&self, args: Serve) -> anyhow::Result<()> {
        let id = self.service.resolve(&args.case).await?;
        let served_at = match &args.served_at {
            None => None,
            Some(text) => Some(
                nonsite_analytics::ratio::parse_as_of(text)
                    .map_err(|error| Usage(format!("--served-at: {error}")))?,
            ),
        };
        let serving = Serving {
            channel: args.channel,
            receipt: args.receipt,
            served_at,
        };
        let actor = self.actor(&args.who)?;
        let after = self
            .service
            .serve_bundle(&id, &args.kind, &actor, &serving)
            .await?;
        if self.format == Format::Json {
            println!("{}", serde_json::to_string_pretty(&after)?);
        } else {
            println!("{}: {} served", after.case_id, args.kind);
        }
        Ok(())
    }

    pub(super) async fn package(&self, args: Package, settings: &Settings) -> anyhow::Result<()> {
        let id = self.service.resolve(&args.case).await?;
        let session = session::open(&settings.store.path, &settings.session)
            .await
            .map_err(classed)?;
        let actor = self.actor(&args.who)?;
        let packing =
            self.service
                .package(&id, &args.kind, &args.receiver, &actor, &session, &args.out);
        let made = during("packing", packing).await?;
        if self.format == Format::Json {
            println!("{}", serde_json::to_string_pretty(&made)?);
            return Ok(());
        }
        println!(
            "{}: {} for {}: {} files, {} bytes\n{}  {}",
            made.case_id,
            made.kind,
            made.receiver,
            made.files,
            made.bytes,
            made.sha256,
            made.path.display()
        );
        println!("the receiver checks it: unzip it, then sha256sum -c SHA256SUMS");
        Ok(())
    }
}

/// One check before.
pub(super) fn line(checked: &Checked) -> String {
    let text = format!(
        "已查 already checked: {} {} {} {} {}",
        beijing_text(checked.at),
        checked.kind,
        checked.id,
        checked.what,
        checked.result
    );
    text.trim_end().to_owned()
}
