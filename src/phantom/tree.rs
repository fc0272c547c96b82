//! Vessels and bronchi inside the lungs: seeded trees from the hila to the pleura.

use super::solids::{Part, Solid};
use glam::Vec3;
use rand::Rng;
use rand_chacha::ChaCha8Rng;

/// What branches inside the lungs.
#[derive(Debug, Clone, Default)]
pub struct Tree {
    pub vessels: Solid,
    /// Lumen of the segmental bronchi; the wall is as thick as a third of the radius and more.
    pub bronchi: Solid,
}

/// Ends of the hilar arteries and veins of the right lung, and of its lobar bronchi.
const RIGHT_VESSELS: [[f32; 3]; 6] =
    [[-54.0, 26.0, -70.0], [-54.0, -8.0, -2.0], [-50.0, 18.0, -54.0], [-54.0, -20.0, -36.0], [-54.0, 16.0, -74.0], [-48.0, 6.0, -38.0]];
const LEFT_VESSELS: [[f32; 3]; 6] =
    [[62.0, 30.0, -62.0], [64.0, -16.0, 4.0], [58.0, 24.0, -40.0], [56.0, -18.0, -36.0], [58.0, 16.0, -74.0], [52.0, 12.0, -12.0]];
const RIGHT_BRONCHI: [[f32; 3]; 3] = [[-50.0, 3.0, -4.0], [-52.0, -18.0, -58.0], [-46.0, 28.0, -74.0]];
const LEFT_BRONCHI: [[f32; 3]; 2] = [[68.0, -10.0, -26.0], [54.0, 28.0, -72.0]];

struct Node {
    at: Vec3,
    parent: Option<usize>,
    /// Length of the way from the root, mm.
    way: f32,
}

/// A tree from `roots` to `targets`; radii follow Murray's law with leaves of `leaf_mm`.
fn tree(rng: &mut ChaCha8Rng, roots: &[[f32; 3]], mut targets: Vec<Vec3>, leaf_mm: f32, most_mm: f32) -> Vec<Part> {
    let hilum = roots.iter().map(|r| Vec3::from(*r)).sum::<Vec3>() / roots.len() as f32;
    let mut nodes: Vec<Node> = roots.iter().map(|r| Node { at: (*r).into(), parent: None, way: 0.0 }).collect();
    // Near targets first: they become the branches from which the far ones leave.
    targets.sort_by(|a, b| a.distance_squared(hilum).total_cmp(&b.distance_squared(hilum)));
    for target in targets {
        let cost = |node: &Node| {
            let step = target - node.at;
            // Branches run outward: leaving a node backwards is dear.
            let outward = (node.at - hilum).normalize_or_zero().dot(step.normalize_or_zero());
            step.length() * (1.35 - 0.35 * outward) + 0.25 * node.way
        };
        let (best, _) = nodes
            .iter()
            .enumerate()
            .map(|(n, node)| (n, cost(node)))
            .min_by(|a, b| a.1.total_cmp(&b.1))
            .expect("there is a root");
        let start = nodes[best].at;
        let step = target - start;
        let pieces = (step.length() / 14.0).ceil().clamp(1.0, 5.0) as usize;
        let bend = Vec3::new(rng.random_range(-1.0..1.0), rng.random_range(-1.0..1.0), rng.random_range(-1.0..1.0))
            * step.length()
            * 0.12;
        let mut parent = best;
        for m in 1..=pieces {
            let t = m as f32 / pieces as f32;
            let at = start + step * t + bend * (t * std::f32::consts::PI).sin();
            let way = nodes[parent].way + at.distance(nodes[parent].at);
            nodes.push(Node { at, parent: Some(parent), way });
            parent = nodes.len() - 1;
        }
    }
    // Powers of radii add up towards the root.
    const MURRAY: f32 = 2.6;
    let mut powers = vec![0.0f32; nodes.len()];
    for n in (0..nodes.len()).rev() {
        if powers[n] == 0.0 {
            powers[n] = leaf_mm.powf(MURRAY);
        }
        if let Some(parent) = nodes[n].parent {
            powers[parent] += powers[n];
        }
    }
    let radius = |n: usize| powers[n].powf(1.0 / MURRAY).min(most_mm);
    let mut parts = Vec::new();
    for (n, node) in nodes.iter().enumerate() {
        if let Some(parent) = node.parent {
            // A side branch starts with its own caliber, not with that of the stem.
            let ra = radius(parent).min(radius(n) * 1.2);
            parts.push(Part::Cone { a: nodes[parent].at, b: node.at, ra, rb: radius(n), squash: [1.0, 1.0] });
        }
    }
    parts
}

/// Grows the trees of both lungs; `lung` is the signed distance to the lung (negative inside), mm.
pub fn grow(rng: &mut ChaCha8Rng, lung: impl Fn(Vec3) -> f32) -> Tree {
    let mut out = Tree::default();
    for (side, vessels, bronchi) in
        [(-1.0f32, &RIGHT_VESSELS[..], &RIGHT_BRONCHI[..]), (1.0, &LEFT_VESSELS[..], &LEFT_BRONCHI[..])]
    {
        let mut sample = |count: usize, depth: f32| {
            let mut targets = Vec::new();
            for _ in 0..count * 12 {
                if targets.len() == count {
                    break;
                }
                let p = Vec3::new(
                    side * rng.random_range(12.0..136.0),
                    rng.random_range(-86.0..88.0),
                    rng.random_range(-168.0..90.0),
                );
                if lung(p) < -depth {
                    targets.push(p);
                }
            }
            targets
        };
        let ends = sample(330, 3.5);
        let airways = sample(18, 18.0);
        out.vessels.parts.extend(tree(rng, vessels, ends, 0.85, 4.4));
        out.bronchi.parts.extend(tree(rng, bronchi, airways, 0.9, 2.4));
    }
    out
}
