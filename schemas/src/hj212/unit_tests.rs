//! Whose analyser the items of a packet are about.

use std::sync::Arc;

use crate::hj212::{Decoder, Head, Limits, Outcome, Sink, Stations, Value, crc};
use crate::reason::Reason;

/// Keeps factor and item of every state.
#[derive(Default)]
struct Kept(Vec<(Option<String>, String)>);

impl Sink for Kept {
    fn reading(&mut self, _: &Head<'_>, _: &Value<'_>) {}

    fn state(&mut self, _: &Head<'_>, _: &str, _: Option<f64>, _: Option<&str>, _: Option<&str>) {
        panic!("the decoder says the factor, or that there is none");
    }

    fn state_of(
        &mut self,
        _: &Head<'_>,
        factor: Option<&str>,
        item: &str,
        _: Option<f64>,
        _: Option<&str>,
        _: Option<&str>,
    ) {
        self.0.push((factor.map(str::to_owned), item.to_owned()));
    }

    fn bad_part(&mut self, _: &Head<'_>, part: &str, _: Reason, _: &str) {
        panic!("`{part}` is a bad part");
    }
}

/// Items of a packet with their factors, as `factor:item`.
fn items(st: &str, cn: &str, cp: &str) -> Vec<String> {
    let segment =
        format!("QN=20240601085857223;ST={st};CN={cn};PW=123456;MN=A1;Flag=9;CP=&&{cp}&&");
    let packet = format!(
        "##{:04}{segment}{:04X}\r\n",
        segment.len(),
        crc(segment.as_bytes())
    );
    let mut decoder = Decoder::new(Arc::new(Stations::default()), Limits::default());
    let mut kept = Kept::default();
    let outcome = decoder.decode(packet.as_bytes(), 1_717_203_600_000_000, &mut kept);
    assert!(matches!(outcome, Outcome::Decoded(_)), "{outcome:?}");
    let text = |(factor, item): (Option<String>, String)| {
        format!("{}:{item}", factor.unwrap_or_else(|| "-".to_owned()))
    };
    kept.0.into_iter().map(text).collect()
}

#[test]
fn parameters_belong_to_the_factor_named_before_them() {
    assert_eq!(
        items(
            "31",
            "3020",
            "PolId=a21026,i13008-Info=1.002,i13007-Info=0.1;PolId=a21002,i13008-Info=0.98",
        ),
        [
            "a21026:PolId",
            "a21026:i13008-Info",
            "a21026:i13007-Info",
            "a21002:PolId",
            "a21002:i13008-Info",
        ]
    );
    assert_eq!(
        items("32", "3021", "PolId=w01018;InfoId=i13004;i13004-Info=168.0"),
        ["w01018:PolId", "w01018:InfoId", "w01018:i13004-Info"]
    );
    assert_eq!(
        items("32", "3011", "PolId=w01018,CalibrationType=0"),
        ["w01018:PolId", "w01018:CalibrationType"]
    );
}

#[test]
fn a_factor_in_the_name_comes_first_and_equipment_has_none() {
    assert_eq!(
        items(
            "32",
            "2062",
            "DataTime=20240601080000;w01018-SampleRd=98.2,w01018-StandardValue=100.0"
        ),
        ["w01018:w01018-SampleRd", "w01018:w01018-StandardValue"]
    );
    assert_eq!(
        items(
            "32",
            "3019",
            "PolId=w01018;w21003-SN=010000A8900016F000169DC1"
        ),
        ["w01018:PolId", "w21003:w21003-SN"]
    );
    assert_eq!(
        items("31", "2021", "SB1-RS=1;SB2-RS=0"),
        ["-:SB1-RS", "-:SB2-RS"]
    );
    assert_eq!(items("91", "9015", ""), ["-:command"]);
}

#[test]
fn codes_of_the_2005_edition_are_mapped() {
    assert_eq!(items("32", "3011", "PolId=011"), ["w01018:PolId"]);
}
