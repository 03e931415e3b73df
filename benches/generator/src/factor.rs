//! What is measured, how finely, and how it follows the load of the plant.
//!
//! Codes and units are those of HJ 212-2017 tables B.1 and B.2; the three-character codes are those
//! of HJ/T 212-2005 for the same medium. Decimals are the instrument's, one more than the standard's
//! default format where instruments in the field resolve more.

/// How a factor behaves in the process model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// A regulated concentration, mg/m3 (air) or mg/L (water).
    Pollutant,
    /// Oxygen in flue gas, %: falls when the load rises.
    Oxygen,
    /// Flow, m3/s (air) or L/s (water): proportional to load.
    Flow,
    /// Follows load weakly (temperature, velocity, humidity, conductivity).
    Condition,
    /// Static pressure, kPa: negative in normal operation.
    Pressure,
    /// pH: varies around a set point.
    Ph,
}

/// One kind of measurement.
#[derive(Debug, PartialEq)]
pub struct Factor {
    /// Canonical code (HJ 212-2017).
    pub code: &'static str,
    /// Code of HJ/T 212-2005, where there is one.
    pub old_code: Option<&'static str>,
    /// Behaviour.
    pub role: Role,
    /// Decimals of the instrument; hour and day means carry one more.
    pub decimals: u8,
    /// Level in normal operation. For pollutants: share of the limit.
    pub base: f64,
    /// Level when the outlet is stopped, where it is not zero.
    pub stopped: f64,
    /// Relative standard deviation of the noise.
    pub noise: f64,
    /// How strongly the level follows the load (0 not at all, 1 proportionally).
    pub load: f64,
    /// Whether a converted value is reported as well, where the plant has a reference oxygen.
    pub converted: bool,
}

const fn factor(
    code: &'static str,
    old_code: Option<&'static str>,
    role: Role,
    decimals: u8,
) -> Factor {
    Factor {
        code,
        old_code,
        role,
        decimals,
        base: 0.0,
        stopped: 0.0,
        noise: 0.03,
        load: 0.3,
        converted: false,
    }
}

const fn pollutant(
    code: &'static str,
    old_code: &'static str,
    decimals: u8,
    base: f64,
    converted: bool,
) -> Factor {
    Factor {
        base,
        noise: 0.07,
        load: 0.5,
        converted,
        ..factor(code, Some(old_code), Role::Pollutant, decimals)
    }
}

/// Factors of waste-gas outlets, most important first: a point with `n` factors has the first `n`.
pub const AIR: [Factor; 12] = [
    pollutant("a21026", "02", 2, 0.18, true),
    pollutant("a21002", "03", 2, 0.55, true),
    pollutant("a34013", "01", 2, 0.35, true),
    Factor {
        base: 0.0,
        stopped: 20.9,
        noise: 0.012,
        load: -0.15,
        ..factor("a19001", Some("S01"), Role::Oxygen, 2)
    },
    Factor {
        base: 55.0,
        noise: 0.02,
        load: 1.0,
        ..factor("a00000", Some("B02"), Role::Flow, 2)
    },
    Factor {
        base: 118.0,
        stopped: 31.5,
        noise: 0.01,
        load: 0.1,
        ..factor("a01012", Some("S03"), Role::Condition, 1)
    },
    Factor {
        base: 12.5,
        noise: 0.02,
        load: 0.9,
        ..factor("a01011", Some("S02"), Role::Condition, 2)
    },
    Factor {
        base: 9.8,
        stopped: 2.1,
        noise: 0.02,
        load: 0.1,
        ..factor("a01014", Some("S05"), Role::Condition, 2)
    },
    Factor {
        base: -0.35,
        stopped: -0.01,
        noise: 0.08,
        load: 0.3,
        ..factor("a01013", Some("S08"), Role::Pressure, 3)
    },
    pollutant("a21005", "04", 2, 0.30, true),
    pollutant("a21024", "08", 2, 0.28, true),
    pollutant("a21018", "06", 3, 0.25, true),
];

/// Factors of wastewater outlets, most important first.
pub const WATER: [Factor; 12] = [
    pollutant("w01018", "011", 2, 0.52, false),
    pollutant("w21003", "060", 3, 0.28, false),
    pollutant("w21011", "101", 3, 0.42, false),
    pollutant("w21001", "065", 3, 0.58, false),
    Factor {
        base: 120.0,
        noise: 0.03,
        load: 1.0,
        ..factor("w00000", Some("B01"), Role::Flow, 2)
    },
    Factor {
        base: 7.4,
        stopped: 7.1,
        noise: 0.012,
        load: 0.0,
        ..factor("w01001", Some("001"), Role::Ph, 2)
    },
    pollutant("w01012", "003", 1, 0.40, false),
    pollutant("w22001", "080", 3, 0.20, false),
    pollutant("w20117", "024", 3, 0.15, false),
    pollutant("w21016", "070", 4, 0.12, false),
    pollutant("w20122", "029", 3, 0.22, false),
    pollutant("w20123", "030", 3, 0.25, false),
];

/// Index of oxygen in [`AIR`].
pub const OXYGEN: usize = 3;
/// Index of the temperature in [`AIR`].
pub const TEMPERATURE: usize = 5;
/// Index of the velocity in [`AIR`].
pub const VELOCITY: usize = 6;
/// Index of humidity in [`AIR`].
pub const HUMIDITY: usize = 7;
/// Index of the static pressure in [`AIR`].
pub const PRESSURE: usize = 8;
/// Index of pH in [`WATER`].
pub const PH: usize = 5;
/// Index of the flow in [`AIR`] and in [`WATER`].
pub const FLOW: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_are_what_their_names_say() {
        assert_eq!(AIR[OXYGEN].role, Role::Oxygen);
        assert_eq!(AIR[HUMIDITY].code, "a01014");
        assert_eq!(AIR[TEMPERATURE].code, "a01012");
        assert_eq!(AIR[VELOCITY].code, "a01011");
        assert_eq!(AIR[PRESSURE].code, "a01013");
        assert_eq!(WATER[PH].role, Role::Ph);
        assert_eq!(AIR[FLOW].role, Role::Flow);
        assert_eq!(WATER[FLOW].role, Role::Flow);
    }

    #[test]
    fn codes_are_unique_within_a_medium() {
        for table in [&AIR, &WATER] {
            let mut codes: Vec<_> = table
                .iter()
                .flat_map(|f| [Some(f.code), f.old_code])
                .flatten()
                .collect();
            let all = codes.len();
            codes.sort_unstable();
            codes.dedup();
            assert_eq!(codes.len(), all);
        }
    }
}
