//! What the texts of a reading's fields mean.
//!
//! Strict about what places a reading (logger, factor, kind of time, time), lenient about what it
//! carries: a number may come as text, and a text in place of a statistic is kept beside it.

use std::borrow::Cow;

use super::fields::{Field, Fields, Token};
use crate::hj212::{
    EARLIEST_MICROS, Extra, Granularity, Head, MAX_MAGNITUDE, Notes, Rejected, Sink, Value,
    is_sentinel,
};
use crate::reason::Reason;
use crate::time::DAY_MICROS;
use crate::wire::moment::parse_instant;

/// Characters a data mark may have.
const FLAG_LENGTH: usize = 4;

/// Why a reading cannot be used.
#[derive(Debug)]
pub(super) struct Fault {
    reason: Reason,
    detail: String,
}

impl Fault {
    fn new(reason: Reason, detail: String) -> Self {
        Self { reason, detail }
    }

    fn field(field: Field, what: &str) -> Self {
        Self::new(Reason::JsonField, format!("{}: {what}", field.name()))
    }

    /// The element of a list is not a reading at all.
    pub(super) fn not_an_object() -> Self {
        Self::new(
            Reason::JsonField,
            "is not an object; a list holds readings only".to_owned(),
        )
    }

    /// The fault of a message that is this one reading.
    pub(super) fn rejected(self, fields: &Fields<'_>) -> Rejected {
        let mn = name(fields, Field::Mn).map(Cow::into_owned);
        Rejected {
            reason: self.reason,
            detail: self.detail,
            mn,
        }
    }

    /// Hands element `i` of a list over as a bad part.
    pub(super) fn hand_over<S: Sink>(
        self,
        i: usize,
        fields: Option<&Fields<'_>>,
        part: &str,
        received_at: i64,
        sink: &mut S,
    ) {
        let mn = fields
            .and_then(|fields| name(fields, Field::Mn))
            .unwrap_or_default();
        let head = Head {
            mn: &mn,
            st: None,
            cn: None,
            granularity: Granularity::Realtime,
            data_time: received_at,
            edition: None,
            resend: false,
            sent_at: None,
            period_s: None,
            note: Notes::NONE,
        };
        sink.bad_part(
            &head,
            part,
            self.reason,
            &format!("element {i}: {}", self.detail),
        );
    }
}

/// Collects what has no column of its own: names and texts.
type Extras<'a> = Vec<(Cow<'a, str>, Cow<'a, str>)>;

/// Hands one reading to the sink; the sink is not called when it has a fault.
pub(super) fn hand_over<S: Sink>(
    fields: &Fields<'_>,
    received_at: i64,
    sink: &mut S,
) -> Result<(), Fault> {
    if let Some(field) = fields.twice {
        return Err(Fault::field(
            field,
            "is given twice; which one is meant cannot be told",
        ));
    }
    let mut extras = Extras::new();
    let mut notes = Notes::NONE;
    let mn = name(fields, Field::Mn).ok_or_else(|| {
        Fault::new(
            Reason::MissingMn,
            "mn: is missing; name the data logger".to_owned(),
        )
    })?;
    let factor = name(fields, Field::Factor)
        .ok_or_else(|| Fault::field(Field::Factor, "is missing; name the factor"))?;
    let granularity = granularity(fields)?;
    let head = Head {
        mn: &mn,
        st: None,
        cn: None,
        granularity,
        data_time: data_time(fields, received_at)?,
        edition: None,
        resend: resend(fields)?,
        sent_at: sent_at(fields, &mut extras),
        period_s: period(fields, granularity)?,
        note: Notes::NONE,
    };
    let mut value_text = None;
    let value = match number(
        fields,
        Field::Value,
        &factor,
        Notes::SENTINEL_VALUE,
        &mut notes,
    )? {
        Quantity::Number(value) => Some(value),
        Quantity::Absent => None,
        Quantity::Text(text) => {
            value_text = Some(text);
            None
        }
    };
    let mut statistic = |field, sentinel| -> Result<Option<f64>, Fault> {
        Ok(
            match number(fields, field, &factor, sentinel, &mut notes)? {
                Quantity::Number(value) => Some(value),
                Quantity::Absent => None,
                Quantity::Text(text) => {
                    extras.push((Cow::Borrowed(field.name()), text));
                    None
                }
            },
        )
    };
    let zs_value = statistic(Field::ZsValue, Notes::SENTINEL_ZS)?;
    let min = statistic(Field::Min, Notes::SENTINEL_STAT)?;
    let max = statistic(Field::Max, Notes::SENTINEL_STAT)?;
    // A sum has no default maximum: it is not computed where its parts are not.
    let cou = statistic(Field::Cou, Notes::NONE)?;
    let zs_min = statistic(Field::ZsMin, Notes::SENTINEL_STAT)?;
    let zs_max = statistic(Field::ZsMax, Notes::SENTINEL_STAT)?;
    let flag = flag(fields, &mut extras, &mut notes)?;
    keep_unknown(fields, &mut extras, &mut notes);
    let pairs: Vec<(&str, &str)> = extras
        .iter()
        .map(|(name, text)| (name.as_ref(), text.as_ref()))
        .collect();
    sink.reading(
        &head,
        &Value {
            factor: &factor,
            factor_raw: None,
            value,
            zs_value,
            min,
            max,
            cou,
            zs_min,
            zs_max,
            flag: flag.as_deref(),
            value_text: value_text.as_deref(),
            extra: Extra::new(&pairs),
            notes,
        },
    );
    Ok(())
}

/// A name: a text that is not blank, or digits written as a number.
fn name<'a>(fields: &Fields<'a>, field: Field) -> Option<Cow<'a, str>> {
    let name = match fields.get(field)? {
        Token::Text(Cow::Borrowed(text)) => Cow::Borrowed(text.trim_ascii()),
        Token::Text(Cow::Owned(text)) => Cow::Owned(text.trim_ascii().to_owned()),
        Token::Number(text) => Cow::Borrowed(text),
        Token::Truth(_) | Token::Nested => return None,
    };
    (!name.is_empty()).then_some(name)
}

fn granularity(fields: &Fields<'_>) -> Result<Granularity, Fault> {
    let text = name(fields, Field::Granularity)
        .ok_or_else(|| Fault::field(Field::Granularity, "is missing; name the kind of time"))?;
    Granularity::from_text(&text).ok_or_else(|| {
        Fault::new(
            Reason::BadGranularity,
            format!("granularity: `{text}` is none of realtime, minute, hour, day"),
        )
    })
}

fn data_time(fields: &Fields<'_>, received_at: i64) -> Result<i64, Fault> {
    let text = name(fields, Field::DataTime).ok_or_else(|| {
        Fault::new(
            Reason::MissingDataTime,
            "data_time: is missing; say when it was measured".to_owned(),
        )
    })?;
    let time = parse_instant(text.as_bytes()).ok_or_else(|| {
        Fault::new(
            Reason::BadDataTime,
            format!("data_time: `{text}` is not a time; write it as 2026-01-05T08:00:00+08:00"),
        )
    })?;
    if time < EARLIEST_MICROS || time > received_at.saturating_add(DAY_MICROS) {
        return Err(Fault::new(
            Reason::TimeOutOfRange,
            format!(
                "data_time: `{text}` is before 2000 or more than a day after its arrival; set the logger's clock"
            ),
        ));
    }
    Ok(time)
}

/// A time of sending that cannot be read never costs a reading.
fn sent_at<'a>(fields: &Fields<'a>, extras: &mut Extras<'a>) -> Option<i64> {
    let text = name(fields, Field::SentAt)?;
    let time = parse_instant(text.as_bytes());
    if time.is_none() {
        extras.push((Cow::Borrowed(Field::SentAt.name()), text));
    }
    time
}

fn resend(fields: &Fields<'_>) -> Result<bool, Fault> {
    match fields.get(Field::Resend) {
        None => Ok(false),
        Some(Token::Truth(resend)) => Ok(resend),
        Some(Token::Number("0")) => Ok(false),
        Some(Token::Number("1")) => Ok(true),
        Some(Token::Text(text)) if matches!(&*text, "0" | "false") => Ok(false),
        Some(Token::Text(text)) if matches!(&*text, "1" | "true") => Ok(true),
        Some(_) => Err(Fault::field(Field::Resend, "must be true or false")),
    }
}

fn period(fields: &Fields<'_>, granularity: Granularity) -> Result<Option<i32>, Fault> {
    let fixed = granularity.period_s();
    let Some(text) = name(fields, Field::PeriodS) else {
        return match fields.get(Field::PeriodS) {
            None => Ok(fixed),
            Some(_) => Err(Fault::field(Field::PeriodS, "must be a number of seconds")),
        };
    };
    let seconds = lexical_core::parse::<i32>(text.as_bytes())
        .ok()
        .filter(|seconds| (1..=86_400).contains(seconds))
        .ok_or_else(|| {
            Fault::field(
                Field::PeriodS,
                "must be a whole number of seconds, 1 to 86400",
            )
        })?;
    match fixed {
        Some(fixed) if fixed != seconds => Err(Fault::field(
            Field::PeriodS,
            &format!(
                "is {seconds} but granularity {} means {fixed}",
                granularity.as_str()
            ),
        )),
        _ => Ok(Some(seconds)),
    }
}

enum Quantity<'a> {
    Number(f64),
    Text(Cow<'a, str>),
    Absent,
}

/// Reads a quantity; the default maximum of the factor's number type (9999.99 style) is set aside
/// under the note `sentinel`, as in HJ 212 packets.
fn number<'a>(
    fields: &Fields<'a>,
    field: Field,
    factor: &str,
    sentinel: Notes,
    notes: &mut Notes,
) -> Result<Quantity<'a>, Fault> {
    let (text, as_text) = match fields.get(field) {
        None => return Ok(Quantity::Absent),
        Some(Token::Number(text)) => (Cow::Borrowed(text), false),
        Some(Token::Text(text)) => (text, true),
        Some(_) => return Err(Fault::field(field, "must be a number or a text")),
    };
    let digits = text.trim_ascii();
    if digits.is_empty() {
        return Ok(Quantity::Absent);
    }
    // Words such as "nan" and "inf" are texts, not numbers.
    let numeric = matches!(digits.as_bytes()[0], b'0'..=b'9' | b'-' | b'+' | b'.');
    let parsed = lexical_core::parse::<f64>(digits.as_bytes())
        .ok()
        .filter(|_| numeric);
    match parsed {
        Some(value) if value.abs() <= MAX_MAGNITUDE => {
            if !sentinel.is_empty() && is_sentinel(digits, factor, || None) {
                notes.insert(sentinel);
                Ok(Quantity::Absent)
            } else {
                Ok(Quantity::Number(value))
            }
        }
        None if as_text => Ok(Quantity::Text(text)),
        _ => Err(Fault::new(
            Reason::ValueOutOfRange,
            format!(
                "{}: `{digits}` is beyond 1e12; check the instrument",
                field.name()
            ),
        )),
    }
}

fn flag<'a>(
    fields: &Fields<'a>,
    extras: &mut Extras<'a>,
    notes: &mut Notes,
) -> Result<Option<Cow<'a, str>>, Fault> {
    let Some(flag) = name(fields, Field::Flag) else {
        return match fields.get(Field::Flag) {
            None | Some(Token::Text(_)) => Ok(None),
            Some(_) => Err(Fault::field(
                Field::Flag,
                "must be a text of 1 to 4 characters",
            )),
        };
    };
    if flag.chars().count() <= FLAG_LENGTH {
        return Ok(Some(flag));
    }
    notes.insert(Notes::LONG_FLAG);
    extras.push((Cow::Borrowed("Flag"), flag));
    Ok(None)
}

fn keep_unknown<'a>(fields: &Fields<'a>, extras: &mut Extras<'a>, notes: &mut Notes) {
    for (name, text) in &fields.unknown {
        match Token::of(text) {
            Some(Token::Text(text)) => extras.push((name.clone(), text)),
            Some(Token::Number(text)) => extras.push((name.clone(), Cow::Borrowed(text))),
            Some(Token::Truth(_) | Token::Nested) => notes.insert(Notes::IGNORED_FIELD),
            None => {}
        }
    }
}
