//! A province's readings as tables, made through the writer and the log of the program.
//!
//! Gas outlets with eight factors: three pollutants with limits, and oxygen, flow, velocity,
//! temperature and pressure. Every factor has 24 hourly values and a daily one; every twentieth outlet
//! also sends values of ten minutes. Some logger-days have exceedances, gaps, marks or frozen values;
//! some readings are sent again, some of these with another value.
//!
//! Days are written as maintenance leaves a settled one: sorted, one file of current copies and one of
//! superseded ones. The last days ("open") are written as ingestion leaves them: a file for every hour
//! of arrival, resends included.

use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use arrow::array::{
    ArrayRef, BooleanArray, Date32Array, DictionaryArray, Float64Array, Int16Array, Int32Array,
    Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray, new_null_array,
};
use arrow::datatypes::{Field, Int32Type, Schema, SchemaRef};
use deltalake::kernel::Add;
use nonsite_analytics::session::rows;
use nonsite_ingest::Store;
use nonsite_ingest::log::{Advance, Append, TableLog};
use nonsite_ingest::write::{DataFile, encode, upload, write_parquet};
use nonsite_schemas::copies::{Holds, Sieve};
use nonsite_schemas::tables::{self, TableDef};
use nonsite_schemas::time::{Clock, SystemClock, beijing_day_start};
use serde_json::{Map, Value, json};

const MINUTE: i64 = 60_000_000;
const HOUR: i64 = 60 * MINUTE;
/// Steps of ten minutes in a day.
const STEPS: i64 = 144;
/// One outlet in so many sends values of ten minutes.
const WITH_MINUTES: usize = 20;
/// Days of one commit.
const DAYS_AT_ONCE: usize = 20;
/// 2025-01-01.
pub const FIRST_DAY: i32 = 20_089;

/// Factor, level, how far values go from it, hourly limit, daily limit (0: none).
const FACTORS: [(&str, f64, f64, f64, f64); 8] = [
    ("a00000", 60.0, 6.0, 0.0, 0.0),
    ("a01011", 12.0, 1.5, 0.0, 0.0),
    ("a01012", 110.0, 8.0, 0.0, 0.0),
    ("a01013", -150.0, 20.0, 0.0, 0.0),
    ("a19001", 9.0, 1.2, 0.0, 0.0),
    ("a21002", 60.0, 12.0, 100.0, 85.0),
    ("a21026", 17.0, 4.0, 35.0, 30.0),
    ("a34013", 5.0, 1.2, 10.0, 8.0),
];
/// Where pollutants begin in [`FACTORS`].
const POLLUTANTS: usize = 5;
/// Industries (GB/T 4754) and bodies that outlets are spread over, unevenly.
const INDUSTRIES: [&str; 12] = [
    "4411", "4412", "4417", "3011", "3110", "2511", "2614", "2211", "2221", "3051", "7724", "1711",
];
const BODIES: [&str; 16] = [
    "370102", "370103", "370202", "370203", "370302", "370303", "370402", "370502", "370602",
    "370702", "370802", "370902", "371002", "371102", "371302", "371402",
];

/// How many readings over how many days.
#[derive(Debug, Clone, Copy)]
pub struct Scale {
    /// Outlets, one logger each.
    pub outlets: usize,
    /// Days.
    pub days: i32,
    /// Of these, the last ones that are not settled.
    pub open_days: i32,
}

impl Scale {
    /// So many readings, about, over these days.
    pub fn of(readings: u64, days: i32, open_days: i32) -> Self {
        let minutes = STEPS as f64 / WITH_MINUTES as f64;
        let of_outlet = FACTORS.len() as f64 * (25.0 + minutes) * f64::from(days);
        Self {
            outlets: ((readings as f64 / of_outlet) as usize).max(1),
            days,
            open_days: open_days.min(days),
        }
    }

    /// The day after the last one.
    pub fn end(&self) -> i32 {
        FIRST_DAY + self.days
    }
}

/// The logger of an outlet.
pub fn mn(outlet: usize) -> String {
    format!("SQL{outlet:021}")
}

/// The permit of an outlet.
fn permit_no(outlet: usize) -> String {
    format!("91{outlet:016}X001P")
}

/// A well-mixed number.
fn mixed(a: u64, b: u64) -> u64 {
    let mut state = a.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ b.wrapping_mul(0xbf58_476d_1ce4_e5b9);
    state ^= state >> 29;
    state = state.wrapping_mul(0x94d0_49bb_1331_11eb);
    state ^ (state >> 32)
}

/// A number from 0 to 1.
fn share(state: u64) -> f64 {
    (state >> 11) as f64 / (1_u64 << 53) as f64
}

fn cents(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}

/// What happens on a logger's day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Event {
    Nothing,
    Exceedance,
    Frozen,
    Missing,
    Marked,
}

impl Event {
    fn of(outlet: usize, day: i32) -> Self {
        let state = mixed(outlet as u64, u64::from(day.unsigned_abs()) | 1 << 40);
        // Some plants are worse than others.
        let chance = 0.01 + 0.04 * share(mixed(outlet as u64, 7));
        if share(state) >= chance {
            return Self::Nothing;
        }
        match mixed(state, 5) % 4 {
            0 => Self::Exceedance,
            1 => Self::Frozen,
            2 => Self::Missing,
            _ => Self::Marked,
        }
    }
}

/// Which means a value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Granularity {
    Minute = 0,
    Hour = 1,
    Day = 2,
}

const GRANULARITIES: [&str; 3] = ["minute", "hour", "day"];
const COMMANDS: [&str; 3] = ["2051", "2061", "2031"];
const FLAGS: [&str; 4] = ["N", "D", "M", "C"];

/// Rows of a day under construction.
#[derive(Default)]
struct Rows {
    mn: Vec<i32>,
    factor: Vec<i32>,
    granularity: Vec<i32>,
    time: Vec<i64>,
    value: Vec<f64>,
    zs_value: Vec<Option<f64>>,
    spread: Vec<f64>,
    cou: Vec<Option<f64>>,
    flag: Vec<i32>,
    period_s: Vec<i32>,
    resend: Vec<bool>,
    received_at: Vec<i64>,
    partition: Vec<i32>,
    offset: Vec<i64>,
}

impl Rows {
    fn reading(&mut self, outlet: usize, factor: usize, of: Granularity, day: i32, step: i64) {
        let place = (outlet * FACTORS.len() + factor) as u64;
        let when = u64::from(day.unsigned_abs()) * 1_000 + step.unsigned_abs() * 4 + of as u64;
        let state = mixed(place, when);
        let (_, level, width, _, _) = FACTORS[factor];
        let event = Event::of(outlet, day);
        let struck = (8 * 6..14 * 6).contains(&step);
        if event == Event::Missing && struck && of != Granularity::Day {
            return;
        }
        let own = 0.85 + 0.3 * share(mixed(outlet as u64, 1));
        let noise = share(state) + share(mixed(state, 3)) - 1.0;
        let mut value = level * own + width * noise;
        let mut flag = 0;
        if factor >= POLLUTANTS {
            match event {
                Event::Exceedance if struck => value *= 2.2,
                Event::Exceedance if of == Granularity::Day => value *= 1.4,
                Event::Frozen if struck => value = level,
                Event::Marked if struck => flag = 1 + (mixed(outlet as u64, when) % 3) as i32,
                _ => {}
            }
        }
        let (period, late) = match of {
            Granularity::Minute => (10 * MINUTE, 30),
            Granularity::Hour => (HOUR, 90),
            Granularity::Day => (24 * HOUR, 600),
        };
        let time = beijing_day_start(day) + step * 10 * MINUTE;
        let received = time + period + (late + (state % 240) as i64) * 1_000_000;
        let value = cents(value);
        self.row(outlet, factor, of, time, value, flag, period, received);
        let again = mixed(state, 11) % 1_000;
        if again < 4 {
            // Sent again, an hour to two days later; one time in four with another value.
            let later = received + (1 + (mixed(state, 12) % 47) as i64) * HOUR;
            let value = if again == 0 {
                cents(value * 1.01)
            } else {
                value
            };
            self.row(outlet, factor, of, time, value, flag, period, later);
            if let Some(resend) = self.resend.last_mut() {
                *resend = true;
            }
        }
    }

    #[allow(clippy::too_many_arguments, reason = "the columns of a row")]
    fn row(
        &mut self,
        outlet: usize,
        factor: usize,
        of: Granularity,
        time: i64,
        value: f64,
        flag: i32,
        period: i64,
        received: i64,
    ) {
        let pollutant = factor >= POLLUTANTS;
        let index = |number: usize| i32::try_from(number).unwrap_or(i32::MAX);
        self.mn.push(index(outlet));
        self.factor.push(index(factor));
        self.granularity.push(of as i32);
        self.time.push(time);
        self.value.push(value);
        self.zs_value.push(pollutant.then(|| cents(value * 1.18)));
        self.spread.push(FACTORS[factor].2);
        let hours = period as f64 / HOUR as f64;
        self.cou
            .push(pollutant.then(|| cents(value * 0.216 * hours)));
        self.flag.push(flag);
        self.period_s.push((period / 1_000_000) as i32);
        self.resend.push(false);
        self.received_at.push(received);
        self.partition.push(index(outlet % 12));
        // Records come in the order of their receipt.
        self.offset
            .push(received / 1_000 - beijing_day_start(FIRST_DAY) / 1_000);
    }

    /// As a batch of the table; `loggers` are the texts of all of them.
    fn batch(
        self,
        schema: &SchemaRef,
        loggers: &ArrayRef,
        day: i32,
    ) -> anyhow::Result<RecordBatch> {
        let count = self.time.len();
        let texts = |texts: &[&str]| -> ArrayRef { Arc::new(StringArray::from(texts.to_vec())) };
        let coded = |keys: &[i32], values: ArrayRef| -> anyhow::Result<ArrayRef> {
            Ok(Arc::new(DictionaryArray::<Int32Type>::try_new(
                Int32Array::from(keys.to_vec()),
                values,
            )?))
        };
        let instants = |values: Vec<i64>| -> ArrayRef {
            Arc::new(TimestampMicrosecondArray::from(values).with_timezone("UTC"))
        };
        let numbers = |values: Vec<f64>| -> ArrayRef { Arc::new(Float64Array::from(values)) };
        let around = |way: f64| {
            let values = self.value.iter().zip(&self.spread);
            numbers(
                values
                    .map(|(value, spread)| cents(value + way * spread / 4.0))
                    .collect(),
            )
        };
        let same = |text: &str| coded(&vec![0; count], texts(&[text]));
        let factors: Vec<&str> = FACTORS.iter().map(|factor| factor.0).collect();
        let mut columns = Vec::with_capacity(schema.fields().len());
        for field in schema.fields() {
            columns.push(match field.name().as_str() {
                "mn" => coded(&self.mn, Arc::clone(loggers))?,
                "factor" => coded(&self.factor, texts(&factors))?,
                "granularity" => coded(&self.granularity, texts(&GRANULARITIES))?,
                "cn" => coded(&self.granularity, texts(&COMMANDS))?,
                "flag" => coded(&self.flag, texts(&FLAGS))?,
                "st" => same("31")?,
                "kafka_topic" => same("nonsite.hj212")?,
                "data_time" => instants(self.time.clone()),
                "received_at" => instants(self.received_at.clone()),
                "sent_at" => instants(self.received_at.iter().map(|at| at - 9_000_000).collect()),
                "value" => numbers(self.value.clone()),
                "zs_value" => Arc::new(Float64Array::from(self.zs_value.clone())),
                "cou" => Arc::new(Float64Array::from(self.cou.clone())),
                "min" => around(-1.0),
                "max" => around(1.0),
                "period_s" => Arc::new(Int32Array::from(self.period_s.clone())),
                "edition" => Arc::new(Int16Array::from(vec![2017; count])),
                "resend" => Arc::new(BooleanArray::from(self.resend.clone())),
                "kafka_partition" => Arc::new(Int32Array::from(self.partition.clone())),
                "kafka_offset" => Arc::new(Int64Array::from(self.offset.clone())),
                "date" => Arc::new(Date32Array::from(vec![day; count])),
                _ => new_null_array(field.data_type(), count),
            });
        }
        let fields: Vec<Field> = schema
            .fields()
            .iter()
            .zip(&columns)
            .map(|(field, column)| Field::new(field.name(), column.data_type().clone(), true))
            .collect();
        Ok(RecordBatch::try_new(
            Arc::new(Schema::new(fields)),
            columns,
        )?)
    }
}

/// Readings of a day in the table's order.
fn day_rows(outlets: usize, day: i32) -> Rows {
    let mut rows = Rows::default();
    for outlet in 0..outlets {
        for factor in 0..FACTORS.len() {
            for step in 0..STEPS {
                if outlet % WITH_MINUTES == 0 {
                    rows.reading(outlet, factor, Granularity::Minute, day, step);
                }
                if step % 6 == 0 {
                    rows.reading(outlet, factor, Granularity::Hour, day, step);
                }
                if step == 0 {
                    rows.reading(outlet, factor, Granularity::Day, day, step);
                }
            }
        }
    }
    rows
}

impl Rows {
    /// Those received at these times.
    fn received(&self, within: &std::ops::Range<i64>) -> Self {
        fn kept<T: Copy>(values: &[T], keep: &[bool]) -> Vec<T> {
            let values = values.iter().zip(keep);
            values
                .filter(|(_, keep)| **keep)
                .map(|(value, _)| *value)
                .collect()
        }
        let keep: Vec<bool> = self
            .received_at
            .iter()
            .map(|at| within.contains(at))
            .collect();
        Self {
            mn: kept(&self.mn, &keep),
            factor: kept(&self.factor, &keep),
            granularity: kept(&self.granularity, &keep),
            time: kept(&self.time, &keep),
            value: kept(&self.value, &keep),
            zs_value: kept(&self.zs_value, &keep),
            spread: kept(&self.spread, &keep),
            cou: kept(&self.cou, &keep),
            flag: kept(&self.flag, &keep),
            period_s: kept(&self.period_s, &keep),
            resend: kept(&self.resend, &keep),
            received_at: kept(&self.received_at, &keep),
            partition: kept(&self.partition, &keep),
            offset: kept(&self.offset, &keep),
        }
    }
}

/// Writes the tables below `folder`; how many readings there are, copies included.
///
/// # Errors
/// A file cannot be written or committed.
pub async fn write(folder: &Path, scale: Scale) -> anyhow::Result<u64> {
    let store = Store::open(folder)?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let def = tables::readings_raw();
    let mut made = vec![def.clone()];
    for name in ["permits", "permit_limits", "permit_bindings"] {
        made.push(tables::by_name(name).with_context(|| format!("no table {name}"))?);
    }
    store.ensure_tables(&made).await?;
    let documents = documents(scale.outlets);
    for (name, rows) in documents {
        let def = tables::by_name(name).with_context(|| format!("no table {name}"))?;
        let batch = rows::batch(&def.schema, &rows)?;
        let objects = store.table_objects(name);
        let millis = clock.now_micros() / 1_000;
        let adds = write_parquet(objects.as_ref(), &def, batch, millis).await?;
        commit(&store, &clock, name, adds, 0).await?;
    }
    let objects = store.table_objects(def.name);
    let days: Vec<i32> = (FIRST_DAY..scale.end()).collect();
    let settled = days.len() - usize::try_from(scale.open_days)?;
    let loggers: ArrayRef = Arc::new(StringArray::from_iter_values((0..scale.outlets).map(mn)));
    let millis = clock.now_micros() / 1_000;
    let mut count = 0;
    for (number, portion) in days.chunks(DAYS_AT_ONCE).enumerate() {
        let mut adds = Vec::new();
        // Two days at a time: one per core of a small machine.
        for pair in portion.chunks(2) {
            let made: Vec<anyhow::Result<Vec<DataFile>>> = std::thread::scope(|scope| {
                let (def, loggers, days) = (&def, &loggers, &days);
                let handles: Vec<_> = pair
                    .iter()
                    .map(|day| {
                        scope.spawn(move || {
                            let open = days[settled..].contains(day);
                            let of_day = Day {
                                def,
                                loggers,
                                outlets: scale.outlets,
                                day: *day,
                                millis,
                            };
                            if open {
                                of_day.open()
                            } else {
                                of_day.settled()
                            }
                        })
                    })
                    .collect();
                handles
                    .into_iter()
                    .map(|handle| {
                        handle
                            .join()
                            .unwrap_or_else(|_| anyhow::bail!("a writer failed"))
                    })
                    .collect()
            });
            for files in made {
                let files = files?;
                count += files.iter().map(|file| file.rows).sum::<u64>();
                adds.extend(upload(objects.as_ref(), def.name, files).await?);
            }
        }
        commit(&store, &clock, def.name, adds, i64::try_from(number)?).await?;
        let written = number * DAYS_AT_ONCE + portion.len();
        eprintln!("{written} of {} days written, {count} readings", days.len());
    }
    Ok(count)
}

/// A day to write.
struct Day<'d> {
    def: &'d TableDef,
    loggers: &'d ArrayRef,
    outlets: usize,
    day: i32,
    millis: i64,
}

impl Day<'_> {
    fn settled(&self) -> anyhow::Result<Vec<DataFile>> {
        let rows = day_rows(self.outlets, self.day);
        let batch = rows.batch(&self.def.schema, self.loggers, self.day)?;
        let mut sieve = Sieve::new(&batch.schema())?;
        let mut files = Vec::new();
        for sifted in [sieve.push(batch)?, sieve.finish()?] {
            for (rows, holds) in [
                (sifted.current, Holds::Current),
                (sifted.superseded, Holds::Superseded),
            ] {
                if let Some(rows) = rows {
                    files.extend(self.files(&rows, holds.prefix(), 0)?);
                }
            }
        }
        Ok(files)
    }

    /// Files as they come in, one for every hour in which something was received.
    fn open(&self) -> anyhow::Result<Vec<DataFile>> {
        let start = beijing_day_start(self.day);
        let all = day_rows(self.outlets, self.day);
        let mut files = Vec::new();
        for hour in 0..73 {
            let received = start + hour * HOUR..start + (hour + 1) * HOUR;
            let rows = all.received(&received);
            let batch = rows.batch(&self.def.schema, self.loggers, self.day)?;
            files.extend(self.files(&batch, "part", hour.unsigned_abs())?);
        }
        Ok(files)
    }

    fn files(
        &self,
        rows: &RecordBatch,
        prefix: &str,
        number: u64,
    ) -> anyhow::Result<Vec<DataFile>> {
        let name = format!("{:016x}", mixed(self.day.unsigned_abs().into(), number));
        let mut files = encode(self.def, rows, &name, self.millis)?;
        for file in &mut files {
            let folder = file
                .add
                .path
                .rsplit_once('/')
                .map_or("", |(folder, _)| folder);
            file.add.path = format!("{folder}/{prefix}-{name}.zstd.parquet");
        }
        Ok(files)
    }
}

async fn commit(
    store: &Store,
    clock: &Arc<dyn Clock>,
    table: &str,
    adds: Vec<Add>,
    number: i64,
) -> anyhow::Result<()> {
    let app = "bench/sql/0".to_owned();
    let mut log = TableLog::open(store, table, [app.clone()], Arc::clone(clock)).await?;
    let append = Append {
        adds,
        advances: vec![Advance {
            app_id: app,
            from: (number > 0).then_some(number),
            to: number + 1,
        }],
        operation: "WRITE",
        ..Append::default()
    };
    log.commit(append, &|| true).await?;
    Ok(())
}

/// Permits, limits and bindings of all outlets. Every third permit was issued anew in July, with
/// limits a tenth lower.
fn documents(outlets: usize) -> Vec<(&'static str, Vec<Map<String, Value>>)> {
    let first = beijing_day_start(FIRST_DAY - 400);
    let (mut permits, mut limits, mut bindings) = (vec![], vec![], vec![]);
    for outlet in 0..outlets {
        let state = mixed(outlet as u64, 99);
        // The first industries and bodies have more outlets than the last.
        let pick = |many: usize, salt: u64| {
            let share = share(mixed(state, salt));
            ((share * share) * many as f64) as usize % many
        };
        let versions: &[(i64, i64, f64)] = if outlet % 3 == 0 {
            &[(1, -400, 1.0), (2, 181, 0.9)]
        } else {
            &[(1, -400, 1.0)]
        };
        for (version, from, scale) in versions {
            let issued = first + (from + 400) * 24 * HOUR;
            let permit_no = permit_no(outlet);
            let uid = format!("{permit_no}DA001");
            let common = json!({
                "permit_no": permit_no, "version": version, "issued_at": issued, "doc_valid": true,
                "received_at": issued, "kafka_topic": "p", "kafka_partition": 0,
                "kafka_offset": outlet * 2 + usize::from(*version == 2),
            });
            let with = |extra: Value| {
                let mut row = common.as_object().cloned().unwrap_or_default();
                row.extend(extra.as_object().cloned().unwrap_or_default());
                row
            };
            permits.push(with(json!({
                "unit_name": format!("unit {outlet}"), "org_code": BODIES[pick(BODIES.len(), 1)],
                "industry_codes": INDUSTRIES[pick(INDUSTRIES.len(), 2)], "valid_from": "2020-01-01",
                "valid_to": "2099-12-31", "status": "valid", "has_special_period": false,
                "document": "{}",
            })));
            let outlet_of = json!({
                "outlet_uid": uid, "outlet_code": "DA001", "medium": "air", "valid_from": issued,
            });
            let of_outlet = |extra: Value| {
                let mut row = with(outlet_of.clone());
                row.extend(extra.as_object().cloned().unwrap_or_default());
                row
            };
            bindings.push(of_outlet(json!({"mn": mn(outlet), "factors": ""})));
            for (factor, _, _, hour, day) in &FACTORS[POLLUTANTS..] {
                for (averaging, limit) in [("hour", hour), ("day", day)] {
                    limits.push(of_outlet(json!({
                        "factor": factor, "limit_value": limit * scale, "unit": "mg/m3",
                        "averaging": averaging, "basis": "raw", "special": false,
                    })));
                }
            }
        }
    }
    vec![
        ("permits", permits),
        ("permit_limits", limits),
        ("permit_bindings", bindings),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_has_what_it_says_and_resends_are_told_apart() {
        let def = tables::readings_raw();
        let loggers: ArrayRef = Arc::new(StringArray::from_iter_values((0..21).map(mn)));
        let day = Day {
            def: &def,
            loggers: &loggers,
            outlets: 21,
            day: FIRST_DAY,
            millis: 0,
        };
        let files = day.settled().unwrap();
        let holds: Vec<Holds> = files.iter().map(|file| Holds::of(&file.add.path)).collect();
        assert_eq!(holds, [Holds::Current, Holds::Superseded]);
        let expected = 21 * 8 * 25 + 2 * 8 * 144;
        let current = i64::try_from(files[0].rows).unwrap();
        // Some logger-days have gaps.
        assert!((current - expected).abs() < expected / 20, "{current}");
        let open = day.open().unwrap();
        assert!(open.len() > 24);
        let (settled, open): (u64, u64) = [&files, &open]
            .map(|files| files.iter().map(|file| file.rows).sum::<u64>())
            .into();
        assert_eq!(settled, open, "the same readings either way");
    }

    #[test]
    fn a_scale_comes_near_the_readings_asked_for() {
        let scale = Scale::of(1_000_000_000, 365, 1);
        assert_eq!(scale.end(), FIRST_DAY + 365);
        assert!((10_000..12_000).contains(&scale.outlets), "{scale:?}");
        assert_eq!(Scale::of(1, 3, 5).open_days, 3);
    }
}
