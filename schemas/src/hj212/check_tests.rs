use std::path::PathBuf;

use serde_json::{Value as Json, json};

use super::*;

/// The packets with known verdicts, collected from the standard and from public code; `None` where
/// a developer lacks them. In CI they must be there.
fn corpus() -> Option<Vec<Json>> {
    let folder = std::env::var_os("NONSITE_DOMAIN").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/domain")),
        PathBuf::from,
    );
    let file = folder.join("hj212_packets.jsonl");
    if !file.is_file() {
        assert!(
            std::env::var_os("CI").is_none(),
            "`{}` is missing; set NONSITE_DOMAIN to the folder that has it",
            file.display()
        );
        eprintln!("skipped: no packets at `{}`", file.display());
        return None;
    }
    let text = std::fs::read_to_string(&file).unwrap();
    let packets = text.lines().map(|line| serde_json::from_str(line).unwrap());
    Some(packets.collect())
}

fn check(line: &Json) -> Json {
    serde_json::from_str(&check_line(&line.to_string())).unwrap()
}

fn check_text(packet: &str) -> Json {
    check(&json!({ "packet": packet }))
}

#[test]
fn the_corpus_gets_its_verdicts() {
    let Some(corpus) = corpus() else { return };
    assert!(corpus.len() >= 157, "only {} packets", corpus.len());
    for (place, expected) in corpus.iter().enumerate() {
        let found = check(expected);
        let context = format!("line {place} {}: {found}", expected["kind"]);
        for key in ["crc_ok", "len_ok", "cn", "st", "flag"] {
            assert_eq!(found[key], expected[key], "{key} of {context}");
        }
        if let Some(dialect) = expected.get("crc_dialect") {
            assert_eq!(&found["crc_dialect"], dialect, "{context}");
        }
        assert_eq!(found["edition"], expected["version_guess"], "{context}");
        let verdict = match expected["kind"].as_str().unwrap() {
            "ok" | "framed_by_us" | "concatenated" | "sm4_encrypted" => json!(["ok", null]),
            "malformed:bad_crc" => json!(["rejected", "crc_mismatch"]),
            "malformed:modbus_crc" | "malformed:modbus_swapped_crc" => {
                json!(["rejected", "crc_dialect_not_allowed"])
            }
            "malformed:bad_length+bad_crc" => json!(["rejected", "frame_length"]),
            "malformed:non_hex_crc" => json!(["rejected", "crc_syntax"]),
            "malformed:segment" => json!(["rejected", "segment_syntax"]),
            "malformed:split_head" => json!(["rejected", "frame_truncated"]),
            "malformed:split_tail" => json!(["rejected", "frame_no_header"]),
            "malformed:over_1024" => json!(["repaired", "over_length"]),
            "malformed:missing_cr" => json!(["repaired", "repaired_tail"]),
            "malformed:length_over_limit"
            | "malformed:2_digit_length"
            | "malformed:3_digit_length"
            | "malformed:bad_length" => json!(["repaired", "repaired_length"]),
            _ => continue,
        };
        assert_eq!(
            json!([found["verdict"], found["reason"]]),
            verdict,
            "{context}"
        );
    }
}

#[test]
fn frames_are_counted() {
    let Some(corpus) = corpus() else { return };
    for expected in corpus {
        let text = expected["packet"].as_str().unwrap();
        let found = check(&expected);
        if expected["kind"] == "concatenated" {
            assert_eq!(found["frames"], text.matches("##").count());
        } else {
            assert_eq!(found["frames"], 1, "{text}");
        }
    }
}

#[test]
fn published_vectors() {
    for (packet, crc) in [
        (
            "##0101QN=20160801085857223;ST=32;CN=1062;PW=100000;MN=010000A8900016F000169DC0;Flag=5;CP=&&RtdInterval=30&&",
            "1C80",
        ),
        (
            "##0087QN=20240601085857223;ST=32;CN=1011;PW=123456;MN=010000A8900016F000169DC0;Flag=9;CP=&&&&",
            "2200",
        ),
        (
            "##0234QN=20240520210700000;ST=31;CN=2051;PW=123456;MN=010000A8900016F000169DC0;Flag=9;CP=&&DataTime=20240520210600;a01011-Min=1.35,a01011-Avg=1.35,a01011-Max=1.35,a01011-Flag=N;a01014-Min=3.20,a01014-Avg=3.20,a01014-Max=3.20,a01014-Flag=N&&",
            "B541",
        ),
        (
            "##0295QN=20240520210700000;ST=31;CN=2051;PW=123456;MN=010000A8900016F000169DC0;Flag=9;CP=&&DataTime=20240520210600;a01011-Min=1.35,a01011-Avg=1.35,a01011-Max=1.35,a01011-Flag=N;a01012-Min=9.3,a01012-Avg=9.3,a01012-Max=9.3,a01012-Flag=N;a01014-Min=3.20,a01014-Avg=3.211,a01014-Max=3.212,a01014-Flag=N&&",
            "2200",
        ),
        (
            "##0139ST=32;CN=2011;PW=123456;MN=LD130133000015;CP=&&DataTime=20160824003817000;B01-Rtd=36.91;011-Rtd=231.0,011-Flag=N;060-Rtd=1.803,060-Flag=N&&",
            "4980",
        ),
        (
            "##0131QN=20200428011552615;ST=31;CN=2081;PW=;MN=MYHJ00000000000080011128;Flag=4;CP=&&DataTime=20200428011552;RestartTime=20200425120954&&",
            "47C0",
        ),
        (
            "##0069QN=20230723080035006;ST=91;CN=9021;PW=123456;MN=000201;Flag=4;CP=&&&&",
            "BDC1",
        ),
    ] {
        let found = check_text(&format!("{packet}{crc}"));
        assert_eq!(
            json!([found["crc_ok"], found["len_ok"], found["verdict"]]),
            json!([true, true, "ok"]),
            "{packet}"
        );
        let lower = check_text(&format!("{packet}{}\r\n", crc.to_ascii_lowercase()));
        assert_eq!(lower["verdict"], "ok");
        let wrong = check_text(&format!("{packet}0000\r\n"));
        assert_eq!(
            json!([wrong["crc_ok"], wrong["reason"]]),
            json!([false, "crc_mismatch"])
        );
    }
}

/// A good segment and its CRC, to damage.
const SEGMENT: &str = "QN=20160801085857223;ST=32;CN=2061;PW=123456;MN=010000A8900016F000169DC0;Flag=5;CP=&&DataTime=20160801080000;w01001-Avg=7.5,w01001-Min=7.1;w01018-Avg=40.1&&";

fn framed(segment: &str) -> String {
    format!(
        "##{:04}{segment}{:04X}\r\n",
        segment.len(),
        crate::hj212::crc(segment.as_bytes())
    )
}

#[test]
fn every_kind_of_damage_has_a_verdict() {
    let good = framed(SEGMENT);
    let modbus = crate::hj212::crc_modbus(SEGMENT.as_bytes());
    let with_crc = |crc: u16| format!("##{:04}{SEGMENT}{crc:04X}\r\n", SEGMENT.len());
    let no_closing = framed(SEGMENT.trim_end_matches('&'));
    let long = framed(&SEGMENT.replace(
        "w01018-Avg=40.1",
        &format!("w01018-Avg=40.1{}", ",x-Rtd=1".repeat(120)),
    ));
    for (packet, crc_ok, len_ok, dialect, readings, verdict, reason) in [
        (good.clone(), true, true, "hj212", 2, "ok", None),
        (good.replace("\r\n", ""), true, true, "hj212", 2, "ok", None),
        (
            good.replace("\r\n", "\\r\\n"),
            true,
            true,
            "hj212",
            2,
            "repaired",
            Some("repaired_tail"),
        ),
        (
            format!("noise\r\n{good}"),
            true,
            true,
            "hj212",
            2,
            "repaired",
            Some("repaired_start"),
        ),
        (
            good[1..].to_owned(),
            true,
            true,
            "hj212",
            2,
            "repaired",
            Some("repaired_start"),
        ),
        (
            good.replace("##0156", "@@0156"),
            true,
            true,
            "hj212",
            2,
            "repaired",
            Some("repaired_start"),
        ),
        (
            good.replace("##0156", "##156"),
            true,
            false,
            "hj212",
            2,
            "repaired",
            Some("repaired_length"),
        ),
        (
            good.replace("##0156", "##00156"),
            true,
            false,
            "hj212",
            2,
            "repaired",
            Some("repaired_length"),
        ),
        (
            good.replace("##0156", "##01S6"),
            true,
            false,
            "hj212",
            2,
            "repaired",
            Some("repaired_length"),
        ),
        (
            good.replace("##0156", "##0150"),
            true,
            false,
            "hj212",
            2,
            "repaired",
            Some("repaired_length"),
        ),
        (
            no_closing,
            true,
            true,
            "hj212",
            2,
            "repaired",
            Some("repaired_close"),
        ),
        (
            with_crc(modbus),
            false,
            true,
            "modbus",
            0,
            "rejected",
            Some("crc_dialect_not_allowed"),
        ),
        (
            with_crc(modbus.swap_bytes()),
            false,
            true,
            "modbus_swapped",
            0,
            "rejected",
            Some("crc_dialect_not_allowed"),
        ),
        (
            with_crc(0xB381),
            false,
            true,
            "none",
            0,
            "rejected",
            Some("crc_mismatch"),
        ),
        (
            good.replace("40.1", "40.10"),
            false,
            false,
            "none",
            0,
            "rejected",
            Some("frame_length"),
        ),
        (
            good[..100].to_owned(),
            false,
            false,
            "none",
            0,
            "rejected",
            Some("frame_truncated"),
        ),
        (
            format!("{}{good}", &good[..100]),
            false,
            false,
            "none",
            2,
            "repaired",
            Some("frame_truncated"),
        ),
        (
            framed(&SEGMENT.replace("20160801080000", "20160832080000")),
            true,
            true,
            "hj212",
            0,
            "rejected",
            Some("bad_data_time"),
        ),
        (
            framed(&SEGMENT.replace("DataTime=20160801080000;", "")),
            true,
            true,
            "hj212",
            0,
            "rejected",
            Some("missing_data_time"),
        ),
        (
            framed(&SEGMENT.replace("DataTime=2016", "DataTime=1999")),
            true,
            true,
            "hj212",
            0,
            "rejected",
            Some("time_out_of_range"),
        ),
        (
            framed(&SEGMENT.replace("CN=2061", "CN=7777")),
            true,
            true,
            "hj212",
            0,
            "rejected",
            Some("unknown_command"),
        ),
        (
            framed(&SEGMENT.replace("CN=2061;", "")),
            true,
            true,
            "hj212",
            0,
            "rejected",
            Some("missing_cn"),
        ),
        (
            framed(&SEGMENT.replace("MN=010000A8900016F000169DC0", "MN=")),
            true,
            true,
            "hj212",
            0,
            "rejected",
            Some("missing_mn"),
        ),
        (
            framed(&SEGMENT.replace("40.1", "4O.1").replace("7.5", "9e99")),
            true,
            true,
            "hj212",
            0,
            "rejected",
            Some("value_out_of_range"),
        ),
        (
            framed(&SEGMENT.replace("40.1", "40.1.1")),
            true,
            true,
            "hj212",
            1,
            "repaired",
            Some("bad_value"),
        ),
        (
            long,
            true,
            false,
            "hj212",
            122,
            "repaired",
            Some("over_length"),
        ),
        (
            String::new(),
            false,
            false,
            "none",
            0,
            "rejected",
            Some("empty_message"),
        ),
        (
            "hello".to_owned(),
            false,
            false,
            "none",
            0,
            "rejected",
            Some("frame_no_header"),
        ),
    ] {
        let found = check_text(&packet);
        assert_eq!(
            json!([
                found["crc_ok"],
                found["len_ok"],
                found["crc_dialect"],
                found["readings"],
                found["verdict"],
                found["reason"]
            ]),
            json!([crc_ok, len_ok, dialect, readings, verdict, reason]),
            "{packet}\n{found}"
        );
    }
}

#[test]
fn unreadable_lines_have_a_verdict_too() {
    for (line, reason) in [
        ("", "json_syntax"),
        ("nonsense", "json_syntax"),
        ("{}", "json_field"),
        ("{\"packet_hex\":\"zz\"}", "json_field"),
        ("{\"packet\":\"x\",\"sm4_key\":\"short\"}", "json_field"),
    ] {
        let found: Json = serde_json::from_str(&check_line(line)).unwrap();
        assert_eq!(
            json!([found["verdict"], found["reason"]]),
            json!(["rejected", reason]),
            "{line}"
        );
    }
}

#[test]
fn encrypted_packets_with_and_without_the_right_key() {
    let segment = SEGMENT.as_bytes();
    let at = SEGMENT.find("&&").unwrap() + 2;
    let end = segment.len() - 2;
    let mut wire = segment.to_vec();
    Sm4Key::from_text("abcdefghijklmnop")
        .unwrap()
        .encrypt(&mut wire[at..end]);
    let packet = [
        format!("##{:04}", segment.len()).as_bytes(),
        &wire,
        format!("{:04X}\r\n", crate::hj212::crc(segment)).as_bytes(),
    ]
    .concat();
    let hex = hex::encode(&packet);
    let found = check(&json!({ "packet_hex": hex, "sm4_key_ascii": "abcdefghijklmnop" }));
    assert_eq!(
        json!([found["crc_ok"], found["readings"], found["verdict"]]),
        json!([true, 2, "ok"])
    );
    let found = check(&json!({ "packet_hex": hex }));
    assert_eq!(
        json!([found["crc_ok"], found["reason"]]),
        json!([false, "cipher_bad"])
    );
    // The same as text, one character per byte, and printed as the standard prints it.
    let latin: String = packet.iter().map(|byte| char::from(*byte)).collect();
    let found = check(&json!({ "packet": latin, "sm4_key": "abcdefghijklmnop" }));
    assert_eq!(found["verdict"], "ok", "{found}");
    let whole = (end - at) / 16 * 16;
    let list: Vec<String> = wire[at..at + whole]
        .iter()
        .map(|byte| format!("0x{byte:02X}"))
        .collect();
    let rest = std::str::from_utf8(&wire[at + whole..]).unwrap();
    let printed = format!(
        "##{:04}{}{{{}}}{rest}{:04X}\r\n",
        segment.len(),
        &SEGMENT[..at],
        list.join(","),
        crate::hj212::crc(segment)
    );
    let found = check(&json!({ "packet": printed, "sm4_key": "abcdefghijklmnop" }));
    assert_eq!(
        json!([found["crc_ok"], found["readings"]]),
        json!([true, 2]),
        "{found}"
    );
}
