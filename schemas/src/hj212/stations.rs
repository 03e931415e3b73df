//! What is known about single stations, from a TOML file.
//!
//! ```toml
//! [default]                       # holds for every station that says nothing else
//! crc = ["hj212"]
//!
//! [stations.88888880000001]
//! crc = ["hj212", "modbus"]       # also: "modbus_swapped", "none" (do not check)
//! sm4_key = "0123456789ABCDEF"    # 16 characters or 32 hexadecimal digits; or a list, newest first
//! edition = 2005                  # 2005, 2017 or 2025, when the packets do not tell
//! medium = "water"                # water or air, when ST does not tell
//! commands = { "2082" = "hour" }  # private commands: realtime, minute, hour, day or state
//! ```
//!
//! With no file at all only the CRC of HJ 212 is accepted and nothing can be decrypted. Keys are
//! secrets: they are never part of a `Debug` text or an error message.

use std::collections::HashMap;

use serde::Deserialize;

use super::cipher::Sm4Key;
use super::crc::CrcDialect;
use super::reference::{Content, Medium, command};
use super::types::Granularity;

/// What the reader has to know about one station.
#[derive(Debug, Clone)]
pub struct Station {
    crc: u8,
    /// Keys to try, newest first.
    pub keys: Vec<Sm4Key>,
    /// Edition to assume, whatever the packets say.
    pub edition: Option<i16>,
    /// Medium to assume for 2005 factor codes, whatever ST says.
    pub medium: Option<Medium>,
    commands: Vec<(String, Content)>,
}

impl Default for Station {
    fn default() -> Self {
        Self {
            crc: bit(CrcDialect::Hj212),
            keys: Vec::new(),
            edition: None,
            medium: None,
            commands: Vec::new(),
        }
    }
}

const fn bit(dialect: CrcDialect) -> u8 {
    1 << dialect as u8
}

impl Station {
    /// Whether packets with this CRC are accepted. [`CrcDialect::None`] allowed means that the CRC
    /// is not looked at.
    pub const fn allows(&self, dialect: CrcDialect) -> bool {
        self.crc & (bit(dialect) | bit(CrcDialect::None)) != 0
    }

    /// What the content of a command is for this station; `None` for an unknown command.
    pub fn content(&self, cn: &str) -> Option<Content> {
        if !self.commands.is_empty()
            && let Some((_, content)) = self.commands.iter().find(|(private, _)| private == cn)
        {
            return Some(*content);
        }
        command(cn).map(|command| command.content)
    }
}

/// Per-station settings; cheap to share behind an `Arc`.
#[derive(Debug, Clone, Default)]
pub struct Stations {
    default: Station,
    stations: HashMap<String, Station>,
}

/// A stations file that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StationsError {
    /// Not TOML, or a key or type that does not belong.
    #[error("stations file: {0}; see the form in the documentation of `stations.toml`")]
    Syntax(String),
    /// A value that is not possible.
    #[error("stations file, `{place}`: {fault}")]
    Value {
        /// Table and key.
        place: String,
        /// What is wrong and what is possible.
        fault: String,
    },
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct File {
    default: Entry,
    stations: HashMap<String, Entry>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct Entry {
    crc: Option<Vec<CrcDialect>>,
    sm4_key: Option<Keys>,
    edition: Option<i16>,
    medium: Option<Medium>,
    commands: HashMap<String, String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Keys {
    One(String),
    Several(Vec<String>),
}

impl Stations {
    /// Reads a stations file.
    ///
    /// # Errors
    ///
    /// Names the table and key that is wrong; never shows a key's value.
    pub fn from_toml(text: &str) -> Result<Self, StationsError> {
        // The message alone, without the excerpt: the line may hold a key.
        let file: File = toml::from_str(text).map_err(|error| {
            let line = error
                .span()
                .map_or(0, |span| text[..span.start.min(text.len())].lines().count());
            StationsError::Syntax(format!("line {line}: {}", error.message()))
        })?;
        let default = station(file.default, &Station::default(), "default")?;
        let stations = file
            .stations
            .into_iter()
            .map(|(mn, entry)| {
                let station = station(entry, &default, &format!("stations.{mn}"))?;
                Ok((mn, station))
            })
            .collect::<Result<_, _>>()?;
        Ok(Self { default, stations })
    }

    /// What is known about a station.
    #[inline]
    pub fn get(&self, mn: &str) -> &Station {
        if self.stations.is_empty() {
            return &self.default;
        }
        self.stations.get(mn).unwrap_or(&self.default)
    }

    /// The same with one more key to try for every station; for checking single packets.
    #[must_use]
    pub fn with_key(mut self, key: &Sm4Key) -> Self {
        self.default.keys.push(key.clone());
        for station in self.stations.values_mut() {
            station.keys.push(key.clone());
        }
        self
    }
}

/// A station from its entry; what the entry does not say is as in `base`.
fn station(entry: Entry, base: &Station, place: &str) -> Result<Station, StationsError> {
    let wrong = |key: &str, fault: &str| StationsError::Value {
        place: format!("{place}.{key}"),
        fault: fault.to_owned(),
    };
    let mut station = base.clone();
    if let Some(dialects) = entry.crc {
        station.crc = dialects
            .into_iter()
            .fold(0, |set, dialect| set | bit(dialect));
        if station.crc == 0 {
            return Err(wrong(
                "crc",
                "the list is empty; leave it out or name at least `hj212`",
            ));
        }
    }
    if let Some(keys) = entry.sm4_key {
        let texts = match keys {
            Keys::One(text) => vec![text],
            Keys::Several(texts) => texts,
        };
        station.keys = texts
            .iter()
            .map(|text| Sm4Key::from_text(text))
            .collect::<Option<_>>()
            .ok_or_else(|| {
                wrong(
                    "sm4_key",
                    "a key has 16 characters or 32 hexadecimal digits",
                )
            })?;
    }
    if let Some(edition) = entry.edition {
        if !matches!(edition, 2005 | 2017 | 2025) {
            return Err(wrong("edition", "the editions are 2005, 2017 and 2025"));
        }
        station.edition = Some(edition);
    }
    station.medium = entry.medium.or(station.medium);
    for (cn, content) in entry.commands {
        if cn.len() != 4 || !cn.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(wrong("commands", "a command code has four digits"));
        }
        let content = match content.as_str() {
            "state" => Content::State,
            text => {
                let granularity = Granularity::from_text(text).ok_or_else(|| {
                    wrong(
                        "commands",
                        "the content is realtime, minute, hour, day or state",
                    )
                })?;
                Content::Readings(granularity, granularity.period_s())
            }
        };
        station.commands.retain(|(known, _)| *known != cn);
        station.commands.push((cn, content));
    }
    Ok(station)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documented_file_is_read() {
        let stations = Stations::from_toml(
            r#"
            [default]
            crc = ["hj212"]
            medium = "air"

            [stations.88888880000001]
            crc = ["hj212", "modbus"]
            sm4_key = ["0123456789ABCDEF", "0123456789abcdeffedcba9876543210"]
            edition = 2005
            commands = { "2082" = "hour" }
            "#,
        )
        .unwrap();
        let station = stations.get("88888880000001");
        assert!(station.allows(CrcDialect::Hj212) && station.allows(CrcDialect::Modbus));
        assert!(!station.allows(CrcDialect::ModbusSwapped) && !station.allows(CrcDialect::None));
        assert_eq!((station.keys.len(), station.edition), (2, Some(2005)));
        assert_eq!(station.medium, Some(Medium::Air));
        assert_eq!(
            station.content("2082"),
            Some(Content::Readings(Granularity::Hour, Some(3_600)))
        );
        let other = stations.get("other");
        assert!(other.keys.is_empty() && !other.allows(CrcDialect::Modbus));
        assert_eq!(other.content("2082"), None);
        assert!(
            !format!("{stations:?}").contains("0123456789"),
            "a key is shown"
        );
    }

    #[test]
    fn unchecked_crc_allows_everything() {
        let stations = Stations::from_toml("[default]\ncrc = [\"none\"]").unwrap();
        for dialect in [CrcDialect::Hj212, CrcDialect::Modbus, CrcDialect::None] {
            assert!(stations.get("x").allows(dialect));
        }
    }

    #[test]
    fn wrong_files_are_refused_without_showing_keys() {
        for (text, place) in [
            ("[default]\ncrc = []", "default.crc"),
            ("[default]\ncrc = [\"crc32\"]", "line 2"),
            (
                "[stations.1]\nsm4_key = \"topsecret\"",
                "stations.1.sm4_key",
            ),
            ("[stations.1]\nsm4_key = topsecret", "line 2"),
            ("[stations.1]\nedition = 2018", "stations.1.edition"),
            ("[stations.1]\nkey = \"topsecret\"", "key"),
            (
                "[stations.1]\ncommands = { \"20\" = \"hour\" }",
                "stations.1.commands",
            ),
        ] {
            let message = Stations::from_toml(text).unwrap_err().to_string();
            assert!(message.contains(place), "{text}: {message}");
            assert!(!message.contains("topsecret"), "{message}");
        }
    }
}
