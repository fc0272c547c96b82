//! What lies beside a CT series: PET series, doses, plans and registrations; and which of the first two can be laid
//! over the CT, in its frame of reference or through registrations.

use super::dose::{DoseFile, PlanFile, Prescription, load_dose};
use super::pet::load_pet;
use super::raw::DataSet;
use super::registration::{RegistrationFile, way};
use super::scan::CtSeries;
use super::value::Charset;
use super::warning::ImportWarning;
use super::{CtError, ReadError};
use crate::geometry::{GridError, Rigid};
use crate::image::OverlayVolume;
use crate::progress::{Cancelled, Progress};
use dicom_dictionary_std::{tags, uids};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Everything of a scan that is neither CT nor structure set.
#[derive(Debug, Clone, Default)]
pub struct Beside {
    pub pet_series: Vec<CtSeries>,
    pub doses: Vec<DoseFile>,
    pub plans: Vec<PlanFile>,
    pub registrations: Vec<RegistrationFile>,
    /// Known by name, and of no use here.
    pub refused: Vec<RefusedFile>,
}

/// A file that would matter, but cannot be used.
#[derive(Debug, Clone)]
pub struct RefusedFile {
    pub path: PathBuf,
    pub series_instance_uid: String,
    pub description: String,
    pub date: String,
    kind: OverlayKind,
    pub(super) why: &'static str,
}

/// One file found.
#[derive(Debug)]
pub(super) enum FoundBeside {
    Dose(DoseFile),
    Plan(PlanFile),
    Registration(RegistrationFile),
    Refused(RefusedFile),
}

impl Beside {
    pub(super) fn add(&mut self, found: FoundBeside) {
        match found {
            FoundBeside::Dose(file) => self.doses.push(file),
            FoundBeside::Plan(file) => self.plans.push(file),
            FoundBeside::Registration(file) => self.registrations.push(file),
            // One line for a series, not one for each of its files.
            FoundBeside::Refused(file) => {
                let is_same = |r: &RefusedFile| r.series_instance_uid == file.series_instance_uid;
                if !self.refused.iter().any(is_same) {
                    self.refused.push(file);
                }
            }
        }
    }
}

/// What a file of a SOP class is to an overlay; `None` where it is nothing.
pub(super) fn look_at(path: &Path, ds: &DataSet, charset: &Charset, class: &str) -> Option<FoundBeside> {
    let refused = |kind, why| {
        FoundBeside::Refused(RefusedFile {
            path: path.to_owned(),
            series_instance_uid: ds.string(tags::SERIES_INSTANCE_UID),
            description: ds.text(tags::SERIES_DESCRIPTION, charset),
            date: ds.string(tags::SERIES_DATE),
            kind,
            why,
        })
    };
    Some(match class {
        uids::RT_DOSE_STORAGE => FoundBeside::Dose(DoseFile::of(path, ds, charset)),
        uids::RT_PLAN_STORAGE | uids::RT_ION_PLAN_STORAGE => FoundBeside::Plan(PlanFile::of(path, ds, charset)),
        uids::SPATIAL_REGISTRATION_STORAGE => FoundBeside::Registration(RegistrationFile::of(path, ds)),
        uids::DEFORMABLE_SPATIAL_REGISTRATION_STORAGE => refused(
            OverlayKind::Registration,
            "it is a deformable spatial registration; only rigid ones are used, export one of those",
        ),
        uids::ENHANCED_PET_IMAGE_STORAGE | uids::LEGACY_CONVERTED_ENHANCED_PET_IMAGE_STORAGE => {
            refused(OverlayKind::Pet, "it is an enhanced multi-frame PET; export it as single PET images")
        }
        _ => return None,
    })
}

/// What an overlay is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, strum::Display, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum OverlayKind {
    #[strum(serialize = "PET")]
    Pet,
    #[strum(serialize = "Dose")]
    Dose,
    /// No overlay itself; listed where it cannot be used.
    #[strum(serialize = "Registration")]
    Registration,
    /// Made by the program from a run of its network.
    #[strum(serialize = "Uncertainty")]
    Uncertainty,
    /// A later CT of the patient, laid over by the program.
    #[strum(serialize = "Follow-up CT")]
    #[serde(rename = "follow-up")]
    FollowUp,
}

/// How an overlay lies to the CT.
#[derive(Debug, Clone)]
pub struct OverlayPlacement {
    pub ct_from_overlay: Rigid,
    /// The registration it goes through; `None` in the frame of reference of the CT.
    pub registration: Option<PathBuf>,
    /// How many registration objects that are.
    pub registrations: usize,
}

/// A PET series or a dose beside a CT, known by its headers, or what the program computed itself.
#[derive(Debug, Clone)]
pub struct OverlaySource {
    /// Names it among those of the case: the UID of the series (PET) or of the object (dose).
    pub key: String,
    pub kind: OverlayKind,
    /// Series description or label; may be empty.
    pub description: String,
    /// YYYYMMDD.
    pub date: String,
    /// What tells it from others of its kind, e.g. the summation type of a dose, or the number of images.
    pub details: String,
    /// Where it lies, or the reason why it cannot be shown.
    pub placement: Result<OverlayPlacement, String>,
    /// The first of its files; empty where there are none.
    pub path: PathBuf,
    item: Item,
}

#[derive(Debug, Clone)]
enum Item {
    Pet(Arc<CtSeries>),
    Dose { file: Box<DoseFile>, prescription: Result<Prescription, String> },
    Nothing,
}

/// An overlay with its values.
#[derive(Debug, Clone)]
pub struct LoadedOverlay {
    pub volume: OverlayVolume,
    pub warnings: Vec<ImportWarning>,
    /// How the values came about, one sentence.
    pub method: String,
    /// The dose that counts as 100 %, and where it comes from; for PET `None`.
    pub reference: Option<Prescription>,
}

/// Why an overlay cannot be loaded.
#[derive(Debug, thiserror::Error)]
pub enum OverlayError {
    #[error("{}", crate::tf!("it cannot be laid over this CT: {value}", value = .0))]
    NotPlaced(String),
    #[error("{}", crate::tf!("the PET series cannot be read: {value}", value = .0))]
    Pet(#[from] CtError),
    #[error("{}", crate::tf!("the dose cannot be shown: {why}: {path}", why = .why, path = path.display()))]
    Dose { why: String, path: PathBuf },
    #[error("{}", crate::tf!("the grid of the dose is not valid: {source}: {path}", source = .source, path = path.display()))]
    Grid { source: GridError, path: PathBuf },
    #[error("{}", crate::tf!("the file cannot be read ({source}): {path}", source = .source, path = path.display()))]
    Read { source: ReadError, path: PathBuf },
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
}

impl OverlayError {
    pub fn is_cancelled(&self) -> bool {
        matches!(self, Self::Cancelled(_) | Self::Pet(CtError::Cancelled(_)))
    }
}

impl OverlaySource {
    /// Something that the program computed in the frame of reference of the CT; its values are there already.
    pub fn computed(key: &str, kind: OverlayKind, description: &str, details: &str) -> Self {
        let here = OverlayPlacement { ct_from_overlay: Rigid::IDENTITY, registration: None, registrations: 0 };
        Self {
            key: key.into(),
            kind,
            description: description.into(),
            date: String::new(),
            details: details.into(),
            placement: Ok(here),
            path: PathBuf::new(),
            item: Item::Nothing,
        }
    }

    /// Reads pixels and turns them into values at their place over the CT.
    ///
    /// # Errors
    /// [`OverlayError`].
    pub fn load(&self, progress: &dyn Progress) -> Result<LoadedOverlay, OverlayError> {
        let placement = self.placement.as_ref().map_err(|why| OverlayError::NotPlaced(why.clone()))?;
        match &self.item {
            Item::Pet(series) => load_pet(series, placement.ct_from_overlay, progress),
            Item::Dose { file, prescription } => {
                load_dose(file, prescription.clone(), placement.ct_from_overlay, progress)
            }
            Item::Nothing => Err(OverlayError::NotPlaced("it holds no values".into())),
        }
    }

    /// The file paths of the source.
    pub fn paths(&self) -> Vec<PathBuf> {
        match &self.item {
            Item::Pet(series) => series.paths().map(Path::to_path_buf).collect(),
            Item::Dose { .. } | Item::Nothing => vec![self.path.clone()],
        }
    }
}

impl Beside {
    /// The PET series and doses for a CT of this frame of reference, those first that can be shown; each of the
    /// others with the reason.
    pub fn overlays_for(&self, ct_frame_of_reference_uid: &str) -> Vec<OverlaySource> {
        let place = |frame: &str| placement(ct_frame_of_reference_uid, frame, &self.registrations);
        let mut all = Vec::new();
        for series in &self.pet_series {
            all.push(OverlaySource {
                key: series.series_instance_uid.clone(),
                kind: OverlayKind::Pet,
                description: series.description.clone(),
                date: series.date.clone(),
                details: format!("{} images", series.len()),
                placement: place(&series.frame_of_reference_uid),
                path: series.slices[0].path.clone(),
                item: Item::Pet(Arc::new(series.clone())),
            });
        }
        for dose in &self.doses {
            all.push(OverlaySource {
                key: dose.sop_instance_uid.clone(),
                kind: OverlayKind::Dose,
                description: dose.description(),
                date: dose.date.clone(),
                details: dose.details(),
                placement: dose.refusal().map_or_else(|| place(&dose.frame_of_reference_uid), Err),
                path: dose.path.clone(),
                item: Item::Dose { file: Box::new(dose.clone()), prescription: dose.prescription(&self.plans) },
            });
        }
        for file in &self.refused {
            all.push(OverlaySource {
                key: file.series_instance_uid.clone(),
                kind: file.kind,
                description: file.description.clone(),
                date: file.date.clone(),
                details: String::new(),
                placement: Err(file.why.to_owned()),
                path: file.path.clone(),
                item: Item::Nothing,
            });
        }
        // Two stacks of one series, or copies of an object, are told apart by a number.
        for n in 1..all.len() {
            let before = all[..n].iter().filter(|o| o.key.split('#').next() == Some(all[n].key.as_str())).count();
            if before > 0 {
                all[n].key = format!("{}#{}", all[n].key, before + 1);
            }
        }
        all.sort_by_key(|o| (o.placement.is_err(), o.kind == OverlayKind::Dose));
        all
    }
}

fn placement(ct: &str, frame: &str, registrations: &[RegistrationFile]) -> Result<OverlayPlacement, String> {
    if ct.is_empty() {
        return Err("the CT names no frame of reference, so nothing can be laid over it".into());
    }
    if frame.is_empty() {
        return Err("it names no Frame of Reference UID (0020,0052), so its place in the patient is not known".into());
    }
    if ct == frame {
        return Ok(OverlayPlacement { ct_from_overlay: Rigid::IDENTITY, registration: None, registrations: 0 });
    }
    let way = way(frame, ct, registrations)?;
    Ok(OverlayPlacement { ct_from_overlay: way.motion, registration: Some(way.first), registrations: way.steps })
}
