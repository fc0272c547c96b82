//! From a scan and its GTV to the network's input: the window in the plane (where, how large, how turned), pixels of
//! the model's size, neighbouring slices at the model's distance, CT window, GTV mask and signed distance.
//! Training and inference use the same code.

use super::bearings::Guide;
use super::lungs::LungRegion;
use super::manifest::ModelManifest;
use crate::contour::{DistanceField, Mask};
use crate::geometry::{GridError, PlanePoint, VoxelGrid};
use crate::image::CtVolume;
use glam::{DVec2, DVec3};
use rayon::prelude::*;
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

/// Above the apex of the lungs the stations reach at most this far (1R and 1L, up to the cricoid), mm.
const ABOVE_APEX_MM: f64 = 80.0;

/// The network's square image in the plane of the slices, turned so that rows run to the patient's left and columns
/// to the back, whatever the axes of the scan.
#[derive(Debug, Clone, PartialEq)]
pub struct Frame {
    pub center: PlanePoint,
    pub spacing_mm: f64,
    /// Pixels along each side.
    pub size: usize,
    /// Unit vectors of the plane toward the patient's left and back.
    left: DVec2,
    back: DVec2,
    /// +1 if the slice index grows toward the head.
    toward_head: f64,
}

impl Frame {
    /// `None` if the slices are not axial (within 30 degrees).
    pub fn new(grid: &VoxelGrid, center: PlanePoint, spacing_mm: f64, size: usize) -> Option<Self> {
        if grid.normal().z.abs() < 0.85 {
            return None;
        }
        let axis = |wanted: DVec3| {
            let (u, v) = (grid.i_direction().dot(wanted), grid.j_direction().dot(wanted));
            if u.abs() >= v.abs() { DVec2::new(u.signum(), 0.0) } else { DVec2::new(0.0, v.signum()) }
        };
        let left = axis(DVec3::X);
        let back = if left.x == 0.0 {
            DVec2::new(grid.i_direction().y.signum(), 0.0)
        } else {
            DVec2::new(0.0, grid.j_direction().y.signum())
        };
        Some(Self { center, spacing_mm, size, left, back, toward_head: grid.normal().z.signum() })
    }

    /// The network's pixels on these slices of the scan as a grid of their own, whose slices go toward the head.
    ///
    /// # Errors
    /// [`GridError`] where that is no valid grid.
    pub fn grid(&self, scan: &VoxelGrid, slices: Range<usize>) -> Result<VoxelGrid, GridError> {
        let axis = |a: DVec2| scan.i_direction() * a.x + scan.j_direction() * a.y;
        let (left, back) = (axis(self.left), axis(self.back));
        let mut positions: Vec<f64> =
            scan.positions_mm()[slices.clone()].iter().map(|p| p * self.toward_head).collect();
        let first = if self.toward_head > 0.0 { slices.start } else { slices.end.saturating_sub(1) };
        positions.sort_by(f64::total_cmp);
        let first_mm = scan.positions_mm().get(first).copied().unwrap_or_default();
        let origin = scan.patient_from_plane(self.plane_from_pixel(0.0, 0.0), first_mm);
        VoxelGrid::new(origin, left, back, [self.spacing_mm; 2], [self.size; 2], positions)
    }

    /// The class of every pixel on a slice of the scan, row-major: the first of the masks that holds the voxel whose centre
    /// is nearest, counted from 1; 0 where none does.
    pub fn labels(&self, grid: &VoxelGrid, masks: &[Mask], k: usize) -> Vec<u8> {
        let slices: Vec<_> = masks.iter().map(|m| m.slices.get(&k)).collect();
        let mut labels = Vec::with_capacity(self.size * self.size);
        for row in 0..self.size {
            for column in 0..self.size {
                let at = grid.index_from_plane(self.plane_from_pixel(row as f64, column as f64)).round();
                let (j, i) = (at.y as usize, at.x as usize);
                let inside = at.x >= 0.0 && at.y >= 0.0;
                let found = slices.iter().position(|s| inside && s.is_some_and(|s| s.get(j, i)));
                labels.push(found.map_or(0, |n| n as u8 + 1));
            }
        }
        labels
    }

    /// Patient x and y of every pixel on a slice of the scan, row-major.
    pub fn patient_xy(&self, grid: &VoxelGrid, k: usize) -> impl Iterator<Item = [f64; 2]> {
        let position = grid.position_mm(k);
        let at = move |row: usize, column: usize| {
            let p = grid.patient_from_plane(self.plane_from_pixel(row as f64, column as f64), position);
            [p.x, p.y]
        };
        (0..self.size).flat_map(move |row| (0..self.size).map(move |column| at(row, column)))
    }

    /// The same place with more pixels around.
    #[must_use]
    pub fn widened(&self, pixels: usize) -> Self {
        Self { size: self.size + 2 * pixels, ..self.clone() }
    }

    #[must_use]
    pub fn centered_at(&self, center: PlanePoint) -> Self {
        Self { center, ..self.clone() }
    }

    /// Plane coordinates of a pixel (continuous; centres are whole numbers).
    pub fn plane_from_pixel(&self, row: f64, column: f64) -> PlanePoint {
        let middle = (self.size as f64 - 1.0) / 2.0;
        let offset = (self.left * (column - middle) + self.back * (row - middle)) * self.spacing_mm;
        [self.center[0] + offset.x, self.center[1] + offset.y]
    }

    /// Inverse of [`Self::plane_from_pixel`]: `[row, column]`.
    pub fn pixel_from_plane(&self, p: PlanePoint) -> [f64; 2] {
        let middle = (self.size as f64 - 1.0) / 2.0;
        let offset = DVec2::new(p[0] - self.center[0], p[1] - self.center[1]) / self.spacing_mm;
        [offset.dot(self.back) + middle, offset.dot(self.left) + middle]
    }
}

/// The slices on which the network is run: those with lung, and up from there.
pub fn slices_to_run(grid: &VoxelGrid, lungs: &LungRegion) -> Range<usize> {
    let p = grid.positions_mm();
    if grid.normal().z > 0.0 {
        let end = p.partition_point(|&z| z <= p[lungs.slices.end - 1] + ABOVE_APEX_MM);
        lungs.slices.start..end
    } else {
        let start = p.partition_point(|&z| z < p[lungs.slices.start] - ABOVE_APEX_MM);
        start..lungs.slices.end
    }
}

/// A slice at the network's resolution, row-major.
#[derive(Debug, Clone)]
pub struct Planes {
    pub hu: Vec<f32>,
    /// Signed distance to the GTV (negative inside), cut at the model's limit, mm.
    pub distance_mm: Vec<f32>,
}

/// The scan at the network's resolution in the plane, in its own slices; made as they are asked for.
pub struct Stack<'a> {
    ct: &'a CtVolume,
    distance: DistanceField,
    clip_mm: f32,
    neighbor_mm: f64,
    slices: usize,
    pub frame: Frame,
    made: BTreeMap<usize, Arc<Planes>>,
}

impl<'a> Stack<'a> {
    pub fn new(manifest: &ModelManifest, ct: &'a CtVolume, gtv: &Mask, frame: Frame) -> Self {
        Self {
            ct,
            distance: DistanceField::signed(gtv, &ct.grid, manifest.distance_clip_mm),
            clip_mm: manifest.distance_clip_mm as f32,
            neighbor_mm: manifest.neighbor_mm,
            slices: manifest.slices,
            frame,
            made: BTreeMap::new(),
        }
    }

    /// Slice `k` of the scan.
    pub fn planes(&mut self, k: usize) -> Arc<Planes> {
        if let Some(planes) = self.made.get(&k) {
            return Arc::clone(planes);
        }
        let planes = Arc::new(Planes { hu: self.hu(k), distance_mm: self.distance(k) });
        self.made.insert(k, Arc::clone(&planes));
        planes
    }

    /// The slice and its neighbours from foot to head, linear between the slices of the scan, held at its ends.
    pub fn slab(&mut self, k: usize) -> Vec<Planes> {
        let grid = Arc::clone(&self.ct.grid);
        (0..self.slices)
            .map(|n| {
                let steps = n as f64 - (self.slices as f64 - 1.0) / 2.0;
                let at = grid.position_mm(k) + steps * self.neighbor_mm * self.frame.toward_head;
                let index = grid.slice_index_from_position(at).clamp(0.0, (grid.slices() - 1) as f64);
                let low = (index.floor() as usize).min(grid.slices().saturating_sub(2));
                let part = (index - low as f64) as f32;
                let lower = self.planes(low);
                if part < 1e-4 {
                    return Planes::clone(&lower);
                }
                let upper = self.planes(low + 1);
                let mix = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a + (b - a) * part).collect();
                Planes { hu: mix(&lower.hu, &upper.hu), distance_mm: mix(&lower.distance_mm, &upper.distance_mm) }
            })
            .collect()
    }

    /// Samples along each axis of a pixel: where pixels of the scan are much smaller, their mean is taken, so that
    /// noise and thin walls do not depend on where a pixel falls.
    fn samples(&self) -> usize {
        let finest = self.ct.grid.spacing_i_mm().min(self.ct.grid.spacing_j_mm());
        ((self.frame.spacing_mm / finest).round() as usize).clamp(1, 4)
    }

    fn hu(&self, k: usize) -> Vec<f32> {
        let (grid, n, size) = (&self.ct.grid, self.samples(), self.frame.size);
        let slice = self.ct.hu.index_axis(ndarray::Axis(0), k);
        let (rows, columns) = slice.dim();
        let at = |j: isize, i: isize| {
            if j < 0 || i < 0 || j as usize >= rows || i as usize >= columns {
                f32::from(CtVolume::OUTSIDE_HU)
            } else {
                f32::from(slice[[j as usize, i as usize]])
            }
        };
        let offset = |s: usize| (s as f64 + 0.5) / n as f64 - 0.5;
        let mut out = vec![0.0; size * size];
        out.par_chunks_mut(size).enumerate().for_each(|(row, line)| {
            for (column, value) in line.iter_mut().enumerate() {
                let mut sum = 0.0;
                for sample in 0..n * n {
                    let p = self
                        .frame
                        .plane_from_pixel(row as f64 + offset(sample / n), column as f64 + offset(sample % n));
                    let index = grid.index_from_plane(p);
                    let (j, i) = (index.y.floor(), index.x.floor());
                    let (fj, fi) = ((index.y - j) as f32, (index.x - i) as f32);
                    let (j, i) = (j as isize, i as isize);
                    let upper = at(j, i) * (1.0 - fi) + at(j, i + 1) * fi;
                    let lower = at(j + 1, i) * (1.0 - fi) + at(j + 1, i + 1) * fi;
                    sum += upper * (1.0 - fj) + lower * fj;
                }
                *value = sum / (n * n) as f32;
            }
        });
        out
    }

    fn distance(&self, k: usize) -> Vec<f32> {
        let size = self.frame.size;
        let clip = self.clip_mm;
        let mut out = vec![clip; size * size];
        let [first_k, first_j, first_i] = self.distance.first_kji;
        let (slices, rows, columns) = self.distance.mm.dim();
        if k < first_k || k >= first_k + slices {
            return out;
        }
        let field = self.distance.mm.index_axis(ndarray::Axis(0), k - first_k);
        let at = |j: isize, i: isize| {
            if j < 0 || i < 0 || j as usize >= rows || i as usize >= columns {
                clip
            } else {
                field[[j as usize, i as usize]].clamp(-clip, clip)
            }
        };
        out.par_chunks_mut(size).enumerate().for_each(|(row, line)| {
            for (column, value) in line.iter_mut().enumerate() {
                let index = self.ct.grid.index_from_plane(self.frame.plane_from_pixel(row as f64, column as f64));
                let (y, x) = (index.y - first_j as f64, index.x - first_i as f64);
                let (fj, fi) = ((y - y.floor()) as f32, (x - x.floor()) as f32);
                let (j, i) = (y.floor() as isize, x.floor() as isize);
                let upper = at(j, i) * (1.0 - fi) + at(j, i + 1) * fi;
                let lower = at(j + 1, i) * (1.0 - fi) + at(j + 1, i + 1) * fi;
                *value = upper * (1.0 - fj) + lower * fj;
            }
        });
        out
    }
}

/// Fills the input channels of one sample from its slab: `ct` `[K, row, column]` and `gtv` `[K x channels, row, column]`
/// (first the masks, then the distances, if the variant has them).
pub fn fill_channels(manifest: &ModelManifest, slab: &[Planes], ct: &mut [f32], gtv: &mut [f32]) {
    let (center, half) = (manifest.window.center_hu as f32, (manifest.window.width_hu / 2.0) as f32);
    let clip = manifest.distance_clip_mm as f32;
    let pixels = slab[0].hu.len();
    for (planes, to) in slab.iter().zip(ct.chunks_exact_mut(pixels)) {
        to.iter_mut().zip(&planes.hu).for_each(|(t, hu)| *t = ((hu - center) / half).clamp(-1.0, 1.0));
    }
    let (masks, distances) = gtv.split_at_mut(slab.len() * pixels);
    for (planes, to) in slab.iter().zip(masks.chunks_exact_mut(pixels)) {
        to.iter_mut().zip(&planes.distance_mm).for_each(|(t, d)| *t = if *d < 0.0 { 1.0 } else { 0.0 });
    }
    for (planes, to) in slab.iter().zip(distances.chunks_exact_mut(pixels)) {
        to.iter_mut().zip(&planes.distance_mm).for_each(|(t, d)| *t = (d / clip).clamp(-1.0, 1.0));
    }
}

/// Fills the planes of `ct` after those of the slices with where each pixel lies; zero where that is not known. `at` gives
/// patient x and y of every pixel, row-major.
pub fn fill_guide(manifest: &ModelManifest, guide: Option<&Guide>, at: impl Iterator<Item = [f64; 2]>, ct: &mut [f32]) {
    let architecture = manifest.variant.architecture();
    if architecture.guide_channels == 0 {
        return;
    }
    let of_slices = architecture.slices * (ct.len() / architecture.ct_channels());
    let planes = &mut ct[of_slices..];
    match guide {
        Some(guide) => guide.fill(at, planes),
        None => planes.fill(0.0),
    }
}

#[cfg(test)]
mod tests {
    use super::super::network::Variant;
    use super::*;
    use approx::assert_abs_diff_eq;
    use ndarray::Array3;
    use proptest::prelude::*;

    /// Slices at 0, 3, 9 and 14 mm; HU is linear in patient x and z.
    fn ramp(i_direction: DVec3, j_direction: DVec3) -> CtVolume {
        let grid = VoxelGrid::new(
            DVec3::new(5.0, -10.0, 0.0) - (i_direction + j_direction) * 30.0,
            i_direction,
            j_direction,
            [1.0, 1.0],
            [61, 61],
            vec![0.0, 3.0, 9.0, 14.0],
        )
        .unwrap();
        let hu = Array3::from_shape_fn(grid.shape(), |(k, j, i)| {
            let p = grid.patient_from_voxel(k, j as f64, i as f64);
            (2.0 * p.x + 10.0 * p.z + 100.0).round() as i16
        });
        CtVolume::new(Arc::new(grid), hu)
    }

    fn setting(ct: &CtVolume, spacing_mm: f64) -> (ModelManifest, Frame) {
        let manifest = ModelManifest::new("test", Variant::Fast25d, spacing_mm, 32);
        let (center, _) = ct.grid.plane_from_patient(DVec3::new(5.0, -10.0, 0.0));
        let frame = Frame::new(&ct.grid, center, spacing_mm, 32).unwrap();
        (manifest, frame)
    }

    #[test]
    fn neighbours_lie_five_millimetres_away_on_uneven_slices_and_are_held_at_the_ends() {
        let ct = ramp(DVec3::X, DVec3::Y);
        let (manifest, frame) = setting(&ct, 1.0);
        let mut stack = Stack::new(&manifest, &ct, &Mask::default(), frame);
        let middle = 15 * 32 + 15; // half a pixel left of and before the centre
        let expected = |z: f64| (2.0 * 4.5 + 10.0 * z + 100.0) as f32;
        let hu = |s: &[Planes]| s.iter().map(|p| p.hu[middle]).collect::<Vec<_>>();
        assert_eq!(hu(&stack.slab(2)), [expected(4.0), expected(9.0), expected(14.0)]);
        assert_eq!(hu(&stack.slab(0)), [expected(0.0), expected(0.0), expected(5.0)]);
        assert_eq!(hu(&stack.slab(3)), [expected(9.0), expected(14.0), expected(14.0)]);
    }

    /// Feet first and prone scans, and rows from head to foot, give the same picture.
    #[test]
    fn the_picture_follows_the_patient_and_not_the_axes() {
        let plain = ramp(DVec3::X, DVec3::Y);
        let (manifest, frame) = setting(&plain, 1.0);
        let expected = Stack::new(&manifest, &plain, &Mask::default(), frame).planes(2).hu.clone();
        for (i, j) in [(-DVec3::X, -DVec3::Y), (DVec3::Y, -DVec3::X)] {
            let turned = ramp(i, j);
            let (manifest, frame) = setting(&turned, 1.0);
            assert_eq!(Stack::new(&manifest, &turned, &Mask::default(), frame).planes(2).hu, expected);
        }
        // Feet first: i to the right, j to the back, so the slices run from head to foot.
        let grid = VoxelGrid::new(DVec3::ZERO, -DVec3::X, DVec3::Y, [1.0; 2], [4, 4], vec![0.0, 1.0]).unwrap();
        let frame = Frame::new(&grid, [0.0; 2], 1.0, 4).unwrap();
        assert_eq!((frame.toward_head, frame.left, frame.back), (-1.0, DVec2::new(-1.0, 0.0), DVec2::new(0.0, 1.0)));
        let lungs = LungRegion { center: [0.0; 2], slices: 1..2, volume_cm3: 1.0 };
        assert_eq!(slices_to_run(&grid, &lungs), 0..2);
        assert!(
            Frame::new(
                &VoxelGrid::new(DVec3::ZERO, DVec3::X, -DVec3::Z, [1.0; 2], [4, 4], vec![0.0]).unwrap(),
                [0.0; 2],
                1.0,
                4
            )
            .is_none()
        );
    }

    #[test]
    fn channels_hold_window_mask_and_distance() {
        let ct = ramp(DVec3::X, DVec3::Y);
        let gtv = Mask::from_dense(&Array3::from_shape_fn([4, 61, 61], |(k, j, i)| {
            k == 2 && j.abs_diff(30) <= 5 && i.abs_diff(30) <= 5
        }));
        let (manifest, frame) = setting(&ct, 1.0);
        let slab = Stack::new(&manifest, &ct, &gtv, frame.clone()).slab(2);
        let (mut c, mut g) = (vec![0.0; 3 * 1024], vec![0.0; 6 * 1024]);
        fill_channels(&manifest, &slab, &mut c, &mut g);
        assert_abs_diff_eq!(c[1024 + 15 * 32 + 15], (199.0 - 40.0) / 200.0, epsilon = 1e-6);
        // A square of 11 mm on one slice only; the pixels lie half a voxel beside the voxels, so ten fit between the edges.
        assert_eq!(g[1024..2048].iter().sum::<f32>(), 100.0);
        assert_eq!(g[2048..3072].iter().sum::<f32>(), 0.0);
        // 15.5 pixels from the centre, the surface at 5.5.
        let far = g[4 * 1024 + 15 * 32];
        assert!((far * 50.0 - 10.0).abs() < 0.6, "{}", far * 50.0);
        let none = Stack::new(&manifest, &ct, &Mask::default(), frame).slab(2);
        fill_channels(&manifest, &none, &mut c, &mut g);
        assert!(g[..3072].iter().all(|v| *v == 0.0) && g[3072..].iter().all(|v| *v == 1.0));
    }

    proptest! {
        #[test]
        fn pixels_and_plane_are_inverse(row in -5.0..40.0, column in -5.0..40.0, u in -100.0..100.0, turned in any::<bool>()) {
            let (i, j) = if turned { (DVec3::Y, -DVec3::X) } else { (DVec3::X, DVec3::Y) };
            let grid = VoxelGrid::new(DVec3::ZERO, i, j, [1.0; 2], [8, 8], vec![0.0, 1.0]).unwrap();
            let frame = Frame::new(&grid, [u, 3.0], 2.3, 32).unwrap();
            let back = frame.pixel_from_plane(frame.plane_from_pixel(row, column));
            prop_assert!((back[0] - row).abs() < 1e-9 && (back[1] - column).abs() < 1e-9);
        }
    }
}
