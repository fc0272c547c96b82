//! How the views are laid out and drawn; remembered for the user from run to run.

use crate::image::WindowLevel;
use crate::structures::{Provenance, Roi};
use crate::words::{keep, t};

/// Which views are on the screen.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Default, strum::EnumIter, strum::EnumString, serde::Serialize, serde::Deserialize,
)]
#[strum(ascii_case_insensitive, serialize_all = "kebab-case")]
#[serde(rename_all = "kebab-case")]
pub enum ViewLayout {
    /// Axial large, sagittal and coronal beside it.
    #[default]
    Axial,
    /// Axial, sagittal, coronal, and the structures as solids.
    Four,
    /// Two axial views side by side.
    Compare,
}

impl ViewLayout {
    pub fn label(self) -> &'static str {
        match self {
            Self::Axial => t("Axial large"),
            Self::Four => t("Four views"),
            Self::Compare => t("Side by side"),
        }
    }
}

/// What is drawn of a structure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ContourStyle {
    #[default]
    Both,
    Outline,
    Fill,
}

impl ContourStyle {
    pub const ALL: [(Self, &'static str); 3] =
        [(Self::Both, keep("Both")), (Self::Outline, keep("Outline")), (Self::Fill, keep("Fill"))];

    pub fn next(self) -> Self {
        match self {
            Self::Both => Self::Outline,
            Self::Outline => Self::Fill,
            Self::Fill => Self::Both,
        }
    }
}

/// Which structures one of two views side by side shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CompareSide {
    /// All of them as they are now.
    Now,
    /// All of them as they entered the case.
    AsOpened,
    /// Those of one source, by [`source_of`].
    Source(String),
}

/// What a structure came from, in a word: the label of its set, or how it was made.
pub fn source_of(roi: &Roi) -> String {
    match &roi.provenance {
        Provenance::Imported { label, file } | Provenance::Traced { label, file } => {
            if label.trim().is_empty() {
                file.clone()
            } else {
                label.clone()
            }
        }
        Provenance::Network { model_id, .. } => model_id.clone(),
        Provenance::Proposed { .. } => keep("Proposed").into(),
        Provenance::Computed { .. } => keep("Computed").into(),
        Provenance::Phantom { .. } => keep("Synthetic").into(),
        Provenance::Drawn => keep("Drawn here").into(),
    }
}

/// A window under a number key.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct WindowPreset {
    pub name: String,
    #[serde(flatten)]
    pub window: WindowLevel,
}

/// What is remembered of the views.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct Display {
    pub layout: ViewLayout,
    /// Shares of width and height that the first view takes, for each layout.
    pub splits: [[f32; 2]; 3],
    /// A click in a view brings the planes of the others to the point; two axial views go together.
    pub linked: bool,
    /// Names beside the contours in axial views.
    pub labels: bool,
    pub style: ContourStyle,
    /// Width of outlines, points; the selected structure's is wider.
    pub line_width: f32,
    /// Windows of the keys 1 to 9.
    pub presets: Vec<WindowPreset>,
}

impl Default for Display {
    fn default() -> Self {
        Self {
            layout: ViewLayout::default(),
            splits: [[0.62, 0.5], [0.5, 0.5], [0.5, 0.5]],
            linked: true,
            labels: false,
            style: ContourStyle::default(),
            line_width: 1.4,
            presets: default_presets(),
        }
    }
}

/// How many windows have a key.
pub const PRESETS: usize = 9;

/// The windows before anybody changed them: those in use for reading a chest, HU.
fn default_presets() -> Vec<WindowPreset> {
    let rows = [
        (keep("Mediastinum"), WindowLevel::MEDIASTINUM),
        (keep("Lung"), WindowLevel::LUNG),
        (keep("Bone"), WindowLevel::BONE),
        (keep("Soft tissue"), WindowLevel { center_hu: 50.0, width_hu: 350.0 }),
        (keep("Liver"), WindowLevel { center_hu: 80.0, width_hu: 150.0 }),
        (keep("Vessels"), WindowLevel { center_hu: 100.0, width_hu: 700.0 }),
        (keep("Airways"), WindowLevel { center_hu: -450.0, width_hu: 1200.0 }),
        (keep("Brain"), WindowLevel { center_hu: 40.0, width_hu: 80.0 }),
        (keep("Wide"), WindowLevel { center_hu: 0.0, width_hu: 2000.0 }),
    ];
    rows.map(|(name, window)| WindowPreset { name: name.into(), window }).to_vec()
}

impl Display {
    pub const LINE_WIDTHS: std::ops::RangeInclusive<f32> = 0.5..=6.0;

    /// What a hand may have written into the settings file, brought to what can be shown.
    pub fn checked(mut self) -> Self {
        for share in self.splits.as_flattened_mut() {
            *share = if share.is_finite() { share.clamp(0.2, 0.8) } else { 0.5 };
        }
        let widths = Self::LINE_WIDTHS;
        self.line_width =
            if self.line_width.is_finite() { self.line_width.clamp(*widths.start(), *widths.end()) } else { 1.4 };
        let defaults = default_presets();
        self.presets.truncate(PRESETS);
        let missing = self.presets.len();
        self.presets.extend(defaults.into_iter().skip(missing));
        for preset in &mut self.presets {
            let finite = preset.window.width_hu.is_finite() && preset.window.center_hu.is_finite();
            preset.window = if finite { preset.window.drawable() } else { WindowLevel::MEDIASTINUM };
        }
        self
    }

    /// The name of the preset with this window.
    pub fn preset_name(&self, window: WindowLevel) -> Option<&str> {
        self.presets.iter().find(|p| p.window == window).map(|p| p.name.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_settings_file_holds_can_always_be_shown() {
        let text = "splits = [[0.0, nan], [9.0, 0.5], [0.3, 0.3]]\nline_width = 900.0\n\
                    [[presets]]\nname = \"Mine\"\ncenter_hu = 5.0\nwidth_hu = -3.0\n";
        let display: Display = toml::from_str(text).expect("readable");
        let display = display.checked();
        assert_eq!(display.splits, [[0.2, 0.5], [0.8, 0.5], [0.3, 0.3]]);
        assert_eq!(display.line_width, 6.0);
        assert_eq!(display.presets.len(), PRESETS);
        assert_eq!(display.presets[0].window, WindowLevel { center_hu: 5.0, width_hu: 1.0 });
        assert_eq!(display.presets[1].name, "Lung");
        let again: Display = toml::from_str(&toml::to_string_pretty(&display).expect("written")).expect("read");
        assert_eq!(again, display);
    }
}
