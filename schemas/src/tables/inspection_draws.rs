//! `inspection_draws`: every drawing of lots, so that anybody can draw it again.

use super::TableDef;
use super::columns::Columns;

/// One row per drawing, and one per unit or case it chose.
pub fn inspection_draws() -> TableDef {
    TableDef {
        name: "inspection_draws",
        schema: Columns::new()
            .text(
                "draw_id",
                "id of the drawing, a hash of list, seed and rules; its rows share it",
            )
            .text(
                "kind",
                "draw (units and officers, 双随机) or sample (closed cases, for the audit of a body)",
            )
            .instant("drawn_at", "when it was drawn")
            .text("algorithm", "name of the algorithm, as documented")
            .text("seed", "the published seed")
            .text_or_null("basis", "what the list is, and where the seed comes from")
            .int("listed", "number of units or cases on the list that was drawn from")
            .text("list_sha256", "SHA-256 of that list, hex; can be published before the seed is known")
            .int("place", "0 for the drawing itself, else the place of this unit or case among the chosen")
            .text_or_null("chosen_id", "unit or case; null at place 0")
            .text_or_null("chosen_name", "name of the unit, or of the unit the case is about")
            .text_or_null("officers", "officers drawn for it, comma list")
            .text_or_null("document", "the whole drawing as JSON, which `--verify` draws again; at place 0")
            .schema(),
        partition_columns: &[],
        comment: "Every drawing of units, officers or cases with the list and the seed that reproduce it. A drawing is never changed.",
        sort_columns: &["draw_id", "place"],
    }
}
