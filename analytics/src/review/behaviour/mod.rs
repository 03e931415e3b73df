//! What the queue does, whatever it is stored in: every test here is written against [`Bench`] and
//! runs once per store (`suite!` at the end).

mod acts;
mod bodies;
mod bundles;
mod clocks;
mod deadlines;
mod decided;
mod decision;
mod endings;
mod evidence;
mod investigations;
mod look_back;
mod marks;
mod messages;
mod one_order;
mod papers;
mod penalty;
mod queue;
mod reads;
mod reported;
mod required;
mod review_rows;
mod rises;
mod shows;
mod stats;
mod terms;
mod visits;

use super::calendar::HOUR;
use super::error::Error;
use super::parts::{Role, Severity};
use super::settings::Config;
use super::step::Input;
use super::testing::{Bench, papers, person};

use acts::*;
use bodies::*;
use bundles::*;
use clocks::*;
use deadlines::*;
use decided::*;
use decision::*;
use endings::*;
use evidence::*;
use investigations::*;
use look_back::*;
use marks::*;
use messages::*;
use one_order::*;
use papers::*;
use penalty::*;
use queue::*;
use reads::*;
use reported::*;
use required::*;
use review_rows::*;
use rises::*;
use shows::*;
use stats::*;
use terms::*;
use visits::*;

const DAY: i64 = 24 * HOUR;

async fn state(bench: &Bench, id: &str) -> String {
    bench.service.show(id).await.unwrap().case.state
}

async fn sound(bench: &Bench) {
    let report = bench.service.audit(None).await.unwrap();
    assert_eq!(report.fault, None);
}

/// Opens a case and takes it to `submitted`.
async fn submitted(bench: &Bench, id: &str, severity: Severity) -> String {
    let case = bench.open(id, severity).await;
    bench.act(&case, "dispatch", "ana", Role::Analyst).await;
    bench.act(&case, "deliver", "ana", Role::Analyst).await;
    bench.act(&case, "answer", "plant", Role::Enterprise).await;
    bench.act(&case, "verify", "o-1", Role::Officer).await;
    bench.act(&case, "rectify", "o-1", Role::Officer).await;
    assert_eq!(
        bench.act(&case, "submit", "plant", Role::Enterprise).await,
        "submitted"
    );
    case
}

pub(super) async fn the_core_path_runs_to_the_end(bench: Bench) {
    let case = bench.open("core", Severity::S3).await;
    assert_eq!(state(&bench, &case).await, "triage");
    for (action, name, role, expected) in [
        ("dispatch", "ana", Role::Analyst, "dispatched"),
        ("deliver", "ana", Role::Analyst, "self_check"),
        ("answer", "plant", Role::Enterprise, "answered"),
        ("verify", "o-1", Role::Officer, "verify_off"),
        ("rectify", "o-1", Role::Officer, "rectify"),
        ("submit", "plant", Role::Enterprise, "submitted"),
        ("return", "rev", Role::Reviewer, "returned"),
        ("submit", "plant", Role::Enterprise, "submitted"),
        ("approve", "rev", Role::Reviewer, "look_back"),
    ] {
        assert_eq!(
            bench.act(&case, action, name, role).await,
            expected,
            "{action}"
        );
    }
    let early = bench.refuses(&case, "close", "arch", Role::Archivist).await;
    assert!(early.contains("it belongs to: engine"), "{early}");
    bench.clock.advance(8 * DAY);
    let fired = bench.service.tick().await.unwrap();
    assert_eq!((fired.len(), fired[0].action.as_str()), (1, "check"));
    assert_eq!(state(&bench, &case).await, "look_back");
    bench.clock.advance(24 * DAY);
    let fired = bench.service.tick().await.unwrap();
    assert_eq!(fired.last().unwrap().to, "closed");
    let shown = bench.service.show(&case).await.unwrap();
    assert_eq!(shown.case.rule_match.as_deref(), Some("match"));
    assert_eq!(shown.case.true_cause.as_deref(), Some("abatement_fault"));
    assert_eq!(shown.case.return_count, 1);
    assert!(shown.case.closed_at.is_some());
    let actions: Vec<&str> = shown
        .events
        .iter()
        .map(|event| event.action.as_str())
        .collect();
    assert_eq!(
        actions,
        [
            "open",
            "accept",
            "dispatch",
            "deliver",
            "answer",
            "verify",
            "rectify",
            "submit",
            "return",
            "submit",
            "approve",
            "look_back",
            "check",
            "check",
            "close"
        ]
    );
    assert_eq!(
        bench.act(&case, "reopen", "sup", Role::Supervisor).await,
        "reopened"
    );
    assert_eq!(
        bench.act(&case, "verify", "ana", Role::Analyst).await,
        "verify_off"
    );
    sound(&bench).await;
}

pub(super) async fn rectification_returned_twice_goes_on_site(bench: Bench) {
    let case = submitted(&bench, "twice", Severity::S3).await;
    bench.act(&case, "return", "rev", Role::Reviewer).await;
    bench.act(&case, "submit", "plant", Role::Enterprise).await;
    assert_eq!(
        bench.act(&case, "return", "rev", Role::Reviewer).await,
        "onsite_approval"
    );
    let early = bench.refuses(&case, "onsite", "o-1", Role::Officer).await;
    assert!(early.contains("`onsite_approval`"), "{early}");
    let own = bench
        .refuses(&case, "approve_onsite", "o-1", Role::Approver)
        .await;
    assert!(own.contains("handled this case"), "{own}");
    assert_eq!(
        bench
            .act(&case, "approve_onsite", "boss", Role::Approver)
            .await,
        "to_onsite"
    );
    let officer = person("o-1", Role::Officer);
    let mut alone = Input {
        fields: papers().fields,
        ..Input::default()
    };
    alone
        .fields
        .insert("officers".to_owned(), "o-1，o-1".to_owned());
    let refused = bench
        .service
        .act(&case, "onsite", &officer, &alone)
        .await
        .unwrap_err();
    assert!(
        refused.to_string().contains("two certificate holders"),
        "{refused}"
    );
    assert_eq!(
        bench.act(&case, "onsite", "o-1", Role::Officer).await,
        "onsite_done"
    );
    assert_eq!(
        bench.act(&case, "file", "o-1", Role::Officer).await,
        "filing"
    );
    for (action, name, role, expected) in [
        ("accept_case", "law", Role::Legal, "case"),
        ("notify", "inv", Role::Investigator, "case"),
        ("waive_hearing", "plant", Role::Enterprise, "case"),
        ("decide", "law", Role::Legal, "case"),
        ("serve_decision", "inv", Role::Investigator, "case"),
        ("pay", "inv", Role::Investigator, "case"),
        ("close", "arch", Role::Archivist, "closed"),
    ] {
        assert_eq!(
            bench.act(&case, action, name, role).await,
            expected,
            "{action}"
        );
    }
    sound(&bench).await;
}

pub(super) async fn a_serious_case_is_approved_by_two_persons(bench: Bench) {
    let case = submitted(&bench, "four-eyes", Severity::S2).await;
    assert_eq!(
        bench.act(&case, "approve", "rev", Role::Reviewer).await,
        "submitted"
    );
    let again = bench.refuses(&case, "approve", "rev", Role::Reviewer).await;
    assert!(again.contains("a second person has to"), "{again}");
    assert_eq!(
        bench.act(&case, "approve", "rev-2", Role::Reviewer).await,
        "look_back"
    );

    // A different decision in between discards the first signature.
    let other = submitted(&bench, "discarded", Severity::S2).await;
    bench.act(&other, "approve", "rev", Role::Reviewer).await;
    assert_eq!(
        bench.act(&other, "return", "rev-2", Role::Reviewer).await,
        "returned"
    );
    bench.act(&other, "submit", "plant", Role::Enterprise).await;
    assert_eq!(
        bench.act(&other, "approve", "rev-2", Role::Reviewer).await,
        "submitted"
    );

    let light = submitted(&bench, "one-person", Severity::S3).await;
    assert_eq!(
        bench.act(&light, "approve", "rev", Role::Reviewer).await,
        "look_back"
    );
    sound(&bench).await;
}

pub(super) async fn nobody_reviews_what_they_handled(bench: Bench) {
    let case = submitted(&bench, "handler", Severity::S3).await;
    // o-1 acted, o-2 was named as second officer of the act.
    for handler in ["o-1", "o-2"] {
        for action in ["approve", "return", "escalate"] {
            let refused = bench.refuses(&case, action, handler, Role::Reviewer).await;
            assert!(
                refused.contains("handled this case and may not review it"),
                "{refused}"
            );
        }
    }
    let next = bench
        .service
        .claim_next(&person("o-2", Role::Reviewer), &[], None)
        .await
        .unwrap();
    assert_eq!(
        next, None,
        "work that a person may not do is not handed to them"
    );
}

pub(super) async fn dismissing_takes_two_persons_and_not_the_rule_owner(bench: Bench) {
    let case = bench.open("dismiss", Severity::S3).await;
    let owner = bench
        .refuses(&case, "dismiss", "owner", Role::Analyst)
        .await;
    assert!(owner.contains("owns rule E01"), "{owner}");
    assert_eq!(
        bench.act(&case, "dismiss", "ana", Role::Analyst).await,
        "triage"
    );
    let second = bench
        .refuses(&case, "dismiss", "owner", Role::Analyst)
        .await;
    assert!(second.contains("owns rule E01"), "{second}");
    assert_eq!(
        bench.act(&case, "dismiss", "ana-2", Role::Analyst).await,
        "dismissed"
    );
    let shown = bench.service.show(&case).await.unwrap();
    assert_eq!(shown.case.rule_match.as_deref(), Some("mismatch"));
    assert_eq!(
        bench.act(&case, "close", "arch", Role::Archivist).await,
        "closed"
    );
}

pub(super) async fn what_is_forbidden_is_refused_with_the_reason(bench: Bench) {
    let case = bench.open("forbidden", Severity::S3).await;
    let role = bench
        .refuses(&case, "dispatch", "plant", Role::Enterprise)
        .await;
    assert!(
        role.contains("role `enterprise` may not; it belongs to: analyst"),
        "{role}"
    );
    let way = bench.refuses(&case, "approve", "rev", Role::Reviewer).await;
    assert!(
        way.contains("a case in state `triage` does not take it"),
        "{way}"
    );
    assert!(
        way.contains("Possible now: dismiss (analyst), dispatch (analyst)"),
        "{way}"
    );
    let unknown = bench.refuses(&case, "teleport", "ana", Role::Analyst).await;
    assert!(unknown.contains("there is no such action"), "{unknown}");
    let mild = bench.refuses(&case, "escalate", "ana", Role::Analyst).await;
    assert!(mild.contains("only S1 goes on-site from here"), "{mild}");
    let bare = bench
        .service
        .act(
            &case,
            "dispatch",
            &person("ana", Role::Analyst),
            &Input::default(),
        )
        .await
        .unwrap_err()
        .to_string();
    assert!(
        bare.contains("missing: `channel` (how the enterprise is told"),
        "{bare}"
    );
    bench.act(&case, "dispatch", "ana", Role::Analyst).await;
    let early = bench.refuses(&case, "close", "arch", Role::Archivist).await;
    assert!(early.contains("state `dispatched`"), "{early}");
    let engine = bench
        .refuses(&case, "deliver", "engine", Role::Engine)
        .await;
    assert!(engine.contains("a person acts in another role"), "{engine}");
    let nobody = bench.refuses(&case, "deliver", " ", Role::Analyst).await;
    assert!(nobody.contains("nobody is named"), "{nobody}");
    let missing = bench.service.show("c00").await.unwrap_err();
    assert!(matches!(missing, Error::NotFound(_)));
    assert_eq!(state(&bench, &case).await, "dispatched");
    sound(&bench).await;
}

/// Settings the suite needs.
pub(super) fn config() -> Config {
    Config {
        key_units: ["KEY".to_owned()].into(),
        incineration_units: ["BURN".to_owned()].into(),
        rule_owners: [("E01".to_owned(), "owner".to_owned())].into(),
        ..Config::default()
    }
}

/// Every test once per store.
macro_rules! suite {
    ($($test:ident),* $(,)?) => {
        mod sqlite {
            use super::*;
            $(
                #[tokio::test]
                async fn $test() {
                    super::$test(Bench::sqlite(&config()).await).await;
                }
            )*
        }
        mod postgres {
            use super::*;
            $(
                #[tokio::test]
                async fn $test() {
                    super::$test(Bench::postgres(&config()).await).await;
                }
            )*
        }
    };
}

suite! {
    the_core_path_runs_to_the_end,
    rectification_returned_twice_goes_on_site,
    a_serious_case_is_approved_by_two_persons,
    nobody_reviews_what_they_handled,
    dismissing_takes_two_persons_and_not_the_rule_owner,
    what_is_forbidden_is_refused_with_the_reason,
    deadlines_run_from_delivery_and_pass_in_order,
    a_late_engine_gives_nobody_an_advantage,
    units_answer_within_their_own_time,
    a_service_applies_deadlines_until_it_is_stopped,
    extensions_are_bounded,
    a_reviewer_asks_for_more_time,
    an_extension_hides_no_delay,
    a_relapse_reopens_its_case,
    silence_closes_when_the_look_back_is_over,
    what_began_before_the_measures_is_no_relapse,
    a_relapse_is_found_in_either_order_after_downtime,
    measures_are_not_dated_in_the_future,
    claims_bind_and_run_out,
    the_worst_and_most_urgent_is_handed_out_first,
    findings_are_taken_once,
    a_worse_finding_makes_its_case_worse,
    a_rise_is_told_once_and_taken_back,
    a_merged_case_passes_its_rise_on,
    reminders_and_closed_cases_are_not_raised,
    what_is_held_opens_no_case,
    lists_filter_and_ids_can_be_shortened,
    a_clock_that_runs_backwards_writes_nothing,
    files_added_before_count_as_evidence,
    a_file_seen_before_is_pointed_out,
    what_is_no_evidence_is_refused_by_name,
    figures_count_decisions_and_lead_to_their_rows,
    off_site_verification_becomes_an_act_that_counts,
    an_act_that_lacks_something_is_kept_and_not_counted,
    an_act_that_turns_on_site_names_its_visit,
    a_check_whose_visit_is_refused_counts_once_at_most,
    an_act_of_the_inspection_system_is_not_written_again,
    two_who_dismiss_are_the_officers_of_the_act,
    an_act_states_what_the_permit_says_of_the_unit,
    an_act_is_written_without_the_permit,
    an_enterprise_marks_data_and_detection_sees_it_once,
    what_is_no_mark_is_refused_by_name,
    fifty_findings_of_one_cause_make_one_order,
    another_time_or_another_outlet_is_another_cause,
    the_clocks_of_a_penalty_run_side_by_side,
    a_hearing_is_announced_in_time_and_rights_lapse,
    reminders_come_once_before_the_end,
    bundles_are_printed_served_and_counted,
    what_was_checked_of_late_is_pointed_out,
    a_check_that_fires_reopens,
    what_nobody_could_judge_is_told,
    a_check_waits_for_tables_and_holds_nothing_else_up,
    an_approval_asks_whether_the_rule_is_silent,
    an_approval_says_what_the_rule_said,
    a_body_acts_on_its_own_cases,
    a_body_sees_nothing_of_others,
    what_is_for_those_who_judge_is_refused_to_an_enterprise,
    a_draft_of_an_instant_holds_the_states_of_its_hour,
    every_step_asks_for_its_papers,
    codes_are_those_of_the_table,
    an_enterprise_plans_what_it_will_do,
    penalties_are_barred_after_two_years,
    who_investigates_does_not_decide,
    reminders_end_by_themselves,
    finished_cases_are_filed_in_ten_working_days,
    an_s1_goes_on_site_by_itself,
    an_s1_is_neither_asked_nor_verified_off_site,
    what_becomes_an_s1_goes_on_site_at_once,
    a_penalty_is_not_decided_or_closed_early,
    a_hearing_is_held_before_the_decision,
    a_major_decision_is_reviewed_on_complete_evidence,
    a_running_deadline_keeps_its_lengths,
    a_running_clock_keeps_its_extensions,
    a_look_back_keeps_its_checks,
    what_is_found_after_a_dismissal_is_a_clue_of_its_own,
    what_is_found_after_a_decision_is_a_clue_of_its_own,
    what_is_worse_than_was_approved_is_a_clue_of_its_own,
    an_approval_asks_for_a_photo_of_the_state_after,
    what_a_file_shows_is_on_record,
    an_enterprise_is_told_of_its_own_pictures_alone,
    a_reported_clue_is_one_case,
    a_reported_clue_is_part_of_its_cause,
    a_reported_clue_says_whom_and_what,
    conflicts_are_answered_before_an_approval,
    what_changes_between_two_signatures_voids_the_first,
    a_review_says_how_long_it_took,
    an_approval_repairs_the_credit_record_once,
    everyone_is_told_once_after_downtime,
    an_order_says_by_when,
    every_state_asks_for_what_leaves_it,
    an_s1_is_visited_first_and_its_papers_follow,
    a_refused_visit_is_verified_off_site,
    a_refusal_does_not_undo_a_visit,
    a_visit_waits_a_day_for_its_approval_and_three_for_itself,
    a_case_is_closed_with_its_manifest,
    an_extension_is_decided_in_a_day,
    visits_of_a_furnace_within_five_days_are_one,
    on_the_sixth_day_a_visit_is_another,
    what_began_after_a_visit_is_visited_itself,
    what_was_decided_takes_no_investigation_in,
    another_furnace_industry_or_body_is_visited_itself,
    a_check_that_turns_into_a_merged_visit_names_it,
    a_merged_case_is_visited_apart_for_a_reason,
    a_clue_without_sealed_evidence_is_no_case,
    who_read_what_is_noted_and_stays,
}
