//! Functions that SQL lacks, and what marks and factors mean.
//!
//! [`series`] holds the checks as plain functions; the rest makes them available in queries:
//! aggregates that walk a series once ([`hours`], [`walks`], [`contacts`]), window functions with one flag per
//! row ([`windows`]), and scalar functions ([`scalars`]). `docs/sql.md` lists them.

pub mod check;
mod columns;
mod contacts;
mod fold;
mod hours;
pub mod marks;
mod scalars;
pub mod series;
mod walks;
mod windows;

use datafusion::prelude::SessionContext;

pub use scalars::{is_concentration, is_gas};

/// Makes all functions known to a context.
pub fn register(ctx: &SessionContext) {
    ctx.register_udaf(fold::aggregate(hours::HoursOfDay));
    ctx.register_udaf(fold::aggregate(walks::ConstantRuns));
    ctx.register_udaf(fold::aggregate(walks::TimeGaps));
    ctx.register_udaf(fold::aggregate(contacts::ContactIslands));
    ctx.register_udaf(fold::aggregate(walks::OrderedSum));
    for function in windows::all() {
        ctx.register_udwf(function);
    }
    for function in scalars::all() {
        ctx.register_udf(function);
    }
}
