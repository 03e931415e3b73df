//! Inspections before and after they are counted: who is drawn, what is asked, what is sampled.
//!
//! - [`draw`]: lots (双随机) that anybody can draw again from a published seed;
//! - [`checklist`]: permit checklists (清单式执法检查) as data, one per industry;
//! - [`form`]: the checklist of one permit, made from its own content, with what the data already
//!   answer as a suggestion; officers decide;
//! - [`record`]: whether an act answers its checklist;
//! - [`stored`]: the records that are stored, in every version;
//! - [`answers`]: what was answered, item by item;
//! - [`sample`]: closed cases for the audit of the bodies (稽查), at random and by risk;
//! - [`audits`]: the audits themselves;
//! - [`supervision`]: special supervision, samplings of case files, evaluations of the year;
//! - [`roster`]: the officers and their certificates;
//! - [`times`]: times in files of records as people write them.
//!
//! Invariants:
//! - a drawing follows from its list, its seed and its rules alone, and every drawing that was kept
//!   can be drawn again;
//! - a suggestion never is an answer: without data there is none, and what was suggested is kept
//!   beside what was answered.

pub mod answers;
pub mod audits;
pub mod casebook;
pub mod checklist;
mod config;
pub mod draw;
mod error;
pub mod facts;
pub mod form;
pub mod kept;
pub mod lists;
pub mod permit;
pub mod record;
pub mod reports;
pub mod roster;
pub mod sample;
pub mod stored;
pub mod supervision;
pub mod times;
mod words;

pub use config::{Config, EmissionBasis};
pub use error::Error;
pub use words::Said;
