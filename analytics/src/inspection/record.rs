//! Whether an act answers its checklist and keeps to the lots that were drawn.
//!
//! Two kinds of trouble: what makes the record wrong (it is not sent), and what the record lacks to
//! count in the ratio (it is sent, kept, and not counted: a poor record is better than none).

use std::collections::{BTreeMap, BTreeSet};

use nonsite_schemas::wire::document::Document;
use nonsite_schemas::wire::fault::Fault;
use nonsite_schemas::wire::inspection::{ActStatus, AnswerCode, Inspection, minimum_record};
use nonsite_schemas::wire::permit::Permit;
use serde::Serialize;

use super::checklist::{Checklist, Checklists, Per};
use super::draw::Kind;
use super::form::questions;
use super::kept::Kept;
use super::permit::InForce;

/// What is to be said of a record.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Verdict {
    /// What is wrong: the record is not sent.
    pub wrong: Vec<String>,
    /// What it lacks to count, and what an auditor would ask.
    pub lacks: Vec<String>,
    /// Questions of the checklist.
    pub asked: usize,
    /// Answers that differ from what the data suggested.
    pub overruled: Vec<String>,
}

/// Looks at a record. `permit` is the permit in force when the act was carried out, `draws` the
/// drawings that were kept.
pub fn look(
    document: &Document<Inspection>,
    lists: &Checklists,
    permit: Option<&InForce>,
    draws: &[Kept],
) -> Verdict {
    let act = &document.value;
    let mut verdict = Verdict::default();
    let told = |fault: &Fault| format!("{}: {}", fault.field, fault.fault);
    verdict.wrong.extend(document.faults.iter().map(told));
    let finished = matches!(act.status, Some(ActStatus::Completed | ActStatus::Closed));
    if finished {
        verdict.lacks.extend(minimum_record(act).iter().map(told));
    }
    answers(act, lists, permit, finished, &mut verdict);
    lots(act, draws, &mut verdict);
    verdict
}

fn answers(
    act: &Inspection,
    lists: &Checklists,
    permit: Option<&InForce>,
    finished: bool,
    verdict: &mut Verdict,
) {
    for answer in &act.checklist {
        let remarked = answer
            .remark
            .as_deref()
            .is_some_and(|remark| !remark.trim().is_empty());
        let found = act
            .findings
            .iter()
            .any(|finding| finding.item_id.as_deref() == Some(answer.item_id.as_str()));
        match answer.answer {
            Some(AnswerCode::Fail) if !remarked && !found => verdict.wrong.push(format!(
                "checklist `{}`: fails without a finding or a remark",
                answer.item_id
            )),
            Some(AnswerCode::NotApplicable) if !remarked => verdict.wrong.push(format!(
                "checklist `{}`: does not apply, and no remark says why",
                answer.item_id
            )),
            _ => {}
        }
        if let (Some(given), Some(suggested)) = (answer.answer, answer.suggested)
            && given != suggested
        {
            verdict.overruled.push(format!(
                "{}: {} suggested, {} answered",
                answer.item_id,
                suggested.as_str(),
                given.as_str()
            ));
        }
    }
    let Some(form) = &act.checklist_form else {
        return;
    };
    let Some(list) = lists.get(&form.checklist_id) else {
        verdict.wrong.push(format!(
            "checklist_form: there is no checklist `{}`",
            form.checklist_id
        ));
        return;
    };
    if list.version != form.version {
        verdict.wrong.push(format!(
            "checklist_form: version {} of `{}` is not the one in use ({})",
            form.version, form.checklist_id, list.version
        ));
    }
    let Some(permit) = permit else {
        verdict.lacks.push(format!(
            "unit.permit_no: no permit of `{}` is known, so nobody can tell what must be answered",
            act.unit.unit_id
        ));
        return;
    };
    if lists
        .of_industry(permit.industry())
        .map(|own| &own.checklist_id)
        != Some(&list.checklist_id)
    {
        verdict.lacks.push(format!(
            "checklist_form: `{}` is not the checklist of industry {}",
            list.checklist_id,
            permit.industry()
        ));
    }
    let asked = asked(act, list, &permit.permit);
    verdict.asked = asked.len();
    let mut given: BTreeMap<&str, u32> = BTreeMap::new();
    for answer in &act.checklist {
        *given.entry(answer.item_id.as_str()).or_default() += 1;
    }
    for (item, times) in &given {
        if *times > 1 {
            verdict
                .wrong
                .push(format!("checklist `{item}`: is answered {times} times"));
        }
        if !asked.contains(*item) {
            verdict
                .wrong
                .push(format!("checklist `{item}`: is not asked of this permit"));
        }
    }
    let open: Vec<&str> = asked
        .iter()
        .map(String::as_str)
        .filter(|item| !given.contains_key(item))
        .collect();
    if finished && !open.is_empty() {
        verdict
            .wrong
            .push(format!("checklist: not answered: {}", open.join(", ")));
    }
}

/// What a checklist asks of a permit.
fn asked(act: &Inspection, list: &Checklist, permit: &Permit) -> BTreeSet<String> {
    // The reports that were due are those of the instant the form was made for.
    let looked_until = act.sources.iter().filter_map(|source| source.to).max();
    let at = looked_until
        .or(act.started_at)
        .map_or(i64::MAX / 4, |at| at.0);
    questions(list, permit, at)
        .into_iter()
        .map(|question| question.item_id)
        .collect()
}

/// The questions of a checklist that a record leaves open. What is asked follows from the permit;
/// while none is known, only what every permit is asked.
pub fn open_items(act: &Inspection, list: &Checklist, permit: Option<&Permit>) -> Vec<String> {
    let asked = match permit {
        Some(permit) => asked(act, list, permit),
        None => {
            let of_every_permit = list.items.iter().filter(|item| item.per == Per::Unit);
            of_every_permit.map(|item| item.id.clone()).collect()
        }
    };
    let answered: BTreeSet<&str> = act
        .checklist
        .iter()
        .filter(|answer| answer.answer.is_some())
        .map(|answer| answer.item_id.as_str())
        .collect();
    asked
        .into_iter()
        .filter(|item| !answered.contains(item.as_str()))
        .collect()
}

fn lots(act: &Inspection, draws: &[Kept], verdict: &mut Verdict) {
    let Some(draw_id) = &act.draw_id else {
        return;
    };
    let Some(kept) = draws
        .iter()
        .find(|kept| kept.draw_id == *draw_id && kept.draw.kind == Kind::Draw)
    else {
        verdict
            .wrong
            .push(format!("draw_id: no drawing `{draw_id}` was kept"));
        return;
    };
    let unit = kept.draw.chosen.iter().find(|chosen| {
        chosen.id == act.unit.unit_id || Some(&chosen.id) == act.unit.permit_no.as_ref()
    });
    let Some(unit) = unit else {
        verdict.wrong.push(format!(
            "draw_id: `{}` was not drawn in `{draw_id}`",
            act.unit.unit_id
        ));
        return;
    };
    let sent: BTreeSet<&str> = act
        .officers
        .iter()
        .map(|officer| officer.officer_id.as_str())
        .collect();
    let others: Vec<&str> = unit
        .officers
        .iter()
        .map(String::as_str)
        .filter(|officer| !sent.contains(officer))
        .collect();
    if !others.is_empty() && !act.officers.is_empty() {
        verdict.lacks.push(format!(
            "officers: {} were drawn and did not inspect",
            others.join(", ")
        ));
    }
}

#[cfg(test)]
mod tests {
    use nonsite_schemas::wire::Instant;
    use nonsite_schemas::wire::inspection::{
        ChecklistAnswer, ChecklistForm, DataSource, Unit, decode,
    };
    use nonsite_schemas::wire::permit::{Limit, Outlet, Permit};

    use super::super::draw::{Listed, Officer, Request, draw};
    use super::*;

    fn permit() -> InForce {
        InForce {
            permit: Permit {
                permit_no: "U1".to_owned(),
                industry_codes: vec!["D4411".to_owned()],
                outlets: vec![Outlet {
                    code: "DA001".to_owned(),
                    limits: vec![Limit {
                        factor: "a21026".to_owned(),
                        conc_limit: Some(35.0),
                        ..Limit::default()
                    }],
                    ..Outlet::default()
                }],
                ..Permit::default()
            },
            origin: (0, 0),
        }
    }

    /// An act that answers all of the permit's checklist.
    fn answered(lists: &Checklists) -> Inspection {
        let list = lists.get("thermal-power").unwrap();
        let answer = |item_id: String| ChecklistAnswer {
            item_id,
            answer: Some(AnswerCode::Pass),
            suggested: Some(AnswerCode::Pass),
            ..ChecklistAnswer::default()
        };
        Inspection {
            act_id: "A".to_owned(),
            unit: Unit {
                unit_id: "U1".to_owned(),
                ..Unit::default()
            },
            status: Some(ActStatus::Closed),
            sources: vec![DataSource {
                to: Some(Instant(0)),
                ..DataSource::default()
            }],
            checklist_form: Some(ChecklistForm {
                checklist_id: list.checklist_id.clone(),
                version: list.version,
                permit_version: Some(1),
            }),
            checklist: questions(list, &permit().permit, 0)
                .into_iter()
                .map(|question| answer(question.item_id))
                .collect(),
            ..Inspection::default()
        }
    }

    fn wrong(act: &Inspection, draws: &[Kept]) -> Vec<String> {
        let lists = Checklists::load(None).unwrap();
        let mut document = decode(serde_json::to_string(act).unwrap().as_bytes()).unwrap();
        // What the schema asks for is another module's matter.
        document.faults.clear();
        look(&document, &lists, Some(&permit()), draws).wrong
    }

    #[test]
    fn every_question_is_answered_once_and_with_a_reason() {
        let lists = Checklists::load(None).unwrap();
        let good = answered(&lists);
        assert!(
            good.checklist
                .iter()
                .any(|one| one.item_id == "limit:DA001/a21026/hour")
        );
        assert_eq!(wrong(&good, &[]), Vec::<String>::new());

        let changed = |change: &dyn Fn(&mut Inspection)| {
            let mut act = good.clone();
            change(&mut act);
            wrong(&act, &[])
        };
        let open = changed(&|act| {
            act.checklist.remove(0);
        });
        assert_eq!(open, ["checklist: not answered: permit-valid"]);
        // A running act may leave questions open.
        let running = changed(&|act| {
            act.checklist.remove(0);
            act.status = Some(ActStatus::Running);
        });
        assert_eq!(running, Vec::<String>::new());
        let fails = changed(&|act| act.checklist[0].answer = Some(AnswerCode::Fail));
        assert_eq!(
            fails,
            ["checklist `permit-valid`: fails without a finding or a remark"]
        );
        let twice = changed(&|act| act.checklist.push(act.checklist[0].clone()));
        assert_eq!(twice, ["checklist `permit-valid`: is answered 2 times"]);
        let other = changed(&|act| act.checklist_form.as_mut().unwrap().version = 9);
        assert!(other[0].contains("version 9"), "{other:?}");
        let unknown = changed(&|act| {
            act.checklist_form.as_mut().unwrap().checklist_id = "weather".to_owned();
        });
        assert_eq!(unknown, ["checklist_form: there is no checklist `weather`"]);
    }

    #[test]
    fn what_is_open_follows_from_the_permit_when_it_is_known() {
        let lists = Checklists::load(None).unwrap();
        let list = lists.get("thermal-power").unwrap();
        let mut act = answered(&lists);
        assert_eq!(
            open_items(&act, list, Some(&permit().permit)),
            Vec::<String>::new()
        );
        act.checklist.retain(|answer| {
            !answer.item_id.starts_with("limit:") && answer.item_id != "permit-valid"
        });
        act.checklist[0].answer = None;
        let first = act.checklist[0].item_id.clone();
        let open = open_items(&act, list, Some(&permit().permit));
        for item in ["limit:DA001/a21026/hour", "permit-valid", first.as_str()] {
            assert!(open.iter().any(|one| one == item), "{item}: {open:?}");
        }
        let without = open_items(&act, list, None);
        assert!(
            without.iter().any(|one| one == "permit-valid"),
            "{without:?}"
        );
        assert!(without.iter().all(|one| !one.contains(':')), "{without:?}");
    }

    #[test]
    fn an_act_keeps_to_the_lots() {
        let lists = Checklists::load(None).unwrap();
        let drawn = draw(Request {
            kind: Kind::Draw,
            basis: String::new(),
            seed: "s".to_owned(),
            count: 1,
            unweighted: 0,
            list: vec![Listed {
                id: "U1".to_owned(),
                name: String::new(),
                weight: 1,
                why: Vec::new(),
            }],
            officers: vec![Officer {
                officer_id: "o1".to_owned(),
                certificate_no: "c1".to_owned(),
                avoids: Vec::new(),
            }],
            officers_each: 1,
        })
        .unwrap();
        let kept = [Kept {
            draw_id: drawn.id(),
            drawn_at: 0,
            draw: drawn,
        }];
        let mut act = answered(&lists);
        act.draw_id = Some(kept[0].draw_id.clone());
        assert_eq!(wrong(&act, &kept), Vec::<String>::new());
        assert!(wrong(&act, &[])[0].contains("no drawing"));
        act.unit.unit_id = "U2".to_owned();
        assert!(wrong(&act, &kept)[0].contains("`U2` was not drawn"));
    }
}
