//! The window of operations on whole structures: what is made of what, with which millimetres, where it goes, and what
//! it did.

use super::icons::Icon;
use super::panel::PanelInput;
use super::privacy::words;
use super::theme;
use super::widgets::{cm3, faint, primary_button, role_words, segmented, status_line, value_row};
use crate::contour::{Margins, Smoothing};
use crate::structures::{Operation, Recipe, RoiId, Role};
use crate::tf;
use crate::words::{t, told};
use crate::workbench::jobs::JobKey;
use crate::workbench::{Command, Keep, OperationCommand, OperationRequest, Target, Workbench, operation_label};
use eframe::egui::{self, Align2, ComboBox, DragValue, RichText, ScrollArea, TextEdit, Ui};

/// What is half filled in.
#[derive(Debug)]
pub struct OperationsState {
    /// Place in [`operations`].
    chosen: usize,
    of: Vec<RoiId>,
    inside: Vec<RoiId>,
    outside: Vec<RoiId>,
    margins: Margins,
    one_margin: bool,
    smoothing: Smoothing,
    island_cm3: f64,
    all_holes: bool,
    hole_cm2: f64,
    tolerance_mm: f64,
    is_new: bool,
    name: String,
    role: Role,
    keep: Keep,
}

impl Default for OperationsState {
    fn default() -> Self {
        Self {
            chosen: 0,
            of: Vec::new(),
            inside: Vec::new(),
            outside: Vec::new(),
            margins: Margins::uniform(5.0),
            one_margin: true,
            smoothing: Smoothing { in_plane_mm: 1.5, between_mm: 0.0 },
            island_cm3: 0.5,
            all_holes: true,
            hole_cm2: 1.0,
            tolerance_mm: 0.5,
            is_new: true,
            name: String::new(),
            role: Role::Other,
            keep: Keep::Nothing,
        }
    }
}

impl OperationsState {
    /// All operations with the numbers that are entered.
    fn operations(&self) -> [Operation; 14] {
        [
            Operation::Margin(self.margins),
            Operation::Shrink(self.margins),
            Operation::Union,
            Operation::Intersection,
            Operation::Difference,
            Operation::SymmetricDifference,
            Operation::Smooth(self.smoothing),
            Operation::KeepIslands { at_least_cm3: self.island_cm3 },
            Operation::LargestIsland,
            Operation::FillHoles { up_to_cm2: (!self.all_holes).then_some(self.hole_cm2) },
            Operation::Simplify { tolerance_mm: self.tolerance_mm },
            Operation::Interpolate,
            Operation::ProposeCtv { margin_mm: self.margins.left },
            Operation::UnionOfTouched,
        ]
    }

    fn operation(&self) -> Operation {
        self.operations()[self.chosen]
    }

    /// What is asked for as it stands. Limits that the operation cannot have are left out.
    fn request(&self) -> OperationRequest {
        let operation = self.operation();
        let spares = matches!(operation, Operation::ProposeCtv { .. });
        let limit = |ids: &Vec<RoiId>, has: bool| if has { ids.clone() } else { Vec::new() };
        let recipe = Recipe {
            operation,
            of: self.of.clone(),
            inside: limit(&self.inside, operation.grows()),
            outside: limit(&self.outside, operation.grows() || spares),
        };
        let target = match (self.is_new, self.of.first()) {
            (false, Some(first)) => Target::Roi(*first),
            _ => Target::New { name: self.name.clone(), role: self.role },
        };
        OperationRequest { recipe, target, keep: if self.is_new { self.keep } else { Keep::Nothing } }
    }

    /// Structures that are gone are not asked for any more; where none is chosen, the selected one is.
    fn follow(&mut self, workbench: &Workbench) {
        let Some(case) = workbench.case() else { return };
        for list in [&mut self.of, &mut self.inside, &mut self.outside] {
            list.retain(|id| case.structures().get(*id).is_some());
        }
        if self.of.is_empty() {
            self.of.extend(workbench.view.selected);
        }
    }
}

/// Shows the window; false when it was closed.
pub fn window(context: &egui::Context, input: &PanelInput<'_>, state: &mut OperationsState) -> bool {
    state.follow(input.workbench);
    let mut open = true;
    let area = context.content_rect();
    let window = egui::Window::new(t("Operations"))
        .id(egui::Id::unique("operations"))
        .open(&mut open)
        .collapsible(false)
        .resizable(false);
    window.pivot(Align2::RIGHT_TOP).default_pos(area.right_top() + egui::vec2(-360.0, 96.0)).show(context, |ui| {
        ui.set_width(360.0);
        ui.set_max_height(area.height() - 140.0);
        ScrollArea::vertical().show(ui, |ui| body(ui, input, state));
    });
    open
}

fn body(ui: &mut Ui, input: &PanelInput<'_>, state: &mut OperationsState) {
    if input.workbench.shown_case().is_none() {
        faint(ui, t("Open a case first"));
        return;
    }
    row(ui, t("Operation"), |ui| {
        let label = told(operation_label(&state.operation()));
        let combo = ComboBox::from_id_salt("operation").width(220.0).height(420.0).selected_text(label);
        let combo = combo.show_ui(ui, |ui| {
            for (n, operation) in state.operations().iter().enumerate() {
                ui.selectable_value(&mut state.chosen, n, told(operation_label(operation)));
            }
        });
        combo.response.accessible_name(t("Kind of operation")).on_hover_text(t("What is done with the structures"));
    });
    let operation = state.operation();
    let of = if operation == Operation::UnionOfTouched { t("CTV, then stations") } else { t("Of") };
    structures_ui(ui, input, of, t("Structures to work on"), &mut state.of);
    numbers_ui(ui, state);
    if operation.grows() {
        structures_ui(ui, input, t("Only inside"), t("Limits: only inside"), &mut state.inside);
    }
    if operation.grows() || matches!(operation, Operation::ProposeCtv { .. }) {
        structures_ui(ui, input, t("Not inside"), t("Limits: never inside"), &mut state.outside);
    }
    result_ui(ui, input, state);
    run_ui(ui, input, state);
    done_ui(ui, input);
    ui.separator();
    resolve_ui(ui, input);
}

fn row(ui: &mut Ui, name: &str, add: impl FnOnce(&mut Ui)) {
    ui.horizontal(|ui| {
        let size = egui::vec2(96.0, ui.spacing().interact_size.y);
        ui.allocate_ui_with_layout(size, egui::Layout::left_to_right(egui::Align::Center), |ui| {
            ui.set_min_width(96.0);
            ui.label(RichText::new(name).color(theme::TEXT_SECONDARY));
        });
        add(ui);
    });
}

/// The structures of a list, each with a button that takes it away, and a menu that adds one.
fn structures_ui(ui: &mut Ui, input: &PanelInput<'_>, name: &str, full: &str, list: &mut Vec<RoiId>) {
    let Some(case) = input.workbench.shown_case() else { return };
    row(ui, name, |ui| {
        ui.horizontal_wrapped(|ui| {
            let mut gone = None;
            for (n, roi) in list.iter().enumerate().filter_map(|(n, id)| Some((n, case.structures().get(*id)?))) {
                let words = words(input.workbench, &roi.name);
                let button = ui.button(format!("{words} ×")).accessible_name(tf!("Without {words}", words));
                if button.on_hover_text(t("Take it off the list")).clicked() {
                    gone = Some(n);
                }
            }
            if let Some(n) = gone {
                list.remove(n);
            }
            let combo = ComboBox::from_id_salt(full).width(24.0).height(420.0).selected_text("+");
            let combo = combo.show_ui(ui, |ui| {
                for roi in case.structures().rois.iter().filter(|roi| !list.contains(&roi.id)).collect::<Vec<_>>() {
                    let words = words(input.workbench, &roi.name);
                    let entry = ui.selectable_label(false, words.as_str()).accessible_name(tf!("Add {words}", words));
                    if entry.clicked() {
                        list.push(roi.id);
                    }
                }
            });
            combo.response.accessible_name(full).on_hover_text(t("Add a structure to the list"));
        });
    });
}

fn number(ui: &mut Ui, name: &str, value: &mut f64, range: std::ops::RangeInclusive<f64>, unit: &str) {
    let drag = DragValue::new(value).speed(0.1).max_decimals(2).range(range).suffix(format!(" {unit}"));
    ui.add(drag).accessible_name(name).on_hover_text(tf!("{name}, {unit}; type or drag", name, unit));
}

fn numbers_ui(ui: &mut Ui, state: &mut OperationsState) {
    match state.operation() {
        Operation::Margin(_) | Operation::Shrink(_) => margins_ui(ui, state),
        Operation::Smooth(_) => {
            row(ui, t("Smoothing"), |ui| {
                number(ui, t("Smoothing in the plane"), &mut state.smoothing.in_plane_mm, 0.0..=10.0, "mm");
                number(ui, t("Smoothing between slices"), &mut state.smoothing.between_mm, 0.0..=20.0, "mm");
            });
            faint(ui, t("In the plane, and between slices; the volume stays"));
        }
        Operation::KeepIslands { .. } => {
            row(ui, t("At least"), |ui| number(ui, t("Smallest part"), &mut state.island_cm3, 0.0..=1000.0, "cm³"));
        }
        Operation::FillHoles { .. } => row(ui, t("Holes"), |ui| {
            ui.checkbox(&mut state.all_holes, t("All"));
            if !state.all_holes {
                number(ui, t("Largest hole"), &mut state.hole_cm2, 0.0..=1000.0, "cm²");
            }
        }),
        Operation::Simplify { .. } => {
            row(ui, t("Tolerance"), |ui| {
                number(ui, t("Tolerance of the outline"), &mut state.tolerance_mm, 0.01..=10.0, "mm");
            });
        }
        Operation::ProposeCtv { .. } => {
            let mut mm = state.margins.left;
            row(ui, t("Margin"), |ui| number(ui, t("Margin of the CTV"), &mut mm, 0.0..=30.0, "mm"));
            if mm != state.margins.left {
                state.margins = Margins::uniform(mm);
            }
        }
        _ => {}
    }
}

fn margins_ui(ui: &mut Ui, state: &mut OperationsState) {
    let m = &mut state.margins;
    row(ui, t("Distance"), |ui| {
        if state.one_margin {
            let mut mm = m.left;
            number(ui, t("Margin on every side"), &mut mm, 0.0..=100.0, "mm");
            if *m != Margins::uniform(mm) {
                *m = Margins::uniform(mm);
            }
        }
        ui.checkbox(&mut state.one_margin, t("The same on every side"));
    });
    if state.one_margin {
        return;
    }
    for (name, pair) in [
        (t("Left, right"), [(t("Margin to the left"), &mut m.left), (t("Margin to the right"), &mut m.right)]),
        (t("Front, back"), [(t("Margin to anterior"), &mut m.anterior), (t("Margin to posterior"), &mut m.posterior)]),
        (t("Head, feet"), [(t("Margin to superior"), &mut m.superior), (t("Margin to inferior"), &mut m.inferior)]),
    ] {
        row(ui, name, |ui| {
            for (name, mm) in pair {
                number(ui, name, mm, 0.0..=100.0, "mm");
            }
        });
    }
}

/// Where the result goes, and whether it is remembered how it was made.
fn result_ui(ui: &mut Ui, input: &PanelInput<'_>, state: &mut OperationsState) {
    let first = state.of.first().and_then(|id| input.workbench.case()?.structures().get(*id));
    row(ui, t("Result"), |ui| {
        let options = [(true, t("New structure")), (false, t("Replace the first"))];
        if let Some(is_new) = segmented(ui, t("Where the result goes"), &options, state.is_new) {
            state.is_new = is_new;
        }
    });
    if !state.is_new {
        return;
    }
    row(ui, t("Name"), |ui| {
        let hint =
            first.map_or_else(String::new, |roi| words(input.workbench, &suggested(&roi.name, &state.operation())));
        let field = TextEdit::singleline(&mut state.name).hint_text(hint).desired_width(220.0);
        ui.add(field).accessible_name(t("Name of the new structure"));
    });
    row(ui, t("Role"), |ui| {
        let combo = ComboBox::from_id_salt("role of the result").height(420.0).selected_text(role_words(state.role));
        let combo = combo.show_ui(ui, |ui| {
            for role in Role::all() {
                ui.selectable_value(&mut state.role, role, role_words(role));
            }
        });
        combo
            .response
            .accessible_name(t("Role of the new structure"))
            .on_hover_text(t("What it means to features and network"));
    });
    row(ui, t("Recipe"), |ui| {
        let options = [(Keep::Nothing, t("Forget")), (Keep::Recipe, t("Keep")), (Keep::Live, t("Live"))];
        let tooltip = t(
            "Forget how it was made; or keep it, so that the list tells when it is stale; or make it again after every edit",
        );
        if let Some(keep) = segmented(ui, tooltip, &options, state.keep) {
            state.keep = keep;
        }
    });
}

/// The name that a result gets where none is entered.
fn suggested(first: &str, operation: &Operation) -> String {
    match operation {
        Operation::Margin(margins) => match margins.same_everywhere() {
            Some(mm) => format!("{first}+{mm}mm"),
            None => format!("{first}+margin"),
        },
        Operation::Shrink(margins) => match margins.same_everywhere() {
            Some(mm) => format!("{first}-{mm}mm"),
            None => format!("{first}-margin"),
        },
        Operation::ProposeCtv { .. } => "CTV proposed".into(),
        Operation::UnionOfTouched => "zIdeaCTV".into(),
        other => format!("{first} {}", operation_label(other).to_lowercase()),
    }
}

fn run_ui(ui: &mut Ui, input: &PanelInput<'_>, state: &OperationsState) {
    let mut request = state.request();
    if let Target::New { name, .. } = &mut request.target
        && name.trim().is_empty()
        && let Some(first) = state.of.first().and_then(|id| input.workbench.case()?.structures().get(*id))
    {
        *name = suggested(&first.name, &request.recipe.operation);
    }
    let is_running = input.workbench.is_running(JobKey::Operate);
    let checked = match input.workbench.check_operation(&request) {
        _ if is_running => Err(t("It is being computed").to_owned()),
        checked => checked.map_err(|refusal| refusal.to_string()),
    };
    ui.add_space(theme::SPACE_1);
    let button = ui.add_enabled_ui(checked.is_ok(), |ui| primary_button(ui, t("Carry out"))).inner;
    match checked {
        Ok(()) if button.clicked() => {
            input.sender.send(Command::Operate(OperationCommand::Run(Box::new(request))));
        }
        Ok(()) => drop(button.on_hover_text(t("One step of undo"))),
        Err(why) => {
            button.on_disabled_hover_text(&why);
            faint(ui, &why);
        }
    }
}

/// What the last operation did.
fn done_ui(ui: &mut Ui, input: &PanelInput<'_>) {
    let Some(operated) = input.workbench.operated() else { return };
    status_line(ui, Icon::Check, &words(input.workbench, &operated.words));
    for row in &operated.rows {
        let name = words(input.workbench, &row.name);
        let change = format!("{} → {}", cm3(row.volume_cm3_before), cm3(row.volume_cm3));
        value_row(ui, &name, &change, t("Volume by voxels before and after"));
    }
    if operated.rows.is_empty() {
        faint(ui, t("Everything is as it was"));
    }
}

fn resolve_ui(ui: &mut Ui, input: &PanelInput<'_>) {
    let stations = input.workbench.stations_in_order();
    let enabled = stations.len() > 1 && !input.workbench.is_running(JobKey::Operate);
    let button = ui.add_enabled_ui(enabled, |ui| ui.button(t("Resolve overlaps of stations"))).inner;
    let hover = t("Every place goes to the station higher in the list; locked stations keep all of theirs");
    if button.on_hover_text(hover).on_disabled_hover_text(t("It takes two stations with contours")).clicked() {
        input.sender.send(Command::Operate(OperationCommand::ResolveOverlaps(stations)));
    }
}
