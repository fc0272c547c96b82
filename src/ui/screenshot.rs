//! The window drawn off screen by the real program, for pictures and for machines without a display.

use super::app::{AppOptions, HilumApp};
use super::cohort::Page;
use super::picker::ScriptedPicker;
use crate::gpu::device_descriptor;
use crate::structures::RoiId;
use crate::workbench::cohort::CohortCommand;
use crate::workbench::jobs::JobMode;
use crate::workbench::{
    Command, CompareSide, Compared, LoadedCase, OverlayCommand, SeriesChoice, ViewCommand, ViewLayout, Workspace,
};
use anyhow::{Context as _, anyhow, bail};
use eframe::egui_wgpu::{RenderState, RendererOptions, WgpuConfiguration, WgpuSetup};
use egui_kittest::wgpu::{WgpuTestRenderer, default_wgpu_setup};
use egui_kittest::{Harness, HarnessBuilder};
use std::future::Future;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

/// What to draw.
pub struct ScreenshotRequest {
    /// The case on the bench; without one the start page is shown.
    pub case: Option<LoadedCase>,
    /// The cohort to open.
    pub cohort: Option<PathBuf>,
    /// Page of the Cohort workspace.
    pub page: Page,
    /// Key of the overlay to show.
    pub overlay: Option<String>,
    pub workspace: Workspace,
    pub layout: ViewLayout,
    /// Selected and brought into the middle.
    pub structure: Option<RoiId>,
    /// Slice of the axial view, from 0.
    pub slice: Option<usize>,
    /// A set of structures to be added, and compared with those of the case.
    pub difference: Option<PathBuf>,
    /// Folder of a follow-up CT to lay over the case.
    pub follow_up: Option<PathBuf>,
    /// Width and height, pixels.
    pub size: [u32; 2],
    pub hide_identifiers: bool,
}

/// Waits for a future that needs no reactor, as those of native wgpu.
fn wait<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(value) = future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            return value;
        }
        std::thread::yield_now();
    }
}

/// A renderer without a window, with the limits that the program needs.
///
/// # Errors
/// Without any graphics adapter.
pub fn offscreen_renderer() -> anyhow::Result<WgpuTestRenderer> {
    offscreen_state().map(WgpuTestRenderer::from_render_state)
}

/// What draws without a window.
pub(super) fn offscreen_state() -> anyhow::Result<RenderState> {
    let mut setup = default_wgpu_setup();
    if let WgpuSetup::CreateNew(new) = &mut setup {
        new.device_descriptor = Arc::new(device_descriptor);
    }
    let instance = wait(setup.new_instance());
    let configuration = WgpuConfiguration { wgpu_setup: setup, ..Default::default() };
    wait(RenderState::create(&configuration, &instance, None, RendererOptions::PREDICTABLE)).map_err(|error| {
        anyhow!("no graphics adapter to draw with ({error}); install one in software (Debian: mesa-vulkan-drivers)")
    })
}

/// The window at rest, with what was asked for.
fn arrange(harness: &mut Harness<'_, HilumApp>, request: &ScreenshotRequest) -> anyhow::Result<()> {
    if let Some(path) = &request.follow_up {
        // Registration, then what follows it.
        harness.run_steps(8);
        if harness.state().workbench().follow_up().is_none() {
            let why = harness.state().workbench().notices().all().last().map(|n| n.summary.clone());
            bail!("no follow-up CT was laid over the case ({}): {}", why.unwrap_or_default(), path.display());
        }
    }
    if let Some(file) = &request.difference {
        add_and_compare(harness, file)?;
    }
    if let Some(path) = &request.cohort {
        open_cohort(harness, path)?;
    }
    let app = harness.state_mut();
    app.show_cohort_page(request.page);
    let send = |command| app.sender().send(command);
    if let Some(key) = &request.overlay {
        send(Command::Overlay(OverlayCommand::Show(key.clone())));
    }
    send(Command::SetWorkspace(request.workspace));
    send(Command::View(ViewCommand::SetLayout(request.layout)));
    if let Some(roi) = request.structure {
        send(Command::SelectRoi(Some(roi)));
        send(Command::GoToRoi(roi));
    }
    harness.run_steps(2);
    let app = harness.state_mut();
    if let (Some(k), Some(grid)) = (request.slice, app.workbench().grid()) {
        let (uv, _) = grid.plane_from_patient(app.workbench().view.crosshair);
        app.sender().send(Command::SetCrosshair(grid.patient_from_plane(uv, grid.position_mm(k))));
    }
    app.sender().send(Command::SetIdentifiersHidden(request.hide_identifiers));
    harness.run_steps(2);
    harness.state_mut().skip_toasts();
    // The first frames measure text; the picture is one of a window at rest.
    harness.run_steps(6);
    Ok(())
}

fn open_cohort(harness: &mut Harness<'_, HilumApp>, path: &Path) -> anyhow::Result<()> {
    harness.state().sender().send(Command::Cohort(CohortCommand::Open(path.to_owned())));
    harness.run_steps(4);
    if harness.state().workbench().cohort().open().is_none() {
        let why = harness.state().workbench().notices().all().last().map(|n| n.summary.clone());
        bail!("the cohort was not opened ({}): {}", why.unwrap_or_default(), path.display());
    }
    Ok(())
}

fn add_and_compare(harness: &mut Harness<'_, HilumApp>, file: &Path) -> anyhow::Result<()> {
    let before = harness.state().workbench().sources();
    harness.state().sender().send(Command::OpenFiles(vec![file.to_owned()]));
    harness.run_steps(4);
    let after = harness.state().workbench().sources();
    let (Some(reference), Some(test)) = (before.first(), after.iter().find(|s| !before.contains(s))) else {
        let why = harness.state().workbench().notices().all().last().map(|n| n.summary.clone());
        bail!(
            "no structures of another source were added to those of the case{}: {}",
            why.map(|w| format!(" ({w})")).unwrap_or_default(),
            file.display()
        );
    };
    let [reference, test] = [reference, test].map(|s| CompareSide::Source(s.clone()));
    let compared = Compared { reference, test };
    harness.state().sender().send(Command::View(ViewCommand::SetDifference(Some(compared))));
    harness.run_steps(2);
    Ok(())
}

/// Draws the window with a case; gives the bytes of a PNG file.
///
/// # Errors
/// Without a graphics adapter, and where nothing can be compared.
pub fn screenshot(mut request: ScreenshotRequest) -> anyhow::Result<Vec<u8>> {
    let [width, height] = request.size;
    if !(320..=8192).contains(&width) || !(240..=8192).contains(&height) {
        bail!("a picture of {width} x {height} cannot be drawn; choose 320 x 240 to 8192 x 8192 pixels");
    }
    let builder: HarnessBuilder<HilumApp> = Harness::builder()
        .with_size([width as f32, height as f32])
        .with_accessibility_check(false)
        .allow_missing_glyphs()
        .renderer(offscreen_renderer()?);
    let options = AppOptions {
        mode: JobMode::Inline,
        settings_path: None,
        picker: Box::new(ScriptedPicker::default()),
        paths: Vec::new(),
        series: SeriesChoice::Best,
        demo_seed: None,
        without_gpu: false,
        follow_up: request.follow_up.clone(),
    };
    let mut harness = builder.build_eframe(|creation| HilumApp::new(creation, options));
    harness.run_steps(2);
    if let Some(case) = request.case.take() {
        harness.state_mut().take_case(case);
        harness.run_steps(2);
    }
    arrange(&mut harness, &request)?;
    let picture = harness.render().map_err(|error| anyhow!("the picture could not be drawn: {error}"))?;
    let mut bytes = std::io::Cursor::new(Vec::new());
    picture.write_to(&mut bytes, image::ImageFormat::Png).context("the picture could not be encoded")?;
    Ok(bytes.into_inner())
}
