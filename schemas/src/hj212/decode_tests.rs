use super::*;
use crate::hj212::{crc, crc_modbus, parse_beijing_digits};

/// What the sink was told, as owned texts.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Told {
    readings: Vec<Reading>,
    states: Vec<State>,
    bad: Vec<(String, Reason, String)>,
}

#[derive(Debug, Clone, PartialEq)]
struct Reading {
    mn: String,
    factor: String,
    factor_raw: Option<String>,
    granularity: Granularity,
    data_time: i64,
    edition: Option<i16>,
    resend: bool,
    sent_at: Option<i64>,
    period_s: Option<i32>,
    numbers: [Option<f64>; 7],
    flag: Option<String>,
    text: Option<String>,
    extra: String,
    note: String,
}

#[derive(Debug, Clone, PartialEq)]
struct State {
    item: String,
    data_time: i64,
    value: Option<f64>,
    text: Option<String>,
    flag: Option<String>,
}

impl Sink for Told {
    fn reading(&mut self, head: &Head<'_>, value: &crate::hj212::Value<'_>) {
        let mut extra = String::new();
        value.extra.write_json(&mut extra);
        self.readings.push(Reading {
            mn: head.mn.to_owned(),
            factor: value.factor.to_owned(),
            factor_raw: value.factor_raw.map(str::to_owned),
            granularity: head.granularity,
            data_time: head.data_time,
            edition: head.edition,
            resend: head.resend,
            sent_at: head.sent_at,
            period_s: head.period_s,
            numbers: [
                value.value,
                value.zs_value,
                value.min,
                value.max,
                value.cou,
                value.zs_min,
                value.zs_max,
            ],
            flag: value.flag.map(str::to_owned),
            text: value.value_text.map(str::to_owned),
            extra,
            note: (head.note | value.notes).to_string(),
        });
    }

    fn state(
        &mut self,
        head: &Head<'_>,
        item: &str,
        value: Option<f64>,
        text: Option<&str>,
        flag: Option<&str>,
    ) {
        self.states.push(State {
            item: item.to_owned(),
            data_time: head.data_time,
            value,
            text: text.map(str::to_owned),
            flag: flag.map(str::to_owned),
        });
    }

    fn bad_part(&mut self, _: &Head<'_>, part: &str, reason: Reason, detail: &str) {
        self.bad.push((part.to_owned(), reason, detail.to_owned()));
    }
}

/// 2024-05-20 21:07 in Beijing.
fn now() -> i64 {
    parse_beijing_digits(b"20240520210700").unwrap()
}

fn framed(segment: &str) -> Vec<u8> {
    format!(
        "##{:04}{segment}{:04X}\r\n",
        segment.len(),
        crc(segment.as_bytes())
    )
    .into_bytes()
}

fn head_of(st: &str, cn: &str, rest: &str) -> String {
    format!("QN=20240520210700123;ST={st};CN={cn};PW=123456;MN=8888;{rest}CP=&&")
}

fn decode_with(stations: &str, message: &[u8]) -> (Outcome, Told) {
    let stations = Arc::new(Stations::from_toml(stations).unwrap());
    let mut told = Told::default();
    let outcome = Decoder::new(stations, Limits::default()).decode(message, now(), &mut told);
    (outcome, told)
}

fn decode(message: &[u8]) -> Told {
    let (outcome, told) = decode_with("", message);
    assert!(matches!(outcome, Outcome::Decoded(_)), "{outcome:?}");
    told
}

fn decode_text(st: &str, cn: &str, rest: &str, content: &str) -> Told {
    decode(&framed(&format!("{}{content}&&", head_of(st, cn, rest))))
}

fn rejected(message: &[u8]) -> Rejected {
    let (outcome, told) = decode_with("", message);
    assert_eq!(told, Told::default(), "rows of a rejected message");
    match outcome {
        Outcome::Rejected(rejected) => rejected,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_minute_packet() {
    let told = decode_text(
        "31",
        "2051",
        "Flag=11;PNUM=2;PNO=1;RF=1;",
        "DataTime=20240520210600;a21026-Min=1,a21026-Avg=2,a21026-Max=3,a21026-ZsMin=4,\
         a21026-ZsAvg=9999.99,a21026-ZsMax=6,a21026-Cou=7,a21026-RawAvg=2.5,a21026-Flag=Md",
    );
    assert_eq!(
        told.readings,
        [Reading {
            mn: "8888".to_owned(),
            factor: "a21026".to_owned(),
            factor_raw: None,
            granularity: Granularity::Minute,
            data_time: now() - 60_000_000,
            edition: Some(2025),
            resend: true,
            sent_at: Some(now() + 123_000),
            period_s: None,
            numbers: [
                Some(2.0),
                None,
                Some(1.0),
                Some(3.0),
                Some(7.0),
                Some(4.0),
                Some(6.0)
            ],
            flag: Some("Md".to_owned()),
            text: None,
            extra: r#"{"RawAvg":"2.5"}"#.to_owned(),
            note: "sentinel_zs".to_owned(),
        }]
    );
    assert!(told.states.is_empty() && told.bad.is_empty());
}

#[test]
fn granularity_and_period_follow_the_command() {
    for (cn, granularity, period) in [
        ("2011", Granularity::Realtime, None),
        ("2013", Granularity::Realtime, None),
        ("2051", Granularity::Minute, None),
        ("2111", Granularity::Minute, Some(300)),
        ("2061", Granularity::Hour, Some(3_600)),
        ("2031", Granularity::Day, Some(86_400)),
    ] {
        let told = decode_text(
            "31",
            cn,
            "Flag=8;",
            "DataTime=20240520000000;a01901-Avg=850",
        );
        assert_eq!(told.readings[0].granularity, granularity, "{cn}");
        assert_eq!(told.readings[0].period_s, period, "{cn}");
    }
}

#[test]
fn old_codes_are_mapped_by_medium_and_kept() {
    for (st, code, factor, raw) in [
        ("32", "011", "w01018", Some("011")),
        ("32", "001", "w01001", Some("001")),
        ("31", "01", "a34013", Some("01")),
        ("31", "S01", "a19001", Some("S01")),
        ("31", "011", "011", None),
        ("32", "W01018", "w01018", Some("W01018")),
        ("22", "LAMPBLACK", "LAMPBLACK", None),
    ] {
        let told = decode_text(
            st,
            "2011",
            "",
            &format!("DataTime=20240520210600;{code}-Rtd=1,{code}-Flag=N"),
        );
        assert_eq!(told.readings[0].factor, factor, "{st} {code}");
        assert_eq!(told.readings[0].factor_raw.as_deref(), raw, "{st} {code}");
    }
    let (_, told) = decode_with(
        "[stations.8888]\nmedium = \"water\"\nedition = 2005",
        &framed(&format!(
            "{}DataTime=20240520210600;011-Rtd=1&&",
            head_of("91", "2011", "Flag=4;")
        )),
    );
    assert_eq!(told.readings[0].factor, "w01018");
    assert_eq!(told.readings[0].edition, Some(2005));
}

#[test]
fn states_and_commands() {
    let told = decode_text(
        "32",
        "2021",
        "Flag=5;",
        "DataTime=20240520210600;SB1-RS=1;SB2-RS=0",
    );
    let found: Vec<_> = told
        .states
        .iter()
        .map(|state| (state.item.as_str(), state.value, state.text.clone()))
        .collect();
    assert_eq!(
        found,
        [("SB1-RS", Some(1.0), None), ("SB2-RS", Some(0.0), None)]
    );
    assert_eq!(told.states[0].data_time, now() - 60_000_000);

    // Without items there is one state for the command itself, at the time of QN.
    for cn in ["9014", "9015", "9021", "2012", "2011"] {
        let told = decode_text("91", cn, "Flag=4;", "");
        assert_eq!(told.states.len(), 1);
        assert_eq!(
            (told.states[0].item.as_str(), told.states[0].data_time),
            ("command", now() + 123_000)
        );
    }
    let told = decode_text(
        "32",
        "2061",
        "Flag=5;",
        "BeginTime=20240520000000,EndTime=20240520210000",
    );
    assert_eq!(told.states[0].text.as_deref(), Some("20240520000000"));
    assert_eq!(told.states[0].value, None);
    let told = decode_text(
        "32",
        "3019",
        "Flag=4;",
        "PolId=w01018;w01018-SN=010000A8900016F000169DC1",
    );
    assert_eq!(told.states[1].item, "w01018-SN");
    let told = decode_text(
        "32",
        "2062",
        "Flag=8;",
        "DataTime=20240520210600;w01018-SampleRd=50.1,w01018-StandardValue=50,w01018-Flag=N",
    );
    assert_eq!(told.readings, []);
    assert_eq!(
        (told.states[1].value, told.states[1].flag.as_deref()),
        (Some(50.0), Some("N"))
    );
}

#[test]
fn passwords_and_keys_are_not_kept() {
    for (cn, content) in [
        ("1072", "NewPW=654321"),
        ("1072", "PW=654321"),
        ("1014", "NewSK=654321"),
    ] {
        let told = decode_text("32", cn, "Flag=9;", content);
        assert!(!format!("{told:?}").contains("654321"), "{told:?}");
        assert_eq!(told.states[0].text.as_deref(), Some("***"));
    }
}

#[test]
fn an_answer_to_a_logger_without_number_is_kept() {
    let told = decode(&framed(
        "QN=20240601085857223;ST=91;CN=9013;PW=123456;MN=;Flag=8;CP=&&&&",
    ));
    assert_eq!(told.states[0].item, "command");
    let refused = rejected(&framed(
        "QN=20240601085857223;ST=31;CN=2011;MN=;CP=&&DataTime=20240520210600;a1-Rtd=1&&",
    ));
    assert_eq!((refused.reason, refused.mn), (Reason::MissingMn, None));
}

#[test]
fn a_bad_factor_is_a_part_and_the_rest_is_kept() {
    let told = decode_text(
        "31",
        "2011",
        "Flag=4;",
        "DataTime=20240520210600;a1-Rtd=1.2.3,a1-Flag=N;a2-Rtd=5,a2-Flag=N;a3-Rtd=NaN;junk;p99101-Rtd=St",
    );
    let factors: Vec<_> = told
        .readings
        .iter()
        .map(|reading| reading.factor.as_str())
        .collect();
    assert_eq!(factors, ["a2", "p99101"]);
    assert_eq!(told.readings[1].text.as_deref(), Some("St"));
    let parts: Vec<_> = told
        .bad
        .iter()
        .map(|(part, reason, _)| (part.as_str(), *reason))
        .collect();
    assert_eq!(
        parts,
        [
            ("a1-Rtd=1.2.3,a1-Flag=N", Reason::BadValue),
            ("a3-Rtd=NaN", Reason::ValueOutOfRange),
            ("junk", Reason::ItemSyntax)
        ]
    );
    assert!(
        told.bad[0].2.contains("a1") && told.bad[0].2.contains("8888"),
        "{}",
        told.bad[0].2
    );
}

#[test]
fn times_must_be_possible() {
    let of = |time: &str| {
        framed(&format!(
            "{}DataTime={time};a1-Rtd=1&&",
            head_of("31", "2011", "")
        ))
    };
    assert_eq!(
        rejected(&of("20240521210701")).reason,
        Reason::TimeOutOfRange
    );
    assert_eq!(decode(&of("20240521210700")).readings.len(), 1);
    assert_eq!(
        rejected(&of("19991231235959")).reason,
        Reason::TimeOutOfRange
    );
    assert_eq!(decode(&of("20000101000000")).readings.len(), 1);
    assert_eq!(rejected(&of("20240230000000")).reason, Reason::BadDataTime);
    assert_eq!(rejected(&of("yesterday")).reason, Reason::BadDataTime);
    assert_eq!(rejected(&of("")).reason, Reason::MissingDataTime);
    assert_eq!(
        decode(&of("20240520210600123")).readings[0].data_time,
        now() - 60_000_000 + 123_000
    );
    // A bad QN costs nothing.
    let told = decode(&framed("QN=1;ST=91;CN=9014;MN=8888;CP=&&&&"));
    assert_eq!(told.states[0].data_time, now());
    let told = decode(&framed(
        "ST=91;CN=9013;MN=8888;Flag=0;CP=&&QN=20240520210600000&&",
    ));
    assert_eq!(
        (told.states[0].item.as_str(), told.states[0].data_time),
        ("QN", now() - 60_000_000)
    );
}

#[test]
fn crc_dialects_need_permission() {
    let segment = format!(
        "{}DataTime=20240520210600;a1-Rtd=1&&",
        head_of("31", "2011", "")
    );
    let with = |field: u16| format!("##{:04}{segment}{field:04X}\r\n", segment.len()).into_bytes();
    let modbus = crc_modbus(segment.as_bytes());
    let stale = crc(segment.as_bytes()) ^ 0x0101;
    for (allowed, field, expected) in [
        ("[]", modbus, Err(Reason::CrcDialectNotAllowed)),
        ("[\"hj212\", \"modbus\"]", modbus, Ok("crc_modbus")),
        (
            "[\"hj212\", \"modbus\"]",
            modbus.swap_bytes(),
            Err(Reason::CrcDialectNotAllowed),
        ),
        (
            "[\"modbus_swapped\"]",
            modbus.swap_bytes(),
            Ok("crc_modbus_swapped"),
        ),
        (
            "[\"modbus\"]",
            crc(segment.as_bytes()),
            Err(Reason::CrcDialectNotAllowed),
        ),
        ("[\"hj212\", \"modbus\"]", stale, Err(Reason::CrcMismatch)),
        ("[\"none\"]", stale, Ok("crc_ignored")),
    ] {
        let stations = if allowed == "[]" {
            String::new()
        } else {
            format!("[stations.8888]\ncrc = {allowed}")
        };
        let (outcome, told) = decode_with(&stations, &with(field));
        match expected {
            Ok(note) => assert_eq!(told.readings[0].note, note),
            Err(reason) => match outcome {
                Outcome::Rejected(rejected) => {
                    assert_eq!(
                        (rejected.reason, rejected.mn.as_deref()),
                        (reason, Some("8888"))
                    );
                }
                other => panic!("{other:?}"),
            },
        }
    }
}

#[test]
fn a_message_is_refused_only_as_a_whole() {
    let good = framed(&format!(
        "{}DataTime=20240520210600;a1-Rtd=1&&",
        head_of("31", "2011", "")
    ));
    let bad = framed("ST=31;CN=7777;MN=8888;CP=&&&&");
    for message in [[&bad[..], &good].concat(), [&good[..], &bad].concat()] {
        let told = decode(&message);
        assert_eq!(told.readings.len(), 1);
        assert_eq!(told.bad.len(), 1);
        assert_eq!(told.bad[0].1, Reason::UnknownCommand);
        assert!(told.bad[0].0.starts_with("##0"), "{}", told.bad[0].0);
    }
    let refused = rejected(&[&bad[..], &bad].concat());
    assert_eq!(refused.reason, Reason::UnknownCommand);
    assert!(refused.detail.contains("2 packets"), "{}", refused.detail);
    assert_eq!(rejected(b" \r\n").reason, Reason::EmptyMessage);
    let told = decode(&good.repeat(3));
    let notes: Vec<&str> = told.readings.iter().map(|row| row.note.as_str()).collect();
    assert_eq!(notes, ["", "repeated_factor", "repeated_factor"]);
}

#[test]
fn a_state_that_comes_again_in_a_message_says_nothing_new() {
    let head = head_of("31", "3020", "Flag=4;");
    let states = framed(&format!(
        "{head}DataTime=20240520210600;SB1-RS=1;SB1-RS=1.0;SB2-RS=1&&"
    ));
    assert_eq!(decode(&states).states.len(), 2);
    assert_eq!(decode(&states.repeat(2)).states.len(), 2);
    let other = framed(&format!("{head}DataTime=20240520210700;SB1-RS=1&&"));
    assert_eq!(
        decode(&[&states[..], &other, &states].concat())
            .states
            .len(),
        3
    );
}

#[test]
fn text_that_is_not_utf8_costs_its_part_only() {
    let mut segment = head_of("31", "3020", "Flag=4;").into_bytes();
    segment.extend_from_slice(
        b"DataTime=20240520210600;i11001-Info=//\xc7\xe5\xcf\xb4//;i12001-Info=0&&",
    );
    let mut message = format!("##{:04}", segment.len()).into_bytes();
    message.extend_from_slice(&segment);
    message.extend_from_slice(format!("{:04X}", crc(&segment)).as_bytes());
    let told = decode(&message);
    assert_eq!(told.states.len(), 1);
    assert_eq!(told.bad[0].1, Reason::NotUtf8);
}

#[test]
fn parts_of_a_split_packet_share_their_time() {
    let part = |number: u16, content: &str| {
        framed(&format!(
            "{}{content}&&",
            head_of("31", "2051", &format!("Flag=6;PNUM=2;PNO={number};"))
        ))
    };
    let first = part(1, "DataTime=20240520210600;a1-Avg=1");
    let second = part(2, "a2-Avg=2");
    let mut decoder = Decoder::new(Arc::default(), Limits::default());
    let mut told = Told::default();
    let Outcome::Pending(key) = decoder.decode(&second, now(), &mut told) else {
        panic!("not pending")
    };
    assert_eq!(
        (key.mn.as_str(), key.cn.as_str(), key.parts),
        ("8888", "2051", 2)
    );
    assert_eq!(told, Told::default());
    match decoder.decode(&first, now(), &mut told) {
        Outcome::Decoded(done) => assert_eq!(done.told, [key]),
        other => panic!("{other:?}"),
    }
    assert!(matches!(
        decoder.decode(&second, now() + 1_000_000, &mut told),
        Outcome::Decoded(_)
    ));
    assert_eq!(told.readings[1].data_time, told.readings[0].data_time);
    assert_eq!(told.readings[1].note, "time_from_split");
    // Much later the time is not known any more.
    assert!(matches!(
        decoder.decode(&second, now() + 301_000_000, &mut told),
        Outcome::Pending(_)
    ));
    // A part with its own time never waits.
    let own = part(2, "DataTime=20240520210600;a2-Avg=2");
    assert_eq!(decode(&own).readings.len(), 1);
}

#[test]
fn encrypted_packets_need_the_stations_key() {
    let plain = format!(
        "{}DataTime=20240520210600;a1-Rtd=1.5,a1-Flag=N&&",
        head_of("31", "2011", "Flag=8;")
    );
    let at = plain.find("&&").unwrap() + 2;
    let mut wire = plain.clone().into_bytes();
    let end = wire.len() - 2;
    crate::hj212::Sm4Key::from_text("ABCDEFGHIJKLMNOP")
        .unwrap()
        .encrypt(&mut wire[at..end]);
    let mut message = format!("##{:04}", plain.len()).into_bytes();
    message.extend_from_slice(&wire);
    message.extend_from_slice(format!("{:04X}\r\n", crc(plain.as_bytes())).as_bytes());

    let (_, told) = decode_with(
        "[stations.8888]\nsm4_key = [\"0123456789ABCDEF\", \"ABCDEFGHIJKLMNOP\"]",
        &message,
    );
    assert_eq!(told.readings[0].numbers[0], Some(1.5));
    assert_eq!(told.readings[0].note, "decrypted");
    assert_eq!(rejected(&message).reason, Reason::CipherNoKey);
    match decode_with("[stations.8888]\nsm4_key = \"0123456789ABCDEF\"", &message).0 {
        Outcome::Rejected(rejected) => assert_eq!(rejected.reason, Reason::CipherBad),
        other => panic!("{other:?}"),
    }
}

#[test]
fn private_commands_can_be_told_per_station() {
    let message = framed(&format!(
        "{}DataTime=20240520210600;a1-Avg=1&&",
        head_of("31", "2082", "")
    ));
    assert_eq!(rejected(&message).reason, Reason::UnknownCommand);
    let (_, told) = decode_with(
        "[stations.8888]\ncommands = { \"2082\" = \"hour\" }",
        &message,
    );
    assert_eq!(told.readings[0].granularity, Granularity::Hour);
}

#[test]
fn the_segment_bound_is_a_limit() {
    let segment = format!(
        "{}DataTime=20240520210600{}&&",
        head_of("31", "2011", ""),
        ";a1-Rtd=1".repeat(200)
    );
    let told = decode(&framed(&segment));
    assert_eq!(told.readings.len(), 200);
    assert_eq!(told.readings[0].note, "over_length");
    assert_eq!(told.readings[1].note, "over_length repeated_factor");
    let mut decoder = Decoder::new(
        Arc::default(),
        Limits {
            max_segment: 1_024,
            ..Limits::default()
        },
    );
    match decoder.decode(&framed(&segment), now(), &mut Told::default()) {
        Outcome::Rejected(rejected) => assert_eq!(rejected.reason, Reason::FrameOverLength),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_decoder_carries_nothing_from_packet_to_packet() {
    let messages: Vec<Vec<u8>> = vec![
        framed(&format!(
            "{}DataTime=20240520210600;a1-Rtd=1,a1-X=y;a2-Rtd=1.2.3;SB1-RS=1;junk&&",
            head_of("31", "2011", "")
        )),
        framed(&format!(
            "{}DataTime=20240520210700;b1-Rtd=2&&",
            head_of("31", "2011", "")
        )),
        framed("ST=32;BROKEN"),
        framed(&format!("{}&&", head_of("91", "9014", ""))),
    ];
    let mut decoder = Decoder::new(Arc::default(), Limits::default());
    for message in messages.iter().chain(messages.iter().rev()) {
        let (mut told, (fresh_outcome, fresh)) = (Told::default(), decode_with("", message));
        assert_eq!(decoder.decode(message, now(), &mut told), fresh_outcome);
        assert_eq!(told, fresh);
    }
}

#[path = "decode_properties.rs"]
mod properties;
