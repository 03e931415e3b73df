//! The REST API of the running server, over a province with findings and cases: what a program sees,
//! and what schemathesis makes of the description.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;

use nonsite_generator::Scale;
use serde_json::{Value as Json, json};

use crate::harness::process::Process;
use crate::harness::sandbox::Sandbox;
use crate::harness::wait_for;
use crate::pipeline::province;

/// When the rules look: after the data, and after the marking deadline of what they found.
const CONFIRMED: [&str; 2] = ["2026-06-06T12:00:00+08:00", "2026-06-09T12:00:00+08:00"];

/// Somebody who may call, made by the command that makes tokens; the token.
pub(crate) fn caller(sandbox: &Sandbox, callers: &mut Vec<toml::Value>, args: &[&str]) -> String {
    let made = sandbox
        .run(&[&["token", "--json"][..], args].concat())
        .done()
        .json();
    let entry = made["caller"].as_object().unwrap();
    // TOML has no null.
    let entry: toml::Table = entry
        .iter()
        .filter(|(_, value)| !value.is_null())
        .map(|(key, value)| (key.clone(), toml::Value::try_from(value).unwrap()))
        .collect();
    callers.push(entry.into());
    made["token"].as_str().unwrap().to_owned()
}

/// Where HTTP listens.
pub(crate) fn address(server: &Process) -> String {
    wait_for("the server to listen", || {
        let text = server.output();
        let line = text.lines().find_map(|line| line.strip_prefix("http "))?;
        Some(line.split(' ').next()?.to_owned())
    })
}

/// Status and body of an answer.
fn ask(address: &str, token: &str, line: &str, headers: &str, body: &str) -> (u16, Json) {
    let (method, path) = line.split_once(' ').unwrap();
    let mut stream = TcpStream::connect(address).unwrap();
    let length = body.len();
    write!(
        stream,
        "{method} /api/v1{path} HTTP/1.0\r\nHost: {address}\r\nAuthorization: Bearer {token}\r\n\
         {headers}Content-Length: {length}\r\n\r\n{body}"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    let body = serde_json::from_str(body).unwrap_or_else(|error| panic!("{error}: {answer}"));
    (status, body)
}

fn get(address: &str, token: &str, path: &str) -> Json {
    let (status, body) = ask(address, token, &format!("GET {path}"), "", "");
    assert_eq!(status, 200, "{path}: {body}");
    body
}

#[test]
fn the_api_keeps_what_its_description_says() {
    let mut sandbox = Sandbox::new("rest");
    let scale = Scale {
        points: 16,
        days: 2,
        factors: 6,
        ..Scale::default()
    };
    province(&mut sandbox, scale);
    sandbox.run(&["ingest", "--until-caught-up"]).done();
    for as_of in CONFIRMED {
        sandbox.run(&["detect", "--once", "--as-of", as_of]).done();
    }
    sandbox.run(&["review", "take"]).done();

    let mut callers = Vec::new();
    let analyst = ["--name", "ana", "--role", "analyst", "--role", "supervisor"];
    let analyst = caller(&sandbox, &mut callers, &analyst);
    let stranger = ["--name", "far", "--role", "officer", "--org", "110000"];
    let stranger = caller(&sandbox, &mut callers, &stranger);
    let config = std::fs::read_to_string(sandbox.file("nonsite.toml")).unwrap();
    assert!(!config.contains(&analyst));
    sandbox.set("serve.rest.callers", callers);
    sandbox.set("serve.http", "127.0.0.1:0");
    sandbox.set("serve.postgres", "");
    sandbox.set("serve.flight", "");
    let server = sandbox.spawn("serve", &["serve"]);
    let address = address(&server);

    findings_are_proven_and_judged(&address, &analyst, &stranger);
    a_case_goes_on(&sandbox, &address, &analyst);
    nothing_undocumented(&address, &analyst);

    let log = server.output();
    assert!(!log.contains(&analyst), "a token in the log");
    let audit = sandbox.run(&["audit", "verify", "--format", "json"]).done();
    assert_eq!(audit.json()["fault"], Json::Null);
    server.terminate();
}

fn findings_are_proven_and_judged(address: &str, analyst: &str, stranger: &str) {
    let mut seen = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = get(address, analyst, &format!("/anomalies?limit=7{cursor}"));
        seen.extend(page["items"].as_array().unwrap().iter().cloned());
        match page["next"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    let all = get(address, analyst, "/anomalies?limit=200");
    let ids = |list: &[Json]| -> Vec<String> {
        list.iter()
            .map(|row| row["anomaly_id"].as_str().unwrap().to_owned())
            .collect()
    };
    assert!(seen.len() > 7, "{} findings", seen.len());
    assert_eq!(ids(&seen), ids(all["items"].as_array().unwrap()));
    let none = get(address, stranger, "/anomalies");
    assert_eq!(none["items"], json!([]), "another province");

    let id = seen[0]["anomaly_id"].as_str().unwrap();
    let shown = get(address, analyst, &format!("/anomalies/{id}"));
    assert_eq!(shown["faults"], json!([]), "{shown}");
    assert!(shown["evidence"]["hours"].is_array() || shown["evidence"].is_object());
    let line = format!("GET /anomalies/{id}");
    assert_eq!(ask(address, stranger, &line, "", "").0, 404);

    let line = format!("POST /anomalies/{id}/feedback");
    let headers = "Content-Type: application/json\r\nIdempotency-Key: fb-1\r\n";
    let body = json!({"verdict": "match", "cause": "abatement_fault"}).to_string();
    let first = ask(address, analyst, &line, headers, &body);
    assert_eq!(
        (first.0, &first.1["fresh"]),
        (201, &json!(true)),
        "{first:?}"
    );
    assert_eq!(ask(address, analyst, &line, headers, &body), first);
}

fn a_case_goes_on(sandbox: &Sandbox, address: &str, analyst: &str) {
    let list = get(address, analyst, "/cases?state=triage&limit=1");
    let case = &list["items"][0];
    let (id, version) = (case["case_id"].as_str().unwrap(), &case["version"]);
    let dossier = get(address, analyst, &format!("/cases/{id}/dossier"));
    assert_eq!(dossier["finding"]["anomaly_id"], case["anomaly_id"]);
    let line = format!("POST /cases/{id}/actions/dispatch");
    let headers = format!("Content-Type: application/json\r\nIf-Match: \"{version}\"\r\n");
    let body = json!({"channel": "client", "reason": "R1"}).to_string();
    let (status, after) = ask(address, analyst, &line, &headers, &body);
    assert_eq!(
        (status, &after["state"]),
        (200, &json!("dispatched")),
        "{after}"
    );
    // The command line works on the same queue.
    let shown = sandbox
        .run(&["review", "show", id, "--format", "json"])
        .done();
    assert_eq!(shown.json()["case"]["state"], "dispatched");
    assert_eq!(ask(address, analyst, &line, &headers, &body).0, 412);
}

/// Every operation with what its description allows and with much that it does not.
fn nothing_undocumented(address: &str, token: &str) {
    let script =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/dev/schemathesis/schemathesis.sh");
    let output = Command::new(&script)
        .args(["run", address])
        .env("NONSITE_TOKEN", token)
        .output()
        .unwrap_or_else(|error| panic!("{} does not start: {error}", script.display()));
    assert!(
        output.status.success(),
        "schemathesis ({}):\n{}\n{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}
