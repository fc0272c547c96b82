//! From a heap of images to an ordered stack on a grid: sorting by position, duplicates, gaps, jitter
//! and tilt. Nothing is interpolated; what is odd is said, with the names of the files.

use super::codec;
use super::ct::CtError;
use super::file::PixelSource;
use super::scan::{CtSeries, SeriesKind, SliceHeader};
use super::warning::{ImportWarning, Severity};
use crate::geometry::{PatientPoint, VoxelGrid};
use crate::tf;
use crate::words::t;
use glam::DVec3;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Images of one stack in the order of the grid.
#[derive(Debug)]
pub(crate) struct Stack {
    pub slices: Vec<SliceHeader>,
    pub grid: VoxelGrid,
    pub warnings: Vec<ImportWarning>,
}

/// Images known to be damaged, by file and frame, and why.
pub(crate) type Unreadable = BTreeMap<(PathBuf, Option<u32>), String>;

/// Two images closer than this are at the same position, mm.
const SAME_POSITION_MM: f64 = 0.01;
/// Spacing that varies by less than this share is not worth a word; up to the second it is rounding.
const EVEN: f64 = 1e-4;
const UNEVEN: f64 = 1e-2;
/// A distance of more than this many spacings is a gap.
const GAP: f64 = 1.5;
/// So many wide distances of one size in a row are a part of the scan with another spacing, not gaps.
const RUN: usize = 3;
/// Wide distances within this share of each other are of one size.
const SAME_SIZE: f64 = 0.1;
/// Slices tilted by more than this against the axes of the patient are called oblique.
const OBLIQUE_DEGREES: f64 = 0.5;
/// Sideways shift of the slices, in pixels: warned from the first on, refused from the second on.
const SHIFT_WARNED: f64 = 0.05;
const SHIFT_REFUSED: f64 = 0.5;

impl Stack {
    /// Orders the images of a series.
    ///
    /// # Errors
    /// [`CtError`] where the images cannot form a grid.
    pub fn build(series: &CtSeries, unreadable: &Unreadable) -> Result<Self, CtError> {
        let first = series.slices.first().ok_or(CtError::Empty)?.path.clone();
        let mut warnings = Vec::new();
        let slices = usable_slices(series, unreadable, &mut warnings)?;
        let reference = &slices[0];
        let (Some([i_direction, j_direction]), Some(spacing_ij_mm)) = (reference.directions, reference.spacing_ij_mm)
        else {
            return Err(CtError::NoGeometry { path: first });
        };
        let make_grid = |origin: PatientPoint, positions: Vec<f64>| {
            let size = [series.columns, series.rows];
            VoxelGrid::new(origin, i_direction, j_direction, spacing_ij_mm, size, positions)
                .map_err(|source| CtError::Grid { source, path: first.clone() })
        };
        // The grid cleans rounded cosines; positions are measured along its normal.
        let normal = make_grid(DVec3::ZERO, vec![0.0])?.normal();
        let mut placed: Vec<(f64, SliceHeader)> =
            slices.into_iter().filter_map(|s| s.position.map(|p| (p.dot(normal), s))).collect();
        placed.sort_by(|a, b| {
            (a.0.total_cmp(&b.0))
                .then_with(|| a.1.instance_number.cmp(&b.1.instance_number))
                .then_with(|| a.1.place().cmp(&b.1.place()))
        });
        remove_repeated_positions(&mut placed, &mut warnings, &first)?;
        if series.slices.len() > 1 && placed.len() < 2 {
            return Err(CtError::TooFew { total: series.slices.len(), path: first });
        }
        let grid = make_grid(placed[0].1.position.unwrap_or_default(), placed.iter().map(|p| p.0).collect())?;
        check_shift(&placed, &grid, &mut warnings, &first)?;
        check_spacing(&placed, &mut warnings);
        let tilt_degrees = grid.normal().abs().max_element().min(1.0).acos().to_degrees();
        if tilt_degrees > OBLIQUE_DEGREES {
            warnings.push(ImportWarning::warning(crate::tf!(
                "The slices are oblique ({tilt_degrees:.1} degrees); the views follow the slices as they were acquired",
                tilt_degrees
            )));
        }
        if placed.len() == 1 {
            warnings.push(ImportWarning::warning(crate::tf!(
                "A single {kind} image: volumes are counted with 1 mm thickness",
                kind = series.kind
            )));
        }
        Ok(Self { slices: placed.into_iter().map(|p| p.1).collect(), grid, warnings })
    }
}

/// Leaves out what cannot take part: images without position, cut off files, known damaged ones.
fn usable_slices(
    series: &CtSeries,
    unreadable: &Unreadable,
    warnings: &mut Vec<ImportWarning>,
) -> Result<Vec<SliceHeader>, CtError> {
    let mut kept: Vec<SliceHeader> = Vec::new();
    let mut left_out: BTreeMap<String, Vec<PathBuf>> = BTreeMap::new();
    for slice in &series.slices {
        if let Some(why) = slice.format.refusal() {
            return Err(CtError::Pixels { why, path: slice.path.clone() });
        }
        if slice.frames > 1 {
            return Err(CtError::Pixels {
                why: tf!(
                    "it holds {frames} frames; only single {kind} images can be read",
                    frames = slice.frames,
                    kind = series.kind
                ),
                path: slice.path.clone(),
            });
        }
        match why_unusable(slice, series.kind, unreadable)? {
            Some(why) => left_out.entry(why).or_default().push(slice.path.clone()),
            None => kept.push(slice.clone()),
        }
    }
    let path = series.slices[0].path.clone();
    if kept.is_empty() {
        let why = left_out.into_keys().next().unwrap_or_default();
        return Err(CtError::NoneUsable { total: series.slices.len(), why, path });
    }
    for (why, files) in left_out {
        let (count, total, kind) = (files.len(), series.slices.len(), series.kind);
        let text = tf!("{count} of {total} {kind} images are missing from the volume: {why}", count, total, kind, why);
        warnings.push(ImportWarning::new(Severity::Geometry, text, files));
    }
    check_values(&kept, series.kind, warnings);
    Ok(kept)
}

/// Remarks about units and compression; those of PET are the business of its loader.
fn check_values(kept: &[SliceHeader], kind: SeriesKind, warnings: &mut Vec<ImportWarning>) {
    let unscaled: Vec<PathBuf> = kept.iter().filter(|s| !s.format.rescaled).map(|s| s.path.clone()).collect();
    if !unscaled.is_empty() && kind == SeriesKind::Ct {
        let text =
            tf!("{n} images have no rescale slope and intercept; their values are taken as HU", n = unscaled.len());
        warnings.push(ImportWarning::new(Severity::Warning, text, unscaled));
    }
    let mut lossy: BTreeMap<&'static str, Vec<PathBuf>> = BTreeMap::new();
    for slice in kept {
        if let Some(name) = slice.lossy {
            lossy.entry(name).or_default().push(slice.path.clone());
        }
    }
    for (name, files) in lossy {
        let n = files.len();
        let text = if kind == SeriesKind::Ct {
            tf!("The CT numbers of {n} images were changed by lossy compression ({name})", n, name)
        } else {
            tf!("The values of {n} images were changed by lossy compression ({name})", n, name)
        };
        warnings.push(ImportWarning::new(Severity::Info, text, files));
    }
    let other_unit = kept.iter().find(|s| !matches!(s.format.rescale_type.as_str(), "" | "HU"));
    if let Some(slice) = other_unit.filter(|_| kind == SeriesKind::Ct) {
        let text =
            tf!("The values have the unit \"{unit}\", not HU; they are taken as HU", unit = slice.format.rescale_type);
        warnings.push(ImportWarning::new(Severity::Warning, text, vec![slice.path.clone()]));
    }
}

fn why_unusable(slice: &SliceHeader, kind: SeriesKind, unreadable: &Unreadable) -> Result<Option<String>, CtError> {
    if let Some(why) = unreadable.get(&slice.place()) {
        return Ok(Some(why.clone()));
    }
    if slice.position.is_none() || slice.directions.is_none() || slice.spacing_ij_mm.is_none() {
        return Ok(Some(t("they have no image position, orientation or pixel spacing").into()));
    }
    if slice.rows * slice.columns > codec::MOST_PIXELS {
        return Ok(Some(tf!(
            "no {kind} image has {columns} x {rows} pixels",
            kind,
            columns = slice.columns,
            rows = slice.rows
        )));
    }
    match slice.pixels {
        None => Ok(Some(t("they have no pixels (cut off file?)").into())),
        Some(PixelSource::Plain { offset, length } | PixelSource::BigEndian { offset, length, .. }) => {
            let needed = (slice.rows * slice.columns * slice.format.bytes_per_pixel()) as u64;
            let there = std::fs::metadata(&slice.path).map_or(0, |m| m.len()).saturating_sub(offset).min(length);
            Ok((there < needed).then(|| t("the files are cut off within the pixels").into()))
        }
        Some(_) => match codec::check(&slice.transfer_syntax) {
            Ok(()) => Ok(None),
            Err(name) => Err(CtError::Compression { name, path: slice.path.clone() }),
        },
    }
}

fn remove_repeated_positions(
    placed: &mut Vec<(f64, SliceHeader)>,
    warnings: &mut Vec<ImportWarning>,
    first: &std::path::Path,
) -> Result<(), CtError> {
    let total = placed.len();
    let (mut copies, mut rivals) = (Vec::new(), Vec::new());
    let mut kept: Vec<(f64, SliceHeader)> = Vec::with_capacity(total);
    for (position, slice) in placed.drain(..) {
        match kept.last() {
            Some((last, before)) if position - last < SAME_POSITION_MM => {
                let is_copy = (&before.sop_instance_uid, before.frame) == (&slice.sop_instance_uid, slice.frame);
                let list = if is_copy { &mut copies } else { &mut rivals };
                list.push((before.path.clone(), slice.path));
            }
            _ => kept.push((position, slice)),
        }
    }
    // Phases of a 4D scan in one series: which one is meant is not ours to decide.
    if kept.len() > 2 && rivals.len() * 2 >= kept.len() {
        return Err(CtError::RepeatedPositions { images: total, positions: kept.len(), path: first.to_owned() });
    }
    if !copies.is_empty() {
        let text = tf!("{n} files are second copies of an image and were left out", n = copies.len());
        warnings.push(ImportWarning::new(Severity::Info, text, copies.into_iter().map(|c| c.1).collect()));
    }
    for (used, left_out) in rivals {
        let text = t("Two different images at the same position; the first was used, the second left out");
        warnings.push(ImportWarning::new(Severity::Geometry, text, vec![used, left_out]));
    }
    *placed = kept;
    Ok(())
}

/// A tilted gantry shifts each slice sideways; such a stack is no orthogonal grid.
fn check_shift(
    placed: &[(f64, SliceHeader)],
    grid: &VoxelGrid,
    warnings: &mut Vec<ImportWarning>,
    first: &std::path::Path,
) -> Result<(), CtError> {
    let (origin, _) = grid.plane_from_patient(placed[0].1.position.unwrap_or_default());
    let pixel = grid.spacing_i_mm().min(grid.spacing_j_mm());
    let Some((shift_mm, worst)) = placed
        .iter()
        .filter_map(|(_, s)| {
            let (here, _) = grid.plane_from_patient(s.position?);
            Some(((here[0] - origin[0]).hypot(here[1] - origin[1]), s))
        })
        .max_by(|a, b| a.0.total_cmp(&b.0))
    else {
        return Ok(());
    };
    if shift_mm > SHIFT_REFUSED * pixel {
        return Err(CtError::Sideways { shift_mm, path: first.to_owned() });
    }
    if shift_mm > SHIFT_WARNED * pixel {
        let text =
            tf!("The slices shift sideways by up to {shift_mm:.3} mm; all are placed as the first one", shift_mm);
        warnings.push(ImportWarning::new(Severity::Geometry, text, vec![worst.path.clone()]));
    }
    Ok(())
}

fn check_spacing(placed: &[(f64, SliceHeader)], warnings: &mut Vec<ImportWarning>) {
    let gaps: Vec<f64> = placed.windows(2).map(|w| w[1].0 - w[0].0).collect();
    if gaps.is_empty() {
        return;
    }
    let missing = missing_slices(&gaps);
    for (k, usual_mm) in &missing {
        let count = ((gaps[*k] / usual_mm).round() as usize).saturating_sub(1).max(1);
        let text = tf!(
            "Missing slices: {gap_mm:.2} mm between the images at {low_mm:.2} and {high_mm:.2} mm, {usual_mm:.2} mm beside them ({count} missing)",
            gap_mm = gaps[*k],
            low_mm = placed[*k].0,
            high_mm = placed[k + 1].0,
            usual_mm,
            count
        );
        let files = vec![placed[*k].1.path.clone(), placed[k + 1].1.path.clone()];
        warnings.push(ImportWarning::new(Severity::Geometry, text, files));
    }
    let mut sorted: Vec<f64> = (0..gaps.len()).filter(|k| !missing.contains_key(k)).map(|k| gaps[k]).collect();
    sorted.sort_by(f64::total_cmp);
    let (Some(least), Some(most)) = (sorted.first(), sorted.last()) else { return };
    let median = sorted[sorted.len() / 2];
    let spread = (most - least) / median;
    if spread > UNEVEN {
        let text = tf!(
            "The slice spacing is uneven ({least:.3} to {most:.3} mm); every slice keeps its true position and thickness",
            least,
            most
        );
        warnings.push(ImportWarning::warning(text));
    } else if spread > EVEN {
        warnings.push(ImportWarning::info(crate::tf!(
            "The slice spacing varies by rounding ({least:.4} to {most:.4} mm); every slice keeps its true position",
            least,
            most
        )));
    }
}

/// The distances at which slices are missing, with the spacing beside each, mm. A wide distance is no gap
/// where it belongs to a part of the scan with wider spacing: a run of distances of its size.
fn missing_slices(gaps: &[f64]) -> BTreeMap<usize, f64> {
    let mut sorted = gaps.to_vec();
    sorted.sort_by(f64::total_cmp);
    // The lower quartile is the ordinary spacing even where every second slice is missing.
    let ordinary = sorted[(sorted.len() - 1) / 4];
    let is_wide = |k: usize| gaps[k] > GAP * ordinary;
    let same_size = |a: usize, b: usize| (gaps[a] - gaps[b]).abs() <= SAME_SIZE * gaps[a].max(gaps[b]);
    let mut runs: Vec<(usize, usize)> = Vec::new();
    for k in (0..gaps.len()).filter(|k| is_wide(*k)) {
        match runs.last_mut() {
            Some((_, end)) if *end == k && same_size(k - 1, k) => *end = k + 1,
            _ => runs.push((k, k + 1)),
        }
    }
    let levels: Vec<usize> = runs.iter().filter(|(start, end)| end - start >= RUN).map(|r| r.0).collect();
    // Two of a size that occurs in a longer run are the same spacing, cut by a gap or an end.
    let is_spacing = |(start, end): (usize, usize)| {
        end - start >= RUN || end - start == 2 && levels.iter().any(|l| same_size(*l, start))
    };
    let missing: Vec<usize> = runs.iter().filter(|r| !is_spacing(**r)).flat_map(|r| r.0..r.1).collect();
    let usual = |k: usize| {
        let beside = [k.checked_sub(1), Some(k + 1)].into_iter().flatten();
        let beside = beside.filter(|n| *n < gaps.len() && !missing.contains(n)).map(|n| gaps[n]);
        // Beside a gap at the border of two spacings, the narrower one cannot be wrong.
        beside.filter(|g| GAP * g < gaps[k]).reduce(f64::min).unwrap_or(ordinary)
    };
    missing.iter().map(|k| (*k, usual(*k))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wide_distance_is_a_gap_unless_a_run_of_its_size_makes_it_a_spacing() {
        let missing = |gaps: &[f64]| missing_slices(gaps).keys().copied().collect::<Vec<_>>();
        let none: [usize; 0] = [];
        assert_eq!(missing(&[3.0; 9]), none);
        // Every second slice is missing, or a third of few.
        assert_eq!(missing(&[2.0, 4.0, 2.0, 4.0, 2.0, 4.0]), [1, 3, 5]);
        assert_eq!(missing(&[4.0, 2.0, 4.0]), [0, 2]);
        assert_eq!(missing(&[2.0, 2.0, 4.0, 2.0]), [2]);
        // Two slices missing around one that is there.
        assert_eq!(missing(&[3.0, 3.0, 6.0, 6.0, 3.0, 3.0, 3.0]), [2, 3]);
        // A scan with two spacings, with and without gaps in either part.
        assert_eq!(missing(&[3.0, 3.0, 3.0, 3.0, 6.0, 6.0, 6.0]), none);
        assert_eq!(missing(&[3.0, 3.0, 6.0, 3.0, 3.0, 3.0, 6.0, 6.0, 6.0]), [2]);
        assert_eq!(missing(&[3.0, 3.0, 3.0, 3.0, 6.0, 6.0, 6.0, 12.0, 6.0, 6.0]), [7]);
        assert_eq!(missing_slices(&[3.0, 3.0, 3.0, 3.0, 6.0, 6.0, 6.0, 12.0, 6.0, 6.0])[&7], 6.0);
        assert_eq!(missing(&[3.0, 1.0, 3.0, 3.0, 3.0]), none, "one slice too many is no gap");
        assert_eq!(missing(&[5.0]), none);
    }
}
