//! `hilum bench diunet`: the network on a slice of the demo case, with two threads, and the same graph with the same weights in
//! onnxruntime where that is installed.

use super::{Bench, Report, percentile};
use crate::cli::failure::Failure;
use crate::cli::terminal::Terminal;
use crate::diunet::{self, CLASSES, Frame, LoadedModel, SegmentError, Stack, fill_channels, find_lungs, slices_to_run};
use crate::progress::Silent;
use crate::workbench::{Workbench, load_demo};
use candle_core::{Device, Tensor};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

const THREADS: usize = 2;
/// The peer, beside the other programs that Hilum is compared with.
const PEER: &str = include_str!("../../../benches/compare/diunet.py");

/// The same network in another program, in the same run.
#[derive(Debug, serde::Serialize)]
pub struct Peer {
    name: String,
    seconds_per_slice: f64,
    /// Time of Hilum to that of the peer.
    ratio: f64,
    /// Between the logits of the stations.
    largest_difference: f64,
    /// Share of pixels whose station is the same.
    same_station: f64,
}

impl std::fmt::Display for Peer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{} takes {:.4} s (ratio {:.2}); logits differ by {:.1e} at most, stations are the same in {:.3} % of pixels",
            self.name,
            self.seconds_per_slice,
            self.ratio,
            self.largest_difference,
            100.0 * self.same_station
        )
    }
}

#[derive(serde::Deserialize)]
struct Measured {
    name: String,
    seconds_per_slice: f64,
}

/// The network's input for the middle slice of a case, and its side.
struct Input {
    ct: Vec<f32>,
    gtv: Vec<f32>,
    side: usize,
}

impl Bench {
    pub(super) fn diunet(&self, terminal: &Terminal) -> Result<Report, Failure> {
        let folder = diunet::default_model_dir();
        let model = LoadedModel::load(&folder).map_err(Failure::refused)?.with_threads(THREADS);
        let loaded = load_demo(Workbench::DEMO_SEED, &Silent)?;
        let (volume, gtv) = (&loaded.case.image.volume, loaded.case.gtv_mask());
        let mut samples = Vec::new();
        let mut last = Instant::now();
        diunet::segment(&model, volume, &gtv, terminal, &mut |_| {
            samples.push(last.elapsed());
            last = Instant::now();
        })
        .map_err(|error| match error {
            SegmentError::Cancelled => Failure::Cancelled,
            other => Failure::refused(other),
        })?;
        let input = middle_input(&model, &loaded.case)
            .ok_or_else(|| Failure::Failed("the demo case has no lungs; report this".into()))?;
        let repeat = self.repeat.unwrap_or(40);
        let failed = |e: candle_core::Error| Failure::Failed(format!("the network could not be run: {e}"));
        let (seconds, logits) = network_time(&model, &input, repeat).map_err(failed)?;
        let peer = peer(&folder, &input, &logits, seconds, repeat);
        let what = format!("a slice of the demo case, model {}", model.manifest().model_id);
        Ok(Report { seconds_per_slice: Some(seconds), peer, ..Report::of("diunet", what, samples) })
    }
}

fn middle_input(model: &LoadedModel, case: &crate::workbench::Case) -> Option<Input> {
    let (manifest, volume) = (model.manifest(), &case.image.volume);
    let lungs = find_lungs(volume)?;
    let frame = Frame::new(&volume.grid, lungs.center, manifest.spacing_mm, manifest.crop)?;
    let slices = slices_to_run(&volume.grid, &lungs);
    let gtv = case.gtv_mask();
    let slab = Stack::new(manifest, volume, &gtv, frame).slab(usize::midpoint(slices.start, slices.end));
    let (architecture, side) = (manifest.variant.architecture(), manifest.crop);
    let mut input = Input {
        ct: vec![0.0; architecture.ct_channels() * side * side],
        gtv: vec![0.0; architecture.gtv_channels() * side * side],
        side,
    };
    // A guided network is told nothing here: its planes stay zero, and take the same time.
    fill_channels(manifest, &slab, &mut input.ct, &mut input.gtv);
    Some(input)
}

/// Median time of the network alone, batch 1, and what it says about the stations.
fn network_time(model: &LoadedModel, input: &Input, repeat: u32) -> candle_core::Result<(f64, Vec<f32>)> {
    let side = input.side;
    let tensor =
        |values: &[f32]| Tensor::from_slice(values, (1, values.len() / (side * side), side, side), &Device::Cpu);
    let (ct, gtv) = (tensor(&input.ct)?, tensor(&input.gtv)?);
    let threads = rayon::ThreadPoolBuilder::new().num_threads(THREADS).build().map_err(candle_core::Error::wrap)?;
    threads.install(|| {
        let logits = model.network().forward(&ct, &gtv)?;
        let mut samples: Vec<Duration> = (0..repeat)
            .map(|_| {
                let start = Instant::now();
                model.network().forward(&ct, &gtv).map(|_| start.elapsed())
            })
            .collect::<candle_core::Result<_>>()?;
        samples.sort();
        let median = percentile(&samples, 0.5).unwrap_or_default();
        Ok((median.as_secs_f64(), logits.stations.flatten_all()?.to_vec1()?))
    })
}

/// `None` where onnxruntime is not installed; anything else that fails is told.
fn peer(folder: &Path, input: &Input, logits: &[f32], seconds: f64, repeat: u32) -> Option<Peer> {
    let python = std::env::var_os("HILUM_PYTHON").unwrap_or_else(|| "python3".into());
    let there = Command::new(&python).args(["-c", "import numpy, onnx, onnxruntime"]).output();
    if !there.is_ok_and(|out| out.status.success()) {
        return None;
    }
    match ask_peer(&python, folder, input, repeat) {
        Ok((measured, theirs)) => {
            let pairs = logits.iter().zip(&theirs);
            let largest_difference = pairs.map(|(a, b)| f64::from((a - b).abs())).fold(0.0, f64::max);
            let pixels = input.side * input.side;
            let station = |logits: &[f32], pixel: usize| {
                (0..CLASSES).max_by(|a, b| logits[a * pixels + pixel].total_cmp(&logits[b * pixels + pixel]))
            };
            let same = (0..pixels).filter(|p| station(logits, *p) == station(&theirs, *p)).count();
            Some(Peer {
                name: measured.name,
                ratio: seconds / measured.seconds_per_slice,
                seconds_per_slice: measured.seconds_per_slice,
                largest_difference,
                same_station: same as f64 / pixels as f64,
            })
        }
        Err(why) => {
            tracing::warn!("onnxruntime is there, but did not run the network: {why}");
            None
        }
    }
}

fn ask_peer(
    python: &std::ffi::OsStr,
    folder: &Path,
    input: &Input,
    repeat: u32,
) -> Result<(Measured, Vec<f32>), String> {
    let place = tempfile::tempdir().map_err(|e| e.to_string())?;
    let path = |name: &str| place.path().join(name);
    let bytes = |values: &[f32]| values.iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<u8>>();
    let write = |name: &str, bytes: &[u8]| std::fs::write(path(name), bytes).map_err(|e| e.to_string());
    write("peer.py", PEER.as_bytes())?;
    write("ct", &bytes(&input.ct))?;
    write("gtv", &bytes(&input.gtv))?;
    let mut command = Command::new(python);
    command.arg(path("peer.py")).arg(folder).args(["ct", "gtv", "out"].map(path));
    let out = command.args([repeat.to_string(), THREADS.to_string()]).output().map_err(|e| e.to_string())?;
    if !out.status.success() {
        return Err(String::from_utf8_lossy(&out.stderr).trim().to_owned());
    }
    let measured = serde_json::from_slice(&out.stdout).map_err(|e| e.to_string())?;
    let theirs = std::fs::read(path("out")).map_err(|e| e.to_string())?;
    let floats = theirs.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect();
    Ok((measured, floats))
}
