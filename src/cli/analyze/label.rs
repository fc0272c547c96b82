//! Letters in pictures, without a font engine: a strip of baked glyphs (scripts/bake-picture-labels.py).

use crate::image::SlicePicture;
use std::sync::LazyLock;

/// Glyphs side by side, white on black, below a row that marks the first column of each.
struct Glyphs {
    width: usize,
    height: usize,
    alpha: Vec<u8>,
    /// First column of each glyph, and the width of the strip at the end.
    starts: Vec<usize>,
}

static GLYPHS: LazyLock<Glyphs> = LazyLock::new(|| {
    let png = include_bytes!("../../../assets/fonts/picture-labels.png");
    let strip = image::load_from_memory(png).expect("the strip of glyphs is part of the program").to_luma8();
    let (width, height) = (strip.width() as usize, strip.height() as usize - 1);
    let alpha = strip.into_raw();
    let starts = (0..width).filter(|x| alpha[*x] > 127).chain([width]).collect();
    Glyphs { width, height, alpha: alpha[width..].to_vec(), starts }
});

/// Height of a line, pixels.
pub fn line_height() -> usize {
    GLYPHS.height
}

fn glyph(character: char) -> Option<usize> {
    match character as usize {
        c @ 0x20..=0x7e => Some(c - 0x20),
        c @ 0xa0..=0xff => Some(c - 0xa0 + 0x5f),
        _ => None,
    }
}

/// True if every character can be written into a picture.
pub fn is_writable(text: &str) -> bool {
    text.chars().all(|c| glyph(c).is_some())
}

/// Columns that a text takes, pixels.
pub fn text_width(text: &str) -> usize {
    text.chars().filter_map(glyph).map(|g| GLYPHS.starts[g + 1] - GLYPHS.starts[g]).sum()
}

/// Writes a text with its upper left corner at a place; characters without a glyph are left out.
pub fn write(picture: &mut SlicePicture, left: usize, top: usize, text: &str, color: [u8; 3]) {
    let mut x = left;
    for g in text.chars().filter_map(glyph) {
        let columns = GLYPHS.starts[g]..GLYPHS.starts[g + 1];
        for y in 0..GLYPHS.height {
            for (n, column) in columns.clone().enumerate() {
                let alpha = GLYPHS.alpha[y * GLYPHS.width + column];
                if alpha > 0 {
                    picture.blend(x + n, top + y, color, f64::from(alpha) / 255.0);
                }
            }
        }
        x += columns.len();
    }
}

/// Writes over a scan: dark around the letters, so that they can be read on any grey.
pub fn write_over(picture: &mut SlicePicture, left: usize, top: usize, text: &str) {
    for (dx, dy) in [(0, 1), (2, 1), (1, 0), (1, 2)] {
        write(picture, (left + dx).saturating_sub(1), (top + dy).saturating_sub(1), text, [0; 3]);
    }
    write(picture, left, top, text, [235; 3]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_character_has_a_glyph_and_takes_its_width() {
        assert_eq!(GLYPHS.starts.len(), 95 + 96 + 1);
        assert!(is_writable("CTV proposed (8 mm) - 4R, Öse") && !is_writable("主肿瘤"));
        assert!(text_width("iii") < text_width("MMM"));
        let mut picture = SlicePicture::filled([60, 24], [0; 3]);
        write(&mut picture, 2, 2, "4R", [255; 3]);
        let lit: Vec<usize> = (0..60 * 24).filter(|n| picture.rgb[3 * n] > 100).map(|n| n % 60).collect();
        assert!(lit.len() > 20 && lit.iter().all(|x| *x < 2 + text_width("4R")));
    }
}
