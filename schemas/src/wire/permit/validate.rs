//! What makes a permit document good enough to judge by.
//!
//! Checked is what a judgement would rest on: who, since when, which outlet, which limit. A fault
//! in any of it makes the whole document unusable, since limits of half a permit would be worse
//! than the open question.

use std::collections::HashSet;

use super::{
    Averaging, Basis, Binding, Limit, MassLevel, MassLimit, Medium, MonitoringDuty,
    MonitoringMethod, Outlet, Permit,
};
use crate::reason::Reason;
use crate::wire::Instant;
use crate::wire::code::{outlet_medium, permit_no_fault, uscc_fault};
use crate::wire::document::Kind;
use crate::wire::fault::{Fault, Faults};

/// Oxygen in ambient air, percent by volume: reference oxygen lies below it.
const AMBIENT_O2: f64 = 21.0;

impl Kind for Permit {
    const UNIDENTIFIED: Reason = Reason::PermitFault;

    fn missing_identity(&self) -> Option<&'static str> {
        if self.permit_no.trim().is_empty() {
            Some("permit_no")
        } else if self.issued_at == Instant::default() {
            Some("issued_at")
        } else {
            None
        }
    }

    fn validate(&self) -> Vec<Fault> {
        Self::validate(self)
    }
}

impl Permit {
    /// Everything wrong with the values of this document, each with the path of its field.
    pub fn validate(&self) -> Vec<Fault> {
        let mut faults = Faults::default();
        self.check_unit(&mut faults);
        self.check_validity(&mut faults);
        let codes = self.check_outlets(&mut faults);
        self.check_periods(&mut faults);
        for (i, mass) in self.mass_limits.iter().enumerate() {
            self.check_mass(mass, &codes, &format!("mass_limits[{i}]"), &mut faults);
        }
        for (i, binding) in self.bindings.iter().enumerate() {
            check_binding(binding, &codes, &format!("bindings[{i}]"), &mut faults);
        }
        for (i, duty) in self.monitoring.iter().enumerate() {
            check_duty(duty, &codes, &format!("monitoring[{i}]"), &mut faults);
        }
        faults.into_vec()
    }

    fn check_unit(&self, faults: &mut Faults) {
        if let Some(fault) = permit_no_fault(&self.permit_no) {
            faults.add("permit_no", fault);
        }
        if let Some(fault) = uscc_fault(&self.uscc) {
            faults.add("uscc", fault);
        } else if !self.permit_no.starts_with(&self.uscc) {
            faults.add(
                "uscc",
                format!("is `{}` but permit_no begins with another code", self.uscc),
            );
        }
        faults.text(&self.unit_name, "unit_name");
        faults.within(self.longitude, -180.0, 180.0, "longitude");
        faults.within(self.latitude, -90.0, 90.0, "latitude");
        if let Some(code) = &self.admin_code {
            let good = code.len() == 6 && code.bytes().all(|byte| byte.is_ascii_digit());
            faults.require(good, "admin_code", "must be 6 digits (GB/T 2260)");
        }
        for (i, code) in self.industry_codes.iter().enumerate() {
            let digits = code
                .strip_prefix(|c: char| c.is_ascii_uppercase())
                .unwrap_or(code);
            let good = digits.len() == 4 && digits.bytes().all(|byte| byte.is_ascii_digit());
            faults.require(
                good,
                format!("industry_codes[{i}]"),
                "must be 4 digits, with or without the section letter (GB/T 4754)",
            );
        }
    }

    fn check_validity(&self, faults: &mut Faults) {
        faults.require(self.version >= 1, "version", "must be >= 1");
        faults.given(self.mgmt_class.as_ref(), "mgmt_class");
        faults.given(self.status.as_ref(), "status");
        faults.given(self.valid_from.as_ref(), "valid_from");
        faults.given(self.valid_to.as_ref(), "valid_to");
        if let (Some(from), Some(to)) = (self.valid_from, self.valid_to) {
            faults.require(from <= to, "valid_to", "must not be before valid_from");
        }
    }

    /// Checks the outlets and gives their codes.
    fn check_outlets(&self, faults: &mut Faults) -> HashSet<&str> {
        faults.require(
            !self.outlets.is_empty(),
            "outlets",
            "must name at least one outlet",
        );
        let mut codes = HashSet::new();
        for (i, outlet) in self.outlets.iter().enumerate() {
            let at = format!("outlets[{i}]");
            if outlet.code.is_empty() {
                faults.add(format!("{at}.code"), "is missing");
            } else if !codes.insert(outlet.code.as_str()) {
                faults.add(
                    format!("{at}.code"),
                    format!("`{}` is given twice", outlet.code),
                );
            }
            self.check_outlet(outlet, &at, faults);
        }
        codes
    }

    fn check_outlet(&self, outlet: &Outlet, at: &str, faults: &mut Faults) {
        let by_code = outlet_medium(&outlet.code);
        if by_code.is_none() && !outlet.code.is_empty() {
            faults.add(
                format!("{at}.code"),
                format!(
                    "`{}` must be DA or DW with three digits (HJ 608)",
                    outlet.code
                ),
            );
        }
        if let (Some(given), Some(by_code)) = (outlet.medium, by_code)
            && given != by_code
        {
            faults.add(
                format!("{at}.medium"),
                format!(
                    "is {} but {} discharges into {}",
                    given.as_str(),
                    outlet.code,
                    by_code.as_str()
                ),
            );
        }
        faults.given(outlet.kind.as_ref(), format!("{at}.kind"));
        faults.within(outlet.longitude, -180.0, 180.0, format!("{at}.longitude"));
        faults.within(outlet.latitude, -90.0, 90.0, format!("{at}.latitude"));
        faults.positive(outlet.height_m, format!("{at}.height_m"));
        faults.positive(outlet.inner_diameter_m, format!("{at}.inner_diameter_m"));
        let medium = outlet.medium();
        for (i, limit) in outlet.limits.iter().enumerate() {
            let at = format!("{at}.limits[{i}]");
            self.check_limit(limit, medium, &at, faults);
            let same = |other: &&Limit| limit.is_same_case(other);
            if let Some(first) = outlet.limits[..i].iter().position(|other| same(&other)) {
                faults.add(at, format!("is for the same case as limits[{first}]"));
            }
        }
    }

    fn check_limit(&self, limit: &Limit, medium: Option<Medium>, at: &str, faults: &mut Faults) {
        check_factor(&limit.factor, medium, &format!("{at}.factor"), faults);
        let concentration = limit.conc_limit.is_some() || limit.low_limit.is_some();
        faults.require(
            concentration || limit.rate_limit_kg_h.is_some(),
            format!("{at}.conc_limit"),
            "is missing, and there is no rate_limit_kg_h either",
        );
        faults.positive(limit.conc_limit, format!("{at}.conc_limit"));
        faults.positive(limit.rate_limit_kg_h, format!("{at}.rate_limit_kg_h"));
        if let Some(low) = limit.low_limit {
            let below = limit.conc_limit.is_none_or(|high| low < high);
            faults.require(
                low.is_finite() && low >= 0.0 && below,
                format!("{at}.low_limit"),
                "must be >= 0 and below conc_limit",
            );
        }
        if concentration {
            faults.text(
                limit.unit.as_deref().unwrap_or_default(),
                format!("{at}.unit"),
            );
            if medium == Some(Medium::Air) {
                faults.given(limit.basis.as_ref(), format!("{at}.basis"));
            }
        }
        if limit.basis == Some(Basis::Converted) {
            faults.given(limit.ref_o2.as_ref(), format!("{at}.ref_o2"));
        }
        if let Some(oxygen) = limit.ref_o2 {
            faults.require(
                oxygen > 0.0 && oxygen < AMBIENT_O2,
                format!("{at}.ref_o2"),
                "must be > 0 and < 21 percent",
            );
        }
        self.check_period_id(limit.period_id.as_deref(), at, faults);
        check_order(limit.valid_from, limit.valid_to, at, faults);
    }

    fn check_period_id(&self, period: Option<&str>, at: &str, faults: &mut Faults) {
        if let Some(id) = period
            && !self
                .special_periods
                .iter()
                .any(|period| period.period_id == id)
        {
            faults.add(
                format!("{at}.period_id"),
                format!("`{id}` is not among special_periods"),
            );
        }
    }

    fn check_periods(&self, faults: &mut Faults) {
        let mut ids = HashSet::new();
        for (i, period) in self.special_periods.iter().enumerate() {
            let at = format!("special_periods[{i}]");
            if period.period_id.trim().is_empty() {
                faults.add(format!("{at}.period_id"), "is missing");
            } else if !ids.insert(period.period_id.as_str()) {
                faults.add(
                    format!("{at}.period_id"),
                    format!("`{}` is given twice", period.period_id),
                );
            }
            faults.given(period.kind.as_ref(), format!("{at}.kind"));
            faults.given(period.starts_at.as_ref(), format!("{at}.starts_at"));
            faults.given(period.ends_at.as_ref(), format!("{at}.ends_at"));
            if let (Some(from), Some(to)) = (period.starts_at, period.ends_at) {
                faults.require(
                    from < to,
                    format!("{at}.ends_at"),
                    "must be after starts_at",
                );
            }
        }
    }

    fn check_mass(&self, mass: &MassLimit, codes: &HashSet<&str>, at: &str, faults: &mut Faults) {
        faults.given(mass.level.as_ref(), format!("{at}.level"));
        let medium = mass.outlet.as_deref().and_then(outlet_medium);
        check_factor(&mass.factor, medium, &format!("{at}.factor"), faults);
        match (mass.level, mass.outlet.as_deref()) {
            (Some(MassLevel::Outlet), None) => faults.add(format!("{at}.outlet"), "is missing"),
            (Some(MassLevel::Outlet), Some(code)) => check_outlet_code(code, codes, at, faults),
            (Some(level), Some(_)) => faults.add(
                format!("{at}.outlet"),
                format!("must be left out with level {}", level.as_str()),
            ),
            _ => {}
        }
        let mut given = 0;
        for (name, mass) in mass.amounts() {
            given += 1;
            let good = mass.is_finite() && mass >= 0.0;
            faults.require(good, format!("{at}.{name}"), "must be >= 0");
        }
        faults.require(given > 0, at, "gives no mass for any year, month or period");
        faults.require(
            mass.months.is_empty() || mass.months.len() == 12,
            format!("{at}.months"),
            "must be empty or have 12 entries",
        );
        let special = mass.daily.is_some() || mass.total.is_some();
        faults.require(
            !special || mass.period_id.is_some(),
            format!("{at}.period_id"),
            "is missing, but daily or total is given",
        );
        self.check_period_id(mass.period_id.as_deref(), at, faults);
    }
}

impl Outlet {
    /// The medium as given, else as the code says.
    pub fn medium(&self) -> Option<Medium> {
        self.medium.or_else(|| outlet_medium(&self.code))
    }
}

impl Limit {
    /// The mean the limit is for; hour when not given.
    pub fn averaging(&self) -> Averaging {
        self.averaging.unwrap_or(Averaging::Hour)
    }

    /// Whether both limit the same thing, so that it would be open which one counts.
    fn is_same_case(&self, other: &Self) -> bool {
        self.factor == other.factor
            && self.averaging() == other.averaging()
            && self.basis == other.basis
            && self.period_id == other.period_id
            && self.valid_from == other.valid_from
    }
}

impl MassLimit {
    /// The masses given, each with the name of its field.
    pub fn amounts(&self) -> impl Iterator<Item = (String, f64)> {
        let years = [
            self.year_1,
            self.year_2,
            self.year_3,
            self.year_4,
            self.year_5,
        ];
        let years = years
            .into_iter()
            .enumerate()
            .map(|(i, mass)| (format!("year_{}", i + 1), mass));
        let months = self
            .months
            .iter()
            .enumerate()
            .map(|(i, mass)| (format!("months[{i}]"), *mass));
        let special = [
            ("daily".to_owned(), self.daily),
            ("total".to_owned(), self.total),
        ];
        years
            .chain(months)
            .chain(special)
            .filter_map(|(name, mass)| mass.map(|mass| (name, mass)))
    }
}

/// A factor code is a few letters and digits, and its first letter names the medium.
fn check_factor(factor: &str, medium: Option<Medium>, at: &str, faults: &mut Faults) {
    if factor.is_empty() {
        faults.add(at, "is missing");
        return;
    }
    let good = factor.len() <= 16 && factor.bytes().all(|byte| byte.is_ascii_alphanumeric());
    faults.require(
        good,
        at,
        "must be a factor code of HJ 524/525, e.g. a21026 or w01018",
    );
    let wrong = match medium {
        Some(Medium::Air) => factor.starts_with('w'),
        Some(Medium::Water) => factor.starts_with('a'),
        None => false,
    };
    if let Some(medium) = medium.filter(|_| wrong) {
        faults.add(
            at,
            format!(
                "`{factor}` is not a factor of an outlet into {}",
                medium.as_str()
            ),
        );
    }
}

fn check_outlet_code(code: &str, codes: &HashSet<&str>, at: &str, faults: &mut Faults) {
    if !codes.contains(code) {
        faults.add(
            format!("{at}.outlet"),
            format!("`{code}` is not among outlets"),
        );
    }
}

fn check_binding(binding: &Binding, codes: &HashSet<&str>, at: &str, faults: &mut Faults) {
    let good = !binding.mn.is_empty() && binding.mn.bytes().all(|byte| byte.is_ascii_graphic());
    faults.require(
        good,
        format!("{at}.mn"),
        "must be the logger's MN, without blanks",
    );
    check_outlet_code(&binding.outlet, codes, at, faults);
    if let Some(cadence) = binding.cadence_s {
        faults.require(cadence > 0, format!("{at}.cadence_s"), "must be > 0");
    }
    check_order(binding.valid_from, binding.valid_to, at, faults);
}

fn check_duty(duty: &MonitoringDuty, codes: &HashSet<&str>, at: &str, faults: &mut Faults) {
    check_outlet_code(&duty.outlet, codes, at, faults);
    faults.text(&duty.factor, format!("{at}.factor"));
    faults.given(duty.method.as_ref(), format!("{at}.method"));
    if let Some(days) = duty.interval_days {
        faults.require(days >= 1, format!("{at}.interval_days"), "must be >= 1");
    } else if duty.method == Some(MonitoringMethod::Manual) {
        faults.add(
            format!("{at}.interval_days"),
            "is missing: how often must be sampled?",
        );
    }
}

fn check_order(from: Option<Instant>, to: Option<Instant>, at: &str, faults: &mut Faults) {
    if let (Some(from), Some(to)) = (from, to) {
        faults.require(
            from < to,
            format!("{at}.valid_to"),
            "must be after valid_from",
        );
    }
}
