//! `flood_decisions`: what operators decided about findings held as a suspected platform fault.

use super::TableDef;
use super::columns::Columns;

/// One row per decision.
pub fn flood_decisions() -> TableDef {
    TableDef {
        name: "flood_decisions",
        schema: Columns::new()
            .text("anomaly_id", "finding of rule A10 the decision was made on")
            .text(
                "scope",
                "rule and city of the findings held, RULE/CITY; the city is the first four digits of the enforcement body",
            )
            .instant("from_time", "start of the time it is about: findings that begin from then on")
            .instant("to_time", "end of that time (exclusive)")
            .text(
                "ruling",
                "release (dispatched as ever) or discard (kept, never dispatched)",
            )
            .text("by", "who decided")
            .text("why", "reason given by that person")
            .instant("at", "when it was decided; of several about one time the last counts")
            .schema(),
        partition_columns: &[],
        comment: "Decisions of an operator about findings held because a whole city was flagged at once, append-only.",
        sort_columns: &["at", "scope"],
    }
}
