//! End-to-end tests of the built binary against a real Kafka broker.
//!
//! All of them are one test binary, so that linking the dependencies happens once and one broker
//! serves every test. A test sees only what an operator sees: configuration files, commands, exit
//! codes, topics and tables. It has topics and a folder of its own, so that tests run in parallel
//! and in any order.
//!
//! No test asserts how long something takes, except where a time is what is promised (the age limit
//! of a batch, measured by the product); the limits in `harness` only end a test that hangs.

#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

mod harness;
mod ledger;

mod casework;
mod city_year;
mod command_line;
mod copies;
mod deadlines;
mod demo;
mod determinism;
mod documents;
mod findings;
mod furnace;
mod garbage;
mod inspection;
mod kill;
mod loss;
mod params;
mod pipeline;
mod plain;
mod plants;
mod quarantine;
mod rebalance;
mod reported;
mod rest;
mod rule_folder;
mod run;
mod split;
mod sql;
mod store_faults;
mod supporting;
