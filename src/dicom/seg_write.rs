//! Writing structures as a DICOM Segmentation (PS3.3 A.51): BINARY, Explicit VR Little Endian, only
//! frames that hold voxels, proven before it gets its name.

use super::file::part10;
use super::meta::CtMeta;
use super::of_ct;
use super::raw::{DataSet, Encoding, Value};
use super::rtstruct_read::sha256_hex;
use super::seg::load_segmentation;
use super::seg_codes::{Code, cielab_from_srgb, property};
use super::uid::new_uid;
use super::value::{Charset, format_ds, limit, now};
use crate::contour::{Mask, rasterize};
use crate::files::{PutError, check_target, put_in_place};
use crate::geometry::VoxelGrid;
use crate::structures::{Generation, Provenance, Roi};
use crate::tf;
use crate::words::t;
use dicom_core::{Tag, VR};
use dicom_dictionary_std::{tags, uids};
use rayon::prelude::*;
use std::path::{Path, PathBuf};

/// Purpose of the references from frames to the CT (CID 7202).
const SOURCE_IMAGE: Code = Code("121322", "DCM", "Source image for image processing operation");
/// How the frames were derived (CID 7203).
const SEGMENTATION: Code = Code("113076", "DCM", "Segmentation");

/// What is to be written.
#[derive(Debug, Clone, Copy)]
pub struct SegmentationRequest<'a> {
    /// The CT on which the structures lie, and its grid.
    pub ct: &'a CtMeta,
    pub grid: &'a VoxelGrid,
    /// In the order of the segments.
    pub rois: &'a [&'a Roi],
    /// Series Description; the Content Label is made of it.
    pub label: &'a str,
    /// Whether another file at the target (never an image of the CT) may be replaced.
    pub overwrite: bool,
}

/// Why no segmentation was written. The target is as it was before.
#[derive(Debug, thiserror::Error)]
pub enum SegmentationWriteError {
    #[error("{}", crate::words::t("none of the structures holds a voxel, so there is nothing to write"))]
    Nothing,
    #[error("{}", crate::tf!("the segmentation would be larger than DICOM can hold ({value} bytes); write fewer structures", value = .0))]
    TooLarge(usize),
    #[error(transparent)]
    Put(#[from] PutError),
}

/// What the file holds for one structure, read back from it.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct SegmentProof {
    pub number: u16,
    pub name: String,
    pub frames: usize,
    pub voxels: u64,
    pub volume_cm3: f64,
    /// MANUAL, SEMIAUTOMATIC or AUTOMATIC.
    pub algorithm_type: String,
    /// Category and type, such as "Anatomical Structure / Heart".
    pub property: String,
    /// Voxels that differ after reading back (0: other files are not kept).
    pub voxels_different: u64,
}

/// Evidence that a written segmentation holds what was on the screen.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct SegmentationProof {
    pub path: PathBuf,
    pub sop_instance_uid: String,
    /// SHA-256 of the file, hexadecimal, and its length.
    pub sha256: String,
    pub bytes: usize,
    pub frames: usize,
    pub segments: Vec<SegmentProof>,
    /// What was left out or had to be decided on the way.
    pub notes: Vec<String>,
}

/// One segment to be written.
struct Part<'a> {
    number: u16,
    roi: &'a Roi,
    mask: Mask,
}

/// Writes structures of a case as a segmentation that refers to its CT, and proves the file. Atomic: either
/// the whole, proven file is there afterwards, or the target is as it was. Structures without voxels are
/// left out with a note.
///
/// # Errors
/// [`SegmentationWriteError`].
pub fn write_segmentation(
    request: &SegmentationRequest,
    path: &Path,
) -> Result<SegmentationProof, SegmentationWriteError> {
    check_target(path, request.overwrite, request.ct.slices.iter().map(|s| s.path.as_path()))?;
    let masks: Vec<Mask> = request.rois.par_iter().map(|roi| rasterize(request.grid, &roi.slices)).collect();
    let mut notes = Vec::new();
    let mut parts: Vec<Part> = Vec::new();
    for (roi, mask) in request.rois.iter().copied().zip(masks) {
        if mask.is_empty() {
            notes.push(tf!("\"{name}\" holds no voxel and was left out", name = roi.name));
            continue;
        }
        if roi.generation == Generation::Unknown {
            notes.push(tf!("nothing says who drew \"{name}\"; it is written as SEMIAUTOMATIC", name = roi.name));
        }
        parts.push(Part { number: parts.len() as u16 + 1, roi, mask });
    }
    if parts.is_empty() {
        return Err(SegmentationWriteError::Nothing);
    }
    let frames: usize = parts.iter().map(|p| p.mask.slices.len()).sum();
    let pixel_bytes = (frames * request.grid.rows() * request.grid.columns()).div_ceil(8);
    if pixel_bytes > u32::MAX as usize - 1024 || parts.len() > usize::from(u16::MAX) {
        return Err(SegmentationWriteError::TooLarge(pixel_bytes));
    }
    let dataset = compose(request, &parts);
    let bytes = part10(&dataset, Encoding::ExplicitLe);
    let mut segments = Vec::new();
    put_in_place(path, &bytes, request.overwrite, |file| {
        segments = prove(request, &parts, &bytes, file)?;
        Ok(())
    })?;
    Ok(SegmentationProof {
        path: path.to_owned(),
        sop_instance_uid: dataset.string(tags::SOP_INSTANCE_UID),
        sha256: sha256_hex(&bytes),
        bytes: bytes.len(),
        frames,
        segments,
        notes,
    })
}

/// Reads the file again and compares every voxel.
fn prove(
    request: &SegmentationRequest,
    parts: &[Part],
    written: &[u8],
    file: &Path,
) -> Result<Vec<SegmentProof>, String> {
    let loaded = load_segmentation(file, request.grid, request.ct).map_err(|e| e.to_string())?;
    if loaded.sha256 != sha256_hex(written) {
        return Err(t("the disk gives back other bytes").into());
    }
    if !loaded.exact || loaded.segments.len() != parts.len() {
        return Err(t("its frames do not lie on the slices of the CT").into());
    }
    parts
        .iter()
        .zip(&loaded.segments)
        .map(|(part, read)| {
            let different = read.mask.combine(&part.mask, |a, b| a ^ b).count();
            if different > 0 || read.number != part.number {
                return Err(tf!("\"{name}\" differs in {different} voxels", name = part.roi.name, different));
            }
            let codes = property(part.roi.role, &part.roi.name);
            Ok(SegmentProof {
                number: part.number,
                name: part.roi.name.clone(),
                frames: read.frames,
                voxels: read.mask.count(),
                volume_cm3: read.mask.volume_cm3(request.grid),
                algorithm_type: algorithm_type(part.roi).to_owned(),
                property: format!("{} / {}", codes.category.2, codes.kind.2),
                voxels_different: different,
            })
        })
        .collect()
}

/// Segment Algorithm Type (0062,0008) has no value for "not known".
fn algorithm_type(roi: &Roi) -> &'static str {
    match roi.generation {
        Generation::Unknown => Generation::Semiautomatic.dicom(),
        known => known.dicom(),
    }
}

/// Segment Algorithm Name (0062,0009) and what stands in the Segment Description (0062,0006).
fn algorithm(roi: &Roi) -> (String, String) {
    match &roi.provenance {
        Provenance::Imported { label, file } | Provenance::Traced { label, file } => {
            ("Not stated by the source".into(), format!("Imported from {label} ({file})"))
        }
        Provenance::Network { model_id, sha256, statement } => (
            model_id.clone(),
            format!("Network {model_id}, SHA-256 {}. {statement}", sha256.get(..16).unwrap_or(sha256)),
        ),
        Provenance::Proposed { recipe } => ("Hilum proposal".into(), format!("Proposed: {recipe}")),
        Provenance::Computed { recipe } => ("Hilum".into(), format!("Computed: {recipe}")),
        Provenance::Phantom { seed } => ("Hilum phantom".into(), format!("Synthetic, seed {seed}")),
        Provenance::Drawn => ("Hilum".into(), "Drawn by hand".into()),
    }
}

fn compose(request: &SegmentationRequest, parts: &[Part]) -> DataSet {
    let (ct, grid) = (request.ct, request.grid);
    let (date, time) = now();
    let mut ds = DataSet::default();
    identify(&mut ds, request, parts, &date, &time);

    let organization = new_uid();
    let mut item = DataSet::default();
    item.put_str(tags::DIMENSION_ORGANIZATION_UID, &organization);
    ds.put_items(tags::DIMENSION_ORGANIZATION_SEQUENCE, vec![item]);
    let dimension = |pointer: Tag, group: Tag, name: &str| {
        let mut item = DataSet::default();
        item.put_str(tags::DIMENSION_ORGANIZATION_UID, &organization);
        item.put(tags::DIMENSION_INDEX_POINTER, tag_value(pointer));
        item.put(tags::FUNCTIONAL_GROUP_POINTER, tag_value(group));
        item.put_str(tags::DIMENSION_DESCRIPTION_LABEL, name);
        item
    };
    ds.put_items(
        tags::DIMENSION_INDEX_SEQUENCE,
        vec![
            dimension(tags::REFERENCED_SEGMENT_NUMBER, tags::SEGMENT_IDENTIFICATION_SEQUENCE, "Segment Number"),
            dimension(tags::IMAGE_POSITION_PATIENT, tags::PLANE_POSITION_SEQUENCE, "Image Position Patient"),
        ],
    );

    let mut shared = DataSet::default();
    let mut orientation = DataSet::default();
    let directions = [grid.i_direction().to_array(), grid.j_direction().to_array()].concat();
    orientation.put_str(tags::IMAGE_ORIENTATION_PATIENT, &numbers(&directions));
    shared.put_items(tags::PLANE_ORIENTATION_SEQUENCE, vec![orientation]);
    // Slices of different thickness say so frame by frame.
    let even_mm = grid.median_spacing_mm();
    let is_even = grid.positions_mm().windows(2).all(|p| (p[1] - p[0] - even_mm).abs() < 1e-3);
    if is_even {
        shared.put_items(tags::PIXEL_MEASURES_SEQUENCE, vec![measures(grid, grid.thickness_mm(0), Some(even_mm))]);
    }
    ds.put_items(tags::SHARED_FUNCTIONAL_GROUPS_SEQUENCE, vec![shared]);

    let mut frames = Vec::new();
    for part in parts {
        for &k in part.mask.slices.keys() {
            frames.push(frame(request, part.number, k, (!is_even).then(|| measures(grid, grid.thickness_mm(k), None))));
        }
    }
    ds.put_str(tags::NUMBER_OF_FRAMES, &frames.len().to_string());
    ds.put_items(tags::PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE, frames);

    let used: std::collections::BTreeSet<usize> = parts.iter().flat_map(|p| p.mask.slices.keys().copied()).collect();
    let references: Vec<DataSet> = used.into_iter().filter_map(|k| reference(ct, k)).collect();
    if !references.is_empty() {
        let mut series = DataSet::default();
        series.put_str(tags::SERIES_INSTANCE_UID, &ct.series_instance_uid);
        series.put_items(tags::REFERENCED_INSTANCE_SEQUENCE, references);
        ds.put_items(tags::REFERENCED_SERIES_SEQUENCE, vec![series]);
    }
    ds.put(tags::PIXEL_DATA, Value::Bytes(pixels(grid, parts)));
    ds
}

/// Patient, study, series, equipment, segments: all that is not about frames.
fn identify(ds: &mut DataSet, request: &SegmentationRequest, parts: &[Part], date: &str, time: &str) {
    let (ct, grid) = (request.ct, request.grid);
    let label = limit(request.label, 64);
    let label = if label.is_empty() { "Hilum segmentation" } else { &label };
    let own = [
        (tags::SERIES_DESCRIPTION, label, 64),
        (tags::CONTENT_DESCRIPTION, crate::RESEARCH_ONLY.split_inclusive('.').next().unwrap_or_default(), 64),
    ];
    let mut texts: Vec<(Tag, String)> =
        of_ct::texts(ct).into_iter().chain(own).map(|(tag, text, length)| (tag, limit(text, length))).collect();
    texts.push((tags::CONTENT_CREATOR_NAME, String::new()));
    let segments: Vec<DataSet> = parts.iter().map(segment).collect();
    let is_ascii = |ds: &DataSet| {
        ds.elements().iter().all(|e| !matches!(&e.value, Value::Bytes(b) if e.vr != VR::US && !b.is_ascii()))
    };
    if !(texts.iter().all(|(_, t)| t.is_ascii()) && segments.iter().all(is_ascii)) {
        ds.put_str(tags::SPECIFIC_CHARACTER_SET, Charset::UTF8_CODE);
    }
    for (tag, text) in texts {
        ds.put(tag, Value::Bytes(text.into_bytes()));
    }
    of_ct::put_identity(ds, ct);
    let content_label: String = label
        .to_uppercase()
        .chars()
        .map(|c| if c.is_ascii_uppercase() || c.is_ascii_digit() || c == ' ' { c } else { '_' })
        .take(16)
        .collect();
    let overlap =
        parts.iter().enumerate().any(|(n, a)| parts[n + 1..].iter().any(|b| !a.mask.intersection(&b.mask).is_empty()));
    for (tag, value) in [
        (tags::IMAGE_TYPE, "DERIVED\\PRIMARY"),
        (tags::INSTANCE_CREATION_DATE, date),
        (tags::INSTANCE_CREATION_TIME, time),
        (tags::SOP_CLASS_UID, uids::SEGMENTATION_STORAGE),
        (tags::SOP_INSTANCE_UID, &new_uid()),
        (tags::SERIES_DATE, date),
        (tags::CONTENT_DATE, date),
        (tags::SERIES_TIME, time),
        (tags::CONTENT_TIME, time),
        (tags::MODALITY, "SEG"),
        (tags::MANUFACTURER, "Hilum"),
        (tags::MANUFACTURER_MODEL_NAME, "Hilum"),
        (tags::DEVICE_SERIAL_NUMBER, "none"),
        (tags::SOFTWARE_VERSIONS, env!("CARGO_PKG_VERSION")),
        (tags::SERIES_INSTANCE_UID, &new_uid()),
        (tags::SERIES_NUMBER, "1"),
        (tags::INSTANCE_NUMBER, "1"),
        (tags::PHOTOMETRIC_INTERPRETATION, "MONOCHROME2"),
        (tags::LOSSY_IMAGE_COMPRESSION, "00"),
        (tags::CONTENT_LABEL, content_label.trim()),
        (tags::SEGMENTATION_TYPE, "BINARY"),
        (tags::SEGMENTS_OVERLAP, if overlap { "YES" } else { "NO" }),
    ] {
        ds.put_str(tag, value);
    }
    for (tag, value) in [
        (tags::SAMPLES_PER_PIXEL, 1),
        (tags::ROWS, grid.rows() as u16),
        (tags::COLUMNS, grid.columns() as u16),
        (tags::BITS_ALLOCATED, 1),
        (tags::BITS_STORED, 1),
        (tags::HIGH_BIT, 0),
        (tags::PIXEL_REPRESENTATION, 0),
    ] {
        ds.put_us(tag, value);
    }
    ds.put_items(tags::SEGMENT_SEQUENCE, segments);
}

fn segment(part: &Part) -> DataSet {
    let roi = part.roi;
    let mut item = DataSet::default();
    item.put_us(tags::SEGMENT_NUMBER, part.number);
    let name = limit(&roi.name, 64);
    let name = if name.is_empty() { format!("Segment {}", part.number) } else { name };
    item.put(tags::SEGMENT_LABEL, Value::Bytes(name.into_bytes()));
    let (algorithm, description) = algorithm(roi);
    item.put(tags::SEGMENT_DESCRIPTION, Value::Bytes(limit(&description, 1024).into_bytes()));
    let kind = algorithm_type(roi);
    item.put_str(tags::SEGMENT_ALGORITHM_TYPE, kind);
    if kind != Generation::Manual.dicom() {
        item.put(tags::SEGMENT_ALGORITHM_NAME, Value::Bytes(limit(&algorithm, 64).into_bytes()));
    }
    let property = property(roi.role, &roi.name);
    property.category.put(&mut item, tags::SEGMENTED_PROPERTY_CATEGORY_CODE_SEQUENCE);
    let mut kind = property.kind.item();
    if let Some(side) = property.side {
        side.put(&mut kind, tags::SEGMENTED_PROPERTY_TYPE_MODIFIER_CODE_SEQUENCE);
    }
    item.put_items(tags::SEGMENTED_PROPERTY_TYPE_CODE_SEQUENCE, vec![kind]);
    let lab = cielab_from_srgb(roi.color).iter().flat_map(|v| v.to_le_bytes()).collect();
    item.put(tags::RECOMMENDED_DISPLAY_CIE_LAB_VALUE, Value::Bytes(lab));
    item
}

/// Pixel Measures of a frame. Spacing is between rows, then between columns.
fn measures(grid: &VoxelGrid, thickness_mm: f64, between_slices_mm: Option<f64>) -> DataSet {
    let mut item = DataSet::default();
    item.put_str(tags::PIXEL_SPACING, &numbers(&[grid.spacing_j_mm(), grid.spacing_i_mm()]));
    item.put_str(tags::SLICE_THICKNESS, &format_ds(thickness_mm));
    if let Some(mm) = between_slices_mm {
        item.put_str(tags::SPACING_BETWEEN_SLICES, &format_ds(mm));
    }
    item
}

fn frame(request: &SegmentationRequest, number: u16, k: usize, measures: Option<DataSet>) -> DataSet {
    let grid = request.grid;
    let mut frame = DataSet::default();
    let mut content = DataSet::default();
    let index = [u32::from(number), k as u32 + 1].iter().flat_map(|v| v.to_le_bytes()).collect();
    content.put(tags::DIMENSION_INDEX_VALUES, Value::Bytes(index));
    frame.put_items(tags::FRAME_CONTENT_SEQUENCE, vec![content]);
    let mut position = DataSet::default();
    position.put_str(tags::IMAGE_POSITION_PATIENT, &numbers(&grid.patient_from_voxel(k, 0.0, 0.0).to_array()));
    frame.put_items(tags::PLANE_POSITION_SEQUENCE, vec![position]);
    let mut segment = DataSet::default();
    segment.put_us(tags::REFERENCED_SEGMENT_NUMBER, number);
    frame.put_items(tags::SEGMENT_IDENTIFICATION_SEQUENCE, vec![segment]);
    if let Some(measures) = measures {
        frame.put_items(tags::PIXEL_MEASURES_SEQUENCE, vec![measures]);
    }
    if let Some(mut source) = reference(request.ct, k) {
        SOURCE_IMAGE.put(&mut source, tags::PURPOSE_OF_REFERENCE_CODE_SEQUENCE);
        source.put_str(tags::SPATIAL_LOCATIONS_PRESERVED, "YES");
        let mut derivation = DataSet::default();
        derivation.put_items(tags::SOURCE_IMAGE_SEQUENCE, vec![source]);
        SEGMENTATION.put(&mut derivation, tags::DERIVATION_CODE_SEQUENCE);
        frame.put_items(tags::DERIVATION_IMAGE_SEQUENCE, vec![derivation]);
    }
    frame
}

/// A reference to the CT image of a slice; `None` for a CT that is no DICOM.
fn reference(ct: &CtMeta, k: usize) -> Option<DataSet> {
    let slice = ct.slices.get(k).filter(|s| !s.sop_instance_uid.is_empty())?;
    Some(of_ct::reference(&slice.sop_class_uid, &slice.sop_instance_uid))
}

/// Bits of all frames, the first pixel in the least significant bit, without gaps between frames (PS3.5 8.1.1).
fn pixels(grid: &VoxelGrid, parts: &[Part]) -> Vec<u8> {
    let size = grid.rows() * grid.columns();
    let slices: Vec<_> = parts.iter().flat_map(|p| p.mask.slices.values()).collect();
    let length = (slices.len() * size).div_ceil(8);
    let mut bytes = vec![0u8; length + length % 2];
    for (n, slice) in slices.into_iter().enumerate() {
        for (j, i) in slice.voxels() {
            let bit = n * size + j * grid.columns() + i;
            bytes[bit / 8] |= 1 << (bit % 8);
        }
    }
    bytes
}

fn numbers(values: &[f64]) -> String {
    values.iter().map(|v| format_ds(*v)).collect::<Vec<_>>().join("\\")
}

fn tag_value(tag: Tag) -> Value {
    Value::Bytes([tag.0.to_le_bytes(), tag.1.to_le_bytes()].concat())
}
