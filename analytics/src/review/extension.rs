//! What must hold before more time is asked for, or given, under an order to rectify.
//!
//! The enterprise asks while it rectifies, the reviewer while the rectification is reviewed; both wait for the
//! approver, who is somebody else. Time is counted from the end of the order, never from that of a review.

use super::calendar::parse_day;
use super::case::{Case, HeldDeadline, REVIEWED};
use super::guard::{Guard, Situation};
use nonsite_schemas::time::beijing_day_start;

/// Extensions a case may get.
const MOST_EXTENSIONS: u32 = 2;

/// `Err` with the particulars when a condition of extensions does not hold.
pub(super) fn check(guard: Guard, at: &Situation<'_>) -> Result<(), String> {
    let case = at.case;
    let hold = |holds: bool, why: String| if holds { Ok(()) } else { Err(why) };
    match guard {
        Guard::ExtensionsLeft => hold(
            case.extension_count < MOST_EXTENSIONS,
            format!(
                "{} extensions were granted, more are not possible",
                case.extension_count
            ),
        ),
        Guard::ExtensionNotLongerThanOrder => longer(at),
        Guard::NotAsker => hold(
            case.held_deadline
                .as_ref()
                .and_then(|held| held.by.as_deref())
                != Some(at.actor.name.as_str()),
            format!(
                "申请人不得自行批准延期 / {} asked for the extension and may not grant it",
                at.actor.name
            ),
        ),
        Guard::AskedWhileRectifying => hold(
            !asked_by_reviewer(case),
            "the reviewer asked for the extension: refuse it with `resume_review`".to_owned(),
        ),
        Guard::AskedWhileReviewing => hold(
            asked_by_reviewer(case),
            "the enterprise asked for the extension: refuse it with `refuse_extension`".to_owned(),
        ),
        // Conditions of other parts of the workflow are checked where they are named.
        _ => Ok(()),
    }
}

/// Whether the review waits for the answer, and not the enterprise.
fn asked_by_reviewer(case: &Case) -> bool {
    let held = case.held_deadline.as_ref();
    held.is_some_and(HeldDeadline::is_of_review)
}

/// Whether the day asked for lies ahead, after the end of the order, by no more than the order gave.
fn longer(at: &Situation<'_>) -> Result<(), String> {
    let due = at.input.get("due").unwrap_or_default();
    let day = parse_day(due).ok_or_else(|| format!("`{due}` is no day, write YYYY-MM-DD"))?;
    let new = beijing_day_start(day + 1);
    let (Some(old), Some(ordered)) = (at.case.order_end(), at.case.order_length) else {
        return Err(match at.case.state == REVIEWED {
            true => "整改材料逾期提交，不得申请延期 / it was not handed in within its time (or before that was \
                     recorded): return it"
                .to_owned(),
            false => "there is no deadline to extend".to_owned(),
        });
    };
    if new <= at.now {
        return Err(format!("field `due`: {due} is over already"));
    }
    if new <= old {
        return Err(format!("{due} is not later than the present deadline"));
    }
    if new - old > ordered {
        return Err(format!(
            "{due} adds more time than the order gave in the first place"
        ));
    }
    Ok(())
}
