//! The disease of a patient: a lobulated primary tumor and involved lymph nodes.

use super::solids::{Part, Solid};
use crate::structures::Station;
use glam::{Mat3, Vec3};
use rand::Rng;
use rand_chacha::ChaCha8Rng;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    Right,
    Left,
}

/// A tumor or an involved node.
#[derive(Debug, Clone)]
pub struct Lesion {
    pub solid: Solid,
    /// Center in the reference thorax, mm.
    pub center: Vec3,
    /// Half the largest diameter in the reference thorax, mm.
    pub radius_mm: f32,
    pub side: Side,
    /// The station of an involved node.
    pub station: Option<Station>,
}

/// Where nodes of a station lie in the reference thorax, and the largest radius with room there, mm.
const BEDS: [(Station, [f32; 3], f32); 16] = [
    (Station::S1R, [-34.0, -30.0, 104.0], 8.0),
    (Station::S1L, [33.0, -30.0, 104.0], 8.0),
    (Station::S2R, [-19.0, -13.0, 60.0], 8.0),
    (Station::S2L, [16.0, -8.0, 58.0], 5.0),
    (Station::S3A, [2.0, -58.0, 28.0], 8.0),
    (Station::S3P, [-6.0, 4.0, 50.0], 4.0),
    (Station::S4R, [-18.0, -17.0, 27.0], 11.0),
    (Station::S4L, [14.0, -1.0, 12.0], 6.0),
    (Station::S5, [25.0, -17.0, 11.0], 10.0),
    (Station::S6, [20.0, -46.0, 29.0], 8.0),
    (Station::S7, [2.0, 5.0, -19.0], 12.0),
    (Station::S8, [-4.0, 14.0, -80.0], 7.0),
    (Station::S10R, [-33.0, -1.0, -6.0], 8.0),
    (Station::S10L, [37.0, 10.0, -18.0], 8.0),
    (Station::S11R, [-40.0, 2.0, -38.0], 8.0),
    (Station::S11L, [55.0, 11.0, -38.0], 7.0),
];

pub(super) fn bed(station: Station) -> (Vec3, f32) {
    let (_, at, room) = BEDS[station.index()];
    (at.into(), room)
}

/// How often a station is involved, for a tumor of the right and of the left side.
pub(super) const SPREAD: [(Station, u32, u32); 14] = [
    (Station::S4R, 24, 7),
    (Station::S7, 22, 18),
    (Station::S10R, 16, 1),
    (Station::S10L, 1, 16),
    (Station::S11R, 10, 0),
    (Station::S11L, 0, 10),
    (Station::S2R, 10, 2),
    (Station::S4L, 4, 14),
    (Station::S5, 0, 14),
    (Station::S6, 1, 7),
    (Station::S2L, 1, 4),
    (Station::S3A, 3, 2),
    (Station::S8, 3, 3),
    (Station::S1R, 3, 1),
];

pub(super) fn direction(rng: &mut ChaCha8Rng) -> Vec3 {
    loop {
        let v = Vec3::new(rng.random_range(-1.0..1.0), rng.random_range(-1.0..1.0), rng.random_range(-1.0..1.0));
        if v.length() > 0.1 && v.length() < 1.0 {
            return v.normalize();
        }
    }
}

/// A lump of `lobes` bulges within `radius` of the center.
pub(super) fn lump(rng: &mut ChaCha8Rng, center: Vec3, radius: f32, lobes: usize) -> Solid {
    let ball = |at: Vec3, r: f32| Part::Ellipsoid { center: at, axes: Mat3::IDENTITY, semi: Vec3::splat(r) };
    let blend = 0.07 * radius;
    let mut parts = vec![ball(center, radius * rng.random_range(0.62..0.74))];
    for _ in 0..lobes {
        let r = radius * rng.random_range(0.3..0.5);
        parts.push(ball(center + direction(rng) * (radius - r) * 0.97, r));
    }
    Solid { parts, blend_mm: blend }
}

/// Draws a primary tumor (1 to 7 cm, central or peripheral) and up to four involved nodes.
/// `mm_per_reference` turns reference lengths into patient mm; `lung` is the distance to the lung.
pub fn disease(rng: &mut ChaCha8Rng, mm_per_reference: f32, lung: impl Fn(Vec3) -> f32) -> (Lesion, Vec<Lesion>) {
    let side = if rng.random_bool(0.57) { Side::Right } else { Side::Left };
    let sign = if side == Side::Right { -1.0 } else { 1.0 };
    let diameter = 12.0 + 57.0 * rng.random_range(0.0f32..1.0).powf(1.5);
    let radius = diameter / 2.0 / mm_per_reference;
    let central = rng.random_bool(0.45);
    let mut center =
        Vec3::new(sign * (46.0 + 0.62 * radius), rng.random_range(-16.0..18.0), rng.random_range(-42.0..6.0));
    if !central {
        for _ in 0..400 {
            let p = Vec3::new(
                sign * rng.random_range(30.0..132.0),
                rng.random_range(-75.0..78.0),
                rng.random_range(-75.0..80.0),
            );
            let depth = -lung(p);
            if depth > 0.45 * radius.min(22.0) && depth < 1.1 * radius + 14.0 {
                center = p;
                break;
            }
        }
    }
    let lobes = rng.random_range(4..9);
    let primary = Lesion { solid: lump(rng, center, radius, lobes), center, radius_mm: radius, side, station: None };

    let count = [0, 0, 1, 1, 1, 2, 2, 2, 3, 4][rng.random_range(0..10)];
    let mut nodes: Vec<Lesion> = Vec::new();
    while nodes.len() < count {
        let weight = |(_, right, left): &(Station, u32, u32)| if side == Side::Right { *right } else { *left };
        let mut ticket = rng.random_range(0..SPREAD.iter().map(weight).sum());
        let chosen = SPREAD.iter().find(|entry| {
            let hit = ticket < weight(entry);
            ticket = ticket.saturating_sub(weight(entry));
            hit
        });
        let (station, _, _) = chosen.expect("the ticket is below the sum of the weights");
        let (at, room) = bed(*station);
        let radius = rng.random_range(0.62..1.0) * room;
        let jitter = direction(rng) * rng.random_range(0.0..2.5);
        let center = at + jitter;
        if nodes.iter().any(|n| n.center.distance(center) < 8.0) {
            // Two draws of the same bed: a node chain along z.
            if nodes.len() + 1 == count {
                break;
            }
            continue;
        }
        let lobes = rng.random_range(2..5);
        nodes.push(Lesion {
            solid: lump(rng, center, radius, lobes),
            center,
            radius_mm: radius,
            side,
            station: Some(*station),
        });
    }
    (primary, nodes)
}

/// Nodes of normal size (3 to 8 mm) as every mediastinum has them.
pub fn small_nodes(rng: &mut ChaCha8Rng) -> Solid {
    let mut out = Solid::default();
    for (_, at, room) in BEDS {
        for _ in 0..rng.random_range(0..3) {
            let center = Vec3::from(at) + direction(rng) * rng.random_range(0.3..0.9) * room;
            let r = rng.random_range(1.6..3.4);
            let semi = Vec3::new(r * rng.random_range(0.8..1.5), r, r * rng.random_range(0.8..1.6));
            out.parts.push(Part::Ellipsoid { center, axes: Mat3::IDENTITY, semi });
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;

    #[test]
    fn every_station_has_its_bed_and_lesions_their_size() {
        for station in Station::all() {
            assert_eq!(BEDS[station.index()].0, station);
        }
        for seed in 0..40 {
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            let (primary, nodes) = disease(&mut rng, 1.0, |_| -10.0);
            assert!((6.0..=35.0).contains(&primary.radius_mm) && nodes.len() <= 4);
            assert!(primary.solid.distance(primary.center) < -0.5 * primary.radius_mm);
        }
    }
}
