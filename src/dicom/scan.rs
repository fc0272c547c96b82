//! Looking through files and folders: which CT series, structure sets and segmentations are there. Reads headers only.

use super::beside::{Beside, FoundBeside};
use super::charset::Charset;
use super::file::{DicomFile, PixelSource, is_pixels, read_until};
use super::pixels::PixelFormat;
use super::raw::DataSet;
use super::value::readable_name;
use super::warning::{ImportWarning, Severity};
use crate::progress::{Cancelled, Progress};
use crate::tf;
use crate::words::{carried, t};
use dicom_core::Tag;
use dicom_dictionary_std::{tags, uids};
use glam::DVec3;
use rayon::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

/// What a scan found.
#[derive(Debug, Clone, Default)]
pub struct Scan {
    /// Largest first.
    pub series: Vec<CtSeries>,
    /// Structure sets and segmentations, in the order of their paths.
    pub structure_sets: Vec<StructureSetFile>,
    pub warnings: Vec<ImportWarning>,
    /// PET, doses, plans and registrations, which may be laid over a series.
    pub beside: Beside,
    /// Files looked at, and those of them that are DICOM.
    pub files: usize,
    pub dicom_files: usize,
    /// Those that are no DICOM.
    pub others: Vec<PathBuf>,
}

impl StructureSetFile {
    /// True where both name a frame of reference and share none.
    pub fn is_of_other_frame(&self, frame_of_reference_uid: &str) -> bool {
        let theirs = &self.frame_of_reference_uids;
        !frame_of_reference_uid.is_empty() && !theirs.is_empty() && !theirs.iter().any(|t| t == frame_of_reference_uid)
    }
}

impl Scan {
    /// Refuses what holds no CT, with what it holds instead; `folder` is what was looked through.
    ///
    /// # Errors
    /// [`ScanError::NoDicom`], [`ScanError::NoCt`].
    pub fn require_ct(&self, folder: PathBuf) -> Result<(), ScanError> {
        if self.dicom_files == 0 {
            return Err(ScanError::NoDicom { files: self.files, folder });
        }
        if !self.series.is_empty() {
            return Ok(());
        }
        let segmentations = self.structure_sets.iter().filter(|s| s.is_segmentation).count();
        let counts = [(self.structure_sets.len() - segmentations, "structure sets"), (segmentations, "segmentations")];
        let counts: Vec<String> =
            counts.iter().filter(|(n, _)| *n > 0).map(|(n, what)| format!("{n} {what}")).collect();
        let mut found = if counts.is_empty() { String::new() } else { format!(" ({})", counts.join(", ")) };
        // The reason for what was left out is the best explanation there is.
        if let Some(first) = self.warnings.iter().max_by_key(|w| w.severity) {
            found += &format!("; {}", lower_first(&first.text));
        }
        Err(ScanError::NoCt { files: self.files, dicom: self.dicom_files, found, folder })
    }
}

/// Of which modality the images of a series are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, strum::Display)]
pub(crate) enum SeriesKind {
    #[strum(serialize = "CT")]
    Ct,
    #[strum(serialize = "PET")]
    Pet,
}

/// A stack of CT (or PET) images of one series, one orientation and one size.
#[derive(Debug, Clone)]
pub struct CtSeries {
    pub(crate) kind: SeriesKind,
    pub study_instance_uid: String,
    pub series_instance_uid: String,
    pub frame_of_reference_uid: String,
    /// Series Description (0008,103E).
    pub description: String,
    /// Readable.
    pub patient_name: String,
    pub patient_id: String,
    /// YYYYMMDD.
    pub study_date: String,
    /// Of the series, else of the acquisition, else of the study; YYYYMMDD.
    pub date: String,
    pub rows: usize,
    pub columns: usize,
    pub(crate) slices: Vec<SliceHeader>,
}

impl CtSeries {
    /// Number of images; a multi-frame file holds several.
    pub fn len(&self) -> usize {
        self.slices.len()
    }

    pub fn is_empty(&self) -> bool {
        self.slices.is_empty()
    }

    pub fn paths(&self) -> impl Iterator<Item = &Path> {
        self.slices.iter().map(|s| s.path.as_path())
    }
}

/// What the header of one CT image says.
#[derive(Debug, Clone)]
pub(crate) struct SliceHeader {
    pub path: PathBuf,
    pub sop_class_uid: String,
    pub sop_instance_uid: String,
    pub instance_number: Option<i32>,
    pub position: Option<DVec3>,
    /// Unit vectors along a row and along a column.
    pub directions: Option<[DVec3; 2]>,
    /// Distance between columns and between rows, mm.
    pub spacing_ij_mm: Option<[f64; 2]>,
    pub rows: usize,
    pub columns: usize,
    /// Frames of a single image, which should have one.
    pub frames: i32,
    /// Which frame of a multi-frame image it is, from 1.
    pub frame: Option<u32>,
    pub localizer: bool,
    pub transfer_syntax: String,
    /// The compression that changed the pixel values, if one did.
    pub lossy: Option<&'static str>,
    pub format: PixelFormat,
    pub pixels: Option<PixelSource>,
}

impl SliceHeader {
    /// What tells images apart: the file and the frame.
    pub fn place(&self) -> (PathBuf, Option<u32>) {
        (self.path.clone(), self.frame)
    }
}

/// A file of structures, a structure set or a segmentation, as far as its header tells.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct StructureSetFile {
    pub path: PathBuf,
    pub is_segmentation: bool,
    /// Structure Set Label (3006,0002); of a segmentation the Content Label (0070,0080).
    pub label: String,
    pub series_description: String,
    /// Structure Set Date and Time (3006,0008) and (3006,0009), of a segmentation Content Date and Time, as in the file.
    pub date: String,
    pub time: String,
    pub approval_status: String,
    pub study_instance_uid: String,
    pub series_instance_uid: String,
    pub sop_instance_uid: String,
    pub referenced_series_uids: Vec<String>,
    pub frame_of_reference_uids: Vec<String>,
    /// Or the labels of the segments.
    pub roi_names: Vec<String>,
}

/// Why a scan found nothing to work with.
#[derive(Debug, thiserror::Error)]
pub enum ScanError {
    #[error("{}", crate::tf!("nothing is there; check the path: {path}", path = .0.display()))]
    NotFound(PathBuf),
    #[error("{}", crate::tf!("no DICOM file among {files} files, and no NIfTI volume; choose the folder that holds the CT images: {path}", files = .files, path = folder.display()))]
    NoDicom { files: usize, folder: PathBuf },
    #[error("{}", crate::tf!("the folder holds {files} files, {dicom} of them DICOM, none of them CT images{found}; add the folder of the CT series: {path}", files = .files, dicom = .dicom, found = .found, path = folder.display()))]
    NoCt { files: usize, dicom: usize, found: String, folder: PathBuf },
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
}

enum Found {
    NotDicom,
    /// DICOM of another kind, which is none of our business.
    Other,
    /// DICOM that cannot be used, and why.
    Unusable(String),
    Slices {
        group: SeriesFacts,
        /// One, or the frames of a multi-frame image.
        slices: Vec<SliceHeader>,
    },
    StructureSet(Box<StructureSetFile>),
    Beside(Box<FoundBeside>),
}

#[derive(Debug, Clone)]
struct SeriesFacts {
    kind: SeriesKind,
    study_instance_uid: String,
    series_instance_uid: String,
    frame_of_reference_uid: String,
    description: String,
    patient_name: String,
    patient_id: String,
    study_date: String,
    date: String,
}

/// Looks through files and folders (recursively; any file extension) for a CT, headers only.
///
/// # Errors
/// [`ScanError`]; files that are damaged or no DICOM are not errors.
pub fn scan(paths: &[PathBuf], progress: &dyn Progress) -> Result<Scan, ScanError> {
    let scan = look_through(paths, progress)?;
    scan.require_ct(paths.first().cloned().unwrap_or_default())?;
    Ok(scan)
}

/// As [`scan`], but it may find anything or nothing.
///
/// # Errors
/// [`ScanError::NotFound`] and [`ScanError::Cancelled`].
pub fn look_through(paths: &[PathBuf], progress: &dyn Progress) -> Result<Scan, ScanError> {
    let mut listing = Listing::default();
    for path in paths {
        if !path.exists() {
            return Err(ScanError::NotFound(path.clone()));
        }
        listing.add(path, progress)?;
    }
    let Listing { mut files, warnings, .. } = listing;
    files.sort();
    files.dedup();
    let done = AtomicUsize::new(0);
    let found: Vec<Found> = files
        .par_iter()
        .map(carried(|path: &PathBuf| {
            progress.checkpoint()?;
            let found = look_at(path);
            progress.report(t("Reading headers"), done.fetch_add(1, Ordering::Relaxed) + 1, files.len());
            Ok(found)
        }))
        .collect::<Result<_, Cancelled>>()?;

    let mut scan = Scan { files: files.len(), warnings, ..Scan::default() };
    let mut slices: BTreeMap<String, Vec<(SeriesFacts, SliceHeader)>> = BTreeMap::new();
    let mut unusable: BTreeMap<String, Vec<PathBuf>> = BTreeMap::new();
    let mut localizers = Vec::new();
    for (path, found) in files.iter().zip(found) {
        scan.dicom_files += usize::from(!matches!(found, Found::NotDicom));
        match found {
            Found::NotDicom => scan.others.push(path.clone()),
            Found::Other => {}
            Found::Unusable(why) => unusable.entry(why).or_default().push(path.clone()),
            Found::StructureSet(set) => scan.structure_sets.push(*set),
            Found::Beside(found) => scan.beside.add(*found),
            Found::Slices { group, slices: found } => {
                let series = slices.entry(group.series_instance_uid.clone()).or_default();
                for slice in found {
                    if slice.localizer {
                        localizers.push(path.clone());
                    } else {
                        series.push((group.clone(), slice));
                    }
                }
            }
        }
    }
    for (why, files) in unusable {
        scan.warnings.push(ImportWarning::new(Severity::Warning, crate::tf!("Left out: {why}", why), files));
    }
    if !localizers.is_empty() {
        let text = format!("{} localizer images (scout views) were left out", localizers.len());
        scan.warnings.push(ImportWarning::new(Severity::Info, text, localizers));
    }
    for slices in slices.into_values() {
        split_into_stacks(slices, &mut scan);
    }
    scan.series.sort_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.series_instance_uid.cmp(&b.series_instance_uid)));
    Ok(scan)
}

fn lower_first(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |c| c.to_lowercase().chain(chars).collect())
}

/// Files found so far, and the folders they came from.
#[derive(Default)]
struct Listing {
    files: Vec<PathBuf>,
    warnings: Vec<ImportWarning>,
    /// Real paths, so that links back to a folder above end.
    folders: BTreeSet<PathBuf>,
}

impl Listing {
    fn add(&mut self, path: &Path, progress: &dyn Progress) -> Result<(), Cancelled> {
        progress.checkpoint()?;
        if !path.is_dir() {
            self.files.push(path.to_owned());
            return Ok(());
        }
        if !self.folders.insert(path.canonicalize().unwrap_or_else(|_unreadable| path.to_owned())) {
            return Ok(());
        }
        match std::fs::read_dir(path) {
            Ok(entries) => {
                for entry in entries.flatten().filter(|e| !is_unfinished_folder(&e.path())) {
                    self.add(&entry.path(), progress)?;
                }
            }
            Err(e) => {
                let text = format!("A folder could not be read ({e})");
                self.warnings.push(ImportWarning::new(Severity::Warning, text, vec![path.to_owned()]));
            }
        }
        Ok(())
    }
}

/// Files of this program that are still arriving, or never arrived as a whole.
fn is_unfinished_folder(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.starts_with(super::file::UNFINISHED[0]) && path.is_dir()
}

/// Structure sets need no contours here, images no pixels.
fn beyond_header(tag: Tag) -> bool {
    tag == tags::ROI_CONTOUR_SEQUENCE || is_pixels(tag) || tag.0 > 0x7FE0
}

fn look_at(path: &Path) -> Found {
    let file = match read_until(path, &beyond_header) {
        Ok(Some(file)) => file,
        Ok(None) => return Found::NotDicom,
        Err(super::file::ReadError::Io(e)) => {
            return Found::Unusable(tf!("the file could not be read ({reason})", reason = e));
        }
        Err(e) => return Found::Unusable(e.to_string()),
    };
    let ds = &file.dataset;
    let charset = Charset::of(ds, &Charset::default());
    let dates = [tags::SERIES_DATE, tags::ACQUISITION_DATE, tags::STUDY_DATE].map(|tag| ds.string(tag));
    let group = |kind: SeriesKind| SeriesFacts {
        kind,
        date: dates.iter().find(|d| !d.is_empty()).cloned().unwrap_or_default(),
        study_instance_uid: ds.string(tags::STUDY_INSTANCE_UID),
        series_instance_uid: ds.string(tags::SERIES_INSTANCE_UID),
        frame_of_reference_uid: ds.string(tags::FRAME_OF_REFERENCE_UID),
        description: ds.text(tags::SERIES_DESCRIPTION, &charset),
        patient_name: readable_name(&ds.text(tags::PATIENT_NAME, &charset)),
        patient_id: ds.text(tags::PATIENT_ID, &charset),
        study_date: ds.string(tags::STUDY_DATE),
    };
    match ds.string(tags::SOP_CLASS_UID).as_str() {
        uids::CT_IMAGE_STORAGE => {
            Found::Slices { group: group(SeriesKind::Ct), slices: vec![slice_header(path, &file)] }
        }
        uids::POSITRON_EMISSION_TOMOGRAPHY_IMAGE_STORAGE => {
            Found::Slices { group: group(SeriesKind::Pet), slices: vec![slice_header(path, &file)] }
        }
        uids::RT_STRUCTURE_SET_STORAGE => Found::StructureSet(Box::new(structure_set_file(path, ds, &charset))),
        uids::SEGMENTATION_STORAGE | super::seg::LABEL_MAP_STORAGE => {
            Found::StructureSet(Box::new(segmentation_file(path, ds, &charset)))
        }
        uids::ENHANCED_CT_IMAGE_STORAGE | uids::LEGACY_CONVERTED_ENHANCED_CT_IMAGE_STORAGE => {
            match super::enhanced::slices(path, &file) {
                Ok(slices) => Found::Slices { group: group(SeriesKind::Ct), slices },
                Err(why) => Found::Unusable(tf!("enhanced multi-frame CT: {why}", why)),
            }
        }
        class => super::beside::look_at(path, ds, &charset, class).map_or(Found::Other, |f| Found::Beside(Box::new(f))),
    }
}

pub(super) fn slice_header(path: &Path, file: &DicomFile) -> SliceHeader {
    let ds = &file.dataset;
    SliceHeader {
        path: path.to_owned(),
        sop_class_uid: ds.string(tags::SOP_CLASS_UID),
        sop_instance_uid: ds.string(tags::SOP_INSTANCE_UID),
        instance_number: ds.integer(tags::INSTANCE_NUMBER),
        position: position(ds),
        directions: directions(ds),
        spacing_ij_mm: spacing_ij_mm(ds),
        rows: usize::from(ds.us(tags::ROWS).unwrap_or(0)),
        columns: usize::from(ds.us(tags::COLUMNS).unwrap_or(0)),
        frames: ds.integer(tags::NUMBER_OF_FRAMES).unwrap_or(1),
        frame: None,
        localizer: is_localizer(&ds.string(tags::IMAGE_TYPE)),
        lossy: super::codec::lossy_name(&file.transfer_syntax, ds),
        transfer_syntax: file.transfer_syntax.clone(),
        format: PixelFormat::of(ds, ds),
        pixels: file.pixels,
    }
}

pub(super) fn position(ds: &DataSet) -> Option<DVec3> {
    ds.decimals_n::<3>(tags::IMAGE_POSITION_PATIENT).map(DVec3::from_array)
}

pub(super) fn directions(ds: &DataSet) -> Option<[DVec3; 2]> {
    let cosines = ds.decimals_n::<6>(tags::IMAGE_ORIENTATION_PATIENT);
    cosines.map(|c| [DVec3::new(c[0], c[1], c[2]), DVec3::new(c[3], c[4], c[5])])
}

/// Pixel Spacing is row spacing (between rows) first: PS3.3 section 10.7.1.3.
pub(super) fn spacing_ij_mm(ds: &DataSet) -> Option<[f64; 2]> {
    ds.decimals_n::<2>(tags::PIXEL_SPACING).map(|[between_rows, between_columns]| [between_columns, between_rows])
}

/// By the Image Type (0008,0008) or the type of a frame.
pub(super) fn is_localizer(image_type: &str) -> bool {
    let image_type = image_type.to_uppercase();
    image_type.contains("LOCALIZER") || image_type.contains("SCOUT")
}

fn structure_set_file(path: &Path, ds: &DataSet, charset: &Charset) -> StructureSetFile {
    let mut referenced_series_uids = Vec::new();
    let mut frame_of_reference_uids = Vec::new();
    let add = |list: &mut Vec<String>, uid: String| {
        if !uid.is_empty() && !list.contains(&uid) {
            list.push(uid);
        }
    };
    for frame in ds.items(tags::REFERENCED_FRAME_OF_REFERENCE_SEQUENCE) {
        add(&mut frame_of_reference_uids, frame.string(tags::FRAME_OF_REFERENCE_UID));
        for study in frame.items(tags::RT_REFERENCED_STUDY_SEQUENCE) {
            for series in study.items(tags::RT_REFERENCED_SERIES_SEQUENCE) {
                add(&mut referenced_series_uids, series.string(tags::SERIES_INSTANCE_UID));
            }
        }
    }
    let rois = ds.items(tags::STRUCTURE_SET_ROI_SEQUENCE);
    for roi in rois {
        add(&mut frame_of_reference_uids, roi.string(tags::REFERENCED_FRAME_OF_REFERENCE_UID));
    }
    StructureSetFile {
        path: path.to_owned(),
        is_segmentation: false,
        label: ds.text(tags::STRUCTURE_SET_LABEL, charset),
        series_description: ds.text(tags::SERIES_DESCRIPTION, charset),
        date: ds.string(tags::STRUCTURE_SET_DATE),
        time: ds.string(tags::STRUCTURE_SET_TIME),
        approval_status: ds.string(tags::APPROVAL_STATUS),
        study_instance_uid: ds.string(tags::STUDY_INSTANCE_UID),
        series_instance_uid: ds.string(tags::SERIES_INSTANCE_UID),
        sop_instance_uid: ds.string(tags::SOP_INSTANCE_UID),
        referenced_series_uids,
        frame_of_reference_uids,
        roi_names: rois.iter().map(|r| r.text(tags::ROI_NAME, &Charset::of(r, charset))).collect(),
    }
}

fn segmentation_file(path: &Path, ds: &DataSet, charset: &Charset) -> StructureSetFile {
    let listed = |uids: Vec<String>| uids.into_iter().filter(|uid| !uid.is_empty()).collect();
    let series = ds.items(tags::REFERENCED_SERIES_SEQUENCE).iter().map(|s| s.string(tags::SERIES_INSTANCE_UID));
    let segments = ds.items(tags::SEGMENT_SEQUENCE).iter();
    StructureSetFile {
        path: path.to_owned(),
        is_segmentation: true,
        label: ds.text(tags::CONTENT_LABEL, charset),
        series_description: ds.text(tags::SERIES_DESCRIPTION, charset),
        date: ds.string(tags::CONTENT_DATE),
        time: ds.string(tags::CONTENT_TIME),
        approval_status: String::new(),
        study_instance_uid: ds.string(tags::STUDY_INSTANCE_UID),
        series_instance_uid: ds.string(tags::SERIES_INSTANCE_UID),
        sop_instance_uid: ds.string(tags::SOP_INSTANCE_UID),
        referenced_series_uids: listed(series.collect()),
        frame_of_reference_uids: listed(vec![ds.string(tags::FRAME_OF_REFERENCE_UID)]),
        roi_names: segments.map(|s| s.text(tags::SEGMENT_LABEL, &Charset::of(s, charset))).collect(),
    }
}

/// Largest difference of direction cosines and of pixel spacing (mm) within one stack.
const SAME_DIRECTION: f64 = 1e-4;
const SAME_SPACING_MM: f64 = 1e-4;

/// One series can hold several stacks (reformatted planes, another matrix): each becomes its own.
fn split_into_stacks(slices: Vec<(SeriesFacts, SliceHeader)>, scan: &mut Scan) {
    let mut stacks: Vec<CtSeries> = Vec::new();
    for (facts, slice) in slices {
        let fits = |stack: &CtSeries| {
            let first = &stack.slices[0];
            let same_directions = match (&first.directions, &slice.directions) {
                (Some(a), Some(b)) => a.iter().zip(b).all(|(a, b)| (*a - *b).abs().max_element() < SAME_DIRECTION),
                (a, b) => a.is_none() && b.is_none(),
            };
            let same_spacing = match (&first.spacing_ij_mm, &slice.spacing_ij_mm) {
                (Some(a), Some(b)) => a.iter().zip(b).all(|(a, b)| (a - b).abs() < SAME_SPACING_MM),
                (a, b) => a.is_none() && b.is_none(),
            };
            same_directions
                && same_spacing
                && (stack.rows, stack.columns) == (slice.rows, slice.columns)
                && (stack.kind, &stack.frame_of_reference_uid) == (facts.kind, &facts.frame_of_reference_uid)
        };
        if let Some(stack) = stacks.iter_mut().find(|s| fits(s)) {
            stack.slices.push(slice);
        } else {
            stacks.push(CtSeries {
                kind: facts.kind,
                study_instance_uid: facts.study_instance_uid,
                series_instance_uid: facts.series_instance_uid,
                frame_of_reference_uid: facts.frame_of_reference_uid,
                description: facts.description,
                patient_name: facts.patient_name,
                patient_id: facts.patient_id,
                study_date: facts.study_date,
                date: facts.date,
                rows: slice.rows,
                columns: slice.columns,
                slices: vec![slice],
            });
        }
    }
    if stacks.len() > 1 {
        stacks.sort_by_key(|s| std::cmp::Reverse(s.len()));
        let counts: Vec<String> = stacks.iter().map(|s| s.len().to_string()).collect();
        scan.warnings.push(ImportWarning::new(
            Severity::Warning,
            crate::tf!("The series \"{description}\" mixes images of different orientation, size, spacing or frame of reference; they are listed as {stacks} series of {names} images", description = stacks[0].description, stacks = stacks.len(), names = counts.join(", ")),
            stacks.iter().map(|s| s.slices[0].path.clone()).collect(),
        ));
    }
    let (pet, ct): (Vec<_>, Vec<_>) = stacks.into_iter().partition(|s| s.kind == SeriesKind::Pet);
    scan.beside.pet_series.extend(pet);
    scan.series.extend(ct);
}
