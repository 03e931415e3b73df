//! Where rows go: the terminal, with a pager when they do not fit, or a file.

use std::fs::File;
use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Arc;

use arrow::datatypes::{Schema, SchemaRef};
use arrow::record_batch::{RecordBatch, RecordBatchOptions};
use clap::ValueEnum;
use datafusion::parquet::arrow::ArrowWriter;
use nonsite_analytics::session::render;

use crate::exit::Usage;

/// How rows are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Default)]
pub(crate) enum Form {
    /// An aligned table.
    #[default]
    Table,
    /// One JSON array.
    Json,
    /// Comma-separated values with a header line.
    Csv,
    /// A Parquet file.
    Parquet,
}

/// Where rows go, and how.
pub(super) struct Target {
    form: Form,
    file: Option<(PathBuf, File)>,
    /// The writer, and the columns it began with.
    parquet: Option<(ArrowWriter<File>, SchemaRef)>,
}

impl Target {
    /// Opens the file, when there is one, and drops what is in it.
    pub(super) fn new(form: Form, path: Option<PathBuf>) -> anyhow::Result<Self> {
        Self::open(form, path, false)
    }

    /// Opens a file to go on after what is in it; not for Parquet, which has an end.
    pub(super) fn further(form: Form, path: PathBuf) -> anyhow::Result<Self> {
        Self::open(form, Some(path), true)
    }

    fn open(form: Form, path: Option<PathBuf>, further: bool) -> anyhow::Result<Self> {
        if form == Form::Parquet && path.is_none() {
            return Err(Usage(
                "parquet goes to a file: name it with -o (in the shell: \\o FILE)".to_owned(),
            )
            .into());
        }
        let file = match path {
            None => None,
            Some(path) => {
                let file = if further {
                    File::options().append(true).create(true).open(&path)
                } else {
                    File::create(&path)
                };
                let file = file.map_err(|error| Usage(format!("{}: {error}", path.display())))?;
                Some((path, file))
            }
        };
        Ok(Self {
            form,
            file,
            parquet: None,
        })
    }

    /// Writes the rows of one query.
    pub(super) fn write(&mut self, batches: &[RecordBatch]) -> anyhow::Result<()> {
        if self.form == Form::Parquet {
            return self.write_parquet(batches);
        }
        let mut text = match self.form {
            Form::Json => render::json(batches)?,
            Form::Csv => render::csv(batches)?,
            _ => render::table(batches)?,
        };
        if !text.ends_with('\n') {
            text.push('\n');
        }
        match &mut self.file {
            Some((_, file)) => file.write_all(text.as_bytes())?,
            None => print!("{text}"),
        }
        Ok(())
    }

    fn write_parquet(&mut self, batches: &[RecordBatch]) -> anyhow::Result<()> {
        let Some(first) = batches.first() else {
            return Ok(());
        };
        if self.parquet.is_none() {
            let Some((path, file)) = &self.file else {
                return Err(Usage("parquet goes to a file".to_owned()).into());
            };
            let schema = first.schema();
            let writer = ArrowWriter::try_new(file.try_clone()?, Arc::clone(&schema), None)
                .map_err(|error| Usage(format!("{}: {error}", path.display())))?;
            self.parquet = Some((writer, schema));
        }
        if let Some((writer, schema)) = &mut self.parquet {
            if !same_columns(schema, &first.schema()) {
                return Err(Usage(
                    "a Parquet file has one set of columns: write the rows of this query to another"
                        .to_owned(),
                )
                .into());
            }
            for batch in batches {
                let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
                let columns = batch.columns().to_vec();
                let batch =
                    RecordBatch::try_new_with_options(Arc::clone(schema), columns, &options)
                        .map_err(|error| Usage(error.to_string()))?;
                writer.write(&batch)?;
            }
        }
        Ok(())
    }

    /// Completes the file.
    pub(super) fn finish(mut self) -> anyhow::Result<()> {
        if let Some((writer, _)) = self.parquet.take() {
            writer.close()?;
        }
        Ok(())
    }
}

/// Whether two queries have columns of the same names and types.
fn same_columns(one: &Schema, other: &Schema) -> bool {
    let one = one.fields().iter();
    let other = other.fields().iter();
    one.map(|field| (field.name(), field.data_type()))
        .eq(other.map(|field| (field.name(), field.data_type())))
}

/// Prints a text, through a pager when it is higher or wider than the terminal.
pub(super) fn page(text: &str, screen: Option<(usize, usize)>) -> std::io::Result<()> {
    let fits = screen.is_none_or(|(columns, rows)| {
        text.lines().count() < rows && text.lines().all(|line| line.chars().count() <= columns)
    });
    if fits || !std::io::stdout().is_terminal() {
        return std::io::stdout().write_all(text.as_bytes());
    }
    let wanted = std::env::var("PAGER").unwrap_or_default();
    let wanted = if wanted.trim().is_empty() {
        // Long lines are cut and can be scrolled to; what fits on one screen is just printed.
        "less -SFRX".to_owned()
    } else {
        wanted
    };
    let child = Command::new("sh")
        .arg("-c")
        .arg(&wanted)
        .stdin(Stdio::piped())
        .spawn();
    let Ok(mut child) = child else {
        return std::io::stdout().write_all(text.as_bytes());
    };
    if let Some(mut stdin) = child.stdin.take() {
        // Whoever leaves the pager early closes the pipe.
        let _ = stdin.write_all(text.as_bytes());
    }
    child.wait().map(drop)
}
