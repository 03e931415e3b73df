//! Readings as JSON: one object, or a list of objects, per message.
//!
//! The reader hands over the same [`Head`] and
//! [`Value`] as the HJ 212 decoder, so that readings have one way into the
//! tables. It works in two steps: [`fields`] notes where each field's text is, without building a
//! tree and without allocating for a single reading; [`meaning`] says what the texts mean.
//!
//! What decides the fate of a message:
//! - not UTF-8, not JSON, empty, or neither object nor list: the message is refused as a whole,
//!   before the sink has seen anything of it;
//! - a faulty single reading: refused as a whole, too;
//! - a faulty element of a list: that element goes to the sink as a bad part, the others are kept.
//!
//! Fields the type does not know are kept as extra texts when they are texts or numbers; anything
//! else in them is left out and the row says so in its note.

mod fields;
mod meaning;
mod message;

use std::collections::HashSet;

use crate::hj212::{self, Head, Notes, Sink, Value};
use crate::reason::Reason;

pub use crate::hj212::Rejected;
pub use message::{Granularity, Number, Reading, ReadingMessage};

/// What became of a message that was accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Decoded {
    /// Readings handed to the sink.
    pub readings: usize,
    /// Elements handed to the sink as bad parts.
    pub bad_parts: usize,
}

/// Decodes one message into `sink`.
///
/// `received_at` (microseconds UTC) bounds the times a reading may have: readings of the future
/// are refused as HJ 212 packets are.
///
/// # Errors
/// [`Rejected`] when nothing of the message can be used; the sink was not called then.
pub fn decode_line<S: Sink>(
    message: &[u8],
    received_at: i64,
    sink: &mut S,
) -> Result<Decoded, Rejected> {
    let text = str::from_utf8(message).map_err(|error| Rejected {
        reason: Reason::NotUtf8,
        detail: format!(
            "byte {} is not UTF-8; send readings as UTF-8",
            error.valid_up_to()
        ),
        mn: None,
    })?;
    let refuse = |reason, detail: &str| Rejected {
        reason,
        detail: detail.to_owned(),
        mn: None,
    };
    if text.trim_ascii().is_empty() {
        return Err(refuse(
            Reason::EmptyMessage,
            "the message has no content; look at the producer",
        ));
    }
    let content = fields::read(text).map_err(|error| Rejected {
        reason: Reason::JsonSyntax,
        detail: format!("{error}; check the producer"),
        mn: None,
    })?;
    match content {
        fields::Content::One(fields) => {
            meaning::hand_over(&fields, received_at, sink)
                .map_err(|fault| fault.rejected(&fields))?;
            Ok(Decoded {
                readings: 1,
                bad_parts: 0,
            })
        }
        fields::Content::List(elements) if elements.is_empty() => Err(refuse(
            Reason::EmptyMessage,
            "the list holds no reading; look at the producer",
        )),
        fields::Content::List(elements) => Ok(list(text, &elements, received_at, sink)),
        fields::Content::Neither => Err(refuse(
            Reason::JsonField,
            "the message is neither a reading nor a list of readings; compare with the JSON Schema",
        )),
    }
}

/// Notes readings of a list that came in it before: no two rows of one message are the same.
struct Repeats<'s, S> {
    sink: &'s mut S,
    seen: HashSet<(String, String, hj212::Granularity, i64)>,
}

impl<S: Sink> Sink for Repeats<'_, S> {
    fn reading(&mut self, head: &Head<'_>, value: &Value<'_>) {
        let (mn, factor) = (head.mn.to_owned(), value.factor.to_owned());
        let mut notes = value.notes;
        if !self
            .seen
            .insert((mn, factor, head.granularity, head.data_time))
        {
            notes.insert(Notes::REPEATED_FACTOR);
        }
        self.sink.reading(head, &Value { notes, ..*value });
    }

    fn state(
        &mut self,
        head: &Head<'_>,
        item: &str,
        value: Option<f64>,
        text: Option<&str>,
        flag: Option<&str>,
    ) {
        self.sink.state(head, item, value, text, flag);
    }

    fn bad_part(&mut self, head: &Head<'_>, part: &str, reason: Reason, detail: &str) {
        self.sink.bad_part(head, part, reason, detail);
    }
}

/// Hands over a list, its bad elements as parts.
fn list<S: Sink>(
    text: &str,
    elements: &[Option<fields::Fields<'_>>],
    received_at: i64,
    sink: &mut S,
) -> Decoded {
    let mut decoded = Decoded::default();
    let sink = &mut Repeats {
        sink,
        seen: HashSet::with_capacity(elements.len()),
    };
    // Where the elements are is only asked when one of them is bad.
    let mut texts = None;
    for (i, element) in elements.iter().enumerate() {
        let outcome = match element {
            Some(fields) => meaning::hand_over(fields, received_at, sink),
            None => Err(meaning::Fault::not_an_object()),
        };
        match outcome {
            Ok(()) => decoded.readings += 1,
            Err(fault) => {
                let texts = texts.get_or_insert_with(|| fields::element_texts(text));
                let part = texts.get(i).copied().unwrap_or(text);
                fault.hand_over(i, element.as_ref(), part, received_at, sink);
                decoded.bad_parts += 1;
            }
        }
    }
    decoded
}

#[cfg(test)]
mod tests;
