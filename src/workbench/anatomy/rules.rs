//! What the rules draw from the landmarks: outlines that follow a drag on fewer voxels, the exact map once the hand rests,
//! and the stations as proposals of the case.

use super::part::Part;
use super::{CaseAnatomy, Known};
use crate::anatomy::{
    AnatomySources, LandmarkId, LandmarkSource, Landmarks, RuleMap, RuleSet, StationError, StationSet, draw_rule_map,
    draw_stations,
};
use crate::contour::{Slices, contours_from_mask};
use crate::geometry::VoxelGrid;
use crate::structures::{Provenance, Roi, RoiId, Role, Station, station_color};
use crate::teaching::Phase;
use crate::tf;
use crate::words::{keep, t, told};
use crate::workbench::jobs::{JobError, JobKey, Lane};
use crate::workbench::notices::Trouble;
use crate::workbench::results::CaseResult;
use crate::workbench::{Severity, Workbench, outcome};
use rayon::prelude::*;
use std::sync::Arc;

/// How the recipes of stations drawn by the rules begin.
pub const RULE_STATIONS: &str = "Stations by the rules";
/// The ids under which outlines are drawn, downwards; no ROI of a case reaches these numbers.
const FIRST_OUTLINE: u32 = u32::MAX - 100;

/// True for an outline that the rules draw and that is no part of the case.
pub fn is_rule_outline(roi: RoiId) -> bool {
    (FIRST_OUTLINE - Station::COUNT as u32 + 1..=FIRST_OUTLINE).contains(&roi.0)
}

/// From what the rules draw.
#[derive(Debug, Clone)]
pub(super) struct Basis {
    landmarks: Landmarks,
    rules: Arc<RuleSet>,
}

impl PartialEq for Basis {
    /// Asked several times a frame: the rules are nearly always the same ones in memory.
    fn eq(&self, other: &Self) -> bool {
        let same_rules = Arc::ptr_eq(&self.rules, &other.rules) || self.rules == other.rules;
        same_rules && self.landmarks == other.landmarks
    }
}

/// What the rules draw, and from what.
#[derive(Debug, Default)]
pub(super) struct Rules {
    coarse: Option<(Basis, Vec<Roi>)>,
    exact: Option<Exact>,
    /// The last landmarks and rules from which nothing could be drawn, and why.
    failed: Option<(Basis, String)>,
}

#[derive(Debug)]
pub(super) struct Exact {
    basis: Basis,
    outlines: Vec<Roi>,
    pub map: Arc<RuleMap>,
}

/// What a job has drawn.
pub(in crate::workbench) struct Drawn {
    basis: Basis,
    drawn: Result<(Vec<Roi>, Option<Arc<RuleMap>>), StationError>,
}

/// Stations for the case.
pub(in crate::workbench) struct RuleStations {
    pub slices: [Slices; Station::COUNT],
    pub set: StationSet,
}

impl Rules {
    /// The exact map of these landmarks and rules.
    pub fn exact(&self, basis: &Basis) -> Option<&Exact> {
        self.exact.as_ref().filter(|exact| exact.basis == *basis)
    }
}

fn outlines(grid: &VoxelGrid, set: &StationSet) -> Vec<Roi> {
    let all: Vec<Station> = Station::all().collect();
    all.par_iter()
        .map(|station| {
            let id = RoiId(FIRST_OUTLINE - station.index() as u32);
            let provenance = Provenance::Proposed { recipe: RULE_STATIONS.to_owned() };
            let name = tf!("{station} by the rules", station = station.label());
            let mut roi = Roi::new(id, name, station_color(*station), Role::Station(*station), provenance);
            roi.slices = contours_from_mask(grid, &set.masks[station.index()]);
            roi
        })
        .collect()
}

impl Basis {
    /// A part of the scan with these landmarks and rules.
    fn of(&self, part: &Part) -> AnatomySources {
        let Self { landmarks, rules } = self.clone();
        AnatomySources { landmarks, rules, ..part.sources.clone() }
    }
}

fn draw_outlines(known: &Known, basis: Basis) -> Drawn {
    let part = &known.coarse;
    let drawn = draw_stations(&basis.of(part)).map(|set| (outlines(&part.sources.grid, &set), None));
    Drawn { basis, drawn }
}

/// The map of the whole scan: where its stations and edges lie is not changed by what is left out around the chest.
fn draw_exact(known: &Known, basis: &Basis) -> Result<RuleMap, StationError> {
    let part = &known.exact;
    let mut map = draw_rule_map(&basis.of(part))?;
    for mask in &mut map.stations.masks {
        *mask = part.on_scan(mask, &known.sources.grid);
    }
    Ok(map)
}

/// Where a station's limits come from, for its provenance.
fn recipe(station: Station, set: &StationSet) -> String {
    let band = &set.bands[station.index()];
    let of = |id: LandmarkId| {
        let source = set.landmarks.get(id).map_or(LandmarkSource::Estimated, |landmark| landmark.source);
        format!("{} ({})", id.label(), source.words())
    };
    format!(
        "{RULE_STATIONS}: {}; above {}, below {}; {}",
        set.rules.title(),
        of(band.superior),
        of(band.inferior),
        set.quality.label()
    )
}

impl CaseAnatomy {
    fn basis(&self) -> Basis {
        Basis { landmarks: self.landmarks.clone(), rules: Arc::clone(&self.rule_set) }
    }
}

impl Workbench {
    /// What the rules draw where landmarks are shown, as structures to be drawn.
    pub fn rule_outlines(&self) -> impl Iterator<Item = &Roi> {
        let anatomy = &self.anatomy;
        // They would give the answer of an exercise away.
        let conceals = self.exercise.is_some_and(|e| e.phase == Phase::Contouring);
        let shown = anatomy.shown && anatomy.outlines_shown && !conceals && !self.view.hides_contours();
        let rules = &anatomy.rules;
        let exact = rules.exact(&anatomy.basis()).map(|exact| &exact.outlines);
        let any = exact.or(rules.coarse.as_ref().map(|(_, outlines)| outlines));
        any.filter(|_| shown && self.loading.is_none()).into_iter().flatten()
    }

    /// True if the limits of a station rest on the landmark that is held; true for all while none is.
    pub fn hangs_on_held(&self, station: Station) -> bool {
        let Some(held) = self.anatomy.held else { return true };
        let row = self.anatomy.rule_set.station(station);
        // What is estimated goes with the carina.
        let rests = |id: LandmarkId| {
            let source = self.anatomy.landmarks.get(id).map(|landmark| landmark.source);
            id == held.id || (held.id == LandmarkId::Carina && source == Some(LandmarkSource::Estimated))
        };
        row.superior.landmarks().into_iter().chain(row.inferior.landmarks()).any(rests)
    }

    /// The exact map of the landmarks as they stand, once it is drawn.
    pub fn rule_map(&self) -> Option<&Arc<RuleMap>> {
        self.anatomy.rules.exact(&self.anatomy.basis()).map(|exact| &exact.map)
    }

    /// Why the rules draw nothing from the landmarks as they stand.
    pub fn rules_refusal(&self) -> Option<&str> {
        let failed = self.anatomy.rules.failed.as_ref();
        failed.filter(|(of, _)| *of == self.anatomy.basis()).map(|(_, why)| why.as_str())
    }

    /// Draws again what the landmarks have changed: at once on fewer voxels, exactly once nothing is held. One job at a
    /// time, each from the newest landmarks, so that a drag never waits for what it has passed already.
    pub(in crate::workbench) fn follow_rules(&mut self) {
        let anatomy = &self.anatomy;
        let Some(known) = anatomy.known.clone() else { return };
        let basis = anatomy.basis();
        let rules = &anatomy.rules;
        if self.rules_refusal().is_some() || rules.exact(&basis).is_some() {
            return;
        }
        if self.jobs.is_running(JobKey::RuleOutlines) {
            return;
        }
        if rules.coarse.as_ref().is_none_or(|(of, _)| *of != basis) {
            self.spawn_for_case(Lane::Live, JobKey::RuleOutlines, t("Draw the rules"), None, move |_| {
                Ok(CaseResult::Rules(Box::new(draw_outlines(&known, basis))))
            });
        } else if anatomy.held.is_none() && !self.jobs.is_running(JobKey::RuleMap) {
            self.spawn_for_case(Lane::Pictures, JobKey::RuleMap, t("Draw the rules"), None, move |_| {
                let drawn = draw_exact(&known, &basis).map(|map| {
                    let outlines = outlines(&known.sources.grid, &map.stations);
                    (outlines, Some(Arc::new(map)))
                });
                Ok(CaseResult::Rules(Box::new(Drawn { basis, drawn })))
            });
        }
    }

    pub(in crate::workbench) fn accept_rules(&mut self, Drawn { basis, drawn }: Drawn) {
        let rules = &mut self.anatomy.rules;
        match drawn {
            Ok((outlines, Some(map))) => rules.exact = Some(Exact { basis, outlines, map }),
            Ok((outlines, None)) => rules.coarse = Some((basis, outlines)),
            Err(why) => rules.failed = Some((basis, why.to_string())),
        }
    }

    /// A job has ended without a result: it would do so again.
    pub(in crate::workbench) fn rules_failed(&mut self) {
        let why = t("The stations of the rules could not be drawn").to_owned();
        self.anatomy.rules.failed = Some((self.anatomy.basis(), why));
    }

    /// The stations of the rules as proposals of the case.
    pub(super) fn draw_stations(&mut self) {
        let Some(known) = self.anatomy.known.clone() else { return };
        let basis = self.anatomy.basis();
        let map = self.rule_map().cloned();
        self.spawn_for_case(Lane::Infer, JobKey::RuleStations, t("Stations by the rules"), None, move |_| {
            let map = match map {
                Some(map) => map,
                None => Arc::new(draw_exact(&known, &basis).map_err(|error| JobError::Failed(Trouble::of(&error)))?),
            };
            let grid = &known.sources.grid;
            let all: Vec<Slices> = map.stations.masks.par_iter().map(|mask| contours_from_mask(grid, mask)).collect();
            let mut all = all.into_iter();
            let slices = std::array::from_fn(|_| all.next().unwrap_or_default());
            Ok(CaseResult::RuleStations(Box::new(RuleStations { slices, set: map.stations.clone() })))
        });
    }

    pub(in crate::workbench) fn accept_rule_stations(&mut self, drawn: &RuleStations) {
        self.finish_stroke();
        let Some(case) = &mut self.case else { return };
        let wanted = outcome::NewStations {
            slices: &drawn.slices,
            provenance: &|station| Provenance::Proposed { recipe: recipe(station, &drawn.set) },
            is_former: &|provenance| matches!(provenance, Provenance::Proposed { recipe } if recipe.starts_with(RULE_STATIONS)),
            beside: "zRule_",
            label: keep("Stations by the rules"),
        };
        let entered = outcome::stations_edit(case, &wanted, &self.policy);
        let result = case.apply(entered.edit);
        if result.is_ok() {
            let mut summary = tf!(
                "The rules drew {drawn} of 16 stations: {quality}",
                drawn = entered.drawn,
                quality = told(drawn.set.quality.label())
            );
            if entered.beside > 0 {
                summary.push_str(&tf!(
                    "; {beside} of them stand beside stations that the case had already (zRule_)",
                    beside = entered.beside
                ));
            }
            let details = vec![t("Proposals for education and research: correct them before use").to_owned()];
            self.notices.push(Severity::Info, summary, details);
        }
        self.report(result);
    }
}
