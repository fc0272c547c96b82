//! Small widgets that several panels share.

use super::icons::{Icon, icon_label};
use super::request::CommandSender;
use super::theme;
use crate::tf;
use crate::words::{t, told};
use crate::workbench::{Action, Workbench};
use eframe::egui::emath::GuiRounding as _;
use eframe::egui::{
    self, Align, Button, Color32, CornerRadius, Frame, Layout, Margin, Rect, Response, RichText, Role, Sense, Stroke,
    Ui, Vec2, WidgetInfo, vec2,
};

/// Label, tooltip and shortcut of an action in one hover text; why it cannot run, where it cannot.
pub fn action_tooltip(workbench: &Workbench, action: Action) -> String {
    let mut text = action.info().tooltip.to_owned();
    let keys: Vec<String> = workbench.keymap().keys(action).iter().take(2).map(ToString::to_string).collect();
    if !keys.is_empty() {
        text.push_str(&format!(" ({})", keys.join(", ")));
    }
    if let Some(refusal) = workbench.refusal(action) {
        text.push('\n');
        text.push_str(refusal);
    }
    text
}

/// A row of a menu for an action.
pub fn action_item(ui: &mut Ui, workbench: &Workbench, sender: &CommandSender, action: Action) {
    let info = action.info();
    let mut button = Button::new(workbench.action_label(action));
    if let Some(shortcut) = workbench.keymap().key(action) {
        button = button.shortcut_text(RichText::new(shortcut.to_string()).color(theme::TEXT_FAINT));
    }
    let refusal = workbench.refusal(action);
    let response = ui.add_enabled(refusal.is_none(), button);
    let response = response.on_hover_text(info.tooltip).on_disabled_hover_text(refusal.unwrap_or_default());
    if response.clicked() {
        sender.send(action);
        ui.close();
    }
}

/// An icon button for an action, in the state of its tool or switch.
pub fn action_icon(
    ui: &mut Ui,
    workbench: &Workbench,
    sender: &CommandSender,
    action: Action,
    icon: Icon,
    selected: bool,
) -> Response {
    let enabled = workbench.refusal(action).is_none();
    let label = action.info().label.trim_end_matches('…');
    let response = ui.add_enabled_ui(enabled, |ui| icon_button_quiet(ui, icon, label, selected)).inner;
    let tooltip = action_tooltip(workbench, action);
    let full = format!("{label}: {tooltip}");
    let response = response.on_hover_text(&full).on_disabled_hover_text(full);
    if response.clicked() {
        sender.send(action);
    }
    response
}

/// A square icon button without a tooltip of its own.
pub fn icon_button_quiet(ui: &mut Ui, icon: Icon, name: &str, selected: bool) -> Response {
    let side = theme::ROW + 2.0;
    icon_button_sized(ui, icon, name, selected, side)
}

/// A square icon button of a given side, without a tooltip of its own.
pub fn icon_button_sized(ui: &mut Ui, icon: Icon, name: &str, selected: bool, side: f32) -> Response {
    let (rect, response) = ui.allocate_exact_size(Vec2::splat(side), Sense::click());
    let enabled = ui.is_enabled();
    response.widget_info(|| WidgetInfo::selected(Role::Button, enabled, selected, name));
    if ui.is_rect_visible(rect) {
        let fill = match (selected, response.is_pointer_button_down_on(), response.hovered()) {
            (true, ..) => theme::ACCENT_FILL,
            (false, true, _) => theme::CONTROL_ACTIVE,
            (false, false, true) => theme::CONTROL_HOVER,
            _ => Color32::TRANSPARENT,
        };
        ui.painter().rect_filled(rect, f32::from(theme::CORNER), fill);
        focus_ring(ui, &response, rect);
        let color = match (enabled, selected, response.hovered()) {
            (false, ..) => theme::TEXT_DISABLED,
            (true, true, _) => theme::ACCENT,
            (true, false, true) => theme::TEXT,
            _ => theme::TEXT_SECONDARY,
        };
        icon.paint(ui.painter(), rect.shrink(side * 0.19), color);
    }
    response
}

/// Shows where the keyboard is.
pub fn focus_ring(ui: &Ui, response: &Response, rect: Rect) {
    if response.has_focus() {
        let stroke = Stroke::new(1.5, theme::ACCENT);
        ui.painter().rect_stroke(rect, f32::from(theme::CORNER), stroke, egui::StrokeKind::Inside);
    }
}

/// A button with an icon before its text.
pub fn icon_text_button(ui: &mut Ui, icon: Icon, text: &str, primary: bool) -> Response {
    let font = theme::regular(theme::SIZE_BODY);
    let galley = ui.painter().layout_no_wrap(text.to_owned(), font, Color32::PLACEHOLDER);
    let size = vec2(galley.size().x + 16.0 + 6.0 + 20.0, theme::ROW + 2.0);
    let (rect, response) = ui.allocate_exact_size(size, Sense::click());
    let enabled = ui.is_enabled();
    response.widget_info(|| WidgetInfo::labeled(Role::Button, enabled, text));
    if ui.is_rect_visible(rect) {
        let fill = match (enabled, primary, response.hovered()) {
            (false, ..) => theme::CONTROL,
            (true, true, true) => theme::ACCENT_SOLID_HOVER,
            (true, true, false) => theme::ACCENT_SOLID,
            (true, false, true) => theme::CONTROL_HOVER,
            (true, false, false) => theme::CONTROL,
        };
        ui.painter().rect_filled(rect, f32::from(theme::CORNER), fill);
        focus_ring(ui, &response, rect);
        let color = if enabled { theme::TEXT } else { theme::TEXT_DISABLED };
        let icon_rect = Rect::from_center_size(egui::pos2(rect.left() + 18.0, rect.center().y), Vec2::splat(16.0));
        icon.paint(ui.painter(), icon_rect, color);
        let at = egui::pos2(icon_rect.right() + 6.0, rect.center().y - galley.size().y / 2.0);
        ui.painter().galley(at, galley, color);
    }
    response
}

/// The filled button of a dialog.
pub fn primary_button(ui: &mut Ui, text: &str) -> Response {
    ui.add(Button::new(RichText::new(text).color(theme::TEXT)).fill(theme::ACCENT_SOLID))
}

/// A section of a side panel that opens and closes.
pub fn section<R>(ui: &mut Ui, title: &str, open: bool, body: impl FnOnce(&mut Ui) -> R) -> Option<R> {
    let header =
        egui::CollapsingHeader::new(RichText::new(title).font(theme::strong(theme::SIZE_BODY)).color(theme::TEXT))
            .id_salt(title)
            .default_open(open);
    let result = header.show_unindented(ui, |ui| {
        ui.add_space(2.0);
        let result = body(ui);
        ui.add_space(theme::SPACE_2);
        result
    });
    result.body_returned
}

/// A card: a raised area with a margin.
pub fn card<R>(ui: &mut Ui, body: impl FnOnce(&mut Ui) -> R) -> R {
    Frame::new()
        .fill(theme::RAISED)
        .corner_radius(CornerRadius::same(theme::CORNER))
        .inner_margin(Margin::symmetric(theme::SPACE_3 as i8, theme::SPACE_2 as i8))
        .show(ui, |ui| {
            ui.set_width(ui.available_width());
            body(ui)
        })
        .inner
}

/// A name on the left, a value on the right.
pub fn value_row(ui: &mut Ui, name: &str, value: &str, tooltip: &str) -> Response {
    let row = ui.horizontal(|ui| {
        ui.label(RichText::new(name).color(theme::TEXT_SECONDARY));
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            ui.add(egui::Label::new(RichText::new(value).color(theme::TEXT)).truncate());
        });
    });
    if tooltip.is_empty() { row.response } else { row.response.on_hover_text(tooltip) }
}

/// A line with a status icon; the text wraps.
pub fn status_line(ui: &mut Ui, icon: Icon, text: &str) -> Response {
    ui.horizontal_top(|ui| {
        icon_label(ui, icon, icon.status());
        ui.add(egui::Label::new(RichText::new(text).color(theme::TEXT_SECONDARY)).wrap());
    })
    .response
}

/// Quiet explanatory text.
pub fn faint(ui: &mut Ui, text: &str) -> Response {
    ui.add(egui::Label::new(RichText::new(text).color(theme::TEXT_FAINT).size(theme::SIZE_SMALL + 1.0)).wrap())
}

/// Text in a key cap or chip.
pub fn chip(ui: &mut Ui, text: &str, color: Color32) -> Response {
    Frame::new()
        .fill(theme::CONTROL)
        .corner_radius(CornerRadius::same(4))
        .inner_margin(Margin::symmetric(6, 1))
        .show(ui, |ui| ui.label(RichText::new(text).color(color).size(theme::SIZE_SMALL)))
        .response
}

/// A switch between a few values, one of them chosen.
pub fn segmented<T: Copy + PartialEq>(ui: &mut Ui, name: &str, options: &[(T, &str)], value: T) -> Option<T> {
    let mut chosen = None;
    Frame::new().fill(theme::SUNKEN).corner_radius(CornerRadius::same(theme::CORNER)).inner_margin(2).show(ui, |ui| {
        ui.spacing_mut().item_spacing.x = 2.0;
        ui.horizontal(|ui| {
            for (option, label) in options {
                let selected = *option == value;
                let color = if selected { theme::TEXT } else { theme::TEXT_SECONDARY };
                let button = Button::selectable(selected, RichText::new(*label).color(color));
                let response = ui.add(button);
                let response = if name.is_empty() { response } else { response.on_hover_text(name) };
                if response.clicked() && !selected {
                    chosen = Some(*option);
                }
            }
        });
    });
    chosen
}

/// A share from 0 to 1 as a thin bar of a mesh, on whole pixels.
pub fn tiny_bar(ui: &Ui, mesh: &mut egui::Mesh, rect: Rect, share: f32, color: Color32) {
    if !ui.is_rect_visible(rect) {
        return;
    }
    let scale = ui.ctx().pixels_per_point();
    mesh.add_colored_rect(rect.round_to_pixels(scale), theme::SUNKEN);
    let filled = Rect::from_min_size(rect.min, vec2(rect.width() * share.clamp(0.0, 1.0), rect.height()));
    if filled.width() > 0.0 {
        mesh.add_colored_rect(filled.round_to_pixels(scale), color);
    }
}

/// A volume in words.
pub fn cm3(volume: f64) -> String {
    if volume <= 0.0 {
        t("empty").to_owned()
    } else if volume < 10.0 {
        format!("{volume:.2} cm³")
    } else if volume < 1000.0 {
        format!("{volume:.1} cm³")
    } else {
        format!("{volume:.0} cm³")
    }
}

/// Seconds in words for a time left.
pub fn time_left(seconds: f64) -> String {
    if seconds < 60.0 {
        tf!("{n:.0} s left", n = seconds.max(1.0))
    } else {
        tf!("{seconds:.0} min left", seconds = seconds / 60.0)
    }
}

/// A role in the language of the user.
pub fn role_words(role: crate::structures::Role) -> String {
    match role {
        crate::structures::Role::Station(station) => tf!("Station {station}", station),
        other => told(&other.label()).to_owned(),
    }
}
