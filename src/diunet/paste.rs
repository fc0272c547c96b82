//! From logits at the network's resolution to outlines in the plane of the scan.
//!
//! A class ends where its logit equals the best of the others. That field (own logit minus best other) is brought to
//! the scan's pixels bilinearly and traced at zero, so outlines are smooth and neighbouring stations share a border.

use super::network::CLASSES;
use super::prepare::Frame;
use crate::contour::{SliceContours, trace};
use crate::geometry::VoxelGrid;
use crate::structures::Station;
use ndarray::Array2;
use std::sync::Arc;

/// Logits of one slice, 16 bits each, `[class, row, column]` and `[row, column]`.
#[derive(Debug, Clone)]
pub struct SliceLogits {
    pub stations: Vec<half::f16>,
    pub ctv: Vec<half::f16>,
    size: usize,
}

/// Outlines of one slice; stations that do not appear are left out.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct SliceOutlines {
    pub stations: Vec<(Station, Arc<SliceContours>)>,
    pub ctv: Option<Arc<SliceContours>>,
}

impl SliceLogits {
    pub fn new(stations: &[f32], ctv: &[f32], size: usize) -> Self {
        let half = |x: &[f32]| x.iter().map(|v| half::f16::from_f32(*v)).collect();
        Self { stations: half(stations), ctv: half(ctv), size }
    }

    /// The logits of a pixel, by class.
    pub fn at(&self, pixel: usize) -> impl Iterator<Item = f32> + '_ {
        self.stations.iter().skip(pixel).step_by(self.size * self.size).map(|v| v.to_f32())
    }

    /// The class with the largest logit of every pixel (0 = background).
    pub fn labels(&self) -> Vec<u8> {
        let pixels = self.size * self.size;
        let mut best: Vec<half::f16> = self.stations[..pixels].to_vec();
        let mut labels = vec![0; pixels];
        for (class, plane) in self.stations.chunks_exact(pixels).enumerate().skip(1) {
            for ((value, best), label) in plane.iter().zip(&mut best).zip(&mut labels) {
                if *value > *best {
                    (*best, *label) = (*value, class as u8);
                }
            }
        }
        labels
    }

    /// The best logit of the classes other than `class` at a pixel.
    fn best_other(&self, class: usize, pixel: usize) -> f32 {
        let pixels = self.size * self.size;
        (0..CLASSES)
            .filter(|c| *c != class)
            .map(|c| self.stations[c * pixels + pixel].to_f32())
            .fold(f32::MIN, f32::max)
    }

    /// Takes a pixel from `class`: its logit falls as far below the best other one as it was above (at least a half).
    pub fn lower(&mut self, class: usize, pixel: usize) {
        let other = self.best_other(class, pixel);
        let own = &mut self.stations[class * self.size * self.size + pixel];
        *own = half::f16::from_f32(other - (own.to_f32() - other).max(0.5));
    }

    /// Gives a pixel to `class`, the other way round.
    pub fn raise(&mut self, class: usize, pixel: usize) {
        let other = self.best_other(class, pixel);
        let own = &mut self.stations[class * self.size * self.size + pixel];
        *own = half::f16::from_f32(other + (other - own.to_f32()).max(0.5));
    }

    /// Puts a pixel on the other side of the CTV's border, which is at zero.
    pub fn flip_ctv(&mut self, pixel: usize) {
        let own = self.ctv[pixel].to_f32();
        let far = if own > 0.0 { own.max(0.5) } else { own.min(-0.5) };
        self.ctv[pixel] = half::f16::from_f32(-far);
    }
}

/// Traces every station and the CTV of a slice on the scan's grid.
pub fn outlines(logits: &SliceLogits, frame: &Frame, grid: &VoxelGrid) -> SliceOutlines {
    let size = frame.size;
    let pixels = size * size;
    let labels = logits.labels();
    let mut present = [false; CLASSES];
    for label in &labels {
        present[usize::from(*label)] = true;
    }
    let classes: Vec<usize> = (1..CLASSES).filter(|c| present[*c]).collect();
    let mut out = SliceOutlines::default();
    if let Some(part) = GridPart::around(frame, grid, |pixel| labels[pixel] > 0) {
        let mut fields = vec![Array2::from_elem(part.shape(), f32::MIN); classes.len()];
        let mut at = [0.0f32; CLASSES];
        part.for_each(frame, grid, |j, i, tap| {
            let (mut best, mut second, mut best_class) = (f32::MIN, f32::MIN, 0);
            for (class, value) in at.iter_mut().enumerate() {
                *value = tap.value(&logits.stations[class * pixels..(class + 1) * pixels], size);
                if *value > best {
                    (second, best, best_class) = (best, *value, class);
                } else if *value > second {
                    second = *value;
                }
            }
            for (class, field) in classes.iter().zip(&mut fields) {
                // A tie belongs to one class only.
                field[[j, i]] = if *class == best_class { best - second } else { (at[*class] - best).min(-1e-5) };
            }
        });
        for (class, field) in classes.iter().zip(&fields) {
            let contours = without_specks(trace(field.view(), 0.0, grid, part.first), frame);
            if let (false, Some(station)) = (contours.is_empty(), Station::from_index(class - 1)) {
                out.stations.push((station, Arc::new(contours)));
            }
        }
    }
    if let Some(part) = GridPart::around(frame, grid, |pixel| logits.ctv[pixel] > half::f16::ZERO) {
        let mut field = Array2::from_elem(part.shape(), f32::MIN);
        part.for_each(frame, grid, |j, i, tap| field[[j, i]] = tap.value(&logits.ctv, size));
        let contours = without_specks(trace(field.view(), 0.0, grid, part.first), frame);
        if !contours.is_empty() {
            out.ctv = Some(Arc::new(contours));
        }
    }
    out
}

/// Outlines and holes that are smaller than this share of a pixel of the network come from interpolation alone.
const SPECK: f64 = 0.25;

fn without_specks(mut contours: SliceContours, frame: &Frame) -> SliceContours {
    let least_mm2 = SPECK * frame.spacing_mm * frame.spacing_mm;
    contours.rings.retain(|ring| ring.signed_area_mm2().abs() >= least_mm2);
    contours
}

/// A rectangle of the scan's grid, `[row, column]`, the end excluded.
struct GridPart {
    first: [usize; 2],
    end: [usize; 2],
}

/// Where a voxel centre falls in the network's image: the upper left pixel and the parts of the way to the next.
struct Tap {
    pixel: usize,
    down: f32,
    right: f32,
}

impl Tap {
    fn value(&self, plane: &[half::f16], size: usize) -> f32 {
        let (upper, lower) = (&plane[self.pixel..self.pixel + 2], &plane[self.pixel + size..self.pixel + size + 2]);
        let mix = |two: &[half::f16]| {
            let (a, b) = (two[0].to_f32(), two[1].to_f32());
            a + (b - a) * self.right
        };
        let (upper, lower) = (mix(upper), mix(lower));
        upper + (lower - upper) * self.down
    }
}

impl GridPart {
    /// The voxels around the pixels that are inside, with a margin of two pixels; `None` if there are none.
    fn around(frame: &Frame, grid: &VoxelGrid, inside: impl Fn(usize) -> bool) -> Option<Self> {
        let size = frame.size;
        let (mut low, mut high) = ([f64::MAX; 2], [f64::MIN; 2]);
        for pixel in (0..size * size).filter(|p| inside(*p)) {
            for (axis, at) in [pixel / size, pixel % size].into_iter().enumerate() {
                low[axis] = low[axis].min(at as f64);
                high[axis] = high[axis].max(at as f64);
            }
        }
        if high[0] < low[0] {
            return None;
        }
        let corners = [low[0] - 2.0, high[0] + 2.0]
            .into_iter()
            .flat_map(|row| [low[1] - 2.0, high[1] + 2.0].map(|column| frame.plane_from_pixel(row, column)))
            .map(|p| grid.index_from_plane(p));
        let (mut first, mut last) = (glam::DVec2::MAX, glam::DVec2::MIN);
        for corner in corners {
            (first, last) = (first.min(corner), last.max(corner));
        }
        let within = |x: f64, size: usize| x.clamp(0.0, size as f64) as usize;
        let first_ji = [within(first.y.floor(), grid.rows()), within(first.x.floor(), grid.columns())];
        let end = [within(last.y.ceil() + 1.0, grid.rows()), within(last.x.ceil() + 1.0, grid.columns())];
        (first_ji[0] < end[0] && first_ji[1] < end[1]).then_some(Self { first: first_ji, end })
    }

    fn shape(&self) -> [usize; 2] {
        [self.end[0] - self.first[0], self.end[1] - self.first[1]]
    }

    /// Calls with row and column within the part, for every voxel whose centre lies within the network's image.
    fn for_each(&self, frame: &Frame, grid: &VoxelGrid, mut call: impl FnMut(usize, usize, &Tap)) {
        let limit = (frame.size - 1) as f64;
        for j in self.first[0]..self.end[0] {
            for i in self.first[1]..self.end[1] {
                let [row, column] = frame.pixel_from_plane(grid.plane_from_index(i as f64, j as f64));
                if !(row >= 0.0 && column >= 0.0 && row <= limit && column <= limit) {
                    continue;
                }
                let (y, x) = (row.floor().min(limit - 1.0), column.floor().min(limit - 1.0));
                let pixel = y as usize * frame.size + x as usize;
                let tap = Tap { pixel, down: (row - y) as f32, right: (column - x) as f32 };
                call(j - self.first[0], i - self.first[1], &tap);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contour::rasterize_slice;
    use glam::DVec3;

    const SIZE: usize = 32;

    /// Two half discs of radius 25 mm around a known point, meeting at u = 10, as logits on a 2.5 mm frame.
    fn half_discs(grid: &VoxelGrid) -> (SliceLogits, Frame) {
        let frame = Frame::new(grid, [10.0, -20.0], 2.5, SIZE).unwrap();
        let mut stations = vec![0.0; CLASSES * SIZE * SIZE];
        let mut ctv = vec![0.0; SIZE * SIZE];
        for pixel in 0..SIZE * SIZE {
            let p = frame.plane_from_pixel((pixel / SIZE) as f64, (pixel % SIZE) as f64);
            let inside = 25.0 - (p[0] - 10.0).hypot(p[1] + 20.0);
            stations[7 * SIZE * SIZE + pixel] = (inside - (p[0] - 10.0).max(0.0)) as f32;
            stations[8 * SIZE * SIZE + pixel] = (inside - (10.0 - p[0]).max(0.0)) as f32;
            ctv[pixel] = (inside - 10.0) as f32;
        }
        (SliceLogits::new(&stations, &ctv, SIZE), frame)
    }

    #[test]
    fn outlines_lie_where_the_logits_change_sides_whatever_the_axes() {
        for (i, j) in [(DVec3::X, DVec3::Y), (-DVec3::X, -DVec3::Y), (DVec3::Y, -DVec3::X)] {
            let grid =
                VoxelGrid::new(DVec3::new(10.0, -20.0, 0.0) - (i + j) * 60.0, i, j, [1.0, 1.0], [121, 121], vec![0.0])
                    .unwrap();
            let (center, _) = grid.plane_from_patient(DVec3::new(10.0, -20.0, 0.0));
            let (logits, mut frame) = half_discs(&VoxelGrid::axial(DVec3::ZERO, [1.0; 3], [4, 4, 4]).unwrap());
            frame = Frame::new(&grid, center, frame.spacing_mm, SIZE).unwrap();
            let found = outlines(&logits, &frame, &grid);
            let names: Vec<_> = found.stations.iter().map(|(s, _)| *s).collect();
            assert_eq!(names, [Station::S4R, Station::S4L]);
            let contains =
                |c: &SliceContours, x: f64, y: f64| c.contains(grid.plane_from_patient(DVec3::new(x, y, 0.0)).0);
            let (right, left) = (&found.stations[0].1, &found.stations[1].1);
            // The patient's right is at smaller x.
            assert!(contains(right, 0.0, -20.0) && !contains(left, 0.0, -20.0));
            assert!(contains(left, 20.0, -20.0) && !contains(right, 20.0, -20.0));
            for (angle, radius) in [(2.0f64, 25.0), (2.6, 25.0), (3.5, 25.0)] {
                let at = |r: f64| contains(right, 10.0 + r * angle.cos(), -20.0 + r * angle.sin());
                assert!(at(radius - 0.6) && !at(radius + 0.6), "{angle}");
            }
            let ctv = found.ctv.expect("a CTV");
            assert!(contains(&ctv, 10.0, -20.0 + 14.4) && !contains(&ctv, 10.0, -20.0 + 15.6));
            // Neighbours share the border: no voxel in both, none of the disc in neither.
            let (a, b) = (rasterize_slice(&grid, right), rasterize_slice(&grid, left));
            assert_eq!(a.count_and(&b), 0);
            let both = a.combine(&b, |a, b| a | b).count() as f64;
            assert!((both / (std::f64::consts::PI * 625.0) - 1.0).abs() < 0.02, "{both}");
        }
    }

    #[test]
    fn lowering_gives_the_pixel_to_the_next_best_and_back() {
        let grid = VoxelGrid::axial(DVec3::ZERO, [1.0; 3], [64, 64, 1]).unwrap();
        let (mut logits, frame) = half_discs(&grid);
        let [row, column] = frame.pixel_from_plane([0.0, -20.0]);
        let pixel = row.round() as usize * SIZE + column.round() as usize;
        assert_eq!(logits.labels()[pixel], 7);
        logits.lower(7, pixel);
        assert_ne!(logits.labels()[pixel], 7);
        logits.raise(7, pixel);
        assert_eq!(logits.labels()[pixel], 7);
        let before = logits.ctv[pixel];
        logits.flip_ctv(pixel);
        assert!((logits.ctv[pixel] > half::f16::ZERO) != (before > half::f16::ZERO));
    }
}
