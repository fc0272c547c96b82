//! The page of the patients: the table with its search and filter, and beside it the selected patient, the distribution of a
//! column, and the features of all cases.

use super::super::icons::Icon;
use super::super::jobs_panel::jobs_panel_ui;
use super::super::panel::PanelInput;
use super::super::request::{Opening, WindowRequest};
use super::super::theme;
use super::super::widgets::{card, faint, icon_text_button, segmented};
use super::editor::{EditorState, editor_ui};
use super::histogram::histogram_ui;
use super::import::{ImportState, import_ui};
use super::rows::{RowsAction, RowsState, rows_ui};
use crate::tf;
use crate::words::t;
use crate::workbench::cohort::{
    CohortCommand, ComputeOptions, Contour, FeatureState, Histogram, OpenCohort, RowFilter, TableQuery,
};
use crate::workbench::jobs::JobKey;
use crate::workbench::{Command, CtvChoice, Workspace};
use eframe::egui::{
    Checkbox, ComboBox, Key, Label, Modifiers, Popup, RichText, ScrollArea, TextEdit, Ui, UiBuilder, vec2,
};

/// What the page keeps between frames.
#[derive(Default)]
pub struct PatientsState {
    query: TableQuery,
    /// The column whose distribution is shown.
    column: Option<usize>,
    selected: Option<String>,
    /// Of this revision and query.
    rows: Vec<usize>,
    rows_of: Option<(u64, TableQuery)>,
    /// Of these rows and this column.
    histogram: Option<(usize, Option<Histogram>)>,
    table: RowsState,
    editor: EditorState,
    compute: ComputeOptions,
}

/// Shows the page in the rest of the space.
pub fn patients_ui(ui: &mut Ui, input: &PanelInput<'_>, state: &mut PatientsState, import: &mut ImportState) {
    let Some(cohort) = input.workbench.cohort().open() else { return };
    let side = (ui.available_width() * 0.3).clamp(344.0, 390.0);
    let area = ui.available_rect_before_wrap();
    let split = area.right() - side - theme::SPACE_3;
    let mut left = ui.new_child(UiBuilder::new().max_rect(area.with_max_x(split)));
    let mut right = ui.new_child(UiBuilder::new().max_rect(area.with_min_x(area.right() - side)));
    import_ui(&mut left, input, import);
    follow(state, cohort);
    table_side_ui(&mut left, input, state, cohort);
    ScrollArea::vertical().id_salt("patient side").auto_shrink([false, false]).show(&mut right, |ui| {
        ui.set_width(ui.available_width() - theme::SPACE_2);
        let selected = state.selected.as_deref().and_then(|id| cohort.row(id));
        editor_ui(ui, input, &mut state.editor, cohort, selected);
        ui.add_space(theme::SPACE_2);
        if let Some((column, histogram)) = &state.histogram {
            let chosen = histogram_ui(ui, input, cohort, *column, histogram.as_ref());
            if chosen != *column {
                state.column = Some(chosen);
            }
        }
        ui.add_space(theme::SPACE_2);
        features_ui(ui, input, cohort, &mut state.compute);
        // Below all that somebody may be typing into.
        jobs_panel_ui(ui, input);
    });
}

/// The rows of the query, asked again only where cohort or query are other ones.
fn follow(state: &mut PatientsState, cohort: &OpenCohort) {
    let columns = cohort.table.columns().len();
    if state.column.is_none_or(|column| column >= columns) {
        // Age, where nothing was chosen.
        let age = crate::workbench::cohort::TableColumn::Known(crate::cohort::Column::Age);
        state.column = cohort.table.column(&age);
    }
    let now = (cohort.revision, state.query.clone());
    if state.rows_of.as_ref() != Some(&now) {
        state.rows = cohort.table.rows(&state.query, &cohort.features);
        state.rows_of = Some(now);
        state.histogram = None;
    }
    let column = state.column.unwrap_or(0);
    if state.histogram.as_ref().is_none_or(|(of, _)| *of != column) {
        state.histogram = Some((column, cohort.table.histogram(&state.rows, column, &cohort.features)));
    }
}

fn table_side_ui(ui: &mut Ui, input: &PanelInput<'_>, state: &mut PatientsState, cohort: &OpenCohort) {
    ui.horizontal_wrapped(|ui| {
        let edit =
            TextEdit::singleline(&mut state.query.search).desired_width(200.0).hint_text(t("Search in all columns"));
        let response = ui.add(edit).accessible_name(t("Search patients"));
        if ui.input_mut(|i| i.consume_key(Modifiers::COMMAND, Key::F)) {
            response.request_focus();
        }
        filter_ui(ui, state, cohort);
        let (shown, all) = (state.rows.len(), cohort.patients.len());
        ui.label(RichText::new(tf!("{shown} of {all}", shown, all)).color(theme::TEXT_SECONDARY));
        if state.query != TableQuery::default() && ui.button(t("Show all")).clicked() {
            state.query = TableQuery::default();
        }
    });
    ui.add_space(theme::SPACE_1);
    if cohort.patients.is_empty() {
        faint(ui, t("No patients yet: import a table"));
        return;
    }
    let selected = state.selected.as_deref().and_then(|id| cohort.row(id));
    let action = rows_ui(ui, input, &mut state.table, cohort, &state.rows, selected, state.query.sort);
    match action {
        Some(RowsAction::Select(row)) => state.selected = Some(cohort.patients[row].id.clone()),
        Some(RowsAction::Open(row)) => {
            state.selected = Some(cohort.patients[row].id.clone());
            open_case(input, cohort, row);
        }
        Some(RowsAction::Sort(column)) => {
            state.column = Some(column);
            // Up, down, and as they were imported.
            state.query.sort = match state.query.sort {
                Some((of, false)) if of == column => Some((column, true)),
                Some((of, true)) if of == column => None,
                _ => Some((column, false)),
            };
        }
        None => {}
    }
}

fn filter_ui(ui: &mut Ui, state: &mut PatientsState, cohort: &OpenCohort) {
    let words = match state.query.filter {
        RowFilter::MissingIn(column) => match cohort.table.columns().get(column) {
            Some(column) => tf!("Missing: {column}", column = column.label()),
            None => t("Missing in a column").to_owned(),
        },
        filter => filter.label().to_owned(),
    };
    let combo = ComboBox::from_id_salt("filter").width(190.0).height(420.0).selected_text(words).show_ui(ui, |ui| {
        let columns = cohort.table.columns().iter().enumerate();
        let missing = columns.filter(|(_, column)| **column != crate::workbench::cohort::TableColumn::Features).skip(1);
        let missing =
            missing.map(|(n, column)| (RowFilter::MissingIn(n), tf!("Missing: {column}", column = column.label())));
        for (filter, label) in RowFilter::ALL.map(|f| (f, f.label().to_owned())).into_iter().chain(missing) {
            if ui.selectable_label(state.query.filter == filter, label).clicked() {
                state.query.filter = filter;
                Popup::close_all(ui.ctx());
            }
        }
    });
    combo.response.accessible_name(t("Which patients are shown"));
}

/// Opens the case of a patient in Review, if it is there.
pub fn open_case(input: &PanelInput<'_>, cohort: &OpenCohort, row: usize) {
    if let Some(case) = case_of(cohort, row) {
        input.sender.send(WindowRequest::Open(Opening::Paths(vec![case])));
        input.sender.send(Command::SetWorkspace(Workspace::Review));
    }
}

/// The case of a patient, unless it was not there when the cohort was read.
pub fn case_of(cohort: &OpenCohort, row: usize) -> Option<std::path::PathBuf> {
    cohort.patients[row].case.clone().filter(|_| cohort.features[row] != FeatureState::NoCase)
}

/// How many cases have features, and the run that computes them.
fn features_ui(ui: &mut Ui, input: &PanelInput<'_>, cohort: &OpenCohort, options: &mut ComputeOptions) {
    card(ui, |ui| {
        ui.label(RichText::new(t("Features of all cases")).font(theme::strong(theme::SIZE_BODY)));
        let states = || (0..cohort.patients.len()).map(|row| cohort.table.state(row, &cohort.features));
        let count = |wanted: &dyn Fn(&FeatureState) -> bool| states().filter(|state| wanted(state)).count();
        let words = tf!(
            "{computed} computed, {failed} failed, {waiting} not computed or out of date, {without} without a case",
            computed = count(&|f| *f == FeatureState::Computed),
            failed = count(&|f| matches!(f, FeatureState::Failed(_))),
            waiting = count(&|f| matches!(f, FeatureState::NotComputed | FeatureState::Outdated)),
            without = count(&|f| *f == FeatureState::NoCase)
        );
        ui.add(Label::new(RichText::new(words).color(theme::TEXT_SECONDARY)).wrap());
        ui.label(
            RichText::new(t("Stations of cases that have none"))
                .color(theme::TEXT_SECONDARY)
                .size(theme::SIZE_SMALL + 1.0),
        );
        let who = [(Contour::Nobody, t("Leave out")), (Contour::Network, t("Network")), (Contour::Rules, t("Rules"))];
        if let Some(contour) = segmented(ui, "", &who, options.contour) {
            options.contour = contour;
        }
        let mut proposed = options.ctv.is_some();
        if ui.add(Checkbox::new(&mut proposed, t("Propose the CTV from the GTV"))).changed() {
            options.ctv = proposed.then_some(CtvChoice::Proposed);
        }
        ui.add(Checkbox::new(&mut options.again, t("Also what has not changed")));
        let running = input.workbench.is_running(JobKey::CohortCompute);
        let ready = !running && !cohort.patients.is_empty();
        let button = ui.add_enabled_ui(ready, |ui| icon_text_button(ui, Icon::Play, t("Compute features"), true));
        let network = input.workbench.settings().network_folder();
        if button.inner.clicked() {
            let options = ComputeOptions { network: Some(network), ..options.clone() };
            input.sender.send(Command::Cohort(CohortCommand::Compute(options)));
        }
        faint(
            ui,
            t("A case that fails is listed with its reason and the others go on; what is done is kept when you stop"),
        );
    });
    ui.allocate_space(vec2(0.0, theme::SPACE_2));
}
