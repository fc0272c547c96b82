//! Inference: slice by slice from the foot up, each shown as soon as it is there, cancellable in between. A run can begin
//! with what an earlier one gave: only slices whose input has changed go through the network again.

use super::bearings::Bearings;
use super::calibration::HeldOut;
use super::confidence::Uncertainty;
use super::lungs::{LungRegion, find_lungs};
use super::manifest::LoadedModel;
use super::paste::{SliceLogits, SliceOutlines, outlines};
use super::prepare::{Frame, Planes, Stack, fill_channels, fill_guide, slices_to_run};
use super::tidy::tidy;
use crate::contour::{Mask, SliceContours};
use crate::geometry::VoxelGrid;
use crate::image::CtVolume;
use crate::progress::{Cancelled, Progress};
use crate::structures::{Provenance, Station};
use crate::tf;
use crate::words::t;
use candle_core::{Device, Tensor};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::sync::Arc;
use std::time::Instant;

/// Slices farther apart than this are outside of what the model saw in training, mm.
const WIDEST_SPACING_MM: f64 = 6.0;

/// Why a scan was not segmented.
#[derive(Debug, thiserror::Error)]
pub enum SegmentError {
    #[error(
        "{}",
        crate::words::t(
            "the stations were not drawn: no lungs were found in the scan, so it is not known where to look; DiUnet needs an axial chest CT that shows both lungs' cross-sections completely"
        )
    )]
    NoLungs,
    #[error(
        "{}",
        crate::words::t(
            "the stations were not drawn: the slices are not axial; DiUnet needs an axial chest CT, reconstruct the scan axially"
        )
    )]
    NotAxial,
    #[error("{}", crate::tf!("the stations were not drawn: the GTV belongs to another scan ({value}); choose structures drawn on this scan", value = .0))]
    ForeignGtv(String),
    #[error("{}", crate::tf!("the stations were not drawn: the network could not be run ({value}); report this with the scan's size", value = .0))]
    Network(String),
    #[error("{}", crate::words::t("cancelled"))]
    Cancelled,
}

impl From<Cancelled> for SegmentError {
    fn from(_: Cancelled) -> Self {
        Self::Cancelled
    }
}

impl From<candle_core::Error> for SegmentError {
    fn from(error: candle_core::Error) -> Self {
        Self::Network(error.to_string())
    }
}

/// One finished slice, before islands and holes are tidied over the whole volume.
#[derive(Debug, Clone)]
pub struct SliceOutput {
    /// Slice index of the scan.
    pub k: usize,
    pub done: usize,
    pub total: usize,
    pub outlines: SliceOutlines,
}

/// What the network gave for every input of a run, for the next run of the same weights.
#[derive(Debug, Clone, Default)]
pub struct Recall {
    /// SHA-256 of the weights.
    weights: String,
    /// By SHA-256 of the input of a slice: all that its output depends on.
    slices: HashMap<[u8; 32], Arc<SliceLogits>>,
    /// Where the landmarks are in the scan of this SHA-256.
    bearings: Option<([u8; 32], Option<Arc<Bearings>>)>,
}

/// Everything that the network drew.
#[derive(Debug, Clone)]
pub struct Segmentation {
    /// By station in canonical order, then by slice.
    pub stations: [BTreeMap<usize, Arc<SliceContours>>; Station::COUNT],
    /// Of the network's second output, learned from the contours of synthetic oncologists: a proposal.
    pub ctv: BTreeMap<usize, Arc<SliceContours>>,
    pub slices_run: Range<usize>,
    /// So many of them had the input of the run before, and were taken from there.
    pub slices_recalled: usize,
    /// For the next run.
    pub recall: Arc<Recall>,
    /// `None` where the frame of the network has no valid grid.
    pub uncertainty: Option<Arc<Uncertainty>>,
    pub lungs: LungRegion,
    pub seconds: f64,
    pub provenance: Provenance,
    /// Remarks that belong beside the result.
    pub warnings: Vec<String>,
}

/// Draws the sixteen stations and the CTV that the network proposes. `gtv` is the union of GTVp and GTVn (empty if there is none).
///
/// `on_slice` is called on the calling thread for every slice as it is finished.
///
/// # Errors
/// See [`SegmentError`]; nothing is half done.
pub fn segment(
    model: &LoadedModel,
    ct: &CtVolume,
    gtv: &Mask,
    progress: &dyn Progress,
    on_slice: &mut dyn FnMut(SliceOutput),
) -> Result<Segmentation, SegmentError> {
    segment_again(model, ct, gtv, &Recall::default(), progress, on_slice)
}

/// As [`segment`], with what an earlier run gave. The result is the same as without it.
///
/// # Errors
/// See [`SegmentError`]; nothing is half done.
pub fn segment_again(
    model: &LoadedModel,
    ct: &CtVolume,
    gtv: &Mask,
    before: &Recall,
    progress: &dyn Progress,
    on_slice: &mut dyn FnMut(SliceOutput),
) -> Result<Segmentation, SegmentError> {
    let start = Instant::now();
    let (manifest, grid) = (model.manifest(), &ct.grid);
    if let Some([_, [k, j, i]]) = gtv.bounds()
        && (k >= grid.slices() || j >= grid.rows() || i >= grid.columns())
    {
        return Err(SegmentError::ForeignGtv(crate::tf!(
            "it reaches voxel {i}, {j}, {k} of {columns} x {rows} x {slices}",
            i,
            j,
            k,
            columns = grid.columns(),
            rows = grid.rows(),
            slices = grid.slices()
        )));
    }
    progress.report(crate::words::t("Finding the lungs"), 0, 1);
    let (frame, lungs, slices) = place(model, ct)?;
    progress.checkpoint()?;
    let found = bearings(model, ct, before, progress)?;
    let bearings = found.as_ref().and_then(|(_, bearings)| bearings.clone());

    let mut stack = Stack::new(manifest, ct, gtv, frame.clone());
    let known = (before.weights == manifest.sha256).then_some(&before.slices);
    let mut recall = Recall { weights: manifest.sha256.clone(), slices: HashMap::new(), bearings: found };
    let mut slices_recalled = 0;
    let mut logits: Vec<Arc<SliceLogits>> = Vec::with_capacity(slices.len());
    let mut drawn: Vec<SliceOutlines> = Vec::with_capacity(slices.len());
    for (done, k) in slices.clone().enumerate() {
        progress.checkpoint()?;
        progress.report(crate::words::t("Drawing stations"), done, slices.len());
        let input = Input::new(model, &stack.slab(k), &frame, grid, k, bearings.as_deref());
        let digest = input.digest();
        let slice = match known.and_then(|known| known.get(&digest)) {
            Some(slice) => {
                slices_recalled += 1;
                Arc::clone(slice)
            }
            None => Arc::new(model.threads().install(|| input.run(model))?),
        };
        recall.slices.insert(digest, Arc::clone(&slice));
        let found = outlines(&slice, &frame, grid);
        on_slice(SliceOutput { k, done: done + 1, total: slices.len(), outlines: found.clone() });
        logits.push(slice);
        drawn.push(found);
    }
    progress.report(crate::words::t("Tidying stations"), slices.len(), slices.len());
    let raw = logits.clone();
    let thickness: Vec<f64> = slices.clone().map(|k| grid.thickness_mm(k)).collect();
    for n in tidy(&mut logits, frame.size, frame.spacing_mm, &thickness) {
        progress.checkpoint()?;
        drawn[n] = outlines(&logits[n], &frame, grid);
    }

    progress.checkpoint()?;
    let labels: Vec<Vec<u8>> = logits.iter().map(|slice| slice.labels()).collect();
    let scaling = manifest.calibration.as_ref().map(|c| c.scaling);
    let uncertainty = model
        .threads()
        .install(|| Uncertainty::new(&raw, &labels, &frame, grid, slices.clone(), scaling))
        .inspect_err(|error| tracing::warn!(%error, "the uncertainty of the network has no grid"));

    let mut stations: [BTreeMap<usize, Arc<SliceContours>>; Station::COUNT] = Default::default();
    let mut ctv = BTreeMap::new();
    for (k, slice) in slices.clone().zip(drawn) {
        for (station, contours) in slice.stations {
            stations[station.index()].insert(k, contours);
        }
        if let Some(contours) = slice.ctv {
            ctv.insert(k, contours);
        }
    }
    let mut warnings = Vec::new();
    let spacing = grid.median_spacing_mm();
    if spacing > WIDEST_SPACING_MM {
        warnings.push(tf!(
            "The slices are {spacing:.1} mm apart; the model was made for up to {widest} mm, look at every border",
            spacing,
            widest = WIDEST_SPACING_MM
        ));
    }
    if gtv.is_empty() {
        warnings.push(t("There is no GTV; the stations were drawn without it").into());
    }
    Ok(Segmentation {
        stations,
        ctv,
        slices_run: slices,
        slices_recalled,
        recall: Arc::new(recall),
        uncertainty: uncertainty.ok().map(Arc::new),
        lungs,
        seconds: start.elapsed().as_secs_f64(),
        provenance: model.provenance(),
        warnings,
    })
}

/// Where the network looks, and at which slices.
fn place(model: &LoadedModel, ct: &CtVolume) -> Result<(Frame, LungRegion, Range<usize>), SegmentError> {
    let manifest = model.manifest();
    let frame = Frame::new(&ct.grid, [0.0; 2], manifest.spacing_mm, manifest.crop).ok_or(SegmentError::NotAxial)?;
    let lungs = find_lungs(ct).ok_or(SegmentError::NoLungs)?;
    let slices = slices_to_run(&ct.grid, &lungs);
    Ok((frame.centered_at(lungs.center), lungs, slices))
}

/// Where the landmarks are, for a network that wants to know; what an earlier run found in the same scan still holds.
fn bearings(
    model: &LoadedModel,
    ct: &CtVolume,
    before: &Recall,
    progress: &dyn Progress,
) -> Result<Option<([u8; 32], Option<Arc<Bearings>>)>, SegmentError> {
    if model.manifest().variant.architecture().guide_channels == 0 {
        return Ok(None);
    }
    let mut hash = Sha256::new();
    let ends = [0, ct.grid.slices() - 1].map(|k| ct.grid.patient_from_voxel(k, 0.0, 0.0).to_array());
    ends.as_flattened().iter().for_each(|v| hash.update(v.to_le_bytes()));
    for slice in ct.hu.outer_iter() {
        hash.update(slice.iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<u8>>());
    }
    let scan: [u8; 32] = hash.finalize().into();
    if let Some(known) = before.bearings.as_ref().filter(|(of, _)| *of == scan) {
        return Ok(Some(known.clone()));
    }
    Ok(Some((scan, Bearings::find(ct, progress)?.map(Arc::new))))
}

/// Runs the network on a case whose stations are known, for its calibration; `stations` in canonical order.
///
/// # Errors
/// See [`SegmentError`].
pub fn add_held_out(
    model: &LoadedModel,
    ct: &CtVolume,
    gtv: &Mask,
    stations: &[Mask; Station::COUNT],
    progress: &dyn Progress,
    held_out: &mut HeldOut,
) -> Result<(), SegmentError> {
    let (frame, _, slices) = place(model, ct)?;
    let bearings = bearings(model, ct, &Recall::default(), progress)?.and_then(|(_, bearings)| bearings);
    let mut stack = Stack::new(model.manifest(), ct, gtv, frame.clone());
    for (done, k) in slices.clone().enumerate() {
        progress.checkpoint()?;
        progress.report(t("Drawing stations"), done, slices.len());
        let input = Input::new(model, &stack.slab(k), &frame, &ct.grid, k, bearings.as_deref());
        let logits = model.threads().install(|| input.run(model))?;
        for (pixel, class) in frame.labels(&ct.grid, stations, k).into_iter().enumerate() {
            held_out.add(logits.at(pixel), class);
        }
    }
    Ok(())
}

/// What the network is given for one slice: both encoders' channels.
struct Input {
    ct: Vec<f32>,
    gtv: Vec<f32>,
}

impl Input {
    fn new(
        model: &LoadedModel,
        slab: &[Planes],
        frame: &Frame,
        grid: &VoxelGrid,
        k: usize,
        bearings: Option<&Bearings>,
    ) -> Self {
        let manifest = model.manifest();
        let architecture = model.network().architecture();
        let pixels = manifest.crop * manifest.crop;
        let mut ct = vec![0.0; architecture.ct_channels() * pixels];
        let mut gtv = vec![0.0; architecture.gtv_channels() * pixels];
        fill_channels(manifest, slab, &mut ct, &mut gtv);
        let guide = bearings.and_then(|b| b.of_slice(k));
        fill_guide(manifest, guide, frame.patient_xy(grid, k), &mut ct);
        Self { ct, gtv }
    }

    fn digest(&self) -> [u8; 32] {
        let mut hash = Sha256::new();
        let mut bytes = Vec::with_capacity(4 * self.ct.len().max(self.gtv.len()));
        for values in [&self.ct, &self.gtv] {
            bytes.clear();
            bytes.extend(values.iter().flat_map(|v| v.to_le_bytes()));
            hash.update(&bytes);
        }
        hash.finalize().into()
    }

    /// The network on the slice, in the current thread pool.
    fn run(self, model: &LoadedModel) -> Result<SliceLogits, SegmentError> {
        let architecture = model.network().architecture();
        let size = model.manifest().crop;
        let ct = Tensor::from_vec(self.ct, (1, architecture.ct_channels(), size, size), &Device::Cpu)?;
        let gtv = Tensor::from_vec(self.gtv, (1, architecture.gtv_channels(), size, size), &Device::Cpu)?;
        let out = model.network().forward(&ct, &gtv)?;
        let values = |t: &Tensor| t.flatten_all()?.to_vec1::<f32>();
        Ok(SliceLogits::new(&values(&out.stations)?, &values(&out.ctv)?, size))
    }
}
