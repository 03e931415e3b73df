//! Several records, one act: the steps of the decision that compare acts with each other.

use std::collections::{BTreeMap, HashMap};

use sha2::{Digest, Sha256};

use super::act::{Act, Mode};
use super::decide::{NotCounted, Outcome, Rules, in_favour};
use super::policy::{CountUnit, Escalation, JointInspection};

impl Rules<'_> {
    /// Step 5, first half: merged by the inspection system. An off-site act merged into an on-site
    /// one is an escalation and is left to step 6.
    pub(super) fn merged(&self, acts: &[&Act], outcomes: &mut [Outcome]) {
        let mode_of: HashMap<&str, Mode> = acts
            .iter()
            .map(|act| (act.act_id.as_str(), act.mode))
            .collect();
        for index in self.still_counted(outcomes) {
            let act = acts[index];
            if let Some(into) = act.collapsed_into.as_deref().filter(|id| *id != act.act_id)
                && (act.mode, mode_of.get(into)) != (Mode::Offsite, Some(&Mode::Onsite))
            {
                outcomes[index] = Outcome::NotCounted {
                    reason: NotCounted::Merged,
                    detail: format!("merged into act `{into}` by the inspection system"),
                    in_favour_of: Some(into.to_owned()),
                };
            }
        }
    }

    /// Step 5, second half: one identity, one act.
    pub(super) fn once_per_task(&self, acts: &[&Act], outcomes: &mut [Outcome]) {
        let cases = match self.policy.count_unit {
            CountUnit::Case => cases(acts),
            _ => Vec::new(),
        };
        let links = Links::of(acts);
        let rank = |index: usize| (links.stays_first(acts, index), seniority(acts[index]));
        let identity = |index: usize| {
            let act = acts[index];
            let thing = match cases.get(index) {
                Some(first) => acts[*first].act_id.clone(),
                None => self.identity(act),
            };
            let body = match self.policy.joint_inspection {
                JointInspection::Split => act.org_code.as_str(),
                JointInspection::Lead => "",
            };
            (act.mode, thing, body)
        };
        let mut kept: BTreeMap<(Mode, String, &str), usize> = BTreeMap::new();
        for index in self.still_counted(outcomes) {
            let key = identity(index);
            kept.entry(key)
                .and_modify(|best| {
                    if rank(index) < rank(*best) {
                        *best = index;
                    }
                })
                .or_insert(index);
        }
        for index in self.still_counted(outcomes) {
            let best = kept[&identity(index)];
            if best != index {
                let task = acts[index].task().unwrap_or("(none)");
                let detail = match cases.get(index) {
                    Some(first) => {
                        format!(
                            "the case of act `{}` is counted already",
                            acts[*first].act_id
                        )
                    }
                    None => format!("task `{task}` already counts this unit"),
                };
                outcomes[index] = in_favour(NotCounted::SameTask, detail, acts[best]);
            }
        }
    }

    /// What makes two records the same thing to be counted, where that is no case.
    fn identity(&self, act: &Act) -> String {
        match (self.policy.count_unit, act.task()) {
            (CountUnit::Firm, _) => act.unit_id.clone(),
            (CountUnit::Task, Some(task)) => task.to_owned(),
            (CountUnit::Act | CountUnit::Task | CountUnit::Case, _) => act_key(act),
        }
    }

    /// Step 6: off-site acts that turned on-site.
    pub(super) fn escalations(&self, acts: &[&Act], outcomes: &mut [Outcome]) {
        let links = Links::of(acts);
        for index in self.still_counted(outcomes) {
            let act = acts[index];
            if act.mode != Mode::Offsite {
                continue;
            }
            let named = named(act);
            let partner = links
                .visits(acts, index)
                .into_iter()
                // A finished on-site act decides before one that is still open.
                .min_by_key(|&other| (!self.is_finished(acts[other]), seniority(acts[other])));
            let withdrawn = links.named_is_void(acts, index);
            match partner {
                None if named.is_none() || withdrawn => {}
                None => self.unfinished(index, named.unwrap_or_default(), outcomes),
                Some(other) if !self.is_finished(acts[other]) => {
                    self.unfinished(index, &acts[other].act_id, outcomes);
                }
                Some(other) => self.merge_pair(index, other, acts, outcomes),
            }
        }
    }

    fn is_finished(&self, act: &Act) -> bool {
        act.is_closed() && act.completed_at.is_some_and(|at| at <= self.as_of)
    }

    fn unfinished(&self, index: usize, onsite: &str, outcomes: &mut [Outcome]) {
        if self.switches.escalation == Escalation::Collapse {
            outcomes[index] = Outcome::NotCounted {
                reason: NotCounted::EscalationOpen,
                detail: format!("turned on-site, act `{onsite}` is not finished"),
                in_favour_of: Some(onsite.to_owned()),
            };
        }
    }

    fn merge_pair(&self, off: usize, on: usize, acts: &[&Act], outcomes: &mut [Outcome]) {
        let own_approval = |act: &Act| act.approval_id.clone().filter(|id| !id.is_empty());
        let separate = self.switches.escalation == Escalation::Separate
            && own_approval(acts[on]).is_some()
            && own_approval(acts[on]) != own_approval(acts[off]);
        match self.switches.escalation {
            Escalation::Separate if separate => {}
            Escalation::Separate | Escalation::Collapse => {
                let detail = format!("turned on-site as act `{}`", acts[on].act_id);
                outcomes[off] = in_favour(NotCounted::Escalated, detail, acts[on]);
            }
            Escalation::OffsiteOnly => {
                if outcomes[on] == Outcome::Counted {
                    let detail = format!("counted as off-site act `{}`", acts[off].act_id);
                    outcomes[on] = in_favour(NotCounted::CountedAsOffsite, detail, acts[off]);
                }
            }
        }
    }

    /// Step 7: walking forward in time and keeping the first act keeps as many as any choice
    /// could, so a further act never reduces the number kept.
    pub(super) fn window(&self, acts: &[&Act], outcomes: &mut [Outcome]) {
        let days = i32::try_from(self.policy.dedup_window_days).unwrap_or(30);
        if days == 0 {
            return;
        }
        let mut order: Vec<usize> = self.still_counted(outcomes).collect();
        order.sort_by_key(|&index| (acts[index].completed_at, acts[index].act_id.as_str()));
        let mut last_kept: HashMap<(Mode, &str, &str, String), usize> = HashMap::new();
        for index in order {
            let act = acts[index];
            let method = if self.policy.dedup_ignores_method {
                ""
            } else {
                act.method.as_str()
            };
            let key = (act.mode, act.unit_id.as_str(), method, act.team());
            match last_kept.get(&key) {
                Some(&kept) if gap_days(acts[kept], act) < days => {
                    let detail = "same unit, method and team within the window".to_owned();
                    outcomes[index] = in_favour(NotCounted::SameWindow, detail, acts[kept]);
                }
                _ => {
                    last_kept.insert(key, index);
                }
            }
        }
    }
}

/// The case of every act, as the place of the case's first act: acts of one task on one unit, and
/// those that name each other as what they grew out of, into, or were merged into. A withdrawn act
/// never was and holds nothing together.
fn cases(acts: &[&Act]) -> Vec<usize> {
    fn first(cases: &[usize], mut index: usize) -> usize {
        while cases[index] != index {
            index = cases[index];
        }
        index
    }
    let standing = || (0..acts.len()).filter(|index| !acts[*index].is_withdrawn());
    let by_id: HashMap<&str, usize> = standing()
        .map(|index| (acts[index].act_id.as_str(), index))
        .collect();
    let mut of_task: HashMap<(&str, &str), usize> = HashMap::new();
    let mut cases: Vec<usize> = (0..acts.len()).collect();
    for index in standing() {
        let act = acts[index];
        let named = [&act.escalated_to, &act.escalated_from, &act.collapsed_into];
        let task = act
            .task()
            .map(|task| *of_task.entry((act.unit_id.as_str(), task)).or_insert(index));
        let related = named
            .into_iter()
            .flatten()
            .filter_map(|id| by_id.get(id.as_str()).copied())
            .chain(task);
        for other in related {
            let (one, two) = (first(&cases, index), first(&cases, other));
            cases[one.max(two)] = one.min(two);
        }
    }
    (0..acts.len()).map(|index| first(&cases, index)).collect()
}

fn gap_days(earlier: &Act, later: &Act) -> i32 {
    match (earlier.completed_day(), later.completed_day()) {
        (Some(earlier), Some(later)) => later - earlier,
        _ => i32::MAX,
    }
}

/// Identity of the thing to be counted, independent of how often its record was delivered.
fn act_key(act: &Act) -> String {
    let mut hash = Sha256::new();
    let mut part = |text: &str| {
        hash.update((text.len() as u64).to_le_bytes());
        hash.update(text.as_bytes());
    };
    part(&act.unit_id);
    match act.task() {
        Some(task) => part(task),
        None => {
            part(&act.method);
            part(&act.team());
            part(&act.completed_day().unwrap_or_default().to_string());
        }
    }
    hex::encode(hash.finalize())
}

/// How acts of one unit hang together by what turned on-site.
struct Links<'a> {
    by_id: HashMap<&'a str, usize>,
    onsite_of_task: HashMap<(&'a str, &'a str), Vec<usize>>,
    grown_from: HashMap<&'a str, Vec<usize>>,
}

impl<'a> Links<'a> {
    fn of(acts: &[&'a Act]) -> Self {
        let mut links = Self {
            by_id: HashMap::new(),
            onsite_of_task: HashMap::new(),
            grown_from: HashMap::new(),
        };
        for (index, &act) in acts.iter().enumerate() {
            links.by_id.insert(act.act_id.as_str(), index);
            if let Some(from) = act.escalated_from.as_deref() {
                links.grown_from.entry(from).or_default().push(index);
            }
            if let (Mode::Onsite, Some(task)) = (act.mode, act.task()) {
                links
                    .onsite_of_task
                    .entry((act.unit_id.as_str(), task))
                    .or_default()
                    .push(index);
            }
        }
        links
    }

    /// The on-site acts an off-site act turned into, void ones left out.
    fn visits(&self, acts: &[&Act], index: usize) -> Vec<usize> {
        let act = acts[index];
        let in_task = act
            .task()
            .and_then(|task| self.onsite_of_task.get(&(act.unit_id.as_str(), task)));
        let named = named(act).and_then(|id| self.by_id.get(id));
        let grown = self.grown_from.get(act.act_id.as_str());
        named
            .into_iter()
            .chain(grown.into_iter().flatten())
            .chain(in_task.into_iter().flatten())
            .copied()
            .filter(|&other| !acts[other].is_withdrawn() && acts[other].mode == Mode::Onsite)
            .collect()
    }

    /// Whether the act it names was declared void.
    fn named_is_void(&self, acts: &[&Act], index: usize) -> bool {
        named(acts[index])
            .and_then(|id| self.by_id.get(id))
            .is_some_and(|&other| acts[other].is_withdrawn())
    }

    /// Of several acts that are one, an off-site act that turned on-site stays, so that a merge cannot
    /// lose the escalation: `false` sorts first. One that says so itself goes before one of which only
    /// the visit or the task tells.
    fn stays_first(&self, acts: &[&Act], index: usize) -> (bool, bool) {
        let act = acts[index];
        if act.mode != Mode::Offsite {
            return (true, true);
        }
        let says = named(act).is_some() && !self.named_is_void(acts, index);
        (!says, !says && self.visits(acts, index).is_empty())
    }
}

/// The act it says it turned into; a record that names itself names nobody.
fn named(act: &Act) -> Option<&str> {
    act.escalated_to
        .as_deref()
        .or(act.collapsed_into.as_deref())
        .filter(|id| *id != act.act_id)
}

/// A record that names another body as the lead comes last; then the lead body's own comes first,
/// whoever wrote earlier; then the earlier one; the id settles ties.
fn seniority(act: &Act) -> (bool, bool, Option<i64>, &str) {
    let lead = act.lead_org.as_deref();
    (
        lead.is_some_and(|lead| lead != act.org_code),
        lead != Some(act.org_code.as_str()),
        act.completed_at,
        act.act_id.as_str(),
    )
}
