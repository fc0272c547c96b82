//! Spatial registration objects (DICOM PS3.3 A.39.1, C.20.2): how frames of reference lie to each other, and the way
//! from one to another through any number of them.

use super::raw::DataSet;
use super::scan::{ScanError, look_through};
use crate::geometry::Rigid;
use crate::progress::Progress;
use crate::tf;
use crate::words::t;
use dicom_dictionary_std::tags;
use std::collections::{BTreeMap, VecDeque};
use std::path::{Path, PathBuf};

/// A rigid spatial registration (SOP class 1.2.840.10008.5.1.4.1.1.66.1).
#[derive(Debug, Clone)]
pub struct RegistrationFile {
    pub path: PathBuf,
    pub sop_instance_uid: String,
    /// The frame into which the others are moved.
    pub frame_of_reference_uid: String,
    /// Content Date and Time.
    pub moment: (String, String),
    /// Per frame of reference the motion into the object's own, or why it cannot be used.
    pub motions: Vec<(String, Result<Rigid, String>)>,
}

impl RegistrationFile {
    pub(super) fn of(path: &Path, ds: &DataSet) -> Self {
        let frame_of_reference_uid = ds.string(tags::FRAME_OF_REFERENCE_UID);
        let mut motions: Vec<(String, Result<Rigid, String>)> = Vec::new();
        for item in ds.items(tags::REGISTRATION_SEQUENCE) {
            let frame = item.string(tags::FRAME_OF_REFERENCE_UID);
            if !frame.is_empty() && motions.iter().all(|(f, _)| *f != frame) {
                motions.push((frame, motion(item)));
            }
        }
        if motions.iter().all(|(f, _)| *f != frame_of_reference_uid) {
            motions.push((frame_of_reference_uid.clone(), Ok(Rigid::IDENTITY)));
        }
        Self {
            path: path.to_owned(),
            sop_instance_uid: ds.string(tags::SOP_INSTANCE_UID),
            frame_of_reference_uid,
            moment: (ds.string(tags::CONTENT_DATE), ds.string(tags::CONTENT_TIME)),
            motions,
        }
    }
}

/// The matrices of one item of the Registration Sequence, applied one after the other (C.20.2.1.1). None at all
/// leaves the points where they are.
fn motion(item: &DataSet) -> Result<Rigid, String> {
    let mut all = Rigid::IDENTITY;
    for registration in item.items(tags::MATRIX_REGISTRATION_SEQUENCE) {
        for matrix in registration.items(tags::MATRIX_SEQUENCE) {
            let kind = matrix.string(tags::FRAME_OF_REFERENCE_TRANSFORMATION_MATRIX_TYPE);
            let rows = matrix
                .decimals_n::<16>(tags::FRAME_OF_REFERENCE_TRANSFORMATION_MATRIX)
                .ok_or(t("its Frame of Reference Transformation Matrix (3006,00C6) has not sixteen numbers"))?;
            // What counts is the matrix: some call a rigid one AFFINE.
            let next = Rigid::from_rows(rows).map_err(|e| match kind.as_str() {
                "" | "RIGID" => e.to_string(),
                other => tf!("{e} (type {kind}); only rigid registrations are used", e, kind = other),
            })?;
            all = next.after(&all);
        }
    }
    Ok(all)
}

/// Why files hold no registration from one frame of reference to another.
#[derive(Debug, thiserror::Error)]
pub enum RegistrationReadError {
    #[error(transparent)]
    Scan(#[from] ScanError),
    #[error("{}", crate::tf!("there is no rigid spatial registration (DICOM REG) here: {path}", path = path.display()))]
    NoRegistration { path: PathBuf },
    #[error("{}", crate::tf!("the registration cannot be used, {why}: {path}", why = .why, path = path.display()))]
    Unusable { why: String, path: PathBuf },
    #[error(
        "{}",
        crate::words::t(
            "one of the two CTs names no frame of reference, so no registration can be found for it; give its sixteen numbers"
        )
    )]
    NoFrame,
}

/// The motion from one frame of reference to another through the registrations of a file or folder.
///
/// # Errors
/// None there, a deformable one, or none that joins the two frames.
pub fn read_registration(
    path: &Path,
    from: &str,
    to: &str,
    progress: &dyn Progress,
) -> Result<Rigid, RegistrationReadError> {
    if from.is_empty() || to.is_empty() {
        return Err(RegistrationReadError::NoFrame);
    }
    let beside = look_through(&[path.to_owned()], progress)?.beside;
    let unusable = |why: String| RegistrationReadError::Unusable { why, path: path.to_owned() };
    if beside.registrations.is_empty() {
        let refused = beside.refused.first().map(|r| unusable(r.why.to_owned()));
        return Err(refused.unwrap_or_else(|| RegistrationReadError::NoRegistration { path: path.to_owned() }));
    }
    way(from, to, &beside.registrations).map(|way| way.motion).map_err(|_| {
        unusable(t("it does not join the frames of reference of the two CTs by rigid matrices").to_owned())
    })
}

/// The way from one frame of reference to another.
#[derive(Debug, Clone)]
pub(super) struct Way {
    pub motion: Rigid,
    /// How many registration objects it goes through.
    pub steps: usize,
    /// The first of them.
    pub first: PathBuf,
}

/// The shortest way between two frames, through newer registrations rather than older ones.
///
/// # Errors
/// Why there is none.
pub(super) fn way(from: &str, to: &str, registrations: &[RegistrationFile]) -> Result<Way, String> {
    let mut newest: Vec<&RegistrationFile> = registrations.iter().collect();
    newest.sort_by(|a, b| b.moment.cmp(&a.moment).then_with(|| a.path.cmp(&b.path)));
    let mut reached: BTreeMap<String, Way> = BTreeMap::new();
    let mut refusals = Vec::new();
    let start = Way { motion: Rigid::IDENTITY, steps: 0, first: PathBuf::new() };
    reached.insert(from.to_owned(), start);
    let mut open = VecDeque::from([from.to_owned()]);
    while let Some(frame) = open.pop_front() {
        let here = reached[&frame].clone();
        for registration in &newest {
            let Some((_, own_from_frame)) = registration.motions.iter().find(|(f, _)| *f == frame) else { continue };
            for (other, own_from_other) in registration.motions.iter().filter(|(f, _)| *f != frame) {
                if reached.contains_key(other) {
                    continue;
                }
                match (own_from_frame, own_from_other) {
                    (Ok(a), Ok(b)) => {
                        let step = b.inverse().after(a);
                        let first = if here.steps == 0 { registration.path.clone() } else { here.first.clone() };
                        let way = Way { motion: step.after(&here.motion), steps: here.steps + 1, first };
                        reached.insert(other.clone(), way);
                        open.push_back(other.clone());
                    }
                    (Err(why), _) | (_, Err(why)) if !refusals.contains(why) => refusals.push(why.clone()),
                    _ => {}
                }
            }
        }
    }
    reached.remove(to).ok_or_else(|| match refusals.as_slice() {
        [] => t("it lies in another frame of reference than the CT, and no registration joins the two").to_owned(),
        all => tf!("the registration to the CT cannot be used: {why}", why = all.join("; ")),
    })
}
