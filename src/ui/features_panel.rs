//! The 110 features of the case: a matrix of stations and shares, the values of the whole case, and
//! what has to be known about them.

use super::icons::{Icon, icon_label};
use super::panel::PanelInput;
use super::theme;
use super::widgets::{faint, status_line, tiny_bar, value_row};
use crate::features::{FeatureInfo, FeatureKind, FeatureVector, FlagLevel, GLOBAL_FIRST, catalogue, ratio_index};
use crate::structures::{Generation, Provenance, Role, Station};
use crate::tf;
use crate::words::{t, told, told_sentence};
use crate::workbench::{Case, Command, Derived, READING};
use eframe::egui::{self, Align2, Mesh, Rect, RichText, Sense, Ui, WidgetInfo, pos2, vec2};

const STATION_WIDTH: f32 = 34.0;
const HEAD: f32 = 34.0;
const ROW: f32 = 21.0;

/// Shows features and flags.
pub fn features_panel_ui(ui: &mut Ui, input: &PanelInput<'_>) {
    if input.workbench.loading().is_some() {
        faint(ui, t(READING));
        return;
    }
    let Some((case, live)) = input.workbench.case().zip(input.workbench.live()) else {
        faint(ui, t("Open a case to see its features"));
        return;
    };
    let features = live.features();
    fresh_mark(ui, features, case.revision());
    ctv_ui(ui, case);
    if !features.value.is_defined() {
        flags_ui(ui, &features.value);
        return;
    }
    matrix_ui(ui, input, &features.value);
    ui.add_space(theme::SPACE_2);
    for feature in &catalogue()[GLOBAL_FIRST..] {
        let (name, value) = global_words(feature, features.value.values[feature.index]);
        value_row(ui, name, &value, &format!("{}\n{}", told_sentence(&feature.description), feature.name));
    }
    ui.add_space(theme::SPACE_2);
    flags_ui(ui, &features.value);
}

/// Which CTV features and risk are about.
pub fn ctv_ui(ui: &mut Ui, case: &Case) {
    for roi in case.structures().with_role(Role::Ctv) {
        let kind = match (&roi.provenance, roi.generation) {
            (Provenance::Proposed { .. }, Generation::Automatic) => Some(t("proposed")),
            (Provenance::Proposed { .. }, _) => Some(t("proposed, corrected")),
            _ => None,
        };
        let words = match kind {
            Some(kind) => tf!("CTV: {name}, {kind}", name = roi.name, kind),
            None => tf!("CTV: {name}, structure", name = roi.name),
        };
        ui.label(RichText::new(words).color(theme::TEXT_SECONDARY));
    }
}

/// Whether a value belongs to the contours as they are now.
pub fn fresh_mark<T>(ui: &mut Ui, derived: &Derived<T>, revision: crate::geometry::Revision) {
    let (icon, color, words) = if derived.revision == revision {
        (Icon::Check, theme::OK, t("Current"))
    } else {
        (Icon::Warning, theme::STALE, t("Out of date"))
    };
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = 4.0;
        icon_label(ui, icon, color);
        ui.label(RichText::new(words).color(theme::TEXT_SECONDARY).size(theme::SIZE_SMALL + 1.0)).on_hover_text(tf!(
            "Computed from revision {computed} of the contours; they are at {now}",
            computed = derived.revision.0,
            now = revision.0
        ));
    });
}

/// Sixteen stations by six shares.
fn matrix_ui(ui: &mut Ui, input: &PanelInput<'_>, features: &FeatureVector) {
    let width = ui.available_width().min(460.0);
    let cell = (width - STATION_WIDTH) / 6.0;
    let (head, _) = ui.allocate_exact_size(vec2(width, HEAD), Sense::hover());
    let small = theme::regular(theme::SIZE_SMALL);
    let x = |column: usize| head.left() + STATION_WIDTH + column as f32 * cell;
    for (group, title) in ["CTV", "GTV", t("Margin")].into_iter().enumerate() {
        let at = pos2(x(2 * group) + cell, head.top() + 8.0);
        ui.painter().text(at, Align2::CENTER_CENTER, title, theme::strong(theme::SIZE_SMALL), theme::TEXT_SECONDARY);
        for (n, title) in [t("of station"), t("of union")].into_iter().enumerate() {
            let at = pos2(x(2 * group + n) + cell / 2.0, head.top() + 23.0);
            let font = theme::regular(theme::SIZE_SMALL - 1.5);
            ui.painter().text(at, Align2::CENTER_CENTER, title, font, theme::TEXT_FAINT);
        }
    }
    // A hundred bars as one mesh: each as a shape of its own would take a tenth of a frame.
    let mut bars = Mesh::default();
    ui.scope(|ui| {
        ui.spacing_mut().item_spacing.y = 0.0;
        for station in Station::all() {
            station_row(ui, input, features, station, cell, &small, &mut bars);
        }
    });
    ui.painter().add(bars);
}

fn station_row(
    ui: &mut Ui,
    input: &PanelInput<'_>,
    features: &FeatureVector,
    station: Station,
    cell: f32,
    font: &egui::FontId,
    bars: &mut Mesh,
) {
    let (rect, response) = ui.allocate_exact_size(vec2(STATION_WIDTH + 6.0 * cell, ROW), Sense::click());
    let values: Vec<(&FeatureInfo, Option<f64>)> =
        (0..6).map(|f| ratio_index(station, f)).map(|index| (&catalogue()[index], features.values[index])).collect();
    response.widget_info(|| {
        let spoken: Vec<String> = values.iter().map(|(info, v)| format!("{} {}", info.name, share_words(*v))).collect();
        let spoken = tf!("Station {station}: {names}", station, names = spoken.join(", "));
        WidgetInfo::labeled(egui::Role::Button, true, &spoken)
    });
    let touched = features.partition.stations.get(station.index()).is_some_and(|p| p.touched_by_ctv);
    if response.hovered() {
        ui.painter().rect_filled(rect, 3.0, theme::CONTROL);
    }
    let color = if touched { theme::TEXT } else { theme::TEXT_FAINT };
    let at = pos2(rect.left() + 4.0, rect.center().y);
    ui.painter().text(at, Align2::LEFT_CENTER, station.label(), theme::strong(theme::SIZE_SMALL + 1.0), color);
    let roi = input.workbench.case().and_then(|c| c.structures().with_role(Role::Station(station)).next());
    let bar = roi.map_or(theme::ACCENT, |r| theme::legible(r.color));
    for (column, (_, value)) in values.iter().enumerate() {
        let left = rect.left() + STATION_WIDTH + column as f32 * cell;
        let inner = Rect::from_min_max(pos2(left + 3.0, rect.top()), pos2(left + cell - 3.0, rect.bottom()));
        let empty = value.is_none_or(|v| v <= 0.0);
        let color = if empty { theme::TEXT_DISABLED } else { theme::TEXT };
        let at = pos2(inner.right(), inner.center().y - 2.0);
        ui.painter().text(at, Align2::RIGHT_CENTER, share_words(*value), font.clone(), color);
        if let Some(value) = value {
            let strip =
                Rect::from_min_max(pos2(inner.left(), inner.bottom() - 4.0), pos2(inner.right(), inner.bottom() - 2.0));
            tiny_bar(ui, bars, strip, *value as f32, theme::faded(bar, 0.85));
        }
    }
    let clicked = response.clicked();
    let column = response.hover_pos().map(|at| ((at.x - rect.left() - STATION_WIDTH) / cell).floor());
    response.on_hover_ui_at_pointer(|ui| {
        let tooltip = match column {
            Some(column) if (0.0..6.0).contains(&column) => {
                let (info, value) = values[column as usize];
                format!("{}\n{} = {}", told_sentence(&info.description), info.name, share_words(value))
            }
            _ => tf!("Station {station}: {name}", station, name = told(station.name())),
        };
        ui.set_max_width(ui.spacing().tooltip_width);
        ui.label(tooltip);
    });
    if clicked && let Some(roi) = roi {
        input.sender.send(Command::SelectRoi(Some(roi.id)));
        input.sender.send(Command::GoToRoi(roi.id));
    }
}

/// A share for a narrow column.
fn share_words(value: Option<f64>) -> String {
    match value {
        None => "—".into(),
        Some(v) if v <= 0.0 => "0".into(),
        Some(v) if v < 0.0005 => "<.001".into(),
        Some(v) if v >= 0.9995 => "1".into(),
        Some(v) => format!("{v:.3}").trim_start_matches('0').to_owned(),
    }
}

/// Name and value of a feature of the whole case, in words.
fn global_words(feature: &FeatureInfo, value: Option<f64>) -> (&'static str, String) {
    let name = match feature.name.as_str() {
        "g_voxel_mm3" => t("Voxel"),
        "g_ctv_cm3" => "CTV",
        "g_gtv_cm3" => "GTV",
        "g_idea_cm3" => t("Union of touched stations"),
        "g_gtv_maxdiam_mm" => t("Largest GTV diameter"),
        "g_n_stations_ctv" => t("Stations touched by CTV"),
        "g_n_stations_gtv" => t("Stations touched by GTV"),
        "g_ctv_cover_idea" => t("CTV share of the union"),
        "g_gtv_side" => t("Side of the GTV"),
        "g_central" => t("Central tumour"),
        "c_sex_male" => t("Male"),
        "c_age_gt60" => t("Older than 60 years"),
        "c_stage_t" => t("T stage"),
        _ => t("Smoking index"),
    };
    let Some(v) = value else { return (name, t("missing").into()) };
    let words = match (feature.name.as_str(), feature.kind) {
        ("g_gtv_side", _) => match v {
            v if v > 0.0 => t("right").into(),
            v if v < 0.0 => t("left").into(),
            _ => t("midline").into(),
        },
        ("g_voxel_mm3", _) => format!("{v:.2} mm³"),
        ("g_gtv_maxdiam_mm", _) => format!("{v:.1} mm"),
        (n, _) if n.ends_with("_cm3") => format!("{v:.1} cm³"),
        ("c_smoking_index", _) => tf!("{v:.0} cigarettes/day × years", v),
        (_, FeatureKind::Binary) => (if v > 0.5 { t("yes") } else { t("no") }).into(),
        (_, FeatureKind::Count | FeatureKind::Ordinal) => format!("{v:.0}"),
        _ => format!("{v:.3}"),
    };
    (name, words)
}

/// What is missing or doubtful, in words. Stations without voxels are one line together.
pub fn flags_ui(ui: &mut Ui, features: &FeatureVector) {
    use crate::features::FeatureFlag;
    let together = |pick: fn(&FeatureFlag) -> Option<Station>| -> Vec<&'static str> {
        features.flags.iter().filter_map(pick).map(Station::label).collect()
    };
    for flag in &features.flags {
        if matches!(flag, FeatureFlag::StationEmpty(_) | FeatureFlag::StationOutOfScan(_)) {
            continue;
        }
        let icon = match flag.level() {
            FlagLevel::Stop => Icon::Error,
            FlagLevel::Warning => Icon::Warning,
            FlagLevel::Note => Icon::Info,
        };
        status_line(ui, icon, &flag.to_string());
    }
    let outside = together(|f| if let FeatureFlag::StationOutOfScan(s) = f { Some(*s) } else { None });
    if !outside.is_empty() {
        status_line(ui, Icon::Warning, &tf!("Outside the scan, features missing: {names}", names = outside.join(", ")));
    }
    let empty = together(|f| if let FeatureFlag::StationEmpty(s) = f { Some(*s) } else { None });
    if !empty.is_empty() {
        status_line(ui, Icon::Info, &tf!("Not drawn, features are 0: {names}", names = empty.join(", ")));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_short_and_never_round_to_nothing_or_all() {
        let words = [None, Some(0.0), Some(0.0001), Some(0.1234), Some(0.9991), Some(1.0)].map(share_words);
        assert_eq!(words, ["—", "0", "<.001", ".123", ".999", "1"]);
    }
}
