//! What a file is, by its first bytes: a name proves nothing.

use serde::Serialize;

/// Bytes of the beginning that decide.
pub(super) const HEAD: usize = 16;

/// A kind of file that is taken as evidence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(super) enum FileKind {
    /// JPEG photo.
    Jpeg,
    /// PNG picture.
    Png,
    /// HEIF photo, as telephones take it.
    Heif,
    /// PDF document.
    Pdf,
    /// MPEG-4 or 3GP video.
    Mp4,
    /// QuickTime video.
    QuickTime,
    /// Matroska or WebM video.
    Matroska,
}

impl FileKind {
    /// Every kind, for messages.
    pub(super) const ALL: &'static str = "JPEG, PNG, HEIF, PDF, MP4, MOV, MKV";

    /// The kind a file's first [`HEAD`] bytes belong to.
    pub(super) fn of(head: &[u8]) -> Option<Self> {
        Some(match head {
            [0xff, 0xd8, 0xff, ..] => Self::Jpeg,
            [0x89, b'P', b'N', b'G', 0x0d, 0x0a, 0x1a, 0x0a, ..] => Self::Png,
            [b'%', b'P', b'D', b'F', b'-', ..] => Self::Pdf,
            [0x1a, 0x45, 0xdf, 0xa3, ..] => Self::Matroska,
            // ISO 14496-12: the first box is `ftyp`, with the brand behind it.
            [_, _, _, _, b'f', b't', b'y', b'p', b0, b1, b2, b3, ..] => {
                match &[*b0, *b1, *b2, *b3] {
                    b"qt  " => Self::QuickTime,
                    b"heic" | b"heix" | b"heim" | b"heis" | b"mif1" | b"msf1" => Self::Heif,
                    [b'i', b's', b'o', _]
                    | [b'3', b'g', _, _]
                    | b"mp41"
                    | b"mp42"
                    | b"avc1"
                    | b"M4V "
                    | b"dash"
                    | b"MSNV" => Self::Mp4,
                    _ => return None,
                }
            }
            _ => return None,
        })
    }

    /// Media type (RFC 6838).
    pub(super) fn media(self) -> &'static str {
        match self {
            Self::Jpeg => "image/jpeg",
            Self::Png => "image/png",
            Self::Heif => "image/heif",
            Self::Pdf => "application/pdf",
            Self::Mp4 => "video/mp4",
            Self::QuickTime => "video/quicktime",
            Self::Matroska => "video/x-matroska",
        }
    }

    /// Whether cameras write time and place into it.
    pub(super) fn has_exif(self) -> bool {
        matches!(self, Self::Jpeg | Self::Png | Self::Heif)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_beginning_decides() {
        let kinds: [(&[u8], Option<FileKind>); 9] = [
            (b"\xff\xd8\xff\xe1....", Some(FileKind::Jpeg)),
            (b"\x89PNG\r\n\x1a\n", Some(FileKind::Png)),
            (b"%PDF-1.7\n", Some(FileKind::Pdf)),
            (b"\0\0\0\x18ftypheic\0\0\0\0", Some(FileKind::Heif)),
            (b"\0\0\0\x14ftypqt  \0\0\0\0", Some(FileKind::QuickTime)),
            (b"\0\0\0\x20ftypisom\0\0\x02\0", Some(FileKind::Mp4)),
            (b"\x1a\x45\xdf\xa3\x01", Some(FileKind::Matroska)),
            (b"MZ\x90\0", None),
            (b"", None),
        ];
        for (head, kind) in kinds {
            assert_eq!(FileKind::of(head), kind, "{head:?}");
        }
        assert_eq!(FileKind::of(b"\0\0\0\x14ftypevil\0\0\0\0"), None);
        assert_eq!(FileKind::of(b" %PDF-1.7"), None, "not at the beginning");
    }
}
