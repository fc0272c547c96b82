//! The device that Hilum asks for, and what becomes of its errors.
//!
//! egui-wgpu asks for the limits of WebGL2 on an OpenGL adapter (3D textures of 256) and the default
//! handler of wgpu panics; both would end the program on a 512 x 512 scan.

use crate::tf;
use crate::words::t;
use eframe::egui_wgpu::{WgpuSetup, WgpuSetupCreateNew, wgpu};
use std::future::Future as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Waker};

/// The device with 3D textures, textures and buffers as large as the adapter has them.
pub fn device_descriptor(adapter: &wgpu::Adapter) -> wgpu::DeviceDescriptor<'static> {
    let available = adapter.limits();
    let base = if adapter.get_info().backend == wgpu::Backend::Gl {
        wgpu::Limits::downlevel_webgl2_defaults()
    } else {
        wgpu::Limits::default()
    };
    wgpu::DeviceDescriptor {
        label: Some("hilum device"),
        required_limits: wgpu::Limits {
            max_texture_dimension_2d: available.max_texture_dimension_2d,
            max_texture_dimension_3d: available.max_texture_dimension_3d,
            max_buffer_size: available.max_buffer_size,
            ..base
        },
        ..Default::default()
    }
}

/// The setup for `eframe::NativeOptions::wgpu_options`.
pub fn wgpu_setup() -> WgpuSetup {
    let mut setup = WgpuSetupCreateNew::without_display_handle();
    setup.device_descriptor = Arc::new(device_descriptor);
    WgpuSetup::CreateNew(setup)
}

/// True if any adapter can draw, in hardware or in software.
pub fn has_adapter() -> bool {
    let WgpuSetup::CreateNew(setup) = wgpu_setup() else { return true };
    let backends = setup.instance_descriptor.backends;
    let instance = wgpu::Instance::new(setup.instance_descriptor);
    // Native backends answer at once; the future never waits.
    let mut adapters = std::pin::pin!(instance.enumerate_adapters(backends));
    match adapters.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(adapters) => !adapters.is_empty(),
        Poll::Pending => true,
    }
}

/// Errors of the device, kept for the user instead of ending the program.
#[derive(Clone)]
pub(super) struct DeviceErrors {
    messages: crossbeam_channel::Receiver<String>,
    out_of_memory: Arc<AtomicBool>,
}

impl DeviceErrors {
    /// Messages waiting; a broken pipeline repeats itself every frame, so more than this are dropped.
    const WAITING: usize = 16;

    /// Takes over the errors of a device.
    pub fn watch(device: &wgpu::Device) -> Self {
        let (sender, messages) = crossbeam_channel::bounded(Self::WAITING);
        let out_of_memory = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&out_of_memory);
        device.on_uncaptured_error(Arc::new(move |error| {
            let message = match &error {
                wgpu::Error::OutOfMemory { .. } => {
                    flag.store(true, Ordering::SeqCst);
                    t("The graphics memory is full; close other programs or hide structures").to_owned()
                }
                wgpu::Error::Validation { description, .. } => tf!("Drawing failed: {description}", description),
                wgpu::Error::Internal { description, .. } => {
                    tf!("The graphics driver failed: {description}", description)
                }
            };
            tracing::error!("{error}");
            // A full channel means that the user has not yet seen the first ones.
            drop(sender.try_send(message));
        }));
        Self { messages, out_of_memory }
    }

    /// Runs `make` and says whether the memory sufficed.
    pub fn allocate<T>(&self, make: impl FnOnce() -> T) -> Option<T> {
        self.out_of_memory.store(false, Ordering::SeqCst);
        let made = make();
        if self.out_of_memory.swap(false, Ordering::SeqCst) {
            // Told by the caller, with what it was for.
            drop(self.messages.try_recv());
            return None;
        }
        Some(made)
    }

    /// Messages since the last call, equal ones once.
    pub fn take(&self) -> Vec<String> {
        let mut all: Vec<String> = self.messages.try_iter().collect();
        all.dedup();
        all
    }
}
