//! Measuring: what the benchmark programs share.
//!
//! Each program answers one question of `benches/README.md` with the binary that is shipped: how
//! fast are packets committed, what does a commit cost, how long does a day of detection take. They
//! start the broker and `nonsite` as processes of their own and read their costs from the kernel,
//! so that the load generator's own work is not in the figures.
//!
//! Figures are only as good as the machine is idle; the programs do not check that.

pub mod broker;
pub mod history;
pub mod place;
pub mod process;
pub mod rows;
pub mod run;
pub mod spread;
pub mod sql;
