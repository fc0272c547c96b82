//! Rule sets: the superior and inferior limits of the stations, and the switches between readings of the map, as they are
//! written in `assets/stations`.

use super::{LandmarkId, LandmarkSource, Landmarks};
use crate::structures::Station;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, LazyLock};

/// One limit of a station along z.
#[derive(Debug, Clone, PartialEq, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limit {
    /// Keys of landmarks; `z_apex` is the lower apex of both lungs.
    #[serde(default)]
    pub levels: Vec<String>,
    #[serde(default)]
    pub offset_mm: f64,
    /// The limit itself is outside.
    #[serde(default)]
    pub open: bool,
    /// The oblique plane between left lower-lobe bronchus and bronchus intermedius.
    #[serde(default)]
    pub oblique: bool,
    /// In words.
    pub text: String,
}

/// The limits of one station.
#[derive(Debug, Clone, PartialEq, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StationLimits {
    #[serde(rename = "label")]
    pub station: String,
    pub superior: Limit,
    pub inferior: Limit,
}

/// Limits that hold instead of those of the map while a switch is on.
#[derive(Debug, Clone, PartialEq, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Alternative {
    when: String,
    station: String,
    superior: Option<Limit>,
    inferior: Option<Limit>,
}

/// A rule set as it is written.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct RuleFile {
    key: String,
    name: String,
    version: u32,
    /// Key of the rule set that it changes.
    based_on: Option<String>,
    /// Switches that are on.
    #[serde(default)]
    on: Vec<String>,
    /// Switches that may be turned on, with what each does in words.
    #[serde(default)]
    switches: BTreeMap<String, String>,
    #[serde(default)]
    alternative: Vec<Alternative>,
    #[serde(default)]
    station: Vec<StationLimits>,
}

/// A reading of a station map: the limits of every station, and the choices between readings that are on.
#[derive(Debug, Clone, PartialEq)]
pub struct RuleSet {
    /// For the command line and files, such as `iaslc-2009`.
    pub key: String,
    pub name: String,
    /// Raised with every change of the file.
    pub version: u32,
    switches: BTreeMap<String, String>,
    on: BTreeSet<String>,
    map: Vec<StationLimits>,
    alternatives: Vec<Alternative>,
    /// The map with the alternatives of the switches that are on.
    stations: Vec<StationLimits>,
}

/// What is wrong with a rule set, or with what was asked of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RuleError {
    #[error("there are no rules \"{0}\"; there are {known}", known = known_rules())]
    UnknownRules(String),
    #[error("these rules have no switch \"{0}\"; they have {1}")]
    UnknownSwitch(String, String),
    #[error("the rules cannot be read: {0}")]
    Unreadable(String),
    #[error("the rules name \"{0}\", which is no landmark of {1}")]
    UnknownLandmark(String, String),
    #[error(
        "the rules must list the sixteen stations once each, in the order of the map, with a level or \"oblique\" each"
    )]
    Stations,
}

fn known_rules() -> String {
    RuleSet::all().iter().map(|rules| rules.key.as_str()).collect::<Vec<_>>().join(", ")
}

static BUILT_IN: LazyLock<Vec<Arc<RuleSet>>> = LazyLock::new(|| {
    let mut all: Vec<Arc<RuleSet>> = Vec::new();
    for text in [
        include_str!("../../assets/stations/iaslc-2009.toml"),
        include_str!("../../assets/stations/michigan-2005.toml"),
    ] {
        let rules = RuleSet::parse(text, &all).expect("the rule sets of the program are valid");
        all.push(Arc::new(rules));
    }
    all
});

impl RuleSet {
    /// The map of the IASLC of 2009 as Lynch 2013 reads it: the default.
    pub fn iaslc_2009() -> Arc<Self> {
        Arc::clone(&BUILT_IN[0])
    }

    /// The rule sets of the program, the default first.
    pub fn all() -> &'static [Arc<Self>] {
        &BUILT_IN
    }

    /// A rule set of the program.
    ///
    /// # Errors
    /// [`RuleError::UnknownRules`] lists what there is.
    pub fn by_key(key: &str) -> Result<Arc<Self>, RuleError> {
        let found = BUILT_IN.iter().find(|rules| rules.key.eq_ignore_ascii_case(key));
        found.cloned().ok_or_else(|| RuleError::UnknownRules(key.to_owned()))
    }

    /// Reads rules that somebody wrote; they may be based on a rule set of the program.
    ///
    /// # Errors
    /// [`RuleError`] says what cannot be read or is not known.
    pub fn from_toml(text: &str) -> Result<Self, RuleError> {
        Self::parse(text, &BUILT_IN)
    }

    fn parse(text: &str, known: &[Arc<Self>]) -> Result<Self, RuleError> {
        let file: RuleFile = toml::from_str(text).map_err(|e| RuleError::Unreadable(e.to_string()))?;
        let base = match &file.based_on {
            Some(key) => {
                Some(known.iter().find(|r| r.key == *key).ok_or_else(|| RuleError::UnknownRules(key.clone()))?)
            }
            None => None,
        };
        let mut rules = Self {
            key: file.key,
            name: file.name,
            version: file.version,
            switches: base.map(|b| b.switches.clone()).unwrap_or_default(),
            on: base.map(|b| b.on.clone()).unwrap_or_default(),
            map: base.map(|b| b.map.clone()).unwrap_or_default(),
            alternatives: base.map(|b| b.alternatives.clone()).unwrap_or_default(),
            stations: Vec::new(),
        };
        for row in file.station {
            match rules.map.iter_mut().find(|known| known.station == row.station) {
                Some(known) => *known = row,
                None => rules.map.push(row),
            }
        }
        rules.switches.extend(file.switches);
        rules.alternatives.extend(file.alternative);
        for switch in file.on {
            rules.turn(&switch, true)?;
        }
        rules.check()?;
        rules.resolve();
        Ok(rules)
    }

    fn check(&self) -> Result<(), RuleError> {
        let in_order = Station::all().zip(&self.map).all(|(s, row)| s.label() == row.station);
        if !in_order || self.map.len() != Station::COUNT {
            return Err(RuleError::Stations);
        }
        let changed =
            self.alternatives.iter().flat_map(|a| a.superior.iter().chain(&a.inferior).map(|l| (l, &a.station)));
        let of_map = self.map.iter().flat_map(|row| [&row.superior, &row.inferior].map(|l| (l, &row.station)));
        for (limit, station) in of_map.chain(changed) {
            let unknown = limit.levels.iter().find(|key| *key != "z_apex" && LandmarkId::from_key(key).is_none());
            if let Some(key) = unknown {
                return Err(RuleError::UnknownLandmark(key.clone(), station.clone()));
            }
            if limit.levels.is_empty() && !limit.oblique {
                return Err(RuleError::Stations);
            }
        }
        Ok(())
    }

    fn turn(&mut self, switch: &str, on: bool) -> Result<(), RuleError> {
        if !self.switches.contains_key(switch) {
            let known: Vec<&str> = self.switches.keys().map(String::as_str).collect();
            return Err(RuleError::UnknownSwitch(switch.to_owned(), known.join(", ")));
        }
        if on {
            self.on.insert(switch.to_owned())
        } else {
            self.on.remove(switch)
        };
        Ok(())
    }

    fn resolve(&mut self) {
        self.stations.clone_from(&self.map);
        for row in &mut self.stations {
            for a in self.alternatives.iter().filter(|a| a.station == row.station && self.on.contains(&a.when)) {
                row.superior = a.superior.clone().unwrap_or_else(|| row.superior.clone());
                row.inferior = a.inferior.clone().unwrap_or_else(|| row.inferior.clone());
            }
        }
    }

    /// The rules with a switch turned on or off; their name says so.
    ///
    /// # Errors
    /// [`RuleError::UnknownSwitch`] lists what there is.
    pub fn with_switch(&self, switch: &str, on: bool) -> Result<Self, RuleError> {
        let mut rules = self.clone();
        rules.turn(switch, on)?;
        if rules.on != self.on {
            rules.name = format!("{}, {} {switch}", self.name, if on { "with" } else { "without" });
        }
        rules.resolve();
        Ok(rules)
    }

    /// All switches: key, what it does, whether it is on.
    pub fn switches(&self) -> impl Iterator<Item = (&str, &str, bool)> {
        self.switches.iter().map(|(key, text)| (key.as_str(), text.as_str(), self.on.contains(key)))
    }

    pub fn is_on(&self, switch: &str) -> bool {
        self.on.contains(switch)
    }

    /// Name and version, for provenance.
    pub fn title(&self) -> String {
        format!("{}, version {} ({})", self.name, self.version, self.key)
    }

    pub fn station(&self, station: Station) -> &StationLimits {
        &self.stations[station.index()]
    }
}

impl Limit {
    /// Landmarks of this limit.
    pub fn landmarks(&self) -> Vec<LandmarkId> {
        if self.oblique {
            return vec![LandmarkId::LeftLowerLobe, LandmarkId::IntermediusLower];
        }
        self.levels
            .iter()
            .flat_map(|key| {
                if key == "z_apex" {
                    vec![LandmarkId::ApexRight, LandmarkId::ApexLeft]
                } else {
                    LandmarkId::from_key(key).into_iter().collect()
                }
            })
            .collect()
    }

    /// Height in the column at `x_mm`, and the landmark that decides it. A superior limit is the
    /// lowest of its levels, an inferior one the highest.
    pub fn height(&self, landmarks: &Landmarks, superior: bool, x_mm: f64) -> Option<(f64, LandmarkId)> {
        if self.oblique {
            return Some((oblique_height(landmarks, x_mm)? + self.offset_mm, LandmarkId::LeftLowerLobe));
        }
        let mut all: Vec<(f64, LandmarkId)> = Vec::new();
        for key in &self.levels {
            if key == "z_apex" {
                let ends = [LandmarkId::ApexRight, LandmarkId::ApexLeft];
                let lower = ends
                    .into_iter()
                    .filter_map(|id| Some((landmarks.z(id)?, id)))
                    .min_by(|a, b| a.0.total_cmp(&b.0))?;
                all.push(lower);
            } else {
                let id = LandmarkId::from_key(key)?;
                all.push((landmarks.z(id)?, id));
            }
        }
        let order = |a: &(f64, LandmarkId), b: &(f64, LandmarkId)| a.0.total_cmp(&b.0);
        let (z, id) = if superior { all.into_iter().min_by(order)? } else { all.into_iter().max_by(order)? };
        Some((z + self.offset_mm, id))
    }

    /// True if the limit rests on a landmark that was only estimated.
    pub fn is_estimated(&self, landmarks: &Landmarks) -> bool {
        self.landmarks()
            .iter()
            .any(|id| landmarks.get(*id).is_none_or(|landmark| landmark.source == LandmarkSource::Estimated))
    }
}

/// Height of the oblique plane between stations 7 and 8 at `x_mm`: the line from the upper border of
/// the left lower-lobe bronchus to the lower border of the bronchus intermedius, level beyond its ends.
pub(super) fn oblique_height(landmarks: &Landmarks, x_mm: f64) -> Option<f64> {
    let left = landmarks.get(LandmarkId::LeftLowerLobe)?.position;
    let right = landmarks.get(LandmarkId::IntermediusLower)?.position;
    let width = right.x - left.x;
    if width.abs() < 1.0 {
        return Some(left.z.min(right.z));
    }
    let t = ((x_mm - left.x) / width).clamp(0.0, 1.0);
    Some(left.z + (right.z - left.z) * t)
}

#[cfg(test)]
mod tests {
    use super::*;
    use glam::DVec3;

    #[test]
    fn every_rule_set_has_limits_and_every_alternative_a_switch() {
        for rules in RuleSet::all() {
            for station in Station::all() {
                let row = rules.station(station);
                assert_eq!(row.station, station.label());
                assert!(!row.superior.landmarks().is_empty() && !row.inferior.landmarks().is_empty());
            }
            assert!(rules.alternatives.iter().all(|a| rules.switches.contains_key(&a.when)));
            assert!(rules.title().contains(&rules.version.to_string()));
        }
    }

    #[test]
    fn a_switch_changes_its_limit_and_no_other() {
        let rules = RuleSet::iaslc_2009();
        let switched = rules.with_switch("st8_from_carina", true).expect("a switch");
        for station in Station::all() {
            let same = switched.station(station) == rules.station(station);
            assert_eq!(same, station != Station::S8, "{station}");
        }
        assert!(switched.name.ends_with("with st8_from_carina"));
        assert_eq!(switched.with_switch("st8_from_carina", false).expect("a switch").stations, rules.stations);
        assert!(matches!(rules.with_switch("st9", true), Err(RuleError::UnknownSwitch(..))));
    }

    #[test]
    fn rules_somebody_wrote_are_read_and_mistakes_named() {
        let own = "key = \"own\"\nname = \"Own\"\nversion = 3\nbased_on = \"iaslc-2009\"\non = [\"st8_from_carina\"]";
        let rules = RuleSet::from_toml(own).expect("valid");
        assert_eq!((rules.version, rules.is_on("st8_from_carina")), (3, true));
        let wrong = format!(
            "{own}\n[[station]]\nlabel = \"7\"\nsuperior = {{ levels = [\"z_top\"], text = \"\" }}\n\
             inferior = {{ oblique = true, text = \"\" }}"
        );
        assert_eq!(RuleSet::from_toml(&wrong), Err(RuleError::UnknownLandmark("z_top".into(), "7".into())));
        assert_eq!(RuleSet::from_toml("key = \"x\"\nname = \"\"\nversion = 1"), Err(RuleError::Stations));
        assert!(matches!(RuleSet::from_toml("station"), Err(RuleError::Unreadable(_))));
        assert!(matches!(RuleSet::by_key("ajcc"), Err(RuleError::UnknownRules(_))));
    }

    #[test]
    fn the_oblique_plane_runs_through_both_bronchi() {
        let mut landmarks = Landmarks::default();
        landmarks.set(LandmarkId::LeftLowerLobe, DVec3::new(40.0, 0.0, -30.0), LandmarkSource::User);
        landmarks.set(LandmarkId::IntermediusLower, DVec3::new(-20.0, 0.0, -60.0), LandmarkSource::User);
        for (x, z) in [(40.0, -30.0), (10.0, -45.0), (-20.0, -60.0), (90.0, -30.0)] {
            assert_eq!(oblique_height(&landmarks, x), Some(z));
        }
    }
}
