//! What an operator sees of messages that could not be used: listed by reason, station and topic,
//! shown with their bytes and what to do, and gone from the list once they became rows.

use serde_json::Value as Json;

use crate::harness::packets::{crc_modbus, frame, frame_with, minute_packet};
use crate::harness::sandbox::Sandbox;
use crate::harness::topics;

/// The data segment of a minute packet.
fn segment(mn: &str, minute: u32) -> String {
    let text = String::from_utf8(minute_packet(mn, minute)).unwrap();
    text[6..text.len() - 6].to_owned()
}

fn list(sandbox: &Sandbox, filter: &[&str]) -> Vec<Json> {
    let args = [&["quarantine", "list", "--format", "json"][..], filter].concat();
    match sandbox.run(&args).done().json() {
        Json::Array(entries) => entries,
        other => panic!("no list: {other}"),
    }
}

fn ids(entries: &[Json]) -> Vec<&str> {
    entries
        .iter()
        .map(|entry| entry["quarantine_id"].as_str().unwrap())
        .collect()
}

#[test]
fn unusable_messages_are_listed_shown_and_gone_once_redriven() {
    let mut sandbox = Sandbox::new("quarantine");
    sandbox.write("stations.toml", "");
    sandbox.set("ingest.stations", "stations.toml");
    let topic = sandbox.hj212(1);
    let modbus = segment("LIST0001", 1);
    let modbus = frame_with(&modbus, crc_modbus(modbus.as_bytes()));
    let (good, bad) = ("a21026-Avg=20.20", "a21026-Avg=20.20,a21026-Min=2x0");
    let bad_part = segment("LIST0002", 2).replace(good, bad);
    assert!(bad_part.contains(bad));
    let junk = b"no packet at all \xff".to_vec();
    topics::produce(
        &topic,
        [
            minute_packet("LIST0001", 0),
            modbus.clone().into_bytes(),
            junk.clone(),
            frame(&bad_part).into_bytes(),
        ]
        .map(|message| (0, message)),
    );
    sandbox.run(&["ingest", "--until-caught-up"]).done();

    let all = list(&sandbox, &[]);
    let id = |offset: u32| format!("{topic}/0/{offset}");
    let found = ids(&all);
    assert_eq!(found[..2], [id(1), id(2)]);
    assert!(
        found.len() == 3 && found[2].starts_with(&id(3)),
        "{found:?}"
    );
    let reasons: Vec<&str> = all.iter().map(|e| e["reason"].as_str().unwrap()).collect();
    assert_eq!(
        reasons,
        ["crc_dialect_not_allowed", "frame_no_header", "bad_value"]
    );
    assert!(
        all[2]["part_raw"].as_str().unwrap().contains("2x0"),
        "{}",
        all[2]
    );

    let reason = "crc_dialect_not_allowed";
    assert_eq!(ids(&list(&sandbox, &["--reason", reason])), [id(1)]);
    assert_eq!(ids(&list(&sandbox, &["--mn", "LIST0002"])), found[2..]);
    assert_eq!(ids(&list(&sandbox, &["--limit", "1"])), [id(1)]);
    assert_eq!(
        list(&sandbox, &["--topic", "elsewhere"]),
        Vec::<Json>::new()
    );
    sandbox
        .run(&["quarantine", "list", "--reason", "bad_luck"])
        .exits(2)
        .complains(&["bad_luck"]);
    let csv = sandbox
        .run(&["quarantine", "list", "--format", "csv"])
        .done();
    assert_eq!(csv.stdout.lines().count(), 4, "{}", csv.stdout);

    let show = |args: &[&str]| sandbox.run(&[&["quarantine", "show"][..], args].concat());
    let shown = show(&[&id(2), "--json"]).done().json();
    let hex: String = junk.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(shown["raw_hex"].as_str(), Some(hex.as_str()));
    let same = show(&[&id(2), "--format", "json"]).done().json();
    assert_eq!(same, shown);
    show(&[&id(2), "--format", "csv"])
        .exits(2)
        .complains(&["quarantine show"]);
    let told = show(&[&id(1)]).done().stdout;
    for text in [modbus.trim_end(), reason, "LIST0001", "stations file"] {
        assert!(told.contains(text), "no `{text}` in:\n{told}");
    }
    show(&[&id(0)]).exits(2).complains(&[&id(0)]);

    sandbox.write(
        "stations.toml",
        "[stations.LIST0001]\ncrc = [\"hj212\", \"modbus\"]\n",
    );
    let redrive = [
        "quarantine",
        "redrive",
        "--by",
        "me",
        "--why",
        "dialect allowed",
    ];
    let one = id(1);
    sandbox
        .run(&[&redrive[..], &[one.as_str()]].concat())
        .done();
    assert_eq!(ids(&list(&sandbox, &[])), found[1..]);
    assert_eq!(ids(&list(&sandbox, &["--all"])), found);
    sandbox.verify();
}
