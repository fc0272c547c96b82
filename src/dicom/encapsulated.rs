//! Compressed pixels as they lie in the file: an offset table, then the stream in fragments (DICOM PS3.5 A.4).

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

const ITEM: [u8; 4] = [0xFE, 0xFF, 0x00, 0xE0];
const SEQUENCE_END: [u8; 4] = [0xFE, 0xFF, 0xDD, 0xE0];

/// The stream of an image of one frame, whose offset table starts at `offset` of the file.
///
/// # Errors
/// A sentence about what is wrong with the file.
pub(super) fn fragments(path: &Path, offset: u64) -> Result<Vec<u8>, String> {
    let mut file = File::open(path).map_err(|e| e.to_string())?;
    file.seek(SeekFrom::Start(offset)).map_err(|e| e.to_string())?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).map_err(|e| e.to_string())?;
    joined(bytes)
}

/// Takes the fragments out of their items. The usual single one stays where it is.
fn joined(mut bytes: Vec<u8>) -> Result<Vec<u8>, String> {
    let mut pieces = Vec::new();
    let mut at = 0;
    // A file that ends without the end mark holds all of its fragments nevertheless.
    while let Some(head) = bytes.get(at..at + 8).filter(|h| h[..4] != SEQUENCE_END) {
        if head[..4] != ITEM {
            return Err("the compressed pixels are damaged".to_owned());
        }
        let length = u32::from_le_bytes([head[4], head[5], head[6], head[7]]) as usize;
        at += 8;
        if length > bytes.len() - at {
            return Err("the file is cut off within the compressed pixels".to_owned());
        }
        pieces.push(at..at + length);
        at += length;
    }
    match pieces.get(1..).unwrap_or_default() {
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
        assert_eq!(joined(two.clone()).as_deref(), Ok(&b"abcd"[..]));
        assert_eq!(joined([item(b""), item(b"abcd"), end].concat()).as_deref(), Ok(&b"abcd"[..]));
        assert_eq!(joined([item(b""), item(b"abcd")].concat()).as_deref(), Ok(&b"abcd"[..]));
        assert!(joined(item(b"")).is_err() && joined(Vec::new()).is_err());
        assert!(joined(two[..two.len() - 9].to_vec()).is_err());
        assert!(joined([item(b""), vec![1; 20]].concat()).is_err());
    }
}
