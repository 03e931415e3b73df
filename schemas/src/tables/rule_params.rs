//! `rule_params`: parameters of rules that differ for an industry or an outlet.

use super::TableDef;
use super::columns::Columns;

/// One row per decision.
pub fn rule_params() -> TableDef {
    TableDef {
        name: "rule_params",
        schema: Columns::new()
            .text("rule_id", "rule whose parameter differs")
            .text("parameter", "name of the parameter in the rule's front matter")
            .text("layer", "industry or outlet; an outlet's value goes before its industry's")
            .text("key", "industry code (GB/T 4754, leading digits are enough) or national outlet id")
            .number("value", "the parameter's value, in the unit the rule states")
            .text("reason", "why it differs, given by the author")
            .text("author", "who decided")
            .instant("from_time", "windows that start from then on are judged with it")
            .instant("expires_at", "windows that start from then on are not (exclusive end)")
            .instant("recorded_at", "when it was decided; of several for one time the latest counts")
            .truth("revoked", "true when the row ends what earlier rows said about the same rule, parameter, layer and key")
            .schema(),
        partition_columns: &[],
        comment: "Parameters of rules for an industry or an outlet, append-only: a later row replaces an earlier one for the time it names.",
        sort_columns: &["rule_id", "parameter", "layer", "key", "recorded_at"],
    }
}
