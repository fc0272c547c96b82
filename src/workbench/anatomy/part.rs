//! The part of a scan that the rules look at, with all its voxels or with fewer: what takes a second on a whole scan takes
//! a third of one on the chest, and hundredths on voxels of 2.5 mm, which serve while a landmark is dragged.

use crate::anatomy::{AnatomySources, Organ};
use crate::contour::{Mask, SliceMask};
use crate::geometry::VoxelGrid;
use rayon::prelude::*;
use std::sync::Arc;

/// Around the lungs and around the airway, mm: the supraclavicular stations reach 50 mm from the trachea.
const AROUND_LUNGS_MM: f64 = 20.0;
const AROUND_AIRWAY_MM: f64 = 60.0;
/// Voxels in the plane while a landmark is dragged, mm.
const COARSE_MM: f64 = 2.5;

/// A box in the plane of the slices, all slices of it.
#[derive(Debug)]
pub(super) struct Part {
    pub sources: AnatomySources,
    /// Row and column of its first voxel in the scan.
    first_ji: [usize; 2],
}

impl Part {
    /// Every voxel: the rules draw the same as on the whole scan.
    pub fn exact(sources: &AnatomySources) -> Self {
        Self::new(sources, [1, 1])
    }

    /// Every second, third or fourth voxel of rows and columns.
    pub fn coarse(sources: &AnatomySources) -> Self {
        let step = |mm: f64| ((COARSE_MM / mm).round() as usize).max(1);
        Self::new(sources, [step(sources.grid.spacing_j_mm()), step(sources.grid.spacing_i_mm())])
    }

    fn new(sources: &AnatomySources, [step_j, step_i]: [usize; 2]) -> Self {
        let grid = &sources.grid;
        let [first, last] = window(sources);
        let rows = (last[0] - first[0]) / step_j + 1;
        let columns = (last[1] - first[1]) / step_i + 1;
        let corner = grid.plane_from_index(first[1] as f64, first[0] as f64);
        let smaller = VoxelGrid::new(
            grid.patient_from_plane(corner, 0.0),
            grid.i_direction(),
            grid.j_direction(),
            [grid.spacing_i_mm() * step_i as f64, grid.spacing_j_mm() * step_j as f64],
            [columns, rows],
            grid.positions_mm().to_vec(),
        );
        let Ok(smaller) = smaller else {
            // A grid with larger steps is as valid as the one that it is made of.
            return Self { sources: sources.clone(), first_ji: [0, 0] };
        };
        let part = |mask: &Arc<Mask>| {
            let slices: Vec<(usize, Arc<SliceMask>)> = mask
                .slices
                .par_iter()
                .map(|(&k, slice)| {
                    let mut out = SliceMask::with_rows(columns, 0, rows);
                    for j in 0..rows {
                        for i in 0..columns {
                            if slice.get(first[0] + j * step_j, first[1] + i * step_i) {
                                out.set(j, i);
                            }
                        }
                    }
                    (k, Arc::new(out))
                })
                .collect();
            Arc::new(Mask { slices: slices.into_iter().collect() })
        };
        let sources = AnatomySources {
            grid: Arc::new(smaller),
            organs: sources.organs.iter().map(|(organ, mask)| (*organ, part(mask))).collect(),
            lung_lesions: sources.lung_lesions.as_ref().map(part),
            ..sources.clone()
        };
        Self { sources, first_ji: first }
    }

    /// A mask of this part, which has every voxel, on the grid of the scan.
    pub fn on_scan(&self, mask: &Mask, scan: &VoxelGrid) -> Mask {
        let [first_row, first_column] = self.first_ji;
        let moved = |slice: &SliceMask| {
            let rows = slice.row_range();
            let mut out = SliceMask::with_rows(scan.columns(), rows.start + first_row, rows.len());
            slice.voxels().for_each(|(j, i)| out.set(j + first_row, i + first_column));
            Arc::new(out)
        };
        Mask { slices: mask.slices.iter().map(|(&k, slice)| (k, moved(slice))).collect() }
    }
}

/// First and last row and column around lungs and airway; the whole scan where neither is known.
fn window(sources: &AnatomySources) -> [[usize; 2]; 2] {
    let grid = &sources.grid;
    let last = [grid.rows() - 1, grid.columns() - 1];
    let boxes =
        [(Organ::LungRight, AROUND_LUNGS_MM), (Organ::LungLeft, AROUND_LUNGS_MM), (Organ::Airway, AROUND_AIRWAY_MM)]
            .into_iter()
            .filter_map(|(organ, mm)| Some((sources.organ(organ)?.bounds()?, mm)));
    let grown = boxes.map(|([low, high], mm)| {
        let by = [mm / grid.spacing_j_mm(), mm / grid.spacing_i_mm()].map(|voxels| voxels.ceil() as usize);
        [0, 1].map(|axis| (low[axis + 1].saturating_sub(by[axis]), (high[axis + 1] + by[axis]).min(last[axis])))
    });
    let all = grown.reduce(|a, b| [0, 1].map(|axis| (a[axis].0.min(b[axis].0), a[axis].1.max(b[axis].1))));
    all.map_or([[0, 0], last], |[rows, columns]| [[rows.0, columns.0], [rows.1, columns.1]])
}
