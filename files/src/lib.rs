//! Local files that survive a power cut, as an object store.
//!
//! Everything this program keeps for good, readings as well as anomalies and the mirror of the review
//! queue, is a table whose log entry decides what counts. An entry that is there without its bytes
//! makes the table unreadable, so whoever commits to a local folder does it through
//! [`DurableFiles`]. [`forward_object_store`] is for further wrappers, such as an injector of faults.

mod durable;
mod forward;

pub use self::durable::DurableFiles;
