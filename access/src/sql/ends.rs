//! Statements that do nothing but end queries: `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
//! WHERE pid = '7'` and its like, as the stop buttons of reporting tools send them.
//!
//! They must not wait for what they end: not for a turn, and not for a thread either, because those of
//! queries may all be in the middle of something long, at a low priority on a busy machine. So they have
//! a thread to themselves, and only statements that can do nothing long come onto it: no other
//! function, no other table, no join, no statement within.

use std::ops::ControlFlow;

use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::error::Result;
use datafusion::logical_expr::{Expr, LogicalPlan};
use datafusion::sql::sqlparser::ast::{
    Expr as SqlExpr, GroupByExpr, ObjectName, Query, SetExpr, Statement, TableFactor, Visit,
    Visitor,
};

/// What ends a query, by its connection's number.
const ENDS: [&str; 2] = ["pg_cancel_backend", "pg_terminate_backend"];
/// The connections.
const TABLE: &str = "pg_stat_activity";
/// The only other function among them: a tool spares its own connection.
const OWN: &str = "pg_backend_pid";

/// Whether a statement does nothing else, so that planning it is nothing long.
pub(super) fn statement(statement: &Statement) -> bool {
    let Statement::Query(query) = statement else {
        return false;
    };
    let Query {
        with: None, body, ..
    } = query.as_ref()
    else {
        return false;
    };
    let SetExpr::Select(select) = body.as_ref() else {
        return false;
    };
    let table = match select.from.as_slice() {
        [] => true,
        [one] => {
            one.joins.is_empty()
                && match &one.relation {
                    TableFactor::Table {
                        name, args: None, ..
                    } => last(name).is_some_and(|name| name.eq_ignore_ascii_case(TABLE)),
                    _ => false,
                }
        }
        _ => false,
    };
    let grouped = !matches!(&select.group_by, GroupByExpr::Expressions(by, _) if by.is_empty());
    let mut seen = Seen::default();
    table && !grouped && query.visit(&mut seen).is_continue() && seen.ends
}

/// Whether a plan does nothing else.
///
/// # Errors
/// Never in practice: expressions are only looked at.
pub(super) fn plan(plan: &LogicalPlan) -> Result<bool> {
    let (mut ends, mut nothing_else) = (false, true);
    plan.apply_with_subqueries(|node| {
        nothing_else &= match node {
            LogicalPlan::TableScan(scan) => scan.table_name.table() == TABLE,
            LogicalPlan::Projection(_)
            | LogicalPlan::Filter(_)
            | LogicalPlan::SubqueryAlias(_)
            | LogicalPlan::Limit(_)
            | LogicalPlan::EmptyRelation(_) => true,
            _ => false,
        };
        for expr in node.expressions() {
            expr.apply(|expr| {
                if let Expr::ScalarFunction(function) = expr {
                    ends |= ENDS.contains(&function.name());
                    nothing_else &= harmless(function.name());
                }
                Ok(TreeNodeRecursion::Continue)
            })?;
        }
        Ok(TreeNodeRecursion::Continue)
    })?;
    Ok(ends && nothing_else)
}

fn harmless(function: &str) -> bool {
    function == OWN || ENDS.contains(&function)
}

fn last(name: &ObjectName) -> Option<&str> {
    let part = name.0.last()?.as_ident()?;
    Some(part.value.as_str())
}

/// What the expressions of a statement call.
#[derive(Default)]
struct Seen {
    ends: bool,
    queries: usize,
}

impl Visitor for Seen {
    type Break = ();

    fn pre_visit_query(&mut self, _query: &Query) -> ControlFlow<()> {
        self.queries += 1;
        match self.queries {
            1 => ControlFlow::Continue(()),
            _ => ControlFlow::Break(()),
        }
    }

    fn pre_visit_expr(&mut self, expr: &SqlExpr) -> ControlFlow<()> {
        let SqlExpr::Function(function) = expr else {
            return ControlFlow::Continue(());
        };
        let name = last(&function.name)
            .unwrap_or_default()
            .to_ascii_lowercase();
        self.ends |= ENDS.contains(&name.as_str());
        match harmless(&name) {
            true => ControlFlow::Continue(()),
            false => ControlFlow::Break(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::guard::{self, Step};

    fn ends(text: &str) -> bool {
        let steps = guard::steps(text).expect("SQL");
        match steps.as_slice() {
            [Step::Query(query)] => statement(query),
            _ => panic!("one query: {text}"),
        }
    }

    #[test]
    fn what_only_ends_queries_is_known_by_its_text() {
        for text in [
            "SELECT pg_cancel_backend(7)",
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid='7'",
            "SELECT pg_catalog.pg_terminate_backend(pid) FROM pg_catalog.pg_stat_activity \
             WHERE usename = 'alice' AND pid <> pg_backend_pid() LIMIT 1",
        ] {
            assert!(ends(text), "{text}");
        }
        for text in [
            "SELECT 1",
            "SELECT pid FROM pg_stat_activity",
            "SELECT pg_cancel_backend(7), repeat('x', 1000000000)",
            "SELECT pg_cancel_backend(7) FROM readings",
            "SELECT pg_cancel_backend(7) FROM generate_series(1, 1000000)",
            "SELECT pg_cancel_backend(7) FROM pg_stat_activity a, pg_stat_activity b",
            "SELECT pg_cancel_backend(7) FROM pg_stat_activity a JOIN readings b ON true",
            "SELECT pg_cancel_backend((SELECT count(*) FROM readings))",
            "SELECT pg_cancel_backend(pid) FROM (SELECT 7 AS pid FROM readings) a",
            "SELECT pg_cancel_backend(pid), count(*) FROM pg_stat_activity GROUP BY pid",
            "WITH a AS (SELECT 7 AS pid) SELECT pg_cancel_backend(pid) FROM a",
            "SELECT pg_cancel_backend(7) UNION ALL SELECT true FROM readings",
        ] {
            assert!(!ends(text), "{text}");
        }
    }
}
