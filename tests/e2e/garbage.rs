//! Messages of every malformed kind: all in quarantine with a reason, none lost, none in the way of
//! the good ones; and back in, once, when what was wrong on our side has been mended.

use crate::harness::packets::{
    Packet, READINGS_PER_PACKET, beijing, crc, crc_modbus, frame, frame_with, minute_packet,
};
use crate::harness::sandbox::Sandbox;
use crate::harness::topics;

/// A data segment of a minute packet, before something is broken in it.
fn segment(minute: u32) -> String {
    Packet {
        mn: "GARBAGE1",
        cn: 2051,
        data_time: beijing(minute),
        values: vec![("a21026", "20.5".to_owned()), ("a21002", "90.1".to_owned())],
    }
    .segment()
}

/// A frame of a segment in which `from` was replaced, length and CRC being right.
fn altered(from: &str, to: &str) -> Vec<u8> {
    let good = segment(7);
    let bad = good.replace(from, to);
    assert_ne!(good, bad, "`{from}` is not in the segment");
    frame(&bad).into_bytes()
}

/// (expected reason, message) for whole messages of the HJ 212 topic.
fn unusable_packets() -> Vec<(&'static str, Vec<u8>)> {
    let good = frame(&segment(7));
    let text = segment(7);
    vec![
        ("empty_message", Vec::new()),
        ("empty_message", b" \r\n".to_vec()),
        ("frame_no_header", b"GET / HTTP/1.1\r\n\r\n".to_vec()),
        (
            "frame_truncated",
            good.as_bytes()[..good.len() - 40].to_vec(),
        ),
        (
            "crc_syntax",
            format!("##{:04}{text}ZZZZ\r\n", text.len()).into_bytes(),
        ),
        (
            "crc_mismatch",
            frame_with(&text, crc(text.as_bytes()) ^ 0x0101).into_bytes(),
        ),
        ("crc_mismatch", good.replace("20.5", "10.5").into_bytes()),
        (
            "crc_dialect_not_allowed",
            frame_with(&text, crc_modbus(text.as_bytes())).into_bytes(),
        ),
        (
            "segment_syntax",
            frame("this is no list of fields").into_bytes(),
        ),
        ("missing_mn", altered("MN=GARBAGE1;", "")),
        ("missing_cn", altered("CN=2051;", "")),
        ("unknown_command", altered("CN=2051", "CN=4711")),
        (
            "bad_data_time",
            altered("DataTime=2026030100", "DataTime=2026139900"),
        ),
        (
            "time_out_of_range",
            altered("DataTime=2026", "DataTime=1996"),
        ),
    ]
}

#[test]
fn every_malformed_kind_is_quarantined_with_its_reason() {
    let mut sandbox = Sandbox::new("garbage");
    let topic = sandbox.hj212(1);
    let bad = unusable_packets();
    // Good packets around every bad one: they must come in.
    let mut messages = Vec::new();
    for (number, (_, message)) in bad.iter().enumerate() {
        messages.push((0, minute_packet("GOOD0001", number as u32)));
        messages.push((0, message.clone()));
    }
    topics::produce(&topic, messages);
    sandbox.run(&["ingest", "--until-caught-up"]).done();

    let rows = sandbox.query(
        "SELECT kafka_offset AS o, reason, detail, part, encode(raw, 'hex') AS raw \
         FROM quarantine ORDER BY kafka_offset",
    );
    let found: Vec<(i64, &str)> = rows
        .iter()
        .map(|row| (row["o"].as_i64().unwrap(), row["reason"].as_str().unwrap()))
        .collect();
    let expected: Vec<(i64, &str)> = bad
        .iter()
        .enumerate()
        .map(|(n, (reason, _))| (2 * n as i64 + 1, *reason))
        .collect();
    assert_eq!(found, expected);
    for (row, (_, message)) in rows.iter().zip(&bad) {
        assert_eq!(
            row["raw"].as_str().unwrap(),
            hex::encode(message),
            "byte for byte: {row}"
        );
        assert!(
            row["detail"].as_str().unwrap().len() > 10,
            "says what and where: {row}"
        );
    }
    let good = sandbox.count("SELECT count(*) FROM readings_raw WHERE mn = 'GOOD0001'");
    assert_eq!(good as usize, bad.len() * READINGS_PER_PACKET);
    assert_eq!(
        sandbox.count("SELECT count(*) FROM readings_raw WHERE mn <> 'GOOD0001'"),
        0
    );
    sandbox.verify();
}

/// One factor of a packet is beyond any physical quantity: that part goes to quarantine, the other
/// factor comes in.
#[test]
fn a_bad_factor_does_not_take_the_good_ones_with_it() {
    let mut sandbox = Sandbox::new("part");
    let topic = sandbox.hj212(1);
    topics::produce(&topic, [(0, altered("a21026-Avg=20.5", "a21026-Avg=4e55"))]);
    sandbox.run(&["ingest", "--until-caught-up"]).done();
    let rows = sandbox.query("SELECT reason, part, part_raw, mn FROM quarantine");
    assert_eq!(rows.len(), 1, "{rows:?}");
    assert!(!rows[0]["part"].is_null(), "only a part: {}", rows[0]);
    assert_eq!(rows[0]["mn"], "GARBAGE1");
    assert!(
        rows[0]["part_raw"].as_str().unwrap().contains("4e55"),
        "{}",
        rows[0]
    );
    let rows = sandbox.query("SELECT factor, value FROM readings_raw");
    assert_eq!(rows.len(), 1, "{rows:?}");
    assert_eq!(
        (&rows[0]["factor"], &rows[0]["value"]),
        (&"a21002".into(), &90.1.into())
    );
    sandbox.verify();
}

#[test]
fn json_of_every_malformed_kind_is_quarantined_with_its_reason() {
    let mut sandbox = Sandbox::new("json-garbage");
    let lines = sandbox.topic("readings", 1, "json", "readings");
    let permits = sandbox.topic("permits", 1, "json", "permits");
    let inspections = sandbox.topic("inspections", 1, "json", "inspections");
    let good = r#"{"mn":"J1","factor":"w01018","granularity":"hour","data_time":"2026-03-01T08:00:00+08:00","value":31.5}"#;
    let cases = [
        ("json_syntax", "{\"mn\":".to_owned()),
        ("missing_mn", good.replace("\"mn\":\"J1\",", "")),
        ("json_field", good.replace("31.5", "[31.5]")),
        ("bad_granularity", good.replace("hour", "fortnight")),
        ("bad_data_time", good.replace("2026-03-01T08", "yesterday")),
        ("empty_message", String::new()),
    ];
    topics::produce(
        &lines,
        cases.iter().map(|(_, text)| (0, text.clone().into_bytes())),
    );
    topics::produce(
        &lines,
        [(0, good.as_bytes().to_vec()), (0, vec![b'"', 0xFF, b'"'])],
    );
    topics::produce(
        &permits,
        [(0, b"[]".to_vec()), (0, b"{\"unit\":{}}".to_vec())],
    );
    topics::produce(&inspections, [(0, b"7".to_vec()), (0, b"{}".to_vec())]);
    sandbox.run(&["ingest", "--until-caught-up"]).done();

    let rows = sandbox.query(&format!(
        "SELECT reason FROM quarantine WHERE kafka_topic = '{lines}' ORDER BY kafka_offset"
    ));
    let found: Vec<&str> = rows
        .iter()
        .map(|row| row["reason"].as_str().unwrap())
        .collect();
    let mut expected: Vec<&str> = cases.iter().map(|(reason, _)| *reason).collect();
    expected.push("not_utf8");
    assert_eq!(found, expected);
    for topic in [&permits, &inspections] {
        let kept = sandbox.count(&format!(
            "SELECT count(*) FROM quarantine WHERE kafka_topic = '{topic}'"
        ));
        assert_eq!(
            kept, 2,
            "documents without what identifies them, on {topic}"
        );
    }
    assert_eq!(sandbox.count("SELECT count(*) FROM readings_raw"), 1);
    sandbox.verify();
}

/// The station's logger uses the Modbus CRC. Once the operator allows that, its messages come in
/// from quarantine, each once however often redrive runs, with the origin they had.
#[test]
fn redrive_after_allowing_the_dialect_brings_exactly_those_rows_once() {
    let mut sandbox = Sandbox::new("redrive");
    sandbox.write("stations.toml", "");
    sandbox.set("ingest.stations", "stations.toml");
    let topic = sandbox.hj212(1);
    let mut messages = vec![(0, minute_packet("GOOD0001", 1))];
    for minute in 0..5 {
        let text = segment(minute);
        messages.push((
            0,
            frame_with(&text, crc_modbus(text.as_bytes())).into_bytes(),
        ));
    }
    messages.push((0, b"no packet at all".to_vec()));
    topics::produce(&topic, messages);
    sandbox.run(&["ingest", "--until-caught-up"]).done();
    assert_eq!(sandbox.count("SELECT count(*) FROM quarantine"), 6);

    // One message stays unusable whatever is mended: each redrive reports it with exit code 1.
    let redrive = [
        "quarantine",
        "redrive",
        "--all",
        "--by",
        "tester",
        "--why",
        "Modbus loggers allowed",
    ];
    sandbox.run(&redrive).exits(1);
    assert_eq!(
        sandbox.count("SELECT count(*) FROM readings_raw WHERE mn = 'GARBAGE1'"),
        0,
        "nothing was mended yet"
    );
    sandbox.write(
        "stations.toml",
        "[stations.GARBAGE1]\ncrc = [\"hj212\", \"modbus\"]\n",
    );
    for _ in 0..2 {
        sandbox.run(&redrive).exits(1);
        let rows = sandbox.query(
            "SELECT kafka_offset AS o, count(*) AS n FROM readings_raw \
             WHERE mn = 'GARBAGE1' GROUP BY kafka_offset ORDER BY 1",
        );
        let found: Vec<(i64, i64)> = rows
            .iter()
            .map(|row| (row["o"].as_i64().unwrap(), row["n"].as_i64().unwrap()))
            .collect();
        assert_eq!(found, [(1, 2), (2, 2), (3, 2), (4, 2), (5, 2)]);
    }
    sandbox.verify();
}
