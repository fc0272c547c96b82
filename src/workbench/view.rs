//! What the user looks at: workspace, crosshair, window, and how each structure is shown.

use super::difference::{Compared, Differences};
use super::display::{CompareSide, ContourStyle, Display};
use super::export::ExportFormat;
use super::measure::MeasureKind;
use crate::geometry::{ImagePlane, Orientation, PatientPoint, VoxelGrid};
use crate::image::{Sampling, Slab, SlabMode, WindowLevel};
use crate::structures::RoiId;
use std::collections::{BTreeMap, BTreeSet};

/// The rooms of the program.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Default,
    strum::EnumIter,
    strum::Display,
    strum::EnumString,
    serde::Serialize,
    serde::Deserialize,
)]
#[strum(ascii_case_insensitive)]
pub enum Workspace {
    #[default]
    Review,
    Cohort,
    Teach,
    Archive,
}

/// A panel beside the views.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SidePanel {
    /// The structures.
    List,
    /// Risk, features, export and what else is known of the case.
    Assessment,
}

/// Which side panels there are: those for which the window is wide enough, until the user says otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct SidePanels {
    /// Of the window, points; 0 as long as it is not known.
    width: f32,
    chosen: [Option<bool>; 2],
}

impl SidePanels {
    /// Windows narrower than this have no room for the panel, points.
    const ROOM: [f32; 2] = [560.0, 860.0];
    /// Below this width one panel folds the other away, points.
    const BOTH: f32 = 760.0;

    fn has_room(self, panel: SidePanel) -> bool {
        self.width == 0.0 || self.width >= Self::ROOM[panel as usize]
    }

    pub fn shows(self, panel: SidePanel) -> bool {
        self.chosen[panel as usize].unwrap_or_else(|| self.has_room(panel))
    }

    /// True where a panel has no room.
    pub fn is_narrow(self) -> bool {
        [SidePanel::List, SidePanel::Assessment].iter().any(|panel| !self.has_room(*panel))
    }

    pub fn width(self) -> f32 {
        self.width
    }

    /// A window that becomes wide or narrow forgets what was chosen for the other.
    pub(super) fn set_width(&mut self, width: f32) {
        let before = *self;
        self.width = width;
        let rooms = |sides: Self| [SidePanel::List, SidePanel::Assessment].map(|panel| sides.has_room(panel));
        if rooms(before) != rooms(*self) {
            self.chosen = [None; 2];
        }
    }

    pub(super) fn set(&mut self, panel: SidePanel, shown: bool) {
        self.chosen[panel as usize] = Some(shown);
        if shown && self.width > 0.0 && self.width < Self::BOTH {
            self.chosen[1 - panel as usize] = Some(false);
        }
    }
}

/// State of the views; not part of the case, not undone.
#[derive(Debug, Clone)]
pub struct ViewState {
    pub workspace: Workspace,
    /// The point through which all three planes go.
    pub crosshair: PatientPoint,
    pub window: WindowLevel,
    pub sampling: Sampling,
    /// Shown instead of the planes.
    pub slab: Option<Slab>,
    /// Of the last slab.
    pub slab_mode: SlabMode,
    pub selected: Option<RoiId>,
    pub(super) hidden: BTreeSet<RoiId>,
    pub(super) opacity: BTreeMap<RoiId, f32>,
    /// Hides every contour and fill while true.
    pub contours_hidden: bool,
    // Views.
    /// Hides every contour and fill while a key is held.
    pub contours_held: bool,
    /// Shows the selected structure only.
    pub isolating: bool,
    pub display: Display,
    pub sides: SidePanels,
    /// What the left and the right of two views side by side show.
    pub compare: [CompareSide; 2],
    /// The point of the left one of two views side by side where they do not go together.
    pub left_at: Option<PatientPoint>,
    /// Windows of single views, by their number.
    pub own_windows: BTreeMap<usize, WindowLevel>,
    pub measuring: Option<MeasureKind>,
    /// The difference between two sets of structures is shown.
    pub shows_difference: bool,
    /// What is compared, or was last.
    pub compared: Option<Compared>,
    /// The keys go to differences beyond this, mm.
    pub difference_tolerance_mm: f64,
    pub(super) widths: BTreeMap<RoiId, f32>,
    pub(super) styles: BTreeMap<RoiId, ContourStyle>,
    pub(super) dashed: BTreeMap<RoiId, bool>,
    pub(super) line_opacity: BTreeMap<RoiId, f32>,
    /// Patient name, ID and dates are not shown.
    pub identifiers_hidden: bool,
    /// What the next export writes.
    pub export_format: ExportFormat,
}

impl Default for ViewState {
    fn default() -> Self {
        Self {
            workspace: Workspace::default(),
            crosshair: PatientPoint::ZERO,
            window: WindowLevel::MEDIASTINUM,
            sampling: Sampling::default(),
            slab: None,
            slab_mode: SlabMode::default(),
            selected: None,
            hidden: BTreeSet::new(),
            opacity: BTreeMap::new(),
            contours_hidden: false,
            contours_held: false,
            isolating: false,
            display: Display::default(),
            sides: SidePanels::default(),
            compare: [CompareSide::AsOpened, CompareSide::Now],
            left_at: None,
            own_windows: BTreeMap::new(),
            measuring: None,
            shows_difference: false,
            compared: None,
            difference_tolerance_mm: Differences::USUAL_TOLERANCE_MM,
            widths: BTreeMap::new(),
            styles: BTreeMap::new(),
            dashed: BTreeMap::new(),
            line_opacity: BTreeMap::new(),
            identifiers_hidden: false,
            export_format: ExportFormat::default(),
        }
    }
}

impl ViewState {
    /// Share of the fill's colour where nothing else is chosen.
    pub const DEFAULT_OPACITY: f32 = 0.22;

    pub fn is_visible(&self, roi: RoiId) -> bool {
        match self.selected.filter(|_| self.isolating) {
            Some(selected) => selected == roi,
            None => !self.hidden.contains(&roi),
        }
    }

    /// True while no contour is drawn at all.
    pub fn hides_contours(&self) -> bool {
        self.contours_hidden || self.contours_held
    }

    /// Width of a structure's outline, points.
    pub fn line_width(&self, roi: RoiId) -> f32 {
        self.widths.get(&roi).copied().unwrap_or(self.display.line_width)
    }

    /// Whether a structure's outline is dashed, where that was chosen; else proposals are.
    pub fn dashed(&self, roi: RoiId) -> Option<bool> {
        self.dashed.get(&roi).copied()
    }

    /// Opacity of a structure's outline, 0 to 1.
    pub fn line_opacity(&self, roi: RoiId) -> f32 {
        self.line_opacity.get(&roi).copied().unwrap_or(1.0)
    }

    /// Draws some structures as another one is drawn.
    pub(super) fn draw_like(&mut self, model: RoiId, others: impl Iterator<Item = RoiId>) {
        fn copy<T: Copy>(of: &mut BTreeMap<RoiId, T>, from: RoiId, to: RoiId) {
            match of.get(&from).copied() {
                Some(value) => of.insert(to, value),
                None => of.remove(&to),
            };
        }
        for roi in others.filter(|roi| *roi != model) {
            copy(&mut self.opacity, model, roi);
            copy(&mut self.widths, model, roi);
            copy(&mut self.styles, model, roi);
            copy(&mut self.dashed, model, roi);
            copy(&mut self.line_opacity, model, roi);
        }
    }

    /// What is drawn of a structure.
    pub fn style(&self, roi: RoiId) -> ContourStyle {
        self.styles.get(&roi).copied().unwrap_or(self.display.style)
    }

    /// The window of a view, by its number.
    pub fn window_of(&self, view: usize) -> WindowLevel {
        self.own_windows.get(&view).copied().unwrap_or(self.window)
    }

    pub fn set_visible(&mut self, roi: RoiId, visible: bool) {
        if visible {
            self.hidden.remove(&roi);
        } else {
            self.hidden.insert(roi);
        }
    }

    /// The fill as it is drawn, 0 to 1: nothing of outlines, at least the usual one of fills without an outline.
    pub fn drawn_opacity(&self, roi: RoiId) -> f32 {
        match self.style(roi) {
            ContourStyle::Both => self.opacity(roi),
            ContourStyle::Outline => 0.0,
            ContourStyle::Fill => self.opacity(roi).max(Self::DEFAULT_OPACITY),
        }
    }

    /// Opacity of the fill, 0 to 1.
    pub fn opacity(&self, roi: RoiId) -> f32 {
        self.opacity.get(&roi).copied().unwrap_or(Self::DEFAULT_OPACITY)
    }

    pub fn set_opacity(&mut self, roi: RoiId, opacity: f32) {
        self.opacity.insert(roi, opacity.clamp(0.0, 1.0));
    }

    /// Moves the crosshair by whole slices (axial) or voxels along the normal of a view, within the scan.
    pub fn scroll(&mut self, grid: &VoxelGrid, orientation: Orientation, steps: i64) {
        self.crosshair = scrolled(grid, self.crosshair, orientation, steps);
    }

    /// The point through which the left one of two views side by side goes.
    pub fn left_point(&self) -> PatientPoint {
        self.left_at.filter(|_| !self.display.linked).unwrap_or(self.crosshair)
    }

    /// The slice that the axial view shows.
    pub fn axial_slice(&self, grid: &VoxelGrid) -> usize {
        grid.nearest_slice(grid.plane_from_patient(self.crosshair).1)
    }

    /// Keeps the crosshair inside the scan.
    pub fn clamp_to(&mut self, grid: &VoxelGrid) {
        self.crosshair = clamped(grid, self.crosshair);
    }
}

/// The nearest point between the outermost voxel centres of the scan.
pub(super) fn clamped(grid: &VoxelGrid, point: PatientPoint) -> PatientPoint {
    let at = grid.voxel_from_patient(point);
    let [nk, nj, ni] = grid.shape();
    let (k, j, i) =
        (at.x.clamp(0.0, nk as f64 - 1.0), at.y.clamp(0.0, nj as f64 - 1.0), at.z.clamp(0.0, ni as f64 - 1.0));
    grid.patient_from_plane(grid.plane_from_index(i, j), grid.position_from_slice_index(k))
}

/// A point moved by whole slices or voxels along the normal of a view, within the scan.
pub(super) fn scrolled(grid: &VoxelGrid, point: PatientPoint, orientation: Orientation, steps: i64) -> PatientPoint {
    let plane = ImagePlane::through(grid, orientation, point);
    let at = grid.voxel_from_patient(point);
    let axes = [grid.normal(), grid.j_direction(), grid.i_direction()];
    let sizes = grid.shape();
    let Some(axis) = (0..3).find(|a| axes[*a].dot(plane.normal).abs() > 0.5) else { return point };
    let sign = if axes[axis].dot(plane.normal) > 0.0 { 1 } else { -1 };
    let mut index = at.to_array();
    // From a point between two slices it goes on from the one that is shown, which is the lower one.
    let from = if axis == 0 {
        grid.nearest_slice(grid.plane_from_patient(point).1) as i64
    } else {
        (index[axis] - 0.5).ceil() as i64
    };
    let moved = (from + sign * steps).clamp(0, sizes[axis] as i64 - 1);
    index[axis] = moved as f64;
    let [k, j, i] = index;
    grid.patient_from_plane(grid.plane_from_index(i, j), grid.position_from_slice_index(k))
}

#[cfg(test)]
mod tests {
    use super::*;
    use glam::DVec3;

    #[test]
    fn scrolling_steps_through_uneven_slices_and_stops_at_the_ends() {
        let grid =
            VoxelGrid::new(DVec3::ZERO, DVec3::X, DVec3::Y, [1.0; 2], [9, 9], vec![0.0, 3.0, 9.0]).expect("valid");
        let mut view = ViewState { crosshair: DVec3::new(4.0, 4.0, 3.0), ..ViewState::default() };
        view.scroll(&grid, Orientation::Axial, 1);
        assert_eq!(view.crosshair.z, 9.0);
        view.scroll(&grid, Orientation::Axial, 5);
        assert_eq!(view.crosshair.z, 9.0);
        view.scroll(&grid, Orientation::Sagittal, -9);
        assert_eq!(view.crosshair, DVec3::new(0.0, 4.0, 9.0));
        // A point between two slices shows the lower one: the next step leaves none out.
        view.crosshair.z = 1.5;
        assert_eq!(view.axial_slice(&grid), 0);
        view.scroll(&grid, Orientation::Axial, 1);
        assert_eq!(view.crosshair.z, 3.0);
    }
}
