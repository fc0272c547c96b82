//! Disease and devices of the population: tumors of 1 to 15 cm, bulky nodes, fluid, collapse, pacemakers and ports.

use super::solids::{Part, Solid};
use super::thorax::Kind;
use super::tumor::{Lesion, SPREAD, Side, bed, direction, lump};
use super::variation::{Lobe, Primary, Traits};
use crate::anatomy::Organ;
use glam::Vec3;
use rand::Rng;
use rand_chacha::ChaCha8Rng;

/// The stream of the disease of the population.
pub const STREAM: u64 = 46;
/// Largest diameter of a node, mm in the patient.
pub const NODE_MM: f32 = 60.0;

/// Draws the primary tumor of the traits, if there is one, and the involved nodes; other arguments as of
/// `tumor::disease`.
pub fn draw(
    rng: &mut ChaCha8Rng,
    traits: &Traits,
    mm_per_reference: f32,
    lung: impl Fn(Vec3) -> f32,
) -> (Option<Lesion>, Vec<Lesion>) {
    let left = traits.primary.map_or_else(|| rng.random_bool(0.43), |p| p.side > 0.0);
    let side = if left { Side::Left } else { Side::Right };
    let primary = traits.primary.map(|p| primary(rng, p, side, mm_per_reference, lung));
    let bulky = traits.bulky;
    let count = rng.random_range(0..4) + if bulky || primary.is_none() { 1 } else { 0 } + rng.random_range(0..2);
    let mut nodes: Vec<Lesion> = Vec::new();
    for n in 0..count {
        let weight = |(_, right, left): &(_, u32, u32)| if side == Side::Right { *right } else { *left };
        let mut ticket = rng.random_range(0..SPREAD.iter().map(weight).sum());
        let chosen = SPREAD.iter().find(|entry| {
            let hit = ticket < weight(entry);
            ticket = ticket.saturating_sub(weight(entry));
            hit
        });
        let Some((station, _, _)) = chosen else { continue };
        let (at, room) = bed(*station);
        let most = NODE_MM / 2.0 / mm_per_reference;
        let radius = if bulky && n == 0 {
            (room * rng.random_range(1.2..3.0)).min(most)
        } else {
            room * rng.random_range(0.45..1.25)
        };
        let center = at + direction(rng) * rng.random_range(0.0..4.0);
        if nodes.iter().any(|other| other.center.distance(center) < 7.0) {
            continue;
        }
        let lobes = rng.random_range(2..7);
        let solid = lump(rng, center, radius, lobes);
        nodes.push(Lesion { solid, center, radius_mm: radius, side, station: Some(*station) });
    }
    (primary, nodes)
}

fn primary(
    rng: &mut ChaCha8Rng,
    drawn: Primary,
    side: Side,
    mm_per_reference: f32,
    lung: impl Fn(Vec3) -> f32,
) -> Lesion {
    let sign = drawn.side;
    let radius = drawn.diameter_mm / 2.0 / mm_per_reference;
    // Central ones reach into the mediastinum by up to half.
    let invasion = rng.random_range(-0.2..0.85);
    let mut center = Vec3::new(
        sign * (38.0 + invasion * radius).max(26.0),
        rng.random_range(-22.0..24.0),
        rng.random_range(-50.0..40.0),
    );
    if !drawn.central {
        for _ in 0..400 {
            let p = Vec3::new(
                sign * rng.random_range(26.0..132.0),
                rng.random_range(-78.0..80.0),
                rng.random_range(-95.0..84.0),
            );
            let depth = -lung(p);
            if depth > 0.3 * radius.min(22.0) && depth < 1.1 * radius + 16.0 {
                center = p;
                break;
            }
        }
    }
    let lobes = rng.random_range(2..10);
    let mut solid = lump(rng, center, radius, lobes);
    // Spicules: thin strands into the lung.
    if radius < 32.0 && rng.random_bool(0.45) {
        for _ in 0..rng.random_range(6..16) {
            let out = direction(rng);
            let from = center + out * radius * 0.7;
            let to = center + out * radius * rng.random_range(1.05..1.45);
            let ra = rng.random_range(1.0..2.6);
            solid.parts.push(Part::Cone { a: from, b: to, ra, rb: 0.6, squash: [1.0, 1.0] });
        }
    }
    Lesion { solid, center, radius_mm: radius, side, station: None }
}

/// Thickness of the fluid between lung and chest wall at a point of a pleural space, mm; `most` low at the back.
pub fn fluid(most: f32, y: f32, z: f32) -> f32 {
    let ease = |v: f32| {
        let t = v.clamp(0.0, 1.0);
        t * t * (3.0 - 2.0 * t)
    };
    // The patient lies on the back; the level falls toward the apex.
    most * ease((y + 34.0) / 92.0) * ease((45.0 - z) / 110.0)
}

/// True where a lobe has collapsed, at a reference point within the lung.
pub fn collapsed(lobe: Lobe, x: f32, y: f32, z: f32) -> bool {
    match lobe {
        // Upper lobes fold toward the mediastinum and the front.
        Lobe::RightUpper => x < 0.0 && z > -6.0 && x > -26.0 - 0.55 * z && y < 34.0,
        Lobe::LeftUpper => x > 0.0 && z > -45.0 && y < -30.0 + 0.18 * z - 0.35 * (x - 40.0).max(0.0),
        // Lower lobes fold behind the heart, against the spine.
        Lobe::RightLower => x < 0.0 && z < -14.0 && y > 16.0 && -x < 34.0 - 0.24 * z && y > 0.5 * (-x - 26.0) + 16.0,
        Lobe::LeftLower => x > 0.0 && z < -14.0 && y > 14.0 && x < 40.0 - 0.22 * z && y > 0.5 * (x - 30.0) + 14.0,
    }
}

/// Adds pacemaker and port with their leads.
pub fn devices(traits: &Traits, add: &mut impl FnMut(Kind, Option<Organ>, Solid, Option<f32>)) {
    if let Some(side) = traits.pacemaker {
        add(Kind::Metal, None, Solid::ellipsoid([side * 66.0, -78.0, 54.0], [21.0, 5.0, 19.0]), None);
        let lead = [
            [side * 60.0, -74.0, 62.0, 1.1],
            [side * 56.0, -40.0, 88.0, 1.1],
            [side * 34.0, -40.0, 76.0, 1.1],
            [-37.0, -34.0, 40.0, 1.1],
            [-37.0, -32.0, -20.0, 1.1],
            [-30.0, -36.0, -84.0, 1.1],
            [10.0, -54.0, -104.0, 1.3],
        ];
        add(Kind::Metal, None, Solid::tube(&lead), None);
    }
    if traits.port {
        add(Kind::Metal, None, Solid::ellipsoid([-62.0, -80.0, 50.0], [10.0, 6.0, 10.0]), None);
        let catheter =
            [[-58.0, -76.0, 60.0, 1.1], [-40.0, -44.0, 88.0, 1.1], [-37.0, -34.0, 50.0, 1.1], [-37.0, -32.0, 0.0, 1.1]];
        add(Kind::Catheter, None, Solid::tube(&catheter), None);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;

    #[test]
    fn tumors_and_nodes_have_the_size_that_was_drawn() {
        let primary = Primary { side: 1.0, diameter_mm: 90.0, central: true };
        for seed in 0..60 {
            let traits = Traits { primary: Some(primary), bulky: seed % 2 == 0, ..Traits::default() };
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            let (primary, nodes) = draw(&mut rng, &traits, 0.9, |_| -10.0);
            let primary = primary.expect("a tumor was asked for");
            assert!((primary.radius_mm - 50.0).abs() < 1e-3 && primary.center.x > 0.0);
            assert!(nodes.iter().all(|n| 2.0 * n.radius_mm * 0.9 <= NODE_MM + 1e-3));
            assert!(!traits.bulky || !nodes.is_empty());
        }
    }

    #[test]
    fn fluid_lies_low_at_the_back_and_a_lobe_collapses_on_its_side() {
        assert!(fluid(40.0, 70.0, -90.0) > 30.0 && fluid(40.0, -60.0, -90.0) < 1.0 && fluid(40.0, 70.0, 60.0) < 1.0);
        assert!(collapsed(Lobe::LeftLower, 24.0, 40.0, -60.0) && !collapsed(Lobe::LeftLower, -24.0, 40.0, -60.0));
        assert!(collapsed(Lobe::RightUpper, -30.0, 0.0, 30.0) && !collapsed(Lobe::RightUpper, -80.0, 0.0, 30.0));
    }
}
