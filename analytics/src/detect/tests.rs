//! Rules on small inputs, the ways a run can be repeated, and the time a limit holds for.

mod golden;
mod replay;
mod rules;
mod runs;
mod suspension;
