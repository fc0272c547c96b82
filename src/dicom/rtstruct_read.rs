//! Reading structure sets: every ROI with its rings on the slices of a scan, bit for bit as the decimal
//! strings say, and everything that could not be placed in the report.

use super::charset::Charset;
use super::contours::{Binding, Contour, bind};
use super::file::{ReadError, read_all};
use super::meta::CtMeta;
use super::provenance::{derivation_of, is_ours, provenance_of};
use super::raw::DataSet;
use super::rtstruct_remarks::{check_completeness, check_references, quoted, report_roi};
use super::value::readable_name;
use super::warning::{ImportWarning, Severity};
use crate::contour::{Ring, SliceContours};
use crate::geometry::VoxelGrid;
use crate::structures::{Generation, Provenance, Roi, RoiId, SourceRoi, propose_role};
use dicom_dictionary_std::{tags, uids};
use rayon::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Why a structure set cannot be loaded onto a scan.
#[derive(Debug, thiserror::Error)]
pub enum StructureSetError {
    Read { source: ReadError, path: PathBuf },
    NotAStructureSet { sop_class: String, path: PathBuf },
    OtherFrameOfReference { label: String, set_uid: String, ct_uid: String, path: PathBuf },
    NotInScan { label: String, path: PathBuf },
}

impl StructureSetError {
    pub fn path(&self) -> &Path {
        match self {
            Self::Read { path, .. }
            | Self::NotAStructureSet { path, .. }
            | Self::OtherFrameOfReference { path, .. }
            | Self::NotInScan { path, .. } => path,
        }
    }

    /// The reason without the file.
    pub fn reason(&self) -> String {
        match self {
            Self::Read { source, .. } => format!("the structure set cannot be read: {source}"),
            Self::NotAStructureSet { sop_class, .. } => {
                format!("the file is no structure set (SOP class {sop_class})")
            }
            Self::OtherFrameOfReference { label, .. } => format!(
                "the structure set \"{label}\" belongs to another frame of reference than this CT, so its contours may lie elsewhere in the patient; open the CT on which it was drawn, or have it transferred to this one by a registration"
            ),
            Self::NotInScan { label, .. } => format!(
                "the structure set \"{label}\" names no frame of reference, refers to no image of this CT, and none of its contours lies in the scan; open the CT on which it was drawn"
            ),
        }
    }

    /// The same as a line of the import report, for a case that opens without this set.
    pub fn to_warning(&self) -> ImportWarning {
        let text = format!("Not loaded: {}", self.reason());
        ImportWarning::new(Severity::Warning, text, vec![self.path().to_owned()])
    }
}

impl std::fmt::Display for StructureSetError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.reason(), self.path().display())
    }
}

/// Approval module of a structure set.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize)]
pub struct Approval {
    /// APPROVED, UNAPPROVED, REJECTED or empty.
    pub status: String,
    pub reviewer: String,
    /// YYYYMMDD.
    pub date: String,
}

/// What became of the contours of one ROI.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize)]
pub struct RoiSummary {
    /// ROI Number (3006,0022).
    pub number: i32,
    pub name: String,
    /// RT ROI Interpreted Type (3006,00A4).
    pub interpreted_type: String,
    /// Contours in the file, and those of them that fill slices.
    pub contours: usize,
    pub rings: usize,
    /// Slices with rings.
    pub slices: usize,
    /// Points of the rings.
    pub points: usize,
    /// Open contours and points: listed, kept on export, not filled.
    pub open: usize,
    /// Contours denser than the slices, or repeated: not filled.
    pub idle: usize,
    /// Beyond the scan or in a gap of it.
    pub outside: usize,
    /// Not parallel to the slices.
    pub tilted: usize,
    pub unreadable: usize,
    /// Rings without area (fewer than three points, or a speck).
    pub degenerate: usize,
}

/// A structure set as it came, for export and comparison.
#[derive(Debug)]
pub struct SourceStructureSet {
    pub path: PathBuf,
    pub label: String,
    pub sop_instance_uid: String,
    pub series_instance_uid: String,
    /// SHA-256 of the file, hexadecimal.
    pub sha256: String,
    pub(crate) dataset: DataSet,
    pub(crate) charset: Charset,
}

/// A structure set on the slices of a scan.
#[derive(Debug, Clone)]
pub struct LoadedStructureSet {
    /// With `RoiId(0)`: the case gives the ids. Empty ROIs are there too.
    pub rois: Vec<Roi>,
    /// One per ROI, in the same order.
    pub summaries: Vec<RoiSummary>,
    pub label: String,
    pub approval: Approval,
    pub source: Arc<SourceStructureSet>,
    pub warnings: Vec<ImportWarning>,
    /// Indices of the ROIs whose role is only a guess from the name.
    pub uncertain_roles: Vec<usize>,
}

/// Share of a pixel below which a ring is a speck.
const SPECK: f64 = 0.05;

/// Colors for ROIs that bring none.
const PALETTE: [[u8; 3]; 12] = [
    [230, 60, 60],
    [60, 160, 230],
    [80, 190, 90],
    [240, 170, 40],
    [170, 100, 220],
    [40, 190, 190],
    [230, 110, 180],
    [160, 180, 50],
    [120, 130, 240],
    [220, 130, 90],
    [90, 200, 150],
    [200, 200, 90],
];

/// The items of the ROI Contour Sequence for each ROI number: one, but for files that split an ROI.
pub(crate) fn contour_items(ds: &DataSet) -> BTreeMap<i32, Vec<&DataSet>> {
    let mut items: BTreeMap<i32, Vec<&DataSet>> = BTreeMap::new();
    for item in ds.items(tags::ROI_CONTOUR_SEQUENCE) {
        if let Some(number) = item.integer(tags::REFERENCED_ROI_NUMBER) {
            items.entry(number).or_default().push(item);
        }
    }
    items
}

/// The contours of several items one after the other, as [`Ring::source_contour`] counts them.
pub(crate) fn contours_of<'a>(items: &[&'a DataSet]) -> Vec<&'a DataSet> {
    items.iter().flat_map(|item| item.items(tags::CONTOUR_SEQUENCE)).collect()
}

/// RT ROI Interpreted Type of each ROI number; of several observations, the first that has one.
pub(crate) fn interpreted_types(ds: &DataSet) -> BTreeMap<i32, String> {
    let mut types: BTreeMap<i32, String> = BTreeMap::new();
    for item in ds.items(tags::RTROI_OBSERVATIONS_SEQUENCE) {
        let Some(number) = item.integer(tags::REFERENCED_ROI_NUMBER) else { continue };
        let entry = types.entry(number).or_default();
        if entry.is_empty() {
            *entry = item.string(tags::RTROI_INTERPRETED_TYPE);
        }
    }
    types
}

/// ROI Display Color (3006,002A).
pub(crate) fn display_color(item: &DataSet) -> Option<[u8; 3]> {
    let numbers = item.decimals_n::<3>(tags::ROI_DISPLAY_COLOR)?;
    Some(numbers.map(|c| c.clamp(0.0, 255.0) as u8))
}

/// ROI Generation Algorithm (3006,0036).
pub(crate) fn generation(item: &DataSet) -> Generation {
    match item.string(tags::ROI_GENERATION_ALGORITHM).to_uppercase().as_str() {
        "AUTOMATIC" => Generation::Automatic,
        "SEMIAUTOMATIC" => Generation::Semiautomatic,
        "MANUAL" => Generation::Manual,
        _ => Generation::Unknown,
    }
}

/// Frame of Reference UIDs of the Referenced Frame of Reference Sequence.
pub(crate) fn frames_of_reference(ds: &DataSet) -> Vec<String> {
    ds.items(tags::REFERENCED_FRAME_OF_REFERENCE_SEQUENCE)
        .iter()
        .map(|f| f.string(tags::FRAME_OF_REFERENCE_UID))
        .filter(|uid| !uid.is_empty())
        .collect()
}

/// The frame of reference of an ROI: its own, else the only one of the set, else empty.
pub(crate) fn frame_of_roi(frames_of_set: &[String], item: &DataSet) -> String {
    let own = item.string(tags::REFERENCED_FRAME_OF_REFERENCE_UID);
    if own.is_empty() && frames_of_set.len() == 1 { frames_of_set[0].clone() } else { own }
}

/// True where both are known and differ.
pub(crate) fn is_other_frame(uid: &str, ct: &CtMeta) -> bool {
    !uid.is_empty() && !ct.frame_of_reference_uid.is_empty() && uid != ct.frame_of_reference_uid
}

/// The rings of one slice from the contours that are bound to it.
pub(crate) fn slice_rings(contours: &[Contour], indices: &[usize], grid: &VoxelGrid) -> SliceContours {
    SliceContours::new(indices.iter().map(|i| Ring::imported(contours[*i].plane_points(grid), *i as u32)).collect())
}

impl SourceStructureSet {
    /// Opens a structure set file.
    ///
    /// # Errors
    /// [`StructureSetError::Read`] and [`StructureSetError::NotAStructureSet`].
    pub(crate) fn open(path: &Path) -> Result<Self, StructureSetError> {
        let (bytes, file) =
            read_all(path).map_err(|source| StructureSetError::Read { source, path: path.to_owned() })?;
        let ds = file.dataset;
        let sop_class = ds.string(tags::SOP_CLASS_UID);
        if sop_class != uids::RT_STRUCTURE_SET_STORAGE {
            return Err(StructureSetError::NotAStructureSet { sop_class, path: path.to_owned() });
        }
        let charset = Charset::of(&ds, &Charset::default());
        let label = [tags::STRUCTURE_SET_LABEL, tags::STRUCTURE_SET_NAME, tags::SERIES_DESCRIPTION]
            .into_iter()
            .map(|tag| ds.text(tag, &charset))
            .find(|text| !text.is_empty())
            .unwrap_or_else(|| file_name(path));
        Ok(Self {
            path: path.to_owned(),
            label,
            sop_instance_uid: ds.string(tags::SOP_INSTANCE_UID),
            series_instance_uid: ds.string(tags::SERIES_INSTANCE_UID),
            sha256: sha256_hex(&bytes),
            dataset: ds,
            charset,
        })
    }

    /// True where the name of an ROI reads the same in every character set, or in none.
    pub(crate) fn charset_of_name_is_moot(&self, item: &DataSet) -> bool {
        let bytes = item.bytes(tags::ROI_NAME).unwrap_or_default();
        Charset::default().is_valid(bytes) || Charset::of(item, &self.charset).decode_exactly(bytes).is_none()
    }

    /// Name of an item of the Structure Set ROI Sequence.
    pub(crate) fn roi_name(&self, item: &DataSet) -> String {
        item.text(tags::ROI_NAME, &Charset::of(item, &self.charset))
    }
}

/// SHA-256, hexadecimal.
pub(crate) fn sha256_hex(bytes: &[u8]) -> String {
    use sha2::Digest as _;
    sha2::Sha256::digest(bytes).iter().map(|b| format!("{b:02x}")).collect()
}

fn file_name(path: &Path) -> String {
    path.file_name().map_or_else(String::new, |n| n.to_string_lossy().into_owned())
}

/// One ROI between reading and reporting.
pub(super) struct ReadRoi<'a> {
    item: &'a DataSet,
    number: i32,
    pub(super) name: String,
    interpreted_type: String,
    contour_items: Vec<&'a DataSet>,
    pub(super) contours: Vec<Contour>,
    pub(super) binding: Binding,
}

/// Loads a structure set onto the slices of a CT. `set_index` is its place among the sets of the case.
///
/// # Errors
/// [`StructureSetError`].
pub fn load_structure_set(
    path: &Path,
    grid: &VoxelGrid,
    ct: &CtMeta,
    set_index: usize,
) -> Result<LoadedStructureSet, StructureSetError> {
    let source = Arc::new(SourceStructureSet::open(path)?);
    let ds = &source.dataset;
    let mut warnings = Vec::new();
    let contour_items = contour_items(ds);
    let types = interpreted_types(ds);
    let mut numbers = BTreeSet::new();
    let mut read: Vec<ReadRoi> = Vec::new();
    for item in ds.items(tags::STRUCTURE_SET_ROI_SEQUENCE) {
        let name = source.roi_name(item);
        let Some(number) = item.integer(tags::ROI_NUMBER) else {
            warnings
                .push(ImportWarning::warning(crate::tf!("The ROI \"{name}\" has no number and was left out", name)));
            continue;
        };
        if !numbers.insert(number) {
            warnings.push(ImportWarning::warning(crate::tf!(
                "The ROI \"{name}\" has the number {number} of another ROI and was left out",
                name,
                number
            )));
            continue;
        }
        read.push(ReadRoi {
            item,
            number,
            name,
            interpreted_type: types.get(&number).cloned().unwrap_or_default(),
            contour_items: contour_items.get(&number).cloned().unwrap_or_default(),
            contours: Vec::new(),
            binding: Binding::default(),
        });
    }
    read.par_iter_mut().for_each(|roi| {
        roi.contours = contours_of(&roi.contour_items).into_iter().map(Contour::of).collect();
        roi.binding = bind(&roi.contours, grid);
    });
    let orphans = contour_items.keys().filter(|n| !numbers.contains(n)).count();
    if orphans > 0 {
        warnings.push(ImportWarning::warning(crate::tf!(
            "{orphans} sets of contours belong to no ROI and were left out",
            orphans
        )));
    }
    let nameless = ds.items(tags::ROI_CONTOUR_SEQUENCE).iter();
    let nameless = nameless.filter(|item| item.integer(tags::REFERENCED_ROI_NUMBER).is_none()).count();
    if nameless > 0 {
        warnings.push(ImportWarning::warning(crate::tf!(
            "{nameless} sets of contours name no ROI and were left out",
            nameless
        )));
    }
    for roi in read.iter().filter(|roi| roi.contour_items.len() > 1) {
        warnings.push(ImportWarning::warning(crate::tf!(
            "The contours of \"{name}\" stand in {contour_items} places of the file; all of them were read",
            name = roi.name,
            contour_items = roi.contour_items.len()
        )));
    }
    check_completeness(&source, &read, &mut warnings);
    check_frame_of_reference(&source, &mut read, grid, ct, &mut warnings)?;
    check_references(&source, &read, ct, &mut warnings);

    let mut loaded = LoadedStructureSet {
        rois: Vec::new(),
        summaries: Vec::new(),
        label: source.label.clone(),
        approval: Approval {
            status: ds.string(tags::APPROVAL_STATUS),
            reviewer: readable_name(&ds.text(tags::REVIEWER_NAME, &source.charset)),
            date: ds.string(tags::REVIEW_DATE),
        },
        uncertain_roles: Vec::new(),
        warnings: Vec::new(),
        source: Arc::clone(&source),
    };
    let is_ours = is_ours(ds);
    for (index, roi) in read.iter().enumerate() {
        let proposal = propose_role(&roi.name, &roi.interpreted_type);
        if !proposal.certain {
            loaded.uncertain_roles.push(index);
        }
        let slices: BTreeMap<usize, Arc<SliceContours>> = (roi.binding.rings.iter())
            .map(|(k, indices)| (*k, Arc::new(slice_rings(&roi.contours, indices, grid))))
            .collect();
        let rings = || slices.values().flat_map(|s| &s.rings);
        let speck_mm2 = SPECK * grid.spacing_i_mm() * grid.spacing_j_mm();
        let summary = RoiSummary {
            number: roi.number,
            name: roi.name.clone(),
            interpreted_type: roi.interpreted_type.clone(),
            contours: roi.contours.len(),
            rings: rings().count(),
            slices: slices.len(),
            points: rings().map(|r| r.points().len()).sum(),
            open: roi.binding.open.len(),
            idle: roi.binding.idle.values().map(Vec::len).sum(),
            outside: roi.binding.outside.len(),
            tilted: roi.binding.tilted.len(),
            unreadable: roi.binding.unreadable.len(),
            degenerate: rings().filter(|r| r.is_degenerate() || r.signed_area_mm2().abs() < speck_mm2).count(),
        };
        let incomplete = roi.contours.iter().filter(|c| !c.is_complete && !c.points.is_empty()).count();
        report_roi(&summary, incomplete, &mut warnings);
        let description = roi.item.text(tags::ROI_DESCRIPTION, &Charset::of(roi.item, &source.charset));
        let description = Some(description).filter(|_| is_ours);
        loaded.rois.push(Roi {
            id: RoiId(0),
            name: roi.name.clone(),
            color: roi.contour_items.first().and_then(|i| display_color(i)).unwrap_or(PALETTE[index % PALETTE.len()]),
            role: proposal.role,
            generation: generation(roi.item),
            provenance: description
                .as_deref()
                .and_then(provenance_of)
                .unwrap_or_else(|| Provenance::Imported { label: loaded.label.clone(), file: file_name(path) }),
            source: Some(SourceRoi { set: set_index, number: roi.number }),
            // Its numbers become ids when the ROI enters a case.
            derivation: description.as_deref().and_then(derivation_of).map(Arc::new),
            slices,
        });
        loaded.summaries.push(summary);
    }
    let empty: Vec<&str> = read.iter().filter(|r| r.contours.is_empty()).map(|r| r.name.as_str()).collect();
    if !empty.is_empty() {
        warnings
            .push(ImportWarning::info(crate::tf!("Without contours, kept on export: {empty}", empty = quoted(&empty))));
    }
    if loaded.rois.is_empty() {
        warnings.push(ImportWarning::warning(crate::words::t("The structure set holds no structure")));
    }
    for warning in &mut warnings {
        warning.files = vec![path.to_owned()];
    }
    loaded.warnings = warnings;
    Ok(loaded)
}

/// Where the frame of reference differs the contours are not ours to show; where it is missing, the
/// images referred to or the position must speak for it.
fn check_frame_of_reference(
    source: &SourceStructureSet,
    read: &mut [ReadRoi],
    grid: &VoxelGrid,
    ct: &CtMeta,
    warnings: &mut Vec<ImportWarning>,
) -> Result<(), StructureSetError> {
    let top = frames_of_reference(&source.dataset);
    let ours = ct.frame_of_reference_uid.as_str();
    let is_other = |uid: &str| is_other_frame(uid, ct);
    let frames: Vec<String> = read.iter().map(|r| frame_of_roi(&top, r.item)).collect();
    let with_contours: Vec<&String> =
        frames.iter().zip(&*read).filter(|(_, r)| !r.contours.is_empty()).map(|(f, _)| f).collect();
    let judged = if with_contours.is_empty() { top.iter().collect() } else { with_contours };
    if let Some(other) = judged.first()
        && judged.iter().all(|f| is_other(f))
    {
        return Err(StructureSetError::OtherFrameOfReference {
            label: source.label.clone(),
            set_uid: (*other).clone(),
            ct_uid: ours.to_owned(),
            path: source.path.clone(),
        });
    }
    let judged_missing = judged.iter().any(|f| f.is_empty() || ours.is_empty());
    for (roi, frame) in read.iter_mut().zip(&frames) {
        if is_other(frame) && !roi.contours.is_empty() {
            warnings.push(ImportWarning::warning(crate::tf!("The ROI \"{name}\" belongs to another frame of reference; its {contours} contours are not shown and are kept on export", name = roi.name, contours = roi.contours.len())));
            let all = (0..roi.contours.len()).collect();
            roi.binding = Binding { outside: all, ..Binding::default() };
        }
    }
    if judged_missing && read.iter().any(|r| !r.contours.is_empty()) {
        let contours = || read.iter().flat_map(|r| &r.contours);
        let who = if ours.is_empty() { "The CT" } else { "The structure set" };
        if contours().any(|c| ct.slice_of_image(&c.image_uid).is_some()) {
            warnings.push(ImportWarning::warning(crate::tf!(
                "{who} names no frame of reference; its contours refer to images of this CT and were accepted",
                who
            )));
        } else if contours().any(|c| c.points.iter().any(|p| grid.containing_voxel(*p).is_some())) {
            warnings.push(ImportWarning::warning(crate::tf!("{who} names no frame of reference and its contours refer to none of these images; they were placed by their position: check that they fit", who)));
        } else {
            return Err(StructureSetError::NotInScan { label: source.label.clone(), path: source.path.clone() });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::file::part10;
    use super::super::proof::export_structure_set;
    use super::super::raw::Encoding;
    use super::super::rtstruct_write::ExportRequest;
    use super::*;
    use crate::structures::StructureSet;
    use glam::DVec3;

    fn contour(z: f64, at: f64) -> DataSet {
        let mut item = DataSet::default();
        item.put_str(tags::CONTOUR_GEOMETRIC_TYPE, "CLOSED_PLANAR");
        item.put_str(tags::NUMBER_OF_CONTOUR_POINTS, "3");
        item.put_str(tags::CONTOUR_DATA, &format!("{at}.50\\2\\{z}\\9\\2\\{z}\\9\\9.0\\{z}"));
        item
    }

    fn contours(number: Option<&str>, color: &str, items: Vec<DataSet>) -> DataSet {
        let mut item = DataSet::default();
        item.put_str(tags::ROI_DISPLAY_COLOR, color);
        item.put_items(tags::CONTOUR_SEQUENCE, items);
        if let Some(number) = number {
            item.put_str(tags::REFERENCED_ROI_NUMBER, number);
        }
        item
    }

    #[test]
    fn contours_of_one_roi_in_two_items_are_one_roi_and_stay_where_they_are() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let mut ds = DataSet::default();
        ds.put_str(tags::SOP_CLASS_UID, uids::RT_STRUCTURE_SET_STORAGE);
        ds.put_str(tags::SOP_INSTANCE_UID, "1.2.9");
        let mut roi = DataSet::default();
        roi.put_str(tags::ROI_NUMBER, "4");
        roi.put_str(tags::REFERENCED_FRAME_OF_REFERENCE_UID, "1.2.3");
        roi.put_str(tags::ROI_NAME, "Heart");
        ds.put_items(tags::STRUCTURE_SET_ROI_SEQUENCE, vec![roi]);
        ds.put_items(
            tags::ROI_CONTOUR_SEQUENCE,
            vec![
                contours(Some("4"), "1\\2\\3", vec![contour(2.0, 1.0), contour(4.0, 2.0)]),
                contours(None, "9\\9\\9", vec![contour(8.0, 1.0)]),
                contours(Some("4"), "4\\5\\6", vec![contour(6.0, 3.0)]),
            ],
        );
        let path = folder.path().join("split.dcm");
        std::fs::write(&path, part10(&ds, Encoding::ImplicitLe)).expect("written");
        let grid = VoxelGrid::axial(DVec3::ZERO, [1.0, 1.0, 2.0], [16, 16, 8]).expect("a grid");
        let ct = CtMeta { frame_of_reference_uid: "1.2.3".into(), ..CtMeta::default() };
        let set = load_structure_set(&path, &grid, &ct, 0).expect("loads");
        assert_eq!((set.summaries[0].contours, set.summaries[0].slices), (3, 3));
        let texts: Vec<&str> = set.warnings.iter().map(|w| w.text.as_str()).collect();
        assert!(texts.iter().any(|t| t.contains("\"Heart\" stand in 2 places")), "{texts:?}");
        assert!(texts.iter().any(|t| t.starts_with("1 sets of contours name no ROI")), "{texts:?}");

        // One contour of the second item is edited: every other one stays in its item, byte for byte.
        let mut rois = set.rois.clone();
        let moved = Ring::new([[3.0, 3.0], [8.0, 3.0], [8.0, 8.0]]);
        rois[0].slices.insert(3, Arc::new(SliceContours::new(vec![moved])));
        let structures = StructureSet { rois };
        let sources = [Arc::clone(&set.source)];
        let request = ExportRequest {
            ct: &ct,
            grid: &grid,
            structures: &structures,
            sources: &sources,
            label: "again",
            description: "",
            overwrite: false,
            hide_identifiers: false,
        };
        let target = folder.path().join("again.dcm");
        let proof = export_structure_set(&request, &target).expect("exports");
        assert_eq!((proof.contours, proof.rings_identical), (3, 2));
        let (_, file) = read_all(&target).expect("reads back");
        let (before, after) = (ds.items(tags::ROI_CONTOUR_SEQUENCE), file.dataset.items(tags::ROI_CONTOUR_SEQUENCE));
        assert_eq!(after.len(), 3);
        let data = |item: &DataSet| -> Vec<Vec<u8>> {
            let contours = item.items(tags::CONTOUR_SEQUENCE).iter();
            contours.map(|c| c.bytes(tags::CONTOUR_DATA).unwrap_or_default().trim_ascii_end().to_vec()).collect()
        };
        assert_eq!((data(&after[0]), data(&after[1])), (data(&before[0]), data(&before[1])));
        assert_eq!(data(&after[2]).len(), 1);
        assert_ne!(data(&after[2]), data(&before[2]));
        assert_eq!(after[2].string(tags::ROI_DISPLAY_COLOR), "4\\5\\6");
    }
}
