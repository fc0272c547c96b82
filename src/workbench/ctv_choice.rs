//! Which CTV the figures of a case are about, where somebody has said so.

use super::outcome::proposal_edit;
use super::{Case, EditError};
use crate::anatomy;
use crate::progress::{Cancelled, Progress};
use crate::structures::{RoiId, Role};
use std::str::FromStr;

/// The CTV that features and risk are about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CtvChoice {
    /// GTV + 8 mm, kept out of lung and bone.
    Proposed,
    Named(String),
}

impl FromStr for CtvChoice {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(if text.eq_ignore_ascii_case("proposed") { Self::Proposed } else { Self::Named(text.to_owned()) })
    }
}

/// Why a case has no such CTV.
#[derive(Debug, thiserror::Error)]
pub enum CtvError {
    #[error("no structure is named \"{wanted}\"; the case has {there}")]
    NoSuch { wanted: String, there: String },
    #[error("\"{name}\" cannot be the CTV: its role is {role}")]
    OtherRole { name: String, role: String },
    #[error("no CTV can be proposed without a tumour, a structure with role GTVp or GTVn")]
    NoTumor,
    #[error(transparent)]
    Edit(#[from] EditError),
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
}

/// Gives a structure a role.
///
/// # Errors
/// There is no such structure.
pub fn set_role(case: &mut Case, id: RoiId, role: Role) -> Result<(), EditError> {
    let edit = case.attributes_edit("Change role", id, |a| a.role = role)?;
    case.apply(edit)
}

/// Makes the choice the CTV of the case, the only one.
///
/// # Errors
/// See [`CtvError`].
pub fn choose_ctv(case: &mut Case, choice: &CtvChoice, progress: &dyn Progress) -> Result<(), CtvError> {
    match choice {
        CtvChoice::Named(name) => {
            let Some(roi) = case.structures().by_name(name) else {
                let names: Vec<&str> = case.structures().rois.iter().map(|r| r.name.as_str()).collect();
                let there = if names.is_empty() { "no structures".into() } else { names.join(", ") };
                return Err(CtvError::NoSuch { wanted: name.clone(), there });
            };
            let (chosen, role) = (roi.id, roi.role);
            // Turned into the CTV it would be missing as what it is, and the figures would be of something else.
            if matches!(role, Role::Gtvp | Role::Gtvn | Role::Station(_)) {
                return Err(CtvError::OtherRole { name: name.clone(), role: role.label() });
            }
            // What was the CTV before must not mix with what is now.
            let others: Vec<RoiId> =
                case.structures().with_role(Role::Ctv).map(|r| r.id).filter(|id| *id != chosen).collect();
            for id in others {
                set_role(case, id, Role::Other)?;
            }
            Ok(set_role(case, chosen, Role::Ctv)?)
        }
        CtvChoice::Proposed => {
            if case.gtv_mask().is_empty() {
                return Err(CtvError::NoTumor);
            }
            progress.report("Proposing a CTV", 0, 1);
            let bones = anatomy::drawn_bones(case.structures(), case.grid());
            let proposal = anatomy::propose_ctv(&case.image.volume, &case.gtv_mask(), &bones, anatomy::CTV_MARGIN_MM);
            let (edit, _) = proposal_edit(case, proposal);
            case.apply(edit)?;
            Ok(progress.checkpoint()?)
        }
    }
}
