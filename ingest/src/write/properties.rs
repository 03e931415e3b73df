//! How each column is encoded, and why.

use arrow::datatypes::DataType;
use nonsite_schemas::tables::TableDef;
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::file::metadata::SortingColumn;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::schema::types::ColumnPath;

/// Rows per row group: dictionaries and the page index pay off, and a reader can still split.
const ROW_GROUP_ROWS: usize = 1 << 20;
/// Longest minimum or maximum kept of a text, bytes.
const STATISTICS_BYTES: usize = 64;

/// The writer's settings for a table.
pub fn of(table: &TableDef) -> WriterProperties {
    let mut builder = WriterProperties::builder()
        .set_created_by(concat!("nonsite ", env!("CARGO_PKG_VERSION")).to_owned())
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
        .set_statistics_truncate_length(Some(STATISTICS_BYTES))
        .set_column_index_truncate_length(Some(STATISTICS_BYTES))
        .set_statistics_enabled(EnabledStatistics::Page);
    let stored = table
        .schema
        .fields()
        .iter()
        .filter(|field| !table.partition_columns.contains(&field.name().as_str()));
    let mut sorting = Vec::new();
    for (index, field) in stored.enumerate() {
        let column = ColumnPath::from(field.name().as_str());
        match field.data_type() {
            // Regular steps: a few bits each once the dictionary is out of the way.
            DataType::Timestamp(..) | DataType::Int64 => {
                builder = builder
                    .set_column_dictionary_enabled(column.clone(), false)
                    .set_column_encoding(column, Encoding::DELTA_BINARY_PACKED);
            }
            // Whole messages: no dictionary can help, no bound is worth keeping.
            DataType::Binary => {
                builder = builder
                    .set_column_dictionary_enabled(column.clone(), false)
                    .set_column_statistics_enabled(column, EnabledStatistics::None);
            }
            _ => {}
        }
        if table.sort_columns.contains(&field.name().as_str()) {
            let column_idx = i32::try_from(index).unwrap_or(i32::MAX);
            sorting.push((
                table
                    .sort_columns
                    .iter()
                    .position(|name| name == field.name()),
                SortingColumn {
                    column_idx,
                    descending: false,
                    nulls_first: true,
                },
            ));
        }
    }
    sorting.sort_by_key(|(place, _)| *place);
    let sorting: Vec<SortingColumn> = sorting.into_iter().map(|(_, column)| column).collect();
    builder
        .set_sorting_columns(Some(sorting).filter(|columns| !columns.is_empty()))
        .build()
}
