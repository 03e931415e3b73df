//! The folders of real data and reference files, which are not part of the repository.
//!
//! A developer may lack them: then the tests that need them are skipped with a message. In CI
//! (`CI` set) a missing folder fails the test, so that a skipped check never looks like a passed
//! one.

use std::path::{Path, PathBuf};

/// A file of the data folder (`NONSITE_DATA`, default `../shared/data` beside the workspace).
pub(crate) fn data_file(name: &str) -> Option<PathBuf> {
    file("NONSITE_DATA", "../shared/data", name)
}

/// A file of the domain folder (`NONSITE_DOMAIN`, default `../shared/domain`).
pub(crate) fn domain_file(name: &str) -> Option<PathBuf> {
    file("NONSITE_DOMAIN", "../shared/domain", name)
}

fn file(variable: &str, default: &str, name: &str) -> Option<PathBuf> {
    let folder = std::env::var_os(variable).map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join(default),
        PathBuf::from,
    );
    let path = folder.join(name);
    if path.is_file() {
        return Some(path);
    }
    assert!(
        std::env::var_os("CI").is_none(),
        "`{}` is missing and CI is set: name the folder in {variable}",
        path.display()
    );
    eprintln!(
        "skipped: `{}` is missing; name its folder in {variable}",
        path.display()
    );
    None
}
