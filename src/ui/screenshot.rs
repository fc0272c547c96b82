//! The window drawn off screen by the real program, for pictures and for machines without a display.

use super::app::{AppOptions, HilumApp};
use super::picker::ScriptedPicker;
use crate::gpu::device_descriptor;
use crate::workbench::jobs::JobMode;
use crate::workbench::{Command, Severity, Workspace};
use anyhow::{Context as _, anyhow, bail};
use eframe::egui_wgpu::{self, RendererOptions, WgpuConfiguration, WgpuSetup};
use egui_kittest::wgpu::{WgpuTestRenderer, default_wgpu_setup};
use egui_kittest::{Harness, HarnessBuilder};
use std::future::Future;
use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

/// What to draw.
#[derive(Debug, Clone)]
pub struct ScreenshotRequest {
    /// Files and folders of a case.
    pub paths: Vec<PathBuf>,
    /// Seed of a demo case, where no paths are given.
    pub demo_seed: Option<u64>,
    pub workspace: Workspace,
    /// Width and height, pixels.
    pub size: [u32; 2],
    pub hide_identifiers: bool,
    /// PNG.
    pub output: PathBuf,
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
    let mut setup = default_wgpu_setup();
    if let WgpuSetup::CreateNew(new) = &mut setup {
        new.device_descriptor = Arc::new(device_descriptor);
    }
    let instance = wait(setup.new_instance());
    let configuration = WgpuConfiguration { wgpu_setup: setup, ..Default::default() };
    let state = wait(egui_wgpu::RenderState::create(&configuration, &instance, None, RendererOptions::PREDICTABLE))
        .map_err(|error| {
            anyhow!("no graphics adapter to draw with ({error}); install one in software (Debian: mesa-vulkan-drivers)")
        })?;
    Ok(WgpuTestRenderer::from_render_state(state))
}

/// Draws the window with a case into a PNG file.
///
/// # Errors
/// Without a graphics adapter; if the case cannot be opened or the file not written.
pub fn screenshot(request: &ScreenshotRequest) -> anyhow::Result<()> {
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
        paths: request.paths.clone(),
        demo_seed: request.demo_seed,
        without_gpu: false,
    };
    let mut harness = builder.build_eframe(|creation| HilumApp::new(creation, options));
    harness.run_steps(2);
    let app = harness.state_mut();
    let wanted = !request.paths.is_empty() || request.demo_seed.is_some();
    if wanted && app.workbench().case().is_none() {
        let errors: Vec<String> = app
            .workbench()
            .notices()
            .all()
            .iter()
            .filter(|n| n.severity == Severity::Error)
            .map(|n| format!("{}: {}", n.summary, n.details.join(": ")))
            .collect();
        bail!("{}", if errors.is_empty() { "the case could not be opened".to_owned() } else { errors.join("; ") });
    }
    app.skip_toasts();
    app.sender().send(Command::SetWorkspace(request.workspace));
    app.sender().send(Command::SetIdentifiersHidden(request.hide_identifiers));
    // The first frames measure text; the picture is one of a window at rest.
    harness.run_steps(6);
    let picture = harness.render().map_err(|error| anyhow!("the picture could not be drawn: {error}"))?;
    picture
        .save(&request.output)
        .with_context(|| format!("the picture could not be written: {}", request.output.display()))
}
