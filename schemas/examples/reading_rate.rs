//! How fast JSON readings are decoded on one core, without Kafka and without tables.
//!
//! `cargo run -p nonsite-schemas --example reading_rate` prints readings per second and megabytes
//! per second for messages of one reading, for lists, and for messages with extra fields.

use std::time::Instant;

use nonsite_schemas::hj212::{Head, Sink, Value};
use nonsite_schemas::reason::Reason;
use nonsite_schemas::wire::reading::decode_line;

/// Noon of 2026-03-01 in Beijing, microseconds UTC.
const NOW: i64 = 1_772_337_600_000_000;
/// Rounds over the messages; enough for some seconds.
const ROUNDS: usize = 400;

/// Looks at what it is given, so that nothing is optimised away.
#[derive(Default)]
struct Sum {
    readings: usize,
    total: f64,
}

impl Sink for Sum {
    fn reading(&mut self, head: &Head<'_>, value: &Value<'_>) {
        self.readings += 1;
        self.total += value.value.unwrap_or(0.0) + head.data_time as f64 * 1e-18;
    }

    fn state(&mut self, _: &Head<'_>, _: &str, _: Option<f64>, _: Option<&str>, _: Option<&str>) {}

    fn bad_part(&mut self, _: &Head<'_>, part: &str, reason: Reason, detail: &str) {
        eprintln!("{reason}: {detail}: {part}");
    }
}

fn reading(i: usize, more: &str) -> String {
    format!(
        r#"{{"mn":"010000A8900016F000169{:03}","factor":"a2{:04}","granularity":"minute","data_time":"2026-02-{:02}T{:02}:{:02}:00+08:00","value":{}.{:02},"flag":"N"{more}}}"#,
        i % 1000,
        i % 12,
        i % 28 + 1,
        i % 24,
        i % 6 * 10,
        i % 90,
        i % 100,
    )
}

fn measure(name: &str, messages: &[String]) {
    let bytes: usize = messages.iter().map(String::len).sum();
    let mut sum = Sum::default();
    let started = Instant::now();
    for _ in 0..ROUNDS {
        for message in messages {
            if let Err(rejected) = decode_line(message.as_bytes(), NOW, &mut sum) {
                eprintln!("{rejected:?}");
            }
        }
    }
    let seconds = started.elapsed().as_secs_f64();
    println!(
        "{name}: {:.2} M readings/s, {:.0} MB/s, {:.0} bytes each (sum {:.1})",
        sum.readings as f64 / seconds / 1e6,
        (bytes * ROUNDS) as f64 / seconds / 1e6,
        (bytes * ROUNDS) as f64 / sum.readings as f64,
        sum.total,
    );
}

fn main() {
    let statistics = r#","min":1.25,"max":17.5,"cou":0.003,"zs_value":14.20"#;
    let single: Vec<String> = (0..10_000).map(|i| reading(i, "")).collect();
    let full: Vec<String> = (0..10_000).map(|i| reading(i, statistics)).collect();
    let extra: Vec<String> = (0..10_000)
        .map(|i| reading(i, r#","RawAvg":"7.1","EFlag":"x""#))
        .collect();
    let lists: Vec<String> = single
        .chunks(100)
        .map(|chunk| format!("[{}]", chunk.join(",")))
        .collect();
    measure("one reading", &single);
    measure("one reading with statistics", &full);
    measure("one reading with extra texts", &extra);
    measure("lists of 100", &lists);
}
