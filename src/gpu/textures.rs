//! The textures of one scan: CT numbers, slice table, and mask bits synced by revision.

use super::device::DeviceErrors;
use super::frame::n_range;
use super::mask_source::{
    BLOCK, MaskSource, SyncReport, VoxelBox, block_words, bounds, check_slots, pack, rows_in_use,
};
use super::{GpuError, SLOTS};
use crate::geometry::{Revision, VoxelGrid};
use crate::structures::RoiId;
use crate::words::t;
use eframe::egui_wgpu::wgpu;
use half::f16;
use std::ops::Range;
use std::sync::Arc;

pub(super) fn texture_3d(
    device: &wgpu::Device,
    label: &str,
    [k, j, i]: [usize; 3],
    format: wgpu::TextureFormat,
) -> wgpu::Texture {
    device.create_texture(&wgpu::TextureDescriptor {
        label: Some(label),
        size: wgpu::Extent3d { width: i as u32, height: j as u32, depth_or_array_layers: k as u32 },
        mip_level_count: 1,
        sample_count: 1,
        dimension: wgpu::TextureDimension::D3,
        format,
        usage: wgpu::TextureUsages::TEXTURE_BINDING | wgpu::TextureUsages::COPY_DST,
        view_formats: &[],
    })
}

/// One row of two floats a slice.
pub(super) fn slice_table(device: &wgpu::Device, slices: usize) -> wgpu::Texture {
    device.create_texture(&wgpu::TextureDescriptor {
        label: Some("slice table"),
        size: wgpu::Extent3d { width: slices as u32, height: 1, depth_or_array_layers: 1 },
        mip_level_count: 1,
        sample_count: 1,
        dimension: wgpu::TextureDimension::D2,
        format: wgpu::TextureFormat::Rg32Float,
        usage: wgpu::TextureUsages::TEXTURE_BINDING | wgpu::TextureUsages::COPY_DST,
        view_formats: &[],
    })
}

pub(super) fn write(
    queue: &wgpu::Queue,
    texture: &wgpu::Texture,
    [z, y, x]: [usize; 3],
    data: &[u8],
    [rows, columns]: [usize; 2],
) {
    queue.write_texture(
        wgpu::TexelCopyTextureInfo {
            texture,
            mip_level: 0,
            origin: wgpu::Origin3d { x: x as u32, y: y as u32, z: z as u32 },
            aspect: wgpu::TextureAspect::All,
        },
        data,
        wgpu::TexelCopyBufferLayout {
            offset: 0,
            bytes_per_row: Some((data.len() / rows) as u32),
            rows_per_image: Some(rows as u32),
        },
        wgpu::Extent3d { width: columns as u32, height: rows as u32, depth_or_array_layers: 1 },
    );
}

/// CT numbers as half floats: whole HU up to 2048, within 1 HU up to 4096; for display only.
pub(super) struct VolumeTexture {
    pub grid: Arc<VoxelGrid>,
    pub texture: wgpu::Texture,
    /// Two floats a slice: position from the first slice, and 1 once it is loaded.
    pub table: wgpu::Texture,
    pub n_range: [f64; 2],
    loaded: Vec<bool>,
}

impl VolumeTexture {
    /// Textures for a scan, no slice of which is loaded yet.
    pub fn new(
        device: &wgpu::Device,
        queue: &wgpu::Queue,
        errors: &DeviceErrors,
        grid: Arc<VoxelGrid>,
    ) -> Result<Self, GpuError> {
        let [slices, rows, columns] = grid.shape();
        let limit = device.limits().max_texture_dimension_3d;
        if [slices, rows, columns].iter().any(|&n| n > limit as usize) {
            return Err(GpuError::ScanTooLarge { limit, columns, rows, slices });
        }
        let megabytes = grid.voxel_count() as u64 * 2 / 1_000_000;
        let texture = errors
            .allocate(|| texture_3d(device, "ct", grid.shape(), wgpu::TextureFormat::R16Float))
            .ok_or(GpuError::OutOfMemory { what: t("the scan"), megabytes })?;
        let table = slice_table(device, slices);
        let volume = Self { n_range: n_range(&grid), loaded: vec![false; slices], grid, texture, table };
        volume.write_table(queue);
        Ok(volume)
    }

    /// Sends the CT numbers of slice `k`, row by row.
    pub fn upload_slice(&mut self, queue: &wgpu::Queue, k: usize, hu: &[i16]) {
        let [_, rows, columns] = self.grid.shape();
        assert_eq!(hu.len(), rows * columns, "a slice has rows x columns values");
        let halves: Vec<u16> = hu.iter().map(|&v| f16::from_f32(f32::from(v)).to_bits()).collect();
        write(queue, &self.texture, [k, 0, 0], bytemuck::cast_slice(&halves), [rows, columns]);
        if !self.loaded[k] {
            self.loaded[k] = true;
            self.write_table(queue);
        }
    }

    fn write_table(&self, queue: &wgpu::Queue) {
        let first = self.grid.position_mm(0);
        let table: Vec<[f32; 2]> = self
            .grid
            .positions_mm()
            .iter()
            .zip(&self.loaded)
            .map(|(p, loaded)| [(p - first) as f32, f32::from(u8::from(*loaded))])
            .collect();
        write(queue, &self.table, [0, 0, 0], bytemuck::cast_slice(&table), [1, table.len()]);
    }
}

/// Mask bits, two 32-bit words a voxel, over the box of the structures plus a margin.
pub(super) struct MaskTexture {
    pub texture: wgpu::Texture,
    /// For every slice and block of cells between voxel centres: the bits of any voxel there, and of all.
    pub blocks: wgpu::Texture,
    pub covers: VoxelBox,
    synced: Option<(Revision, Vec<RoiId>)>,
    /// Rows of every slice that may hold bits in the texture.
    rows: Vec<Range<usize>>,
}

impl MaskTexture {
    const BYTES_PER_VOXEL: u64 = 8;
    /// Room for strokes beyond the structures before the texture has to grow: slices, rows, columns.
    const MARGIN: [usize; 3] = [8, 32, 32];

    pub fn new(device: &wgpu::Device) -> Self {
        Self {
            texture: texture_3d(device, "no masks", [1; 3], wgpu::TextureFormat::Rg32Uint),
            blocks: texture_3d(device, "no blocks", [1; 3], wgpu::TextureFormat::Rgba32Uint),
            covers: VoxelBox::default(),
            synced: None,
            rows: Vec::new(),
        }
    }

    /// The revision that the texture shows.
    pub fn synced(&self) -> Option<Revision> {
        self.synced.as_ref().map(|(revision, _)| *revision)
    }

    /// Sends the slices that changed, one write each; all of them where the slots changed.
    pub fn sync(
        &mut self,
        device: &wgpu::Device,
        queue: &wgpu::Queue,
        errors: &DeviceErrors,
        grid: &VoxelGrid,
        source: &dyn MaskSource,
    ) -> Result<SyncReport, GpuError> {
        check_slots(source)?;
        let revision = source.revision();
        let changed = match &self.synced {
            Some((since, slots)) if slots == source.slots() => {
                if *since == revision {
                    return Ok(SyncReport::default());
                }
                source.changed_slices(*since)
            }
            _ => None,
        };
        let mut report = SyncReport::default();
        let changed = match changed {
            Some(some) if self.covers.contains(&bounds(source, some.iter().copied())) => some,
            _ => {
                let all = bounds(source, 0..grid.slices());
                if !self.covers.contains(&all) {
                    self.grow(device, errors, grid, &all)?;
                    report.reallocated = true;
                }
                self.covers.slices().collect()
            }
        };
        for k in changed {
            if !self.covers.slices().contains(&k) {
                continue;
            }
            let now = rows_in_use(source, k, &self.covers);
            let rows = match (self.rows[k].is_empty(), now.is_empty()) {
                (true, true) => continue,
                (true, false) => now.clone(),
                (false, true) => self.rows[k].clone(),
                (false, false) => self.rows[k].start.min(now.start)..self.rows[k].end.max(now.end),
            };
            let words = pack(source, k, &rows, &self.covers);
            let [first_k, first_j, _] = self.covers.first;
            let bytes: &[u8] = bytemuck::cast_slice(&words);
            let columns = self.covers.columns().len();
            write(queue, &self.texture, [k - first_k, rows.start - first_j, 0], bytes, [rows.len(), columns]);
            let [height, width] = [self.covers.size[1], self.covers.size[2]];
            let within = rows.start - first_j..rows.end - first_j;
            let blocks = block_words(&words, within, [height, width]);
            let size = [blocks_along(height), blocks_along(width)];
            write(queue, &self.blocks, [k - first_k, 0, 0], bytemuck::cast_slice(&blocks), size);
            self.rows[k] = now;
            report.slices += 1;
            report.bytes += bytes.len() as u64;
        }
        self.synced = Some((revision, source.slots().to_vec()));
        Ok(report)
    }

    fn grow(
        &mut self,
        device: &wgpu::Device,
        errors: &DeviceErrors,
        grid: &VoxelGrid,
        needed: &VoxelBox,
    ) -> Result<(), GpuError> {
        let covers = self.covers.union(needed).grown(Self::MARGIN, grid);
        let bytes = covers.voxels() * Self::BYTES_PER_VOXEL;
        self.synced = None;
        let [slices, height, width] = covers.size;
        let blocks = [slices, blocks_along(height), blocks_along(width)];
        [self.texture, self.blocks] = errors
            .allocate(|| {
                let texture = |label, size, format| texture_3d(device, label, size, format);
                [
                    texture("masks", covers.size, wgpu::TextureFormat::Rg32Uint),
                    texture("blocks", blocks, wgpu::TextureFormat::Rgba32Uint),
                ]
            })
            .ok_or(GpuError::OutOfMemory { what: t("the structures"), megabytes: bytes / 1_000_000 })?;
        self.covers = covers;
        self.rows = vec![0..0; grid.slices()];
        Ok(())
    }
}

/// Blocks of cells along an axis with so many voxels.
fn blocks_along(voxels: usize) -> usize {
    voxels.saturating_sub(1).div_ceil(BLOCK).max(1)
}

const _: () = assert!(SLOTS == 64, "two words a voxel");
