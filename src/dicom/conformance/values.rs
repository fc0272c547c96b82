//! How values are written: lengths, characters and syntax of each value representation (PS3.5 section 6.2).

use super::{Place, Report};
use crate::dicom::charset::Charset;
use crate::dicom::raw::{DataSet, Element, Value, dictionary_vr};
use dicom_core::chrono::NaiveDate;
use dicom_core::{Tag, VR};
use dicom_dictionary_std::tags;

const PART: &str = "PS3.5 6.2";

/// How many values an attribute has; others of the module tables have one.
const COUNTS: &[(Tag, usize)] =
    &[(tags::ROI_DISPLAY_COLOR, 3), (tags::ROI_NUMBER, 1), (tags::ROI_NAME, 1), (tags::CONTOUR_GEOMETRIC_TYPE, 1)];

pub(super) fn check(report: &mut Report, ds: &DataSet) {
    let charset = report.charset.clone();
    walk(report, &Place::default(), ds, &charset);
}

fn walk(report: &mut Report, at: &Place, ds: &DataSet, outer: &Charset) {
    let charset = Charset::of(ds, outer);
    let mut last = None;
    for element in ds.elements() {
        if last.is_some_and(|l| l >= element.tag) {
            report.error(at, element.tag, "stands out of order", "", "PS3.5 7.1");
        }
        last = Some(element.tag);
        if element.tag.1 == 0 {
            report.warning(at, element.tag, "is a group length, which is retired", "", "PS3.5 7.2");
            continue;
        }
        match &element.value {
            Value::Items(items) => {
                for (n, item) in items.iter().enumerate() {
                    walk(report, &at.roi_item(element.tag, n, item), item, &charset);
                }
            }
            Value::Bytes(bytes) => check_value(report, at, element, bytes, &charset),
        }
    }
}

fn check_value(report: &mut Report, at: &Place, element: &Element, bytes: &[u8], charset: &Charset) {
    let tag = element.tag;
    let known = dictionary_vr(tag);
    let is_private = tag.0 % 2 == 1;
    if element.vr == VR::UN && !matches!(known, VR::UN | VR::SQ) && !is_private {
        let text = "is written without its value representation (explicit VR cannot hold more than 65534 bytes)";
        report.warning(at, tag, text, "", "PS3.5 6.2.2");
    } else if known == VR::SQ {
        report.error(at, tag, "is no sequence", "", "PS3.6");
        return;
    }
    // What is private means what its owner says.
    let vr = if element.vr == VR::UN && !is_private { known } else { element.vr };
    if let Some((_, count)) = COUNTS.iter().find(|(t, _)| *t == tag) {
        let found = bytes.split(|b| *b == b'\\').count();
        if !bytes.is_empty() && found != *count {
            report.error(at, tag, format!("has {found} values instead of {count}"), "", "PS3.6");
        }
    }
    if vr == VR::DS {
        // Contours have hundreds of thousands of these, all of ASCII.
        if let Some(wrong) = trimmed(bytes).split(|b| *b == b'\\').find(|v| !is_decimal(v)) {
            let value = String::from_utf8_lossy(wrong);
            report.error(at, tag, "holds what is no decimal string of at most 16 bytes", &value, PART);
        }
        return;
    }
    if matches!(vr, VR::SH | VR::LO | VR::ST | VR::LT | VR::UT | VR::UC | VR::PN) {
        check_text(report, at, tag, vr, bytes, charset);
        return;
    }
    let Some(rule) = rule_of(vr) else { return };
    for value in trimmed(bytes).split(|b| *b == b'\\') {
        let value = if vr == VR::UI { value } else { value.trim_ascii() };
        if !value.is_empty() && !(rule.is_valid)(value) {
            report.error(at, tag, format!("is no {}", rule.words), &String::from_utf8_lossy(value), PART);
        }
    }
}

fn trimmed(bytes: &[u8]) -> &[u8] {
    let end = bytes.iter().rposition(|b| !matches!(b, b' ' | 0)).map_or(0, |p| p + 1);
    &bytes[..end]
}

struct Syntax {
    words: &'static str,
    is_valid: fn(&[u8]) -> bool,
}

fn rule_of(vr: VR) -> Option<Syntax> {
    let (words, is_valid): (_, fn(&[u8]) -> bool) = match vr {
        VR::UI => ("UID (digits and points, no part with a leading zero, at most 64)", is_uid),
        VR::CS => ("code string (at most 16 of A-Z, 0-9, space and underscore)", is_code),
        VR::IS => ("integer string of at most 12 bytes", is_integer),
        VR::DA => ("date (YYYYMMDD)", is_date),
        VR::TM => ("time (HHMMSS.FFFFFF)", is_time),
        VR::DT => ("date and time (YYYYMMDDHHMMSS.FFFFFF&ZZXX)", is_date_time),
        VR::AS => ("age (such as 058Y)", is_age),
        VR::AE => ("application entity (at most 16 characters)", |v| v.len() <= 16 && v.is_ascii()),
        _ => return None,
    };
    Some(Syntax { words, is_valid })
}

/// DS: a fixed point or floating point number in at most 16 bytes, spaces around it included.
fn is_decimal(value: &[u8]) -> bool {
    let (size, value) = (value.len(), value.trim_ascii());
    if value.is_empty() {
        return true;
    }
    let mut rest = value.strip_prefix(b"+").or_else(|| value.strip_prefix(b"-")).unwrap_or(value);
    let digits = |rest: &mut &[u8]| {
        let n = rest.iter().take_while(|b| b.is_ascii_digit()).count();
        *rest = &rest[n..];
        n
    };
    let mut before = digits(&mut rest);
    if let Some(after) = rest.strip_prefix(b".") {
        rest = after;
        before += digits(&mut rest);
    }
    if let Some(exponent) = rest.strip_prefix(b"e").or_else(|| rest.strip_prefix(b"E")) {
        rest = exponent.strip_prefix(b"+").or_else(|| exponent.strip_prefix(b"-")).unwrap_or(exponent);
        if digits(&mut rest) == 0 {
            return false;
        }
    }
    size <= 16 && before > 0 && rest.is_empty()
}

fn is_uid(value: &[u8]) -> bool {
    let part = |p: &[u8]| !p.is_empty() && p.iter().all(u8::is_ascii_digit) && (p.len() == 1 || p[0] != b'0');
    value.len() <= 64 && value.split(|b| *b == b'.').all(part)
}

fn is_code(value: &[u8]) -> bool {
    let allowed = |b: &u8| b.is_ascii_uppercase() || b.is_ascii_digit() || matches!(b, b' ' | b'_');
    value.len() <= 16 && value.iter().all(allowed)
}

fn is_integer(value: &[u8]) -> bool {
    value.len() <= 12 && std::str::from_utf8(value).is_ok_and(|t| t.parse::<i32>().is_ok())
}

fn digits_of(value: &[u8]) -> Option<&str> {
    std::str::from_utf8(value).ok().filter(|t| t.bytes().all(|b| b.is_ascii_digit()))
}

pub(crate) fn is_date(value: &[u8]) -> bool {
    value.len() == 8 && digits_of(value).is_some_and(|t| NaiveDate::parse_from_str(t, "%Y%m%d").is_ok())
}

pub(crate) fn is_time(value: &[u8]) -> bool {
    let (whole, fraction) = match value.iter().position(|b| *b == b'.') {
        Some(at) => (&value[..at], Some(&value[at + 1..])),
        None => (value, None),
    };
    let fits = |at: usize, most: u32| {
        whole
            .get(at..at + 2)
            .is_none_or(|p| digits_of(p).and_then(|t| t.parse::<u32>().ok()).is_some_and(|n| n <= most))
    };
    matches!(whole.len(), 2 | 4 | 6)
        && digits_of(whole).is_some()
        && fits(0, 23)
        && fits(2, 59)
        && fits(4, 60)
        && fraction.is_none_or(|f| whole.len() == 6 && (1..=6).contains(&f.len()) && digits_of(f).is_some())
}

fn is_date_time(value: &[u8]) -> bool {
    let zone = value.iter().position(|b| matches!(b, b'+' | b'-'));
    let (local, zone) = zone.map_or((value, None), |at| (&value[..at], Some(&value[at + 1..])));
    let zone_fits = zone.is_none_or(|z| z.len() == 4 && digits_of(z).is_some());
    let date = local.get(..8).map_or_else(|| matches!(local.len(), 4 | 6) && digits_of(local).is_some(), is_date);
    zone_fits && date && local.get(8..).is_none_or(|t| t.is_empty() || is_time(t))
}

fn is_age(value: &[u8]) -> bool {
    value.len() == 4 && digits_of(&value[..3]).is_some() && matches!(value[3], b'D' | b'W' | b'M' | b'Y')
}

/// Texts: characters of the declared set, and how many of them.
fn check_text(report: &mut Report, at: &Place, tag: Tag, vr: VR, bytes: &[u8], charset: &Charset) {
    if !charset.is_valid(trimmed(bytes)) {
        let text = "holds bytes that are no text in the character set of the file";
        report.error(at, tag, text, "", "PS3.3 C.12.1.1.2");
        return;
    }
    let text = charset.decode(bytes);
    let breaks = matches!(vr, VR::ST | VR::LT | VR::UT);
    if text.chars().any(|c| c.is_control() && !(breaks && matches!(c, '\n' | '\r' | '\t' | '\u{c}'))) {
        report.error(at, tag, "holds control characters", "", PART);
    }
    let whole = [text.as_str()];
    let values: Vec<&str> = if breaks { whole.to_vec() } else { text.split('\\').collect() };
    let most = match vr {
        VR::SH => 16,
        VR::LO => 64,
        VR::ST => 1024,
        VR::LT => 10240,
        _ => usize::MAX,
    };
    for value in values {
        let length = value.trim_end().chars().count();
        if length > most {
            report.error(at, tag, format!("has {length} characters; {vr} holds {most}"), value, PART);
        }
        if vr == VR::PN {
            let groups: Vec<&str> = value.split('=').collect();
            let wide = groups.iter().any(|g| g.chars().count() > 64 || g.split('^').count() > 5);
            if groups.len() > 3 || wide {
                let text = "is no name (three groups of at most five parts and 64 characters)";
                report.error(at, tag, text, value, PART);
            } else if !value.is_empty() && !value.contains('^') {
                report.warning(at, tag, "is a name without parts (family^given)", value, PART);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_representation_has_its_syntax() {
        for good in ["1", "-1.5", "+.5", "5.", " 1.25 ", "-1.234567890E-05", "1234567890123456", ""] {
            assert!(is_decimal(good.as_bytes()), "{good}");
        }
        for bad in ["12345678901234567", "1,5", "e5", "1e", "nan", "-", ".", "1 2", "0x1"] {
            assert!(!is_decimal(bad.as_bytes()), "{bad}");
        }
        assert!(is_uid(b"1.2.840.0.5") && !is_uid(b"1..2") && !is_uid(b"1.02") && !is_uid(b"1.2.") && !is_uid(b"a"));
        assert!(!is_uid("1".repeat(65).as_bytes()));
        assert!(is_code(b"CLOSED_PLANAR") && !is_code(b"closed") && !is_code(b"ABCDEFGHIJKLMNOPQ"));
        assert!(is_integer(b"-12") && is_integer(b"+7") && !is_integer(b"1.0") && !is_integer(b"4294967296"));
        assert!(is_date(b"20240229") && !is_date(b"20230229") && !is_date(b"2024.02.29") && !is_date(b"31/12/25"));
        for good in ["23", "2359", "235960", "120000.1", "120000.123456"] {
            assert!(is_time(good.as_bytes()), "{good}");
        }
        for bad in ["24", "1260", "12:00:00", "noon", "120000.", "1200.5", "120000.1234567"] {
            assert!(!is_time(bad.as_bytes()), "{bad}");
        }
        assert!(is_date_time(b"20240101120000.5+0100") && is_date_time(b"2024") && !is_date_time(b"yesterday"));
        assert!(is_age(b"058Y") && !is_age(b"58Y"));
    }
}
