//! `hilum phantom`: a synthetic thorax as DICOM files.

use super::failure::Failure;
use super::output;
use super::terminal::Terminal;
use crate::dicom::{self, CtMeta, Scan, ScanError, WriteCtError};
use crate::phantom::{self, PhantomConfig, PhantomError, try_generate};
use crate::progress::Progress;
use crate::workbench::{self, CaseImage, Workbench};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Write a synthetic thorax as a CT series with its structure set and landmarks
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The same seed gives the same patient. The folder then holds
  ct/CT_0001.dcm ...   the CT series
  structures.dcm       GTVp, GTVn, CTV, the sixteen stations and organs (not with --no-structures)
  landmarks.json       program, seed, unit, and landmarks: key, name, x, y, z in patient mm

Examples:
  hilum phantom -o /tmp/phantom7 --seed 7
  hilum phantom -o /tmp/small --seed 3 --size 96x96x40 --spacing 3.5x3.5x7 --json
  hilum phantom -o /tmp/phantom7 --seed 8 --overwrite
  hilum phantom -o /tmp/patient7 --seed 7 --population

JSON keys:
  folder         where it was written
  seed           of the patient
  files          number of CT images
  structure_set  file or null
  landmarks      file
  rois           number of structures written
  slices, rows, columns
  spacing_mm     between columns, rows and slices")]
pub struct Phantom {
    /// The folder to write into; it is made
    #[arg(short, long, value_name = "DIR")]
    output: PathBuf,
    /// Seed of the patient
    #[arg(long, value_name = "N", default_value_t = Workbench::DEMO_SEED)]
    seed: u64,
    /// A patient of the population instead: size, age, posture, contrast medium, scanner, disease and contours vary widely
    #[arg(long)]
    population: bool,
    /// Write the CT without the structure set
    #[arg(long)]
    no_structures: bool,
    /// Columns, rows and slices
    #[arg(long, value_name = "IxJxK", value_parser = parse_three::<usize>)]
    size: Option<[usize; 3]>,
    /// Distance between columns, rows and slices, mm
    #[arg(long, value_name = "DXxDYxDZ", value_parser = parse_three::<f64>)]
    spacing: Option<[f64; 3]>,
    /// Replace a synthetic case that is there (never anything else)
    #[arg(long)]
    overwrite: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(serde::Serialize)]
struct Report {
    folder: String,
    seed: u64,
    files: usize,
    structure_set: Option<String>,
    landmarks: String,
    rois: usize,
    slices: usize,
    rows: usize,
    columns: usize,
    spacing_mm: [f64; 3],
}

#[derive(serde::Serialize)]
struct LandmarkFile {
    program: &'static str,
    seed: u64,
    unit: &'static str,
    landmarks: Vec<LandmarkRow>,
}

#[derive(serde::Serialize)]
struct LandmarkRow {
    key: &'static str,
    name: &'static str,
    x: f64,
    y: f64,
    z: f64,
}

const CT: &str = "ct";
const STRUCTURES: &str = "structures.dcm";
const STRUCTURES_PROOF: &str = "structures.proof.json";
const LANDMARKS: &str = "landmarks.json";

/// Three numbers joined by `x`.
fn parse_three<T: std::str::FromStr + PartialOrd + Default + Copy>(text: &str) -> Result<[T; 3], String> {
    let parts: Vec<T> = text.split('x').filter_map(|p| p.trim().parse().ok()).collect();
    match parts[..] {
        [a, b, c] if text.split('x').count() == 3 && [a, b, c].iter().all(|n| *n > T::default()) => Ok([a, b, c]),
        _ => Err("write three positive numbers joined by x".into()),
    }
}

impl Phantom {
    /// The files of an earlier synthetic case that make way.
    fn earlier(&self, terminal: &Terminal) -> Result<Vec<PathBuf>, Failure> {
        let present: Vec<&str> = [CT, STRUCTURES, STRUCTURES_PROOF, LANDMARKS]
            .into_iter()
            .filter(|n| self.output.join(n).exists())
            .collect();
        if present.is_empty() {
            if self.output.exists() && !self.output.is_dir() {
                return Err(Failure::Failed(format!(
                    "a case needs a folder, and this is a file; choose another name: {}",
                    self.output.display()
                )));
            }
            return Ok(Vec::new());
        }
        if !self.overwrite {
            return Err(Failure::Failed(format!(
                "the folder holds {} already and was left as it is; choose another folder or add --overwrite: {}",
                present.join(", "),
                self.output.display()
            )));
        }
        let dicom: Vec<PathBuf> =
            [CT, STRUCTURES].map(|n| self.output.join(n)).into_iter().filter(|p| p.exists()).collect();
        if !dicom.is_empty() {
            let ours = match dicom::scan(&dicom, terminal) {
                Ok(scan) => is_synthetic(&scan),
                Err(ScanError::Cancelled(_)) => return Err(Failure::Cancelled),
                Err(_) => false,
            };
            if !ours {
                return Err(Failure::Failed(format!(
                    "the folder holds files that are no synthetic case of this program, and --overwrite replaces nothing else; choose another folder: {}",
                    self.output.display()
                )));
            }
        }
        let mut files: Vec<PathBuf> = present.iter().filter(|n| **n != CT).map(PathBuf::from).collect();
        if present.contains(&CT) {
            let below = crate::files::files_below(&self.output.join(CT)).map_err(Failure::failed)?;
            files.extend(below.into_iter().map(|f| Path::new(CT).join(f)));
        }
        Ok(files)
    }

    pub fn run(&self, terminal: &Terminal) -> Result<(), Failure> {
        let demo = PhantomConfig::demo(self.seed);
        let size = self.size.unwrap_or(demo.size_ijk);
        let spacing = self.spacing.unwrap_or(demo.spacing_mm);
        let config = if self.population {
            PhantomConfig::varied(self.seed, size, spacing)
        } else {
            PhantomConfig::new(self.seed, size, spacing)
        };
        if config.spacing_mm.iter().any(|s| !s.is_finite() || *s > 50.0) || config.size_ijk.iter().any(|n| *n > 1024) {
            return Err(Failure::Usage("a phantom has at most 1024 voxels and 50 mm a voxel in each direction".into()));
        }
        if config.size_ijk[2] < 2 {
            return Err(Failure::Usage("a phantom needs at least two slices".into()));
        }
        let earlier = self.earlier(terminal)?;
        let phantom = try_generate(&config, terminal).map_err(|error| match error {
            PhantomError::Cancelled(_) => Failure::Cancelled,
            PhantomError::TooSmall(_) => Failure::Usage(format!(
                "{error}; ask for more voxels (--size) or a greater distance between them (--spacing)"
            )),
        })?;
        let grid = &phantom.volume.grid;
        let meta = CtMeta::synthetic("Phantom", self.seed, grid.slices());
        let staged = output::Staged::new(&self.output)?;
        dicom::write_ct_series(&phantom.volume, &meta, &staged.folder().join(CT), terminal).map_err(
            |error| match error {
                WriteCtError::Cancelled(_) => Failure::Cancelled,
                other => Failure::failed(other),
            },
        )?;
        if !self.no_structures {
            terminal.report("Writing and proving the structure set", 0, 1);
            let image = CaseImage { volume: phantom.volume.clone(), meta: Arc::new(meta) };
            let path = staged.folder().join(STRUCTURES);
            workbench::export(&image, &phantom.structures, &[], &path, false, false).map_err(Failure::failed)?;
        }
        staged.write(LANDMARKS, output::json_text(&landmark_file(&phantom))?.as_bytes())?;
        terminal.checkpoint()?;
        staged.publish(&earlier)?;
        terminal.finish();
        let shown = |name: &str| self.output.join(name).display().to_string();
        let report = Report {
            folder: self.output.display().to_string(),
            seed: self.seed,
            files: grid.slices(),
            structure_set: (!self.no_structures).then(|| shown(STRUCTURES)),
            landmarks: shown(LANDMARKS),
            rois: if self.no_structures { 0 } else { phantom.structures.rois.len() },
            slices: grid.slices(),
            rows: grid.rows(),
            columns: grid.columns(),
            spacing_mm: config.spacing_mm,
        };
        if self.json {
            return output::print_json(&report);
        }
        let set =
            report.structure_set.as_ref().map(|f| format!(", {} structures in {f}", report.rois)).unwrap_or_default();
        output::print(&format!(
            "Synthetic thorax, seed {}: {} CT images in {}{set}, landmarks in {}\n",
            self.seed,
            report.files,
            shown(CT),
            report.landmarks
        ))
    }
}

fn landmark_file(phantom: &phantom::Phantom) -> LandmarkFile {
    let landmarks = phantom.landmarks.iter().map(|(id, landmark)| {
        let [x, y, z] = landmark.position.to_array();
        LandmarkRow { key: id.key(), name: id.label(), x, y, z }
    });
    LandmarkFile {
        program: crate::PROGRAM,
        seed: phantom.seed,
        unit: "mm in patient space (LPS)",
        landmarks: landmarks.collect(),
    }
}

/// True if everything in a folder is a synthetic CT of this program, or a structure set drawn on one.
fn is_synthetic(scan: &Scan) -> bool {
    scan.dicom_files == scan.files
        && scan.series.iter().all(|s| s.patient_id.starts_with(SYNTHETIC_ID))
        && scan
            .structure_sets
            .iter()
            .all(|set| scan.series.iter().any(|s| set.referenced_series_uids.contains(&s.series_instance_uid)))
}

/// How the patient IDs of synthetic cases begin.
const SYNTHETIC_ID: &str = "HILUM-SYNTHETIC-";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_numbers_are_read_and_anything_else_refused() {
        assert_eq!(parse_three::<usize>("96x64x40"), Ok([96, 64, 40]));
        assert_eq!(parse_three::<f64>("1.5x1.5x3"), Ok([1.5, 1.5, 3.0]));
        for wrong in ["96x64", "0x1x2", "axbxc", "1x2x3x4", "1x2x3x", "-1x2x3"] {
            assert!(parse_three::<f64>(wrong).is_err(), "{wrong}");
        }
    }
}
