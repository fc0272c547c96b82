//! Cases whose stations are taken for true, by their structures or by the rules: to judge a network, or to train one.

use super::case_args::CaseArgs;
use super::failure::Failure;
use super::rule_args::{Place, place_landmarks};
use super::terminal::Terminal;
use crate::anatomy::{AnatomyError, AnatomySources, LandmarkId, Organ, case_sources, draw_stations};
use crate::contour::Mask;
use crate::structures::{Role, Station};
use crate::studies::train_diunet::Patient;
use crate::workbench::Case;
use std::path::Path;

/// Reads a case, named by its path. The inner error says why it is of no use. Without `with_blood` its blood is empty;
/// `placed` are landmarks for the rules.
pub fn known_case(
    path: &Path,
    by_rules: bool,
    with_blood: bool,
    placed: &[(LandmarkId, Place)],
    terminal: &Terminal,
) -> Result<Result<Patient, String>, Failure> {
    let args = CaseArgs::of(path);
    let loaded = args.load_quietly(false, terminal)?.loaded;
    let case = &loaded.case;
    let mut sources = if by_rules || with_blood { Some(sources(case, terminal)?) } else { None };
    if let Some(Ok(sources)) = &mut sources {
        place_landmarks(sources, placed);
    }
    let stations: [Mask; Station::COUNT] = match &sources {
        Some(sources) if by_rules => {
            let sources = match sources {
                Ok(sources) => sources,
                Err(reason) => return Ok(Err(reason.clone())),
            };
            match draw_stations(sources) {
                Ok(set) => set.masks,
                Err(error) => return Ok(Err(error.to_string())),
            }
        }
        _ => std::array::from_fn(|n| {
            Station::from_index(n).map_or_else(Mask::default, |s| case.role_mask(Role::Station(s)))
        }),
    };
    if stations.iter().all(Mask::is_empty) {
        return Ok(Err("it has no stations; name structures such as LN_4R, or add --rules".into()));
    }
    let blood = match &sources {
        Some(Ok(sources)) if with_blood => blood(sources),
        _ => Mask::default(),
    };
    Ok(Ok(Patient {
        name: path.display().to_string(),
        volume: case.image.volume.clone(),
        gtv: case.gtv_mask(),
        ctv: case.role_mask(Role::Ctv),
        stations,
        blood,
    }))
}

fn sources(case: &Case, terminal: &Terminal) -> Result<Result<AnatomySources, String>, Failure> {
    let rois = case.structures().rois.iter();
    let structures = rois.map(|roi| (roi.name.as_str(), roi.role, case.mask(roi.id)));
    match case_sources(&case.image.volume, structures, terminal) {
        Ok(sources) => Ok(Ok(sources)),
        Err(AnatomyError::Cancelled(_)) => Err(Failure::Cancelled),
        Err(error) => Ok(Err(error.to_string())),
    }
}

fn blood(sources: &AnatomySources) -> Mask {
    let vessels = Organ::all().filter(|organ| organ.is_vessel() || *organ == Organ::Heart);
    vessels.filter_map(|organ| sources.organ(organ)).fold(Mask::default(), |all, mask| all.union(mask))
}
