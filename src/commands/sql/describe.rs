//! `\d`: what there is, and what it means.

use comfy_table::{ContentArrangement, Table, presets};
use nonsite_access::sql::Fault;
use nonsite_access::sql::catalogue::{Catalogue, META, TABLES};

/// The tables and views, with their comments.
pub(super) fn tables(catalogue: &Catalogue) -> String {
    let mut table = blank(&["schema", "name", "what one row is"]);
    for schema in [TABLES, META] {
        for name in catalogue.names(schema) {
            table.add_row([schema, &name, comment(catalogue, schema, &name, None)]);
        }
    }
    format!("{}\n", table.trim_fmt())
}

/// The columns of a table, with their comments; nothing when there is no such table.
pub(super) async fn columns(catalogue: &Catalogue, name: &str) -> Result<Option<String>, Fault> {
    let (schema, name) = match name.split_once('.') {
        Some((schema, name)) => (schema, name),
        None if catalogue.names(TABLES).iter().any(|known| known == name) => (TABLES, name),
        None => (META, name),
    };
    let Some(found) = catalogue.table(schema, name).await? else {
        return Ok(None);
    };
    let mut table = blank(&["column", "type", "null", "meaning"]);
    for field in found.schema().fields() {
        let null = if field.is_nullable() { "yes" } else { "no" };
        table.add_row([
            field.name().as_str(),
            &field.data_type().to_string(),
            null,
            comment(catalogue, schema, name, Some(field.name())),
        ]);
    }
    let head = comment(catalogue, schema, name, None);
    Ok(Some(format!(
        "{schema}.{name}: {head}\n{}\n",
        table.trim_fmt()
    )))
}

fn blank(headings: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING);
    table.set_content_arrangement(ContentArrangement::Dynamic);
    table.set_header(headings.to_vec());
    table
}

fn comment<'c>(
    catalogue: &'c Catalogue,
    schema: &str,
    name: &str,
    column: Option<&str>,
) -> &'c str {
    let found = catalogue.comments().all().iter().find(|comment| {
        comment.schema == schema && comment.table == name && comment.column.as_deref() == column
    });
    found.map_or("", |comment| comment.text.as_str())
}
