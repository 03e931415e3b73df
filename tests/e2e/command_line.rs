//! The contract of the command line that needs no data: exit codes and what errors say.

use crate::harness::data::domain_file;
use crate::harness::packets::{crc_modbus, frame_with, minute_packet};
use crate::harness::sandbox::Sandbox;
use serde_json::Value as Json;
use std::collections::BTreeSet;
use std::path::Path;
use std::process::Stdio;

#[test]
fn unknown_flags_and_commands_are_usage_errors() {
    let sandbox = Sandbox::without_broker("usage");
    sandbox
        .run(&["ingest", "--no-such-flag"])
        .exits(2)
        .complains(&["--no-such-flag"]);
    sandbox
        .run(&["no-such-command"])
        .exits(2)
        .complains(&["no-such-command"]);
    sandbox.run(&[]).exits(2);
}

#[test]
fn help_and_version_succeed() {
    let sandbox = Sandbox::without_broker("help");
    let help = sandbox.run(&["--help"]).done();
    for command in [
        "audit",
        "demo",
        "detect",
        "import",
        "ingest",
        "maintain",
        "packet",
        "quarantine",
        "ratio",
        "review",
        "rules",
        "run",
        "schema",
        "serve",
        "sql",
        "verify",
    ] {
        assert!(
            help.stdout.contains(command),
            "`{command}` is missing in:\n{}",
            help.stdout
        );
        let own = sandbox.run(&[command, "--help"]).done();
        assert!(own.stdout.contains("Usage:"), "{}", own.stdout);
    }
    let demo = sandbox.run(&["demo", "--help"]).done().stdout;
    let demo = demo.split_whitespace().collect::<Vec<_>>().join(" ");
    for said in ["implies --exit", "`serve` and `maintain` are left out"] {
        assert!(demo.contains(said), "no `{said}` in: {demo}");
    }
    let version = sandbox.run(&["--version"]).done();
    assert_eq!(
        version.stdout.trim(),
        format!("nonsite {}", env!("CARGO_PKG_VERSION"))
    );
}

/// Whoever builds a sender asks the program he has: every name it lists is one it prints, and what
/// it prints is what the documents hold.
#[test]
fn every_listed_schema_is_printed_as_the_documents_have_it() {
    let sandbox = Sandbox::without_broker("schema");
    let listed = sandbox.run(&["schema"]).done().stdout;
    let names: Vec<&str> = listed.lines().collect();
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs");
    let kept: BTreeSet<String> = std::fs::read_dir(docs.join("schemas"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| path.file_stem().unwrap().to_string_lossy().into_owned())
        .collect();
    let messages = names.iter().filter(|name| **name != "tables");
    assert_eq!(
        messages
            .map(|name| (*name).to_owned())
            .collect::<BTreeSet<_>>(),
        kept
    );
    assert!(names.contains(&"tables"), "{listed}");
    for name in names {
        let file = match name {
            "tables" => docs.join("tables.md"),
            message => docs.join(format!("schemas/{message}.json")),
        };
        let printed = sandbox.run(&["schema", name]).done().stdout;
        assert_eq!(printed, std::fs::read_to_string(file).unwrap(), "{name}");
    }
    sandbox
        .run(&["schema", "weather"])
        .exits(2)
        .complains(&["weather", "execution_report"]);
}

#[test]
fn a_missing_configuration_file_is_named() {
    let sandbox = Sandbox::without_broker("no-config");
    sandbox
        .run(&["-c", "elsewhere.toml", "packet", "check", "-"])
        .exits(2)
        .complains(&["elsewhere.toml", "-c"]);
}

#[test]
fn a_bad_configuration_names_the_key() {
    for (content, names) in [
        ("[kafka]\nbrokerss = 'localhost:9092'\n", "brokerss"),
        ("[store]\npath = 7\n", "path"),
        ("[store]\npath = ' '\n", "store.path"),
        ("[store]\npath = 's3://bucket/tables'\n", "store.path"),
        ("[store]\npath = 's3://bucket/tables'\n", "local folder"),
        ("[nonsense]\n", "nonsense"),
        ("[kafka\n", "nonsite.toml"),
    ] {
        let sandbox = Sandbox::without_broker("bad-config");
        sandbox.write("nonsite.toml", content);
        sandbox
            .run(&["packet", "check", "-"])
            .exits(2)
            .complains(&[names]);
    }
}

/// A wrong setting is nothing to wait for: it is told apart from a broker that does not answer, and
/// it is named.
#[test]
fn a_misspelled_property_of_the_kafka_client_is_named() {
    let mut sandbox = Sandbox::without_broker("misspelled-property");
    sandbox.set("kafka.brokers", "127.0.0.1:9");
    sandbox.set("ingest.listen", "127.0.0.1:0");
    for (key, value) in [
        ("securty.protocol", "plaintext"),
        ("security.protocol", "telepathy"),
    ] {
        let properties = [(key.to_owned(), toml::Value::from(value))];
        sandbox.set("kafka.properties", toml::Table::from_iter(properties));
        for command in [
            &["ingest", "--until-caught-up"][..],
            &["verify", "--against-broker"],
        ] {
            sandbox
                .run(command)
                .exits(2)
                .complains(&["kafka.properties", key]);
        }
    }
}

#[test]
fn resuming_a_topic_that_is_not_read_is_a_usage_error() {
    let sandbox = Sandbox::without_broker("resume-elsewhere");
    let resume = ["ingest", "--resume-after-loss", "elsewhere/0"];
    sandbox
        .run(&[&resume[..], &["--why", "retention", "--by", "tester"]].concat())
        .exits(2)
        .complains(&["ingest.topics", "elsewhere"]);
}

#[test]
fn the_environment_overrides_the_file_and_is_checked_too() {
    let sandbox = Sandbox::without_broker("environment");
    let mut command = sandbox.command(&["packet", "check", "-"]);
    command.env("NONSITE__KAFKA__BROKERZ", "localhost:1");
    sandbox.finish(command).exits(2).complains(&["brokerz"]);
}

#[test]
fn every_reference_packet_gets_its_verdict() {
    let Some(path) = domain_file("hj212_packets.jsonl") else {
        return;
    };
    let text = std::fs::read_to_string(path).unwrap();
    let expected: Vec<Json> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(expected.len(), 157);

    let sandbox = Sandbox::without_broker("packets");
    let output = sandbox.run_with_input(&["packet", "check", "-"], text.as_bytes());
    // Malformed packets are among them: the command worked and found something wrong.
    assert!([0, 1].contains(&output.code), "{}", output.stderr);
    let verdicts = output.json_lines();
    assert_eq!(verdicts.len(), expected.len());

    let mut wrong = Vec::new();
    for (number, (want, got)) in expected.iter().zip(&verdicts).enumerate() {
        for field in ["crc_ok", "len_ok", "crc_dialect", "st", "cn", "flag"] {
            let Some(wanted) = want.get(field) else {
                continue;
            };
            if got.get(field).unwrap_or(&Json::Null) != wanted {
                wrong.push(format!(
                    "{}: {field} {wanted} but {got}\n  {want}",
                    number + 1
                ));
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "{} differences:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

#[test]
fn every_line_of_a_packet_list_gets_an_answer() {
    let sandbox = Sandbox::without_broker("packet-input");
    let lines = b"{\"packet\":\"##\"}\nnot json\n{\"packet\":\"\"}\n";
    let answers = sandbox
        .run_with_input(&["packet", "check", "-"], lines)
        .json_lines();
    assert_eq!(answers.len(), 3, "{answers:?}");
    assert_eq!(answers[1]["reason"], "json_syntax");
    for answer in &answers {
        assert_eq!(answer["verdict"], "rejected", "{answer}");
    }
}

#[test]
fn a_missing_input_file_is_named() {
    let sandbox = Sandbox::without_broker("packet-file");
    let output = sandbox.run(&["packet", "check", "no-such-file.jsonl"]);
    assert!([2, 3].contains(&output.code), "exit code {}", output.code);
    output.complains(&["no-such-file.jsonl"]);
}

#[test]
fn a_reader_that_stops_early_is_no_fault() {
    let sandbox = Sandbox::without_broker("pipe");
    let mut command = sandbox.command(&["rules", "list", "--format", "json"]);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{}: {said}", output.status);
    assert_eq!(said, "");
}

/// A mistyped folder is told, not created, and nothing is proved of it.
#[test]
fn a_store_that_is_not_there_is_unreachable_and_does_not_come_into_being() {
    let mut sandbox = Sandbox::without_broker("no-store");
    sandbox.set("store.path", "tabels");
    for command in [
        &["verify"][..],
        &["quarantine", "list"],
        &["maintain", "--once"],
        &["sql", "-e", "SELECT 1"],
        &["ratio"],
        &["detect", "--once"],
        &["rules", "precision"],
        &["rules", "params", "list"],
        &["anomaly", "list"],
        &["review", "take"],
        &["review", "mirror"],
        &["review", "acts"],
        &["inspection", "draws"],
        &["inspection", "audit", "list"],
        &["stats"],
    ] {
        sandbox
            .run(command)
            .exits(3)
            .complains(&["tabels", "store.path"]);
        assert!(!sandbox.file("tabels").exists(), "{command:?}");
    }
    // A folder that is no store: something else's, or the one above.
    std::fs::create_dir(sandbox.file("tabels")).unwrap();
    sandbox
        .run(&["verify"])
        .exits(3)
        .complains(&["tabels", "store.path"]);
    // Nor can a file be one.
    sandbox.set("store.path", "nonsite.toml");
    for command in [
        &["verify"][..],
        &["ingest", "--until-caught-up"],
        &["sql", "-e", "SELECT 1"],
    ] {
        sandbox.run(command).exits(3).complains(&["nonsite.toml"]);
    }
}

/// What ingest knows of a station counts where its configuration is named, and `--stations` goes
/// before it.
#[test]
fn packets_are_checked_with_the_stations_of_a_named_configuration() {
    let mut sandbox = Sandbox::without_broker("packet-stations");
    sandbox.write("known.toml", "[stations.MODBUS01]\ncrc = [\"modbus\"]\n");
    sandbox.write("none.toml", "");
    sandbox.set("ingest.stations", "known.toml");
    let text = String::from_utf8(minute_packet("MODBUS01", 1)).unwrap();
    let segment = &text[6..text.len() - 6];
    let packet = frame_with(segment, crc_modbus(segment.as_bytes()));
    let line = serde_json::json!({ "packet": packet }).to_string();
    let verdict = |args: &[&str]| {
        let checked = sandbox.run_with_input(args, line.as_bytes()).done();
        checked.json_lines()[0]["verdict"].clone()
    };
    let check = ["packet", "check", "-"];
    let named = [&["-c", "nonsite.toml"][..], &check].concat();
    assert_eq!(verdict(&check), "rejected");
    assert_eq!(verdict(&named), "ok");
    let other = [&named[..], &["--stations", "none.toml"]].concat();
    assert_eq!(verdict(&other), "rejected");
    sandbox.write("known.toml", "[stations.MODBUS01]\ncrc = \"modbus\"\n");
    sandbox.run(&named).exits(2).complains(&["ingest.stations"]);
}

#[test]
fn lists_come_in_every_form_and_what_is_no_list_not_as_csv() {
    let sandbox = Sandbox::without_broker("formats");
    let bare = sandbox.run(&["schema"]).done().stdout;
    let names: Vec<&str> = bare.lines().collect();
    let listed = |format: &str| sandbox.run(&["schema", "--format", format]).done();
    let items = listed("json").json();
    let subjects = items.as_array().unwrap().iter();
    let subjects: Vec<&str> = subjects
        .map(|item| item["subject"].as_str().unwrap())
        .collect();
    assert_eq!(subjects, names);
    let csv = listed("csv").stdout;
    assert!(csv.starts_with("subject,what\n"), "{csv}");
    assert_eq!(csv.lines().count(), names.len() + 1, "{csv}");
    let table = listed("table").stdout;
    for name in &names {
        assert!(table.contains(name), "no `{name}` in:\n{table}");
    }
    // One document has no form but its own.
    sandbox
        .run(&["schema", "tables", "--format", "json"])
        .exits(2)
        .complains(&["--format"]);

    let rule = sandbox.run(&["rules", "show", "E01", "--format", "json"]);
    assert_eq!(rule.done().json()["id"], "E01");
    for command in [
        &["rules", "show", "E01"][..],
        &["anomaly", "show", "a"],
        &["anomaly", "replay", "a"],
        &["quarantine", "show", "t/0/0"],
        &["inspection", "record", "act.json"],
        &["audit", "verify"],
        &["review", "show", "c"],
    ] {
        sandbox
            .run(&[command, &["--format", "csv"]].concat())
            .exits(2)
            .complains(&["nonsite ", command[0], "--format csv"]);
    }
    // Deadlines that passed are a list: here only the instant is wrong.
    sandbox
        .run(&["review", "tick", "--at", "never", "--format", "csv"])
        .exits(2)
        .complains(&["--at"]);
}
