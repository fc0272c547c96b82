//! Which stations the contours of involved nodes touch, and the N category (TNM 9) that follows for a primary on one side.
//! A read-out of contours: staging rests on more than them.

use crate::contour::Mask;
use crate::geometry::VoxelGrid;
use crate::structures::Station;

/// A station counts as touched from this much of the nodes in it, cm3: less is the scatter of a contour at a border.
pub const LEAST_TOUCH_CM3: f64 = 0.1;
/// A primary this near to the midline has no side, mm.
const MIDLINE_MM: f64 = 10.0;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Side {
    Right,
    Left,
}

impl Side {
    pub fn key(self) -> &'static str {
        match self {
            Self::Right => "right",
            Self::Left => "left",
        }
    }
}

/// N category of the ninth edition of TNM, clinical, as far as stations tell it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NodeCategory {
    /// Ipsilateral hilar or interlobar.
    N1,
    /// One ipsilateral mediastinal or subcarinal station.
    N2a,
    /// Several of them.
    N2b,
    /// Contralateral, or supraclavicular.
    N3,
}

impl NodeCategory {
    pub fn label(self) -> &'static str {
        match self {
            Self::N1 => "N1",
            Self::N2a => "N2a",
            Self::N2b => "N2b",
            Self::N3 => "N3",
        }
    }
}

/// What the contours of the nodes touch.
#[derive(Debug, Clone, PartialEq)]
pub struct NodeReadout {
    /// Stations with at least [`LEAST_TOUCH_CM3`] of the nodes, with that volume, cm3.
    pub touched: Vec<(Station, f64)>,
    /// Volume of the nodes in no station, cm3.
    pub outside_cm3: f64,
    /// Of the primary, if it is known.
    pub side: Option<Side>,
    /// Without a side only N3 by a supraclavicular station is certain.
    pub category: Option<NodeCategory>,
}

/// The side of a primary: where its middle lies, at least 1 cm from the midline (patient x, mm).
pub fn side_of_primary(gtvp: &Mask, grid: &VoxelGrid, midline_x_mm: f64) -> Option<Side> {
    let (mut x, mut n) = (0.0, 0.0);
    for (k, slice) in &gtvp.slices {
        for (j, i) in slice.voxels() {
            x += grid.patient_from_voxel(*k, j as f64, i as f64).x;
            n += 1.0;
        }
    }
    let from_midline = x / n - midline_x_mm;
    match from_midline {
        d if d <= -MIDLINE_MM => Some(Side::Right),
        d if d >= MIDLINE_MM => Some(Side::Left),
        _ => None,
    }
}

/// The side on which a station lies; 3A, 3P, 7 and 8 are of both.
fn side(station: Station) -> Option<Side> {
    match station {
        Station::S1R | Station::S2R | Station::S4R | Station::S10R | Station::S11R => Some(Side::Right),
        Station::S1L | Station::S2L | Station::S4L | Station::S5 | Station::S6 | Station::S10L | Station::S11L => {
            Some(Side::Left)
        }
        Station::S3A | Station::S3P | Station::S7 | Station::S8 => None,
    }
}

/// N category of a set of stations for a primary on a side.
pub fn category_of(stations: &[Station], primary: Option<Side>) -> Option<NodeCategory> {
    let is_neck = |s: &Station| matches!(s, Station::S1R | Station::S1L);
    if stations.iter().any(is_neck) {
        return Some(NodeCategory::N3);
    }
    let primary = primary?;
    if stations.iter().any(|s| side(*s).is_some_and(|side| side != primary)) {
        return Some(NodeCategory::N3);
    }
    let is_hilar = |s: &Station| matches!(s, Station::S10R | Station::S10L | Station::S11R | Station::S11L);
    match stations.iter().filter(|s| !is_hilar(s)).count() {
        0 if stations.is_empty() => None,
        0 => Some(NodeCategory::N1),
        1 => Some(NodeCategory::N2a),
        _ => Some(NodeCategory::N2b),
    }
}

/// Reads off which stations the nodes touch, and the N category for a primary on `side`.
pub fn read_nodes(stations: &[Mask; Station::COUNT], gtvn: &Mask, grid: &VoxelGrid, side: Option<Side>) -> NodeReadout {
    let shared = |s: Station| stations[s.index()].intersection(gtvn).volume_cm3(grid);
    let touched: Vec<(Station, f64)> =
        Station::all().map(|s| (s, shared(s))).filter(|(_, cm3)| *cm3 >= LEAST_TOUCH_CM3).collect();
    let outside = stations.iter().fold(gtvn.clone(), |left, station| left.difference(station));
    let names: Vec<Station> = touched.iter().map(|(s, _)| *s).collect();
    NodeReadout { outside_cm3: outside.volume_cm3(grid), side, category: category_of(&names, side), touched }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_category_follows_the_map_and_the_side() {
        use NodeCategory::{N1, N2a, N2b, N3};
        use Station::{S1R, S3A, S4L, S4R, S5, S7, S10R, S11R};
        for (stations, side, expected) in [
            (&[S10R, S11R][..], Some(Side::Right), Some(N1)),
            (&[S10R][..], Some(Side::Left), Some(N3)),
            (&[S4R][..], Some(Side::Right), Some(N2a)),
            (&[S4R, S10R][..], Some(Side::Right), Some(N2a)),
            (&[S4R, S7][..], Some(Side::Right), Some(N2b)),
            (&[S4R, S4L][..], Some(Side::Right), Some(N3)),
            (&[S5][..], Some(Side::Left), Some(N2a)),
            (&[S5][..], Some(Side::Right), Some(N3)),
            (&[S3A][..], Some(Side::Left), Some(N2a)),
            (&[S1R][..], None, Some(N3)),
            (&[S7][..], None, None),
            (&[][..], Some(Side::Left), None),
        ] {
            assert_eq!(category_of(stations, side), expected, "{stations:?} {side:?}");
        }
    }
}
