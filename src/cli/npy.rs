//! NumPy's .npy format, version 1.0 (numpy/lib/format.py), written by hand: a magic, a header in the
//! notation of a Python dictionary padded to 64 bytes, then the array in C order.

use crate::contour::Mask;
use crate::geometry::VoxelGrid;

/// A mask as uint8 of shape (slices, rows, columns), 1 = voxel centre inside, slices by ascending position.
pub fn mask_npy(mask: &Mask, grid: &VoxelGrid) -> Vec<u8> {
    let [slices, rows, columns] = grid.shape();
    let mut bytes = header("|u1", [slices, rows, columns]);
    let first = bytes.len();
    bytes.resize(first + grid.voxel_count(), 0);
    let voxels = &mut bytes[first..];
    for (&k, slice) in &mask.slices {
        for (j, i) in slice.voxels() {
            voxels[(k * rows + j) * columns + i] = 1;
        }
    }
    bytes
}

fn header(descr: &str, shape: [usize; 3]) -> Vec<u8> {
    let [k, j, i] = shape;
    let mut dict = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': ({k}, {j}, {i}), }}");
    // Magic, version and length take 10 bytes; the data start at a multiple of 64, after a newline.
    let unpadded = 10 + dict.len() + 1;
    dict.push_str(&" ".repeat(unpadded.next_multiple_of(64) - unpadded));
    dict.push('\n');
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((dict.len() as u16).to_le_bytes());
    bytes.extend(dict.bytes());
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::Array3;

    #[test]
    fn the_array_is_in_c_order_after_an_aligned_header() {
        let grid = VoxelGrid::axial(glam::DVec3::ZERO, [1.0, 1.0, 2.0], [4, 3, 2]).expect("valid grid");
        let mut dense = Array3::from_elem(grid.shape(), false);
        let [slices, rows, columns] = grid.shape();
        dense[[1, 2, 1]] = true;
        let bytes = mask_npy(&Mask::from_dense(&dense), &grid);
        let start = bytes.len() - slices * rows * columns;
        assert_eq!(start % 64, 0);
        let text = String::from_utf8(bytes[10..start].to_vec()).expect("ASCII");
        assert!(text.starts_with(&format!(
            "{{'descr': '|u1', 'fortran_order': False, 'shape': ({slices}, {rows}, {columns}), }}"
        )));
        let at: Vec<usize> = bytes[start..].iter().enumerate().filter(|(_, b)| **b == 1).map(|(n, _)| n).collect();
        assert_eq!(at, [(rows + 2) * columns + 1]);
    }
}
