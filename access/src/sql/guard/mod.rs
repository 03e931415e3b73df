//! Where text becomes something that may run: the one way from a client to the engine.
//!
//! Invariants:
//! - only what stands on the list of [`Step`] passes; a kind of statement nobody thought of is
//!   refused;
//! - the plan is checked, not only the text: every node of it, those of subqueries included, must
//!   be one that reads. A statement that looks like a query and plans as something else (SELECT
//!   INTO, a CTE that writes) is refused here;
//! - of a text with several statements none runs when one is refused;
//! - what a checked plan can read is what the user's own catalogue holds: there is no way to name a
//!   file or an address, because nothing is registered that would open one.
//!
//! Failure modes: [`Fault`], in the words of whoever asked.

mod compat;
mod plan;
mod questions;
mod settings;
mod templates;

pub(crate) use compat::number_parameters;
pub use plan::check;
pub use settings::{Setting, assign, canonical};

use datafusion::execution::session_state::SessionState;
use datafusion::logical_expr::LogicalPlan;
use datafusion::sql::parser::Statement as Planned;
use datafusion::sql::sqlparser::ast::{
    self, CopyLegacyCsvOption, CopyLegacyOption, CopyOption, CopySource, CopyTarget, DiscardObject,
    Expr, Statement,
};

use super::catalogue::{DATABASE, TABLES, load_limits};
use super::{Fault, FaultKind};

/// A statement that may run.
#[derive(Debug, Clone)]
pub enum Step {
    /// A query.
    Query(Box<Statement>),
    /// Rows of a query as text: `COPY (query) TO STDOUT`.
    CopyOut {
        /// The query.
        query: Box<Statement>,
        /// How rows are written.
        form: CopyForm,
    },
    /// A setting of this connection.
    Set(Setting),
    /// The value of a setting of this connection.
    Show(String),
    /// Start of a transaction: the tables stay as they are now.
    Begin,
    /// End of a transaction.
    End {
        /// Whether it was a ROLLBACK.
        rollback: bool,
    },
    /// A statement kept under a name of SQL's own.
    Prepare {
        /// Its name.
        name: String,
        /// The query, with `$n` where values go.
        query: Box<Statement>,
    },
    /// A kept statement with its values.
    Execute {
        /// Its name.
        name: String,
        /// One expression without columns per value.
        values: Vec<Expr>,
    },
    /// Forget a kept statement, all when none is named.
    Deallocate(Option<String>),
    /// Settings go back to their defaults.
    Reset,
    /// The connection is as if it were new: no settings, statements, cursors.
    Discard,
    /// A cursor over a query.
    Declare {
        /// Its name.
        name: String,
        /// The query.
        query: Box<Statement>,
    },
    /// The next rows of a cursor; all when there is no number.
    Fetch {
        /// Its name.
        name: String,
        /// How many rows.
        rows: Option<usize>,
    },
    /// Close a cursor, all when none is named.
    Close(Option<String>),
    /// Nothing to do here; the word is what the client is told.
    Nothing(&'static str),
}

/// How `COPY ... TO STDOUT` writes rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CopyForm {
    /// CSV, else PostgreSQL's text form.
    pub csv: bool,
    /// A first line with the names.
    pub header: bool,
    /// Between two values.
    pub delimiter: char,
    /// What stands for null.
    pub null: String,
}

/// Splits a text into steps, all of them allowed.
///
/// # Errors
/// Not SQL, or a statement that is refused.
pub fn steps(text: &str) -> Result<Vec<Step>, Fault> {
    compat::parse(text)?.into_iter().map(step).collect()
}

/// Classes one statement.
fn step(statement: Statement) -> Result<Step, Fault> {
    match statement {
        Statement::Query(_) => query(statement).map(Step::Query),
        Statement::Explain {
            statement: ref inner,
            ..
        } => match **inner {
            Statement::Query(_) => query(statement).map(Step::Query),
            ref other => Err(Fault::refused(format!("EXPLAIN {}", verb(other)))),
        },
        Statement::ExplainTable { .. }
        | Statement::ShowTables { .. }
        | Statement::ShowColumns { .. } => query(statement).map(Step::Query),
        Statement::Copy {
            source,
            to,
            target,
            options,
            legacy_options,
            ..
        } => copy(source, to, &target, &options, &legacy_options),
        Statement::Set(set) => settings::set(&set),
        Statement::ShowVariable { variable } => {
            let words: Vec<&str> = variable.iter().map(|word| word.value.as_str()).collect();
            settings::show(&words)
        }
        Statement::Reset(reset) => settings::reset(&reset),
        Statement::StartTransaction { statements, .. } if statements.is_empty() => Ok(Step::Begin),
        Statement::Commit { .. } => Ok(Step::End { rollback: false }),
        Statement::Rollback {
            savepoint: None, ..
        } => Ok(Step::End { rollback: true }),
        Statement::Rollback { .. } => Ok(Step::Nothing("ROLLBACK")),
        Statement::Savepoint { .. } => Ok(Step::Nothing("SAVEPOINT")),
        Statement::ReleaseSavepoint { .. } => Ok(Step::Nothing("RELEASE")),
        Statement::UNLISTEN { .. } => Ok(Step::Nothing("UNLISTEN")),
        Statement::Discard { object_type } => Ok(match object_type {
            DiscardObject::ALL => Step::Discard,
            _ => Step::Nothing("DISCARD"),
        }),
        Statement::Prepare {
            name, statement, ..
        } => match *statement {
            Statement::Query(_) => Ok(Step::Prepare {
                name: name.value,
                query: query(*statement)?,
            }),
            other => Err(Fault::refused(format!("PREPARE of {}", verb(&other)))),
        },
        Statement::Execute {
            name: Some(name),
            parameters,
            immediate: false,
            ..
        } if !name.to_string().eq_ignore_ascii_case("immediate") => Ok(Step::Execute {
            name: name.to_string(),
            values: parameters,
        }),
        Statement::Deallocate { name, .. } => Ok(Step::Deallocate(
            (!name.value.eq_ignore_ascii_case("all")).then_some(name.value),
        )),
        Statement::Declare { stmts } => declare(stmts),
        Statement::Fetch {
            name, direction, ..
        } => Ok(Step::Fetch {
            name: name.value,
            rows: rows_of(&direction)?,
        }),
        Statement::Close { cursor } => Ok(Step::Close(match cursor {
            ast::CloseCursor::All => None,
            ast::CloseCursor::Specific { name } => Some(name.value),
        })),
        other => Err(Fault::refused(verb(&other))),
    }
}

/// A query whose text says already that it would write.
fn query(statement: Statement) -> Result<Box<Statement>, Fault> {
    if let Some(writes) = compat::writes(&statement) {
        return Err(Fault::refused(writes));
    }
    Ok(Box::new(statement))
}

/// The first word or two of a statement, to name it in a message.
fn verb(statement: &Statement) -> String {
    let text = statement.to_string();
    let words: Vec<&str> = text.split_whitespace().take(2).collect();
    let two = matches!(
        words.first(),
        Some(&("CREATE" | "DROP" | "ALTER" | "INSERT" | "LOAD" | "TRUNCATE"))
    );
    words[..words.len().min(if two { 2 } else { 1 })].join(" ")
}

fn copy(
    source: CopySource,
    to: bool,
    target: &CopyTarget,
    options: &[CopyOption],
    legacy: &[CopyLegacyOption],
) -> Result<Step, Fault> {
    if !to {
        return Err(Fault::refused("COPY ... FROM"));
    }
    if !matches!(target, CopyTarget::Stdout) {
        return Err(Fault::refused("COPY to a file or a program"));
    }
    let query = match source {
        CopySource::Query(inner) => query(Statement::Query(inner))?,
        CopySource::Table {
            table_name,
            columns,
        } => {
            let names = if columns.is_empty() {
                "*".to_owned()
            } else {
                let names: Vec<String> = columns.iter().map(ToString::to_string).collect();
                names.join(", ")
            };
            // Both are identifiers as parsed, so they read back as what they were.
            let text = format!("SELECT {names} FROM {table_name}");
            match compat::parse(&text)?.pop() {
                Some(statement) => query(statement)?,
                None => return Err(Fault::new(FaultKind::Syntax, "COPY of nothing")),
            }
        }
    };
    let mut form = CopyForm {
        csv: false,
        header: false,
        delimiter: '\t',
        null: "\\N".to_owned(),
    };
    let (mut delimiter, mut null) = (None, None);
    for option in options {
        match option {
            CopyOption::Format(name) if name.value.eq_ignore_ascii_case("csv") => form.csv = true,
            CopyOption::Format(name) if name.value.eq_ignore_ascii_case("text") => {}
            CopyOption::Header(header) => form.header = *header,
            CopyOption::Delimiter(given) => delimiter = Some(*given),
            CopyOption::Null(given) => null = Some(given.clone()),
            CopyOption::Encoding(name) if name.eq_ignore_ascii_case("utf8") => {}
            other => {
                return Err(Fault::new(
                    FaultKind::Unsupported,
                    format!(
                        "COPY option {other} is not available; FORMAT csv or text, HEADER, DELIMITER, NULL and ENCODING 'utf8' are"
                    ),
                ));
            }
        }
    }
    for option in legacy {
        match option {
            CopyLegacyOption::Csv(parts) => {
                form.csv = true;
                form.header |= parts.contains(&CopyLegacyCsvOption::Header);
            }
            CopyLegacyOption::Header => form.header = true,
            CopyLegacyOption::Delimiter(given) => delimiter = Some(*given),
            CopyLegacyOption::Null(given) => null = Some(given.clone()),
            other => {
                return Err(Fault::new(
                    FaultKind::Unsupported,
                    format!("COPY option {other} is not available"),
                ));
            }
        }
    }
    if form.csv {
        (form.delimiter, form.null) = (',', String::new());
    }
    form.delimiter = delimiter.unwrap_or(form.delimiter);
    form.null = null.unwrap_or(form.null);
    Ok(Step::CopyOut { query, form })
}

fn declare(stmts: Vec<ast::Declare>) -> Result<Step, Fault> {
    let mut stmts = stmts.into_iter();
    let (Some(declared), None) = (stmts.next(), stmts.next()) else {
        return Err(Fault::new(
            FaultKind::Unsupported,
            "one DECLARE declares one cursor",
        ));
    };
    let name = declared.names.into_iter().next();
    match (declared.declare_type, name, declared.for_query) {
        (Some(ast::DeclareType::Cursor), Some(name), Some(inner)) => Ok(Step::Declare {
            name: name.value,
            query: query(Statement::Query(inner))?,
        }),
        _ => Err(Fault::refused("DECLARE of anything but a cursor")),
    }
}

fn rows_of(direction: &ast::FetchDirection) -> Result<Option<usize>, Fault> {
    use ast::FetchDirection as Way;
    let counted = |value: &ast::ValueWithSpan| match &value.value {
        ast::Value::Number(text, _) => text.parse().map(Some).map_err(|_| {
            Fault::new(
                FaultKind::Value,
                format!("FETCH {text}: not a number of rows"),
            )
        }),
        other => Err(Fault::new(
            FaultKind::Value,
            format!("FETCH {other}: not a number of rows"),
        )),
    };
    match direction {
        Way::Next | Way::Forward { limit: None } => Ok(Some(1)),
        Way::Count { limit } | Way::Forward { limit: Some(limit) } => counted(limit),
        Way::All | Way::ForwardAll => Ok(None),
        _ => Err(Fault::new(
            FaultKind::Unsupported,
            "a cursor moves forward only: FETCH NEXT, FETCH n, FETCH FORWARD n, FETCH ALL",
        )),
    }
}

/// Plans a query in the user's own state and checks the plan.
///
/// # Errors
/// What it names does not exist or does not fit, or the plan does more than read.
pub async fn plan(state: &SessionState, query: &Statement) -> Result<LogicalPlan, Fault> {
    let plan = state
        .statement_to_plan(Planned::Statement(Box::new(query.clone())))
        .await
        .map_err(|error| named(state, Fault::engine(&error)))?;
    check(&plan)?;
    load_limits(state, &plan).await?;
    Ok(plan)
}

/// The fault of an unknown table, with those there are.
fn named(state: &SessionState, fault: Fault) -> Fault {
    if fault.kind != FaultKind::NoTable {
        return fault;
    }
    let catalogue = state.catalog_list().catalog(DATABASE);
    let schema = catalogue.and_then(|catalogue| catalogue.schema(TABLES));
    let names = schema
        .map(|schema| schema.table_names())
        .unwrap_or_default();
    // In the engine's words: table 'nonsite.nonsite.x' not found.
    let name = fault.what.split('\'').nth(1).unwrap_or(&fault.what);
    let what = format!(
        "query: there is no table or view `{name}`; there are: {}",
        names.join(", ")
    );
    Fault::new(FaultKind::NoTable, what)
}

#[cfg(test)]
mod tests;
