//! The REST API of the running server, over a province with findings and cases: what a program sees,
//! and what schemathesis makes of the description.

mod asked;
mod by_hand;
mod client;
mod prepared;

use nonsite_generator::Scale;
use serde_json::{Value as Json, json};

use crate::harness::process::Process;
use crate::harness::sandbox::Sandbox;
use crate::harness::wait_for;
use crate::pipeline::province;
use asked::{Reached, nothing_undocumented};
use by_hand::{Callers, everything_is_used_once};
pub(crate) use client::Client;
use prepared::Prepared;

/// When the rules look: after the data, and after the marking deadline of what they found.
const CONFIRMED: [&str; 2] = ["2026-06-06T12:00:00+08:00", "2026-06-09T12:00:00+08:00"];

/// Roles in the order of the workflow: cases go on as the roles before left them.
const ROLES: [&str; 9] = [
    "enterprise",
    "analyst",
    "officer",
    "reviewer",
    "approver",
    "legal",
    "investigator",
    "archivist",
    // The whole description is covered as whoever may read most.
    "supervisor",
];

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

/// Makes the server answer over HTTP alone, for these callers.
pub(crate) fn over_http(sandbox: &mut Sandbox, callers: Vec<toml::Value>) {
    sandbox.set("serve.rest.callers", callers);
    sandbox.set("serve.http", "127.0.0.1:0");
    sandbox.set("serve.postgres", "");
    sandbox.set("serve.flight", "");
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
    let prepared = Prepared::on(&sandbox);

    let mut entries = Vec::new();
    let mut made = |args: &[&str]| caller(&sandbox, &mut entries, args);
    let stranger = made(&["--name", "far", "--role", "officer", "--org", "110000"]);
    let tokens: Vec<(&str, String)> = ROLES
        .iter()
        .map(|role| {
            let (name, certificate) = match *role {
                "analyst" => ("ana", None),
                "officer" => ("off", Some("c-1")),
                other => (other, None),
            };
            let mut args = vec!["--name", name, "--role", role];
            args.extend(
                certificate
                    .iter()
                    .flat_map(|number| ["--certificate", *number]),
            );
            if *role == "enterprise" {
                for permit in &prepared.permits {
                    args.extend(["--permit", permit]);
                }
            }
            (*role, made(&args))
        })
        .collect();
    let config = std::fs::read_to_string(sandbox.file("nonsite.toml")).unwrap();
    assert!(tokens.iter().all(|(_, token)| !config.contains(token)));
    over_http(&mut sandbox, entries);
    let server = sandbox.spawn("serve", &["serve"]);
    let address = address(&server);
    let client = |token: &str| Client {
        address: address.clone(),
        token: token.to_owned(),
    };
    let of = |wanted: &str| {
        let found = tokens.iter().find(|(role, _)| *role == wanted);
        client(&found.unwrap().1)
    };

    findings_are_proven_and_judged(&of("analyst"), &client(&stranger));
    a_case_goes_on(&sandbox, &of("analyst"));
    prepared.stand(&of("analyst"));
    let callers = Callers {
        analyst: of("analyst"),
        supervisor: of("supervisor"),
        officer: of("officer"),
        legal: of("legal"),
    };
    let ids = everything_is_used_once(&callers, &prepared);
    let ids = sandbox.write("ids", ids.text());

    let api = of("analyst").get("/openapi.json");
    let mut reached = Reached::default();
    std::thread::scope(|threads| {
        let har = |role: &str| sandbox.file(&format!("{role}.har"));
        // The long run goes beside the short ones.
        let (deep, all, ids) = (of("supervisor"), har("supervisor"), &ids);
        let whole = all.clone();
        let running = threads.spawn(move || {
            nothing_undocumented("supervisor", &deep, ids, &whole, true);
        });
        for role in ROLES.iter().filter(|role| **role != "supervisor") {
            let own = har(role);
            nothing_undocumented(role, &of(role), ids, &own, false);
            reached.read(&own, &api);
        }
        running.join().unwrap();
        reached.read(&all, &api);
    });
    reached.is_everything(&api);
    who_read_what_is_known(&sandbox, &of("supervisor"), &prepared);

    let log = server.output();
    for (_, token) in &tokens {
        assert!(!log.contains(token), "a token in the log");
    }
    let audit = sandbox.run(&["audit", "verify", "--format", "json"]).done();
    assert_eq!(audit.json()["fault"], Json::Null);
    server.terminate();
}

fn findings_are_proven_and_judged(analyst: &Client, stranger: &Client) {
    let mut seen = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = analyst.get(&format!("/anomalies?limit=7{cursor}"));
        seen.extend(page["items"].as_array().unwrap().iter().cloned());
        match page["next"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    let all = analyst.get("/anomalies?limit=200");
    let ids = |list: &[Json]| -> Vec<String> {
        list.iter()
            .map(|row| row["anomaly_id"].as_str().unwrap().to_owned())
            .collect()
    };
    assert!(seen.len() > 7, "{} findings", seen.len());
    assert_eq!(ids(&seen), ids(all["items"].as_array().unwrap()));
    let none = stranger.get("/anomalies");
    assert_eq!(none["items"], json!([]), "another province");

    let id = seen[0]["anomaly_id"].as_str().unwrap();
    let shown = analyst.get(&format!("/anomalies/{id}"));
    assert_eq!(shown["faults"], json!([]), "{shown}");
    assert!(shown["evidence"].is_object());
    let line = format!("GET /anomalies/{id}");
    assert_eq!(stranger.ask(&line, "", b"").status, 404);

    let line = format!("POST /anomalies/{id}/feedback");
    let headers = "Content-Type: application/json\r\nIdempotency-Key: fb-1\r\n";
    let body = json!({"verdict": "match", "cause": "abatement_fault"}).to_string();
    let first = analyst.ask(&line, headers, body.as_bytes()).done(201);
    assert_eq!(first["fresh"], true, "{first}");
    let again = analyst.ask(&line, headers, body.as_bytes()).done(201);
    assert_eq!(again, first);
}

fn a_case_goes_on(sandbox: &Sandbox, analyst: &Client) {
    // An S1 is not asked, it is visited.
    let list = analyst.get("/cases?state=triage&severity=S2,S3&limit=1");
    let case = &list["items"][0];
    let (id, version) = (case["case_id"].as_str().unwrap(), &case["version"]);
    let dossier = analyst.get(&format!("/cases/{id}/dossier"));
    assert_eq!(dossier["finding"]["anomaly_id"], case["anomaly_id"]);
    let path = format!("/cases/{id}/actions/dispatch");
    let tag = format!("\"{version}\"");
    let body = json!({"channel": "client", "reason": "R1"});
    let after = analyst.post(&path, Some(&tag), &body).done(200);
    assert_eq!(after["state"], "dispatched", "{after}");
    // The command line works on the same queue.
    let shown = sandbox
        .run(&["review", "show", id, "--format", "json"])
        .done();
    assert_eq!(shown.json()["case"]["state"], "dispatched");
    assert_eq!(analyst.post(&path, Some(&tag), &body).status, 412);
}

/// What was read is noted, the same over the API, on the command line and in SQL.
fn who_read_what_is_known(sandbox: &Sandbox, supervisor: &Client, prepared: &Prepared) {
    let filed = prepared.case("filing");
    let path = format!("/access-log?kind=package&actor=legal&subject={filed}&limit=200");
    let log = supervisor.get(&path);
    let reads = log["items"].as_array().unwrap();
    let taken = reads.iter().filter(|read| read["status"] == 200);
    assert!(taken.count() > 0, "the package was taken out: {log}");
    let words = ["audit", "reads", "--kind", "package", "--actor", "legal"];
    let words = [&words[..], &["--subject", filed, "--limit", "0"]].concat();
    let listed = sandbox.run(&[&words[..], &["--format", "json"]].concat());
    let listed = listed.done().json();
    let listed = listed.as_array().unwrap();
    assert!(listed.len() >= reads.len());
    assert_eq!(listed[0]["role"], "legal");
    let count = sandbox.count(&format!(
        "SELECT count(*) FROM nonsite_meta.access_log \
         WHERE kind = 'package' AND actor = 'legal' AND subject = '{filed}'"
    ));
    assert_eq!(usize::try_from(count).unwrap(), listed.len());
}
