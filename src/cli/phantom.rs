//! `hilum phantom`: a synthetic thorax as DICOM files.

use super::failure::Failure;
use super::output;
use super::terminal::Terminal;
use crate::dicom::{self, CtMeta, WriteCtError};
use crate::phantom::{PhantomConfig, generate};
use crate::progress::Progress;
use crate::workbench::{self, CaseImage, Workbench};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Write a synthetic thorax as a CT series with its structure set
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The same seed gives the same patient. The folder then holds ct/*.dcm and, with --structures, structures.dcm: GTVp,
GTVn, CTV, the sixteen stations and organs.

Examples:
  hilum phantom -o /tmp/phantom7 --seed 7 --structures
  hilum phantom -o /tmp/small --seed 3 --size 96x96x40 --spacing 3.5x3.5x7 --structures --json

JSON keys:
  folder, seed, files (number of CT images), structure_set (file or null), rois, slices, rows, columns, spacing_mm")]
pub struct Phantom {
    /// The folder to write into; it is made, and must not hold a CT already
    #[arg(short, long, value_name = "DIR")]
    output: PathBuf,
    /// Seed of the patient
    #[arg(long, value_name = "N", default_value_t = Workbench::DEMO_SEED)]
    seed: u64,
    /// Also write the structure set
    #[arg(long)]
    structures: bool,
    /// Columns, rows and slices
    #[arg(long, value_name = "IxJxK", value_parser = parse_three::<usize>)]
    size: Option<[usize; 3]>,
    /// Distance between columns, rows and slices, mm
    #[arg(long, value_name = "DXxDYxDZ", value_parser = parse_three::<f64>)]
    spacing: Option<[f64; 3]>,
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
    rois: usize,
    slices: usize,
    rows: usize,
    columns: usize,
    spacing_mm: [f64; 3],
}

/// Three numbers joined by `x`.
fn parse_three<T: std::str::FromStr + PartialOrd + Default + Copy>(text: &str) -> Result<[T; 3], String> {
    let parts: Vec<T> = text.split('x').filter_map(|p| p.trim().parse().ok()).collect();
    match parts[..] {
        [a, b, c] if text.split('x').count() == 3 && [a, b, c].iter().all(|n| *n > T::default()) => Ok([a, b, c]),
        _ => Err("write three positive numbers joined by x".into()),
    }
}

impl Phantom {
    pub fn run(&self, terminal: &Terminal) -> Result<(), Failure> {
        let demo = PhantomConfig::demo(self.seed);
        let config = PhantomConfig {
            size_ijk: self.size.unwrap_or(demo.size_ijk),
            spacing_mm: self.spacing.unwrap_or(demo.spacing_mm),
            ..demo
        };
        if config.spacing_mm.iter().any(|s| !s.is_finite() || *s > 50.0) || config.size_ijk.iter().any(|n| *n > 1024) {
            return Err(Failure::Usage("a phantom has at most 1024 voxels and 50 mm a voxel in each direction".into()));
        }
        if config.size_ijk[2] < 2 {
            return Err(Failure::Usage("a phantom needs at least two slices".into()));
        }
        let ct_folder = self.output.join("ct");
        output::refuse_existing(&ct_folder)?;
        let set_path = self.output.join("structures.dcm");
        if self.structures {
            output::refuse_existing(&set_path)?;
        }
        let phantom = generate(&config, terminal)?;
        let grid = &phantom.volume.grid;
        let meta = CtMeta::synthetic("Phantom", self.seed, grid.slices());
        output::make_folder(&self.output)?;
        // Into a folder of another name first: a series is there as a whole or not at all.
        let partial = tempfile::Builder::new()
            .prefix(".ct-")
            .tempdir_in(&self.output)
            .map_err(|e| cannot_write(&e, &self.output))?;
        dicom::write_ct_series(&phantom.volume, &meta, partial.path(), terminal).map_err(|error| match error {
            WriteCtError::Cancelled(_) => Failure::Cancelled,
            other => Failure::failed(other),
        })?;
        output::share_folder(partial.path());
        std::fs::rename(partial.path(), &ct_folder).map_err(|e| cannot_write(&e, &ct_folder))?;
        if self.structures {
            terminal.report("Writing and proving the structure set", 0, 1);
            let image = CaseImage { volume: phantom.volume.clone(), meta: Arc::new(meta) };
            workbench::export(&image, &phantom.structures, &[], &set_path, false).map_err(Failure::failed)?;
        }
        terminal.finish();
        let report = Report {
            folder: self.output.display().to_string(),
            seed: self.seed,
            files: grid.slices(),
            structure_set: self.structures.then(|| set_path.display().to_string()),
            rois: if self.structures { phantom.structures.rois.len() } else { 0 },
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
            "Synthetic thorax, seed {}: {} CT images in {}{set}\n",
            self.seed,
            report.files,
            ct_folder.display()
        ))
    }
}

fn cannot_write(error: &std::io::Error, path: &Path) -> Failure {
    Failure::Failed(format!(
        "the synthetic case could not be written: {error}; choose another folder: {}",
        path.display()
    ))
}

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
