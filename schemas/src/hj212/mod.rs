//! HJ 212: the wire format of China's pollution-source monitoring, editions 2005, 2017 and 2025.
//!
//! A message from Kafka holds one or more frames. They are found by length, never by line,
//! checked by CRC, read as fields that borrow from the message, and handed to a [`Sink`] as
//! readings, states and bad parts.
//!
//! Invariants: no input is a reason to panic; no field costs an allocation; a message is refused
//! only before the first call of the sink, so that it ends up either in the tables or in
//! quarantine as a whole, and what is bad in an accepted message is handed over as a part.

pub mod check;
mod cipher;
mod clock;
mod content;
mod crc;
mod decode;
mod delimit;
mod edition;
pub mod encode;
mod frame;
#[doc(hidden)]
pub mod fuzz;
mod incomplete;
mod notes;
mod number;
mod open_splits;
mod packet;
pub mod reference;
mod refusal;
mod split;
mod stations;
mod suffix;
mod types;
mod unit;

pub use cipher::Sm4Key;
pub(crate) use clock::EARLIEST_MICROS;
pub use clock::{beijing_digits, parse_beijing_digits, parse_qn, qn_digits};
pub use crc::{CrcDialect, crc, crc_modbus, parse_crc};
pub use decode::{Decoded, Decoder, Limits, Outcome, Rejected};
pub use frame::{Frame, Frames, frames};
pub use notes::Notes;
pub(crate) use number::{MAX_MAGNITUDE, is_sentinel};
pub use open_splits::{Place, Reread};
pub use packet::{BadPacket, Packet};
pub use split::{Assembler, Held, SplitKey};
pub use stations::{Station, Stations, StationsError};
pub use types::{Extra, Granularity, Head, Sink, Value};
