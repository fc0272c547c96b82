//! What the commands about stations share: the anatomy of a case, the rules, and landmarks that the user placed.

use super::failure::Failure;
use super::terminal::Terminal;
use crate::anatomy::{
    AnatomyError, AnatomySources, Landmark, LandmarkId, LandmarkSource, RuleSet, case_sources, ordered_landmarks,
};
use crate::contour::Mask;
use crate::structures::Role;
use crate::workbench::Case;
use glam::DVec3;
use std::path::Path;
use std::sync::Arc;

/// Rules and landmarks.
#[derive(Debug, Clone, clap::Args)]
pub struct RuleArgs {
    /// The rules: iaslc-2009, michigan-2005, or a file in the form of those in assets/stations
    #[arg(long, value_name = "NAME|FILE", default_value = "iaslc-2009")]
    rules: String,
    /// Turn a switch of the rules on or off (KEY=off): another reading of one border
    #[arg(long = "switch", value_name = "KEY[=on|off]", value_parser = parse_switch)]
    switches: Vec<(String, bool)>,
    /// Place a landmark by its short name (hilum landmarks lists them): three numbers in patient mm, or z alone for a level
    #[arg(long = "landmark", value_name = "NAME=X,Y,Z", value_parser = parse_landmark, allow_hyphen_values = true)]
    landmarks: Vec<(LandmarkId, Place)>,
}

/// Where the user put a landmark.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Place {
    Point(DVec3),
    Level(f64),
}

fn parse_switch(text: &str) -> Result<(String, bool), String> {
    match text.split_once('=') {
        None => Ok((text.to_owned(), true)),
        Some((key, "on")) => Ok((key.to_owned(), true)),
        Some((key, "off")) => Ok((key.to_owned(), false)),
        Some(_) => Err("write KEY, KEY=on or KEY=off".into()),
    }
}

pub fn parse_landmark(text: &str) -> Result<(LandmarkId, Place), String> {
    let (key, place) = text.split_once('=').ok_or("write NAME=X,Y,Z, for example z_azy=-24,10,-95")?;
    let keys = || LandmarkId::all().map(LandmarkId::key).collect::<Vec<_>>().join(", ");
    let id = LandmarkId::from_key(key.trim())
        .ok_or_else(|| format!("\"{key}\" is no landmark; the landmarks are {}", keys()))?;
    let numbers: Vec<f64> = place
        .split(',')
        .map(|n| n.trim().parse::<f64>().ok().filter(|n| n.is_finite()))
        .collect::<Option<_>>()
        .ok_or_else(|| format!("\"{place}\" is no place; write X,Y,Z in mm"))?;
    match numbers[..] {
        [x, y, z] => Ok((id, Place::Point(DVec3::new(x, y, z)))),
        [z] if !id.is_point() => Ok((id, Place::Level(z))),
        [_] => Err(format!("{} is a point; write {}=X,Y,Z", id.label(), id.key())),
        _ => Err("write three numbers, X,Y,Z, or z alone for a level".into()),
    }
}

/// Finds what image and structures of a case show.
pub fn anatomy_of(case: &Case, terminal: &Terminal) -> Result<AnatomySources, Failure> {
    case_sources(&case.image.volume, parts(case), terminal).map_err(anatomy_failure)
}

/// Name, role and mask of the structures of a case.
pub fn parts(case: &Case) -> impl Iterator<Item = (&str, Role, &Mask)> {
    case.structures().rois.iter().map(|roi| (roi.name.as_str(), roi.role, case.mask(roi.id)))
}

pub fn anatomy_failure(error: AnatomyError) -> Failure {
    match error {
        AnatomyError::Cancelled(_) => Failure::Cancelled,
        other => Failure::refused(other),
    }
}

impl RuleArgs {
    /// The rules that were asked for; asked before long work.
    pub fn rules(&self) -> Result<Arc<RuleSet>, Failure> {
        let path = Path::new(&self.rules);
        let mut rules = if path.extension().is_some_and(|e| e == "toml") {
            let text = std::fs::read_to_string(path)
                .map_err(|error| Failure::Failed(format!("the rules cannot be read: {}: {error}", path.display())))?;
            Arc::new(RuleSet::from_toml(&text).map_err(Failure::refused)?)
        } else {
            RuleSet::by_key(&self.rules).map_err(Failure::refused)?
        };
        for (switch, on) in &self.switches {
            rules = Arc::new(rules.with_switch(switch, *on).map_err(Failure::refused)?);
        }
        Ok(rules)
    }

    /// What image and structures of a case show, with the rules and landmarks of the user.
    pub fn sources(&self, case: &Case, terminal: &Terminal) -> Result<AnatomySources, Failure> {
        let rules = self.rules()?;
        let mut sources = anatomy_of(case, terminal)?;
        sources.rules = rules;
        place_landmarks(&mut sources, &self.landmarks);
        Ok(sources)
    }
}

/// Puts landmarks where the user wants them.
pub fn place_landmarks(sources: &mut AnatomySources, places: &[(LandmarkId, Place)]) {
    // A level lies where the landmark was before, so that pictures show it near.
    let known = ordered_landmarks(&sources.rules, &sources.landmarks).unwrap_or_else(|_| sources.landmarks.clone());
    for (id, place) in places {
        let position = match place {
            Place::Point(p) => *p,
            Place::Level(z) => known.get(*id).map_or(DVec3::ZERO, |l| l.position).with_z(*z),
        };
        sources.landmarks.insert(*id, Landmark { position, source: LandmarkSource::User, spread_mm: None });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn landmarks_and_switches_are_read_and_mistakes_named() {
        assert_eq!(parse_landmark("z_azy=-95.5"), Ok((LandmarkId::AzygosLower, Place::Level(-95.5))));
        let carina = parse_landmark("z_car=1, 2,-3");
        assert_eq!(carina, Ok((LandmarkId::Carina, Place::Point(DVec3::new(1.0, 2.0, -3.0)))));
        for wrong in ["z_azy", "z_top=1", "z_car=5", "z_azy=1,2", "z_azy=a", "z_azy=NaN"] {
            assert!(parse_landmark(wrong).is_err(), "{wrong}");
        }
        assert_eq!(parse_switch("a"), Ok(("a".into(), true)));
        assert_eq!(parse_switch("a=off"), Ok(("a".into(), false)));
        assert!(parse_switch("a=maybe").is_err());
    }
}
