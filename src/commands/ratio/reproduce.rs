//! `nonsite ratio --reproduce`: a reported figure computed again and compared.

use nonsite_analytics::ratio::{KeptFigure, Reproduction, Snapshot, is_id, published, reproduce};
use nonsite_analytics::review::beijing_text;
use nonsite_analytics::session::Session;

use crate::commands::detect::classed;
use crate::exit::{Exit, Usage};
use crate::output::{Format, Listing};

/// Computes a figure again; exit code 1 when it is not what was published or comes out differently.
pub(super) async fn run(session: &Session, figure: &str, format: Format) -> anyhow::Result<Exit> {
    let kept = kept(session, figure).await?;
    let found = reproduce(session, &kept).await?;
    print(&kept.snapshot, &found, format)?;
    Ok(if found.differences.is_empty() {
        Exit::Done
    } else {
        Exit::Finding
    })
}

/// A published figure by its id, or a saved one by its file.
async fn kept(session: &Session, figure: &str) -> anyhow::Result<KeptFigure> {
    if is_id(figure) {
        return published(session, figure)
            .await
            .map_err(classed)?
            .ok_or_else(|| {
                let hint = "SELECT snapshot_id, as_of, percent FROM ratio_snapshots \
                            WHERE breakdown = 'total'";
                Usage(format!(
                    "no figure `{figure}` was published; nonsite sql -e \"{hint}\" lists them"
                ))
                .into()
            });
    }
    let fault = |what: String| Usage(format!("figure `{figure}`: {what}"));
    let text = std::fs::read_to_string(figure).map_err(|error| {
        fault(format!(
            "neither the id of a published figure nor a file that `--save` wrote: {error}"
        ))
    })?;
    let snapshot: Snapshot =
        serde_json::from_str(&text).map_err(|error| fault(error.to_string()))?;
    let snapshot_id = snapshot.id();
    // A file names no version of the table; the same figure may have been published with one.
    let published = published(session, &snapshot_id).await.map_err(classed)?;
    Ok(KeptFigure {
        inspections_version: published.and_then(|kept| kept.inspections_version),
        altered: Vec::new(),
        snapshot_id,
        snapshot,
    })
}

fn print(saved: &Snapshot, found: &Reproduction, format: Format) -> anyhow::Result<()> {
    if let Some(note) = &found.note {
        // Standard output is the answer.
        eprintln!("note: {note}");
    }
    if found.differences.is_empty() && format == Format::Table {
        println!(
            "reproduced: {} % ({} of {}) as of {} (Beijing) under policy {}",
            saved.percent.as_deref().unwrap_or("no"),
            saved.share.off,
            saved.share.total(),
            beijing_text(saved.cutoff.as_of),
            saved.policy.policy_id
        );
        return Ok(());
    }
    let mut listing = Listing::new(&["what", "reported", "now"]);
    for difference in &found.differences {
        listing.row([
            difference.what.to_owned(),
            difference.reported.clone(),
            difference.now.clone(),
        ]);
    }
    listing.print(format, &found.differences)
}
