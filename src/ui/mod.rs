//! The window. Panels read the workbench and send requests; they change nothing themselves.
//!
//! [`run`] shows it on the screen, [`screenshot`] draws the same program off screen.

mod app;
mod app_icon;
mod archive;
mod check_panel;
mod clinical_panel;
mod cohort;
mod decision;
mod deidentify_panel;
mod derived_view;
mod difference_panel;
mod difference_view;
mod display_panel;
mod draw;
mod edit_bench;
mod export_panel;
mod features_panel;
mod followup_panel;
pub mod fonts;
mod frame_bench;
mod fuzzy;
mod history_panel;
pub mod icons;
mod jobs_panel;
mod journal_offers;
mod keys_window;
mod landmark_view;
mod landmarks_panel;
mod logic;
mod measure_view;
mod messages;
mod operations_panel;
mod overlay_panel;
mod overlay_view;
mod palette;
mod panel;
mod picker;
mod picture;
mod pointer;
mod privacy;
mod projection;
mod request;
mod risk_panel;
mod scene;
mod screenshot;
mod series_panel;
mod settings_window;
mod shortcuts;
mod solid_view;
mod start_page;
mod status_bar;
mod structure_details;
mod structures_panel;
mod teach;
pub mod theme;
mod tool_bar;
mod tool_help;
mod tool_options;
mod tool_rules;
mod tool_strip;
mod top_bar;
mod tour;
mod view_events;
mod view_layout;
mod view_menu;
mod view_sides;
pub mod viewport;
mod views;
mod volumes;
mod widgets;

pub use app::{AppOptions, HilumApp};
pub use cohort::Page as CohortPage;
pub use edit_bench::{EditTimes, measure_edits};
pub use frame_bench::{FrameTimes, measure_frames};
pub use picker::{CohortPick, FilePicker, Pick, Picked, ScriptedPicker, SystemPicker};
pub use request::{CommandSender, Opening, Request, WindowRequest};
pub use screenshot::{ScreenshotRequest, offscreen_renderer, screenshot};

use crate::gpu;
use crate::words::Language;
use crate::workbench::jobs::JobMode;
use crate::workbench::{SeriesChoice, Settings};
use anyhow::{anyhow, bail};
use eframe::egui;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What the window begins with.
#[derive(Debug, Clone, Default)]
pub struct StartUp {
    /// Files and folders of a case.
    pub paths: Vec<PathBuf>,
    /// Which of their CT series.
    pub series: SeriesChoice,
    /// Seed of a demo case, where no paths are given.
    pub demo_seed: Option<u64>,
    /// A follow-up CT to lay over the case.
    pub follow_up: Option<PathBuf>,
}

/// Shows the window until it is closed.
///
/// # Errors
/// Without a display or a graphics adapter.
pub fn run(start: StartUp) -> anyhow::Result<()> {
    let display = ["DISPLAY", "WAYLAND_DISPLAY", "WAYLAND_SOCKET"];
    if cfg!(target_os = "linux") && display.iter().all(|name| std::env::var_os(name).is_none_or(|v| v.is_empty())) {
        bail!(
            "the window needs a display, and neither DISPLAY nor WAYLAND_DISPLAY is set; without one use \
             `hilum analyze` or `hilum screenshot`"
        );
    }
    let settings_path = Settings::default_path();
    if let Some(path) = &settings_path {
        choose_language(path);
    }
    let viewport = egui::ViewportBuilder::default()
        .with_title("Hilum \u{2013} research and education only")
        .with_app_id("hilum")
        .with_inner_size([1440.0, 900.0])
        .with_min_inner_size([1000.0, 700.0])
        .with_drag_and_drop(true)
        .with_icon(Arc::new(app_icon::pixels(128)));
    let options = eframe::NativeOptions {
        viewport,
        // Without an adapter the window is put on the screen by OpenGL, and the processor draws the slices.
        renderer: if gpu::has_adapter() { eframe::Renderer::Wgpu } else { eframe::Renderer::Glow },
        wgpu_options: eframe::egui_wgpu::WgpuConfiguration { wgpu_setup: gpu::wgpu_setup(), ..Default::default() },
        persistence_path: settings_path.as_ref().map(|p| p.with_file_name("window.ron")),
        ..Default::default()
    };
    let StartUp { paths, series, demo_seed, follow_up } = start;
    let create: eframe::AppCreator<'_> = Box::new(move |creation| {
        let options = AppOptions {
            mode: JobMode::Threads,
            settings_path,
            picker: Box::new(SystemPicker::default()),
            paths,
            series,
            demo_seed,
            without_gpu: false,
            follow_up,
        };
        Ok(Box::new(HilumApp::new(creation, options)))
    });
    eframe::run_native("hilum", options, create).map_err(|error| {
        anyhow!(
            "the window could not be opened ({error}); it needs a graphics driver, in software if need be (Debian: \
             mesa-vulkan-drivers); without one use `hilum analyze`"
        )
    })
}

/// Where no language was ever chosen, that of the desktop is.
fn choose_language(settings: &Path) {
    let locale =
        ["LC_ALL", "LC_MESSAGES", "LANG"].into_iter().find_map(|n| std::env::var(n).ok().filter(|v| !v.is_empty()));
    let language = Language::of_locale(&locale.unwrap_or_default());
    if language == Language::English {
        return;
    }
    // What is wrong with the file is told once the window is there.
    let Ok(now) = Settings::load(settings) else { return };
    if now.language.is_none()
        && let Err(error) = (Settings { language: Some(language), ..now }).save(settings)
    {
        tracing::warn!("{error}");
    }
}
