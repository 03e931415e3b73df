//! Micro benchmarks of the hot path: checksum, decoding, encoding as Parquet, rendering packets.

#![expect(missing_docs, reason = "criterion_group! expands to a public function without one")]

use std::hint::black_box;
use std::sync::Arc;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use nonsite_benches::rows::{self, Count};
use nonsite_generator::replay::Replay;
use nonsite_generator::{Message, Province, Scale, Topic};
use nonsite_ingest::write::encode;
use nonsite_schemas::hj212::{Decoder, Limits, Stations, crc};

/// Packets of ten factors, as in the end-to-end benchmark, without anything unusual.
fn messages(count: usize) -> Vec<Message> {
    let scale = Scale {
        points: 500,
        days: 1,
        factors: 10,
        fault_rate: 0.0,
        malformed_rate: 0.0,
        json_rate: 0.0,
        ..Scale::default()
    };
    Province::new(scale)
        .into_iter()
        .flatten()
        .filter(|message| message.topic == Topic::Hj212 && message.readings > 0)
        .take(count)
        .collect()
}

fn checksum(c: &mut Criterion) {
    let messages = messages(1_000);
    let bytes: usize = messages.iter().map(|message| message.payload.len()).sum();
    let mut group = c.benchmark_group("crc");
    group.throughput(Throughput::Bytes(bytes as u64));
    group.bench_function("1000 packets", |b| {
        b.iter(|| {
            messages
                .iter()
                .fold(0_u16, |all, message| all ^ crc(black_box(&message.payload)))
        });
    });
    group.finish();
}

fn decode(c: &mut Criterion) {
    let messages = messages(1_000);
    let readings: u64 = messages
        .iter()
        .map(|message| u64::from(message.readings))
        .sum();
    let mut group = c.benchmark_group("decode");
    group.throughput(Throughput::Elements(readings));
    group.bench_function("1000 packets of 10 factors", |b| {
        let mut decoder = Decoder::new(Arc::new(Stations::default()), Limits::default());
        b.iter(|| {
            let mut count = Count::default();
            for message in &messages {
                let received_at = message.timestamp_ms * 1_000;
                decoder.decode(black_box(&message.payload), received_at, &mut count);
            }
            assert_eq!(count.readings, readings);
            count.sum
        });
    });
    group.finish();
}

fn parquet(c: &mut Criterion) {
    let messages = messages(20_000);
    let Ok(batch) = rows::batch(&messages) else {
        return;
    };
    let table = rows::table();
    let mut group = c.benchmark_group("parquet");
    group.sample_size(10);
    group.throughput(Throughput::Elements(batch.num_rows() as u64));
    group.bench_function("sort and encode readings_raw", |b| {
        b.iter_batched(
            || batch.clone(),
            |batch| encode(&table, &batch, "bench", 0).map(|files| files.len()),
            BatchSize::PerIteration,
        );
    });
    group.finish();
}

fn generate(c: &mut Criterion) {
    let scale = Scale {
        points: 200,
        days: 1,
        factors: 10,
        ..Scale::default()
    };
    let mut group = c.benchmark_group("generate");
    group.sample_size(10);
    group.throughput(Throughput::Elements(200 * 10 * 24 * 7));
    group.bench_function("a day of 200 points", |b| {
        b.iter(|| {
            Province::new(scale.clone())
                .into_iter()
                .flatten()
                .map(|m| m.payload.len())
                .sum::<usize>()
        });
    });
    group.throughput(Throughput::Elements(100_000));
    group.bench_function("replay 10000 packets", |b| {
        let mut replay = Replay::new(&scale).into_iter().flatten();
        b.iter(|| {
            replay
                .by_ref()
                .take(10_000)
                .map(|m| m.payload.len())
                .sum::<usize>()
        });
    });
    group.finish();
}

criterion_group!(benches, checksum, decode, parquet, generate);
criterion_main!(benches);
