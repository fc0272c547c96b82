//! What is shown before a case is open.

use super::icons::Icon;
use super::jobs_panel::jobs_panel_ui;
use super::journal_offers::{self, OfferState};
use super::panel::PanelInput;
use super::privacy::recent_label;
use super::request::{Opening, WindowRequest};
use super::series_panel::{self, SeriesState};
use super::theme;
use super::tour::{self, Anchor};
use super::widgets::icon_text_button;
use crate::tf;
use crate::words::t;
use crate::workbench::Action;
use eframe::egui::{self, Align, Button, Label, Layout, Rect, RichText, Ui, UiBuilder, pos2, vec2};

/// Shows the page in the rest of the space.
pub fn start_page_ui(ui: &mut Ui, input: &PanelInput<'_>, series: &mut SeriesState, offers: &mut OfferState) {
    let PanelInput { workbench, sender, .. } = *input;
    let area = ui.available_rect_before_wrap();
    ui.painter().rect_filled(area, 0.0, theme::BASE);
    let height = 460.0 + journal_offers::height(workbench, offers);
    let size = vec2(480.0_f32.min(area.width() - 40.0), height.min(area.height() - 20.0));
    let top = (area.center().y - 20.0 - size.y / 2.0).max(area.top() + theme::SPACE_2);
    let place = Rect::from_min_size(pos2(area.center().x - size.x / 2.0, top), size);
    let mut ui = ui.new_child(UiBuilder::new().max_rect(place).layout(Layout::top_down(Align::Min)));
    let ui = &mut ui;
    ui.horizontal(|ui| {
        let (rect, _) = ui.allocate_exact_size(vec2(44.0, 44.0), egui::Sense::hover());
        super::app_icon::paint(ui.painter(), rect);
        ui.add_space(theme::SPACE_2);
        ui.vertical(|ui| {
            ui.label(RichText::new("Hilum").font(theme::strong(theme::SIZE_TITLE + 4.0)));
            ui.label(RichText::new(t("Review of thoracic lymph node station contours")).color(theme::TEXT_SECONDARY));
        });
    });
    ui.add_space(theme::SPACE_6);
    ui.horizontal(|ui| {
        if icon_text_button(ui, Icon::Open, t("Open folder…"), true)
            .on_hover_text(Action::Open.info().tooltip)
            .clicked()
        {
            sender.send(Action::Open);
        }
        let demo = icon_text_button(ui, Icon::Layers, t("Open demo case"), false);
        tour::mark(ui, Anchor::OpenDemo, demo.rect);
        if demo.on_hover_text(Action::OpenDemo.info().tooltip).clicked() {
            sender.send(Action::OpenDemo);
        }
    });
    ui.add_space(theme::SPACE_1);
    let hint = t("or drop a folder with a CT series and structure sets here");
    ui.label(RichText::new(hint).color(theme::TEXT_FAINT));
    ui.add_space(theme::SPACE_4);
    jobs_panel_ui(ui, input);
    journal_offers::offers_ui(ui, input, offers);
    // A folder of which the best series could not be opened.
    if series_panel::has_choice(workbench) {
        let size = vec2(ui.available_width(), series_panel::height(workbench, series).min(240.0));
        ui.allocate_ui(size, |ui| series_panel::series_panel_ui(ui, input, series));
        ui.add_space(theme::SPACE_2);
    }
    let recent = &workbench.settings().recent;
    if !recent.is_empty() {
        ui.label(RichText::new(t("Recent cases")).font(theme::strong(theme::SIZE_BODY)));
        ui.spacing_mut().item_spacing.y = 0.0;
        for (number, case) in recent.iter().take(6).enumerate() {
            let label = recent_label(workbench, number, case);
            let text = RichText::new(&label).color(theme::TEXT_SECONDARY);
            let button = Button::new(text).frame_when_inactive(false).truncate();
            if ui.add(button).accessible_name(tf!("Open {label}", label)).clicked() {
                sender.send(WindowRequest::Open(Opening::Paths(case.paths().to_vec())));
            }
        }
        ui.add_space(theme::SPACE_4);
    }
    ui.add_space(theme::SPACE_2);
    ui.add(Label::new(RichText::new(t(crate::RESEARCH_ONLY)).color(theme::TEXT_FAINT)).wrap());
}

/// A frame over the window while files hover over it.
pub fn drop_hint(context: &egui::Context) {
    let hovering = context.input(|i| !i.raw.hovered_files.is_empty());
    if !hovering {
        return;
    }
    let layer = egui::LayerId::new(egui::Order::Foreground, egui::Id::unique("drop hint"));
    let painter = context.layer_painter(layer);
    let rect = context.content_rect();
    painter.rect_filled(rect, 0.0, theme::faded(theme::BASE, 0.8));
    let stroke = egui::Stroke::new(2.0, theme::ACCENT);
    painter.rect_stroke(rect.shrink(16.0), f32::from(theme::CORNER_LARGE), stroke, egui::StrokeKind::Inside);
    let font = theme::strong(theme::SIZE_TITLE);
    painter.text(rect.center(), egui::Align2::CENTER_CENTER, t("Drop to open"), font, theme::TEXT);
}
