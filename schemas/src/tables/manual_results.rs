//! `manual_results`: results of manual monitoring.

use super::TableDef;
use super::columns::Columns;

/// One row per value of a received version of a sampling.
pub fn manual_results() -> TableDef {
    TableDef {
        name: "manual_results",
        schema: Columns::new()
            .text("result_id", "id of the sampling; all its versions carry it")
            .int("version", "version of the results, from 1; a change is a further version")
            .instant("recorded_at", "when this version was recorded, else when it arrived")
            .text_or_null("purpose", "self_monitoring, supervision, comparison or substitution")
            .text_or_null("mn", "unique id of the data logger at the outlet (HJ 212 MN)")
            .text_or_null("permit_no", "permit code of the unit, 22 characters (HJ 608)")
            .text_or_null("outlet_uid", "permit code and outlet code (HJ 608)")
            .instant_or_null("sampled_at", "start of sampling")
            .instant_or_null("sampled_to", "end of sampling (exclusive); null for a grab sample")
            .text_or_null("factor", "factor code (HJ 524/525)")
            .number_or_null("value", "measured value in unit; with below_detection the detection limit")
            .text_or_null("unit", "unit of the value")
            .truth("below_detection", "true when nothing was found above the detection limit")
            .text_or_null("method", "method, standard number")
            .number_or_null("automatic_value", "what the automatic instrument showed at the same time, in unit, as written in the report")
            .text_or_null("laboratory", "laboratory that measured it")
            .text_or_null("cma_no", "number of its CMA certificate")
            .text_or_null("report_no", "number of the laboratory's report")
            .text_or_null("attachments", "proofs, JSON list of {name, sha256}")
            .document()
            .schema(),
        partition_columns: &[],
        comment: "One row per value of a received version of manual monitoring. The view manual_history places the versions in time.",
        sort_columns: &["outlet_uid", "sampled_at", "factor"],
    }
}
