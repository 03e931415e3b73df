//! Acts that are no trap by their time or record: kinds, and escalations.

use nonsite_schemas::time::DAY_MICROS;
use nonsite_schemas::wire::Instant;
use nonsite_schemas::wire::inspection::{
    ActStatus, Class, Conclusion, Inspection, Method, Mode, Org, OrgLevel,
};

use super::act::same_team;
use super::{Builder, Fate, IDLE_BODY, Sent, day_of_year};
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
        // By satellite, and by a body that does nothing else all year than this poor record.
        let unit = self.unit();
        let remote = self.act(unit, self.at(43), Method::RemoteSensing);
        self.counted(&remote);
        let unit = self.unit();
        let mut idle = self.act(unit, self.at(44), Method::Documents);
        idle.org.code = IDLE_BODY.to_owned();
        idle.org.level = Some(OrgLevel::SubBureau);
        idle.notice = None;
        self.left_out(&idle, "minimum_record");
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
        self.across_new_year();
        self.chain();
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

    /// Off-site on New Year's Eve, on-site in the new year: the pair is open when the year ends, and its
    /// visit belongs to the next one.
    fn across_new_year(&mut self) {
        let eve = day_of_year(self.year + 1) - self.first_day - 1;
        let (mut off, on) = self.pair(eve);
        off.escalated_to = Some(on.act_id.clone());
        self.finished_pair(&off, &on, Fate::Off);
    }

    /// An off-site act, the visit that grew out of it, and a second visit that grew out of the first, in
    /// three tasks: three acts of one case.
    fn chain(&mut self) {
        let (off, mut on) = self.pair(230);
        on.escalated_from = Some(off.act_id.clone());
        let off_sent = self.send(&off);
        self.says(&off, off_sent, [Fate::Off; 3]);
        self.visit_follows(&off, off_sent, &on, Fate::Off);
        let unit = self.next_unit - 1;
        let mut again = self.act(unit, self.at(236), Method::SiteVisit);
        again.class = Some(Class::Case);
        again.escalated_from = Some(on.act_id.clone());
        self.counted(&again);
        for act in [&on, &again] {
            if let Some(stage) = self.truth.last(&act.act_id) {
                stage.case.clone_from(&off.act_id);
            }
        }
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
}

/// The same act under another instant of signature.
pub(super) fn version(act: &Inspection, number: i32) -> Inspection {
    Inspection {
        act_version: number,
        recorded_at: Some(Instant(0)),
        ..act.clone()
    }
}
