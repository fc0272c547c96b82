//! From the names that clinics give to the roles that the program understands.

use super::Role;

/// A role proposed from a name.
#[derive(Debug, Clone, PartialEq)]
pub struct Proposal {
    pub role: Role,
    /// False where the name only hints at the role; the window then asks for a look.
    pub certain: bool,
}

/// Proposes a role from an ROI name and its RT ROI Interpreted Type (3006,00A4).
pub fn propose_role(_name: &str, _interpreted_type: &str) -> Proposal {
    Proposal { role: Role::Other, certain: false }
}
