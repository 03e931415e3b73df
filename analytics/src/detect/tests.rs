//! Rules on small inputs, the ways a run can be repeated, and the time a limit holds for.

mod aggregates;
mod deadlines;
mod documents;
mod exemptions;
mod folder;
mod golden;
mod params;
mod replay;
mod rules;
pub(super) mod runs;
mod screens;
mod suspension;
mod told;
