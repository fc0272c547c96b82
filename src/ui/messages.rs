//! Messages: a toast for a while, then kept in a panel with their details; and the import report.

use super::icons::{Icon, icon_button, icon_label};
use super::panel::PanelInput;
use super::privacy::{notice_lines, notice_summary, path_words, warning_line, warning_words};
use super::request::WindowRequest;
use super::theme;
use super::widgets::{faint, status_line};
use crate::dicom;
use crate::tf;
use crate::words::t;
use crate::workbench::{Command, Notice, Severity, Workbench};
use eframe::egui::{
    self, Align, Align2, Area, CollapsingHeader, CornerRadius, Frame, Id, Label, Layout, Margin, Order, RichText,
    ScrollArea, Stroke, Ui, vec2,
};

/// Which messages are shown as toasts.
#[derive(Debug, Default)]
pub struct Toasts {
    /// The newest message already seen by the user or shown.
    seen: u64,
    showing: Vec<(u64, f64)>,
}

pub fn icon_of(severity: Severity) -> Icon {
    match severity {
        Severity::Info => Icon::Info,
        Severity::Warning => Icon::Warning,
        Severity::Error => Icon::Error,
    }
}

impl Toasts {
    const SHOWN_S: f64 = 7.0;
    const ERROR_SHOWN_S: f64 = 15.0;
    const MOST: usize = 3;

    /// Everything so far counts as seen.
    pub fn skip_all(&mut self, workbench: &Workbench) {
        self.seen = workbench.notices().all().last().map_or(self.seen, |n| n.id.max(self.seen));
        self.showing.clear();
    }

    /// Shows what is new, above the status bar.
    pub fn show(&mut self, context: &egui::Context, input: &PanelInput<'_>, bottom: f32) {
        let now = context.time();
        let all = input.workbench.notices().all();
        let seen = self.seen;
        for notice in all.iter().filter(|n| n.id > seen) {
            self.seen = notice.id;
            let lasts = if notice.severity == Severity::Error { Self::ERROR_SHOWN_S } else { Self::SHOWN_S };
            self.showing.push((notice.id, now + lasts));
        }
        self.showing.retain(|(id, until)| *until > now && all.iter().any(|n| n.id == *id));
        let surplus = self.showing.len().saturating_sub(Self::MOST);
        self.showing.drain(..surplus);
        if let Some(first) = self.showing.iter().map(|(_, until)| *until).reduce(f64::min) {
            context.request_repaint_after_secs((first - now).max(0.05) as f32);
        }
        let mut closed = None;
        let area = Area::new(Id::unique("toasts")).order(Order::Foreground);
        if self.showing.is_empty() {
            return;
        }
        area.anchor(Align2::RIGHT_BOTTOM, vec2(-theme::SPACE_3, -bottom - theme::SPACE_2)).show(context, |ui| {
            for (id, _) in &self.showing {
                let Some(notice) = all.iter().find(|n| n.id == *id) else { continue };
                if toast_ui(ui, input, notice) {
                    closed = Some(*id);
                }
            }
        });
        if let Some(id) = closed {
            self.showing.retain(|(shown, _)| *shown != id);
        }
    }
}

/// True if the toast was closed.
fn toast_ui(ui: &mut Ui, input: &PanelInput<'_>, notice: &Notice) -> bool {
    let icon = icon_of(notice.severity);
    let frame = Frame::new()
        .fill(theme::RAISED)
        .stroke(Stroke::new(1.0, theme::LINE_STRONG))
        .corner_radius(CornerRadius::same(theme::CORNER_LARGE))
        .inner_margin(Margin::symmetric(12, 8));
    frame
        .show(ui, |ui| {
            ui.set_width(380.0);
            let mut closed = false;
            ui.horizontal_top(|ui| {
                icon_label(ui, icon, icon.status());
                ui.vertical(|ui| {
                    ui.set_width(320.0);
                    ui.add(Label::new(notice_summary(input.workbench, notice)).wrap());
                    if !(notice.details.is_empty() && notice.files.is_empty()) && ui.link(t("Details")).clicked() {
                        input.sender.send(WindowRequest::ShowMessages(true));
                        closed = true;
                    }
                });
                closed |= icon_button(ui, Icon::Cancel, t("Close message"), false).clicked();
            });
            closed
        })
        .inner
}

/// The window with all messages, newest first.
pub fn window(context: &egui::Context, input: &PanelInput<'_>) {
    let mut open = true;
    let window = egui::Window::new(t("Messages"))
        .id(egui::Id::unique("messages"))
        .open(&mut open)
        .default_width(460.0)
        .default_height(320.0)
        .vscroll(false);
    let place = context.content_rect().right_bottom() - vec2(490.0, 410.0);
    window.default_pos(place).show(context, |ui| {
        let all = input.workbench.notices().all();
        ui.horizontal(|ui| {
            if ui.button(t("Copy all")).clicked() {
                let text: Vec<String> = all.iter().map(|n| as_text(input.workbench, n)).collect();
                input.sender.send(WindowRequest::Copy(text.join("\n\n")));
            }
            if ui.button(t("Clear")).clicked() {
                input.sender.send(Command::ClearNotices);
            }
            if !input.workbench.import_report().is_empty() && ui.button(t("Import report")).clicked() {
                input.sender.send(WindowRequest::ShowImportReport(true));
            }
        });
        ui.separator();
        ScrollArea::vertical().auto_shrink([false, false]).show(ui, |ui| {
            if all.is_empty() {
                faint(ui, t("No messages"));
            }
            for notice in all.iter().rev() {
                notice_ui(ui, input, notice);
                ui.separator();
            }
        });
    });
    if !open {
        input.sender.send(WindowRequest::ShowMessages(false));
    }
}

fn notice_ui(ui: &mut Ui, input: &PanelInput<'_>, notice: &Notice) {
    let icon = icon_of(notice.severity);
    let summary = notice_summary(input.workbench, notice);
    let lines = notice_lines(input.workbench, notice);
    ui.horizontal_top(|ui| {
        icon_label(ui, icon, icon.status());
        ui.with_layout(Layout::right_to_left(Align::Min), |ui| {
            let dismiss = tf!("Dismiss {summary}", summary);
            if icon_button(ui, Icon::Cancel, &dismiss, false).clicked() {
                input.sender.send(Command::DismissNotice(notice.id));
            }
            let copy = ui.small_button(t("Copy")).accessible_name(tf!("Copy {summary}", summary));
            if copy.clicked() {
                input.sender.send(WindowRequest::Copy(as_text(input.workbench, notice)));
            }
            ui.with_layout(Layout::top_down(Align::Min), |ui| {
                ui.add(Label::new(&summary).wrap());
                if !lines.is_empty() {
                    let header = tf!("Details, {lines} lines", lines = lines.len());
                    let header = if lines.len() == 1 { t("Details").to_owned() } else { header };
                    let open = notice.severity == Severity::Error;
                    CollapsingHeader::new(RichText::new(header).color(theme::TEXT_FAINT).size(theme::SIZE_SMALL + 1.0))
                        .id_salt(("notice", notice.id))
                        .default_open(open)
                        .show_unindented(ui, |ui| {
                            for line in &lines {
                                ui.add(
                                    Label::new(RichText::new(line).color(theme::TEXT_SECONDARY))
                                        .wrap()
                                        .selectable(true),
                                );
                            }
                        });
                }
            });
        });
    });
}

fn as_text(workbench: &Workbench, notice: &Notice) -> String {
    std::iter::once(notice_summary(workbench, notice))
        .chain(notice_lines(workbench, notice))
        .collect::<Vec<_>>()
        .join("\n")
}

/// The window with what was noticed while the case was read.
pub fn import_report_window(context: &egui::Context, input: &PanelInput<'_>) {
    let mut open = true;
    let report = input.workbench.import_report();
    let window = egui::Window::new(t("Import report"))
        .id(egui::Id::unique("import report"))
        .open(&mut open)
        .default_width(560.0)
        .vscroll(false);
    window.pivot(Align2::CENTER_CENTER).default_pos(context.content_rect().center()).show(context, |ui| {
        ui.horizontal(|ui| {
            if ui.button(t("Copy")).accessible_name(t("Copy import report")).clicked() {
                let lines: Vec<String> = report.iter().map(|w| warning_words(input.workbench, w)).collect();
                input.sender.send(WindowRequest::Copy(lines.join("\n")));
            }
            if needs_acknowledgement(input.workbench) && ui.button(t("I have read this")).clicked() {
                input.sender.send(Command::AcknowledgeGeometry);
                input.sender.send(WindowRequest::ShowImportReport(false));
            }
        });
        ui.separator();
        ScrollArea::vertical().max_height(420.0).auto_shrink([false, true]).show(ui, |ui| {
            if report.is_empty() {
                faint(ui, t("Nothing was noticed while this case was read"));
            }
            let mut lines: Vec<_> = report.iter().collect();
            lines.sort_by_key(|w| std::cmp::Reverse(w.severity));
            for (n, line) in lines.into_iter().enumerate() {
                let icon = match line.severity {
                    dicom::Severity::Info => Icon::Info,
                    dicom::Severity::Warning => Icon::Warning,
                    dicom::Severity::Geometry => Icon::Error,
                };
                status_line(ui, icon, &warning_line(input.workbench, line));
                files_ui(ui, input, n, line);
            }
        });
    });
    if !open {
        input.sender.send(WindowRequest::ShowImportReport(false));
    }
}

/// The paths behind a line of the import report.
fn files_ui(ui: &mut Ui, input: &PanelInput<'_>, number: usize, line: &dicom::ImportWarning) {
    const MOST: usize = 200;
    let mut files: Vec<String> = line.files.iter().take(MOST).filter_map(|f| path_words(input.workbench, f)).collect();
    if files.is_empty() {
        return;
    }
    if line.files.len() > MOST {
        files.push(tf!("and {n} more", n = line.files.len() - MOST));
    }
    let title =
        if line.files.len() == 1 { t("1 file").to_owned() } else { tf!("{files} files", files = line.files.len()) };
    ui.horizontal_top(|ui| {
        ui.add_space(theme::SPACE_6);
        let header = RichText::new(title).color(theme::TEXT_FAINT).size(theme::SIZE_SMALL + 1.0);
        CollapsingHeader::new(header).id_salt(("files", number)).show_unindented(ui, |ui| {
            for file in files {
                ui.add(Label::new(RichText::new(file).color(theme::TEXT_SECONDARY)).wrap().selectable(true));
            }
        });
    });
}

/// True where the geometry of the scan is doubtful and nobody has said that they know.
pub fn needs_acknowledgement(workbench: &Workbench) -> bool {
    workbench.shown_case().is_some() && workbench.geometry_warning().is_some() && !workbench.is_geometry_acknowledged()
}

/// So many doubts of the geometry are told in the banner; the rest is in the import report.
const BANNER_LINES: usize = 3;

/// The banner of a scan with doubtful geometry: each doubt with its files.
pub fn geometry_banner_ui(ui: &mut Ui, input: &PanelInput<'_>) {
    let workbench = input.workbench;
    let doubts: Vec<_> = workbench.import_report().iter().filter(|w| w.severity == dicom::Severity::Geometry).collect();
    ui.horizontal_top(|ui| {
        icon_label(ui, Icon::Warning, theme::WARNING);
        ui.with_layout(Layout::right_to_left(Align::Min), |ui| {
            let read = ui.button(t("I have read this"));
            if read.on_hover_text(t("Network and export wait until you have read it")).clicked() {
                input.sender.send(Command::AcknowledgeGeometry);
            }
            if ui.button(t("Import report")).accessible_name(t("Read the import report")).clicked() {
                input.sender.send(WindowRequest::ShowImportReport(true));
            }
            ui.with_layout(Layout::top_down(Align::Min), |ui| {
                ui.spacing_mut().item_spacing.y = 2.0;
                for doubt in doubts.iter().take(BANNER_LINES) {
                    ui.add(Label::new(warning_line(workbench, doubt)).wrap());
                }
                if doubts.len() > BANNER_LINES {
                    faint(ui, &tf!("and {n} more in the import report", n = doubts.len() - BANNER_LINES));
                }
            });
        });
    });
}
