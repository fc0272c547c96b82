//! A first look at a file: where its voxels lie, and whether they are Hounsfield units or labels. The values
//! decide, not the name.

use super::axes::Axes;
use super::file::{NiftiError, open};
use super::header::Placement;
use super::names::{LabelNames, names_in_extensions};
use crate::geometry::VoxelGrid;
use crate::progress::Progress;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What the voxels of a file are.
#[derive(Debug, Clone, PartialEq)]
pub enum NiftiContent {
    /// Values as low as air has them in a CT.
    Ct,
    /// Whole numbers from 0 in patches of the same value: the labels that occur, without 0.
    Labels(BTreeSet<u16>),
    /// Anything else: an image that is not in Hounsfield units, or labels with fractions.
    Other { low: f64, high: f64, is_whole: bool },
}

/// A file that was looked at.
#[derive(Debug, Clone)]
pub struct NiftiLook {
    pub path: PathBuf,
    pub grid: Arc<VoxelGrid>,
    pub placement: Placement,
    pub content: NiftiContent,
    /// Names of labels that the file itself holds.
    pub names: LabelNames,
}

/// A value this low is no label and no dose, and every CT of a body has some.
const AIR_HU: f64 = -200.0;
/// In a volume of labels most voxels have the value of their neighbour (95 % in 89 organs of a chest, 94 % in a
/// tumour); in images few have, apart from the empty background (24 % in that chest, where air is clipped).
const PATCHES: f64 = 0.5;

/// Looks at a file. The voxels of a CT are read up to the first that tells, those of labels all.
///
/// # Errors
/// As [`super::read_labels`], but for the values; [`NiftiError::Cancelled`].
pub fn look(path: &Path, progress: &dyn Progress) -> Result<NiftiLook, NiftiError> {
    let opened = open(path)?;
    let axes = Axes::of(&opened.header).map_err(|why| NiftiError::Unusable { why, path: path.to_owned() })?;
    let placement = opened.header.placement;
    let names = names_in_extensions(&opened.extensions);
    let mut values = Values::default();
    let read = opened.for_each_row(progress, &mut |_, _, row| {
        values.add(row);
        // Any error ends the reading; this one is not looked at.
        if values.low <= AIR_HU { Err(String::new()) } else { Ok(()) }
    });
    let content = if values.low <= AIR_HU {
        NiftiContent::Ct
    } else {
        read?;
        values.content()
    };
    Ok(NiftiLook { path: path.to_owned(), grid: Arc::new(axes.grid), placement, content, names })
}

/// What was seen of the values.
struct Values {
    low: f64,
    high: f64,
    is_whole: bool,
    seen: Vec<bool>,
    /// Neighbours along a row that are not both background, and those of them that are equal.
    pairs: u64,
    equal: u64,
}

impl Default for Values {
    fn default() -> Self {
        let seen = vec![false; usize::from(u16::MAX) + 1];
        Self { low: f64::INFINITY, high: f64::NEG_INFINITY, is_whole: true, seen, pairs: 0, equal: 0 }
    }
}

impl Values {
    fn add(&mut self, row: &[f64]) {
        // Most rows of a mask are background.
        if row.iter().all(|v| *v == 0.0) {
            (self.low, self.high) = (self.low.min(0.0), self.high.max(0.0));
            return;
        }
        let mut before = None;
        for &v in row.iter().filter(|v| !v.is_nan()) {
            self.low = self.low.min(v);
            self.high = self.high.max(v);
            let whole = v.round();
            self.is_whole &= (v - whole).abs() <= 1e-3 && (0.0..=f64::from(u16::MAX)).contains(&whole);
            if !self.is_whole {
                continue;
            }
            let label = whole as u16;
            self.seen[usize::from(label)] = true;
            if let Some(before) = before.filter(|b| *b != 0 || label != 0) {
                self.pairs += 1;
                self.equal += u64::from(label == before);
            }
            before = Some(label);
        }
    }

    fn content(&self) -> NiftiContent {
        let labels: BTreeSet<u16> = (1..=u16::MAX).filter(|l| self.seen[usize::from(*l)]).collect();
        // A mask may be as scattered as it likes.
        let in_patches = labels.len() < 2 || self.equal as f64 >= PATCHES * self.pairs as f64;
        if self.is_whole && in_patches {
            NiftiContent::Labels(labels)
        } else {
            NiftiContent::Other { low: self.low, high: self.high, is_whole: self.is_whole }
        }
    }
}
