//! Where the stations of the rules end, and what ends them there: every edge in a slice knows its border.

use super::borders::{Slice, Voxel, borders};
use super::curves::Point;
use crate::structures::Station;

/// What ends a station at a place of a slice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EdgeKind {
    /// A border within the slice, by its number in [`borders`].
    Border(u8),
    /// The oblique limit above or below.
    Limit,
    /// Lung, bone, airway wall or the skin.
    Tissue,
    /// A vessel or another organ that no station takes.
    Organ,
    /// Another station, which has the voxel by the order of conflict.
    Neighbor(Station),
    /// A small piece that was dropped.
    Dropped,
}

/// A place between two voxels, one inside of the station and one outside.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Edge {
    /// Patient x and y, mm.
    pub at: Point,
    /// Out of the station, of length 1: the mean direction of the edges around.
    pub out: Point,
    pub kind: EdgeKind,
}

/// The edges of all stations in one slice, by the station's number.
pub type SliceEdges = [Vec<Edge>; Station::COUNT];

/// The edges of the stations in a slice of labels (station index + 1, 0 for none).
pub(super) fn edges(slice: &Slice<'_>, labels: &[u8]) -> SliceEdges {
    let plane = slice.plane;
    let mut out: SliceEdges = std::array::from_fn(|_| Vec::new());
    if labels.iter().all(|label| *label == 0) {
        return out;
    }
    let (columns, rows) = (plane.columns, plane.rows);
    for (at, label) in labels.iter().enumerate().filter(|(_, label)| **label != 0) {
        let Some(station) = Station::from_index(usize::from(*label) - 1) else { continue };
        let (j, i) = (at / columns, at % columns);
        let beside = [
            (j > 0).then(|| at - columns),
            (j + 1 < rows).then(|| at + columns),
            (i > 0).then(|| at - 1),
            (i + 1 < columns).then(|| at + 1),
        ];
        for other in beside.into_iter().flatten().filter(|other| labels[*other] != *label) {
            let [a, b] = [at, other].map(|n| plane.position(n));
            let middle = [f64::midpoint(a[0], b[0]), f64::midpoint(a[1], b[1])];
            let kind = kind(slice, station, other, labels[other]);
            let step = [b[0] - a[0], b[1] - a[1]];
            let length = step[0].hypot(step[1]).max(1e-9);
            out[station.index()].push(Edge { at: middle, out: step.map(|d| d / length), kind });
        }
    }
    for edges in &mut out {
        smooth_directions(edges);
    }
    out
}

/// Voxels have four directions, borders have all: each edge takes the mean of those within this reach, mm.
const AROUND_MM: f64 = 5.0;

fn smooth_directions(edges: &mut [Edge]) {
    let smoothed: Vec<Point> = edges
        .iter()
        .map(|edge| {
            let near = edges.iter().filter(|e| (e.at[0] - edge.at[0]).hypot(e.at[1] - edge.at[1]) <= AROUND_MM);
            // Those that look the other way belong to the far side of a thin part.
            let alike = near.filter(|e| e.out[0] * edge.out[0] + e.out[1] * edge.out[1] >= 0.0);
            let sum = alike.fold([0.0, 0.0], |sum, e| [sum[0] + e.out[0], sum[1] + e.out[1]]);
            let length = sum[0].hypot(sum[1]);
            if length > 1e-9 { sum.map(|d| d / length) } else { edge.out }
        })
        .collect();
    for (edge, out) in edges.iter_mut().zip(smoothed) {
        edge.out = out;
    }
}

/// Why a voxel does not belong to a station.
fn kind(slice: &Slice<'_>, station: Station, at: usize, label: u8) -> EdgeKind {
    if !slice.is_tissue(at) {
        return EdgeKind::Tissue;
    }
    let [x, y] = slice.plane.position(at);
    let voxel = Voxel { at, x, y };
    if let Some(n) = borders(station).iter().position(|border| !(border.holds)(slice, voxel)) {
        return EdgeKind::Border(n as u8);
    }
    let row = slice.rules.station(station);
    let z = slice.plane.z;
    let beyond = |superior: bool| {
        let limit = if superior { &row.superior } else { &row.inferior };
        limit.oblique
            && limit.height(slice.landmarks, superior, x).is_some_and(|(h, _)| if superior { z > h } else { z < h })
    };
    if beyond(true) || beyond(false) {
        return EdgeKind::Limit;
    }
    if slice.is_cut_out(at, station) {
        return EdgeKind::Organ;
    }
    match label.checked_sub(1).and_then(|n| Station::from_index(usize::from(n))) {
        Some(other) => EdgeKind::Neighbor(other),
        None => EdgeKind::Dropped,
    }
}
