//! What is known of the follow-up CT of the open case, and of what each of it is.

use super::motion::{Motion, MotionSource};
use super::place::{Placement, middle};
use super::report::Confirmed;
use crate::dicom::ImportWarning;
use crate::geometry::{PatientPoint, Revision, Rigid};
use crate::recurrence::PatternLimits;
use crate::registration::Fit;
use crate::structures::{Roi, RoiId};
use crate::workbench::loading::LoadedCase;
use crate::workbench::series::SeriesList;
use crate::workbench::{Case, Trouble};
use std::path::PathBuf;
use std::sync::Arc;

const USUAL_ISODOSE_PERCENT: f64 = 95.0;

/// Of what a placement is.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Basis {
    pub structure: RoiId,
    pub planning_from_followup: Rigid,
    pub revision: Revision,
    pub limits: PatternLimits,
    pub isodose_percent: f64,
    /// Which dose is known, and what counts as 100 %, Gy.
    pub dose: Option<(usize, f64)>,
}

/// The follow-up CT of the open case.
#[derive(Debug, Clone)]
pub struct FollowUp {
    pub(super) later: Arc<Case>,
    pub(super) paths: Vec<PathBuf>,
    pub(super) found: SeriesList,
    pub(super) warnings: Vec<ImportWarning>,
    /// The recurrence, and its middle in the follow-up.
    pub(super) structure: Option<(RoiId, PatientPoint)>,
    pub(super) motion: Motion,
    /// The last registration failed, or the scans do not fit.
    pub(super) refused: Option<Trouble>,
    /// What is known of a motion; the inner one is `None` where the scans do not overlap.
    pub(super) fit: Option<(Rigid, Option<Fit>)>,
    pub(super) placed: Option<(Basis, Arc<Placement>)>,
    /// With these nothing comes of it.
    pub(super) failed: Option<Basis>,
    pub(super) unfit: Option<Rigid>,
    pub(super) outline: Option<Roi>,
    /// The views went to the recurrence once.
    pub(super) visited: bool,
    pub(super) confirmed: Option<(Confirmed, RoiId, Rigid)>,
    pub(super) limits: PatternLimits,
    pub(super) isodose_percent: f64,
}

impl FollowUp {
    /// Key of the follow-up among the overlays.
    pub const OVERLAY: &'static str = "follow-up CT";

    pub(super) fn new(loaded: LoadedCase, paths: Vec<PathBuf>) -> Self {
        let LoadedCase { case, warnings, found, .. } = loaded;
        let mut follow_up = Self {
            structure: None,
            later: Arc::new(case),
            paths,
            found,
            warnings,
            motion: Motion::new(Rigid::IDENTITY, MotionSource::AsTheyStand),
            refused: None,
            fit: None,
            placed: None,
            failed: None,
            unfit: None,
            outline: None,
            visited: false,
            confirmed: None,
            limits: PatternLimits::default(),
            isodose_percent: USUAL_ISODOSE_PERCENT,
        };
        follow_up.structure = follow_up.likely_recurrence().and_then(|id| follow_up.with_middle(id));
        follow_up
    }

    /// The follow-up CT with its structures.
    pub fn case(&self) -> &Case {
        &self.later
    }

    pub fn paths(&self) -> &[PathBuf] {
        &self.paths
    }

    /// The CTs of the folder, and which of them this is.
    pub fn series(&self) -> &SeriesList {
        &self.found
    }

    /// Import report of the follow-up.
    pub fn warnings(&self) -> &[ImportWarning] {
        &self.warnings
    }

    /// Structures of the follow-up that have contours: one of them is the recurrence.
    pub fn candidates(&self) -> impl Iterator<Item = &Roi> {
        self.later.structures().rois.iter().filter(|roi| !roi.slices.is_empty())
    }

    /// The recurrence as it was drawn.
    pub fn recurrence(&self) -> Option<&Roi> {
        self.structure.and_then(|(id, _)| self.later.structures().get(id))
    }

    pub fn motion(&self) -> &Motion {
        &self.motion
    }

    /// Points of the follow-up to points of the planning CT, with the correction.
    pub fn planning_from_followup(&self) -> Rigid {
        let middle = self.structure.map_or_else(|| self.later.grid().center(), |(_, middle)| middle);
        self.motion.planning_from_followup(middle)
    }

    /// How far the middle of the follow-up moves, mm, and by how much it turns, degrees.
    pub fn moved_by(&self) -> (f64, f64) {
        let (motion, center) = (self.planning_from_followup(), self.later.grid().center());
        (motion.apply(center).distance(center), motion.size().1)
    }

    /// Why the last registration gave no motion.
    pub fn refused(&self) -> Option<&Trouble> {
        self.refused.as_ref()
    }

    /// The fit of the motion as it is now; `None` while it is not measured, `Some(None)` where the scans do not overlap.
    pub fn fit(&self) -> Option<Option<&Fit>> {
        let here = self.planning_from_followup();
        self.fit.as_ref().filter(|(of, _)| *of == here).map(|(_, fit)| fit.as_ref())
    }

    /// Where the recurrence lies, as last found; [`crate::workbench::Workbench::is_placement_fresh`] says whether of the present state.
    pub fn placement(&self) -> Option<&Placement> {
        self.placed.as_ref().map(|(_, placement)| &**placement)
    }

    pub fn limits(&self) -> PatternLimits {
        self.limits
    }

    pub fn isodose_percent(&self) -> f64 {
        self.isodose_percent
    }

    /// What was confirmed, and whether of the structure and the motion as they are now.
    pub fn confirmed(&self) -> Option<(Confirmed, bool)> {
        let here = (self.structure.map(|s| s.0), self.planning_from_followup());
        self.confirmed.map(|(what, of, motion)| (what, (Some(of), motion) == here))
    }

    /// By name; else the only one there is.
    fn likely_recurrence(&self) -> Option<RoiId> {
        let named = |roi: &&Roi| {
            let name = roi.name.to_lowercase();
            name.contains("recur") || name.contains("relapse") || name.contains("rezidiv") || name.contains("gtvr")
        };
        let only = || Some(self.candidates().next()?.id).filter(|_| self.candidates().count() == 1);
        self.candidates().find(named).map(|roi| roi.id).or_else(only)
    }

    pub(super) fn with_middle(&self, id: RoiId) -> Option<(RoiId, PatientPoint)> {
        middle(&self.later, id).map(|at| (id, at))
    }

    pub(super) fn set_motion(&mut self, uncorrected: Rigid, source: MotionSource) {
        self.motion = Motion::new(uncorrected, source);
        self.refused = None;
    }
}
