//! What the demo shows at its end: what came in, what was flagged and why, the queue, the ratio.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use nonsite_analytics::review::{Finding, Intake, beijing_text};
use nonsite_generator::truth::TruthRow;
use nonsite_ingest::Report;
use serde::Serialize;

use super::feed::Generated;
use super::settle::Settled;
use crate::output::Listing;

/// Findings shown with their sentence.
const EXAMPLES: usize = 5;

/// The demo's result.
#[derive(Debug, Serialize)]
pub(super) struct Summary {
    /// Wall seconds from start to end.
    seconds: f64,
    /// Wall seconds to the first anomaly on the screen.
    first_anomaly_s: Option<f64>,
    messages_sent: u64,
    records_read: i64,
    rows: BTreeMap<String, u64>,
    /// Messages and parts in quarantine, by reason.
    quarantined: BTreeMap<String, i64>,
    /// What the generator says must be in quarantine.
    quarantined_truth: BTreeMap<String, u64>,
    rules: Vec<RuleLine>,
    faults: FaultScore,
    alerts: usize,
    /// Alerts the broker took.
    alerts_delivered: usize,
    intake: Intake,
    queue: BTreeMap<String, i64>,
    ratio: String,
    band: String,
    #[serde(skip)]
    examples: Vec<Finding>,
}

/// A rule's findings.
#[derive(Debug, Serialize)]
struct RuleLine {
    rule: String,
    findings: usize,
    withdrawn: usize,
    flagged: u64,
    passed: u64,
    not_evaluated: u64,
}

/// Findings held against what was injected.
#[derive(Debug, Default, Serialize)]
struct FaultScore {
    injected: usize,
    found: usize,
    missed: Vec<String>,
    /// Injected kinds that no rule of the catalogue looks for, and how often they were injected.
    without_rule: BTreeMap<String, usize>,
    look_alikes: usize,
    look_alikes_flagged: Vec<String>,
}

impl Summary {
    pub(super) fn new(
        elapsed: Duration,
        first_anomaly_s: Option<f64>,
        ingested: &Report,
        generated: &Generated,
        settled: Settled,
    ) -> Self {
        let standing: Vec<&Finding> = settled
            .findings
            .iter()
            .filter(|finding| finding.withdrawn.is_none())
            .collect();
        let rules = settled
            .report
            .rules
            .iter()
            .map(|rule| RuleLine {
                rule: rule.rule.clone(),
                findings: standing
                    .iter()
                    .filter(|finding| finding.rule_id == rule.rule)
                    .count(),
                withdrawn: settled
                    .findings
                    .iter()
                    .filter(|finding| finding.rule_id == rule.rule && finding.withdrawn.is_some())
                    .count(),
                flagged: rule.flagged,
                passed: rule.passed,
                not_evaluated: rule.not_evaluated.values().sum(),
            })
            .collect();
        let counts = &generated.summary.counts;
        let mut quarantined_truth = counts.quarantined.clone();
        for (reason, parts) in &counts.bad_parts {
            *quarantined_truth.entry(reason.clone()).or_default() += parts;
        }
        Self {
            seconds: elapsed.as_secs_f64(),
            first_anomaly_s,
            messages_sent: counts.messages.values().sum(),
            records_read: ingested.records,
            rows: ingested
                .rows
                .iter()
                .map(|(table, rows)| ((*table).to_owned(), *rows))
                .collect(),
            quarantined: settled.quarantined,
            quarantined_truth,
            faults: score(
                &generated.truth,
                &standing,
                &settled
                    .report
                    .rules
                    .iter()
                    .map(|rule| rule.rule.clone())
                    .collect(),
            ),
            alerts: settled.alerts,
            alerts_delivered: settled.delivered,
            intake: settled.intake,
            queue: settled.queue,
            ratio: settled.ratio,
            band: settled.band,
            examples: worst(&standing),
            rules,
        }
    }

    /// The summary for people.
    pub(super) fn text(&self, data_dir: &Path) -> String {
        let mut text = String::new();
        // Writing into a String cannot fail.
        let _ = self.write(&mut text, data_dir);
        text
    }

    fn write(&self, out: &mut String, data_dir: &Path) -> std::fmt::Result {
        writeln!(out, "\nWhat came in")?;
        let lost = i64::try_from(self.messages_sent).unwrap_or(i64::MAX) - self.records_read;
        writeln!(
            out,
            "  {} messages sent, {} read, {lost} missing",
            thousands(self.messages_sent),
            thousands(u64::try_from(self.records_read).unwrap_or(0)),
        )?;
        for (table, rows) in &self.rows {
            writeln!(out, "  {:>12} rows in {table}", thousands(*rows))?;
        }
        if !self.quarantined.is_empty() {
            let mut listing = Listing::new(&["quarantined because", "count", "broken on purpose"]);
            for (reason, count) in &self.quarantined {
                let truth = self.quarantined_truth.get(reason).copied().unwrap_or(0);
                listing.row([reason.clone(), count.to_string(), truth.to_string()]);
            }
            writeln!(out, "{}", listing.table())?;
        }

        writeln!(out, "\nWhat was flagged")?;
        let mut listing = Listing::new(&[
            "rule",
            "findings",
            "withdrawn",
            "flagged",
            "passed",
            "not evaluated",
        ]);
        for rule in &self.rules {
            listing.row([
                rule.rule.clone(),
                rule.findings.to_string(),
                rule.withdrawn.to_string(),
                thousands(rule.flagged),
                thousands(rule.passed),
                thousands(rule.not_evaluated),
            ]);
        }
        writeln!(out, "{}", listing.table())?;
        writeln!(
            out,
            "  {} of {} injected faults found; {} of {} look-alikes flagged; {} alerts, {} of them sent",
            self.faults.found,
            self.faults.injected,
            self.faults.look_alikes_flagged.len(),
            self.faults.look_alikes,
            self.alerts,
            self.alerts_delivered,
        )?;
        for missed in &self.faults.missed {
            writeln!(out, "  missed: {missed}")?;
        }
        if !self.faults.without_rule.is_empty() {
            let kinds: Vec<String> = self
                .faults
                .without_rule
                .iter()
                .map(|(kind, count)| format!("{kind} {count}"))
                .collect();
            writeln!(
                out,
                "  injected without a rule that looks for them: {}",
                kinds.join(", ")
            )?;
        }
        for flagged in &self.faults.look_alikes_flagged {
            writeln!(out, "  flagged though it must not be: {flagged}")?;
        }
        for finding in &self.examples {
            let subject = finding
                .outlet_uid
                .as_deref()
                .or(finding.mn.as_deref())
                .unwrap_or("-");
            writeln!(
                out,
                "  {} {} {subject} {}\n      {}",
                finding.severity.code(),
                finding.rule_id,
                beijing_text(finding.window_start),
                finding.reason.replace('\n', "\n      "),
            )?;
        }

        writeln!(out, "\nReview queue")?;
        let states: Vec<String> = self
            .queue
            .iter()
            .map(|(state, count)| format!("{state} {count}"))
            .collect();
        writeln!(
            out,
            "  {} to triage, {} reminders, {} merged; now: {}",
            self.intake.triage,
            self.intake.reminded,
            self.intake.merged,
            states.join(", "),
        )?;
        writeln!(out, "\nOff-site ratio\n  {}\n  {}", self.ratio, self.band)?;
        writeln!(
            out,
            "\nDone in {:.1} s; first anomaly on screen after {}.",
            self.seconds,
            self.first_anomaly_s
                .map_or_else(|| "the end".to_owned(), |seconds| format!("{seconds:.1} s")),
        )?;
        let with = format!("nonsite -c {}/nonsite.toml", data_dir.display());
        writeln!(
            out,
            "\nTry next\n  {with} verify\n  {with} quarantine list\n  {with} review list\n  \
             {with} ratio --by org\n  {with} sql -e \"select mn, factor, data_time, value from readings limit 10\""
        )
    }
}

/// The worst findings, one per rule.
fn worst(standing: &[&Finding]) -> Vec<Finding> {
    let mut sorted = standing.to_vec();
    sorted.sort_by(|a, b| {
        (a.severity, a.window_start, &a.anomaly_id).cmp(&(
            b.severity,
            b.window_start,
            &b.anomaly_id,
        ))
    });
    let mut rules = BTreeSet::new();
    sorted
        .into_iter()
        .filter(|finding| rules.insert(finding.rule_id.clone()))
        .take(EXAMPLES)
        .cloned()
        .collect()
}

/// Holds findings against the truth: same rule, same logger or permit, overlapping time.
fn score(truth: &[TruthRow], standing: &[&Finding], rules: &BTreeSet<String>) -> FaultScore {
    let mut score = FaultScore::default();
    for row in truth {
        let hit = |rules: &[String]| {
            standing.iter().any(|finding| {
                rules.contains(&finding.rule_id)
                    && (finding.mn.as_deref() == Some(row.mn.as_str())
                        || (finding.rule_group == "permit"
                            && finding.permit_no.as_deref() == Some(row.permit_no.as_str())))
                    && (finding.factor.is_none()
                        || row.factor.is_none()
                        || finding.factor == row.factor)
                    // A permit's notice begins at its own date, which may lie before the data.
                    && (finding.rule_group == "permit"
                        || (finding.window_start < row.end_us
                            && finding.window_end > row.start_us))
            })
        };
        let shown = || {
            format!(
                "{} {} {} {} to {}",
                row.kind,
                row.mn,
                row.factor.as_deref().unwrap_or("-"),
                row.start,
                row.end
            )
        };
        if !row.expected.is_empty() && !row.expected.iter().any(|rule| rules.contains(rule)) {
            *score.without_rule.entry(row.kind.clone()).or_default() += 1;
        } else if !row.expected.is_empty() {
            score.injected += 1;
            if hit(&row.expected) {
                score.found += 1;
            } else {
                score.missed.push(shown());
            }
        }
        if !row.must_not.is_empty() {
            score.look_alikes += 1;
            if hit(&row.must_not) {
                score.look_alikes_flagged.push(shown());
            }
        }
    }
    score
}

/// The Beijing date of an instant, `YYYY-MM-DD`.
pub(super) fn beijing_day_text(micros: i64) -> String {
    beijing_text(micros).chars().take(10).collect()
}

/// A count with thousands separators.
fn thousands(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::thousands;

    #[test]
    fn counts_are_grouped_by_three() {
        assert_eq!(thousands(0), "0");
        assert_eq!(thousands(999), "999");
        assert_eq!(thousands(1_000), "1,000");
        assert_eq!(thousands(12_345_678), "12,345,678");
    }
}
