//! Which compressed transfer syntaxes are read, by which codec, and which of them lose something.

use super::pixels::PixelFormat;
use super::raw::DataSet;
use super::{jpeg_2000, jpeg_lossless, jpeg_ls, rle};
use dicom_dictionary_std::{tags, uids};
use dicom_encoding::TransferSyntaxIndex as _;
use dicom_encoding::adapters::{PixelDataObject, RawPixelData};
use dicom_encoding::transfer_syntax::Codec;
use dicom_transfer_syntax_registry::TransferSyntaxRegistry;
use std::borrow::Cow;

const JPEG_LS_LOSSLESS: &str = "1.2.840.10008.1.2.4.80";
const JPEG_LS_NEAR_LOSSLESS: &str = "1.2.840.10008.1.2.4.81";
const HTJ2K: &str = "1.2.840.10008.1.2.4.203";
const HIGH_THROUGHPUT: [&str; 3] = ["1.2.840.10008.1.2.4.201", "1.2.840.10008.1.2.4.202", HTJ2K];
/// More pixels than any CT image has (8192 x 8192); a compressed image that states more is damaged.
pub(super) const MOST_PIXELS: usize = 1 << 26;

/// # Errors
/// The name of a transfer syntax that cannot be read.
pub(super) fn check(transfer_syntax: &str) -> Result<(), String> {
    match TransferSyntaxRegistry.get(transfer_syntax) {
        // Decoders of our own.
        Some(_) if matches!(transfer_syntax, JPEG_LS_LOSSLESS | JPEG_LS_NEAR_LOSSLESS | uids::RLE_LOSSLESS) => Ok(()),
        Some(syntax) if syntax.can_decode_all() => Ok(()),
        Some(syntax) => Err(syntax.name().to_owned()),
        None => Err(transfer_syntax.to_owned()),
    }
}

/// The name of the compression that changed the pixel values, if one did.
pub(super) fn lossy_name(transfer_syntax: &str, ds: &DataSet) -> Option<&'static str> {
    // JPEG 2000 of these syntaxes may be reversible, and then says so.
    let said = ds.string(tags::LOSSY_IMAGE_COMPRESSION) == "01";
    match transfer_syntax {
        JPEG_LS_NEAR_LOSSLESS => Some("JPEG-LS near lossless"),
        uids::JPEG_BASELINE8_BIT => Some("JPEG baseline"),
        uids::JPEG_EXTENDED12_BIT => Some("JPEG extended"),
        uids::JPEG2000 | uids::JPEG2000MC => said.then_some("JPEG 2000"),
        HTJ2K => said.then_some("High-Throughput JPEG 2000"),
        _ => said.then_some("before the images were stored as they are now"),
    }
}

/// The pixel words of one compressed image; `size` is columns and rows, `is_lossy` what [`lossy_name`] found.
///
/// # Errors
/// A sentence about what is wrong with the stream.
pub(super) fn decode(
    stream: &[u8],
    transfer_syntax: &str,
    is_lossy: bool,
    format: &PixelFormat,
    size: [usize; 2],
) -> Result<Vec<u16>, String> {
    if size[0] * size[1] > MOST_PIXELS {
        return Err(format!("{} x {} pixels are more than a CT image has", size[0], size[1]));
    }
    let picture = Picture::of(stream);
    if let Some(picture) = &picture {
        picture.check(size)?;
    }
    match transfer_syntax {
        JPEG_LS_LOSSLESS | JPEG_LS_NEAR_LOSSLESS => return jpeg_ls::decode(stream, format, size),
        uids::JPEG_LOSSLESS | uids::JPEG_LOSSLESS_SV1 => return jpeg_lossless::decode(stream, size),
        uids::RLE_LOSSLESS => return rle::decode(stream, format.bytes_per_pixel(), size),
        uids::JPEG2000_LOSSLESS | uids::JPEG2000 | uids::JPEG2000MC_LOSSLESS | uids::JPEG2000MC => {
            let mut words = jpeg_2000::decode(stream, size)?;
            if is_lossy {
                format.keep_within_bits_stored(&mut words, slack(format));
            }
            return Ok(words);
        }
        // Its decoder is a translation of C that trusts the stream: what is cut off must not reach it.
        _ if HIGH_THROUGHPUT.contains(&transfer_syntax) => jpeg_2000::check_whole(stream)?,
        _ => {}
    }
    let is_jpeg = matches!(transfer_syntax, uids::JPEG_BASELINE8_BIT | uids::JPEG_EXTENDED12_BIT);
    if is_jpeg && !matches!(&picture, Some(p) if p.is_sequential) {
        return Err("the compressed pixels are no picture of this compression".to_owned());
    }
    if matches!(&picture, Some(p) if p.is_sequential && p.bits > 8) {
        return Err("JPEG of more than 8 bits can only be read where it is lossless".to_owned());
    }
    // Eight bits of a picture in sixteen of the data set.
    let bits = if picture.is_some_and(|p| p.is_sequential) { 8 } else { format.bits_allocated };
    let syntax = TransferSyntaxRegistry.get(transfer_syntax).map(|s| s.codec());
    let Some(Codec::EncapsulatedPixelData(Some(reader), _)) = syntax else {
        return Err("no codec for the compressed pixels".to_owned());
    };
    let frame = Frame { stream, transfer_syntax, size, bits, bits_stored: format.bits_stored.min(bits) };
    let mut bytes = Vec::new();
    reader.decode_frame(&frame, 0, &mut bytes).map_err(|e| super::file::root_cause(&e))?;
    let needed = size[0] * size[1] * usize::from(bits / 8);
    if bytes.len() < needed {
        return Err(format!("the compressed pixels are cut off ({} of {needed} bytes)", bytes.len()));
    }
    bytes.truncate(needed);
    let mut words: Vec<u16> = if bits == 8 {
        bytes.into_iter().map(u16::from).collect()
    } else {
        bytes.chunks_exact(2).map(|b| u16::from_le_bytes([b[0], b[1]])).collect()
    };
    if is_lossy && transfer_syntax == HTJ2K {
        format.keep_within_bits_stored(&mut words, slack(format));
    }
    Ok(words)
}

/// How far lossy wavelets may leave the range of the bits stored, in stored values.
fn slack(format: &PixelFormat) -> i32 {
    1 << format.bits_stored.saturating_sub(4)
}

/// What the start of a JPEG, JPEG-LS or JPEG 2000 stream says about its picture.
#[derive(Debug, PartialEq, Eq)]
struct Picture {
    size: [usize; 2],
    components: u16,
    bits: u8,
    /// JPEG of the lossy kinds.
    is_sequential: bool,
}

impl Picture {
    fn of(bytes: &[u8]) -> Option<Self> {
        if !bytes.starts_with(&[0xFF, 0xD8]) {
            return Self::of_jpeg_2000(jpeg_2000::codestream(bytes)?);
        }
        let mut at = 2;
        loop {
            match bytes.get(at..at + 2)? {
                [0xFF, 0xFF] => at += 1,
                // A frame header; C4, C8 and CC are other segments of the same range.
                [0xFF, process @ (0xC0..=0xC3 | 0xC5..=0xC7 | 0xC9..=0xCB | 0xCD..=0xCF | 0xF7)] => {
                    return Some(Self {
                        size: [usize::from(u16_at(bytes, at + 7)?), usize::from(u16_at(bytes, at + 5)?)],
                        components: u16::from(*bytes.get(at + 9)?),
                        bits: *bytes.get(at + 4)?,
                        is_sequential: *process < 0xC3,
                    });
                }
                [0xFF, _] => at += 2 + usize::from(u16_at(bytes, at + 2)?),
                _ => return None,
            }
        }
    }

    fn of_jpeg_2000(bytes: &[u8]) -> Option<Self> {
        let u32_at = |at: usize| Some(u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?));
        let extent = |end: usize, start: usize| u32_at(end)?.checked_sub(u32_at(start)?);
        // A component of fewer samples than the picture has is none of a CT.
        let is_whole = bytes.get(43..45)? == [1, 1];
        Some(Self {
            size: if is_whole { [extent(8, 16)? as usize, extent(12, 20)? as usize] } else { [0; 2] },
            components: u16_at(bytes, 40)?,
            bits: (bytes.get(42)? & 0x7F).saturating_add(1),
            is_sequential: false,
        })
    }

    /// The codecs believe the stream; the data set must say the same.
    fn check(&self, size: [usize; 2]) -> Result<(), String> {
        let [columns, rows] = self.size;
        if self.components != 1 {
            Err(format!("the compressed picture has {} components instead of 1", self.components))
        } else if self.size != size {
            Err(format!("the compressed picture has {columns} x {rows} pixels instead of {} x {}", size[0], size[1]))
        } else {
            Ok(())
        }
    }
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

/// One compressed image, as the codecs of dicom-rs want to see it.
struct Frame<'a> {
    stream: &'a [u8],
    transfer_syntax: &'a str,
    size: [usize; 2],
    bits: u16,
    bits_stored: u16,
}

impl PixelDataObject for Frame<'_> {
    fn transfer_syntax_uid(&self) -> &str {
        self.transfer_syntax
    }
    fn rows(&self) -> Option<u16> {
        u16::try_from(self.size[1]).ok()
    }
    fn cols(&self) -> Option<u16> {
        u16::try_from(self.size[0]).ok()
    }
    fn samples_per_pixel(&self) -> Option<u16> {
        Some(1)
    }
    fn bits_allocated(&self) -> Option<u16> {
        Some(self.bits)
    }
    fn bits_stored(&self) -> Option<u16> {
        Some(self.bits_stored)
    }
    fn photometric_interpretation(&self) -> Option<&str> {
        Some("MONOCHROME2")
    }
    fn number_of_frames(&self) -> Option<u32> {
        Some(1)
    }
    fn number_of_fragments(&self) -> Option<u32> {
        Some(1)
    }
    fn fragment(&self, fragment: usize) -> Option<Cow<'_, [u8]>> {
        (fragment == 0).then_some(Cow::Borrowed(self.stream))
    }
    fn offset_table(&self) -> Option<Cow<'_, [u32]>> {
        Some(Cow::Borrowed(&[]))
    }
    fn raw_pixel_data(&self) -> Option<RawPixelData> {
        Some(RawPixelData { fragments: vec![self.stream.to_vec()].into(), offset_table: Vec::new().into() })
    }
}
