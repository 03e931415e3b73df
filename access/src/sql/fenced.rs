//! A table behind its filter of rows: what a user writes meets only rows the user may see.
//!
//! A filter of rows that is just a part of the plan loses the race against the optimizer: a condition of
//! the user's own is pushed below it and computed on rows of others, and `CAST(mn AS INT)` tells the value
//! it fails on. `EXPLAIN ANALYZE` would count the rows that were passed over, and show their bounds.
//!
//! Invariants:
//! - below the filter only conditions are computed that cannot fail and have no effects
//!   ([`cannot_fail`]): comparisons of columns and constants. They are what reaches files;
//! - for everything above it is a leaf: no plan, statistics or metrics of what lies below are shown, and
//!   no rule of the optimizer reaches into it.

use std::sync::Arc;

use arrow::datatypes::{DataType, Schema, SchemaRef};
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::datasource::ViewTable;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::TaskContext;
use datafusion::logical_expr::{
    Expr, LogicalPlan, Operator, TableProviderFilterPushDown, TableType,
};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_plan::execution_plan::reset_plan_states;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties, SendableRecordBatchStream,
};

/// A table that is the rows of a plan and shows nothing of that plan.
#[derive(Debug)]
pub(super) struct Fenced(ViewTable);

impl Fenced {
    /// The rows of a plan.
    pub(super) fn new(plan: LogicalPlan) -> Self {
        Self(ViewTable::new(plan, None))
    }
}

#[async_trait]
impl TableProvider for Fenced {
    fn schema(&self) -> SchemaRef {
        self.0.schema()
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(
        &self,
        filters: &[&Expr],
    ) -> Result<Vec<TableProviderFilterPushDown>> {
        let schema = self.schema();
        let told = |filter: &&Expr| {
            if cannot_fail(filter, &schema) {
                TableProviderFilterPushDown::Exact
            } else {
                TableProviderFilterPushDown::Unsupported
            }
        };
        Ok(filters.iter().map(told).collect())
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let rows = self.0.scan(state, projection, filters, limit).await?;
        Ok(Arc::new(FencedExec(rows)))
    }
}

/// Whether a condition about rows of these columns has an answer for every row, whatever stands in it.
fn cannot_fail(expr: &Expr, schema: &Schema) -> bool {
    let safe = |expr: &Expr| cannot_fail(expr, schema);
    match expr {
        Expr::Column(_) | Expr::Literal(..) => true,
        Expr::BinaryExpr(two) => {
            let compares = matches!(
                two.op,
                Operator::Eq
                    | Operator::NotEq
                    | Operator::Lt
                    | Operator::LtEq
                    | Operator::Gt
                    | Operator::GtEq
                    | Operator::IsDistinctFrom
                    | Operator::IsNotDistinctFrom
                    | Operator::And
                    | Operator::Or
            );
            compares && safe(&two.left) && safe(&two.right)
        }
        Expr::Not(inner)
        | Expr::IsNull(inner)
        | Expr::IsNotNull(inner)
        | Expr::IsTrue(inner)
        | Expr::IsFalse(inner)
        | Expr::IsUnknown(inner)
        | Expr::IsNotTrue(inner)
        | Expr::IsNotFalse(inner)
        | Expr::IsNotUnknown(inner) => safe(inner),
        Expr::Between(between) => safe(&between.expr) && safe(&between.low) && safe(&between.high),
        Expr::InList(list) => safe(&list.expr) && list.list.iter().all(safe),
        // From one form of text to another, as comparisons of a column with a constant have it.
        Expr::Cast(cast) => match cast.expr.as_ref() {
            Expr::Column(column) => {
                let from = schema.field_with_name(&column.name);
                from.is_ok_and(|from| is_text(from.data_type())) && is_text(cast.field.data_type())
            }
            _ => false,
        },
        _ => false,
    }
}

fn is_text(kind: &DataType) -> bool {
    match kind {
        DataType::Utf8 | DataType::Utf8View | DataType::LargeUtf8 => true,
        DataType::Dictionary(_, of) => is_text(of),
        _ => false,
    }
}

/// Runs the plan below without showing it.
#[derive(Debug)]
struct FencedExec(Arc<dyn ExecutionPlan>);

impl DisplayAs for FencedExec {
    fn fmt_as(
        &self,
        _form: DisplayFormatType,
        f: &mut std::fmt::Formatter<'_>,
    ) -> std::fmt::Result {
        f.write_str("OwnRows")
    }
}

impl ExecutionPlan for FencedExec {
    fn name(&self) -> &'static str {
        "OwnRows"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        self.0.properties()
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![]
    }

    fn apply_expressions(
        &self,
        _f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn with_new_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        if children.is_empty() {
            Ok(self)
        } else {
            Err(DataFusionError::Internal(
                "OwnRows has no inputs".to_owned(),
            ))
        }
    }

    fn reset_state(self: Arc<Self>) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(Arc::new(Self(reset_plan_states(Arc::clone(&self.0))?)))
    }

    fn execute(
        &self,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        self.0.execute(partition, context)
    }
}

#[cfg(test)]
mod tests {
    use arrow::datatypes::Field;
    use datafusion::logical_expr::{binary_expr, cast, col, lit};

    use super::*;

    #[test]
    fn only_what_cannot_fail_is_asked_of_rows_of_others() {
        let schema = Schema::new(vec![
            Field::new("mn", DataType::Utf8, false),
            Field::new("value", DataType::Float64, true),
        ]);
        let day = || col("value").between(lit(1.0), lit(2.0));
        for safe in [
            col("mn").eq(lit("A")),
            cast(col("mn"), DataType::Utf8View).in_list(vec![lit("A"), lit("B")], true),
            day()
                .and(col("value").is_not_null())
                .or(col("t.mn").gt(lit("A"))),
        ] {
            assert!(cannot_fail(&safe, &schema), "{safe}");
        }
        for unsafe_ in [
            cast(col("mn"), DataType::Int32).gt(lit(0)),
            col("mn")
                .eq(lit("A"))
                .and(cast(col("mn"), DataType::Int32).gt(lit(0))),
            binary_expr(lit(1.0), Operator::Divide, col("value")).gt(lit(0.0)),
            cast(col("value"), DataType::Utf8).eq(lit("1")),
        ] {
            assert!(!cannot_fail(&unsafe_, &schema), "{unsafe_}");
        }
    }
}
