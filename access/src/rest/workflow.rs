//! What there is to know before the first request: the workflow, and who you are.

use axum::Json;
use axum::extract::State;
use nonsite_analytics::review::{ClockDef, Counts, DeadlineRule, FourEyes, Transition};
use serde::Serialize;
use utoipa::ToSchema;

use super::answers::{Everyone, Reading};
use super::app::App;
use super::around::TermsView;
use super::identity::Principal;
use super::problem::Problem;

/// A deadline of a state; the first that fits applies.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = DeadlineRule)]
pub(super) struct DeadlineView {
    /// Only for these severities; for all when empty.
    severity: Vec<String>,
    /// Only for units of this kind: `general`, `key` or `incineration`.
    unit: Option<String>,
    /// Minutes.
    minutes: Option<u32>,
    /// Hours.
    hours: Option<u32>,
    /// Calendar days.
    days: Option<u32>,
    /// Working days.
    working_days: Option<u32>,
    /// End of the day on which the clock starts.
    same_day: bool,
    /// The day given with the action goes first.
    order: bool,
    /// What the engine does when it passes; without it the case is marked overdue.
    timer: Option<String>,
    /// How many hours before its end the holder is reminded.
    remind_hours: Option<u32>,
    /// The same in minutes.
    remind_minutes: Option<u32>,
}

impl From<&DeadlineRule> for DeadlineView {
    fn from(rule: &DeadlineRule) -> Self {
        Self {
            severity: rule.severity.iter().map(|s| s.code().to_owned()).collect(),
            unit: rule
                .unit
                .and_then(|kind| Some(serde_json::to_value(kind).ok()?.as_str()?.to_owned())),
            minutes: rule.minutes,
            hours: rule.hours,
            days: rule.days,
            working_days: rule.working_days,
            same_day: rule.same_day,
            order: rule.order,
            timer: rule.timer.clone(),
            remind_hours: rule.remind_hours,
            remind_minutes: rule.remind_minutes,
        }
    }
}

/// A clock that can run beside the deadline of a state.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Clock)]
pub(super) struct ClockRuleView {
    /// Name, as cases and `during` have it.
    name: String,
    /// Chinese name.
    zh: String,
    /// The state it runs in; leaving the state ends it.
    state: String,
    /// Actions that start it.
    from: Vec<String>,
    /// Actions that stop it.
    until: Vec<String>,
    /// Calendar days, moved to the next working day.
    days: Option<u32>,
    /// Working days.
    working_days: Option<u32>,
    /// It ends that many working days before the day in this field, instead of after its start.
    before: Option<String>,
    /// How many hours before its end the holder is reminded.
    remind_hours: Option<u32>,
    /// Days by which it may be prolonged, each once, in this order.
    extensions: Vec<u32>,
}

impl From<&ClockDef> for ClockRuleView {
    fn from(clock: &ClockDef) -> Self {
        Self {
            name: clock.name.clone(),
            zh: clock.zh.clone(),
            state: clock.state.clone(),
            from: clock.from.clone(),
            until: clock.until.clone(),
            days: clock.days,
            working_days: clock.working_days,
            before: clock.before.clone(),
            remind_hours: clock.remind_hours,
            extensions: clock.extensions.clone(),
        }
    }
}

/// A state of the workflow.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = State)]
pub(super) struct StateView {
    /// Number (S00 to S22).
    code: String,
    /// Name.
    name: String,
    /// Chinese name.
    zh: String,
    /// Who has to act next.
    holder: String,
    /// What it means.
    text: String,
    /// The case rests here.
    is_final: bool,
    /// The inspection it is: `offsite` or `onsite`; leaving it writes an act.
    act: Option<String>,
    /// Its deadlines.
    deadlines: Vec<DeadlineView>,
    /// Calendar days after which the rule that fired is run again.
    checks: Vec<u32>,
    /// It was decided on: what is found afterwards is a clue of its own.
    decided: bool,
}

/// A way from states to a state.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Transition)]
pub(super) struct TransitionView {
    /// What is done.
    action: String,
    /// States it starts in.
    from: Vec<String>,
    /// State it ends in.
    to: String,
    /// Who may do it.
    roles: Vec<String>,
    /// What must hold.
    conditions: Vec<String>,
    /// Fields that must be filled.
    requires: Vec<String>,
    /// When a second person has to sign: `always`, `from_s2`, or never (null).
    four_eyes: Option<String>,
    /// The engine takes it as soon as its conditions hold.
    automatic: bool,
    /// The running deadline goes on.
    keeps_deadline: bool,
    /// What it counts: `return` or `extension`.
    counts: Option<String>,
    /// Possible only while this clock runs.
    during: Option<String>,
    /// The clock it prolongs.
    extends: Option<String>,
}

/// A field or an item of the checklist.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct NamedText {
    /// Name.
    name: String,
    /// What it holds, or what has to be so.
    text: String,
}

/// The workflow.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Workflow {
    /// Version, as audit rows have it.
    version: String,
    /// The set of lengths that clocks are started under now.
    terms: TermsView,
    /// State a case begins in.
    initial: String,
    /// States.
    states: Vec<StateView>,
    /// Ways between them.
    transitions: Vec<TransitionView>,
    /// Clocks that run beside deadlines.
    clocks: Vec<ClockRuleView>,
    /// Fields of actions.
    fields: Vec<NamedText>,
    /// The reviewer's checklist.
    items: Vec<NamedText>,
}

/// What must hold, and which codes of a field fit.
fn conditions(way: &Transition) -> Vec<String> {
    let guards = way.guards.iter().map(|guard| guard.text().to_owned());
    let codes = way.codes.iter();
    guards
        .chain(codes.map(|(field, codes)| format!("`{field}`: {}", codes.join(", "))))
        .collect()
}

/// The workflow: states with their deadlines, ways with who may take them and what they need.
#[utoipa::path(
    get, path = "/workflow", tag = "meta", operation_id = "workflow", params(Everyone),
    security(("token" = [])),
    responses((status = 200, description = "the workflow", body = Workflow), Reading)
)]
pub(super) async fn show(_: Principal, State(app): State<App>) -> Result<Json<Workflow>, Problem> {
    let machine = app.queue().machine();
    let states = machine.states().iter().map(|state| StateView {
        code: state.code.clone(),
        name: state.name.clone(),
        zh: state.zh.clone(),
        holder: state.holder.code().to_owned(),
        text: state.text.clone(),
        is_final: state.is_final,
        act: state.act.map(|mode| mode.as_str().to_owned()),
        deadlines: state.deadline.iter().map(DeadlineView::from).collect(),
        checks: state.checks.clone(),
        decided: state.decided,
    });
    let transitions = machine.transitions().iter().map(|way| TransitionView {
        action: way.action.clone(),
        from: way.from.clone(),
        to: way.to.clone(),
        roles: way
            .roles
            .iter()
            .map(|role| role.code().to_owned())
            .collect(),
        conditions: conditions(way),
        requires: way.requires.clone(),
        four_eyes: way.four_eyes.map(|signatures| match signatures {
            FourEyes::Always => "always".to_owned(),
            FourEyes::FromS2 => "from_s2".to_owned(),
        }),
        automatic: way.automatic,
        keeps_deadline: way.keeps_deadline || way.resumes_deadline,
        counts: way.counts.map(|counts| match counts {
            Counts::Return => "return".to_owned(),
            Counts::Extension => "extension".to_owned(),
        }),
        during: way.during.clone(),
        extends: way.extends.clone(),
    });
    Ok(Json(Workflow {
        version: machine.version().to_owned(),
        terms: TermsView::of(machine),
        initial: machine.initial().to_owned(),
        states: states.collect(),
        transitions: transitions.collect(),
        clocks: machine.clocks().iter().map(ClockRuleView::from).collect(),
        fields: machine
            .fields()
            .iter()
            .map(|field| NamedText {
                name: field.name.clone(),
                text: field.meaning(),
            })
            .collect(),
        items: machine
            .items()
            .iter()
            .map(|item| NamedText {
                name: item.name.clone(),
                text: format!("{} {}", item.zh, item.text),
            })
            .collect(),
    }))
}

/// Who you are to the server.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Me {
    /// Your id, as audit rows have it.
    name: String,
    /// The role this request acts in.
    role: String,
    /// All your roles; header `Nonsite-Role` picks one.
    roles: Vec<String>,
    /// Your body; you see its cases and those of the bodies below. Null: all.
    org: Option<String>,
    /// Permits of your units, for an enterprise.
    permits: Vec<String>,
}

/// Who you are: name, roles, scope.
#[utoipa::path(
    get, path = "/me", tag = "meta", operation_id = "me", params(Everyone),
    security(("token" = [])),
    responses((status = 200, description = "you", body = Me), Reading)
)]
pub(super) async fn me(who: Principal) -> Json<Me> {
    Json(Me {
        name: who.name,
        role: who.role.code().to_owned(),
        roles: who
            .roles
            .iter()
            .map(|role| role.code().to_owned())
            .collect(),
        org: who.org,
        permits: who.permits.into_iter().collect(),
    })
}
