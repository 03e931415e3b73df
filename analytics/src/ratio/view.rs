//! `off_site_ratio` and `off_site_ratio_acts`: the ratio for SQL.
//!
//! Both are computed from `inspections` when they are scanned, so they are never older than the
//! table they stand on. `off_site_ratio` has one row per year for the total and for every body,
//! month, method and class; `off_site_ratio_acts` is the drill-down: one row per year and act with
//! its fate. The tables are small (a province has some hundred thousand acts), so each scan
//! computes anew instead of keeping a copy that could go stale.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use chrono::Datelike;
use datafusion::catalog::{MemTable, Session, TableProvider};
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::{Expr, TableType};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::prelude::SessionContext;
use nonsite_schemas::tables::timestamp_type;
use nonsite_schemas::time::{Clock, beijing_day_start};

use super::act::Act;
use super::compute::compute;
use super::open_items::load_judged;
use super::period::{Period, date_of, day_number};
use super::policies::RatioPolicies;
use super::versions::Cutoff;
use super::view_rows::{Fates, Figures};

/// Which of the two views a provider answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum View {
    Figures,
    Acts,
}

/// The views' table provider.
#[derive(Debug)]
pub struct OffSiteRatio {
    view: View,
    inspections: Arc<dyn TableProvider>,
    /// What checklists are made from.
    permits: Option<Arc<dyn TableProvider>>,
    policies: RatioPolicies,
    clock: Arc<dyn Clock>,
    schema: SchemaRef,
}

/// Registers `off_site_ratio` and `off_site_ratio_acts` in a session that has `inspections`.
///
/// A year that is over is counted to its end, the running one to the clock's instant; the policy is
/// the one in force at that instant.
///
/// # Errors
/// When the session has no table `inspections`, or a view of that name already.
pub async fn register_view(
    session: &SessionContext,
    policies: &RatioPolicies,
    clock: Arc<dyn Clock>,
) -> Result<()> {
    let inspections = session.table_provider("inspections").await?;
    let permits = match session.table_exist("permits")? {
        true => Some(session.table_provider("permits").await?),
        false => None,
    };
    for (name, view) in [
        ("off_site_ratio", View::Figures),
        ("off_site_ratio_acts", View::Acts),
    ] {
        let provider = OffSiteRatio {
            view,
            inspections: Arc::clone(&inspections),
            permits: permits.clone(),
            policies: policies.clone(),
            clock: Arc::clone(&clock),
            schema: schema_of(view),
        };
        session.register_table(name, Arc::new(provider))?;
    }
    Ok(())
}

fn schema_of(view: View) -> SchemaRef {
    let text = |name: &str| Field::new(name, DataType::Utf8, false);
    let text_or_null = |name: &str| Field::new(name, DataType::Utf8, true);
    let number_or_null = |name: &str| Field::new(name, DataType::Float64, true);
    Arc::new(Schema::new(match view {
        View::Figures => vec![
            text("policy_id"),
            Field::new("as_of", timestamp_type(), false),
            Field::new("year", DataType::Int32, false),
            text("breakdown"),
            text("key"),
            Field::new("n_off", DataType::Int64, false),
            Field::new("n_on", DataType::Int64, false),
            number_or_null("ratio"),
            text_or_null("percent"),
            text("target_percent"),
            Field::new("reached", DataType::Boolean, true),
            number_or_null("band_low"),
            number_or_null("band_high"),
            Field::new("band_crosses_target", DataType::Boolean, true),
        ],
        View::Acts => vec![
            text("policy_id"),
            Field::new("year", DataType::Int32, false),
            text("act_id"),
            Field::new("act_version", DataType::Int64, false),
            text("unit_id"),
            text("org_code"),
            text("mode"),
            text("method"),
            text("class"),
            Field::new("completed_at", timestamp_type(), true),
            Field::new("counted", DataType::Boolean, false),
            text_or_null("reason"),
            text_or_null("detail"),
            text_or_null("in_favour_of"),
        ],
    }))
}

#[async_trait::async_trait]
impl TableProvider for OffSiteRatio {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::View
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        // A context of its own, with the caller's memory: the caller's may call the tables otherwise.
        let config = state
            .config()
            .clone()
            .with_default_catalog_and_schema("datafusion", "public")
            .with_create_default_catalog_and_schema(true)
            .with_information_schema(false);
        let ctx = SessionContext::new_with_config_rt(config, Arc::clone(state.runtime_env()));
        ctx.register_table("inspections", Arc::clone(&self.inspections))?;
        if let Some(permits) = &self.permits {
            ctx.register_table("permits", Arc::clone(permits))?;
        }
        let acts = load_judged(&ctx, self.policies.checklists())
            .await
            .map_err(|error| DataFusionError::External(Box::new(error)))?;
        let rows = self.rows(&acts)?;
        MemTable::try_new(self.schema(), vec![vec![rows]])?
            .scan(state, projection, filters, limit)
            .await
    }
}

impl OffSiteRatio {
    fn rows(&self, acts: &[Act]) -> Result<RecordBatch> {
        let now = self.clock.now_micros();
        let mut years: Vec<i32> = acts
            .iter()
            .filter_map(|act| act.completed_at)
            .map(|at| date_of(at).year())
            .collect();
        years.sort_unstable();
        years.dedup();
        let mut figures = Figures::default();
        let mut fates = Fates::default();
        for year in years {
            let Ok(period) = Period::year(year) else {
                continue;
            };
            let end_of_year = beijing_day_start(day_number(period.until)) - 1;
            let as_of = now.min(end_of_year);
            let policy = self
                .policies
                .in_force(as_of)
                .map_err(|error| DataFusionError::External(Box::new(error)))?;
            // A year that is over is shown as it is known now: later corrections belong to it.
            let cutoff = Cutoff {
                as_of: if as_of < now { now } else { as_of },
                known_at: now,
            };
            let report = compute(acts, policy, cutoff, &period);
            match self.view {
                View::Figures => figures.add(year, as_of, &report),
                View::Acts => fates.add(year, &report),
            }
        }
        match self.view {
            View::Figures => figures.batch(self.schema()),
            View::Acts => fates.batch(self.schema()),
        }
        .map_err(DataFusionError::from)
    }
}

#[cfg(test)]
mod tests {
    use arrow::util::pretty::pretty_format_batches;
    use nonsite_schemas::time::ManualClock;

    use super::super::act::Mode;
    use super::super::testing::{act, acts, noon, rows};
    use super::*;

    async fn session(acts: &[Act]) -> SessionContext {
        let session = SessionContext::new();
        let rows = rows(acts);
        let table = MemTable::try_new(rows.schema(), vec![vec![rows]]).unwrap();
        session
            .register_table("inspections", Arc::new(table))
            .unwrap();
        let clock = Arc::new(ManualClock::at(noon(200)));
        register_view(&session, &RatioPolicies::default(), clock)
            .await
            .unwrap();
        session
    }

    async fn shown(session: &SessionContext, sql: &str) -> String {
        let batches = session.sql(sql).await.unwrap().collect().await.unwrap();
        pretty_format_batches(&batches).unwrap().to_string()
    }

    #[tokio::test]
    async fn the_figures_are_there_for_sql() {
        let session = session(&acts(142, 165)).await;
        let total = shown(
            &session,
            "SELECT year, n_off, n_on, percent, reached, band_crosses_target FROM off_site_ratio \
             WHERE breakdown = 'total'",
        )
        .await;
        assert!(
            total.contains("| 2026 | 142   | 165  | 46.25   | true    | false "),
            "{total}"
        );
        let sums = shown(
            &session,
            "SELECT breakdown, sum(n_off) AS off, sum(n_on) AS on_site FROM off_site_ratio \
             GROUP BY breakdown HAVING sum(n_off) = 142 AND sum(n_on) = 165",
        )
        .await;
        for breakdown in ["total", "org", "month", "method", "class"] {
            assert!(
                sums.contains(breakdown),
                "{breakdown} does not add up: {sums}"
            );
        }
    }

    #[tokio::test]
    async fn the_drill_down_gives_every_act_its_fate() {
        let mut withdrawn = act("w", Mode::Offsite);
        withdrawn.status = "withdrawn".to_owned();
        let session = session(&[act("a", Mode::Offsite), withdrawn]).await;
        let fates = shown(
            &session,
            "SELECT act_id, counted, reason FROM off_site_ratio_acts ORDER BY act_id",
        )
        .await;
        assert!(
            fates.contains("| a      | true    |           |"),
            "{fates}"
        );
        assert!(
            fates.contains("| w      | false   | withdrawn |"),
            "{fates}"
        );
    }

    #[tokio::test]
    async fn an_empty_table_gives_empty_views() {
        let session = session(&[]).await;
        let count = shown(&session, "SELECT count(*) AS n FROM off_site_ratio").await;
        assert!(count.contains("| 0 |"), "{count}");
    }
}
