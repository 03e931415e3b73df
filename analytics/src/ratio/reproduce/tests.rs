use std::path::Path;

use nonsite_schemas::tables;

use super::*;
use crate::ratio::testing::{act, acts, noon, policy, rows};
use crate::ratio::{
    Act, Cutoff, Mode, Period, RatioReport, Snapshot, publish, publish::figures, published,
};
use crate::session::{self, Config, append, ensure, replace_partitions, rows as objects};

async fn add(store: &Path, acts: &[Act]) {
    let def = tables::inspections();
    let table = ensure(store, &def).await.unwrap();
    append(&table, &def, rows(acts), Vec::new()).await.unwrap();
}

async fn open(store: &Path) -> Session {
    session::open(store, &Config::default()).await.unwrap()
}

/// The year as it stood on day 200, as far as it was known then.
fn report(acts: &[Act]) -> RatioReport<'_> {
    let period = Period::year(2026).unwrap();
    compute(acts, &policy(), Cutoff::at(noon(200)), &period)
}

/// Three acts are in the table, and the figure over them is published.
async fn published_over_three(store: &Path) -> String {
    add(store, &acts(2, 1)).await;
    let session = open(store).await;
    let acts = load_acts(session.ctx()).await.unwrap();
    let report = report(&acts);
    assert_eq!((report.share.off, report.share.on), (2, 1));
    let version = session.version(TABLE);
    publish(store, &report, version).await.unwrap().snapshot_id
}

async fn again(store: &Path, id: &str) -> Reproduction {
    let session = open(store).await;
    let kept = published(&session, id).await.unwrap().unwrap();
    reproduce(&session, &kept).await.unwrap()
}

/// Ingested after the figure, arrived before it: what the table holds is not what the figure saw.
#[tokio::test]
async fn a_record_that_comes_later_with_an_earlier_time_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path();
    let id = published_over_three(store).await;
    let late = act("late", Mode::Onsite);
    assert!(late.received_at < noon(200));
    add(store, &[late]).await;

    let session = open(store).await;
    let kept = published(&session, &id).await.unwrap().unwrap();
    let today = load_acts(session.ctx()).await.unwrap();
    let otherwise = kept.snapshot.differences(&report(&today).snapshot());
    assert!(
        otherwise.iter().any(|one| one.what == "percent"),
        "{otherwise:?}"
    );

    let found = again(store, &id).await;
    assert!(found.differences.is_empty(), "{found:?}");
    assert_eq!((found.inspections_version, found.note), (1, None));
}

#[tokio::test]
async fn without_its_version_the_table_as_it_is_stands_in() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path();
    let id = published_over_three(store).await;
    // Rewritten, and the files of before removed.
    let files = || -> Vec<std::path::PathBuf> {
        let entries = std::fs::read_dir(store.join(TABLE)).unwrap();
        let paths = entries.map(|entry| entry.unwrap().path());
        paths
            .filter(|path| path.extension().is_some_and(|end| end == "parquet"))
            .collect()
    };
    let before = files();
    let def = tables::inspections();
    let table = ensure(store, &def).await.unwrap();
    replace_partitions(&table, &def, &[], rows(&acts(2, 1)), Vec::new())
        .await
        .unwrap();
    assert!(!before.is_empty() && files().len() > before.len());
    for file in before {
        std::fs::remove_file(file).unwrap();
    }
    let found = again(store, &id).await;
    assert!(found.differences.is_empty(), "{found:?}");
    assert_eq!(found.inspections_version, 2);
    let note = found.note.unwrap();
    assert!(note.contains("version 1 of table `inspections`"), "{note}");
    assert!(note.contains("counted from version 2 instead"), "{note}");

    add(store, &[act("late", Mode::Onsite)]).await;
    let found = again(store, &id).await;
    let named: Vec<&str> = found.differences.iter().map(|one| one.what).collect();
    assert!(
        named.contains(&"counts") && named.contains(&"percent"),
        "{named:?}"
    );
}

#[tokio::test]
async fn a_figure_of_no_table_stays_a_figure_of_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path();
    let id = publish(store, &report(&[]), -1).await.unwrap().snapshot_id;
    add(store, &acts(2, 1)).await;
    let found = again(store, &id).await;
    assert_eq!((found.differences, found.inspections_version), (vec![], -1));
}

/// Writes a figure under another id than its own.
async fn keep(store: &Path, report: &RatioReport<'_>, snapshot: &Snapshot, id: &str) {
    let def = tables::ratio_snapshots();
    let table = ensure(store, &def).await.unwrap();
    let batch = objects::batch(&def.schema, &figures(report, snapshot, id, 1)).unwrap();
    append(&table, &def, batch, Vec::new()).await.unwrap();
}

#[tokio::test]
async fn a_changed_document_is_named_and_not_reproduced() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path();
    published_over_three(store).await;
    let session = open(store).await;
    let acts = load_acts(session.ctx()).await.unwrap();
    let report = report(&acts);
    let mut changed = report.snapshot();
    changed.percent = Some("70.00".to_owned());
    changed.share.off = 7;
    let id = "r0123456789abcdef";
    keep(store, &report, &changed, id).await;
    let found = again(store, id).await;
    let named: Vec<&str> = found.differences.iter().map(|one| one.what).collect();
    assert_eq!(
        named,
        ["id", "column n_off", "column percent", "counts", "percent"],
        "{:?}",
        found.differences
    );
    assert_eq!(found.differences[0].reported, id);
    assert_eq!(found.differences[0].now, changed.id());

    // Only the floor under the figure was made better.
    let mut better = report.snapshot();
    better.quality.as_mut().unwrap().incomplete += 1;
    let id = better.id();
    keep(store, &report, &better, &id).await;
    let found = again(store, &id).await;
    let named: Vec<&str> = found.differences.iter().map(|one| one.what).collect();
    assert_eq!(named, ["quality"]);
}

/// A figure that was kept before these parts were: its text, and so its id, is what it was.
#[test]
fn a_figure_of_before_keeps_its_id() {
    let acts = acts(2, 1);
    let now = report(&acts).snapshot();
    let mut before = now.clone();
    before.quality = None;
    before.higher_level = None;
    before.positive_list = None;
    let text = before.document();
    for part in ["quality", "higher_level", "positive_list", "open_items"] {
        assert!(!text.contains(&format!("\"{part}\"")), "{part}");
    }
    let read: Snapshot = serde_json::from_str(&text).unwrap();
    assert_eq!((read.id(), &read), (before.id(), &before));
    assert_ne!(now.id(), before.id());
    assert!(read.differences(&now).is_empty());
}

/// Checklists change; what was found about an act when the figure was made does not.
#[tokio::test]
async fn what_acts_left_open_is_kept_with_the_figure() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path();
    add(store, &acts(2, 1)).await;
    let session = open(store).await;
    let mut acts = load_acts(session.ctx()).await.unwrap();
    let open_item = "checklist `common`: not answered: findings";
    acts[0].open_items = Some(open_item.to_owned());
    let report = report(&acts);
    assert_eq!((report.share.off, report.share.on), (1, 1));
    let id = publish(store, &report, session.version(TABLE))
        .await
        .unwrap()
        .snapshot_id;
    let found = again(store, &id).await;
    assert!(found.differences.is_empty(), "{found:?}");
}
