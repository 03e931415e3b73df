//! Clues that no rule found.

use std::collections::BTreeSet;

use super::super::caller::{Caller, Scope};
use super::super::reported::{Clue, SourceSystem};
use super::super::testing::{Bench, finding, monday, person};
use super::super::{Case, Refusal};
use super::*;

/// A complaint about the outlet that [`finding`] of this id is about.
fn complaint(id: &str) -> Clue {
    let found = finding(id, Severity::S3);
    Clue {
        source_system: SourceSystem::Complaint,
        source_ref: format!("12345-{id}"),
        severity: Severity::S3,
        permit_no: found.permit_no,
        unit_name: found.unit_name,
        org_code: found.org_code,
        outlet_uid: found.outlet_uid,
        mn: found.mn,
        factor: None,
        from: found.window_start,
        to: found.window_end,
        text: "夜间有异味 / a smell at night".to_owned(),
    }
}

async fn report(bench: &Bench, clue: &Clue) -> Result<Case, Error> {
    let analyst = person("ana", Role::Analyst);
    let input = Input {
        note: Some("市民热线".to_owned()),
        ..Input::default()
    };
    bench.service.report(clue, &analyst, &input).await
}

pub(super) async fn a_reported_clue_is_one_case(bench: Bench) {
    let clue = complaint("smell");
    let case = report(&bench, &clue).await.unwrap();
    assert_eq!(case.state, "triage");
    assert_eq!(case.case_id, Case::id_of("complaint:12345-smell"));
    assert_eq!(case.source(), (SourceSystem::Complaint, "12345-smell"));
    let first = bench.service.show(&case.case_id).await.unwrap();
    let open = &first.events[0];
    assert_eq!((open.action.as_str(), open.actor.as_str()), ("open", "ana"));
    assert_eq!(open.fields["source_system"], "complaint");
    assert_eq!(open.fields["source_ref"], "12345-smell");
    assert_eq!(open.note.as_deref(), Some("市民热线"));
    // Put in again, by whomever and whatever it says.
    let mut again = clue.clone();
    again.source_ref.push(' ');
    again.severity = Severity::S1;
    assert_eq!(report(&bench, &again).await.unwrap(), case);
    let counts = bench.service.counts().await.unwrap();
    assert_eq!(counts, [("triage".to_owned(), 1)]);
    // What a rule found says so, too.
    let found = bench.open("found", Severity::S3).await;
    let found = bench.service.show(&found).await.unwrap().case;
    assert_eq!(found.source(), (SourceSystem::Rule, "anomaly-found"));

    // It goes to its end as any other.
    for (action, name, role, expected) in [
        ("verify", "bo", Role::Analyst, "verify_off"),
        ("rectify", "o-1", Role::Officer, "rectify"),
        ("submit", "plant", Role::Enterprise, "submitted"),
        ("approve", "rev", Role::Reviewer, "look_back"),
    ] {
        assert_eq!(
            bench.act(&case.case_id, action, name, role).await,
            expected,
            "{action}"
        );
    }
    sound(&bench).await;
}

pub(super) async fn a_reported_clue_is_part_of_its_cause(bench: Bench) {
    // A rule saw the same hours before, and another one sees those of another complaint afterwards.
    let seen = bench.open("seen", Severity::S3).await;
    let told = report(&bench, &complaint("seen")).await.unwrap();
    assert_eq!(
        (told.state.as_str(), told.parent_id.as_deref()),
        ("merged", Some(seen.as_str()))
    );
    let shown = bench.service.show(&seen).await.unwrap();
    assert_eq!(shown.case.fire_count, 2);
    assert_eq!(
        shown.merged[0].source(),
        (SourceSystem::Complaint, "12345-seen")
    );
    let first = report(&bench, &complaint("first")).await.unwrap();
    let found = finding("first", Severity::S2);
    let taken = bench.service.take_anomalies(&[found]).await.unwrap();
    assert_eq!((taken.merged, taken.triage), (1, 0));
    let shown = bench.service.show(&first.case_id).await.unwrap().case;
    assert_eq!(shown.severity, Severity::S2);
    sound(&bench).await;
}

pub(super) async fn a_reported_clue_says_whom_and_what(bench: Bench) {
    let clue = complaint("wrong");
    type Spoil = fn(&mut Clue);
    let wrong: [(Spoil, &str); 7] = [
        (|clue| clue.source_ref = " ".to_owned(), "source_ref"),
        (|clue| clue.text = String::new(), "text"),
        (|clue| clue.text = "a\u{0}".to_owned(), "control characters"),
        (|clue| clue.severity = Severity::S4, "S1 to S3"),
        (|clue| clue.source_system = SourceSystem::Rule, "a rule"),
        (|clue| clue.to = monday() + HOUR, "in the future"),
        (
            |clue| (clue.permit_no, clue.outlet_uid, clue.mn) = (None, None, None),
            "whom it is about",
        ),
    ];
    for (change, names) in wrong {
        let mut clue = clue.clone();
        change(&mut clue);
        let said = report(&bench, &clue).await.unwrap_err().to_string();
        assert!(said.contains(names), "{said}");
    }
    let may_not = async |service: &super::super::Service, who: &super::super::Actor| {
        let done = service.report(&clue, who, &Input::default()).await;
        match done.unwrap_err() {
            Error::Refused { kind, .. } => kind,
            error => panic!("{error}"),
        }
    };
    let service = &bench.service;
    for role in [Role::Enterprise, Role::Reviewer, Role::Legal] {
        let kind = may_not(service, &person("x", role)).await;
        assert_eq!(kind, Refusal::Role);
    }
    // Neither for another body nor as one who sees an enterprise's cases alone.
    let mut elsewhere = person("far", Role::Analyst);
    elsewhere.org = Some("370601".to_owned());
    assert_eq!(may_not(service, &elsewhere).await, Refusal::Role);
    let scope = Scope {
        org: None,
        permits: Some(BTreeSet::from(["other".to_owned()])),
    };
    let plant = service.on_behalf(Caller {
        scope,
        ..Caller::default()
    });
    let analyst = person("ana", Role::Analyst);
    assert_eq!(may_not(&plant, &analyst).await, Refusal::Role);
    assert_eq!(service.counts().await.unwrap(), []);
    sound(&bench).await;
}
