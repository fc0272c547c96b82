//! Where the views stand, and the lines between them.

use super::theme;
use crate::words::t;
use crate::workbench::ViewLayout;
use eframe::egui::{self, CursorIcon, Rect, Role, Sense, Ui, WidgetInfo, pos2};

/// A cell of the window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ViewSlot {
    /// A view through the scan, by its number.
    Slice(usize),
    /// The structures as solids.
    Solid,
}

/// Numbers of the views.
pub const AXIAL: usize = 0;
pub const SAGITTAL: usize = 1;
pub const CORONAL: usize = 2;
/// The left one of two axial views side by side.
pub const LEFT: usize = 3;
/// The structures as solids.
pub const SOLID: usize = 4;

const GAP: f32 = 4.0;

/// Cells and places of a layout whose first view takes these shares of width and height, and the shares after lines
/// were dragged; true once a line was let go.
pub fn cells(ui: &mut Ui, area: Rect, layout: ViewLayout, shares: &mut [f32; 2]) -> (Vec<(ViewSlot, Rect)>, bool) {
    let x = (area.left() + area.width() * shares[0]).round();
    let y = (area.top() + area.height() * shares[1]).round();
    let half = GAP / 2.0;
    let upright = Rect::from_min_max(pos2(x - half, area.top()), pos2(x + half, area.bottom()));
    let level_from = if layout == ViewLayout::Four { area.left() } else { x + half };
    let level = Rect::from_min_max(pos2(level_from, y - half), pos2(area.right(), y + half));
    let names = match layout {
        ViewLayout::Axial => [t("Width of the axial view"), t("Height of the sagittal view")],
        ViewLayout::Four => [t("Width of the left views"), t("Height of the upper views")],
        ViewLayout::Compare => [t("Width of the left view"), ""],
    };
    let mut done = false;
    if let Some((to, stopped)) = splitter(ui, upright, names[0], CursorIcon::ResizeHorizontal) {
        shares[0] = ((to.x - area.left()) / area.width().max(1.0)).clamp(0.2, 0.8);
        done |= stopped;
    }
    if layout != ViewLayout::Compare
        && let Some((to, stopped)) = splitter(ui, level, names[1], CursorIcon::ResizeVertical)
    {
        shares[1] = ((to.y - area.top()) / area.height().max(1.0)).clamp(0.2, 0.8);
        done |= stopped;
    }
    let (top, bottom, left, right) = (area.top(), area.bottom(), area.left(), area.right());
    let cell = |x0: f32, y0: f32, x1: f32, y1: f32| Rect::from_min_max(pos2(x0, y0), pos2(x1, y1));
    let cells = match layout {
        ViewLayout::Axial => vec![
            (ViewSlot::Slice(AXIAL), cell(left, top, x - half, bottom)),
            (ViewSlot::Slice(SAGITTAL), cell(x + half, top, right, y - half)),
            (ViewSlot::Slice(CORONAL), cell(x + half, y + half, right, bottom)),
        ],
        ViewLayout::Four => vec![
            (ViewSlot::Slice(AXIAL), cell(left, top, x - half, y - half)),
            (ViewSlot::Slice(SAGITTAL), cell(x + half, top, right, y - half)),
            (ViewSlot::Slice(CORONAL), cell(left, y + half, x - half, bottom)),
            (ViewSlot::Solid, cell(x + half, y + half, right, bottom)),
        ],
        ViewLayout::Compare => vec![
            (ViewSlot::Slice(LEFT), cell(left, top, x - half, bottom)),
            (ViewSlot::Slice(AXIAL), cell(x + half, top, right, bottom)),
        ],
    };
    (cells, done)
}

/// A line to drag; tells where it was dragged to, and whether it was let go.
fn splitter(ui: &mut Ui, rect: Rect, name: &str, cursor: CursorIcon) -> Option<(egui::Pos2, bool)> {
    let id = ui.scope_id().with(("splitter", name));
    let response = ui.interact(rect.expand(2.0), id, Sense::drag()).on_hover_and_drag_cursor(cursor);
    response.widget_info(|| WidgetInfo::labeled(Role::Splitter, true, name));
    if response.hovered() || response.dragged() {
        ui.painter().rect_filled(rect, 0.0, theme::ACCENT_FILL);
    }
    let stopped = response.drag_stopped();
    response.interact_pointer_pos().filter(|_| stopped || response.dragged()).map(|at| (at, stopped))
}
