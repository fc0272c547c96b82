//! Enhanced multi-frame CT: the frames become slices at their own place, whatever their order and compression.

use super::compressed::converted;
use super::export::{request, with_rings};
use super::made::{Bits, ENHANCED_CT, EXPLICIT, element, encapsulated, item_length, sequence, text, us, write};
use super::{load, load_set, scan_one, severities};
use hilum::contour::Ring;
use hilum::dicom::{CtError, LoadedCt, Severity, export_structure_set, load_ct, scan};
use hilum::progress::Silent;
use hilum::structures::{Provenance, Role, StructureSet};
use std::path::{Path, PathBuf};

const BITS: Bits = Bits { allocated: 16, stored: 16, signed: true };
const SIZE: [u16; 2] = [17, 12];
/// The place of each frame along the stack, in slices: not in the order of the frames.
const ORDER: [usize; 4] = [2, 0, 3, 1];

/// What the functional groups say, and where.
#[derive(Clone, Copy, Default)]
struct Made {
    /// Orientation, pixel measures and rescale in the groups of each frame instead of the shared ones.
    per_frame: bool,
    stacks: bool,
    times: bool,
    /// Two frames at one place.
    repeated: bool,
    /// The frames lie along x instead of z.
    sagittal: bool,
}

fn rescale(n: usize) -> [i32; 2] {
    [1 + (n % 2) as i32, -500 - 100 * n as i32]
}

fn values(n: usize) -> Vec<i32> {
    BITS.picture(SIZE, n as u32).into_iter().map(|v| v / 4).collect()
}

fn pixels() -> Vec<u8> {
    element(0x7FE0_0010, "OW", &(0..ORDER.len()).flat_map(|n| BITS.bytes(&values(n))).collect::<Vec<u8>>())
}

impl Made {
    fn write(self, path: &Path, syntax: &str, pixels: &[u8]) {
        let orientation = if self.sagittal { "0\\1\\0\\0\\0\\-1" } else { "1\\0\\0\\0\\1\\0" };
        let fixed = [
            sequence(0x0020_9116, &[text(0x0020_0037, "DS", orientation)]),
            sequence(0x0028_9110, &[[text(0x0018_0050, "DS", "2"), text(0x0028_0030, "DS", "1.5\\0.75")].concat()]),
        ];
        let transformation = |n: usize| {
            let [slope, intercept] = rescale(n);
            let item = [
                text(0x0028_1052, "DS", &intercept.to_string()),
                text(0x0028_1053, "DS", &slope.to_string()),
                text(0x0028_1054, "LO", "HU"),
            ];
            sequence(0x0028_9145, &[item.concat()])
        };
        let window = sequence(0x0028_9132, &[[text(0x0028_1050, "DS", "40"), text(0x0028_1051, "DS", "400")].concat()]);
        let kind = sequence(0x0018_9329, &[text(0x0008_9007, "CS", "ORIGINAL\\PRIMARY\\VOLUME\\NONE")]);
        let frame = |n: usize| {
            let place = 3 * if self.repeated { ORDER[n].max(1) } else { ORDER[n] };
            let position = if self.sagittal { format!("{place}\\-5\\7") } else { format!("-5\\7\\{place}") };
            let stack = if self.stacks && n > 1 { "2" } else { "1" };
            let time = if self.times { n as u32 / 2 + 1 } else { 1 };
            let content = [text(0x0020_9056, "SH", stack), element(0x0020_9128, "UL", &time.to_le_bytes())];
            let own = if self.per_frame { fixed.concat() } else { Vec::new() };
            [
                sequence(0x0020_9111, &[content.concat()]),
                sequence(0x0020_9113, &[text(0x0020_0032, "DS", &position)]),
                own,
                window.clone(),
                if self.per_frame { transformation(n) } else { Vec::new() },
            ]
            .concat()
        };
        let shared = if self.per_frame { kind } else { [kind, fixed.concat(), transformation(0)].concat() };
        let attributes = [
            text(0x0008_0008, "CS", "ORIGINAL\\PRIMARY\\VOLUME\\NONE"),
            text(0x0008_0016, "UI", ENHANCED_CT),
            text(0x0008_0018, "UI", "1.2.826.0.1.3680043.11.1"),
            text(0x0008_0060, "CS", "CT"),
            text(0x0010_0010, "PN", "Made"),
            text(0x0020_000D, "UI", "1.2.826.0.1.3680043.11.3"),
            text(0x0020_000E, "UI", "1.2.826.0.1.3680043.11.4"),
            text(0x0020_0013, "IS", "1"),
            text(0x0020_0052, "UI", "1.2.826.0.1.3680043.11.5"),
            us(0x0028_0002, 1),
            text(0x0028_0004, "CS", "MONOCHROME2"),
            text(0x0028_0008, "IS", &ORDER.len().to_string()),
            BITS.attributes(SIZE),
            sequence(0x5200_9229, &[shared]),
            sequence(0x5200_9230, &(0..ORDER.len()).map(frame).collect::<Vec<_>>()),
            pixels.to_vec(),
        ];
        write(path, ENHANCED_CT, "1.2.826.0.1.3680043.11.1", syntax, &attributes);
    }

    fn check(self, ct: &LoadedCt, what: &str) {
        let grid = &ct.volume.grid;
        assert_eq!(grid.shape(), [4, 12, 17], "{what}");
        assert_eq!((grid.spacing_i_mm(), grid.spacing_j_mm(), grid.median_spacing_mm()), (0.75, 1.5, 3.0), "{what}");
        for n in 0..4 {
            // Along a normal that points to the other side the first becomes the last.
            let k = if self.sagittal { 3 - ORDER[n] } else { ORDER[n] };
            let [slope, intercept] = rescale(if self.per_frame { n } else { 0 });
            let loaded = ct.volume.hu.index_axis(ndarray::Axis(0), k);
            let same = loaded.iter().zip(values(n)).all(|(hu, v)| i32::from(*hu) == v * slope + intercept);
            assert!(same, "{what}: frame {n}");
            assert_eq!(ct.meta.slices[k].frame, Some(n as u32 + 1), "{what}");
        }
        assert!(ct.warnings.is_empty() && ct.meta.geometry_safe, "{what}: {:?}", ct.warnings);
    }
}

fn load_file(path: &Path) -> LoadedCt {
    load(&scan_one(path).series[0])
}

#[test]
fn frames_are_sorted_by_position_with_groups_shared_or_of_each() {
    let out = tempfile::tempdir().expect("temporary folder");
    let path = out.path().join("enhanced.dcm");
    for per_frame in [false, true] {
        for sagittal in [false, true] {
            let made = Made { per_frame, sagittal, ..Made::default() };
            made.write(&path, EXPLICIT, &pixels());
            let found = scan_one(&path);
            assert_eq!((found.series.len(), found.series[0].len(), found.dicom_files), (1, 4, 1));
            made.check(&load(&found.series[0]), &format!("{per_frame} {sagittal}"));
        }
    }
}

#[test]
fn frames_of_every_syntax_give_the_same_voxels() {
    let out = tempfile::tempdir().expect("temporary folder");
    let path = out.path().join("enhanced.dcm");
    let made = Made { per_frame: true, ..Made::default() };
    made.write(&path, EXPLICIT, &pixels());
    let tools: [(&str, &[&str]); 10] = [
        ("dcmconv", &["+ti"]),
        ("dcmconv", &["+tb"]),
        ("dcmconv", &["+td"]),
        ("dcmcrle", &[]),
        ("dcmcrle", &["-ot"]),
        ("dcmcjpeg", &["+e1"]),
        ("dcmcjpeg", &["+el", "+sv", "4"]),
        ("dcmcjpls", &["+el"]),
        ("dcmcjpls", &["+el", "-ot"]),
        ("gdcmconv", &["--j2k"]),
    ];
    for (n, (tool, options)) in tools.into_iter().enumerate() {
        let to = out.path().join(n.to_string());
        let Some(files) = converted(std::slice::from_ref(&path), &to, tool, options) else { return };
        made.check(&load_file(&files[0]), &format!("{tool} {options:?}"));
    }
}

/// A frame in RLE without runs.
fn rle(n: usize) -> Vec<u8> {
    let bytes = BITS.bytes(&values(n));
    let segment = |first: usize| -> Vec<u8> {
        let plane: Vec<u8> = bytes.iter().skip(first).step_by(2).copied().collect();
        plane.chunks(128).flat_map(|c| [&[c.len() as u8 - 1][..], c].concat()).collect()
    };
    let (high, low) = (segment(1), segment(0));
    let mut header = vec![2u32, 64, 64 + high.len() as u32];
    header.resize(16, 0);
    [header.iter().flat_map(|h| h.to_le_bytes()).collect(), high, low].concat()
}

#[test]
fn offset_tables_join_the_pieces_of_each_frame() {
    let out = tempfile::tempdir().expect("temporary folder");
    let path = out.path().join("enhanced.dcm");
    let made = Made { per_frame: true, ..Made::default() };
    let (mut pieces, mut offsets, mut at) = (Vec::new(), Vec::new(), 0u32);
    for n in 0..4 {
        offsets.push(at);
        let frame = rle(n);
        for piece in frame.chunks(100 + 40 * n) {
            at += item_length(piece);
            pieces.push(piece.to_vec());
        }
    }
    let rle_syntax = "1.2.840.10008.1.2.5";
    made.write(&path, rle_syntax, &encapsulated(&offsets, &pieces));
    made.check(&load_file(&path), "basic offset table");
    let wide: Vec<u8> = offsets.iter().flat_map(|o| u64::from(*o).to_le_bytes()).collect();
    let extended = [element(0x7FE0_0001, "OV", &wide), encapsulated(&[], &pieces)].concat();
    made.write(&path, rle_syntax, &extended);
    made.check(&load_file(&path), "extended offset table");
    // Nobody says which pieces belong together.
    made.write(&path, rle_syntax, &encapsulated(&[], &pieces));
    let text = scan(&[path], &Silent).expect_err("refused").to_string();
    assert!(text.contains("cannot be told apart"), "{text}");
}

#[test]
fn several_stacks_times_and_repeated_places_are_refused_with_the_reason() {
    let out = tempfile::tempdir().expect("temporary folder");
    let path = out.path().join("enhanced.dcm");
    for (made, reason) in [
        (Made { stacks: true, ..Made::default() }, "2 stacks of frames"),
        (Made { times: true, ..Made::default() }, "2 points in time"),
    ] {
        made.write(&path, EXPLICIT, &pixels());
        let text = scan(std::slice::from_ref(&path), &Silent).expect_err("refused").to_string();
        assert!(text.contains("multi-frame CT") && text.contains(reason), "{text}");
    }
    // Two frames of one file at one place are rivals, no copies.
    Made { repeated: true, ..Made::default() }.write(&path, EXPLICIT, &pixels());
    let ct = load_file(&path);
    assert_eq!((ct.volume.grid.slices(), severities(&ct.warnings)), (3, vec![Severity::Geometry]));
}

#[test]
fn a_file_cut_off_within_its_frames_loses_those_and_says_so() {
    let out = tempfile::tempdir().expect("temporary folder");
    let path = out.path().join("enhanced.dcm");
    Made::default().write(&path, EXPLICIT, &pixels());
    let whole = std::fs::read(&path).expect("readable");
    // The last frame lies between others, so that a slice is missing.
    std::fs::write(&path, &whole[..whole.len() - 10]).expect("written");
    let ct = load_file(&path);
    assert_eq!((ct.volume.grid.slices(), ct.meta.geometry_safe), (3, false));
    assert!(ct.warnings.iter().any(|w| w.text.contains("1 of 4 CT images are missing")), "{:?}", ct.warnings);
}

/// Loads what can be loaded; only an error or a volume may come out.
fn try_load(path: &Path) {
    if let Ok(found) = scan(&[path.to_owned()], &Silent) {
        for series in &found.series {
            let loaded: Result<LoadedCt, CtError> = load_ct(series, &Silent, &mut |_| {});
            drop(loaded);
        }
    }
}

#[test]
fn damage_anywhere_in_a_multi_frame_file_is_an_error_or_a_volume() {
    let out = tempfile::tempdir().expect("temporary folder");
    let path: PathBuf = out.path().join("enhanced.dcm");
    let (pieces, mut offsets) = ((0..4).map(rle).collect::<Vec<_>>(), vec![0]);
    for piece in &pieces[..3] {
        offsets.push(offsets[offsets.len() - 1] + item_length(piece));
    }
    Made { per_frame: true, ..Made::default() }.write(&path, "1.2.840.10008.1.2.5", &encapsulated(&offsets, &pieces));
    let whole = std::fs::read(&path).expect("readable");
    let pixels = whole.windows(4).rposition(|w| w == [0xE0, 0x7F, 0x10, 0x00]).expect("the pixels");
    for at in (128..pixels + 120).chain((pixels + 120..whole.len()).step_by(7)) {
        for value in [0x00, 0xFF, whole[at] ^ 0x01] {
            let mut bytes = whole.clone();
            bytes[at] = value;
            std::fs::write(&path, bytes).expect("written");
            try_load(&path);
        }
        std::fs::write(&path, &whole[..at]).expect("written");
        try_load(&path);
    }
}

#[test]
fn contours_on_frames_refer_to_the_frame_and_come_back_without_a_word() {
    let out = tempfile::tempdir().expect("temporary folder");
    let path = out.path().join("enhanced.dcm");
    Made::default().write(&path, EXPLICIT, &pixels());
    let ct = load_file(&path);
    let ring = || Ring::new([[-4.0, 8.0], [0.0, 8.0], [0.0, 16.0], [-4.0, 16.0]]);
    let slices = (0..4).map(|k| (k, vec![ring()])).collect();
    let structures = StructureSet { rois: vec![with_rings("all", Role::Organ, Provenance::Drawn, slices)] };
    let target = out.path().join("set.dcm");
    export_structure_set(&request(&ct, &structures, &[]), &target).expect("exports");
    let object = dicom_object::open_file(&target).expect("another reader opens it");
    let roi = object.element_by_name("ROIContourSequence").expect("there").items().expect("a sequence")[0].clone();
    let frame = |contour: &dicom_object::InMemDicomObject| {
        let image =
            contour.element_by_name("ContourImageSequence").expect("there").items().expect("a sequence")[0].clone();
        image.element_by_name("ReferencedFrameNumber").expect("there").to_int::<usize>().expect("a number")
    };
    let contours = roi.element_by_name("ContourSequence").expect("there").items().expect("a sequence").to_vec();
    let frames: Vec<usize> = contours.iter().map(frame).collect();
    assert_eq!(frames.iter().map(|n| ORDER[n - 1]).collect::<Vec<_>>(), [0, 1, 2, 3]);
    let set = load_set(&target, &ct);
    assert!(set.warnings.iter().all(|w| w.severity == Severity::Info), "{:?}", set.warnings);
    assert_eq!(set.summaries[0].rings, 4);
}
