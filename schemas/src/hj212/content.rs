//! The data area (HJ 212 table 4): items, sub-fields, groups of one factor.
//!
//! The standard separates items by `;` and sub-fields of an item by `,`. Loggers mix the two, so
//! the separators mean the same here and what belongs together is decided by the factor's code: the
//! sub-fields of one factor form one [`Group`], wherever they stand; a repeated sub-field begins a
//! new one. A sub-field with a bad value spoils its group and nothing else.
//!
//! Nothing is decided about time or command here; this only takes the text apart. All results
//! borrow from the text, in vectors that the caller uses again for the next packet.

use super::notes::Notes;
use super::number::{Number, is_sentinel, number};
use super::reference::{Medium, system};
use super::suffix::Suffix;
use super::types::Value;
use crate::reason::Reason;

/// Values of one factor, on the way to becoming a reading.
#[derive(Debug, Clone, Copy)]
pub(super) struct Group<'a> {
    /// As it will be handed over, but for the canonical code and the extra fields.
    pub(super) value: Value<'a>,
    /// The code's first eight bytes, to compare codes fast.
    key: u64,
    /// Sub-fields present, one bit each.
    seen: u16,
    /// Its part of the text, for a bad part.
    pub(super) span: (usize, usize),
    /// Its fields in [`Parsed::extras`].
    pub(super) extras: (usize, usize),
    /// Why it cannot be used.
    pub(super) fault: Option<Reason>,
}

/// Anything that is not a measured value.
#[derive(Debug, Clone, Copy)]
pub(super) struct Item<'a> {
    /// Full name, such as `SB1-RS` or `PolId`.
    pub(super) name: &'a str,
    /// Text after the `=`.
    pub(super) text: &'a str,
    /// Mark, if one came with it.
    pub(super) flag: Option<&'a str>,
    /// The factor (`PolId`) named last before it: whose analyser a parameter belongs to.
    pub(super) about: Option<&'a str>,
}

/// A data area taken apart.
#[derive(Debug, Default)]
pub(super) struct Parsed<'a> {
    pub(super) groups: Vec<Group<'a>>,
    pub(super) extras: Vec<(&'a str, &'a str)>,
    pub(super) items: Vec<Item<'a>>,
    /// Parts that are no `name=value`.
    pub(super) bad: Vec<(&'a str, Reason)>,
    /// `DataTime`, as sent.
    pub(super) data_time: Option<&'a str>,
    /// Two different `DataTime`s: the values cannot be told apart.
    pub(super) two_times: bool,
    /// `QN` within the data area, as 2005 answers have it.
    pub(super) qn: Option<&'a str>,
    /// The last `PolId` so far: what the items behind it are about.
    pol_id: Option<&'a str>,
}

/// What tells the medium; looked up only when a code needs it.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct MediumHint<'r> {
    /// The station's setting.
    pub(super) station: Option<Medium>,
    /// The packet's system code.
    pub(super) st: Option<&'r str>,
}

impl MediumHint<'_> {
    /// The medium, if the station or its system code tells.
    pub(super) fn get(self) -> Option<Medium> {
        self.station.or_else(|| system(self.st?)?.medium)
    }
}

/// How to read a data area.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rules<'r> {
    /// Values become readings (otherwise every sub-field is an item).
    pub(super) readings: bool,
    /// What 2005 codes mean.
    pub(super) medium: MediumHint<'r>,
    /// The text had bytes that are not UTF-8, replaced by U+FFFD.
    pub(super) lossy: bool,
}

impl<'a> Parsed<'a> {
    /// Empty, keeping the memory of `before`.
    pub(super) fn reusing(before: Parsed<'_>) -> Self {
        Self {
            groups: emptied(before.groups),
            extras: emptied(before.extras),
            items: emptied(before.items),
            bad: emptied(before.bad),
            ..Self::default()
        }
    }

    /// Takes a data area apart.
    pub(super) fn read(&mut self, text: &'a str, rules: Rules<'_>) {
        let bytes = text.as_bytes();
        let mut at = 0;
        while at < bytes.len() {
            let start = at;
            let mut dash = self.same_code(bytes, start);
            at = dash.map_or(start, |dash| dash + 1);
            let mut equals = None;
            while let Some(byte) = bytes.get(at) {
                // Letters and digits first: they are nearly everything.
                if *byte > b'=' || byte.is_ascii_digit() {
                    at += 1;
                    continue;
                }
                match byte {
                    b'=' => {
                        equals = Some(at);
                        break;
                    }
                    b';' | b',' => break,
                    b'-' => dash = Some(at),
                    _ => {}
                }
                at += 1;
            }
            let Some(equals) = equals else {
                self.no_name(&text[start..at]);
                at += 1;
                continue;
            };
            at = value_end(bytes, equals + 1);
            let field = Field {
                name: &text[start..equals],
                dash: dash.map(|dash| dash - start),
                text: &text[equals + 1..at],
                span: (start, at),
            };
            at += 1;
            if rules.lossy && text[start..field.span.1].contains('\u{fffd}') {
                self.bad.push((&text[start..field.span.1], Reason::NotUtf8));
                continue;
            }
            self.take(&field, rules);
        }
    }

    /// Place of the `-` if the name at `start` begins with the code of the last group, as all but
    /// the first sub-field of an item do.
    #[inline]
    fn same_code(&self, bytes: &[u8], start: usize) -> Option<usize> {
        let group = self.groups.last()?;
        let length = group.value.factor.len();
        let head = bytes.get(start..start + 8)?.first_chunk()?;
        // The whole code and the `-` behind it, compared as one number.
        let mask = (1_u64 << (8 * length.min(7))) - 1;
        let same = length <= 7
            && u64::from_le_bytes(*head) & mask == group.key
            && head.get(length) == Some(&b'-');
        same.then_some(start + length)
    }

    #[cold]
    fn no_name(&mut self, text: &'a str) {
        if !text.trim().is_empty() {
            self.bad.push((text, Reason::ItemSyntax));
        }
    }

    #[inline]
    fn take(&mut self, field: &Field<'a>, rules: Rules<'_>) {
        let Some((code, suffix_text)) = field.split() else {
            self.parameter(field);
            return;
        };
        if !rules.readings {
            self.state(field, code, suffix_text);
            return;
        }
        let suffix = Suffix::of(suffix_text);
        if suffix == Suffix::State {
            self.state(field, code, suffix_text);
            return;
        }
        let place = self.place(code, suffix, field.span);
        self.set(place, suffix, suffix_text, field, rules.medium);
    }

    /// The group a sub-field belongs to, made if there is none.
    #[inline]
    fn place(&mut self, code: &'a str, suffix: Suffix, span: (usize, usize)) -> usize {
        let key = key_of(code);
        let bit = if suffix == Suffix::Other {
            0
        } else {
            suffix.bit()
        };
        let mut notes = Notes::NONE;
        // Backwards: the last group is the usual answer.
        for (place, group) in self.groups.iter_mut().enumerate().rev() {
            let same = group.key == key
                && group.value.factor.len() == code.len()
                && (code.len() <= 8 || group.value.factor == code);
            if same {
                if group.seen & bit == 0 {
                    return place;
                }
                notes = Notes::REPEATED_FACTOR;
            }
        }
        let extras = self.extras.len();
        self.groups.push(Group {
            value: Value {
                factor: code,
                notes,
                ..Value::default()
            },
            key,
            seen: 0,
            span,
            extras: (extras, extras),
            fault: None,
        });
        self.groups.len() - 1
    }

    #[inline]
    fn set(
        &mut self,
        place: usize,
        suffix: Suffix,
        suffix_text: &'a str,
        field: &Field<'a>,
        medium: MediumHint<'_>,
    ) {
        let last = place + 1 == self.groups.len();
        let Some(group) = self.groups.get_mut(place) else {
            return;
        };
        if suffix != Suffix::Other {
            group.seen |= suffix.bit();
        }
        group.span.1 = group.span.1.max(field.span.1);
        let value = &mut group.value;
        let (slot, sentinel) = match suffix {
            // The second of Rtd, Avg and Data is kept by name; the first is the value.
            Suffix::Rtd | Suffix::Avg | Suffix::Data
                if group.seen & (Suffix::Rtd.bit() | Suffix::Avg.bit() | Suffix::Data.bit())
                    == suffix.bit() =>
            {
                (&mut value.value, Notes::SENTINEL_VALUE)
            }
            Suffix::ZsRtd | Suffix::ZsAvg
                if group.seen & (Suffix::ZsRtd.bit() | Suffix::ZsAvg.bit()) == suffix.bit() =>
            {
                (&mut value.zs_value, Notes::SENTINEL_ZS)
            }
            Suffix::Min => (&mut value.min, Notes::SENTINEL_STAT),
            Suffix::Max => (&mut value.max, Notes::SENTINEL_STAT),
            Suffix::ZsMin => (&mut value.zs_min, Notes::SENTINEL_STAT),
            Suffix::ZsMax => (&mut value.zs_max, Notes::SENTINEL_STAT),
            Suffix::Cou => (&mut value.cou, Notes::NONE),
            Suffix::Flag if field.text.len() <= 4 => {
                value.flag = (!field.text.is_empty()).then_some(field.text);
                return;
            }
            _ => {
                if suffix == Suffix::Flag {
                    value.notes.insert(Notes::LONG_FLAG);
                }
                if last {
                    self.extras.push((suffix_text, field.text));
                    group.extras.1 = self.extras.len();
                } else {
                    self.items.push(Item {
                        name: field.name,
                        text: field.text,
                        flag: None,
                        about: self.pol_id,
                    });
                }
                return;
            }
        };
        match number(field.text) {
            Number::Value(number) => {
                if is_sentinel(field.text, value.factor, || medium.get()) && !sentinel.is_empty() {
                    value.notes.insert(sentinel);
                } else {
                    *slot = Some(number);
                }
            }
            Number::Empty => {}
            Number::Word if sentinel == Notes::SENTINEL_VALUE => {
                value.value_text = Some(field.text);
            }
            Number::Word | Number::Malformed => group.fault = Some(Reason::BadValue),
            Number::OutOfRange => group.fault = Some(Reason::ValueOutOfRange),
        }
    }

    /// A name without `-`.
    fn parameter(&mut self, field: &Field<'a>) {
        let (name, text) = (field.name, field.text);
        if name.eq_ignore_ascii_case("DataTime") {
            self.two_times |= self.data_time.is_some_and(|before| before != text);
            self.data_time = Some(text);
            return;
        }
        // A mark without its factor belongs to what stands before it.
        if name.eq_ignore_ascii_case("Flag")
            && text.len() <= 4
            && let Some(group) = self.groups.last_mut()
            && group.seen & Suffix::Flag.bit() == 0
        {
            group.seen |= Suffix::Flag.bit();
            group.value.flag = (!text.is_empty()).then_some(text);
            group.value.notes.insert(Notes::SPLIT_ITEM);
            return;
        }
        if name == "QN" {
            self.qn = Some(text);
        }
        if name.eq_ignore_ascii_case("PolId") {
            self.pol_id = (!text.is_empty()).then_some(text);
        }
        self.items.push(Item {
            name,
            text,
            flag: None,
            about: self.pol_id,
        });
    }

    fn state(&mut self, field: &Field<'a>, code: &str, suffix: &str) {
        if suffix.eq_ignore_ascii_case("Flag")
            && let Some(last) = self.items.last_mut()
            && last.flag.is_none()
            && last
                .name
                .strip_prefix(code)
                .is_some_and(|rest| rest.starts_with('-'))
        {
            last.flag = Some(field.text);
            return;
        }
        self.items.push(Item {
            name: field.name,
            text: field.text,
            flag: None,
            about: self.pol_id,
        });
    }
}

struct Field<'a> {
    name: &'a str,
    /// Place of the last `-` in the name.
    dash: Option<usize>,
    text: &'a str,
    span: (usize, usize),
}

impl<'a> Field<'a> {
    /// Code and suffix, if the name has both.
    #[inline]
    fn split(&self) -> Option<(&'a str, &'a str)> {
        let dash = self.dash?;
        let (code, suffix) = (&self.name[..dash], &self.name[dash + 1..]);
        (!code.is_empty() && !suffix.is_empty()).then_some((code, suffix))
    }
}

/// Where a value ends. A log text stands between `//` and `//` and may hold separators.
#[inline]
fn value_end(bytes: &[u8], start: usize) -> usize {
    let mut at = start;
    if bytes.get(start) == Some(&b'/') && bytes.get(start + 1) == Some(&b'/') {
        at = memchr::memmem::find(&bytes[start + 2..], b"//").map_or(start, |end| start + end + 4);
    }
    while let Some(byte) = bytes.get(at) {
        if matches!(byte, b';' | b',') {
            return at;
        }
        at += 1;
    }
    bytes.len()
}

/// The first eight bytes of a code.
#[inline]
fn key_of(code: &str) -> u64 {
    let bytes = code.as_bytes();
    // Nearly all codes have six characters; two overlapping reads cover them.
    if let [a, b, c, d, e, f] = *bytes {
        return u64::from_le_bytes([a, b, c, d, e, f, 0, 0]);
    }
    let mut key = [0; 8];
    for (to, from) in key.iter_mut().zip(bytes) {
        *to = *from;
    }
    u64::from_le_bytes(key)
}

/// An empty vector of another lifetime in the same memory.
fn emptied<A, B>(mut vector: Vec<A>) -> Vec<B> {
    vector.clear();
    // Nothing is left to map; collecting in place keeps the allocation.
    vector.into_iter().filter_map(|_| None).collect()
}

#[cfg(test)]
#[path = "content_tests.rs"]
mod tests;
