//! Golden cases: small inputs with the outcomes a rule has to have, as data next to the rule.
//!
//! `rules/golden/ID.toml` (in an operator's folder: `golden/ID.toml`) belongs to rule `ID`. A case
//! runs through the same evaluation as a real run, with that rule alone; its three counts and all
//! its findings have to be as written, nothing more and nothing less. The notation of series is
//! described in [`notation`].
//!
//! Failure modes: a file that does not read is an error naming the place; a case that comes out
//! otherwise is a list of differences.

mod format;
mod notation;
mod tables;

use serde::Serialize;

use super::anomaly::Anomaly;
use super::catalogue::{Catalogue, Config};
use super::commit::stored_findings;
use super::evaluate::{Evaluation, evaluate};
use super::evidence::beijing;
use super::plant::Sheets;
use super::run::RuleReport;
use super::state::State;
use super::touched::{Touched, days};
use crate::session::{self, Error};
use format::{Case, Expected, File};

/// How a rule's cases came out.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Outcome {
    /// Number of cases.
    pub cases: usize,
    /// What differed: name of the case and what.
    pub differences: Vec<String>,
    /// Windows flagged, passed and not evaluated over all cases.
    pub flagged: u64,
    /// See `flagged`.
    pub passed: u64,
    /// See `flagged`.
    pub not_evaluated: u64,
    /// Why there is no case that is not evaluated, if the file says so.
    pub always_evaluated: Option<String>,
}

impl Outcome {
    /// What the cases do not show: each of the three outcomes has to occur.
    pub fn gaps(&self) -> Vec<&'static str> {
        let mut gaps = Vec::new();
        if self.flagged == 0 {
            gaps.push("no case is flagged");
        }
        if self.passed == 0 {
            gaps.push("no case passes");
        }
        if self.not_evaluated == 0 && self.always_evaluated.is_none() {
            gaps.push("no case is not evaluated");
        }
        if self.not_evaluated > 0 && self.always_evaluated.is_some() {
            gaps.push("`always_evaluated` is stated, but a case is not evaluated");
        }
        gaps
    }
}

/// Runs the cases of a rule that the catalogue has, switched on or not.
pub async fn check(catalogue: &Catalogue, id: &str, text: &str) -> Result<Outcome, Error> {
    let fault = |what: String| Error::Rule {
        rule: id.to_owned(),
        what: format!("golden file: {what}"),
    };
    let file: File = toml::from_str(text).map_err(|error| fault(error.to_string()))?;
    let mut outcome = Outcome {
        always_evaluated: file.always_evaluated.clone(),
        ..Outcome::default()
    };
    for case in &file.case {
        let sheets = Sheets::of(case.unit.clone())?;
        let catalogue = catalogue.only(id, &case.params)?.with_sheets(sheets);
        let evaluation = judged(&catalogue, case)
            .await
            .map_err(|error| fault(format!("case `{}`: {error}", case.name)))?;
        let report = &evaluation.rules[0];
        outcome.cases += 1;
        outcome.flagged += report.flagged;
        outcome.passed += report.passed;
        outcome.not_evaluated += report.not_evaluated.values().sum::<u64>();
        for difference in differences(case, report, &evaluation).map_err(fault)? {
            outcome
                .differences
                .push(format!("case `{}`: {difference}", case.name));
        }
    }
    Ok(outcome)
}

/// Reasons for which cases of a file are not evaluated; none when the file does not read.
pub(super) fn reasons(text: &str) -> std::collections::BTreeSet<String> {
    let file: Option<File> = toml::from_str(text).ok();
    let cases = file.map(|file| file.case).unwrap_or_default();
    cases
        .into_iter()
        .flat_map(|case| case.not_evaluated.into_keys())
        .collect()
}

/// Exemptions of what a rule finds in its first case with a finding, once every logger of the case has
/// filed, in time and for all time, what gives one of them.
#[cfg(test)]
pub(super) async fn excused(
    catalogue: &Catalogue,
    id: &str,
    text: &str,
    exemption: &str,
) -> Result<std::collections::BTreeSet<Option<String>>, Error> {
    let fault = |what: String| Error::Rule {
        rule: id.to_owned(),
        what,
    };
    let file: File = toml::from_str(text).map_err(|error| fault(error.to_string()))?;
    let mut case = file
        .case
        .into_iter()
        .find(|case| case.flagged > 0)
        .ok_or_else(|| fault("no case is flagged".to_owned()))?;
    let loggers: std::collections::BTreeSet<String> = case
        .series
        .iter()
        .flat_map(|series| series.mn.split(','))
        .map(|mn| mn.trim().to_owned())
        .collect();
    for mn in loggers {
        let (table, row) = filing(&mn, exemption);
        let row = toml::from_str(&row).map_err(|error| fault(error.to_string()))?;
        case.tables.entry(table.to_owned()).or_default().push(row);
    }
    let sheets = Sheets::of(case.unit.clone())?;
    let catalogue = catalogue.only(id, &case.params)?.with_sheets(sheets);
    let evaluation = judged(&catalogue, &case).await?;
    Ok(evaluation
        .state
        .open()
        .filter(|anomaly| anomaly.rule_id == id)
        .map(|anomaly| anomaly.exempt_code.clone())
        .collect())
}

/// The row that gives an exemption to whatever a logger reports in a lifetime.
#[cfg(test)]
fn filing(mn: &str, exemption: &str) -> (&'static str, String) {
    let ever = "starts_at = \"2000-01-01 00:00\"\nends_at = \"2100-01-01 00:00\"\n\
                recorded_at = \"2000-01-01 00:00\"";
    let (scope, code) = match exemption {
        "M1" => ("device", "fault"),
        "M2" => ("condition", "start_up"),
        "M3" => ("condition", "stopped"),
        "M6" => ("device", "communication_break"),
        "M7" => ("device", "not_attributable"),
        _ => {
            let ticket = format!(
                "ticket_id = \"{mn}\"\nversion = 1\nmn = \"{mn}\"\nkind = \"maintenance\"\n\
                 status = \"closed\"\n{ever}"
            );
            return ("maintenance_tickets", ticket);
        }
    };
    let mark = format!(
        "mark_id = \"{mn}\"\nversion = 1\nmn = \"{mn}\"\nscope = \"{scope}\"\ncode = \"{code}\"\n\
         source = \"manual\"\nmarked_at = \"2000-01-01 00:00\"\n{ever}"
    );
    ("marks", mark)
}

async fn judged(catalogue: &Catalogue, case: &Case) -> Result<Evaluation, Error> {
    let fault = |what: String| Error::Rule {
        rule: "inputs".to_owned(),
        what,
    };
    let as_of = tables::at(&case.as_of).map_err(fault)?;
    let tables = tables::batches(case).map_err(fault)?;
    let settings = session::Config {
        partitions: 1,
        ..session::Config::default()
    };
    let session = session::in_memory(tables, &settings).await?;
    let all = days(&session, "SELECT DISTINCT mn, date FROM readings_raw").await?;
    let config = Config::default();
    let given = stored_findings(&session).await?;
    let state = State::of(given);
    let all = Touched::everything(all);
    evaluate(&session, catalogue, &config, &all, state, as_of).await
}

/// What came out otherwise than expected.
fn differences(
    case: &Case,
    report: &RuleReport,
    evaluation: &Evaluation,
) -> Result<Vec<String>, String> {
    let mut found = Vec::new();
    let mut differ = |what: &str, expected: String, got: String| {
        if expected != got {
            found.push(format!("{what}: expected {expected}, got {got}"));
        }
    };
    differ(
        "flagged",
        case.flagged.to_string(),
        report.flagged.to_string(),
    );
    differ("passed", case.passed.to_string(), report.passed.to_string());
    differ(
        "not_evaluated",
        format!("{:?}", case.not_evaluated),
        format!("{:?}", report.not_evaluated),
    );
    let mut made: Vec<&Anomaly> = evaluation
        .state
        .open()
        .filter(|anomaly| anomaly.rule_id == report.rule)
        .collect();
    made.sort_by_key(|a| {
        let subject = (&a.mn, &a.factor, &a.permit_no, &a.outlet_uid);
        (subject, a.window_start, a.window_end, &a.anomaly_id)
    });
    if made.len() != case.finding.len() {
        let list: Vec<String> = made.iter().map(|anomaly| told(anomaly)).collect();
        differ(
            "findings",
            case.finding.len().to_string(),
            format!("{}: {}", made.len(), list.join("; ")),
        );
    } else {
        for (no, (expected, made)) in case.finding.iter().zip(made).enumerate() {
            for (what, expected, got) in compared(expected, made)? {
                differ(&format!("finding {}: {what}", no + 1), expected, got);
            }
        }
    }
    Ok(found)
}

fn told(anomaly: &Anomaly) -> String {
    format!(
        "{} {} {} {} to {}, observed {:?}, limit {:?}, {}",
        anomaly.mn.as_deref().unwrap_or("-"),
        anomaly.factor.as_deref().unwrap_or("-"),
        anomaly.permit_no.as_deref().unwrap_or("-"),
        &beijing(anomaly.window_start)[..16],
        &beijing(anomaly.window_end)[..16],
        anomaly.observed,
        anomaly.limit_value,
        anomaly.severity
    )
}

/// Pairs of what is expected and what there is, for everything the case states.
fn compared(
    expected: &Expected,
    made: &Anomaly,
) -> Result<Vec<(&'static str, String, String)>, String> {
    let mut pairs = Vec::new();
    let text = |given: &Option<String>| given.clone().unwrap_or_default();
    for (what, given, got) in [
        ("mn", &expected.mn, text(&made.mn)),
        ("factor", &expected.factor, text(&made.factor)),
        ("permit_no", &expected.permit_no, text(&made.permit_no)),
        ("outlet_uid", &expected.outlet_uid, text(&made.outlet_uid)),
        ("unit", &expected.unit, text(&made.unit)),
        ("severity", &expected.severity, made.severity.clone()),
        ("exempt", &expected.exempt, text(&made.exempt_code)),
    ] {
        if let Some(given) = given {
            pairs.push((what, given.clone(), got));
        }
    }
    for (what, given, got) in [
        ("from", &expected.from, made.window_start),
        ("to", &expected.to, made.window_end),
    ] {
        if let Some(given) = given {
            pairs.push((what, beijing(tables::at(given)?), beijing(got)));
        }
    }
    // Six digits are enough to tell values apart and leave room for the order of additions.
    let number = |value: f64| format!("{value:.5e}");
    for (what, given, got) in [
        ("observed", expected.observed, made.observed),
        ("limit", expected.limit, made.limit_value),
    ] {
        if let Some(given) = given {
            let got = got.map_or_else(|| "nothing".to_owned(), number);
            pairs.push((what, number(given), got));
        }
    }
    if let Some(points) = expected.points {
        pairs.push(("points", points.to_string(), made.points.to_string()));
    }
    if let Some(version) = expected.permit_version {
        let got = format!("{:?}", made.permit_version);
        pairs.push(("permit_version", format!("{:?}", Some(version)), got));
    }
    let parts = expected
        .evidence
        .iter()
        .map(|part| ("evidence", part, &made.evidence));
    for (what, part, whole) in expected
        .reason
        .iter()
        .map(|part| ("reason", part, &made.reason))
        .chain(parts)
    {
        if !whole.contains(part.as_str()) {
            pairs.push((what, format!("`{part}` in it"), whole.clone()));
        }
    }
    Ok(pairs)
}
