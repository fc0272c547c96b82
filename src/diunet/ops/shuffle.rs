//! Pixel shuffling by two (Shi 2016, arXiv 1609.05158): channels `4 c + 2 a + b` become pixel (2 y + a, 2 x + b) of channel c.

use super::values;
use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, Tensor, bail};
use rayon::prelude::*;

/// `[batch, 4 c, h, w]` to `[batch, c, 2 h, 2 w]`.
pub fn pixel_shuffle(x: &Tensor) -> Result<Tensor> {
    x.contiguous()?.apply_op1(Shuffle { spread: true })
}

/// `[batch, c, 2 h, 2 w]` to `[batch, 4 c, h, w]`, the inverse (space to depth).
pub fn pixel_unshuffle(x: &Tensor) -> Result<Tensor> {
    x.contiguous()?.apply_op1(Shuffle { spread: false })
}

struct Shuffle {
    /// True from channels to pixels.
    spread: bool,
}

impl CustomOp1 for Shuffle {
    fn name(&self) -> &'static str {
        "pixel shuffle"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let x = values(self.name(), storage, layout)?;
        let &[batch, c, h, w] = layout.dims() else { bail!("pixel shuffle wants four dimensions") };
        let mut out = vec![0.0; x.len()];
        if self.spread {
            if c % 4 != 0 {
                bail!("pixel shuffle wants a multiple of four channels, found {c}");
            }
            out.par_chunks_mut(4 * h * w).zip(x.par_chunks(4 * h * w)).for_each(|(to, from)| {
                for (y, row) in to.chunks_exact_mut(2 * w).enumerate() {
                    for b in 0..2 {
                        let source = &from[((2 * (y % 2) + b) * h + y / 2) * w..][..w];
                        row[b..].iter_mut().step_by(2).zip(source).for_each(|(t, f)| *t = *f);
                    }
                }
            });
            Ok((CpuStorage::F32(out), Shape::from((batch, c / 4, 2 * h, 2 * w))))
        } else {
            if h % 2 != 0 || w % 2 != 0 {
                bail!("space to depth wants even sides, found {h} x {w}");
            }
            let (h, w) = (h / 2, w / 2);
            out.par_chunks_mut(4 * h * w).zip(x.par_chunks(4 * h * w)).for_each(|(to, from)| {
                for (n, row) in to.chunks_exact_mut(w).enumerate() {
                    let (part, y) = (n / h, n % h);
                    let source = &from[(2 * y + part / 2) * 2 * w + part % 2..];
                    row.iter_mut().zip(source.iter().step_by(2)).for_each(|(t, f)| *t = *f);
                }
            });
            Ok((CpuStorage::F32(out), Shape::from((batch, 4 * c, h, w))))
        }
    }

    fn bwd(&self, _: &Tensor, _: &Tensor, gradient: &Tensor) -> Result<Option<Tensor>> {
        gradient.contiguous()?.apply_op1_no_bwd(&Self { spread: !self.spread }).map(Some)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::{Device, Var};

    #[test]
    fn it_is_the_shuffle_of_candle_and_its_inverse() {
        let x = Tensor::arange(0f32, 2.0 * 12.0 * 5.0 * 3.0, &Device::Cpu).unwrap().reshape((2, 12, 5, 3)).unwrap();
        let ours = pixel_shuffle(&x).unwrap();
        let theirs = candle_nn::ops::pixel_shuffle(&x, 2).unwrap();
        let flat = |t: &Tensor| t.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        assert_eq!((ours.dims(), flat(&ours)), (theirs.dims(), flat(&theirs)));
        assert_eq!(flat(&pixel_unshuffle(&ours).unwrap()), flat(&x));
        assert!(pixel_unshuffle(&x).is_err());

        let v = Var::from_tensor(&x).unwrap();
        let gradient = (pixel_shuffle(&v).unwrap() * &ours).unwrap().sum_all().unwrap().backward().unwrap();
        assert_eq!(flat(gradient.get(&v).unwrap()), flat(&x));
    }
}
