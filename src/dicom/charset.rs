//! Text in the character sets of Specific Character Set (0008,0005): PS3.3 section C.12.1.1.2 and PS3.5
//! section 6.1. With code extensions (ISO 2022) a value changes its character set by escape sequences, and
//! each segment is decoded by the set in force. What cannot be decoded shows as U+FFFD.

use super::raw::DataSet;
use dicom_dictionary_std::tags;
use dicom_encoding::text::{SpecificCharacterSet, TextCodec as _};

/// The character set of a data set.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Charset {
    /// As declared; the first is in force at the start of a value. Never empty.
    terms: Vec<Term>,
    /// True where a term allows code extensions.
    extended: bool,
}

/// One defined term.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Term {
    Ascii,
    /// ISO_IR 13: half-width katakana.
    Katakana,
    /// ISO 2022 IR 87 (JIS X 0208) and IR 159 (JIS X 0212).
    Kanji,
    KanjiSupplement,
    /// ISO 2022 IR 149 (KS X 1001) and IR 58 (GB 2312).
    Korean,
    Chinese,
    /// A set of the upper half with one byte a character, by its registration number.
    Single(u16),
    Utf8,
    /// GB18030 and GBK, which need no escape sequences.
    Gb(&'static str),
    Unknown,
}

const REPLACEMENT: char = char::REPLACEMENT_CHARACTER;
const ESCAPE: u8 = 0x1B;

impl Default for Charset {
    fn default() -> Self {
        Self::one(Term::Ascii)
    }
}

impl Charset {
    pub const UTF8_CODE: &'static str = "ISO_IR 192";

    fn one(term: Term) -> Self {
        Self { terms: vec![term], extended: false }
    }

    pub fn utf8() -> Self {
        Self::one(Term::Utf8)
    }

    /// The set declared by this data set or item, else the one around it.
    pub fn of(ds: &DataSet, outer: &Self) -> Self {
        ds.bytes(tags::SPECIFIC_CHARACTER_SET).map_or_else(|| outer.clone(), Self::declared)
    }

    /// The set that a value of Specific Character Set declares.
    pub fn declared(value: &[u8]) -> Self {
        let value = String::from_utf8_lossy(value);
        let codes: Vec<&str> = value.split('\\').map(|c| c.trim_matches([' ', '\0'])).collect();
        let terms: Vec<Term> = codes.iter().map(|c| Term::of(c)).collect();
        // These stand alone; where they do not, they mean it all the same.
        if let Some(whole) = terms.iter().find(|t| matches!(t, Term::Utf8 | Term::Gb(_))) {
            return Self::one(*whole);
        }
        let extended = terms.len() > 1 || codes.iter().any(|c| c.starts_with("ISO 2022"));
        Self { terms, extended }
    }

    /// Text of a value, without padding.
    pub fn decode(&self, bytes: &[u8]) -> String {
        self.decode_checked(bytes).0
    }

    /// Text of a value without padding, if every byte of it could be decoded.
    pub fn decode_exactly(&self, bytes: &[u8]) -> Option<String> {
        let (text, complete) = self.decode_checked(bytes);
        complete.then_some(text)
    }

    /// True where the bytes are a valid value in this set, not only understood with good will.
    pub fn is_valid(&self, bytes: &[u8]) -> bool {
        bytes.is_ascii() && !bytes.contains(&ESCAPE)
            || !matches!(self.terms.as_slice(), [Term::Ascii | Term::Unknown]) && self.decode_exactly(bytes).is_some()
    }

    fn decode_checked(&self, bytes: &[u8]) -> (String, bool) {
        let end = bytes.iter().rposition(|b| !matches!(b, b' ' | 0)).map_or(0, |p| p + 1);
        let bytes = &bytes[..end];
        if bytes.is_ascii() && !bytes.contains(&ESCAPE) {
            return (String::from_utf8_lossy(bytes).into_owned(), true);
        }
        // Bytes that are valid UTF-8 beyond ASCII are practically never meant as Latin 1.
        let latin = matches!(self.terms.as_slice(), [Term::Ascii | Term::Single(100) | Term::Unknown]);
        if (latin || self.terms[0] == Term::Utf8)
            && let Ok(text) = std::str::from_utf8(bytes)
            && !bytes.contains(&ESCAPE)
        {
            return (text.to_owned(), true);
        }
        match self.terms[0] {
            Term::Utf8 => (String::from_utf8_lossy(bytes).into_owned(), false),
            Term::Gb(code) => decode_gb(bytes, code),
            _ => self.decode_segments(bytes),
        }
    }

    /// Code extensions: G0 is the set of the bytes below 0x80, G1 that of the others.
    fn decode_segments(&self, bytes: &[u8]) -> (String, bool) {
        let initial = Some(self.terms[0]).filter(|t| t.is_upper());
        // Some leave out the escape sequence of the only set that the upper half can mean.
        let assumed = self.terms.iter().copied().find(|t| t.is_upper());
        let (mut g0, mut g1) = (Term::Ascii, initial);
        let (mut text, mut complete) = (String::with_capacity(bytes.len()), true);
        let mut at = 0;
        while let Some(&byte) = bytes.get(at) {
            if byte == ESCAPE {
                if let Some((length, term)) = escape_sequence(&bytes[at + 1..]) {
                    if term.is_upper() {
                        g1 = Some(term);
                    } else {
                        g0 = term;
                    }
                    at += 1 + length;
                    continue;
                }
            } else if byte < 0x80 {
                let is_double = g0 != Term::Ascii && byte > b' ';
                if !is_double {
                    text.push(char::from(byte));
                    // Delimiters and ends of lines return to the first set (PS3.5 section 6.1.2.5.3).
                    if matches!(byte, b'^' | b'=' | b'\\' | b'\r' | b'\n' | b'\t' | 0x0C) {
                        (g0, g1) = (Term::Ascii, initial.or(g1));
                    }
                    at += 1;
                    continue;
                }
                if let Some(found) = bytes.get(at..at + 2).and_then(|pair| g0.character(pair)) {
                    text.push(found);
                    at += 2;
                    continue;
                }
            } else if let Some(term) = g1.or(assumed) {
                let length = if matches!(term, Term::Korean | Term::Chinese) { 2 } else { 1 };
                if let Some(found) = bytes.get(at..at + length).and_then(|unit| term.character(unit)) {
                    text.push(found);
                    at += length;
                    continue;
                }
            } else if !self.extended {
                // Undeclared, and no UTF-8: Latin 1 most likely.
                text.push(char::from(byte));
                at += 1;
                continue;
            }
            text.push(REPLACEMENT);
            complete = false;
            at += 1;
        }
        (text, complete)
    }

    /// The bytes of a text; `None` if the set cannot hold it, or only by escape sequences, which this
    /// program does not write.
    pub fn encode(&self, text: &str) -> Option<Vec<u8>> {
        if text.is_ascii() {
            return Some(text.as_bytes().to_vec());
        }
        if self.extended {
            return None;
        }
        let bytes = match self.terms[0] {
            Term::Utf8 => return Some(text.as_bytes().to_vec()),
            Term::Single(number) => SpecificCharacterSet::from_code(&format!("ISO_IR {number}"))?.encode(text).ok()?,
            Term::Gb(code) => SpecificCharacterSet::from_code(code)?.encode(text).ok()?,
            _ => return None,
        };
        (self.decode(&bytes) == text.trim_end_matches([' ', '\0'])).then_some(bytes)
    }
}

impl Term {
    fn of(code: &str) -> Self {
        match code {
            "" => return Self::Ascii,
            "GB18030" => return Self::Gb("GB18030"),
            "GBK" | "GB2312" => return Self::Gb("GBK"),
            _ => {}
        }
        let number =
            ["ISO 2022 IR ", "ISO_IR ", "ISO_IR_", "ISO-IR ", "ISO IR "].iter().find_map(|p| code.strip_prefix(p));
        match number.and_then(|n| n.parse::<u16>().ok()) {
            Some(6) => Self::Ascii,
            Some(13) => Self::Katakana,
            Some(58) => Self::Chinese,
            Some(87) => Self::Kanji,
            Some(149) => Self::Korean,
            Some(159) => Self::KanjiSupplement,
            Some(192) => Self::Utf8,
            Some(n @ (100 | 101 | 109 | 110 | 126 | 127 | 138 | 144 | 148 | 166 | 203)) => Self::Single(n),
            _ => Self::Unknown,
        }
    }

    /// True for sets of the upper half of the code table.
    fn is_upper(self) -> bool {
        matches!(self, Self::Katakana | Self::Korean | Self::Chinese | Self::Single(_))
    }

    /// The character that these bytes (one or two) stand for.
    fn character(self, unit: &[u8]) -> Option<char> {
        match self {
            Self::Katakana => match unit[0] {
                byte @ 0xA1..=0xDF => char::from_u32(0xFF61 + u32::from(byte - 0xA1)),
                _ => None,
            },
            Self::Kanji => one_character("ISO_IR 87", &[b"\x1b$B", unit, b"\x1b(B"].concat()),
            Self::KanjiSupplement => one_character("ISO_IR 87", &[b"\x1b$(D", unit, b"\x1b(B"].concat()),
            Self::Korean => one_character("ISO_IR 149", unit),
            Self::Chinese => one_character("GBK", unit),
            Self::Single(148) => Some(latin(unit[0], &LATIN_5)),
            Self::Single(203) => Some(latin(unit[0], &LATIN_9)),
            Self::Single(number) => one_character(&format!("ISO_IR {number}"), unit),
            Self::Ascii | Self::Utf8 | Self::Gb(_) | Self::Unknown => None,
        }
    }
}

/// Where Latin alphabets No. 5 (ISO-IR 148) and No. 9 (ISO-IR 203) differ from No. 1.
const LATIN_5: [(u8, char); 6] = [(0xD0, 'Ğ'), (0xDD, 'İ'), (0xDE, 'Ş'), (0xF0, 'ğ'), (0xFD, 'ı'), (0xFE, 'ş')];
const LATIN_9: [(u8, char); 8] =
    [(0xA4, '€'), (0xA6, 'Š'), (0xA8, 'š'), (0xB4, 'Ž'), (0xB8, 'ž'), (0xBC, 'Œ'), (0xBD, 'œ'), (0xBE, 'Ÿ')];

fn latin(byte: u8, different: &[(u8, char)]) -> char {
    different.iter().find(|d| d.0 == byte).map_or(char::from(byte), |d| d.1)
}

/// Decodes what must be one character. The codec writes `\ooo` for bytes that mean nothing to it.
fn one_character(code: &str, bytes: &[u8]) -> Option<char> {
    let text = SpecificCharacterSet::from_code(code)?.decode(bytes).ok()?;
    let mut characters = text.chars();
    let first = characters.next().filter(|c| *c != REPLACEMENT)?;
    characters.next().is_none().then_some(first)
}

/// The escape sequences of PS3.3 tables C.12-3 and C.12-4: bytes after ESC, and the set announced.
fn escape_sequence(after: &[u8]) -> Option<(usize, Term)> {
    const SEQUENCES: [(&[u8], Term); 18] = [
        (b"(B", Term::Ascii),
        // JIS X 0201 romaji, which is ASCII but for the yen sign and the overline.
        (b"(J", Term::Ascii),
        (b")I", Term::Katakana),
        (b"$B", Term::Kanji),
        (b"$@", Term::Kanji),
        (b"$(D", Term::KanjiSupplement),
        (b"$)C", Term::Korean),
        (b"$)A", Term::Chinese),
        (b"-A", Term::Single(100)),
        (b"-B", Term::Single(101)),
        (b"-C", Term::Single(109)),
        (b"-D", Term::Single(110)),
        (b"-F", Term::Single(126)),
        (b"-G", Term::Single(127)),
        (b"-H", Term::Single(138)),
        (b"-L", Term::Single(144)),
        (b"-M", Term::Single(148)),
        (b"-T", Term::Single(166)),
    ];
    let latin_9 = after.starts_with(b"-b").then_some((2, Term::Single(203)));
    SEQUENCES.iter().find(|s| after.starts_with(s.0)).map(|s| (s.0.len(), s.1)).or(latin_9)
}

/// GB18030 and GBK: one, two or four bytes a character.
fn decode_gb(bytes: &[u8], code: &str) -> (String, bool) {
    let (mut text, mut complete) = (String::with_capacity(bytes.len()), true);
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let is_four = bytes.get(at + 1).is_some_and(u8::is_ascii_digit);
        let length = if byte < 0x80 {
            1
        } else if is_four {
            4
        } else {
            2
        };
        let found = match bytes.get(at..at + length) {
            Some([ascii]) => Some(char::from(*ascii)),
            Some(unit) => one_character(code, unit),
            None => None,
        };
        text.push(found.unwrap_or(REPLACEMENT));
        complete &= found.is_some();
        at += if found.is_some() { length } else { 1 };
    }
    (text, complete)
}

#[cfg(test)]
mod tests {
    use super::super::value::readable_name;
    use super::*;
    use crate::dicom::raw::Value;
    use proptest::prelude::*;

    fn charset(code: &str) -> Charset {
        let mut ds = DataSet::default();
        if !code.is_empty() {
            ds.put_str(tags::SPECIFIC_CHARACTER_SET, code);
        }
        Charset::of(&ds, &Charset::default())
    }

    fn decode(code: &str, bytes: &[u8]) -> String {
        let mut ds = DataSet::default();
        ds.put(tags::PATIENT_NAME, Value::Bytes(bytes.to_vec()));
        readable_name(&ds.text(tags::PATIENT_NAME, &charset(code)))
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
        assert_eq!(decode("", b"M\xfcller^J\xf6rg"), "Müller Jörg");
        assert_eq!(decode("ISO_IR 148", b"\xddnce"), "İnce");
        assert_eq!(decode("ISO_IR 203", b"\xa45"), "€5");
    }

    #[test]
    fn every_segment_is_decoded_by_the_set_that_its_escape_sequence_announces() {
        // PS3.5 section H.3.2: half-width katakana without escape, kanji and hiragana with.
        let name =
            b"\xd4\xcf\xc0\xde^\xc0\xdb\xb3=\x1b$B;3ED\x1b(J^\x1b$BB@O:\x1b(J=\x1b$B$d$^$@\x1b(J^\x1b$B$?$m$&\x1b(J";
        let text = "ﾔﾏﾀﾞ^ﾀﾛｳ=山田^太郎=やまだ^たろう";
        assert_eq!(charset("ISO 2022 IR 13\\ISO 2022 IR 87").decode_exactly(name).as_deref(), Some(text));
        // PS3.5 section K.2: Chinese by code extensions.
        assert_eq!(
            charset("\\ISO 2022 IR 58").decode(b"Zhang^XiaoDong=\x1b$)A\xd5\xc5^\x1b$)A\xd0\xa1\xb6\xab="),
            "Zhang^XiaoDong=张^小东="
        );
        // JIS X 0212, and two sets of the upper half in one value.
        assert_eq!(charset("\\ISO 2022 IR 87\\ISO 2022 IR 159").decode(b"\x1b$(D\x30\x21\x1b(B"), "丂");
        assert_eq!(charset("ISO 2022 IR 100\\ISO 2022 IR 144").decode(b"M\xfcller^\x1b-L\xbb\xee^\xfc"), "Müller^Лю^ü");
        // Korean whose escape sequence was left out, or not repeated after the delimiter.
        assert_eq!(charset("\\ISO 2022 IR 149").decode(b"\xfb\xf3^\xd1\xce\xd4\xd7"), "洪^吉洞");
        assert_eq!(charset("\\ISO 2022 IR 149").decode(b"\x1b$)C\xfb\xf3^\xd1\xce\xd4\xd7"), "洪^吉洞");
    }

    #[test]
    fn what_cannot_be_decoded_shows_as_replacement_and_is_known_as_such() {
        let cases: [(&str, &[u8], &str); 5] = [
            ("ISO_IR 192", b"M\xfcller", "M\u{FFFD}ller"),
            ("GB18030", b"A\xff\xffB", "A\u{FFFD}\u{FFFD}B"),
            ("ISO 2022 IR 13\\ISO 2022 IR 87", b"\xd4\x1b$B\x7e\x7e\x1b(J!", "ﾔ\u{FFFD}\u{FFFD}!"),
            ("\\ISO 2022 IR 149", b"\x1b$)C\xff\xffA", "\u{FFFD}\u{FFFD}A"),
            ("\\ISO 2022 IR 87", b"A\x1bxB", "A\u{FFFD}xB"),
        ];
        for (code, bytes, expected) in cases {
            assert_eq!(charset(code).decode(bytes), expected, "{code}");
            assert_eq!(charset(code).decode_exactly(bytes), None, "{code}");
        }
    }

    #[test]
    fn a_set_refuses_what_it_cannot_hold() {
        let latin = charset("ISO_IR 100");
        assert_eq!(latin.encode("Müller"), Some(b"M\xfcller".to_vec()));
        assert_eq!(latin.encode("食道"), None);
        assert_eq!(Charset::default().encode("Müller"), None);
        assert_eq!(Charset::utf8().encode("食道").as_deref(), Some("食道".as_bytes()));
        assert_eq!(charset("GB18030").encode("食道").as_deref(), Some(&b"\xca\xb3\xb5\xc0"[..]));
    }

    #[test]
    fn nothing_but_ascii_is_written_where_escape_sequences_would_be_needed() {
        for code in [
            "\\ISO 2022 IR 87",
            "ISO 2022 IR 13\\ISO 2022 IR 87",
            "\\ISO 2022 IR 149",
            "ISO 2022 IR 100\\ISO 2022 IR 144",
        ] {
            let set = charset(code);
            assert_eq!(set.encode("Lung"), Some(b"Lung".to_vec()), "{code}");
            for text in ["食道", "식도", "Müller", "ﾔﾏﾀﾞ"] {
                assert_eq!(set.encode(text), None, "{code} {text}");
            }
        }
    }

    proptest! {
        #[test]
        fn any_bytes_decode_in_any_set(bytes in proptest::collection::vec(any::<u8>(), 0..40), which in 0usize..7) {
            let code = ["", "ISO_IR 100", "ISO_IR 192", "GB18030", "ISO 2022 IR 13\\ISO 2022 IR 87", "\\ISO 2022 IR 149\\ISO 2022 IR 58", "nonsense"][which];
            let _ = charset(code).decode(&bytes);
        }
    }
}
