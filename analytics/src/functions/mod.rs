//! Functions that SQL lacks, and what marks and factors mean.
//!
//! [`series`] holds the checks as plain functions; the rest makes them available in queries:
//! aggregates that walk a series once ([`hours`], [`walks`], [`patterns`], [`shape`], [`copies`],
//! [`stretches`], [`contacts`]) or the spread of values ([`robust`]), window functions ([`windows`], [`trailing`],
//! [`rows`]), and scalar functions ([`scalars`], [`names`], [`days`], [`units`], [`validity`]). `docs/sql.md`
//! lists them.

pub mod check;
mod columns;
mod contacts;
mod copies;
mod days;
mod fold;
mod hours;
mod names;
mod patterns;
mod robust;
mod rows;
mod scalars;
pub mod series;
mod shape;
mod stretches;
pub(crate) mod trailing;
pub mod units;
mod validity;
mod walks;
mod windows;

use std::sync::Arc;

use datafusion::prelude::SessionContext;

pub use nonsite_history::factors::{is_concentration, is_gas};
pub use nonsite_history::marks;

/// Makes all functions known to a context; `units` are what stations are known to send.
pub fn register(ctx: &SessionContext, units: &Arc<units::Units>) {
    ctx.register_udaf(fold::aggregate(hours::HoursOfDay));
    ctx.register_udaf(fold::aggregate(walks::ConstantRuns));
    ctx.register_udaf(fold::aggregate(walks::TimeGaps));
    ctx.register_udaf(fold::aggregate(contacts::ContactIslands));
    ctx.register_udaf(fold::aggregate(walks::OrderedSum));
    ctx.register_udaf(fold::aggregate(walks::UsualStep));
    ctx.register_udaf(fold::aggregate(patterns::Pattern::JumpThenFlat));
    ctx.register_udaf(fold::aggregate(patterns::Pattern::Spike));
    ctx.register_udaf(fold::aggregate(patterns::Pattern::SteepDrop));
    ctx.register_udaf(fold::aggregate(shape::DescribeSeries));
    ctx.register_udaf(fold::aggregate(shape::CompareSeries));
    ctx.register_udaf(fold::aggregate(copies::CopiedDays));
    ctx.register_udaf(fold::aggregate(stretches::RunsWhere));
    ctx.register_udaf(fold::aggregate(robust::Mad));
    ctx.register_udaf(fold::aggregate(robust::TheilSen));
    ctx.register_udf(robust::deviations());
    let windows = windows::all().into_iter().chain(trailing::all());
    for function in windows.chain(rows::all()) {
        ctx.register_udwf(function);
    }
    let scalars = scalars::all().into_iter().chain(days::all());
    let scalars = scalars.chain(validity::all()).chain([names::factor_name()]);
    for function in scalars.chain(units::all(units)) {
        ctx.register_udf(function);
    }
}
