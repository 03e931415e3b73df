//! What a file shows, as whoever hands it in says: the state before the measures, the state after them,
//! a paper.
//!
//! It is a statement, not a finding of the program's. The review asks for a photo or video of the state
//! after the measures, so what is said to be one has to be a picture: its time and place are read from
//! it, and a document has none.

use serde::{Deserialize, Serialize};

use super::super::step::Attachment;

/// What a file shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EvidenceKind {
    /// The state before the measures.
    Before,
    /// The state after them.
    After,
    /// Label of a device: maker, model, number.
    DeviceLabel,
    /// Ticket of a repair or of maintenance.
    RepairTicket,
    /// Report of a calibration or comparison.
    CalibrationReport,
    /// Report of a manual monitoring by a laboratory.
    LabReport,
    /// Proof that the permit or a filing was changed.
    PermitChange,
    /// Anything else.
    Other,
}

impl EvidenceKind {
    /// Every kind.
    pub const ALL: [Self; 8] = [
        Self::Before,
        Self::After,
        Self::DeviceLabel,
        Self::RepairTicket,
        Self::CalibrationReport,
        Self::LabReport,
        Self::PermitChange,
        Self::Other,
    ];

    /// Its code in audit rows, on the command line and over REST.
    pub fn code(self) -> &'static str {
        match self {
            Self::Before => "before",
            Self::After => "after",
            Self::DeviceLabel => "device_label",
            Self::RepairTicket => "repair_ticket",
            Self::CalibrationReport => "calibration_report",
            Self::LabReport => "lab_report",
            Self::PermitChange => "permit_change",
            Self::Other => "other",
        }
    }

    /// Its Chinese name.
    pub fn zh(self) -> &'static str {
        match self {
            Self::Before => "整改前",
            Self::After => "整改后",
            Self::DeviceLabel => "设备铭牌",
            Self::RepairTicket => "维修单",
            Self::CalibrationReport => "校准比对报告",
            Self::LabReport => "监测报告",
            Self::PermitChange => "许可或备案变更",
            Self::Other => "其他",
        }
    }

    /// Reads a code.
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.code() == code)
    }

    /// Whether only a picture can show it.
    fn is_picture(self) -> bool {
        matches!(self, Self::Before | Self::After | Self::DeviceLabel)
    }
}

/// What is wrong with what files are said to show: a document is no picture.
pub(in crate::review) fn misnamed(files: &[Attachment]) -> Option<String> {
    files.iter().find_map(|file| {
        let kind = file.kind.filter(|kind| kind.is_picture())?;
        let media = &file.facts.as_ref()?.media;
        let pictured = media.starts_with("image/") || media.starts_with("video/");
        (!pictured).then(|| {
            format!(
                "`{}`：{}须为照片或视频 / `{}` is for photos and videos, and this is {media}",
                file.name,
                kind.zh(),
                kind.code()
            )
        })
    })
}

#[cfg(test)]
mod tests {
    use super::super::FileFacts;
    use super::*;

    #[test]
    fn every_kind_has_a_code_of_its_own() {
        for kind in EvidenceKind::ALL {
            assert_eq!(EvidenceKind::from_code(kind.code()), Some(kind));
            let json = serde_json::to_value(kind).unwrap();
            assert_eq!(json, kind.code());
        }
        assert_eq!(EvidenceKind::from_code("selfie"), None);
    }

    #[test]
    fn a_document_is_no_picture() {
        let file = |kind: EvidenceKind, media: &str| Attachment {
            name: "a".to_owned(),
            sha256: "00".to_owned(),
            kind: Some(kind),
            facts: Some(Box::new(FileFacts {
                media: media.to_owned(),
                ..FileFacts::default()
            })),
        };
        use EvidenceKind::{After, DeviceLabel, LabReport};
        let said = |file: Attachment| misnamed(&[file]);
        assert_eq!(said(file(After, "image/png")), None);
        assert_eq!(said(file(After, "video/mp4")), None);
        assert_eq!(said(file(LabReport, "application/pdf")), None);
        assert_eq!(said(file(LabReport, "image/jpeg")), None);
        for kind in [After, DeviceLabel] {
            let why = said(file(kind, "application/pdf")).unwrap();
            assert!(why.contains(kind.code()) && why.contains("application/pdf"));
        }
    }
}
