//! Structure sets made attribute by attribute, right or wrong, in any transfer syntax.

use hilum::dicom::CtMeta;
use std::io::Write as _;

/// A data set or an item of a sequence: attributes in ascending order.
pub(super) type Item = Vec<Attribute>;

#[derive(Clone)]
pub(super) struct Attribute {
    tag: (u16, u16),
    vr: [u8; 2],
    value: Value,
}

#[derive(Clone)]
enum Value {
    Bytes(Vec<u8>),
    Items(Vec<Item>),
}

/// How a made file is written.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) enum Syntax {
    Implicit,
    Explicit,
    /// Explicit, with sequences and items of undefined length.
    Undefined,
    BigEndian,
    Deflated,
}

pub(super) const SYNTAXES: [Syntax; 5] =
    [Syntax::Implicit, Syntax::Explicit, Syntax::Undefined, Syntax::BigEndian, Syntax::Deflated];

/// An attribute with text or other bytes.
pub(super) fn text(group: u16, element: u16, vr: &str, value: impl AsRef<[u8]>) -> Attribute {
    let vr = vr.as_bytes().try_into().expect("two letters");
    Attribute { tag: (group, element), vr, value: Value::Bytes(value.as_ref().to_vec()) }
}

/// A sequence.
pub(super) fn items(group: u16, element: u16, items: Vec<Item>) -> Attribute {
    Attribute { tag: (group, element), vr: *b"SQ", value: Value::Items(items) }
}

struct Writer {
    out: Vec<u8>,
    implicit: bool,
    big_endian: bool,
    undefined: bool,
}

impl Writer {
    fn u16(&mut self, x: u16) {
        let bytes = if self.big_endian { x.to_be_bytes() } else { x.to_le_bytes() };
        self.out.extend_from_slice(&bytes);
    }

    fn u32(&mut self, x: u32) {
        let bytes = if self.big_endian { x.to_be_bytes() } else { x.to_le_bytes() };
        self.out.extend_from_slice(&bytes);
    }

    fn tag(&mut self, tag: (u16, u16)) {
        self.u16(tag.0);
        self.u16(tag.1);
    }

    fn item(&mut self, item: &Item) {
        for attribute in item {
            self.tag(attribute.tag);
            let long = matches!(&attribute.vr, b"SQ" | b"UN" | b"OB" | b"OW" | b"UT");
            let body = match &attribute.value {
                Value::Bytes(bytes) => {
                    let mut body = bytes.clone();
                    if body.len() % 2 == 1 {
                        body.push(if matches!(&attribute.vr, b"UI" | b"OB" | b"UN") { 0 } else { b' ' });
                    }
                    body
                }
                Value::Items(items) => {
                    let mut inner = Self { out: Vec::new(), ..*self };
                    for item in items {
                        let mut content = Self { out: Vec::new(), ..*self };
                        content.item(item);
                        inner.tag((0xFFFE, 0xE000));
                        inner.u32(if self.undefined { u32::MAX } else { content.out.len() as u32 });
                        inner.out.extend(content.out);
                        if self.undefined {
                            inner.tag((0xFFFE, 0xE00D));
                            inner.u32(0);
                        }
                    }
                    if self.undefined {
                        inner.tag((0xFFFE, 0xE0DD));
                        inner.u32(0);
                    }
                    inner.out
                }
            };
            let open_end = self.undefined && matches!(attribute.value, Value::Items(_));
            let length = if open_end { u32::MAX } else { body.len() as u32 };
            if self.implicit {
                self.u32(length);
            } else {
                self.out.extend_from_slice(&attribute.vr);
                if long {
                    self.u16(0);
                    self.u32(length);
                } else {
                    self.u16(length as u16);
                }
            }
            self.out.extend(body);
        }
    }
}

fn encoded(data: &Item, syntax: Syntax) -> Vec<u8> {
    let mut writer = Writer {
        out: Vec::new(),
        implicit: syntax == Syntax::Implicit,
        big_endian: syntax == Syntax::BigEndian,
        undefined: syntax == Syntax::Undefined,
    };
    writer.item(data);
    writer.out
}

/// A whole file: preamble, meta group, data set.
pub(super) fn file(data: &Item, syntax: Syntax) -> Vec<u8> {
    let uid = match syntax {
        Syntax::Implicit => "1.2.840.10008.1.2",
        Syntax::Explicit | Syntax::Undefined => "1.2.840.10008.1.2.1",
        Syntax::BigEndian => "1.2.840.10008.1.2.2",
        Syntax::Deflated => "1.2.840.10008.1.2.1.99",
    };
    let meta = vec![
        text(2, 1, "OB", [0, 1]),
        text(2, 2, "UI", "1.2.840.10008.5.1.4.1.1.481.3"),
        text(2, 3, "UI", "1.2.3.4"),
        text(2, 0x10, "UI", uid),
        text(2, 0x12, "UI", "1.2.3"),
    ];
    let meta = encoded(&meta, Syntax::Explicit);
    let mut out = vec![0; 128];
    out.extend_from_slice(b"DICM");
    out.extend(encoded(&vec![text(2, 0, "UL", (meta.len() as u32).to_le_bytes())], Syntax::Explicit));
    out.extend(meta);
    let body = encoded(data, if syntax == Syntax::Deflated { Syntax::Explicit } else { syntax });
    if syntax == Syntax::Deflated {
        let mut packer = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::best());
        packer.write_all(&body).expect("in memory");
        out.extend(packer.finish().expect("in memory"));
    } else {
        out.extend(body);
    }
    out
}

/// A contour of this type; an empty type is left out.
pub(super) fn contour(kind: &str, points: &[[f64; 3]]) -> Item {
    let data: Vec<String> = points.iter().map(|[x, y, z]| format!("{x}\\{y}\\{z}")).collect();
    contour_with_data(kind, points.len(), &data.join("\\"))
}

pub(super) fn contour_with_data(kind: &str, points: usize, data: &str) -> Item {
    let mut item = Item::new();
    if !kind.is_empty() {
        item.push(text(0x3006, 0x42, "CS", kind));
    }
    item.push(text(0x3006, 0x46, "IS", points.to_string()));
    item.push(text(0x3006, 0x50, "DS", data));
    item
}

pub(super) fn closed(points: &[[f64; 3]]) -> Item {
    contour("CLOSED_PLANAR", points)
}

/// Refers to an image.
pub(super) fn of_image(uid: &str, mut contour: Item) -> Item {
    let image = vec![text(8, 0x1150, "UI", "1.2.840.10008.5.1.4.1.1.2"), text(8, 0x1155, "UI", uid)];
    contour.insert(0, items(0x3006, 0x16, vec![image]));
    contour
}

/// A square around a centre.
pub(super) fn square(center: [f64; 2], half: f64, z: f64) -> Vec<[f64; 3]> {
    [[-1.0, -1.0], [1.0, -1.0], [1.0, 1.0], [-1.0, 1.0]]
        .map(|[u, v]| [center[0] + half * u, center[1] + half * v, z])
        .to_vec()
}

/// One ROI of a made set.
pub(super) struct MadeRoi {
    pub name: Vec<u8>,
    pub contours: Vec<Item>,
}

pub(super) fn roi(name: &str, contours: Vec<Item>) -> MadeRoi {
    MadeRoi { name: name.into(), contours }
}

/// A structure set on this CT, numbered from 1, that refers to every slice.
pub(super) fn structure_set(ct: &CtMeta, rois: Vec<MadeRoi>) -> Item {
    let frame = ct.frame_of_reference_uid.as_str();
    let image = |uid: &str| vec![text(8, 0x1150, "UI", "1.2.840.10008.5.1.4.1.1.2"), text(8, 0x1155, "UI", uid)];
    let images = ct.slices.iter().map(|s| image(&s.sop_instance_uid)).collect();
    let series = vec![text(0x20, 0x0E, "UI", &ct.series_instance_uid), items(0x3006, 0x16, images)];
    let study = vec![
        text(8, 0x1150, "UI", "1.2.840.10008.3.1.2.3.1"),
        text(8, 0x1155, "UI", &ct.study_instance_uid),
        items(0x3006, 0x14, vec![series]),
    ];
    let (mut named, mut drawn, mut observed) = (Vec::new(), Vec::new(), Vec::new());
    for (n, roi) in rois.into_iter().enumerate() {
        let number = (n + 1).to_string();
        named.push(vec![
            text(0x3006, 0x22, "IS", &number),
            text(0x3006, 0x24, "UI", frame),
            text(0x3006, 0x26, "LO", roi.name),
            text(0x3006, 0x36, "CS", "MANUAL"),
        ]);
        let mut item = vec![text(0x3006, 0x2A, "IS", "200\\100\\50")];
        if !roi.contours.is_empty() {
            item.push(items(0x3006, 0x40, roi.contours));
        }
        item.push(text(0x3006, 0x84, "IS", &number));
        drawn.push(item);
        observed.push(vec![
            text(0x3006, 0x82, "IS", &number),
            text(0x3006, 0x84, "IS", &number),
            text(0x3006, 0xA4, "CS", "ORGAN"),
            text(0x3006, 0xA6, "PN", ""),
        ]);
    }
    vec![
        text(8, 0x16, "UI", "1.2.840.10008.5.1.4.1.1.481.3"),
        text(8, 0x18, "UI", "1.2.3.4"),
        text(8, 0x20, "DA", &ct.study_date),
        text(8, 0x30, "TM", &ct.study_time),
        text(8, 0x50, "SH", ""),
        text(8, 0x60, "CS", "RTSTRUCT"),
        text(8, 0x70, "LO", "Made"),
        text(8, 0x90, "PN", ""),
        text(8, 0x1070, "PN", ""),
        text(0x10, 0x10, "PN", &ct.patient.dicom_name),
        text(0x10, 0x20, "LO", &ct.patient.id),
        text(0x10, 0x30, "DA", &ct.patient.birth_date),
        text(0x10, 0x40, "CS", &ct.patient.sex),
        text(0x20, 0x0D, "UI", &ct.study_instance_uid),
        text(0x20, 0x0E, "UI", "1.2.3.4.5"),
        text(0x20, 0x10, "SH", ""),
        text(0x20, 0x11, "IS", "1"),
        text(0x20, 0x52, "UI", frame),
        text(0x20, 0x1040, "LO", ""),
        text(0x3006, 2, "SH", "made"),
        text(0x3006, 8, "DA", "20260102"),
        text(0x3006, 9, "TM", "030405"),
        items(0x3006, 0x10, vec![vec![text(0x20, 0x52, "UI", frame), items(0x3006, 0x12, vec![study])]]),
        items(0x3006, 0x20, named),
        items(0x3006, 0x39, drawn),
        items(0x3006, 0x80, observed),
        text(0x300E, 2, "CS", "UNAPPROVED"),
    ]
}

/// Replaces an attribute of a data set, or takes it out.
pub(super) fn change(data: &mut Item, group: u16, element: u16, new: Option<Attribute>) {
    data.retain(|a| a.tag != (group, element));
    data.extend(new);
    data.sort_by_key(|a| a.tag);
}

/// The items of a sequence of a data set.
pub(super) fn items_of(data: &mut Item, group: u16, element: u16) -> &mut Vec<Item> {
    match data.iter_mut().find(|a| a.tag == (group, element)).map(|a| &mut a.value) {
        Some(Value::Items(items)) => items,
        _ => panic!("({group:04X},{element:04X}) is a sequence of the set"),
    }
}
