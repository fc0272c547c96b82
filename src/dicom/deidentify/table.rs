//! What happens to each attribute: the Basic Application Level Confidentiality Profile of DICOM PS3.15
//! (Table E.1-1, kept as data in `assets/deidentify/`) and, for attributes that do not stand there,
//! rules by value representation that err towards removal.

use super::{Dates, DeidentifyOptions};
use crate::dicom::raw::dictionary_vr;
use dicom_core::dictionary::{DataDictionary, DataDictionaryEntry};
use dicom_core::{Tag, VR};
use dicom_dictionary_std::{StandardDataDictionary, tags};
use std::collections::BTreeMap;
use std::sync::LazyLock;

/// What to do with one element.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    Remove,
    /// Zero length.
    Empty,
    /// A value that says nothing, of the same representation.
    Dummy,
    /// UIDs replaced consistently; in a sequence, those of its items.
    Uids,
    /// Kept as it is; the items of a sequence are treated one by one.
    Keep,
    /// Text is kept without the words that identify; a sequence as with [`Action::Keep`].
    Clean {
        /// Dates and UIDs within the text go too.
        thorough: bool,
    },
    /// Dates are moved, times kept.
    Shift,
}

/// One line of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Rule {
    basic: Action,
    /// Retain Longitudinal Temporal Information applies.
    dates: bool,
    /// Retain Patient Characteristics: kept or cleaned.
    patient: Option<Action>,
    /// Retain Device Identity applies.
    device: bool,
    /// Clean Descriptors applies.
    descriptor: bool,
}

const THOROUGH: Action = Action::Clean { thorough: true };

static TABLE: LazyLock<BTreeMap<Tag, Rule>> = LazyLock::new(|| {
    parse(include_str!("../../../assets/deidentify/ps3.15-table-e.1-1.txt")).expect("the table is checked by a test")
});

fn parse(text: &str) -> Result<BTreeMap<Tag, Rule>, String> {
    let mut table = BTreeMap::new();
    for line in text.lines().filter(|l| !l.is_empty() && !l.starts_with('#')) {
        let mut words = line.split_whitespace();
        let (Some(keyword), Some(code), options, None) =
            (words.next(), words.next(), words.next().unwrap_or_default(), words.next())
        else {
            return Err(format!("not a line of the table: {line}"));
        };
        let entry = StandardDataDictionary.by_name(keyword).ok_or(format!("no attribute is named {keyword}"))?;
        let basic = resolve(code, entry.vr().relaxed()).ok_or(format!("{keyword}: no action is named {code}"))?;
        if let Some(wrong) = options.chars().find(|c| !"TPpVC".contains(*c)) {
            return Err(format!("{keyword}: no option is named {wrong}"));
        }
        let has = |option: char| options.contains(option);
        let patient = if has('P') { Some(Action::Keep) } else { has('p').then_some(THOROUGH) };
        let rule = Rule { basic, dates: has('T'), patient, device: has('V'), descriptor: has('C') };
        if table.insert(entry.tag(), rule).is_some() {
            return Err(format!("{keyword} stands there twice"));
        }
    }
    Ok(table)
}

/// The action of a code such as `X/Z/D`. The standard leaves the choice to the type of the attribute in
/// each IOD; here the choice is the one that suits every type: a dummy is right for types 1 to 3, an
/// empty value for 2 and 3. Sequences are removed, because a made-up item says nothing.
fn resolve(code: &str, vr: VR) -> Option<Action> {
    let has = |c: &str| code.split('/').any(|p| p == c);
    Some(match vr {
        _ if has("U") || has("U*") => Action::Uids,
        VR::SQ if has("X") || has("D") => Action::Remove,
        VR::PN if has("Z") => Action::Empty,
        _ if has("D") => Action::Dummy,
        _ if has("Z") => Action::Empty,
        _ if has("X") => Action::Remove,
        _ if has("K") => Action::Keep,
        _ => return None,
    })
}

/// UIDs that name a class, a syntax or a coding scheme, not an instance.
const KEPT_UIDS: [Tag; 12] = [
    tags::SOP_CLASS_UID,
    tags::REFERENCED_SOP_CLASS_UID,
    tags::RELATED_GENERAL_SOP_CLASS_UID,
    tags::ORIGINAL_SPECIALIZED_SOP_CLASS_UID,
    tags::SOP_CLASSES_IN_STUDY,
    tags::SOP_CLASSES_SUPPORTED,
    tags::CODING_SCHEME_UID,
    tags::CONTEXT_UID,
    tags::MAPPING_RESOURCE_UID,
    tags::REFERENCED_TRANSFER_SYNTAX_UID_IN_FILE,
    tags::REFERENCED_SOP_CLASS_UID_IN_FILE,
    tags::AVAILABLE_TRANSFER_SYNTAX_UID,
];

/// The action for an element under these options. `vr` is the one in the file.
pub(super) fn action(tag: Tag, vr: VR, options: &DeidentifyOptions) -> Action {
    let is_private = tag.0 % 2 == 1;
    // Curves 50xx and overlays 60xx carry drawings and text; groups below 8 are no part of a data set.
    let is_drawing = matches!(tag.0 & 0xFF00, 0x5000 | 0x6000);
    if is_private || is_drawing || tag.0 < 8 || StandardDataDictionary.by_tag(tag).is_none() {
        return Action::Remove;
    }
    if let Some(rule) = TABLE.get(&tag) {
        return by_rule(rule, options);
    }
    // A wrong representation in the file does not save a name.
    if vr == VR::PN {
        return Action::Empty;
    }
    by_representation(tag, options)
}

fn by_rule(rule: &Rule, options: &DeidentifyOptions) -> Action {
    let retained = rule.patient.filter(|_| options.keep_patient_characteristics);
    match options.dates {
        Dates::Keep if rule.dates => Action::Keep,
        Dates::Shift(_) | Dates::ShiftPerPatient if rule.dates => Action::Shift,
        _ if retained.is_some() => retained.unwrap_or(Action::Remove),
        _ if rule.device && options.keep_device => Action::Keep,
        _ if rule.descriptor && options.keep_descriptions => THOROUGH,
        _ => rule.basic,
    }
}

fn by_representation(tag: Tag, options: &DeidentifyOptions) -> Action {
    match dictionary_vr(tag) {
        VR::UI if KEPT_UIDS.contains(&tag) => Action::Keep,
        VR::UI => Action::Uids,
        VR::PN => Action::Empty,
        VR::AE | VR::UN => Action::Remove,
        VR::AS if options.keep_patient_characteristics => Action::Keep,
        VR::AS => Action::Empty,
        VR::DA | VR::DT | VR::TM => match options.dates {
            Dates::Remove => Action::Empty,
            Dates::Keep => Action::Keep,
            Dates::Shift(_) | Dates::ShiftPerPatient => Action::Shift,
        },
        VR::LT | VR::ST | VR::UT if options.keep_descriptions => THOROUGH,
        VR::LT | VR::ST | VR::UT => Action::Dummy,
        VR::LO | VR::SH | VR::UC | VR::UR | VR::CS => Action::Clean { thorough: false },
        _ => Action::Keep,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(change: impl FnOnce(&mut DeidentifyOptions)) -> DeidentifyOptions {
        let mut options = DeidentifyOptions::default();
        change(&mut options);
        options
    }

    fn of(keyword: &str, options: &DeidentifyOptions) -> Action {
        let entry = StandardDataDictionary.by_name(keyword).expect("an attribute");
        action(entry.tag(), entry.vr().relaxed(), options)
    }

    #[test]
    fn the_table_is_whole() {
        let table = parse(include_str!("../../../assets/deidentify/ps3.15-table-e.1-1.txt")).expect("every line reads");
        assert!(table.len() > 600, "{}", table.len());
        assert!(
            parse("PatientName Q").is_err() && parse("PatientsName Z").is_err() && parse("PatientName Z K").is_err()
        );
    }

    #[test]
    fn no_person_or_age_is_kept_by_default() {
        let basic = DeidentifyOptions::default();
        let spared: Vec<_> = TABLE
            .iter()
            .filter(|(tag, _)| matches!(dictionary_vr(**tag), VR::PN | VR::DA | VR::DT | VR::TM | VR::AE | VR::AS))
            .filter(|(tag, _)| !matches!(action(**tag, VR::UN, &basic), Action::Remove | Action::Empty | Action::Dummy))
            .collect();
        assert!(spared.is_empty(), "{spared:?}");
    }

    #[test]
    fn options_change_what_they_are_about() {
        let basic = DeidentifyOptions::default();
        let expected = [
            ("PatientBirthDate", Action::Empty),
            ("StudyDate", Action::Empty),
            ("SeriesDate", Action::Dummy),
            ("StudyInstanceUID", Action::Uids),
            ("SOPClassUID", Action::Keep),
            ("ReferencedImageSequence", Action::Uids),
            ("StudyDescription", Action::Remove),
            ("StructureSetLabel", Action::Dummy),
            ("StationName", Action::Dummy),
            ("PatientSex", Action::Empty),
            ("RequestAttributesSequence", Action::Remove),
            ("RTReferencedStudySequence", Action::Keep),
            ("ContourData", Action::Keep),
            ("Manufacturer", Action::Clean { thorough: false }),
        ];
        for (keyword, action) in expected {
            assert_eq!(of(keyword, &basic), action, "{keyword}");
        }
        let keep = with(|o| o.dates = Dates::Keep);
        assert_eq!((of("StudyDate", &keep), of("PatientBirthDate", &keep)), (Action::Keep, Action::Empty));
        assert_eq!(of("StudyDate", &with(|o| o.dates = Dates::Shift(-3))), Action::Shift);
        assert_eq!(of("PatientSex", &with(|o| o.keep_patient_characteristics = true)), Action::Keep);
        assert_eq!(of("StationName", &with(|o| o.keep_device = true)), Action::Keep);
        assert_eq!(of("StudyDescription", &with(|o| o.keep_descriptions = true)), THOROUGH);
        assert_eq!(action(Tag(0x0009, 0x1001), VR::LO, &keep), Action::Remove);
        assert_eq!(action(Tag(0x6002, 0x3000), VR::OW, &keep), Action::Remove);
        assert_eq!(action(Tag(0x0008, 0x7777), VR::LO, &keep), Action::Remove, "unknown to the dictionary");
        assert_eq!(action(tags::MANUFACTURER, VR::PN, &keep), Action::Empty, "a name by its representation");
    }
}
