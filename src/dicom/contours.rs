//! The contours of one ROI as a structure set holds them, and to which slices of a scan they belong.

use super::raw::DataSet;
use super::value::parse_ds;
use crate::contour::Ring;
use crate::geometry::{PatientPoint, PlanePoint, VoxelGrid};
use dicom_dictionary_std::tags;
use glam::DVec3;
use std::collections::{BTreeMap, HashMap};

/// Contour Geometric Type (3006,0042).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ContourKind {
    /// CLOSED_PLANAR; holes by keyhole, or by nesting as many programs write them.
    Closed,
    /// CLOSEDPLANAR_XOR (PS3.3 C.8.8.6.3).
    ClosedXor,
    /// OPEN_PLANAR, OPEN_NONPLANAR and whatever is not known.
    Open,
    Point,
}

/// One item of the Contour Sequence (3006,0040).
#[derive(Debug, Clone)]
pub(crate) struct Contour {
    pub kind: ContourKind,
    /// Empty where the data are no triples of numbers.
    pub points: Vec<PatientPoint>,
    /// SOP Instance UID of the first image it refers to; empty without.
    pub image_uid: String,
    /// False where Number of Contour Points (3006,0046) says another number than there is.
    pub is_complete: bool,
}

impl Contour {
    pub fn of(item: &DataSet) -> Self {
        let points = parse_points(item.bytes(tags::CONTOUR_DATA).unwrap_or_default()).unwrap_or_default();
        let kind = match item.string(tags::CONTOUR_GEOMETRIC_TYPE).as_str() {
            "CLOSED_PLANAR" => ContourKind::Closed,
            "CLOSEDPLANAR_XOR" => ContourKind::ClosedXor,
            "POINT" => ContourKind::Point,
            "" if points.len() == 1 => ContourKind::Point,
            // Type 1 in the standard, but some files lack it.
            "" => ContourKind::Closed,
            _ => ContourKind::Open,
        };
        let image_uid = item
            .items(tags::CONTOUR_IMAGE_SEQUENCE)
            .iter()
            .map(|i| i.string(tags::REFERENCED_SOP_INSTANCE_UID))
            .find(|uid| !uid.is_empty())
            .unwrap_or_default();
        let declared = item.integer(tags::NUMBER_OF_CONTOUR_POINTS);
        let is_complete = declared.is_none_or(|n| usize::try_from(n) == Ok(points.len()));
        Self { kind, points, image_uid, is_complete }
    }

    pub fn is_closed(&self) -> bool {
        matches!(self.kind, ContourKind::Closed | ContourKind::ClosedXor)
    }

    /// Mean and spread (largest minus smallest) of the positions along the normal of the grid, mm.
    fn position_mm(&self, grid: &VoxelGrid) -> Option<(f64, f64)> {
        let positions = self.points.iter().map(|p| grid.plane_from_patient(*p).1);
        let (low, high) =
            positions.clone().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), n| (low.min(n), high.max(n)));
        let mean = positions.sum::<f64>() / self.points.len() as f64;
        (!self.points.is_empty()).then_some((mean, high - low))
    }

    /// The same for contours of the same points: their number, the first and the middle one.
    fn key(&self) -> [u64; 7] {
        let coordinates = |at: usize| self.points.get(at).copied().unwrap_or_default().to_array();
        // Both zeros are the same number.
        let [[a, b, c], [d, e, f]] = [0, self.points.len() / 2].map(|at| coordinates(at).map(|x| (x + 0.0).to_bits()));
        [self.points.len() as u64, a, b, c, d, e, f]
    }

    /// Plane coordinates of the points. In a turned scan the decimal strings of a vertex drawn here give it back
    /// but for the last digits, and that is enough to lose a voxel whose centre lies on the line: it returns to the
    /// step on which it was drawn.
    pub fn plane_points(&self, grid: &VoxelGrid) -> Vec<PlanePoint> {
        let is_turned = [grid.i_direction(), grid.j_direction()].iter().any(|d| d.abs().max_element() < 1.0);
        let points = self.points.iter().map(|p| grid.plane_from_patient(*p).0);
        if is_turned { points.map(|p| p.map(on_step)).collect() } else { points.collect() }
    }
}

/// The step of drawn vertices that is meant by a coordinate, if one is; decimal strings of 16 bytes are finer than this.
fn on_step(x: f64) -> f64 {
    const ROUNDING_MM: f64 = 1e-8;
    let step = (x / Ring::STEP_MM).round() / (1.0 / Ring::STEP_MM).round();
    if (x - step).abs() < ROUNDING_MM { step } else { x }
}

/// No patient reaches further, mm. Beyond it numbers are damage, and arithmetic with them loses the slice.
const FARTHEST_MM: f64 = 1e6;

/// Contour Data (3006,0050): x\y\z of each point. `None` if these are no triples of numbers in reach.
fn parse_points(bytes: &[u8]) -> Option<Vec<DVec3>> {
    let end = bytes.iter().rposition(|b| !matches!(b, b' ' | 0)).map_or(0, |p| p + 1);
    if end == 0 {
        return Some(Vec::new());
    }
    let mut numbers = bytes[..end].split(|b| *b == b'\\').map(parse_ds);
    let mut points = Vec::with_capacity(end / 20);
    while let Some(x) = numbers.next() {
        let point = DVec3::new(x?, numbers.next()??, numbers.next()??);
        if point.abs().max_element() > FARTHEST_MM {
            return None;
        }
        points.push(point);
    }
    Some(points)
}

/// Which contours of an ROI fill which slices. Every contour has exactly one place.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Binding {
    /// By slice: the contours of the plane nearest to it, in their order.
    pub rings: BTreeMap<usize, Vec<usize>>,
    /// By slice: contours within half a spacing of it that fill nothing, because another plane is
    /// nearer (contours denser than the images) or because they repeat a ring exactly.
    pub idle: BTreeMap<usize, Vec<usize>>,
    /// Beyond the scan, or in a gap of it.
    pub outside: Vec<usize>,
    /// Not parallel to the slices.
    pub tilted: Vec<usize>,
    /// Open contours and points, which enclose nothing.
    pub open: Vec<usize>,
    /// Contour data that are no numbers, or empty.
    pub unreadable: Vec<usize>,
}

/// Share of the slice spacing within which contours are in one plane, and by which the points of one
/// contour may deviate from its plane.
const SAME_PLANE: f64 = 0.1;
const PARALLEL: f64 = 0.25;

/// Finds the slice of every contour: the nearest one within half a spacing, by the contour's own mean
/// position. Never exclusive-ors contours of different planes.
pub(crate) fn bind(contours: &[Contour], grid: &VoxelGrid) -> Binding {
    let spacing = grid.median_spacing_mm();
    let mut binding = Binding::default();
    let mut by_slice: BTreeMap<usize, Vec<(f64, usize)>> = BTreeMap::new();
    for (index, contour) in contours.iter().enumerate() {
        let Some((mean, spread)) = contour.position_mm(grid) else {
            binding.unreadable.push(index);
            continue;
        };
        if !contour.is_closed() {
            binding.open.push(index);
        } else if spread > PARALLEL * spacing {
            binding.tilted.push(index);
        } else if let Some(k) = grid.slice_within_half_spacing(mean) {
            by_slice.entry(k).or_default().push((mean, index));
        } else {
            binding.outside.push(index);
        }
    }
    for (k, members) in by_slice {
        let distance = |position: f64| (position - grid.position_mm(k)).abs();
        let nearest = members
            .iter()
            .map(|m| m.0)
            .min_by(|a, b| distance(*a).total_cmp(&distance(*b)).then(a.total_cmp(b)))
            .unwrap_or_default();
        let mut rings: Vec<usize> = Vec::new();
        let mut seen: HashMap<[u64; 7], Vec<usize>> = HashMap::new();
        for (position, index) in members {
            let contour = &contours[index];
            let repeats = |other: &usize| contours[*other].points == contour.points;
            let alike = (contour.kind == ContourKind::Closed).then(|| seen.entry(contour.key()).or_default());
            let is_repeat = alike.as_ref().is_some_and(|alike| alike.iter().any(repeats));
            if (position - nearest).abs() > SAME_PLANE * spacing || is_repeat {
                binding.idle.entry(k).or_default().push(index);
            } else {
                rings.push(index);
                if let Some(alike) = alike {
                    alike.push(index);
                }
            }
        }
        binding.rings.insert(k, rings);
    }
    binding
}

#[cfg(test)]
mod tests {
    use super::*;

    fn square(z: f64, half: f64) -> Contour {
        let corners = [[-half, -half], [half, -half], [half, half], [-half, half]];
        Contour {
            kind: ContourKind::Closed,
            points: corners.map(|[x, y]| DVec3::new(x, y, z)).to_vec(),
            image_uid: String::new(),
            is_complete: true,
        }
    }

    fn grid() -> VoxelGrid {
        VoxelGrid::axial(DVec3::new(-10.0, -10.0, 0.0), [1.0, 1.0, 3.0], [20, 20, 4]).expect("valid grid")
    }

    #[test]
    fn contours_denser_than_the_slices_are_never_mixed() {
        let contours = [square(2.0, 5.0), square(3.0, 5.0), square(4.0, 5.0), square(3.0, 2.0), square(30.0, 5.0)];
        let b = bind(&contours, &grid());
        assert_eq!(b.rings[&1], [1, 3]);
        assert_eq!(b.idle[&1], [0, 2]);
        assert_eq!(b.outside, [4]);
    }

    #[test]
    fn rounding_of_the_position_and_specks_do_no_harm() {
        let mut speck = square(3.002, 0.0001);
        speck.points.truncate(2);
        let b = bind(&[square(2.998, 5.0), speck, square(3.001, 2.0)], &grid());
        assert_eq!(b.rings[&1], [0, 1, 2]);
        assert!(b.idle.is_empty());
    }

    #[test]
    fn a_ring_given_twice_counts_once_unless_it_is_meant_as_exclusive_or() {
        let b = bind(&[square(3.0, 5.0), square(3.0, 5.0)], &grid());
        assert_eq!((b.rings[&1].len(), b.idle[&1].len()), (1, 1));
        let xor = |c: Contour| Contour { kind: ContourKind::ClosedXor, ..c };
        let b = bind(&[xor(square(3.0, 5.0)), xor(square(3.0, 5.0))], &grid());
        assert_eq!(b.rings[&1].len(), 2);
    }

    #[test]
    fn points_open_tilted_and_broken_contours_are_listed_apart() {
        let mut point = square(3.0, 1.0);
        point.kind = ContourKind::Point;
        let mut tilted = square(3.0, 5.0);
        tilted.points[0].z = 6.0;
        let mut broken = square(3.0, 5.0);
        broken.points.clear();
        let b = bind(&[point, tilted, broken], &grid());
        assert_eq!((b.open, b.tilted, b.unreadable), (vec![0], vec![1], vec![2]));
    }

    #[test]
    fn contour_data_must_be_triples() {
        assert_eq!(parse_points(b"1\\2\\3\\4.5\\-6e1\\7 \0").map(|p| p.len()), Some(2));
        assert_eq!(parse_points(b"1\\2\\3\\4"), None);
        assert_eq!(parse_points(b"1\\x\\3"), None);
        assert_eq!(parse_points(b"1\\2\\1e300"), None);
        assert_eq!(parse_points(b""), Some(Vec::new()));
    }
}
