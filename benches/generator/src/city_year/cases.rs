//! Acts that are no trap by their time or record: kinds, escalations, and the same thing twice.

use nonsite_schemas::time::DAY_MICROS;
use nonsite_schemas::wire::Instant;
use nonsite_schemas::wire::inspection::{
    ActStatus, Class, Conclusion, Inspection, Method, Mode, Org, OrgLevel,
};

use super::act::{body, same_team, signed_at};
use super::{Builder, Fate, RECORDING, Sent};
use crate::stamp::{HOUR, SECOND};

/// Reasons of the three readings for the off-site act of an escalated pair.
const ESCALATED: Fate = Fate::Not("escalated");
const OPEN: Fate = Fate::Not("escalation_open");

impl Builder {
    /// Kinds of acts that are counted or not by what they are.
    pub(super) fn plain_cases(&mut self) {
        for (number, (code, level)) in [
            ("370000Z", OrgLevel::Province),
            ("100000Z", OrgLevel::Ministry),
            ("370000Z", OrgLevel::Province),
        ]
        .into_iter()
        .enumerate()
        {
            let method = [Method::AutoMonitor, Method::SiteVisit, Method::Video][number];
            let unit = self.unit();
            let mut act = self.act(unit, self.at(40 + number as i32), method);
            act.org = Org {
                code: code.to_owned(),
                name: None,
                level: Some(level),
            };
            self.left_out(&act, "higher_level");
        }
        // Reviews of rectification in both modes: what they count as when they count.
        for mode in [Mode::Offsite, Mode::Offsite, Mode::Onsite] {
            let unit = self.unit();
            let mut act = self.act(unit, self.at(60), Method::RectificationReview);
            act.mode = Some(mode);
            self.counted(&act);
        }
        let unit = self.unit();
        let other = self.act(unit, self.at(61), Method::Other);
        self.left_out(&other, "method_not_counted");
        let unit = self.unit();
        let mut declared = self.act(unit, self.at(62), Method::Documents);
        declared.counts_for_ratio = Some(false);
        declared.not_counted_reason = Some("指导帮扶".to_owned());
        self.left_out(&declared, "declared_not_counted");
        for (status, method) in [
            (ActStatus::Planned, Method::SiteVisit),
            (ActStatus::Approved, Method::Power),
            (ActStatus::Running, Method::Uav),
            (ActStatus::Completed, Method::AutoMonitor),
            (ActStatus::Completed, Method::SiteVisit),
        ] {
            let unit = self.unit();
            let mut act = self.act(unit, self.at(63), method);
            act.status = Some(status);
            if status != ActStatus::Completed {
                act.completed_at = None;
                act.ended_at = None;
            }
            self.left_out(&act, "not_closed");
        }
        // A class of its own: triggered acts, which some readings leave out.
        for (at, method) in [
            (0, Method::AutoMonitor),
            (1, Method::Power),
            (2, Method::SiteVisit),
        ] {
            let unit = self.unit();
            let mut act = self.act(unit, self.at(100 + 60 * at), method);
            act.class = Some(Class::Case);
            act.plan_item = None;
            self.counted(&act);
        }
        self.busy_day();
    }

    /// Thirteen units by one team on one day: counted, and a matter for an auditor.
    fn busy_day(&mut self) {
        let mut first: Option<Inspection> = None;
        for at in 0..13 {
            let unit = self.unit();
            let started = self.at(150) - HOUR + at * 20 * 60 * SECOND;
            let mut act = self.act(unit, started, Method::Documents);
            if let Some(first) = &first {
                same_team(&mut act, first);
                act.org = first.org.clone();
            }
            self.counted(&act);
            first.get_or_insert(act);
        }
    }

    /// Off-site acts that turned on-site.
    pub(super) fn escalations(&mut self) {
        // Finished, in one task, by two approvals and by one.
        for own_approval in [true, true, false] {
            let (mut off, mut on) = self.pair(200);
            on.task_id.clone_from(&off.task_id);
            off.escalated_to = Some(on.act_id.clone());
            on.escalated_from = Some(off.act_id.clone());
            if !own_approval {
                on.approval.clone_from(&off.approval);
            }
            let separate = if own_approval { Fate::Off } else { ESCALATED };
            self.finished_pair(&off, &on, separate);
        }
        // In one task without naming each other: only the task tells.
        let (off, mut on) = self.pair(205);
        on.task_id.clone_from(&off.task_id);
        let off_sent = self.send(&off);
        self.says(&off, off_sent, [Fate::Off; 3]);
        self.visit_follows(&off, off_sent, &on, Fate::Off);
        // In two tasks, named by one of them.
        let (mut off, on) = self.pair(210);
        off.escalated_to = Some(on.act_id.clone());
        self.finished_pair(&off, &on, Fate::Off);
        let (off, mut on) = self.pair(212);
        on.escalated_from = Some(off.act_id.clone());
        let off_sent = self.send(&off);
        self.says(&off, off_sent, [Fate::Off; 3]);
        self.visit_follows(&off, off_sent, &on, Fate::Off);
        // Merged into the visit by the inspection system.
        let (mut off, on) = self.pair(214);
        off.collapsed_into = Some(on.act_id.clone());
        off.escalated_to = Some(on.act_id.clone());
        self.finished_pair(&off, &on, Fate::Off);
        // The visit is still running, or has not arrived at all.
        for arrives in [true, false] {
            let (mut off, mut on) = self.pair(220);
            off.escalated_to = Some(on.act_id.clone());
            let sent = self.send(&off);
            self.says(&off, sent, [OPEN, Fate::Off, Fate::Off]);
            if arrives {
                on.status = Some(ActStatus::Running);
                on.ended_at = None;
                on.completed_at = None;
                self.left_out(&on, "not_closed");
            }
        }
        // The visit was declared void: the off-site act stands again.
        let (mut off, on) = self.pair(225);
        off.escalated_to = Some(on.act_id.clone());
        let (off_sent, on_sent) = self.finished_pair(&off, &on, Fate::Off);
        let void = Inspection {
            act_version: 2,
            status: Some(ActStatus::Withdrawn),
            withdrawn_reason: Some("误登记".to_owned()),
            ..on
        };
        let sent = self.send_at(&void, on_sent.recorded + DAY_MICROS);
        self.says(&void, sent, [Fate::Not("withdrawn"); 3]);
        let again = Sent {
            recorded: sent.recorded,
            arrival: sent.arrival.max(off_sent.arrival),
        };
        self.says(&off, again, [Fate::Off; 3]);
    }

    /// An off-site act and a visit of the same unit two days later.
    fn pair(&mut self, day: i32) -> (Inspection, Inspection) {
        let unit = self.unit();
        let mut off = self.act(unit, self.at(day), Method::AutoMonitor);
        off.conclusion = Some(Conclusion::ConvertToOnsite);
        let mut on = self.act(unit, self.at(day + 2), Method::SiteVisit);
        on.class = Some(Class::Case);
        (off, on)
    }

    /// Sends a pair that names the visit from the start; `separate` is the off-site act's fate where
    /// acts approved separately count separately.
    fn finished_pair(&mut self, off: &Inspection, on: &Inspection, separate: Fate) -> (Sent, Sent) {
        let off_sent = self.send(off);
        self.says(off, off_sent, [OPEN, Fate::Off, Fate::Off]);
        let on_sent = self.visit_follows(off, off_sent, on, separate);
        (off_sent, on_sent)
    }

    fn visit_follows(
        &mut self,
        off: &Inspection,
        off_sent: Sent,
        on: &Inspection,
        separate: Fate,
    ) -> Sent {
        let on_sent = self.send(on);
        self.says(
            on,
            on_sent,
            [Fate::On, Fate::On, Fate::Not("counted_as_offsite")],
        );
        let later = Sent {
            recorded: on_sent.recorded,
            arrival: on_sent.arrival.max(off_sent.arrival),
        };
        self.says(off, later, [ESCALATED, separate, Fate::Off]);
        on_sent
    }

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
            self.left_out(&slice, "same_window");
        }
        // The same officers without a team, listed the other way round.
        let unit = self.unit();
        let mut whole = self.act(unit, self.at(12), Method::Power);
        whole.team_id = None;
        let mut slice = self.act(unit, self.at(12) + 2 * HOUR, Method::Power);
        same_team(&mut slice, &whole);
        slice.officers.reverse();
        self.counted(&whole);
        self.left_out(&slice, "same_window");
        // Another method, another team, another day: two inspections.
        let unit = self.unit();
        let uav = self.act(unit, self.at(13), Method::Uav);
        let mut platform = self.act(unit, self.at(13) + HOUR, Method::AutoMonitor);
        same_team(&mut platform, &uav);
        let other_team = self.act(unit, self.at(13) + 2 * HOUR, Method::Uav);
        for act in [&uav, &platform, &other_team] {
            self.counted(act);
        }
        let unit = self.unit();
        let midnight = self.at(15) - 10 * HOUR;
        let mut late = self.act(unit, self.at(14), Method::Video);
        let mut early = self.act(unit, self.at(15), Method::Video);
        same_team(&mut early, &late);
        signed_at(&mut late, midnight - 600 * SECOND);
        signed_at(&mut early, midnight + 600 * SECOND);
        self.counted(&late);
        self.counted(&early);
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
                self.says(&follower, sent, fates);
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
            self.says(&follower, later, fates);
        }
        // A joint act that a body dispatched: the executing body's all the same.
        let unit = self.unit();
        let mut dispatched = self.act(unit, self.at(52), Method::AutoMonitor);
        dispatched.dispatch_org_code = Some(body(0).code);
        self.counted(&dispatched);
    }

    /// A visit recorded later than usual.
    fn counted_at(&mut self, act: &Inspection, recorded: i64) -> Sent {
        let sent = self.send_at(act, recorded + RECORDING * SECOND);
        self.says(act, sent, [Fate::On; 3]);
        sent
    }
}

/// The same act under another instant of signature.
pub(super) fn version(act: &Inspection, number: i32) -> Inspection {
    Inspection {
        act_version: number,
        recorded_at: Some(Instant(0)),
        ..act.clone()
    }
}
