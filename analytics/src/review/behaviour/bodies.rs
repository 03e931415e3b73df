//! Bodies: whoever names one acts on its cases and those of the bodies below, and sees no others.

use super::super::caller::{Caller, Scope};
use super::super::case::Case;
use super::super::recheck::Verdict;
use super::super::step::Actor;
use super::super::testing::{finding, monday, papers, person};
use super::*;

fn of(org: Option<&str>, role: Role) -> Actor {
    Actor {
        org: org.map(str::to_owned),
        ..person("somebody", role)
    }
}

pub(super) async fn a_body_acts_on_its_own_cases(bench: Bench) {
    bench.tell(Some(Verdict::Silent));
    let case = bench.open("own", Severity::S3).await;
    let stranger = of(Some("370601"), Role::Analyst);
    let service = &bench.service;
    let files = [papers().attachments[0].clone()];
    let serving = super::super::bundle::Serving::default();
    let tried = [
        service.act(&case, "dispatch", &stranger, &papers()).await,
        service.claim(&case, &stranger).await,
        service.release(&case, &stranger).await,
        service.attach(&case, &stranger, &files, None).await,
        service
            .serve_bundle(&case, "four_notices", &stranger, &serving)
            .await,
    ];
    for refused in tried {
        let refused = refused.unwrap_err().to_string();
        assert!(
            refused.contains("body `370601` may not: the case is in the charge of 370522"),
            "{refused}"
        );
    }
    let next = service.claim_next(&stranger, &[], None).await.unwrap();
    assert_eq!(next, None, "work of others is not handed out");
    // Its city, and whoever names no body.
    let city = of(Some("370500"), Role::Analyst);
    assert!(service.claim(&case, &city).await.is_ok());
    let done = service
        .act(&case, "dispatch", &of(None, Role::Analyst), &papers())
        .await;
    assert_eq!(done.unwrap().state, "dispatched");
    sound(&bench).await;
}

pub(super) async fn a_body_sees_nothing_of_others(bench: Bench) {
    // On one outlet: a case of another body that was closed, one of ours, and one merged into ours.
    let mut theirs = finding("shared", Severity::S3);
    theirs.org_code = Some("370601".to_owned());
    bench
        .service
        .take_anomalies(&[theirs.clone()])
        .await
        .unwrap();
    let closed = Case::id_of(&theirs.anomaly_id);
    for name in ["ana", "bo"] {
        let analyst = Actor {
            org: None,
            ..person(name, Role::Analyst)
        };
        let done = bench
            .service
            .act(&closed, "dismiss", &analyst, &papers())
            .await;
        done.unwrap();
    }
    let archivist = of(None, Role::Archivist);
    bench
        .service
        .act(&closed, "close", &archivist, &papers())
        .await
        .unwrap();
    let mut ours = finding("shared", Severity::S3);
    ours.anomaly_id.push_str("-ours");
    let mut part = finding("shared", Severity::S3);
    part.anomaly_id.push_str("-part");
    part.org_code = Some("370601".to_owned());
    bench.service.take_anomalies(&[ours.clone()]).await.unwrap();
    let taken = bench.service.take_anomalies(&[part]).await.unwrap();
    assert_eq!(taken.merged, 1);

    let case = Case::id_of(&ours.anomaly_id);
    let whole = bench.service.show(&case).await.unwrap();
    assert_eq!(whole.merged.len(), 1);
    let checked = bench.service.already_checked(&case, None).await.unwrap();
    assert_eq!(checked.len(), 1);
    let scope = Scope {
        org: Some("370522".to_owned()),
        permits: None,
    };
    let bounded = bench.service.on_behalf(Caller {
        scope,
        ..Caller::default()
    });
    assert_eq!(bounded.show(&case).await.unwrap().merged, []);
    assert_eq!(bounded.already_checked(&case, None).await.unwrap(), []);
    sound(&bench).await;
}

/// The first record for a parameter that was changed names the rows in which the instrument said so.
pub(super) async fn a_draft_of_an_instant_holds_the_states_of_its_hour(bench: Bench) {
    use crate::fixtures::table;
    let mut changed = finding("changed", Severity::S3);
    (changed.rule_id, changed.rule_group) = ("Q16".to_owned(), "quality".to_owned());
    changed.window_start = monday() - 10 * HOUR + HOUR / 6;
    changed.window_end = changed.window_start + 1_000_000;
    let taken = bench.service.take_anomalies(&[changed.clone()]).await;
    assert_eq!(taken.unwrap().triage, 1);
    let case = Case::id_of(&changed.anomaly_id);
    let state = |mn: &str, factor: Option<&str>, at: i64| {
        serde_json::json!({"mn": mn, "factor": factor, "item": "i13007", "data_time": at,
                           "value": 1.1, "date": nonsite_schemas::time::beijing_day(at)})
    };
    let (mn, at) = ("mn-changed", changed.window_start);
    let rows = vec![
        state(mn, Some("a21026"), at),
        state(mn, None, at - HOUR / 60),
        state(mn, Some("a21002"), at),
        state(mn, Some("a21026"), at + HOUR),
        state("mn-other", Some("a21026"), at),
    ];
    let states = table(&nonsite_schemas::tables::device_states(), rows);
    let settings = crate::session::Config::default();
    let session = crate::session::in_memory(vec![("device_states", states)], &settings)
        .await
        .unwrap();
    let draft = bench.service.draft_record(&case, &session).await.unwrap();
    let [source] = &draft.sources[..] else {
        panic!("{:?}", draft.sources);
    };
    assert_eq!(source.kind, "device_states");
    assert_eq!(source.rows, Some(2));
    assert_eq!(draft.evidence.len(), 1);
    sound(&bench).await;
}

pub(super) async fn what_is_for_those_who_judge_is_refused_to_an_enterprise(bench: Bench) {
    let case = bench.open("judged", Severity::S3).await;
    let permit = finding("any", Severity::S3).permit_no.unwrap();
    let bound = |scope: Scope| {
        bench.service.on_behalf(Caller {
            scope,
            ..Caller::default()
        })
    };
    let plant = bound(Scope {
        org: None,
        permits: Some([permit].into()),
    });
    let body = bound(Scope {
        org: Some("370522".to_owned()),
        permits: None,
    });
    let settings = crate::session::Config::default();
    let session = crate::session::in_memory(Vec::new(), &settings)
        .await
        .unwrap();
    let rules = crate::detect::Config::default();
    let catalogue = crate::detect::Catalogue::load(&rules).unwrap();
    // Its own case, which it sees.
    assert_eq!(plant.show(&case).await.unwrap().case.state, "triage");
    let page = plant.dossier(&case, &session, &rules, &catalogue).await;
    let draft = plant.draft_record(&case, &session).await;
    let pages = plant.print_bundle(&case, "four_notices", None).await;
    for (what, refused) in [
        ("dossier", page.map(|_| ())),
        ("draft", draft.map(|_| ())),
        ("print", pages.map(|_| ())),
    ] {
        let refused = refused.unwrap_err();
        assert!(matches!(refused, Error::ForBodies(_)), "{what}: {refused}");
        assert!(refused.to_string().contains(what), "{what}: {refused}");
    }
    let pages = body.print_bundle(&case, "four_notices", None).await;
    assert_eq!(pages.unwrap().len(), 4);
    assert!(body.draft_record(&case, &session).await.is_ok());
    sound(&bench).await;
}
