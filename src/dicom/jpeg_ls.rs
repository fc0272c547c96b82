//! JPEG-LS (ISO/IEC 14495-1, ITU-T T.87) of one component of 2 to 16 bits, lossless and near lossless.
//!
//! Names of variables are those of the standard. Nothing is believed: headers are checked, every read is within
//! bounds, and a stream that runs dry is an error.

use super::pixels::PixelFormat;

/// The pixel words of a JPEG-LS stream; `size` is columns and rows.
///
/// # Errors
/// A sentence about what is wrong with the stream.
pub(super) fn decode(stream: &[u8], format: &PixelFormat, size: [usize; 2]) -> Result<Vec<u16>, String> {
    let (header, data) = Header::of(stream, size)?;
    if header.precision > format.bits_allocated {
        return Err(format!("{} bits per pixel came out instead of {}", header.precision, format.bits_allocated));
    }
    let mut words = Scan::new(&header, data).decode(size)?;
    if header.near > 0 && header.precision == 16 {
        format.keep_within_bits_stored(&mut words, header.near);
    }
    Ok(words)
}

/// What the headers say about the scan.
#[derive(Debug, PartialEq, Eq)]
struct Header {
    precision: u16,
    /// Highest value.
    maxval: i32,
    /// Largest deviation of a pixel.
    near: i32,
    /// Borders between the sizes of a gradient.
    thresholds: [i32; 3],
    reset: i32,
}

impl Header {
    /// Reads the segments up to the scan; gives the bytes behind them too.
    fn of(stream: &[u8], [columns, rows]: [usize; 2]) -> Result<(Self, &[u8]), String> {
        let damaged = || "the headers of the compressed pixels are damaged".to_owned();
        let mut rest = stream.strip_prefix(&[0xFF, 0xD8]).ok_or_else(damaged)?;
        let mut precision = None;
        let mut parameters = [0; 5];
        loop {
            let [0xFF, marker, behind @ ..] = rest else { return Err(damaged()) };
            if *marker == 0xFF {
                rest = &rest[1..];
                continue;
            }
            let [high, low, ..] = behind else { return Err(damaged()) };
            let length = usize::from(u16::from_be_bytes([*high, *low]));
            let body = behind.get(2..length).ok_or_else(damaged)?;
            rest = &behind[length..];
            match (marker, body) {
                (0xF7, [bits @ 2..=16, y1, y0, x1, x0, 1, _, _, _]) if precision.is_none() => {
                    let there = [[*x1, *x0], [*y1, *y0]].map(|b| usize::from(u16::from_be_bytes(b)));
                    if there != [columns, rows] || columns == 0 || rows == 0 {
                        return Err(format!(
                            "the compressed picture has {} x {} pixels instead of {columns} x {rows}",
                            there[0], there[1]
                        ));
                    }
                    precision = Some(u16::from(*bits));
                }
                (0xF7 | 0xC0..=0xC3 | 0xC5..=0xCF, _) => {
                    return Err("the compressed picture is no JPEG-LS of one component".to_owned());
                }
                (0xF8, [1, values @ ..]) if values.len() == 10 => {
                    for (parameter, value) in parameters.iter_mut().zip(values.chunks_exact(2)) {
                        *parameter = i32::from(u16::from_be_bytes([value[0], value[1]]));
                    }
                }
                (0xF8, _) => return Err("the compressed picture maps its values, which no CT does".to_owned()),
                (0xDD, interval) if interval.iter().any(|b| *b != 0) => {
                    return Err("the compressed pixels have restart intervals, which cannot be read".to_owned());
                }
                // One component without mapping table; the interleave says nothing then. No point transform.
                (0xDA, [1, _, 0, near, _, 0]) => {
                    let precision = precision.ok_or_else(damaged)?;
                    return Ok((Self::new(precision, i32::from(*near), parameters).ok_or_else(damaged)?, rest));
                }
                (0xDA, _) => return Err("the compressed pixels are of a kind that no CT has".to_owned()),
                (0xD0..=0xD9, _) => return Err(damaged()),
                _ => {}
            }
        }
    }

    /// `parameters` are the highest value, three thresholds and the reset interval, 0 for what the standard
    /// computes (T.87 C.2.4.1.1).
    fn new(precision: u16, near: i32, parameters: [i32; 5]) -> Option<Self> {
        let [maxval, t1, t2, t3, reset] = parameters;
        let highest = (1 << precision) - 1;
        let maxval = if maxval == 0 { highest } else { maxval };
        if maxval > highest || near > (maxval / 2).min(255) {
            return None;
        }
        let usual = |value: i32, low: i32| if value > maxval || value < low { low } else { value };
        let [u1, u2, u3] = if maxval >= 128 {
            let factor = (maxval.min(4095) + 128) / 256;
            [factor + 2 + 3 * near, factor * 4 + 3 + 5 * near, factor * 17 + 4 + 7 * near]
        } else {
            let factor = 256 / (maxval + 1);
            [(3 / factor + 3 * near).max(2), (7 / factor + 5 * near).max(3), (21 / factor + 7 * near).max(4)]
        };
        let t1 = if t1 == 0 { usual(u1, near + 1) } else { t1 };
        let t2 = if t2 == 0 { usual(u2, t1) } else { t2 };
        let t3 = if t3 == 0 { usual(u3, t2) } else { t3 };
        let reset = if reset == 0 { 64 } else { reset };
        let is_ordered = near < t1 && t1 <= t2 && t2 <= t3 && t3 <= maxval;
        // No encoder goes anywhere near the upper end, up to which sums of errors fit 32 bits.
        (is_ordered && (3..1 << 14).contains(&reset)).then_some(Self {
            precision,
            maxval,
            near,
            thresholds: [t1, t2, t3],
            reset,
        })
    }
}

/// Statistics of the errors in one kind of surroundings.
#[derive(Clone, Copy)]
struct Context {
    a: i32,
    b: i32,
    c: i32,
    n: i32,
}

impl Context {
    /// Bits of an error that are not counted out: the smallest k with n << k >= a.
    #[inline(always)]
    fn k(a: i32, n: i32) -> u32 {
        let k = n.leading_zeros().saturating_sub(a.leading_zeros());
        k + u32::from(n << k < a)
    }

    #[inline(always)]
    fn update(&mut self, error: i32, step: i32, reset: i32) {
        self.b += error * step;
        self.a += error.abs();
        if self.n == reset {
            self.a >>= 1;
            self.b >>= 1;
            self.n >>= 1;
        }
        self.n += 1;
        if self.b <= -self.n {
            self.b = (self.b + self.n).max(1 - self.n);
            self.c = (self.c - 1).max(-128);
        } else if self.b > 0 {
            self.b = (self.b - self.n).min(0);
            self.c = (self.c + 1).min(127);
        }
    }
}

/// How much of a run one bit stands for, as a power of two (T.87 A.7.1.1).
const J: [u32; 32] =
    [0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 9, 10, 11, 12, 13, 14, 15];

const CUT_OFF: &str = "the compressed pixels are cut off or damaged";

struct Scan<'a> {
    bits: Bits<'a>,
    maxval: i32,
    near: i32,
    thresholds: [i32; 3],
    reset: i32,
    range: i32,
    qbpp: u32,
    limit: u32,
    contexts: [Context; 365],
    /// Of the pixels that end a run, unequal and equal neighbours.
    run_contexts: [Context; 2],
    /// Errors below zero among those.
    nn: [i32; 2],
    run_index: usize,
}

impl<'a> Scan<'a> {
    fn new(header: &Header, data: &'a [u8]) -> Self {
        let &Header { maxval, near, thresholds, reset, .. } = header;
        let bits_of = |n: i32| 32 - (n - 1).leading_zeros();
        let range = (maxval + 2 * near) / (2 * near + 1) + 1;
        let bpp = bits_of(maxval + 1).max(2);
        let context = Context { a: ((range + 32) / 64).max(2), b: 0, c: 0, n: 1 };
        Self {
            bits: Bits::new(data),
            maxval,
            near,
            thresholds,
            reset,
            range,
            qbpp: bits_of(range),
            limit: 2 * (bpp + bpp.max(8)),
            contexts: [context; 365],
            run_contexts: [context; 2],
            nn: [0; 2],
            run_index: 0,
        }
    }

    fn decode(mut self, [columns, rows]: [usize; 2]) -> Result<Vec<u16>, String> {
        let mut words = Vec::with_capacity(columns * rows);
        let is_plain = self.near == 0 && self.range.count_ones() == 1;
        // One more pixel on either side.
        let (mut above, mut row) = (vec![0; columns + 2], vec![0; columns + 2]);
        for _ in 0..rows {
            row[0] = above[1];
            above[columns + 1] = above[columns];
            let done = if is_plain { self.row::<true>(&above, &mut row) } else { self.row::<false>(&above, &mut row) };
            done.filter(|()| self.bits.valid >= 0).ok_or_else(|| CUT_OFF.to_owned())?;
            words.extend(row[1..=columns].iter().map(|v| *v as u16));
            std::mem::swap(&mut above, &mut row);
        }
        Ok(words)
    }

    /// `above` and `row` start one pixel to the left. `PLAIN` is lossless with all values that the bits can hold.
    #[inline(always)]
    fn row<const PLAIN: bool>(&mut self, above: &[i32], row: &mut [i32]) -> Option<()> {
        let above = &above[..row.len()];
        let end = row.len() - 1;
        let near = if PLAIN { 0 } else { self.near };
        let mut bits = self.bits;
        let mut x = 1;
        let (mut ra, mut rb, mut rc) = (row[0], above[1], above[0]);
        let mut q2 = self.gradient(rb - rc, near);
        while x < end {
            let rd = above[x + 1];
            // The gradient above to the right is the one above of the next pixel.
            let (q1, q3) = (self.gradient(rd - rb, near), self.gradient(rc - ra, near));
            let q = 81 * q1 + 9 * q2 + q3;
            if q == 0 {
                self.bits = bits;
                x = self.run(above, row, x)?;
                bits = self.bits;
                (ra, rb, rc) = (row[x - 1], above[x.min(end)], above[x - 1]);
                q2 = self.gradient(rb - rc, near);
                continue;
            }
            let sign = q >> 31;
            let signed = |value: i32| (value ^ sign) - sign;
            // The middle one of left, above and the plane through all three.
            let median = (ra + rb - rc).max(ra.min(rb)).min(ra.max(rb));
            let context = &mut self.contexts[q.unsigned_abs() as usize];
            let px = (median + signed(context.c)).max(0).min(self.maxval);
            let k = Context::k(context.a, context.n);
            let mapped = bits.golomb(k, self.limit, self.qbpp)?;
            if mapped > 2 * self.range as u32 {
                return None;
            }
            let mut error = (mapped >> 1) as i32 ^ -((mapped & 1) as i32);
            if near == 0 && k == 0 && 2 * context.b <= -context.n {
                error = !error;
            }
            context.update(error, 2 * near + 1, self.reset);
            let value =
                if PLAIN { (px + signed(error)) & self.maxval } else { self.reconstructed(px, signed(error), near) };
            row[x] = value;
            (ra, rc, rb, q2) = (value, rb, rd, q1);
            x += 1;
        }
        self.bits = bits;
        Some(())
    }

    #[inline(always)]
    fn gradient(&self, d: i32, near: i32) -> i32 {
        let size = d.abs();
        let [t1, t2, t3] = self.thresholds;
        let q = i32::from(size > near) + i32::from(size >= t1) + i32::from(size >= t2) + i32::from(size >= t3);
        let sign = d >> 31;
        (q ^ sign) - sign
    }

    #[inline(always)]
    fn reconstructed(&self, px: i32, error: i32, near: i32) -> i32 {
        let step = 2 * near + 1;
        let mut value = px + error * step;
        if value < -near {
            value += self.range * step;
        } else if value > self.maxval + near {
            value -= self.range * step;
        }
        value.clamp(0, self.maxval)
    }

    /// Pixels like the one to the left, and the one that ends them; gives the place behind it.
    fn run(&mut self, above: &[i32], row: &mut [i32], start: usize) -> Option<usize> {
        let end = row.len() - 1;
        let ra = row[start - 1];
        let mut x = start;
        while self.bits.take(1) == 1 {
            let whole = 1 << J[self.run_index];
            let count = whole.min(end - x);
            row[x..x + count].fill(ra);
            x += count;
            if count == whole {
                self.run_index = (self.run_index + 1).min(31);
            }
            if x == end {
                return Some(x);
            }
        }
        let count = self.bits.take(J[self.run_index]) as usize;
        // At least the pixel that ends the run must remain.
        if count >= end - x {
            return None;
        }
        row[x..x + count].fill(ra);
        x += count;
        let rb = above[x];
        let are_equal = (ra - rb).abs() <= self.near;
        let kind = usize::from(are_equal);
        let context = &mut self.run_contexts[kind];
        let k = Context::k(context.a + if are_equal { context.n >> 1 } else { 0 }, context.n);
        let mapped = self.bits.golomb(k, self.limit - J[self.run_index] - 1, self.qbpp)?;
        if mapped > 2 * self.range as u32 {
            return None;
        }
        // Twice the size of the error, less one for one of the signs.
        let twice = mapped as i32 + kind as i32;
        let size = (twice + 1) >> 1;
        let odd_is_positive = k == 0 && 2 * self.nn[kind] < context.n;
        let error = if (twice & 1 == 1) == odd_is_positive { size } else { -size };
        self.nn[kind] += i32::from(error < 0);
        context.a += (mapped as i32 + 1 - kind as i32) >> 1;
        if context.n == self.reset {
            context.a >>= 1;
            context.n >>= 1;
            self.nn[kind] >>= 1;
        }
        context.n += 1;
        let (px, is_negative) = if are_equal { (ra, false) } else { (rb, ra > rb) };
        row[x] = self.reconstructed(px, if is_negative { -error } else { error }, self.near);
        self.run_index = self.run_index.saturating_sub(1);
        Some(x + 1)
    }
}

/// The bits of a scan, in which seven bits follow a byte FF.
#[derive(Clone, Copy)]
struct Bits<'a> {
    data: &'a [u8],
    /// The next byte, and the next FF from there on.
    at: usize,
    next_ff: usize,
    /// The next bits, the first one highest; zeros once the stream is over.
    cache: u64,
    /// How many of them are counted; below zero once more were taken than there are.
    valid: i32,
    is_behind_ff: bool,
    is_over: bool,
}

impl<'a> Bits<'a> {
    fn new(data: &'a [u8]) -> Self {
        let bits = Self { data, at: 0, next_ff: 0, cache: 0, valid: 0, is_behind_ff: false, is_over: false };
        bits.with_next_ff()
    }

    fn with_next_ff(mut self) -> Self {
        let rest = self.data.get(self.at..).unwrap_or_default();
        self.next_ff = self.at + rest.iter().position(|b| *b == 0xFF).unwrap_or(rest.len());
        self
    }

    /// Afterwards at least 56 bits are there, unless the stream ends.
    #[inline(always)]
    fn fill(&mut self) {
        if !self.is_behind_ff
            && self.at + 8 <= self.next_ff
            && self.valid >= 0
            && let Some(eight) = self.data.get(self.at..self.at + 8).and_then(|b| <[u8; 8]>::try_from(b).ok())
        {
            // Bits of a byte that is not counted yet come again.
            let bytes = (63 - self.valid) >> 3;
            self.cache |= u64::from_be_bytes(eight) >> self.valid;
            self.at += bytes as usize;
            self.valid += bytes * 8;
        } else {
            *self = self.filled_bytewise();
        }
    }

    #[inline(never)]
    fn filled_bytewise(mut self) -> Self {
        while self.valid < 56 && !self.is_over {
            match self.data.get(self.at) {
                // An FF before a high bit is of a marker.
                Some(byte) if *byte != 0xFF || self.data.get(self.at + 1).is_some_and(|next| *next < 0x80) => {
                    let bits = if self.is_behind_ff { 7 } else { 8 };
                    self.cache |= u64::from(*byte) << (64 - bits - self.valid);
                    self.valid += bits;
                    self.at += 1;
                    let was_behind_ff = std::mem::replace(&mut self.is_behind_ff, *byte == 0xFF);
                    if was_behind_ff {
                        self = self.with_next_ff();
                    }
                }
                _ => self.is_over = true,
            }
        }
        self
    }

    #[inline(always)]
    fn skip(&mut self, count: u32) {
        self.cache <<= count;
        self.valid -= count as i32;
    }

    /// Up to 17 bits.
    #[inline(always)]
    fn take(&mut self, count: u32) -> u32 {
        if self.valid < 17 {
            self.fill();
        }
        let value = (self.cache >> 1 >> (63 - count)) as u32;
        self.skip(count);
        value
    }

    /// A number of which the upper part is counted out in zeros and the lower `k` bits follow; a count that reaches
    /// the limit stands for all `qbpp` bits of the number (T.87 A.5.3).
    #[inline(always)]
    fn golomb(&mut self, k: u32, limit: u32, qbpp: u32) -> Option<u32> {
        if self.valid < 40 {
            self.fill();
        }
        let zeros = self.cache.leading_zeros();
        let most = limit - qbpp - 1;
        if zeros < most && (zeros + 1 + k) as i32 <= self.valid {
            let low = (self.cache << (zeros + 1) >> 1 >> (63 - k)) as u32;
            self.skip(zeros + 1 + k);
            return Some(zeros << k | low);
        }
        *self = self.of_long_code();
        let zeros = self.cache.leading_zeros();
        if zeros > most || k > 17 {
            return None;
        }
        self.skip(zeros + 1);
        Some(if zeros == most { self.take(qbpp) + 1 } else { zeros << k | self.take(k) })
    }

    #[inline(never)]
    fn of_long_code(mut self) -> Self {
        self.fill();
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of T.87 H.3: 4 x 4 pixels of 8 bits.
    const EXAMPLE: [u8; 41] = [
        0xFF, 0xD8, 0xFF, 0xF7, 0, 11, 8, 0, 4, 0, 4, 1, 1, 0x11, 0, 0xFF, 0xDA, 0, 8, 1, 1, 0, 0, 0, 0, 0xC0, 0, 0,
        0x6C, 0x80, 0x20, 0x8E, 0x01, 0xC0, 0, 0, 0x57, 0x40, 0, 0, 0x6E,
    ];
    const PIXELS: [u16; 16] = [0, 0, 90, 74, 68, 50, 43, 205, 64, 145, 145, 145, 100, 145, 145, 145];

    fn format(bits_allocated: u16, bits_stored: u16, signed: bool) -> PixelFormat {
        PixelFormat {
            bits_allocated,
            bits_stored,
            high_bit: bits_stored - 1,
            signed,
            samples_per_pixel: 1,
            slope: 1.0,
            intercept: 0.0,
            rescaled: true,
            rescale_type: String::new(),
            padding: None,
        }
    }

    fn example() -> Vec<u8> {
        [&EXAMPLE[..], &[0xE6, 0, 0, 1, 0xBC, 0x18, 0, 0, 5, 0xD8, 0, 0, 0x91, 0x60, 0xFF, 0xD9]].concat()
    }

    #[test]
    fn the_example_of_the_standard_comes_out() {
        assert_eq!(decode(&example(), &format(8, 8, false), [4, 4]).as_deref(), Ok(&PIXELS[..]));
        // Any interleave means the same for one component; sixteen bits allocated hold eight.
        let mut other = example();
        other[23] = 1;
        assert_eq!(decode(&other, &format(16, 8, false), [4, 4]).as_deref(), Ok(&PIXELS[..]));
        // A segment of parameters that are all as usual changes nothing.
        let parameters = [0xFF, 0xF8, 0, 13, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        other.splice(15..15, parameters);
        assert_eq!(decode(&other, &format(8, 8, false), [4, 4]).as_deref(), Ok(&PIXELS[..]));
    }

    #[test]
    fn damaged_and_cut_off_streams_are_errors_or_pictures_and_nothing_worse() {
        let (whole, format) = (example(), format(16, 12, true));
        for at in 0..whole.len() {
            for value in 0..=255 {
                let mut stream = whole.clone();
                stream[at] = value;
                let decoded = decode(&stream, &format, [4, 4]);
                assert!(decoded.is_err() || decoded.is_ok_and(|words| words.len() == 16));
            }
            let cut = decode(&whole[..at], &format, [4, 4]);
            assert!(cut.is_err() || at >= whole.len() - 2, "{at} of {}: {cut:?}", whole.len());
        }
        // Parameters of any kind.
        for at in 0..10 {
            for value in 0..=255 {
                let mut parameters = [0xFF, 0xF8, 0, 13, 1, 0, 255, 0, 3, 0, 7, 0, 21, 0, 64];
                parameters[5 + at] = value;
                let mut stream = whole.clone();
                stream.splice(15..15, parameters);
                let decoded = decode(&stream, &format, [4, 4]);
                assert!(decoded.is_err() || decoded.is_ok_and(|words| words.len() == 16));
            }
        }
        assert!(decode(&whole, &format, [4, 5]).is_err() && decode(&[], &format, [4, 4]).is_err());
        assert!(decode(&whole, &self::format(8, 8, false), [0, 0]).is_err());
    }
}
