//! The checkerboard: planning CT and registered follow-up in turn, through the recurrence, in three planes.

use crate::cli::analyze::label;
use crate::contour::Mask;
use crate::geometry::{ImagePlane, Orientation, PatientPoint, Rigid, VoxelGrid};
use crate::image::{CtVolume, PictureFrame, SlicePicture, WindowLevel, bounds_on};
use glam::DVec2;

/// Side of a square, mm.
const SQUARE_MM: f64 = 25.0;
/// At most so far from the recurrence, mm.
const REACH_MM: f64 = 200.0;
const LONGEST_PX: usize = 700;
/// Squares of the follow-up are tinted, so that one can tell them.
const TINT: [u8; 3] = [80, 150, 255];
const TINT_SHARE: f64 = 0.12;
const RECURRENCE: [u8; 3] = [255, 60, 60];
const CTV: [u8; 3] = [255, 210, 60];

pub struct Board<'a> {
    pub planning: &'a CtVolume,
    pub followup: &'a CtVolume,
    pub planning_from_followup: Rigid,
    /// On the planning CT.
    pub recurrence: &'a Mask,
    pub ctv: &'a Mask,
    pub window: WindowLevel,
}

impl Board<'_> {
    /// Axial, coronal and sagittal side by side through a point.
    pub fn draw(&self, through: PatientPoint) -> SlicePicture {
        let planes = [Orientation::Axial, Orientation::Coronal, Orientation::Sagittal];
        let panels: Vec<SlicePicture> = planes.map(|orientation| self.panel(orientation, through)).into();
        let gap = 6;
        let width = panels.iter().map(|p| p.size_px[0] + gap).sum::<usize>() - gap;
        let height = panels.iter().map(|p| p.size_px[1]).max().unwrap_or(1);
        let foot = label::line_height() + 6;
        let mut all = SlicePicture::filled([width, height + foot], [24, 26, 30]);
        let mut left = 0;
        for panel in &panels {
            all.paste(panel, left, 0);
            left += panel.size_px[0] + gap;
        }
        let legend = format!(
            "Squares of {SQUARE_MM} mm: planning CT in grey, registered follow-up in blue. Red: recurrence{}",
            if self.ctv.is_empty() { "" } else { ", yellow: CTV" }
        );
        label::write(&mut all, 6, height + 3, &legend, [235; 3]);
        all
    }

    fn panel(&self, orientation: Orientation, through: PatientPoint) -> SlicePicture {
        let grid = &*self.planning.grid;
        let plane = ImagePlane::through(grid, orientation, through);
        let middle = plane.plane_from_patient(through);
        let [low, high] = bounds_on(grid, &plane, &Rigid::IDENTITY);
        let frame = PictureFrame::showing(plane, low.max(middle - REACH_MM), high.min(middle + REACH_MM), LONGEST_PX);
        let mut picture = SlicePicture::of_ct(self.planning, &frame, self.window);
        let followup_from_planning = self.planning_from_followup.inverse();
        let [width, height] = frame.size_px;
        for y in 0..height {
            for x in 0..width {
                let at = DVec2::new(x as f64 + 0.5, y as f64 + 0.5);
                let square = ((at * frame.mm_per_pixel) / SQUARE_MM).floor();
                if (square.x + square.y).rem_euclid(2.0) == 0.0 {
                    continue;
                }
                let p = followup_from_planning.apply(frame.patient_from_pixel(at));
                let grey = self.followup.sample(p).map_or(0.0, |hu| self.window.grey(hu));
                picture.blend(x, y, [(grey * 255.0).round() as u8; 3], 1.0);
                picture.blend(x, y, TINT, TINT_SHARE);
            }
        }
        outline(&mut picture, &frame, grid, self.ctv, CTV);
        outline(&mut picture, &frame, grid, self.recurrence, RECURRENCE);
        let [left, right, top, bottom] = plane.letters();
        label::write_over(&mut picture, 6, 4, &orientation.to_string());
        label::write_over(&mut picture, 6, height / 2, &left);
        label::write_over(&mut picture, width.saturating_sub(label::text_width(&right) + 6), height / 2, &right);
        label::write_over(&mut picture, width / 2, 4, &top);
        label::write_over(&mut picture, width / 2, height.saturating_sub(label::line_height() + 4), &bottom);
        picture
    }
}

/// Pixels of a mask that have a neighbour outside of it.
fn outline(picture: &mut SlicePicture, frame: &PictureFrame, grid: &VoxelGrid, mask: &Mask, color: [u8; 3]) {
    let [width, height] = frame.size_px;
    let inside = |x: usize, y: usize| {
        let p = frame.patient_from_pixel(DVec2::new(x as f64 + 0.5, y as f64 + 0.5));
        grid.containing_voxel(p).is_some_and(|[k, j, i]| mask.get(k, j, i))
    };
    let all: Vec<bool> = (0..width * height).map(|n| inside(n % width, n / width)).collect();
    for n in (0..all.len()).filter(|n| all[*n]) {
        let (x, y) = (n % width, n / width);
        let is_edge = x == 0 || y == 0 || x + 1 == width || y + 1 == height;
        if is_edge || !(all[n - 1] && all[n + 1] && all[n - width] && all[n + width]) {
            picture.blend(x, y, color, 1.0);
        }
    }
}
