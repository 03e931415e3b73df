//! Deadlines: when they start, when they end, and what happens then.

use super::super::calendar::{HOUR, beijing_text};
use super::super::parts::{Role, Severity};
use super::super::step::{Actor, Input};
use super::super::testing::{Bench, finding, monday, papers, person};
use super::{DAY, sound, state, submitted};

pub(super) async fn deadlines_run_from_delivery_and_pass_in_order(bench: Bench) {
    let case = bench.open("late", Severity::S3).await;
    let due = bench
        .service
        .show(&case)
        .await
        .unwrap()
        .case
        .due_at
        .unwrap();
    assert_eq!(
        beijing_text(due),
        "2026-03-04 00:00",
        "one working day after Monday ends Tuesday"
    );
    bench.act(&case, "dispatch", "ana", Role::Analyst).await;
    bench.clock.advance(HOUR);
    let delivered = papers().with("delivered_at", "2026-03-02 09:30:00");
    let analyst = person("ana", Role::Analyst);
    let after = bench
        .service
        .act(&case, "deliver", &analyst, &delivered)
        .await
        .unwrap();
    assert_eq!(
        beijing_text(after.due_at.unwrap()),
        "2026-03-04 09:30",
        "48 h from delivery"
    );

    // The engine sleeps for weeks: no answer after 48 h and a reminder of it, on-site 24 h after that,
    // approval overdue.
    bench.clock.set(monday() + 20 * DAY);
    let fired = bench.service.tick().await.unwrap();
    let steps: Vec<(String, &str)> = fired
        .iter()
        .map(|timer| (beijing_text(timer.due_at), timer.to.as_str()))
        .collect();
    assert_eq!(
        steps,
        [
            ("2026-03-03 21:30".to_owned(), "self_check"),
            ("2026-03-04 09:30".to_owned(), "no_answer"),
            ("2026-03-04 09:30".to_owned(), "no_answer"),
            ("2026-03-05 09:30".to_owned(), "onsite_approval"),
            ("2026-03-06 20:00".to_owned(), "onsite_approval"),
            ("2026-03-07 00:00".to_owned(), "onsite_approval"),
        ]
    );
    let shown = bench.service.show(&case).await.unwrap();
    assert!(shown.case.overdue);
    assert_eq!(shown.case.timer_at, None);
    let actions: Vec<&str> = shown
        .events
        .iter()
        .rev()
        .take(6)
        .map(|event| event.action.as_str())
        .collect();
    assert_eq!(
        actions,
        [
            "overdue",
            "reminder",
            "still_no_answer",
            "reminder",
            "no_answer",
            "reminder"
        ]
    );
    assert_eq!(bench.service.tick().await.unwrap(), []);
    sound(&bench).await;
}

pub(super) async fn a_late_engine_gives_nobody_an_advantage(bench: Bench) {
    let case = bench.open("race", Severity::S3).await;
    bench.act(&case, "dispatch", "ana", Role::Analyst).await;
    bench.act(&case, "deliver", "ana", Role::Analyst).await;
    // 49 h later, before any tick: the answer is late and says so.
    bench.clock.advance(49 * HOUR);
    assert_eq!(
        bench.act(&case, "answer", "plant", Role::Enterprise).await,
        "answered"
    );
    let events = bench.service.show(&case).await.unwrap().events;
    assert!(events.iter().any(|event| event.action == "no_answer"));

    let other = bench.open("too-late", Severity::S3).await;
    bench.act(&other, "dispatch", "ana", Role::Analyst).await;
    bench.act(&other, "deliver", "ana", Role::Analyst).await;
    bench.clock.advance(73 * HOUR);
    let refused = bench
        .refuses(&other, "answer", "plant", Role::Enterprise)
        .await;
    assert!(refused.contains("`onsite_approval`"), "{refused}");
    assert_eq!(
        state(&bench, &other).await,
        "onsite_approval",
        "the refusal does not undo the deadline"
    );
    sound(&bench).await;
}

pub(super) async fn units_answer_within_their_own_time(bench: Bench) {
    for (id, permit, hours) in [("key", "KEY", 4), ("burn", "BURN", 6), ("plain", "ANY", 48)] {
        let mut finding = finding(id, Severity::S3);
        finding.permit_no = Some(permit.to_owned());
        bench
            .service
            .take_anomalies(&[finding.clone()])
            .await
            .unwrap();
        let case = super::super::case::Case::id_of(&finding.anomaly_id);
        bench.act(&case, "dispatch", "ana", Role::Analyst).await;
        bench.act(&case, "deliver", "ana", Role::Analyst).await;
        let case = bench.service.show(&case).await.unwrap().case;
        assert_eq!(case.due_at.unwrap() - case.clock_from, hours * HOUR, "{id}");
    }
}

pub(super) async fn extensions_are_bounded(bench: Bench) {
    let case = bench.open("extension", Severity::S3).await;
    bench.act(&case, "verify", "ana", Role::Analyst).await;
    let officer = person("o-1", Role::Officer);
    let ordered = papers().with("due", "2026-03-06");
    bench
        .service
        .act(&case, "rectify", &officer, &ordered)
        .await
        .unwrap();
    let enterprise = person("plant", Role::Enterprise);
    let approver = person("boss", Role::Approver);
    for (round, day) in [(1, "2026-03-10"), (2, "2026-03-14")] {
        let asked = papers().with("due", day);
        bench
            .service
            .act(&case, "request_extension", &enterprise, &asked)
            .await
            .unwrap();
        if round == 1 {
            let greedy = papers().with("due", "2026-03-20");
            let refused = bench
                .service
                .act(&case, "grant_extension", &approver, &greedy)
                .await
                .unwrap_err();
            assert!(
                refused
                    .to_string()
                    .contains("more time than the order gave"),
                "{refused}"
            );
        }
        let after = bench
            .service
            .act(&case, "grant_extension", &approver, &asked)
            .await
            .unwrap();
        assert_eq!(after.extension_count, round);
        assert!(beijing_text(after.due_at.unwrap() - 1).starts_with(day));
    }
    let third = papers().with("due", "2026-03-16");
    let refused = bench
        .service
        .act(&case, "request_extension", &enterprise, &third)
        .await
        .unwrap_err();
    assert!(
        refused.to_string().contains("2 extensions were granted"),
        "{refused}"
    );
    sound(&bench).await;
}

/// A reviewer who sees that more time is due asks for it, and does not return the rectification.
pub(super) async fn a_reviewer_asks_for_more_time(bench: Bench) {
    let case = submitted(&bench, "more-time", Severity::S3).await;
    let stands = async || {
        let case = bench.service.show(&case).await.unwrap().case;
        (case.state, beijing_text(case.due_at.unwrap()))
    };
    let is = |state: &str, due: &str| (state.to_owned(), due.to_owned());
    let figure = async |code: &str| {
        let year = crate::ratio::Period::year(2026).unwrap();
        let all = bench.service.stats(&year, bench.clock_now()).await.unwrap();
        let one = all.into_iter().find(|figure| figure.code == code).unwrap();
        (one.rate.hits, one.rate.of, one.undecided)
    };
    // Ordered until the 9th, and to be reviewed within three days.
    assert_eq!(stands().await, is("submitted", "2026-03-06 00:00"));
    let reviewer = person("rev", Role::Reviewer);
    let later = papers().with("due", "2026-03-13");
    let act = async |action: &str, who: &Actor, papers: &Input| {
        let done = bench.service.act(&case, action, who, papers).await;
        done.map(|case| case.state)
            .map_err(|error| error.to_string())
    };
    let officer = person("o-1", Role::Reviewer);
    let handled = act("request_extension", &officer, &later).await;
    assert!(handled.unwrap_err().contains("o-1 handled this case"));
    let asked = act("request_extension", &reviewer, &later).await;
    assert_eq!(asked.as_deref(), Ok("extended"));
    assert_eq!(stands().await, is("extended", "2026-03-04 00:00"));
    // To ask is no decision.
    assert_eq!(figure("reviewed_in_time").await, (0, 0, 1));
    assert_eq!(figure("passed_first_time").await, (0, 0, 1));

    // What is possible now is what can be done: not the refusal of somebody else's request.
    let next = bench.service.show(&case).await.unwrap().next;
    let next: Vec<&str> = next.iter().map(|step| step.action.as_str()).collect();
    assert_eq!(next, ["grant_extension", "resume_review"]);
    let approver = person("boss", Role::Approver);
    let other = act("refuse_extension", &approver, &papers()).await;
    assert!(other.unwrap_err().contains("`resume_review`"));
    let own = act("grant_extension", &person("rev", Role::Approver), &later).await;
    let own = own.unwrap_err();
    assert!(own.contains("rev asked for the extension"), "{own}");

    // Refused: the review goes on, with the time it had.
    bench.clock.advance(HOUR);
    let refused = act("resume_review", &approver, &papers()).await;
    assert_eq!(refused.as_deref(), Ok("submitted"));
    assert_eq!(stands().await, is("submitted", "2026-03-06 00:00"));

    // Granted: counted from the end of the order and not of the review, and it is no return. What cannot be
    // granted cannot be asked for.
    let greedy = papers().with("due", "2026-03-20");
    let hopeless = act("request_extension", &reviewer, &greedy).await;
    assert!(
        hopeless
            .unwrap_err()
            .contains("more time than the order gave")
    );
    let asked = act("request_extension", &reviewer, &later).await;
    assert_eq!(asked.as_deref(), Ok("extended"));
    let greedy = act("grant_extension", &approver, &greedy).await;
    assert!(
        greedy
            .unwrap_err()
            .contains("more time than the order gave")
    );
    let early = papers().with("due", "2026-03-09");
    let early = act("grant_extension", &approver, &early).await;
    assert!(early.unwrap_err().contains("not later than the present"));
    let granted = act("grant_extension", &approver, &later).await;
    assert_eq!(granted.as_deref(), Ok("rectify"));
    assert_eq!(stands().await, is("rectify", "2026-03-14 00:00"));
    let after = bench.service.show(&case).await.unwrap().case;
    assert_eq!((after.return_count, after.extension_count), (0, 1));
    let told = bench.service.messages(0, 0).await.unwrap();
    let order = told.last().unwrap();
    assert_eq!(order.action, "grant_extension");
    assert_eq!(order.due.as_deref(), Some("2026-03-13"));
    bench.act(&case, "submit", "plant", Role::Enterprise).await;
    bench.act(&case, "approve", "rev", Role::Reviewer).await;
    assert_eq!(state(&bench, &case).await, "look_back");
    // Two submissions of one order, the first of which did not pass.
    assert_eq!(figure("reviewed_in_time").await, (2, 2, 0));
    assert_eq!(figure("passed_first_time").await, (0, 1, 0));
    sound(&bench).await;
}

/// A review that is late stays late, once; what was handed in late gets no more time.
pub(super) async fn an_extension_hides_no_delay(bench: Bench) {
    let case = submitted(&bench, "late-review", Severity::S3).await;
    let reviewer = person("rev", Role::Reviewer);
    let approver = person("boss", Role::Approver);
    let later = papers().with("due", "2026-03-13");
    bench.clock.set(monday() + 4 * DAY);
    let late = bench.service.tick().await.unwrap();
    assert_eq!(late.last().unwrap().action, "overdue");
    let act = async |case: &str, action: &str, who: &Actor, papers: &Input| {
        let done = bench.service.act(case, action, who, papers).await;
        done.map(|case| (case.state, case.overdue))
            .map_err(|error| error.to_string())
    };
    let asked = act(&case, "request_extension", &reviewer, &later).await;
    assert_eq!(asked, Ok(("extended".to_owned(), false)));
    let refused = act(&case, "resume_review", &approver, &papers()).await;
    assert_eq!(refused, Ok(("submitted".to_owned(), true)));
    bench.clock.advance(DAY);
    assert_eq!(bench.service.tick().await.unwrap(), [], "told once");
    bench.act(&case, "approve", "rev", Role::Reviewer).await;

    let case = bench.open("late-submission", Severity::S3).await;
    bench.act(&case, "verify", "ana", Role::Analyst).await;
    bench.act(&case, "rectify", "o-1", Role::Officer).await;
    bench.clock.advance(15 * DAY);
    bench.act(&case, "submit", "plant", Role::Enterprise).await;
    let much_later = papers().with("due", "2026-04-01");
    let late = act(&case, "request_extension", &reviewer, &much_later).await;
    let late = late.unwrap_err();
    assert!(late.contains("not handed in within its time"), "{late}");
    sound(&bench).await;
}

pub(super) async fn a_service_applies_deadlines_until_it_is_stopped(bench: Bench) {
    let case = bench.open("served", Severity::S3).await;
    bench.clock.advance(10 * DAY);
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let service = bench.service.clone();
    let running = tokio::spawn(async move {
        service
            .run(async {
                let _closed = stopped.await;
            })
            .await
    });
    while !bench.service.show(&case).await.unwrap().case.overdue {
        tokio::task::yield_now().await;
    }
    drop(stop);
    running.await.unwrap().unwrap();
}
