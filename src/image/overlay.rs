//! Values laid over the CT on a grid of their own: PET uptake, radiation dose, or how unsure a network was.

use crate::geometry::{ImagePlane, PatientPoint, Rigid, VoxelGrid};
use glam::{DVec2, DVec3};
use ndarray::Array3;
use std::sync::Arc;

/// What the values of an overlay measure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Quantity {
    /// Standardized uptake value by body weight, g/ml.
    Suv,
    /// PET values that could not become SUV; the unit says what they are.
    RawPet,
    /// Absorbed dose, Gy.
    Dose,
    /// Dose relative to something that the file does not state.
    RelativeDose,
    /// One less the probability of what a network drew, 0 to 1.
    Uncertainty,
    /// Of another CT, HU.
    CtNumber,
}

impl Quantity {
    pub fn is_dose(self) -> bool {
        matches!(self, Self::Dose | Self::RelativeDose)
    }
}

/// Values on a grid that may lie anywhere to the CT.
#[derive(Debug, Clone)]
pub struct OverlayVolume {
    /// Of the overlay, in its own frame of reference.
    pub grid: Arc<VoxelGrid>,
    /// `[k, j, i]`; [`Self::ABSENT`] where nothing was measured.
    pub values: Arc<Array3<f32>>,
    pub quantity: Quantity,
    /// In words, e.g. `Gy`.
    pub unit: String,
    /// From the frame of reference of the overlay to that of the CT.
    pub ct_from_overlay: Rigid,
    overlay_from_ct: Rigid,
}

impl OverlayVolume {
    /// Stands where there is no value. So large that no mixture with it passes for one; the shader has the same.
    pub const ABSENT: f32 = -3e38;
    /// What is below is mixed with [`Self::ABSENT`].
    pub const ABSENT_BELOW: f64 = -1e30;

    /// # Panics
    /// If the array does not have the shape of the grid.
    pub fn new(
        grid: Arc<VoxelGrid>,
        values: Array3<f32>,
        quantity: Quantity,
        unit: impl Into<String>,
        ct_from_overlay: Rigid,
    ) -> Self {
        assert_eq!(values.shape(), grid.shape(), "the array must have the shape of the grid");
        let values = values.as_standard_layout().into_owned();
        let overlay_from_ct = ct_from_overlay.inverse();
        Self { grid, values: Arc::new(values), quantity, unit: unit.into(), ct_from_overlay, overlay_from_ct }
    }

    /// The same values elsewhere.
    pub fn move_to(&mut self, ct_from_overlay: Rigid) {
        self.ct_from_overlay = ct_from_overlay;
        self.overlay_from_ct = ct_from_overlay.inverse();
    }

    /// From the frame of reference of the CT to that of the overlay.
    pub fn overlay_from_ct(&self) -> &Rigid {
        &self.overlay_from_ct
    }

    /// Trilinear value at a point of the CT's frame of reference. A voxel reaches half way to its neighbours; beyond
    /// the outermost ones there is no value, and none next to a voxel without one.
    pub fn sample(&self, p: PatientPoint) -> Option<f64> {
        let (uv, n) = self.grid.plane_from_patient(self.overlay_from_ct.apply(p));
        let ij = self.grid.index_from_plane(uv);
        self.value_at(ij.x, ij.y, n)
    }

    /// As [`Self::sample`], at a continuous column and row and a position along the normal of the overlay, mm.
    pub fn value_at(&self, i: f64, j: f64, n: f64) -> Option<f64> {
        let grid = &*self.grid;
        let [nk, nj, ni] = grid.shape();
        let [low, high] = grid.extent_mm();
        if i < -0.5 || j < -0.5 || i >= ni as f64 - 0.5 || j >= nj as f64 - 0.5 || n < low || n > high {
            return None;
        }
        let axis = |x: f64, n: usize| {
            let x = x.clamp(0.0, (n - 1) as f64);
            let low = (x.floor() as usize).min(n.saturating_sub(2));
            (low, (low + 1).min(n - 1), x - low as f64)
        };
        let ((k0, k1, fk), (j0, j1, fj), (i0, i1, fi)) =
            (axis(grid.slice_index_from_position(n), nk), axis(j, nj), axis(i, ni));
        let get = |k: usize, j: usize, i: usize| f64::from(self.values[[k, j, i]]);
        let mix = |a: f64, b: f64, f: f64| a * (1.0 - f) + b * f;
        let row = |k, j| mix(get(k, j, i0), get(k, j, i1), fi);
        let slice = |k| mix(row(k, j0), row(k, j1), fj);
        let value = mix(slice(k0), slice(k1), fk);
        (value > Self::ABSENT_BELOW).then_some(value)
    }

    /// Least and greatest value of a voxel; `None` where there is none at all.
    pub fn range(&self) -> Option<[f64; 2]> {
        let there = self.values.iter().map(|v| f64::from(*v)).filter(|v| *v > Self::ABSENT_BELOW);
        there.fold(None, |range: Option<[f64; 2]>, v| Some(range.map_or([v, v], |[lo, hi]| [lo.min(v), hi.max(v)])))
    }

    /// The rectangle of a plane (mm in the plane) that holds everything of the overlay.
    pub fn bounds_on(&self, plane: &ImagePlane) -> [DVec2; 2] {
        bounds_on(&self.grid, plane, &self.ct_from_overlay)
    }

    /// The finest distance between neighbouring voxels, mm.
    pub fn finest_mm(&self) -> f64 {
        let between = self.grid.median_spacing_mm();
        let across = self.grid.spacing_i_mm().min(self.grid.spacing_j_mm());
        if self.grid.slices() > 1 { across.min(between) } else { across }
    }
}

/// The rectangle of a plane, mm in the plane, that holds a grid as seen along the normal; `moved` first.
pub fn bounds_on(grid: &VoxelGrid, plane: &ImagePlane, moved: &Rigid) -> [DVec2; 2] {
    let [low, high] = grid.extent_mm();
    let ends = |size: usize| [-0.5, size as f64 - 0.5];
    let mut bounds = [DVec2::splat(f64::MAX), DVec2::splat(f64::MIN)];
    for i in ends(grid.columns()) {
        for j in ends(grid.rows()) {
            for n in [low, high] {
                let corner: DVec3 = grid.patient_from_plane(grid.plane_from_index(i, j), n);
                let at = plane.plane_from_patient(moved.apply(corner));
                bounds = [bounds[0].min(at), bounds[1].max(at)];
            }
        }
    }
    bounds
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::Orientation;

    /// 1 x 2 x 3 mm voxels whose value is x + 10 y + 100 z of their centre.
    fn ramp(ct_from_overlay: Rigid) -> OverlayVolume {
        let grid = Arc::new(VoxelGrid::axial(DVec3::new(1.0, 2.0, 3.0), [1.0, 2.0, 3.0], [6, 5, 4]).expect("valid"));
        let values = Array3::from_shape_fn(grid.shape(), |(k, j, i)| {
            let p = grid.patient_from_voxel(k, j as f64, i as f64);
            (p.x + 10.0 * p.y + 100.0 * p.z) as f32
        });
        OverlayVolume::new(grid, values, Quantity::Dose, "Gy", ct_from_overlay)
    }

    #[test]
    fn a_ramp_is_read_exactly_and_nothing_is_read_outside() {
        let overlay = ramp(Rigid::IDENTITY);
        let value = overlay.sample(DVec3::new(2.25, 5.5, 7.5)).expect("inside");
        assert!((value - (2.25 + 55.0 + 750.0)).abs() < 1e-4, "{value}");
        // Half a voxel beyond the outermost centres the value is theirs; then there is none.
        assert_eq!(overlay.sample(DVec3::new(0.6, 2.0, 3.0)), Some(1.0 + 20.0 + 300.0));
        for outside in [[0.4, 2.0, 3.0], [6.6, 2.0, 3.0], [1.0, 0.9, 3.0], [1.0, 2.0, 1.4], [1.0, 2.0, 13.6]] {
            assert_eq!(overlay.sample(DVec3::from_array(outside)), None, "{outside:?}");
        }
    }

    #[test]
    fn an_absent_voxel_takes_its_neighbourhood_with_it() {
        let mut overlay = ramp(Rigid::IDENTITY);
        Arc::make_mut(&mut overlay.values)[[1, 1, 1]] = OverlayVolume::ABSENT;
        assert_eq!(overlay.sample(DVec3::new(2.0, 4.0, 6.0)), None);
        assert_eq!(overlay.sample(DVec3::new(2.1, 4.0, 6.0)), None);
        assert!(overlay.sample(DVec3::new(3.0, 4.0, 6.0)).is_some(), "the next centre has its own value");
        assert_eq!(overlay.range(), Some([1.0 + 20.0 + 300.0, 6.0 + 100.0 + 1200.0]));
    }

    #[test]
    fn a_registered_overlay_is_read_where_the_motion_puts_it() {
        let turn =
            Rigid::from_rows([0., -1., 0., 50., 1., 0., 0., 60., 0., 0., 1., 70., 0., 0., 0., 1.]).expect("rigid");
        let (overlay, here) = (ramp(turn), DVec3::new(3.0, 6.0, 9.0));
        let value = overlay.sample(turn.apply(here)).expect("inside");
        assert!((value - (3.0 + 60.0 + 900.0)).abs() < 1e-3);
        let plane = ImagePlane::through(&overlay.grid, Orientation::Axial, DVec3::ZERO);
        let [low, high] = overlay.bounds_on(&plane);
        // x runs from -(11) to -(1) + 50, y from 0.5 to 6.5 + 60, seen from the origin of the plane.
        let corner = |x, y| plane.plane_from_patient(DVec3::new(x, y, 0.0));
        assert!((low - corner(39.0, 60.5)).length() < 1e-9 && (high - corner(49.0, 66.5)).length() < 1e-9);
    }
}
