//! Behaviour of an import on small files, one fault at a time.

use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;

use arrow::array::{Float64Array, RecordBatch, StringArray, TimestampMicrosecondArray};
use serde_json::Value;

use super::*;

/// Keeps the messages in memory.
#[derive(Debug, Default)]
pub(super) struct Kept(pub(super) Vec<(String, Vec<u8>)>);

impl MessageSink for Kept {
    fn send(&mut self, key: &str, message: &[u8]) -> Result<(), ImportError> {
        self.0.push((key.to_owned(), message.to_vec()));
        Ok(())
    }

    fn finish(&mut self) -> Result<(), ImportError> {
        Ok(())
    }
}

impl Kept {
    fn json(&self) -> Vec<Value> {
        self.0
            .iter()
            .map(|(_, m)| serde_json::from_slice(m).expect("messages are JSON"))
            .collect()
    }
}

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a temporary folder"))
    }

    fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.0.path().join(name);
        std::fs::write(&path, bytes).expect("a writable folder");
        path
    }
}

const WIDE: &str = r#"
layout = "wide"
missing = ["--"]
[time]
column = "t"
[reading]
mn = "M1"
granularity = "minute"
[[columns]]
name = "SO2"
factor = "a21026"
[[columns]]
name = "SO2 mark"
factor = "a21026"
statistic = "flag"
[[columns]]
name = "flow"
factor = "a00000"
divide = 3600
[flags]
"ok" = "N"
"#;

fn wide() -> Mapping {
    Mapping::from_toml(WIDE).expect("a good mapping")
}

fn run(path: &Path, mapping: &Mapping, options: &Options) -> (Report, Kept) {
    let mut kept = Kept::default();
    let report = import(path, mapping, options, &mut kept, &mut |_| {}).expect("an import");
    (report, kept)
}

#[test]
fn missing_is_missing_and_values_are_converted() {
    let folder = Folder::new();
    let csv = "\u{feff}t,SO2,SO2 mark,flow,note\n\
               2025-06-01 00:00:00,5.50,ok,7200,hello\n\
               2025-06-01 00:01:00,--,D,,\n\
               2025-06-01 00:02:00,--,--, -- ,\n";
    let (report, kept) = run(
        &folder.file("a.csv", csv.as_bytes()),
        &wide(),
        &Options::default(),
    );
    let messages = kept.json();
    assert_eq!(messages.len(), 2, "a row of nothing is no message");
    assert_eq!(kept.0[0].0, "M1");
    assert_eq!(messages[0][0]["value"], 5.5);
    assert_eq!(messages[0][0]["flag"], "N");
    assert_eq!(messages[0][1]["value"], 2.0);
    assert_eq!(messages[0][1]["data_time"], "2025-06-01T00:00:00+08:00");
    assert_eq!(messages[1].as_array().map(Vec::len), Some(1));
    assert_eq!(
        messages[1][0].get("value"),
        None,
        "a mark without a value has no value"
    );
    assert_eq!(messages[1][0]["flag"], "D");
    assert_eq!((report.rows, report.empty_rows, report.instants), (3, 1, 2));
    assert_eq!((report.numbers, report.flags, report.missing), (2, 2, 5));
    assert_eq!(report.unmapped[0].column, "note");
    assert_eq!(report.unmapped[0].numbers, 1);
    assert!(report.is_clean());
    for column in &report.columns {
        assert_eq!(
            column.numbers + column.flags + column.missing + column.bad,
            report.rows
        );
    }
}

#[test]
fn bad_cells_and_rows_are_sent_as_they_are_or_rejected_or_refused() {
    let folder = Folder::new();
    let csv = "t,SO2,SO2 mark,flow\n\
               2025-06-01 00:00:00,<0.5,ok,1e400\n\
               2025-06-31 00:01:00,1.0,ok,36\n\
               2025-06-01 00:02:00,1.0\n\
               2025-06-01 00:03:00,2.0,ok,3600\n";
    let path = folder.file("bad.csv", csv.as_bytes());
    let (report, kept) = run(&path, &wide(), &Options::default());
    assert_eq!((report.rows, report.bad_rows, report.bad_cells), (4, 2, 2));
    let messages = kept.json();
    assert_eq!(messages.len(), 4, "every row is somewhere");
    let texts: Vec<String> = messages.iter().map(Value::to_string).collect();
    assert!(
        texts.iter().any(|m| m.contains("\"value\":\"<0.5\"")),
        "{texts:?}"
    );
    assert!(
        texts.iter().any(|m| m.contains("\"value\":\"1e400\"")),
        "{texts:?}"
    );
    assert!(
        texts
            .iter()
            .any(|m| m.contains("\"data_time\":\"2025-06-31 00:01:00\"")),
        "{texts:?}"
    );
    assert!(
        texts
            .iter()
            .any(|m| m.contains("\"row\":\"2025-06-01 00:02:00,1.0\"")),
        "{texts:?}"
    );
    assert_eq!(report.faults[0].line, 2);
    assert_eq!(report.faults[0].column, "SO2");

    let rejects = folder.0.path().join("rejects.csv");
    let options = Options {
        bad_cells: BadCells::Reject,
        rejects: Some(rejects.clone()),
        ..Options::default()
    };
    let (report, kept) = run(&path, &wide(), &options);
    assert_eq!(report.messages, 2);
    let all = kept.json().iter().map(Value::to_string).collect::<String>();
    assert!(!all.contains("<0.5") && !all.contains("06-31"), "{all}");
    let listed = std::fs::read_to_string(rejects).expect("a rejects file");
    assert_eq!(listed.lines().count(), 1 + 4);
    assert!(listed.contains("2,SO2,<0.5,"), "{listed}");

    let options = Options {
        bad_cells: BadCells::Fail,
        ..Options::default()
    };
    let mut kept = Kept::default();
    let error = import(&path, &wide(), &options, &mut kept, &mut |_| {}).expect_err("it is bad");
    assert!(
        error.to_string().contains("line 2, column `SO2`"),
        "{error}"
    );
    assert!(error.is_usage());
    assert!(kept.0.is_empty(), "nothing of a refused file is sent");
}

#[test]
fn rows_of_one_instant_become_one_message_and_contradictions_a_resend() {
    let folder = Folder::new();
    let mapping =
        Mapping::from_toml(&WIDE.replace("column = \"t\"", "column = \"t\"\nmerge_within_s = 5"))
            .expect("a good mapping");
    let csv = "t,SO2,SO2 mark,flow\n\
               2025-06-01 00:00:01,5,--,--\n\
               2025-06-01 00:00:02,--,ok,--\n\
               2025-06-01 00:00:03,--,--,3600\n\
               2025-06-01 00:00:04,6,--,--\n\
               2025-06-01 00:00:05,6,--,3600\n\
               2025-06-01 00:00:07,7,--,--\n";
    let (report, kept) = run(
        &folder.file("m.csv", csv.as_bytes()),
        &mapping,
        &Options::default(),
    );
    let messages = kept.json();
    assert_eq!(
        (report.instants, report.messages, report.readings),
        (2, 3, 4)
    );
    assert_eq!((report.duplicates, report.conflicts), (2, 1));
    assert_eq!(messages[0].as_array().map(Vec::len), Some(2));
    assert_eq!(messages[1][0]["value"], 6.0);
    assert_eq!(
        messages[1][0]["flag"], "N",
        "a resend carries the whole reading"
    );
    assert_eq!(messages[1][0]["resend"], true);
    assert_eq!(messages[1][0]["data_time"], messages[0][0]["data_time"]);
    assert_eq!(messages[2][0]["data_time"], "2025-06-01T00:00:07+08:00");
}

#[test]
fn a_long_export_names_logger_factor_and_granularity_in_its_rows() {
    let folder = Folder::new();
    let mapping = Mapping::from_toml(
        r#"
layout = "long"
[csv]
delimiter = ";"
skip_lines = 2
[time]
columns = ["day", "clock"]
format = "%Y/%m/%d %H:%M"
[mn]
column = "station"
names = { "北厂" = "M-NORTH" }
[long]
factor = "item"
granularity = "kind"
value = "avg"
zs_value = "converted"
max = "max"
flag = "mark"
[long.factors."二氧化硫"]
factor = "a21026"
[long.factors.flow]
factor = "a00000"
divide = 3600
[long.granularities]
"小时" = "hour"
"#,
    )
    .expect("a good mapping");
    let csv = "title\nsecond title\n\
               day;clock;station;item;kind;avg;converted;max;mark\n\
               2025/6/1;08:00;北厂;二氧化硫;小时;10.5;12.25;20;N\n\
               2025/6/1;08:00;北厂;flow;小时;3600;;;N\n\
               2025/6/1;08:00;M-SOUTH;x_own;hour;1;;;\n\
               2025/6/1;09:00;北厂;;小时;1;;;\n\
               2025/6/1;09:00;北厂;二氧化硫;季度;1;;;\n";
    let (report, kept) = run(
        &folder.file("l.csv", csv.as_bytes()),
        &mapping,
        &Options::default(),
    );
    let messages = kept.json();
    assert_eq!(messages[0]["import_fault"], "the factor is missing");
    assert_eq!(messages[0]["line"], 7);
    let north = &messages[1];
    assert_eq!(north.as_array().map(Vec::len), Some(2));
    assert_eq!(north[0]["factor"], "a21026");
    assert_eq!(north[0]["zs_value"], 12.25);
    assert_eq!(north[0]["max"], 20.0);
    assert_eq!(north[1]["value"], 1.0);
    assert_eq!(north[1]["data_time"], "2025-06-01T08:00:00+08:00");
    assert_eq!(kept.0[2].0, "M-SOUTH");
    assert_eq!(
        messages[3][0]["granularity"], "季度",
        "unknown, so ingest will quarantine it"
    );
    assert_eq!(
        (
            report.rows,
            report.bad_rows,
            report.bad_cells,
            report.instants
        ),
        (5, 1, 1, 3)
    );
}

#[test]
fn parquet_is_read_with_its_types() {
    let folder = Folder::new();
    let times = TimestampMicrosecondArray::from(vec![Some(1_748_736_000_000_000), None]);
    let batch = RecordBatch::try_from_iter([
        ("t", Arc::new(times) as _),
        (
            "SO2",
            Arc::new(Float64Array::from(vec![Some(f64::NAN), Some(2.0)])) as _,
        ),
        (
            "SO2 mark",
            Arc::new(StringArray::from(vec![Some("ok"), None])) as _,
        ),
        (
            "flow",
            Arc::new(Float64Array::from(vec![Some(3600.0), Some(f64::INFINITY)])) as _,
        ),
    ])
    .expect("equal lengths");
    let path = folder.0.path().join("a.parquet");
    let file = std::fs::File::create(&path).expect("a writable folder");
    let mut writer =
        ::parquet::arrow::ArrowWriter::try_new(file, batch.schema(), None).expect("a writer");
    writer.write(&batch).expect("written");
    writer.close().expect("closed");
    let (report, kept) = run(&path, &wide(), &Options::default());
    // A time without a zone is the mapping's local time: 2025-06-01 00:00:00 in Beijing.
    let texts: Vec<String> = kept.json().iter().map(Value::to_string).collect();
    assert!(
        texts
            .iter()
            .any(|m| m.contains("2025-06-01T00:00:00+08:00")),
        "{texts:?}"
    );
    assert!(
        texts.iter().any(|m| m.contains("\"value\":\"inf\"")),
        "{texts:?}"
    );
    assert_eq!(
        (
            report.rows,
            report.bad_rows,
            report.bad_cells,
            report.missing
        ),
        (2, 1, 1, 2)
    );
}

#[test]
fn faults_of_file_and_mapping_name_the_place_and_the_way_out() {
    let folder = Folder::new();
    let good = folder.file("a.csv", b"t,SO2,SO2 mark,flow\n");
    let refused = |path: &Path, mapping: &Mapping| {
        import(
            path,
            mapping,
            &Options::default(),
            &mut Discard,
            &mut |_| {},
        )
        .expect_err("it cannot be imported")
        .to_string()
    };
    let text = refused(&folder.0.path().join("none.csv"), &wide());
    assert!(text.contains("none.csv") && text.contains("open"), "{text}");
    let other = Mapping::from_toml(&WIDE.replace("\"flow\"", "\"Flow\"")).expect("a good mapping");
    let text = refused(&good, &other);
    assert!(
        text.contains("`Flow` is not in the file") && text.contains("SO2 mark"),
        "{text}"
    );
    let text = refused(&folder.file("g.csv", b"t,\xb6\xfe\xd1\xf5\n"), &wide());
    assert!(text.contains("GB18030"), "{text}");
    let text = refused(&folder.file("e.csv", b""), &wide());
    assert!(text.contains("no header line"), "{text}");

    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(b"t,SO2,SO2 mark,flow\n2025-06-01 00:00:00,1,ok,1\n")
        .expect("in memory");
    let whole = gzip.finish().expect("in memory");
    let (report, _) = run(
        &folder.file("w.csv.gz", &whole),
        &wide(),
        &Options::default(),
    );
    assert_eq!(report.readings, 2);
    let text = refused(
        &folder.file("cut.csv.gz", &whole[..whole.len() - 9]),
        &wide(),
    );
    assert!(
        text.contains("cut.csv.gz") && text.contains("restore"),
        "{text}"
    );

    for (from, to, hint) in [
        ("\"minute\"", "\"weekly\"", "realtime, minute, hour, day"),
        ("divide = 3600", "divide = 0", "column `flow`"),
        ("column = \"t\"", "", "[time] names no column"),
        ("mn = \"M1\"", "", "[reading] mn"),
        ("name = \"flow\"", "nam = \"flow\"", "unknown field `nam`"),
        ("factor = \"a00000\"", "factor = \"a21026\"", "both fill"),
        ("layout = \"wide\"", "layout = \"long\"", "[long]"),
    ] {
        let error = Mapping::from_toml(&WIDE.replace(from, to)).expect_err(hint);
        assert!(error.contains(hint), "{error}");
    }
}

#[test]
fn the_same_file_gives_the_same_messages() {
    let folder = Folder::new();
    let csv = "t,SO2,SO2 mark,flow\n2025-06-01 00:00:00,1.25,ok,3.6\n2025-06-01 00:01:00,2,M,7\n";
    let path = folder.file("a.csv", csv.as_bytes());
    let (first, once) = run(&path, &wide(), &Options::default());
    let (second, twice) = run(&path, &wide(), &Options::default());
    assert_eq!(once.0, twice.0);
    assert_eq!(first, second);
    let (_, marked) = run(
        &path,
        &wide(),
        &Options {
            resend: true,
            ..Options::default()
        },
    );
    assert!(
        marked
            .json()
            .iter()
            .all(|message| message[0]["resend"] == true)
    );
}
