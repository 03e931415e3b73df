//! `rule_texts`: every rule file that ever ran, by its hash.

use super::TableDef;
use super::columns::Columns;

/// One row per rule file.
pub fn rule_texts() -> TableDef {
    TableDef {
        name: "rule_texts",
        schema: Columns::new()
            .text(
                "rule_sha256",
                "SHA-256 of the rule file, hex; evidence names it as rule.sha256",
            )
            .text("rule_id", "id of the rule, e.g. E01")
            .int("rule_version", "version of the rule")
            .text("text", "the rule file: front matter and query")
            .instant("first_seen_at", "as-of time of the first run that ran it")
            .schema(),
        partition_columns: &[],
        comment: "Every rule file that ever ran, by its hash, so that a finding can be computed again after the catalogue has changed.",
        sort_columns: &["rule_id", "rule_version"],
    }
}
