//! Flood fill: what is connected to the clicked voxel and about as bright.

use super::{Cursor, EditMode, Shape, Tool, ToolAction, ToolContext, ToolEvent, ToolOptions};
use crate::contour::{self, FloodReach};
use crate::words::{keep, t};

#[derive(Debug, Clone, Default)]
pub(super) struct Flood;

impl Tool for Flood {
    fn handle(&mut self, event: ToolEvent, context: &ToolContext<'_>) -> Vec<ToolAction> {
        let ToolEvent::Press(pointer) = event else { return Vec::new() };
        let ToolOptions { flood_tolerance_hu, flood_radius_mm, .. } = *context.options;
        let Some(seed) = context.grid().containing_voxel(pointer.at) else {
            return vec![ToolAction::Say(t("A flood begins at a voxel inside the scan"))];
        };
        let whole = pointer.keys.shift || !ToolContext::is_axial(pointer.orientation);
        let reach = if whole { FloodReach::Ball { radius_mm: flood_radius_mm } } else { FloodReach::Slice };
        let hu = context.volume.hu[seed];
        let range = [hu.saturating_sub(flood_tolerance_hu), hu.saturating_add(flood_tolerance_hu)];
        let slices = contour::flood(context.grid(), context.volume.hu.view(), seed, range, reach);
        let mode = if pointer.keys.alt { EditMode::Erase } else { EditMode::Add };
        let label = if mode == EditMode::Add { keep("Flood fill") } else { keep("Flood erase") };
        vec![ToolAction::Begin { label }, ToolAction::Edit { shape: Shape::Slices(slices), mode }, ToolAction::Commit]
    }

    fn hints(&self, _options: &ToolOptions) -> Vec<(&'static str, &'static str)> {
        vec![
            (t("Click"), t("add what is connected and as bright")),
            (t("Shift click"), t("over all slices, within the radius")),
            (t("Alt click"), t("erase it")),
        ]
    }

    fn is_active(&self) -> bool {
        false
    }

    fn cursor(&self) -> Cursor {
        Cursor::Cross
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::Scan;
    use super::super::{Keys, Pointer};
    use super::*;
    use crate::geometry::Orientation;
    use crate::image::CtVolume;
    use glam::DVec3;
    use std::sync::Arc;

    #[test]
    fn a_click_fills_the_slice_and_shift_fills_within_the_radius() {
        let mut scan = Scan::empty();
        let hu = ndarray::Array3::from_shape_fn(scan.volume.grid.shape(), |(_, j, i)| {
            if (20..40).contains(&i) && (20..30).contains(&j) { 50 } else { -700 }
        });
        scan.volume = CtVolume::new(Arc::clone(&scan.volume.grid), hu);
        scan.options.flood_radius_mm = 7.0;
        let slices = |keys: Keys| {
            let press = Pointer::new(DVec3::new(30.0, 25.0, scan.z(5)), Orientation::Axial).with(keys);
            match &Flood.handle(ToolEvent::Press(press), &scan.context())[..] {
                [_, ToolAction::Edit { shape: Shape::Slices(slices), mode }, _] => (slices.clone(), *mode),
                other => panic!("{other:?}"),
            }
        };
        let (found, mode) = slices(Keys::NONE);
        assert_eq!((found.len(), found[0].0, mode), (1, 5, EditMode::Add));
        let [low, high] = found[0].1.bounds().expect("not empty");
        assert!(low[0] > 19.0 && low[0] < 20.0 && high[1] > 29.0 && high[1] < 30.0);
        assert_eq!(slices(Keys::SHIFT).0.len(), 5);
        assert_eq!(slices(Keys::ALT).1, EditMode::Erase);
    }
}
