//! Asking the engine behind `nonsite sql` and the servers: guard, catalogue, limits and all, without a
//! wire in between.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

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

use super::report::{Answer, Figures};
use crate::process::own_cpu_seconds;

/// The engine over some tables.
#[derive(Debug)]
pub struct Ours {
    engine: Arc<Engine>,
    user: User,
}

impl Ours {
    /// Opens the tables; queries run on so many threads.
    ///
    /// # Errors
    /// The engine cannot be started.
    pub fn open(tables: &Path, threads: usize, memory_mb: usize) -> anyhow::Result<Self> {
        let known = detect::Catalogue::load(&detect::Config::default())?;
        let engine = Engine::start(Setup {
            reads: None,
            store: tables.to_owned(),
            session: session::Config {
                partitions: threads,
                ..session::Config::default()
            },
            config: Config {
                threads,
                query_memory_mb: memory_mb,
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

    /// Asks every text and takes the time; the first one is asked once more before.
    ///
    /// # Errors
    /// A query fails.
    pub async fn measure(&self, texts: &[String]) -> anyhow::Result<Figures> {
        let first = texts.first().context("a question without a text")?;
        self.rows(first).await?;
        let cpu = own_cpu_seconds();
        let (mut ms, mut answer) = (Vec::with_capacity(texts.len()), Answer::default());
        for text in texts {
            let began = Instant::now();
            let rows = self.rows(text).await?;
            ms.push(began.elapsed().as_secs_f64() * 1e3);
            for batch in &rows {
                add(&mut answer, batch)?;
            }
        }
        let cpu_s = (own_cpu_seconds() - cpu) / texts.len() as f64;
        Ok(Figures { ms, cpu_s, answer })
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
