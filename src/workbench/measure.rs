//! Distances, angles and circles that the user lays over the image: not part of the case, never exported.

use crate::geometry::{ImagePlane, Orientation, PatientPoint, VoxelGrid};
use crate::image::CtVolume;
use crate::metrics::CircleStatistics;
use crate::words::t;

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MeasureKind {
    /// Between two points, mm.
    Distance,
    /// At the second of three points, degrees.
    Angle,
    /// CT numbers in a circle: its middle, and a point of its rim.
    Circle,
}

impl MeasureKind {
    pub fn label(self) -> &'static str {
        match self {
            Self::Distance => t("Distance"),
            Self::Angle => t("Angle"),
            Self::Circle => t("HU in a circle"),
        }
    }

    /// How many points it takes.
    pub fn points(self) -> usize {
        match self {
            Self::Distance | Self::Circle => 2,
            Self::Angle => 3,
        }
    }
}

/// What was found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum MeasureValue {
    Distance { mm: f64 },
    Angle { degrees: f64 },
    Circle { radius_mm: f64, statistics: Option<CircleStatistics> },
}

/// A measurement in a plane.
#[derive(Debug, Clone, PartialEq)]
pub struct Measurement {
    pub id: u32,
    pub kind: MeasureKind,
    pub orientation: Orientation,
    /// As many as its kind takes; fewer while it is being placed.
    pub points: Vec<PatientPoint>,
    /// `None` until the last point is placed.
    pub value: Option<MeasureValue>,
}

impl Measurement {
    /// True if it lies in the slice or layer of voxels that a plane shows.
    pub fn lies_in(&self, grid: &VoxelGrid, plane: &ImagePlane) -> bool {
        let Some(first) = self.points.first().filter(|_| self.orientation == plane.orientation) else { return false };
        let own = ImagePlane::through(grid, self.orientation, *first);
        let apart = (own.origin - plane.origin).dot(plane.normal).abs();
        let half = match plane.orientation {
            Orientation::Axial => 1e-6,
            _ if plane.normal.dot(grid.i_direction()).abs() > 0.5 => grid.spacing_i_mm() / 2.0,
            _ => grid.spacing_j_mm() / 2.0,
        };
        apart <= half
    }

    fn evaluate(&mut self, volume: &CtVolume) {
        self.value = match (self.kind, self.points.as_slice()) {
            (MeasureKind::Distance, &[a, b]) => Some(MeasureValue::Distance { mm: a.distance(b) }),
            (MeasureKind::Angle, &[a, at, b]) => {
                let degrees = (a - at).angle_between(b - at).to_degrees();
                degrees.is_finite().then_some(MeasureValue::Angle { degrees })
            }
            (MeasureKind::Circle, &[center, rim]) => {
                let radius_mm = center.distance(rim);
                let plane = ImagePlane::through(&volume.grid, self.orientation, center);
                let statistics = CircleStatistics::of(volume, &plane, center, radius_mm);
                Some(MeasureValue::Circle { radius_mm, statistics })
            }
            _ => None,
        };
    }
}

/// A request about measurements.
#[derive(Debug, Clone, PartialEq)]
pub enum MeasureCommand {
    /// Starts to measure, or stops with `None`.
    Use(Option<MeasureKind>),
    /// The button went down; a point of a measurement within `reach_mm` is taken hold of.
    Press {
        at: PatientPoint,
        orientation: Orientation,
        reach_mm: f64,
    },
    Drag {
        at: PatientPoint,
    },
    /// The button went up; a point that was dragged at least `reach_mm` from the one before it stays there.
    Release {
        reach_mm: f64,
    },
    /// Forgets what is being placed; where nothing is, stops measuring.
    Cancel,
    Delete(u32),
    Clear,
}

/// All measurements of a case.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Measures {
    done: Vec<Measurement>,
    /// The one being placed; its last point follows the pointer.
    placing: Option<Measurement>,
    /// A point of a finished one that is being dragged: which one, which point.
    held: Option<(u32, usize)>,
    /// The one last placed or taken hold of.
    pub chosen: Option<u32>,
    last_id: u32,
}

impl Measures {
    /// The finished ones, oldest first.
    pub fn done(&self) -> &[Measurement] {
        &self.done
    }

    pub fn placing(&self) -> Option<&Measurement> {
        self.placing.as_ref()
    }

    /// True if the last point of what is being placed follows the pointer although no button is down.
    pub fn is_placing(&self) -> bool {
        self.placing.is_some()
    }

    pub(super) fn press(
        &mut self,
        kind: MeasureKind,
        at: PatientPoint,
        orientation: Orientation,
        reach_mm: f64,
        volume: &CtVolume,
    ) {
        if let Some(placing) = &mut self.placing {
            if placing.orientation == orientation {
                // All points of a measurement lie in one plane: that of the first.
                let plane = ImagePlane::through(&volume.grid, orientation, placing.points[0]);
                placing.points.push(plane.patient_from_plane(plane.plane_from_patient(at)));
                return;
            }
            self.placing = None;
        }
        let plane = ImagePlane::through(&volume.grid, orientation, at);
        let near = |m: &Measurement| {
            let at = m.points.iter().position(|p| p.distance(at) <= reach_mm)?;
            m.lies_in(&volume.grid, &plane).then_some((m.id, at))
        };
        if let Some(held) = self.done.iter().rev().find_map(near) {
            self.held = Some(held);
            self.chosen = Some(held.0);
            return;
        }
        self.last_id += 1;
        self.placing = Some(Measurement { id: self.last_id, kind, orientation, points: vec![at, at], value: None });
    }

    pub(super) fn drag(&mut self, at: PatientPoint, volume: &CtVolume) {
        let held = self.held;
        let target = match held {
            Some((id, point)) => self.done.iter_mut().find(|m| m.id == id).map(|m| (m, point)),
            None => self.placing.as_mut().map(|m| {
                let last = m.points.len() - 1;
                (m, last)
            }),
        };
        let Some((measurement, point)) = target else { return };
        let plane = ImagePlane::through(&volume.grid, measurement.orientation, measurement.points[0]);
        let at = plane.patient_from_plane(plane.plane_from_patient(at));
        // The whole circle moves with its middle.
        if measurement.kind == MeasureKind::Circle && point == 0 {
            let by = at - measurement.points[0];
            measurement.points[1] += by;
        }
        measurement.points[point] = at;
        measurement.evaluate(volume);
    }

    pub(super) fn release(&mut self, reach_mm: f64, volume: &CtVolume) {
        if self.held.take().is_some() {
            return;
        }
        let Some(placing) = &mut self.placing else { return };
        let [.., before, last] = placing.points.as_slice() else { return };
        if before.distance(*last) < reach_mm {
            // A click: the next one places this point.
            placing.points.pop();
            if placing.points.is_empty() {
                self.placing = None;
            }
            return;
        }
        if placing.points.len() < placing.kind.points() {
            return;
        }
        if let Some(mut done) = self.placing.take() {
            done.evaluate(volume);
            self.chosen = Some(done.id);
            self.done.push(done);
        }
    }

    /// Forgets what is being placed; false if there was nothing.
    pub(super) fn cancel(&mut self) -> bool {
        self.held = None;
        self.placing.take().is_some()
    }

    pub(super) fn delete(&mut self, id: u32) {
        self.done.retain(|m| m.id != id);
        if self.chosen == Some(id) {
            self.chosen = self.done.last().map(|m| m.id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use glam::DVec3;
    use ndarray::Array3;
    use std::sync::Arc;

    fn volume() -> CtVolume {
        let grid = VoxelGrid::axial(DVec3::ZERO, [1.0, 1.0, 3.0], [32, 32, 8]).expect("valid grid");
        CtVolume::new(Arc::new(grid), Array3::from_elem([8, 32, 32], 30))
    }

    fn click(m: &mut Measures, kind: MeasureKind, at: [f64; 3], v: &CtVolume) {
        m.press(kind, DVec3::from(at), Orientation::Axial, 1.0, v);
        m.release(1.0, v);
    }

    #[test]
    fn a_drag_or_two_clicks_place_a_distance() {
        let v = volume();
        let mut m = Measures::default();
        m.press(MeasureKind::Distance, DVec3::new(1.0, 1.0, 6.0), Orientation::Axial, 1.0, &v);
        m.drag(DVec3::new(4.0, 5.0, 6.0), &v);
        m.release(1.0, &v);
        assert_eq!(m.done()[0].value, Some(MeasureValue::Distance { mm: 5.0 }));
        click(&mut m, MeasureKind::Distance, [20.0, 20.0, 6.0], &v);
        assert!(m.is_placing() && m.done().len() == 1);
        click(&mut m, MeasureKind::Distance, [20.0, 26.0, 6.0], &v);
        assert_eq!(m.done()[1].value, Some(MeasureValue::Distance { mm: 6.0 }));
        assert!(!m.is_placing() && m.chosen == Some(2));
    }

    #[test]
    fn three_clicks_or_a_drag_and_a_click_place_an_angle_and_its_ends_can_be_moved() {
        let v = volume();
        let mut m = Measures::default();
        for at in [[10.0, 10.0, 6.0], [10.0, 20.0, 6.0], [20.0, 20.0, 6.0]] {
            click(&mut m, MeasureKind::Angle, at, &v);
        }
        let degrees = |m: &Measures, n: usize| match m.done()[n].value {
            Some(MeasureValue::Angle { degrees }) => degrees,
            other => panic!("{other:?}"),
        };
        assert!((degrees(&m, 0) - 90.0).abs() < 1e-9);
        m.press(MeasureKind::Angle, DVec3::new(20.4, 20.0, 6.0), Orientation::Axial, 1.0, &v);
        m.drag(DVec3::new(20.0, 30.0, 6.0), &v);
        m.release(1.0, &v);
        assert!((degrees(&m, 0) - 135.0).abs() < 1e-9);
        m.press(MeasureKind::Angle, DVec3::new(1.0, 1.0, 6.0), Orientation::Axial, 1.0, &v);
        m.drag(DVec3::new(9.0, 1.0, 6.0), &v);
        m.release(1.0, &v);
        assert!(m.is_placing(), "the second arm is wanted");
        click(&mut m, MeasureKind::Angle, [9.0, 9.0, 6.0], &v);
        assert!((degrees(&m, 1) - 90.0).abs() < 1e-9);
    }

    #[test]
    fn a_circle_moves_with_its_middle_and_stays_in_its_slice() {
        let v = volume();
        let mut m = Measures::default();
        m.press(MeasureKind::Circle, DVec3::new(10.0, 10.0, 6.0), Orientation::Axial, 1.0, &v);
        m.drag(DVec3::new(14.0, 10.0, 6.0), &v);
        m.release(1.0, &v);
        m.press(MeasureKind::Circle, DVec3::new(10.0, 10.0, 6.0), Orientation::Axial, 1.0, &v);
        m.drag(DVec3::new(15.0, 15.0, 6.0), &v);
        m.release(1.0, &v);
        let Some(MeasureValue::Circle { radius_mm, statistics: Some(s) }) = m.done()[0].value else {
            panic!("a circle")
        };
        assert!((radius_mm - 4.0).abs() < 1e-9);
        assert_eq!((s.mean_hu, s.sd_hu, s.voxels), (30.0, 0.0, 49));
        let plane = |z: f64| ImagePlane::through(&v.grid, Orientation::Axial, DVec3::new(0.0, 0.0, z));
        assert!(m.done()[0].lies_in(&v.grid, &plane(6.2)) && !m.done()[0].lies_in(&v.grid, &plane(9.0)));
        m.delete(1);
        assert!(m.done().is_empty() && m.chosen.is_none());
    }

    #[test]
    fn esc_forgets_what_is_being_placed() {
        let v = volume();
        let mut m = Measures::default();
        click(&mut m, MeasureKind::Distance, [2.0, 2.0, 6.0], &v);
        assert!(m.cancel() && !m.cancel() && m.done().is_empty());
    }
}
