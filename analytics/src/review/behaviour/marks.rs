//! Marks that an enterprise sets from its case, and what detection will see of them.

use super::super::step::Input;
use super::super::testing::{finding, papers_for, person};
use super::*;
use crate::fixtures::PERMIT_NO;

/// A case of a real unit that waits for its explanation.
async fn checking(bench: &Bench, id: &str) -> String {
    let mut found = finding(id, Severity::S3);
    found.permit_no = Some(PERMIT_NO.to_owned());
    found.outlet_uid = Some(format!("{PERMIT_NO}DA001"));
    bench
        .service
        .take_anomalies(&[found.clone()])
        .await
        .unwrap();
    let case = super::super::case::Case::id_of(&found.anomaly_id);
    bench.act(&case, "dispatch", "ana", Role::Analyst).await;
    bench.act(&case, "deliver", "ana", Role::Analyst).await;
    case
}

async fn refusal(bench: &Bench, case: &str, input: &Input) -> String {
    let plant = person("plant", Role::Enterprise);
    match bench.service.act(case, "mark", &plant, input).await {
        Ok(case) => panic!("it was marked in `{}`", case.state),
        Err(error) => error.to_string(),
    }
}

pub(super) async fn an_enterprise_marks_data_and_detection_sees_it_once(bench: Bench) {
    let case = checking(&bench, "marked").await;
    let before = bench.service.show(&case).await.unwrap().case;
    assert_eq!(
        bench.act(&case, "mark", "plant", Role::Enterprise).await,
        "self_check"
    );
    let shown = bench.service.show(&case).await.unwrap();
    assert_eq!(shown.case.due_at, before.due_at, "a mark is no answer");
    assert_eq!(shown.case.remind_at, before.remind_at);
    let row = shown.events.last().unwrap();
    let id = &row.fields["mark_id"];
    assert!(row.fields["mark"].contains(id.as_str()));

    let folder = tempfile::tempdir().unwrap();
    let (one, two) = tokio::join!(
        bench.service.deliver_marks(folder.path()),
        bench.service.deliver_marks(folder.path())
    );
    assert_eq!(one.unwrap() + two.unwrap(), 1);
    // What is set later is all that is added.
    let condition = papers_for("mark")
        .with("code", "other")
        .with("scope", "condition")
        // As times are shown.
        .with("from", "2026-03-01 09:00")
        .with("to", "2026-03-01 10:00");
    let plant = person("plant", Role::Enterprise);
    bench.clock.advance(49 * HOUR);
    let late = bench.service.act(&case, "mark", &plant, &condition).await;
    assert_eq!(late.unwrap().state, "no_answer");
    let again = bench.service.deliver_marks(folder.path()).await;
    assert_eq!(again.unwrap(), 1);
    assert_eq!(bench.service.deliver_marks(folder.path()).await.unwrap(), 0);

    let settings = crate::session::Config::default();
    let session = crate::session::open(folder.path(), &settings)
        .await
        .unwrap();
    let sql =
        "SELECT mark_id, mn, factor, scope, code, source, author, reason, outlet_uid, from_time,
                      to_time, marked_at, in_time_from, kafka_topic, kafka_offset
               FROM marks_in_force ORDER BY marked_at";
    let marks = crate::fixtures::query(&session, sql).await;
    assert_eq!(marks.len(), 2, "{marks:?}");
    let outlet = format!("{PERMIT_NO}DA001");
    let text = |at: usize, name: &str| {
        let value = marks[at].get(name)?.as_str()?;
        Some(value.to_owned())
    };
    let time = |at: usize, name: &str| marks[at][name].as_i64().unwrap();
    for (name, value) in [
        ("mark_id", id.as_str()),
        ("mn", "mn-marked"),
        ("factor", "a21026"),
        ("scope", "device"),
        ("code", "calibration"),
        ("source", "manual"),
        ("author", "plant"),
        ("reason", "documented"),
        ("outlet_uid", outlet.as_str()),
        ("kafka_topic", "nonsite-review"),
    ] {
        assert_eq!(text(0, name).as_deref(), Some(value), "{name}");
    }
    let at = |text: &str| crate::ratio::parse_as_of(text).unwrap();
    assert_eq!(time(0, "from_time"), at("2026-03-01 09:00:00"));
    assert_eq!(time(0, "to_time"), at("2026-03-01 10:00:00"));
    assert_eq!(time(0, "marked_at"), row.at);
    assert_eq!(time(0, "kafka_offset"), row.seq);
    assert!(
        time(0, "in_time_from") <= time(0, "from_time"),
        "by noon of the next day"
    );
    assert_eq!(text(1, "scope").as_deref(), Some("condition"));
    assert_eq!(text(1, "factor"), None, "the plant stands as a whole");
    assert_eq!(time(1, "from_time"), time(0, "from_time"));
    assert_eq!(time(1, "to_time"), time(0, "to_time"));
    assert!(
        time(1, "in_time_from") > time(1, "to_time"),
        "days later it excuses nothing"
    );
    sound(&bench).await;
}

pub(super) async fn what_is_no_mark_is_refused_by_name(bench: Bench) {
    let case = checking(&bench, "no-mark").await;
    let whole = papers_for("mark");
    for (field, value, said) in [
        ("code", "holiday", "field `code`: `holiday` is not one of"),
        ("code", "fault", "field `scope`: this code fits both"),
        ("scope", "condition", "calibration is a device mark"),
        (
            "from",
            "2026-03-01",
            "field `from`: `2026-03-01` is no instant",
        ),
        ("from", "2026-03-01 11:00:00", "must be after starts_at"),
        ("to", "2026-03-05 10:00:00", "data that are not there yet"),
        ("reason", " ", "missing: `reason`"),
        ("mark", "{}", "field `mark` is written by the program alone"),
    ] {
        let said_so = refusal(&bench, &case, &whole.clone().with(field, value)).await;
        assert!(said_so.contains(said), "{field}={value}: {said_so}");
    }
    let officer = bench.refuses(&case, "mark", "o-1", Role::Officer).await;
    assert!(officer.contains("it belongs to: enterprise"), "{officer}");
    // The same fields say something else in the rows of a rise, and there nobody else writes them.
    let plant = person("plant", Role::Enterprise);
    let answer = bench.service.act(&case, "answer", &plant, &whole).await;
    let answer = answer.unwrap_err().to_string();
    assert!(
        answer.contains("is written by the program alone"),
        "{answer}"
    );
    bench.act(&case, "answer", "plant", Role::Enterprise).await;
    let late = refusal(&bench, &case, &whole).await;
    assert!(late.contains("state `answered` does not take it"), "{late}");

    let mut found = finding("no-logger", Severity::S4);
    found.mn = None;
    bench
        .service
        .take_anomalies(&[found.clone()])
        .await
        .unwrap();
    let reminded = super::super::case::Case::id_of(&found.anomaly_id);
    let nothing = refusal(&bench, &reminded, &whole).await;
    assert!(nothing.contains("about no data logger"), "{nothing}");
    let other = bench.open("reminded", Severity::S4).await;
    assert_eq!(
        bench.act(&other, "mark", "plant", Role::Enterprise).await,
        "reminded"
    );
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(bench.service.deliver_marks(folder.path()).await.unwrap(), 1);
    sound(&bench).await;
}
