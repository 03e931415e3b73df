//! Types and values of `$1`, `$2` ...

use std::collections::BTreeMap;

use arrow::datatypes::DataType;
use datafusion::common::ParamValues;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::logical_expr::LogicalPlan;
use datafusion::prelude::Expr;
use datafusion_postgres::arrow_pg::datatypes::df::deserialize_parameters_with_server_types;
use datafusion_postgres::arrow_pg::datatypes::{
    PG_OID_ALIAS_KEY, into_pg_type, pg_type_for_alias_kind,
};
use datafusion_postgres::pgwire::api::Type;
use datafusion_postgres::pgwire::api::portal::Portal;
use datafusion_postgres::pgwire::error::PgWireResult;

use crate::sql::Fault;

/// Parameters a statement can have on the wire.
const MOST: u32 = 65_535;

/// What is known of one parameter.
#[derive(Debug, Clone, Default)]
struct Known {
    /// What it is compared with or cast to.
    kind: Option<DataType>,
    /// The type clients are told where that differs: ids of the catalogue.
    wire: Option<Type>,
}

/// The parameters of a plan by number. What the engine does not infer may stand in a cast.
fn known(plan: &LogicalPlan) -> Result<BTreeMap<u32, Known>, Fault> {
    let number = |id: &str| {
        id.trim_start_matches('$')
            .parse::<u32>()
            .unwrap_or(u32::MAX)
    };
    let mut all: BTreeMap<u32, Known> = BTreeMap::new();
    for (id, kind) in plan.get_parameter_types()? {
        all.entry(number(&id)).or_default().kind = kind;
    }
    plan.apply_with_subqueries(|node| {
        for expr in node.expressions() {
            expr.apply(|expr| {
                match expr {
                    Expr::Cast(cast) => {
                        if let Expr::Placeholder(place) = cast.expr.as_ref() {
                            let entry = all.entry(number(&place.id)).or_default();
                            let to = cast.field.data_type().clone();
                            entry.kind.get_or_insert(to);
                        }
                    }
                    Expr::Placeholder(place) => {
                        let entry = all.entry(number(&place.id)).or_default();
                        if let Some(field) = &place.field {
                            let alias = field.metadata().get(PG_OID_ALIAS_KEY);
                            if field.data_type() == &DataType::Int32 {
                                entry.wire = alias.and_then(|kind| pg_type_for_alias_kind(kind));
                            }
                        }
                    }
                    _ => {}
                }
                Ok(TreeNodeRecursion::Continue)
            })?;
        }
        Ok(TreeNodeRecursion::Continue)
    })?;
    // One that stood in a part of the question that has no answer here keeps its place.
    let last = all.keys().next_back().copied().unwrap_or_default();
    for place in 1..=last.min(MOST) {
        all.entry(place).or_default();
    }
    Ok(all)
}

fn wire_types(known: &BTreeMap<u32, Known>) -> PgWireResult<Vec<Type>> {
    known
        .values()
        .map(|known| match (&known.wire, &known.kind) {
            (Some(wire), _) => Ok(wire.clone()),
            (None, Some(kind)) => into_pg_type(kind),
            // PostgreSQL takes what nothing is known of for a text, too.
            (None, None) => Ok(Type::TEXT),
        })
        .collect()
}

/// The types clients are told.
pub(super) fn types(plan: &LogicalPlan) -> PgWireResult<Vec<Type>> {
    wire_types(&known(plan)?)
}

/// The plan with the values of a portal in it.
pub(super) fn bound<S: Clone>(plan: &LogicalPlan, portal: &Portal<S>) -> PgWireResult<LogicalPlan> {
    let mut known = known(plan)?;
    for place in 1..=u32::try_from(portal.parameter_len()).unwrap_or(MOST) {
        known.entry(place).or_default();
    }
    if known.is_empty() {
        return Ok(plan.clone());
    }
    let wire = wire_types(&known)?;
    let wire: Vec<Option<&Type>> = wire.iter().map(Some).collect();
    let kinds: Vec<Option<&DataType>> = known.values().map(|known| known.kind.as_ref()).collect();
    let values: ParamValues = deserialize_parameters_with_server_types(portal, &kinds, &wire)?;
    Ok(plan
        .clone()
        .replace_params_with_values(&values)
        .map_err(Fault::from)?)
}
