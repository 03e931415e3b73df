//! The check of the plan: a list of nodes that read, and nothing else.

use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::logical_expr::LogicalPlan;

use crate::sql::Fault;

/// Refuses a plan with a node that does more than read, however deep it stands.
///
/// # Errors
/// The node, named.
pub fn check(plan: &LogicalPlan) -> Result<(), Fault> {
    let mut found = None;
    plan.apply_with_subqueries(|node| {
        found = refusal(node);
        Ok(if found.is_some() {
            TreeNodeRecursion::Stop
        } else {
            TreeNodeRecursion::Continue
        })
    })?;
    match found {
        Some(what) => Err(Fault::refused(what)),
        None => Ok(()),
    }
}

/// What is wrong with this node. New kinds of nodes stand in no arm and do not compile.
fn refusal(node: &LogicalPlan) -> Option<String> {
    match node {
        LogicalPlan::Projection(_)
        | LogicalPlan::Filter(_)
        | LogicalPlan::Window(_)
        | LogicalPlan::Aggregate(_)
        | LogicalPlan::Sort(_)
        | LogicalPlan::Join(_)
        | LogicalPlan::Repartition(_)
        | LogicalPlan::Union(_)
        | LogicalPlan::TableScan(_)
        | LogicalPlan::EmptyRelation(_)
        | LogicalPlan::Subquery(_)
        | LogicalPlan::SubqueryAlias(_)
        | LogicalPlan::Limit(_)
        | LogicalPlan::Values(_)
        | LogicalPlan::Explain(_)
        | LogicalPlan::Analyze(_)
        | LogicalPlan::Distinct(_)
        | LogicalPlan::DescribeTable(_)
        | LogicalPlan::Unnest(_)
        | LogicalPlan::RecursiveQuery(_) => None,
        LogicalPlan::Statement(statement) => Some(statement.name().to_owned()),
        LogicalPlan::Dml(dml) => Some(dml.name().to_owned()),
        LogicalPlan::Ddl(ddl) => Some(ddl.name().to_owned()),
        LogicalPlan::Copy(_) => Some("COPY to a file".to_owned()),
        LogicalPlan::Extension(extension) => Some(extension.node.name().to_owned()),
    }
}
