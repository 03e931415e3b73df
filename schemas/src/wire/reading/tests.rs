mod properties;

use super::*;
use crate::hj212::{Head, Notes, Value};
use crate::wire::moment::parse_instant;

/// 2026-03-01 12:00 Beijing.
const NOW: i64 = 1_772_337_600_000_000;

#[derive(Debug, Default, PartialEq)]
struct Seen {
    rows: Vec<Row>,
    bad: Vec<(String, String, Reason, String)>,
}

#[derive(Debug, Default, PartialEq)]
struct Row {
    mn: String,
    factor: String,
    granularity: String,
    data_time: i64,
    numbers: [Option<f64>; 7],
    flag: Option<String>,
    value_text: Option<String>,
    extra: Vec<(String, String)>,
    notes: Notes,
    period_s: Option<i32>,
    resend: bool,
    sent_at: Option<i64>,
}

impl Sink for Seen {
    fn reading(&mut self, head: &Head<'_>, value: &Value<'_>) {
        self.rows.push(Row {
            mn: head.mn.to_owned(),
            factor: value.factor.to_owned(),
            granularity: head.granularity.as_str().to_owned(),
            data_time: head.data_time,
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
            value_text: value.value_text.map(str::to_owned),
            extra: value
                .extra
                .iter()
                .map(|(a, b)| ((*a).to_owned(), (*b).to_owned()))
                .collect(),
            notes: head.note.union(value.notes),
            period_s: head.period_s,
            resend: head.resend,
            sent_at: head.sent_at,
        });
    }

    fn state(&mut self, _: &Head<'_>, _: &str, _: Option<f64>, _: Option<&str>, _: Option<&str>) {
        panic!("a JSON reading is never a state");
    }

    fn bad_part(&mut self, head: &Head<'_>, part: &str, reason: Reason, detail: &str) {
        self.bad.push((
            head.mn.to_owned(),
            part.to_owned(),
            reason,
            detail.to_owned(),
        ));
    }
}

fn decode(text: &str) -> (Result<Decoded, Rejected>, Seen) {
    let mut seen = Seen::default();
    let outcome = decode_line(text.as_bytes(), NOW, &mut seen);
    (outcome, seen)
}

/// The one row of a good single reading: the common head and `more` fields.
fn row(more: &str) -> Row {
    let text = format!(
        r#"{{"mn":"M1","factor":"a21026","granularity":"hour","data_time":"2026-03-01 10:00:00"{more}}}"#
    );
    let (outcome, mut seen) = decode(&text);
    assert_eq!(
        outcome,
        Ok(Decoded {
            readings: 1,
            bad_parts: 0
        }),
        "{text}"
    );
    seen.rows.remove(0)
}

fn rejected(text: &str) -> Rejected {
    let (outcome, seen) = decode(text);
    assert_eq!(seen, Seen::default(), "the sink saw something of {text}");
    outcome.unwrap_err()
}

#[test]
fn a_full_reading_arrives_field_by_field() {
    let row = row(
        r#","value":12.5,"zs_value":14,"min":0,"max":2e1,"cou":-0.5,"zs_min":1,"zs_max":30,"flag":"N","period_s":3600,"resend":true,"sent_at":"20260301105959","RawAvg":7.10,"EFlag":"a\"b","nothing":null"#,
    );
    assert_eq!(
        row,
        Row {
            mn: "M1".to_owned(),
            factor: "a21026".to_owned(),
            granularity: "hour".to_owned(),
            data_time: NOW - 2 * 3_600_000_000,
            numbers: [12.5, 14.0, 0.0, 20.0, -0.5, 1.0, 30.0].map(Some),
            flag: Some("N".to_owned()),
            extra: vec![
                ("RawAvg".to_owned(), "7.10".to_owned()),
                ("EFlag".to_owned(), "a\"b".to_owned())
            ],
            period_s: Some(3_600),
            resend: true,
            sent_at: Some(NOW - 3_601_000_000),
            ..Row::default()
        }
    );
}

#[test]
fn numbers_come_exactly_as_written() {
    for text in [
        "0.1",
        "123456.789",
        "1e-7",
        "0.30000000000000004",
        "720575940379.2793",
    ] {
        assert_eq!(
            row(&format!(",\"value\":{text}")).numbers[0],
            Some(text.parse().unwrap())
        );
        assert_eq!(
            row(&format!(",\"value\":\" {text} \"")).numbers[0],
            Some(text.parse().unwrap())
        );
    }
}

#[test]
fn texts_in_place_of_numbers_are_kept() {
    let text = row(r#","value":"--","max":"n/a","zs_value":"nan""#);
    assert_eq!(text.value_text.as_deref(), Some("--"));
    assert_eq!(text.numbers, [None; 7]);
    assert_eq!(
        text.extra,
        [
            ("zs_value".to_owned(), "nan".to_owned()),
            ("max".to_owned(), "n/a".to_owned())
        ]
    );
    assert_eq!(row(r#","value":"""#).value_text, None);
    assert_eq!(row(r#","value":null"#).value_text, None);
}

#[test]
fn default_maxima_are_set_aside_with_a_note() {
    let sentinel = row(r#","value":9999.99,"zs_value":"-9999.99","min":99999.9"#);
    assert_eq!(sentinel.numbers, [None; 7]);
    assert_eq!(
        sentinel.notes.to_string(),
        "sentinel_value sentinel_zs sentinel_stat"
    );
    // The factor decides where the text alone does not: oxygen is declared N2.2.
    let oxygen = r#"{"mn":"M1","factor":"a19001","granularity":"hour","data_time":"2026-03-01 10:00:00","value":99.99,"cou":9999.99}"#;
    let (_, seen) = decode(oxygen);
    assert_eq!(seen.rows[0].notes, Notes::SENTINEL_VALUE);
    assert_eq!(seen.rows[0].numbers[4], Some(9999.99));
    for measured in ["99.99", "9999", "9999.9901", "9998.99"] {
        // a21026 is declared N5.2: its default maximum is 99999.99.
        assert!(
            row(&format!(",\"value\":{measured}")).numbers[0].is_some(),
            "{measured}"
        );
    }
}

#[test]
fn what_has_no_column_is_kept_or_noted() {
    assert_eq!(
        row(r#","flag":"MAINT""#).extra,
        [("Flag".to_owned(), "MAINT".to_owned())]
    );
    assert_eq!(row(r#","flag":"MAINT""#).notes, Notes::LONG_FLAG);
    assert_eq!(row(r#","flag":1"#).flag.as_deref(), Some("1"));
    assert_eq!(row(r#","site":{"a":1}"#).notes, Notes::IGNORED_FIELD);
    assert_eq!(row(r#","ok":true"#).notes.to_string(), "ignored_field");
    assert_eq!(
        row(r#","sent_at":"soon""#).extra,
        [("sent_at".to_owned(), "soon".to_owned())]
    );
    assert_eq!(row(r#","A":"b""#).extra, [("A".to_owned(), "b".to_owned())]);
}

#[test]
fn every_fault_of_a_single_reading_has_its_reason_and_names_the_field() {
    let good = r#""mn":"M1","factor":"f","granularity":"minute","data_time":"2026-03-01 10:00:00""#;
    let without = |field: &str| {
        let fields: Vec<&str> = good
            .split(',')
            .filter(|pair| !pair.starts_with(&format!("\"{field}\"")))
            .collect();
        format!("{{{}}}", fields.join(","))
    };
    let with = |more: &str| format!("{{{good},{more}}}");
    let at = |time: &str| good.replace("\"2026-03-01 10:00:00\"", time);
    let cases = [
        (String::new(), Reason::EmptyMessage, "the message"),
        ("[]".to_owned(), Reason::EmptyMessage, "the list"),
        ("7".to_owned(), Reason::JsonField, "the message"),
        ("{".to_owned(), Reason::JsonSyntax, "EOF"),
        (with("\"a\":01"), Reason::JsonSyntax, "invalid number"),
        (format!("{{{good}}} x"), Reason::JsonSyntax, "trailing"),
        (without("mn"), Reason::MissingMn, "mn:"),
        (without("factor"), Reason::JsonField, "factor:"),
        (without("granularity"), Reason::JsonField, "granularity:"),
        (without("data_time"), Reason::MissingDataTime, "data_time:"),
        (
            good.replace("minute", "week"),
            Reason::BadGranularity,
            "granularity: `week`",
        ),
        (
            at("\"2026-02-30 10:00:00\""),
            Reason::BadDataTime,
            "data_time: `2026-02-30",
        ),
        (at("true"), Reason::MissingDataTime, "data_time:"),
        (
            at("\"1999-12-31 23:59:59\""),
            Reason::TimeOutOfRange,
            "data_time:",
        ),
        (
            at("\"2026-03-02 12:00:01\""),
            Reason::TimeOutOfRange,
            "data_time:",
        ),
        (with("\"value\":1e13"), Reason::ValueOutOfRange, "value:"),
        (with("\"max\":\"1e400\""), Reason::ValueOutOfRange, "max:"),
        (with("\"value\":[1]"), Reason::JsonField, "value:"),
        (
            with("\"value\":1,\"value\":2"),
            Reason::JsonField,
            "value: is given twice",
        ),
        (with("\"resend\":2"), Reason::JsonField, "resend:"),
        (with("\"period_s\":0"), Reason::JsonField, "period_s:"),
        (with("\"flag\":{}"), Reason::JsonField, "flag:"),
    ];
    for (text, reason, detail) in cases {
        let text = if text.starts_with('"') {
            format!("{{{text}}}")
        } else {
            text
        };
        let fault = rejected(&text);
        assert_eq!(fault.reason, reason, "{text}: {fault:?}");
        assert!(fault.detail.starts_with(detail), "{text}: {}", fault.detail);
        if !matches!(
            reason,
            Reason::JsonSyntax | Reason::EmptyMessage | Reason::MissingMn
        ) && text != "7"
        {
            assert_eq!(fault.mn.as_deref(), Some("M1"), "{text}");
        }
    }
    let mut seen = Seen::default();
    assert_eq!(
        decode_line(b"{\"mn\":\"\xff\"}", NOW, &mut seen)
            .unwrap_err()
            .reason,
        Reason::NotUtf8
    );
}

#[test]
fn an_hour_is_3600_seconds_whatever_the_message_says() {
    assert_eq!(row("").period_s, Some(3_600));
    let fault = rejected(
        r#"{"mn":"M1","factor":"f","granularity":"hour","data_time":"2026-03-01 10:00:00","period_s":60}"#,
    );
    assert_eq!(
        fault.detail,
        "period_s: is 60 but granularity hour means 3600"
    );
}

#[test]
fn a_bad_element_costs_only_itself() {
    let text = r#" [
        {"mn":"M1","factor":"a","granularity":"minute","data_time":"2026-03-01 10:00:00","value":1},
        {"mn":"M2","factor":"a","granularity":"minute","data_time":"yesterday","value":2},
        17, [1, {"x":2}], "text", null,
        {"mn":"M3","factor":"a","granularity":"minute","data_time":"2026-03-01 10:01:00","value":3}
    ]"#;
    let (outcome, seen) = decode(text);
    assert_eq!(
        outcome,
        Ok(Decoded {
            readings: 2,
            bad_parts: 5
        })
    );
    let good: Vec<&str> = seen.rows.iter().map(|row| row.mn.as_str()).collect();
    assert_eq!(good, ["M1", "M3"]);
    let parts: Vec<&str> = seen.bad.iter().map(|(_, part, ..)| part.as_str()).collect();
    assert_eq!(parts[1..], ["17", "[1, {\"x\":2}]", "\"text\"", "null"]);
    let (mn, part, reason, detail) = &seen.bad[0];
    assert_eq!((mn.as_str(), *reason), ("M2", Reason::BadDataTime));
    assert!(part.starts_with("{\"mn\":\"M2\"") && part.ends_with("\"value\":2}"));
    assert!(
        detail.starts_with("element 1: data_time: `yesterday`"),
        "{detail}"
    );
}

#[test]
fn a_reading_that_comes_twice_in_a_list_is_noted() {
    let one = r#"{"mn":"M1","factor":"a21026","granularity":"hour","data_time":"2026-03-01 10:00:00","value":1}"#;
    let two = one.replace("M1", "M2");
    let (outcome, seen) = decode(&format!("[{one},{two},{one}]"));
    assert_eq!(outcome.map(|decoded| decoded.readings), Ok(3));
    let notes: Vec<String> = seen.rows.iter().map(|row| row.notes.to_string()).collect();
    assert_eq!(notes, ["", "", "repeated_factor"]);
}

#[test]
fn a_list_that_breaks_off_reaches_the_sink_not_at_all() {
    let text = r#"[{"mn":"M1","factor":"a","granularity":"minute","data_time":"2026-03-01 10:00:00"},{"mn""#;
    assert_eq!(rejected(text).reason, Reason::JsonSyntax);
}

#[test]
fn nesting_without_end_is_a_syntax_error() {
    assert_eq!(rejected(&"[".repeat(100_000)).reason, Reason::JsonSyntax);
    let deep = format!("{{\"mn\":{}1{}}}", "[".repeat(100_000), "]".repeat(100_000));
    let _ = decode(&deep);
}

#[test]
fn the_instant_used_here_is_noon() {
    assert_eq!(parse_instant(b"2026-03-01 12:00:00"), Some(NOW));
}
