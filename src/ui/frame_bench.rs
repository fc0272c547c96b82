//! What a frame of the real window costs: drawn off screen while slices are scrolled and while a brush paints.

use super::app::{AppOptions, HilumApp};
use super::picker::ScriptedPicker;
use super::screenshot::offscreen_state;
use crate::geometry::Orientation;
use crate::structures::Role;
use crate::workbench::jobs::JobMode;
use crate::workbench::{Command, LoadedCase, SeriesChoice, ToolKind};
use anyhow::{Context as _, anyhow};
use eframe::App as _;
use eframe::egui::{self, Event, Modifiers, MouseWheelUnit, PointerButton, Pos2, Rect, TouchPhase, Vec2, pos2, vec2};
use eframe::egui_wgpu::{RenderState, ScreenDescriptor, wgpu};
use std::time::{Duration, Instant};

/// Times of frames.
#[derive(Debug)]
pub struct FrameTimes {
    /// Name of the graphics adapter.
    pub adapter: String,
    pub motions: Vec<MotionTimes>,
}

/// Times of frames during one motion.
#[derive(Debug)]
pub struct MotionTimes {
    /// "scroll" or "paint".
    pub name: &'static str,
    /// Logic, layout, painting and tessellation.
    pub cpu: Vec<Duration>,
    /// The same and the drawing until the adapter is done, of frames after those: in software it takes both cores and
    /// their caches, and would be measured with the next frame.
    pub whole: Vec<Duration>,
}

/// So many times fewer frames are drawn by the adapter too: in software that takes most of the time.
const DRAWN: usize = 12;
/// Frames of a stroke of the brush, of which the first presses and the last lets go.
const STROKE: usize = 20;

/// The window without a screen, frame by frame.
pub(super) struct OffScreen {
    context: egui::Context,
    pub app: HilumApp,
    frame: eframe::Frame,
    state: RenderState,
    target: wgpu::TextureView,
    size: [u32; 2],
    seconds: f64,
}

/// Measures `frames` frames of each motion on a case with a CTV.
///
/// # Errors
/// Without a graphics adapter, and for a case without a CTV in the axial view.
pub fn measure_frames(case: LoadedCase, size: [u32; 2], frames: usize) -> anyhow::Result<FrameTimes> {
    let mut bench = OffScreen::new(size)?;
    let target = case.case.structures().with_role(Role::Ctv).map(|r| r.id).next().context("the case has no CTV")?;
    bench.app.take_case(case);
    for command in [
        Command::SelectRoi(Some(target)),
        Command::GoToRoi(target),
        Command::SetTool(ToolKind::Brush),
        Command::SetBrushRadius(9.0),
    ] {
        bench.app.sender().send(command);
    }
    for _ in 0..10 {
        bench.step(Vec::new(), true)?;
    }
    let middle = bench.on_screen(Vec2::ZERO)?;
    let mut scroll = MotionTimes { name: "scroll", cpu: Vec::new(), whole: Vec::new() };
    bench.step(vec![Event::PointerMoved(middle)], false)?;
    for n in 0..frames + frames.div_ceil(DRAWN) {
        let up = if n / 25 % 2 == 0 { 1.0 } else { -1.0 };
        let wheel = Event::MouseWheel {
            unit: MouseWheelUnit::Line,
            delta: vec2(0.0, up),
            phase: TouchPhase::Move,
            source: egui::MouseWheelSource::Wheel,
            modifiers: Modifiers::NONE,
        };
        bench.measure(vec![wheel], n >= frames, &mut scroll)?;
    }
    let mut paint = MotionTimes { name: "paint", cpu: Vec::new(), whole: Vec::new() };
    for n in 0..frames + frames.div_ceil(DRAWN) {
        let angle = n as f32 * 0.05;
        let at = bench.on_screen(45.0 * vec2(angle.cos(), angle.sin()))?;
        let button = |pressed| Event::PointerButton {
            pos: at,
            button: PointerButton::Primary,
            pressed,
            modifiers: if (n / STROKE).is_multiple_of(2) { Modifiers::NONE } else { Modifiers::ALT },
        };
        let mut events = vec![Event::PointerMoved(at)];
        match n % STROKE {
            0 => events.push(button(true)),
            last if last == STROKE - 1 => events.push(button(false)),
            _ => {}
        }
        bench.measure(events, n >= frames, &mut paint)?;
    }
    Ok(FrameTimes { adapter: bench.adapter(), motions: vec![scroll, paint] })
}

impl OffScreen {
    pub fn new(size: [u32; 2]) -> anyhow::Result<Self> {
        let state = offscreen_state()?;
        let context = egui::Context::default();
        // The doors through which egui's own test harness makes a window; there is none without a display otherwise.
        let mut creation = eframe::CreationContext::_new_kittest(context.clone());
        creation.wgpu_render_state = Some(state.clone());
        let mut frame = eframe::Frame::_new_kittest();
        frame.wgpu_render_state = Some(state.clone());
        let options = AppOptions {
            mode: JobMode::Inline,
            settings_path: None,
            picker: Box::new(ScriptedPicker::default()),
            paths: Vec::new(),
            series: SeriesChoice::Best,
            demo_seed: None,
            without_gpu: false,
            follow_up: None,
        };
        let app = HilumApp::new(&creation, options);
        let [width, height] = size;
        let texture = state.device.create_texture(&wgpu::TextureDescriptor {
            label: Some("frame"),
            size: wgpu::Extent3d { width, height, depth_or_array_layers: 1 },
            mip_level_count: 1,
            sample_count: 1,
            dimension: wgpu::TextureDimension::D2,
            format: state.target_format,
            usage: wgpu::TextureUsages::RENDER_ATTACHMENT,
            view_formats: &[],
        });
        let target = texture.create_view(&wgpu::TextureViewDescriptor::default());
        Ok(Self { context, app, frame, state, target, size, seconds: 0.0 })
    }

    pub fn adapter(&self) -> String {
        let info = self.state.adapter.get_info();
        format!("{} ({})", info.name, info.backend)
    }

    /// A place in the axial view, mm right and down of the crosshair.
    pub fn on_screen(&self, mm: Vec2) -> anyhow::Result<Pos2> {
        let view = self.app.view_transform(Orientation::Axial).context("the axial view is not on the screen")?;
        let center = view.screen_from_patient(self.app.workbench().view.crosshair);
        let points = 1.0 / view.mm_per_point as f32;
        let at = center + mm * points;
        view.rect.contains(at).then_some(at).context("the stroke leaves the axial view")
    }

    fn measure(&mut self, events: Vec<Event>, draws: bool, times: &mut MotionTimes) -> anyhow::Result<()> {
        let [cpu, whole] = self.step(events, draws)?;
        tracing::debug!(motion = times.name, ms = cpu.as_secs_f64() * 1e3, "a frame");
        if draws {
            times.whole.push(whole);
        } else {
            times.cpu.push(cpu);
        }
        Ok(())
    }

    /// One frame: the time until it is tessellated, and until it is drawn where it is drawn.
    pub fn step(&mut self, events: Vec<Event>, draws: bool) -> anyhow::Result<[Duration; 2]> {
        self.seconds += 1.0 / 60.0;
        let [width, height] = self.size;
        let input = egui::RawInput {
            screen_rect: Some(Rect::from_min_size(pos2(0.0, 0.0), vec2(width as f32, height as f32))),
            time: Some(self.seconds),
            predicted_dt: 1.0 / 60.0,
            events,
            focused: true,
            ..Default::default()
        };
        let (app, frame) = (&mut self.app, &mut self.frame);
        let start = Instant::now();
        let mut output = self.context.run_ui(input, |ui| {
            app.logic(ui.ctx(), frame);
            app.ui(ui, frame);
        });
        let shapes = std::mem::take(&mut output.shapes);
        let scale = self.context.pixels_per_point();
        let primitives = self.context.tessellate(shapes, scale);
        let cpu = start.elapsed();
        let (device, queue) = (&self.state.device, &self.state.queue);
        let mut renderer = self.state.renderer.write();
        let mut changed: Vec<_> = output.textures_delta.set.drain().collect();
        changed.sort_by_key(|(id, _)| *id);
        for (id, images) in changed {
            for image in images {
                renderer.update_texture(device, queue, id, &image);
            }
        }
        if draws {
            let screen = ScreenDescriptor { size_in_pixels: self.size, pixels_per_point: scale };
            let mut encoder = device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
            let mut commands = renderer.update_buffers(device, queue, &mut encoder, &primitives, &screen);
            let mut pass = encoder
                .begin_render_pass(&wgpu::RenderPassDescriptor {
                    label: Some("frame"),
                    color_attachments: &[Some(wgpu::RenderPassColorAttachment {
                        view: &self.target,
                        resolve_target: None,
                        ops: wgpu::Operations {
                            load: wgpu::LoadOp::Clear(wgpu::Color::BLACK),
                            store: wgpu::StoreOp::Store,
                        },
                        depth_slice: None,
                    })],
                    ..Default::default()
                })
                .forget_lifetime();
            renderer.render(&mut pass, &primitives, &screen);
            drop(pass);
            commands.push(encoder.finish());
            queue.submit(commands);
            let wait = wgpu::PollType::Wait { submission_index: None, timeout: Some(Duration::from_mins(1)) };
            device.poll(wait).map_err(|error| anyhow!("the frame was not drawn: {error}"))?;
        }
        let whole = start.elapsed();
        let mut gone: Vec<_> = output.textures_delta.free.drain().collect();
        gone.sort();
        for id in gone {
            renderer.free_texture(&id);
        }
        Ok([cpu, whole])
    }
}
