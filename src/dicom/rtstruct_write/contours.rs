//! The contours of an ROI: those of the source where nobody drew, new ones where somebody did.

use super::super::contours::{Binding, Contour, ContourKind, bind};
use super::super::of_ct::reference;
use super::super::raw::DataSet;
use super::super::rtstruct_read::is_other_frame;
use super::super::value::format_ds;
use super::{Composer, SourceItems};
use crate::contour::Ring;
use crate::geometry::VoxelGrid;
use crate::structures::Roi;
use dicom_dictionary_std::tags;
use std::collections::{BTreeMap, BTreeSet};

impl Composer<'_> {
    /// The contours of an ROI by item of the source (one item without source), and which of them, counted
    /// over the items, came over from the source as they were.
    pub(super) fn contour_sequence(
        &mut self,
        roi: &Roi,
        source: Option<&SourceItems>,
    ) -> (Vec<Vec<DataSet>>, Vec<(usize, usize)>) {
        let grid = self.request.grid;
        let items: Vec<(usize, &DataSet)> = source.map(SourceItems::contours).unwrap_or_default();
        let contours: Vec<Contour> = items.iter().map(|(_, c)| Contour::of(c)).collect();
        let binding = match source {
            Some(s) if is_other_frame(&s.frame(), self.request.ct) => {
                Binding { outside: (0..contours.len()).collect(), ..Binding::default() }
            }
            _ => bind(&contours, grid),
        };
        let plan = SlicePlan::of(roi, &contours, &binding, grid);
        // Where the exclusive-or type is used, all contours of the ROI have it (PS3.3 C.8.8.6.3).
        let kind = if contours.iter().any(|c| c.kind == ContourKind::ClosedXor) {
            "CLOSEDPLANAR_XOR"
        } else {
            "CLOSED_PLANAR"
        };
        let mut new_items: BTreeMap<usize, Vec<DataSet>> = BTreeMap::new();
        for (k, rings) in &plan.new_rings {
            let made: Vec<DataSet> =
                rings.iter().filter_map(|(ring, n_mm)| self.new_contour(roi, *k, ring, *n_mm, kind)).collect();
            new_items.insert(*k, made);
        }
        let mut out = vec![Vec::new(); source.map_or(1, |s| s.contours.len().max(1))];
        let (mut written, mut kept) = (0, Vec::new());
        for (index, (item, contour)) in items.iter().enumerate() {
            match plan.removed.get(&index) {
                None => {
                    kept.push((written, index));
                    out[*item].push((*contour).clone());
                    written += 1;
                }
                // What replaces a slice stands where its first removed contour stood.
                Some(k) => {
                    let new = new_items.remove(k).unwrap_or_default();
                    written += new.len();
                    out[*item].extend(new);
                }
            }
        }
        if let Some(last) = out.last_mut() {
            last.extend(new_items.into_values().flatten());
        }
        (out, kept)
    }

    fn new_contour(&mut self, roi: &Roi, k: usize, ring: &Ring, n_mm: f64, kind: &str) -> Option<DataSet> {
        let points = ring.points();
        if points.len() < 3 {
            self.notes.push(format!(
                "\"{}\": a ring with fewer than three points at {:.2} mm was left out",
                roi.name,
                self.request.grid.position_mm(k)
            ));
            return None;
        }
        let mut text = String::with_capacity(points.len() * 26);
        for point in points {
            for value in self.request.grid.patient_from_plane(*point, n_mm).to_array() {
                if !text.is_empty() {
                    text.push('\\');
                }
                text.push_str(&format_ds(value));
            }
        }
        let mut item = DataSet::default();
        if let Some(slice) = self.request.ct.slices.get(k) {
            let mut image = reference(&slice.sop_class_uid, &slice.sop_instance_uid);
            if let Some(frame) = slice.frame {
                image.put_str(tags::REFERENCED_FRAME_NUMBER, &frame.to_string());
            }
            item.put_items(tags::CONTOUR_IMAGE_SEQUENCE, vec![image]);
            self.used_images = true;
        }
        item.put_str(tags::CONTOUR_GEOMETRIC_TYPE, kind);
        item.put_str(tags::NUMBER_OF_CONTOUR_POINTS, &points.len().to_string());
        item.put_str(tags::CONTOUR_DATA, &text);
        Some(item)
    }
}

/// What happens to the contours of an ROI, slice by slice.
#[derive(Default)]
struct SlicePlan<'a> {
    /// Source contours that go, and the slice to which they belonged.
    removed: BTreeMap<usize, usize>,
    /// Rings to write, with their position along the normal, mm.
    new_rings: BTreeMap<usize, Vec<(&'a Ring, f64)>>,
}

impl<'a> SlicePlan<'a> {
    fn of(roi: &'a Roi, contours: &[Contour], binding: &Binding, grid: &VoxelGrid) -> Self {
        let mut plan = Self::default();
        let slices: BTreeSet<usize> = binding.rings.keys().chain(roi.slices.keys()).copied().collect();
        for k in slices {
            let before = binding.rings.get(&k).map_or(&[][..], Vec::as_slice);
            let now = roi.slices.get(&k).map_or(&[][..], |s| s.rings.as_slice());
            // A ring is the source's only if it says so and its points agree bit for bit.
            let origin: Vec<Option<usize>> = now
                .iter()
                .map(|ring| {
                    let index = ring.source_contour()? as usize;
                    (before.contains(&index) && contours[index].plane_points(grid) == ring.points()).then_some(index)
                })
                .collect();
            if origin.len() == before.len() && origin.iter().zip(before).all(|(o, b)| *o == Some(*b)) {
                continue;
            }
            let keep: BTreeSet<usize> = origin.iter().flatten().copied().collect();
            let idle = binding.idle.get(&k).map_or(&[][..], Vec::as_slice);
            plan.removed.extend(before.iter().chain(idle).filter(|i| !keep.contains(i)).map(|i| (*i, k)));
            // New rings lie in the plane of the rings that stay, or two planes would claim the slice.
            let n_mm = (keep.first())
                .and_then(|i| contours[*i].points.first())
                .map_or(grid.position_mm(k), |p| grid.plane_from_patient(*p).1);
            let mut once = keep;
            let new =
                now.iter().zip(&origin).filter(|(_, o)| !o.is_some_and(|i| once.remove(&i))).map(|(r, _)| (r, n_mm));
            plan.new_rings.insert(k, new.collect());
        }
        plan
    }
}
