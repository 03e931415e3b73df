use nonsite_schemas::wire::inspection::{
    ActStatus, AnswerCode, ChecklistAnswer, ChecklistForm, InspectionRows, Org, OrgLevel, Unit,
};
use nonsite_schemas::wire::permit::{Limit, Outlet, PermitRows};
use nonsite_schemas::wire::{Instant, Origin};

use super::*;
use crate::fixtures::PERMIT_NO;
use crate::inspection::form::questions;
use crate::ratio::testing::noon;
use crate::session::{Config, Session, in_memory};

fn permit() -> Permit {
    Permit {
        permit_no: PERMIT_NO.to_owned(),
        version: 1,
        issued_at: Instant(noon(0)),
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
    }
}

/// A closed off-site act that answers all of the permit's checklist.
fn answered(id: &str) -> Inspection {
    use nonsite_schemas::wire::inspection::{Class, Method, Mode};
    let lists = Checklists::load(None).unwrap();
    let list = lists.get("thermal-power").unwrap();
    Inspection {
        act_id: id.to_owned(),
        act_version: 1,
        unit: Unit {
            unit_id: PERMIT_NO.to_owned(),
            permit_no: Some(PERMIT_NO.to_owned()),
            ..Unit::default()
        },
        org: Org {
            code: "370502F".to_owned(),
            name: None,
            level: Some(OrgLevel::SubBureau),
        },
        mode: Some(Mode::Offsite),
        method: Some(Method::AutoMonitor),
        class: Some(Class::Daily),
        status: Some(ActStatus::Closed),
        recorded_at: Some(Instant(noon(10))),
        started_at: Some(Instant(noon(10) - 3_600_000_000)),
        completed_at: Some(Instant(noon(10))),
        checklist_form: Some(ChecklistForm {
            checklist_id: list.checklist_id.clone(),
            version: list.version,
            permit_version: Some(1),
        }),
        checklist: questions(list, &permit(), noon(10) - 3_600_000_000)
            .into_iter()
            .map(|question| ChecklistAnswer {
                item_id: question.item_id,
                answer: Some(AnswerCode::Pass),
                ..ChecklistAnswer::default()
            })
            .collect(),
        ..Inspection::default()
    }
}

/// The acts, all arrived on day 10, and the permit, which arrived on day `arrived`.
async fn session(acts: &[Inspection], arrived: i32) -> Session {
    let mut inspections = InspectionRows::new().unwrap();
    for (offset, act) in (0..).zip(acts) {
        let text = serde_json::to_string(act).unwrap();
        let origin = Origin {
            topic: "inspections",
            partition: 0,
            offset,
            received_at: noon(10),
        };
        inspections.push(&inspection::decode(text.as_bytes()).unwrap(), &origin);
    }
    let mut permits = PermitRows::new().unwrap();
    let mut document =
        permit::decode(serde_json::to_string(&permit()).unwrap().as_bytes()).unwrap();
    // What else a permit must state is another module's matter.
    document.faults.clear();
    let origin = Origin {
        topic: "permits",
        partition: 0,
        offset: 0,
        received_at: noon(arrived),
    };
    permits.push(&document, &origin);
    let mut given = inspections.finish().unwrap();
    given.extend(permits.finish().unwrap());
    in_memory(given, &Config::default()).await.unwrap()
}

async fn open(session: &Session, lists: Option<&Checklists>) -> Vec<Option<String>> {
    let acts = load_judged(session.ctx(), lists).await.unwrap();
    acts.into_iter().map(|act| act.open_items).collect()
}

fn without(id: &str, item: &str) -> Inspection {
    let mut act = answered(id);
    act.checklist.retain(|answer| answer.item_id != item);
    act
}

#[tokio::test]
async fn an_act_answers_the_checklist_it_names() {
    let lists = Checklists::load(None).unwrap();
    let limit = "limit:DA001/a21026/hour";
    let acts = [
        answered("whole"),
        without("limit", limit),
        without("unit", "permit-valid"),
    ];
    let early = session(&acts, 5).await;
    let said = |item: &str| Some(format!("checklist `thermal-power`: not answered: {item}"));
    assert_eq!(
        open(&early, Some(&lists)).await,
        [None, said(limit), said("permit-valid")]
    );
    assert_eq!(open(&early, None).await, [None, None, None]);
    // A permit that arrived after the records changes nothing about them.
    let late = session(&acts, 11).await;
    assert_eq!(
        open(&late, Some(&lists)).await,
        [None, None, said("permit-valid")]
    );
}

#[tokio::test]
async fn what_was_asked_has_to_be_known() {
    use nonsite_schemas::wire::inspection::{Method, Mode};
    let lists = Checklists::load(None).unwrap();
    let changed = |change: &dyn Fn(&mut Inspection)| {
        let mut act = without("x", "permit-valid");
        change(&mut act);
        act
    };
    let acts = [
        changed(&|_| ()),
        changed(&|act| {
            act.checklist_form.as_mut().unwrap().checklist_id = "weather".to_owned();
        }),
        changed(&|act| act.checklist_form.as_mut().unwrap().version = 9),
        changed(&|act| act.checklist_form = None),
        // A visit is a visit, and an act that runs may leave questions open.
        changed(&|act| {
            act.mode = Some(Mode::Onsite);
            act.method = Some(Method::SiteVisit);
        }),
        changed(&|act| act.status = Some(ActStatus::Running)),
    ];
    let found = open(&session(&acts, 5).await, Some(&lists)).await;
    assert!(found[0].is_some());
    assert_eq!(found[1..], [const { None::<String> }; 5]);
}

#[test]
fn long_lists_are_cut() {
    let open: Vec<String> = (0..7).map(|at| format!("i{at}")).collect();
    assert_eq!(
        told("common", &open),
        "checklist `common`: not answered: i0, i1, i2, i3, i4 and 2 more"
    );
}
