//! PET series: pixel values in Bq/ml, and from them the SUV by body weight.

use super::beside::{LoadedOverlay, OverlayError};
use super::ct::{CtError, put_slice, read_in_parallel};
use super::file::{is_pixels, read_until};
use super::pixels::PixelFormat;
use super::scan::{CtSeries, SliceHeader};
use super::stack::{Stack, Unreadable};
use super::suv::{PetHeader, scale};
use super::warning::ImportWarning;
use crate::geometry::Rigid;
use crate::image::{OverlayVolume, Quantity};
use crate::progress::Progress;
use crate::words::carried;
use dicom_core::Tag;
use ndarray::Array3;
use rayon::prelude::*;
use std::sync::Arc;

/// Loads a PET series as SUV, or as the raw values with the reason why not.
///
/// # Errors
/// [`OverlayError`] where the images form no volume.
pub(super) fn load_pet(
    series: &CtSeries,
    ct_from_overlay: Rigid,
    progress: &dyn Progress,
) -> Result<LoadedOverlay, OverlayError> {
    let mut unreadable = Unreadable::new();
    loop {
        let Stack { slices, grid, mut warnings } = Stack::build(series, &unreadable)?;
        progress.checkpoint()?;
        let headers = slices.par_iter().map(carried(header)).collect::<Result<Vec<PetHeader>, CtError>>()?;
        let scaled = scale(&headers);
        let size = [grid.columns(), grid.rows()];
        let mut values = Array3::<f32>::zeros(grid.shape());
        let read = |k: usize| {
            let factor = scaled.factors[k];
            let format = PixelFormat {
                slope: slices[k].format.slope * factor,
                intercept: slices[k].format.intercept * factor,
                ..slices[k].format.clone()
            };
            slices[k].values(&format.value_table(), size)
        };
        let damaged = read_in_parallel(&slices, "Loading PET", &read, progress, &mut |k, slice| {
            put_slice(&mut values, k, &slice);
        })?;
        if !damaged.is_empty() {
            unreadable.extend(damaged);
            continue;
        }
        let quantity = if scaled.refusal.is_none() { Quantity::Suv } else { Quantity::RawPet };
        warnings.extend(
            scaled.refusal.map(|why| ImportWarning::warning(crate::tf!("No SUV: {why}. Raw values are shown", why))),
        );
        warnings.extend(scaled.remarks.into_iter().map(ImportWarning::info));
        let volume = OverlayVolume::new(Arc::new(grid), values, quantity, scaled.unit, ct_from_overlay);
        return Ok(LoadedOverlay { volume, warnings, method: scaled.method, reference: None });
    }
}

fn header(slice: &SliceHeader) -> Result<PetHeader, CtError> {
    let path = &slice.path;
    match read_until(path, &|tag: Tag| is_pixels(tag) || tag.0 > 0x7FE0) {
        Ok(Some(file)) => Ok(PetHeader::of(&file.dataset)),
        Ok(None) => Err(CtError::Header { why: "it is no DICOM file any more".into(), path: path.clone() }),
        Err(e) => Err(CtError::Header { why: e.to_string(), path: path.clone() }),
    }
}
