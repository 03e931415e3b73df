//! `mn_bindings`: which logger measures which outlet, as filed.

use super::TableDef;
use super::columns::Columns;

/// One row per received version of a binding.
pub fn mn_bindings() -> TableDef {
    TableDef {
        name: "mn_bindings",
        schema: Columns::new()
            .text("binding_id", "id of the binding; all its versions carry it")
            .int(
                "version",
                "version of the binding, from 1; a change is a further version",
            )
            .instant(
                "recorded_at",
                "when this version was recorded, else when it arrived",
            )
            .text("mn", "unique id of the data logger (HJ 212 MN)")
            .text_or_null(
                "permit_no",
                "permit code of the unit, 22 characters (HJ 608)",
            )
            .text_or_null("outlet_uid", "permit code and outlet code (HJ 608)")
            .text_or_null("outlet_code", "outlet code, DAnnn or DWnnn (HJ 608)")
            .text_or_null(
                "factors",
                "factors the logger measures there, comma list; null means all it reports",
            )
            .int_or_null("cadence_s", "seconds between two values of the analyser")
            .instant_or_null("valid_from", "start of the binding")
            .instant_or_null(
                "valid_to",
                "end of the binding (exclusive); null while it holds",
            )
            .text_or_null("replaces_mn", "the logger this one replaces")
            .text_or_null("filed_by", "who filed it")
            .document()
            .schema(),
        partition_columns: &[],
        comment: "One row per received version of a binding that was filed outside a permit. The view bindings_in_force says what holds when.",
        sort_columns: &["mn", "binding_id", "version"],
    }
}
