use proptest::prelude::*;

use super::*;
use crate::hj212::encode::{PacketHead, PacketWriter};

/// Numbers that a packet with this many decimals can carry.
fn measured() -> impl Strategy<Value = (f64, u8)> {
    (-999_999_i64..=999_998, 0_u8..=4).prop_map(|(scaled, decimals)| {
        // The largest numbers of a format mean "not computed"; keep away from them.
        let scaled = if scaled
            .to_string()
            .trim_start_matches('-')
            .bytes()
            .all(|b| b == b'9')
        {
            1
        } else {
            scaled
        };
        (scaled as f64 / 10_f64.powi(i32::from(decimals)), decimals)
    })
}

proptest! {
    #[test]
    fn encode_then_decode_is_identity(
        seconds in 1_300_000_000_i64..1_700_000_000,
        millis in 0_i64..1_000,
        mn in "[0-9A-F]{24}",
        resend in any::<bool>(),
        values in proptest::collection::vec(
            ("[aw][0-9]{5}", measured(), measured(), measured(), prop_oneof!["N", "D", "St"]),
            1..8,
        ),
    ) {
        let mut codes: Vec<&str> = values.iter().map(|value| value.0.as_str()).collect();
        codes.sort_unstable();
        codes.dedup();
        prop_assume!(codes.len() == values.len());
        let sent_at = seconds * 1_000_000 + millis * 1_000;
        let data_time = seconds * 1_000_000;
        let mut message = Vec::new();
        let mut writer = PacketWriter::begin(&mut message, &PacketHead {
            sent_at: Some(sent_at), st: "31", cn: "2061", pw: "123456", mn: &mn, flag: Some(4), part: None, resend,
        });
        writer.data_time(data_time);
        for (code, avg, min, zs, flag) in &values {
            writer.next_item();
            writer.number(code, "Avg", avg.0, avg.1);
            writer.number(code, "Min", min.0, min.1);
            writer.number(code, "ZsAvg", zs.0, zs.1);
            writer.text(code, "Flag", flag);
        }
        prop_assert!(writer.fits());
        writer.finish();
        let told = decode(&message);
        prop_assert_eq!(told.readings.len(), values.len());
        for (reading, (code, avg, min, zs, flag)) in told.readings.iter().zip(&values) {
            prop_assert_eq!(&reading.factor, code);
            prop_assert_eq!(reading.numbers, [Some(avg.0), Some(zs.0), Some(min.0), None, None, None, None]);
            prop_assert_eq!(reading.flag.as_deref(), Some(flag.as_str()));
            prop_assert_eq!((&reading.mn, reading.data_time, reading.sent_at), (&mn, data_time, Some(sent_at)));
            prop_assert_eq!((reading.resend, reading.granularity), (resend, Granularity::Hour));
            prop_assert_eq!(&reading.note, "");
        }
        prop_assert!(told.states.is_empty() && told.bad.is_empty());
    }

    #[test]
    fn any_content_in_a_good_frame(content in "[-a-zA-Z0-9=;,.&/#\u{e9}停 ]{0,120}", cn in "20[1-6][123]|2111|3020|9014") {
        let segment = format!("{}{content}&&", head_of("32", &cn, "Flag=5;"));
        let (outcome, told) = decode_with("", &framed(&segment));
        match outcome {
            Outcome::Decoded(done) => {
                prop_assert!(done.readings + done.states + done.bad_parts > 0);
                prop_assert_eq!(
                    (done.readings as usize, done.states as usize, done.bad_parts as usize),
                    (told.readings.len(), told.states.len(), told.bad.len())
                );
            }
            _ => prop_assert_eq!(told, Told::default()),
        }
    }

    #[test]
    fn any_damage_to_a_good_packet(at in any::<proptest::sample::Index>(), byte in any::<u8>(), cut in any::<proptest::sample::Index>()) {
        let mut message = framed(&format!("{}DataTime=20240520210600;a1-Rtd=1,a1-Flag=N;a2-Rtd=2&&", head_of("31", "2011", "Flag=4;")));
        let place = at.index(message.len());
        message[place] = byte;
        message.truncate(cut.index(message.len() + 1));
        crate::hj212::fuzz::any_bytes(&message);
    }

    #[test]
    fn any_bytes_at_all(message in proptest::collection::vec(any::<u8>(), 0..600)) {
        crate::hj212::fuzz::any_bytes(&message);
    }

    #[test]
    fn any_pieces_of_packets(pieces in proptest::collection::vec(
        prop_oneof![
            Just("##"), Just("0101"), Just("##0012"), Just("ST=32;"), Just("CN=2011;"), Just("MN=8888;"), Just("CP=&&"),
            Just("&&"), Just("DataTime=20240520210600"), Just(";"), Just(","), Just("a1-Rtd="), Just("1.5"), Just("1C80"),
            Just("\r\n"), Just("="), Just("-"), Just("//"), Just("{0x"), Just("\u{fffd}"), Just("Flag=7;PNUM=2;PNO=1;"),
        ], 0..40,
    )) {
        crate::hj212::fuzz::any_bytes(pieces.concat().as_bytes());
        crate::hj212::fuzz::any_bytes(&framed(&pieces.concat()));
    }
}
