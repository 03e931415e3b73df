//! What no sequence of actions leads to: somebody who changes the database behind the queue's back. The
//! audit sees every column of every table it vouches for.

use std::time::Duration;

use sqlx::{Connection, SqliteConnection};

use super::by_hand::{by_hand, tamper};
use super::event::{ChainFault, ChainWalk, Event, GENESIS};
use super::evidence::fixture;
use super::parts::{Role, Severity};
use super::settings::Config;
use super::testing::{Bench, papers, person};

const TABLES: [&str; 5] = [
    "review_events",
    "review_cases",
    "review_case_versions",
    "review_acts",
    "review_files",
];

/// Two cases: one with a photo (row 4) and an act (row 5), one that waits for its answer (rows 6 to 9).
pub(super) async fn filled(bench: Bench) -> Bench {
    let first = bench.open("a", Severity::S3).await;
    bench.act(&first, "verify", "ana", Role::Analyst).await;
    let photo = bench.service.keep(&fixture("pump.jpg")).await.unwrap();
    let officer = person("o-1", Role::Officer);
    bench
        .service
        .attach(&first, &officer, &[photo], Some("before"))
        .await
        .unwrap();
    let mut input = papers();
    input.fields.remove("act");
    bench.clock.advance(60_000_000);
    bench
        .service
        .act(&first, "rectify", &officer, &input)
        .await
        .unwrap();
    let second = bench.open("b", Severity::S3).await;
    bench.act(&second, "dispatch", "ana", Role::Analyst).await;
    bench.act(&second, "deliver", "ana", Role::Analyst).await;
    let report = bench.service.audit(None).await.unwrap();
    assert_eq!((report.rows, report.fault), (9, None));
    bench
}

pub(super) async fn fault(bench: &Bench) -> Option<ChainFault> {
    bench.service.audit(None).await.unwrap().fault
}

/// Every way of tampering, each on the queue as it was.
async fn the_audit_sees_it(bench: Bench) {
    let bench = filled(bench).await;
    for table in TABLES {
        tamper(
            &bench,
            &format!("CREATE TABLE kept_{table} AS SELECT * FROM {table}"),
        )
        .await;
    }
    for sql in tamperings() {
        tamper(&bench, &sql).await;
        let found = fault(&bench).await;
        assert!(found.is_some(), "nobody noticed: {sql}");
        for table in TABLES {
            let back =
                format!("DELETE FROM {table}; INSERT INTO {table} SELECT * FROM kept_{table}");
            tamper(&bench, &back).await;
        }
        assert_eq!(fault(&bench).await, None, "put back after: {sql}");
    }
}

fn tamperings() -> Vec<String> {
    let mut all = Vec::new();
    let texts = [
        (
            "review_events",
            "seq = 5",
            &[
                "from_state",
                "to_state",
                "action",
                "actor",
                "actor_certificate",
                "role",
                "org_code",
                "reason_code",
                "note",
                "client",
                "policy_version",
                "case_sha256",
                "prev_hash",
                "hash",
            ][..],
        ),
        (
            "review_cases",
            "anomaly_id = 'anomaly-a'",
            &[
                "case_id",
                "anomaly_id",
                "state",
                "severity",
                "subject",
                "rule_group",
                "org_code",
                "assignee",
            ][..],
        ),
        (
            "review_case_versions",
            "seq = 3",
            &["case_id", "document", "sha256"][..],
        ),
        (
            "review_acts",
            "seq = 5",
            &["act_id", "case_id", "sha256"][..],
        ),
        (
            "review_files",
            "seq = 4",
            &["case_id", "name", "sha256", "picture"][..],
        ),
    ];
    for (table, row, columns) in texts {
        for column in columns {
            all.push(format!(
                "UPDATE {table} SET {column} = 'x' || coalesce({column}, '') WHERE {row}"
            ));
        }
    }
    let numbers = [
        (
            "review_events",
            "seq = 5",
            &["case_version", "at", "effective_at", "rule_version"][..],
        ),
        (
            "review_cases",
            "anomaly_id = 'anomaly-a'",
            &[
                "version",
                "claimed_until",
                "due_at",
                "timer_at",
                "opened_at",
                "look_back_until",
            ][..],
        ),
        ("review_case_versions", "seq = 5", &["version"][..]),
        ("review_acts", "seq = 5", &["seq", "act_version", "at"][..]),
        ("review_files", "seq = 4", &["seq", "position", "at"][..]),
    ];
    for (table, row, columns) in numbers {
        for column in columns {
            all.push(format!(
                "UPDATE {table} SET {column} = coalesce({column}, 0) + 1 WHERE {row}"
            ));
        }
    }
    let others = [
        // A row of another case, a row gone in the middle, a row gone at the end.
        "UPDATE review_events SET case_id = (SELECT case_id FROM review_cases \
         WHERE anomaly_id = 'anomaly-b') WHERE seq = 5",
        "DELETE FROM review_events WHERE seq = 6",
        "DELETE FROM review_events WHERE seq = 9",
        // What was said, and what was read from a photo.
        "UPDATE review_events SET fields = replace(fields, 'pump replaced', 'nothing') WHERE seq = 5",
        "UPDATE review_events SET fields = replace(fields, 'documented', 'other'), \
         reason_code = 'other' WHERE seq = 3",
        "UPDATE review_events SET fields = '{' WHERE seq = 5",
        "UPDATE review_events SET attachments = replace(attachments, 'pump.jpg', 'x.jpg') \
         WHERE seq = 4",
        "UPDATE review_events SET attachments = replace(attachments, 'Huawei P60', 'Nokia') \
         WHERE seq = 4",
        "UPDATE review_events SET attachments = replace(attachments, '\"taken_at\":1', \
         '\"taken_at\":2') WHERE seq = 4",
        // Cases: the document, the list it is in, the case itself.
        "UPDATE review_cases SET document = replace(document, 'outlet-a', 'outlet-c') \
         WHERE anomaly_id = 'anomaly-a'",
        "UPDATE review_cases SET is_open = NOT is_open WHERE anomaly_id = 'anomaly-a'",
        "DELETE FROM review_cases WHERE anomaly_id = 'anomaly-a'",
        // Versions: what was said earlier, the first and the last one taken away, one that no row
        // brought, two that changed places.
        "UPDATE review_case_versions SET document = replace(document, 'outlet-a', 'outlet-c') \
         WHERE seq = 3",
        "DELETE FROM review_case_versions WHERE seq = 1",
        "DELETE FROM review_case_versions WHERE seq = 9",
        "DELETE FROM review_case_versions",
        "INSERT INTO review_case_versions SELECT case_id, 99, 99, document, sha256 \
         FROM review_case_versions WHERE seq = 5",
        "UPDATE review_case_versions SET seq = 99 WHERE seq = 5",
        "UPDATE review_case_versions SET seq = -1 WHERE seq = 2; \
         UPDATE review_case_versions SET seq = 2 WHERE seq = 3; \
         UPDATE review_case_versions SET seq = 3 WHERE seq = -1",
        // Acts and files that were put in, changed, or taken away.
        "UPDATE review_acts SET document = replace(document, 'anomaly-a', 'anomaly-c')",
        "DELETE FROM review_acts",
        "INSERT INTO review_acts SELECT 6, 'put-in', 1, case_id, document, sha256, at \
         FROM review_acts",
        "INSERT INTO review_acts SELECT -1, 'put-in', 1, case_id, document, sha256, at \
         FROM review_acts",
        "INSERT INTO review_acts SELECT 99, 'put-in', 1, case_id, document, sha256, at \
         FROM review_acts",
        "DELETE FROM review_files",
        "INSERT INTO review_files (seq, position, case_id, name, sha256, picture, at) \
         SELECT 2, 0, case_id, name, sha256, picture, at FROM review_files",
    ];
    all.extend(others.map(str::to_owned));
    all
}

async fn refuses(bench: &Bench, statement: &str, why: &str) {
    match by_hand(bench, statement).await {
        Ok(()) => panic!("it was done: {statement}"),
        Err(refused) => {
            let refused = refused.to_string();
            assert!(refused.contains(why), "{statement}: {refused}");
        }
    }
}

async fn the_database_refuses_to_change_history(bench: Bench) {
    let bench = filled(bench).await;
    // What publishing acts leaves behind.
    let sent = "INSERT INTO review_acts_intents (topic, last_seq, marks, held_until, at) \
                VALUES ('acts', 5, '{}', 0, 0); \
                INSERT INTO review_acts_sent (seq, act_id, topic, partition, position, at) \
                VALUES (5, 'act', 'acts', 0, 0, 0)";
    by_hand(&bench, sent).await.unwrap();
    for statement in [
        "UPDATE review_events SET actor = 'nobody' WHERE seq = 3",
        "DELETE FROM review_events WHERE seq = 3",
        "UPDATE review_case_versions SET document = '{}' WHERE seq = 3",
        "DELETE FROM review_case_versions WHERE seq = 3",
        "UPDATE review_acts SET at = 0",
        "DELETE FROM review_files",
        "UPDATE review_acts_intents SET held_until = 1",
        "DELETE FROM review_acts_intents",
        "UPDATE review_acts_sent SET topic = 'other'",
        "DELETE FROM review_acts_sent",
    ] {
        refuses(&bench, statement, "append-only").await;
    }
    refuses(&bench, "DELETE FROM review_cases", "never deleted").await;
    // As a program would that knows of no versions, and one that goes back to an earlier one.
    for statement in [
        "UPDATE review_cases SET version = version + 1, document = replace(document, 'S3', 'S4')",
        "UPDATE review_cases SET document = v.document, version = v.version \
         FROM review_case_versions v WHERE v.case_id = review_cases.case_id AND v.version = 1",
        "INSERT INTO review_cases (case_id, anomaly_id, version, state, is_open, severity, subject, \
         rule_group, opened_at, document) \
         VALUES ('c0', 'a0', 1, 'triage', TRUE, 'S3', 'x', 'x', 0, '{}')",
    ] {
        refuses(&bench, statement, "the newest version that is kept").await;
    }
    if bench.schema.is_none() {
        // Only SQLite has a way to put a row into the place of another.
        for table in [
            "review_events",
            "review_case_versions",
            "review_acts",
            "review_files",
            "review_acts_intents",
            "review_acts_sent",
        ] {
            let statement = format!("INSERT OR REPLACE INTO {table} SELECT * FROM {table}");
            refuses(&bench, &statement, "append-only").await;
        }
    }
    assert_eq!(fault(&bench).await, None);
}

async fn an_audit_names_the_first_broken_row(bench: Bench) {
    let bench = filled(bench).await;
    // From the last row to the first: each is found before the ones that were broken earlier.
    tamper(&bench, "UPDATE review_events SET at = at - 1 WHERE seq = 9").await;
    let found = fault(&bench).await.unwrap();
    assert!(
        matches!(found, ChainFault::Altered { seq: 9, .. }),
        "{found}"
    );
    tamper(&bench, "DELETE FROM review_events WHERE seq = 7").await;
    let missing = ChainFault::Missing { seq: 7, found: 8 };
    assert_eq!(fault(&bench).await, Some(missing));
    tamper(
        &bench,
        "UPDATE review_events SET prev_hash = 'x' WHERE seq = 6",
    )
    .await;
    let found = fault(&bench).await.unwrap();
    assert!(
        matches!(found, ChainFault::Unlinked { seq: 6, .. }),
        "{found}"
    );
    tamper(&bench, "UPDATE review_acts SET sha256 = 'x'").await;
    let found = fault(&bench).await.unwrap();
    assert!(
        matches!(found, ChainFault::ActAltered { seq: 5, .. }),
        "{found}"
    );
    tamper(&bench, "DELETE FROM review_files").await;
    let found = fault(&bench).await.unwrap();
    assert!(
        matches!(found, ChainFault::FilesAltered { seq: 4, .. }),
        "{found}"
    );
    tamper(
        &bench,
        "UPDATE review_case_versions SET document = replace(document, 'outlet-a', 'outlet-c') \
         WHERE seq = 3",
    )
    .await;
    let found = fault(&bench).await.unwrap();
    assert!(
        matches!(
            found,
            ChainFault::VersionAltered {
                seq: 3,
                version: 3,
                ..
            }
        ),
        "{found}"
    );
    tamper(
        &bench,
        "UPDATE review_events SET fields = '{' WHERE seq = 2",
    )
    .await;
    let found = fault(&bench).await.unwrap();
    assert!(
        found.to_string().contains("audit row 2 cannot be read"),
        "{found}"
    );
}

async fn a_kept_head_shows_that_the_end_was_cut_off(bench: Bench) {
    let bench = filled(bench).await;
    let head = bench.service.audit(None).await.unwrap().head;
    let case = bench.open("c", Severity::S3).await;
    assert_eq!(bench.service.audit(Some(&head)).await.unwrap().fault, None);
    let later = bench.service.audit(None).await.unwrap().head;
    let cut = format!(
        "DELETE FROM review_events WHERE case_id = '{case}'; \
         DELETE FROM review_case_versions WHERE case_id = '{case}'; \
         DELETE FROM review_cases WHERE case_id = '{case}'"
    );
    tamper(&bench, &cut).await;
    assert_eq!(fault(&bench).await, None, "the chain alone is sound");
    let report = bench.service.audit(Some(&later)).await.unwrap();
    let found = report.fault.unwrap();
    assert!(matches!(found, ChainFault::HeadMissing { .. }), "{found}");
}

#[tokio::test]
async fn rows_of_earlier_versions_are_sound_and_none_contradicts_itself() {
    let bench = filled(Bench::sqlite(&Config::default()).await).await;
    let rows = bench.service.store.events(0, 100).await.unwrap();
    // The chain as an earlier version would have written it.
    let mut walk = ChainWalk::new();
    let mut head = GENESIS.to_owned();
    let mut earlier: Vec<Event> = Vec::new();
    for row in &rows {
        let mut row = row.clone();
        row.prev_hash.clone_from(&head);
        row.hash = row.first_hash();
        head.clone_from(&row.hash);
        // They kept no versions.
        walk.step(&row, None).unwrap();
        earlier.push(row);
    }
    assert!(
        earlier
            .iter()
            .zip(&rows)
            .all(|(old, new)| old.hash != new.hash)
    );
    // Whoever writes rows and their hashes still has to say the same thing twice.
    let mut first = rows[0].clone();
    first.fields.insert("reason".to_owned(), "one".to_owned());
    first.reason_code = Some("another".to_owned());
    first.hash = first.expected_hash();
    let found = ChainWalk::new().step(&first, None).unwrap_err();
    assert!(
        matches!(found, ChainFault::Contradicts { seq: 1, .. }),
        "{found}"
    );
}

#[tokio::test]
async fn a_foreign_lock_is_told_as_busy() {
    let bench = filled(Bench::sqlite(&Config::default()).await).await;
    let url = format!("sqlite://{}", bench.path().display());
    let mut other = SqliteConnection::connect(&url).await.unwrap();
    sqlx::raw_sql("BEGIN IMMEDIATE")
        .execute(&mut other)
        .await
        .unwrap();
    let store = super::sqlite::SqliteStore::open(&bench.path(), Duration::from_millis(50)).await;
    let refused = store.unwrap_err().to_string();
    assert!(refused.contains("is busy"), "{refused}");
}

/// Every test once per store.
macro_rules! on_both {
    ($($test:ident),* $(,)?) => {
        mod sqlite {
            $(
                #[tokio::test]
                async fn $test() {
                    super::$test(super::Bench::sqlite(&super::Config::default()).await).await;
                }
            )*
        }
        mod postgres {
            $(
                #[tokio::test]
                async fn $test() {
                    super::$test(super::Bench::postgres(&super::Config::default()).await).await;
                }
            )*
        }
    };
}

on_both! {
    the_audit_sees_it,
    the_database_refuses_to_change_history,
    an_audit_names_the_first_broken_row,
    a_kept_head_shows_that_the_end_was_cut_off,
}
