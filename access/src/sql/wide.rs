//! Values that are written into many rows.
//!
//! A join, an unnested list and a scalar subquery copy a value of their input into every row of the
//! output it belongs to, some window functions do, and the engine reserves nothing for the batch this
//! makes: a text of 1 MB beside each of 8,192 rows is 8 GB at once. Between such an operator and its
//! input stands [`Wide`], which looks for the widest row that passes and reserves what a batch of such
//! rows takes, as often as the operator makes one at the same time. So the query fails by its own limit,
//! before the batch is made.
//!
//! Texts as tables have them are views, which are copied without what they show; they are free, but for
//! window functions. So are rows of up to [`USUAL`] bytes.
//!
//! Not bounded here: what one expression makes of the rows of one batch (`super::catalogue`, `bounded`),
//! and the batches that several operators above each other hold at the same time, one each.

use std::any::Any;
use std::sync::Arc;

use arrow::array::{Array, AsArray};
use arrow::datatypes::{DataType, Schema};
use arrow::record_batch::RecordBatch;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::TaskContext;
use datafusion::execution::memory_pool::MemoryConsumer;
use datafusion::physical_plan::joins::{
    CrossJoinExec, HashJoinExec, NestedLoopJoinExec, PiecewiseMergeJoinExec, SortMergeJoinExec,
    SymmetricHashJoinExec,
};
use datafusion::physical_plan::scalar_subquery::ScalarSubqueryExec;
use datafusion::physical_plan::unnest::UnnestExec;
use datafusion::physical_plan::windows::{BoundedWindowAggExec, WindowAggExec};
use datafusion::physical_plan::{
    ChildrenPropertiesMode, ExecutionPlan, ReplaceChildrenOptions, WindowExpr,
};

use super::passing::{Look, Passing, Watch};
use super::{Fault, FaultKind};

/// Bytes of a row that are nothing to speak of: a batch of them is 8 MiB.
const USUAL: usize = 1 << 10;
/// Bytes a value of fixed length is taken for.
const FIXED: usize = 16;

/// How many rows of the output may have the same row of the input.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Rows {
    /// As many as a batch has.
    Batch,
    /// As many as the longest of these lists has elements, and at least as many as a batch has.
    Lists(Vec<usize>),
    /// As many as there are.
    All,
}

/// The plan with [`Wide`] below every operator that writes values into many rows.
pub(super) fn counted(plan: Arc<dyn ExecutionPlan>) -> Result<Arc<dyn ExecutionPlan>> {
    let counted = plan.transform_up(|node| {
        let Some((rows, views)) = written(&node) else {
            return Ok(Transformed::no(node));
        };
        let any: &dyn Any = node.as_ref();
        // The first input of these passes as it is; the others are the subqueries.
        let first = usize::from(any.is::<ScalarSubqueryExec>());
        let made = partitions(&node);
        let mut watched = false;
        let mut inputs = Vec::new();
        for (at, input) in node.children().into_iter().enumerate() {
            let columns = copied_columns(&input.schema(), &rows, views);
            if at < first || columns.is_empty() {
                inputs.push(Arc::clone(input));
                continue;
            }
            let wide = Wide {
                columns,
                rows: rows.clone(),
                times: made.div_ceil(partitions(input)),
            };
            inputs.push(Passing::of(Arc::clone(input), Arc::new(wide)));
            watched = true;
        }
        if !watched {
            return Ok(Transformed::no(node));
        }
        // Nothing an operator knows of its input changes; what it has been told by others stays.
        let options = ReplaceChildrenOptions::new(ChildrenPropertiesMode::Keep);
        Ok(Transformed::yes(node.replace_children(inputs, options)?))
    })?;
    Ok(counted.data)
}

/// Into how many rows an operator writes a row of its input, if it does, and whether it copies what
/// views show.
fn written(node: &Arc<dyn ExecutionPlan>) -> Option<(Rows, bool)> {
    let any: &dyn Any = node.as_ref();
    if let Some(unnest) = any.downcast_ref::<UnnestExec>() {
        let lists = unnest.list_column_indices().iter();
        let lists = lists.map(|list| list.index_in_input_schema).collect();
        return Some((Rows::Lists(lists), false));
    }
    if let Some(window) = any.downcast_ref::<WindowAggExec>() {
        return texts(window.window_expr()).then_some((Rows::All, true));
    }
    if let Some(window) = any.downcast_ref::<BoundedWindowAggExec>() {
        return texts(window.window_expr()).then_some((Rows::Batch, true));
    }
    let copies = any.is::<CrossJoinExec>()
        || any.is::<NestedLoopJoinExec>()
        || any.is::<HashJoinExec>()
        || any.is::<SortMergeJoinExec>()
        || any.is::<SymmetricHashJoinExec>()
        || any.is::<PiecewiseMergeJoinExec>()
        || any.is::<ScalarSubqueryExec>();
    copies.then_some((Rows::Batch, false))
}

/// Whether one of these has an answer of any length.
fn texts(windows: &[Arc<dyn WindowExpr>]) -> bool {
    windows.iter().any(|window| {
        window
            .field()
            .is_ok_and(|field| is_copied(field.data_type(), true))
    })
}

fn partitions(plan: &Arc<dyn ExecutionPlan>) -> usize {
    let partitioning = plan.properties().output_partitioning();
    partitioning.partition_count().max(1)
}

/// The columns that are copied with all they hold; what a list holds is not when the list is unnested.
fn copied_columns(schema: &Schema, rows: &Rows, views: bool) -> Vec<usize> {
    let unnested = |at: usize| match rows {
        Rows::Lists(lists) => lists.contains(&at),
        Rows::Batch | Rows::All => false,
    };
    let fields = schema.fields().iter().enumerate();
    fields
        .filter(|(at, field)| is_copied(field.data_type(), views) && !unnested(*at))
        .map(|(at, _)| at)
        .collect()
}

/// Whether a value can be of any length, and copying it copies all of it.
fn is_copied(kind: &DataType, views: bool) -> bool {
    match kind {
        DataType::Utf8View | DataType::BinaryView => views,
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Binary | DataType::LargeBinary => true,
        DataType::List(_)
        | DataType::LargeList(_)
        | DataType::FixedSizeList(..)
        | DataType::Map(..) => true,
        DataType::Struct(fields) => fields
            .iter()
            .any(|field| is_copied(field.data_type(), views)),
        _ => false,
    }
}

/// Reserves what a batch of the widest rows takes.
#[derive(Debug)]
struct Wide {
    /// The columns that are copied.
    columns: Vec<usize>,
    /// Into how many rows.
    rows: Rows,
    /// How many batches are made at the same time of what passes here.
    times: usize,
}

impl Watch for Wide {
    fn name(&self) -> &'static str {
        "Wide"
    }

    fn begin(&self, partition: usize, context: &TaskContext) -> Look {
        let reserved =
            MemoryConsumer::new(format!("Wide[{partition}]")).register(context.memory_pool());
        let (columns, rows, times) = (self.columns.clone(), self.rows.clone(), self.times);
        let batch_rows = context.session_config().batch_size();
        let (mut passed, mut widest, mut longest) = (0, 0, 0);
        Box::new(move |batch: &RecordBatch| {
            passed += batch.num_rows();
            let row = columns.iter().map(|at| largest(batch.column(*at).as_ref()));
            widest = widest.max(row.sum::<usize>());
            if widest <= USUAL {
                return Ok(());
            }
            let rows = match &rows {
                Rows::Batch => batch_rows,
                Rows::Lists(lists) => {
                    let lists = lists.iter().map(|at| elements(batch.column(*at).as_ref()));
                    longest = longest.max(lists.max().unwrap_or(0));
                    batch_rows.max(longest)
                }
                Rows::All => passed,
            };
            let wanted = widest.saturating_mul(rows).saturating_mul(times);
            let more = wanted.saturating_sub(reserved.size());
            if more == 0 {
                return Ok(());
            }
            // As our own fault: a join that hears of the engine's own want of memory starts its input
            // anew to spill it, which not every input can bear.
            reserved.try_grow(more).map_err(|error| {
                let what = format!(
                    "a row of {} KiB would be written into {rows} rows at once by a join, an unnested \
                     list, a subquery or a window: leave large values out of it and read them for what \
                     is left, or cut them short ({})",
                    widest >> 10,
                    error.strip_backtrace()
                );
                DataFusionError::from(Fault::new(FaultKind::Memory, what))
            })
        })
    }
}

/// Bytes of the largest value of a column, or more.
fn largest(array: &dyn Array) -> usize {
    match array.data_type() {
        DataType::Utf8 => most(array.as_string::<i32>().offsets().lengths()),
        DataType::LargeUtf8 => most(array.as_string::<i64>().offsets().lengths()),
        DataType::Binary => most(array.as_binary::<i32>().offsets().lengths()),
        DataType::LargeBinary => most(array.as_binary::<i64>().offsets().lengths()),
        DataType::Utf8View => most(array.as_string_view().lengths().map(|bytes| bytes as usize)),
        DataType::BinaryView => most(array.as_binary_view().lengths().map(|bytes| bytes as usize)),
        DataType::Struct(_) => {
            let parts = array.as_struct().columns().iter();
            parts.map(|part| largest(part.as_ref())).sum()
        }
        DataType::List(_) => elements(array) * largest(array.as_list::<i32>().values().as_ref()),
        DataType::LargeList(_) => {
            elements(array) * largest(array.as_list::<i64>().values().as_ref())
        }
        DataType::FixedSizeList(..) => {
            elements(array) * largest(array.as_fixed_size_list().values().as_ref())
        }
        DataType::Map(..) => elements(array) * largest(array.as_map().entries()),
        _ => FIXED,
    }
}

/// Elements of the longest list of a column; one where it has none.
fn elements(array: &dyn Array) -> usize {
    match array.data_type() {
        DataType::List(_) => most(array.as_list::<i32>().offsets().lengths()),
        DataType::LargeList(_) => most(array.as_list::<i64>().offsets().lengths()),
        DataType::FixedSizeList(_, length) => usize::try_from(*length).unwrap_or(0),
        DataType::Map(..) => most(array.as_map().offsets().lengths()),
        _ => 1,
    }
}

fn most(lengths: impl Iterator<Item = usize>) -> usize {
    lengths.max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use arrow::array::{
        ArrayRef, DictionaryArray, Int64Array, ListArray, StringArray, StringViewArray, StructArray,
    };
    use arrow::datatypes::{Field, Int32Type};

    use super::*;

    #[test]
    fn the_largest_value_of_a_column_is_found() {
        let texts = StringArray::from(vec![Some("abc"), None, Some("abcde")]);
        let views = StringViewArray::from(vec!["abc", "a text that is not inlined"]);
        let lists = ListArray::from_iter_primitive::<Int32Type, _, _>([
            Some(vec![Some(1)]),
            None,
            Some(vec![Some(1), None, Some(3)]),
        ]);
        let field = Arc::new(Field::new("a", DataType::Utf8, true));
        let number = Arc::new(Field::new("b", DataType::Int64, true));
        let pair = StructArray::from(vec![
            (field, Arc::new(texts.clone()) as ArrayRef),
            (
                number,
                Arc::new(Int64Array::from(vec![1, 2, 3])) as ArrayRef,
            ),
        ]);
        let cases: [(&dyn Array, usize); 6] = [
            (&texts, 5),
            (&texts.slice(0, 2), 3),
            (&views, 26),
            (&lists, 3 * FIXED),
            (&pair, 5 + FIXED),
            (&Int64Array::from(vec![1]), FIXED),
        ];
        for (array, wanted) in cases {
            assert_eq!(largest(array), wanted, "{array:?}");
        }
        assert_eq!(elements(&lists), 3);
        assert_eq!(largest(&StringArray::from(Vec::<&str>::new())), 0);
    }

    #[test]
    fn what_is_copied_without_what_it_shows_is_free() {
        let words = DictionaryArray::<Int32Type>::from_iter(["a", "b"]);
        let list = DataType::List(Arc::new(Field::new_list_field(DataType::Int64, true)));
        let schema = Schema::new(vec![
            Field::new("view", DataType::Utf8View, true),
            Field::new("word", words.data_type().clone(), true),
            Field::new("value", DataType::Float64, true),
            Field::new("text", DataType::Utf8, true),
            Field::new("list", list, true),
        ]);
        assert_eq!(copied_columns(&schema, &Rows::Batch, false), [3, 4]);
        assert_eq!(copied_columns(&schema, &Rows::Batch, true), [0, 3, 4]);
        assert_eq!(copied_columns(&schema, &Rows::Lists(vec![4]), false), [3]);
    }
}
