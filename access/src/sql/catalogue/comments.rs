//! What tables, views and columns mean, gathered for the catalogue.
//!
//! Tables say it in their definitions, views in the head of their query. A column of a view that
//! is handed through from a table keeps that column's comment; of the others `columns.txt` says it.

use std::collections::BTreeMap;

use arrow::datatypes::Schema;
use nonsite_analytics::session::travel::definitions;
use nonsite_analytics::views;
use nonsite_schemas::tables::COMMENT;

use super::meta;

/// Columns of views that no table has.
const COLUMNS: &str = include_str!("columns.txt");

/// One comment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Comment {
    /// Schema of the table.
    pub schema: String,
    /// Table or view.
    pub table: String,
    /// Column; none for the table itself.
    pub column: Option<String>,
    /// Number of the column from 1, 0 for the table itself.
    pub number: i32,
    /// What it means.
    pub text: String,
}

/// All comments, by schema, table and column.
#[derive(Debug, Default)]
pub struct Comments(Vec<Comment>);

impl Comments {
    /// All of them.
    pub fn all(&self) -> &[Comment] {
        &self.0
    }

    /// Adds those of a table with these columns.
    pub fn add(&mut self, schema: &str, table: &str, columns: &Schema) {
        let def = definitions().into_iter().find(|def| def.name == table);
        let of_table = match (schema, &def) {
            ("nonsite_meta", _) => meta::COMMENTS
                .iter()
                .find(|(name, _)| *name == table)
                .map(|(_, text)| (*text).to_owned()),
            (_, Some(def)) => Some(def.comment.to_owned()),
            (_, None) => views::query(table).map(head).or_else(|| ratio(table)),
        };
        let mut push = |column: Option<String>, number: usize, text: String| {
            self.0.push(Comment {
                schema: schema.to_owned(),
                table: table.to_owned(),
                column,
                number: i32::try_from(number).unwrap_or(i32::MAX),
                text,
            });
        };
        if let Some(text) = of_table.filter(|text| !text.is_empty()) {
            push(None, 0, text);
        }
        let defined: BTreeMap<&str, &str> = def
            .iter()
            .flat_map(|def| def.schema.fields())
            .filter_map(|field| {
                Some((
                    field.name().as_str(),
                    field.metadata().get(COMMENT)?.as_str(),
                ))
            })
            .collect();
        for (i, field) in columns.fields().iter().enumerate() {
            let text = field
                .metadata()
                .get(COMMENT)
                .map(String::as_str)
                .or_else(|| defined.get(field.name().as_str()).copied())
                .or_else(|| of_view(table, field.name()));
            if let Some(text) = text {
                push(Some(field.name().clone()), i + 1, text.to_owned());
            }
        }
    }
}

/// What a column of a view means, if its name says so in this view or in all of them.
fn of_view(view: &str, column: &str) -> Option<&'static str> {
    let said = |name: &str| {
        let mut known = COLUMNS
            .lines()
            .filter(|line| !line.starts_with('#'))
            .filter_map(|line| line.split_once(' '));
        known
            .find(|(known, _)| *known == name)
            .map(|(_, text)| text)
    };
    said(&format!("{view}.{column}")).or_else(|| said(column))
}

/// The comment a view's query opens with, as one line.
fn head(sql: &str) -> String {
    let lines: Vec<&str> = sql
        .lines()
        .map_while(|line| line.trim().strip_prefix("--"))
        .map(str::trim)
        .collect();
    lines.join(" ")
}

/// The two views that are computed, not queried.
fn ratio(name: &str) -> Option<String> {
    let text = match name {
        "off_site_ratio" => {
            "The off-site share per year, for the total and per body, month, method and class."
        }
        "off_site_ratio_acts" => {
            "Every inspection act with its fate: counted off-site, on-site, or why not."
        }
        _ => return None,
    };
    Some(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_view_says_what_one_row_is() {
        for (name, sql) in views::VIEWS {
            assert!(!head(sql).is_empty(), "{name}");
        }
    }

    #[test]
    fn a_view_says_of_its_own_column_what_it_means_there() {
        assert!(of_view("daily", "value").is_some_and(|text| text.contains("valid hours")));
        assert!(of_view("hourly", "value").is_some_and(|text| !text.contains("valid hours")));
        assert_eq!(of_view("hourly", "nothing"), None);
    }
}
