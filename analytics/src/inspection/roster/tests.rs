use super::*;
use crate::ratio::parse_as_of;
use crate::session;

fn at(text: &str) -> i64 {
    parse_as_of(text).unwrap()
}

fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

fn officer(id: &str) -> Told {
    Told {
        officer_id: id.to_owned(),
        name: Some("李工".to_owned()),
        org_code: "370502".to_owned(),
        certificate_no: Some(format!("C-{id}")),
        valid_from: Some(day("2024-01-01")),
        valid_to: Some(day("2026-12-31")),
        left_on: None,
    }
}

async fn rows_of(store: &Path) -> Vec<RosterOfficer> {
    let session = session::open(store, &session::Config::default())
        .await
        .unwrap();
    load(&session).await.unwrap()
}

#[tokio::test]
async fn a_list_adds_what_changed() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path();
    let (march, may) = (at("2026-03-02 09:00:00"), at("2026-05-20 18:00:00"));
    let list = [officer("o-1"), officer("o-2")];
    let said = add(store, &list, "office", march).await.unwrap();
    assert!(said.iter().all(|said| said.fresh));

    let mut left = officer("o-2");
    left.left_on = Some(day("2026-05-01"));
    let later = [officer("o-1"), left, officer("o-3")];
    let said = add(store, &later, "office", may).await.unwrap();
    let fresh: Vec<bool> = said.iter().map(|said| said.fresh).collect();
    assert_eq!(fresh, [false, true, true]);
    assert_eq!(said[0].word.recorded_at, march);
    let again = add(store, &later, "office", may + 1).await.unwrap();
    assert!(again.iter().all(|said| !said.fresh));

    let rows = rows_of(store).await;
    assert_eq!(rows.len(), 4, "what held before adds no row");
    let serving = |as_of: i64, on: &str| -> Vec<String> {
        let roster = standing(&rows, as_of).into_iter();
        roster
            .filter(|officer| officer.serves_on(day(on)))
            .map(|officer| officer.officer_id)
            .collect()
    };
    assert_eq!(serving(march, "2026-05-20"), ["o-1", "o-2"]);
    assert_eq!(serving(may, "2026-05-20"), ["o-1", "o-3"]);
    assert_eq!(serving(may, "2026-04-30"), ["o-1", "o-2", "o-3"]);
}

#[test]
fn a_certificate_holds_from_its_first_to_its_last_day() {
    let row = officer("o-1").row("office", 0);
    for (on, holds) in [
        ("2023-12-31", false),
        ("2024-01-01", true),
        ("2026-12-31", true),
        ("2027-01-01", false),
    ] {
        assert_eq!(row.certified_on(day(on)), holds, "{on}");
    }
    let open = RosterOfficer {
        valid_from: None,
        valid_to: None,
        ..row
    };
    assert!(open.certified_on(day("2040-01-01")));
    let none = RosterOfficer {
        certificate_no: None,
        ..open
    };
    assert!(!none.certified_on(day("2026-01-01")));
}

#[tokio::test]
async fn a_wrong_list_adds_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path();
    let changed = |change: &dyn Fn(&mut Told)| {
        let mut told = officer("o-1");
        change(&mut told);
        told
    };
    for (wrong, why) in [
        (changed(&|told| told.officer_id.clear()), "officer id"),
        (changed(&|told| told.org_code = "a\tb".to_owned()), "body"),
        (
            changed(&|told| told.valid_to = Some(day("2023-01-01"))),
            "before it begins",
        ),
        (
            changed(&|told| told.certificate_no = None),
            "its number is not",
        ),
        (officer("o-2"), "twice"),
    ] {
        let list = [officer("o-2"), wrong];
        let error = add(store, &list, "office", 7).await.unwrap_err();
        assert!(error.to_string().contains(why), "{error}");
    }
    let empty = add(store, &[], "office", 7).await.unwrap_err();
    assert!(empty.to_string().contains("0 officers"), "{empty}");
    let nobody = add(store, &[officer("o-1")], " ", 7).await.unwrap_err();
    assert!(nobody.to_string().contains("person"), "{nobody}");
    assert!(rows_of(store).await.is_empty());
}
