//! Why a packet is not used, in words; and the two questions that need a station's settings.

use super::cipher::{Sm4Key, bytes_of_list, looks_encrypted};
use super::content::Group;
use super::crc::{CrcDialect, crc};
use super::decode::{Rejected, Unused};
use super::frame::Frame;
use super::notes::Notes;
use super::packet::Packet;
use super::stations::Station;
use super::types::Head;
use crate::reason::Reason;

/// Decrypts a packet's content into `text`, which then holds the whole plain segment, ending in
/// `&&`. Returns which algorithm the CRC agrees with.
///
/// # Errors
///
/// [`Reason::CipherNoKey`] without a key, [`Reason::CipherBad`] if no key gives content that the CRC
/// confirms.
pub(super) fn decrypted(
    frame: &Frame<'_>,
    packet: &Packet<'_>,
    keys: &[Sm4Key],
    text: &mut Vec<u8>,
) -> Result<CrcDialect, Reason> {
    let crc = frame.crc.ok_or(Reason::CrcSyntax)?;
    for key in keys {
        text.clear();
        text.extend_from_slice(&frame.segment[..packet.cp_at]);
        let listed = packet.cp.starts_with(b"{") && bytes_of_list(packet.cp, text).is_some();
        if !listed {
            text.truncate(packet.cp_at);
            text.extend_from_slice(packet.cp);
        }
        key.decrypt(&mut text[packet.cp_at..]);
        let readable = !looks_encrypted(&text[packet.cp_at..]);
        text.extend_from_slice(b"&&");
        // The standard computes the CRC before it encrypts. Where a logger does it afterwards, the
        // bytes as sent agree, and readable content says that the key is right.
        let dialect = match CrcDialect::of(text, crc) {
            CrcDialect::None => frame.dialect,
            dialect => dialect,
        };
        if readable && dialect != CrcDialect::None {
            return Ok(dialect);
        }
    }
    Err(if keys.is_empty() {
        Reason::CipherNoKey
    } else {
        Reason::CipherBad
    })
}

/// Whether the station may use this algorithm, and what the rows say about it.
pub(super) fn crc_note(dialect: CrcDialect, station: &Station) -> Result<Notes, Reason> {
    if station.allows(dialect) {
        return Ok(match dialect {
            CrcDialect::Hj212 => Notes::NONE,
            CrcDialect::Modbus => Notes::CRC_MODBUS,
            CrcDialect::ModbusSwapped => Notes::CRC_MODBUS_SWAPPED,
            CrcDialect::None => Notes::CRC_IGNORED,
        });
    }
    Err(match dialect {
        CrcDialect::None => Reason::CrcMismatch,
        _ => Reason::CrcDialectNotAllowed,
    })
}

#[cold]
pub(super) fn refusal(packet: &Packet<'_>, reason: Reason, detail: String) -> Unused {
    let mn = packet.mn.filter(|mn| !mn.is_empty()).map(str::to_owned);
    Unused::Refused(Box::new(Rejected { reason, detail, mn }))
}

#[cold]
pub(super) fn frame_detail(frame: &Frame<'_>) -> String {
    let declared = frame
        .declared
        .map_or_else(|| "no".to_owned(), |length| length.to_string());
    format!(
        "{} bytes declared, {} bytes of data segment found, CRC field {}",
        declared,
        frame.segment.len(),
        if frame.crc.is_some() {
            "present"
        } else {
            "missing or not hexadecimal"
        }
    )
}

#[cold]
pub(super) fn crc_detail(frame: &Frame<'_>, dialect: CrcDialect) -> String {
    let field = frame.crc.unwrap_or_default();
    match dialect {
        CrcDialect::None => format!(
            "CRC field {field:04X}, computed {:04X} over {} bytes",
            crc(frame.segment),
            frame.segment.len()
        ),
        other => format!("CRC field {field:04X} is right by `{}` only", other.code()),
    }
}

#[cold]
pub(super) fn cipher_detail(reason: Reason, station: &Station) -> String {
    match reason {
        Reason::CipherNoKey => "the content is not printable and the station has no key".to_owned(),
        _ => format!(
            "none of the station's {} keys gives readable content",
            station.keys.len()
        ),
    }
}

#[cold]
pub(super) fn part_detail(head: &Head<'_>, group: &Group<'_>, fault: Reason) -> String {
    format!(
        "factor {} in a packet CN={} of {}: {}",
        short(group.value.factor),
        head.cn.unwrap_or_default(),
        head.mn,
        match fault {
            Reason::ValueOutOfRange => "a number is not finite or beyond 1e12",
            _ => "a value is not a number",
        }
    )
}

/// At most 60 characters of a text, for a message.
pub(super) fn short(text: &str) -> &str {
    text.char_indices()
        .nth(60)
        .map_or(text, |(end, _)| &text[..end])
}
