//! Sixteen channels of a pixel as one value, and the registers of this processor that work on it.

use pulp::{Arch, Simd, WithSimd};

/// Channels of a block.
pub const LANES: usize = 16;

/// Sixteen neighbouring channels of one pixel.
#[derive(Debug, Clone, Copy, PartialEq)]
#[repr(C, align(64))]
pub struct Block(pub [f32; LANES]);

impl Block {
    pub const ZERO: Self = Self([0.0; LANES]);
}

/// So many blocks hold `channels`.
pub const fn blocks_of(channels: usize) -> usize {
    channels.div_ceil(LANES)
}

/// A block in registers: `V` of them, 16 / V lanes each.
pub type Wide<S, const V: usize> = [<S as Simd>::f32s; V];

/// Work that is compiled once for every kind of processor.
pub trait Job: Sized {
    type Output;
    fn run<S: Simd, const V: usize>(self, simd: S) -> Self::Output;
}

/// Runs the work with the widest registers that this processor has.
pub fn run<J: Job>(job: J) -> J::Output {
    struct Chosen<J>(J);
    impl<J: Job> WithSimd for Chosen<J> {
        type Output = J::Output;

        #[inline(always)]
        fn with_simd<S: Simd>(self, simd: S) -> J::Output {
            match S::F32_LANES {
                16 => self.0.run::<S, 1>(simd),
                8 => self.0.run::<S, 2>(simd),
                4 => self.0.run::<S, 4>(simd),
                _ => self.0.run::<S, 16>(simd),
            }
        }
    }
    processor().dispatch(Chosen(job))
}

/// What this processor can do.
fn processor() -> Arch {
    #[cfg(test)]
    if let Some(kind) = forced::KIND.get() {
        return kind;
    }
    Arch::new()
}

#[inline(always)]
pub fn load<S: Simd, const V: usize>(simd: S, block: &Block) -> Wide<S, V> {
    let (all, _) = S::as_simd_f32s(&block.0);
    let mut wide = [simd.splat_f32s(0.0); V];
    wide.copy_from_slice(&all[..V]);
    wide
}

#[inline(always)]
pub fn store<S: Simd, const V: usize>(_: S, block: &mut Block, wide: Wide<S, V>) {
    let (all, _) = S::as_mut_simd_f32s(&mut block.0);
    all[..V].copy_from_slice(&wide);
}

#[inline(always)]
pub fn splat<S: Simd, const V: usize>(simd: S, value: f32) -> Wide<S, V> {
    [simd.splat_f32s(value); V]
}

#[inline(always)]
pub fn add<S: Simd, const V: usize>(simd: S, mut a: Wide<S, V>, b: Wide<S, V>) -> Wide<S, V> {
    for v in 0..V {
        a[v] = simd.add_f32s(a[v], b[v]);
    }
    a
}

#[inline(always)]
pub fn sub<S: Simd, const V: usize>(simd: S, mut a: Wide<S, V>, b: Wide<S, V>) -> Wide<S, V> {
    for v in 0..V {
        a[v] = simd.sub_f32s(a[v], b[v]);
    }
    a
}

#[inline(always)]
pub fn max<S: Simd, const V: usize>(simd: S, mut a: Wide<S, V>, b: Wide<S, V>) -> Wide<S, V> {
    for v in 0..V {
        a[v] = simd.max_f32s(a[v], b[v]);
    }
    a
}

/// `a + b times`.
#[inline(always)]
pub fn add_times<S: Simd, const V: usize>(simd: S, mut a: Wide<S, V>, b: Wide<S, V>, times: f32) -> Wide<S, V> {
    let times = simd.splat_f32s(times);
    for v in 0..V {
        a[v] = simd.mul_add_e_f32s(b[v], times, a[v]);
    }
    a
}

/// Tests also run what is written for less than this processor.
#[cfg(test)]
pub mod forced {
    use pulp::Arch;
    use std::cell::Cell;

    thread_local! {
        pub static KIND: Cell<Option<Arch>> = const { Cell::new(None) };
    }

    /// Kinds of processors whose code runs here.
    pub fn kinds() -> Vec<Arch> {
        let mut kinds = vec![Arch::Scalar, Arch::new()];
        #[cfg(target_arch = "x86_64")]
        kinds.extend(pulp::x86::V3::try_new().map(Arch::V3));
        kinds
    }

    /// Does the work in one thread as if the processor were of this kind.
    pub fn on(kind: Arch, work: impl FnOnce() + Send) {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
        pool.install(|| {
            KIND.set(Some(kind));
            work();
        });
    }
}
