//! Lists the rule files and their golden cases, so that adding a rule means adding files and nothing
//! else.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

fn main() {
    // Asked when it runs, not when it was compiled: a target folder may outlive the clone.
    let root = std::env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets CARGO_MANIFEST_DIR");
    let folder = Path::new(&root).join("rules");
    let code = format!(
        "{}{}",
        list("RULES", &files(&folder, "sql")),
        list("GOLDEN", &files(&folder.join("golden"), "toml"))
    );
    let out = std::env::var_os("OUT_DIR").expect("cargo sets OUT_DIR");
    std::fs::write(Path::new(&out).join("rules.rs"), code).expect("OUT_DIR can be written");
}

fn files(folder: &Path, extension: &str) -> Vec<PathBuf> {
    println!("cargo:rerun-if-changed={}", folder.display());
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .expect("the folder `rules` and its `golden` belong to this crate")
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|found| found == extension))
        .collect();
    files.sort();
    files
}

fn list(name: &str, files: &[PathBuf]) -> String {
    let mut code = format!("pub(super) const {name}: &[(&str, &str)] = &[\n");
    for file in files {
        println!("cargo:rerun-if-changed={}", file.display());
        let stem = file
            .file_stem()
            .and_then(|stem| stem.to_str())
            .expect("a rule's name is ASCII");
        writeln!(code, "    ({stem:?}, include_str!({file:?})),").expect("a string grows");
    }
    code.push_str("];\n");
    code
}
