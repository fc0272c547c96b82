//! The pointer over the views for the tools: what it tells them, and how it looks.

use super::request::CommandSender;
use super::viewport::Brush;
use crate::geometry::{Orientation, PatientPoint};
use crate::workbench::tools::{Cursor, EditMode, Keys, Pointer, ToolEvent};
use crate::workbench::{Command, ToolKind, Workbench};
use eframe::egui::{Context, CursorIcon, Id, Modifiers, Ui};

/// How near a vertex or handle the pointer must be to mean it, points.
pub const REACH: f64 = 9.0;

/// The pointer as tools know it.
pub fn pointer(at: PatientPoint, orientation: Orientation, modifiers: Modifiers, reach_mm: f64) -> Pointer {
    Pointer { at, orientation, keys: Keys { alt: modifiers.alt, shift: modifiers.shift }, reach_mm }
}

/// Tells the tool where the pointer is, whenever that changes.
pub fn hover(
    context: &Context,
    workbench: &Workbench,
    sender: &CommandSender,
    orientation: Orientation,
    at: PatientPoint,
    reach_mm: f64,
) {
    if workbench.toolbox().active().is_none() || workbench.loading().is_some() {
        return;
    }
    let now = pointer(at, orientation, context.input(|i| i.modifiers), reach_mm);
    let id = Id::unique("pointer of the tools");
    let last = context.data(|data| data.get_temp::<(ToolKind, Pointer)>(id));
    if last != Some((workbench.tool(), now)) {
        context.data_mut(|data| data.insert_temp(id, (workbench.tool(), now)));
        sender.send(Command::Tool(ToolEvent::Move(now)));
    }
}

/// Tells the tool that the pointer has left the views.
pub fn leave(workbench: &Workbench, sender: &CommandSender) {
    if workbench.toolbox().active().is_some() && !workbench.toolbox().is_active() {
        sender.send(Command::Tool(ToolEvent::Leave));
    }
}

/// The circle of the tools that have a radius. `hovered` is the view that the pointer is over, and where.
pub fn brush(ui: &Ui, workbench: &Workbench, hovered: Option<(usize, PatientPoint)>, view: usize) -> Option<Brush> {
    let tools = workbench.toolbox();
    if workbench.loading().is_some() || !tools.has_radius() {
        return None;
    }
    let context = workbench.tool_context()?;
    let keys = Keys { alt: ui.input(|i| i.modifiers.alt), shift: false };
    let mode = match (tools.kind(), hovered) {
        (ToolKind::Eraser, _) if keys.alt => EditMode::Add,
        (ToolKind::Eraser, _) => EditMode::Erase,
        (ToolKind::Brush, Some((_, at))) => context.mode(&Pointer::new(at, Orientation::Axial).with(keys)),
        _ => EditMode::Add,
    };
    let sphere_at = hovered.filter(|(over, _)| context.is_ball() && *over != view).map(|(_, point)| point);
    Some(Brush { radius_mm: tools.options().radius_mm, erase: mode == EditMode::Erase, sphere_at })
}

/// The cursor over the views.
pub fn cursor(workbench: &Workbench) -> CursorIcon {
    if workbench.loading().is_some() {
        return CursorIcon::Crosshair;
    }
    if let Some(id) = workbench.anatomy().held().map(|(id, _)| id).or(workbench.anatomy().hovered) {
        return if id.is_point() { CursorIcon::Move } else { CursorIcon::ResizeVertical };
    }
    match workbench.toolbox().cursor() {
        Cursor::Cross => CursorIcon::Crosshair,
        Cursor::Hidden => CursorIcon::None,
        Cursor::Hand => CursorIcon::PointingHand,
        Cursor::Move => CursorIcon::Move,
    }
}
