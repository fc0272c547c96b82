//! How CT numbers become the value of a pixel: raw voxels or between them, on a plane or through a slab.

use crate::words::told;

/// What is shown between the centres of voxels.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Default, strum::EnumIter, strum::Display, serde::Serialize, serde::Deserialize,
)]
pub enum Sampling {
    /// Values between the centres: linear, and where slices are magnified cubic (Catmull-Rom) within the slice, never
    /// beyond the four voxels around, so that no edge gets a halo.
    #[default]
    Interpolated,
    /// The value of the nearest voxel.
    Nearest,
}

/// Which value of a slab is shown.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Default, strum::EnumIter, strum::Display, serde::Serialize, serde::Deserialize,
)]
pub enum SlabMode {
    /// Maximum intensity projection.
    #[default]
    #[strum(to_string = "MIP")]
    Maximum,
    #[strum(to_string = "MinIP")]
    Minimum,
    Average,
}

impl SlabMode {
    /// Combines values along a line, linear between them: `(depth, value)` with depths that do not descend.
    pub fn combine(self, values: impl Iterator<Item = (f64, f64)>) -> f64 {
        let (mut first, mut last): (Option<(f64, f64)>, Option<(f64, f64)>) = (None, None);
        let (mut extreme, mut area) = (f64::NAN, 0.0);
        for (depth, value) in values {
            extreme = if self == Self::Minimum { value.min(extreme) } else { value.max(extreme) };
            if let Some((d, v)) = last {
                area += (depth - d) * f64::midpoint(v, value);
            }
            first = first.or(Some((depth, value)));
            last = Some((depth, value));
        }
        match (self, first, last) {
            (Self::Average, Some((low, _)), Some((high, _))) if high > low => area / (high - low),
            _ => extreme,
        }
    }
}

/// A thick slab around the plane of a view, along its normal.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Slab {
    pub mode: SlabMode,
    pub thickness_mm: f64,
}

impl Slab {
    /// Thicknesses that the key goes through, mm.
    pub const STEPS_MM: [f64; 3] = [5.0, 10.0, 20.0];
    /// Thinner than the thinnest slices, and half a thorax, mm.
    pub const RANGE_MM: std::ops::RangeInclusive<f64> = 0.5..=200.0;

    /// "MIP 10 mm".
    pub fn words(&self) -> String {
        let mm = format!("{:.1}", self.thickness_mm);
        format!("{} {} mm", told(&self.mode.to_string()), mm.trim_end_matches(".0"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_combined_with_true_distances() {
        let line = || [(0.0, 10.0), (1.0, 30.0), (4.0, 0.0)].into_iter();
        assert_eq!(SlabMode::Maximum.combine(line()), 30.0);
        assert_eq!(SlabMode::Minimum.combine(line()), 0.0);
        assert_eq!(SlabMode::Average.combine(line()), (20.0 + 45.0) / 4.0);
        assert_eq!(SlabMode::Average.combine([(2.0, 7.0)].into_iter()), 7.0, "a slab of no thickness");
        assert_eq!(Slab { mode: SlabMode::Minimum, thickness_mm: 7.5 }.words(), "MinIP 7.5 mm");
        assert_eq!(Slab { mode: SlabMode::Maximum, thickness_mm: 10.0 }.words(), "MIP 10 mm");
    }
}
