//! The same thing twice, and what only looks like it: slices, shared tasks, joint inspections, visits of
//! one unit.

use nonsite_schemas::time::DAY_MICROS;
use nonsite_schemas::wire::inspection::{Class, Inspection, Method};

use super::act::{body, same_team, signed_at};
use super::{Builder, Fate, RECORDING, Sent};
use crate::stamp::{HOUR, SECOND};

impl Builder {
    /// One inspection recorded more than once, and two that only look like one.
    pub(super) fn same_things(&mut self) {
        self.slices();
        // One task, one unit, two days.
        let unit = self.unit();
        let first = self.act(unit, self.at(20), Method::Video);
        let mut again = self.act(unit, self.at(24), Method::Power);
        again.task_id.clone_from(&first.task_id);
        self.counted(&first);
        self.left_out(&again, "same_task");
        // One task, three units: a patrol.
        let mut task = None;
        for _ in 0..3 {
            let unit = self.unit();
            let mut act = self.act(unit, self.at(30), Method::Uav);
            act.task_id = Some(task.get_or_insert(act.task_id.unwrap_or_default()).clone());
            self.counted(&act);
        }
        // Merged into another act of its mode.
        let unit = self.unit();
        let kept = self.act(unit, self.at(35), Method::Documents);
        let mut merged = self.act(unit, self.at(36), Method::Documents);
        merged.collapsed_into = Some(kept.act_id.clone());
        self.counted(&kept);
        self.left_out(&merged, "merged");
        // Visits without a task: unit, method, team and day say what they are.
        let unit = self.unit();
        let mut first = self.act(unit, self.at(45), Method::SiteVisit);
        let mut again = self.act(unit, self.at(45) + 3 * HOUR, Method::SiteVisit);
        same_team(&mut again, &first);
        first.task_id = None;
        again.task_id = None;
        self.counted(&first);
        self.lacks_something(&first);
        self.left_out(&again, "same_task");
        self.joint();
    }

    /// Two acts of a unit on one day, by what they share.
    fn slices(&mut self) {
        for (at, method) in [Method::AutoMonitor, Method::SiteVisit]
            .into_iter()
            .enumerate()
        {
            let unit = self.unit();
            let whole = self.act(unit, self.at(10 + at as i32), method);
            let mut slice = self.act(unit, self.at(10 + at as i32) + 3 * HOUR, method);
            same_team(&mut slice, &whole);
            self.counted(&whole);
            self.one_within(&slice, 1);
        }
        // The same officers without a team, listed the other way round.
        let unit = self.unit();
        let mut whole = self.act(unit, self.at(12), Method::Power);
        whole.team_id = None;
        let mut slice = self.act(unit, self.at(12) + 2 * HOUR, Method::Power);
        same_team(&mut slice, &whole);
        slice.officers.reverse();
        self.counted(&whole);
        self.one_within(&slice, 1);
        // Another method, another team, another day: two inspections.
        let unit = self.unit();
        let uav = self.act(unit, self.at(13), Method::Uav);
        let mut platform = self.act(unit, self.at(13) + HOUR, Method::AutoMonitor);
        same_team(&mut platform, &uav);
        let other_team = self.act(unit, self.at(13) + 2 * HOUR, Method::Uav);
        for act in [&uav, &platform, &other_team] {
            self.counted(act);
        }
        if let Some(stage) = self.truth.last(&platform.act_id) {
            stage.other_method = true;
        }
        let unit = self.unit();
        let midnight = self.at(15) - 10 * HOUR;
        let mut late = self.act(unit, self.at(14), Method::Video);
        let mut early = self.act(unit, self.at(15), Method::Video);
        same_team(&mut early, &late);
        signed_at(&mut late, midnight - 600 * SECOND);
        signed_at(&mut early, midnight + 600 * SECOND);
        self.counted(&late);
        self.one_within(&early, 2);
    }

    /// Sends an act that is one with another when the window has at least so many days.
    fn one_within(&mut self, act: &Inspection, days: u32) {
        self.counted(act);
        if let Some(stage) = self.truth.last(&act.act_id) {
            stage.window = Some(days);
        }
    }

    /// Joint inspections: one act of the leading body, also where the other one wrote first.
    fn joint(&mut self) {
        for follower_first in [false, true] {
            let unit = self.unit();
            let mut lead = self.act(unit, self.at(50), Method::SiteVisit);
            let mut follower = self.act(unit, self.at(50) + HOUR, Method::SiteVisit);
            lead.org = body(2);
            follower.org = body(3);
            lead.joint_orgs = vec![follower.org.code.clone()];
            follower.task_id.clone_from(&lead.task_id);
            let fates = [Fate::Not("same_task"); 3];
            if !follower_first {
                self.counted(&lead);
                let sent = self.send(&follower);
                self.follows(&follower, sent, fates);
                continue;
            }
            let signed = lead.completed_at.map_or(0, |at| at.0);
            signed_at(&mut follower, signed - HOUR);
            let alone = self.counted(&follower);
            let lead_sent = self.counted_at(&lead, signed + DAY_MICROS);
            let later = Sent {
                recorded: lead_sent.recorded,
                arrival: lead_sent.arrival.max(alone.arrival),
            };
            self.follows(&follower, later, fates);
        }
        // A joint act that a body dispatched: the executing body's all the same.
        let unit = self.unit();
        let mut dispatched = self.act(unit, self.at(52), Method::AutoMonitor);
        dispatched.org = body(4);
        dispatched.dispatch_org_code = Some(body(0).code);
        self.counted(&dispatched);
    }

    /// The record of another body than the leading one, which has one as well.
    fn follows(&mut self, act: &Inspection, sent: Sent, fates: [Fate; 3]) {
        self.says(act, sent, fates);
        if let Some(stage) = self.truth.last(&act.act_id) {
            stage.follows = true;
        }
    }

    /// A visit recorded later than usual.
    fn counted_at(&mut self, act: &Inspection, recorded: i64) -> Sent {
        let sent = self.send_at(act, recorded + RECORDING * SECOND);
        self.says(act, sent, [Fate::On; 3]);
        sent
    }

    /// A unit that one body visits three times by its plan and once because data called for it.
    pub(super) fn kinds_of_visits(&mut self) {
        let unit = self.unit();
        for (at, class) in [
            (0, Class::Daily),
            (80, Class::Special),
            (160, Class::Daily),
            (170, Class::Case),
        ] {
            let mut visit = self.act(unit, self.at(5 + at), Method::SiteVisit);
            visit.class = Some(class);
            if class == Class::Case {
                visit.plan_item = None;
            }
            self.counted(&visit);
        }
    }
}
