//! Files up and down.

use serde_json::json;
use sha2::{Digest, Sha256};

use super::super::testing::{Answer, Bench, case};

const PHOTO: &[u8] = include_bytes!("../../../../analytics/src/review/evidence/fixtures/pump.jpg");

/// A photo for a case, on whichever version it has.
pub(super) async fn hand_in(bench: &Bench, who: &str, case: &str) -> Answer {
    let line = format!("POST /cases/{case}/files?name=%E6%B3%B5.jpg&kind=after");
    let headers = [("content-type", "image/jpeg"), ("if-match", "*")];
    bench.ask(who, &line, &headers, PHOTO).await
}

#[tokio::test]
async fn a_file_goes_up_and_comes_down_unchanged() {
    let bench = Bench::new().await;
    let id = case(4);
    let line = format!("POST /cases/{id}/files?name=%E6%B3%B5.jpg");
    let tag = bench
        .get("o-1", &format!("/cases/{id}"))
        .await
        .header("etag")
        .to_owned();
    let photo = ("content-type", "image/jpeg");
    let bare = bench.ask("o-1", &line, &[photo], PHOTO).await;
    bare.problem(428, "precondition-required");
    let on = [
        photo,
        ("if-match", tag.as_str()),
        ("idempotency-key", "f-1"),
    ];
    let up = bench.ask("o-1", &line, &on, PHOTO).await;
    let kept = up.done(201);
    let sha256 = hex::encode(Sha256::digest(PHOTO));
    assert_eq!(kept["sha256"], sha256);
    assert_eq!(kept["name"], "泵.jpg");
    assert!(kept["kind"].is_null(), "nobody said what it shows");
    assert_eq!(kept["media"], "image/jpeg");
    assert_eq!(kept["bytes"], PHOTO.len());
    assert_eq!(kept["kept"], "sound");
    assert!(
        kept["taken_at"].is_string() && kept["device"].is_string(),
        "{kept}"
    );
    let again = bench.ask("o-1", &line, &on, PHOTO).await;
    assert_eq!(again.done(201), kept, "the same key, one file");
    assert_eq!(again.header("etag"), up.header("etag"));
    let stale = bench.ask("o-1", &line, &on[..2], PHOTO).await;
    stale.problem(412, "stale-version");
    let twin = hand_in(&bench, "o-1", &case(5)).await.done(201);
    assert_eq!(twin["seen_before"][0]["case_id"], id, "{twin}");
    assert_eq!(twin["kind"], "after");

    let list = bench
        .get("ana", &format!("/cases/{id}/files"))
        .await
        .done(200);
    assert_eq!(list["items"].as_array().unwrap().len(), 1);
    assert_eq!(list["next"], serde_json::Value::Null);
    let path = format!("/cases/{id}/files/{sha256}");
    let down = bench.get("ana", &path).await;
    assert_eq!(down.status, 200);
    assert_eq!(down.bytes, PHOTO);
    assert_eq!(down.header("content-type"), "image/jpeg");
    assert_eq!(down.header("x-content-type-options"), "nosniff");
    assert!(down.header("content-disposition").contains("%E6%B3%B5.jpg"));
    // A file of another case is no file of this one.
    let elsewhere = format!("/cases/{}/files/{sha256}", case(0));
    bench.get("ana", &elsewhere).await.problem(404, "not-found");
    std::fs::remove_dir_all(bench.folder().join("evidence")).unwrap();
    bench.get("ana", &path).await.problem(410, "file-gone");
}

#[tokio::test]
async fn an_enterprise_is_not_told_what_others_handed_in() {
    let bench = Bench::new().await;
    hand_in(&bench, "o-1", &case(4)).await.done(201);
    let at = format!("/cases/{}", case(1));
    for (action, papers) in [
        ("dispatch", json!({"channel": "client", "reason": "R1"})),
        ("deliver", json!({"receipt": "read"})),
    ] {
        let path = format!("{at}/actions/{action}");
        bench
            .post("ana", &path, Some("*"), None, &papers)
            .await
            .done(200);
    }
    let up = hand_in(&bench, "plant", &case(1)).await.done(201);
    assert_eq!(up["seen_before"], json!([]), "{up}");
    let own = bench.get("plant", &format!("{at}/files")).await.done(200);
    assert_eq!(own["items"][0]["seen_before"], json!([]));
    let judged = bench.get("ana", &format!("{at}/files")).await.done(200);
    assert_eq!(
        judged["items"][0]["seen_before"][0]["case_id"],
        case(4),
        "{judged}"
    );
    // Its own picture is another matter.
    let again = hand_in(&bench, "plant", &case(1)).await.done(201);
    assert_eq!(again["seen_before"][0]["case_id"], case(1), "{again}");
}

#[tokio::test]
async fn what_a_file_shows_is_one_of_the_kinds() {
    let bench = Bench::new().await;
    let add = async |kind: &str, media: &str, content: &[u8]| {
        let line = format!("POST /cases/{}/files?name=a&kind={kind}", case(4));
        let headers = [("content-type", media), ("if-match", "*")];
        bench.ask("o-1", &line, &headers, content.to_vec()).await
    };
    let report = b"%PDF-1.7\n";
    let selfie = add("selfie", "image/jpeg", PHOTO).await;
    selfie.problem(400, "bad-query");
    let wrong = add("after", "application/pdf", report).await;
    let wrong = wrong.problem(422, "bad-body");
    assert!(
        wrong["detail"].as_str().unwrap().contains("`after`"),
        "{wrong}"
    );
    let right = add("lab_report", "application/pdf", report).await.done(201);
    assert_eq!(right["kind"], "lab_report");
    let rows = bench
        .get("ana", &format!("/cases/{}/events", case(4)))
        .await
        .done(200);
    let row = rows["items"].as_array().unwrap().last().unwrap();
    assert_eq!(row["attachments"][0]["kind"], "lab_report", "{row}");
}

#[tokio::test]
async fn what_is_no_evidence_is_not_taken() {
    let bench = Bench::new().await;
    let line = format!("POST /cases/{}/files?name=a.jpg", case(0));
    let on = ("if-match", "*");
    let text = bench
        .ask("o-1", &line, &[("content-type", "text/html"), on], "<p>")
        .await;
    text.problem(415, "unsupported-media");
    let untyped = bench.ask("o-1", &line, &[on], PHOTO).await;
    untyped.problem(415, "unsupported-media");
    let photo = ("content-type", "image/jpeg");
    let fake = bench
        .ask("o-1", &line, &[photo, on], "no photo at all, just text")
        .await;
    fake.problem(415, "unsupported-media");
    let large = [PHOTO, vec![0; 1 << 20].as_slice()].concat();
    let large = bench.ask("o-1", &line, &[photo, on], large).await;
    let body = large.problem(413, "too-large");
    assert!(body["detail"].as_str().unwrap().contains("a.jpg"), "{body}");
    let nameless = format!("POST /cases/{}/files", case(0));
    let nameless = bench.ask("o-1", &nameless, &[photo, on], PHOTO).await;
    nameless.problem(400, "bad-query");
    let gone = "POST /cases/c0000000000000000/files?name=a.jpg";
    bench
        .ask("o-1", gone, &[photo, on], PHOTO)
        .await
        .problem(404, "not-found");
    let left: Vec<_> = std::fs::read_dir(bench.folder().join("evidence"))
        .into_iter()
        .flatten()
        .collect();
    assert!(left.is_empty(), "what was refused is not kept: {left:?}");
}
