//! A mapping bound to the columns a file really has.
//!
//! Everything that can be looked up once is looked up here, so that a row costs index accesses
//! only, and so that a heading that is not in the file is an error before anything is sent.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use super::error::ImportError;
use super::mapping::{Conversion, LongColumns, Mapping, Statistic};
use super::message::Series;
use super::report::ColumnCount;
use super::source::{Cell, Source};
use super::time::TimeReader;

/// A mapped column of a wide export.
#[derive(Debug)]
pub(super) struct WideColumn {
    pub(super) index: usize,
    pub(super) mn: Option<Arc<str>>,
    pub(super) series: Series,
    pub(super) statistic: Statistic,
    pub(super) conversion: Conversion,
}

/// The columns of a long export.
#[derive(Debug)]
pub(super) struct LongPlan {
    pub(super) factor: usize,
    pub(super) granularity: Option<usize>,
    pub(super) default_granularity: Arc<str>,
    pub(super) period_s: Option<u32>,
    pub(super) statistics: Vec<(Statistic, usize)>,
    pub(super) columns: LongColumns,
}

/// Where readings are in a row.
#[derive(Debug)]
pub(super) enum Shape {
    Wide(Vec<WideColumn>),
    Long(Box<LongPlan>),
}

/// Where the MN comes from.
#[derive(Debug)]
pub(super) enum MnSource {
    Fixed(Arc<str>),
    Column {
        index: usize,
        names: BTreeMap<String, String>,
    },
}

/// The bound mapping.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) time: TimeReader,
    pub(super) time_columns: Vec<usize>,
    pub(super) merge_within: i64,
    pub(super) mn: MnSource,
    pub(super) shape: Shape,
    pub(super) unmapped: Vec<usize>,
    pub(super) headings: Vec<String>,
    missing: HashSet<String>,
    flags: BTreeMap<String, String>,
}

/// What a cell says to a mapped column.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value<'a> {
    Missing,
    Number(f64),
    Bad(String),
    Flag(&'a str),
}

impl Plan {
    /// Binds `mapping` to the headings of `source`.
    pub(super) fn new(mapping: &Mapping, source: &Source) -> Result<Self, ImportError> {
        let layout = |what: String| ImportError::Layout {
            path: source.path.clone(),
            what,
        };
        let mut used = HashSet::new();
        let mut find = |name: &str, role: &str| {
            let index = find(&source.headings, name).map_err(|what| {
                layout(format!(
                    "{role} `{name}` {what}; correct the mapping or the file"
                ))
            })?;
            used.insert(index);
            Ok::<usize, ImportError>(index)
        };
        let time = &mapping.time;
        let time_columns = time
            .column
            .iter()
            .chain(&time.columns)
            .map(|name| find(name, "the time column"))
            .collect::<Result<Vec<_>, _>>()?;
        let mn = match &mapping.mn {
            Some(column) => MnSource::Column {
                index: find(&column.column, "the MN column")?,
                names: column.names.clone(),
            },
            None => MnSource::Fixed(mapping.reading.mn.as_deref().unwrap_or_default().into()),
        };
        let shape = match &mapping.long {
            None => Shape::Wide(wide(mapping, &mut find)?),
            Some(long) => Shape::Long(Box::new(long_plan(mapping, long, &mut find)?)),
        };
        let ignored: HashSet<&str> = mapping.ignore.iter().map(String::as_str).collect();
        for name in &mapping.ignore {
            find(name, "the ignored column")?;
        }
        let unmapped = (0..source.headings.len())
            .filter(|index| !used.contains(index))
            .filter(|index| !ignored.contains(source.headings[*index].as_str()))
            .collect();
        Ok(Self {
            time: TimeReader::new(time).map_err(layout)?,
            time_columns,
            merge_within: i64::from(time.merge_within_s) * 1_000_000,
            mn,
            shape,
            unmapped,
            headings: source.headings.clone(),
            missing: mapping
                .missing
                .iter()
                .map(|text| text.trim().to_owned())
                .collect(),
            flags: mapping.flags.clone(),
        })
    }

    /// Whether a cell holds nothing by this mapping.
    pub(super) fn is_missing(&self, cell: &Cell<'_>) -> bool {
        match cell {
            Cell::Missing => true,
            Cell::Text(text) => {
                let text = text.trim();
                text.is_empty() || self.missing.contains(text)
            }
            _ => false,
        }
    }

    /// What a cell says to a column of this statistic, converted.
    pub(super) fn value<'a>(
        &'a self,
        cell: &Cell<'a>,
        statistic: Statistic,
        conversion: &Conversion,
    ) -> Value<'a> {
        if self.is_missing(cell) {
            return Value::Missing;
        }
        if statistic == Statistic::Flag {
            return match cell {
                Cell::Text(text) => {
                    let text = text.trim();
                    Value::Flag(self.flags.get(text).map_or(text, String::as_str))
                }
                other => Value::Bad(text_of(other)),
            };
        }
        let number = match cell {
            Cell::Text(text) => text.trim().parse::<f64>().ok(),
            Cell::Number(number) => Some(*number),
            _ => None,
        };
        match number
            .filter(|number| number.is_finite())
            .map(|number| conversion.apply(number))
        {
            Some(number) if number.is_finite() => Value::Number(number),
            _ => Value::Bad(text_of(cell)),
        }
    }

    /// The zeroed counts of every mapped column.
    pub(super) fn column_counts(&self) -> Vec<ColumnCount> {
        let count = |index: usize, factor: &str, statistic: Statistic| ColumnCount {
            column: self.headings[index].clone(),
            factor: factor.to_owned(),
            statistic: statistic.name().to_owned(),
            ..ColumnCount::default()
        };
        match &self.shape {
            Shape::Wide(columns) => columns
                .iter()
                .map(|column| count(column.index, &column.series.factor, column.statistic))
                .collect(),
            Shape::Long(long) => long
                .statistics
                .iter()
                .map(|(statistic, index)| count(*index, "", *statistic))
                .collect(),
        }
    }

    /// The zeroed counts of every column nobody asked for.
    pub(super) fn unmapped_counts(&self) -> Vec<ColumnCount> {
        let named = |index: &usize| ColumnCount {
            column: self.headings[*index].clone(),
            ..ColumnCount::default()
        };
        self.unmapped.iter().map(named).collect()
    }
}

/// A cell as it would be written.
pub(super) fn text_of(cell: &Cell<'_>) -> String {
    match cell {
        Cell::Missing => String::new(),
        Cell::Text(text) => (*text).to_owned(),
        Cell::Number(number) => number.to_string(),
        Cell::Instant(micros) | Cell::LocalTime(micros) => micros.to_string(),
    }
}

fn find(headings: &[String], name: &str) -> Result<usize, String> {
    let mut places = headings
        .iter()
        .enumerate()
        .filter(|(_, heading)| *heading == name);
    match (places.next(), places.next()) {
        (Some((index, _)), None) => Ok(index),
        (Some(_), Some(_)) => Err("stands twice in the header".to_owned()),
        (None, _) => Err(format!(
            "is not in the file; its columns are: {}",
            headings.join(", ")
        )),
    }
}

type Find<'f> = dyn FnMut(&str, &str) -> Result<usize, ImportError> + 'f;

fn wide(mapping: &Mapping, find: &mut Find<'_>) -> Result<Vec<WideColumn>, ImportError> {
    let defaults = &mapping.reading;
    mapping
        .columns
        .iter()
        .map(|column| {
            let granularity = column
                .granularity
                .as_ref()
                .or(defaults.granularity.as_ref())
                .cloned();
            Ok(WideColumn {
                index: find(&column.name, "the column")?,
                mn: column.mn.as_deref().map(Arc::from),
                series: Series {
                    factor: column.factor.trim().into(),
                    granularity: granularity.unwrap_or_default().into(),
                    period_s: column.period_s.or(defaults.period_s),
                },
                statistic: column.statistic,
                conversion: column.conversion(),
            })
        })
        .collect()
}

fn long_plan(
    mapping: &Mapping,
    long: &LongColumns,
    find: &mut Find<'_>,
) -> Result<LongPlan, ImportError> {
    let statistics = long
        .statistics()
        .into_iter()
        .map(|(statistic, name)| Ok((statistic, find(name, "the column")?)))
        .collect::<Result<Vec<_>, ImportError>>()?;
    let granularity = long.granularity.as_deref();
    Ok(LongPlan {
        factor: find(&long.factor, "the factor column")?,
        granularity: granularity
            .map(|name| find(name, "the granularity column"))
            .transpose()?,
        default_granularity: mapping
            .reading
            .granularity
            .as_deref()
            .unwrap_or_default()
            .into(),
        period_s: mapping.reading.period_s,
        statistics,
        columns: long.clone(),
    })
}
