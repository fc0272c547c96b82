//! Images `[block of 16 channels][row][column]`: from and to planes of single channels, halved and doubled.

use super::lanes::{Block, LANES};
use rayon::prelude::*;
use std::cell::RefCell;
use std::thread::LocalKey;

/// Height and width.
pub type Size = [usize; 2];

/// Memory that a thread keeps for the next time.
pub type Scratch = LocalKey<RefCell<Vec<Block>>>;

/// Lends `length` blocks, whatever they hold. The memory is taken out meanwhile: another task may begin on the thread while this
/// one waits.
pub fn borrow<T>(scratch: &'static Scratch, length: usize, work: impl FnOnce(&mut [Block]) -> T) -> T {
    let mut blocks = scratch.take();
    if blocks.len() < length {
        blocks.resize(length, Block::ZERO);
    }
    let result = work(&mut blocks[..length]);
    scratch.set(blocks);
    result
}

/// Values in blocks, filled up with zeros.
pub fn blocks(values: &[f32]) -> Vec<Block> {
    let block = |part: &[f32]| Block(std::array::from_fn(|lane| part.get(lane).copied().unwrap_or(0.0)));
    values.chunks(LANES).map(block).collect()
}

/// The rows of every plane of `image` in bands of `band` pixels: by band, then by plane.
pub fn bands<T>(image: &mut [T], plane: usize, band: usize) -> Vec<Vec<&mut [T]>> {
    let planes = image.len() / plane;
    let mut bands: Vec<Vec<_>> = (0..plane.div_ceil(band)).map(|_| Vec::with_capacity(planes)).collect();
    for plane in image.chunks_mut(plane) {
        for (band, part) in bands.iter_mut().zip(plane.chunks_mut(band)) {
            band.push(part);
        }
    }
    bands
}

/// Planes `[channel][row][column]` as blocks. With `fold` 2x2 pixels become channels: pixel (2 y + a, 2 x + b) of channel c
/// becomes channel 4 c + 2 a + b, and `size` is that of the folded image.
pub fn from_planes(planes: &[f32], [height, width]: Size, fold: bool, image: &mut [Block]) {
    let per_channel = if fold { 4 } else { 1 };
    let in_block = LANES / per_channel;
    let rows: Vec<&[f32]> = planes.chunks_exact(per_channel * width).collect();
    image.par_chunks_mut(width).with_min_len(8).enumerate().for_each(|(row, to)| {
        to.fill(Block::ZERO);
        let (block, y) = (row / height, row % height);
        for (c, from) in rows[y..].iter().step_by(height).skip(block * in_block).take(in_block).enumerate() {
            if fold {
                let (upper, lower) = from.split_at(2 * width);
                for ((to, u), l) in to.iter_mut().zip(upper.as_chunks::<2>().0).zip(lower.as_chunks::<2>().0) {
                    to.0[4 * c..4 * c + 4].copy_from_slice(&[u[0], u[1], l[0], l[1]]);
                }
            } else {
                to.iter_mut().zip(*from).for_each(|(to, from)| to.0[c] = *from);
            }
        }
    });
}

/// The inverse of [`from_planes`] for some rows of `width` pixels: `image` is `[block][row][column]`, `planes` the same rows
/// of every channel.
pub fn to_planes(image: &[Block], width: usize, fold: bool, planes: &mut [&mut [f32]]) {
    let per_channel = if fold { 4 } else { 1 };
    for (c, to) in planes.iter_mut().enumerate() {
        let (block, lane) = (c * per_channel / LANES, c * per_channel % LANES);
        let from = image[block * to.len() / per_channel..].chunks_exact(width);
        for (to, from) in to.chunks_exact_mut(per_channel * width).zip(from) {
            if fold {
                let (upper, lower) = to.split_at_mut(2 * width);
                let pairs = upper.as_chunks_mut::<2>().0.iter_mut().zip(lower.as_chunks_mut::<2>().0);
                for ((u, l), from) in pairs.zip(from) {
                    let four = &from.0[lane..lane + 4];
                    (*u, *l) = ([four[0], four[1]], [four[2], four[3]]);
                }
            } else {
                to.iter_mut().zip(from).for_each(|(to, from)| *to = from.0[lane]);
            }
        }
    }
}

/// The largest of every 2x2 pixels; `size` is that of `image`, whose sides are even.
pub fn max_pool(image: &[Block], [height, width]: Size, out: &mut [Block]) {
    out.par_chunks_mut(height * width / 4).zip(image.par_chunks(height * width)).for_each(|(to, from)| {
        for (to, from) in to.chunks_exact_mut(width / 2).zip(from.chunks_exact(2 * width)) {
            let (upper, lower) = from.split_at(width);
            for ((to, u), l) in to.iter_mut().zip(upper.as_chunks::<2>().0).zip(lower.as_chunks::<2>().0) {
                for lane in 0..LANES {
                    to.0[lane] = u[0].0[lane].max(u[1].0[lane]).max(l[0].0[lane].max(l[1].0[lane]));
                }
            }
        }
    });
}

/// Four images, one after the other, to one of twice the sides: image `2 a + b` gives the pixels (2 y + a, 2 x + b). `size` is
/// that of the four.
pub fn spread(four: &[Block], [height, width]: Size, out: &mut [Block]) {
    let plane = height * width;
    let quarter = four.len() / 4;
    out.par_chunks_mut(4 * plane).enumerate().for_each(|(block, to)| {
        for (row, to) in to.chunks_exact_mut(2 * width).enumerate() {
            let part = |b: usize| &four[(2 * (row % 2) + b) * quarter + block * plane + row / 2 * width..][..width];
            let pairs = to.as_chunks_mut::<2>().0;
            pairs.iter_mut().zip(part(0).iter().zip(part(1))).for_each(|(to, (left, right))| *to = [*left, *right]);
        }
    });
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use crate::diunet::blocked::lanes::blocks_of;

    fn counted(count: usize) -> Vec<f32> {
        (0..count).map(|n| n as f32 * 0.7 % 31.0 - 9.0).collect()
    }

    /// What was there before must not matter.
    pub fn image_of(planes: &[f32], size: Size, fold: bool) -> Vec<Block> {
        let plane = size[0] * size[1];
        let mut image = vec![Block([7.0; LANES]); blocks_of(planes.len() / plane) * plane];
        from_planes(planes, size, fold, &mut image);
        image
    }

    fn planes_of(image: &[Block], [height, width]: Size, fold: bool, channels: usize) -> Vec<f32> {
        let per_channel = if fold { 4 } else { 1 };
        let mut planes = vec![0.0; channels * per_channel * height * width];
        let mut parts: Vec<_> = planes.chunks_mut(per_channel * height * width).collect();
        to_planes(image, width, fold, &mut parts);
        planes
    }

    #[test]
    fn planes_become_blocks_and_come_back() {
        for (channels, size, fold) in [(3, [5, 4], false), (40, [2, 3], false), (3, [5, 4], true), (6, [2, 3], true)] {
            let pixels = if fold { 4 } else { 1 };
            let planes = counted(channels * pixels * size[0] * size[1]);
            let image = image_of(&planes, size, fold);
            assert_eq!(planes_of(&image, size, fold, channels), planes);
        }
        // Pixel (3, 4) of channel 1 is at (1, 2) of channel 4 + 2 + 0.
        let planes = counted(2 * 6 * 8);
        assert_eq!(image_of(&planes, [3, 4], true)[4 + 2].0[6], planes[48 + 3 * 8 + 4]);
    }

    #[test]
    fn pooling_takes_the_largest_of_four() {
        let planes = counted(18 * 4 * 6);
        let mut pooled = vec![Block::ZERO; 2 * 6];
        max_pool(&image_of(&planes, [4, 6], false), [4, 6], &mut pooled);
        let pooled = planes_of(&pooled, [2, 3], false, 18);
        for (n, found) in pooled.iter().enumerate() {
            let first = n / 6 * 24 + n % 6 / 3 * 12 + n % 3 * 2;
            let four = [first, first + 1, first + 6, first + 7].map(|at| planes[at]);
            assert_eq!(*found, four.into_iter().fold(f32::MIN, f32::max));
        }
    }

    #[test]
    fn four_images_are_spread_over_the_pixels_of_one() {
        let size = [2, 3];
        let four: Vec<Vec<f32>> =
            (0..4).map(|n| counted(20 * 6).iter().map(|v| v + 100.0 * n as f32).collect()).collect();
        let image: Vec<Block> = four.iter().flat_map(|planes| image_of(planes, size, false)).collect();
        let mut out = vec![Block::ZERO; image.len()];
        spread(&image, size, &mut out);
        for (n, found) in planes_of(&out, [4, 6], false, 20).into_iter().enumerate() {
            let (channel, y, x) = (n / 24, n / 6 % 4, n % 6);
            assert_eq!(found, four[2 * (y % 2) + x % 2][channel * 6 + y / 2 * 3 + x / 2]);
        }
    }
}
