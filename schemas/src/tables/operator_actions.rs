//! `operator_actions`: decisions of an operator that change what is consumed.

use super::TableDef;
use super::columns::Columns;

/// One row per explicit decision of an operator about a topic's partition.
pub fn operator_actions() -> TableDef {
    TableDef {
        name: "operator_actions",
        schema: Columns::new()
            .text("action", "what was decided, e.g. resume_after_loss")
            .text("topic", "Kafka topic it concerns")
            .int("partition", "Kafka partition it concerns")
            .long("from_offset", "first offset concerned (inclusive)")
            .long("to_offset", "end of the offsets concerned (exclusive)")
            .long(
                "records",
                "number of records concerned, e.g. how many are gone",
            )
            .instant("at", "when it was decided")
            .text("by", "who decided")
            .text("why", "reason given by that person")
            .schema(),
        partition_columns: &[],
        comment: "Decisions of an operator that change what is consumed, such as going on after records were lost on the broker.",
        sort_columns: &["topic", "partition", "from_offset"],
    }
}
