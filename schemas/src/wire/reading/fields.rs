//! Where the fields of a reading are in the text of a message.
//!
//! `serde_json` walks the text once; every value is kept as the slice it stands in, so nothing is
//! converted that is not asked for, and a value of the wrong kind cannot spoil its neighbours.

use std::borrow::Cow;
use std::fmt;

use serde::de::{self, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

/// A field of a reading that the reader knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(usize)]
pub(super) enum Field {
    Mn,
    Factor,
    Granularity,
    DataTime,
    Value,
    ZsValue,
    Min,
    Max,
    Cou,
    ZsMin,
    ZsMax,
    Flag,
    PeriodS,
    Resend,
    SentAt,
}

/// Number of [`Field`]s.
const FIELDS: usize = 15;

impl Field {
    fn of(name: &str) -> Option<Self> {
        Some(match name {
            "mn" => Self::Mn,
            "factor" => Self::Factor,
            "granularity" => Self::Granularity,
            "data_time" => Self::DataTime,
            "value" => Self::Value,
            "zs_value" => Self::ZsValue,
            "min" => Self::Min,
            "max" => Self::Max,
            "cou" => Self::Cou,
            "zs_min" => Self::ZsMin,
            "zs_max" => Self::ZsMax,
            "flag" => Self::Flag,
            "period_s" => Self::PeriodS,
            "resend" => Self::Resend,
            "sent_at" => Self::SentAt,
            _ => return None,
        })
    }

    /// The field's name in messages.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Mn => "mn",
            Self::Factor => "factor",
            Self::Granularity => "granularity",
            Self::DataTime => "data_time",
            Self::Value => "value",
            Self::ZsValue => "zs_value",
            Self::Min => "min",
            Self::Max => "max",
            Self::Cou => "cou",
            Self::ZsMin => "zs_min",
            Self::ZsMax => "zs_max",
            Self::Flag => "flag",
            Self::PeriodS => "period_s",
            Self::Resend => "resend",
            Self::SentAt => "sent_at",
        }
    }
}

/// The texts of one reading's fields.
#[derive(Debug, Default)]
pub(super) struct Fields<'a> {
    known: [Option<&'a str>; FIELDS],
    /// Names the reader does not know, with their texts.
    pub(super) unknown: Vec<(Cow<'a, str>, &'a str)>,
    /// A known field that is there twice: which one is meant cannot be told.
    pub(super) twice: Option<Field>,
}

impl<'a> Fields<'a> {
    /// The field's JSON text; `null` counts as not given.
    pub(super) fn get(&self, field: Field) -> Option<Token<'a>> {
        self.known[field as usize].and_then(Token::of)
    }
}

/// One JSON value as it stands in the text.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Token<'a> {
    Text(Cow<'a, str>),
    /// A number, as written.
    Number(&'a str),
    Truth(bool),
    /// An object or a list.
    Nested,
}

impl<'a> Token<'a> {
    /// The value `text` holds, `None` for null. `text` is one valid JSON value.
    pub(super) fn of(text: &'a str) -> Option<Self> {
        Some(match text.as_bytes().first()? {
            b'"' => {
                let inner = text.get(1..text.len().checked_sub(1)?)?;
                if inner.contains('\\') {
                    Self::Text(Cow::Owned(serde_json::from_str(text).ok()?))
                } else {
                    Self::Text(Cow::Borrowed(inner))
                }
            }
            b'n' => return None,
            b't' => Self::Truth(true),
            b'f' => Self::Truth(false),
            b'{' | b'[' => Self::Nested,
            _ => Self::Number(text),
        })
    }
}

/// What a message holds.
#[derive(Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "lives for one message; a box would cost each one"
)]
pub(super) enum Content<'a> {
    One(Fields<'a>),
    /// Elements in order, `None` for one that is not an object.
    List(Vec<Option<Fields<'a>>>),
    Neither,
}

/// Reads a whole message.
pub(super) fn read(text: &str) -> Result<Content<'_>, serde_json::Error> {
    let mut reader = serde_json::Deserializer::from_str(text);
    let content = MessageSeed.deserialize(&mut reader)?;
    reader.end()?;
    Ok(content)
}

/// The elements of a list as they stand in the text; empty when it is none.
pub(super) fn element_texts(text: &str) -> Vec<&str> {
    serde_json::from_str::<Vec<&RawValue>>(text)
        .map(|elements| elements.into_iter().map(RawValue::get).collect())
        .unwrap_or_default()
}

/// Visits of scalars: a reading is none of them, but that is no syntax error.
macro_rules! scalars_are {
    ($none:expr) => {
        fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
            Ok($none)
        }

        fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
            Ok($none)
        }

        fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
            Ok($none)
        }

        fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
            Ok($none)
        }

        fn visit_str<E>(self, _: &str) -> Result<Self::Value, E> {
            Ok($none)
        }

        fn visit_unit<E>(self) -> Result<Self::Value, E> {
            Ok($none)
        }
    };
}

struct MessageSeed;

impl<'a> DeserializeSeed<'a> for MessageSeed {
    type Value = Content<'a>;

    fn deserialize<D: Deserializer<'a>>(self, reader: D) -> Result<Self::Value, D::Error> {
        reader.deserialize_any(self)
    }
}

impl<'a> Visitor<'a> for MessageSeed {
    type Value = Content<'a>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a reading or a list of readings")
    }

    fn visit_map<A: MapAccess<'a>>(self, map: A) -> Result<Self::Value, A::Error> {
        read_fields(map).map(Content::One)
    }

    fn visit_seq<A: SeqAccess<'a>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let mut elements = Vec::new();
        while let Some(element) = list.next_element_seed(ElementSeed)? {
            elements.push(element);
        }
        Ok(Content::List(elements))
    }

    scalars_are!(Content::Neither);
}

struct ElementSeed;

impl<'a> DeserializeSeed<'a> for ElementSeed {
    type Value = Option<Fields<'a>>;

    fn deserialize<D: Deserializer<'a>>(self, reader: D) -> Result<Self::Value, D::Error> {
        reader.deserialize_any(self)
    }
}

impl<'a> Visitor<'a> for ElementSeed {
    type Value = Option<Fields<'a>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a reading")
    }

    fn visit_map<A: MapAccess<'a>>(self, map: A) -> Result<Self::Value, A::Error> {
        read_fields(map).map(Some)
    }

    fn visit_seq<A: SeqAccess<'a>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(None)
    }

    scalars_are!(None);
}

fn read_fields<'a, A: MapAccess<'a>>(mut map: A) -> Result<Fields<'a>, A::Error> {
    let mut fields = Fields::default();
    while let Some(name) = map.next_key_seed(NameSeed)? {
        let text = map.next_value::<&'a RawValue>()?.get();
        match name {
            Name::Known(field) => {
                if fields.known[field as usize].replace(text).is_some() {
                    fields.twice = Some(field);
                }
            }
            Name::Unknown(name) => fields.unknown.push((name, text)),
        }
    }
    Ok(fields)
}

enum Name<'a> {
    Known(Field),
    Unknown(Cow<'a, str>),
}

struct NameSeed;

impl<'a> DeserializeSeed<'a> for NameSeed {
    type Value = Name<'a>;

    fn deserialize<D: Deserializer<'a>>(self, reader: D) -> Result<Self::Value, D::Error> {
        reader.deserialize_str(self)
    }
}

impl<'a> Visitor<'a> for NameSeed {
    type Value = Name<'a>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a field name")
    }

    fn visit_borrowed_str<E: de::Error>(self, name: &'a str) -> Result<Self::Value, E> {
        Ok(Field::of(name).map_or(Name::Unknown(Cow::Borrowed(name)), Name::Known))
    }

    fn visit_str<E: de::Error>(self, name: &str) -> Result<Self::Value, E> {
        Ok(Field::of(name).map_or_else(|| Name::Unknown(Cow::Owned(name.to_owned())), Name::Known))
    }
}
