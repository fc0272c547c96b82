//! What most commands share: which case, which CTV, which clinical values, which model, and how
//! they become a [`Case`].

use super::failure::Failure;
use super::terminal::Terminal;
use crate::dicom::ImportWarning;
use crate::features::{ClinicalValues, Sex, TStage};
use crate::import::{SetFormat, SetSource};
use crate::progress::Progress;
use crate::structures::{Provenance, RoiId, Role, Station};
use crate::workbench::{
    Case, Change, CtvChoice, CtvError, Edit, LoadedCase, OpenError, SeriesChoice, Workbench, choose_ctv, load_demo,
    load_series, set_role,
};
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// Which case.
#[derive(Debug, Clone, clap::Args)]
pub struct CaseArgs {
    /// Folder or files that hold a CT (DICOM or NIfTI) and its structures (structure sets, segmentations, NIfTI labels)
    #[arg(value_name = "CASE", required_unless_present = "demo", conflicts_with = "demo")]
    pub case: Vec<PathBuf>,
    /// Use the synthetic demo case instead of CASE
    #[arg(long)]
    pub demo: bool,
    /// Seed of the demo case
    #[arg(long, value_name = "N", requires = "demo", conflicts_with = "case", default_value_t = Workbench::DEMO_SEED)]
    pub seed: u64,
    /// Which CT series of several: its number as `hilum inspect` lists it, or its UID; without it the one that a structure set refers to, else the largest
    #[arg(long, value_name = "UID|NUMBER", conflicts_with = "demo")]
    pub series: Option<SeriesChoice>,
    /// Give a structure a role: gtvp, gtvn, ctv, organ, other, or a station such as 4R
    #[arg(long = "role", value_name = "ROI=ROLE", value_parser = parse_role)]
    pub roles: Vec<(String, Role)>,
    /// Contour and export although the import doubts the geometry of the scan (a missing slice, say)
    #[arg(long)]
    pub accept_geometry: bool,
}

impl CaseArgs {
    /// A case of many, named by its path alone.
    pub fn of(path: &Path) -> Self {
        Self {
            case: vec![path.to_owned()],
            demo: false,
            seed: Workbench::DEMO_SEED,
            series: None,
            roles: Vec::new(),
            accept_geometry: false,
        }
    }

    /// The seed, if the demo case was asked for.
    pub fn demo_seed(&self) -> Option<u64> {
        self.demo.then_some(self.seed)
    }

    /// Reads or makes the case; remarks of the import and what was chosen go to standard error.
    pub fn load(&self, terminal: &Terminal) -> Result<Opened, Failure> {
        self.load_hiding(false, terminal)
    }

    /// As [`Self::load`]; `hidden` keeps paths, labels and dates out of what is said.
    pub fn load_hiding(&self, hidden: bool, terminal: &Terminal) -> Result<Opened, Failure> {
        let opened = self.load_quietly(hidden, terminal)?;
        for remark in &opened.remarks {
            terminal.note(&format!("warning: {remark}"));
        }
        for choice in &opened.choices {
            terminal.note(&format!("note: {choice}"));
        }
        Ok(opened)
    }

    /// Refuses a scan of doubtful geometry until somebody has looked at it; networks and exports ask.
    pub fn check_geometry(&self, case: &Case) -> Result<(), Failure> {
        if case.image.meta.geometry_safe || self.accept_geometry {
            return Ok(());
        }
        Err(Failure::Refused(
            "the geometry of the scan is doubtful, see the remarks above; look at it, then add --accept-geometry to go on"
                .into(),
        ))
    }

    /// Reads or makes the case; the caller shows the remarks.
    pub fn load_quietly(&self, hidden: bool, terminal: &Terminal) -> Result<Opened, Failure> {
        let mut loaded = match self.demo_seed() {
            Some(seed) => load_demo(seed, terminal)?,
            None => {
                let choice = self.series.clone().unwrap_or_default();
                load_series(&self.case, &choice, terminal, &mut |_| terminal.checkpoint()).map_err(open_failure)?
            }
        };
        for (name, role) in &self.roles {
            let id = find_roi(&loaded.case, name)?;
            set_role(&mut loaded.case, id, *role).map_err(Failure::failed)?;
            // What the user said is no guess any more.
            loaded.uncertain_roles.remove(&id);
        }
        Ok(Opened::new(loaded, hidden))
    }
}

/// A case that was read or made, and what there is to know about how.
pub struct Opened {
    pub loaded: LoadedCase,
    /// The warnings of the import in words.
    pub remarks: Vec<String>,
    /// What was chosen without asking: a structure set among several, roles of targets and stations guessed from names.
    pub choices: Vec<String>,
}

/// A remark in words. Paths often hold names of patients, and so do the words of a file that a remark quotes:
/// with hidden identifiers neither is kept.
pub fn remark(warning: &ImportWarning, hidden: bool) -> String {
    if !hidden {
        return warning.to_string();
    }
    let parts = warning.text.split('"').enumerate();
    parts.map(|(n, part)| if n % 2 == 0 { part } else { "[hidden]" }).collect()
}

impl Opened {
    /// What there is to know about a case that was read; `hidden` keeps paths, labels and dates out of it.
    pub fn new(loaded: LoadedCase, hidden: bool) -> Self {
        let case = &loaded.case;
        let remarks = loaded.warnings.iter().map(|w| remark(w, hidden)).collect();
        let mut choices = Vec::new();
        if !loaded.other_structure_sets.is_empty() {
            choices.push(chosen_set(case, &loaded.other_structure_sets, hidden));
        }
        // Of these the figures depend; guessed organs are listed by `inspect`.
        let guessed: Vec<String> = loaded
            .uncertain_roles
            .iter()
            .filter_map(|id| case.structures().get(*id))
            .filter(|roi| !matches!(roi.role, Role::Organ | Role::Other))
            .map(|roi| format!("{} as {}", roi.name, roi.role.label()))
            .collect();
        if !guessed.is_empty() {
            choices.push(format!(
                "roles were guessed from names, please check: {}; confirm or change them with --role NAME=ROLE",
                guessed.join(", ")
            ));
        }
        Self { loaded, remarks, choices }
    }

    /// Remarks and choices, for the `notes` of JSON and for reports.
    pub fn notes(&self) -> Vec<String> {
        self.remarks.iter().chain(&self.choices).cloned().collect()
    }

    /// Refuses a target that is a file of the case: source files are never overwritten, not even on request.
    pub fn refuse_source(&self, target: &Path) -> Result<(), Failure> {
        let Ok(real) = target.canonicalize() else { return Ok(()) };
        let LoadedCase { case, other_structure_sets, found, .. } = &self.loaded;
        let beside = other_structure_sets.iter().chain(found.foreign_sets.iter().map(|s| &s.set));
        let beside = beside.flat_map(|s| s.paths().iter().map(PathBuf::as_path));
        let overlays: Vec<PathBuf> = found.overlays.iter().flat_map(crate::dicom::OverlaySource::paths).collect();
        let beside = beside.chain(overlays.iter().map(PathBuf::as_path));
        if case.source_paths().chain(beside).any(|p| p.canonicalize().is_ok_and(|p| p == real)) {
            return Err(Failure::Failed(format!(
                "this file belongs to the case and is never overwritten; choose another name: {}",
                target.display()
            )));
        }
        Ok(())
    }
}

/// Which of several sets of structures was read.
fn chosen_set(case: &Case, others: &[SetSource], hidden: bool) -> String {
    let count = others.len() + case.sources.len() + case.voxel_sources.len();
    let kind =
        |format: SetFormat| if format == SetFormat::StructureSet { "structure sets" } else { "sets of structures" };
    let formats = others.iter().map(SetSource::format).chain(case.voxel_sources.iter().map(|s| s.format));
    let kind = kind(formats.max().unwrap_or(SetFormat::StructureSet));
    let file = |path: Option<&PathBuf>| {
        path.and_then(|p| p.file_name()).map(|n| n.to_string_lossy().into_owned()).unwrap_or_default()
    };
    let named = |label: &str, paths: &[PathBuf]| {
        let more = if paths.len() > 1 { format!(" and {} more", paths.len() - 1) } else { String::new() };
        format!("\"{label}\" ({}{more})", file(paths.first()))
    };
    let sets = case.sources.iter().map(|s| named(&s.label, std::slice::from_ref(&s.path)));
    let read: Vec<String> = sets.chain(case.voxel_sources.iter().map(|s| named(&s.label, &s.paths))).collect();
    let rest: Vec<String> = others.iter().map(|s| named(s.label(), s.paths())).collect();
    match (read.is_empty(), hidden) {
        (true, true) => format!("{count} {kind} fit this CT and none was read; give one of them by its file"),
        (true, false) => {
            format!("{count} {kind} fit this CT and none was read: {}; give one of them by its file", rest.join(", "))
        }
        (false, true) => {
            format!("{count} {kind} fit this CT; the newest was read, give the CT and one file for another")
        }
        (false, false) => format!(
            "{count} {kind} fit this CT; the newest, {}, was read, and not {}; give the CT and one file for another",
            read.join(", "),
            rest.join(", ")
        ),
    }
}

fn open_failure(error: OpenError) -> Failure {
    if error.is_cancelled() { Failure::Cancelled } else { Failure::refused(error) }
}

/// ROI=ROLE.
pub fn parse_role(text: &str) -> Result<(String, Role), String> {
    let (name, role) = text.rsplit_once('=').ok_or("write ROI=ROLE, for example \"Tumor_c40=gtvp\"")?;
    Ok((name.to_owned(), parse_role_name(role)?))
}

/// A role as it is written on the command line.
pub fn parse_role_name(role: &str) -> Result<Role, String> {
    Ok(match role.to_lowercase().as_str() {
        "gtvp" => Role::Gtvp,
        "gtvn" => Role::Gtvn,
        "ctv" => Role::Ctv,
        "organ" => Role::Organ,
        "other" => Role::Other,
        station => Role::Station(Station::from_str(station).map_err(|e| e.to_string())?),
    })
}

/// The ROI of a name; the refusal lists what is there.
pub fn find_roi(case: &Case, name: &str) -> Result<RoiId, Failure> {
    if let Some(roi) = case.structures().by_name(name) {
        return Ok(roi.id);
    }
    let names: Vec<&str> = case.structures().rois.iter().map(|r| r.name.as_str()).collect();
    let there = if names.is_empty() { "no structures".into() } else { names.join(", ") };
    Err(Failure::Refused(format!("no structure is named \"{name}\"; the case has {there}")))
}

/// Options of the commands that show features or risk.
#[derive(Debug, Clone, clap::Args)]
pub struct FeatureArgs {
    /// The CTV: the name of a structure, or "proposed" for GTV + 8 mm kept out of lung and bone; without it the structures with role CTV
    #[arg(long, value_name = "NAME|proposed")]
    pub ctv: Option<CtvChoice>,
    /// Clinical values, any of: sex=m|f, age=YEARS, t=1..4, smoking=CIGARETTES-A-DAY-TIMES-YEARS, central=yes|no
    #[arg(long, value_name = "KEY=VALUE,...", value_parser = parse_clinical)]
    pub clinical: Option<ClinicalValues>,
}

/// Which CTV was used.
#[derive(Debug, Clone, serde::Serialize)]
pub struct CtvUsed {
    /// "structure", "proposed" or "none".
    pub source: &'static str,
    /// Names of the structures.
    pub names: Vec<String>,
    /// How a proposal was made.
    pub recipe: Option<String>,
}

impl FeatureArgs {
    /// Brings CTV and clinical values into the case.
    pub fn apply(&self, case: &mut Case, progress: &dyn Progress) -> Result<(), Failure> {
        if let Some(choice) = &self.ctv {
            choose_ctv(case, choice, progress).map_err(ctv_failure)?;
        }
        if let Some(after) = &self.clinical {
            let before = case.clinical().clone();
            let edit = Edit::new("Clinical values", vec![Change::Clinical { before, after: after.clone() }]);
            case.apply(edit).map_err(Failure::failed)?;
        }
        Ok(())
    }
}

/// The words of a refused CTV, with what the command line can do about it.
fn ctv_failure(error: CtvError) -> Failure {
    match error {
        CtvError::OtherRole { ref name, .. } => Failure::Refused(format!(
            "{error}; choose another structure, or if that role is wrong give it with --role {name}=ctv"
        )),
        CtvError::NoTumor => Failure::Refused(format!("{error}; give a structure the role with --role NAME=gtvp")),
        CtvError::NoSuch { .. } => Failure::refused(error),
        CtvError::Edit(error) => Failure::failed(error),
        CtvError::Cancelled(_) => Failure::Cancelled,
    }
}

/// The CTV of the case as it is now.
pub fn ctv_used(case: &Case) -> CtvUsed {
    let names: Vec<String> = case.structures().with_role(Role::Ctv).map(|r| r.name.clone()).collect();
    let recipe = case.structures().with_role(Role::Ctv).find_map(|r| match &r.provenance {
        Provenance::Proposed { recipe } => Some(recipe.clone()),
        _ => None,
    });
    let source = match (&recipe, names.is_empty()) {
        (Some(_), _) => "proposed",
        (None, false) => "structure",
        (None, true) => "none",
    };
    CtvUsed { source, names, recipe }
}

fn parse_clinical(text: &str) -> Result<ClinicalValues, String> {
    let mut values = ClinicalValues::default();
    let number =
        |key: &str, value: &str| value.parse::<f64>().map_err(|_not_a_number| format!("{key}={value} is no number"));
    for part in text.split(',').map(str::trim).filter(|p| !p.is_empty()) {
        let (key, value) = part.split_once('=').ok_or_else(|| format!("\"{part}\" is not KEY=VALUE"))?;
        let value = value.trim();
        match key.trim().to_lowercase().as_str() {
            "sex" => {
                values.sex = Some(match value.to_lowercase().as_str() {
                    "m" | "male" => Sex::Male,
                    "f" | "female" => Sex::Female,
                    _ => return Err(format!("sex={value} must be m or f")),
                });
            }
            "age" => values.age_years = Some(number(key, value)?),
            "t" => values.t_stage = Some(value.parse::<TStage>().map_err(|e| e.to_string())?),
            "smoking" => values.smoking_index = Some(number(key, value)?),
            "central" => {
                values.central = Some(match value.to_lowercase().as_str() {
                    "yes" | "true" | "1" => true,
                    "no" | "false" | "0" => false,
                    _ => return Err(format!("central={value} must be yes or no")),
                });
            }
            other => return Err(format!("\"{other}\" is not known; use sex, age, t, smoking, central")),
        }
    }
    match values.problems().first() {
        Some(problem) => Err(problem.clone()),
        None => Ok(values),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clinical_values_are_read_and_nonsense_is_refused() {
        let values = parse_clinical("sex=m, age=63,t=2b,smoking=800,central=no").expect("valid");
        assert_eq!((values.sex, values.age_years), (Some(Sex::Male), Some(63.0)));
        assert_eq!((values.t_stage, values.smoking_index), (Some(TStage::T2), Some(800.0)));
        assert_eq!(values.central, Some(false));
        for wrong in ["sex=x", "age=old", "age=-4", "t=5", "weight=70", "sex"] {
            assert!(parse_clinical(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn hidden_identifiers_hide_what_a_remark_quotes() {
        let warning = ImportWarning {
            severity: crate::dicom::Severity::Info,
            text: "the set \"Wang plan\" is odd".into(),
            files: vec!["/wang/rs.dcm".into()],
        };
        assert_eq!(remark(&warning, true), "the set [hidden] is odd");
        assert!(remark(&warning, false).contains("Wang plan") && remark(&warning, false).contains("rs.dcm"));
    }

    #[test]
    fn roles_are_read_with_names_that_hold_an_equals_sign() {
        assert_eq!(parse_role("a=b=gtvn"), Ok(("a=b".into(), Role::Gtvn)));
        assert_eq!(parse_role("x=4R"), Ok(("x".into(), Role::Station(Station::S4R))));
        assert!(parse_role("x=tumour").is_err() && parse_role("gtvp").is_err());
    }
}
