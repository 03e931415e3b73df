//! `permits`: every permit document received.

use super::TableDef;
use super::columns::Columns;

/// One row per permit document received, good or faulty.
pub fn permits() -> TableDef {
    TableDef {
        name: "permits",
        schema: Columns::new()
            .text("permit_no", "permit code, 22 characters: credit code (18), sequence (3), mark letter (HJ 608)")
            .int("version", "version number of the document as issued, from 1")
            .instant("issued_at", "when this version was issued; orders the versions of one permit_no")
            .text_or_null("uscc", "unified social credit code of the unit, 18 characters (GB 32100)")
            .text_or_null("unit_name", "name of the pollutant-discharging unit")
            .text_or_null("legal_person", "legal representative of the unit")
            .text_or_null("tech_contact", "technical contact of the unit")
            .text_or_null("address", "address of the production site")
            .number_or_null("longitude", "longitude of the site in degrees, CGCS2000")
            .number_or_null("latitude", "latitude of the site in degrees, CGCS2000")
            .text_or_null("admin_code", "administrative division, 6 digits (GB/T 2260)")
            .text_or_null("org_code", "code of the enforcement body (sub-bureau, brigade) in whose area the site lies")
            .text_or_null("industry_codes", "industry codes, 4 digits, comma list (GB/T 4754)")
            .text_or_null("mgmt_class", "management class: key, simplified or registration")
            .text_or_null("issue_authority", "authority that issued the permit")
            .day_or_null("first_issued_on", "Beijing day of the first issue of this permit")
            .day_or_null("valid_from", "first Beijing day on which the permit is valid")
            .day_or_null("valid_to", "last Beijing day on which the permit is valid (usually 5 years)")
            .text_or_null("status", "valid, expired, cancelled, revoked, suspended or changing")
            .truth_or_null("is_key_unit", "true for a key pollutant-discharging unit")
            .text_or_null("key_elements", "for which elements it is a key unit: water, air, soil, risk; comma list")
            .text_or_null("emergency_grade", "grade for heavy-pollution emergencies: leading, A, B, B-, C or D")
            .truth_or_null("positive_list", "true when the unit is on the enforcement positive list")
            .truth("has_special_period", "true when the document holds limits for special periods")
            .truth("doc_valid", "false when validation found faults; nothing of such a document may be used for judging")
            .text_or_null("doc_faults", "JSON list of {field, fault} when doc_valid is false")
            .text("document", "the document as received, JSON text")
            .instant("received_at", "timestamp of the Kafka record")
            .origin()
            .schema(),
        partition_columns: &[],
        comment: "One row per permit document received. Later documents do not change earlier rows: which version is in force follows from issued_at.",
        sort_columns: &["permit_no", "issued_at"],
    }
}
