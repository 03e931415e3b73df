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
    /// The permit limit is lowered during the run and the old level is kept.
    LimitTightened,
    /// Year-to-date mass passes the permitted annual mass.
    MassOver,
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
            Self::LimitTightened => "limit_tightened",
            Self::MassOver => "mass_over",
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
        matches!(self, Self::Spike | Self::Dilution)
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
            Self::Dilution => &["Q11"],
            Self::Offline => &["T01", "T02"],
            Self::HourIncomplete => &["T02"],
            Self::ParameterChange => &["Q16"],
            Self::TreatmentOff => &["W01"],
            Self::FalseStop => &["Q20"],
            Self::FalseMark => &["Q19"],
            Self::ConvertedWrong => &["Q14"],
            Self::OverRange => &["E01", "Q05"],
            Self::Rewritten => &["E01", "Q33"],
            Self::MassOver => &["P06"],
            Self::PermitExpired | Self::PermitExpiring => &["P02"],
            _ => &[],
        }
    }

    /// Rules that may flag it as well, since the same cause shows in several ways.
    pub const fn allowed(self) -> &'static [&'static str] {
        match self {
            Self::ExceedHour | Self::LimitTightened => &["E02", "E03", "E09", "E10", "Q08", "Q09"],
            Self::ExceedDayAir | Self::ExceedDayWater => &["E05", "E09", "E10", "Q10"],
            Self::Constant => &["Q02", "Q25", "Q34"],
            Self::Zero => &["Q01", "Q25", "Q34"],
            Self::Negative => &["Q34"],
            Self::Spike => &["E09", "E10", "Q08"],
            Self::Dilution => &["Q08", "Q25", "Q35"],
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
            Self::OverRange => &["E02", "E03", "E09", "E10", "E11", "Q08"],
            // The hour packets that come again are neither the mean of the minutes nor the mass
            // that goes with it.
            Self::Rewritten => &["E02", "E03", "E09", "E10", "E11", "Q08", "Q15", "Q17"],
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
            _ => &[],
        }
    }

    /// Faults in the order in which they are placed.
    pub(crate) const FAULTS: [Self; 21] = [
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
    ];

    /// Look-alikes in the order in which they are placed.
    pub(crate) const DECOYS: [Self; 5] = [
        Self::MarkedExceed,
        Self::RelaxedLimit,
        Self::GapBackfilled,
        Self::AtLimit,
        Self::FiledChange,
    ];
}
