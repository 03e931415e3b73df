//! The proof that nothing was changed, removed or put in between.

use std::collections::BTreeMap;

use serde::Serialize;
use sha2::{Digest, Sha256};

use super::error::Error;
use super::event::{ChainFault, ChainWalk, Event, GENESIS};
use super::service::Service;
use super::store::{ActRow, FileRow, Store, StoreError, VersionRow};

/// Rows of the audit chain read at once.
const AUDIT_PAGE: u32 = 1_000;

/// Result of an audit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AuditReport {
    /// Rows in the chain up to the first fault.
    pub rows: i64,
    /// Cases checked.
    pub cases: usize,
    /// Hash of the last sound row; keep it to notice that the end was cut off.
    pub head: String,
    /// The first fault, if there is one.
    pub fault: Option<ChainFault>,
}

impl Service {
    /// Walks the whole audit chain, compares every version of a case, every act and every indexed file with
    /// its row, and the index of cases with their last rows. `expected_head` is a hash that was kept from an
    /// earlier audit.
    ///
    /// # Errors
    /// [`Error::OutOfScope`] for a caller who sees a part of the queue; [`Error::Store`]. A broken
    /// chain is part of the report, not an error.
    pub async fn audit(&self, expected_head: Option<&str>) -> Result<AuditReport, Error> {
        if !self.caller.scope.is_everything() {
            return Err(Error::OutOfScope("the audit chain"));
        }
        let mut report = AuditReport {
            rows: 0,
            cases: 0,
            head: GENESIS.to_owned(),
            fault: None,
        };
        match self.walk(expected_head, &mut report).await {
            Ok(()) => {}
            Err(Broken::At(fault)) => report.fault = Some(fault),
            Err(Broken::Off(Error::Store(StoreError::Row {
                what, id, problem, ..
            }))) => {
                let what = what.to_owned();
                report.fault = Some(ChainFault::Unreadable { what, id, problem });
            }
            Err(Broken::Off(error)) => return Err(error),
        }
        Ok(report)
    }

    /// Writes the index of cases anew from the versions that are kept; how many cases it holds. For an index
    /// that an audit found altered: what it says is worked out from the versions, and lists and searches
    /// read nothing else.
    ///
    /// # Errors
    /// [`Error::OutOfScope`] for a caller who sees a part of the queue; [`Error::Store`], then nothing was
    /// changed.
    pub async fn rebuild_index(&self) -> Result<u64, Error> {
        if !self.caller.scope.is_everything() {
            return Err(Error::OutOfScope("the index of cases"));
        }
        let mut tx = self.store.begin().await?;
        let cases = tx.rebuild_index().await?;
        tx.commit().await?;
        Ok(cases)
    }

    /// The audit itself, up to the first fault.
    async fn walk(&self, expected: Option<&str>, report: &mut AuditReport) -> Result<(), Broken> {
        // Nobody writes between the head and the cases; rows appended later are beyond `end`.
        let mut tx = self.store.begin().await?;
        let end = tx.head().await?.map_or(0, |(seq, _)| seq);
        let cases = self.store.fingerprints().await?;
        let beyond = Beside::load(self.store.as_ref(), end, i64::MAX).await?;
        drop(tx);
        report.cases = cases.len();
        let mut walk = ChainWalk::new();
        let mut head_seen = expected.is_none_or(|expected| expected == GENESIS);
        // What claims to belong to a row before the first one belongs to none.
        let mut beside = Beside::load(self.store.as_ref(), i64::MIN, 0).await?;
        beside.nothing_left()?;
        while report.rows < end {
            let mut page = self.store.events(report.rows, AUDIT_PAGE).await?;
            page.retain(|event| event.seq <= end);
            let Some(last) = page.last().map(|event| event.seq) else {
                let seq = report.rows + 1;
                return Err(Broken::At(ChainFault::Missing { seq, found: end }));
            };
            beside = Beside::load(self.store.as_ref(), report.rows, last).await?;
            for event in &page {
                walk.step(event, beside.versions.remove(&event.seq).as_ref())?;
                beside.of(event)?;
                report.rows = event.seq;
                report.head.clone_from(&event.hash);
                head_seen |= expected == Some(event.hash.as_str());
            }
            beside.nothing_left()?;
        }
        beyond.nothing_left()?;
        for stored in &cases {
            walk.case(stored)?;
        }
        walk.finish()?;
        match expected {
            Some(expected) if !head_seen => Err(Broken::At(ChainFault::HeadMissing {
                expected: expected.to_owned(),
            })),
            _ => Ok(()),
        }
    }
}

/// Why an audit went no further.
enum Broken {
    /// It found what it looks for.
    At(ChainFault),
    /// It could not be done.
    Off(Error),
}

impl From<ChainFault> for Broken {
    fn from(fault: ChainFault) -> Self {
        Self::At(fault)
    }
}

impl From<StoreError> for Broken {
    fn from(error: StoreError) -> Self {
        Self::Off(error.into())
    }
}

/// What stands beside the chain: the versions, acts and files that rows brought.
struct Beside {
    /// By row; a row brings one.
    versions: BTreeMap<i64, VersionRow>,
    acts: Vec<ActRow>,
    files: Vec<FileRow>,
}

impl Beside {
    /// Of the rows after `after` up to `until`.
    async fn load(store: &dyn Store, after: i64, until: i64) -> Result<Self, StoreError> {
        let versions = store.versions_between(after, until).await?;
        Ok(Self {
            versions: versions.into_iter().map(|row| (row.seq, row)).collect(),
            acts: store.acts_between(after, until).await?,
            files: store.files_between(after, until).await?,
        })
    }

    /// Takes out what belongs to a row and compares it with what the row says.
    fn of(&mut self, event: &Event) -> Result<(), ChainFault> {
        self.acts_of(event)?;
        let found: Vec<FileRow> = self
            .files
            .extract_if(.., |file| file.seq == event.seq)
            .collect();
        let said = (0_i64..).zip(&event.attachments);
        let said = said.filter_map(|(position, file)| {
            let facts = file.facts.as_ref()?;
            Some(FileRow {
                seq: event.seq,
                position,
                case_id: event.case_id.clone(),
                name: file.name.clone(),
                sha256: file.sha256.clone(),
                picture: facts.picture.clone(),
                kind: file.kind.map(|kind| kind.code().to_owned()),
                at: event.at,
            })
        });
        match said.eq(found) {
            true => Ok(()),
            false => Err(ChainFault::FilesAltered {
                seq: event.seq,
                case_id: event.case_id.clone(),
            }),
        }
    }

    fn acts_of(&mut self, event: &Event) -> Result<(), ChainFault> {
        let found: Vec<ActRow> = self
            .acts
            .extract_if(.., |act| act.seq == event.seq)
            .collect();
        let altered = |act_id: &str| ChainFault::ActAltered {
            seq: event.seq,
            act_id: act_id.to_owned(),
        };
        let said = [
            ("act", "act_sha256"),
            ("corrected_act", "corrected_act_sha256"),
        ];
        let said: Vec<(&String, &String)> = said
            .iter()
            .filter_map(|(id, hash)| Some((event.fields.get(*id)?, event.fields.get(*hash)?)))
            .collect();
        for act in &found {
            let document = hex::encode(Sha256::digest(act.document.as_bytes()));
            let named = said.contains(&(&act.act_id, &act.sha256));
            let version = act.act().act_version;
            let sound = named
                && document == act.sha256
                && act.act().act_id == act.act_id
                && version == act.act_version
                && (&act.case_id, act.at) == (&event.case_id, event.at);
            if !sound {
                return Err(altered(&act.act_id));
            }
        }
        match said
            .iter()
            .find(|(id, _)| !found.iter().any(|act| act.act_id == **id))
        {
            Some((id, _)) => Err(altered(id)),
            None => Ok(()),
        }
    }

    /// What is left belongs to no row.
    fn nothing_left(&self) -> Result<(), ChainFault> {
        if let Some(row) = self.versions.values().next() {
            return Err(ChainFault::VersionAltered {
                seq: row.seq,
                case_id: row.case_id.clone(),
                version: row.version,
            });
        }
        if let Some(act) = self.acts.first() {
            return Err(ChainFault::ActAltered {
                seq: act.seq,
                act_id: act.act_id.clone(),
            });
        }
        match self.files.first() {
            Some(file) => Err(ChainFault::FilesAltered {
                seq: file.seq,
                case_id: file.case_id.clone(),
            }),
            None => Ok(()),
        }
    }
}
