//! The features of every case of a cohort, each by the way that a single case goes: for the window and the command line.
//!
//! What is done is kept at once, one transaction a case, so that a run may be stopped and taken up again. Reasons why a case
//! failed are kept in English, as all that stands in files.

use crate::anatomy::{AnatomyError, AnatomySources, case_sources, draw_stations};
use crate::cohort::{CohortStore, Column, PatientRecord, StoreError, StoredFeatures, source_with};
use crate::diunet::{self, LoadedModel, ModelError, ModelManifest, SegmentError};
use crate::features::{FeatureDefinition, catalogue, definition_sha256};
use crate::files::files_below;
use crate::progress::{Cancelled, Progress};
use crate::structures::{Role, Station};
use crate::workbench::{
    Case, Change, CtvChoice, CtvError, Edit, EditError, EditPolicy, Live, LoadedCase, OpenError, SeriesChoice,
    add_rule_stations, choose_ctv, error_chain, load_series, segmentation_edit,
};
use rayon::prelude::*;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

/// Who draws the stations of cases that have none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Contour {
    #[default]
    Nobody,
    Network,
    Rules,
}

/// How features are computed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ComputeOptions {
    pub contour: Contour,
    /// Without one the structures with role CTV.
    pub ctv: Option<CtvChoice>,
    /// Folder of the network; the usual one without.
    pub network: Option<PathBuf>,
    /// Also what has not changed since.
    pub again: bool,
}

/// What a run did.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ComputeReport {
    /// Cases that were gone through, failed ones too.
    pub computed: usize,
    /// Cases that had not changed since.
    pub kept: usize,
    pub without_case: usize,
    /// Patients without features, and why; also of earlier runs.
    pub failed: Vec<(String, String)>,
    /// The user stopped it; what is counted is kept.
    pub stopped: bool,
}

/// Why a run ended early. What was computed before is kept.
#[derive(Debug, thiserror::Error)]
pub enum ComputeError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Network(#[from] ModelError),
}

/// Why a case has no features.
enum CaseFailure {
    Cancelled,
    Unusable(String),
}

impl CaseFailure {
    fn of(error: impl std::error::Error) -> Self {
        Self::Unusable(error_chain(&error))
    }
}

impl From<Cancelled> for CaseFailure {
    fn from(_: Cancelled) -> Self {
        Self::Cancelled
    }
}
impl From<OpenError> for CaseFailure {
    fn from(error: OpenError) -> Self {
        if error.is_cancelled() { Self::Cancelled } else { Self::of(error) }
    }
}
impl From<SegmentError> for CaseFailure {
    fn from(error: SegmentError) -> Self {
        if matches!(error, SegmentError::Cancelled) { Self::Cancelled } else { Self::of(error) }
    }
}
impl From<AnatomyError> for CaseFailure {
    fn from(error: AnatomyError) -> Self {
        if matches!(error, AnatomyError::Cancelled(_)) { Self::Cancelled } else { Self::of(error) }
    }
}
impl From<CtvError> for CaseFailure {
    fn from(error: CtvError) -> Self {
        if matches!(error, CtvError::Cancelled(_)) { Self::Cancelled } else { Self::of(error) }
    }
}
impl From<EditError> for CaseFailure {
    fn from(error: EditError) -> Self {
        Self::of(error)
    }
}

/// One case of many: what it is at is not shown, but it stops when asked.
struct Quiet<'a>(&'a dyn Progress);

impl Progress for Quiet<'_> {
    fn report(&self, _stage: &str, _done: usize, _total: usize) {}

    fn is_cancelled(&self) -> bool {
        self.0.is_cancelled()
    }
}

/// The definition of the features as it is kept beside them.
pub fn definition() -> String {
    definition_sha256(&FeatureDefinition::default())
}

/// Computes the features of all cases whose files, clinical values, options, network or definition have changed since.
/// `on_case` is told of each as it is kept.
///
/// # Errors
/// See [`ComputeError`]. A case that fails does not end the run, and neither does a run that is stopped.
pub fn compute_features(
    store: &mut CohortStore,
    options: &ComputeOptions,
    progress: &dyn Progress,
    on_case: &mut dyn FnMut(&str, &StoredFeatures),
) -> Result<ComputeReport, ComputeError> {
    let folder = options.network.clone().unwrap_or_else(diunet::default_model_dir);
    // A wrong network fails before long work, and its hash tells when it is another one.
    let hash = match options.contour {
        Contour::Network => Some(ModelManifest::read(&folder)?.sha256),
        Contour::Nobody | Contour::Rules => None,
    };
    let (patients, known) = (store.patients()?, store.features()?);
    let definition = definition();
    let mut report = ComputeReport::default();
    let mut wanted: Vec<(&PatientRecord, &Path, String)> = Vec::new();
    for (n, patient) in patients.iter().enumerate() {
        progress.report("Looking for changes", n, patients.len());
        if progress.is_cancelled() {
            report.stopped = true;
            return Ok(report);
        }
        let Some(case) = patient.case.as_deref().filter(|case| case.exists()) else {
            report.without_case += 1;
            continue;
        };
        let source = source_of(case, patient, options, hash.as_deref());
        let same = known.get(&patient.id).is_some_and(|f| f.source == source && f.definition == definition);
        if same && !options.again {
            report.kept += 1;
        } else {
            wanted.push((patient, case, source));
        }
    }
    let network = match options.contour {
        Contour::Network if !wanted.is_empty() => Some(LoadedModel::load(&folder)?),
        _ => None,
    };
    let total = wanted.len();
    for part in wanted.chunks(rayon::current_num_threads()) {
        progress.report("Computing features", report.computed, total);
        if report.stopped || progress.is_cancelled() {
            report.stopped = true;
            break;
        }
        let found: Vec<Result<Vec<Option<f64>>, CaseFailure>> = part
            .par_iter()
            .map(|(patient, case, _)| features_of(case, patient, options, network.as_ref(), &Quiet(progress)))
            .collect();
        for ((patient, _, source), found) in part.iter().zip(found) {
            let values = match found {
                Ok(values) => Ok(values),
                Err(CaseFailure::Unusable(why)) => Err(why),
                // Others of this part may be whole, and are kept.
                Err(CaseFailure::Cancelled) => {
                    report.stopped = true;
                    continue;
                }
            };
            let features = StoredFeatures { source: source.clone(), definition: definition.clone(), values };
            match store.keep_features(&patient.id, &features) {
                Ok(()) => report.computed += 1,
                // Somebody has removed the patient meanwhile.
                Err(StoreError::NoPatient(_)) => continue,
                Err(error) => return Err(error.into()),
            }
            on_case(&patient.id, &features);
        }
    }
    let computed = store.computed()?;
    for patient in &patients {
        if let Some((_, Some(reason))) = computed.get(&patient.id) {
            report.failed.push((patient.id.clone(), reason.clone()));
        }
    }
    Ok(report)
}

/// All that the features of a case follow from, but for their definition, in hashes: its files by name, size and time of
/// their last change, and who draws; what is known of the patient.
fn source_of(case: &Path, patient: &PatientRecord, options: &ComputeOptions, network: Option<&str>) -> String {
    let mut hash = Sha256::new();
    let files = if case.is_dir() { files_below(case).unwrap_or_default() } else { vec![PathBuf::new()] };
    for file in files {
        let path = if file.as_os_str().is_empty() { case.to_owned() } else { case.join(&file) };
        let about = std::fs::metadata(&path).ok();
        let changed = about.as_ref().and_then(|a| a.modified().ok()).and_then(|t| t.duration_since(UNIX_EPOCH).ok());
        let size = about.map_or(0, |a| a.len());
        hash.update(format!("{}\n{size} {:?}\n", file.display(), changed.map(|c| c.as_nanos())));
    }
    hash.update(format!("{:?} {:?} {network:?}", options.contour, options.ctv));
    source_with(&format!("{:x}", hash.finalize()), &patient.clinical)
}

fn features_of(
    path: &Path,
    patient: &PatientRecord,
    options: &ComputeOptions,
    network: Option<&LoadedModel>,
    progress: &dyn Progress,
) -> Result<Vec<Option<f64>>, CaseFailure> {
    let loaded = load_series(&[path.to_owned()], &SeriesChoice::Best, progress, &mut |_| progress.checkpoint())?;
    let LoadedCase { mut case, surroundings, warnings, .. } = loaded;
    if !case.image.meta.geometry_safe {
        let remark = warnings.iter().find(|w| w.severity == crate::dicom::Severity::Geometry);
        let remark = remark.map(|w| format!(" ({})", w.text)).unwrap_or_default();
        return Err(CaseFailure::Unusable(format!("the geometry of the scan is doubtful{remark}; open it and look")));
    }
    if !has_stations(&case) {
        match (options.contour, network) {
            (Contour::Network, Some(network)) => {
                let gtv = case.gtv_mask();
                let drawn = diunet::segment(network, &case.image.volume, &gtv, progress, &mut |_| {})?;
                let (edit, _) = segmentation_edit(&mut case, &drawn, &EditPolicy::default());
                case.apply(edit)?;
            }
            (Contour::Rules, _) => {
                let set = draw_stations(&sources_of(&case, progress)?).map_err(CaseFailure::of)?;
                add_rule_stations(&mut case, &set)?;
            }
            _ => {
                let why = "the case has no stations; let the network or the rules draw them";
                return Err(CaseFailure::Unusable(why.into()));
            }
        }
    }
    if let Some(choice) = &options.ctv {
        choose_ctv(&mut case, choice, progress)?;
    }
    let (before, after) = (case.clinical().clone(), patient.clinical.clone());
    case.apply(Edit::new("Clinical values", vec![Change::Clinical { before, after }]))?;
    let live = Live::new(&case, surroundings, None);
    let features = &live.features().value;
    match features.stops().next() {
        Some(flag) => Err(CaseFailure::Unusable(flag.to_string())),
        None => Ok(features.values.to_vec()),
    }
}

fn sources_of(case: &Case, progress: &dyn Progress) -> Result<AnatomySources, AnatomyError> {
    let parts = case.structures().rois.iter().map(|roi| (roi.name.as_str(), roi.role, case.mask(roi.id)));
    case_sources(&case.image.volume, parts, progress)
}

fn has_stations(case: &Case) -> bool {
    Station::all().any(|station| case.structures().with_role(Role::Station(station)).next().is_some())
}

/// One row a patient with the outcome that is known, empty where there are no features. Of simulated patients the last
/// column says so.
///
/// # Errors
/// None in memory.
pub fn features_csv(
    patients: &[PatientRecord],
    features: &BTreeMap<String, StoredFeatures>,
) -> Result<Vec<u8>, csv::Error> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let names = catalogue().iter().map(|feature| feature.name.as_str());
    let label = patients.iter().any(|p| p.simulated).then_some(Column::Simulated);
    writer.write_record(["patient", "recurred"].into_iter().chain(names).chain(label.map(Column::name)))?;
    for patient in patients {
        let recurred = patient.outcome.recurred.map_or_else(String::new, |r| u8::from(r).to_string());
        let values = features.get(&patient.id).and_then(|f| f.values.as_ref().ok());
        let cells = (0..catalogue().len()).map(|n| {
            let value = values.and_then(|values| values.get(n).copied().flatten());
            value.map_or_else(String::new, |v| v.to_string())
        });
        let cells = [patient.id.clone(), recurred].into_iter().chain(cells);
        writer.write_record(cells.chain(label.map(|column| patient.cell(column))))?;
    }
    writer.into_inner().map_err(|e| e.into_error().into())
}
