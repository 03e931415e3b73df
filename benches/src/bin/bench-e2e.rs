//! `bench-e2e`: packets in Kafka to committed Delta, with the shipped binary.
//!
//! The topic is filled first; then `nonsite ingest --until-caught-up` runs alone with the broker,
//! and the kernel says what each of them cost.

use clap::Parser;
use nonsite_benches::place::Place;
use nonsite_benches::process::bytes_below;
use nonsite_benches::run::Nonsite;
use nonsite_generator::replay::Replay;
use nonsite_generator::{Message, ProduceOptions, Province, Scale, Topics, produce};
use nonsite_schemas::settings::KafkaSettings;
use serde::Serialize;

/// Measures ingestion end to end.
#[derive(Debug, Parser)]
struct Args {
    #[command(flatten)]
    place: Place,
    /// Readings to ingest.
    #[arg(long, default_value_t = 30_000_000)]
    readings: u64,
    /// Points that send them.
    #[arg(long, default_value_t = 1_000)]
    points: usize,
    /// Factors per packet.
    #[arg(long, default_value_t = 10)]
    factors: usize,
    /// Partitions of the topic.
    #[arg(long, default_value_t = 12)]
    partitions: i32,
    /// Seconds between minute packets.
    #[arg(long, default_value_t = 60)]
    cadence: u32,
    /// Replay one hour of values instead of generating every value: fills the topic faster, but
    /// the files on disk come out smaller than real ones.
    #[arg(long)]
    replay: bool,
    /// Lines for the `[ingest]` section, separated by `;`.
    #[arg(long, default_value = "")]
    ingest: String,
    /// Runs; the topic is filled once, the tables are new each time.
    #[arg(long, default_value_t = 1)]
    runs: u32,
    /// Compression of the topic: none, lz4, zstd, snappy, gzip.
    #[arg(long, default_value = "lz4")]
    compression: String,
    /// Print the figures as JSON, one object per run.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Serialize)]
struct Figures {
    readings: u64,
    messages: u64,
    packet_mb: f64,
    preload_readings_per_s: f64,
    seconds: f64,
    readings_per_s: f64,
    mb_per_s: f64,
    nonsite_cpu_s: f64,
    broker_cpu_s: Option<f64>,
    nonsite_peak_rss_mb: f64,
    parquet_bytes_per_reading: f64,
    log_mb: f64,
}

impl Args {
    fn scale(&self) -> Scale {
        let per_day =
            self.points as u64 * self.factors as u64 * (86_400 / u64::from(self.cadence.max(1)));
        Scale {
            points: self.points,
            factors: self.factors,
            cadence_s: self.cadence,
            days: (self.readings / per_day.max(1) + 2) as u32,
            fault_rate: 0.0,
            malformed_rate: 0.0,
            json_rate: 0.0,
            inspections_per_unit: 0.0,
            ..Scale::default()
        }
    }

    /// Messages until the number of readings is reached.
    fn messages(&self) -> anyhow::Result<Box<dyn Iterator<Item = Message>>> {
        let mut left = self.readings;
        let until = move |message: &Message| {
            let more = left > 0;
            left = left.saturating_sub(u64::from(message.readings));
            more
        };
        Ok(if self.replay {
            Box::new(Replay::new(&self.scale())?.take_while(until))
        } else {
            Box::new(Province::new(self.scale())?.take_while(until))
        })
    }
}

fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    let place = args.place.open()?;
    let settings = KafkaSettings {
        properties: [("compression.type".to_owned(), args.compression.clone())].into(),
        ..place.kafka()
    };
    let options = ProduceOptions {
        topics: Topics::with_prefix(&place.prefix),
        partitions: args.partitions,
        ..ProduceOptions::default()
    };
    let produced = produce(args.messages()?, &settings, options, |_| {})?;
    eprintln!(
        "topic filled: {} readings in {} messages, {:.0} readings/s",
        produced.readings,
        produced.messages,
        produced.readings as f64 / produced.seconds
    );
    for run in 0..args.runs {
        let work = place.dir.join(format!("run-{run}"));
        let ingest = args.ingest.replace(';', "\n");
        let nonsite = Nonsite::configure(
            args.place.nonsite.clone(),
            &work,
            &place.broker.address,
            &place.prefix,
            &ingest,
        )?;
        let broker_before = place.broker.cpu_seconds();
        let ended = nonsite.run(&["ingest", "--until-caught-up", "--json"])?;
        let rows = Nonsite::report(&ended)?["rows"]["readings_raw"].as_u64();
        anyhow::ensure!(
            rows == Some(produced.readings),
            "{} readings were produced and {rows:?} ingested",
            produced.readings
        );
        let broker_cpu_s = place
            .broker
            .cpu_seconds()
            .zip(broker_before)
            .map(|(now, before)| now - before);
        let table = nonsite.table("readings_raw");
        let parquet = |path: &std::path::Path| path.extension().is_some_and(|ext| ext == "parquet");
        let data = bytes_below(&table, &parquet)?;
        let log = bytes_below(&table.join("_delta_log"), &|_| true)?;
        let figures = Figures {
            readings: produced.readings,
            messages: produced.messages,
            packet_mb: produced.bytes as f64 / 1e6,
            preload_readings_per_s: produced.readings as f64 / produced.seconds,
            seconds: ended.seconds,
            readings_per_s: produced.readings as f64 / ended.seconds,
            mb_per_s: produced.bytes as f64 / 1e6 / ended.seconds,
            nonsite_cpu_s: ended.cpu_seconds,
            broker_cpu_s,
            nonsite_peak_rss_mb: ended.peak_rss_mb,
            parquet_bytes_per_reading: data as f64 / produced.readings as f64,
            log_mb: log as f64 / 1e6,
        };
        report(&args, &figures, ended.stdout.trim())?;
        std::fs::remove_dir_all(&work)?;
    }
    Ok(())
}

fn report(args: &Args, figures: &Figures, said: &str) -> anyhow::Result<()> {
    if args.json {
        println!("{}", serde_json::to_string(figures)?);
        return Ok(());
    }
    println!(
        "{:.2} M readings in {:.2} s: {:.3} M readings/s, {:.0} MB/s of packets",
        figures.readings as f64 / 1e6,
        figures.seconds,
        figures.readings_per_s / 1e6,
        figures.mb_per_s
    );
    println!(
        "CPU: nonsite {:.1} s, broker {}; peak RSS {:.0} MB; {:.2} bytes/reading on disk, log {:.2} MB",
        figures.nonsite_cpu_s,
        figures
            .broker_cpu_s
            .map_or("?".to_owned(), |seconds| format!("{seconds:.1} s")),
        figures.nonsite_peak_rss_mb,
        figures.parquet_bytes_per_reading,
        figures.log_mb
    );
    println!("{said}");
    Ok(())
}
