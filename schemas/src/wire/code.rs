//! Identification codes: credit codes, permit codes, outlet codes.
//!
//! A wrong character in a credit code attributes a discharge to somebody else, so the check
//! digits are computed and not only the form is looked at.

/// The 31 characters of a unified social credit code in the order of their values (GB 32100-2015:
/// digits and capital letters without I, O, S, V, Z).
const USCC_ALPHABET: &[u8; 31] = b"0123456789ABCDEFGHJKLMNPQRTUWXY";
/// Characters of a unified social credit code, the last one the check character.
const USCC_LENGTH: usize = 18;
/// Characters of a permit code (HJ 608): credit code, three digits, mark letter.
const PERMIT_LENGTH: usize = 22;

/// What is wrong with a unified social credit code (GB 32100-2015), if anything.
pub fn uscc_fault(code: &str) -> Option<String> {
    let bytes = code.as_bytes();
    if bytes.len() != USCC_LENGTH {
        return Some(format!(
            "must have {USCC_LENGTH} characters, has {}",
            code.chars().count()
        ));
    }
    // Weights are the powers of 3 modulo 31.
    let mut sum = 0;
    let mut weight = 1;
    for (i, byte) in bytes.iter().enumerate() {
        let Some(value) = uscc_value(*byte) else {
            return Some(format!(
                "character {} is none of the 31 characters of GB 32100 (digits and capitals without I, O, S, V, Z)",
                i + 1
            ));
        };
        if i == USCC_LENGTH - 1 {
            let check = (31 - sum % 31) % 31;
            return (check != value).then(|| {
                format!(
                    "check character is `{}` but must be `{}` (GB 32100)",
                    char::from(*byte),
                    char::from(USCC_ALPHABET[check])
                )
            });
        }
        sum += value * weight;
        weight = weight * 3 % 31;
    }
    None
}

/// The check character that completes the first 17 characters of a credit code; `None` when they
/// are not 17 characters of its alphabet.
pub fn uscc_check_character(first_17: &str) -> Option<char> {
    if first_17.len() != USCC_LENGTH - 1 {
        return None;
    }
    let mut sum = 0;
    let mut weight = 1;
    for byte in first_17.bytes() {
        sum += uscc_value(byte)? * weight;
        weight = weight * 3 % 31;
    }
    Some(char::from(USCC_ALPHABET[(31 - sum % 31) % 31]))
}

fn uscc_value(byte: u8) -> Option<usize> {
    USCC_ALPHABET.iter().position(|known| *known == byte)
}

/// What is wrong with a permit code (HJ 608), if anything: credit code, three digits, and the
/// mark `P` of a permit or `W`, `X`, `Y`, `Z` of a registration.
pub fn permit_no_fault(code: &str) -> Option<String> {
    if code.len() != PERMIT_LENGTH || !code.is_ascii() {
        return Some(format!(
            "must have {PERMIT_LENGTH} characters, has {}",
            code.chars().count()
        ));
    }
    let (uscc, rest) = code.split_at(USCC_LENGTH);
    if let Some(fault) = uscc_fault(uscc) {
        return Some(format!("credit code in front: {fault}"));
    }
    let (sequence, mark) = rest.split_at(3);
    if !sequence.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(format!(
            "characters 19 to 21 must be digits, are `{sequence}`"
        ));
    }
    if !matches!(mark, "P" | "W" | "X" | "Y" | "Z") {
        return Some(format!(
            "must end in the mark P (or W, X, Y, Z), ends in `{mark}`"
        ));
    }
    None
}

/// The medium an outlet code stands for (HJ 608): `DA` air, `DW` water, each with three digits.
pub fn outlet_medium(code: &str) -> Option<super::permit::Medium> {
    let [b'D', medium, digits @ ..] = code.as_bytes() else {
        return None;
    };
    if digits.len() != 3 || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    match medium {
        b'A' => Some(super::permit::Medium::Air),
        b'W' => Some(super::permit::Medium::Water),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_permit_code_printed_in_the_standard_passes() {
        assert_eq!(permit_no_fault("91130200699229617X001P"), None);
        assert_eq!(uscc_fault("91130200699229617X"), None);
        assert_eq!(uscc_check_character("91130200699229617"), Some('X'));
    }

    #[test]
    fn every_single_wrong_character_is_found() {
        let good = b"91130200699229617X";
        for i in 0..good.len() {
            for other in USCC_ALPHABET.iter().filter(|other| **other != good[i]) {
                let mut code = good.to_vec();
                code[i] = *other;
                let code = String::from_utf8(code).unwrap();
                assert!(uscc_fault(&code).is_some(), "{code} must fail");
            }
        }
    }

    #[test]
    fn every_swap_of_unlike_neighbours_is_found() {
        let good = b"91130200699229617X";
        for i in 0..good.len() - 1 {
            let mut code = good.to_vec();
            code.swap(i, i + 1);
            let code = String::from_utf8(code).unwrap();
            assert_eq!(
                uscc_fault(&code).is_some(),
                good[i] != good[i + 1],
                "{code}"
            );
        }
    }

    #[test]
    fn the_messages_name_what_is_wrong() {
        let cases = [
            ("91130200699229617X001", "must have 22 characters, has 21"),
            (
                "91130200699229617X0O1P",
                "characters 19 to 21 must be digits, are `0O1`",
            ),
            (
                "91130200699229617X001Q",
                "must end in the mark P (or W, X, Y, Z), ends in `Q`",
            ),
            (
                "91130200699229617Y001P",
                "credit code in front: check character is `Y` but must be `X` (GB 32100)",
            ),
        ];
        for (code, message) in cases {
            assert_eq!(permit_no_fault(code).as_deref(), Some(message));
        }
        assert!(
            uscc_fault("9113020O699229617X")
                .unwrap()
                .starts_with("character 8 is none")
        );
        assert!(uscc_fault("排污许可证编号").unwrap().contains("has 7"));
        assert!(permit_no_fault("91130200699229617X0é1").is_some());
    }

    #[test]
    fn outlet_codes_name_their_medium() {
        use super::super::permit::Medium;
        assert_eq!(outlet_medium("DA001"), Some(Medium::Air));
        assert_eq!(outlet_medium("DW012"), Some(Medium::Water));
        for code in ["", "DA1", "DB001", "DA0011", "da001", "DA00x"] {
            assert_eq!(outlet_medium(code), None, "{code}");
        }
    }
}
