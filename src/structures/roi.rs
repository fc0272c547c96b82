//! ROIs and the structure set that holds them.

use super::{Derivation, Station};
use crate::contour::SliceContours;
use crate::words::keep;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Identity of an ROI within a case; never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub struct RoiId(pub u32);

/// What a structure means to the program, apart from its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub enum Role {
    /// Primary tumour.
    Gtvp,
    /// Involved lymph nodes (the paper's GTVnd).
    Gtvn,
    Ctv,
    Station(Station),
    /// Organ, vessel, bone or body outline.
    Organ,
    Other,
}

impl Role {
    /// All roles in the order of the role menu.
    pub fn all() -> Vec<Self> {
        [Self::Gtvp, Self::Gtvn, Self::Ctv]
            .into_iter()
            .chain(Station::all().map(Self::Station))
            .chain([Self::Organ, Self::Other])
            .collect()
    }

    pub fn label(self) -> String {
        match self {
            Self::Gtvp => "GTVp".into(),
            Self::Gtvn => "GTVn".into(),
            Self::Ctv => "CTV".into(),
            Self::Station(s) => format!("Station {s}"),
            Self::Organ => "Organ".into(),
            Self::Other => "Other".into(),
        }
    }

    /// The kind of structures that it belongs to, in a word.
    pub fn kind(self) -> &'static str {
        match self {
            Self::Gtvp | Self::Gtvn | Self::Ctv => keep("targets"),
            Self::Station(_) => keep("stations"),
            Self::Organ => keep("organs"),
            Self::Other => keep("other structures"),
        }
    }

    pub fn is_station(self) -> bool {
        matches!(self, Self::Station(_))
    }
}

/// ROI Generation Algorithm (3006,0036): who made the contours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub enum Generation {
    Automatic,
    Semiautomatic,
    Manual,
    /// Type 2 attribute left empty by the source.
    Unknown,
}

impl Generation {
    /// The value in DICOM.
    pub fn dicom(self) -> &'static str {
        match self {
            Self::Automatic => "AUTOMATIC",
            Self::Semiautomatic => "SEMIAUTOMATIC",
            Self::Manual => "MANUAL",
            Self::Unknown => "",
        }
    }

    /// What it becomes once somebody edits the contours.
    #[must_use]
    pub fn edited(self) -> Self {
        match self {
            Self::Automatic | Self::Semiautomatic => Self::Semiautomatic,
            Self::Manual | Self::Unknown => Self::Manual,
        }
    }
}

/// Where the contours of an ROI came from, in words for the user.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub enum Provenance {
    /// Read from a structure set (its label, and the file name without folder).
    Imported { label: String, file: String },
    /// Traced around the voxels of a segmentation or of a NIfTI label (what it is called, and the file name without
    /// folder).
    Traced { label: String, file: String },
    /// Drawn by a network; the statement says what it was trained on.
    Network { model_id: String, sha256: String, statement: String },
    /// Computed from other structures and the CT for somebody to correct, e.g. "GTV + 8 mm, kept out of lung and bone".
    Proposed { recipe: String },
    /// Computed from other structures as somebody asked for, e.g. "GTVp − Heart".
    Computed { recipe: String },
    /// Part of a synthetic case.
    Phantom { seed: u64 },
    /// Drawn by hand in this program.
    Drawn,
}

/// The ROI of the source structure set from which this one was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct SourceRoi {
    /// Index of the source structure set among those of the case.
    pub set: usize,
    /// ROI Number (3006,0022) there.
    pub number: i32,
}

/// A region of interest: rings per slice of the case's CT, and what is said about them.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Roi {
    pub id: RoiId,
    pub name: String,
    /// sRGB.
    pub color: [u8; 3],
    pub role: Role,
    pub generation: Generation,
    pub provenance: Provenance,
    pub source: Option<SourceRoi>,
    /// How it is made from other structures, where it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub derivation: Option<Arc<Derivation>>,
    /// By slice index; a slice without rings has no entry.
    pub slices: BTreeMap<usize, Arc<SliceContours>>,
}

impl Roi {
    /// An ROI without contours.
    pub fn new(id: RoiId, name: impl Into<String>, color: [u8; 3], role: Role, provenance: Provenance) -> Self {
        let generation = match provenance {
            Provenance::Network { .. } | Provenance::Proposed { .. } | Provenance::Phantom { .. } => {
                Generation::Automatic
            }
            // Somebody chose what is done; nobody drew it.
            Provenance::Computed { .. } => Generation::Semiautomatic,
            Provenance::Drawn => Generation::Manual,
            Provenance::Imported { .. } | Provenance::Traced { .. } => Generation::Unknown,
        };
        Self {
            id,
            name: name.into(),
            color,
            role,
            generation,
            provenance,
            source: None,
            derivation: None,
            slices: BTreeMap::new(),
        }
    }

    /// Number of rings over all slices.
    pub fn ring_count(&self) -> usize {
        self.slices.values().map(|s| s.rings.len()).sum()
    }
}

/// All structures of a case, in the order of the list.
#[derive(Debug, Clone, PartialEq, Default, serde::Serialize, serde::Deserialize)]
pub struct StructureSet {
    pub rois: Vec<Roi>,
}

impl StructureSet {
    pub fn get(&self, id: RoiId) -> Option<&Roi> {
        self.rois.iter().find(|r| r.id == id)
    }

    pub fn get_mut(&mut self, id: RoiId) -> Option<&mut Roi> {
        self.rois.iter_mut().find(|r| r.id == id)
    }

    pub fn by_name(&self, name: &str) -> Option<&Roi> {
        self.rois.iter().find(|r| r.name == name)
    }

    pub fn with_role(&self, role: Role) -> impl Iterator<Item = &Roi> {
        self.rois.iter().filter(move |r| r.role == role)
    }

    /// An id larger than any in use.
    pub fn next_id(&self) -> RoiId {
        RoiId(self.rois.iter().map(|r| r.id.0 + 1).max().unwrap_or(1))
    }
}
