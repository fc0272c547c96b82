//! Checking an exported file against its proof, any time later.

use super::file::read_proof;
use super::{ExportProof, proof_path};
use crate::dicom::conformance::{Comparison, Finding, check};
use crate::dicom::contours::Contour;
use crate::dicom::rtstruct_read::{SourceStructureSet, StructureSetError, contour_items, contours_of};
use dicom_dictionary_std::tags;
use rayon::prelude::*;
use std::path::{Path, PathBuf};

/// Why a file cannot be checked against a proof.
#[derive(Debug, thiserror::Error)]
pub enum ProofCheckError {
    #[error("{}", crate::tf!("there is no proof beside this structure set (looked for {path}); name it with --proof: {path2}", path = proof.display(), path2 = path.display()))]
    NoProof { path: PathBuf, proof: PathBuf },
    #[error("{}", crate::tf!("this file is no export proof that can be read ({why}): {path}", why = .why, path = path.display()))]
    NotAProof { why: String, path: PathBuf },
    #[error(transparent)]
    Set(#[from] StructureSetError),
}

/// What an exported file is today, beside what its proof says.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct ProofCheck {
    pub path: PathBuf,
    pub proof: PathBuf,
    /// The program that wrote the proof.
    pub program: String,
    /// True if nothing differs.
    pub agrees: bool,
    /// SHA-256 of the file now, and whether it is that of the proof.
    pub sha256: String,
    pub sha256_same: bool,
    pub rois: usize,
    pub contours: usize,
    pub points: usize,
    /// In sentences.
    pub differences: Vec<String>,
    /// Errors and warnings of the check of the RT Structure Set IOD.
    pub errors: usize,
    pub warnings: usize,
    pub findings: Vec<Finding>,
}

/// Reads an exported structure set and its proof (the one beside it, or another), and compares: SHA-256, UID,
/// ROIs, contours and points, conformance.
///
/// # Errors
/// [`ProofCheckError`].
pub fn check_export(path: &Path, proof: Option<&Path>) -> Result<ProofCheck, ProofCheckError> {
    let proof_file = proof.map_or_else(|| proof_path(path), Path::to_owned);
    let set = SourceStructureSet::open(path)?;
    if !proof_file.exists() {
        return Err(ProofCheckError::NoProof { path: path.to_owned(), proof: proof_file });
    }
    let proof = read_proof(&proof_file).map_err(|why| ProofCheckError::NotAProof { why, path: proof_file.clone() })?;
    let findings = check(&set.dataset);
    let errors = Comparison::errors(&findings);
    let counts = counts(&set);
    let mut check = ProofCheck {
        path: path.to_owned(),
        proof: proof_file,
        program: proof.program.clone(),
        agrees: false,
        sha256_same: set.sha256 == proof.sha256,
        sha256: set.sha256.clone(),
        rois: counts.len(),
        contours: counts.iter().map(|c| c.contours).sum(),
        points: counts.iter().map(|c| c.points).sum(),
        differences: Vec::new(),
        errors,
        warnings: findings.len() - errors,
        findings,
    };
    check.differences = differences(&check, &set, &counts, &proof);
    check.agrees = check.differences.is_empty();
    Ok(check)
}

/// One ROI of the file as it is now.
struct Count {
    number: i32,
    name: String,
    contours: usize,
    points: usize,
}

fn counts(set: &SourceStructureSet) -> Vec<Count> {
    let items = contour_items(&set.dataset);
    let rois: Vec<_> = set.dataset.items(tags::STRUCTURE_SET_ROI_SEQUENCE).iter().collect();
    rois.par_iter()
        .filter_map(|roi| {
            let number = roi.integer(tags::ROI_NUMBER)?;
            let contours = items.get(&number).map(|i| contours_of(i)).unwrap_or_default();
            let points = contours.iter().map(|c| Contour::of(c).points.len()).sum();
            Some(Count { number, name: set.roi_name(roi), contours: contours.len(), points })
        })
        .collect()
}

fn differences(check: &ProofCheck, set: &SourceStructureSet, now: &[Count], proof: &ExportProof) -> Vec<String> {
    let mut found = Vec::new();
    let mut say = |what: &str, now: &str, then: &str| {
        if now != then {
            found.push(format!("{what}: now {now}, in the proof {then}"));
        }
    };
    if !check.sha256_same {
        say("SHA-256 of the file", &check.sha256, &proof.sha256);
    }
    // A proof without identifiers has neither UIDs nor names.
    if !proof.sop_instance_uid.is_empty() {
        say("SOP Instance UID", &set.sop_instance_uid, &proof.sop_instance_uid);
    }
    for then in &proof.rois {
        let label = if then.name.is_empty() { format!("ROI {}", then.number) } else { format!("\"{}\"", then.name) };
        let Some(roi) = now.iter().find(|c| c.number == then.number) else {
            say(&label, "not there", "there");
            continue;
        };
        if !then.name.is_empty() {
            say(&format!("Name of ROI {}", then.number), &roi.name, &then.name);
        }
        say(&format!("Contours of {label}"), &roi.contours.to_string(), &then.contours.to_string());
        say(&format!("Points of {label}"), &roi.points.to_string(), &then.points.to_string());
    }
    let new = now.iter().filter(|c| proof.rois.iter().all(|then| then.number != c.number));
    for roi in new {
        say(&format!("\"{}\"", roi.name), "there", "not there");
    }
    let listed = Comparison::errors(&proof.conformance.introduced) + Comparison::errors(&proof.conformance.inherited);
    say("Errors of conformance", &check.errors.to_string(), &listed.to_string());
    found
}
