//! `[review]` of the configuration.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use chrono::NaiveDate;
use nonsite_schemas::wire::inspection::OrgLevel;
use serde::{Deserialize, Serialize};

use super::calendar::Calendar;
use super::case::Case;
use super::error::Error;
use super::investigation::MOST_DAYS;
use super::machine::Machine;
use super::parts::UnitKind;

/// An enforcement body, as its acts name it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Body {
    /// Name.
    pub name: Option<String>,
    /// Level: sub_bureau, county, city, province or ministry.
    pub level: Option<OrgLevel>,
}

/// Settings of the review queue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// The queue: a SQLite file (its folder is created), or `postgres://user@host:port/database`
    /// with the password in `PGPASSWORD` or `~/.pgpass`. Default `data/review.sqlite`.
    pub database: PathBuf,
    /// Folder of the files handed in as evidence, by content. Default `data/evidence`.
    pub evidence_dir: PathBuf,
    /// Largest file that is taken, MiB; 1 to 4096, default 200.
    pub evidence_max_mb: u32,
    /// File of public holidays and make-up days, see `docs/review.md`.
    pub calendar: Option<PathBuf>,
    /// File of deadlines that are longer or shorter than the workflow's own, see `docs/review.md`.
    pub deadlines: Option<PathBuf>,
    /// Further weekdays off (public holidays), `YYYY-MM-DD`.
    pub holidays: BTreeSet<NaiveDate>,
    /// Weekend days worked instead (调休), `YYYY-MM-DD`.
    pub workdays: BTreeSet<NaiveDate>,
    /// How long a claim holds without being used, hours; 1 to 720, default 8.
    pub claim_hours: u32,
    /// How long to wait for another process that is writing, seconds; 1 to 300, default 30.
    pub busy_timeout_s: u32,
    /// How often passed deadlines are applied, seconds; 1 to 3600, default 60.
    pub tick_interval_s: u32,
    /// Permits of key units: 4 h to answer.
    pub key_units: BTreeSet<String>,
    /// Permits of waste incineration plants: 6 h to answer.
    pub incineration_units: BTreeSet<String>,
    /// Owner of each rule, who may not dismiss its findings.
    pub rule_owners: BTreeMap<String, String>,
    /// Certificate numbers of officers by their id, for the acts they are named in.
    pub officers: BTreeMap<String, String>,
    /// Enforcement bodies by their code.
    pub bodies: BTreeMap<String, Body>,
    /// Level of bodies that `bodies` does not name. Default `sub_bureau`.
    pub body_level: OrgLevel,
    /// File of document bundles, see `docs/review.md`; the built-in placeholders when left out.
    pub bundles: Option<PathBuf>,
    /// How far back cases and acts of the same outlet are pointed out where a clue is decided on, days;
    /// 1 to 366, default 30.
    pub checked_days: u32,
    /// Within how many days on-site investigations of the same furnace of a waste incineration plant merge
    /// into one, calendar days in Beijing with the first one included; 0 (never) to 5 (the default and the
    /// most that Order 10 of 2019 allows).
    pub onsite_merge_days: u32,
    /// Kafka topic by which the acts of the workflow reach table `inspections`; empty (the default)
    /// writes them there directly.
    pub acts_topic: String,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            database: PathBuf::from("data/review.sqlite"),
            evidence_dir: PathBuf::from("data/evidence"),
            evidence_max_mb: 200,
            calendar: None,
            deadlines: None,
            holidays: BTreeSet::new(),
            workdays: BTreeSet::new(),
            claim_hours: 8,
            busy_timeout_s: 30,
            tick_interval_s: 60,
            key_units: BTreeSet::new(),
            incineration_units: BTreeSet::new(),
            rule_owners: BTreeMap::new(),
            officers: BTreeMap::new(),
            bodies: BTreeMap::new(),
            body_level: OrgLevel::SubBureau,
            bundles: None,
            checked_days: 30,
            onsite_merge_days: MOST_DAYS,
            acts_topic: String::new(),
        }
    }
}

impl Config {
    /// Checks ranges and contradictions.
    ///
    /// # Errors
    /// [`Error::Config`], naming the key.
    pub fn validate(&self) -> Result<(), Error> {
        let fault = |key, problem: String| Err(Error::Config { key, problem });
        if self.database.as_os_str().is_empty() {
            return fault(
                "database",
                "empty: give the path of the queue's file or postgres://user@host/database"
                    .to_owned(),
            );
        }
        if let Some(address) = self.postgres() {
            match url::Url::parse(address) {
                // The address stands in messages and configuration files.
                Ok(parsed) if parsed.password().is_some() => {
                    return fault(
                        "database",
                        "a password in the address: put it into PGPASSWORD or ~/.pgpass".to_owned(),
                    );
                }
                Ok(_) => {}
                Err(error) => return fault("database", format!("`{address}`: {error}")),
            }
        }
        if self.evidence_dir.as_os_str().is_empty() {
            return fault("evidence_dir", "empty: give a folder".to_owned());
        }
        if !(1..=4_096).contains(&self.evidence_max_mb) {
            return fault(
                "evidence_max_mb",
                format!("{} is out of range: 1 to 4096", self.evidence_max_mb),
            );
        }
        if !(1..=720).contains(&self.claim_hours) {
            return fault(
                "claim_hours",
                format!("{} is out of range: 1 to 720", self.claim_hours),
            );
        }
        if !(1..=300).contains(&self.busy_timeout_s) {
            return fault(
                "busy_timeout_s",
                format!("{} is out of range: 1 to 300", self.busy_timeout_s),
            );
        }
        if !(1..=3_600).contains(&self.tick_interval_s) {
            return fault(
                "tick_interval_s",
                format!("{} is out of range: 1 to 3600", self.tick_interval_s),
            );
        }
        if !(1..=366).contains(&self.checked_days) {
            return fault(
                "checked_days",
                format!("{} is out of range: 1 to 366", self.checked_days),
            );
        }
        if self.onsite_merge_days > MOST_DAYS {
            return fault(
                "onsite_merge_days",
                format!(
                    "{} is out of range: 0 to {MOST_DAYS}, the days within which Order 10 of 2019 merges \
                     on-site investigations of a furnace",
                    self.onsite_merge_days
                ),
            );
        }
        if let Some(day) = self.holidays.intersection(&self.workdays).next() {
            return fault("workdays", format!("{day} is a holiday as well"));
        }
        if let Some(permit) = self.key_units.intersection(&self.incineration_units).next() {
            return fault(
                "key_units",
                format!("{permit} is in incineration_units as well"),
            );
        }
        Ok(())
    }

    /// The address, when the queue is kept in PostgreSQL.
    pub(super) fn postgres(&self) -> Option<&str> {
        self.database
            .to_str()
            .filter(|text| text.starts_with("postgres://") || text.starts_with("postgresql://"))
    }

    /// The settings with the days of the calendar file among its own.
    ///
    /// # Errors
    /// [`Error::Config`], naming the file and the day.
    pub(super) fn with_calendar_file(&self) -> Result<Self, Error> {
        let mut all = self.clone();
        if let Some(path) = &self.calendar {
            let file = super::calendar_file::load(path).map_err(|problem| Error::Config {
                key: "calendar",
                problem,
            })?;
            all.holidays.extend(file.holidays);
            all.workdays.extend(file.workdays);
        }
        Ok(all)
    }

    /// The workflow with the lengths of the file of deadlines.
    ///
    /// # Errors
    /// [`Error::Config`], naming the file, the line and what is wrong there.
    pub fn machine(&self) -> Result<Machine, Error> {
        match &self.deadlines {
            None => Ok(Machine::built_in().clone()),
            Some(path) => super::deadline_file::load(path).map_err(|problem| Error::Config {
                key: "deadlines",
                problem,
            }),
        }
    }

    /// The calendar of the deadlines.
    pub fn calendar(&self) -> Calendar {
        Calendar {
            holidays: self.holidays.clone(),
            workdays: self.workdays.clone(),
        }
    }

    pub(super) fn unit_kind(&self, permit_no: Option<&str>) -> UnitKind {
        match permit_no {
            Some(permit) if self.incineration_units.contains(permit) => UnitKind::Incineration,
            Some(permit) if self.key_units.contains(permit) => UnitKind::Key,
            _ => UnitKind::General,
        }
    }

    pub(super) fn claim_until(&self, now: i64) -> i64 {
        now + i64::from(self.claim_hours) * super::calendar::HOUR
    }
}

/// Kept together with the settings because both decide how a case is handled.
pub(super) fn classify(case: &mut Case, config: &Config) {
    case.unit_kind = config.unit_kind(case.permit_no.as_deref());
}
