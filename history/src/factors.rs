//! What a factor code says about a series: pollutant or parameter, gas or water.

/// Whether a factor code (HJ 524/525) is a pollutant measured as a concentration: not flow,
/// physical state of the gas, oxygen, pH, temperature or conductivity of water.
pub fn is_concentration(code: &str) -> bool {
    let physical = ["a00", "a01", "a19", "w00", "i", "d", "p", "e", "g", "L"];
    if physical.iter().any(|prefix| code.starts_with(prefix)) {
        return false;
    }
    match code {
        "w01001" | "w01002" | "w01009" | "w01010" | "w01014" => false,
        _ => is_gas(code) || code.starts_with('w'),
    }
}

/// Whether a factor code belongs to air.
pub fn is_gas(code: &str) -> bool {
    code.starts_with('a')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pollutants_are_told_from_parameters() {
        for pollutant in ["a21026", "a34013", "w01018", "w21003", "w21011"] {
            assert!(is_concentration(pollutant), "{pollutant}");
        }
        for parameter in [
            "a00000", "a01012", "a19001", "w00000", "w01001", "w01010", "i33101", "831",
        ] {
            assert!(!is_concentration(parameter), "{parameter}");
        }
    }
}
