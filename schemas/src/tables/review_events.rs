//! `review_events`: mirror of the queue's audit chain.

use super::TableDef;
use super::columns::Columns;

/// One row per transition of a case, chained by hash.
pub fn review_events() -> TableDef {
    TableDef {
        name: "review_events",
        schema: Columns::new()
            .long("seq", "position in the audit chain, from 1 without gaps")
            .text("case_id", "case that changed")
            .text_or_null("from_state", "state before; null when the case was opened")
            .text("to_state", "state after")
            .long("case_version", "version of the case after the change")
            .text(
                "action",
                "what was done: claim, answer, submit, approve, return, escalate ...",
            )
            .text("actor", "id of the person or engine that did it")
            .text_or_null(
                "actor_certificate",
                "enforcement certificate number of an officer",
            )
            .text(
                "role",
                "role in which they acted: engine, analyst, enterprise, officer, reviewer ...",
            )
            .text_or_null("org_code", "code of the actor's body")
            .instant("at", "server time of the change")
            .instant(
                "effective_at",
                "when it took effect: a deadline that passed while nothing ran took effect then",
            )
            .text_or_null("reason_code", "stable code of the reason")
            .text_or_null("note", "free text of the actor")
            .text("fields", "JSON object of the fields of the action")
            .text_or_null(
                "attachments",
                "JSON list of {name, sha256} of the evidence attached",
            )
            .text_or_null(
                "client",
                "what the change came through: cli, console, api ...",
            )
            .int_or_null("rule_version", "version of the rule at that time")
            .text_or_null(
                "policy_version",
                "version of the workflow definition at that time",
            )
            .text("case_sha256", "SHA-256 of the case after the change, hex")
            .text(
                "prev_hash",
                "hash of the preceding row of the chain, hex; zeros for the first",
            )
            .text("hash", "SHA-256 over this row and prev_hash, hex")
            .schema(),
        partition_columns: &[],
        comment: "Mirror of the append-only audit chain: who changed which case, when, from what to what, and why.",
        sort_columns: &["seq"],
    }
}
