//! DICOM segmentations: files of another program are read voxel for voxel, ours pass the checker and come
//! back the same, and what does not fit is named.

// tests/fixtures/highdicom-*.dcm were made by highdicom with this program:
//
//   # pip install highdicom==0.28.2; python make_highdicom_seg.py OUT_DIR
//   import sys, numpy as np, highdicom as hd
//   from pydicom.dataset import Dataset, FileMetaDataset
//   from pydicom.uid import ExplicitVRLittleEndian
//   from highdicom.sr.coding import CodedConcept
//   def ct(k):
//       d = Dataset(); d.file_meta = FileMetaDataset(); d.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
//       d.SOPClassUID = '1.2.840.10008.5.1.4.1.1.2'; d.SOPInstanceUID = f'2.25.100{k}'
//       d.PatientID = 'T1'; d.PatientName = 'Test^Seg'; d.PatientBirthDate = ''; d.PatientSex = 'O'
//       d.StudyInstanceUID = '2.25.1'; d.SeriesInstanceUID = '2.25.2'; d.FrameOfReferenceUID = '2.25.3'
//       d.StudyID = '1'; d.StudyDate = '20200101'; d.StudyTime = '000000'; d.AccessionNumber = ''; d.ReferringPhysicianName = ''
//       d.Modality = 'CT'; d.Manufacturer = 'x'; d.ManufacturerModelName = 'x'; d.PositionReferenceIndicator = ''
//       d.Rows, d.Columns = 7, 9; d.PixelSpacing = [1.5, 1.25]; d.SliceThickness = 3
//       d.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]; d.ImagePositionPatient = [-5.5, 12.25, -30 + 3 * k]
//       d.InstanceNumber = k + 1
//       return d
//   images = [ct(k) for k in range(4)]
//   k, j, i = np.mgrid[0:4, 0:7, 0:9]
//   one = (i + 2 * j + 3 * k) % 5 == 0
//   one[2] = False                                 # a slice without voxels: no frame
//   two = (j >= 3) & (i < 6) & (k < 2)
//   code = lambda v, m: CodedConcept(v, 'SCT', m)
//   def segment(n, label, kind):
//       return hd.seg.SegmentDescription(n, label, code('91723000', 'Anatomical Structure'), kind,
//           hd.seg.SegmentAlgorithmTypeValues.AUTOMATIC,
//           hd.AlgorithmIdentificationSequence('Net', CodedConcept('123110', 'DCM', 'Artificial Intelligence'), '1'),
//           display_color=hd.color.CIELabColor(54.29, 80.81, 69.89))
//   def make(kind, array, name, **more):
//       s = hd.seg.Segmentation(images, array, kind,
//           [segment(1, 'Heart', code('80891009', 'Heart')), segment(2, 'Lung_L', code('39607008', 'Lung'))],
//           '2.25.4', 1, f'2.25.{5 if name == "binary" else 6}', 1, 'Hilum tests', 'test', '1', '1', series_description=name, **more)
//       s.save_as(f'{sys.argv[1]}/highdicom-{name}.dcm')
//   make('BINARY', np.stack([one, two], -1).astype(np.uint8), 'binary')
//   # A quarter, a half and the whole of the maximum of 200.
//   part = np.where(one, 1.0, np.where(two, 0.5, 0.25))
//   make('FRACTIONAL', np.stack([part, 0.25 * two], -1).astype(np.float32), 'fractional', max_fractional_value=200)
//
// The other way round, highdicom 0.28.2 read what `hilum seg` writes (4DLUNG-113, STS_012 and the demo case) with
// masks identical to `hilum nifti` of the same structures:
//
//   seg = hd.seg.segread('out.dcm')
//   for n in seg.segment_numbers:
//       volume = seg.get_volume(segment_numbers=[n], combine_segments=True)   # frames placed by position
//       nib.load(f'{seg.get_segment_description(n).segment_label}.nii.gz')    # compared through both affines

use crate::support::test_data;
use dicom_core::Tag;
use dicom_dictionary_std::tags;
use dicom_object::InMemDicomObject;
use glam::DVec3;
use hilum::contour::{Mask, contours_from_mask, rasterize};
use hilum::dicom::{
    CtMeta, SegmentationError, SegmentationRequest, SegmentationWriteError, Severity, load_ct, load_segmentation,
    load_structure_set, scan, write_segmentation,
};
use hilum::geometry::VoxelGrid;
use hilum::progress::Silent;
use hilum::structures::{Generation, Provenance, Roi, RoiId, Role, Station};
use ndarray::Array3;
use proptest::prelude::*;
use std::path::{Path, PathBuf};
use std::process::Command;

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

/// The CT of the program above.
fn small_ct() -> (VoxelGrid, CtMeta) {
    let grid = VoxelGrid::axial(DVec3::new(-5.5, 12.25, -30.0), [1.25, 1.5, 3.0], [9, 7, 4]).expect("a grid");
    let mut meta = CtMeta::synthetic("Test", 1, 4);
    meta.frame_of_reference_uid = "2.25.3".into();
    meta.series_instance_uid = "2.25.2".into();
    for (k, slice) in meta.slices.iter_mut().enumerate() {
        slice.sop_instance_uid = format!("2.25.100{k}");
    }
    (grid, meta)
}

fn mask(inside: impl Fn(usize, usize, usize) -> bool) -> Mask {
    Mask::from_dense(&Array3::from_shape_fn([4, 7, 9], |(k, j, i)| inside(k, j, i)))
}

fn one(k: usize, j: usize, i: usize) -> bool {
    (i + 2 * j + 3 * k).is_multiple_of(5) && k != 2
}

fn two(k: usize, j: usize, i: usize) -> bool {
    j >= 3 && i < 6 && k < 2
}

fn roi(name: &str, role: Role, grid: &VoxelGrid, mask: &Mask) -> Roi {
    let mut roi = Roi::new(RoiId(1), name, [230, 25, 40], role, Provenance::Drawn);
    roi.slices = contours_from_mask(grid, mask);
    roi
}

/// Error lines of dciodvfy; `None` where the tool is missing (a failure under CI).
fn dciodvfy_errors(path: &Path) -> Option<Vec<String>> {
    let Ok(output) = Command::new("dciodvfy").arg(path).output() else {
        assert!(std::env::var_os("CI").is_none(), "dciodvfy is missing: apt install dicom3tools");
        eprintln!("skipped: dciodvfy is not installed");
        return None;
    };
    let lines = String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout);
    assert!(lines.contains("Segmentation"), "dciodvfy knows what it is: {lines}");
    Some(lines.lines().filter(|l| l.starts_with("Error")).map(str::to_owned).collect())
}

#[test]
fn files_of_highdicom_are_read_voxel_for_voxel() {
    let (grid, meta) = small_ct();
    let path = fixture("highdicom-binary.dcm");
    let seg = load_segmentation(&path, &grid, &meta).expect("loads");
    assert!(seg.exact && seg.warnings.is_empty(), "{:?}", seg.warnings);
    let facts: Vec<_> =
        seg.segments.iter().map(|s| (s.number, s.label.as_str(), s.property.as_str(), s.frames)).collect();
    assert_eq!(facts, [(1, "Heart", "Heart", 3), (2, "Lung_L", "Lung", 2)]);
    assert_eq!((&seg.segments[0].mask, &seg.segments[1].mask), (&mask(one), &mask(two)));
    assert_eq!((seg.segments[0].generation, seg.segments[0].algorithm.as_str()), (Generation::Automatic, "Net"));
    assert_eq!(seg.segments[0].color, Some([255, 0, 0]));
    let rois = seg.rois(&grid, &path);
    assert_eq!((rois.voxels_different, rois.warnings.len()), (0, 0));
    assert_eq!((rois.rois[0].role, rois.rois[0].generation), (Role::Organ, Generation::Automatic));
    assert_eq!(rasterize(&grid, &rois.rois[0].slices), mask(one));

    let seg = load_segmentation(&fixture("highdicom-fractional.dcm"), &grid, &meta).expect("loads");
    assert_eq!(seg.segments[0].mask, mask(|k, j, i| one(k, j, i) || two(k, j, i)));
    assert!(seg.segments[1].mask.is_empty());
    let said: Vec<&str> = seg.warnings.iter().map(|w| w.text.as_str()).collect();
    assert!(said[0].contains("half of the maximum (200)") && said[1].contains("\"Lung_L\" is empty"), "{said:?}");
}

#[test]
fn a_segmentation_fits_other_grids_as_far_as_it_says() {
    let (grid, meta) = small_ct();
    let load = |grid: &VoxelGrid| load_segmentation(&fixture("highdicom-binary.dcm"), grid, &meta);
    // The same patient scanned prone and head last: rows and columns run the other way.
    let turned = VoxelGrid::new(
        grid.patient_from_voxel(0, 6.0, 8.0),
        -DVec3::X,
        -DVec3::Y,
        [1.25, 1.5],
        [9, 7],
        grid.positions_mm().to_vec(),
    )
    .expect("a grid");
    let seg = load(&turned).expect("loads");
    assert!(seg.exact, "{:?}", seg.warnings);
    assert_eq!(seg.segments[1].mask, mask(|k, j, i| two(k, 6 - j, 8 - i)));
    // Fewer slices: what lies outside is counted.
    let fewer = VoxelGrid::axial(DVec3::new(-5.5, 12.25, -27.0), [1.25, 1.5, 3.0], [9, 7, 3]).expect("a grid");
    let seg = load(&fewer).expect("loads");
    assert!(!seg.exact && seg.segments.iter().all(|s| s.frames_outside == 1));
    assert!(seg.warnings[0].text.contains("1 of 3 frames of segment \"Heart\""), "{:?}", seg.warnings);
    // Fewer columns, a shift along the slices, other voxels.
    let narrow = VoxelGrid::axial(DVec3::new(-5.5, 12.25, -30.0), [1.25, 1.5, 3.0], [5, 7, 4]).expect("a grid");
    assert!(load(&narrow).expect("loads").warnings[0].text.contains("beyond the rows and columns"));
    let beside = VoxelGrid::axial(DVec3::new(-5.5, 12.25, -29.0), [1.25, 1.5, 3.0], [9, 7, 4]).expect("a grid");
    let seg = load(&beside).expect("loads");
    assert!(!seg.exact && seg.warnings[0].text.contains("1.00 mm beside"), "{:?}", seg.warnings);
    let fine = VoxelGrid::axial(DVec3::new(-5.5, 12.25, -30.0), [0.625, 0.75, 3.0], [17, 13, 4]).expect("a grid");
    let seg = load(&fine).expect("loads");
    assert!(!seg.exact && seg.warnings[0].text.contains("5 of 5 frames"), "{:?}", seg.warnings);
    assert!(seg.segments[0].mask.get(0, 0, 0) && seg.segments[1].mask.get(0, 12, 10));
    assert!(!seg.segments[1].mask.get(0, 12, 11) && !seg.segments[1].mask.get(0, 4, 10));

    let far = VoxelGrid::axial(DVec3::new(-5.5, 12.25, 300.0), [1.25, 1.5, 3.0], [9, 7, 4]).expect("a grid");
    assert!(matches!(load(&far), Err(SegmentationError::NotInScan { frames: 5, .. })));
    let sagittal =
        VoxelGrid::new(DVec3::new(0.0, 12.0, -20.0), DVec3::Y, -DVec3::Z, [1.5, 3.0], [7, 4], vec![-5.5, 0.0]);
    let error = load(&sagittal.expect("a grid")).expect_err("refused").to_string();
    assert!(error.contains("another plane"), "{error}");
    let mut other = meta.clone();
    other.frame_of_reference_uid = "2.25.99".into();
    let error = load_segmentation(&fixture("highdicom-binary.dcm"), &grid, &other).expect_err("refused").to_string();
    assert!(error.contains("another frame of reference") && error.ends_with("highdicom-binary.dcm"), "{error}");
}

#[test]
fn a_written_segmentation_passes_the_checker_and_another_reader_finds_the_same_bits() {
    let (grid, meta) = small_ct();
    let (a, b) = (mask(one), mask(two));
    let mut station = roi("LN 4R", Role::Station(Station::S4R), &grid, &b);
    station.generation = Generation::Automatic;
    station.provenance =
        Provenance::Network { model_id: "diunet".into(), sha256: "00".into(), statement: "Synthetic".into() };
    let heart = roi("心脏", Role::Organ, &grid, &a);
    let empty = Roi::new(RoiId(3), "Empty", [1, 2, 3], Role::Other, Provenance::Drawn);
    let folder = tempfile::tempdir().expect("temporary folder");
    let path = folder.path().join("seg.dcm");
    let mut request = SegmentationRequest {
        ct: &meta,
        grid: &grid,
        rois: &[&heart, &empty, &station],
        label: "Test",
        overwrite: false,
    };
    let proof = write_segmentation(&request, &path).expect("written and proven");
    assert_eq!((proof.frames, proof.segments.len(), proof.notes.len()), (5, 2, 1));
    assert!(proof.segments.iter().all(|s| s.voxels_different == 0));
    assert_eq!(proof.segments[0].voxels, a.count());
    assert!(matches!(write_segmentation(&request, &path), Err(SegmentationWriteError::Put(_))));
    request.overwrite = true;
    write_segmentation(&request, &path).expect("replaced");
    request.rois = &[];
    assert!(matches!(write_segmentation(&request, &path), Err(SegmentationWriteError::Nothing)));
    assert_eq!(std::fs::read_dir(folder.path()).expect("readable").count(), 1);
    if let Some(errors) = dciodvfy_errors(&path) {
        assert!(errors.is_empty(), "{errors:?}");
    }

    let object = dicom_object::open_file(&path).expect("another reader opens it");
    let bits = object.element(tags::PIXEL_DATA).expect("there").to_bytes().expect("bytes").into_owned();
    // 5 frames of 63 voxels: 315 bits, 40 bytes.
    assert_eq!(bits.len(), 40);
    let frames = items(&object, tags::PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE);
    assert_eq!(frames.len(), 5);
    for (n, frame) in frames.iter().enumerate() {
        let first = |sequence: Tag| items(frame, sequence)[0].clone();
        let number: u16 = text(&first(tags::SEGMENT_IDENTIFICATION_SEQUENCE), tags::REFERENCED_SEGMENT_NUMBER);
        let position = first(tags::PLANE_POSITION_SEQUENCE);
        let z = position.element(tags::IMAGE_POSITION_PATIENT).expect("there").to_multi_float64().expect("numbers")[2];
        let k = ((z + 30.0) / 3.0).round() as usize;
        let source = items(&first(tags::DERIVATION_IMAGE_SEQUENCE), tags::SOURCE_IMAGE_SEQUENCE)[0].clone();
        assert_eq!(text::<String>(&source, tags::REFERENCED_SOP_INSTANCE_UID), meta.slices[k].sop_instance_uid);
        let expected = if number == 1 { &a } else { &b };
        for j in 0..7 {
            for i in 0..9 {
                let bit = n * 63 + j * 9 + i;
                assert_eq!(bits[bit / 8] >> (bit % 8) & 1 == 1, expected.get(k, j, i), "frame {n} row {j} column {i}");
            }
        }
    }
    let seg = load_segmentation(&path, &grid, &meta).expect("loads");
    assert_eq!(seg.segments[0].label, "心脏");
    let station = &seg.segments[1];
    assert_eq!((station.label.as_str(), station.generation), ("LN 4R", Generation::Automatic));
    assert_eq!((station.algorithm.as_str(), station.color), ("diunet", Some([230, 25, 40])));
    assert_eq!(seg.rois(&grid, &path).rois[1].role, Role::Station(Station::S4R));
}

fn items(object: &InMemDicomObject, sequence: Tag) -> Vec<InMemDicomObject> {
    object.element(sequence).expect("there").items().expect("a sequence").to_vec()
}

fn text<T: std::str::FromStr>(object: &InMemDicomObject, tag: Tag) -> T {
    let text = object.element(tag).expect("there").to_str().expect("text").trim_end_matches('\0').to_owned();
    text.parse().unwrap_or_else(|_not_so| panic!("{tag} is {text}"))
}

#[test]
fn structures_of_real_cases_become_segmentations_and_come_back() {
    for name in ["sts012-ct", "4dlung-113"] {
        let Some(folder) = test_data(name) else { return };
        let found = scan(&[folder], &Silent).expect("a CT");
        let ct = load_ct(&found.series[0], &Silent, &mut |_| {}).expect("loads");
        let set = load_structure_set(&found.structure_sets[0].path, &ct.volume.grid, &ct.meta, 0).expect("loads");
        let rois: Vec<&Roi> = set.rois.iter().collect();
        let out = tempfile::tempdir().expect("temporary folder");
        let path = out.path().join("seg.dcm");
        let grid = &ct.volume.grid;
        let request = SegmentationRequest { ct: &ct.meta, grid, rois: &rois, label: "Review 1", overwrite: false };
        let proof = write_segmentation(&request, &path).expect("written and proven");
        if let Some(errors) = dciodvfy_errors(&path) {
            assert!(errors.is_empty(), "{name}: {errors:?}");
        }
        let seg = load_segmentation(&path, grid, &ct.meta).expect("loads");
        let by_contours: Vec<Mask> =
            rois.iter().map(|r| rasterize(grid, &r.slices)).filter(|m| !m.is_empty()).collect();
        assert_eq!((seg.exact, seg.segments.len(), proof.segments.len()), (true, by_contours.len(), by_contours.len()));
        for (segment, mask) in seg.segments.iter().zip(&by_contours) {
            assert_eq!(&segment.mask, mask, "{name} {}", segment.label);
        }
        assert!(seg.warnings.iter().all(|w| w.severity == Severity::Info), "{:?}", seg.warnings);
    }
}

#[test]
fn damage_and_nonsense_are_named() {
    let (grid, meta) = small_ct();
    let folder = tempfile::tempdir().expect("temporary folder");
    let path = folder.path().join("a.dcm");
    let whole = std::fs::read(fixture("highdicom-binary.dcm")).expect("there");
    let refuse = |bytes: &[u8]| {
        std::fs::write(&path, bytes).expect("written");
        let error = load_segmentation(&path, &grid, &meta).expect_err("refused").to_string();
        assert!(error.contains("a.dcm"), "{error}");
        error
    };
    for cut in (0..whole.len()).step_by(7) {
        refuse(&whole[..cut]);
    }
    let find = |bytes: &[u8], what: &[u8]| bytes.windows(what.len()).position(|w| w == what).expect("there");
    // Number Of Frames 5 becomes 7, and a segmentation type that nobody knows.
    let mut wrong = whole.clone();
    let at = find(&wrong, &[0x28, 0, 8, 0, b'I', b'S', 2, 0, b'5']);
    wrong[at + 8] = b'7';
    assert!(refuse(&wrong).contains("7 frames"));
    let mut wrong = whole.clone();
    let at = find(&wrong, b"BINARY");
    wrong[at..at + 6].copy_from_slice(b"BINAIR");
    assert!(refuse(&wrong).contains("BINAIR"));
    assert!(refuse(b"no DICOM at all, only a sentence that is long enough for a header to be looked for in it, and more of the same, and more").contains("no DICOM"));
    // A structure set is no segmentation.
    if let Some(folder) = test_data("sts012-ct") {
        let found = scan(&[folder], &Silent).expect("a CT");
        let error = load_segmentation(&found.structure_sets[0].path, &grid, &meta).expect_err("refused");
        assert!(matches!(error, SegmentationError::NotASegmentation { .. }), "{error}");
    }
}

proptest! {
    #[test]
    fn any_masks_come_back(
        columns in 1usize..14,
        rows in 1usize..9,
        seed in proptest::collection::vec(any::<bool>(), 2 * 3 * 13 * 8),
        uneven: bool,
    ) {
        let positions = if uneven { vec![0.0, 3.0, 9.0] } else { vec![0.0, 3.0, 6.0] };
        let grid = VoxelGrid::new(DVec3::new(1.0, 2.0, 0.0), DVec3::X, DVec3::Y, [1.25, 0.75], [columns, rows], positions).expect("a grid");
        let meta = CtMeta::synthetic("Test", 1, 3);
        let masks: Vec<Mask> = (0..2)
            .map(|s| Mask::from_dense(&Array3::from_shape_fn([3, rows, columns], |(k, j, i)| seed[((s * 3 + k) * 8 + j) * 13 + i])))
            .collect();
        prop_assume!(masks.iter().all(|m| !m.is_empty()));
        let rois: Vec<Roi> = masks.iter().map(|m| roi("A", Role::Other, &grid, m)).collect();
        let rois: Vec<&Roi> = rois.iter().collect();
        let folder = tempfile::tempdir().expect("temporary folder");
        let path = folder.path().join("seg.dcm");
        let request = SegmentationRequest { ct: &meta, grid: &grid, rois: &rois, label: "", overwrite: false };
        write_segmentation(&request, &path).expect("written and proven");
        let seg = load_segmentation(&path, &grid, &meta).expect("loads");
        prop_assert!(seg.exact);
        for (segment, mask) in seg.segments.iter().zip(&masks) {
            prop_assert_eq!(&segment.mask, mask);
        }
    }

    #[test]
    fn damaged_segmentations_never_crash(at in 0usize..5000, value: u8) {
        let (grid, meta) = small_ct();
        let mut bytes = std::fs::read(fixture("highdicom-binary.dcm")).expect("there");
        let at = at.min(bytes.len() - 1);
        bytes[at] = value;
        let folder = tempfile::tempdir().expect("temporary folder");
        let path = folder.path().join("a.dcm");
        std::fs::write(&path, bytes).expect("written");
        let _either = load_segmentation(&path, &grid, &meta).map(|s| s.rois(&grid, &path));
    }
}
