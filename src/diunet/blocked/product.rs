//! Products of rows of blocks with matrices that are packed for them.

use super::lanes::{Block, Job, LANES, Wide, load, max, run, splat, store};
use pulp::Simd;
use rayon::prelude::*;

/// Blocks of inputs whose part of a panel stays in the first-level cache while all rows pass it.
const DEPTH: usize = 8;

/// Matrices `[input, output]` of equal size, one for every position of a tile, cut into panels of one or two blocks of outputs:
/// `[panel][position][input][blocks of the panel]`.
pub struct Packed {
    positions: usize,
    /// Single inputs, and outputs in blocks.
    inputs: usize,
    outputs: usize,
    values: Vec<Block>,
    /// Blocks of every panel but the last, which may have fewer.
    wide: usize,
}

struct PanelBlocks;

impl Job for PanelBlocks {
    type Output = usize;

    fn run<S: Simd, const V: usize>(self, _: S) -> usize {
        if V == 1 { 2 } else { 1 }
    }
}

impl Packed {
    /// `fill` writes the values of an input and a block of outputs, one block for every position.
    pub fn new(
        positions: usize,
        inputs: usize,
        outputs: usize,
        fill: impl Fn(usize, usize, &mut [Block]) + Sync,
    ) -> Self {
        let wide = run(PanelBlocks);
        let mut values = vec![Block::ZERO; positions * inputs * outputs];
        values.par_chunks_mut(positions * inputs * wide).enumerate().for_each(|(panel, values)| {
            let mut all = vec![Block::ZERO; positions];
            let blocks = values.len() / (positions * inputs);
            for input in 0..inputs {
                for block in 0..blocks {
                    fill(input, panel * wide + block, &mut all);
                    for (position, value) in all.iter().enumerate() {
                        values[(position * inputs + input) * blocks + block] = *value;
                    }
                }
            }
        });
        Self { positions, inputs, outputs, values, wide }
    }

    /// Blocks of all panels but the last.
    pub fn wide(&self) -> usize {
        self.wide
    }

    pub fn panel(&self, panel: usize, position: usize) -> &[Block] {
        let first = panel * self.wide;
        let size = self.inputs * self.wide.min(self.outputs - first);
        &self.values[first * self.positions * self.inputs + position * size..][..size]
    }
}

/// Rows of blocks: block `k` of row `r` at `k * apart + r`.
#[derive(Debug, Clone, Copy)]
pub struct Rows<'a> {
    pub blocks: &'a [Block],
    pub apart: usize,
    pub count: usize,
}

/// `out[block][row] = max(start[block] + row * panel, floor)`.
#[inline(always)]
pub fn multiply<S: Simd, const V: usize>(
    simd: S,
    rows: Rows,
    panel: &[Block],
    start: &[Block],
    floor: f32,
    out: &mut [&mut [Block]],
) {
    if out.len() == 2 {
        multiply_by::<S, V, 2>(simd, rows, panel, start, floor, out);
    } else {
        multiply_by::<S, V, 1>(simd, rows, panel, start, floor, out);
    }
}

#[inline(always)]
fn multiply_by<S: Simd, const V: usize, const P: usize>(
    simd: S,
    rows: Rows,
    panel: &[Block],
    start: &[Block],
    floor: f32,
    out: &mut [&mut [Block]],
) {
    let depth = panel.len() / (LANES * P);
    for first in (0..depth).step_by(DEPTH) {
        let last = (first + DEPTH).min(depth);
        let part = &panel[first * LANES * P..last * LANES * P];
        let below = splat::<S, V>(simd, if last == depth { floor } else { f32::NEG_INFINITY });
        let mut row = 0;
        macro_rules! by {
            ($rows:literal) => {
                while rows.count - row >= $rows {
                    let mut sums = [[splat::<S, V>(simd, 0.0); P]; $rows];
                    for r in 0..$rows {
                        for p in 0..P {
                            sums[r][p] = load(simd, if first == 0 { &start[p] } else { &out[p][row + r] });
                        }
                    }
                    let blocks = &rows.blocks[first * rows.apart + row..];
                    let sums = accumulate::<S, V, P, $rows>(simd, blocks, rows.apart, part, sums);
                    for r in 0..$rows {
                        for p in 0..P {
                            store(simd, &mut out[p][row + r], max(simd, sums[r][p], below));
                        }
                    }
                    row += $rows;
                }
            };
        }
        // As many rows at once as leave the sums in registers.
        if V == 1 {
            by!(8);
        }
        by!(4);
        by!(2);
        by!(1);
    }
}

#[inline(always)]
fn accumulate<S: Simd, const V: usize, const P: usize, const R: usize>(
    simd: S,
    blocks: &[Block],
    apart: usize,
    panel: &[Block],
    mut sums: [[Wide<S, V>; P]; R],
) -> [[Wide<S, V>; P]; R] {
    let (weights, _) = panel.as_chunks::<P>();
    let (weights, _) = weights.as_chunks::<LANES>();
    for (n, weights) in weights.iter().enumerate() {
        let Some(rows) = blocks[n * apart..].first_chunk::<R>() else { return sums };
        for (k, weights) in weights.iter().enumerate() {
            let mut w = [splat::<S, V>(simd, 0.0); P];
            for p in 0..P {
                w[p] = load(simd, &weights[p]);
            }
            for r in 0..R {
                let x = simd.splat_f32s(rows[r].0[k]);
                for p in 0..P {
                    for v in 0..V {
                        sums[r][p][v] = simd.mul_add_e_f32s(x, w[p][v], sums[r][p][v]);
                    }
                }
            }
        }
    }
    sums
}
