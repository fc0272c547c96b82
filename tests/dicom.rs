//! DICOM in: the real cases load with the facts that their SOURCE.txt states, and damage is named.

mod choice;
mod compressed;
mod corpus;
mod damage;
mod enhanced;
mod export;
mod independent;
mod interrupted;
pub(crate) mod made;
mod made_sets;
mod odd_series;
mod odd_sets;
mod overlays;
mod proof;
mod written;

use crate::support::test_data;
use glam::DVec3;
use hilum::contour::{area_mm2, rasterize};
use hilum::dicom::{
    CtError, CtSeries, LoadStep, LoadedCt, LoadedStructureSet, Scan, ScanError, Severity, StructureSetError, load_ct,
    load_structure_set, scan,
};
use hilum::geometry::VoxelGrid;
use hilum::progress::{Cancelled, Progress, Silent};
use hilum::structures::Role;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};

fn scan_one(folder: &Path) -> Scan {
    scan(&[folder.to_owned()], &Silent).expect("the folder holds a CT")
}

fn load(series: &CtSeries) -> LoadedCt {
    load_ct(series, &Silent, &mut |_| {}).expect("the series loads")
}

fn load_folder(folder: &Path) -> (Scan, LoadedCt) {
    let found = scan_one(folder);
    let ct = load(&found.series[0]);
    (found, ct)
}

fn load_set(path: &Path, ct: &LoadedCt) -> LoadedStructureSet {
    load_structure_set(path, &ct.volume.grid, &ct.meta, 0).expect("the structure set loads")
}

fn copy_files(from: &Path, to: &Path) -> Vec<PathBuf> {
    let mut copies = Vec::new();
    for entry in std::fs::read_dir(from).expect("readable").flatten() {
        let copy = to.join(entry.file_name());
        std::fs::copy(entry.path(), &copy).expect("copied");
        // The originals are read only.
        let mut rights = std::fs::metadata(&copy).expect("there").permissions();
        #[expect(clippy::permissions_set_readonly_false, reason = "a temporary copy")]
        rights.set_readonly(false);
        std::fs::set_permissions(&copy, rights).expect("set");
        copies.push(copy);
    }
    copies.sort();
    copies
}

/// Contour Data of every contour by ROI number, as another reader sees them.
fn contour_data(path: &Path) -> BTreeMap<i32, Vec<String>> {
    let object = dicom_object::open_file(path).expect("another reader opens it");
    let mut all = BTreeMap::new();
    for roi in object.element_by_name("ROIContourSequence").expect("there").items().expect("a sequence") {
        let number = roi.element_by_name("ReferencedROINumber").expect("there").to_int::<i32>().expect("a number");
        let contours = roi.element_by_name("ContourSequence").ok().and_then(|s| s.items()).unwrap_or_default();
        let data = contours
            .iter()
            .map(|c| c.element_by_name("ContourData").expect("there").to_str().expect("text").into_owned());
        all.insert(number, data.collect());
    }
    all
}

fn severities(warnings: &[hilum::dicom::ImportWarning]) -> Vec<Severity> {
    warnings.iter().map(|w| w.severity).collect()
}

#[test]
fn the_main_case_loads_with_its_quirks() {
    let Some(folder) = test_data("4dlung-113") else { return };
    let (found, ct) = load_folder(&folder);
    assert_eq!((found.series.len(), found.structure_sets.len(), found.dicom_files), (1, 1, 100));
    assert_eq!(found.structure_sets[0].roi_names, ["Tumor_c40", "LN_c40", "Carina_c40", "Vertebra_c40"]);
    let grid = &ct.volume.grid;
    assert_eq!(grid.shape(), [99, 512, 512]);
    assert_eq!((grid.position_mm(0), grid.position_mm(98)), (-1132.0, -838.0));
    assert!((grid.spacing_i_mm() - 0.9766).abs() < 1e-4 && grid.median_spacing_mm() == 3.0);
    assert!(ct.warnings.is_empty() && ct.meta.geometry_safe, "{:?}", ct.warnings);
    assert_eq!((ct.meta.patient.name.as_str(), ct.meta.patient.id.as_str()), ("P113", "113_HM10395"));
    assert_eq!(ct.meta.patient_position, "HFS");
    assert!(!ct.meta.is_synthetic);
    let (low, high) = ct.volume.hu.iter().fold((i16::MAX, i16::MIN), |(l, h), v| (l.min(*v), h.max(*v)));
    assert!(low == -1000 && high > 500, "{low} {high}");
    // Slices stand in the order of their positions: the first file of the series is the uppermost one.
    assert!(ct.meta.slices[98].path.ends_with("1-01.dcm"));

    let set = load_set(&found.structure_sets[0].path, &ct);
    let facts: Vec<_> = set.summaries.iter().map(|s| (s.name.as_str(), s.contours, s.rings, s.slices)).collect();
    assert_eq!(
        facts,
        [("Tumor_c40", 28, 28, 28), ("LN_c40", 21, 21, 16), ("Carina_c40", 1, 1, 1), ("Vertebra_c40", 5, 5, 5)]
    );
    assert_eq!(set.approval.status, "UNAPPROVED");
    let roles: Vec<Role> = set.rois.iter().map(|r| r.role).collect();
    assert_eq!(roles, [Role::Gtvp, Role::Gtvn, Role::Organ, Role::Organ]);
    assert_eq!(set.uncertain_roles, [0, 1]);
    assert!(set.warnings.iter().all(|w| w.severity == Severity::Info), "{:?}", set.warnings);
    // Bit for bit what the decimal strings say.
    let last = set.rois[3].slices.values().flat_map(|s| &s.rings).find(|r| r.source_contour() == Some(4));
    assert_eq!(last.expect("fifth contour").points()[..2], [[0.9759, 148.524], [1.9525, 148.524]]);
}

#[test]
fn other_real_series_load_with_their_facts() {
    // folder, slices rows columns, spacing i j k, first and last position, expected warnings
    type Case = (&'static str, [usize; 3], [f64; 3], [f64; 2], &'static [Severity]);
    let cases: [Case; 5] = [
        ("lungdx-a0001/ct", [64, 512, 512], [0.841_796_875, 0.841_796_875, 5.0], [-439.0, -124.0], &[]),
        ("cip-lowres-thorax", [79, 64, 64], [4.171_872, 4.171_872, 3.987], [-360.256, -49.2437], &[Severity::Info]),
        ("ibsi2-orientation", [64, 48, 32], [2.0, 2.0, 2.0], [-126.0, 0.0], &[]),
        ("rtutils-phantom/sample", [5, 512, 512], [0.488_281, 0.488_281, 5.0], [60.0, 80.0], &[]),
        ("sts012-ct/ct", [53, 155, 159], [0.976_562, 0.976_562, 3.27], [-838.62, -668.58], &[]),
    ];
    for (name, shape, spacing, ends, expected) in cases {
        let Some(folder) = test_data(name) else { return };
        let (_, ct) = load_folder(&folder);
        let grid = &ct.volume.grid;
        assert_eq!(grid.shape(), shape, "{name}");
        let found = [grid.spacing_i_mm(), grid.spacing_j_mm(), grid.median_spacing_mm()];
        assert!(found.iter().zip(spacing).all(|(a, b)| (a - b).abs() < 2e-3), "{name}: {found:?}");
        let last = grid.slices() - 1;
        assert!((grid.position_mm(0) - ends[0]).abs() < 1e-6, "{name}: {}", grid.position_mm(0));
        assert!((grid.position_mm(last) - ends[1]).abs() < 0.01, "{name}: {}", grid.position_mm(last));
        assert_eq!(severities(&ct.warnings), expected, "{name}: {:?}", ct.warnings);
        assert!(ct.meta.geometry_safe, "{name}");
    }
}

/// A gzipped NIfTI-1 file: shape x y z, affine (RAS from voxel) and the values, x fastest.
fn read_nifti(path: &Path) -> ([usize; 3], [[f64; 4]; 3], Vec<f64>) {
    let unpacked = Command::new("gzip").arg("-dc").arg(path).output().expect("gzip runs");
    let bytes = unpacked.stdout;
    let i16_at = |at: usize| i16::from_le_bytes([bytes[at], bytes[at + 1]]);
    let f32_at = |at: usize| f64::from(f32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes")));
    let shape = [42, 44, 46].map(|at| i16_at(at) as usize);
    let affine = if i16_at(254) > 0 {
        [280, 296, 312].map(|row| [0, 4, 8, 12].map(|column| f32_at(row + column)))
    } else {
        assert!(i16_at(252) > 0, "the file says where it lies");
        let [b, c, d] = [256, 260, 264].map(f32_at);
        let rotation =
            glam::DMat3::from_quat(glam::DQuat::from_xyzw(b, c, d, (1.0 - b * b - c * c - d * d).max(0.0).sqrt()));
        let mirror = if f32_at(76) < 0.0 { -1.0 } else { 1.0 };
        let columns =
            [rotation.x_axis * f32_at(80), rotation.y_axis * f32_at(84), rotation.z_axis * f32_at(88) * mirror];
        [0, 1, 2].map(|r| [columns[0][r], columns[1][r], columns[2][r], f32_at(268 + 4 * r)])
    };
    let offset = f32_at(108) as usize;
    let n = shape.iter().product::<usize>();
    let values = match i16_at(70) {
        2 => bytes[offset..offset + n].iter().map(|b| f64::from(*b)).collect(),
        4 => (0..n).map(|k| f64::from(i16_at(offset + 2 * k))).collect(),
        512 => (0..n).map(|k| f64::from(i16_at(offset + 2 * k).cast_unsigned())).collect(),
        16 => (0..n).map(|k| f32_at(offset + 4 * k)).collect(),
        64 => bytes[offset..offset + 8 * n]
            .chunks_exact(8)
            .map(|b| f64::from_le_bytes(b.try_into().expect("eight bytes")))
            .collect(),
        other => panic!("data type {other} of NIfTI"),
    };
    (shape, affine, values)
}

/// Calls `check` with the value of every voxel of a NIfTI file and the voxel `[k, j, i]` at its place in the grid.
fn for_every_twin_voxel(path: &Path, grid: &VoxelGrid, check: &mut dyn FnMut(f64, [usize; 3])) {
    let (shape, affine, values) = read_nifti(path);
    assert_eq!(shape.iter().product::<usize>(), grid.voxel_count());
    for (n, value) in values.into_iter().enumerate() {
        let v = [n % shape[0], n / shape[0] % shape[1], n / shape[0] / shape[1]].map(|x| x as f64);
        let ras = affine.map(|row| row[0] * v[0] + row[1] * v[1] + row[2] * v[2] + row[3]);
        // NIfTI counts to the right, front and head; DICOM to the left, back and head.
        let place = grid.containing_voxel(DVec3::new(-ras[0], -ras[1], ras[2])).expect("within the grid");
        check(value, place);
    }
}

#[test]
fn axes_and_directions_agree_with_the_nifti_twin_even_with_shuffled_names() {
    let Some(folder) = test_data("ibsi2-orientation") else { return };
    let shuffled = tempfile::tempdir().expect("temporary folder");
    for (n, file) in copy_files(&folder.join("dicom"), shuffled.path()).into_iter().enumerate() {
        // Names that say nothing, extensions that mislead, several folders.
        let sub = shuffled.path().join(format!("{}", n % 3));
        std::fs::create_dir_all(&sub).expect("folder");
        let name = format!("{:03}.{}", (n * 37) % 64, ["txt", "jpg", "IMA"][n % 3]);
        std::fs::rename(&file, sub.join(name)).expect("renamed");
    }
    let (_, ct) = load_folder(shuffled.path());
    // The twin counts z upwards from 0 where the DICOM positions go down to -126 mm: its slices run the other way.
    let (shape, _, values) = read_nifti(&folder.join("nifti/image/orientation.nii.gz"));
    assert_eq!((shape, ct.volume.grid.shape()), ([32, 48, 64], [64, 48, 32]));
    for (n, value) in values.into_iter().enumerate() {
        let place = [63 - n / (32 * 48), n / 32 % 48, n % 32];
        assert_eq!(f64::from(ct.volume.hu[place]), value, "{place:?}");
    }
    assert_eq!(ct.volume.grid.patient_from_voxel(0, 0.0, 0.0), DVec3::new(0.0, 0.0, -126.0));
}

#[test]
fn contours_become_exactly_the_mask_that_another_program_made() {
    let Some(folder) = test_data("sts012-ct") else { return };
    let (found, ct) = load_folder(&folder);
    let set = load_set(&found.structure_sets[0].path, &ct);
    let mask = rasterize(&ct.volume.grid, &set.rois[0].slices);
    let (mut inside, mut different) = (0, 0);
    for_every_twin_voxel(&folder.join("nifti/CT_mask.nii.gz"), &ct.volume.grid, &mut |value, [k, j, i]| {
        inside += usize::from(value > 0.5);
        different += usize::from((value > 0.5) != mask.get(k, j, i));
    });
    assert_eq!(different, 0, "of {inside}");
    assert!((mask.volume_cm3(&ct.volume.grid) - 78.783).abs() < 0.005);
    for_every_twin_voxel(&folder.join("nifti/CT_image.nii.gz"), &ct.volume.grid, &mut |value, place| {
        assert_eq!(f64::from(ct.volume.hu[place]), value, "{place:?}");
    });
}

#[test]
fn volumes_of_the_real_cases_are_the_published_ones() {
    let volumes = |folder: &Path| -> Vec<f64> {
        let (found, ct) = load_folder(folder);
        let set = load_set(&found.structure_sets[0].path, &ct);
        set.rois.iter().map(|r| rasterize(&ct.volume.grid, &r.slices).volume_cm3(&ct.volume.grid)).collect()
    };
    let Some(folder) = test_data("4dlung-113") else { return };
    let found = volumes(&folder);
    for (at, expected) in [(0, 67.56), (1, 6.41), (3, 9.87)] {
        assert!((found[at] - expected).abs() < 0.006, "{found:?}");
    }
    let Some(folder) = test_data("rtutils-phantom/sample") else { return };
    let found = volumes(&folder);
    // Published as area times spacing; counted in voxels here.
    for (at, expected) in [6.5, 6.0, 5.7, 11.0].into_iter().enumerate() {
        assert!((found[at] - expected).abs() < 0.1, "{found:?}");
    }
}

#[test]
fn a_lung_with_holes_has_its_published_volume() {
    let Some(folder) = test_data("dicompyler-breast") else { return };
    let (found, ct) = load_folder(&folder);
    let path = &found.structure_sets[0].path;
    // The other 97 slices are not there; their positions are in the contours.
    let mut positions: Vec<f64> = contour_data(path)
        .values()
        .flatten()
        .map(|d| d.split('\\').nth(2).expect("z").trim().parse().expect("a number"))
        .collect();
    positions.sort_by(f64::total_cmp);
    positions.dedup_by(|a, b| (*a - *b).abs() < 0.5);
    assert_eq!(positions.len(), 98);
    let origin = DVec3::new(-275.0, -524.0, positions[0]);
    let grid = VoxelGrid::new(origin, DVec3::X, DVec3::Y, [1.074_219; 2], [512, 512], positions).expect("a grid");
    let set = load_structure_set(path, &grid, &ct.meta, 0).expect("loads");
    assert!(set.summaries.iter().all(|s| s.outside + s.idle + s.tilted + s.unreadable == 0), "{:?}", set.summaries);
    let roi = |name: &str| set.rois.iter().find(|r| r.name == name).expect("there");
    let by_voxels = |name: &str| rasterize(&grid, &roi(name).slices).volume_cm3(&grid);
    let by_area = |name: &str| roi(name).slices.values().map(|s| area_mm2(s)).sum::<f64>() * 3.0 / 1000.0;
    // Shoelace areas of the decimal strings, holes subtracted, times 3 mm (pydicom and plain Python): 439.699 and 2005.111.
    assert!((by_area("Heart") - 439.699).abs() < 0.05, "{}", by_area("Heart"));
    assert!((by_area("Lt Lung") - 2005.111).abs() < 1.0, "{}", by_area("Lt Lung"));
    assert!((by_voxels("Lt Lung") / 2005.111 - 1.0).abs() < 0.003, "{}", by_voxels("Lt Lung"));
    // dicompyler-core's own tests: heart 440.231 cm3 by its dose-volume code, lung 1995.185 cm3 by its planar method.
    assert!((by_voxels("Heart") / 440.231 - 1.0).abs() < 0.003, "{}", by_voxels("Heart"));
    assert!((by_voxels("Lt Lung") / 1995.185 - 1.0).abs() < 0.01, "{}", by_voxels("Lt Lung"));
}

#[test]
fn the_first_picture_comes_from_the_middle_and_every_slice_comes_once() {
    let Some(folder) = test_data("cip-lowres-thorax") else { return };
    let found = scan_one(&folder);
    let mut steps = Vec::new();
    let here = std::thread::current().id();
    let ct = load_ct(&found.series[0], &Silent, &mut |step| {
        assert_eq!(std::thread::current().id(), here);
        match step {
            LoadStep::Grid { grid, meta } => {
                assert!(steps.is_empty());
                assert_eq!((grid.slices(), meta.slices.len()), (79, 79));
            }
            LoadStep::Slice { k, hu } => steps.push((k, hu)),
        }
    })
    .expect("loads");
    assert!(steps[0].0.abs_diff(39) <= 4, "first slice {}", steps[0].0);
    let mut order: Vec<usize> = steps.iter().map(|s| s.0).collect();
    order.sort_unstable();
    assert_eq!(order, (0..79).collect::<Vec<_>>());
    for (k, hu) in steps {
        assert!(ct.volume.hu.index_axis(ndarray::Axis(0), k).iter().eq(hu.iter()));
    }
}

#[test]
fn loading_works_inside_a_pool_of_one_thread() {
    let Some(folder) = test_data("rtutils-phantom/sample") else { return };
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().expect("pool");
    let shape = pool.install(|| load(&scan_one(&folder).series[0]).volume.grid.shape());
    assert_eq!(shape, [5, 512, 512]);
}

#[test]
fn structure_sets_of_other_programs_load() {
    let Some(folder) = test_data("rtutils-phantom") else { return };
    let (found, ct) = load_folder(&folder.join("sample"));
    let set = load_set(&found.structure_sets[0].path, &ct);
    assert_eq!(set.rois.iter().map(|r| r.name.as_str()).collect::<Vec<_>>(), ["ROI-1", "ROI-2", "ROI-3", "ROI-4"]);
    assert!(set.summaries.iter().all(|s| s.rings == s.contours && s.rings > 0));

    // No RT Referenced Study Sequence; and references to slices that the CT has.
    for name in ["non_existent_reference_rt.dcm", "invalid_reference_rt.dcm"] {
        let set = load_set(&folder.join("bad").join(name), &ct);
        assert_eq!(set.rois.len(), 4, "{name}");
        assert!(set.rois.iter().all(|r| r.ring_count() > 0), "{name}");
    }

    let error = load_structure_set(&folder.join("bad/rt.dcm"), &ct.volume.grid, &ct.meta, 0).expect_err("refused");
    assert!(matches!(error, StructureSetError::OtherFrameOfReference { .. }));
    let text = error.to_string();
    assert!(text.contains("another frame of reference") && !text.contains(&ct.meta.frame_of_reference_uid), "{text}");
}

#[test]
fn a_set_whose_images_were_exported_again_is_placed_by_position_with_one_warning() {
    let Some(folder) = test_data("sts012-ct") else { return };
    let (found, ct) = load_folder(&folder);
    let set = load_set(&found.structure_sets[0].path, &ct);
    assert_eq!((set.rois.len(), set.rois[0].name.as_str()), (1, "GTV_Mass_CT"));
    assert_eq!((set.summaries[0].contours, set.summaries[0].rings, set.summaries[0].slices), (22, 22, 21));
    let serious: Vec<String> =
        set.warnings.iter().filter(|w| w.severity > Severity::Info).map(|w| w.text.clone()).collect();
    assert_eq!(serious.len(), 1, "{serious:?}");
    assert!(serious[0].contains("placed by their position"));
}

#[test]
fn a_clinical_set_with_holes_and_empty_rois_loads_on_the_one_slice_there_is() {
    let Some(folder) = test_data("dicompyler-breast") else { return };
    let (found, ct) = load_folder(&folder);
    assert_eq!((found.series.len(), found.structure_sets.len()), (1, 1), "the plan is ignored quietly");
    assert_eq!(ct.volume.grid.positions_mm(), [168.5593]);
    let set = load_set(&found.structure_sets[0].path, &ct);
    assert_eq!(set.approval.status, "APPROVED");
    let contours: Vec<_> = set.summaries.iter().map(|s| (s.name.as_str(), s.contours)).collect();
    assert_eq!(contours[0], ("BODY", 141));
    assert_eq!(contours[1], ("Areola", 0));
    assert_eq!((contours[4], contours[5]), (("Heart", 33), ("Lt Lung", 165)));
    assert_eq!(set.summaries[4].interpreted_type, "ORGAN");
    for s in &set.summaries {
        assert_eq!(s.contours, s.rings + s.open + s.idle + s.outside + s.tilted + s.unreadable, "{}", s.name);
    }
    assert!(set.summaries[0].rings >= 1 && set.summaries[0].outside > 100);
}

#[test]
fn a_cut_off_slice_is_named_and_missing_not_black() {
    let Some(folder) = test_data("rtutils-phantom/sample") else { return };
    let copy = tempfile::tempdir().expect("temporary folder");
    let files = copy_files(&folder, copy.path());
    let found = scan_one(copy.path());
    let order: Vec<PathBuf> = load(&found.series[0]).meta.slices.iter().map(|s| s.path.clone()).collect();
    let victim = &order[2];
    let cut = std::fs::OpenOptions::new().write(true).open(victim).expect("writable");
    cut.set_len(cut.metadata().expect("there").len() - 100_000).expect("cut");
    // One file cut within its header as well.
    let header = files.iter().find(|f| *f != victim && !order.contains(f)).expect("the structure set");
    let cut = std::fs::OpenOptions::new().write(true).open(header).expect("writable");
    cut.set_len(900).expect("cut");

    let found = scan_one(copy.path());
    assert!(
        found.warnings.iter().any(|w| w.files == [header.clone()] && w.text.contains("cut off")),
        "{:?}",
        found.warnings
    );
    let ct = load(&found.series[0]);
    assert_eq!(ct.volume.grid.shape()[0], 4);
    assert!(!ct.meta.geometry_safe);
    assert!(ct.warnings.iter().any(|w| w.files == [victim.clone()] && w.text.contains("cut off")), "{:?}", ct.warnings);
    let gap = ct.warnings.iter().find(|w| w.text.contains("Missing slices")).expect("the gap is named");
    assert_eq!(gap.files, [order[1].clone(), order[3].clone()]);

    for file in [&order[0], &order[1], &order[3]] {
        std::fs::OpenOptions::new().write(true).open(file).expect("writable").set_len(20_000).expect("cut");
    }
    let error = load_ct(&scan_one(copy.path()).series[0], &Silent, &mut |_| {}).expect_err("one slice is no volume");
    assert!(matches!(error, CtError::TooFew { total: 5, .. } | CtError::NoneUsable { .. }), "{error}");
}

#[test]
fn a_folder_without_ct_says_what_it_holds() {
    let Some(data) = test_data("rtutils-phantom") else { return };
    let folder = tempfile::tempdir().expect("temporary folder");
    std::fs::write(folder.path().join("notes.txt"), "no picture").expect("written");
    let error = scan(&[folder.path().to_owned()], &Silent).expect_err("no DICOM");
    assert!(matches!(error, ScanError::NoDicom { files: 1, .. }), "{error}");
    std::fs::copy(data.join("bad/rt.dcm"), folder.path().join("rt.dcm")).expect("copied");
    let error = scan(&[folder.path().to_owned()], &Silent).expect_err("no CT");
    let text = error.to_string();
    assert!(text.contains("2 files, 1 of them DICOM, none of them CT images (1 structure sets)"), "{text}");
    let missing = folder.path().join("nowhere");
    assert!(matches!(scan(&[missing], &Silent), Err(ScanError::NotFound(_))));
}

/// Cancels after some reports.
struct Impatient(AtomicUsize);

impl Progress for Impatient {
    fn report(&self, _stage: &str, _done: usize, _total: usize) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
    fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed) >= 10
    }
}

#[test]
fn scanning_and_loading_stop_when_asked() {
    let Some(folder) = test_data("cip-lowres-thorax") else { return };
    let impatient = Impatient(AtomicUsize::new(0));
    assert!(matches!(scan(std::slice::from_ref(&folder), &impatient), Err(ScanError::Cancelled(Cancelled))));
    let found = scan_one(&folder);
    let impatient = Impatient(AtomicUsize::new(0));
    assert!(matches!(load_ct(&found.series[0], &impatient, &mut |_| {}), Err(CtError::Cancelled(Cancelled))));
}
