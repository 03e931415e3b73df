//! Verdicts, split packets, and what was decided before a crash.

use std::collections::HashMap;

use nonsite_schemas::hj212::encode::{PacketHead, PacketWriter};

use super::*;
use crate::pipeline::assignment::Settled;

/// 2026-01-05 00:00:00 Beijing, microseconds.
const MONDAY: i64 = 1_767_542_400_000_000;
const SECOND: i64 = 1_000_000;

fn assignment(settled: HashMap<i64, Settled>) -> Assignment {
    let topic = Topic {
        name: "t".to_owned(),
        format: Format::Hj212,
        content: Content::Readings,
    };
    let mut at = PerTable::all(None);
    let highest = settled.keys().max().map_or(0, |offset| offset + 1);
    for table in Target::of(Content::Readings) {
        at[*table] = Some(0);
    }
    let slot = Slot {
        topic: Arc::new(topic),
        partition: 0,
        app_id: "nonsite/t/0".to_owned(),
        start: 0,
        read_from: 0,
        marks: PerTable::all(None),
        first: 0,
        all_lack_from: highest,
        at,
        settled,
    };
    Assignment {
        epoch: 1,
        slots: vec![slot],
    }
}

/// A packet of one factor; a part of a split one may go without DataTime.
fn packet(part: Option<(u16, u16)>, data_time: Option<i64>, factor: &str) -> Vec<u8> {
    let mut message = Vec::new();
    let head = PacketHead {
        sent_at: None,
        st: "31",
        cn: "2051",
        pw: "123456",
        mn: "88888880000000000000MOCK",
        flag: Some(if part.is_some() { 6 } else { 4 }),
        part,
        resend: false,
    };
    let mut writer = PacketWriter::begin(&mut message, &head);
    if let Some(data_time) = data_time {
        writer.data_time(data_time);
    }
    writer.next_item().number(factor, "Avg", 12.5, 1);
    writer.finish();
    message
}

struct Bed {
    decoders: Decoders,
    rows: Rows,
    assignment: Assignment,
}

impl Bed {
    fn new(settled: HashMap<i64, Settled>) -> Self {
        let decoders = Decoders::new(Arc::new(Stations::default()), 60).unwrap();
        Self {
            decoders,
            rows: Rows::new(),
            assignment: assignment(settled),
        }
    }

    fn take(&mut self, offset: i64, message: &[u8]) -> Verdict {
        let received_at = MONDAY + 3_600 * SECOND + offset * SECOND;
        let origin = Origin {
            topic: "t",
            partition: 0,
            offset,
            received_at,
        };
        self.decoders
            .record(&self.assignment, 0, message, origin, &mut self.rows, None)
    }

    /// Marks of a reader that has read up to offset `last`.
    fn marks(&mut self, last: i64) -> BTreeMap<u32, i64> {
        let now = MONDAY + 3_600 * SECOND + last * SECOND;
        let held_back = self.decoders.held_back();
        self.decoders.reached(0, now);
        self.decoders.marks(now, &held_back)
    }

    /// A reader after a restart: consumption goes on at `start`, what is before is settled.
    fn restarted(start: i64) -> Self {
        let mut bed = Self::new(HashMap::new());
        let slot = &mut bed.assignment.slots[0];
        slot.start = start;
        slot.all_lack_from = start;
        for table in Target::of(Content::Readings) {
            slot.at[*table] = Some(start);
        }
        bed
    }

    /// Number of rows by table.
    fn counts(&mut self) -> Vec<(Target, usize)> {
        let finished = self.rows.finish().unwrap();
        finished
            .iter()
            .map(|rows| (rows.table, rows.batch.num_rows()))
            .collect()
    }
}

#[test]
fn a_part_without_time_waits_for_one_with_it_and_holds_back_its_offset() {
    let mut bed = Bed::new(HashMap::new());
    assert_eq!(
        bed.take(5, &packet(Some((2, 2)), None, "a21026")),
        Verdict::Waiting
    );
    assert_eq!(bed.decoders.held_back(), BTreeMap::from([(0, 5)]));
    assert_eq!(
        bed.take(6, &packet(None, Some(MONDAY), "a21002")),
        Verdict::Accepted
    );
    assert_eq!(bed.decoders.held_back(), BTreeMap::from([(0, 5)]));
    assert_eq!(
        bed.take(7, &packet(Some((2, 1)), Some(MONDAY), "a34013")),
        Verdict::Accepted
    );
    assert!(bed.decoders.held_back().is_empty());
    assert_eq!(bed.counts(), [(Target::ReadingsRaw, 3)]);
}

#[test]
fn a_part_whose_time_never_comes_is_quarantined() {
    let mut bed = Bed::new(HashMap::new());
    bed.take(5, &packet(Some((2, 2)), None, "a21026"));
    let Bed {
        decoders,
        rows,
        assignment,
    } = &mut bed;
    let now = MONDAY + 3_700 * SECOND + 5 * SECOND;
    // A reader that is behind is only as far as its last record, whatever the clock says.
    decoders.reached(0, MONDAY + 3_606 * SECOND);
    decoders.expire(now, &[false], assignment, rows, None);
    assert_eq!(decoders.held_back(), BTreeMap::from([(0, 5)]));
    decoders.expire(now, &[true], assignment, rows, None);
    assert!(decoders.held_back().is_empty());
    assert_eq!(bed.counts(), [(Target::Quarantine, 1)]);
}

#[test]
fn an_open_split_packet_marks_from_where_to_read_again() {
    let mut bed = Bed::new(HashMap::new());
    bed.take(4, &packet(None, Some(MONDAY), "a34013"));
    assert_eq!(bed.marks(4), BTreeMap::new());
    bed.take(5, &packet(Some((3, 1)), Some(MONDAY), "a21026"));
    bed.take(6, &packet(Some((3, 2)), None, "a21002"));
    assert_eq!(bed.marks(6), BTreeMap::from([(0, 5)]));
    assert_eq!(bed.counts(), [(Target::ReadingsRaw, 3)]);

    // The process dies after 6 was committed. What is read again feeds the memory only.
    let mut bed = Bed::restarted(7);
    bed.take(5, &packet(Some((3, 1)), Some(MONDAY), "a21026"));
    bed.take(6, &packet(Some((3, 2)), None, "a21002"));
    assert_eq!(bed.counts(), []);
    let verdict = bed.take(7, &packet(Some((3, 3)), None, "a01011"));
    assert_eq!(verdict, Verdict::Accepted);
    assert_eq!(bed.counts(), [(Target::ReadingsRaw, 1)]);
    assert_eq!(bed.marks(7), BTreeMap::new());

    // Without the mark this part would wait, and end in quarantine.
    let mut bed = Bed::restarted(7);
    let verdict = bed.take(7, &packet(Some((3, 3)), None, "a01011"));
    assert_eq!(verdict, Verdict::Waiting);
}

/// Nothing that came is lost for the part that did not, and the packet is told as incomplete once.
#[test]
fn a_part_that_never_comes_leaves_the_rows_of_the_others_and_a_count() {
    let mut bed = Bed::new(HashMap::new());
    bed.take(5, &packet(Some((3, 1)), Some(MONDAY), "a21026"));
    bed.take(6, &packet(Some((3, 3)), Some(MONDAY), "a21002"));
    // Complete, and of another time.
    bed.take(7, &packet(None, Some(MONDAY), "a34013"));
    assert_eq!(bed.marks(65), BTreeMap::from([(0, 5)]));
    assert_eq!(bed.decoders.take_incomplete(), 0, "the timeout is 60 s");
    assert_eq!(bed.marks(67), BTreeMap::new());
    assert_eq!(bed.decoders.take_incomplete(), 1);
    assert_eq!(bed.marks(200), BTreeMap::new());
    assert_eq!(bed.decoders.take_incomplete(), 0);
    assert_eq!(bed.counts(), [(Target::ReadingsRaw, 3)]);
}

#[test]
fn a_packet_completed_behind_a_waiting_record_is_read_again_with_it() {
    let mut bed = Bed::new(HashMap::new());
    bed.take(5, &packet(Some((2, 1)), Some(MONDAY), "a21026"));
    // Waits, of another packet: the batch ends here, and 7 is read again after a restart.
    bed.take(6, &packet(Some((3, 2)), None, "a21002"));
    bed.take(7, &packet(Some((2, 2)), None, "a34013"));
    assert_eq!(bed.decoders.held_back(), BTreeMap::from([(0, 6)]));
    assert_eq!(bed.marks(7), BTreeMap::from([(0, 5)]));
    bed.take(8, &packet(Some((3, 1)), Some(MONDAY), "a01011"));
    assert_eq!(
        bed.marks(8),
        BTreeMap::from([(0, 8)]),
        "one of three is missing"
    );
    bed.take(9, &packet(Some((3, 3)), None, "a01012"));
    assert_eq!(bed.marks(9), BTreeMap::new());
    assert_eq!(bed.marks(9), BTreeMap::new());
}

#[test]
fn a_part_that_is_read_again_holds_nothing_back_and_is_not_refused_twice() {
    let mut bed = Bed::restarted(7);
    // It waited before the restart as well, and was given up.
    bed.take(5, &packet(Some((2, 2)), None, "a21026"));
    assert!(bed.decoders.held_back().is_empty());
    let Bed {
        decoders,
        rows,
        assignment,
    } = &mut bed;
    decoders.expire(MONDAY + 9_999 * SECOND, &[true], assignment, rows, None);
    assert_eq!(bed.counts(), []);
}

#[test]
fn what_no_longer_fits_is_given_up() {
    let mut bed = Bed::new(HashMap::new());
    bed.take(5, &packet(Some((2, 2)), None, "a21026"));
    bed.take(6, &packet(None, Some(MONDAY), "a21002"));
    let Bed {
        decoders,
        rows,
        assignment,
    } = &mut bed;
    decoders.give_up_all(assignment, rows, None);
    assert!(decoders.held_back().is_empty());
    assert_eq!(
        bed.counts(),
        [(Target::ReadingsRaw, 1), (Target::Quarantine, 1)]
    );
}

#[test]
fn what_was_decided_before_a_crash_stands() {
    let settled = HashMap::from([(5, Settled::Quarantined), (6, Settled::Rows)]);
    let mut bed = Bed::new(settled);
    // Refused before, would be accepted now: stays in quarantine, which has it already.
    bed.take(5, &packet(None, Some(MONDAY), "a21026"));
    // Accepted before, would be refused now: stays accepted.
    bed.take(6, b"garbage");
    assert_eq!(bed.counts(), []);
    bed.take(7, b"garbage");
    assert_eq!(bed.counts(), [(Target::Quarantine, 1)]);
}

#[test]
fn a_record_alone_gives_its_rows_or_the_reason() {
    let mut decoder = RecordDecoder::new(Arc::new(Stations::default()), 60).unwrap();
    let topic = Topic {
        name: "t".to_owned(),
        format: Format::Hj212,
        content: Content::Readings,
    };
    let origin = Origin {
        topic: "t",
        partition: 3,
        offset: 9,
        received_at: MONDAY + SECOND,
    };
    let message = packet(None, Some(MONDAY), "a21026");
    let tables = decoder.decode(&topic, &message, origin).unwrap();
    assert_eq!(tables.len(), 1);
    assert_eq!((tables[0].0, tables[0].1.num_rows()), ("readings_raw", 1));
    let rejected = decoder.decode(&topic, b"garbage", origin).unwrap_err();
    assert_eq!(rejected.reason, Reason::FrameNoHeader);
}
