//! Maximum over 2x2 pixels, stride 2.

use super::{copied, values};
use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, Tensor, bail};
use rayon::prelude::*;

/// `[batch, c, 2 h, 2 w]` to `[batch, c, h, w]`.
pub fn max_pool(x: &Tensor) -> Result<Tensor> {
    x.contiguous()?.apply_op1(MaxPool)
}

struct MaxPool;

impl CustomOp1 for MaxPool {
    fn name(&self) -> &'static str {
        "max pool"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let x = values(self.name(), storage, layout)?;
        let &[batch, c, h, w] = layout.dims() else { bail!("max pool wants four dimensions") };
        if h % 2 != 0 || w % 2 != 0 {
            bail!("max pool wants even sides, found {h} x {w}");
        }
        let mut out = vec![0.0; x.len() / 4];
        out.par_chunks_mut(h * w / 4).zip(x.par_chunks(h * w)).for_each(|(to, from)| {
            for (row, two) in to.chunks_exact_mut(w / 2).zip(from.chunks_exact(2 * w)) {
                let (upper, lower) = two.split_at(w);
                let pairs = upper.chunks_exact(2).zip(lower.chunks_exact(2));
                row.iter_mut().zip(pairs).for_each(|(t, (a, b))| *t = a[0].max(a[1]).max(b[0].max(b[1])));
            }
        });
        Ok((CpuStorage::F32(out), Shape::from((batch, c, h / 2, w / 2))))
    }

    /// The gradient goes to the first of the four that has the largest value.
    fn bwd(&self, x: &Tensor, out: &Tensor, gradient: &Tensor) -> Result<Option<Tensor>> {
        let (_, _, h, w) = x.dims4()?;
        let (values, largest, gradient) = (copied(x)?, copied(out)?, copied(gradient)?);
        let mut result = vec![0.0; values.len()];
        let planes = result.par_chunks_mut(h * w).zip(values.par_chunks(h * w));
        let halves = largest.par_chunks(h * w / 4).zip(gradient.par_chunks(h * w / 4));
        planes.zip(halves).for_each(|((to, from), (largest, gradient))| {
            for (n, (max, g)) in largest.iter().zip(gradient).enumerate() {
                let first = n / (w / 2) * 2 * w + n % (w / 2) * 2;
                let at = [first, first + 1, first + w, first + w + 1].into_iter().find(|&at| from[at] == *max);
                to[at.unwrap_or(first)] = *g;
            }
        });
        Ok(Some(Tensor::from_vec(result, x.shape(), x.device())?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::{Device, Var};
    use rand::{Rng, SeedableRng};

    /// The gradient is not compared with candle's, which spreads only a quarter of it (0.11.1).
    #[test]
    fn values_are_those_of_candle_and_the_gradient_goes_to_the_largest() {
        let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
        let values: Vec<f32> = (0..2 * 3 * 8 * 6).map(|_| rng.random_range(-1.0..1.0)).collect();
        let x = Var::from_tensor(&Tensor::from_vec(values, (2, 3, 8, 6), &Device::Cpu).unwrap()).unwrap();
        let (ours, theirs) = (max_pool(&x).unwrap(), x.max_pool2d(2).unwrap());
        let flat = |t: &Tensor| t.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        assert_eq!(flat(&ours), flat(&theirs));
        // The derivative of the sum of squares is twice the value where it is the largest of its four, else 0.
        let gradient = flat(ours.sqr().unwrap().sum_all().unwrap().backward().unwrap().get(&x).unwrap());
        let spread = flat(&ours.upsample_nearest2d(8, 6).unwrap());
        for ((g, v), largest) in gradient.iter().zip(flat(&x)).zip(spread) {
            assert_eq!(*g, if v == largest { 2.0 * v } else { 0.0 });
        }
    }
}
