//! Inspections of the year so far, with the cases the ratio has to get right.
//!
//! Each unit is inspected a few times a year, some off-site and some on-site, with a complete
//! record. On top come the cases with a trap, always on the first units and during the run: an
//! off-site act that turned on-site, one review sliced into two, a record without data, a check of
//! two minutes, a withdrawn act, a corrected mode, a check by the province, an online review of a
//! rectification. [`InspectionCounts`] says what the default policy makes of them.

mod act;

use nonsite_schemas::time::{BEIJING_OFFSET_MICROS, DAY_MICROS, beijing_day_start};
use nonsite_schemas::wire::Instant;
use nonsite_schemas::wire::inspection::{
    ActStatus, Class, Conclusion, Inspection, Method, Mode, Org, OrgLevel,
};
use serde::{Deserialize, Serialize};

use crate::layout::{Layout, Unit};
use crate::noise::{Domain, Noise};
use crate::permits::Document;
use crate::scale::Scale;
use crate::stamp::{SECOND, civil, date_text};

/// What is on the inspections topic, and what the ratio has to be.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct InspectionCounts {
    /// Messages: versions of acts.
    pub documents: u64,
    /// Different acts.
    pub acts: u64,
    /// Off-site acts that count under the default policy, completed in the year of the run's end.
    pub offsite: u64,
    /// On-site acts that count.
    pub onsite: u64,
    /// Off-site share, unrounded; none if nothing counts.
    pub ratio: Option<f64>,
    /// Off-site acts that turned on-site in the same task.
    pub escalated: u64,
    /// Acts that are a second slice of another.
    pub duplicates: u64,
    /// Off-site acts whose record is too poor to count.
    pub without_record: u64,
    /// Withdrawn acts.
    pub withdrawn: u64,
    /// Further versions of an act.
    pub corrections: u64,
    /// Acts of bodies above the city.
    pub higher_level: u64,
    /// Online reviews of a rectification, which do not count by default.
    pub rectification_reviews: u64,
}

/// All acts by arrival, and their counts.
pub fn documents(scale: &Scale, layout: &Layout) -> (Vec<Document<Inspection>>, InspectionCounts) {
    let start = beijing_day_start(scale.start_day);
    let mut writer = Writer {
        start,
        documents: Vec::new(),
        counts: InspectionCounts::default(),
        next: 0,
        special: false,
    };
    let end_day = scale.start_day + scale.days as i32;
    let (year, _, _) = civil(end_day - 1);
    let first_day = chrono::NaiveDate::from_ymd_opt(year, 1, 1).map_or(scale.start_day, |date| {
        (date - chrono::NaiveDate::default()).num_days() as i32
    });
    for unit in &layout.units {
        writer.routine(scale, unit, layout, first_day, end_day);
    }
    writer.special_cases(scale, layout);
    let Writer {
        mut documents,
        mut counts,
        ..
    } = writer;
    documents.sort_by(|a, b| {
        (a.arrival, &a.body.act_id, a.body.act_version).cmp(&(
            b.arrival,
            &b.body.act_id,
            b.body.act_version,
        ))
    });
    counts.documents = documents.len() as u64;
    let all = counts.offsite + counts.onsite;
    counts.ratio = (all > 0).then(|| counts.offsite as f64 / all as f64);
    (documents, counts)
}

struct Writer {
    start: i64,
    documents: Vec<Document<Inspection>>,
    counts: InspectionCounts,
    next: u32,
    /// Special cases have teams of their own, so that none is a slice of a routine act by chance.
    special: bool,
}

impl Writer {
    /// A few acts spread over the year so far, at most one on a day.
    fn routine(
        &mut self,
        scale: &Scale,
        unit: &Unit,
        layout: &Layout,
        first_day: i32,
        end_day: i32,
    ) {
        let mut noise = Noise::new(scale.seed, Domain::Inspections, unit.index as u64);
        let days = end_day - first_day;
        let expected = scale.inspections_per_unit * f64::from(days) / 365.0;
        let count = (expected.floor() as i32 + i32::from(noise.chance(expected.fract()))).min(days);
        for at in 0..count {
            let from = days * at / count;
            let length = (days * (at + 1) / count - from).max(1);
            let day = first_day + from + noise.below(length as usize) as i32;
            let offsite = noise.chance(0.45);
            let method = match (offsite, noise.below(5)) {
                (false, _) => Method::SiteVisit,
                (true, 0) => Method::Video,
                (true, 1) => Method::Power,
                (true, 2) => Method::Uav,
                (true, _) => Method::AutoMonitor,
            };
            let hour = 9 + noise.below(7) as i64;
            let mut act = self.act(unit, layout, day, hour, method);
            if noise.chance(0.25) {
                act.class = Some(Class::Special);
            }
            self.count(&act);
            self.publish(act, 600);
        }
    }

    fn special_cases(&mut self, scale: &Scale, layout: &Layout) {
        self.special = true;
        let units = layout.units.len();
        let last = scale.days as i32 - 1;
        let mut at = 0;
        // The cases take turns on the units and on the days of the run.
        let mut turn = || {
            let unit = &layout.units[at % units];
            let day = scale.start_day + at as i32 % (last + 1);
            let hour = 9 + (at / units) as i64 % 8;
            at += 1;
            (unit, day, hour)
        };

        let (unit, day, hour) = turn();
        let mut offsite = self.act(unit, layout, day, hour, Method::AutoMonitor);
        let mut onsite = self.act(unit, layout, day, hour + 3, Method::SiteVisit);
        onsite.task_id.clone_from(&offsite.task_id);
        onsite.class = Some(Class::Case);
        onsite.plan_item = None;
        onsite.escalated_from = Some(offsite.act_id.clone());
        offsite.escalated_to = Some(onsite.act_id.clone());
        offsite.conclusion = Some(Conclusion::ConvertToOnsite);
        self.counts.escalated += 1;
        self.count(&onsite);
        self.counts.acts += 1;
        self.publish(offsite, 600);
        self.publish(onsite, 600);

        let (unit, day, hour) = turn();
        let whole = self.act(unit, layout, day, hour, Method::AutoMonitor);
        let mut slice = self.act(unit, layout, day, hour + 2, Method::AutoMonitor);
        slice.team_id.clone_from(&whole.team_id);
        slice.officers.clone_from(&whole.officers);
        self.count(&whole);
        self.counts.duplicates += 1;
        self.counts.acts += 1;
        self.publish(whole, 600);
        self.publish(slice, 600);

        let (unit, day, hour) = turn();
        let mut poor = self.act(unit, layout, day, hour, Method::AutoMonitor);
        poor.sources.clear();
        self.without_record(poor);
        let (unit, day, hour) = turn();
        let mut hasty = self.act(unit, layout, day, hour, Method::Video);
        hasty.ended_at = hasty.started_at.map(|at| Instant(at.0 + 120 * SECOND));
        self.without_record(hasty);
        let (unit, day, hour) = turn();
        let mut alone = self.act(unit, layout, day, hour, Method::Documents);
        alone.officers.truncate(1);
        self.without_record(alone);

        let (unit, day, hour) = turn();
        let closed = self.act(unit, layout, day, hour, Method::Power);
        let withdrawn = Inspection {
            act_version: 2,
            status: Some(ActStatus::Withdrawn),
            withdrawn_reason: Some("任务重复下发".to_owned()),
            ..closed.clone()
        };
        self.counts.withdrawn += 1;
        self.counts.acts += 1;
        self.counts.corrections += 1;
        self.publish(closed, 600);
        self.publish(withdrawn, 5_400);

        let (unit, day, hour) = turn();
        let wrong = self.act(unit, layout, day, hour, Method::Uav);
        let right = Inspection {
            act_version: 2,
            mode: Some(Mode::Onsite),
            method: Some(Method::SiteVisit),
            ..wrong.clone()
        };
        self.counts.corrections += 1;
        self.count(&right);
        self.publish(wrong, 600);
        self.publish(right, 7_200);

        let (unit, day, hour) = turn();
        let mut province = self.act(unit, layout, day, hour, Method::AutoMonitor);
        province.org = Org {
            code: "370000".to_owned(),
            name: Some("山东省生态环境执法总队".to_owned()),
            level: Some(OrgLevel::Province),
        };
        self.counts.higher_level += 1;
        self.counts.acts += 1;
        self.publish(province, 600);

        let (unit, day, hour) = turn();
        let review = self.act(unit, layout, day, hour, Method::RectificationReview);
        self.counts.rectification_reviews += 1;
        self.counts.acts += 1;
        self.publish(review, 600);
    }

    fn without_record(&mut self, act: Inspection) {
        self.counts.without_record += 1;
        self.counts.acts += 1;
        self.publish(act, 600);
    }

    fn count(&mut self, act: &Inspection) {
        self.counts.acts += 1;
        match act.mode {
            Some(Mode::Offsite) => self.counts.offsite += 1,
            _ => self.counts.onsite += 1,
        }
    }

    /// Arrives `after` seconds past its completion; what was completed before the run is there
    /// before the first reading.
    fn publish(&mut self, mut act: Inspection, after: i64) {
        let completed = act.completed_at.map_or(self.start, |at| at.0);
        let recorded = completed + after * SECOND;
        act.recorded_at = Some(Instant(recorded));
        let arrival = if recorded < self.start {
            // In order of recording, within five minutes.
            let year = 366 * DAY_MICROS;
            self.start - 600 * SECOND
                + (recorded - (self.start - year)).max(0) / (year / (300 * SECOND))
        } else {
            recorded
        };
        self.documents.push(Document { arrival, body: act });
    }
}

/// Beijing day of an instant as text, for messages about acts.
pub fn day_of(micros: i64) -> String {
    date_text((micros + BEIJING_OFFSET_MICROS).div_euclid(DAY_MICROS) as i32)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(scale: &Scale) -> (Vec<Document<Inspection>>, InspectionCounts) {
        documents(scale, &Layout::new(scale))
    }

    #[test]
    fn acts_validate_and_poor_records_are_poor() {
        let (documents, counts) = made(&Scale::default());
        let mut poor = 0;
        for document in &documents {
            let faults = document.body.validate();
            assert!(faults.is_empty(), "{}: {faults:?}", document.body.act_id);
            let offsite = document.body.mode == Some(Mode::Offsite);
            poor += u64::from(offsite && document.body.not_counted(true).is_some());
        }
        assert_eq!(poor, counts.without_record);
    }

    #[test]
    fn counts_add_up() {
        let (documents, counts) = made(&Scale {
            points: 100,
            ..Scale::default()
        });
        assert_eq!(counts.documents, counts.acts + counts.corrections);
        let others = counts.escalated
            + counts.duplicates
            + counts.without_record
            + counts.withdrawn
            + counts.higher_level
            + counts.rectification_reviews;
        assert_eq!(counts.acts, counts.offsite + counts.onsite + others);
        let ratio = counts.ratio.unwrap();
        assert!((0.2..0.8).contains(&ratio), "{ratio}");
        assert!(
            documents
                .windows(2)
                .all(|pair| pair[0].arrival <= pair[1].arrival)
        );
    }

    #[test]
    fn no_two_counted_acts_of_a_unit_share_day_method_and_team() {
        let (documents, counts) = made(&Scale {
            points: 200,
            inspections_per_unit: 20.0,
            ..Scale::default()
        });
        let mut seen = std::collections::BTreeSet::new();
        let mut collisions = 0;
        for Document { body: act, .. } in documents
            .iter()
            .filter(|document| document.body.act_version == 1)
        {
            let day = act.completed_at.map(|at| day_of(at.0));
            let method = act.method.map(Method::as_str);
            if !seen.insert((act.unit.unit_id.clone(), method, act.team_id.clone(), day)) {
                collisions += 1;
            }
        }
        assert_eq!(collisions, counts.duplicates);
    }
}
