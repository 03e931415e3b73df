//! schemathesis against the running server, as every role, and what it reached.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use serde_json::Value as Json;

use super::client::Client;

/// What there is: lines of a parameter and a value, or of an operation, a parameter and a value.
#[derive(Debug, Default)]
pub(super) struct Ids(Vec<String>);

impl Ids {
    pub(super) fn add(&mut self, parameter: &str, value: &str) {
        self.0.push(format!("{parameter} {value}"));
    }

    /// For one operation only.
    pub(super) fn of(&mut self, operation: &str, parameter: &str, value: &str) {
        self.0.push(format!("{operation} {parameter} {value}"));
    }

    pub(super) fn text(&self) -> String {
        self.0.join("\n") + "\n"
    }
}

/// Operations that no generated request brings to an end, with the reason. Each is used by hand before.
const BY_HAND: [(&str, &str); 9] = [
    ("add_file", "no generated body passes as a photo"),
    ("act_on_case", "no generated papers fit state and action"),
    ("claim_case", "the case has to wait for the very role"),
    ("release_case", "the caller has to hold the case"),
    (
        "serve_bundle",
        "the version of a case that changes meanwhile has to be named",
    ),
    ("make_package", "one state and one role of ten may"),
    ("report_clue", "no generated clue says whom it is about"),
    ("draw_sample", "no case of this store is closed"),
    (
        "anomaly_feedback",
        "it has to be about a finding within reach",
    ),
];

/// Answers per operation: below 300, and all.
#[derive(Debug, Default)]
pub(super) struct Reached(BTreeMap<String, (u32, u32)>);

impl Reached {
    /// Adds what a run wrote down (HAR).
    pub(super) fn read(&mut self, har: &Path, api: &Json) {
        let text = std::fs::read_to_string(har).unwrap();
        let har: Json = serde_json::from_str(&text).unwrap();
        for entry in har["log"]["entries"].as_array().unwrap() {
            let request = &entry["request"];
            let url = request["url"].as_str().unwrap();
            let path = url.split_once("/api/v1").unwrap().1;
            let path = path.split('?').next().unwrap();
            let method = request["method"].as_str().unwrap();
            let Some(operation) = operation_at(api, method, path) else {
                continue;
            };
            let status = entry["response"]["status"].as_u64().unwrap();
            // 0: no answer at all.
            assert!((200..500).contains(&status), "{method} {url}: {status}");
            let (good, all) = self.0.entry(operation).or_default();
            *all += 1;
            *good += u32::from(status < 300);
        }
    }

    /// Every operation was asked for, and answered well by whoever may.
    pub(super) fn is_everything(&self, api: &Json) {
        let mut missed = Vec::new();
        for item in api["paths"].as_object().unwrap().values() {
            for operation in item.as_object().unwrap().values() {
                let id = operation["operationId"].as_str().unwrap();
                let (good, all) = self.0.get(id).copied().unwrap_or_default();
                let by_hand = BY_HAND.iter().any(|(name, _)| *name == id);
                if all == 0 || (good == 0 && !by_hand) {
                    missed.push(format!("{id}: {good} of {all}"));
                }
            }
        }
        assert!(missed.is_empty(), "{missed:#?}\nof {:#?}", self.0);
    }
}

/// The `operationId` at a path below the API; a written segment goes before a parameter.
fn operation_at(api: &Json, method: &str, path: &str) -> Option<String> {
    let asked: Vec<&str> = path.split('/').collect();
    let fits = |template: &str| {
        let parts: Vec<&str> = template.split('/').collect();
        parts.len() == asked.len()
            && parts
                .iter()
                .zip(&asked)
                .all(|(part, asked)| part.starts_with('{') || part == asked)
    };
    let (_, item) = api["paths"]
        .as_object()
        .unwrap()
        .iter()
        .filter(|(template, item)| fits(template) && !item[method.to_lowercase()].is_null())
        .min_by_key(|(template, _)| template.matches('{').count())?;
    let id = &item[method.to_lowercase()]["operationId"];
    id.as_str().map(str::to_owned)
}

/// Every operation with what its description allows and with much that it does not, as one role. Most
/// requests are about what there is, so that a role's requests reach the workflow and not only "there is
/// no such case". `deep` also covers every part of the description one by one and follows answers into
/// further requests; that is the longer part by far, and much the same for every role. The runner has one
/// worker, because with two the library fails by itself on Python 3.11 (the reason stands in the script).
/// What is not covered: answers of a second signature.
pub(super) fn nothing_undocumented(who: &str, client: &Client, ids: &Path, har: &Path, deep: bool) {
    let script =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/dev/schemathesis/schemathesis.sh");
    let phases = match deep {
        true => "examples,coverage,fuzzing,stateful",
        false => "examples,fuzzing",
    };
    let began = Instant::now();
    let output = Command::new(&script)
        .args(["run", &client.address])
        .env("NONSITE_TOKEN", &client.token)
        .env("NONSITE_IDS", ids)
        .env("NONSITE_SCHEMATHESIS_EXAMPLES", "8")
        .env("NONSITE_SCHEMATHESIS_PHASES", phases)
        .env("NONSITE_SCHEMATHESIS_HAR", har)
        .output()
        .unwrap_or_else(|error| panic!("{} does not start: {error}", script.display()));
    eprintln!("schemathesis as {who}: {:?}", began.elapsed());
    assert!(
        output.status.success(),
        "schemathesis as {who} ({}):\n{}\n{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}
