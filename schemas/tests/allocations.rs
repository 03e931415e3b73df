//! The hot path takes no memory: counted by the allocator itself.
//!
//! A process decodes a million readings a second. An allocation per field, or per packet, would
//! cost more than the decoding, and fragment a heap that is to stay within a budget (N7). The
//! counts are of the thread that decodes, so that other tests and the test harness do not disturb
//! them.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::hint::black_box;
use std::sync::Arc;

use nonsite_schemas::hj212::encode::{PacketHead, PacketWriter};
use nonsite_schemas::hj212::{Decoder, Head, Limits, Outcome, Sink, Stations, Value};
use nonsite_schemas::reason::Reason;

/// The system's allocator, which counts how often this thread asks it.
struct Counting;

thread_local! {
    // Needs neither an allocation nor a destructor of its own.
    static ASKED: Cell<u64> = const { Cell::new(0) };
}

fn count() {
    ASKED.set(ASKED.get() + 1);
}

// SAFETY: every call is passed on to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller's promises are those that `System` asks for.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: as above.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, place: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count();
        // SAFETY: as above.
        unsafe { System.realloc(place, layout, size) }
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(place, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// 2024-05-20 21:07 in Beijing, microseconds UTC.
const NOW: i64 = 1_716_210_420_000_000;
const REPEATS: u64 = 1_000;

/// Keeps nothing but numbers.
#[derive(Default)]
struct Sum {
    readings: u64,
    states: u64,
    total: f64,
}

impl Sink for Sum {
    fn reading(&mut self, head: &Head<'_>, value: &Value<'_>) {
        self.readings += 1;
        self.total += value.value.unwrap_or(0.0);
        black_box((head, value));
    }

    fn state(&mut self, _: &Head<'_>, _: &str, _: Option<f64>, _: Option<&str>, _: Option<&str>) {
        self.states += 1;
    }

    fn bad_part(&mut self, _: &Head<'_>, part: &str, reason: Reason, detail: &str) {
        panic!("`{part}`: {reason}: {detail}");
    }
}

/// A minute packet of so many factors with four fields each; `part` of a split one.
fn packet(factors: u32, part: Option<(u16, u16)>) -> Vec<u8> {
    let mut message = Vec::new();
    let head = PacketHead {
        sent_at: Some(NOW),
        st: "31",
        cn: "2051",
        pw: "123456",
        mn: "010000A8900016F000169DC0",
        flag: Some(if part.is_some() { 6 } else { 4 }),
        part,
        resend: false,
    };
    let mut writer = PacketWriter::begin(&mut message, &head);
    writer.data_time(NOW - 60_000_000);
    for factor in 0..factors {
        let code = format!("a{:05}", 21_000 + factor);
        writer.next_item();
        for (suffix, value) in [("Min", 1.25), ("Avg", 12.5), ("Max", 31.75)] {
            writer.number(&code, suffix, value + f64::from(factor), 2);
        }
        writer.text(&code, "Flag", "N");
    }
    writer.finish();
    message
}

/// Allocations of decoding `message` a thousand times, once everything is warm.
fn allocations(decoder: &mut Decoder, message: &[u8], readings: u64) -> u64 {
    let mut sum = Sum::default();
    let mut decode = |sum: &mut Sum| {
        let outcome = black_box(decoder.decode(black_box(message), NOW, sum));
        assert!(matches!(outcome, Outcome::Decoded(_)));
    };
    // Code tables are read on first use, and scratch memory grows to the size of a packet.
    decode(&mut sum);
    decode(&mut sum);
    let before = ASKED.get();
    for _ in 0..REPEATS {
        decode(&mut sum);
    }
    let asked = ASKED.get() - before;
    assert_eq!(sum.readings, (REPEATS + 2) * readings);
    asked
}

fn decoder() -> Decoder {
    Decoder::new(Arc::new(Stations::default()), Limits::default())
}

/// Without this the other tests would pass on an allocator that is not asked.
#[test]
fn what_is_allocated_is_counted() {
    let before = ASKED.get();
    black_box(vec![1_u8; 64]);
    black_box(String::from("text"));
    assert_eq!(ASKED.get() - before, 2);
}

#[test]
fn a_packet_of_ten_factors_allocates_nothing() {
    let (mut decoder, message) = (decoder(), packet(10, None));
    assert!(message.len() > 500, "{} bytes", message.len());
    assert_eq!(allocations(&mut decoder, &message, 10), 0);
}

/// Old factor codes, states, extra fields and sentinels take other ways through the decoder.
#[test]
fn the_less_usual_content_allocates_nothing_either() {
    let mut decoder = decoder();
    for (segment, readings) in [
        (
            "ST=32;CN=2011;PW=123456;MN=88888880000001;Flag=4;CP=&&DataTime=20240520210600;\
             011-Rtd=12.5,011-Flag=N;w01001-Rtd=7.1,w01001-EFlag=A01;w01018-Rtd=9999.9&&",
            3,
        ),
        (
            "QN=20240520210700000;ST=32;CN=2021;PW=123456;MN=88888880000001;Flag=5;\
             CP=&&DataTime=20240520210600;SB1-RS=1;SB2-RS=0&&",
            0,
        ),
    ] {
        let crc = nonsite_schemas::hj212::crc(segment.as_bytes());
        let message = format!("##{:04}{segment}{crc:04X}\r\n", segment.len());
        let asked = allocations(&mut decoder, message.as_bytes(), readings);
        assert_eq!(asked, 0, "{segment}");
    }
}

/// A part of a split packet is remembered by its station and command: a cost of the packet, which
/// does not grow with its fields.
#[test]
fn a_split_packet_costs_the_same_whatever_it_holds() {
    let of = |factors: u32| {
        let message = packet(factors, Some((2, 1)));
        allocations(&mut decoder(), &message, u64::from(factors))
    };
    let small = of(1);
    assert!(small > 0, "the time of a split packet is kept nowhere");
    assert_eq!(of(12), small);
}
