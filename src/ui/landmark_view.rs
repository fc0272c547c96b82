//! Landmarks over the views: levels as lines in the sagittal and coronal view, points as handles in all of them. The shape of
//! a handle and dashes tell the source, so that no colour is needed to see it.

use super::theme;
use super::viewport::{ViewTransform, text};
use crate::anatomy::{Landmark, LandmarkId, LandmarkSource};
use crate::geometry::{Orientation, PatientPoint};
use crate::tf;
use crate::words::{t, told};
use crate::workbench::Workbench;
use eframe::egui::{Align2, Color32, Painter, Pos2, Rect, Response, Shape, Stroke, pos2, vec2};

/// How near to a line and to a handle the pointer takes hold of it, points.
const LINE_REACH: f32 = 5.0;
const HANDLE_REACH: f32 = 9.0;
/// Names of levels stand below each other at the right edge, points.
const TAG_HEIGHT: f32 = 13.0;
const TAG_INSET: f32 = 10.0;
const NAME_WIDTH: f32 = 122.0;
/// A narrower view names only the landmark under the pointer: names of all would hide the image, points.
const NAMES_FROM: f32 = 260.0;
/// A point further from the plane is drawn faintly, mm.
const NEAR_MM: f64 = 6.0;

/// A name that has room in a view.
pub fn short_name(id: LandmarkId) -> &'static str {
    match id {
        LandmarkId::CricoidLower => t("Cricoid"),
        LandmarkId::ManubriumTop => t("Manubrium"),
        LandmarkId::ClavicleTop => t("Clavicle"),
        LandmarkId::ApexRight => t("Right apex"),
        LandmarkId::ApexLeft => t("Left apex"),
        LandmarkId::LeftBrachiocephalicLower => t("Left brachioceph. vein"),
        LandmarkId::ArchTop => t("Aortic arch, top"),
        LandmarkId::ArchLower => t("Aortic arch, bottom"),
        LandmarkId::AzygosLower => t("Azygos arch"),
        LandmarkId::LeftPulmonaryTop => t("Left pulmonary artery"),
        LandmarkId::Carina => t("Carina"),
        LandmarkId::RightUpperLobe => t("Right upper lobe"),
        LandmarkId::LeftUpperLobe => t("Left upper lobe"),
        LandmarkId::IntermediusLower => t("Bronchus intermedius"),
        LandmarkId::LeftLowerLobe => t("Left lower lobe"),
        LandmarkId::Diaphragm => t("Diaphragm"),
    }
}

/// The source in a word.
pub fn source_word(source: LandmarkSource) -> &'static str {
    match source {
        LandmarkSource::Found => t("found"),
        LandmarkSource::FromStructure => t("from structure"),
        LandmarkSource::User => t("placed"),
        LandmarkSource::Estimated => t("estimated"),
        LandmarkSource::Phantom => t("known"),
    }
}

/// Name, source and how far off it usually is.
pub fn description(id: LandmarkId, landmark: &Landmark) -> String {
    let source = told(landmark.source.words());
    let mut all = format!("{}, {source}", told(id.label()));
    if let Some(spread_mm) = landmark.spread_mm {
        all.push_str(&tf!("; usually within {spread_mm:.0} mm", spread_mm));
    }
    if landmark.source == LandmarkSource::Estimated {
        all.push_str(&format!("; {}", t("a usual distance from the carina, not seen in this scan")));
    }
    all
}

/// A handle that tells the source by its shape.
pub fn handle(painter: &Painter, at: Pos2, source: LandmarkSource, radius: f32, color: Color32) {
    let dark = Stroke::new(1.0, theme::OVERLAY_SHADOW);
    match source {
        LandmarkSource::Found | LandmarkSource::Phantom => {
            painter.circle(at, radius, color, dark);
        }
        LandmarkSource::Estimated => {
            painter.circle(at, radius, theme::OVERLAY_SHADOW, Stroke::new(1.5, color));
        }
        LandmarkSource::FromStructure => {
            let square = Rect::from_center_size(at, vec2(radius, radius) * 1.8);
            painter.rect(square, 0.0, color, dark, eframe::egui::StrokeKind::Outside);
        }
        LandmarkSource::User => {
            let r = radius * 1.35;
            let points = [vec2(0.0, -r), vec2(r, 0.0), vec2(0.0, r), vec2(-r, 0.0)].map(|by| at + by).to_vec();
            painter.add(Shape::convex_polygon(points, color, dark));
        }
    }
}

/// Where a landmark lies in a view, if it is drawn there.
struct Drawn<'a> {
    id: LandmarkId,
    landmark: &'a Landmark,
    at: Pos2,
    /// It lies in the plane, or nearly.
    near: bool,
    /// Where its name stands at the edge, for a level.
    tag: f32,
}

fn drawn<'a>(workbench: &'a Workbench, view: &ViewTransform) -> Vec<Drawn<'a>> {
    let anatomy = workbench.anatomy();
    if !anatomy.shown || workbench.loading().is_some() {
        return Vec::new();
    }
    let axial = view.plane.orientation == Orientation::Axial;
    let half_slice = workbench.grid().map_or(0.0, |grid| grid.median_spacing_mm() / 2.0);
    let all = anatomy.landmarks().iter().filter_map(|(id, landmark)| {
        let off = (landmark.position - view.plane.origin).dot(view.plane.normal).abs();
        let at = view.screen_from_patient(landmark.position);
        let near = off <= if axial { half_slice.max(1.0) } else { NEAR_MM };
        let is_here = if axial { id.is_point() && near } else { view.rect.y_range().contains(at.y) };
        is_here.then_some(Drawn { id, landmark, at, near, tag: at.y })
    });
    let mut all: Vec<Drawn<'_>> = all.collect();
    spread_tags(&mut all, view.rect);
    all
}

/// Names that would lie over each other give way to both sides, in the order of their lines.
fn spread_tags(all: &mut [Drawn<'_>], rect: Rect) {
    let mut levels: Vec<&mut Drawn<'_>> = all.iter_mut().filter(|d| !d.id.is_point()).collect();
    levels.sort_by(|a, b| a.at.y.total_cmp(&b.at.y));
    for _ in 0..60 {
        for n in 1..levels.len() {
            let short = TAG_HEIGHT - (levels[n].tag - levels[n - 1].tag);
            if short > 0.0 {
                levels[n - 1].tag -= short / 2.0;
                levels[n].tag += short / 2.0;
            }
        }
    }
    let mut next = rect.bottom();
    for level in levels.iter_mut().rev() {
        level.tag = level.tag.min(next - TAG_HEIGHT).max(rect.top() + TAG_HEIGHT);
        next = level.tag;
    }
}

fn has_names(rect: Rect) -> bool {
    rect.width() >= NAMES_FROM
}

/// Where the lines of levels end, each with its handle; the names begin beyond.
fn line_end(rect: Rect) -> f32 {
    rect.right() - TAG_INSET - if has_names(rect) { NAME_WIDTH.min(rect.width() * 0.4) } else { HANDLE_REACH }
}

/// Where the handle of a landmark lies: a level's stands at the end of its line.
fn handle_at(drawn: &Drawn<'_>, rect: Rect) -> Pos2 {
    if drawn.id.is_point() { drawn.at } else { pos2(line_end(rect), drawn.at.y) }
}

/// The landmark at a point of a view: handles first, then lines and their names.
pub fn at(workbench: &Workbench, view: &ViewTransform, point: PatientPoint) -> Option<LandmarkId> {
    let pointer = view.screen_from_patient(point);
    let all = drawn(workbench, view);
    let handles =
        all.iter().map(|d| (d.id, handle_at(d, view.rect).distance(pointer))).filter(|(_, off)| *off <= HANDLE_REACH);
    if let Some((id, _)) = handles.min_by(|a, b| a.1.total_cmp(&b.1)) {
        return Some(id);
    }
    let levels = || all.iter().filter(|d| !d.id.is_point());
    let names = line_end(view.rect)..=view.rect.right() - TAG_INSET;
    let on_name = |d: &&Drawn<'_>| (pointer.y - d.tag).abs() <= TAG_HEIGHT / 2.0 && names.contains(&pointer.x);
    if let Some(named) = levels().find(on_name).filter(|_| has_names(view.rect)) {
        return Some(named.id);
    }
    let lines = levels().map(|d| (d.id, (d.at.y - pointer.y).abs())).filter(|(_, off)| *off <= LINE_REACH);
    lines.min_by(|a, b| a.1.total_cmp(&b.1)).map(|(id, _)| id)
}

/// Draws the landmarks of a view.
pub fn paint(painter: &Painter, view: &ViewTransform, workbench: &Workbench) {
    let anatomy = workbench.anatomy();
    let held = anatomy.held();
    let chosen = held.map(|(id, _)| id).or(anatomy.hovered);
    let mut all = drawn(workbench, view);
    // The chosen one lies on top.
    all.sort_by_key(|d| chosen == Some(d.id));
    for d in &all {
        let is_chosen = chosen == Some(d.id);
        let color = if is_chosen { theme::WARNING } else { theme::LANDMARK };
        let color = if d.near || !d.id.is_point() || is_chosen { color } else { theme::faded(color, 0.45) };
        let name = match held {
            Some((id, mm)) if id == d.id => tf!("{name} {mm:+.1} mm", name = short_name(d.id), mm),
            _ => short_name(d.id).to_owned(),
        };
        let font = theme::regular(theme::SIZE_SMALL);
        let width = painter.layout_no_wrap(name.clone(), font.clone(), color).size().x;
        let edge = view.rect.right() - theme::SPACE_1;
        if d.id.is_point() {
            if is_chosen || d.near && has_names(view.rect) {
                // Below the handle where the view ends.
                let fits = d.at.x + 8.0 + width <= edge;
                let name_at = if fits { d.at + vec2(8.0, 0.0) } else { pos2(edge - width, d.at.y + TAG_HEIGHT) };
                text(painter, name_at, Align2::LEFT_CENTER, &name, font, color);
            }
        } else {
            let end = pos2(line_end(view.rect), d.at.y);
            let line = [pos2(view.rect.left(), d.at.y), end];
            // The image stays legible below a dozen lines.
            let stroke = if is_chosen { Stroke::new(2.0, color) } else { Stroke::new(1.0, theme::faded(color, 0.55)) };
            if d.landmark.source == LandmarkSource::Estimated {
                painter.extend(Shape::dashed_line(&line, stroke, 6.0, 5.0));
            } else {
                painter.line_segment(line, stroke);
            }
            if has_names(view.rect) {
                let name_at = pos2((end.x + 16.0).min(edge - width), d.tag);
                painter.line_segment([end, name_at - vec2(3.0, 0.0)], stroke);
                text(painter, name_at, Align2::LEFT_CENTER, &name, font, color);
            } else if is_chosen {
                // Above its line, or below where the view ends.
                let above = d.at.y - view.rect.top() > 2.0 * TAG_HEIGHT;
                let anchor = if above { Align2::RIGHT_BOTTOM } else { Align2::RIGHT_TOP };
                text(
                    painter,
                    pos2(edge, d.at.y + if above { -HANDLE_REACH } else { HANDLE_REACH }),
                    anchor,
                    &name,
                    font,
                    color,
                );
            }
        }
        handle(painter, handle_at(d, view.rect), d.landmark.source, if is_chosen { 5.0 } else { 3.5 }, color);
    }
}

/// What a landmark under the pointer is.
pub fn tooltip(response: Response, workbench: &Workbench) -> Response {
    let anatomy = workbench.anatomy();
    let hovered = anatomy.hovered.filter(|_| anatomy.held().is_none());
    match hovered.and_then(|id| Some((id, anatomy.landmarks().get(id)?))) {
        Some((id, landmark)) => response.on_hover_text_at_pointer(description(id, landmark)),
        None => response,
    }
}
