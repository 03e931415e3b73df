//! One on-site investigation of a furnace, however many cases call for it.
//!
//! Order 10 of 2019 (生活垃圾焚烧发电厂自动监测数据应用管理规定) merges on-site investigations of the same furnace
//! of a waste incineration plant that fall within five days. A case that goes on-site while the furnace is
//! being investigated under another one becomes part of that investigation. One visit serves all of its
//! cases and is one inspection act, that of the case that led. Every case keeps its own chain, its own
//! deadline and its own decision.
//!
//! How it is counted: in Beijing calendar days, the first and the last included. The day on which the
//! investigation began (its first case came on-site) is day 1; a case that comes on-site on day 5 is part of
//! it, one that comes on day 6 is not. `[review] onsite_merge_days` may be less than the five, not more.
//!
//! What the text leaves open is decided so that nothing stays unvisited, and no visit uncounted:
//! - A furnace is an outlet (else a logger) of a unit in `incineration_units`; an outlet of waste water is none.
//! - Only one body's investigations merge: a visit is an act of the body that makes it.
//! - A visit that was made serves what began before it ended. It cannot have looked at anything later: such a
//!   case is visited itself, and both visits count.
//! - An investigation whose result was decided takes in nothing more, as nothing that was decided does.
//! - Whoever has a reason visits apart (`own_visit`).
//!
//! Invariants:
//! - a case that is part of an investigation writes no visit of its own; its row names the case that led and
//!   the act, and an off-site act that turned on-site names that act as well;
//! - what leads is part of nothing, so there are no chains of investigations;
//! - who visited handled every case of the investigation, and reviews none of them.
//!
//! Failure modes: none of its own. Everything here happens in the transaction of the change that brought a
//! case on-site, or that changed what the visit brought back.

mod shown;

use nonsite_schemas::time::beijing_day;
use nonsite_schemas::wire::inspection::Mode;
use serde::{Deserialize, Serialize};

use super::act::outlet_code;
use super::calendar::beijing_text;
use super::case::Case;
use super::desk::Desk;
use super::error::Error;
use super::event::Event;
use super::machine::Machine;
use super::parts::UnitKind;
use super::review_row::SIGNATURE_VOID;
use super::service::Service;
use super::step::{Actor, Input};
use super::store::Tx;

pub use shown::{OnsiteView, Share};

/// Most days within which investigations merge (Order 10 of 2019), the first one included.
pub(super) const MOST_DAYS: u32 = 5;

/// Row of a case that becomes part of an investigation.
const JOIN: &str = "join_onsite";
/// Row of the case that leads it.
const JOINED: &str = "joined_onsite";
/// Row of a part when what the visit brought back changes.
const SHARED: &str = "visit_shared";
/// The way of a part when the visit is on record.
const VISITED: &str = "visited_jointly";

/// Field with the case that leads the investigation.
pub(super) const LEAD: &str = "investigation";
/// Field with the day on which it began.
pub(super) const SINCE: &str = "onsite_since";
/// Field with the case that became part of it.
pub(super) const PART: &str = "joined";
/// Field with the act of its visit.
pub(super) const ACT: &str = "joint_act";
/// Field with the reason for a visit apart.
pub(super) const OWN_VISIT: &str = "own_visit";

/// The on-site investigation, led by another case, that a case is part of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Investigation {
    /// The case under which the visit is recorded.
    pub lead: String,
    /// When it began: that case came on-site. Microseconds UTC.
    pub since: i64,
}

/// The Beijing day of an instant, `2026-03-02`.
fn day_text(at: i64) -> String {
    let text = beijing_text(at);
    text.get(..10).unwrap_or(&text).to_owned()
}

/// The furnace a case is about: an outlet, else a logger, of a waste incineration plant.
fn furnace(case: &Case) -> Option<&str> {
    let placed = case.outlet_uid.as_deref().or(case.mn.as_deref())?;
    // HJ 608 codes outlets of waste water DW; factors of water begin with w (HJ 212).
    let water = outlet_code(case).is_some_and(|code| code.starts_with("DW"))
        || case
            .factor
            .as_deref()
            .is_some_and(|code| code.starts_with('w'));
    (case.unit_kind == UnitKind::Incineration && !water).then_some(placed)
}

/// Whether a case in this state is on-site: on the way there, or back with its result open.
pub(super) fn is_onsite(machine: &Machine, state: &str) -> bool {
    machine.state(state).is_some_and(|state| state.approved)
}

impl Case {
    /// Whether it is on-site: a visit is on its way, or back with its result open.
    pub fn is_onsite(&self, machine: &Machine) -> bool {
        is_onsite(machine, &self.state)
    }
}

/// Whether the visit of a case in this state is on record.
fn is_visited(machine: &Machine, state: &str) -> bool {
    machine
        .state(state)
        .is_some_and(|state| state.act == Some(Mode::Onsite))
}

/// Whether a row brought its case on-site.
fn comes_onsite(machine: &Machine, event: &Event) -> bool {
    let from = event.from_state.as_deref();
    is_onsite(machine, &event.to_state) && !from.is_some_and(|from| is_onsite(machine, from))
}

/// When a case last came on-site, by its rows.
fn began(machine: &Machine, events: &[Event]) -> Option<i64> {
    events
        .iter()
        .rev()
        .find(|event| comes_onsite(machine, event))
        .map(|event| event.effective_at)
}

/// The cases that became part of the investigation that a case has led since then, by its rows.
fn parts(machine: &Machine, events: &[Event], since: i64) -> Vec<String> {
    let mut led = false;
    let mut parts: Vec<String> = Vec::new();
    for event in events {
        if comes_onsite(machine, event) {
            led = event.effective_at == since;
        }
        if let (true, JOINED, Some(part)) = (led, event.action.as_str(), event.fields.get(PART))
            && !parts.contains(part)
        {
            parts.push(part.clone());
        }
    }
    parts
}

/// Gives a part what the visit has brought back by now. The files stay with the case that leads; what asks
/// for files and papers of the visit has to know of them.
fn bring(lead: &Case, part: &mut Case) {
    part.files_added = part.files_added.max(lead.files_added);
    part.videos_added = part.videos_added.max(lead.videos_added);
    if part.visit_approval.is_none() {
        part.visit_approval.clone_from(&lead.visit_approval);
    }
    part.handlers.extend(lead.handlers.iter().cloned());
}

impl Service {
    /// What follows from a change for the investigation of a furnace: a case that came on-site becomes part
    /// of one that runs, and the parts of an investigation get what its visit brought back. Returns the
    /// case as it stands then.
    pub(super) async fn investigate(
        &self,
        tx: &mut dyn Tx,
        before: &Case,
        after: Case,
        now: i64,
    ) -> Result<Case, Error> {
        let machine = self.machine();
        if furnace(&after).is_none() || !is_onsite(machine, &after.state) {
            return Ok(after);
        }
        if !is_onsite(machine, &before.state) {
            return match self.lead_for(tx, &after).await? {
                Some((lead, since)) => self.join(tx, &lead, since, after, now).await,
                None => Ok(after),
            };
        }
        let brought = |case: &Case| {
            let files = (case.files_added, case.videos_added);
            (case.state.clone(), files, case.visit_approval.clone())
        };
        if after.investigation.is_none() && brought(before) != brought(&after) {
            self.share(tx, &after, now).await?;
        }
        Ok(after)
    }

    /// The cases whose findings the visit of this case looks at as well: its parts and what was merged into
    /// them. Nothing for a case that is not on-site.
    pub(super) async fn investigated_with(
        &self,
        tx: &mut dyn Tx,
        lead: &Case,
        events: &[Event],
    ) -> Result<Vec<Case>, Error> {
        let machine = self.machine();
        let mut all = Vec::new();
        if !is_onsite(machine, &lead.state) || lead.investigation.is_some() {
            return Ok(all);
        }
        let Some(since) = began(machine, events) else {
            return Ok(all);
        };
        for id in parts(machine, events, since) {
            let Some(part) = tx.case(&id).await?.filter(|part| is_part(part, lead)) else {
                continue;
            };
            all.push(part);
            let own = tx.events_of(&id).await?;
            for merged in super::act::merged_into(&own) {
                all.extend(tx.case(merged).await?);
            }
        }
        Ok(all)
    }

    /// The case under which the furnace of a case that has just come on-site is being investigated, and
    /// since when; the one that was opened first.
    async fn lead_for(&self, tx: &mut dyn Tx, case: &Case) -> Result<Option<(Case, i64)>, Error> {
        for lead in tx.open_cases_on(&case.subject, &case.case_id).await? {
            if !self.may_lead(&lead, case) {
                continue;
            }
            let events = tx.events_of(&lead.case_id).await?;
            let since = began(self.machine(), &events);
            if let Some(since) = since.filter(|at| self.serves(&lead, *at, case, case.entered_at)) {
                return Ok(Some((lead, since)));
            }
        }
        Ok(None)
    }

    /// Whether an investigation under one case could be of the other's furnace, by the same body.
    fn may_lead(&self, lead: &Case, case: &Case) -> bool {
        lead.case_id != case.case_id
            && is_onsite(self.machine(), &lead.state)
            && lead.investigation.is_none()
            && furnace(lead) == furnace(case)
            && lead.org_code == case.org_code
    }

    /// Whether an investigation that began at `since` takes in a case that comes on-site at `at`: within the
    /// days, and not after a visit that cannot have looked at what was found.
    fn serves(&self, lead: &Case, since: i64, case: &Case, at: i64) -> bool {
        let apart = beijing_day(at).abs_diff(beijing_day(since));
        let within = apart < self.config.onsite_merge_days;
        // The clock of a visit's papers starts at its end.
        let visit_ended = is_visited(self.machine(), &lead.state).then_some(lead.clock_from);
        within && visit_ended.is_none_or(|ended| case.window_start < ended)
    }

    /// Makes a case part of an investigation; one whose visit is on record takes it along at once.
    async fn join(
        &self,
        tx: &mut dyn Tx,
        lead: &Case,
        since: i64,
        case: Case,
        now: i64,
    ) -> Result<Case, Error> {
        let engine = Actor::engine();
        let at = case.entered_at;
        let investigation = Investigation {
            lead: lead.case_id.clone(),
            since,
        };
        let mut input = Input::default()
            .with(LEAD, &lead.case_id)
            .with(SINCE, &day_text(since));
        input.note = Some(investigation.to_string());
        let moved = Desk::mark(&case, JOIN, &engine, input, at, |after| {
            after.investigation = Some(investigation);
            if after.visit_approval.is_none() {
                after.visit_approval.clone_from(&lead.visit_approval);
            }
        });
        let case = self.record_one(tx, Some(&case), moved, now).await?;
        let input = Input::default().with(PART, &case.case_id);
        let moved = Desk::mark(lead, JOINED, &engine, input, at, |_| {});
        let lead = self.record_one(tx, Some(lead), moved, now).await?;
        match is_visited(self.machine(), &lead.state) {
            true => self.take_along(tx, &lead, case, now).await,
            false => Ok(case),
        }
    }

    /// Gives every part of an investigation what its visit has brought back by now.
    async fn share(&self, tx: &mut dyn Tx, lead: &Case, now: i64) -> Result<(), Error> {
        let machine = self.machine();
        let events = tx.events_of(&lead.case_id).await?;
        let Some(since) = began(machine, &events) else {
            return Ok(());
        };
        for id in parts(machine, &events, since) {
            let part = tx.case(&id).await?;
            let Some(part) =
                part.filter(|part| is_part(part, lead) && is_onsite(machine, &part.state))
            else {
                continue;
            };
            if is_visited(machine, &lead.state) && !is_visited(machine, &part.state) {
                self.take_along(tx, lead, part, now).await?;
                continue;
            }
            let mut shared = part.clone();
            bring(lead, &mut shared);
            if shared != part {
                let mut input = Input::default().with(LEAD, &lead.case_id);
                // Who signed first did not see the files that came.
                let more_files = shared.files_added != part.files_added;
                if let Some(first) = part.signature.as_ref().filter(|_| more_files) {
                    let void = format!("{}: {}", first.action, first.by);
                    input = input.with(SIGNATURE_VOID, &void);
                }
                let moved = Desk::mark(&part, SHARED, &Actor::engine(), input, now, |after| {
                    bring(lead, after);
                    after.signature = after.signature.take().filter(|_| !more_files);
                });
                self.record_one(tx, Some(&part), moved, now).await?;
            }
        }
        Ok(())
    }

    /// The visit that is on record serves a part of its investigation.
    async fn take_along(
        &self,
        tx: &mut dyn Tx,
        lead: &Case,
        mut part: Case,
        now: i64,
    ) -> Result<Case, Error> {
        let machine = self.machine();
        let events = tx.events_of(&lead.case_id).await?;
        let visit = events.iter().rev().find(|event| {
            let from = event.from_state.as_deref();
            is_visited(machine, &event.to_state)
                && !from.is_some_and(|from| is_visited(machine, from))
        });
        let mut input = Input::default().with(LEAD, &lead.case_id);
        if let Some(act) = visit.and_then(|visit| visit.fields.get("act")) {
            input = input.with(ACT, act);
        }
        let recorded = visit.map_or(lead.entered_at, |visit| visit.effective_at);
        let at = recorded.max(part.entered_at);
        let moves = self
            .desk
            .step(&part, VISITED, &Actor::engine(), &input, at)?;
        for mut moved in moves {
            bring(lead, &mut moved.case);
            part = self.record_one(tx, Some(&part), moved, now).await?;
        }
        Ok(part)
    }
}

/// Whether a case is part of an investigation under this one.
fn is_part(part: &Case, lead: &Case) -> bool {
    let led_by = part.investigation.as_ref();
    led_by.is_some_and(|investigation| investigation.lead == lead.case_id)
}
