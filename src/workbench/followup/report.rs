//! What is told of a recurrence, as `hilum recurrence --json` and the window write it: figures, definitions, remarks.

use super::motion::{Correction, Motion};
use super::place::{Placement, PlanSide};
use crate::geometry::{PatientPoint, Rigid, VoxelGrid};
use crate::recurrence::{Coverage, Localisation, Pattern, PatternLimits, StationShare, describe_pattern};
use crate::registration::{Fit, SurfaceGap};
use crate::structures::Station;

/// Says that a station is no finding of the program.
pub const STATEMENT: &str = "a proposal by overlap of contours after a rigid registration: lungs and mediastinum move and shrink after treatment; a physicist looks at the images and confirms the station";

/// Who drew the stations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum StationsBy {
    Set,
    Rules,
    Network,
}

/// What a physicist says about the station: one, or none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Confirmed(pub Option<Station>);

#[derive(Debug, serde::Serialize)]
pub struct RecurrenceRow {
    pub drawn_cm3: f64,
    pub volume_cm3: f64,
    pub outside_ct_cm3: f64,
    pub x: f64,
    pub y: f64,
    pub z: f64,
}

#[derive(Debug, serde::Serialize)]
pub struct RegistrationRow {
    pub source: String,
    pub transform: [f64; 16],
    pub shift_mm: f64,
    pub turn_degrees: f64,
    pub correction: Option<Correction>,
    pub correlation: Option<f64>,
    pub shared_percent: Option<f64>,
    pub bone: Option<SurfaceGap>,
    pub lung: Option<SurfaceGap>,
    pub problem: Option<String>,
}

#[derive(Debug, serde::Serialize)]
pub struct StationRow {
    pub proposed: Option<Station>,
    pub nearest: Option<Station>,
    pub nearest_mm: Option<f64>,
    pub confirmed: Option<Station>,
    pub confirmed_none: bool,
    pub statement: &'static str,
}

#[derive(Debug, serde::Serialize)]
pub struct CtvRow {
    pub names: Vec<String>,
    pub inside_cm3: f64,
    pub inside_percent: f64,
    pub pattern: Pattern,
}

#[derive(Debug, serde::Serialize)]
pub struct DoseRow {
    pub reference_gy: f64,
    pub reference_origin: String,
    pub isodose_percent: f64,
    pub isodose_gy: f64,
    pub inside_cm3: f64,
    pub inside_percent: f64,
    pub pattern: Pattern,
    pub min_gy: Option<f64>,
    pub mean_gy: Option<f64>,
    pub max_gy: Option<f64>,
    pub covered_percent: f64,
}

/// All of it; the keys are documented with `hilum recurrence --help`.
#[derive(Debug, serde::Serialize)]
pub struct RecurrenceReport {
    pub structure: String,
    pub recurrence: RecurrenceRow,
    pub registration: RegistrationRow,
    pub stations_by: StationsBy,
    pub stations: Vec<StationShare>,
    pub outside_cm3: f64,
    pub station: StationRow,
    pub ctv: Option<CtvRow>,
    pub dose: Option<DoseRow>,
    pub coverage: Vec<Coverage>,
    pub limits: PatternLimits,
    pub definitions: Vec<String>,
    pub checkerboard: Option<String>,
    pub proof: Option<serde_json::Value>,
    pub notes: Vec<String>,
    pub research_only: &'static str,
}

/// What a report is made of.
pub struct Facts<'a> {
    /// Name of the recurrence in the follow-up.
    pub structure: &'a str,
    pub placement: &'a Placement,
    pub found: &'a Localisation,
    pub motion: &'a Motion,
    /// Middle of the recurrence in the follow-up.
    pub middle: PatientPoint,
    pub followup: &'a VoxelGrid,
    pub fit: Option<&'a Fit>,
    pub confirmed: Option<Confirmed>,
    pub notes: Vec<String>,
}

impl RecurrenceReport {
    pub fn new(facts: Facts<'_>) -> Self {
        let Facts { structure, placement, found, motion, middle, followup, fit, confirmed, mut notes } = facts;
        let Placement { moved, plan, .. } = placement;
        let problem = fit_problem(fit);
        if let Some(problem) = &problem {
            notes.push(format!("the registration is doubtful: {problem}"));
        }
        if moved.outside_cm3 > 0.01 * moved.drawn_cm3 {
            notes.push(format!(
                "{:.1} of {:.1} cm3 of the recurrence lie beyond the planning CT and are not counted",
                moved.outside_cm3, moved.drawn_cm3
            ));
        }
        let mut coverage = found.coverage.clone();
        if let Some(Confirmed(Some(station))) = confirmed
            && coverage.iter().all(|c| c.station != station)
        {
            match plan.coverage(station) {
                Some(more) => coverage.push(more),
                None => notes.push(format!("station {station}, which was confirmed, is not drawn on the planning CT")),
            }
        }
        Self {
            structure: structure.to_owned(),
            recurrence: RecurrenceRow {
                drawn_cm3: moved.drawn_cm3,
                volume_cm3: found.volume_cm3,
                outside_ct_cm3: moved.outside_cm3,
                x: found.center.x,
                y: found.center.y,
                z: found.center.z,
            },
            registration: registration_row(motion, &motion.planning_from_followup(middle), followup, fit, problem),
            stations_by: plan.stations_by,
            stations: found.stations.clone(),
            outside_cm3: found.outside_cm3,
            station: station_row(found, confirmed),
            ctv: found.ctv.map(|e| CtvRow {
                names: plan.ctv_names.clone(),
                inside_cm3: e.inside_cm3,
                inside_percent: e.inside_percent,
                pattern: e.pattern,
            }),
            dose: dose_row(plan, found),
            coverage,
            limits: plan.limits,
            definitions: definitions(plan),
            checkerboard: None,
            proof: None,
            notes,
            research_only: crate::RESEARCH_ONLY,
        }
    }
}

/// Why a fit is doubtful; `None` for a fit stands for scans that nowhere overlap.
pub fn fit_problem(fit: Option<&Fit>) -> Option<String> {
    match fit {
        Some(fit) => fit.problem(),
        None => Some(crate::words::t("the two scans do not overlap").to_owned()),
    }
}

fn registration_row(
    motion: &Motion,
    planning_from_followup: &Rigid,
    followup: &VoxelGrid,
    fit: Option<&Fit>,
    problem: Option<String>,
) -> RegistrationRow {
    let center = followup.center();
    RegistrationRow {
        source: motion.source.label(),
        transform: planning_from_followup.rows(),
        shift_mm: planning_from_followup.apply(center).distance(center),
        turn_degrees: planning_from_followup.size().1,
        correction: Some(motion.correction).filter(|c| !c.is_none()),
        correlation: fit.map(|f| f.correlation),
        shared_percent: fit.map(|f| f.shared * 100.0),
        bone: fit.and_then(|f| f.bone),
        lung: fit.and_then(|f| f.lung),
        problem,
    }
}

fn station_row(found: &Localisation, confirmed: Option<Confirmed>) -> StationRow {
    let nearest = found.nearest.filter(|_| found.main.is_none());
    StationRow {
        proposed: found.main,
        nearest: nearest.map(|n| n.0),
        nearest_mm: nearest.map(|n| n.1),
        confirmed: confirmed.and_then(|c| c.0),
        confirmed_none: confirmed == Some(Confirmed(None)),
        statement: STATEMENT,
    }
}

fn dose_row(plan: &PlanSide, found: &Localisation) -> Option<DoseRow> {
    let (treated, dose) = (plan.treated.as_ref()?, found.dose?);
    Some(DoseRow {
        reference_gy: treated.reference_gy,
        reference_origin: treated.reference_origin.clone(),
        isodose_percent: treated.isodose_percent,
        isodose_gy: treated.isodose_gy(),
        inside_cm3: dose.isodose.inside_cm3,
        inside_percent: dose.isodose.inside_percent,
        pattern: dose.isodose.pattern,
        min_gy: dose.min_gy,
        mean_gy: dose.mean_gy,
        max_gy: dose.max_gy,
        covered_percent: dose.covered_percent,
    })
}

fn definitions(plan: &PlanSide) -> Vec<String> {
    let mut all: Vec<String> = vec![
        "The recurrence on the planning CT: its contours, moved rigidly and cut by the planning slices; voxels whose centres lie inside"
            .into(),
        "stations: share of the volume of the recurrence in each; the largest is proposed. Less than 0.1 cm3 or 1 % is not counted"
            .into(),
        describe_pattern(&plan.limits, "the CTV"),
    ];
    if let Some(treated) = &plan.treated {
        all.push(describe_pattern(&plan.limits, &format!("the {} % isodose", treated.isodose_percent)));
    }
    all.push(
        "The usual limits are those of Lee et al. 1999 (80 and 20 %); Dawson et al. 2000 take 95 % for in field".into(),
    );
    all.push(
        "coverage: what of the whole station lies inside the CTV or the isodose of this plan (actual over standard)"
            .into(),
    );
    all
}
