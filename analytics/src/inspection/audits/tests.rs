use super::super::draw::{Listed, Request, draw};
use super::super::kept;
use super::*;
use crate::ratio::parse_as_of;
use crate::session;

fn at(text: &str) -> i64 {
    parse_as_of(text).unwrap()
}

fn told(org: &str) -> Told {
    Told {
        org_code: org.to_owned(),
        team: "稽查一组".to_owned(),
        cross_region: true,
        by: "sup".to_owned(),
        ..Told::default()
    }
}

fn day(text: &str) -> Option<NaiveDate> {
    Some(text.parse().unwrap())
}

async fn rows_of(store: &Path) -> Vec<BureauAudit> {
    let session = session::open(store, &session::Config::default())
        .await
        .unwrap();
    load(&session).await.unwrap()
}

/// A kept drawing of this kind.
async fn drawing(store: &Path, kind: Kind, drawn_at: i64) -> String {
    let drawn = draw(Request {
        kind,
        basis: "test".to_owned(),
        seed: "s".to_owned(),
        count: 1,
        unweighted: 0,
        list: vec![Listed {
            id: "c1".to_owned(),
            name: String::new(),
            weight: 1,
            why: Vec::new(),
        }],
        officers: Vec::new(),
        officers_each: 0,
    })
    .unwrap();
    kept::keep(store, &drawn, drawn_at).await.unwrap();
    drawn.id()
}

#[tokio::test]
async fn an_audit_is_begun_and_finished_and_stood_as_it_was_said() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path();
    let (march, may) = (at("2026-03-02 09:00:00"), at("2026-05-20 18:00:00"));
    let begun = add(store, &told("370502"), march).await.unwrap();
    assert!(begun.fresh);
    // The same request again.
    let again = add(store, &told("370502"), march).await.unwrap();
    assert_eq!((again.fresh, &again.audit), (false, &begun.audit));
    let other = add(store, &told("370503"), march).await.unwrap();
    assert_ne!(other.audit.audit_id, begun.audit.audit_id);

    let finished = Told {
        audit_id: Some(begun.audit.audit_id.clone()),
        completed_on: day("2026-05-20"),
        record: Some("稽查报告〔2026〕3号".to_owned()),
        ..told("370502")
    };
    let done = add(store, &finished, may).await.unwrap();
    assert_eq!((done.fresh, done.audit.recorded_at), (true, may));
    assert!(!add(store, &finished, may + 5).await.unwrap().fresh);
    // A clock that went back does not make an earlier word the last one.
    let corrected = Told {
        completed_on: day("2026-05-19"),
        ..finished
    };
    let late = add(store, &corrected, march).await;
    assert!(
        late.unwrap_err().to_string().contains("after today"),
        "the day is to come for that clock"
    );
    let corrected = add(store, &corrected, may - 1).await.unwrap();
    assert_eq!(corrected.audit.recorded_at, may + 1);

    let rows = rows_of(store).await;
    assert_eq!(rows.len(), 4, "nothing is changed or said twice");
    let completed = |as_of: i64| -> Vec<Option<NaiveDate>> {
        let audits = standing(&rows, as_of).into_iter();
        audits
            .filter(|audit| audit.org_code == "370502")
            .map(|audit| audit.completed_on)
            .collect()
    };
    assert!(completed(march - 1).is_empty());
    assert_eq!(completed(march), [None]);
    assert_eq!(completed(may), [day("2026-05-20")]);
    assert_eq!(completed(may + 1), [day("2026-05-19")]);
}

#[tokio::test]
async fn two_at_the_same_time_are_both_there() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path();
    let (one, two) = (told("370502"), told("370503"));
    let (first, second, third) = tokio::join!(
        add(store, &one, 7),
        add(store, &two, 7),
        add(store, &one, 7)
    );
    assert!(second.unwrap().fresh);
    assert!(first.unwrap().fresh != third.unwrap().fresh);
    assert_eq!(rows_of(store).await.len(), 2);
}

#[tokio::test]
async fn what_cannot_be_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path();
    let now = at("2026-05-20 18:00:00");
    let sample = drawing(store, Kind::Sample, at("2026-05-10 09:00:00")).await;
    let lots = drawing(store, Kind::Draw, at("2026-05-10 09:00:00")).await;
    let known = add(store, &told("370502"), now).await.unwrap().audit;
    let changed = |change: &dyn Fn(&mut Told)| {
        let mut told = told("370502");
        change(&mut told);
        told
    };
    for (wrong, why) in [
        (changed(&|told| told.org_code.clear()), "body: "),
        (changed(&|told| told.team = " ".to_owned()), "team: "),
        (changed(&|told| told.by = "a\nb".to_owned()), "person: "),
        (
            changed(&|told| told.record = Some(String::new())),
            "record: ",
        ),
        (
            changed(&|told| told.completed_on = day("2026-05-21")),
            "after today",
        ),
        (
            changed(&|told| told.draw_id = Some(lots.clone())),
            "no sample",
        ),
        (
            changed(&|told| {
                told.draw_id = Some(sample.clone());
                told.completed_on = day("2026-05-09");
            }),
            "drawn after",
        ),
        (
            changed(&|told| told.audit_id = Some("a0000000000000000".to_owned())),
            "no audit",
        ),
        (
            changed(&|told| {
                told.audit_id = Some(known.audit_id.clone());
                told.org_code = "370503".to_owned();
            }),
            "is of body",
        ),
    ] {
        let error = add(store, &wrong, now).await.unwrap_err();
        assert!(matches!(error, Error::Asked(_)), "{error:?}");
        assert!(error.to_string().contains(why), "{error}");
    }
    let good = changed(&|told| {
        told.draw_id = Some(sample.clone());
        told.completed_on = day("2026-05-20");
    });
    let added = add(store, &good, now).await.unwrap();
    assert_eq!(added.audit.draw_id.as_deref(), Some(sample.as_str()));
    assert_eq!(rows_of(store).await.len(), 2);
}
