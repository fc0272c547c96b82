//! What jobs hand over, and how it enters the case: one edit each.

use super::edit::Source;
use super::{Case, Change, Edit, EditPolicy, RoiAttributes, Trouble};
use crate::anatomy::CtvProposal;
use crate::contour::Slices;
use crate::diunet::{SegmentError, Segmentation};
use crate::import::LoadedSet;
use crate::structures::{
    Derivation, Generation, Provenance, Roi, RoiId, Role, Station, free_name, role_color, station_color,
};
use crate::tf;
use crate::words::keep;
use crate::workbench::jobs::JobError;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

pub(super) fn segment_error(error: SegmentError) -> JobError {
    match error {
        SegmentError::Cancelled => JobError::Cancelled,
        other => JobError::Failed(Trouble::of(&other)),
    }
}

/// An error with its causes in one line.
pub fn error_chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        let next_text = next.to_string();
        if !text.contains(&next_text) {
            text.push_str(": ");
            text.push_str(&next_text);
        }
        cause = next.source();
    }
    text
}

/// Stations that were drawn all at once, and how they enter a case.
pub(super) struct NewStations<'a> {
    pub slices: &'a [Slices; Station::COUNT],
    pub provenance: &'a dyn Fn(Station) -> Provenance,
    /// Where an earlier result of the same kind came from.
    pub is_former: &'a dyn Fn(&Provenance) -> bool,
    /// What the name begins with where the case has a station of its own.
    pub beside: &'a str,
    /// Of the step.
    pub label: &'static str,
}

/// The edit by which [`NewStations`] enter a case.
pub(super) struct EnteredStations {
    pub edit: Edit,
    pub drawn: usize,
    /// How many of them stand beside a station that was there.
    pub beside: usize,
}

/// True for a station of an earlier run that is as the run left it, contours and all that is said about it: a new run may
/// replace it.
fn is_untouched(roi: &Roi, wanted: &NewStations<'_>, policy: &EditPolicy) -> bool {
    (wanted.is_former)(&roi.provenance)
        && roi.generation == Generation::Automatic
        // What came from a file was kept by somebody.
        && roi.source.is_none()
        && !policy.locked.contains(&roi.id)
        && Station::all().any(|station| {
            let (name, beside) = match roi.name.strip_prefix(wanted.beside) {
                Some(name) => (name, true),
                None => (roi.name.as_str(), false),
            };
            let number = name.strip_prefix(station.export_name()).map(str::trim_start);
            let named = number.is_some_and(|n| n.chars().all(|c| c.is_ascii_digit()));
            let role = if beside { Role::Other } else { Role::Station(station) };
            named && roi.role == role && roi.color == station_color(station)
        })
}

/// Stations enter a case as one edit. Those of an earlier run are replaced unless somebody corrected, locked, renamed or
/// recoloured them. Where the case has a station of its own, imported or corrected, the new one enters beside it under
/// another name with the role Other, so that features never mix the two.
pub(super) fn stations_edit(case: &mut Case, wanted: &NewStations<'_>, policy: &EditPolicy) -> EnteredStations {
    let mut changes = Vec::new();
    let mut kept: Vec<Roi> = Vec::new();
    for (index, roi) in case.structures().rois.iter().enumerate().rev() {
        if is_untouched(roi, wanted, policy) {
            changes.push(Change::Remove { index, roi: Arc::new(roi.clone()) });
        } else {
            kept.push(roi.clone());
        }
    }
    let (mut drawn, mut beside) = (0, 0);
    let mut index = kept.len();
    for station in Station::all() {
        let slices = &wanted.slices[station.index()];
        if slices.is_empty() {
            continue;
        }
        let taken = kept.iter().any(|r| r.role == Role::Station(station));
        let prefix = if taken { wanted.beside } else { "" };
        let name = free_name(&format!("{prefix}{}", station.export_name()), |n| kept.iter().any(|r| r.name == n));
        let role = if taken { Role::Other } else { Role::Station(station) };
        beside += usize::from(taken);
        drawn += 1;
        let mut roi = Roi::new(case.new_id(), name, station_color(station), role, (wanted.provenance)(station));
        roi.slices.clone_from(slices);
        changes.push(Change::Add { index, roi: Arc::new(roi) });
        index += 1;
    }
    EnteredStations { edit: Edit::new(wanted.label, changes), drawn, beside }
}

/// The edit by which a network's stations enter the case, and a sentence for the user.
pub fn segmentation_edit(case: &mut Case, segmentation: &Segmentation, policy: &EditPolicy) -> (Edit, String) {
    let wanted = NewStations {
        slices: &segmentation.stations,
        provenance: &|_| segmentation.provenance.clone(),
        is_former: &|provenance| matches!(provenance, Provenance::Network { .. }),
        beside: "zAI_",
        label: keep("Contour stations with DiUnet"),
    };
    let EnteredStations { edit, drawn, beside } = stations_edit(case, &wanted, policy);
    let mut summary = tf!(
        "DiUnet contoured {drawn} of 16 stations on {slices} slices in {seconds:.1} s",
        drawn,
        slices = segmentation.slices_run.len(),
        seconds = segmentation.seconds
    );
    if segmentation.slices_recalled > 0 {
        let recalled = segmentation.slices_recalled;
        summary.push_str(&tf!("; {recalled} slices had not changed since the run before", recalled));
    }
    if beside > 0 {
        summary.push_str(&tf!("; {beside} of them stand beside stations that the case had already (zAI_)", beside));
    }
    (edit, summary)
}

/// The ROIs of a set enter a case that is being made: no step of undo. Gives the ids that they get.
pub(super) fn entered(case: &mut Case, set: &LoadedSet) -> Vec<RoiId> {
    let (edit, ids) = import_edit(case, set);
    case.begin_with(edit);
    ids
}

/// The edit by which the ROIs of another set of structures enter the case, and the ids that they get.
pub(super) fn import_edit(case: &mut Case, set: &LoadedSet) -> (Edit, Vec<RoiId>) {
    let mut names: BTreeSet<String> = case.structures().rois.iter().map(|r| r.name.clone()).collect();
    let first = case.structures().rois.len();
    let mut changes = vec![Change::AddSource(Source(set.origin.clone()))];
    let ids: Vec<RoiId> = set.rois.iter().map(|_| case.new_id()).collect();
    let numbered: BTreeMap<u32, RoiId> =
        set.rois.iter().zip(&ids).filter_map(|(roi, id)| Some((roi.source?.number as u32, *id))).collect();
    for (n, (roi, &id)) in set.rois.iter().zip(&ids).enumerate() {
        let name = free_name(&roi.name, |n| names.contains(n));
        names.insert(name.clone());
        // A recipe that was read names structures by their numbers.
        let derivation = roi.derivation.as_ref().and_then(|d| {
            let recipe = d.recipe.with_ids(|number| numbered.get(&number.0).copied())?;
            Some(Arc::new(Derivation { recipe, ..(**d).clone() }))
        });
        changes.push(Change::Add { index: first + n, roi: Arc::new(Roi { id, name, derivation, ..roi.clone() }) });
    }
    (Edit::new(keep("Import structures"), changes), ids)
}

/// The edit by which a proposed CTV enters the case. It becomes the CTV: what had this role before gets
/// the role Other, so that features never mix the two.
pub fn proposal_edit(case: &mut Case, proposal: CtvProposal) -> (Edit, RoiId) {
    let CtvProposal { slices, recipe } = proposal;
    ctv_edit(case, "CTV proposed", slices, Provenance::Proposed { recipe }, keep("Propose CTV"))
}

/// The same for the CTV that a network drew, with a sentence for the user; `None` if it drew none.
pub fn network_ctv_edit(case: &mut Case, segmentation: &Segmentation) -> Option<(Edit, RoiId, String)> {
    if segmentation.ctv.is_empty() {
        return None;
    }
    let label = keep("Propose CTV with DiUnet");
    let provenance = segmentation.provenance.clone();
    let (edit, id) = ctv_edit(case, "CTV DiUnet", segmentation.ctv.clone(), provenance, label);
    let slices = segmentation.ctv.len();
    Some((edit, id, tf!("DiUnet proposes a CTV on {slices} slices; check and correct it", slices)))
}

fn ctv_edit(case: &mut Case, name: &str, slices: Slices, provenance: Provenance, label: &'static str) -> (Edit, RoiId) {
    let id = case.new_id();
    let mut roi = Roi::new(id, case.free_name(name), role_color(Role::Ctv), Role::Ctv, provenance);
    roi.slices = slices;
    let mut edit = case.add_edit(label, roi);
    edit.changes.extend(case.structures().with_role(Role::Ctv).map(|other| {
        let before = RoiAttributes::of(other);
        let after = RoiAttributes { role: Role::Other, ..before.clone() };
        Change::Attributes { roi: other.id, before, after }
    }));
    (edit, id)
}
