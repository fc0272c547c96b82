//! Compressed pixels as they lie in the file: an offset table, then the streams in fragments (DICOM PS3.5 A.4).

use super::file::PixelSource;
use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::Path;

const ITEM: [u8; 4] = [0xFE, 0xFF, 0x00, 0xE0];
const SEQUENCE_END: [u8; 4] = [0xFE, 0xFF, 0xDD, 0xE0];
const DAMAGED: &str = "the compressed pixels are damaged";

/// The compressed stream of an image or of one frame.
///
/// # Errors
/// A sentence about what is wrong with the file.
pub(super) fn stream(path: &Path, source: PixelSource) -> Result<Vec<u8>, String> {
    let (offset, length, has_table) = match source {
        PixelSource::Compressed { offset } => (offset, u64::MAX, true),
        PixelSource::CompressedFrame { offset, length } => (offset, length, false),
        PixelSource::Plain { .. } | PixelSource::BigEndian { .. } | PixelSource::Deflated { .. } => {
            return Err("it has no compressed pixels".into());
        }
    };
    let mut file = File::open(path).map_err(|e| e.to_string())?;
    file.seek(SeekFrom::Start(offset)).map_err(|e| e.to_string())?;
    let mut bytes = Vec::new();
    file.take(length).read_to_end(&mut bytes).map_err(|e| e.to_string())?;
    joined(bytes, has_table)
}

/// Where the frames of an image of several are, in their order; nothing for those that were cut off. The offset
/// table starts at `offset`; `extended` are the offsets that the header gives, if it does.
///
/// # Errors
/// A sentence about what is wrong with the file.
pub(super) fn frames(
    path: &Path,
    offset: u64,
    count: usize,
    extended: Option<Vec<u64>>,
) -> Result<Vec<Option<PixelSource>>, String> {
    let mut file = BufReader::new(File::open(path).map_err(|e| e.to_string())?);
    let size = file.get_ref().metadata().map_err(|e| e.to_string())?.len();
    file.seek(SeekFrom::Start(offset)).map_err(|e| e.to_string())?;
    let mut table = Vec::new();
    // Where each fragment starts, with its item, and where the last one ends.
    let mut starts = Vec::new();
    let mut at = offset;
    for is_table in std::iter::once(true).chain(std::iter::repeat(false)) {
        let mut head = [0; 8];
        if file.read_exact(&mut head).is_err() || head[..4] == SEQUENCE_END {
            break;
        }
        let length = u64::from(u32::from_le_bytes([head[4], head[5], head[6], head[7]]));
        if head[..4] != ITEM {
            return Err(DAMAGED.to_owned());
        }
        if length > size.saturating_sub(at + 8) {
            break;
        }
        if is_table && length == 4 * count as u64 {
            table.resize(4 * count, 0);
            file.read_exact(&mut table).map_err(|e| e.to_string())?;
        } else {
            file.seek_relative(length as i64).map_err(|e| e.to_string())?;
        }
        if !is_table {
            starts.push(at);
        }
        at += 8 + length;
    }
    let Some(base) = starts.first().copied() else { return Ok(vec![None; count]) };
    let table = table.chunks_exact(4).map(|o| u64::from(u32::from_le_bytes([o[0], o[1], o[2], o[3]]))).collect();
    let offsets = extended.filter(|e| e.len() == count).unwrap_or(table);
    let first_of_frames: Vec<u64> = if offsets.len() == count {
        offsets.iter().map(|o| base.saturating_add(*o)).collect()
    } else if starts.len() == count {
        starts.clone()
    } else if count == 1 {
        vec![base]
    } else {
        return Err(format!("its {count} frames cannot be told apart in {} compressed pieces", starts.len()));
    };
    if first_of_frames.windows(2).any(|w| w[0] >= w[1]) {
        return Err(DAMAGED.to_owned());
    }
    let frame = |n: usize| {
        let (start, end) = (first_of_frames[n], first_of_frames.get(n + 1).copied().unwrap_or(at));
        let is_there = starts.binary_search(&start).is_ok() && start < end && end <= at;
        is_there.then(|| PixelSource::CompressedFrame { offset: start, length: end - start })
    };
    Ok((0..count).map(frame).collect())
}

/// Takes the fragments out of their items. The usual single one stays where it is.
fn joined(mut bytes: Vec<u8>, has_table: bool) -> Result<Vec<u8>, String> {
    let mut pieces = Vec::new();
    let mut at = 0;
    // A file that ends without the end mark holds all of its fragments nevertheless.
    while let Some(head) = bytes.get(at..at + 8).filter(|h| h[..4] != SEQUENCE_END) {
        if head[..4] != ITEM {
            return Err(DAMAGED.to_owned());
        }
        let length = u32::from_le_bytes([head[4], head[5], head[6], head[7]]) as usize;
        at += 8;
        if length > bytes.len() - at {
            return Err("the file is cut off within the compressed pixels".to_owned());
        }
        pieces.push(at..at + length);
        at += length;
    }
    match pieces.get(usize::from(has_table)..).unwrap_or_default() {
        [] => Err("it has no compressed pixels".to_owned()),
        [only] => {
            bytes.truncate(only.end);
            bytes.drain(..only.start);
            Ok(bytes)
        }
        several => Ok(several.iter().flat_map(|piece| &bytes[piece.clone()]).copied().collect()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(bytes: &[u8]) -> Vec<u8> {
        [&ITEM[..], &(bytes.len() as u32).to_le_bytes(), bytes].concat()
    }

    #[test]
    fn fragments_are_joined_and_cuts_are_found() {
        let end = [&SEQUENCE_END[..], &[0; 4]].concat();
        let two = [item(&[0; 4]), item(b"ab"), item(b"cd"), end.clone()].concat();
        assert_eq!(joined(two.clone(), true).as_deref(), Ok(&b"abcd"[..]));
        assert_eq!(joined([item(b""), item(b"abcd"), end].concat(), true).as_deref(), Ok(&b"abcd"[..]));
        assert_eq!(joined([item(b""), item(b"abcd")].concat(), true).as_deref(), Ok(&b"abcd"[..]));
        assert!(joined(item(b""), true).is_err() && joined(Vec::new(), true).is_err());
        assert!(joined(two[..two.len() - 9].to_vec(), true).is_err());
        assert_eq!(joined([item(b"ab"), item(b"cd")].concat(), false).as_deref(), Ok(&b"abcd"[..]));
        assert!(joined([item(b""), vec![1; 20]].concat(), true).is_err());
    }
}
