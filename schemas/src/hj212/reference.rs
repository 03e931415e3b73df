//! Code tables of the standard: factors, systems, commands, data marks, 2005 factor codes.
//!
//! The tables are CSV files under `reference/`, compiled in and parsed once on first use; after
//! that a look-up is a binary search or an array index and allocates nothing. Facts in them come
//! from HJ 212-2017 (tables 5, 8, 9, B.1 to B.3), HJ/T 212-2005 leftovers seen on the wire, and what
//! is published about HJ 212-2025; a code that is in no table is a private one, kept as it is.

use std::sync::LazyLock;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::types::Granularity;

/// What a station measures, which decides what a 2005 factor code means (`001` is pH in water).
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize, serde::Serialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Medium {
    /// Gas: stacks, ambient air, dust, organic compounds.
    Air,
    /// Water: discharges, surface, ground and sea water.
    Water,
}

/// A monitoring factor or site-information item (HJ 212-2017 tables B.1 to B.3).
#[derive(Debug, Deserialize)]
pub struct Factor {
    /// Code, such as `w01018`.
    pub code: String,
    /// Chinese name as printed.
    pub name_zh: String,
    /// English name.
    pub name_en: String,
    /// Unit as printed in 2017. Some are misprints of the standard (`ng/m3` for gases reported in
    /// mg/m3): the unit of a station's data comes from its configuration, never from the code.
    pub unit: String,
    /// `water`, `air` or `other`.
    pub medium: String,
    /// Declared number format of 2017, such as `N5.1`: up to 5 integer digits, 1 decimal.
    pub format_2017: String,
    /// Declared number format of 2025, where known.
    pub format_2025: String,
}

/// A system code, ST (table 5).
#[derive(Debug, Deserialize)]
pub struct System {
    /// Two characters.
    pub st: String,
    /// Chinese name.
    pub name_zh: String,
    /// English name.
    pub name_en: String,
    /// What it measures, if its 2005 codes need that.
    pub medium: Option<Medium>,
    /// First edition that has it, of 2017 and 2025.
    pub edition: i16,
}

/// What the content of a command is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Content {
    /// Measured values of this granularity, and the length of the interval in seconds if fixed.
    Readings(Granularity, Option<i32>),
    /// State of equipment: running, running time, alarms, checks.
    State,
    /// Parameters and control.
    Command,
    /// Answers and heartbeats.
    Interaction,
}

/// A command code, CN (table 9).
#[derive(Debug, Deserialize)]
pub struct Command {
    /// Four digits.
    pub cn: String,
    /// Chinese name.
    pub name_zh: String,
    /// English name.
    pub name_en: String,
    /// What its content is.
    #[serde(deserialize_with = "content_from_text")]
    pub content: Content,
    /// Editions that have it, separated by blanks; empty for a code seen on the wire only.
    pub editions: String,
}

/// A data mark and what it means in one vocabulary.
#[derive(Debug, Deserialize)]
pub struct Mark {
    /// `hj212` (HJ 212-2017 table 8: about the instrument) or `cems` (HJ 75/76: about the source).
    /// They disagree about F and B, so a station's vocabulary is configuration.
    pub vocabulary: String,
    /// One to four characters.
    pub mark: String,
    /// `normal`, `over_range`, `maintenance`, `calibration`, `fault`, `comm`, `instrument_stop`,
    /// `source_stop`, `start_up`, `shut_down`, `banked`, `manual` or `no_data`.
    pub class: String,
    /// Chinese name.
    pub name_zh: String,
    /// English name.
    pub name_en: String,
}

#[derive(Debug, Deserialize)]
struct OldCode {
    medium: Medium,
    old_code: String,
    code: String,
}

fn content_from_text<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<Content, D::Error> {
    let text = String::deserialize(deserializer)?;
    Ok(match text.as_str() {
        "state" => Content::State,
        "command" => Content::Command,
        "interaction" => Content::Interaction,
        // The furnace temperature is a five-minute mean.
        "minute5" => Content::Readings(Granularity::Minute, Some(300)),
        text => {
            let granularity = Granularity::from_text(text)
                .ok_or_else(|| serde::de::Error::custom(format!("unknown content `{text}`")))?;
            Content::Readings(granularity, granularity.period_s())
        }
    })
}

/// Parses a compiled-in table. A row that does not parse is left out; the tests prove that none is.
fn table<T: DeserializeOwned>(text: &str) -> Vec<T> {
    csv::Reader::from_reader(text.as_bytes())
        .into_deserialize()
        .filter_map(Result::ok)
        .collect()
}

const FACTORS_CSV: &str = include_str!("reference/factors.csv");
const SYSTEMS_CSV: &str = include_str!("reference/systems.csv");
const COMMANDS_CSV: &str = include_str!("reference/commands.csv");
const MARKS_CSV: &str = include_str!("reference/marks.csv");
const OLD_CODES_CSV: &str = include_str!("reference/codes_2005.csv");

static FACTORS: LazyLock<Vec<Factor>> = LazyLock::new(|| {
    let mut factors: Vec<Factor> = table(FACTORS_CSV);
    factors.sort_unstable_by(|a, b| a.code.cmp(&b.code));
    factors
});

static SYSTEMS: LazyLock<Vec<System>> = LazyLock::new(|| table(SYSTEMS_CSV));
static MARKS: LazyLock<Vec<Mark>> = LazyLock::new(|| table(MARKS_CSV));

static OLD_CODES: LazyLock<Vec<OldCode>> = LazyLock::new(|| {
    let mut codes: Vec<OldCode> = table(OLD_CODES_CSV);
    codes.sort_unstable_by(|a, b| (a.medium, &a.old_code).cmp(&(b.medium, &b.old_code)));
    codes
});

/// Commands, and for every four-digit number the command's place plus one, or zero.
static COMMANDS: LazyLock<(Vec<Command>, Box<[u8]>)> = LazyLock::new(|| {
    let commands: Vec<Command> = table(COMMANDS_CSV);
    let mut places = vec![0_u8; 10_000].into_boxed_slice();
    for (place, command) in commands.iter().enumerate() {
        if let (Some(number), Ok(place)) = (command_number(&command.cn), u8::try_from(place + 1)) {
            places[number] = place;
        }
    }
    (commands, places)
});

fn command_number(cn: &str) -> Option<usize> {
    let [a, b, c, d] = *<&[u8; 4]>::try_from(cn.as_bytes()).ok()?;
    let digit = |byte: u8| Some(usize::from(byte.wrapping_sub(b'0'))).filter(|digit| *digit <= 9);
    Some(digit(a)? * 1_000 + digit(b)? * 100 + digit(c)? * 10 + digit(d)?)
}

/// The command with this code.
pub fn command(cn: &str) -> Option<&'static Command> {
    let (commands, places) = &*COMMANDS;
    let place = usize::from(places[command_number(cn)?]);
    commands.get(place.checked_sub(1)?)
}

/// All commands, by code.
pub fn commands() -> &'static [Command] {
    &COMMANDS.0
}

/// The factor with exactly this code.
pub fn factor(code: &str) -> Option<&'static Factor> {
    let place = FACTORS
        .binary_search_by(|factor| factor.code.as_str().cmp(code))
        .ok()?;
    FACTORS.get(place)
}

/// All factors, by code.
pub fn factors() -> &'static [Factor] {
    &FACTORS
}

/// The system with this code.
pub fn system(st: &str) -> Option<&'static System> {
    SYSTEMS.iter().find(|system| system.st == st)
}

/// All systems, by code.
pub fn systems() -> &'static [System] {
    &SYSTEMS
}

/// All data marks of both vocabularies.
pub fn marks() -> &'static [Mark] {
    &MARKS
}

/// The 2017 code of a 2005 code in this medium.
pub fn from_2005(medium: Medium, old_code: &str) -> Option<&'static str> {
    let place = OLD_CODES
        .binary_search_by(|entry| (entry.medium, entry.old_code.as_str()).cmp(&(medium, old_code)))
        .ok()?;
    OLD_CODES.get(place).map(|entry| entry.code.as_str())
}

/// The canonical code of a factor as sent: a 2005 code is mapped by medium, a 2017 code in the
/// wrong case is put right; anything else is its own canonical code. `None` says "as sent".
pub(crate) fn canonical(
    code: &str,
    medium: impl FnOnce() -> Option<Medium>,
) -> Option<&'static str> {
    match code.as_bytes() {
        [b'a'..=b'z', rest @ ..] if rest.len() == 5 => None,
        // Old codes have two or three characters, the first a digit or a capital.
        [_, _] | [_, _, _] => from_2005(medium()?, code),
        [b'A'..=b'Z', rest @ ..] if rest.len() == 5 && rest.iter().all(u8::is_ascii_digit) => {
            let mut lower = [0_u8; 6];
            lower.copy_from_slice(code.as_bytes());
            lower.make_ascii_lowercase();
            let lower = std::str::from_utf8(&lower).ok()?;
            factor(lower).map(|factor| factor.code.as_str())
        }
        _ => None,
    }
}

/// Whether a code has the form of 2017: a letter and five digits.
pub(crate) fn has_2017_form(code: &str) -> bool {
    match code.as_bytes() {
        [letter, rest @ ..] => {
            letter.is_ascii_alphabetic() && rest.len() == 5 && rest.iter().all(u8::is_ascii_digit)
        }
        [] => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(text: &str) -> usize {
        text.lines().count() - 1
    }

    #[test]
    fn every_row_of_every_table_parses() {
        assert_eq!(factors().len(), rows(FACTORS_CSV));
        assert_eq!(systems().len(), rows(SYSTEMS_CSV));
        assert_eq!(commands().len(), rows(COMMANDS_CSV));
        assert_eq!(marks().len(), rows(MARKS_CSV));
        assert_eq!(OLD_CODES.len(), rows(OLD_CODES_CSV));
        assert_eq!(factors().len(), 226);
    }

    #[test]
    fn every_entry_is_found() {
        for entry in factors() {
            assert_eq!(factor(&entry.code).unwrap().code, entry.code);
            assert_eq!(
                canonical(&entry.code, || Some(Medium::Water)),
                None,
                "{}",
                entry.code
            );
        }
        for entry in commands() {
            assert_eq!(command(&entry.cn).unwrap().cn, entry.cn);
        }
        for entry in systems() {
            assert_eq!(system(&entry.st).unwrap().st, entry.st);
        }
        for entry in OLD_CODES.iter() {
            assert_eq!(
                from_2005(entry.medium, &entry.old_code),
                Some(entry.code.as_str())
            );
            assert!(factor(&entry.code).is_some(), "{}", entry.code);
        }
    }

    #[test]
    fn old_codes_depend_on_the_medium() {
        assert_eq!(canonical("031", || Some(Medium::Water)), Some("w20124"));
        assert_eq!(canonical("31", || Some(Medium::Air)), Some("a20057"));
        assert_eq!(canonical("011", || Some(Medium::Air)), None);
        assert_eq!(canonical("011", || None), None);
        assert_eq!(canonical("W01018", || None), Some("w01018"));
        assert_eq!(canonical("W99999", || None), None);
        assert_eq!(canonical("LAMPBLACK", || Some(Medium::Air)), None);
    }

    #[test]
    fn commands_know_their_content() {
        assert_eq!(
            command("2061").unwrap().content,
            Content::Readings(Granularity::Hour, Some(3_600))
        );
        assert_eq!(
            command("2111").unwrap().content,
            Content::Readings(Granularity::Minute, Some(300))
        );
        assert_eq!(command("9014").unwrap().content, Content::Interaction);
        for unknown in ["9999", "206", "20611", "", "2O61", "\u{ff12}"] {
            assert!(command(unknown).is_none(), "{unknown}");
        }
    }
}
