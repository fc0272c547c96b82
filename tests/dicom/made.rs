//! CT images and multi-frame files made byte by byte, so that tests choose every attribute.

use std::path::Path;

pub(crate) const CT: &str = "1.2.840.10008.5.1.4.1.1.2";
pub(crate) const ENHANCED_CT: &str = "1.2.840.10008.5.1.4.1.1.2.1";
pub(crate) const EXPLICIT: &str = "1.2.840.10008.1.2.1";

/// One attribute in Explicit VR Little Endian; text is padded.
pub(crate) fn element(tag: u32, vr: &str, value: &[u8]) -> Vec<u8> {
    let pad = if matches!(vr, "UI" | "OB" | "OW") { 0 } else { b' ' };
    let value = [value, if value.len() % 2 == 1 { std::slice::from_ref(&pad) } else { &[] }].concat();
    let head = [&((tag >> 16) as u16).to_le_bytes()[..], &(tag as u16).to_le_bytes(), vr.as_bytes()].concat();
    let length = value.len() as u32;
    if matches!(vr, "OB" | "OW" | "SQ" | "UN" | "UT" | "OV") {
        [head, vec![0; 2], length.to_le_bytes().to_vec(), value].concat()
    } else {
        [head, (length as u16).to_le_bytes().to_vec(), value].concat()
    }
}

pub(crate) fn text(tag: u32, vr: &str, value: &str) -> Vec<u8> {
    element(tag, vr, value.as_bytes())
}

pub(crate) fn us(tag: u32, value: u16) -> Vec<u8> {
    element(tag, "US", &value.to_le_bytes())
}

pub(crate) fn sequence(tag: u32, items: &[Vec<u8>]) -> Vec<u8> {
    element(tag, "SQ", &items.iter().flat_map(|i| item(i)).collect::<Vec<u8>>())
}

fn item(bytes: &[u8]) -> Vec<u8> {
    [&[0xFE, 0xFF, 0x00, 0xE0][..], &(bytes.len() as u32).to_le_bytes(), bytes].concat()
}

/// Bytes that a fragment takes with its item.
pub(crate) fn item_length(fragment: &[u8]) -> u32 {
    (8 + fragment.len() + fragment.len() % 2) as u32
}

/// Pixel data in fragments, with their offset table.
pub(crate) fn encapsulated(table: &[u32], fragments: &[Vec<u8>]) -> Vec<u8> {
    let mut out = vec![0xE0, 0x7F, 0x10, 0x00, b'O', b'B', 0, 0, 0xFF, 0xFF, 0xFF, 0xFF];
    out.extend(item(&table.iter().flat_map(|o| o.to_le_bytes()).collect::<Vec<u8>>()));
    for fragment in fragments {
        let pad: &[u8] = if fragment.len() % 2 == 1 { &[0] } else { &[] };
        out.extend(item(&[fragment, pad].concat()));
    }
    out.extend([0xFE, 0xFF, 0xDD, 0xE0, 0, 0, 0, 0]);
    out
}

/// Writes a Part 10 file of these attributes, which must be in order.
pub(crate) fn write(path: &Path, class: &str, instance: &str, syntax: &str, attributes: &[Vec<u8>]) {
    let meta = [
        element(0x0002_0001, "OB", &[0, 1]),
        text(0x0002_0002, "UI", class),
        text(0x0002_0003, "UI", instance),
        text(0x0002_0010, "UI", syntax),
        text(0x0002_0012, "UI", "1.2.826.0.1.3680043.10.1"),
    ]
    .concat();
    let length = element(0x0002_0000, "UL", &(meta.len() as u32).to_le_bytes());
    let whole = [vec![0; 128], b"DICM".to_vec(), length, meta, attributes.concat()].concat();
    std::fs::write(path, whole).expect("written");
}

/// How pixels are stored.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bits {
    pub allocated: u16,
    pub stored: u16,
    pub signed: bool,
}

impl Bits {
    pub(crate) const ALL: [Self; 6] = [
        Self { allocated: 8, stored: 8, signed: false },
        Self { allocated: 16, stored: 12, signed: false },
        Self { allocated: 16, stored: 12, signed: true },
        Self { allocated: 16, stored: 14, signed: true },
        Self { allocated: 16, stored: 16, signed: false },
        Self { allocated: 16, stored: 16, signed: true },
    ];

    /// Lowest and highest value.
    pub(crate) fn range(self) -> [i32; 2] {
        let half = 1 << (self.stored - 1);
        if self.signed { [-half, half - 1] } else { [0, 2 * half - 1] }
    }

    pub(crate) fn bytes(self, values: &[i32]) -> Vec<u8> {
        let width = usize::from(self.allocated / 8);
        values.iter().flat_map(|v| v.to_le_bytes()[..width].to_vec()).collect()
    }

    pub(crate) fn attributes(self, [columns, rows]: [u16; 2]) -> Vec<u8> {
        [
            us(0x0028_0010, rows),
            us(0x0028_0011, columns),
            us(0x0028_0100, self.allocated),
            us(0x0028_0101, self.stored),
            us(0x0028_0102, self.stored - 1),
            us(0x0028_0103, u16::from(self.signed)),
        ]
        .concat()
    }

    /// A picture that is smooth, flat and noisy by turns and reaches both ends of the range.
    pub(crate) fn picture(self, [columns, rows]: [u16; 2], seed: u32) -> Vec<i32> {
        let [low, high] = self.range();
        let span = (high - low + 1) as u32;
        let mut state = seed.wrapping_mul(747_796_405).wrapping_add(1);
        let mut noise = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            state >> 16
        };
        let (columns, rows) = (u32::from(columns), u32::from(rows));
        (0..columns * rows)
            .map(|n| {
                let (x, y) = (n % columns, n / columns);
                low + match y % 4 {
                    0 => (x * span / columns + noise() % 5).min(span - 1),
                    1 => span / 3 + seed % 7,
                    2 => noise() * 65537 % span,
                    _ => [0, span - 1, span / 2, 1][(x / 3 + noise() % 2) as usize % 4],
                } as i32
            })
            .collect()
    }
}

/// A series of single CT images, 2 mm apart, each with a rescale of its own.
pub(crate) struct Series {
    pub bits: Bits,
    pub size: [u16; 2],
    pub slices: usize,
}

impl Series {
    pub(crate) fn rescale(k: usize) -> [i32; 2] {
        [1 + (k % 2) as i32, -1000 - k as i32]
    }

    pub(crate) fn values(&self, k: usize) -> Vec<i32> {
        self.bits.picture(self.size, k as u32)
    }

    /// The CT numbers of a slice; what does not fit sixteen bits stays at their ends.
    pub(crate) fn hu(&self, k: usize) -> Vec<i32> {
        let [slope, intercept] = Self::rescale(k);
        let hu = |v: i32| (v * slope + intercept).clamp(i32::from(i16::MIN), i32::from(i16::MAX));
        self.values(k).into_iter().map(hu).collect()
    }

    pub(crate) fn write(&self, k: usize, path: &Path, syntax: &str, extra: &[u8], pixels: Vec<u8>) {
        let [slope, intercept] = Self::rescale(k);
        let instance = format!("1.2.826.0.1.3680043.10.2.{}", k + 1);
        let attributes = [
            text(0x0008_0008, "CS", "ORIGINAL\\PRIMARY\\AXIAL"),
            text(0x0008_0016, "UI", CT),
            text(0x0008_0018, "UI", &instance),
            text(0x0008_0060, "CS", "CT"),
            text(0x0010_0010, "PN", "Made"),
            text(0x0020_000D, "UI", "1.2.826.0.1.3680043.10.3"),
            text(0x0020_000E, "UI", "1.2.826.0.1.3680043.10.4"),
            text(0x0020_0013, "IS", &(k + 1).to_string()),
            text(0x0020_0032, "DS", &format!("0\\0\\{}", 2 * k)),
            text(0x0020_0037, "DS", "1\\0\\0\\0\\1\\0"),
            text(0x0020_0052, "UI", "1.2.826.0.1.3680043.10.5"),
            us(0x0028_0002, 1),
            text(0x0028_0004, "CS", "MONOCHROME2"),
            self.bits.attributes(self.size)[..20].to_vec(),
            text(0x0028_0030, "DS", "1\\1"),
            self.bits.attributes(self.size)[20..].to_vec(),
            text(0x0028_1052, "DS", &intercept.to_string()),
            text(0x0028_1053, "DS", &slope.to_string()),
            extra.to_vec(),
            pixels,
        ];
        super::made::write(path, CT, &instance, syntax, &attributes);
    }

    /// Writes all slices uncompressed.
    pub(crate) fn write_plain(&self, folder: &Path) -> Vec<std::path::PathBuf> {
        std::fs::create_dir_all(folder).expect("folder");
        let write = |k: usize| {
            let path = folder.join(format!("{k}.dcm"));
            let vr = if self.bits.allocated == 8 { "OB" } else { "OW" };
            let pixels = element(0x7FE0_0010, vr, &self.bits.bytes(&self.values(k)));
            self.write(k, &path, EXPLICIT, &[], pixels);
            path
        };
        (0..self.slices).map(write).collect()
    }
}
