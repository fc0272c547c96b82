//! Words that identify somebody: collected from the attributes of all files of a run, and found again in
//! free text, wherever it stands and however it is written.

use crate::dicom::raw::{DataSet, Value, dictionary_vr};
use crate::dicom::value::Charset;
use dicom_core::{Tag, VR};
use dicom_dictionary_std::tags;
use std::collections::BTreeSet;

/// What stands in the place of a text of which nothing may stay.
pub(super) const REMOVED: &str = "REMOVED";

/// Attributes that name a patient, a visit or an order, beside all person names.
#[expect(deprecated, reason = "archives hold retired attributes too")]
const PERSONAL: [Tag; 28] = [
    tags::PATIENT_ID,
    tags::OTHER_PATIENT_I_DS,
    tags::PATIENT_ADDRESS,
    tags::PATIENT_TELEPHONE_NUMBERS,
    tags::PATIENT_TELECOM_INFORMATION,
    tags::MEDICAL_RECORD_LOCATOR,
    tags::INSURANCE_PLAN_IDENTIFICATION,
    tags::ACCESSION_NUMBER,
    tags::STUDY_ID,
    tags::ADMISSION_ID,
    tags::SERVICE_EPISODE_ID,
    tags::REQUESTED_PROCEDURE_ID,
    tags::SCHEDULED_PROCEDURE_STEP_ID,
    tags::PERFORMED_PROCEDURE_STEP_ID,
    tags::PLACER_ORDER_NUMBER_IMAGING_SERVICE_REQUEST,
    tags::FILLER_ORDER_NUMBER_IMAGING_SERVICE_REQUEST,
    tags::CLINICAL_TRIAL_SUBJECT_ID,
    tags::CLINICAL_TRIAL_SUBJECT_READING_ID,
    tags::CURRENT_PATIENT_LOCATION,
    tags::PATIENT_INSTITUTION_RESIDENCE,
    tags::REFERRING_PHYSICIAN_ADDRESS,
    tags::REFERRING_PHYSICIAN_TELEPHONE_NUMBERS,
    tags::PERSON_ADDRESS,
    tags::PERSON_TELEPHONE_NUMBERS,
    tags::CONTAINER_IDENTIFIER,
    tags::SPECIMEN_IDENTIFIER,
    tags::RESULTS_ID,
    tags::INTERPRETATION_ID,
];

/// Attributes that name a place. Their words may also be those of a product.
const PLACES: [Tag; 6] = [
    tags::INSTITUTION_NAME,
    tags::INSTITUTION_ADDRESS,
    tags::RESPONSIBLE_ORGANIZATION,
    tags::CLINICAL_TRIAL_SITE_NAME,
    tags::CLINICAL_TRIAL_SITE_ID,
    tags::ISSUER_OF_PATIENT_ID,
];

/// Attributes that name a device.
const DEVICES: [Tag; 5] = [
    tags::STATION_NAME,
    tags::DEVICE_SERIAL_NUMBER,
    tags::SOURCE_SERIAL_NUMBER,
    tags::GANTRY_ID,
    tags::PERFORMED_STATION_NAME,
];

/// Words of anatomy and of names of structures: a phantom called "Lung" does not make lungs secret.
const ANATOMY: [&str; 28] = [
    "lung",
    "lungs",
    "left",
    "right",
    "heart",
    "cord",
    "spinal",
    "esophagus",
    "oesophagus",
    "trachea",
    "carina",
    "aorta",
    "body",
    "external",
    "skin",
    "bone",
    "node",
    "nodes",
    "tumor",
    "tumour",
    "gtv",
    "gtvp",
    "gtvn",
    "ctv",
    "ptv",
    "thorax",
    "chest",
    "station",
];

/// What stands where a name is missing; coded terms such as NONE must not suffer from it.
const PLACEHOLDERS: [&str; 18] = [
    "none",
    "unknown",
    "anonymous",
    "anonymized",
    "anon",
    "removed",
    "empty",
    "test",
    "patient",
    "phantom",
    "doctor",
    "dr",
    "md",
    "name",
    "null",
    "no",
    "yes",
    "na",
];

/// Shorter words are only found as whole words.
const SUBSTRING_FROM: usize = 4;
/// Shorter runs of letters and digits are not searched across punctuation.
const COMPACT_FROM: usize = 5;

/// Words over which one identifier may be spread.
const LONGEST_RUN: usize = 8;

/// What must not be found in any text.
#[derive(Debug, Default)]
pub(super) struct Identifiers {
    personal: BTreeSet<String>,
    places: BTreeSet<String>,
    /// Letters and digits of whole values, without what stands between them.
    compact: BTreeSet<String>,
    /// Words of manufacturers and models.
    products: BTreeSet<String>,
    /// Devices are not to be hidden.
    keep_device: bool,
}

impl Identifiers {
    pub fn new(keep_device: bool) -> Self {
        Self { keep_device, ..Self::default() }
    }

    /// Collects from a data set, at any depth.
    pub fn collect(&mut self, ds: &DataSet, outer: &Charset) {
        let charset = Charset::of(ds, outer);
        for element in ds.elements() {
            match &element.value {
                Value::Items(items) => items.iter().for_each(|item| self.collect(item, &charset)),
                Value::Bytes(bytes) => {
                    // A long value is no name and no number.
                    if bytes.len() <= 1024 {
                        self.collect_value(element.tag, element.vr, &charset.decode(bytes));
                    }
                }
            }
        }
    }

    fn collect_value(&mut self, tag: Tag, vr: VR, text: &str) {
        let is_name = vr == VR::PN || dictionary_vr(tag) == VR::PN;
        if tag.0 % 2 == 1 && !is_name {
            return;
        }
        if tag == tags::PATIENT_BIRTH_DATE {
            self.add_date(text);
        } else if is_name {
            for group in text.split(['=', '\\']) {
                self.add_compact(group);
                self.personal.extend(words(group).filter(|w| is_telling(w, 2)));
            }
        } else if PERSONAL.contains(&tag) {
            for value in text.split('\\') {
                self.add_compact(value);
                self.personal.extend(words(value).filter(|w| is_telling(w, 3)));
            }
        } else if PLACES.contains(&tag) || DEVICES.contains(&tag) && !self.keep_device {
            for value in text.split('\\') {
                self.places.extend(words(value).filter(|w| is_telling(w, 3)));
            }
        } else if matches!(tag, tags::MANUFACTURER | tags::MANUFACTURER_MODEL_NAME) {
            self.products.extend(words(text));
        }
    }

    /// A date of birth as people write it.
    fn add_date(&mut self, date: &str) {
        let digits: String = date.chars().filter(char::is_ascii_digit).collect();
        if digits.len() == 8 {
            let (year, month, day) = (&digits[..4], &digits[4..6], &digits[6..]);
            for form in [digits.clone(), format!("{day}{month}{year}"), format!("{month}{day}{year}")] {
                self.personal.insert(form.clone());
                self.compact.insert(form);
            }
        }
    }

    fn add_compact(&mut self, text: &str) {
        let compact = compact(text);
        if compact.chars().count() >= COMPACT_FROM && words(text).any(|w| !is_common(&w)) {
            self.compact.insert(compact);
        }
    }

    pub fn merge(&mut self, other: Self) {
        self.personal.extend(other.personal);
        self.places.extend(other.places);
        self.compact.extend(other.compact);
        self.products.extend(other.products);
    }

    /// How many words are searched for.
    pub fn count(&self) -> usize {
        self.personal.len() + self.places.difference(&self.products).count()
    }

    fn is_word_identifying(&self, word: &str) -> bool {
        // A word of one letter of a script without spaces (a family name) counts; see `is_telling`.
        let in_set = |set: &BTreeSet<String>| {
            set.contains(word)
                || set.iter().any(|w| {
                    let long = if w.is_ascii() { SUBSTRING_FROM } else { 1 };
                    w.chars().count() >= long && word.contains(w.as_str())
                })
        };
        in_set(&self.personal) || (!self.products.contains(word) && in_set(&self.places))
    }

    /// True where the text holds anything that identifies.
    pub fn are_in(&self, text: &str, thorough: bool) -> bool {
        text.contains('\u{FFFD}')
            || text.split_whitespace().any(|chunk| self.is_chunk_identifying(chunk, thorough))
            || self.is_compact_in(text)
    }

    fn is_chunk_identifying(&self, chunk: &str, thorough: bool) -> bool {
        words(chunk).any(|w| self.is_word_identifying(&w))
            || self.is_compact_in(chunk)
            || thorough && (looks_like_mail(chunk) || looks_like_uid(chunk) || looks_like_date(chunk))
    }

    fn is_compact_in(&self, text: &str) -> bool {
        let compact = compact(text);
        self.compact.iter().any(|c| compact.contains(c.as_str()))
    }

    /// The text without the words that identify; `None` where nothing of it may stay.
    pub fn clean(&self, text: &str, thorough: bool) -> Option<String> {
        // Text that could not be decoded cannot be searched.
        if text.contains('\u{FFFD}') {
            return None;
        }
        let chunks: Vec<&str> = text.split_whitespace().collect();
        let mut is_kept: Vec<bool> = chunks.iter().map(|c| !self.is_chunk_identifying(c, thorough)).collect();
        // An identifier may be spread over several words: the shortest run that holds it goes.
        let mut is_run: Vec<bool> = chunks.iter().map(|c| self.is_compact_in(c)).collect();
        for length in 2..=LONGEST_RUN.min(chunks.len()) {
            for start in 0..=chunks.len() - length {
                let run = start..start + length;
                if !is_run[run.clone()].contains(&true) && self.is_compact_in(&chunks[run.clone()].concat()) {
                    is_run[run.clone()].fill(true);
                    is_kept[run].fill(false);
                }
            }
        }
        let kept: Vec<&str> = chunks.iter().zip(is_kept).filter(|(_, k)| *k).map(|(c, _)| *c).collect();
        let cleaned = kept.join(" ");
        (!cleaned.is_empty() && !self.is_compact_in(&cleaned)).then_some(cleaned)
    }

    /// True where a value of coded terms holds the name or number of a person. Terms are short, so only
    /// whole words of some length count.
    pub fn are_in_code(&self, text: &str) -> bool {
        words(text).any(|w| w.len() >= SUBSTRING_FROM && self.personal.contains(&w))
    }

    /// True where bytes that are no text hold an identifier in ASCII or UTF-8, in either case.
    pub fn are_in_bytes(&self, bytes: &[u8]) -> bool {
        let lower = bytes.to_ascii_lowercase();
        self.personal
            .iter()
            .filter(|w| w.len() > SUBSTRING_FROM)
            .any(|w| lower.windows(w.len()).any(|window| window == w.as_bytes()))
    }
}

/// Lower-case runs of letters and digits.
fn words(text: &str) -> impl Iterator<Item = String> {
    text.split(|c: char| !c.is_alphanumeric()).filter(|w| !w.is_empty()).map(str::to_lowercase)
}

fn compact(text: &str) -> String {
    text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

fn is_common(word: &str) -> bool {
    ANATOMY.contains(&word) || PLACEHOLDERS.contains(&word)
}

/// Words of one or two digits, initials and words of anatomy identify nobody.
fn is_telling(word: &str, shortest: usize) -> bool {
    let length = word.chars().count();
    let is_number = word.bytes().all(|b| b.is_ascii_digit());
    !is_common(word) && (!word.is_ascii() || length >= if is_number { 3 } else { shortest })
}

fn looks_like_uid(chunk: &str) -> bool {
    let core = chunk.trim_matches(|c: char| !c.is_ascii_digit());
    core.len() >= 10
        && core.bytes().all(|b| b.is_ascii_digit() || b == b'.')
        && core.bytes().filter(|b| *b == b'.').count() >= 3
}

fn looks_like_mail(chunk: &str) -> bool {
    chunk.split_once('@').is_some_and(|(name, host)| !name.is_empty() && host.contains('.'))
}

/// `20210312`, `12.03.2021`, `3/12/21`, `2021-03`, `12-Mar-2021`. A number such as 2000 alone is a dose.
fn looks_like_date(chunk: &str) -> bool {
    const MONTHS: [&str; 12] = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
    let is_year = |y: &str| y.len() == 4 && (y.starts_with("19") || y.starts_with("20"));
    let is_day = |d: &str| d.len() <= 2 && d.parse::<u8>().is_ok_and(|n| (1..=31).contains(&n));
    let is_plain = |w: &str| {
        let w = if w.len() == 14 { &w[..8] } else { w };
        w.len() == 8 && (is_year(&w[..4]) && is_day(&w[6..]) || is_year(&w[4..]) && is_day(&w[..2]))
    };
    let numbers: Vec<&str> = chunk.split(|c: char| !c.is_ascii_digit()).filter(|n| !n.is_empty()).collect();
    let has_month = chunk
        .split(|c: char| !c.is_ascii_alphabetic())
        .any(|w| w.get(..3).is_some_and(|m| MONTHS.contains(&m.to_ascii_lowercase().as_str())));
    let is_joined = chunk.contains(['/', '-', '.']);
    numbers.iter().any(|n| is_plain(n) || is_year(n) && has_month)
        || is_joined && numbers.windows(2).any(|n| is_year(n[0]) && is_day(n[1]) || is_day(n[0]) && is_year(n[1]))
        || chunk.contains(['/', '-'])
            && numbers
                .windows(3)
                .any(|n| n.iter().all(|d| d.len() <= 2) && is_day(n[0]) && is_day(n[1]) && n[2].len() == 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identifiers() -> Identifiers {
        let mut ds = DataSet::default();
        ds.put_str(tags::SPECIFIC_CHARACTER_SET, "ISO_IR 192");
        ds.put(tags::PATIENT_NAME, Value::Bytes("Li^Ming Planter=王^小东".into()));
        ds.put_str(tags::PATIENT_ID, "12-345-X9");
        ds.put_str(tags::PATIENT_BIRTH_DATE, "19520731");
        ds.put_str(tags::INSTITUTION_NAME, "Acme Hillside Clinic");
        ds.put_str(tags::MANUFACTURER, "ACME");
        ds.put_str(tags::STATION_NAME, "LUNG");
        let mut found = Identifiers::default();
        found.collect(&ds, &Charset::default());
        found
    }

    #[test]
    fn identifiers_are_cut_out_of_text() {
        let i = identifiers();
        for (text, left) in [
            ("Plan of planter, final", Some("Plan of final")),
            ("GTV_PLANTER_v2", None),
            ("Lung_L", Some("Lung_L")),
            ("Li 4R", Some("4R")),
            ("Linear boost", Some("Linear boost")),
            ("ID 12345X9", Some("ID")),
            ("12 345 X9", None),
            ("born 31.07.1952 in town", Some("born in town")),
            ("王小东 计划", Some("计划")),
            ("Hillside protocol", Some("protocol")),
            ("ACME scanner", Some("ACME scanner")),
            ("scan 2021-03-12 1.2.840.113619.2.1 a@b.org", Some("scan")),
            ("PTV@60Gy", Some("PTV@60Gy")),
            ("\u{FFFD}", None),
        ] {
            assert_eq!(i.clean(text, true).as_deref(), left, "{text}");
        }
        assert_eq!(i.clean("syngo 2012B", false).as_deref(), Some("syngo 2012B"), "a version stays");
        assert!(i.are_in("xx PLANTER", false) && !i.are_in("4R", true));
        assert!(i.are_in_code("PLANTER") && !i.are_in_code("LI"));
        assert!(i.are_in_bytes(b"..Planter..") && !i.are_in_bytes(b"plant"));
        assert!(i.count() > 5);
        let mut ds = DataSet::default();
        ds.put_str(tags::PATIENT_NAME, "Unknown^None");
        ds.put_str(tags::PATIENT_ID, "PHANTOM");
        let mut nobody = Identifiers::default();
        nobody.collect(&ds, &Charset::default());
        assert!(nobody.count() == 0 && !nobody.are_in("none unknown phantom", true));
    }

    #[test]
    fn dates_are_recognized_and_versions_are_not() {
        for date in
            ["20210312", "20210312101500", "12.03.2021", "3/12/21", "2021-03-12", "2021-03", "12-Mar-2021", "12032021"]
        {
            assert!(looks_like_date(date), "{date}");
        }
        for other in ["12", "1.2.3", "4R", "99999999", "GTV-1", "12345678", "PTV_2000", "CTVp_2000_5", "Mar"] {
            assert!(!looks_like_date(other), "{other}");
        }
    }
}
