//! How fast one core turns HJ 212 packets into sink calls.
//!
//! `cargo run --release -p nonsite-schemas --example decode_speed [seconds]`. Prints readings and
//! megabytes per second for the minute packet of the design (8 factors with minimum, mean, maximum
//! and mark), and for its steps alone. Nothing is asserted: numbers depend on the machine.

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use nonsite_schemas::hj212::encode::{PacketHead, PacketWriter};
use nonsite_schemas::hj212::{Decoder, Head, Limits, Sink, Stations, Value, crc, frames};
use nonsite_schemas::reason::Reason;

/// 2024-05-20 21:07 in Beijing.
const NOW: i64 = 1_716_210_420_000_000;
const FACTORS: [(&str, u8); 8] = [
    ("a00000", 1),
    ("a01011", 2),
    ("a01012", 1),
    ("a01013", 3),
    ("a01014", 2),
    ("a19001", 2),
    ("a21002", 2),
    ("a21026", 2),
];

/// Adds up what it is told, so that nothing can be left out.
#[derive(Default)]
struct Sum {
    readings: u64,
    total: f64,
}

impl Sink for Sum {
    fn reading(&mut self, head: &Head<'_>, value: &Value<'_>) {
        self.readings += 1;
        self.total += value.value.unwrap_or(0.0) + head.data_time as f64;
        black_box((value.factor, value.flag, value.min, value.max));
    }

    fn state(&mut self, _: &Head<'_>, _: &str, _: Option<f64>, _: Option<&str>, _: Option<&str>) {}

    fn bad_part(&mut self, _: &Head<'_>, part: &str, reason: Reason, _: &str) {
        eprintln!("bad part {part}: {reason}");
    }
}

/// Packets of different stations and values.
fn packets(count: usize) -> Vec<Vec<u8>> {
    let mut random = 0x9E37_79B9_7F4A_7C15_u64;
    (0..count)
        .map(|station| {
            let mut message = Vec::new();
            let mn = format!("010000A8900016F0{station:08X}");
            let head = PacketHead {
                sent_at: Some(NOW),
                st: "31",
                cn: "2051",
                pw: "123456",
                mn: &mn,
                flag: Some(9),
                part: None,
                resend: false,
            };
            let mut writer = PacketWriter::begin(&mut message, &head);
            writer.data_time(NOW - 60_000_000);
            for (factor, decimals) in FACTORS {
                writer.next_item();
                for suffix in ["Min", "Avg", "Max"] {
                    random = random
                        .wrapping_mul(6_364_136_223_846_793_005)
                        .wrapping_add(1);
                    let value = (random >> 40) as f64 / 100_000.0;
                    writer.number(factor, suffix, value, decimals);
                }
                writer.text(factor, "Flag", "N");
            }
            writer.finish();
            message
        })
        .collect()
}

/// Runs a step over all packets again and again; packets per second.
fn measure(packets: &[Vec<u8>], lasting: Duration, mut step: impl FnMut(&[u8])) -> f64 {
    let start = Instant::now();
    let mut count = 0;
    while start.elapsed() < lasting {
        for packet in packets {
            step(packet);
        }
        count += packets.len();
    }
    count as f64 / start.elapsed().as_secs_f64()
}

fn main() {
    let seconds = std::env::args()
        .nth(1)
        .and_then(|text| text.parse().ok())
        .unwrap_or(2.0);
    let lasting = Duration::from_secs_f64(seconds);
    let packets = packets(2_000);
    let bytes = packets.iter().map(Vec::len).sum::<usize>() as f64 / packets.len() as f64;
    println!("packet: {bytes:.0} bytes, {} readings", FACTORS.len());

    let rate = measure(&packets, lasting, |packet| {
        black_box(crc(&packet[6..packet.len() - 6]));
    });
    println!("crc     {:>8.0} MB/s", rate * bytes / 1e6);
    let rate = measure(&packets, lasting, |packet| {
        black_box(frames(packet).count());
    });
    println!("frames  {:>8.0} MB/s", rate * bytes / 1e6);
    let mut decoder = Decoder::new(Arc::new(Stations::default()), Limits::default());
    let mut sum = Sum::default();
    let rate = measure(&packets, lasting, |packet| {
        black_box(decoder.decode(packet, NOW, &mut sum));
    });
    println!(
        "decode  {:>8.0} MB/s {:>6.2} M readings/s {:>6.0} ns/packet",
        rate * bytes / 1e6,
        rate * FACTORS.len() as f64 / 1e6,
        1e9 / rate
    );
    black_box((sum.readings, sum.total));
    let mut out = Vec::with_capacity(4_096);
    let mut random = 1_u64;
    let rate = measure(&packets, lasting, |_| {
        out.clear();
        let head = PacketHead {
            sent_at: Some(NOW),
            st: "31",
            cn: "2051",
            pw: "123456",
            mn: "010000A8900016F000169DC0",
            flag: Some(9),
            part: None,
            resend: false,
        };
        let mut writer = PacketWriter::begin(&mut out, &head);
        writer.data_time(NOW);
        for (factor, decimals) in FACTORS {
            writer.next_item();
            for suffix in ["Min", "Avg", "Max"] {
                random = random
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1);
                writer.number(factor, suffix, (random >> 40) as f64 / 100_000.0, decimals);
            }
            writer.text(factor, "Flag", "N");
        }
        writer.finish();
        black_box(&out);
    });
    println!(
        "encode  {:>8.0} MB/s {:>6.2} M readings/s {:>6.0} ns/packet",
        rate * bytes / 1e6,
        rate * FACTORS.len() as f64 / 1e6,
        1e9 / rate
    );
}
