//! What one packet becomes: rows, states and bad parts.

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

#[path = "decode_message_tests.rs"]
mod messages;
#[path = "decode_properties.rs"]
mod properties;
#[path = "decode_station_tests.rs"]
mod stations;
