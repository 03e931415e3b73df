//! Reminders, and the clocks of the penalty procedure.

use super::super::calendar::beijing_text;
use super::super::penalty::late_payment;
use super::super::testing::{monday, papers_for, person};
use super::*;
use nonsite_schemas::time::beijing_day;

/// A case that was filed on Monday, 2 March 2026.
pub(super) async fn filed(bench: &Bench, id: &str) -> String {
    let case = bench.open(id, Severity::S3).await;
    bench.act(&case, "verify", "ana", Role::Analyst).await;
    bench.act(&case, "file", "o-1", Role::Officer).await;
    bench.act(&case, "accept_case", "law", Role::Legal).await;
    case
}

/// The clocks that run and their ends.
async fn running(bench: &Bench, case: &str) -> Vec<(String, String)> {
    let case = bench.service.show(case).await.unwrap().case;
    let end = |due| beijing_text(due - 60_000_000);
    case.clocks
        .iter()
        .map(|clock| (clock.name.clone(), end(clock.due_at)))
        .collect()
}

fn clock(name: &str, end: &str) -> (String, String) {
    (name.to_owned(), format!("{end} 23:59"))
}

pub(super) async fn the_clocks_of_a_penalty_run_side_by_side(bench: Bench) {
    let case = bench.open("penalty", Severity::S3).await;
    bench.act(&case, "verify", "ana", Role::Analyst).await;
    bench.act(&case, "file", "o-1", Role::Officer).await;
    assert_eq!(
        running(&bench, &case).await,
        [clock("filing", "2026-03-17")]
    );
    bench
        .act(&case, "extend_filing", "boss", Role::Approver)
        .await;
    assert_eq!(
        running(&bench, &case).await,
        [clock("filing", "2026-04-01")]
    );
    let again = bench
        .refuses(&case, "extend_filing", "boss", Role::Approver)
        .await;
    assert!(again.contains("prolonged 1 times"), "{again}");

    bench.act(&case, "accept_case", "law", Role::Legal).await;
    // 90 days after 2 March is Sunday, 31 May: Monday.
    assert_eq!(
        running(&bench, &case).await,
        [clock("decision", "2026-06-01")]
    );
    bench.act(&case, "notify", "inv", Role::Investigator).await;
    let both = [
        clock("decision", "2026-06-01"),
        clock("hearing_request", "2026-03-09"),
    ];
    assert_eq!(running(&bench, &case).await, both);
    let shown = bench.service.show(&case).await.unwrap().case;
    assert_eq!(
        shown.due_at,
        Some(shown.clocks[1].due_at),
        "the earliest end"
    );
    for _ in 0..2 {
        bench
            .act(&case, "extend_case", "boss", Role::Approver)
            .await;
    }
    // Once by 30 and once by at most 30.
    assert_eq!(
        running(&bench, &case).await[0],
        clock("decision", "2026-07-31")
    );
    let unserved = bench.refuses(&case, "pay", "inv", Role::Investigator).await;
    assert!(
        unserved.contains("clock `payment` does not run"),
        "{unserved}"
    );
    // The unit lets its rights pass.
    bench.clock.set(monday() + 8 * DAY);
    let legal = person("law", Role::Legal);
    let decide = papers_for("decide");
    let odd = decide.clone().with("fine", "twelve");
    let odd = bench.service.act(&case, "decide", &legal, &odd).await;
    let odd = odd.unwrap_err().to_string();
    assert!(odd.contains("`twelve` is no amount in yuan"), "{odd}");
    let fined = decide.with("fine", "12000.5");
    let decided = bench.service.act(&case, "decide", &legal, &fined).await;
    let decided = decided.unwrap();
    assert_eq!(decided.procedure.fine_fen, Some(1_200_050));
    assert_eq!(
        running(&bench, &case).await,
        [clock("service", "2026-03-19")]
    );
    bench.act(&case, "serve_decision", "law", Role::Legal).await;
    assert_eq!(
        running(&bench, &case).await,
        [clock("payment", "2026-03-25")]
    );

    // Nobody pays: reminded, then overdue, then paid after all.
    bench.clock.advance(30 * DAY);
    let fired = bench.service.tick().await.unwrap();
    let actions: Vec<&str> = fired.iter().map(|fired| fired.action.as_str()).collect();
    assert_eq!(actions, ["reminder:payment", "overdue:payment"]);
    let late = bench.service.show(&case).await.unwrap().case;
    assert!(late.overdue && late.timer_at.is_none());
    // 15 days late by now, and 2 on the day of the payment.
    let by_now = late_payment(&late, beijing_day(bench.clock_now())).unwrap();
    assert_eq!((by_now.days, by_now.added_fen), (15, Some(540_022)));
    let archivist = person("arch", Role::Archivist);
    let unfined = papers_for("close").with("unpaid", "no_fine");
    let unfined = bench
        .service
        .act(&case, "close", &archivist, &unfined)
        .await;
    let unfined = unfined.unwrap_err().to_string();
    assert!(unfined.contains("names a fine"), "{unfined}");
    let investigator = person("inv", Role::Investigator);
    let on = |day: &str| papers_for("pay").with("paid_on", day);
    let pay = async |papers: &Input| {
        let done = bench.service.act(&case, "pay", &investigator, papers);
        done.await
    };
    let early = pay(&on("2026-04-30")).await.unwrap_err().to_string();
    assert!(early.contains("lies in the future"), "{early}");
    let forged = pay(&on("2026-03-27").with("late_fine", "0.01")).await;
    let forged = forged.unwrap_err().to_string();
    assert!(
        forged.contains("is written by the program alone"),
        "{forged}"
    );
    pay(&on("2026-03-27")).await.unwrap();
    let row = bench.service.show(&case).await.unwrap().events;
    let row = &row.last().unwrap().fields;
    assert_eq!(
        (row["late_days"].as_str(), row["late_fine"].as_str()),
        ("2", "720.03")
    );
    let paid = bench.service.show(&case).await.unwrap().case;
    assert!(!paid.overdue && paid.clocks.len() == 1, "{:?}", paid.clocks);
    assert_eq!(paid.clocks[0].name, "archive", "somebody has to file it");
    bench.act(&case, "close", "arch", Role::Archivist).await;
    sound(&bench).await;
}

pub(super) async fn a_hearing_is_announced_in_time_and_rights_lapse(bench: Bench) {
    let case = filed(&bench, "hearing").await;
    bench.act(&case, "notify", "inv", Role::Investigator).await;
    bench
        .act(&case, "request_hearing", "plant", Role::Enterprise)
        .await;
    let legal = person("law", Role::Legal);
    let on = |day: &str| papers().with("hearing_day", day);
    let soon = bench
        .service
        .act(&case, "set_hearing", &legal, &on("2026-03-06"))
        .await
        .unwrap_err();
    assert!(soon.to_string().contains("7 working days"), "{soon}");
    bench
        .service
        .act(&case, "set_hearing", &legal, &on("2026-03-20"))
        .await
        .unwrap();
    assert_eq!(
        running(&bench, &case).await[1],
        clock("hearing_notice", "2026-03-10")
    );
    bench.act(&case, "notify_hearing", "law", Role::Legal).await;

    let silent = filed(&bench, "silent").await;
    bench
        .act(&silent, "notify", "inv", Role::Investigator)
        .await;
    bench.clock.advance(10 * DAY);
    bench.service.tick().await.unwrap();
    let shown = bench.service.show(&silent).await.unwrap();
    assert!(!shown.case.overdue, "a right that lapsed makes nobody late");
    let last = &shown.events.last().unwrap().action;
    assert_eq!(last, "lapsed:hearing_request");
    let gone = bench
        .refuses(&silent, "request_hearing", "plant", Role::Enterprise)
        .await;
    assert!(gone.contains("`hearing_request` does not run"), "{gone}");
}

pub(super) async fn reminders_come_once_before_the_end(bench: Bench) {
    let case = bench.open("reminded", Severity::S3).await;
    bench.act(&case, "dispatch", "ana", Role::Analyst).await;
    bench.act(&case, "deliver", "ana", Role::Analyst).await;
    bench.clock.advance(37 * HOUR);
    for expected in [1, 0] {
        assert_eq!(bench.service.tick().await.unwrap().len(), expected);
    }
    let shown = bench.service.show(&case).await.unwrap();
    let row = shown.events.last().unwrap();
    assert_eq!(
        (row.action.as_str(), row.role.as_str()),
        ("reminder", "engine")
    );
    assert_eq!(shown.case.due_at.unwrap() - row.effective_at, 12 * HOUR);
    assert_eq!(shown.case.state, "self_check");
    // Answered in time: the next state has a deadline and a reminder of its own.
    assert_eq!(
        bench.act(&case, "answer", "plant", Role::Enterprise).await,
        "answered"
    );
    sound(&bench).await;
}
