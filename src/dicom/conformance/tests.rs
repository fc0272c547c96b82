//! Every rule, broken once.

use super::*;
use crate::dicom::raw::Value;
use dicom_dictionary_std::uids;

fn item(values: &[(Tag, &str)]) -> DataSet {
    let mut item = DataSet::default();
    for (tag, text) in values {
        item.put_str(*tag, text);
    }
    item
}

fn sequence(mut outer: DataSet, tag: Tag, items: Vec<DataSet>) -> DataSet {
    outer.put_items(tag, items);
    outer
}

fn contour(kind: &str, points: &str, data: &str) -> DataSet {
    let image =
        item(&[(tags::REFERENCED_SOP_CLASS_UID, uids::CT_IMAGE_STORAGE), (tags::REFERENCED_SOP_INSTANCE_UID, "1.9")]);
    let values =
        [(tags::CONTOUR_GEOMETRIC_TYPE, kind), (tags::NUMBER_OF_CONTOUR_POINTS, points), (tags::CONTOUR_DATA, data)];
    sequence(item(&values), tags::CONTOUR_IMAGE_SEQUENCE, vec![image])
}

/// A structure set without a fault: one ROI with one contour on one image.
fn good() -> DataSet {
    let image =
        item(&[(tags::REFERENCED_SOP_CLASS_UID, uids::CT_IMAGE_STORAGE), (tags::REFERENCED_SOP_INSTANCE_UID, "1.9")]);
    let series = sequence(item(&[(tags::SERIES_INSTANCE_UID, "1.8")]), tags::CONTOUR_IMAGE_SEQUENCE, vec![image]);
    let study =
        [(tags::REFERENCED_SOP_CLASS_UID, "1.2.840.10008.3.1.2.3.1"), (tags::REFERENCED_SOP_INSTANCE_UID, "1.3")];
    let study = sequence(item(&study), tags::RT_REFERENCED_SERIES_SEQUENCE, vec![series]);
    let frame =
        sequence(item(&[(tags::FRAME_OF_REFERENCE_UID, "1.4")]), tags::RT_REFERENCED_STUDY_SEQUENCE, vec![study]);
    let roi = item(&[
        (tags::ROI_NUMBER, "1"),
        (tags::REFERENCED_FRAME_OF_REFERENCE_UID, "1.4"),
        (tags::ROI_NAME, "GTV"),
        (tags::ROI_GENERATION_ALGORITHM, "MANUAL"),
    ]);
    let drawn = item(&[(tags::ROI_DISPLAY_COLOR, "1\\2\\3"), (tags::REFERENCED_ROI_NUMBER, "1")]);
    let ring = contour("CLOSED_PLANAR", "3", "0\\0\\5\\10\\0\\5\\0\\10\\5");
    let drawn = sequence(drawn, tags::CONTOUR_SEQUENCE, vec![ring]);
    let observed = item(&[
        (tags::OBSERVATION_NUMBER, "1"),
        (tags::REFERENCED_ROI_NUMBER, "1"),
        (tags::RTROI_INTERPRETED_TYPE, "GTV"),
        (tags::ROI_INTERPRETER, ""),
    ]);
    let mut ds = item(&[
        (tags::SPECIFIC_CHARACTER_SET, "ISO_IR 192"),
        (tags::SOP_CLASS_UID, uids::RT_STRUCTURE_SET_STORAGE),
        (tags::SOP_INSTANCE_UID, "1.1"),
        (tags::STUDY_DATE, "20240229"),
        (tags::STUDY_TIME, "120000"),
        (tags::ACCESSION_NUMBER, ""),
        (tags::MODALITY, "RTSTRUCT"),
        (tags::MANUFACTURER, "Hilum"),
        (tags::REFERRING_PHYSICIAN_NAME, ""),
        (tags::OPERATORS_NAME, ""),
        (tags::PATIENT_NAME, "Doe^Jane"),
        (tags::PATIENT_ID, "7"),
        (tags::PATIENT_BIRTH_DATE, ""),
        (tags::PATIENT_SEX, ""),
        (tags::STUDY_INSTANCE_UID, "1.3"),
        (tags::SERIES_INSTANCE_UID, "1.2"),
        (tags::STUDY_ID, ""),
        (tags::SERIES_NUMBER, "1"),
        (tags::FRAME_OF_REFERENCE_UID, "1.4"),
        (tags::POSITION_REFERENCE_INDICATOR, ""),
        (tags::STRUCTURE_SET_LABEL, "set"),
        (tags::STRUCTURE_SET_DATE, "20240301"),
        (tags::STRUCTURE_SET_TIME, "08"),
        (tags::APPROVAL_STATUS, "UNAPPROVED"),
    ]);
    ds.put_items(tags::REFERENCED_FRAME_OF_REFERENCE_SEQUENCE, vec![frame]);
    ds.put_items(tags::STRUCTURE_SET_ROI_SEQUENCE, vec![roi]);
    ds.put_items(tags::ROI_CONTOUR_SEQUENCE, vec![drawn]);
    ds.put_items(tags::RTROI_OBSERVATIONS_SEQUENCE, vec![observed]);
    ds
}

fn first(ds: &mut DataSet, tag: Tag) -> &mut DataSet {
    &mut ds.items_mut(tag).expect("a sequence")[0]
}

fn ring(ds: &mut DataSet) -> &mut DataSet {
    first(first(ds, tags::ROI_CONTOUR_SEQUENCE), tags::CONTOUR_SEQUENCE)
}

fn again(ds: &mut DataSet, tag: Tag) -> &mut DataSet {
    let items = ds.items_mut(tag).expect("a sequence");
    items.push(items[0].clone());
    let last = items.len() - 1;
    &mut items[last]
}

fn without(ds: &mut DataSet, tag: Tag) {
    ds.remove(tag);
}

/// What a change adds to a set without fault: kind, keyword and the beginning of the sentence.
type Case = (&'static str, fn(&mut DataSet), FindingKind, &'static str, &'static str);

const ERROR: FindingKind = FindingKind::Error;
const WARNING: FindingKind = FindingKind::Warning;

#[rustfmt::skip]
const CASES: &[Case] = &[
    ("type 2 missing", |ds| without(ds, tags::OPERATORS_NAME), ERROR, "OperatorsName", "is missing (type 2)"),
    ("type 1 missing", |ds| without(ds, tags::SERIES_INSTANCE_UID), ERROR, "SeriesInstanceUID", "is missing (type 1)"),
    ("type 1 empty", |ds| ds.put_str(tags::STRUCTURE_SET_LABEL, " "), ERROR, "StructureSetLabel", "has no value"),
    ("2C missing", |ds| {
        ds.put_str(tags::APPROVAL_STATUS, "REJECTED");
        ds.put_str(tags::REVIEW_DATE, "");
        ds.put_str(tags::REVIEW_TIME, "");
    }, ERROR, "ReviewerName", "is missing (type 2)"),
    ("inside", |ds| without(first(ds, tags::STRUCTURE_SET_ROI_SEQUENCE), tags::ROI_NAME), ERROR, "ROIName", "is missing"),
    ("enumerated", |ds| ds.put_str(tags::PATIENT_SEX, "X"), ERROR, "PatientSex", "is none of the words"),
    ("defined term", |ds| first(ds, tags::RTROI_OBSERVATIONS_SEQUENCE).put_str(tags::RTROI_INTERPRETED_TYPE, "LUMP"),
        WARNING, "RTROIInterpretedType", "is a word that the standard"),
    ("algorithm", |ds| first(ds, tags::STRUCTURE_SET_ROI_SEQUENCE).put_str(tags::ROI_GENERATION_ALGORITHM, "DREAM"),
        WARNING, "ROIGenerationAlgorithm", "is a word that the standard"),
    ("date", |ds| ds.put_str(tags::STUDY_DATE, "20230229"), ERROR, "StudyDate", "is no date"),
    ("time", |ds| ds.put_str(tags::STUDY_TIME, "noon"), ERROR, "StudyTime", "is no time"),
    ("UID", |ds| ds.put_str(tags::STUDY_INSTANCE_UID, "1.03"), ERROR, "StudyInstanceUID", "is no UID"),
    ("code", |ds| ds.put_str(tags::BODY_PART_EXAMINED, "Chest"), ERROR, "BodyPartExamined", "is no code string"),
    ("integer", |ds| ds.put_str(tags::SERIES_NUMBER, "1.5"), ERROR, "SeriesNumber", "is no integer"),
    ("SH", |ds| ds.put_str(tags::STUDY_ID, "12345678901234567"), ERROR, "StudyID", "has 17 characters; SH holds 16"),
    ("LO", |ds| ds.put_str(tags::PATIENT_ID, &"é".repeat(65)), ERROR, "PatientID", "has 65 characters"),
    ("control", |ds| ds.put_str(tags::PATIENT_ID, "a\u{7}b"), ERROR, "PatientID", "holds control characters"),
    ("PN", |ds| ds.put_str(tags::PATIENT_NAME, "a^b=c=d=e"), ERROR, "PatientName", "is no name"),
    ("PN of old", |ds| ds.put_str(tags::PATIENT_NAME, "Jane"), WARNING, "PatientName", "is a name without parts"),
    ("charset", |ds| ds.put(tags::PATIENT_ID, Value::Bytes(vec![0xFF, 0xFE])), ERROR, "PatientID", "holds bytes that are no text"),
    ("multiplicity", |ds| first(ds, tags::ROI_CONTOUR_SEQUENCE).put_str(tags::ROI_DISPLAY_COLOR, "1\\2"), ERROR, "ROIDisplayColor", "has 2 values"),
    ("group length", |ds| ds.put(Tag(8, 0), Value::Bytes(vec![0; 4])), WARNING, "GenericGroupLength", "is a group length"),
    ("order", |ds| ds.elements_mut().swap(2, 3), ERROR, "SOPInstanceUID", "stands out of order"),
    ("long DS", |ds| ring(ds).put_str(tags::CONTOUR_DATA, "0.12345678901234567\\0\\5\\10\\0\\5\\0\\10\\5"), ERROR, "ContourData", "holds what is no decimal"),
    ("no triples", |ds| ring(ds).put_str(tags::CONTOUR_DATA, "1\\2\\3\\4"), ERROR, "ContourData", "is no list of triples"),
    ("miscounted", |ds| ring(ds).put_str(tags::NUMBER_OF_CONTOUR_POINTS, "4"), ERROR, "NumberOfContourPoints", "is not the number"),
    ("two points", |ds| {
        ring(ds).put_str(tags::NUMBER_OF_CONTOUR_POINTS, "2");
        ring(ds).put_str(tags::CONTOUR_DATA, "1\\2\\3\\4\\5\\3");
    }, ERROR, "ContourData", "is a closed contour of fewer"),
    ("point", |ds| ring(ds).put_str(tags::CONTOUR_GEOMETRIC_TYPE, "POINT"), ERROR, "ContourData", "is a POINT of several"),
    ("closed twice", |ds| {
        ring(ds).put_str(tags::NUMBER_OF_CONTOUR_POINTS, "4");
        ring(ds).put_str(tags::CONTOUR_DATA, "0\\0\\5\\10\\0\\5\\0\\10\\5\\0\\0\\5");
    }, WARNING, "ContourData", "repeats the first point"),
    ("bent", |ds| {
        ring(ds).put_str(tags::NUMBER_OF_CONTOUR_POINTS, "4");
        ring(ds).put_str(tags::CONTOUR_DATA, "0\\0\\5\\10\\0\\5\\10\\10\\6\\0\\10\\5");
    }, ERROR, "ContourData", "does not lie in one plane"),
    ("mixed", |ds| {
        again(first(ds, tags::ROI_CONTOUR_SEQUENCE), tags::CONTOUR_SEQUENCE).put_str(tags::CONTOUR_GEOMETRIC_TYPE, "CLOSEDPLANAR_XOR");
    }, ERROR, "ContourSequence", "mixes CLOSEDPLANAR_XOR"),
    ("ROI number", |ds| _ = again(ds, tags::STRUCTURE_SET_ROI_SEQUENCE), ERROR, "ROINumber", "is the number of another ROI"),
    ("observation number", |ds| _ = again(ds, tags::RTROI_OBSERVATIONS_SEQUENCE), ERROR, "ObservationNumber", "is the number of another"),
    ("no such ROI", |ds| again(ds, tags::ROI_CONTOUR_SEQUENCE).put_str(tags::REFERENCED_ROI_NUMBER, "9"), ERROR, "ReferencedROINumber", "is the number of no ROI"),
    ("unobserved", |ds| again(ds, tags::STRUCTURE_SET_ROI_SEQUENCE).put_str(tags::ROI_NUMBER, "2"), WARNING, "RTROIObservationsSequence", "has no item"),
    ("related", |ds| {
        let related = vec![item(&[(tags::REFERENCED_ROI_NUMBER, "5")])];
        first(ds, tags::RTROI_OBSERVATIONS_SEQUENCE).put_items(tags::RT_RELATED_ROI_SEQUENCE, related);
    }, ERROR, "ReferencedROINumber", "leads to nothing"),
    ("frame", |ds| first(ds, tags::STRUCTURE_SET_ROI_SEQUENCE).put_str(tags::REFERENCED_FRAME_OF_REFERENCE_UID, "1.5"), ERROR, "ReferencedFrameOfReferenceUID", "is none of the frames"),
    ("own frame", |ds| ds.put_str(tags::FRAME_OF_REFERENCE_UID, "1.5"), WARNING, "FrameOfReferenceUID", "is none of the frames"),
    ("image", |ds| first(ring(ds), tags::CONTOUR_IMAGE_SEQUENCE).put_str(tags::REFERENCED_SOP_INSTANCE_UID, "1.7"), ERROR, "ContourImageSequence", "refers to an image that"),
    ("same UID", |ds| ds.put_str(tags::SOP_INSTANCE_UID, "1.2"), ERROR, "SOPInstanceUID", "is the UID of the series"),
];

#[test]
fn a_good_set_has_no_finding_and_every_fault_has_its_own() {
    assert_eq!(check(&good()), []);
    for (name, spoil, kind, attribute, text) in CASES {
        let mut ds = good();
        spoil(&mut ds);
        let found = check(&ds);
        let hit = found.iter().find(|f| f.attribute == *attribute && f.text.starts_with(text));
        let hit = hit.unwrap_or_else(|| panic!("{name}: {found:#?}"));
        assert_eq!(hit.kind, *kind, "{name}");
        assert!(hit.part.starts_with("PS3.") && hit.path.contains('('), "{name}: {hit:?}");
        let sentence = hit.to_string();
        assert!(sentence.contains(attribute) && sentence.contains(&hit.path), "{sentence}");
    }
}

#[test]
fn a_finding_names_its_roi_and_its_place() {
    let mut ds = good();
    ring(&mut ds).put_str(tags::NUMBER_OF_CONTOUR_POINTS, "4");
    let found = check(&ds);
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].path, "(3006,0039)[1] (3006,0040)[1] (3006,0046)");
    assert_eq!((found[0].roi.as_str(), found[0].roi_number, found[0].value.as_str()), ("GTV", Some(1), "4"));
}

#[test]
fn findings_are_compared_by_what_they_say_and_by_where_the_roi_came_from() {
    let mut ds = good();
    ring(&mut ds).put_str(tags::NUMBER_OF_CONTOUR_POINTS, "4");
    ds.put_str(tags::STUDY_TIME, "noon");
    let origin = |f: &Finding, set: usize| f.roi_number.map(|n| (set, n));
    let of = |ds: &DataSet, set: usize| check(ds).into_iter().map(|f| (origin(&f, set), f)).collect::<Vec<_>>();
    let before = of(&ds, 0);
    // The ROI stands elsewhere, the time is right now, a name is too long.
    again(&mut ds, tags::ROI_CONTOUR_SEQUENCE);
    first(&mut ds, tags::ROI_CONTOUR_SEQUENCE).put_str(tags::REFERENCED_ROI_NUMBER, "2");
    *ring(&mut ds) = contour("CLOSED_PLANAR", "3", "0\\0\\5\\10\\0\\5\\0\\10\\5");
    let other = again(&mut ds, tags::STRUCTURE_SET_ROI_SEQUENCE);
    other.put_str(tags::ROI_NUMBER, "2");
    other.put_str(tags::ROI_NAME, &"n".repeat(65));
    again(&mut ds, tags::RTROI_OBSERVATIONS_SEQUENCE).put_str(tags::REFERENCED_ROI_NUMBER, "2");
    ds.items_mut(tags::RTROI_OBSERVATIONS_SEQUENCE).expect("there")[1].put_str(tags::OBSERVATION_NUMBER, "2");
    ds.put_str(tags::STUDY_TIME, "12");
    let compared = Comparison::of(before, of(&ds, 0));
    let texts = |list: &[Finding]| list.iter().map(|f| f.attribute.clone()).collect::<Vec<_>>();
    assert_eq!(texts(&compared.introduced), ["ROIName"]);
    assert_eq!(texts(&compared.inherited), ["NumberOfContourPoints"]);
    assert_eq!(texts(&compared.repaired), ["StudyTime"]);
    assert_eq!(Comparison::errors(&compared.introduced), 1);
}
