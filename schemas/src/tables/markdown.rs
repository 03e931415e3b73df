//! The table reference as Markdown, printed from the definitions so that it cannot be out of date.

use std::fmt::Write as _;

use arrow::datatypes::{DataType, Field};

use super::{COMMENT, TableDef, all};

/// The reference of all tables: one section each, one line per column.
pub fn markdown() -> String {
    let mut text = String::from(
        "# Tables\n\n\
         Printed by `nonsite schema tables`; do not edit by hand.\n\n\
         Instants are UTC with microseconds. Days (`date`) are Beijing days. Tables are\n\
         append-only; views choose the current rows.\n",
    );
    for table in all() {
        section(&mut text, &table);
    }
    text
}

fn section(text: &mut String, table: &TableDef) {
    // Writing to a String cannot fail.
    let _ = write!(text, "\n## {}\n\n{}\n\n", table.name, table.comment);
    if !table.partition_columns.is_empty() {
        let _ = writeln!(
            text,
            "Partitioned by: {}.\n",
            names(table.partition_columns)
        );
    }
    if !table.sort_columns.is_empty() {
        let _ = writeln!(
            text,
            "Sorted within a file by: {}.",
            names(table.sort_columns)
        );
    }
    text.push_str("\n| column | type | null | meaning |\n|---|---|---|---|\n");
    for field in table.schema.fields() {
        let _ = writeln!(
            text,
            "| `{}` | {} | {} | {} |",
            field.name(),
            type_name(field),
            if field.is_nullable() { "yes" } else { "no" },
            field
                .metadata()
                .get(COMMENT)
                .map_or("", String::as_str)
                .replace('|', "\\|"),
        );
    }
}

fn names(columns: &[&str]) -> String {
    columns
        .iter()
        .map(|name| format!("`{name}`"))
        .collect::<Vec<_>>()
        .join(", ")
}

/// The type as an analyst names it in SQL.
fn type_name(field: &Field) -> &'static str {
    match field.data_type() {
        DataType::Utf8 => "text",
        DataType::Float64 => "double",
        DataType::Int64 => "bigint",
        DataType::Int32 => "int",
        DataType::Int16 => "smallint",
        DataType::Boolean => "boolean",
        DataType::Date32 => "date",
        DataType::Binary => "binary",
        DataType::Timestamp(..) => "timestamp",
        _ => "other",
    }
}
