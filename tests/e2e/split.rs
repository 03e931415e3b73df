//! Split packets over a death of the process: the parts that come later still find their time.

use crate::harness::packets::{beijing, frame, minute_packet};
use crate::harness::sandbox::Sandbox;
use crate::harness::{topics, wait_for};

/// Part `number` of three of one minute packet, each with a factor of its own. Only the first
/// carries DataTime, as some loggers do it.
fn part(minute: u32, number: usize) -> Vec<u8> {
    let time = beijing(minute);
    let data_time = if number == 1 {
        format!("DataTime={time};")
    } else {
        String::new()
    };
    let factor = ["a21026", "a21002", "a34013"][number - 1];
    frame(&format!(
        "QN={time}000;ST=31;CN=2051;PW=123456;MN=SPLIT001;Flag=6;PNUM=3;PNO={number};\
         CP=&&{data_time}{factor}-Avg=12.5,{factor}-Flag=N&&"
    ))
    .into_bytes()
}

/// (offset, factor, DataTime in Beijing minutes of the day) of the split packets' rows.
fn rows(sandbox: &Sandbox) -> Vec<(i64, String, i64)> {
    sandbox
        .query(
            "SELECT kafka_offset AS o, factor, CAST(data_time AS BIGINT) / 60000000 % 1440 AS m \
             FROM readings_raw WHERE mn = 'SPLIT001' ORDER BY kafka_offset",
        )
        .iter()
        .map(|row| {
            let minute = (row["m"].as_i64().unwrap() + 8 * 60) % 1440;
            let factor = row["factor"].as_str().unwrap().to_owned();
            (row["o"].as_i64().unwrap(), factor, minute)
        })
        .collect()
}

/// The process dies by SIGKILL after the first part was committed, and again after the second.
#[test]
fn parts_find_their_time_over_kills_between_them() {
    let mut sandbox = Sandbox::new("split");
    let topic = sandbox.hj212(1);
    topics::produce(
        &topic,
        [
            (0, minute_packet("WHOLE001", 1)),
            (0, part(7, 1)),
            (0, minute_packet("WHOLE001", 2)),
        ],
    );
    for number in 2..=3 {
        let mut process = sandbox.spawn(&format!("before-part-{number}"), &["ingest"]);
        let all = topics::watermarks(&topic, 0).1;
        wait_for("the parts so far", || {
            let there = "SELECT count(DISTINCT kafka_offset) FROM readings_raw";
            assert_eq!(process.ended(), None, "{}", process.output());
            // The table may not be there yet.
            let output = sandbox.run(&["sql", "--format", "json", "-e", there]);
            let rows: serde_json::Value = serde_json::from_str(&output.stdout).ok()?;
            let count = rows[0].as_object()?.values().next()?.as_i64()?;
            (count == all).then_some(())
        });
        process.kill_hard();
        let minute = 10 + number as u32;
        topics::produce(
            &topic,
            [(0, part(7, number)), (0, minute_packet("WHOLE001", minute))],
        );
    }
    sandbox.run(&["ingest", "--until-caught-up"]).done();
    let factor = |text: &str| text.to_owned();
    let expected = [
        (1, factor("a21026"), 7),
        (3, factor("a21002"), 7),
        (5, factor("a34013"), 7),
    ];
    assert_eq!(rows(&sandbox), expected);
    assert_eq!(sandbox.count("SELECT count(*) FROM quarantine"), 0);
    sandbox.verify();
    // Complete, and nothing new: nothing is added.
    sandbox.run(&["ingest", "--until-caught-up"]).done();
    assert_eq!(rows(&sandbox), expected);
    sandbox.verify();
}

/// The parts come in the wrong order, and the process dies while the early ones wait: what waits
/// is not committed, so it is read again.
#[test]
fn parts_that_wait_are_read_again_after_a_kill() {
    let mut sandbox = Sandbox::new("split-waiting");
    let topic = sandbox.hj212(1);
    topics::produce(
        &topic,
        [
            (0, minute_packet("WHOLE001", 1)),
            (0, part(9, 3)),
            (0, minute_packet("WHOLE001", 2)),
        ],
    );
    let mut process = sandbox.spawn("waiting", &["ingest"]);
    wait_for("the record before the waiting one", || {
        assert_eq!(process.ended(), None, "{}", process.output());
        let there = "SELECT count(DISTINCT kafka_offset) AS n FROM readings_raw";
        let output = sandbox.run(&["sql", "--format", "json", "-e", there]);
        let rows: serde_json::Value = serde_json::from_str(&output.stdout).ok()?;
        (rows[0]["n"].as_i64()? == 1).then_some(())
    });
    process.kill_hard();
    topics::produce(&topic, [(0, part(9, 2)), (0, part(9, 1))]);
    sandbox.run(&["ingest", "--until-caught-up"]).done();
    let factor = |text: &str| text.to_owned();
    let expected = [
        (1, factor("a34013"), 9),
        (3, factor("a21002"), 9),
        (4, factor("a21026"), 9),
    ];
    assert_eq!(rows(&sandbox), expected);
    assert_eq!(sandbox.count("SELECT count(*) FROM quarantine"), 0);
    sandbox.verify();
}
