//! Lossless JPEG (ITU-T T.81 process 14: Huffman coding, predictors 1 to 7) of one component of 2 to 16 bits: the
//! compression that most archives use for CT.
//!
//! The scan is freed of its stuffed bytes first; then one look at a table gives most differences whole, length and
//! value. Nothing is believed: every read is within bounds, and a stream that runs dry is an error.

/// The pixel words of a stream; `size` is columns and rows.
///
/// # Errors
/// A sentence about what is wrong with the stream.
pub(super) fn decode(stream: &[u8], size: [usize; 2]) -> Result<Vec<u16>, String> {
    let (scan, data) = Scan::of(stream, size)?;
    let [columns, rows] = size;
    let mut samples = vec![0u16; columns * rows];
    let mut rest = data;
    // A restart interval is a number of whole rows.
    for interval in samples.chunks_mut(columns * scan.rows_of_interval.min(rows)) {
        let (bytes, after) = without_stuffing(rest);
        let mut bits = Bits { bytes: &bytes, at: 0 };
        scan.decode_interval(&mut bits, interval, columns)?;
        // Behind the true bytes lie zeros to look into, which no difference may come from.
        if bits.at > (bytes.len() - PADDING) * 8 {
            return Err(CUT_OFF.to_owned());
        }
        rest = match after {
            [0xFF, 0xD0..=0xD7, after @ ..] => after,
            _ => &[],
        };
    }
    if scan.point_transform > 0 {
        for sample in &mut samples {
            *sample <<= scan.point_transform;
        }
    }
    Ok(samples)
}

const CUT_OFF: &str = "the compressed pixels are cut off or damaged";

/// What the headers say about the scan.
struct Scan {
    table: Table,
    predictor: u8,
    point_transform: u8,
    /// Of the first sample: half of the range.
    start: u16,
    rows_of_interval: usize,
}

impl Scan {
    /// Reads the segments up to the scan; gives the bytes behind them too.
    fn of(stream: &[u8], [columns, rows]: [usize; 2]) -> Result<(Self, &[u8]), String> {
        let damaged = || "the headers of the compressed pixels are damaged".to_owned();
        let mut rest = stream.strip_prefix(&[0xFF, 0xD8]).ok_or_else(damaged)?;
        let mut tables = [const { None }; 4];
        let mut precision = None;
        let mut restart = 0;
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
                (0xC3, [bits @ 2..=16, y1, y0, x1, x0, 1, _, _, _]) if precision.is_none() => {
                    let there = [[*x1, *x0], [*y1, *y0]].map(|b| usize::from(u16::from_be_bytes(b)));
                    if there != [columns, rows] || columns == 0 || rows == 0 {
                        return Err(format!(
                            "the compressed picture has {} x {} pixels instead of {columns} x {rows}",
                            there[0], there[1]
                        ));
                    }
                    precision = Some(*bits);
                }
                (0xC3 | 0xC0..=0xC2 | 0xC5..=0xCF, _) => {
                    return Err("the compressed picture is no lossless JPEG of one component".to_owned());
                }
                (0xC4, _) => read_tables(body, &mut tables).ok_or_else(damaged)?,
                (0xDD, [high, low]) => restart = usize::from(u16::from_be_bytes([*high, *low])),
                (0xDA, [1, _, table, predictor @ 1..=7, _, transform]) => {
                    let precision = precision.ok_or_else(damaged)?;
                    let point_transform = transform & 15;
                    if point_transform >= precision {
                        return Err(damaged());
                    }
                    if restart % columns != 0 {
                        return Err("the compressed pixels restart within a row".to_owned());
                    }
                    let table = tables.get_mut(usize::from(table >> 4)).and_then(Option::take).ok_or_else(damaged)?;
                    let scan = Self {
                        table,
                        predictor: *predictor,
                        point_transform,
                        start: 1 << (precision - point_transform - 1),
                        rows_of_interval: if restart == 0 { rows } else { restart / columns },
                    };
                    return Ok((scan, rest));
                }
                (0xD0..=0xDA, _) => return Err(damaged()),
                _ => {}
            }
        }
    }

    fn decode_interval(&self, bits: &mut Bits, samples: &mut [u16], columns: usize) -> Result<(), String> {
        match self.predictor {
            1 => self.predicted(bits, samples, columns, |a, _, _| a),
            2 => self.predicted(bits, samples, columns, |_, b, _| b),
            3 => self.predicted(bits, samples, columns, |_, _, c| c),
            4 => self.predicted(bits, samples, columns, |a, b, c| a + b - c),
            5 => self.predicted(bits, samples, columns, |a, b, c| a + ((b - c) >> 1)),
            6 => self.predicted(bits, samples, columns, |a, b, c| b + ((a - c) >> 1)),
            _ => self.predicted(bits, samples, columns, |a, b, _| (a + b) >> 1),
        }
        .ok_or_else(|| CUT_OFF.to_owned())
    }

    /// `predict` gets the samples to the left, above, and above to the left (T.81 table H.1); arithmetic is modulo
    /// 2^16.
    #[inline(always)]
    fn predicted(
        &self,
        bits: &mut Bits,
        samples: &mut [u16],
        columns: usize,
        predict: impl Fn(i32, i32, i32) -> i32,
    ) -> Option<()> {
        let (first, others) = samples.split_at_mut(columns.min(samples.len()));
        let mut left = self.start;
        for sample in first.iter_mut() {
            left = left.wrapping_add(bits.difference(&self.table)?);
            *sample = left;
        }
        let mut above: &[u16] = first;
        for row in others.chunks_exact_mut(columns) {
            let mut left = above[0].wrapping_add(bits.difference(&self.table)?);
            row[0] = left;
            for (sample, pair) in row[1..].iter_mut().zip(above.windows(2)) {
                let prediction = predict(i32::from(left), i32::from(pair[1]), i32::from(pair[0])) as u16;
                left = prediction.wrapping_add(bits.difference(&self.table)?);
                *sample = left;
            }
            above = row;
        }
        Some(())
    }
}

/// Bits that one look takes in. Longer differences are found in two steps.
const LOOK: u32 = 12;

/// A Huffman table of difference categories (T.81 H.1.2.2), spread out for looking up.
struct Table {
    /// For every pattern of [`LOOK`] bits: the difference and how many bits it took with its code; 0 where that is
    /// more than the pattern has.
    looked_up: Vec<(u16, u8)>,
    /// Codes of each length 1 to 16: the first code behind them, left aligned in 16 bits, and where their
    /// categories start, less the first code.
    ends: [u32; 16],
    starts: [i32; 16],
    categories: Vec<u8>,
}

/// One segment may define several tables.
fn read_tables(mut body: &[u8], tables: &mut [Option<Table>; 4]) -> Option<()> {
    while let Some((place, rest)) = body.split_first() {
        let (counts, rest) = rest.split_at_checked(16)?;
        let total = counts.iter().map(|c| usize::from(*c)).sum();
        let (categories, rest) = rest.split_at_checked(total)?;
        // Tables of class 1 are of other processes.
        if let Some(table) = tables.get_mut(usize::from(*place)) {
            *table = Some(Table::new(counts.try_into().ok()?, categories)?);
        }
        body = rest;
    }
    Some(())
}

impl Table {
    fn new(counts: &[u8; 16], categories: &[u8]) -> Option<Self> {
        if categories.iter().any(|c| *c > 16) {
            return None;
        }
        let (mut code, mut index) = (0u32, 0i32);
        let (mut ends, mut starts) = ([0; 16], [0; 16]);
        for n in 0..16 {
            let count = u32::from(counts[n]);
            starts[n] = index - code as i32;
            code += count;
            index += count as i32;
            if code > 1 << (n + 1) {
                return None;
            }
            ends[n] = code << (15 - n);
            code <<= 1;
        }
        let mut table = Self { looked_up: Vec::new(), ends, starts, categories: categories.to_vec() };
        table.looked_up = (0..1u64 << LOOK)
            .map(|pattern| match table.step_by_step(pattern << (64 - LOOK)) {
                Some((difference, bits)) if bits <= LOOK => (difference, bits as u8),
                _ => (0, 0),
            })
            .collect();
        Some(table)
    }

    /// The difference that starts at the highest bit, modulo 2^16, and how many bits it takes.
    fn step_by_step(&self, bits: u64) -> Option<(u16, u32)> {
        let front = (bits >> 48) as u32;
        let n = self.ends.iter().position(|end| front < *end)?;
        let code = front >> (15 - n);
        let category = u32::from(*self.categories.get(usize::try_from(self.starts[n] + code as i32).ok()?)?);
        let length = n as u32 + 1;
        Some(match category {
            0 => (0, length),
            16 => (1 << 15, length),
            _ => {
                let value = ((bits << length) >> (64 - category)) as u32;
                // The lower half of the values is negative.
                let low = if value >> (category - 1) == 0 { (1 << category) - 1 } else { 0 };
                ((value.wrapping_sub(low)) as u16, length + category)
            }
        })
    }
}

/// Zeros behind the bytes, so that eight can always be looked at.
const PADDING: usize = 8;

struct Bits<'a> {
    bytes: &'a [u8],
    /// The next bit.
    at: usize,
}

impl Bits<'_> {
    #[inline(always)]
    fn difference(&mut self, table: &Table) -> Option<u16> {
        let start = self.at >> 3;
        let eight: [u8; 8] = self.bytes.get(start..start + 8)?.try_into().ok()?;
        // At least 57 bits, of which no difference takes more than 31.
        let bits = u64::from_be_bytes(eight) << (self.at & 7);
        let (difference, length) = table.looked_up[(bits >> (64 - LOOK)) as usize];
        if length > 0 {
            self.at += usize::from(length);
            return Some(difference);
        }
        let (difference, length) = table.step_by_step(bits)?;
        self.at += length as usize;
        Some(difference)
    }
}

/// The bytes up to the next marker without the zeros stuffed behind FF, padded; and what starts with the marker.
fn without_stuffing(data: &[u8]) -> (Vec<u8>, &[u8]) {
    let mut bytes = Vec::with_capacity(data.len() + PADDING);
    let mut rest = data;
    let after = loop {
        let Some(at) = rest.iter().position(|b| *b == 0xFF) else {
            bytes.extend_from_slice(rest);
            break &[][..];
        };
        bytes.extend_from_slice(&rest[..at]);
        match rest.get(at + 1) {
            Some(0) => {
                bytes.push(0xFF);
                rest = &rest[at + 2..];
            }
            // Fill bytes before a marker.
            Some(0xFF) => rest = &rest[at + 1..],
            Some(_) => break &rest[at..],
            None => break &[],
        }
    };
    bytes.extend_from_slice(&[0; PADDING]);
    (bytes, after)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Three codes of 2 bits, then one of each length, for the categories in their order.
    const COUNTS: [u8; 16] = [0, 3, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1];

    struct Writer {
        bytes: Vec<u8>,
        pending: u64,
        bits: u32,
    }

    impl Writer {
        fn put(&mut self, value: u32, bits: u32) {
            self.pending = self.pending << bits | u64::from(value);
            self.bits += bits;
            while self.bits >= 8 {
                self.bits -= 8;
                let byte = (self.pending >> self.bits) as u8;
                self.bytes.push(byte);
                if byte == 0xFF {
                    self.bytes.push(0);
                }
            }
        }

        fn flush(&mut self) {
            let fill = (8 - self.bits % 8) % 8;
            self.put((1 << fill) - 1, fill);
        }
    }

    /// An encoder as the standard draws it.
    fn encode(
        samples: &[u16],
        columns: usize,
        precision: u8,
        predictor: u8,
        transform: u8,
        restart_rows: usize,
    ) -> Vec<u8> {
        let rows = samples.len() / columns;
        let [y1, y0] = (rows as u16).to_be_bytes();
        let [x1, x0] = (columns as u16).to_be_bytes();
        let mut out = vec![0xFF, 0xD8, 0xFF, 0xC3, 0, 11, precision, y1, y0, x1, x0, 1, 1, 0x11, 0];
        out.extend([0xFF, 0xC4, 0, 36, 0]);
        out.extend(COUNTS);
        out.extend(0..=16);
        if restart_rows > 0 {
            let [high, low] = ((restart_rows * columns) as u16).to_be_bytes();
            out.extend([0xFF, 0xDD, 0, 4, high, low]);
        }
        out.extend([0xFF, 0xDA, 0, 8, 1, 1, 0, predictor, 0, transform]);
        let mut w = Writer { bytes: Vec::new(), pending: 0, bits: 0 };
        let mut marker = 0;
        for row in 0..rows {
            let is_start = row == 0 || restart_rows > 0 && row % restart_rows == 0;
            if is_start && row > 0 {
                w.flush();
                w.bytes.extend([0xFF, 0xD0 + marker]);
                marker = (marker + 1) % 8;
            }
            for column in 0..columns {
                let at = |row: usize, column: usize| i32::from(samples[row * columns + column] >> transform);
                let prediction = if is_start && column == 0 {
                    1 << (precision - transform - 1)
                } else if is_start {
                    at(row, column - 1)
                } else if column == 0 {
                    at(row - 1, 0)
                } else {
                    let (a, b, c) = (at(row, column - 1), at(row - 1, column), at(row - 1, column - 1));
                    [a, b, c, a + b - c, a + ((b - c) >> 1), b + ((a - c) >> 1), (a + b) >> 1]
                        [usize::from(predictor) - 1]
                };
                let difference = i32::from((at(row, column) - prediction) as i16);
                let category = if difference == -32768 { 16 } else { 32 - difference.unsigned_abs().leading_zeros() };
                let length = category.max(2);
                let code = if category < 3 { category } else { (1 << length) - 2 };
                w.put(code, length);
                if category < 16 {
                    let value = if difference < 0 { difference - 1 } else { difference };
                    w.put(value as u32 & ((1u32 << category) - 1), category);
                }
            }
        }
        w.flush();
        out.extend(w.bytes);
        out.extend([0xFF, 0xD9]);
        out
    }

    /// Smooth, noisy, and extreme by turns.
    fn picture(columns: usize, rows: usize, precision: u8) -> Vec<u16> {
        let mask = ((1u32 << precision) - 1) as u16;
        let mut state = 12345u32;
        (0..columns * rows)
            .map(|n| {
                state = state.wrapping_mul(1664525).wrapping_add(1013904223);
                match n / columns % 3 {
                    0 => (n * 7) as u16 & mask,
                    1 => (state >> 16) as u16 & mask,
                    _ => {
                        if state >> 31 == 0 {
                            0
                        } else {
                            mask
                        }
                    }
                }
            })
            .collect()
    }

    #[test]
    fn every_predictor_and_precision_comes_back() {
        for precision in [2, 8, 12, 15, 16] {
            for predictor in 1..=7 {
                for (restart_rows, transform) in [(0, 0), (1, 0), (2, 0), (0, 1)] {
                    let samples: Vec<u16> =
                        picture(13, 9, precision).into_iter().map(|s| s >> transform << transform).collect();
                    let stream = encode(&samples, 13, precision, predictor, transform, restart_rows);
                    let decoded = decode(&stream, [13, 9]);
                    assert_eq!(
                        decoded.as_ref(),
                        Ok(&samples),
                        "{precision} bits, predictor {predictor}, {restart_rows} {transform}"
                    );
                }
            }
        }
        let stream = encode(&[7], 1, 8, 1, 0, 0);
        assert_eq!(decode(&stream, [1, 1]), Ok(vec![7]));
    }

    #[test]
    fn damaged_and_cut_off_streams_are_errors_or_pictures_and_nothing_worse() {
        let samples = picture(6, 6, 12);
        let whole = encode(&samples, 6, 12, 4, 0, 3);
        for at in 0..whole.len() {
            for value in 0..=255 {
                let mut stream = whole.clone();
                stream[at] = value;
                assert!(decode(&stream, [6, 6]).is_ok_and(|s| s.len() == 36) || decode(&stream, [6, 6]).is_err());
            }
            let cut = decode(&whole[..at], [6, 6]);
            assert!(cut.is_err() || at >= whole.len() - 3, "{at} of {}: {cut:?}", whole.len());
        }
        assert!(decode(&whole, [6, 5]).is_err() && decode(&[], [6, 6]).is_err() && decode(&whole, [0, 0]).is_err());
    }
}
