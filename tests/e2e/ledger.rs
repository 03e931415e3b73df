//! What the exactly-once tests compare: every packet produced has its rows in the table once.

use std::collections::BTreeMap;

use crate::harness::packets::READINGS_PER_PACKET;
use crate::harness::sandbox::Sandbox;
use crate::harness::topics;

/// Checks that the table holds exactly the packets that are on the broker: per partition every
/// offset, each with all its readings, none twice. Then `verify` must agree.
#[track_caller]
pub(crate) fn assert_exactly_once(sandbox: &Sandbox, topic: &str, partitions: i32) {
    let expected: BTreeMap<i64, i64> = (0..partitions)
        .map(|partition| (i64::from(partition), topics::watermarks(topic, partition).1))
        .filter(|(_, next)| *next > 0)
        .collect();
    let rows = sandbox.query(&format!(
        "SELECT kafka_partition AS p, count(*) AS rows, count(DISTINCT kafka_offset) AS offsets, \
         min(kafka_offset) AS low, max(kafka_offset) AS high \
         FROM readings_raw WHERE kafka_topic = '{topic}' GROUP BY kafka_partition ORDER BY 1"
    ));
    let number = |row: &serde_json::Value, key: &str| row[key].as_i64().unwrap();
    let found: BTreeMap<i64, i64> = rows
        .iter()
        .map(|row| (number(row, "p"), number(row, "offsets")))
        .collect();
    assert_eq!(found, expected, "packets in the table, by partition");
    for row in &rows {
        assert_eq!(number(row, "low"), 0, "{row}");
        assert_eq!(
            number(row, "high") + 1,
            number(row, "offsets"),
            "a gap: {row}"
        );
        assert_eq!(
            number(row, "rows"),
            number(row, "offsets") * READINGS_PER_PACKET as i64,
            "readings lost or doubled: {row}"
        );
    }
    // Doubles of one packet that hide the loss of another's readings would pass the sums.
    let uneven = sandbox.count(&format!(
        "SELECT count(*) FROM (SELECT kafka_partition, kafka_offset, factor, count(*) AS n \
         FROM readings_raw WHERE kafka_topic = '{topic}' \
         GROUP BY kafka_partition, kafka_offset, factor) WHERE n <> 1"
    ));
    assert_eq!(uneven, 0, "readings that are in the table more than once");
    let told = sandbox.query("SELECT * FROM ledger_findings");
    assert!(told.is_empty(), "SQL finds what `verify` may not: {told:?}");
    sandbox.verify();
}
