//! Schema `information_schema` as PostgreSQL has it, of this user's tables.
//!
//! The engine's own one names Arrow's types where tools expect SQL's (`timestamp with time zone`), and
//! lacks what they join with: `udt_name`, the tables of keys, which are empty here. Everything in it is
//! known when the catalogue is built and does not change afterwards.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, Int32Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema};
use datafusion::catalog::{MemTable, TableProvider};
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::TableType;
use datafusion_postgres::arrow_pg::datatypes::into_pg_type;

use super::lists::{DATABASE, Tables};

/// Name of the schema.
pub(super) const INFORMATION: &str = "information_schema";

/// Tables without rows, and their columns: there are no keys, routines, triggers or sequences here.
const EMPTY: &[(&str, &[&str])] = &[
    (
        "check_constraints",
        &[
            "constraint_catalog",
            "constraint_schema",
            "constraint_name",
            "check_clause",
        ],
    ),
    (
        "constraint_column_usage",
        &[
            "table_catalog",
            "table_schema",
            "table_name",
            "column_name",
            "constraint_catalog",
            "constraint_schema",
            "constraint_name",
        ],
    ),
    (
        "key_column_usage",
        &[
            "constraint_catalog",
            "constraint_schema",
            "constraint_name",
            "table_catalog",
            "table_schema",
            "table_name",
            "column_name",
            "ordinal_position",
            "position_in_unique_constraint",
        ],
    ),
    (
        "parameters",
        &[
            "specific_catalog",
            "specific_schema",
            "specific_name",
            "ordinal_position",
            "parameter_mode",
            "parameter_name",
            "data_type",
            "udt_name",
        ],
    ),
    (
        "referential_constraints",
        &[
            "constraint_catalog",
            "constraint_schema",
            "constraint_name",
            "unique_constraint_catalog",
            "unique_constraint_schema",
            "unique_constraint_name",
            "match_option",
            "update_rule",
            "delete_rule",
        ],
    ),
    (
        "routines",
        &[
            "specific_catalog",
            "specific_schema",
            "specific_name",
            "routine_catalog",
            "routine_schema",
            "routine_name",
            "routine_type",
            "data_type",
            "routine_definition",
        ],
    ),
    (
        "sequences",
        &[
            "sequence_catalog",
            "sequence_schema",
            "sequence_name",
            "data_type",
        ],
    ),
    (
        "table_constraints",
        &[
            "constraint_catalog",
            "constraint_schema",
            "constraint_name",
            "table_catalog",
            "table_schema",
            "table_name",
            "constraint_type",
            "is_deferrable",
            "initially_deferred",
            "enforced",
        ],
    ),
    (
        "triggers",
        &[
            "trigger_catalog",
            "trigger_schema",
            "trigger_name",
            "event_manipulation",
            "event_object_catalog",
            "event_object_schema",
            "event_object_table",
            "action_statement",
            "action_timing",
        ],
    ),
];

/// Tables by the name of their schema.
type BySchema<'a> = [(&'a str, &'a BTreeMap<String, Arc<dyn TableProvider>>)];

/// The schema over these tables, by the name of their schema.
///
/// # Errors
/// Never in practice: the columns are those of the tables' schemas.
pub(super) fn schema(by_schema: &BySchema<'_>, user: &str) -> Result<Tables> {
    let mut all: BTreeMap<String, Arc<dyn TableProvider>> = BTreeMap::new();
    for (name, columns) in EMPTY {
        let texts = columns
            .iter()
            .map(|column| (*column, Vec::<Option<String>>::new()));
        all.insert((*name).to_owned(), table(texts.collect(), Vec::new())?);
    }
    all.insert("schemata".to_owned(), schemata(by_schema, user)?);
    all.insert("tables".to_owned(), tables(by_schema)?);
    all.insert("views".to_owned(), views(by_schema)?);
    all.insert("columns".to_owned(), columns(by_schema)?);
    Ok(Tables(all))
}

type Texts<'t> = Vec<(&'t str, Vec<Option<String>>)>;

/// A table of texts, with columns of numbers at the end.
fn table(
    texts: Texts<'_>,
    numbers: Vec<(&str, Vec<Option<i32>>)>,
) -> Result<Arc<dyn TableProvider>> {
    let mut fields = Vec::new();
    let mut arrays: Vec<ArrayRef> = Vec::new();
    for (name, values) in texts {
        fields.push(Field::new(name, DataType::Utf8, true));
        arrays.push(Arc::new(StringArray::from(values)));
    }
    for (name, values) in numbers {
        fields.push(Field::new(name, DataType::Int32, true));
        arrays.push(Arc::new(Int32Array::from(values)));
    }
    let schema = Arc::new(Schema::new(fields));
    let rows = RecordBatch::try_new(Arc::clone(&schema), arrays)?;
    Ok(Arc::new(MemTable::try_new(schema, vec![vec![rows]])?))
}

/// The same text as often as there are rows.
fn same(text: &str, rows: usize) -> Vec<Option<String>> {
    vec![Some(text.to_owned()); rows]
}

fn schemata(by_schema: &BySchema<'_>, user: &str) -> Result<Arc<dyn TableProvider>> {
    let mut names: Vec<Option<String>> = by_schema
        .iter()
        .map(|(schema, _)| Some((*schema).to_owned()))
        .collect();
    names.push(Some(INFORMATION.to_owned()));
    names.push(Some("pg_catalog".to_owned()));
    let rows = names.len();
    table(
        vec![
            ("catalog_name", same(DATABASE, rows)),
            ("schema_name", names),
            ("schema_owner", same(user, rows)),
            ("default_character_set_name", vec![None; rows]),
            ("sql_path", vec![None; rows]),
        ],
        Vec::new(),
    )
}

fn tables(by_schema: &BySchema<'_>) -> Result<Arc<dyn TableProvider>> {
    let (mut schemas, mut names, mut kinds) = (Vec::new(), Vec::new(), Vec::new());
    for (schema, tables) in by_schema {
        for (name, table) in *tables {
            schemas.push(Some((*schema).to_owned()));
            names.push(Some(name.clone()));
            let kind = match table.table_type() {
                TableType::Base => "BASE TABLE",
                TableType::View | TableType::Temporary => "VIEW",
            };
            kinds.push(Some(kind.to_owned()));
        }
    }
    let rows = names.len();
    table(
        vec![
            ("table_catalog", same(DATABASE, rows)),
            ("table_schema", schemas),
            ("table_name", names),
            ("table_type", kinds),
            ("self_referencing_column_name", vec![None; rows]),
            ("reference_generation", vec![None; rows]),
            ("user_defined_type_catalog", vec![None; rows]),
            ("user_defined_type_schema", vec![None; rows]),
            ("user_defined_type_name", vec![None; rows]),
            ("is_insertable_into", same("NO", rows)),
            ("is_typed", same("NO", rows)),
            ("commit_action", vec![None; rows]),
        ],
        Vec::new(),
    )
}

fn views(by_schema: &BySchema<'_>) -> Result<Arc<dyn TableProvider>> {
    let (mut schemas, mut names) = (Vec::new(), Vec::new());
    for (schema, tables) in by_schema {
        let views = tables
            .iter()
            .filter(|(_, table)| table.table_type() != TableType::Base);
        for (name, _) in views {
            schemas.push(Some((*schema).to_owned()));
            names.push(Some(name.clone()));
        }
    }
    let rows = names.len();
    table(
        vec![
            ("table_catalog", same(DATABASE, rows)),
            ("table_schema", schemas),
            ("table_name", names),
            ("view_definition", vec![None; rows]),
            ("check_option", same("NONE", rows)),
            ("is_updatable", same("NO", rows)),
            ("is_insertable_into", same("NO", rows)),
        ],
        Vec::new(),
    )
}

/// What a type is called in SQL, and by PostgreSQL itself.
fn type_names(kind: &DataType) -> (String, String) {
    let Ok(known) = into_pg_type(kind) else {
        return ("USER-DEFINED".to_owned(), "record".to_owned());
    };
    let own = known.name().to_owned();
    let sql = match own.as_str() {
        "bool" => "boolean",
        "int2" => "smallint",
        "int4" => "integer",
        "int8" => "bigint",
        "float4" => "real",
        "float8" => "double precision",
        "timestamptz" => "timestamp with time zone",
        "timestamp" => "timestamp without time zone",
        "time" => "time without time zone",
        _ if own.starts_with('_') => "ARRAY",
        // A row of named values is called by the names of its fields.
        _ if own.starts_with('(') => return ("USER-DEFINED".to_owned(), "record".to_owned()),
        other => other,
    };
    (sql.to_owned(), own)
}

fn columns(by_schema: &BySchema<'_>) -> Result<Arc<dyn TableProvider>> {
    let (mut schemas, mut names, mut columns) = (Vec::new(), Vec::new(), Vec::new());
    let (mut nulls, mut kinds, mut own, mut places) =
        (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for (schema, tables) in by_schema {
        for (name, table) in *tables {
            for (i, field) in table.schema().fields().iter().enumerate() {
                let (sql, udt) = type_names(field.data_type());
                schemas.push(Some((*schema).to_owned()));
                names.push(Some(name.clone()));
                columns.push(Some(field.name().clone()));
                nulls.push(Some(
                    if field.is_nullable() { "YES" } else { "NO" }.to_owned(),
                ));
                kinds.push(Some(sql));
                own.push(Some(udt));
                let place = i32::try_from(i + 1)
                    .map_err(|error| DataFusionError::Execution(error.to_string()))?;
                places.push(Some(place));
            }
        }
    }
    let rows = columns.len();
    table(
        vec![
            ("table_catalog", same(DATABASE, rows)),
            ("table_schema", schemas),
            ("table_name", names),
            ("column_name", columns),
            ("column_default", vec![None; rows]),
            ("is_nullable", nulls),
            ("data_type", kinds),
            ("udt_catalog", same(DATABASE, rows)),
            ("udt_schema", same("pg_catalog", rows)),
            ("udt_name", own),
            ("collation_name", vec![None; rows]),
            ("domain_name", vec![None; rows]),
            ("is_identity", same("NO", rows)),
            ("identity_generation", vec![None; rows]),
            ("is_generated", same("NEVER", rows)),
            ("generation_expression", vec![None; rows]),
            ("is_updatable", same("NO", rows)),
        ],
        vec![
            ("ordinal_position", places),
            ("character_maximum_length", vec![None; rows]),
            ("numeric_precision", vec![None; rows]),
            ("numeric_scale", vec![None; rows]),
            ("datetime_precision", vec![None; rows]),
        ],
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_called_what_tools_know() {
        use arrow::datatypes::TimeUnit;
        let of = |kind: DataType| type_names(&kind);
        let zoned = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
        assert_eq!(
            of(zoned),
            (
                "timestamp with time zone".to_owned(),
                "timestamptz".to_owned()
            )
        );
        assert_eq!(
            of(DataType::Utf8View),
            ("text".to_owned(), "text".to_owned())
        );
        assert_eq!(
            of(DataType::Float64),
            ("double precision".to_owned(), "float8".to_owned())
        );
        let list = DataType::List(Arc::new(Field::new_list_field(DataType::Utf8, true)));
        assert_eq!(of(list), ("ARRAY".to_owned(), "_text".to_owned()));
    }
}
