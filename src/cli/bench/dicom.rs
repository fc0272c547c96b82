//! What it takes to read, rasterise and write a case from disk, one part at a time, for the comparison with
//! other programs (`benches/compare`).

use super::{Bench, Report};
use crate::cli::failure::Failure;
use crate::cli::terminal::Terminal;
use crate::contour;
use crate::dicom::{self, LoadedCt};
use crate::progress::Silent;
use crate::workbench::{self, CaseImage};
use std::time::{Duration, Instant};

impl Bench {
    /// The CT series of CASE: headers, order, pixels to HU.
    pub(super) fn ct(&self, terminal: &Terminal) -> Result<Report, Failure> {
        let mut what = String::new();
        let samples = self.timed(terminal, 3, || {
            let start = Instant::now();
            let LoadedCt { volume, .. } = self.read_ct()?;
            let seconds = start.elapsed();
            let [slices, rows, columns] = volume.grid.shape();
            what = format!("{slices} slices of {columns} x {rows} to HU");
            Ok(seconds)
        })?;
        Ok(Report::of("ct", what, samples))
    }

    /// Every point of the structure set of CASE, bound to the slices.
    pub(super) fn parse(&self, terminal: &Terminal) -> Result<Report, Failure> {
        let (ct, path) = (self.read_ct()?, self.structure_set()?);
        let mut what = String::new();
        let samples = self.timed(terminal, 3, || {
            let start = Instant::now();
            let set = dicom::load_structure_set(&path, &ct.volume.grid, &ct.meta, 0).map_err(Failure::refused)?;
            let seconds = start.elapsed();
            let rings = set.rois.iter().flat_map(|r| r.slices.values()).flat_map(|s| s.rings.iter());
            let points: usize = rings.map(|r| r.points().len()).sum();
            what = format!("{points} points of {} structures", set.rois.len());
            Ok(seconds)
        })?;
        Ok(Report::of("parse", what, samples))
    }

    /// Masks of all structures of CASE from their contours.
    pub(super) fn masks(&self, terminal: &Terminal) -> Result<Report, Failure> {
        let (ct, path) = (self.read_ct()?, self.structure_set()?);
        let set = dicom::load_structure_set(&path, &ct.volume.grid, &ct.meta, 0).map_err(Failure::refused)?;
        let samples = self.timed(terminal, 5, || {
            let start = Instant::now();
            for roi in &set.rois {
                std::hint::black_box(contour::rasterize(&ct.volume.grid, &roi.slices));
            }
            Ok(start.elapsed())
        })?;
        Ok(Report::of("masks", format!("{} structures to masks", set.rois.len()), samples))
    }

    /// The case written as a new structure set, read back and proved.
    pub(super) fn export(&self, terminal: &Terminal) -> Result<Report, Failure> {
        let case = workbench::load_case(&self.case, &Silent, &mut |_| Ok(())).map_err(Failure::refused)?.case;
        let image = CaseImage { volume: case.image.volume.clone(), meta: case.image.meta.clone() };
        let folder = tempfile::tempdir().map_err(Failure::refused)?;
        let path = folder.path().join("out.dcm");
        let samples = self.timed(terminal, 3, || {
            let start = Instant::now();
            workbench::export(&image, case.structures(), &case.sources, &path, true, false)
                .map_err(Failure::refused)?;
            Ok(start.elapsed())
        })?;
        Ok(Report::of("export", format!("{} structures written and proved", case.structures().rois.len()), samples))
    }

    fn timed(
        &self,
        terminal: &Terminal,
        default: u32,
        mut once: impl FnMut() -> Result<Duration, Failure>,
    ) -> Result<Vec<Duration>, Failure> {
        use crate::progress::Progress as _;
        let rounds = self.repeat(default);
        let mut samples = Vec::with_capacity(rounds);
        for n in 0..rounds {
            terminal.checkpoint()?;
            terminal.report("Rounds", n, rounds);
            samples.push(once()?);
        }
        Ok(samples)
    }

    fn read_ct(&self) -> Result<LoadedCt, Failure> {
        let scan = dicom::scan(&self.case, &Silent).map_err(Failure::refused)?;
        let series = scan.series.first().ok_or_else(|| Failure::Usage("CASE holds no CT series".into()))?;
        dicom::load_ct(series, &Silent, &mut |_| {}).map_err(Failure::refused)
    }

    fn structure_set(&self) -> Result<std::path::PathBuf, Failure> {
        let scan = dicom::scan(&self.case, &Silent).map_err(Failure::refused)?;
        let set = scan.structure_sets.first();
        set.map(|s| s.path.clone()).ok_or_else(|| Failure::Usage("CASE holds no structure set".into()))
    }
}
