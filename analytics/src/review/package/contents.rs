//! What goes into a package, in its order.

use std::collections::BTreeSet;

use nonsite_schemas::tables as defs;
use serde_json::json;
use sha2::{Digest, Sha256};

use super::super::bundle::{Bundle, served};
use super::super::calendar::{HOUR, beijing_text};
use super::super::case::Case;
use super::super::dossier::finding;
use super::super::error::{Error, FileFault};
use super::super::event::Event;
use super::super::evidence::{CaseFile, Kept};
use super::super::mirror::event_row;
use super::super::service::{Service, Shown};
use super::super::step::Attachment;
use super::tables;
use super::zipped::{Content, Entry};
use crate::session::{self, Session, rows};

/// Readings this long before and after what was judged go along, so that a curve has its surroundings.
const AROUND: i64 = 24 * HOUR;
/// Above this span hourly and daily readings go along, and the finer ones stay in the tables.
const FINE_SPAN: i64 = 62 * 24 * HOUR;

const README: &str = "\
本压缩包由系统生成。核对方法：解压后在目录内执行 sha256sum -c SHA256SUMS
This package can be checked without the program that made it: unpack it and run
    sha256sum -c SHA256SUMS
manifest.json lists every file. documents/ is for print (A4), audit/ holds the case's audit rows,
evidence/ what was handed in and the sealed findings, served/ the documents as they were served, acts/
the inspection records, data/ the rows as CSV and Parquet. Instants are UTC; texts in documents are Beijing time.
";

impl Service {
    pub(super) async fn contents(
        &self,
        bundle: &Bundle,
        shown: &Shown,
        receiver: &str,
        session: &Session,
    ) -> Result<Vec<Entry>, Error> {
        let case = &shown.case;
        let mut entries = vec![bytes("README.txt", README.as_bytes().to_vec())];
        for page in self.print(bundle, shown, Some(receiver)).await? {
            entries.push(bytes(
                &format!("documents/{}", page.name),
                page.html.into_bytes(),
            ));
        }
        entries.push(bytes("case.json", pretty(case)));
        let mut lines = Vec::new();
        for event in &shown.events {
            // Texts and numbers into memory: nothing here can fail to serialise.
            lines.extend(serde_json::to_vec(event).unwrap_or_default());
            lines.push(b'\n');
        }
        entries.push(bytes("audit/events.jsonl", lines));
        for row in self.store.acts_of(&case.case_id).await? {
            let name = format!("acts/{}-v{}.json", row.act_id, row.act_version);
            entries.push(bytes(&name, row.document.into_bytes()));
        }
        let mut absent = Vec::new();
        let files = self.files(&case.case_id).await?;
        for (number, file) in (1..).zip(&files) {
            match kept(self, number, file)? {
                Some(entry) => entries.push(entry),
                None => absent.push(format!(
                    "{} (audit row {}): only its hash was recorded",
                    file.file.name, file.seq
                )),
            }
        }
        for event in &shown.events {
            self.served(event, &mut entries, &mut absent).await?;
        }
        let findings: Vec<&Case> = std::iter::once(case).chain(&shown.merged).collect();
        for part in &findings {
            match finding(part, session).await? {
                Some(row) => entries.push(bytes(
                    &format!("evidence/anomaly-{}.json", part.case_id),
                    pretty(&row),
                )),
                None => absent.push(format!(
                    "finding {}: table `anomalies` has it no more",
                    part.anomaly_id
                )),
            }
        }
        entries.extend(data(shown, &findings, session).await?);
        entries.sort_by(|one, other| one.path.cmp(&other.path));
        sealed(entries, bundle, shown, receiver, &absent)
    }

    /// The pages that a row says were served, as they were.
    async fn served(
        &self,
        event: &Event,
        entries: &mut Vec<Entry>,
        absent: &mut Vec<String>,
    ) -> Result<(), Error> {
        let Some((kind, pages)) = served(event) else {
            return Ok(());
        };
        if pages.is_empty() {
            absent.push(format!(
                "documents `{kind}` (audit row {}): only their hash was recorded",
                event.seq
            ));
        }
        for page in pages {
            let damage = match self.made(&page.sha256).await {
                Kept::Sound => None,
                Kept::Missing | Kept::NotKept => Some("gone"),
                Kept::Altered => Some("altered"),
            };
            if let Some(damage) = damage {
                return Err(damaged(&page.name, event.seq, &page.sha256, damage));
            }
            entries.push(Entry {
                path: format!("served/{}-{}/{}", event.seq, plain(kind), plain(&page.name)),
                content: Content::Kept {
                    path: self.made_path(&page.sha256),
                    sha256: page.sha256,
                },
            });
        }
        Ok(())
    }
}

/// Why a package without this file is not made.
fn damaged(name: &str, seq: i64, sha256: &str, damage: &str) -> Error {
    Error::Bundle(format!(
        "file `{name}` of audit row {seq} is {damage}: put it back (SHA-256 {sha256}), a package is \
         complete or is not made"
    ))
}

/// Puts the manifest and the sums in front.
fn sealed(
    entries: Vec<Entry>,
    bundle: &Bundle,
    shown: &Shown,
    receiver: &str,
    absent: &[String],
) -> Result<Vec<Entry>, Error> {
    let case = &shown.case;
    let mut sums = Vec::new();
    let mut listed = Vec::new();
    for entry in &entries {
        let (sha256, size) = match &entry.content {
            Content::Bytes(bytes) => (hex::encode(Sha256::digest(bytes)), bytes.len() as u64),
            Content::Kept { path, sha256 } => {
                let size = std::fs::metadata(path).map_err(|error| Error::File {
                    path: path.clone(),
                    fault: FileFault::Disk,
                    problem: error.to_string(),
                })?;
                (sha256.clone(), size.len())
            }
        };
        listed.push(json!({"path": entry.path, "bytes": size, "sha256": sha256}));
        sums.push((sha256, entry.path.clone()));
    }
    let last = shown.events.last();
    let manifest = json!({
        "format": "nonsite-package-1",
        "kind": bundle.kind, "name": bundle.zh, "bundle_version": bundle.version,
        "receiver": receiver,
        "case_id": case.case_id, "state": case.state, "case_version": case.version,
        "case_sha256": last.map(|event| event.case_sha256.clone()),
        "unit_name": case.unit_name, "permit_no": case.permit_no, "org_code": case.org_code,
        "as_of": last.map(|event| beijing_text(event.at)),
        "last_audit_row": last.map(|event| json!({"seq": event.seq, "hash": event.hash})),
        "workflow_version": last.map(|event| event.policy_version.clone()),
        "documents_confirmed": bundle.documents.iter().all(|document| document.confirmed),
        "absent": absent,
        "files": listed,
    });
    let manifest = pretty(&manifest);
    sums.insert(
        0,
        (
            hex::encode(Sha256::digest(&manifest)),
            "manifest.json".to_owned(),
        ),
    );
    let sums: String = sums
        .iter()
        .map(|(sha256, path)| format!("{sha256}  {path}\n"))
        .collect();
    let mut all = vec![
        bytes("manifest.json", manifest),
        bytes("SHA256SUMS", sums.into_bytes()),
    ];
    all.extend(entries);
    Ok(all)
}

/// A file that was handed in; nothing when only its hash was recorded.
fn kept(service: &Service, number: usize, file: &CaseFile) -> Result<Option<Entry>, Error> {
    let damage = match file.kept {
        Kept::Sound => None,
        Kept::NotKept => return Ok(None),
        Kept::Missing => Some("gone"),
        Kept::Altered => Some("altered"),
    };
    if let Some(damage) = damage {
        let Attachment { name, sha256, .. } = &file.file;
        return Err(damaged(name, file.seq, sha256, damage));
    }
    Ok(Some(Entry {
        path: format!("evidence/{number:02}-{}", plain(&file.file.name)),
        content: Content::Kept {
            path: service.file_path(&file.file),
            sha256: file.file.sha256.clone(),
        },
    }))
}

/// A name that stays in its folder and on its line, whatever was handed in.
fn plain(name: &str) -> String {
    name.chars()
        .map(|letter| match letter {
            '/' | '\\' | ':' | '*' | '?' | '"' | '<' | '>' | '|' => '_',
            letter if letter.is_control() => '_',
            letter => letter,
        })
        .collect()
}

/// Audit rows, findings and readings.
async fn data(shown: &Shown, findings: &[&Case], session: &Session) -> Result<Vec<Entry>, Error> {
    let def = defs::review_events();
    let audit: Vec<_> = shown.events.iter().map(event_row).collect();
    let audit = rows::batch(&def.schema, &audit)
        .map_err(|error| session::Error::query(def.name)(error.into()))?;
    let mut entries = Vec::from(tables::both("audit_rows", &audit)?);
    let ids = list(findings.iter().map(|case| case.anomaly_id.as_str()));
    let sql = format!(
        "SELECT * FROM anomalies WHERE anomaly_id IN ({ids}) ORDER BY anomaly_id, last_seen_at"
    );
    let found = tables::query(session, "findings of the case", &sql).await?;
    entries.extend(tables::both("findings", &found)?);
    let readings = tables::query(session, "readings of the case", &readings(findings)).await?;
    entries.extend(tables::both("readings", &readings)?);
    Ok(entries)
}

/// The readings that were judged with their surroundings, as received, resends included.
fn readings(findings: &[&Case]) -> String {
    let loggers: BTreeSet<&str> = findings
        .iter()
        .filter_map(|case| case.mn.as_deref())
        .collect();
    let factors: Option<BTreeSet<&str>> =
        findings.iter().map(|case| case.factor.as_deref()).collect();
    let from = findings
        .iter()
        .map(|case| case.window_start)
        .min()
        .unwrap_or(0)
        - AROUND;
    let to = findings
        .iter()
        .map(|case| case.window_end)
        .max()
        .unwrap_or(0)
        + AROUND;
    let mut conditions = vec![
        match loggers.is_empty() {
            true => "FALSE".to_owned(),
            false => format!("mn IN ({})", list(loggers.iter().copied())),
        },
        format!("data_time >= to_timestamp_micros({from})"),
        format!("data_time < to_timestamp_micros({to})"),
    ];
    // A finding without a factor is about all of them.
    if let Some(factors) = factors {
        conditions.push(format!("factor IN ({})", list(factors.iter().copied())));
    }
    if to - from > FINE_SPAN {
        conditions.push("granularity IN ('hour', 'day')".to_owned());
    }
    format!(
        "SELECT * FROM readings_raw WHERE {} \
         ORDER BY mn, factor, granularity, data_time, received_at, kafka_topic, kafka_partition, \
                  kafka_offset",
        conditions.join(" AND ")
    )
}

fn list<'a>(texts: impl Iterator<Item = &'a str>) -> String {
    let quoted: Vec<String> = texts
        .map(|text| format!("'{}'", text.replace('\'', "''")))
        .collect();
    quoted.join(", ")
}

fn bytes(path: &str, bytes: Vec<u8>) -> Entry {
    Entry {
        path: path.to_owned(),
        content: Content::Bytes(bytes),
    }
}

fn pretty(value: &impl serde::Serialize) -> Vec<u8> {
    // Texts, numbers and sets into memory: nothing here can fail to serialise.
    let mut text = serde_json::to_vec_pretty(value).unwrap_or_default();
    text.push(b'\n');
    text
}
