//! The 110 partition features of a case (schema A), kept current slice by slice while contours are edited.
//!
//! [`LiveFeatures`] holds the voxel counts of every slice; an edit counts its own slice again and nothing
//! else. A [`FeatureVector`] is read from the counts together with the clinical values, and says in words
//! ([`FeatureFlag`]) what is missing, empty or doubtful in it.

mod catalogue;
mod clinical;
mod components;
mod counts;
mod diameter;
mod flag;
mod live;
mod vector;

pub use catalogue::{
    FEATURE_COUNT, FeatureInfo, FeatureKind, GLOBAL_FIRST, RATIO_SUFFIXES, SCHEMA_A_SHA256, catalogue,
    definition_sha256, feature_index, ratio_index, schema_sha256,
};
pub use clinical::{ClinicalValues, ParseTStageError, Sex, TStage};
pub use counts::{Overlap, SliceCounts, SliceMasks, StationCounts, count_slice};
pub use diameter::feret_mm;
pub use flag::{FeatureFlag, FlagLevel};
pub use live::{CaseMasks, LiveFeatures};
pub use vector::{
    CENTRAL_DISTANCE_MM, Denominator, FeatureContext, FeatureDefinition, FeatureVector, MIDLINE_BAND_MM, Partition,
    StationPart, TouchRule,
};
