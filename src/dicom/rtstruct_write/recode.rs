//! Texts from one character set to another.

use super::super::charset::Charset;
use super::super::raw::{DataSet, Value};
use dicom_core::VR;
use dicom_dictionary_std::tags;

/// A text value that another character set writes with other bytes.
fn needs_recoding(vr: VR, bytes: &[u8]) -> bool {
    matches!(vr, VR::LO | VR::LT | VR::PN | VR::SH | VR::ST | VR::UC | VR::UT)
        && (!bytes.is_ascii() || bytes.contains(&0x1B))
}

/// True if every text of an item can be written in another character set. What cannot even be decoded does
/// not count: its bytes stay.
pub(super) fn can_recode(ds: &DataSet, outer: &Charset, to: &Charset) -> bool {
    let from = Charset::of(ds, outer);
    ds.elements().iter().all(|element| match &element.value {
        Value::Bytes(bytes) if needs_recoding(element.vr, bytes) => {
            from.decode_exactly(bytes).is_none_or(|text| to.encode(&text).is_some())
        }
        Value::Bytes(_) => true,
        Value::Items(items) => items.iter().all(|item| can_recode(item, &from, to)),
    })
}

/// Text attributes to another character set, items with a set of their own included. Bytes that cannot be
/// decoded stay as they are.
pub(super) fn recode(ds: &mut DataSet, outer: &Charset, to: &Charset) {
    let from = Charset::of(ds, outer);
    ds.remove(tags::SPECIFIC_CHARACTER_SET);
    for element in ds.elements_mut() {
        match &mut element.value {
            Value::Bytes(bytes) if needs_recoding(element.vr, bytes) => {
                if let Some(new) = from.decode_exactly(bytes).and_then(|text| to.encode(&text)) {
                    *bytes = new;
                }
            }
            Value::Bytes(_) => {}
            Value::Items(items) => items.iter_mut().for_each(|item| recode(item, &from, to)),
        }
    }
}
