//! Writing a CT that is no DICOM yet as a series: a synthetic one, marked as such wherever a reader may look, or that
//! of a NIfTI file.

use super::charset::Charset;
use super::file::part10;
use super::meta::CtMeta;
use super::raw::{DataSet, Encoding, Value};
use super::value::{format_ds, limit, now};
use crate::image::CtVolume;
use crate::progress::{Cancelled, Progress};
use dicom_dictionary_std::{tags, uids};
use rayon::prelude::*;
use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

/// Why a series was not written.
#[derive(Debug, thiserror::Error)]
pub enum WriteCtError {
    #[error("{}", crate::tf!("the description lists {listed} slices, but the volume has {slices}", listed = .listed, slices = .slices))]
    SliceCount { listed: usize, slices: usize },
    #[error("{}", crate::tf!("a file of the series exists already; choose an empty folder: {path}", path = .0.display()))]
    Exists(PathBuf),
    #[error("{}", crate::tf!("the series cannot be written ({source}); choose another folder: {path}", source = .source, path = path.display()))]
    Io { source: std::io::Error, path: PathBuf },
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
}

/// Writes a volume as CT Image Storage, one file per slice, `CT_0001.dcm` upwards in the order of the
/// grid: 16 bit signed HU, Explicit VR Little Endian. `meta` must list every slice (its paths are not used).
/// Gives the paths in the order of the grid.
///
/// # Errors
/// [`WriteCtError`]; no existing file is overwritten.
pub fn write_ct_series(
    volume: &CtVolume,
    meta: &CtMeta,
    folder: &Path,
    progress: &dyn Progress,
) -> Result<Vec<PathBuf>, WriteCtError> {
    let slices = volume.grid.slices();
    if meta.slices.len() != slices {
        return Err(WriteCtError::SliceCount { listed: meta.slices.len(), slices });
    }
    std::fs::create_dir_all(folder).map_err(|source| WriteCtError::Io { source, path: folder.to_owned() })?;
    let (date, time) = now();
    let done = AtomicUsize::new(0);
    (0..slices)
        .into_par_iter()
        .map(|k| {
            progress.checkpoint()?;
            let path = folder.join(format!("CT_{:04}.dcm", k + 1));
            let bytes = part10(&slice_dataset(volume, meta, k, &date, &time), Encoding::ExplicitLe);
            let io = |source: std::io::Error| match source.kind() {
                std::io::ErrorKind::AlreadyExists => WriteCtError::Exists(path.clone()),
                _ => WriteCtError::Io { source, path: path.clone() },
            };
            let mut file = File::create_new(&path).map_err(io)?;
            file.write_all(&bytes).map_err(io)?;
            file.sync_all().map_err(io)?;
            progress.report(crate::words::t("Writing CT"), done.fetch_add(1, Ordering::Relaxed) + 1, slices);
            Ok(path)
        })
        .collect()
}

fn slice_dataset(volume: &CtVolume, meta: &CtMeta, k: usize, date: &str, time: &str) -> DataSet {
    let grid = &volume.grid;
    let mut ds = DataSet::default();
    let texts = [
        (tags::ACCESSION_NUMBER, meta.accession_number.as_str(), 16),
        (tags::MANUFACTURER, &meta.manufacturer, 64),
        (tags::REFERRING_PHYSICIAN_NAME, &meta.referring_physician, 64),
        (tags::STUDY_DESCRIPTION, &meta.study_description, 64),
        (tags::SERIES_DESCRIPTION, &meta.series_description, 64),
        (tags::MANUFACTURER_MODEL_NAME, &meta.model, 64),
        (
            tags::DERIVATION_DESCRIPTION,
            match (meta.is_synthetic, meta.from_nifti) {
                (true, _) => "Synthetic, made by a program; not a patient",
                (false, true) => "Made from a NIfTI file",
                (false, false) => "",
            },
            1024,
        ),
        (tags::PATIENT_NAME, &meta.patient.dicom_name, 324),
        (tags::PATIENT_ID, &meta.patient.id, 64),
        (tags::SOFTWARE_VERSIONS, crate::PROGRAM, 64),
        (tags::STUDY_ID, &meta.study_id, 16),
        (tags::POSITION_REFERENCE_INDICATOR, &meta.position_reference_indicator, 64),
        (tags::IMAGE_COMMENTS, crate::RESEARCH_ONLY, 10240),
    ];
    let ascii = texts.iter().all(|(_, text, _)| text.is_ascii());
    if !ascii {
        ds.put_str(tags::SPECIFIC_CHARACTER_SET, Charset::UTF8_CODE);
    }
    for (tag, text, length) in texts {
        ds.put(tag, Value::Bytes(limit(text, length).into_bytes()));
    }
    let numbers = |values: &[f64]| values.iter().map(|v| format_ds(*v)).collect::<Vec<_>>().join("\\");
    let origin = grid.patient_from_voxel(k, 0.0, 0.0).to_array();
    let directions = [grid.i_direction().to_array(), grid.j_direction().to_array()].concat();
    let slice = &meta.slices[k];
    for (tag, value) in [
        (
            tags::IMAGE_TYPE,
            if meta.is_synthetic { "DERIVED\\SECONDARY\\AXIAL\\SYNTHETIC" } else { "DERIVED\\SECONDARY\\AXIAL" },
        ),
        (tags::INSTANCE_CREATION_DATE, date),
        (tags::INSTANCE_CREATION_TIME, time),
        (tags::SOP_CLASS_UID, uids::CT_IMAGE_STORAGE),
        (tags::SOP_INSTANCE_UID, &slice.sop_instance_uid),
        (tags::STUDY_DATE, &meta.study_date),
        (tags::SERIES_DATE, &meta.study_date),
        (tags::CONTENT_DATE, &meta.study_date),
        (tags::STUDY_TIME, &meta.study_time),
        (tags::SERIES_TIME, &meta.study_time),
        (tags::CONTENT_TIME, &meta.study_time),
        (tags::MODALITY, "CT"),
        (tags::PATIENT_BIRTH_DATE, &meta.patient.birth_date),
        (tags::PATIENT_SEX, &meta.patient.sex),
        (tags::BODY_PART_EXAMINED, if meta.from_nifti { "" } else { "CHEST" }),
        (tags::SLICE_THICKNESS, &format_ds(grid.thickness_mm(k))),
        (tags::KVP, ""),
        (
            tags::PATIENT_POSITION,
            if meta.patient_position.is_empty() && !meta.from_nifti { "HFS" } else { &meta.patient_position },
        ),
        (tags::STUDY_INSTANCE_UID, &meta.study_instance_uid),
        (tags::SERIES_INSTANCE_UID, &meta.series_instance_uid),
        (tags::SERIES_NUMBER, "1"),
        (tags::ACQUISITION_NUMBER, ""),
        (tags::INSTANCE_NUMBER, &(k + 1).to_string()),
        (tags::IMAGE_POSITION_PATIENT, &numbers(&origin)),
        (tags::IMAGE_ORIENTATION_PATIENT, &numbers(&directions)),
        (tags::FRAME_OF_REFERENCE_UID, &meta.frame_of_reference_uid),
        (tags::PHOTOMETRIC_INTERPRETATION, "MONOCHROME2"),
        (tags::PIXEL_SPACING, &numbers(&[grid.spacing_j_mm(), grid.spacing_i_mm()])),
        (tags::WINDOW_CENTER, "40"),
        (tags::WINDOW_WIDTH, "400"),
        (tags::RESCALE_INTERCEPT, "0"),
        (tags::RESCALE_SLOPE, "1"),
        (tags::RESCALE_TYPE, "HU"),
    ] {
        ds.put_str(tag, value);
    }
    for (tag, value) in [
        (tags::SAMPLES_PER_PIXEL, 1),
        (tags::ROWS, grid.rows() as u16),
        (tags::COLUMNS, grid.columns() as u16),
        (tags::BITS_ALLOCATED, 16),
        (tags::BITS_STORED, 16),
        (tags::HIGH_BIT, 15),
        (tags::PIXEL_REPRESENTATION, 1),
    ] {
        ds.put_us(tag, value);
    }
    let pixels = volume.hu.index_axis(ndarray::Axis(0), k).iter().flat_map(|hu| hu.to_le_bytes()).collect();
    ds.put(tags::PIXEL_DATA, Value::Bytes(pixels));
    ds
}
