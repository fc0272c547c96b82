//! New unique identifiers, and the identity of this program in files.

/// Implementation Class UID (0002,0012) of this program, derived once from a random UUID.
pub(crate) const IMPLEMENTATION_CLASS_UID: &str = "2.25.268415193862013482213716045139461712337";

/// Implementation Version Name (0002,0013), at most 16 characters.
pub(crate) const IMPLEMENTATION_VERSION_NAME: &str = concat!("HILUM_", env!("CARGO_PKG_VERSION"));

/// A new UID under 2.25 (DICOM PS3.5 annex B.2): a random UUID as a decimal number.
pub fn new_uid() -> String {
    format!("2.25.{}", uuid::Uuid::new_v4().as_u128())
}

/// A UID under 2.25 that is always the same for the same name, for synthetic cases with a seed.
pub fn uid_from_name(name: &str) -> String {
    /// Namespace of this program for UUIDs of version 5.
    const NAMESPACE: uuid::Uuid = uuid::Uuid::from_u128(0x6f1f_3c0e_52b5_4a53_9f0e_7c5d_9a41_d2b7);
    format!("2.25.{}", uuid::Uuid::new_v5(&NAMESPACE, name.as_bytes()).as_u128())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uids_are_valid_new_or_repeatable() {
        let (a, b) = (new_uid(), new_uid());
        assert_ne!(a, b);
        assert!(a.len() <= 64 && a.bytes().all(|c| c.is_ascii_digit() || c == b'.'));
        assert_eq!(uid_from_name("seed 7 slice 1"), uid_from_name("seed 7 slice 1"));
        assert_ne!(uid_from_name("seed 7 slice 1"), uid_from_name("seed 7 slice 2"));
        assert!(IMPLEMENTATION_VERSION_NAME.len() <= 16);
    }
}
