//! A CT as the finders look at it: slices from head to feet, rows from front to back, columns from the patient's right
//! to the left, whatever the axes of the grid are, and no slices thinner than they need.

use super::components::bounds;
use crate::contour::{Mask, SliceMask};
use crate::geometry::{PatientPoint, VoxelGrid};
use crate::image::CtVolume;
use rayon::prelude::*;
use std::sync::Arc;

/// Thinner slices are averaged in groups, mm: half a voxel of a usual chest CT, and bounded memory.
const THINNEST_MM: f64 = 0.75;

/// A turned copy of a CT. Voxels are `[k, j, i]` in one vector; `k` grows to the feet, `j` to the back, `i` to the left.
pub struct Working<'a> {
    grid: &'a VoxelGrid,
    pub hu: Vec<i16>,
    pub shape: [usize; 3],
    /// Distance between columns and between rows, mm.
    pub dx: f64,
    pub dy: f64,
    /// Way from the first slice to every slice, mm.
    pub depth_mm: Vec<f64>,
    normal_mm: Vec<f64>,
    /// Slices of the grid that make up one slice here.
    groups: Vec<Vec<usize>>,
    swapped: bool,
    flipped_i: bool,
    flipped_j: bool,
    /// Rows and columns of the turned CT that were left out before the first.
    offset: [usize; 2],
}

impl<'a> Working<'a> {
    /// `None` if the slices are not axial within 25 degrees.
    pub fn new(volume: &'a CtVolume) -> Option<Self> {
        let grid = &*volume.grid;
        if grid.normal().z.abs() < 0.9 {
            return None;
        }
        let swapped = grid.i_direction().x.abs() < grid.j_direction().x.abs();
        let (x, y) = if swapped {
            (grid.j_direction().x, grid.i_direction().y)
        } else {
            (grid.i_direction().x, grid.j_direction().y)
        };
        let (flipped_x, flipped_y) = (x < 0.0, y < 0.0);
        let (flipped_i, flipped_j) = if swapped { (flipped_y, flipped_x) } else { (flipped_x, flipped_y) };
        let (dx, dy) = if swapped {
            (grid.spacing_j_mm(), grid.spacing_i_mm())
        } else {
            (grid.spacing_i_mm(), grid.spacing_j_mm())
        };
        let per_group = (THINNEST_MM / grid.median_spacing_mm()).ceil().max(1.0) as usize;
        let mut order: Vec<usize> = (0..grid.slices()).collect();
        if grid.normal().z > 0.0 {
            order.reverse();
        }
        let groups: Vec<Vec<usize>> = order.chunks(per_group).map(<[usize]>::to_vec).collect();
        let normal_mm: Vec<f64> =
            groups.iter().map(|g| g.iter().map(|&k| grid.position_mm(k)).sum::<f64>() / g.len() as f64).collect();
        let depth_mm = normal_mm.iter().map(|n| (n - normal_mm[0]).abs()).collect();
        let (rows, columns) = if swapped { (grid.columns(), grid.rows()) } else { (grid.rows(), grid.columns()) };
        let mut working = Self {
            grid,
            hu: vec![0; groups.len() * rows * columns],
            shape: [groups.len(), rows, columns],
            dx,
            dy,
            depth_mm,
            normal_mm,
            groups,
            swapped,
            flipped_i,
            flipped_j,
            offset: [0; 2],
        };
        let mut hu = std::mem::take(&mut working.hu);
        hu.par_chunks_mut(rows * columns).enumerate().for_each(|(k, out)| {
            let group = &working.groups[k];
            if let (&[gk], false, Some(values)) = (&group[..], swapped, volume.hu.as_slice()) {
                for (j, line) in out.chunks_mut(columns).enumerate() {
                    let (gj, _) = working.grid_pixel(j, 0);
                    line.copy_from_slice(&values[(gk * rows + gj) * columns..][..columns]);
                    if flipped_i {
                        line.reverse();
                    }
                }
                return;
            }
            for j in 0..rows {
                for i in 0..columns {
                    let (gj, gi) = working.grid_pixel(j, i);
                    let sum: i32 = group.iter().map(|&gk| i32::from(volume.hu[[gk, gj, gi]])).sum();
                    out[j * columns + i] = (sum / group.len() as i32) as i16;
                }
            }
        });
        working.hu = hu;
        Some(working)
    }

    /// Row and column in the grid.
    fn grid_pixel(&self, j: usize, i: usize) -> (usize, usize) {
        let (j, i) = (j + self.offset[0], i + self.offset[1]);
        let (j, i) = if self.swapped { (i, j) } else { (j, i) };
        let turn = |n: usize, size: usize, flipped: bool| if flipped { size - 1 - n } else { n };
        (turn(j, self.grid.rows(), self.flipped_j), turn(i, self.grid.columns(), self.flipped_i))
    }

    /// Keeps only the rows and columns in which there is a voxel of `set`, of the CT and of the set.
    pub fn cropped(self, set: Vec<bool>) -> (Self, Vec<bool>) {
        let [slices, _, columns] = self.shape;
        let boxes = set.par_chunks(self.area()).filter_map(|slice| bounds(columns, slice));
        let Some([top, bottom, left, right]) =
            boxes.reduce_with(|a, b| [a[0].min(b[0]), a[1].max(b[1]), a[2].min(b[2]), a[3].max(b[3])])
        else {
            return (self, set);
        };
        let (height, width) = (bottom + 1 - top, right + 1 - left);
        fn cut<T: Copy>(all: &[T], columns: usize, [top, left, height, width]: [usize; 4]) -> impl Iterator<Item = T> {
            (top..top + height).flat_map(move |j| all[j * columns + left..][..width].iter().copied())
        }
        let place = [top, left, height, width];
        let hu = self.hu.chunks(self.area()).flat_map(|slice| cut(slice, columns, place)).collect();
        let set = set.chunks(self.area()).flat_map(|slice| cut(slice, columns, place)).collect();
        let offset = [self.offset[0] + top, self.offset[1] + left];
        (Self { hu, shape: [slices, height, width], offset, ..self }, set)
    }

    pub fn slices(&self) -> usize {
        self.shape[0]
    }

    /// Voxels in one slice.
    pub fn area(&self) -> usize {
        self.shape[1] * self.shape[2]
    }

    pub fn slice(&self, k: usize) -> &[i16] {
        &self.hu[k * self.area()..(k + 1) * self.area()]
    }

    /// `[k, j, i]` of a place in the vector.
    pub fn voxel(&self, at: usize) -> [usize; 3] {
        [at / self.area(), at % self.area() / self.shape[2], at % self.shape[2]]
    }

    pub fn index(&self, [k, j, i]: [usize; 3]) -> usize {
        (k * self.shape[1] + j) * self.shape[2] + i
    }

    pub fn pixel_mm2(&self) -> f64 {
        self.dx * self.dy
    }

    /// What slice `k` stands for, mm.
    pub fn thickness_mm(&self, k: usize) -> f64 {
        let last = self.slices() - 1;
        if last == 0 {
            return 1.0;
        }
        (self.depth_mm[(k + 1).min(last)] - self.depth_mm[k.saturating_sub(1)])
            / if k == 0 || k == last { 1.0 } else { 2.0 }
    }

    /// Median distance between slices, mm.
    pub fn spacing_mm(&self) -> f64 {
        let mut gaps: Vec<f64> = self.depth_mm.windows(2).map(|w| w[1] - w[0]).collect();
        gaps.sort_by(f64::total_cmp);
        gaps.get(gaps.len() / 2).copied().unwrap_or(1.0)
    }

    /// Height of the whole scan, mm.
    pub fn height_mm(&self) -> f64 {
        self.depth_mm[self.slices() - 1]
    }

    /// The patient point of a place between voxels.
    pub fn point(&self, k: f64, j: f64, i: f64) -> PatientPoint {
        let last = self.slices() - 1;
        let low = (k.floor().max(0.0) as usize).min(last.saturating_sub(1));
        let high = (low + 1).min(last);
        let n = self.normal_mm[low] + (k - low as f64) * (self.normal_mm[high] - self.normal_mm[low]);
        let (j, i) = (j + self.offset[0] as f64, i + self.offset[1] as f64);
        let (j, i) = if self.swapped { (i, j) } else { (j, i) };
        let turn = |n: f64, size: usize, flipped: bool| if flipped { (size - 1) as f64 - n } else { n };
        let uv = self
            .grid
            .plane_from_index(turn(i, self.grid.columns(), self.flipped_i), turn(j, self.grid.rows(), self.flipped_j));
        self.grid.patient_from_plane(uv, n)
    }

    /// A set of voxels as a mask over the grid of the CT.
    pub fn mask(&self, set: &[bool]) -> Mask {
        let (rows, columns) = (self.grid.rows(), self.grid.columns());
        let slices: Vec<Option<Arc<SliceMask>>> = set
            .par_chunks(self.area())
            .map(|slice| {
                if !slice.contains(&true) {
                    return None;
                }
                let mut dense = vec![false; rows * columns];
                for at in (0..slice.len()).filter(|&at| slice[at]) {
                    let (j, i) = self.grid_pixel(at / self.shape[2], at % self.shape[2]);
                    dense[j * columns + i] = true;
                }
                Some(Arc::new(SliceMask::from_dense(columns, &dense)))
            })
            .collect();
        let mut mask = Mask::default();
        for (group, slice) in self.groups.iter().zip(slices) {
            if let Some(slice) = slice {
                mask.slices.extend(group.iter().map(|&k| (k, Arc::clone(&slice))));
            }
        }
        mask
    }
}
