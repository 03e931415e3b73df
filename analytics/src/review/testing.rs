//! Findings, people and a queue for tests.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use nonsite_schemas::time::ManualClock;
use tempfile::TempDir;

use super::calendar::HOUR;
use super::case::Case;
use super::dossier::CODES;
use super::error::Error;
use super::evidence::EvidenceKind;
use super::intake::Finding;
use super::machine::Machine;
use super::parts::{Role, Severity};
use super::recheck::{Recheck, Rechecked, Verdict as RecheckVerdict};
use super::registry::{Registered, Registry};
use super::service::Service;
use super::settings::Config;
use super::sqlite::SqliteStore;
use super::step::{Actor, Attachment, Input};
use super::store::Store;
use crate::fixtures::PERMIT_NO;

/// Monday, 2 March 2026, 09:00 in Beijing.
pub(super) fn monday() -> i64 {
    crate::ratio::parse_as_of("2026-03-02 09:00:00").unwrap()
}

pub(super) fn finding(id: &str, severity: Severity) -> Finding {
    Finding {
        anomaly_id: format!("anomaly-{id}"),
        rule_id: "E01".to_owned(),
        rule_version: 1,
        rule_group: "exceedance".to_owned(),
        severity,
        confirmed: true,
        withdrawn: None,
        exempt_code: None,
        permit_no: Some("91370500MA3C000000001P".to_owned()),
        unit_name: Some("Plant".to_owned()),
        org_code: Some("370522".to_owned()),
        outlet_uid: Some(format!("outlet-{id}")),
        mn: Some(format!("mn-{id}")),
        factor: Some("a21026".to_owned()),
        window_start: monday() - 24 * HOUR,
        window_end: monday() - 23 * HOUR,
        observed: Some(52.5),
        limit_value: Some(35.0),
        unit: Some("mg/m3".to_owned()),
        reason: "二氧化硫小时均值超标 / hourly SO2 above the limit".to_owned(),
        evidence_sha256: "00".repeat(32),
    }
}

pub(super) fn person(name: &str, role: Role) -> Actor {
    Actor {
        name: name.to_owned(),
        role,
        certificate: None,
        org: Some("370522".to_owned()),
        client: "test".to_owned(),
    }
}

/// Every field any action needs, with an attachment.
pub(super) fn papers() -> Input {
    let resolved: Vec<String> = CODES
        .iter()
        .map(|code| format!("{code}=looked into"))
        .collect();
    let mut input = Input::default().with("resolved", &resolved.join("; "));
    for (name, value) in [
        ("reason", "documented"),
        ("channel", "client"),
        ("receipt", "r-1"),
        ("cause", "abatement_fault"),
        ("statement", "pump failed"),
        ("act", "act-1"),
        ("officers", "o-1, o-2"),
        ("approval", "approval-1"),
        ("measures", "pump replaced"),
        ("owner", "manager, 13800000000"),
        ("plan_due", "2026-03-03"),
        ("minutes", "minutes-1"),
        ("samples", "S-1, station"),
        ("no_video", "recorder broken"),
        ("evidence_list", "hourly values, photo"),
        ("list", "case file, evidence"),
        ("measure_date", "2026-03-02"),
        ("promise", "manager"),
        ("opinion", "complete"),
        ("facts", "limit exceeded"),
        ("case_form", "form-1"),
        ("case_no", "case-1"),
        ("decision", "decision-1"),
        ("major", "no"),
        ("finding", "first, minor and corrected"),
        ("education", "education-1"),
        ("closing", "false_alarm"),
    ] {
        input = input.with(name, value);
    }
    input.attachments.push(Attachment {
        name: "pump.jpg".to_owned(),
        sha256: "ab".repeat(32),
        kind: Some(EvidenceKind::After),
        facts: None,
    });
    input
}

/// The same, with the checklist that the action asks for.
pub(super) fn papers_for(action: &str) -> Input {
    let answer = match action {
        "return" => "fail: not enough",
        _ => "pass",
    };
    let items: Vec<String> = Machine::built_in()
        .items()
        .iter()
        .map(|item| format!("{}={answer}", item.name))
        .collect();
    let papers = papers().with("items", &items.join("; "));
    match action {
        "mark" => marking(papers),
        _ => papers,
    }
}

/// The same with a mark of an hour of the day before [`monday`].
fn marking(papers: Input) -> Input {
    papers
        .with("code", "calibration")
        .with("from", "2026-03-01 09:00:00")
        .with("to", "2026-03-01 10:00:00")
}

/// The same, with the reason for closing that fits the state.
pub(super) fn papers_in(state: &str, action: &str) -> Input {
    let way = Machine::built_in().way(state, action);
    let codes = way.and_then(|way| way.codes.get("closing"));
    match codes.and_then(|codes| codes.first()) {
        Some(code) => papers_for(action).with("closing", code),
        None => papers_for(action),
    }
}

/// What running a rule again came to.
pub(super) fn rechecked(verdict: RecheckVerdict) -> Rechecked {
    let fires = verdict == RecheckVerdict::StillFailing;
    Rechecked {
        verdict,
        why: format!("the rule: {}", verdict.code()),
        hours: 48,
        findings: u64::from(fires),
        first: fires.then(|| monday() + 2 * 24 * HOUR),
        ..Rechecked::not_run("")
    }
}

/// What a rule says when it is run again: silent until told otherwise. `None`: there are no tables.
#[derive(Debug)]
pub(super) struct Told(pub(super) Mutex<Option<RecheckVerdict>>);

#[async_trait::async_trait]
impl Recheck for Told {
    async fn run(&self, _case: &Case, _until: i64) -> Result<Rechecked, Error> {
        let told = *self.0.lock().unwrap();
        told.map(rechecked).ok_or_else(away)
    }
}

fn away() -> Error {
    Error::Tables(crate::session::Error::Asked {
        what: "the tables are away".to_owned(),
    })
}

/// Knows the permit of the fixtures while there are tables.
#[async_trait::async_trait]
impl Registry for Told {
    async fn look_up(&self, permit_no: &str, _at: i64) -> Result<Option<Registered>, Error> {
        if self.0.lock().unwrap().is_none() {
            return Err(away());
        }
        Ok((permit_no == PERMIT_NO).then(|| Registered {
            permit_version: 3,
            admin_code: Some("130200".to_owned()),
            positive_list: true,
        }))
    }
}

/// A queue on a store of its own, with a clock that stands at [`monday`].
pub(super) struct Bench {
    pub(super) service: Service,
    pub(super) clock: Arc<ManualClock>,
    pub(super) told: Arc<Told>,
    /// The schema of a PostgreSQL queue.
    pub(super) schema: Option<String>,
    /// Keeps what the store lives in.
    pub(super) folder: Option<TempDir>,
    /// Holds the evidence, and files a test makes up.
    pub(super) files: TempDir,
}

impl Bench {
    pub(super) fn on(store: Arc<dyn Store>, config: &Config, folder: Option<TempDir>) -> Self {
        let clock = Arc::new(ManualClock::at(monday()));
        let files = TempDir::new().unwrap();
        let config = Config {
            evidence_dir: files.path().join("evidence"),
            ..config.clone()
        };
        let told = Arc::new(Told(Mutex::new(Some(RecheckVerdict::Silent))));
        let service = Service::on(store, &config, Arc::<ManualClock>::clone(&clock))
            .with_recheck(Arc::<Told>::clone(&told))
            .with_registry(Arc::<Told>::clone(&told));
        Self {
            service,
            clock,
            told,
            schema: None,
            folder,
            files,
        }
    }

    pub(super) async fn sqlite(config: &Config) -> Self {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("queue").join("review.sqlite");
        let store = SqliteStore::open(&path, Duration::from_secs(30))
            .await
            .unwrap();
        Self::on(Arc::new(store), config, Some(folder))
    }

    pub(super) async fn postgres(config: &Config) -> Self {
        let schema = super::testing_postgres::schema().await;
        let address = super::testing_postgres::address();
        let store = super::testing_postgres::open(address, &schema).await;
        Self {
            schema: Some(schema),
            ..Self::on(Arc::new(store), config, None)
        }
    }

    /// The file of a SQLite queue.
    pub(super) fn path(&self) -> std::path::PathBuf {
        self.folder
            .as_ref()
            .unwrap()
            .path()
            .join("queue")
            .join("review.sqlite")
    }

    /// From now on this is what rules say when they are run again.
    pub(super) fn tell(&self, verdict: Option<RecheckVerdict>) {
        *self.told.0.lock().unwrap() = verdict;
    }

    pub(super) fn clock_now(&self) -> i64 {
        nonsite_schemas::time::Clock::now_micros(self.clock.as_ref())
    }

    /// Opens one case and returns its id.
    pub(super) async fn open(&self, id: &str, severity: Severity) -> String {
        let finding = finding(id, severity);
        self.service
            .take_anomalies(std::slice::from_ref(&finding))
            .await
            .unwrap();
        Case::id_of(&finding.anomaly_id)
    }

    /// Acts with all papers; the state afterwards.
    pub(super) async fn act(&self, case: &str, action: &str, name: &str, role: Role) -> String {
        self.clock.advance(60_000_000);
        let before = self.service.show(case).await.unwrap().case;
        let input = papers_in(&before.state, action);
        self.service
            .act(case, action, &person(name, role), &input)
            .await
            .unwrap_or_else(|error| panic!("{error}"))
            .state
    }

    /// Acts and expects a refusal; its text.
    pub(super) async fn refuses(&self, case: &str, action: &str, name: &str, role: Role) -> String {
        match self
            .service
            .act(case, action, &person(name, role), &papers_for(action))
            .await
        {
            Ok(case) => panic!("`{action}` was possible and led to `{}`", case.state),
            Err(error) => error.to_string(),
        }
    }
}
