//! Every exemption that a rule lists can come about.

use std::fmt::Write as _;

use crate::detect::{Catalogue, Config, golden};

/// Exemptions that a filing over everything cannot show, because it also changes what is judged; golden
/// cases show them.
const SHOWN_ELSEWHERE: [(&str, &str); 3] = [
    // Its first case is about a permit's mass, which no logger's mark excuses.
    ("P09", "M1"),
    ("P09", "M2"),
    // Hours in a marked stop are not due: what is excused are hours that were not sent at all.
    ("T04", "M3"),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_exemption_a_rule_lists_is_given_by_what_an_enterprise_files() {
    let catalogue = std::sync::Arc::new(Catalogue::load(&Config::default()).expect("rules"));
    let mut running = Vec::new();
    for configured in catalogue.rules().iter().chain(catalogue.off()) {
        for exemption in configured.rule.exempts.clone() {
            let id = configured.rule.id.clone();
            if SHOWN_ELSEWHERE.contains(&(id.as_str(), exemption.as_str())) {
                continue;
            }
            let catalogue = std::sync::Arc::clone(&catalogue);
            running.push(tokio::spawn(async move {
                let text = &catalogue.golden()[&id];
                let given = golden::excused(&catalogue, &id, text, &exemption).await;
                (id, exemption, given)
            }));
        }
    }
    let mut faults = String::new();
    for task in running {
        let (id, exemption, given) = task.await.expect("task");
        let given = given.expect("evaluation");
        if !given.contains(&Some(exemption.clone())) {
            writeln!(
                faults,
                "{id}: {exemption} is listed and never given: {given:?}"
            )
            .expect("a string grows");
        }
    }
    assert!(faults.is_empty(), "\n{faults}");
}
