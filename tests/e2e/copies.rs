//! The view `readings` over tables that are written, resent to and maintained in any order gives what
//! a plain comparison of all copies gives: now, at every version of the past, and while others write.

use std::sync::Arc;

use arrow::util::pretty::pretty_format_batches;
use datafusion::prelude::SessionContext;
use nonsite_analytics::session::travel::Moment;
use nonsite_analytics::session::{self, Session, rows};
use nonsite_analytics::views;
use nonsite_ingest::Store;
use nonsite_ingest::log::{Advance, Append, TableLog};
use nonsite_ingest::maintain::{Config, Maintainer};
use nonsite_ingest::write::write_parquet;
use nonsite_schemas::copies::Holds;
use nonsite_schemas::tables;
use nonsite_schemas::time::{Clock, ManualClock, beijing_day};
use serde_json::{Map, Value, json};

const TABLE: &str = "readings_raw";
const APP: &str = "copies/t/0";
const HOUR: i64 = 3_600_000_000;
/// 2026-01-01 00:00 in Beijing.
const START: i64 = 1_767_196_800_000_000;

/// What is asked of the view: conditions on the key, on other columns, on both, and none.
const QUESTIONS: &[&str] = &[
    "SELECT kafka_offset, mn, factor, granularity, data_time, value FROM {} ORDER BY kafka_offset",
    "SELECT count(*) AS n FROM {}",
    "SELECT kafka_offset FROM {} WHERE mn = 'B' ORDER BY kafka_offset",
    "SELECT count(*) AS n, sum(value) AS v FROM {} WHERE date = '2026-01-02'",
    "SELECT kafka_offset, flag FROM {} WHERE value > 5 ORDER BY kafka_offset",
    "SELECT mn, max(value) AS v FROM {} WHERE granularity = 'hour' AND flag = 'N' GROUP BY mn ORDER BY mn",
    "SELECT kafka_offset FROM {} WHERE data_time >= '2026-01-01T20:00:00Z' AND (flag = 'D' OR mn = 'A') ORDER BY kafka_offset",
    "SELECT flag, value FROM {} WHERE received_at < '2026-01-02T03:00:00Z' ORDER BY kafka_offset LIMIT 7",
];

/// Numbers that look random and are the same in every run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % sides
    }
}

struct Bed {
    folder: tempfile::TempDir,
    store: Store,
    clock: Arc<ManualClock>,
    log: TableLog,
    next: i64,
}

impl Bed {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        store
            .ensure_tables(&[tables::readings_raw()])
            .await
            .unwrap();
        let clock = Arc::new(ManualClock::at(START));
        let log = TableLog::open(
            &store,
            TABLE,
            [APP.to_owned()],
            Arc::clone(&clock) as Arc<dyn Clock>,
        )
        .await
        .unwrap();
        Self {
            folder,
            store,
            clock,
            log,
            next: 0,
        }
    }

    /// Some readings of three days, many of them sent before.
    fn readings(&mut self, dice: &mut Dice) -> Vec<Map<String, Value>> {
        let count = 1 + dice.roll(60);
        let readings = (0..count).map(|_| {
            let offset = self.next;
            self.next += 1;
            let time = START + i64::try_from(dice.roll(60)).unwrap() * HOUR;
            let row = json!({
                "mn": (["A", "B", "C"][usize::try_from(dice.roll(3)).unwrap()]),
                "factor": (["a21026", "a34013"][usize::try_from(dice.roll(2)).unwrap()]),
                "granularity": (["minute", "hour"][usize::try_from(dice.roll(2)).unwrap()]),
                "data_time": time,
                "value": dice.roll(10),
                "flag": (["N", "D"][usize::try_from(dice.roll(2)).unwrap()]),
                "resend": false,
                // Neither always later nor always different: the offset decides where it is equal.
                "received_at": START + i64::try_from(dice.roll(30)).unwrap() * HOUR,
                "kafka_topic": "t",
                "kafka_partition": 0,
                "kafka_offset": offset,
                "date": beijing_day(time),
            });
            row.as_object().unwrap().clone()
        });
        readings.collect()
    }

    async fn write(&mut self, dice: &mut Dice) {
        let from = self.next;
        let readings = self.readings(dice);
        let def = tables::readings_raw();
        let batch = rows::batch(&def.schema, &readings).unwrap();
        let objects = self.store.table_objects(TABLE);
        let millis = self.clock.now_micros() / 1_000;
        let adds = write_parquet(objects.as_ref(), &def, batch, millis)
            .await
            .unwrap();
        let append = Append {
            adds,
            advances: vec![Advance {
                app_id: APP.to_owned(),
                from: (from > 0).then_some(from),
                to: self.next,
            }],
            operation: "WRITE",
            ..Append::default()
        };
        self.log.commit(append, &|| true).await.unwrap();
    }

    fn maintainer(&self) -> Maintainer {
        let config = Config {
            small_file_count: 2,
            settle_hours: 1,
            checkpoint_every: 7,
            // Every version of the past is asked for at the end.
            retention_hours: 1_000_000,
            log_retention_hours: 1_000_000,
            ..Config::default()
        };
        Maintainer::new(self.store.clone(), config, Arc::clone(&self.clock) as _)
    }

    async fn maintain(&self) {
        for report in self.maintainer().run_once(&[TABLE], false).await {
            assert_eq!(report.error, None);
        }
    }

    async fn open(&self) -> Session {
        session::open(self.folder.path(), &session::Config::default())
            .await
            .unwrap()
    }

    /// What the files of the table's newest version hold.
    async fn holds(&self) -> Vec<Holds> {
        let table = self.store.load(TABLE).await.unwrap();
        let uris = table.get_file_uris().unwrap();
        uris.map(|uri| Holds::of(&uri)).collect()
    }
}

async fn asked(ctx: &SessionContext, question: &str) -> String {
    let frame = ctx
        .sql(question)
        .await
        .unwrap_or_else(|e| panic!("{question}: {e}"));
    let batches = frame
        .collect()
        .await
        .unwrap_or_else(|e| panic!("{question}: {e}"));
    pretty_format_batches(&batches).unwrap().to_string()
}

/// The answers of the view, each compared with those of the SQL that defines it.
async fn answers(ctx: &SessionContext, what: &str) -> Vec<String> {
    let plain = format!("({}) AS plain", views::query("readings").unwrap());
    let mut answers = Vec::new();
    for question in QUESTIONS {
        let answer = asked(ctx, &question.replace("{}", "readings")).await;
        let expected = asked(ctx, &question.replace("{}", &plain)).await;
        assert_eq!(answer, expected, "{what}: {question}");
        answers.push(answer);
    }
    answers
}

#[tokio::test(flavor = "multi_thread")]
async fn the_view_is_what_a_plain_comparison_of_copies_gives() {
    for seed in 1..=6_u64 {
        let mut dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let mut bed = Bed::new().await;
        let mut told = Vec::new();
        for step in 0..14 {
            match dice.roll(4) {
                0 | 1 => bed.write(&mut dice).await,
                2 => bed.maintain().await,
                _ => {
                    // Now and then past the hour that settles a day, or the week a day rests.
                    let hours = [1, 2, 200][usize::try_from(dice.roll(3)).unwrap()];
                    bed.clock.advance(hours * HOUR);
                    bed.maintain().await;
                }
            }
            let session = bed.open().await;
            let version = session.version(TABLE);
            let answers = answers(session.ctx(), &format!("seed {seed}, step {step}")).await;
            told.push((version, answers));
        }
        let session = bed.open().await;
        for (version, then) in told {
            let moment = Moment::Version(u64::try_from(version).unwrap());
            let table = session.table_at(TABLE, moment).await.unwrap();
            let ctx = session::context(&session::Config::default()).unwrap();
            ctx.register_table(TABLE, table).unwrap();
            views::register(&ctx, &["readings"]).await.unwrap();
            let again = answers(&ctx, &format!("seed {seed}, version {version}")).await;
            assert_eq!(again, then, "seed {seed}, version {version} of the past");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_settled_day_is_read_as_it_lies_there_until_something_comes_late() {
    let mut dice = Dice(7);
    let mut bed = Bed::new().await;
    for _ in 0..5 {
        bed.write(&mut dice).await;
    }
    let plan = "EXPLAIN SELECT mn, sum(value) FROM readings GROUP BY mn";
    let resolves = |plan: String| plan.contains("SiftExec");
    assert!(resolves(asked(bed.open().await.ctx(), plan).await));
    bed.clock.advance(2 * HOUR);
    bed.maintain().await;
    let holds = bed.holds().await;
    assert_eq!(
        holds.iter().filter(|it| **it == Holds::Current).count(),
        3,
        "one file a day: {holds:?}"
    );
    assert!(
        !holds.contains(&Holds::Any) && holds.contains(&Holds::Superseded),
        "{holds:?}"
    );
    let session = bed.open().await;
    assert!(!resolves(asked(session.ctx(), plan).await));
    answers(session.ctx(), "settled").await;
    // Files are chosen by day, and the rest of the condition is the reader's, not a filter's above it.
    for table in ["readings", "readings_raw"] {
        let narrow = format!(
            "EXPLAIN SELECT value FROM {table} WHERE date = '2026-01-02' AND mn = 'B' AND value > 2"
        );
        let plan = asked(session.ctx(), &narrow).await;
        assert!(plan.contains("/date=2026-01-02/"), "{plan}");
        assert!(!plan.contains("/date=2026-01-01/"), "{plan}");
        assert!(plan.contains("predicate="), "{plan}");
        assert!(!plan.contains("FilterExec"), "{plan}");
        // The way to skip pages.
        assert!(plan.contains("pruning_predicate="), "{plan}");
    }

    bed.write(&mut dice).await;
    let session = bed.open().await;
    assert!(resolves(asked(session.ctx(), plan).await));
    answers(session.ctx(), "late").await;
    // Another logger's readings are not touched by what came late of this one.
    let other = "EXPLAIN SELECT value FROM readings WHERE mn = 'Z'";
    assert!(!resolves(asked(session.ctx(), other).await));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_view_holds_while_others_write_and_merge() {
    let mut dice = Dice(11);
    let mut bed = Bed::new().await;
    bed.write(&mut dice).await;
    let (maintainer, folder) = (bed.maintainer(), bed.folder.path().to_owned());
    let writing = async {
        for _ in 0..20 {
            bed.write(&mut dice).await;
            bed.clock.advance(HOUR);
        }
    };
    let merging = async {
        for _ in 0..10 {
            for report in maintainer.run_once(&[TABLE], false).await {
                assert_eq!(report.error, None);
            }
            tokio::task::yield_now().await;
        }
    };
    let reading = async {
        for round in 0..10 {
            let session = session::open(&folder, &session::Config::default())
                .await
                .unwrap();
            answers(session.ctx(), &format!("round {round}")).await;
        }
    };
    tokio::join!(writing, merging, reading);
}
