//! Pictures of the view in use, as it is on the screen: to the clipboard, or into a PNG file. While one is taken, the view
//! says what it must not be used for, so that the words are part of it.

use super::theme;
use super::viewport::text;
use crate::words::t;
use anyhow::Context as _;
use crossbeam_channel::{Receiver, bounded};
use eframe::egui::{self, Align2, ColorImage, Painter, Rect, ViewportCommand, vec2};
use std::path::Path;
use std::sync::Arc;

/// Where a picture goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PictureGoal {
    Clipboard,
    File,
}

/// The picture that was asked for, until it is delivered.
#[derive(Default)]
pub struct Pictures {
    wanted: Option<PictureGoal>,
    /// The screen is on its way, of which this part is wanted.
    waiting: Option<(PictureGoal, Rect, Receiver<Arc<ColorImage>>)>,
    /// Waits for the name of a file.
    pending: Option<Vec<u8>>,
}

impl Pictures {
    pub fn ask(&mut self, goal: PictureGoal) {
        self.wanted = Some(goal);
    }

    /// True while the view must say what its picture is for.
    pub fn is_taking(&self) -> bool {
        self.wanted.is_some() || self.waiting.is_some()
    }

    /// After drawing: asks for the screen, of which `rect` is wanted.
    pub fn take(&mut self, context: &egui::Context, rect: Option<Rect>) {
        let (Some(goal), Some(rect)) = (self.wanted.take(), rect) else { return };
        let (sender, receiver) = bounded(1);
        let repaint = context.clone();
        let callback = egui::ScreenshotCallback::new(move |image| {
            // Nobody waits any more where another picture was asked for meanwhile.
            drop(sender.try_send(image));
            repaint.request_repaint();
        });
        context.send_viewport_cmd(ViewportCommand::Screenshot(callback));
        self.waiting = Some((goal, rect, receiver));
    }

    /// The part of the screen that was asked for, once it is here.
    pub fn poll(&mut self, pixels_per_point: f32) -> Option<(PictureGoal, ColorImage)> {
        let (goal, rect, receiver) = self.waiting.as_ref()?;
        let screen = receiver.try_recv().ok()?;
        let (goal, rect) = (*goal, *rect);
        self.waiting = None;
        Some((goal, part(&screen, rect, pixels_per_point)))
    }

    pub fn keep(&mut self, png: Vec<u8>) {
        self.pending = Some(png);
    }

    /// Writes the picture that waits for its name.
    ///
    /// # Errors
    /// Where the file would be one of `sources`, or cannot be written.
    pub fn write<'a>(
        &mut self,
        path: &Path,
        sources: impl Iterator<Item = &'a Path>,
    ) -> Result<(), crate::files::PutError> {
        let Some(png) = self.pending.take() else { return Ok(()) };
        crate::files::check_target(path, true, sources)?;
        // That the bytes are a picture was seen when they were made; here it counts that all of them arrive.
        let same = |written: &Path| match std::fs::read(written) {
            Ok(bytes) if bytes == png => Ok(()),
            Ok(_) => Err(t("it is not what was written").to_owned()),
            Err(error) => Err(error.to_string()),
        };
        crate::files::put_in_place(path, &png, true, same)
    }
}

/// A part of the screen, points.
fn part(screen: &ColorImage, rect: Rect, pixels_per_point: f32) -> ColorImage {
    let [width, height] = screen.size;
    let px = |points: f32, most: usize| ((points * pixels_per_point).round().max(0.0) as usize).min(most);
    let (left, top) = (px(rect.left(), width), px(rect.top(), height));
    let (right, bottom) = (px(rect.right(), width), px(rect.bottom(), height));
    screen.region_by_pixels([left, top], [right.saturating_sub(left), bottom.saturating_sub(top)])
}

/// The bytes of a PNG file.
///
/// # Errors
/// For a picture without pixels.
pub fn png(image: &ColorImage) -> anyhow::Result<Vec<u8>> {
    let [width, height] = image.size.map(|s| s as u32);
    let bytes: Vec<u8> = image.pixels.iter().flat_map(|p| p.to_array()).collect();
    let buffer = image::RgbaImage::from_raw(width, height, bytes).context(t("the picture has no pixels"))?;
    let mut file = std::io::Cursor::new(Vec::new());
    buffer.write_to(&mut file, image::ImageFormat::Png).context(t("the picture could not be encoded"))?;
    Ok(file.into_inner())
}

/// What a picture must not be used for, at its upper edge.
pub fn paint_words(painter: &Painter, rect: Rect) {
    let words = t("Hilum · Research and education only · Not a medical device");
    let at = rect.center_top() + vec2(0.0, theme::SPACE_2 + 20.0);
    text(painter, at, Align2::CENTER_TOP, words, theme::strong(theme::SIZE_SMALL + 1.0), theme::WARNING);
}

#[cfg(test)]
mod tests {
    use super::*;
    use eframe::egui::{Color32, pos2};

    #[test]
    fn the_part_that_is_wanted_is_cut_out_and_encoded() {
        let mut screen = ColorImage::filled([40, 30], Color32::BLACK);
        screen.pixels[12 * 40 + 20] = Color32::from_rgb(1, 2, 3);
        let rect = Rect::from_min_max(pos2(10.0, 6.0), pos2(14.0, 9.0));
        let part = part(&screen, rect, 2.0);
        assert_eq!((part.size, part.pixels[0]), ([8, 6], Color32::from_rgb(1, 2, 3)));
        let read = image::load_from_memory(&png(&part).expect("a picture")).expect("a PNG file").into_rgba8();
        assert_eq!((read.dimensions(), read.get_pixel(0, 0).0), ((8, 6), [1, 2, 3, 255]));
    }

    #[test]
    fn what_lies_beyond_the_screen_is_left_out() {
        let screen = ColorImage::filled([40, 30], Color32::BLACK);
        let rect = Rect::from_min_max(pos2(-5.0, 20.0), pos2(90.0, 45.0));
        assert_eq!(part(&screen, rect, 1.0).size, [40, 10]);
    }
}
