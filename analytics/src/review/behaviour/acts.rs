//! The acts that off-site verification and visits write, and what the ratio makes of them.

use super::super::act::ActView;
use super::super::step::{Actor, Input};
use super::super::testing::finding;
use super::*;
use crate::fixtures::PERMIT_NO;
use crate::ratio::{Cutoff, Period, RatioPolicies, compute, load_acts};
use nonsite_schemas::wire::inspection::{Conclusion, Mode};

/// What the officers write down.
pub(in crate::review) const RECORD: &str = r#"{
    "signed_by": "chief",
    "approval": {"approval_id": "APV-1", "approved_by": "head", "approved_at": "2026-03-02 08:30:00"},
    "notice": {"channel": "client", "notified_at": "2026-03-02 10:00:00", "receipt": "R-1"},
    "sources": [{"kind": "hour_readings", "from": "2026-03-01 00:00:00", "to": "2026-03-02 00:00:00",
                 "query": "SELECT * FROM readings", "rows": 24}],
    "checklist": [{"item_id": "limits", "answer": "fail", "remark": "SO2"}]
}"#;

/// A case of a real unit, in off-site verification since ten minutes.
async fn verifying(bench: &Bench, id: &str) -> String {
    let mut found = finding(id, Severity::S3);
    found.permit_no = Some(PERMIT_NO.to_owned());
    // Each on an outlet of its own.
    let code: u32 = id.bytes().map(u32::from).sum();
    found.outlet_uid = Some(format!("{PERMIT_NO}DA{:03}", code % 1_000));
    bench
        .service
        .take_anomalies(&[found.clone()])
        .await
        .unwrap();
    let case = super::super::case::Case::id_of(&found.anomaly_id);
    bench.act(&case, "verify", "ana", Role::Analyst).await;
    bench.clock.advance(600_000_000);
    case
}

fn officer() -> Actor {
    Actor {
        certificate: Some("1501".to_owned()),
        ..person("o-1", Role::Officer)
    }
}

/// Papers of an action without an act of another system.
pub(super) fn own(record: Option<&str>) -> Input {
    let mut input = papers().with("certificates", "o-2=1502");
    input.fields.remove("act");
    input.fields.remove("approval");
    if let Some(record) = record {
        input = input.with("record", record);
    }
    input
}

async fn acts(bench: &Bench, case: &str) -> Vec<ActView> {
    bench.service.show(case).await.unwrap().acts
}

/// Off-site and on-site acts that count, in a store of their own.
pub(super) async fn counted(bench: &Bench) -> (u64, u64) {
    let folder = tempfile::tempdir().unwrap();
    bench.service.deliver_acts(folder.path()).await.unwrap();
    assert_eq!(bench.service.deliver_acts(folder.path()).await.unwrap(), 0);
    let settings = crate::session::Config::default();
    let session = crate::session::open(folder.path(), &settings)
        .await
        .unwrap();
    let acts = load_acts(session.ctx()).await.unwrap();
    let at = bench.clock_now() + DAY;
    let policies = RatioPolicies::default();
    let cutoff = Cutoff {
        as_of: at,
        known_at: at,
    };
    let period = Period::year(2026).unwrap();
    let report = compute(&acts, policies.in_force(at).unwrap(), cutoff, &period);
    (report.share.off, report.share.on)
}

pub(super) async fn off_site_verification_becomes_an_act_that_counts(bench: Bench) {
    let case = verifying(&bench, "act").await;
    let input = own(Some(RECORD));
    bench
        .service
        .act(&case, "rectify", &officer(), &input)
        .await
        .unwrap();
    let written = acts(&bench, &case).await;
    assert_eq!(written.len(), 1);
    let act = &written[0];
    assert_eq!(act.lacking, Vec::<String>::new());
    assert_eq!((act.counts, act.not_counted.as_deref()), (true, None));
    assert_eq!(act.conclusion, Some(Conclusion::ClueToEnterprise));
    let shown = bench.service.show(&case).await.unwrap();
    let row = shown.events.last().unwrap();
    assert_eq!(row.fields["act"], act.act_id);
    assert_eq!(row.fields["act_sha256"], act.sha256);
    assert_eq!(counted(&bench).await, (1, 0));
    sound(&bench).await;
}

pub(super) async fn an_act_that_lacks_something_is_kept_and_not_counted(bench: Bench) {
    let case = verifying(&bench, "poor").await;
    bench
        .service
        .act(&case, "rectify", &officer(), &own(None))
        .await
        .unwrap();
    let act = &acts(&bench, &case).await[0];
    assert!(!act.counts);
    let why = act.not_counted.as_deref().unwrap();
    assert!(why.contains("minimum record is incomplete"), "{why}");
    let lacking = act.lacking.join("; ");
    for field in ["sources", "checklist", "signed_by"] {
        assert!(lacking.contains(field), "{field}: {lacking}");
    }
    // The check was approved when it was begun, and the papers say how the unit was told.
    for field in ["approval", "notice", "officers"] {
        assert!(!lacking.contains(field), "{field}: {lacking}");
    }
    assert_eq!(counted(&bench).await, (0, 0));

    let broken = own(Some("{\"sorces\": []}"));
    let other = verifying(&bench, "typo").await;
    let refused = bench
        .service
        .act(&other, "rectify", &officer(), &broken)
        .await;
    let refused = refused.unwrap_err().to_string();
    assert!(refused.contains("sorces"), "{refused}");
    assert!(acts(&bench, &other).await.is_empty());
}

pub(super) async fn an_act_that_turns_on_site_names_its_visit(bench: Bench) {
    let case = verifying(&bench, "turned").await;
    let input = own(Some(RECORD));
    bench
        .service
        .act(&case, "escalate", &officer(), &input)
        .await
        .unwrap();
    assert_eq!(counted(&bench).await, (0, 0), "the visit is not finished");
    bench
        .act(&case, "approve_onsite", "boss", Role::Approver)
        .await;
    bench.clock.advance(HOUR);
    let visit = own(Some(RECORD));
    bench
        .service
        .act(&case, "onsite", &officer(), &visit)
        .await
        .unwrap();
    bench.clock.advance(HOUR);
    bench
        .service
        .act(&case, "rectify", &officer(), &own(None))
        .await
        .unwrap();
    let written = acts(&bench, &case).await;
    let versions: Vec<(Option<Mode>, i32, Option<Conclusion>)> = written
        .iter()
        .map(|act| (act.mode, act.act_version, act.conclusion))
        .collect();
    assert_eq!(
        versions,
        [
            (Some(Mode::Offsite), 1, Some(Conclusion::ConvertToOnsite)),
            (Some(Mode::Onsite), 1, None),
            (Some(Mode::Onsite), 2, Some(Conclusion::ClueToEnterprise)),
        ]
    );
    assert_eq!(written[0].escalated_to.as_ref(), Some(&written[1].act_id));
    assert_eq!(written[1].act_id, written[2].act_id);
    assert_eq!(counted(&bench).await, (0, 1), "one inspection, on-site");

    // A later check of the same case is a task of its own.
    bench.act(&case, "submit", "plant", Role::Enterprise).await;
    bench.act(&case, "approve", "rev", Role::Reviewer).await;
    bench.act(&case, "reopen", "sup", Role::Supervisor).await;
    bench.act(&case, "verify", "ana", Role::Analyst).await;
    bench.clock.advance(HOUR);
    bench
        .service
        .act(&case, "rectify", &officer(), &own(Some(RECORD)))
        .await
        .unwrap();
    assert_eq!(counted(&bench).await, (1, 1));
    sound(&bench).await;
}

pub(super) async fn a_check_whose_visit_is_refused_counts_once_at_most(bench: Bench) {
    let case = verifying(&bench, "declined").await;
    bench
        .service
        .act(&case, "escalate", &officer(), &own(Some(RECORD)))
        .await
        .unwrap();
    bench
        .act(&case, "refuse_onsite", "boss", Role::Approver)
        .await;
    assert_eq!(counted(&bench).await, (0, 0), "the visit did not come");
    bench.clock.advance(HOUR);
    bench
        .service
        .act(&case, "rectify", &officer(), &own(Some(RECORD)))
        .await
        .unwrap();
    let conclusions: Vec<_> = acts(&bench, &case)
        .await
        .into_iter()
        .map(|act| (act.mode, act.conclusion))
        .collect();
    assert_eq!(
        conclusions,
        [
            (Some(Mode::Offsite), Some(Conclusion::ConvertToOnsite)),
            (Some(Mode::Offsite), Some(Conclusion::ClueToEnterprise)),
        ]
    );
    let (offsite, onsite) = counted(&bench).await;
    assert!(offsite <= 1 && onsite == 0, "{offsite} off, {onsite} on");
    sound(&bench).await;
}

pub(super) async fn an_act_of_the_inspection_system_is_not_written_again(bench: Bench) {
    let case = verifying(&bench, "foreign").await;
    bench.act(&case, "rectify", "o-1", Role::Officer).await;
    assert!(acts(&bench, &case).await.is_empty());

    let case = verifying(&bench, "half").await;
    bench
        .service
        .act(&case, "escalate", &officer(), &own(Some(RECORD)))
        .await
        .unwrap();
    bench
        .act(&case, "approve_onsite", "boss", Role::Approver)
        .await;
    bench.act(&case, "onsite", "o-1", Role::Officer).await;
    let written = acts(&bench, &case).await;
    assert_eq!(written.len(), 2);
    assert_eq!(written[1].act_version, 2);
    assert_eq!(written[1].escalated_to.as_deref(), Some("act-1"));
}

pub(super) async fn two_who_dismiss_are_the_officers_of_the_act(bench: Bench) {
    let case = verifying(&bench, "dismissed").await;
    let mut input = own(Some(RECORD));
    input.fields.remove("officers");
    input.fields.remove("certificates");
    let second = Actor {
        certificate: Some("1502".to_owned()),
        ..person("o-2", Role::Officer)
    };
    for who in [officer(), second] {
        bench
            .service
            .act(&case, "dismiss", &who, &input)
            .await
            .unwrap();
    }
    let act = &acts(&bench, &case).await[0];
    assert_eq!(act.lacking, Vec::<String>::new());
    assert_eq!(act.conclusion, Some(Conclusion::NoProblem));
    assert_eq!(counted(&bench).await, (1, 0));
}

/// What the permit in force says of the unit when the act is written stands in the act, in its audit
/// row and in the figures.
pub(super) async fn an_act_states_what_the_permit_says_of_the_unit(bench: Bench) {
    let case = verifying(&bench, "listed").await;
    let said = own(Some(RECORD)).with("unit_positive_list", "false");
    let refused = bench.service.act(&case, "rectify", &officer(), &said).await;
    let refused = refused.unwrap_err().to_string();
    assert!(refused.contains("unit_positive_list"), "{refused}");
    let input = own(Some(RECORD));
    bench
        .service
        .act(&case, "escalate", &officer(), &input)
        .await
        .unwrap();
    let shown = bench.service.show(&case).await.unwrap();
    let row = &shown.events.last().unwrap().fields;
    assert_eq!(row["unit_positive_list"], "true");
    assert_eq!(row["unit_admin_code"], "130200");
    assert_eq!(row["unit_permit_version"], "3");
    bench
        .act(&case, "approve_onsite", "boss", Role::Approver)
        .await;
    bench.clock.advance(HOUR);
    let visit = own(Some(RECORD));
    bench
        .service
        .act(&case, "onsite", &officer(), &visit)
        .await
        .unwrap();
    bench.clock.advance(HOUR);
    bench
        .service
        .act(&case, "rectify", &officer(), &own(None))
        .await
        .unwrap();
    let rows = bench.service.store.acts_of(&case).await.unwrap();
    assert_eq!(rows.len(), 3);
    for row in &rows {
        let unit = row.act().unit;
        assert_eq!(unit.admin_code.as_deref(), Some("130200"), "{row:?}");
        assert!(unit.positive_list, "{row:?}");
    }

    let folder = tempfile::tempdir().unwrap();
    bench.service.deliver_acts(folder.path()).await.unwrap();
    let settings = crate::session::Config::default();
    let session = crate::session::open(folder.path(), &settings)
        .await
        .unwrap();
    let acts = load_acts(session.ctx()).await.unwrap();
    let cutoff = Cutoff::at(bench.clock_now() + DAY);
    let period = Period::year(2026).unwrap();
    let policy = crate::ratio::RatioPolicy {
        org_attribution: crate::ratio::OrgAttribution::Territorial,
        ..crate::ratio::RatioPolicy::built_in()
    };
    let report = compute(&acts, &policy, cutoff, &period);
    assert_eq!((report.positive_list.off, report.positive_list.on), (0, 1));
    let bodies = report.by(crate::ratio::Dimension::Org);
    let bodies: Vec<&str> = bodies.iter().map(|body| body.key.as_str()).collect();
    assert_eq!(bodies, ["130200"], "the division the unit lies in");
    sound(&bench).await;
}

/// Whoever has to act does not wait for the tables; the row says what is not known.
pub(super) async fn an_act_is_written_without_the_permit(bench: Bench) {
    let case = verifying(&bench, "away").await;
    bench.tell(None);
    bench
        .service
        .act(&case, "rectify", &officer(), &own(Some(RECORD)))
        .await
        .unwrap();
    let rows = bench.service.store.acts_of(&case).await.unwrap();
    let unit = rows[0].act().unit;
    assert_eq!((unit.admin_code, unit.positive_list), (None, false));
    let shown = bench.service.show(&case).await.unwrap();
    let row = &shown.events.last().unwrap().fields;
    assert!(
        row["unit_not_known"].contains("the tables are away"),
        "{row:?}"
    );
    sound(&bench).await;
}
