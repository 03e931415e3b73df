//! The walk over a file: cell by cell into groups, group by group into messages.

use std::collections::HashMap;
use std::fs::File;
use std::sync::Arc;

use super::assemble::{self, Assembler, Content, Group, Layer};
use super::error::ImportError;
use super::mapping::{Conversion, GRANULARITIES, Statistic};
use super::message::{self, Field, Put, Series};
use super::plan::{MnSource, Plan, Shape, Value, text_of};
use super::report::{ColumnCount, Fault, LISTED_FAULTS, Report};
use super::source::{Cell, Row};
use super::{BadCells, MessageSink, Options};

/// Numbers texts that repeat in every row, so that a group key is two integers.
#[derive(Debug)]
struct Names<T> {
    numbers: HashMap<T, u32>,
    names: Vec<T>,
}

impl<T: Clone + Eq + std::hash::Hash> Names<T> {
    fn new() -> Self {
        Self {
            numbers: HashMap::new(),
            names: Vec::new(),
        }
    }

    fn number(&mut self, name: &T) -> u32 {
        if let Some(number) = self.numbers.get(name) {
            return *number;
        }
        // Four thousand million distinct names do not fit a file anybody can import.
        let number = u32::try_from(self.names.len()).unwrap_or(u32::MAX);
        self.names.push(name.clone());
        self.numbers.insert(name.clone(), number);
        number
    }

    fn name(&self, number: u32) -> &T {
        &self.names[number as usize]
    }
}

/// When a row happened: an instant, or the text that is not one.
enum When {
    Instant(i64),
    Unreadable(String),
}

/// The state of one pass over a file.
pub(super) struct Run<'r> {
    plan: &'r Plan,
    options: &'r Options,
    sink: &'r mut dyn MessageSink,
    rejects: Option<csv::Writer<File>>,
    path: &'r std::path::Path,
    pub(super) report: Report,
    assembler: Assembler,
    mns: Names<Arc<str>>,
    series: Names<Series>,
    first: Option<i64>,
    last: Option<i64>,
    buffer: Vec<u8>,
}

impl<'r> Run<'r> {
    pub(super) fn new(
        path: &'r std::path::Path,
        plan: &'r Plan,
        options: &'r Options,
        sink: &'r mut dyn MessageSink,
    ) -> Result<Self, ImportError> {
        let rejects = options.rejects.as_ref().map(|file| {
            let mut writer =
                csv::Writer::from_path(file).map_err(|error| reject_fault(file, error))?;
            writer
                .write_record(["line", "column", "text", "why"])
                .map_err(|error| reject_fault(file, error))?;
            Ok(writer)
        });
        let mut series = Names::new();
        if let Shape::Wide(columns) = &plan.shape {
            // The order of the mapping is the order of the readings in a message.
            for column in columns {
                series.number(&column.series);
            }
        }
        Ok(Self {
            plan,
            options,
            sink,
            rejects: rejects.transpose()?,
            path,
            report: Report {
                columns: plan.column_counts(),
                unmapped: plan.unmapped_counts(),
                ..Report::default()
            },
            assembler: Assembler::new(plan.merge_within),
            mns: Names::new(),
            series,
            first: None,
            last: None,
            buffer: Vec::new(),
        })
    }

    /// Takes one row.
    pub(super) fn row(&mut self, row: &Row<'_>) -> Result<(), ImportError> {
        self.report.rows += 1;
        match row {
            Row::Malformed { line, text, why } => self.unusable(*line, "", text, why),
            Row::Cells { line, cells } => {
                for (count, index) in self.report.unmapped.iter_mut().zip(&self.plan.unmapped) {
                    if self.plan.is_missing(&cells[*index]) {
                        count.missing += 1;
                    } else {
                        count.numbers += 1;
                    }
                }
                self.cells(*line, cells)?;
                while let Some(group) = self.assembler.overdue() {
                    self.send_group(&group)?;
                }
                Ok(())
            }
        }
    }

    /// Sends what is still open and returns the report.
    pub(super) fn finish(mut self) -> Result<Report, ImportError> {
        while let Some(group) = self.assembler.close_oldest() {
            self.send_group(&group)?;
        }
        if let (Some(mut writer), Some(file)) = (self.rejects.take(), &self.options.rejects) {
            writer.flush().map_err(|source| ImportError::File {
                path: file.clone(),
                action: "write",
                source,
            })?;
        }
        self.report.first = self.first.map(super::time::beijing_text);
        self.report.last = self.last.map(super::time::beijing_text);
        Ok(self.report)
    }

    fn cells(&mut self, line: u64, cells: &[Cell<'_>]) -> Result<(), ImportError> {
        let row_text = || cells.iter().map(text_of).collect::<Vec<_>>().join(",");
        let mn = match &self.plan.mn {
            MnSource::Fixed(mn) => Arc::clone(mn),
            MnSource::Column { index, names } => {
                let text = text_of(&cells[*index]);
                let text = text.trim();
                if self.plan.is_missing(&cells[*index]) {
                    return self.unusable(line, "", &row_text(), "the MN is missing");
                }
                names.get(text).map_or(text, String::as_str).into()
            }
        };
        let when = match self.time(cells) {
            Ok(instant) => When::Instant(instant),
            Err((text, why)) => {
                let column = self.plan.headings[self.plan.time_columns[0]].clone();
                self.report.bad_rows += 1;
                self.fault(Fault {
                    line,
                    column,
                    text: text.clone(),
                    why,
                })?;
                When::Unreadable(text)
            }
        };
        let mut found = Vec::new();
        let plan = self.plan;
        match &plan.shape {
            Shape::Wide(columns) => {
                for (place, column) in columns.iter().enumerate() {
                    let content = self.content(
                        line,
                        place,
                        &cells[column.index],
                        column.statistic,
                        &column.conversion,
                    )?;
                    if let Some(content) = content {
                        let owner = column.mn.as_ref().unwrap_or(&mn);
                        found.push((
                            Arc::clone(owner),
                            self.series.number(&column.series),
                            content,
                        ));
                    }
                }
            }
            Shape::Long(long) => {
                let factor = text_of(&cells[long.factor]);
                let factor = factor.trim();
                if self.plan.is_missing(&cells[long.factor]) {
                    return self.unusable(line, &mn, &row_text(), "the factor is missing");
                }
                let mapped = long.columns.factors.get(factor);
                let conversion = mapped.map(|m| m.conversion()).unwrap_or_default();
                let granularity = self.granularity(line, long, cells)?;
                let series = self.series.number(&Series {
                    factor: mapped.map_or(factor, |m| m.factor.as_str()).into(),
                    granularity,
                    period_s: long.period_s,
                });
                for (place, (statistic, index)) in long.statistics.iter().enumerate() {
                    let content =
                        self.content(line, place, &cells[*index], *statistic, &conversion)?;
                    if let Some(content) = content {
                        found.push((Arc::clone(&mn), series, content));
                    }
                }
            }
        }
        if found.is_empty() {
            self.report.empty_rows += 1;
            return Ok(());
        }
        match when {
            When::Instant(instant) => self.collect(instant, &found),
            When::Unreadable(text) if self.options.bad_cells == BadCells::Report => {
                self.send_undated(&text, &found)
            }
            When::Unreadable(_) => Ok(()),
        }
    }

    fn time(&self, cells: &[Cell<'_>]) -> Result<i64, (String, String)> {
        match self.plan.time_columns.as_slice() {
            [one] => {
                let cell = &cells[*one];
                let cell = if self.plan.is_missing(cell) {
                    &Cell::Missing
                } else {
                    cell
                };
                self.plan
                    .time
                    .read(cell)
                    .map_err(|why| (text_of(&cells[*one]), why))
            }
            several => {
                let parts: Vec<String> = several
                    .iter()
                    .map(|index| text_of(&cells[*index]).trim().to_owned())
                    .collect();
                let text = parts.join(" ");
                self.plan
                    .time
                    .read(&Cell::Text(&text))
                    .map_err(|why| (text.clone(), why))
            }
        }
    }

    fn granularity(
        &mut self,
        line: u64,
        long: &super::plan::LongPlan,
        cells: &[Cell<'_>],
    ) -> Result<Arc<str>, ImportError> {
        let Some(index) = long.granularity else {
            return Ok(Arc::clone(&long.default_granularity));
        };
        let text = text_of(&cells[index]);
        let text = text.trim();
        let name = long
            .columns
            .granularities
            .get(text)
            .map_or(text, String::as_str);
        if !GRANULARITIES.contains(&name) {
            self.report.bad_cells += 1;
            let column = self.plan.headings[index].clone();
            let why = "unknown granularity; list it under [long.granularities]".to_owned();
            self.fault(Fault {
                line,
                column,
                text: text.to_owned(),
                why,
            })?;
        }
        Ok(name.into())
    }

    /// Classifies and counts a cell; what it brings, if anything is to be sent.
    fn content(
        &mut self,
        line: u64,
        place: usize,
        cell: &Cell<'_>,
        statistic: Statistic,
        conversion: &Conversion,
    ) -> Result<Option<Content>, ImportError> {
        let plan = self.plan;
        let value = plan.value(cell, statistic, conversion);
        let count: &mut ColumnCount = &mut self.report.columns[place];
        match value {
            Value::Missing => {
                count.missing += 1;
                self.report.missing += 1;
                Ok(None)
            }
            Value::Number(number) => {
                count.numbers += 1;
                self.report.numbers += 1;
                Ok(Some(Content::Field(statistic, Field::Number(number))))
            }
            Value::Flag(flag) => {
                count.flags += 1;
                self.report.flags += 1;
                Ok(Some(Content::Flag(flag.to_owned())))
            }
            Value::Bad(text) => {
                count.bad += 1;
                self.report.bad_cells += 1;
                let column = count.column.clone();
                let why = "not a number and not a missing marker".to_owned();
                self.fault(Fault {
                    line,
                    column,
                    text: text.clone(),
                    why,
                })?;
                let sent = self.options.bad_cells == BadCells::Report;
                Ok(sent.then_some(Content::Field(statistic, Field::Text(text))))
            }
        }
    }

    fn collect(
        &mut self,
        instant: i64,
        found: &[(Arc<str>, u32, Content)],
    ) -> Result<(), ImportError> {
        for (mn, series, content) in found {
            let mn = self.mns.number(mn);
            let instant = self.assembler.resolve(mn, instant);
            match self.assembler.put(mn, instant, *series, content) {
                Put::New => {}
                Put::Same => self.report.duplicates += 1,
                Put::Differs => self.report.conflicts += 1,
            }
        }
        Ok(())
    }

    fn send_group(&mut self, group: &Group) -> Result<(), ImportError> {
        if group.first {
            self.report.instants += 1;
        }
        self.first = Some(
            self.first
                .map_or(group.instant, |first| first.min(group.instant)),
        );
        self.last = Some(
            self.last
                .map_or(group.instant, |last| last.max(group.instant)),
        );
        let mn = Arc::clone(self.mns.name(group.mn));
        let data_time = super::time::beijing_text(group.instant);
        for (number, layer) in group.layers.iter().enumerate() {
            self.send_layer(&mn, &data_time, self.options.resend || number > 0, layer)?;
        }
        Ok(())
    }

    /// Sends a row whose time is not one, with the text as its time: ingest quarantines it whole.
    fn send_undated(
        &mut self,
        data_time: &str,
        found: &[(Arc<str>, u32, Content)],
    ) -> Result<(), ImportError> {
        let mut by_mn: Vec<(Arc<str>, Vec<Layer>)> = Vec::new();
        for (mn, series, content) in found {
            let place = by_mn
                .iter()
                .position(|(known, _)| known == mn)
                .unwrap_or_else(|| {
                    by_mn.push((Arc::clone(mn), Vec::new()));
                    by_mn.len() - 1
                });
            assemble::put(&mut by_mn[place].1, *series, content);
        }
        for (mn, layers) in &by_mn {
            for layer in layers {
                self.send_layer(mn, data_time, self.options.resend, layer)?;
            }
        }
        Ok(())
    }

    fn send_layer(
        &mut self,
        mn: &str,
        data_time: &str,
        resend: bool,
        layer: &Layer,
    ) -> Result<(), ImportError> {
        let mut buffer = std::mem::take(&mut self.buffer);
        let readings = layer
            .iter()
            .map(|(series, reading)| (self.series.name(*series), reading));
        message::write(&mut buffer, mn, data_time, resend, readings);
        self.report.readings += layer.len() as u64;
        let sent = self.send(mn, &buffer);
        self.buffer = buffer;
        sent
    }

    fn send(&mut self, mn: &str, message: &[u8]) -> Result<(), ImportError> {
        self.report.messages += 1;
        self.report.message_bytes += message.len() as u64;
        self.sink.send(mn, message)
    }

    /// A row without usable readings: counted, listed, and (unless rejected) sent as it is.
    fn unusable(&mut self, line: u64, mn: &str, text: &str, why: &str) -> Result<(), ImportError> {
        self.report.bad_rows += 1;
        let column = String::new();
        self.fault(Fault {
            line,
            column,
            text: text.to_owned(),
            why: why.to_owned(),
        })?;
        if self.options.bad_cells == BadCells::Report {
            let mut buffer = std::mem::take(&mut self.buffer);
            message::write_unusable(&mut buffer, mn, line, text, why);
            let sent = self.send(mn, &buffer);
            self.buffer = buffer;
            sent?;
        }
        Ok(())
    }

    fn fault(&mut self, fault: Fault) -> Result<(), ImportError> {
        if self.options.bad_cells == BadCells::Fail {
            return Err(ImportError::Bad {
                path: self.path.to_owned(),
                fault: fault.to_string(),
            });
        }
        if let (Some(writer), Some(file)) = (&mut self.rejects, &self.options.rejects) {
            let line = fault.line.to_string();
            writer
                .write_record([line.as_str(), &fault.column, &fault.text, &fault.why])
                .map_err(|error| reject_fault(file, error))?;
        }
        if self.report.faults.len() < LISTED_FAULTS {
            self.report.faults.push(fault);
        }
        Ok(())
    }
}

fn reject_fault(file: &std::path::Path, error: csv::Error) -> ImportError {
    ImportError::File {
        path: file.to_owned(),
        action: "write",
        source: std::io::Error::other(error),
    }
}
