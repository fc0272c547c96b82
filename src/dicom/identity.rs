//! Whose object a file holds, and whether it is whole: asked of every file that comes from elsewhere.

use super::file::{DicomFile, PixelSource, ReadError, read_until};
use super::pixels::uncompressed;
use super::raw::Encoding;
use dicom_core::Tag;
use dicom_dictionary_std::tags;
use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::Path;

/// What a DICOM file says that it is. UIDs stand as in the file, without padding; they are not checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileIdentity {
    pub transfer_syntax_uid: String,
    pub sop_class_uid: String,
    pub sop_instance_uid: String,
    pub study_instance_uid: String,
    pub series_instance_uid: String,
    pub modality: String,
    /// Where the data set starts in the file, after the file meta information.
    pub body_at: u64,
}

/// Reads the identity of a file and walks it to its end, without decoding pixels.
///
/// # Errors
/// [`ReadError`] for a file that is no DICOM, cut off or damaged.
pub fn identify(path: &Path) -> Result<FileIdentity, ReadError> {
    // Contours and the like can be large and are read all the same: a file that was cut off shows at its end.
    let file = read_until(path, &|_: Tag| false)?.ok_or(ReadError::NotDicom)?;
    let ds = &file.dataset;
    match file.pixels {
        Some(PixelSource::Plain { offset, length } | PixelSource::BigEndian { offset, length, .. }) => {
            let there = std::fs::metadata(path)?.len();
            if there < offset.saturating_add(length) {
                return Err(ReadError::Damaged(format!("the pixels end at byte {there} of {}", offset + length)));
            }
        }
        Some(PixelSource::Compressed { offset }) => fragments_end(path, offset)?,
        Some(source @ PixelSource::Deflated { length, .. }) => {
            uncompressed(path, source, length as usize).map_err(ReadError::Damaged)?;
        }
        Some(PixelSource::CompressedFrame { .. }) | None => {}
    }
    Ok(FileIdentity {
        sop_class_uid: ds.string(tags::SOP_CLASS_UID),
        sop_instance_uid: ds.string(tags::SOP_INSTANCE_UID),
        study_instance_uid: ds.string(tags::STUDY_INSTANCE_UID),
        series_instance_uid: ds.string(tags::SERIES_INSTANCE_UID),
        modality: ds.string(tags::MODALITY),
        body_at: file.body_at,
        transfer_syntax_uid: file.transfer_syntax,
    })
}

/// True where two files hold the same object: the same values and pixels, however sequences and lengths are written.
/// The file meta information does not count; it changes on every way.
///
/// # Errors
/// [`ReadError`] where one of them cannot be read.
pub fn same_content(a: &Path, b: &Path) -> Result<bool, ReadError> {
    let read = |path: &Path| read_until(path, &|_: Tag| false)?.ok_or(ReadError::NotDicom);
    let (of_a, of_b) = (read(a)?, read(b)?);
    let values = |file: &DicomFile| {
        let mut bytes = Vec::new();
        file.dataset.encode(&mut bytes, Encoding::ImplicitLe);
        bytes
    };
    let plain = |file: &DicomFile| matches!(file.pixels, None | Some(PixelSource::Plain { .. }));
    let comparable = of_a.transfer_syntax == of_b.transfer_syntax || plain(&of_a) && plain(&of_b);
    if !comparable || values(&of_a) != values(&of_b) {
        return Ok(false);
    }
    let pixels = |path: &Path, file: &DicomFile| -> Result<Box<dyn Read>, ReadError> {
        let (from, most) = match file.pixels {
            None => return Ok(Box::new(std::io::empty())),
            Some(PixelSource::Plain { offset, length } | PixelSource::BigEndian { offset, length, .. }) => {
                (offset, length)
            }
            Some(PixelSource::Compressed { offset } | PixelSource::CompressedFrame { offset, .. }) => {
                (offset, u64::MAX)
            }
            Some(PixelSource::Deflated { .. }) => (file.body_at, u64::MAX),
        };
        let mut open = File::open(path)?;
        open.seek(SeekFrom::Start(from))?;
        Ok(Box::new(open.take(most)))
    };
    same_bytes(&mut pixels(a, &of_a)?, &mut pixels(b, &of_b)?).map_err(ReadError::Io)
}

fn same_bytes(a: &mut dyn Read, b: &mut dyn Read) -> std::io::Result<bool> {
    const CHUNK: u64 = 256 << 10;
    let (mut of_a, mut of_b) = (Vec::new(), Vec::new());
    loop {
        of_a.clear();
        of_b.clear();
        (&mut *a).take(CHUNK).read_to_end(&mut of_a)?;
        (&mut *b).take(CHUNK).read_to_end(&mut of_b)?;
        if of_a != of_b {
            return Ok(false);
        }
        if of_a.is_empty() {
            return Ok(true);
        }
    }
}

/// Walks the fragments of compressed pixels to the delimiter that ends them (PS3.5 A.4).
fn fragments_end(path: &Path, offset: u64) -> Result<(), ReadError> {
    const ITEM: [u8; 4] = [0xFE, 0xFF, 0x00, 0xE0];
    const END: [u8; 4] = [0xFE, 0xFF, 0xDD, 0xE0];
    let cut = || ReadError::Damaged("the compressed pixels have no end".into());
    let mut file = BufReader::new(File::open(path)?);
    let size = file.get_ref().metadata()?.len();
    let mut at = file.seek(SeekFrom::Start(offset))?;
    loop {
        let mut head = [0; 8];
        file.read_exact(&mut head).map_err(|_end_of_file| cut())?;
        let length = u64::from(u32::from_le_bytes([head[4], head[5], head[6], head[7]]));
        at += 8;
        match [head[0], head[1], head[2], head[3]] {
            END => return Ok(()),
            ITEM if length <= size.saturating_sub(at) => file.seek_relative(length as i64)?,
            _ => return Err(cut()),
        }
        at += length;
    }
}

/// True for a transfer syntax of which every image can be read.
pub fn reads_transfer_syntax(uid: &str) -> bool {
    super::codec::check(uid).is_ok()
}
