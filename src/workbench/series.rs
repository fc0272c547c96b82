//! The CT series of a folder: which there are, how they lie to the one that is open, which one to open,
//! and a small picture of each.

use super::jobs::{JobContext, JobKey, Lane};
use super::results::JobResult;
use super::{Trouble, Workbench};
use crate::dicom::{ImportWarning, OverlaySource};
use crate::geometry::{ImagePlane, Orientation};
use crate::image::{CtVolume, PictureFrame, SlicePicture, WindowLevel};
use crate::import::{CtSource, Findings, MiddleSlice, SetFormat, SetSource};
use crate::progress::{Cancelled, Progress};
use crate::tf;
use crate::words::t;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;
use strum::IntoEnumIterator as _;

/// Which CT series of a folder to open.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum SeriesChoice {
    /// The one that a structure set refers to, else the largest.
    #[default]
    Best,
    /// Its number in the list, from 1.
    Number(usize),
    /// [`FoundSeries::key`], which is its Series Instance UID in all but odd cases.
    Key(String),
}

impl FromStr for SeriesChoice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_uid = |c: char| c.is_ascii_digit() || ".#".contains(c);
        match text.parse::<usize>() {
            Ok(number @ 1..) => Ok(Self::Number(number)),
            Err(_) if text.contains('.') && text.chars().all(is_uid) => Ok(Self::Key(text.to_owned())),
            _ => Err(t("write the number of a series as `hilum inspect` lists it (from 1), or its UID").to_owned()),
        }
    }
}

/// How a series lies to the one that is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FrameRelation {
    Same,
    Other,
    /// One of the two names no frame of reference.
    Unknown,
}

impl FrameRelation {
    fn between(one: &CtSource, other: &CtSource) -> Self {
        let (a, b) = (one.frame_of_reference_uid(), other.frame_of_reference_uid());
        // The frame of a NIfTI file is made up for itself alone.
        let unknown = a.is_empty() || b.is_empty() || one.is_nifti() != other.is_nifti();
        match (unknown, a == b) {
            (true, _) => Self::Unknown,
            (_, true) => Self::Same,
            (_, false) => Self::Other,
        }
    }
}

/// A CT series of a folder, known by its headers.
#[derive(Debug, Clone)]
pub struct FoundSeries {
    /// Names the series among those of the folder: its UID, and a number where one UID stands for several stacks.
    pub key: String,
    /// Place in the list, from 1; the largest series first.
    pub number: usize,
    pub series_instance_uid: String,
    pub description: String,
    /// YYYYMMDD.
    pub date: String,
    /// Of the volume, or the number of images where they form none.
    pub slices: usize,
    /// Least and greatest distance of the slices, mm.
    pub spacing_mm: Option<[f64; 2]>,
    /// To the series that is open.
    pub frame: FrameRelation,
    /// How many structure sets belong to it.
    pub structure_sets: usize,
    /// What makes its geometry doubtful.
    pub doubts: Vec<ImportWarning>,
    /// Why it cannot be opened.
    pub unusable: Option<Trouble>,
    middle: Option<MiddleSlice>,
}

impl FoundSeries {
    /// The distance of the slices in words.
    pub fn spacing_words(&self) -> Option<String> {
        let [least, most] = self.spacing_mm?;
        let number = |mm: f64| {
            let text = format!("{mm:.2}");
            text.trim_end_matches('0').trim_end_matches('.').to_owned()
        };
        let (least, most) = (number(least), number(most));
        Some(if least == most { format!("{least} mm") } else { tf!("{least} to {most} mm", least, most) })
    }
}

/// A set of structures that cannot be laid over the open series.
#[derive(Debug, Clone)]
pub struct ForeignSet {
    pub set: SetSource,
    /// Key and number of the series that it belongs to, where that is in the folder.
    pub series: Option<(String, usize)>,
}

impl ForeignSet {
    /// Why it cannot.
    pub fn reason(&self) -> &'static str {
        match self.set.format() {
            SetFormat::StructureSet | SetFormat::Segmentation => t("Drawn in another frame of reference than this CT"),
            SetFormat::Nifti => t("None of its voxels lies in this CT"),
        }
    }
}

/// The CT series of a folder.
#[derive(Debug, Clone, Default)]
pub struct SeriesList {
    /// The largest first.
    pub series: Vec<FoundSeries>,
    /// Which of them is open, from 0.
    pub open: Option<usize>,
    pub foreign_sets: Vec<ForeignSet>,
    /// PET and doses for the series that is open, also those that cannot be laid over it.
    pub overlays: Vec<OverlaySource>,
}

impl SeriesList {
    /// The series that were found, with the one that is opened.
    pub(super) fn new(findings: &Findings, open: usize) -> Self {
        let keys = keys(findings);
        let own = findings.own_sets();
        let opened = &findings.cts[open];
        let found = |(n, series): (usize, &CtSource)| {
            let (outlook, unusable) = match series.outlook() {
                Ok(outlook) => (Some(outlook), None),
                Err(error) => (None, Some(Trouble::of(&error))),
            };
            FoundSeries {
                key: keys[n].clone(),
                number: n + 1,
                series_instance_uid: series.series_instance_uid(),
                description: series.description(),
                date: series.date().to_owned(),
                slices: outlook.as_ref().map_or(series.len(), |o| o.slices),
                spacing_mm: outlook.as_ref().and_then(|o| o.spacing_mm),
                frame: FrameRelation::between(series, opened),
                structure_sets: own[n].len(),
                doubts: outlook.as_ref().map(|o| o.doubts.clone()).unwrap_or_default(),
                unusable,
                middle: outlook.map(|o| o.middle),
            }
        };
        let home = |set: &SetSource| {
            let is_here = |sets: &Vec<&SetSource>| sets.iter().any(|s| s.paths() == set.paths());
            own.iter().position(is_here).map(|n| (keys[n].clone(), n + 1))
        };
        let foreign = findings.foreign_sets(open).into_iter();
        Self {
            series: findings.cts.iter().enumerate().map(found).collect(),
            open: Some(open),
            overlays: findings.beside.overlays_for(&opened.frame_of_reference_uid()),
            foreign_sets: foreign.map(|set| ForeignSet { set: set.clone(), series: home(set) }).collect(),
        }
    }

    /// The series that is open.
    pub fn opened(&self) -> Option<&FoundSeries> {
        self.series.get(self.open?)
    }

    pub fn by_key(&self, key: &str) -> Option<&FoundSeries> {
        self.series.iter().find(|s| s.key == key)
    }
}

fn keys(findings: &Findings) -> Vec<String> {
    let uids: Vec<String> = findings.cts.iter().map(CtSource::series_instance_uid).collect();
    (0..uids.len())
        .map(|n| match uids[..n].iter().filter(|uid| **uid == uids[n]).count() {
            0 => uids[n].clone(),
            before => format!("{}#{}", uids[n], before + 1),
        })
        .collect()
}

/// The place of a chosen series among those that were found.
pub(super) fn find(findings: &Findings, choice: &SeriesChoice) -> Option<usize> {
    match choice {
        SeriesChoice::Best => findings.ct_to_open(),
        SeriesChoice::Number(number) => number.checked_sub(1).filter(|n| *n < findings.cts.len()),
        SeriesChoice::Key(key) => keys(findings).iter().position(|k| k == key),
    }
}

/// A small picture of a series, or why there is none.
#[derive(Debug, Clone)]
pub struct Thumbnail {
    pub picture: Result<Arc<SlicePicture>, String>,
    /// The slice that it shows, and from which file.
    of: (String, PathBuf),
}

/// The longer side of a small picture, pixels.
const THUMBNAIL_PX: usize = 128;

impl Thumbnail {
    fn make(key: String, path: PathBuf, middle: &MiddleSlice, progress: &dyn Progress) -> Result<Self, Cancelled> {
        let picture = match middle.pixels(progress) {
            Ok(slice) => Ok(Arc::new(picture_of_slice(&slice))),
            Err(_) if progress.is_cancelled() => return Err(Cancelled),
            Err(error) => Err(Trouble::of(&error).text),
        };
        Ok(Self { picture, of: (key, path) })
    }
}

/// The slice as the view of its plane would show it, four samples a pixel.
fn picture_of_slice(slice: &CtVolume) -> SlicePicture {
    const FINER: usize = 2;
    let grid = &slice.grid;
    let along = |o: &Orientation| ImagePlane::through(grid, *o, grid.center()).normal.dot(grid.normal()).abs();
    let orientation = Orientation::iter().max_by(|a, b| along(a).total_cmp(&along(b))).unwrap_or(Orientation::Axial);
    let plane = ImagePlane::through(grid, orientation, grid.center());
    let (columns, rows) = (grid.columns() as f64, grid.rows() as f64);
    let corner = |i: f64, j: f64| {
        plane.plane_from_patient(grid.patient_from_plane(grid.plane_from_index(i, j), grid.position_mm(0)))
    };
    let (a, b) = (corner(-0.5, -0.5), corner(columns - 0.5, rows - 0.5));
    let frame = PictureFrame::showing(plane, a.min(b), a.max(b), FINER * THUMBNAIL_PX);
    let fine = SlicePicture::of_ct(slice, &frame, WindowLevel::MEDIASTINUM);
    let size_px = frame.size_px.map(|n| (n / FINER).max(1));
    let mut picture = SlicePicture::filled(size_px, [0; 3]);
    for y in 0..size_px[1] {
        for x in 0..size_px[0] {
            let at = |dx: usize, dy: usize| {
                let (x, y) = ((FINER * x + dx).min(frame.size_px[0] - 1), (FINER * y + dy).min(frame.size_px[1] - 1));
                u32::from(fine.rgb[3 * (y * frame.size_px[0] + x)])
            };
            let grey = (at(0, 0) + at(1, 0) + at(0, 1) + at(1, 1) + 2) / 4;
            let start = 3 * (y * size_px[0] + x);
            picture.rgb[start..start + 3].fill(grey as u8);
        }
    }
    picture
}

impl Workbench {
    /// The CT series of the folder that the views show.
    pub fn series(&self) -> &SeriesList {
        match (&self.loading, &self.opening) {
            (Some(_), Some(opening)) => opening.found.as_ref().unwrap_or(&self.found),
            _ => &self.found,
        }
    }

    /// The folder or files of [`Self::series`].
    pub(super) fn series_paths(&self) -> &[PathBuf] {
        match (&self.loading, &self.opening) {
            (Some(_), Some(opening)) if opening.found.is_some() => &opening.paths,
            _ => &self.opened,
        }
    }

    /// Why a series cannot be opened now.
    pub fn series_refusal(&self, key: &str) -> Option<&'static str> {
        let list = self.series();
        match list.by_key(key) {
            None => Some(t("This series is not in the folder that is open")),
            Some(_) if list.opened().is_some_and(|s| s.key == key) => Some(t("This series is open")),
            Some(series) if series.unusable.is_some() => Some(t("The images of this series form no volume")),
            Some(_) => None,
        }
    }

    /// The small picture of a series, once it is made.
    pub fn thumbnail(&self, series: &FoundSeries) -> Option<&Thumbnail> {
        let path = middle_path(series)?;
        self.thumbnails.iter().find(|t| t.of.0 == series.key && t.of.1 == path)
    }

    /// Makes the small pictures that are missing; those of other folders are forgotten.
    pub(super) fn make_thumbnails(&mut self) {
        let list = &self.found.series;
        let is_of = |t: &Thumbnail, s: &FoundSeries| s.key == t.of.0 && middle_path(s) == Some(t.of.1.as_path());
        self.thumbnails.retain(|t| list.iter().any(|s| is_of(t, s)));
        let missing: Vec<(String, PathBuf, MiddleSlice)> = list
            .iter()
            .filter(|s| list.len() > 1 && !self.thumbnails.iter().any(|t| is_of(t, s)))
            .filter_map(|s| Some((s.key.clone(), middle_path(s)?.to_owned(), s.middle.clone()?)))
            .collect();
        self.jobs.dismiss_key(JobKey::Thumbnails);
        if missing.is_empty() {
            return;
        }
        let work = move |context: &JobContext<JobResult>| {
            for (key, path, middle) in missing {
                context.checkpoint()?;
                context.send(JobResult::Thumbnail(Thumbnail::make(key, path, &middle, context)?))?;
            }
            Ok(JobResult::Thumbnails)
        };
        if let Err(error) = self.jobs.spawn(Lane::Pictures, JobKey::Thumbnails, t("Small pictures of the series"), work)
        {
            self.notices.warning(error.to_string());
        }
    }
}

fn middle_path(series: &FoundSeries) -> Option<&Path> {
    series.middle.as_ref()?.path()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::VoxelGrid;
    use glam::DVec3;
    use ndarray::Array3;

    #[test]
    fn a_choice_is_a_number_or_a_uid() {
        assert_eq!("2".parse(), Ok(SeriesChoice::Number(2)));
        assert_eq!("1.2.3#2".parse(), Ok(SeriesChoice::Key("1.2.3#2".into())));
        for wrong in ["0", "-1", "planning", "", "1.2.x"] {
            assert!(wrong.parse::<SeriesChoice>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_small_picture_has_the_shape_of_the_slice_in_mm_and_is_turned_as_the_views_are() {
        // Prone: rows run to the patient's right, columns to the front.
        let (i, j) = (-DVec3::X, -DVec3::Y);
        let grid = VoxelGrid::new(DVec3::ZERO, i, j, [1.0, 2.0], [64, 16], vec![0.0]).expect("valid");
        let mut hu = Array3::from_elem(grid.shape(), -1000);
        hu.slice_mut(ndarray::s![0, 0..4, 0..16]).fill(400);
        let picture = picture_of_slice(&CtVolume::new(Arc::new(grid), hu));
        assert_eq!(picture.size_px, [128, 64]);
        let grey = |x: usize, y: usize| picture.rgb[3 * (y * 128 + x)];
        assert_eq!((grey(4, 4), grey(124, 60)), (0, 255));
    }
}
