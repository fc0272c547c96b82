//! `hilum segment`: the stations by the network, as a new structure set; and the same step for `analyze`.

use super::case_args::CaseArgs;
use super::export::{ExportArgs, export_case, require_images};
use super::failure::Failure;
use super::output;
use super::terminal::Terminal;
use crate::diunet::{self, LoadedModel, SegmentError};
use crate::structures::{RoiId, Station};
use crate::workbench::{Case, EditPolicy, ExportFormat, segmentation_edit};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Contour the sixteen stations with DiUnet and write a new structure set
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The structure set holds the structures of the case and the stations. A station that the case has already stays;
the network's is added beside it as zAI_... . The file is proved by reading it back; see hilum export --help.

Examples:
  hilum segment /data/patient1 -o stations.dcm
  hilum segment --demo -o demo.dcm --json

JSON keys:
  summary        what was contoured, in words
  model          {model_id, sha256, statement (what the network was trained on)}
  seconds        that the network took
  slices_run     number of slices that it saw
  warnings       of the network
  stations       what it drew [{station, name (of the structure), used (false where the case has a station of its own,
                 which stays the one that counts), contours, slices, volume_cm3}]
  proof          as printed by hilum export --json
  notes          remarks of the import, and what was chosen (a structure set among several, guessed roles)
  research_only  a sentence")]
pub struct Segment {
    #[command(flatten)]
    case: CaseArgs,
    #[command(flatten)]
    export: ExportArgs,
    /// Folder of the network, or the name of one that comes with the program
    #[arg(long, value_name = "DIR")]
    model: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// The network that was used.
#[derive(Debug, Clone, serde::Serialize)]
pub struct NetworkUsed {
    pub model_id: String,
    pub sha256: String,
    pub statement: String,
}

#[derive(serde::Serialize)]
struct StationDrawn {
    station: &'static str,
    name: String,
    used: bool,
    contours: usize,
    slices: usize,
    volume_cm3: f64,
}

#[derive(serde::Serialize)]
struct Report {
    summary: String,
    model: NetworkUsed,
    seconds: f64,
    slices_run: usize,
    warnings: Vec<String>,
    stations: Vec<StationDrawn>,
    proof: serde_json::Value,
    notes: Vec<String>,
    research_only: &'static str,
}

/// What a run of the network said.
pub struct Segmented {
    pub summary: String,
    /// The structures that it added, by station.
    pub drawn: Vec<(Station, RoiId)>,
    pub model: NetworkUsed,
    pub seconds: f64,
    pub slices_run: usize,
    pub warnings: Vec<String>,
}

/// Runs the network on a case and takes its stations in as one edit.
pub fn segment_case(case: &mut Case, model_folder: &Path, terminal: &Terminal) -> Result<Segmented, Failure> {
    let model = LoadedModel::load(model_folder).map_err(Failure::refused)?;
    let gtv = case.gtv_mask();
    let segmentation =
        diunet::segment(&model, &case.image.volume, &gtv, terminal, &mut |_| {}).map_err(|error| match error {
            SegmentError::Cancelled => Failure::Cancelled,
            other => Failure::refused(other),
        })?;
    let before: BTreeSet<RoiId> = case.structures().rois.iter().map(|r| r.id).collect();
    let (edit, summary) = segmentation_edit(case, &segmentation, &EditPolicy::default());
    case.apply(edit).map_err(Failure::failed)?;
    // The edit adds one structure for every station that has contours, in canonical order.
    let with_contours = Station::all().filter(|s| !segmentation.stations[s.index()].is_empty());
    let added = case.structures().rois.iter().map(|r| r.id).filter(|id| !before.contains(id));
    let drawn = with_contours.zip(added).collect();
    let manifest = model.manifest();
    Ok(Segmented {
        summary,
        drawn,
        model: NetworkUsed {
            model_id: manifest.model_id.clone(),
            sha256: manifest.sha256.clone(),
            statement: manifest.training_data.clone(),
        },
        seconds: segmentation.seconds,
        slices_run: segmentation.slices_run.len(),
        warnings: segmentation.warnings,
    })
}

impl Segment {
    pub fn run(&self, terminal: &Terminal) -> Result<(), Failure> {
        self.export.refuse_existing()?;
        let opened = self.case.load(terminal)?;
        opened.refuse_source(&self.export.output)?;
        let notes = opened.notes();
        let mut case = opened.loaded.case;
        require_images(&case, ExportFormat::StructureSet)?;
        self.case.check_geometry(&case)?;
        let folder = self.model.as_deref().map_or_else(diunet::default_model_dir, diunet::network_folder);
        let segmented = segment_case(&mut case, &folder, terminal)?;
        let proof = export_case(&case, &self.export, false, terminal)?;
        terminal.finish();
        for warning in &segmented.warnings {
            terminal.note(&format!("warning: {warning}"));
        }
        let stations: Vec<StationDrawn> = segmented
            .drawn
            .iter()
            .filter_map(|(station, id)| {
                let roi = case.structures().get(*id)?;
                Some(StationDrawn {
                    station: station.label(),
                    name: roi.name.clone(),
                    used: roi.role.is_station(),
                    contours: roi.ring_count(),
                    slices: roi.slices.len(),
                    volume_cm3: case.mask(*id).volume_cm3(case.grid()),
                })
            })
            .collect();
        if self.json {
            return output::print_json(&Report {
                summary: segmented.summary,
                model: segmented.model,
                seconds: segmented.seconds,
                slices_run: segmented.slices_run,
                warnings: segmented.warnings,
                stations,
                proof: serde_json::to_value(&proof).map_err(Failure::failed)?,
                notes,
                research_only: crate::RESEARCH_ONLY,
            });
        }
        let mut text = format!("{}\n", segmented.summary);
        for s in &stations {
            text.push_str(&format!("  {:<4}{:>8.2} cm3 on {} slices  {}\n", s.station, s.volume_cm3, s.slices, s.name));
        }
        text.push_str(&format!("{}\n{}\n{}\n", segmented.model.statement, proof.summary(), crate::RESEARCH_ONLY));
        output::print(&text)
    }
}
