//! Files as they are read and written here: the header as a data set, everything from the pixels on as
//! bytes that are copied and never decoded.

use crate::dicom::file::{ReadError, read_until};
use crate::dicom::pixels::uncompressed;
use crate::dicom::raw::{DataSet, Encoding, ParseError, Value, parse};
use crate::dicom::uid::{IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME};
use dicom_core::Tag;
use dicom_dictionary_std::{tags, uids};
use dicom_encoding::TransferSyntaxIndex;
use dicom_transfer_syntax_registry::TransferSyntaxRegistry;
use std::fs::File;
use std::io::{BufReader, BufWriter, Cursor, Read, Seek, SeekFrom, Write};
use std::path::Path;

/// A file opened for de-identification.
pub(super) struct Source {
    pub transfer_syntax: String,
    pub dataset: DataSet,
    /// True where the file had to be stored in another transfer syntax (deflated, big endian).
    pub is_converted: bool,
    encoding: Encoding,
    reader: Box<dyn ReadSeek>,
    /// Where the pixel group starts.
    pixels_at: Option<u64>,
}

trait ReadSeek: Read + Seek {}
impl<T: Read + Seek> ReadSeek for T {}

/// First read; holds the header of nearly every CT image.
const CHUNK: usize = 48 << 10;
/// Group of the pixels; what follows (private groups, signatures, padding) is never copied.
const PIXEL_GROUP: u16 = 0x7FE0;
const BIG_ENDIAN: &str = "1.2.840.10008.1.2.2";

/// Where the data set starts, and how it is written.
struct Layout {
    at: usize,
    transfer_syntax: String,
}

/// Opens a file; `Ok(None)` if it is no DICOM.
///
/// # Errors
/// [`ReadError`] for DICOM files that cannot be read.
pub(super) fn open(path: &Path) -> Result<Option<Source>, ReadError> {
    let mut file = File::open(path)?;
    let mut bytes = Vec::with_capacity(CHUNK);
    let mut want = CHUNK;
    loop {
        (&mut file).take((want - bytes.len()) as u64).read_to_end(&mut bytes)?;
        let complete = bytes.len() < want;
        match layout(&bytes) {
            Ok(None) => return Ok(None),
            Ok(Some(layout)) => {
                let syntax = layout.transfer_syntax.as_str();
                if syntax == BIG_ENDIAN || syntax == uids::DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN {
                    return convert(path).map(Some);
                }
                if TransferSyntaxRegistry.get(syntax).is_none() {
                    return Err(ReadError::TransferSyntax(layout.transfer_syntax));
                }
                match header(&bytes, layout, complete) {
                    Ok((transfer_syntax, encoding, dataset, pixels_at)) => {
                        let reader = Box::new(BufReader::new(file));
                        let is_converted = false;
                        return Ok(Some(Source {
                            transfer_syntax,
                            dataset,
                            is_converted,
                            encoding,
                            reader,
                            pixels_at,
                        }));
                    }
                    Err(ParseError::Truncated(_)) if !complete => {}
                    Err(error) => return Err(error.into()),
                }
            }
            Err(ParseError::Truncated(_)) if !complete => {}
            Err(error) => return Err(error.into()),
        }
        want *= 4;
    }
}

/// Finds the data set behind preamble and file meta information (PS3.10 section 7.1).
fn layout(bytes: &[u8]) -> Result<Option<Layout>, ParseError> {
    let has_magic = bytes.get(128..132) == Some(b"DICM");
    let at = if has_magic { 132 } else { 0 };
    let Some(first) = bytes.get(at..at + 8) else {
        return if has_magic { Err(ParseError::Truncated(at)) } else { Ok(None) };
    };
    let group = u16::from_le_bytes([first[0], first[1]]);
    let element = u16::from_le_bytes([first[2], first[3]]);
    let letters = first[4..6].iter().all(u8::is_ascii_uppercase);
    // Without preamble a file starts with the meta group or with group 8 of the data set.
    let is_short = u32::from_le_bytes([first[4], first[5], first[6], first[7]]) <= 1024;
    if !has_magic && !(group == 2 && letters || group == 8 && element <= 0x20 && (letters || is_short)) {
        return Ok(None);
    }
    let (mut at, mut transfer_syntax) = (at, String::new());
    if group == 2 {
        let end = meta_end(bytes, at)?;
        let (meta, _) = parse(&bytes[at..end], Encoding::ExplicitLe, true, &|_| false)?;
        transfer_syntax = meta.string(tags::TRANSFER_SYNTAX_UID);
        at = end;
    }
    if transfer_syntax.is_empty() {
        let explicit = bytes.get(at + 4..at + 6).is_some_and(|v| v.iter().all(u8::is_ascii_uppercase));
        transfer_syntax =
            if explicit { uids::EXPLICIT_VR_LITTLE_ENDIAN } else { uids::IMPLICIT_VR_LITTLE_ENDIAN }.to_owned();
    }
    Ok(Some(Layout { at, transfer_syntax }))
}

/// The end of the meta group that starts at `at`. Its group length is not trusted.
fn meta_end(bytes: &[u8], mut at: usize) -> Result<usize, ParseError> {
    loop {
        let head = bytes.get(at..at + 12).ok_or(ParseError::Truncated(at))?;
        if head[..2] != [2, 0] {
            return Ok(at);
        }
        let long = matches!(&head[4..6], b"OB" | b"UN" | b"UT" | b"OW" | b"SQ");
        at += if long {
            12 + u32_of(&head[8..]) as usize
        } else {
            8 + usize::from(u16::from_le_bytes([head[6], head[7]]))
        };
    }
}

fn u32_of(bytes: &[u8]) -> u32 {
    bytes.iter().take(4).rev().fold(0, |n, b| n << 8 | u32::from(*b))
}

type Header = (String, Encoding, DataSet, Option<u64>);

/// Reads the data set up to the pixels.
fn header(bytes: &[u8], layout: Layout, complete: bool) -> Result<Header, ParseError> {
    let Layout { at, transfer_syntax } = layout;
    let encoding =
        if transfer_syntax == uids::IMPLICIT_VR_LITTLE_ENDIAN { Encoding::ImplicitLe } else { Encoding::ExplicitLe };
    let (dataset, stop) = parse(&bytes[at..], encoding, complete, &|tag| tag.0 >= PIXEL_GROUP)?;
    let pixels_at = stop.map(|stop| {
        let value_at = at + stop.value_at;
        let tag = [stop.tag.0.to_le_bytes(), stop.tag.1.to_le_bytes()].concat();
        // Tag and length in eight bytes, or with a long length in twelve (PS3.5 section 7.1.2).
        let is_short = bytes.get(value_at - 8..value_at - 4) == Some(tag.as_slice());
        (value_at - if is_short { 8 } else { 12 }) as u64
    });
    Ok((transfer_syntax, encoding, dataset, pixels_at))
}

/// Deflated and big endian files cannot be copied in part: they are stored in Explicit VR Little Endian.
fn convert(path: &Path) -> Result<Source, ReadError> {
    // What follows the pixels is never copied.
    let file = read_until(path, &|tag| tag.0 > PIXEL_GROUP)?.ok_or(ReadError::NotDicom)?;
    let mut pixels = Vec::new();
    if let Some(source) = file.pixels {
        let length =
            source.length().ok_or_else(|| ReadError::Damaged(crate::words::t("its pixels are in fragments").into()))?;
        let value = uncompressed(path, source, length as usize).map_err(ReadError::Damaged)?;
        let words = file.dataset.us(tags::BITS_ALLOCATED).is_none_or(|bits| bits > 8);
        pixels.extend([0xE0, 0x7F, 0x10, 0x00, b'O', if words { b'W' } else { b'B' }, 0, 0]);
        pixels.extend((value.len() as u32).to_le_bytes());
        pixels.extend(value);
    }
    let pixels_at = (!pixels.is_empty()).then_some(0);
    let transfer_syntax = uids::EXPLICIT_VR_LITTLE_ENDIAN.to_owned();
    let (encoding, reader) = (Encoding::ExplicitLe, Box::new(Cursor::new(pixels)));
    Ok(Source { transfer_syntax, dataset: file.dataset, is_converted: true, encoding, reader, pixels_at })
}

/// Why a copy could not be made.
#[derive(Debug, thiserror::Error)]
pub(super) enum CopyError {
    #[error("{}", crate::words::t("the file is cut off or damaged within the pixels"))]
    Damaged,
    #[error("{0}")]
    Write(std::io::Error),
}

impl Source {
    pub fn has_pixels(&self) -> bool {
        self.pixels_at.is_some()
    }

    /// Writes a Part 10 file: preamble of zeros, new file meta information, the data set as it is now,
    /// and the pixels byte for byte. No file is overwritten.
    pub fn write(&mut self, path: &Path) -> Result<(), CopyError> {
        let file = File::create_new(path).map_err(CopyError::Write)?;
        let mut out = BufWriter::new(file);
        let mut head = self.meta();
        self.dataset.encode(&mut head, self.encoding);
        out.write_all(&head).map_err(CopyError::Write)?;
        if let Some(at) = self.pixels_at {
            self.reader.seek(SeekFrom::Start(at)).map_err(|_| CopyError::Damaged)?;
            while self.copy_pixel_element(&mut out)? {}
        }
        let file = out.into_inner().map_err(|e| CopyError::Write(e.into_error()))?;
        file.sync_all().map_err(CopyError::Write)
    }

    fn meta(&self) -> Vec<u8> {
        let mut meta = DataSet::default();
        meta.put(tags::FILE_META_INFORMATION_VERSION, Value::Bytes(vec![0, 1]));
        for (tag, value) in [
            (tags::MEDIA_STORAGE_SOP_CLASS_UID, self.dataset.string(tags::SOP_CLASS_UID).as_str()),
            (tags::MEDIA_STORAGE_SOP_INSTANCE_UID, &self.dataset.string(tags::SOP_INSTANCE_UID)),
            (tags::TRANSFER_SYNTAX_UID, &self.transfer_syntax),
            (tags::IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_CLASS_UID),
            (tags::IMPLEMENTATION_VERSION_NAME, IMPLEMENTATION_VERSION_NAME),
        ] {
            meta.put_str(tag, value);
        }
        let mut group = Vec::new();
        meta.encode(&mut group, Encoding::ExplicitLe);
        let mut out = vec![0; 128];
        out.extend_from_slice(b"DICM");
        out.extend_from_slice(&[2, 0, 0, 0, b'U', b'L', 4, 0]);
        out.extend_from_slice(&(group.len() as u32).to_le_bytes());
        out.extend_from_slice(&group);
        out
    }

    /// Copies one element of the pixel group. False at its end.
    fn copy_pixel_element(&mut self, out: &mut impl Write) -> Result<bool, CopyError> {
        let mut head = [0; 12];
        if self.reader.read_exact(&mut head[..8]).is_err() {
            return Ok(false);
        }
        let tag = Tag(u16::from_le_bytes([head[0], head[1]]), u16::from_le_bytes([head[2], head[3]]));
        if tag.0 != PIXEL_GROUP {
            return Ok(false);
        }
        let mut length = 8;
        if self.encoding == Encoding::ExplicitLe {
            // Every element of this group has a long length.
            if !matches!(&head[4..6], b"OB" | b"OW" | b"OF" | b"OD" | b"OV" | b"UN" | b"UV") {
                return Err(CopyError::Damaged);
            }
            self.reader.read_exact(&mut head[8..]).map_err(|_| CopyError::Damaged)?;
            length = 12;
        }
        let value_length = u32_of(&head[length - 4..]);
        let is_known = matches!(
            tag,
            tags::PIXEL_DATA
                | tags::FLOAT_PIXEL_DATA
                | tags::DOUBLE_FLOAT_PIXEL_DATA
                | tags::EXTENDED_OFFSET_TABLE
                | tags::EXTENDED_OFFSET_TABLE_LENGTHS
                | tags::ENCAPSULATED_PIXEL_DATA_VALUE_TOTAL_LENGTH
        );
        let mut nowhere = std::io::sink();
        let out: &mut dyn Write = if is_known { out } else { &mut nowhere };
        out.write_all(&head[..length]).map_err(CopyError::Write)?;
        if value_length != u32::MAX {
            self.copy_bytes(u64::from(value_length), out)?;
            return Ok(true);
        }
        // Fragments until the sequence delimiter (PS3.5 annex A.4).
        loop {
            let mut item = [0; 8];
            self.reader.read_exact(&mut item).map_err(|_| CopyError::Damaged)?;
            out.write_all(&item).map_err(CopyError::Write)?;
            match item[..4] {
                [0xFE, 0xFF, 0x00, 0xE0] => self.copy_bytes(u64::from(u32_of(&item[4..])), out)?,
                [0xFE, 0xFF, 0xDD, 0xE0] => return Ok(true),
                _ => return Err(CopyError::Damaged),
            }
        }
    }

    fn copy_bytes(&mut self, length: u64, out: &mut dyn Write) -> Result<(), CopyError> {
        let copied = std::io::copy(&mut (&mut self.reader).take(length), out).map_err(CopyError::Write)?;
        if copied == length { Ok(()) } else { Err(CopyError::Damaged) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(meta: bool, bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let mut whole = if meta { [&[0; 128], b"DICM\x02\0\x10\0UI".as_slice()].concat() } else { vec![8, 0, 5, 0] };
            whole.extend(bytes);
            if let Ok(Some(layout)) = layout(&whole) {
                let _ = header(&whole, layout, true);
            }
        }
    }
}
