//! Keeps the renderer in step with the workbench: scan, slices as they arrive, masks by revision, and
//! the difference of an exercise. Called from the window's logic, never from a paint callback.

use super::projection;
use super::theme;
use super::viewport::ViewStructure;
use crate::contour::{Mask, SliceMask};
use crate::geometry::{Revision, VoxelGrid};
use crate::gpu::{Fill, Fills, GpuError, MaskSource, SLOTS, SliceRenderer, no_fills};
use crate::image::CtVolume;
use crate::structures::{Generation, Provenance, Roi, RoiId, Role};
use crate::teaching::{Exercise, Phase};
use crate::workbench::followup::RECURRENCE;
use crate::workbench::{Case, ContourStyle, PREVIEW, Shown, Workbench, is_rule_outline};
use eframe::egui::Color32;
use ndarray::Array3;
use std::collections::BTreeSet;
use std::sync::Arc;

/// The slot of what an attempt missed; no ROI of a case reaches this number.
const MISSED: RoiId = RoiId(u32::MAX - 1);
/// The slot of what an attempt has too much.
const EXTRA: RoiId = RoiId(u32::MAX);

/// Colour of what an attempt missed, and of what it has too much.
pub const MISSED_COLOR: Color32 = theme::INSIDE;
pub const EXTRA_COLOR: Color32 = theme::OUTSIDE;

/// What the renderer shows of the workbench.
pub struct Scene {
    pub renderer: SliceRenderer,
    /// Whose scan the renderer holds.
    shown: Option<Shown>,
    grid: Option<Arc<VoxelGrid>>,
    /// How many of the slices that arrived of the scan being read are sent, and which are still missing.
    sent: usize,
    missing: BTreeSet<usize>,
    slots: Vec<RoiId>,
    difference: Option<Difference>,
    /// Where slices are missing, mm along the normal.
    gaps_mm: Vec<[f64; 2]>,
    /// The values of the overlay that the renderer holds.
    overlay: Option<Arc<Array3<f32>>>,
}

/// Masks of an exercise's difference at a revision.
struct Difference {
    revision: Revision,
    exercise: Exercise,
    missed: Mask,
    extra: Mask,
}

impl Scene {
    pub fn new(renderer: SliceRenderer) -> Self {
        Self {
            renderer,
            shown: None,
            grid: None,
            sent: 0,
            missing: BTreeSet::new(),
            slots: Vec::new(),
            difference: None,
            gaps_mm: Vec::new(),
            overlay: None,
        }
    }

    pub fn gaps_mm(&self) -> &[[f64; 2]] {
        &self.gaps_mm
    }

    /// Brings the renderer to the state of the workbench. An error says why slices are drawn otherwise than wished.
    pub fn sync(&mut self, workbench: &Workbench) -> Result<(), GpuError> {
        let Some(shown) = workbench.shown() else {
            if self.shown.take().is_some() {
                self.grid = None;
                self.renderer.clear();
            }
            return Ok(());
        };
        let before = self.shown.replace(shown);
        let is_new = before != Some(shown);
        if let Some(loading) = workbench.loading() {
            let mut result = Ok(());
            if is_new {
                self.difference = None;
                self.overlay = None;
                self.sent = 0;
                self.missing = (0..loading.grid.slices()).collect();
                self.gaps_mm = gaps_mm(&loading.grid);
                self.grid = Some(Arc::clone(&loading.grid));
                result = self.renderer.set_grid(Arc::clone(&loading.grid));
            }
            for &k in loading.arrived.get(self.sent..).unwrap_or_default() {
                if let Some(slice) = loading.hu.index_axis(ndarray::Axis(0), k).as_slice() {
                    self.renderer.upload_slice(k, slice);
                    self.missing.remove(&k);
                }
            }
            self.sent = loading.arrived.len();
            return result;
        }
        let Some(case) = workbench.case() else { return Ok(()) };
        let mut result = Ok(());
        if is_new {
            self.difference = None;
            self.overlay = None;
            self.gaps_mm = gaps_mm(case.grid());
            if !matches!(before, Some(Shown::Loading(_))) {
                self.grid = None;
            }
            result = self.show_volume(&case.image.volume);
        }
        result = result.and(sync_overlay(&mut self.renderer, &mut self.overlay, workbench, case));
        self.sync_difference(case, workbench.exercise().copied());
        self.slots = slots(workbench, case, self.difference.is_some());
        let source = CaseMasks { case, slots: &self.slots, difference: self.difference.as_ref() };
        if let Err(error) = self.renderer.sync_masks(&source) {
            self.renderer.fall_back(&case.image.volume);
            self.overlay = None;
            let again = sync_overlay(&mut self.renderer, &mut self.overlay, workbench, case);
            let again = again.and(self.renderer.sync_masks(&source).map(drop));
            result = result.and(again.and(Err(error)));
        }
        let room = self.slots.iter().filter(|id| ![MISSED, EXTRA].contains(id)).count();
        let filled = case.structures().rois.iter().filter(|roi| {
            workbench.is_shown(roi.id) && workbench.view.drawn_opacity(roi.id) > 0.0 && !case.mask(roi.id).is_empty()
        });
        let found = filled.count();
        if found > room { result.and(Err(GpuError::TooManySlots { found })) } else { result }
    }

    /// The scan of a case; slices that arrived while it was read are not sent again.
    fn show_volume(&mut self, volume: &CtVolume) -> Result<(), GpuError> {
        let missing = std::mem::take(&mut self.missing);
        let is_here = self.grid.as_ref().is_some_and(|grid| Arc::ptr_eq(grid, &volume.grid));
        self.grid = Some(Arc::clone(&volume.grid));
        if !is_here {
            return self.renderer.set_volume(volume);
        }
        for k in missing {
            if let Some(slice) = volume.hu.index_axis(ndarray::Axis(0), k).as_slice() {
                self.renderer.upload_slice(k, slice);
            }
        }
        Ok(())
    }

    fn sync_difference(&mut self, case: &Case, exercise: Option<Exercise>) {
        let Some(exercise) = exercise.filter(|e| e.phase == Phase::Comparing) else {
            self.difference = None;
            return;
        };
        let fresh = self.difference.as_ref().is_some_and(|d| d.revision == case.revision() && d.exercise == exercise);
        if !fresh {
            let (reference, attempt) = (case.mask(exercise.reference), case.mask(exercise.attempt));
            self.difference = Some(Difference {
                revision: case.revision(),
                exercise,
                missed: reference.difference(attempt),
                extra: attempt.difference(reference),
            });
        }
    }

    /// How every slot is tinted.
    /// `draws` tells which structures a view shows.
    pub fn fills(&self, workbench: &Workbench, draws: impl Fn(&Roi) -> bool) -> Fills {
        let Some(case) = workbench.shown_case() else { return no_fills() };
        let mut fills = [Fill::default(); SLOTS];
        for (fill, id) in fills.iter_mut().zip(&self.slots) {
            *fill = match *id {
                MISSED | EXTRA if workbench.view.hides_contours() => Fill::default(),
                MISSED => solid(MISSED_COLOR, 0.45),
                EXTRA => solid(EXTRA_COLOR, 0.45),
                id => match case.structures().get(id) {
                    Some(roi) if workbench.is_shown(id) && draws(roi) => {
                        let compared = self
                            .difference
                            .as_ref()
                            .is_some_and(|d| [d.exercise.reference, d.exercise.attempt].contains(&id));
                        let opacity = if compared { 0.0 } else { workbench.view.drawn_opacity(id) };
                        projection::fill(workbench, roi).unwrap_or_else(|| Fill {
                            color: roi.color,
                            opacity,
                            hatched: is_open_proposal(roi),
                        })
                    }
                    _ => Fill::default(),
                },
            };
        }
        Arc::new(fills)
    }
}

/// Brings the renderer to the chosen overlay; hiding it leaves it there. Where the graphics memory does not suffice the
/// processor draws from now on.
fn sync_overlay(
    renderer: &mut SliceRenderer,
    held: &mut Option<Arc<Array3<f32>>>,
    workbench: &Workbench,
    case: &Case,
) -> Result<(), GpuError> {
    let chosen = workbench.chosen_overlay().and_then(|o| o.loaded.as_ref()).map(|l| &l.volume);
    let same = match (held.as_ref(), chosen) {
        (Some(held), Some(chosen)) => Arc::ptr_eq(held, &chosen.values),
        (None, None) => true,
        _ => false,
    };
    if let Some(chosen) = chosen.filter(|_| same) {
        renderer.move_overlay(chosen.ct_from_overlay);
    }
    if same {
        return Ok(());
    }
    *held = chosen.map(|volume| Arc::clone(&volume.values));
    renderer.set_overlay(chosen).or_else(|error| {
        renderer.fall_back(&case.image.volume);
        renderer.set_overlay(chosen)?;
        Err(error)
    })
}

impl Scene {
    /// Colours of the 3D view, and how much each shown structure hides, 0 to 1.
    pub fn solid_fills(&self, workbench: &Workbench, solidity: impl Fn(&Roi) -> f32) -> Fills {
        let Some(case) = workbench.shown_case() else { return no_fills() };
        let mut fills = [Fill::default(); SLOTS];
        for (fill, id) in fills.iter_mut().zip(&self.slots) {
            let roi = case.structures().get(*id).filter(|roi| workbench.is_shown(roi.id));
            *fill = roi.map_or_else(Fill::default, |roi| {
                let color = projection::fill(workbench, roi).filter(|f| f.opacity > 0.0).map_or(roi.color, |f| f.color);
                Fill { color, opacity: solidity(roi), hatched: false }
            });
        }
        Arc::new(fills)
    }
}

fn solid(color: Color32, opacity: f32) -> Fill {
    let [r, g, b, _] = color.to_array();
    Fill { color: [r, g, b], opacity, hatched: false }
}

/// A proposal that nobody has worked on yet; drawn dashed and striped.
pub fn is_open_proposal(roi: &Roi) -> bool {
    matches!(roi.provenance, Provenance::Proposed { .. }) && roi.generation == Generation::Automatic
}

/// The structures of a side to outline, in drawing order, each with its name for people.
pub fn structures<'a>(workbench: &'a Workbench, rois: &[&'a Roi], names: &'a [String]) -> Vec<ViewStructure<'a>> {
    /// How much wider the selected structure is drawn.
    const SELECTED: f32 = 1.6;
    /// What the rules draw and what does not move with the landmark that is dragged.
    const FAINT: f32 = 0.4;
    let hangs = |roi: &Roi| matches!(roi.role, Role::Station(station) if workbench.hangs_on_held(station));
    let structure = |(roi, name): (&&'a Roi, &'a String)| {
        let active = workbench.view.selected == Some(roi.id);
        let width = workbench.view.line_width(roi.id);
        let outline = is_rule_outline(roi.id);
        let recurrence = roi.id == RECURRENCE;
        ViewStructure {
            roi,
            width: if outline {
                1.0
            } else if active || recurrence {
                width * SELECTED
            } else {
                width
            },
            opacity: if outline && !hangs(roi) { FAINT } else { workbench.view.line_opacity(roi.id) },
            dashed: roi.id == PREVIEW || workbench.view.dashed(roi.id).unwrap_or_else(|| is_open_proposal(roi)),
            active,
            label: name,
            fill_only: workbench.view.style(roi.id) == ContourStyle::Fill && !recurrence,
        }
    };
    rois.iter().zip(names).map(structure).collect()
}

/// All ROIs if they have room, else the visible ones first; then the difference.
fn slots(workbench: &Workbench, case: &Case, compared: bool) -> Vec<RoiId> {
    let room = SLOTS - if compared { 2 } else { 0 };
    let rois = &case.structures().rois;
    let mut slots: Vec<RoiId> = rois.iter().map(|r| r.id).collect();
    if slots.len() > room {
        // A change of the list sends every mask again, so it depends on what is visible only where it must.
        slots.sort_by_key(|id| !workbench.view.is_visible(*id));
        slots.truncate(room);
    }
    if compared {
        slots.extend([MISSED, EXTRA]);
    }
    slots
}

/// Gaps between slices further apart than one and a half times the usual distance.
fn gaps_mm(grid: &VoxelGrid) -> Vec<[f64; 2]> {
    let usual = grid.median_spacing_mm();
    grid.positions_mm()
        .windows(2)
        .filter(|pair| pair[1] - pair[0] > 1.5 * usual)
        .map(|pair| [pair[0] + usual / 2.0, pair[1] - usual / 2.0])
        .collect()
}

struct CaseMasks<'a> {
    case: &'a Case,
    slots: &'a [RoiId],
    difference: Option<&'a Difference>,
}

impl MaskSource for CaseMasks<'_> {
    fn revision(&self) -> Revision {
        self.case.revision()
    }

    fn slots(&self) -> &[RoiId] {
        self.slots
    }

    fn changed_slices(&self, since: Revision) -> Option<Vec<usize>> {
        let slices: BTreeSet<usize> =
            self.case.changes_since(since).iter().flat_map(|c| c.slices.iter().copied()).collect();
        Some(slices.into_iter().collect())
    }

    fn slice(&self, slot: usize, k: usize) -> Option<&Arc<SliceMask>> {
        let mask = match *self.slots.get(slot)? {
            MISSED => &self.difference?.missed,
            EXTRA => &self.difference?.extra,
            id => self.case.mask(id),
        };
        mask.slices.get(&k)
    }
}
