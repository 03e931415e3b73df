//! Codes of factors by number, with what the statistics need to know about them.

use crate::factors::{is_concentration, is_gas};

/// Codes by number with what they mean.
#[derive(Debug, Clone)]
pub struct Codes(Vec<Code>);

#[derive(Debug, Clone, Copy)]
pub(super) struct Code {
    pub(super) gas: bool,
    pub(super) concentration: bool,
    pub(super) special: Special,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Special {
    None,
    Oxygen,
    GasFlow,
    WaterFlow,
    Velocity,
    Temperature,
    Humidity,
    Section,
    Acidity,
    Furnace,
}

impl Codes {
    /// Looks all codes up.
    pub fn new(codes: &[String]) -> Self {
        Self(
            codes
                .iter()
                .map(|code| Code {
                    gas: is_gas(code),
                    concentration: is_concentration(code),
                    special: match code.as_str() {
                        "a19001" => Special::Oxygen,
                        "a00000" => Special::GasFlow,
                        "w00000" => Special::WaterFlow,
                        "a01011" => Special::Velocity,
                        "a01012" => Special::Temperature,
                        "a01014" => Special::Humidity,
                        "a01016" => Special::Section,
                        "w01001" => Special::Acidity,
                        code if code.starts_with("i333") => Special::Furnace,
                        _ => Special::None,
                    },
                })
                .collect(),
        )
    }

    pub(super) fn of(&self, factor: u16) -> Code {
        self.0[usize::from(factor)]
    }
}
