//! The solids that tools add and take away, and their cuts by the slices.

use super::EditMode;
use crate::contour::{self, BooleanOp, SliceContours};
use crate::geometry::{ImagePlane, Orientation, PatientPoint, VoxelGrid};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A solid in patient space that a stroke covers between two samples of the pointer.
#[derive(Debug, Clone, PartialEq)]
pub enum Shape {
    /// A disc in the plane of the slices, swept from `a` to `b`.
    AxialDisc { a: PatientPoint, b: PatientPoint, radius_mm: f64 },
    /// A disc in a sagittal or coronal plane, one voxel deep, swept from `a` to `b`.
    UprightDisc { orientation: Orientation, a: PatientPoint, b: PatientPoint, radius_mm: f64 },
    /// A ball swept from `a` to `b`.
    Ball { a: PatientPoint, b: PatientPoint, radius_mm: f64 },
    /// What a closed path encloses in the plane of a view: on one slice in axial views, one voxel deep in the others.
    /// A path that crosses itself encloses everything that it runs around.
    Area { orientation: Orientation, path: Vec<PatientPoint> },
    /// Outlines that a tool has computed, by slice.
    Slices(Vec<(usize, SliceContours)>),
}

impl Shape {
    /// The cut of the solid by every slice that it meets. One that passes between two slices marks the nearer
    /// one, as if it lay there: what a user paints never comes to nothing.
    pub fn sections(&self, grid: &VoxelGrid) -> Vec<(usize, SliceContours)> {
        let met = self.cut(grid);
        if met.is_empty() { self.on_nearest_slice(grid).map(|solid| solid.cut(grid)).unwrap_or_default() } else { met }
    }

    /// The solid moved along the normal so that its end lies on the nearest slice; `None` outside the scan.
    fn on_nearest_slice(&self, grid: &VoxelGrid) -> Option<Self> {
        let mut moved = self.clone();
        let mut points: Vec<&mut PatientPoint> = match &mut moved {
            Self::AxialDisc { a, b, .. } | Self::UprightDisc { a, b, .. } | Self::Ball { a, b, .. } => vec![a, b],
            Self::Area { path, .. } => path.iter_mut().collect(),
            Self::Slices(_) => return None,
        };
        // Strokes go by where they ended, areas by their middle.
        let height = |p: &PatientPoint| grid.plane_from_patient(*p).1;
        let (low, high) = points
            .iter()
            .map(|p| height(p))
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), n| (low.min(n), high.max(n)));
        let position_mm = if points.len() == 2 { height(points[1]) } else { f64::midpoint(low, high) };
        let k = grid.slice_within_half_spacing(position_mm)?;
        let shift = grid.normal() * (grid.position_mm(k) - position_mm);
        for p in &mut points {
            **p += shift;
        }
        Some(moved)
    }

    fn cut(&self, grid: &VoxelGrid) -> Vec<(usize, SliceContours)> {
        match *self {
            Self::Area { orientation: Orientation::Axial, ref path } => {
                let Some(first) = path.first() else { return Vec::new() };
                let k = grid.nearest_slice(grid.plane_from_patient(*first).1);
                let enclosed = contour::enclosed(path.iter().map(|p| grid.plane_from_patient(*p).0));
                if enclosed.is_empty() { Vec::new() } else { vec![(k, enclosed)] }
            }
            Self::Area { orientation, ref path } => upright_area(grid, orientation, path),
            Self::Slices(ref slices) => slices.clone(),
            Self::AxialDisc { a, b, radius_mm } => {
                let ((ua, n), (ub, _)) = (grid.plane_from_patient(a), grid.plane_from_patient(b));
                let k = grid.nearest_slice(n);
                vec![(k, SliceContours::new(vec![contour::capsule(ua, ub, radius_mm)]))]
            }
            Self::UprightDisc { orientation, a, b, radius_mm } => {
                let plane = ImagePlane::through(grid, orientation, a);
                let depth = depth_mm(grid, &plane);
                slices_near(grid, a, b, radius_mm)
                    .filter_map(|k| {
                        contour::swept_disc_section(grid, plane.normal, a, b, radius_mm, depth / 2.0, k).map(|c| (k, c))
                    })
                    .collect()
            }
            Self::Ball { a, b, radius_mm } => slices_near(grid, a, b, radius_mm)
                .filter_map(|k| contour::swept_sphere_section(grid, a, b, radius_mm, k).map(|c| (k, c)))
                .collect(),
        }
    }
}

/// The depth of a voxel along the normal of a sagittal or coronal plane, mm.
fn depth_mm(grid: &VoxelGrid, plane: &ImagePlane) -> f64 {
    if plane.normal.dot(grid.i_direction()).abs() > 0.5 { grid.spacing_i_mm() } else { grid.spacing_j_mm() }
}

/// The cuts of a flat solid, one voxel deep, whose face is what a path in a sagittal or coronal plane encloses: on each
/// slice the pieces of the slice's line inside the path, as rectangles.
fn upright_area(grid: &VoxelGrid, orientation: Orientation, path: &[PatientPoint]) -> Vec<(usize, SliceContours)> {
    let Some(first) = path.first() else { return Vec::new() };
    let plane = ImagePlane::through(grid, orientation, *first);
    let face = contour::enclosed(path.iter().map(|p| {
        let at = plane.plane_from_patient(*p);
        [at.x, at.y]
    }));
    let Some([low, high]) = face.bounds() else { return Vec::new() };
    let half = plane.normal * (depth_mm(grid, &plane) / 2.0);
    let down = plane.down.dot(grid.normal());
    let height = plane.origin.dot(grid.normal());
    (0..grid.slices())
        .filter_map(|k| {
            let y = (grid.position_mm(k) - height) / down;
            if !(low[1]..=high[1]).contains(&y) {
                return None;
            }
            let mut crossings: Vec<f64> = face
                .rings
                .iter()
                .flat_map(contour::Ring::edges)
                .filter(|(a, b)| (a[1] > y) != (b[1] > y))
                .map(|(a, b)| a[0] + (y - a[1]) / (b[1] - a[1]) * (b[0] - a[0]))
                .collect();
            crossings.sort_by(f64::total_cmp);
            let at = |x: f64| plane.origin + plane.right * x + plane.down * y;
            let pieces = crossings.chunks_exact(2).map(|pair| {
                let corners = [at(pair[0]) - half, at(pair[1]) - half, at(pair[1]) + half, at(pair[0]) + half];
                contour::Ring::new(corners.map(|p| grid.plane_from_patient(p).0))
            });
            let pieces: Vec<contour::Ring> = pieces.filter(|ring| !ring.is_degenerate()).collect();
            (!pieces.is_empty()).then(|| (k, SliceContours::new(pieces)))
        })
        .collect()
}

/// The slices within reach of a swept solid.
fn slices_near(grid: &VoxelGrid, a: PatientPoint, b: PatientPoint, radius_mm: f64) -> std::ops::RangeInclusive<usize> {
    let (na, nb) = (grid.plane_from_patient(a).1, grid.plane_from_patient(b).1);
    grid.nearest_slice(na.min(nb) - radius_mm)..=grid.nearest_slice(na.max(nb) + radius_mm)
}

/// The new contours of the slices that a shape touches.
pub fn apply_shape(
    slices: &BTreeMap<usize, Arc<SliceContours>>,
    grid: &VoxelGrid,
    shape: &Shape,
    mode: EditMode,
) -> Vec<(usize, SliceContours)> {
    let op = match mode {
        EditMode::Add => BooleanOp::Union,
        EditMode::Erase => BooleanOp::Difference,
    };
    let none = SliceContours::default();
    shape
        .sections(grid)
        .into_iter()
        .filter_map(|(k, section)| {
            let before = slices.get(&k).map_or(&none, AsRef::as_ref);
            (mode == EditMode::Add || !before.is_empty()).then(|| (k, contour::boolean(before, &section, op)))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use glam::DVec3;

    #[test]
    fn a_brush_between_two_slices_marks_the_nearer_one() {
        let grid = VoxelGrid::axial(DVec3::ZERO, [1.0, 1.0, 5.0], [40, 40, 8]).expect("valid grid");
        let (a, b, radius_mm) = (DVec3::new(10.0, 20.0, 12.4), DVec3::new(20.0, 20.0, 12.4), 2.0);
        let on_slice = |z: f64| a.with_z(z)..b.with_z(z);
        let flat = |s: std::ops::Range<DVec3>| Shape::Ball { a: s.start, b: s.end, radius_mm };
        assert_eq!(flat(a..b).sections(&grid), flat(on_slice(10.0)).sections(&grid));
        let upright = |s: std::ops::Range<DVec3>| Shape::UprightDisc {
            orientation: Orientation::Coronal,
            a: s.start,
            b: s.end,
            radius_mm,
        };
        let sections = upright(a..b).sections(&grid);
        assert_eq!(sections, upright(on_slice(10.0)).sections(&grid));
        assert_eq!(sections.iter().map(|s| s.0).collect::<Vec<_>>(), [2]);
        // Where the stroke meets a slice by itself, only that one is marked; outside the scan none is.
        assert_eq!(upright(on_slice(11.0)).sections(&grid).len(), 1);
        assert!(upright(on_slice(41.0)).sections(&grid).is_empty());
    }

    #[test]
    fn an_area_in_an_upright_plane_is_one_voxel_deep() {
        let grid = VoxelGrid::axial(DVec3::ZERO, [1.0, 2.0, 3.0], [64, 64, 12]).expect("valid grid");
        let corner = |x: f64, z: f64| DVec3::new(x, 40.0, z);
        let path = vec![corner(10.0, 4.0), corner(20.0, 4.0), corner(20.0, 16.0), corner(10.0, 16.0)];
        let sections = Shape::Area { orientation: Orientation::Coronal, path }.sections(&grid);
        assert_eq!(sections.iter().map(|s| s.0).collect::<Vec<_>>(), [2, 3, 4, 5]);
        for (_, section) in sections {
            assert_eq!(section.bounds(), Some([[10.0, 39.0], [20.0, 41.0]]));
        }
        // A thin one between two slices marks the nearer slice.
        let path = vec![corner(10.0, 4.0), corner(20.0, 4.0), corner(20.0, 4.4), corner(10.0, 4.4)];
        let sections = Shape::Area { orientation: Orientation::Coronal, path }.sections(&grid);
        assert_eq!(sections.iter().map(|s| s.0).collect::<Vec<_>>(), [1]);
    }

    #[test]
    fn a_path_that_crosses_itself_encloses_all_that_it_runs_around() {
        let grid = VoxelGrid::axial(DVec3::ZERO, [1.0, 1.0, 3.0], [64, 64, 12]).expect("valid grid");
        // Twice around the same square.
        let corner = |x: f64, y: f64| DVec3::new(x, y, 9.0);
        let once = [corner(10.0, 10.0), corner(20.0, 10.0), corner(20.0, 20.0), corner(10.0, 20.0)];
        let path = once.into_iter().chain(once).collect();
        let sections = Shape::Area { orientation: Orientation::Axial, path }.sections(&grid);
        assert_eq!(sections.len(), 1);
        assert_eq!((sections[0].0, contour::area_mm2(&sections[0].1)), (3, 100.0));
    }
}
