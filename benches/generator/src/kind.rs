//! Kinds of episodes, and which rules of the catalogue must, may and must not flag them.

use serde::Serialize;

/// Kind of an episode.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Hours over the hourly limit, mark N, in production.
    ExceedHour,
    /// A day over the daily limit while every hour keeps the hourly limit (waste gas).
    ExceedDayAir,
    /// A day over the daily limit (wastewater).
    ExceedDayWater,
    /// One factor frozen for four hours or more (waste gas), eight or more (wastewater).
    Constant,
    /// One factor exactly zero for two or three hours in production.
    Zero,
    /// One factor negative for an hour.
    Negative,
    /// One hour at several times the usual level, below the limit.
    Spike,
    /// Ambient air in the sample: oxygen up, pollutants and humidity down.
    Dilution,
    /// No packets for two hours or more, never back-filled.
    Offline,
    /// An hour with half of its minute packets.
    HourIncomplete,
    /// Slope of an analyser changed, said only by a parameter packet.
    ParameterChange,
    /// Treatment stands still while production runs, seen in the power of both.
    TreatmentOff,
    /// Marked as stopped while everything runs.
    FalseStop,
    /// Hours over the limit marked as maintenance days later, without a ticket.
    FalseMark,
    /// Converted values too low for the oxygen reported with them.
    ConvertedWrong,
    /// Values above the measuring range the analyser reports.
    OverRange,
    /// Hours over the limit whose hour packets come again hours later with lower values.
    Rewritten,
    /// Mass rate over the permitted kg/h while the concentration keeps its limit: twice the gas.
    ExceedRate,
    /// Flow reported at seven tenths of what velocity and cross-section give.
    FlowUnderstated,
    /// pH above the permitted range while water flows.
    PhOut,
    /// A day that hardly moves: a constant with a little noise on it.
    MicroFluctuation,
    /// A day whose values are those of the day before.
    CopiedHistory,
    /// Stopped for hours without any mark.
    StopUnmarked,
    /// Four days of numbers without memory, where the series has memory otherwise.
    RandomData,
    /// Instruments marked faulty for most of a day: no mark, no ticket, no report.
    FaultHidden,
    /// After two hours of maintenance an analyser shows little more than half of what it did.
    LevelShift,
    /// A comparison sample is more than twice what the instrument shows.
    ComparisonFailed,
    /// The permit limit is lowered during the run and the old level is kept.
    LimitTightened,
    /// Year-to-date mass passes the permitted annual mass.
    MassOver,
    /// Mass of the last month passes the permitted mass of that month.
    MonthMassOver,
    /// The execution report of the last quarter was never handed in.
    ReportMissing,
    /// It was handed in two weeks late.
    ReportLate,
    /// The permit ends during the run, discharge goes on.
    PermitExpired,
    /// The permit ends within 60 days, no renewal filed.
    PermitExpiring,
    /// Look-alike: over the limit during marked maintenance or calibration.
    MarkedExceed,
    /// Look-alike: over a limit that was relaxed before.
    RelaxedLimit,
    /// Look-alike: over a limit that was tightened only afterwards.
    BeforeTightening,
    /// Look-alike: exactly at the limit.
    AtLimit,
    /// Look-alike: zeros while stopped and marked F, then a marked start-up.
    Stopped,
    /// Look-alike: packets held back by a broken line, sent when it is up again.
    GapBackfilled,
    /// Look-alike: values in their usual range, marked M.
    Maintained,
    /// Look-alike: instruments marked faulty for some hours, reported and repaired under a ticket.
    FaultRepaired,
    /// Look-alike: half load for hours.
    LowLoad,
    /// Look-alike: some hours at four fifths of the limit.
    HonestRise,
    /// Look-alike: a comparison sample the instrument agrees with.
    ComparisonPassed,
    /// Look-alike: slope of an analyser changed with a ticket and a filing.
    FiledChange,
}

impl Kind {
    /// Name in the truth file.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ExceedHour => "exceed_hour",
            Self::ExceedDayAir => "exceed_day_air",
            Self::ExceedDayWater => "exceed_day_water",
            Self::Constant => "constant",
            Self::Zero => "zero",
            Self::Negative => "negative",
            Self::Spike => "spike",
            Self::Dilution => "dilution",
            Self::Offline => "offline",
            Self::HourIncomplete => "hour_incomplete",
            Self::ParameterChange => "parameter_change",
            Self::TreatmentOff => "treatment_off",
            Self::FalseStop => "false_stop",
            Self::FalseMark => "false_mark",
            Self::ConvertedWrong => "converted_wrong",
            Self::OverRange => "over_range",
            Self::Rewritten => "rewritten",
            Self::ExceedRate => "exceed_rate",
            Self::FlowUnderstated => "flow_understated",
            Self::PhOut => "ph_out",
            Self::MicroFluctuation => "micro_fluctuation",
            Self::CopiedHistory => "copied_history",
            Self::StopUnmarked => "stop_unmarked",
            Self::RandomData => "random_data",
            Self::FaultHidden => "fault_hidden",
            Self::LevelShift => "level_shift",
            Self::ComparisonFailed => "comparison_failed",
            Self::FaultRepaired => "fault_repaired",
            Self::LowLoad => "low_load",
            Self::HonestRise => "honest_rise",
            Self::ComparisonPassed => "comparison_passed",
            Self::LimitTightened => "limit_tightened",
            Self::MassOver => "mass_over",
            Self::MonthMassOver => "month_mass_over",
            Self::ReportMissing => "report_missing",
            Self::ReportLate => "report_late",
            Self::PermitExpired => "permit_expired",
            Self::PermitExpiring => "permit_expiring",
            Self::MarkedExceed => "marked_exceed",
            Self::RelaxedLimit => "relaxed_limit",
            Self::BeforeTightening => "before_tightening",
            Self::AtLimit => "at_limit",
            Self::Stopped => "stopped",
            Self::GapBackfilled => "gap_backfilled",
            Self::Maintained => "maintained",
            Self::FiledChange => "filed_change",
        }
    }

    /// Whether its rule compares with the days before: it does not happen on the first one.
    pub(crate) const fn needs_history(self) -> bool {
        matches!(self, Self::Spike | Self::Dilution | Self::CopiedHistory)
    }

    /// Days before the one it begins on that its rule has to know, and whole days it goes on for
    /// after that one.
    pub(crate) const fn days_around(self) -> (usize, usize) {
        match self {
            // What is copied is an ordinary day.
            Self::CopiedHistory => (1, 0),
            Self::RandomData => (0, 3),
            Self::LevelShift => (1, 1),
            _ => (0, 0),
        }
    }

    /// First day of the run, counted from 0, on which its rule knows enough to judge it.
    pub(crate) const fn earliest_day(self) -> usize {
        match self {
            Self::RandomData => 8,
            // A day before, most of two days after, and these have to be over.
            Self::LevelShift => 3,
            _ => 0,
        }
    }

    /// Whether its rule judges days that are over: it does not happen on the last one, which is not
    /// over when the data end.
    pub(crate) const fn is_judged_afterwards(self) -> bool {
        matches!(
            self,
            Self::Spike
                | Self::Dilution
                | Self::ParameterChange
                | Self::FalseStop
                | Self::FalseMark
                | Self::OverRange
                | Self::FlowUnderstated
                | Self::MicroFluctuation
                | Self::CopiedHistory
                | Self::StopUnmarked
                | Self::RandomData
                | Self::FaultHidden
                | Self::LevelShift
                | Self::ComparisonFailed
        )
    }

    /// Rules of the catalogue that must flag it.
    pub const fn expected(self) -> &'static [&'static str] {
        match self {
            Self::ExceedHour | Self::LimitTightened => &["E01"],
            Self::ExceedDayAir => &["E03"],
            Self::ExceedDayWater => &["E04"],
            Self::Constant => &["Q01"],
            Self::Zero => &["Q04"],
            Self::Negative => &["Q03"],
            Self::Spike => &["Q09"],
            Self::Dilution => &["Q11", "Q35"],
            Self::Offline => &["T01", "T02"],
            Self::HourIncomplete => &["T02"],
            Self::ParameterChange => &["Q16"],
            Self::TreatmentOff => &["W01"],
            Self::FalseStop => &["Q20"],
            Self::FalseMark => &["Q19"],
            Self::ConvertedWrong => &["Q14"],
            Self::OverRange => &["E01", "Q05"],
            Self::Rewritten => &["E01", "Q33"],
            Self::ExceedRate => &["E11"],
            Self::FlowUnderstated => &["Q27"],
            Self::PhOut => &["E05"],
            Self::MicroFluctuation => &["Q34"],
            Self::CopiedHistory => &["Q22"],
            Self::StopUnmarked => &["Q21"],
            Self::RandomData => &["Q24"],
            Self::FaultHidden => &["Q32", "T05"],
            Self::LevelShift => &["Q37"],
            Self::ComparisonFailed => &["Q29"],
            Self::MassOver => &["P06"],
            Self::MonthMassOver => &["P08"],
            Self::ReportMissing | Self::ReportLate => &["P12"],
            Self::PermitExpired | Self::PermitExpiring => &["P02"],
            _ => &[],
        }
    }

    /// Rules that may flag it as well, since the same cause shows in several ways. Each is a statement
    /// about the data that holds: E07 and E07H have the same limits for incinerators as their permits,
    /// and what is far over a limit is over the mass rate that goes with it.
    pub const fn allowed(self) -> &'static [&'static str] {
        match self {
            Self::ExceedHour | Self::LimitTightened => &[
                "E02", "E03", "E07", "E07H", "E09", "E10", "E11", "Q08", "Q09",
            ],
            Self::ExceedDayAir | Self::ExceedDayWater => &["E05", "E07", "E09", "E10", "Q10"],
            Self::Constant => &["Q02", "Q25", "Q34"],
            Self::Zero => &["Q01", "Q25", "Q34"],
            Self::Negative => &["Q34"],
            Self::Spike => &["E09", "E10", "Q08"],
            Self::Dilution => &["Q08", "Q25"],
            Self::Offline => &["T03", "T04", "T10", "Q31"],
            Self::HourIncomplete => &["T01", "T03", "T04", "T10"],
            Self::ParameterChange => &["Q13", "Q27"],
            Self::TreatmentOff => &["W02", "W03"],
            Self::FalseStop => &["Q19", "Q21", "W04", "W09", "W12"],
            // No mark was set in time, so the hours are neither excused nor audited.
            Self::FalseMark => &["Q18", "T04", "T10"],
            // At the limit is not above it, and is near it.
            Self::AtLimit => &["E10"],
            Self::ConvertedWrong => &["X08"],
            Self::OverRange => &["E02", "E03", "E07", "E07H", "E09", "E10", "E11", "Q08"],
            // The hour packets that come again are neither the mean of the minutes nor the mass
            // that goes with it.
            Self::Rewritten => &[
                "E02", "E03", "E07", "E07H", "E09", "E10", "E11", "Q08", "Q15", "Q17",
            ],
            // Twice the gas is a jump of flow and velocity, and 0.85 of the limit a jump from 0.2.
            Self::ExceedRate => &["E09", "E10", "Q08", "Q09"],
            Self::PhOut => &["Q08", "Q25"],
            Self::MicroFluctuation => &["Q01", "Q02", "Q25"],
            Self::CopiedHistory => &["Q23"],
            // The instruments show air at rest: zeros, the same for hours, marked as valid.
            Self::StopUnmarked => &["Q01", "Q04", "Q08", "Q25", "Q28", "Q34"],
            Self::RandomData => &["Q08", "Q09", "Q25"],
            // Hours of a fault are not valid, and nobody audited the day.
            Self::FaultHidden => &["T04", "T10"],
            Self::LevelShift => &["Q08", "Q09", "Q25"],
            Self::MonthMassOver => &["P07"],
            Self::MassOver => &["P07", "P08"],
            Self::PermitExpired => &["P01", "P03"],
            _ => &[],
        }
    }

    /// Rules that must not flag it.
    pub const fn must_not(self) -> &'static [&'static str] {
        match self {
            Self::MarkedExceed | Self::RelaxedLimit | Self::BeforeTightening | Self::AtLimit => {
                &["E01", "E03"]
            }
            Self::Stopped => &["E01", "Q01", "Q03", "Q04", "T01", "T02"],
            Self::GapBackfilled => &["T01", "T02"],
            Self::Maintained => &["E01", "E03", "Q01", "Q03", "Q04", "Q19"],
            Self::FiledChange => &["Q16"],
            Self::FaultRepaired => &["Q32", "T05", "T10", "E01", "Q37"],
            Self::LowLoad => &[
                "Q08", "Q09", "Q11", "Q12", "Q21", "Q25", "Q26", "Q28", "Q35", "Q37",
            ],
            Self::HonestRise => &["E01", "E10", "Q08", "Q09", "Q26"],
            Self::ComparisonPassed => &["Q29"],
            _ => &[],
        }
    }

    /// Faults in the order in which they are placed.
    pub(crate) const FAULTS: [Self; 34] = [
        Self::ExceedHour,
        Self::Offline,
        Self::Constant,
        Self::ExceedDayWater,
        Self::Zero,
        Self::Negative,
        Self::ExceedDayAir,
        Self::LimitTightened,
        Self::HourIncomplete,
        Self::PermitExpired,
        Self::MassOver,
        Self::Spike,
        Self::ParameterChange,
        Self::Dilution,
        Self::PermitExpiring,
        Self::FalseMark,
        Self::FalseStop,
        Self::ConvertedWrong,
        Self::OverRange,
        Self::Rewritten,
        Self::TreatmentOff,
        Self::ExceedRate,
        Self::FlowUnderstated,
        Self::PhOut,
        Self::MicroFluctuation,
        Self::CopiedHistory,
        Self::StopUnmarked,
        Self::MonthMassOver,
        Self::ReportMissing,
        Self::ReportLate,
        Self::FaultHidden,
        Self::ComparisonFailed,
        Self::RandomData,
        Self::LevelShift,
    ];

    /// Look-alikes in the order in which they are placed.
    pub(crate) const DECOYS: [Self; 9] = [
        Self::MarkedExceed,
        Self::RelaxedLimit,
        Self::GapBackfilled,
        Self::AtLimit,
        Self::FiledChange,
        Self::FaultRepaired,
        Self::LowLoad,
        Self::HonestRise,
        Self::ComparisonPassed,
    ];
}
