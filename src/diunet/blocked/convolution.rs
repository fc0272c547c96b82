//! A layer: its weights, and the forms of them that images of some size have asked for.

use super::image::{Size, bands, to_planes};
use super::lanes::{Block, LANES, blocks_of};
use super::pointwise::Product;
use super::winograd::Winograd;
use std::sync::OnceLock;

/// With so many tiles of 4x4 their kernels, which are more than twice as large, are worth their reading.
const TILES: usize = 16;
/// Rows of a result that leave for its planes together.
const BAND_ROWS: usize = 4;

/// The weights of a layer, `[output, input, tap]`. Its inputs are images one after the other, each of whole blocks.
struct Weights {
    /// For every lane of the inputs the input, where there is one.
    inputs: Vec<Option<usize>>,
    outputs: usize,
    values: Vec<f32>,
}

impl Weights {
    fn new(inputs: &[usize], outputs: usize, values: Vec<f32>) -> Self {
        let mut lanes = Vec::new();
        let mut first = 0;
        for &channels in inputs {
            lanes.extend((0..blocks_of(channels) * LANES).map(|n| (n < channels).then_some(first + n)));
            first += channels;
        }
        Self { inputs: lanes, outputs, values }
    }

    fn taps<const AREA: usize>(&self, input: usize, block: usize) -> [Block; AREA] {
        let mut taps = [Block::ZERO; AREA];
        let Some(input) = self.inputs[input] else { return taps };
        let all = self.values.len() / self.outputs;
        for (lane, output) in (block * LANES..self.outputs).take(LANES).enumerate() {
            let from = &self.values[output * all + input * AREA..][..AREA];
            taps.iter_mut().zip(from).for_each(|(to, from)| to.0[lane] = *from);
        }
        taps
    }

    fn blocks(&self) -> usize {
        blocks_of(self.outputs)
    }
}

/// A convolution 3x3 with a border of one, then bias and ReLU.
pub struct Convolution {
    weights: Weights,
    bias: Vec<f32>,
    four: OnceLock<Winograd<6>>,
    two: OnceLock<Winograd<4>>,
}

impl Convolution {
    /// `inputs` are the channels of the images it is given, `values` `[output, input, 3, 3]`.
    pub fn new(inputs: &[usize], values: Vec<f32>, bias: Vec<f32>) -> Self {
        Self { weights: Weights::new(inputs, bias.len(), values), bias, four: OnceLock::new(), two: OnceLock::new() }
    }

    /// Bias and ReLU are applied too.
    pub fn apply(&self, x: &[Block], size: Size, out: &mut [Block]) {
        let tiles = size[0].div_ceil(4) * size[1].div_ceil(4);
        self.apply_as(if tiles >= TILES { Form::Four } else { Form::Two }, x, size, out);
    }

    fn apply_as(&self, form: Form, x: &[Block], size: Size, out: &mut [Block]) {
        let Self { weights, bias, four, two } = self;
        let taps = |input: usize, output: usize| weights.taps(input, output);
        let (inputs, outputs) = (weights.inputs.len(), weights.blocks());
        match form {
            Form::Four => ready(four, || Winograd::new(inputs, outputs, taps, bias)).apply(x, size, out),
            Form::Two => ready(two, || Winograd::new(inputs, outputs, taps, bias)).apply(x, size, out),
        }
    }
}

/// What is in the cell, made if need be. It is made outside of the cell: the threads that make it may take up another image
/// meanwhile and come here again.
fn ready<T>(cell: &OnceLock<T>, make: impl FnOnce() -> T) -> &T {
    if let Some(there) = cell.get() {
        return there;
    }
    let made = make();
    cell.get_or_init(|| made)
}

/// Tiles of 4x4 or 2x2 results.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Four,
    Two,
}

/// A convolution 1x1 with a bias.
pub struct Pointwise(Product);

impl Pointwise {
    /// `inputs` are the channels of the images it is given, `values` `[output, input]`.
    pub fn new(inputs: &[usize], values: Vec<f32>, bias: &[f32]) -> Self {
        let weights = Weights::new(inputs, bias.len(), values);
        let weight = |input: usize, output: usize| weights.taps::<1>(input, output)[0];
        Self(Product::new(weights.inputs.len(), weights.blocks(), weight, bias))
    }

    pub fn apply(&self, x: &[Block], size: Size, relu: bool, out: &mut [Block]) {
        self.0.apply(x, size, relu, out);
    }

    /// The planes `[channel][row][column]` of the result, the inverse of [`super::from_planes`].
    pub fn apply_to_planes(&self, x: &[Block], [height, width]: Size, fold: bool, planes: &mut [&mut [f32]]) {
        let per_channel = if fold { 4 } else { 1 };
        let band = BAND_ROWS * width;
        let plane = height * width;
        let mut parts: Vec<Vec<&mut [f32]>> = (0..height.div_ceil(BAND_ROWS)).map(|_| Vec::new()).collect();
        for planes in planes {
            for (part, rows) in parts.iter_mut().zip(bands(planes, per_channel * plane, per_channel * band)) {
                part.extend(rows);
            }
        }
        self.0.by_parts(x, plane, band, parts, |mut rows, products| to_planes(products, width, fold, &mut rows));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diunet::blocked::image::tests::image_of;
    use crate::diunet::blocked::lanes::forced;
    use rand::{Rng, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    fn random(count: usize, rng: &mut ChaCha8Rng) -> Vec<f32> {
        (0..count).map(|_| rng.random_range(-1.0..1.0)).collect()
    }

    /// A convolution as it is defined, with a border of zeros, bias and perhaps ReLU, in 64 bits.
    fn defined(x: &[f32], weight: &[f32], bias: &[f32], side: usize, [height, width]: Size, relu: bool) -> Vec<f32> {
        let inputs = x.len() / (height * width);
        let mut out = Vec::new();
        for (o, bias) in bias.iter().enumerate() {
            for (y, x0) in (0..height).flat_map(|y| (0..width).map(move |x| (y, x))) {
                let mut sum = f64::from(*bias);
                for (i, (ky, kx)) in (0..inputs).flat_map(|i| (0..side * side).map(move |n| (i, (n / side, n % side))))
                {
                    let (sy, sx) = (y + ky, x0 + kx);
                    let border = side / 2;
                    if sy >= border && sx >= border && sy < height + border && sx < width + border {
                        let value = x[(i * height + sy - border) * width + sx - border];
                        sum += f64::from(value) * f64::from(weight[((o * inputs + i) * side + ky) * side + kx]);
                    }
                }
                out.push(if relu { sum.max(0.0) } else { sum } as f32);
            }
        }
        out
    }

    /// Images of some channels each, one after the other in blocks.
    fn joined(images: &[Vec<f32>], size: Size) -> Vec<Block> {
        images.iter().flat_map(|planes| image_of(planes, size, false)).collect()
    }

    fn planes(image: &[Block], [height, width]: Size, channels: usize) -> Vec<f32> {
        let mut planes = vec![0.0; channels * height * width];
        to_planes(image, width, false, &mut planes.chunks_mut(height * width).collect::<Vec<_>>());
        planes
    }

    /// Tiles that fit and tiles cut off, images of one column or row or pixel, bands, partly filled blocks, two images.
    fn cases(rng: &mut ChaCha8Rng) -> Vec<(Vec<usize>, usize, Size)> {
        let mut cases = vec![
            (vec![3], 5, [7, 5]),
            (vec![20], 50, [9, 1]),
            (vec![16], 16, [1, 1]),
            (vec![32, 16], 33, [1, 30]),
            (vec![8, 4], 8, [13, 14]),
            (vec![16], 48, [50, 30]),
            (vec![24], 17, [66, 65]),
            (vec![150], 40, [4, 4]),
        ];
        for _ in 0..8 {
            let mut below = |n: usize| rng.random_range(1..n);
            cases.push((vec![below(40), below(40)], below(60), [below(30), below(30)]));
        }
        cases
    }

    #[test]
    fn all_forms_give_what_the_definition_gives_on_all_kinds_of_processors() {
        for kind in forced::kinds() {
            forced::on(kind, all_forms_give_what_the_definition_gives);
        }
    }

    fn all_forms_give_what_the_definition_gives() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        for (inputs, outputs, size) in cases(&mut rng) {
            let plane = size[0] * size[1];
            let images: Vec<Vec<f32>> = inputs.iter().map(|channels| random(channels * plane, &mut rng)).collect();
            let all: usize = inputs.iter().sum();
            let (weight, bias) = (random(outputs * all * 9, &mut rng), random(outputs, &mut rng));
            let expected = defined(&images.concat(), &weight, &bias, 3, size, true);
            let layer = Convolution::new(&inputs, weight, bias);
            let x = joined(&images, size);
            for form in [Form::Four, Form::Two] {
                // What was there before must not matter.
                let mut out = vec![Block([7.0; LANES]); blocks_of(outputs) * plane];
                layer.apply_as(form, &x, size, &mut out);
                let found = planes(&out, size, outputs);
                let largest = found.iter().zip(&expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
                let size_of_values = expected.iter().fold(1.0f32, |largest, value| largest.max(*value));
                let allowed = size_of_values * if form == Form::Four { 5e-5 } else { 5e-6 };
                assert!(largest < allowed, "{form:?}, {inputs:?} -> {outputs}, {size:?}: {largest}");
                let filling =
                    out.chunks_exact(plane).last().unwrap().iter().map(|block| &block.0[(outputs - 1) % LANES + 1..]);
                assert!(filling.flatten().all(|value| *value == 0.0), "the lanes without a channel are not empty");
            }
        }
    }

    #[test]
    fn pointwise_gives_what_the_definition_gives_on_all_kinds_of_processors() {
        for kind in forced::kinds() {
            forced::on(kind, pointwise_gives_what_the_definition_gives);
        }
    }

    fn pointwise_gives_what_the_definition_gives() {
        let mut rng = ChaCha8Rng::seed_from_u64(2);
        for (inputs, outputs, size) in cases(&mut rng) {
            let plane = size[0] * size[1];
            let images: Vec<Vec<f32>> = inputs.iter().map(|channels| random(channels * plane, &mut rng)).collect();
            let all: usize = inputs.iter().sum();
            let (weight, bias) = (random(outputs * all, &mut rng), random(outputs, &mut rng));
            let (layer, x) = (Pointwise::new(&inputs, weight.clone(), &bias), joined(&images, size));
            for relu in [false, true] {
                let expected = defined(&images.concat(), &weight, &bias, 1, size, relu);
                let mut out = vec![Block([7.0; LANES]); blocks_of(outputs) * plane];
                layer.apply(&x, size, relu, &mut out);
                let found = planes(&out, size, outputs);
                let largest = found.iter().zip(&expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
                assert!(largest < 4e-5, "{inputs:?} -> {outputs}, {size:?}: {largest}");
                if !relu {
                    let mut by_bands = vec![0.0; outputs * plane];
                    let (one, others) = by_bands.split_at_mut(plane);
                    layer.apply_to_planes(&x, size, false, &mut [one, others]);
                    assert_eq!(by_bands, found);
                }
            }
        }
    }

    #[test]
    fn the_number_of_threads_does_not_change_a_bit() {
        let mut rng = ChaCha8Rng::seed_from_u64(3);
        for size in [[40, 40], [12, 9]] {
            let x = joined(&[random(40 * size[0] * size[1], &mut rng)], size);
            let layer = Convolution::new(&[40], random(70 * 40 * 9, &mut rng), random(70, &mut rng));
            for form in [Form::Four, Form::Two] {
                let run = |threads| {
                    let mut out = vec![Block::ZERO; blocks_of(70) * size[0] * size[1]];
                    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
                    pool.install(|| layer.apply_as(form, &x, size, &mut out));
                    out
                };
                assert_eq!(run(1), run(3), "{form:?}");
            }
        }
    }
}
