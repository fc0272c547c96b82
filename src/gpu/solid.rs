//! The structures as solids: what a 3D view shows as plain data, and how the GPU draws it from the mask texture. The
//! picture is kept and drawn again only where something of it changed.

use super::SLOTS;
use super::frame::{Fills, unit_rgb};
use super::mask_source::VoxelBox;
use super::shaders;
use crate::geometry::{PatientPoint, VoxelGrid};
use eframe::egui_wgpu::wgpu;
use glam::{DVec2, DVec3};

/// One view of the structures from outside, along parallel rays.
#[derive(Debug, Clone, PartialEq)]
pub struct SolidFrame {
    /// Unit vectors in patient space: to the right of the screen, down the screen, and away from the viewer.
    pub right: DVec3,
    pub down: DVec3,
    pub into: DVec3,
    /// The point at the middle of the view.
    pub center: PatientPoint,
    pub mm_per_point: f64,
    /// Edge of the square of pixels that one ray colours: 1 on a graphics card.
    pub pixels_per_ray: u32,
    pub cut: Option<SolidCut>,
    /// sRGB.
    pub background: [u8; 3],
    /// Colours, and how much each slot hides of what lies behind it; slots of opacity 0 are not there.
    pub fills: Fills,
}

/// A plane on one side of which nothing is shown.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SolidCut {
    pub at: PatientPoint,
    /// Unit vector to the side that stays.
    pub keeps: DVec3,
}

/// Must match `SolidUniforms` in `shaders/solid.wgsl`.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, bytemuck::Pod, bytemuck::Zeroable)]
pub struct SolidUniforms {
    pub at_corner: [f32; 4],
    pub per_pixel_x: [f32; 4],
    pub per_pixel_y: [f32; 4],
    pub per_mm: [f32; 4],
    pub mask_first: [i32; 4],
    pub mask_size: [i32; 4],
    pub shown: [u32; 4],
    pub cut: [f32; 4],
    pub voxel: [f32; 4],
    pub light: [f32; 4],
    pub viewer: [f32; 4],
    pub cut_outward: [f32; 4],
    pub background: [f32; 4],
    pub fills: [[f32; 4]; SLOTS],
}

impl SolidUniforms {
    /// Name and byte offset of every field, for the layout test.
    pub const FIELDS: [(&str, usize); 14] = [
        ("at_corner", std::mem::offset_of!(Self, at_corner)),
        ("per_pixel_x", std::mem::offset_of!(Self, per_pixel_x)),
        ("per_pixel_y", std::mem::offset_of!(Self, per_pixel_y)),
        ("per_mm", std::mem::offset_of!(Self, per_mm)),
        ("mask_first", std::mem::offset_of!(Self, mask_first)),
        ("mask_size", std::mem::offset_of!(Self, mask_size)),
        ("shown", std::mem::offset_of!(Self, shown)),
        ("cut", std::mem::offset_of!(Self, cut)),
        ("voxel", std::mem::offset_of!(Self, voxel)),
        ("light", std::mem::offset_of!(Self, light)),
        ("viewer", std::mem::offset_of!(Self, viewer)),
        ("cut_outward", std::mem::offset_of!(Self, cut_outward)),
        ("background", std::mem::offset_of!(Self, background)),
        ("fills", std::mem::offset_of!(Self, fills)),
    ];

    fn new(frame: &SolidFrame, grid: &VoxelGrid, covers: &VoxelBox, size_px: DVec2, mm_per_px: f64) -> Self {
        let corner =
            frame.center - frame.right * (size_px.x / 2.0 * mm_per_px) - frame.down * (size_px.y / 2.0 * mm_per_px);
        let mm_per_ray = mm_per_px * f64::from(frame.pixels_per_ray.max(1));
        let (uv, n) = grid.plane_from_patient(corner);
        let ij = grid.index_from_plane(uv);
        let four = |v: DVec3, w: f64| [v.x as f32, v.y as f32, v.z as f32, w as f32];
        let axes = [grid.i_direction(), grid.j_direction(), grid.normal()];
        let along = |v: DVec3| DVec3::from(axes.map(|a| a.dot(v)));
        let signed = |[k, j, i]: [usize; 3]| [i as i32, j as i32, k as i32, 0];
        let (si, sj) = (grid.spacing_i_mm(), grid.spacing_j_mm());
        // From the upper left, a little behind the viewer's shoulder.
        let light = (-frame.into - 0.45 * frame.right - 0.55 * frame.down).normalize();
        let origin = grid.patient_from_voxel(0, 0.0, 0.0);
        let cut = frame.cut.map_or([0.0, 0.0, 0.0, 1.0], |cut| {
            let keeps = along(cut.keeps);
            four(keeps * DVec3::new(si, sj, 1.0), (origin - cut.at).dot(cut.keeps))
        });
        let mut shown = [0u32; 4];
        for (slot, _) in frame.fills.iter().enumerate().filter(|(_, f)| f.opacity > 0.0) {
            shown[slot / 32] |= 1 << (slot % 32);
        }
        let [red, green, blue] = unit_rgb(frame.background);
        Self {
            at_corner: four(DVec3::new(ij.x, ij.y, n - grid.position_mm(0)), 0.0),
            per_pixel_x: four(grid.index_step(frame.right * mm_per_ray), 0.0),
            per_pixel_y: four(grid.index_step(frame.down * mm_per_ray), 0.0),
            per_mm: four(grid.index_step(frame.into), 0.0),
            mask_first: signed(covers.first),
            mask_size: signed(covers.size),
            shown,
            cut,
            voxel: [si as f32, sj as f32, super::context::slices_per_mm(grid), (0.5 * si.min(sj)) as f32],
            light: four(along(light), 0.0),
            viewer: four(along(-frame.into), grid.slices() as f64),
            cut_outward: four(frame.cut.map_or(DVec3::ZERO, |c| along(-c.keeps)), 0.0),
            background: [red, green, blue, 1.0],
            fills: frame.fills.map(|f| {
                let [r, g, b] = unit_rgb(f.color);
                [r, g, b, f.opacity]
            }),
        }
    }
}

/// Must match `PlaceUniforms` in `shaders/picture.wgsl`.
#[repr(C)]
#[derive(Debug, Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
struct PlaceUniforms {
    corner_px: [f32; 2],
    size: [f32; 2],
    pixels_per_ray: f32,
    unused: f32,
}

/// What the rays are drawn from.
pub(super) struct SolidSource<'a> {
    pub grid: &'a VoxelGrid,
    pub covers: VoxelBox,
    pub table: &'a wgpu::Texture,
    pub masks: &'a wgpu::Texture,
    pub blocks: &'a wgpu::Texture,
    /// Grows with every change of the masks, also from scan to scan.
    pub generation: u64,
}

/// Pipelines of the 3D view, and the picture that it shows.
pub(super) struct SolidPainter {
    layout: wgpu::BindGroupLayout,
    pipeline: wgpu::RenderPipeline,
    uniforms: wgpu::Buffer,
    place_layout: wgpu::BindGroupLayout,
    place_pipeline: wgpu::RenderPipeline,
    place: wgpu::Buffer,
    picture: Option<Picture>,
}

struct Picture {
    size: [u32; 2],
    view: wgpu::TextureView,
    bind_group: wgpu::BindGroup,
    /// What it shows.
    drawn: Option<(Box<SolidUniforms>, u64)>,
}

const PICTURE_FORMAT: wgpu::TextureFormat = wgpu::TextureFormat::Rgba8Unorm;

impl SolidPainter {
    pub fn new(device: &wgpu::Device, target: wgpu::TextureFormat) -> Self {
        let uniform = |size: usize| wgpu::BindingType::Buffer {
            ty: wgpu::BufferBindingType::Uniform,
            has_dynamic_offset: false,
            min_binding_size: wgpu::BufferSize::new(size as u64),
        };
        let texture = |sample_type, view_dimension| wgpu::BindingType::Texture {
            sample_type,
            view_dimension,
            multisampled: false,
        };
        let float = wgpu::TextureSampleType::Float { filterable: false };
        let plane = wgpu::TextureViewDimension::D2;
        let space = wgpu::TextureViewDimension::D3;
        let layout = bind_group_layout(
            device,
            "solid",
            &[
                uniform(size_of::<SolidUniforms>()),
                texture(float, plane),
                texture(wgpu::TextureSampleType::Uint, space),
                texture(wgpu::TextureSampleType::Uint, space),
            ],
        );
        let place_layout =
            bind_group_layout(device, "picture", &[uniform(size_of::<PlaceUniforms>()), texture(float, plane)]);
        let pipeline = pipeline(device, "solid.wgsl", &layout, "fragment", PICTURE_FORMAT);
        let fragment = if target.is_srgb() { "fragment_linear" } else { "fragment_gamma" };
        let place_pipeline = self::pipeline(device, "picture.wgsl", &place_layout, fragment, target);
        let buffer = |label, size: usize| {
            device.create_buffer(&wgpu::BufferDescriptor {
                label: Some(label),
                size: size as u64,
                usage: wgpu::BufferUsages::UNIFORM | wgpu::BufferUsages::COPY_DST,
                mapped_at_creation: false,
            })
        };
        Self {
            uniforms: buffer("solid uniforms", size_of::<SolidUniforms>()),
            place: buffer("place of the solids", size_of::<PlaceUniforms>()),
            layout,
            pipeline,
            place_layout,
            place_pipeline,
            picture: None,
        }
    }

    /// Draws the picture of a frame, unless it is there already.
    pub fn prepare(
        &mut self,
        device: &wgpu::Device,
        queue: &wgpu::Queue,
        encoder: &mut wgpu::CommandEncoder,
        source: &SolidSource<'_>,
        frame: &SolidFrame,
        [corner_px, view_px]: [[f32; 2]; 2],
        pixels_per_point: f32,
    ) {
        let most = device.limits().max_texture_dimension_2d;
        let pixels_per_ray = frame.pixels_per_ray.max(1);
        let size = view_px.map(|p| (p.ceil().max(1.0) as u32).div_ceil(pixels_per_ray).min(most));
        let place = PlaceUniforms {
            corner_px,
            size: size.map(|p| p as f32),
            pixels_per_ray: pixels_per_ray as f32,
            unused: 0.0,
        };
        queue.write_buffer(&self.place, 0, bytemuck::bytes_of(&place));
        let mm_per_px = frame.mm_per_point / f64::from(pixels_per_point);
        let view = DVec2::new(f64::from(view_px[0]), f64::from(view_px[1]));
        let wanted = SolidUniforms::new(frame, source.grid, &source.covers, view, mm_per_px);
        if self.picture.as_ref().is_none_or(|p| p.size != size) {
            self.picture = Some(self.picture_of(device, size));
        }
        let Some(picture) = &mut self.picture else { return };
        if picture
            .drawn
            .as_ref()
            .is_some_and(|(shown, generation)| **shown == wanted && *generation == source.generation)
        {
            return;
        }
        queue.write_buffer(&self.uniforms, 0, bytemuck::bytes_of(&wanted));
        let view = |t: &wgpu::Texture| t.create_view(&wgpu::TextureViewDescriptor::default());
        let [table, masks, blocks] = [source.table, source.masks, source.blocks].map(view);
        let bind_group = device.create_bind_group(&wgpu::BindGroupDescriptor {
            label: Some("solid"),
            layout: &self.layout,
            entries: &[
                wgpu::BindGroupEntry { binding: 0, resource: self.uniforms.as_entire_binding() },
                wgpu::BindGroupEntry { binding: 1, resource: wgpu::BindingResource::TextureView(&table) },
                wgpu::BindGroupEntry { binding: 2, resource: wgpu::BindingResource::TextureView(&masks) },
                wgpu::BindGroupEntry { binding: 3, resource: wgpu::BindingResource::TextureView(&blocks) },
            ],
        });
        let mut pass = encoder.begin_render_pass(&wgpu::RenderPassDescriptor {
            label: Some("solid"),
            color_attachments: &[Some(wgpu::RenderPassColorAttachment {
                view: &picture.view,
                resolve_target: None,
                ops: wgpu::Operations { load: wgpu::LoadOp::Clear(wgpu::Color::BLACK), store: wgpu::StoreOp::Store },
                depth_slice: None,
            })],
            ..Default::default()
        });
        pass.set_pipeline(&self.pipeline);
        pass.set_bind_group(0, &bind_group, &[]);
        pass.draw(0..3, 0..1);
        drop(pass);
        picture.drawn = Some((Box::new(wanted), source.generation));
    }

    fn picture_of(&self, device: &wgpu::Device, size: [u32; 2]) -> Picture {
        let texture = device.create_texture(&wgpu::TextureDescriptor {
            label: Some("solids"),
            size: wgpu::Extent3d { width: size[0], height: size[1], depth_or_array_layers: 1 },
            mip_level_count: 1,
            sample_count: 1,
            dimension: wgpu::TextureDimension::D2,
            format: PICTURE_FORMAT,
            usage: wgpu::TextureUsages::RENDER_ATTACHMENT | wgpu::TextureUsages::TEXTURE_BINDING,
            view_formats: &[],
        });
        let view = texture.create_view(&wgpu::TextureViewDescriptor::default());
        let bind_group = device.create_bind_group(&wgpu::BindGroupDescriptor {
            label: Some("picture of the solids"),
            layout: &self.place_layout,
            entries: &[
                wgpu::BindGroupEntry { binding: 0, resource: self.place.as_entire_binding() },
                wgpu::BindGroupEntry { binding: 1, resource: wgpu::BindingResource::TextureView(&view) },
            ],
        });
        Picture { size, view, bind_group, drawn: None }
    }

    /// Lays the picture onto the window; the scissor of the pass cuts out the view.
    pub fn draw(&self, pass: &mut wgpu::RenderPass<'static>, screen_px: [u32; 2]) {
        let Some(picture) = &self.picture else { return };
        pass.set_viewport(0.0, 0.0, screen_px[0] as f32, screen_px[1] as f32, 0.0, 1.0);
        pass.set_pipeline(&self.place_pipeline);
        pass.set_bind_group(0, &picture.bind_group, &[]);
        pass.draw(0..3, 0..1);
    }
}

fn bind_group_layout(device: &wgpu::Device, label: &str, bindings: &[wgpu::BindingType]) -> wgpu::BindGroupLayout {
    let entries: Vec<_> = bindings
        .iter()
        .enumerate()
        .map(|(n, ty)| wgpu::BindGroupLayoutEntry {
            binding: n as u32,
            visibility: wgpu::ShaderStages::FRAGMENT,
            ty: *ty,
            count: None,
        })
        .collect();
    device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor { label: Some(label), entries: &entries })
}

/// A pipeline that covers the target with one triangle.
pub(super) fn pipeline(
    device: &wgpu::Device,
    shader: &str,
    layout: &wgpu::BindGroupLayout,
    fragment: &str,
    target: wgpu::TextureFormat,
) -> wgpu::RenderPipeline {
    let module = device.create_shader_module(wgpu::ShaderModuleDescriptor {
        label: Some(shader),
        source: wgpu::ShaderSource::Wgsl(shaders::source(shader).into()),
    });
    let pipeline_layout = device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
        label: Some(shader),
        bind_group_layouts: &[Some(layout)],
        immediate_size: 0,
    });
    device.create_render_pipeline(&wgpu::RenderPipelineDescriptor {
        label: Some(shader),
        layout: Some(&pipeline_layout),
        vertex: wgpu::VertexState {
            module: &module,
            entry_point: Some("vertex"),
            buffers: &[],
            compilation_options: wgpu::PipelineCompilationOptions::default(),
        },
        primitive: wgpu::PrimitiveState::default(),
        depth_stencil: None,
        multisample: wgpu::MultisampleState::default(),
        fragment: Some(wgpu::FragmentState {
            module: &module,
            entry_point: Some(fragment),
            targets: &[Some(target.into())],
            compilation_options: wgpu::PipelineCompilationOptions::default(),
        }),
        multiview_mask: None,
        cache: None,
    })
}
