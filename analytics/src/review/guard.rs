//! What must hold before a case may move: the named conditions of `machine.toml`.

use serde::{Deserialize, Serialize};

use super::calendar::parse_day;
use super::case::Case;
use super::checklist;
use super::extension;
use super::parts::Severity;
use super::penalty;
use super::review_row;
use super::step::{Actor, Input};
use super::visit;
use nonsite_schemas::time::beijing_day_start;

/// Rectification returned this often goes on-site.
const RETURNS_BEFORE_ONSITE: u32 = 2;
/// Hexadecimal digits of a seal, a SHA-256.
const SEAL_DIGITS: usize = 64;

/// A condition. The engine's own timers are subject to the same conditions as people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Guard {
    /// The clue comes with its evidence, complete and sealed (bundle B0).
    Sealed,
    /// The finding is past the marking deadline.
    Confirmed,
    /// Severity S3, S2 or S1.
    SeverityS3OrWorse,
    /// Severity S1.
    SeverityS1,
    /// Any severity but S1, which goes on-site.
    NotS1,
    /// The actor does not own the rule that fired.
    NotRuleOwner,
    /// The actor handled no part of the case as an officer.
    NotHandler,
    /// Two different officers are named.
    TwoOfficers,
    /// The visit was approved, or is urgent (S1: papers may follow).
    ApprovedOrS1,
    /// The visit was approved.
    VisitApproved,
    /// The visit was not approved.
    VisitUnapproved,
    /// A video of the visit was handed in, or a reason says why there is none.
    VisitFilmed,
    /// The visit is recorded on its day, or a reason says why not.
    RecordedSameDay,
    /// No other case's visit serves the case, or a reason says why it is visited apart.
    VisitedOnce,
    /// The visit of another case of the same furnace serves the case.
    PartOfVisit,
    /// At least one file is attached, with the action or before it.
    HasEvidence,
    /// The checklist is complete and nothing on it fails.
    EveryItemPasses,
    /// Something on the checklist fails.
    AnItemFails,
    /// The deadline has passed.
    DeadlinePassed,
    /// The deadline has not passed.
    BeforeDeadline,
    /// Fewer than two extensions were granted.
    ExtensionsLeft,
    /// The new day is later than the present one, by no more than the original length.
    ExtensionNotLongerThanOrder,
    /// Somebody else asked for the extension.
    NotAsker,
    /// The extension was asked for while the enterprise rectifies.
    AskedWhileRectifying,
    /// The extension was asked for while the rectification is reviewed.
    AskedWhileReviewing,
    /// Rectification was returned less than twice.
    ReturnedOnce,
    /// Rectification was returned twice or more.
    ReturnedTwice,
    /// The new finding began after the measures and before the end of the look-back.
    WithinLookBack,
    /// No check of the look-back waits.
    ChecksDone,
    /// The finding was withdrawn.
    Withdrawn,
    /// The case ended as a reminder and nobody ever decided on it.
    OnlyReminded,
    /// Somebody of the enterprise is responsible for a plan with a day.
    HasPlan,
    /// A file goes with the action, or a reason says why there is none.
    HasProof,
    /// A file proves the answer, or a reason says why there is none.
    AnswerProven,
    /// The violation ended less than two years ago, or there is a reason for five.
    NotTimeBarred,
    /// The rule was silent for long enough since the measures, or somebody says why that is waived.
    RuleSilent,
    /// Every conflict that the machine found is answered.
    ConflictsAnswered,
    /// The unit has a right that it could waive.
    RightsOpen,
    /// A hearing was asked for and is neither held nor waived.
    HearingAsked,
    /// The notice still leaves the time there has to be before the hearing.
    NoticeInTime,
    /// A hearing was announced and its day has come.
    HearingDue,
    /// The legal reviewer wants more evidence.
    EvidenceWanted,
    /// The legal reviewer wants no more evidence.
    EvidenceComplete,
    /// The unit was told of its rights, and heard, or let them pass or waived them.
    Heard,
    /// A major decision was reviewed by a lawyer who is not the one who decides.
    LegallyReviewed,
    /// No penalty was decided.
    Undecided,
    /// A penalty was decided and served.
    DecidedAndServed,
    /// The fine was paid, or a reason says why not.
    PaidOrReason,
}

/// Everything a condition may look at.
pub(super) struct Situation<'a> {
    pub(super) case: &'a Case,
    pub(super) actor: &'a Actor,
    pub(super) input: &'a Input,
    /// Owner of the case's rule, if one is configured.
    pub(super) rule_owner: Option<&'a str>,
    /// Microseconds UTC.
    pub(super) now: i64,
}

impl Guard {
    /// What the condition asks for, for tables and messages.
    pub fn text(self) -> &'static str {
        match self {
            Self::Sealed => "its evidence is complete and sealed",
            Self::Confirmed => "the finding is confirmed",
            Self::SeverityS3OrWorse => "severity S3 or worse",
            Self::SeverityS1 => "severity S1",
            Self::NotS1 => "not S1, which goes on-site",
            Self::NotRuleOwner => "not by the owner of the rule",
            Self::NotHandler => "not by somebody who handled the case",
            Self::TwoOfficers => "two different officers are named",
            Self::ApprovedOrS1 => "the visit is approved (S1: papers may follow)",
            Self::VisitApproved => "the visit is approved, for S1 afterwards",
            Self::VisitUnapproved => "the visit is not approved",
            Self::VisitFilmed => "a video of the visit is attached, or `no_video` says why not",
            Self::RecordedSameDay => {
                "recorded on the day of the visit, or `late_record` says why not"
            }
            Self::VisitedOnce => {
                "no other case's visit serves it, or `own_visit` says why it is visited apart"
            }
            Self::PartOfVisit => "the visit of another case of the same furnace serves it",
            Self::HasEvidence => "evidence is attached",
            Self::EveryItemPasses => "every item of the checklist passes or does not apply",
            Self::AnItemFails => "an item of the checklist fails, with its reason",
            Self::DeadlinePassed => "the deadline has passed",
            Self::BeforeDeadline => "the deadline has not passed",
            Self::ExtensionsLeft => "fewer than two extensions so far",
            Self::ExtensionNotLongerThanOrder => {
                "the new day is later, by no more than the original time"
            }
            Self::NotAsker => "not by whoever asked for it",
            Self::AskedWhileRectifying => "the enterprise asked for it",
            Self::AskedWhileReviewing => "the reviewer asked for it",
            Self::ReturnedOnce => "returned less than twice",
            Self::ReturnedTwice => "returned twice",
            Self::WithinLookBack => {
                "the same kind of finding on the same outlet, between the measures and the end of the look-back"
            }
            Self::ChecksDone => "the checks of the look-back were run",
            Self::Withdrawn => "the finding was withdrawn",
            Self::OnlyReminded => "it ended as a reminder, without a decision",
            Self::HasPlan => {
                "the plan, or `owner` and `plan_due`, says who is responsible and by when"
            }
            Self::HasProof => "a proof is attached, or `no_proof` says why there is none",
            Self::AnswerProven => "a file proves it, or `no_proof` says why there is none",
            Self::NotTimeBarred => {
                "the violation ended less than two years ago (with `limitation`: five)"
            }
            Self::RuleSilent => {
                "the rule was silent for 24 h of normal operation since the measures (half-month \
                 rules: 7 d), or `override` says why it is approved all the same"
            }
            Self::ConflictsAnswered => {
                "every conflict that the machine found is answered in `resolved`"
            }
            Self::RightsOpen => "the period for the defence runs, or a hearing is to be held",
            Self::HearingAsked => "a hearing was asked for",
            Self::NoticeInTime => "seven working days are left before the hearing",
            Self::HearingDue => "the hearing was announced and its day has come",
            Self::EvidenceWanted => "more evidence is wanted",
            Self::EvidenceComplete => "no more evidence is wanted",
            Self::Heard => {
                "the unit was told of its rights, and let them pass, waived them or was heard"
            }
            Self::LegallyReviewed => {
                "a major decision was reviewed by somebody else of the legal section"
            }
            Self::Undecided => "no penalty was decided",
            Self::DecidedAndServed => "a penalty was decided and served",
            Self::PaidOrReason => "the fine was paid, or `unpaid` says why not",
        }
    }

    /// Whether the condition may hold for a case as it is. Most ask for papers, persons or time as well,
    /// and only the attempt can tell; what the case alone rules out need not be offered.
    pub(super) fn may_hold(self, case: &Case) -> bool {
        let of_the_case = matches!(
            self,
            Self::Confirmed
                | Self::SeverityS3OrWorse
                | Self::SeverityS1
                | Self::NotS1
                | Self::OnlyReminded
                | Self::ExtensionsLeft
                | Self::AskedWhileRectifying
                | Self::AskedWhileReviewing
                | Self::ReturnedOnce
                | Self::ReturnedTwice
                | Self::EvidenceWanted
                | Self::EvidenceComplete
                | Self::Undecided
        );
        let (engine, nothing) = (Actor::engine(), Input::default());
        let situation = Situation {
            case,
            actor: &engine,
            input: &nothing,
            rule_owner: None,
            now: case.updated_at,
        };
        !of_the_case || self.check(&situation).is_ok()
    }

    /// `Err` with the particulars when the condition does not hold.
    pub(super) fn check(self, at: &Situation<'_>) -> Result<(), String> {
        let case = at.case;
        let hold = |holds: bool, why: String| if holds { Ok(()) } else { Err(why) };
        match self {
            Self::Sealed => sealed(case),
            Self::Confirmed => hold(
                case.confirmed,
                "the finding is provisional: the marking deadline has not passed".to_owned(),
            ),
            Self::SeverityS3OrWorse => hold(
                case.severity <= Severity::S3,
                format!("severity {} is a reminder", case.severity.code()),
            ),
            Self::SeverityS1 => hold(
                case.severity == Severity::S1,
                format!(
                    "only S1 goes on-site from here, this case is {}; ask the enterprise \
                     (dispatch) or verify off-site (verify)",
                    case.severity.code()
                ),
            ),
            Self::NotS1 => hold(
                case.severity != Severity::S1,
                "S1 须转现场核查 / S1 is verified on-site: escalate it".to_owned(),
            ),
            Self::NotRuleOwner => hold(
                at.rule_owner != Some(at.actor.name.as_str()),
                format!(
                    "{} owns rule {} and may not dismiss its findings",
                    at.actor.name, case.rule_id
                ),
            ),
            Self::NotHandler => hold(
                !case.handlers.contains(&at.actor.name),
                format!("{} handled this case and may not review it", at.actor.name),
            ),
            Self::TwoOfficers => {
                let named = at.input.list("officers");
                hold(
                    named.len() >= 2,
                    format!(
                        "{} officer named: two certificate holders are required",
                        named.len()
                    ),
                )
            }
            Self::ApprovedOrS1
            | Self::VisitApproved
            | Self::VisitUnapproved
            | Self::VisitFilmed
            | Self::RecordedSameDay
            | Self::VisitedOnce
            | Self::PartOfVisit => visit::check(self, at),
            Self::ChecksDone => hold(
                case.check_at.is_none(),
                "a check of the look-back waits to be run".to_owned(),
            ),
            Self::Withdrawn => hold(
                case.withdrawn.is_some(),
                "the finding stands: it was not withdrawn".to_owned(),
            ),
            Self::OnlyReminded => hold(
                case.only_reminded,
                "the case was decided on; only a supervisor or a relapse reopens it".to_owned(),
            ),
            Self::HasPlan => hold(
                case.plan.is_some()
                    || ["owner", "plan_due"]
                        .iter()
                        .all(|field| at.input.get(field).is_some()),
                "整改计划缺责任人或完成日期 / nobody is responsible, or by no day: make a plan first \
                 (action `plan`), or give `owner` and `plan_due`"
                    .to_owned(),
            ),
            Self::HasProof => hold(
                !at.input.attachments.is_empty() || at.input.get("no_proof").is_some(),
                "延期理由缺证明材料 / nothing proves the reason: attach it, or say in `no_proof` why \
                 there is none"
                    .to_owned(),
            ),
            Self::AnswerProven => hold(
                !at.input.attachments.is_empty()
                    || case.files_added > 0
                    || at.input.get("no_proof").is_some(),
                "反馈缺附件 / no file proves the answer: hand it in, or say in `no_proof` why there is none"
                    .to_owned(),
            ),
            Self::NotTimeBarred => not_time_barred(at),
            Self::RuleSilent => rule_silent(at.input),
            Self::ConflictsAnswered => review_row::answered(at.input),
            Self::HasEvidence => hold(
                !at.input.attachments.is_empty() || case.files_added > 0,
                "nothing is attached: evidence is required".to_owned(),
            ),
            Self::EveryItemPasses => checklist::complete(at.input.get("items").unwrap_or_default()),
            Self::AnItemFails => checklist::failing(at.input.get("items").unwrap_or_default()),
            Self::DeadlinePassed => match case.due_at {
                Some(due) => hold(due <= at.now, "the deadline has not passed yet".to_owned()),
                None => Err("there is no deadline that could have passed".to_owned()),
            },
            Self::BeforeDeadline => hold(
                case.due_at.is_none_or(|due| at.now < due),
                "the deadline has passed".to_owned(),
            ),
            Self::ExtensionsLeft
            | Self::ExtensionNotLongerThanOrder
            | Self::NotAsker
            | Self::AskedWhileRectifying
            | Self::AskedWhileReviewing => extension::check(self, at),
            Self::ReturnedOnce => hold(
                case.return_count < RETURNS_BEFORE_ONSITE,
                format!("returned {} times: it goes on-site", case.return_count),
            ),
            Self::ReturnedTwice => hold(
                case.return_count >= RETURNS_BEFORE_ONSITE,
                format!("returned {} times so far", case.return_count),
            ),
            Self::WithinLookBack => {
                let text = at.input.get("relapse_at").unwrap_or_default();
                let began = crate::ratio::parse_as_of(text).map_err(|error| error.to_string())?;
                hold(
                    case.is_relapse(began),
                    format!("{text} lies outside the look-back"),
                )
            }
            Self::RightsOpen
            | Self::HearingAsked
            | Self::NoticeInTime
            | Self::HearingDue
            | Self::EvidenceWanted
            | Self::EvidenceComplete
            | Self::Heard
            | Self::LegallyReviewed
            | Self::Undecided
            | Self::DecidedAndServed
            | Self::PaidOrReason => penalty::check(self, at),
        }
    }
}

/// The evidence of a clue is sealed in one piece: a seal that is none says that the bundle is not whole.
fn sealed(case: &Case) -> Result<(), String> {
    let digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    let seal = &case.evidence_sha256;
    let lacks = if seal.len() != SEAL_DIGITS || !seal.bytes().all(digit) {
        "SHA-256 of its evidence"
    } else if case.reason.trim().is_empty() {
        "sentence that says what was found"
    } else {
        return Ok(());
    };
    Err(format!(
        "线索证据包不完整 / finding {} has no {lacks}: without its evidence it is no case; detect it again",
        case.anomaly_id
    ))
}

/// Limitation of penalties, and its length after serious harm to life, health or finance.
const LIMITATION_YEARS: [i32; 2] = [2, 5];

fn not_time_barred(at: &Situation<'_>) -> Result<(), String> {
    let ended = match at.input.get("violation_end") {
        Some(text) => {
            let day =
                parse_day(text).ok_or_else(|| format!("`{text}` is no day, write YYYY-MM-DD"))?;
            beijing_day_start(day + 1)
        }
        None => at.case.window_end,
    };
    if ended > at.now && at.input.get("violation_end").is_some() {
        return Err("field `violation_end`: that day is not over".to_owned());
    }
    let [plain, serious] = LIMITATION_YEARS.map(|years| years_after(ended, years));
    match at.input.get("limitation") {
        _ if at.now < plain => Ok(()),
        Some(_) if at.now < serious => Ok(()),
        Some(_) => Err("time-barred: the violation ended more than five years ago".to_owned()),
        None => Err(
            "time-barred: the violation ended more than two years ago; if it went on, give \
             `violation_end`, and after serious harm `limitation`"
                .to_owned(),
        ),
    }
}

/// The same Beijing day so many years later; microseconds UTC.
fn years_after(at: i64, years: i32) -> i64 {
    use chrono::{DateTime, Months};
    let later = u32::try_from(years).ok().and_then(|years| {
        DateTime::from_timestamp_micros(at)?.checked_add_months(Months::new(12 * years))
    });
    later.map_or(i64::MAX, |later| later.timestamp_micros())
}

/// What the machine found when it ran the rule again stands in the input; people cannot write it.
fn rule_silent(input: &Input) -> Result<(), String> {
    if input.get(super::recheck::VERDICT) == Some(super::recheck::SILENT)
        || input.get("override").is_some()
    {
        return Ok(());
    }
    let found = input
        .get(super::recheck::WHY)
        .unwrap_or("the rule was not run again");
    Err(format!(
        "{found}; return it, or say in `override` why it is approved all the same"
    ))
}
