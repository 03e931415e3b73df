//! `anomalies`: what the rules found.

use super::TableDef;
use super::columns::Columns;

/// One row per anomaly, as it stands.
pub fn anomalies() -> TableDef {
    TableDef {
        name: "anomalies",
        schema: Columns::new()
            .text("anomaly_id", "hash of rule, rule version, subject and window start; the same for every re-run")
            .text("rule_id", "id of the rule, e.g. E01")
            .int("rule_version", "version of the rule")
            .text("params_hash", "SHA-256 of the parameters the rule ran with, hex")
            .text("rule_group", "group of the rule: exceedance, quality, transmission, permit ...")
            .text("severity", "S1 (fraud, evasion), S2 (probable violation), S3 (needs explanation), S4 (reminder)")
            .text("phase", "provisional (as received) or confirmed (after the marking deadline, next day 12:00)")
            .text("status", "open or withdrawn")
            .text_or_null("permit_no", "permit code of the unit, if the logger is bound to one")
            .text_or_null("unit_name", "name of the unit")
            .text_or_null("org_code", "code of the enforcement body in whose area the site lies")
            .text_or_null("outlet_uid", "national outlet id")
            .text_or_null("mn", "unique id of the data logger")
            .text_or_null("factor", "factor code of HJ 524/525")
            .instant("window_start", "start of what was judged")
            .instant("window_end", "end of what was judged (exclusive)")
            .number_or_null("observed", "what was observed, in `unit`")
            .number_or_null("limit_value", "what it was compared with, in `unit`")
            .text_or_null("unit", "unit of observed and limit_value")
            .number_or_null("excess_ratio", "observed divided by limit_value")
            .long("points", "number of readings the finding rests on")
            .int_or_null("permit_version", "version of the permit whose limit was in force")
            .text_or_null("exempt_code", "exemption considered and met (M1 to M7), null when none")
            .text("reason", "one sentence in Chinese and one in English")
            .text("evidence", "JSON: rows, limit row, marks, recomputation, query")
            .text("evidence_sha256", "SHA-256 of evidence, hex")
            .long("readings_version", "version of table readings_raw that was judged")
            .instant("first_seen_at", "as-of time of the run that found it first")
            .instant("last_seen_at", "as-of time of the run that changed this row last")
            .text_or_null("withdrawn_reason", "why it was withdrawn, when status is withdrawn")
            .day("date", "Beijing day of window_start; partition")
            .schema(),
        partition_columns: &["date"],
        comment: "One row per anomaly, as it stands: a run replaces the rows it changes, and earlier states are earlier versions of the table. An anomaly that later data disprove is withdrawn, never deleted.",
        sort_columns: &["rule_id", "mn", "factor", "window_start"],
    }
}
