//! The menu of a right click in a view: what applies at that point.

use super::privacy;
use super::request::{CommandSender, WindowRequest};
use super::widgets::action_item;
use crate::geometry::PatientPoint;
use crate::structures::Roi;
use crate::words::t;
use crate::workbench::{Action, Command, ViewCommand, Workbench};
use eframe::egui::Ui;

/// The shown structures that a point lies in, the smallest in its slice first.
pub fn structures_at(workbench: &Workbench, point: PatientPoint) -> Vec<&Roi> {
    let Some(case) = workbench.shown_case() else { return Vec::new() };
    let (uv, n) = case.grid().plane_from_patient(point);
    let k = case.grid().nearest_slice(n);
    let area = |roi: &Roi| {
        let rings = roi.slices.get(&k).map(|c| c.rings.as_slice()).unwrap_or_default();
        rings.iter().map(|r| r.signed_area_mm2().abs()).fold(0.0, f64::max)
    };
    let inside = |roi: &&Roi| workbench.is_shown(roi.id) && roi.slices.get(&k).is_some_and(|c| c.contains(uv));
    let mut found: Vec<&Roi> = case.structures().rois.iter().filter(inside).collect();
    found.sort_by(|a, b| area(a).total_cmp(&area(b)));
    found
}

/// Shows the menu for a point of a view.
pub fn view_menu_ui(
    ui: &mut Ui,
    workbench: &Workbench,
    sender: &CommandSender,
    view: usize,
    maximized: bool,
    point: Option<PatientPoint>,
) {
    const MOST: usize = 8;
    ui.set_min_width(220.0);
    if let Some(point) = point {
        for roi in structures_at(workbench, point).into_iter().take(MOST) {
            let name = privacy::words(workbench, &roi.name);
            ui.menu_button(name, |ui| structure_items(ui, workbench, sender, roi));
        }
        ui.separator();
        item(ui, t("Bring all views here"), || sender.send(Command::SetCrosshair(point)));
    }
    let label = if maximized { t("Show all views") } else { t("This view alone") };
    item(ui, label, || sender.send(WindowRequest::Maximize((!maximized).then_some(view))));
    let own = workbench.view.own_windows.contains_key(&view);
    let label = if own { t("Window of all views") } else { t("Window of this view alone") };
    item(ui, label, || {
        let window = (!own).then(|| workbench.view.window_of(view));
        sender.send(Command::View(ViewCommand::SetOwnWindow { view, window }));
    });
    ui.separator();
    for action in [Action::MeasureDistance, Action::MeasureAngle, Action::MeasureCircle, Action::ClearMeasurements] {
        action_item(ui, workbench, sender, action);
    }
    ui.separator();
    for action in [Action::ContourLabels, Action::ToggleContours] {
        action_item(ui, workbench, sender, action);
    }
}

fn structure_items(ui: &mut Ui, workbench: &Workbench, sender: &CommandSender, roi: &Roi) {
    let id = roi.id;
    item(ui, t("Select"), || sender.send(Command::SelectRoi(Some(id))));
    item(ui, t("Hide"), || sender.send(Command::SetVisible { roi: id, visible: false }));
    let alone = workbench.view.isolating && workbench.view.selected == Some(id);
    item(ui, if alone { t("Show all again") } else { t("Isolate") }, || {
        sender.send(Command::SelectRoi(Some(id)));
        sender.send(Command::View(ViewCommand::SetIsolating(!alone)));
    });
    item(ui, t("Go to its middle"), || {
        sender.send(Command::SelectRoi(Some(id)));
        sender.send(Command::GoToRoi(id));
    });
}

fn item(ui: &mut Ui, label: &str, run: impl FnOnce()) {
    if ui.button(label).clicked() {
        run();
        ui.close();
    }
}
