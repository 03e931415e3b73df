//! Five thousand clues, each sent the way the generator says: the targets of the case work are what
//! follows from these ways.

use std::collections::BTreeMap;
use std::sync::Arc;

use nonsite_analytics::ratio::{Period, parse_as_of};
use nonsite_analytics::review::{
    Actor, Attachment, Case, Config, EvidenceKind, Figure, Finding, Input, Role, Service, Severity,
};
use nonsite_generator::city_year::clues::{ANSWERED, BACK, JUDGED, SENT};
use nonsite_generator::city_year::{CityYear, Clue, Counts, Way, case_work};
use nonsite_schemas::time::ManualClock;
use serde_json::Value as Json;

use super::{YEAR, percent, text};
use crate::harness::sandbox::Sandbox;

const HOUR: i64 = 3_600_000_000;
/// After the last look-back.
const OVER: &str = "2026-01-31";

fn finding(clue: &Clue) -> Finding {
    Finding {
        anomaly_id: clue.anomaly_id.clone(),
        rule_id: "E01".to_owned(),
        rule_version: 1,
        rule_group: "exceedance".to_owned(),
        severity: if clue.way == Way::TwoSignatures {
            Severity::S2
        } else {
            Severity::S3
        },
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

/// The same trouble on the same outlet, after its rectification was approved.
fn back(clue: &Clue) -> Finding {
    let window_start = clue.taken_at + (BACK - 2) * HOUR;
    Finding {
        anomaly_id: format!("{}-back", clue.anomaly_id),
        window_start,
        window_end: window_start + HOUR,
        ..finding(clue)
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
        ("approval", "审批-1"),
        ("minutes", "笔录-1"),
        ("samples", "未采样"),
        ("no_video", "记录仪故障"),
        ("no_proof", "说明已足"),
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
        kind: Some(EvidenceKind::After),
        facts: None,
    });
    input
}

type Person = (&'static str, Role);

const ANA: Person = ("ana", Role::Analyst);
const PLANT: Person = ("plant", Role::Enterprise);
const OFFICER: Person = ("o-1", Role::Officer);
const APPROVER: Person = ("boss", Role::Approver);
const REVIEWER: Person = ("rev", Role::Reviewer);
const ARCHIVIST: Person = ("arch", Role::Archivist);

/// What is done to a clue that goes this way, and when, in hours after its batch was taken.
fn steps(way: Way) -> Vec<(i64, &'static str, Person)> {
    let mut steps = Vec::new();
    if way == Way::Dismissed {
        steps.extend([
            (SENT, "dismiss", ANA),
            (SENT, "dismiss", ("ana-2", Role::Analyst)),
            (JUDGED, "close", ARCHIVIST),
        ]);
    }
    if way.answered().is_some() {
        steps.extend([(SENT, "dispatch", ANA), (SENT, "deliver", ANA)]);
    }
    if way.answered() == Some(true) {
        steps.push((ANSWERED, "answer", PLANT));
    }
    match way {
        Way::Visited => steps.extend([
            (ANSWERED, "escalate", OFFICER),
            (ANSWERED, "approve_onsite", APPROVER),
            (ANSWERED + 1, "onsite", OFFICER),
        ]),
        Way::AnsweredFalse => steps.extend([
            (ANSWERED, "verify", OFFICER),
            (JUDGED, "dismiss", OFFICER),
            (JUDGED, "dismiss", ("o-2", Role::Officer)),
            (JUDGED, "close", ARCHIVIST),
        ]),
        _ if way.ordered() => steps.push((ANSWERED, "verify", OFFICER)),
        _ => {}
    }
    if way.ordered() {
        steps.push((JUDGED, "rectify", OFFICER));
    }
    for one in way.submissions() {
        steps.push((one.submitted, "submit", PLANT));
        match one.decided {
            Some(decided) if way == Way::TwoSignatures => steps.extend([
                (decided - 2, "approve", REVIEWER),
                (decided, "approve", ("rev-2", Role::Reviewer)),
            ]),
            Some(decided) if one.approved => steps.push((decided, "approve", REVIEWER)),
            Some(decided) => steps.push((decided, "return", REVIEWER)),
            None => {}
        }
    }
    steps
}

/// How many clues of a batch go ways of this kind.
fn many(which: impl Fn(Way) -> bool) -> u64 {
    let shares = Way::SHARES.iter().filter(|(way, _)| which(*way));
    shares.map(|(_, many)| *many as u64).sum()
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

    async fn act(&self, clue: &Clue, action: &str, who: Person) {
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
        // The visit is the workflow's own act, with the photo taken there.
        let visits = clue.way == Way::Visited && matches!(action, "onsite" | "rectify");
        if visits {
            input.fields.remove("act");
        } else if action != "submit" {
            input.attachments.clear();
        }
        let case = Case::id_of(&clue.anomaly_id);
        let done = self.service.act(&case, action, &actor, &input).await;
        done.unwrap_or_else(|error| panic!("{action} of {case}, {:?}: {error}", clue.way));
    }

    /// One batch, from Monday morning to the end of the look-backs.
    async fn batch(&self, clues: &[&Clue]) {
        let monday = clues[0].taken_at;
        let at = |hours: i64| self.clock.set(monday + hours * HOUR);
        at(0);
        let findings: Vec<Finding> = clues.iter().map(|clue| finding(clue)).collect();
        let taken = self.service.take_anomalies(&findings).await.unwrap();
        let (merged, reminded) = (
            many(|way| way == Way::Merged),
            many(|way| way == Way::Reminded),
        );
        assert_eq!(
            (taken.triage, taken.merged, taken.reminded),
            (clues.len() as u64 - merged - reminded, merged, reminded),
            "{taken:?}"
        );
        let mut all: Vec<(i64, &Clue, &str, Person)> = clues
            .iter()
            .flat_map(|clue| {
                let own = steps(clue.way).into_iter();
                own.map(|(hour, action, who)| (hour, *clue, action, who))
            })
            .collect();
        // Of one clue in the order of its way, and so of all in the order of time.
        all.sort_by_key(|(hour, ..)| *hour);
        let soon = all.partition_point(|(hour, ..)| *hour < BACK);
        for (hour, clue, action, who) in &all[..soon] {
            at(*hour);
            self.act(clue, action, *who).await;
        }
        at(BACK);
        let relapses: Vec<Finding> = clues
            .iter()
            .filter(|clue| clue.way == Way::Relapsed)
            .map(|clue| back(clue))
            .collect();
        let taken = self.service.take_anomalies(&relapses).await.unwrap();
        assert_eq!(taken.reopened, relapses.len() as u64, "{taken:?}");
        for (hour, clue, action, who) in &all[soon..] {
            at(*hour);
            self.act(clue, action, *who).await;
        }
        at(24 * 14);
        self.service.tick().await.unwrap();
    }
}

/// Five thousand clues through the queue, and `nonsite stats` over them; the sample that was drawn of
/// the closed cases.
pub(super) fn the_case_work_is_what_was_put_in(sandbox: &mut Sandbox, city: &CityYear) -> Json {
    let database = sandbox.file("clues.sqlite");
    sandbox.set("review.database", database.to_str().unwrap());
    // All others are sub-bureaus.
    let text = format!(
        "database = {:?}\n[bodies.\"370500Z\"]\nlevel = \"city\"\n[bodies.\"370523D\"]\nlevel = \"county\"\n",
        database.to_str().unwrap()
    );
    let config: Config = toml::from_str(&text).unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let rows = runtime.block_on(async {
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
        desk.clock.set(last + 60 * 24 * HOUR);
        desk.service.tick().await.unwrap();
        let period = Period::year(YEAR).unwrap();
        let over = parse_as_of(OVER).unwrap();
        desk.service.stats(&period, over).await.unwrap()
    });
    let year = YEAR.to_string();
    let words = [
        "stats", "--year", &year, "--as-of", OVER, "--format", "json",
    ];
    let printed = sandbox.run(&words).done().json();
    figures(printed.as_array().unwrap(), &rows, city);
    for code in ["reviewed_in_time", "rectified_for_good"] {
        let printed = sandbox.run(&[&words[..], &["--rows", code]].concat());
        let printed = printed.done().json();
        let printed = printed.as_array().unwrap();
        let hits = printed.iter().filter(|row| row["hit"] == true).count();
        let figure = case_work(&city.clues)[code].total();
        assert_eq!((hits as u64, printed.len() as u64), figure, "{code}");
    }
    samples_repeat(sandbox, city)
}

/// Hits and of, by body, percent, what is undecided, the medians: as printed, and as the rows say.
fn figures(printed: &[Json], rows: &[Figure], city: &CityYear) {
    let expected = case_work(&city.clues);
    let of = |code: &str| {
        let figure = printed.iter().find(|figure| figure["code"] == code);
        figure.unwrap_or_else(|| panic!("no {code}"))
    };
    let counts = |rate: &Json| (rate["hits"].as_u64().unwrap(), rate["of"].as_u64().unwrap());
    let share = |(hits, of): Counts| percent((hits, of - hits));
    for (code, expected) in &expected {
        let figure = of(code);
        assert_eq!(text(&figure["percent"]), share(expected.total()), "{code}");
        if code.starts_with("chain_") && *code != "chain_closed" {
            let (hits, of) = (figure["hits"].as_f64(), figure["of"].as_f64());
            let total = expected.total();
            assert_eq!(
                (hits, of),
                (Some(total.0 as f64), Some(total.1 as f64)),
                "{code}"
            );
            let days = figure["median_days"].as_f64();
            let hours = days.map(|days| (days * 24.0 * 1e6).round() / 1e6);
            assert_eq!(hours, expected.median(), "{code}");
            continue;
        }
        let found: BTreeMap<String, Counts> = figure["by_org"]
            .as_object()
            .unwrap()
            .iter()
            .map(|(org, rate)| (org.clone(), counts(rate)))
            .collect();
        assert_eq!(found, expected.by_org, "{code}");
        assert_eq!(counts(&figure["rate"]), expected.total(), "{code}");
        assert_eq!(figure["undecided"], expected.undecided, "{code}");
        assert_eq!(figure["median_hours"].as_f64(), expected.median(), "{code}");
    }
    // Every figure is the sum of its rows.
    for figure in rows {
        let hits = figure.rows.iter().filter(|row| row.hit).count() as u64;
        let sum = (hits, figure.rows.len() as u64);
        assert_eq!((figure.rate.hits, figure.rate.of), sum, "{}", figure.code);
        assert_eq!(counts(&of(figure.code)["rate"]), sum, "{}", figure.code);
    }
}

/// A sample for an audit follows from its seed, and says why a case had more lots.
fn samples_repeat(sandbox: &Sandbox, city: &CityYear) -> Json {
    let asked = [
        "inspection",
        "sample",
        "--year",
        "2025",
        "--as-of",
        OVER,
        "--seed",
        "2026-001",
        "--count",
        "20",
    ];
    let drawn = sandbox
        .run(&[&asked[..], &["--format", "json"]].concat())
        .done()
        .json();
    // What is merged, open or back again is not on file.
    let on_file = city.clues.iter().filter(|clue| clue.way.on_file()).count();
    assert_eq!(
        drawn["list"].as_array().unwrap().len(),
        on_file,
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
        OVER,
        "--format",
        "json",
    ];
    let habits = sandbox.run(&words).done().json();
    // Every decision is the first reviewer's, except the second signatures.
    let batches = nonsite_generator::city_year::clues::BATCHES as u64;
    let second = many(|way| way == Way::TwoSignatures) * batches;
    let (_, decisions) = case_work(&city.clues)["reviewed_in_time"].total();
    let returns = many(|way| way == Way::ReturnedOnce) * batches;
    let rev = &habits["reviewers"][0];
    assert_eq!(rev["reviewer"], "rev");
    assert_eq!(
        (rev["decisions"].as_u64(), rev["returns"].as_u64()),
        (Some(decisions - second), Some(returns))
    );
    let return_percent = percent((returns, decisions - second - returns));
    assert_eq!(text(&rev["return_percent"]), return_percent);
    assert_eq!(rev["median_minutes"], 120.0);
    let other = &habits["reviewers"][1];
    assert_eq!(
        (other["reviewer"].as_str(), other["decisions"].as_u64()),
        (Some("rev-2"), Some(second))
    );
    // One photo in every submission.
    let submitted = city
        .clues
        .iter()
        .filter(|clue| !clue.way.submissions().is_empty());
    let same = habits["reuse"][0]["cases"].as_array().unwrap();
    assert_eq!(same.len(), submitted.count());
    drawn
}
