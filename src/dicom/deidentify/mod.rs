//! De-identification of CT, structure sets and what belongs to them by DICOM PS3.15 Annex E: the Basic
//! Application Level Confidentiality Profile with options, at every depth of sequences, with UIDs replaced
//! consistently over a whole run.
//!
//! What is not understood is not copied. Pixels and contours stay byte for byte.

mod apply;
mod identifiers;
mod options;
mod own_files;
mod pseudonym;
mod report;
mod source;
mod table;

pub use options::{Dates, DeidentifyOptions, check_identity};
pub use pseudonym::{Secret, SecretError};
pub use report::{Counts, DeidentifiedFile, DeidentifyReport, MethodCode, SkippedFile};

use super::value::Charset;
use crate::progress::{Cancelled, Progress};
use crate::words::{carried, keep, t};
use apply::Treatment;
use dicom_dictionary_std::{tags, uids};
use identifiers::Identifiers;
use own_files::OwnFile;
use rayon::prelude::*;
use source::CopyError;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

/// Why nothing was written.
#[derive(Debug, thiserror::Error)]
pub enum DeidentifyError {
    #[error("{}", crate::tf!("the path does not exist: {path}", path = .0.display()))]
    Missing(PathBuf),
    #[error("{}", crate::tf!("the output folder exists and is not empty; choose a new one: {path}", path = .0.display()))]
    OutputExists(PathBuf),
    #[error("{}", crate::tf!("the output folder lies in the source, which is never written to; choose one elsewhere: {path}", path = .0.display()))]
    OutputInSource(PathBuf),
    #[error("{}", crate::tf!("none of the {files} files can be de-identified; CT, PET, MR, RTSTRUCT, RTPLAN, RTDOSE, SEG, registrations and results of this program can{first}", files = .files, first = .first))]
    Nothing { files: usize, first: String },
    #[error("{}", crate::tf!("the files belong to {value} patients, who would become one; leave out the new patient ID and name, or do one patient at a time", value = .0))]
    SeveralPatients(usize),
    #[error("{}", crate::tf!("the output could not be written ({source}); check permissions and free space: {path}", source = .source, path = path.display()))]
    Io { source: std::io::Error, path: PathBuf },
    #[error("{}", crate::tf!("the report could not be written: {value}", value = .0))]
    Report(#[from] serde_json::Error),
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
}

/// Name of the report in the output folder.
pub const REPORT_FILE: &str = "report.json";

const UNREADABLE: &str = keep("unreadable");

const LIMITS: [&str; 5] = [
    keep(
        "pixels are copied byte for byte: text burned into them, comments within compressed pixels and a face that can be rebuilt are not looked for",
    ),
    keep("identifiers are searched for in kept text by the names and numbers that the files themselves declare"),
    keep("names of structures are kept where they hold none of these and no date"),
    keep(
        "of this program's results risk, features (JSON and CSV) and export proofs are covered; make reports and pictures again from the de-identified case",
    ),
    keep(
        "secondary captures, reports, presentation states, encapsulated documents and media directories are not covered and not copied",
    ),
];

/// What can be de-identified, and what its files are called.
fn kind(sop_class: &str) -> Option<&'static str> {
    Some(match sop_class {
        uids::CT_IMAGE_STORAGE | uids::ENHANCED_CT_IMAGE_STORAGE | uids::LEGACY_CONVERTED_ENHANCED_CT_IMAGE_STORAGE => {
            "CT"
        }
        uids::POSITRON_EMISSION_TOMOGRAPHY_IMAGE_STORAGE
        | uids::ENHANCED_PET_IMAGE_STORAGE
        | uids::LEGACY_CONVERTED_ENHANCED_PET_IMAGE_STORAGE => "PT",
        uids::MR_IMAGE_STORAGE | uids::ENHANCED_MR_IMAGE_STORAGE | uids::LEGACY_CONVERTED_ENHANCED_MR_IMAGE_STORAGE => {
            "MR"
        }
        uids::RT_STRUCTURE_SET_STORAGE => "RS",
        uids::RT_PLAN_STORAGE | uids::RT_ION_PLAN_STORAGE => "RP",
        uids::RT_DOSE_STORAGE => "RD",
        uids::SEGMENTATION_STORAGE => "SG",
        uids::SPATIAL_REGISTRATION_STORAGE | uids::DEFORMABLE_SPATIAL_REGISTRATION_STORAGE => "RE",
        _ => return None,
    })
}

/// A file that will be written.
struct Planned {
    path: PathBuf,
    kind: &'static str,
    content: Content,
    /// The new identity, which gives the order of the output: file names may tell something.
    order: (String, i32, String),
}

enum Content {
    Dicom { patient: String },
    Own(OwnFile),
}

enum Found {
    File(Box<Planned>, Identifiers),
    Skipped(SkippedFile),
}

/// De-identifies files and folders into a new folder. It appears as a whole or not at all; sources are
/// never written to. The report is written into it as well ([`REPORT_FILE`]).
///
/// # Errors
/// [`DeidentifyError`]; nothing was written then.
pub fn deidentify(
    paths: &[PathBuf],
    output: &Path,
    options: &DeidentifyOptions,
    secret: &Secret,
    progress: &dyn Progress,
) -> Result<DeidentifyReport, DeidentifyError> {
    let output = check_output(paths, output)?;
    let files = list(paths, progress)?;
    let done = AtomicUsize::new(0);
    let found: Vec<Found> = files
        .par_iter()
        .map(carried(|path: &PathBuf| {
            progress.checkpoint()?;
            let found = look_at(path, options, secret);
            progress.report(t("Reading headers"), done.fetch_add(1, Ordering::Relaxed) + 1, files.len());
            Ok(found)
        }))
        .collect::<Result<_, Cancelled>>()?;
    let (mut planned, mut skipped, mut identifiers) = (Vec::new(), Vec::new(), Identifiers::default());
    for found in found {
        match found {
            Found::File(file, names) => {
                planned.push(*file);
                identifiers.merge(names);
            }
            Found::Skipped(file) => skipped.push(file),
        }
    }
    if planned.is_empty() {
        let first = skipped.first().map(|s| crate::tf!("; the first: {skipped}", skipped = s)).unwrap_or_default();
        return Err(DeidentifyError::Nothing { files: files.len(), first });
    }
    let patients: BTreeSet<&str> = planned
        .iter()
        .filter_map(|p| match &p.content {
            Content::Dicom { patient } => Some(patient.as_str()),
            Content::Own(_) => None,
        })
        .collect();
    if patients.len() > 1 && (options.patient_id.is_some() || options.patient_name.is_some()) {
        return Err(DeidentifyError::SeveralPatients(patients.len()));
    }
    let patients = patients.len();
    planned.sort_by(|a, b| (a.kind, &a.order).cmp(&(b.kind, &b.order)));

    let parent = output.parent().unwrap_or(Path::new("."));
    let io = |source: std::io::Error| DeidentifyError::Io { source, path: output.clone() };
    std::fs::create_dir_all(parent).map_err(io)?;
    let partial = tempfile::Builder::new().prefix(".deidentify-").tempdir_in(parent).map_err(io)?;
    let (written, damaged) = write_all(planned, partial.path(), options, secret, &identifiers, progress)?;
    skipped.extend(damaged);
    if written.is_empty() {
        let first = skipped.first().map(|s| crate::tf!("; the first: {skipped}", skipped = s)).unwrap_or_default();
        return Err(DeidentifyError::Nothing { files: files.len(), first });
    }
    skipped.sort_by(|a, b| (a.reason, &a.path).cmp(&(b.reason, &b.path)));
    let mut totals = Counts::default();
    for file in &written {
        totals.add(&file.counts);
    }
    let report = DeidentifyReport {
        program: crate::PROGRAM,
        profile: "DICOM PS3.15 Annex E, Basic Application Level Confidentiality Profile",
        methods: options.codes().into_iter().map(|(code, meaning)| MethodCode { code, meaning }).collect(),
        patients,
        identifiers_searched: identifiers.count(),
        totals,
        files: written,
        skipped,
        limits: LIMITS.to_vec(),
    };
    let text = serde_json::to_vec_pretty(&report)?;
    std::fs::write(partial.path().join(REPORT_FILE), text).map_err(io)?;
    progress.checkpoint()?;
    put_in_place(partial, &output).map_err(io)?;
    Ok(report)
}

/// The absolute path of the output, which must be new and outside the sources.
fn check_output(paths: &[PathBuf], output: &Path) -> Result<PathBuf, DeidentifyError> {
    let absolute =
        std::path::absolute(output).map_err(|source| DeidentifyError::Io { source, path: output.to_owned() })?;
    // The part of the path that exists, with links resolved; the rest has none.
    let mut existing = absolute.as_path();
    while !existing.exists() {
        match existing.parent() {
            Some(parent) => existing = parent,
            None => break,
        }
    }
    let real = existing
        .canonicalize()
        .map_err(|source| DeidentifyError::Io { source, path: output.to_owned() })?
        .join(absolute.strip_prefix(existing).unwrap_or(Path::new("")));
    let is_free = match std::fs::read_dir(&absolute) {
        Ok(mut entries) => entries.next().is_none(),
        Err(_) => !absolute.exists() && !absolute.is_symlink(),
    };
    for path in paths {
        let source = path.canonicalize().map_err(|_| DeidentifyError::Missing(path.clone()))?;
        if source.is_dir() && real.starts_with(&source) {
            return Err(DeidentifyError::OutputInSource(output.to_owned()));
        }
    }
    if is_free { Ok(real) } else { Err(DeidentifyError::OutputExists(output.to_owned())) }
}

/// All files below the paths, each once.
fn list(paths: &[PathBuf], progress: &dyn Progress) -> Result<Vec<PathBuf>, DeidentifyError> {
    let (mut files, mut folders) = (BTreeSet::new(), BTreeSet::new());
    let mut left: Vec<PathBuf> = paths.to_vec();
    while let Some(path) = left.pop() {
        progress.checkpoint()?;
        let Ok(real) = path.canonicalize() else {
            // A link that leads nowhere is listed as unreadable later.
            files.insert(path);
            continue;
        };
        if !real.is_dir() {
            files.insert(real);
        } else if folders.insert(real.clone()) {
            let entries = std::fs::read_dir(&real).map_err(|source| DeidentifyError::Io { source, path: real })?;
            left.extend(entries.flatten().map(|e| e.path()));
        }
    }
    Ok(files.into_iter().collect())
}

/// First look at a file: what it is, whose it is, and which words must not be found later.
fn look_at(path: &Path, options: &DeidentifyOptions, secret: &Secret) -> Found {
    let skip =
        |reason: &'static str, detail: String| Found::Skipped(SkippedFile { path: path.to_owned(), reason, detail });
    let source = match source::open(path) {
        Err(source_error) => return skip(UNREADABLE, source_error.to_string()),
        Ok(None) => {
            return match own_files::recognize(path) {
                Some(own) => {
                    let order = (String::new(), 0, path.display().to_string());
                    let file = Planned { path: path.to_owned(), kind: own.kind(), content: Content::Own(own), order };
                    Found::File(Box::new(file), Identifiers::default())
                }
                None => skip(own_files::why_not(path), String::new()),
            };
        }
        Ok(Some(source)) => source,
    };
    let ds = &source.dataset;
    let sop_class = ds.string(tags::SOP_CLASS_UID);
    let Some(kind) = kind(&sop_class) else {
        return skip(keep("a kind of DICOM file that is not covered"), sop_class);
    };
    // Without them an image was cut off; a dose can be a dose volume histogram alone.
    if matches!(kind, "CT" | "PT" | "MR" | "SG") && !source.has_pixels() {
        return skip(UNREADABLE, crate::words::t("the image has no pixels").into());
    }
    let mut identifiers = Identifiers::new(options.keep_device);
    identifiers.collect(ds, &Charset::default());
    let id = ds.text(tags::PATIENT_ID, &Charset::of(ds, &Charset::default()));
    let patient = if id.is_empty() { ds.text(tags::PATIENT_NAME, &Charset::of(ds, &Charset::default())) } else { id };
    let order = (
        secret.uid(&ds.string(tags::SERIES_INSTANCE_UID)),
        ds.integer(tags::INSTANCE_NUMBER).unwrap_or(0),
        secret.uid(&ds.string(tags::SOP_INSTANCE_UID)),
    );
    Found::File(
        Box::new(Planned { path: path.to_owned(), kind, content: Content::Dicom { patient }, order }),
        identifiers,
    )
}

enum Outcome {
    Written(DeidentifiedFile),
    Damaged(SkippedFile),
}

fn write_all(
    planned: Vec<Planned>,
    folder: &Path,
    options: &DeidentifyOptions,
    secret: &Secret,
    identifiers: &Identifiers,
    progress: &dyn Progress,
) -> Result<(Vec<DeidentifiedFile>, Vec<SkippedFile>), DeidentifyError> {
    let mut numbers: BTreeMap<&str, usize> = BTreeMap::new();
    let named: Vec<(Planned, String)> = planned
        .into_iter()
        .map(|p| {
            let n = numbers.entry(p.kind).or_default();
            *n += 1;
            let ending = match &p.content {
                Content::Dicom { .. } => "dcm",
                Content::Own(own) => own.ending(),
            };
            let name = format!("{}.{n:06}.{ending}", p.kind);
            (p, name)
        })
        .collect();
    let total = named.len();
    let done = AtomicUsize::new(0);
    let outcomes: Vec<Outcome> = named
        .into_par_iter()
        .map(carried(|(planned, name): (Planned, String)| {
            progress.checkpoint()?;
            let target = folder.join(&name);
            let outcome = match &planned.content {
                Content::Dicom { patient } => {
                    write_dicom(&planned, patient, name, &target, options, secret, identifiers)
                }
                Content::Own(own) => write_own(own, &planned, name, &target, options, secret, identifiers),
            };
            progress.report(t("De-identifying"), done.fetch_add(1, Ordering::Relaxed) + 1, total);
            outcome
        }))
        .collect::<Result<_, DeidentifyError>>()?;
    let (mut written, mut damaged) = (Vec::new(), Vec::new());
    for outcome in outcomes {
        match outcome {
            Outcome::Written(file) => written.push(file),
            Outcome::Damaged(file) => damaged.push(file),
        }
    }
    Ok((written, damaged))
}

fn write_dicom(
    planned: &Planned,
    patient: &str,
    name: String,
    target: &Path,
    options: &DeidentifyOptions,
    secret: &Secret,
    identifiers: &Identifiers,
) -> Result<Outcome, DeidentifyError> {
    let damaged =
        |detail: String| Ok(Outcome::Damaged(SkippedFile { path: planned.path.clone(), reason: UNREADABLE, detail }));
    let mut source = match source::open(&planned.path) {
        Ok(Some(source)) => source,
        Ok(None) => return damaged(crate::words::t("it changed during the run").into()),
        Err(error) => return damaged(error.to_string()),
    };
    let label = secret.patient_label(patient);
    let treatment = Treatment {
        options,
        secret,
        identifiers,
        patient_id: options.patient_id.as_ref().unwrap_or(&label),
        patient_name: options.patient_name.as_ref().unwrap_or(&label),
        shift_days: match options.dates {
            Dates::Shift(days) => days,
            _ => secret.shift_days(patient),
        },
    };
    let mut applied = treatment.apply(&mut source.dataset);
    if source.is_converted {
        applied.warnings.insert(keep("stored in Explicit VR Little Endian; the pixel values are the same"));
    }
    match source.write(target) {
        Ok(()) => Ok(Outcome::Written(DeidentifiedFile {
            file: name,
            kind: planned.kind,
            counts: applied.counts,
            warnings: applied.warnings,
        })),
        Err(CopyError::Damaged) => {
            std::fs::remove_file(target).map_err(|source| DeidentifyError::Io { source, path: target.to_owned() })?;
            damaged(CopyError::Damaged.to_string())
        }
        Err(CopyError::Write(source)) => Err(DeidentifyError::Io { source, path: target.to_owned() }),
    }
}

fn write_own(
    own: &OwnFile,
    planned: &Planned,
    name: String,
    target: &Path,
    options: &DeidentifyOptions,
    secret: &Secret,
    identifiers: &Identifiers,
) -> Result<Outcome, DeidentifyError> {
    let (bytes, counts) = own.deidentified(secret, identifiers, options.keep_patient_characteristics)?;
    std::fs::write(target, bytes).map_err(|source| DeidentifyError::Io { source, path: target.to_owned() })?;
    Ok(Outcome::Written(DeidentifiedFile { file: name, kind: planned.kind, counts, warnings: BTreeSet::new() }))
}

/// Gives the finished folder its name.
fn put_in_place(partial: tempfile::TempDir, output: &Path) -> std::io::Result<()> {
    // Temporary folders are private; a result is as readable as other new ones.
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(partial.path(), std::fs::Permissions::from_mode(0o755))?;
    }
    // An empty folder of that name gives way.
    if output.is_dir() {
        std::fs::remove_dir(output)?;
    }
    std::fs::rename(partial.path(), output)?;
    // Its name is gone, so there is nothing left to remove.
    let _its_old_name = partial.keep();
    Ok(())
}
