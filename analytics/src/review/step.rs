//! Who does what with which papers: the input of every action, and what is possible next.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::evidence::{EvidenceKind, FileFacts};
use super::parts::Role;

/// Who acts, and in which capacity.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Actor {
    /// Id of the person.
    pub name: String,
    /// Capacity.
    pub role: Role,
    /// Number of the enforcement certificate.
    pub certificate: Option<String>,
    /// Body of the person.
    pub org: Option<String>,
    /// What the action came through: `cli`, `console`, `api`, `engine`.
    pub client: String,
}

impl Actor {
    /// The program itself.
    pub fn engine() -> Self {
        Self {
            name: "engine".to_owned(),
            role: Role::Engine,
            certificate: None,
            org: None,
            client: "engine".to_owned(),
        }
    }
}

/// A file that goes with an action; the file itself lies in the evidence folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attachment {
    /// File name.
    pub name: String,
    /// SHA-256 of the content, hex.
    pub sha256: String,
    /// What it shows, as whoever hands it in says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<EvidenceKind>,
    /// What was read from it when it was kept; rows of earlier versions have name and hash alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub facts: Option<Box<FileFacts>>,
}

impl Attachment {
    /// The same file, said to show this.
    pub fn showing(mut self, kind: Option<EvidenceKind>) -> Self {
        self.kind = kind;
        self
    }
}

/// What an action carries.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Input {
    /// Fields of the machine by name.
    pub fields: BTreeMap<String, String>,
    /// Free text.
    pub note: Option<String>,
    /// Files.
    pub attachments: Vec<Attachment>,
}

impl Input {
    /// One field, for short calls.
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.fields.insert(name.to_owned(), value.to_owned());
        self
    }

    /// A field that is filled.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.fields
            .get(name)
            .map(|value| value.trim())
            .filter(|value| !value.is_empty())
    }

    /// The first text with characters that no database keeps in a text and no person types.
    pub(super) fn unwritable(&self) -> Option<&str> {
        let bad = |text: &str| {
            text.chars()
                .any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t'))
        };
        let field = self
            .fields
            .iter()
            .find(|(name, text)| bad(name) || bad(text))
            .map(|(name, _)| name.as_str());
        let note = self.note.as_deref().filter(|note| bad(note));
        let file = self.attachments.iter().find(|file| bad(&file.name));
        field.or(note.map(|_| "note")).or(file.map(|_| "file name"))
    }

    /// The different entries of a comma list.
    pub(super) fn list(&self, name: &str) -> Vec<&str> {
        let mut entries: Vec<&str> = self
            .get(name)
            .unwrap_or_default()
            .split([',', '、', '，'])
            .map(str::trim)
            .filter(|entry| !entry.is_empty())
            .collect();
        entries.sort_unstable();
        entries.dedup();
        entries
    }
}

/// One thing that can be done next.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NextStep {
    /// The action.
    pub action: String,
    /// The state it leads to.
    pub to: String,
    /// Who may.
    pub roles: Vec<Role>,
    /// Fields it needs.
    pub requires: Vec<String>,
    /// What must hold.
    pub conditions: Vec<&'static str>,
    /// A second person has to sign.
    pub two_signatures: bool,
}

impl std::fmt::Display for NextStep {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let roles: Vec<&str> = self.roles.iter().map(|role| role.code()).collect();
        write!(f, "{} ({})", self.action, roles.join(" or "))
    }
}
