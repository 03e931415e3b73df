//! Readings of one instant as the JSON message that goes to Kafka.
//!
//! The message is the wire format of the readings topic: an array with one object per reading.
//! Fields appear in one fixed order and missing ones are left out, so that the same export gives
//! the same bytes every time. A text that should have been a number goes out as a JSON string:
//! the decoder then keeps or quarantines it with its origin, and nothing is lost on the way.

use std::sync::Arc;

use serde::Serialize;

use super::mapping::Statistic;

/// A number, or the text that stands where a number should be.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub(super) enum Field {
    Number(f64),
    Text(String),
}

/// What one reading of an instant says so far.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Reading {
    numeric: [Option<Field>; 5],
    flag: Option<String>,
}

/// What happened to a cell that was put into a reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Put {
    /// It is the first for its field.
    New,
    /// The field already says the same.
    Same,
    /// The field says something else.
    Differs,
}

impl Reading {
    /// Fills a numeric field unless it is taken.
    pub(super) fn put(&mut self, statistic: Statistic, field: &Field) -> Put {
        let place = Statistic::NUMERIC
            .iter()
            .position(|known| *known == statistic);
        let Some(place) = place.and_then(|index| self.numeric.get_mut(index)) else {
            return Put::Differs;
        };
        match place {
            Some(taken) if taken == field => Put::Same,
            Some(_) => Put::Differs,
            None => {
                *place = Some(field.clone());
                Put::New
            }
        }
    }

    /// Fills the mark unless it is taken.
    pub(super) fn put_flag(&mut self, flag: &str) -> Put {
        match &self.flag {
            Some(taken) if taken == flag => Put::Same,
            Some(_) => Put::Differs,
            None => {
                self.flag = Some(flag.to_owned());
                Put::New
            }
        }
    }

    /// Takes over what an earlier version of the same reading says and this one does not, because
    /// a resend replaces the whole reading.
    pub(super) fn complete_from(&mut self, earlier: &Self) {
        for (mine, theirs) in self.numeric.iter_mut().zip(&earlier.numeric) {
            if mine.is_none() {
                mine.clone_from(theirs);
            }
        }
        if self.flag.is_none() {
            self.flag.clone_from(&earlier.flag);
        }
    }
}

/// What a reading is about: the part of its key that does not change from row to row.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Series {
    pub(super) factor: Arc<str>,
    pub(super) granularity: Arc<str>,
    pub(super) period_s: Option<u32>,
}

#[derive(Serialize)]
struct Wire<'a> {
    mn: &'a str,
    factor: &'a str,
    granularity: &'a str,
    data_time: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<&'a Field>,
    #[serde(skip_serializing_if = "Option::is_none")]
    zs_value: Option<&'a Field>,
    #[serde(skip_serializing_if = "Option::is_none")]
    min: Option<&'a Field>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max: Option<&'a Field>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cou: Option<&'a Field>,
    #[serde(skip_serializing_if = "Option::is_none")]
    flag: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    period_s: Option<u32>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    resend: bool,
}

/// Writes the message of one instant into `out` (which is cleared first).
pub(super) fn write<'a>(
    out: &mut Vec<u8>,
    mn: &str,
    data_time: &str,
    resend: bool,
    readings: impl Iterator<Item = (&'a Series, &'a Reading)>,
) {
    out.clear();
    out.push(b'[');
    for (series, reading) in readings {
        if out.len() > 1 {
            out.push(b',');
        }
        let [value, zs_value, min, max, cou] = &reading.numeric;
        let wire = Wire {
            mn,
            factor: &series.factor,
            granularity: &series.granularity,
            data_time,
            value: value.as_ref(),
            zs_value: zs_value.as_ref(),
            min: min.as_ref(),
            max: max.as_ref(),
            cou: cou.as_ref(),
            flag: reading.flag.as_deref(),
            period_s: series.period_s,
            resend,
        };
        write_json(out, &wire);
    }
    out.push(b']');
}

#[derive(Serialize)]
struct Unusable<'a> {
    mn: &'a str,
    import_fault: &'a str,
    line: u64,
    row: &'a str,
}

/// Writes a row that carries no readings; ingest quarantines it with the row as its raw text.
pub(super) fn write_unusable(out: &mut Vec<u8>, mn: &str, line: u64, row: &str, why: &str) {
    out.clear();
    write_json(
        out,
        &Unusable {
            mn,
            import_fault: why,
            line,
            row,
        },
    );
}

/// Serialising plain structs of texts and finite numbers into memory cannot fail; if it ever did,
/// the broken message would be quarantined by ingest, not lost.
fn write_json<T: Serialize>(out: &mut Vec<u8>, value: &T) {
    if let Err(error) = serde_json::to_writer(&mut *out, value) {
        tracing::error!(%error, "a message could not be written as JSON");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_has_its_fields_in_one_order_and_leaves_missing_ones_out() {
        let series = Series {
            factor: "a21026".into(),
            granularity: "minute".into(),
            period_s: Some(120),
        };
        let mut reading = Reading::default();
        assert_eq!(
            reading.put(Statistic::Value, &Field::Number(56.36)),
            Put::New
        );
        assert_eq!(
            reading.put(Statistic::Value, &Field::Number(56.36)),
            Put::Same
        );
        assert_eq!(
            reading.put(Statistic::Value, &Field::Text("x".into())),
            Put::Differs
        );
        assert_eq!(reading.put_flag("N"), Put::New);
        let mut out = Vec::new();
        write(
            &mut out,
            "K1",
            "2025-05-23T00:00:00+08:00",
            false,
            [(&series, &reading)].into_iter(),
        );
        assert_eq!(
            String::from_utf8(out).expect("JSON is text"),
            "[{\"mn\":\"K1\",\"factor\":\"a21026\",\"granularity\":\"minute\",\
             \"data_time\":\"2025-05-23T00:00:00+08:00\",\"value\":56.36,\"flag\":\"N\",\
             \"period_s\":120}]"
        );
    }
}
