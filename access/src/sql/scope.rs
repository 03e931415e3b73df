//! Rows a user of one body sees.
//!
//! A restricted user's catalogue is built from filtered tables, and the views are planned over
//! these. The plain tables are nowhere in it, so no query, prepared statement or function can
//! reach behind the filter: there is nothing behind it. Nor is a query's own condition computed on
//! rows of others, whose values its errors would tell ([`super::fenced`]).
//!
//! Every table has a rule here ([`RULES`], checked by a test); one without would be left out. What
//! belongs to a body:
//! - the permits whose document, in any version, names the body; with them everything that carries
//!   their number;
//! - the readings of a logger for the time in which it is bound to an outlet of such a permit;
//! - findings, cases and their events that name the body, and the inspections it executed;
//! - what belongs to nobody, such as texts and parameters of rules, is seen by all.
//!
//! Left out: messages in quarantine, whose owner is unknown because they could not be read, what
//! operators did, the alerts, whose text may name several bodies, and lots drawn
//! for inspections before they are known to the units drawn.

use std::collections::BTreeSet;
use std::sync::Arc;

use datafusion::catalog::TableProvider;
use datafusion::datasource::{MemTable, provider_as_source};
use datafusion::logical_expr::{JoinType, LogicalPlanBuilder, col, lit};
use datafusion::prelude::{Expr, SessionContext};

use super::fenced::Fenced;
use super::{Fault, FaultKind};

/// How rows of a table belong to a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Belongs {
    /// By the body's code in `org_code`.
    Body,
    /// By the permit.
    Permit,
    /// By the logger, at any time.
    Logger,
    /// By the logger, at the time of this column.
    LoggerAt(&'static str),
    /// To nobody: everybody sees them.
    Nobody,
    /// Not seen by a restricted user.
    Hidden,
}

/// The rule of every table.
const RULES: &[(&str, Belongs)] = &[
    ("alerts", Belongs::Hidden),
    ("alerts_held", Belongs::Hidden),
    ("alerts_published", Belongs::Hidden),
    ("anomalies", Belongs::Body),
    ("anomaly_feedback", Belongs::Body),
    ("bureau_audits", Belongs::Body),
    ("control_windows", Belongs::Permit),
    ("daily_masses", Belongs::Logger),
    ("daily_means", Belongs::Logger),
    ("detect_inputs", Belongs::Nobody),
    ("detect_runs", Belongs::Nobody),
    ("device_states", Belongs::LoggerAt("data_time")),
    ("equipment_filings", Belongs::Logger),
    ("execution_report_items", Belongs::Permit),
    ("execution_reports", Belongs::Permit),
    ("flood_decisions", Belongs::Hidden),
    ("inspection_draws", Belongs::Hidden),
    ("inspections", Belongs::Body),
    ("maintenance_tickets", Belongs::Logger),
    ("manual_results", Belongs::Permit),
    ("marks", Belongs::Logger),
    ("mn_bindings", Belongs::Permit),
    ("officers", Belongs::Body),
    ("operator_actions", Belongs::Hidden),
    ("permit_bindings", Belongs::Permit),
    ("permit_limits", Belongs::Permit),
    ("permit_mass_limits", Belongs::Permit),
    ("permit_outlets", Belongs::Permit),
    ("permit_periods", Belongs::Permit),
    ("permits", Belongs::Permit),
    ("process_points", Belongs::Logger),
    ("quarantine", Belongs::Hidden),
    ("quarantine_redriven", Belongs::Hidden),
    ("ratio_snapshots", Belongs::Hidden),
    ("readings_raw", Belongs::LoggerAt("data_time")),
    ("review_cases", Belongs::Body),
    ("review_events", Belongs::Body),
    ("rule_lifts", Belongs::Nobody),
    ("rule_outcomes", Belongs::Logger),
    ("rule_params", Belongs::Nobody),
    ("rule_texts", Belongs::Nobody),
    ("supervision_records", Belongs::Body),
];

/// What belongs to some bodies.
#[derive(Debug, Clone)]
pub struct Scope {
    orgs: BTreeSet<String>,
    permits: Arc<MemTable>,
    loggers: Arc<MemTable>,
}

impl Scope {
    /// Looks up the permits and loggers of these bodies in a session that holds everything.
    ///
    /// # Errors
    /// The tables cannot be read.
    pub async fn of(all: &SessionContext, orgs: &BTreeSet<String>) -> Result<Self, Fault> {
        let of_body = || in_list("org_code", orgs);
        let permits = all
            .table("permits")
            .await?
            .filter(of_body())?
            .select(vec![col("permit_no").alias("scope_permit")])?
            .distinct()?;
        let loggers = all
            .table("mn_outlets")
            .await?
            .filter(of_body())?
            .select(vec![
                col("mn").alias("scope_mn"),
                col("bound_from").alias("scope_from"),
                col("bound_to").alias("scope_to"),
            ])?
            .distinct()?;
        Ok(Self {
            orgs: orgs.clone(),
            permits: kept(permits).await?,
            loggers: kept(loggers).await?,
        })
    }

    /// The table as these bodies see it; nothing when they do not see it at all.
    ///
    /// # Errors
    /// The table lacks the column its rule is about.
    pub fn filtered(
        &self,
        name: &str,
        table: Arc<dyn TableProvider>,
    ) -> Result<Option<Arc<dyn TableProvider>>, Fault> {
        let rule = RULES.iter().find(|(known, _)| *known == name);
        let belongs = rule.map_or(Belongs::Hidden, |(_, belongs)| *belongs);
        let rows = || LogicalPlanBuilder::scan(name, provider_as_source(Arc::clone(&table)), None);
        let plan = match belongs {
            Belongs::Nobody => return Ok(Some(table)),
            Belongs::Hidden => return Ok(None),
            Belongs::Body => rows()?.filter(in_list("org_code", &self.orgs))?,
            Belongs::Permit => {
                let own = LogicalPlanBuilder::scan(
                    "scope_permits",
                    provider_as_source(Arc::clone(&self.permits) as _),
                    None,
                )?;
                rows()?.join(
                    own.build()?,
                    JoinType::LeftSemi,
                    (vec!["permit_no"], vec!["scope_permit"]),
                    None,
                )?
            }
            Belongs::Logger | Belongs::LoggerAt(_) => {
                let own = LogicalPlanBuilder::scan(
                    "scope_loggers",
                    provider_as_source(Arc::clone(&self.loggers) as _),
                    None,
                )?;
                let within = match belongs {
                    Belongs::LoggerAt(time) => Some(
                        col(time)
                            .gt_eq(col("scope_from"))
                            .and(col(time).lt(col("scope_to"))),
                    ),
                    _ => None,
                };
                rows()?.join(
                    own.build()?,
                    JoinType::LeftSemi,
                    (vec!["mn"], vec!["scope_mn"]),
                    within,
                )?
            }
        };
        Ok(Some(Arc::new(Fenced::new(plan.build()?))))
    }
}

fn in_list(column: &str, orgs: &BTreeSet<String>) -> Expr {
    col(column).in_list(orgs.iter().map(|org| lit(org.as_str())).collect(), false)
}

async fn kept(frame: datafusion::prelude::DataFrame) -> Result<Arc<MemTable>, Fault> {
    let schema = Arc::new(frame.schema().as_arrow().clone());
    let batches = frame.collect().await?;
    // A batch may know more of its columns than the plan did, such as that none is null.
    let batches = batches
        .into_iter()
        .map(|batch| batch.with_schema(Arc::clone(&schema)))
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| Fault::new(FaultKind::Engine, error.to_string()))?;
    Ok(Arc::new(MemTable::try_new(schema, vec![batches])?))
}

#[cfg(test)]
mod tests {
    use arrow::array::{ArrayRef, RecordBatch, StringArray};
    use arrow::util::pretty::pretty_format_batches;

    use super::*;

    /// A table with these columns of text, one row per list of values.
    fn table(columns: &[&str], rows: &[&[&str]]) -> Arc<MemTable> {
        let columns = columns.iter().enumerate().map(|(at, name)| {
            let values = StringArray::from_iter_values(rows.iter().map(|row| row[at]));
            (*name, Arc::new(values) as ArrayRef)
        });
        let rows = RecordBatch::try_from_iter(columns).expect("columns");
        Arc::new(MemTable::try_new(rows.schema(), vec![vec![rows]]).expect("table"))
    }

    #[tokio::test]
    async fn a_question_meets_no_rows_of_others_and_does_not_count_them() {
        let scope = Scope {
            orgs: ["1".to_owned()].into(),
            permits: table(&["scope_permit"], &[&["1"]]),
            loggers: table(&["scope_mn"], &[&["1"]]),
        };
        let all = table(
            &["org_code", "permit_no", "mn"],
            &[&["1", "1", "1"], &["secret", "secret", "secret"]],
        );
        // One table of each kind: by body, by permit, by logger.
        for name in ["inspections", "permits", "marks"] {
            let ctx = SessionContext::new();
            let own = scope.filtered(name, Arc::clone(&all) as _).expect("a rule");
            ctx.register_table("t", own.expect("not hidden"))
                .expect("registered");
            for (text, answer) in [
                ("SELECT count(*) AS n FROM t", "| 1 "),
                (
                    "SELECT count(*) AS n FROM t WHERE CAST(mn AS INT) > 0",
                    "| 1 ",
                ),
                (
                    "SELECT CAST(permit_no AS INT) AS n FROM t WHERE mn > '0'",
                    "| 1 ",
                ),
                (
                    "SELECT max(CAST(org_code AS INT)) AS n FROM t LIMIT 1",
                    "| 1 ",
                ),
            ] {
                let rows = ctx.sql(text).await.expect(text).collect().await;
                let rows = rows.unwrap_or_else(|error| panic!("{name}: {text}: {error}"));
                let shown = pretty_format_batches(&rows).expect("text").to_string();
                assert!(shown.contains(answer), "{name}: {text}: {shown}");
            }
            for explain in ["EXPLAIN", "EXPLAIN VERBOSE", "EXPLAIN ANALYZE"] {
                let text = format!("{explain} SELECT org_code FROM t WHERE mn > '0'");
                let rows = ctx.sql(&text).await.expect(&text).collect().await;
                let shown = pretty_format_batches(&rows.expect(&text)).expect("text");
                let shown = shown.to_string();
                assert!(shown.contains("OwnRows"), "{name}: {shown}");
                for below in ["JoinExec", "DataSourceExec", "secret"] {
                    assert!(!shown.contains(below), "{name}: {shown}");
                }
            }
        }
    }

    #[test]
    fn every_table_has_a_rule_and_every_rule_a_table_with_its_column() {
        let tables = nonsite_analytics::session::travel::definitions();
        let names: BTreeSet<&str> = tables.iter().map(|def| def.name).collect();
        let ruled: BTreeSet<&str> = RULES.iter().map(|(name, _)| *name).collect();
        assert_eq!(names, ruled);
        assert_eq!(ruled.len(), RULES.len(), "a table is named twice");
        for def in tables {
            let rule = RULES.iter().find(|(name, _)| *name == def.name);
            let (_, belongs) = rule.expect("compared above");
            let wanted: &[&str] = match belongs {
                Belongs::Body => &["org_code"],
                Belongs::Permit => &["permit_no"],
                Belongs::Logger => &["mn"],
                Belongs::LoggerAt(time) => &["mn", time],
                Belongs::Nobody | Belongs::Hidden => &[],
            };
            for column in wanted {
                assert!(
                    def.schema.field_with_name(column).is_ok(),
                    "{}.{column}",
                    def.name
                );
            }
        }
    }
}
