//! Aggregates that need a whole series: collect small rows per group, then walk them once.
//!
//! Window functions over many rows buffer their whole input outside the memory limit and keep state
//! per partition of the window; grouping by hash and sorting each short series does the same work
//! in one pass, is accounted for in the memory limit, and gives the same bits whatever the number
//! of threads, because every series is sorted by a total order before anything is added up.
//!
//! A [`Fold`] says what one row is and what a series becomes; this module turns it into an
//! aggregate function of the query engine.

use std::fmt::Debug;
use std::hash::Hash;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BinaryBuilder, BooleanArray};
use arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, EmitTo, GroupsAccumulator, Signature, Volatility,
};

/// One aggregate over series.
pub(super) trait Fold:
    Debug + Clone + PartialEq + Eq + Hash + Send + Sync + 'static
{
    /// What is kept of one input row.
    type Row: Copy + Debug + Send + Sync + 'static;
    /// Length of an encoded row in bytes.
    const WIDTH: usize;

    /// Name in SQL.
    fn name(&self) -> &'static str;
    /// Exact types of the arguments; callers' types are cast to them.
    fn arguments(&self) -> Vec<DataType>;
    /// Type of the answer.
    fn answer(&self) -> DataType;
    /// Reads the rows of a batch, in order; `None` leaves a row out.
    fn read(&self, columns: &[ArrayRef]) -> Result<Vec<Option<Self::Row>>>;
    /// Appends exactly [`Fold::WIDTH`] bytes.
    fn encode(row: &Self::Row, out: &mut Vec<u8>);
    /// Reads what [`Fold::encode`] wrote.
    fn decode(bytes: &[u8]) -> Self::Row;
    /// One answer per series; rows come in no particular order.
    fn finish(&self, series: Vec<Vec<Self::Row>>) -> Result<ArrayRef>;
}

/// A fold as an aggregate function.
pub(super) fn aggregate<F: Fold>(fold: F) -> AggregateUDF {
    let signature = Signature::exact(fold.arguments(), Volatility::Immutable);
    AggregateUDF::from(Udaf { fold, signature })
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Udaf<F> {
    fold: F,
    signature: Signature,
}

impl<F: Fold> AggregateUDFImpl for Udaf<F> {
    fn name(&self) -> &str {
        self.fold.name()
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> Result<DataType> {
        Ok(self.fold.answer())
    }

    fn state_fields(&self, args: StateFieldsArgs<'_>) -> Result<Vec<FieldRef>> {
        Ok(vec![Arc::new(Field::new(
            format!("{}[rows]", args.name),
            DataType::Binary,
            true,
        ))])
    }

    fn accumulator(&self, _args: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        Ok(Box::new(One(Many {
            fold: self.fold.clone(),
            series: vec![Vec::new()],
        })))
    }

    fn groups_accumulator_supported(&self, _args: AccumulatorArgs<'_>) -> bool {
        true
    }

    fn create_groups_accumulator(
        &self,
        _args: AccumulatorArgs<'_>,
    ) -> Result<Box<dyn GroupsAccumulator>> {
        Ok(Box::new(Many {
            fold: self.fold.clone(),
            series: Vec::new(),
        }))
    }
}

/// State of all groups.
#[derive(Debug)]
struct Many<F: Fold> {
    fold: F,
    series: Vec<Vec<F::Row>>,
}

impl<F: Fold> Many<F> {
    fn take(&mut self, emit_to: EmitTo) -> Vec<Vec<F::Row>> {
        emit_to.take_needed(&mut self.series)
    }

    fn encoded(series: &[Vec<F::Row>]) -> ArrayRef {
        let bytes = series.iter().map(|rows| rows.len() * F::WIDTH).sum();
        let mut builder = BinaryBuilder::with_capacity(series.len(), bytes);
        let mut buffer = Vec::new();
        for rows in series {
            buffer.clear();
            for row in rows {
                F::encode(row, &mut buffer);
            }
            builder.append_value(&buffer);
        }
        Arc::new(builder.finish())
    }

    fn decoded(bytes: &[u8], rows: &mut Vec<F::Row>) {
        rows.extend(bytes.chunks_exact(F::WIDTH).map(F::decode));
    }
}

impl<F: Fold> GroupsAccumulator for Many<F> {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        opt_filter: Option<&BooleanArray>,
        total_num_groups: usize,
    ) -> Result<()> {
        self.series.resize_with(total_num_groups, Vec::new);
        let rows = self.fold.read(values)?;
        for (i, (row, group)) in rows.into_iter().zip(group_indices).enumerate() {
            let wanted = opt_filter.is_none_or(|filter| filter.is_valid(i) && filter.value(i));
            if let (Some(row), true) = (row, wanted) {
                self.series[*group].push(row);
            }
        }
        Ok(())
    }

    fn evaluate(&mut self, emit_to: EmitTo) -> Result<ArrayRef> {
        let series = self.take(emit_to);
        self.fold.finish(series)
    }

    fn state(&mut self, emit_to: EmitTo) -> Result<Vec<ArrayRef>> {
        let series = self.take(emit_to);
        Ok(vec![Self::encoded(&series)])
    }

    fn merge_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        total_num_groups: usize,
    ) -> Result<()> {
        self.series.resize_with(total_num_groups, Vec::new);
        let states = values[0].as_binary::<i32>();
        for (i, group) in group_indices.iter().enumerate() {
            if states.is_valid(i) {
                Self::decoded(states.value(i), &mut self.series[*group]);
            }
        }
        Ok(())
    }

    fn convert_to_state(
        &self,
        values: &[ArrayRef],
        opt_filter: Option<&BooleanArray>,
    ) -> Result<Vec<ArrayRef>> {
        let rows = self.fold.read(values)?;
        let series: Vec<Vec<F::Row>> = rows
            .into_iter()
            .enumerate()
            .map(|(i, row)| {
                let wanted = opt_filter.is_none_or(|filter| filter.is_valid(i) && filter.value(i));
                row.filter(|_| wanted).into_iter().collect()
            })
            .collect();
        Ok(vec![Self::encoded(&series)])
    }

    fn size(&self) -> usize {
        let rows: usize = self.series.iter().map(Vec::capacity).sum();
        rows * size_of::<F::Row>() + self.series.capacity() * size_of::<Vec<F::Row>>()
    }
}

/// The same for a query without groups.
#[derive(Debug)]
struct One<F: Fold>(Many<F>);

impl<F: Fold> Accumulator for One<F> {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let groups = vec![0; values[0].len()];
        self.0.update_batch(values, &groups, None, 1)
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        let series = self.0.series.clone();
        let answer = self.0.fold.finish(series)?;
        ScalarValue::try_from_array(&answer, 0)
    }

    fn size(&self) -> usize {
        GroupsAccumulator::size(&self.0)
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        let state = Many::<F>::encoded(&self.0.series);
        Ok(vec![ScalarValue::try_from_array(&state, 0)?])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        let groups = vec![0; states[0].len()];
        self.0.merge_batch(states, &groups, 1)
    }
}

/// Reads fixed-width little-endian numbers out of an encoded row.
pub(super) struct Cursor<'a>(pub(super) &'a [u8]);

impl Cursor<'_> {
    /// The next `N` bytes; zeros past the end, which an encoder never produces.
    pub(super) fn take<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        if let Some((head, rest)) = self.0.split_at_checked(N) {
            bytes.copy_from_slice(head);
            self.0 = rest;
        }
        bytes
    }

    pub(super) fn i64(&mut self) -> i64 {
        i64::from_le_bytes(self.take())
    }

    pub(super) fn i32(&mut self) -> i32 {
        i32::from_le_bytes(self.take())
    }

    pub(super) fn f64(&mut self) -> f64 {
        f64::from_le_bytes(self.take())
    }
}
