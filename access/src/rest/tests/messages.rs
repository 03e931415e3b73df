//! The outbox: read on from where one was, within the own scope.

use serde_json::{Value, json};

use super::super::testing::{Bench, case};

#[tokio::test]
async fn messages_are_read_on_from_the_last_one() {
    let bench = Bench::new().await;
    for number in [0, 1, 3] {
        bench.clock.advance(60_000_000);
        let act = format!("/cases/{}/actions/dispatch", case(number));
        let papers = json!({"channel": "client", "reason": "R1"});
        bench
            .post("ana", &act, Some("*"), None, &papers)
            .await
            .done(200);
    }
    let read = async |who: &str, query: &str| {
        let page = bench.get(who, &format!("/messages?{query}")).await;
        page.done(200)
    };
    let cases = |page: &Value| -> Vec<String> {
        let items = page["items"].as_array().unwrap().iter();
        items
            .map(|message| message["case_id"].as_str().unwrap().to_owned())
            .collect()
    };
    let all = read("ana", "limit=200").await;
    assert_eq!(cases(&all), [case(0), case(1), case(3)]);
    assert!(all["next"].is_null());
    let first = &all["items"][0];
    assert_eq!(first["kind"], "order");
    assert_eq!(first["addressee"], "enterprise");
    assert_eq!(first["permit_no"], "permit-0");
    assert!(first["hash"].as_str().is_some_and(|hash| hash.len() == 64));

    let page = read("ana", "limit=2").await;
    assert_eq!(cases(&page), [case(0), case(1)]);
    let next = page["next"].as_str().unwrap();
    let rest = read("ana", &format!("limit=2&cursor={next}")).await;
    assert_eq!(cases(&rest), [case(3)]);
    let since = read("ana", &format!("since={}", first["seq"])).await;
    assert_eq!(cases(&since), [case(1), case(3)]);

    assert_eq!(cases(&read("plant", "").await), [case(1)]);
    assert_eq!(cases(&read("sub", "").await), [case(1), case(3)]);
    for query in ["since=-1", "since=x", "limit=0", "cursor=00", "kind=order"] {
        let answer = bench.get("ana", &format!("/messages?{query}")).await;
        answer.problem(400, "bad-query");
    }
}
