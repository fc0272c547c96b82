//! RT Dose (DICOM PS3.3 A.18.3, C.8.8.3): the dose grid in Gy or relative values, and the prescribed dose from the
//! plan that it refers to.

use super::beside::{LoadedOverlay, OverlayError};
use super::file::{PixelSource, is_pixels, read_until};
use super::pixels::uncompressed;
use super::raw::DataSet;
use super::scan::{directions, position, spacing_ij_mm};
use super::value::Charset;
use super::warning::ImportWarning;
use crate::geometry::{Rigid, VoxelGrid};
use crate::image::{OverlayVolume, Quantity};
use crate::progress::Progress;
use dicom_core::Tag;
use dicom_dictionary_std::tags;
use glam::DVec3;
use ndarray::Array3;
use std::path::{Path, PathBuf};

/// A dose, known by its header.
#[derive(Debug, Clone)]
pub struct DoseFile {
    pub path: PathBuf,
    pub sop_instance_uid: String,
    pub study_instance_uid: String,
    pub frame_of_reference_uid: String,
    pub date: String,
    series_description: String,
    comment: String,
    /// Dose Units (3004,0002), Dose Type (3004,0004), Dose Summation Type (3004,000A).
    units: String,
    dose_type: String,
    summation: String,
    plan_uids: Vec<String>,
    has_grid: bool,
}

/// A plan, for the dose that it prescribes.
#[derive(Debug, Clone)]
pub struct PlanFile {
    pub path: PathBuf,
    pub sop_instance_uid: String,
    pub study_instance_uid: String,
    pub label: String,
    /// Target Prescription Dose (300A,0026) of every target, Gy.
    pub targets_gy: Vec<f64>,
}

/// The dose that counts as 100 %.
#[derive(Debug, Clone, PartialEq)]
pub struct Prescription {
    pub gy: f64,
    /// Where it comes from, a sentence without a full stop.
    pub origin: String,
}

impl PlanFile {
    pub(super) fn of(path: &Path, ds: &DataSet, charset: &Charset) -> Self {
        let is_target = |r: &&DataSet| matches!(r.string(tags::DOSE_REFERENCE_TYPE).as_str(), "TARGET" | "");
        let references = ds.items(tags::DOSE_REFERENCE_SEQUENCE).iter().filter(is_target);
        let dose = |r: &DataSet| r.decimals_n::<1>(tags::TARGET_PRESCRIPTION_DOSE).map(|[gy]| gy);
        Self {
            path: path.to_owned(),
            sop_instance_uid: ds.string(tags::SOP_INSTANCE_UID),
            study_instance_uid: ds.string(tags::STUDY_INSTANCE_UID),
            label: ds.text(tags::RT_PLAN_LABEL, charset),
            targets_gy: references.filter_map(dose).filter(|gy| *gy > 0.0).collect(),
        }
    }
}

impl DoseFile {
    pub(super) fn of(path: &Path, ds: &DataSet, charset: &Charset) -> Self {
        let plans = ds.items(tags::REFERENCED_RT_PLAN_SEQUENCE).iter();
        let date = [tags::INSTANCE_CREATION_DATE, tags::SERIES_DATE, tags::STUDY_DATE].map(|tag| ds.string(tag));
        Self {
            path: path.to_owned(),
            sop_instance_uid: ds.string(tags::SOP_INSTANCE_UID),
            study_instance_uid: ds.string(tags::STUDY_INSTANCE_UID),
            frame_of_reference_uid: ds.string(tags::FRAME_OF_REFERENCE_UID),
            date: date.into_iter().find(|d| !d.is_empty()).unwrap_or_default(),
            series_description: ds.text(tags::SERIES_DESCRIPTION, charset),
            comment: ds.text(tags::DOSE_COMMENT, charset),
            units: ds.string(tags::DOSE_UNITS),
            dose_type: ds.string(tags::DOSE_TYPE),
            summation: ds.string(tags::DOSE_SUMMATION_TYPE),
            plan_uids: plans.map(|p| p.string(tags::REFERENCED_SOP_INSTANCE_UID)).filter(|u| !u.is_empty()).collect(),
            has_grid: ds.us(tags::ROWS).is_some(),
        }
    }

    pub(super) fn description(&self) -> String {
        let texts = [&self.series_description, &self.comment];
        texts.into_iter().find(|t| !t.is_empty()).cloned().unwrap_or_default()
    }

    /// Summation, type and unit in words.
    pub(super) fn details(&self) -> String {
        let summation = match self.summation.as_str() {
            "PLAN" => "dose of the plan",
            "MULTI_PLAN" => "sum of several plans",
            "PLAN_OVERVIEW" => "overview of plans",
            "FRACTION" => "dose of one fraction",
            "BEAM" => "dose of one beam",
            "BRACHY" => "dose of brachytherapy channels",
            "FRACTION_SESSION" => "dose of one session",
            "BEAM_SESSION" => "dose of beams of one session",
            "BRACHY_SESSION" => "dose of brachytherapy of one session",
            "CONTROL_POINT" => "dose of control points",
            "RECORD" => "dose of a treatment record",
            _ => "summation not stated",
        };
        let relative = if self.units == "RELATIVE" { ", relative, no Gy" } else { "" };
        let effective = if self.dose_type == "EFFECTIVE" { ", effective dose" } else { "" };
        format!("{summation}{effective}{relative}")
    }

    /// Why it cannot be shown, as far as the header tells.
    pub(super) fn refusal(&self) -> Option<String> {
        if !self.has_grid {
            Some("it holds no dose grid (only histograms); export the dose with its grid".into())
        } else if self.dose_type == "ERROR" {
            Some("its Dose Type (3004,0004) is ERROR: it holds differences of doses, not a dose".into())
        } else {
            match self.units.as_str() {
                "GY" | "RELATIVE" => None,
                "" => Some("its Dose Units (3004,0002) are missing".into()),
                other => Some(format!("its Dose Units (3004,0002) are {other}; GY and RELATIVE are known")),
            }
        }
    }

    /// The highest dose prescribed to a target by the plan of this dose: the one it refers to, or the only plan of
    /// its study where it refers to none.
    ///
    /// # Errors
    /// Why there is none; the maximum counts as 100 % then.
    pub(super) fn prescription(&self, plans: &[PlanFile]) -> Result<Prescription, String> {
        if self.units != "GY" {
            return Err("the dose is relative".into());
        }
        let referenced = plans.iter().find(|p| self.plan_uids.contains(&p.sop_instance_uid));
        let of_study: Vec<&PlanFile> = plans
            .iter()
            .filter(|p| !p.study_instance_uid.is_empty() && p.study_instance_uid == self.study_instance_uid)
            .collect();
        let (plan, how) = match (referenced, of_study.as_slice(), self.plan_uids.is_empty()) {
            (Some(plan), ..) => (plan, "of the plan of this dose"),
            (None, [only], true) => (*only, "of the only plan of the study; the dose refers to none"),
            (None, _, true) => return Err("the dose refers to no plan".into()),
            (None, _, false) => return Err("the plan of this dose is not in the folder".into()),
        };
        let highest = plan.targets_gy.iter().copied().reduce(f64::max);
        let gy = highest.ok_or("the plan has no Target Prescription Dose (300A,0026)")?;
        let several = if plan.targets_gy.len() > 1 { ", the highest of its targets" } else { "" };
        Ok(Prescription { gy, origin: format!("prescribed dose {how}{several}") })
    }

    /// What to know before figures are taken from it.
    fn warnings(&self) -> Vec<ImportWarning> {
        let mut warnings = Vec::new();
        if !matches!(self.summation.as_str(), "PLAN" | "MULTI_PLAN" | "PLAN_OVERVIEW") {
            let details = self.details();
            warnings
                .push(ImportWarning::warning(crate::tf!("This is not the whole dose of a plan: {details}", details)));
        }
        if self.units == "RELATIVE" {
            warnings.push(ImportWarning::warning(crate::words::t("The dose is relative: it cannot be given in Gy")));
        }
        if self.dose_type != "PHYSICAL" {
            let stated = if self.dose_type.is_empty() { "not stated" } else { self.dose_type.as_str() };
            warnings.push(ImportWarning::warning(crate::tf!(
                "The Dose Type (3004,0004) is {stated}, not PHYSICAL",
                stated
            )));
        }
        warnings
    }
}

/// Direction cosines may be so far from the axes of the patient: half a millimetre over half a metre.
const ALONG_AXES: f64 = 1e-3;
/// Offsets that are equal within this are the same, mm.
const SAME_MM: f64 = 1e-2;

/// Loads a dose.
///
/// # Errors
/// [`OverlayError`] with the attribute that stands in the way.
pub(super) fn load_dose(
    dose: &DoseFile,
    prescription: Result<Prescription, String>,
    ct_from_overlay: Rigid,
    progress: &dyn Progress,
) -> Result<LoadedOverlay, OverlayError> {
    let path = &dose.path;
    let refused = |why: String| OverlayError::Dose { why, path: path.clone() };
    progress.report(crate::words::t("Loading the dose"), 0, 1);
    let file = match read_until(path, &|tag: Tag| is_pixels(tag) || tag.0 > 0x7FE0) {
        Ok(Some(file)) => file,
        Ok(None) => return Err(refused("it is no DICOM file any more".into())),
        Err(source) => return Err(OverlayError::Read { source, path: path.clone() }),
    };
    let ds = &file.dataset;
    let layout = Layout::of(ds).map_err(&refused)?;
    let scaling = match ds.decimals_n::<1>(tags::DOSE_GRID_SCALING) {
        Some([scaling]) if scaling > 0.0 => scaling,
        Some([scaling]) => return Err(refused(format!("its Dose Grid Scaling (3004,000E) is {scaling}"))),
        None => return Err(refused("its Dose Grid Scaling (3004,000E) is missing".into())),
    };
    let bytes = pixel_bytes(path, file.pixels, layout.bytes()).map_err(&refused)?;
    progress.checkpoint()?;
    let (order, grid) = layout.grid().map_err(|source| OverlayError::Grid { source, path: path.clone() })?;
    let per_frame = layout.rows * layout.columns;
    let mut values = Array3::<f32>::zeros(grid.shape());
    for (mut slice, frame) in values.outer_iter_mut().zip(order) {
        let start = frame * per_frame;
        for (n, value) in slice.iter_mut().enumerate() {
            *value = (layout.stored(&bytes, start + n) * scaling) as f32;
        }
    }
    let (quantity, unit) =
        if dose.units == "GY" { (Quantity::Dose, "Gy") } else { (Quantity::RelativeDose, "relative") };
    let volume = OverlayVolume::new(std::sync::Arc::new(grid), values, quantity, unit, ct_from_overlay);
    let mut warnings = dose.warnings();
    warnings.extend(layout.remarks);
    let reference = match prescription {
        Ok(prescription) => prescription,
        Err(why) => {
            let maximum = volume.range().map_or(0.0, |[_, high]| high);
            Prescription { gy: maximum, origin: format!("maximum of this dose, for {why}") }
        }
    };
    let method = format!("Stored values times Dose Grid Scaling {scaling:e}, {}", dose.details());
    Ok(LoadedOverlay { volume, warnings, method, reference: Some(reference) })
}

/// How the dose grid is stored.
struct Layout {
    rows: usize,
    columns: usize,
    bytes_per_voxel: usize,
    signed: bool,
    origin: DVec3,
    directions: [DVec3; 2],
    spacing_ij_mm: [f64; 2],
    /// Of every frame along the normal, from the first one, mm.
    offsets_mm: Vec<f64>,
    remarks: Vec<ImportWarning>,
}

impl Layout {
    fn of(ds: &DataSet) -> Result<Self, String> {
        let size = |tag, name: &str| {
            let n = ds.us(tag).filter(|n| *n > 0);
            n.map(usize::from).ok_or(format!("its {name} are missing"))
        };
        let (rows, columns) = (size(tags::ROWS, "Rows (0028,0010)")?, size(tags::COLUMNS, "Columns (0028,0011)")?);
        let bits = ds.us(tags::BITS_ALLOCATED).unwrap_or(0);
        let stored = ds.us(tags::BITS_STORED).unwrap_or(bits);
        if !matches!(bits, 16 | 32) || stored != bits {
            return Err(format!("its voxels have {stored} of {bits} bits; 16 and 32 whole bits can be read"));
        }
        if ds.us(tags::SAMPLES_PER_PIXEL).unwrap_or(1) != 1 {
            return Err("it is a color picture, not a dose".into());
        }
        let missing = |what: &str| format!("its {what} is missing or not valid");
        let origin = position(ds).ok_or_else(|| missing("Image Position (0020,0032)"))?;
        let directions = directions(ds).ok_or_else(|| missing("Image Orientation (0020,0037)"))?;
        let spacing_ij_mm = spacing_ij_mm(ds).ok_or_else(|| missing("Pixel Spacing (0028,0030)"))?;
        if directions.iter().any(|d| d.abs().max_element() < 1.0 - ALONG_AXES || off_axis(*d) > ALONG_AXES) {
            return Err("its grid lies oblique to the axes of the patient; export the dose on a grid along them".into());
        }
        let frames = ds.integer(tags::NUMBER_OF_FRAMES).unwrap_or(1).max(1) as usize;
        let mut remarks = Vec::new();
        let offsets_mm = if frames == 1 { vec![0.0] } else { offsets(ds, frames, origin, directions, &mut remarks)? };
        let signed = ds.us(tags::PIXEL_REPRESENTATION) == Some(1);
        let bytes_per_voxel = usize::from(bits / 8);
        let layout =
            Self { rows, columns, bytes_per_voxel, signed, origin, directions, spacing_ij_mm, offsets_mm, remarks };
        /// More voxels than any dose has: a damaged header must not fill the memory.
        const MOST: usize = 1 << 29;
        if rows * columns * frames > MOST {
            return Err(format!("no dose has {columns} x {rows} x {frames} voxels"));
        }
        Ok(layout)
    }

    fn bytes(&self) -> usize {
        self.rows * self.columns * self.offsets_mm.len() * self.bytes_per_voxel
    }

    fn stored(&self, bytes: &[u8], n: usize) -> f64 {
        let at = n * self.bytes_per_voxel;
        match (&bytes[at..at + self.bytes_per_voxel], self.signed) {
            (&[a, b], false) => f64::from(u16::from_le_bytes([a, b])),
            (&[a, b], true) => f64::from(i16::from_le_bytes([a, b])),
            (&[a, b, c, d], false) => f64::from(u32::from_le_bytes([a, b, c, d])),
            (&[a, b, c, d], true) => f64::from(i32::from_le_bytes([a, b, c, d])),
            _ => unreachable!("voxels have two or four bytes"),
        }
    }

    /// The frames in ascending order along the normal, and their grid.
    fn grid(&self) -> Result<(Vec<usize>, VoxelGrid), crate::geometry::GridError> {
        let mut order: Vec<usize> = (0..self.offsets_mm.len()).collect();
        order.sort_by(|a, b| self.offsets_mm[*a].total_cmp(&self.offsets_mm[*b]));
        let [i, j] = self.directions;
        let first = self.origin.dot(i.cross(j));
        let positions = order.iter().map(|n| first + self.offsets_mm[*n]).collect();
        let grid = VoxelGrid::new(self.origin, i, j, self.spacing_ij_mm, [self.columns, self.rows], positions)?;
        Ok((order, grid))
    }
}

fn off_axis(direction: DVec3) -> f64 {
    let mut parts = direction.abs().to_array();
    parts.sort_by(f64::total_cmp);
    parts[1]
}

/// The offsets of the frames along the normal from the first, in both dialects of the Grid Frame Offset Vector
/// (C.8.8.3.2): relative to the first frame (begins with 0), or patient z (begins with that of the first frame).
fn offsets(
    ds: &DataSet,
    frames: usize,
    origin: DVec3,
    [i, j]: [DVec3; 2],
    remarks: &mut Vec<ImportWarning>,
) -> Result<Vec<f64>, String> {
    const NAME: &str = "Grid Frame Offset Vector (3004,000C)";
    match ds.bytes(tags::FRAME_INCREMENT_POINTER) {
        Some([0x04, 0x30, 0x0C, 0x00]) => {}
        None | Some([]) => remarks.push(ImportWarning::info(crate::tf!(
            "The dose has no Frame Increment Pointer (0028,0009); its {NAME} was used",
            NAME
        ))),
        Some(_) => {
            return Err(format!("its Frame Increment Pointer (0028,0009) does not point to the {NAME}"));
        }
    }
    let offsets = ds.decimals(tags::GRID_FRAME_OFFSET_VECTOR).ok_or(format!("its {NAME} is missing or not valid"))?;
    if offsets.len() != frames {
        return Err(format!("its {NAME} has {} values for {frames} frames", offsets.len()));
    }
    let rises = offsets.windows(2).all(|w| w[1] - w[0] > SAME_MM);
    let falls = offsets.windows(2).all(|w| w[0] - w[1] > SAME_MM);
    if !rises && !falls {
        return Err(format!("its {NAME} neither rises nor falls all the way"));
    }
    let first = offsets[0];
    if first.abs() < SAME_MM {
        return Ok(offsets.iter().map(|o| o - first).collect());
    }
    if (first - origin.z).abs() < SAME_MM {
        if i.x < 1.0 - ALONG_AXES || j.y < 1.0 - ALONG_AXES {
            return Err(format!(
                "its {NAME} gives positions in the patient, which is defined for the orientation 1, 0, 0, 0, 1, 0 only"
            ));
        }
        return Ok(offsets.iter().map(|o| o - first).collect());
    }
    Err(format!("its {NAME} begins with {first}, neither with 0 nor with the position {} of the first frame", origin.z))
}

/// The pixel data, little endian.
fn pixel_bytes(path: &Path, source: Option<PixelSource>, needed: usize) -> Result<Vec<u8>, String> {
    match source {
        Some(source @ (PixelSource::Plain { .. } | PixelSource::Deflated { .. })) => uncompressed(path, source, needed),
        Some(_) => Err("its pixels are compressed or big endian; export the dose as Explicit VR Little Endian".into()),
        None => Err("it has no pixels (cut off file?)".into()),
    }
}
