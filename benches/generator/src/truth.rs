//! What is in the output, known without reading it.
//!
//! Two files: `truth.jsonl` has one line per injected fault and per look-alike, with the rules that
//! must, may and must not flag it; `summary.json` has counts that do not depend on partitions or on
//! the number of threads, to be compared with what the tables hold.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::Path;

use nonsite_schemas::time::{DAY_MICROS, beijing_day_start};
use serde::{Deserialize, Serialize};

use crate::layout::{Business, Layout};
use crate::permits::last_month;
use crate::plan::{Kind, PermitCase, Plan, ReportCase};
use crate::scale::Scale;
use crate::stamp::{HOUR, date_text, rfc3339};
use crate::supporting;

/// One line of the truth file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TruthRow {
    /// Kind of episode.
    pub kind: String,
    /// Rules that must flag it.
    pub expected: Vec<String>,
    /// Rules that may flag it, for the same cause.
    pub allowed: Vec<String>,
    /// Rules that must not flag it.
    pub must_not: Vec<String>,
    /// Station number.
    pub mn: String,
    /// Permit number and outlet code.
    pub outlet: String,
    /// Permit number.
    pub permit_no: String,
    /// Factor, where it concerns one.
    pub factor: Option<String>,
    /// First instant, RFC 3339 with +08:00.
    pub start: String,
    /// End (exclusive), RFC 3339 with +08:00.
    pub end: String,
    /// The same in microseconds UTC.
    pub start_us: i64,
    /// The same in microseconds UTC.
    pub end_us: i64,
    /// Level that was held, on the basis of the limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub level: Option<f64>,
    /// Limit in force.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<f64>,
    /// In words.
    pub details: String,
}

/// Counts of what was generated. All are of messages handed out so far.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Messages by topic.
    pub messages: BTreeMap<String, u64>,
    /// Bytes of payload by topic.
    pub bytes: BTreeMap<String, u64>,
    /// Packets by HJ 212 command, broken ones included under `broken`.
    pub packets: BTreeMap<String, u64>,
    /// Rows that belong in `readings_raw`, copies of resent packets included.
    pub readings_rows: u64,
    /// The same by granularity.
    pub rows_by_granularity: BTreeMap<String, u64>,
    /// Different (mn, granularity, factor, data_time) among them.
    pub distinct_readings: u64,
    /// Rows that belong in `device_states`.
    pub device_state_rows: u64,
    /// Whole messages that belong in `quarantine`, by reason.
    pub quarantined: BTreeMap<String, u64>,
    /// Parts that belong in `quarantine`, by reason.
    pub bad_parts: BTreeMap<String, u64>,
    /// Broken packets by flaw, repaired ones included.
    pub flaws: BTreeMap<String, u64>,
    /// Packets sent twice.
    pub resent: u64,
    /// Packets sent after a gap.
    pub backfilled: u64,
    /// Packets overtaken by later ones.
    pub out_of_order: u64,
    /// Packets never sent.
    pub lost: u64,
    /// Rows that come in when the MODBUS CRCs of `modbus_stations` are allowed and their
    /// quarantined messages driven again.
    pub redrivable_rows: u64,
}

pub(crate) fn add(map: &mut BTreeMap<String, u64>, key: &str, count: u64) {
    match map.get_mut(key) {
        Some(total) => *total += count,
        None => _ = map.insert(key.to_owned(), count),
    }
}

impl Counts {
    /// Adds another count, such as that of another thread.
    pub fn merge(&mut self, other: &Self) {
        let maps = [
            (&mut self.messages, &other.messages),
            (&mut self.bytes, &other.bytes),
            (&mut self.packets, &other.packets),
            (&mut self.rows_by_granularity, &other.rows_by_granularity),
            (&mut self.quarantined, &other.quarantined),
            (&mut self.bad_parts, &other.bad_parts),
            (&mut self.flaws, &other.flaws),
        ];
        for (into, from) in maps {
            for (key, count) in from {
                add(into, key, *count);
            }
        }
        self.readings_rows += other.readings_rows;
        self.distinct_readings += other.distinct_readings;
        self.device_state_rows += other.device_state_rows;
        self.resent += other.resent;
        self.backfilled += other.backfilled;
        self.out_of_order += other.out_of_order;
        self.lost += other.lost;
        self.redrivable_rows += other.redrivable_rows;
    }
}

/// The summary file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// What was generated.
    pub scale: Scale,
    /// First instant of data, RFC 3339.
    pub start: String,
    /// End (exclusive) of the data, RFC 3339.
    pub end: String,
    /// Units.
    pub units: u64,
    /// Points.
    pub points: u64,
    /// Counts.
    pub counts: Counts,
    /// Stations whose loggers use a MODBUS CRC now and then, with the name of the dialect.
    pub modbus_stations: BTreeMap<String, String>,
    /// Permit documents and how many of them have faults.
    pub permits: crate::permits::PermitCounts,
    /// Documents about how readings came about, by type.
    pub documents: supporting::DocumentCounts,
    /// What the ratio has to be under the default policy.
    pub inspections: crate::inspections::InspectionCounts,
    /// Episodes by kind.
    pub episodes: BTreeMap<String, u64>,
}

/// When the annual mass of a point was reached: point, hour and tonnes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct MassCrossing {
    pub(crate) point: usize,
    pub(crate) hour: u32,
    pub(crate) limit_t: f64,
}

/// The truth about one thing that happens at a point.
#[expect(
    clippy::too_many_arguments,
    reason = "what, where, when, and how strongly"
)]
fn row(
    layout: &Layout,
    kind: Kind,
    point: usize,
    channel: Option<usize>,
    from: i64,
    to: i64,
    level: Option<f64>,
    limit: Option<f64>,
    details: String,
) -> TruthRow {
    let point = &layout.points[point];
    let texts = |ids: &[&str]| ids.iter().map(|id| (*id).to_owned()).collect();
    TruthRow {
        kind: kind.as_str().to_owned(),
        expected: texts(kind.expected()),
        allowed: texts(kind.allowed()),
        must_not: texts(kind.must_not()),
        mn: point.mn.clone(),
        outlet: point.outlet_uid.clone(),
        permit_no: layout.units[point.unit].permit_no.clone(),
        factor: channel.map(|at| point.channels[at].factor.code.to_owned()),
        start: rfc3339(from),
        end: rfc3339(to),
        start_us: from,
        end_us: to,
        level,
        limit,
        details,
    }
}

/// The truth rows of a province, by start and station.
pub(crate) fn rows(
    scale: &Scale,
    layout: &Layout,
    plan: &Plan,
    crossings: &[MassCrossing],
) -> Vec<TruthRow> {
    let start = beijing_day_start(scale.start_day);
    let end = beijing_day_start(scale.start_day + scale.days as i32);
    let mut rows = Vec::new();
    for episode in plan.episodes.iter().flatten() {
        let from = start + i64::from(episode.first_hour) * HOUR;
        let to = from + i64::from(episode.hours) * HOUR;
        let level = episode.limit.map(|_| (episode.level * 1e6).round() / 1e6);
        let details = describe(episode.kind).to_owned();
        let point = &layout.points[episode.point];
        // Waste incineration is judged by days and warned by hours (E07), not by E02.
        let many = episode.kind == Kind::ExceedHour
            && episode.hours >= 3
            && point.business != Business::Incineration;
        rows.push(row(
            layout,
            episode.kind,
            episode.point,
            episode.channel,
            from,
            to,
            level,
            episode.limit,
            details,
        ));
        if many && let Some(row) = rows.last_mut() {
            row.expected.push("E02".to_owned());
        }
    }
    for (unit, case) in plan.permits.iter().enumerate() {
        let PermitCase::Ends { last_day } = *case else {
            continue;
        };
        let last = scale.start_day + last_day;
        let from = beijing_day_start(last + 1);
        let details = format!("last valid day {}", date_text(last));
        for point in layout.units[unit].points.clone() {
            // Notices 90, 60 and 30 days ahead; once it has ended, every day with discharge.
            let ahead = from - 91 * DAY_MICROS;
            rows.push(row(
                layout,
                Kind::PermitExpiring,
                point,
                None,
                ahead,
                from,
                None,
                None,
                details.clone(),
            ));
            if from < end {
                rows.push(row(
                    layout,
                    Kind::PermitExpired,
                    point,
                    None,
                    from,
                    end,
                    None,
                    None,
                    details.clone(),
                ));
            }
        }
    }
    let quarter = supporting::last_quarter(scale.start_day);
    for (unit, case) in layout.units.iter().zip(&plan.reports) {
        let (kind, what) = match case {
            ReportCase::InTime => continue,
            ReportCase::Late => (Kind::ReportLate, "came two weeks late"),
            ReportCase::Missing => (Kind::ReportMissing, "never came"),
        };
        let Some(quarter) = quarter else {
            continue;
        };
        let details = format!(
            "the report of the quarter, due before {}, {what}",
            date_text(quarter.due_day)
        );
        let due = beijing_day_start(quarter.due_day);
        rows.push(row(
            layout,
            kind,
            unit.points.start,
            None,
            due,
            end,
            None,
            None,
            details,
        ));
    }
    for (unit, case) in layout.units.iter().zip(&plan.permits) {
        let PermitCase::MonthOver { channel } = *case else {
            continue;
        };
        let (_, hours) = last_month(scale);
        // About then the sum passes what is permitted.
        let from = end - i64::from(hours / 2) * HOUR;
        let details = "permitted mass of the month is reached halfway through it".to_owned();
        rows.push(row(
            layout,
            Kind::MonthMassOver,
            unit.points.start,
            Some(channel),
            from,
            end,
            None,
            None,
            details,
        ));
    }
    for crossing in crossings {
        let case = plan.permits[layout.points[crossing.point].unit];
        let PermitCase::MassOver { channel } = case else {
            continue;
        };
        let from = start + i64::from(crossing.hour) * HOUR;
        let details = format!(
            "permitted mass of the year {} t is reached",
            crossing.limit_t
        );
        rows.push(row(
            layout,
            Kind::MassOver,
            crossing.point,
            Some(channel),
            from,
            end,
            None,
            Some(crossing.limit_t),
            details,
        ));
    }
    rows.sort_by(|a, b| (a.start_us, &a.mn, &a.kind).cmp(&(b.start_us, &b.mn, &b.kind)));
    rows
}

const fn describe(kind: Kind) -> &'static str {
    match kind {
        Kind::ExceedHour => "hourly means over the hourly limit, mark N, in production",
        Kind::ExceedDayAir => "daily mean over the daily limit, every hour within the hourly limit",
        Kind::ExceedDayWater => "flow-weighted daily mean over the daily limit",
        Kind::Constant => "the same value in every interval",
        Kind::Zero => "exactly zero in every interval while in production",
        Kind::Negative => "negative in every interval",
        Kind::Spike => "one hour at several times the usual level, within the limit",
        Kind::Dilution => "oxygen over 19 %, pollutants and humidity fallen together, flow as ever",
        Kind::Offline => "no packet of these hours was ever sent",
        Kind::HourIncomplete => "half of the minute packets of the hour were never sent",
        Kind::ParameterChange => "slope 0.85 instead of 1.000 in the parameter packet of this hour",
        Kind::TreatmentOff => "treatment draws no power while production does",
        Kind::FalseStop => "marked F and as stopped, values and power of full operation",
        Kind::FalseMark => {
            "over the limit; this factor alone marked M, on the platform days after the deadline, no ticket"
        }
        Kind::ConvertedWrong => "converted values at 0.8 of what the oxygen gives",
        Kind::OverRange => "above the measuring range of the analyser, mark N",
        Kind::Rewritten => "over the limit; hour packets sent again three hours later at 0.6",
        Kind::ExceedRate => "within the limit, gas and velocity at 1.8: over the permitted kg/h",
        Kind::FlowUnderstated => "flow at 0.7 of what velocity and filed cross-section give",
        Kind::PhOut => "pH over the permitted range while water flows",
        Kind::MicroFluctuation => "a whole day within thousandths of one value",
        Kind::CopiedHistory => "every value of the day is that of the day before",
        Kind::StopUnmarked => "stopped: air at rest, zeros, mark N, no mark on the platform",
        Kind::RandomData => "four days of numbers without memory in a series that has it",
        Kind::FaultHidden => {
            "marked D most of the day; no mark on the platform, no ticket, no report"
        }
        Kind::LevelShift => "two hours of maintenance under a ticket, then 0.55 of what there is",
        Kind::ComparisonFailed => "comparison sample of this hour at 2.2 times the usual level",
        Kind::FaultRepaired => "marked D, reported and repaired under a ticket, marked in time",
        Kind::LowLoad => "half load",
        Kind::HonestRise => "four fifths of the hourly limit for some hours",
        Kind::ComparisonPassed => "comparison sample of this hour at the usual level",
        Kind::FiledChange => "slope 0.97 with a ticket and a filing of the same hour",
        Kind::LimitTightened => "over the limit of the permit version in force since before",
        Kind::MarkedExceed => "over the limit, marked maintenance or calibration",
        Kind::RelaxedLimit => "over the former limit, within the limit in force",
        Kind::BeforeTightening => "within the limit in force, over the limit of the next version",
        Kind::AtLimit => "exactly at the limit",
        Kind::Stopped => "stopped, zeros, mark F; start-up marked St in the hour after",
        Kind::GapBackfilled => "line down, everything sent when it was up again",
        Kind::Maintained => "usual values, mark M",
        Kind::MassOver
        | Kind::MonthMassOver
        | Kind::ReportMissing
        | Kind::ReportLate
        | Kind::PermitExpired
        | Kind::PermitExpiring => "",
    }
}

/// Writes `truth.jsonl` and `summary.json` into `dir`, which is created.
///
/// # Errors
/// What the file system says.
pub fn write(dir: &Path, rows: &[TruthRow], summary: &Summary) -> std::io::Result<()> {
    std::fs::create_dir_all(dir)?;
    let mut file = std::io::BufWriter::new(std::fs::File::create(dir.join("truth.jsonl"))?);
    for row in rows {
        serde_json::to_writer(&mut file, row)?;
        file.write_all(b"\n")?;
    }
    file.flush()?;
    let mut text = serde_json::to_vec_pretty(summary)?;
    text.push(b'\n');
    std::fs::write(dir.join("summary.json"), text)
}
