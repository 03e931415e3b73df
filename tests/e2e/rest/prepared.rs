//! Cases in the states that each role works in, made on the command line.

use serde_json::Value as Json;

use super::client::Client;
use crate::harness::sandbox::Sandbox;

/// The cases.
pub(super) struct Prepared {
    /// Id and state.
    pub(super) cases: Vec<(String, &'static str)>,
    /// Permits of their units.
    pub(super) permits: Vec<String>,
}

/// A step and who takes it.
type Step = (&'static str, &'static [&'static str]);

/// What leads a case from triage into a state.
const WAYS: [(&str, &[Step]); 6] = [
    ("triage", &[]),
    ("self_check", &[("dispatch", ANALYST), ("deliver", ANALYST)]),
    ("verify_off", &[("verify", ANALYST)]),
    ("rectify", &[("verify", ANALYST), ("rectify", OFFICER)]),
    (
        "submitted",
        &[("verify", ANALYST), ("rectify", OFFICER), ("submit", PLANT)],
    ),
    ("filing", &[("verify", ANALYST), ("file", OFFICER)]),
];
const ANALYST: &[&str] = &[
    "--by",
    "ana",
    "--role",
    "analyst",
    "--channel",
    "client",
    "--receipt",
    "read",
    "--reason",
    "需企业说明",
];
const OFFICER: &[&str] = &[
    "--by",
    "o-1",
    "--role",
    "officer",
    "--officers",
    "o-1,o-2",
    "--act",
    "act-1",
    "--measures",
    "更换循环泵",
    "--facts",
    "监测数据超标",
    "--field",
    "evidence_list=小时数据",
];
const PLANT: &[&str] = &[
    "--by",
    "plant",
    "--role",
    "enterprise",
    "--measures",
    "已更换",
    "--measure-date",
    "2026-06-10",
    "--promise",
    "厂长",
    "--field",
    "owner=厂长 13800000000",
    "--field",
    "plan_due=2026-06-10",
    "--attach",
    "after=pump.jpg",
];

impl Prepared {
    pub(super) fn on(sandbox: &Sandbox) -> Self {
        let photo = include_bytes!("../../../analytics/src/review/evidence/fixtures/pump.jpg");
        std::fs::write(sandbox.file("pump.jpg"), photo).unwrap();
        let listed = ["review", "list", "--state", "triage", "--limit", "0"];
        let listed = sandbox
            .run(&[&listed[..], &["--format", "json"]].concat())
            .done()
            .json();
        let waiting = listed.as_array().unwrap();
        let text = |case: &Json, name: &str| case[name].as_str().map(str::to_owned);
        // The enterprise is known by its permits. The least severe ones come first: nothing escalates
        // them while the test runs.
        let mut waiting: Vec<&Json> = waiting
            .iter()
            .filter(|case| case["permit_no"].is_string())
            .collect();
        waiting.sort_by_key(|case| std::cmp::Reverse(case["severity"].to_string()));
        let mut waiting = waiting.into_iter();
        let mut prepared = Self {
            cases: Vec::new(),
            permits: Vec::new(),
        };
        for (state, steps) in WAYS {
            let case = waiting
                .next()
                .unwrap_or_else(|| panic!("no case is left for `{state}`"));
            let id = text(case, "case_id").unwrap();
            for (action, papers) in steps {
                let mut line = vec!["review", "do", action, &id];
                line.extend(*papers);
                sandbox.run(&line).done();
            }
            prepared.permits.extend(text(case, "permit_no"));
            prepared.cases.push((id, state));
        }
        prepared.permits.sort();
        prepared.permits.dedup();
        prepared
    }

    /// The server sees the cases as they were left.
    pub(super) fn stand(&self, client: &Client) {
        for (id, state) in &self.cases {
            let case = client.get(&format!("/cases/{id}"));
            assert_eq!(case["state"], *state, "{case}");
        }
    }

    /// The case that was left in a state.
    pub(super) fn case(&self, state: &str) -> &str {
        let found = self.cases.iter().find(|(_, left)| *left == state);
        &found.unwrap_or_else(|| panic!("no case in `{state}`")).0
    }
}
