//! The 3D view draws the structures as large as they are, lit, cut, and with what shines through what.

use crate::gpu::render_state;
use eframe::egui;
use egui_kittest::Harness;
use egui_kittest::wgpu::WgpuTestRenderer;
use glam::DVec3;
use hilum::contour::SliceMask;
use hilum::geometry::{Revision, VoxelGrid};
use hilum::gpu::{Fill, Gpu, MaskSource, SLOTS, SliceRenderer, SolidCut, SolidFrame};
use hilum::image::CtVolume;
use hilum::structures::RoiId;
use std::collections::BTreeMap;
use std::sync::Arc;

const RADIUS_MM: f64 = 30.0;
const BACKGROUND: [u8; 3] = [0, 0, 0];

/// Uneven slices, voxels that are not square, and a scan that is turned against the axes of the patient.
fn grid() -> Arc<VoxelGrid> {
    let (s, c) = 20f64.to_radians().sin_cos();
    let positions = (0..42).map(|k| -45.0 + if k < 20 { 2.0 } else { 2.5 } * f64::from(k)).collect();
    let grid = VoxelGrid::new(
        DVec3::new(-60.0, -50.0, -45.0),
        DVec3::new(c, s, 0.0),
        DVec3::new(-s, c, 0.0),
        [1.0, 1.2],
        [110, 120],
        positions,
    );
    Arc::new(grid.expect("valid grid"))
}

/// Balls around the middle of the scan, one a slot.
struct Balls {
    slots: Vec<RoiId>,
    bits: BTreeMap<(usize, usize), Arc<SliceMask>>,
    revision: Revision,
}

impl Balls {
    fn new(grid: &VoxelGrid, radii_mm: &[f64]) -> Self {
        let mut bits = BTreeMap::new();
        for (slot, radius) in radii_mm.iter().enumerate() {
            for k in 0..grid.slices() {
                let voxels = (0..grid.rows()).flat_map(|j| (0..grid.columns()).map(move |i| (j, i)));
                let inside = voxels
                    .map(|(j, i)| grid.patient_from_voxel(k, j as f64, i as f64).distance(grid.center()) < *radius);
                let mask = SliceMask::from_dense(grid.columns(), &inside.collect::<Vec<_>>());
                if !mask.is_empty() {
                    bits.insert((slot, k), Arc::new(mask));
                }
            }
        }
        Self { slots: (0..radii_mm.len() as u32).map(RoiId).collect(), bits, revision: Revision(1) }
    }
}

impl MaskSource for Balls {
    fn revision(&self) -> Revision {
        self.revision
    }
    fn slots(&self) -> &[RoiId] {
        &self.slots
    }
    fn changed_slices(&self, _: Revision) -> Option<Vec<usize>> {
        None
    }
    fn slice(&self, slot: usize, k: usize) -> Option<&Arc<SliceMask>> {
        self.bits.get(&(slot, k))
    }
}

struct Screen {
    renderer: SliceRenderer,
    frame: SolidFrame,
}

const SIZE: f32 = 172.0;
const MM_PER_POINT: f64 = 0.45;

fn screen(gpu: &Gpu, state: eframe::egui_wgpu::RenderState, frame: SolidFrame) -> Harness<'static, Screen> {
    Harness::builder()
        .with_size(egui::vec2(SIZE + 20.0, SIZE + 20.0))
        .with_render_cursor(false)
        .renderer(WgpuTestRenderer::from_render_state(state))
        .build_ui_state(
            |ui, screen: &mut Screen| {
                let rect = egui::Rect::from_min_size(egui::pos2(10.0, 10.0), egui::Vec2::splat(SIZE));
                let layer = egui::LayerId::new(egui::Order::Foreground, egui::Id::unique("solids"));
                let painter = ui.ctx().layer_painter(layer);
                painter.rect_filled(rect.expand(10.0), 0.0, egui::Color32::BLACK);
                assert!(screen.renderer.paint_solids(&painter, rect, screen.frame.clone()));
            },
            Screen { renderer: SliceRenderer::new(Some(gpu.clone())), frame },
        )
}

/// Seen from a direction, the screen's right as level as it can be.
fn from(direction: DVec3, fills: &[Fill]) -> SolidFrame {
    let into = -direction.normalize();
    let down = if into.z.abs() > 0.9 { DVec3::Y } else { -DVec3::Z };
    let right = down.cross(into).normalize();
    let down = into.cross(right);
    let mut all = [Fill::default(); SLOTS];
    all[..fills.len()].copy_from_slice(fills);
    SolidFrame {
        right,
        down,
        into,
        center: grid().center(),
        mm_per_point: MM_PER_POINT,
        pixels_per_ray: 1,
        cut: None,
        background: BACKGROUND,
        fills: Arc::new(all),
    }
}

fn fill(color: [u8; 3], opacity: f32) -> Fill {
    Fill { color, opacity, hatched: false }
}

const RED: [u8; 3] = [240, 60, 40];
const BLUE: [u8; 3] = [40, 90, 240];

/// The picture of the view, row by row.
fn pixels(harness: &mut Harness<'_, Screen>) -> Vec<[u8; 3]> {
    harness.run();
    let drawn = harness.render().expect("drawn");
    let side = SIZE as u32;
    let at = |n: u32| drawn.get_pixel(10 + n % side, 10 + n / side).0;
    (0..side * side).map(|n| at(n)[..3].try_into().expect("three channels")).collect()
}

fn area_mm2(pixels: &[[u8; 3]]) -> f64 {
    pixels.iter().filter(|p| **p != BACKGROUND).count() as f64 * MM_PER_POINT * MM_PER_POINT
}

/// True if an outline encloses the area of a ball's disc but for a quarter of a slice all around: masks know a ball only
/// slice by slice, so that from askew its steps stand out, and its poles may fall short.
fn is_outlined(area_mm2: f64, radius_mm: f64) -> bool {
    const QUARTER_OF_A_SLICE_MM: f64 = 2.5 / 4.0;
    ((area_mm2 / std::f64::consts::PI).sqrt() - radius_mm).abs() < QUARTER_OF_A_SLICE_MM
}

fn middle(pixels: &[[u8; 3]]) -> [u8; 3] {
    pixels[(SIZE as usize / 2) * SIZE as usize + SIZE as usize / 2]
}

fn with_balls(radii_mm: &[f64]) -> Option<(Gpu, eframe::egui_wgpu::RenderState, Balls)> {
    let state = render_state()?;
    let grid = grid();
    let gpu = Gpu::new(&state);
    let hu = ndarray::Array3::from_elem(grid.shape(), 30);
    gpu.set_volume(&CtVolume::new(Arc::clone(&grid), hu)).expect("fits");
    let balls = Balls::new(&grid, radii_mm);
    gpu.sync_masks(&balls).expect("fits");
    Some((gpu, state, balls))
}

#[test]
fn the_outline_of_a_ball_encloses_the_area_of_its_disc_from_every_side() {
    let Some((gpu, state, _)) = with_balls(&[RADIUS_MM]) else { return };
    let expected = std::f64::consts::PI * RADIUS_MM * RADIUS_MM;
    let red = [fill(RED, 1.0)];
    let mut harness = screen(&gpu, state, from(DVec3::Z, &red));
    let directions = [
        DVec3::Z,
        -DVec3::Z,
        DVec3::X,
        -DVec3::Y,
        DVec3::new(1.0, 1.0, 1.0),
        DVec3::new(-0.3, 0.8, -0.5),
        DVec3::new(0.9, -0.1, 0.2),
    ];
    for direction in directions {
        harness.state_mut().frame = from(direction, &red);
        let found = area_mm2(&pixels(&mut harness));
        let is_askew = direction.normalize().abs().max_element() < 0.99;
        let is_near = if is_askew { is_outlined(found, RADIUS_MM) } else { (found / expected - 1.0).abs() < 0.02 };
        assert!(is_near, "from {direction}: {found:.1} mm2, expected {expected:.1}");
    }
    assert_eq!(gpu.take_errors(), Vec::<String>::new());
}

#[test]
fn a_ball_is_lit_from_the_upper_left_and_in_its_own_colour() {
    let Some((gpu, state, _)) = with_balls(&[RADIUS_MM]) else { return };
    let mut harness = screen(&gpu, state, from(DVec3::new(0.4, -1.0, 0.3), &[fill(RED, 1.0)]));
    let all = pixels(&mut harness);
    let at = |x: f64, y: f64| {
        let place = |d: f64| (f64::from(SIZE) / 2.0 + d * RADIUS_MM / MM_PER_POINT) as usize;
        all[place(y) * SIZE as usize + place(x)]
    };
    let (light, dark) = (at(-0.4, -0.4), at(0.55, 0.55));
    assert!(light[0] > dark[0] + 60, "{light:?} {dark:?}");
    for [r, g, b] in [light, dark, at(0.0, 0.0)] {
        assert!(r > g && g >= b, "{r} {g} {b} is not red");
    }
    // No steps between voxels: neighbours near the middle have nearly the same light.
    let steps = (-40..40).map(|n| at(0.01 * f64::from(n), 0.0)[0].abs_diff(at(0.01 * f64::from(n + 1), 0.0)[0]));
    assert!(steps.max().expect("some") < 26, "the surface looks like its voxels");
}

#[test]
fn a_cut_takes_away_what_lies_before_it() {
    let Some((gpu, state, _)) = with_balls(&[RADIUS_MM]) else { return };
    let red = [fill(RED, 1.0)];
    let mut frame = from(DVec3::X, &red);
    let mut harness = screen(&gpu, state, frame.clone());
    let whole = area_mm2(&pixels(&mut harness));
    // Along the line of sight: half of the disc is gone.
    frame.cut = Some(SolidCut { at: grid().center(), keeps: DVec3::Y });
    harness.state_mut().frame = frame.clone();
    let half = area_mm2(&pixels(&mut harness));
    assert!((half / whole - 0.5).abs() < 0.02, "{half} of {whole}");
    // Across it: the disc is whole and flat.
    frame.cut = Some(SolidCut { at: grid().center(), keeps: frame.into });
    harness.state_mut().frame = frame.clone();
    let flat = pixels(&mut harness);
    assert!((area_mm2(&flat) / whole - 1.0).abs() < 0.02);
    let mut colors = std::collections::BTreeMap::<_, usize>::new();
    for color in flat.iter().filter(|p| **p != BACKGROUND) {
        *colors.entry(color).or_default() += 1;
    }
    // But for the rim, where voxels just behind the cut stand out a little further.
    let (all, most) = (colors.values().sum::<usize>(), colors.values().max().copied().unwrap_or_default());
    assert!(most as f64 > 0.93 * all as f64, "one light all over the cut: {most} of {all}");
    // Beyond the ball nothing is left.
    frame.cut = Some(SolidCut { at: grid().center() + frame.into * 40.0, keeps: frame.into });
    harness.state_mut().frame = frame;
    assert_eq!(area_mm2(&pixels(&mut harness)), 0.0);
}

#[test]
fn what_is_inside_shines_through_and_what_is_hidden_is_not_there() {
    let Some((gpu, state, mut balls)) = with_balls(&[RADIUS_MM, 12.0]) else { return };
    let seen = |outer: f32, inner: f32| from(DVec3::new(0.2, -1.0, 0.1), &[fill(RED, outer), fill(BLUE, inner)]);
    let mut harness = screen(&gpu, state, seen(1.0, 1.0));
    let [r, _, b] = middle(&pixels(&mut harness));
    assert!(r > b + 60, "the red ball hides the blue one");
    harness.state_mut().frame = seen(0.3, 1.0);
    let [r, _, b] = middle(&pixels(&mut harness));
    assert!(b > r + 20 && r > 20, "blue under red: {r} {b}");
    harness.state_mut().frame = seen(0.0, 1.0);
    let alone = pixels(&mut harness);
    assert!(is_outlined(area_mm2(&alone), 12.0), "{}", area_mm2(&alone));
    // An edit shows at once, although the view stayed where it was.
    balls.bits.retain(|(slot, _), _| *slot != 1);
    balls.revision = balls.revision.next();
    gpu.sync_masks(&balls).expect("fits");
    assert_eq!(area_mm2(&pixels(&mut harness)), 0.0);
    assert_eq!(gpu.take_errors(), Vec::<String>::new());
}

#[test]
fn where_one_ray_colours_several_pixels_the_picture_stays_in_its_place() {
    let Some((gpu, state, _)) = with_balls(&[RADIUS_MM]) else { return };
    let fine = from(DVec3::Z, &[fill(RED, 1.0)]);
    let mut harness = screen(&gpu, state, fine.clone());
    let expected = pixels(&mut harness);
    harness.state_mut().frame = SolidFrame { pixels_per_ray: 3, ..fine };
    let coarse = pixels(&mut harness);
    let apart = |(a, b): &(&[u8; 3], &[u8; 3])| a.iter().zip(*b).any(|(a, b)| a.abs_diff(*b) > 40);
    let wrong = expected.iter().zip(&coarse).filter(apart).count();
    // Only along the outline, two pixels at most.
    let outline = std::f64::consts::TAU * RADIUS_MM / MM_PER_POINT;
    assert!(wrong > 0 && (wrong as f64) < 2.0 * outline, "{wrong} pixels are others, outline of {outline:.0}");
    assert_eq!(gpu.take_errors(), Vec::<String>::new());
}
