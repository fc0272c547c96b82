//! How surely a set of structures belongs to a CT.

use super::ct::CtSource;
use super::sets::{LabelFiles, SetSource};
use crate::dicom::StructureSetFile;
use crate::geometry::{PatientPoint, VoxelGrid};
use crate::nifti::SAME_MM;
use std::sync::Arc;

/// The surest way first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Belonging {
    /// It refers to the series, or its voxels are those of the CT.
    Reference,
    /// The same frame of reference.
    Frame,
    /// The same study.
    Study,
    /// Nothing is known of it, but it can be laid over the CT.
    Possible,
    /// It lies elsewhere.
    Foreign,
}

/// What is asked of a CT, found once.
pub(super) struct CtIdentity {
    study: String,
    series: String,
    frame: String,
    grid: Option<Arc<VoxelGrid>>,
}

impl CtIdentity {
    /// The grid is only looked for where there are labels: their files name nothing else.
    pub fn of(ct: &CtSource, with_grid: bool) -> Self {
        Self {
            study: ct.study_instance_uid(),
            series: ct.series_instance_uid(),
            frame: ct.frame_of_reference_uid(),
            grid: if with_grid { ct.grid() } else { None },
        }
    }

    pub fn belonging(&self, set: &SetSource) -> Belonging {
        match set {
            SetSource::Dicom(file) => self.of_file(file),
            SetSource::Labels(labels) => self.of_labels(labels),
        }
    }

    fn of_file(&self, set: &StructureSetFile) -> Belonging {
        if set.is_of_other_frame(&self.frame) {
            Belonging::Foreign
        } else if set.referenced_series_uids.contains(&self.series) {
            Belonging::Reference
        } else if set.frame_of_reference_uids.contains(&self.frame) {
            Belonging::Frame
        } else if !self.study.is_empty() && set.study_instance_uid == self.study {
            Belonging::Study
        } else {
            Belonging::Possible
        }
    }

    fn of_labels(&self, labels: &LabelFiles) -> Belonging {
        let Some(ct) = &self.grid else { return Belonging::Foreign };
        let of = |grid: &VoxelGrid| match (is_same(grid, ct), overlap(grid, ct)) {
            (true, _) => Belonging::Reference,
            (false, true) => Belonging::Possible,
            (false, false) => Belonging::Foreign,
        };
        labels.grids().map(of).min().unwrap_or(Belonging::Foreign)
    }
}

/// True where the voxels are the same, in whatever order the file has them.
fn is_same(a: &VoxelGrid, b: &VoxelGrid) -> bool {
    let corners = |g: &VoxelGrid| {
        let (k, j, i) = (g.slices() - 1, (g.rows() - 1) as f64, (g.columns() - 1) as f64);
        let ends = |k: usize| [(k, 0.0, 0.0), (k, j, 0.0), (k, 0.0, i), (k, j, i)];
        let corners = ends(0).into_iter().chain(ends(k));
        corners.map(|(k, j, i)| g.patient_from_voxel(k, j, i)).collect::<Vec<PatientPoint>>()
    };
    let (ours, theirs) = (corners(a), corners(b));
    a.voxel_count() == b.voxel_count()
        && ours.iter().all(|p| theirs.iter().any(|q| (*p - *q).length() <= 2.0 * SAME_MM))
}

/// True where some of the voxels lie in the other grid.
fn overlap(a: &VoxelGrid, b: &VoxelGrid) -> bool {
    const STEPS: usize = 8;
    let reaches = |a: &VoxelGrid, b: &VoxelGrid| {
        let at = |n: usize, size: usize| (n * (size - 1)) as f64 / STEPS as f64;
        (0..=STEPS).any(|k| {
            let k = at(k, a.slices()).round() as usize;
            (0..=STEPS).any(|j| {
                let j = at(j, a.rows());
                (0..=STEPS).any(|i| b.containing_voxel(a.patient_from_voxel(k, j, at(i, a.columns()))).is_some())
            })
        })
    };
    reaches(a, b) || reaches(b, a)
}

#[cfg(test)]
mod tests {
    use super::*;
    use glam::DVec3;

    #[test]
    fn grids_are_the_same_in_any_order_of_their_axes_and_overlap_or_not() {
        let a = VoxelGrid::axial(DVec3::new(-10.0, 5.0, 0.0), [1.0, 2.0, 3.0], [8, 6, 4]).expect("a grid");
        let flipped = VoxelGrid::new(
            a.patient_from_voxel(0, 5.0, 7.0),
            -DVec3::X,
            -DVec3::Y,
            [1.0, 2.0],
            [8, 6],
            a.positions_mm().to_vec(),
        )
        .expect("a grid");
        assert!(is_same(&a, &flipped));
        let shifted =
            |mm: f64| VoxelGrid::axial(DVec3::new(-10.0 + mm, 5.0, 0.0), [1.0, 2.0, 3.0], [8, 6, 4]).expect("a grid");
        assert!(!is_same(&a, &shifted(0.5)) && overlap(&a, &shifted(0.5)));
        assert!(!overlap(&a, &shifted(100.0)));
        let finer = VoxelGrid::axial(DVec3::new(-9.0, 6.0, 1.0), [0.1, 0.1, 0.1], [4, 4, 4]).expect("a grid");
        assert!(overlap(&a, &finer) && overlap(&finer, &a));
    }
}
