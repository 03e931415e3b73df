//! `nonsite-generate`: a province into Kafka or into files, with its truth.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use nonsite_generator::city_year::CityYear;
use nonsite_generator::files::{Files, Format};
use nonsite_generator::replay::Replay;
use nonsite_generator::{Message, ProduceOptions, Produced, Province, Scale, Topics, produce};
use nonsite_schemas::settings::KafkaSettings;

/// Generates a province: readings, permits, inspections, injected faults and their truth.
#[derive(Debug, Parser)]
#[command(version)]
struct Args {
    /// Monitoring points.
    #[arg(long, default_value_t = 40)]
    points: usize,
    /// Days of data.
    #[arg(long, default_value_t = 3)]
    days: u32,
    /// Seed: the same seed gives the same bytes.
    #[arg(long, default_value_t = 42)]
    seed: u64,
    /// Factors per point, 4 to 12.
    #[arg(long, default_value_t = 10)]
    factors: usize,
    /// Seconds between minute packets, a divisor of 3600 from 60 to 1800.
    #[arg(long, default_value_t = 600)]
    cadence: u32,
    /// Seconds between real-time packets; none if left out.
    #[arg(long)]
    realtime: Option<u32>,
    /// First Beijing day.
    #[arg(long, default_value = "2026-06-01")]
    start: chrono::NaiveDate,
    /// Share of points with an injected fault, 0 for none at all.
    #[arg(long, default_value_t = 0.2)]
    faults: f64,
    /// Share of packets sent twice.
    #[arg(long, default_value_t = 0.05)]
    resends: f64,
    /// Share of packets with a broken copy behind them.
    #[arg(long, default_value_t = 0.002)]
    malformed: f64,
    /// Share of points that report as JSON.
    #[arg(long, default_value_t = 0.05)]
    json_points: f64,
    /// Kafka brokers to produce to.
    #[arg(long, conflicts_with = "out")]
    brokers: Option<String>,
    /// Prefix of the topic names.
    #[arg(long, default_value = "nonsite")]
    prefix: String,
    /// Partitions of topics that are created.
    #[arg(long, default_value_t = 12)]
    partitions: i32,
    /// Most readings per second.
    #[arg(long)]
    rate: Option<u64>,
    /// Further properties of the Kafka client, `key=value`.
    #[arg(long = "property", value_parser = property)]
    properties: Vec<(String, String)>,
    /// Directory for one file per topic instead of Kafka.
    #[arg(long)]
    out: Option<PathBuf>,
    /// Length-prefixed binary files instead of JSON lines.
    #[arg(long, requires = "out")]
    frames: bool,
    /// Directory for truth.jsonl and summary.json.
    #[arg(long)]
    truth: Option<PathBuf>,
    /// Threads that generate; the output does not depend on it.
    #[arg(long, default_value_t = 1)]
    threads: usize,
    /// Throughput mode: replay one hour of minute packets until this many readings are made.
    #[arg(long, conflicts_with = "truth")]
    replay: Option<u64>,
    /// Instead of a province: a city's year of inspections (to Kafka or --out) with city_truth.json
    /// and clues.json in --truth.
    #[arg(long, value_name = "YEAR", conflicts_with = "replay")]
    city_year: Option<i32>,
    /// Print the summary as JSON.
    #[arg(long)]
    json: bool,
}

fn property(text: &str) -> Result<(String, String), String> {
    text.split_once('=')
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .ok_or_else(|| format!("`{text}` is not of the form key=value"))
}

impl Args {
    fn scale(&self) -> Scale {
        Scale {
            seed: self.seed,
            points: self.points,
            days: self.days,
            factors: self.factors,
            cadence_s: self.cadence,
            realtime_s: self.realtime,
            start_day: (self.start - chrono::NaiveDate::default()).num_days() as i32,
            fault_rate: self.faults,
            resend_rate: self.resends,
            malformed_rate: self.malformed,
            json_rate: self.json_points,
            ..Scale::default()
        }
    }

    /// Sends the messages where they are wanted; into nothing if nowhere.
    fn deliver(
        &self,
        messages: impl Iterator<Item = Message>,
    ) -> Result<Produced, Box<dyn std::error::Error>> {
        if let Some(brokers) = &self.brokers {
            let settings = KafkaSettings {
                brokers: brokers.clone(),
                properties: self.properties.iter().cloned().collect(),
            };
            let options = ProduceOptions {
                topics: Topics::with_prefix(&self.prefix),
                partitions: self.partitions,
                rate: self.rate,
                ..ProduceOptions::default()
            };
            return Ok(produce(messages, &settings, options, |_| {})?);
        }
        let mut files = match &self.out {
            Some(dir) => Some(Files::create(
                dir,
                if self.frames {
                    Format::Frames
                } else {
                    Format::Jsonl
                },
            )?),
            None => None,
        };
        let began = std::time::Instant::now();
        let mut produced = Produced::default();
        for message in messages {
            produced.messages += 1;
            produced.readings += u64::from(message.readings);
            produced.bytes += message.payload.len() as u64;
            produced.last_timestamp_ms = message.timestamp_ms;
            if let Some(files) = &mut files {
                files.write(&message)?;
            }
        }
        if let Some(files) = files {
            files.finish()?;
        }
        produced.seconds = began.elapsed().as_secs_f64();
        Ok(produced)
    }
}

fn run(args: &Args) -> Result<(), Box<dyn std::error::Error>> {
    let mut out = std::io::stdout().lock();
    let produced = if let Some(year) = args.city_year {
        let city = CityYear::new(year, args.seed);
        let produced = args.deliver(city.messages.into_iter())?;
        if let Some(dir) = &args.truth {
            std::fs::create_dir_all(dir)?;
            std::fs::write(
                dir.join("city_truth.json"),
                serde_json::to_string_pretty(&city.truth)?,
            )?;
            std::fs::write(
                dir.join("clues.json"),
                serde_json::to_string_pretty(&city.clues)?,
            )?;
        }
        if args.json {
            writeln!(out, "{}", serde_json::to_string_pretty(&produced)?)?;
        }
        produced
    } else if let Some(readings) = args.replay {
        let mut left = readings;
        let messages = Replay::new(&args.scale())?.take_while(|message| {
            let more = left > 0;
            left = left.saturating_sub(u64::from(message.readings));
            more
        });
        let produced = args.deliver(messages)?;
        if args.json {
            writeln!(out, "{}", serde_json::to_string_pretty(&produced)?)?;
        }
        produced
    } else {
        let mut province = Province::new(args.scale())?.with_threads(args.threads);
        let produced = args.deliver(&mut province)?;
        if let Some(dir) = &args.truth {
            province.write_truth(dir)?;
        }
        if args.json {
            writeln!(
                out,
                "{}",
                serde_json::to_string_pretty(&province.summary())?
            )?;
        }
        produced
    };
    if !args.json {
        writeln!(
            out,
            "{} messages, {} readings, {:.1} MB in {:.1} s: {:.0} readings/s",
            produced.messages,
            produced.readings,
            produced.bytes as f64 / 1e6,
            produced.seconds,
            produced.readings as f64 / produced.seconds.max(1e-9),
        )?;
    }
    Ok(())
}

fn main() -> ExitCode {
    match run(&Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("nonsite-generate: {error}");
            ExitCode::FAILURE
        }
    }
}
