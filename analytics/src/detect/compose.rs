//! A finding as it is stored: its subject, the binding of its time, and its sentence.
//!
//! A finding about a logger takes unit, body and permit from the binding of the time of its worst
//! window. A finding about a permit takes them from the document: the version it names, else the
//! one issued last before its window.

use std::collections::BTreeMap;

use nonsite_schemas::hj212::reference;
use serde_json::Value;

use super::anomaly::{Anomaly, Phase, Status};
use super::catalogue::Configured;
use super::episode::Finding;
use super::evidence::beijing;
use crate::session::{Error, Session, rows};

/// A row of a query.
pub(super) type Row = serde_json::Map<String, Value>;

/// Which outlet a logger stood for, as bound over time, and whose permit is whose.
pub(super) struct Outlets {
    bindings: Vec<Row>,
    /// Good documents by permit, in order of issue.
    permits: BTreeMap<String, Vec<Row>>,
}

impl Outlets {
    pub(super) async fn load(run: &Session) -> Result<Self, Error> {
        let batches = run
            .rows(
                "bindings",
                "SELECT * FROM mn_outlets ORDER BY mn, issued_at, outlet_uid",
            )
            .await?;
        let bindings =
            rows::objects(&batches).map_err(|error| Error::query("bindings")(error.into()))?;
        let batches = run
            .rows(
                "permits",
                "SELECT permit_no, version AS permit_version, issued_at, unit_name, org_code,
                        industry_codes
                 FROM permit_documents ORDER BY permit_no, issued_at, version",
            )
            .await?;
        let mut permits: BTreeMap<String, Vec<Row>> = BTreeMap::new();
        for row in rows::objects(&batches).map_err(|error| Error::query("permits")(error.into()))? {
            if let Some(permit_no) = row.get("permit_no").and_then(Value::as_str) {
                permits.entry(permit_no.to_owned()).or_default().push(row);
            }
        }
        Ok(Self { bindings, permits })
    }

    /// Nothing is bound.
    #[cfg(test)]
    pub(super) fn none() -> Self {
        Self {
            bindings: Vec::new(),
            permits: BTreeMap::new(),
        }
    }

    /// All bindings, in order of loggers.
    pub(super) fn bindings(&self) -> &[Row] {
        &self.bindings
    }

    /// All good documents.
    pub(super) fn documents(&self) -> impl Iterator<Item = &Row> {
        self.permits.values().flatten()
    }

    /// The document behind a finding about a permit: the version named, else the one issued last
    /// before `time`, else the first.
    pub(super) fn permit(&self, permit_no: &str, version: Option<i32>, time: i64) -> Option<&Row> {
        let documents = self.permits.get(permit_no)?;
        let number = |row: &Row, name: &str| row.get(name).and_then(Value::as_i64);
        version
            .and_then(|version| {
                documents
                    .iter()
                    .rev()
                    .find(|row| number(row, "permit_version") == Some(i64::from(version)))
            })
            .or_else(|| {
                let issued = |row: &&Row| number(row, "issued_at").is_some_and(|at| at <= time);
                documents.iter().rev().find(issued)
            })
            .or_else(|| documents.first())
    }

    /// The binding of a logger's factor at a time: the one issued last.
    pub(super) fn of(&self, mn: &str, factor: Option<&str>, time: i64) -> Option<&Row> {
        let at = self
            .bindings
            .partition_point(|row| row.get("mn").and_then(Value::as_str) < Some(mn));
        let covers = |row: &Row| {
            let factors = row
                .get("factors")
                .and_then(Value::as_str)
                .unwrap_or_default();
            factors.is_empty()
                || factor.is_none_or(|factor| factors.split(',').any(|f| f == factor))
        };
        self.bindings[at..]
            .iter()
            .take_while(|row| row.get("mn").and_then(Value::as_str) == Some(mn))
            .filter(|row| {
                let bound = |name| row.get(name).and_then(Value::as_i64);
                bound("bound_from").is_some_and(|from| from <= time)
                    && bound("bound_to").is_some_and(|to| time < to)
                    && covers(row)
            })
            .last()
    }
}

/// A finding as a row of the table.
pub(super) fn anomaly(
    configured: &Configured,
    finding: &Finding,
    evidence: String,
    outlets: &Outlets,
    as_of: i64,
    readings_version: i64,
) -> Anomaly {
    let rule = &configured.rule;
    let worst = finding.worst();
    let (start, end) = (finding.start(), finding.end());
    let logger = worst.mn.as_deref();
    // A permit that has run out binds no logger any more, but still says whose it is.
    let binding = logger
        .and_then(|mn| outlets.of(mn, worst.factor.as_deref(), worst.start))
        .or_else(|| {
            let permit_no = worst.permit_no.as_deref()?;
            outlets.permit(permit_no, worst.permit_version, worst.start)
        });
    let bound = |name: &str| {
        binding
            .and_then(|row| row.get(name))
            .and_then(Value::as_str)
            .map(str::to_owned)
    };
    let excess = match (worst.observed, worst.limit) {
        (Some(observed), Some(limit)) if limit > 0.0 => Some(observed / limit),
        _ => None,
    };
    // A finding about a permit is known by its numbers, one about a logger by the logger: the
    // outlet a logger is bound to may be learned later.
    let registry = |part: &Option<String>| part.clone().filter(|_| worst.mn.is_none());
    let (permit, outlet) = (registry(&worst.permit_no), registry(&worst.outlet_uid));
    let subject = [
        worst.mn.as_deref(),
        permit.as_deref(),
        outlet.as_deref(),
        worst.factor.as_deref(),
    ];
    let mut anomaly = Anomaly {
        anomaly_id: Anomaly::id(&rule.id, rule.version, &subject, start),
        rule_id: rule.id.clone(),
        rule_version: rule.version,
        params_hash: configured.params_hash.clone(),
        rule_group: rule.group.clone(),
        severity: finding.severity.code().to_owned(),
        phase: Phase::of(end, as_of),
        status: Status::Open,
        permit_no: worst.permit_no.clone().or_else(|| bound("permit_no")),
        unit_name: bound("unit_name"),
        org_code: bound("org_code"),
        outlet_uid: worst.outlet_uid.clone().or_else(|| bound("outlet_uid")),
        mn: worst.mn.clone(),
        factor: worst.factor.clone(),
        window_start: start,
        window_end: end,
        observed: worst.observed,
        limit_value: worst.limit,
        unit: worst.unit.clone(),
        excess_ratio: excess,
        points: finding.windows.iter().map(|window| window.points).sum(),
        permit_version: worst.permit_version.or_else(|| {
            let version = binding?.get("permit_version")?.as_i64()?;
            i32::try_from(version).ok()
        }),
        exempt_code: worst.exempt.clone(),
        reason: String::new(),
        evidence_sha256: Anomaly::sha256(&evidence),
        evidence,
        readings_version,
        first_seen_at: as_of,
        last_seen_at: as_of,
        withdrawn_reason: None,
        date: nonsite_schemas::time::beijing_day(start),
    };
    // A name the front matter does not have was refused when the row was read.
    let (zh, en) = rule
        .sentence(worst.say.as_deref())
        .unwrap_or((&rule.reason_zh, &rule.reason_en));
    // A factor is called by its name; its code, which the data have, stands behind it.
    let code = anomaly.factor.clone().unwrap_or_else(|| "-".to_owned());
    let (zh_name, en_name) = match reference::factor(&code) {
        Some(factor) => (
            format!("{}（{code}）", factor.name_zh),
            format!("{} ({code})", factor.name_en),
        ),
        None => (code.clone(), code),
    };
    anomaly.reason = format!(
        "{} / {}",
        filled(zh, &zh_name, &anomaly),
        filled(en, &en_name, &anomaly)
    );
    anomaly
}

/// Fills a sentence's placeholders.
fn filled(template: &str, factor: &str, anomaly: &Anomaly) -> String {
    let number = |value: Option<f64>| {
        value.map_or_else(
            || "-".to_owned(),
            |value| format!("{}", (value * 1e4).round() / 1e4),
        )
    };
    let time = |micros: i64| beijing(micros)[..16].replace('T', " ");
    let text = |value: &Option<String>| value.clone().unwrap_or_else(|| "-".to_owned());
    template
        .replace("{observed}", &number(anomaly.observed))
        .replace("{limit}", &number(anomaly.limit_value))
        .replace("{unit}", anomaly.unit.as_deref().unwrap_or_default())
        .replace("{start}", &time(anomaly.window_start))
        .replace("{end}", &time(anomaly.window_end))
        .replace("{day}", &beijing(anomaly.window_start)[..10])
        .replace("{points}", &anomaly.points.to_string())
        .replace("{factor}", factor)
        .replace("{mn}", &text(&anomaly.mn))
        .replace("{permit_no}", &text(&anomaly.permit_no))
        .replace("{outlet}", &text(&anomaly.outlet_uid))
        .replace("{unit_name}", &text(&anomaly.unit_name))
}
