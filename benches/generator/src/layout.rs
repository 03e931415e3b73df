//! Who discharges: units, their outlets and the monitoring points at them.
//!
//! Units come in kinds (power plant, waste incinerator, ...), each with the pollutants, limits and
//! reference oxygen of its standard. A unit has one to three outlets and one permit; every outlet
//! has one monitoring point with an MN of its own. All names are invented; codes have valid check
//! digits (GB 32100, GB 11714).

pub use crate::business::{Business, Medium};
use crate::factor::{AIR, Factor, WATER};
use crate::noise::{Domain, Noise};
use crate::scale::Scale;

/// Edition of HJ 212 a logger speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Edition {
    /// HJ/T 212-2005: three-character codes, no version in Flag.
    E2005,
    /// HJ 212-2017.
    E2017,
    /// HJ 212-2025: RF marks back-filled packets.
    E2025,
}

impl Edition {
    /// The year.
    pub const fn year(self) -> i16 {
        match self {
            Self::E2005 => 2005,
            Self::E2017 => 2017,
            Self::E2025 => 2025,
        }
    }
}

/// One factor at one point.
#[derive(Debug, Clone)]
pub struct Channel {
    /// What is measured.
    pub factor: &'static Factor,
    /// Code as this logger writes it.
    pub wire_code: &'static str,
    /// Level in normal operation at full load, as measured.
    pub base: f64,
    /// Whether a converted value is sent.
    pub converted: bool,
    /// Hourly limit on the limit's basis.
    pub hour_limit: Option<f64>,
    /// Daily limit on the limit's basis.
    pub day_limit: Option<f64>,
}

/// A monitoring point: the instruments at one outlet, behind one logger.
#[derive(Debug, Clone)]
pub struct Point {
    /// Position in the province.
    pub index: usize,
    /// Position of the unit.
    pub unit: usize,
    /// Station number.
    pub mn: String,
    /// Waste gas or wastewater.
    pub medium: Medium,
    /// Edition of the logger.
    pub edition: Edition,
    /// Reports as JSON through a platform instead of HJ 212.
    pub json: bool,
    /// Its logger sends some packets with a MODBUS CRC.
    pub modbus: bool,
    /// `DA001`, `DW001`, ...
    pub outlet_code: String,
    /// Permit number and outlet code.
    pub outlet_uid: String,
    /// Line of business of the unit.
    pub business: Business,
    /// Reference oxygen of the limits, %; none for limits on measured values.
    pub reference_oxygen: Option<f64>,
    /// Oxygen in normal operation, %.
    pub oxygen: f64,
    /// Factors in the order they are sent.
    pub channels: Vec<Channel>,
}

/// Upper end of an analyser's measuring range, as a multiple of the hourly limit at the level it is
/// measured at in normal operation.
pub(crate) const RANGE_OF_LIMIT: f64 = 3.0;

impl Point {
    /// Whether its logger reports the power of production and treatment (ST 44 of the 2025 edition).
    pub fn has_power(&self) -> bool {
        self.edition == Edition::E2025 && self.medium == Medium::Air && !self.json
    }

    /// Upper end of the measuring range of a channel, as measured; none without an hourly limit.
    pub fn range(&self, channel: usize) -> Option<f64> {
        let channel = self.channels.get(channel)?;
        let basis = match self.reference_oxygen {
            Some(reference) if channel.converted => (21.0 - self.oxygen) / (21.0 - reference),
            _ => 1.0,
        };
        Some((channel.hour_limit? * RANGE_OF_LIMIT * basis).round())
    }

    /// Cross-section of the duct in m2, to four decimals; none where velocity, temperature, humidity
    /// and pressure are not all measured.
    pub fn cross_section(&self) -> Option<f64> {
        use crate::factor::{FLOW, HUMIDITY, PRESSURE, TEMPERATURE, VELOCITY};
        if self.medium != Medium::Air {
            return None;
        }
        let base = |at: usize| self.channels.get(at).map(|channel| channel.base);
        let state =
            crate::process::standard_state(base(TEMPERATURE)?, base(PRESSURE)?, base(HUMIDITY)?);
        Some((base(FLOW)? / (base(VELOCITY)? * state) * 1e4).round() / 1e4)
    }

    /// Whether its permit limits the mass rate (kg/h), as GB 16297 does.
    pub fn has_rate_limit(&self) -> bool {
        self.medium == Medium::Air && self.reference_oxygen.is_none()
    }

    /// Position of oxygen among the channels.
    pub fn oxygen_channel(&self) -> Option<usize> {
        (self.medium == Medium::Air)
            .then_some(crate::factor::OXYGEN)
            .filter(|at| *at < self.channels.len())
    }

    /// Position of the flow among the channels.
    pub fn flow_channel(&self) -> Option<usize> {
        Some(crate::factor::FLOW).filter(|at| *at < self.channels.len())
    }

    /// System code: 31 waste gas, 32 wastewater.
    pub const fn st(&self) -> &'static str {
        match self.medium {
            Medium::Air => "31",
            Medium::Water => "32",
        }
    }
}

/// A unit that discharges, with one permit.
#[derive(Debug, Clone)]
pub struct Unit {
    /// Position in the province.
    pub index: usize,
    /// Invented name.
    pub name: String,
    /// Unified social credit code, valid check digit.
    pub uscc: String,
    /// Permit number: credit code, three digits, `P`.
    pub permit_no: String,
    /// County-level administrative code (GB/T 2260).
    pub admin_code: &'static str,
    /// Code of the sub-bureau in charge.
    pub org_code: String,
    /// Line of business.
    pub business: Business,
    /// Its monitoring points.
    pub points: std::ops::Range<usize>,
}

/// Units and points.
#[derive(Debug, Clone)]
pub struct Layout {
    /// All units.
    pub units: Vec<Unit>,
    /// All points; those of one unit are neighbours.
    pub points: Vec<Point>,
}

const COUNTIES: [(&str, &str); 5] = [
    ("370502", "东营区"),
    ("370503", "河口区"),
    ("370505", "垦利区"),
    ("370522", "利津县"),
    ("370523", "广饶县"),
];

/// Points per unit, by position of the unit. Units with one point come often, since what concerns
/// a permit as a whole is injected there.
const UNIT_SIZES: [usize; 5] = [1, 1, 2, 1, 3];

impl Layout {
    /// The units and points of a scale.
    pub fn new(scale: &Scale) -> Self {
        let mut noise = Noise::new(scale.seed, Domain::Layout, 0);
        let json_every = if scale.json_rate > 0.0 {
            (1.0 / scale.json_rate).round() as usize
        } else {
            usize::MAX
        };
        let mut layout = Self {
            units: Vec::new(),
            points: Vec::with_capacity(scale.points),
        };
        while layout.points.len() < scale.points {
            let index = layout.units.len();
            let size = UNIT_SIZES[index % UNIT_SIZES.len()].min(scale.points - layout.points.len());
            let business = Business::ALL[index % Business::ALL.len()];
            let (admin_code, county) = COUNTIES[noise.below(COUNTIES.len())];
            let uscc = credit_code(admin_code, &mut noise);
            let first = layout.points.len();
            let unit = Unit {
                index,
                name: format!("{county}示例{:04}号{}", index + 1, business.trade()),
                permit_no: format!("{uscc}001P"),
                uscc,
                admin_code,
                org_code: admin_code.to_owned(),
                business,
                points: first..first + size,
            };
            for at in 0..size {
                layout
                    .points
                    .push(point(scale, &unit, at, json_every, &mut noise));
            }
            layout.units.push(unit);
        }
        layout
    }
}

fn point(scale: &Scale, unit: &Unit, at: usize, json_every: usize, noise: &mut Noise) -> Point {
    let index = unit.points.start + at;
    let business = unit.business;
    let medium = match (business.medium(), at) {
        (Medium::Water, _) | (Medium::Air, 1) => Medium::Water,
        (Medium::Air, _) => Medium::Air,
    };
    let number = if medium == business.medium() && at == 2 {
        2
    } else {
        1 + at / 2
    };
    let number = if business.medium() == Medium::Water {
        at + 1
    } else {
        number
    };
    let outlet_code = format!(
        "D{}{number:03}",
        if medium == Medium::Air { 'A' } else { 'W' }
    );
    // Every tenth logger is old, three in ten already speak the newest edition.
    let edition = match index % 10 {
        6 => Edition::E2005,
        1 | 4 | 8 => Edition::E2025,
        _ => Edition::E2017,
    };
    let mn = match edition {
        Edition::E2005 => format!("{}{:08}", unit.admin_code, index),
        Edition::E2017 if index.is_multiple_of(3) => format!("{}Y{index:07}", unit.admin_code),
        Edition::E2017 | Edition::E2025 => format!("A{:016X}{index:07X}", noise.bits()),
    };
    let reference_oxygen = (medium == Medium::Air)
        .then(|| business.reference_oxygen())
        .flatten();
    let oxygen = business.oxygen() + noise.between(-0.5, 0.5);
    let size = noise.between(0.6, 1.6);
    let table = if medium == Medium::Air { &AIR } else { &WATER };
    let channels = table[..scale.factors.min(table.len())]
        .iter()
        .map(|factor| {
            let pollutant = factor.role == crate::factor::Role::Pollutant;
            let (hour_limit, day_limit) = if pollutant {
                business.limits(factor.code)
            } else {
                (None, 0.0)
            };
            let level = hour_limit.unwrap_or(day_limit);
            let converted = factor.converted && reference_oxygen.is_some();
            let base = match factor.role {
                crate::factor::Role::Pollutant => {
                    let at_basis = level * factor.base * noise.between(0.85, 1.15);
                    match reference_oxygen {
                        Some(reference) if converted => {
                            at_basis * (21.0 - oxygen) / (21.0 - reference)
                        }
                        _ => at_basis,
                    }
                }
                crate::factor::Role::Oxygen => oxygen,
                crate::factor::Role::Flow => factor.base * size,
                _ => factor.base * noise.between(0.93, 1.07),
            };
            Channel {
                factor,
                wire_code: match edition {
                    Edition::E2005 => factor.old_code.unwrap_or(factor.code),
                    _ => factor.code,
                },
                base,
                converted,
                hour_limit,
                day_limit: pollutant.then_some(day_limit),
            }
        })
        .collect();
    Point {
        index,
        unit: unit.index,
        mn,
        medium,
        edition,
        json: index % json_every == json_every - 1,
        modbus: index % 10 == 3,
        outlet_uid: format!("{}{outlet_code}", unit.permit_no),
        outlet_code,
        business,
        reference_oxygen,
        oxygen,
        channels,
    }
}

/// A unified social credit code (GB 32100-2015) whose organisation part (GB 11714) and whole carry
/// valid check characters.
pub(crate) fn credit_code(admin_code: &str, noise: &mut Noise) -> String {
    // Of the organisation part `MA......c` the first two characters count 22 and 10.
    const WEIGHTS: [u32; 6] = [9, 10, 5, 8, 4, 2];
    let mut code = format!("91{admin_code}MA");
    let mut sum: u32 = 22 * 3 + 10 * 7;
    for weight in WEIGHTS {
        let digit = noise.below(10) as u8;
        code.push(char::from(b'0' + digit));
        sum += u32::from(digit) * weight;
    }
    code.push(match (11 - sum % 11) % 11 {
        10 => 'X',
        digit => char::from(b'0' + digit as u8),
    });
    // Seventeen characters of the code's alphabet always have a check character.
    let check = nonsite_schemas::wire::code::uscc_check_character(&code);
    code.extend(check);
    code
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_unique_and_kinds_are_mixed() {
        let layout = Layout::new(&Scale {
            points: 300,
            ..Scale::default()
        });
        assert_eq!(layout.points.len(), 300);
        let unique = |mut all: Vec<&str>| {
            let count = all.len();
            all.sort_unstable();
            all.dedup();
            assert_eq!(all.len(), count);
        };
        unique(
            layout
                .points
                .iter()
                .map(|point| point.mn.as_str())
                .collect(),
        );
        unique(
            layout
                .points
                .iter()
                .map(|point| point.outlet_uid.as_str())
                .collect(),
        );
        unique(
            layout
                .units
                .iter()
                .map(|unit| unit.permit_no.as_str())
                .collect(),
        );
        for edition in [Edition::E2005, Edition::E2017, Edition::E2025] {
            assert!(
                layout
                    .points
                    .iter()
                    .filter(|point| point.edition == edition)
                    .count()
                    >= 30
            );
        }
        let water = layout
            .points
            .iter()
            .filter(|point| point.medium == Medium::Water)
            .count();
        assert!((60..200).contains(&water), "{water}");
        assert!(layout.points.iter().any(|point| point.json));
    }

    #[test]
    fn permit_numbers_have_the_form_of_hj_608() {
        let layout = Layout::new(&Scale::default());
        for unit in &layout.units {
            assert_eq!(
                nonsite_schemas::wire::code::permit_no_fault(&unit.permit_no),
                None
            );
        }
    }

    #[test]
    fn a_small_province_has_both_media() {
        let layout = Layout::new(&Scale {
            points: 4,
            ..Scale::default()
        });
        assert!(
            layout
                .points
                .iter()
                .any(|point| point.medium == Medium::Air)
        );
        assert!(
            layout
                .points
                .iter()
                .any(|point| point.medium == Medium::Water)
        );
    }
}
