//! DICOM files on disk: finding the data set and its transfer syntax, reading headers without the
//! pixels, and writing Part 10 files.

use super::raw::{DataSet, Encoding, ParseError, Stop, parse, parse_big_endian};
use super::uid::{IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME};
use dicom_core::Tag;
use dicom_dictionary_std::{tags, uids};
use dicom_encoding::{Codec, TransferSyntaxIndex};
use dicom_transfer_syntax_registry::TransferSyntaxRegistry;
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// Why a file cannot be read. The path is added by the caller, last.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    #[error("{0}")]
    Io(#[from] std::io::Error),
    #[error("{}", crate::tf!("the file is cut off or damaged: {value}", value = .0))]
    Damaged(String),
    #[error("{}", crate::tf!("its transfer syntax {value} cannot be read; convert it to Explicit VR Little Endian", value = .0))]
    TransferSyntax(String),
    #[error("{}", crate::words::t("it is no DICOM file"))]
    NotDicom,
}

impl From<ParseError> for ReadError {
    fn from(error: ParseError) -> Self {
        Self::Damaged(error.to_string())
    }
}

/// Where the pixels of an image are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PixelSource {
    /// Uncompressed little endian, at this place of the file.
    Plain { offset: u64, length: u64 },
    /// Compressed: the offset table and the fragments start at this place of the file.
    Compressed { offset: u64 },
    /// One compressed frame of several: its fragments, without an offset table.
    CompressedFrame { offset: u64, length: u64 },
    /// Uncompressed big endian, at this place of the file; `turned` where two bytes at a time are turned round.
    BigEndian { offset: u64, length: u64, turned: bool },
    /// Deflated: at this place of what comes out of the stream that starts at `stream`.
    Deflated { stream: u64, offset: u64, length: u64 },
}

impl PixelSource {
    /// The bytes that the pixels take, as far as the header tells.
    pub fn length(self) -> Option<u64> {
        match self {
            Self::Plain { length, .. } | Self::BigEndian { length, .. } | Self::Deflated { length, .. } => Some(length),
            Self::Compressed { .. } | Self::CompressedFrame { .. } => None,
        }
    }

    /// A part of uncompressed pixels, `before` bytes behind their start and `size` bytes long; `None` for compressed ones.
    pub fn part(self, before: u64, size: u64) -> Option<Self> {
        let rest = |length: u64| length.saturating_sub(before).min(size);
        match self {
            Self::Plain { offset, length } => Some(Self::Plain { offset: offset + before, length: rest(length) }),
            Self::BigEndian { offset, length, turned } => {
                Some(Self::BigEndian { offset: offset + before, length: rest(length), turned })
            }
            Self::Deflated { stream, offset, length } => {
                Some(Self::Deflated { stream, offset: offset + before, length: rest(length) })
            }
            Self::Compressed { .. } | Self::CompressedFrame { .. } => None,
        }
    }
}

/// A data set read from a file up to the pixels (or another stop).
#[derive(Debug)]
pub(crate) struct DicomFile {
    pub transfer_syntax: String,
    /// Where the data set starts in the file.
    pub body_at: u64,
    pub dataset: DataSet,
    pub pixels: Option<PixelSource>,
}

/// Explicit VR Big Endian, retired, but still in archives.
const BIG_ENDIAN: &str = "1.2.840.10008.1.2.2";
/// True for pixel data in any form. The group may start with its length (7FE0,0000) or the offset tables
/// of compressed pixels, which are no pixels yet.
pub(crate) fn is_pixels(tag: Tag) -> bool {
    tag.0 == 0x7FE0 && tag.1 >= 0x0008
}

/// Name of a file that is being written, and of what a program that was killed leaves of it.
pub(crate) const UNFINISHED: [&str; 2] = [".hilum-", ".part"];

/// True for an export that was never finished, or is not yet: nobody has proved what it holds.
pub(crate) fn is_unfinished(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.starts_with(UNFINISHED[0]) && name.ends_with(UNFINISHED[1])
}

/// First read; holds the header of nearly every CT image.
const CHUNK: usize = 48 << 10;

/// Reads a file up to the first top-level tag for which `stop` is true, at the latest to the pixels.
/// `Ok(None)` for a file that is no DICOM.
///
/// # Errors
/// [`ReadError`] for DICOM files that cannot be read.
pub(crate) fn read_until(path: &Path, stop: &dyn Fn(Tag) -> bool) -> Result<Option<DicomFile>, ReadError> {
    if is_unfinished(path) {
        return Ok(None);
    }
    let mut file = File::open(path)?;
    let mut bytes = Vec::with_capacity(CHUNK);
    let mut want = CHUNK;
    loop {
        (&mut file).take((want - bytes.len()) as u64).read_to_end(&mut bytes)?;
        let complete = bytes.len() < want;
        match read_bytes(&bytes, complete, stop) {
            Err(ReadOutcome::More) if !complete => want *= 4,
            Err(ReadOutcome::More) => return Err(ParseError::Truncated(bytes.len()).into()),
            Err(ReadOutcome::NotDicom) => return Ok(None),
            Err(ReadOutcome::Failed(e)) => return Err(e),
            Ok(file) => return Ok(Some(file)),
        }
    }
}

/// Reads a whole file that has no pixels.
///
/// # Errors
/// [`ReadError`], also for files that are no DICOM.
pub(crate) fn read_all(path: &Path) -> Result<(Vec<u8>, DicomFile), ReadError> {
    let bytes = std::fs::read(path)?;
    match read_bytes(&bytes, true, &|_| false) {
        Ok(file) => Ok((bytes, file)),
        Err(ReadOutcome::More) => Err(ParseError::Truncated(bytes.len()).into()),
        Err(ReadOutcome::NotDicom) => Err(ReadError::NotDicom),
        Err(ReadOutcome::Failed(e)) => Err(e),
    }
}

enum ReadOutcome {
    More,
    NotDicom,
    Failed(ReadError),
}

impl From<ReadError> for ReadOutcome {
    fn from(error: ReadError) -> Self {
        Self::Failed(error)
    }
}

impl From<ParseError> for ReadOutcome {
    fn from(error: ParseError) -> Self {
        match error {
            ParseError::Truncated(_) => Self::More,
            ParseError::Invalid { .. } => Self::Failed(error.into()),
        }
    }
}

fn read_bytes(bytes: &[u8], complete: bool, stop: &dyn Fn(Tag) -> bool) -> Result<DicomFile, ReadOutcome> {
    let has_magic = bytes.get(128..132) == Some(b"DICM");
    let mut at = if has_magic { 132 } else { 0 };
    let first = bytes.get(at..at + 8).ok_or(if has_magic { ReadOutcome::More } else { ReadOutcome::NotDicom })?;
    let first_tag = Tag(u16::from_le_bytes([first[0], first[1]]), u16::from_le_bytes([first[2], first[3]]));
    let letters = first[4..6].iter().all(u8::is_ascii_uppercase);
    // Files without preamble start with the meta group or with group 8 of the data set itself.
    let plausible =
        first_tag.0 == 2 && letters || first_tag.0 == 8 && first_tag.1 <= 0x20 && (letters || u32_at(first, 4) <= 1024);
    if !has_magic && !plausible {
        return Err(ReadOutcome::NotDicom);
    }
    let mut transfer_syntax = String::new();
    if first_tag.0 == 2 {
        let end = meta_end(bytes, at);
        let group = bytes.get(at..end).ok_or(ReadOutcome::More)?;
        let (meta, _) = parse(group, Encoding::ExplicitLe, true, &|_| false)?;
        transfer_syntax = meta.string(tags::TRANSFER_SYNTAX_UID);
        at = end;
    }
    if transfer_syntax.is_empty() {
        let explicit = bytes.get(at + 4..at + 6).is_some_and(|v| v.iter().all(u8::is_ascii_uppercase));
        transfer_syntax =
            if explicit { uids::EXPLICIT_VR_LITTLE_ENDIAN } else { uids::IMPLICIT_VR_LITTLE_ENDIAN }.to_owned();
    }
    let Some(codec) = TransferSyntaxRegistry.get(&transfer_syntax).map(|syntax| syntax.codec()) else {
        return Err(ReadError::TransferSyntax(transfer_syntax).into());
    };
    let (body, until) = (&bytes[at.min(bytes.len())..], |tag| is_pixels(tag) || stop(tag));
    let (dataset, stopped) = match (transfer_syntax.as_str(), codec) {
        (BIG_ENDIAN, _) => parse_big_endian(body, complete, &until)?,
        (uids::IMPLICIT_VR_LITTLE_ENDIAN, _) => parse(body, Encoding::ImplicitLe, complete, &until)?,
        (_, Codec::Dataset(Some(adapter))) => {
            parse_unpacked(&mut adapter.adapt_reader(Box::new(body)), body, complete, &until)?
        }
        (_, Codec::Dataset(None)) => return Err(ReadError::TransferSyntax(transfer_syntax).into()),
        _ => parse(body, Encoding::ExplicitLe, complete, &until)?,
    };
    let native = matches!(transfer_syntax.as_str(), uids::IMPLICIT_VR_LITTLE_ENDIAN | uids::EXPLICIT_VR_LITTLE_ENDIAN);
    let deflated = transfer_syntax == uids::DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN;
    let pixels = stopped.filter(|s| s.tag == tags::PIXEL_DATA).and_then(|s| {
        let offset = (at + s.value_at) as u64;
        match s.length.map(u64::from) {
            Some(length) if native => Some(PixelSource::Plain { offset, length }),
            Some(length) if deflated => {
                Some(PixelSource::Deflated { stream: at as u64, offset: s.value_at as u64, length })
            }
            Some(length) if transfer_syntax == BIG_ENDIAN => {
                // An explicit header of twelve bytes, with the value representation four bytes behind its start.
                let turned = body.get(s.value_at.wrapping_sub(8)..).is_some_and(|b| b.starts_with(b"OW"));
                Some(PixelSource::BigEndian { offset, length, turned })
            }
            None if !native && !deflated && transfer_syntax != BIG_ENDIAN => Some(PixelSource::Compressed { offset }),
            // Compressed pixels come in fragments, others do not.
            _ => None,
        }
    });
    Ok(DicomFile { transfer_syntax, body_at: at as u64, dataset, pixels })
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"))
}

/// The end of the meta group that starts at `at`, walking its explicit elements.
fn meta_end(bytes: &[u8], mut at: usize) -> usize {
    while let Some(head) = bytes.get(at..at + 12) {
        if head[0..2] != [2, 0] {
            break;
        }
        let long = matches!(&head[4..6], b"OB" | b"UN" | b"UT" | b"OW" | b"SQ");
        at += if long { 12 + u32_at(head, 8) as usize } else { 8 + u16::from_le_bytes([head[6], head[7]]) as usize };
    }
    at
}

/// A deflated data set, unpacked only as far as it is wanted.
fn parse_unpacked(
    unpacked: &mut dyn Read,
    packed: &[u8],
    complete: bool,
    stop: &dyn Fn(Tag) -> bool,
) -> Result<(DataSet, Option<Stop>), ReadOutcome> {
    // Text shrinks to a fifth. What grows far beyond that was made to fill the memory.
    let most = (64 << 20) + 64 * packed.len();
    let mut bytes = Vec::new();
    let mut want = 4 * CHUNK;
    loop {
        // An error is the end of what is there: the parser finds out whether that is enough.
        let end = (&mut *unpacked).take((want - bytes.len()) as u64).read_to_end(&mut bytes);
        let at_end = bytes.len() < want;
        match parse(&bytes, Encoding::ExplicitLe, at_end && complete && end.is_ok(), stop) {
            Err(ParseError::Truncated(_)) if !at_end && want < most => want *= 4,
            Err(ParseError::Truncated(_)) if !at_end => {
                return Err(ReadError::Damaged("it grows without end as it is unpacked".into()).into());
            }
            other => return Ok(other?),
        }
    }
}

/// The innermost message of an error chain.
pub(crate) fn root_cause(error: &dyn std::error::Error) -> String {
    let mut last = error;
    while let Some(source) = last.source() {
        last = source;
    }
    last.to_string()
}

/// The start of a Part 10 file (PS3.10 section 7.1): preamble and file meta information, before the data set.
pub fn part10_head(sop_class_uid: &str, sop_instance_uid: &str, transfer_syntax_uid: &str) -> Vec<u8> {
    let mut meta = DataSet::default();
    meta.put(tags::FILE_META_INFORMATION_VERSION, super::raw::Value::Bytes(vec![0, 1]));
    meta.put_str(tags::MEDIA_STORAGE_SOP_CLASS_UID, sop_class_uid);
    meta.put_str(tags::MEDIA_STORAGE_SOP_INSTANCE_UID, sop_instance_uid);
    meta.put_str(tags::TRANSFER_SYNTAX_UID, transfer_syntax_uid);
    meta.put_str(tags::IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_CLASS_UID);
    meta.put_str(tags::IMPLEMENTATION_VERSION_NAME, IMPLEMENTATION_VERSION_NAME);
    let mut group = Vec::new();
    meta.encode(&mut group, Encoding::ExplicitLe);
    let mut out = vec![0; 128];
    out.extend_from_slice(b"DICM");
    out.extend_from_slice(&[2, 0, 0, 0, b'U', b'L', 4, 0]);
    out.extend_from_slice(&(group.len() as u32).to_le_bytes());
    out.extend_from_slice(&group);
    out
}

/// The bytes of a Part 10 file: preamble, file meta information and the data set.
pub(crate) fn part10(dataset: &DataSet, encoding: Encoding) -> Vec<u8> {
    let syntax = match encoding {
        Encoding::ImplicitLe => uids::IMPLICIT_VR_LITTLE_ENDIAN,
        Encoding::ExplicitLe => uids::EXPLICIT_VR_LITTLE_ENDIAN,
    };
    let mut out = part10_head(&dataset.string(tags::SOP_CLASS_UID), &dataset.string(tags::SOP_INSTANCE_UID), syntax);
    dataset.encode(&mut out, encoding);
    out
}
