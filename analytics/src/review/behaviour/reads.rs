//! Who read what: noted in order, found again, and there to stay.

use super::super::by_hand::by_hand;
use super::super::caller::{Caller, Scope};
use super::super::reads::{Read, ReadsWanted};
use super::*;

fn read(actor: &str, org: Option<&str>, subject: Option<&str>) -> Read {
    Read {
        actor: actor.to_owned(),
        role: "officer".to_owned(),
        org_code: org.map(str::to_owned),
        client: "api".to_owned(),
        operation: "show_case".to_owned(),
        kind: "case".to_owned(),
        subject: subject.map(str::to_owned),
        status: 200,
        ..Read::default()
    }
}

async fn found(bench: &Bench, wanted: ReadsWanted) -> Vec<String> {
    let reads = bench.service.reads(&wanted).await.unwrap();
    reads.into_iter().map(|read| read.actor).collect()
}

pub(super) async fn who_read_what_is_noted_and_stays(bench: Bench) {
    let service = &bench.service;
    let before = service.clock.now_micros();
    service
        .note_read(read("a", None, Some("c1")))
        .await
        .unwrap();
    bench.clock.advance(1_000_000);
    let county = Read {
        part: Some("ab".to_owned()),
        query: Some("limit=1".to_owned()),
        kind: "file".to_owned(),
        status: 404,
        ..read("b", Some("370522"), Some("c1"))
    };
    service.note_read(county.clone()).await.unwrap();
    service
        .note_read(read("a", Some("370601"), None))
        .await
        .unwrap();

    let all = service.reads(&ReadsWanted::default()).await.unwrap();
    assert_eq!(all.len(), 3);
    assert!(all.windows(2).all(|pair| pair[0].seq > pair[1].seq));
    let noted = Read {
        seq: all[1].seq,
        at: before + 1_000_000,
        ..county
    };
    assert_eq!(all[1], noted);
    let text = |text: &str| Some(text.to_owned());
    for (wanted, expected) in [
        (
            ReadsWanted {
                actor: text("a"),
                ..ReadsWanted::default()
            },
            vec!["a", "a"],
        ),
        (
            ReadsWanted {
                subject: text("c1"),
                ..ReadsWanted::default()
            },
            vec!["b", "a"],
        ),
        (
            ReadsWanted {
                kind: text("file"),
                ..ReadsWanted::default()
            },
            vec!["b"],
        ),
        (
            ReadsWanted {
                until: Some(before + 1),
                ..ReadsWanted::default()
            },
            vec!["a"],
        ),
        (
            ReadsWanted {
                since: Some(before + 1),
                limit: 1,
                ..ReadsWanted::default()
            },
            vec!["a"],
        ),
        (
            ReadsWanted {
                before: Some(all[0].seq),
                ..ReadsWanted::default()
            },
            vec!["b", "a"],
        ),
    ] {
        assert_eq!(found(&bench, wanted.clone()).await, expected, "{wanted:?}");
    }

    // A body sees what its people read; an enterprise sees nobody's.
    let on_behalf = |scope: Scope| {
        service.on_behalf(Caller {
            scope,
            ..Caller::default()
        })
    };
    let city = on_behalf(Scope {
        org: text("370500"),
        permits: None,
    });
    let seen = city.reads(&ReadsWanted::default()).await.unwrap();
    assert_eq!(seen, [noted]);
    let plant = on_behalf(Scope {
        org: None,
        permits: Some(["p".to_owned()].into()),
    });
    let refused = plant.reads(&ReadsWanted::default()).await.unwrap_err();
    assert!(matches!(refused, Error::ForBodies(_)), "{refused}");

    for sql in [
        "UPDATE review_reads SET actor = 'x'",
        "DELETE FROM review_reads",
    ] {
        let refused = by_hand(&bench, sql).await.unwrap_err().to_string();
        assert!(refused.contains("append-only"), "{sql}: {refused}");
    }
    // Reading changes no case.
    sound(&bench).await;
}
