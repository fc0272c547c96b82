//! The renderer that a window uses: the GPU where it can, else the processor, behind one face.

use super::context::Gpu;
use super::cpu_slice::CpuScene;
use super::frame::SliceFrame;
use super::mask_source::{MaskSource, SyncReport};
use super::solid::SolidFrame;
use super::{GpuError, VIEWS};
use crate::geometry::{Rigid, VoxelGrid};
use crate::image::{CtVolume, OverlayVolume};
use eframe::egui;
use std::sync::Arc;

/// Draws views of one scan with its structures.
pub struct SliceRenderer {
    gpu: Option<Gpu>,
    /// In use where there is no GPU, or where it cannot hold the present scan.
    cpu: Option<CpuScene>,
    pictures: [Option<Picture>; VIEWS],
}

/// What the processor drew last for a view.
struct Picture {
    frame: SliceFrame,
    size_px: [usize; 2],
    generation: u64,
    texture: egui::TextureHandle,
}

impl SliceRenderer {
    /// With a GPU, or without one.
    pub fn new(gpu: Option<Gpu>) -> Self {
        Self { gpu, cpu: None, pictures: std::array::from_fn(|_| None) }
    }

    /// True where the GPU draws the present scan.
    pub fn uses_gpu(&self) -> bool {
        self.gpu.is_some() && self.cpu.is_none()
    }

    /// True where the processor does the work of a graphics card.
    pub fn is_software(&self) -> bool {
        self.gpu.as_ref().is_some_and(Gpu::is_software)
    }

    /// Messages about failed drawing since the last call.
    pub fn take_errors(&self) -> Vec<String> {
        self.gpu.as_ref().map(Gpu::take_errors).unwrap_or_default()
    }

    /// Makes room for a scan that is being loaded. An error says why the processor draws it instead; nothing else changes.
    pub fn set_grid(&mut self, grid: Arc<VoxelGrid>) -> Result<(), GpuError> {
        self.clear();
        let Some(gpu) = &self.gpu else {
            self.cpu = Some(CpuScene::new(grid));
            return Ok(());
        };
        gpu.set_grid(Arc::clone(&grid)).inspect_err(|_| self.cpu = Some(CpuScene::new(grid)))
    }

    /// Sets the CT numbers of slice `k` of the present grid, row by row.
    pub fn upload_slice(&mut self, k: usize, hu: &[i16]) {
        match (&mut self.cpu, &self.gpu) {
            (Some(cpu), _) => cpu.upload_slice(k, hu),
            (None, Some(gpu)) => gpu.upload_slice(k, hu),
            (None, None) => {}
        }
    }

    /// Shows a scan that is there. An error says why the processor draws it instead; nothing else changes.
    pub fn set_volume(&mut self, volume: &CtVolume) -> Result<(), GpuError> {
        self.clear();
        let Some(gpu) = &self.gpu else {
            self.cpu = Some(CpuScene::from_volume(volume));
            return Ok(());
        };
        gpu.set_volume(volume).inspect_err(|_| self.cpu = Some(CpuScene::from_volume(volume)))
    }

    /// Brings the fills to the revision of the source; cheap where nothing changed.
    pub fn sync_masks(&mut self, source: &dyn MaskSource) -> Result<SyncReport, GpuError> {
        match (&mut self.cpu, &self.gpu) {
            (Some(cpu), _) => cpu.sync_masks(source),
            (None, Some(gpu)) => gpu.sync_masks(source),
            (None, None) => Ok(SyncReport::default()),
        }
    }

    /// Holds the values of an overlay, or none; frames decide whether and how it is drawn. A new scan forgets it.
    pub fn set_overlay(&mut self, overlay: Option<&OverlayVolume>) -> Result<(), GpuError> {
        match (&mut self.cpu, &self.gpu) {
            (Some(cpu), _) => {
                cpu.set_overlay(overlay.cloned());
                Ok(())
            }
            (None, Some(gpu)) => gpu.set_overlay(overlay),
            (None, None) => Ok(()),
        }
    }

    /// Puts the overlay that it holds elsewhere; its values stay where they are.
    pub fn move_overlay(&mut self, ct_from_overlay: Rigid) {
        match (&mut self.cpu, &self.gpu) {
            (Some(cpu), _) => cpu.move_overlay(ct_from_overlay),
            (None, Some(gpu)) => gpu.move_overlay(ct_from_overlay),
            (None, None) => {}
        }
    }

    /// Lets the processor draw from now on, e.g. after the graphics memory ran out.
    pub fn fall_back(&mut self, volume: &CtVolume) {
        self.clear();
        self.cpu = Some(CpuScene::from_volume(volume));
    }

    /// Forgets the scan.
    pub fn clear(&mut self) {
        self.cpu = None;
        self.pictures = std::array::from_fn(|_| None);
        if let Some(gpu) = &self.gpu {
            gpu.clear();
        }
    }

    /// Paints the structures as solids into a rectangle, points; false where there is no GPU to do it.
    pub fn paint_solids(&self, painter: &egui::Painter, rect: egui::Rect, frame: SolidFrame) -> bool {
        if self.uses_gpu() {
            let painter = painter.with_clip_rect(rect.intersect(painter.clip_rect()));
            painter.add(Gpu::solid_shape(rect, frame));
        }
        self.uses_gpu()
    }

    /// Paints a frame into a rectangle, points.
    pub fn paint(&mut self, painter: &egui::Painter, rect: egui::Rect, frame: SliceFrame) {
        let painter = painter.with_clip_rect(rect.intersect(painter.clip_rect()));
        match (&self.cpu, &self.gpu) {
            (Some(scene), _) => {
                let pixels_per_point = painter.pixels_per_point();
                let slot = &mut self.pictures[frame.view % VIEWS];
                paint_picture(scene, slot, &painter, rect, frame, pixels_per_point);
            }
            (None, Some(_)) => {
                painter.add(Gpu::shape(rect, frame));
            }
            (None, None) => {}
        }
    }
}

fn paint_picture(
    scene: &CpuScene,
    slot: &mut Option<Picture>,
    painter: &egui::Painter,
    rect: egui::Rect,
    frame: SliceFrame,
    pixels_per_point: f32,
) {
    let view_px = [rect.width() * pixels_per_point, rect.height() * pixels_per_point];
    let size_px = view_px.map(|p| p.ceil().max(1.0) as usize);
    let generation = scene.generation();
    let fresh = slot.as_ref().is_some_and(|p| p.frame == frame && p.size_px == size_px && p.generation == generation);
    if !fresh {
        let image = scene.draw(&frame, size_px, view_px.map(f64::from), pixels_per_point);
        let options = egui::TextureOptions::NEAREST;
        match slot {
            Some(picture) => {
                picture.texture.set(image, options);
                picture.size_px = size_px;
                picture.generation = generation;
                picture.frame = frame;
            }
            None => {
                let texture = painter.ctx().load_texture(format!("slice view {}", frame.view), image, options);
                *slot = Some(Picture { frame, size_px, generation, texture });
            }
        }
    }
    if let Some(picture) = slot {
        let drawn =
            egui::Rect::from_min_size(rect.min, egui::vec2(size_px[0] as f32, size_px[1] as f32) / pixels_per_point);
        let uv = egui::Rect::from_min_max(egui::pos2(0.0, 0.0), egui::pos2(1.0, 1.0));
        painter.image(picture.texture.id(), drawn, uv, egui::Color32::WHITE);
    }
}
