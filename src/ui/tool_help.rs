//! The window with a page of help for each tool, and the tooltip of a tool.

use super::shortcuts;
use super::theme;
use super::widgets::chip;
use crate::words::t;
use crate::workbench::{Keymap, ToolKind, Workbench};
use eframe::egui::{self, Button, Id, RichText, Ui};
use strum::IntoEnumIterator;

/// The window; it begins at the tool in use.
pub fn window(context: &egui::Context, workbench: &Workbench, open: &mut bool) {
    let id = Id::unique("page of the tools' help");
    let mut shown = context.data(|data| data.get_temp::<ToolKind>(id)).unwrap_or(workbench.tool());
    let window = egui::Window::new(t("Help for the tools"))
        .id(egui::Id::unique("tool help"))
        .open(open)
        .collapsible(false)
        .resizable(false);
    window.pivot(egui::Align2::CENTER_CENTER).default_pos(context.content_rect().center()).show(context, |ui| {
        let room = context.content_rect().size();
        // Both columns whole; only a window that is too small for them scrolls.
        ui.set_width(640.0_f32.min(room.x - 40.0));
        ui.set_max_height(430.0_f32.min(room.y - 100.0).max(150.0));
        egui::ScrollArea::both().show(ui, |ui| {
            ui.horizontal_top(|ui| {
                ui.vertical(|ui| {
                    ui.set_width(150.0);
                    for kind in ToolKind::iter() {
                        if ui.add(Button::selectable(shown == kind, t(kind.help().title))).clicked() {
                            shown = kind;
                        }
                    }
                });
                ui.separator();
                ui.vertical(|ui| {
                    ui.set_width(430.0_f32.min(room.x - 220.0).max(160.0));
                    ui.set_min_height(330.0_f32.min(room.y - 120.0));
                    page_ui(ui, workbench.keymap(), shown);
                });
            })
        });
    });
    context.data_mut(|data| {
        if *open {
            data.insert_temp(id, shown);
        } else {
            data.remove::<ToolKind>(id);
        }
    });
}

fn page_ui(ui: &mut Ui, keys: &Keymap, kind: ToolKind) {
    let help = kind.help();
    ui.label(RichText::new(t(help.title)).font(theme::strong(theme::SIZE_BODY + 2.0)).color(theme::ACCENT));
    ui.label(RichText::new(t(help.purpose)).color(theme::TEXT));
    ui.add_space(theme::SPACE_2);
    for (gesture, effect) in help.steps {
        ui.horizontal_wrapped(|ui| {
            chip(ui, &shortcuts::gesture(t(gesture), keys), theme::TEXT);
            ui.label(RichText::new(t(effect)).color(theme::TEXT_SECONDARY));
        });
    }
    ui.add_space(theme::SPACE_2);
    for note in help.notes {
        ui.label(RichText::new(keys.written_in(t(note))).color(theme::TEXT_SECONDARY));
    }
}
