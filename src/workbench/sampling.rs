//! How the scan is sampled in the views: between voxels or not, on a plane or through a slab.

use super::{Action, Command, Severity, Workbench};
use crate::image::{Sampling, Slab, SlabMode};
use crate::tf;
use strum::IntoEnumIterator as _;

impl Workbench {
    /// The slab of the views; none while a scan is read, of which slices are missing.
    pub fn slab(&self) -> Option<Slab> {
        self.view.slab.filter(|_| self.loading.is_none())
    }

    pub(super) fn set_slab(&mut self, slab: Option<Slab>) {
        let [least, most] = [*Slab::RANGE_MM.start(), *Slab::RANGE_MM.end()];
        let thickness = |mm: f64| if mm.is_finite() { mm.clamp(least, most) } else { Slab::STEPS_MM[0] };
        if let Some(slab) = slab {
            self.view.slab_mode = slab.mode;
        }
        self.view.slab = slab.map(|s| Slab { thickness_mm: thickness(s.thickness_mm), ..s });
    }

    /// The next step of the keys for sampling and slabs.
    pub(super) fn display_command(&self, action: Action) -> Option<Command> {
        let (slab, mode) = (self.view.slab, self.view.slab_mode);
        Some(match action {
            Action::ToggleInterpolation => Command::SetSampling(match self.view.sampling {
                Sampling::Interpolated => Sampling::Nearest,
                Sampling::Nearest => Sampling::Interpolated,
            }),
            Action::SlabThickness => {
                let now = slab.map_or(0.0, |s| s.thickness_mm);
                let next = Slab::STEPS_MM.into_iter().find(|mm| *mm > now);
                Command::SetSlab(next.map(|thickness_mm| Slab { mode, thickness_mm }))
            }
            Action::SlabMode => {
                let all: Vec<SlabMode> = SlabMode::iter().collect();
                let at = all.iter().position(|m| *m == mode)?;
                Command::SetSlab(Some(Slab { mode: all[(at + 1) % all.len()], ..slab? }))
            }
            _ => return None,
        })
    }

    /// Says once that a tool draws on the middle of a slab, not on what the slab shows.
    pub(super) fn tell_slab(&mut self) {
        if let Some(slab) = self.slab() {
            let words = tf!(
                "The views show a slab ({words}), not a slice: contours and edits are those of the slice in its middle",
                words = slab.words()
            );
            self.notices.push_once(Severity::Info, words);
        }
    }
}
