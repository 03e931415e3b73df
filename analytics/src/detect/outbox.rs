//! What became of findings into the outbox: to be sent, held as part of a flood, or kept as a
//! repetition.
//!
//! Three kinds: new findings; known ones that last longer, became worse, were confirmed or stand
//! again; known ones that fell. That one only goes on is told no more often a day than new findings
//! of its rule are; everything else is told at once.
//!
//! Invariants: why an alert is kept back is written before the alert, so a crash in between sends
//! nothing that is held; both are known by the alert's id, so a repeated run adds nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use nonsite_schemas::tables::{self, TableDef};
use nonsite_schemas::time::{beijing_day, beijing_day_start};
use nonsite_schemas::wire::alert::{self as wire, AlertKind};
use serde_json::{Map, Value, json};

use super::anomaly::Anomaly;
use super::catalogue::Catalogue;
use super::flood::{self, Floods};
use super::rise::Rises;
use super::state::State;
use crate::alert::collapse::{Told, collapse};
use crate::alert::known::{Known, News};
use crate::alert::{self, Alert, publish};
use crate::session::{Error, Session, append, ensure, rows};

/// What became of a run's alerts.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Outbox {
    /// To be sent.
    pub(super) sent: usize,
    /// Held as part of a flood.
    pub(super) held: usize,
    /// Repetitions of the day.
    pub(super) collapsed: usize,
}

/// What alerts are made of.
pub(super) struct Given<'a> {
    pub(super) state: &'a State,
    pub(super) suspended: &'a [String],
    /// Alerts of one outlet, rule and day; nothing when they are not bounded.
    pub(super) per_day: Option<u64>,
    pub(super) as_of: i64,
}

/// Alerts of one outlet, rule and day, as rule A10 has it; unbounded where it does not run.
pub(super) fn per_day(catalogue: &Catalogue) -> Option<u64> {
    let guard = catalogue
        .rules()
        .iter()
        .find(|configured| configured.rule.id == flood::RULE)?;
    let most = guard.values.get("alerts_per_day")?.real();
    // Bounded by the rule's file to small whole numbers.
    Some(most as u64)
}

/// Writes the alerts of a run.
pub(super) async fn write(
    store: &Path,
    session: &Session,
    given: &Given<'_>,
) -> Result<Outbox, Error> {
    let Given { state, as_of, .. } = *given;
    let opened: Vec<&Anomaly> = state
        .opened()
        .iter()
        .filter_map(|id| state.get(id))
        .filter(|a| a.is_open() && !given.suspended.contains(&a.rule_id))
        .collect();
    let withdrawn: Vec<&Anomaly> = state
        .withdrawn()
        .iter()
        .filter_map(|id| state.get(id))
        .collect();
    if state.changed().is_empty() {
        return Ok(Outbox::default());
    }
    let rises = Rises::of(state.open());
    let floods = Floods::of(state.open(), flood::decisions(session, as_of).await?);
    let mut free = Vec::new();
    let mut kept: BTreeMap<String, Vec<&Anomaly>> = BTreeMap::new();
    for anomaly in opened {
        match floods.of_finding(anomaly) {
            None => free.push(anomaly),
            Some(_) => {
                let scope = flood::scope(&anomaly.rule_id, anomaly.org_code.as_deref());
                kept.entry(scope).or_default().push(anomaly);
            }
        }
    }
    let ids = Ids::load(session).await?;
    let fresh = |alerts: Vec<Alert>| -> Vec<Alert> {
        let mut alerts = alerts;
        alerts.retain(|alert| !ids.alerts.contains(&alert.alert_id));
        alerts
    };
    let alerts = fresh(alert::group(&free, &withdrawn, &rises, as_of));
    let (mut sent, repeats) = match given.per_day {
        Some(most) if !alerts.is_empty() => {
            let opened = Some(alert::OPENED);
            let mut told = told(session, state, &rises, &ids, &free, opened).await?;
            let severity = |anomaly: &Anomaly| rises.severity(anomaly);
            collapse(alerts, |id| state.get(id), severity, &mut told, most)
        }
        _ => (alerts, Vec::new()),
    };
    let changes = Changes {
        session,
        given,
        rises: &rises,
        ids: &ids,
        withdrawn: &withdrawn,
    };
    let free: BTreeSet<&str> = free.iter().map(|a| a.anomaly_id.as_str()).collect();
    let held = |anomaly: &Anomaly| floods.of_finding(anomaly).is_some();
    sent.extend(fresh(changes.alerts(held, &free).await?));
    let begins = |alert: &Alert| {
        let lead = alert.anomaly_ids.first().and_then(|id| state.get(id));
        lead.map_or(as_of, |anomaly| anomaly.window_start)
    };
    let mut reasons = Vec::new();
    let mut rows: Vec<Map<String, Value>> = sent.iter().map(Alert::row).collect();
    let mut outbox = Outbox {
        sent: sent.len(),
        collapsed: repeats.len(),
        held: 0,
    };
    for (alert, before) in &repeats {
        let why = format!("the outlet was told of the same rule that day by alert {before}");
        reasons.push(json!({
            "alert_id": alert.alert_id, "kind": "collapsed", "scope": null,
            "begins": begins(alert), "why": why, "at": as_of,
        }));
        rows.push(alert.row());
    }
    for (scope, members) in &kept {
        for alert in fresh(alert::group(members, &withdrawn, &rises, as_of)) {
            let begins = begins(&alert);
            let why = floods
                .held(scope, begins)
                .map_or_else(String::new, |held| held.told());
            reasons.push(json!({
                "alert_id": alert.alert_id, "kind": "flood", "scope": scope, "begins": begins,
                "why": why, "at": as_of,
            }));
            rows.push(alert.row());
            outbox.held += 1;
        }
    }
    let reasons: Vec<Map<String, Value>> = reasons
        .into_iter()
        .filter_map(|row| match row {
            Value::Object(row) => Some(row),
            _ => None,
        })
        .filter(|row| !rows::text(row, "alert_id").is_some_and(|id| ids.held.contains(&id)))
        .collect();
    add(store, &tables::alerts_held(), &reasons).await?;
    super::faults::after("held");
    add(store, &tables::alerts(), &rows).await?;
    Ok(outbox)
}

/// What a run changed about findings that receivers know.
struct Changes<'a> {
    session: &'a Session,
    given: &'a Given<'a>,
    rises: &'a Rises,
    ids: &'a Ids,
    withdrawn: &'a [&'a Anomaly],
}

impl Changes<'_> {
    /// Alerts about them. `held` says of a finding that a flood holds it; `opened` are those that
    /// were opened in this run.
    ///
    /// That a finding goes on and its outlet was told often enough that day is not put into the
    /// outbox at all: the next alert about it tells its whole time.
    async fn alerts(
        &self,
        held: impl Fn(&Anomaly) -> bool,
        opened: &BTreeSet<&str>,
    ) -> Result<Vec<Alert>, Error> {
        let Given { state, as_of, .. } = *self.given;
        let standing: Vec<&Anomaly> = state
            .changed()
            .iter()
            .filter_map(|id| state.get(id))
            .filter(|a| a.is_open() && !self.given.suspended.contains(&a.rule_id) && !held(a))
            .collect();
        let known = self.known(&standing).await?;
        let (mut graver, mut longer) = (Vec::new(), Vec::new());
        for anomaly in standing {
            let before = opened
                .contains(anomaly.anomaly_id.as_str())
                .then(|| alert::replaced(anomaly, self.withdrawn))
                .flatten();
            // Under its new id it is new to receivers, who know it by the old one.
            let moved = before.is_some_and(|old| known.stands(&old.anomaly_id));
            match known.news(anomaly, &self.rises.severity(anomaly)) {
                Some(News::Graver) => graver.push(anomaly),
                Some(News::Longer) => longer.push(anomaly),
                None if moved && !known.stands(&anomaly.anomaly_id) => graver.push(anomaly),
                None => {}
            }
        }
        let fallen = self
            .withdrawn
            .iter()
            .copied()
            .filter(|anomaly| known.stands(&anomaly.anomaly_id))
            .collect();
        let going_on = alert::tell(AlertKind::Updated, longer.clone(), self.rises, as_of);
        let mut sent = match self.given.per_day {
            Some(most) if !longer.is_empty() => {
                let rises = self.rises;
                let mut told = told(self.session, state, rises, self.ids, &longer, None).await?;
                let severity = |anomaly: &Anomaly| rises.severity(anomaly);
                collapse(going_on, |id| state.get(id), severity, &mut told, most).0
            }
            _ => going_on,
        };
        sent.extend(alert::tell(AlertKind::Updated, graver, self.rises, as_of));
        sent.extend(alert::tell(AlertKind::Withdrawn, fallen, self.rises, as_of));
        Ok(sent)
    }

    /// What receivers know of these findings and of those that fell.
    async fn known(&self, standing: &[&Anomaly]) -> Result<Known, Error> {
        let concerned = standing.iter().chain(self.withdrawn);
        let Some(first) = concerned.map(|anomaly| anomaly.first_seen_at).min() else {
            return Ok(Known::default());
        };
        let kept = publish::kept(self.session, self.given.as_of).await?;
        let sql = format!(
            "SELECT alert_id, payload FROM alerts
             WHERE arrow_cast(created_at, 'Int64') >= {first} ORDER BY created_at, alert_id"
        );
        let batches = self.session.rows("alerts of these findings", &sql).await?;
        let mut known = Known::default();
        for row in objects(&batches)? {
            let id = rows::text(&row, "alert_id").unwrap_or_default();
            let payload = rows::text(&row, "payload").unwrap_or_default();
            // What this program wrote it can read; a row of another program's is nobody's finding.
            if let Ok(event) = serde_json::from_str::<wire::Alert>(&payload)
                && !kept.contains(&id)
            {
                known.note(&event);
            }
        }
        Ok(known)
    }
}

/// Ids of alerts that are in the outbox, and of those that are kept back.
struct Ids {
    alerts: BTreeSet<String>,
    held: BTreeSet<String>,
}

impl Ids {
    async fn load(session: &Session) -> Result<Self, Error> {
        let ids = async |table: &str| -> Result<BTreeSet<String>, Error> {
            let sql = format!("SELECT alert_id FROM {table}");
            let batches = session.rows(table, &sql).await?;
            let found = objects(&batches)?;
            Ok(found
                .iter()
                .filter_map(|row| rows::text(row, "alert_id"))
                .collect())
        };
        Ok(Self {
            alerts: ids("alerts").await?,
            held: ids("alerts_held").await?,
        })
    }
}

/// What outlets were told since the first day of these findings, by alerts of one kind or of all.
async fn told(
    session: &Session,
    state: &State,
    rises: &Rises,
    ids: &Ids,
    findings: &[&Anomaly],
    kind: Option<AlertKind>,
) -> Result<Told, Error> {
    let first = findings.iter().map(|a| a.window_start).min().unwrap_or(0);
    let of_kind = kind.map_or_else(String::new, |kind| {
        format!("AND kind = '{}'", kind.as_str())
    });
    let sql = format!(
        "SELECT alert_id, anomaly_ids FROM alerts
         WHERE arrow_cast(created_at, 'Int64') >= {} {of_kind} ORDER BY created_at, alert_id",
        beijing_day_start(beijing_day(first))
    );
    let batches = session.rows("alerts of these days", &sql).await?;
    let mut told = Told::default();
    for row in objects(&batches)? {
        let Some(alert_id) = rows::text(&row, "alert_id") else {
            continue;
        };
        if ids.held.contains(&alert_id) {
            continue;
        }
        let members = rows::text(&row, "anomaly_ids").unwrap_or_default();
        let members: Vec<String> = serde_json::from_str(&members).unwrap_or_default();
        let members: Vec<(&Anomaly, String)> = members
            .iter()
            .filter_map(|id| state.get(id))
            .map(|anomaly| (anomaly, rises.severity(anomaly)))
            .collect();
        told.note(&alert_id, &members);
    }
    Ok(told)
}

async fn add(store: &Path, def: &TableDef, given: &[Map<String, Value>]) -> Result<(), Error> {
    if given.is_empty() {
        return Ok(());
    }
    let batch = rows::batch(&def.schema, given)
        .map_err(|error| Error::query(format!("rows of table `{}`", def.name))(error.into()))?;
    let table = ensure(store, def).await?;
    append(&table, def, batch, Vec::new()).await
}

fn objects(batches: &[arrow::record_batch::RecordBatch]) -> Result<Vec<Map<String, Value>>, Error> {
    rows::objects(batches).map_err(|error| Error::query("alerts")(error.into()))
}
