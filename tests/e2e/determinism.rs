//! The same tables and rules give the same findings, byte for byte: on a second look, with another
//! number of threads, with the same rows cut into other files, and after a death in the middle.

use std::path::Path;

use nonsite_generator::Scale;

use crate::harness::sandbox::Sandbox;
use crate::pipeline::province;

/// The steps of a run's writing, as `NONSITE_DETECT_FAULTS` names them.
const STEPS: [&str; 8] = [
    "held", "alerts", "outcomes", "runs", "masses", "means", "inputs", "findings",
];

/// One folder of tables within a sandbox.
struct Tables<'a> {
    sandbox: &'a Sandbox,
    folder: String,
}

impl Tables<'_> {
    fn run(&self, args: &[&str], with: &[(&str, &str)]) -> crate::harness::sandbox::Output {
        let mut command = self.sandbox.command(args);
        command.env("NONSITE__STORE__PATH", &self.folder);
        command.envs(with.iter().copied());
        self.sandbox.finish(command)
    }

    fn detect(&self, as_of: &str, with: &[(&str, &str)]) -> crate::harness::sandbox::Output {
        let args = ["detect", "--once", "--no-alerts", "--as-of", as_of];
        self.run(&args, with)
    }

    /// What a run leaves behind, as text: findings, what was not judged, masses, alerts.
    fn left_behind(&self) -> Vec<String> {
        [
            // How often the table was committed to is not a matter of the findings.
            "SELECT * EXCEPT (readings_version) FROM anomalies ORDER BY anomaly_id",
            "SELECT * EXCEPT (run_id) FROM rule_outcomes ORDER BY date, rule_id, mn, factor, why",
            "SELECT * FROM daily_masses ORDER BY date, mn, factor",
            "SELECT * FROM daily_means ORDER BY date, mn, factor",
            "SELECT * FROM alerts ORDER BY alert_id",
            "SELECT count(*) AS held, min(alert_id) AS first_of_the_alerts_held,
                    max(alert_id) AS last_of_the_alerts_held, min(why) AS why FROM alerts_held",
        ]
        .iter()
        .map(|sql| {
            let output = self
                .run(&["sql", "--format", "json", "-e", sql], &[])
                .done();
            assert!(output.stdout.len() > 100, "`{sql}` answers nothing");
            output.stdout
        })
        .collect()
    }

    fn copy<'a>(&'a self, name: &str) -> Tables<'a> {
        copied(&self.sandbox.file(&self.folder), &self.sandbox.file(name));
        Tables {
            sandbox: self.sandbox,
            folder: name.to_owned(),
        }
    }
}

fn copied(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copied(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

#[test]
fn findings_do_not_depend_on_threads_files_or_deaths() {
    let mut sandbox = Sandbox::new("determinism");
    let scale = Scale {
        points: 10,
        days: 2,
        factors: 6,
        ..Scale::default()
    };
    let (summary, _) = province(&mut sandbox, scale);
    let as_of = summary.end.as_str();
    let before = Tables {
        sandbox: &sandbox,
        folder: "before".to_owned(),
    };
    let ingest = ["ingest", "--until-caught-up"];
    before.run(&ingest, &[]).done();

    let base = before.copy("base");
    base.detect(as_of, &[]).done();
    let expected = base.left_behind();
    // A second look at everything.
    let again = [
        "detect",
        "--once",
        "--no-alerts",
        "--full",
        "--as-of",
        as_of,
    ];
    base.run(&again, &[]).done();
    assert_eq!(base.left_behind(), expected, "a second look");

    for partitions in ["1", "3", "7"] {
        let tables = before.copy(&format!("threads-{partitions}"));
        let with = [("NONSITE__SESSION__PARTITIONS", partitions)];
        tables.detect(as_of, &with).done();
        assert_eq!(tables.left_behind(), expected, "{partitions} partitions");
    }

    // The same records read again into tables of their own, in many small commits.
    let small = Tables {
        sandbox: &sandbox,
        folder: "small-files".to_owned(),
    };
    let with = [
        ("NONSITE__INGEST__BATCH_BYTES", "200000"),
        ("NONSITE__INGEST__GROUP", "determinism-small-files"),
    ];
    small.run(&ingest, &with).done();
    let files = |tables: &Tables<'_>| {
        let path = sandbox.file(&tables.folder).join("readings_raw/_delta_log");
        std::fs::read_dir(path).unwrap().count()
    };
    assert_ne!(files(&small), files(&before), "the rows are in other files");
    small.detect(as_of, &[]).done();
    assert_eq!(small.left_behind(), expected, "other files");

    for step in STEPS {
        let tables = before.copy(&format!("dies-after-{step}"));
        let fault = format!("abort@{step}");
        let died = tables.detect(as_of, &[("NONSITE_DETECT_FAULTS", &fault)]);
        assert_ne!(died.code, 0, "it was to die after {step}");
        tables.detect(as_of, &[]).done();
        assert_eq!(tables.left_behind(), expected, "after a death at {step}");
    }
}
