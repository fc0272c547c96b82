//! New identities from old ones: one secret makes the same UID, patient label and date shift from the
//! same original, and without the secret nobody finds the way back.

use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};

/// The key of all replacements of a run.
#[derive(Clone)]
pub struct Secret([u8; 64]);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret")
    }
}

/// Why a secret file is of no use.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    #[error("{}", crate::tf!("the secret file cannot be read ({source}): {path}", source = .source, path = path.display()))]
    Read { source: std::io::Error, path: PathBuf },
    #[error("{}", crate::tf!("the secret file has {bytes} bytes and needs at least {least}, or names could be guessed from it; make one with: head -c 32 /dev/urandom: {path}", bytes = .bytes, least = Secret::MIN_BYTES, path = path.display()))]
    Short { bytes: usize, path: PathBuf },
}

impl Secret {
    /// Bytes that a secret file must have at least.
    pub const MIN_BYTES: usize = 16;

    /// A secret that nobody knows and that ends with the run.
    pub fn random() -> Self {
        Self::from_bytes(&rand::random::<[u8; 32]>())
    }

    /// A secret kept in a file, so that later runs give the same replacements.
    ///
    /// # Errors
    /// [`SecretError`]
    pub fn read(path: &Path) -> Result<Self, SecretError> {
        let bytes = std::fs::read(path).map_err(|source| SecretError::Read { source, path: path.to_owned() })?;
        if bytes.len() < Self::MIN_BYTES {
            return Err(SecretError::Short { bytes: bytes.len(), path: path.to_owned() });
        }
        Ok(Self::from_bytes(&bytes))
    }

    /// The same bytes give the same replacements.
    pub fn from_bytes(bytes: &[u8]) -> Self {
        // Keys longer than a block of the hash are hashed first (RFC 2104).
        let mut block = [0; 64];
        if bytes.len() > 64 {
            block[..32].copy_from_slice(&Sha256::digest(bytes));
        } else {
            block[..bytes.len()].copy_from_slice(bytes);
        }
        Self(block)
    }

    /// HMAC-SHA-256 (RFC 2104).
    fn mac(&self, text: &[u8]) -> [u8; 32] {
        let keyed = |pad: u8| Sha256::new_with_prefix(self.0.map(|b| b ^ pad));
        let inner = keyed(0x36).chain_update(text).finalize();
        keyed(0x5C).chain_update(inner).finalize().into()
    }

    /// The first 16 bytes of a code for this use of this text.
    fn number(&self, usage: &str, text: &str) -> u128 {
        let mac = self.mac(format!("{usage}\n{text}").as_bytes());
        mac[..16].iter().fold(0, |n, b| n << 8 | u128::from(*b))
    }

    /// A UID under 2.25 (PS3.5 annex B.2) in the place of another one.
    pub(super) fn uid(&self, original: &str) -> String {
        let uuid = uuid::Builder::from_custom_bytes(self.number("uid", original).to_be_bytes()).into_uuid();
        format!("2.25.{}", uuid.as_u128())
    }

    /// A name for a patient.
    pub(super) fn patient_label(&self, patient: &str) -> String {
        format!("ANON-{:012X}", self.number("patient", patient) >> 80)
    }

    /// Days by which the dates of a patient move: 1 to 3653 back.
    pub(super) fn shift_days(&self, patient: &str) -> i64 {
        -1 - (self.number("dates", patient) % 3653) as i64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_code_is_that_of_the_rfc() {
        let hex = |bytes: [u8; 32]| bytes.iter().map(|b| format!("{b:02x}")).collect::<String>();
        // RFC 4231, test cases 2 and 6.
        assert_eq!(
            hex(Secret::from_bytes(b"Jefe").mac(b"what do ya want for nothing?")),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
        assert_eq!(
            hex(Secret::from_bytes(&[0xAA; 131]).mac(b"Test Using Larger Than Block-Size Key - Hash Key First")),
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"
        );
    }

    #[test]
    fn the_same_secret_gives_the_same_replacements() {
        let (a, b, c) = (Secret::from_bytes(b"one"), Secret::from_bytes(b"one"), Secret::random());
        assert_eq!(a.uid("1.2.3"), b.uid("1.2.3"));
        assert_ne!(a.uid("1.2.3"), a.uid("1.2.4"));
        assert_ne!(a.uid("1.2.3"), c.uid("1.2.3"));
        assert!(a.uid("1.2.3").len() <= 64 && a.uid("1.2.3").starts_with("2.25."));
        assert_eq!(a.patient_label("P1"), b.patient_label("P1"));
        assert!((0..200).all(|n| (-3653..0).contains(&a.shift_days(&n.to_string()))));
    }
}
