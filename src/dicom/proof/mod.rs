//! Writing a structure set so that nothing is lost: a temporary file beside the target, synced, read
//! back, compared with what was on the screen, and only then given its name, with its proof beside it.

mod file;
mod later;
mod words;

pub use file::{PROOF_FORMAT, PROOF_VERSION, proof_path};
pub use later::{ProofCheck, ProofCheckError, check_export};
pub use words::ProofSection;

use crate::contour::{Ring, SliceContours, rasterize};
use crate::dicom::changes::{Change, changes};
use crate::dicom::conformance::{Comparison, Finding, Origin, check};
use crate::dicom::contours::Contour;
use crate::dicom::file::{part10, read_all};
use crate::dicom::raw::{DataSet, Encoding};
use crate::dicom::rtstruct_read::{
    LoadedStructureSet, StructureSetError, contour_items, contours_of, load_structure_set, sha256_hex,
};
use crate::dicom::rtstruct_write::{Composed, ComposedRoi, ExportRequest, Repair, compose};
use crate::structures::Roi;
use dicom_dictionary_std::tags;
use rayon::prelude::*;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Why nothing was written. The target is as it was before.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    #[error("{}", crate::words::t("there is no structure to export"))]
    Nothing,
    #[error("{}", crate::tf!("this file is one of the sources of the case and is never overwritten; choose another name: {path}", path = .0.display()))]
    WouldOverwriteSource(PathBuf),
    #[error("{}", crate::tf!("a file of this name exists; choose another name or allow it to be replaced: {path}", path = .0.display()))]
    Exists(PathBuf),
    #[error("{}", crate::tf!("the file cannot be written ({source}), and what was there before is untouched; make room or choose another folder: {path}", source = .source, path = path.display()))]
    Io { source: std::io::Error, path: PathBuf },
    #[error("{}", crate::tf!("the file that was written does not read back ({source}); nothing was kept: {path}", source = .source, path = path.display()))]
    ReadBack { source: StructureSetError, path: PathBuf },
    #[error("{}", crate::tf!("the file that was written is not what is on the screen ({why}); nothing was kept: {path}", why = .why, path = path.display()))]
    NotProven { why: String, path: PathBuf },
    #[error("{}", crate::tf!("the structure set was written and proved, but its proof could not be put beside it ({source}); the set is whole: {path}", source = .source, path = path.display()))]
    ProofNotKept { source: std::io::Error, path: PathBuf },
}

/// What the file holds for one ROI, compared with the case.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct RoiProof {
    pub name: String,
    /// ROI Number in the file.
    pub number: i32,
    /// Contours and points in the file, also those that fill no slice.
    pub contours: usize,
    pub points: usize,
    /// Contours that came over from the source byte for byte.
    pub contours_identical: usize,
    /// Voxels of the case, and voxels that differ after reading back (0).
    pub voxels: u64,
    pub voxels_different: u64,
    pub volume_cm3: f64,
    /// Largest distance of a vertex read back from where it was, mm.
    pub largest_deviation_mm: f64,
}

/// A structure set from which ROIs came.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct ProofSource {
    pub sop_instance_uid: String,
    /// SHA-256 of the file, hexadecimal.
    pub sha256: String,
}

/// Evidence that an exported file holds what was on the screen.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct ExportProof {
    /// What this is, the version of its form, and the program that wrote it.
    pub format: String,
    pub version: u32,
    pub program: String,
    pub path: PathBuf,
    pub sop_instance_uid: String,
    /// SHA-256 of the file, hexadecimal, and its length.
    pub sha256: String,
    pub bytes: usize,
    /// The structure sets from which ROIs came, the one that was edited first.
    pub sources: Vec<ProofSource>,
    pub rois: Vec<RoiProof>,
    pub contours: usize,
    pub points: usize,
    pub rings_identical: usize,
    pub voxels_different: u64,
    pub largest_deviation_mm: f64,
    /// Every attribute that differs from the source, repairs included; empty without source.
    pub attributes_changed: Vec<Change>,
    /// Headers and references that the source had wrong and that are right now.
    pub repairs: Vec<Repair>,
    /// The check of the RT Structure Set IOD, against the same check of the sources.
    pub conformance: Comparison,
    /// What was left out or changed on the way.
    pub notes: Vec<String>,
}

/// Writes the structures of a case as a new structure set and proves the file. Atomic: either the whole,
/// proven file is there afterwards, or the target is as it was. The proof lies beside it ([`proof_path`]).
///
/// # Errors
/// [`ExportError`].
pub fn export_structure_set(request: &ExportRequest, path: &Path) -> Result<ExportProof, ExportError> {
    if request.structures.rois.is_empty() {
        return Err(ExportError::Nothing);
    }
    file::check_target(request, path)?;
    let composed = compose(request);
    let bytes = part10(&composed.dataset, Encoding::ImplicitLe);
    file::put_both(request, path, &bytes, |written| prove(request, &composed, &bytes, written, path))
}

fn prove(
    request: &ExportRequest,
    composed: &Composed,
    written: &[u8],
    file: &Path,
    target: &Path,
) -> Result<ExportProof, ExportError> {
    let not_proven = |why: String| ExportError::NotProven { why, path: target.to_owned() };
    let loaded = load_structure_set(file, request.grid, request.ct, 0)
        .map_err(|source| ExportError::ReadBack { source, path: target.to_owned() })?;
    let sha256 = sha256_hex(written);
    if loaded.source.sha256 != sha256 {
        return Err(not_proven("the disk gives back other bytes".into()));
    }
    let (_, on_disk) = read_all(file).map_err(|source| ExportError::ReadBack {
        source: StructureSetError::Read { source, path: file.to_owned() },
        path: target.to_owned(),
    })?;
    let contour_items = contour_items(&on_disk.dataset);
    let contours = |number: i32| contour_items.get(&number).map(|i| contours_of(i)).unwrap_or_default();
    let rois: Vec<RoiProof> = composed
        .rois
        .par_iter()
        .map(|roi| {
            prove_name(request, roi, &on_disk.dataset).map_err(not_proven)?;
            prove_roi(request, roi, &loaded, &contours(roi.number)).map_err(not_proven)
        })
        .collect::<Result<_, _>>()?;
    let attributes_changed =
        composed.base.map_or_else(Vec::new, |base| changes(base, request.sources, &on_disk.dataset, &composed.rois));
    let conformance = conformance(request, composed, &on_disk.dataset);
    let used = |set: &usize| composed.rois.iter().any(|r| r.source.is_some_and(|s| s.0 == *set));
    let sources = (0..request.sources.len()).filter(used).map(|set| ProofSource {
        sop_instance_uid: request.sources[set].sop_instance_uid.clone(),
        sha256: request.sources[set].sha256.clone(),
    });
    Ok(ExportProof {
        format: PROOF_FORMAT.to_owned(),
        version: PROOF_VERSION,
        program: crate::PROGRAM.to_owned(),
        path: target.to_owned(),
        sop_instance_uid: loaded.source.sop_instance_uid.clone(),
        sha256,
        bytes: written.len(),
        sources: sources.collect(),
        contours: rois.iter().map(|r| r.contours).sum(),
        points: rois.iter().map(|r| r.points).sum(),
        rings_identical: rois.iter().map(|r| r.contours_identical).sum(),
        voxels_different: rois.iter().map(|r| r.voxels_different).sum(),
        largest_deviation_mm: rois.iter().map(|r| r.largest_deviation_mm).fold(0.0, f64::max),
        rois,
        attributes_changed,
        repairs: composed.repairs.clone(),
        conformance,
        notes: composed.notes.clone(),
    })
}

/// A name that nobody changed must be the source's byte for byte.
fn prove_name(request: &ExportRequest, composed: &ComposedRoi, on_disk: &DataSet) -> Result<(), String> {
    let Some((set, number)) = composed.source.filter(|_| composed.name_kept) else { return Ok(()) };
    let name = |ds: &DataSet, number: i32| {
        let items = ds.items(tags::STRUCTURE_SET_ROI_SEQUENCE).iter();
        let item = items.into_iter().find(|i| i.integer(tags::ROI_NUMBER) == Some(number));
        item.and_then(|i| i.bytes(tags::ROI_NAME)).unwrap_or_default().trim_ascii_end().to_vec()
    };
    if name(on_disk, composed.number) == name(&request.sources[set].dataset, number) {
        Ok(())
    } else {
        Err(format!("the name of \"{}\" differs in its bytes", request.structures.rois[composed.index].name))
    }
}

fn prove_roi(
    request: &ExportRequest,
    composed: &ComposedRoi,
    loaded: &LoadedStructureSet,
    items: &[&DataSet],
) -> Result<RoiProof, String> {
    let roi = &request.structures.rois[composed.index];
    let back = loaded
        .summaries
        .iter()
        .position(|s| s.number == composed.number)
        .map(|at| &loaded.rois[at])
        .ok_or_else(|| format!("\"{}\" is missing", roi.name))?;
    let mut contours_identical = 0;
    if let Some((set, number)) = composed.source {
        let source = contour_items_of(request, set, number);
        for (new, old) in &composed.kept {
            let same = matches!((items.get(*new), source.get(*old)),
                (Some(a), Some(b)) if a.bytes(tags::CONTOUR_DATA) == b.bytes(tags::CONTOUR_DATA)
                    && a.items(tags::CONTOUR_IMAGE_SEQUENCE) == b.items(tags::CONTOUR_IMAGE_SEQUENCE));
            if !same {
                return Err(format!("an untouched contour of \"{}\" differs", roi.name));
            }
            contours_identical += 1;
        }
    }
    let (mask, mask_back) = (rasterize(request.grid, &roi.slices), rasterize(request.grid, &back.slices));
    let voxels_different = mask.combine(&mask_back, |a, b| a ^ b).count();
    if voxels_different > 0 {
        return Err(format!("\"{}\" differs in {voxels_different} voxels after reading back", roi.name));
    }
    let largest_deviation_mm = largest_deviation_mm(roi, back)?;
    if largest_deviation_mm > 2.0 * Ring::STEP_MM {
        return Err(format!("a contour of \"{}\" moved by {largest_deviation_mm:.4} mm", roi.name));
    }
    Ok(RoiProof {
        name: roi.name.clone(),
        number: composed.number,
        contours: items.len(),
        points: items.iter().map(|i| Contour::of(i).points.len()).sum(),
        contours_identical,
        voxels: mask.count(),
        voxels_different,
        volume_cm3: mask.volume_cm3(request.grid),
        largest_deviation_mm,
    })
}

fn contour_items_of<'a>(request: &ExportRequest<'a>, set: usize, number: i32) -> Vec<&'a DataSet> {
    let source = request.sources.get(set);
    source.and_then(|s| contour_items(&s.dataset).remove(&number)).map(|i| contours_of(&i)).unwrap_or_default()
}

/// Pairs the rings of every slice and gives the largest distance of two corresponding vertices.
fn largest_deviation_mm(roi: &Roi, back: &Roi) -> Result<f64, String> {
    let mut largest = 0.0_f64;
    for (k, contours) in &roi.slices {
        let mut free: Vec<&Ring> = rings_of(&back.slices, *k).iter().collect();
        for ring in &contours.rings {
            let best = free
                .iter()
                .enumerate()
                .filter(|(_, other)| other.points().len() == ring.points().len())
                .map(|(at, other)| (at, ring_distance_mm(ring, other)))
                .min_by(|a, b| a.1.total_cmp(&b.1));
            match best {
                Some((at, distance_mm)) => {
                    largest = largest.max(distance_mm);
                    free.swap_remove(at);
                }
                // Left out on purpose, and noted.
                None if ring.points().len() < 3 => {}
                None => return Err(format!("a ring of \"{}\" is missing", roi.name)),
            }
        }
        if !free.is_empty() {
            return Err(format!("\"{}\" has {} rings too many on a slice", roi.name, free.len()));
        }
    }
    Ok(largest)
}

fn rings_of(slices: &BTreeMap<usize, Arc<SliceContours>>, k: usize) -> &[Ring] {
    slices.get(&k).map_or(&[][..], |s| s.rings.as_slice())
}

fn ring_distance_mm(a: &Ring, b: &Ring) -> f64 {
    a.points().iter().zip(b.points()).map(|(p, q)| (p[0] - q[0]).hypot(p[1] - q[1])).fold(0.0, f64::max)
}

/// What the standard says of the file and of its sources. Of sources that only lent ROIs, what is about those counts.
fn conformance(request: &ExportRequest, composed: &Composed, on_disk: &DataSet) -> Comparison {
    let origins: BTreeMap<i32, (usize, i32)> =
        composed.rois.iter().filter_map(|r| Some((r.number, r.source?))).collect();
    let after = check(on_disk).into_iter().map(|f| (f.roi_number.and_then(|n| origins.get(&n).copied()), f)).collect();
    let mut before: Vec<(Origin, Finding)> = Vec::new();
    for (set, source) in request.sources.iter().enumerate() {
        let is_base = composed.base == Some(set);
        if !is_base && !origins.values().any(|o| o.0 == set) {
            continue;
        }
        let found = check(&source.dataset).into_iter();
        let found = found.filter(|f| is_base || f.roi_number.is_some_and(|n| origins.values().any(|o| *o == (set, n))));
        before.extend(found.map(|f| (f.roi_number.map(|n| (set, n)), f)));
    }
    Comparison::of(before, after)
}
