//! JPEG 2000 (ISO/IEC 15444-1) of one component, by the memory-safe decoder hayro-jpeg2000.

use hayro_jpeg2000::{DecodeSettings, DecoderContext, Image};

/// Where the codestream starts, perhaps behind the boxes of a JP2 file.
pub(super) fn codestream(bytes: &[u8]) -> Option<&[u8]> {
    // Start of codestream, then the size segment.
    let at = bytes[..bytes.len().min(1 << 10)].windows(4).position(|w| w == [0xFF, 0x4F, 0xFF, 0x51])?;
    Some(&bytes[at..])
}

/// The pixel words of one picture, row by row; signed samples in two's complement of 16 bits.
///
/// # Errors
/// A sentence about what is wrong with the stream, or what the decoder does not know.
pub(super) fn decode(bytes: &[u8], size: [usize; 2]) -> Result<Vec<u16>, String> {
    let stream = codestream(bytes).ok_or("no JPEG 2000 codestream")?;
    // Sample depth less one and the sign, 42 bytes from the start of the codestream (ISO/IEC 15444-1 A.5.1).
    let depth = *stream.get(42).ok_or("the codestream is cut off")?;
    let (is_signed, bits) = (depth & 0x80 != 0, u32::from(depth & 0x7F) + 1);
    if bits > 16 {
        return Err(format!("JPEG 2000 of {bits} bits is more than a CT image has"));
    }
    let settings = DecodeSettings { resolve_palette_indices: false, strict: true, target_resolution: None };
    let image = Image::new(stream, &settings).map_err(|e| e.to_string())?;
    let mut context = DecoderContext::default();
    let picture = image.decode(&mut context).map_err(|e| e.to_string())?;
    let samples = picture.components().first().ok_or("the codestream holds no picture")?.samples();
    if samples.len() != size[0] * size[1] {
        return Err(format!("the compressed picture has {} pixels instead of {}", samples.len(), size[0] * size[1]));
    }
    // The decoder lifts signed samples as it lifts unsigned ones.
    let lift = if is_signed { 1 << (bits - 1) } else { 0 };
    // Lossy wavelets overshoot; the standard clips to the range of the samples.
    let most = (1i32 << bits) - 1;
    Ok(samples.iter().map(|sample| ((sample.round() as i32).clamp(0, most) - lift) as u16).collect())
}

/// Whether the marker segments and tile-parts of a codestream follow each other to its end (ISO/IEC 15444-1 A.2).
///
/// # Errors
/// A sentence for a stream that is cut off or whose lengths lead astray.
pub(super) fn check_whole(bytes: &[u8]) -> Result<(), String> {
    const SOT: u16 = 0xFF90;
    const END: u16 = 0xFFD9;
    let stream = codestream(bytes).ok_or("no JPEG 2000 codestream")?;
    let word = |at: usize| Some(u16::from_be_bytes(stream.get(at..at + 2)?.try_into().ok()?));
    let long = |at: usize| Some(u32::from_be_bytes(stream.get(at..at + 4)?.try_into().ok()?) as usize);
    let next = |at: usize| match word(at)? {
        END => None,
        // The length of a tile-part counts from its marker; 0 stands for the rest up to the end of the stream.
        SOT => match long(at + 6)? {
            0 => (at..stream.len()).rev().find(|n| word(*n) == Some(END)),
            length => Some(at + length.max(14)),
        },
        0xFF4F => Some(at + 2),
        _ => Some(at + 2 + usize::from(word(at + 2)?).max(2)),
    };
    let last = std::iter::successors(Some(0), |at| next(*at)).last();
    if last.and_then(word) == Some(END) { Ok(()) } else { Err("the compressed pixels are cut off or damaged".into()) }
}

#[cfg(test)]
mod tests {
    use super::check_whole;

    #[test]
    fn a_whole_stream_ends_where_its_lengths_lead() {
        let mut stream = vec![0xFF, 0x4F, 0xFF, 0x51, 0, 4, 0, 0];
        stream.extend([0xFF, 0x90, 0, 10, 0, 0, 0, 0, 0, 17, 0, 1, 0xFF, 0x93, 1, 2, 3, 0xFF, 0xD9]);
        assert_eq!(check_whole(&stream), Ok(()));
        let with_padding = [stream.clone(), vec![0]].concat();
        assert_eq!(check_whole(&with_padding), Ok(()));
        let mut open_end = stream.clone();
        open_end[17] = 0;
        assert_eq!(check_whole(&open_end), Ok(()));
        for n in 0..stream.len() {
            assert!(check_whole(&stream[..n]).is_err(), "{n} bytes");
        }
        stream[17] = 16;
        assert!(check_whole(&stream).is_err());
    }
}
