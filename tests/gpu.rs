//! The GPU draws the same picture as the processor, and sends only what changed.

use eframe::egui;
use eframe::egui_wgpu::{RenderState, RendererOptions, WgpuSetup, wgpu};
use egui_kittest::Harness;
use egui_kittest::wgpu::{WgpuTestRenderer, create_render_state, default_wgpu_setup};
use glam::DVec3;
use hilum::contour::SliceMask;
use hilum::geometry::{ImagePlane, Orientation, Revision, Rigid, VoxelGrid};
use hilum::gpu::{CpuScene, Fill, Gpu, GpuError, MaskSource, OverlayLook, SLOTS, SliceFrame, SliceRenderer, no_fills};
use hilum::image::{CtVolume, OverlayVolume, Quantity, Sampling, Slab, SlabMode, WindowLevel};
use hilum::structures::RoiId;
use std::collections::BTreeMap;
use std::sync::Arc;
use strum::IntoEnumIterator;

/// The setup of the window, on a software adapter where there is one; `None` without any adapter.
pub fn render_state() -> Option<RenderState> {
    let WgpuSetup::CreateNew(mut setup) = default_wgpu_setup() else { unreachable!("the default creates a device") };
    setup.device_descriptor = Arc::new(hilum::gpu::device_descriptor);
    let instance = wgpu::Instance::new(wgpu::InstanceDescriptor::new_without_display_handle());
    let adapters = std::pin::pin!(instance.enumerate_adapters(setup.instance_descriptor.backends));
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    let found = match adapters.poll(&mut context) {
        std::task::Poll::Ready(all) => !all.is_empty(),
        std::task::Poll::Pending => true,
    };
    if !found {
        assert!(std::env::var_os("CI").is_none(), "under CI a graphics adapter is needed (mesa-vulkan-drivers)");
        eprintln!("skipped: no graphics adapter; install mesa-vulkan-drivers");
        return None;
    }
    Some(create_render_state(WgpuSetup::CreateNew(setup), RendererOptions::PREDICTABLE))
}

/// Uneven slices (3 mm, then 6 mm, then a gap of 15 mm), voxels that are not square.
fn grid() -> Arc<VoxelGrid> {
    let mut z = -40.0;
    let positions = (0..24)
        .map(|k| {
            z += match k {
                0..12 => 3.0,
                17 => 15.0,
                _ => 6.0,
            };
            z
        })
        .collect();
    let grid = VoxelGrid::new(DVec3::new(-80.0, -50.0, -37.0), DVec3::X, DVec3::Y, [1.7, 1.3], [96, 80], positions);
    Arc::new(grid.expect("valid grid"))
}

/// Air, tissue with a texture, and edges of bone.
fn volume() -> CtVolume {
    let grid = grid();
    let hu = ndarray::Array3::from_shape_fn(grid.shape(), |(k, j, i)| {
        let texture = ((i * 7919 + j * 104_729 + k * 1_299_709) % 97) as i16 - 48;
        let center = (i as f64 - 48.0).hypot(j as f64 - 40.0);
        if center > 38.0 {
            -1000
        } else if (i / 9 + j / 9 + k / 5) % 4 == 0 {
            900 + texture
        } else {
            40 + texture
        }
    });
    CtVolume::new(grid, hu)
}

/// Masks that can be edited.
struct Masks {
    slots: Vec<RoiId>,
    bits: BTreeMap<(usize, usize), Arc<SliceMask>>,
    revision: Revision,
    changed: BTreeMap<usize, Revision>,
}

impl Masks {
    /// A ball in every fourth of 44 slots, the others empty.
    fn balls() -> Self {
        let grid = grid();
        let mut bits = BTreeMap::new();
        for slot in (0..44).step_by(4) {
            let middle = grid.patient_from_voxel(4 + slot / 3, 20.0 + slot as f64, 25.0 + slot as f64);
            for k in 0..grid.slices() {
                let inside: Vec<bool> = (0..grid.rows() * grid.columns())
                    .map(|n| {
                        let (j, i) = (n / grid.columns(), n % grid.columns());
                        (grid.patient_from_voxel(k, j as f64, i as f64) - middle).length() < 21.0
                    })
                    .collect();
                let mask = SliceMask::from_dense(grid.columns(), &inside);
                if !mask.is_empty() {
                    bits.insert((slot, k), Arc::new(mask));
                }
            }
        }
        Self { slots: (0..44).map(RoiId).collect(), bits, revision: Revision(7), changed: BTreeMap::new() }
    }

    /// A square of voxels in a slot, as an edit would make it.
    fn edit(&mut self, slot: usize, k: usize, from: usize, to: usize) {
        let mut mask = SliceMask::with_rows(96, from, to - from);
        for j in from..to {
            mask.toggle_run(j, from, to);
        }
        self.bits.insert((slot, k), Arc::new(mask));
        self.touch(k);
    }

    fn erase(&mut self, slot: usize, k: usize) {
        self.bits.remove(&(slot, k));
        self.touch(k);
    }

    fn touch(&mut self, k: usize) {
        self.revision = self.revision.next();
        self.changed.insert(k, self.revision);
    }
}

impl MaskSource for Masks {
    fn revision(&self) -> Revision {
        self.revision
    }
    fn slots(&self) -> &[RoiId] {
        &self.slots
    }
    fn changed_slices(&self, since: Revision) -> Option<Vec<usize>> {
        Some(self.changed.iter().filter(|(_, r)| **r > since).map(|(k, _)| *k).collect())
    }
    fn slice(&self, slot: usize, k: usize) -> Option<&Arc<SliceMask>> {
        self.bits.get(&(slot, k))
    }
}

fn frame(orientation: Orientation, at: DVec3, center: DVec3, mm_per_point: f64) -> SliceFrame {
    let mut fills = [Fill::default(); SLOTS];
    for (slot, fill) in fills.iter_mut().enumerate() {
        let c = (slot * 3) as u8;
        *fill = Fill { color: [250 - c, 90 + c / 2, c], opacity: 0.35, hatched: slot % 8 == 4 };
    }
    SliceFrame {
        view: 2,
        plane: ImagePlane::through(&grid(), orientation, at),
        center,
        mm_per_point,
        window: WindowLevel { center_hu: 100.0, width_hu: 700.0 },
        sampling: Sampling::Interpolated,
        slab: None,
        background: [9, 8, 7],
        fills: Arc::new(fills),
        overlay: None,
    }
}

const CORNER: [f32; 2] = [14.0, 10.0];
const SIZE: [usize; 2] = [210, 170];

/// What is on the screen, and may be changed between pictures.
struct Screen {
    renderer: SliceRenderer,
    frame: SliceFrame,
}

/// The renderer on the screen; the view does not start at the window's corner, and sticks out of the window where `beyond`.
fn screen(
    state: RenderState,
    renderer: SliceRenderer,
    frame: &SliceFrame,
    scale: f32,
    beyond: bool,
) -> Harness<'static, Screen> {
    let window = if beyond { egui::vec2(150.0, 120.0) } else { egui::vec2(240.0, 190.0) };
    let mut harness = Harness::builder()
        .with_size(window)
        .with_pixels_per_point(scale)
        .with_render_cursor(false)
        .renderer(WgpuTestRenderer::from_render_state(state))
        .build_ui_state(
            |ui, screen: &mut Screen| {
                let rect = egui::Rect::from_min_size(CORNER.into(), egui::vec2(SIZE[0] as f32, SIZE[1] as f32));
                let layer = egui::LayerId::new(egui::Order::Foreground, egui::Id::unique("view"));
                screen.renderer.paint(&ui.ctx().layer_painter(layer), rect, screen.frame.clone());
            },
            Screen { renderer, frame: frame.clone() },
        );
    harness.run();
    harness
}

/// Distance of a number from the nearest half, where the voxel changes.
fn from_half(x: f64) -> f64 {
    ((x - 0.5) - (x - 0.5).round()).abs()
}

#[test]
fn the_gpu_and_the_processor_draw_the_same_picture() {
    let volume = volume();
    let masks = Masks::balls();
    let middle = volume.grid.center();
    let cases = [
        ("whole scan", 1.1, middle, 1.0, false),
        ("zoomed", 0.13, middle + DVec3::new(14.3, -8.1, 11.7), 1.0, false),
        ("zoomed, high resolution", 0.37, middle + DVec3::new(-60.0, 20.0, 30.0), 1.5, false),
        ("beyond the window", 0.83, middle, 1.0, true),
    ];
    for orientation in Orientation::iter() {
        for (name, mm_per_point, center, scale, beyond) in cases {
            let Some(state) = render_state() else { return };
            let gpu = Gpu::new(&state);
            gpu.set_volume(&volume).expect("fits");
            let report = gpu.sync_masks(&masks).expect("fits");
            assert!(report.reallocated && report.slices > 10, "{report:?}");
            let mut cpu = CpuScene::from_volume(&volume);
            cpu.sync_masks(&masks).expect("as many slots");
            let at = middle + DVec3::new(3.3, -5.7, 1.2);
            let frame = frame(orientation, at, center, mm_per_point);
            let renderer = SliceRenderer::new(Some(gpu.clone()));
            let drawn = screen(state, renderer, &frame, scale, beyond).render().expect("drawn");
            assert_eq!(gpu.take_errors(), Vec::<String>::new());
            let size_px = SIZE.map(|s| (s as f32 * scale) as usize);
            let expected = cpu.draw(&frame, size_px, size_px.map(|s| s as f64), scale);
            let map = frame.grid_from_pixel(&volume.grid, size_px.map(|s| s as f64), mm_per_point / f64::from(scale));
            let corner = CORNER.map(|c| (c * scale).round() as u32);
            let (mut compared, mut edges, mut colors) = (0, 0, std::collections::BTreeSet::new());
            for y in 0..size_px[1] {
                for x in 0..size_px[0] {
                    let (sx, sy) = (corner[0] + x as u32, corner[1] + y as u32);
                    if sx >= drawn.width() || sy >= drawn.height() {
                        continue;
                    }
                    compared += 1;
                    let got = drawn.get_pixel(sx, sy).0;
                    let want = expected.pixels[y * size_px[0] + x].to_array();
                    colors.insert(got);
                    let apart = (0..3).map(|c| got[c].abs_diff(want[c])).max().expect("three channels");
                    if apart > 1 {
                        // Single and double precision may put a pixel on either side of a voxel's edge, never farther.
                        let at = map.at(x as f64 + 0.5, y as f64 + 0.5);
                        let k = volume.grid.slice_index_from_position(at.z + volume.grid.position_mm(0));
                        let near = from_half(at.x).min(from_half(at.y)).min(from_half(k));
                        assert!(
                            near < 1e-3,
                            "{orientation} {name}: pixel {x}, {y}: {got:?}, expected {want:?}, {near}"
                        );
                        edges += 1;
                    }
                }
            }
            assert!(compared > 10_000 && colors.len() > 50, "{compared} pixels, {} colors", colors.len());
            assert!(
                edges * 1000 < compared,
                "{orientation} {name}: {edges} of {compared} pixels at voxel edges differ"
            );
        }
    }
}

/// Draws the same as the processor would, but for a few pixels at the edges of voxels.
fn assert_as_processor(harness: &mut Harness<'_, Screen>, cpu: &CpuScene) {
    harness.run();
    let drawn = harness.render().expect("drawn");
    let expected = cpu.draw(&harness.state().frame, SIZE, SIZE.map(|s| s as f64), 1.0);
    let mut differ = 0;
    for y in 0..SIZE[1] {
        for x in 0..SIZE[0] {
            let got = drawn.get_pixel(CORNER[0] as u32 + x as u32, CORNER[1] as u32 + y as u32).0;
            let want = expected.pixels[y * SIZE[0] + x].to_array();
            differ += usize::from((0..3).any(|c| got[c].abs_diff(want[c]) > 1));
        }
    }
    assert!(differ <= 20, "{differ} pixels differ");
}

fn cpu_with(volume: &CtVolume, masks: &Masks) -> CpuScene {
    let mut cpu = CpuScene::from_volume(volume);
    cpu.sync_masks(masks).expect("as many slots");
    cpu
}

#[test]
fn only_touched_slices_are_sent_and_a_missed_frame_heals_itself() {
    let Some(state) = render_state() else { return };
    let volume = volume();
    let gpu = Gpu::new(&state);
    gpu.set_volume(&volume).expect("fits");
    let mut masks = Masks::balls();
    gpu.sync_masks(&masks).expect("fits");
    assert_eq!(gpu.sync_masks(&masks).expect("fits").slices, 0, "nothing changed");
    let at = |k: usize| volume.grid.patient_from_voxel(k, 35.0, 35.0);
    let shown = |k: usize| frame(Orientation::Axial, at(k), volume.grid.center(), 0.973);
    let mut harness = screen(state, SliceRenderer::new(Some(gpu.clone())), &shown(4), 1.0, false);
    assert_as_processor(&mut harness, &cpu_with(&volume, &masks));

    // Two edits between which nothing was synced or painted; one of them removes the last voxels of a slot there.
    masks.edit(5, 9, 30, 40);
    masks.erase(0, 4);
    let report = gpu.sync_masks(&masks).expect("fits");
    assert_eq!((report.slices, report.reallocated), (2, false));
    assert_eq!(gpu.synced(), Some(masks.revision));
    let cpu = cpu_with(&volume, &masks);
    for k in [4, 9] {
        harness.state_mut().frame = shown(k);
        assert_as_processor(&mut harness, &cpu);
    }

    // An edit beyond the box of the texture, then other structures in the slots.
    masks.edit(43, 23, 70, 78);
    gpu.sync_masks(&masks).expect("fits");
    harness.state_mut().frame = shown(23);
    assert_as_processor(&mut harness, &cpu_with(&volume, &masks));
    masks.slots.swap(0, 4);
    masks.bits.retain(|(slot, _), _| *slot != 8);
    assert!(gpu.sync_masks(&masks).expect("fits").slices > 10);
    for orientation in Orientation::iter() {
        harness.state_mut().frame = frame(orientation, at(12), volume.grid.center(), 0.973);
        assert_as_processor(&mut harness, &cpu_with(&volume, &masks));
    }
    assert_eq!(gpu.take_errors(), Vec::<String>::new());
}

/// Hills on uneven slices, turned against the scan, with a block where nothing was measured.
fn overlay(turn: bool) -> OverlayVolume {
    let positions: Vec<f64> = (0..16).map(|k| -30.0 + 5.0 * f64::from(k) + if k > 9 { 4.0 } else { 0.0 }).collect();
    let grid = VoxelGrid::new(DVec3::new(-50.0, -30.0, -30.0), DVec3::X, DVec3::Y, [3.1, 2.7], [34, 30], positions);
    let grid = Arc::new(grid.expect("valid grid"));
    let mut values = ndarray::Array3::from_shape_fn(grid.shape(), |(k, j, i)| {
        let p = grid.patient_from_voxel(k, j as f64, i as f64);
        (6.0 + 4.0 * (p.x / 17.0).sin() * (p.y / 13.0).cos() * (p.z / 21.0).sin()) as f32
    });
    values.slice_mut(ndarray::s![5..8, 10..14, 20..26]).fill(OverlayVolume::ABSENT);
    let (s, c) = if turn { 20f64.to_radians().sin_cos() } else { (0.0, 1.0) };
    let motion = Rigid::from_rows([c, -s, 0., 4., s, c, 0., -6., 0., 0., 1., 3., 0., 0., 0., 1.]).expect("rigid");
    OverlayVolume::new(grid, values, Quantity::Dose, "Gy", motion)
}

#[test]
fn the_gpu_and_the_processor_lay_the_same_overlay_over_the_scan() {
    let Some(state) = render_state() else { return };
    let volume = volume();
    let gpu = Gpu::new(&state);
    gpu.set_volume(&volume).expect("fits");
    let mut cpu = CpuScene::from_volume(&volume);
    let middle = volume.grid.center();
    let smooth = OverlayLook {
        opacity: 0.6,
        stops: (0..17).map(|n| (3.0 + 0.4 * n as f32, [15 * n, 120, 250 - 14 * n])).collect(),
        banded: false,
        full_at: 5.0,
        squares_mm: None,
    };
    let banded = OverlayLook {
        opacity: 0.4,
        stops: vec![(4.0, [20, 60, 200]), (6.0, [40, 200, 90]), (8.5, [250, 220, 40])],
        banded: true,
        full_at: 4.0,
        squares_mm: None,
    };
    let squares = OverlayLook { opacity: 1.0, squares_mm: Some(17.0), ..smooth.clone() };
    let mut shown = frame(Orientation::Axial, middle, middle, 0.837);
    let mut harness = screen(state, SliceRenderer::new(Some(gpu.clone())), &shown, 1.0, false);
    for turn in [false, true] {
        let overlay = overlay(turn);
        gpu.set_overlay(Some(&overlay)).expect("fits");
        cpu.set_overlay(Some(overlay));
        for orientation in Orientation::iter() {
            for look in [&smooth, &banded, &squares] {
                shown = frame(orientation, middle + DVec3::new(3.3, -5.7, -20.0), middle, 0.837);
                let plain = cpu.draw(&shown, SIZE, SIZE.map(|s| s as f64), 1.0);
                shown.overlay = Some(Arc::new(look.clone()));
                let expected = cpu.draw(&shown, SIZE, SIZE.map(|s| s as f64), 1.0);
                let colored = (0..plain.pixels.len()).filter(|n| plain.pixels[*n] != expected.pixels[*n]).count();
                assert!(colored > 3000, "{orientation}: {colored} pixels are coloured");
                harness.state_mut().frame = shown.clone();
                harness.run();
                let drawn = harness.render().expect("drawn");
                let mut differ = 0;
                for y in 0..SIZE[1] {
                    for x in 0..SIZE[0] {
                        let got = drawn.get_pixel(CORNER[0] as u32 + x as u32, CORNER[1] as u32 + y as u32).0;
                        let want = expected.pixels[y * SIZE[0] + x].to_array();
                        differ += usize::from((0..3).any(|c| got[c].abs_diff(want[c]) > 1));
                    }
                }
                // Single and double precision may put a pixel on either side of an edge.
                assert!(differ <= 40, "{orientation}, turned {turn}, banded {}: {differ} pixels differ", look.banded);
            }
        }
    }
    // Elsewhere, without sending its values again.
    let motion = Rigid::about(middle, DVec3::new(0.1, 0.2, -0.1), DVec3::new(5.0, -4.0, 3.0));
    gpu.move_overlay(motion);
    cpu.move_overlay(motion);
    harness.run();
    let (drawn, expected) = (harness.render().expect("drawn"), cpu.draw(&shown, SIZE, SIZE.map(|s| s as f64), 1.0));
    let pixel = |x: usize, y: usize| drawn.get_pixel(CORNER[0] as u32 + x as u32, CORNER[1] as u32 + y as u32).0;
    let differ = (0..SIZE[0] * SIZE[1]).filter(|n| {
        let (got, want) = (pixel(n % SIZE[0], n / SIZE[0]), expected.pixels[*n].to_array());
        (0..3).any(|c| got[c].abs_diff(want[c]) > 1)
    });
    assert!(differ.count() <= 40, "the moved overlay");
    gpu.set_overlay(None).expect("nothing to hold");
    cpu.set_overlay(None);
    assert_as_processor(&mut harness, &cpu);
    assert_eq!(gpu.take_errors(), Vec::<String>::new());
}

#[test]
fn slices_show_as_they_arrive() {
    let Some(state) = render_state() else { return };
    let volume = volume();
    let gpu = Gpu::new(&state);
    gpu.set_grid(Arc::clone(&volume.grid)).expect("fits");
    let mut cpu = CpuScene::new(Arc::clone(&volume.grid));
    let middle = volume.grid.center();
    let first = frame(Orientation::Coronal, middle, middle, 1.0);
    let mut harness = screen(state, SliceRenderer::new(Some(gpu.clone())), &first, 1.0, false);
    let empty = harness.render().expect("drawn");
    let at = [CORNER[0] as u32 + 105, CORNER[1] as u32 + 85];
    assert_eq!(empty.get_pixel(at[0], at[1]).0[..3], first.background);
    for k in [0, 3, 4, 5, 11, 23] {
        let slice = volume.hu.index_axis(ndarray::Axis(0), k);
        let slice = slice.as_slice().expect("standard layout");
        gpu.upload_slice(k, slice);
        cpu.upload_slice(k, slice);
    }
    for orientation in Orientation::iter() {
        for k in [2, 4] {
            let at = volume.grid.patient_from_voxel(k, 40.3, 48.8);
            harness.state_mut().frame = frame(orientation, at, middle, 0.973);
            assert_as_processor(&mut harness, &cpu);
        }
    }
    assert_eq!(gpu.take_errors(), Vec::<String>::new());
}

#[test]
fn a_scan_too_large_for_the_adapter_is_drawn_by_the_processor() {
    let Some(state) = render_state() else { return };
    let limit = state.device.limits().max_texture_dimension_3d;
    assert!(limit >= 512, "the device was asked for what the adapter has: {limit}");
    let shape = [limit as usize + 1, 2, 2];
    let grid = VoxelGrid::axial(DVec3::ZERO, [1.0; 3], [shape[2], shape[1], shape[0]]).expect("valid grid");
    let volume = CtVolume::new(Arc::new(grid), ndarray::Array3::from_elem(shape, 200));
    let gpu = Gpu::new(&state);
    let mut renderer = SliceRenderer::new(Some(gpu.clone()));
    let error = renderer.set_volume(&volume).expect_err("too large");
    assert!(matches!(error, GpuError::ScanTooLarge { .. }), "{error}");
    assert!(!renderer.uses_gpu());
    let middle = volume.grid.center();
    let frame = SliceFrame {
        view: 0,
        plane: ImagePlane::through(&volume.grid, Orientation::Coronal, middle),
        center: middle,
        mm_per_point: 0.01,
        window: WindowLevel { center_hu: 0.0, width_hu: 400.0 },
        sampling: Sampling::Interpolated,
        slab: None,
        background: [0; 3],
        fills: no_fills(),
        overlay: None,
    };
    let mut harness = screen(state, renderer, &frame, 1.0, false);
    let white = harness.render().expect("drawn").get_pixel(100, 100).0;
    assert_eq!(white, [255; 4]);
    // The next scan fits again.
    harness.state_mut().renderer.set_volume(&self::volume()).expect("fits");
    assert!(harness.state().renderer.uses_gpu());
    assert_eq!(gpu.take_errors(), Vec::<String>::new());
}

#[test]
fn more_structures_than_slots_are_refused() {
    let mut masks = Masks::balls();
    masks.slots = (0..65).map(RoiId).collect();
    let mut cpu = CpuScene::from_volume(&volume());
    assert_eq!(cpu.sync_masks(&masks), Err(GpuError::TooManySlots { found: 65 }));
}

/// Every way to sample, and slabs thinner and thicker than the slices, reaching beyond the scan.
fn displays() -> Vec<(Sampling, Option<Slab>)> {
    let slab = |mode, thickness_mm| (Sampling::Interpolated, Some(Slab { mode, thickness_mm }));
    vec![
        (Sampling::Interpolated, None),
        (Sampling::Nearest, None),
        slab(SlabMode::Maximum, 20.0),
        slab(SlabMode::Minimum, 7.3),
        // Thicker than a voxel: between two centres values are linear, and their mean is that of the middle.
        slab(SlabMode::Average, 2.9),
        slab(SlabMode::Average, 160.0),
    ]
}

/// Compares all displays of a scan in all planes; `apart_from_edges` is the share of pixels that rounding may move.
fn assert_displays_agree(volume: &CtVolume, window: WindowLevel, at: DVec3, scales_mm: [f64; 2]) {
    let Some(state) = render_state() else { return };
    let gpu = Gpu::new(&state);
    gpu.set_volume(volume).expect("fits");
    let cpu = CpuScene::from_volume(volume);
    let mut shown = SliceFrame {
        plane: ImagePlane::through(&volume.grid, Orientation::Axial, at),
        window,
        fills: no_fills(),
        ..frame(Orientation::Axial, at, at, 1.0)
    };
    let mut harness = screen(state, SliceRenderer::new(Some(gpu.clone())), &shown, 1.0, false);
    for orientation in Orientation::iter() {
        for mm_per_point in scales_mm {
            let mut pictures = Vec::new();
            for (sampling, slab) in displays() {
                let plane = ImagePlane::through(&volume.grid, orientation, at);
                shown = SliceFrame { plane, center: at, mm_per_point, sampling, slab, ..shown };
                harness.state_mut().frame = shown.clone();
                harness.run();
                let drawn = harness.render().expect("drawn");
                let expected = cpu.draw(&shown, SIZE, SIZE.map(|s| s as f64), 1.0);
                let mut differ = 0;
                for y in 0..SIZE[1] {
                    for x in 0..SIZE[0] {
                        let got = drawn.get_pixel(CORNER[0] as u32 + x as u32, CORNER[1] as u32 + y as u32).0;
                        let want = expected.pixels[y * SIZE[0] + x].to_array();
                        differ += usize::from((0..3).any(|c| got[c].abs_diff(want[c]) > 1));
                    }
                }
                // Single and double precision may put a pixel on either side of a voxel's edge.
                let edges = if sampling == Sampling::Nearest || slab.is_none() { 40 } else { 10 };
                assert!(differ <= edges, "{orientation} {mm_per_point} {sampling} {slab:?}: {differ} pixels differ");
                pictures.push(expected.pixels);
            }
            for n in 1..pictures.len() {
                assert_ne!(pictures[0], pictures[n], "{orientation} {mm_per_point}: {:?} shows nothing", displays()[n]);
            }
        }
    }
    assert_eq!(gpu.take_errors(), Vec::<String>::new());
}

#[test]
fn voxels_and_slabs_are_the_same_on_uneven_slices() {
    let volume = volume();
    let at = volume.grid.center() + DVec3::new(3.3, -5.7, 11.2);
    assert_displays_agree(&volume, WindowLevel { center_hu: 100.0, width_hu: 700.0 }, at, [0.137, 0.973]);
}

#[test]
fn voxels_and_slabs_are_the_same_on_a_patient() {
    let Some(folder) = crate::support::test_data("4dlung-113") else { return };
    let loaded = hilum::workbench::load_case(&[folder], &hilum::progress::Silent, &mut |_| Ok(())).expect("a case");
    let volume = &loaded.case.image.volume;
    let at = volume.grid.center() + DVec3::new(13.3, -25.7, 11.2);
    assert_displays_agree(volume, WindowLevel::MEDIASTINUM, at, [0.1231, 1.373]);
}

/// The value of one pixel in the middle of the view, as grey of a window from 0 to 255 HU.
fn middle_hu(volume: &CtVolume, orientation: Orientation, at: DVec3, sampling: Sampling, slab: Option<Slab>) -> u8 {
    let cpu = CpuScene::from_volume(volume);
    let shown = SliceFrame {
        plane: ImagePlane::through(&volume.grid, orientation, at),
        window: WindowLevel { center_hu: 127.5, width_hu: 255.0 },
        fills: no_fills(),
        sampling,
        slab,
        ..frame(orientation, at, at, 0.1)
    };
    cpu.draw(&shown, [1, 1], [1.0, 1.0], 1.0).pixels[0].r()
}

#[test]
fn a_slab_has_its_true_thickness_between_uneven_slices() {
    // Slices at 0, 2, 4, 10, 12 mm; the value of a voxel is 10 k, and 100 in the slice at 10 mm.
    let positions = vec![0.0, 2.0, 4.0, 10.0, 12.0];
    let grid = VoxelGrid::new(DVec3::ZERO, DVec3::X, DVec3::Y, [1.0, 2.0], [16, 16], positions).expect("valid grid");
    let hu =
        ndarray::Array3::from_shape_fn(grid.shape(), |(k, _, i)| if k == 3 { 100 } else { 10 * k as i16 + i as i16 });
    let volume = CtVolume::new(Arc::new(grid), hu);
    let at = DVec3::new(8.0, 14.0, 4.0);
    let slab = |mode, thickness_mm| Some(Slab { mode, thickness_mm });
    let show = |orientation, slab| middle_hu(&volume, orientation, at, Sampling::Interpolated, slab);
    assert_eq!(show(Orientation::Axial, None), 28);
    // From 2 to 6 mm: at 6 mm a third of the way from 28 to 100.
    assert_eq!(show(Orientation::Axial, slab(SlabMode::Maximum, 4.0)), 52);
    assert_eq!(show(Orientation::Axial, slab(SlabMode::Minimum, 4.0)), 18);
    assert_eq!(show(Orientation::Axial, slab(SlabMode::Average, 4.0)), 32, "(2 x 23 + 2 x 40) / 4 = 31.5");
    assert_eq!(show(Orientation::Axial, slab(SlabMode::Maximum, 12.0)), 100, "the slice at 10 mm is just inside");
    // Across: columns 6 to 10 of the slice at 4 mm.
    assert_eq!(show(Orientation::Sagittal, slab(SlabMode::Maximum, 4.0)), 30);
    assert_eq!(show(Orientation::Sagittal, slab(SlabMode::Minimum, 4.0)), 26);
    assert_eq!(show(Orientation::Sagittal, slab(SlabMode::Average, 4.0)), 28);
    assert_eq!(show(Orientation::Coronal, slab(SlabMode::Maximum, 8.0)), 28, "nothing changes along the rows");
    // Raw voxels: 7.4 mm to the right of the first column is column 7, 6.9 mm above the first slice still the third one.
    let near = |z| middle_hu(&volume, Orientation::Coronal, DVec3::new(7.4, 14.0, z), Sampling::Nearest, None);
    assert_eq!((near(6.9), near(7.1)), (27, 100));
}
