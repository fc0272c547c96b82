//! The layout of the window. Nothing here changes the workbench.

use super::app::HilumApp;
use super::archive::archive_ui;
use super::check_panel::check_panel_ui;
use super::clinical_panel::clinical_panel_ui;
use super::cohort::cohort_ui;
use super::decision;
use super::deidentify_panel;
use super::difference_panel::difference_panel_ui;
use super::display_panel::display_panel_ui;
use super::export_panel::export_panel_ui;
use super::features_panel::features_panel_ui;
use super::followup_panel::followup_panel_ui;
use super::history_panel;
use super::jobs_panel::jobs_panel_ui;
use super::journal_offers;
use super::keys_window;
use super::landmarks_panel::landmarks_panel_ui;
use super::measure_view::measurements_ui;
use super::messages;
use super::operations_panel;
use super::overlay_panel::{has_overlays, overlay_panel_ui};
use super::panel::PanelInput;
use super::projection::projection_panel_ui;
use super::risk_panel::risk_panel_ui;
use super::series_panel;
use super::settings_window;
use super::start_page::{drop_hint, start_page_ui};
use super::status_bar::status_bar_ui;
use super::structures_panel::structures_panel_ui;
use super::teach::teach_panel_ui;
use super::theme;
use super::tool_bar::tool_bar_ui;
use super::tool_help;
use super::tool_rules;
use super::tool_strip::{self, tool_strip_ui};
use super::top_bar::top_bar_ui;
use super::tour::{self, Anchor};
use super::widgets::section;
use crate::geometry::Orientation;
use crate::words::t;
use crate::workbench::{Command, SidePanel, ViewCommand, Workspace};
use eframe::egui::{CentralPanel, Frame, Margin, Panel, ScrollArea, Ui, UiBuilder, vec2};

const TOP_BAR: f32 = 40.0;
const TOOL_BAR: f32 = 38.0;
const STATUS_BAR: f32 = 28.0;

fn bar(vertical: i8) -> Frame {
    Frame::new().fill(theme::PANEL).inner_margin(Margin::symmetric(theme::SPACE_2 as i8, vertical))
}

fn side() -> Frame {
    Frame::new().fill(theme::PANEL).inner_margin(Margin::symmetric(theme::SPACE_3 as i8, theme::SPACE_2 as i8))
}

/// Content that may be wider than its panel in a small window: it is cut off there and moves nothing else.
fn contained(ui: &mut Ui, content: impl FnOnce(&mut Ui)) {
    let rect = ui.available_rect_before_wrap();
    let mut child = ui.new_child(UiBuilder::new().max_rect(rect));
    child.shrink_clip_rect(rect.expand2(vec2(theme::SPACE_3, 0.0)));
    content(&mut child);
    ui.advance_cursor_after_rect(rect);
}

impl HilumApp {
    pub(super) fn draw(&mut self, ui: &mut Ui) {
        let Self { workbench, scene, views, volumes, sender, panels, dialogs, pictures, .. } = self;
        let input = PanelInput { workbench, sender, volumes };
        let workspace = workbench.view.workspace;
        let has_scan = workbench.case().is_some() || workbench.loading().is_some();
        let views_shown = !matches!(workspace, Workspace::Cohort | Workspace::Archive) && has_scan;
        let window_width = ui.available_width();
        if (workbench.view.sides.width() - window_width).abs() > 0.5 {
            sender.send(Command::View(ViewCommand::SetWindowWidth(window_width)));
        }

        Panel::top("top bar").exact_size(TOP_BAR).frame(bar(4)).show(ui, |ui| top_bar_ui(ui, &input));
        Panel::bottom("status bar").exact_size(STATUS_BAR).frame(bar(2)).show(ui, |ui| {
            status_bar_ui(ui, &input, &dialogs.refused, views.hovered(), views_shown);
        });
        if views_shown {
            Panel::top("tool bar").exact_size(TOOL_BAR).frame(bar(4)).show(ui, |ui| tool_bar_ui(ui, &input));
            if messages::needs_acknowledgement(workbench) {
                let frame = Frame::new().fill(theme::RAISED).inner_margin(Margin::symmetric(theme::SPACE_3 as i8, 4));
                Panel::top("geometry").frame(frame).show(ui, |ui| messages::geometry_banner_ui(ui, &input));
            }
            if let Some(journal) = workbench.journal_of_case() {
                let frame = Frame::new().fill(theme::RAISED).inner_margin(Margin::symmetric(theme::SPACE_3 as i8, 4));
                Panel::top("not exported").frame(frame).show(ui, |ui| {
                    journal_offers::banner_ui(ui, &input, journal, &mut panels.offers);
                });
            }
            // Side panels and tools leave the views about half of a small window.
            let (left, right) = if window_width < 1150.0 { (222.0, 252.0) } else { (286.0, 336.0) };
            // However large the interface, they leave the views more than a third.
            let most = |usual: f32| (usual * 1.6).min(window_width * 0.3).min((window_width - 340.0) / 2.0).max(170.0);
            // Names, volumes and the details of a structure need this much.
            let least_list = 240.0_f32.min(window_width * 0.38);
            let range = |usual: f32| (usual * 0.8).min(220.0).min(most(usual))..=most(usual);
            let sides = workbench.view.sides;
            let list = range(left).start().max(least_list)..=range(left).end().max(least_list);
            if sides.shows(SidePanel::List) {
                Panel::left("structures").default_size(left).size_range(list).frame(side()).show(ui, |ui| {
                    tour::mark(ui, Anchor::Structures, ui.max_rect());
                    if series_panel::has_choice(workbench) {
                        // The structures keep the larger part.
                        let most = ui.available_height() * 0.45;
                        let height = series_panel::height(workbench, &panels.series).min(most);
                        let frame = Frame::new().inner_margin(Margin { top: theme::SPACE_1 as i8, ..Margin::ZERO });
                        let panel = Panel::bottom("series").exact_size(height).resizable(false).frame(frame);
                        panel.show(ui, |ui| series_panel::series_panel_ui(ui, &input, &mut panels.series));
                    }
                    structures_panel_ui(ui, &input, &mut panels.structures);
                });
            }
            let columns = tool_strip::columns(ui.available_height() - 2.0 * theme::SPACE_2);
            let strip = Frame::new().fill(theme::PANEL).inner_margin(Margin::symmetric(4, theme::SPACE_2 as i8));
            let width = tool_strip::width(columns) + 8.0;
            Panel::left("tools").exact_size(width).resizable(false).frame(strip).show(ui, |ui| {
                tool_strip_ui(ui, &input, columns);
            });
            if sides.shows(SidePanel::Assessment) {
                Panel::right("assessment").default_size(right).size_range(range(right)).frame(side()).show(ui, |ui| {
                    contained(ui, |ui| match workspace {
                        Workspace::Teach => {
                            jobs_panel_ui(ui, &input);
                            teach_panel_ui(ui, &input, &mut panels.teach);
                        }
                        _ => {
                            ScrollArea::vertical().auto_shrink([false, false]).show(ui, |ui| {
                                jobs_panel_ui(ui, &input);
                                if has_overlays(workbench) {
                                    section(ui, t("Overlays"), true, |ui| {
                                        overlay_panel_ui(ui, &input, &mut panels.overlays);
                                    });
                                }
                                // What somebody is at lies above what is always there.
                                if workbench.follow_up().is_some() {
                                    section(ui, t("Follow-up CT"), true, |ui| followup_panel_ui(ui, &input));
                                }
                                if workbench.differences().is_some() {
                                    section(ui, t("Difference view"), true, |ui| difference_panel_ui(ui, &input));
                                }
                                if let Some(map) = workbench.projection() {
                                    section(ui, t("Recurrence map"), true, |ui| projection_panel_ui(ui, &input, map));
                                }
                                section(ui, t("Display"), false, |ui| display_panel_ui(ui, &input));
                                if !workbench.measures().done().is_empty() {
                                    section(ui, t("Measurements"), true, |ui| measurements_ui(ui, &input));
                                }
                                if !workbench.settings().risk_hidden {
                                    section(ui, t("Risk"), true, |ui| risk_panel_ui(ui, &input));
                                }
                                section(ui, t("Clinical values"), false, |ui| {
                                    clinical_panel_ui(ui, &input, &mut panels.clinical);
                                });
                                if workbench.follow_up().is_none() {
                                    section(ui, t("Follow-up"), false, |ui| followup_panel_ui(ui, &input));
                                }
                                section(ui, t("Landmarks"), false, |ui| landmarks_panel_ui(ui, &input));
                                section(ui, t("Border check"), false, |ui| check_panel_ui(ui, &input));
                                section(ui, t("Features"), true, |ui| features_panel_ui(ui, &input));
                                section(ui, t("Export"), true, |ui| export_panel_ui(ui, &input));
                            });
                        }
                    });
                });
            }
        }
        CentralPanel::default().frame(Frame::new().fill(theme::BASE)).show(ui, |ui| match workspace {
            Workspace::Cohort => cohort_ui(ui, &input, &mut panels.cohort),
            Workspace::Archive => archive_ui(ui, &input, &mut panels.archive),
            _ if has_scan => {
                views.show(ui, workbench, scene, sender, volumes, pictures.is_taking());
                if let Some(view) = views.transform(Orientation::Axial) {
                    tour::mark(ui, Anchor::AxialView, view.rect);
                }
            }
            _ => start_page_ui(ui, &input, &mut panels.series, &mut panels.offers),
        });

        let context = ui.ctx().clone();
        pictures.take(&context, views.picture_rect().filter(|_| views_shown));
        drop_hint(&context);
        if dialogs.messages {
            messages::window(&context, &input);
        }
        if dialogs.import_report {
            messages::import_report_window(&context, &input);
        }
        if dialogs.deidentify {
            dialogs.deidentify = deidentify_panel::window(&context, &input, &mut panels.deidentify);
        }
        if dialogs.history {
            history_panel::window(&context, &input, &mut panels.history);
        }
        if dialogs.operations {
            dialogs.operations = operations_panel::window(&context, &input, &mut panels.operations);
        }
        if dialogs.tool_help {
            tool_help::window(&context, workbench, &mut dialogs.tool_help);
        }
        if dialogs.tool_rules {
            tool_rules::window(&context, &input, &mut dialogs.tool_rules);
        }
        if dialogs.shortcuts {
            dialogs.shortcuts = keys_window::window(&context, &input, &mut panels.keys);
        }
        if dialogs.settings {
            dialogs.settings = settings_window::window(&context, &input);
        }
        if let Some(tour) = &mut dialogs.tour
            && !tour.show(&context, &input)
        {
            dialogs.tour = None;
        }
        dialogs.toasts.show(&context, &input, STATUS_BAR);
        if let Some(palette) = &mut dialogs.palette
            && !palette.show(&context, workbench, sender)
        {
            dialogs.palette = None;
        }
        let answer = dialogs.decision.as_ref().and_then(|d| decision::show(&context, workbench, d));
        if let Some(answer) = answer {
            self.decided(&context, answer);
        }
    }
}
