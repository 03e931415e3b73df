use std::collections::BTreeMap;

use proptest::prelude::*;

use super::super::*;
use super::{NOW, Seen, decode};
use crate::wire::Instant;

fn any_number() -> impl Strategy<Value = Option<Number>> {
    prop::option::of(prop_oneof![
        (-1e12f64..1e12).prop_map(Number::Number),
        "[A-Za-z \"\\\\]{1,6}x".prop_map(Number::Text),
    ])
}

fn any_reading() -> impl Strategy<Value = Reading> {
    let names = (
        "[0-9A-Z]{1,24}",
        "[aw][0-9]{5}",
        "\\PC{1,4}",
        "[A-Z][A-Za-z]{2,9}",
    );
    let numbers = prop::array::uniform7(any_number());
    let time = 946_684_800i64..1_772_337_600;
    (names, numbers, 0usize..4, time, any::<bool>(), "\\PC{0,12}").prop_map(
        |((mn, factor, flag, suffix), numbers, granularity, time, resend, text)| {
            let [value, zs_value, min, max, cou, zs_min, zs_max] = numbers;
            Reading {
                mn,
                factor,
                granularity: Granularity::ALL[granularity],
                data_time: Instant(time * 1_000_000),
                value,
                zs_value,
                min,
                max,
                cou,
                zs_min,
                zs_max,
                flag: Some(flag),
                period_s: None,
                resend,
                sent_at: Some(Instant(time * 1_000_000 + 7)),
                extra: BTreeMap::from([(suffix, Number::Text(text))]),
            }
        },
    )
}

proptest! {
    /// Holds the decoder and the published type together.
    #[test]
    fn what_the_type_writes_the_decoder_reads(readings in prop::collection::vec(any_reading(), 1..4)) {
        let text = if readings.len() == 1 {
            serde_json::to_string(&readings[0]).unwrap()
        } else {
            serde_json::to_string(&readings).unwrap()
        };
        let (outcome, seen) = decode(&text);
        prop_assert_eq!(outcome, Ok(Decoded { readings: readings.len(), bad_parts: 0 }), "{}", text);
        for (sent, got) in readings.iter().zip(&seen.rows) {
            prop_assert_eq!(&sent.mn, &got.mn);
            prop_assert_eq!(&sent.factor, &got.factor);
            prop_assert_eq!(sent.granularity.as_str(), &got.granularity);
            prop_assert_eq!(sent.data_time.0, got.data_time);
            prop_assert_eq!(sent.sent_at.map(|at| at.0), got.sent_at);
            prop_assert_eq!(sent.resend, got.resend);
            let mark = sent.flag.as_deref().map(str::trim_ascii).filter(|mark| !mark.is_empty());
            prop_assert_eq!(mark, got.flag.as_deref());
            let all = [&sent.value, &sent.zs_value, &sent.min, &sent.max, &sent.cou, &sent.zs_min, &sent.zs_max];
            for (i, (number, got_number)) in all.into_iter().zip(&got.numbers).enumerate() {
                match number {
                    Some(Number::Number(number)) => prop_assert_eq!(Some(*number), *got_number),
                    Some(Number::Text(text)) if i == 0 => prop_assert_eq!(Some(text), got.value_text.as_ref()),
                    Some(Number::Text(text)) => prop_assert!(got.extra.iter().any(|(_, kept)| kept == text)),
                    None => prop_assert_eq!(None, *got_number),
                }
            }
            for (name, text) in &sent.extra {
                let Number::Text(text) = text else { continue };
                prop_assert!(got.extra.contains(&(name.clone(), text.clone())));
            }
        }
    }

    #[test]
    fn arbitrary_bytes_are_never_a_reason_to_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let mut seen = Seen::default();
        let _ = decode_line(&bytes, NOW, &mut seen);
    }

    /// A message that is refused has not reached the sink; one that is accepted is accounted for.
    #[test]
    fn mangled_messages_are_refused_whole_or_accounted_for(
        readings in prop::collection::vec(any_reading(), 1..4),
        noise in prop::collection::vec(prop_oneof![Just(b'"'), Just(b'{'), Just(b'}'), Just(b','), Just(b'\\'), any::<u8>()], 0..6),
        at in any::<prop::sample::Index>(),
    ) {
        let mut text = serde_json::to_vec(&readings).unwrap();
        let at = at.index(text.len());
        text.splice(at..at, noise);
        let mut seen = Seen::default();
        match decode_line(&text, NOW, &mut seen) {
            Ok(decoded) => {
                prop_assert_eq!(decoded.readings, seen.rows.len());
                prop_assert_eq!(decoded.bad_parts, seen.bad.len());
            }
            Err(_) => prop_assert_eq!(seen, Seen::default()),
        }
    }
}
