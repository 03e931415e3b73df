//! One version of one inspection act, as the ratio sees it.
//!
//! Only what decides about counting is kept; the whole document stays in table `inspections`.

use nonsite_schemas::time::beijing_day;
use serde::{Deserialize, Serialize};

/// How the inspection was carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Without entering the premises (非现场).
    Offsite,
    /// Officers entered the premises (现场).
    Onsite,
}

impl Mode {
    /// Reads the code used in documents and tables.
    pub fn from_code(code: &str) -> Option<Self> {
        match code {
            "offsite" => Some(Self::Offsite),
            "onsite" => Some(Self::Onsite),
            _ => None,
        }
    }

    /// The mode as it is written in documents and tables.
    pub fn code(self) -> &'static str {
        match self {
            Self::Offsite => "offsite",
            Self::Onsite => "onsite",
        }
    }
}

/// Administrative level of the body that carried the act out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OrgLevel {
    /// A team of the ministry.
    Ministry,
    /// A team of the province.
    Province,
    /// The city's detachment (支队).
    City,
    /// A county brigade (大队).
    County,
    /// A sub-bureau (分局).
    #[serde(rename = "sub_bureau")]
    SubBureau,
}

impl OrgLevel {
    /// Reads the code used in documents and tables.
    pub fn from_code(code: &str) -> Option<Self> {
        Some(match code {
            "ministry" => Self::Ministry,
            "province" => Self::Province,
            "city" => Self::City,
            "county" => Self::County,
            "sub_bureau" => Self::SubBureau,
            _ => return None,
        })
    }

    /// Whether the level is above the city whose ratio is computed.
    pub fn is_higher(self) -> bool {
        matches!(self, Self::Ministry | Self::Province)
    }
}

/// One received version of an inspection act. Instants are microseconds UTC.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Act {
    /// Identity of the act's record; versions of one record share it.
    pub act_id: String,
    /// Version number inside `act_id`; the highest visible one counts.
    pub act_version: i64,
    /// The approved task the act belongs to, if the record names one.
    pub task_id: Option<String>,
    /// The pollutant unit at its site (unified social credit code and site).
    pub unit_id: String,
    /// The unit's name, for people.
    pub unit_name: String,
    /// Off-site or on-site.
    pub mode: Mode,
    /// Method code, such as `auto_monitor`, `power`, `video` or `uav`.
    pub method: String,
    /// Class code of the inspection: `daily`, `special` or `case`.
    pub class: String,
    /// Status code of the record; `closed` is finished, `withdrawn` is void.
    pub status: String,
    /// Body that carried the act out.
    pub org_code: String,
    /// Level of `org_code`.
    pub org_level: OrgLevel,
    /// Body that gave the task, if it is another one.
    pub dispatching_org: Option<String>,
    /// Body in whose territory the unit lies, if it is another one.
    pub territorial_org: Option<String>,
    /// Leading body of a joint inspection; `None` when one body acted alone.
    pub lead_org: Option<String>,
    /// The officers' team, if the record names one.
    pub team_id: Option<String>,
    /// Ids of the officers.
    pub officers: Vec<String>,
    /// The record's own statement that it may enter the ratio.
    pub counts_for_ratio: bool,
    /// Why the record says it may not, if it does.
    pub not_counted_reason: Option<String>,
    /// When the record was signed; `None` while it is open.
    pub completed_at: Option<i64>,
    /// Approval of this act, when it has one of its own.
    pub approval_id: Option<String>,
    /// The on-site act this off-site act turned into.
    pub escalated_to: Option<String>,
    /// The off-site act this on-site act grew out of.
    pub escalated_from: Option<String>,
    /// The act this one was merged into by the inspection system.
    pub collapsed_into: Option<String>,
    /// The act is a review of rectification (整改审核 or its on-site re-check).
    pub rectification_review: bool,
    /// The unit was on the positive list at that time.
    pub positive_list: bool,
    /// Fields in which the document breaks its schema, empty when it is sound.
    pub document_faults: Vec<String>,
    /// What the record lacks of the minimum that an act must show to be counted.
    pub missing_evidence: Vec<String>,
    /// Which questions of the permit checklist it names are open. Left out of the text when there are
    /// none: the digest of acts without a checklist is what it was before this was looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub open_items: Option<String>,
    /// Reason given for an edit after the year was frozen.
    pub edit_reason: Option<String>,
    /// Second person who signed an edit after the year was frozen.
    pub edit_second_person: Option<String>,
    /// When this version was recorded in the inspection system.
    pub recorded_at: i64,
    /// When this version arrived here.
    pub received_at: i64,
    /// Kafka partition and offset of this version: evidence, and the last resort of its ordering.
    pub origin: (i32, i64),
}

impl Act {
    /// The Beijing day the act was completed on (days since 1970-01-01).
    pub fn completed_day(&self) -> Option<i32> {
        self.completed_at.map(beijing_day)
    }

    /// The team, else its officers as one text that does not depend on how they were listed.
    pub(super) fn team(&self) -> String {
        if let Some(team) = self.team_id.as_deref().filter(|team| !team.is_empty()) {
            return team.to_owned();
        }
        let mut officers: Vec<&str> = self.officers.iter().map(String::as_str).collect();
        officers.sort_unstable();
        officers.dedup();
        officers.join(",")
    }

    /// The task that is actually named: an empty text is no task.
    pub(super) fn task(&self) -> Option<&str> {
        self.task_id.as_deref().filter(|task| !task.is_empty())
    }

    /// What it lacks of the minimum, from the record itself and from the checklist it names.
    pub(super) fn lacks(&self) -> Vec<&str> {
        let record = self.missing_evidence.iter();
        record.chain(&self.open_items).map(String::as_str).collect()
    }

    /// The act and where its row came from, as text: what is known about a row is kept under it.
    pub(super) fn origin_key(&self) -> String {
        format!("{}@{}/{}", self.act_id, self.origin.0, self.origin.1)
    }

    pub(super) fn is_withdrawn(&self) -> bool {
        self.status == "withdrawn"
    }

    pub(super) fn is_closed(&self) -> bool {
        self.status == "closed"
    }
}
