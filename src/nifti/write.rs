//! Writing NIfTI-1 files, each proven by reading it back before it gets its name.

use super::names::file_stem;
use super::read::{read_ct, read_labels};
use crate::contour::Mask;
use crate::files::{PutError, put_in_place};
use crate::geometry::VoxelGrid;
use crate::image::CtVolume;
use flate2::{Compression, write::GzEncoder};
use glam::{DMat3, DQuat, DVec3};
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// Slices further than this from even spacing cannot be written, mm.
const EVEN_MM: f64 = 0.01;

/// Why a NIfTI file was not written. The target is as it was before.
#[derive(Debug, thiserror::Error)]
pub enum WriteNiftiError {
    #[error("{}", crate::tf!("NIfTI holds one distance between slices, but slice {slice} of this CT lies {off_mm:.2} mm from even spacing; write DICOM instead (a segmentation or a structure set)", slice = .slice, off_mm = .off_mm))]
    UnevenSlices { slice: usize, off_mm: f64 },
    #[error("{}", crate::tf!("NIfTI-1 holds at most 32767 voxels along an axis, this CT has {value}", value = .0))]
    TooLarge(usize),
    #[error("{}", crate::tf!("a label volume holds one label a voxel, but \"{first}\" and \"{second}\" share {voxels} voxels; write one mask a structure, or leave one of them out", first = .first, second = .second, voxels = .voxels))]
    Overlap { first: String, second: String, voxels: u64 },
    #[error("{}", crate::tf!("{value} structures are more labels than a volume can hold (65535)", value = .0))]
    TooManyLabels(usize),
    #[error("{}", crate::tf!("the file must be called .nii.gz or .nii, so that others know what it is: {path}", path = .0.display()))]
    Name(PathBuf),
    #[error("{}", crate::tf!("the voxels could not be packed: {value}", value = .0))]
    Pack(std::io::Error),
    #[error(transparent)]
    Put(#[from] PutError),
}

/// One structure of a label volume.
#[derive(Debug, Clone, Copy)]
pub struct NamedMask<'a> {
    pub name: &'a str,
    pub mask: &'a Mask,
}

/// Writes a mask as uint8, 1 inside. `.nii.gz` is packed, `.nii` is not. sform and qform both hold the
/// position in the patient, as scanner coordinates in RAS.
///
/// # Errors
/// [`WriteNiftiError`]; slices must be evenly spaced.
pub fn write_mask(path: &Path, grid: &VoxelGrid, mask: &Mask, overwrite: bool) -> Result<(), WriteNiftiError> {
    let mut voxels = vec![0u8; grid.voxel_count()];
    paint(grid, mask, |at| voxels[at] = 1);
    put_labels(path, grid, &Numbers { code: 2, bits: 8, bytes: voxels }, overwrite, &|at| {
        u16::from(mask.get(at[0], at[1], at[2]))
    })
}

/// Writes structures as one volume of labels, 1 for the first: uint8 for up to 255 structures, else uint16.
///
/// # Errors
/// [`WriteNiftiError`], also where structures overlap.
pub fn write_labels(
    path: &Path,
    grid: &VoxelGrid,
    structures: &[NamedMask],
    overwrite: bool,
) -> Result<(), WriteNiftiError> {
    if structures.len() > usize::from(u16::MAX) {
        return Err(WriteNiftiError::TooManyLabels(structures.len()));
    }
    for (n, first) in structures.iter().enumerate() {
        for second in &structures[n + 1..] {
            let voxels = first.mask.intersection(second.mask).count();
            if voxels > 0 {
                let (first, second) = (first.name.to_owned(), second.name.to_owned());
                return Err(WriteNiftiError::Overlap { first, second, voxels });
            }
        }
    }
    let mut labels = vec![0u16; grid.voxel_count()];
    for (n, structure) in structures.iter().enumerate() {
        paint(grid, structure.mask, |at| labels[at] = n as u16 + 1);
    }
    let numbers = if structures.len() <= 255 {
        Numbers { code: 2, bits: 8, bytes: labels.iter().map(|l| *l as u8).collect() }
    } else {
        Numbers { code: 512, bits: 16, bytes: labels.iter().flat_map(|l| l.to_le_bytes()).collect() }
    };
    let [_, rows, columns] = grid.shape();
    put_labels(path, grid, &numbers, overwrite, &|[k, j, i]| labels[(k * rows + j) * columns + i])
}

/// Writes a CT as int16 in Hounsfield units.
///
/// # Errors
/// [`WriteNiftiError`]; slices must be evenly spaced.
pub fn write_ct(path: &Path, volume: &CtVolume, overwrite: bool) -> Result<(), WriteNiftiError> {
    let bytes = volume.hu.iter().flat_map(|hu| hu.to_le_bytes()).collect();
    let bytes = file_bytes(path, &volume.grid, &Numbers { code: 4, bits: 16, bytes })?;
    put_in_place(path, &bytes, overwrite, |file| {
        let read = read_ct(file).map_err(|e| e.to_string())?;
        same_place(&read.volume.grid, &volume.grid)?;
        let place = Flips::between(&read.volume.grid, &volume.grid);
        equal(&volume.grid, &|at| read.volume.hu[place.of(at)] == volume.hu[at])
    })?;
    Ok(())
}

/// The table of label names that belongs beside a label volume: its path and its text (`id,structure`).
pub fn label_table(labels: &Path, structures: &[NamedMask]) -> (PathBuf, String) {
    let mut text = "id,structure\n".to_owned();
    for (n, structure) in structures.iter().enumerate() {
        text.push_str(&format!("{},\"{}\"\n", n + 1, structure.name.replace('"', "\"\"")));
    }
    (labels.with_file_name(format!("{}.csv", file_stem(labels))), text)
}

/// Voxels ready for the file, i fastest.
struct Numbers {
    /// Data type code and bits of NIfTI.
    code: i16,
    bits: i16,
    bytes: Vec<u8>,
}

fn paint(grid: &VoxelGrid, mask: &Mask, mut set: impl FnMut(usize)) {
    let [_, rows, columns] = grid.shape();
    for (k, slice) in &mask.slices {
        for (j, i) in slice.voxels() {
            set((k * rows + j) * columns + i);
        }
    }
}

fn put_labels(
    path: &Path,
    grid: &VoxelGrid,
    numbers: &Numbers,
    overwrite: bool,
    label: &dyn Fn([usize; 3]) -> u16,
) -> Result<(), WriteNiftiError> {
    let bytes = file_bytes(path, grid, numbers)?;
    put_in_place(path, &bytes, overwrite, |file| {
        let read = read_labels(file).map_err(|e| e.to_string())?;
        same_place(&read.grid, grid)?;
        let place = Flips::between(&read.grid, grid);
        equal(grid, &|at| read.labels[place.of(at)] == label(at))
    })?;
    Ok(())
}

fn equal(grid: &VoxelGrid, same: &dyn Fn([usize; 3]) -> bool) -> Result<(), String> {
    let [slices, rows, columns] = grid.shape();
    let voxels = (0..slices).flat_map(|k| (0..rows).flat_map(move |j| (0..columns).map(move |i| [k, j, i])));
    match voxels.filter(|at| !same(*at)).count() {
        0 => Ok(()),
        different => Err(crate::tf!("{different} voxels differ", different)),
    }
}

/// A reader brings the axes into its own order: the voxel of the grid that was read for a voxel of ours.
struct Flips {
    first: DVec3,
    steps: DMat3,
}

impl Flips {
    fn between(read: &VoxelGrid, ours: &VoxelGrid) -> Self {
        let index = |k: usize, j: f64, i: f64| read.voxel_from_patient(ours.patient_from_voxel(k, j, i));
        let first = index(0, 0.0, 0.0);
        let along_k = if ours.slices() > 1 { index(1, 0.0, 0.0) - first } else { DVec3::ZERO };
        let steps = DMat3::from_cols(along_k, index(0, 1.0, 0.0) - first, index(0, 0.0, 1.0) - first);
        // Whole steps of one voxel, so that rounding of float32 does not add up.
        let steps = DMat3::from_cols(steps.x_axis.round(), steps.y_axis.round(), steps.z_axis.round());
        Self { first: first.round(), steps }
    }

    fn of(&self, [k, j, i]: [usize; 3]) -> [usize; 3] {
        let at = self.first + self.steps * DVec3::new(k as f64, j as f64, i as f64);
        [at.x as usize, at.y as usize, at.z as usize]
    }
}

/// The two grids have the same voxels, whatever the order of their axes.
fn same_place(read: &VoxelGrid, ours: &VoxelGrid) -> Result<(), String> {
    let mut sizes = [read.shape(), ours.shape()];
    for size in &mut sizes {
        size.sort_unstable();
    }
    if sizes[0] != sizes[1] {
        return Err(crate::words::t("its size differs").into());
    }
    let [slices, rows, columns] = ours.shape();
    for corner in 0..8 {
        let end = |bit: usize, n: usize| if corner >> bit & 1 == 1 { n - 1 } else { 0 };
        let p = ours.patient_from_voxel(end(0, slices), end(1, rows) as f64, end(2, columns) as f64);
        let index = read.voxel_from_patient(p);
        let nearest = index.round();
        let shape = read.shape();
        if (0..3).any(|a| nearest[a] < 0.0 || nearest[a] >= shape[a] as f64) {
            return Err(crate::words::t("a corner lies outside").into());
        }
        let off = (read.patient_from_voxel(nearest.x as usize, nearest.y, nearest.z) - p).length();
        // Even spacing and the float32 of the header.
        if off > EVEN_MM + 1e-3 {
            return Err(crate::tf!("a corner lies {off:.4} mm away", off));
        }
    }
    Ok(())
}

/// The distance between slices; refused where they are not even.
fn slice_spacing_mm(grid: &VoxelGrid) -> Result<f64, WriteNiftiError> {
    let p = grid.positions_mm();
    let last = p.len() - 1;
    if last == 0 {
        return Ok(grid.thickness_mm(0));
    }
    let spacing = (p[last] - p[0]) / last as f64;
    let off = |k: usize| (p[k] - p[0] - spacing * k as f64).abs();
    let worst = (0..=last).max_by(|a, b| off(*a).total_cmp(&off(*b))).unwrap_or(0);
    if off(worst) > EVEN_MM {
        return Err(WriteNiftiError::UnevenSlices { slice: worst + 1, off_mm: off(worst) });
    }
    Ok(spacing)
}

fn file_bytes(path: &Path, grid: &VoxelGrid, numbers: &Numbers) -> Result<Vec<u8>, WriteNiftiError> {
    let name = path.file_name().map(|n| n.to_string_lossy().to_lowercase()).unwrap_or_default();
    let is_packed = name.ends_with(".nii.gz");
    if !is_packed && Path::new(&name).extension().is_none_or(|e| e != "nii") {
        return Err(WriteNiftiError::Name(path.to_owned()));
    }
    let header = header_bytes(grid, numbers)?;
    if !is_packed {
        return Ok([header.as_slice(), &numbers.bytes].concat());
    }
    let mut packed = GzEncoder::new(Vec::new(), Compression::default());
    packed.write_all(&header).and_then(|()| packed.write_all(&numbers.bytes)).map_err(WriteNiftiError::Pack)?;
    packed.finish().map_err(WriteNiftiError::Pack)
}

/// The header and the four bytes that say that no extension follows.
fn header_bytes(grid: &VoxelGrid, numbers: &Numbers) -> Result<[u8; 352], WriteNiftiError> {
    let slice_mm = slice_spacing_mm(grid)?;
    let [slices, rows, columns] = grid.shape();
    let mut h = [0u8; 352];
    let i16_at = |h: &mut [u8; 352], at: usize, x: i16| h[at..at + 2].copy_from_slice(&x.to_le_bytes());
    let f32_at = |h: &mut [u8; 352], at: usize, x: f64| h[at..at + 4].copy_from_slice(&(x as f32).to_le_bytes());
    h[0..4].copy_from_slice(&348i32.to_le_bytes());
    for (n, size) in [3, columns, rows, slices, 1, 1, 1, 1].into_iter().enumerate() {
        let size16 = i16::try_from(size).map_err(|_too_large| WriteNiftiError::TooLarge(size))?;
        i16_at(&mut h, 40 + 2 * n, size16);
    }
    i16_at(&mut h, 70, numbers.code);
    i16_at(&mut h, 72, numbers.bits);
    // The axes are right-handed, as those of the patient: qfac (pixdim[0]) is 1.
    for (n, mm) in [1.0, grid.spacing_i_mm(), grid.spacing_j_mm(), slice_mm].into_iter().enumerate() {
        f32_at(&mut h, 76 + 4 * n, mm);
    }
    f32_at(&mut h, 108, 352.0);
    f32_at(&mut h, 112, 1.0);
    // Millimetres.
    h[123] = 2;
    let about = crate::PROGRAM.as_bytes();
    h[148..148 + about.len().min(79)].copy_from_slice(&about[..about.len().min(79)]);
    // Both codes: scanner coordinates.
    i16_at(&mut h, 252, 1);
    i16_at(&mut h, 254, 1);
    let ras = super::axes::lps;
    let [i, j, n] = [grid.i_direction(), grid.j_direction(), grid.normal()].map(ras);
    let origin = ras(grid.patient_from_voxel(0, 0.0, 0.0));
    let q = DQuat::from_mat3(&DMat3::from_cols(i, j, n)).normalize();
    let q = if q.w < 0.0 { -q } else { q };
    for (m, x) in [q.x, q.y, q.z, origin.x, origin.y, origin.z].into_iter().enumerate() {
        f32_at(&mut h, 256 + 4 * m, x);
    }
    let columns = [i * grid.spacing_i_mm(), j * grid.spacing_j_mm(), n * slice_mm, origin];
    for r in 0..3 {
        for (c, column) in columns.iter().enumerate() {
            // No negative zeros: they would differ between programs that compare bytes.
            f32_at(&mut h, 280 + 16 * r + 4 * c, column[r] + 0.0);
        }
    }
    h[344..348].copy_from_slice(b"n+1\0");
    Ok(h)
}
