//! The layers of the network for training, as candle operations of our own, each with its gradient. What is trained runs on
//! `blocked`.
//!
//! candle's convolution spends most of its time gathering (im2col with a general stride); the network needs only
//! 3x3 with a border of one, 1x1, 2x2 maximum pooling, pixel shuffling and batch normalisation, which are written
//! here plainly for contiguous f32 images `[batch, channel, row, column]` on the CPU. All of them give the same
//! numbers for any number of threads.

mod conv;
mod norm;
mod pool;
mod shuffle;

pub use conv::{conv, conv_bias};
pub use norm::{BatchStatistics, batch_norm_relu};
pub use pool::max_pool;
pub use shuffle::{pixel_shuffle, pixel_unshuffle};

use candle_core::{CpuStorage, Layout, Result, Tensor, bail};

/// The values of a contiguous f32 tensor.
fn values<'a>(op: &'static str, storage: &'a CpuStorage, layout: &Layout) -> Result<&'a [f32]> {
    let CpuStorage::F32(all) = storage else { bail!("{op} works on f32 only") };
    match layout.contiguous_offsets() {
        Some((start, end)) => Ok(&all[start..end]),
        None => bail!("{op} needs a contiguous tensor, found strides {:?}", layout.stride()),
    }
}

/// The values of a tensor of any strides, copied.
fn copied(tensor: &Tensor) -> Result<Vec<f32>> {
    tensor.flatten_all()?.to_vec1::<f32>()
}
