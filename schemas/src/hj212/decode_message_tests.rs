//! What a message of several packets, or several messages of one packet, become.

use super::*;

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
