//! The CT series of the folder: a small picture of each and what decides between them; a click or the
//! Enter key opens another one.

use super::icons::{Icon, icon_button};
use super::panel::PanelInput;
use super::privacy::{identifier, readable_date, series_title, warning_line, words};
use super::request::{Opening, WindowRequest};
use super::theme;
use crate::image::SlicePicture;
use crate::tf;
use crate::words::t;
use crate::workbench::{FoundSeries, FrameRelation, Workbench};
use eframe::egui::{
    self, Align, Color32, ColorImage, FontId, Layout, Rect, RichText, Role, ScrollArea, Sense, Stroke, TextureHandle,
    TextureOptions, Ui, Vec2, WidgetInfo, pos2, text::LayoutJob, vec2,
};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What the list keeps between frames.
#[derive(Default)]
pub struct SeriesState {
    folded: bool,
    /// The open series to which the list last scrolled.
    shown: Option<String>,
    textures: BTreeMap<String, (Arc<SlicePicture>, TextureHandle)>,
}

const PICTURE: f32 = 60.0;
const MARGIN: f32 = 6.0;
const LINE: f32 = 15.0;
const HEADER: f32 = 26.0;
/// In rows that are less wide the picture is smaller and words are shorter.
const NARROW: f32 = 225.0;

/// True where there is anything to choose from.
pub fn has_choice(workbench: &Workbench) -> bool {
    let list = workbench.series();
    list.series.len() > 1 || (list.open.is_none() && !list.series.is_empty())
}

/// The height that the whole list takes.
pub fn height(workbench: &Workbench, state: &SeriesState) -> f32 {
    if state.folded {
        return HEADER;
    }
    let rows = workbench.series().series.iter().map(|s| row_height(&lines(workbench, s)) + 2.0);
    HEADER + theme::SPACE_1 + rows.sum::<f32>()
}

/// Shows the list.
pub fn series_panel_ui(ui: &mut Ui, input: &PanelInput<'_>, state: &mut SeriesState) {
    let list = input.workbench.series();
    state.textures.retain(|key, _| list.by_key(key).is_some());
    ui.horizontal(|ui| {
        ui.label(RichText::new(t("Series in this folder")).font(theme::strong(theme::SIZE_BODY)));
        ui.label(RichText::new(list.series.len().to_string()).color(theme::TEXT_FAINT).size(theme::SIZE_SMALL));
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            let (icon, name) =
                if state.folded { (Icon::Up, t("Unfold the series")) } else { (Icon::Down, t("Fold the series")) };
            if icon_button(ui, icon, name, false).clicked() {
                state.folded = !state.folded;
            }
        });
    });
    if state.folded {
        return;
    }
    ScrollArea::vertical().id_salt("series").auto_shrink([false, false]).show(ui, |ui| {
        ui.spacing_mut().item_spacing.y = 2.0;
        for series in &list.series {
            row_ui(ui, input, state, series);
        }
    });
}

fn row_height(lines: &[Line]) -> f32 {
    let rows: usize = lines.iter().map(|l| l.rows).sum();
    PICTURE.max(LINE * (1 + rows) as f32 + 1.0) + 2.0 * MARGIN
}

/// A line below the name of a series.
struct Line {
    text: String,
    /// What stands in a narrow list.
    short: Option<String>,
    color: Color32,
    icon: Option<Icon>,
    rows: usize,
}

impl Line {
    fn new(text: impl Into<String>, color: Color32) -> Self {
        Self { text: text.into(), short: None, color, icon: None, rows: 1 }
    }

    /// What is wrong with the series, and why.
    fn trouble(icon: Icon, what: &str, why: &[String]) -> Self {
        let text = format!("{what}: {}", why.join("; "));
        Self { text, short: None, color: icon.status(), icon: Some(icon), rows: 2 }
    }
}

/// What is said of a series below its name.
fn lines(workbench: &Workbench, series: &FoundSeries) -> Vec<Line> {
    let slices =
        if series.slices == 1 { t("1 slice").to_owned() } else { tf!("{slices} slices", slices = series.slices) };
    let extent = series.spacing_words().map_or_else(|| slices.clone(), |s| format!("{slices}, {s}"));
    let (sets, short) = match series.structure_sets {
        0 => (t("no structure set").to_owned(), t("no set").to_owned()),
        1 => (t("1 structure set").to_owned(), t("1 set").to_owned()),
        n => (tf!("{n} structure sets", n), tf!("{n} sets", n)),
    };
    let mut lines = vec![Line::new(extent, theme::TEXT_SECONDARY)];
    let open = workbench.series().opened();
    lines.push(if open.is_none_or(|o| o.key == series.key) {
        Line::new(sets, theme::TEXT_SECONDARY)
    } else {
        let frame = match series.frame {
            FrameRelation::Same => t("Same frame"),
            FrameRelation::Other => t("Other frame"),
            FrameRelation::Unknown => t("Frame not stated"),
        };
        let short = Some(format!("{frame}, {short}"));
        Line { short, ..Line::new(format!("{frame}, {sets}"), theme::TEXT_SECONDARY) }
    });
    let date = readable_date(&series.date);
    let date = identifier(workbench, &date, "");
    if !date.is_empty() {
        lines.push(Line::new(date, theme::TEXT_FAINT));
    }
    if let Some(trouble) = &series.unusable {
        lines.push(Line::trouble(Icon::Error, t("Cannot be opened"), &[words(workbench, &trouble.text)]));
    } else if !series.doubts.is_empty() {
        let why: Vec<String> = series.doubts.iter().map(|w| warning_line(workbench, w)).collect();
        lines.push(Line::trouble(Icon::Warning, t("Geometry doubtful"), &why));
    }
    lines
}

fn row_ui(ui: &mut Ui, input: &PanelInput<'_>, state: &mut SeriesState, series: &FoundSeries) {
    let workbench = input.workbench;
    let is_open = workbench.series().opened().is_some_and(|s| s.key == series.key);
    let refusal = workbench.series_refusal(&series.key);
    let enabled = is_open || refusal.is_none();
    let title = series_title(workbench, series);
    let lines = lines(workbench, series);
    let size = vec2(ui.available_width(), row_height(&lines));
    let (rect, response) = ui.allocate_exact_size(size, if enabled { Sense::click() } else { Sense::hover() });
    let mut said = vec![if is_open { tf!("{title}, open", title) } else { tf!("Open {title}", title) }];
    said.extend(lines.iter().map(|line| line.text.clone()));
    let name = said.join(", ");
    response.widget_info(|| WidgetInfo::selected(Role::Button, enabled, is_open, &name));
    if is_open && state.shown.as_ref() != Some(&series.key) {
        ui.scroll_to_rect(rect, None);
        state.shown = Some(series.key.clone());
    }
    if response.gained_focus() {
        ui.scroll_to_rect(rect, None);
    }
    if ui.is_rect_visible(rect) {
        let corner = f32::from(theme::CORNER);
        if is_open {
            ui.painter().rect_filled(rect, corner, theme::ACCENT_FILL);
        } else if enabled && response.hovered() {
            ui.painter().rect_filled(rect, corner, theme::CONTROL_HOVER);
        }
        if response.has_focus() {
            let stroke = Stroke::new(1.5, theme::ACCENT);
            ui.painter().rect_stroke(rect, corner, stroke, egui::StrokeKind::Inside);
        }
        let inner = rect.shrink(MARGIN);
        let narrow = inner.width() < NARROW;
        let picture = Rect::from_min_size(inner.min, Vec2::splat(if narrow { PICTURE * 0.8 } else { PICTURE }));
        picture_ui(ui, workbench, state, series, picture);
        let left = picture.right() + theme::SPACE_2;
        let color = if enabled { theme::TEXT } else { theme::TEXT_FAINT };
        let mut y = inner.top();
        line_ui(ui, pos2(left, y), inner.right() - left, 1, &title, theme::strong(theme::SIZE_BODY), color);
        y += LINE + 1.0;
        for line in &lines {
            let mut x = left;
            if let Some(icon) = line.icon {
                let place = Rect::from_min_size(pos2(x, y + 1.0), Vec2::splat(13.0));
                icon.paint(ui.painter(), place, line.color);
                x += 13.0 + theme::SPACE_1;
            }
            let text = line.short.as_ref().filter(|_| narrow).unwrap_or(&line.text);
            let font = theme::regular(theme::SIZE_SMALL + 0.5);
            line_ui(ui, pos2(x, y), inner.right() - x, line.rows, text, font, line.color);
            y += LINE * line.rows as f32;
        }
    }
    let mut hint = vec![title.clone()];
    hint.extend(lines.into_iter().map(|line| line.text));
    hint.extend(refusal.filter(|_| series.unusable.is_none()).map(str::to_owned));
    if response.on_hover_text(hint.join("\n")).clicked() && refusal.is_none() {
        input.sender.send(WindowRequest::Open(Opening::Series(series.key.clone())));
    }
}

/// Text in so many rows, cut with an ellipsis.
fn line_ui(ui: &Ui, at: egui::Pos2, width: f32, rows: usize, text: &str, font: FontId, color: Color32) {
    let mut job = LayoutJob::simple(text.to_owned(), font, color, width);
    job.wrap.max_rows = rows;
    job.wrap.break_anywhere = rows == 1;
    let galley = ui.painter().layout_job(job);
    ui.painter().galley(at, galley, color);
}

/// The middle slice in a black square, or a sign that it is not there.
fn picture_ui(ui: &Ui, workbench: &Workbench, state: &mut SeriesState, series: &FoundSeries, place: Rect) {
    ui.painter().rect_filled(place, 3.0, theme::IMAGE);
    let picture = workbench.thumbnail(series).map(|t| t.picture.as_ref());
    if let Some(Ok(picture)) = picture {
        let known = state.textures.get(&series.key).filter(|(of, _)| Arc::ptr_eq(of, picture));
        let texture = known.map(|(_, texture)| texture.clone()).unwrap_or_else(|| {
            let image = ColorImage::from_rgb(picture.size_px, &picture.rgb);
            let texture =
                ui.ctx().load_texture(tf!("series {number}", number = series.number), image, TextureOptions::LINEAR);
            state.textures.insert(series.key.clone(), (Arc::clone(picture), texture.clone()));
            texture
        });
        let size = texture.size_vec2();
        let size = size * (place.width() / size.max_elem());
        let whole = Rect::from_min_max(pos2(0.0, 0.0), pos2(1.0, 1.0));
        ui.painter().image(texture.id(), Rect::from_center_size(place.center(), size), whole, Color32::WHITE);
        return;
    }
    let is_lost = series.unusable.is_some() || matches!(picture, Some(Err(_)));
    let icon = if is_lost { Icon::Warning } else { Icon::Layers };
    icon.paint(ui.painter(), Rect::from_center_size(place.center(), Vec2::splat(20.0)), theme::TEXT_DISABLED);
}
