//! SM4 content of the 2025 edition.
//!
//! What stands between `CP=&&` and `&&` is encrypted in 16-byte groups (ECB, no padding); a rest of
//! fewer than 16 bytes stays in clear text. The CRC is computed before that, over the plaintext, so
//! a right CRC after decryption also says that the key is right. No header field announces an
//! encrypted packet: content that does not begin with a printable `name=` and holds other than
//! printable bytes is taken for one. ECB with an eight-bit checksum authenticates nothing.

use std::fmt;

use sm4::Sm4;
use sm4::cipher::{Block, BlockDecrypt, BlockEncrypt, KeyInit};

/// Bytes of a block and of a key.
const BLOCK: usize = 16;

/// A station's key, expanded. Never printed.
#[derive(Clone)]
pub struct Sm4Key(Sm4);

impl fmt::Debug for Sm4Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sm4Key(***)")
    }
}

impl Sm4Key {
    /// The key with these bytes.
    pub fn new(bytes: [u8; BLOCK]) -> Self {
        Self(Sm4::new(&bytes.into()))
    }

    /// A key from its text: 16 ASCII characters, or 32 hexadecimal digits.
    pub fn from_text(text: &str) -> Option<Self> {
        let bytes = text.as_bytes();
        if let Ok(key) = <[u8; BLOCK]>::try_from(bytes) {
            return text.is_ascii().then(|| Self::new(key));
        }
        let mut key = [0; BLOCK];
        hex::decode_to_slice(bytes, &mut key).ok()?;
        Some(Self::new(key))
    }

    /// Decrypts in place; a rest of fewer than 16 bytes is left as it is.
    pub fn decrypt(&self, content: &mut [u8]) {
        for block in content.chunks_exact_mut(BLOCK) {
            self.0.decrypt_block(Block::<Sm4>::from_mut_slice(block));
        }
    }

    /// Encrypts in place; a rest of fewer than 16 bytes is left as it is.
    pub fn encrypt(&self, content: &mut [u8]) {
        for block in content.chunks_exact_mut(BLOCK) {
            self.0.encrypt_block(Block::<Sm4>::from_mut_slice(block));
        }
    }
}

/// Whether a data area looks encrypted.
#[inline]
pub(crate) fn looks_encrypted(content: &[u8]) -> bool {
    !content.starts_with(b"DataTime=") && !content.is_empty() && looks_encrypted_closely(content)
}

fn looks_encrypted_closely(content: &[u8]) -> bool {
    if content.starts_with(b"{0x") || content.starts_with(b"{0X") {
        return true;
    }
    let name = content.iter().take(64).take_while(|byte| {
        byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b';' | b',' | b' ')
    });
    let name = name.count();
    if content.get(name) == Some(&b'=') && name > 0 {
        return false;
    }
    content
        .iter()
        .any(|byte| !(0x20..0x7F).contains(byte) && !matches!(byte, b'\r' | b'\n' | b'\t'))
}

/// Ciphertext printed as a list, `{0xE4,0x3E,...}`, the way the standard shows its examples: some
/// loggers send that text. Appends the bytes to `out`; `None` if the text is something else.
pub(crate) fn bytes_of_list(content: &[u8], out: &mut Vec<u8>) -> Option<()> {
    let open = memchr::memchr(b'{', content)?;
    let close = memchr::memchr(b'}', content)?;
    for entry in content.get(open + 1..close)?.split(|byte| *byte == b',') {
        let digits = entry.trim_ascii();
        let digits = digits
            .strip_prefix(b"0x")
            .or_else(|| digits.strip_prefix(b"0X"))?;
        let mut byte = [0];
        hex::decode_to_slice(digits, &mut byte).ok()?;
        out.push(byte[0]);
    }
    // What could not be grouped follows the list in clear text.
    out.extend_from_slice(&content[close + 1..]);
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_vector_of_the_cipher_standard() {
        // GB/T 32907-2016, example 1: key and plaintext are the same sixteen bytes.
        let bytes: [u8; 16] = hex::decode("0123456789abcdeffedcba9876543210")
            .unwrap()
            .try_into()
            .unwrap();
        let key = Sm4Key::from_text("0123456789ABCDEFFEDCBA9876543210").unwrap();
        let mut content = bytes.to_vec();
        content.extend_from_slice(b"rest");
        key.encrypt(&mut content);
        assert_eq!(
            hex::encode(&content[..16]),
            "681edf34d206965e86b3e94f536e4246"
        );
        assert_eq!(&content[16..], b"rest");
        key.decrypt(&mut content);
        assert_eq!(&content[..16], bytes);
    }

    #[test]
    fn keys_are_sixteen_characters_or_hex_and_never_shown() {
        assert!(Sm4Key::from_text("0000000000000000").is_some());
        for bad in [
            "",
            "000000000000000",
            "00000000000000000",
            "密钥密钥密1",
            "zz23456789ABCDEFFEDCBA9876543210",
        ] {
            assert!(Sm4Key::from_text(bad).is_none(), "{bad}");
        }
        assert_eq!(
            format!("{:?}", Sm4Key::from_text("s3cretKeyForTest").unwrap()),
            "Sm4Key(***)"
        );
    }

    #[test]
    fn plain_content_is_told_from_encrypted() {
        for plain in [
            "",
            "DataTime=2016",
            "PolId=w01018",
            "SB1-RS=1",
            ";DataTime=2016",
            "BROKEN",
            "pms_rules-Rtd=1",
            "i11001-Info=//清洗//",
        ] {
            assert!(!looks_encrypted(plain.as_bytes()), "{plain}");
        }
        for encrypted in [&b"\xe4>\x15\x9a\xcf\xab"[..], b"{0xE4,0x3E}", b"ab\x00="] {
            assert!(looks_encrypted(encrypted), "{encrypted:?}");
        }
    }

    #[test]
    fn printed_lists_are_bytes() {
        let mut out = Vec::new();
        assert_eq!(bytes_of_list(b"{0xE4, 0x3e,0X15}=N", &mut out), Some(()));
        assert_eq!(out, b"\xe4\x3e\x15=N");
        for bad in [&b"{0xE4"[..], b"E4}", b"{E4}", b"{0x}", b"}{", b"{0x123}"] {
            assert_eq!(bytes_of_list(bad, &mut Vec::new()), None, "{bad:?}");
        }
    }
}
