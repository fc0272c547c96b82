//! `hilum analyze`: the whole path in one go, without a window: stations, CTV, features, risk, structure
//! set, tables, pictures, report.

pub(super) mod label;
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
use crate::workbench::{Case, ExportFormat, Live, LoadedCase, error_chain, format_refusal, risk_model_folder};
use report::{ModelUsed, ReportParts};
use std::path::{Path, PathBuf};

/// Contour the stations, compute features and risk, and write everything with a report
#[derive(Debug, clap::Args)]
#[command(after_help = "\
DIR then holds
  structures.dcm   the structures with the stations, proved by reading back
  structures.proof.json   the proof, see hilum export --help
  features.csv     the 110 features: index, name, value, unit, description, flag
  features.json    as printed by hilum features --json: the features with what they were made from
  risk.json        as printed by hilum risk --json
  report.html      everything on one page, to read or to print; needs no other file
  pictures/*.png   axial planes through tumour and stations, one coronal and one sagittal plane

Everything appears at once when all is done; --overwrite replaces these files of an earlier run and no others.
What cannot be done (no network, no CTV) is said in the report and on standard error, and the rest goes on.

Examples:
  hilum analyze /data/patient1 -o /tmp/report --ctv proposed
  hilum analyze --demo -o /tmp/demo --clinical sex=m,age=63,t=3,smoking=800 --json

JSON keys:
  folder         where everything lies
  structure_set  file or null
  features       file
  features_json  file
  risk           file or null
  report         file
  pictures       files
  segmented      true if the network drew stations
  stations       which stations the features used, and where they came from, in words
  omissions      what could not be done, and why
  notes          remarks of the import, and what was chosen (structure set, guessed roles)")]
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
    /// Leave patient name, ID, dates, UIDs, file names and labels out of report, tables and messages (structures.dcm needs them)
    #[arg(long)]
    hide_identifiers: bool,
    /// Folder of the network, or the name of one that comes with the program
    #[arg(long, value_name = "DIR")]
    diunet_model: Option<PathBuf>,
    /// Folder of the risk model, or the name of one that comes with the program or was trained in the window
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
    features_json: String,
    risk: Option<String>,
    report: String,
    pictures: Vec<String>,
    segmented: bool,
    stations: String,
    omissions: Vec<String>,
    notes: Vec<String>,
}

const STRUCTURES: &str = "structures.dcm";
const STRUCTURES_PROOF: &str = "structures.proof.json";
const FEATURES: &str = "features.csv";
const FEATURES_JSON: &str = "features.json";
const RISK: &str = "risk.json";
const REPORT: &str = "report.html";
const PICTURES: &str = "pictures";

impl Analyze {
    pub fn run(&self, terminal: &Terminal) -> Result<(), Failure> {
        let earlier = self.earlier()?;
        if let (Some(first), false) = (earlier.first(), self.overwrite) {
            output::refuse_existing(&self.output.join(first))?;
        }
        let hidden = self.hide_identifiers;
        let opened = self.case.load_hiding(hidden, terminal)?;
        earlier.iter().try_for_each(|p| opened.refuse_source(&self.output.join(p)))?;
        let notes = opened.notes();
        let LoadedCase { mut case, surroundings, .. } = opened.loaded;
        self.case.check_geometry(&case)?;
        // Before the network runs: a CTV that cannot be had is known at once.
        self.options.apply(&mut case, terminal)?;
        let mut omissions = Vec::new();
        let mut models = Vec::new();
        let segmented = !self.no_segment && self.segment(&mut case, &mut models, &mut omissions, terminal)?;

        terminal.report("Computing features and risk", 0, 1);
        let model = self.risk_model(&mut omissions);
        let live = Live::new(&case, surroundings, None);
        let features = &live.features().value;
        let feature_report = FeatureReport::of(&case, features, notes.clone(), hidden);
        let risk = model.as_ref().map(|m| RiskReport::of(&case, features, m, notes.clone(), hidden));
        if let Some(RiskReport { model, refused, .. }) = &risk {
            omissions.extend(refused.clone());
            models.push(ModelUsed {
                what: "Risk model",
                model_id: model.model_id.clone(),
                sha256: model.forest_sha256.clone(),
                statement: model.statement(),
            });
        }
        if feature_report.ctv.names.is_empty() && risk.as_ref().is_none_or(|r| r.refused.is_none()) {
            omissions.push("No features were computed: the case has no CTV; name one with --ctv".into());
        }

        let pictures = picture::report_pictures(&case, terminal)?;
        let pictures: Vec<_> =
            pictures.into_iter().map(|p| png(&p.picture).map(|bytes| (p, bytes))).collect::<Result<_, _>>()?;

        let staged = output::Staged::new(&self.output)?;
        let refusal = format_refusal(&case.image.meta, ExportFormat::StructureSet);
        let has_structures = !case.structures().rois.is_empty();
        let writes_set = has_structures && refusal.is_none();
        if let (true, Some(why)) = (has_structures, refusal) {
            omissions.push(format!("No structure set was written. {why}"));
        } else if has_structures {
            let to = ExportArgs { output: staged.folder().join(STRUCTURES), overwrite: false };
            let proof = export_case(&case, &to, self.hide_identifiers, terminal)?;
            terminal.note(&proof.summary());
        } else {
            omissions.push("No structure set was written: the case has no structures".into());
        }
        let parts = ReportParts {
            case: &case,
            hide_identifiers: hidden,
            remarks: &notes,
            omissions: &omissions,
            features,
            feature_report: &feature_report,
            risk: risk.as_ref(),
            models: &models,
            pictures: &pictures,
        };
        staged.write(REPORT, report::html(&parts).as_bytes())?;
        staged.write(FEATURES, &feature_report.csv()?)?;
        staged.write(FEATURES_JSON, output::json_text(&feature_report)?.as_bytes())?;
        if let Some(risk) = &risk {
            staged.write(RISK, output::json_text(risk)?.as_bytes())?;
        }
        for (picture, bytes) in &pictures {
            staged.write(&format!("{PICTURES}/{}", picture.file), bytes)?;
        }
        terminal.checkpoint()?;
        staged.publish(&earlier)?;
        terminal.finish();
        for omission in &omissions {
            terminal.note(&format!("warning: {omission}"));
        }
        let shown = |name: &str| self.output.join(name).display().to_string();
        let written = Written {
            folder: self.output.display().to_string(),
            structure_set: writes_set.then(|| shown(STRUCTURES)),
            features: shown(FEATURES),
            features_json: shown(FEATURES_JSON),
            risk: risk.as_ref().map(|_| shown(RISK)),
            report: shown(REPORT),
            pictures: pictures.iter().map(|(p, _)| shown(&format!("{PICTURES}/{}", p.file))).collect(),
            segmented,
            stations: feature_report.basis.stations_sentence(),
            omissions,
            notes,
        };
        if self.json { output::print_json(&written) } else { output::print(&written.text(risk.as_ref())) }
    }

    /// Results of an earlier run in the folder, as paths relative to it; nothing else is ever replaced.
    fn earlier(&self) -> Result<Vec<PathBuf>, Failure> {
        if self.output.exists() && !self.output.is_dir() {
            return Err(Failure::Failed(format!(
                "the results need a folder, and this is a file; choose another name: {}",
                self.output.display()
            )));
        }
        let fixed = [STRUCTURES, STRUCTURES_PROOF, FEATURES, FEATURES_JSON, RISK, REPORT];
        let mut found: Vec<PathBuf> = fixed.map(PathBuf::from).into();
        if let Ok(entries) = std::fs::read_dir(self.output.join(PICTURES)) {
            let names = entries.filter_map(|e| e.ok()?.file_name().into_string().ok());
            let mut pictures: Vec<String> = names.filter(|n| picture::is_file_name(n)).collect();
            pictures.sort();
            found.extend(pictures.into_iter().map(|n| Path::new(PICTURES).join(n)));
        }
        found.retain(|p| self.output.join(p).exists());
        Ok(found)
    }

    /// Runs the network. Where it cannot run the analysis goes on with the stations that are there.
    fn segment(
        &self,
        case: &mut Case,
        models: &mut Vec<ModelUsed>,
        omissions: &mut Vec<String>,
        terminal: &Terminal,
    ) -> Result<bool, Failure> {
        let folder = self.diunet_model.as_deref().map_or_else(diunet::default_model_dir, diunet::network_folder);
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
        let folder = self.risk_model.as_deref().map_or_else(risk::default_model_dir, risk_model_folder);
        RiskModel::load(&folder)
            .map_err(|error| omissions.push(format!("No risk was estimated: {}", error_chain(&error))))
            .ok()
    }
}

/// The bytes of a PNG file.
pub(super) fn png(picture: &SlicePicture) -> Result<Vec<u8>, Failure> {
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
        line("Stations", &self.stations);
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
