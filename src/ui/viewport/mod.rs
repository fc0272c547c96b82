//! The image view: a slice of the scan with outlines, overlays and pointer input in patient mm.
//!
//! It knows nothing of the workbench: it takes a scan, structures, a crosshair and styles, changes
//! nothing but its own camera, and tells what the pointer did.

mod chart;
mod input;
mod isodoses;
mod labels;
mod legend;
mod outlines;
mod overlays;
pub mod preview;
mod scrub;
mod thinning;
mod touch;
mod transform;

pub use chart::DifferenceBar;
pub use input::{DoubleClicks, ViewEvent};
pub use isodoses::Isodose;
pub use legend::OverlayLegend;
pub use outlines::{CutCache, CutLine, Polyline, along, along_slices};
pub(in crate::ui) use overlays::{letters_of, text};
pub use overlays::{notice, position_words, signed, window_words};
pub use scrub::SliceMarks;
pub use transform::{Camera, ViewTransform};

use crate::geometry::{Orientation, PatientPoint, VoxelGrid};
use crate::gpu::{Fills, OverlayLook, SliceFrame, SliceRenderer};
use crate::image::{CtVolume, OverlayVolume, Sampling, Slab, WindowLevel};
use crate::structures::{Roi, RoiId};
use crate::ui::theme;
use crate::words::told;
use eframe::egui::emath::GuiRounding as _;
use eframe::egui::{
    self, Color32, Context, CursorIcon, Id, Painter, Pos2, Rect, Response, Role, Sense, Shape, Stroke, Ui, Vec2,
    WidgetInfo,
};
use input::InputState;
use isodoses::IsodoseCache;
use std::sync::Arc;
use thinning::on_screen;

/// A structure to outline.
#[derive(Clone, Copy)]
pub struct ViewStructure<'a> {
    pub roi: &'a Roi,
    /// Width of the line, points.
    pub width: f32,
    /// 0 to 1.
    pub opacity: f32,
    /// A proposal that nobody has accepted.
    pub dashed: bool,
    /// The structure that the tools change: drawn last, with a dark edge.
    pub active: bool,
    /// Its name for people, for labels and tooltips.
    pub label: &'a str,
    /// Draw no outline, the fill only.
    pub fill_only: bool,
}

/// The brush as the views show it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Brush {
    pub radius_mm: f64,
    pub erase: bool,
    /// Middle of a spherical brush that hovers in another view.
    pub sphere_at: Option<PatientPoint>,
}

/// Which overlays are wanted.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct Show {
    pub crosshair: bool,
    pub letters: bool,
    pub scale_bar: bool,
    pub texts: bool,
    pub outlines: bool,
}

impl Default for Show {
    fn default() -> Self {
        Self { crosshair: true, letters: true, scale_bar: true, texts: true, outlines: true }
    }
}

/// Values laid over the scan. The renderer holds them for the colours.
#[derive(Clone)]
pub struct OverlayView<'a> {
    pub volume: &'a OverlayVolume,
    /// `None` draws no colours.
    pub look: Option<Arc<OverlayLook>>,
    /// Lines, the lowest level first.
    pub isodoses: &'a [Isodose],
    pub labels: bool,
    pub legend: Option<&'a OverlayLegend>,
    /// The value at a point, for people.
    pub words: &'a dyn Fn(PatientPoint) -> Option<String>,
}

/// What only some views have.
#[derive(Clone, Copy, Default)]
pub struct ViewExtras<'a> {
    /// Instead of the name of the plane.
    pub title: Option<&'a str>,
    /// Of the window, after its numbers.
    pub window_name: Option<&'a str>,
    /// Names beside the contours.
    pub labels: bool,
    pub marks: Option<&'a SliceMarks>,
    /// A bar for every slice, and the distance at which it is longest, mm.
    pub differences: Option<(&'a [DifferenceBar], f64)>,
}

/// Everything that a view shows in a frame.
pub struct ViewInput<'a> {
    pub grid: &'a VoxelGrid,
    /// For the value under the cursor; `None` while loading.
    pub volume: Option<&'a CtVolume>,
    /// The plane goes through it.
    pub crosshair: PatientPoint,
    pub window: WindowLevel,
    pub sampling: Sampling,
    /// Shown instead of the plane; structures and overlay stay those of the plane.
    pub slab: Option<Slab>,
    /// In drawing order.
    pub structures: &'a [ViewStructure<'a>],
    pub fills: Fills,
    pub overlay: Option<OverlayView<'a>>,
    /// What the colours of the stations mean, where a map is shown on them.
    pub map_legend: Option<&'a OverlayLegend>,
    /// Shown below the name of the view; `None` where identifiers are hidden.
    pub patient: Option<&'a str>,
    pub brush: Option<Brush>,
    /// Of the tool, while nothing is pressed.
    pub cursor: CursorIcon,
    /// Where slices are missing: positions along the normal of the grid, mm.
    pub gaps_mm: &'a [[f64; 2]],
    pub show: Show,
    /// The view in use.
    pub active: bool,
    pub extras: ViewExtras<'a>,
}

/// What the pointer did in a view.
pub struct ViewRead {
    pub events: Vec<ViewEvent>,
    /// As the view will be drawn, unless the events move its plane.
    pub transform: ViewTransform,
    /// The patient point under the pointer.
    pub hovered: Option<PatientPoint>,
}

/// What a view tells when it was drawn.
pub struct ViewOutput {
    pub response: Response,
    /// For drawing more on the view, and for finding places in tests.
    pub transform: ViewTransform,
    /// The patient point under the pointer, and its CT number.
    pub hovered: Option<(PatientPoint, Option<i16>)>,
    /// What was chosen in the strip beside it.
    pub goal: Option<ViewEvent>,
}

/// One view on the screen, kept between frames.
pub struct View {
    /// Number of the view, below [`crate::gpu::VIEWS`].
    pub index: usize,
    pub orientation: Orientation,
    pub camera: Camera,
    /// The accessible name.
    pub name: String,
    input: InputState,
    /// Where it was last drawn.
    place: Option<(Id, Rect)>,
    cuts: CutCache,
    isodoses: IsodoseCache,
}

impl View {
    pub fn new(index: usize, orientation: Orientation) -> Self {
        Self {
            index,
            orientation,
            camera: Camera::default(),
            name: format!("{orientation} view"),
            input: InputState::default(),
            place: None,
            cuts: CutCache::default(),
            isodoses: IsodoseCache::default(),
        }
    }

    /// The same view under a name of its own, where two show the same orientation.
    pub fn named(self, name: &str) -> Self {
        Self { name: name.to_owned(), ..self }
    }

    /// True while a button that went down in this view is down.
    pub fn is_busy(&self) -> bool {
        self.input.is_busy()
    }

    /// Reads what the pointer did since the view was last drawn, so that its consequences are drawn in the same frame;
    /// pans and zooms the camera. `None` where the view was not drawn in the last frame.
    pub fn read(
        &mut self,
        context: &Context,
        grid: &VoxelGrid,
        crosshair: PatientPoint,
        window: WindowLevel,
    ) -> Option<ViewRead> {
        let (id, rect) = self.place?;
        let response = context.read_response(id)?;
        let place = |camera: &Camera| ViewTransform::new(grid, self.orientation, crosshair, camera, rect);
        let before = place(&self.camera);
        let events = self.input.read(&response, &before, &mut self.camera, window);
        let transform = place(&self.camera);
        let hovered = self.pointer(&response, rect).map(|at| transform.patient_from_screen(at));
        Some(ViewRead { events, transform, hovered })
    }

    /// The pointer over the view; a stroke that began here keeps it while something else lies between.
    fn pointer(&self, response: &Response, rect: Rect) -> Option<Pos2> {
        let dragging = || self.input.is_busy().then(|| response.ctx.pointer_latest_pos()).flatten();
        response.hover_pos().or_else(dragging).filter(|at| rect.contains(*at))
    }

    /// Shows the view in a space of this size, points.
    pub fn show(&mut self, ui: &mut Ui, size: Vec2, renderer: &mut SliceRenderer, input: &ViewInput<'_>) -> ViewOutput {
        let (whole, _) = ui.allocate_exact_size(size, Sense::hover());
        // On whole pixels, so that a voxel is as sharp in the last row as in the first.
        let whole = whole.round_to_pixels(ui.pixels_per_point());
        let split = whole.right() - scrub::width(self.orientation, input.extras.differences.is_some());
        let rect = Rect::from_min_max(whole.min, Pos2::new(split, whole.bottom()));
        let strip = Rect::from_min_max(Pos2::new(split, whole.top()), whole.max);
        let id = ui.scope_id().with(("view", self.index));
        let response = ui.interact(rect, id, Sense::click_and_drag());
        response.widget_info(|| WidgetInfo::labeled(Role::Canvas, true, told(&self.name)));

        self.place = Some((id, rect));
        let transform = ViewTransform::new(input.grid, self.orientation, input.crosshair, &self.camera, rect);
        let pointer = self.pointer(&response, rect);
        let hovered = pointer.map(|at| {
            let p = transform.patient_from_screen(at);
            (p, input.volume.and_then(|v| v.hu_at(p)))
        });

        let painter = ui.painter_at(rect);
        painter.rect_filled(rect, 0.0, theme::IMAGE);
        let [r, g, b, _] = theme::IMAGE.to_array();
        renderer.paint(
            &painter,
            rect,
            SliceFrame {
                view: self.index,
                plane: transform.plane,
                center: transform.center(),
                mm_per_point: transform.mm_per_point,
                window: input.window,
                sampling: input.sampling,
                slab: input.slab,
                background: [r, g, b],
                fills: input.fills.clone(),
                overlay: input.overlay.as_ref().and_then(|o| o.look.clone()),
            },
        );
        overlays::gaps(&painter, &transform, input);
        let mut isodose_lines = Vec::new();
        if let Some(overlay) = input.overlay.as_ref().filter(|o| !o.isodoses.is_empty()) {
            let OverlayView { volume, isodoses, .. } = *overlay;
            isodose_lines = self.isodoses.paint(&painter, &transform, input.grid, volume, isodoses);
        }
        if input.show.outlines {
            self.outlines(&painter, &transform, input);
        }
        if let Some(overlay) = input.overlay.as_ref().filter(|o| o.labels) {
            isodoses::labels(&painter, &transform, overlay.isodoses, &isodose_lines);
        }
        if input.show.crosshair {
            overlays::crosshair(&painter, &transform, input.crosshair);
        }
        if input.show.letters {
            overlays::letters(&painter, &transform);
        }
        if input.show.scale_bar && rect.width() > 200.0 {
            overlays::scale_bar(&painter, &transform);
        }
        if input.show.texts {
            overlays::texts(&painter, &transform, input, hovered);
        }
        if let Some(legend) = input.overlay.as_ref().and_then(|o| o.legend).or(input.map_legend) {
            legend::paint(&painter, &transform, legend);
        }
        let idle = pointer.is_some() && !self.input.is_panning();
        if let Some(brush) = &input.brush {
            overlays::brush(&painter, &transform, brush, pointer.filter(|_| idle));
        }
        overlays::edge(&painter, rect, input.active);
        let (_, goal) = scrub::show(ui, strip, &transform, input);
        let cursor = if idle { input.cursor } else { CursorIcon::Crosshair };
        let response = response.on_hover_cursor(input::cursor(&self.input, cursor));
        ViewOutput { response, transform, hovered, goal }
    }

    fn outlines(&mut self, painter: &Painter, view: &ViewTransform, input: &ViewInput<'_>) {
        let ids: Vec<RoiId> = input.structures.iter().map(|s| s.roi.id).collect();
        self.cuts.keep_only(&ids);
        let axial = along_slices(input.grid, &view.plane);
        let slice = input.grid.nearest_slice(input.grid.plane_from_patient(view.plane.origin).1);
        type Structures<'a> = Vec<&'a ViewStructure<'a>>;
        let (active, others): (Structures<'_>, Structures<'_>) = input.structures.iter().partition(|s| s.active);
        let mut wanted = Vec::new();
        for structure in others.into_iter().chain(active) {
            let lines = if axial {
                structure.roi.slices.get(&slice).map(|c| along(input.grid, &view.plane, c)).unwrap_or_default()
            } else {
                self.cuts.across(input.grid, &view.plane, structure.roi)
            };
            for line in lines.iter().filter(|_| !structure.fill_only) {
                paint_outline(painter, view, line, structure);
            }
            if axial && input.extras.labels {
                wanted.extend(labels::wanted(view, structure, &lines));
            }
        }
        labels::paint(painter, view, &wanted);
    }
}

fn paint_outline(painter: &Painter, view: &ViewTransform, line: &Polyline, structure: &ViewStructure<'_>) {
    let points = on_screen(view, line);
    if points.len() < 2 || !Rect::from_points(&points).expand(3.0).intersects(view.rect) {
        return;
    }
    let color = theme::faded(theme::from_srgb(structure.roi.color), structure.opacity);
    paint_line(painter, points, line.closed, Stroke::new(structure.width, color), structure.dashed, structure.active);
}

/// The painter prolongs the corners of closed lines to a point: where a line turns back, across the whole view.
/// Corners of open lines it cuts off, so a closed line with such a corner is made an open one that ends where it starts.
fn without_spikes(mut points: Vec<Pos2>) -> (Vec<Pos2>, bool) {
    let n = points.len();
    let is_sharp = |i: usize| {
        let [from, to] = [points[i] - points[(i + n - 1) % n], points[(i + 1) % n] - points[i]];
        from.normalized().dot(to.normalized()) < -0.2
    };
    if !(0..n).any(is_sharp) {
        return (points, true);
    }
    let blunt = (0..n).find(|i| !is_sharp(*i)).unwrap_or(0);
    points.rotate_left(blunt);
    points.push(points[0]);
    (points, false)
}

/// A line on the image; `edged` puts a dark line below it.
pub fn paint_line(painter: &Painter, points: Vec<Pos2>, closed: bool, stroke: Stroke, dashed: bool, edged: bool) {
    let (mut points, closed) = if closed { without_spikes(points) } else { (points, false) };
    let solid = |points: Vec<Pos2>, stroke: Stroke| {
        if closed { Shape::closed_line(points, stroke) } else { Shape::line(points, stroke) }
    };
    if edged && stroke.color.a() == u8::MAX {
        let under = Stroke::new(stroke.width + 2.0, Color32::from_black_alpha(110));
        painter.add(solid(points.clone(), under));
    }
    if dashed {
        if closed {
            points.push(points[0]);
        }
        painter.extend(Shape::dashed_line(&points, stroke, 5.0, 3.5));
    } else {
        painter.add(solid(points, stroke));
    }
}

/// Draws a line given in the coordinates of the plane, e.g. a difference or a measurement.
pub fn paint_polyline(painter: &Painter, view: &ViewTransform, line: &Polyline, stroke: Stroke, dashed: bool) {
    let points = on_screen(view, line);
    if points.len() > 1 {
        paint_line(painter, points, line.closed, stroke, dashed, false);
    }
}

/// Places the usual three views: axial large on the left, sagittal and coronal beside it.
pub fn three_views(area: Rect, gap: f32) -> [Rect; 3] {
    let left = (area.width() * 0.6).round();
    let height = ((area.height() - gap) / 2.0).round();
    let right_x = area.left() + left + gap;
    [
        Rect::from_min_size(area.min, egui::vec2(left, area.height())),
        Rect::from_min_max(Pos2::new(right_x, area.top()), Pos2::new(area.right(), area.top() + height)),
        Rect::from_min_max(Pos2::new(right_x, area.top() + height + gap), area.max),
    ]
}

#[cfg(test)]
mod tests {
    use super::without_spikes;
    use eframe::egui::Pos2;

    #[test]
    fn a_closed_line_that_turns_back_is_drawn_as_an_open_one() {
        let at = |points: &[[f32; 2]]| points.iter().map(|p| Pos2::from(*p)).collect::<Vec<_>>();
        let square = at(&[[0.0, 0.0], [9.0, 0.0], [9.0, 9.0], [0.0, 9.0]]);
        assert_eq!(without_spikes(square.clone()), (square, true));
        let needle = at(&[[5.0, 50.0], [0.0, 0.0], [10.0, 0.0]]);
        let (open, closed) = without_spikes(needle);
        assert_eq!((open.first(), open.last(), open.len(), closed), (open.last(), open.first(), 4, false));
        assert!(!without_spikes(at(&[[0.0, 0.0], [9.0, 0.0]])).1, "there and back");
    }
}
