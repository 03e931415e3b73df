//! Visits: approved before or, for an S1, afterwards; recorded on their day; with video and samples.

use super::super::calendar::beijing_text;
use super::super::step::Input;
use super::super::testing::{papers, person};
use super::*;
use nonsite_schemas::wire::inspection::Mode;

/// Papers of a visit that the workflow writes itself, without one field.
fn without(field: &str) -> Input {
    let mut input = papers();
    input.fields.remove("act");
    input.fields.remove(field);
    input
}

pub(super) async fn an_s1_is_visited_first_and_its_papers_follow(bench: Bench) {
    let case = bench.open("urgent", Severity::S1).await;
    bench.act(&case, "escalate", "ana", Role::Analyst).await;
    bench.clock.advance(25 * HOUR);
    let officer = person("o-1", Role::Officer);
    let refused = async |action: &str, input: &Input| {
        let done = bench.service.act(&case, action, &officer, input).await;
        done.unwrap_err().to_string()
    };
    let visit = without("act").with("action_code", "XZ-37-1");
    let old = visit.clone().with("visited_at", "2026-03-01 10:00:00");
    let why = refused("onsite", &old).await;
    assert!(why.contains("before the case was opened"), "{why}");
    let late = visit.with("visited_at", "2026-03-02 16:00:00");
    let why = refused("onsite", &late).await;
    assert!(why.contains("现场检查笔录应当当日录入"), "{why}");
    let late = late.with("late_record", "no signal on the premises");
    let after = bench.service.act(&case, "onsite", &officer, &late).await;
    let after = after.unwrap();
    assert_eq!(after.state, "onsite_done");
    // Video and samples are due a day after the visit, and not after its record.
    let due = |case: &super::super::case::Case| beijing_text(case.due_at.unwrap());
    assert_eq!(due(&after), "2026-03-03 16:00");

    bench.clock.advance(HOUR);
    let why = refused("rectify", &without("act")).await;
    assert!(why.contains("现场检查审批手续须补办"), "{why}");
    let approver = person("boss", Role::Approver);
    let papers = without("act").with("approved_at", "2026-03-02 11:30:00");
    let approved = bench
        .service
        .act(&case, "approve_onsite", &approver, &papers)
        .await
        .unwrap();
    assert_eq!(approved.state, "onsite_done");
    assert_eq!(due(&approved), "2026-03-03 16:00", "the deadline goes on");
    let approval = approved.visit_approval.unwrap();
    assert_eq!(
        (
            approval.form.as_str(),
            approval.by.as_str(),
            approval.team.as_str()
        ),
        ("approval-1", "boss", "o-1, o-2")
    );
    assert_eq!(beijing_text(approval.at), "2026-03-02 11:30");

    let why = refused("rectify", &without("no_video")).await;
    assert!(why.contains("缺现场检查视频"), "{why}");
    let path = bench.files.path().join("visit.mp4");
    std::fs::write(&path, b"\0\0\0\x18ftypisom\0\0\0\0isommp41 and so on").unwrap();
    let video = bench.service.keep(&path).await.unwrap();
    bench
        .service
        .attach(&case, &officer, &[video], None)
        .await
        .unwrap();
    let why = refused("rectify", &without("samples")).await;
    assert!(why.contains("missing: `samples`"), "{why}");
    let done = bench
        .service
        .act(&case, "rectify", &officer, &without("no_video"))
        .await
        .unwrap();
    assert_eq!(done.state, "rectify");
    assert_eq!(done.visit_approval, None, "the next visit needs its own");

    let acts = bench.service.store.acts_of(&case).await.unwrap();
    let acts: Vec<_> = acts.iter().map(|row| row.act()).collect();
    assert_eq!(acts.len(), 2);
    for act in &acts {
        assert_eq!(act.mode, Some(Mode::Onsite));
        assert_eq!(act.action_code.as_deref(), Some("XZ-37-1"));
    }
    assert_eq!(acts[0].approval, None, "nobody had approved it yet");
    let approval = acts[1].approval.as_ref().unwrap();
    assert_eq!(
        (approval.approval_id.as_str(), approval.approved_by.as_str()),
        ("approval-1", "boss")
    );
    assert!(acts[1].evidence.iter().any(|item| item.kind == "video/mp4"));
    sound(&bench).await;
}

pub(super) async fn a_visit_waits_a_day_for_its_approval_and_three_for_itself(bench: Bench) {
    let case = bench.open("doubt", Severity::S2).await;
    bench.act(&case, "verify", "ana", Role::Analyst).await;
    bench.act(&case, "escalate", "o-1", Role::Officer).await;
    let stands = async || {
        let case = bench.service.show(&case).await.unwrap().case;
        (case.state, beijing_text(case.due_at.unwrap()))
    };
    // From Monday one working day, and three from there.
    let is = |state: &str, due: &str| (state.to_owned(), due.to_owned());
    assert_eq!(stands().await, is("onsite_approval", "2026-03-04 00:00"));
    for role in [Role::Officer, Role::Analyst] {
        let why = bench.refuses(&case, "approve_onsite", "ana", role).await;
        assert!(why.contains("it belongs to: approver"), "{why}");
    }
    let next = bench
        .service
        .claim_next(&person("boss", Role::Approver), &[], None)
        .await
        .unwrap();
    assert_eq!(next.map(|next| next.case_id), Some(case.clone()));
    bench
        .act(&case, "approve_onsite", "boss", Role::Approver)
        .await;
    assert_eq!(stands().await, is("to_onsite", "2026-03-06 00:00"));
    bench.act(&case, "onsite", "o-1", Role::Officer).await;
    bench.act(&case, "file", "o-1", Role::Officer).await;
    sound(&bench).await;
}

pub(super) async fn a_refused_visit_is_verified_off_site(bench: Bench) {
    let case = bench.open("refused", Severity::S2).await;
    bench.act(&case, "verify", "ana", Role::Analyst).await;
    bench.act(&case, "escalate", "o-1", Role::Officer).await;
    let why = bench
        .refuses(&case, "refuse_onsite", "o-1", Role::Approver)
        .await;
    assert!(why.contains("handled this case"), "{why}");
    let why = bench
        .refuses(&case, "refuse_onsite", "o-2", Role::Officer)
        .await;
    assert!(why.contains("it belongs to: approver"), "{why}");
    let approver = person("boss", Role::Approver);
    let silent = bench
        .service
        .act(&case, "refuse_onsite", &approver, &without("reason"))
        .await;
    let why = silent.unwrap_err().to_string();
    assert!(why.contains("missing: `reason`"), "{why}");
    assert_eq!(
        bench
            .act(&case, "refuse_onsite", "boss", Role::Approver)
            .await,
        "verify_off"
    );
    let back = bench.service.show(&case).await.unwrap().case;
    assert_eq!(beijing_text(back.due_at.unwrap()), "2026-03-05 00:00");
    assert_eq!(back.visit_approval, None);

    // Once more with better reasons. What is approved is not refused.
    bench.act(&case, "escalate", "o-1", Role::Officer).await;
    bench
        .act(&case, "approve_onsite", "boss", Role::Approver)
        .await;
    let why = bench
        .refuses(&case, "refuse_onsite", "boss", Role::Approver)
        .await;
    assert!(why.contains("`to_onsite` does not take it"), "{why}");
    bench.act(&case, "onsite", "o-1", Role::Officer).await;
    let why = bench
        .refuses(&case, "refuse_onsite", "boss-2", Role::Approver)
        .await;
    assert!(why.contains("现场核查已经审批"), "{why}");

    // Two returns: what is ordered now is a new order.
    let case = submitted(&bench, "twice-refused", Severity::S3).await;
    bench.act(&case, "return", "rev", Role::Reviewer).await;
    bench.act(&case, "submit", "plant", Role::Enterprise).await;
    bench.act(&case, "return", "rev", Role::Reviewer).await;
    bench
        .act(&case, "refuse_onsite", "boss", Role::Approver)
        .await;
    assert_eq!(
        bench.act(&case, "rectify", "o-1", Role::Officer).await,
        "rectify"
    );
    let ordered = bench.service.show(&case).await.unwrap().case;
    assert_eq!(ordered.return_count, 0);
    sound(&bench).await;
}

pub(super) async fn a_refusal_does_not_undo_a_visit(bench: Bench) {
    let case = bench.open("urgent-refused", Severity::S1).await;
    bench.act(&case, "escalate", "ana", Role::Analyst).await;
    let why = bench
        .refuses(&case, "refuse_onsite", "boss", Role::Approver)
        .await;
    assert!(why.contains("`to_onsite` does not take it"), "{why}");
    bench.act(&case, "onsite", "o-1", Role::Officer).await;
    let visited = bench.service.show(&case).await.unwrap().case;
    assert_eq!(
        bench
            .act(&case, "refuse_onsite", "boss", Role::Approver)
            .await,
        "onsite_done"
    );
    let shown = bench.service.show(&case).await.unwrap();
    assert_eq!(shown.case.due_at, visited.due_at, "the deadline goes on");
    let row = shown.events.last().unwrap();
    assert_eq!(
        (row.action.as_str(), row.actor.as_str()),
        ("refuse_onsite", "boss")
    );
    let why = bench.refuses(&case, "rectify", "o-1", Role::Officer).await;
    assert!(why.contains("现场检查审批手续须补办"), "{why}");
    bench
        .act(&case, "approve_onsite", "boss", Role::Approver)
        .await;
    assert_eq!(
        bench.act(&case, "rectify", "o-1", Role::Officer).await,
        "rectify"
    );
    sound(&bench).await;
}
