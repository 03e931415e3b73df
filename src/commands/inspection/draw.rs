//! `nonsite inspection draw` and `draws`.

use std::path::PathBuf;

use nonsite_analytics::inspection::draw::{self, Draw, Kind, Listed, MAX_WEIGHT, Request};
use nonsite_analytics::inspection::kept::{self, Kept};
use nonsite_analytics::inspection::{lists, permit};
use nonsite_analytics::review::beijing_text;
use nonsite_schemas::time::{Clock, SystemClock};
use nonsite_schemas::wire::permit::PermitStatus;
use serde::Serialize;

use super::{fault, instant, open};
use crate::exit::{Exit, Usage};
use crate::output::{Format, Listing};
use crate::settings::Settings;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The published seed, such as the numbers of a public lottery drawn after the list was fixed.
    #[arg(long, required_unless_present_any = ["verify", "fix_list"])]
    seed: Option<String>,
    /// How many units to draw.
    #[arg(long, required_unless_present_any = ["verify", "fix_list"])]
    count: Option<u32>,
    /// Units to draw from: CSV with `id` and, if wanted, `name` and `weight`.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["industry", "org"])]
    list: Option<PathBuf>,
    /// Draw from units with a permit in force of this industry (its first digits are enough).
    #[arg(long)]
    industry: Vec<String>,
    /// Of these only units in the area of this body.
    #[arg(long)]
    org: Option<String>,
    /// Lots of a key pollutant-discharging unit, others have one; not with --list.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=i64::from(MAX_WEIGHT)), conflicts_with = "list")]
    key_weight: u32,
    /// Permits in force then: a Beijing day (its end), a Beijing time, or an instant [default: now].
    #[arg(long, value_name = "T", conflicts_with = "list")]
    as_of: Option<String>,
    /// Officers to draw for the units: CSV with `officer_id` and `certificate_no`.
    #[arg(long, value_name = "FILE")]
    officers: Option<PathBuf>,
    /// Conflicts of interest: CSV with `officer_id` and `unit_id`.
    #[arg(long, value_name = "FILE", requires = "officers")]
    conflicts: Option<PathBuf>,
    /// Officers for each unit.
    #[arg(long, default_value_t = 2, requires = "officers")]
    officers_each: u32,
    /// What the list is and where the seed comes from; kept with the drawing.
    #[arg(long, default_value = "")]
    basis: String,
    /// Print the SHA-256 of the list, to be published before the seed is known; draws nothing.
    #[arg(long, conflicts_with_all = ["seed", "count", "verify"])]
    fix_list: bool,
    /// Show the drawing, keep nothing.
    #[arg(long)]
    dry_run: bool,
    /// Write the whole drawing to a file as well, for others to draw again.
    #[arg(long, value_name = "FILE")]
    save: Option<PathBuf>,
    /// Draw a kept drawing (id) or a file again and compare; exit code 1 when it comes out differently.
    #[arg(long, value_name = "ID|FILE", conflicts_with_all = ["seed", "count", "list", "industry", "org", "officers", "save", "dry_run"])]
    verify: Option<String>,
}

/// What `--format json` shows of a drawing.
#[derive(Serialize)]
struct Shown<'d> {
    draw_id: String,
    list_sha256: String,
    #[serde(flatten)]
    draw: &'d Draw,
}

pub(super) async fn run(args: &Args, format: Format, settings: &Settings) -> anyhow::Result<Exit> {
    if let Some(name) = &args.verify {
        return verify(name, format, settings).await;
    }
    let list = listed(args, settings).await?;
    let mut officers = match &args.officers {
        Some(path) => lists::officers(path).map_err(fault)?,
        None => Vec::new(),
    };
    if let Some(path) = &args.conflicts {
        lists::conflicts(path, &mut officers).map_err(fault)?;
    }
    let officers_each = if args.officers.is_some() {
        args.officers_each
    } else {
        0
    };
    // The list's hash does not depend on seed and count.
    let request = Request {
        kind: Kind::Draw,
        basis: args.basis.clone(),
        seed: args.seed.clone().unwrap_or_else(|| "none yet".to_owned()),
        count: args.count.unwrap_or(1),
        unweighted: 0,
        list,
        officers,
        officers_each: if args.fix_list { 0 } else { officers_each },
    };
    let drawn = draw::draw(request).map_err(fault)?;
    if args.fix_list {
        println!(
            "{}  {} units, {} officers",
            drawn.list_sha256(),
            drawn.list.len(),
            drawn.officers.len()
        );
        return Ok(Exit::Done);
    }
    finish(&drawn, args.dry_run, args.save.as_ref(), settings).await?;
    print(&drawn, format)?;
    Ok(Exit::Done)
}

/// Keeps a drawing and writes its file, as asked; what happened goes to standard error, because
/// standard output is the drawing.
pub(super) async fn finish(
    drawn: &Draw,
    dry_run: bool,
    save: Option<&PathBuf>,
    settings: &Settings,
) -> anyhow::Result<()> {
    if let Some(path) = save {
        let text = serde_json::to_string_pretty(drawn)?;
        std::fs::write(path, text)
            .map_err(|error| Usage(format!("`{}`: {error}", path.display())))?;
    }
    if !dry_run {
        let now = SystemClock.now_micros();
        let fresh = kept::keep(&settings.store.path, drawn, now)
            .await
            .map_err(fault)?;
        eprintln!(
            "kept as {}{}; draw it again: nonsite inspection draw --verify {}",
            drawn.id(),
            if fresh { "" } else { " before" },
            drawn.id()
        );
    }
    Ok(())
}

async fn listed(args: &Args, settings: &Settings) -> anyhow::Result<Vec<Listed>> {
    if let Some(path) = &args.list {
        return lists::units(path).map_err(fault);
    }
    if args.industry.is_empty() && args.org.is_none() {
        return Err(Usage(
            "draw from what? Give --list FILE, --industry CODE or --org CODE".to_owned(),
        )
        .into());
    }
    let session = open(settings).await?;
    let as_of = instant(args.as_of.as_ref())?;
    let permits = permit::in_force(&session, as_of, None)
        .await
        .map_err(fault)?;
    Ok(permits
        .iter()
        .filter(|one| {
            matches!(
                one.permit.status,
                Some(PermitStatus::Valid | PermitStatus::Changing)
            )
        })
        .filter(|one| {
            args.industry.is_empty()
                || args
                    .industry
                    .iter()
                    .any(|prefix| one.industry().starts_with(prefix.as_str()))
        })
        .filter(|one| args.org.is_none() || one.permit.org_code == args.org)
        .map(|one| {
            let key = one.permit.is_key_unit && args.key_weight > 1;
            Listed {
                id: one.permit.permit_no.clone(),
                name: one.permit.unit_name.clone(),
                weight: if key { args.key_weight } else { 1 },
                why: if key {
                    vec!["key unit".to_owned()]
                } else {
                    Vec::new()
                },
            }
        })
        .collect())
}

fn print(drawn: &Draw, format: Format) -> anyhow::Result<()> {
    if format == Format::Json {
        let shown = Shown {
            draw_id: drawn.id(),
            list_sha256: drawn.list_sha256(),
            draw: drawn,
        };
        println!("{}", serde_json::to_string_pretty(&shown)?);
        return Ok(());
    }
    if format == Format::Table {
        println!(
            "{} of {} by {}, seed {}, list {}",
            drawn.chosen.len(),
            drawn.list.len(),
            drawn.algorithm,
            drawn.seed,
            drawn.list_sha256()
        );
    }
    let mut listing = Listing::new(&["place", "id", "name", "officers", "ticket", "why"]);
    for chosen in &drawn.chosen {
        let why = drawn.list.iter().find(|listed| listed.id == chosen.id);
        listing.row([
            chosen.place.to_string(),
            chosen.id.clone(),
            chosen.name.clone(),
            chosen.officers.join(","),
            chosen.ticket.get(..16).unwrap_or_default().to_owned(),
            why.map(|listed| listed.why.join("; ")).unwrap_or_default(),
        ]);
    }
    listing.print(format, &drawn.chosen)
}

/// The table of a drawing, for samples.
pub(super) fn show(drawn: &Draw, format: Format) -> anyhow::Result<()> {
    print(drawn, format)
}

async fn verify(name: &str, format: Format, settings: &Settings) -> anyhow::Result<Exit> {
    let is_id = name.len() == 17
        && name.starts_with('d')
        && name[1..].bytes().all(|byte| byte.is_ascii_hexdigit());
    let (draw_id, drawn) = if is_id {
        let session = open(settings).await?;
        let all = kept::load(&session).await.map_err(fault)?;
        let found = all.into_iter().find(|kept| kept.draw_id == name);
        let kept = found.ok_or_else(|| {
            Usage(format!(
                "no drawing `{name}` was kept; nonsite inspection draws lists them"
            ))
        })?;
        (kept.draw_id, kept.draw)
    } else {
        let wrong = |what: String| Usage(format!("drawing `{name}`: {what}"));
        let text = std::fs::read_to_string(name).map_err(|error| wrong(error.to_string()))?;
        let drawn: Draw = serde_json::from_str(&text).map_err(|error| wrong(error.to_string()))?;
        (drawn.id(), drawn)
    };
    let mut found = drawn.verify().map_err(fault)?;
    if drawn.id() != draw_id {
        found.push(format!("the drawing kept as {draw_id} is {}", drawn.id()));
    }
    let mut listing = Listing::new(&["difference"]);
    for difference in &found {
        listing.row([difference.clone()]);
    }
    if found.is_empty() && format == Format::Table {
        println!(
            "drawn again: {} of {} with seed {}, the same; list {}",
            drawn.chosen.len(),
            drawn.list.len(),
            drawn.seed,
            drawn.list_sha256()
        );
        return Ok(Exit::Done);
    }
    listing.print(format, &found)?;
    Ok(if found.is_empty() {
        Exit::Done
    } else {
        Exit::Finding
    })
}

/// `nonsite inspection draws`.
pub(super) async fn list(format: Format, settings: &Settings) -> anyhow::Result<Exit> {
    let session = open(settings).await?;
    let all = kept::load(&session).await.map_err(fault)?;
    let mut listing = Listing::new(&["drawing", "kind", "drawn", "seed", "of", "chosen", "basis"]);
    for Kept {
        draw_id,
        drawn_at,
        draw,
    } in &all
    {
        listing.row([
            draw_id.clone(),
            draw.kind.code().to_owned(),
            beijing_text(*drawn_at),
            draw.seed.clone(),
            draw.list.len().to_string(),
            draw.chosen.len().to_string(),
            draw.basis.clone(),
        ]);
    }
    let drawings: Vec<&Draw> = all.iter().map(|kept| &kept.draw).collect();
    listing.print(format, &drawings)?;
    Ok(Exit::Done)
}
