//! The graph of DiUnet-R: two encoders (CT and GTV) that never exchange features, fused level by level by a 1x1
//! convolution, one decoder, and two heads: background + 16 stations (softmax) and CTV (sigmoid).
//!
//! The paper does not publish its layers; widths and variants are this program's. Trained with batch normalisation,
//! run with the normalisation folded into the convolutions.

use super::bearings::Guide;
use super::inference::Inference;
use super::ops::{BatchStatistics, batch_norm_relu, conv, conv_bias, max_pool, pixel_shuffle, pixel_unshuffle};
use super::weights::Weights;
use crate::structures::Station;
use candle_core::{Device, Result, Tensor, bail};

/// Channels of the station head: background and the stations in canonical order.
pub const CLASSES: usize = Station::COUNT + 1;
/// Added to the variance before the root (PyTorch's default).
pub const EPSILON: f64 = 1e-5;

/// A size of the network.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    strum::EnumIter,
    strum::Display,
    strum::EnumString,
    serde::Serialize,
    serde::Deserialize,
)]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase")]
pub enum Variant {
    /// Four narrow levels, one slice; for tests.
    Tiny,
    /// Five levels over three slices with a space-to-depth stem; the default.
    Fast25d,
    /// As `Fast25d`, and told where in the chest each pixel lies.
    Guided25d,
    /// Five levels over three slices at full resolution.
    Std25d,
    /// Two equal encoders, one slice, binary GTV only: the literal reading of the paper.
    Literal2d,
}

/// What a variant consists of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Architecture {
    /// Slices seen at once (K): the slice itself and its neighbours.
    pub slices: usize,
    /// Planes that tell where a pixel lies ([`super::Guide`]), after the slices of the CT.
    pub guide_channels: usize,
    /// GTV channels per slice: the mask, or the mask and the signed distance.
    pub gtv_channels_per_slice: usize,
    pub ct_widths: Vec<usize>,
    pub gtv_widths: Vec<usize>,
    /// Fold 2x2 pixels into channels before the first layer and back after the heads.
    pub space_to_depth: bool,
}

impl Variant {
    pub fn architecture(self) -> Architecture {
        let widths = |first: usize, levels: u32| (0..levels).map(|l| first << l).collect::<Vec<_>>();
        let (slices, gtv_channels_per_slice, ct, gtv, levels, space_to_depth) = match self {
            Self::Tiny => (1, 2, 8, 4, 4, false),
            Self::Fast25d | Self::Guided25d => (3, 2, 32, 16, 5, true),
            Self::Std25d => (3, 2, 32, 16, 5, false),
            Self::Literal2d => (1, 1, 32, 32, 5, false),
        };
        Architecture {
            slices,
            guide_channels: if self == Self::Guided25d { Guide::CHANNELS } else { 0 },
            gtv_channels_per_slice,
            ct_widths: widths(ct, levels),
            gtv_widths: widths(gtv, levels),
            space_to_depth,
        }
    }
}

/// Name and shape of one tensor of a variant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TensorSpec {
    pub name: String,
    pub shape: Vec<usize>,
    /// False for the running statistics of the normalisation.
    pub trained: bool,
}

impl Architecture {
    pub fn levels(&self) -> usize {
        self.ct_widths.len()
    }

    /// Sides of the input must be a multiple of this.
    pub fn side_multiple(&self) -> usize {
        (1 << (self.levels() - 1)) * if self.space_to_depth { 2 } else { 1 }
    }

    pub fn ct_channels(&self) -> usize {
        self.slices + self.guide_channels
    }
    pub fn gtv_channels(&self) -> usize {
        self.slices * self.gtv_channels_per_slice
    }

    /// Every convolution followed by normalisation and ReLU: name, inputs, outputs, kernel.
    fn blocks(&self) -> Vec<(String, usize, usize, usize)> {
        let stem = if self.space_to_depth { 4 } else { 1 };
        let mut blocks = Vec::new();
        let mut double = |name: &str, level: usize, inputs: usize, outputs: usize| {
            blocks.push((format!("{name}.{level}.a"), inputs, outputs, 3));
            blocks.push((format!("{name}.{level}.b"), outputs, outputs, 3));
        };
        for (name, channels, widths) in
            [("ct", self.ct_channels(), &self.ct_widths), ("gtv", self.gtv_channels(), &self.gtv_widths)]
        {
            for (level, &width) in widths.iter().enumerate() {
                double(name, level, if level == 0 { channels * stem } else { widths[level - 1] }, width);
            }
        }
        for level in 0..self.levels() - 1 {
            double("decoder", level, 2 * self.ct_widths[level], self.ct_widths[level]);
        }
        for (level, (ct, gtv)) in self.ct_widths.iter().zip(&self.gtv_widths).enumerate() {
            blocks.push((format!("fuse.{level}"), ct + gtv, *ct, 1));
        }
        blocks
    }

    /// The tensors of the network, with batch normalisation or folded.
    pub fn tensors(&self, folded: bool) -> Vec<TensorSpec> {
        let mut all = Vec::new();
        let mut push = |name: String, shape: &[usize], trained: bool| {
            all.push(TensorSpec { name, shape: shape.to_vec(), trained });
        };
        for (name, inputs, outputs, kernel) in self.blocks() {
            push(format!("{name}.weight"), &[outputs, inputs, kernel, kernel], true);
            if folded {
                push(format!("{name}.bias"), &[outputs], true);
            } else {
                push(format!("{name}.norm.gamma"), &[outputs], true);
                push(format!("{name}.norm.beta"), &[outputs], true);
                push(format!("{name}.norm.mean"), &[outputs], false);
                push(format!("{name}.norm.variance"), &[outputs], false);
            }
        }
        // Transposed convolutions 2x2, stride 2: [in, out, 2, 2] as everywhere else.
        for level in 0..self.levels() - 1 {
            let (from, to) = (self.ct_widths[level + 1], self.ct_widths[level]);
            push(format!("up.{level}.weight"), &[from, to, 2, 2], true);
            push(format!("up.{level}.bias"), &[to], true);
        }
        let per_output = if self.space_to_depth { 4 } else { 1 };
        for (name, outputs) in [("stations", CLASSES), ("ctv", 1)] {
            push(format!("head.{name}.weight"), &[outputs * per_output, self.ct_widths[0], 1, 1], true);
            push(format!("head.{name}.bias"), &[outputs * per_output], true);
        }
        all
    }

    /// Number of trained values.
    pub fn parameter_count(&self, folded: bool) -> usize {
        self.tensors(folded).iter().filter(|t| t.trained).map(|t| t.shape.iter().product::<usize>()).sum()
    }

    /// Names of the layers with a normalisation.
    pub(super) fn normalized(&self) -> Vec<String> {
        self.blocks().into_iter().map(|(name, ..)| name).collect()
    }
}

/// What the network says about a batch of slices, before softmax and sigmoid.
#[derive(Debug)]
pub struct Logits {
    /// `[batch, 17, row, column]`.
    pub stations: Tensor,
    /// `[batch, 1, row, column]`.
    pub ctv: Tensor,
}

/// A convolution with normalisation and ReLU.
struct Block {
    name: String,
    weight: Tensor,
    gamma: Tensor,
    beta: Tensor,
    mean: Tensor,
    variance: Tensor,
}

/// A 1x1 convolution whose output is spread over 2x2 pixels where the weights say so.
struct Spread {
    weight: Tensor,
    bias: Tensor,
    shuffle: bool,
}

/// Statistics of every normalised layer over one batch, in the order in which they ran.
pub type LayerStatistics = Vec<(String, BatchStatistics)>;

/// The network over a set of weights.
pub struct Network {
    architecture: Architecture,
    graph: Graph,
}

enum Graph {
    /// Still to be trained.
    Normalized(Layers),
    Folded(Inference),
}

struct Layers {
    space_to_depth: bool,
    ct: Vec<[Block; 2]>,
    gtv: Vec<[Block; 2]>,
    fuse: Vec<Block>,
    up: Vec<Spread>,
    decoder: Vec<[Block; 2]>,
    stations: Spread,
    ctv: Spread,
}

impl Block {
    fn new(weights: &Weights, name: &str) -> Result<Self> {
        let get = |part: &str| weights.get(&format!("{name}.{part}"));
        Ok(Self {
            name: name.to_owned(),
            weight: get("weight")?,
            gamma: get("norm.gamma")?,
            beta: get("norm.beta")?,
            mean: get("norm.mean")?,
            variance: get("norm.variance")?,
        })
    }

    /// With `statistics` the batch's own mean and variance are used and handed out, else the running ones.
    fn forward(&self, x: &Tensor, statistics: Option<&mut LayerStatistics>) -> Result<Tensor> {
        let Self { name, weight, gamma, beta, mean, variance } = self;
        let x = conv(x, weight)?;
        if let Some(statistics) = statistics {
            let (y, of_batch) = batch_norm_relu(&x, gamma, beta, EPSILON)?;
            statistics.push((name.clone(), of_batch));
            return Ok(y);
        }
        let image = |t: &Tensor| t.reshape((1, (), 1, 1));
        let scale = gamma.div(&(variance + EPSILON)?.sqrt()?)?;
        x.broadcast_sub(&image(mean)?)?.broadcast_mul(&image(&scale)?)?.broadcast_add(&image(beta)?)?.relu()
    }
}

fn both(blocks: &[Block; 2], x: &Tensor, mut statistics: Option<&mut LayerStatistics>) -> Result<Tensor> {
    let x = blocks[0].forward(x, statistics.as_deref_mut())?;
    blocks[1].forward(&x, statistics)
}

impl Spread {
    /// A transposed convolution 2x2 of stride 2 written as 1x1 convolution and pixel shuffle.
    fn up(weights: &Weights, name: &str) -> Result<Self> {
        let weight = weights.get(&format!("{name}.weight"))?;
        let (from, to, _, _) = weight.dims4()?;
        let bias = weights.get(&format!("{name}.bias"))?;
        Ok(Self {
            weight: weight.reshape((from, to * 4))?.t()?.contiguous()?.reshape((to * 4, from, 1, 1))?,
            bias: bias.unsqueeze(1)?.broadcast_as((to, 4))?.contiguous()?.flatten_all()?,
            shuffle: true,
        })
    }

    fn head(weights: &Weights, name: &str, shuffle: bool) -> Result<Self> {
        let get = |part: &str| weights.get(&format!("head.{name}.{part}"));
        Ok(Self { weight: get("weight")?, bias: get("bias")?, shuffle })
    }

    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let y = conv_bias(x, &self.weight, &self.bias)?;
        if self.shuffle { pixel_shuffle(&y) } else { Ok(y) }
    }
}

impl Layers {
    fn new(architecture: &Architecture, weights: &Weights) -> Result<Self> {
        let levels = architecture.levels();
        let block = |name: String| Block::new(weights, &name);
        let double =
            |name: &str, level: usize| Ok([block(format!("{name}.{level}.a"))?, block(format!("{name}.{level}.b"))?]);
        Ok(Self {
            space_to_depth: architecture.space_to_depth,
            ct: (0..levels).map(|l| double("ct", l)).collect::<Result<_>>()?,
            gtv: (0..levels).map(|l| double("gtv", l)).collect::<Result<_>>()?,
            fuse: (0..levels).map(|l| block(format!("fuse.{l}"))).collect::<Result<_>>()?,
            up: (0..levels - 1).map(|l| Spread::up(weights, &format!("up.{l}"))).collect::<Result<_>>()?,
            decoder: (0..levels - 1).map(|l| double("decoder", l)).collect::<Result<_>>()?,
            stations: Spread::head(weights, "stations", architecture.space_to_depth)?,
            ctv: Spread::head(weights, "ctv", architecture.space_to_depth)?,
        })
    }

    fn run(&self, ct: &Tensor, gtv: &Tensor, mut statistics: Option<&mut LayerStatistics>) -> Result<Logits> {
        let stem = |x: &Tensor| if self.space_to_depth { pixel_unshuffle(x) } else { x.contiguous() };
        let (mut ct, mut gtv) = (stem(ct)?, stem(gtv)?);
        let mut fused = Vec::with_capacity(self.ct.len());
        for level in 0..self.ct.len() {
            if level > 0 {
                (ct, gtv) = (max_pool(&ct)?, max_pool(&gtv)?);
            }
            ct = both(&self.ct[level], &ct, statistics.as_deref_mut())?;
            gtv = both(&self.gtv[level], &gtv, statistics.as_deref_mut())?;
            let joined = Tensor::cat(&[&ct, &gtv], 1)?;
            fused.push(self.fuse[level].forward(&joined, statistics.as_deref_mut())?);
        }
        let mut x = fused.pop().expect("a network has levels");
        for (level, skip) in fused.iter().enumerate().rev() {
            let joined = Tensor::cat(&[skip, &self.up[level].forward(&x)?], 1)?;
            x = both(&self.decoder[level], &joined, statistics.as_deref_mut())?;
        }
        Ok(Logits { stations: self.stations.forward(&x)?, ctv: self.ctv.forward(&x)? })
    }
}

impl Network {
    /// Lays the graph over the weights. Gradients flow into them where they are variables and not folded.
    ///
    /// # Errors
    /// If a tensor is missing; shapes are checked when the weights are read.
    pub fn new(architecture: &Architecture, weights: &Weights) -> Result<Self> {
        let graph = if weights.folded() {
            Graph::Folded(Inference::new(architecture, |name| weights.get(name)?.flatten_all()?.to_vec1())?)
        } else {
            Graph::Normalized(Layers::new(architecture, weights)?)
        };
        Ok(Self { architecture: architecture.clone(), graph })
    }

    pub fn architecture(&self) -> &Architecture {
        &self.architecture
    }

    /// `ct` is `[batch, K, row, column]` in -1..1, `gtv` `[batch, K x channels, row, column]`; the logits have the same rows and columns.
    ///
    /// # Errors
    /// If the tensors are not of these shapes, or their sides cannot be halved as often as the network does.
    pub fn forward(&self, ct: &Tensor, gtv: &Tensor) -> Result<Logits> {
        match &self.graph {
            Graph::Normalized(layers) => layers.run(ct, gtv, None),
            Graph::Folded(inference) => self.infer(inference, ct, gtv),
        }
    }

    /// The pass for training: layers normalise by the batch, whose statistics are handed out for the running mean.
    ///
    /// # Errors
    /// If the weights are folded.
    pub fn forward_training(&self, ct: &Tensor, gtv: &Tensor) -> Result<(Logits, LayerStatistics)> {
        let Graph::Normalized(layers) = &self.graph else { bail!("folded weights cannot be trained") };
        let mut statistics = Vec::new();
        let logits = layers.run(ct, gtv, Some(&mut statistics))?;
        Ok((logits, statistics))
    }

    fn infer(&self, inference: &Inference, ct: &Tensor, gtv: &Tensor) -> Result<Logits> {
        let (batch, ct_channels, height, width) = ct.dims4()?;
        let (a, many) = (&self.architecture, self.architecture.side_multiple());
        if ct_channels != a.ct_channels() || gtv.dims() != [batch, a.gtv_channels(), height, width] {
            bail!("the network does not take {:?} and {:?}", ct.dims(), gtv.dims());
        }
        if height == 0 || width == 0 || height % many != 0 || width % many != 0 {
            bail!("the network takes sides that are a multiple of {many}, found {height} x {width}");
        }
        let values = |t: &Tensor| t.flatten_all()?.to_vec1::<f32>();
        let (ct, gtv) = (values(ct)?, values(gtv)?);
        let plane = height * width;
        let (mut stations, mut ctv) = (vec![0.0; batch * CLASSES * plane], vec![0.0; batch * plane]);
        let inputs = ct.chunks_exact(a.ct_channels() * plane).zip(gtv.chunks_exact(a.gtv_channels() * plane));
        let outputs = stations.chunks_exact_mut(CLASSES * plane).zip(ctv.chunks_exact_mut(plane));
        for ((ct, gtv), (stations, ctv)) in inputs.zip(outputs) {
            inference.run(ct, gtv, [height, width], stations, ctv);
        }
        Ok(Logits {
            stations: Tensor::from_vec(stations, (batch, CLASSES, height, width), &Device::Cpu)?,
            ctv: Tensor::from_vec(ctv, (batch, 1, height, width), &Device::Cpu)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::{Device, IndexOp};
    use rand::{Rng, SeedableRng};
    use strum::IntoEnumIterator;

    fn random(shape: &[usize], seed: u64) -> Tensor {
        let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(seed);
        let values: Vec<f32> = (0..shape.iter().product()).map(|_| rng.random_range(-1.0..1.0)).collect();
        Tensor::from_vec(values, shape, &Device::Cpu).unwrap()
    }

    fn inputs(a: &Architecture, batch: usize, side: usize) -> (Tensor, Tensor) {
        (random(&[batch, a.ct_channels(), side, side], 5), random(&[batch, a.gtv_channels(), side, side], 6))
    }

    /// REFERENCE.md 1.5 and 9.4.
    #[test]
    fn parameter_counts_are_those_of_the_table() {
        for (variant, trained, folded) in [
            (Variant::Tiny, 148_186, 147_594),
            (Variant::Fast25d, 9_476_520, 9_471_592),
            (Variant::Std25d, 9_469_554, 9_464_626),
            (Variant::Literal2d, 13_177_010, 13_171_090),
        ] {
            let a = variant.architecture();
            assert_eq!((a.parameter_count(false), a.parameter_count(true)), (trained, folded), "{variant}");
            assert_eq!(Weights::random(&a, 1).parameter_count(), trained);
        }
    }

    #[test]
    fn heads_have_the_resolution_of_the_input() {
        for variant in [Variant::Tiny, Variant::Fast25d] {
            let a = variant.architecture();
            let (ct, gtv) = inputs(&a, 1, 64);
            let out = Network::new(&a, &Weights::random(&a, 1)).unwrap().forward(&ct, &gtv).unwrap();
            assert_eq!((out.stations.dims(), out.ctv.dims()), (&[1, 17, 64, 64][..], &[1, 1, 64, 64][..]));
        }
    }

    #[test]
    fn folded_and_unfolded_normalisation_agree() {
        for variant in Variant::iter() {
            let a = variant.architecture();
            let mut weights = Weights::random(&a, 3);
            weights.randomize_statistics(4);
            let folded = weights.fold().unwrap();
            assert_eq!(folded.parameter_count(), a.parameter_count(true));
            let (ct, gtv) = inputs(&a, 2, 64);
            let run = |w: &Weights| Network::new(&a, w).unwrap().forward(&ct, &gtv).unwrap();
            let (x, y) = (run(&weights), run(&folded));
            for (x, y) in [(x.stations, y.stations), (x.ctv, y.ctv)] {
                let size = x.abs().unwrap().max_all().unwrap().to_scalar::<f32>().unwrap();
                let difference = (x - y).unwrap().abs().unwrap().max_all().unwrap().to_scalar::<f32>().unwrap();
                assert!(size > 0.05 && difference <= 1e-4 * size.max(1.0), "{variant}: {difference} of {size}");
            }
        }
    }

    #[test]
    fn the_number_of_threads_does_not_change_a_bit() {
        let a = Variant::Fast25d.architecture();
        let (ct, gtv) = inputs(&a, 1, 96);
        let network = Network::new(&a, &Weights::random(&a, 3).fold().unwrap()).unwrap();
        let run = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let out = pool.install(|| network.forward(&ct, &gtv)).unwrap();
            out.stations.flatten_all().unwrap().to_vec1::<f32>().unwrap()
        };
        let alone = run(1);
        assert!(alone == run(2) && alone == run(3));
    }

    #[test]
    fn images_that_do_not_fit_are_refused() {
        let a = Variant::Tiny.architecture();
        let network = Network::new(&a, &Weights::random(&a, 1).fold().unwrap()).unwrap();
        let (ct, gtv) = inputs(&a, 1, 20);
        assert!(network.forward(&ct, &gtv).unwrap_err().to_string().contains("multiple of 8"));
        let (ct, _) = inputs(&a, 1, 64);
        assert!(network.forward(&ct, &gtv).is_err() && network.forward(&ct, &ct).is_err());
        assert!(network.forward_training(&ct, &ct).is_err());
    }

    #[test]
    fn up_convolution_is_the_transposed_convolution_of_candle() {
        let a = Variant::Tiny.architecture();
        let weights = Weights::random(&a, 3);
        let x = random(&[2, 16, 5, 4], 1);
        let ours = Spread::up(&weights, "up.0").unwrap().forward(&x).unwrap();
        let theirs = x.conv_transpose2d(&weights.get("up.0.weight").unwrap(), 0, 0, 2, 1).unwrap();
        let difference = (ours - theirs).unwrap().abs().unwrap().max_all().unwrap().to_scalar::<f32>().unwrap();
        assert!(difference < 1e-5, "{difference}");
    }

    /// A change in rounding (another order of sums) stays below the tolerance; a change of the graph does not.
    #[test]
    fn tiny_with_seeded_weights_has_a_fixed_checksum() {
        let a = Variant::Tiny.architecture();
        let (ct, gtv) = inputs(&a, 1, 64);
        let out = Network::new(&a, &Weights::random(&a, 7).fold().unwrap()).unwrap().forward(&ct, &gtv).unwrap();
        let sum = |t: &Tensor| t.abs().unwrap().sum_all().unwrap().to_scalar::<f32>().unwrap();
        let corner = out.stations.i((0, 4, 10, 20)).unwrap().to_scalar::<f32>().unwrap();
        let found = [sum(&out.stations), sum(&out.ctv), corner];
        for (found, expected) in found.iter().zip([11840.472, 461.133, 0.113303f32]) {
            assert!((found - expected).abs() <= 1e-4 * expected.abs().max(1.0), "{found:?} against {expected}");
        }
    }
}
