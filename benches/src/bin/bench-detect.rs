//! `bench-detect`: one generated day through the rules, with the shipped binary.
//!
//! The day goes through Kafka and `nonsite ingest` into tables first; what is measured is
//! `nonsite detect --once` on all of it, and a second run that finds nothing new.

use clap::Parser;
use nonsite_benches::place::Place;
use nonsite_benches::run::Nonsite;
use nonsite_generator::{ProduceOptions, Province, Scale, Topics, produce};
use serde::Serialize;

/// Measures detection over a generated period.
#[derive(Debug, Parser)]
struct Args {
    #[command(flatten)]
    place: Place,
    /// Points.
    #[arg(long, default_value_t = 1_000)]
    points: usize,
    /// Days.
    #[arg(long, default_value_t = 1)]
    days: u32,
    /// Factors per point.
    #[arg(long, default_value_t = 10)]
    factors: usize,
    /// Seconds between minute packets.
    #[arg(long, default_value_t = 600)]
    cadence: u32,
    /// Print the figures as JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Serialize)]
struct Figures {
    points: usize,
    days: u32,
    readings_rows: u64,
    ingest_s: f64,
    detect_s: f64,
    detect_cpu_s: f64,
    detect_peak_rss_mb: f64,
    again_s: f64,
    report: serde_json::Value,
}

fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    let place = args.place.open()?;
    let scale = Scale {
        points: args.points,
        days: args.days,
        factors: args.factors,
        cadence_s: args.cadence,
        ..Scale::default()
    };
    let mut province = Province::new(scale)?;
    let options = ProduceOptions {
        topics: Topics::with_prefix(&place.prefix),
        ..ProduceOptions::default()
    };
    produce(&mut province, &place.kafka(), options, |_| {})?;
    province.write_truth(&place.dir.join("truth"))?;
    let nonsite = Nonsite::configure(
        args.place.nonsite.clone(),
        &place.dir,
        &place.broker.address,
        &place.prefix,
        "",
    )?;
    let ingest = nonsite.run(&["ingest", "--until-caught-up", "--json"])?;
    let detect = nonsite.run(&["detect", "--once", "--json"])?;
    let again = nonsite.run(&["detect", "--once", "--json"])?;
    let figures = Figures {
        points: args.points,
        days: args.days,
        readings_rows: province.summary().counts.readings_rows,
        ingest_s: ingest.seconds,
        detect_s: detect.seconds,
        detect_cpu_s: detect.cpu_seconds,
        detect_peak_rss_mb: detect.peak_rss_mb,
        again_s: again.seconds,
        report: Nonsite::report(&detect)?,
    };
    if args.json {
        println!("{}", serde_json::to_string_pretty(&figures)?);
    } else {
        println!(
            "{} points, {} days, {} rows: detect {:.2} s ({:.2} s CPU, peak RSS {:.0} MB), again with nothing new {:.2} s",
            figures.points,
            figures.days,
            figures.readings_rows,
            figures.detect_s,
            figures.detect_cpu_s,
            figures.detect_peak_rss_mb,
            figures.again_s
        );
        println!("{}", detect.stdout.trim());
    }
    Ok(())
}
