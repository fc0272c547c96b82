//! `hilum open` and `hilum screenshot`: the window, on the screen or drawn off it.

use super::failure::Failure;
use crate::workbench::{SeriesChoice, ViewLayout, Workbench, Workspace};
use std::path::PathBuf;

/// Open the window (also without any command)
#[derive(Debug, Default, clap::Args)]
#[command(after_help = "\
Examples:
  hilum
  hilum open /data/patient1
  hilum open /data/patient1 --series 2
  hilum open /data/patient1/plan --follow-up /data/patient1/later
  hilum open --demo --seed 3")]
pub struct Open {
    /// Folder or files that hold a CT (DICOM or NIfTI) and its structures (structure sets, segmentations, NIfTI labels)
    #[arg(value_name = "PATH", conflicts_with = "demo")]
    pub paths: Vec<PathBuf>,
    /// Which CT series of several: its number as `hilum inspect` lists it, or its UID
    #[arg(long, value_name = "UID|NUMBER", requires = "paths")]
    pub series: Option<SeriesChoice>,
    /// Open the synthetic demo case
    #[arg(long)]
    pub demo: bool,
    /// Seed of the demo case
    #[arg(long, value_name = "N", requires = "demo", default_value_t = Workbench::DEMO_SEED)]
    pub seed: u64,
    /// A later CT with a contoured recurrence, to lay over the case and find the station in which it lies
    #[arg(long, value_name = "FOLDER")]
    pub follow_up: Option<PathBuf>,
}

/// Draw the window off screen into a PNG file
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  hilum screenshot /data/patient1 -o review.png --role \"Tumor_c40=gtvp\"
  hilum screenshot /data/patient1 -o dose.png --overlay dose
  hilum screenshot /data/patient1 -o solids.png --layout four --structure CTV
  hilum screenshot /data/patient1/ct expert.dcm -o difference.png --difference auto.dcm --structure GTVp --slice 61
  hilum screenshot --demo -o teach.png --workspace teach --size 1600x1000 --hide-identifiers
  hilum screenshot --cohort lung.hilum-cohort --page survival -o survival.png

A cohort or a page of the Cohort workspace is shown without a case too. Paths, pseudonyms and centers of a cohort are in the picture
unless --hide-identifiers is given.")]
#[command(mut_arg("case", |case| case.required_unless_present_any(["demo", "cohort", "page"])))]
pub struct Screenshot {
    #[command(flatten)]
    case: super::case_args::CaseArgs,
    /// The picture to write
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    /// review, cohort, teach or archive; with --cohort or --page cohort, else review
    #[arg(long, value_name = "NAME", value_parser = parse_workspace)]
    workspace: Option<Workspace>,
    /// Open this cohort
    #[arg(long, value_name = "COHORT")]
    cohort: Option<PathBuf>,
    /// Page of the Cohort workspace
    #[arg(long, value_enum, value_name = "PAGE")]
    page: Option<CohortPage>,
    /// Width and height, pixels
    #[arg(long, value_name = "WxH", default_value = "1600x1000", value_parser = parse_size)]
    size: [u32; 2],
    /// Lay PET or dose over the CT: its number as `hilum inspect` lists it, pet, dose, its description or UID
    #[arg(long, value_name = "NAME")]
    overlay: Option<String>,
    /// How the views stand: axial (large), four (with the 3D view) or compare (side by side)
    #[arg(long, value_name = "NAME", default_value = "axial", value_parser = parse_layout)]
    layout: ViewLayout,
    /// Select the structure of this name and go to its middle
    #[arg(long, value_name = "NAME")]
    structure: Option<String>,
    /// The slice of the axial view, counted from 1 as the window counts
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    slice: Option<u32>,
    /// Add the structures of this file, drawn on the same CT, and show how they differ from those of CASE
    #[arg(long, value_name = "FILE")]
    difference: Option<PathBuf>,
    /// Lay a later CT with a contoured recurrence over the case
    #[arg(long, value_name = "FOLDER")]
    follow_up: Option<PathBuf>,
    /// Hide patient name, ID and dates
    #[arg(long)]
    hide_identifiers: bool,
    /// Replace the file if it is there (never a file of the case)
    #[arg(long)]
    overwrite: bool,
}

/// A page of the Cohort workspace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum CohortPage {
    Map,
    Patients,
    Survival,
    Risk,
}

#[cfg(feature = "gui")]
impl From<CohortPage> for crate::ui::CohortPage {
    fn from(page: CohortPage) -> Self {
        match page {
            CohortPage::Map => Self::Map,
            CohortPage::Patients => Self::Patients,
            CohortPage::Survival => Self::Survival,
            CohortPage::Risk => Self::Risk,
        }
    }
}

fn parse_workspace(text: &str) -> Result<Workspace, String> {
    text.parse().map_err(|_unknown| "the workspaces are review, cohort, teach and archive".to_owned())
}

fn parse_layout(text: &str) -> Result<ViewLayout, String> {
    text.parse().map_err(|_unknown| "the layouts are axial, four and compare".to_owned())
}

fn parse_size(text: &str) -> Result<[u32; 2], String> {
    let side = |t: &str, least: u32| t.parse::<u32>().ok().filter(|n| (least..=8192).contains(n));
    text.split_once('x')
        .and_then(|(w, h)| Some([side(w, 320)?, side(h, 240)?]))
        .ok_or_else(|| "write WIDTHxHEIGHT from 320x240 to 8192x8192, for example 1600x1000".to_owned())
}

#[cfg(feature = "gui")]
impl Open {
    pub fn run(self) -> Result<(), Failure> {
        let demo_seed = self.demo.then_some(self.seed);
        let (paths, series) = match (&self.paths[..], self.series) {
            ([file], None) => whole_case(file),
            (_, series) => (self.paths, series.unwrap_or_default()),
        };
        Ok(crate::ui::run(crate::ui::StartUp { paths, series, demo_seed, follow_up: self.follow_up })?)
    }
}

/// A file manager hands over the one file that was clicked: an image of a CT series stands for that series in its folder,
/// a structure set for itself and the CT beside it.
#[cfg(feature = "gui")]
fn whole_case(path: &std::path::Path) -> (Vec<PathBuf>, SeriesChoice) {
    let given = || (vec![path.to_owned()], SeriesChoice::Best);
    let Some(folder) = path.parent().filter(|_| path.is_file()) else { return given() };
    let Ok(found) = crate::dicom::look_through(&[path.to_owned()], &crate::progress::Silent) else { return given() };
    // A file in the present folder is found there under the name that it gets here.
    let path = if folder.as_os_str().is_empty() { std::path::Path::new(".").join(path) } else { path.to_owned() };
    let folder = path.parent().map(PathBuf::from).unwrap_or_default();
    let images = found.series.iter().map(|s| s.len()).sum::<usize>();
    match (found.series.first(), images, found.structure_sets.len()) {
        (Some(series), 1, 0) => (vec![folder], SeriesChoice::Key(series.series_instance_uid.clone())),
        (None, 0, 1) => (vec![folder, path], SeriesChoice::Best),
        _ => given(),
    }
}

#[cfg(feature = "gui")]
impl Screenshot {
    pub fn run(&self, terminal: &super::terminal::Terminal) -> Result<(), Failure> {
        use super::case_args::find_roi;
        use super::output;
        use crate::cli::cohort::failure as cohort_failure;
        use crate::cohort::CohortStore;
        use crate::progress::Progress;
        use crate::workbench::find_overlay;
        if !self.overwrite {
            output::refuse_existing(&self.output)?;
        }
        if let Some(cohort) = &self.cohort {
            // What is wrong with it is told before anything is drawn.
            let _whole = CohortStore::open(cohort).map_err(cohort_failure)?;
        }
        let without_case = self.case.case.is_empty() && !self.case.demo;
        let opened = if without_case { None } else { Some(self.case.load_hiding(self.hide_identifiers, terminal)?) };
        let (mut structure, mut overlay) = (None, None);
        if let Some(opened) = &opened {
            opened.refuse_source(&self.output)?;
            let case = &opened.loaded.case;
            let slices = case.grid().slices();
            if let Some(beyond) = self.slice.filter(|n| *n as usize > slices) {
                return Err(Failure::Refused(format!("the scan has {slices} slices, there is no slice {beyond}")));
            }
            structure = self.structure.as_deref().map(|name| find_roi(case, name)).transpose()?;
            let found = self.overlay.as_deref().map(|n| find_overlay(&opened.loaded.found.overlays, n)).transpose();
            overlay = found.map_err(Failure::Refused)?.map(|source| source.key.clone());
        } else if self.slice.is_some()
            || self.structure.is_some()
            || self.overlay.is_some()
            || self.difference.is_some()
        {
            return Err(Failure::Usage(
                "--slice, --structure, --overlay and --difference show something of a case; give one".to_owned(),
            ));
        }
        let usual = if self.cohort.is_some() || self.page.is_some() { Workspace::Cohort } else { Workspace::Review };
        terminal.report("Drawing the window", 0, 1);
        let png = crate::ui::screenshot(crate::ui::ScreenshotRequest {
            case: opened.map(|opened| opened.loaded),
            cohort: self.cohort.clone(),
            page: self.page.map(Into::into).unwrap_or_default(),
            overlay,
            workspace: self.workspace.unwrap_or(usual),
            layout: self.layout,
            structure,
            slice: self.slice.map(|n| n as usize - 1),
            difference: self.difference.clone(),
            follow_up: self.follow_up.clone(),
            size: self.size,
            hide_identifiers: self.hide_identifiers,
        })?;
        output::write_file(&self.output, &png, self.overwrite)?;
        terminal.finish();
        output::print(&format!("{}\n", self.output.display()))
    }
}

#[cfg(not(feature = "gui"))]
const NO_WINDOW: &str = "this build of Hilum has no window (it was built without the feature \"gui\"); use the other commands, or build it with default features";

#[cfg(not(feature = "gui"))]
impl Open {
    pub fn run(self) -> Result<(), Failure> {
        Err(Failure::Failed(NO_WINDOW.into()))
    }
}

#[cfg(not(feature = "gui"))]
impl Screenshot {
    pub fn run(&self, _terminal: &super::terminal::Terminal) -> Result<(), Failure> {
        Err(Failure::Failed(NO_WINDOW.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(feature = "gui")]
    use crate::{
        dicom::{CtMeta, write_ct_series},
        geometry::VoxelGrid,
        image::CtVolume,
        progress::Silent,
    };
    #[cfg(feature = "gui")]
    use ndarray::Array3;
    #[cfg(feature = "gui")]
    use std::sync::Arc;

    #[test]
    fn sizes_and_workspaces_are_read() {
        assert_eq!(parse_size("1600x1000"), Ok([1600, 1000]));
        assert!(parse_size("1600").is_err() && parse_size("0x10").is_err() && parse_size("99999x10").is_err());
        assert_eq!(parse_workspace("Cohort"), Ok(Workspace::Cohort));
        assert!(parse_workspace("attic").is_err());
        assert_eq!(parse_workspace("archive"), Ok(Workspace::Archive));
        assert_eq!((parse_layout("four"), parse_layout("compare")), (Ok(ViewLayout::Four), Ok(ViewLayout::Compare)));
        assert!(parse_layout("five").is_err());
    }

    #[cfg(feature = "gui")]
    #[test]
    fn one_file_of_a_case_stands_for_its_folder() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let grid = VoxelGrid::axial(glam::DVec3::ZERO, [1.0, 1.0, 3.0], [8, 8, 3]).expect("valid grid");
        let volume = CtVolume::new(Arc::new(grid.clone()), Array3::zeros(grid.shape()));
        let meta = CtMeta::synthetic("Clicked", 1, 3);
        write_ct_series(&volume, &meta, folder.path(), &Silent).expect("written");
        let image = std::fs::read_dir(folder.path()).expect("readable").flatten().next().expect("an image").path();
        let series = SeriesChoice::Key(meta.series_instance_uid.clone());
        assert_eq!(whole_case(&image), (vec![folder.path().to_owned()], series));
        let other = folder.path().join("notes.txt");
        std::fs::write(&other, "no image").expect("written");
        for given in [other, folder.path().to_owned(), folder.path().join("missing")] {
            assert_eq!(whole_case(&given), (vec![given.clone()], SeriesChoice::Best));
        }
    }
}
