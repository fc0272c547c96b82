//! One tool of each kind, and the options that they share.

use super::brush::{Brush, BrushShape, PaintMode};
use super::cut::Cut;
use super::flood::Flood;
use super::freehand::Freehand;
use super::livewire::Livewire;
use super::nudge::Nudge;
use super::outline::Outline;
use super::remove::Remove;
use super::transform::Transform;
use super::{Cursor, EditMode, Preview, Tool, ToolAction, ToolContext, ToolEvent};

/// The pointer tools.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Hash,
    Default,
    strum::EnumIter,
    strum::Display,
    serde::Serialize,
    serde::Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum ToolKind {
    /// Crosshair, pan, zoom.
    #[default]
    Navigate,
    Brush,
    Eraser,
    Freehand,
    Polygon,
    Spline,
    Nudge,
    Livewire,
    Cut,
    Flood,
    Delete,
    Transform,
}

/// What the tools have in common; a change of tool does not change what a stroke covers.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ToolOptions {
    /// Radius of brush, eraser and nudge, mm.
    pub radius_mm: f64,
    pub shape: BrushShape,
    /// Of the brush and of every tool that draws an area.
    pub mode: PaintMode,
    /// How far beyond the disc a nudge reaches, as a part of its radius.
    pub softness: f64,
    /// How far CT numbers of a flood may be from that of its seed, HU.
    pub flood_tolerance_hu: i16,
    /// How far a flood over several slices goes from its seed, mm.
    pub flood_radius_mm: f64,
}

impl Default for ToolOptions {
    fn default() -> Self {
        Self {
            radius_mm: 6.0,
            shape: BrushShape::Disc,
            mode: PaintMode::Add,
            softness: 0.5,
            flood_tolerance_hu: 60,
            flood_radius_mm: 25.0,
        }
    }
}

impl ToolOptions {
    pub const SMALLEST_RADIUS_MM: f64 = 0.5;
    pub const LARGEST_RADIUS_MM: f64 = 60.0;
    pub const SOFTNESS: [f64; 2] = [0.1, 2.0];
    pub const FLOOD_TOLERANCE_HU: [i16; 2] = [1, 1000];
    pub const FLOOD_RADIUS_MM: [f64; 2] = [2.0, 60.0];

    /// The same options within their limits; what is no number becomes what it was before.
    #[must_use]
    pub fn within_limits(self, before: &Self) -> Self {
        let number = |wanted: f64, before: f64, least: f64, most: f64| {
            if wanted.is_finite() { wanted.clamp(least, most) } else { before }
        };
        Self {
            radius_mm: number(self.radius_mm, before.radius_mm, Self::SMALLEST_RADIUS_MM, Self::LARGEST_RADIUS_MM),
            softness: number(self.softness, before.softness, Self::SOFTNESS[0], Self::SOFTNESS[1]),
            flood_tolerance_hu: self.flood_tolerance_hu.clamp(Self::FLOOD_TOLERANCE_HU[0], Self::FLOOD_TOLERANCE_HU[1]),
            flood_radius_mm: number(
                self.flood_radius_mm,
                before.flood_radius_mm,
                Self::FLOOD_RADIUS_MM[0],
                Self::FLOOD_RADIUS_MM[1],
            ),
            shape: self.shape,
            mode: self.mode,
        }
    }

    /// The radius after some steps of the keys or the wheel, each a tenth and at least half a millimetre.
    pub fn radius_after(&self, steps: i32) -> f64 {
        self.radius_mm + (self.radius_mm * 0.1).max(0.5) * f64::from(steps)
    }
}

/// The tools of a workbench.
#[derive(Debug, Clone)]
pub struct ToolBox {
    kind: ToolKind,
    options: ToolOptions,
    brush: Brush,
    eraser: Brush,
    freehand: Freehand,
    polygon: Outline,
    spline: Outline,
    nudge: Nudge,
    livewire: Livewire,
    cut: Cut,
    flood: Flood,
    remove: Remove,
    transform: Transform,
}

impl Default for ToolBox {
    fn default() -> Self {
        Self {
            kind: ToolKind::default(),
            options: ToolOptions::default(),
            brush: Brush::new(None),
            eraser: Brush::new(Some(EditMode::Erase)),
            freehand: Freehand::default(),
            polygon: Outline::new(false),
            spline: Outline::new(true),
            nudge: Nudge::default(),
            livewire: Livewire::default(),
            cut: Cut::default(),
            flood: Flood,
            remove: Remove::default(),
            transform: Transform::default(),
        }
    }
}

impl ToolBox {
    pub fn kind(&self) -> ToolKind {
        self.kind
    }

    /// Takes another tool. The one in use must have ended.
    pub(in crate::workbench) fn choose(&mut self, kind: ToolKind) {
        self.kind = kind;
    }

    pub fn options(&self) -> &ToolOptions {
        &self.options
    }

    /// Sets the options within their limits; a stroke under way goes on with the new ones.
    pub(in crate::workbench) fn set_options(&mut self, options: ToolOptions) {
        self.options = options.within_limits(&self.options);
    }

    /// The tool in use; `None` while navigating.
    pub fn active(&self) -> Option<&dyn Tool> {
        Some(match self.kind {
            ToolKind::Navigate => return None,
            ToolKind::Brush => &self.brush,
            ToolKind::Eraser => &self.eraser,
            ToolKind::Freehand => &self.freehand,
            ToolKind::Polygon => &self.polygon,
            ToolKind::Spline => &self.spline,
            ToolKind::Nudge => &self.nudge,
            ToolKind::Livewire => &self.livewire,
            ToolKind::Cut => &self.cut,
            ToolKind::Flood => &self.flood,
            ToolKind::Delete => &self.remove,
            ToolKind::Transform => &self.transform,
        })
    }

    fn active_mut(&mut self) -> Option<&mut dyn Tool> {
        Some(match self.kind {
            ToolKind::Navigate => return None,
            ToolKind::Brush => &mut self.brush,
            ToolKind::Eraser => &mut self.eraser,
            ToolKind::Freehand => &mut self.freehand,
            ToolKind::Polygon => &mut self.polygon,
            ToolKind::Spline => &mut self.spline,
            ToolKind::Nudge => &mut self.nudge,
            ToolKind::Livewire => &mut self.livewire,
            ToolKind::Cut => &mut self.cut,
            ToolKind::Flood => &mut self.flood,
            ToolKind::Delete => &mut self.remove,
            ToolKind::Transform => &mut self.transform,
        })
    }

    /// Gives an event to the tool in use.
    pub(in crate::workbench) fn handle(&mut self, event: ToolEvent, context: &ToolContext<'_>) -> Vec<ToolAction> {
        self.active_mut().map(|tool| tool.handle(event, context)).unwrap_or_default()
    }

    /// True between press and release.
    pub fn is_active(&self) -> bool {
        self.active().is_some_and(Tool::is_active)
    }

    /// True while points of an outline are collected.
    pub fn is_draft(&self) -> bool {
        self.draft_points() > 0
    }

    /// How many points of an outline are collected.
    pub fn draft_points(&self) -> usize {
        self.active().map_or(0, Tool::draft_points)
    }

    /// Forgets what every tool had begun, as when another case comes.
    pub(in crate::workbench) fn forget(&mut self) {
        *self = Self { kind: self.kind, options: self.options, ..Self::default() };
    }

    pub fn preview(&self, context: &ToolContext<'_>) -> Preview {
        self.active().map(|tool| tool.preview(context)).unwrap_or_default()
    }

    pub fn cursor(&self) -> Cursor {
        self.active().map(Tool::cursor).unwrap_or_default()
    }

    /// True for the tools whose size is [`ToolOptions::radius_mm`].
    pub fn has_radius(&self) -> bool {
        matches!(self.kind, ToolKind::Brush | ToolKind::Eraser | ToolKind::Nudge)
    }

    /// True for the tools that follow [`ToolOptions::mode`].
    pub fn has_mode(&self) -> bool {
        use ToolKind::{Brush, Freehand, Livewire, Polygon, Spline};
        matches!(self.kind, Brush | Freehand | Polygon | Spline | Livewire)
    }

    /// True where Backspace and Delete mean the tool.
    pub fn takes_step_back(&self) -> bool {
        matches!(self.kind, ToolKind::Polygon | ToolKind::Spline | ToolKind::Livewire)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_stay_within_their_limits() {
        let before = ToolOptions::default();
        let radius = |radius_mm: f64| ToolOptions { radius_mm, ..before }.within_limits(&before).radius_mm;
        assert_eq!([radius(0.0), radius(1e9), radius(f64::NAN), radius(7.5)], [0.5, 60.0, 6.0, 7.5]);
    }
}
