//! A penalty is decided when the unit was heard and, where it is a major one, a lawyer has reviewed it;
//! it is put on file when it was served and paid.

use super::super::step::Actor;
use super::super::testing::{monday, papers_for};
use super::*;

/// Acts with these papers; the refusal, if it is one.
async fn tried(bench: &Bench, case: &str, action: &str, who: &Actor, input: &Input) -> String {
    bench.clock.advance(60_000_000);
    match bench.service.act(case, action, who, input).await {
        Ok(_) => String::new(),
        Err(error) => error.to_string(),
    }
}

pub(super) async fn a_penalty_is_not_decided_or_closed_early(bench: Bench) {
    let case = filed(&bench, "early").await;
    let untold = bench.refuses(&case, "decide", "law", Role::Legal).await;
    assert!(
        untold.contains("尚未告知当事人") && untold.contains("was not told of its rights"),
        "{untold}"
    );
    let open = bench.refuses(&case, "close", "arch", Role::Archivist).await;
    assert!(
        open.contains("尚未作出处罚决定") && open.contains("nothing was decided yet"),
        "{open}"
    );
    bench.act(&case, "notify", "inv", Role::Investigator).await;
    let early = bench.refuses(&case, "decide", "law", Role::Legal).await;
    assert!(
        early.contains("期限未满") && early.contains("until 2026-03-09;"),
        "{early}"
    );
    // Told again, it has its five days again.
    bench.clock.set(monday() + 7 * DAY);
    bench.act(&case, "notify", "inv", Role::Investigator).await;
    bench.clock.set(monday() + 8 * DAY);
    let again = bench.refuses(&case, "decide", "law", Role::Legal).await;
    assert!(again.contains("until 2026-03-16;"), "{again}");
    bench.clock.set(monday() + 15 * DAY);
    bench.act(&case, "decide", "law", Role::Legal).await;

    for action in ["decide", "legal_review", "notify"] {
        let twice = bench.refuses(&case, action, "law", Role::Legal).await;
        assert!(twice.contains("clock `decision` does not run"), "{twice}");
    }
    let dropped = bench.refuses(&case, "no_penalty", "law", Role::Legal).await;
    assert!(dropped.contains("已作出处罚决定"), "{dropped}");
    let unserved = bench.refuses(&case, "close", "arch", Role::Archivist).await;
    assert!(
        unserved.contains("尚未送达") && unserved.contains("was not served"),
        "{unserved}"
    );
    bench
        .act(&case, "serve_decision", "inv", Role::Investigator)
        .await;
    let unpaid = bench.refuses(&case, "close", "arch", Role::Archivist).await;
    assert!(
        unpaid.contains("罚款尚未缴纳") && unpaid.contains("`unpaid`"),
        "{unpaid}"
    );
    let archivist = person("arch", Role::Archivist);
    let odd = papers_for("close").with("unpaid", "forgotten");
    let odd = tried(&bench, &case, "close", &archivist, &odd).await;
    assert!(
        odd.contains("is not one of no_fine, court_enforces"),
        "{odd}"
    );
    let warned = papers_for("close").with("unpaid", "no_fine");
    assert_eq!(tried(&bench, &case, "close", &archivist, &warned).await, "");
    let closed = bench.service.show(&case).await.unwrap().case;
    assert_eq!(closed.state, "closed");
    assert!(closed.procedure.is_empty(), "it ended with the case");
    sound(&bench).await;
}

pub(super) async fn a_hearing_is_held_before_the_decision(bench: Bench) {
    let case = filed(&bench, "hearing").await;
    let law = person("law", Role::Legal);
    let on = |day: &str| papers().with("hearing_day", day);
    bench.act(&case, "notify", "inv", Role::Investigator).await;
    let unasked = tried(&bench, &case, "set_hearing", &law, &on("2026-03-20")).await;
    assert!(unasked.contains("nobody asked for a hearing"), "{unasked}");
    bench
        .act(&case, "request_hearing", "plant", Role::Enterprise)
        .await;
    let refused = async |said: &str| {
        let why = bench.refuses(&case, "decide", "law", Role::Legal).await;
        assert!(why.contains(said), "{why}");
    };
    refused("尚未确定日期").await;
    let set = tried(&bench, &case, "set_hearing", &law, &on("2026-03-20")).await;
    assert_eq!(set, "");
    refused("was not told of the hearing").await;
    let held = bench
        .refuses(&case, "hold_hearing", "law", Role::Legal)
        .await;
    assert!(held.contains("听证尚未通知当事人"), "{held}");
    // The notice comes too late: another day.
    bench.clock.set(monday() + 10 * DAY);
    let late = bench
        .refuses(&case, "notify_hearing", "law", Role::Legal)
        .await;
    assert!(
        late.contains("不足七个工作日") && late.contains("set_hearing"),
        "{late}"
    );
    let set = tried(&bench, &case, "set_hearing", &law, &on("2026-03-31")).await;
    assert_eq!(set, "");
    bench.act(&case, "notify_hearing", "law", Role::Legal).await;
    refused("听证尚未举行").await;
    let early = bench
        .refuses(&case, "hold_hearing", "law", Role::Legal)
        .await;
    assert!(early.contains("the hearing is on 2026-03-31"), "{early}");
    bench.clock.set(monday() + 29 * DAY);
    bench.act(&case, "hold_hearing", "law", Role::Legal).await;
    // After a hearing a lawyer looks at it whatever the papers say, and not the one who decides.
    refused("重大处罚决定须先经法制审核").await;
    bench.act(&case, "legal_review", "law", Role::Legal).await;
    refused("another person decides").await;
    bench.act(&case, "decide", "law-2", Role::Legal).await;
    sound(&bench).await;
}

pub(super) async fn a_major_decision_is_reviewed_on_complete_evidence(bench: Bench) {
    let case = filed(&bench, "major").await;
    bench.act(&case, "notify", "inv", Role::Investigator).await;
    bench
        .act(&case, "waive_hearing", "plant", Role::Enterprise)
        .await;
    let twice = bench
        .refuses(&case, "waive_hearing", "plant", Role::Enterprise)
        .await;
    assert!(twice.contains("nothing to waive"), "{twice}");
    let law = person("law", Role::Legal);
    let major = papers_for("decide").with("major", "yes");
    let decide = async || tried(&bench, &case, "decide", &law, &major).await;
    assert!(decide().await.contains("重大处罚决定须先经法制审核"));
    // Nobody reviews what they investigated, and nobody adds what nobody asked for.
    let own = bench
        .refuses(&case, "legal_review", "inv", Role::Legal)
        .await;
    assert!(own.contains("handled this case"), "{own}");
    let unasked = bench
        .refuses(&case, "add_evidence", "inv", Role::Investigator)
        .await;
    assert!(
        unasked.contains("nobody asked for more evidence"),
        "{unasked}"
    );

    bench
        .act(&case, "more_evidence", "law-2", Role::Legal)
        .await;
    for action in ["legal_review", "decide"] {
        let why = bench.refuses(&case, action, "law", Role::Legal).await;
        assert!(
            why.contains("尚未补齐") && why.contains("documented"),
            "{why}"
        );
    }
    let investigator = person("inv", Role::Investigator);
    let nothing = Input {
        attachments: Vec::new(),
        ..papers()
    };
    let bare = tried(&bench, &case, "add_evidence", &investigator, &nothing).await;
    assert!(bare.contains("nothing is attached"), "{bare}");
    bench
        .act(&case, "add_evidence", "inv", Role::Investigator)
        .await;
    bench.act(&case, "legal_review", "law-2", Role::Legal).await;
    // What comes in after the review was not reviewed.
    let late = [papers().attachments[0].clone()];
    bench
        .service
        .attach(&case, &investigator, &late, None)
        .await
        .unwrap();
    assert!(decide().await.contains("重大处罚决定须先经法制审核"));
    bench.act(&case, "legal_review", "law-2", Role::Legal).await;
    assert_eq!(decide().await, "");

    // An S1 is a major one whatever the papers say.
    let worst = bench.open("worst", Severity::S1).await;
    for (action, name, role) in [
        ("escalate", "ana", Role::Analyst),
        ("onsite", "o-1", Role::Officer),
        ("approve_onsite", "boss", Role::Approver),
        ("file", "o-1", Role::Officer),
        ("accept_case", "law", Role::Legal),
        ("notify", "inv", Role::Investigator),
        ("waive_hearing", "plant", Role::Enterprise),
    ] {
        bench.act(&worst, action, name, role).await;
    }
    let why = bench.refuses(&worst, "decide", "law", Role::Legal).await;
    assert!(why.contains("重大处罚决定须先经法制审核"), "{why}");
    sound(&bench).await;
}
