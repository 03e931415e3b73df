//! The JSON messages: readings, permits, inspections coming in, alerts going out.
//!
//! Platforms of provinces and cities forward readings as JSON, the permit and the inspection
//! systems publish one document per message. This module says what those messages are: the types
//! (whose JSON Schemas are exported to `docs/schemas`), how strictly they are read, and which
//! rows they become.
//!
//! Invariants:
//! - a document is never lost because of a fault in it: whatever can be identified is stored,
//!   marked with the faults by field; only what is not JSON, or names no permit or act, is
//!   refused and goes to quarantine;
//! - a reading is decoded without building a tree; a bad element of an array costs that element;
//! - no input is a reason to panic.

pub mod alert;
pub mod code;
pub mod document;
pub mod documents;
pub mod export;
pub mod fault;
pub mod inspection;
pub mod moment;
mod origin;
pub mod permit;
pub mod reading;

pub use document::{Document, Refused};
pub use fault::Fault;
pub use moment::{Day, Instant};
pub use origin::Origin;
