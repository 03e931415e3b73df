//! Every shipped rule against its golden cases.

use std::fmt::Write as _;

use crate::detect::golden;
use crate::detect::{Catalogue, Config};

/// Rules to check: all, or those `NONSITE_RULE` lists (`E01,Q03`), for work on one of them.
fn wanted(id: &str) -> bool {
    std::env::var("NONSITE_RULE").map_or(true, |list| list.split(',').any(|wanted| wanted == id))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_rule_answers_its_golden_cases_and_shows_all_three_outcomes() {
    // `NONSITE_RULES` names a folder of rules to check in place of the built-in ones of that name,
    // for work on rules without building anew.
    let config = Config {
        rules_dir: std::env::var_os("NONSITE_RULES").map(Into::into),
        ..Config::default()
    };
    let catalogue = std::sync::Arc::new(Catalogue::load(&config).expect("rules"));
    let rules = catalogue.rules().iter().chain(catalogue.off());
    let mut running = Vec::new();
    for id in rules.map(|configured| configured.rule.id.clone()) {
        if !wanted(&id) {
            continue;
        }
        let catalogue = std::sync::Arc::clone(&catalogue);
        running.push(tokio::spawn(async move {
            let checked = match catalogue.golden().get(&id) {
                Some(text) => golden::check(&catalogue, &id, text).await,
                None => return (id, Err("there is no golden file".to_owned())),
            };
            (id, checked.map_err(|error| error.to_string()))
        }));
    }
    let mut faults = String::new();
    for task in running {
        let (id, checked) = task.await.expect("task");
        match checked {
            Err(error) => writeln!(faults, "{id}: {error}"),
            Ok(outcome) => outcome
                .differences
                .iter()
                .map(String::as_str)
                .chain(outcome.gaps())
                .try_for_each(|fault| writeln!(faults, "{id}: {fault}")),
        }
        .expect("a string grows");
    }
    assert!(faults.is_empty(), "\n{faults}");
}
