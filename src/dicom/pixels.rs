//! From stored pixel values to CT numbers (DICOM PS3.3 C.7.6.3 and C.11.1): bits stored, sign,
//! rescale slope and intercept, and padding around the scan circle.

use super::file::PixelSource;
use super::raw::DataSet;
use super::value::parse_ds;
use crate::image::CtVolume;
use dicom_dictionary_std::tags;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

/// How the pixels of one image are stored.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct PixelFormat {
    pub bits_allocated: u16,
    pub bits_stored: u16,
    pub high_bit: u16,
    pub signed: bool,
    pub samples_per_pixel: u16,
    pub slope: f64,
    pub intercept: f64,
    /// False where the image has no rescale slope and intercept of its own.
    pub rescaled: bool,
    /// Rescale Type (0028,1054); empty means HU for CT.
    pub rescale_type: String,
    /// Lowest and highest padding value, as stored.
    pub padding: Option<[i32; 2]>,
}

impl PixelFormat {
    /// Reads the image pixel and CT image attributes of a header.
    pub fn of(ds: &DataSet) -> Self {
        let bits_allocated = ds.us(tags::BITS_ALLOCATED).unwrap_or(16);
        let bits_stored = ds.us(tags::BITS_STORED).unwrap_or(bits_allocated).clamp(1, bits_allocated.max(1));
        let signed = ds.us(tags::PIXEL_REPRESENTATION) == Some(1);
        let first_ds = |tag| ds.bytes(tag).and_then(|b| parse_ds(b.split(|c| *c == b'\\').next().unwrap_or(b)));
        let (slope, intercept) = (first_ds(tags::RESCALE_SLOPE), first_ds(tags::RESCALE_INTERCEPT));
        // US or SS by the pixel representation, whatever the value representation says.
        let stored = |bits: u16| if signed { i32::from(bits.cast_signed()) } else { i32::from(bits) };
        let padding = ds.us(tags::PIXEL_PADDING_VALUE).map(|value| {
            let value = stored(value);
            let other = ds.us(tags::PIXEL_PADDING_RANGE_LIMIT).map_or(value, stored);
            [value.min(other), value.max(other)]
        });
        Self {
            bits_allocated,
            bits_stored,
            high_bit: ds.us(tags::HIGH_BIT).unwrap_or(bits_stored - 1),
            signed,
            samples_per_pixel: ds.us(tags::SAMPLES_PER_PIXEL).unwrap_or(1),
            slope: slope.filter(|s| *s != 0.0).unwrap_or(1.0),
            intercept: intercept.unwrap_or(0.0),
            rescaled: slope.is_some() && intercept.is_some(),
            rescale_type: ds.string(tags::RESCALE_TYPE),
            padding,
        }
    }

    /// Why these pixels cannot become CT numbers, if so.
    pub fn refusal(&self) -> Option<String> {
        if self.samples_per_pixel != 1 {
            Some(format!("it is a color picture ({} samples per pixel)", self.samples_per_pixel))
        } else if !matches!(self.bits_allocated, 8 | 16) {
            Some(format!("its pixels have {} bits; 8 and 16 can be read", self.bits_allocated))
        } else if self.high_bit >= self.bits_allocated || self.high_bit + 1 < self.bits_stored {
            Some(format!("bits stored {} and high bit {} contradict each other", self.bits_stored, self.high_bit))
        } else {
            None
        }
    }

    pub fn bytes_per_pixel(&self) -> usize {
        usize::from(self.bits_allocated / 8)
    }

    /// CT number of every possible pixel word (256 or 65536 of them), saturating at the range of i16;
    /// [`CtVolume::OUTSIDE_HU`] for padding.
    pub fn hu_table(&self) -> Vec<i16> {
        let words = 1u32 << self.bits_allocated;
        let shift = self.high_bit + 1 - self.bits_stored;
        let mask = (1u32 << self.bits_stored) - 1;
        let sign_bit = 1i32 << (self.bits_stored - 1);
        (0..words)
            .map(|word| {
                let raw = ((word >> shift) & mask) as i32;
                let stored = if self.signed && raw & sign_bit != 0 { raw - (sign_bit << 1) } else { raw };
                // Some write a padding value that needs all 16 bits although fewer are stored.
                let whole = if self.signed { i32::from((word as u16).cast_signed()) } else { word as i32 };
                let is_padding = |[low, high]: [i32; 2]| {
                    (low..=high).contains(&stored) || self.bits_allocated == 16 && (low..=high).contains(&whole)
                };
                if self.padding.is_some_and(is_padding) {
                    CtVolume::OUTSIDE_HU
                } else {
                    (f64::from(stored) * self.slope + self.intercept).round() as i16
                }
            })
            .collect()
    }
}

/// Reads the pixels of one image and gives its CT numbers, row by row. `table` is
/// [`PixelFormat::hu_table`] of its format, `size` columns and rows.
///
/// # Errors
/// A sentence about what is wrong with the file.
pub(crate) fn read_hu(
    path: &Path,
    source: PixelSource,
    format: &PixelFormat,
    table: &[i16],
    size: [usize; 2],
) -> Result<Vec<i16>, String> {
    let needed = size[0] * size[1] * format.bytes_per_pixel();
    let bytes = match source {
        PixelSource::Plain { offset, .. } => {
            let mut file = File::open(path).map_err(|e| e.to_string())?;
            file.seek(SeekFrom::Start(offset)).map_err(|e| e.to_string())?;
            let mut bytes = vec![0; needed];
            file.read_exact(&mut bytes).map_err(|_| "the file is cut off within the pixels".to_owned())?;
            bytes
        }
        // The codecs take damaged streams badly; that costs one slice, not the program.
        PixelSource::Encoded => std::panic::catch_unwind(|| decode(path, format, size, needed))
            .unwrap_or_else(|_panic| Err("the compressed pixels are damaged".to_owned()))?,
    };
    Ok(if format.bits_allocated == 8 {
        bytes.iter().map(|b| table[usize::from(*b)]).collect()
    } else {
        bytes.chunks_exact(2).map(|b| table[usize::from(u16::from_le_bytes([b[0], b[1]]))]).collect()
    })
}

fn decode(path: &Path, format: &PixelFormat, size: [usize; 2], needed: usize) -> Result<Vec<u8>, String> {
    use dicom_pixeldata::PixelDecoder as _;
    let object = dicom_object::open_file(path).map_err(|e| super::file::root_cause(&e))?;
    let fragments = object.get(tags::PIXEL_DATA).and_then(|e| e.value().fragments());
    if let Some([columns, rows]) = fragments.and_then(|f| stream_size(f.first()?))
        && [columns, rows] != size
    {
        return Err(format!(
            "the compressed picture has {columns} x {rows} pixels instead of {} x {}",
            size[0], size[1]
        ));
    }
    let decoded = object.decode_pixel_data().map_err(|e| super::file::root_cause(&e))?;
    if decoded.bits_allocated() != format.bits_allocated {
        return Err(format!(
            "{} bits per pixel came out instead of {}",
            decoded.bits_allocated(),
            format.bits_allocated
        ));
    }
    let mut bytes = decoded.into_data();
    if bytes.len() < needed {
        return Err(format!("the compressed pixels are cut off ({} of {needed} bytes)", bytes.len()));
    }
    bytes.truncate(needed);
    Ok(bytes)
}

/// Columns and rows as the start of a JPEG, JPEG-LS or JPEG 2000 stream gives them.
fn stream_size(bytes: &[u8]) -> Option<[usize; 2]> {
    let u16_at = |at: usize| Some(u16::from_be_bytes(bytes.get(at..at + 2)?.try_into().ok()?));
    let u32_at = |at: usize| Some(u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?));
    // JPEG 2000: start of codestream, then the size segment.
    if bytes.starts_with(&[0xFF, 0x4F, 0xFF, 0x51]) {
        let extent = |end: usize, start: usize| u32_at(end)?.checked_sub(u32_at(start)?);
        return Some([extent(8, 16)? as usize, extent(12, 20)? as usize]);
    }
    if !bytes.starts_with(&[0xFF, 0xD8]) {
        return None;
    }
    let mut at = 2;
    loop {
        match bytes.get(at..at + 2)? {
            [0xFF, 0xFF] => at += 1,
            // A frame header; C4, C8 and CC are other segments of the same range.
            [0xFF, 0xC0..=0xC3 | 0xC5..=0xC7 | 0xC9..=0xCB | 0xCD..=0xCF | 0xF7] => {
                return Some([usize::from(u16_at(at + 7)?), usize::from(u16_at(at + 5)?)]);
            }
            [0xFF, _] => at += 2 + usize::from(u16_at(at + 2)?),
            _ => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn format(bits_stored: u16, signed: bool, slope: f64, intercept: f64, padding: Option<[i32; 2]>) -> PixelFormat {
        PixelFormat {
            bits_allocated: 16,
            bits_stored,
            high_bit: bits_stored - 1,
            signed,
            samples_per_pixel: 1,
            slope,
            intercept,
            rescaled: true,
            rescale_type: String::new(),
            padding,
        }
    }

    #[test]
    fn every_kind_of_pixel_becomes_the_right_ct_number() {
        let t = format(12, false, 1.0, -1024.0, None).hu_table();
        assert_eq!((t[0], t[1024], t[4095], t[0xF400]), (-1024, 0, 3071, -1024 + 0x400));
        let t = format(12, true, 1.0, 0.0, None).hu_table();
        assert_eq!((t[0x0FFF], t[0x0800], t[0x07FF]), (-1, -2048, 2047));
        let t = format(16, true, 1.0, 0.0, Some([-2000, -2000])).hu_table();
        assert_eq!((t[(-2000i16) as u16 as usize], t[(-1999i16) as u16 as usize]), (CtVolume::OUTSIDE_HU, -1999));
        let t = format(16, false, 2.5, -1000.0, None).hu_table();
        assert_eq!((t[1], t[401], t[65535]), (-998, 3, i16::MAX), "rounded half away from zero, saturating");
        let mut high = format(12, false, 1.0, 0.0, None);
        high.high_bit = 15;
        assert_eq!(high.hu_table()[0x0100], 0x10);
        // A padding range, and a padding value beyond the bits stored.
        let t = format(12, false, 1.0, -1024.0, Some([0, 5])).hu_table();
        assert_eq!((t[0], t[5], t[6]), (CtVolume::OUTSIDE_HU, CtVolume::OUTSIDE_HU, -1018));
        let t = format(12, false, 1.0, -1024.0, Some([63536, 63536])).hu_table();
        assert_eq!((t[63536], t[0]), (CtVolume::OUTSIDE_HU, -1024));
    }

    #[test]
    fn eight_bit_pixels_have_a_small_table() {
        let mut f = format(8, false, 1.0, -100.0, None);
        f.bits_allocated = 8;
        assert_eq!(f.hu_table().len(), 256);
        assert_eq!(f.hu_table()[255], 155);
        f.bits_allocated = 32;
        assert!(f.refusal().is_some_and(|r| r.contains("32 bits")));
    }
}
