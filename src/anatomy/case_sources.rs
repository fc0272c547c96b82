//! What is known of the anatomy of a case: the image together with the organs that its structures show.

use super::bone::bone_bodies;
use super::image_anatomy::spread;
use super::plane::components;
use super::vessels::find_vessels;
use super::{AnatomyError, AnatomySources, Landmark, LandmarkId, LandmarkSource, Organ, find_anatomy, find_landmarks};
use crate::contour::{Mask, SliceMask};
use crate::image::CtVolume;
use crate::progress::Progress;
use crate::structures::{Role, name_key};
use glam::DVec3;
use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

/// One list of `assets/names/organs.toml`.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct OrganNames {
    organ: String,
    names: Vec<String>,
    #[serde(default)]
    starts: Vec<String>,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct LowestNames {
    landmark: String,
    names: Vec<String>,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct NameFile {
    organ: Vec<OrganNames>,
    lowest: Vec<LowestNames>,
}

/// The names in the form in which they are compared.
struct Names {
    organs: BTreeMap<String, Organ>,
    starts: Vec<(String, Organ)>,
    lowest: BTreeMap<String, LandmarkId>,
}

static NAMES: LazyLock<Names> = LazyLock::new(|| {
    let file: NameFile = toml::from_str(include_str!("../../assets/names/organs.toml"))
        .expect("the table of organs is checked by a test");
    let mut names = Names { organs: BTreeMap::new(), starts: Vec::new(), lowest: BTreeMap::new() };
    for list in file.organ {
        let organ = Organ::all().find(|organ| organ.name() == list.organ).expect("the table names known organs");
        names.organs.extend(list.names.iter().map(|name| (name_key(name), organ)));
        names.starts.extend(list.starts.iter().map(|start| (name_key(start), organ)));
    }
    for list in file.lowest {
        let id = LandmarkId::from_key(&list.landmark).expect("the table names known landmarks");
        names.lowest.extend(list.names.iter().map(|name| (name_key(name), id)));
    }
    names
});

/// The organ of the station rules that a structure of this name is, if any. Body, lungs and airway are found in the image.
pub fn organ_of_name(name: &str) -> Option<Organ> {
    let key = name_key(name);
    let by_start = || NAMES.starts.iter().find(|(start, _)| key.starts_with(start.as_str())).map(|(_, organ)| *organ);
    NAMES.organs.get(&key).copied().or_else(by_start)
}

/// Finds the anatomy in the image and adds what the structures of the case show: organs by their names, the landmarks on
/// them (source "from a structure"), and the primary tumour, which is no part of a station.
///
/// `structures` gives name, role and mask (on the grid of the CT) of each structure.
///
/// # Errors
/// [`AnatomyError`], where the image does not show a chest.
pub fn case_sources<'a>(
    volume: &CtVolume,
    structures: impl IntoIterator<Item = (&'a str, Role, &'a Mask)>,
    progress: &dyn Progress,
) -> Result<AnatomySources, AnatomyError> {
    let found = find_anatomy(volume, progress)?;
    let mut sources = found.sources(volume);
    add_structures(&mut sources, volume, structures);
    Ok(sources)
}

/// As [`case_sources`], for an anatomy that was found before. Bones that no structure shows are taken from the CT numbers.
pub fn add_structures<'a>(
    sources: &mut AnatomySources,
    volume: &CtVolume,
    structures: impl IntoIterator<Item = (&'a str, Role, &'a Mask)>,
) {
    let mut organs: BTreeMap<Organ, Mask> = BTreeMap::new();
    let (mut tumor, mut nodes) = (Mask::default(), Mask::default());
    for (name, role, mask) in structures.into_iter().filter(|(_, _, mask)| !mask.is_empty()) {
        match role {
            Role::Gtvp => tumor = tumor.union(mask),
            Role::Gtvn => nodes = nodes.union(mask),
            Role::Organ => {
                if let Some(organ) = organ_of_name(name) {
                    let known = organs.entry(organ).or_default();
                    *known = known.union(mask);
                }
                if let Some(id) = NAMES.lowest.get(&name_key(name)) {
                    let lowest = mask.slices.keys().filter_map(|k| middle(sources, *k, mask));
                    if let Some(position) = lowest.min_by(|a, b| a.z.total_cmp(&b.z)) {
                        sources.landmarks.set(*id, position, LandmarkSource::FromStructure);
                    }
                }
            }
            _ => {}
        }
    }
    let tumor_and_nodes = tumor.union(&nodes);
    if !tumor.is_empty() {
        sources.lung_lesions = Some(Arc::new(tumor));
    }
    if !organs.is_empty() {
        sources.organs.extend(organs.into_iter().map(|(organ, mask)| (organ, Arc::new(mask))));
        // How far a level read off a mask is usually off: half a slice, and what contours differ by.
        let spread_mm = Some(2.0 + sources.grid.median_spacing_mm() / 2.0);
        for (id, landmark) in find_landmarks(sources).iter() {
            if landmark.source == LandmarkSource::FromStructure {
                sources.landmarks.insert(id, Landmark { spread_mm, ..*landmark });
            }
        }
    }
    let spine = sources.organs.get(&Organ::Vertebrae).map_or(0, |mask| mask.slices.len());
    if spine * 2 < sources.grid.slices() {
        for (organ, mask) in image_bones(sources, volume) {
            if organ == Organ::Sternum
                && sources.landmarks.get(LandmarkId::ManubriumTop).is_none()
                && let Some(position) = manubrium_top(sources, &mask)
            {
                let [base, slices] = spread(LandmarkId::ManubriumTop);
                let spread_mm = Some(base + slices * sources.grid.median_spacing_mm());
                let landmark = Landmark { position, source: LandmarkSource::Found, spread_mm };
                sources.landmarks.insert(LandmarkId::ManubriumTop, landmark);
            }
            let known = sources.organs.entry(organ).or_default();
            *known = Arc::new(known.union(&mask));
        }
    }
    add_vessels(sources, volume, &tumor_and_nodes);
}

/// Blood by its CT numbers: what of it no structure shows, and where no structure shows the aorta also aorta, vena cava
/// and the levels on them.
fn add_vessels(sources: &mut AnatomySources, volume: &CtVolume, tumor: &Mask) {
    let Some(found) = find_vessels(sources, volume, tumor) else { return };
    let mut blood = found.blood;
    if sources.organ(Organ::Aorta).is_none() && !found.aorta.is_empty() {
        sources.vessels_by_numbers = true;
        for (organ, mask) in [(Organ::Aorta, found.aorta), (Organ::SuperiorVenaCava, found.cava)] {
            if sources.organ(organ).is_none() && !mask.is_empty() {
                sources.organs.insert(organ, Arc::new(mask));
            }
        }
        let slices = sources.grid.median_spacing_mm();
        for (id, position) in found.levels {
            if sources.landmarks.get(id).is_none() {
                let [base, parts] = spread(id);
                let spread_mm = Some(base + parts * slices);
                sources.landmarks.insert(id, Landmark { position, source: LandmarkSource::Found, spread_mm });
            }
        }
    }
    if sources.organ(Organ::Esophagus).is_none() && !found.esophagus.is_empty() {
        sources.organs.insert(Organ::Esophagus, Arc::new(found.esophagus));
    }
    for organ in Organ::all().filter(|organ| organ.is_cut_out()) {
        if let Some(known) = sources.organ(organ) {
            blood = blood.difference(known);
        }
    }
    if !blood.is_empty() {
        let known = sources.organs.entry(Organ::OtherVessels).or_default();
        *known = Arc::new(known.union(&blood));
    }
}

/// Bones are looked for this far from the carina: to each side, forward and backward, mm.
const BONES_WITHIN_MM: [f64; 3] = [60.0, 120.0, 65.0];
/// Bone behind the trachea this near to its middle is spine, bone this far before it and as near is sternum, mm.
const MIDDLE_BONE_MM: f64 = 35.0;
const BEFORE_TRACHEA_MM: f64 = 20.0;

/// Spine, sternum and ribs around the mediastinum, from the CT numbers. What is as dense between sternum and spine is
/// contrast or calcium.
fn image_bones(sources: &AnatomySources, volume: &CtVolume) -> BTreeMap<Organ, Mask> {
    let Some(carina) = sources.landmarks.get(LandmarkId::Carina).map(|l| l.position) else { return BTreeMap::new() };
    let grid = &sources.grid;
    let [side, front, back] = BONES_WITHIN_MM;
    let corners =
        [DVec3::new(-side, -front, 0.0), DVec3::new(side, back, 0.0)].map(|d| grid.voxel_from_patient(carina + d));
    let last = [grid.rows(), grid.columns()].map(|n| n as f64 - 1.0);
    let range = |a: f64, b: f64, last: f64| [a.min(b).clamp(0.0, last) as usize, a.max(b).clamp(0.0, last) as usize];
    let rows = range(corners[0].y, corners[1].y, last[0]);
    let columns = range(corners[0].z, corners[1].z, last[1]);
    let bones = bone_bodies(volume, [[0, rows[0], columns[0]], [grid.slices() - 1, rows[1], columns[1]]]);
    let trachea: Vec<DVec3> = sources.organ(Organ::Airway).map_or_else(Vec::new, |airway| {
        let above = airway.slices.keys().filter_map(|k| middle(sources, *k, airway)).filter(|p| p.z >= carina.z);
        above.chain([carina]).collect()
    });
    let mut out: BTreeMap<Organ, Mask> = BTreeMap::new();
    for (&k, slice) in &bones.slices {
        let z = grid.patient_from_voxel(k, 0.0, 0.0).z;
        let near = trachea.iter().min_by(|a, b| (a.z - z).abs().total_cmp(&(b.z - z).abs())).copied().unwrap_or(carina);
        let mut pixels: BTreeMap<Organ, Vec<usize>> = BTreeMap::new();
        for (j, i) in slice.voxels() {
            let p = grid.patient_from_voxel(k, j as f64, i as f64) - near;
            let organ = match p.x.abs() < MIDDLE_BONE_MM {
                true if p.y > 0.0 => Organ::Vertebrae,
                true if p.y < -BEFORE_TRACHEA_MM => Organ::Sternum,
                true => continue,
                false => Organ::Ribs,
            };
            pixels.entry(organ).or_default().push(j * grid.columns() + i);
        }
        for (organ, mut of_organ) in pixels {
            if organ != Organ::Ribs {
                of_organ = components(&of_organ, grid.columns(), grid.rows()).swap_remove(0);
            }
            let mut slice = SliceMask::with_rows(grid.columns(), slice.row_range().start, slice.row_range().len());
            for at in of_organ {
                slice.set(at / grid.columns(), at % grid.columns());
            }
            out.entry(organ).or_default().slices.insert(k, Arc::new(slice));
        }
    }
    out
}

/// The sternum is looked at so far to both sides of its middle, mm: beside it stand the heads of the clavicles.
const NOTCH_MM: f64 = 7.0;
/// Less bone than this in a slice of it is none, mm2.
const NOTCH_MM2: f64 = 15.0;
/// The middle of the sternum is that of its slices from so far below the carina to so far above it, mm.
const STERNUM_MM: [f64; 2] = [-40.0, 20.0];

/// The upper border of the manubrium: the top of the bone in the middle of the sternum, as it goes up without a gap.
fn manubrium_top(sources: &AnatomySources, sternum: &Mask) -> Option<DVec3> {
    let grid = &sources.grid;
    let carina = sources.landmarks.get(LandmarkId::Carina)?.position;
    let mut slices: Vec<(f64, usize)> =
        (0..grid.slices()).map(|k| (grid.patient_from_voxel(k, 0.0, 0.0).z, k)).collect();
    slices.sort_by(|a, b| a.0.total_cmp(&b.0));
    let near = |z: f64| (carina.z + STERNUM_MM[0]..carina.z + STERNUM_MM[1]).contains(&z);
    let of_body = slices.iter().filter(|s| near(s.0)).filter_map(|(_, k)| middle(sources, *k, sternum));
    let mut x: Vec<f64> = of_body.map(|p| p.x).collect();
    x.sort_by(f64::total_cmp);
    let x = *x.get(x.len() / 2)?;
    let bone = |k: usize| -> Option<DVec3> {
        let points = sternum.slices.get(&k)?.voxels().map(|(j, i)| grid.patient_from_voxel(k, j as f64, i as f64));
        let inside: Vec<DVec3> = points.filter(|p| (p.x - x).abs() <= NOTCH_MM).collect();
        let enough = inside.len() as f64 * grid.spacing_i_mm() * grid.spacing_j_mm() >= NOTCH_MM2;
        enough.then(|| inside.iter().sum::<DVec3>() / inside.len() as f64)
    };
    let from = slices.iter().position(|(z, k)| *z >= carina.z && bone(*k).is_some())?;
    // A slice on which the bone is missed ends it only if the next has none either.
    let mut top = from;
    for n in from + 1..slices.len() {
        match bone(slices[n].1) {
            Some(_) => top = n,
            None if n > top + 1 => break,
            None => {}
        }
    }
    // At the end of the scan the bone may go on.
    (top + 1 < slices.len()).then(|| bone(slices[top].1)).flatten()
}

fn middle(sources: &AnatomySources, k: usize, mask: &Mask) -> Option<DVec3> {
    let slice = mask.slices.get(&k)?;
    let n = slice.count() as f64;
    let (j, i) = slice.voxels().fold((0.0, 0.0), |sum, (j, i)| (sum.0 + j as f64, sum.1 + i as f64));
    (n > 0.0).then(|| sources.grid.patient_from_voxel(k, j / n, i / n))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_programs_and_clinics_are_understood() {
        for (name, organ) in [
            ("brachiocephalic_vein_left", Organ::BrachiocephalicVeinLeft),
            ("V_Brachioceph_L", Organ::BrachiocephalicVeinLeft),
            ("vertebrae_T4", Organ::Vertebrae),
            ("Vertebra_c40", Organ::Vertebrae),
            ("rib_left_3", Organ::Ribs),
            ("A_Aorta", Organ::Aorta),
            ("Lt subclavian artery", Organ::SubclavianLeft),
            ("clavicula_right", Organ::ClavicleRight),
            ("Oesophagus", Organ::Esophagus),
        ] {
            assert_eq!(organ_of_name(name), Some(organ), "{name}");
        }
        for name in ["GTVp", "lung_upper_lobe_left", "trachea", "aneurysm", "heartburn"] {
            assert_eq!(organ_of_name(name), None, "{name}");
        }
        // What the program itself writes comes back.
        let found = [Organ::Body, Organ::LungRight, Organ::LungLeft, Organ::Airway];
        for organ in Organ::all().filter(|organ| !found.contains(organ) && *organ != Organ::OtherVessels) {
            assert_eq!(organ_of_name(organ.export_name()), Some(organ), "{}", organ.export_name());
            assert_eq!(organ_of_name(organ.name()), Some(organ), "{}", organ.name());
        }
    }
}
