//! Redriving on a local store, with crashes and rivals between any two commits.

use object_store::ObjectStore;

use super::super::QuarantineError;
use super::super::tests::{Bad, quarantine};
use super::bed::{Bed, Toy, fixed, message, parts, readings, request};
use super::*;
use crate::faults::{CommitFault, FaultPlan, FaultyStore};
use crate::store::DurableFiles;

#[tokio::test]
async fn what_can_be_used_now_becomes_rows_once_and_the_rest_stays() {
    let bed = Bed::new().await;
    quarantine(&bed.store, &[message(1, "!a=1;b=2"), message(2, "!c=3")]).await;
    let before = bed.redrive(&Toy::default(), &request()).await;
    assert_eq!((before.became_rows, before.still_bad), (0, 2));
    assert_eq!(
        bed.open().await.len(),
        2,
        "a failed attempt is recorded and leaves them open"
    );
    assert_eq!(bed.count("quarantine_redriven").await, 2);

    let dry = bed
        .redrive(
            &fixed(),
            &Request {
                dry_run: true,
                ..request()
            },
        )
        .await;
    assert_eq!((dry.became_rows, dry.rows["readings_raw"]), (2, 3));
    assert!(bed.readings().await.is_empty(), "a dry run writes nothing");

    let one = Request {
        filter: Filter {
            ids: vec!["t/0/2".into()],
            ..Filter::default()
        },
        ..request()
    };
    assert_eq!(bed.redrive(&fixed(), &one).await.rows["readings_raw"], 1);
    assert_eq!(bed.open().await, ["t/0/1"]);
    let after = bed.redrive(&fixed(), &request()).await;
    assert_eq!(
        (after.became_rows, after.still_bad, after.already_there),
        (1, 0, 0)
    );
    let expected = [(1, "a".into()), (1, "b".into()), (2, "c".into())];
    assert_eq!(bed.readings().await, expected);
    let again = bed.redrive(&fixed(), &request()).await;
    assert_eq!(again.became_rows, 0);
    assert_eq!(bed.readings().await, expected);
    assert!(bed.open().await.is_empty());
}

#[tokio::test]
async fn bad_parts_of_a_redriven_message_are_quarantined_and_redriven_in_their_turn() {
    let bed = Bed::new().await;
    quarantine(&bed.store, &[message(1, "!a=1;b=x;c=y")]).await;
    let report = bed.redrive(&fixed(), &request()).await;
    assert_eq!(
        (report.rows["readings_raw"], report.rows["quarantine"]),
        (1, 2)
    );
    assert_eq!(bed.open().await, ["t/0/1#0", "t/0/1#1"]);
    let report = bed.redrive(&fixed(), &request()).await;
    assert_eq!(report.still_bad, 2);
    assert_eq!(
        bed.count("quarantine").await,
        3,
        "a part is not quarantined twice"
    );
    let parts_fixed = Toy {
        allow_parts: true,
        ..fixed()
    };
    let report = bed.redrive(&parts_fixed, &request()).await;
    assert_eq!((report.became_rows, report.rows["readings_raw"]), (2, 2));
    let expected = [(1, "a".into()), (1, "b".into()), (1, "c".into())];
    assert_eq!(
        bed.readings().await,
        expected,
        "the good part is not there twice"
    );
    assert!(bed.open().await.is_empty());
}

/// Every commit of a redrive in turn is not made, or made without an answer; the redrive gives up
/// (as if killed there), and the next one must repair it.
#[tokio::test]
async fn a_redrive_that_dies_between_any_two_commits_is_repaired_by_the_next() {
    for number in 1..=3 {
        for landed in [false, true] {
            let bed = Bed::new().await;
            quarantine(&bed.store, &[message(1, "!a=1;b=x"), message(2, "!c=3")]).await;
            // Three commits: quarantine, readings_raw, quarantine_redriven. All after `number`
            // fail, so that retries do not help and the run ends there.
            let first = if landed {
                CommitFault::LostResponse
            } else {
                CommitFault::Failed
            };
            let commits = std::iter::once((number, first))
                .chain((number + 1..number + 200).map(|n| (n, CommitFault::Failed)))
                .collect();
            let plan = FaultPlan {
                commits,
                ..FaultPlan::default()
            };
            let files: Arc<dyn ObjectStore> = Arc::new(DurableFiles::new());
            let store = Store::with_objects(
                Arc::new(FaultyStore::new(files, plan)),
                bed.store.root().clone(),
            );
            let attempt = tokio::time::timeout(
                Duration::from_secs(2),
                redrive(&store, &mut fixed(), &bed.clock, &request()),
            )
            .await;
            if number < 3 || !landed {
                assert!(
                    !matches!(attempt, Ok(Ok(_))),
                    "commit {number} did not fail"
                );
            }
            bed.redrive(&fixed(), &request()).await;
            let expected = [(1, "a".into()), (2, "c".into())];
            assert_eq!(
                bed.readings().await,
                expected,
                "commit {number}, landed: {landed}"
            );
            assert_eq!(bed.count("quarantine").await, 3);
            assert_eq!(bed.open().await, ["t/0/1#0"]);
        }
    }
}

#[tokio::test]
async fn lost_answers_are_settled_within_one_redrive() {
    for number in 1..=2 {
        for fault in [
            CommitFault::LostResponse,
            CommitFault::FalseExists,
            CommitFault::Late,
        ] {
            let bed = Bed::new().await;
            quarantine(&bed.store, &[message(1, "!a=1"), message(2, "!b=2")]).await;
            let store = bed.faulty(number, fault);
            let report = redrive(&store, &mut fixed(), &bed.clock, &request())
                .await
                .expect("done");
            assert_eq!(report.became_rows, 2, "{fault:?} at {number}");
            assert_eq!(bed.readings().await, [(1, "a".into()), (2, "b".into())]);
            assert_eq!(bed.count("quarantine_redriven").await, 2);
        }
    }
}

#[tokio::test]
async fn two_redrives_at_once_share_the_work_without_doubling_it() {
    let bed = Bed::new().await;
    let messages: Vec<Bad> = (1..=20).map(|offset| message(offset, "!a=1;b=2")).collect();
    quarantine(&bed.store, &messages).await;
    let (mut one, mut two) = (fixed(), fixed());
    let request = request();
    let (first, second) = tokio::join!(
        redrive(&bed.store, &mut one, &bed.clock, &request),
        redrive(&bed.store, &mut two, &bed.clock, &request),
    );
    let closed = first.expect("done").became_rows + second.expect("done").became_rows;
    assert_eq!(closed, 20, "each entry is closed once");
    assert_eq!(bed.readings().await.len(), 40);
    assert_eq!(bed.count("quarantine_redriven").await, 20);
}

#[tokio::test]
async fn a_message_that_cannot_be_read_any_more_after_half_a_redrive_is_left_open() {
    let bed = Bed::new().await;
    quarantine(&bed.store, &[message(1, "!a=1")]).await;
    let origin = Origin {
        topic: "t",
        partition: 0,
        offset: 1,
        received_at: 1_000,
    };
    // What a redrive leaves behind that died before it recorded its outcome.
    super::super::tests::append(&bed.store, "readings_raw", readings(&["a"], origin)).await;
    let report = bed.redrive(&Toy::default(), &request()).await;
    assert_eq!(report.inconsistent, ["t/0/1"]);
    assert_eq!(bed.open().await, ["t/0/1"]);
    let report = bed.redrive(&fixed(), &request()).await;
    assert_eq!((report.became_rows, report.already_there), (1, 1));
    assert_eq!(bed.readings().await.len(), 1);
}

#[tokio::test]
async fn a_part_that_is_fixed_before_a_half_done_redrive_is_repaired_is_not_lost() {
    let bed = Bed::new().await;
    quarantine(&bed.store, &[message(1, "!a=1;b=x")]).await;
    let origin = Origin {
        topic: "t",
        partition: 0,
        offset: 1,
        received_at: 1_000,
    };
    let part = parts(&["b=x"], b"!a=1;b=x", origin);
    super::super::tests::append(&bed.store, "quarantine", part).await;
    super::super::tests::append(&bed.store, "readings_raw", readings(&["a"], origin)).await;
    let everything_fixed = Toy {
        allow_parts: true,
        ..fixed()
    };
    let report = bed.redrive(&everything_fixed, &request()).await;
    assert_eq!((report.became_rows, report.already_there), (2, 1));
    assert_eq!(bed.readings().await, [(1, "a".into()), (1, "b".into())]);
    assert!(bed.open().await.is_empty());
}

#[tokio::test]
async fn a_redrive_must_say_who_and_why_and_name_what_exists() {
    let bed = Bed::new().await;
    let run = async |request: Request| {
        redrive(&bed.store, &mut fixed(), &bed.clock, &request)
            .await
            .expect_err("refused")
    };
    let error = run(Request {
        why: " ".into(),
        ..request()
    })
    .await;
    assert!(
        error.is_usage() && error.to_string().contains("--why"),
        "{error}"
    );
    let ids = Filter {
        ids: vec!["t/0/99".into()],
        ..Filter::default()
    };
    let error = run(Request {
        filter: ids,
        ..request()
    })
    .await;
    assert!(
        matches!(
            &error,
            RedriveError::Quarantine(QuarantineError::UnknownId { .. })
        ),
        "{error}"
    );
}

/// The program's own reader, on packets with a CRC that their station may not use at first.
mod packets {
    use super::*;
    use crate::config::{Config, Content, Format, Topic};
    use nonsite_schemas::hj212::{Stations, crc_modbus};

    const ALLOWED: &str = "[stations.M1]\ncrc = [\"hj212\", \"modbus\"]\n";
    /// The bed's messages are received at their offset in milliseconds: here just after the
    /// packets' own time, or the reader would refuse them.
    const OFFSET: i64 = 1_748_736_060_000;
    const BOTH: &str =
        "DataTime=20250601080000;a21026-Avg=5.5,a21026-Flag=N;a21002-Avg=7.25,a21002-Flag=N";

    fn packet(part: &str, content: &str) -> String {
        let segment =
            format!("QN=20250601080000000;ST=31;CN=2051;PW=123456;MN=M1;{part}CP=&&{content}&&");
        let crc = crc_modbus(segment.as_bytes());
        format!("##{:04}{segment}{crc:04X}\r\n", segment.len())
    }

    async fn run(bed: &Bed, stations: &str, request: &Request) -> RedriveReport {
        let config = Config {
            topics: vec![Topic {
                name: "t".into(),
                format: Format::Hj212,
                content: Content::Readings,
            }],
            ..Config::default()
        };
        let stations = Arc::new(Stations::from_toml(stations).expect("a stations file"));
        let mut records = Records::new(&config, stations).expect("a reader");
        redrive(&bed.store, &mut records, &bed.clock, request)
            .await
            .expect("a redrive")
    }

    fn only(offset: i64) -> Request {
        Request {
            filter: Filter {
                ids: vec![format!("t/0/{offset}")],
                ..Filter::default()
            },
            ..request()
        }
    }

    #[tokio::test]
    async fn a_packet_becomes_rows_when_its_station_may_use_its_crc() {
        let bed = Bed::new().await;
        quarantine(&bed.store, &[message(OFFSET, &packet("Flag=4;", BOTH))]).await;
        let report = run(&bed, "", &request()).await;
        assert_eq!(report.still_bad, 1);
        assert_eq!(
            report.outcomes[0].reason.as_deref(),
            Some("crc_dialect_not_allowed"),
            "{report:?}"
        );
        let report = run(&bed, ALLOWED, &request()).await;
        assert_eq!(
            (report.became_rows, report.rows["readings_raw"]),
            (1, 2),
            "{report:?}"
        );
        assert_eq!(
            bed.readings().await,
            [(OFFSET, "a21002".into()), (OFFSET, "a21026".into())]
        );
        assert_eq!(run(&bed, ALLOWED, &request()).await.became_rows, 0);
    }

    /// Part 2 of 2, without DataTime; part 1 with it.
    fn parts() -> (String, String) {
        let two = packet("Flag=6;PNUM=2;PNO=2;", "a21002-Avg=7.25,a21002-Flag=N");
        let one = packet(
            "Flag=6;PNUM=2;PNO=1;",
            "DataTime=20250601080000;a21026-Avg=5.5,a21026-Flag=N",
        );
        (two, one)
    }

    #[tokio::test]
    async fn parts_of_a_split_packet_are_joined_once() {
        let bed = Bed::new().await;
        let (two, one) = parts();
        let bad = [message(OFFSET, &two), message(OFFSET + 9, &one)];
        quarantine(&bed.store, &bad).await;
        assert_eq!(run(&bed, "", &request()).await.still_bad, 2);
        let report = run(&bed, ALLOWED, &request()).await;
        assert_eq!(
            (
                report.became_rows,
                report.still_bad,
                report.rows["readings_raw"]
            ),
            (2, 0, 2),
            "{report:?}"
        );
        let expected = [(OFFSET, "a21002".into()), (OFFSET + 9, "a21026".into())];
        assert_eq!(bed.readings().await, expected);
        let times = bed
            .rows("SELECT DISTINCT data_time FROM t", "readings_raw")
            .await;
        assert_eq!(times.iter().map(RecordBatch::num_rows).sum::<usize>(), 1);
        assert_eq!(run(&bed, ALLOWED, &request()).await.became_rows, 0);
        assert_eq!(bed.readings().await, expected);
    }

    #[tokio::test]
    async fn parts_chosen_one_by_one_find_the_time_of_the_others() {
        let bed = Bed::new().await;
        let (two, one) = parts();
        let bad = [message(OFFSET, &two), message(OFFSET + 9, &one)];
        quarantine(&bed.store, &bad).await;
        assert_eq!(run(&bed, ALLOWED, &only(OFFSET + 9)).await.became_rows, 1);
        assert_eq!(bed.open().await, [format!("t/0/{OFFSET}")]);
        assert_eq!(run(&bed, ALLOWED, &only(OFFSET)).await.became_rows, 1);
        assert_eq!(bed.readings().await.len(), 2);
        assert!(bed.open().await.is_empty());
    }

    #[tokio::test]
    async fn a_part_whose_time_is_nowhere_stays_and_says_why() {
        let bed = Bed::new().await;
        let (two, one) = parts();
        // Part 1 is there, but of another time: ten minutes are beyond the patience of five.
        let bad = [message(OFFSET, &two), message(OFFSET + 600_000, &one)];
        quarantine(&bed.store, &bad).await;
        let report = run(&bed, ALLOWED, &request()).await;
        assert_eq!((report.became_rows, report.still_bad), (1, 1));
        let outcome = &report.outcomes[0];
        assert_eq!(outcome.reason.as_deref(), Some("split_incomplete"));
        let detail = outcome.detail.as_deref().unwrap_or_default();
        assert!(
            detail.contains("no DataTime") && detail.contains("300 s"),
            "{detail}"
        );
        assert_eq!(bed.open().await, [format!("t/0/{OFFSET}")]);
    }
}
