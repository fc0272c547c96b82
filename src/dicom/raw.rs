//! Data sets as they stand in the file: elements with their bytes, sequences with their items.
//!
//! Structure sets are edited in place and everything unedited must leave as it came: decimal strings,
//! private attributes, text in undeclared character sets. So values stay bytes here and are read on
//! demand (`value.rs`), little endian: the values of big endian files are turned as they are read.

use dicom_core::dictionary::{DataDictionary, DataDictionaryEntry};
use dicom_core::{Tag, VR};
use dicom_dictionary_std::{StandardDataDictionary, tags};

const ITEM: Tag = Tag(0xFFFE, 0xE000);
const ITEM_END: Tag = Tag(0xFFFE, 0xE00D);
const SEQUENCE_END: Tag = Tag(0xFFFE, 0xE0DD);
const UNDEFINED: u32 = 0xFFFF_FFFF;
/// Deeper nesting than any IOD has; ends recursion on damaged files.
const MAX_DEPTH: usize = 24;

/// How elements are written (DICOM PS3.5 section 7.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Encoding {
    ImplicitLe,
    ExplicitLe,
}

/// Why bytes are no data set.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ParseError {
    #[error("{}", crate::tf!("the file ends in the middle of an attribute (byte {value})", value = .0))]
    Truncated(usize),
    #[error("{}", crate::tf!("{what} at byte {at}", what = .what, at = .at))]
    Invalid { at: usize, what: &'static str },
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    Bytes(Vec<u8>),
    Items(Vec<DataSet>),
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Element {
    pub tag: Tag,
    pub vr: VR,
    pub value: Value,
}

/// Elements in the order of the file, which is ascending by tag.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct DataSet {
    elements: Vec<Element>,
}

/// The element at which reading stopped.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Stop {
    pub tag: Tag,
    /// Where its value starts, counted from the start of the parsed bytes.
    pub value_at: usize,
    /// `None` for undefined length (encapsulated pixel data).
    pub length: Option<u32>,
}

/// The value representation of the standard's dictionary; UN for tags it does not know.
pub(crate) fn dictionary_vr(tag: Tag) -> VR {
    StandardDataDictionary.by_tag(tag).map_or(VR::UN, |entry| entry.vr().relaxed())
}

impl DataSet {
    pub fn elements(&self) -> &[Element] {
        &self.elements
    }

    pub fn elements_mut(&mut self) -> &mut Vec<Element> {
        &mut self.elements
    }

    pub fn get(&self, tag: Tag) -> Option<&Element> {
        self.elements.iter().find(|e| e.tag == tag)
    }

    /// The bytes of a value, without regard to padding; `None` if absent or a sequence.
    pub fn bytes(&self, tag: Tag) -> Option<&[u8]> {
        match &self.get(tag)?.value {
            Value::Bytes(b) => Some(b),
            Value::Items(_) => None,
        }
    }

    /// The items of a sequence; none if absent.
    pub fn items(&self, tag: Tag) -> &[Self] {
        match self.get(tag).map(|e| &e.value) {
            Some(Value::Items(items)) => items,
            _ => &[],
        }
    }

    pub fn items_mut(&mut self, tag: Tag) -> Option<&mut Vec<Self>> {
        match self.elements.iter_mut().find(|e| e.tag == tag).map(|e| &mut e.value) {
            Some(Value::Items(items)) => Some(items),
            _ => None,
        }
    }

    pub fn us(&self, tag: Tag) -> Option<u16> {
        self.bytes(tag)?.get(..2).map(|b| u16::from_le_bytes([b[0], b[1]]))
    }

    pub fn remove(&mut self, tag: Tag) -> bool {
        let before = self.elements.len();
        self.elements.retain(|e| e.tag != tag);
        before != self.elements.len()
    }

    /// Sets an element, in place where it exists, else at its position by tag.
    pub fn put(&mut self, tag: Tag, value: Value) {
        if let Some(element) = self.elements.iter_mut().find(|e| e.tag == tag) {
            element.value = value;
            return;
        }
        let vr = if matches!(value, Value::Items(_)) { VR::SQ } else { dictionary_vr(tag) };
        let at = self.elements.partition_point(|e| e.tag < tag);
        self.elements.insert(at, Element { tag, vr, value });
    }

    /// Sets a value of characters of the default repertoire (UI, CS, DA, DS, IS ...).
    pub fn put_str(&mut self, tag: Tag, text: &str) {
        self.put(tag, Value::Bytes(text.as_bytes().to_vec()));
    }

    pub fn put_us(&mut self, tag: Tag, value: u16) {
        self.put(tag, Value::Bytes(value.to_le_bytes().to_vec()));
    }

    pub fn put_items(&mut self, tag: Tag, items: Vec<Self>) {
        self.put(tag, Value::Items(items));
    }

    /// Appends the data set in this encoding, sequences and items with defined length. Group lengths
    /// (retired) are left out: they would be wrong after a change.
    pub fn encode(&self, out: &mut Vec<u8>, encoding: Encoding) {
        for element in self.elements.iter().filter(|e| e.tag.1 != 0) {
            match &element.value {
                Value::Bytes(bytes) => {
                    let padded = bytes.len() + bytes.len() % 2;
                    encode_header(out, element.tag, element.vr, padded as u32, encoding);
                    out.extend_from_slice(bytes);
                    if padded > bytes.len() {
                        out.push(match element.vr {
                            VR::UI | VR::OB | VR::UN => 0,
                            _ => b' ',
                        });
                    }
                }
                Value::Items(items) => {
                    encode_header(out, element.tag, VR::SQ, 0, encoding);
                    let start = out.len();
                    for item in items {
                        encode_tag(out, ITEM);
                        out.extend_from_slice(&[0; 4]);
                        let item_start = out.len();
                        item.encode(out, encoding);
                        patch_length(out, item_start);
                    }
                    patch_length(out, start);
                }
            }
        }
    }
}

fn encode_tag(out: &mut Vec<u8>, tag: Tag) {
    out.extend_from_slice(&tag.0.to_le_bytes());
    out.extend_from_slice(&tag.1.to_le_bytes());
}

/// The length stands in the four bytes before the value in both encodings of sequences and items.
fn patch_length(out: &mut [u8], start: usize) {
    let length = (out.len() - start) as u32;
    out[start - 4..start].copy_from_slice(&length.to_le_bytes());
}

fn encode_header(out: &mut Vec<u8>, tag: Tag, vr: VR, length: u32, encoding: Encoding) {
    encode_tag(out, tag);
    match encoding {
        Encoding::ImplicitLe => out.extend_from_slice(&length.to_le_bytes()),
        Encoding::ExplicitLe => {
            // A value too long for its short form travels as UN (PS3.5 section 6.2.2 note 3).
            let vr = if !has_long_length(vr) && length > 0xFFFF { VR::UN } else { vr };
            out.extend_from_slice(&vr.to_bytes());
            if has_long_length(vr) {
                out.extend_from_slice(&[0; 2]);
                out.extend_from_slice(&length.to_le_bytes());
            } else {
                out.extend_from_slice(&(length as u16).to_le_bytes());
            }
        }
    }
}

fn has_long_length(vr: VR) -> bool {
    use VR::{OB, OD, OF, OL, OV, OW, SQ, SV, UC, UN, UR, UT, UV};
    matches!(vr, OB | OD | OF | OL | OV | OW | SQ | SV | UC | UN | UR | UT | UV)
}

/// Reads a data set from `bytes` until the end, or until the first top-level tag for which `stop` is
/// true. With `complete` false more bytes may follow, and the end of the bytes is [`ParseError::Truncated`].
///
/// # Errors
/// [`ParseError`] on bytes that are no data set.
pub(crate) fn parse(
    bytes: &[u8],
    encoding: Encoding,
    complete: bool,
    stop: &dyn Fn(Tag) -> bool,
) -> Result<(DataSet, Option<Stop>), ParseError> {
    Parser { bytes, at: 0, big_endian: false }.data_set(encoding, complete, stop)
}

/// As [`parse`], for Explicit VR Big Endian (retired, but still in archives).
///
/// # Errors
/// [`ParseError`] on bytes that are no data set.
pub(crate) fn parse_big_endian(
    bytes: &[u8],
    complete: bool,
    stop: &dyn Fn(Tag) -> bool,
) -> Result<(DataSet, Option<Stop>), ParseError> {
    Parser { bytes, at: 0, big_endian: true }.data_set(Encoding::ExplicitLe, complete, stop)
}

/// Turns the numbers of a big endian value.
fn turn(bytes: &mut [u8], vr: VR) {
    use VR::{AT, FD, FL, OD, OF, OL, OV, OW, SL, SS, SV, UL, US, UV};
    let size = match vr {
        US | SS | OW | AT => 2,
        UL | SL | FL | OF | OL => 4,
        FD | OD | SV | UV | OV => 8,
        _ => return,
    };
    bytes.chunks_exact_mut(size).for_each(<[u8]>::reverse);
}

struct Parser<'a> {
    bytes: &'a [u8],
    at: usize,
    big_endian: bool,
}

impl Parser<'_> {
    fn data_set(
        mut self,
        encoding: Encoding,
        complete: bool,
        stop: &dyn Fn(Tag) -> bool,
    ) -> Result<(DataSet, Option<Stop>), ParseError> {
        let mut elements = Vec::new();
        while self.at < self.bytes.len() {
            let tag = self.peek_tag()?;
            // Zeros or a data set trailing padding after the last attribute.
            if tag == Tag(0, 0) || tag == Tag(0xFFFC, 0xFFFC) {
                return Ok((DataSet { elements }, None));
            }
            if stop(tag) {
                let (_, length) = self.header(encoding)?;
                return Ok((DataSet { elements }, Some(Stop { tag, value_at: self.at, length })));
            }
            elements.extend(self.element(encoding, self.bytes.len(), 0)?);
        }
        if complete { Ok((DataSet { elements }, None)) } else { Err(ParseError::Truncated(self.at)) }
    }

    fn peek_tag(&self) -> Result<Tag, ParseError> {
        let b = self.bytes.get(self.at..self.at + 4).ok_or(ParseError::Truncated(self.at))?;
        Ok(Tag(self.u16_of([b[0], b[1]]), self.u16_of([b[2], b[3]])))
    }

    fn u16_of(&self, bytes: [u8; 2]) -> u16 {
        if self.big_endian { u16::from_be_bytes(bytes) } else { u16::from_le_bytes(bytes) }
    }

    fn u32(&mut self) -> Result<u32, ParseError> {
        let bytes = self.take()?;
        Ok(if self.big_endian { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) })
    }

    fn take<const N: usize>(&mut self) -> Result<[u8; N], ParseError> {
        let b = self.bytes.get(self.at..self.at + N).ok_or(ParseError::Truncated(self.at))?;
        self.at += N;
        Ok(b.try_into().expect("slice of N bytes"))
    }

    /// Reads tag, value representation and length; leaves the position at the value.
    fn header(&mut self, encoding: Encoding) -> Result<(VR, Option<u32>), ParseError> {
        let tag = self.peek_tag()?;
        self.at += 4;
        let (vr, length) = if encoding == Encoding::ImplicitLe || tag.0 == 0xFFFE {
            (dictionary_vr(tag), self.u32()?)
        } else {
            let at = self.at;
            let letters: [u8; 2] = self.take()?;
            let known = VR::from_binary(letters);
            if known.is_none() && !letters.iter().all(u8::is_ascii_uppercase) {
                return Err(ParseError::Invalid { at, what: "no value representation" });
            }
            // Value representations to come have a long length (PS3.5 section 6.2).
            let vr = known.unwrap_or(VR::UN);
            if has_long_length(vr) {
                self.take::<2>()?;
                (vr, self.u32()?)
            } else {
                let bytes = self.take()?;
                (vr, u32::from(self.u16_of(bytes)))
            }
        };
        Ok((vr, (length != UNDEFINED).then_some(length)))
    }

    /// The end of a value of this length, which must not reach beyond `limit`.
    fn end_of(&self, length: u32, limit: usize) -> Result<usize, ParseError> {
        let end = self.at + length as usize;
        if end > self.bytes.len() {
            Err(ParseError::Truncated(self.at))
        } else if end > limit {
            Err(ParseError::Invalid { at: self.at, what: "an attribute longer than its item" })
        } else {
            Ok(end)
        }
    }

    /// One element; `None` for pixel fragments of an icon, which no caller wants.
    fn element(&mut self, encoding: Encoding, limit: usize, depth: usize) -> Result<Option<Element>, ParseError> {
        let tag = self.peek_tag()?;
        let (vr, length) = self.header(encoding)?;
        let known_vr = dictionary_vr(tag);
        // UN of undefined length, and a standard sequence sent as UN, hold implicit VR (PS3.5 section 6.2.2 note 4).
        let inner = if vr == VR::UN { Encoding::ImplicitLe } else { encoding };
        if vr == VR::SQ || (vr == VR::UN && (length.is_none() || known_vr == VR::SQ)) {
            // And little endian, in any transfer syntax.
            let big_endian = self.big_endian;
            self.big_endian = big_endian && vr != VR::UN;
            let items = self.sequence(inner, length, limit, depth)?;
            self.big_endian = big_endian;
            return Ok(Some(Element { tag, vr: VR::SQ, value: Value::Items(items) }));
        }
        match length {
            Some(length) => {
                let end = self.end_of(length, limit)?;
                let mut value = self.bytes[self.at..end].to_vec();
                if self.big_endian {
                    turn(&mut value, vr);
                }
                self.at = end;
                Ok(Some(Element { tag, vr, value: Value::Bytes(value) }))
            }
            None if tag == tags::PIXEL_DATA => self.skip_fragments(limit).map(|()| None),
            None => Ok(Some(Element {
                tag,
                vr: VR::SQ,
                value: Value::Items(self.sequence(Encoding::ImplicitLe, None, limit, depth)?),
            })),
        }
    }

    fn sequence(
        &mut self,
        encoding: Encoding,
        length: Option<u32>,
        limit: usize,
        depth: usize,
    ) -> Result<Vec<DataSet>, ParseError> {
        if depth > MAX_DEPTH {
            return Err(ParseError::Invalid { at: self.at, what: "sequences nested too deeply" });
        }
        let end = length.map(|l| self.end_of(l, limit)).transpose()?;
        let mut items = Vec::new();
        loop {
            if Some(self.at) == end {
                return Ok(items);
            }
            let tag = self.peek_tag()?;
            let at = self.at;
            let (_, item_length) = self.header(Encoding::ImplicitLe)?;
            match tag {
                ITEM => items.push(self.item(encoding, item_length, end.unwrap_or(limit), depth + 1)?),
                SEQUENCE_END if end.is_none() => return Ok(items),
                _ => return Err(ParseError::Invalid { at, what: "a sequence without item" }),
            }
        }
    }

    fn item(
        &mut self,
        encoding: Encoding,
        length: Option<u32>,
        limit: usize,
        depth: usize,
    ) -> Result<DataSet, ParseError> {
        let end = length.map(|l| self.end_of(l, limit)).transpose()?;
        let mut elements = Vec::new();
        loop {
            if Some(self.at) == end {
                break;
            }
            if self.peek_tag()? == ITEM_END {
                self.header(Encoding::ImplicitLe)?;
                if end.is_none() {
                    break;
                }
                continue;
            }
            elements.extend(self.element(encoding, end.unwrap_or(limit), depth)?);
        }
        Ok(DataSet { elements })
    }

    fn skip_fragments(&mut self, limit: usize) -> Result<(), ParseError> {
        loop {
            let tag = self.peek_tag()?;
            let (_, length) = self.header(Encoding::ImplicitLe)?;
            match (tag, length) {
                (SEQUENCE_END, _) => return Ok(()),
                (ITEM, Some(length)) => self.at = self.end_of(length, limit)?,
                _ => return Err(ParseError::Invalid { at: self.at, what: "damaged pixel fragments" }),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sample() -> DataSet {
        let mut item = DataSet::default();
        item.put_str(tags::ROI_NUMBER, "7");
        item.put_str(tags::ROI_NAME, "Lung_L");
        let mut ds = DataSet::default();
        ds.put_items(tags::STRUCTURE_SET_ROI_SEQUENCE, vec![item, DataSet::default()]);
        ds.put_str(tags::SOP_INSTANCE_UID, "1.2.3");
        ds.put(Tag(0x0013, 0x1010), Value::Bytes(vec![1, 2, 3, 4]));
        ds.put_us(tags::ROWS, 512);
        ds
    }

    fn never(_: Tag) -> bool {
        false
    }

    #[test]
    fn both_encodings_read_back() {
        for encoding in [Encoding::ImplicitLe, Encoding::ExplicitLe] {
            let mut bytes = Vec::new();
            sample().encode(&mut bytes, encoding);
            let (back, stop) = parse(&bytes, encoding, true, &never).expect("reads back");
            assert!(stop.is_none());
            assert_eq!(back.items(tags::STRUCTURE_SET_ROI_SEQUENCE).len(), 2);
            assert_eq!(back.us(tags::ROWS), Some(512));
            assert_eq!(back.bytes(Tag(0x0013, 0x1010)), Some(&[1, 2, 3, 4][..]));
            let order: Vec<Tag> = back.elements().iter().map(|e| e.tag).collect();
            assert!(order.is_sorted());
            let mut again = Vec::new();
            back.encode(&mut again, encoding);
            assert_eq!(again, bytes);
        }
    }

    #[test]
    fn undefined_lengths_and_implicit_content_of_un_are_read() {
        // (3006,0020) SQ undefined > item undefined > (3006,0022) "7 ", in explicit VR; then a private UN sequence.
        let mut b = Vec::new();
        b.extend_from_slice(&[0x06, 0x30, 0x20, 0x00, b'S', b'Q', 0, 0, 0xFF, 0xFF, 0xFF, 0xFF]);
        b.extend_from_slice(&[0xFE, 0xFF, 0x00, 0xE0, 0xFF, 0xFF, 0xFF, 0xFF]);
        b.extend_from_slice(&[0x06, 0x30, 0x22, 0x00, b'I', b'S', 2, 0, b'7', b' ']);
        b.extend_from_slice(&[0xFE, 0xFF, 0x0D, 0xE0, 0, 0, 0, 0]);
        b.extend_from_slice(&[0xFE, 0xFF, 0xDD, 0xE0, 0, 0, 0, 0]);
        b.extend_from_slice(&[0x07, 0x30, 0x10, 0x10, b'U', b'N', 0, 0, 0xFF, 0xFF, 0xFF, 0xFF]);
        b.extend_from_slice(&[0xFE, 0xFF, 0x00, 0xE0, 0x0A, 0, 0, 0]);
        b.extend_from_slice(&[0x07, 0x30, 0x11, 0x10, 2, 0, 0, 0, b'A', b'B']);
        b.extend_from_slice(&[0xFE, 0xFF, 0xDD, 0xE0, 0, 0, 0, 0]);
        let (ds, _) = parse(&b, Encoding::ExplicitLe, true, &never).expect("reads");
        assert_eq!(ds.items(tags::STRUCTURE_SET_ROI_SEQUENCE)[0].bytes(tags::ROI_NUMBER), Some(&b"7 "[..]));
        assert_eq!(ds.items(Tag(0x3007, 0x1010))[0].bytes(Tag(0x3007, 0x1011)), Some(&b"AB"[..]));
    }

    #[test]
    fn reading_stops_before_a_tag_and_asks_for_more_bytes() {
        let mut bytes = Vec::new();
        sample().encode(&mut bytes, Encoding::ImplicitLe);
        let until = |tag: Tag| tag >= tags::STRUCTURE_SET_ROI_SEQUENCE;
        let (ds, stop) = parse(&bytes, Encoding::ImplicitLe, false, &until).expect("stops");
        assert!(ds.get(tags::ROWS).is_some());
        assert_eq!(stop.map(|s| s.tag), Some(tags::STRUCTURE_SET_ROI_SEQUENCE));
        assert!(matches!(parse(&bytes[..20], Encoding::ImplicitLe, false, &until), Err(ParseError::Truncated(_))));
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), explicit: bool) {
            let encoding = if explicit { Encoding::ExplicitLe } else { Encoding::ImplicitLe };
            let _ = parse(&bytes, encoding, true, &never);
        }

        #[test]
        fn damage_to_a_real_data_set_never_panics(at in 0usize..80, value: u8) {
            let mut bytes = Vec::new();
            sample().encode(&mut bytes, Encoding::ExplicitLe);
            let at = at % bytes.len();
            bytes[at] = value;
            let _ = parse(&bytes, Encoding::ExplicitLe, true, &never);
        }
    }
}
