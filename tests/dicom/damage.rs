//! Files cut off and damaged at any place: a refusal or a report, no panic, no memory beyond the file.

use super::export::{request, with_rings};
use super::made_sets::{
    Item, SYNTAXES, Syntax, change, closed, contour, contour_with_data, file, items, items_of, roi, square,
    structure_set, text,
};
use super::odd_sets::{load_made, small_ct};
use super::scan_one;
use crate::support::test_data;
use hilum::contour::{Ring, rasterize};
use hilum::dicom::{ExportError, LoadedCt, LoadedStructureSet, Severity, export_structure_set, load_ct, scan};
use hilum::progress::Silent;
use hilum::structures::{Provenance, Role, StructureSet};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

fn two_rois(ct: &LoadedCt) -> Item {
    let rings = |half: f64| [2.0, 4.0].map(|z| closed(&square([7.5, 7.5], half, z))).to_vec();
    structure_set(&ct.meta, vec![roi("GTVp", rings(2.0)), roi("Lung_L", rings(6.0))])
}

fn is_told(set: &LoadedStructureSet) -> bool {
    set.warnings.iter().any(|w| w.severity >= Severity::Warning)
}

/// Cuts a structure set at these lengths. What still loads says that something is missing, or lost nothing.
fn cut_everywhere(whole: &[u8], lengths: impl Iterator<Item = usize>, ct: &LoadedCt, path: &Path) {
    std::fs::write(path, whole).expect("written");
    let complete = load_made(path, ct).expect("loads");
    let (mut refused, mut told) = (0, 0);
    for length in lengths {
        std::fs::write(path, &whole[..length]).expect("written");
        match load_made(path, ct) {
            Err(error) => {
                let text = error.to_string();
                assert!(text.contains("cannot be read") || text.contains("no structure set"), "{length}: {text}");
                refused += 1;
            }
            Ok(set) if is_told(&set) => told += 1,
            Ok(set) => {
                assert_eq!(set.summaries, complete.summaries, "cut at {length} of {}", whole.len());
            }
        }
    }
    assert!(refused > 100 && told >= 2, "{refused} refused, {told} told");
}

#[test]
fn a_structure_set_cut_at_any_byte_is_refused_or_told_in_every_transfer_syntax() {
    let out = tempfile::tempdir().expect("temporary folder");
    let ct = small_ct(&out.path().join("ct"));
    for syntax in SYNTAXES {
        let whole = file(&two_rois(&ct), syntax);
        if syntax == Syntax::Deflated {
            // Packed data have no boundaries to be cut at by chance.
            for length in 0..whole.len() - 8 {
                let path = out.path().join("set.dcm");
                std::fs::write(&path, &whole[..length]).expect("written");
                assert!(load_made(&path, &ct).is_err(), "{length} of {}", whole.len());
            }
        } else {
            cut_everywhere(&whole, 0..whole.len(), &ct, &out.path().join("set.dcm"));
        }
    }
}

#[test]
fn our_own_structure_set_cut_at_any_byte_is_refused_or_told() {
    let out = tempfile::tempdir().expect("temporary folder");
    let ct = small_ct(&out.path().join("ct"));
    let ring = |at: f64| Ring::new([[at, 2.0], [at + 6.0, 2.0], [at + 3.0, 9.5]]);
    let rois = vec![
        with_rings("GTVp", Role::Gtvp, Provenance::Drawn, vec![(1, vec![ring(1.0)]), (2, vec![ring(2.0)])]),
        with_rings("食道", Role::Organ, Provenance::Drawn, vec![(3, vec![ring(3.0)])]),
    ];
    let target = out.path().join("ours.dcm");
    export_structure_set(&request(&ct, &StructureSet { rois }, &[]), &target).expect("exports");
    let whole = std::fs::read(&target).expect("readable");
    cut_everywhere(&whole, 0..whole.len(), &ct, &out.path().join("cut.dcm"));
}

/// Where attributes and items of a little endian file start, at every depth.
fn boundaries(bytes: &[u8], implicit: bool) -> Vec<usize> {
    let u16_at = |at: usize| usize::from(u16::from_le_bytes([bytes[at], bytes[at + 1]]));
    let u32_at = |at: usize| u16_at(at) | u16_at(at + 2) << 16;
    let mut starts = Vec::new();
    let mut at = 132;
    while at + 8 <= bytes.len() {
        starts.push(at);
        let group = u16_at(at);
        let explicit = group == 2 || !implicit && group != 0xFFFE;
        let (header, length, is_sequence) = if explicit {
            let vr = &bytes[at + 4..at + 6];
            let long = matches!(vr, b"SQ" | b"UN" | b"OB" | b"OW" | b"UT");
            (if long { 12 } else { 8 }, if long { u32_at(at + 8) } else { u16_at(at + 6) }, vr == b"SQ")
        } else {
            let element = u16_at(at + 2);
            let sequences = [0x10, 0x12, 0x14, 0x16, 0x20, 0x39, 0x40, 0x80];
            (8, u32_at(at + 4), group == 0x3006 && sequences.contains(&element))
        };
        // Into sequences and items, over values.
        at += header + if is_sequence || group == 0xFFFE || length == 0xFFFF_FFFF { 0 } else { length };
    }
    starts
}

#[test]
fn a_clinical_set_cut_at_any_attribute_is_refused_or_told() {
    for name in ["rtutils-phantom/sample", "sts012-ct"] {
        let Some(folder) = test_data(name) else { return };
        let found = scan_one(&folder);
        let ct = load_ct(&found.series[0], &Silent, &mut |_| {}).expect("loads");
        let whole = std::fs::read(&found.structure_sets[0].path).expect("readable");
        let syntax = whole.windows(6).position(|w| w == b"\x02\x00\x10\x00UI").expect("the transfer syntax") + 8;
        let starts = boundaries(&whole, whole[syntax..].starts_with(b"1.2.840.10008.1.2\0"));
        assert!(starts.len() > 200, "{name}: {}", starts.len());
        // A whole set loads for each: not more than two hundred of them, the last ones all.
        let step = starts.len() / 150 + 1;
        let lengths = starts.iter().rev().enumerate().filter(|(n, _)| *n < 40 || n % step == 0).map(|(_, at)| *at);
        let out = tempfile::tempdir().expect("temporary folder");
        let path = out.path().join("cut.dcm");
        std::fs::write(&path, &whole).expect("written");
        let complete = load_made(&path, &ct).expect("loads");
        for length in lengths {
            std::fs::write(&path, &whole[..length]).expect("written");
            if let Ok(set) = load_made(&path, &ct) {
                let whole = set.summaries == complete.summaries;
                assert!(whole || is_told(&set), "{name}: cut at {length} of {}", complete.source.path.display());
            }
        }
    }
}

#[test]
fn an_image_cut_at_any_byte_is_named_and_left_out() {
    let out = tempfile::tempdir().expect("temporary folder");
    let folder = out.path().join("ct");
    let ct = small_ct(&folder);
    let victim = ct.meta.slices[2].path.clone();
    let whole = std::fs::read(&victim).expect("readable");
    // Alone: a refusal with a sentence. Its header is shorter than two thousand bytes.
    let alone = out.path().join("alone.dcm");
    for length in 0..whole.len() {
        std::fs::write(&alone, &whole[..length]).expect("written");
        let refusal = match scan(std::slice::from_ref(&alone), &Silent) {
            Err(error) => error.to_string(),
            Ok(found) => match load_ct(&found.series[0], &Silent, &mut |_| {}) {
                Err(error) => error.to_string(),
                Ok(_) => panic!("a slice cut at {length} of {} is no scan", whole.len()),
            },
        };
        assert!(refusal.len() > 20 && !refusal.contains("panicked"), "{refusal}");
    }
    // Among others: the file is named.
    for length in (132..whole.len()).step_by(29).chain([whole.len() - 1, whole.len() - 512, whole.len() - 520]) {
        std::fs::write(&victim, &whole[..length]).expect("written");
        let found = scan_one(&folder);
        let loaded = load_ct(&found.series[0], &Silent, &mut |_| {}).expect("five slices remain");
        assert_eq!(loaded.volume.grid.slices(), 5, "cut at {length}");
        let named = found.warnings.iter().chain(&loaded.warnings).any(|w| w.files.contains(&victim));
        assert!(named && !loaded.meta.geometry_safe, "cut at {length}");
    }
}

#[test]
fn a_changed_byte_never_ends_the_program() {
    let out = tempfile::tempdir().expect("temporary folder");
    let ct = small_ct(&out.path().join("ct"));
    let path = out.path().join("set.dcm");
    for syntax in SYNTAXES {
        let whole = file(&two_rois(&ct), syntax);
        for at in 132..whole.len() {
            let values = [whole[at] ^ 0x10, 0xFF, 0x00];
            // The plain ones twice, the others once.
            let tried = if matches!(syntax, Syntax::Implicit | Syntax::Explicit) { 2 } else { 1 };
            for n in 0..tried {
                let mut bytes = whole.clone();
                bytes[at] = values[(at + n) % 3];
                std::fs::write(&path, bytes).expect("written");
                if let Ok(set) = load_made(&path, &ct) {
                    set.rois.iter().for_each(|r| drop(rasterize(&ct.volume.grid, &r.slices)));
                }
            }
        }
    }
}

/// The length of the first attribute of this tag becomes as long as no file is.
fn with_endless_length(data: &Item, syntax: Syntax, tag: [u8; 4], long: bool) -> Vec<u8> {
    let mut bytes = file(data, syntax);
    let at = bytes.windows(4).rposition(|w| w == tag).expect("the attribute");
    let at = at + if syntax == Syntax::Explicit && long { 8 } else { 4 };
    let at = if syntax == Syntax::BigEndian && long { at + 4 } else { at };
    let endless: u32 = 0xFFFF_FFF0;
    let field = if syntax == Syntax::BigEndian { endless.to_be_bytes() } else { endless.to_le_bytes() };
    bytes[at..at + 4].copy_from_slice(&field);
    bytes
}

/// Sets whose lengths promise four gigabytes, and one that grows without end as it is unpacked.
fn greedy_sets(ct: &LoadedCt) -> Vec<(&'static str, Vec<u8>)> {
    let data = two_rois(ct);
    let mut unknown = data.clone();
    change(&mut unknown, 0x3007, 0x1001, Some(text(0x3007, 0x1001, "OW", [1, 2])));
    let mut bomb = file(&Item::new(), Syntax::Deflated);
    bomb.truncate(bomb.len() - 2);
    let mut head = Vec::new();
    // An unknown attribute of one gigabyte in Explicit VR.
    head.extend_from_slice(&[0x09, 0, 0x01, 0x10, b'O', b'B', 0, 0]);
    head.extend_from_slice(&(1u32 << 30).to_le_bytes());
    let mut packer = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut packer, &head).expect("in memory");
    let zeros = vec![0; 1 << 20];
    (0..400).for_each(|_| std::io::Write::write_all(&mut packer, &zeros).expect("in memory"));
    bomb.extend(packer.finish().expect("in memory"));
    vec![
        ("implicit sequence", with_endless_length(&data, Syntax::Implicit, [6, 0x30, 0x39, 0], true)),
        ("implicit data", with_endless_length(&data, Syntax::Implicit, [6, 0x30, 0x50, 0], true)),
        ("implicit item", with_endless_length(&data, Syntax::Implicit, [0xFE, 0xFF, 0, 0xE0], true)),
        ("explicit sequence", with_endless_length(&data, Syntax::Explicit, [6, 0x30, 0x39, 0], true)),
        ("explicit words", with_endless_length(&unknown, Syntax::Explicit, [7, 0x30, 1, 0x10], true)),
        ("big endian sequence", with_endless_length(&data, Syntax::BigEndian, [0x30, 6, 0, 0x39], true)),
        ("big endian words", with_endless_length(&unknown, Syntax::BigEndian, [0x30, 7, 0x10, 1], true)),
        ("unpacks without end", bomb),
    ]
}

#[test]
fn lengths_without_end_cost_no_memory_and_are_named() {
    let out = tempfile::tempdir().expect("temporary folder");
    let folder = out.path().join("case");
    let ct = small_ct(&folder);
    std::fs::write(folder.join("whole.dcm"), file(&two_rois(&ct), Syntax::Implicit)).expect("written");
    let greedy = greedy_sets(&ct);
    for (name, bytes) in &greedy {
        std::fs::write(folder.join(format!("{name}.dcm")), bytes).expect("written");
        let error = load_made(&folder.join(format!("{name}.dcm")), &ct).expect_err("refused");
        assert!(error.to_string().contains("cut off or damaged"), "{name}: {error}");
    }
    // The program itself, with little more than it needs: what it reads of these files is no larger than they are.
    let program = assert_cmd::cargo::cargo_bin("hilum");
    let script = "ulimit -v 1200000; exec \"$0\" \"$@\"";
    let run = Command::new("sh").args(["-c", script]).arg(&program).arg("inspect").arg(&folder).output().expect("runs");
    let said = String::from_utf8_lossy(&run.stderr).into_owned() + &String::from_utf8_lossy(&run.stdout);
    assert_eq!(run.status.code(), Some(0), "{said}");
    assert!(said.contains("GTVp"), "the whole set is opened: {said}");
    // Alone each is refused: code 3 and one sentence.
    for (name, _) in &greedy {
        let run = Command::new(&program).arg("inspect").arg(folder.join(format!("{name}.dcm"))).output().expect("runs");
        let said = String::from_utf8_lossy(&run.stderr);
        assert_eq!(run.status.code(), Some(3), "{name}: {said}");
        assert_eq!(said.lines().filter(|l| l.starts_with("error: ")).count(), 1, "{name}: {said}");
    }
}

fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus")
}

#[test]
fn the_corpus_hurts_no_reader() {
    let out = tempfile::tempdir().expect("temporary folder");
    let folder = out.path().join("ct");
    let ct = small_ct(&folder);
    let mut files: Vec<PathBuf> = std::fs::read_dir(corpus()).expect("readable").flatten().map(|e| e.path()).collect();
    files.retain(|f| f.extension().is_some_and(|e| e == "dcm"));
    files.sort();
    let bytes: u64 = files.iter().map(|f| f.metadata().expect("there").len()).sum();
    assert!((20..=40).contains(&files.len()) && bytes < 60_000, "{} files, {bytes} bytes", files.len());
    for path in &files {
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        // As an image or a set among whole ones, and alone.
        let copy = folder.join(&name);
        std::fs::copy(path, &copy).expect("copied");
        let found = scan(std::slice::from_ref(&folder), &Silent).expect("the others are whole");
        for series in &found.series {
            if let Ok(loaded) = load_ct(series, &Silent, &mut |_| {}) {
                assert!(loaded.volume.grid.slices() >= 1, "{name}");
            }
        }
        std::fs::remove_file(&copy).expect("removed");
        let _ = scan(std::slice::from_ref(path), &Silent);
        let Ok(set) = load_made(path, &ct) else { continue };
        // What loads can be exported, and is what it was.
        let structures = StructureSet { rois: set.rois.clone() };
        let sources = [Arc::clone(&set.source)];
        let target = out.path().join("again.dcm");
        if structures.rois.is_empty() {
            continue;
        }
        match export_structure_set(&request(&ct, &structures, &sources), &target) {
            Ok(proof) => {
                assert_eq!(proof.rings_identical, set.summaries.iter().map(|s| s.contours).sum::<usize>(), "{name}");
                std::fs::remove_file(&target).expect("removed");
            }
            // A sequence that is none cannot be written in Implicit VR, and nothing is written.
            Err(ExportError::ReadBack { .. }) if name == "contours-are-bytes.dcm" => {}
            Err(error) => panic!("{name}: {error}"),
        }
    }
}

/// Writes `tests/corpus` anew: `cargo test --test promises make_the_corpus -- --ignored`.
#[test]
#[ignore = "writes into the repository"]
fn make_the_corpus() {
    let out = tempfile::tempdir().expect("temporary folder");
    let mut ct = small_ct(&out.path().join("ct"));
    // A single reference and fixed names keep the files small and the same.
    let meta = Arc::make_mut(&mut ct.meta);
    meta.slices.truncate(1);
    let good = || closed(&square([7.5, 7.5], 3.0, 4.0));
    let write = |name: &str, bytes: &[u8]| {
        std::fs::create_dir_all(corpus()).expect("folder");
        std::fs::write(corpus().join(format!("{name}.dcm")), bytes).expect("written");
    };
    let one = structure_set(&ct.meta, vec![roi("GTVp", vec![good()])]);
    for syntax in SYNTAXES {
        write(&format!("set-{}", format!("{syntax:?}").to_lowercase()), &file(&one, syntax));
    }
    let whole = file(&one, Syntax::Implicit);
    write("cut-in-contours", &whole[..whole.len() - 200]);
    write("cut-before-contours", &whole[..whole.windows(4).rposition(|w| w == [6, 0x30, 0x39, 0]).expect("there")]);
    write("cut-in-meta", &whole[..170]);
    write("preamble-only", &whole[..132]);
    let mut zeros = whole.clone();
    let middle = zeros.len() - 300;
    zeros[middle..].fill(0);
    write("zeros-at-the-end", &zeros);
    for (name, syntax, tag) in [
        ("endless-implicit", Syntax::Implicit, [6, 0x30, 0x50, 0]),
        ("endless-item", Syntax::Implicit, [0xFE, 0xFF, 0, 0xE0]),
        ("endless-explicit", Syntax::Explicit, [6, 0x30, 0x39, 0]),
        ("endless-big-endian", Syntax::BigEndian, [0x30, 6, 0, 0x39]),
    ] {
        write(name, &with_endless_length(&one, syntax, tag, true));
    }
    // Sequences in sequences, deeper than any reader should follow.
    let mut deep = vec![text(0x3006, 0x22, "IS", "1")];
    for _ in 0..60 {
        deep = vec![items(0x3006, 0x20, vec![deep])];
    }
    let mut data = one.clone();
    change(&mut data, 0x3006, 0x20, deep.pop());
    write("deep-undefined", &file(&data, Syntax::Undefined));
    write("deep-defined", &file(&data, Syntax::Explicit));
    let odd = |contours: Vec<Item>| file(&structure_set(&ct.meta, vec![roi("odd", contours)]), Syntax::Explicit);
    let data_of = |data: &str| odd(vec![good(), contour_with_data("CLOSED_PLANAR", 3, data)]);
    write("points-infinite", &data_of("inf\\-inf\\4\\nan\\1\\4\\1\\1\\4"));
    write("points-huge", &data_of("1e308\\-1e308\\4\\1e308\\1e308\\4\\-1e308\\1\\4"));
    write("points-tiny", &data_of("1e-320\\2\\4\\3e-310\\2\\4\\0\\-0\\4"));
    write("points-words", &data_of("left\\right\\up"));
    write("points-two-of-three", &data_of("1\\2\\4\\5\\6"));
    write("points-separators", &data_of("\\\\\\\\\\\\\\\\"));
    write("points-one", &odd(vec![good(), closed(&[[7.0, 7.0, 4.0]])]));
    write("points-all-the-same", &odd(vec![good(), closed(&[[7.0, 7.0, 4.0]; 5])]));
    write("items-empty", &odd(vec![Item::new(), good(), Item::new()]));
    write("kind-unknown", &odd(vec![good(), contour("\u{0}\u{0}", &square([7.0, 7.0], 2.0, 4.0))]));
    let mut data = one.clone();
    for (group, element) in [(0x3006, 0x20), (0x3006, 0x39), (0x3006, 0x80), (0x3006, 0x10)] {
        items_of(&mut data, group, element).extend([Item::new(), Item::new()]);
    }
    write("lists-with-empty-items", &file(&data, Syntax::Undefined));
    let mut data = one.clone();
    change(&mut data, 0x3006, 0x39, Some(text(0x3006, 0x39, "OB", "no sequence at all")));
    write("contours-are-bytes", &file(&data, Syntax::Explicit));
    let mut data = one.clone();
    change(&mut data, 8, 5, Some(text(8, 5, "CS", "\\ISO 2022 IR 87\\NONSENSE")));
    items_of(&mut data, 0x3006, 0x20)[0].retain(|_| true);
    change(
        &mut items_of(&mut data, 0x3006, 0x20)[0],
        0x3006,
        0x26,
        Some(text(0x3006, 0x26, "LO", b"\x1b$B\x7e\x1b\x1b$)C\xff")),
    );
    write("name-of-escapes", &file(&data, Syntax::Implicit));
    let mut data = one.clone();
    change(&mut items_of(&mut data, 0x3006, 0x20)[0], 0x3006, 0x22, Some(text(0x3006, 0x22, "IS", "99999999999999")));
    write("number-too-large", &file(&data, Syntax::Implicit));
    let mut data = one.clone();
    for sequence in [0x20, 0x39, 0x80] {
        let tag = if sequence == 0x20 { 0x22 } else { 0x84 };
        change(
            &mut items_of(&mut data, 0x3006, sequence)[0],
            0x3006,
            tag,
            Some(text(0x3006, tag, "IS", "-2147483648")),
        );
    }
    write("number-lowest", &file(&data, Syntax::Implicit));
    // Images: sizes and bits that no image has.
    let image = std::fs::read(&ct.meta.slices[0].path).expect("readable");
    let with = |tag: [u8; 4], value: [u8; 2]| {
        let mut bytes = image.clone();
        let at = bytes.windows(4).position(|w| w == tag).expect("the attribute");
        bytes[at + 8..at + 10].copy_from_slice(&value);
        bytes
    };
    write("image-cut", &image[..image.len() - 300]);
    write("image-65535-rows", &with([0x28, 0, 0x10, 0], [255, 255]));
    write("image-no-columns", &with([0x28, 0, 0x11, 0], [0, 0]));
    write("image-0-bits-stored", &with([0x28, 0, 1, 1], [0, 0]));
    write("image-bit-255", &with([0x28, 0, 2, 1], [255, 255]));
}
