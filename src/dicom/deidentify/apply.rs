//! One data set de-identified: every element at every depth by its action.

use super::identifiers::{Identifiers, REMOVED};
use super::report::Counts;
use super::table::{Action, action};
use super::{Dates, DeidentifyOptions, Secret};
use crate::dicom::raw::{DataSet, Element, Value, dictionary_vr};
use crate::dicom::value::Charset;
use crate::structures::{Role, propose_role};
use crate::words::keep;
use dicom_core::chrono::{Days, NaiveDate};
use dicom_core::{Tag, VR};
use dicom_dictionary_std::tags;
use std::collections::BTreeSet;

/// What data sets of one patient are treated with.
pub(super) struct Treatment<'a> {
    pub options: &'a DeidentifyOptions,
    pub secret: &'a Secret,
    pub identifiers: &'a Identifiers,
    /// New Patient ID and Patient's Name.
    pub patient_id: &'a str,
    pub patient_name: &'a str,
    /// Days by which dates move.
    pub shift_days: i64,
}

/// What was done to a data set.
#[derive(Debug, Default)]
pub(super) struct Done {
    pub counts: Counts,
    pub warnings: BTreeSet<&'static str>,
}

/// A date that says nothing, for attributes that must have one.
const NO_DATE: &str = "19000101";

impl Treatment<'_> {
    /// De-identifies a whole data set and marks it (PS3.15 section E.1.1, step 6).
    pub fn apply(&self, ds: &mut DataSet) -> Done {
        let mut done = Done::default();
        warn(ds, self.options, &mut done);
        self.data_set(ds, &Charset::default(), &mut done);
        for (tag, value) in [(tags::PATIENT_ID, self.patient_id), (tags::PATIENT_NAME, self.patient_name)] {
            ds.remove(tag);
            ds.put(tag, Value::Bytes(value.as_bytes().to_vec()));
            done.counts.replaced += 1;
        }
        self.mark(ds);
        done
    }

    fn data_set(&self, ds: &mut DataSet, outer: &Charset, done: &mut Done) {
        let charset = Charset::of(ds, outer);
        let roi_number = ds.string(tags::ROI_NUMBER);
        ds.elements_mut().retain_mut(|e| {
            // The name of an ROI is what tells structures apart: it stays if it names nobody, although the
            // table empties it; the method attribute says so.
            if e.tag == tags::ROI_NAME {
                self.roi_name(e, &roi_number, &charset, done);
                return true;
            }
            self.element(e, &charset, done)
        });
    }

    /// False for an element that must go.
    fn element(&self, e: &mut Element, charset: &Charset, done: &mut Done) -> bool {
        match (action(e.tag, e.vr, self.options), &mut e.value) {
            (Action::Remove, _) => return remove(e.tag, done),
            (Action::Empty, Value::Items(items)) => {
                done.counts.emptied += usize::from(!items.is_empty());
                items.clear();
            }
            (Action::Empty, _) => empty(e, done),
            (Action::Dummy | Action::Shift, Value::Items(_)) => return remove(e.tag, done),
            (_, Value::Items(items)) => items.iter_mut().for_each(|item| self.data_set(item, charset, done)),
            // A sequence that hides as bytes cannot be looked into.
            (_, Value::Bytes(_)) if dictionary_vr(e.tag) == VR::SQ => return remove(e.tag, done),
            (Action::Dummy, _) => replace_by_dummy(e, done),
            (Action::Uids, _) => self.uids(e, done),
            (Action::Shift, _) => self.shift(e, done),
            (Action::Clean { thorough }, _) => self.clean(e, thorough, charset, done),
            (Action::Keep, _) => return self.check_kept(e, charset, done),
        }
        true
    }

    fn roi_name(&self, e: &mut Element, number: &str, charset: &Charset, done: &mut Done) {
        let Value::Bytes(bytes) = &mut e.value else { return };
        let thorough = self.options.dates != Dates::Keep;
        let name = charset.decode(bytes);
        if !is_known_structure(&name) && self.identifiers.are_in(&name, thorough) {
            // The number is what other sequences refer to; one that is no number is text.
            let number = number.parse::<u32>().map(|n| n.to_string()).unwrap_or_default();
            *bytes = format!("ROI_{number}").into_bytes();
            done.counts.roi_names_replaced += 1;
            done.warnings
                .insert(keep("names of structures that hold an identifier or a date were replaced by ROI_number"));
        }
    }

    fn uids(&self, e: &mut Element, done: &mut Done) {
        let Value::Bytes(bytes) = &mut e.value else { return };
        let text = String::from_utf8_lossy(bytes).into_owned();
        let mut replaced = 0;
        let values: Vec<String> = text
            .split('\\')
            .map(|uid| {
                let uid = uid.trim_matches([' ', '\0']);
                // UIDs of the standard itself (a well-known frame of reference) identify nobody.
                if uid.is_empty() || is_uid(uid) && uid.starts_with("1.2.840.10008.") {
                    uid.to_owned()
                } else {
                    replaced += 1;
                    self.secret.uid(uid)
                }
            })
            .collect();
        if replaced > 0 {
            *bytes = values.join("\\").into_bytes();
            done.counts.uids += replaced;
        }
    }

    /// Moves the dates of DA and DT; times of day stay. What is no date is replaced.
    fn shift(&self, e: &mut Element, done: &mut Done) {
        let Value::Bytes(bytes) = &mut e.value else { return };
        let vr = dictionary_vr(e.tag);
        if !matches!(vr, VR::DA | VR::DT) {
            if !bytes.iter().all(|b| b.is_ascii_digit() || b" .:+-\\\0".contains(b)) {
                empty(e, done);
            }
            return;
        }
        let text = String::from_utf8_lossy(bytes).into_owned();
        let moved: Option<Vec<String>> = text
            .split('\\')
            .map(|date| {
                let date = date.trim_matches([' ', '\0']);
                if date.is_empty() { Some(String::new()) } else { moved(date, self.shift_days) }
            })
            .collect();
        match moved {
            Some(values) if values.iter().all(String::is_empty) => {}
            Some(values) => {
                *bytes = values.join("\\").into_bytes();
                done.counts.dates_shifted += 1;
            }
            None => {
                done.warnings.insert(keep("dates that could not be read were replaced"));
                replace_by_dummy(e, done);
            }
        }
    }

    /// Cuts identifiers out of text; untouched text keeps its bytes.
    fn clean(&self, e: &mut Element, thorough: bool, charset: &Charset, done: &mut Done) {
        let Value::Bytes(bytes) = &mut e.value else { return };
        let text = charset.decode(bytes);
        let is_code = dictionary_vr(e.tag) == VR::CS;
        let is_clean = |value: &str| {
            if is_code {
                e.tag == tags::MODALITY || !self.identifiers.are_in_code(value)
            } else {
                !self.identifiers.are_in(value, thorough)
            }
        };
        if text.is_empty() || text.split('\\').all(is_clean) {
            return;
        }
        let values: Vec<String> = text
            .split('\\')
            .map(|value| match value {
                v if is_clean(v) => v.to_owned(),
                _ if is_code => REMOVED.to_owned(),
                v => self.identifiers.clean(v, thorough).unwrap_or_else(|| REMOVED.to_owned()),
            })
            .collect();
        *bytes = charset.encode(&values.join("\\")).unwrap_or_else(|| REMOVED.into());
        done.counts.cleaned += 1;
        done.warnings.insert(keep("identifiers were cut out of text that was kept"));
    }

    /// Values that are kept as they are must be what they claim to be: numbers, codes, UIDs, plain binary.
    fn check_kept(&self, e: &mut Element, charset: &Charset, done: &mut Done) -> bool {
        let Value::Bytes(bytes) = &e.value else { return true };
        let fits = match dictionary_vr(e.tag) {
            VR::DS | VR::IS => bytes.iter().all(|b| b.is_ascii_digit() || b"+-.eE\\ \0".contains(b)),
            VR::DA | VR::DT | VR::TM => bytes.iter().all(|b| b.is_ascii_digit() || b" .:+-\\\0".contains(b)),
            VR::AS => bytes.iter().all(|b| b.is_ascii_digit() || b"DWMY \0".contains(b)),
            VR::UI => bytes.iter().all(|b| b.is_ascii_digit() || b".\\ \0".contains(b)),
            VR::OB | VR::OW | VR::UN => !self.identifiers.are_in_bytes(bytes),
            VR::US | VR::SS | VR::UL | VR::SL | VR::FL | VR::FD | VR::AT => true,
            _ => {
                self.clean(e, false, charset, done);
                true
            }
        };
        if !fits {
            done.warnings.insert(keep("values that were not of their kind (text among numbers, say) were emptied"));
            empty(e, done);
        }
        true
    }

    fn mark(&self, ds: &mut DataSet) {
        ds.put_str(tags::PATIENT_IDENTITY_REMOVED, "YES");
        let method = format!(
            "{}\\DICOM PS3.15 Annex E Basic Application Level Confidentiality\\ROI Name kept where it holds no identifier",
            crate::PROGRAM
        );
        ds.put(tags::DEIDENTIFICATION_METHOD, Value::Bytes(method.into_bytes()));
        let codes = self.options.codes().into_iter().map(|(code, meaning)| {
            let mut item = DataSet::default();
            item.put_str(tags::CODE_VALUE, code);
            item.put_str(tags::CODING_SCHEME_DESIGNATOR, "DCM");
            item.put_str(tags::CODE_MEANING, meaning);
            item
        });
        ds.put_items(tags::DEIDENTIFICATION_METHOD_CODE_SEQUENCE, codes.collect());
        // PS3.15 section E.3.6.
        let dates = match self.options.dates {
            Dates::Remove => "REMOVED",
            Dates::Keep => "UNMODIFIED",
            Dates::Shift(_) | Dates::ShiftPerPatient => "MODIFIED",
        };
        ds.put_str(tags::LONGITUDINAL_TEMPORAL_INFORMATION_MODIFIED, dates);
    }
}

/// True for a whole name of our alias table or a station number: a patient called Breast does not make
/// the structure secret. Aliases that are beginnings of names ("GTVp ...") say nothing about the rest.
fn is_known_structure(name: &str) -> bool {
    let proposal = propose_role(name, "");
    proposal.role != Role::Other && proposal != propose_role(&format!("{name}qq"), "")
}

fn is_uid(text: &str) -> bool {
    text.len() <= 64 && text.bytes().all(|b| b.is_ascii_digit() || b == b'.')
}

/// A date or date and time, `days` later.
fn moved(date: &str, days: i64) -> Option<String> {
    // ACR-NEMA wrote dates with points.
    let plain =
        if date.len() == 10 && date.matches('.').count() == 2 { date.replace('.', "") } else { date.to_owned() };
    let (day, rest) = plain.split_at_checked(8)?;
    if !rest.bytes().all(|b| b.is_ascii_digit() || b".+-".contains(&b)) {
        return None;
    }
    let day = NaiveDate::parse_from_str(day, "%Y%m%d").ok()?;
    let by = Days::new(days.unsigned_abs());
    let day = if days < 0 { day.checked_sub_days(by) } else { day.checked_add_days(by) }?;
    Some(format!("{}{rest}", day.format("%Y%m%d"))).filter(|d| d.as_bytes()[0].is_ascii_digit())
}

fn remove(tag: Tag, done: &mut Done) -> bool {
    if tag.0 % 2 == 1 {
        done.counts.private_removed += 1;
    } else {
        done.counts.removed += 1;
    }
    false
}

fn empty(e: &mut Element, done: &mut Done) {
    if let Value::Bytes(bytes) = &mut e.value {
        done.counts.emptied += usize::from(!bytes.is_empty());
        bytes.clear();
    }
}

/// A value that says nothing, in a form that the value representation allows. Empty values stay empty.
fn replace_by_dummy(e: &mut Element, done: &mut Done) {
    let vr = dictionary_vr(e.tag);
    let Value::Bytes(bytes) = &mut e.value else { return };
    if bytes.is_empty() {
        return;
    }
    *bytes = match vr {
        VR::DA => NO_DATE.into(),
        VR::DT => format!("{NO_DATE}000000").into_bytes(),
        VR::TM => "000000".into(),
        VR::DS | VR::IS => "0".into(),
        VR::AS => "000Y".into(),
        VR::AE | VR::CS | VR::LO | VR::LT | VR::PN | VR::SH | VR::ST | VR::UC | VR::UT => REMOVED.into(),
        VR::UR => "about:blank".into(),
        // Numbers of fixed width, and bytes.
        _ => vec![0; bytes.len().min(8)],
    };
    done.counts.replaced += 1;
}

/// What a look at the header says about the limits of the profile.
fn warn(ds: &DataSet, options: &DeidentifyOptions, done: &mut Done) {
    let sop_class = ds.string(tags::SOP_CLASS_UID);
    if ds.string(tags::BURNED_IN_ANNOTATION) == "YES" {
        done.warnings
            .insert(keep("Burned In Annotation is YES: the picture itself may show a name; pixels were not changed"));
    }
    if ds.string(tags::RECOGNIZABLE_VISUAL_FEATURES) == "YES" {
        done.warnings.insert(keep("Recognizable Visual Features is YES: a face may be rebuilt from the pixels"));
    }
    let is_pet = sop_class == dicom_dictionary_std::uids::POSITRON_EMISSION_TOMOGRAPHY_IMAGE_STORAGE;
    if is_pet && options.dates == Dates::Remove {
        done.warnings.insert(keep("without times no SUV can be computed from this PET; shift the dates instead"));
    }
    if is_pet && !options.keep_patient_characteristics {
        done.warnings
            .insert(keep("without weight no SUV can be computed from this PET; keep the patient characteristics"));
    }
    let age = ds.string(tags::PATIENT_AGE);
    let years = age.strip_suffix('Y').and_then(|a| a.parse::<u32>().ok());
    if options.keep_patient_characteristics && years.is_some_and(|y| y > 89) {
        done.warnings.insert(keep("an age above 89 years was kept; many rules count it as an identifier"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_move_and_times_stay() {
        assert_eq!(moved("20240301", -1).as_deref(), Some("20240229"));
        assert_eq!(moved("2024.03.01", 31).as_deref(), Some("20240401"));
        assert_eq!(moved("20240301101500.25+0100", -366).as_deref(), Some("20230301101500.25+0100"));
        for wrong in ["202403", "march", "20240230", "20240301x", "2024030\u{e9}"] {
            assert_eq!(moved(wrong, 1), None, "{wrong}");
        }
    }

    #[test]
    fn names_of_structures_are_known_as_a_whole_only() {
        for name in ["Breast", "Lung_L", "4R", "LN_IASLC_04_R", "Tumor_c40"] {
            assert!(is_known_structure(name), "{name}");
        }
        for name in ["GTVp Smith", "CTV_Smith", "Smith", "_Smith", "Ribeiro", "Lung_L Smith"] {
            assert!(!is_known_structure(name), "{name}");
        }
    }

    #[test]
    fn dummies_fit_their_representation_and_empty_stays_empty() {
        let mut done = Done::default();
        let element = |tag, value: &str| Element { tag, vr: VR::UN, value: Value::Bytes(value.into()) };
        let mut date = element(tags::SERIES_DATE, "20240301");
        replace_by_dummy(&mut date, &mut done);
        assert_eq!(date.value, Value::Bytes(NO_DATE.into()));
        let mut nothing = element(tags::SERIES_DATE, "");
        replace_by_dummy(&mut nothing, &mut done);
        assert_eq!(nothing.value, Value::Bytes(Vec::new()));
        assert_eq!(done.counts.replaced, 1);
    }
}
