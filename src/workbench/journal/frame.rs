//! The framing of a journal: records one after the other, each with its length and a checksum, so that a tail that was
//! torn off by a crash or a full disk is recognised and everything before it is kept.
//!
//! A file starts with [`MAGIC`]. A frame is, in little endian: length of the payload (u32), kind (u8), time (u64, ms since
//! 1970), state of the history that it leads to (u64), the first 8 bytes of the SHA-256 over the number of the frame and
//! all of the above and the payload; then the payload, deflated JSON or nothing.

use crate::words::{keep, t};
use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;
use sha2::{Digest as _, Sha256};
use std::io::{self, Read, Seek, SeekFrom, Write as _};

/// The first bytes of every journal; the digit is the version of this framing.
pub const MAGIC: &[u8; 8] = b"HILUMJ1\n";
/// Why a journal is torn whose writer ended in the middle of a record; of that record nothing was ever promised.
pub const UNFINISHED: &str = keep("the last record was not written to its end");
const HEAD: usize = 29;
/// No record is larger than this, bytes unpacked; a length beyond it is damage.
const MOST: u64 = 1 << 30;

/// What a record says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    /// Which case it is; the first record.
    Identity = 1,
    /// What the case held before the first step; the second record.
    Contents = 2,
    Step = 3,
    Undo = 4,
    Redo = 5,
    /// The state is safe in a file that was exported.
    Exported = 6,
    /// This journal holds all that another one held.
    Replaces = 7,
}

impl Kind {
    fn of(byte: u8) -> Option<Self> {
        [Self::Identity, Self::Contents, Self::Step, Self::Undo, Self::Redo, Self::Exported, Self::Replaces]
            .into_iter()
            .find(|kind| *kind as u8 == byte)
    }
}

/// One record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    pub kind: Kind,
    /// Milliseconds since 1970.
    pub at_ms: u64,
    /// State of the history after it.
    pub state: u64,
    /// As written: deflated JSON, or nothing.
    pub payload: Vec<u8>,
}

impl Frame {
    /// A record without a payload.
    pub fn bare(kind: Kind, at_ms: u64, state: u64) -> Self {
        Self { kind, at_ms, state, payload: Vec::new() }
    }

    /// A record that holds a value.
    ///
    /// # Errors
    /// Where the value cannot be JSON.
    pub fn of<T: serde::Serialize>(kind: Kind, at_ms: u64, state: u64, value: &T) -> io::Result<Self> {
        // Number by number the packing would clear its buffer each time.
        let text = serde_json::to_vec(value)?;
        let mut packed = DeflateEncoder::new(Vec::new(), Compression::fast());
        packed.write_all(&text)?;
        Ok(Self { kind, at_ms, state, payload: packed.finish()? })
    }

    /// The value that the record holds.
    ///
    /// # Errors
    /// Where it is another one.
    pub fn value<T: serde::de::DeserializeOwned>(&self) -> io::Result<T> {
        let mut text = Vec::new();
        DeflateDecoder::new(self.payload.as_slice()).take(MOST).read_to_end(&mut text)?;
        Ok(serde_json::from_slice(&text)?)
    }

    /// The bytes of the record as number `index` of its file, from 0.
    pub fn bytes(&self, index: u64) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(HEAD + self.payload.len());
        bytes.extend((self.payload.len() as u32).to_le_bytes());
        bytes.push(self.kind as u8);
        bytes.extend(self.at_ms.to_le_bytes());
        bytes.extend(self.state.to_le_bytes());
        let check = checksum(index, &bytes, &self.payload);
        bytes.extend(check);
        bytes.extend(&self.payload);
        bytes
    }
}

fn checksum(index: u64, head: &[u8], payload: &[u8]) -> [u8; 8] {
    let mut hash = Sha256::new();
    hash.update(index.to_le_bytes());
    hash.update(head);
    hash.update(payload);
    let mut short = [0; 8];
    short.copy_from_slice(&hash.finalize()[..8]);
    short
}

/// How a journal ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    Whole,
    /// What follows cannot be read; how many bytes, and why.
    Torn {
        bytes: u64,
        why: &'static str,
    },
}

/// Reads the records of a journal one by one, until the end or to where it is damaged.
pub struct Frames<R> {
    from: R,
    length: u64,
    at: u64,
    index: u64,
    end: Option<End>,
}

impl<R: Read + Seek> Frames<R> {
    /// # Errors
    /// Where the file cannot be read, or is no journal.
    pub fn new(mut from: R) -> io::Result<Self> {
        let length = from.seek(SeekFrom::End(0))?;
        from.rewind()?;
        let mut magic = [0; 8];
        let read = from.read_exact(&mut magic);
        if read.is_err() || magic != *MAGIC {
            return Err(io::Error::new(io::ErrorKind::InvalidData, t("this is no journal of this program")));
        }
        Ok(Self { from, length, at: MAGIC.len() as u64, index: 0, end: None })
    }

    /// How the journal ends, once everything was read.
    pub fn end(&self) -> Option<&End> {
        self.end.as_ref()
    }

    /// How many bytes from the beginning are whole records.
    pub fn whole_bytes(&self) -> u64 {
        self.at
    }

    fn torn<T>(&mut self, why: &'static str) -> Option<T> {
        self.end = Some(End::Torn { bytes: self.length - self.at, why });
        None
    }

    fn head(&mut self) -> Option<([u8; HEAD], Kind, u64)> {
        if self.end.is_some() {
            return None;
        }
        if self.at == self.length {
            self.end = Some(End::Whole);
            return None;
        }
        let mut head = [0; HEAD];
        if self.length - self.at < HEAD as u64 {
            return self.torn(UNFINISHED);
        }
        if self.from.read_exact(&mut head).is_err() {
            return self.torn(t("the disk does not give it back"));
        }
        let length = u64::from(u32::from_le_bytes([head[0], head[1], head[2], head[3]]));
        let Some(kind) = Kind::of(head[4]) else { return self.torn(t("a record is damaged")) };
        if length > self.length - self.at - HEAD as u64 {
            return self.torn(UNFINISHED);
        }
        Some((head, kind, length))
    }

    fn number(head: &[u8; HEAD], at: usize) -> u64 {
        let mut bytes = [0; 8];
        bytes.copy_from_slice(&head[at..at + 8]);
        u64::from_le_bytes(bytes)
    }

    /// The next record without its payload, and without a look at its checksum: for an overview of many journals.
    pub fn skim(&mut self) -> Option<Frame> {
        let (head, kind, length) = self.head()?;
        if self.from.seek_relative(length as i64).is_err() {
            return self.torn(t("the disk does not give it back"));
        }
        self.at += HEAD as u64 + length;
        self.index += 1;
        Some(Frame::bare(kind, Self::number(&head, 5), Self::number(&head, 13)))
    }
}

impl<R: Read + Seek> Iterator for Frames<R> {
    type Item = Frame;

    fn next(&mut self) -> Option<Frame> {
        let (head, kind, length) = self.head()?;
        let mut payload = vec![0; length as usize];
        if self.from.read_exact(&mut payload).is_err() {
            return self.torn(t("the disk does not give it back"));
        }
        if checksum(self.index, &head[..21], &payload) != head[21..] {
            return self.torn(t("a record is damaged"));
        }
        self.at += HEAD as u64 + length;
        self.index += 1;
        Some(Frame { kind, at_ms: Self::number(&head, 5), state: Self::number(&head, 13), payload })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::io::Cursor;

    fn journal(sizes: &[usize]) -> (Vec<Frame>, Vec<usize>, Vec<u8>) {
        let kinds = [Kind::Step, Kind::Undo, Kind::Redo, Kind::Exported];
        let frame = |(n, size): (usize, &usize)| Frame {
            kind: kinds[n % 4],
            at_ms: 1_700_000_000_000 + n as u64,
            state: n as u64,
            payload: (0..*size).map(|b| (b * 7 + n) as u8).collect(),
        };
        let frames: Vec<Frame> = sizes.iter().enumerate().map(frame).collect();
        let mut bytes = MAGIC.to_vec();
        let mut ends = vec![bytes.len()];
        for (n, frame) in frames.iter().enumerate() {
            bytes.extend(frame.bytes(n as u64));
            ends.push(bytes.len());
        }
        (frames, ends, bytes)
    }

    fn read(bytes: &[u8]) -> (Vec<Frame>, End) {
        let mut reader = Frames::new(Cursor::new(bytes)).expect("a journal");
        let frames: Vec<Frame> = reader.by_ref().collect();
        (frames, reader.end().expect("read to the end").clone())
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn a_cut_loses_the_tail_only_and_says_so(sizes in prop::collection::vec(0usize..200, 0..8), cut in 0usize..2000) {
            let (frames, ends, bytes) = journal(&sizes);
            let cut = MAGIC.len() + cut % (bytes.len() - MAGIC.len() + 1);
            let whole = ends.iter().filter(|end| **end <= cut).count() - 1;
            let (kept, end) = read(&bytes[..cut]);
            prop_assert_eq!(&kept[..], &frames[..whole]);
            let rest = (cut - ends[whole]) as u64;
            let is_told = if rest == 0 { end == End::Whole } else { matches!(end, End::Torn { bytes, .. } if bytes == rest) };
            prop_assert!(is_told, "{end:?}");
        }

        #[test]
        fn a_flipped_bit_loses_no_earlier_record_and_is_noticed(
            sizes in prop::collection::vec(0usize..200, 1..8), place in 0usize..2000, bit in 0u8..8,
        ) {
            let (frames, ends, mut bytes) = journal(&sizes);
            let place = MAGIC.len() + place % (bytes.len() - MAGIC.len());
            bytes[place] ^= 1 << bit;
            let whole = ends.iter().filter(|end| **end <= place).count() - 1;
            let (kept, end) = read(&bytes);
            prop_assert_eq!(&kept[..], &frames[..whole]);
            prop_assert!(matches!(end, End::Torn { .. }), "{end:?}");
        }
    }

    #[test]
    fn records_that_changed_places_are_noticed_and_values_come_back_bit_for_bit() {
        let (_, ends, bytes) = journal(&[5, 5]);
        let swapped = [&bytes[..ends[0]], &bytes[ends[1]..ends[2]], &bytes[ends[0]..ends[1]]].concat();
        assert_eq!(read(&swapped).0.len(), 0);
        let numbers = vec![0.1_f64, -0.0, 1.0 / 3.0, f64::MIN_POSITIVE, f64::MAX, 123.4567, -1e-4, 5e-324];
        let frame = Frame::of(Kind::Step, 0, 1, &numbers).expect("JSON");
        let back: Vec<f64> = frame.value().expect("JSON");
        let bits = |v: &[f64]| v.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
        assert_eq!(bits(&back), bits(&numbers));
        assert!(Frames::new(Cursor::new(b"HILUMJ9\nxxxx")).is_err() && Frames::new(Cursor::new(b"HIL")).is_err());
    }
}
