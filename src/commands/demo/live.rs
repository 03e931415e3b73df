//! What is seen while the province arrives: how far it is, and anomalies as they are found.

use std::collections::HashSet;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use nonsite_analytics::detect::{self, Catalogue, Options};
use nonsite_analytics::review::{Finding, load_findings};
use nonsite_ingest::{Metrics, Report, ServiceError};
use tokio::task::JoinHandle;

use super::Say;
use super::broker::HoldBack;
use super::feed::Fed;
use crate::settings::Settings;

/// Pause between looks at the progress.
const LOOK: Duration = Duration::from_millis(200);
/// Pause between two runs of the rules while data arrive.
const DETECT_EVERY: Duration = Duration::from_secs(2);
/// Findings printed one by one; the rest are in the summary.
const SHOWN: usize = 12;

/// Everything the live view looks at.
pub(super) struct Watch<'a> {
    pub(super) settings: &'a Settings,
    pub(super) fed: &'a Fed,
    pub(super) metrics: &'a Metrics,
    /// Knows how far the tables are.
    pub(super) tables: &'a HoldBack,
    pub(super) began: Instant,
    pub(super) say: Say,
    pub(super) show_bar: bool,
}

impl Watch<'_> {
    /// Runs the rules over what has arrived until everything sent is in the tables.
    ///
    /// Returns the seconds from the start to the first anomaly on the screen.
    pub(super) async fn until_ingested(
        &self,
        ingest: &JoinHandle<Result<Report, ServiceError>>,
    ) -> anyhow::Result<Option<f64>> {
        let bar = self.bar();
        let catalogue = Catalogue::load(&self.settings.detect)?;
        let mut seen = HashSet::new();
        let mut first = None;
        let mut last_run = Instant::now();
        let mut judged_rows = 0;
        loop {
            tokio::time::sleep(LOOK).await;
            let rows = self.committed_rows();
            bar.set_message(format!(
                "{} readings sent, {rows} rows in the tables, {} findings",
                self.fed.readings.load(Ordering::Relaxed),
                seen.len(),
            ));
            bar.tick();
            if ingest.is_finished() {
                anyhow::bail!("ingestion ended before everything was read; see the messages above");
            }
            if rows > judged_rows && last_run.elapsed() >= DETECT_EVERY {
                judged_rows = rows;
                let found = self.judge(&catalogue, &mut seen, &bar).await?;
                if found && first.is_none() {
                    first = Some(self.began.elapsed().as_secs_f64());
                }
                last_run = Instant::now();
            }
            if self.fed.ended.load(Ordering::Acquire) && self.all_committed() {
                break;
            }
        }
        bar.finish_and_clear();
        Ok(first)
    }

    fn bar(&self) -> ProgressBar {
        if !self.show_bar {
            return ProgressBar::hidden();
        }
        let style = ProgressStyle::with_template("{spinner} {elapsed} {msg}")
            .unwrap_or_else(|_| ProgressStyle::default_spinner());
        ProgressBar::new_spinner().with_style(style)
    }

    fn committed_rows(&self) -> u64 {
        nonsite_schemas::tables::all()
            .iter()
            .map(|table| self.metrics.rows.with_label_values(&[table.name]).get())
            .sum()
    }

    /// Every message that was sent is behind a committed offset.
    fn all_committed(&self) -> bool {
        self.tables.committed_records() >= self.fed.messages.load(Ordering::Relaxed)
    }

    /// One run of the rules; prints findings not seen before. Whether there was one.
    async fn judge(
        &self,
        catalogue: &Catalogue,
        seen: &mut HashSet<String>,
        bar: &ProgressBar,
    ) -> anyhow::Result<bool> {
        let as_of = self.fed.arrival_ms.load(Ordering::Relaxed) * 1_000;
        let store = &self.settings.store.path;
        let options = Options { as_of, full: false };
        detect::run(
            store,
            &self.settings.detect,
            &self.settings.session,
            catalogue,
            options,
        )
        .await?;
        let session = nonsite_analytics::session::open(store, &self.settings.session).await?;
        let mut found = false;
        for finding in load_findings(session.ctx()).await? {
            if finding.withdrawn.is_none() && seen.insert(finding.anomaly_id.clone()) {
                found = true;
                if seen.len() <= SHOWN {
                    bar.suspend(|| self.say.line(&line(self.began, &finding)));
                }
            }
        }
        Ok(found)
    }
}

fn line(began: Instant, finding: &Finding) -> String {
    let subject = finding
        .outlet_uid
        .as_deref()
        .or(finding.mn.as_deref())
        .unwrap_or("-");
    format!(
        "{:5.1} s  {} {}  {subject}  {}",
        began.elapsed().as_secs_f64(),
        finding.severity.code(),
        finding.rule_id,
        finding.reason.replace('\n', "  "),
    )
}
