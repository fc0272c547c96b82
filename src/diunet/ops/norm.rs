//! Batch normalisation with the statistics of the batch, then ReLU, for training (Ioffe 2015, arXiv 1502.03167).

use super::{copied, values};
use candle_core::{CpuStorage, CustomOp3, Layout, Result, Shape, Tensor, bail};
use rayon::prelude::*;
use std::sync::{Arc, OnceLock};

/// Mean and (biased) variance of every channel over the batch.
#[derive(Debug, Clone, PartialEq)]
pub struct BatchStatistics {
    pub mean: Vec<f32>,
    pub variance: Vec<f32>,
}

/// `max(0, gamma (x - mean) / sqrt(variance + epsilon) + beta)` per channel, and the statistics used.
pub fn batch_norm_relu(x: &Tensor, gamma: &Tensor, beta: &Tensor, epsilon: f64) -> Result<(Tensor, BatchStatistics)> {
    let statistics = Arc::new(OnceLock::new());
    let op = BatchNormRelu { epsilon, statistics: Arc::clone(&statistics) };
    let out = x.contiguous()?.apply_op3(&gamma.contiguous()?, &beta.contiguous()?, op)?;
    let Some(statistics) = statistics.get() else { bail!("batch norm did not run") };
    Ok((out, statistics.clone()))
}

struct BatchNormRelu {
    epsilon: f64,
    statistics: Arc<OnceLock<BatchStatistics>>,
}

/// The planes of channel `c` of an image `[batch, channels, plane]`.
fn planes(x: &[f32], channels: usize, plane: usize, c: usize) -> impl Iterator<Item = &[f32]> {
    x.chunks_exact(plane).skip(c).step_by(channels)
}

impl BatchNormRelu {
    fn inverse_deviation(&self, variance: f32) -> f32 {
        (1.0 / (f64::from(variance) + self.epsilon).sqrt()) as f32
    }
}

impl CustomOp3 for BatchNormRelu {
    fn name(&self) -> &'static str {
        "batch norm and relu"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        lx: &Layout,
        gamma: &CpuStorage,
        lg: &Layout,
        beta: &CpuStorage,
        lb: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (x, gamma, beta) =
            (values(self.name(), x, lx)?, values(self.name(), gamma, lg)?, values(self.name(), beta, lb)?);
        let &[batch, channels, height, width] = lx.dims() else { bail!("batch norm wants four dimensions") };
        if gamma.len() != channels || beta.len() != channels {
            bail!("batch norm wants {channels} values of gamma and beta, found {} and {}", gamma.len(), beta.len());
        }
        let plane = height * width;
        let count = (batch * plane) as f64;
        let (mean, variance): (Vec<f32>, Vec<f32>) = (0..channels)
            .into_par_iter()
            .map(|c| {
                let mean = planes(x, channels, plane, c).map(|p| f64::from(p.iter().sum::<f32>())).sum::<f64>() / count;
                let m = mean as f32;
                let squares = |p: &[f32]| f64::from(p.iter().map(|v| (v - m) * (v - m)).sum::<f32>());
                (m, (planes(x, channels, plane, c).map(squares).sum::<f64>() / count) as f32)
            })
            .unzip();
        let mut out = vec![0.0; x.len()];
        out.par_chunks_mut(plane).zip(x.par_chunks(plane)).enumerate().for_each(|(n, (to, from))| {
            let c = n % channels;
            let scale = gamma[c] * self.inverse_deviation(variance[c]);
            let shift = beta[c] - mean[c] * scale;
            to.iter_mut().zip(from).for_each(|(t, f)| *t = (f * scale + shift).max(0.0));
        });
        self.statistics.get_or_init(|| BatchStatistics { mean, variance });
        Ok((CpuStorage::F32(out), lx.shape().clone()))
    }

    fn bwd(
        &self,
        x: &Tensor,
        gamma: &Tensor,
        beta: &Tensor,
        out: &Tensor,
        gradient: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let Some(BatchStatistics { mean, variance }) = self.statistics.get() else { bail!("batch norm did not run") };
        let (batch, channels, height, width) = x.dims4()?;
        let plane = height * width;
        let count = (batch * plane) as f32;
        let (values, out, mut gradient) = (copied(x)?, copied(out)?, copied(gradient)?);
        gradient.par_chunks_mut(plane).zip(out.par_chunks(plane)).for_each(|(g, y)| {
            g.iter_mut().zip(y).for_each(|(g, y)| *g = if *y > 0.0 { *g } else { 0.0 });
        });
        // Sums of the gradient, and of the gradient times the normalised value.
        let (sums, products): (Vec<f32>, Vec<f32>) = (0..channels)
            .into_par_iter()
            .map(|c| {
                let (m, inverse) = (mean[c], self.inverse_deviation(variance[c]));
                let pairs = planes(&gradient, channels, plane, c).zip(planes(&values, channels, plane, c));
                let (sum, product) = pairs.fold((0.0f64, 0.0f64), |(sum, product), (g, v)| {
                    let along = g.iter().zip(v).map(|(g, v)| g * (v - m)).sum::<f32>();
                    (sum + f64::from(g.iter().sum::<f32>()), product + f64::from(along))
                });
                (sum as f32, product as f32 * inverse)
            })
            .unzip();
        let scales = copied(gamma)?;
        gradient.par_chunks_mut(plane).zip(values.par_chunks(plane)).enumerate().for_each(|(n, (g, v))| {
            let c = n % channels;
            let inverse = self.inverse_deviation(variance[c]);
            let (scale, shift, slope) = (scales[c] * inverse, sums[c] / count, products[c] / count * inverse);
            let m = mean[c];
            g.iter_mut().zip(v).for_each(|(g, v)| *g = scale * (*g - shift - (v - m) * slope));
        });
        Ok((
            Some(Tensor::from_vec(gradient, x.shape(), x.device())?),
            Some(Tensor::from_vec(products, gamma.shape(), gamma.device())?),
            Some(Tensor::from_vec(sums, beta.shape(), beta.device())?),
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::{Device, Var};
    use rand::{Rng, SeedableRng};

    #[test]
    fn values_and_gradients_are_those_of_the_formula_in_candle() {
        let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
        let mut random = |shape: &[usize], from: f32| {
            let values: Vec<f32> = (0..shape.iter().product()).map(|_| rng.random_range(from..2.0)).collect();
            Var::from_tensor(&Tensor::from_vec(values, shape, &Device::Cpu).unwrap()).unwrap()
        };
        let (x, gamma, beta) = (random(&[3, 5, 6, 4], -1.0), random(&[5], 0.5), random(&[5], -1.0));
        let (ours, _) = batch_norm_relu(&x, &gamma, &beta, 1e-5).unwrap();
        let mean = x.mean_keepdim((0, 2, 3)).unwrap();
        let centered = x.broadcast_sub(&mean).unwrap();
        let deviation = (centered.sqr().unwrap().mean_keepdim((0, 2, 3)).unwrap() + 1e-5).unwrap().sqrt().unwrap();
        let per_channel = |t: &Var| t.reshape((1, 5, 1, 1)).unwrap();
        let theirs = centered.broadcast_div(&deviation).unwrap().broadcast_mul(&per_channel(&gamma)).unwrap();
        let theirs = theirs.broadcast_add(&per_channel(&beta)).unwrap().relu().unwrap();
        let flat = |t: &Tensor| t.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        let near = |a: &Tensor, b: &Tensor| flat(a).iter().zip(flat(b)).all(|(a, b)| (a - b).abs() < 1e-4);
        assert!(near(&ours, &theirs));
        let gradients = |y: &Tensor| y.sqr().unwrap().sum_all().unwrap().backward().unwrap();
        let (g, h) = (gradients(&ours), gradients(&theirs));
        for var in [&x, &gamma, &beta] {
            assert!(near(g.get(var).unwrap(), h.get(var).unwrap()), "gradient of {:?}", var.dims());
        }
    }
}
