//! Units of readings and limits: what a unit means, and by what to multiply to get another one.
//!
//! HJ 212 carries no units: a reading's unit follows from its factor (HJ 212-2017 tables B.1, B.2)
//! unless the station is known to send another one, which `[session.units]` states. A limit carries
//! the unit its permit writes. Both are compared only after conversion, and not at all when either
//! is unknown or they measure different things.
//!
//! Ten factors are printed in ng/m3 in 2017 (methane, ammonia, dust, metals in air), though stations
//! send mg/m3 or ug/m3: their unit is unknown until it is stated.
//!
//! Volume parts (mL/m3, ppm) are not turned into mass: that takes the molar mass, which no table
//! here has.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, Float64Array, StringViewArray};
use arrow::datatypes::DataType;
use datafusion::common::Result;
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use nonsite_schemas::hj212::reference;

use super::columns::texts;

/// Printed in 2017 for gases and dust; nobody sends it.
const MISPRINT: &str = "ng/m3";

/// What is measured; only units of one kind convert into each other.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Kind {
    /// Mass per volume, base mg/m3. Standard and actual cubic metres are written alike: a permit's
    /// limit and a monitor's value are both dry at 273.15 K and 101.325 kPa.
    Concentration,
    /// Volume per volume, base mL/m3.
    VolumePart,
    /// Volume per time, base m3/s.
    Flow,
    /// A plain number (pH).
    Plain,
    /// Anything else: equal only to itself.
    Other(String),
}

/// A unit: its kind and its size in the kind's base unit as a fraction of whole numbers, so that
/// powers of ten convert exactly.
#[derive(Debug, Clone, PartialEq)]
struct Unit {
    kind: Kind,
    over: f64,
    under: f64,
}

impl Unit {
    /// Reads a unit as permits and standards write it; nothing for an empty text.
    fn parse(text: &str) -> Option<Self> {
        let mut plain = text
            .trim()
            .replace(['µ', 'μ'], "u")
            .replace('³', "3")
            .replace("^3", "3")
            .replace("毫克", "mg")
            .replace("微克", "ug")
            .replace("纳克", "ng")
            .replace("毫升", "mL")
            .replace("标准立方米", "m3")
            .replace("标立方米", "m3")
            .replace("立方米", "m3")
            .replace('升', "L")
            .replace("小时", "h")
            .replace('秒', "s")
            .replace("Nm3", "m3")
            .replace("m3N", "m3")
            .replace([' ', '(', ')'], "");
        if plain.is_empty() {
            return None;
        }
        if let Some(stem) = plain.strip_suffix("/l") {
            plain = format!("{stem}/L");
        }
        let (kind, over, under) = match plain.as_str() {
            "g/m3" | "mg/L" => (Kind::Concentration, 1e3, 1.0),
            "mg/m3" | "ug/L" => (Kind::Concentration, 1.0, 1.0),
            "ug/m3" | "ng/L" => (Kind::Concentration, 1.0, 1e3),
            "ng/m3" => (Kind::Concentration, 1.0, 1e6),
            "g/L" => (Kind::Concentration, 1e6, 1.0),
            "mL/m3" | "ml/m3" | "ppm" => (Kind::VolumePart, 1.0, 1.0),
            "uL/m3" | "ul/m3" | "ppb" => (Kind::VolumePart, 1.0, 1e3),
            "m3/s" => (Kind::Flow, 1.0, 1.0),
            "m3/h" => (Kind::Flow, 1.0, 3.6e3),
            "m3/d" => (Kind::Flow, 1.0, 8.64e4),
            "L/s" => (Kind::Flow, 1.0, 1e3),
            "L/min" => (Kind::Flow, 1.0, 6e4),
            "1" | "dimensionless" | "无量纲" | "-" => (Kind::Plain, 1.0, 1.0),
            other => (Kind::Other(other.to_owned()), 1.0, 1.0),
        };
        Some(Self { kind, over, under })
    }
}

/// What a value in `from` is multiplied by to be in `to`; nothing when they do not convert.
pub fn scale(from: &str, to: &str) -> Option<f64> {
    let (from, to) = (Unit::parse(from)?, Unit::parse(to)?);
    (from.kind == to.kind).then(|| (from.over * to.under) / (from.under * to.over))
}

/// Units of readings that differ from the standard's table: `FACTOR` for all stations or
/// `MN/FACTOR` for one, to the unit sent.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Units(BTreeMap<String, String>);

impl Units {
    /// Checks the units stated; the error names the key.
    pub fn new(stated: &BTreeMap<String, String>) -> std::result::Result<Self, (String, String)> {
        for (key, unit) in stated {
            let known = Unit::parse(unit).is_some_and(|u| !matches!(u.kind, Kind::Other(_)));
            if !known {
                let what = format!(
                    "unknown unit `{unit}`; known: g/m3, mg/m3, ug/m3, ng/m3, g/L, mg/L, ug/L, ng/L, \
                     mL/m3, m3/s, m3/h, m3/d, L/s, L/min, 1"
                );
                return Err((key.clone(), what));
            }
        }
        Ok(Self(stated.clone()))
    }

    /// Unit of a logger's values of a factor; nothing when nobody knows it.
    pub fn of(&self, mn: Option<&str>, factor: &str) -> Option<&str> {
        let stated = mn
            .filter(|_| self.0.keys().any(|key| key.contains('/')))
            .and_then(|mn| self.0.get(&format!("{mn}/{factor}")))
            .or_else(|| self.0.get(factor));
        match stated {
            Some(unit) => Some(unit),
            None => reference::factor(factor)
                .map(|known| known.unit.as_str())
                .filter(|unit| !unit.is_empty() && *unit != MISPRINT),
        }
    }

    /// The stated units, for a fingerprint.
    pub(crate) fn stated(&self) -> &BTreeMap<String, String> {
        &self.0
    }
}

/// The scalar functions `reading_unit(mn, factor)` and `unit_scale(from, to)`.
pub(super) fn all(units: &Arc<Units>) -> [ScalarUDF; 2] {
    let signature = || {
        Signature::exact(
            vec![DataType::Utf8View, DataType::Utf8View],
            Volatility::Immutable,
        )
    };
    [
        ScalarUDF::from(ReadingUnit {
            units: Arc::clone(units),
            signature: signature(),
        }),
        ScalarUDF::from(UnitScale {
            signature: signature(),
        }),
    ]
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct ReadingUnit {
    units: Arc<Units>,
    signature: Signature,
}

impl ScalarUDFImpl for ReadingUnit {
    fn name(&self) -> &str {
        "reading_unit"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> Result<DataType> {
        Ok(DataType::Utf8View)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let columns = ColumnarValue::values_to_arrays(&args.args)?;
        let (mn, factor) = (texts(&columns[0])?, texts(&columns[1])?);
        let each = (0..factor.len()).map(|i| {
            let mn = mn.is_valid(i).then(|| mn.value(i));
            factor
                .is_valid(i)
                .then(|| self.units.of(mn, factor.value(i)))
                .flatten()
        });
        let answer: ArrayRef = Arc::new(StringViewArray::from_iter(each));
        Ok(ColumnarValue::Array(answer))
    }
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct UnitScale {
    signature: Signature,
}

impl ScalarUDFImpl for UnitScale {
    fn name(&self) -> &str {
        "unit_scale"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> Result<DataType> {
        Ok(DataType::Float64)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let columns = ColumnarValue::values_to_arrays(&args.args)?;
        let (from, to) = (texts(&columns[0])?, texts(&columns[1])?);
        // Neighbouring rows nearly always ask the same.
        let mut last: Option<(&str, &str, Option<f64>)> = None;
        let each: Float64Array = (0..from.len())
            .map(|i| {
                if from.is_null(i) || to.is_null(i) {
                    return None;
                }
                let (a, b) = (from.value(i), to.value(i));
                match last {
                    Some((x, y, known)) if x == a && y == b => known,
                    _ => {
                        let found = scale(a, b);
                        last = Some((a, b, found));
                        found
                    }
                }
            })
            .collect();
        Ok(ColumnarValue::Array(Arc::new(each)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_convert_exactly_or_not_at_all() {
        for (from, to, by) in [
            ("mg/m3", "mg/Nm³", Some(1.0)),
            ("mg/m3", "μg/m3", Some(1_000.0)),
            ("ug/m3", "mg/m3", Some(0.001)),
            ("ng/m3", "mg/m3", Some(0.000_001)),
            ("mg/L", "ug/l", Some(1_000.0)),
            ("毫克/升", "mg/L", Some(1.0)),
            ("毫克/标准立方米", "mg/m^3", Some(1.0)),
            ("mg/L", "mg/m3", Some(1_000.0)),
            ("m3/h", "m3/s", Some(1.0 / 3_600.0)),
            ("L/s", "m3/s", Some(0.001)),
            ("1", "dimensionless", Some(1.0)),
            ("count/L", "count/L", Some(1.0)),
            ("mL/m3", "mg/m3", None),
            ("ppm", "mL/m3", Some(1.0)),
            ("倍", "degree (colour)", None),
            ("ngTEQ/m3", "ng/m3", None),
            ("", "", None),
        ] {
            assert_eq!(scale(from, to), by, "{from} to {to}");
        }
        assert_eq!(0.05 * scale("mg/L", "ug/L").expect("known"), 50.0);
    }

    #[test]
    fn a_misprint_of_the_standard_is_no_unit_until_a_station_states_one() {
        let none = Units::default();
        assert_eq!(none.of(None, "a21026"), Some("mg/m3"));
        assert_eq!(none.of(None, "w20111"), Some("ug/L"));
        assert_eq!(none.of(None, "a00000"), Some("m3/s"));
        assert_eq!(none.of(None, "a21001"), None);
        assert_eq!(none.of(None, "zz"), None);
        let stated = BTreeMap::from([
            ("a21001".to_owned(), "mg/m3".to_owned()),
            ("A/w20111".to_owned(), "mg/L".to_owned()),
        ]);
        let some = Units::new(&stated).expect("units");
        assert_eq!(some.of(Some("B"), "a21001"), Some("mg/m3"));
        assert_eq!(some.of(Some("A"), "w20111"), Some("mg/L"));
        assert_eq!(some.of(Some("B"), "w20111"), Some("ug/L"));
        let wrong = BTreeMap::from([("a21001".to_owned(), "mgm3".to_owned())]);
        assert_eq!(Units::new(&wrong).unwrap_err().0, "a21001");
    }
}
