//! The audit chain: one row per change, each holding the hash of the one before.
//!
//! A row's hash covers everything in the row (what was read from its files included, in rows since
//! that was recorded there), the hash before it, and the hash of the case as the change left it. So a row
//! that was altered, removed or put in between breaks the chain at that row, and a version of a case that
//! was altered behind the chain's back no longer has the hash its row holds. A row also says, by the form
//! of its hash, whether its version was kept: one that was cannot be taken away unnoticed. What a chain
//! alone cannot show is that its end was cut off together with the cases it described; for that, keep the
//! head that `nonsite review audit` prints.
//!
//! What stands beside the chain is compared with it: versions of cases, acts and the index of files with
//! the rows that brought them, and the index of cases with their newest versions.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::case::sha256_of;
use super::step::Attachment;
use super::store::{Fingerprint, VersionRow};

/// What stands in the place of the hash before the first row.
pub(super) const GENESIS: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// One row of the chain. Instants are microseconds UTC.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// Position, from 1 without gaps.
    pub seq: i64,
    /// The case.
    pub case_id: String,
    /// State before; `None` for the first row of a case.
    pub from_state: Option<String>,
    /// State after.
    pub to_state: String,
    /// Version of the case after the change.
    pub case_version: i64,
    /// What was done.
    pub action: String,
    /// Who.
    pub actor: String,
    /// Their certificate number.
    pub actor_certificate: Option<String>,
    /// In which role.
    pub role: String,
    /// Their body.
    pub org_code: Option<String>,
    /// When it was recorded.
    pub at: i64,
    /// When it took effect: a deadline that passed while the engine was down took effect then.
    pub effective_at: i64,
    /// Reason code or sentence.
    pub reason_code: Option<String>,
    /// Free text.
    pub note: Option<String>,
    /// Fields of the action.
    pub fields: BTreeMap<String, String>,
    /// Files by name and hash.
    pub attachments: Vec<Attachment>,
    /// What the change came through.
    pub client: String,
    /// Version of the rule at that time.
    pub rule_version: i32,
    /// Version of the workflow at that time.
    pub policy_version: String,
    /// SHA-256 of the case after the change, hex.
    pub case_sha256: String,
    /// Hash of the row before.
    pub prev_hash: String,
    /// Hash of this row.
    pub hash: String,
}

/// How the content of a row becomes the text that is hashed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// Files by name and content alone; rows of earlier versions have it.
    First,
    /// What was read from the files as well. The text names the form, so that a row of this form
    /// cannot pass as one of the first.
    Second,
    /// As the second, and the case's version was kept beside the chain.
    Third,
}

impl Event {
    /// The hash the row gets.
    pub(super) fn expected_hash(&self) -> String {
        self.hashed(Form::Third)
    }

    /// The form in which the row's content has the hash it claims; `None` when it has it in none.
    fn form(&self) -> Option<Form> {
        [Form::Third, Form::Second, Form::First]
            .into_iter()
            .find(|form| self.hash == self.hashed(*form))
    }

    /// The hash the row had before what was read from files was part of it.
    #[cfg(test)]
    pub(super) fn first_hash(&self) -> String {
        self.hashed(Form::First)
    }

    /// The hash the row had before versions were kept.
    #[cfg(test)]
    pub(super) fn second_hash(&self) -> String {
        self.hashed(Form::Second)
    }

    fn hashed(&self, form: Form) -> String {
        hex::encode(Sha256::digest(self.canonical(form).as_bytes()))
    }

    /// Whether the columns that repeat a part of the fields agree with them.
    fn agrees_with_itself(&self) -> bool {
        let reason = self.fields.get("reason").map(|reason| reason.trim());
        self.reason_code.as_deref() == reason.filter(|reason| !reason.is_empty())
    }

    /// The row without its hash as JSON with sorted keys and no spaces.
    fn canonical(&self, form: Form) -> String {
        let attachments: Vec<BTreeMap<&str, Value>> = self
            .attachments
            .iter()
            .map(|file| {
                let mut parts =
                    BTreeMap::from([("name", json!(file.name)), ("sha256", json!(file.sha256))]);
                if form != Form::First {
                    parts.insert("facts", json!(file.facts));
                }
                // Rows from before files had kinds name none.
                if let Some(kind) = file.kind {
                    parts.insert("kind", json!(kind));
                }
                parts
            })
            .collect();
        let mut fields: BTreeMap<&str, Value> = BTreeMap::from([
            ("action", json!(self.action)),
            ("actor", json!(self.actor)),
            ("actor_certificate", json!(self.actor_certificate)),
            ("at", json!(self.at)),
            ("attachments", json!(attachments)),
            ("case_id", json!(self.case_id)),
            ("case_sha256", json!(self.case_sha256)),
            ("case_version", json!(self.case_version)),
            ("client", json!(self.client)),
            ("effective_at", json!(self.effective_at)),
            ("fields", json!(self.fields)),
            ("from_state", json!(self.from_state)),
            ("note", json!(self.note)),
            ("org_code", json!(self.org_code)),
            ("policy_version", json!(self.policy_version)),
            ("prev_hash", json!(self.prev_hash)),
            ("reason_code", json!(self.reason_code)),
            ("role", json!(self.role)),
            ("rule_version", json!(self.rule_version)),
            ("seq", json!(self.seq)),
            ("to_state", json!(self.to_state)),
        ]);
        match form {
            Form::First => None,
            Form::Second => fields.insert("form", json!(2)),
            Form::Third => fields.insert("form", json!(3)),
        };
        // Texts and numbers into memory: nothing here can fail to serialise.
        serde_json::to_string(&fields).unwrap_or_default()
    }
}

/// What is wrong with a chain, at the first row that is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "fault", rename_all = "snake_case")]
pub enum ChainFault {
    /// A row is missing.
    Missing {
        /// The position at which another row stands.
        seq: i64,
        /// The position of the row that came instead.
        found: i64,
    },
    /// A row does not hold the hash of the one before it.
    Unlinked {
        /// The row.
        seq: i64,
        /// Its case.
        case_id: String,
    },
    /// A row's content does not have the hash it claims.
    Altered {
        /// The row.
        seq: i64,
        /// Its case.
        case_id: String,
    },
    /// A row says in one place what it does not say in another.
    Contradicts {
        /// The row.
        seq: i64,
        /// Its case.
        case_id: String,
    },
    /// A row, or a case, cannot be read at all.
    Unreadable {
        /// What it is.
        what: String,
        /// Which one.
        id: String,
        /// What is wrong with it.
        problem: String,
    },
    /// An inspection act is not what its audit row says, is gone, or belongs to no row.
    ActAltered {
        /// The row.
        seq: i64,
        /// The act.
        act_id: String,
    },
    /// A version of a case is not what its audit row says, or is gone.
    VersionAltered {
        /// The row.
        seq: i64,
        /// The case.
        case_id: String,
        /// The version.
        version: i64,
    },
    /// The index of files does not say what the audit row says of its files.
    FilesAltered {
        /// The row.
        seq: i64,
        /// Its case, where that is known.
        case_id: String,
    },
    /// The index of cases does not hold what the last row of a case says.
    CaseAltered {
        /// Its last row, 0 when it has none.
        seq: i64,
        /// The case.
        case_id: String,
    },
    /// The chain does not end where the caller knows it did.
    HeadMissing {
        /// The head that was expected.
        expected: String,
    },
}

impl std::fmt::Display for ChainFault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Missing { seq, found } => {
                write!(f, "row {seq} is missing: row {found} stands in its place")
            }
            Self::Unlinked { seq, case_id } => {
                write!(
                    f,
                    "row {seq} (case {case_id}) is not linked to the row before it"
                )
            }
            Self::Altered { seq, case_id } => {
                write!(
                    f,
                    "row {seq} (case {case_id}) was altered: its content has another hash"
                )
            }
            Self::Contradicts { seq, case_id } => {
                write!(
                    f,
                    "row {seq} (case {case_id}) contradicts itself: its reason is not the one among \
                     its fields"
                )
            }
            Self::Unreadable { what, id, problem } => {
                write!(f, "{what} {id} cannot be read: {problem}")
            }
            Self::ActAltered { seq, act_id } => {
                write!(
                    f,
                    "inspection act {act_id} is not what row {seq} says, or one of the two is missing"
                )
            }
            Self::VersionAltered {
                seq,
                case_id,
                version,
            } => {
                write!(
                    f,
                    "version {version} of case {case_id} is not what row {seq} says, or is missing"
                )
            }
            Self::FilesAltered { seq, case_id } => {
                write!(
                    f,
                    "the index of files does not say what row {seq} (case {case_id}) says of its files"
                )
            }
            Self::CaseAltered { seq, case_id } => {
                write!(f, "case {case_id} is not what its last row ({seq}) says")
            }
            Self::HeadMissing { expected } => {
                write!(
                    f,
                    "no row has the hash {expected}: the end of the chain was cut off"
                )
            }
        }
    }
}

/// Walks a chain row by row.
#[derive(Debug)]
pub(super) struct ChainWalk {
    rows: i64,
    head: String,
    /// Every case after its last row so far.
    cases: BTreeMap<String, Last>,
}

/// What the last row of a case says.
#[derive(Debug)]
struct Last {
    seq: i64,
    version: i64,
    sha256: String,
    /// Whether the version is kept.
    kept: bool,
}

impl ChainWalk {
    pub(super) fn new() -> Self {
        Self {
            rows: 0,
            head: GENESIS.to_owned(),
            cases: BTreeMap::new(),
        }
    }

    /// Takes the next row and the version that is kept of it.
    pub(super) fn step(
        &mut self,
        event: &Event,
        kept: Option<&VersionRow>,
    ) -> Result<(), ChainFault> {
        let expected = self.rows + 1;
        if event.seq != expected {
            return Err(ChainFault::Missing {
                seq: expected,
                found: event.seq,
            });
        }
        let (seq, case_id) = (event.seq, event.case_id.clone());
        if event.prev_hash != self.head {
            return Err(ChainFault::Unlinked { seq, case_id });
        }
        let Some(form) = event.form() else {
            return Err(ChainFault::Altered { seq, case_id });
        };
        if !event.agrees_with_itself() {
            return Err(ChainFault::Contradicts { seq, case_id });
        }
        self.check_version(event, form, kept)?;
        self.rows = expected;
        self.head.clone_from(&event.hash);
        self.cases.insert(
            case_id,
            Last {
                seq,
                version: event.case_version,
                sha256: event.case_sha256.clone(),
                kept: kept.is_some(),
            },
        );
        Ok(())
    }

    /// A version that is kept is what its row says. Missing are those from before versions were kept, and
    /// of these not the one a case had then: every later version came out of it.
    fn check_version(
        &self,
        event: &Event,
        form: Form,
        kept: Option<&VersionRow>,
    ) -> Result<(), ChainFault> {
        let altered = |seq, version| ChainFault::VersionAltered {
            seq,
            case_id: event.case_id.clone(),
            version,
        };
        let sound = match kept {
            Some(row) => {
                row.case_id == event.case_id
                    && row.version == event.case_version
                    && row.sha256 == event.case_sha256
                    && sha256_of(&row.document) == row.sha256
            }
            None => form != Form::Third,
        };
        if !sound {
            return Err(altered(event.seq, event.case_version));
        }
        match self.cases.get(&event.case_id) {
            Some(last) if form == Form::Third && !last.kept => Err(altered(last.seq, last.version)),
            _ => Ok(()),
        }
    }

    /// Compares a case in the index with its last row, whose version has to be kept, and what it is
    /// searched by with what it says.
    pub(super) fn case(&mut self, stored: &Fingerprint) -> Result<(), ChainFault> {
        let altered = |seq| ChainFault::CaseAltered {
            seq,
            case_id: stored.case_id.clone(),
        };
        match self.cases.remove(&stored.case_id) {
            Some(last) if !last.kept => Err(ChainFault::VersionAltered {
                seq: last.seq,
                case_id: stored.case_id.clone(),
                version: last.version,
            }),
            Some(last)
                if last.version == stored.version
                    && last.sha256 == stored.sha256
                    && stored.columns_agree =>
            {
                Ok(())
            }
            Some(last) => Err(altered(last.seq)),
            None => Err(altered(0)),
        }
    }

    /// After all cases: rows of a case that is not there.
    pub(super) fn finish(self) -> Result<(i64, String), ChainFault> {
        match self.cases.into_iter().next() {
            Some((case_id, Last { seq, .. })) => Err(ChainFault::CaseAltered { seq, case_id }),
            None => Ok((self.rows, self.head)),
        }
    }
}
