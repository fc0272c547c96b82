//! Convolution 3x3 with a border of one by Winograd's minimal filtering (Lavin and Gray 2016, arXiv 1509.09308): of 6x6 values
//! to 4x4 a quarter of the multiplications remain, of 4x4 to 2x2 four ninths, but kernels grow by 4 and 16 ninths.

use super::image::{Size, bands, blocks, borrow};
use super::lanes::{Block, Job, Wide, add, add_times, load, max, run, splat, store, sub};
use super::product::{Packed, Rows, multiply};
use pulp::Simd;
use rayon::prelude::*;
use std::cell::RefCell;
use std::ops::Range;

/// Tiles of a band at least: what they become stays in the second-level cache, and a kernel is read once for all of them.
const BAND: usize = 16;

thread_local! {
    static TILES: RefCell<Vec<Block>> = const { RefCell::new(Vec::new()) };
    static PRODUCTS: RefCell<Vec<Block>> = const { RefCell::new(Vec::new()) };
}

/// A kernel ready to be applied, for tiles of `N` x `N` values: 6 or 4.
pub struct Winograd<const N: usize> {
    kernel: Packed,
    bias: Vec<Block>,
}

/// What a line of the kernel becomes.
fn line_of_kernel<const N: usize>(k: [Block; 3]) -> [Block; N] {
    let sum = |factors: [f32; 3]| {
        Block(std::array::from_fn(|lane| {
            factors[0] * k[0].0[lane] + factors[1] * k[1].0[lane] + factors[2] * k[2].0[lane]
        }))
    };
    const FOURTH: f32 = 1.0 / 4.0;
    const SIXTH: f32 = 1.0 / 6.0;
    let six = [
        [FOURTH, 0.0, 0.0],
        [-SIXTH, -SIXTH, -SIXTH],
        [-SIXTH, SIXTH, -SIXTH],
        [FOURTH * SIXTH, 0.5 * SIXTH, SIXTH],
        [FOURTH * SIXTH, -0.5 * SIXTH, SIXTH],
        [0.0, 0.0, 1.0],
    ];
    let four = [[1.0, 0.0, 0.0], [0.5, 0.5, 0.5], [0.5, -0.5, 0.5], [0.0, 0.0, 1.0]];
    std::array::from_fn(|n| sum(if N == 6 { six[n] } else { four[n] }))
}

#[inline(always)]
fn line_in<S: Simd, const V: usize, const N: usize>(simd: S, d: [Wide<S, V>; N]) -> [Wide<S, V>; N] {
    let mut t = d;
    if N == 6 {
        let (a, b) = (add_times(simd, d[4], d[2], -4.0), add_times(simd, d[3], d[1], -4.0));
        let (c, e) = (sub(simd, d[4], d[2]), sub(simd, d[3], d[1]));
        t[0] = add_times(simd, add_times(simd, d[4], d[2], -5.0), d[0], 4.0);
        t[1] = add(simd, a, b);
        t[2] = sub(simd, a, b);
        t[3] = add_times(simd, c, e, 2.0);
        t[4] = add_times(simd, c, e, -2.0);
        t[5] = add_times(simd, add_times(simd, d[5], d[3], -5.0), d[1], 4.0);
    } else {
        t[0] = sub(simd, d[0], d[2]);
        t[1] = add(simd, d[1], d[2]);
        t[2] = sub(simd, d[2], d[1]);
        t[3] = sub(simd, d[1], d[3]);
    }
    t
}

/// The first N - 2 values count.
#[inline(always)]
fn line_out<S: Simd, const V: usize, const N: usize>(simd: S, m: [Wide<S, V>; N]) -> [Wide<S, V>; N] {
    let mut y = m;
    if N == 6 {
        let (sum, difference) = (add(simd, m[1], m[2]), sub(simd, m[1], m[2]));
        let (sum2, difference2) = (add(simd, m[3], m[4]), sub(simd, m[3], m[4]));
        y[0] = add(simd, add(simd, m[0], sum), sum2);
        y[1] = add_times(simd, difference, difference2, 2.0);
        y[2] = add_times(simd, sum, sum2, 4.0);
        y[3] = add(simd, add_times(simd, difference, difference2, 8.0), m[5]);
    } else {
        y[0] = add(simd, add(simd, m[0], m[1]), m[2]);
        y[1] = sub(simd, sub(simd, m[1], m[2]), m[3]);
    }
    y
}

/// Size of an image, and its tiles in a row.
#[derive(Debug, Clone, Copy)]
struct Tiling {
    height: usize,
    width: usize,
    across: usize,
}

/// One plane of blocks to tiles `[N x N][apart]`.
struct In<'a, const N: usize> {
    plane: &'a [Block],
    tiling: Tiling,
    tile_rows: Range<usize>,
    apart: usize,
    to: &'a mut [Block],
}

impl<const N: usize> Job for In<'_, N> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd, const V: usize>(self, simd: S) {
        let Self { plane, tiling: Tiling { height, width, across }, tile_rows, apart, to } = self;
        let step = N - 2;
        let mut patch = [[Block::ZERO; N]; N];
        for (row, ty) in tile_rows.enumerate() {
            for tx in 0..across {
                // One above the first row and left of the first column is the border.
                let (y, x) = (ty * step, tx * step);
                let to = &mut to[row * across + tx..];
                if y > 0 && x > 0 && y + N <= height + 1 && x + N <= width + 1 {
                    tile_in::<S, V, N>(simd, &plane[(y - 1) * width + x - 1..], width, to, apart);
                } else {
                    for (i, line) in patch.iter_mut().enumerate() {
                        let y = (y + i).checked_sub(1).filter(|y| *y < height);
                        for (j, to) in line.iter_mut().enumerate() {
                            let x = (x + j).checked_sub(1).filter(|x| *x < width);
                            *to = y.zip(x).map_or(Block::ZERO, |(y, x)| plane[y * width + x]);
                        }
                    }
                    tile_in::<S, V, N>(simd, patch.as_flattened(), N, to, apart);
                }
            }
        }
    }
}

#[inline(always)]
fn tile_in<S: Simd, const V: usize, const N: usize>(
    simd: S,
    from: &[Block],
    width: usize,
    to: &mut [Block],
    apart: usize,
) {
    let mut half = [[splat::<S, V>(simd, 0.0); N]; N];
    for j in 0..N {
        let mut column = [splat::<S, V>(simd, 0.0); N];
        for i in 0..N {
            column[i] = load(simd, &from[i * width + j]);
        }
        let column = line_in::<S, V, N>(simd, column);
        for i in 0..N {
            half[i][j] = column[i];
        }
    }
    for i in 0..N {
        let line = line_in::<S, V, N>(simd, half[i]);
        for j in 0..N {
            store(simd, &mut to[(i * N + j) * apart], line[j]);
        }
    }
}

/// Tiles `[input block][N x N][apart]` to the blocks of one panel.
struct Out<'a, 'b, const N: usize> {
    of: &'a Winograd<N>,
    panel: usize,
    tiles: &'a [Block],
    count: usize,
    apart: usize,
    tiling: Tiling,
    /// The rows of the image that these tiles cover, by block of the panel.
    to: &'a mut [&'b mut [Block]],
    products: &'a mut [Block],
}

impl<const N: usize> Job for Out<'_, '_, N> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd, const V: usize>(self, simd: S) {
        let Self { of, panel, tiles, count, apart, tiling, to, products } = self;
        let blocks = to.len();
        for (position, products) in products.chunks_exact_mut(blocks * apart).enumerate() {
            let rows = Rows { blocks: &tiles[position * apart..], apart: N * N * apart, count };
            let (one, two) = products.split_at_mut(apart);
            let kernel = of.kernel.panel(panel, position);
            multiply::<S, V>(simd, rows, kernel, &[Block::ZERO; 2], f32::NEG_INFINITY, &mut [one, two][..blocks]);
        }
        let bias = &of.bias[panel * of.kernel.wide()..];
        for ((block, to), bias) in to.iter_mut().enumerate().zip(bias) {
            let bias = load::<S, V>(simd, bias);
            for n in 0..count {
                let [ty, tx] = [n / tiling.across, n % tiling.across];
                let to = &mut to[ty * (N - 2) * tiling.width..];
                let products = &products[block * apart + n..];
                tile_out::<S, V, N>(simd, products, blocks * apart, bias, to, tx, tiling.width);
            }
        }
    }
}

#[inline(always)]
fn tile_out<S: Simd, const V: usize, const N: usize>(
    simd: S,
    from: &[Block],
    apart: usize,
    bias: Wide<S, V>,
    to: &mut [Block],
    tx: usize,
    width: usize,
) {
    let step = N - 2;
    let mut half = [[splat::<S, V>(simd, 0.0); N]; N];
    for j in 0..N {
        let mut column = [splat::<S, V>(simd, 0.0); N];
        for i in 0..N {
            column[i] = load(simd, &from[(i * N + j) * apart]);
        }
        let column = line_out::<S, V, N>(simd, column);
        for i in 0..step {
            half[i][j] = column[i];
        }
    }
    for (i, row) in to.chunks_exact_mut(width).take(step).enumerate() {
        let line = line_out::<S, V, N>(simd, half[i]);
        let row = &mut row[tx * step..];
        for j in 0..step {
            if j < row.len() {
                store(simd, &mut row[j], max(simd, add(simd, line[j], bias), splat(simd, 0.0)));
            }
        }
    }
}

impl<const N: usize> Winograd<N> {
    /// `taps` gives the nine values of an input and a block of outputs, for so many inputs and blocks of outputs.
    pub fn new(inputs: usize, outputs: usize, taps: impl Fn(usize, usize) -> [Block; 9] + Sync, bias: &[f32]) -> Self {
        let kernel = Packed::new(N * N, inputs, outputs, |input, output, to| {
            let taps = taps(input, output);
            let columns: [[Block; N]; 3] = std::array::from_fn(|x| line_of_kernel([taps[x], taps[3 + x], taps[6 + x]]));
            for (y, to) in to.chunks_exact_mut(N).enumerate() {
                to.copy_from_slice(&line_of_kernel::<N>([columns[0][y], columns[1][y], columns[2][y]]));
            }
        });
        Self { kernel, bias: blocks(bias) }
    }

    /// `out = max(conv(x) + bias, 0)`.
    pub fn apply(&self, x: &[Block], [height, width]: Size, out: &mut [Block]) {
        let step = N - 2;
        let (down, across) = (height.div_ceil(step), width.div_ceil(step));
        let (tiling, plane) = (Tiling { height, width, across }, height * width);
        let wide = self.kernel.wide();
        let band = BAND.div_ceil(across);
        // An odd number keeps the positions of a tile from falling on the same lines of the cache.
        let apart = (band.min(down) * across) | 1;
        let per_plane = N * N * apart;
        let part = |tile_rows: Range<usize>, first_panel: usize, out: &mut [&mut [Block]]| {
            borrow(&TILES, x.len() / plane * per_plane, |tiles| {
                for (to, plane) in tiles.chunks_mut(per_plane).zip(x.chunks(plane)) {
                    run(In::<N> { plane, tiling, tile_rows: tile_rows.clone(), apart, to });
                }
                let count = tile_rows.len() * across;
                for (n, to) in out.chunks_mut(wide).enumerate() {
                    let (of, panel) = (self, first_panel + n);
                    borrow(&PRODUCTS, per_plane * to.len(), |products| {
                        run(Out { of, panel, tiles, count, apart, tiling, to, products });
                    });
                }
            });
        };
        if band < down {
            bands(out, plane, band * step * width).into_par_iter().enumerate().for_each(|(n, mut out)| {
                part(n * band..((n + 1) * band).min(down), 0, &mut out);
            });
        } else {
            // The panels are shared out. Every thread turns the tiles itself: that costs less than to fetch them from another.
            let each = out.len().div_ceil(wide * plane).div_ceil(rayon::current_num_threads());
            out.par_chunks_mut(each * wide * plane).enumerate().for_each(|(n, out)| {
                part(0..down, n * each, &mut out.chunks_mut(plane).collect::<Vec<_>>());
            });
        }
    }
}
