//! Texts of every character set on their way into a set.

use super::super::rtstruct_read::generation;
use super::*;
use crate::structures::{Provenance, RoiId, Role};
use dicom_dictionary_std::uids;

const YAMADA: &[u8] =
    b"\xd4\xcf\xc0\xde^\xc0\xdb\xb3=\x1b$B;3ED\x1b(J^\x1b$BB@O:\x1b(J=\x1b$B$d$^$@\x1b(J^\x1b$B$?$m$&\x1b(J";
const YAMADA_TEXT: &str = "ﾔﾏﾀﾞ^ﾀﾛｳ=山田^太郎=やまだ^たろう";

/// A CT whose header has this character set and patient name.
fn ct(charset: &str, name: &[u8]) -> CtMeta {
    let mut header = DataSet::default();
    header.put_str(tags::SPECIFIC_CHARACTER_SET, charset);
    header.put(tags::PATIENT_NAME, Value::Bytes(name.to_vec()));
    header.put_str(tags::FRAME_OF_REFERENCE_UID, "1.2.3");
    CtMeta::from_header(&header)
}

fn composed(ct: &CtMeta, rois: Vec<Roi>, sources: &[Arc<SourceStructureSet>], label: &str) -> DataSet {
    let grid = VoxelGrid::axial(glam::DVec3::ZERO, [1.0, 1.0, 2.0], [16, 16, 8]).expect("a grid");
    let structures = StructureSet { rois };
    let request = ExportRequest {
        ct,
        grid: &grid,
        structures: &structures,
        sources,
        label,
        description: "",
        overwrite: false,
        hide_identifiers: false,
    };
    compose(&request).dataset
}

fn drawn(name: &str) -> Roi {
    Roi::new(RoiId(1), name, [1, 2, 3], Role::Gtvp, Provenance::Drawn)
}

#[test]
fn the_patient_name_of_a_new_set_is_that_of_the_ct_byte_for_byte() {
    let cases: [(&str, &[u8], &str); 4] = [
        ("ISO 2022 IR 13\\ISO 2022 IR 87", YAMADA, YAMADA_TEXT),
        ("GB18030", b"Wang^XiaoDong=\xcd\xf5^\xd0\xa1\xb6\xab=", "Wang^XiaoDong=王^小东="),
        ("\\ISO 2022 IR 149", b"Hong^Gildong=\x1b$)C\xfb\xf3^\x1b$)C\xd1\xce\xd4\xd7=", "Hong^Gildong=洪^吉洞="),
        ("ISO_IR 100", b"M\xfcller^J\xf6rg", "Müller^Jörg"),
    ];
    for (code, name, text) in cases {
        let ct = ct(code, name);
        assert_eq!(ct.patient.dicom_name, text);
        let ds = composed(&ct, vec![drawn("GTVp")], &[], "set");
        assert_eq!(ds.string(tags::SPECIFIC_CHARACTER_SET), code);
        assert_eq!(ds.bytes(tags::PATIENT_NAME), Some(name), "{code}");
        // A name of an ROI that does not fit makes the whole set UTF-8, the patient included.
        if code == "GB18030" {
            continue; // holds everything
        }
        let ds = composed(&ct, vec![drawn("Ödem 肺 폐")], &[], "set");
        assert_eq!(ds.string(tags::SPECIFIC_CHARACTER_SET), Charset::UTF8_CODE);
        assert_eq!(ds.bytes(tags::PATIENT_NAME), Some(text.as_bytes()), "{code}");
    }
}

/// A structure set in this character set with one ROI.
fn source(charset: &str, name: &[u8], description: &[u8]) -> Arc<SourceStructureSet> {
    let mut item = DataSet::default();
    item.put_str(tags::ROI_NUMBER, "3");
    item.put_str(tags::REFERENCED_FRAME_OF_REFERENCE_UID, "1.2.3");
    item.put(tags::ROI_NAME, Value::Bytes(name.to_vec()));
    let mut ds = DataSet::default();
    ds.put_str(tags::SPECIFIC_CHARACTER_SET, charset);
    ds.put_str(tags::SOP_CLASS_UID, uids::RT_STRUCTURE_SET_STORAGE);
    ds.put(tags::PATIENT_NAME, Value::Bytes(YAMADA.to_vec()));
    ds.put(tags::STRUCTURE_SET_DESCRIPTION, Value::Bytes(description.to_vec()));
    ds.put_items(tags::STRUCTURE_SET_ROI_SEQUENCE, vec![item]);
    let charset = Charset::of(&ds, &Charset::default());
    Arc::new(SourceStructureSet {
        path: "source.dcm".into(),
        label: "source".into(),
        sop_instance_uid: "1.2.4".into(),
        series_instance_uid: "1.2.5".into(),
        sha256: String::new(),
        dataset: ds,
        charset,
    })
}

fn imported(source: &SourceStructureSet) -> Roi {
    let item = &source.dataset.items(tags::STRUCTURE_SET_ROI_SEQUENCE)[0];
    let link = crate::structures::SourceRoi { set: 0, number: 3 };
    Roi { source: Some(link), generation: generation(item), ..drawn(&source.roi_name(item)) }
}

#[test]
fn texts_that_nobody_changed_keep_their_bytes_whatever_they_mean() {
    let kanji: &[u8] = b"\x1b$B?)F;\x1b(J";
    // A name that its own character set cannot decode does no harm to the others.
    for (code, name) in [("ISO 2022 IR 13\\ISO 2022 IR 87", kanji), ("ISO_IR 192", b"\xff\xfe"), ("GB18030", b"A\xff")]
    {
        let source = source(code, name, kanji);
        let roi = imported(&source);
        let ds = composed(&ct("", b"P"), vec![roi, drawn("Lung_L")], &[Arc::clone(&source)], "checked");
        assert_eq!(ds.string(tags::SPECIFIC_CHARACTER_SET), code);
        assert_eq!(ds.bytes(tags::PATIENT_NAME), Some(YAMADA), "{code}");
        assert_eq!(ds.items(tags::STRUCTURE_SET_ROI_SEQUENCE)[0].bytes(tags::ROI_NAME), Some(name), "{code}");
        let description = ds.bytes(tags::STRUCTURE_SET_DESCRIPTION).expect("there");
        assert!(description.starts_with(kanji) && description.ends_with(crate::RESEARCH_ONLY.as_bytes()));
    }
}

#[test]
fn where_a_new_text_needs_utf_8_only_bytes_that_mean_nothing_stay() {
    let source = source("ISO 2022 IR 13\\ISO 2022 IR 87", b"\xd4\x1b$B\x7e\x7e\x1b(J", b"");
    let roi = imported(&source);
    let ds = composed(&ct("", b"P"), vec![roi, drawn("縦隔")], &[Arc::clone(&source)], "checked");
    assert_eq!(ds.string(tags::SPECIFIC_CHARACTER_SET), Charset::UTF8_CODE);
    assert_eq!(ds.bytes(tags::PATIENT_NAME), Some(YAMADA_TEXT.as_bytes()));
    let items = ds.items(tags::STRUCTURE_SET_ROI_SEQUENCE);
    assert_eq!(items[0].bytes(tags::ROI_NAME), Some(&b"\xd4\x1b$B\x7e\x7e\x1b(J"[..]));
    assert_eq!(items[1].bytes(tags::ROI_NAME), Some("縦隔".as_bytes()));
}

#[test]
fn bytes_that_the_ct_does_not_declare_and_names_changed_since_are_written_as_utf_8() {
    let undeclared = ct("", b"M\xfcller^J\xf6rg");
    let ds = composed(&undeclared, vec![drawn("GTVp")], &[], "set");
    assert_eq!(ds.bytes(tags::PATIENT_NAME), Some("Müller^Jörg".as_bytes()));
    assert_eq!(ds.string(tags::SPECIFIC_CHARACTER_SET), Charset::UTF8_CODE);
    let mut hidden = ct("ISO_IR 100", b"M\xfcller^J\xf6rg");
    hidden.patient.dicom_name = "Anonymous".into();
    let ds = composed(&hidden, vec![drawn("GTVp")], &[], "set");
    assert_eq!(ds.bytes(tags::PATIENT_NAME), Some(&b"Anonymous"[..]));
}
