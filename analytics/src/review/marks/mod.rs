//! Marks that an enterprise sets from its case: these data are not valid, or the plant ran under a
//! special condition.
//!
//! The case names the logger, and a mark of the device is for the factor of the case alone: nobody
//! excuses more by a case than the case is about. Whether a mark was set in time is detection's to
//! judge, by the instant of the audit row; a late one is kept and excuses nothing.
//!
//! Invariants:
//! - the audit row holds the whole mark as a document of the wire type, checked by that type before the
//!   row is written, so the chain proves what the enterprise said and when;
//! - a mark reaches table `marks` once ([`deliver`]).
//!
//! Failure modes: a code, stretch or scope that the wire type does not take is refused, naming the field
//! at fault; so is a case that is about no logger.

mod deliver;

use nonsite_schemas::wire::Instant;
use nonsite_schemas::wire::code::{outlet_medium, permit_no_fault};
use nonsite_schemas::wire::document::Kind;
use nonsite_schemas::wire::documents::{Attachment, Mark, MarkCode, MarkScope, MarkSource};
use nonsite_schemas::wire::moment::parse_instant;

use super::act::outlet_code;
use super::calendar::parse_day;
use super::case::Case;
use super::desk::{Desk, Moved};
use super::error::{Error, Refusal};
use super::step::{Actor, Input};
use crate::ratio::parse_as_of;

/// The action that sets a mark.
const MARK: &str = "mark";
/// Field with the mark's id.
pub(super) const ID: &str = "mark_id";
/// Field with the mark as a document.
pub(super) const DOCUMENT: &str = "mark";
/// Fields that a person gives with a mark, and the program alone with anything else.
const STRETCH: [&str; 2] = ["from", "to"];

/// Whether a field that the program writes elsewhere is a person's to give with this action.
pub(super) fn is_given(action: &str, field: &str) -> bool {
    action == MARK && STRETCH.contains(&field)
}

impl Desk {
    /// Whether what goes with the action is a mark, if it sets one.
    pub(super) fn check_mark(
        &self,
        case: &Case,
        action: &str,
        actor: &Actor,
        input: &Input,
        at: i64,
    ) -> Result<(), Error> {
        if action != MARK {
            return Ok(());
        }
        if case.mn.is_none() {
            let why = "it is about no data logger whose data could be marked".to_owned();
            return Err(self.refused(case, action, why));
        }
        match mark(case, actor, input, at) {
            Ok(_) => Ok(()),
            Err(why) => Err(self.refused_as(Refusal::Field, case, action, why)),
        }
    }
}

/// Adds the mark to a change that sets one, for its audit row.
pub(super) fn write(before: Option<&Case>, moved: &mut Moved, now: i64) {
    let Some(before) = before.filter(|_| moved.action == MARK) else {
        return;
    };
    // Checked when the action was taken.
    if let Ok(mark) = mark(before, &moved.actor, &moved.input, now) {
        // Texts and codes into memory: nothing here can fail to serialise.
        let document = serde_json::to_string(&mark).unwrap_or_default();
        let fields = &mut moved.input.fields;
        fields.insert(ID.to_owned(), mark.mark_id);
        fields.insert(DOCUMENT.to_owned(), document);
    }
}

/// The mark that an action sets on a case, set and recorded at this instant; or what is wrong with it.
fn mark(case: &Case, actor: &Actor, input: &Input, at: i64) -> Result<Mark, String> {
    let code = coded(input, "code", MarkCode::ALL, MarkCode::as_str);
    let scope = coded(input, "scope", MarkScope::ALL, MarkScope::as_str)
        .or(code.and_then(MarkCode::scope))
        .ok_or("field `scope`: this code fits both, say device or condition")?;
    let [starts_at, ends_at] = STRETCH.map(|name| instant(input, name));
    let (starts_at, ends_at) = (starts_at?, ends_at?);
    if ends_at > at {
        return Err("field `to`: data that are not there yet cannot be marked".to_owned());
    }
    let permit_no = case
        .permit_no
        .clone()
        .filter(|permit| permit_no_fault(permit).is_none());
    let outlet =
        outlet_code(case).filter(|code| permit_no.is_some() && outlet_medium(code).is_some());
    let factors = match scope {
        MarkScope::Device => case.factor.iter().cloned().collect(),
        MarkScope::Condition => Vec::new(),
    };
    let mark = Mark {
        // A version of the case sets at most one.
        mark_id: format!("{}-mark-{}", case.case_id, case.version + 1),
        version: 1,
        recorded_at: Some(Instant(at)),
        mn: case.mn.clone().unwrap_or_default(),
        permit_no,
        outlet,
        factors,
        scope: Some(scope),
        code,
        starts_at: Some(Instant(starts_at)),
        ends_at: Some(Instant(ends_at)),
        source: Some(MarkSource::Manual),
        author: Some(actor.name.clone()),
        marked_at: Some(Instant(at)),
        reason: input.get("reason").map(str::to_owned),
        attachments: input
            .attachments
            .iter()
            .map(|file| Attachment {
                name: file.name.clone(),
                sha256: file.sha256.clone(),
            })
            .collect(),
        ..Mark::default()
    };
    let faults: Vec<String> = mark.validate().iter().map(ToString::to_string).collect();
    match faults.is_empty() {
        true => Ok(mark),
        false => Err(format!("the mark is not one: {}", faults.join("; "))),
    }
}

/// The value of a closed list that a field names.
fn coded<T: Copy>(input: &Input, field: &str, all: &[T], text: fn(T) -> &'static str) -> Option<T> {
    let given = input.get(field)?;
    all.iter().copied().find(|value| text(*value) == given)
}

fn instant(input: &Input, field: &str) -> Result<i64, String> {
    let text = input.get(field).unwrap_or_default();
    // A day alone is none: its begin and its end are both meant by it.
    let shown = || parse_as_of(text).ok().filter(|_| parse_day(text).is_none());
    parse_instant(text.as_bytes()).or_else(shown).ok_or_else(|| {
        format!(
            "field `{field}`: `{text}` is no instant, write YYYY-MM-DD HH:MM, with seconds where they \
             matter (Beijing time)"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::super::machine::Machine;
    use super::*;

    #[test]
    fn the_workflow_knows_the_codes_of_the_wire_type() {
        let values = |name: &str| {
            let mut fields = Machine::built_in().fields().iter();
            fields
                .find(|field| field.name == name)
                .unwrap()
                .values
                .clone()
        };
        let codes: Vec<&str> = MarkCode::ALL.iter().map(|code| code.as_str()).collect();
        assert_eq!(values("code"), codes);
        let scopes: Vec<&str> = MarkScope::ALL.iter().map(|scope| scope.as_str()).collect();
        assert_eq!(values("scope"), scopes);
    }
}
