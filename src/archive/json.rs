//! The DICOM JSON model (PS3.18 annex F), read with good will: missing keys, numbers as text, names as text.

use super::error::ArchiveError;
use super::http::{Answer, Client};
use crate::tf;
use crate::words::t;
use serde_json::Value;
use std::io::Read as _;

/// More than any answer to a search has.
const MOST_BYTES: u64 = 64 << 20;

/// The data sets of an answer; none where it has no content.
///
/// # Errors
/// Where the answer is no DICOM JSON.
pub(super) fn data_sets(client: &Client, what: &str, answer: Answer) -> Result<Vec<Value>, ArchiveError> {
    let media = answer.media_type();
    let mut bytes = Vec::new();
    let mut body = answer.body.into_with_config().limit(u64::MAX).reader().take(MOST_BYTES + 1);
    body.read_to_end(&mut bytes).map_err(|e| client.cut(what, &e))?;
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Ok(Vec::new());
    }
    if bytes.len() as u64 > MOST_BYTES {
        return Err(ArchiveError::archive(tf!(
            "{what} failed: the answer is larger than {megabytes} MB; search for less",
            what,
            megabytes = MOST_BYTES >> 20
        )));
    }
    if !media.is_empty() && !media.ends_with("json") {
        return Err(not_dicomweb(what, &media));
    }
    match serde_json::from_slice(&bytes) {
        Ok(Value::Array(all)) if all.iter().all(Value::is_object) => Ok(all),
        Ok(one @ Value::Object(_)) => Ok(vec![one]),
        _ => Err(ArchiveError::archive(tf!(
            "{what} failed: the archive answered JSON that is damaged or no DICOM; check that its address is that of \
             the DICOMweb service",
            what
        ))),
    }
}

/// The address answers, but not as a DICOMweb service.
pub(super) fn not_dicomweb(what: &str, media: &str) -> ArchiveError {
    let found = match media {
        "text/html" => t("a web page (HTML)").to_owned(),
        "" => t("data of no stated type").to_owned(),
        other => super::http::limited(other),
    };
    ArchiveError::archive(tf!(
        "{what} failed: the archive sent {found} instead of DICOM; check that the address is that of its DICOMweb \
         service, such as http://host:8042/dicom-web",
        what,
        found
    ))
}

fn values<'a>(ds: &'a Value, tag: &str) -> &'a [Value] {
    let element = ds.get(tag).or_else(|| ds.get(tag.to_ascii_lowercase()));
    element.and_then(|e| e.get("Value")).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

fn word(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.trim_matches([' ', '\0']).to_owned()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// The first value as text; empty if there is none.
pub(super) fn text(ds: &Value, tag: &str) -> String {
    values(ds, tag).first().and_then(word).unwrap_or_default()
}

/// Every value as text.
pub(super) fn texts(ds: &Value, tag: &str) -> Vec<String> {
    values(ds, tag).iter().filter_map(word).flat_map(|t| t.split('\\').map(str::to_owned).collect::<Vec<_>>()).collect()
}

/// A person name as in a DICOM file, its groups joined by `=` (F.2.2).
pub(super) fn person(ds: &Value, tag: &str) -> String {
    match values(ds, tag).first() {
        Some(name @ Value::Object(_)) => {
            let groups =
                ["Alphabetic", "Ideographic", "Phonetic"].map(|g| name.get(g).and_then(word).unwrap_or_default());
            groups.join("=").trim_end_matches('=').to_owned()
        }
        Some(other) => word(other).unwrap_or_default(),
        None => String::new(),
    }
}

/// A count that may stand as a number or as text.
pub(super) fn count(ds: &Value, tag: &str) -> Option<usize> {
    text(ds, tag).trim().parse().ok()
}

/// A number such as a status or reason.
pub(super) fn number(ds: &Value, tag: &str) -> Option<u32> {
    text(ds, tag).trim().parse().ok()
}

/// The items of a sequence.
pub(super) fn items<'a>(ds: &'a Value, tag: &str) -> &'a [Value] {
    values(ds, tag)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_numbers_and_gaps_are_read_with_good_will() {
        let ds: Value = serde_json::from_str(
            r#"{"00100010":{"vr":"PN","Value":[{"Alphabetic":"Yamada^Tarou","Ideographic":"山田^太郎"}]},
                "00100020":{"vr":"LO"}, "00201208":{"vr":"IS","Value":["12"]}, "00201206":{"vr":"IS","Value":[3]},
                "00080061":{"vr":"CS","Value":["CT","RTSTRUCT"]}, "0020000d":{"vr":"UI","Value":["1.2.3\u0000"]},
                "00080090":{"vr":"PN","Value":["Doe^Jane"]}, "00080050":{"vr":"SH","Value":[null]},
                "00080060":{"vr":"CS","Value":{"odd":1}}}"#,
        )
        .expect("JSON");
        assert_eq!(person(&ds, "00100010"), "Yamada^Tarou=山田^太郎");
        assert_eq!(person(&ds, "00080090"), "Doe^Jane");
        assert_eq!((text(&ds, "00100020"), text(&ds, "00080050"), text(&ds, "00080060")), Default::default());
        assert_eq!((count(&ds, "00201208"), count(&ds, "00201206"), count(&ds, "00200010")), (Some(12), Some(3), None));
        assert_eq!(texts(&ds, "00080061"), ["CT", "RTSTRUCT"]);
        assert_eq!(text(&ds, "0020000D"), "1.2.3");
    }
}
