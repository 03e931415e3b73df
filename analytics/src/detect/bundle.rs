//! A finding with everything that proves it, as files that anybody can check.
//!
//! ```text
//! anomaly.json     the row of table `anomalies` without its evidence
//! hours.json ...   the parts of the evidence, byte for byte as they were sealed
//! curve.svg        the series with the limit and the flagged windows
//! readings.json    every row of its window as it arrived (in an exported copy)
//! rule.sql         the rule file that ran
//! versions.json    run, time, table versions, program
//! extraction.json  who took this copy when, and room for two officers' signatures
//! SHA256SUMS       one line per file, for `sha256sum --check`; its own SHA-256 stands for the whole
//! ```
//!
//! Everything but `extraction.json` is the same for every copy taken the same way.

use std::path::Path;

use serde::Serialize;
use serde_json::{Value, json};

use super::anomaly::Anomaly;
use super::curve;
use super::evidence::beijing;
use super::evidence::seal::{self, Artefact};
use super::original;
use super::record;
use super::replay::find;
use crate::session::{self, Error};

/// Name of the list of hashes.
pub const SUMS: &str = "SHA256SUMS";

/// Who takes a copy, and when.
#[derive(Debug, Clone)]
pub struct Extraction {
    /// Name of the person.
    pub by: String,
    /// Microseconds UTC.
    pub at: i64,
}

/// A finding and its files.
#[derive(Debug, Clone, Serialize)]
pub struct Bundle {
    /// The finding.
    #[serde(skip)]
    pub anomaly: Anomaly,
    /// Run that wrote it, when it is on record.
    #[serde(skip)]
    pub inputs: Option<record::Inputs>,
    /// The files, in order of names.
    pub artefacts: Vec<Artefact>,
    /// Text of `SHA256SUMS`.
    pub sums: String,
    /// SHA-256 of `sums`: the one number that stands for the whole.
    pub sha256: String,
    /// What does not match its hash or is not on record; empty for a sound finding.
    pub faults: Vec<String>,
}

impl Bundle {
    /// Puts the files of a finding together. What is wrong with them is told in `faults`.
    pub async fn load(
        store: &Path,
        config: &session::Config,
        id: &str,
        extraction: &Extraction,
    ) -> Result<Self, Error> {
        Self::gather(store, config, id, extraction, false).await
    }

    /// The same with the rows of the finding's window as they arrived, for a copy that stands alone.
    pub async fn copy(
        store: &Path,
        config: &session::Config,
        id: &str,
        extraction: &Extraction,
    ) -> Result<Self, Error> {
        Self::gather(store, config, id, extraction, true).await
    }

    async fn gather(
        store: &Path,
        config: &session::Config,
        id: &str,
        extraction: &Extraction,
        rows: bool,
    ) -> Result<Self, Error> {
        let session = session::open_tables(store, config).await?;
        let anomaly = find(&session, id).await?;
        let (mut artefacts, mut faults) =
            match seal::opened(&anomaly.evidence, &anomaly.evidence_sha256) {
                Ok(artefacts) => (artefacts, Vec::new()),
                Err(faults) => (
                    vec![Artefact::new("evidence.json", anomaly.evidence.as_str())],
                    faults,
                ),
            };
        let evidence: Value = serde_json::from_str(&anomaly.evidence).unwrap_or_default();
        let mut row = anomaly.row();
        row.remove("evidence");
        artefacts.push(Artefact::new(
            "anomaly.json",
            Value::Object(row).to_string(),
        ));
        let rule_sha256 = evidence["rule"]["sha256"].as_str().unwrap_or_default();
        match record::rule(&session, &anomaly.rule_id, rule_sha256).await? {
            Some(rule) => {
                let file = Artefact::new("rule.sql", rule.text.as_str());
                if file.sha256 != rule_sha256 {
                    faults.push("the rule file on record does not match rule.sha256".to_owned());
                }
                artefacts.push(file);
            }
            None => faults.push(format!("no rule file `{rule_sha256}` is on record")),
        }
        let inputs =
            record::inputs(&session, anomaly.last_seen_at, anomaly.readings_version).await?;
        match &inputs {
            Some(inputs) => artefacts.push(Artefact::new(
                "versions.json",
                json!({
                    "run_id": inputs.run_id, "as_of": beijing(inputs.as_of),
                    "table_versions": inputs.versions, "engine": inputs.engine,
                })
                .to_string(),
            )),
            None => faults.push("the run that made it left no record".to_owned()),
        }
        let mut points = curve::hours(&evidence);
        if rows {
            let original =
                original::rows_of(store, config, &session, &anomaly, inputs.as_ref()).await?;
            if let Some(original) = original {
                artefacts.push(Artefact::new("readings.json", original.text));
                if points.is_empty() {
                    points = original.curve;
                }
            }
        }
        if let Some(picture) = curve::draw(&anomaly, &evidence, &points) {
            artefacts.push(Artefact::new("curve.svg", picture));
        }
        let signature =
            |role: &str| json!({"role": role, "name": "", "certificate_no": "", "signed_at": ""});
        artefacts.push(Artefact::new(
            "extraction.json",
            json!({
                "extracted_by": extraction.by, "extracted_at": beijing(extraction.at),
                "tool": record::engine(&session),
                "signatures": [signature("提取人 officer"), signature("见证人 second officer")],
            })
            .to_string(),
        ));
        artefacts.sort_by(|a, b| a.name.cmp(&b.name));
        let sums = seal::sums(&artefacts);
        Ok(Self {
            sha256: Anomaly::sha256(&sums),
            anomaly,
            inputs,
            artefacts,
            sums,
            faults,
        })
    }

    /// Writes the files into a new folder, read-only.
    ///
    /// # Errors
    /// What the file system says; a folder that has something in it is refused.
    pub fn write(&self, dir: &Path) -> std::io::Result<()> {
        std::fs::create_dir_all(dir)?;
        if std::fs::read_dir(dir)?.next().is_some() {
            return Err(std::io::Error::other(
                "the folder is not empty; evidence is never written over anything",
            ));
        }
        let sums = Artefact::new(SUMS, self.sums.as_str());
        for file in self.artefacts.iter().chain([&sums]) {
            let path = dir.join(&file.name);
            std::fs::write(&path, &file.text)?;
            let mut permissions = std::fs::metadata(&path)?.permissions();
            permissions.set_readonly(true);
            std::fs::set_permissions(&path, permissions)?;
        }
        Ok(())
    }
}
