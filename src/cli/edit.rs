//! `hilum edit`: a script of tool events replayed through the workbench, and the result as a proved structure set.

use super::case_args::CaseArgs;
use super::export::{ExportArgs, export_case, require_images};
use super::failure::Failure;
use super::output;
use super::terminal::Terminal;
use crate::progress::Progress as _;
use crate::structures::RoiId;
use crate::workbench::jobs::JobMode;
use crate::workbench::{Case, ExportFormat, Moment, Script, Workbench};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Replay recorded strokes of the drawing tools and write the result as a new structure set
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The script is TOML: steps that say which structure, which tool, with which options and rules, and what the pointer did
in patient mm. The steps go through the same tools and rules as in the window, so that the same script gives the same
contours everywhere. Contours that no step touches are written exactly as they were read.

  [[step]]
  roi = \"GTVp\"                       # the structure; new_roi = \"Name\" adds an empty one
  tool = \"brush\"                     # brush eraser freehand polygon spline nudge livewire cut flood delete transform
  options = { radius_mm = 8.0, shape = \"Disc\", mode = \"Add\" }   # Disc Ball; Auto Add Erase; softness
                                     # flood_tolerance_hu flood_radius_mm
  rules = { band = { on = true, inverted = false, low_hu = -50, high_hu = 150 }, outside = \"Lung_L\", stations = \"spare\" }
                                     # inside or outside a structure; stations overlap, spare or take
  view = \"Axial\"                     # Axial Sagittal Coronal
  keys = { alt = false, shift = false }
  stroke = [[10.0, 20.0, -40.0], [15.0, 20.0, -40.0]]            # press, drags, release
  clicks = [[10.0, 20.0, -40.0]]     # or single clicks
  events = [\"finish\"]                # press drag move release leave finish step_back cancel
  slice = 12                         # what the axial view shows, from 0; then copies from there
  then = [\"undo\"]                    # undo redo copy_up copy_down accept_copies lock unlock
  expect = { volume_cm3 = 12.3, within_cm3 = 0.1, contours = 9, slices = 9, copied = 1, says = \"locked\" }

A step that is refused, or after which something else holds than expected, ends the command with code 3; nothing is
written.

Examples:
  hilum edit /data/patient1 --script strokes.toml -o corrected.dcm
  hilum edit --demo --script strokes.toml -o demo.dcm --json

JSON keys:
  script         what the script says about itself
  steps          number of steps
  undo_steps     steps that undo would take back
  structures     those that changed [{name, contours, slices, volume_cm3_before (0 where it is new), volume_cm3}]
  proof          as printed by hilum export --json
  notes          remarks of the import, and what was chosen (a structure set among several, guessed roles)
  research_only  a sentence")]
pub struct EditCommand {
    #[command(flatten)]
    case: CaseArgs,
    /// The steps, a TOML file
    #[arg(long, value_name = "FILE")]
    script: PathBuf,
    #[command(flatten)]
    export: ExportArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(serde::Serialize)]
struct Changed {
    name: String,
    contours: usize,
    slices: usize,
    volume_cm3_before: f64,
    volume_cm3: f64,
}

#[derive(serde::Serialize)]
struct Report {
    script: String,
    steps: usize,
    undo_steps: usize,
    structures: Vec<Changed>,
    proof: serde_json::Value,
    notes: Vec<String>,
    research_only: &'static str,
}

fn volumes(case: &Case) -> BTreeMap<RoiId, f64> {
    case.structures().rois.iter().map(|roi| (roi.id, case.mask(roi.id).volume_cm3(case.grid()))).collect()
}

impl EditCommand {
    pub fn run(&self, terminal: &Terminal) -> Result<(), Failure> {
        self.export.refuse_existing()?;
        let text = std::fs::read_to_string(&self.script).map_err(|error| {
            Failure::Refused(format!("the script could not be read ({error}): {}", self.script.display()))
        })?;
        let script = Script::parse(&text)
            .map_err(|error| Failure::Refused(format!("{} is no script: {error}", self.script.display())))?;
        let opened = self.case.load(terminal)?;
        opened.refuse_source(&self.export.output)?;
        let notes = opened.notes();
        require_images(&opened.loaded.case, ExportFormat::StructureSet)?;
        self.case.check_geometry(&opened.loaded.case)?;
        let before = opened.loaded.case.structures().clone();
        let mut workbench = Workbench::new(JobMode::Inline, None);
        workbench.take_case(opened.loaded);
        let volumes_before = workbench.case().map(volumes).unwrap_or_default();
        let (mut done, total) = (0, script.steps.len());
        script
            .run(&mut workbench, &mut |_, moment| {
                done += usize::from(moment == Moment::Step);
                terminal.report("Replaying the script", done, total);
                terminal.checkpoint().map_err(|_| "stopped".to_owned())
            })
            .map_err(|error| Failure::Refused(error.to_string()))?;
        let case = workbench.case().ok_or_else(|| Failure::Failed("the case is no longer open".into()))?;
        let proof = export_case(case, &self.export, false, terminal)?;
        terminal.finish();
        let volumes = volumes(case);
        let changed =
            case.structures().rois.iter().filter(|roi| before.get(roi.id).is_none_or(|b| b.slices != roi.slices));
        let structures: Vec<Changed> = changed
            .map(|roi| Changed {
                name: roi.name.clone(),
                contours: roi.ring_count(),
                slices: roi.slices.len(),
                volume_cm3_before: volumes_before.get(&roi.id).copied().unwrap_or_default(),
                volume_cm3: volumes.get(&roi.id).copied().unwrap_or_default(),
            })
            .collect();
        if self.json {
            return output::print_json(&Report {
                script: script.about.clone(),
                steps: total,
                undo_steps: case.history().len(),
                structures,
                proof: serde_json::to_value(&proof).map_err(Failure::failed)?,
                notes,
                research_only: crate::RESEARCH_ONLY,
            });
        }
        let mut text = format!("{total} steps replayed\n");
        for s in &structures {
            text.push_str(&format!(
                "  {:<24}{:>9.3} -> {:>9.3} cm3 on {} slices\n",
                s.name, s.volume_cm3_before, s.volume_cm3, s.slices
            ));
        }
        text.push_str(&format!("{}\n{}\n", proof.summary(), crate::RESEARCH_ONLY));
        output::print(&text)
    }
}
