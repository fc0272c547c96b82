//! Pictures of planes through a scan, drawn by the processor with true millimetres: for reports and
//! wherever there is no window. What is drawn on top (structures, letters) is the caller's.

use super::{CtVolume, WindowLevel};
use crate::geometry::{ImagePlane, PatientPoint};
use glam::DVec2;

/// A rectangle of a plane cut into square pixels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PictureFrame {
    pub plane: ImagePlane,
    /// Upper left corner of the first pixel, mm right and down from the origin of the plane.
    pub corner_mm: DVec2,
    pub mm_per_pixel: f64,
    /// Columns and rows.
    pub size_px: [usize; 2],
}

impl PictureFrame {
    /// The frame that shows the rectangle from `low` to `high` (mm in the plane) with its longer side `longest_px` pixels long.
    pub fn showing(plane: ImagePlane, low: DVec2, high: DVec2, longest_px: usize) -> Self {
        let size_mm = (high - low).max(DVec2::splat(1.0));
        let mm_per_pixel = size_mm.max_element() / longest_px as f64;
        let size_px = (size_mm / mm_per_pixel).ceil().max(DVec2::ONE);
        Self { plane, corner_mm: low, mm_per_pixel, size_px: [size_px.x as usize, size_px.y as usize] }
    }

    /// The patient point at pixel coordinates (centre of the first pixel = 0.5, 0.5).
    pub fn patient_from_pixel(&self, at: DVec2) -> PatientPoint {
        self.plane.patient_from_plane(self.corner_mm + at * self.mm_per_pixel)
    }

    /// Pixel coordinates of a patient point, seen along the normal.
    pub fn pixel_from_patient(&self, p: PatientPoint) -> DVec2 {
        (self.plane.plane_from_patient(p) - self.corner_mm) / self.mm_per_pixel
    }
}

/// An RGB picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SlicePicture {
    /// Columns and rows.
    pub size_px: [usize; 2],
    /// Three bytes a pixel, row by row.
    pub rgb: Vec<u8>,
}

impl SlicePicture {
    /// A picture of one colour.
    pub fn filled(size_px: [usize; 2], color: [u8; 3]) -> Self {
        Self { size_px, rgb: color.repeat(size_px[0] * size_px[1]) }
    }

    /// The scan in grey; black outside of it.
    pub fn of_ct(volume: &CtVolume, frame: &PictureFrame, window: WindowLevel) -> Self {
        let [width, height] = frame.size_px;
        let mut rgb = Vec::with_capacity(3 * width * height);
        for y in 0..height {
            for x in 0..width {
                let p = frame.patient_from_pixel(DVec2::new(x as f64 + 0.5, y as f64 + 0.5));
                let grey = volume.sample(p).map_or(0.0, |hu| window.grey(hu));
                rgb.extend([(grey * 255.0).round() as u8; 3]);
            }
        }
        Self { size_px: frame.size_px, rgb }
    }

    /// Mixes a colour into a pixel; outside the picture nothing happens.
    pub fn blend(&mut self, x: usize, y: usize, color: [u8; 3], share: f64) {
        if x >= self.size_px[0] || y >= self.size_px[1] {
            return;
        }
        let at = 3 * (y * self.size_px[0] + x);
        for (old, new) in self.rgb[at..at + 3].iter_mut().zip(color) {
            *old = (f64::from(*old) * (1.0 - share) + f64::from(new) * share).round() as u8;
        }
    }

    /// Copies another picture to a place.
    pub fn paste(&mut self, other: &Self, left: usize, top: usize) {
        for y in 0..other.size_px[1] {
            for x in 0..other.size_px[0] {
                let at = 3 * (y * other.size_px[0] + x);
                self.blend(left + x, top + y, [other.rgb[at], other.rgb[at + 1], other.rgb[at + 2]], 1.0);
            }
        }
    }
}

/// How much of each pixel a set of lines covers; overlaps count once.
#[derive(Debug, Clone)]
pub struct Coverage {
    size_px: [usize; 2],
    share: Vec<f32>,
}

impl Coverage {
    pub fn new(size_px: [usize; 2]) -> Self {
        Self { size_px, share: vec![0.0; size_px[0] * size_px[1]] }
    }

    /// Covers a pixel whole.
    pub fn set(&mut self, x: usize, y: usize) {
        self.share[y * self.size_px[0] + x] = 1.0;
    }

    /// Covers a line between two points in pixel coordinates, with smooth edges.
    pub fn line(&mut self, a: DVec2, b: DVec2, width_px: f64) {
        let reach = width_px / 2.0 + 1.0;
        let (low, high) = (a.min(b) - reach, a.max(b) + reach);
        let range =
            |low: f64, high: f64, n: usize| (low.floor().max(0.0) as usize)..((high.ceil().max(0.0) as usize).min(n));
        let along = b - a;
        let length2 = along.length_squared();
        for y in range(low.y, high.y, self.size_px[1]) {
            for x in range(low.x, high.x, self.size_px[0]) {
                let p = DVec2::new(x as f64 + 0.5, y as f64 + 0.5);
                let t = if length2 > 0.0 { ((p - a).dot(along) / length2).clamp(0.0, 1.0) } else { 0.0 };
                let distance = p.distance(a + along * t);
                let share = (width_px / 2.0 + 0.5 - distance).clamp(0.0, 1.0) as f32;
                let cell = &mut self.share[y * self.size_px[0] + x];
                *cell = cell.max(share);
            }
        }
    }

    /// Paints what is covered.
    pub fn paint(&self, picture: &mut SlicePicture, color: [u8; 3], opacity: f64) {
        for (n, share) in self.share.iter().enumerate().filter(|(_, s)| **s > 0.0) {
            picture.blend(n % self.size_px[0], n / self.size_px[0], color, f64::from(*share) * opacity);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::{Orientation, VoxelGrid};
    use glam::DVec3;
    use ndarray::Array3;
    use std::sync::Arc;

    /// One bright voxel at [3, 2, 1] of an 8 x 6 x 5 scan with voxels of 1 x 2 x 4 mm.
    fn scan() -> CtVolume {
        let grid =
            Arc::new(VoxelGrid::axial(DVec3::new(10.0, 20.0, -30.0), [1.0, 2.0, 4.0], [8, 6, 5]).expect("valid"));
        let mut hu = Array3::from_elem(grid.shape(), -1000);
        hu[[3, 2, 1]] = 1000;
        CtVolume::new(grid, hu)
    }

    #[test]
    fn a_voxel_lies_where_its_patient_point_says_in_every_orientation() {
        let ct = scan();
        let bright = ct.grid.patient_from_voxel(3, 2.0, 1.0);
        for orientation in [Orientation::Axial, Orientation::Sagittal, Orientation::Coronal] {
            let plane = ImagePlane::through(&ct.grid, orientation, bright);
            let frame = PictureFrame::showing(plane, DVec2::splat(-20.0), DVec2::splat(20.0), 80);
            let picture = SlicePicture::of_ct(&ct, &frame, WindowLevel::BONE);
            let brightest = (0..picture.rgb.len() / 3).max_by_key(|n| picture.rgb[3 * n]).expect("not empty");
            let at = DVec2::new((brightest % 80) as f64 + 0.5, (brightest / 80) as f64 + 0.5);
            assert!(at.distance(frame.pixel_from_patient(bright)) < 1.0, "{orientation}: {at}");
        }
    }

    #[test]
    fn the_longer_side_has_the_wanted_length_and_pixels_are_square() {
        let ct = scan();
        let plane = ImagePlane::through(&ct.grid, Orientation::Coronal, ct.grid.center());
        let frame = PictureFrame::showing(plane, DVec2::ZERO, DVec2::new(30.0, 12.0), 300);
        assert_eq!((frame.size_px, frame.mm_per_pixel), ([300, 120], 0.1));
    }

    #[test]
    fn lines_cover_their_width_and_overlaps_count_once() {
        let mut coverage = Coverage::new([40, 20]);
        for _ in 0..3 {
            coverage.line(DVec2::new(5.0, 10.0), DVec2::new(35.0, 10.0), 2.0);
        }
        let area: f32 = coverage.share.iter().sum();
        assert!((area - 63.0).abs() < 1.5, "30 x 2 pixels and round ends: {area}");
        let mut picture = SlicePicture::filled([40, 20], [0; 3]);
        coverage.paint(&mut picture, [200, 0, 0], 0.5);
        assert_eq!(&picture.rgb[3 * (10 * 40 + 20)..][..3], [100, 0, 0]);
    }
}
