//! NIfTI in and out: real files against their DICOM twins, files of other programs, any order of axes,
//! and damage that is named.

use crate::support::test_data;
use flate2::{Compression, write::GzEncoder};
use glam::{DMat3, DVec3};
use hilum::contour::{Mask, rasterize};
use hilum::dicom::{load_ct, load_structure_set, scan};
use hilum::geometry::VoxelGrid;
use hilum::image::CtVolume;
use hilum::nifti::{
    LabelNames, NamedMask, NiftiError, OntoGridError, Placement, WriteNiftiError, is_nifti, label_table, read_ct,
    read_labels, write_ct, write_labels, write_mask,
};
use hilum::progress::Silent;
use hilum::structures::Role;
use ndarray::Array3;
use proptest::prelude::*;
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;

/// What a made file holds; the fields of the header by their names in nifti1.h.
struct Made {
    version: u8,
    big_endian: bool,
    dim: [i64; 8],
    data_type: i16,
    scl: [f64; 2],
    qform: Option<[f64; 6]>,
    sform: Option<[[f64; 4]; 3]>,
    pixdim: [f64; 4],
    units: u8,
    extension: Vec<u8>,
    data: Vec<u8>,
}

impl Made {
    fn new(size: [usize; 3], sform: [[f64; 4]; 3], data_type: i16, data: Vec<u8>) -> Self {
        let [x, y, z] = size.map(|n| n as i64);
        Self {
            version: 1,
            big_endian: false,
            dim: [3, x, y, z, 1, 1, 1, 1],
            data_type,
            scl: [1.0, 0.0],
            qform: None,
            sform: Some(sform),
            pixdim: [1.0; 4],
            units: 2,
            extension: Vec::new(),
            data,
        }
    }

    fn bytes(&self) -> Vec<u8> {
        let first = self.version == 1;
        let length = if first { 348 } else { 540 };
        let mut h = vec![0u8; length + 4];
        let mut put = |at: usize, little: &[u8]| {
            let mut b = little.to_vec();
            if self.big_endian {
                b.reverse();
            }
            h[at..at + b.len()].copy_from_slice(&b);
        };
        let real = |x: f64| if first { (x as f32).to_le_bytes().to_vec() } else { x.to_le_bytes().to_vec() };
        let step = if first { 4 } else { 8 };
        put(0, &(length as i32).to_le_bytes());
        for (n, d) in self.dim.iter().enumerate() {
            if first { put(40 + 2 * n, &(*d as i16).to_le_bytes()) } else { put(16 + 8 * n, &d.to_le_bytes()) }
        }
        put(if first { 70 } else { 12 }, &self.data_type.to_le_bytes());
        for (n, d) in self.pixdim.iter().enumerate() {
            put(if first { 76 } else { 104 } + step * n, &real(*d));
        }
        let offset = length + 4 + self.extension.len();
        if first {
            put(108, &(offset as f32).to_le_bytes());
        } else {
            put(168, &(offset as i64).to_le_bytes());
        }
        for (n, s) in self.scl.iter().enumerate() {
            put(if first { 112 } else { 176 } + step * n, &real(*s));
        }
        let mut code = |at: [usize; 2], on: bool| {
            if first { put(at[0], &i16::from(on).to_le_bytes()) } else { put(at[1], &i32::from(on).to_le_bytes()) }
        };
        code([252, 344], self.qform.is_some());
        code([254, 348], self.sform.is_some());
        for (n, q) in self.qform.unwrap_or_default().iter().enumerate() {
            put(if first { 256 } else { 352 } + step * n, &real(*q));
        }
        for (r, row) in self.sform.unwrap_or_default().iter().enumerate() {
            for (c, x) in row.iter().enumerate() {
                put(if first { 280 } else { 400 } + step * (4 * r + c), &real(*x));
            }
        }
        if first {
            put(123, &[self.units]);
        } else {
            put(500, &i32::from(self.units).to_le_bytes());
        }
        let (at, magic) = if first { (344, b"n+1\0") } else { (4, b"n+2\0") };
        h[at..at + 4].copy_from_slice(magic);
        h.extend_from_slice(&self.extension);
        h.extend_from_slice(&self.data);
        h
    }
}

fn gz(bytes: &[u8]) -> Vec<u8> {
    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    packed.write_all(bytes).expect("packed");
    packed.finish().expect("packed")
}

/// Calls `f` with a file of these bytes.
fn with_file<T>(name: &str, bytes: &[u8], f: impl FnOnce(&Path) -> T) -> T {
    let folder = tempfile::tempdir().expect("temporary folder");
    let path = folder.path().join(name);
    std::fs::write(&path, bytes).expect("written");
    f(&path)
}

const AXIAL: [[f64; 4]; 3] = [[-2.0, 0.0, 0.0, 30.0], [0.0, -3.0, 0.0, 40.0], [0.0, 0.0, 4.0, -50.0]];

#[test]
fn a_real_mask_is_exactly_the_rasterized_structure_set() {
    let Some(folder) = test_data("sts012-ct") else { return };
    let found = scan(std::slice::from_ref(&folder), &Silent).expect("a CT");
    let ct = load_ct(&found.series[0], &Silent, &mut |_| {}).expect("loads");
    let set = load_structure_set(&found.structure_sets[0].path, &ct.volume.grid, &ct.meta, 0).expect("loads");
    let by_contours = rasterize(&ct.volume.grid, &set.rois[0].slices);
    let path = folder.join("nifti/CT_mask.nii.gz");
    assert!(is_nifti(&path) && !is_nifti(&found.structure_sets[0].path));
    let labels = read_labels(&path).expect("loads");
    assert_eq!((labels.placement, &labels.notes), (Placement::Qform, &Vec::new()));
    let on_ct = labels.onto_grid(&ct.volume.grid).expect("fits");
    assert!(on_ct.exact && on_ct.volume.notes.is_empty(), "{:?}", on_ct.volume.notes);
    assert_eq!(on_ct.volume.masks()[&1], by_contours);
    // And back to contours, which hold the same voxels.
    let rois = on_ct.volume.rois(&LabelNames::default(), &path);
    assert_eq!((rois.rois.len(), rois.voxels_different, rois.rois[0].name.as_str()), (1, 0, "CT_mask"));
    assert_eq!(rasterize(&ct.volume.grid, &rois.rois[0].slices), by_contours);

    let image = read_ct(&folder.join("nifti/CT_image.nii.gz")).expect("loads");
    assert_eq!(image.volume.hu, ct.volume.hu);
    assert!(image.notes.is_empty(), "{:?}", image.notes);
}

#[test]
fn the_orientation_phantom_has_the_voxels_and_axes_of_its_dicom_twin() {
    let Some(folder) = test_data("ibsi2-orientation") else { return };
    let found = scan(&[folder.join("dicom")], &Silent).expect("a CT");
    let ct = load_ct(&found.series[0], &Silent, &mut |_| {}).expect("loads").volume;
    let twin = read_ct(&folder.join("nifti/image/orientation.nii.gz")).expect("loads");
    let (a, b) = (&ct.grid, &twin.volume.grid);
    assert_eq!((a.shape(), b.shape()), ([64, 48, 32], [64, 48, 32]));
    assert_eq!((b.i_direction(), b.j_direction(), b.normal()), (DVec3::X, DVec3::Y, DVec3::Z));
    // The twin counts z upwards from 0 where the DICOM positions go down to -126 mm: both say it themselves.
    assert_eq!((a.positions_mm()[0], b.positions_mm()[63]), (-126.0, 126.0));
    for ((k, j, i), hu) in twin.volume.hu.indexed_iter() {
        assert_eq!(*hu, ct.hu[[63 - k, j, i]], "{k} {j} {i}");
    }
    // Not in Hounsfield units, and said so.
    assert!(twin.notes.iter().any(|n| n.contains("Hounsfield")), "{:?}", twin.notes);
}

#[test]
fn a_whole_thorax_with_organ_labels_has_its_published_volumes() {
    let Some(folder) = test_data("lidc0001-organs") else { return };
    let ct = read_ct(&folder.join("cxr.nii.gz")).expect("loads");
    let path = folder.join("mask.nii.gz");
    let labels = read_labels(&path).expect("loads").onto_grid(&ct.volume.grid).expect("fits");
    assert!(labels.exact && labels.volume.notes.is_empty() && ct.notes.is_empty(), "{:?}", ct.notes);
    let grid = &ct.volume.grid;
    assert_eq!(grid.shape(), [133, 512, 512]);
    assert_eq!((grid.i_direction(), grid.j_direction(), grid.normal()), (DVec3::X, DVec3::Y, DVec3::Z));
    assert_eq!((grid.position_mm(0), grid.position_mm(132)), (-340.0, -10.0));
    let table = LabelNames::table_beside(&path).expect("structures.csv");
    let names = LabelNames::read_csv(&table).expect("loads");
    let rois = labels.volume.rois(&names, &path);
    assert_eq!((rois.rois.len(), rois.voxels_different), (89, 0));
    assert!(rois.notes.is_empty(), "{:?}", rois.notes);
    for (name, cm3) in
        [("heart", 370.4), ("aorta", 188.4), ("esophagus", 26.2), ("trachea", 24.7), ("spinal_cord", 50.5)]
    {
        let roi = rois.rois.iter().find(|r| r.name == name).expect("there");
        let found = rasterize(grid, &roi.slices).volume_cm3(grid);
        assert!((found - cm3).abs() < 0.1, "{name}: {found}");
        assert_eq!(roi.role, Role::Organ, "{name}");
    }
    // The heart lies to the left of the spine, below the upper end of the trachea, and in front.
    let center = |name: &str| {
        let roi = rois.rois.iter().find(|r| r.name == name).expect("there");
        let mask = rasterize(grid, &roi.slices);
        let [low, high] = mask.bounds().expect("not empty");
        let middle = [0, 1, 2].map(|a| usize::midpoint(low[a], high[a]));
        grid.patient_from_voxel(middle[0], middle[1] as f64, middle[2] as f64)
    };
    let (heart, cord, trachea) = (center("heart"), center("spinal_cord"), center("trachea"));
    assert!(heart.x > cord.x && heart.y < cord.y && heart.z < trachea.z);

    // And out again.
    let folder = tempfile::tempdir().expect("temporary folder");
    let masks: Vec<(String, Mask)> = rois.rois.iter().map(|r| (r.name.clone(), rasterize(grid, &r.slices))).collect();
    let named: Vec<NamedMask> = masks.iter().map(|(name, mask)| NamedMask { name, mask }).collect();
    let target = folder.path().join("all.nii.gz");
    write_labels(&target, grid, &named, false).expect("written and proven");
    let (table, text) = label_table(&target, &named);
    std::fs::write(&table, text).expect("written");
    assert_eq!(LabelNames::table_beside(&target), Some(table.clone()));
    let again = read_labels(&target).expect("loads");
    let again = again.rois(&LabelNames::read_csv(&table).expect("loads"), &target);
    for (before, after) in masks.iter().zip(&again.rois) {
        assert_eq!((&before.0, &before.1), (&after.name, &rasterize(grid, &after.slices)));
    }
}

#[test]
fn files_of_every_kind_give_the_same_volume() {
    // Values 0 to 59, a step of one along x.
    let size = [5, 4, 3];
    let kinds: [(i16, fn(i32) -> Vec<u8>); 10] = [
        (2, |v| vec![v as u8]),
        (256, |v| vec![v as u8]),
        (4, |v| (v as i16).to_le_bytes().to_vec()),
        (512, |v| (v as u16).to_le_bytes().to_vec()),
        (8, |v| v.to_le_bytes().to_vec()),
        (768, |v| (v as u32).to_le_bytes().to_vec()),
        (1024, |v| i64::from(v).to_le_bytes().to_vec()),
        (1280, |v| (v as u64).to_le_bytes().to_vec()),
        (16, |v| (v as f32).to_le_bytes().to_vec()),
        (64, |v| f64::from(v).to_le_bytes().to_vec()),
    ];
    for (data_type, number) in kinds {
        for big_endian in [false, true] {
            for version in [1, 2] {
                let data = (0..60)
                    .flat_map(|v| {
                        let mut b = number(v);
                        if big_endian {
                            b.reverse();
                        }
                        b
                    })
                    .collect();
                let made = Made { version, big_endian, ..Made::new(size, AXIAL, data_type, data) };
                let what = format!("type {data_type}, big endian {big_endian}, version {version}");
                let plain = with_file("a.nii", &made.bytes(), |p| read_labels(p).expect(&what));
                let packed = with_file("a.nii.gz", &gz(&made.bytes()), |p| read_labels(p).expect(&what));
                assert_eq!(plain.labels, packed.labels, "{what}");
                let expected = Array3::from_shape_fn([3, 4, 5], |(k, j, i)| (20 * k + 5 * j + i) as u16);
                assert_eq!(plain.labels, expected, "{what}");
                assert_eq!(plain.grid.patient_from_voxel(0, 0.0, 0.0), DVec3::new(-30.0, -40.0, -50.0), "{what}");
                assert_eq!(plain.grid.median_spacing_mm(), 4.0, "{what}");
            }
        }
    }
}

#[test]
fn geometry_comes_from_the_sform_then_the_qform_then_the_voxel_sizes() {
    let data: Vec<u8> = (0..8).collect();
    let base = || Made::new([2, 2, 2], AXIAL, 2, data.clone());
    // A quaternion (0, 0, 1) turns half round z: x and y point to left and back, as in most CT files.
    let qform = Some([0.0, 0.0, 1.0, 10.0, 20.0, 30.0]);
    let read = |made: Made| with_file("a.nii", &made.bytes(), |p| read_labels(p).expect("loads"));
    let both = read(Made { qform, pixdim: [1.0, 5.0, 6.0, 7.0], ..base() });
    assert_eq!((both.placement, both.grid.spacing_i_mm()), (Placement::Sform, 2.0));
    assert!(both.notes.iter().any(|n| n.contains("sform and qform")), "{:?}", both.notes);
    let quaternion = read(Made { qform, sform: None, pixdim: [1.0, 5.0, 6.0, 7.0], ..base() });
    assert_eq!((quaternion.placement, &quaternion.notes), (Placement::Qform, &Vec::new()));
    assert_eq!(quaternion.grid.patient_from_voxel(0, 0.0, 0.0), DVec3::new(-10.0, -20.0, 30.0));
    assert_eq!(quaternion.grid.patient_from_voxel(1, 1.0, 1.0), DVec3::new(-5.0, -14.0, 37.0));
    // qfac -1: the third axis runs down; the last plane comes first.
    let mirrored = read(Made { qform, sform: None, pixdim: [-1.0, 5.0, 6.0, 7.0], ..base() });
    assert_eq!(mirrored.grid.patient_from_voxel(0, 0.0, 0.0), DVec3::new(-10.0, -20.0, 23.0));
    assert_eq!(mirrored.labels[[0, 0, 0]], 4);
    let sizes = read(Made { sform: None, pixdim: [1.0, 5.0, 6.0, 7.0], ..base() });
    assert_eq!(sizes.placement, Placement::Pixdim);
    assert!(sizes.notes[0].contains("not known"), "{:?}", sizes.notes);
    // Right and front are the negative ends of the DICOM axes: columns and rows turn round.
    assert_eq!(sizes.labels[[0, 0, 0]], 3);
    let metres = read(Made { units: 1, sform: Some(AXIAL.map(|r| r.map(|x| x / 1000.0))), ..base() });
    assert!((metres.grid.spacing_i_mm() - 2.0).abs() < 1e-6 && metres.notes[0].contains("metres"));
}

#[test]
fn headers_of_nibabel_give_what_nibabel_gives() {
    // The numbers below come from nibabel 5.4.2:
    //   import nibabel as nib, numpy as np
    //   a, b = np.deg2rad(20), np.deg2rad(-35)
    //   rx = np.array([[1,0,0],[0,np.cos(a),-np.sin(a)],[0,np.sin(a),np.cos(a)]])
    //   rz = np.array([[np.cos(b),-np.sin(b),0],[np.sin(b),np.cos(b),0],[0,0,1]])
    //   A = np.eye(4); A[:3,:3] = (rz @ rx) @ np.diag([-0.8, 1.1, 2.5]); A[:3,3] = [12.5, -33.25, 140]
    //   img = nib.Nifti1Image(np.zeros((7, 6, 5), np.int16), A)
    //   img.set_qform(A, 1); img.set_sform(None, 0)
    //   h = img.header
    //   print([float(h[k]) for k in ('quatern_b','quatern_c','quatern_d','qoffset_x','qoffset_y','qoffset_z')])
    //   print(h['pixdim'][:4], h.get_best_affine() @ [6, 5, 4, 1])
    let quaternion = [0.296_137_392_520_904_54, 0.939_227_819_442_749, 0.165_611_207_485_198_97, 12.5, -33.25, 140.0];
    let made = Made {
        qform: Some(quaternion),
        sform: None,
        pixdim: [-1.0, 0.8, 1.1, 2.5],
        ..Made::new([7, 6, 5], AXIAL, 4, vec![0; 7 * 6 * 5 * 2])
    };
    let labels = with_file("a.nii", &made.bytes(), read_labels).expect("loads");
    let grid = &labels.grid;
    let corners = (0..8).map(|c| {
        let end = |bit: usize, n: usize| if c >> bit & 1 == 1 { n - 1 } else { 0 };
        let [nk, nj, ni] = grid.shape();
        grid.patient_from_voxel(end(0, nk), end(1, nj) as f64, end(2, ni) as f64)
    });
    for golden in [[12.5, -33.25, 140.0], [9.570_732_43, -29.064_862_44, 151.278_032_5]] {
        let golden = DVec3::new(-golden[0], -golden[1], golden[2]);
        let off = corners.clone().map(|c| (c - golden).length()).fold(f64::INFINITY, f64::min);
        assert!(off < 1e-4, "{golden} is {off} mm from any corner");
    }
}

/// A random way to lay a volume into a file: an order of the axes, flips, a rotation of the patient.
fn any_layout() -> impl Strategy<Value = ([usize; 3], [bool; 3], [f64; 3])> {
    let order = Just([0usize, 1, 2]).prop_shuffle();
    // Up to 20 degrees about each axis: beyond 45 the nearest axes are others.
    (order, proptest::array::uniform3(any::<bool>()), proptest::array::uniform3(-0.35..0.35f64))
}

proptest! {
    #[test]
    fn any_order_and_direction_of_axes_gives_the_same_places((order, flips, angles) in any_layout(), oblique: bool) {
        let angles = if oblique { angles } else { [0.0; 3] };
        let turn = DMat3::from_rotation_x(angles[0]) * DMat3::from_rotation_y(angles[1]) * DMat3::from_rotation_z(angles[2]);
        let spacing = [0.9, 1.3, 2.7];
        let size = [6, 5, 4];
        let directions: [DVec3; 3] = [turn.x_axis, turn.y_axis, turn.z_axis];
        // Axis a of the file runs along the patient's axis order[a].
        let file_size = order.map(|g| size[g]);
        let columns: [DVec3; 3] = std::array::from_fn(|a| {
            directions[order[a]] * spacing[order[a]] * if flips[a] { -1.0 } else { 1.0 }
        });
        let origin = DVec3::new(-12.0, 34.0, -56.0);
        let data: Vec<u8> = (0..120).collect();
        let sform: [[f64; 4]; 3] = std::array::from_fn(|r| [columns[0][r], columns[1][r], columns[2][r], origin[r]]);
        for version in [1, 2] {
            let made = Made { version, ..Made::new(file_size, sform, 2, data.clone()) };
            let labels = with_file("a.nii", &made.bytes(), read_labels).expect("loads");
            let grid = &labels.grid;
            for (n, value) in data.iter().enumerate() {
                let at = [n % file_size[0], n / file_size[0] % file_size[1], n / file_size[0] / file_size[1]];
                let ras = origin + (0..3).map(|a| columns[a] * at[a] as f64).sum::<DVec3>();
                let lps = DVec3::new(-ras.x, -ras.y, ras.z);
                let voxel = grid.voxel_from_patient(lps);
                prop_assert!((voxel - voxel.round()).abs().max_element() < 1e-3, "{voxel}");
                let [k, j, i] = [voxel.x, voxel.y, voxel.z].map(|x| x.round() as usize);
                prop_assert_eq!(labels.labels[[k, j, i]], u16::from(*value));
            }
            prop_assert!(grid.i_direction().x > 0.6 && grid.j_direction().y > 0.6 && grid.normal().z > 0.6);
            prop_assert!(labels.notes.is_empty(), "{:?}", labels.notes);
        }
    }

    #[test]
    fn labels_find_their_voxels_on_a_grid_that_runs_another_way((order, flips, _) in any_layout()) {
        let spacing = [0.9, 1.3, 2.7];
        let size = [6, 5, 4];
        let unit = [DVec3::X, DVec3::Y, DVec3::Z];
        let columns: [DVec3; 3] = std::array::from_fn(|a| unit[order[a]] * spacing[order[a]] * if flips[a] { -1.0 } else { 1.0 });
        let file_size = order.map(|g| size[g]);
        let sform: [[f64; 4]; 3] = std::array::from_fn(|r| [columns[0][r], columns[1][r], columns[2][r], 7.0]);
        let made = Made::new(file_size, sform, 2, (1..121).collect());
        let labels = with_file("a.nii", &made.bytes(), read_labels).expect("loads");
        // A sagittal scan, head to feet and back to front.
        let corner = labels.grid.patient_from_voxel(labels.grid.slices() - 1, labels.grid.rows() as f64 - 1.0, 0.0);
        let [nk, nj, ni] = labels.grid.shape();
        let [dk, dj, di] = [labels.grid.median_spacing_mm(), labels.grid.spacing_j_mm(), labels.grid.spacing_i_mm()];
        let (i, j) = (-DVec3::Z, -DVec3::Y);
        let positions = (0..ni).map(|n| (corner + DVec3::X * (n as f64 * di)).dot(i.cross(j)));
        let mut positions: Vec<f64> = positions.collect();
        let start = if i.cross(j).x < 0.0 { corner + DVec3::X * ((ni - 1) as f64 * di) } else { corner };
        positions.sort_by(f64::total_cmp);
        let target = VoxelGrid::new(start, i, j, [dk, dj], [nk, nj], positions).expect("a grid");
        let target = Arc::new(target);
        let on = labels.onto_grid(&target).expect("fits");
        prop_assert!(on.exact, "{:?}", on.volume.notes);
        for ((k, j, i), label) in on.volume.labels.indexed_iter() {
            let at = labels.grid.containing_voxel(target.patient_from_voxel(k, j as f64, i as f64)).expect("inside");
            prop_assert_eq!(*label, labels.labels[at]);
        }
    }

    #[test]
    fn masks_come_back_voxel_for_voxel(
        (_, _, angles) in any_layout(),
        dense in proptest::collection::vec(any::<bool>(), 4 * 5 * 70),
    ) {
        // A file without a label is refused when it is put on a grid.
        prop_assume!(dense.contains(&true));
        let turn = DMat3::from_rotation_x(angles[0]) * DMat3::from_rotation_y(angles[1]) * DMat3::from_rotation_z(angles[2]);
        let origin = DVec3::new(-101.3, 55.7, -400.1);
        let first = origin.dot(turn.z_axis);
        let grid = VoxelGrid::new(origin, turn.x_axis, turn.y_axis, [0.7, 0.8], [70, 5], (0..4).map(|k| first + 2.5 * f64::from(k)).collect());
        let grid = Arc::new(grid.expect("a grid"));
        let mask = Mask::from_dense(&Array3::from_shape_vec([4, 5, 70], dense).expect("the shape"));
        let folder = tempfile::tempdir().expect("temporary folder");
        let path = folder.path().join("a.nii.gz");
        write_mask(&path, &grid, &mask, false).expect("written and proven");
        let back = read_labels(&path).expect("loads").onto_grid(&grid).expect("fits");
        prop_assert!(back.exact, "{:?}", back.volume.notes);
        let masks = back.volume.masks();
        prop_assert_eq!(masks.get(&1), Some(&mask));
        // sform and qform agree: no note.
        prop_assert!(back.volume.notes.is_empty(), "{:?}", back.volume.notes);
    }

    #[test]
    fn damaged_bytes_are_refused_and_never_crash(
        at in 0usize..400, value: u8, cut in 0usize..500, packed: bool,
    ) {
        let mut bytes = Made::new([5, 4, 3], AXIAL, 2, vec![1; 60]).bytes();
        let at = at.min(bytes.len() - 1);
        bytes[at] = value;
        bytes.truncate(cut);
        let bytes = if packed { gz(&bytes) } else { bytes };
        // Whatever comes out, it comes out.
        with_file("a.nii.gz", &bytes, |p| {
            let _either = read_labels(p).map(|l| l.rois(&LabelNames::default(), p));
            let _either = read_ct(p);
            is_nifti(p)
        });
    }
}

fn refusal(bytes: &[u8]) -> String {
    let error = with_file("a.nii.gz", bytes, |p| read_labels(p).expect_err("refused").to_string());
    assert!(error.contains("a.nii.gz") && error.len() > 40, "{error}");
    error
}

#[test]
fn what_cannot_be_used_is_refused_with_the_reason() {
    let base = || Made::new([5, 4, 3], AXIAL, 2, vec![1; 60]);
    let sheared = [[-2.0, 0.3, 0.0, 0.0], [0.0, -3.0, 0.0, 0.0], [0.0, 0.0, 4.0, 0.0]];
    let flat = [[-2.0, 0.0, 0.0, 0.0], [0.0, -3.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0]];
    let broken = [[f64::NAN, 0.0, 0.0, 0.0], [0.0, -3.0, 0.0, 0.0], [0.0, 0.0, 4.0, 0.0]];
    for (made, reason) in [
        (Made { sform: Some(sheared), ..base() }, "right angles"),
        (Made { sform: Some(flat), ..base() }, "no extent along axis 3"),
        (Made { sform: Some(broken), ..base() }, "no number"),
        (Made { dim: [4, 5, 4, 3, 2, 1, 1, 1], ..base() }, "a series of 2 volumes"),
        (Made { dim: [3, 5, 0, 3, 1, 1, 1, 1], ..base() }, "dimension 2"),
        (Made { dim: [9, 5, 4, 3, 1, 1, 1, 1], ..base() }, "number of dimensions"),
        (Made { data_type: 128, ..base() }, "colors"),
        (Made { scl: [2.0, f64::NAN], ..base() }, "intercept"),
        (Made { scl: [0.5, 0.0], ..base() }, "0.5"),
        (Made { scl: [-1.0, 0.0], ..base() }, "-1"),
        (Made { data: vec![1; 59], ..base() }, "more than the file can hold"),
        (Made { dim: [3, 30000, 30000, 3, 1, 1, 1, 1], ..base() }, "more than the limit"),
    ] {
        let error = refusal(&made.bytes());
        assert!(error.contains(reason), "{reason}: {error}");
    }
    let whole = base().bytes();
    for cut in 0..whole.len() {
        refusal(&whole[..cut]);
    }
    let packed = gz(&whole);
    for cut in 0..packed.len() {
        refusal(&packed[..cut]);
    }
    let mut wrong_sum = packed.clone();
    let at = wrong_sum.len() - 6;
    wrong_sum[at] ^= 1;
    assert!(refusal(&wrong_sum).contains("damaged"));
    // A gzipped megabyte that promises a gigabyte: refused before memory is taken.
    let bomb = Made { dim: [3, 1024, 1024, 1000, 1, 1, 1, 1], ..base() };
    assert!(refusal(&gz(&bomb.bytes())).contains("more than the file can hold"));
    let mut pair = base().bytes();
    pair[344..348].copy_from_slice(b"ni1\0");
    assert!(refusal(&pair).contains(".hdr and .img"));
    assert!(refusal(b"not a volume at all, but long enough to be read").contains("no NIfTI"));
    let nowhere = read_ct(Path::new("/nowhere/a.nii")).expect_err("refused");
    assert!(matches!(nowhere, NiftiError::Io { .. }));
}

#[test]
fn labels_that_do_not_fit_are_moved_only_with_a_note() {
    let made = Made::new([5, 4, 3], AXIAL, 2, vec![1; 60]);
    let labels = with_file("a.nii", &made.bytes(), read_labels).expect("loads");
    let first = labels.grid.patient_from_voxel(0, 0.0, 0.0);
    let axial = |origin: DVec3, spacing: [f64; 3], size: [usize; 3]| {
        Arc::new(VoxelGrid::axial(origin, spacing, size).expect("a grid"))
    };
    let same = labels.onto_grid(&axial(first, [2.0, 3.0, 4.0], [5, 4, 3])).expect("fits");
    assert!(same.exact && same.volume.notes.is_empty());
    let shifted = labels.onto_grid(&axial(first + DVec3::X * 5e-4, [2.0, 3.0, 4.0], [5, 4, 3])).expect("fits");
    assert!(shifted.exact);
    let near = labels.onto_grid(&axial(first + DVec3::X * 0.4, [2.0, 3.0, 4.0], [5, 4, 3])).expect("fits");
    assert!(!near.exact && near.volume.notes[0].contains("0.400 mm"), "{:?}", near.volume.notes);
    let finer = labels.onto_grid(&axial(first, [1.0, 3.0, 4.0], [9, 4, 3])).expect("fits");
    assert!(!finer.exact && finer.volume.notes[0].contains("cm3"), "{:?}", finer.volume.notes);
    // The CT ends sooner: what remains is exact, what is lost is counted.
    let fewer = labels.onto_grid(&axial(first, [2.0, 3.0, 4.0], [5, 4, 2])).expect("fits");
    assert!(!fewer.exact && fewer.volume.notes[0].contains("20 of 60"), "{:?}", fewer.volume.notes);
    // A missing slice in the CT.
    let gap = VoxelGrid::new(first, DVec3::X, DVec3::Y, [2.0, 3.0], [5, 4], vec![first.z, first.z + 8.0]);
    let gap = labels.onto_grid(&Arc::new(gap.expect("a grid"))).expect("fits");
    assert!(gap.volume.notes[0].contains("20 of 60"), "{:?}", gap.volume.notes);
    let far = labels.onto_grid(&axial(first + DVec3::Z * 500.0, [2.0, 3.0, 4.0], [5, 4, 3]));
    assert_eq!(far.expect_err("refused"), OntoGridError::Elsewhere { voxels: 60 });
    let empty = Made::new([5, 4, 3], AXIAL, 2, vec![0; 60]);
    let empty = with_file("a.nii", &empty.bytes(), read_labels).expect("loads");
    assert_eq!(empty.onto_grid(&labels.grid).expect_err("refused"), OntoGridError::Empty);
}

#[test]
fn a_ct_is_written_and_comes_back_and_what_nifti_cannot_hold_is_refused() {
    let grid = Arc::new(VoxelGrid::axial(DVec3::new(-10.0, -20.0, 5.0), [0.9, 1.1, 2.5], [7, 6, 5]).expect("a grid"));
    let hu = Array3::from_shape_fn([5, 6, 7], |(k, j, i)| (500 * k + 70 * j + i) as i16 - 1024);
    let ct = CtVolume::new(Arc::clone(&grid), hu);
    let folder = tempfile::tempdir().expect("temporary folder");
    for name in ["ct.nii.gz", "ct.nii"] {
        let path = folder.path().join(name);
        write_ct(&path, &ct, false).expect("written and proven");
        let back = read_ct(&path).expect("loads");
        assert_eq!((&back.volume.hu, back.placement), (&ct.hu, Placement::Sform));
        assert!(back.notes.is_empty(), "{:?}", back.notes);
        assert!(matches!(write_ct(&path, &ct, false), Err(WriteNiftiError::Put(_))));
        write_ct(&path, &ct, true).expect("replaced");
    }
    let uneven =
        VoxelGrid::new(DVec3::ZERO, DVec3::X, DVec3::Y, [1.0; 2], [4, 4], vec![0.0, 3.0, 9.0]).expect("a grid");
    let mask = Mask::from_dense(&Array3::from_elem([3, 4, 4], true));
    let path = folder.path().join("m.nii.gz");
    let error = write_mask(&path, &uneven, &mask, false).expect_err("refused").to_string();
    assert!(error.contains("slice 2") && error.contains("1.50 mm"), "{error}");
    assert!(matches!(write_mask(&folder.path().join("m.dcm"), &grid, &mask, false), Err(WriteNiftiError::Name(_))));
    let [a, b] = [NamedMask { name: "A", mask: &mask }, NamedMask { name: "B", mask: &mask }];
    let error = write_labels(&path, &grid, &[a, b], false).expect_err("refused").to_string();
    assert!(error.contains("\"A\" and \"B\" share 48 voxels"), "{error}");
    assert_eq!(std::fs::read_dir(folder.path()).expect("readable").count(), 2);
}
