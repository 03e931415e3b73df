//! `ratio_snapshots`: every published figure of the off-site ratio.

use super::TableDef;
use super::columns::Columns;

/// One row per figure of a computed ratio.
pub fn ratio_snapshots() -> TableDef {
    TableDef {
        name: "ratio_snapshots",
        schema: Columns::new()
            .text(
                "snapshot_id",
                "id of the computation; all figures of one computation share it",
            )
            .text("policy_id", "counting policy the figure follows")
            .text("policy", "the policy as used, JSON text")
            .instant(
                "as_of",
                "cut-off: acts completed and versions visible up to here",
            )
            .instant("known_at", "records that arrived here later are left out")
            .instant("period_from", "start of the period counted")
            .instant("period_to", "end of the period counted (exclusive)")
            .text("breakdown", "total, org, month, quarter, to_date (running sum), method or class")
            .text(
                "key",
                "which body, month (YYYY-MM), quarter (YYYY-Qn), method or class; `all` for the total",
            )
            .long("n_off", "number of off-site inspections counted")
            .long("n_on", "number of on-site inspections counted")
            .number_or_null(
                "ratio",
                "n_off / (n_off + n_on), unrounded, 0 to 1; null when nothing was counted",
            )
            .text_or_null(
                "percent",
                "the ratio as printed: percent with two decimals, half up",
            )
            .number("target", "the target, 0 to 1, e.g. 0.40")
            .truth_or_null(
                "reached",
                "ratio >= target, compared unrounded; null when nothing was counted",
            )
            .number_or_null("band_low", "lowest ratio over the policy's open questions")
            .number_or_null(
                "band_high",
                "highest ratio over the policy's open questions",
            )
            .truth_or_null(
                "band_crosses_target",
                "true when the band spans the target, so that the verdict rests on the policy",
            )
            .long(
                "inspections_version",
                "version of table inspections that was counted",
            )
            .text(
                "acts_sha256",
                "SHA-256 over every record version the cut-off lets through, hex",
            )
            .text_or_null(
                "document",
                "the whole figure as JSON, which `nonsite ratio --reproduce` computes again; on the total's row",
            )
            .schema(),
        partition_columns: &[],
        comment: "Every published figure of the off-site ratio with the policy and table version that reproduce it.",
        sort_columns: &["as_of", "breakdown", "key"],
    }
}
