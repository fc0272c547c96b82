//! Finding: the CTs and the sets of structures of files and folders, known by their headers and, where a file says
//! nothing of itself, by its values.

use super::belonging::{Belonging, CtIdentity};
use super::ct::{CtSource, NiftiCtFile};
use super::sets::{LabelFiles, SetFormat, SetSource};
use crate::dicom::{self, Beside, ImportWarning, ScanError, Severity};
use crate::nifti::{self, NiftiContent, NiftiError, NiftiLook};
use crate::progress::{Cancelled, Progress};
use crate::tf;
use crate::words::{carried, t};
use rayon::prelude::*;
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

/// What lies in files and folders.
#[derive(Debug, Clone, Default)]
pub struct Findings {
    /// The largest first; of the same size a DICOM series before a NIfTI file.
    pub cts: Vec<CtSource>,
    pub sets: Vec<SetSource>,
    pub warnings: Vec<ImportWarning>,
    /// PET, dose and registrations.
    pub beside: Beside,
    /// Files that were named themselves, not found in a folder.
    given: Vec<PathBuf>,
}

/// Why there is nothing to open.
#[derive(Debug, thiserror::Error)]
pub enum FindError {
    #[error("{error}")]
    Scan {
        error: ScanError,
        /// What was found instead of a CT.
        sets: Vec<SetSource>,
    },
    #[error(transparent)]
    Nifti(#[from] NiftiError),
    #[error("{}", crate::tf!("there are labels but no CT on which they lie; add the CT, a DICOM series or a NIfTI file: {path}", path = path.display()))]
    OnlyLabels { path: PathBuf, sets: Vec<SetSource> },
    #[error("{why}: {}", path.display())]
    NeitherCtNorLabels { why: String, path: PathBuf },
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
}

impl FindError {
    pub fn is_cancelled(&self) -> bool {
        matches!(
            self,
            Self::Cancelled(_)
                | Self::Scan { error: ScanError::Cancelled(_), .. }
                | Self::Nifti(NiftiError::Cancelled(_))
        )
    }

    /// The sets of structures that were found where there is no CT.
    pub fn sets(&self) -> &[SetSource] {
        match self {
            Self::Scan { sets, .. } | Self::OnlyLabels { sets, .. } => sets,
            _ => &[],
        }
    }
}

/// Looks through files and folders. A NIfTI file that was named itself must be of use; of those found in a folder the
/// others are told.
///
/// # Errors
/// [`FindError`]; nothing to open is one.
pub fn find(paths: &[PathBuf], progress: &dyn Progress) -> Result<Findings, FindError> {
    let scan = dicom::look_through(paths, progress).map_err(|error| FindError::Scan { error, sets: Vec::new() })?;
    let mut found = Findings {
        cts: scan.series.iter().cloned().map(CtSource::Dicom).collect(),
        sets: scan.structure_sets.iter().cloned().map(SetSource::Dicom).collect(),
        warnings: scan.warnings.clone(),
        beside: scan.beside.clone(),
        given: paths.iter().filter(|p| p.is_file()).cloned().collect(),
    };
    let looks = found.look_at(&scan.others, progress)?;
    found.sort_out(looks)?;
    if !found.cts.is_empty() {
        found.cts.sort_by_key(|ct| Reverse(ct.len()));
        return Ok(found);
    }
    let folder = paths.first().cloned().unwrap_or_default();
    match found.sets.iter().find(|s| s.format() == SetFormat::Nifti) {
        Some(set) => {
            let path = set.paths().first().cloned().unwrap_or(folder);
            Err(FindError::OnlyLabels { path, sets: found.sets })
        }
        None => match scan.require_ct(folder) {
            Err(error) => Err(FindError::Scan { error, sets: found.sets }),
            Ok(()) => Ok(found),
        },
    }
}

/// By its first bytes; a file that is called so and is not must be told as well.
fn may_be_nifti(path: &Path) -> bool {
    let name = path.file_name().map(|n| n.to_string_lossy().to_lowercase()).unwrap_or_default();
    [".nii", ".nii.gz"].iter().any(|end| name.ends_with(end)) || nifti::is_nifti(path)
}

impl Findings {
    fn is_given(&self, path: &Path) -> bool {
        self.given.iter().any(|g| g == path)
    }

    fn leave_out(&mut self, why: &str, path: PathBuf) {
        self.warnings.push(ImportWarning::new(Severity::Warning, crate::tf!("Left out: {why}", why), vec![path]));
    }

    fn look_at(&mut self, files: &[PathBuf], progress: &dyn Progress) -> Result<Vec<NiftiLook>, FindError> {
        let files: Vec<&PathBuf> = files.par_iter().filter(|p| may_be_nifti(p)).collect();
        let done = AtomicUsize::new(0);
        let looks: Vec<(&PathBuf, Result<NiftiLook, NiftiError>)> = files
            .par_iter()
            .map(carried(|path: &&PathBuf| {
                let look = nifti::look(path, progress);
                let done = done.fetch_add(1, Ordering::Relaxed) + 1;
                progress.report(t("Looking at NIfTI files"), done, files.len());
                (*path, look)
            }))
            .collect();
        let mut usable = Vec::new();
        for (path, look) in looks {
            match look {
                Ok(look) => usable.push(look),
                Err(NiftiError::Cancelled(cancelled)) => return Err(cancelled.into()),
                Err(error) if self.is_given(path) => return Err(error.into()),
                Err(error) => self.leave_out(&error.reason(), path.clone()),
            }
        }
        Ok(usable)
    }

    /// Which of the NIfTI files are CTs, and which are labels.
    fn sort_out(&mut self, looks: Vec<NiftiLook>) -> Result<(), FindError> {
        let (mut cts, mut labels, mut unclear) = (Vec::new(), Vec::new(), Vec::new());
        for look in looks {
            match look.content {
                NiftiContent::Ct => cts.push(look),
                NiftiContent::Labels(_) => labels.push(look),
                NiftiContent::Other { .. } => unclear.push(look),
            }
        }
        if self.cts.is_empty() && cts.is_empty() {
            // Better an image in other units, with a remark when it is read, than none.
            cts.append(&mut unclear);
        }
        for look in unclear {
            let NiftiContent::Other { low, high, is_whole } = look.content else { continue };
            let [low, high] = [low, high].map(|v| (v * 1000.0).round() / 1000.0);
            let what = if is_whole { "" } else { t(", with fractions") };
            let why = tf!(
                "its values run from {low} to {high}{what}: they are neither Hounsfield units nor labels; make a mask of it first (0.5 and more, say), or open it alone to see it as an image",
                low,
                high,
                what
            );
            if self.is_given(&look.path) {
                return Err(FindError::NeitherCtNorLabels {
                    why: tf!("the file cannot be used: {why}", why),
                    path: look.path,
                });
            }
            self.leave_out(&why, look.path);
        }
        for look in cts {
            self.cts.push(CtSource::Nifti(NiftiCtFile::new(look)?));
        }
        self.sets.extend(grouped(labels).into_iter().map(SetSource::Labels));
        Ok(())
    }

    fn identities(&self) -> Vec<CtIdentity> {
        let with_grid = self.sets.iter().any(|s| s.format() == SetFormat::Nifti);
        self.cts.iter().map(|ct| CtIdentity::of(ct, with_grid)).collect()
    }

    /// The CT to open where the user named none: the one that a set refers to, else one in the frame of reference of
    /// a set, else one of its study; of several, and without any set, a DICOM series, and of those the largest. Where
    /// structure sets were named, only they are asked.
    pub fn ct_to_open(&self) -> Option<usize> {
        let named = self.sets.iter().any(|s| self.is_named_structure_set(s));
        let asked = |s: &&SetSource| !named || self.is_named_structure_set(s);
        let best =
            |ct: &CtIdentity| self.sets.iter().filter(asked).map(|s| ct.belonging(s).min(Belonging::Possible)).min();
        let identities = self.identities();
        (0..self.cts.len()).min_by_key(|n| {
            let belonging = best(&identities[*n]).unwrap_or(Belonging::Possible);
            (belonging, self.cts[*n].is_nifti(), *n)
        })
    }

    /// For each CT the sets that belong to it and to no other more surely.
    pub fn own_sets(&self) -> Vec<Vec<&SetSource>> {
        let identities = self.identities();
        let mut own = vec![Vec::new(); self.cts.len()];
        for set in &self.sets {
            let belongings: Vec<Belonging> = identities.iter().map(|ct| ct.belonging(set)).collect();
            let surest = belongings.iter().min().copied().unwrap_or(Belonging::Foreign);
            if surest < Belonging::Possible {
                for (n, _) in belongings.iter().enumerate().filter(|(_, b)| **b == surest) {
                    own[n].push(set);
                }
            }
        }
        own
    }

    /// The sets that cannot be laid over a CT.
    pub fn foreign_sets(&self, ct: usize) -> Vec<&SetSource> {
        let identities = self.identities();
        self.sets.iter().filter(|s| identities[ct].belonging(s) == Belonging::Foreign).collect()
    }

    /// Which sets to read with a CT, and which to offer.
    pub fn sets_for(&self, ct: usize) -> Fitting<'_> {
        let identities = self.identities();
        let belonging = |s: &SetSource| identities[ct].belonging(s);
        let (mut dicom, labels): (Vec<&SetSource>, Vec<&SetSource>) =
            self.sets.iter().partition(|s| s.format() != SetFormat::Nifti);
        let surest = dicom.iter().map(|s| belonging(s)).min().unwrap_or(Belonging::Foreign);
        // A structure set that was named is read, also where another one belongs to this CT more surely.
        let named = dicom.iter().filter(|s| self.is_named_structure_set(s)).map(|s| belonging(s)).min();
        let best = named.filter(|b| *b < Belonging::Possible).unwrap_or(surest);
        let mut fitting = Fitting::default();
        // Where no DICOM set belongs to this CT they are all tried, so that each refusal gives its reason.
        if best < Belonging::Possible {
            for set in dicom.extract_if(.., |s| belonging(s) != best) {
                if belonging(set) == Belonging::Foreign {
                    fitting.remarks.push(foreign(set));
                } else {
                    fitting.offered.push(set);
                }
            }
        }
        let age = |s: &SetSource| match s {
            SetSource::Dicom(file) => (file.date.clone(), file.time.clone()),
            SetSource::Labels(_) => Default::default(),
        };
        dicom.sort_by_key(|s| (s.format(), !self.names(s), Reverse(age(s))));
        fitting.first = dicom;
        for set in labels {
            match belonging(set) {
                Belonging::Reference => fitting.first.push(set),
                Belonging::Foreign if !self.names(set) => fitting.remarks.push(foreign(set)),
                // The space of a file may be that of another patient: somebody must ask for it.
                _ => fitting.offered.push(set),
            }
        }
        for list in [&mut fitting.first, &mut fitting.offered] {
            let asked = list.extract_if(.., |s| s.format() != SetFormat::StructureSet && self.names(s));
            fitting.asked_for.extend(asked);
        }
        if !fitting.asked_for.is_empty() {
            let rest = fitting.first.extract_if(.., |s| s.format() != SetFormat::StructureSet);
            fitting.offered.extend(rest);
        }
        fitting
    }

    /// True where the user named files of this set.
    fn names(&self, set: &SetSource) -> bool {
        set.paths().iter().any(|p| self.is_given(p))
    }

    fn is_named_structure_set(&self, set: &SetSource) -> bool {
        set.format() == SetFormat::StructureSet && self.names(set)
    }
}

fn foreign(set: &SetSource) -> ImportWarning {
    let why = match set.format() {
        SetFormat::Nifti => t("lie beside this CT"),
        SetFormat::StructureSet | SetFormat::Segmentation => t("belongs to another frame of reference than this CT"),
    };
    let text = tf!("Not loaded: the {words} \"{label}\" {why}", words = set.format().words(), label = set.label(), why);
    ImportWarning::new(Severity::Warning, text, set.paths().to_vec())
}

/// What to do with the sets, for one CT.
#[derive(Debug, Default)]
pub struct Fitting<'a> {
    /// The first that can be read is read; those after it are offered.
    pub first: Vec<&'a SetSource>,
    /// Segmentations and labels that were named: read in any case.
    pub asked_for: Vec<&'a SetSource>,
    pub offered: Vec<&'a SetSource>,
    pub remarks: Vec<ImportWarning>,
}

/// A volume of several labels is a set of its own; the masks of one folder are one set.
fn grouped(labels: Vec<NiftiLook>) -> Vec<LabelFiles> {
    let mut sets = Vec::new();
    let mut masks: BTreeMap<PathBuf, Vec<NiftiLook>> = BTreeMap::new();
    for look in labels {
        let is_mask = matches!(&look.content, NiftiContent::Labels(labels) if labels.len() < 2);
        match look.path.parent().filter(|_| is_mask) {
            Some(folder) => masks.entry(folder.to_owned()).or_default().push(look),
            None => sets.push(LabelFiles::new(vec![look])),
        }
    }
    sets.extend(masks.into_values().map(LabelFiles::new));
    sets
}
