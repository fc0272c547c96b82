//! Pipelines and textures, created once from egui's render state, and the handle to them.

use super::callback::{SliceCallback, SolidCallback};
use super::device::DeviceErrors;
use super::frame::{SliceFrame, n_range, unit_rgb};
use super::mask_source::{MaskSource, SyncReport};
use super::overlay::{OverlayLook, OverlayTexture, STOPS};
use super::solid::{SolidFrame, SolidPainter, SolidSource, pipeline};
use super::textures::{MaskTexture, VolumeTexture, slice_table, texture_3d};
use super::uniforms::SliceUniforms;
use super::{GpuError, VIEWS};
use crate::geometry::{Revision, Rigid, VoxelGrid};
use crate::image::{CtVolume, OverlayVolume, SlabMode};
use eframe::egui;
use eframe::egui_wgpu::{self, RenderState, wgpu};
use std::sync::Arc;

/// Lives in egui-wgpu's callback resources.
pub(super) struct GpuContext {
    pipeline: wgpu::RenderPipeline,
    layout: wgpu::BindGroupLayout,
    uniforms: wgpu::Buffer,
    uniform_stride: u64,
    /// Stand where there is no overlay: its voxels and its slices.
    no_overlay: [wgpu::Texture; 2],
    scene: Option<Scene>,
    solids: SolidPainter,
    /// Counts changes of the masks.
    generation: u64,
}

struct Scene {
    volume: VolumeTexture,
    masks: MaskTexture,
    overlay: Option<OverlayTexture>,
    bind_group: wgpu::BindGroup,
}

impl GpuContext {
    fn new(device: &wgpu::Device, target: wgpu::TextureFormat) -> Self {
        let layout = device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor {
            label: Some("slice"),
            entries: &[
                wgpu::BindGroupLayoutEntry {
                    binding: 0,
                    visibility: wgpu::ShaderStages::FRAGMENT,
                    ty: wgpu::BindingType::Buffer {
                        ty: wgpu::BufferBindingType::Uniform,
                        has_dynamic_offset: true,
                        min_binding_size: wgpu::BufferSize::new(size_of::<SliceUniforms>() as u64),
                    },
                    count: None,
                },
                texture_entry(1, wgpu::TextureSampleType::Float { filterable: false }, wgpu::TextureViewDimension::D3),
                texture_entry(2, wgpu::TextureSampleType::Float { filterable: false }, wgpu::TextureViewDimension::D2),
                texture_entry(3, wgpu::TextureSampleType::Uint, wgpu::TextureViewDimension::D3),
                texture_entry(4, wgpu::TextureSampleType::Float { filterable: false }, wgpu::TextureViewDimension::D3),
                texture_entry(5, wgpu::TextureSampleType::Float { filterable: false }, wgpu::TextureViewDimension::D2),
            ],
        });
        let fragment = if target.is_srgb() { "fragment_linear" } else { "fragment_gamma" };
        let pipeline = pipeline(device, "slice.wgsl", &layout, fragment, target);
        let alignment = u64::from(device.limits().min_uniform_buffer_offset_alignment);
        let uniform_stride = (size_of::<SliceUniforms>() as u64).next_multiple_of(alignment);
        let uniforms = device.create_buffer(&wgpu::BufferDescriptor {
            label: Some("slice uniforms"),
            size: uniform_stride * VIEWS as u64,
            usage: wgpu::BufferUsages::UNIFORM | wgpu::BufferUsages::COPY_DST,
            mapped_at_creation: false,
        });
        let no_voxel = texture_3d(device, "no overlay", [1; 3], wgpu::TextureFormat::R32Float);
        let no_overlay = [no_voxel, slice_table(device, 1)];
        let solids = SolidPainter::new(device, target);
        Self { pipeline, layout, uniforms, uniform_stride, no_overlay, scene: None, solids, generation: 0 }
    }

    fn bind_group(
        &self,
        device: &wgpu::Device,
        volume: &VolumeTexture,
        masks: &MaskTexture,
        overlay: Option<&OverlayTexture>,
    ) -> wgpu::BindGroup {
        let [no_voxel, no_slice] = &self.no_overlay;
        let (voxels, slices) = overlay.map_or((no_voxel, no_slice), |o| (&o.texture, &o.table));
        let view = |t: &wgpu::Texture| t.create_view(&wgpu::TextureViewDescriptor::default());
        device.create_bind_group(&wgpu::BindGroupDescriptor {
            label: Some("slice"),
            layout: &self.layout,
            entries: &[
                wgpu::BindGroupEntry {
                    binding: 0,
                    resource: wgpu::BindingResource::Buffer(wgpu::BufferBinding {
                        buffer: &self.uniforms,
                        offset: 0,
                        size: wgpu::BufferSize::new(size_of::<SliceUniforms>() as u64),
                    }),
                },
                wgpu::BindGroupEntry {
                    binding: 1,
                    resource: wgpu::BindingResource::TextureView(&view(&volume.texture)),
                },
                wgpu::BindGroupEntry { binding: 2, resource: wgpu::BindingResource::TextureView(&view(&volume.table)) },
                wgpu::BindGroupEntry {
                    binding: 3,
                    resource: wgpu::BindingResource::TextureView(&view(&masks.texture)),
                },
                wgpu::BindGroupEntry { binding: 4, resource: wgpu::BindingResource::TextureView(&view(voxels)) },
                wgpu::BindGroupEntry { binding: 5, resource: wgpu::BindingResource::TextureView(&view(slices)) },
            ],
        })
    }

    /// Writes the uniforms of a frame. They belong to that frame alone, so a frame that is never painted loses nothing.
    pub fn write_uniforms(&self, queue: &wgpu::Queue, frame: &SliceFrame, rect: egui::Rect, pixels_per_point: f32) {
        let Some(scene) = &self.scene else { return };
        let size_px = rect.size() * pixels_per_point;
        let (view_px, mm_per_px) =
            ([f64::from(size_px.x), f64::from(size_px.y)], frame.mm_per_point / f64::from(pixels_per_point));
        let map = frame.grid_from_pixel(&scene.volume.grid, view_px, mm_per_px);
        let shown = scene.overlay.as_ref().zip(frame.overlay.as_deref());
        let over =
            shown.map(|(o, look)| (o, look, frame.overlay_from_pixel(&o.grid, &o.overlay_from_ct, view_px, mm_per_px)));
        let squares = over.and_then(|(_, look, _)| frame.squares(look, view_px, mm_per_px));
        let four = |v: glam::DVec3| [v.x as f32, v.y as f32, v.z as f32, 0.0];
        let with = |v: glam::DVec3, w: Option<f64>| [v.x as f32, v.y as f32, v.z as f32, w.unwrap_or(0.0) as f32];
        let [slices, rows, columns] = scene.volume.grid.shape().map(|n| n as u32);
        let signed = |[k, j, i]: [usize; 3]| [i as i32, j as i32, k as i32, 0];
        let [red, green, blue] = unit_rgb(frame.background);
        let slab = frame.slab_range(&scene.volume.grid);
        let mut hatched = [0u32; 4];
        for (slot, _) in frame.fills.iter().enumerate().filter(|(_, f)| f.hatched) {
            hatched[slot / 32] |= 1 << (slot % 32);
        }
        let uniforms = SliceUniforms {
            at_corner: four(map.at_corner),
            per_pixel_x: four(map.per_pixel_x),
            per_pixel_y: four(map.per_pixel_y),
            corner_px: (rect.min.to_vec2() * pixels_per_point).into(),
            n_range: scene.volume.n_range.map(|n| n as f32),
            size: [columns, rows, slices, map.slice.map_or(SliceUniforms::NO_SLICE, |k| k as u32)],
            mask_first: signed(scene.masks.covers.first),
            mask_size: signed(scene.masks.covers.size),
            window: [
                (frame.window.center_hu - frame.window.width_hu / 2.0) as f32,
                (1.0 / frame.window.width_hu) as f32,
                SliceFrame::hatch_period_px(pixels_per_point),
                slices_per_mm(&scene.volume.grid),
            ],
            background: [red, green, blue, 1.0],
            hatched,
            slab: slab.map_or([0.0; 4], |s| {
                let mode = match s.mode {
                    SlabMode::Maximum => 1.0,
                    SlabMode::Minimum => 2.0,
                    SlabMode::Average => 3.0,
                };
                [mode, s.axis as f32, s.low as f32, s.high as f32]
            }),
            sampling: [frame.kernel(&scene.volume.grid, mm_per_px) as u32, 0, 0, 0],
            overlay_at_corner: over.map_or([0.0; 4], |(_, _, m)| with(m.at_corner, squares.map(|s| s.at_corner[0]))),
            overlay_per_pixel_x: over.map_or([0.0; 4], |(_, _, m)| with(m.per_pixel_x, squares.map(|s| s.per_pixel))),
            overlay_per_pixel_y: over
                .map_or([0.0; 4], |(_, _, m)| with(m.per_pixel_y, squares.map(|s| s.at_corner[1]))),
            overlay_size: over.map_or([0; 4], |(o, look, _)| {
                let [slices, rows, columns] = o.grid.shape().map(|n| n as u32);
                [columns, rows, slices, look.stops.len().min(STOPS) as u32]
            }),
            overlay_shade: over.map_or([0.0; 4], |(o, look, _)| {
                [look.opacity, look.full_at, f32::from(u8::from(look.banded)), slices_per_mm(&o.grid)]
            }),
            overlay_range: over.map_or([0.0; 4], |(o, _, _)| {
                let [low, high] = n_range(&o.grid).map(|n| n as f32);
                [low, high, 0.0, 0.0]
            }),
            overlay_stops: over.map_or([[0.0; 4]; STOPS], |(_, look, _)| stops(look)),
            fills: frame.fills.map(|f| {
                let [r, g, b] = unit_rgb(f.color);
                [r, g, b, f.opacity]
            }),
        };
        queue.write_buffer(&self.uniforms, self.offset(frame.view), bytemuck::bytes_of(&uniforms));
    }

    /// Draws the picture of the solids, unless it is there already.
    pub fn prepare_solids(
        &mut self,
        device: &wgpu::Device,
        queue: &wgpu::Queue,
        encoder: &mut wgpu::CommandEncoder,
        frame: &SolidFrame,
        rect: egui::Rect,
        pixels_per_point: f32,
    ) {
        let Some(scene) = &self.scene else { return };
        let source = SolidSource {
            grid: &scene.volume.grid,
            covers: scene.masks.covers,
            table: &scene.volume.table,
            masks: &scene.masks.texture,
            blocks: &scene.masks.blocks,
            generation: self.generation,
        };
        let place = [(rect.min.to_vec2() * pixels_per_point).into(), (rect.size() * pixels_per_point).into()];
        self.solids.prepare(device, queue, encoder, &source, frame, place, pixels_per_point);
    }

    /// Lays the picture of the solids onto the window.
    pub fn draw_solids(&self, pass: &mut wgpu::RenderPass<'static>, screen_px: [u32; 2]) {
        if self.scene.is_some() {
            self.solids.draw(pass, screen_px);
        }
    }

    fn offset(&self, view: usize) -> u64 {
        (view % VIEWS) as u64 * self.uniform_stride
    }

    /// Draws a frame whose uniforms are written; the scissor of the pass cuts out the view.
    pub fn draw(&self, pass: &mut wgpu::RenderPass<'static>, view: usize, screen_px: [u32; 2]) {
        let Some(scene) = &self.scene else { return };
        // The whole target: egui-wgpu would clamp the view's own rectangle to the window and squeeze the picture.
        pass.set_viewport(0.0, 0.0, screen_px[0] as f32, screen_px[1] as f32, 0.0, 1.0);
        pass.set_pipeline(&self.pipeline);
        pass.set_bind_group(0, &scene.bind_group, &[self.offset(view) as u32]);
        pass.draw(0..3, 0..1);
    }
}

fn stops(look: &OverlayLook) -> [[f32; 4]; STOPS] {
    std::array::from_fn(|n| {
        look.stops.get(n).map_or([0.0; 4], |&(value, color)| {
            let [r, g, b] = unit_rgb(color);
            [r, g, b, value]
        })
    })
}

/// On average; where the slices are even this finds the right one at once.
pub(super) fn slices_per_mm(grid: &VoxelGrid) -> f32 {
    let last = grid.slices() - 1;
    let height = grid.position_mm(last) - grid.position_mm(0);
    if height > 0.0 { (last as f64 / height) as f32 } else { 0.0 }
}

fn texture_entry(
    binding: u32,
    sample_type: wgpu::TextureSampleType,
    view_dimension: wgpu::TextureViewDimension,
) -> wgpu::BindGroupLayoutEntry {
    wgpu::BindGroupLayoutEntry {
        binding,
        visibility: wgpu::ShaderStages::FRAGMENT,
        ty: wgpu::BindingType::Texture { sample_type, view_dimension, multisampled: false },
        count: None,
    }
}

/// Handle to the renderer's pipelines and textures in egui's render state.
#[derive(Clone)]
pub struct Gpu {
    state: RenderState,
    errors: DeviceErrors,
}

impl Gpu {
    /// Creates the pipelines and takes over the errors of the device.
    pub fn new(state: &RenderState) -> Self {
        let errors = DeviceErrors::watch(&state.device);
        let context = GpuContext::new(&state.device, state.target_format);
        state.renderer.write().callback_resources.insert(context);
        Self { state: state.clone(), errors }
    }

    /// Name of the adapter, as a message would show it.
    pub fn adapter(&self) -> String {
        let info = self.state.adapter.get_info();
        format!("{} ({})", info.name, info.backend)
    }

    /// True where the processor does the work of a graphics card.
    pub fn is_software(&self) -> bool {
        self.state.adapter.get_info().device_type == eframe::wgpu::DeviceType::Cpu
    }

    /// Messages about failed drawing since the last call.
    pub fn take_errors(&self) -> Vec<String> {
        self.errors.take()
    }

    /// Makes room for a scan; nothing of it is loaded yet, and no structure is shown.
    pub fn set_grid(&self, grid: Arc<VoxelGrid>) -> Result<(), GpuError> {
        let (device, queue) = (&self.state.device, &self.state.queue);
        self.with(|context| {
            context.scene = None;
            context.generation += 1;
            let volume = VolumeTexture::new(device, queue, &self.errors, grid)?;
            let masks = MaskTexture::new(device);
            let bind_group = context.bind_group(device, &volume, &masks, None);
            context.scene = Some(Scene { volume, masks, overlay: None, bind_group });
            Ok(())
        })
    }

    /// Sends the CT numbers of slice `k`, row by row.
    pub fn upload_slice(&self, k: usize, hu: &[i16]) {
        self.with(|context| {
            if let Some(scene) = &mut context.scene {
                scene.volume.upload_slice(&self.state.queue, k, hu);
            }
        });
    }

    /// Makes room for a scan and sends all of it.
    pub fn set_volume(&self, volume: &CtVolume) -> Result<(), GpuError> {
        self.set_grid(Arc::clone(&volume.grid))?;
        for (k, slice) in volume.hu.outer_iter().enumerate() {
            let owned = slice.as_standard_layout();
            self.upload_slice(k, owned.as_slice().expect("standard layout"));
        }
        Ok(())
    }

    /// Brings the mask texture to the revision of the source.
    pub fn sync_masks(&self, source: &dyn MaskSource) -> Result<SyncReport, GpuError> {
        let (device, queue) = (&self.state.device, &self.state.queue);
        self.with(|context| {
            let Some(mut scene) = context.scene.take() else { return Ok(SyncReport::default()) };
            let report = scene.masks.sync(device, queue, &self.errors, &scene.volume.grid, source);
            if report.as_ref().map_or(true, |r| r.reallocated) {
                scene.bind_group = context.bind_group(device, &scene.volume, &scene.masks, scene.overlay.as_ref());
            }
            context.scene = Some(scene);
            context.generation += u64::from(report.as_ref().map_or(true, |r| r.slices > 0 || r.reallocated));
            report
        })
    }

    /// Puts the overlay elsewhere.
    pub fn move_overlay(&self, ct_from_overlay: Rigid) {
        self.with(|context| {
            if let Some(overlay) = context.scene.as_mut().and_then(|scene| scene.overlay.as_mut()) {
                overlay.overlay_from_ct = ct_from_overlay.inverse();
            }
        });
    }

    /// Sends the values of an overlay, or forgets them.
    pub fn set_overlay(&self, overlay: Option<&OverlayVolume>) -> Result<(), GpuError> {
        let (device, queue) = (&self.state.device, &self.state.queue);
        self.with(|context| {
            let Some(mut scene) = context.scene.take() else { return Ok(()) };
            // The old one goes first: both may not fit.
            scene.overlay = None;
            let made = overlay.map(|o| OverlayTexture::new(device, queue, &self.errors, o)).transpose();
            let result = made.map(|texture| scene.overlay = texture);
            scene.bind_group = context.bind_group(device, &scene.volume, &scene.masks, scene.overlay.as_ref());
            context.scene = Some(scene);
            result
        })
    }

    /// The revision that the mask texture shows, `None` before the first sync.
    pub fn synced(&self) -> Option<Revision> {
        self.with(|context| context.scene.as_ref().and_then(|s| s.masks.synced()))
    }

    /// Forgets the scan.
    pub fn clear(&self) {
        self.with(|context| context.scene = None);
    }

    /// The shape that draws a frame into a rectangle of the window, points.
    pub fn shape(rect: egui::Rect, frame: SliceFrame) -> egui::Shape {
        egui::Shape::Callback(egui_wgpu::Callback::new_paint_callback(rect, SliceCallback { rect, frame }))
    }

    /// The shape that draws the structures as solids into a rectangle of the window, points. One a frame.
    pub fn solid_shape(rect: egui::Rect, frame: SolidFrame) -> egui::Shape {
        egui::Shape::Callback(egui_wgpu::Callback::new_paint_callback(rect, SolidCallback { rect, frame }))
    }

    fn with<R>(&self, work: impl FnOnce(&mut GpuContext) -> R) -> R {
        let mut renderer = self.state.renderer.write();
        let context = renderer.callback_resources.get_mut::<GpuContext>().expect("Gpu::new put the context there");
        work(context)
    }
}
