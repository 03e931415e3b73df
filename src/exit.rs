//! Exit codes, part of the command line's contract.

use std::process::ExitCode;

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// It did what was asked: 0.
    Done,
    /// It worked and found something wrong (verify, check): 1.
    Finding,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        match exit {
            Exit::Done => Self::SUCCESS,
            Exit::Finding => Self::from(1),
        }
    }
}

/// A usage or configuration fault: exit code 2.
#[derive(Debug)]
pub(crate) struct Usage(pub(crate) String);

/// Something the command needs could not be reached (broker, store, database): exit code 3.
#[derive(Debug)]
pub(crate) struct Unreachable(pub(crate) String);

impl std::fmt::Display for Usage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::fmt::Display for Unreachable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Usage {}
impl std::error::Error for Unreachable {}

/// The exit code an error stands for: 2 for usage, 3 for the unreachable, 1 otherwise.
pub(crate) fn code_of(error: &anyhow::Error) -> ExitCode {
    if error.downcast_ref::<Usage>().is_some() {
        ExitCode::from(2)
    } else if error.downcast_ref::<Unreachable>().is_some() {
        ExitCode::from(3)
    } else {
        ExitCode::from(1)
    }
}
