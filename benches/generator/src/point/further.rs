//! Packets beside the ordinary ones: power, and hours that are sent again with other values.

use super::{Batch, PointRun};
use crate::delivery::Content;
use crate::layout::Point;
use crate::packet::{self, About};
use crate::plan::Kind;
use crate::process::HourPlan;
use crate::stamp::{HOUR, SECOND};

impl PointRun {
    /// Power of the interval, by the same logger and line as everything else.
    #[expect(clippy::too_many_arguments, reason = "what, when, and where to")]
    pub(super) fn power(
        &mut self,
        point: &Point,
        plan: &HourPlan,
        data_time: i64,
        cadence: i64,
        resume: Option<i64>,
        until: i64,
        batch: &mut Batch,
    ) {
        let due = data_time + cadence + 2 * SECOND;
        let sent_at = match resume {
            Some(resume) => {
                self.held += 1;
                batch.counts.backfilled += 1;
                (resume + self.held * SECOND).max(due)
            }
            None => due,
        };
        let about = About {
            cn: "2051",
            data_time,
            sent_at,
            late: resume.is_some(),
        };
        let tenths = self.process.power(plan);
        let Batch {
            buffer,
            entries,
            counts,
        } = batch;
        let length = packet::power(buffer, point, &about, tenths);
        let content = Content::Readings(packet::POWER_CODES.len() as u32, "minute");
        self.outbox.send(
            "2051 of ST 44",
            content,
            sent_at,
            length,
            until,
            buffer,
            entries,
            counts,
        );
    }

    /// Sends the hour packet of a rewritten hour once more, hours later, with lower values.
    pub(super) fn rewrite(
        &mut self,
        point: &Point,
        hour: u32,
        start: i64,
        sent_at: i64,
        until: i64,
        batch: &mut Batch,
    ) {
        let rewritten = self
            .episodes
            .iter()
            .find(|episode| episode.kind == Kind::Rewritten && episode.covers(hour))
            .and_then(|episode| episode.channel);
        let Some(values) = rewritten.and_then(|at| self.values.get_mut(at)) else {
            return;
        };
        for value in [&mut values.min, &mut values.avg, &mut values.max] {
            *value = *value * 3 / 5;
        }
        values.zs = values.zs.map(|zs| zs * 3 / 5);
        values.cou = values.cou.map(|cou| cou * 3 / 5);
        let sent_at = sent_at + 3 * HOUR;
        let about = About {
            cn: "2061",
            data_time: start,
            sent_at,
            late: true,
        };
        let Batch {
            buffer,
            entries,
            counts,
        } = batch;
        let first = buffer.len();
        let mut parts = Vec::with_capacity(1);
        packet::data(buffer, point, &about, &self.values, |length, factors| {
            parts.push((length, factors as u32));
        });
        // One message per packet, each the last one in the buffer while it is sent.
        let made = buffer.split_off(first);
        let mut rest = made.as_slice();
        for (length, factors) in parts {
            let (packet, after) = rest.split_at(length);
            rest = after;
            buffer.extend_from_slice(packet);
            self.outbox.send(
                "2061",
                Content::Again(factors, "hour"),
                sent_at,
                length,
                until,
                buffer,
                entries,
                counts,
            );
        }
    }
}
