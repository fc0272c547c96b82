//! Convolution 1x1: one product.

use super::image::{Size, bands, blocks, borrow};
use super::lanes::{Block, Job, run};
use super::product::{Packed, Rows, multiply};
use pulp::Simd;
use rayon::prelude::*;
use std::cell::RefCell;

/// Up to so many pixels the channels are shared out among the threads, else the pixels, in bands of so many.
const BAND: usize = 256;

thread_local! {
    static PRODUCTS: RefCell<Vec<Block>> = const { RefCell::new(Vec::new()) };
}

/// A kernel ready to be applied.
pub struct Product {
    kernel: Packed,
    bias: Vec<Block>,
}

/// Some pixels of the blocks of one panel.
struct Part<'a, 'b> {
    of: &'a Product,
    panel: usize,
    rows: Rows<'a>,
    relu: bool,
    to: &'a mut [&'b mut [Block]],
}

impl Job for Part<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd, const V: usize>(self, simd: S) {
        let Self { of, panel, rows, relu, to } = self;
        let bias = &of.bias[panel * of.kernel.wide()..];
        let floor = if relu { 0.0 } else { f32::NEG_INFINITY };
        multiply::<S, V>(simd, rows, of.kernel.panel(panel, 0), bias, floor, to);
    }
}

impl Product {
    /// `weights` gives the values of an input and a block of outputs, for so many inputs and blocks of outputs.
    pub fn new(inputs: usize, outputs: usize, weights: impl Fn(usize, usize) -> Block + Sync, bias: &[f32]) -> Self {
        let kernel = Packed::new(1, inputs, outputs, |input, output, to| to[0] = weights(input, output));
        Self { kernel, bias: blocks(bias) }
    }

    /// `out = conv(x) + bias`, not below 0 if `relu`.
    pub fn apply(&self, x: &[Block], [height, width]: Size, relu: bool, out: &mut [Block]) {
        let plane = height * width;
        if plane > BAND {
            bands(out, plane, BAND).into_par_iter().enumerate().for_each(|(n, mut out)| {
                self.part(x, plane, n * BAND, 0, relu, &mut out);
            });
        } else {
            let wide = self.kernel.wide() * plane;
            let each = out.len().div_ceil(wide).div_ceil(rayon::current_num_threads());
            out.par_chunks_mut(each * wide).enumerate().for_each(|(n, out)| {
                self.part(x, plane, 0, n * each, relu, &mut out.chunks_mut(plane).collect::<Vec<_>>());
            });
        }
    }

    /// For every part in turn so many of the pixels of `x`: their results `[output block][pixel]`, handed out with the part.
    pub fn by_parts<T: Send>(
        &self,
        x: &[Block],
        plane: usize,
        pixels: usize,
        parts: Vec<T>,
        finish: impl Fn(T, &[Block]) + Sync,
    ) {
        parts.into_par_iter().enumerate().for_each(|(n, part)| {
            let count = pixels.min(plane - n * pixels);
            borrow(&PRODUCTS, self.bias.len() * count, |products| {
                self.part(x, plane, n * pixels, 0, false, &mut products.chunks_mut(count).collect::<Vec<_>>());
                finish(part, products);
            });
        });
    }

    /// From one pixel and one panel on.
    fn part(&self, x: &[Block], plane: usize, pixel: usize, panel: usize, relu: bool, to: &mut [&mut [Block]]) {
        for (n, to) in to.chunks_mut(self.kernel.wide()).enumerate() {
            let rows = Rows { blocks: &x[pixel..], apart: plane, count: to[0].len() };
            run(Part { of: self, panel: panel + n, rows, relu, to });
        }
    }
}
