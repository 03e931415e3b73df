//! What a data mark means for a value: may it be judged, averaged, counted as valid?
//!
//! Two vocabularies are on the wire: HJ 212-2017 table 8 (state of the instrument) and the marks of
//! HJ 75/76 (state of source and instrument). They agree on N, M, D, C, T; `F` is the stopped
//! instrument in one and the stopped source in the other. Both readings keep the value out of
//! every judgement, so one class serves; whether the hour was due is a question of the source.

/// What a mark does to the value it stands at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Class {
    /// N or no mark: judged, averaged, valid.
    Normal,
    /// T: over the measuring range, a lower bound. Averaged as reported, not counted as valid.
    OverRange,
    /// M, C, D, B, Md: the instrument was not measuring. Neither judged nor averaged.
    Instrument,
    /// S: set by hand. Neither judged nor averaged; always worth a look.
    Manual,
    /// F: stopped. Neither judged nor averaged; the time leaves the due time.
    Stopped,
    /// St, Sd, Sr: starting up or shutting down. Kept apart, not judged within its permitted time.
    Condition,
    /// Anything else: not used, because its meaning is not known.
    Unknown,
}

/// A mark in its usual spelling, small enough to keep per row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mark(u8);

/// Usual spelling and class of each mark; the position is the mark's number.
const MARKS: [(&str, Class); 14] = [
    ("N", Class::Normal),
    ("T", Class::OverRange),
    ("M", Class::Instrument),
    ("C", Class::Instrument),
    ("D", Class::Instrument),
    ("B", Class::Instrument),
    ("Md", Class::Instrument),
    ("S", Class::Manual),
    ("F", Class::Stopped),
    ("St", Class::Condition),
    ("Sd", Class::Condition),
    ("Sr", Class::Condition),
    ("?", Class::Unknown),
    ("missing", Class::Instrument),
];

impl Mark {
    /// N.
    pub const NORMAL: Self = Self(0);
    /// A mark that is not in the vocabulary.
    pub const UNKNOWN: Self = Self(12);
    /// No row at all where one was due.
    pub const MISSING: Self = Self(13);
    /// How many marks there are; numbers are below it.
    pub const COUNT: usize = MARKS.len();

    /// Reads a mark as sent; no mark means normal. Old traffic writes single letters in lower
    /// case.
    pub fn parse(text: Option<&str>) -> Self {
        let Some(text) = text.map(str::trim).filter(|text| !text.is_empty()) else {
            return Self::NORMAL;
        };
        let known = |wanted: &str| MARKS[..12].iter().position(|(name, _)| *name == wanted);
        let found = if text.len() == 1 {
            known(text.to_ascii_uppercase().as_str())
        } else {
            MARKS[..12]
                .iter()
                .position(|(name, _)| name.eq_ignore_ascii_case(text))
        };
        found.map_or(Self::UNKNOWN, |number| {
            Self(u8::try_from(number).unwrap_or(12))
        })
    }

    /// The mark with this number; unknown when there is none.
    pub fn from_number(number: u8) -> Self {
        if usize::from(number) < Self::COUNT {
            Self(number)
        } else {
            Self::UNKNOWN
        }
    }

    /// Its number, below [`Mark::COUNT`].
    pub fn number(self) -> u8 {
        self.0
    }

    /// Its usual spelling.
    pub fn text(self) -> &'static str {
        MARKS[usize::from(self.0)].0
    }

    /// What it does to a value.
    pub fn class(self) -> Class {
        MARKS[usize::from(self.0)].1
    }

    /// Code of the exemption it supports: M1 device mark, M2 condition mark, M3 stopped.
    pub fn exemption(self) -> Option<&'static str> {
        match self.class() {
            Class::Instrument | Class::Manual | Class::Unknown if self != Self::MISSING => {
                Some("M1")
            }
            Class::Condition => Some("M2"),
            Class::Stopped => Some("M3"),
            _ => None,
        }
    }
}

/// Name of a class as SQL shows it.
pub fn class_name(class: Class) -> &'static str {
    match class {
        Class::Normal => "normal",
        Class::OverRange => "over_range",
        Class::Instrument => "instrument",
        Class::Manual => "manual",
        Class::Stopped => "stopped",
        Class::Condition => "condition",
        Class::Unknown => "unknown",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spelling_and_case_of_marks() {
        assert_eq!(Mark::parse(None), Mark::NORMAL);
        assert_eq!(Mark::parse(Some("")).text(), "N");
        assert_eq!(Mark::parse(Some("m")).text(), "M");
        assert_eq!(Mark::parse(Some("St")).class(), Class::Condition);
        assert_eq!(Mark::parse(Some("MD")).text(), "Md");
        assert_eq!(Mark::parse(Some("Q")), Mark::UNKNOWN);
        assert_eq!(Mark::parse(Some("missing")), Mark::UNKNOWN);
        assert_eq!(Mark::parse(Some("F")).exemption(), Some("M3"));
        assert_eq!(Mark::MISSING.exemption(), None);
    }
}
