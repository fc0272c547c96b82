//! Loading a CT series: slices decoded in parallel, the middle ones first, so that the first picture
//! shows long before the last file is read.

use super::file::{is_pixels, read_until};
use super::meta::{CtMeta, SliceRef};
use super::pixels::{PixelFormat, read_values};
use super::scan::{CtSeries, SliceHeader};
use super::stack::{Stack, Unreadable};
use super::warning::{ImportWarning, Severity};
use crate::geometry::{GridError, VoxelGrid};
use crate::image::CtVolume;
use crate::progress::{Cancelled, Progress};
use ndarray::Array3;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// Why a CT series cannot be loaded.
#[derive(Debug, thiserror::Error)]
pub enum CtError {
    #[error("{}", crate::words::t("the series holds no image"))]
    Empty,
    #[error("{}", crate::tf!("none of the {total} images can be used: {why}; export the series again: {path}", total = .total, why = .why, path = path.display()))]
    NoneUsable { total: usize, why: String, path: PathBuf },
    #[error("{}", crate::tf!("only one of the {total} images can be used, which makes no volume; export the series again: {path}", total = .total, path = path.display()))]
    TooFew { total: usize, path: PathBuf },
    #[error("{}", crate::tf!("the images have no position, orientation or pixel spacing, so they have no place in the patient: {path}", path = path.display()))]
    NoGeometry { path: PathBuf },
    #[error("{}", crate::tf!("the series holds {images} images at {positions} positions (phases of a 4D scan?); export one phase as its own series: {path}", images = .images, positions = .positions, path = path.display()))]
    RepeatedPositions { images: usize, positions: usize, path: PathBuf },
    #[error("{}", crate::tf!("the slices shift sideways by {shift_mm:.2} mm along the stack (tilted gantry?), which is no rectangular volume; have the scan reformatted without tilt: {path}", shift_mm = .shift_mm, path = path.display()))]
    Sideways { shift_mm: f64, path: PathBuf },
    #[error("{}", crate::tf!("an image cannot be read: {why}: {path}", why = .why, path = path.display()))]
    Pixels { why: String, path: PathBuf },
    #[error("{}", crate::tf!("the images are compressed as {name}, which cannot be read; export them uncompressed: {path}", name = .name, path = path.display()))]
    Compression { name: String, path: PathBuf },
    #[error("{}", crate::tf!("the images form no volume: {source}: {path}", source = .source, path = path.display()))]
    Grid { source: GridError, path: PathBuf },
    #[error("{}", crate::tf!("the header of an image cannot be read again ({why}); has the folder changed?: {path}", why = .why, path = path.display()))]
    Header { why: String, path: PathBuf },
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
}

/// What arrives while a series loads, on the calling thread.
#[derive(Debug, Clone)]
pub enum LoadStep {
    /// Comes first. Comes again, with one slice less, should a compressed image turn out to be damaged:
    /// whatever arrived before is void then.
    Grid { grid: Arc<VoxelGrid>, meta: Arc<CtMeta> },
    /// CT numbers of slice `k`, row by row; the middle slices come first.
    Slice { k: usize, hu: Vec<i16> },
}

/// A loaded series.
#[derive(Debug, Clone)]
pub struct LoadedCt {
    pub volume: CtVolume,
    pub meta: Arc<CtMeta>,
    pub warnings: Vec<ImportWarning>,
}

/// Loads a series found by [`super::scan`]. Damaged images are left out with a warning as long as two remain.
///
/// # Errors
/// [`CtError`].
pub fn load_ct(
    series: &CtSeries,
    progress: &dyn Progress,
    on_step: &mut dyn FnMut(LoadStep),
) -> Result<LoadedCt, CtError> {
    let mut unreadable = Unreadable::new();
    loop {
        let stack = Stack::build(series, &unreadable)?;
        let meta = Arc::new(read_meta(&stack)?);
        let grid = Arc::new(stack.grid.clone());
        on_step(LoadStep::Grid { grid: Arc::clone(&grid), meta: Arc::clone(&meta) });
        let (hu, damaged) = read_slices(&stack.slices, &grid, progress, on_step)?;
        if damaged.is_empty() {
            return Ok(LoadedCt { volume: CtVolume::new(grid, hu), meta, warnings: stack.warnings });
        }
        unreadable.extend(damaged);
    }
}

fn read_meta(stack: &Stack) -> Result<CtMeta, CtError> {
    let path = stack.slices[0].path.clone();
    let header = match read_until(&path, &|tag| is_pixels(tag) || tag.0 > 0x7FE0) {
        Ok(Some(file)) => file.dataset,
        Ok(None) => return Err(CtError::Header { why: "it is no DICOM file any more".into(), path }),
        Err(e) => return Err(CtError::Header { why: e.to_string(), path }),
    };
    let mut meta = CtMeta::from_header(&header);
    meta.slices = stack
        .slices
        .iter()
        .map(|s| SliceRef {
            sop_class_uid: s.sop_class_uid.clone(),
            sop_instance_uid: s.sop_instance_uid.clone(),
            path: s.path.clone(),
            instance_number: s.instance_number,
            frame: s.frame,
        })
        .collect();
    meta.geometry_safe = stack.warnings.iter().all(|w| w.severity != Severity::Geometry);
    Ok(meta)
}

/// Slice indices from the middle outwards.
fn middle_first(n: usize) -> Vec<usize> {
    let middle = n / 2;
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by_key(|k| k.abs_diff(middle));
    order
}

fn read_slices(
    slices: &[SliceHeader],
    grid: &VoxelGrid,
    progress: &dyn Progress,
    on_step: &mut dyn FnMut(LoadStep),
) -> Result<(Array3<i16>, Unreadable), CtError> {
    let (tables, table_of) = hu_tables(slices);
    let size = [grid.columns(), grid.rows()];
    let mut hu = Array3::<i16>::zeros(grid.shape());
    let read = |k: usize| slices[k].values(&tables[table_of[k]], size);
    let damaged = read_in_parallel(slices, "Loading CT", &read, progress, &mut |k, values| {
        put_slice(&mut hu, k, &values);
        on_step(LoadStep::Slice { k, hu: values });
    })?;
    Ok((hu, damaged))
}

/// Copies the values of a slice into a volume.
pub(super) fn put_slice<T: Copy>(volume: &mut Array3<T>, k: usize, values: &[T]) {
    let mut slice = volume.outer_iter_mut().nth(k).expect("k counts the slices of the grid");
    slice.as_slice_mut().expect("standard layout").copy_from_slice(values);
}

impl SliceHeader {
    /// The values of the slice by the table of its pixel format; why not, in words.
    pub(super) fn values<T: Copy>(&self, table: &[T], size: [usize; 2]) -> Result<Vec<T>, String> {
        let source = self.pixels.ok_or("it has no pixels")?;
        read_values(&self.path, source, &self.transfer_syntax, self.lossy.is_some(), &self.format, table, size)
    }
}

/// Reads slices in parallel, the middle ones first, and hands each over on the calling thread. Gives those that
/// could not be read, and why.
pub(super) fn read_in_parallel<T: Send>(
    slices: &[SliceHeader],
    stage: &str,
    read: &(dyn Fn(usize) -> Result<Vec<T>, String> + Sync),
    progress: &dyn Progress,
    on_slice: &mut dyn FnMut(usize, Vec<T>),
) -> Result<Unreadable, Cancelled> {
    let order = middle_first(slices.len());
    let next = AtomicUsize::new(0);
    let mut damaged = Unreadable::new();
    let (sender, receiver) = crossbeam_channel::unbounded();
    let received = rayon::in_place_scope_fifo(|scope| {
        for _ in 0..slices.len() {
            let sender = sender.clone();
            let (order, next) = (&order, &next);
            scope.spawn_fifo(move |_| {
                if progress.is_cancelled() {
                    return;
                }
                let k = order[next.fetch_add(1, Ordering::Relaxed)];
                // A receiver that is gone means that the load was given up.
                let _ = sender.send((k, read(k)));
            });
        }
        drop(sender);
        let mut done = 0;
        loop {
            progress.checkpoint()?;
            let (k, result) = match receiver.try_recv() {
                Ok(received) => received,
                Err(crossbeam_channel::TryRecvError::Disconnected) => return Ok::<(), Cancelled>(()),
                // Called from within the pool this thread must help, or a pool of one would wait for itself.
                Err(crossbeam_channel::TryRecvError::Empty) if rayon::yield_now() == Some(rayon::Yield::Executed) => {
                    continue;
                }
                Err(crossbeam_channel::TryRecvError::Empty) => match receiver.recv_timeout(Duration::from_millis(5)) {
                    Ok(received) => received,
                    Err(_timeout) => continue,
                },
            };
            done += 1;
            progress.report(stage, done, slices.len());
            match result {
                Ok(values) => on_slice(k, values),
                Err(why) => {
                    damaged.insert(slices[k].place(), why);
                }
            }
        }
    });
    received?;
    progress.checkpoint()?;
    Ok(damaged)
}

/// One table per pixel format that occurs, and which slice uses which.
fn hu_tables(slices: &[SliceHeader]) -> (Vec<Vec<i16>>, Vec<usize>) {
    let mut formats: Vec<&PixelFormat> = Vec::new();
    let table_of = slices
        .iter()
        .map(|s| {
            formats.iter().position(|f| **f == s.format).unwrap_or_else(|| {
                formats.push(&s.format);
                formats.len() - 1
            })
        })
        .collect();
    (formats.into_iter().map(PixelFormat::hu_table).collect(), table_of)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_comes_first() {
        assert_eq!(middle_first(5), [2, 1, 3, 0, 4]);
        assert_eq!(middle_first(1), [0]);
    }
}
