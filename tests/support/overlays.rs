//! PET series, doses, plans and registrations made attribute by attribute, with values that are known functions of
//! the place in the patient. They fit the case of [`super::bench::write_case`].

use crate::dicom::made::{element, sequence, text, us, write};
use glam::DVec3;
use hilum::dicom::CtMeta;
use std::collections::BTreeMap;
use std::path::Path;

const EXPLICIT: &str = "1.2.840.10008.1.2.1";
pub const PET: &str = "1.2.840.10008.5.1.4.1.1.128";
pub const DOSE: &str = "1.2.840.10008.5.1.4.1.1.481.2";
pub const PLAN: &str = "1.2.840.10008.5.1.4.1.1.481.5";
pub const REGISTRATION: &str = "1.2.840.10008.5.1.4.1.1.66.1";
pub const DEFORMABLE: &str = "1.2.840.10008.5.1.4.1.1.66.3";

/// SUV per Bq/ml of the PET made here, by the calculation written beside the golden factors of `dicom/suv`.
pub const SUV_PER_BQML: f64 = 0.000_296_075_016_126_046_3;

/// The frame of reference and the study of the made CT.
pub fn ct_frame() -> String {
    CtMeta::synthetic("Bench", 1, 1).frame_of_reference_uid
}

pub fn ct_study() -> String {
    CtMeta::synthetic("Bench", 1, 1).study_instance_uid
}

/// A file by its attributes; tests change what they are about.
#[derive(Clone)]
pub struct Made {
    pub class: &'static str,
    pub instance: String,
    attributes: BTreeMap<u32, Vec<u8>>,
}

impl Made {
    fn new(class: &'static str, instance: &str) -> Self {
        let mut made = Self { class, instance: instance.to_owned(), attributes: BTreeMap::new() };
        made.set(0x0008_0016, "UI", class).set(0x0008_0018, "UI", instance);
        made.set(0x0010_0010, "PN", "Mustermann^Erika").set(0x0010_0020, "LO", "PID-4711");
        made.set(0x0008_0020, "DA", "20210304").set(0x0020_000D, "UI", &ct_study());
        made
    }

    pub fn set(&mut self, tag: u32, vr: &str, value: &str) -> &mut Self {
        self.attributes.insert(tag, text(tag, vr, value));
        self
    }

    pub fn set_us(&mut self, tag: u32, value: u16) -> &mut Self {
        self.attributes.insert(tag, us(tag, value));
        self
    }

    pub fn set_bytes(&mut self, tag: u32, vr: &str, value: &[u8]) -> &mut Self {
        self.attributes.insert(tag, element(tag, vr, value));
        self
    }

    pub fn set_items(&mut self, tag: u32, items: &[Vec<u8>]) -> &mut Self {
        self.attributes.insert(tag, sequence(tag, items));
        self
    }

    pub fn remove(&mut self, tag: u32) -> &mut Self {
        self.attributes.remove(&tag);
        self
    }

    pub fn write(&self, path: &Path) {
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("folder");
        let attributes: Vec<Vec<u8>> = self.attributes.values().cloned().collect();
        write(path, self.class, &self.instance, EXPLICIT, &attributes);
    }
}

/// Where the voxels of an overlay lie.
#[derive(Debug, Clone)]
pub struct Place {
    pub origin: DVec3,
    /// Along a row and along a column.
    pub directions: [DVec3; 2],
    /// Between columns and between rows, mm.
    pub spacing_ij_mm: [f64; 2],
    /// Columns and rows.
    pub size: [u16; 2],
    /// Of every frame along row x column, from the first, mm.
    pub offsets_mm: Vec<f64>,
}

impl Place {
    /// 3 x 2.5 mm voxels, 4 mm apart, around the middle of the made CT.
    pub fn usual() -> Self {
        Self {
            origin: DVec3::new(4.0, 6.0, -2.0),
            directions: [DVec3::X, DVec3::Y],
            spacing_ij_mm: [3.0, 2.5],
            size: [20, 22],
            offsets_mm: (0..10).map(|k| 4.0 * f64::from(k)).collect(),
        }
    }

    pub fn normal(&self) -> DVec3 {
        self.directions[0].cross(self.directions[1])
    }

    /// Centres of the voxels of a frame, row by row.
    pub fn centers(&self, frame: usize) -> Vec<DVec3> {
        let [i, j] = self.directions;
        let first = self.origin + self.normal() * self.offsets_mm[frame];
        let [columns, rows] = self.size.map(u32::from);
        let at = |n: u32| {
            first
                + i * (f64::from(n % columns) * self.spacing_ij_mm[0])
                + j * (f64::from(n / columns) * self.spacing_ij_mm[1])
        };
        (0..columns * rows).map(at).collect()
    }

    fn describe(&self, made: &mut Made, frame: &str, bits: u16) {
        let list = |values: &[f64]| values.iter().map(ToString::to_string).collect::<Vec<_>>().join("\\");
        made.set(0x0020_0052, "UI", frame)
            .set(0x0020_0037, "DS", &list(&[self.directions[0].to_array(), self.directions[1].to_array()].concat()))
            .set(0x0028_0030, "DS", &list(&[self.spacing_ij_mm[1], self.spacing_ij_mm[0]]))
            .set(0x0028_0004, "CS", "MONOCHROME2");
        for (tag, value) in [
            (0x0028_0002, 1),
            (0x0028_0010, self.size[1]),
            (0x0028_0011, self.size[0]),
            (0x0028_0100, bits),
            (0x0028_0101, bits),
            (0x0028_0102, bits - 1),
            (0x0028_0103, 0),
        ] {
            made.set_us(tag, value);
        }
    }

    fn position(&self, frame: usize) -> String {
        let p = self.origin + self.normal() * self.offsets_mm[frame];
        format!("{}\\{}\\{}", p.x, p.y, p.z)
    }
}

/// A ramp over the patient, positive and with whole values at the places used here: 5000 + 100 x + 40 y + 50 z.
pub fn ramp(p: DVec3) -> f64 {
    5000.0 + 100.0 * p.x + 40.0 * p.y + 50.0 * p.z
}

/// The images of an F-18 PET in Bq/ml: 370 MBq injected an hour before the scan, 75 kg. The rescale slope differs
/// from image to image.
pub fn pet(place: &Place, frame: &str, bq_per_ml: impl Fn(DVec3) -> f64) -> Vec<Made> {
    (0..place.offsets_mm.len())
        .map(|k| {
            let mut made = Made::new(PET, &format!("1.2.826.0.1.3680043.10.20.{}", k + 1));
            place.describe(&mut made, frame, 16);
            let slope = if k % 2 == 0 { 0.5 } else { 1.0 };
            let stored = |p: &DVec3| ((bq_per_ml(*p) / slope).round().clamp(0.0, 65535.0) as u16).to_le_bytes();
            let pixels: Vec<u8> = place.centers(k).iter().flat_map(stored).collect();
            let drug = [
                text(0x0018_0031, "LO", "FDG"),
                text(0x0018_1072, "TM", "110000"),
                text(0x0018_1074, "DS", "370000000"),
                text(0x0018_1075, "DS", "6586.2"),
            ]
            .concat();
            made.set(0x0008_0060, "CS", "PT")
                .set(0x0008_103E, "LO", "FDG whole body")
                .set(0x0008_0021, "DA", "20210304")
                .set(0x0008_0022, "DA", "20210304")
                .set(0x0008_0031, "TM", "120000")
                .set(0x0008_0032, "TM", "120000")
                .set(0x0010_1030, "DS", "75")
                .set(0x0018_1242, "IS", "180000")
                .set(0x0020_000E, "UI", "1.2.826.0.1.3680043.10.21")
                .set(0x0020_0013, "IS", &(k + 1).to_string())
                .set(0x0020_0032, "DS", &place.position(k))
                .set(0x0028_0051, "CS", "NORM\\ATTN\\SCAT\\DECY")
                .set(0x0028_1052, "DS", "0")
                .set(0x0028_1053, "DS", &slope.to_string())
                .set_items(0x0054_0016, &[drug])
                .set(0x0054_1001, "CS", "BQML")
                .set(0x0054_1102, "CS", "START")
                .set_bytes(0x7FE0_0010, "OW", &pixels);
            made
        })
        .collect()
}

pub fn write_all(made: &[Made], folder: &Path) {
    for (n, file) in made.iter().enumerate() {
        file.write(&folder.join(format!("{n}.dcm")));
    }
}

/// A dose of a plan, in steps of 1 mGy, with `bits` 16 or 32 and offsets relative to the first frame.
pub fn dose(place: &Place, frame: &str, bits: u16, gy: impl Fn(DVec3) -> f64) -> Made {
    let mut made = Made::new(DOSE, "1.2.826.0.1.3680043.10.30");
    place.describe(&mut made, frame, bits);
    let stored = |p: DVec3| (gy(p) * 1000.0).round() as u32;
    let centers = (0..place.offsets_mm.len()).flat_map(|k| place.centers(k));
    let pixels: Vec<u8> = centers.flat_map(|p| stored(p).to_le_bytes()[..usize::from(bits / 8)].to_vec()).collect();
    let offsets: Vec<String> = place.offsets_mm.iter().map(ToString::to_string).collect();
    made.set(0x0008_0060, "CS", "RTDOSE")
        .set(0x0008_103E, "LO", "Plan dose")
        .set(0x0020_000E, "UI", "1.2.826.0.1.3680043.10.31")
        .set(0x0020_0032, "DS", &place.position(0))
        .set(0x0028_0008, "IS", &place.offsets_mm.len().to_string())
        .set_bytes(0x0028_0009, "AT", &[0x04, 0x30, 0x0C, 0x00])
        .set(0x3004_0002, "CS", "GY")
        .set(0x3004_0004, "CS", "PHYSICAL")
        .set(0x3004_000A, "CS", "PLAN")
        .set(0x3004_000C, "DS", &offsets.join("\\"))
        .set(0x3004_000E, "DS", "0.001")
        .set_bytes(0x7FE0_0010, "OW", &pixels);
    made
}

/// Lets a dose refer to a plan.
pub fn refer_to_plan(dose: &mut Made, plan_uid: &str) {
    let item = [text(0x0008_1150, "UI", PLAN), text(0x0008_1155, "UI", plan_uid)].concat();
    dose.set_items(0x300C_0002, &[item]);
}

/// A plan that prescribes these doses to targets, Gy.
pub fn plan(instance: &str, targets_gy: &[f64]) -> Made {
    let mut made = Made::new(PLAN, instance);
    let item = |gy: &f64| [text(0x300A_0020, "CS", "TARGET"), text(0x300A_0026, "DS", &gy.to_string())].concat();
    made.set(0x0008_0060, "CS", "RTPLAN")
        .set(0x300A_0002, "SH", "P1")
        .set_items(0x300A_0010, &targets_gy.iter().map(item).collect::<Vec<_>>());
    made
}

/// A matrix with its type, row by row.
pub type Matrix = (&'static str, [f64; 16]);

/// A registration that moves frames of reference into one, each by matrices applied one after the other.
pub fn registration(instance: &str, own_frame: &str, motions: &[(&str, Vec<Matrix>)]) -> Made {
    let mut made = Made::new(REGISTRATION, instance);
    let matrix = |(kind, rows): &Matrix| {
        let rows: Vec<String> = rows.iter().map(|x| format!("{x:.10}")).collect();
        [text(0x3006_00C6, "DS", &rows.join("\\")), text(0x0070_030C, "CS", kind)].concat()
    };
    let item = |(frame, matrices): &(&str, Vec<Matrix>)| {
        let matrices: Vec<Vec<u8>> = matrices.iter().map(matrix).collect();
        [text(0x0020_0052, "UI", frame), sequence(0x0070_0309, &[sequence(0x0070_030A, &matrices)])].concat()
    };
    made.set(0x0008_0060, "CS", "REG")
        .set(0x0008_0023, "DA", "20210304")
        .set(0x0008_0033, "TM", "130000")
        .set(0x0020_000E, "UI", &format!("{instance}.1"))
        .set(0x0020_0052, "UI", own_frame)
        .set_items(0x0070_0308, &motions.iter().map(item).collect::<Vec<_>>());
    made
}

/// A registration of a kind that is not used.
pub fn deformable(instance: &str) -> Made {
    let mut made = Made::new(DEFORMABLE, instance);
    made.set(0x0008_0060, "CS", "REG").set(0x0020_000E, "UI", &format!("{instance}.1"));
    made
}

/// A turn about z by so many degrees (x towards y), then a shift, mm.
pub fn turn_z(degrees: f64, shift: DVec3) -> [f64; 16] {
    let (s, c) = degrees.to_radians().sin_cos();
    [c, -s, 0.0, shift.x, s, c, 0.0, shift.y, 0.0, 0.0, 1.0, shift.z, 0.0, 0.0, 0.0, 1.0]
}
