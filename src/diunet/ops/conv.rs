//! Convolution 3x3 (border of one) and 1x1, stride 1: rows gathered into tiles that fit the cache, multiplied by the
//! `gemm` crate, tiles spread over the threads of the current pool; the bias is added as a tile is put in place.

use super::{copied, values};
use candle_core::{CpuStorage, CustomOp2, CustomOp3, Layout, Result, Shape, Tensor, bail};
use rayon::prelude::*;
use std::cell::RefCell;
use std::cmp::Ordering;
use std::ops::Range;

/// Values of a gathered tile (256 KiB): it stays in the second-level cache while it is multiplied.
const TILE_VALUES: usize = 64 * 1024;
/// Up to this many pixels over the batch, one gather is shared and the output channels are split instead.
const FEW_PIXELS: usize = 512;
/// Pixels of a tile at least: the kernel is read once a tile, and in the gradient the result is read and written.
const FORWARD_PIXELS: usize = 128;
const GRADIENT_PIXELS: usize = 256;
/// Independent parts of a product; fixed, so that the result does not depend on the number of threads.
const PARTS: usize = 4;

thread_local! {
    static SCRATCH: RefCell<Vec<f32>> = const { RefCell::new(Vec::new()) };
}

/// `y = conv(x, weight)`; `x` is `[batch, in, row, column]`, `weight` `[out, in, k, k]` with k = 1 or 3.
pub fn conv(x: &Tensor, weight: &Tensor) -> Result<Tensor> {
    x.contiguous()?.apply_op2(&weight.contiguous()?, Conv)
}

/// `y = conv(x, weight) + bias`; `bias` is `[out]`.
pub fn conv_bias(x: &Tensor, weight: &Tensor, bias: &Tensor) -> Result<Tensor> {
    x.contiguous()?.apply_op3(&weight.contiguous()?, &bias.contiguous()?, Conv)
}

struct Conv;

/// Sizes of one convolution.
#[derive(Debug, Clone, Copy)]
struct Sizes {
    batch: usize,
    inputs: usize,
    outputs: usize,
    height: usize,
    width: usize,
    kernel: usize,
}

impl Sizes {
    fn new(x: &[usize], weight: &[usize]) -> Result<Self> {
        let (&[batch, inputs, height, width], &[outputs, weight_inputs, kernel, kernel_w]) = (x, weight) else {
            bail!("conv wants [batch, in, row, column] and [out, in, k, k], found {x:?} and {weight:?}")
        };
        if weight_inputs != inputs || kernel != kernel_w || !(kernel == 1 || kernel == 3) {
            bail!("conv cannot apply a kernel {weight:?} to an image {x:?}");
        }
        if batch * inputs * outputs * height * width == 0 {
            bail!("conv of an empty tensor: {x:?} by {weight:?}");
        }
        Ok(Self { batch, inputs, outputs, height, width, kernel })
    }

    fn plane(&self) -> usize {
        self.height * self.width
    }
    /// Rows over the whole batch.
    fn rows(&self) -> usize {
        self.batch * self.height
    }
    /// Values that make one output value.
    fn depth(&self) -> usize {
        self.inputs * self.kernel * self.kernel
    }
    fn few(&self) -> bool {
        self.rows() * self.width <= FEW_PIXELS
    }

    /// Runs of rows (over the whole batch) whose gathered values fill a tile, but at least `least` pixels.
    fn tiles(&self, least: usize) -> Vec<Range<usize>> {
        let rows = (TILE_VALUES / self.depth()).max(least).div_ceil(self.width);
        (0..self.rows()).step_by(rows).map(|first| first..(first + rows).min(self.rows())).collect()
    }

    /// One run: all rows.
    fn all_rows(&self) -> Vec<Range<usize>> {
        std::iter::once(0..self.rows()).collect()
    }

    /// One block: all output channels.
    fn all_outputs(&self) -> Vec<Range<usize>> {
        std::iter::once(0..self.outputs).collect()
    }

    /// Ranges of output channels, at most [`PARTS`], each a multiple of eight except the last.
    fn output_blocks(&self) -> Vec<Range<usize>> {
        let size = self.outputs.div_ceil(PARTS).next_multiple_of(8);
        (0..self.outputs).step_by(size).map(|first| first..(first + size).min(self.outputs)).collect()
    }
}

/// Gathers the neighbourhoods of `rows` of channels `channels` of `x` `[batch, of_channels, height, width]` into
/// `columns` `[channels x k x k, rows x width]`.
fn gather(
    x: &[f32],
    s: &Sizes,
    of_channels: usize,
    kernel: usize,
    channels: Range<usize>,
    rows: &Range<usize>,
    columns: &mut [f32],
) {
    let (height, width) = (s.height, s.width);
    let pixels = rows.len() * width;
    let reach = kernel / 2;
    let lines = channels.flat_map(|c| (0..kernel).flat_map(move |ky| (0..kernel).map(move |kx| (c, ky, kx))));
    for ((c, ky, kx), line) in lines.zip(columns.chunks_exact_mut(pixels)) {
        for (row, to) in rows.clone().zip(line.chunks_exact_mut(width)) {
            let (sample, y) = (row / height, row % height);
            let source_y = y + ky;
            if source_y < reach || source_y - reach >= height {
                to.fill(0.0);
                continue;
            }
            let start = ((sample * of_channels + c) * height + source_y - reach) * width;
            let from = &x[start..start + width];
            match kx.cmp(&reach) {
                Ordering::Equal => to.copy_from_slice(from),
                Ordering::Less => {
                    to[0] = 0.0;
                    to[1..].copy_from_slice(&from[..width - 1]);
                }
                Ordering::Greater => {
                    to[..width - 1].copy_from_slice(&from[1..]);
                    to[width - 1] = 0.0;
                }
            }
        }
    }
}

/// A matrix in a slice: element (row, column) at `row * rows_apart + column * columns_apart`.
#[derive(Clone, Copy)]
struct Matrix<'a> {
    values: &'a [f32],
    rows_apart: usize,
    columns_apart: usize,
}

/// `into[m, n] = a[m, k] b[k, n]`, added to what is there if `add`; `into` is row-major without gaps.
#[expect(unsafe_code, reason = "the product of the gemm crate takes pointers; the extents are checked before the call")]
fn multiply([m, n, k]: [usize; 3], into: &mut [f32], a: Matrix, b: Matrix, add: bool) {
    let last = |rows: usize, columns: usize, x: &Matrix| (rows - 1) * x.rows_apart + (columns - 1) * x.columns_apart;
    assert!(m > 0 && n > 0 && k > 0, "an empty product");
    assert!(into.len() == m * n && last(m, k, &a) < a.values.len() && last(k, n, &b) < b.values.len());
    // SAFETY: all three matrices lie within their slices (asserted above), `into` is borrowed uniquely, f32 is supported.
    unsafe {
        gemm::gemm(
            m,
            n,
            k,
            into.as_mut_ptr(),
            1,
            n as isize,
            add,
            a.values.as_ptr(),
            a.columns_apart as isize,
            a.rows_apart as isize,
            b.values.as_ptr(),
            b.columns_apart as isize,
            b.rows_apart as isize,
            1.0,
            1.0,
            false,
            false,
            false,
            gemm::Parallelism::None,
        );
    }
}

fn row_major(values: &[f32], columns: usize) -> Matrix<'_> {
    Matrix { values, rows_apart: columns, columns_apart: 1 }
}
fn transposed(values: &[f32], columns: usize) -> Matrix<'_> {
    Matrix { values, rows_apart: 1, columns_apart: columns }
}

/// All neighbourhoods of a small image at once, `[depth, pixels]`.
fn gather_all(x: &[f32], s: &Sizes) -> Vec<f32> {
    let pixels = s.rows() * s.width;
    let per_channel = s.kernel * s.kernel * pixels;
    let mut columns = vec![0.0; s.depth() * pixels];
    columns.par_chunks_mut(per_channel * 16).enumerate().for_each(|(n, part)| {
        let channels = n * 16..n * 16 + part.len() / per_channel;
        gather(x, s, s.inputs, s.kernel, channels, &(0..s.rows()), part);
    });
    columns
}

fn forward(x: &[f32], weight: &[f32], bias: Option<&[f32]>, s: &Sizes) -> Vec<f32> {
    let (depth, pixels) = (s.depth(), s.rows() * s.width);
    // Products of runs of rows (many pixels) or of blocks of channels (few): `[channels, rows x width]` each.
    let (runs, blocks) =
        if s.few() { (s.all_rows(), s.output_blocks()) } else { (s.tiles(FORWARD_PIXELS), s.all_outputs()) };
    let products: Vec<Vec<f32>> = if s.few() {
        let columns = gather_all(x, s);
        blocks
            .par_iter()
            .map(|block| {
                let mut product = vec![0.0; block.len() * pixels];
                let part = &weight[block.start * depth..block.end * depth];
                multiply(
                    [block.len(), pixels, depth],
                    &mut product,
                    row_major(part, depth),
                    row_major(&columns, pixels),
                    false,
                );
                product
            })
            .collect()
    } else {
        runs.par_iter()
            .map(|rows| {
                let tile = rows.len() * s.width;
                let mut product = vec![0.0; s.outputs * tile];
                SCRATCH.with_borrow_mut(|columns| {
                    columns.resize(depth * tile, 0.0);
                    gather(x, s, s.inputs, s.kernel, 0..s.inputs, rows, columns);
                    multiply(
                        [s.outputs, tile, depth],
                        &mut product,
                        row_major(weight, depth),
                        row_major(columns, tile),
                        false,
                    );
                });
                product
            })
            .collect()
    };
    let mut out = vec![0.0; s.batch * s.outputs * s.plane()];
    let (rows_per_run, channels_per_block) = (runs[0].len(), blocks[0].len());
    out.par_chunks_mut(s.plane()).enumerate().for_each(|(n, plane)| {
        let (sample, channel) = (n / s.outputs, n % s.outputs);
        let shift = bias.map_or(0.0, |b| b[channel]);
        let (block, in_block) = (channel / channels_per_block, channel % channels_per_block);
        let mut row = sample * s.height;
        let mut rest = plane;
        while !rest.is_empty() {
            let run = row / rows_per_run;
            let tile = runs[run].len() * s.width;
            let in_run = (row - runs[run].start) * s.width;
            let length = (tile - in_run).min(rest.len());
            let from = &products[run.max(block)][in_block * tile + in_run..][..length];
            let (to, after) = rest.split_at_mut(length);
            to.iter_mut().zip(from).for_each(|(t, f)| *t = f + shift);
            row += length / s.width;
            rest = after;
        }
    });
    out
}

/// Gradient of the input: the convolution of the output's gradient with the kernel turned round.
fn input_gradient(gradient: &[f32], weight: &[f32], s: &Sizes) -> Vec<f32> {
    let area = s.kernel * s.kernel;
    let mut turned = vec![0.0; weight.len()];
    turned.par_chunks_mut(s.outputs * area).enumerate().for_each(|(input, part)| {
        for (output, to) in part.chunks_exact_mut(area).enumerate() {
            let from = &weight[(output * s.inputs + input) * area..][..area];
            to.iter_mut().zip(from.iter().rev()).for_each(|(t, f)| *t = *f);
        }
    });
    forward(gradient, &turned, None, &Sizes { inputs: s.outputs, outputs: s.inputs, ..*s })
}

/// Adds a part `[depth, outputs]`, turned round, to `rows` `[outputs, depth]`.
fn add_turned(rows: &mut [f32], part: &[f32], outputs: usize) {
    // So many rows at once that what is read of a line of the part fills a line of the cache.
    const ROWS: usize = 16;
    let depth = rows.len() / outputs;
    rows.par_chunks_mut(ROWS * depth).enumerate().for_each(|(n, rows)| {
        for (d, line) in part.chunks_exact(outputs).enumerate() {
            for (row, value) in rows.chunks_exact_mut(depth).zip(&line[n * ROWS..]) {
                row[d] += value;
            }
        }
    });
}

/// Gradient of the kernel, `[out, in, k, k]`.
fn weight_gradient(x: &[f32], gradient: &[f32], s: &Sizes) -> Vec<f32> {
    let depth = s.depth();
    // Products are made transposed, [depth, out]: then the short side is the one that the product copies.
    let mut result = vec![0.0; s.outputs * depth];
    if s.few() {
        let pixels = s.rows() * s.width;
        let columns = gather_all(x, s);
        let mut planes = vec![0.0; s.outputs * pixels];
        gather(gradient, s, s.outputs, 1, 0..s.outputs, &(0..s.rows()), &mut planes);
        let blocks = s.output_blocks();
        let parts: Vec<Vec<f32>> = blocks
            .par_iter()
            .map(|block| {
                let mut part = vec![0.0; depth * block.len()];
                let planes = &planes[block.start * pixels..block.end * pixels];
                multiply(
                    [depth, block.len(), pixels],
                    &mut part,
                    row_major(&columns, pixels),
                    transposed(planes, pixels),
                    false,
                );
                part
            })
            .collect();
        for (block, part) in blocks.iter().zip(&parts) {
            add_turned(&mut result[block.start * depth..block.end * depth], part, block.len());
        }
    } else {
        let tiles = s.tiles(GRADIENT_PIXELS);
        let parts: Vec<Vec<f32>> = tiles
            .par_chunks(tiles.len().div_ceil(PARTS))
            .map(|tiles| {
                let mut part = vec![0.0; depth * s.outputs];
                SCRATCH.with_borrow_mut(|scratch| {
                    for rows in tiles {
                        let tile = rows.len() * s.width;
                        scratch.resize((depth + s.outputs) * tile, 0.0);
                        let (columns, planes) = scratch.split_at_mut(depth * tile);
                        gather(x, s, s.inputs, s.kernel, 0..s.inputs, rows, columns);
                        gather(gradient, s, s.outputs, 1, 0..s.outputs, rows, planes);
                        multiply(
                            [depth, s.outputs, tile],
                            &mut part,
                            row_major(columns, tile),
                            transposed(planes, tile),
                            true,
                        );
                    }
                });
                part
            })
            .collect();
        for part in &parts {
            add_turned(&mut result, part, s.outputs);
        }
    }
    result
}

/// Gradient of the bias: the sum over all pixels.
fn bias_gradient(gradient: &[f32], s: &Sizes) -> Vec<f32> {
    let mut sums = vec![0.0; s.outputs];
    for (n, plane) in gradient.chunks_exact(s.plane()).enumerate() {
        sums[n % s.outputs] += plane.iter().sum::<f32>();
    }
    sums
}

impl Conv {
    fn run(x: (&CpuStorage, &Layout), w: (&CpuStorage, &Layout), bias: Option<&[f32]>) -> Result<(CpuStorage, Shape)> {
        let s = Sizes::new(x.1.dims(), w.1.dims())?;
        if bias.is_some_and(|b| b.len() != s.outputs) {
            bail!("conv wants a bias of {} values", s.outputs);
        }
        let out = forward(values("conv", x.0, x.1)?, values("conv", w.0, w.1)?, bias, &s);
        Ok((CpuStorage::F32(out), Shape::from((s.batch, s.outputs, s.height, s.width))))
    }

    /// Gradients of input (if it hangs on a variable), kernel and bias.
    fn gradients(x: &Tensor, w: &Tensor, gradient: &Tensor) -> Result<(Option<Tensor>, Tensor, Vec<f32>)> {
        let s = Sizes::new(x.dims(), w.dims())?;
        let gradient = copied(gradient)?;
        let dx = if x.track_op() {
            let values = input_gradient(&gradient, &copied(w)?, &s);
            Some(Tensor::from_vec(values, x.shape(), x.device())?)
        } else {
            None
        };
        let dw = Tensor::from_vec(weight_gradient(&copied(x)?, &gradient, &s), w.shape(), w.device())?;
        Ok((dx, dw, bias_gradient(&gradient, &s)))
    }
}

impl CustomOp2 for Conv {
    fn name(&self) -> &'static str {
        "conv"
    }

    fn cpu_fwd(&self, x: &CpuStorage, lx: &Layout, w: &CpuStorage, lw: &Layout) -> Result<(CpuStorage, Shape)> {
        Self::run((x, lx), (w, lw), None)
    }

    fn bwd(&self, x: &Tensor, w: &Tensor, _: &Tensor, gradient: &Tensor) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let (dx, dw, _) = Self::gradients(x, w, gradient)?;
        Ok((dx, Some(dw)))
    }
}

impl CustomOp3 for Conv {
    fn name(&self) -> &'static str {
        "conv with bias"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        lx: &Layout,
        w: &CpuStorage,
        lw: &Layout,
        b: &CpuStorage,
        lb: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        Self::run((x, lx), (w, lw), Some(values("conv", b, lb)?))
    }

    fn bwd(
        &self,
        x: &Tensor,
        w: &Tensor,
        b: &Tensor,
        _: &Tensor,
        gradient: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let (dx, dw, db) = Self::gradients(x, w, gradient)?;
        Ok((dx, Some(dw), Some(Tensor::from_vec(db, b.shape(), b.device())?)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::{Device, Var};
    use rand::{Rng, SeedableRng};

    fn random(shape: &[usize], rng: &mut rand_chacha::ChaCha8Rng) -> Tensor {
        let n = shape.iter().product();
        let values: Vec<f32> = (0..n).map(|_| rng.random_range(-1.0..1.0)).collect();
        Tensor::from_vec(values, shape, &Device::Cpu).unwrap()
    }

    fn largest_difference(a: &Tensor, b: &Tensor) -> f32 {
        (a - b).unwrap().abs().unwrap().flatten_all().unwrap().max(0).unwrap().to_scalar().unwrap()
    }

    /// Shapes that meet every path: one tile, many tiles over several samples, few pixels with split channels, width 1.
    #[test]
    fn values_and_gradients_are_those_of_candle() {
        let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
        let mut shapes = vec![
            (2, 3, 5, 33, 40, 3),
            (3, 40, 20, 16, 16, 3),
            (1, 7, 33, 4, 4, 3),
            (2, 9, 4, 6, 1, 3),
            (2, 24, 17, 30, 30, 1),
            (1, 64, 40, 5, 3, 1),
        ];
        for _ in 0..6 {
            shapes.push((
                rng.random_range(1..4),
                rng.random_range(1..20),
                rng.random_range(1..40),
                rng.random_range(1..30),
                rng.random_range(1..30),
                [1, 3][rng.random_range(0..2)],
            ));
        }
        for (batch, inputs, outputs, height, width, kernel) in shapes {
            let case = format!("{batch} x {inputs} -> {outputs}, {height} x {width}, kernel {kernel}");
            let x = Var::from_tensor(&random(&[batch, inputs, height, width], &mut rng)).unwrap();
            let w = Var::from_tensor(&random(&[outputs, inputs, kernel, kernel], &mut rng)).unwrap();
            let b = Var::from_tensor(&random(&[outputs], &mut rng)).unwrap();
            let weights = random(&[batch, outputs, height, width], &mut rng);
            let theirs = x.conv2d(&w, kernel / 2, 1, 1, 1).unwrap();
            let ours = conv(&x, &w).unwrap();
            assert!(largest_difference(&ours, &theirs) < 1e-3, "{case}");
            let theirs = theirs.broadcast_add(&b.reshape((1, outputs, 1, 1)).unwrap()).unwrap();
            let ours = conv_bias(&x, &w, &b).unwrap();
            assert!(largest_difference(&ours, &theirs) < 1e-3, "{case}");
            let gradients = |y: &Tensor| (y * &weights).unwrap().sum_all().unwrap().backward().unwrap();
            let (g, h) = (gradients(&ours), gradients(&theirs));
            for var in [&x, &w, &b] {
                let (ours, theirs) = (g.get(var).unwrap(), h.get(var).unwrap());
                assert_eq!(ours.dims(), theirs.dims());
                assert!(largest_difference(ours, theirs) < 5e-3, "gradient of {:?}: {case}", var.dims());
            }
        }
    }

    #[test]
    fn the_number_of_threads_does_not_change_a_bit() {
        let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(2);
        let (x, w) = (random(&[2, 24, 40, 40], &mut rng), random(&[20, 24, 3, 3], &mut rng));
        let run = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| conv(&x, &w).unwrap().flatten_all().unwrap().to_vec1::<f32>().unwrap())
        };
        assert_eq!(run(1), run(3));
    }

    #[test]
    fn shapes_that_do_not_fit_are_refused() {
        let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(3);
        let x = random(&[1, 3, 8, 8], &mut rng);
        assert!(conv(&x, &random(&[4, 2, 3, 3], &mut rng)).is_err());
        assert!(conv(&x, &random(&[4, 3, 5, 5], &mut rng)).is_err());
        assert!(conv_bias(&x, &random(&[4, 3, 3, 3], &mut rng), &random(&[3], &mut rng)).is_err());
    }
}
