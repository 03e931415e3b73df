//! Messages of every malformed kind: all in quarantine with a reason, none lost, none in the way of
//! the good ones; and back in, once, when what was wrong on our side has been mended.

use std::collections::BTreeSet;

use nonsite_schemas::hj212::Sm4Key;
use nonsite_schemas::reason::Reason;

use crate::harness::packets::{
    Packet, READINGS_PER_PACKET, beijing, crc, crc_modbus, frame, frame_bytes, frame_with,
    minute_packet,
};
use crate::harness::sandbox::Sandbox;
use crate::harness::topics;

const NO_TEXT: &[u8] = b"ST=31;CN=2051;MN=\xff\xfe;CP=&&a21026-Avg=1&&";

const KEY: &str = "0123456789abcdef";

/// A packet of `mn` whose content is encrypted, the CRC being that of the plain text; `cut` bytes
/// of the ciphertext are lost on the way.
fn encrypted(mn: &str, cut: usize) -> Vec<u8> {
    let plain = Packet {
        mn,
        cn: 2051,
        data_time: beijing(9),
        values: vec![("a21026", "20.5".to_owned()), ("a21002", "90.1".to_owned())],
    }
    .segment()
    .replace("Flag=4;", "Flag=8;");
    let mut segment = plain.clone().into_bytes();
    let from = plain.find("CP=&&").unwrap() + 5;
    let to = plain.len() - 2;
    Sm4Key::from_text(KEY)
        .unwrap()
        .encrypt(&mut segment[from..to]);
    segment.drain(from..from + cut);
    frame_bytes(&segment, crc(plain.as_bytes()))
}

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
        (
            "frame_length",
            format!(
                "##{:04}{text}{:04X}\r\n",
                text.len() + 3,
                crc(text.as_bytes()) ^ 0x0101
            )
            .into_bytes(),
        ),
        (
            "frame_over_length",
            frame(&text.replace(
                ";a21002",
                &format!(";{}a21002", "a21001-Avg=1;".repeat(330)),
            ))
            .into_bytes(),
        ),
        ("not_utf8", frame_bytes(NO_TEXT, crc(NO_TEXT))),
        (
            "missing_data_time",
            altered(&format!("DataTime={};", beijing(7)), ""),
        ),
        (
            "split_incomplete",
            altered(
                &format!("Flag=4;CP=&&DataTime={};", beijing(7)),
                "Flag=6;PNUM=2;PNO=2;CP=&&",
            ),
        ),
        ("cipher_no_key", encrypted("CIPHER01", 0)),
        // Its station has another key.
        ("cipher_bad", encrypted("CIPHER02", 0)),
        // Its station has the right one.
        ("cipher_bad", encrypted("CIPHER03", 5)),
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

/// Stations as they are before anything is mended.
const STATIONS: &str = "[stations.CIPHER02]\nsm4_key = \"fedcba9876543210\"\n\
                        [stations.CIPHER03]\nsm4_key = \"0123456789abcdef\"\n";
/// What can be mended on our side: a dialect allowed, a key entered, a key replaced.
const MENDED: &str = "[stations.GARBAGE1]\ncrc = [\"hj212\", \"modbus\"]\n\
                      [stations.CIPHER01]\nsm4_key = \"0123456789abcdef\"\n\
                      [stations.CIPHER02]\nsm4_key = \"0123456789abcdef\"\n\
                      [stations.CIPHER03]\nsm4_key = \"0123456789abcdef\"\n";

#[test]
fn every_malformed_kind_is_quarantined_with_its_reason() {
    let mut sandbox = Sandbox::new("garbage");
    sandbox.write("stations.toml", STATIONS);
    sandbox.set("ingest.stations", "stations.toml");
    sandbox.set("ingest.split_timeout_s", 1);
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
    let others = "SELECT count(*) FROM readings_raw WHERE mn <> 'GOOD0001'";
    assert_eq!(sandbox.count(others), 0);
    sandbox.verify();

    // What can be mended comes in, once; everything else stays what it is.
    sandbox.write("stations.toml", MENDED);
    let mended: Vec<i64> = bad
        .iter()
        .zip(&expected)
        .filter(|((reason, message), _)| match *reason {
            "crc_dialect_not_allowed" | "cipher_no_key" => true,
            "cipher_bad" => *message == encrypted("CIPHER02", 0),
            _ => false,
        })
        .map(|(_, (offset, _))| *offset)
        .collect();
    assert_eq!(mended.len(), 3);
    for _ in 0..2 {
        sandbox.run(&REDRIVE).exits(1);
        let rows = sandbox.query(
            "SELECT kafka_offset AS o, count(*) AS n FROM readings_raw \
             WHERE mn <> 'GOOD0001' GROUP BY kafka_offset ORDER BY 1",
        );
        let found: Vec<(i64, i64)> = rows
            .iter()
            .map(|row| (row["o"].as_i64().unwrap(), row["n"].as_i64().unwrap()))
            .collect();
        let expected: Vec<(i64, i64)> = mended.iter().map(|offset| (*offset, 2)).collect();
        assert_eq!(found, expected);
        sandbox.verify();
    }
}

const REDRIVE: [&str; 7] = [
    "quarantine",
    "redrive",
    "--all",
    "--by",
    "tester",
    "--why",
    "settings mended",
];

/// (reason, what is put for the first factor's value, what of it is in `part_raw`).
const BAD_PARTS: [(&str, &str, &str); 3] = [
    ("value_out_of_range", "a21026-Avg=4e55", "4e55"),
    ("bad_value", "a21026-Avg=20.5,a21026-Min=2x0", "2x0"),
    ("item_syntax", "a21026", "a21026"),
];

/// One factor of a packet cannot be used: that part goes to quarantine, the other factor comes in.
#[test]
fn a_bad_factor_does_not_take_the_good_ones_with_it() {
    let mut sandbox = Sandbox::new("part");
    let topic = sandbox.hj212(1);
    let messages = BAD_PARTS.map(|(_, bad, _)| (0, altered("a21026-Avg=20.5,a21026-Flag=N", bad)));
    topics::produce(&topic, messages);
    sandbox.run(&["ingest", "--until-caught-up"]).done();
    let rows =
        sandbox.query("SELECT reason, part, part_raw, mn FROM quarantine ORDER BY kafka_offset");
    assert_eq!(rows.len(), BAD_PARTS.len(), "{rows:?}");
    for (row, (reason, _, raw)) in rows.iter().zip(BAD_PARTS) {
        assert_eq!(row["reason"], reason, "{row}");
        assert!(!row["part"].is_null(), "only a part: {row}");
        assert_eq!(row["mn"], "GARBAGE1");
        assert!(row["part_raw"].as_str().unwrap().contains(raw), "{row}");
    }
    let rows = sandbox.query("SELECT factor, value FROM readings_raw");
    assert_eq!(rows.len(), BAD_PARTS.len(), "{rows:?}");
    for row in rows {
        assert_eq!(
            (&row["factor"], &row["value"]),
            (&"a21002".into(), &90.1.into())
        );
    }
    sandbox.verify();
}

const GOOD_LINE: &str = r#"{"mn":"J1","factor":"w01018","granularity":"hour","data_time":"2026-03-01T08:00:00+08:00","value":31.5}"#;

/// (expected reason, message) of the topic of JSON readings.
fn unusable_lines() -> Vec<(&'static str, Vec<u8>)> {
    let altered = |from: &str, to: &str| {
        let bad = GOOD_LINE.replace(from, to);
        assert_ne!(bad, GOOD_LINE, "`{from}` is not in the line");
        bad.into_bytes()
    };
    vec![
        ("json_syntax", b"{\"mn\":".to_vec()),
        ("missing_mn", altered("\"mn\":\"J1\",", "")),
        ("json_field", altered("31.5", "[31.5]")),
        ("bad_granularity", altered("hour", "fortnight")),
        ("bad_data_time", altered("2026-03-01T08", "yesterday")),
        (
            "time_out_of_range",
            altered("2026-03-01T08", "1996-03-01T08"),
        ),
        (
            "missing_data_time",
            altered("\"data_time\":\"2026-03-01T08:00:00+08:00\",", ""),
        ),
        ("empty_message", Vec::new()),
        ("not_utf8", vec![b'"', 0xFF, b'"']),
    ]
}

/// (topic's content, expected reason, message): no document, and one without what identifies it.
const UNUSABLE_DOCUMENTS: [(&str, &str, &str); 6] = [
    ("permits", "json_field", "[]"),
    ("permits", "permit_fault", "{\"unit\":{}}"),
    ("inspections", "json_field", "7"),
    ("inspections", "inspection_fault", "{}"),
    ("documents", "json_field", "[]"),
    ("documents", "document_fault", "{\"type\":\"mark\"}"),
];

/// Reasons that no message on a topic can cause.
const NEVER: [(&str, &str); 2] = [
    ("json_unknown_field", "unknown fields are kept with the row"),
    ("message_too_large", "larger messages do not get into Kafka"),
];

/// A new reason must get its case here.
#[test]
fn every_reason_has_its_case() {
    let hj212 = unusable_packets().into_iter().map(|(reason, _)| reason);
    let json = unusable_lines().into_iter().map(|(reason, _)| reason);
    let cases: BTreeSet<&str> = hj212
        .chain(json)
        .chain(BAD_PARTS.map(|(reason, ..)| reason))
        .chain(UNUSABLE_DOCUMENTS.map(|(_, reason, _)| reason))
        .chain(NEVER.map(|(reason, _)| reason))
        .collect();
    let all: BTreeSet<&str> = Reason::ALL.iter().map(|reason| reason.code()).collect();
    assert_eq!(cases, all);
}

#[test]
fn json_of_every_malformed_kind_is_quarantined_with_its_reason() {
    let mut sandbox = Sandbox::new("json-garbage");
    let lines = sandbox.topic("readings", 1, "json", "readings");
    let contents = ["permits", "inspections", "documents"];
    let documents = contents.map(|content| (content, sandbox.topic(content, 1, "json", content)));
    let bad = unusable_lines();
    topics::produce(&lines, bad.iter().map(|(_, message)| (0, message.clone())));
    topics::produce(&lines, [(0, GOOD_LINE.as_bytes().to_vec())]);
    let of = |content: &str| {
        let content = content.to_owned();
        UNUSABLE_DOCUMENTS
            .into_iter()
            .filter(move |(of, ..)| *of == content)
    };
    for (content, topic) in &documents {
        let messages = of(content).map(|(_, _, message)| (0, message.as_bytes().to_vec()));
        topics::produce(topic, messages);
    }
    sandbox.run(&["ingest", "--until-caught-up"]).done();

    let reasons = |topic: &str| -> Vec<String> {
        let sql = format!(
            "SELECT reason FROM quarantine WHERE kafka_topic = '{topic}' ORDER BY kafka_offset"
        );
        let text = |row: &serde_json::Value| row["reason"].as_str().unwrap().to_owned();
        sandbox.query(&sql).iter().map(text).collect()
    };
    let expected: Vec<&str> = bad.iter().map(|(reason, _)| *reason).collect();
    assert_eq!(reasons(&lines), expected);
    for (content, topic) in &documents {
        let expected: Vec<&str> = of(content).map(|(_, reason, _)| reason).collect();
        assert_eq!(reasons(topic), expected, "on {topic}");
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
    sandbox.run(&REDRIVE).exits(1);
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
        sandbox.run(&REDRIVE).exits(1);
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
