//! Reading and writing single values: text in its character set, names of persons, decimal and
//! integer strings, dates.

use super::raw::DataSet;
use dicom_core::Tag;
use dicom_dictionary_std::tags;
use dicom_encoding::text::{SpecificCharacterSet, TextCodec};

/// The character set of a data set, from Specific Character Set (0008,0005).
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Charset {
    codec: SpecificCharacterSet,
}

impl Default for Charset {
    fn default() -> Self {
        Self { codec: SpecificCharacterSet::ISO_IR_6 }
    }
}

impl Charset {
    pub const UTF8_CODE: &'static str = "ISO_IR 192";

    pub fn utf8() -> Self {
        Self { codec: SpecificCharacterSet::ISO_IR_192 }
    }

    /// The set declared by this data set or item, else the one around it.
    pub fn of(ds: &DataSet, outer: &Self) -> Self {
        let Some(bytes) = ds.bytes(tags::SPECIFIC_CHARACTER_SET) else { return outer.clone() };
        // With code extensions the last term is the one beyond ASCII ("\ISO 2022 IR 87").
        let code = String::from_utf8_lossy(bytes)
            .split('\\')
            .map(|c| c.trim_matches([' ', '\0']).to_owned())
            .rfind(|c| !c.is_empty() && !c.ends_with("IR 6"));
        let codec = code.and_then(|c| SpecificCharacterSet::from_code(&c));
        Self { codec: codec.unwrap_or(SpecificCharacterSet::ISO_IR_6) }
    }

    /// Text of a value, without padding. Bytes outside the declared set are shown as well as possible.
    pub fn decode(&self, bytes: &[u8]) -> String {
        let end = bytes.iter().rposition(|b| !matches!(b, b' ' | 0)).map_or(0, |p| p + 1);
        let bytes = &bytes[..end];
        if bytes.is_ascii() && !bytes.contains(&0x1B) {
            return String::from_utf8_lossy(bytes).into_owned();
        }
        let latin = self.codec == SpecificCharacterSet::ISO_IR_6 || self.codec == SpecificCharacterSet::ISO_IR_100;
        // Bytes that are valid UTF-8 beyond ASCII are practically never meant as Latin 1.
        if latin && let Ok(text) = std::str::from_utf8(bytes) {
            return text.to_owned();
        }
        let plain;
        let bytes = if self.codec.name() == "ISO_IR 87" {
            bytes
        } else {
            plain = without_escapes(bytes);
            &plain
        };
        self.codec.decode(bytes).unwrap_or_else(|_| String::from_utf8_lossy(bytes).into_owned())
    }

    /// The bytes of a text; `None` if the set cannot hold it.
    pub fn encode(&self, text: &str) -> Option<Vec<u8>> {
        if text.is_ascii() {
            return Some(text.as_bytes().to_vec());
        }
        if self.codec == SpecificCharacterSet::ISO_IR_6 {
            return None;
        }
        let bytes = self.codec.encode(text).ok()?;
        (self.decode(&bytes) == text.trim_end_matches([' ', '\0'])).then_some(bytes)
    }
}

/// Removes the escape sequences of ISO 2022 that only announce a set which the codec knows anyhow.
fn without_escapes(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        if bytes[at] == 0x1B {
            // ESC $ ) C is four bytes, ESC ( B is three.
            at +=
                if bytes.get(at + 1) == Some(&b'$') && matches!(bytes.get(at + 2), Some(b')' | b'(')) { 4 } else { 3 };
        } else {
            out.push(bytes[at]);
            at += 1;
        }
    }
    out
}

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

/// Date and time of now, local, as DA and TM.
pub(crate) fn now() -> (String, String) {
    let now = dicom_core::chrono::Local::now();
    (now.format("%Y%m%d").to_string(), now.format("%H%M%S").to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dicom::raw::Value;
    use proptest::prelude::*;

    fn decode(code: &str, bytes: &[u8]) -> String {
        let mut ds = DataSet::default();
        if !code.is_empty() {
            ds.put_str(tags::SPECIFIC_CHARACTER_SET, code);
        }
        ds.put(tags::PATIENT_NAME, Value::Bytes(bytes.to_vec()));
        readable_name(&ds.text(tags::PATIENT_NAME, &Charset::of(&ds, &Charset::default())))
    }

    #[test]
    fn patient_names_are_readable_in_the_character_sets_of_the_standard() {
        // Examples of PS3.5 annexes H (Japanese), I (Korean), J (Chinese).
        assert_eq!(
            decode(
                "\\ISO 2022 IR 87",
                b"Yamada^Tarou=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B=\x1b$B$d$^$@\x1b(B^\x1b$B$?$m$&\x1b(B"
            ),
            "山田 太郎 (Yamada Tarou)"
        );
        assert_eq!(
            decode("\\ISO 2022 IR 149", b"Hong^Gildong=\x1b$)C\xfb\xf3^\x1b$)C\xd1\xce\xd4\xd7="),
            "洪 吉洞 (Hong Gildong)"
        );
        assert_eq!(decode("GB18030", b"Wang^XiaoDong=\xcd\xf5^\xd0\xa1\xb6\xab="), "王 小东 (Wang XiaoDong)");
        assert_eq!(decode("ISO_IR 192", "Wang^XiaoDong=王^小東".as_bytes()), "王 小東 (Wang XiaoDong)");
        assert_eq!(decode("ISO_IR 100", b"Buc^J\xe9r\xf4me "), "Buc Jérôme");
        assert_eq!(decode("ISO_IR 144", b"\xbb\xee\xda\x63\x65\xdc\xd1\xe3\xe0\xd3"), "Люкceмбург");
        assert_eq!(decode("", b"P113\0"), "P113");
        assert_eq!(decode("", "Müller^Jörg".as_bytes()), "Müller Jörg");
    }

    #[test]
    fn a_set_refuses_what_it_cannot_hold() {
        let latin = Charset { codec: SpecificCharacterSet::ISO_IR_100 };
        assert_eq!(latin.encode("Müller"), Some(b"M\xfcller".to_vec()));
        assert_eq!(latin.encode("食道"), None);
        assert_eq!(Charset::default().encode("Müller"), None);
        assert_eq!(Charset::utf8().encode("食道").as_deref(), Some("食道".as_bytes()));
    }

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
