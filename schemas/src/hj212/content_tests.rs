use super::*;

fn read(text: &str) -> Parsed<'_> {
    let mut parsed = Parsed::default();
    parsed.read(
        text,
        Rules {
            readings: true,
            medium: MediumHint::default(),
            lossy: false,
        },
    );
    parsed
}

fn extras<'a>(parsed: &'a Parsed<'a>, place: usize) -> &'a [(&'a str, &'a str)] {
    let (start, end) = parsed.groups[place].extras;
    &parsed.extras[start..end]
}

#[test]
fn an_ordinary_packet() {
    let parsed = read(
        "DataTime=20240520210600;a01011-Min=1.25,a01011-Avg=1.35,a01011-Max=1.45,a01011-Flag=N;\
         a01012-Rtd=-3.5,a01012-ZsRtd=4,a01012-Cou=7,a01012-ZsMin=1,a01012-ZsMax=2",
    );
    assert_eq!(parsed.data_time, Some("20240520210600"));
    assert_eq!(parsed.groups.len(), 2);
    let first = parsed.groups[0].value;
    assert_eq!((first.factor, first.flag), ("a01011", Some("N")));
    assert_eq!(
        (first.min, first.value, first.max),
        (Some(1.25), Some(1.35), Some(1.45))
    );
    let second = parsed.groups[1].value;
    assert_eq!(
        (second.value, second.zs_value, second.cou),
        (Some(-3.5), Some(4.0), Some(7.0))
    );
    assert_eq!(
        (second.zs_min, second.zs_max, second.flag),
        (Some(1.0), Some(2.0), None)
    );
    assert!(parsed.items.is_empty() && parsed.bad.is_empty() && parsed.extras.is_empty());
}

#[test]
fn separators_mean_the_same() {
    for text in [
        "011-Rtd=231.0,011-Flag=N;060-Rtd=1.8,060-Flag=N",
        "011-Rtd=231.0;011-Flag=N;060-Rtd=1.8;060-Flag=N;",
        "011-Flag=N,011-Rtd=231.0,060-Flag=N,060-Rtd=1.8,",
        ";;011-Rtd=231.0;060-Rtd=1.8;011-Flag=N;060-Flag=N;;",
        "011-rtd=231.0,011-FLAG=N;060-RTD=1.8,060-flag=N",
    ] {
        let parsed = read(text);
        let found: Vec<_> = parsed
            .groups
            .iter()
            .map(|group| (group.value.factor, group.value.value, group.value.flag))
            .collect();
        assert_eq!(
            found,
            [
                ("011", Some(231.0), Some("N")),
                ("060", Some(1.8), Some("N"))
            ],
            "{text}"
        );
        assert!(parsed.bad.is_empty() && parsed.items.is_empty(), "{text}");
    }
}

#[test]
fn a_repeated_value_is_a_second_reading() {
    let parsed = read("a21-Rtd=0.1;a21-Rtd=0.2,a21-Flag=D");
    let found: Vec<_> = parsed
        .groups
        .iter()
        .map(|group| (group.value.value, group.value.flag))
        .collect();
    assert_eq!(found, [(Some(0.1), None), (Some(0.2), Some("D"))]);
    assert_eq!(parsed.groups[1].value.notes, Notes::REPEATED_FACTOR);
}

#[test]
fn unknown_fields_are_kept() {
    let parsed = read(
        "LA-td=50.1,LA-Flag=N;a34013-Avg=7,a34013-RawAvg=7.1,a34013-EFlag=x;w-a-b-Rtd=1;\
         w01018-SampleTime=20240123110306,w01018-Rtd=4653.8",
    );
    assert_eq!(extras(&parsed, 0), [("td", "50.1")]);
    assert_eq!(
        (parsed.groups[0].value.value, parsed.groups[0].value.flag),
        (None, Some("N"))
    );
    assert_eq!(extras(&parsed, 1), [("RawAvg", "7.1"), ("EFlag", "x")]);
    assert_eq!(parsed.groups[2].value.factor, "w-a-b");
    assert_eq!(extras(&parsed, 3), [("SampleTime", "20240123110306")]);
    assert_eq!(parsed.groups[3].value.value, Some(4_653.8));
}

#[test]
fn both_average_and_instant_keep_the_first_as_value() {
    let parsed = read("a1-Avg=2,a1-Rtd=3,a1-ZsAvg=4,a1-ZsRtd=5");
    assert_eq!(parsed.groups.len(), 1);
    let value = parsed.groups[0].value;
    assert_eq!((value.value, value.zs_value), (Some(2.0), Some(4.0)));
    assert_eq!(extras(&parsed, 0), [("Rtd", "3"), ("ZsRtd", "5")]);
}

#[test]
fn words_sentinels_and_missing_values() {
    let parsed = read("p99101-Rtd=St;a21002-ZsAvg=9999.99,a21002-Avg=3;w01018-Rtd=;a1-Min=99999.9");
    assert_eq!(parsed.groups[0].value.value_text, Some("St"));
    let zs = parsed.groups[1].value;
    assert_eq!(
        (zs.value, zs.zs_value, zs.notes),
        (Some(3.0), None, Notes::SENTINEL_ZS)
    );
    let missing = parsed.groups[2].value;
    assert_eq!((missing.value, missing.value_text), (None, None));
    assert_eq!(parsed.groups[3].value.notes, Notes::SENTINEL_STAT);
    assert!(parsed.groups.iter().all(|group| group.fault.is_none()));
}

#[test]
fn a_bad_value_spoils_its_factor_only() {
    let text = "DataTime=1;a1-Rtd=1.2.3,a1-Flag=N;a2-Rtd=5;a3-Rtd=1e13;a4-Min=x,a4-Avg=1;BROKEN";
    let parsed = read(text);
    let found: Vec<_> = parsed
        .groups
        .iter()
        .map(|group| (&text[group.span.0..group.span.1], group.fault))
        .collect();
    assert_eq!(
        found,
        [
            ("a1-Rtd=1.2.3,a1-Flag=N", Some(Reason::BadValue)),
            ("a2-Rtd=5", None),
            ("a3-Rtd=1e13", Some(Reason::ValueOutOfRange)),
            ("a4-Min=x,a4-Avg=1", Some(Reason::BadValue)),
        ]
    );
    assert_eq!(parsed.bad, [("BROKEN", Reason::ItemSyntax)]);
}

#[test]
fn marks() {
    let parsed =
        read("a34001-Rtd=92;Flag=N;a2-Rtd=1,a2-Flag=;a3-Rtd=1,a3-Flag=ABCDE;a4-Rtd=1,a4-Flag=Sd");
    let found: Vec<_> = parsed.groups.iter().map(|group| group.value.flag).collect();
    assert_eq!(found, [Some("N"), None, None, Some("Sd")]);
    assert_eq!(parsed.groups[0].value.notes, Notes::SPLIT_ITEM);
    assert_eq!(extras(&parsed, 2), [("Flag", "ABCDE")]);
    let lonely = read("Flag=N");
    assert_eq!((lonely.items[0].name, lonely.items[0].text), ("Flag", "N"));
}

#[test]
fn state_is_never_a_reading() {
    let parsed =
        read("SB1-RS=1;SB2-RS=0;i12001-Info=0;w01018-SN=010000A8900016F000169DC1;PolId=w01018");
    let names: Vec<_> = parsed.items.iter().map(|item| item.name).collect();
    assert_eq!(
        names,
        ["SB1-RS", "SB2-RS", "i12001-Info", "w01018-SN", "PolId"]
    );
    assert!(parsed.groups.is_empty());
    let mut parsed = Parsed::default();
    let rules = Rules {
        readings: false,
        medium: MediumHint::default(),
        lossy: false,
    };
    parsed.read(
        "w01018-SampleRd=50.1,w01018-StandardValue=50,w01018-Flag=N",
        rules,
    );
    let found: Vec<_> = parsed
        .items
        .iter()
        .map(|item| (item.name, item.text, item.flag))
        .collect();
    assert_eq!(
        found,
        [
            ("w01018-SampleRd", "50.1", None),
            ("w01018-StandardValue", "50", Some("N"))
        ]
    );
}

#[test]
fn log_texts_may_hold_separators() {
    let parsed = read("i11001-Info=//a=1;b,2//;a1-Rtd=1;i11002-Info=//open");
    assert_eq!(parsed.items[0].text, "//a=1;b,2//");
    assert_eq!(parsed.items[1].text, "//open");
    assert_eq!(parsed.groups.len(), 1);
}

#[test]
fn two_times_are_noticed() {
    assert!(!read("DataTime=1;DataTime=1;a-Rtd=1").two_times);
    assert!(read("DataTime=1;a-Rtd=1;DataTime=2;a-Rtd=2").two_times);
}

#[test]
fn memory_is_used_again() {
    let first = read("a1-Rtd=1,a1-X=y;PolId=z;BROKEN");
    let memory = first.groups.as_ptr() as usize;
    let again = Parsed::reusing(first);
    assert!(again.groups.is_empty() && again.extras.is_empty() && again.data_time.is_none());
    assert_eq!(again.groups.as_ptr() as usize, memory);
    assert!(again.groups.capacity() > 0);
}
