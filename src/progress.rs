//! What a long command shows on a terminal while it works.
//!
//! Invariant: nothing is drawn before two seconds have passed, nor where standard error is no
//! terminal, so a pipe or a log gets the result and nothing else. What is drawn is gone before the
//! result is printed.

use std::io::IsTerminal;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

/// A line with the time that has passed.
pub(crate) struct Progress {
    bar: ProgressBar,
    started: Instant,
    rows: AtomicU64,
}

impl Progress {
    /// Shown from two seconds on.
    const AFTER: Duration = Duration::from_secs(2);
    /// Pause between two looks at what has been done.
    pub(crate) const TICK: Duration = Duration::from_millis(200);
    /// How it looks once it is known how much there is to do.
    const MEASURED: &str = "{elapsed} [{bar:30}] {pos} of {len} files, {msg}";

    /// For work that cannot say how far it is; `what` names it.
    pub(crate) fn of(what: &'static str) -> Self {
        Self::new("{spinner} {elapsed} {msg}", what, visible())
    }

    /// For rows that are counted as they come.
    pub(crate) fn of_rows() -> Self {
        Self::new("{spinner} {elapsed} {msg}", "0 rows", visible())
    }

    /// For work that comes in parts, whose number is known.
    pub(crate) fn of_parts() -> Self {
        Self::new("{spinner} {elapsed} {msg}", "judging", visible())
    }

    /// So many parts of something are done.
    pub(crate) fn part(&self, what: &str, done: usize, of: usize) {
        // A message is drawn at once, which is too early in the first seconds.
        if self.is_due() {
            let part = done + 1;
            self.bar
                .set_message(format!("judging {what}: part {part} of {of}"));
        }
    }

    fn new(template: &str, what: &'static str, visible: bool) -> Self {
        let bar = if visible {
            ProgressBar::new_spinner()
        } else {
            ProgressBar::hidden()
        };
        // Neither of these draws.
        let mut bar = bar.with_message(what);
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar = bar.with_style(style);
        }
        if visible {
            let later = bar.downgrade();
            tokio::spawn(async move {
                tokio::time::sleep(Self::AFTER).await;
                // Gone when the work has ended by then.
                if let Some(bar) = later.upgrade() {
                    bar.enable_steady_tick(Self::TICK);
                }
            });
        }
        Self {
            bar,
            started: Instant::now(),
            rows: AtomicU64::new(0),
        }
    }

    fn is_due(&self) -> bool {
        self.started.elapsed() >= Self::AFTER
    }

    /// Some more rows have come.
    pub(crate) fn rows(&self, count: usize) {
        let count = count as u64;
        let all = self.rows.fetch_add(count, Ordering::Relaxed) + count;
        if self.is_due() {
            self.bar.set_message(format!("{all} rows"));
        }
    }

    /// So many files of all have been read.
    pub(crate) fn files(&self, read: usize, all: usize) {
        if !self.is_due() {
            return;
        }
        if self.bar.length() != Some(all as u64) {
            if let Ok(style) = ProgressStyle::with_template(Self::MEASURED) {
                self.bar.set_style(style.progress_chars("=> "));
            }
            self.bar.set_length(all as u64);
        }
        self.bar.set_position(read as u64);
    }

    /// Prints a line of the result while the work goes on.
    pub(crate) fn line(&self, text: &str) {
        if self.is_due() {
            self.bar.suspend(|| println!("{text}"));
        } else {
            println!("{text}");
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

/// Waits for work that may take long; `what` names it.
pub(crate) async fn during<T>(what: &'static str, work: impl Future<Output = T>) -> T {
    let _shown = Progress::of(what);
    work.await
}

/// Whether somebody watches.
fn visible() -> bool {
    std::io::stderr().is_terminal()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_drawn_without_a_terminal() {
        // There is no runtime here that could draw later.
        let progress = Progress::new("{spinner} {msg}", "work", false);
        assert!(progress.bar.is_hidden());
        assert!(!progress.is_due(), "nor before its time");
        progress.rows(7);
        progress.files(1, 2);
        assert_eq!(progress.bar.position(), 0);
        assert_eq!(progress.rows.load(Ordering::Relaxed), 7, "and counted");
    }

    #[tokio::test]
    async fn work_is_waited_for_and_its_outcome_handed_on() {
        let outcome = during("work", async { Err::<u8, _>("refused") }).await;
        assert_eq!(outcome, Err("refused"));
    }
}
