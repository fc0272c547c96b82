//! RLE (DICOM PS3.5 annex G): the high and the low bytes of all pixels one after the other, each packed.

/// The pixel words of an RLE frame of one sample per pixel; `size` is columns and rows.
///
/// # Errors
/// A sentence about what is wrong with the stream.
pub(super) fn decode(stream: &[u8], bytes_per_pixel: usize, size: [usize; 2]) -> Result<Vec<u16>, String> {
    let u32_at = |at: usize| Some(u32::from_le_bytes(stream.get(at..at + 4)?.try_into().ok()?) as usize);
    let segments = u32_at(0).ok_or("the compressed pixels are cut off")?;
    if segments != bytes_per_pixel {
        return Err(format!("the compressed picture has {segments} segments instead of {bytes_per_pixel}"));
    }
    let mut words = vec![0u16; size[0] * size[1]];
    for n in 0..segments {
        let start = u32_at(4 + 4 * n).unwrap_or(0);
        let end = if n + 1 < segments { u32_at(8 + 4 * n).unwrap_or(0) } else { stream.len() };
        let segment = stream.get(start.max(64)..end).ok_or("the compressed pixels are damaged")?;
        unpack(segment, &mut words).ok_or("the compressed pixels are cut off or damaged")?;
    }
    Ok(words)
}

/// Pushes one byte into every word.
fn unpack(mut packed: &[u8], words: &mut [u16]) -> Option<()> {
    let mut words = words.iter_mut();
    let push = |word: &mut u16, byte: u8| *word = *word << 8 | u16::from(byte);
    while words.len() > 0 {
        let (head, rest) = packed.split_first()?;
        packed = match head {
            0..=127 => {
                let (literal, rest) = rest.split_at_checked(usize::from(*head) + 1)?;
                // What lies behind the last pixel is padding.
                words.by_ref().zip(literal).for_each(|(word, byte)| push(word, *byte));
                rest
            }
            128 => rest,
            _ => {
                let (byte, rest) = rest.split_first()?;
                words.by_ref().take(257 - usize::from(*head)).for_each(|word| push(word, *byte));
                rest
            }
        };
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(segments: &[&[u8]]) -> Vec<u8> {
        let mut header = vec![segments.len() as u32];
        let mut at = 64;
        for segment in segments {
            header.push(at);
            at += segment.len() as u32;
        }
        header.resize(16, 0);
        [header.iter().flat_map(|h| h.to_le_bytes()).collect(), segments.concat()].concat()
    }

    #[test]
    fn literals_and_runs_become_words() {
        let whole = frame(&[&[255, 1, 1, 2, 3, 128], &[2, 10, 20, 30, 0, 40, 0]]);
        assert_eq!(decode(&whole, 2, [2, 2]), Ok(vec![0x010A, 0x0114, 0x021E, 0x0328]));
        assert_eq!(decode(&frame(&[&[253, 7]]), 1, [2, 2]), Ok(vec![7; 4]));
        // More than there are pixels is padding.
        assert_eq!(decode(&frame(&[&[200, 7]]), 1, [3, 1]), Ok(vec![7; 3]));
        assert!(decode(&whole, 1, [2, 2]).is_err() && decode(&whole, 2, [3, 2]).is_err());
        for at in 0..whole.len() {
            assert!(decode(&whole[..at], 2, [2, 2]).is_err() || at >= whole.len() - 1, "{at}");
            for value in 0..=255 {
                let mut stream = whole.clone();
                stream[at] = value;
                assert!(decode(&stream, 2, [2, 2]).is_ok_and(|w| w.len() == 4) || decode(&stream, 2, [2, 2]).is_err());
            }
        }
    }
}
