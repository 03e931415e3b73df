//! A store that answers wrongly, and a process that dies between upload and commit.
//!
//! Whatever the answer to a commit was, the table itself says whether it landed: a lost answer must
//! not lead to a second commit, a failed one not to missing rows.

use crate::harness::packets::minute_packet;
use crate::harness::sandbox::Sandbox;
use crate::harness::topics;
use crate::ledger::assert_exactly_once;

const PARTITIONS: i32 = 2;

fn filled(name: &str) -> (Sandbox, String) {
    let mut sandbox = Sandbox::new(name);
    let topic = sandbox.hj212(PARTITIONS);
    let packets = (0..300).map(|n| (n % PARTITIONS, minute_packet("FAULT001", n as u32)));
    topics::produce(&topic, packets);
    (sandbox, topic)
}

/// The fault at each of the first commits, one per table that the topic feeds.
fn every_commit(fault: &str) -> String {
    (1..=3)
        .map(|number| format!("{fault}@{number}"))
        .collect::<Vec<_>>()
        .join(",")
}

/// Versions of the table that hold rows.
fn commits_with_rows(sandbox: &Sandbox) -> usize {
    let log = sandbox.file("data/tables/readings_raw/_delta_log");
    let entries = std::fs::read_dir(log)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    entries
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "json")
        })
        .filter(|path| std::fs::read_to_string(path).unwrap().contains("{\"add\":"))
        .count()
}

/// N4: an answer that is lost is looked up in the log.
#[test]
fn a_commit_whose_response_is_lost_is_recognised_and_not_repeated() {
    let (sandbox, topic) = filled("lost-response");
    let mut command = sandbox.command(&["ingest", "--until-caught-up"]);
    // A topic of readings feeds several tables, each with a commit of its own.
    command.env("NONSITE_FAULTS", every_commit("lost_commit_response"));
    sandbox.finish(command).done();
    assert_exactly_once(&sandbox, &topic, PARTITIONS);
    assert_eq!(commits_with_rows(&sandbox), 1, "one batch, one commit");
}

/// N4: no fault of the store makes a commit land twice.
#[test]
fn commits_that_fail_or_land_late_are_not_lost_and_not_doubled() {
    for fault in ["failed_commit", "false_exists", "late_commit"] {
        let (sandbox, topic) = filled("failed-commit");
        let mut command = sandbox.command(&["ingest", "--until-caught-up"]);
        command.env("NONSITE_FAULTS", every_commit(fault));
        // Giving up with an error is allowed; wrong rows are not.
        let output = sandbox.finish(command);
        assert!(
            [0, 1, 3].contains(&output.code),
            "{fault}: {}",
            output.stderr
        );
        sandbox.run(&["ingest", "--until-caught-up"]).done();
        assert_exactly_once(&sandbox, &topic, PARTITIONS);
    }
}

/// N1, N2: before and after each step the tables are whole.
#[test]
fn death_at_every_step_around_the_commit_loses_nothing() {
    for step in ["upload", "before_commit", "after_commit"] {
        let (sandbox, topic) = filled("abort");
        let mut command = sandbox.command(&["ingest", "--until-caught-up"]);
        command.env("NONSITE_FAULTS", format!("abort@{step}"));
        let died = sandbox.finish(command);
        assert_eq!(died.code, -1, "it must die at `{step}`: {}", died.stderr);
        // The first commit that landed may be that of another table of the topic.
        let most = usize::from(step == "after_commit");
        assert!(
            commits_with_rows(&sandbox) <= most,
            "after death at `{step}`"
        );
        sandbox.run(&["ingest", "--until-caught-up"]).done();
        assert_exactly_once(&sandbox, &topic, PARTITIONS);
    }
}
