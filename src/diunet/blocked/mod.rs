//! The layers of the folded network on images of blocks of sixteen channels, for inference without candle.
//!
//! A block is a register of AVX-512, two of AVX2 or four of NEON, so that all work is on whole registers whatever the size of the
//! image, and channels are joined by laying images one after the other. Every value is summed in the same order whatever the
//! number of threads. What a thread works on it makes itself where it can: cores need not share a cache.

mod convolution;
mod image;
mod lanes;
mod pointwise;
mod product;
mod winograd;

pub use convolution::{Convolution, Pointwise};
pub use image::{Size, borrow, from_planes, max_pool, spread};
pub use lanes::{Block, LANES, blocks_of};
