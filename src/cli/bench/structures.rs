//! Operations on a whole structure: margin, interpolation, smoothing.

use super::{Bench, Failure, Name, Report};
use crate::cli::terminal::Terminal;
use crate::contour::{self, Margins, Slices, Smoothing};
use crate::geometry::VoxelGrid;
use crate::progress::Progress as _;
use crate::structures::{Roi, Role};
use crate::workbench::{Case, Workbench, load_case, load_demo};
use std::time::{Duration, Instant};

/// The margin that is measured, mm.
const MARGIN_MM: f64 = 7.0;

impl Bench {
    pub(super) fn structures(&self, terminal: &Terminal) -> Result<Report, Failure> {
        terminal.report("Reading the case", 0, 1);
        let loaded = if self.case.is_empty() {
            load_demo(Workbench::DEMO_SEED, terminal)?
        } else {
            load_case(&self.case, terminal, &mut |_| terminal.checkpoint())
                .map_err(|error| if error.is_cancelled() { Failure::Cancelled } else { Failure::refused(error) })?
        };
        let case = loaded.case;
        let roi = target(&case)
            .ok_or_else(|| Failure::Refused("the case has no structure with contours to measure on".into()))?;
        let grid = case.grid();
        let mut samples = Vec::new();
        for _ in 0..self.repeat(20) {
            terminal.checkpoint()?;
            samples.extend(match self.name {
                Name::Interpolate => gaps(&roi.slices, grid),
                Name::Smooth => {
                    let smoothing = Smoothing { in_plane_mm: 1.5, between_mm: 0.0 };
                    vec![timed(|| contour::smooth(&roi.slices, grid, &smoothing))]
                }
                _ => vec![timed(|| contour::grow(&roi.slices, grid, &Margins::uniform(MARGIN_MM)))],
            });
        }
        if samples.is_empty() {
            return Err(Failure::Refused("the structure has too few slices to leave some out".into()));
        }
        let (name, what) = match self.name {
            Name::Interpolate => ("interpolate", "two slices left out between two drawn ones"),
            Name::Smooth => ("smooth", "smoothing by 1.5 mm in the plane"),
            _ => ("margin", "7 mm in space"),
        };
        let cm3 = case.mask(roi.id).volume_cm3(grid);
        let what = format!(
            "{what}, {} of {cm3:.1} cm3 on {} slices of {} x {}",
            roi.role.label(),
            roi.slices.len(),
            grid.columns(),
            grid.rows()
        );
        Ok(Report::of(name, what, samples))
    }
}

/// The CTV, else a GTV, else the structure with the most slices.
fn target(case: &Case) -> Option<&Roi> {
    let of = |role| case.structures().with_role(role).find(|roi| !roi.slices.is_empty());
    let largest = || case.structures().rois.iter().max_by_key(|roi| roi.slices.len());
    [Role::Ctv, Role::Gtvp, Role::Gtvn].into_iter().find_map(of).or_else(largest).filter(|roi| !roi.slices.is_empty())
}

fn timed(work: impl FnOnce() -> Slices) -> Duration {
    let start = Instant::now();
    std::hint::black_box(work());
    start.elapsed()
}

/// Each gap of two slices that leaving out makes, filled on its own, as after an edit.
fn gaps(slices: &Slices, grid: &VoxelGrid) -> Vec<Duration> {
    let keys: Vec<usize> = slices.keys().copied().collect();
    let ends = keys.windows(4).step_by(3).filter(|w| w[3] == w[0] + 3);
    ends.map(|w| {
        let [from, to] = [w[0], w[3]];
        timed(|| contour::interpolate_between((from, &slices[&from]), (to, &slices[&to]), grid))
    })
    .collect()
}
