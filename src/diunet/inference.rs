//! The folded network for one slice: the graph of `network` on blocks of sixteen channels.

use super::blocked::{Block, Convolution, LANES, Pointwise, Size, blocks_of, borrow, from_planes, max_pool, spread};
use super::network::Architecture;
use std::cell::RefCell;

thread_local! {
    static IMAGES: RefCell<Vec<Block>> = const { RefCell::new(Vec::new()) };
    static BETWEEN: RefCell<Vec<Block>> = const { RefCell::new(Vec::new()) };
    static FOUR: RefCell<Vec<Block>> = const { RefCell::new(Vec::new()) };
}

/// The layers, their kernels ready to be applied.
pub struct Inference {
    space_to_depth: bool,
    /// Blocks of the two images that the first level is given.
    stem: [usize; 2],
    ct: Vec<Level>,
    gtv: Vec<Level>,
    fuse: Vec<Pointwise>,
    /// Up to level n: four images, one for every pixel of 2x2.
    up: Vec<Pointwise>,
    decoder: Vec<Level>,
    heads: Pointwise,
}

/// Two convolutions in a row.
struct Level {
    layers: [Convolution; 2],
    /// Blocks of channels of both results.
    blocks: usize,
}

impl Level {
    fn apply(&self, x: &[Block], size: Size, out: &mut [Block]) {
        borrow(&BETWEEN, self.blocks * size[0] * size[1], |between| {
            self.layers[0].apply(x, size, between);
            self.layers[1].apply(between, size, out);
        });
    }
}

impl Inference {
    /// `values` gives a folded tensor by name.
    ///
    /// # Errors
    /// Those of `values`.
    pub fn new<E>(a: &Architecture, values: impl Fn(&str) -> Result<Vec<f32>, E>) -> Result<Self, E> {
        let level = |name: &str, level: usize, inputs: &[usize], outputs: usize| {
            let layer = |part: &str, inputs: &[usize]| {
                let get = |kind: &str| values(&format!("{name}.{level}.{part}.{kind}"));
                Ok::<_, E>(Convolution::new(inputs, get("weight")?, get("bias")?))
            };
            Ok::<_, E>(Level { layers: [layer("a", inputs)?, layer("b", &[outputs])?], blocks: blocks_of(outputs) })
        };
        let stem = if a.space_to_depth { 4 } else { 1 };
        let encoder = |name: &str, channels: usize, widths: &[usize]| {
            let inputs = std::iter::once(channels * stem).chain(widths.iter().copied());
            inputs
                .zip(widths)
                .enumerate()
                .map(|(n, (inputs, outputs))| level(name, n, &[inputs], *outputs))
                .collect::<Result<Vec<_>, E>>()
        };
        let fuse = |(n, (ct, gtv)): (usize, (&usize, &usize))| {
            let get = |kind: &str| values(&format!("fuse.{n}.{kind}"));
            Ok::<_, E>(Pointwise::new(&[*ct, *gtv], get("weight")?, &get("bias")?))
        };
        let ups = a.ct_widths.windows(2).enumerate().map(|(n, w)| {
            let get = |kind: &str| values(&format!("up.{n}.{kind}"));
            // `[from, to, 2, 2]` becomes `[2, 2, to in whole blocks, from]`.
            let (to, from) = (w[0], w[1]);
            let (weight, bias) = (get("weight")?, get("bias")?);
            let padded = blocks_of(to) * LANES;
            let mut turned = vec![0.0; 4 * padded * from];
            for (n, value) in weight.iter().enumerate() {
                let (input, output, pixel) = (n / (4 * to), n / 4 % to, n % 4);
                turned[(pixel * padded + output) * from + input] = *value;
            }
            let mut padded_bias = vec![0.0; 4 * padded];
            padded_bias.chunks_exact_mut(padded).for_each(|part| part[..to].copy_from_slice(&bias));
            Ok::<_, E>(Pointwise::new(&[from], turned, &padded_bias))
        });
        let both = |kind: &str| {
            Ok::<_, E>([values(&format!("head.stations.{kind}"))?, values(&format!("head.ctv.{kind}"))?].concat())
        };
        Ok(Self {
            space_to_depth: a.space_to_depth,
            stem: [a.ct_channels(), a.gtv_channels()].map(|channels| blocks_of(channels * stem)),
            ct: encoder("ct", a.ct_channels(), &a.ct_widths)?,
            gtv: encoder("gtv", a.gtv_channels(), &a.gtv_widths)?,
            fuse: a.ct_widths.iter().zip(&a.gtv_widths).enumerate().map(fuse).collect::<Result<_, E>>()?,
            up: ups.collect::<Result<_, E>>()?,
            decoder: a.ct_widths[..a.levels() - 1]
                .iter()
                .enumerate()
                .map(|(n, width)| level("decoder", n, &[*width; 2], *width))
                .collect::<Result<_, E>>()?,
            heads: Pointwise::new(&[a.ct_widths[0]], both("weight")?, &both("bias")?),
        })
    }

    /// Logits of one slice; all are `[channel][row][column]`, of sides that the levels can halve.
    pub fn run(&self, ct: &[f32], gtv: &[f32], size: Size, stations: &mut [f32], ctv: &mut [f32]) {
        let fold = self.space_to_depth;
        let size = if fold { size.map(|side| side / 2) } else { size };
        // All images lie where they lay for the slice before, so that a core finds its part of them in its own cache.
        borrow(&IMAGES, self.length_of_images(size), |images| {
            let (x, size) = self.features(ct, gtv, size, images);
            self.heads.apply_to_planes(x, size, fold, &mut [stations, ctv]);
        });
    }

    fn length_of_images(&self, [height, width]: Size) -> usize {
        let mut plane = height * width;
        let mut length = self.stem.iter().sum::<usize>() * plane;
        for (ct, gtv) in self.ct.iter().zip(&self.gtv) {
            let both = (ct.blocks + gtv.blocks) * plane;
            length += both + both / 4 + 3 * ct.blocks * plane;
            plane /= 4;
        }
        length
    }

    /// What the heads are given, and its size.
    fn features<'a>(&self, ct: &[f32], gtv: &[f32], size: Size, mut rest: &'a mut [Block]) -> (&'a [Block], Size) {
        let mut image = |blocks: usize, [height, width]: Size| {
            rest.split_off_mut(..blocks * height * width).expect("there is room for all images")
        };
        let mut size = size;
        let mut ct_blocks = self.stem[0] * size[0] * size[1];
        let mut input = image(self.stem[0] + self.stem[1], size);
        from_planes(ct, size, self.space_to_depth, &mut input[..ct_blocks]);
        from_planes(gtv, size, self.space_to_depth, &mut input[ct_blocks..]);
        // Of every level the image that its decoder is given: first what the encoders saw, then what comes from below.
        let mut skips = Vec::with_capacity(self.decoder.len());
        let mut x: &mut [Block] = &mut [];
        for (n, (ct, gtv)) in self.ct.iter().zip(&self.gtv).enumerate() {
            let joined = image(ct.blocks + gtv.blocks, size);
            let ct_out = ct.blocks * size[0] * size[1];
            ct.apply(&input[..ct_blocks], size, &mut joined[..ct_out]);
            gtv.apply(&input[ct_blocks..], size, &mut joined[ct_out..]);
            if n < self.decoder.len() {
                let skip = image(2 * ct.blocks, size);
                self.fuse[n].apply(joined, size, true, &mut skip[..ct_out]);
                skips.push(skip);
                let half = size.map(|side| side / 2);
                input = image(ct.blocks + gtv.blocks, half);
                max_pool(joined, size, input);
                (ct_blocks, size) = (ct_out / 4, half);
            } else {
                x = image(ct.blocks, size);
                self.fuse[n].apply(joined, size, true, x);
            }
        }
        for ((level, up), skip) in self.decoder.iter().zip(&self.up).zip(skips).rev() {
            let from_below = skip.len() / 2;
            borrow(&FOUR, 4 * level.blocks * size[0] * size[1], |four| {
                up.apply(x, size, false, four);
                spread(four, size, &mut skip[from_below..]);
            });
            size = size.map(|side| side * 2);
            x = image(level.blocks, size);
            level.apply(skip, size, x);
        }
        (x, size)
    }
}
