//! An on-site investigation as the operator sees it: on a case that leads one, is part of one, or would
//! become part of one by a visit.

use std::fmt;

use serde::Serialize;

use super::super::case::Case;
use super::super::error::Error;
use super::super::event::Event;
use super::super::service::Service;
use super::super::store::Filter;
use super::{Investigation, began, day_text, furnace, is_onsite, parts};

/// What a case has to do with an on-site investigation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Share {
    /// The visit is recorded under it and serves others as well.
    Leads,
    /// It is part of it: the visit is recorded under another case.
    Merged,
    /// It is not on-site; if it goes there by now, it becomes part of it.
    WouldMerge,
}

/// An on-site investigation as a case shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OnsiteView {
    /// The case under which the visit is recorded.
    pub lead: String,
    /// When it began, microseconds UTC.
    pub since: i64,
    /// What the case that is shown has to do with it.
    pub share: Share,
    /// The cases that its visit serves besides the one that leads, in the order they came.
    pub cases: Vec<String>,
}

impl OnsiteView {
    /// What is printed of it, in Chinese; nothing of what a visit would only bring.
    pub(in crate::review) fn printed(&self) -> Option<String> {
        (self.share != Share::WouldMerge).then(|| self.zh())
    }

    fn zh(&self) -> String {
        let (day, lead) = (day_text(self.since), &self.lead);
        match self.share {
            Share::Leads => format!("自 {day} 起的现场调查合并案件 {}", self.cases.join("、")),
            Share::Merged => merged_zh(lead, &day),
            Share::WouldMerge => format!(
                "该焚烧炉自 {day} 起已在案件 {lead} 项下开展现场调查，本案转现场核查后合并进行"
            ),
        }
    }

    fn en(&self) -> String {
        let (day, lead) = (day_text(self.since), &self.lead);
        match self.share {
            Share::Leads => format!(
                "the on-site investigation since {day} also serves {}",
                self.cases.join(", ")
            ),
            Share::Merged => merged_en(lead, &day),
            Share::WouldMerge => format!(
                "the furnace is already being investigated on site since {day} under case {lead}; a visit \
                 of this case merges with it"
            ),
        }
    }
}

impl fmt::Display for OnsiteView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} / {}", self.zh(), self.en())
    }
}

impl fmt::Display for Investigation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let day = day_text(self.since);
        let (zh, en) = (merged_zh(&self.lead, &day), merged_en(&self.lead, &day));
        write!(f, "{zh} / {en}")
    }
}

fn merged_zh(lead: &str, day: &str) -> String {
    format!("该焚烧炉自 {day} 起已在案件 {lead} 项下开展现场调查，合并进行")
}

fn merged_en(lead: &str, day: &str) -> String {
    format!("already being investigated on site since {day} under case {lead}; merged")
}

impl Service {
    /// The investigation that a case is part of, leads, or would become part of by now.
    pub(in crate::review) async fn onsite_view(
        &self,
        case: &Case,
        events: &[Event],
    ) -> Result<Option<OnsiteView>, Error> {
        let machine = self.machine();
        if furnace(case).is_none() {
            return Ok(None);
        }
        let view = |lead: &str, since: i64, share: Share, cases: Vec<String>| {
            Ok(Some(OnsiteView {
                lead: lead.to_owned(),
                since,
                share,
                cases,
            }))
        };
        if let Some(part) = &case.investigation {
            let led = self.store.events_of(&part.lead).await?;
            let cases = parts(machine, &led, part.since);
            return view(&part.lead, part.since, Share::Merged, cases);
        }
        if let Some(since) = began(machine, events) {
            let cases = parts(machine, events, since);
            if !cases.is_empty() {
                return view(&case.case_id, since, Share::Leads, cases);
            }
        }
        let over = machine
            .state(&case.state)
            .is_none_or(|state| state.is_final);
        // What becomes of its case is for the body to say.
        if over || is_onsite(machine, &case.state) || self.caller.scope.permits.is_some() {
            return Ok(None);
        }
        let of_furnace = Filter {
            subject: Some(case.subject.clone()),
            open_only: true,
            ..Filter::default()
        };
        let now = self.clock.now_micros();
        for lead in self.store.cases(&self.bounded(&of_furnace)).await? {
            if !self.may_lead(&lead, case) {
                continue;
            }
            let led = self.store.events_of(&lead.case_id).await?;
            let since = began(machine, &led);
            if let Some(since) = since.filter(|at| self.serves(&lead, *at, case, now)) {
                let cases = parts(machine, &led, since);
                return view(&lead.case_id, since, Share::WouldMerge, cases);
            }
        }
        Ok(None)
    }
}
