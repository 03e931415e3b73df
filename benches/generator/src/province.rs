//! The whole province as one stream of messages in the order of arrival.
//!
//! Hour by hour every point makes its packets, on as many threads as asked for; the hour is sorted
//! by arrival, point and sequence and handed out. Documents join in where they arrive. When the
//! stream has ended, the summary and the truth are complete.

use std::collections::BTreeMap;
use std::path::Path;

use bytes::Bytes;
use nonsite_schemas::time::beijing_day_start;

use crate::inspections::{self, InspectionCounts};
use crate::layout::Layout;
use crate::malformed::Flaw;
use crate::message::{Message, Topic};
use crate::permits::{self, Document, PermitCounts, tight_mass};
use crate::plan::Plan;
use crate::point::{Batch, PointRun};
use crate::scale::{Scale, ScaleError};
use crate::stamp::{HOUR, rfc3339};
use crate::supporting::{self, DocumentCounts};
use crate::truth::{self, Counts, MassCrossing, Summary, TruthRow, add};

/// A province being generated: an iterator of messages in the order of arrival.
#[derive(Debug)]
pub struct Province {
    scale: Scale,
    layout: Layout,
    plan: Plan,
    runs: Vec<PointRun>,
    keys: Vec<Bytes>,
    threads: usize,
    /// Next run-relative hour; one more than the last when everything was handed out.
    hour: u32,
    /// Documents not handed out yet, last one first.
    documents: Vec<Document<(Topic, String, Vec<u8>)>>,
    ready: std::vec::IntoIter<Message>,
    counts: Counts,
    permits: PermitCounts,
    inspections: InspectionCounts,
    supporting: DocumentCounts,
}

impl Province {
    /// Lays out a province and decides what will happen in it.
    ///
    /// # Errors
    /// A key of the scale is out of range.
    pub fn new(scale: Scale) -> Result<Self, ScaleError> {
        scale.check()?;
        let layout = Layout::new(&scale);
        let plan = Plan::new(&scale, &layout);
        let (permit_documents, permits) = permits::documents(&scale, &layout, &plan);
        let (acts, inspections) = inspections::documents(&scale, &layout);
        let permit_documents = permit_documents.into_iter().map(|document| Document {
            arrival: document.arrival,
            body: (
                Topic::Permits,
                document.body.permit_no.clone(),
                json(&document.body),
            ),
        });
        let acts = acts.into_iter().map(|document| Document {
            arrival: document.arrival,
            body: (
                Topic::Inspections,
                document.body.act_id.clone(),
                json(&document.body),
            ),
        });
        let (papers, supporting) = supporting::documents(&scale, &layout, &plan);
        let papers = papers.into_iter().map(|document| Document {
            arrival: document.arrival,
            body: (Topic::Documents, document.body.key, document.body.json),
        });
        let mut documents: Vec<_> = permit_documents.chain(acts).chain(papers).collect();
        documents.sort_by_key(|document| std::cmp::Reverse(document.arrival));
        let runs = layout
            .points
            .iter()
            .map(|point| {
                let mass = tight_mass(&scale, point, plan.permits[point.unit]);
                PointRun::new(&scale, point, plan.episodes[point.index].clone(), mass)
            })
            .collect();
        let keys = layout
            .points
            .iter()
            .map(|point| Bytes::from(point.mn.clone()))
            .collect();
        Ok(Self {
            scale,
            layout,
            plan,
            runs,
            keys,
            threads: 1,
            hour: 0,
            documents,
            ready: Vec::new().into_iter(),
            counts: Counts::default(),
            permits,
            inspections,
            supporting,
        })
    }

    /// Generates on this many threads (at least one). The output does not depend on it.
    #[must_use]
    pub fn with_threads(mut self, threads: usize) -> Self {
        self.threads = threads.max(1);
        self
    }

    /// The scale it was made from.
    pub const fn scale(&self) -> &Scale {
        &self.scale
    }

    /// Units and points.
    pub const fn layout(&self) -> &Layout {
        &self.layout
    }

    /// What happens in it.
    pub const fn plan(&self) -> &Plan {
        &self.plan
    }

    /// First instant (included) and last instant (excluded) of the data, microseconds UTC.
    pub fn period(&self) -> (i64, i64) {
        let start = beijing_day_start(self.scale.start_day);
        (start, start + i64::from(self.scale.hours()) * HOUR)
    }

    /// Counts of what was generated so far; complete when the stream has ended.
    pub fn summary(&self) -> Summary {
        let (start, end) = self.period();
        let modbus_stations: BTreeMap<String, String> = self
            .layout
            .points
            .iter()
            .filter(|point| point.modbus && !point.json && self.scale.malformed_rate > 0.0)
            .map(|point| {
                let dialect = Flaw::modbus_of(point.index).as_str();
                (point.mn.clone(), dialect.to_owned())
            })
            .collect();
        let mut episodes = BTreeMap::new();
        for row in self.truth() {
            add(&mut episodes, &row.kind, 1);
        }
        Summary {
            scale: self.scale.clone(),
            start: rfc3339(start),
            end: rfc3339(end),
            units: self.layout.units.len() as u64,
            points: self.layout.points.len() as u64,
            counts: self.counts.clone(),
            modbus_stations,
            permits: self.permits,
            documents: self.supporting.clone(),
            inspections: self.inspections,
            episodes,
        }
    }

    /// Faults and look-alikes by start; those that show only in the data (annual mass) are there
    /// once the stream has ended.
    pub fn truth(&self) -> Vec<TruthRow> {
        let crossings: Vec<MassCrossing> = self
            .runs
            .iter()
            .zip(&self.layout.points)
            .filter_map(|(run, point)| {
                let (_, limit_t) = tight_mass(&self.scale, point, self.plan.permits[point.unit])?;
                Some(MassCrossing {
                    point: point.index,
                    hour: run.crossed?,
                    limit_t,
                })
            })
            .collect();
        truth::rows(&self.scale, &self.layout, &self.plan, &crossings)
    }

    /// Writes `truth.jsonl` and `summary.json` into a directory, which is created.
    ///
    /// # Errors
    /// What the file system says.
    pub fn write_truth(&self, dir: &Path) -> std::io::Result<()> {
        truth::write(dir, &self.truth(), &self.summary())
    }

    /// Makes the messages of the next hour; false if there are no more.
    fn advance(&mut self) -> bool {
        let hours = self.scale.hours();
        if self.hour > hours {
            return false;
        }
        let hour = self.hour;
        let until = if hour < hours {
            self.period().0 + i64::from(hour + 1) * HOUR
        } else {
            i64::MAX
        };
        self.hour += 1;
        let batches = self.batches(hour, hours);
        let mut order = Vec::with_capacity(batches.iter().map(|batch| batch.entries.len()).sum());
        let mut buffers = Vec::with_capacity(batches.len());
        for (at, batch) in batches.into_iter().enumerate() {
            self.counts.merge(&batch.counts);
            order.extend(batch.entries.into_iter().map(|entry| (at, entry)));
            buffers.push(Bytes::from(batch.buffer));
        }
        order.sort_unstable_by_key(|(_, entry)| (entry.arrival, entry.point, entry.sequence));
        let mut messages = Vec::with_capacity(order.len() + 16);
        for (at, entry) in order {
            while let Some(document) = self.document_before(entry.arrival) {
                messages.push(document);
            }
            messages.push(Message {
                topic: entry.topic,
                key: self.keys[entry.point as usize].clone(),
                timestamp_ms: entry.arrival.div_euclid(1_000),
                payload: buffers[at].slice(entry.start..entry.start + entry.length),
                readings: entry.readings,
            });
        }
        while let Some(document) = self.document_before(until) {
            messages.push(document);
        }
        self.ready = messages.into_iter();
        true
    }

    /// One batch per thread; after the last hour, what had not arrived yet.
    fn batches(&mut self, hour: u32, hours: u32) -> Vec<Batch> {
        let per_thread = self.runs.len().div_ceil(self.threads);
        let (scale, points) = (&self.scale, &self.layout.points);
        let work = |runs: &mut [PointRun], first: usize| {
            let mut batch = Batch::default();
            let packets = runs.len() * (scale.steps_per_hour() + 2);
            batch.buffer.reserve(packets * scale.factors * 80);
            batch.entries.reserve(packets);
            for (run, point) in runs.iter_mut().zip(&points[first..]) {
                if hour < hours {
                    run.hour(scale, point, hour, &mut batch);
                } else {
                    run.finish(&mut batch);
                }
            }
            batch
        };
        if self.threads == 1 {
            return vec![work(&mut self.runs, 0)];
        }
        std::thread::scope(|scope| {
            let handles: Vec<_> = self
                .runs
                .chunks_mut(per_thread)
                .enumerate()
                .map(|(at, runs)| scope.spawn(move || work(runs, at * per_thread)))
                .collect();
            handles
                .into_iter()
                .map(|handle| match handle.join() {
                    Ok(batch) => batch,
                    Err(panic) => std::panic::resume_unwind(panic),
                })
                .collect()
        })
    }

    fn document_before(&mut self, until: i64) -> Option<Message> {
        let document = self.documents.pop_if(|document| document.arrival < until)?;
        let (topic, key, payload) = document.body;
        add(&mut self.counts.messages, topic.as_str(), 1);
        add(&mut self.counts.bytes, topic.as_str(), payload.len() as u64);
        Some(Message {
            topic,
            key: Bytes::from(key),
            timestamp_ms: document.arrival.div_euclid(1_000),
            payload: Bytes::from(payload),
            readings: 0,
        })
    }
}

/// A document as JSON; the types have nothing that cannot be written.
fn json(body: &impl serde::Serialize) -> Vec<u8> {
    serde_json::to_vec(body).unwrap_or_default()
}

impl Iterator for Province {
    type Item = Message;

    fn next(&mut self) -> Option<Message> {
        loop {
            if let Some(message) = self.ready.next() {
                return Some(message);
            }
            if !self.advance() {
                return None;
            }
        }
    }
}
