//! Paints the thorax slice by slice: CT numbers and masks.
//!
//! Tissues are painted one over the other; the edge of each is spread over about a pixel, as partial
//! volume and the reconstruction kernel do. A voxel belongs to an organ if its center does.

use super::artifacts;
use super::disease::{collapsed, fluid};
use super::envelope::{Bone, Level};
use super::noise::{SmoothNoise, hash, scanner_noise};
use super::patient::Patient;
use super::solids::{Field, Plane, Solid};
use super::thorax::{Kind, REACH_MM, Thorax, column_fat, fat_weight, lung_distance};
use super::tumor::Lesion;
use super::variation::{Traits, Variation};
use crate::anatomy::Organ;
use crate::contour::{Mask, SliceMask};
use crate::geometry::VoxelGrid;
use crate::progress::{Cancelled, Progress};
use ndarray::Array3;
use rayon::prelude::*;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// What the painter leaves behind.
#[derive(Debug)]
pub struct Painted {
    pub hu: Array3<i16>,
    pub organs: BTreeMap<Organ, Arc<Mask>>,
    pub gtvp: Mask,
    pub gtvn: Mask,
    /// 8 mm around the GTV within anatomical borders.
    pub ctv: Mask,
    /// Within 14 mm of an involved node.
    pub near_node: Mask,
    /// Tumor where lung was.
    pub lung_lesions: Mask,
}

// Bits above those of the organs.
const GTVP: u32 = 56;
const GTVN: u32 = 57;
const MARGIN: u32 = 58;
const NEAR_NODE: u32 = 59;
const LESION: u32 = 60;
const BITS: usize = 61;

/// Clinical target margin, mm in the patient.
pub const CTV_MARGIN_MM: f32 = 8.0;
const NEAR_NODE_MM: f32 = 14.0;

fn bit(organ: Organ) -> u64 {
    1 << organ as u32
}

/// Distance to the left and posterior face of the liver (negative inside), mm.
fn liver_edge(x: f32, y: f32, below: f32) -> f32 {
    let left = x - 46.0 + 0.55 * (y + 14.0).max(0.0) + 0.3 * (below - 12.0).max(0.0);
    // Around spine, aorta and crura.
    let spine = 22.0 - (x * 0.8).hypot(y - 36.0);
    left.max(spine) * 0.85
}

/// True if fluid or a collapsed lobe stands in for air somewhere.
fn has_airless(traits: &Traits) -> bool {
    traits.collapse.is_some() || traits.effusion_mm != [0.0; 2]
}

/// What strands add to the CT number of mediastinal fat, HU.
fn strands(share: f32, rough: f32, grain: f32) -> f32 {
    share * 190.0 * (0.6 * grain.abs() + 0.4 * rough - 0.12).clamp(0.0, 0.5)
}

/// Renders all slices, in parallel.
pub fn render(
    patient: &Patient,
    thorax: &Thorax,
    grid: &VoxelGrid,
    noise_hu: f64,
    progress: &dyn Progress,
) -> Result<Painted, Cancelled> {
    let [slices, rows, columns] = grid.shape();
    let population = patient.traits.variation == Variation::Population;
    let done = AtomicUsize::new(0);
    let stage = crate::words::t("Painting the phantom");
    let painted: Vec<(Vec<i16>, Vec<Option<SliceMask>>)> = (0..slices)
        .into_par_iter()
        .map(|k| {
            progress.checkpoint()?;
            let slice = Canvas::new(patient, thorax, grid, k).paint(if population { 0.0 } else { noise_hu as f32 });
            progress.report(stage, done.fetch_add(1, Ordering::Relaxed) + 1, slices);
            Ok(slice)
        })
        .collect::<Result<_, Cancelled>>()?;
    let mut values = Vec::with_capacity(grid.voxel_count());
    let mut masks = vec![Mask::default(); BITS];
    for (k, (hu, bits)) in painted.into_iter().enumerate() {
        values.extend(hu);
        for (mask, slice) in masks.iter_mut().zip(bits) {
            if let Some(slice) = slice {
                mask.slices.insert(k, Arc::new(slice));
            }
        }
    }
    let mut hu = Array3::from_shape_vec([slices, rows, columns], values).expect("every slice has all its pixels");
    if population {
        hu = artifacts::scan(patient, grid, noise_hu as f32, &hu);
    }
    let mut take = |n: u32| std::mem::take(&mut masks[n as usize]);
    Ok(Painted {
        gtvp: take(GTVP),
        gtvn: take(GTVN),
        ctv: take(MARGIN),
        near_node: take(NEAR_NODE),
        lung_lesions: take(LESION),
        organs: Organ::all()
            .map(|organ| (organ, Arc::new(take(organ as u32))))
            .filter(|(_, m)| !m.is_empty())
            .collect(),
        hu,
    })
}

/// One slice while it is painted.
struct Canvas<'a> {
    patient: &'a Patient,
    thorax: &'a Thorax,
    k: usize,
    plane: Plane,
    level: Level,
    /// Width of an edge, reference mm.
    edge: f32,
    hu: Vec<f32>,
    bits: Vec<u64>,
    /// Distance to the lung, tumor or not, and to the pleural wall.
    lung: Vec<f32>,
    cavity: Vec<f32>,
    /// Where fluid or a collapsed lobe stands in for air; empty without either.
    airless: Vec<bool>,
}

impl<'a> Canvas<'a> {
    fn new(patient: &'a Patient, thorax: &'a Thorax, grid: &VoxelGrid, k: usize) -> Self {
        let plane = patient.plane(grid, k);
        let level = Level::new(patient, plane.z);
        let pixels = plane.columns * plane.rows;
        let edge = (0.75 * plane.dx + 0.45 + 0.1 * grid.median_spacing_mm() as f32) * patient.traits.scan.blur;
        Self {
            patient,
            thorax,
            k,
            level,
            edge,
            hu: vec![-1000.0; pixels],
            bits: vec![0; pixels],
            lung: vec![100.0; pixels],
            cavity: vec![100.0; pixels],
            airless: if has_airless(&patient.traits) { vec![false; pixels] } else { Vec::new() },
            plane,
        }
    }

    /// Share of a pixel that lies inside, from the signed distance of its center.
    #[inline]
    fn cover(&self, d: f32) -> f32 {
        (0.5 - d / self.edge).clamp(0.0, 1.0)
    }

    fn paint(mut self, noise_hu: f32) -> (Vec<i16>, Vec<Option<SliceMask>>) {
        let thorax = self.thorax;
        let fields: Vec<Field> = thorax
            .pieces
            .iter()
            .map(|piece| Field::new(&piece.solid, &self.plane, if piece.pad_mm.is_some() { REACH_MM } else { 3.0 }))
            .collect();
        self.walls(&fields);
        self.lung_trees();
        let small = Field::new(&thorax.small_nodes, &self.plane, 2.0);
        self.soft(&small, self.patient.tissue.node - 6.0, true);
        let before_lesions = thorax.pieces.partition_point(|piece| piece.kind < Kind::Esophagus);
        for n in 0..before_lesions {
            self.organ(n, &fields[n]);
        }
        let lesions = self.lesions();
        for n in before_lesions..fields.len() {
            self.organ(n, &fields[n]);
        }
        self.targets(&lesions);
        if noise_hu > 0.0 {
            self.add_noise(noise_hu);
        }
        let hu = self.hu.iter().map(|v| v.round().clamp(-1024.0, 3071.0) as i16).collect();
        (hu, self.masks())
    }

    /// Table, skin, fat, muscle, ribs, spine, sternum, lungs, liver.
    fn walls(&mut self, fields: &[Field]) {
        let (columns, rows, z) = (self.plane.columns, self.plane.rows, self.plane.z);
        let tissue = &self.patient.tissue;
        let mut weights: Vec<f32> = vec![0.0; columns * rows];
        let mut pads: Vec<&Field> = Vec::new();
        for (piece, field) in self.thorax.pieces.iter().zip(fields) {
            match piece.pad_mm {
                Some(pad) => {
                    for (j, i0, row) in field.rows() {
                        for (n, &d) in row.iter().enumerate() {
                            if d < REACH_MM {
                                weights[j * columns + i0 + n] += fat_weight(d, pad);
                            }
                        }
                    }
                }
                None if piece.kind == Kind::FatPad && !field.is_empty() => pads.push(field),
                None => {}
            }
        }
        let seed = self.patient.seed;
        let coarse = SmoothNoise::new(hash(seed ^ 1), 13.0, z);
        let fine = SmoothNoise::new(hash(seed ^ 2), 5.0, z);
        let table = 116.0 + self.patient.fat_mm - 9.0;
        let traits = &self.patient.traits;
        let on = &traits.table;
        for j in 0..rows {
            let straight = self.plane.y0 - self.plane.shift_y + j as f32 * self.plane.dy;
            for i in 0..columns {
                let at = j * columns + i;
                let (x, y) = (self.plane.x[at], self.plane.y[at]);
                let mut hu = -1000.0;
                let below = straight - table - on.gap_mm + on.sag * self.plane.x[at] * self.plane.x[at];
                if below > -2.0 && below < 60.0 {
                    let half = 235.0 - 0.004 * below * below;
                    let shell = (below - on.thick_mm / 2.0).abs() - on.thick_mm / 2.0;
                    if x.abs() < half {
                        let skin = self.cover(shell) * (1.0 - self.cover(shell + 2.2));
                        hu += on.core_hu * self.cover(shell) + on.shell_hu * skin;
                    }
                }
                let skin = self.level.skin(x, y);
                if skin > 3.0 {
                    self.hu[at] = hu;
                    continue;
                }
                let cavity = self.level.cavity(x, y);
                self.cavity[at] = cavity;
                let (rough, grain) = (coarse.at(x, y), fine.at(x, y));
                let arm = if self.level.arm.is_some() { self.level.arm_depth(x, y) } else { 100.0 };
                let strand = if traits.strands > 0.0 { strands(traits.strands, rough, grain) } else { 0.0 };
                let mut inner = if arm < 0.0 && cavity > 14.0 && arm < self.level.trunk(x, y) {
                    self.arm_tissue(x, y, -arm, grain)
                } else if cavity < 0.0 {
                    tissue.fat + 7.0 * grain + strand
                } else {
                    self.wall_tissue(x, y, skin, cavity, rough, grain)
                };
                if cavity > 9.0 && pads.iter().any(|pad| pad.at(j, i) < 0.0) {
                    inner = tissue.fat + 10.0 * grain;
                }
                let below = self.level.diaphragm(x, y);
                if cavity < 1.0 && below > -2.0 {
                    inner = self.under_diaphragm(inner, x, y, below, grain);
                }
                if weights[at] < 1e-9 || self.level.column(x, y) < REACH_MM {
                    weights[at] += column_fat(self.level.column(x, y));
                }
                let lung = lung_distance(&self.level, x, y, weights[at]);
                self.lung[at] = lung;
                if lung < 2.0 {
                    let fissure = 0.776 * y - 0.631 * z - 22.8 + 3.0 * rough;
                    let line = (1.0 - fissure.abs() / 1.1).max(0.0) * 70.0;
                    let mut air = tissue.lung + 0.45 * y + 16.0 * rough + 14.0 * grain + line;
                    if traits.emphysema > 0.0 {
                        // Holes in the lung, more toward the apex.
                        let holes = (rough + 0.4 * grain + 0.004 * z + traits.emphysema - 0.75).clamp(0.0, 0.6) / 0.6;
                        air += (-965.0 - air).min(0.0) * holes * traits.emphysema.max(0.4);
                    }
                    if !self.airless.is_empty()
                        && let Some(value) = self.without_air(x, y, rough, grain)
                    {
                        air = value;
                        self.airless[at] = lung < 0.0;
                    }
                    inner += (air - inner) * self.cover(lung);
                }
                if let Some((bone, d)) = self.level.bone(x, y, cavity) {
                    inner = self.bone(inner, bone, d, rough, grain);
                    if d < 0.0 {
                        self.bits[at] |= match bone {
                            Bone::Rib | Bone::Cartilage => bit(Organ::Ribs),
                            Bone::Vertebra | Bone::Disc => bit(Organ::Vertebrae),
                            Bone::Sternum => bit(Organ::Sternum),
                            Bone::Canal => bit(Organ::SpinalCanal),
                        };
                    }
                }
                self.hu[at] = hu + (inner - hu) * self.cover(skin);
                if skin < 0.0 {
                    self.bits[at] |= bit(Organ::Body);
                }
            }
        }
    }

    /// CT number of fluid or of a collapsed lobe at a point of the lung.
    fn without_air(&self, x: f32, y: f32, rough: f32, grain: f32) -> Option<f32> {
        let traits = &self.patient.traits;
        let z = self.level.z;
        let most = traits.effusion_mm[usize::from(x > 0.0)];
        if most > 0.0 {
            let thick = fluid(most, y, z) + 1.5 * rough;
            let diaphragm = self.level.diaphragm(x, y);
            if thick > 1.0 && (-self.level.pleura(x, y) < thick || (diaphragm < 0.0 && -diaphragm < 0.6 * thick)) {
                return Some(9.0 + 4.0 * grain);
            }
        }
        // Vessels of the lobe take up contrast medium.
        let gone = traits.collapse.is_some_and(|lobe| collapsed(lobe, x + 5.0 * rough, y + 4.0 * grain, z));
        gone.then_some(34.0 + 0.28 * self.patient.tissue.pulmonary.min(220.0) + 10.0 * grain)
    }

    /// Skin, fat, muscle and bone of an arm, `depth` mm under its skin.
    fn arm_tissue(&self, x: f32, y: f32, depth: f32, grain: f32) -> f32 {
        let tissue = &self.patient.tissue;
        if depth < 1.8 {
            return 5.0;
        }
        let fat = tissue.fat + 6.0 * grain;
        let muscle = tissue.muscle + 5.0 * grain;
        let mut hu = fat + (muscle - fat) * self.cover(2.0 + 0.45 * self.patient.fat_mm - depth);
        if let Some([cx, cy, _]) = self.level.arm {
            let d = (x.abs() - cx).hypot(y - cy);
            hu += (1.4 * tissue.cortical - hu) * self.cover(d - 10.5);
            hu += (tissue.cancellous * 0.4 - hu) * self.cover(d - 6.5);
        }
        hu
    }

    /// Skin, fat, and the muscles of the chest wall.
    fn wall_tissue(&self, x: f32, y: f32, skin: f32, cavity: f32, rough: f32, grain: f32) -> f32 {
        let tissue = &self.patient.tissue;
        let depth = -skin;
        if depth < 1.8 {
            return 5.0;
        }
        let fat = tissue.fat + 6.0 * grain;
        let mut share = self.cover(self.level.muscle(x, y, cavity, depth) + 1.1 * rough) * self.cover(4.0 - depth);
        // Fat between the bundles.
        share *= 1.0 - ((rough * 0.5 + grain * 0.5).abs() - 0.42).max(0.0) * 0.9;
        if self.patient.female && y < 0.0 && cavity > 26.0 && self.level.z < 30.0 {
            // Gland tissue in the breast.
            let gland = ((rough + 0.6 * grain - 0.1) * 3.0).clamp(0.0, 1.0);
            share = share.max(gland * (1.0 - (depth - 18.0).abs() / 14.0).max(0.0) * 0.8);
        }
        fat + (tissue.muscle + 5.0 * grain - fat) * share
    }

    fn under_diaphragm(&self, fat: f32, x: f32, y: f32, below: f32, grain: f32) -> f32 {
        let tissue = &self.patient.tissue;
        // Liver on the right and across the midline in front.
        let liver = (3.0 - below).max(liver_edge(x, y, below));
        let muscle = below.abs() - 2.2;
        let mut hu = fat;
        hu += (tissue.muscle - hu) * self.cover(muscle);
        hu + (tissue.liver + 4.0 * grain - hu) * self.cover(liver)
    }

    fn bone(&self, under: f32, bone: Bone, d: f32, rough: f32, grain: f32) -> f32 {
        let tissue = &self.patient.tissue;
        let hard = match bone {
            Bone::Cartilage => return under + (95.0 + 15.0 * grain - under) * self.cover(d),
            Bone::Disc => return under + (85.0 - under) * self.cover(d),
            // Fluid around, cord in the middle.
            Bone::Canal => return under + (18.0 + 22.0 * self.cover(d + 3.6) - under) * self.cover(d),
            Bone::Rib | Bone::Sternum => tissue.cortical,
            Bone::Vertebra => tissue.cortical * 0.9,
        };
        let shell = self.cover(-(d + 1.6));
        let soft = tissue.cancellous * (1.0 + 0.18 * rough + 0.22 * grain);
        let value = soft + (hard - soft) * shell;
        under + (value - under) * self.cover(d)
    }

    /// Vessels and segmental bronchi inside the lungs.
    fn lung_trees(&mut self) {
        let vessels = Field::new(&self.thorax.tree.vessels, &self.plane, 2.0);
        let bronchi = Field::new(&self.thorax.tree.bronchi, &self.plane, 3.0);
        let columns = self.plane.columns;
        let blood = 20.0 + 0.35 * self.patient.tissue.pulmonary;
        for (j, i0, row) in vessels.rows() {
            for (n, &d) in row.iter().enumerate() {
                let at = j * columns + i0 + n;
                if self.lung[at] < 1.0 && !self.airless.get(at).is_some_and(|a| *a) {
                    let share = self.cover(d);
                    self.hu[at] += (blood - self.hu[at]) * share;
                }
            }
        }
        for (j, i0, row) in bronchi.rows() {
            for (n, &d) in row.iter().enumerate() {
                let at = j * columns + i0 + n;
                if self.lung[at] < 1.0 && d < 2.0 && !self.airless.get(at).is_some_and(|a| *a) {
                    let (wall, lumen) = (self.cover(d - 0.9), self.cover(d));
                    self.hu[at] += (-60.0 - self.hu[at]) * wall;
                    self.hu[at] += (-975.0 - self.hu[at]) * lumen;
                }
            }
        }
    }

    /// Paints a field in one CT number, outside the lung only where asked.
    fn soft(&mut self, field: &Field, hu: f32, outside_lung: bool) {
        let columns = self.plane.columns;
        for (j, i0, row) in field.rows() {
            for (n, &d) in row.iter().enumerate() {
                let at = j * columns + i0 + n;
                if !(outside_lung && self.lung[at] < 1.0) {
                    let share = self.cover(d);
                    self.hu[at] += (hu - self.hu[at]) * share;
                }
            }
        }
    }

    /// Paints piece `n` and marks its organ.
    fn organ(&mut self, n: usize, field: &Field) {
        if field.is_empty() {
            return;
        }
        let thorax = self.thorax;
        let piece = &thorax.pieces[n];
        let tissue = &self.patient.tissue;
        let columns = self.plane.columns;
        let z = self.plane.z;
        let mark = piece.organ.map_or(0, bit);
        let reference = self.patient.traits.variation == Variation::Reference;
        // Vessels are even; the other organs have a grain of their own.
        let even = matches!(
            piece.kind,
            Kind::PulmonaryVein | Kind::Azygos | Kind::PulmonaryArtery | Kind::Artery | Kind::Airway | Kind::FatPad
        );
        let cell = if even { 200.0 } else { 6.0 };
        let grain = SmoothNoise::new(hash(self.patient.seed ^ (90 + n as u64)), cell, z);
        let old = (self.patient.traits.age - 60.0) / 25.0;
        let plaques = if piece.organ == Some(Organ::Aorta) { old } else { 0.0 };
        let speckle = SmoothNoise::new(hash(self.patient.seed ^ 79), if plaques > 0.0 { 6.0 } else { 200.0 }, z);
        for (j, i0, row) in field.rows() {
            for (m, &d) in row.iter().enumerate() {
                if d > 4.0 {
                    continue;
                }
                let at = j * columns + i0 + m;
                let (x, y) = (self.plane.x[at], self.plane.y[at]);
                let share = self.cover(d);
                let under = self.hu[at];
                let mix = |value: f32| under + (value - under) * share;
                self.hu[at] = match piece.kind {
                    Kind::FatPad => under,
                    Kind::Muscle => {
                        let bony =
                            self.bits[at] & (bit(Organ::Ribs) | bit(Organ::Vertebrae) | bit(Organ::Sternum)) != 0;
                        if !bony && self.level.skin(x, y) < -4.0 && (self.cavity[at] > 10.5 || z > 70.0) {
                            mix(tissue.muscle + 4.0 * grain.at(x, y))
                        } else {
                            under
                        }
                    }
                    Kind::Thyroid => mix(tissue.thyroid + 8.0 * grain.at(x, y)),
                    Kind::Bone => {
                        if self.level.skin(x, y) > -3.0 {
                            under
                        } else {
                            let shell = self.cover(-(d + 1.7));
                            let soft = tissue.cancellous * (1.0 + 0.25 * grain.at(x, y));
                            mix(soft + (tissue.cortical - soft) * shell)
                        }
                    }
                    Kind::Spleen | Kind::Stomach | Kind::StomachAir => {
                        let within = self.cover((self.cavity[at] + 3.0).max(3.0 - self.level.diaphragm(x, y)));
                        let value = match piece.kind {
                            Kind::Spleen => tissue.spleen,
                            Kind::Stomach => 25.0 + 12.0 * grain.at(x, y),
                            _ => -990.0,
                        };
                        under + (value - under) * share * within
                    }
                    Kind::Esophagus => {
                        let wall = mix(tissue.esophagus + 5.0 * grain.at(x, y));
                        // A little swallowed air, here and there.
                        let air = ((grain.at(30.0, 0.0) - 0.15) * 3.0).clamp(0.0, 0.8) * self.cover(d + 4.3);
                        wall + (-850.0 - wall) * air
                    }
                    Kind::Myocardium => mix(tissue.myocardium + 4.0 * grain.at(x, y)),
                    Kind::RightHeart => mix(0.85 * tissue.pulmonary + 0.1 * tissue.cava + 8.0 * grain.at(x, y)),
                    Kind::LeftHeart => mix(tissue.left_heart + 6.0 * grain.at(x, y)),
                    Kind::PulmonaryVein => mix(tissue.left_heart),
                    Kind::Vein => {
                        // Contrast medium and plain blood mix in streams.
                        mix(self.patient.traits.vein(tissue, [x, z], grain.at(x, y)))
                    }
                    Kind::Azygos => mix(tissue.azygos),
                    Kind::PulmonaryArtery => mix(tissue.pulmonary),
                    Kind::Artery => {
                        let blood = mix(tissue.aorta);
                        // Calcified plaques in the wall.
                        let plaque = if plaques > 0.0 && d > -2.5 && d < 1.0 {
                            (speckle.at(x, y) - 1.0 + 0.6 * plaques).clamp(0.0, 0.2) * 5.0
                        } else {
                            0.0
                        };
                        blood + (650.0 - blood) * plaque * self.cover(d.max(-d - 2.5))
                    }
                    Kind::Airway => {
                        let thick = if z > 116.0 { 3.6 } else { 1.5 };
                        let wall = under + (55.0 - under) * self.cover(d - thick);
                        wall + (-995.0 - wall) * share
                    }
                    Kind::Catheter => mix(600.0),
                    Kind::Metal => mix(3000.0),
                };
                // In thin patients a bone may reach the skin.
                if d < 0.0 && mark != 0 && (reference || self.bits[at] & bit(Organ::Body) != 0) {
                    self.bits[at] |= mark;
                }
            }
        }
    }

    /// Paints tumor and nodes; returns their fields, as far as the CTV needs them.
    fn lesions(&mut self) -> (Option<Field>, Vec<Field>) {
        let tissue = &self.patient.tissue;
        let columns = self.plane.columns;
        let scale = self.patient.mean_scale() as f32;
        let grain = SmoothNoise::new(hash(self.patient.seed ^ 77), 7.0, self.plane.z);
        let field = |lesion: &Lesion, mm: f32| -> Field {
            let near: &Solid = &lesion.solid;
            // Distances of a blended solid need all its parts wherever any matters.
            let reach = mm / scale + lesion.radius_mm * 0.8 + 4.0;
            Field::new(near, &self.plane, reach)
        };
        let hand = &self.patient.traits.observer;
        let reach = hand.margin_mm + 2.0 * hand.wobble_mm;
        let primary = self.thorax.gtvp.as_ref().map(|lesion| field(lesion, reach));
        let nodes: Vec<Field> = self.thorax.gtvn.iter().map(|lesion| field(lesion, NEAR_NODE_MM)).collect();
        if let (Some(field), Some(lesion)) = (&primary, &self.thorax.gtvp) {
            let necrosis = (lesion.radius_mm - 16.0).max(0.0) * 0.55;
            for (j, i0, row) in field.rows() {
                for (n, &d) in row.iter().enumerate() {
                    let at = j * columns + i0 + n;
                    let (x, y) = (self.plane.x[at], self.plane.y[at]);
                    // Confined by the pleural wall and the diaphragm; ragged edge.
                    let wall = (self.cavity[at] + 0.3).max(self.level.diaphragm(x, y) + 1.0);
                    let g = grain.at(x, y);
                    let share = self.cover((d + 0.7 * g).max(wall));
                    let core = self.cover(lesion.radius_mm * 0.75 - necrosis + d + 1.5 * g);
                    let value = tissue.tumor + 6.0 * g - 22.0 * core;
                    self.hu[at] += (value - self.hu[at]) * share;
                }
            }
        }
        for field in &nodes {
            for (j, i0, row) in field.rows() {
                for (n, &d) in row.iter().enumerate() {
                    let at = j * columns + i0 + n;
                    let value = tissue.node + 5.0 * grain.at(self.plane.x[at], self.plane.y[at]);
                    let share = self.cover(d);
                    self.hu[at] += (value - self.hu[at]) * share;
                }
            }
        }
        (primary, nodes)
    }

    /// Marks lung, GTV and CTV, now that all organs are known.
    fn targets(&mut self, (primary, nodes): &(Option<Field>, Vec<Field>)) {
        let scale = self.patient.mean_scale() as f32;
        let hand = &self.patient.traits.observer;
        let usual = hand.margin_mm / scale;
        // Every slice is drawn anew, by hand.
        let wobble = SmoothNoise::new(hash(self.patient.seed ^ 78 ^ ((self.k as u64) << 8)), 24.0, 0.0);
        let bones: u64 = Organ::all().filter(|o| o.is_bone()).map(bit).sum::<u64>() | bit(Organ::SpinalCanal);
        let hollow: u64 = Organ::all().filter(|o| o.is_vessel()).map(bit).sum::<u64>()
            | bit(Organ::Airway)
            | bit(Organ::Esophagus)
            | bit(Organ::Heart);
        let columns = self.plane.columns;
        for at in 0..self.bits.len() {
            let (j, i) = (at / columns, at % columns);
            let bits = self.bits[at];
            if bits & bit(Organ::Body) == 0 {
                continue;
            }
            let (x, y) = (self.plane.x[at], self.plane.y[at]);
            let free = bits & (bones | hollow) == 0;
            let lung = self.lung[at] < 0.0 && free;
            let below = self.level.diaphragm(x, y);
            let mut mark = 0u64;
            let d = primary.as_ref().map_or(1e3, |field| field.at(j, i));
            let in_chest = self.cavity[at] < 0.0 && below < -1.0;
            if d < 0.0 && free && in_chest {
                mark |= 1 << GTVP;
                if lung {
                    mark |= 1 << LESION;
                }
            }
            let near = nodes.iter().map(|field| field.at(j, i)).fold(1e3, f32::min);
            if near < 0.0 && free {
                mark |= 1 << GTVN;
            }
            // The primary's margin follows microscopic spread into lung; a node's stays out of it.
            let organs = bit(Organ::Airway) | bit(Organ::Heart) | bit(Organ::Aorta) | bones;
            let margin = if hand.wobble_mm > 0.0 { usual + hand.wobble_mm / scale * wobble.at(x, y) } else { usual };
            let around = d < margin && self.cavity[at] < 1.0 && below < 0.0;
            if (around || (near < margin && !lung)) && bits & organs == 0 {
                mark |= 1 << MARGIN;
            }
            if near < NEAR_NODE_MM / scale && free && !lung {
                mark |= 1 << NEAR_NODE;
            }
            let airless = self.airless.get(at).is_some_and(|a| *a);
            if lung && airless {
                mark |= 1 << LESION;
            } else if lung && mark & (1 << GTVP | 1 << GTVN) == 0 {
                mark |= bit(if x < 0.0 { Organ::LungRight } else { Organ::LungLeft });
            }
            if below > 3.0 && self.cavity[at] < -1.0 && free && liver_edge(x, y, below) < 0.0 {
                mark |= bit(Organ::Liver);
            }
            self.bits[at] |= mark;
        }
    }

    fn add_noise(&mut self, noise_hu: f32) {
        let noise = scanner_noise(self.patient.seed, self.k, self.plane.columns, self.plane.rows);
        for (hu, n) in self.hu.iter_mut().zip(noise) {
            // Air outside is cut at -1024 and shows less noise.
            let strength = if *hu < -970.0 { 0.6 } else { 1.0 };
            *hu += n * noise_hu * strength;
        }
    }

    /// The bits as one mask each.
    fn masks(&self) -> Vec<Option<SliceMask>> {
        let (columns, rows) = (self.plane.columns, self.plane.rows);
        let row_bits: Vec<u64> =
            self.bits.chunks(columns).map(|row| row.iter().fold(0, |all, bits| all | bits)).collect();
        let mut masks: Vec<Option<SliceMask>> = (0..BITS)
            .map(|b| {
                let has = |row: &u64| row >> b & 1 == 1;
                let first = row_bits.iter().position(has)?;
                let last = row_bits.iter().rposition(has)?;
                Some(SliceMask::with_rows(columns, first, last + 1 - first))
            })
            .collect();
        for j in 0..rows {
            if row_bits[j] == 0 {
                continue;
            }
            for i in 0..columns {
                let mut left = self.bits[j * columns + i];
                while left != 0 {
                    let b = left.trailing_zeros() as usize;
                    left &= left - 1;
                    if let Some(mask) = &mut masks[b] {
                        mask.set(j, i);
                    }
                }
            }
        }
        masks
    }
}
