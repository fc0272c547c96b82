//! Enhanced multi-frame CT (DICOM PS3.3 A.38): every frame becomes a slice like any other. What holds for all frames
//! stands in the shared functional groups, the rest in those of each frame.

use super::encapsulated;
use super::file::{DicomFile, PixelSource};
use super::pixels::PixelFormat;
use super::raw::DataSet;
use super::scan::{SliceHeader, directions, is_localizer, position, slice_header, spacing_ij_mm};
use dicom_core::Tag;
use dicom_dictionary_std::tags;
use std::collections::BTreeSet;
use std::path::Path;

/// The frames of a multi-frame image.
///
/// # Errors
/// Why they cannot be used.
pub(super) fn slices(path: &Path, file: &DicomFile) -> Result<Vec<SliceHeader>, String> {
    let ds = &file.dataset;
    let shared = ds.items(tags::SHARED_FUNCTIONAL_GROUPS_SEQUENCE).first();
    let frames = ds.items(tags::PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE);
    let stated = ds.integer(tags::NUMBER_OF_FRAMES).and_then(|n| usize::try_from(n).ok());
    if frames.is_empty() || stated.is_some_and(|n| n != frames.len()) {
        return Err(format!(
            "it states {} frames and describes {}; export it again, or as single CT images",
            stated.unwrap_or(0),
            frames.len()
        ));
    }
    let groups: Vec<Groups> = frames.iter().map(|frame| Groups { frame, shared, file: ds }).collect();
    let several = |what: &str, tag: Tag| {
        let values = groups.iter().map(|g| g.of(tags::FRAME_CONTENT_SEQUENCE).bytes(tag).unwrap_or_default());
        let count = values.collect::<BTreeSet<_>>().len();
        if count > 1 { Err(format!("it holds {count} {what}; export each as a series of its own")) } else { Ok(()) }
    };
    several("stacks of frames", tags::STACK_ID)?;
    several("points in time", tags::TEMPORAL_POSITION_INDEX)?;
    let pixels = pixels_of_frames(path, file, frames.len())?;
    let whole = slice_header(path, file);
    let slice = |(n, groups): (usize, &Groups)| SliceHeader {
        position: position(groups.of(tags::PLANE_POSITION_SEQUENCE)),
        directions: directions(groups.of(tags::PLANE_ORIENTATION_SEQUENCE)),
        spacing_ij_mm: spacing_ij_mm(groups.of(tags::PIXEL_MEASURES_SEQUENCE)),
        frames: 1,
        frame: Some(n as u32 + 1),
        localizer: whole.localizer
            || is_localizer(&groups.of(tags::CT_IMAGE_FRAME_TYPE_SEQUENCE).string(tags::FRAME_TYPE)),
        format: PixelFormat::of(ds, groups.of(tags::PIXEL_VALUE_TRANSFORMATION_SEQUENCE)),
        pixels: pixels[n],
        ..whole.clone()
    };
    Ok(groups.iter().enumerate().map(slice).collect())
}

/// Where the attributes of one frame stand.
struct Groups<'a> {
    frame: &'a DataSet,
    shared: Option<&'a DataSet>,
    file: &'a DataSet,
}

impl<'a> Groups<'a> {
    /// The attributes of a functional group, of the frame or of all; without it those of the file, where some write
    /// them.
    fn of(&self, group: Tag) -> &'a DataSet {
        let own = self.frame.items(group).first();
        own.or_else(|| self.shared?.items(group).first()).unwrap_or(self.file)
    }
}

fn pixels_of_frames(path: &Path, file: &DicomFile, count: usize) -> Result<Vec<Option<PixelSource>>, String> {
    let ds = &file.dataset;
    Ok(match file.pixels {
        Some(source @ (PixelSource::Plain { .. } | PixelSource::BigEndian { .. } | PixelSource::Deflated { .. })) => {
            let bytes = u64::from(ds.us(tags::BITS_ALLOCATED).unwrap_or(16) / 8);
            let [rows, columns] = [tags::ROWS, tags::COLUMNS].map(|tag| u64::from(ds.us(tag).unwrap_or(0)));
            let size = rows * columns * bytes;
            (0..count as u64).map(|n| source.part(n.saturating_mul(size), size)).collect()
        }
        Some(PixelSource::Compressed { offset } | PixelSource::CompressedFrame { offset, .. }) => {
            let extended = ds.bytes(tags::EXTENDED_OFFSET_TABLE).map(|bytes| {
                let offsets = bytes.chunks_exact(8);
                offsets.map(|o| u64::from_le_bytes(o.try_into().expect("eight bytes"))).collect()
            });
            encapsulated::frames(path, offset, count, extended)?
        }
        None => vec![None; count],
    })
}
