//! Promises about contours: real structure sets become the voxels and volumes that others found for them.

use crate::support::test_data;
use dicom_dictionary_std::tags;
use dicom_object::{InMemDicomObject, open_file};
use glam::DVec3;
use hilum::contour::{BooleanOp, Mask, Ring, SliceContours, area_mm2, boolean, capsule, contours_from_mask, rasterize};
use hilum::geometry::VoxelGrid;
use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

/// The contours of every ROI of a structure set by name, in patient coordinates.
fn rois(path: &Path) -> BTreeMap<String, Vec<Vec<DVec3>>> {
    let file = open_file(path).expect("a structure set");
    let items = |o: &InMemDicomObject, tag| {
        o.get(tag).and_then(|e| e.items()).map(<[InMemDicomObject]>::to_vec).unwrap_or_default()
    };
    let number = |o: &InMemDicomObject, tag| o.element(tag).expect("a number").to_int::<i32>().expect("a number");
    let names: BTreeMap<i32, String> = items(&file, tags::STRUCTURE_SET_ROI_SEQUENCE)
        .iter()
        .map(|roi| {
            let name = roi.element(tags::ROI_NAME).expect("a name").to_str().expect("text").trim().to_owned();
            (number(roi, tags::ROI_NUMBER), name)
        })
        .collect();
    let points = |contour: &InMemDicomObject| {
        let data = contour.element(tags::CONTOUR_DATA).expect("points").to_multi_float64().expect("numbers");
        data.chunks_exact(3).map(DVec3::from_slice).collect::<Vec<_>>()
    };
    items(&file, tags::ROI_CONTOUR_SEQUENCE)
        .iter()
        .map(|roi| {
            let contours = items(roi, tags::CONTOUR_SEQUENCE).iter().map(points).collect();
            (names[&number(roi, tags::REFERENCED_ROI_NUMBER)].clone(), contours)
        })
        .collect()
}

/// The contours of one ROI by slice of an axial grid.
fn by_slice(grid: &VoxelGrid, contours: &[Vec<DVec3>]) -> BTreeMap<usize, Arc<SliceContours>> {
    let mut slices: BTreeMap<usize, SliceContours> = BTreeMap::new();
    for (n, contour) in contours.iter().enumerate() {
        let k = grid.slice_within_half_spacing(contour[0].dot(grid.normal())).expect("a contour on a slice");
        let points = contour.iter().map(|p| grid.plane_from_patient(*p).0);
        slices.entry(k).or_default().rings.push(Ring::imported(points, n as u32));
    }
    slices.into_iter().map(|(k, c)| (k, Arc::new(c))).collect()
}

/// The grid of an axial CT folder.
fn ct_grid(folder: &Path) -> VoxelGrid {
    let mut positions = Vec::new();
    let mut first = None;
    for entry in std::fs::read_dir(folder).expect("a folder of slices") {
        let file = open_file(entry.expect("a file").path()).expect("a slice");
        let numbers = |tag| file.element(tag).expect("present").to_multi_float64().expect("numbers");
        let size = |tag| file.element(tag).expect("present").to_int::<usize>().expect("a number");
        let origin = DVec3::from_slice(&numbers(tags::IMAGE_POSITION_PATIENT));
        positions.push(origin.z);
        let spacing = numbers(tags::PIXEL_SPACING);
        first.get_or_insert((origin, [spacing[1], spacing[0]], [size(tags::COLUMNS), size(tags::ROWS)]));
    }
    positions.sort_by(f64::total_cmp);
    let (origin, spacing, size) = first.expect("at least one slice");
    VoxelGrid::new(origin, DVec3::X, DVec3::Y, spacing, size, positions).expect("valid grid")
}

/// The voxels that are not zero in a NIfTI-1 file of one byte a voxel, `(k, j, i)` in the order of the file, and its shape `[k, j, i]`.
fn nifti_voxels(path: &Path) -> ([usize; 3], Vec<[usize; 3]>) {
    let mut bytes = Vec::new();
    let packed = std::fs::File::open(path).expect("a NIfTI file");
    flate2::read::GzDecoder::new(packed).read_to_end(&mut bytes).expect("gzip data");
    let short = |at: usize| i16::from_le_bytes([bytes[at], bytes[at + 1]]);
    let float = |at: usize| f32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"));
    assert_eq!((short(40), short(70), short(72)), (3, 2, 8), "three axes of unsigned bytes");
    let [ni, nj, nk] = [short(42) as usize, short(44) as usize, short(46) as usize];
    let data = &bytes[float(108) as usize..];
    let voxels = (0..ni * nj * nk).filter(|&n| data[n] != 0).map(|n| [n / (ni * nj), n / ni % nj, n % ni]).collect();
    ([nk, nj, ni], voxels)
}

#[test]
fn a_tumour_becomes_exactly_the_voxels_of_an_independent_mask() {
    let Some(case) = test_data("sts012-ct") else { return };
    let grid = ct_grid(&case.join("ct"));
    assert_eq!(grid.shape(), [53, 155, 159]);
    let rois = rois(&case.join("rtstruct/RS.dcm"));
    let contours = &rois["GTV_Mass_CT"];
    assert_eq!(contours.len(), 22);
    let slices = by_slice(&grid, contours);
    assert_eq!(slices.len(), 21);
    let mask = rasterize(&grid, &slices);

    let (shape, voxels) = nifti_voxels(&case.join("nifti/CT_mask.nii.gz"));
    assert_eq!(shape, grid.shape());
    let mut dense = ndarray::Array3::from_elem(shape, false);
    for [k, j, i] in voxels {
        dense[[k, j, i]] = true;
    }
    let reference = Mask::from_dense(&dense);
    let different = mask.combine(&reference, |a, b| a ^ b).count();
    assert_eq!(different, 0, "of {} voxels", reference.count());
    assert!((mask.volume_cm3(&grid) - 78.783).abs() < 5e-4, "{}", mask.volume_cm3(&grid));

    // Outlines drawn around these voxels are smooth, and still mean the same voxels.
    let outlines = contours_from_mask(&grid, &mask);
    assert_eq!(rasterize(&grid, &outlines), mask);
    let area = |slices: &BTreeMap<usize, Arc<SliceContours>>| slices.values().map(|c| area_mm2(c)).sum::<f64>();
    assert!((area(&outlines) / area(&slices) - 1.0).abs() < 0.01);
    let length = |slices: &BTreeMap<usize, Arc<SliceContours>>| {
        slices.values().flat_map(|c| &c.rings).map(Ring::perimeter_mm).sum::<f64>()
    };
    // A staircase would be a quarter longer than the drawn outline.
    let ratio = length(&outlines) / length(&slices);
    assert!((0.93..1.02).contains(&ratio), "{ratio}");
}

#[test]
fn planar_volumes_of_a_clinical_set_with_holes_are_the_published_ones() {
    let Some(case) = test_data("dicompyler-breast") else { return };
    let rois = rois(&case.join("rtss.dcm"));
    let planes = |name: &str| {
        let mut planes: BTreeMap<i64, SliceContours> = BTreeMap::new();
        for (n, contour) in rois[name].iter().enumerate() {
            let ring = Ring::imported(contour.iter().map(|p| [p.x, p.y]), n as u32);
            planes.entry((contour[0].z * 100.0).round() as i64).or_default().rings.push(ring);
        }
        planes
    };
    for (name, slices, cm3) in [("Heart", 33, 432.84104445), ("Lt Lung", 80, 1995.1847937)] {
        let planes = planes(name);
        assert_eq!(planes.len(), slices);
        // dicompyler-core (tests/test_dicomparser.py) takes half of the first and of the last plane, in the order of
        // their positions as text ("-11.440" comes before "-98.440"), and rounds each of those rings down to mm2.
        let text = |z: &i64| format!("{:.2}0", *z as f64 / 100.0);
        let mut order: Vec<&i64> = planes.keys().collect();
        order.sort_by_key(|z| text(z));
        let half = |contours: &SliceContours| {
            let all = &contours.rings;
            let sign = |ring: &Ring| {
                let others = SliceContours::new(all.iter().filter(|r| *r != ring).cloned().collect());
                if others.contains(ring.points()[0]) { -1.0 } else { 1.0 }
            };
            all.iter().map(|r| sign(r) * (r.signed_area_mm2().abs() / 2.0).floor()).sum::<f64>()
        };
        let ends = [order[0], order[slices - 1]];
        let area = |(z, contours): (&i64, &SliceContours)| {
            if ends.contains(&z) { half(contours) } else { area_mm2(contours) }
        };
        let found = planes.iter().map(area).sum::<f64>() * 3.0 / 1000.0;
        assert!((found - cm3).abs() < 1e-3, "{name}: {found} for {cm3} cm3");
    }
}

#[test]
fn a_stroke_on_a_real_contour_moves_only_what_it_touches() {
    let Some(case) = test_data("dicompyler-breast") else { return };
    let rois = rois(&case.join("rtss.dcm"));
    let mut checked = 0;
    for name in ["Lt Lung", "BODY", "Breast"] {
        let mut planes: BTreeMap<i64, SliceContours> = BTreeMap::new();
        for (n, contour) in rois[name].iter().enumerate() {
            let ring = Ring::imported(contour.iter().map(|p| [p.x, p.y]), n as u32);
            planes.entry((contour[0].z * 100.0).round() as i64).or_default().rings.push(ring);
        }
        for subject in planes.values() {
            let start = subject.rings[0].points()[0];
            let stroke = SliceContours::new(vec![capsule(start, [start[0] + 4.0, start[1] - 3.0], 5.0)]);
            for op in [BooleanOp::Union, BooleanOp::Difference] {
                let after = boolean(subject, &stroke, op);
                for ring in &subject.rings {
                    let [low, high] = ring.bounds().expect("points");
                    let [from, to] = stroke.bounds().expect("points");
                    let apart = (0..2).any(|a| low[a] > to[a] || high[a] < from[a]);
                    if apart {
                        assert!(after.rings.contains(ring));
                    }
                    // Vertices beyond the stroke are there to the last bit.
                    for p in ring.points() {
                        let beyond = (0..2).any(|a| p[a] > to[a] + 0.1 || p[a] < from[a] - 0.1);
                        assert!(!beyond || after.rings.iter().any(|r| r.points().contains(p)), "{name}: {p:?}");
                    }
                }
                let expected = area_mm2(subject) + if op == BooleanOp::Union { area_mm2(&stroke) } else { 0.0 }
                    - area_mm2(&boolean(subject, &stroke, BooleanOp::Intersection));
                assert!((area_mm2(&after) - expected).abs() < 0.05);
                checked += 1;
            }
        }
    }
    assert_eq!(checked, 2 * (80 + 98 + 47));
}
