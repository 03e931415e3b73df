//! The checksum of HJ 212 Annex A, and the other algorithms found on the wire.
//!
//! Annex A shifts its register right by eight *before* it takes in a byte, which throws the low
//! byte away: only eight bits of state survive a step. With `T` the usual table of the reflected
//! polynomial A001, a step is `crc = T[(crc >> 8) ^ byte]`, and the surviving state follows
//! `s' = H[s ^ byte]` with `H[x] = T[x] >> 8`. `H` is linear over GF(2), so the effect of a byte on
//! the state `k` steps later is `H` applied `k` times, whatever stands between. [`crc`] therefore
//! takes sixteen bytes per step with one table per position; the tables are built at compile time.
//!
//! The weakness is the standard's: the check has eight effective bits and 256 possible values. It
//! finds line noise, not tampering; two changed bytes pass once in 256 times.

/// Reflected polynomial of CRC-16/ANSI.
const POLYNOMIAL: u16 = 0xA001;
/// Bytes taken per step of the sliced loop.
const STRIDE: usize = 16;

/// `T`: what eight shifts make of a byte.
const BYTE_TABLE: [u16; 256] = {
    let mut table = [0u16; 256];
    let mut byte = 0;
    while byte < 256 {
        let mut crc = byte as u16;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 1 == 1 {
                (crc >> 1) ^ POLYNOMIAL
            } else {
                crc >> 1
            };
            bit += 1;
        }
        table[byte] = crc;
        byte += 1;
    }
    table
};

/// `POWERS[k]` is `H` applied `k + 1` times.
static POWERS: [[u8; 256]; STRIDE] = {
    let mut powers = [[0u8; 256]; STRIDE];
    let mut x = 0;
    while x < 256 {
        powers[0][x] = (BYTE_TABLE[x] >> 8) as u8;
        x += 1;
    }
    let mut k = 1;
    while k < STRIDE {
        let mut x = 0;
        while x < 256 {
            powers[k][x] = powers[0][powers[k - 1][x] as usize];
            x += 1;
        }
        k += 1;
    }
    powers
};

/// The whole checksum for a state: `H` is a bijection, so the high byte determines the low one.
static COMPLETED: [u16; 256] = {
    let mut completed = [0u16; 256];
    let mut x = 0;
    while x < 256 {
        completed[(BYTE_TABLE[x] >> 8) as usize] = BYTE_TABLE[x];
        x += 1;
    }
    completed
};

/// Which algorithm a packet's CRC field agrees with.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum CrcDialect {
    /// HJ 212 Annex A.
    Hj212,
    /// CRC-16/MODBUS, high byte first.
    Modbus,
    /// CRC-16/MODBUS, low byte first.
    ModbusSwapped,
    /// None of them.
    None,
}

impl CrcDialect {
    /// The stable code: `hj212`, `modbus`, `modbus_swapped`, `none`.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Hj212 => "hj212",
            Self::Modbus => "modbus",
            Self::ModbusSwapped => "modbus_swapped",
            Self::None => "none",
        }
    }

    /// The algorithm under which `field` is the checksum of `data`; Annex A is tried first.
    pub fn of(data: &[u8], field: u16) -> Self {
        if crc(data) == field {
            Self::Hj212
        } else {
            Self::of_others(data, field)
        }
    }

    /// As [`CrcDialect::of`] once Annex A is ruled out.
    #[cold]
    fn of_others(data: &[u8], field: u16) -> Self {
        let modbus = crc_modbus(data);
        if modbus == field {
            Self::Modbus
        } else if modbus.swap_bytes() == field {
            Self::ModbusSwapped
        } else {
            Self::None
        }
    }
}

/// The checksum of HJ 212 Annex A over a data segment; `0xFFFF` for an empty one.
pub fn crc(data: &[u8]) -> u16 {
    if data.is_empty() {
        return 0xFFFF;
    }
    let mut state = 0xFF_u8;
    let (blocks, rest) = data.as_chunks::<STRIDE>();
    for block in blocks {
        let mut next = POWERS[STRIDE - 1][usize::from(state ^ block[0])];
        // The compiler unrolls this: sixteen independent loads, one chain of XORs.
        for i in 1..STRIDE {
            next ^= POWERS[STRIDE - 1 - i][usize::from(block[i])];
        }
        state = next;
    }
    // The tail, eight bytes or fewer at a time, uses the tables of the last positions.
    for block in rest.chunks(8) {
        let last = block.len() - 1;
        let mut next = POWERS[last][usize::from(state ^ block[0])];
        for (i, byte) in block.iter().enumerate().skip(1) {
            next ^= POWERS[last - i][usize::from(*byte)];
        }
        state = next;
    }
    COMPLETED[usize::from(state)]
}

/// CRC-16/MODBUS (start FFFF, reflected polynomial A001, nothing thrown away).
pub fn crc_modbus(data: &[u8]) -> u16 {
    data.iter().fold(0xFFFF, |crc, byte| {
        (crc >> 8) ^ BYTE_TABLE[usize::from((crc as u8) ^ byte)]
    })
}

/// Value of a hexadecimal digit, or `0xFF`.
static HEX_VALUE: [u8; 256] = {
    let mut table = [0xFF_u8; 256];
    let mut digit = 0;
    while digit < 16 {
        let upper = if digit < 10 {
            b'0' + digit
        } else {
            b'A' + digit - 10
        };
        table[upper as usize] = digit;
        table[upper.to_ascii_lowercase() as usize] = digit;
        digit += 1;
    }
    table
};

/// Reads a CRC field: exactly four hexadecimal digits of either case.
pub fn parse_crc(field: &[u8]) -> Option<u16> {
    let [a, b, c, d] = *<&[u8; 4]>::try_from(field).ok()?;
    let digit = |byte: u8| HEX_VALUE[usize::from(byte)];
    let (a, b, c, d) = (digit(a), digit(b), digit(c), digit(d));
    if (a | b | c | d) & 0xF0 != 0 {
        return None;
    }
    Some(u16::from(a) << 12 | u16::from(b) << 8 | u16::from(c) << 4 | u16::from(d))
}

/// The four upper-case hexadecimal digits of a CRC field.
pub(super) const fn crc_text(crc: u16) -> [u8; 4] {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    [
        HEX[(crc >> 12) as usize],
        HEX[(crc >> 8 & 15) as usize],
        HEX[(crc >> 4 & 15) as usize],
        HEX[(crc & 15) as usize],
    ]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Annex A, bit by bit, as printed.
    fn crc_by_bits(data: &[u8]) -> u16 {
        let mut crc = 0xFFFF_u16;
        for byte in data {
            crc = (crc >> 8) ^ u16::from(*byte);
            for _ in 0..8 {
                let carry = crc & 1;
                crc >>= 1;
                if carry == 1 {
                    crc ^= POLYNOMIAL;
                }
            }
        }
        crc
    }

    #[test]
    fn check_values() {
        assert_eq!(crc(b""), 0xFFFF);
        assert_eq!(crc(&[0]), 0x4040);
        assert_eq!(crc(b"123456789"), 0x2F80);
        assert_eq!(crc_modbus(b"123456789"), 0x4B37);
        assert_eq!(BYTE_TABLE[1..4], [0xC0C1, 0xC181, 0x0140]);
    }

    #[test]
    fn dialects_are_told_apart() {
        assert_eq!(CrcDialect::of(b"123456789", 0x2F80), CrcDialect::Hj212);
        assert_eq!(CrcDialect::of(b"123456789", 0x4B37), CrcDialect::Modbus);
        assert_eq!(
            CrcDialect::of(b"123456789", 0x374B),
            CrcDialect::ModbusSwapped
        );
        assert_eq!(CrcDialect::of(b"123456789", 0xFFFF), CrcDialect::None);
    }

    #[test]
    fn a_crc_field_is_four_hex_digits() {
        assert_eq!(parse_crc(b"1C80"), Some(0x1C80));
        assert_eq!(parse_crc(b"cc01"), Some(0xCC01));
        for bad in [&b"ZZZZ"[..], b"1C8", b"1C800", b"", b"1C8G", b"-123"] {
            assert_eq!(parse_crc(bad), None, "{bad:?}");
        }
        assert_eq!(crc_text(0x0B41), *b"0B41");
    }

    proptest! {
        #[test]
        fn sliced_equals_bit_by_bit(data in proptest::collection::vec(any::<u8>(), 0..2_000)) {
            prop_assert_eq!(crc(&data), crc_by_bits(&data));
        }

        #[test]
        fn one_changed_byte_is_always_noticed(
            mut data in proptest::collection::vec(any::<u8>(), 1..200),
            at in any::<proptest::sample::Index>(),
            change in 1u8..,
        ) {
            let before = crc(&data);
            let at = at.index(data.len());
            data[at] ^= change;
            prop_assert_ne!(crc(&data), before);
        }

        #[test]
        fn a_written_crc_reads_back(value in any::<u16>()) {
            prop_assert_eq!(parse_crc(&crc_text(value)), Some(value));
        }
    }
}
