//! How results are shown: aligned tables for people, JSON and CSV for programs.

use clap::ValueEnum;
use serde::Serialize;

use crate::exit::Usage;

/// The form a list command prints in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Default)]
pub(crate) enum Format {
    /// An aligned table.
    #[default]
    Table,
    /// One JSON array.
    Json,
    /// Comma-separated values with a header line.
    Csv,
}

impl Format {
    /// Refuses CSV for a command that prints no list; `what` names it, e.g. `rules show`.
    pub(crate) fn without_list(self, what: &str) -> Result<(), Usage> {
        if self == Self::Csv {
            return Err(Usage(format!(
                "`nonsite {what}` prints no list, so there is no --format csv; use table or json"
            )));
        }
        Ok(())
    }
}

/// A list to print: column headings and one row of texts per entry.
#[derive(Debug, Default)]
pub(crate) struct Listing {
    headings: Vec<&'static str>,
    rows: Vec<Vec<String>>,
}

impl Listing {
    /// An empty list under these headings.
    pub(crate) fn new(headings: &[&'static str]) -> Self {
        Self {
            headings: headings.to_vec(),
            rows: Vec::new(),
        }
    }

    /// Appends one row; a missing value is an empty text.
    pub(crate) fn row<const N: usize>(&mut self, cells: [String; N]) {
        self.rows.push(cells.into());
    }

    /// Appends one row of as many cells as there are headings.
    pub(crate) fn cells(&mut self, cells: Vec<String>) {
        self.rows.push(cells);
    }

    /// Prints the list; `items` is what `--format json` shows, with every field.
    pub(crate) fn print<T: Serialize>(&self, format: Format, items: &[T]) -> anyhow::Result<()> {
        match format {
            Format::Table => println!("{}", self.table()),
            Format::Json => println!("{}", serde_json::to_string_pretty(items)?),
            Format::Csv => print!("{}", self.csv()),
        }
        Ok(())
    }

    /// The aligned table as text.
    pub(crate) fn table(&self) -> String {
        use comfy_table::{ContentArrangement, Table, TableComponent};
        let mut table = Table::new();
        table.load_preset(comfy_table::presets::NOTHING);
        table.set_style(TableComponent::HeaderLines, '─');
        table.set_style(TableComponent::MiddleHeaderIntersections, ' ');
        // On a terminal long texts wrap inside their column; in a pipe a row stays a line.
        table.set_content_arrangement(ContentArrangement::Dynamic);
        table.set_header(self.headings.clone());
        for row in &self.rows {
            table.add_row(row.clone());
        }
        table.trim_fmt()
    }

    fn csv(&self) -> String {
        let mut text = self.headings.join(",");
        text.push('\n');
        for row in &self.rows {
            let cells: Vec<String> = row.iter().map(|cell| quoted(cell)).collect();
            text.push_str(&cells.join(","));
            text.push('\n');
        }
        text
    }
}

/// A CSV cell, quoted only where RFC 4180 asks for it.
fn quoted(cell: &str) -> String {
    if cell.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", cell.replace('"', "\"\""))
    } else {
        cell.to_owned()
    }
}
