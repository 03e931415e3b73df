//! The interactive shell.

use std::path::{Path, PathBuf};
use std::time::Instant;

use nonsite_access::sql::catalogue::{Catalogue, META, TABLES};
use nonsite_access::sql::guard;
use nonsite_analytics::session::render;
use rustyline::error::ReadlineError;
use rustyline::history::FileHistory;
use rustyline::{Config, Editor};

use super::complete::{COMMANDS, Names};
use super::output::{Form, Target, page};
use super::{Asker, describe};
use crate::exit::Exit;

/// Entries of the history that are kept.
const HISTORY: usize = 1_000;

const HELP: &str = "\
SELECT ... ;              ask; a question ends with a semicolon
\\d                        tables and views
\\d NAME                   columns of one
\\format table|csv|json|parquet
\\o FILE, \\o               rows go to the file, to the screen
\\timing                   show how long each question took, or stop
\\pager                    use the pager for long answers, or stop
\\q                        leave (also Ctrl-D); Ctrl-C stops a question
";

/// What the shell is set to.
struct Shell<'a> {
    asker: &'a Asker,
    form: Form,
    file: Option<PathBuf>,
    /// How the rows are written that the file has already.
    written: Option<Form>,
    timing: bool,
    pager: bool,
}

pub(super) async fn run(asker: &Asker, form: Form, file: Option<PathBuf>) -> anyhow::Result<Exit> {
    asker.ready().await?;
    let config = Config::builder()
        .max_history_size(HISTORY)?
        .history_ignore_space(true)
        .auto_add_history(false)
        .build();
    let mut editor: Editor<Names, FileHistory> = Editor::with_config(config)?;
    let catalogue = asker.catalogue().await.map_err(super::asked)?;
    editor.set_helper(Some(Names(names(&catalogue).await)));
    let history = history();
    if let Some(path) = &history {
        // There is none before the first time.
        let _ = editor.load_history(path);
    }
    println!(
        "nonsite {}: questions end with ; \\? for help",
        env!("CARGO_PKG_VERSION")
    );
    let mut shell = Shell {
        asker,
        form,
        file,
        written: None,
        timing: false,
        pager: true,
    };
    let mut typed = String::new();
    loop {
        let prompt = if typed.is_empty() {
            "nonsite=> "
        } else {
            "nonsite-> "
        };
        // Reading blocks this thread; the others go on.
        let line = tokio::task::block_in_place(|| editor.readline(prompt));
        match line {
            Ok(line) => {
                if typed.is_empty() && line.trim_start().starts_with('\\') {
                    let _ = editor.add_history_entry(line.trim_end());
                    let screen = editor
                        .dimensions()
                        .map(|(wide, high)| (usize::from(wide), usize::from(high)));
                    match shell.command(line.trim(), screen).await {
                        Ok(true) => {}
                        Ok(false) => break,
                        Err(error) => eprintln!("{error:#}"),
                    }
                    continue;
                }
                if !typed.is_empty() {
                    typed.push('\n');
                }
                typed.push_str(&line);
                if !typed.trim_end().ends_with(';') {
                    if typed.trim().is_empty() {
                        typed.clear();
                    }
                    continue;
                }
                let question = std::mem::take(&mut typed);
                // With the space before it, which keeps a question out of the history.
                let _ = editor.add_history_entry(question.trim_end());
                let screen = editor
                    .dimensions()
                    .map(|(wide, high)| (usize::from(wide), usize::from(high)));
                if let Err(error) = shell.ask(&question, screen).await {
                    eprintln!("{error:#}");
                }
            }
            // What was typed so far is dropped, as in other shells.
            Err(ReadlineError::Interrupted) => typed.clear(),
            Err(ReadlineError::Eof) => break,
            Err(error) => return Err(error.into()),
        }
    }
    if let Some(path) = &history {
        if let Some(folder) = path.parent() {
            let _ = std::fs::create_dir_all(folder);
        }
        if let Err(error) = editor.save_history(path) {
            eprintln!("{}: {error}", path.display());
        }
    }
    Ok(Exit::Done)
}

impl Shell<'_> {
    /// Asks, prints, and says how long it took.
    async fn ask(&mut self, question: &str, screen: Option<(usize, usize)>) -> anyhow::Result<()> {
        let started = Instant::now();
        let mut target = None;
        let outcome = self.steps(question, screen, &mut target).await;
        // What was written before something failed is whole.
        if let Some(target) = target {
            target.finish()?;
        }
        outcome?;
        if self.timing {
            println!("Time: {:.1} ms", started.elapsed().as_secs_f64() * 1_000.0);
        }
        Ok(())
    }

    /// Answers one statement after the other; a file is opened by the first that has rows.
    async fn steps(
        &mut self,
        question: &str,
        screen: Option<(usize, usize)>,
        target: &mut Option<Target>,
    ) -> anyhow::Result<()> {
        for step in guard::steps(question).map_err(super::asked)? {
            let answer = self.asker.answer(question, &step).await;
            let Some(batches) = answer.map_err(super::asked)? else {
                continue;
            };
            let rows: usize = batches.iter().map(|batch| batch.num_rows()).sum();
            if let Some(path) = &self.file {
                let open = match target.take() {
                    Some(open) => open,
                    None => self.open(path)?,
                };
                target.insert(open).write(&batches)?;
                self.written = Some(self.form);
                let word = if rows == 1 { "row" } else { "rows" };
                println!("{rows} {word} written");
            } else {
                let mut text = match self.form {
                    Form::Json => render::json(&batches)?,
                    Form::Csv => render::csv(&batches)?,
                    Form::Table => render::table(&batches)?,
                    Form::Parquet => anyhow::bail!("parquet goes to a file: \\o FILE"),
                };
                if !text.ends_with('\n') {
                    text.push('\n');
                }
                if self.form == Form::Table {
                    let word = if rows == 1 { "row" } else { "rows" };
                    text.push_str(&format!("({rows} {word})\n"));
                }
                page(&text, if self.pager { screen } else { None })?;
            }
        }
        Ok(())
    }

    /// The file for the rows of one more question.
    fn open(&self, path: &Path) -> anyhow::Result<Target> {
        match (self.written, self.form) {
            (None, form) => Target::new(form, Some(path.to_owned())),
            (Some(Form::Parquet), _) | (Some(_), Form::Parquet) => anyhow::bail!(
                "{}: a Parquet file holds the rows of one question, name another one with \\o FILE",
                path.display()
            ),
            (Some(_), form) => Target::further(form, path.to_owned()),
        }
    }

    /// Carries out a command; false when it was the last one.
    async fn command(
        &mut self,
        line: &str,
        screen: Option<(usize, usize)>,
    ) -> anyhow::Result<bool> {
        let (command, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
        let rest = rest.trim().trim_end_matches(';');
        let screen = if self.pager { screen } else { None };
        match command.trim_end_matches(';') {
            "\\q" => return Ok(false),
            "\\?" => print!("{HELP}"),
            "\\d" | "\\d+" | "\\dt" => {
                let catalogue = self.asker.catalogue().await.map_err(super::asked)?;
                if rest.is_empty() {
                    page(&describe::tables(&catalogue), screen)?;
                } else {
                    match describe::columns(&catalogue, rest)
                        .await
                        .map_err(super::asked)?
                    {
                        Some(text) => page(&text, screen)?,
                        None => anyhow::bail!("there is no table or view `{rest}`; \\d lists them"),
                    }
                }
            }
            "\\timing" => {
                self.timing = !self.timing;
                println!("Timing is {}.", on(self.timing));
            }
            "\\pager" => {
                self.pager = !self.pager;
                println!("The pager is {}.", on(self.pager));
            }
            "\\o" => {
                self.file = (!rest.is_empty()).then(|| PathBuf::from(rest));
                self.written = None;
            }
            "\\format" => {
                self.form = match rest {
                    "table" => Form::Table,
                    "csv" => Form::Csv,
                    "json" => Form::Json,
                    "parquet" => Form::Parquet,
                    other => anyhow::bail!("`{other}` is no format: table, csv, json or parquet"),
                }
            }
            other => anyhow::bail!("`{other}` is no command; there are {}", COMMANDS.join(" ")),
        }
        Ok(true)
    }
}

fn on(set: bool) -> &'static str {
    if set { "on" } else { "off" }
}

/// Names that can be completed.
async fn names(catalogue: &Catalogue) -> Vec<String> {
    let mut names = vec![TABLES.to_owned(), META.to_owned()];
    for schema in [TABLES, META] {
        for name in catalogue.names(schema) {
            if let Ok(Some(table)) = catalogue.table(schema, &name).await {
                let schema = table.schema();
                names.extend(schema.fields().iter().map(|field| field.name().clone()));
            }
            names.push(name);
        }
    }
    names.extend(catalogue.functions());
    names.sort();
    names.dedup();
    names
}

/// File of the history; none where there is no home.
fn history() -> Option<PathBuf> {
    let given = std::env::var_os("NONSITE_SQL_HISTORY").map(PathBuf::from);
    let state = || {
        let state = std::env::var_os("XDG_STATE_HOME").map(PathBuf::from);
        let home = || std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".local/state"));
        Some(state.or_else(home)?.join("nonsite/sql_history"))
    };
    given.or_else(state)
}
