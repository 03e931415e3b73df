//! What people do over the API, each operation that changes something once and by whom it belongs to.

use serde_json::{Value as Json, json};

use super::asked::Ids;
use super::client::Client;
use super::prepared::Prepared;

/// Who calls.
pub(super) struct Callers {
    pub(super) analyst: Client,
    pub(super) supervisor: Client,
    pub(super) officer: Client,
    pub(super) legal: Client,
}

fn text(value: &Json) -> &str {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}"))
}

/// Works on the prepared cases; ids of what there is afterwards.
pub(super) fn everything_is_used_once(callers: &Callers, prepared: &Prepared) -> Ids {
    let mut ids = Ids::default();
    for (id, _) in &prepared.cases {
        ids.add("path.case_id", id);
    }
    for permit in &prepared.permits {
        ids.add("path.permit_no", permit);
        ids.add("query.permit_no", permit);
    }
    work_is_handed_out(callers);
    papers_go_out(callers, prepared, &mut ids);
    figures_and_lots(callers, prepared, &mut ids);
    // What a description cannot say: the day of the data, and what fits together.
    ids.add("query.as_of", "2026-06-30");
    ids.add("query.known_at", "2026-06-30");
    ids.add("query.due_before", "2026-06-30");
    for operation in ["permit_checklist", "draft_inspection"] {
        ids.of(operation, "query.checklist", "common");
    }
    ids.of("access_log", "query.since", "2026-01-01");
    ids.of("access_log", "query.until", "2036-01-01");
    ids.of("stat_rows", "path.code", "clue_precision");
    ids.of("target_rows", "path.code", "stages_online");
    ids.of("checklist_items", "path.checklist_id", "cement");
    ids
}

fn work_is_handed_out(callers: &Callers) {
    let analyst = &callers.analyst;
    let wanted = json!({"states": ["triage"]});
    let case = analyst.post("/claims", None, &wanted).done(200);
    let at = format!("/cases/{}", text(&case["case_id"]));
    assert_eq!(case["held_by"], "ana");
    for (step, holder) in [
        ("release", Json::Null),
        ("claim", json!("ana")),
        ("release", Json::Null),
    ] {
        // The tag of what was read names the version that was decided on.
        let read = analyst.ask(&format!("GET {at}"), "", b"");
        let tag = read.header("etag").unwrap().to_owned();
        read.done(200);
        let after = analyst.post(&format!("{at}/{step}"), Some(&tag), &json!({}));
        assert_eq!(after.done(200)["held_by"], holder, "{step}");
    }
}

fn papers_go_out(callers: &Callers, prepared: &Prepared, ids: &mut Ids) {
    let photo = include_bytes!("../../../analytics/src/review/evidence/fixtures/pump_again.jpg");
    let visited = prepared.case("verify_off");
    let line = format!("POST /cases/{visited}/files?name=again.jpg");
    let headers = "Content-Type: image/jpeg\r\nIf-Match: *\r\n";
    let file = callers.officer.ask(&line, headers, photo).done(201);
    let sha256 = text(&file["sha256"]);
    let path = format!("/cases/{visited}/files/{sha256}");
    let taken = callers.officer.ask(&format!("GET {path}"), "", b"");
    assert_eq!(taken.status, 200);
    let known = format!("If-None-Match: \"{sha256}\"\r\n");
    let again = callers.officer.ask(&format!("GET {path}"), &known, b"");
    assert_eq!(again.status, 304, "the caller has it already");
    ids.of("get_file", "path.case_id", visited);
    ids.of("get_file", "path.sha256", sha256);

    let served = json!({"channel": "in person", "receipt": "signed"});
    let path = format!("/cases/{visited}/bundles/four_notices/services");
    callers.officer.post(&path, Some("*"), &served).done(200);
    ids.of("print_bundle", "path.case_id", visited);
    ids.of("print_bundle", "path.kind", "four_notices");

    let filed = prepared.case("filing");
    let papers = json!({"kind": "filing", "receiver": "法制科"});
    let path = format!("/cases/{filed}/packages");
    let package = callers.legal.post(&path, Some("*"), &papers).done(201);
    let sha256 = text(&package["sha256"]);
    let zip = format!("GET {path}/{sha256}");
    assert_eq!(callers.legal.ask(&zip, "", b"").status, 200);
    ids.of("get_package", "path.case_id", filed);
    ids.of("get_package", "path.sha256", sha256);
}

fn figures_and_lots(callers: &Callers, prepared: &Prepared, ids: &mut Ids) {
    let Callers {
        analyst,
        supervisor,
        officer,
        ..
    } = callers;
    let clue = json!({
        "source_system": "complaint", "source_ref": "12345-by-hand", "severity": "S3",
        "permit_no": prepared.permits[0], "from": "2026-06-01 22:00:00", "text": "夜间有异味",
    });
    let reported = analyst.post("/clues", None, &clue).done(201);
    assert_eq!(reported["source_ref"], "12345-by-hand", "{reported}");
    let findings = analyst.get("/anomalies?limit=5");
    for finding in findings["items"].as_array().unwrap() {
        ids.add("path.anomaly_id", text(&finding["anomaly_id"]));
        if let Some(mn) = finding["mn"].as_str() {
            ids.add("query.mn", mn);
        }
    }
    let acts = analyst.get("/inspections?limit=5");
    let acts = acts["items"].as_array().unwrap();
    assert!(!acts.is_empty(), "the province has records of acts");
    for act in acts {
        ids.add("path.act_id", text(&act["act_id"]));
    }
    let figure = json!({"year": 2026, "as_of": "2026-06-30"});
    let figure = supervisor.post("/ratio/snapshots", None, &figure).done(201);
    ids.add("path.snapshot_id", text(&figure["snapshot_id"]));
    let list = json!({"from": {"list": [{"id": "unit-1"}, {"id": "unit-2"}]}});
    let fixed = analyst.post("/draws/lists", None, &list).done(200);
    let mut wanted = list;
    wanted["seed"] = json!("3 14 15");
    wanted["count"] = json!(1);
    let drawn = analyst.post("/draws", None, &wanted).done(201);
    assert_eq!(drawn["list_sha256"], fixed["list_sha256"]);
    ids.add("path.draw_id", text(&drawn["draw_id"]));
    let audit = json!({"org_code": "370502", "team": "稽查一组"});
    supervisor.post("/bureau-audits", None, &audit).done(201);
    let record = json!({
        "act_id": "by-hand", "act_version": 1, "unit": {"unit_id": "unit-1"},
        "org": {"code": "370502", "level": "sub_bureau"}, "mode": "offsite",
        "method": "documents", "class": "daily", "status": "closed",
    });
    let looked = officer.post("/inspections?dry_run=true", None, &record);
    assert_eq!(looked.done(200)["act_id"], "by-hand");
}
