//! DiUnet-R: a 2.5D network with one encoder for the CT and one for the GTV that draws the sixteen stations.
//!
//! [`LoadedModel::load`] reads a model folder and refuses what does not fit; [`segment`] runs it slice by slice.
//! Input preparation is shared with training (`studies::train_diunet`), so that both see the same pictures.

mod bearings;
mod blocked;
mod calibration;
mod card;
mod confidence;
mod inference;
mod lungs;
mod manifest;
mod network;
mod ops;
mod optimize;
mod paste;
mod prepare;
mod segment;
mod tidy;
mod weights;

pub use bearings::{Bearings, Guide};
pub use calibration::{Calibration, HeldOut, ReliabilityBin};
pub use card::MODEL_CARD;
pub use confidence::{Scaling, StationConfidence, Uncertainty, probabilities};
pub use lungs::{LungRegion, find_lungs};
pub use manifest::{
    CohortSummary, LoadedModel, ModelError, ModelManifest, OUTPUT_MODE, TrainingOptions, TrainingSummary,
    canonical_classes, default_model_dir, network_folder, networks_in,
};
pub(crate) use manifest::{MANIFEST, sha256, write_new};
pub use network::{Architecture, CLASSES, LayerStatistics, Logits, Network, TensorSpec, Variant};
pub use optimize::{AdamW, CTV_UNKNOWN, LossWeights, Losses, loss_and_gradient};
pub use paste::SliceOutlines;
pub use prepare::{Frame, Planes, Stack, fill_channels, fill_guide, slices_to_run};
pub use segment::{Recall, SegmentError, Segmentation, SliceOutput, add_held_out, segment, segment_again};
pub use weights::Weights;
