//! `inspections`: every version of every inspection act received.

use super::TableDef;
use super::columns::Columns;

/// One row per received version of an inspection act.
pub fn inspections() -> TableDef {
    TableDef {
        name: "inspections",
        schema: Columns::new()
            .text("act_id", "id of the inspection act in the inspection system")
            .int("act_version", "version of the act, from 1; a correction is a further version")
            .instant("recorded_at", "when this version was recorded; the last version visible at a cut-off counts")
            .text("act_key", "identity used for counting: hash of unit and task, else of unit, method, team and day")
            .text_or_null("task_id", "id of the approved task the act carries out")
            .text_or_null("plan_item", "item of the annual inspection plan")
            .text_or_null("unit_id", "pollutant unit: credit code and site; usually the permit code")
            .text_or_null("permit_no", "permit code of the unit, 22 characters (HJ 608)")
            .text_or_null("uscc", "unified social credit code of the unit (GB 32100)")
            .text_or_null("unit_name", "name of the unit inspected")
            .text_or_null("admin_code", "administrative division of the site, 6 digits (GB/T 2260)")
            .truth("positive_list", "true when the unit was on the positive list at that time")
            .text_or_null("org_code", "code of the executing body")
            .text_or_null("org_name", "name of the executing body")
            .text_or_null("org_level", "level of the executing body: sub_bureau, county, city, province or ministry")
            .text_or_null("dispatch_org_code", "code of the body that dispatched the task")
            .text_or_null("joint_orgs", "codes of the other bodies of a joint inspection, comma list; org_code leads")
            .text_or_null("mode", "offsite or onsite")
            .text_or_null("method", "auto_monitor, power, video, uav, remote_sensing, documents, rectification_review, site_visit or other")
            .text_or_null("class", "daily (unspecified targets), special (campaign) or case (triggered)")
            .text_or_null("status", "planned, approved, running, completed, closed or withdrawn")
            .text_or_null("approval_id", "id of the approval form")
            .text_or_null("approved_by", "who approved the act")
            .instant_or_null("approved_at", "when the act was approved")
            .instant_or_null("started_at", "when the check began")
            .instant_or_null("ended_at", "when the check ended")
            .instant_or_null("completed_at", "when the record was signed; decides the period it is counted in")
            .text_or_null("team_id", "id of the officers' team")
            .text("officers", "ids of the officers, sorted, comma list")
            .int("officer_count", "number of officers with a certificate number")
            .text("outlets", "outlet codes reviewed, comma list")
            .int("source_count", "number of data sources reviewed with a time window")
            .int("checklist_count", "number of checklist items answered")
            .int("finding_count", "number of findings")
            .int("evidence_count", "number of evidence items the findings refer to")
            .text_or_null("conclusion", "no_problem, clue_to_enterprise, convert_to_onsite or file_case")
            .text_or_null("checklist", "checklist answers, JSON list of {item_id, answer, remark}")
            .text_or_null("findings", "findings, JSON list of {finding_id, text, evidence_ids, law}")
            .instant_or_null("notified_at", "when the enterprise was told the result")
            .text_or_null("signed_by", "reviewer who signed the record")
            .text_or_null("policy_id", "ratio policy in force when the act was recorded")
            .text_or_null("escalated_from", "act_id of the off-site act this on-site act grew out of")
            .text_or_null("escalated_to", "act_id of the on-site act this off-site act grew into")
            .text_or_null("collapsed_into", "act_id that this act was merged into by the inspection system")
            .text_or_null("withdrawn_reason", "why the act was withdrawn, if it was")
            .text_or_null("record_faults", "what the minimum record lacks, JSON list of {field, fault}; null when it is complete")
            .truth("excluded_by_sender", "true when the inspection system itself says that the act does not count")
            .truth("counts_for_ratio", "false when the sender excluded the act; of off-site acts also when the record is incomplete or faulty")
            .text_or_null("not_counted_reason", "why counts_for_ratio is false, one sentence")
            .truth("doc_valid", "false when validation found faults")
            .text_or_null("doc_faults", "JSON list of {field, fault} when doc_valid is false")
            .text("document", "the document as received, JSON text")
            .instant("received_at", "timestamp of the Kafka record")
            .origin()
            .schema(),
        partition_columns: &[],
        comment: "One row per received version of an inspection act. The last version visible at the cut-off is the act.",
        sort_columns: &["act_id", "act_version"],
    }
}
