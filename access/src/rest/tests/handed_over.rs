//! Documents that are served, packages that leave the house, and what a case shows around itself.

use nonsite_analytics::review::Case;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::super::testing::{Bench, case, finding, monday};

/// Does an action on whichever version the case has.
async fn act(bench: &Bench, who: &str, id: &str, action: &str, papers: &Value) -> Value {
    bench.clock.advance(60_000_000);
    let path = format!("/cases/{id}/actions/{action}");
    bench
        .post(who, &path, Some("*"), None, papers)
        .await
        .done(200)
}

pub(super) async fn documents_are_printed_and_served(bench: &Bench) {
    let id = case(6);
    let bundles = bench.get("plant", "/bundles").await.done(200);
    let notices = bundles["items"]
        .as_array()
        .unwrap()
        .iter()
        .find(|bundle| bundle["kind"] == "four_notices")
        .unwrap();
    assert_eq!(notices["documents"].as_array().unwrap().len(), 4);
    assert_eq!(notices["documents"][0]["confirmed"], false);

    let path = format!("/cases/{id}/bundles/four_notices");
    let pages = bench
        .get("o-1", &format!("{path}?receiver=%E5%8E%82%E9%95%BF"))
        .await
        .done(200);
    assert_eq!(pages["items"].as_array().unwrap().len(), 4);
    let first = pages["items"][0]["html"].as_str().unwrap();
    assert!(first.contains("待本局确认"));
    bench
        .get("plant", &path)
        .await
        .problem(403, "forbidden-role");
    bench.get("far", &path).await.problem(404, "not-found");
    let early = format!("/cases/{id}/bundles/five_documents");
    bench.get("o-1", &early).await.problem(409, "refused");
    let unknown = format!("/cases/{id}/bundles/six_documents");
    let body = bench.get("o-1", &unknown).await.problem(404, "not-found");
    assert!(body["detail"].as_str().unwrap().contains("four_notices"));

    let serve = format!("{path}/services");
    let papers = json!({"channel": "in person", "receipt": "signed"});
    let bare = bench.post("o-1", &serve, None, None, &papers).await;
    bare.problem(428, "precondition-required");
    let role = bench.post("rev", &serve, Some("*"), None, &papers).await;
    role.problem(403, "forbidden-role");
    let control = json!({"channel": "a\u{0}", "receipt": "signed"});
    let control = bench.post("o-1", &serve, Some("*"), None, &control).await;
    assert_eq!(
        control.problem(422, "bad-body")["errors"][0]["pointer"],
        "/channel"
    );
    let later = json!({"channel": "post", "receipt": "r", "served_at": "2030-01-01"});
    let later = bench.post("o-1", &serve, Some("*"), None, &later).await;
    later.problem(409, "refused");
    let shown = bench.get("o-1", &format!("/cases/{id}")).await;
    let tag = shown.header("etag").to_owned();
    let first = bench
        .post("o-1", &serve, Some(&tag), Some("s-1"), &papers)
        .await;
    let version = first.done(200)["version"].as_i64().unwrap();
    let again = bench
        .post("o-1", &serve, Some(&tag), Some("s-1"), &papers)
        .await;
    assert_eq!(again.bytes, first.bytes, "served once");
    let rows = bench
        .get("o-1", &format!("/cases/{id}/events"))
        .await
        .done(200);
    let served: Vec<&Value> = rows["items"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|row| row["action"] == "serve")
        .collect();
    assert_eq!(served.len(), 1);
    assert_eq!(served[0]["case_version"], version);
    assert_eq!(served[0]["fields"]["bundle"], "four_notices");
}

pub(super) async fn a_package_is_made_once_and_taken_out(bench: &Bench) {
    let id = case(4);
    let path = format!("/cases/{id}/packages");
    let papers = json!({"kind": "filing", "receiver": "法制科"});
    let early = bench.post("law", &path, Some("*"), None, &papers).await;
    early.problem(409, "refused");
    act(bench, "ana", &id, "verify", &json!({"reason": "R1"})).await;
    let filed = json!({"officers": ["o-1", "o-2"], "facts": "监测数据超标",
                       "evidence_list": "小时数据"});
    act(bench, "o-1", &id, "file", &filed).await;

    // The verification wrote an act, a clock of the filing runs, and both show.
    let shown = bench.get("law", &format!("/cases/{id}")).await.done(200);
    assert_eq!(shown["state"], "filing");
    assert_eq!(shown["acts"][0]["mode"], "offsite", "{shown}");
    assert_eq!(shown["acts"][0]["conclusion"], "file_case");
    assert_eq!(shown["acts"][0]["counts"], false);
    assert!(!shown["acts"][0]["lacking"].as_array().unwrap().is_empty());
    assert_eq!(shown["merged"], json!([]));
    assert_eq!(shown["already_checked"], json!([]), "its own act");
    let draft = bench
        .get("o-1", &format!("/cases/{id}/record-draft"))
        .await
        .done(200);
    assert!(draft.is_object());

    for (body, pointer) in [
        (json!({"kind": "gift", "receiver": "r"}), "/kind"),
        (json!({"kind": "four_notices", "receiver": "r"}), "/kind"),
        (json!({"kind": "filing", "receiver": "a\nb"}), "/receiver"),
    ] {
        let wrong = bench.post("law", &path, Some("*"), None, &body).await;
        assert_eq!(
            wrong.problem(422, "bad-body")["errors"][0]["pointer"],
            pointer
        );
    }
    let role = bench.post("rev", &path, Some("*"), None, &papers).await;
    role.problem(403, "forbidden-role");
    let bare = bench.post("law", &path, None, None, &papers).await;
    bare.problem(428, "precondition-required");

    bench.clock.advance(60_000_000);
    let first = bench
        .post("law", &path, Some("*"), Some("p-5"), &papers)
        .await;
    let made = first.done(201);
    assert_eq!(made["kept"], true);
    assert_eq!(made["receiver"], "法制科");
    let again = bench
        .post("law", &path, Some("*"), Some("p-5"), &papers)
        .await;
    assert_eq!(again.done(201), made, "made once");
    assert_eq!(again.header("etag"), first.header("etag"));
    let list = bench.get("law", &path).await.done(200);
    assert_eq!(list["items"], json!([made]));

    let sha256 = made["sha256"].as_str().unwrap();
    let zip = format!("{path}/{sha256}");
    let taken = bench.get("law", &zip).await;
    assert_eq!(taken.status, 200);
    assert_eq!(taken.header("content-type"), "application/zip");
    assert_eq!(hex::encode(Sha256::digest(&taken.bytes)), sha256);
    assert_eq!(made["bytes"], taken.bytes.len());
    bench
        .get("plant", &zip)
        .await
        .problem(403, "forbidden-role");
    bench.get("rev", &zip).await.problem(403, "forbidden-role");
    bench.get("far", &zip).await.problem(404, "not-found");
    let other = format!("{path}/{}", "0".repeat(64));
    bench.get("law", &other).await.problem(404, "not-found");
    // The same state and receiver, the same bytes.
    let same = bench.post("law", &path, Some("*"), None, &papers).await;
    assert_eq!(same.done(201)["sha256"], sha256);
    std::fs::remove_dir_all(bench.folder().join("packages")).unwrap();
    bench.get("law", &zip).await.problem(410, "file-gone");
    let list = bench.get("law", &path).await.done(200);
    assert_eq!(list["items"][0]["kept"], false);
}

#[tokio::test]
async fn documents_and_packages_on_sqlite() {
    let bench = Bench::new().await;
    documents_are_printed_and_served(&bench).await;
    a_package_is_made_once_and_taken_out(&bench).await;
}

#[tokio::test]
async fn an_enterprise_does_not_see_what_was_checked() {
    let bench = Bench::new().await;
    let id = case(1);
    act(&bench, "ana", &id, "verify", &json!({"reason": "R1"})).await;
    let papers = json!({"officers": ["o-1", "o-2"], "measures": "更换循环泵"});
    act(&bench, "o-1", &id, "rectify", &papers).await;
    // Another clue on the outlet, of later.
    let mut next = finding(1);
    next.anomaly_id.push_str("-next");
    (next.rule_id, next.rule_group) = ("Q01".to_owned(), "quality".to_owned());
    (next.window_start, next.window_end) = (monday() - 7_200_000_000, monday() - 3_600_000_000);
    bench.clock.advance(1_000_000);
    let taken = bench.service.take_anomalies(&[next.clone()]).await.unwrap();
    assert_eq!(taken.triage, 1, "{taken:?}");
    let id = Case::id_of(&next.anomaly_id);
    let own = bench.get("plant", &format!("/cases/{id}")).await.done(200);
    assert_eq!(own["already_checked"], json!([]));
    assert_eq!(own["state"], "triage");
    let body = bench.get("ana", &format!("/cases/{id}")).await.done(200);
    assert_eq!(body["already_checked"].as_array().unwrap().len(), 1);
    assert_eq!(body["already_checked"][0]["kind"], "act");
    let page = bench
        .get("rev", &format!("/cases/{id}/dossier"))
        .await
        .done(200);
    assert_eq!(page["checked"], body["already_checked"]);
    let draft = format!("/cases/{id}/record-draft");
    bench
        .get("plant", &draft)
        .await
        .problem(403, "forbidden-role");
}
