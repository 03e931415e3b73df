//! What an approval asks for besides persons and papers: that the rule is silent by now.

use super::super::recheck::Verdict;
use super::super::testing::{papers_for, person};
use super::*;

pub(super) async fn an_approval_asks_whether_the_rule_is_silent(bench: Bench) {
    let case = submitted(&bench, "silent", Severity::S3).await;
    for (verdict, said) in [
        (Verdict::StillFailing, "still_failing"),
        (Verdict::TooShort, "too_short"),
        (Verdict::NothingJudged, "nothing_judged"),
        (Verdict::NotRun, "not_run"),
    ] {
        bench.tell(Some(verdict));
        let refused = bench.refuses(&case, "approve", "rev", Role::Reviewer).await;
        assert!(
            refused.contains(said) && refused.contains("`override`"),
            "{refused}"
        );
    }
    // Nobody can write the answer of the program themselves.
    let reviewer = person("rev", Role::Reviewer);
    let forged = papers_for("approve").with("recheck", "silent");
    let forged = bench
        .service
        .act(&case, "approve", &reviewer, &forged)
        .await;
    let forged = forged.unwrap_err().to_string();
    assert!(forged.contains("written by the program alone"), "{forged}");

    // A reason goes before the rule, and stands in the audit row beside what the rule says.
    bench.tell(Some(Verdict::StillFailing));
    let reasoned = papers_for("approve").with("override", "measured by hand, report 7");
    bench.clock.advance(60_000_000);
    let after = bench
        .service
        .act(&case, "approve", &reviewer, &reasoned)
        .await;
    assert_eq!(after.unwrap().state, "look_back");
    let events = bench.service.show(&case).await.unwrap().events;
    let row = events
        .iter()
        .find(|event| event.action == "approve")
        .unwrap();
    assert_eq!(row.fields["override"], "measured by hand, report 7");
    assert_eq!(row.fields["recheck"], "still_failing");
    sound(&bench).await;
}

pub(super) async fn an_approval_says_what_the_rule_said(bench: Bench) {
    let case = submitted(&bench, "said", Severity::S3).await;
    bench.tell(None);
    let away = bench.refuses(&case, "approve", "rev", Role::Reviewer).await;
    assert!(away.contains("the tables are away"), "{away}");
    bench.tell(Some(Verdict::Silent));
    assert_eq!(
        bench.act(&case, "approve", "rev", Role::Reviewer).await,
        "look_back"
    );
    let events = bench.service.show(&case).await.unwrap().events;
    let row = events
        .iter()
        .find(|event| event.action == "approve")
        .unwrap();
    assert_eq!(row.fields["recheck"], "silent");
    assert_eq!(row.fields["recheck_hours"], "48");
    sound(&bench).await;
}
