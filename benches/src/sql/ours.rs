//! Asking the engine behind `nonsite sql` and the servers: guard, catalogue, limits and all, without a
//! wire in between.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use arrow::array::{Array, AsArray, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float64Type};
use nonsite_access::sql::catalogue::rules;
use nonsite_access::sql::guard::{self, Step};
use nonsite_access::sql::log::Asked;
use nonsite_access::sql::run::{Run, Stop};
use nonsite_access::sql::{Config, Engine, Setup, User, Users};
use nonsite_analytics::detect;
use nonsite_analytics::ratio::RatioPolicies;
use nonsite_analytics::session;
use nonsite_schemas::time::SystemClock;

use super::Limits;
use super::report::{Answer, Figures};
use crate::process::own_cpu_seconds;

/// The engine over some tables.
#[derive(Debug)]
pub struct Ours {
    engine: Arc<Engine>,
    user: User,
    budget: Duration,
}

impl Ours {
    /// Opens the tables.
    ///
    /// # Errors
    /// The engine cannot be started.
    pub fn open(tables: &Path, limits: &Limits) -> anyhow::Result<Self> {
        let known = detect::Catalogue::load(&detect::Config::default())?;
        let engine = Engine::start(Setup {
            reads: None,
            store: tables.to_owned(),
            session: session::Config {
                partitions: limits.threads,
                ..session::Config::default()
            },
            config: Config {
                threads: limits.threads,
                query_memory_mb: limits.memory_mb,
                spill: Some(limits.spill.clone()),
                spill_mb: limits.spill_mb,
                timeout_s: limits.timeout_s,
                ..Config::default()
            },
            policies: RatioPolicies::default(),
            rules: rules(&known)?,
            users: Users::none(),
            clock: Arc::new(SystemClock),
        })?;
        Ok(Self {
            engine,
            user: User::local(),
            budget: Duration::from_secs(limits.question_s),
        })
    }

    /// All rows of a query.
    ///
    /// # Errors
    /// It is refused or fails.
    pub async fn rows(&self, text: &str) -> anyhow::Result<Vec<RecordBatch>> {
        let Some(Step::Query(query)) = guard::steps(text)?.pop() else {
            anyhow::bail!("not a query: {text}");
        };
        let catalogue = self.engine.catalogue(&self.user).await?;
        let state = catalogue.state();
        let plan = guard::plan(&state, &query).await?;
        let run = Run {
            asked: Asked {
                user: self.user.name.clone(),
                via: "bench",
                client: String::new(),
                application: "bench-sql".to_owned(),
                text: text.to_owned(),
            },
            state,
            plan,
            timeout: None,
            stop: Stop::default(),
        };
        Ok(self.engine.run(run).await?.collect().await?)
    }

    /// Asks every text and takes the time; the first one is asked once more before. A slow question is
    /// asked less often.
    ///
    /// # Errors
    /// A query fails.
    pub async fn measure(&self, texts: &[String]) -> anyhow::Result<Figures> {
        let first = texts.first().context("a question without a text")?;
        let started = Instant::now();
        self.rows(first).await?;
        let cpu = own_cpu_seconds();
        let (mut ms, mut answers) = (Vec::with_capacity(texts.len()), Vec::new());
        for text in texts {
            if !ms.is_empty() && started.elapsed() > self.budget {
                break;
            }
            let began = Instant::now();
            let rows = self.rows(text).await?;
            ms.push(began.elapsed().as_secs_f64() * 1e3);
            let mut answer = Answer::default();
            for batch in &rows {
                add(&mut answer, batch)?;
            }
            answers.push(answer);
        }
        let cpu_s = (own_cpu_seconds() - cpu) / ms.len() as f64;
        Ok(Figures { ms, cpu_s, answers })
    }
}

/// Counts the rows and sums the numbers of a batch.
fn add(answer: &mut Answer, batch: &RecordBatch) -> anyhow::Result<()> {
    answer.rows += batch.num_rows() as u64;
    answer.sums.resize(batch.num_columns(), None);
    for (sum, column) in answer.sums.iter_mut().zip(batch.columns()) {
        if column.data_type().is_numeric() {
            let numbers = cast(column, &DataType::Float64)?;
            let numbers = numbers.as_primitive::<Float64Type>();
            *sum.get_or_insert(0.0) += numbers.iter().flatten().sum::<f64>();
        }
    }
    Ok(())
}
