//! Versions, deliveries, and acts at the edge of a period or after the year was frozen.

use nonsite_schemas::time::{DAY_MICROS, beijing_day_start};
use nonsite_schemas::wire::inspection::{ActStatus, Inspection, Method, Mode};
use serde_json::json;

use super::act::signed_at;
use super::cases::version;
use super::{Builder, DELIVERY, Fate, day_of_year};
use crate::stamp::{HOUR, SECOND};

/// Days of the next year after which a year is frozen.
const FROZEN_AFTER: i32 = 9;

impl Builder {
    /// Corrections, and messages twice and out of order.
    pub(super) fn versions(&mut self) {
        let unit = self.unit();
        let closed = self.act(unit, self.at(110), Method::Power);
        let sent = self.counted(&closed);
        let void = withdrawn(&closed, 2);
        let sent = self.send_at(&void, sent.recorded + 40 * DAY_MICROS);
        self.says(&void, sent, [Fate::Not("withdrawn"); 3]);

        // Off-site by mistake, and the other way round.
        for (from, to) in [
            (Method::Uav, Method::SiteVisit),
            (Method::SiteVisit, Method::Video),
        ] {
            let unit = self.unit();
            let wrong = self.act(unit, self.at(115), from);
            let sent = self.counted(&wrong);
            let mut right = version(&wrong, 2);
            right.method = Some(to);
            right.mode = Some(if to == Method::SiteVisit {
                Mode::Onsite
            } else {
                Mode::Offsite
            });
            let fate = if to == Method::SiteVisit {
                Fate::On
            } else {
                Fate::Off
            };
            let sent = self.send_at(&right, sent.recorded + 20 * DAY_MICROS);
            self.says(&right, sent, [fate; 3]);
        }
        // Void, and put back.
        let unit = self.unit();
        let act = self.act(unit, self.at(118), Method::Documents);
        let sent = self.counted(&act);
        let void = withdrawn(&act, 2);
        let sent = self.send_at(&void, sent.recorded + DAY_MICROS);
        self.says(&void, sent, [Fate::Not("withdrawn"); 3]);
        let back = version(&act, 3);
        let sent = self.send_at(&back, sent.recorded + DAY_MICROS);
        self.says(&back, sent, [Fate::Off; 3]);
        // The correction arrives before what it corrects.
        let unit = self.unit();
        let act = self.act(unit, self.at(120), Method::SiteVisit);
        let recorded = act.completed_at.map_or(0, |at| at.0) + HOUR;
        let void = withdrawn(&act, 2);
        let arrival = recorded + 2 * DAY_MICROS;
        let first = self.send_with(&act, recorded, arrival + DAY_MICROS, |_| ());
        let second = self.send_with(&void, recorded + HOUR, arrival, |_| ());
        self.says(&act, first, [Fate::On; 3]);
        self.says(&void, second, [Fate::Not("withdrawn"); 3]);
        // The same message three times.
        let unit = self.unit();
        let act = self.act(unit, self.at(122), Method::AutoMonitor);
        let sent = self.counted(&act);
        for again in 1..3 {
            self.send_with(&act, sent.recorded, sent.arrival + again * HOUR, |_| ());
        }
    }

    /// The first and last moments of the year and of a quarter; what came after the freeze.
    pub(super) fn edges_of_time(&mut self) {
        let first = beijing_day_start(self.first_day);
        let next = beijing_day_start(day_of_year(self.year + 1));
        let april = beijing_day_start(self.first_day + 31 + 28 + 31 + i32::from(self.leap()));
        // What lies outside of the year belongs to the figures of another period.
        for (signed, method) in [
            (first - SECOND, Method::AutoMonitor),
            (first, Method::AutoMonitor),
            (next - SECOND, Method::Documents),
            (next - SECOND, Method::SiteVisit),
            (next, Method::SiteVisit),
            (next, Method::AutoMonitor),
            (april - SECOND, Method::Video),
            (april, Method::Video),
        ] {
            let unit = self.unit();
            let mut act = self.act(unit, signed - HOUR, method);
            signed_at(&mut act, signed);
            self.counted(&act);
        }
        self.after_the_freeze();
    }

    fn leap(&self) -> bool {
        day_of_year(self.year + 1) - self.first_day == 366
    }

    fn after_the_freeze(&mut self) {
        let frozen = beijing_day_start(day_of_year(self.year + 1) + FROZEN_AFTER);
        // Voided after the freeze: by nobody, by one person, by two.
        for persons in 0..3 {
            let unit = self.unit();
            let act = self.act(unit, self.at(340 + persons), Method::AutoMonitor);
            self.counted(&act);
            let void = withdrawn(&act, 2);
            let recorded = frozen + i64::from(persons + 1) * DAY_MICROS;
            let sent = self.send_with(&void, recorded, recorded + DELIVERY * SECOND, |body| {
                if persons > 0 {
                    body["edit_reason"] = json!("重复登记");
                }
                if persons > 1 {
                    body["edit_second_person"] = json!("第二人");
                }
            });
            self.says(&void, sent, [Fate::Not("withdrawn"); 3]);
            if persons < 2 {
                self.truth.refused_edits.push(act.act_id.clone());
                if let Some(stage) = self.truth.last(&act.act_id) {
                    stage.refused = true;
                }
            }
        }
        // In time, by a second.
        let unit = self.unit();
        let act = self.act(unit, self.at(345), Method::SiteVisit);
        self.counted(&act);
        let void = withdrawn(&act, 2);
        let sent = self.send_at(&void, frozen - SECOND);
        self.says(&void, sent, [Fate::Not("withdrawn"); 3]);
        // It arrives after the freeze all the same.
        self.truth.arrived_after_freeze += 1;
        // Entered for the first time.
        let unit = self.unit();
        let act = self.act(unit, self.at(346), Method::Power);
        let sent = self.send_at(&act, frozen);
        self.says(&act, sent, [Fate::Not("late_edit"); 3]);
        // Recorded in time, delivered a month later.
        let unit = self.unit();
        let act = self.act(unit, self.at(347), Method::AutoMonitor);
        let recorded = act.completed_at.map_or(0, |at| at.0) + HOUR;
        let sent = self.send_with(&act, recorded, frozen + 15 * DAY_MICROS, |_| ());
        self.says(&act, sent, [Fate::Off; 3]);
        self.truth.arrived_after_freeze += 1;
    }
}

fn withdrawn(act: &Inspection, number: i32) -> Inspection {
    Inspection {
        status: Some(ActStatus::Withdrawn),
        withdrawn_reason: Some("重复登记".to_owned()),
        ..version(act, number)
    }
}
