//! Landmarks under the hand of the user: taken hold of, dragged, put back, placed at the crosshair.

use super::Held;
use crate::anatomy::{Landmark, LandmarkId, LandmarkSource};
use crate::geometry::{Orientation, PatientPoint};
use crate::words::{keep, t};
use crate::workbench::view::clamped;
use crate::workbench::{Action, Command, Workbench};

/// A request about landmarks, the stations of the rules, or the border check.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum AnatomyCommand {
    /// Finds the landmarks in the image.
    Find,
    Show(bool),
    /// Shows what the rules draw, with the landmarks.
    ShowOutlines(bool),
    /// The pointer came over a landmark in a view, or went.
    Hover(Option<LandmarkId>),
    /// The button went down on a landmark.
    Take {
        id: LandmarkId,
        at: PatientPoint,
    },
    /// What is held follows the pointer in a view.
    Drag {
        at: PatientPoint,
        orientation: Orientation,
    },
    /// What is held stays where it is. Where it was not moved, the crosshair comes to it.
    Release,
    /// What is held goes back to where it was.
    Cancel,
    /// Puts a landmark at the crosshair.
    Place(LandmarkId),
    /// Back to where it was found or estimated; all of them with `None`.
    Reset(Option<LandmarkId>),
    GoTo(LandmarkId),
    /// Puts the stations of the rules into the case.
    DrawStations,
    /// Goes to a finding of the border check, by its number.
    GoToFinding(usize),
    /// Goes to the next finding, or the one before; after the last one it begins again.
    NextFinding {
        forward: bool,
    },
}

impl AnatomyCommand {
    /// True for what only looks: a stroke under way goes on.
    pub(in crate::workbench) fn leaves_stroke(self) -> bool {
        matches!(self, Self::Show(_) | Self::ShowOutlines(_) | Self::Hover(_))
    }

    /// True if the views come to a place.
    pub fn goes_to_a_place(self) -> bool {
        matches!(self, Self::GoTo(_) | Self::GoToFinding(_) | Self::NextFinding { .. })
    }
}

impl Workbench {
    pub(in crate::workbench) fn anatomy_command(&mut self, command: AnatomyCommand) {
        // What is held belongs to a case that is no longer shown.
        if self.loading.is_some() {
            self.put_back();
        }
        match command {
            AnatomyCommand::Find => self.find_landmarks(),
            AnatomyCommand::Show(shown) => {
                self.anatomy.shown = shown;
                self.anatomy.hovered = None;
                self.put_back();
            }
            AnatomyCommand::ShowOutlines(shown) => self.anatomy.outlines_shown = shown,
            AnatomyCommand::Hover(id) => self.anatomy.hovered = id,
            AnatomyCommand::Take { id, at } => self.take(id, at),
            AnatomyCommand::Drag { at, orientation } => self.drag(at, orientation),
            AnatomyCommand::Release => self.release(),
            AnatomyCommand::Cancel => self.put_back(),
            AnatomyCommand::Place(id) => {
                if let Some(landmark) = self.landmark_at(id, self.view.crosshair) {
                    self.move_landmarks(&format!("{} {}", keep("Place landmark"), id.label()), [(id, Some(landmark))]);
                }
            }
            AnatomyCommand::Reset(None) => {
                let all: Vec<LandmarkId> = self.anatomy.placed.iter().map(|(id, _)| id).collect();
                self.move_landmarks(keep("Put all landmarks back"), all.into_iter().map(|id| (id, None)));
            }
            AnatomyCommand::Reset(Some(id)) => {
                self.move_landmarks(&format!("{} {}", keep("Put back landmark"), id.label()), [(id, None)]);
            }
            AnatomyCommand::GoTo(id) => {
                if let (Some(landmark), Some(grid)) = (self.anatomy.landmarks.get(id), self.grid()) {
                    self.view.crosshair = clamped(&grid, landmark.position);
                }
            }
            AnatomyCommand::DrawStations => self.draw_stations(),
            AnatomyCommand::GoToFinding(n) => self.go_to_finding(n),
            AnatomyCommand::NextFinding { forward } => self.next_finding(forward),
        }
    }

    fn take(&mut self, id: LandmarkId, from: PatientPoint) {
        let anatomy = &mut self.anatomy;
        let Some(landmark) = anatomy.landmarks.get(id).filter(|_| anatomy.shown) else { return };
        anatomy.held = Some(Held { id, from, start: landmark.position, now: None });
    }

    fn drag(&mut self, at: PatientPoint, orientation: Orientation) {
        let Some(held) = self.anatomy.held else { return };
        let mut by = at - held.from;
        // A level has no place in the slice, and a view shows no depth.
        match (held.id.is_point(), orientation) {
            (false, _) => (by.x, by.y) = (0.0, 0.0),
            (true, Orientation::Axial) => by.z = 0.0,
            (true, Orientation::Sagittal) => by.x = 0.0,
            (true, Orientation::Coronal) => by.y = 0.0,
        }
        if by.length() > 0.0 || held.now.is_some() {
            self.anatomy.held = Some(Held { now: self.landmark_at(held.id, held.start + by), ..held });
            self.follow_placed();
        }
    }

    /// What was dragged becomes a step of the case.
    fn release(&mut self) {
        let Some(held) = self.anatomy.held.take() else { return };
        match (held.now, self.grid()) {
            (Some(now), _) => {
                self.move_landmarks(&format!("{} {}", keep("Move landmark"), held.id.label()), [(held.id, Some(now))]);
            }
            (None, Some(grid)) => self.view.crosshair = clamped(&grid, held.from),
            (None, None) => {}
        }
    }

    /// A landmark of the user at a place within the scan; levels keep their place in the slice.
    fn landmark_at(&self, id: LandmarkId, at: PatientPoint) -> Option<Landmark> {
        let (now, grid) = (self.anatomy.landmarks.get(id)?, self.grid()?);
        let position = if id.is_point() { at } else { PatientPoint::new(now.position.x, now.position.y, at.z) };
        let heights = [0, grid.slices() - 1].map(|k| grid.patient_from_voxel(k, 0.0, 0.0).z);
        let z = position.z.clamp(heights[0].min(heights[1]), heights[0].max(heights[1]));
        let position = PatientPoint::new(position.x, position.y, z);
        Some(Landmark { position, source: LandmarkSource::User, spread_mm: None })
    }

    fn move_landmarks(&mut self, label: &str, moves: impl IntoIterator<Item = (LandmarkId, Option<Landmark>)>) {
        self.finish_stroke();
        let Some(case) = &mut self.case else { return };
        let edit = case.landmarks_edit(label, moves);
        let result = case.apply(edit);
        self.report(result);
        self.follow_placed();
    }

    /// What is held goes back to where it was.
    pub(in crate::workbench) fn put_back(&mut self) {
        if self.anatomy.held.take().is_some() {
            self.follow_placed();
        }
    }

    /// Why an action of the anatomy cannot run now.
    pub(in crate::workbench) fn anatomy_refusal(&self, action: Action) -> Option<&'static str> {
        use crate::workbench::jobs::JobKey;
        match action {
            Action::FindLandmarks if self.jobs.is_running(JobKey::Landmarks) => {
                Some(t("The landmarks are being found"))
            }
            Action::RuleStations if self.jobs.is_running(JobKey::RuleStations) => {
                Some(t("The stations are being drawn"))
            }
            Action::ToggleLandmarks | Action::RuleStations if !self.anatomy.is_known() => {
                Some(t("Find the landmarks first"))
            }
            Action::NextFinding | Action::PreviousFinding if !self.anatomy.is_known() => {
                Some(t("The border check needs landmarks: find them first"))
            }
            Action::NextFinding | Action::PreviousFinding if self.border_findings().is_empty() => {
                Some(t("The border check has nothing to tell"))
            }
            _ => None,
        }
    }

    /// The command of an action of the anatomy.
    pub(in crate::workbench) fn anatomy_command_for(&self, action: Action) -> Option<Command> {
        Some(Command::Anatomy(match action {
            Action::FindLandmarks => AnatomyCommand::Find,
            Action::ToggleLandmarks => AnatomyCommand::Show(!self.anatomy.shown),
            Action::RuleStations => AnatomyCommand::DrawStations,
            Action::NextFinding => AnatomyCommand::NextFinding { forward: true },
            Action::PreviousFinding => AnatomyCommand::NextFinding { forward: false },
            _ => return None,
        }))
    }

    /// What the pointer can do on a landmark, where it is on one.
    pub(in crate::workbench) fn landmark_hints(&self) -> Option<Vec<(&'static str, &'static str)>> {
        if self.anatomy.held.is_some() {
            return Some(vec![
                (t("Drag"), t("the stations that hang on this landmark follow")),
                (t("Esc"), t("put it back")),
            ]);
        }
        self.anatomy.hovered.map(|_| {
            vec![(t("Drag"), t("move this landmark; the stations follow")), (t("Click"), t("move the crosshair"))]
        })
    }
}
