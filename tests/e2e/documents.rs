//! The documents say what is: configuration, reason codes and metrics named in them exist, and
//! those that exist are named.

use std::path::Path;

use nonsite_schemas::reason::Reason;

use crate::harness::sandbox::Sandbox;

fn operations() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/operations.md");
    std::fs::read_to_string(path).unwrap()
}

/// Fenced TOML blocks in the order of the document.
fn toml_blocks(document: &str) -> Vec<&str> {
    document
        .split("```toml\n")
        .skip(1)
        .map(|rest| rest.split("```").next().expect("a block has an end"))
        .collect()
}

#[test]
fn the_documented_configuration_is_accepted() {
    let sandbox = Sandbox::without_broker("documented");
    let document = operations();
    let blocks = toml_blocks(&document);
    sandbox.write("nonsite.toml", blocks[0]);
    sandbox.write("stations.toml", blocks[1]);
    sandbox.run_with_input(&["packet", "check", "-"], b"").done();
    // A key that is documented but does not exist would have been refused; prove that it is.
    sandbox.write("nonsite.toml", blocks[0].replace("commit_interval_s", "commit_interval"));
    sandbox.run_with_input(&["packet", "check", "-"], b"").exits(2);
}

#[test]
fn every_reason_code_is_documented() {
    let document = operations();
    let missing: Vec<&str> = Reason::ALL
        .iter()
        .map(|reason| reason.code())
        .filter(|code| !document.contains(&format!("| `{code}` |")))
        .collect();
    assert!(missing.is_empty(), "not in docs/operations.md: {missing:?}");
}
