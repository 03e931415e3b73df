//! Files read back, in order, with bounds that are true.

use arrow::array::{ArrayRef, DictionaryArray, Float64Array, StringArray};
use arrow::datatypes::{Int32Type, TimestampMicrosecondType};
use nonsite_schemas::hj212::{Granularity, Head, Notes, Value};
use nonsite_schemas::tables;
use nonsite_schemas::wire::Origin;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use super::*;
use crate::columns::ReadingRows;

const DAY: i64 = 86_400_000_000;

fn readings(rows: &[(&str, &str, i64, Option<f64>)]) -> RecordBatch {
    let mut builder = ReadingRows::new();
    for (index, (mn, factor, data_time, value)) in rows.iter().enumerate() {
        let head = Head {
            mn,
            st: Some("31"),
            cn: Some("2051"),
            granularity: Granularity::Minute,
            data_time: *data_time,
            edition: Some(2017),
            resend: false,
            sent_at: None,
            period_s: None,
            note: Notes::NONE,
        };
        let value = Value {
            factor,
            value: *value,
            ..Value::default()
        };
        let offset = i64::try_from(index).unwrap();
        let origin = Origin {
            topic: "t",
            partition: 0,
            offset,
            received_at: *data_time + 1,
        };
        builder.push(&head, &value, origin);
    }
    builder.finish().unwrap()
}

fn read(file: &DataFile) -> RecordBatch {
    let reader = ParquetRecordBatchReaderBuilder::try_new(file.bytes.clone()).unwrap();
    let schema = Arc::clone(reader.schema());
    let batches: Vec<RecordBatch> = reader.build().unwrap().map(Result::unwrap).collect();
    arrow::compute::concat_batches(&schema, &batches).unwrap()
}

#[test]
fn one_file_per_day_sorted_with_plain_text_columns() {
    let batch = readings(&[
        ("b", "f", 10 * DAY + 7, Some(1.0)),
        ("a", "g", 20 * DAY, None),
        ("a", "f", 10 * DAY + 9, Some(3.0)),
        ("a", "f", 10 * DAY + 8, Some(2.0)),
    ]);
    let files = encode(&tables::readings_raw(), &batch, "x", 5).unwrap();
    let paths: Vec<&str> = files.iter().map(|file| file.add.path.as_str()).collect();
    assert_eq!(
        paths,
        [
            "date=1970-01-11/part-00000-x.zstd.parquet",
            "date=1970-01-21/part-00001-x.zstd.parquet"
        ]
    );
    let first = read(&files[0]);
    assert_eq!(first.num_rows(), 3);
    assert!(first.column_by_name("date").is_none());
    let mn = first.column_by_name("mn").unwrap().as_string::<i32>();
    assert_eq!(mn.iter().flatten().collect::<Vec<_>>(), ["a", "a", "b"]);
    let time = first.column_by_name("data_time").unwrap();
    let time = time.as_primitive::<TimestampMicrosecondType>();
    assert_eq!(time.values(), &[10 * DAY + 8, 10 * DAY + 9, 10 * DAY + 7]);
}

#[test]
fn statistics_are_true_bounds() {
    let batch = readings(&[
        ("b", "f", 10 * DAY + 1_500, Some(1.0)),
        ("a", "g", 10 * DAY + 2_500, None),
        ("a", "f", 10 * DAY + 2_000, Some(-3.0)),
    ]);
    let files = encode(&tables::readings_raw(), &batch, "x", 5).unwrap();
    let stats: serde_json::Value =
        serde_json::from_str(files[0].add.stats.as_deref().unwrap()).unwrap();
    assert_eq!(stats["numRecords"], 3);
    assert_eq!(stats["minValues"]["mn"], "a");
    assert_eq!(stats["maxValues"]["mn"], "b");
    assert_eq!(stats["minValues"]["value"], -3.0);
    assert_eq!(stats["nullCount"]["value"], 1);
    assert_eq!(stats["nullCount"]["zs_value"], 3);
    assert_eq!(stats["minValues"]["data_time"], "1970-01-11T00:00:00.001Z");
    assert_eq!(stats["maxValues"]["data_time"], "1970-01-11T00:00:00.003Z");
    assert_eq!(stats["maxValues"]["kafka_offset"], 2);
    assert!(stats["minValues"].get("zs_value").is_none());
}

#[test]
fn a_batch_that_does_not_fit_is_refused_by_name() {
    let batch = readings(&[("a", "f", 0, None)]);
    let wrong = batch.project(&[0, 1, 2]).unwrap();
    let error = encode(&tables::readings_raw(), &wrong, "x", 5).unwrap_err();
    assert!(error.to_string().contains("readings_raw"), "{error}");
    let mut columns: Vec<ArrayRef> = batch.columns().to_vec();
    columns[4] = Arc::new(StringArray::from(vec!["1.0"]));
    let fields: Vec<_> = batch
        .schema()
        .fields()
        .iter()
        .zip(&columns)
        .map(|(field, column)| {
            field
                .as_ref()
                .clone()
                .with_data_type(column.data_type().clone())
        })
        .collect();
    let wrong = RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).unwrap();
    let error = encode(&tables::readings_raw(), &wrong, "x", 5)
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("`value` is Utf8 and must be Float64"),
        "{error}"
    );
}

#[test]
fn dictionaries_and_plain_texts_sort_alike() {
    let plain: ArrayRef = Arc::new(StringArray::from(vec!["c", "a", "b", "a"]));
    let dictionary: ArrayRef = Arc::new(DictionaryArray::<Int32Type>::new(
        vec![2, 0, 1, 3].into(),
        Arc::new(StringArray::from(vec!["a", "b", "c", "a"])),
    ));
    let table = TableDef {
        name: "t",
        schema: Arc::new(Schema::new(vec![arrow::datatypes::Field::new(
            "text",
            DataType::Utf8,
            false,
        )])),
        partition_columns: &[],
        comment: "",
        sort_columns: &["text"],
    };
    for column in [plain, dictionary] {
        let batch = RecordBatch::try_from_iter([("text", column)]).unwrap();
        let order = sort::order(&table, &batch).unwrap();
        assert_eq!(order.values(), &[1, 3, 2, 0]);
    }
}

#[test]
fn keys_that_do_not_pack_are_sorted_the_slow_way() {
    let table = TableDef {
        name: "t",
        schema: Arc::new(Schema::new(vec![arrow::datatypes::Field::new(
            "number",
            DataType::Float64,
            false,
        )])),
        partition_columns: &[],
        comment: "",
        sort_columns: &["number"],
    };
    let column: ArrayRef = Arc::new(Float64Array::from(vec![2.0, -1.0, 0.5]));
    let batch = RecordBatch::try_from_iter([("number", column)]).unwrap();
    assert_eq!(sort::order(&table, &batch).unwrap().values(), &[1, 2, 0]);
}
