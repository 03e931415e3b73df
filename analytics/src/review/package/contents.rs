//! What goes into a package, in its order.

use serde_json::json;
use sha2::{Digest, Sha256};

use super::super::bundle::{Bundle, served};
use super::super::calendar::beijing_text;
use super::super::case::Case;
use super::super::dossier::{finding, told};
use super::super::error::{Error, FileFault};
use super::super::event::Event;
use super::super::evidence::{CaseFile, Kept};
use super::super::service::{Service, Shown};
use super::super::step::Attachment;
use super::data::{self, Data};
use super::zipped::{Content, Entry};
use crate::detect::evidence::seal;
use crate::session::Session;

const README: &str = "\
本压缩包由系统生成。核对方法：解压后在目录内执行 sha256sum -c SHA256SUMS
This package can be checked without the program that made it: unpack it and run
    sha256sum -c SHA256SUMS
manifest.json lists every file. documents/ is for print (A4), audit/ holds the case's audit rows,
evidence/ what was handed in and the findings (`-sealed.json`: the evidence byte for byte, whose SHA-256
is the finding's evidence_sha256), served/ the documents as they were served, acts/
the inspection records, data/ the rows as CSV and Parquet: audit rows, findings, readings, marks and
maintenance tickets in every version, limits of the loggers (in the unit of their values) and of the permit,
versions of the permit in force, power and process values. Instants in data/ are UTC; texts in documents and
in the manifest are Beijing time.
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
                Some(anomaly) => {
                    seal::opened(&anomaly.evidence, &anomaly.evidence_sha256).map_err(
                        |faults| {
                            Error::Bundle(format!(
                                "finding {}: {}; a package is complete or is not made",
                                anomaly.anomaly_id,
                                faults.join("; ")
                            ))
                        },
                    )?;
                    let name = format!("evidence/anomaly-{}", part.case_id);
                    entries.push(bytes(&format!("{name}.json"), pretty(&told(&anomaly))));
                    // The very bytes: printed as an object they have another SHA-256.
                    let sealed = anomaly.evidence.into_bytes();
                    entries.push(bytes(&format!("{name}-sealed.json"), sealed));
                }
                None => absent.push(format!(
                    "finding {}: table `anomalies` has it no more",
                    part.anomaly_id
                )),
            }
        }
        let mut data = data::collected(shown, &findings, session).await?;
        entries.append(&mut data.entries);
        entries.sort_by(|one, other| one.path.cmp(&other.path));
        sealed(entries, bundle, shown, receiver, &absent, &data)
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
    data: &Data,
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
        "data": {
            "from": beijing_text(data.from), "until": beijing_text(data.to), "rows": data.rows,
        },
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
