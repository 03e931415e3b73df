//! From messages to committed rows: the steps between the consumer and the log.
//!
//! One file per step, in order: [`assignment`] (what is consumed and where each table stands),
//! [`chunk`] (messages of many partitions in one buffer), [`rows`] (rows of all tables under
//! construction), [`worker`] (decodes chunks, cuts files), [`publish`] (one committer per table).
//! [`split`] keeps what a split packet holds back.

pub(crate) mod assignment;
pub(crate) mod chunk;
pub(crate) mod publish;
pub(crate) mod rows;
pub(crate) mod split;
pub(crate) mod worker;
