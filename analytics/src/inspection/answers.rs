//! Answers to checklists, item by item: what fails how often, and where officers saw it otherwise than the
//! data suggested.
//!
//! An act counts with its newest version. An item that is asked per outlet, limit or report is answered once
//! for each of them; its answers are told apart by their subject.

use std::collections::BTreeMap;

use nonsite_schemas::wire::inspection::{self, AnswerCode};
use serde::Serialize;

use super::Error;
use super::stored::{Wanted, newest};
use crate::session::Session;

/// One answer of an act.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Answered {
    /// The act.
    pub act_id: String,
    /// Its version.
    pub act_version: i64,
    /// Executing body.
    pub org_code: Option<String>,
    /// Permit of the unit.
    pub permit_no: Option<String>,
    /// Name of the unit.
    pub unit_name: Option<String>,
    /// When the record was signed, microseconds UTC.
    pub completed_at: Option<i64>,
    /// The permit checklist that was answered; nothing for a list of another kind.
    pub checklist_id: Option<String>,
    /// Item of the checklist.
    pub item: String,
    /// What it was asked of, such as `DA001/a21026/hour`; nothing when it is asked once.
    pub subject: Option<String>,
    /// The answer; nothing when it was left open.
    pub answer: Option<AnswerCode>,
    /// What the data had suggested.
    pub suggested: Option<AnswerCode>,
    /// The officer's remark.
    pub remark: Option<String>,
}

impl Answered {
    /// Answered, and not as the data suggested.
    pub fn otherwise(&self) -> bool {
        self.suggested.is_some() && self.answer.is_some() && self.suggested != self.answer
    }
}

/// The answers to one item.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct ItemAnswers {
    /// The permit checklist.
    pub checklist_id: Option<String>,
    /// The item.
    pub item: String,
    /// Acts that were asked.
    pub acts: u64,
    /// Answers: the requirement is met.
    pub passed: u64,
    /// It is not met.
    pub failed: u64,
    /// It does not apply.
    pub not_applicable: u64,
    /// Left open.
    pub open: u64,
    /// Answered otherwise than the data suggested.
    pub otherwise: u64,
}

/// Every answer of the acts that are wanted, act by act, in the order they were given.
///
/// # Errors
/// [`Error::Tables`] when the table cannot be read; [`Error::Asked`] when a stored document is none.
pub async fn answered(session: &Session, wanted: &Wanted) -> Result<Vec<Answered>, Error> {
    let mut all = Vec::new();
    for version in newest(session, wanted).await? {
        let form = inspection::decode(version.document.as_bytes())
            .ok()
            .and_then(|document| document.value.checklist_form);
        let checklist_id = form.map(|form| form.checklist_id);
        let act = version.stored;
        all.extend(version.answers.into_iter().map(|answer| {
            let (item, subject) = match answer.item_id.split_once(':') {
                Some((item, subject)) => (item.to_owned(), Some(subject.to_owned())),
                None => (answer.item_id.clone(), None),
            };
            Answered {
                act_id: act.act_id.clone(),
                act_version: act.act_version,
                org_code: act.org_code.clone(),
                permit_no: act.permit_no.clone(),
                unit_name: act.unit_name.clone(),
                completed_at: act.completed_at,
                checklist_id: checklist_id.clone(),
                item,
                subject,
                answer: answer.answer,
                suggested: answer.suggested,
                remark: answer.remark,
            }
        }));
    }
    Ok(all)
}

/// The answers by checklist and item.
pub fn by_item(answers: &[Answered]) -> Vec<ItemAnswers> {
    let mut items: BTreeMap<(&Option<String>, &str), ItemAnswers> = BTreeMap::new();
    let mut last: BTreeMap<(&Option<String>, &str), &str> = BTreeMap::new();
    for answer in answers {
        let key = (&answer.checklist_id, answer.item.as_str());
        let item = items.entry(key).or_insert_with(|| ItemAnswers {
            checklist_id: answer.checklist_id.clone(),
            item: answer.item.clone(),
            ..ItemAnswers::default()
        });
        // The answers of an act stand together.
        if last.insert(key, &answer.act_id) != Some(answer.act_id.as_str()) {
            item.acts += 1;
        }
        let place = match answer.answer {
            Some(AnswerCode::Pass) => &mut item.passed,
            Some(AnswerCode::Fail) => &mut item.failed,
            Some(AnswerCode::NotApplicable) => &mut item.not_applicable,
            None => &mut item.open,
        };
        *place += 1;
        item.otherwise += u64::from(answer.otherwise());
    }
    items.into_values().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(act: &str, item: &str, said: AnswerCode, suggested: Option<AnswerCode>) -> Answered {
        let (item, subject) = match item.split_once(':') {
            Some((item, subject)) => (item, Some(subject.to_owned())),
            None => (item, None),
        };
        Answered {
            act_id: act.to_owned(),
            act_version: 1,
            org_code: None,
            permit_no: None,
            unit_name: None,
            completed_at: None,
            checklist_id: Some("cement".to_owned()),
            item: item.to_owned(),
            subject,
            answer: Some(said),
            suggested,
            remark: None,
        }
    }

    #[test]
    fn items_are_summed_over_subjects_and_acts() {
        use AnswerCode::{Fail, NotApplicable, Pass};
        let answers = [
            answer("a", "limit:DA001/a21026/hour", Pass, Some(Pass)),
            answer("a", "limit:DA002/a21026/hour", Fail, Some(Pass)),
            answer("a", "permit-valid", Pass, None),
            answer("b", "limit:DA001/a21026/hour", NotApplicable, Some(Fail)),
        ];
        let items = by_item(&answers);
        assert_eq!(items.len(), 2);
        assert_eq!(
            items[0],
            ItemAnswers {
                checklist_id: Some("cement".to_owned()),
                item: "limit".to_owned(),
                acts: 2,
                passed: 1,
                failed: 1,
                not_applicable: 1,
                open: 0,
                otherwise: 2,
            }
        );
        assert_eq!((items[1].acts, items[1].passed), (1, 1));
        assert_eq!(items[1].otherwise, 0, "nothing was suggested");
    }
}
