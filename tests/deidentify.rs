//! De-identification: identifiers planted in every corner are nowhere in the output, and what is left
//! still loads as the same case.

use crate::support::test_data;
use dicom_core::value::{DataSetSequence, PixelFragmentSequence, PrimitiveValue, Value};
use dicom_core::{DataElement, Tag, VR};
use dicom_dictionary_std::{tags, uids};
use dicom_object::{FileDicomObject, InMemDicomObject, open_file};
use hilum::contour::rasterize;
use hilum::dicom::deidentify::{Dates, DeidentifyError, DeidentifyOptions, DeidentifyReport, Secret, deidentify};
use hilum::dicom::{CtMeta, LoadedCt, LoadedStructureSet, load_ct, load_structure_set, scan, write_ct_series};
use hilum::phantom::{PhantomConfig, generate};
use hilum::progress::{Cancelled, Progress, Silent};
use hilum::workbench::{CaseImage, export};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, LazyLock};

/// A CT with a structure set, made once.
struct Made {
    folder: tempfile::TempDir,
}

static MADE: LazyLock<Made> = LazyLock::new(|| {
    let folder = tempfile::tempdir().expect("temporary folder");
    let phantom = generate(&PhantomConfig::new(5, [64, 64, 24], [6.0, 6.0, 12.0]), &Silent).expect("a phantom");
    let meta = CtMeta::synthetic("Made", 5, phantom.volume.grid.slices());
    write_ct_series(&phantom.volume, &meta, &folder.path().join("ct"), &Silent).expect("written");
    let image = CaseImage { volume: phantom.volume.clone(), meta: Arc::new(meta) };
    export(&image, &phantom.structures, &[], &folder.path().join("rs.dcm"), false, false).expect("exported");
    Made { folder }
});

fn made() -> &'static Path {
    MADE.folder.path()
}

fn secret() -> Secret {
    Secret::from_bytes(b"a secret of the tests, 32 bytes.")
}

fn run(source: &Path, output: &Path, options: &DeidentifyOptions) -> DeidentifyReport {
    deidentify(&[source.to_owned()], output, options, &secret(), &Silent).expect("de-identified")
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut all: Vec<_> = std::fs::read_dir(folder).expect("readable").flatten().map(|e| e.path()).collect();
    all.sort();
    all
}

fn load(folder: &Path) -> (LoadedCt, Vec<LoadedStructureSet>) {
    let found = scan(&[folder.to_owned()], &Silent).expect("a case");
    let ct = load_ct(&found.series[0], &Silent, &mut |_| {}).expect("loads");
    let sets = found
        .structure_sets
        .iter()
        .filter_map(|s| load_structure_set(&s.path, &ct.volume.grid, &ct.meta, 0).ok())
        .collect();
    (ct, sets)
}

/// HU and masks of two folders, which must be the same; names of structures where they stay.
fn assert_same_case(a: &Path, b: &Path) {
    let ((ct_a, sets_a), (ct_b, sets_b)) = (load(a), load(b));
    assert!(ct_a.volume.hu == ct_b.volume.hu, "the same CT numbers");
    assert_eq!(ct_a.volume.grid.positions_mm(), ct_b.volume.grid.positions_mm());
    assert_eq!(sets_a.len(), sets_b.len());
    // Of several sets the order is that of their new identities.
    let facts = |sets: &[LoadedStructureSet], ct: &LoadedCt| -> BTreeSet<Vec<(i32, u64, usize)>> {
        sets.iter()
            .map(|s| {
                s.summaries
                    .iter()
                    .zip(&s.rois)
                    .map(|(m, r)| (m.number, rasterize(&ct.volume.grid, &r.slices).count(), m.points))
                    .collect()
            })
            .collect()
    };
    assert_eq!(facts(&sets_a, &ct_a), facts(&sets_b, &ct_b));
    if let ([set_a], [set_b]) = (sets_a.as_slice(), sets_b.as_slice()) {
        for (x, y) in set_a.rois.iter().zip(&set_b.rois) {
            let masks = [x, y].map(|r| rasterize(&ct_a.volume.grid, &r.slices));
            assert!(masks[0] == masks[1], "{}", x.name);
        }
    }
}

/// Names and numbers that the files declare, in several scripts.
const NAME: &str = "Plantersson^Björk=種田^花子";
const ID: &str = "PX-4711-0815";
const ACCESSION: &str = "ACC99887766";

/// What must not be found, as text.
const TOKENS: [&str; 26] = [
    "Plantersson",
    "Björk",
    "種田",
    "花子",
    ID,
    "PX47110815",
    "4711-0815",
    "19471130",
    "30.11.1947",
    ACCESSION,
    "Refermann",
    "Operatrix",
    "Reviewski",
    "Interpretov",
    "Deepname",
    "Hiddenhospital",
    "Secretstreet",
    "PRIVATEWORD",
    "STATIONPLANT",
    "SERIALPLANT",
    "AEPLANT",
    "PREAMBLEPLANT",
    "TAILPLANT",
    "OVERLAYPLANT",
    "FILENAMEPLANT",
    "UNKNOWNPLANT",
];

type Object = FileDicomObject<InMemDicomObject>;

/// How the planted files are written.
#[derive(Clone, Copy)]
struct Corner {
    charset: &'static str,
    syntax: &'static str,
}

const UNICODE: Corner = Corner { charset: "ISO_IR 192", syntax: uids::EXPLICIT_VR_LITTLE_ENDIAN };
const CHINESE: Corner = Corner { charset: "GB18030", syntax: uids::IMPLICIT_VR_LITTLE_ENDIAN };

fn text(tag: Tag, vr: VR, value: &str) -> DataElement<InMemDicomObject> {
    DataElement::new(tag, vr, PrimitiveValue::from(value))
}

fn sequence(tag: Tag, items: Vec<InMemDicomObject>) -> DataElement<InMemDicomObject> {
    DataElement::new(tag, VR::SQ, Value::Sequence(DataSetSequence::from(items)))
}

fn change_items(object: &mut Object, tag: Tag, change: impl Fn(usize, &mut InMemDicomObject)) {
    let mut element = object.take(tag).expect("the sequence is there");
    element.update_value(|value| {
        value.items_mut().into_iter().flatten().enumerate().for_each(|(n, item)| change(n, item));
    });
    object.put(element);
}

/// Plants in everything that CT and structure sets share.
fn plant_common(object: &mut Object, corner: Corner) {
    let declared = format!("seen {NAME} {ID} on 30.11.1947, {ACCESSION}");
    for (tag, vr, value) in [
        (tags::SPECIFIC_CHARACTER_SET, VR::CS, corner.charset),
        (tags::PATIENT_NAME, VR::PN, NAME),
        (tags::PATIENT_ID, VR::LO, ID),
        (tags::PATIENT_BIRTH_DATE, VR::DA, "19471130"),
        (tags::PATIENT_BIRTH_TIME, VR::TM, "0815"),
        (tags::OTHER_PATIENT_NAMES, VR::PN, "Deepname^Hidden"),
        (tags::PATIENT_SEX, VR::CS, "F"),
        (tags::PATIENT_AGE, VR::AS, "072Y"),
        (tags::PATIENT_ADDRESS, VR::LO, "Secretstreet 5"),
        (tags::PATIENT_COMMENTS, VR::LT, &declared),
        (tags::ADDITIONAL_PATIENT_HISTORY, VR::LT, &declared),
        (tags::ACCESSION_NUMBER, VR::SH, ACCESSION),
        (tags::REFERRING_PHYSICIAN_NAME, VR::PN, "Refermann^Doc"),
        (tags::OPERATORS_NAME, VR::PN, "Operatrix^Op"),
        (tags::INSTITUTION_NAME, VR::LO, "Hiddenhospital"),
        (tags::INSTITUTION_ADDRESS, VR::ST, "Secretstreet 9, Hiddenhospital"),
        (tags::STATION_NAME, VR::SH, "STATIONPLANT"),
        (tags::DEVICE_SERIAL_NUMBER, VR::LO, "SERIALPLANT"),
        (tags::STUDY_DESCRIPTION, VR::LO, "Chest of Plantersson, PX-4711-0815"),
        (tags::SERIES_DESCRIPTION, VR::LO, "種田 thorax 30.11.1947"),
        (tags::PROTOCOL_NAME, VR::LO, "Refermann chest"),
        // Not in the table of the standard: text by its representation.
        (tags::SOFTWARE_VERSIONS, VR::LO, "v1 installed at Hiddenhospital"),
        (tags::MANUFACTURER_MODEL_NAME, VR::LO, "Model for PLANTERSSON"),
        (tags::IMAGE_TYPE, VR::CS, "DERIVED\\SECONDARY\\AXIAL\\PLANTERSSON"),
        // Numbers that are none.
        (tags::GANTRY_DETECTOR_TILT, VR::DS, "Plantersson"),
        (tags::ACQUISITION_NUMBER, VR::IS, "PX-4711-0815"),
        (tags::STUDY_DATE, VR::DA, "20200110"),
        (tags::SERIES_DATE, VR::DA, "20200115"),
        (tags::DATE_OF_SECONDARY_CAPTURE, VR::DA, "20200117"),
        (tags::RETRIEVE_AE_TITLE, VR::AE, "AEPLANT"),
        (tags::CLINICAL_TRIAL_SUBJECT_ID, VR::LO, ID),
        // Private, and unknown to the dictionary.
        (Tag(0x0013, 0x0010), VR::LO, "PRIVATEWORD"),
        (Tag(0x0013, 0x1001), VR::LT, "PRIVATEWORD Plantersson"),
        (Tag(0x0008, 0x7771), VR::LO, "UNKNOWNPLANT"),
    ] {
        object.put(text(tag, vr, value));
    }
    // Bytes of unknown representation, in several encodings.
    let utf16: Vec<u8> = "Plantersson".encode_utf16().flat_map(u16::to_le_bytes).collect();
    object.put(DataElement::new(Tag(0x0013, 0x1002), VR::UN, PrimitiveValue::from(utf16)));
    object.put(DataElement::new(
        Tag(0x0013, 0x1003),
        VR::UN,
        PrimitiveValue::from("Björk PRIVATEWORD".as_bytes().to_vec()),
    ));
    let profile = [b"....Plantersson".as_slice(), &[0; 9]].concat();
    object.put(DataElement::new(tags::ICC_PROFILE, VR::OB, PrimitiveValue::from(profile)));
    // A person deep within sequences, private ones and ones that stay.
    let deep = InMemDicomObject::from_element_iter([
        text(tags::PERSON_NAME, VR::PN, "Deepname^Deep"),
        text(tags::PATIENT_ID, VR::LO, ID),
        text(Tag(0x0015, 0x0010), VR::LO, "PRIVATEWORD"),
        text(Tag(0x0015, 0x1001), VR::PN, "Plantersson"),
        text(tags::OPERATORS_NAME, VR::PN, "Operatrix^Deep"),
        text(tags::CODE_MEANING, VR::LO, "told by Deepname"),
    ]);
    let middle = InMemDicomObject::from_element_iter([
        sequence(tags::PURPOSE_OF_REFERENCE_CODE_SEQUENCE, vec![deep.clone()]),
        text(tags::REFERENCED_SOP_CLASS_UID, VR::UI, uids::CT_IMAGE_STORAGE),
        text(tags::REFERENCED_SOP_INSTANCE_UID, VR::UI, "1.2.3.4.4711.0815"),
    ]);
    object.put(sequence(tags::REFERENCED_IMAGE_SEQUENCE, vec![middle.clone()]));
    object.put(sequence(tags::CONTRIBUTING_EQUIPMENT_SEQUENCE, vec![middle.clone(), deep.clone()]));
    object.put(sequence(tags::REQUEST_ATTRIBUTES_SEQUENCE, vec![deep.clone()]));
    object.put(sequence(tags::OTHER_PATIENT_I_DS_SEQUENCE, vec![deep.clone()]));
    object.put(sequence(Tag(0x0013, 0x1010), vec![middle]));
    // Overlay, digital signature, and what follows the pixels.
    object.put(text(Tag(0x6000, 0x4000), VR::LT, "OVERLAYPLANT"));
    object.put(DataElement::new(Tag(0x7FE1, 0x0010), VR::LO, PrimitiveValue::from("TAILPLANT")));
    object.put(DataElement::new(
        Tag(0x7FE1, 0x1001),
        VR::OB,
        PrimitiveValue::from("TAILPLANT Björk".as_bytes().to_vec()),
    ));
    object.update_meta(|meta| {
        meta.transfer_syntax = corner.syntax.into();
        meta.source_application_entity_title = Some("AEPLANT".into());
        meta.sending_application_entity_title = Some("AEPLANT".into());
        meta.private_information_creator_uid = Some("1.2.3".into());
        meta.private_information = Some(b"PRIVATEWORD ".to_vec());
        meta.update_information_group_length();
    });
}

fn write_planted(object: &Object, path: &Path) {
    object.write_to_file(path).expect("written");
    let mut bytes = std::fs::read(path).expect("there");
    bytes[..13].copy_from_slice(b"PREAMBLEPLANT");
    std::fs::write(path, bytes).expect("written");
}

/// The made case with identifiers in every corner.
fn planted(folder: &Path, corner: Corner) -> PathBuf {
    let root = folder.join("FILENAMEPLANT");
    std::fs::create_dir_all(root.join("Plantersson")).expect("folder");
    for (n, path) in files(&made().join("ct")).iter().enumerate() {
        let mut object = open_file(path).expect("opens");
        plant_common(&mut object, corner);
        object.put(text(tags::ACQUISITION_DATE, VR::DA, "20200112"));
        object.put(text(tags::IMAGE_COMMENTS, VR::LT, "Plantersson"));
        write_planted(&object, &root.join("Plantersson").join(format!("FILENAMEPLANT {n} {ID}.dcm")));
    }
    let mut set = open_file(made().join("rs.dcm")).expect("opens");
    plant_common(&mut set, corner);
    for (tag, vr, value) in [
        (tags::STRUCTURE_SET_LABEL, VR::SH, "RS Plantersson"),
        (tags::STRUCTURE_SET_NAME, VR::LO, "Björk 4711-0815"),
        (tags::STRUCTURE_SET_DESCRIPTION, VR::ST, "drawn by Operatrix at Hiddenhospital"),
        (tags::REVIEWER_NAME, VR::PN, "Reviewski^R"),
        (tags::STRUCTURE_SET_DATE, VR::DA, "20200120"),
    ] {
        set.put(text(tag, vr, value));
    }
    change_items(&mut set, tags::STRUCTURE_SET_ROI_SEQUENCE, |n, item| {
        item.put(text(tags::ROI_DESCRIPTION, VR::ST, "for Plantersson"));
        item.put(text(Tag(0x3007, 0x0010), VR::LO, "PRIVATEWORD"));
        item.put(text(Tag(0x3007, 0x1001), VR::LO, "Plantersson"));
        match n {
            0 => item.put(text(tags::ROI_NAME, VR::LO, "GTV_PLANTERSSON")),
            1 => item.put(text(tags::ROI_NAME, VR::LO, "種田の腫瘍")),
            2 => item.put(text(tags::ROI_NAME, VR::LO, "node PX47110815")),
            3 => item.put(text(tags::ROI_NAME, VR::LO, "GTV_19471130")),
            _ => None,
        };
    });
    change_items(&mut set, tags::RTROI_OBSERVATIONS_SEQUENCE, |_, item| {
        item.put(text(Tag(0x3006, 0x0085), VR::SH, "Björk"));
        item.put(text(tags::ROI_INTERPRETER, VR::PN, "Interpretov^I"));
    });
    write_planted(&set, &root.join("Plantersson RS FILENAMEPLANT.dcm"));
    std::fs::write(root.join("notes of Plantersson.txt"), "Plantersson").expect("written");
    root
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    !needle.is_empty() && haystack.windows(needle.len()).any(|w| w == needle)
}

/// Searches file names and bytes for the tokens, in every encoding that might hold them.
fn leaks(folder: &Path, tokens: &[&str]) -> Vec<String> {
    use dicom_encoding::text::{SpecificCharacterSet, TextCodec};
    let mut found = Vec::new();
    for path in files(folder) {
        let bytes = std::fs::read(&path).expect("there").to_ascii_lowercase();
        let name = path.file_name().expect("a name").to_string_lossy().to_lowercase();
        for token in tokens {
            let lower = token.to_lowercase();
            let mut forms = vec![lower.clone().into_bytes(), token.as_bytes().to_ascii_lowercase()];
            forms.push(lower.encode_utf16().flat_map(u16::to_le_bytes).collect());
            forms.push(lower.encode_utf16().flat_map(u16::to_be_bytes).collect());
            for code in ["ISO_IR 100", "GB18030", "ISO_IR 13", "ISO 2022 IR 87", "ISO 2022 IR 149"] {
                let set = SpecificCharacterSet::from_code(code);
                forms.extend(set.and_then(|s| s.encode(token).ok()).map(|b| b.to_ascii_lowercase()));
            }
            // Encoders that cannot hold a character may write nothing but a question mark.
            forms.retain(|f| f.len() >= 4 && !f.contains(&b'?'));
            if forms.iter().any(|f| contains(&bytes, f)) || name.contains(&lower) {
                found.push(format!("{token} in {name}"));
            }
        }
    }
    found
}

#[test]
fn planted_identifiers_are_nowhere_in_the_output() {
    nothing_planted_is_left(UNICODE);
    nothing_planted_is_left(CHINESE);
}

fn nothing_planted_is_left(corner: Corner) {
    let folder = tempfile::tempdir().expect("temporary folder");
    let source = planted(folder.path(), corner);
    assert!(leaks(&source.join("Plantersson"), &TOKENS).len() > 20, "the search finds what is planted");
    let output = folder.path().join("out");
    let report = run(&source, &output, &DeidentifyOptions::default());
    assert_eq!(leaks(&output, &TOKENS), Vec::<String>::new());
    assert_eq!(leaks(&output, &["20200110", "20200112", "20200115", "20200117", "20200120"]), Vec::<String>::new());
    // Nothing but neutral names, each accounted for.
    let names: BTreeSet<String> =
        files(&output).iter().map(|p| p.file_name().expect("a name").to_string_lossy().into_owned()).collect();
    let expected: BTreeSet<String> = (1..=24)
        .map(|n| format!("CT.{n:06}.dcm"))
        .chain(["RS.000001.dcm".to_owned(), "report.json".to_owned()])
        .collect();
    assert_eq!(names, expected);
    assert_eq!(report.files.len(), 25);
    assert_eq!((report.patients, report.skipped.len()), (1, 1));
    assert!(report.files.iter().all(|f| f.counts.private_removed > 5 && f.counts.uids > 3));
    assert_same_case(&source, &output);

    let set = open_file(output.join("RS.000001.dcm")).expect("another reader opens it");
    let string = |keyword: &str| set.element_by_name(keyword).expect("there").to_str().expect("text").into_owned();
    assert_eq!(string("PatientIdentityRemoved").trim(), "YES");
    assert!(string("PatientID").starts_with("ANON-"));
    assert_eq!(string("LongitudinalTemporalInformationModified").trim(), "REMOVED");
    let codes = set.element_by_name("DeidentificationMethodCodeSequence").expect("there");
    assert_eq!(
        codes.items().expect("items")[0].element_by_name("CodeValue").expect("there").to_str().expect("text").trim(),
        "113100"
    );
    assert!(set.meta().source_application_entity_title.is_none() && set.meta().private_information.is_none());
    assert_eq!(
        set.meta().media_storage_sop_instance_uid().trim_end_matches('\0'),
        string("SOPInstanceUID").trim_end_matches('\0')
    );
    let rois = set.element_by_name("StructureSetROISequence").expect("there");
    let rois: Vec<String> = rois
        .items()
        .expect("items")
        .iter()
        .map(|i| i.element_by_name("ROIName").expect("there").to_str().expect("text").trim().to_owned())
        .collect();
    let kept = rois.iter().filter(|n| !n.starts_with("ROI_")).count();
    assert_eq!(rois.len() - kept, 4, "{rois:?}");
    assert!(kept > 10, "{rois:?}");
}

#[test]
fn with_every_option_the_declared_identifiers_are_still_gone() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let source = planted(folder.path(), CHINESE);
    let options = DeidentifyOptions {
        dates: Dates::Shift(-100),
        keep_patient_characteristics: true,
        keep_descriptions: true,
        keep_device: true,
        patient_id: Some("NEW-ID".into()),
        patient_name: Some("New^Name".into()),
    };
    let output = folder.path().join("out");
    run(&source, &output, &options);
    let kept = ["STATIONPLANT", "SERIALPLANT"];
    let tokens: Vec<&str> = TOKENS.into_iter().filter(|t| !kept.contains(t)).collect();
    assert_eq!(leaks(&output, &tokens), Vec::<String>::new());
    let ct = open_file(output.join("CT.000001.dcm")).expect("opens");
    let string = |keyword: &str| ct.element_by_name(keyword).expect("there").to_str().expect("text").trim().to_owned();
    assert_eq!((string("PatientID"), string("PatientName")), ("NEW-ID".into(), "New^Name".into()));
    assert_eq!((string("PatientSex"), string("PatientAge")), ("F".into(), "072Y".into()));
    assert_eq!((string("StationName"), string("StudyDescription")), ("STATIONPLANT".into(), "Chest of".into()));
    assert_eq!(string("SeriesDescription"), "thorax");
    // A hundred days earlier, with every interval as it was.
    assert_eq!(
        ["StudyDate", "AcquisitionDate", "SeriesDate"].map(string),
        ["20191002", "20191004", "20191007"].map(str::to_owned)
    );
    assert_eq!(string("PatientBirthDate"), "");
    assert_eq!(string("LongitudinalTemporalInformationModified"), "MODIFIED");
    let set = open_file(output.join("RS.000001.dcm")).expect("opens");
    assert_eq!(set.element_by_name("StructureSetDate").expect("there").to_str().expect("text").trim(), "20191012");
    let codes = ct.element_by_name("DeidentificationMethodCodeSequence").expect("there");
    let codes: Vec<String> = codes
        .items()
        .expect("items")
        .iter()
        .map(|i| i.element_by_name("CodeValue").expect("there").to_str().expect("text").trim().to_owned())
        .collect();
    assert_eq!(codes, ["113100", "113105", "113107", "113108", "113109"]);
    assert_same_case(&source, &output);
}

/// Every UID that refers to something: keyword path and value.
fn all_uids(object: &InMemDicomObject, at: &str, found: &mut Vec<(String, String)>) {
    for element in object.iter() {
        let path = format!("{at}/{}", element.header().tag);
        match element.value() {
            Value::Sequence(items) => {
                for (n, item) in items.items().iter().enumerate() {
                    all_uids(item, &format!("{path}.{n}"), found);
                }
            }
            Value::Primitive(p) if element.vr() == VR::UI => {
                found.push((path, p.to_str().trim_end_matches(['\0', ' ']).to_owned()));
            }
            _ => {}
        }
    }
}

fn uids_of(path: &Path) -> Vec<(String, String)> {
    let mut found = Vec::new();
    all_uids(&open_file(path).expect("opens"), "", &mut found);
    found
}

#[test]
fn uids_fit_together_and_follow_the_secret() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let out = |name: &str| folder.path().join(name);
    let options = DeidentifyOptions::default();
    run(made(), &out("a"), &options);
    run(made(), &out("b"), &options);
    deidentify(&[made().to_owned()], &out("c"), &options, &Secret::random(), &Silent).expect("runs");
    for (a, b) in files(&out("a")).iter().zip(files(&out("b"))) {
        assert_eq!(std::fs::read(a).expect("there"), std::fs::read(&b).expect("there"), "{}", a.display());
    }
    // Every UID was replaced by one UID, the same in every file, and by another one under another secret.
    let mut before: BTreeMap<String, Vec<(String, String)>> = BTreeMap::new();
    for path in files(&made().join("ct")).into_iter().chain([made().join("rs.dcm")]) {
        let uids = uids_of(&path);
        let own = uids.iter().find(|(p, _)| p == "/(0008,0018)").expect("an instance").1.clone();
        before.insert(own, uids);
    }
    let instance = |uids: &[(String, String)]| uids.iter().find(|(p, _)| p == "/(0008,0018)").expect("there").1.clone();
    let after = |name: &str| -> BTreeMap<String, Vec<(String, String)>> {
        files(&out(name))
            .iter()
            .filter(|p| p.extension().is_some_and(|e| e == "dcm"))
            .map(|p| uids_of(p))
            .map(|u| (instance(&u), u))
            .collect()
    };
    let (a, c) = (after("a"), after("c"));
    // The structure set names every image, so its references give the map.
    let set_before = before.values().max_by_key(|u| u.len()).expect("a set");
    let set_after = a.values().max_by_key(|u| u.len()).expect("a set");
    let lookup: BTreeMap<&String, &String> = set_after
        .iter()
        .filter_map(|(path, new)| set_before.iter().find(|(p, _)| p == path).map(|(_, old)| (old, new)))
        .collect();
    assert!(lookup.len() > 25, "{}", lookup.len());
    let mut checked = 0;
    for (old, uids) in &before {
        let Some(new) = lookup.get(old).and_then(|new| a.get(*new)) else { continue };
        for ((path, old), (path_after, new)) in uids.iter().zip(new) {
            assert_eq!(path, path_after);
            if let Some(expected) = lookup.get(old) {
                assert_eq!(new, *expected, "{path}");
            }
            let is_class = old.starts_with("1.2.840.10008.");
            assert_eq!(old == new, is_class, "{path} {old} {new}");
            checked += 1;
        }
    }
    assert!(checked > 24 * 4, "{checked}");
    assert!(a.keys().all(|uid| !c.contains_key(uid)), "another secret, other UIDs");
}

/// Contour Data of every contour, in the order of the file.
fn contour_data(path: &Path) -> Vec<Vec<u8>> {
    let object = open_file(path).expect("opens");
    let mut all = Vec::new();
    for roi in object.element_by_name("ROIContourSequence").expect("there").items().expect("items") {
        for contour in roi.element_by_name("ContourSequence").ok().and_then(|s| s.items()).unwrap_or_default() {
            all.push(contour.element_by_name("ContourData").expect("there").to_bytes().expect("bytes").into_owned());
        }
    }
    all
}

/// Error lines of dciodvfy; `None` where the tool is missing (a failure under CI).
fn dciodvfy_errors(path: &Path) -> Option<BTreeSet<String>> {
    let Ok(output) = Command::new("dciodvfy").arg(path).output() else {
        assert!(std::env::var_os("CI").is_none(), "under CI dicom3tools must be installed (make test does it)");
        eprintln!("skipped: dciodvfy is not installed");
        return None;
    };
    let text = [output.stdout, output.stderr].concat();
    // UIDs are new, complaints about them are not.
    let without_uids = |line: &str| -> String {
        line.split('<')
            .map(|part| match part.split_once('>') {
                Some((uid, rest)) if uid.bytes().all(|b| b.is_ascii_digit() || b == b'.') => rest.to_owned(),
                _ => part.to_owned(),
            })
            .collect()
    };
    Some(String::from_utf8_lossy(&text).lines().filter(|l| l.starts_with("Error")).map(without_uids).collect())
}

/// Files by modality: one image, because the others are alike, and all of the rest.
fn samples(folder: &Path) -> BTreeMap<String, Vec<PathBuf>> {
    let mut found: BTreeMap<String, Vec<PathBuf>> = BTreeMap::new();
    let mut left = vec![folder.to_owned()];
    while let Some(path) = left.pop() {
        if path.is_dir() {
            left.extend(files(&path));
        } else if let Ok(object) = open_file(&path)
            && let Ok(modality) = object.element_by_name("Modality")
        {
            let of_kind = found.entry(modality.to_str().expect("text").trim().to_owned()).or_default();
            if of_kind.is_empty() || object.element(tags::PIXEL_DATA).is_err() {
                of_kind.push(path);
            }
        }
    }
    found
}

/// Error lines of dciodvfy over some files.
fn all_errors(paths: &[PathBuf]) -> Option<BTreeSet<String>> {
    paths.iter().map(|p| dciodvfy_errors(p)).collect::<Option<Vec<_>>>().map(|e| e.into_iter().flatten().collect())
}

#[test]
fn real_cases_load_the_same_and_stay_as_valid_as_they_were() {
    let everything = DeidentifyOptions {
        dates: Dates::ShiftPerPatient,
        keep_patient_characteristics: true,
        keep_descriptions: true,
        keep_device: true,
        ..DeidentifyOptions::default()
    };
    for name in [
        "4dlung-113",
        "cip-lowres-thorax",
        "dicompyler-breast",
        "ibsi2-orientation",
        "lungdx-a0001",
        "rtutils-phantom",
        "sts012-ct",
    ] {
        let Some(source) = test_data(name) else { return };
        let folder = tempfile::tempdir().expect("temporary folder");
        for (options, output) in [
            (&DeidentifyOptions::default(), folder.path().join("basic")),
            (&everything, folder.path().join("everything")),
        ] {
            let report = run(&source, &output, options);
            assert!(
                report.skipped.iter().all(|s| s.path.extension().is_none_or(|e| e != "dcm")),
                "{:?}",
                report.skipped
            );
            if name != "dicompyler-breast" {
                assert_same_case(&source, &output);
            }
            let (before, after) = (samples(&source), samples(&output));
            assert_eq!(before.keys().collect::<Vec<_>>(), after.keys().collect::<Vec<_>>(), "{name}");
            for (modality, paths) in &before {
                if let (Some(before), Some(after)) = (all_errors(paths), all_errors(&after[modality])) {
                    let new: Vec<&String> = after.difference(&before).collect();
                    assert!(new.is_empty(), "{name} {modality}: {new:#?}");
                }
            }
            let contours = |of: &BTreeMap<String, Vec<PathBuf>>| -> BTreeSet<Vec<Vec<u8>>> {
                of.get("RTSTRUCT").into_iter().flatten().map(|p| contour_data(p)).collect()
            };
            assert!(contours(&before) == contours(&after), "{name}: contours stay byte for byte");
        }
    }
}

#[test]
fn the_output_never_touches_the_source() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let options = DeidentifyOptions::default();
    let sources = [made().to_owned()];
    let attempt = |output: &Path| deidentify(&sources, output, &options, &secret(), &Silent);
    assert!(matches!(attempt(&made().join("new")), Err(DeidentifyError::OutputInSource(_))));
    assert!(matches!(attempt(made()), Err(DeidentifyError::OutputInSource(_))));
    assert!(matches!(attempt(&made().join("ct/../deep/er")), Err(DeidentifyError::OutputInSource(_))));
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink(made(), folder.path().join("link")).expect("a link");
        assert!(matches!(attempt(&folder.path().join("link/new")), Err(DeidentifyError::OutputInSource(_))));
    }
    std::fs::create_dir(folder.path().join("full")).expect("made");
    std::fs::write(folder.path().join("full/file"), "x").expect("written");
    assert!(matches!(attempt(&folder.path().join("full")), Err(DeidentifyError::OutputExists(_))));
    let gone = deidentify(&[folder.path().join("gone")], &folder.path().join("o"), &options, &secret(), &Silent);
    assert!(matches!(gone, Err(DeidentifyError::Missing(_))));
    let nothing = deidentify(&[folder.path().join("full")], &folder.path().join("o"), &options, &secret(), &Silent);
    assert!(matches!(nothing, Err(DeidentifyError::Nothing { files: 1, .. })));
    // An empty folder gives way; nothing else is left beside it.
    std::fs::create_dir(folder.path().join("empty")).expect("made");
    attempt(&folder.path().join("empty")).expect("runs");
    assert!(!folder.path().join("o").exists());
    let hidden = files(folder.path())
        .iter()
        .filter(|p| p.file_name().is_some_and(|n| n.to_string_lossy().starts_with('.')))
        .count();
    assert_eq!(hidden, 0);
}

struct Stopped;

impl Progress for Stopped {
    fn report(&self, _: &str, _: usize, _: usize) {}
    fn is_cancelled(&self) -> bool {
        true
    }
}

#[test]
fn a_stopped_run_leaves_nothing() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let result = deidentify(
        &[made().to_owned()],
        &folder.path().join("out"),
        &DeidentifyOptions::default(),
        &secret(),
        &Stopped,
    );
    assert!(matches!(result, Err(DeidentifyError::Cancelled(Cancelled))));
    assert_eq!(files(folder.path()).len(), 0);
}

#[test]
fn compressed_and_cut_off_pixels_and_other_files() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let source = folder.path().join("in");
    std::fs::create_dir(&source).expect("made");
    let one = &files(&made().join("ct"))[0];
    // Compressed: the fragments are copied and what follows them is not.
    let fragments = vec![vec![7u8; 64], vec![9u8; 32]];
    let mut object = open_file(one).expect("opens");
    object.put(DataElement::new(
        tags::PIXEL_DATA,
        VR::OB,
        Value::PixelSequence(PixelFragmentSequence::new(vec![0u32], fragments.clone())),
    ));
    object.put(DataElement::new(Tag(0x7FE1, 0x1001), VR::OB, PrimitiveValue::from(b"TAILPLANT".to_vec())));
    object.put(text(tags::BURNED_IN_ANNOTATION, VR::CS, "YES"));
    object.update_meta(|m| m.transfer_syntax = uids::RLE_LOSSLESS.into());
    object.write_to_file(source.join("rle.dcm")).expect("written");
    // Deflated and big endian.
    for (name, syntax) in
        [("deflated.dcm", uids::DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN), ("big.dcm", "1.2.840.10008.1.2.2")]
    {
        let mut object = open_file(one).expect("opens");
        object.update_meta(|m| m.transfer_syntax = syntax.into());
        object.write_to_file(source.join(name)).expect("written");
    }
    // Cut off within the pixels; another kind; files that are not ours; a picture.
    let bytes = std::fs::read(one).expect("there");
    std::fs::write(source.join("cut.dcm"), &bytes[..bytes.len() - 100]).expect("written");
    let mut object = open_file(one).expect("opens");
    object.put(text(tags::SOP_CLASS_UID, VR::UI, uids::SECONDARY_CAPTURE_IMAGE_STORAGE));
    object.write_to_file(source.join("sc.dcm")).expect("written");
    std::fs::write(source.join("report.html"), "<html>Plantersson</html>").expect("written");
    std::fs::write(source.join("other.json"), "{\"name\": \"Plantersson\"}").expect("written");
    std::fs::write(source.join("empty.dcm"), "").expect("written");
    // Our own results: known keys stay, others and names of people do not.
    let proof = serde_json::json!({
        "path": "/data/Plantersson/rs.dcm", "sop_instance_uid": "1.2.3", "sha256": "00", "bytes": 5,
        "rois": [{"name": "Made 5", "number": 1, "voxels": 7}, {"name": "GTVp", "number": 2, "voxels": 8}],
        "voxels_different": 0, "notes": ["Plantersson"],
    });
    std::fs::write(source.join("proof.json"), proof.to_string()).expect("written");
    std::fs::write(
        source.join("features.csv"),
        "index,name,value,unit,description\n1,ln7_ctv_in_ln,0.5,1,\"a, b\"\n108,c_age_gt60,1,0/1,older\n",
    )
    .expect("written");
    let output = folder.path().join("out");
    let report = run(&source, &output, &DeidentifyOptions::default());
    assert_eq!(leaks(&output, &["Plantersson", "TAILPLANT", "HILUM-SYNTHETIC"]), Vec::<String>::new());
    assert_eq!(report.files.iter().filter(|f| f.kind == "CT").count(), 3);
    let skipped: BTreeSet<String> =
        report.skipped.iter().map(|s| s.path.file_name().expect("a name").to_string_lossy().into_owned()).collect();
    assert_eq!(skipped, ["cut.dcm", "empty.dcm", "other.json", "report.html", "sc.dcm"].map(str::to_owned).into());
    let burned: Vec<_> = report.files.iter().filter(|f| f.warnings.iter().any(|w| w.contains("Burned In"))).collect();
    assert_eq!(burned.len(), 1);
    let original = open_file(one).expect("opens");
    let plain = original.element(tags::PIXEL_DATA).expect("there").to_bytes().expect("bytes").into_owned();
    let mut seen = BTreeSet::new();
    for file in report.files.iter().filter(|f| f.kind == "CT") {
        let object = open_file(output.join(&file.file)).expect("opens");
        match object.element(tags::PIXEL_DATA).expect("there").value() {
            Value::PixelSequence(pixels) => {
                assert_eq!(pixels.fragments().to_vec(), fragments);
                seen.insert("compressed");
            }
            value => {
                assert!(value.to_bytes().expect("bytes") == plain);
                seen.insert("plain");
            }
        }
    }
    assert_eq!(seen.len(), 2);
    let json: serde_json::Value =
        serde_json::from_slice(&std::fs::read(output.join("proof.000001.json")).expect("there")).expect("JSON");
    assert_eq!(json["rois"][1]["name"], "GTVp");
    assert_eq!((json["path"].is_null(), json["sha256"].is_null(), json["notes"].is_null()), (true, true, true));
    assert!(json["sop_instance_uid"].as_str().is_some_and(|u| u.starts_with("2.25.")));
    let table = std::fs::read_to_string(output.join("features.000001.csv")).expect("there");
    assert_eq!(table, "index,name,value,unit,description\n1,ln7_ctv_in_ln,0.5,1,\"a, b\"\n108,c_age_gt60,,0/1,older\n");
}

#[test]
fn images_cut_off_anywhere_are_listed_and_not_written() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let source = folder.path().join("in");
    std::fs::create_dir(&source).expect("made");
    let whole = std::fs::read(&files(&made().join("ct"))[0]).expect("there");
    let lengths: Vec<usize> = (0..2600).step_by(13).chain([whole.len()]).collect();
    for length in &lengths {
        std::fs::write(source.join(format!("{length}.dcm")), &whole[..*length]).expect("written");
    }
    let report = run(&source, &folder.path().join("out"), &DeidentifyOptions::default());
    assert_eq!((report.files.len(), report.skipped.len()), (1, lengths.len() - 1));
}

#[test]
fn two_patients_stay_two() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let source = folder.path().join("in");
    std::fs::create_dir(&source).expect("made");
    for (n, path) in files(&made().join("ct")).iter().take(4).enumerate() {
        let mut object = open_file(path).expect("opens");
        object.put(text(tags::PATIENT_ID, VR::LO, if n < 2 { "FIRST-1" } else { "SECOND-2" }));
        object.write_to_file(source.join(format!("{n}.dcm"))).expect("written");
    }
    let options = DeidentifyOptions { dates: Dates::ShiftPerPatient, ..DeidentifyOptions::default() };
    let output = folder.path().join("out");
    assert_eq!(run(&source, &output, &options).patients, 2);
    let facts: BTreeSet<(String, String)> = files(&output)
        .iter()
        .filter(|p| p.extension().is_some_and(|e| e == "dcm"))
        .map(|p| {
            let object = open_file(p).expect("opens");
            let string = |k: &str| object.element_by_name(k).expect("there").to_str().expect("text").into_owned();
            (string("PatientID"), string("StudyDate"))
        })
        .collect();
    assert_eq!(facts.len(), 2, "two labels, two shifts: {facts:?}");
    let named = DeidentifyOptions { patient_id: Some("X".into()), ..DeidentifyOptions::default() };
    let refused = deidentify(&[source], &folder.path().join("o"), &named, &secret(), &Silent);
    assert!(matches!(refused, Err(DeidentifyError::SeveralPatients(2))));
}

#[test]
fn the_command_speaks_json_and_exit_codes() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let path = |name: &str| folder.path().join(name).to_str().expect("UTF-8").to_owned();
    let hilum = |args: &[&str]| {
        let mut command = assert_cmd::Command::cargo_bin("hilum").expect("built with the tests");
        let out = command.arg("deidentify").args(args).env_remove("HILUM_LOG").output().expect("starts");
        (
            out.status.code(),
            String::from_utf8_lossy(&out.stdout).into_owned(),
            String::from_utf8_lossy(&out.stderr).into_owned(),
        )
    };
    let source = made().to_str().expect("UTF-8");
    std::fs::write(path("key"), "0123456789abcdef").expect("written");
    std::fs::write(path("short"), "abc").expect("written");
    let (code, out, errors) =
        hilum(&[source, "-o", &path("a"), "--secret-file", &path("key"), "--shift-dates", "-7", "--json"]);
    assert_eq!(code, Some(0), "{errors}");
    let json: serde_json::Value = serde_json::from_str(&out).expect("JSON");
    for key in
        ["program", "profile", "methods", "patients", "identifiers_searched", "totals", "files", "skipped", "limits"]
    {
        assert!(!json[key].is_null(), "{key}");
    }
    let written: serde_json::Value =
        serde_json::from_slice(&std::fs::read(folder.path().join("a/report.json")).expect("there")).expect("JSON");
    assert_eq!(json, written);
    let (code, out, _) = hilum(&[source, "-o", &path("b")]);
    assert_eq!(code, Some(0));
    assert!(out.contains("CT") && out.contains("Keep in mind"), "{out}");
    let inside = made().join("x");
    for (args, expected) in [
        (vec![source, "-o", &path("a")], 1),
        (vec![source, "-o", inside.to_str().expect("UTF-8")], 2),
        (vec![source, "-o", &path("c"), "--keep-dates", "--shift-dates", "3"], 2),
        (vec![source, "-o", &path("c"), "--secret-file", &path("short")], 3),
        (vec![&path("gone"), "-o", &path("c")], 3),
    ] {
        let (code, _, errors) = hilum(&args);
        assert_eq!(code, Some(expected), "{args:?}: {errors}");
        assert!(errors.contains("error: "), "{errors}");
    }
    assert!(!folder.path().join("c").exists());
}

#[test]
fn the_corpus_of_damaged_files_hurts_nothing() {
    let out = tempfile::tempdir().expect("temporary folder");
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus");
    let report = deidentify(&[folder], &out.path().join("o"), &DeidentifyOptions::default(), &secret(), &Silent);
    assert!(report.is_ok_and(|r| r.files.len() > 10 && r.skipped.len() > 10));
}
