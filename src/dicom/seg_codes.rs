//! What a segment is, in the codes of PS3.16, and its colour as CIELab.

use super::raw::DataSet;
use crate::structures::{Role, Station};
use dicom_core::Tag;
use dicom_dictionary_std::tags;

/// A coded concept: value, scheme, meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Code(pub &'static str, pub &'static str, pub &'static str);

impl Code {
    pub fn item(self) -> DataSet {
        let mut item = DataSet::default();
        item.put_str(tags::CODE_VALUE, self.0);
        item.put_str(tags::CODING_SCHEME_DESIGNATOR, self.1);
        item.put_str(tags::CODE_MEANING, self.2);
        item
    }

    pub fn put(self, ds: &mut DataSet, sequence: Tag) {
        ds.put_items(sequence, vec![self.item()]);
    }
}

/// Category, type and side of a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Property {
    pub category: Code,
    pub kind: Code,
    pub side: Option<Code>,
}

const ANATOMY: Code = Code("91723000", "SCT", "Anatomical Structure");
const RIGHT: Code = Code("24028007", "SCT", "Right");
const LEFT: Code = Code("7771000", "SCT", "Left");
/// CID 7150: the category of volumes that somebody defined, such as targets.
const SPATIAL: Code = Code("309825002", "SCT", "Spatial and Relational Concept");

/// Names of organs without side, in words, and their codes (CID 4031 and 6102).
const ORGANS: [(&[&str], Code); 21] = [
    (&["heart"], Code("80891009", "SCT", "Heart")),
    (&["lung"], Code("39607008", "SCT", "Lung")),
    (&["esophagus", "oesophagus"], Code("32849002", "SCT", "Esophagus")),
    (&["trachea"], Code("44567001", "SCT", "Trachea")),
    (&["carina"], Code("28700002", "SCT", "Carina")),
    (&["bronchus", "main bronchus"], Code("955009", "SCT", "Bronchus")),
    (&["aorta", "a aorta"], Code("15825003", "SCT", "Aorta")),
    (&["superior vena cava", "svc", "v venacava s"], Code("48345005", "SCT", "Superior vena cava")),
    (&["inferior vena cava", "ivc", "v venacava i"], Code("64131007", "SCT", "Inferior vena cava")),
    (&["pulmonary artery", "a pulmonary"], Code("81040000", "SCT", "Pulmonary artery")),
    (&["pulmonary vein", "v pulmonary"], Code("122972007", "SCT", "Pulmonary vein")),
    (&["brachiocephalic vein", "v brachioceph"], Code("8887007", "SCT", "Brachiocephalic vein")),
    (&["brachiocephalic trunk", "a brachiocephls"], Code("12691009", "SCT", "Brachiocephalic trunk")),
    (&["subclavian artery", "a subclavian"], Code("36765005", "SCT", "Subclavian artery")),
    (&["spinal cord", "spinalcord", "cord"], Code("2748008", "SCT", "Spinal cord")),
    (&["thyroid", "thyroid gland", "glnd thyroid"], Code("69748006", "SCT", "Thyroid")),
    (&["liver"], Code("10200004", "SCT", "Liver")),
    (&["stomach"], Code("69695003", "SCT", "Stomach")),
    (&["spleen"], Code("78961009", "SCT", "Spleen")),
    (&["sternum"], Code("56873002", "SCT", "Sternum")),
    (&["body", "external"], Code("38266002", "SCT", "Entire body")),
];

/// The codes of a structure by its role, for organs also by its name.
pub(super) fn property(role: Role, name: &str) -> Property {
    let plain = |category, kind| Property { category, kind, side: None };
    match role {
        // CID 9534, radiotherapy targets.
        Role::Gtvp => plain(SPATIAL, Code("130052", "DCM", "GTV Primary")),
        Role::Gtvn => plain(SPATIAL, Code("130051", "DCM", "GTV Nodal")),
        Role::Ctv => plain(SPATIAL, Code("228792002", "SCT", "CTV")),
        Role::Station(station) => station_property(station),
        Role::Organ => organ_property(name),
        Role::Other => plain(Code("85756007", "SCT", "Tissue"), Code("85756007", "SCT", "Tissue")),
    }
}

/// Lymph nodes of CID 7600 that stand for the stations; the segment's label says which station it is.
fn station_property(station: Station) -> Property {
    let (kind, side) = match station {
        Station::S1R => (Code("76838003", "SCT", "supraclavicular lymph node"), Some(RIGHT)),
        Station::S1L => (Code("76838003", "SCT", "supraclavicular lymph node"), Some(LEFT)),
        Station::S2R => (Code("127927006", "SCT", "upper paratracheal lymph node (mediastinal)"), Some(RIGHT)),
        Station::S2L => (Code("127927006", "SCT", "upper paratracheal lymph node (mediastinal)"), Some(LEFT)),
        Station::S3A | Station::S3P => (Code("127930004", "SCT", "prevascular/retrotracheal lymph node"), None),
        Station::S4R => (Code("127932007", "SCT", "lower paratracheal (including azygous) lymph node"), Some(RIGHT)),
        Station::S4L => (Code("127932007", "SCT", "lower paratracheal (including azygous) lymph node"), Some(LEFT)),
        Station::S5 => (Code("127938006", "SCT", "lymph node of aortopulmonary window"), None),
        Station::S6 => (Code("127939003", "SCT", "para-aortic lymph node of the anterior mediastinum"), None),
        Station::S7 => (Code("28330007", "SCT", "subcarinal lymph node"), None),
        Station::S8 => (Code("127940001", "SCT", "paraesophageal lymph node below carina"), None),
        Station::S10R => (Code("53074004", "SCT", "hilar lymph node"), Some(RIGHT)),
        Station::S10L => (Code("53074004", "SCT", "hilar lymph node"), Some(LEFT)),
        Station::S11R => (Code("127919002", "SCT", "interlobar lymph node of the lung"), Some(RIGHT)),
        Station::S11L => (Code("127919002", "SCT", "interlobar lymph node of the lung"), Some(LEFT)),
    };
    Property { category: ANATOMY, kind, side }
}

fn organ_property(name: &str) -> Property {
    let lower = name.to_lowercase();
    let mut words: Vec<&str> = lower.split(|c: char| !c.is_alphanumeric()).filter(|w| !w.is_empty()).collect();
    let side_of = |word: &str| match word {
        "r" | "rt" | "right" => Some(RIGHT),
        "l" | "lt" | "left" => Some(LEFT),
        _ => None,
    };
    let side = words.iter().find_map(|w| side_of(w));
    words.retain(|w| side_of(w).is_none());
    let words = words.join(" ");
    // Only whole names: the left atrium of the heart is not the heart.
    let known = ORGANS.iter().find(|(names, _)| names.contains(&words.as_str()));
    Property {
        category: ANATOMY,
        kind: known.map_or(ANATOMY, |(_, code)| *code),
        side: side.filter(|_| known.is_some()),
    }
}

/// White of the ICC profile connection space, D50, in which PS3.3 C.10.7.1.1 counts.
const WHITE: [f64; 3] = [0.96422, 1.0, 0.82521];
/// Linear sRGB to XYZ and back, adapted to D50 by Bradford's method (Lindbloom, brucelindbloom.com).
const XYZ_FROM_RGB: [[f64; 3]; 3] =
    [[0.4360747, 0.3850649, 0.1430804], [0.2225045, 0.7168786, 0.0606169], [0.0139322, 0.0971045, 0.7141733]];
const RGB_FROM_XYZ: [[f64; 3]; 3] =
    [[3.1338561, -1.6168667, -0.4906146], [-0.9787684, 1.9161415, 0.0334540], [0.0719453, -0.2289914, 1.4052427]];
/// (6/29)^3, where the root of CIELab goes over into a line.
const KNEE: f64 = 216.0 / 24389.0;
const SLOPE: f64 = 24389.0 / 27.0;

fn times(m: &[[f64; 3]; 3], v: [f64; 3]) -> [f64; 3] {
    m.map(|row| row[0] * v[0] + row[1] * v[1] + row[2] * v[2])
}

/// Recommended Display CIELab Value (0062,000D) of an sRGB colour.
pub(super) fn cielab_from_srgb(color: [u8; 3]) -> [u16; 3] {
    let linear = color.map(|c| {
        let c = f64::from(c) / 255.0;
        if c <= 0.04045 { c / 12.92 } else { ((c + 0.055) / 1.055).powf(2.4) }
    });
    let xyz = times(&XYZ_FROM_RGB, linear);
    let [x, y, z] = std::array::from_fn(|n| {
        let t = xyz[n] / WHITE[n];
        if t > KNEE { t.cbrt() } else { (SLOPE * t + 16.0) / 116.0 }
    });
    let [l, a, b] = [116.0 * y - 16.0, 500.0 * (x - y), 200.0 * (y - z)];
    // L from 0 to 100, a and b from -128 to 127, each over the whole of 16 bits.
    let scale = |part: f64| (part.clamp(0.0, 1.0) * 65535.0).round() as u16;
    [scale(l / 100.0), scale((a + 128.0) / 255.0), scale((b + 128.0) / 255.0)]
}

/// The sRGB colour nearest to a Recommended Display CIELab Value.
pub(super) fn srgb_from_cielab(value: [u16; 3]) -> [u8; 3] {
    let [l, a, b] = value.map(|v| f64::from(v) / 65535.0);
    let (l, a, b) = (l * 100.0, a * 255.0 - 128.0, b * 255.0 - 128.0);
    let y = (l + 16.0) / 116.0;
    let roots = [y + a / 500.0, y, y - b / 200.0];
    let xyz = std::array::from_fn(|n| {
        let cube = roots[n].powi(3);
        WHITE[n] * if cube > KNEE { cube } else { (116.0 * roots[n] - 16.0) / SLOPE }
    });
    times(&RGB_FROM_XYZ, xyz).map(|c| {
        let c = if c <= 0.0031308 { 12.92 * c } else { 1.055 * c.powf(1.0 / 2.4) - 0.055 };
        (c.clamp(0.0, 1.0) * 255.0).round() as u8
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colors_are_cielab_of_d50_and_come_back() {
        // sRGB red under D50: L 54.29, a 80.81, b 69.89 (Lindbloom's calculator).
        let [l, a, b] = cielab_from_srgb([255, 0, 0]);
        let decoded = [f64::from(l) / 655.35, f64::from(a) / 257.0 - 128.0, f64::from(b) / 257.0 - 128.0];
        for (found, golden) in decoded.into_iter().zip([54.29, 80.81, 69.89]) {
            assert!((found - golden).abs() < 0.02, "{decoded:?}");
        }
        assert_eq!(cielab_from_srgb([0, 0, 0]), [0, 32896, 32896]);
        for color in [[0, 0, 0], [255, 255, 255], [230, 25, 40], [0, 140, 56], [174, 157, 242], [1, 2, 3]] {
            assert_eq!(srgb_from_cielab(cielab_from_srgb(color)), color);
        }
    }

    #[test]
    fn organs_have_codes_by_their_whole_name() {
        let of = |name: &str| property(Role::Organ, name);
        assert_eq!(of("Lung_L"), Property { category: ANATOMY, kind: ORGANS[1].1, side: Some(LEFT) });
        assert_eq!(of("right lung").side, Some(RIGHT));
        assert_eq!(of("Heart").kind.2, "Heart");
        assert_eq!(of("heart_atrium_left"), Property { category: ANATOMY, kind: ANATOMY, side: None });
        assert!(Role::all().into_iter().all(|r| property(r, "x").kind.2.len() <= 64), "LO holds 64 characters");
    }
}
