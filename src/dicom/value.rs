//! Reading and writing single values: text, names of persons, decimal and integer strings, dates.

pub(super) use super::charset::Charset;
use super::raw::DataSet;
use dicom_core::Tag;

/// A person name as people write it: `Yamada^Tarou=山田^太郎` becomes `山田 太郎 (Yamada Tarou)`.
pub(crate) fn readable_name(dicom_name: &str) -> String {
    let groups: Vec<String> = dicom_name
        .split('=')
        .map(|g| g.split('^').map(str::trim).filter(|c| !c.is_empty()).collect::<Vec<_>>().join(" "))
        .collect();
    let alphabetic = groups.first().map_or("", String::as_str);
    match groups.get(1).map_or("", String::as_str) {
        "" => alphabetic.to_owned(),
        ideographic if alphabetic.is_empty() || alphabetic == ideographic => ideographic.to_owned(),
        ideographic => format!("{ideographic} ({alphabetic})"),
    }
}

/// Parses one decimal string (PS3.5 section 6.2, DS); `None` if it is no finite number.
pub(crate) fn parse_ds(bytes: &[u8]) -> Option<f64> {
    let text = std::str::from_utf8(bytes).ok()?.trim_matches([' ', '\0']);
    text.parse::<f64>().ok().filter(|x| x.is_finite())
}

/// Writes a number as a decimal string of at most 16 bytes, without exponent where it fits. The
/// shortest text that reads back exactly is used if it is short enough, else as many decimals as fit.
pub(crate) fn format_ds(x: f64) -> String {
    let x = if x == 0.0 { 0.0 } else { x };
    let shortest = format!("{x}");
    if shortest.len() <= 16 {
        return shortest;
    }
    let whole = format!("{x:.0}").len();
    if whole <= 16 {
        // One byte for the point; rounding up may add a digit before it.
        for decimals in (0..=15usize.saturating_sub(whole)).rev() {
            let text = format!("{x:.decimals$}");
            if text.len() <= 16 {
                let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
                return if text == "-0" { "0".into() } else { text.to_owned() };
            }
        }
    }
    (0..=9).rev().map(|d| format!("{x:.d$e}")).find(|t| t.len() <= 16).unwrap_or_else(|| "0".into())
}

impl DataSet {
    /// A value of the default repertoire without padding; empty if absent.
    pub fn string(&self, tag: Tag) -> String {
        self.bytes(tag).map_or_else(String::new, |b| Charset::default().decode(b).trim().to_owned())
    }

    /// Text in its character set, without padding; empty if absent.
    pub fn text(&self, tag: Tag, charset: &Charset) -> String {
        self.bytes(tag).map_or_else(String::new, |b| charset.decode(b).trim().to_owned())
    }

    /// The numbers of a decimal string; `None` if absent, empty or not all numbers.
    pub fn decimals(&self, tag: Tag) -> Option<Vec<f64>> {
        let bytes = self.bytes(tag)?;
        bytes.split(|b| *b == b'\\').map(parse_ds).collect()
    }

    /// Exactly `N` numbers of a decimal string.
    pub fn decimals_n<const N: usize>(&self, tag: Tag) -> Option<[f64; N]> {
        self.decimals(tag)?.try_into().ok()
    }

    /// An integer string; `None` if absent or no number.
    pub fn integer(&self, tag: Tag) -> Option<i32> {
        self.string(tag).parse().ok()
    }
}

/// Shortens text to `limit` characters, as the short value representations demand (SH 16, LO 64).
pub(crate) fn limit(text: &str, limit: usize) -> String {
    text.chars().filter(|c| *c != '\\' && !c.is_control()).take(limit).collect::<String>().trim().to_owned()
}

/// Shortens text of several lines (ST, LT), control characters but ends of lines left out.
pub(crate) fn limit_lines(text: &str, limit: usize) -> String {
    text.chars().filter(|c| !c.is_control() || matches!(c, '\r' | '\n')).take(limit).collect()
}

/// Date and time of now, local, as DA and TM.
pub(crate) fn now() -> (String, String) {
    let now = dicom_core::chrono::Local::now();
    (now.format("%Y%m%d").to_string(), now.format("%H%M%S").to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn decimals_have_no_surprises() {
        let cases = [
            (0.0, "0"),
            (-0.0, "0"),
            (-972.998, "-972.998"),
            (1e-7, "0.0000001"),
            (-1.224_646_799_147_353_2e-16, "0"),
            (123.456_789_012_345_67, "123.456789012346"),
            (-12_345_678.901_234_5, "-12345678.901235"),
        ];
        for (x, text) in cases {
            assert_eq!(format_ds(x), text, "{x}");
        }
        assert_eq!(parse_ds(b" -1.2e3 "), Some(-1200.0));
        assert_eq!(parse_ds(b"+4.5"), Some(4.5));
        assert_eq!(parse_ds(b"1,5"), None);
        assert_eq!(parse_ds(b"nan"), None);
    }

    proptest! {
        #[test]
        fn decimal_strings_fit_and_read_back(x in -1e6..1e6f64) {
            let text = format_ds(x);
            prop_assert!(text.len() <= 16 && !text.contains('e'), "{}", text);
            prop_assert!((parse_ds(text.as_bytes()).expect("a number") - x).abs() <= 1e-4);
        }

        #[test]
        fn rounded_vertices_read_back_exactly(n in -50_000_000i64..50_000_000) {
            let x = n as f64 / 10_000.0;
            prop_assert_eq!(parse_ds(format_ds(x).as_bytes()), Some(x));
        }

        #[test]
        fn any_finite_number_fits(x in any::<f64>().prop_filter("finite", |x| x.is_finite())) {
            prop_assert!(format_ds(x).len() <= 16);
        }
    }
}
