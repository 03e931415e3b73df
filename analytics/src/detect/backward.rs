//! The rules that look back over many days, logger by logger.
//!
//! What they read has to reach back as far as they look, and most days that their screens leave to be
//! judged are left for rules that look back a few days only. So rules are judged in groups by how far
//! they look back ([`REACHES`]), each over its own days. Without screens all of them judge everything,
//! and one preparation serves them all.

use std::collections::BTreeSet;
use std::time::Instant;

use super::evaluate::{Evaluation, Judging, Which, millis, yearly};
use super::inputs;
use super::long;
use super::screen::{self, Looked};
use super::stage::Stage;
use super::touched::{LoggerDay, Touched};
use crate::session::Error;

/// Days up to which rules look back that are judged together; the longest look-back comes last.
const REACHES: [i32; 2] = [3, 15];

impl Judging<'_> {
    /// Judges the days that are over. `looked` is what a full run's screens said of all rules; other
    /// runs ask the screens of these rules here.
    pub(super) async fn backward(
        &self,
        touched: &Touched,
        most: usize,
        looked: &mut Looked,
        work: &mut Evaluation,
    ) -> Result<(), Error> {
        let (session, catalogue, as_of) = (self.session, self.catalogue, self.as_of);
        let Some(longest) = long::lookback(catalogue) else {
            return Ok(());
        };
        let days = long::days(touched, longest, as_of);
        if days.is_empty() {
            return Ok(());
        }
        let units = long::units(session).await?;
        let days = long::with_units(days, &units);
        let days = long::extended(days, &work.state, catalogue);
        let rules = screen::bits(catalogue.rules(), |c| {
            c.rule.stage == Stage::Rows && c.rule.long()
        });
        let mut later = if touched.full {
            None
        } else {
            Some(self.look(&days, rules, work).await?)
        };
        let looked = later.as_mut().unwrap_or(looked);
        self.presence(looked, &days, work).await?;
        let reported = screen::dates(session).await?;
        // Portions hold whole units with all their factors by the hour over many days.
        let most = most.div_ceil(2).saturating_mul(looked.lightness());
        for (after, up_to) in reaches(looked, longest) {
            let which = Which::Long { after, up_to };
            let rules = screen::bits(catalogue.rules(), |c| which.has(&c.rule));
            // Some rules compare the loggers of a unit, so they are judged together.
            let left = long::with_units(looked.left(&days, rules), &units);
            let reach = catalogue.rules().iter().map(|c| &c.rule);
            let reach = reach.filter(|rule| which.has(rule));
            let Some(reach) = reach.map(|rule| rule.lookback_days()).max() else {
                continue;
            };
            let portions = long::portions(&left, &units, reach, reported.as_ref(), most);
            let count = portions.len();
            let last = count.saturating_sub(1);
            for (at, core) in portions.into_iter().enumerate() {
                (self.told)("days with those before them", at, count);
                let preparing = Instant::now();
                let run =
                    inputs::prepare_long(session, catalogue, &core, reach, Some(&*looked), as_of)
                        .await?;
                work.inputs_ms += millis(preparing);
                yearly(session, &run, &work.core, &work.masses).await?;
                self.rules(&run, which, &core, at == last, Some(&*looked), work)
                    .await?;
            }
        }
        work.core_long.extend(days);
        work.looked.extend(later);
        Ok(())
    }

    /// Asks the rules that are their own screens; what they settle is taken over.
    async fn presence(
        &self,
        looked: &mut Looked,
        days: &BTreeSet<LoggerDay>,
        work: &mut Evaluation,
    ) -> Result<(), Error> {
        if looked.waiting() == 0 {
            return Ok(());
        }
        let run = inputs::documents(self.session).await?;
        yearly(self.session, &run, &work.core, &work.masses).await?;
        for (n, configured) in self.catalogue.rules().iter().enumerate() {
            if looked.waiting() & screen::bit(n) == 0 {
                continue;
            }
            let began = Instant::now();
            let findings = work.state.open();
            let standing = findings
                .filter(|anomaly| anomaly.rule_id == configured.rule.id)
                .filter_map(|anomaly| anomaly.mn.as_deref())
                .collect();
            let (mut said, open) =
                screen::judged(&run, looked, configured, days, &standing, self.as_of).await?;
            looked.answered(n, days, &open);
            let report = &mut work.rules[n];
            report.passed += said.passed;
            for (why, count) in said.not_evaluated {
                *report.not_evaluated.entry(why).or_default() += count;
            }
            report.settled += u64::try_from(days.len() - open.len()).unwrap_or_default();
            report.ms += millis(began);
            work.unjudged[n].append(&mut said.unjudged);
        }
        Ok(())
    }
}

/// How far the rules of each group look back, in days: more than the first, up to the second.
fn reaches(looked: &Looked, longest: i32) -> Vec<(i32, i32)> {
    if !looked.any() {
        return vec![(0, longest)];
    }
    let mut ends: Vec<i32> = REACHES.into_iter().filter(|end| *end < longest).collect();
    ends.push(longest);
    let begins = std::iter::once(0).chain(ends.clone());
    begins.zip(ends).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_screens_one_group_serves_all() {
        assert_eq!(reaches(&Looked::default(), 31), [(0, 31)]);
    }
}
