//! The anatomy of the open case: what was found in the image, the landmarks as they stand, what the rules draw from them, and
//! how the station contours lie to that. It lies beside the case: only the stations that are asked for enter it, as one step.

mod border_check;
mod landmarks;
mod part;
mod rules;

pub use border_check::BorderCheck;
pub use landmarks::AnatomyCommand;
pub use rules::{RULE_STATIONS, is_rule_outline};

pub(super) use border_check::CheckedStations;
pub(super) use rules::{Drawn, RuleStations};

use super::Workbench;
use super::jobs::{JobError, JobKey, Lane};
use super::notices::Trouble;
use super::results::CaseResult;
use crate::anatomy::{
    AnatomyError, AnatomySources, Landmark, LandmarkId, LandmarkSource, Landmarks, RuleSet, case_sources,
    ordered_landmarks,
};
use crate::contour::Mask;
use crate::geometry::PatientPoint;
use crate::structures::Role;
use crate::tf;
use crate::words::t;
use part::Part;
use rules::Rules;
use std::sync::Arc;

/// What is known of the anatomy of a case.
#[derive(Debug)]
pub struct CaseAnatomy {
    /// The case that it is of.
    case_count: u64,
    known: Option<Arc<Known>>,
    /// Landmarks that the user has put elsewhere: those of the case, and the one that is held where it is now.
    placed: Landmarks,
    /// As they stand: placed, found, and estimated where nothing is known.
    landmarks: Landmarks,
    /// Landmarks are drawn in the views.
    pub shown: bool,
    /// With them what the rules draw.
    pub outlines_shown: bool,
    /// Under the pointer.
    pub hovered: Option<LandmarkId>,
    held: Option<Held>,
    /// By which stations are drawn and checked.
    rule_set: Arc<RuleSet>,
    rules: Rules,
    check: BorderCheck,
}

/// A landmark that is being dragged.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Held {
    id: LandmarkId,
    /// Where the pointer took hold of it, and where it was.
    from: PatientPoint,
    start: PatientPoint,
    /// Where it is now; `None` until it is moved.
    now: Option<Landmark>,
}

/// What was found in the image and in the structures.
#[derive(Debug)]
pub(in crate::workbench) struct Known {
    sources: AnatomySources,
    /// The middle of the chest, which is all that the rules look at.
    exact: Part,
    /// The same with fewer voxels, for the time of a drag.
    coarse: Part,
}

impl Known {
    fn new(sources: AnatomySources) -> Self {
        Self { exact: Part::exact(&sources), coarse: Part::coarse(&sources), sources }
    }
}

impl CaseAnatomy {
    pub(super) fn new(case_count: u64, rule_set: Arc<RuleSet>) -> Self {
        Self {
            case_count,
            known: None,
            placed: Landmarks::default(),
            landmarks: Landmarks::default(),
            shown: false,
            outlines_shown: false,
            hovered: None,
            held: None,
            rule_set,
            rules: Rules::default(),
            check: BorderCheck::default(),
        }
    }

    /// The rules by which stations are drawn and checked.
    pub fn rule_set(&self) -> &Arc<RuleSet> {
        &self.rule_set
    }

    /// True once landmarks were found.
    pub fn is_known(&self) -> bool {
        self.known.is_some()
    }

    /// The landmarks as they stand.
    pub fn landmarks(&self) -> &Landmarks {
        &self.landmarks
    }

    /// True for a landmark that the user has put elsewhere.
    pub fn is_placed(&self, id: LandmarkId) -> bool {
        self.placed.get(id).is_some()
    }

    /// True if the user has put any landmark elsewhere.
    pub fn has_placed(&self) -> bool {
        !self.placed.is_empty()
    }

    /// The landmark that is being dragged, and by how many mm it was moved.
    pub fn held(&self) -> Option<(LandmarkId, f64)> {
        let held = self.held?;
        let now = self.landmarks.get(held.id)?.position;
        let by = now - held.start;
        Some((held.id, if held.id.is_point() { by.length() } else { by.z }))
    }

    pub fn check(&self) -> &BorderCheck {
        &self.check
    }

    fn settle(&mut self) {
        let Some(known) = &self.known else { return };
        let mut landmarks = known.sources.landmarks.clone();
        self.placed.iter().for_each(|(id, landmark)| landmarks.insert(id, *landmark));
        // An estimate gives way to what is known. Where the known ones contradict each other, they are shown as they are.
        let ordered = ordered_landmarks(&self.rule_set, &landmarks);
        self.landmarks = ordered.unwrap_or_else(|_out_of_order| landmarks.completed());
    }
}

impl Workbench {
    /// What is known of the anatomy of the open case.
    pub fn anatomy(&self) -> &CaseAnatomy {
        &self.anatomy
    }

    /// Finds body, lungs, airway and landmarks in the scan, with the organs that the structures of the case show.
    pub(super) fn find_landmarks(&mut self) {
        let Some(case) = &self.case else { return };
        let volume = case.image.volume.clone();
        let structures: Vec<(String, Role, Mask)> =
            case.structures().rois.iter().map(|roi| (roi.name.clone(), roi.role, case.mask(roi.id).clone())).collect();
        self.spawn_for_case(Lane::Infer, JobKey::Landmarks, t("Find landmarks"), None, move |context| {
            let structures = structures.iter().map(|(name, role, mask)| (name.as_str(), *role, mask));
            let sources = case_sources(&volume, structures, context).map_err(|error| match error {
                AnatomyError::Cancelled(_) => JobError::Cancelled,
                other => JobError::Failed(Trouble::of(&other)),
            })?;
            Ok(CaseResult::Anatomy(Box::new(Known::new(sources))))
        });
    }

    pub(super) fn accept_anatomy(&mut self, known: Known) {
        let found = known.sources.landmarks.len();
        let anatomy = &mut self.anatomy;
        anatomy.known = Some(Arc::new(known));
        anatomy.rules = Rules::default();
        (anatomy.shown, anatomy.outlines_shown) = (true, true);
        anatomy.settle();
        let estimated =
            anatomy.landmarks.iter().filter(|(_, landmark)| landmark.source == LandmarkSource::Estimated).count();
        let summary = tf!(
            "{found} landmarks found in the image, {estimated} estimated from the carina: look at them, and drag them in the sagittal or coronal view",
            found,
            estimated
        );
        self.notices.info(summary);
    }

    /// The landmarks of the user as the case has them (undo and redo move them too), and the one that is held.
    pub(super) fn follow_placed(&mut self) {
        let mut placed = self.case.as_ref().map(|case| case.landmarks().clone()).unwrap_or_default();
        if let Some((id, now)) = self.anatomy.held.and_then(|held| Some((held.id, held.now?))) {
            placed.insert(id, now);
        }
        if self.anatomy.placed != placed {
            self.anatomy.placed = placed;
            self.anatomy.settle();
        }
    }

    /// Forgets the anatomy of another case, and brings what follows from landmarks and contours to the present.
    pub(super) fn follow_anatomy(&mut self) {
        if self.anatomy.case_count != self.case_count {
            self.anatomy = CaseAnatomy::new(self.case_count, self.settings.rule_set());
        }
        let rule_set = self.settings.rule_set();
        if !Arc::ptr_eq(&self.anatomy.rule_set, &rule_set) && self.anatomy.rule_set != rule_set {
            self.anatomy.rule_set = rule_set;
            self.anatomy.settle();
        }
        self.follow_placed();
        self.follow_rules();
        self.follow_check();
    }
}
