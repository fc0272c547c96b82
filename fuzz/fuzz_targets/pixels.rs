//! Any bytes as the compressed pixels of a whole CT image of 32 x 32. The first byte chooses the transfer syntax.

#![no_main]

use hilum::dicom::{load_ct, scan};
use hilum::progress::Silent;
use libfuzzer_sys::fuzz_target;
use std::path::PathBuf;
use std::sync::LazyLock;

const SYNTAXES: [&str; 9] = [
    "1.2.840.10008.1.2.5",
    "1.2.840.10008.1.2.4.50",
    "1.2.840.10008.1.2.4.57",
    "1.2.840.10008.1.2.4.70",
    "1.2.840.10008.1.2.4.80",
    "1.2.840.10008.1.2.4.81",
    "1.2.840.10008.1.2.4.90",
    "1.2.840.10008.1.2.4.91",
    "1.2.840.10008.1.2.1.99",
];

static PATH: LazyLock<PathBuf> =
    LazyLock::new(|| std::env::temp_dir().join(format!("hilum-fuzz-pixels-{}.dcm", std::process::id())));

fn element(tag: [u16; 2], vr: &str, value: &[u8]) -> Vec<u8> {
    let padded = value.len() + value.len() % 2;
    let mut bytes: Vec<u8> = tag.iter().flat_map(|t| t.to_le_bytes()).collect();
    bytes.extend(vr.as_bytes());
    if matches!(vr, "OB" | "OW") {
        bytes.extend([0, 0]);
        bytes.extend((padded as u32).to_le_bytes());
    } else {
        bytes.extend((padded as u16).to_le_bytes());
    }
    bytes.extend(value);
    bytes.resize(bytes.len() + padded - value.len(), if vr == "UI" { 0 } else { b' ' });
    bytes
}

fn header() -> Vec<u8> {
    let number = |n: u16| n.to_le_bytes().to_vec();
    [
        element([8, 0x16], "UI", b"1.2.840.10008.5.1.4.1.1.2"),
        element([8, 0x18], "UI", b"1.2.3.4"),
        element([8, 0x60], "CS", b"CT"),
        element([0x20, 0x0D], "UI", b"1.2.3"),
        element([0x20, 0x0E], "UI", b"1.2.3.1"),
        element([0x20, 0x32], "DS", b"0\\0\\0"),
        element([0x20, 0x37], "DS", b"1\\0\\0\\0\\1\\0"),
        element([0x20, 0x52], "UI", b"1.2.3.2"),
        element([0x28, 2], "US", &number(1)),
        element([0x28, 4], "CS", b"MONOCHROME2"),
        element([0x28, 0x10], "US", &number(32)),
        element([0x28, 0x11], "US", &number(32)),
        element([0x28, 0x30], "DS", b"1\\1"),
        element([0x28, 0x100], "US", &number(16)),
        element([0x28, 0x101], "US", &number(16)),
        element([0x28, 0x102], "US", &number(15)),
        element([0x28, 0x103], "US", &number(1)),
        element([0x28, 0x1052], "DS", b"0"),
        element([0x28, 0x1053], "DS", b"1"),
    ]
    .concat()
}

fuzz_target!(|bytes: &[u8]| {
    let Some((first, stream)) = bytes.split_first() else { return };
    let syntax = SYNTAXES[usize::from(*first) % SYNTAXES.len()];
    let meta = [element([2, 2], "UI", b"1.2.840.10008.5.1.4.1.1.2"), element([2, 0x10], "UI", syntax.as_bytes())].concat();
    let mut file = vec![0; 128];
    file.extend(b"DICM");
    file.extend(element([2, 0], "UL", &(meta.len() as u32).to_le_bytes()));
    file.extend(meta);
    if syntax.ends_with(".99") {
        // A deflated data set from its first byte on.
        file.extend(stream);
    } else {
        file.extend(header());
        file.extend([0xE0, 0x7F, 0x10, 0, b'O', b'B', 0, 0, 0xFF, 0xFF, 0xFF, 0xFF]);
        file.extend([0xFE, 0xFF, 0, 0xE0, 0, 0, 0, 0]);
        file.extend([0xFE, 0xFF, 0, 0xE0]);
        file.extend((stream.len() as u32).to_le_bytes());
        file.extend(stream);
        file.extend([0xFE, 0xFF, 0xDD, 0xE0, 0, 0, 0, 0]);
    }
    std::fs::write(&*PATH, file).expect("written");
    let Ok(found) = scan(&[PATH.clone()], &Silent) else { return };
    for series in &found.series {
        let _ = load_ct(series, &Silent, &mut |_| {});
    }
});
