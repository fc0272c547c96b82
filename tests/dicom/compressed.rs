//! Every transfer syntax gives the CT numbers of the uncompressed series, voxel for voxel; lossy ones are told.

use super::made::{Bits, Series, element, encapsulated, text};
use super::{load_folder, scan_one, severities};
use hilum::dicom::{CtError, LoadedCt, Severity, load_ct};
use hilum::progress::Silent;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Runs a tool for every file, into a new folder; `None` where the tool is missing (a failure under CI).
pub(super) fn converted(files: &[PathBuf], to: &Path, tool: &str, options: &[&str]) -> Option<Vec<PathBuf>> {
    if Command::new(tool).arg("--version").output().is_err() {
        assert!(std::env::var_os("CI").is_none(), "under CI {tool} must be installed (make test does it)");
        eprintln!("skipped: {tool} is not installed");
        return None;
    }
    std::fs::create_dir(to).expect("folder");
    let convert = |file: &PathBuf| {
        let target = to.join(file.file_name().expect("a name"));
        let run = Command::new(tool).args(options).arg(file).arg(&target).output().expect("runs");
        assert!(run.status.success(), "{tool} {options:?} {}", String::from_utf8_lossy(&run.stderr));
        target
    };
    Some(files.iter().map(convert).collect())
}

fn series(bits: Bits) -> Series {
    Series { bits, size: [23, 18], slices: 3 }
}

/// The largest difference between the CT numbers and those of the made series, in stored values.
fn deviation(ct: &LoadedCt, series: &Series) -> i32 {
    assert_eq!(ct.volume.grid.slices(), series.slices);
    let of_slice = |k: usize| {
        let slope = Series::rescale(k)[0];
        let loaded = ct.volume.hu.index_axis(ndarray::Axis(0), k);
        loaded.iter().zip(series.hu(k)).map(|(a, b)| ((i32::from(*a) - b).abs() + slope - 1) / slope).max().unwrap_or(0)
    };
    (0..series.slices).map(of_slice).max().unwrap_or(0)
}

/// The transfer syntax of a file, as another reader sees it.
fn syntax_of(file: &Path) -> String {
    let object = dicom_object::open_file(file).expect("another reader opens it");
    object.meta().transfer_syntax().trim_end_matches('\0').to_owned()
}

#[test]
fn every_lossless_syntax_gives_the_same_voxels_and_no_remark() {
    let jpeg_57: Vec<String> = (1..=7).map(|n| n.to_string()).collect();
    let mut tools: Vec<(&str, Vec<&str>, &str)> = vec![
        ("dcmconv", vec!["+te"], "1.2.840.10008.1.2.1"),
        ("dcmconv", vec!["+ti"], "1.2.840.10008.1.2"),
        ("dcmconv", vec!["+tb"], "1.2.840.10008.1.2.2"),
        ("dcmconv", vec!["+td"], "1.2.840.10008.1.2.1.99"),
        ("dcmcrle", vec![], "1.2.840.10008.1.2.5"),
        ("gdcmconv", vec!["--rle"], "1.2.840.10008.1.2.5"),
        ("dcmcjpeg", vec!["+e1"], "1.2.840.10008.1.2.4.70"),
        ("dcmcjpeg", vec!["+e1", "+fs", "1"], "1.2.840.10008.1.2.4.70"),
        ("gdcmconv", vec!["--jpeg"], "1.2.840.10008.1.2.4.70"),
        ("dcmcjpls", vec!["+el"], "1.2.840.10008.1.2.4.80"),
        ("dcmcjpls", vec!["+el", "+t1", "5", "+t2", "9", "+t3", "40", "+rs", "31"], "1.2.840.10008.1.2.4.80"),
        ("gdcmconv", vec!["--jpegls"], "1.2.840.10008.1.2.4.80"),
        ("gdcmconv", vec!["--j2k"], "1.2.840.10008.1.2.4.90"),
    ];
    tools.extend(jpeg_57.iter().map(|n| ("dcmcjpeg", vec!["+el", "+sv", n], "1.2.840.10008.1.2.4.57")));
    for bits in Bits::ALL {
        let (series, out) = (series(bits), tempfile::tempdir().expect("temporary folder"));
        let plain = series.write_plain(&out.path().join("plain"));
        let (_, ct) = load_folder(&out.path().join("plain"));
        assert_eq!((deviation(&ct, &series), severities(&ct.warnings)), (0, vec![]), "{bits:?}");
        for (n, (tool, options, syntax)) in tools.iter().enumerate() {
            let folder = out.path().join(n.to_string());
            let Some(files) = converted(&plain, &folder, tool, options) else { return };
            assert_eq!(syntax_of(&files[0]), *syntax, "{tool} {options:?}");
            let (_, ct) = load_folder(&folder);
            assert_eq!(
                (deviation(&ct, &series), severities(&ct.warnings)),
                (0, vec![]),
                "{bits:?} {tool} {options:?}: {:?}",
                ct.warnings
            );
        }
    }
}

#[test]
fn near_lossless_stays_within_its_bound_and_is_told() {
    // Encoders take the lowest of sixteen signed bits for the neighbour of the highest.
    for bits in Bits::ALL.into_iter().filter(|b| b.stored < 16 || !b.signed) {
        let (series, out) = (series(bits), tempfile::tempdir().expect("temporary folder"));
        let plain = series.write_plain(&out.path().join("plain"));
        let by_dcmtk: [(i32, &str, &[&str]); 2] = [(2, "dcmcjpls", &["+en"]), (9, "dcmcjpls", &["+en", "+md", "9"])];
        // dcmtk compresses no signed pixels this way.
        let by_gdcm: [(i32, &str, &[&str]); 1] = [(2, "gdcmconv", &["--jpegls", "--lossy", "-e", "2"])];
        for (near, tool, options) in if bits.signed { &by_gdcm[..] } else { &by_dcmtk } {
            let folder = out.path().join(near.to_string());
            let Some(files) = converted(&plain, &folder, tool, options) else { return };
            let (_, ct) = load_folder(&folder);
            let most = deviation(&ct, &series);
            assert!((1..=*near).contains(&most), "{bits:?}: {most} of {near}");
            assert_eq!(severities(&ct.warnings), [Severity::Info]);
            let text = &ct.warnings[0].text;
            assert!(text.contains("3 images") && text.contains("lossy compression (JPEG-LS near lossless)"), "{text}");
            assert_eq!(ct.warnings[0].files.len(), files.len());
        }
    }
}

#[test]
fn lossy_pictures_are_told_by_the_name_of_their_compression() {
    let eight = Bits::ALL[0];
    let cases: [(Bits, &str, &[&str], &str, i32); 3] = [
        (eight, "dcmcjpeg", &["+eb", "+q", "98"], "(JPEG baseline)", 60),
        (eight, "dcmcjpeg", &["+ee", "+q", "98"], "(JPEG extended)", 60),
        (Bits::ALL[1], "gdcmconv", &["--j2k", "--lossy", "-r", "2"], "(JPEG 2000)", 1500),
    ];
    for (bits, tool, options, name, most) in cases {
        let (series, out) = (series(bits), tempfile::tempdir().expect("temporary folder"));
        let plain = series.write_plain(&out.path().join("plain"));
        let folder = out.path().join("packed");
        let Some(_) = converted(&plain, &folder, tool, options) else { return };
        let (_, ct) = load_folder(&folder);
        let found = deviation(&ct, &series);
        assert!((1..most).contains(&found), "{name}: {found}");
        assert_eq!(severities(&ct.warnings), [Severity::Info], "{name}");
        assert!(ct.warnings[0].text.contains(name), "{}", ct.warnings[0]);
    }
    // Lossy once, stored without compression since.
    let (series, out) = (series(eight), tempfile::tempdir().expect("temporary folder"));
    for k in 0..3 {
        let pixels = element(0x7FE0_0010, "OB", &eight.bytes(&series.values(k)));
        let said = text(0x0028_2110, "CS", "01");
        series.write(k, &out.path().join(k.to_string()), "1.2.840.10008.1.2.1", &said, pixels);
    }
    let (_, ct) = load_folder(out.path());
    assert_eq!((deviation(&ct, &series), severities(&ct.warnings)), (0, vec![Severity::Info]));
    assert!(ct.warnings[0].text.contains("before the images were stored"), "{}", ct.warnings[0]);
}

#[test]
fn jpeg_of_twelve_bits_that_is_lossy_is_refused_with_the_reason() {
    let (series, out) = (series(Bits::ALL[1]), tempfile::tempdir().expect("temporary folder"));
    let plain = series.write_plain(&out.path().join("plain"));
    let folder = out.path().join("packed");
    let Some(_) = converted(&plain, &folder, "dcmcjpeg", &["+ee"]) else { return };
    let error = load_ct(&scan_one(&folder).series[0], &Silent, &mut |_| {}).expect_err("refused");
    assert!(error.to_string().contains("JPEG of more than 8 bits"), "{error}");
}

#[test]
fn a_compression_that_cannot_be_read_is_refused_by_name() {
    let (series, out) = (series(Bits::ALL[1]), tempfile::tempdir().expect("temporary folder"));
    for k in 0..3 {
        let pixels = encapsulated(&[], &[vec![0; 40]]);
        series.write(k, &out.path().join(k.to_string()), "1.2.840.10008.1.2.4.110", &[], pixels);
    }
    let error = load_ct(&scan_one(out.path()).series[0], &Silent, &mut |_| {}).expect_err("refused");
    assert!(matches!(error, CtError::Compression { .. }), "{error}");
    let text = error.to_string();
    assert!(text.contains("JPEG XL") && text.contains("export them uncompressed"), "{text}");
}

/// High-Throughput JPEG 2000 by the encoder of OpenJPH, which knows no DICOM.
fn high_throughput(series: &Series, folder: &Path, syntax: &str, options: &[&str]) -> Option<()> {
    if Command::new("ojph_compress").output().is_err() {
        assert!(std::env::var_os("CI").is_none(), "under CI ojph_compress must be installed (make test does it)");
        eprintln!("skipped: ojph_compress is not installed");
        return None;
    }
    std::fs::create_dir(folder).expect("folder");
    let work = tempfile::tempdir().expect("temporary folder");
    let (raw, packed) = (work.path().join("picture.yuv"), work.path().join("picture.j2c"));
    for k in 0..series.slices {
        // The tool takes no signed values. Shifted into the positive they have the same coefficients, though.
        let low = series.bits.range()[0];
        let values: Vec<i32> = series.values(k).into_iter().map(|v| v - low).collect();
        std::fs::write(&raw, series.bits.bytes(&values)).expect("written");
        let run = Command::new("ojph_compress")
            .args(["-i".as_ref(), raw.as_os_str(), "-o".as_ref(), packed.as_os_str()])
            .args(["-dims", &format!("{{{},{}}}", series.size[0], series.size[1])])
            .args(["-num_comps", "1", "-downsamp", "{1,1}", "-num_decomps", "3"])
            .args(["-signed", "false", "-bit_depth", &series.bits.stored.to_string()])
            .args(options)
            .output()
            .expect("runs");
        assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stdout));
        let mut stream = std::fs::read(&packed).expect("the stream");
        // The sign of the component in the size segment.
        stream[42] |= if series.bits.signed { 0x80 } else { 0 };
        let lossy = if options.contains(&"-qstep") { text(0x0028_2110, "CS", "01") } else { Vec::new() };
        series.write(k, &folder.join(k.to_string()), syntax, &lossy, encapsulated(&[], &[stream]));
    }
    Some(())
}

#[test]
fn high_throughput_jpeg_2000_gives_the_same_voxels() {
    let lossless = ["-reversible", "true"];
    for bits in Bits::ALL {
        let (series, out) = (series(bits), tempfile::tempdir().expect("temporary folder"));
        let cases = [("201", "LRCP"), ("202", "RPCL"), ("203", "CPRL")];
        for (syntax, order) in cases {
            let folder = out.path().join(syntax);
            let options = [&lossless[..], &["-prog_order", order]].concat();
            let syntax = format!("1.2.840.10008.1.2.4.{syntax}");
            if high_throughput(&series, &folder, &syntax, &options).is_none() {
                return;
            }
            let (_, ct) = load_folder(&folder);
            assert_eq!((deviation(&ct, &series), severities(&ct.warnings)), (0, vec![]), "{bits:?} {syntax}");
        }
    }
    let (series, out) = (series(Bits::ALL[1]), tempfile::tempdir().expect("temporary folder"));
    let folder = out.path().join("lossy");
    let options = ["-qstep", "0.001"];
    if high_throughput(&series, &folder, "1.2.840.10008.1.2.4.203", &options).is_some() {
        let (_, ct) = load_folder(&folder);
        assert!((1..60).contains(&deviation(&ct, &series)), "{}", deviation(&ct, &series));
        assert!(ct.warnings[0].text.contains("(High-Throughput JPEG 2000)"), "{}", ct.warnings[0]);
    }
}

#[test]
fn damage_anywhere_in_the_compressed_pixels_never_ends_the_load() {
    let series = Series { bits: Bits::ALL[2], size: [12, 10], slices: 3 };
    let out = tempfile::tempdir().expect("temporary folder");
    let plain = series.write_plain(&out.path().join("plain"));
    let tools: [(&str, &[&str]); 5] = [
        ("dcmcjpeg", &["+e1"]),
        ("dcmcrle", &[]),
        ("dcmcjpls", &["+el"]),
        ("gdcmconv", &["--jpegls", "--lossy", "-e", "2"]),
        ("gdcmconv", &["--j2k"]),
    ];
    let mut folders = Vec::new();
    for (n, (tool, options)) in tools.into_iter().enumerate() {
        let folder = out.path().join(n.to_string());
        if converted(&plain, &folder, tool, options).is_some() {
            folders.push(folder);
        }
    }
    let folder = out.path().join("high");
    if high_throughput(&series, &folder, "1.2.840.10008.1.2.4.201", &["-reversible", "true"]).is_some() {
        folders.push(folder);
    }
    for folder in folders {
        let mut files: Vec<PathBuf> = std::fs::read_dir(&folder).expect("there").flatten().map(|e| e.path()).collect();
        files.sort();
        let whole = std::fs::read(&files[1]).expect("readable");
        let pixels = whole.windows(4).rposition(|w| w == [0xE0, 0x7F, 0x10, 0x00]).expect("the pixels");
        let load_with = |bytes: &[u8], what: &str| {
            std::fs::write(&files[1], bytes).expect("written");
            let ct = load_ct(&scan_one(&folder).series[0], &Silent, &mut |_| {}).expect("two slices remain");
            assert!((2..=3).contains(&ct.volume.grid.slices()), "{} {what}", folder.display());
        };
        for at in pixels + 12..whole.len() {
            for value in [0x00, 0xFF, whole[at] ^ 0x40, whole[at] ^ 0x01] {
                let mut bytes = whole.clone();
                bytes[at] = value;
                load_with(&bytes, &format!("{at} {value}"));
            }
            load_with(&whole[..at], &format!("up to {at}"));
        }
    }
}
