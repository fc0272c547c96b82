//! From stored pixel values to CT numbers and PET values (DICOM PS3.3 C.7.6.3 and C.11.1): bits stored, sign,
//! rescale slope and intercept, and padding around the scan circle.

use super::codec;
use super::encapsulated;
use super::file::PixelSource;
use super::raw::DataSet;
use super::value::parse_ds;
use crate::image::{CtVolume, OverlayVolume};
use dicom_dictionary_std::tags;
use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
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
    /// Reads the image pixel attributes of a header, and the rescale, which multi-frame images have elsewhere.
    pub fn of(ds: &DataSet, rescale: &DataSet) -> Self {
        let bits_allocated = ds.us(tags::BITS_ALLOCATED).unwrap_or(16);
        let bits_stored = ds.us(tags::BITS_STORED).unwrap_or(bits_allocated).clamp(1, bits_allocated.max(1));
        let signed = ds.us(tags::PIXEL_REPRESENTATION) == Some(1);
        let first_ds = |tag| rescale.bytes(tag).and_then(|b| parse_ds(b.split(|c| *c == b'\\').next().unwrap_or(b)));
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
            rescale_type: rescale.string(tags::RESCALE_TYPE),
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

    /// Lossy compression of pixels in sixteen bits may leave the range of the bits stored a little, where the bits
    /// above them would turn white into black. What is at most `slack` beyond returns to the end of the range.
    pub fn keep_within_bits_stored(&self, words: &mut [u16], slack: i32) {
        if self.bits_stored >= 16 || self.bits_allocated != 16 || self.high_bit + 1 != self.bits_stored {
            return;
        }
        let half = 1i32 << (self.bits_stored - 1);
        let [low, high] = if self.signed { [-half, half - 1] } else { [0, 2 * half - 1] };
        for word in words {
            let value = if self.signed { i32::from(word.cast_signed()) } else { i32::from(*word) };
            if (low - slack..low).contains(&value) {
                *word = low as u16;
            } else if (high + 1..=high + slack).contains(&value) {
                *word = high as u16;
            }
        }
    }

    /// CT number of every possible pixel word (256 or 65536 of them), saturating at the range of i16;
    /// [`CtVolume::OUTSIDE_HU`] for padding.
    pub fn hu_table(&self) -> Vec<i16> {
        let hu = |stored: i32| (f64::from(stored) * self.slope + self.intercept).round() as i16;
        self.stored_values().map(|stored| stored.map_or(CtVolume::OUTSIDE_HU, hu)).collect()
    }

    /// Rescaled value of every possible pixel word; [`OverlayVolume::ABSENT`] for padding.
    pub fn value_table(&self) -> Vec<f32> {
        let value = |stored: i32| (f64::from(stored) * self.slope + self.intercept) as f32;
        self.stored_values().map(|stored| stored.map_or(OverlayVolume::ABSENT, value)).collect()
    }

    /// Stored value of every possible pixel word, `None` for padding.
    fn stored_values(&self) -> impl Iterator<Item = Option<i32>> {
        let words = 1u32 << self.bits_allocated;
        let shift = self.high_bit + 1 - self.bits_stored;
        let mask = (1u32 << self.bits_stored) - 1;
        let sign_bit = 1i32 << (self.bits_stored - 1);
        (0..words).map(move |word| {
            let raw = ((word >> shift) & mask) as i32;
            let stored = if self.signed && raw & sign_bit != 0 { raw - (sign_bit << 1) } else { raw };
            // Some write a padding value that needs all 16 bits although fewer are stored.
            let whole = if self.signed { i32::from((word as u16).cast_signed()) } else { word as i32 };
            let is_padding = |[low, high]: [i32; 2]| {
                (low..=high).contains(&stored) || self.bits_allocated == 16 && (low..=high).contains(&whole)
            };
            (!self.padding.is_some_and(is_padding)).then_some(stored)
        })
    }
}

/// Reads the pixels of one image and gives its values, row by row. `table` is
/// [`PixelFormat::hu_table`] or [`PixelFormat::value_table`] of its format, `size` columns and rows.
///
/// # Errors
/// A sentence about what is wrong with the file.
pub(crate) fn read_values<T: Copy>(
    path: &Path,
    source: PixelSource,
    transfer_syntax: &str,
    is_lossy: bool,
    format: &PixelFormat,
    table: &[T],
    size: [usize; 2],
) -> Result<Vec<T>, String> {
    let needed = size[0] * size[1] * format.bytes_per_pixel();
    let bytes = match source {
        // The codecs take damaged streams badly; that costs one slice, not the program.
        PixelSource::Compressed { .. } | PixelSource::CompressedFrame { .. } => {
            let words = std::panic::catch_unwind(|| {
                let stream = encapsulated::stream(path, source)?;
                codec::decode(&stream, transfer_syntax, is_lossy, format, size)
            });
            let words = words.unwrap_or_else(|_panic| Err("the compressed pixels are damaged".to_owned()))?;
            // The table has an entry for every word of the bits allocated; a codec may give more bits than that.
            let last = table.len() - 1;
            return Ok(words.into_iter().map(|word| table[usize::from(word) & last]).collect());
        }
        source => uncompressed(path, source, needed)?,
    };
    Ok(if format.bits_allocated == 8 {
        bytes.iter().map(|b| table[usize::from(*b)]).collect()
    } else {
        bytes.chunks_exact(2).map(|b| table[usize::from(u16::from_le_bytes([b[0], b[1]]))]).collect()
    })
}

/// The first `needed` bytes of uncompressed pixels, little endian.
///
/// # Errors
/// A sentence about what is wrong with the file.
pub(super) fn uncompressed(path: &Path, source: PixelSource, needed: usize) -> Result<Vec<u8>, String> {
    const CUT_OFF: &str = "the file is cut off within the pixels";
    let mut file = File::open(path).map_err(|e| e.to_string())?;
    let size = file.metadata().map_err(|e| e.to_string())?.len();
    let mut seek = |at| file.seek(SeekFrom::Start(at)).map_err(|e| e.to_string());
    let bytes = match source {
        PixelSource::Plain { offset, length } | PixelSource::BigEndian { offset, length, .. } => {
            if length.min(size.saturating_sub(offset)) < needed as u64 {
                return Err(CUT_OFF.to_owned());
            }
            seek(offset)?;
            let mut bytes = vec![0; needed];
            file.read_exact(&mut bytes).map_err(|_| CUT_OFF.to_owned())?;
            if matches!(source, PixelSource::BigEndian { turned: true, .. }) {
                bytes.chunks_exact_mut(2).for_each(<[u8]>::reverse);
            }
            bytes
        }
        PixelSource::Deflated { stream, offset, length } => {
            if length < needed as u64 {
                return Err(CUT_OFF.to_owned());
            }
            if needed as u64 > (64 << 20) + 256 * size {
                return Err("it grows without end as it is unpacked".to_owned());
            }
            seek(stream)?;
            let mut unpacked = flate2::bufread::DeflateDecoder::new(BufReader::new(file));
            std::io::copy(&mut (&mut unpacked).take(offset), &mut std::io::sink()).map_err(|e| e.to_string())?;
            // Grows with what is there, for a header may promise more.
            let mut bytes = Vec::new();
            unpacked.take(needed as u64).read_to_end(&mut bytes).map_err(|_| CUT_OFF.to_owned())?;
            if bytes.len() < needed {
                return Err(CUT_OFF.to_owned());
            }
            bytes
        }
        PixelSource::Compressed { .. } | PixelSource::CompressedFrame { .. } => {
            return Err("its pixels are compressed".to_owned());
        }
    };
    Ok(bytes)
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
    fn lossy_pixels_stay_within_the_bits_stored() {
        let kept = |values: &[i16], signed| {
            let mut words: Vec<u16> = values.iter().map(|v| v.cast_unsigned()).collect();
            format(12, signed, 1.0, 0.0, None).keep_within_bits_stored(&mut words, 2);
            words.into_iter().map(u16::cast_signed).collect::<Vec<_>>()
        };
        assert_eq!(kept(&[2047, 2048, 2049, 2050], true), [2047, 2047, 2047, 2050]);
        assert_eq!(kept(&[-2050, -2049, -2048, -5], true), [-2048, -2048, -2048, -5]);
        assert_eq!(kept(&[4095, 4096, 4097, -2000], false), [4095, 4095, 4095, -2000]);
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
