//! A city's year of inspections, with what the ratio has to be on any day of it.
//!
//! 500 units, 5,000 clues, 300 on-site and 260 off-site acts. Most acts are routine; the rest are the cases in which
//! a ratio is counted wrongly: escalations in every state, sliced reviews, joint inspections, teams
//! of the province, corrections, late entries, poor records, times at the edge of day, quarter and
//! year, deliveries twice and out of order.
//!
//! The truth is not computed from the acts. Whoever writes a case down says what it has to count
//! as, under each reading of an escalation and from which recording on ([`Stage`]), and what another
//! switch of the policy would make of it; figures are nothing but sums over these statements
//! ([`Truth::figures`]).
//!
//! Invariants: same seed, same bytes; every act has its statements; cases have units of their own,
//! so that no two of them meet by chance.

mod act;
mod asked;
mod cases;
pub mod clues;
mod evidence_cases;
mod same_cases;
mod time_cases;
mod truth;

use nonsite_schemas::time::beijing_day_start;
use nonsite_schemas::wire::Instant;
use nonsite_schemas::wire::inspection::{Inspection, Mode};
use serde_json::Value;

use crate::layout::credit_code;
use crate::message::{Message, Topic};
use crate::noise::{Domain, Noise};
use crate::stamp::{HOUR, SECOND};

pub use asked::{Asked, Credited, Once, Reading, Switches};
pub use clues::{CaseFigure, Clue, Submission, Way, case_work};
pub use truth::{ActTruth, Counts, Fate, Figures, Stage, Truth};

/// Units of the city.
pub const UNITS: usize = 500;
/// On-site acts, by the last version of each.
pub const ONSITE: usize = 300;
/// Off-site acts, by the last version of each.
pub const OFFSITE: usize = 260;
/// Units that the special cases may use; routine acts have the others.
const SPECIAL_UNITS: usize = 190;
/// Seconds from the signature to the recording of an act.
const RECORDING: i64 = 600;
/// Seconds from the recording to the arrival.
const DELIVERY: i64 = 30;

/// The bodies of the city: code, name, level.
const BODIES: [(&str, &str, &str); 7] = [
    ("370500Z", "市生态环境保护综合执法支队", "city"),
    ("370523D", "县生态环境保护综合执法大队", "county"),
    ("370502F", "一分局", "sub_bureau"),
    ("370503F", "二分局", "sub_bureau"),
    ("370505F", "三分局", "sub_bureau"),
    ("370522F", "四分局", "sub_bureau"),
    ("370571F", "五分局", "sub_bureau"),
];

/// A sub-bureau that has carried out nothing that counts.
const IDLE_BODY: &str = "370590F";

/// Codes of the city's sub-bureaus, in their order.
pub fn sub_bureaus() -> Vec<&'static str> {
    let own = BODIES
        .iter()
        .filter(|(_, _, level)| *level == "sub_bureau")
        .map(|(code, _, _)| *code);
    own.chain([IDLE_BODY]).collect()
}

/// A unit of the city.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CityUnit {
    /// Permit code, 22 characters.
    pub permit_no: String,
    /// Unified social credit code.
    pub uscc: String,
    /// Name.
    pub name: String,
    /// Index into the bodies.
    body: usize,
    /// On the positive list.
    pub positive_list: bool,
}

/// A year of a city.
#[derive(Debug, Clone, PartialEq)]
pub struct CityYear {
    /// The units.
    pub units: Vec<CityUnit>,
    /// Messages on the inspections topic, by arrival.
    pub messages: Vec<Message>,
    /// What they have to count as.
    pub truth: Truth,
    /// The clues, each with the way it goes.
    pub clues: Vec<Clue>,
}

impl CityYear {
    /// The year `year` of the city that follows from `seed`.
    pub fn new(year: i32, seed: u64) -> Self {
        let mut builder = Builder::new(year, seed);
        builder.plain_cases();
        builder.escalations();
        builder.same_things();
        builder.kinds_of_visits();
        builder.poor_records();
        builder.checklists();
        builder.versions();
        builder.edges_of_time();
        builder.routine();
        builder.finish()
    }
}

struct Delivery {
    arrival: i64,
    key: String,
    body: Value,
}

struct Builder {
    year: i32,
    /// Day number of 1 January.
    first_day: i32,
    noise: Noise,
    units: Vec<CityUnit>,
    next_unit: usize,
    next_act: u32,
    deliveries: Vec<Delivery>,
    truth: Truth,
}

impl Builder {
    fn new(year: i32, seed: u64) -> Self {
        let mut noise = Noise::new(seed, Domain::CityYear, 0);
        let units = (0..UNITS)
            .map(|index| {
                let body = index % BODIES.len();
                let uscc = credit_code(&BODIES[body].0[..6], &mut noise);
                CityUnit {
                    permit_no: format!("{uscc}001P"),
                    uscc,
                    name: format!("示例单位{:03}", index + 1),
                    body,
                    positive_list: index % 10 == 9,
                }
            })
            .collect();
        Self {
            year,
            first_day: day_of_year(year),
            noise,
            units,
            next_unit: 0,
            next_act: 0,
            deliveries: Vec::new(),
            truth: Truth {
                year,
                ..Truth::default()
            },
        }
    }

    /// A unit no other case uses.
    fn unit(&mut self) -> usize {
        let unit = self.next_unit;
        self.next_unit += 1;
        assert!(
            unit < SPECIAL_UNITS,
            "more special cases than units for them"
        );
        unit
    }

    /// A working time of the special cases: the given day of the year, 10:00.
    fn at(&self, day: i32) -> i64 {
        beijing_day_start(self.first_day + day) + 10 * HOUR
    }

    /// Sends a version as it is, recorded some time after its signature.
    fn send(&mut self, act: &Inspection) -> Sent {
        let signed = act.completed_at.or(act.started_at).map_or(0, |at| at.0);
        self.send_at(act, signed + RECORDING * SECOND)
    }

    /// Sends a version that was recorded at an instant.
    fn send_at(&mut self, act: &Inspection, recorded: i64) -> Sent {
        self.send_with(act, recorded, recorded + DELIVERY * SECOND, |_| ())
    }

    /// Sends a version, its text changed, to arrive at an instant.
    fn send_with(
        &mut self,
        act: &Inspection,
        recorded: i64,
        arrival: i64,
        change: impl FnOnce(&mut Value),
    ) -> Sent {
        let mut act = act.clone();
        act.recorded_at = Some(Instant(recorded));
        // Texts, numbers and lists: it always becomes JSON.
        let mut body = serde_json::to_value(&act).unwrap_or_default();
        change(&mut body);
        self.deliveries.push(Delivery {
            arrival,
            key: act.act_id,
            body,
        });
        Sent { recorded, arrival }
    }

    /// Says what an act has to count as from a sent version on, under the three readings.
    fn says(&mut self, act: &Inspection, sent: Sent, fates: [Fate; 3]) {
        let stage = Stage::of(act, sent.recorded, sent.arrival, fates);
        self.truth.add(&act.act_id, stage);
    }

    /// Sends an act that counts, whatever the reading.
    fn counted(&mut self, act: &Inspection) -> Sent {
        let sent = self.send(act);
        let fate = match act.mode {
            Some(Mode::Offsite) => Fate::Off,
            _ => Fate::On,
        };
        self.says(act, sent, [fate; 3]);
        sent
    }

    /// Sends an act that is not counted, whatever the reading.
    fn left_out(&mut self, act: &Inspection, reason: &'static str) -> Sent {
        let sent = self.send(act);
        self.says(act, sent, [Fate::Not(reason); 3]);
        sent
    }

    /// What is left to the promised numbers, at most two acts to a unit, half a year apart.
    fn routine(&mut self) {
        let (off, on) = self.truth.modes();
        let mut modes = vec![Mode::Offsite; OFFSITE - off];
        modes.resize(OFFSITE - off + ONSITE - on, Mode::Onsite);
        self.noise.shuffle(&mut modes);
        let free = UNITS - SPECIAL_UNITS;
        for (at, mode) in modes.into_iter().enumerate() {
            let half = (at / free) as i32;
            assert!(half < 2, "more routine acts than units for them");
            let day = half * 182 + self.noise.below(180) as i32;
            let hour = self.noise.below(7) as i64;
            let started = self.at(day) + (hour - 1) * HOUR;
            let unit = SPECIAL_UNITS + at % free;
            let method = self.routine_method(mode);
            let mut act = self.act(unit, started, method);
            if self.noise.chance(0.2) {
                act.class = Some(nonsite_schemas::wire::inspection::Class::Special);
            }
            self.counted(&act);
        }
    }

    fn finish(self) -> CityYear {
        let mut deliveries = self.deliveries;
        deliveries.sort_by(|a, b| (a.arrival, &a.key).cmp(&(b.arrival, &b.key)));
        let messages = deliveries
            .into_iter()
            .map(|delivery| Message {
                topic: Topic::Inspections,
                key: delivery.key.into(),
                timestamp_ms: delivery.arrival.div_euclid(1_000),
                payload: delivery.body.to_string().into(),
                readings: 0,
            })
            .collect();
        CityYear {
            clues: clues::clues(self.year, &self.units),
            units: self.units,
            messages,
            truth: self.truth,
        }
    }
}

/// When a version was recorded and when it arrives.
#[derive(Debug, Clone, Copy)]
struct Sent {
    recorded: i64,
    arrival: i64,
}

/// Day number of 1 January.
fn day_of_year(year: i32) -> i32 {
    chrono::NaiveDate::from_ymd_opt(year, 1, 1).map_or(0, |date| {
        (date - chrono::NaiveDate::default()).num_days() as i32
    })
}

#[cfg(test)]
mod tests;
