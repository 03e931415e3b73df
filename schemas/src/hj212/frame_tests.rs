use proptest::prelude::*;

use super::*;
use crate::hj212::crc;

const GOOD: &str = "##0101QN=20160801085857223;ST=32;CN=1062;PW=100000;MN=010000A8900016F000169DC0;Flag=5;CP=&&RtdInterval=30&&1C80";
const SEGMENT: &str = "QN=20160801085857223;ST=32;CN=1062;PW=100000;MN=010000A8900016F000169DC0;Flag=5;CP=&&RtdInterval=30&&";

fn only(text: &str) -> Frame<'_> {
    let found: Vec<Frame<'_>> = frames(text.as_bytes()).collect();
    assert_eq!(found.len(), 1, "{text}: {found:?}");
    found[0]
}

fn assert_good(frame: &Frame<'_>, notes: Notes) {
    assert_eq!(std::str::from_utf8(frame.segment).unwrap(), SEGMENT);
    assert_eq!(
        (frame.dialect, frame.fault, frame.notes),
        (CrcDialect::Hj212, None, notes)
    );
}

#[test]
fn a_packet_with_any_tail() {
    for (tail, notes) in [
        ("\r\n", Notes::NONE),
        ("", Notes::NONE),
        ("\r\n\r\n", Notes::NONE),
        ("\n", Notes::REPAIRED_TAIL),
        ("\r", Notes::REPAIRED_TAIL),
        ("  ", Notes::REPAIRED_TAIL),
        ("\\r\\n", Notes::REPAIRED_TAIL),
    ] {
        let text = format!("{GOOD}{tail}");
        let frame = only(&text);
        assert_good(&frame, notes);
        assert!(frame.len_ok);
    }
}

#[test]
fn other_length_texts() {
    for length in [
        "101", "00101", "0102", "0099", "1025", "9999", "0001", "", "01O1", "0x65", "-101", " 101",
    ] {
        for tail in ["", "\r\n"] {
            let text = format!("##{length}{SEGMENT}1C80{tail}");
            let frame = only(&text);
            assert_good(&frame, Notes::REPAIRED_LENGTH);
            assert!(!frame.len_ok);
        }
    }
}

#[test]
fn a_lost_hash_is_mended_when_length_and_crc_agree() {
    for start in [
        "#0101",
        "0101",
        "@@0101",
        "0#0101",
        "###0101",
        "\u{feff}#0101",
    ] {
        let text = format!("{start}{SEGMENT}1C80\r\n");
        let frame = only(&text);
        assert_eq!(frame.fault, None, "{start}");
        assert_eq!(frame.dialect, CrcDialect::Hj212);
        assert!(frame.len_ok);
        assert!(frame.notes.contains(Notes::REPAIRED_START), "{start}");
    }
    let frame = only(&GOOD[5..]);
    assert_eq!(frame.fault, Some(Reason::FrameNoHeader));
    assert_eq!(frame.dialect, CrcDialect::Hj212);
}

#[test]
fn what_cannot_be_mended() {
    for (text, fault) in [
        ("##010", Reason::FrameTruncated),
        ("##", Reason::FrameNoHeader),
        ("hello", Reason::FrameNoHeader),
        ("##0025QN=1;ST=22;CN=2011;CP=&&&&", Reason::FrameTruncated),
        (&GOOD[..60], Reason::FrameTruncated),
        (&GOOD[..GOOD.len() - 1], Reason::FrameTruncated),
        (&GOOD.replace("1C80", "ZZZZ"), Reason::CrcSyntax),
        (
            &GOOD.replace("0101", "0099").replace("1C80", "1C81"),
            Reason::FrameLength,
        ),
    ] {
        let frame = only(text);
        assert_eq!(frame.fault, Some(fault), "{text}");
    }
    // The length is right: then only the CRC is wrong.
    let text = GOOD.replace("1C80", "1C81");
    assert_eq!(only(&text).fault, None);
    assert_eq!(only(&text).dialect, CrcDialect::None);
}

#[test]
fn a_truncated_packet_whose_end_looks_like_a_crc_is_not_taken() {
    // Cut after digits that could be a CRC: whatever the checksum says, nothing confirms the end.
    let segment = "QN=20160801085857223;ST=32;CN=2051;PW=100000;MN=1;Flag=5;CP=&&DataTime=2016";
    for extra in 0..300 {
        let text = format!("##0999{segment}{extra:04X}");
        assert!(only(&text).fault.is_some(), "{text}");
    }
}

#[test]
fn several_packets() {
    for between in ["", "\r\n", "\n", "\\r\\n", "\r\n\r\n"] {
        let text = [GOOD; 4].join(between);
        let found: Vec<Frame<'_>> = frames(text.as_bytes()).collect();
        assert_eq!(found.len(), 4, "{between:?}");
        assert!(
            found
                .iter()
                .all(|frame| frame.fault.is_none() && frame.dialect == CrcDialect::Hj212)
        );
    }
    // The first is cut; the second must not be swallowed by the first one's length.
    let text = format!("{}{GOOD}", &GOOD[..60]);
    let found: Vec<Frame<'_>> = frames(text.as_bytes()).collect();
    assert_eq!(found.len(), 2);
    assert_eq!(found[0].fault, Some(Reason::FrameTruncated));
    assert_good(&found[1], Notes::NONE);
}

#[test]
fn bytes_around_packets_are_handed_on_when_they_may_be_content() {
    let text = format!("noise{GOOD}\r\n");
    assert_good(&only(&text), Notes::REPAIRED_START);
    let text = format!("a01011-Rtd=1.5&&1C80\r\n{GOOD}\r\nrest;a=1");
    let faults: Vec<_> = frames(text.as_bytes()).map(|frame| frame.fault).collect();
    assert_eq!(
        faults,
        [
            Some(Reason::FrameNoHeader),
            None,
            Some(Reason::FrameNoHeader)
        ]
    );
}

#[test]
fn line_ends_and_hashes_inside_a_segment_do_not_end_it() {
    let mut bytes = b"##0032ST=31;CN=2051;MN=1;CP=&&\r\n##".to_vec();
    let at = bytes.len();
    bytes.extend_from_slice(b"0123456789");
    bytes.truncate(at);
    bytes.extend_from_slice(b"&&");
    let length = bytes.len() - 6;
    bytes[2..6].copy_from_slice(format!("{length:04}").as_bytes());
    let check = crc(&bytes[6..]);
    bytes.extend_from_slice(format!("{check:04X}\r\n").as_bytes());
    let found: Vec<Frame<'_>> = frames(&bytes).collect();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].segment, &bytes[6..6 + length]);
    assert_eq!(found[0].dialect, CrcDialect::Hj212);
}

#[test]
fn a_long_run_of_hashes_in_a_value_is_no_packet_start() {
    let filler = "#".repeat(886);
    let segment = format!(
        "ST=32;CN=2011;MN=LD130133000015;CP=&&DataTime=20160824003817;060-Flag=N{filler}&&"
    );
    let text = format!("##{:04}{segment}4980\r\n", segment.len());
    let frame = only(&text);
    assert_eq!(frame.segment.len(), segment.len());
    assert_eq!(frame.dialect, CrcDialect::None);
}

proptest! {
    #[test]
    fn any_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let total: usize = frames(&bytes).map(|frame| frame.raw.len()).sum();
        prop_assert!(total <= bytes.len());
    }

    #[test]
    fn any_text_of_the_alphabet(text in "[#0-9A-F&=;,QNSTCPMW\r\n-]{0,200}") {
        prop_assert!(frames(text.as_bytes()).count() <= text.len());
    }

    #[test]
    fn a_good_packet_is_found_behind_any_prefix(prefix in "[^#=]{0,80}", count in 1_usize..4) {
        let text = format!("{prefix}{}", format!("{GOOD}\r\n").repeat(count));
        let good = frames(text.as_bytes())
            .filter(|frame| frame.fault.is_none() && frame.dialect == CrcDialect::Hj212)
            .count();
        prop_assert_eq!(good, count);
    }

    #[test]
    fn a_good_packet_survives_a_cut_neighbour(cut in 0_usize..111) {
        let text = format!("{}{GOOD}\r\n", &GOOD[..cut]);
        let good = frames(text.as_bytes())
            .filter(|frame| frame.fault.is_none() && frame.dialect == CrcDialect::Hj212)
            .count();
        prop_assert_eq!(good, 1);
    }
}
