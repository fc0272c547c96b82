//! All measures of agreement of a test mask with a reference mask.

use super::{AddedPath, SurfaceDistances};
use crate::contour::Mask;
use crate::geometry::{PatientPoint, VoxelGrid};
use glam::DVec3;

/// Agreement of a test contour (an automatic one, a trainee's) with a reference (the approved one).
///
/// `None` stands for what does not exist: a distance to a structure without voxels, a ratio to nothing. Volumes are
/// sums over slices of voxels times their true thickness.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Comparison {
    pub reference_cm3: f64,
    pub test_cm3: f64,
    /// Volumetric Dice coefficient; 1 if both are empty (see [`Self::both_empty`]).
    pub dsc: f64,
    pub jaccard: f64,
    /// Part of the reference that the test covers.
    pub sensitivity: Option<f64>,
    /// Part of the test that is in the reference.
    pub precision: Option<f64>,
    /// Test volume over reference volume.
    pub volume_ratio: Option<f64>,
    /// Area-weighted mean surface distance from the reference to the test, mm.
    pub mean_reference_to_test_mm: Option<f64>,
    /// Area-weighted mean surface distance from the test to the reference, mm.
    pub mean_test_to_reference_mm: Option<f64>,
    /// Mean surface distance: mean of both directed means, mm.
    pub msd_mm: Option<f64>,
    /// Hausdorff distance, mm.
    pub hd_mm: Option<f64>,
    /// Greater of both directed area-weighted 95th percentiles, mm.
    pub hd95_mm: Option<f64>,
    /// Surface DSC at [`Self::SURFACE_TOLERANCES_MM`].
    pub surface_dsc: Vec<SurfaceDsc>,
    /// Added path length at [`Self::PATH_TOLERANCES_MM`].
    pub added_path: Vec<AddedPath>,
    /// From the centroid of the reference to that of the test, mm, LPS.
    pub centroid_shift_mm: Option<DVec3>,
    /// Border toward the head; `None` for scans whose slices do not run from feet to head.
    pub superior: Option<BorderShift>,
    /// Border toward the feet.
    pub inferior: Option<BorderShift>,
}

/// Part of both surfaces that is within a tolerance of the other.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct SurfaceDsc {
    pub tolerance_mm: f64,
    /// `None` if both surfaces do not exist.
    pub value: Option<f64>,
}

/// How far the outermost slice of the test is from that of the reference; positive toward the head.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct BorderShift {
    pub slices: i64,
    pub mm: f64,
}

impl Comparison {
    pub const SURFACE_TOLERANCES_MM: [f64; 4] = [1.0, 2.0, 3.0, 5.0];
    pub const PATH_TOLERANCES_MM: [f64; 2] = [0.0, 3.0];

    /// Nothing was compared: show the measures as not applicable.
    pub fn both_empty(&self) -> bool {
        self.reference_cm3 == 0.0 && self.test_cm3 == 0.0
    }

    /// Surface DSC at one of [`Self::SURFACE_TOLERANCES_MM`].
    pub fn surface_dsc_at(&self, tolerance_mm: f64) -> Option<f64> {
        self.surface_dsc.iter().find(|s| s.tolerance_mm == tolerance_mm)?.value
    }
}

/// Compares two masks of the same grid.
pub fn compare(reference: &Mask, test: &Mask, grid: &VoxelGrid) -> Comparison {
    let (reference_cm3, test_cm3) = (reference.volume_cm3(grid), test.volume_cm3(grid));
    let shared_cm3 = shared_cm3(reference, test, grid);
    let ratio = |part: f64, whole: f64| (whole > 0.0).then(|| part / whole);
    let dsc = ratio(2.0 * shared_cm3, reference_cm3 + test_cm3).unwrap_or(1.0);
    let [outward, back] = SurfaceDistances::between(reference, test, grid);
    let greater = |a: Option<f64>, b: Option<f64>| a.zip(b).map(|(a, b)| a.max(b));
    let means = (outward.mean_mm(), back.mean_mm());
    let surface_dsc = |tolerance_mm: f64| SurfaceDsc {
        tolerance_mm,
        value: ratio(
            outward.area_within_mm2(tolerance_mm) + back.area_within_mm2(tolerance_mm),
            outward.area_mm2() + back.area_mm2(),
        ),
    };
    let [superior, inferior] = border_shifts(reference, test, grid);
    Comparison {
        reference_cm3,
        test_cm3,
        dsc,
        jaccard: dsc / (2.0 - dsc),
        sensitivity: ratio(shared_cm3, reference_cm3),
        precision: ratio(shared_cm3, test_cm3),
        volume_ratio: ratio(test_cm3, reference_cm3),
        mean_reference_to_test_mm: means.0,
        mean_test_to_reference_mm: means.1,
        msd_mm: means.0.zip(means.1).map(|(a, b)| f64::midpoint(a, b)),
        hd_mm: greater(outward.percentile_mm(100.0), back.percentile_mm(100.0)),
        hd95_mm: greater(outward.percentile_mm(95.0), back.percentile_mm(95.0)),
        surface_dsc: Comparison::SURFACE_TOLERANCES_MM.map(surface_dsc).to_vec(),
        added_path: Comparison::PATH_TOLERANCES_MM.map(|t| AddedPath::measure(reference, test, grid, t)).to_vec(),
        centroid_shift_mm: centroid(reference, grid).zip(centroid(test, grid)).map(|(a, b)| b - a),
        superior,
        inferior,
    }
}

fn shared_cm3(a: &Mask, b: &Mask, grid: &VoxelGrid) -> f64 {
    a.slices
        .iter()
        .filter_map(|(k, slice)| Some(slice.count_and(b.slices.get(k)?) as f64 * grid.voxel_mm3(*k)))
        .sum::<f64>()
        / 1000.0
}

/// Mean of the voxel centres weighted by voxel volume.
fn centroid(mask: &Mask, grid: &VoxelGrid) -> Option<PatientPoint> {
    let (mut sum, mut weight) = (DVec3::ZERO, 0.0);
    for (&k, slice) in &mask.slices {
        let (mut j_sum, mut i_sum, mut count) = (0.0, 0.0, 0.0);
        for (j, i) in slice.voxels() {
            (j_sum, i_sum, count) = (j_sum + j as f64, i_sum + i as f64, count + 1.0);
        }
        if count > 0.0 {
            let volume = count * grid.voxel_mm3(k);
            sum += grid.patient_from_voxel(k, j_sum / count, i_sum / count) * volume;
            weight += volume;
        }
    }
    (weight > 0.0).then(|| sum / weight)
}

/// Shifts of the border toward the head and of that toward the feet.
fn border_shifts(reference: &Mask, test: &Mask, grid: &VoxelGrid) -> [Option<BorderShift>; 2] {
    let toward_head = grid.normal().z;
    if toward_head.abs() < std::f64::consts::FRAC_1_SQRT_2 {
        return [None, None];
    }
    let ends = |mask: &Mask| mask.bounds().map(|[low, high]| [high[0], low[0]]);
    let (Some(a), Some(b)) = (ends(reference), ends(test)) else { return [None, None] };
    let sign = toward_head.signum();
    let shift = |from: usize, to: usize| BorderShift {
        slices: (to as i64 - from as i64) * sign as i64,
        mm: (grid.position_mm(to) - grid.position_mm(from)) * sign,
    };
    let [last, first] = [shift(a[0], b[0]), shift(a[1], b[1])];
    if sign > 0.0 { [Some(last), Some(first)] } else { [Some(first), Some(last)] }
}
