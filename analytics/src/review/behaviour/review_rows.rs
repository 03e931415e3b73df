//! What a review leaves in its row: the conflicts that stood and how they were resolved, which signature
//! a change has voided, how long the reviewer had the case.

use std::collections::BTreeSet;

use super::super::caller::{Caller, Scope};
use super::super::event::Event;
use super::super::evidence::fixture;
use super::super::testing::{finding, papers_for};
use super::*;

/// An officer adds a file; what an officer adds, an enterprise may have sent by post.
async fn add(bench: &Bench, case: &str, name: &str) {
    let file = [bench.service.keep(&fixture(name)).await.unwrap()];
    let officer = person("o-9", Role::Officer);
    bench.clock.advance(60_000_000);
    bench
        .service
        .attach(case, &officer, &file, None)
        .await
        .unwrap();
}

async fn last(bench: &Bench, case: &str, action: &str) -> Event {
    let events = bench.service.show(case).await.unwrap().events;
    let row = events.iter().rfind(|event| event.action == action);
    row.unwrap_or_else(|| panic!("no row `{action}`")).clone()
}

fn codes(row: &Event) -> Vec<String> {
    let stood: serde_json::Value = serde_json::from_str(&row.fields["conflicts"]).unwrap();
    let stood = stood.as_array().unwrap().iter();
    stood
        .map(|conflict| conflict["code"].as_str().unwrap().to_owned())
        .collect()
}

pub(super) async fn conflicts_are_answered_before_an_approval(bench: Bench) {
    let first = submitted(&bench, "first", Severity::S3).await;
    add(&bench, &first, "pump.jpg").await;
    let case = submitted(&bench, "second", Severity::S3).await;
    add(&bench, &case, "pump.jpg").await;
    let reviewer = person("rev", Role::Reviewer);
    let approve = async |resolved: Option<&str>| {
        let mut input = papers_for("approve");
        input.fields.remove("resolved");
        if let Some(resolved) = resolved {
            input = input.with("resolved", resolved);
        }
        bench.clock.advance(60_000_000);
        let done = bench.service.act(&case, "approve", &reviewer, &input).await;
        done.map(|case| case.state)
            .map_err(|error| error.to_string())
    };
    let open = approve(None).await.unwrap_err();
    for said in [
        "系统发现的矛盾尚未说明",
        "photo_reused (影像重复使用",
        "photo_from_the_future (",
        "`resolved`",
    ] {
        assert!(open.contains(said), "{open}");
    }
    let half = approve(Some("photo_reused=同一台水泵")).await.unwrap_err();
    assert!(
        !half.contains("photo_reused (") && half.contains("photo_from_the_future ("),
        "{half}"
    );
    let typo = approve(Some("photo=同一台水泵")).await.unwrap_err();
    assert!(typo.contains("there is no conflict `photo`"), "{typo}");
    let forged = papers_for("approve").with("conflicts", "[]");
    let forged = bench
        .service
        .act(&case, "approve", &reviewer, &forged)
        .await;
    let forged = forged.unwrap_err().to_string();
    assert!(forged.contains("written by the program alone"), "{forged}");
    let whole = "photo_reused=同一台水泵; photo_from_the_future=相机时钟错误";
    assert_eq!(approve(Some(whole)).await.as_deref(), Ok("look_back"));
    let row = last(&bench, &case, "approve").await;
    assert_eq!(codes(&row), ["photo_reused", "photo_from_the_future"]);
    assert_eq!(row.fields["resolved"], whole);
    assert!(
        row.fields["conflicts"].contains(&first),
        "which case it was"
    );

    // A return needs no answers, and its row has what stood all the same.
    let mut bare = papers_for("return");
    bare.fields.remove("resolved");
    bench.clock.advance(60_000_000);
    let back = bench.service.act(&first, "return", &reviewer, &bare).await;
    assert_eq!(back.unwrap().state, "returned");
    let row = last(&bench, &first, "return").await;
    assert_eq!(codes(&row), ["photo_from_the_future"]);

    // Whose other photos look the same is no business of the enterprise.
    let permit = finding("any", Severity::S3).permit_no.unwrap();
    let plant = bench.service.on_behalf(Caller {
        scope: Scope {
            org: None,
            permits: Some(BTreeSet::from([permit])),
        },
        ..Caller::default()
    });
    let shown = plant.show(&case).await.unwrap();
    assert!(shown.events.iter().all(|row| {
        !row.fields.contains_key("conflicts") && !row.fields.contains_key("resolved")
    }));
    sound(&bench).await;
}

pub(super) async fn what_changes_between_two_signatures_voids_the_first(bench: Bench) {
    let case = submitted(&bench, "void", Severity::S2).await;
    let approve = async |name: &str| bench.act(&case, "approve", name, Role::Reviewer).await;
    let signed = async || {
        let signature = bench.service.show(&case).await.unwrap().case.signature;
        signature.map(|first| first.by)
    };
    assert_eq!(approve("rev").await, "submitted");
    add(&bench, &case, "valve.png").await;
    assert_eq!(signed().await, None, "the file was not there");
    let row = last(&bench, &case, "attach").await;
    assert_eq!(row.fields["signature_void"], "approve: rev");
    assert_eq!(approve("rev-2").await, "submitted", "the first one anew");
    // So does another finding that becomes part of the case.
    let mut more = finding("void", Severity::S3);
    more.anomaly_id.push_str("-more");
    more.window_start -= 2 * HOUR;
    more.window_end -= 2 * HOUR;
    let taken = bench.service.take_anomalies(&[more]).await.unwrap();
    assert_eq!(taken.merged, 1);
    assert_eq!(signed().await, None);
    let row = last(&bench, &case, "absorb").await;
    assert_eq!(row.fields["signature_void"], "approve: rev-2");
    // A claim changes nothing that was signed.
    assert_eq!(approve("rev").await, "submitted");
    let second = person("rev-2", Role::Reviewer);
    bench.service.claim(&case, &second).await.unwrap();
    assert_eq!(signed().await.as_deref(), Some("rev"));
    assert_eq!(approve("rev-2").await, "look_back");
    sound(&bench).await;
}

pub(super) async fn a_review_says_how_long_it_took(bench: Bench) {
    let case = submitted(&bench, "long", Severity::S3).await;
    let reviewer = person("rev", Role::Reviewer);
    bench.service.claim(&case, &reviewer).await.unwrap();
    bench.clock.advance(30_000_000);
    // Who claims again what they hold began when they claimed first.
    bench.service.claim(&case, &reviewer).await.unwrap();
    bench.act(&case, "return", "rev", Role::Reviewer).await;
    let row = last(&bench, &case, "return").await;
    assert_eq!(row.fields["review_seconds"], "90");
    // Nobody knows how long who decides without a claim has looked at it.
    bench.act(&case, "submit", "plant", Role::Enterprise).await;
    bench.act(&case, "approve", "rev", Role::Reviewer).await;
    let row = last(&bench, &case, "approve").await;
    assert!(!row.fields.contains_key("review_seconds"));
    sound(&bench).await;
}
