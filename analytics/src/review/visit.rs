//! The visit of premises: who approved it and when, when it was recorded, and what was brought back.
//!
//! A visit is approved before it is made, by somebody who does not make it; an S1 is visited at once and its
//! approval follows before anything is decided on it. A refusal sends the case back to be verified off-site;
//! one that comes after the visit undoes nothing, and the papers stay open. A visit is recorded on its day.
//! Video and samples come in within a day of its end, or somebody says why there are none.

use nonsite_schemas::time::beijing_day;

use super::act::Record;
use super::calendar::{beijing_text, said_at};
use super::case::{Case, VisitApproval};
use super::guard::{Guard, Situation};
use super::investigation::OWN_VISIT;
use super::parts::Severity;
use super::step::{Actor, Attachment, Input};

/// Notes the approval of a visit.
pub(super) fn note(case: &mut Case, actor: &Actor, input: &Input, at: i64) {
    let said = input
        .get("approved_at")
        .and_then(|text| crate::ratio::parse_as_of(text).ok());
    case.visit_approval = Some(VisitApproval {
        form: input.get("approval").unwrap_or_default().to_owned(),
        by: actor.name.clone(),
        // A day stands for its end, which may be to come.
        at: said.map_or(at, |said| said.min(at)),
        team: input.list("officers").join(", "),
    });
}

/// How many of these files are videos.
pub(super) fn videos(files: &[Attachment]) -> u32 {
    let videos = files
        .iter()
        .filter_map(|file| file.facts.as_ref())
        .filter(|facts| facts.media.starts_with("video/"));
    u32::try_from(videos.count()).unwrap_or(u32::MAX)
}

/// When the visit of a case that was opened then ended, where that is said: by the field, else by the
/// record. Microseconds UTC.
pub(super) fn ended(input: &Input, opened_at: i64, now: i64) -> Result<Option<i64>, String> {
    if let Some(text) = input.get("visited_at") {
        return match said_at(text, opened_at, now) {
            Ok(at) => Ok(Some(at)),
            Err(error) => Err(format!("field `visited_at`: {error}")),
        };
    }
    // What cannot be read as a record was refused before.
    let record = input
        .get("record")
        .and_then(|text| Record::from_json(text).ok());
    Ok(record
        .and_then(|record| record.ended_at)
        .map(|ended| ended.0))
}

/// The conditions of a visit; `Err` with the particulars when one does not hold.
pub(super) fn check(guard: Guard, at: &Situation<'_>) -> Result<(), String> {
    let case = at.case;
    let hold = |holds: bool, why: &str| if holds { Ok(()) } else { Err(why.to_owned()) };
    match guard {
        Guard::ApprovedOrS1 => hold(
            case.severity == Severity::S1 || case.visit_approval.is_some(),
            "现场核查尚未审批 / the visit is not approved: an approver takes `approve_onsite` with the \
             approval form first (except for S1)",
        ),
        Guard::VisitApproved => hold(
            case.visit_approval.is_some(),
            "现场检查审批手续须补办 / the papers of the visit are missing: an approver takes \
             `approve_onsite` with the approval form before anything is decided",
        ),
        Guard::VisitUnapproved => hold(
            case.visit_approval.is_none(),
            "现场核查已经审批 / the visit is approved, and whoever approved it answers for that",
        ),
        Guard::VisitFilmed => hold(
            case.videos_added > 0
                || videos(&at.input.attachments) > 0
                || at.input.get("no_video").is_some(),
            "缺现场检查视频 / there is no video of the visit: hand it in (MP4, MOV, MKV), or say in \
             `no_video` why there is none",
        ),
        Guard::RecordedSameDay => recorded_same_day(at),
        Guard::PartOfVisit => hold(
            case.investigation.is_some(),
            "the case is part of no other case's on-site investigation",
        ),
        Guard::VisitedOnce => match &case.investigation {
            Some(part) if at.input.get(OWN_VISIT).is_none() => Err(format!(
                "{part}: record the visit under that case, or say in `{OWN_VISIT}` why this one is visited \
                 apart"
            )),
            _ => Ok(()),
        },
        _ => Ok(()),
    }
}

fn recorded_same_day(at: &Situation<'_>) -> Result<(), String> {
    let Some(ended) = ended(at.input, at.case.opened_at, at.now)? else {
        return Ok(());
    };
    if ended > at.now || ended < at.case.opened_at {
        return Err(format!(
            "the visit would have ended on {}, before the case was opened or in the future",
            beijing_text(ended)
        ));
    }
    if beijing_day(ended) == beijing_day(at.now) || at.input.get("late_record").is_some() {
        return Ok(());
    }
    Err(format!(
        "现场检查笔录应当当日录入 / the visit ended on {} and is recorded later: say in `late_record` why",
        beijing_text(ended)
    ))
}
