//! What depends on a station's settings and on the reader's limits.

use super::*;

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
