//! Types and values of `$1`, `$2` ... on the PostgreSQL wire.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow::datatypes::{DataType, Date32Type, TimeUnit};
use chrono::{DateTime, FixedOffset, NaiveDate, NaiveDateTime};
use datafusion::common::ParamValues;
use datafusion::common::ScalarValue;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::logical_expr::LogicalPlan;
use datafusion::prelude::Expr;
use datafusion_postgres::arrow_pg::datatypes::df::deserialize_parameters_with_server_types;
use datafusion_postgres::arrow_pg::datatypes::{
    PG_OID_ALIAS_KEY, into_pg_type, pg_type_for_alias_kind,
};
use datafusion_postgres::pgwire::api::Type;
use datafusion_postgres::pgwire::api::portal::Portal;
use datafusion_postgres::pgwire::api::results::FieldInfo;
use datafusion_postgres::pgwire::api::stmt::StoredStatement;
use datafusion_postgres::pgwire::error::PgWireResult;

use crate::sql::Fault;
use crate::sql::parameters::{kinds, number};

/// The types clients are told where they differ from what the engine knows: ids of the catalogue.
fn aliases(plan: &LogicalPlan) -> Result<BTreeMap<u32, Type>, Fault> {
    let mut all = BTreeMap::new();
    plan.apply_with_subqueries(|node| {
        for expr in node.expressions() {
            expr.apply(|expr| {
                if let Expr::Placeholder(place) = expr
                    && let Some(field) = &place.field
                    && field.data_type() == &DataType::Int32
                    && let Some(kind) = field.metadata().get(PG_OID_ALIAS_KEY)
                    && let Some(wire) = pg_type_for_alias_kind(kind)
                {
                    all.insert(number(&place.id), wire);
                }
                Ok(TreeNodeRecursion::Continue)
            })?;
        }
        Ok(TreeNodeRecursion::Continue)
    })?;
    Ok(all)
}

fn wire_types(
    plan: &LogicalPlan,
    known: &BTreeMap<u32, Option<DataType>>,
) -> PgWireResult<Vec<Type>> {
    let aliases = aliases(plan)?;
    known
        .iter()
        .map(|(place, kind)| match (aliases.get(place), kind) {
            (Some(wire), _) => Ok(wire.clone()),
            (None, Some(kind)) => into_pg_type(kind),
            // PostgreSQL takes what nothing is known of for a text, too.
            (None, None) => Ok(Type::TEXT),
        })
        .collect()
}

/// The types clients are told.
pub(super) fn types(plan: &LogicalPlan, text: &str) -> PgWireResult<Vec<Type>> {
    let known = kinds(plan)?;
    let mut types = wire_types(plan, &known)?;
    // The engine has no ids of the catalogue, only whole numbers. asyncpg asks for the types it does not
    // know in a statement with `$1::oid[]`, and asks for ever when that is no type it knows.
    let lists = lists_of_ids(text);
    for (place, wire) in known.keys().zip(&mut types) {
        if *wire == Type::INT4_ARRAY && lists.contains(place) {
            *wire = Type::OID_ARRAY;
        }
    }
    Ok(types)
}

/// Columns of a statement that is about lists of catalogue ids: its lists of numbers are such lists too.
pub(super) fn ids_as_asked(fields: Vec<FieldInfo>, text: &str) -> Vec<FieldInfo> {
    if lists_of_ids(text).is_empty() {
        return fields;
    }
    let as_ids = |field: FieldInfo| match *field.datatype() {
        Type::INT4_ARRAY => FieldInfo::new(
            field.name().to_owned(),
            field.table_id(),
            field.column_id(),
            Type::OID_ARRAY,
            field.format(),
        ),
        _ => field,
    };
    fields.into_iter().map(as_ids).collect()
}

/// The places of a statement that are written `$n::oid[]`.
fn lists_of_ids(text: &str) -> BTreeSet<u32> {
    let mut places = BTreeSet::new();
    for after in text.split('$').skip(1) {
        let digits = after.len() - after.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (place, rest) = after.split_at(digits);
        let kind = rest.trim_start().strip_prefix("::").map(str::trim_start);
        let is_list = kind
            .and_then(|kind| kind.get(..5))
            .is_some_and(|kind| kind.eq_ignore_ascii_case("oid[]"));
        if let (true, Ok(place)) = (is_list, place.parse()) {
            places.insert(place);
        }
    }
    places
}

/// The plan with the values of a portal in it.
pub(super) fn bound<S: Clone>(plan: &LogicalPlan, portal: &Portal<S>) -> PgWireResult<LogicalPlan> {
    let mut known = kinds(plan)?;
    let count = u32::try_from(portal.parameter_len()).unwrap_or(u32::MAX);
    for place in 1..=count {
        known.entry(place).or_default();
    }
    if known.is_empty() {
        return Ok(plan.clone());
    }
    let wire = wire_types(plan, &known)?;
    let kinds: Vec<Option<&DataType>> = known.values().map(Option::as_ref).collect();
    let values = values(portal, &kinds, &wire)?;
    Ok(plan
        .clone()
        .replace_params_with_values(&values)
        .map_err(Fault::from)?)
}

/// The values of a portal. Lists of days and of instants are read here, everything else by `arrow-pg`,
/// which does not know these two.
fn values<S: Clone>(
    portal: &Portal<S>,
    kinds: &[Option<&DataType>],
    wire: &[Type],
) -> PgWireResult<ParamValues> {
    let mut sent: Vec<Option<Type>> = portal.statement.parameter_types.clone();
    sent.resize(portal.parameter_len(), None);
    let mut lists: BTreeMap<usize, ScalarValue> = BTreeMap::new();
    for (i, sent) in sent.iter_mut().enumerate() {
        // What the client says it sent comes first.
        let Some(kind) = sent.clone().or_else(|| wire.get(i).cloned()) else {
            continue;
        };
        if let Some(list) = list(portal, i, &kind)? {
            lists.insert(i, list);
            *sent = Some(Type::TEXT);
        }
    }
    let wire: Vec<Option<&Type>> = wire.iter().map(Some).collect();
    if lists.is_empty() {
        return deserialize_parameters_with_server_types(portal, kinds, &wire);
    }
    let mut rest: Portal<()> = Portal::default();
    rest.statement = Arc::new(StoredStatement::new(String::new(), (), sent));
    rest.parameter_format = portal.parameter_format.clone();
    rest.parameters = portal.parameters.clone();
    for place in lists.keys() {
        rest.parameters[*place] = None;
    }
    let mut values = deserialize_parameters_with_server_types(&rest, kinds, &wire)?;
    if let ParamValues::List(all) = &mut values {
        for (place, list) in lists {
            all[place] = list.into();
        }
    }
    Ok(values)
}

/// A list of days or of instants; none for a value of any other type.
fn list<S: Clone>(portal: &Portal<S>, i: usize, kind: &Type) -> PgWireResult<Option<ScalarValue>> {
    let (members, kind) = match *kind {
        Type::DATE_ARRAY => {
            let days = portal.parameter::<Vec<Option<NaiveDate>>>(i, kind)?;
            let day = |day: NaiveDate| Date32Type::from_naive_date(day);
            let members = days.map(|days| {
                let each = days.into_iter().map(|at| ScalarValue::Date32(at.map(day)));
                each.collect::<Vec<_>>()
            });
            (members, DataType::Date32)
        }
        Type::TIMESTAMPTZ_ARRAY => {
            let times = portal.parameter::<Vec<Option<DateTime<FixedOffset>>>>(i, kind)?;
            let zone: Option<Arc<str>> = Some("UTC".into());
            let members = times.map(|times| {
                let each = times.into_iter().map(|at| {
                    let micros = at.map(|at| at.timestamp_micros());
                    ScalarValue::TimestampMicrosecond(micros, zone.clone())
                });
                each.collect::<Vec<_>>()
            });
            (members, DataType::Timestamp(TimeUnit::Microsecond, zone))
        }
        Type::TIMESTAMP_ARRAY => {
            let times = portal.parameter::<Vec<Option<NaiveDateTime>>>(i, kind)?;
            let members = times.map(|times| {
                let each = times.into_iter().map(|at| {
                    let micros = at.map(|at| at.and_utc().timestamp_micros());
                    ScalarValue::TimestampMicrosecond(micros, None)
                });
                each.collect::<Vec<_>>()
            });
            (members, DataType::Timestamp(TimeUnit::Microsecond, None))
        }
        _ => return Ok(None),
    };
    Ok(Some(match members {
        Some(members) => ScalarValue::List(ScalarValue::new_list_nullable(&members, &kind)),
        None => ScalarValue::new_null_list(kind, true, 1),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_ids_are_found_by_how_they_are_written() {
        let text = "SELECT $2 :: OID[], $3::oid, $4::oid[] WHERE a = any($11::oid[]) AND '$' <> $1::int4[]";
        assert_eq!(lists_of_ids(text), BTreeSet::from([2, 4, 11]));
        assert_eq!(lists_of_ids("SELECT '$::oid[]', $"), BTreeSet::new());
    }
}
