use arrow::array::AsArray;
use proptest::prelude::*;

use super::*;
use crate::wire::{Document, Origin};

const ORIGIN: Origin<'_> = Origin {
    topic: "nonsite.inspections",
    partition: 0,
    offset: 7,
    received_at: 1_800_000_000_000_000,
};

fn at(text: &str) -> Instant {
    Instant(crate::wire::moment::parse_instant(text.as_bytes()).unwrap())
}

fn officer(id: &str) -> Officer {
    Officer {
        officer_id: id.to_owned(),
        certificate_no: format!("C-{id}"),
        name: None,
    }
}

/// A complete off-site act.
fn act() -> Inspection {
    Inspection {
        act_id: "act-1".to_owned(),
        act_version: 1,
        task_id: Some("task-1".to_owned()),
        plan_item: Some("2026-A-3".to_owned()),
        unit: Unit {
            unit_id: "91130200699229617X001P".to_owned(),
            permit_no: Some("91130200699229617X001P".to_owned()),
            uscc: Some("91130200699229617X".to_owned()),
            ..Unit::default()
        },
        org: Org {
            code: "370522".to_owned(),
            name: None,
            level: Some(OrgLevel::SubBureau),
        },
        mode: Some(Mode::Offsite),
        method: Some(Method::AutoMonitor),
        class: Some(Class::Daily),
        status: Some(ActStatus::Closed),
        approval: Some(Approval {
            approval_id: "ap-1".to_owned(),
            approved_by: "head".to_owned(),
            approved_at: Some(at("2026-03-02 08:00:00")),
        }),
        officers: vec![officer("o2"), officer("o1")],
        outlets: vec!["DA001".to_owned()],
        sources: vec![DataSource {
            kind: "hourly readings".to_owned(),
            from: Some(at("2026-02-01 00:00:00")),
            to: Some(at("2026-03-01 00:00:00")),
            query: Some("SELECT 1".to_owned()),
            rows: Some(672),
        }],
        checklist: vec![ChecklistAnswer {
            item_id: "3.1".to_owned(),
            answer: Some(AnswerCode::Fail),
            ..ChecklistAnswer::default()
        }],
        findings: vec![Finding {
            finding_id: "f1".to_owned(),
            text: "three hours above the limit".to_owned(),
            evidence_ids: vec!["e1".to_owned()],
            ..Finding::default()
        }],
        evidence: vec![Evidence {
            evidence_id: "e1".to_owned(),
            kind: "row hashes".to_owned(),
            sha256: "ab".repeat(32),
            captured_at: None,
        }],
        conclusion: Some(Conclusion::ClueToEnterprise),
        notice: Some(Notice {
            channel: "client".to_owned(),
            notified_at: Some(at("2026-03-02 10:00:00")),
            receipt: None,
        }),
        started_at: Some(at("2026-03-02 09:00:00")),
        ended_at: Some(at("2026-03-02 09:03:00")),
        completed_at: Some(at("2026-03-02 11:00:00")),
        signed_by: Some("chief".to_owned()),
        policy_id: Some("2026-1".to_owned()),
        rule_versions: BTreeMap::from([("E01".to_owned(), 1)]),
        ..Inspection::default()
    }
}

fn changed(change: impl FnOnce(&mut Inspection)) -> Inspection {
    let mut act = act();
    change(&mut act);
    act
}

#[test]
fn a_complete_act_is_good_and_counts() {
    assert_eq!(act().validate(), Vec::new());
    assert_eq!(minimum_record(&act()), Vec::new());
    assert_eq!(act().not_counted(true), None);
}

#[test]
fn every_missing_piece_of_the_minimum_record_is_named() {
    type Change = fn(&mut Inspection);
    let cases: [(Change, &str); 25] = [
        (|a| a.task_id = None, "task_id: is missing"),
        (|a| a.approval = None, "approval: is missing"),
        (
            |a| a.approval.as_mut().unwrap().approved_at = None,
            "approval.approved_at: is missing",
        ),
        (
            |a| a.approval.as_mut().unwrap().approved_by.clear(),
            "approval.approved_by: is missing",
        ),
        (|a| a.class = None, "class: is missing"),
        (|a| a.plan_item = None, "plan_item: is missing"),
        (|a| a.org.code.clear(), "org.code: is missing"),
        (
            |a| a.officers[1].certificate_no.clear(),
            "officers: needs 2 officers with a certificate number, has 1",
        ),
        (
            |a| a.officers[1].certificate_no = "C-o2".into(),
            "officers: needs 2 officers with a certificate number, has 1",
        ),
        (|a| a.unit.permit_no = None, "unit.permit_no: is missing"),
        (|a| a.outlets.clear(), "outlets: names no outlet reviewed"),
        (|a| a.sources.clear(), "sources: names no data reviewed"),
        (|a| a.sources[0].from = None, "sources[0].from: is missing"),
        (|a| a.sources[0].to = None, "sources[0].to: is missing"),
        // A query that does not say what it gave.
        (
            |a| a.sources[0].rows = None,
            "sources: show no data that were really queried",
        ),
        (
            |a| a.sources[0].rows = Some(0),
            "sources: show no data that were really queried",
        ),
        (|a| a.checklist.clear(), "checklist: has no answers"),
        (
            |a| a.findings[0].evidence_ids.clear(),
            "findings[0].evidence_ids: names no evidence",
        ),
        (
            |a| (a.findings, a.evidence) = (Vec::new(), Vec::new()),
            "evidence: is empty: nothing shows what was looked at",
        ),
        (|a| a.conclusion = None, "conclusion: is missing"),
        (
            |a| a.notice = None,
            "notice: is missing: the unit was not told the result",
        ),
        (
            |a| {
                a.ended_at = Some(Instant(
                    a.started_at.unwrap().0 + MINIMUM_DURATION_MICROS - 1,
                ))
            },
            "ended_at: is less than 3 minutes after started_at",
        ),
        (|a| a.signed_by = None, "signed_by: is missing"),
        (|a| a.policy_id = None, "policy_id: is missing"),
        (
            |a| a.rule_versions.clear(),
            "rule_versions: names no rule reviewed",
        ),
    ];
    for (change, expected) in cases {
        let act = changed(change);
        let faults: Vec<String> = minimum_record(&act)
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(faults, [expected]);
        let why = act.not_counted(true).unwrap();
        assert_eq!(why, format!("the minimum record is incomplete: {expected}"));
    }
}

#[test]
fn nothing_found_needs_evidence_and_no_finding() {
    let nothing_found = changed(|act| act.findings.clear());
    assert_eq!(minimum_record(&nothing_found), Vec::new());
    // One of several sources that gave something is enough.
    let two = changed(|act| {
        let video = DataSource {
            query: None,
            rows: None,
            ..act.sources[0].clone()
        };
        act.sources.push(video);
    });
    assert_eq!(minimum_record(&two), Vec::new());
}

#[test]
fn an_on_site_visit_with_a_poor_record_stays_in_the_denominator() {
    let visit = changed(|act| {
        act.mode = Some(Mode::Onsite);
        act.method = Some(Method::SiteVisit);
        act.sources.clear();
        act.checklist.clear();
    });
    assert_eq!(minimum_record(&visit).len(), 1);
    assert_eq!(visit.not_counted(true), None);
    let excluded = changed(|act| {
        act.mode = Some(Mode::Onsite);
        act.counts_for_ratio = Some(false);
        act.not_counted_reason = Some("guidance visit".to_owned());
    });
    assert_eq!(
        excluded.not_counted(true).as_deref(),
        Some("excluded by the sender: guidance visit")
    );
}

#[test]
fn validation_names_the_field() {
    type Change = fn(&mut Inspection);
    let cases: [(Change, &str); 12] = [
        (|a| a.act_version = 0, "act_version: must be >= 1"),
        (|a| a.unit.unit_id.clear(), "unit.unit_id: is missing"),
        (
            |a| a.unit.uscc = Some("91130200699229617Y".into()),
            "unit.uscc: check character is `Y` but must be `X` (GB 32100)",
        ),
        (|a| a.mode = None, "mode: is missing"),
        (
            |a| a.method = Some(Method::SiteVisit),
            "method: is site_visit but mode is offsite",
        ),
        (
            |a| a.status = Some(ActStatus::Withdrawn),
            "withdrawn_reason: is missing",
        ),
        (
            |a| a.escalated_to = Some("act-1".into()),
            "escalated_to: must name another act",
        ),
        (
            |a| a.ended_at = Some(Instant(0)),
            "ended_at: must not be before started_at",
        ),
        (|a| a.completed_at = None, "completed_at: is missing"),
        (
            |a| a.outlets[0] = "DA1".into(),
            "outlets[0]: must be DA or DW with three digits (HJ 608)",
        ),
        (
            |a| a.evidence[0].sha256 = "00".into(),
            "evidence[0].sha256: must be 64 hexadecimal digits",
        ),
        (
            |a| a.findings[0].evidence_ids[0] = "e9".into(),
            "findings[0].evidence_ids[0]: `e9` is not among evidence",
        ),
    ];
    for (change, expected) in cases {
        let faults: Vec<String> = changed(change)
            .validate()
            .iter()
            .map(ToString::to_string)
            .collect();
        assert!(
            faults.iter().any(|fault| fault == expected),
            "{expected}: {faults:?}"
        );
    }
}

#[test]
fn the_key_is_unit_and_task_or_unit_method_team_and_day() {
    let now = Instant(ORIGIN.received_at);
    let key = |change: fn(&mut Inspection)| act_key(&changed(change), now);
    assert_eq!(key(|_| {}), key(|a| a.method = Some(Method::Uav)));
    assert_ne!(key(|_| {}), key(|a| a.task_id = Some("task-2".into())));
    assert_ne!(key(|_| {}), key(|a| a.unit.unit_id = "other".into()));
    let loose = key(|a| a.task_id = None);
    assert_ne!(loose, key(|_| {}));
    assert_eq!(
        loose,
        key(|a| (a.task_id, a.act_id) = (None, "act-2".into()))
    );
    assert_eq!(
        loose,
        key(|a| (a.task_id, a.completed_at) = (None, Some(at("2026-03-02 23:59:59"))))
    );
    assert_ne!(
        loose,
        key(|a| (a.task_id, a.completed_at) = (None, Some(at("2026-03-03 00:00:00"))))
    );
    assert_ne!(
        loose,
        key(|a| (a.task_id, a.method) = (None, Some(Method::Uav)))
    );
    assert_ne!(
        loose,
        key(|a| (a.task_id, a.team_id) = (None, Some("t".into())))
    );
    assert_eq!(loose.len(), 32);
}

fn stored(documents: &[Document<Inspection>]) -> arrow::record_batch::RecordBatch {
    let mut rows = InspectionRows::new().unwrap();
    for document in documents {
        rows.push(document, &ORIGIN);
    }
    rows.finish().unwrap().remove(0).1
}

#[test]
fn faulty_acts_are_stored_and_do_not_count() {
    let good = decode(&serde_json::to_vec(&act()).unwrap()).unwrap();
    let faulty =
        decode(br#"{"act_id":"x","mode":"by drone","officers":[{"officer_id":5}]}"#).unwrap();
    let fields: Vec<&str> = faulty
        .faults
        .iter()
        .map(|fault| fault.field.as_str())
        .collect();
    assert!(
        fields.contains(&"mode") && fields.contains(&"officers[0].officer_id"),
        "{fields:?}"
    );
    let batch = stored(&[good, faulty]);
    let truth = |name: &str, row| batch.column_by_name(name).unwrap().as_boolean().value(row);
    assert!(truth("doc_valid", 0) && truth("counts_for_ratio", 0));
    assert!(!truth("doc_valid", 1) && !truth("counts_for_ratio", 1));
    let officers = batch.column_by_name("officers").unwrap().as_string::<i32>();
    assert_eq!(officers.value(0), "o1,o2");
}

#[test]
fn without_an_id_it_is_refused() {
    let refused = decode(br#"{"act_version":1}"#).unwrap_err();
    assert_eq!(refused.reason, crate::reason::Reason::InspectionFault);
    assert!(
        refused.detail.starts_with("act_id: is missing"),
        "{}",
        refused.detail
    );
}

proptest! {
    #[test]
    fn what_is_written_is_read_back(
        id in "[a-z0-9-]{1,20}",
        version in 1i32..50,
        remark in prop::option::of(".{0,30}"),
        minutes in 3i64..600,
    ) {
        let act = changed(|act| {
            act.act_id.clone_from(&id);
            act.act_version = version;
            act.checklist[0].remark = remark;
            act.ended_at = act.started_at.map(|from| Instant(from.0 + minutes * 60_000_000));
            act.completed_at = act.ended_at;
        });
        let document = decode(&serde_json::to_vec(&act).unwrap()).unwrap();
        prop_assert_eq!(&document.faults, &Vec::new());
        prop_assert_eq!(document.value, act);
    }

    #[test]
    fn no_bytes_and_no_mangled_record_are_a_reason_to_panic(
        bytes in prop::collection::vec(any::<u8>(), 0..64),
        at in 0usize..4_000,
    ) {
        let mut message = serde_json::to_vec(&act()).unwrap();
        let at = at % message.len();
        message.splice(at..at, bytes.iter().copied());
        for message in [&bytes, &message] {
            if let Ok(document) = decode(message) {
                prop_assert_eq!(stored(&[document]).num_rows(), 1);
            }
        }
    }
}

#[test]
fn an_answer_names_evidence_that_is_there_and_a_form_has_a_version() {
    let faults = |change: fn(&mut Inspection)| -> Vec<String> {
        let faults = changed(change).validate();
        faults.iter().map(ToString::to_string).collect()
    };
    let good = |a: &mut Inspection| {
        a.checklist[0].evidence_ids = vec!["e1".to_owned()];
        a.checklist[0].suggested = Some(AnswerCode::Pass);
        a.checklist_form = Some(ChecklistForm {
            checklist_id: "cement".to_owned(),
            version: 1,
            permit_version: Some(2),
        });
    };
    assert_eq!(faults(good), Vec::<String>::new());
    assert_eq!(
        faults(|a| a.checklist[0].evidence_ids = vec!["e9".to_owned()]),
        ["checklist[0].evidence_ids[0]: `e9` is not among evidence"]
    );
    assert_eq!(
        faults(|a| a.checklist_form = Some(ChecklistForm::default())),
        [
            "checklist_form.checklist_id: is missing",
            "checklist_form.version: must be >= 1"
        ]
    );
    // A record written before these fields existed reads as before.
    let old = r#"{"act_id": "a", "checklist": [{"item_id": "1", "answer": "pass"}]}"#;
    let read = decode(old.as_bytes()).unwrap().value;
    assert_eq!(read.checklist[0].suggested, None);
    assert_eq!((read.checklist_form, read.draw_id), (None, None));
}
