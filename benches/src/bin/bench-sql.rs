//! `bench-sql`: what analysts ask, answered by this program's engine and by others on the same files.
//!
//! Writes readings as tables (once per folder), asks the questions of `benches/sql/queries`, lets
//! DuckDB and ClickHouse (chdb) answer them too when a Python with both is given, refuses unequal
//! answers and prints the figures as a Markdown table.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Instant;

use clap::Parser;
use nonsite_benches::process::own_cpu_seconds;
use nonsite_benches::sql::Limits;
use nonsite_benches::sql::ours::Ours;
use nonsite_benches::sql::peers::{self, Job};
use nonsite_benches::sql::questions::{self, Draw, Engine};
use nonsite_benches::sql::report::{All, Failed, markdown, unequal};
use nonsite_benches::sql::tables::{self, Scale};

/// Measures the SQL of analysts.
#[derive(Debug, Parser)]
struct Args {
    /// Folder of the tables; kept, and used again when it holds the same readings.
    #[arg(long)]
    dir: PathBuf,
    /// Readings, about (1e9 for a thousand million).
    #[arg(long, default_value = "1e7", value_parser = number)]
    readings: u64,
    /// Days they are spread over.
    #[arg(long, default_value_t = 365)]
    days: i32,
    /// Of these, the last ones that are left as ingestion leaves them.
    #[arg(long, default_value_t = 1)]
    open_days: i32,
    /// Python with duckdb and chdb; without it only this program is measured.
    #[arg(long)]
    python: Option<PathBuf>,
    /// The script that asks them.
    #[arg(long, default_value = "benches/sql/peers.py")]
    script: PathBuf,
    /// Folder of the questions.
    #[arg(long, default_value = "benches/sql/queries")]
    queries: PathBuf,
    /// Only questions whose name contains this (may be given several times).
    #[arg(long)]
    only: Vec<String>,
    /// Runs of a question about one logger, each about another one.
    #[arg(long, default_value_t = 40)]
    points: usize,
    /// Runs of the other questions.
    #[arg(long, default_value_t = 3)]
    runs: usize,
    /// Threads of a query.
    #[arg(long, default_value_t = 2)]
    threads: usize,
    /// Memory of a query, MiB.
    #[arg(long, default_value_t = 4_096)]
    memory_mb: usize,
    /// Disk a query may spill to below `--dir`, MiB.
    #[arg(long, default_value_t = 20_480)]
    spill_mb: u64,
    /// Seconds of a query; a slower one has failed, and the other questions go on.
    #[arg(long, default_value_t = 600)]
    timeout_s: u64,
    /// Seconds of a question of one engine, after which no further run of it begins.
    #[arg(long, default_value_t = 120)]
    question_s: u64,
    /// Only these engines: nonsite, duckdb, chdb (may be given several times).
    #[arg(long)]
    engine: Vec<String>,
    /// Print the plan and the rows of every question instead of measuring.
    #[arg(long)]
    explain: bool,
}

/// A whole number, `1e9` allowed.
fn number(text: &str) -> Result<u64, String> {
    match text.parse::<f64>() {
        Ok(number) if (1.0..=1e12).contains(&number) => Ok(number as u64),
        _ => Err("write a number from 1 to 1e12".to_owned()),
    }
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    let scale = Scale::of(args.readings, args.days, args.open_days);
    let store = args.dir.join("tables");
    let kept = args.dir.join(format!(
        "readings-{}-{}-{}",
        args.readings, args.days, args.open_days
    ));
    if !kept.is_file() {
        anyhow::ensure!(
            !store.exists(),
            "{} holds other readings, or writing them was broken off",
            args.dir.display()
        );
        std::fs::create_dir_all(&store)?;
        let (began, cpu) = (Instant::now(), own_cpu_seconds());
        let rows = tables::write(&store, scale).await?;
        std::fs::write(&kept, rows.to_string())?;
        eprintln!(
            "{rows} readings of {} outlets written in {:.1} s, {:.1} s CPU",
            scale.outlets,
            began.elapsed().as_secs_f64(),
            own_cpu_seconds() - cpu
        );
    }
    let mut asked = questions::load(&args.queries)?;
    asked.retain(|question| {
        args.only.is_empty() || args.only.iter().any(|part| question.name.contains(part))
    });
    let texts = |engine: Engine| -> anyhow::Result<BTreeMap<String, Vec<String>>> {
        let mut texts = BTreeMap::new();
        for question in &asked {
            let runs = if question.point {
                args.points
            } else {
                args.runs
            };
            let draws = (0..runs as u64).map(|run| if question.point { run } else { 0 });
            let of = draws.map(|draw| question.text(engine, &Draw::of(scale, draw)));
            texts.insert(question.name.clone(), of.collect::<Result<_, _>>()?);
        }
        Ok(texts)
    };

    let spill = args.dir.join("spill");
    // What a run that was broken off left behind.
    let _ = std::fs::remove_dir_all(&spill);
    std::fs::create_dir_all(&spill)?;
    let limits = Limits {
        threads: args.threads,
        memory_mb: args.memory_mb,
        spill: std::path::absolute(&spill)?,
        spill_mb: args.spill_mb,
        timeout_s: args.timeout_s,
        question_s: args.question_s,
    };
    let wanted = |engine: Engine| {
        args.engine.is_empty() || args.engine.iter().any(|name| name == engine.name())
    };
    let (mut all, mut failed) = (All::new(), Failed::new());
    if wanted(Engine::Nonsite) {
        let ours = Ours::open(&store, &limits)?;
        for (name, texts) in texts(Engine::Nonsite)? {
            if args.explain {
                let plan = ours.rows(&format!("EXPLAIN ANALYZE {}", texts[0])).await?;
                println!(
                    "-- {name}\n{}",
                    nonsite_analytics::session::render::csv(&plan)?
                );
                continue;
            }
            match ours.measure(&texts).await {
                Ok(figures) => {
                    eprintln!(
                        "nonsite {name}: {:.0?} ms",
                        &figures.ms[..figures.ms.len().min(3)]
                    );
                    all.insert((name, Engine::Nonsite), figures);
                }
                Err(error) => {
                    failed.insert((name, Engine::Nonsite), format!("{error:#}"));
                }
            }
        }
    }
    if args.explain {
        return Ok(());
    }
    if let Some(python) = &args.python {
        let folder = std::path::absolute(&store)?;
        for engine in [Engine::DuckDb, Engine::Chdb] {
            if !wanted(engine) {
                continue;
            }
            let job = Job {
                engine: engine.name(),
                tables: &folder,
                limits: &limits,
                questions: &texts(engine)?,
            };
            let told = peers::measure(python, &args.script, engine, &job)?;
            eprintln!("{} {}", engine.name(), told.version);
            for (name, figures) in told.figures {
                all.insert((name, engine), figures);
            }
            for (name, why) in told.failed {
                failed.insert((name, engine), why);
            }
        }
    }
    let _ = std::fs::remove_dir_all(&spill);
    println!("{}", markdown(&asked, &all));
    for ((name, engine), why) in &failed {
        println!("{} did not answer {name}: {why}", engine.name());
    }
    let unequal = unequal(&asked, &all);
    anyhow::ensure!(
        unequal.is_empty(),
        "unequal answers:\n{}",
        unequal.join("\n")
    );
    let ours = failed.keys().find(|(_, engine)| *engine == Engine::Nonsite);
    anyhow::ensure!(ours.is_none(), "a question has no answer: {ours:?}");
    Ok(())
}
