//! What has to have happened before a penalty is decided and put on file: the unit was told of its
//! rights and heard, the evidence is complete, a major decision was reviewed by a lawyer, what was
//! decided was served and paid.
//!
//! What clocks tell is read from them, so that cases of earlier workflows are judged by the same
//! conditions: while `decision` runs nothing was decided, while `service` runs nothing was served,
//! while `payment` runs nothing was paid. What no clock tells is noted on the case ([`Procedure`]) by
//! the steps that the workflow says so of ([`Fact`]), and ends with the state.

use nonsite_schemas::time::{beijing_day, beijing_day_start};
use serde::{Deserialize, Serialize};

use super::calendar::{beijing_text, parse_day, until_text};
use super::case::Case;
use super::desk::Moved;
use super::guard::{Guard, Situation};
use super::parts::Severity;
use super::step::{Actor, Input};
use super::visit;

/// Runs until something was decided.
const DECISION: &str = "decision";
/// Runs while the unit may state its defence and ask for a hearing.
const DEFENCE: &str = "hearing_request";
/// Runs until a hearing was announced.
const NOTICE: &str = "hearing_notice";
/// Runs until the decision was served.
const SERVICE: &str = "service";
/// Runs until the fine was paid.
const PAYMENT: &str = "payment";
/// Runs until the paid case is on file.
const ARCHIVE: &str = "archive";
/// The action that ends the time of payment.
const PAY: &str = "pay";
/// Field with the days by which a payment was late.
pub(super) const LATE_DAYS: &str = "late_days";
/// Field with what they added to the fine, yuan.
pub(super) const LATE_FINE: &str = "late_fine";
/// What each day of late payment adds to a fine, percent of it (行政处罚法 art. 72).
const LATE_PERCENT: i128 = 3;

/// How far a hearing is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Hearing {
    /// The unit asked for it.
    Requested,
    /// It has a day.
    Set,
    /// The unit was told the day.
    Announced,
    /// It was held.
    Held,
    /// The unit waives its defence and its hearing.
    Waived,
}

/// A lawyer's review of what is about to be decided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LegalReview {
    /// Who reviewed.
    pub by: String,
    /// When, microseconds UTC.
    pub at: i64,
}

/// What was done in a penalty procedure. Instants are microseconds UTC.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Procedure {
    /// When the unit was told of its rights, the last time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notified_at: Option<i64>,
    /// How far the hearing is, if one was asked for or waived.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hearing: Option<Hearing>,
    /// Start of the day of the hearing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hearing_day: Option<i64>,
    /// What evidence the lawyer wants, while it is missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence_wanted: Option<String>,
    /// The lawyer's review, as long as what was reviewed is what there is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub legal_review: Option<LegalReview>,
    /// The fine that was decided, fen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fine_fen: Option<i64>,
}

impl Procedure {
    /// Left out of the document when nothing was done, so that older cases keep their hash.
    pub(super) fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// What a step notes about the procedure, or about the visit that may lead to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fact {
    /// The unit was told of its rights.
    Notice,
    /// It asks for a hearing.
    HearingRequest,
    /// The hearing has a day.
    HearingDay,
    /// The unit was told the day.
    HearingNotice,
    /// The hearing was held.
    Hearing,
    /// The unit waives defence and hearing.
    Waiver,
    /// A lawyer reviewed.
    LegalReview,
    /// A lawyer wants more evidence.
    MoreEvidence,
    /// The evidence is there.
    Evidence,
    /// The visit was approved.
    VisitApproval,
    /// A fine was decided.
    Fine,
}

impl Fact {
    pub(super) fn note(self, case: &mut Case, actor: &Actor, input: &Input, at: i64) {
        let done = &mut case.procedure;
        match self {
            Self::Notice => {
                done.notified_at = Some(at);
                // Nobody waives what they are told of later.
                done.hearing = done.hearing.filter(|hearing| *hearing != Hearing::Waived);
            }
            Self::HearingRequest => done.hearing = Some(Hearing::Requested),
            Self::HearingDay => {
                done.hearing = Some(Hearing::Set);
                done.hearing_day = input
                    .get("hearing_day")
                    .and_then(parse_day)
                    .map(beijing_day_start);
            }
            Self::HearingNotice => done.hearing = Some(Hearing::Announced),
            Self::Hearing => done.hearing = Some(Hearing::Held),
            Self::Waiver => {
                done.hearing = Some(Hearing::Waived);
                done.hearing_day = None;
            }
            Self::LegalReview => {
                done.legal_review = Some(LegalReview {
                    by: actor.name.clone(),
                    at,
                });
            }
            Self::MoreEvidence => {
                done.evidence_wanted = input.get("reason").map(str::to_owned);
                done.legal_review = None;
                // What the investigator adds from now on is the evidence that is wanted.
                case.files_added = 0;
            }
            Self::Evidence => {
                done.evidence_wanted = None;
                done.legal_review = None;
            }
            Self::Fine => done.fine_fen = input.get("fine").and_then(fen),
            Self::VisitApproval => visit::note(case, actor, input, at),
        }
    }
}

impl Guard {
    /// The clocks a condition of the procedure looks at; the workflow has to have them.
    pub(super) fn clocks(self) -> &'static [&'static str] {
        match self {
            Self::RightsOpen | Self::Heard => &[DEFENCE],
            Self::NoticeInTime => &[NOTICE],
            Self::Undecided => &[SERVICE, PAYMENT, ARCHIVE],
            Self::DecidedAndServed => &[DECISION, SERVICE],
            Self::PaidOrReason => &[PAYMENT],
            _ => &[],
        }
    }
}

fn hold(holds: bool, why: &str) -> Result<(), String> {
    if holds { Ok(()) } else { Err(why.to_owned()) }
}

/// The conditions of the procedure; `Err` with the particulars when one does not hold.
pub(super) fn check(guard: Guard, at: &Situation<'_>) -> Result<(), String> {
    let case = at.case;
    let done = &case.procedure;
    match guard {
        Guard::RightsOpen => hold(
            case.clock_runs(DEFENCE) || awaits_hearing(done.hearing),
            "没有可放弃的陈述申辩或听证权利 / there is nothing to waive: no period for the defence runs \
             and no hearing is to be held",
        ),
        Guard::HearingAsked => hold(
            awaits_hearing(done.hearing),
            "当事人未申请听证 / nobody asked for a hearing (request_hearing)",
        ),
        Guard::NoticeInTime => notice_in_time(at),
        Guard::HearingDue => hearing_due(at),
        Guard::EvidenceWanted => hold(
            done.evidence_wanted.is_some(),
            "法制审核未要求补充证据 / nobody asked for more evidence (more_evidence)",
        ),
        Guard::EvidenceComplete => match &done.evidence_wanted {
            None => Ok(()),
            Some(what) => Err(format!(
                "法制审核要求补充的证据尚未补齐 / evidence is still missing (add_evidence): {what}"
            )),
        },
        Guard::Heard => heard(at),
        Guard::LegallyReviewed => legally_reviewed(at),
        Guard::Undecided => hold(
            !is_decided(case),
            "已作出处罚决定 / a penalty was decided already",
        ),
        Guard::DecidedAndServed => {
            hold(
                !case.clock_runs(DECISION),
                "尚未作出处罚决定 / nothing was decided yet: decide, or end it without a penalty \
                 (no_penalty) or by a transfer",
            )?;
            hold(
                !case.clock_runs(SERVICE),
                "处罚决定书尚未送达 / the decision was not served yet (serve_decision)",
            )
        }
        Guard::PaidOrReason => {
            let unpaid = at.input.get("unpaid");
            hold(
                !case.clock_runs(PAYMENT) || unpaid.is_some(),
                "罚款尚未缴纳 / the fine was not paid (pay); if it will not be, say in `unpaid` why",
            )?;
            hold(
                !(case.clock_runs(PAYMENT) && unpaid == Some("no_fine") && done.fine_fen.is_some()),
                "决定书载明罚款 / the decision names a fine: it was not paid for another reason than `no_fine`",
            )
        }
        // Conditions of other parts of the workflow are checked where they are named.
        _ => Ok(()),
    }
}

/// What late payment adds to a fine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct LatePayment {
    /// Days after the last one on which it was in time.
    pub days: i32,
    /// What they add, fen; nothing when the fine is not known.
    pub added_fen: Option<i64>,
}

/// What a payment on a Beijing day (days since 1970-01-01) would add; nothing while it is in time, or when
/// no payment is waited for.
pub fn late_payment(case: &Case, day: i32) -> Option<LatePayment> {
    let clock = case.clocks.iter().find(|clock| clock.name == PAYMENT)?;
    let days = day.saturating_sub(beijing_day(clock.due_at - 1));
    (days > 0).then(|| LatePayment {
        days,
        added_fen: case.procedure.fine_fen.map(|fine| added(fine, days)),
    })
}

/// The part of the fine that so many days add, to the fen; never more than the fine.
fn added(fine: i64, days: i32) -> i64 {
    let added = i128::from(fine) * LATE_PERCENT * i128::from(days) / 100;
    i64::try_from(added).unwrap_or(fine).min(fine)
}

/// Adds to the row of a late payment by how much it was late.
pub(super) fn write(before: Option<&Case>, moved: &mut Moved) {
    let Some(before) = before.filter(|_| moved.action == PAY) else {
        return;
    };
    let said = moved.input.get("paid_on").and_then(parse_day);
    let day = said.unwrap_or_else(|| beijing_day(moved.effective_at));
    if let Some(late) = late_payment(before, day) {
        let fields = &mut moved.input.fields;
        fields.insert(LATE_DAYS.to_owned(), late.days.to_string());
        if let Some(fen) = late.added_fen {
            fields.insert(LATE_FINE.to_owned(), yuan(fen));
        }
    }
}

/// Reads an amount in yuan, with two decimals at most, as fen.
pub(super) fn fen(text: &str) -> Option<i64> {
    let (yuan, rest) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |part: &str, most: usize| {
        (1..=most).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit())
    };
    if !digits(yuan, 12) || !digits(rest, 2) {
        return None;
    }
    let yuan: i64 = yuan.parse().ok()?;
    let fen: i64 = format!("{rest:0<2}").parse().ok()?;
    Some(yuan * 100 + fen).filter(|fen| *fen > 0)
}

/// An amount of fen in yuan, `12000.50`.
pub fn yuan(fen: i64) -> String {
    format!("{}.{:02}", fen / 100, fen % 100)
}

/// Whether a penalty was decided and its case is not on file yet.
pub(super) fn is_decided(case: &Case) -> bool {
    [SERVICE, PAYMENT, ARCHIVE]
        .iter()
        .any(|clock| case.clock_runs(clock))
}

/// Whether a hearing was asked for that is neither held nor waived.
fn awaits_hearing(hearing: Option<Hearing>) -> bool {
    matches!(
        hearing,
        Some(Hearing::Requested | Hearing::Set | Hearing::Announced)
    )
}

fn notice_in_time(at: &Situation<'_>) -> Result<(), String> {
    let late = at
        .case
        .clocks
        .iter()
        .any(|clock| clock.name == NOTICE && clock.due_at <= at.now);
    hold(
        !late,
        "距听证不足七个工作日 / fewer than seven working days are left before the hearing: set another \
         day (set_hearing)",
    )
}

fn hearing_due(at: &Situation<'_>) -> Result<(), String> {
    let done = &at.case.procedure;
    hold(
        done.hearing == Some(Hearing::Announced),
        "听证尚未通知当事人 / the unit was not told of a hearing (notify_hearing)",
    )?;
    match done.hearing_day {
        Some(day) if day > at.now => Err(format!(
            "未到听证日期 / the hearing is on {}",
            &beijing_text(day)[..10]
        )),
        _ => Ok(()),
    }
}

fn heard(at: &Situation<'_>) -> Result<(), String> {
    let (case, done) = (at.case, &at.case.procedure);
    hold(
        done.notified_at.is_some(),
        "尚未告知当事人陈述申辩和听证权利 / the unit was not told of its rights (notify)",
    )?;
    let running = case.clocks.iter().find(|clock| clock.name == DEFENCE);
    if let Some(clock) = running {
        return Err(format!(
            "陈述申辩和听证申请期限未满 / the unit may state its defence and ask for a hearing until \
             {}; wait, or record that it waives (waive_hearing)",
            until_text(clock.due_at)
        ));
    }
    match done.hearing {
        Some(Hearing::Requested) => hold(
            false,
            "当事人已申请听证，尚未确定日期 / a hearing was asked for and has no day (set_hearing)",
        ),
        Some(Hearing::Set) => hold(
            false,
            "听证尚未通知当事人 / the unit was not told of the hearing (notify_hearing)",
        ),
        Some(Hearing::Announced) => hold(
            false,
            "听证尚未举行 / the hearing was not held yet (hold_hearing)",
        ),
        Some(Hearing::Held | Hearing::Waived) | None => Ok(()),
    }
}

/// A decision is a major one when it is said to be, after a hearing, and for S1.
fn legally_reviewed(at: &Situation<'_>) -> Result<(), String> {
    let (case, done) = (at.case, &at.case.procedure);
    let major = case.severity == Severity::S1
        || done.hearing == Some(Hearing::Held)
        || at.input.get("major") == Some("yes");
    match &done.legal_review {
        _ if !major => Ok(()),
        Some(review) if review.by != at.actor.name => Ok(()),
        Some(review) => Err(format!(
            "法制审核人不得自行决定 / {} reviewed it: another person decides",
            review.by
        )),
        None => hold(
            false,
            "重大处罚决定须先经法制审核 / a major decision needs a legal review first (legal_review)",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_read_to_the_fen() {
        for (text, expected) in [
            ("12000", Some(1_200_000)),
            ("12000.5", Some(1_200_050)),
            ("0.01", Some(1)),
            ("0", None),
            ("", None),
            ("12,000", None),
            ("12000.", None),
            (".5", None),
            ("1.005", None),
            ("-5", None),
            ("1e6", None),
            ("9999999999999", None),
        ] {
            assert_eq!(fen(text), expected, "{text}");
        }
        assert_eq!(yuan(1_200_050), "12000.50");
    }

    #[test]
    fn a_late_fine_grows_by_3_percent_a_day_up_to_itself() {
        assert_eq!(added(1_000_000, 1), 30_000);
        assert_eq!(added(1_000_000, 33), 990_000);
        assert_eq!(added(1_000_000, 34), 1_000_000);
        assert_eq!(added(99_999_999_999_999, i32::MAX), 99_999_999_999_999);
        // Whole fen.
        assert_eq!(added(50, 1), 1);
    }
}
