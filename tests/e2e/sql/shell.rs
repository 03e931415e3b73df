//! `nonsite sql` as an analyst has it before the eyes: the shell on a terminal, and files of rows.
//!
//! `script` of util-linux lends the terminal.

use std::fs::File;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio};

use arrow::record_batch::RecordBatch;
use datafusion::parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use crate::harness::sandbox::{Sandbox, binary};
use crate::harness::wait_for;

/// What the shell waits with for a question, and for the rest of one.
const PROMPT: &str = "nonsite=> ";
const FURTHER: &str = "nonsite-> ";
/// A question whose answer takes hours.
const ENDLESS: &str = "SELECT count(*) FROM generate_series(1, 4000000) a, generate_series(1, 4000000) b \
     WHERE a.value % 7 = b.value % 11;";
const UP: &str = "\x1b[A";
const INTERRUPT: &str = "\x03";

/// The shell on a terminal of 24 lines with 100 columns; killed when dropped.
struct Terminal {
    child: Child,
    keys: ChildStdin,
    screen: PathBuf,
    /// Bytes of the screen that have been looked at.
    seen: usize,
}

impl Terminal {
    fn open(sandbox: &Sandbox) -> Self {
        let screen = sandbox.file("screen.log");
        let mut command = Command::new("script");
        for (key, _) in std::env::vars_os() {
            if key.to_string_lossy().starts_with("NONSITE") {
                command.env_remove(key);
            }
        }
        let mut child = command
            .args(["-q", "-e", "-c"])
            .arg("stty rows 24 cols 100; exec \"$UNDER_TEST\" sql")
            .arg("/dev/null")
            .env("UNDER_TEST", binary())
            .env("SHELL", "/bin/sh")
            .env("TERM", "xterm")
            .env("PAGER", "cat > paged.txt")
            .env("NONSITE_SQL_HISTORY", sandbox.file("state/history"))
            .current_dir(sandbox.path())
            .stdin(Stdio::piped())
            .stdout(File::create(&screen).unwrap())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| panic!("`script` does not start: {error}"));
        let keys = child.stdin.take().expect("piped");
        let mut terminal = Self {
            child,
            keys,
            screen,
            seen: 0,
        };
        terminal.shows("the first prompt", |text| text.ends_with(PROMPT));
        terminal
    }

    fn press(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).unwrap();
        self.keys.flush().unwrap();
    }

    /// What is new on the screen once it is what it should be.
    fn shows(&mut self, what: &str, is: impl Fn(&str) -> bool) -> String {
        let (screen, seen) = (self.screen.clone(), self.seen);
        let (end, text) = wait_for(what, || {
            let bytes = std::fs::read(&screen).unwrap();
            let text = plain(&String::from_utf8_lossy(&bytes[seen..]));
            is(&text).then_some((bytes.len(), text))
        });
        self.seen = end;
        text
    }

    /// What a line leads to, up to the next prompt.
    fn enter(&mut self, line: &str) -> String {
        self.press(&format!("{line}\r"));
        self.shows(line, |text| text.contains('\n') && text.ends_with(PROMPT))
    }

    /// The exit code once it has ended.
    fn ends(mut self) -> Option<i32> {
        let child = &mut self.child;
        wait_for("the end of the shell", || child.try_wait().unwrap()).code()
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // It has ended already when all went well.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A text of a terminal without what moves the cursor and clears lines.
fn plain(text: &str) -> String {
    let mut plain = String::new();
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '\r' => {}
            '\x1b' => {
                // ESC [ parameters letter
                if letters.next() == Some('[') {
                    letters.find(|letter| ('@'..='~').contains(letter));
                }
            }
            letter => plain.push(letter),
        }
    }
    plain
}

/// A sandbox over tables without rows.
fn sandbox(name: &str) -> Sandbox {
    let mut sandbox = Sandbox::without_broker(name);
    std::fs::create_dir(sandbox.file("tables")).unwrap();
    sandbox.set("store.path", "tables");
    sandbox
}

/// Rows of a Parquet file.
fn rows_of(sandbox: &Sandbox, name: &str) -> Vec<RecordBatch> {
    let file = File::open(sandbox.file(name)).unwrap();
    let reader = ParquetRecordBatchReaderBuilder::try_new(file).unwrap();
    reader.build().unwrap().map(Result::unwrap).collect()
}

fn count(batches: &[RecordBatch]) -> usize {
    batches.iter().map(RecordBatch::num_rows).sum()
}

#[track_caller]
fn assert_shows(text: &str, wanted: &[&str]) {
    for part in wanted {
        assert!(text.contains(part), "no `{part}` in:\n{text}");
    }
}

#[test]
fn the_shell_describes_completes_pages_and_remembers() {
    let sandbox = sandbox("sql-shell");
    let mut shell = Terminal::open(&sandbox);
    what_there_is(&sandbox, &mut shell);
    questions(&mut shell);
    rows_go_to_files(&sandbox, &mut shell);
    shell.press("\\q\r");
    assert_eq!(shell.ends(), Some(0));

    let history = std::fs::read_to_string(sandbox.file("state/history")).unwrap();
    assert_shows(
        &history,
        &["SELECT 1 AS one,\\n2 AS two;", "d anomalies", "timing"],
    );
    // A space before it keeps a line out.
    assert!(!history.contains("secret"), "{history}");
    // The last line was the one that leaves.
    let mut again = Terminal::open(&sandbox);
    again.press(&format!("{UP}\r"));
    assert_eq!(again.ends(), Some(0));
    // So does the end of the input.
    let mut third = Terminal::open(&sandbox);
    third.press("\x04");
    assert_eq!(third.ends(), Some(0));
}

/// `\d`, with the pager for what is longer than the screen.
fn what_there_is(sandbox: &Sandbox, shell: &mut Terminal) {
    let text = shell.enter("\\d");
    assert!(!text.contains("anomalies_current"), "not paged:\n{text}");
    let paged = std::fs::read_to_string(sandbox.file("paged.txt")).unwrap();
    assert_shows(
        &paged,
        &[
            "what one row is",
            "anomalies_current",
            "nonsite_meta",
            "slow_queries",
        ],
    );
    assert_shows(&shell.enter("\\pager"), &["The pager is off."]);
    let text = shell.enter("\\d anomalies");
    assert_shows(
        &text,
        &["nonsite.anomalies: ", "column", "meaning", "severity"],
    );
    let text = shell.enter("\\d nonsite_meta.versions");
    assert_shows(&text, &["nonsite_meta.versions: ", "is_current"]);
    let text = shell.enter("\\d nothing");
    assert_shows(&text, &["there is no table or view `nothing`"]);
    assert_shows(&shell.enter("\\?"), &["tables and views"]);
    assert_shows(&shell.enter("\\x"), &["`\\x` is no command", "\\timing"]);
    assert_shows(&shell.enter("\\pager"), &["The pager is on."]);
}

fn questions(shell: &mut Terminal) {
    shell.press("SELECT 1 AS one,\r");
    shell.shows("the prompt for the rest", |text| text.ends_with(FURTHER));
    let text = shell.enter("2 AS two;");
    assert_shows(&text, &["| one | two |", "| 1   | 2   |", "(1 row)"]);
    shell.enter(" SELECT 'secret' AS word;");
    assert_shows(&shell.enter("SELECT nope;"), &["No field named nope"]);
    assert_shows(&shell.enter("\\timing"), &["Timing is on."]);
    assert_shows(&shell.enter("SELECT 41 + 1 AS n;"), &["| 42 |", "Time: "]);
    shell.enter("\\timing");
    // A table, and a word that stays as small as it was begun.
    let text = shell.enter("sel\t count(*) AS n FROM anomalies_c\t;");
    assert_shows(
        &text,
        &["select count(*) AS n FROM anomalies_current;", "| 0 |"],
    );
    // What was begun is dropped.
    shell.press("SELECT 1 AS dropped");
    shell.shows("what was typed", |text| text.ends_with("dropped"));
    shell.press(INTERRUPT);
    shell.shows("a new prompt", |text| text.ends_with(PROMPT));
    // A question is stopped, and the next one is answered.
    shell.press(&format!("{ENDLESS}\r"));
    shell.shows("how far it is", |text| text.contains(" 0 rows"));
    shell.press(INTERRUPT);
    let text = shell.shows("that it is stopped", |text| {
        text.contains("due to user request") && text.ends_with(PROMPT)
    });
    assert!(!text.contains("(1 row)"), "{text}");
    assert_shows(&shell.enter("SELECT 43 AS n;"), &["| 43 |"]);
}

fn rows_go_to_files(sandbox: &Sandbox, shell: &mut Terminal) {
    shell.enter("\\format csv");
    shell.enter("\\o rows.csv");
    assert_shows(&shell.enter("SELECT 1 AS x;"), &["1 row written"]);
    let text = shell.enter("SELECT 2 AS x; SELECT 3 AS x;");
    assert_shows(&text, &["1 row written"]);
    let csv = || std::fs::read_to_string(sandbox.file("rows.csv")).unwrap();
    assert_eq!(csv(), "x\n1\nx\n2\nx\n3\n");
    // Named anew it begins anew.
    shell.enter("\\o rows.csv");
    shell.enter("SELECT 4 AS x;");
    assert_eq!(csv(), "x\n4\n");
    shell.enter("\\format parquet");
    let refused = "a Parquet file holds the rows of one question";
    assert_shows(&shell.enter("SELECT 5 AS x;"), &[refused]);
    assert_eq!(csv(), "x\n4\n");
    shell.enter("\\o");
    assert_shows(&shell.enter("SELECT 5 AS x;"), &["parquet goes to a file"]);
    shell.enter("\\o rows.parquet");
    let text = shell.enter("SELECT value AS n FROM generate_series(1, 5);");
    assert_shows(&text, &["5 rows written"]);
    assert_shows(&shell.enter("SELECT 6 AS x;"), &[refused]);
    assert_eq!(count(&rows_of(sandbox, "rows.parquet")), 5);
    // A file that cannot be made ends nothing.
    shell.enter("\\o nowhere/rows.parquet");
    assert_shows(&shell.enter("SELECT 7 AS x;"), &["nowhere/rows.parquet"]);
    shell.enter("\\o");
    shell.enter("\\format json");
    assert_shows(&shell.enter("SELECT 8 AS x;"), &["\"x\": 8"]);
}

#[test]
fn parquet_files_hold_whole_answers() {
    let sandbox = sandbox("sql-parquet");
    let write = |sql: &str| {
        sandbox.run(&[
            "sql",
            "--format",
            "parquet",
            "-o",
            "rows.parquet",
            "-e",
            sql,
        ])
    };
    write(
        "SELECT value AS n, CAST(value AS VARCHAR) AS text, [value, 2] AS list,
                TIMESTAMP '2025-06-01T00:00:00Z' AS at, CAST(NULL AS DOUBLE) AS nothing
         FROM generate_series(1, 20000)",
    )
    .done();
    let batches = rows_of(&sandbox, "rows.parquet");
    assert_eq!(count(&batches), 20_000);
    let schema = batches[0].schema();
    let names: Vec<&str> = schema
        .fields()
        .iter()
        .map(|field| field.name().as_str())
        .collect();
    assert_eq!(names, ["n", "text", "list", "at", "nothing"]);
    // Without rows it has its columns, and two queries of the same columns go together.
    write("SELECT count(*) AS n FROM anomalies HAVING count(*) > 0").done();
    assert_eq!(count(&rows_of(&sandbox, "rows.parquet")), 0);
    write("SELECT 1 AS n; SELECT 2 AS n").done();
    assert_eq!(count(&rows_of(&sandbox, "rows.parquet")), 2);
    write("SELECT 1 AS n; SELECT 'x' AS text")
        .exits(2)
        .complains(&["one set of columns"]);
    sandbox
        .run(&["sql", "--format", "parquet", "-e", "SELECT 1"])
        .exits(2)
        .complains(&["parquet goes to a file"]);
}
