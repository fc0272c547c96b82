//! Reading DICOM Segmentation (PS3.3 A.51): one mask a segment on the slices of a scan.
//!
//! Frames find their slice by their position along the normal, as contours do, and their voxels by the
//! plane's own geometry, so that segmentations with flipped, cropped or coarser planes are read too.

use super::file::{PixelSource, ReadError, read_all};
use super::meta::CtMeta;
use super::pixels::uncompressed;
use super::raw::DataSet;
use super::rtstruct_read::{is_other_frame, sha256_hex};
use super::seg_codes::srgb_from_cielab;
use super::value::Charset;
use super::warning::ImportWarning;
use crate::contour::{Mask, SliceMask};
use crate::geometry::{PatientPoint, VoxelGrid};
use crate::structures::{Generation, Provenance, Roi, RoiId, Role, free_name, organ_color, propose_role, role_color};
use crate::tf;
use crate::words::t;
use dicom_core::Tag;
use dicom_dictionary_std::{tags, uids};
use glam::{DVec2, DVec3};
use rayon::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Label Map Segmentation Storage, PS3.4 since 2024.
pub(super) const LABEL_MAP_STORAGE: &str = "1.2.840.10008.5.1.4.1.1.66.7";
/// Positions nearer than this are the same, mm: what rounded decimal strings leave.
const SAME_MM: f64 = 0.01;

/// Why a segmentation cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum SegmentationError {
    Read { source: ReadError, path: PathBuf },
    NotASegmentation { sop_class: String, path: PathBuf },
    OtherFrameOfReference { label: String, seg_uid: String, ct_uid: String, path: PathBuf },
    NotInScan { label: String, frames: usize, path: PathBuf },
    Unusable { why: String, path: PathBuf },
}

impl SegmentationError {
    pub fn path(&self) -> &Path {
        match self {
            Self::Read { path, .. }
            | Self::NotASegmentation { path, .. }
            | Self::OtherFrameOfReference { path, .. }
            | Self::NotInScan { path, .. }
            | Self::Unusable { path, .. } => path,
        }
    }

    /// The reason without the file.
    pub fn reason(&self) -> String {
        match self {
            Self::Read { source, .. } => tf!("the segmentation cannot be read: {source}", source),
            Self::NotASegmentation { sop_class, .. } => {
                tf!("the file is no DICOM segmentation (SOP class {sop_class})", sop_class)
            }
            Self::OtherFrameOfReference { label, .. } => tf!(
                "the segmentation \"{label}\" belongs to another frame of reference than this CT, so its voxels may lie elsewhere in the patient; open the CT on which it was made, or have it transferred to this one by a registration",
                label
            ),
            Self::NotInScan { label, frames, .. } => tf!(
                "none of the {frames} frames of the segmentation \"{label}\" lies in the scan; open the CT on which it was made",
                frames,
                label
            ),
            Self::Unusable { why, .. } => tf!("the segmentation cannot be used: {why}", why),
        }
    }
}

impl std::fmt::Display for SegmentationError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.reason(), self.path().display())
    }
}

/// One segment on the slices of the scan.
#[derive(Debug, Clone)]
pub struct Segment {
    /// Segment Number (0062,0004).
    pub number: u16,
    pub label: String,
    /// Meaning of the Segmented Property Type, such as "Neoplasm".
    pub property: String,
    pub generation: Generation,
    /// Segment Algorithm Name (0062,0009), may be empty.
    pub algorithm: String,
    /// sRGB, from the recommended CIELab value.
    pub color: Option<[u8; 3]>,
    pub mask: Mask,
    /// Frames in the file, and those of them that lie on no slice of the scan.
    pub frames: usize,
    pub frames_outside: usize,
}

/// A segmentation on the slices of a scan.
#[derive(Debug, Clone)]
pub struct LoadedSegmentation {
    /// In the order of the file.
    pub segments: Vec<Segment>,
    /// Content Label, else Series Description.
    pub label: String,
    pub sop_instance_uid: String,
    pub series_instance_uid: String,
    /// SHA-256 of the file, hexadecimal.
    pub sha256: String,
    /// True where every voxel of the frames is a voxel of the scan and none was lost.
    pub exact: bool,
    pub warnings: Vec<ImportWarning>,
}

/// Segments as structures; `RoiId(0)`: the case gives the ids.
#[derive(Debug, Clone)]
pub struct SegmentRois {
    pub rois: Vec<Roi>,
    /// Indices of the ROIs whose role is only a guess from the name.
    pub uncertain_roles: Vec<usize>,
    /// Voxels that the contours give differently from the segments, over all ROIs (0 but for a defect).
    pub voxels_different: u64,
    pub warnings: Vec<ImportWarning>,
}

impl LoadedSegmentation {
    /// The segments as structures with smooth outlines that rasterize back to exactly the same voxels.
    /// Roles are proposed from the labels. `path` is only named, not read.
    pub fn rois(&self, grid: &VoxelGrid, path: &Path) -> SegmentRois {
        let file = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
        let mut names: Vec<String> = Vec::new();
        for segment in &self.segments {
            let wanted =
                if segment.label.is_empty() { format!("Segment {}", segment.number) } else { segment.label.clone() };
            names.push(free_name(&wanted, |taken| names.iter().any(|n| n == taken)));
        }
        let traced: Vec<(Roi, bool, u64)> = self
            .segments
            .par_iter()
            .zip(names)
            .map(|(segment, name)| {
                let proposal = propose_role(&name, "");
                let color = segment.color.unwrap_or_else(|| match proposal.role {
                    Role::Organ => organ_color(&name),
                    role => role_color(role),
                });
                let provenance = Provenance::Traced { label: self.label.clone(), file: file.clone() };
                let mut roi = Roi::new(RoiId(0), name, color, proposal.role, provenance);
                roi.generation = segment.generation;
                let (roi, different) = roi.with_mask(grid, &segment.mask);
                (roi, proposal.certain, different)
            })
            .collect();
        let mut out =
            SegmentRois { rois: Vec::new(), uncertain_roles: Vec::new(), voxels_different: 0, warnings: Vec::new() };
        for (n, (roi, certain, different)) in traced.into_iter().enumerate() {
            if !certain {
                out.uncertain_roles.push(n);
            }
            if different > 0 {
                out.warnings.push(ImportWarning::warning(crate::tf!(
                    "the contours of \"{name}\" differ from its segment in {different} voxels",
                    name = roi.name,
                    different
                )));
            }
            out.voxels_different += different;
            out.rois.push(roi);
        }
        out
    }
}

/// Reads a segmentation onto the slices of a scan. BINARY segments are taken as they are; of FRACTIONAL
/// ones a voxel is in from half of the maximum on, and a remark says so.
///
/// # Errors
/// [`SegmentationError`]. Frames that lie on no slice are reported, not refused, as long as one does.
pub fn load_segmentation(path: &Path, grid: &VoxelGrid, ct: &CtMeta) -> Result<LoadedSegmentation, SegmentationError> {
    let unusable = |why: String| SegmentationError::Unusable { why, path: path.to_owned() };
    let (bytes, file) = read_all(path).map_err(|source| SegmentationError::Read { source, path: path.to_owned() })?;
    let ds = &file.dataset;
    let charset = Charset::of(ds, &Charset::default());
    let sop_class = ds.string(tags::SOP_CLASS_UID);
    if sop_class == LABEL_MAP_STORAGE {
        return Err(unusable(t("it is a label map (DICOM 2024); export it as a binary segmentation").into()));
    }
    if sop_class != uids::SEGMENTATION_STORAGE {
        return Err(SegmentationError::NotASegmentation { sop_class, path: path.to_owned() });
    }
    let label = [tags::SERIES_DESCRIPTION, tags::CONTENT_DESCRIPTION, tags::CONTENT_LABEL]
        .into_iter()
        .map(|tag| ds.text(tag, &charset))
        .find(|t| !t.is_empty())
        .unwrap_or_else(|| "segmentation".into());
    let frame_uid = ds.string(tags::FRAME_OF_REFERENCE_UID);
    if is_other_frame(&frame_uid, ct) {
        return Err(SegmentationError::OtherFrameOfReference {
            label,
            seg_uid: frame_uid,
            ct_uid: ct.frame_of_reference_uid.clone(),
            path: path.to_owned(),
        });
    }
    let layout = Layout::of(ds).map_err(unusable)?;
    let pixels = pixels(path, &bytes, file.pixels, &layout).map_err(unusable)?;
    let mut warnings = Vec::new();
    if let Some(maximum) = layout.fractional_maximum {
        warnings.push(ImportWarning::info(crate::tf!("the segmentation \"{label}\" is fractional ({group}): a voxel is in from half of the maximum ({maximum}) on", label, group = ds.string(tags::SEGMENTATION_FRACTIONAL_TYPE).to_lowercase(), maximum)));
    }
    let frames = frames(ds, &layout, ct, grid).map_err(unusable)?;
    let placed: Vec<Placed> = frames
        .par_iter()
        .enumerate()
        .map(|(n, frame)| place(frame, n, &layout, &pixels, grid))
        .collect::<Result<_, usize>>()
        .map_err(|n| unusable(tf!("frame {n} lies in another plane than the slices of the CT", n)))?;
    if placed.iter().all(|p| p.slice.is_none()) {
        return Err(SegmentationError::NotInScan { label, frames: frames.len(), path: path.to_owned() });
    }
    let segments = segments(ds, &charset, &frames, &placed, &mut warnings);
    let exact = describe(&frames, &placed, &mut warnings);
    Ok(LoadedSegmentation {
        segments,
        label,
        sop_instance_uid: ds.string(tags::SOP_INSTANCE_UID),
        series_instance_uid: ds.string(tags::SERIES_INSTANCE_UID),
        sha256: sha256_hex(&bytes),
        exact,
        warnings,
    })
}

/// How the pixels are stored.
#[derive(Debug)]
struct Layout {
    frames: usize,
    rows: usize,
    columns: usize,
    /// Maximum Fractional Value (0062,000E) of FRACTIONAL segments, a byte a pixel; else a bit a pixel.
    fractional_maximum: Option<u16>,
}

impl Layout {
    fn of(ds: &DataSet) -> Result<Self, String> {
        let rows = ds.us(tags::ROWS).map_or(0, usize::from);
        let columns = ds.us(tags::COLUMNS).map_or(0, usize::from);
        let frames = ds.integer(tags::NUMBER_OF_FRAMES).and_then(|n| usize::try_from(n).ok()).unwrap_or(0);
        if rows == 0 || columns == 0 || frames == 0 {
            return Err(tf!("it says that it has {frames} frames of {rows} x {columns} voxels", frames, rows, columns));
        }
        let kind = ds.string(tags::SEGMENTATION_TYPE).to_uppercase();
        let bits = ds.us(tags::BITS_ALLOCATED).unwrap_or(0);
        let fractional_maximum = match (kind.as_str(), bits) {
            ("BINARY", 1) => None,
            ("FRACTIONAL", 8) => {
                let maximum = ds.us(tags::MAXIMUM_FRACTIONAL_VALUE).unwrap_or(255);
                if !(1..=255).contains(&maximum) {
                    return Err(tf!("its maximum fractional value is {maximum}, which cannot be", maximum));
                }
                Some(maximum)
            }
            _ => return Err(tf!("segments of type {kind} with {bits} bits a voxel are not read", kind, bits)),
        };
        Ok(Self { frames, rows, columns, fractional_maximum })
    }

    /// Bytes of all frames: bits run on from frame to frame without gaps (PS3.5 8.1.1).
    fn bytes(&self) -> Result<usize, String> {
        let pixels = self.frames.checked_mul(self.rows * self.columns).ok_or(t("it is larger than any file"))?;
        Ok(if self.fractional_maximum.is_some() { pixels } else { pixels.div_ceil(8) })
    }

    /// Calls `f` with row and column of every voxel of a frame that is in.
    fn for_each_inside(&self, pixels: &[u8], frame: usize, mut f: impl FnMut(usize, usize)) {
        let size = self.rows * self.columns;
        let first = frame * size;
        if let Some(maximum) = self.fractional_maximum {
            for (n, value) in pixels[first..first + size].iter().enumerate() {
                if 2 * u16::from(*value) >= maximum {
                    f(n / self.columns, n % self.columns);
                }
            }
            return;
        }
        let mut bit = first;
        while bit < first + size {
            let byte = pixels[bit / 8];
            if byte == 0 {
                bit += 8 - bit % 8;
                continue;
            }
            // The first pixel is the least significant bit.
            if byte >> (bit % 8) & 1 == 1 {
                f((bit - first) / self.columns, (bit - first) % self.columns);
            }
            bit += 1;
        }
    }
}

fn pixels(path: &Path, bytes: &[u8], source: Option<PixelSource>, layout: &Layout) -> Result<Vec<u8>, String> {
    let needed = layout.bytes()?;
    let pixels = match source {
        None => return Err(t("it holds no pixels").into()),
        Some(PixelSource::Plain { offset, length }) => {
            let range = offset as usize..(offset + length) as usize;
            bytes.get(range).ok_or(t("the file is cut off within the pixels"))?.to_vec()
        }
        // One byte more than an even value may have, so that a longer one is told.
        Some(source @ (PixelSource::Deflated { length, .. } | PixelSource::BigEndian { length, .. })) => {
            uncompressed(path, source, (length as usize).min(needed + 2))?
        }
        Some(_) => return Err(t("its pixels are compressed; export it uncompressed").into()),
    };
    // A value has an even length.
    if pixels.len() != needed && pixels.len() != needed + needed % 2 {
        return Err(tf!(
            "its pixels are {bytes} bytes, but {frames} frames of {rows} x {columns} voxels are {needed}; export it again",
            bytes = pixels.len(),
            frames = layout.frames,
            rows = layout.rows,
            columns = layout.columns,
            needed
        ));
    }
    Ok(pixels)
}

/// Where a frame lies and to which segment it belongs.
#[derive(Debug)]
struct Frame {
    segment: u16,
    /// Centre of the first voxel, and the steps to the next column and the next row, mm.
    origin: PatientPoint,
    along_columns: DVec3,
    along_rows: DVec3,
}

/// The item of a functional group: the frame's own, else the shared one.
fn group<'a>(shared: Option<&'a DataSet>, own: &'a DataSet, tag: Tag) -> Option<&'a DataSet> {
    own.items(tag).first().or_else(|| shared.and_then(|s| s.items(tag).first()))
}

fn frames(ds: &DataSet, layout: &Layout, ct: &CtMeta, grid: &VoxelGrid) -> Result<Vec<Frame>, String> {
    let items = ds.items(tags::PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE);
    if items.len() != layout.frames {
        return Err(tf!(
            "it says that it has {frames} frames but describes {described}",
            frames = layout.frames,
            described = items.len()
        ));
    }
    let shared = ds.items(tags::SHARED_FUNCTIONAL_GROUPS_SEQUENCE).first();
    items
        .iter()
        .enumerate()
        .map(|(n, own)| {
            let find = |tag: Tag| group(shared, own, tag);
            let segment = find(tags::SEGMENT_IDENTIFICATION_SEQUENCE)
                .and_then(|s| s.us(tags::REFERENCED_SEGMENT_NUMBER))
                .ok_or_else(|| tf!("frame {n} belongs to no segment", n = n + 1))?;
            let position =
                find(tags::PLANE_POSITION_SEQUENCE).and_then(|p| p.decimals_n::<3>(tags::IMAGE_POSITION_PATIENT));
            let orientation =
                find(tags::PLANE_ORIENTATION_SEQUENCE).and_then(|p| p.decimals_n::<6>(tags::IMAGE_ORIENTATION_PATIENT));
            let spacing = find(tags::PIXEL_MEASURES_SEQUENCE).and_then(|p| p.decimals_n::<2>(tags::PIXEL_SPACING));
            if let (Some(position), Some(o), Some([row_mm, column_mm])) = (position, orientation, spacing) {
                let (along, down) = (DVec3::new(o[0], o[1], o[2]), DVec3::new(o[3], o[4], o[5]));
                let is_plane = (along.length() - 1.0).abs() < 1e-3
                    && (down.length() - 1.0).abs() < 1e-3
                    && along.dot(down).abs() < 1e-3
                    && row_mm > 0.0
                    && column_mm > 0.0;
                if !is_plane {
                    return Err(tf!("the plane of frame {n} has no valid directions or spacing", n = n + 1));
                }
                return Ok(Frame {
                    segment,
                    origin: DVec3::from_array(position),
                    along_columns: along.normalize() * column_mm,
                    along_rows: down.normalize() * row_mm,
                });
            }
            // Without a place of its own the frame lies on the image from which it was made.
            let image = find(tags::DERIVATION_IMAGE_SEQUENCE)
                .and_then(|d| d.items(tags::SOURCE_IMAGE_SEQUENCE).first())
                .and_then(|s| ct.slice_of_image(&s.string(tags::REFERENCED_SOP_INSTANCE_UID)))
                .filter(|k| *k < grid.slices() && [layout.rows, layout.columns] == [grid.rows(), grid.columns()]);
            let k = image.ok_or_else(|| {
                tf!("frame {n} has no position, orientation and spacing, and names no image of this CT", n = n + 1)
            })?;
            Ok(Frame {
                segment,
                origin: grid.patient_from_voxel(k, 0.0, 0.0),
                along_columns: grid.i_direction() * grid.spacing_i_mm(),
                along_rows: grid.j_direction() * grid.spacing_j_mm(),
            })
        })
        .collect()
}

/// What became of a frame.
#[derive(Debug)]
struct Placed {
    /// The slice of the scan; `None` for a frame on none of them.
    slice: Option<usize>,
    mask: SliceMask,
    /// Distance of the frame from the slice, mm.
    off_mm: f64,
    /// True where the voxels of frame and scan coincide.
    coincides: bool,
    /// Voxels inside that lie beyond the rows and columns of the scan.
    lost: u64,
}

/// The error is the number of a frame in another plane. It is put into words by the thread that speaks the language.
fn place(frame: &Frame, n: usize, layout: &Layout, pixels: &[u8], grid: &VoxelGrid) -> Result<Placed, usize> {
    let columns = grid.columns();
    let normal = frame.along_columns.cross(frame.along_rows).normalize();
    // A quarter of a degree.
    if normal.dot(grid.normal()).abs() < 1.0 - 1e-5 {
        return Err(n + 1);
    }
    let (_, position) = grid.plane_from_patient(frame.origin);
    let mut placed = Placed {
        slice: grid.slice_within_half_spacing(position),
        mask: SliceMask::default(),
        off_mm: 0.0,
        coincides: true,
        lost: 0,
    };
    let Some(k) = placed.slice else { return Ok(placed) };
    placed.off_mm = (position - grid.position_mm(k)).abs();
    let mut dense = vec![false; grid.rows() * columns];
    // Column and row of the scan for column and row of the frame: linear.
    let index = |p: DVec3| grid.index_from_plane(grid.plane_from_patient(p).0);
    let first = index(frame.origin);
    let step_column = index(frame.origin + frame.along_columns) - first;
    let step_row = index(frame.origin + frame.along_rows) - first;
    let spacing = DVec2::new(grid.spacing_i_mm(), grid.spacing_j_mm());
    let to_scan = |row: usize, column: usize| first + step_column * column as f64 + step_row * row as f64;
    let error_mm = |at: DVec2| ((at - at.round()) * spacing).length();
    let whole = |step: DVec2| step.round().abs().element_sum() == 1.0;
    let (last_row, last_column) = (layout.rows - 1, layout.columns - 1);
    placed.coincides = whole(step_column)
        && whole(step_row)
        && [(0, 0), (last_row, 0), (0, last_column), (last_row, last_column)]
            .into_iter()
            .all(|(row, column)| error_mm(to_scan(row, column)) <= SAME_MM);
    if placed.coincides {
        layout.for_each_inside(pixels, n, |row, column| {
            let at = to_scan(row, column).round();
            let inside = at.x >= 0.0 && at.y >= 0.0 && at.x < columns as f64 && at.y < grid.rows() as f64;
            if inside {
                dense[at.y as usize * columns + at.x as usize] = true;
            } else {
                placed.lost += 1;
            }
        });
    } else {
        // Every voxel of the scan takes the value of the frame's voxel in which its centre lies.
        let mut inside = vec![false; layout.rows * layout.columns];
        layout.for_each_inside(pixels, n, |row, column| inside[row * layout.columns + column] = true);
        let (along, down) = (frame.along_columns, frame.along_rows);
        for j in 0..grid.rows() {
            for i in 0..columns {
                let p = grid.patient_from_voxel(k, j as f64, i as f64) - frame.origin;
                let column = (p.dot(along) / along.length_squared()).round();
                let row = (p.dot(down) / down.length_squared()).round();
                if (0.0..=last_column as f64).contains(&column) && (0.0..=last_row as f64).contains(&row) {
                    dense[j * columns + i] = inside[row as usize * layout.columns + column as usize];
                }
            }
        }
    }
    placed.mask = SliceMask::from_dense(columns, &dense);
    Ok(placed)
}

fn segments(
    ds: &DataSet,
    charset: &Charset,
    frames: &[Frame],
    placed: &[Placed],
    warnings: &mut Vec<ImportWarning>,
) -> Vec<Segment> {
    let mut segments = Vec::new();
    let mut by_number: BTreeMap<u16, usize> = BTreeMap::new();
    for item in ds.items(tags::SEGMENT_SEQUENCE) {
        let charset = Charset::of(item, charset);
        let Some(number) = item.us(tags::SEGMENT_NUMBER) else { continue };
        let color = item.bytes(tags::RECOMMENDED_DISPLAY_CIE_LAB_VALUE).filter(|b| b.len() >= 6);
        by_number.insert(number, segments.len());
        segments.push(Segment {
            number,
            label: item.text(tags::SEGMENT_LABEL, &charset),
            property: item
                .items(tags::SEGMENTED_PROPERTY_TYPE_CODE_SEQUENCE)
                .first()
                .map_or_else(String::new, |c| c.text(tags::CODE_MEANING, &charset)),
            generation: match item.string(tags::SEGMENT_ALGORITHM_TYPE).to_uppercase().as_str() {
                "AUTOMATIC" => Generation::Automatic,
                "SEMIAUTOMATIC" => Generation::Semiautomatic,
                "MANUAL" => Generation::Manual,
                _ => Generation::Unknown,
            },
            algorithm: item.text(tags::SEGMENT_ALGORITHM_NAME, &charset),
            color: color
                .map(|b| srgb_from_cielab(std::array::from_fn(|n| u16::from_le_bytes([b[2 * n], b[2 * n + 1]])))),
            mask: Mask::default(),
            frames: 0,
            frames_outside: 0,
        });
    }
    let mut unknown = BTreeSet::new();
    let mut repeated = 0;
    for (frame, placed) in frames.iter().zip(placed) {
        let Some(segment) = by_number.get(&frame.segment).and_then(|n| segments.get_mut(*n)) else {
            unknown.insert(frame.segment);
            continue;
        };
        segment.frames += 1;
        let Some(k) = placed.slice else {
            segment.frames_outside += 1;
            continue;
        };
        if placed.mask.is_empty() {
            continue;
        }
        let before = segment.mask.slices.get(&k);
        repeated += usize::from(before.is_some());
        let union = before.map_or_else(|| placed.mask.clone(), |b| b.combine(&placed.mask, |x, y| x | y));
        segment.mask.slices.insert(k, Arc::new(union));
    }
    for number in unknown {
        warnings.push(ImportWarning::warning(crate::tf!(
            "frames of segment {number} were left out: it is not described",
            number
        )));
    }
    if repeated > 0 {
        warnings.push(ImportWarning::warning(crate::tf!("{repeated} frames fell on a slice that their segment had already (frames denser than the CT); the voxels were united", repeated)));
    }
    for segment in &segments {
        if segment.frames_outside > 0 {
            warnings.push(ImportWarning::warning(crate::tf!("{frames_outside} of {frames} frames of segment \"{label}\" lie on no slice of the CT and were left out", frames_outside = segment.frames_outside, frames = segment.frames, label = segment.label)));
        } else if segment.mask.is_empty() {
            warnings.push(ImportWarning::warning(crate::tf!("segment \"{label}\" is empty", label = segment.label)));
        }
    }
    segments
}

/// What the report says of all frames together; true if every voxel came over as it was.
fn describe(frames: &[Frame], placed: &[Placed], warnings: &mut Vec<ImportWarning>) -> bool {
    let off = placed.iter().map(|p| p.off_mm).fold(0.0, f64::max);
    if off > SAME_MM {
        warnings.push(ImportWarning::warning(crate::tf!(
            "frames lie up to {off:.2} mm beside the slices of the CT; each was taken to the nearest slice",
            off
        )));
    }
    let moved = placed.iter().filter(|p| !p.coincides).count();
    if moved > 0 {
        warnings.push(ImportWarning::warning(crate::tf!("the voxels of {moved} of {frames} frames are not those of the CT; each CT voxel took the value of the nearest one", moved, frames = frames.len())));
    }
    let lost: u64 = placed.iter().map(|p| p.lost).sum();
    if lost > 0 {
        warnings.push(ImportWarning::warning(crate::tf!(
            "{lost} voxels lie beyond the rows and columns of the CT and were left out",
            lost
        )));
    }
    off <= SAME_MM && moved == 0 && lost == 0 && placed.iter().all(|p| p.slice.is_some())
}
