//! From the patient to the screen and back, at the true aspect in mm.

use crate::geometry::{ImagePlane, Orientation, PatientPoint, VoxelGrid};
use eframe::egui::{Pos2, Rect, Vec2};
use glam::{DVec2, DVec3};

/// Where a view looks and how closely; kept by the window between frames.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct Camera {
    /// The patient point at the middle of the view; the middle of the scan if `None`.
    pub look_at: Option<PatientPoint>,
    /// 1 shows the whole scan.
    pub zoom: f64,
}

impl Default for Camera {
    fn default() -> Self {
        Self { look_at: None, zoom: 1.0 }
    }
}

impl Camera {
    pub const ZOOM: std::ops::RangeInclusive<f64> = 0.25..=64.0;

    /// Moves the picture by points on the screen.
    pub fn pan(&mut self, view: &ViewTransform, by: Vec2) {
        let mm = DVec2::new(f64::from(by.x), f64::from(by.y)) * view.mm_per_point;
        self.look_at = Some(view.center() - view.plane.right * mm.x - view.plane.down * mm.y);
    }

    /// Magnifies by a factor and keeps what lies under `fixed` where it is.
    pub fn zoom_at(&mut self, view: &ViewTransform, factor: f64, fixed: Pos2) {
        let zoom = (self.zoom * factor).clamp(*Self::ZOOM.start(), *Self::ZOOM.end());
        let under = view.patient_from_screen(fixed);
        self.look_at = Some(under + (view.center() - under) * (self.zoom / zoom));
        self.zoom = zoom;
    }

    /// The same magnification with a patient point in the middle.
    pub fn center_on(&mut self, point: PatientPoint) {
        self.look_at = Some(point);
    }

    /// The whole scan.
    pub fn reset(&mut self) {
        *self = Self::default();
    }
}

/// The map between patient mm and points of the screen for one view in one frame.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ViewTransform {
    pub plane: ImagePlane,
    /// The view on the screen, points.
    pub rect: Rect,
    /// Coordinates of the middle of the view in the plane, mm.
    pub middle: DVec2,
    pub mm_per_point: f64,
}

impl ViewTransform {
    /// Share of the view that the whole scan takes at zoom 1.
    const FILL: f64 = 0.98;

    /// The view of the plane through `point`, as the camera stands.
    pub fn new(grid: &VoxelGrid, orientation: Orientation, point: PatientPoint, camera: &Camera, rect: Rect) -> Self {
        let plane = ImagePlane::through(grid, orientation, point);
        let size = scan_size_mm(grid, &plane);
        let points = DVec2::new(f64::from(rect.width()), f64::from(rect.height())).max(DVec2::ONE);
        let fit = (size / points).max_element() / Self::FILL;
        let middle = plane.plane_from_patient(camera.look_at.unwrap_or_else(|| grid.center()));
        Self { plane, rect, middle, mm_per_point: fit / camera.zoom }
    }

    /// mm in the plane of a place on the screen.
    pub fn plane_from_screen(&self, at: Pos2) -> DVec2 {
        let c = self.rect.center();
        let points = DVec2::new(f64::from(at.x) - f64::from(c.x), f64::from(at.y) - f64::from(c.y));
        self.middle + points * self.mm_per_point
    }

    /// Place on the screen of mm in the plane.
    pub fn screen_from_plane(&self, at: DVec2) -> Pos2 {
        let points = (at - self.middle) / self.mm_per_point;
        let c = self.rect.center();
        Pos2::new((f64::from(c.x) + points.x) as f32, (f64::from(c.y) + points.y) as f32)
    }

    /// The patient point of the plane under a place on the screen.
    pub fn patient_from_screen(&self, at: Pos2) -> PatientPoint {
        self.plane.patient_from_plane(self.plane_from_screen(at))
    }

    /// Place on the screen of a patient point, seen along the normal of the plane.
    pub fn screen_from_patient(&self, p: PatientPoint) -> Pos2 {
        self.screen_from_plane(self.plane.plane_from_patient(p))
    }

    /// Distance of a patient point from the plane, mm, with sign along its normal.
    pub fn depth_mm(&self, p: PatientPoint) -> f64 {
        (p - self.plane.origin).dot(self.plane.normal)
    }

    /// Length on the screen, points.
    pub fn points(&self, mm: f64) -> f32 {
        (mm / self.mm_per_point) as f32
    }

    /// The patient point in the middle of the view.
    pub fn center(&self) -> PatientPoint {
        self.plane.patient_from_plane(self.middle)
    }
}

/// Width and height of the scan in a plane, outer edges of the outermost voxels, mm.
fn scan_size_mm(grid: &VoxelGrid, plane: &ImagePlane) -> DVec2 {
    let last = grid.slices() - 1;
    let height =
        grid.position_mm(last) - grid.position_mm(0) + f64::midpoint(grid.thickness_mm(0), grid.thickness_mm(last));
    let along = |d: DVec3| {
        d.dot(grid.i_direction()).abs() * grid.spacing_i_mm() * grid.columns() as f64
            + d.dot(grid.j_direction()).abs() * grid.spacing_j_mm() * grid.rows() as f64
            + d.dot(grid.normal()).abs() * height
    };
    DVec2::new(along(plane.right), along(plane.down))
}

#[cfg(test)]
mod tests {
    use super::*;
    use eframe::egui::vec2;
    use proptest::prelude::*;
    use strum::IntoEnumIterator;

    fn grid() -> VoxelGrid {
        VoxelGrid::new(
            DVec3::new(-250.0, -250.0, -100.0),
            DVec3::X,
            DVec3::Y,
            [0.98, 0.98],
            [512, 512],
            vec![-100.0, -97.0, -94.0, -88.0, -82.0],
        )
        .expect("valid grid")
    }

    fn view(orientation: Orientation, camera: &Camera) -> ViewTransform {
        let rect = Rect::from_min_size(Pos2::new(310.0, 42.0), vec2(641.0, 433.0));
        ViewTransform::new(&grid(), orientation, DVec3::new(10.0, -20.0, -94.0), camera, rect)
    }

    #[test]
    fn the_whole_scan_fits_and_a_millimetre_is_as_long_in_both_directions() {
        for orientation in Orientation::iter() {
            let v = view(orientation, &Camera::default());
            let g = grid();
            for (k, j, i) in [(0, 0.0, 0.0), (4, 511.0, 511.0)] {
                assert!(v.rect.contains(v.screen_from_patient(g.patient_from_voxel(k, j, i))), "{orientation}");
            }
            let o = v.screen_from_plane(v.middle);
            let right = v.screen_from_plane(v.middle + DVec2::new(50.0, 0.0)) - o;
            let down = v.screen_from_plane(v.middle + DVec2::new(0.0, 50.0)) - o;
            assert!((right.x - down.y).abs() < 1e-3 && right.y == 0.0 && down.x == 0.0, "{orientation}");
        }
    }

    #[test]
    fn zooming_keeps_the_point_under_the_cursor_and_panning_moves_it_with_the_pointer() {
        for orientation in Orientation::iter() {
            let mut camera = Camera::default();
            let at = Pos2::new(400.0, 100.0);
            let before = view(orientation, &camera).patient_from_screen(at);
            camera.zoom_at(&view(orientation, &camera), 3.7, at);
            let zoomed = view(orientation, &camera);
            assert!((zoomed.screen_from_patient(before) - at).length() < 1e-3);
            camera.pan(&zoomed, vec2(33.0, -12.0));
            let moved = view(orientation, &camera).screen_from_patient(before);
            assert!((moved - (at + vec2(33.0, -12.0))).length() < 1e-3);
        }
    }

    #[test]
    fn zoom_has_limits_and_stays_put_at_them() {
        let mut camera = Camera { look_at: None, zoom: *Camera::ZOOM.end() };
        let before = view(Orientation::Axial, &camera).center();
        camera.zoom_at(&view(Orientation::Axial, &camera), 2.0, Pos2::new(320.0, 60.0));
        assert_eq!(camera.zoom, *Camera::ZOOM.end());
        assert!((view(Orientation::Axial, &camera).center() - before).length() < 1e-9);
    }

    proptest! {
        #[test]
        fn screen_and_patient_are_inverse(x in 310.0f32..951.0, y in 42.0f32..475.0, zoom in 0.3..60.0) {
            for orientation in Orientation::iter() {
                let v = view(orientation, &Camera { look_at: Some(DVec3::new(3.0, 40.0, -91.0)), zoom });
                let p = v.patient_from_screen(Pos2::new(x, y));
                prop_assert!(v.depth_mm(p).abs() < 1e-9);
                let back = v.screen_from_patient(p);
                prop_assert!((back.x - x).abs() < 1e-4 && (back.y - y).abs() < 1e-4);
            }
        }
    }
}
