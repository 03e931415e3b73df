//! What drivers ask about the server and its catalogue: its abilities, types, tables, and keys, which
//! there are none of.

use std::sync::{Arc, LazyLock};

use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow_flight::error::FlightError;
use arrow_flight::sql::metadata::{
    SqlInfoData, SqlInfoDataBuilder, XdbcTypeInfo, XdbcTypeInfoData, XdbcTypeInfoDataBuilder,
};
use arrow_flight::sql::{
    CommandGetTables, Nullable, Searchable, SqlInfo, SqlSupportedTransaction, XdbcDataType,
};
use datafusion::logical_expr::TableType;
use tonic::Status;

use super::plain::plain;
use crate::sql::catalogue::{Catalogue, DATABASE, META, TABLES};

/// What drivers ask about the server. JDBC's wants an answer to each of these, or fails where it asks.
static ABOUT: LazyLock<Result<SqlInfoData, String>> = LazyLock::new(|| {
    let mut about = SqlInfoDataBuilder::new();
    about.append(SqlInfo::FlightSqlServerName, "nonsite");
    about.append(SqlInfo::FlightSqlServerVersion, env!("CARGO_PKG_VERSION"));
    about.append(SqlInfo::FlightSqlServerArrowVersion, "59");
    about.append(SqlInfo::FlightSqlServerReadOnly, true);
    about.append(SqlInfo::FlightSqlServerSql, true);
    about.append(SqlInfo::FlightSqlServerSubstrait, false);
    about.append(
        SqlInfo::FlightSqlServerTransaction,
        SqlSupportedTransaction::None as i32,
    );
    for (info, text) in [
        (SqlInfo::SqlIdentifierQuoteChar, "\""),
        (SqlInfo::SqlSearchStringEscape, "\\"),
        (SqlInfo::SqlExtraNameCharacters, ""),
        (SqlInfo::SqlSchemaTerm, "schema"),
        (SqlInfo::SqlProcedureTerm, "function"),
        (SqlInfo::SqlCatalogTerm, "database"),
    ] {
        about.append(info, text);
    }
    let none: &[&str] = &[];
    for info in [
        SqlInfo::SqlKeywords,
        SqlInfo::SqlNumericFunctions,
        SqlInfo::SqlStringFunctions,
        SqlInfo::SqlSystemFunctions,
        SqlInfo::SqlDatetimeFunctions,
    ] {
        about.append(info, none);
    }
    for (info, holds) in [
        (SqlInfo::SqlDdlCatalog, false),
        (SqlInfo::SqlDdlSchema, false),
        (SqlInfo::SqlDdlTable, false),
        (SqlInfo::SqlAllTablesAreSelectable, true),
        (SqlInfo::SqlSupportsColumnAliasing, true),
        (SqlInfo::SqlNullPlusNullIsNull, true),
        (SqlInfo::SqlSupportsTableCorrelationNames, true),
        (SqlInfo::SqlSupportsDifferentTableCorrelationNames, false),
        (SqlInfo::SqlSupportsExpressionsInOrderBy, true),
        (SqlInfo::SqlSupportsOrderByUnrelated, true),
        (SqlInfo::SqlSupportsLikeEscapeClause, true),
        (SqlInfo::SqlSupportsNonNullableColumns, true),
        (SqlInfo::SqlSupportsIntegrityEnhancementFacility, false),
        (SqlInfo::SqlCatalogAtStart, true),
        (SqlInfo::SqlSelectForUpdateSupported, false),
        (SqlInfo::SqlStoredProceduresSupported, false),
        (SqlInfo::SqlCorrelatedSubqueriesSupported, true),
        (SqlInfo::SqlMaxRowSizeIncludesBlobs, false),
        (SqlInfo::SqlTransactionsSupported, false),
        (SqlInfo::SqlDataDefinitionCausesTransactionCommit, false),
        (SqlInfo::SqlDataDefinitionsInTransactionsIgnored, false),
        (SqlInfo::SqlBatchUpdatesSupported, false),
        (SqlInfo::SqlSavepointsSupported, false),
        (SqlInfo::SqlNamedParametersSupported, false),
        (SqlInfo::SqlLocatorsUpdateCopy, false),
        (SqlInfo::SqlStoredFunctionsUsingCallSyntaxSupported, false),
    ] {
        about.append(info, holds);
    }
    // Sets of abilities, one bit each, as the protocol numbers them.
    for (info, bits) in [
        (SqlInfo::SqlIdentifierCase, 3_i32),
        (SqlInfo::SqlQuotedIdentifierCase, 1),
        (SqlInfo::SqlNullOrdering, 0),
        // GROUP BY of columns that are not selected, and beyond those selected.
        (SqlInfo::SqlSupportedGroupBy, 0b11),
        (SqlInfo::SqlSupportedGrammar, 0b111),
        (SqlInfo::SqlOuterJoinsSupportLevel, 0b110),
        (SqlInfo::SqlSchemasSupportedActions, 0),
        (SqlInfo::SqlCatalogsSupportedActions, 0),
        (SqlInfo::SqlSupportedPositionedCommands, 0),
        (SqlInfo::SqlSupportedSubqueries, 0b1111),
        (SqlInfo::SqlSupportedUnions, 0b11),
        (SqlInfo::SqlDefaultTransactionIsolation, 0),
        (SqlInfo::SqlSupportedTransactionsIsolationLevels, 0),
        (SqlInfo::SqlSupportedResultSetTypes, 0b10),
        (SqlInfo::SqlSupportedConcurrenciesForResultSetUnspecified, 0),
        (SqlInfo::SqlSupportedConcurrenciesForResultSetForwardOnly, 0),
        (
            SqlInfo::SqlSupportedConcurrenciesForResultSetScrollSensitive,
            0,
        ),
        (
            SqlInfo::SqlSupportedConcurrenciesForResultSetScrollInsensitive,
            0,
        ),
    ] {
        about.append(info, bits);
    }
    // No limit of one's own.
    for info in [
        SqlInfo::SqlMaxBinaryLiteralLength,
        SqlInfo::SqlMaxCharLiteralLength,
        SqlInfo::SqlMaxColumnNameLength,
        SqlInfo::SqlMaxColumnsInGroupBy,
        SqlInfo::SqlMaxColumnsInIndex,
        SqlInfo::SqlMaxColumnsInOrderBy,
        SqlInfo::SqlMaxColumnsInSelect,
        SqlInfo::SqlMaxColumnsInTable,
        SqlInfo::SqlMaxConnections,
        SqlInfo::SqlMaxCursorNameLength,
        SqlInfo::SqlMaxIndexLength,
        SqlInfo::SqlDbSchemaNameLength,
        SqlInfo::SqlMaxProcedureNameLength,
        SqlInfo::SqlMaxCatalogNameLength,
        SqlInfo::SqlMaxRowSize,
        SqlInfo::SqlMaxStatementLength,
        SqlInfo::SqlMaxStatements,
        SqlInfo::SqlMaxTableNameLength,
        SqlInfo::SqlMaxTablesInSelect,
        SqlInfo::SqlMaxUsernameLength,
    ] {
        about.append(info, 0_i64);
    }
    about.build().map_err(|error| error.to_string())
});

/// What drivers ask about the server.
pub(super) fn about() -> Result<&'static SqlInfoData, Status> {
    ABOUT.as_ref().map_err(Status::internal)
}

/// Types of columns: the name, its kind, what stands around a literal.
const TYPES: [(&str, XdbcDataType, Option<&str>); 8] = [
    ("BOOLEAN", XdbcDataType::XdbcBit, None),
    ("BIGINT", XdbcDataType::XdbcBigint, None),
    ("INTEGER", XdbcDataType::XdbcInteger, None),
    ("SMALLINT", XdbcDataType::XdbcSmallint, None),
    ("DOUBLE", XdbcDataType::XdbcDouble, None),
    ("VARCHAR", XdbcDataType::XdbcVarchar, Some("'")),
    ("DATE", XdbcDataType::XdbcDate, Some("'")),
    ("TIMESTAMP", XdbcDataType::XdbcTimestamp, Some("'")),
];

static KINDS: LazyLock<Result<XdbcTypeInfoData, String>> = LazyLock::new(|| {
    let mut kinds = XdbcTypeInfoDataBuilder::new();
    for (name, kind, quote) in TYPES {
        kinds.append(XdbcTypeInfo {
            type_name: name.to_owned(),
            data_type: kind,
            column_size: None,
            literal_prefix: quote.map(str::to_owned),
            literal_suffix: quote.map(str::to_owned),
            create_params: None,
            nullable: Nullable::NullabilityNullable,
            case_sensitive: quote.is_some(),
            searchable: Searchable::Full,
            unsigned_attribute: quote.is_none().then_some(false),
            fixed_prec_scale: false,
            auto_increment: Some(false),
            local_type_name: Some(name.to_owned()),
            minimum_scale: None,
            maximum_scale: None,
            sql_data_type: kind,
            datetime_subcode: None,
            num_prec_radix: None,
            interval_precision: None,
        });
    }
    kinds.build().map_err(|error| error.to_string())
});

/// Types of columns.
pub(super) fn types() -> Result<&'static XdbcTypeInfoData, Status> {
    KINDS.as_ref().map_err(Status::internal)
}

/// Columns of the answer about primary keys.
pub(super) fn primary_keys() -> SchemaRef {
    let text = |name: &str, null: bool| Field::new(name, DataType::Utf8, null);
    Arc::new(Schema::new(vec![
        text("catalog_name", true),
        text("db_schema_name", true),
        text("table_name", false),
        text("column_name", false),
        text("key_name", true),
        Field::new("key_sequence", DataType::Int32, false),
    ]))
}

/// Columns of the answers about foreign keys, seen from either side.
pub(super) fn foreign_keys() -> SchemaRef {
    let text = |name: &str, null: bool| Field::new(name, DataType::Utf8, null);
    Arc::new(Schema::new(vec![
        text("pk_catalog_name", true),
        text("pk_db_schema_name", true),
        text("pk_table_name", false),
        text("pk_column_name", false),
        text("fk_catalog_name", true),
        text("fk_db_schema_name", true),
        text("fk_table_name", false),
        text("fk_column_name", false),
        Field::new("key_sequence", DataType::Int32, false),
        text("fk_key_name", true),
        text("pk_key_name", true),
        Field::new("update_rule", DataType::UInt8, false),
        Field::new("delete_rule", DataType::UInt8, false),
    ]))
}

/// The tables and views of a user that a question is about.
pub(super) async fn tables(
    catalogue: &Catalogue,
    query: CommandGetTables,
) -> Result<
    (
        SchemaRef,
        Result<arrow::record_batch::RecordBatch, FlightError>,
    ),
    Status,
> {
    let mut builder = query.into_builder();
    for schema in [TABLES, META] {
        for name in catalogue.names(schema) {
            let Some(table) = catalogue.table(schema, &name).await? else {
                continue;
            };
            let kind = match table.table_type() {
                TableType::Base => "TABLE",
                _ => "VIEW",
            };
            builder
                .append(DATABASE, schema, &name, kind, &plain(&table.schema()))
                .map_err(Status::from)?;
        }
    }
    Ok((builder.schema(), builder.build()))
}
