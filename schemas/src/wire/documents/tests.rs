use arrow::array::AsArray;
use arrow::datatypes::{Float64Type, TimestampMicrosecondType};
use arrow::record_batch::RecordBatch;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

const ORIGIN: Origin<'_> = Origin {
    topic: "nonsite.documents",
    partition: 0,
    offset: 7,
    received_at: 1_800_000_000_000_000,
};

fn rows(document: &Value) -> Vec<(&'static str, RecordBatch)> {
    let mut tables = DocumentTables::new().unwrap();
    decode(document.to_string().as_bytes(), &ORIGIN, &mut tables).unwrap();
    tables.finish().unwrap()
}

fn one(document: &Value) -> (&'static str, RecordBatch) {
    let mut all = rows(document);
    assert_eq!(all.len(), 1);
    all.remove(0)
}

fn text<'a>(batch: &'a RecordBatch, column: &str) -> Vec<Option<&'a str>> {
    let column = batch.column_by_name(column).unwrap();
    column.as_string::<i32>().iter().collect()
}

fn number(batch: &RecordBatch, column: &str) -> Vec<Option<f64>> {
    let column = batch.column_by_name(column).unwrap();
    column.as_primitive::<Float64Type>().iter().collect()
}

fn instant(batch: &RecordBatch, column: &str) -> Vec<Option<i64>> {
    let column = batch.column_by_name(column).unwrap();
    column
        .as_primitive::<TimestampMicrosecondType>()
        .iter()
        .collect()
}

/// Fields found faulty in a document that must be storable.
fn faults(document: &Value) -> Vec<String> {
    let (_, batch) = one(document);
    let valid = batch
        .column_by_name("doc_valid")
        .unwrap()
        .as_boolean()
        .value(0);
    let list = text(&batch, "doc_faults")[0];
    assert_eq!(valid, list.is_none());
    let list: Vec<Value> = serde_json::from_str(list.unwrap_or("[]")).unwrap();
    list.iter()
        .map(|fault| fault["field"].as_str().unwrap().to_owned())
        .collect()
}

/// The document with some fields replaced; `null` takes a field away.
fn with(document: &Value, changes: Value) -> Value {
    let mut document = document.clone();
    let fields = document.as_object_mut().unwrap();
    fields.extend(changes.as_object().unwrap().clone());
    document
}

fn mark() -> Value {
    json!({
        "type": "mark", "mark_id": "MK-1", "version": 1, "mn": "A1",
        "permit_no": "91130200699229617X001P", "outlet": "DA001", "factors": ["a21026"],
        "scope": "device", "code": "maintenance", "starts_at": "2026-06-01T08:00:00+08:00",
        "ends_at": "2026-06-01T10:00:00+08:00", "source": "manual", "author": "Wang",
        "marked_at": "2026-06-01 17:00:00", "reason": "probe cleaned", "ticket_id": "WO-1",
    })
}

fn filing() -> Value {
    json!({
        "type": "filing", "filing_id": "F-1", "version": 2, "mn": "A1", "factor": "a21026",
        "valid_from": "2026-01-01 00:00:00", "filed_by": "Example Power",
        "parameters": [
            {"parameter": "i13008", "value": 1.0, "tolerance": 0.001},
            {"parameter": "i13001", "text": "0-200", "unit": "mg/m3"},
        ],
    })
}

#[test]
fn a_mark_becomes_one_row() {
    let (table, batch) = one(&mark());
    assert_eq!((table, batch.num_rows()), ("marks", 1));
    assert_eq!(
        text(&batch, "outlet_uid"),
        [Some("91130200699229617X001PDA001")]
    );
    assert_eq!(text(&batch, "factors"), [Some("a21026")]);
    assert_eq!(text(&batch, "code"), [Some("maintenance")]);
    let start = 1_780_272_000_000_000;
    assert_eq!(instant(&batch, "starts_at"), [Some(start)]);
    assert_eq!(
        instant(&batch, "marked_at"),
        [Some(start + 9 * 3_600_000_000)]
    );
    assert_eq!(instant(&batch, "recorded_at"), [Some(ORIGIN.received_at)]);
    assert_eq!(text(&batch, "kafka_topic"), [Some("nonsite.documents")]);
    assert_eq!(faults(&mark()), Vec::<String>::new());
}

#[test]
fn a_filing_has_a_row_per_parameter_and_at_least_one() {
    let (table, batch) = one(&filing());
    assert_eq!((table, batch.num_rows()), ("equipment_filings", 2));
    assert_eq!(text(&batch, "parameter"), [Some("i13008"), Some("i13001")]);
    assert_eq!(number(&batch, "value"), [Some(1.0), None]);
    assert_eq!(text(&batch, "value_text"), [None, Some("0-200")]);
    let (_, batch) = one(&with(&filing(), json!({"parameters": []})));
    assert_eq!(text(&batch, "parameter"), [None]);
}

#[test]
fn faults_are_told_by_field_and_the_document_is_kept() {
    let cases: &[(Value, Value, &[&str])] = &[
        (mark(), json!({"mn": null}), &["mn"]),
        (mark(), json!({"scope": "condition"}), &["scope"]),
        (mark(), json!({"code": "sabotage"}), &["code"]),
        (
            mark(),
            json!({"ends_at": "2026-06-01 08:00:00"}),
            &["ends_at"],
        ),
        (
            mark(),
            json!({"author": "", "reason": null}),
            &["author", "reason"],
        ),
        (
            mark(),
            json!({"revoked_at": "2026-06-02 08:00:00"}),
            &["revoke_reason"],
        ),
        (mark(), json!({"version": null}), &["version"]),
        (mark(), json!({"outlet": "DX1"}), &["outlet"]),
        (mark(), json!({"factors": ["a2 1026"]}), &["factors[0]"]),
        (
            mark(),
            json!({"attachments": [{"name": "x.pdf", "sha256": "12"}]}),
            &["attachments[0].sha256"],
        ),
        (filing(), json!({"valid_from": null}), &["valid_from"]),
        (
            filing(),
            json!({"parameters": [{"parameter": "i13008"}]}),
            &["parameters[0].value"],
        ),
        (
            filing(),
            json!({"parameters": [
                {"parameter": "i13008", "value": 1}, {"parameter": "i13008", "value": 2},
            ]}),
            &["parameters[1]"],
        ),
    ];
    for (document, changes, expected) in cases {
        assert_eq!(
            faults(&with(document, changes.clone())),
            *expected,
            "{changes}"
        );
    }
}

#[test]
fn only_what_has_no_type_or_id_is_refused() {
    let refused = |text: &str| {
        let mut tables = DocumentTables::new().unwrap();
        let refused = decode(text.as_bytes(), &ORIGIN, &mut tables).unwrap_err();
        assert!(tables.finish().unwrap().is_empty());
        refused
    };
    assert_eq!(refused("").reason, Reason::EmptyMessage);
    assert_eq!(refused("{").reason, Reason::JsonSyntax);
    assert_eq!(refused("[]").reason, Reason::JsonField);
    let missing = refused("{}");
    assert_eq!(missing.reason, Reason::DocumentFault);
    assert!(missing.detail.starts_with("type: is missing"), "{missing}");
    let unknown = refused(r#"{"type":"love_letter","mark_id":"1"}"#);
    assert!(
        unknown
            .detail
            .starts_with("type: `love_letter` is none of mark,"),
        "{unknown}"
    );
    for name in TYPES {
        let nameless = refused(&format!(r#"{{"type":"{name}"}}"#));
        assert_eq!(nameless.reason, Reason::DocumentFault);
        assert!(nameless.detail.contains("is missing"), "{nameless}");
    }
}

proptest! {
    #[test]
    fn arbitrary_fields_are_never_a_reason_to_panic(
        kind in proptest::sample::select(TYPES),
        names in proptest::collection::vec("[a-z_]{1,12}", 0..6),
        numbers in proptest::collection::vec(any::<f64>(), 0..6),
    ) {
        let mut document = json!({"type": kind});
        for id in ["mark", "filing", "ticket", "window", "report", "result", "binding", "point"] {
            document[format!("{id}_id")] = json!("1");
        }
        for (name, number) in names.iter().zip(numbers) {
            document[name] = json!(number);
        }
        let mut tables = DocumentTables::new().unwrap();
        if decode(document.to_string().as_bytes(), &ORIGIN, &mut tables).is_ok() {
            let rows: usize = tables.finish().unwrap().iter().map(|(_, batch)| batch.num_rows()).sum();
            prop_assert!(rows > 0, "every document has a row");
        }
    }
}

mod kinds;
