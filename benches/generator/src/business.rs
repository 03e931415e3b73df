//! Lines of business and what their discharge standards ask.
//!
//! Limits and reference oxygen are those of the national standard named with them, or of a typical
//! local tightening where that is what permits carry.

/// What leaves through an outlet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Medium {
    /// Waste gas.
    Air,
    /// Wastewater.
    Water,
}

impl Medium {
    /// `air` or `water`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Air => "air",
            Self::Water => "water",
        }
    }
}

/// The line of business, which decides standard, limits and reference oxygen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Business {
    /// Coal-fired power, GB 13223, reference oxygen 6 %.
    Power,
    /// Municipal sewage works, GB 18918 grade 1A.
    Sewage,
    /// Waste incineration, GB 18485, reference oxygen 11 %.
    Incineration,
    /// Chemical process gas, GB 16297, no reference oxygen: limits on the measured value.
    Chemicals,
    /// Industrial wastewater.
    Paper,
    /// Industrial boiler, GB 13271, reference oxygen 9 %.
    Boiler,
    /// Cement kiln, GB 4915, reference oxygen 10 %.
    Cement,
}

impl Business {
    /// Every kind; units take turns.
    pub(crate) const ALL: [Self; 7] = [
        Self::Power,
        Self::Sewage,
        Self::Incineration,
        Self::Chemicals,
        Self::Paper,
        Self::Boiler,
        Self::Cement,
    ];

    /// Medium of the main outlet.
    pub const fn medium(self) -> Medium {
        match self {
            Self::Sewage | Self::Paper => Medium::Water,
            _ => Medium::Air,
        }
    }

    /// Reference oxygen, %.
    pub const fn reference_oxygen(self) -> Option<f64> {
        match self {
            Self::Power => Some(6.0),
            Self::Incineration => Some(11.0),
            Self::Boiler => Some(9.0),
            Self::Cement => Some(10.0),
            _ => None,
        }
    }

    /// Oxygen in normal operation, %.
    pub(crate) const fn oxygen(self) -> f64 {
        match self {
            Self::Power => 7.2,
            Self::Incineration => 9.6,
            Self::Boiler => 10.4,
            Self::Cement => 11.2,
            _ => 13.0,
        }
    }

    /// Industry code of GB/T 4754.
    pub const fn industry(self) -> &'static str {
        match self {
            Self::Power => "4411",
            Self::Sewage => "4620",
            Self::Incineration => "4417",
            Self::Chemicals => "2614",
            Self::Paper => "2221",
            Self::Boiler => "4430",
            Self::Cement => "3011",
        }
    }

    /// Standard of the waste-gas or wastewater limits.
    pub const fn standard(self, medium: Medium) -> &'static str {
        match (self, medium) {
            (Self::Power, Medium::Air) => "GB 13223-2011",
            (Self::Incineration, Medium::Air) => "GB 18485-2014",
            (Self::Boiler, Medium::Air) => "GB 13271-2014",
            (Self::Cement, Medium::Air) => "GB 4915-2013",
            (_, Medium::Air) => "GB 16297-1996",
            (Self::Sewage, Medium::Water) => "GB 18918-2002",
            (_, Medium::Water) => "GB 8978-1996",
        }
    }

    /// Second half of an invented name.
    pub(crate) const fn trade(self) -> &'static str {
        match self {
            Self::Power => "热电有限公司",
            Self::Sewage => "污水处理有限公司",
            Self::Incineration => "环保能源有限公司",
            Self::Chemicals => "化工有限公司",
            Self::Paper => "纸业有限公司",
            Self::Boiler => "供热有限公司",
            Self::Cement => "水泥有限公司",
        }
    }

    /// Hourly and daily limit of a pollutant, mg/m3 at the limit's basis or mg/L. Wastewater has
    /// daily limits only.
    pub(crate) fn limits(self, code: &str) -> (Option<f64>, f64) {
        let hour = match (self, code) {
            (Self::Incineration, "a21026") => return (Some(100.0), 80.0),
            (Self::Incineration, "a21002") => return (Some(300.0), 250.0),
            (Self::Incineration, "a34013") => return (Some(30.0), 20.0),
            (Self::Incineration, "a21024") => return (Some(60.0), 50.0),
            (Self::Incineration, "a21005") => return (Some(100.0), 80.0),
            (Self::Sewage, "w01018") => return (None, 50.0),
            (Self::Sewage, "w21003") => return (None, 5.0),
            (Self::Sewage, "w21011") => return (None, 0.5),
            (Self::Sewage, "w21001") => return (None, 15.0),
            (_, "w01018") => return (None, 80.0),
            (_, "w21003") => return (None, 8.0),
            (_, "w21011") => return (None, 1.0),
            (_, "w21001") => return (None, 20.0),
            (_, "w01012") => return (None, 50.0),
            (_, "w22001") => return (None, 5.0),
            (_, "w20117") => return (None, 200.0),
            (_, "w20123") => return (None, 2.0),
            (_, code) if code.starts_with('w') => return (None, 0.5),
            (Self::Power, "a21026") => 35.0,
            (Self::Power, "a21002") => 50.0,
            (Self::Cement, "a21026") => 50.0,
            (Self::Boiler, "a21026") => 50.0,
            (Self::Chemicals, "a34013") => 20.0,
            (_, "a34013") => 10.0,
            (_, "a21024") => 30.0,
            (_, "a21018") => 5.0,
            _ => 100.0,
        };
        (Some(hour), hour * 0.8)
    }
}
