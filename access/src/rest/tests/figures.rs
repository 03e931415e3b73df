//! Figures: of the work, of the chain, of the ratio.

use serde_json::json;

use super::super::testing::{Bench, case};

#[tokio::test]
async fn figures_lead_to_their_rows_and_the_chain_is_sound() {
    let bench = Bench::new().await;
    let dispatch = format!("/cases/{}/actions/verify", case(0));
    bench
        .post("ana", &dispatch, Some("*"), None, &json!({"reason": "R1"}))
        .await
        .done(200);
    let rectify = format!("/cases/{}/actions/rectify", case(0));
    let papers = json!({"act": "a", "officers": ["o-1", "o-2"], "measures": "m"});
    bench
        .post("o-1", &rectify, Some("*"), None, &papers)
        .await
        .done(200);

    let stats = bench.get("sup", "/stats?year=2026").await.done(200);
    let figures = stats["figures"].as_array().unwrap();
    let precision = figures
        .iter()
        .find(|figure| figure["code"] == "clue_precision")
        .unwrap();
    assert_eq!(precision["rate"]["percent"], "100.00");
    let rows = bench
        .get("sup", "/stats/clue_precision/rows?year=2026")
        .await
        .done(200);
    assert_eq!(rows["items"][0]["case_id"], case(0));
    bench
        .get("sup", "/stats/luck/rows")
        .await
        .problem(404, "not-found");
    // The case lies in another district.
    let theirs = bench.get("sub", "/stats?year=2026").await.done(200);
    let sum: u64 = theirs["figures"]
        .as_array()
        .unwrap()
        .iter()
        .map(|figure| figure["rate"]["of"].as_u64().unwrap())
        .sum();
    assert_eq!(sum, 0, "{theirs}");

    let audit = bench.get("sup", "/audit").await.done(200);
    assert_eq!(audit["sound"], true, "{audit}");
    assert_eq!(audit["cases"], 7);
    let head = audit["head"].as_str().unwrap();
    let same = bench
        .get("sup", &format!("/audit?expect_head={head}"))
        .await
        .done(200);
    assert_eq!(same["sound"], true);
    let other = bench.get("sup", "/audit?expect_head=00").await.done(200);
    assert_eq!(other["fault"]["fault"], "head_missing");
}

#[tokio::test]
async fn a_figure_is_published_once_and_computed_again() {
    let bench = Bench::new().await;
    let ratio = bench
        .get("sup", "/ratio?year=2026&by=month")
        .await
        .done(200);
    assert_eq!(ratio["verdict"], "no inspections");
    let acts = bench.get("sup", "/ratio/acts").await.done(200);
    assert_eq!(acts["items"], json!([]));

    let role = bench
        .post("o-1", "/ratio/snapshots", None, None, &json!({}))
        .await;
    role.problem(403, "forbidden-role");
    let body = bench
        .post("sub", "/ratio/snapshots", None, None, &json!({}))
        .await;
    body.problem(403, "out-of-scope");
    let when = json!({"year": 2026, "as_of": "soon"});
    let wrong = bench
        .post("sup", "/ratio/snapshots", None, None, &when)
        .await;
    assert_eq!(
        wrong.problem(422, "bad-body")["errors"][0]["pointer"],
        "/as_of"
    );

    // Without an instant every figure is another one, except for the same key.
    let key = Some("p-1");
    let first = bench
        .post("sup", "/ratio/snapshots", None, key, &json!({}))
        .await;
    let id = first.done(201)["snapshot_id"].as_str().unwrap().to_owned();
    bench.clock.advance(5_000_000);
    let again = bench
        .post("sup", "/ratio/snapshots", None, key, &json!({}))
        .await;
    assert_eq!(again.bytes, first.bytes);
    let later = bench
        .post("sup", "/ratio/snapshots", None, None, &json!({}))
        .await;
    assert_ne!(later.done(201)["snapshot_id"], id);

    let proof = bench
        .get("o-1", &format!("/ratio/snapshots/{id}/reproduction"))
        .await
        .done(200);
    assert_eq!(proof["reproduced"], true, "{proof}");
    // Counted before there was a table, and so it is again.
    assert_eq!(
        (&proof["inspections_version"], &proof["note"]),
        (&json!(-1), &json!(null)),
        "{proof}"
    );
    let unknown = bench
        .get("o-1", "/ratio/snapshots/r0000000000000000/reproduction")
        .await;
    unknown.problem(404, "not-found");
}

#[tokio::test]
async fn findings_and_the_workflow_can_be_asked_for() {
    let bench = Bench::new().await;
    let list = bench
        .get("plant", "/anomalies?rule=E01,E02&status=all&limit=5")
        .await
        .done(200);
    assert_eq!(list["items"], json!([]));
    bench
        .get("ana", "/anomalies/0a1b")
        .await
        .problem(404, "not-found");
    let told = json!({"verdict": "match"});
    let feedback = bench
        .post("ana", "/anomalies/0a1b/feedback", None, None, &told)
        .await;
    feedback.problem(404, "not-found");
    let role = bench
        .post("plant", "/anomalies/0a1b/feedback", None, None, &told)
        .await;
    role.problem(403, "forbidden-role");

    let workflow = bench.get("plant", "/workflow").await.done(200);
    assert_eq!(workflow["initial"], "detected");
    let dispatch = workflow["transitions"]
        .as_array()
        .unwrap()
        .iter()
        .find(|way| way["action"] == "dispatch")
        .unwrap();
    assert_eq!(dispatch["requires"], json!(["channel", "reason"]));
    let me = bench.get("sub", "/me").await.done(200);
    assert_eq!(me["org"], "370522");
    let dossier = bench
        .get("rev", &format!("/cases/{}/dossier", case(2)))
        .await
        .done(200);
    assert_eq!(dossier["case"]["case_id"], case(2));
    assert_eq!(dossier["checklist"].as_array().unwrap().len(), 8);
}
