//! The tensors of a network by name: made at random, folded, checked, read from and written to safetensors.

use super::network::{Architecture, EPSILON};
use crate::tf;
use candle_core::{DType, Device, Result, Tensor, bail};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, Normal, Uniform};
use std::collections::BTreeMap;

/// Named tensors of one architecture, f32 on the CPU.
#[derive(Debug, Clone)]
pub struct Weights {
    architecture: Architecture,
    folded: bool,
    tensors: BTreeMap<String, Tensor>,
}

impl Weights {
    /// Kernels from a normal distribution of deviation sqrt(2 / inputs) (He 2015), neutral normalisation.
    pub fn random(architecture: &Architecture, seed: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let tensors = architecture
            .tensors(false)
            .into_iter()
            .map(|spec| {
                let count: usize = spec.shape.iter().product();
                let values: Vec<f32> = if spec.name.ends_with("weight") {
                    let inputs = if spec.name.starts_with("up.") {
                        spec.shape[0]
                    } else {
                        spec.shape[1..].iter().product::<usize>()
                    };
                    let deviation =
                        (2.0 / inputs as f32).sqrt() * if spec.name.starts_with("head") { 0.3 } else { 1.0 };
                    let normal = Normal::new(0.0, deviation).expect("a positive deviation");
                    (0..count).map(|_| normal.sample(&mut rng)).collect()
                } else if spec.name.ends_with("gamma") || spec.name.ends_with("variance") {
                    vec![1.0; count]
                } else {
                    vec![0.0; count]
                };
                let tensor = Tensor::from_vec(values, spec.shape, &Device::Cpu).expect("count and shape agree");
                (spec.name, tensor)
            })
            .collect();
        Self { architecture: architecture.clone(), folded: false, tensors }
    }

    /// From tensors that must be exactly those of the architecture.
    ///
    /// # Errors
    /// Names the first tensor that is missing, not expected or of another shape.
    pub fn from_tensors(
        architecture: &Architecture,
        folded: bool,
        mut found: BTreeMap<String, Tensor>,
    ) -> std::result::Result<Self, String> {
        let mut tensors = BTreeMap::new();
        for spec in architecture.tensors(folded) {
            let Some(tensor) = found.remove(&spec.name) else {
                return Err(tf!("tensor {name} is missing", name = spec.name));
            };
            if tensor.dims() != spec.shape {
                return Err(tf!(
                    "tensor {name} has shape {found} instead of {expected}",
                    name = spec.name,
                    found = format!("{:?}", tensor.dims()),
                    expected = format!("{:?}", spec.shape)
                ));
            }
            tensors.insert(spec.name, tensor);
        }
        match found.keys().next() {
            Some(name) => Err(tf!("tensor {name} does not belong to this variant", name)),
            None => Ok(Self { architecture: architecture.clone(), folded, tensors }),
        }
    }

    /// # Errors
    /// If there is no such tensor.
    pub fn get(&self, name: &str) -> Result<Tensor> {
        match self.tensors.get(name) {
            Some(tensor) => Ok(tensor.clone()),
            None => bail!("the network has no tensor {name}"),
        }
    }

    pub fn folded(&self) -> bool {
        self.folded
    }

    pub fn architecture(&self) -> &Architecture {
        &self.architecture
    }

    /// All tensors by name.
    pub fn tensors(&self) -> &BTreeMap<String, Tensor> {
        &self.tensors
    }

    /// Number of trained values (running statistics do not count).
    pub fn parameter_count(&self) -> usize {
        let specs = self.architecture.tensors(self.folded);
        specs.iter().filter(|s| s.trained).filter_map(|s| self.tensors.get(&s.name)).map(Tensor::elem_count).sum()
    }

    /// W' = W gamma / sqrt(variance + epsilon), b' = beta - gamma mean / sqrt(variance + epsilon).
    ///
    /// # Errors
    /// If the weights are folded already.
    pub fn fold(&self) -> Result<Self> {
        if self.folded {
            bail!("the weights are folded already");
        }
        let mut tensors = self.tensors.clone();
        for name in self.architecture.normalized() {
            let [gamma, beta, mean, variance] =
                ["gamma", "beta", "mean", "variance"].map(|part| tensors.remove(&format!("{name}.norm.{part}")));
            let (Some(gamma), Some(beta), Some(mean), Some(variance)) = (gamma, beta, mean, variance) else {
                bail!("the normalisation of {name} is incomplete")
            };
            let scale = gamma.div(&(variance + EPSILON)?.sqrt()?)?;
            let weight = self.get(&format!("{name}.weight"))?;
            tensors.insert(format!("{name}.weight"), weight.broadcast_mul(&scale.reshape(((), 1, 1, 1))?)?);
            tensors.insert(format!("{name}.bias"), beta.sub(&mean.mul(&scale)?)?);
        }
        Ok(Self { architecture: self.architecture.clone(), folded: true, tensors })
    }

    /// The contents of a safetensors file with 16-bit values.
    ///
    /// # Errors
    /// If a value cannot be converted or the file cannot be laid out.
    pub fn to_safetensors_f16(&self) -> Result<Vec<u8>> {
        let halves = self
            .tensors
            .iter()
            .map(|(name, tensor)| Ok((name.as_str(), tensor.detach().to_dtype(DType::F16)?.contiguous()?)))
            .collect::<Result<Vec<_>>>()?;
        Ok(safetensors::serialize(halves, None)?)
    }

    /// Reads a safetensors file of 16- or 32-bit values.
    ///
    /// # Errors
    /// A sentence that says what is wrong with the file.
    pub fn from_safetensors(
        architecture: &Architecture,
        folded: bool,
        bytes: &[u8],
    ) -> std::result::Result<Self, String> {
        let found = candle_core::safetensors::load_buffer(bytes, &Device::Cpu)
            .map_err(|e| tf!("it is not a readable safetensors file ({e})", e))?;
        let found = found
            .into_iter()
            .map(|(name, tensor)| match tensor.to_dtype(DType::F32) {
                Ok(tensor) => Ok((name, tensor)),
                Err(e) => Err(tf!("tensor {name} cannot be read as numbers ({e})", name, e)),
            })
            .collect::<std::result::Result<BTreeMap<_, _>, _>>()?;
        Self::from_tensors(architecture, folded, found)
    }

    /// Random but plausible running statistics and scales, for tests of the folding.
    pub fn randomize_statistics(&mut self, seed: u64) {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let (centered, positive) =
            (Uniform::new(-0.5f32, 0.5).expect("a range"), Uniform::new(0.5f32, 2.0).expect("a range"));
        for (name, tensor) in &mut self.tensors {
            let n = tensor.elem_count();
            let values: Vec<f32> = if name.ends_with("gamma") || name.ends_with("variance") {
                (0..n).map(|_| positive.sample(&mut rng)).collect()
            } else if name.ends_with("beta") || name.ends_with("mean") {
                (0..n).map(|_| centered.sample(&mut rng)).collect()
            } else {
                continue;
            };
            *tensor = Tensor::from_vec(values, tensor.shape(), &Device::Cpu).expect("count and shape agree");
        }
    }
}
