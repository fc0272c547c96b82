//! The paint callbacks: one frame of one view, of slices or of solids.

use super::context::GpuContext;
use super::frame::SliceFrame;
use super::solid::SolidFrame;
use eframe::egui;
use eframe::egui_wgpu::{CallbackResources, CallbackTrait, ScreenDescriptor, wgpu};

pub(super) struct SliceCallback {
    /// Of the view, points.
    pub rect: egui::Rect,
    pub frame: SliceFrame,
}

impl CallbackTrait for SliceCallback {
    /// Writes this frame's uniforms only; uploads belong to the caller's logic, which also runs for hidden windows.
    fn prepare(
        &self,
        _device: &wgpu::Device,
        queue: &wgpu::Queue,
        screen: &ScreenDescriptor,
        _encoder: &mut wgpu::CommandEncoder,
        resources: &mut CallbackResources,
    ) -> Vec<wgpu::CommandBuffer> {
        if let Some(context) = resources.get::<GpuContext>() {
            context.write_uniforms(queue, &self.frame, self.rect, screen.pixels_per_point);
        }
        Vec::new()
    }

    fn paint(
        &self,
        info: egui::PaintCallbackInfo,
        pass: &mut wgpu::RenderPass<'static>,
        resources: &CallbackResources,
    ) {
        if let Some(context) = resources.get::<GpuContext>() {
            context.draw(pass, self.frame.view, info.screen_size_px);
        }
    }
}

pub(super) struct SolidCallback {
    /// Of the view, points.
    pub rect: egui::Rect,
    pub frame: SolidFrame,
}

impl CallbackTrait for SolidCallback {
    /// Draws the picture if it changed; the pass of the window only lays it down.
    fn prepare(
        &self,
        device: &wgpu::Device,
        queue: &wgpu::Queue,
        screen: &ScreenDescriptor,
        encoder: &mut wgpu::CommandEncoder,
        resources: &mut CallbackResources,
    ) -> Vec<wgpu::CommandBuffer> {
        if let Some(context) = resources.get_mut::<GpuContext>() {
            context.prepare_solids(device, queue, encoder, &self.frame, self.rect, screen.pixels_per_point);
        }
        Vec::new()
    }

    fn paint(
        &self,
        info: egui::PaintCallbackInfo,
        pass: &mut wgpu::RenderPass<'static>,
        resources: &CallbackResources,
    ) {
        if let Some(context) = resources.get::<GpuContext>() {
            context.draw_solids(pass, info.screen_size_px);
        }
    }
}
