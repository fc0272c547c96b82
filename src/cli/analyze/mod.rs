//! `hilum analyze`: the whole path in one go, without a window: stations, CTV, features, risk, structure
//! set, tables, pictures, report.

mod label;
mod picture;
mod report;

use super::case_args::{CaseArgs, FeatureArgs};
use super::export::{ExportArgs, export_case};
use super::failure::Failure;
use super::output;
use super::results::{FeatureReport, RiskReport};
use super::segment::segment_case;
use super::terminal::Terminal;
use crate::diunet;
use crate::image::SlicePicture;
use crate::progress::Progress;
use crate::risk::{self, RiskModel};
use crate::structures::Role;
use crate::workbench::{Case, Live, LoadedCase, error_chain};
use report::{ModelUsed, ReportParts};
use std::path::{Path, PathBuf};

/// Contour the stations, compute features and risk, and write everything with a report
#[derive(Debug, clap::Args)]
#[command(after_help = "\
DIR then holds
  structures.dcm   the structures with the stations, proved by reading back
  features.csv     the 110 features: index, name, value, unit, description
  risk.json        as printed by hilum risk --json
  report.html      everything on one page, to read or to print; needs no other file
  pictures/*.png   axial planes through tumour and stations, one coronal and one sagittal plane

What cannot be done (no network, no CTV) is said in the report and on standard error, and the rest goes on.

Examples:
  hilum analyze /data/patient1 -o /tmp/report --ctv proposed
  hilum analyze --demo -o /tmp/demo --clinical sex=m,age=63,t=3,smoking=800 --json

JSON keys:
  folder, structure_set (file or null), features, risk, report, pictures (files), segmented (true or false),
  omissions (what could not be done, and why), notes (remarks of the import, and what was chosen)")]
pub struct Analyze {
    #[command(flatten)]
    case: CaseArgs,
    #[command(flatten)]
    options: FeatureArgs,
    /// The folder to write into; it is made
    #[arg(short, long, value_name = "DIR")]
    output: PathBuf,
    /// Leave the stations as they are, without the network
    #[arg(long)]
    no_segment: bool,
    /// Leave patient name, ID, dates, file names and labels of structure sets out of the report
    #[arg(long)]
    hide_identifiers: bool,
    /// Folder of the network
    #[arg(long, value_name = "DIR")]
    diunet_model: Option<PathBuf>,
    /// Folder of the risk model
    #[arg(long, value_name = "DIR")]
    risk_model: Option<PathBuf>,
    /// Replace results that are there
    #[arg(long)]
    overwrite: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(serde::Serialize)]
struct Written {
    folder: String,
    structure_set: Option<String>,
    features: String,
    risk: Option<String>,
    report: String,
    pictures: Vec<String>,
    segmented: bool,
    omissions: Vec<String>,
    notes: Vec<String>,
}

impl Analyze {
    pub fn run(&self, terminal: &Terminal) -> Result<(), Failure> {
        let file = |name: &str| self.output.join(name);
        let paths = ["structures.dcm", "features.csv", "risk.json", "report.html"].map(file);
        if !self.overwrite {
            paths.iter().try_for_each(|p| output::refuse_existing(p))?;
        }
        let opened = self.case.load_hiding(self.hide_identifiers, terminal)?;
        paths.iter().try_for_each(|p| opened.refuse_source(p))?;
        let notes = opened.notes();
        let LoadedCase { mut case, surroundings, .. } = opened.loaded;
        self.case.check_geometry(&case)?;
        let mut omissions = Vec::new();
        let mut models = Vec::new();
        let segmented = !self.no_segment && self.segment(&mut case, &mut models, &mut omissions, terminal)?;
        self.options.apply(&mut case, terminal)?;

        terminal.report("Computing features and risk", 0, 1);
        let model = self.risk_model(&mut omissions);
        let live = Live::new(&case, surroundings, None);
        let features = &live.features().value;
        let feature_report = FeatureReport::of(&case, features, notes.clone());
        let risk = model.as_ref().map(|m| RiskReport::of(&case, features, m, notes.clone()));
        if let Some(RiskReport { model, .. }) = &risk {
            models.push(ModelUsed {
                what: "Risk model",
                model_id: model.model_id.clone(),
                sha256: model.forest_sha256.clone(),
                statement: model.statement(),
            });
        }

        let pictures = picture::report_pictures(&case, terminal)?;
        let pictures: Vec<_> =
            pictures.into_iter().map(|p| png(&p.picture).map(|bytes| (p, bytes))).collect::<Result<_, _>>()?;

        output::make_folder(&file("pictures"))?;
        let [set_path, csv_path, risk_path, report_path] = paths;
        let structure_set = if case.structures().rois.is_empty() {
            omissions.push("No structure set was written: the case has no structures".into());
            None
        } else {
            let to = ExportArgs { output: set_path.clone(), overwrite: self.overwrite };
            let proof = export_case(&case, &to, terminal)?;
            terminal.note(&proof.summary());
            Some(set_path)
        };
        let parts = ReportParts {
            case: &case,
            hide_identifiers: self.hide_identifiers,
            remarks: &notes,
            omissions: &omissions,
            features,
            feature_report: &feature_report,
            risk: risk.as_ref(),
            models: &models,
            pictures: &pictures,
        };
        let page = report::html(&parts);
        output::write_file(&csv_path, &feature_report.csv()?, self.overwrite)?;
        if let Some(risk) = &risk {
            output::write_file(&risk_path, output::json_text(risk)?.as_bytes(), self.overwrite)?;
        }
        let mut picture_files = Vec::new();
        for (picture, bytes) in &pictures {
            let path = file("pictures").join(&picture.file);
            output::write_file(&path, bytes, self.overwrite)?;
            picture_files.push(shown(&path));
        }
        output::write_file(&report_path, page.as_bytes(), self.overwrite)?;
        terminal.finish();
        for omission in &omissions {
            terminal.note(&format!("warning: {omission}"));
        }
        let written = Written {
            folder: shown(&self.output),
            structure_set: structure_set.as_deref().map(shown),
            features: shown(&csv_path),
            risk: risk.as_ref().map(|_| shown(&risk_path)),
            report: shown(&report_path),
            pictures: picture_files,
            segmented,
            omissions,
            notes,
        };
        if self.json { output::print_json(&written) } else { output::print(&written.text(risk.as_ref())) }
    }

    /// Runs the network. Where it cannot run the analysis goes on with the stations that are there.
    fn segment(
        &self,
        case: &mut Case,
        models: &mut Vec<ModelUsed>,
        omissions: &mut Vec<String>,
        terminal: &Terminal,
    ) -> Result<bool, Failure> {
        let folder = self.diunet_model.clone().unwrap_or_else(diunet::default_model_dir);
        match segment_case(case, &folder, terminal) {
            Ok(segmented) => {
                terminal.note(&segmented.summary);
                omissions.extend(segmented.warnings);
                let m = segmented.model;
                models.push(ModelUsed {
                    what: "DiUnet",
                    model_id: m.model_id,
                    sha256: m.sha256,
                    statement: m.statement,
                });
                Ok(true)
            }
            Err(Failure::Refused(why)) => {
                let has_stations = case.structures().rois.iter().any(|r| matches!(r.role, Role::Station(_)));
                let rest =
                    if has_stations { "those of the case were used" } else { "there are none, so no station features" };
                omissions.push(format!("The network did not contour the stations ({rest}): {why}"));
                Ok(false)
            }
            Err(other) => Err(other),
        }
    }

    fn risk_model(&self, omissions: &mut Vec<String>) -> Option<RiskModel> {
        let folder = self.risk_model.clone().unwrap_or_else(risk::default_model_dir);
        RiskModel::load(&folder)
            .map_err(|error| omissions.push(format!("No risk was estimated: {}", error_chain(&error))))
            .ok()
    }
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}

fn png(picture: &SlicePicture) -> Result<Vec<u8>, Failure> {
    let [width, height] = picture.size_px;
    let mut bytes = Vec::new();
    let encoder = image::codecs::png::PngEncoder::new_with_quality(
        &mut bytes,
        image::codecs::png::CompressionType::Best,
        image::codecs::png::FilterType::Adaptive,
    );
    image::ImageEncoder::write_image(
        encoder,
        &picture.rgb,
        width as u32,
        height as u32,
        image::ExtendedColorType::Rgb8,
    )
    .map_err(Failure::failed)?;
    Ok(bytes)
}

impl Written {
    fn text(&self, risk: Option<&RiskReport>) -> String {
        let mut text = String::new();
        let mut line = |label: &str, value: &str| text.push_str(&format!("{label:<15}{value}\n"));
        if let Some(risk) = risk {
            line("Risk", &risk.sentence());
        }
        if let Some(set) = &self.structure_set {
            line("Structure set", set);
        }
        line("Features", &self.features);
        if let Some(file) = &self.risk {
            line("Risk file", file);
        }
        line("Report", &self.report);
        line("Pictures", &format!("{} in {}/pictures", self.pictures.len(), self.folder));
        text.push_str(crate::RESEARCH_ONLY);
        text.push('\n');
        text
    }
}
