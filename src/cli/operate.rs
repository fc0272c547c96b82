//! `hilum operate`: an operation on whole structures, through the workbench as in the window, and the result as a proved
//! structure set.

use super::case_args::{CaseArgs, find_roi, parse_role_name};
use super::export::{ExportArgs, export_case, require_images};
use super::failure::Failure;
use super::output;
use super::terminal::Terminal;
use crate::contour::{Margins, Smoothing};
use crate::structures::{DerivedState, Operation, Recipe, RoiId, Role};
use crate::workbench::jobs::JobMode;
use crate::workbench::{
    Case, Command, ExportFormat, Keep, OperatedRow, OperationCommand, OperationRequest, Severity, Target, Workbench,
};

/// Margins, unions, smoothing and more of whole structures, written as a new structure set
#[derive(Debug, clap::Args)]
#[command(
    group = clap::ArgGroup::new("operation").required(true).multiple(false),
    after_help = "\
One operation a run. --of names the structures that it works on, in order; where it needs one and several are given, they
are united first. The result replaces the first of them, or becomes a new structure with --into NAME. Margins are exact
in space: the side of an ellipsoid may differ in each of the six directions. Limits (--inside, --outside) take back what
an operation adds; what was there before stays.

With --keep-recipe the new structure carries how it was made, also in the file; after edits of what it is made of it is
stale, and --update makes it again. --live does so after every edit in the window.

Examples:
  hilum operate /data/patient1 --margin 8 --of GTVp --of GTVn --outside Bones --into CTV --as ctv --keep-recipe -o ctv.dcm
  hilum operate /data/patient1 --margins 5,5,5,5,10,10 --of GTVp -o grown.dcm
  hilum operate /data/patient1 --difference --of Lungs --of GTVp --into \"Lungs-GTV\" -o lungs.dcm
  hilum operate /data/patient1 --resolve-overlaps -o stations.dcm
  hilum operate --demo --smooth 1.5 --of CTV -o smooth.dcm --json

JSON keys:
  operation      what was done, in words
  structures     those that changed [{name, volume_cm3_before (0 where it is new), volume_cm3, slices}]
  derived        structures that carry a recipe [{name, recipe, state (up_to_date, stale, overridden or input_gone), live}]
  proof          as printed by hilum export --json
  notes          remarks of the import, and what was chosen (a structure set among several, guessed roles)
  research_only  a sentence"
)]
pub struct Operate {
    #[command(flatten)]
    case: CaseArgs,
    /// A structure to work on; repeat it for several, the order counts
    #[arg(long, value_name = "NAME")]
    of: Vec<String>,
    /// Grow by so much on every side
    #[arg(long, value_name = "MM", group = "operation")]
    margin: Option<f64>,
    /// Grow by so much to left, right, anterior, posterior, superior and inferior
    #[arg(long, value_name = "L,R,A,P,S,I", value_parser = parse_margins, group = "operation")]
    margins: Option<Margins>,
    /// Shrink by so much on every side
    #[arg(long, value_name = "MM", group = "operation")]
    shrink: Option<f64>,
    /// All of them together
    #[arg(long, group = "operation")]
    union: bool,
    /// What all of them hold
    #[arg(long, group = "operation")]
    intersection: bool,
    /// The first without all others
    #[arg(long, group = "operation")]
    difference: bool,
    /// What an odd number of them holds
    #[arg(long, group = "operation")]
    symmetric_difference: bool,
    /// Smooth in the plane, and with a second number between slices; the volume stays
    #[arg(long, value_name = "MM[,MM]", value_parser = parse_smoothing, group = "operation")]
    smooth: Option<Smoothing>,
    /// Remove connected parts below a volume
    #[arg(long, value_name = "CM3", group = "operation")]
    remove_islands: Option<f64>,
    /// Keep the largest connected part alone
    #[arg(long, group = "operation")]
    largest_island: bool,
    /// Fill holes, with a number only those up to this area
    #[arg(long, value_name = "CM2", num_args = 0..=1, default_missing_value = "inf", group = "operation")]
    fill_holes: Option<f64>,
    /// Fewer vertices, none further from the outline than this
    #[arg(long, value_name = "MM", group = "operation")]
    simplify: Option<f64>,
    /// Fill the empty slices between drawn ones by the shapes of both
    #[arg(long, group = "operation")]
    interpolate: bool,
    /// A CTV around tumours: a margin kept out of lung and bone as the CT shows them
    #[arg(long, value_name = "MM", group = "operation")]
    propose_ctv: Option<f64>,
    /// The union of those of the others that the first touches, such as a CTV and the stations (ideaCTV)
    #[arg(long, group = "operation")]
    union_of_touched: bool,
    /// Give every place to the first of --of that holds it; without --of to the station higher in the list
    #[arg(long, group = "operation")]
    resolve_overlaps: bool,
    /// Make derived structures again: those of --of, without it all that are stale
    #[arg(long, group = "operation")]
    update: bool,
    /// What is added must lie in this structure, or in another one given like it
    #[arg(long, value_name = "NAME")]
    inside: Vec<String>,
    /// What is added must not lie in this structure
    #[arg(long, value_name = "NAME")]
    outside: Vec<String>,
    /// Name of a new structure for the result
    #[arg(long, value_name = "NAME")]
    into: Option<String>,
    /// Role of the new structure: gtvp, gtvn, ctv, organ, other, or a station such as 4R
    #[arg(long = "as", value_name = "ROLE", value_parser = parse_role_name, requires = "into")]
    role: Option<Role>,
    /// The new structure carries how it was made
    #[arg(long, requires = "into")]
    keep_recipe: bool,
    /// As --keep-recipe, and the window makes it again after every edit of what it is made of
    #[arg(long, requires = "into")]
    live: bool,
    #[command(flatten)]
    export: ExportArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(serde::Serialize)]
struct DerivedRow {
    name: String,
    recipe: String,
    state: Option<DerivedState>,
    live: bool,
}

#[derive(serde::Serialize)]
struct Report {
    operation: String,
    structures: Vec<OperatedRow>,
    derived: Vec<DerivedRow>,
    proof: serde_json::Value,
    notes: Vec<String>,
    research_only: &'static str,
}

impl Operate {
    /// The operation, unless it is one of those that are about several structures.
    fn operation(&self) -> Option<Operation> {
        let flag = |on: bool, operation: Operation| on.then_some(operation);
        let margin = |mm: f64| Operation::Margin(Margins::uniform(mm));
        self.margin
            .map(margin)
            .or_else(|| self.margins.map(Operation::Margin))
            .or_else(|| self.shrink.map(|mm| Operation::Shrink(Margins::uniform(mm))))
            .or_else(|| flag(self.union, Operation::Union))
            .or_else(|| flag(self.intersection, Operation::Intersection))
            .or_else(|| flag(self.difference, Operation::Difference))
            .or_else(|| flag(self.symmetric_difference, Operation::SymmetricDifference))
            .or_else(|| self.smooth.map(Operation::Smooth))
            .or_else(|| self.remove_islands.map(|at_least_cm3| Operation::KeepIslands { at_least_cm3 }))
            .or_else(|| flag(self.largest_island, Operation::LargestIsland))
            .or_else(|| {
                self.fill_holes.map(|cm2| Operation::FillHoles { up_to_cm2: Some(cm2).filter(|c| c.is_finite()) })
            })
            .or_else(|| self.simplify.map(|tolerance_mm| Operation::Simplify { tolerance_mm }))
            .or_else(|| flag(self.interpolate, Operation::Interpolate))
            .or_else(|| self.propose_ctv.map(|margin_mm| Operation::ProposeCtv { margin_mm }))
            .or_else(|| flag(self.union_of_touched, Operation::UnionOfTouched))
    }

    /// What the workbench is asked to do, one after the other.
    fn commands(&self, workbench: &Workbench) -> Result<Vec<OperationCommand>, Failure> {
        let case = workbench.case().ok_or_else(|| Failure::Failed("the case is no longer open".into()))?;
        let ids = |names: &[String]| names.iter().map(|name| find_roi(case, name)).collect::<Result<Vec<RoiId>, _>>();
        let of = ids(&self.of)?;
        let Some(operation) = self.operation() else {
            return Ok(match (self.update, of.is_empty()) {
                (true, true) => vec![OperationCommand::UpdateAll],
                (true, false) => of.into_iter().map(OperationCommand::Update).collect(),
                (false, true) => vec![OperationCommand::ResolveOverlaps(workbench.stations_in_order())],
                (false, false) => vec![OperationCommand::ResolveOverlaps(of)],
            });
        };
        let first = *of.first().ok_or_else(|| Failure::Usage("name a structure to work on with --of NAME".into()))?;
        let target = match &self.into {
            Some(name) => Target::New { name: name.clone(), role: self.role.unwrap_or(Role::Other) },
            None => Target::Roi(first),
        };
        let keep = match (self.live, self.keep_recipe) {
            (true, _) => Keep::Live,
            (false, true) => Keep::Recipe,
            (false, false) => Keep::Nothing,
        };
        let recipe = Recipe { operation, of, inside: ids(&self.inside)?, outside: ids(&self.outside)? };
        Ok(vec![OperationCommand::Run(Box::new(OperationRequest { recipe, target, keep }))])
    }

    pub fn run(&self, terminal: &Terminal) -> Result<(), Failure> {
        self.export.refuse_existing()?;
        let opened = self.case.load(terminal)?;
        opened.refuse_source(&self.export.output)?;
        let notes = opened.notes();
        require_images(&opened.loaded.case, ExportFormat::StructureSet)?;
        self.case.check_geometry(&opened.loaded.case)?;
        let mut workbench = Workbench::new(JobMode::Inline, None);
        workbench.take_case(opened.loaded);
        let (mut words, mut structures) = (Vec::new(), Vec::new());
        for command in self.commands(&workbench)? {
            carry_out(&mut workbench, command)?;
            if let Some(operated) = workbench.operated() {
                words.push(operated.words.clone());
                structures.extend(operated.rows.clone());
            }
        }
        let case = workbench.case().ok_or_else(|| Failure::Failed("the case is no longer open".into()))?;
        let proof = export_case(case, &self.export, false, terminal)?;
        terminal.finish();
        let operation = if words.is_empty() { "nothing was stale".to_owned() } else { words.join("; ") };
        let derived = derived_rows(&workbench, case);
        if self.json {
            return output::print_json(&Report {
                operation,
                structures,
                derived,
                proof: serde_json::to_value(&proof).map_err(Failure::failed)?,
                notes,
                research_only: crate::RESEARCH_ONLY,
            });
        }
        let mut text = format!("{operation}\n");
        for s in &structures {
            let change = format!("{:>9.3} -> {:>9.3} cm3 on {} slices", s.volume_cm3_before, s.volume_cm3, s.slices);
            text.push_str(&format!("  {:<24}{change}\n", s.name));
        }
        for d in &derived {
            let state = d.state.map_or("", DerivedState::label);
            text.push_str(&format!("  {:<24}derived: {} ({state})\n", d.name, d.recipe));
        }
        text.push_str(&format!("{}\n{}\n", proof.summary(), crate::RESEARCH_ONLY));
        output::print(&text)
    }
}

/// Performs a command with all that follows from it. What it refuses ends the run.
fn carry_out(workbench: &mut Workbench, command: OperationCommand) -> Result<(), Failure> {
    let before = workbench.notices().all().len();
    workbench.execute(Command::Operate(command));
    // Inline jobs have run; each poll takes in what they have made, and may start the next.
    for _ in 0..1000 {
        let state = workbench.case().map(Case::revision);
        workbench.poll();
        if workbench.case().map(Case::revision) == state && workbench.jobs().is_empty() {
            break;
        }
    }
    let refused = workbench.notices().all().iter().skip(before).find(|notice| notice.severity != Severity::Info);
    refused.map_or(Ok(()), |notice| Err(Failure::Refused(notice.summary.clone())))
}

fn derived_rows(workbench: &Workbench, case: &Case) -> Vec<DerivedRow> {
    let row = |roi: &crate::structures::Roi| {
        let derivation = roi.derivation.as_ref()?;
        Some(DerivedRow {
            name: roi.name.clone(),
            recipe: workbench.recipe_words(roi)?,
            state: workbench.derived_state(roi.id),
            live: derivation.live,
        })
    };
    case.structures().rois.iter().filter_map(row).collect()
}

fn numbers(text: &str) -> Result<Vec<f64>, String> {
    let number = |part: &str| part.trim().parse::<f64>().map_err(|_| format!("\"{part}\" is no number of millimetres"));
    text.split(',').map(number).collect()
}

fn parse_margins(text: &str) -> Result<Margins, String> {
    match *numbers(text)?.as_slice() {
        [left, right, anterior, posterior, superior, inferior] => {
            Ok(Margins { left, right, anterior, posterior, superior, inferior })
        }
        ref other => Err(format!(
            "six numbers are needed (left, right, anterior, posterior, superior, inferior), not {}",
            other.len()
        )),
    }
}

fn parse_smoothing(text: &str) -> Result<Smoothing, String> {
    match *numbers(text)?.as_slice() {
        [in_plane_mm] => Ok(Smoothing { in_plane_mm, between_mm: 0.0 }),
        [in_plane_mm, between_mm] => Ok(Smoothing { in_plane_mm, between_mm }),
        _ => Err("one number, or two: in the plane, between slices".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn margins_and_smoothing_are_read_and_nonsense_is_refused() {
        let margins = parse_margins("5, 5,5,5,10,0").expect("six");
        assert_eq!((margins.superior, margins.inferior), (10.0, 0.0));
        assert!(parse_margins("5").expect_err("one").contains("six numbers"));
        assert!(parse_margins("5,a,5,5,5,5").expect_err("a letter").contains("\"a\""));
        assert_eq!(parse_smoothing("1.5,3"), Ok(Smoothing { in_plane_mm: 1.5, between_mm: 3.0 }));
        assert!(parse_smoothing("1,2,3").is_err());
    }
}
