//! The closed lists of a permit document: each value has one text, in messages and in tables.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Defines a closed list: an enum that reads and writes its texts.
macro_rules! codes {
    ($(#[$doc:meta])* $name:ident { $($(#[$item:meta])* $variant:ident = $code:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
        pub enum $name {
            $($(#[$item])* #[serde(rename = $code)] $variant,)+
        }

        impl $name {
            /// Every value, in the order of the documentation.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The text in messages and tables.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $code,)+
                }
            }
        }
    };
}
pub(in crate::wire) use codes;

codes! {
    /// What an outlet discharges into.
    Medium {
        /// Waste gas.
        Air = "air",
        /// Waste water.
        Water = "water",
    }
}

codes! {
    /// How a pollutant is monitored.
    MonitoringMethod {
        /// By an instrument that reports through a data logger.
        Auto = "auto",
        /// By sampling.
        Manual = "manual",
    }
}

codes! {
    /// Management class of the unit.
    MgmtClass {
        /// Key management.
        Key = "key",
        /// Simplified management.
        Simplified = "simplified",
        /// Registration only.
        Registration = "registration",
    }
}

codes! {
    /// Legal status of the permit.
    PermitStatus {
        /// In force.
        Valid = "valid",
        /// Run out.
        Expired = "expired",
        /// Given back or cancelled.
        Cancelled = "cancelled",
        /// Revoked by the authority.
        Revoked = "revoked",
        /// Suspended.
        Suspended = "suspended",
        /// A change is being handled; the permit stays in force.
        Changing = "changing",
    }
}

codes! {
    /// Environmental element for which a unit is a key unit.
    KeyElement {
        /// Water environment.
        Water = "water",
        /// Atmospheric environment.
        Air = "air",
        /// Soil.
        Soil = "soil",
        /// Environmental risk.
        Risk = "risk",
    }
}

codes! {
    /// Grade of the unit for heavy-pollution emergencies.
    EmergencyGrade {
        /// Leading enterprise.
        Leading = "leading",
        /// Grade A.
        A = "A",
        /// Grade B.
        B = "B",
        /// Grade B minus.
        BMinus = "B-",
        /// Grade C.
        C = "C",
        /// Grade D.
        D = "D",
    }
}

codes! {
    /// Rank of an outlet.
    OutletKind {
        /// Main outlet: concentration and mass are limited.
        Main = "main",
        /// General outlet: concentration is limited.
        General = "general",
    }
}

codes! {
    /// How an outlet discharges.
    DischargeMode {
        /// Continuous.
        Continuous = "continuous",
        /// Intermittent.
        Intermittent = "intermittent",
    }
}

codes! {
    /// What a concentration limit is compared with.
    Basis {
        /// The value as measured.
        Raw = "raw",
        /// The value converted to reference oxygen.
        Converted = "converted",
    }
}

codes! {
    /// The mean a limit is for.
    Averaging {
        /// Hourly mean.
        Hour = "hour",
        /// Daily mean.
        Day = "day",
        /// Monthly mean.
        Month = "month",
    }
}

codes! {
    /// What a permitted mass covers.
    MassLevel {
        /// One outlet.
        Outlet = "outlet",
        /// All main outlets.
        MainTotal = "main_total",
        /// All general outlets.
        GeneralTotal = "general_total",
        /// All organised emissions of the plant.
        OrganisedTotal = "organised_total",
        /// Fugitive emissions.
        Fugitive = "fugitive",
        /// The whole plant.
        PlantTotal = "plant_total",
    }
}

codes! {
    /// Kind of a special period.
    PeriodKind {
        /// Heavy-pollution warning.
        HeavyPollution = "heavy_pollution",
        /// Staggered (off-peak) production.
        Staggered = "staggered",
        /// Any other special clause.
        Other = "other",
    }
}

codes! {
    /// Warning level of a heavy-pollution period.
    WarningLevel {
        /// Yellow.
        Yellow = "yellow",
        /// Orange.
        Orange = "orange",
        /// Red, the highest.
        Red = "red",
    }
}

/// How the five permit years are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema, Default)]
#[serde(rename_all = "snake_case")]
pub enum YearBasis {
    /// Year 1 is the calendar year in which the permit becomes valid.
    #[default]
    Calendar,
    /// Year 1 begins on the day the permit becomes valid.
    Anniversary,
}
