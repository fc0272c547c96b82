//! Files of every format open as cases: NIfTI CTs and labels, DICOM segmentations, alone, together and beside what
//! they belong to; what cannot be used is said in one sentence.

// The volumes and HU of lidc0001-organs are those that SimpleITK 2.5 gives:
//
//   ct, labels = (sitk.ReadImage(f) for f in ("cxr.nii.gz", "mask.nii.gz"))
//   ct.TransformIndexToPhysicalPoint((256, 256, 66)), ct[256, 256, 66]
//   (sitk.GetArrayFromImage(labels) == 51).sum()

use crate::support::bench::{Bench, even, small_case, write_case};
use crate::support::test_data;
use assert_cmd::Command as Program;
use glam::DVec3;
use hilum::contour::Mask;
use hilum::dicom::{CtMeta, SegmentationRequest, Severity, write_ct_series, write_segmentation};
use hilum::geometry::VoxelGrid;
use hilum::image::CtVolume;
use hilum::import::{SetFormat, SetSource};
use hilum::nifti::{NamedMask, read_labels, write_ct, write_labels, write_mask};
use hilum::progress::{Cancelled, Progress, Silent};
use hilum::structures::{Provenance, Role};
use hilum::workbench::{
    Action, Case, Command, ExportFormat, LoadedCase, OpenError, SeriesChoice, load_case, load_series,
};
use ndarray::Array3;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

fn try_open(paths: &[PathBuf]) -> Result<LoadedCase, OpenError> {
    load_case(paths, &Silent, &mut |_| Ok(()))
}

fn open(paths: &[&Path]) -> LoadedCase {
    let paths: Vec<PathBuf> = paths.iter().map(|p| (*p).to_owned()).collect();
    try_open(&paths).unwrap_or_else(|e| panic!("{paths:?}: {e}"))
}

fn names(case: &Case) -> Vec<&str> {
    case.structures().rois.iter().map(|r| r.name.as_str()).collect()
}

fn mask<'a>(case: &'a Case, name: &str) -> &'a Mask {
    case.mask(case.structures().by_name(name).unwrap_or_else(|| panic!("{name}: {:?}", names(case))).id)
}

fn texts(loaded: &LoadedCase) -> String {
    loaded.warnings.iter().map(|w| format!("{}\n", w.text)).collect()
}

fn offered(loaded: &LoadedCase) -> Vec<(SetFormat, &str)> {
    loaded.other_structure_sets.iter().map(|s: &SetSource| (s.format(), s.label())).collect()
}

/// A body of 40 HU in air, 24 x 20 x 10 voxels of 1.5 x 2 x 3 mm.
fn body() -> CtVolume {
    let grid = VoxelGrid::axial(DVec3::new(-20.0, 10.0, -30.0), [1.5, 2.0, 3.0], [24, 20, 10]).expect("a grid");
    let hu = |(_, j, i): (usize, usize, usize)| if (3..17).contains(&j) && (3..21).contains(&i) { 40 } else { -1000 };
    let hu = Array3::from_shape_fn(grid.shape(), hu);
    CtVolume::new(Arc::new(grid), hu)
}

fn ball(grid: &VoxelGrid, center: [f64; 3], radius_mm: f64) -> Mask {
    let at = DVec3::from_array(center);
    let inside =
        |(k, j, i): (usize, usize, usize)| (grid.patient_from_voxel(k, j as f64, i as f64) - at).length() < radius_mm;
    Mask::from_dense(&Array3::from_shape_fn(grid.shape(), inside))
}

#[test]
fn a_nifti_ct_opens_with_the_organs_that_lie_beside_it() {
    let Some(folder) = test_data("lidc0001-organs") else { return };
    let loaded = open(&[&folder]);
    let case = &loaded.case;
    assert_eq!((case.grid().shape(), case.structures().rois.len()), ([133, 512, 512], 89));
    for (name, voxels) in [("heart", 299_688), ("esophagus", 21_202), ("trachea", 19_945), ("aorta", 152_466)] {
        assert_eq!(mask(case, name).count(), voxels, "{name}");
        let roi = case.structures().by_name(name).expect("there");
        assert_eq!(roi.role, Role::Organ);
        assert!(matches!(&roi.provenance, Provenance::Traced { file, .. } if file == "mask.nii.gz"));
    }
    for (at, hu) in
        [([14.0, 7.596_878, -175.0], 396), ([-39.4375, -23.340_622, -240.0], 116), ([-95.6875, 46.971_878, -90.0], 16)]
    {
        assert_eq!(case.image.volume.hu_at(DVec3::from_array(at)), Some(hu), "{at:?}");
    }
    assert!(loaded.warnings.is_empty(), "{}", texts(&loaded));
    let meta = &case.image.meta;
    assert!(meta.from_nifti && meta.geometry_safe && meta.slices.len() == 133);
    // Every file of the case is known, so that none of them is ever overwritten.
    let files: std::collections::BTreeSet<&Path> = case.source_paths().collect();
    assert_eq!(files.len(), 2, "{files:?}");
}

#[test]
fn masks_lie_on_a_dicom_ct_as_the_structure_set_of_which_they_were_made() {
    let Some(folder) = test_data("sts012-ct") else { return };
    let (ct, mask_file) = (folder.join("ct"), folder.join("nifti/CT_mask.nii.gz"));
    let by_set = open(&[&ct, &folder.join("rtstruct")]);
    let by_mask = open(&[&ct, &mask_file]);
    assert_eq!(names(&by_mask.case), ["CT_mask"]);
    assert_eq!(mask(&by_mask.case, "CT_mask"), mask(&by_set.case, "GTV_Mass_CT"));
    assert!(by_mask.warnings.is_empty(), "{}", texts(&by_mask));

    // The whole folder: the DICOM CT with its structure set; the mask is offered, the NIfTI CT is another series.
    let whole = open(&[&folder]);
    assert_eq!(names(&whole.case), ["GTV_Mass_CT"]);
    assert_eq!(offered(&whole), [(SetFormat::Nifti, "CT_mask")]);
    assert!(!whole.case.image.meta.from_nifti && whole.found.series.len() == 2);
    assert!(texts(&whole).contains("2 CT series were found"), "{}", texts(&whole));
    let two = SeriesChoice::Number(2);
    let twin = load_series(std::slice::from_ref(&folder), &two, &Silent, &mut |_| Ok(())).expect("opens");
    assert!(twin.case.image.meta.from_nifti);
    assert_eq!(twin.case.image.volume.hu, whole.case.image.volume.hu);
    assert_eq!(mask(&twin.case, "CT_mask"), mask(&by_set.case, "GTV_Mass_CT"));
    // The structure set was drawn in the frame of reference of the DICOM CT; a NIfTI file names none.
    assert_eq!(twin.found.foreign_sets.len(), 1);
}

#[test]
fn dicom_and_nifti_have_the_same_hu_at_the_same_patient_points() {
    let Some(folder) = test_data("ibsi2-orientation") else { return };
    let dicom = open(&[&folder.join("dicom")]).case.image.volume;
    let out = tempfile::tempdir().expect("temporary folder");
    let path = out.path().join("ct.nii.gz");
    write_ct(&path, &dicom, false).expect("written");
    let ours = open(&[&path]).case.image.volume;
    // The published twin stands on its head, and says so itself: z runs up from 0 where DICOM runs down.
    let twin = open(&[&folder.join("nifti")]);
    assert!(texts(&twin).contains("does not look like Hounsfield units"), "{}", texts(&twin));
    let grid = &dicom.grid;
    for ((k, j, i), hu) in dicom.hu.indexed_iter() {
        let at = grid.patient_from_voxel(k, j as f64, i as f64);
        assert_eq!(ours.hu_at(at), Some(*hu), "{at}");
        assert_eq!(twin.case.image.volume.hu_at(DVec3::new(at.x, at.y, -at.z)), Some(*hu), "{at}");
    }
}

#[test]
fn values_tell_the_ct_from_labels_whatever_the_names() {
    let out = tempfile::tempdir().expect("temporary folder");
    let volume = body();
    let grid = &volume.grid;
    let (one, two) = (ball(grid, [-3.0, 25.0, -18.0], 7.0), ball(grid, [5.0, 35.0, -18.0], 5.0));
    // The names lie.
    write_ct(&out.path().join("mask.nii.gz"), &volume, false).expect("written");
    let labels = [NamedMask { name: "GTVp", mask: &one }, NamedMask { name: "Heart", mask: &two }];
    let path = out.path().join("ct.nii.gz");
    write_labels(&path, grid, &labels, false).expect("written");
    let loaded = open(&[out.path()]);
    assert_eq!(loaded.case.image.volume.hu, volume.hu);
    assert_eq!(names(&loaded.case), ["Label 1", "Label 2"]);
    assert!(texts(&loaded).contains("No name is known for the labels 1, 2"), "{}", texts(&loaded));
    assert_eq!((mask(&loaded.case, "Label 1"), mask(&loaded.case, "Label 2")), (&one, &two));

    std::fs::write(out.path().join("labels.csv"), "id,structure\n1,GTVp\n2,Heart\n").expect("written");
    let loaded = open(&[out.path()]);
    assert_eq!(names(&loaded.case), ["GTVp", "Heart"]);
    let roles: Vec<Role> = loaded.case.structures().rois.iter().map(|r| r.role).collect();
    assert_eq!(roles, [Role::Gtvp, Role::Organ]);
    // A table that cannot be read is told, and nothing is named by it.
    std::fs::write(out.path().join("labels.csv"), "id,structure\n1,GTVp\n1,Heart\n").expect("written");
    let loaded = open(&[out.path()]);
    assert_eq!(names(&loaded.case), ["Label 1", "Label 2"]);
    assert!(texts(&loaded).contains("two names"), "{}", texts(&loaded));
}

#[test]
fn the_masks_of_a_folder_are_one_set_and_empty_ones_are_told() {
    let out = tempfile::tempdir().expect("temporary folder");
    let volume = body();
    let grid = &volume.grid;
    let ct = out.path().join("ct.nii.gz");
    write_ct(&ct, &volume, false).expect("written");
    let masks = out.path().join("organs");
    std::fs::create_dir(&masks).expect("made");
    let (heart, lung) = (ball(grid, [-3.0, 25.0, -18.0], 7.0), ball(grid, [5.0, 35.0, -18.0], 5.0));
    for (name, mask) in [("heart", &heart), ("lung_left", &lung), ("prostate", &Mask::default())] {
        write_mask(&masks.join(format!("{name}.nii.gz")), grid, mask, false).expect("written");
    }
    // A table that counts the labels of another file names no masks.
    std::fs::write(masks.join("structures.csv"), "id,structure\n1,spleen\n").expect("written");
    let loaded = open(&[out.path()]);
    assert_eq!(names(&loaded.case), ["heart", "lung_left"]);
    assert_eq!((mask(&loaded.case, "heart"), mask(&loaded.case, "lung_left")), (&heart, &lung));
    assert_eq!(loaded.warnings.len(), 1, "{}", texts(&loaded));
    assert!(loaded.warnings[0].files[0].ends_with("prostate.nii.gz"));
    assert_eq!(loaded.case.voxel_sources.len(), 1);

    // Named one by one, each is read; without the CT nothing can be opened, and it is said what is missing.
    let one = open(&[&ct, &masks.join("heart.nii.gz")]);
    assert_eq!(names(&one.case), ["heart"]);
    let error = try_open(&[masks]).map(|_| ()).expect_err("no CT").to_string();
    assert!(error.contains("labels but no CT"), "{error}");
}

#[test]
fn a_structure_set_that_is_named_is_read_before_newer_ones_beside_it() {
    let folder = tempfile::tempdir().expect("temporary folder");
    write_case(folder.path(), &["First", "Second", "Third"], even());
    let unasked = open(&[folder.path()]);
    assert_eq!(offered(&unasked).len(), 2);
    for (n, label) in ["First", "Second", "Third"].into_iter().enumerate() {
        let set = folder.path().join(format!("RS{n}.dcm"));
        let asked = open(&[folder.path(), &set]);
        assert_eq!(names(&asked.case), [format!("Tumor {n}")]);
        assert_eq!(offered(&asked).len(), 2);
        assert!(offered(&asked).iter().all(|(_, other)| *other != label), "{:?}", offered(&asked));
    }
}

#[test]
fn labels_of_another_grid_are_offered_and_taken_to_the_nearest_voxel_when_asked_for() {
    let out = tempfile::tempdir().expect("temporary folder");
    let volume = body();
    write_ct(&out.path().join("ct.nii.gz"), &volume, false).expect("written");
    let fine = VoxelGrid::axial(DVec3::new(-20.0, 10.0, -30.0), [0.5, 0.5, 1.0], [72, 80, 30]).expect("a grid");
    let lesion = ball(&fine, [-3.0, 25.0, -18.0], 7.0);
    let path = out.path().join("GTV.nii.gz");
    write_mask(&path, &fine, &lesion, false).expect("written");
    // Found, it is not laid over the CT by itself: it might be of somebody else.
    let loaded = open(&[out.path()]);
    assert_eq!((names(&loaded.case), offered(&loaded)), (vec![], vec![(SetFormat::Nifti, "GTV")]));
    let asked = open(&[out.path(), &path]);
    assert_eq!(names(&asked.case), ["GTV"]);
    assert_eq!(mask(&asked.case, "GTV"), &ball(&volume.grid, [-3.0, 25.0, -18.0], 7.0));
    assert!(texts(&asked).contains("took the label of the nearest"), "{}", texts(&asked));
    // And in the window, as one step of undo.
    let mut b = Bench::new(small_case(&[]));
    b.run(Command::Open(vec![out.path().into()]));
    let number = b.workbench.other_structure_sets().next().expect("offered").0;
    b.run(Command::AddStructureSet(number));
    assert_eq!((names(b.case()), b.case().voxel_sources.len()), (vec!["GTV"], 1));
    assert_eq!(b.workbench.other_structure_sets().count(), 0);
    assert!(b.workbench.is_role_uncertain(b.roi("GTV")) || b.roi("GTV").role == Role::Gtvp);
    assert!(b.workbench.import_report().iter().any(|w| w.text.contains("nearest")));
    b.run(Command::Undo);
    assert_eq!((names(b.case()), b.case().voxel_sources.len()), (vec![], 0));
    assert_eq!(b.workbench.other_structure_sets().count(), 1);
    b.run(Command::Redo);
    assert_eq!((names(b.case()), b.case().voxel_sources.len()), (vec!["GTV"], 1));
}

/// Writes a segmentation of some structures of a case.
fn write_seg(case: &Case, label: &str, path: &Path) {
    let rois: Vec<_> = case.structures().rois.iter().collect();
    let request = SegmentationRequest { ct: &case.image.meta, grid: case.grid(), rois: &rois, label, overwrite: false };
    write_segmentation(&request, path).expect("written");
}

#[test]
fn a_segmentation_opens_with_its_ct_and_waits_beside_a_structure_set() {
    let out = tempfile::tempdir().expect("temporary folder");
    write_case(out.path(), &["Plan"], even());
    let by_set = open(&[out.path()]);
    let seg = out.path().join("tumor.dcm");
    write_seg(&by_set.case, "Second reader", &seg);
    // The structure set comes first, whatever the dates.
    let both = open(&[out.path()]);
    assert_eq!((names(&both.case), both.case.sources.len()), (vec!["Tumor 0"], 1));
    assert_eq!(offered(&both), [(SetFormat::Segmentation, "Second reader")]);
    assert_eq!(both.found.series[0].structure_sets, 2);
    // Named, it is read as well.
    let asked = open(&[out.path(), &seg]);
    assert_eq!(names(&asked.case), ["Tumor 0", "Tumor 0 2"]);
    assert_eq!(mask(&asked.case, "Tumor 0"), mask(&asked.case, "Tumor 0 2"));

    let mut b = Bench::new(small_case(&[]));
    b.run(Command::Open(vec![out.path().into()]));
    let number = b.workbench.other_structure_sets().next().expect("offered").0;
    b.run(Command::AddStructureSet(number));
    assert_eq!(names(b.case()), ["Tumor 0", "Tumor 0 2"]);
    assert!(
        matches!(&b.roi("Tumor 0 2").provenance, Provenance::Traced { label, file } if label == "Second reader" && file == "tumor.dcm")
    );
    b.run(Command::Undo);
    assert_eq!((names(b.case()), b.workbench.other_structure_sets().count()), (vec!["Tumor 0"], 1));

    // Without the structure set it is what the case has.
    std::fs::remove_file(out.path().join("RS0.dcm")).expect("removed");
    let alone = open(&[out.path()]);
    assert_eq!(mask(&alone.case, "Tumor 0"), mask(&by_set.case, "Tumor 0"));
    assert!(alone.case.sources.is_empty() && alone.case.voxel_sources.len() == 1);
}

#[test]
fn sets_of_any_format_are_compared() {
    let out = tempfile::tempdir().expect("temporary folder");
    let ct = out.path().join("ct");
    write_case(&ct, &["Plan"], even());
    let case = open(&[&ct]).case;
    let (set, seg, nifti) = (ct.join("RS0.dcm"), out.path().join("seg.dcm"), out.path().join("Tumor 0.nii.gz"));
    write_seg(&case, "Second reader", &seg);
    write_mask(&nifti, case.grid(), mask(&case, "Tumor 0"), false).expect("written");
    for test in [&seg, &nifti] {
        let mut program = Program::cargo_bin("hilum").expect("built");
        program.arg("compare").arg(&ct).arg("--reference").arg(&set).arg("--test").arg(test).arg("--json");
        let done = program.output().expect("starts");
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        let report: serde_json::Value = serde_json::from_slice(&done.stdout).expect("JSON");
        assert_eq!(report["pairs"][0]["metrics"]["dsc"], 1.0, "{report}");
    }
}

#[test]
fn segmentations_of_another_program_are_found_and_read() {
    // The CT of the program that made them, see tests/segmentation.rs.
    let grid = VoxelGrid::axial(DVec3::new(-5.5, 12.25, -30.0), [1.25, 1.5, 3.0], [9, 7, 4]).expect("a grid");
    let mut meta = CtMeta::synthetic("Test", 1, 4);
    meta.study_instance_uid = "2.25.1".into();
    meta.series_instance_uid = "2.25.2".into();
    meta.frame_of_reference_uid = "2.25.3".into();
    for (k, slice) in meta.slices.iter_mut().enumerate() {
        slice.sop_instance_uid = format!("2.25.100{k}");
    }
    let out = tempfile::tempdir().expect("temporary folder");
    let volume = CtVolume::new(Arc::new(grid.clone()), Array3::from_elem(grid.shape(), 30));
    write_ct_series(&volume, &meta, out.path(), &Silent).expect("written");
    for name in ["highdicom-binary.dcm", "highdicom-fractional.dcm"] {
        let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name);
        std::fs::copy(fixture, out.path().join(name)).expect("copied");
    }
    let loaded = open(&[out.path()]);
    assert_eq!(names(&loaded.case), ["Heart", "Lung_L"]);
    let two = Mask::from_dense(&Array3::from_shape_fn([4, 7, 9], |(k, j, i)| j >= 3 && i < 6 && k < 2));
    let read: Vec<&str> = loaded.case.voxel_sources.iter().map(|s| s.label.as_str()).collect();
    assert_eq!((read.len(), offered(&loaded).len()), (1, 1));
    if read == ["binary"] {
        assert_eq!(mask(&loaded.case, "Lung_L"), &two);
    }
    assert_eq!(loaded.found.series[0].structure_sets, 2);
}

/// Asks to stop after some reports.
struct Impatient(AtomicUsize);

impl Progress for Impatient {
    fn report(&self, _stage: &str, _done: usize, _total: usize) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
    fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed) >= 40
    }
}

#[test]
fn reading_a_nifti_case_stops_when_asked_and_slices_arrive_one_by_one() {
    let Some(folder) = test_data("lidc0001-organs") else { return };
    let result = load_case(std::slice::from_ref(&folder), &Impatient(AtomicUsize::new(0)), &mut |_| Ok(()));
    assert!(result.map(|_| ()).expect_err("stopped").is_cancelled());
    let mut steps = 0;
    let result = load_case(&[folder.join("cxr.nii.gz")], &Silent, &mut |_| {
        steps += 1;
        if steps > 5 { Err(Cancelled) } else { Ok(()) }
    });
    assert!(result.map(|_| ()).expect_err("stopped").is_cancelled());
    assert_eq!(steps, 6, "the grid, then slices");
}

/// The bytes of a NIfTI-1 file without extensions, changed.
fn changed(path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = std::fs::read(path).expect("there");
    change(&mut bytes);
    std::fs::write(path, bytes).expect("written");
}

/// Exit code and the sentence of a command that must be refused.
fn refusal(args: &[&Path]) -> String {
    let out = Program::cargo_bin("hilum").expect("built").arg("inspect").arg("-q").args(args).output().expect("starts");
    let errors = String::from_utf8_lossy(&out.stderr).into_owned();
    assert_eq!(out.status.code(), Some(3), "{errors}");
    assert_eq!(errors.lines().filter(|l| l.starts_with("error: ")).count(), 1, "{errors}");
    assert_eq!(errors.lines().count(), 1, "{errors}");
    errors
}

#[test]
fn nifti_files_that_cannot_be_used_are_refused_in_one_sentence() {
    let out = tempfile::tempdir().expect("temporary folder");
    let volume = body();
    let grid = &volume.grid;
    let file = |name: &str| out.path().join(name);
    let ct = file("ct.nii.gz");
    write_ct(&ct, &volume, false).expect("written");
    let lesion = ball(grid, [-3.0, 25.0, -18.0], 7.0);

    // Labels with fractions.
    let soft = file("soft.nii");
    write_mask(&soft, grid, &lesion, false).expect("written");
    changed(&soft, |b| {
        let values: Vec<u8> = b[352..].iter().flat_map(|v| (f32::from(*v) * 0.7).to_le_bytes()).collect();
        b.truncate(352);
        b.extend(values);
        b[70..72].copy_from_slice(&16i16.to_le_bytes());
        b[72..74].copy_from_slice(&32i16.to_le_bytes());
    });
    let text = refusal(&[&ct, &soft]);
    assert!(text.contains("from 0 to 0.7") && text.contains("with fractions") && text.contains("soft.nii"), "{text}");

    // A series of volumes.
    let four = file("four.nii");
    write_ct(&four, &volume, false).expect("written");
    changed(&four, |b| {
        let again = b[352..].to_vec();
        b.extend(again);
        b[40..42].copy_from_slice(&4i16.to_le_bytes());
        b[48..50].copy_from_slice(&2i16.to_le_bytes());
    });
    assert!(refusal(&[&four]).contains("series of 2 volumes"));

    // Cut off.
    let cut = file("cut.nii.gz");
    write_mask(&cut, grid, &lesion, false).expect("written");
    changed(&cut, |b| b.truncate(b.len() / 2));
    let text = refusal(&[&ct, &cut]);
    assert!(text.contains("cut off") && text.contains("cut.nii.gz"), "{text}");
    std::fs::write(file("none.nii.gz"), b"nothing of the kind").expect("written");
    assert!(refusal(&[&ct, &file("none.nii.gz")]).contains("none.nii.gz"));

    // Elsewhere in space.
    let far = VoxelGrid::axial(DVec3::new(900.0, 10.0, -30.0), [1.5, 2.0, 3.0], [24, 20, 10]).expect("a grid");
    let elsewhere = file("elsewhere.nii.gz");
    write_mask(&elsewhere, &far, &ball(&far, [917.0, 25.0, -18.0], 7.0), false).expect("written");
    let text = refusal(&[&ct, &elsewhere]);
    assert!(text.contains("none of the") && text.contains("elsewhere.nii.gz"), "{text}");

    // Labels alone.
    assert!(refusal(&[&elsewhere]).contains("labels but no CT"));

    // Found in the folder and not named, each is a remark, and the CT opens.
    let loaded = open(&[out.path()]);
    let told: Vec<&Path> = loaded.warnings.iter().flat_map(|w| w.files.iter().map(PathBuf::as_path)).collect();
    for path in [&soft, &four, &cut, &elsewhere] {
        assert!(told.contains(&path.as_path()), "{}: {}", path.display(), texts(&loaded));
    }
    assert_eq!(names(&loaded.case), Vec::<&str>::new());
}

#[test]
fn a_nifti_file_without_a_place_in_the_patient_must_be_acknowledged() {
    let out = tempfile::tempdir().expect("temporary folder");
    let path = out.path().join("ct.nii");
    write_ct(&path, &body(), false).expect("written");
    changed(&path, |b| b[252..256].fill(0));
    let loaded = open(&[&path]);
    assert!(!loaded.case.image.meta.geometry_safe);
    let doubts: Vec<_> = loaded.warnings.iter().filter(|w| w.severity == Severity::Geometry).collect();
    assert_eq!(doubts.len(), 1, "{}", texts(&loaded));
    assert_eq!(loaded.found.series[0].doubts.len(), 1);
}

#[test]
fn copies_of_a_nifti_file_have_the_same_uids() {
    let out = tempfile::tempdir().expect("temporary folder");
    let (a, b) = (out.path().join("a.nii.gz"), out.path().join("b.nii.gz"));
    write_ct(&a, &body(), false).expect("written");
    std::fs::copy(&a, &b).expect("copied");
    let (a, b) = (open(&[&a]).case.image.meta.clone(), open(&[&b]).case.image.meta.clone());
    let uids = |m: &CtMeta| {
        let images: Vec<String> = m.slices.iter().map(|s| s.sop_instance_uid.clone()).collect();
        (m.study_instance_uid.clone(), m.series_instance_uid.clone(), m.frame_of_reference_uid.clone(), images)
    };
    assert_eq!(uids(&a), uids(&b));
    assert_ne!(a.series_description, b.series_description);
}

#[test]
fn the_command_line_reads_nifti_cases_as_any_other() {
    let Some(folder) = test_data("lidc0001-organs") else { return };
    let run = |args: &[&str]| {
        let out = Program::cargo_bin("hilum").expect("built").args(args).arg(&folder).output().expect("starts");
        let errors = String::from_utf8_lossy(&out.stderr).into_owned();
        assert!(out.status.success(), "{args:?}: {errors}");
        serde_json::from_slice::<serde_json::Value>(&out.stdout).expect("JSON")
    };
    let report = run(&["inspect", "--json", "--hide-identifiers"]);
    assert_eq!(report["structures"].as_array().map(Vec::len), Some(89));
    let trachea = &report["structures"][14];
    assert_eq!((trachea["name"].as_str(), trachea["provenance"].as_str()), (Some("trachea"), Some("voxels of a file")));
    assert!(!report.to_string().contains("mask.nii") && !report.to_string().contains("cxr"), "{report}");
    let features = run(&["features", "--json", "--role", "esophagus=gtvp", "--role", "aorta=7"]);
    assert_eq!(features["gtv"], serde_json::json!(["esophagus"]));
    assert_eq!(features["stations"][0]["name"], "aorta");
}

#[test]
fn a_nifti_case_is_exported_as_masks_or_made_dicom_first() {
    let out = tempfile::tempdir().expect("temporary folder");
    let volume = body();
    let lesion = ball(&volume.grid, [-3.0, 25.0, -18.0], 7.0);
    let (ct, mask_file) = (out.path().join("ct.nii.gz"), out.path().join("GTVp.nii.gz"));
    write_ct(&ct, &volume, false).expect("written");
    write_mask(&mask_file, &volume.grid, &lesion, false).expect("written");

    // The window: a structure set has nothing to refer to, masks are written and proven.
    let mut b = Bench::new(small_case(&[]));
    b.run(Command::Open(vec![ct.clone(), mask_file.clone()]));
    assert_eq!(b.workbench.view.export_format, ExportFormat::Masks);
    let export = |b: &mut Bench, name: &str, format: ExportFormat, overwrite: bool| {
        b.run(Command::Export { path: out.path().join(name), format, overwrite });
        b.message().to_owned()
    };
    for format in [ExportFormat::StructureSet, ExportFormat::Segmentation] {
        assert!(export(&mut b, "RS.dcm", format, false).contains("`hilum dicom`"));
        assert!(!out.path().join("RS.dcm").exists() && b.workbench.export_refusal(format).is_some());
    }
    b.run(Command::SetExportFormat(ExportFormat::StructureSet));
    assert!(b.workbench.refusal(Action::Export).is_some_and(|why| why.contains("hilum dicom")));
    b.run(Command::SetExportFormat(ExportFormat::Masks));
    assert!(b.workbench.refusal(Action::Export).is_none());
    assert_eq!(
        export(&mut b, "masks", ExportFormat::Masks, false),
        "Exported and read back: 0 voxels different, 1 structures in 1 file"
    );
    let written =
        read_labels(&out.path().join("masks/GTVp.nii.gz")).expect("there").onto_grid(&volume.grid).expect("fits");
    assert_eq!(written.volume.masks()[&1], lesion);
    // The files of the case are never overwritten, not even on request.
    std::fs::copy(&mask_file, out.path().join("before")).expect("copied");
    export(&mut b, "", ExportFormat::Masks, true);
    assert!(
        b.workbench.notices().all().last().is_some_and(|n| n.details.iter().any(|d| d.contains("never overwritten")))
    );
    assert_eq!(std::fs::read(&mask_file).expect("there"), std::fs::read(out.path().join("before")).expect("there"));
    let labels = export(&mut b, "labels.nii.gz", ExportFormat::Labels, false);
    assert!(labels.contains("1 structures in 2 files") && out.path().join("labels.csv").exists(), "{labels}");

    // The command line says it with the same words, and makes DICOM of it.
    let run = |args: &[&str]| {
        let mut program = Program::cargo_bin("hilum").expect("built");
        program.args(args).arg(&ct).arg(&mask_file).arg("-q").output().expect("starts")
    };
    let text = |name: &str| out.path().join(name).display().to_string();
    for command in ["export", "seg"] {
        let refused = run(&[command, "-o", &text("x.dcm")]);
        let errors = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert_eq!(refused.status.code(), Some(3), "{errors}");
        assert!(errors.contains("`hilum dicom`") && errors.contains("NIfTI masks"), "{errors}");
    }
    let made = run(&["dicom", "-o", &text("dicom"), "--json"]);
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let report: serde_json::Value = serde_json::from_slice(&made.stdout).expect("JSON");
    assert_eq!(
        (report["files"].as_u64(), report["rois"].as_u64(), report["voxels_different"].as_u64()),
        (Some(10), Some(1), Some(0))
    );
    let dicom = open(&[&out.path().join("dicom")]);
    assert_eq!(dicom.case.image.volume.hu, volume.hu);
    assert_eq!(mask(&dicom.case, "GTVp"), &lesion);
    assert_eq!(dicom.case.image.meta.series_instance_uid, b.case().image.meta.series_instance_uid);
    assert!(!dicom.case.image.meta.from_nifti && dicom.case.image.meta.geometry_safe);
}

#[test]
fn structures_opened_without_a_ct_join_the_open_case() {
    let out = tempfile::tempdir().expect("temporary folder");
    let (plan, later) = (out.path().join("plan"), out.path().join("later"));
    write_case(&plan, &["Plan"], even());
    let case = open(&[&plan]).case;
    std::fs::create_dir(&later).expect("made");
    write_seg(&case, "Second reader", &later.join("seg.dcm"));
    write_mask(&later.join("GTV.nii.gz"), case.grid(), mask(&case, "Tumor 0"), false).expect("written");
    let mut b = Bench::new(small_case(&[]));
    b.run(Command::Open(vec![plan.clone()]));
    let opened = b.workbench.case_count();
    // One set is added at once, as one step of undo.
    b.run(Command::Open(vec![later.join("seg.dcm")]));
    b.poll_until(|w| w.jobs().is_empty());
    assert_eq!((names(b.case()), b.workbench.case_count()), (vec!["Tumor 0", "Tumor 0 2"], opened));
    b.run(Command::Open(vec![later.join("seg.dcm")]));
    assert_eq!((names(b.case()).len(), b.message()), (2, "These structures are part of the case already"));
    b.run(Command::Undo);
    assert_eq!(names(b.case()), ["Tumor 0"]);
    // Of several none is added unasked.
    b.run(Command::Open(vec![later.clone()]));
    assert!(b.message().contains("2 sets of structures"), "{}", b.message());
    assert_eq!((names(b.case()), b.workbench.other_structure_sets().count()), (vec!["Tumor 0"], 2));
    // Without an open case it is said what is missing.
    let error = try_open(&[later]).map(|_| ()).expect_err("no CT").to_string();
    assert!(error.contains("no CT"), "{error}");
}

#[cfg(feature = "gui")]
#[test]
fn the_window_opens_nifti_adds_a_segmentation_and_exports_masks() {
    use crate::support::window::{Start, Window};
    use eframe::egui::{Key, Modifiers};
    use hilum::ui::{Opening, WindowRequest};
    let out = tempfile::tempdir().expect("temporary folder");
    let (folder, masks) = (out.path().join("case"), out.path().join("masks"));
    write_case(&folder, &["Plan"], even());
    let case = open(&[&folder]).case;
    write_seg(&case, "Second reader", &folder.join("seg.dcm"));
    write_mask(&folder.join("GTVn.nii.gz"), case.grid(), mask(&case, "Tumor 0"), false).expect("written");
    let another = out.path().join("heart_mask.nii.gz");
    write_mask(&another, case.grid(), mask(&case, "Tumor 0"), false).expect("written");
    let answers = vec![Some(masks.clone()), Some(another)];
    let mut w = Window::open(Start { paths: vec![folder], answers, ..Start::default() });
    assert!(w.has("Select Tumor 0") && w.says("Second reader, 1 structure, segmentation"));
    w.click("Add Second reader");
    assert!(w.has("Select Tumor 0 2"), "{:?}", names(w.case()));
    w.click("Add GTVn");
    assert!(w.has("Select GTVn") && !w.says("More structures of this scan"));
    assert_eq!(mask(w.case(), "GTVn"), mask(w.case(), "Tumor 0 2"));
    w.key(Modifiers::COMMAND, Key::Z);
    assert!(!w.has("Select GTVn") && w.has("Select Tumor 0 2") && w.has("Add GTVn"));

    // Masks are written, but contours that changed are not safe in them.
    w.send(Command::SetExportFormat(ExportFormat::Masks));
    assert!(w.has("Export format") && w.has("Export masks…"));
    w.key(Modifiers::COMMAND, Key::E);
    assert!(w.says("0 voxels different, 2 structures in 2 files"), "{}", w.all_text());
    assert!(masks.join("Tumor 0.nii.gz").exists() && w.workbench().has_unexported_changes());

    // A file chosen in the dialog joins the case, and no changed contour is at stake; one that is there already does not.
    w.send(Action::AddStructures);
    assert!(w.has("Select heart_mask") && w.workbench().has_unexported_changes(), "{:?}", names(w.case()));
    // A CT among the files would close the case: then it is asked.
    let nifti = out.path().join("nifti");
    std::fs::create_dir(&nifti).expect("made");
    let volume = body();
    write_ct(&nifti.join("a.nii.gz"), &volume, false).expect("written");
    let (heart, lung) = (ball(&volume.grid, [-3.0, 25.0, -18.0], 7.0), ball(&volume.grid, [5.0, 35.0, -18.0], 5.0));
    let labels = [NamedMask { name: "heart", mask: &heart }, NamedMask { name: "lung_left", mask: &lung }];
    write_labels(&nifti.join("b.nii.gz"), &volume.grid, &labels, false).expect("written");
    std::fs::write(nifti.join("b.csv"), "id,structure\n1,heart\n2,lung_left\n").expect("written");
    w.send(WindowRequest::Open(Opening::Paths(vec![nifti.join("a.nii.gz")])));
    assert!(w.has("Open another case without exporting?"));
    w.click("Cancel");
    assert!(w.has("Select heart_mask"));
    // A NIfTI CT with its organs; the format that it can have is chosen.
    let w = Window::open(Start { paths: vec![nifti], ..Start::default() });
    assert!(w.has("Select heart") && w.has("Select lung_left") && w.has("Export masks…"));
}
