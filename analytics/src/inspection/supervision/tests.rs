use super::*;
use crate::ratio::parse_as_of;
use crate::session;

fn told(kind: SupervisionKind) -> Told {
    Told {
        kind,
        org_code: "370502".to_owned(),
        title: "自动监控弄虚作假专项监督".to_owned(),
        by: "sup".to_owned(),
        ..Told::default()
    }
}

#[test]
fn every_kind_has_its_code() {
    for kind in SupervisionKind::ALL {
        assert_eq!(SupervisionKind::from_code(kind.code()), Some(kind));
        assert_eq!(
            serde_json::to_value(kind).unwrap(),
            Value::from(kind.code())
        );
    }
    assert_eq!(SupervisionKind::from_code("weather"), None);
}

#[tokio::test]
async fn what_was_begun_is_finished_and_stood_as_it_was_said() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path();
    let march = parse_as_of("2026-03-02 09:00:00").unwrap();
    let may = parse_as_of("2026-05-20 09:00:00").unwrap();
    let begun = add(store, &told(SupervisionKind::CaseFiles), march)
        .await
        .unwrap();
    assert!(begun.fresh && begun.word.supervision_id.starts_with('s'));
    let done = Told {
        supervision_id: Some(begun.word.supervision_id.clone()),
        files: Some(20),
        faulty: Some(3),
        completed_on: Some("2026-05-19".parse().unwrap()),
        ..told(SupervisionKind::CaseFiles)
    };
    let finished = add(store, &done, may).await.unwrap();
    assert_eq!((finished.fresh, finished.word.files), (true, Some(20)));
    assert!(!add(store, &done, may + 1).await.unwrap().fresh);

    let session = session::open(store, &session::Config::default())
        .await
        .unwrap();
    let rows = load(&session).await.unwrap();
    assert_eq!(rows.len(), 2);
    let files = |as_of: i64| -> Vec<Option<u32>> {
        let records = standing(&rows, as_of).into_iter();
        records.map(|record| record.files).collect()
    };
    assert_eq!(files(march), [None]);
    assert_eq!(files(may), [Some(20)]);
    assert_eq!(standing(&rows, may)[0], finished.word);
}

#[tokio::test]
async fn what_cannot_be_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path();
    let now = parse_as_of("2026-05-20 09:00:00").unwrap();
    let known = add(store, &told(SupervisionKind::CaseFiles), now)
        .await
        .unwrap()
        .word;
    let files = |change: &dyn Fn(&mut Told)| {
        let mut told = told(SupervisionKind::CaseFiles);
        change(&mut told);
        told
    };
    for (wrong, why) in [
        (files(&|told| told.title.clear()), "title"),
        (
            files(&|told| told.completed_on = Some("2026-05-21".parse().unwrap())),
            "has to be said",
        ),
        (
            files(&|told| {
                told.files = Some(1);
                told.completed_on = Some("2026-05-21".parse().unwrap());
            }),
            "after today",
        ),
        (
            files(&|told| (told.files, told.faulty) = (Some(2), Some(3))),
            "more files with faults",
        ),
        (
            files(&|told| told.faulty = Some(3)),
            "more files with faults",
        ),
        (
            files(&|told| told.draw_id = Some("d0000000000000000".to_owned())),
            "no sample",
        ),
        (
            Told {
                files: Some(3),
                ..told(SupervisionKind::SpecialAction)
            },
            "alone",
        ),
        (
            files(&|told| told.supervision_id = Some("s0000000000000000".to_owned())),
            "no supervision",
        ),
        (
            Told {
                supervision_id: Some(known.supervision_id.clone()),
                ..told(SupervisionKind::SpecialAction)
            },
            "is `case_files` of body",
        ),
    ] {
        let error = add(store, &wrong, now).await.unwrap_err();
        assert!(error.to_string().contains(why), "{error}");
    }
}
