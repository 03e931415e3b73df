//! SQL access with the clients analysts have: psql, psycopg, asyncpg, SQLAlchemy, JDBC, ADBC.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::harness::process::Process;
use crate::harness::sandbox::{Output, Sandbox, binary};
use crate::harness::wait_for;

mod shell;
mod wires;

const PASSWORD: &str = "correct horse battery";

/// A server over the tables of a small demonstration.
struct Server {
    sandbox: Sandbox,
    process: Process,
    postgres: String,
    flight: String,
}

impl Server {
    fn start() -> Self {
        let mut sandbox = Sandbox::without_broker("sql");
        sandbox
            .run(&[
                "demo",
                "--exit",
                "--days",
                "1",
                "--points",
                "12",
                "--data-dir",
                "demo",
            ])
            .done();
        sandbox.set("store.path", "demo/tables");
        sandbox.set("serve.postgres", "127.0.0.1:0");
        sandbox.set("serve.flight", "127.0.0.1:0");
        sandbox.set("serve.http", "");
        sandbox.set("serve.users", "users.toml");
        sandbox.set("serve.sql.timeout_s", 60);
        sandbox
            .run_with_input(&["user", "add", "alice", "--admin"], PASSWORD.as_bytes())
            .done();
        Self::of(sandbox)
    }

    /// Starts the server of a sandbox.
    fn of(sandbox: Sandbox) -> Self {
        let process = sandbox.spawn("serve", &["serve"]);
        let address = |name: &str| {
            let found = || {
                let output = process.output();
                let line = output.lines().find(|line| line.starts_with(name))?;
                line.split_whitespace().nth(1).map(str::to_owned)
            };
            wait_for(&format!("the address of {name}"), found)
        };
        let (postgres, flight) = (address("postgresql "), address("flight "));
        Self {
            sandbox,
            process,
            postgres,
            flight,
        }
    }

    /// `psql ARGS` as a user.
    fn psql(&self, user: &str, args: &[&str]) -> Output {
        let (host, port) = self.postgres.rsplit_once(':').expect("host:port");
        let mut command = Command::new("psql");
        command
            .args(["-X", "-h", host, "-p", port, "-U", user, "-d", "nonsite"])
            .args(["-v", "ON_ERROR_STOP=1"])
            .args(args)
            .env("PGPASSWORD", PASSWORD)
            .env("PAGER", "")
            .current_dir(self.sandbox.path());
        self.sandbox.finish(command)
    }

    /// The single value of a query.
    fn value(&self, user: &str, sql: &str) -> String {
        let output = self.psql(user, &["-At", "-c", sql]).done();
        output.stdout.trim().to_owned()
    }

    /// The checks of Python clients, by script, its set of packages and its client; what failed.
    fn python(&self, script: &str, packages: &str, args: &[&str]) -> Option<String> {
        let mut command = Command::new(prepared("setup.sh", &[packages]));
        command.arg(clients().join(script)).args(args);
        self.checked(command)
    }

    /// The checks of the JDBC drivers; what failed.
    fn java(&self) -> Vec<String> {
        let jars = prepared("jdbc.sh", &[]);
        let classes = self.sandbox.file("classes");
        let mut compile = Command::new("javac");
        compile.args(["-cp", &jars, "-d"]).arg(&classes);
        for name in ["Checks", "Jdbc", "Metabase", "FlightJdbc"] {
            compile.arg(clients().join(name).with_extension("java"));
        }
        self.sandbox.finish(compile).done();
        let path = format!("{jars}:{}", classes.display());
        let run = |name: &str| {
            let mut command = Command::new("java");
            command
                // Arrow reads memory past the collector.
                .arg("--add-opens=java.base/java.nio=ALL-UNNAMED")
                .args(["-cp", &path, name]);
            self.checked(command)
        };
        ["Jdbc", "Metabase", "FlightJdbc"]
            .into_iter()
            .filter_map(run)
            .collect()
    }

    /// Engines that read the tables from disk; what failed.
    fn engines(&self) -> Option<String> {
        let mut command = Command::new(prepared("setup.sh", &["lake"]));
        command.arg(clients().join("lake.py")).arg(binary()).args([
            "nonsite.toml",
            "demo/tables",
            "duckdb",
            "polars",
            "chdb",
        ]);
        self.checked(command)
    }

    /// Runs the checks of a client against this server; what it printed if one failed.
    fn checked(&self, mut command: Command) -> Option<String> {
        command
            .env("NONSITE_TEST_PG", &self.postgres)
            .env("NONSITE_TEST_FLIGHT", &self.flight)
            .env("NONSITE_TEST_USER", "alice")
            .env("NONSITE_TEST_PASSWORD", PASSWORD)
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .current_dir(self.sandbox.path());
        let output = self.sandbox.finish(command);
        eprint!("{}", output.stdout);
        (output.code != 0).then(|| format!("{}{}", output.stdout, output.stderr))
    }
}

/// The folder of the clients' checks.
fn clients() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/e2e/clients")
}

/// What a script of the clients' folder says after it has fetched what is missing.
fn prepared(script: &str, args: &[&str]) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/dev/clients");
    let script = folder.join(script);
    let output = Command::new(&script)
        .args(args)
        .stderr(Stdio::inherit())
        .output()
        .unwrap_or_else(|error| panic!("`{}` does not start: {error}", script.display()));
    assert!(output.status.success(), "`{}` failed", script.display());
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

#[test]
fn analysts_clients_work_and_cannot_write() {
    let mut server = Server::start();
    psql_shows_what_there_is(&server);
    psql_copies_and_prepares(&server);
    evil_statements_are_refused_on_the_wire(&server);
    every_example_of_the_guide_runs(&server);
    tables_as_they_were(&server);
    a_restricted_user_sees_its_own_rows(&server);
    let guide = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/notebook.md");
    let guide = guide.to_str().unwrap();
    let failed: Vec<String> = [
        server.python("clients.py", "drivers", &[]),
        server.python("reporting.py", "drivers", &["grafana"]),
        server.python("reporting.py", "superset", &["superset"]),
        server.python("notebook.py", "drivers", &[guide]),
        server.engines(),
    ]
    .into_iter()
    .flatten()
    .chain(server.java())
    .collect();
    assert!(failed.is_empty(), "{}", failed.join("\n"));
    server.process.terminate();
    assert!(
        server.process.wait().success(),
        "{}",
        server.process.output()
    );
}

fn psql_shows_what_there_is(server: &Server) {
    let tables = server.psql("alice", &["-c", "\\dt+"]).done().stdout;
    assert!(tables.contains("readings_raw"), "{tables}");
    assert!(tables.contains("One row per MN"), "{tables}");
    let views = server.psql("alice", &["-c", "\\dv"]).done().stdout;
    assert!(views.contains("hourly"), "{views}");
    let schemas = server.psql("alice", &["-c", "\\dn"]).done().stdout;
    assert!(schemas.contains("nonsite_meta"), "{schemas}");
    let columns = server
        .psql("alice", &["-c", "\\d readings_raw"])
        .done()
        .stdout;
    assert!(columns.contains("data_time"), "{columns}");
    assert!(columns.contains("timestamp with time zone"), "{columns}");
    let described = server.psql("alice", &["-c", "\\d+ readings_raw"]).done();
    assert!(
        described.stdout.contains("unique id of the data logger"),
        "{}",
        described.stdout
    );
    for question in [
        "\\l",
        "\\du",
        "\\df",
        "\\df+",
        "\\dT",
        "\\dn+",
        "\\dp",
        "\\di",
        "\\ds",
        "\\dm",
        "\\dx",
        "\\d+ readings",
    ] {
        server.psql("alice", &["-c", question]).done();
    }
    let several = server
        .psql("alice", &["-At", "-c", "SELECT 1; SELECT 2"])
        .done();
    assert_eq!(several.stdout, "1\n2\n");
}

fn psql_copies_and_prepares(server: &Server) {
    let copy = "\\copy (SELECT mn, factor, value FROM readings_raw ORDER BY mn LIMIT 100) TO 'out.csv' WITH (FORMAT csv, HEADER)";
    let copied = server.psql("alice", &["-c", copy]).done().stdout;
    assert_eq!(copied.trim(), "COPY 100", "the line of names is no row");
    let csv = std::fs::read_to_string(server.sandbox.file("out.csv")).unwrap();
    assert_eq!(csv.lines().count(), 101);
    assert!(csv.starts_with("mn,factor,value\n"), "{csv}");
    let script = "PREPARE n (text) AS SELECT count(*) FROM readings_raw WHERE factor = $1;\n\
                  EXECUTE n('a21026');\nEXECUTE n('none');\nDEALLOCATE n;\n";
    let path = server.sandbox.write("prepare.sql", script);
    let output = server
        .psql("alice", &["-At", "-f", path.to_str().unwrap()])
        .done();
    let lines: Vec<&str> = output.stdout.lines().collect();
    assert!(lines.contains(&"0"), "{}", output.stdout);
    // The cursor of psql's own FETCH_COUNT.
    let output = server
        .psql(
            "alice",
            &[
                "-At",
                "-v",
                "FETCH_COUNT=50",
                "-c",
                "SELECT mn FROM readings_raw LIMIT 120",
            ],
        )
        .done();
    assert_eq!(output.stdout.lines().count(), 120);
    // Within a transaction the tables stay as they are.
    let script =
        "BEGIN;\nSELECT count(*) FROM readings_raw;\nSELECT count(*) FROM readings_raw;\nCOMMIT;\n";
    let path = server.sandbox.write("transaction.sql", script);
    let output = server
        .psql("alice", &["-At", "-f", path.to_str().unwrap()])
        .done();
    let counts: Vec<&str> = output
        .stdout
        .lines()
        .filter(|line| line.parse::<u64>().is_ok())
        .collect();
    assert_eq!(counts.len(), 2, "{}", output.stdout);
    assert_eq!(counts[0], counts[1]);
}

fn evil_statements_are_refused_on_the_wire(server: &Server) {
    let before = tree(&server.sandbox.file("demo/tables"));
    let out = server.sandbox.file("must-not-exist.csv");
    for sql in [
        "DELETE FROM anomalies",
        "DROP TABLE readings_raw",
        "CREATE TABLE x AS SELECT 1",
        "CREATE EXTERNAL TABLE x STORED AS CSV LOCATION '/etc/passwd'",
        "INSERT INTO rule_params SELECT * FROM rule_params",
        "SELECT * FROM '/etc/passwd'",
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT pg_read_file('/etc/passwd')",
        "SET datafusion.execution.batch_size = 1",
        "SET ROLE admin",
        "SELECT 1; DROP VIEW readings",
        "BEGIN; DELETE FROM anomalies; COMMIT",
        "PREPARE p AS DELETE FROM anomalies",
        "EXPLAIN ANALYZE DELETE FROM anomalies",
        "WITH x AS (DELETE FROM anomalies RETURNING *) SELECT * FROM x",
        "SELECT * INTO x FROM readings",
        "COPY readings_raw TO PROGRAM 'sh'",
        &format!("COPY readings_raw TO '{}'", out.display()),
    ] {
        let output = server.psql("alice", &["-c", sql]);
        assert_ne!(output.code, 0, "{sql}: {}", output.stdout);
        assert!(output.stderr.contains("ERROR"), "{sql}: {}", output.stderr);
    }
    assert!(!out.exists());
    assert_eq!(tree(&server.sandbox.file("demo/tables")), before);
    let log = server.value(
        "alice",
        "SELECT count(*) FROM nonsite_meta.query_log WHERE outcome = 'refused'",
    );
    assert!(log.parse::<u32>().unwrap() >= 10, "{log}");
}

/// Files below a folder, with their sizes.
fn tree(folder: &Path) -> Vec<(PathBuf, u64)> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap().flatten() {
            let meta = entry.metadata().unwrap();
            if meta.is_dir() {
                folders.push(entry.path());
            } else {
                found.push((entry.path(), meta.len()));
            }
        }
    }
    found.sort();
    found
}

fn every_example_of_the_guide_runs(server: &Server) {
    let guide = include_str!("../../docs/sql.md");
    let examples: Vec<&str> = guide
        .split("```sql\n")
        .skip(1)
        .map(|block| block.split("```").next().expect("a block ends"))
        .collect();
    for sql in &examples {
        server.psql("alice", &["-At", "-c", sql]).done();
    }
    // Every function of the table stands in one of them.
    let functions = guide.split("\n## Functions\n").nth(1).expect("a section");
    let functions = functions.split("```").next().expect("a table first");
    let mut count = 0;
    for row in functions.lines().filter(|line| line.starts_with("| `")) {
        let names = row.split(" | ").next().expect("a first column");
        for call in names.split('`').skip(1).step_by(2) {
            let name = call.split('(').next().expect("a name or nothing");
            let called = format!("{name}(");
            let shown = examples.iter().any(|sql| sql.contains(&called));
            assert!(shown, "no example of {name} in docs/sql.md");
            count += 1;
        }
    }
    assert!(count >= 40, "{count}");
}

fn tables_as_they_were(server: &Server) {
    let now = server.value("alice", "SELECT count(*) FROM readings_raw");
    let newest = server.value(
        "alice",
        "SELECT version FROM nonsite_meta.versions WHERE table_name = 'readings_raw' AND is_current",
    );
    let at = |version: &str| {
        let sql = format!("SELECT count(*) FROM at('readings_raw', {version})");
        server.value("alice", &sql).parse::<u64>().unwrap()
    };
    assert_eq!(at(&newest), now.parse::<u64>().unwrap());
    assert_eq!(at("0"), 0, "a table begins empty");
    let readings = server.value("alice", "SELECT count(*) FROM readings");
    let then = server.value(
        "alice",
        &format!("SELECT count(*) FROM readings_at({newest})"),
    );
    assert_eq!(readings, then);
    let late = server.value(
        "alice",
        "SELECT count(*) FROM at('readings_raw', '2999-01-01T00:00:00Z')",
    );
    assert_eq!(late, now);
}

fn a_restricted_user_sees_its_own_rows(server: &Server) {
    let org = server.value("alice", "SELECT min(org_code) FROM permits");
    server
        .sandbox
        .run_with_input(&["user", "add", "bob", "--org", &org], PASSWORD.as_bytes())
        .done();
    let others = format!("WHERE org_code <> '{org}'");
    for table in ["permits", "anomalies", "inspections"] {
        let own = format!("SELECT count(*) FROM {table} WHERE org_code = '{org}'");
        assert_eq!(
            server.value("bob", &own),
            server.value("alice", &own),
            "{table}"
        );
        let all = format!("SELECT count(*) FROM {table} {others}");
        assert_eq!(server.value("bob", &all), "0", "{table}");
    }
    let loggers = "SELECT count(DISTINCT mn) FROM readings_raw";
    let (some, all) = (server.value("bob", loggers), server.value("alice", loggers));
    let (some, all): (u32, u32) = (some.parse().unwrap(), all.parse().unwrap());
    assert!(some > 0 && some < all, "{some} of {all} loggers");
    let bound = format!(
        "SELECT count(DISTINCT r.mn) FROM readings_raw r JOIN mn_outlets o ON o.mn = r.mn AND r.data_time >= o.bound_from AND r.data_time < o.bound_to WHERE o.org_code = '{org}'"
    );
    assert_eq!(server.value("alice", &bound), some.to_string());
    // No condition is computed on rows of others: where it fails there, it would tell their values.
    let foreign = server.value(
        "alice",
        &format!(
            "SELECT min(mn) FROM mn_outlets WHERE mn NOT IN (SELECT mn FROM mn_outlets WHERE org_code = '{org}')"
        ),
    );
    for table in [
        "readings_raw",
        "readings",
        "permit_bindings",
        "at('readings_raw', '2999-01-01')",
    ] {
        let all = format!("SELECT count(*) FROM {table}");
        let failing =
            format!("{all} WHERE CASE WHEN mn = '{foreign}' THEN CAST(mn AS INT) ELSE 1 END > 0");
        let (all, asked) = (server.value("bob", &all), server.value("bob", &failing));
        assert_eq!(all, asked, "{table}");
    }
    let explained = server.value("bob", "EXPLAIN ANALYZE SELECT count(*) FROM permits");
    assert!(explained.contains("OwnRows"), "{explained}");
    assert!(!explained.contains("parquet"), "{explained}");
    // The past and the views go through the same filter.
    let past = server.value(
        "bob",
        "SELECT count(DISTINCT mn) FROM at('readings_raw', '2999-01-01')",
    );
    assert_eq!(past, some.to_string());
    let hourly = server.value("bob", "SELECT count(DISTINCT mn) FROM hourly");
    assert!(hourly.parse::<u32>().unwrap() <= some, "{hourly}");
    let hidden = server.psql("bob", &["-c", "SELECT * FROM quarantine"]);
    assert_ne!(hidden.code, 0);
    let log = server.value(
        "bob",
        "SELECT count(*) FROM nonsite_meta.query_log WHERE \"user\" <> 'bob'",
    );
    assert_eq!(log, "0");
}
