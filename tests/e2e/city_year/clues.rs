//! Five thousand clues, each sent the way the generator says: the targets of the case work are what
//! follows from these ways.

use std::collections::BTreeMap;
use std::sync::Arc;

use nonsite_analytics::review::{
    Actor, Attachment, Config, Finding, Input, Role, Service, Severity,
};
use nonsite_generator::city_year::{CityYear, Clue, Way, case_work};
use nonsite_schemas::time::ManualClock;
use serde_json::Value as Json;

use super::YEAR;
use crate::harness::sandbox::Sandbox;

const HOUR: i64 = 3_600_000_000;

fn finding(clue: &Clue) -> Finding {
    Finding {
        anomaly_id: clue.anomaly_id.clone(),
        rule_id: "E01".to_owned(),
        rule_version: 1,
        rule_group: "exceedance".to_owned(),
        severity: Severity::S3,
        confirmed: clue.confirmed,
        withdrawn: None,
        exempt_code: None,
        permit_no: Some(clue.permit_no.clone()),
        unit_name: Some(clue.unit_name.clone()),
        org_code: Some(clue.org_code.clone()),
        outlet_uid: Some(clue.outlet_uid.clone()),
        mn: None,
        factor: Some("a21026".to_owned()),
        window_start: clue.window_start,
        window_end: clue.window_start + HOUR,
        observed: Some(52.5),
        limit_value: Some(35.0),
        unit: Some("mg/m3".to_owned()),
        reason: "二氧化硫小时均值超标 / hourly SO2 above the limit".to_owned(),
        evidence_sha256: "00".repeat(32),
    }
}

/// The papers of every step; a step takes what it asks for.
fn papers(items: &str) -> Input {
    let mut input = Input::default();
    for (name, value) in [
        ("reason", "核对无误"),
        ("channel", "client"),
        ("receipt", "r-1"),
        ("cause", "abatement_fault"),
        ("statement", "循环泵故障"),
        ("act", "act-1"),
        ("officers", "o-1, o-2"),
        ("measures", "更换循环泵"),
        ("owner", "厂长 13800000000"),
        ("plan_due", "2025-01-03"),
        ("closing", "false_alarm"),
        // One day stands in the papers of the whole year.
        (
            "resolved",
            "measures_before_order=补录; same_trouble_again=已约谈",
        ),
        // The clues of this year have no data behind them.
        ("override", "手工监测报告"),
        ("measure_date", "2025-01-02"),
        ("promise", "厂长"),
        ("opinion", "整改到位"),
        ("items", items),
    ] {
        input = input.with(name, value);
    }
    input.attachments.push(Attachment {
        name: "pump.jpg".to_owned(),
        sha256: "ab".repeat(32),
        facts: None,
    });
    input
}

struct Desk {
    service: Service,
    clock: Arc<ManualClock>,
    good: Input,
    bad: Input,
}

impl Desk {
    async fn open(config: &Config) -> Self {
        let clock = Arc::new(ManualClock::at(0));
        let own = Arc::clone(&clock);
        let service = Service::open(config, own).await.unwrap();
        let items = |answer: &str| {
            let items = service.machine().items().iter();
            let items: Vec<String> = items
                .map(|item| format!("{}={answer}", item.name))
                .collect();
            papers(&items.join("; "))
        };
        let (good, bad) = (items("pass"), items("fail: 照片不清"));
        Self {
            service,
            clock,
            good,
            bad,
        }
    }

    async fn act(&self, case: &str, action: &str, who: (&str, Role)) {
        let actor = Actor {
            name: who.0.to_owned(),
            role: who.1,
            certificate: None,
            org: None,
            client: "test".to_owned(),
        };
        let answers = if action == "return" {
            &self.bad
        } else {
            &self.good
        };
        let mut input = answers.clone();
        if action != "submit" {
            input.attachments.clear();
        }
        let done = self.service.act(case, action, &actor, &input).await;
        done.unwrap_or_else(|error| panic!("{action} of {case}: {error}"));
    }

    async fn all(&self, cases: &[(String, Way)], ways: &[Way], steps: &[(&str, (&str, Role))]) {
        for (case, way) in cases {
            if ways.contains(way) {
                for (action, who) in steps {
                    self.act(case, action, *who).await;
                }
            }
        }
    }

    /// One batch, from Monday morning to the end of the look-backs.
    async fn batch(&self, clues: &[&Clue]) {
        use Way::{AnsweredFalse, Dismissed, Rectified, ReturnedOnce, Unanswered};
        let monday = clues[0].taken_at;
        let at = |hours: i64| self.clock.set(monday + hours * HOUR);
        at(0);
        let findings: Vec<Finding> = clues.iter().map(|clue| finding(clue)).collect();
        let taken = self.service.take_anomalies(&findings).await.unwrap();
        assert_eq!(
            (taken.triage, taken.merged, taken.reminded),
            (140, 60, 300),
            "{taken:?}"
        );
        let cases: Vec<(String, Way)> = clues
            .iter()
            .map(|clue| {
                (
                    nonsite_analytics::review::Case::id_of(&clue.anomaly_id),
                    clue.way,
                )
            })
            .collect();
        let ana = ("ana", Role::Analyst);
        let plant = ("plant", Role::Enterprise);
        let officer = ("o-1", Role::Officer);
        let asked = [AnsweredFalse, Unanswered, Rectified, ReturnedOnce];
        let answering = [AnsweredFalse, Rectified, ReturnedOnce];
        let mending = [Rectified, ReturnedOnce];
        at(1);
        self.all(
            &cases,
            &[Dismissed],
            &[("dismiss", ana), ("dismiss", ("ana-2", Role::Analyst))],
        )
        .await;
        self.all(&cases, &asked, &[("dispatch", ana), ("deliver", ana)])
            .await;
        at(24);
        self.all(
            &cases,
            &answering,
            &[("answer", plant), ("verify", officer)],
        )
        .await;
        at(26);
        self.all(
            &cases,
            &[AnsweredFalse],
            &[("dismiss", officer), ("dismiss", ("o-2", Role::Officer))],
        )
        .await;
        let archivist = ("arch", Role::Archivist);
        self.all(&cases, &[Dismissed, AnsweredFalse], &[("close", archivist)])
            .await;
        self.all(&cases, &mending, &[("rectify", officer)]).await;
        at(48);
        self.all(&cases, &mending, &[("submit", plant)]).await;
        at(50);
        let reviewer = ("rev", Role::Reviewer);
        self.all(&cases, &[Rectified], &[("approve", reviewer)])
            .await;
        self.all(&cases, &[ReturnedOnce], &[("return", reviewer)])
            .await;
        at(72);
        self.all(&cases, &[ReturnedOnce], &[("submit", plant)])
            .await;
        at(74);
        self.all(&cases, &[ReturnedOnce], &[("approve", reviewer)])
            .await;
        at(24 * 14);
        self.service.tick().await.unwrap();
    }
}

/// Five thousand clues through the queue, and `nonsite stats` over them.
pub(super) fn the_case_work_is_what_was_put_in(sandbox: &mut Sandbox, city: &CityYear) {
    let database = sandbox.file("clues.sqlite");
    sandbox.set("review.database", database.to_str().unwrap());
    let text = format!("database = {:?}", database.to_str().unwrap());
    let config: Config = toml::from_str(&text).unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let desk = Desk::open(&config).await;
        let mut batches: BTreeMap<usize, Vec<&Clue>> = BTreeMap::new();
        for clue in &city.clues {
            batches.entry(clue.batch).or_default().push(clue);
        }
        for clues in batches.values() {
            desk.batch(clues).await;
        }
        // To the end of the last look-backs.
        let last = city.clues.iter().map(|clue| clue.taken_at).max().unwrap();
        desk.clock.set(last + 45 * 24 * HOUR);
        desk.service.tick().await.unwrap();
    });
    let year = YEAR.to_string();
    let words = [
        "stats",
        "--year",
        &year,
        "--as-of",
        "2026-01-31",
        "--format",
        "json",
    ];
    let figures = sandbox.run(&words).done().json();
    let figures = figures.as_array().unwrap();
    for (code, bodies) in case_work(&city.clues) {
        let figure = figures.iter().find(|figure| figure["code"] == code);
        let figure = figure.unwrap_or_else(|| panic!("no {code}"));
        let counts = |rate: &Json| (rate["hits"].as_u64().unwrap(), rate["of"].as_u64().unwrap());
        let found: BTreeMap<String, (u64, u64)> = figure["by_org"]
            .as_object()
            .unwrap()
            .iter()
            .map(|(org, rate)| (org.clone(), counts(rate)))
            .collect();
        assert_eq!(found, bodies, "{code}");
        let sum = bodies
            .values()
            .fold((0, 0), |sum, own| (sum.0 + own.0, sum.1 + own.1));
        assert_eq!(counts(&figure["rate"]), sum, "{code}");
    }
    // The whole chain: 550 problems, all four links closed.
    let chain = figures
        .iter()
        .find(|figure| figure["code"] == "chain_complete")
        .unwrap();
    assert_eq!(
        (chain["hits"].as_f64(), chain["of"].as_f64()),
        (Some(550.0), Some(550.0)),
        "{chain}"
    );
    samples_repeat(sandbox);
}

/// A sample for an audit follows from its seed, and says why a case had more lots.
fn samples_repeat(sandbox: &Sandbox) {
    let asked = [
        "inspection",
        "sample",
        "--year",
        "2025",
        "--as-of",
        "2026-01-31",
        "--seed",
        "2026-001",
        "--count",
        "20",
    ];
    let drawn = sandbox
        .run(&[&asked[..], &["--format", "json"]].concat())
        .done()
        .json();
    // Rectified, returned once, dismissed and answered for nothing are on file; merged and open are not.
    assert_eq!(
        drawn["list"].as_array().unwrap().len(),
        550 + 600,
        "closed cases"
    );
    assert_eq!(drawn["chosen"].as_array().unwrap().len(), 20);
    assert_eq!(drawn["unweighted"], 10);
    let again = sandbox
        .run(&[&asked[..], &["--format", "json"]].concat())
        .done();
    assert_eq!(again.json(), drawn);
    let id = drawn["draw_id"].as_str().unwrap();
    sandbox.run(&["inspection", "draw", "--verify", id]).done();
    let words = [
        "inspection",
        "sample",
        "--reviewers",
        "--year",
        "2025",
        "--as-of",
        "2026-01-31",
        "--format",
        "json",
    ];
    let habits = sandbox.run(&words).done().json();
    let rev = &habits["reviewers"][0];
    assert_eq!(
        (rev["decisions"].as_u64(), rev["returns"].as_u64()),
        (Some(700), Some(150))
    );
    assert_eq!(rev["return_percent"], "21.43");
    assert_eq!(rev["median_minutes"], 120.0);
    // One photo in every submission.
    assert_eq!(habits["reuse"][0]["cases"].as_array().unwrap().len(), 550);
}
