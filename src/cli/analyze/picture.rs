//! The pictures of a report: planes through tumour and stations with outlines, fills, letters, a scale
//! and a legend, at true millimetres.

use super::label;
use crate::contour::{self, Ring, SliceContours};
use crate::geometry::{ImagePlane, Orientation, PatientPoint, VoxelGrid};
use crate::image::{Coverage, PictureFrame, SlicePicture, WindowLevel};
use crate::progress::{Cancelled, Progress};
use crate::structures::{Roi, Role, Station};
use crate::workbench::Case;
use glam::DVec2;

/// A picture with its file name and what it shows.
pub struct ReportPicture {
    /// Without folder, e.g. `axial-4R.png`.
    pub file: String,
    pub title: String,
    pub picture: SlicePicture,
}

/// True for the name of a file as [`report_pictures`] gives them.
pub fn is_file_name(name: &str) -> bool {
    let Some((orientation, through)) = name.strip_suffix(".png").and_then(|n| n.split_once('-')) else { return false };
    let known = |part: &str| part == "gtv" || Station::all().any(|s| s.label().to_lowercase() == part);
    ["axial", "coronal", "sagittal"].contains(&orientation) && through.split('-').all(known)
}

const LONGEST_PX: usize = 620;
const MARGIN_MM: f64 = 60.0;
const PANEL: [u8; 3] = [24, 26, 30];
const FILL_OPACITY: f64 = 0.2;
const SCALE_MM: f64 = 50.0;

/// Axial planes through the tumour and the middle of every station, one coronal and one sagittal plane.
pub fn report_pictures(case: &Case, progress: &dyn Progress) -> Result<Vec<ReportPicture>, Cancelled> {
    let grid = case.grid();
    let target = target_center(case);
    let mut wanted = vec![(Orientation::Axial, target.0, "gtv".to_owned(), target.1.clone())];
    for station in Station::all() {
        let Some((point, k)) = middle(case, Role::Station(station)) else { continue };
        // Stations with their middle on one slice share a picture.
        match wanted.iter_mut().find(|(o, p, _, _)| *o == Orientation::Axial && axial_slice(grid, *p) == k) {
            Some((_, _, file, title)) => {
                file.push_str(&format!("-{station}"));
                title.push_str(&format!(", station {station}"));
            }
            None => wanted.push((Orientation::Axial, point, station.to_string(), format!("station {station}"))),
        }
    }
    for orientation in [Orientation::Coronal, Orientation::Sagittal] {
        wanted.push((orientation, target.0, "gtv".to_owned(), target.1.clone()));
    }
    let count = wanted.len();
    let mut pictures = Vec::with_capacity(count);
    for (n, (orientation, point, file, through)) in wanted.into_iter().enumerate() {
        progress.checkpoint()?;
        progress.report("Drawing pictures", n, count);
        let place = match orientation {
            Orientation::Axial => {
                let k = axial_slice(grid, point);
                format!("slice {} of {}, {:.1} mm", k + 1, grid.slices(), grid.position_mm(k))
            }
            Orientation::Sagittal => format!("x {:.1} mm", point.x),
            Orientation::Coronal => format!("y {:.1} mm", point.y),
        };
        let title = format!("{orientation}, {place}: through {through}");
        pictures.push(ReportPicture {
            file: format!("{}-{}.png", orientation.to_string().to_lowercase(), file.to_lowercase()),
            picture: draw(case, orientation, point, &format!("{orientation}, {place}")),
            title,
        });
    }
    Ok(pictures)
}

fn axial_slice(grid: &VoxelGrid, p: PatientPoint) -> usize {
    grid.nearest_slice(grid.plane_from_patient(p).1)
}

/// Where the tumour is, else the CTV, else the middle of the scan; and what that is.
fn target_center(case: &Case) -> (PatientPoint, String) {
    [(Role::Gtvp, "the primary tumour"), (Role::Gtvn, "the involved nodes"), (Role::Ctv, "the CTV")]
        .into_iter()
        .find_map(|(role, what)| middle(case, role).map(|(p, _)| (p, what.to_owned())))
        .unwrap_or_else(|| {
            let center = case.grid().center();
            let k = axial_slice(case.grid(), center);
            let (uv, _) = case.grid().plane_from_patient(center);
            (case.grid().patient_from_plane(uv, case.grid().position_mm(k)), "the middle of the scan".to_owned())
        })
}

/// The centroid of a role on the slice that halves its volume.
fn middle(case: &Case, role: Role) -> Option<(PatientPoint, usize)> {
    let mask = case.role_mask(role);
    let half = mask.count().div_ceil(2);
    let mut seen = 0;
    let (k, slice) = mask.slices.iter().find(|(_, s)| {
        seen += s.count();
        seen >= half && half > 0
    })?;
    let (mut rows, mut columns, n) = (0.0, 0.0, slice.count() as f64);
    for (j, i) in slice.voxels() {
        rows += j as f64;
        columns += i as f64;
    }
    Some((case.grid().patient_from_voxel(*k, rows / n, columns / n), *k))
}

/// Targets and stations are what a report is about; organs and helpers are drawn thinly.
fn is_main(role: Role) -> bool {
    !matches!(role, Role::Organ | Role::Other)
}

/// The part of a plane to show: targets and stations with a margin, within the scan.
fn frame(case: &Case, plane: ImagePlane) -> PictureFrame {
    let grid = case.grid();
    let corners = |[lo, hi]: [[f64; 3]; 2]| {
        (0..8).map(move |n| {
            let at: [f64; 3] = std::array::from_fn(|a| if n >> a & 1 == 0 { lo[a] } else { hi[a] });
            let n_mm = grid.position_from_slice_index(at[0]);
            plane.plane_from_patient(grid.patient_from_plane(grid.plane_from_index(at[2], at[1]), n_mm))
        })
    };
    let bounds = |points: &mut dyn Iterator<Item = DVec2>| {
        points.fold((DVec2::splat(f64::MAX), DVec2::splat(f64::MIN)), |(lo, hi), p| (lo.min(p), hi.max(p)))
    };
    let last = grid.shape().map(|n| n as f64 - 0.5);
    let scan = bounds(&mut corners([[-0.5; 3], last]));
    let main: Vec<[[usize; 3]; 2]> =
        case.structures().rois.iter().filter(|r| is_main(r.role)).filter_map(|r| case.mask(r.id).bounds()).collect();
    let (low, high) = if main.is_empty() {
        scan
    } else {
        let (lo, hi) = bounds(&mut main.iter().flat_map(|b| corners(b.map(|c| c.map(|n| n as f64)))));
        ((lo - MARGIN_MM).max(scan.0), (hi + MARGIN_MM).min(scan.1))
    };
    PictureFrame::showing(plane, low, high, LONGEST_PX)
}

fn draw(case: &Case, orientation: Orientation, point: PatientPoint, caption: &str) -> SlicePicture {
    let plane = ImagePlane::through(case.grid(), orientation, point);
    let frame = frame(case, plane);
    let mut picture = SlicePicture::of_ct(&case.image.volume, &frame, WindowLevel::MEDIASTINUM);
    let mut legend = Vec::new();
    // Organs first, so that targets and stations lie on top.
    let (main, rest): (Vec<&Roi>, Vec<&Roi>) = case.structures().rois.iter().partition(|r| is_main(r.role));
    for roi in rest.into_iter().chain(main) {
        let drawn = if orientation == Orientation::Axial {
            draw_axial(case, roi, &frame, &mut picture)
        } else {
            draw_cut(case, roi, &frame, &mut picture)
        };
        if drawn {
            legend.push(roi);
        }
    }
    decorate(&mut picture, &frame, caption);
    with_legend(&picture, &legend)
}

/// Rings as they are, at any scale. False where the ROI is not on the slice.
fn draw_axial(case: &Case, roi: &Roi, frame: &PictureFrame, picture: &mut SlicePicture) -> bool {
    let grid = case.grid();
    let k = axial_slice(grid, frame.plane.origin);
    let Some(contours) = roi.slices.get(&k) else { return false };
    let patient = |uv| grid.patient_from_plane(uv, grid.position_mm(k));
    if is_main(roi.role) {
        // The picture is a grid as well: its pixels are filled by the rule that fills voxels.
        let p = &frame.plane;
        let first = frame.patient_from_pixel(DVec2::splat(0.5));
        let normal = p.right.cross(p.down);
        let pixels =
            VoxelGrid::new(first, p.right, p.down, [frame.mm_per_pixel; 2], frame.size_px, vec![first.dot(normal)]);
        if let Ok(pixels) = pixels {
            let rings = contours
                .rings
                .iter()
                .map(|ring| Ring::new(ring.points().iter().map(|uv| pixels.plane_from_patient(patient(*uv)).0)));
            let fill = contour::rasterize_slice(&pixels, &SliceContours::new(rings.collect()));
            for (y, x) in fill.voxels() {
                picture.blend(x, y, roi.color, FILL_OPACITY);
            }
        }
    }
    let mut coverage = Coverage::new(frame.size_px);
    for (a, b) in contours.rings.iter().flat_map(Ring::edges) {
        coverage.line(frame.pixel_from_patient(patient(a)), frame.pixel_from_patient(patient(b)), line_width(roi));
    }
    coverage.paint(picture, roi.color, line_opacity(roi));
    true
}

/// Voxels where the plane cuts the slices, with the thickness that each slice stands for.
fn draw_cut(case: &Case, roi: &Roi, frame: &PictureFrame, picture: &mut SlicePicture) -> bool {
    let mask = case.mask(roi.id);
    if mask.is_empty() {
        return false;
    }
    let [width, height] = frame.size_px;
    let inside: Vec<bool> = (0..width * height)
        .map(|n| {
            let p = frame.patient_from_pixel(DVec2::new((n % width) as f64 + 0.5, (n / width) as f64 + 0.5));
            case.grid().containing_voxel(p).is_some_and(|[k, j, i]| mask.get(k, j, i))
        })
        .collect();
    if !inside.contains(&true) {
        return false;
    }
    let mut coverage = Coverage::new(frame.size_px);
    for n in (0..inside.len()).filter(|n| inside[*n]) {
        let (x, y) = (n % width, n / width);
        if is_main(roi.role) {
            picture.blend(x, y, roi.color, FILL_OPACITY);
        }
        let edge = x == 0
            || y == 0
            || x + 1 == width
            || y + 1 == height
            || !(inside[n - 1] && inside[n + 1] && inside[n - width] && inside[n + width]);
        if edge {
            coverage.set(x, y);
        }
    }
    coverage.paint(picture, roi.color, line_opacity(roi));
    true
}

fn line_width(roi: &Roi) -> f64 {
    if is_main(roi.role) { 1.8 } else { 1.0 }
}

fn line_opacity(roi: &Roi) -> f64 {
    if is_main(roi.role) { 1.0 } else { 0.7 }
}

/// Caption, orientation letters and scale.
fn decorate(picture: &mut SlicePicture, frame: &PictureFrame, caption: &str) {
    let [width, height] = picture.size_px;
    let line = label::line_height();
    label::write_over(picture, 6, 4, caption);
    let [left, right, top, bottom] = frame.plane.letters();
    label::write_over(picture, 6, height / 2, &left);
    label::write_over(picture, width.saturating_sub(label::text_width(&right) + 6), height / 2, &right);
    label::write_over(picture, width / 2, 4 + line, &top);
    label::write_over(picture, width / 2, height.saturating_sub(line + 4), &bottom);
    let length = SCALE_MM / frame.mm_per_pixel;
    let (y, x) = (height as f64 - 10.0, 10.0);
    for (color, width_px) in [([0; 3], 4.0), ([235; 3], 2.0)] {
        let mut bar = Coverage::new(picture.size_px);
        bar.line(DVec2::new(x, y), DVec2::new(x + length, y), width_px);
        bar.paint(picture, color, 1.0);
    }
    label::write_over(picture, 10, height.saturating_sub(line + 14), &format!("{SCALE_MM} mm"));
}

/// What a structure is called in a picture: its name, or its role where the letters cannot be written.
fn legend_name(roi: &Roi) -> String {
    if label::is_writable(&roi.name) {
        roi.name.clone()
    } else {
        format!("{} (structure {})", roi.role.label(), roi.id.0)
    }
}

/// The picture with a list of its structures beside it.
fn with_legend(picture: &SlicePicture, legend: &[&Roi]) -> SlicePicture {
    let line = label::line_height() + 4;
    let names: Vec<String> = legend.iter().map(|r| legend_name(r)).collect();
    let panel = names.iter().map(|n| label::text_width(n)).max().unwrap_or(0).clamp(100, 260) + 40;
    let rows = (line * (legend.len() + 2)).max(picture.size_px[1]);
    let mut whole = SlicePicture::filled([picture.size_px[0] + panel, rows], PANEL);
    whole.paste(picture, 0, 0);
    let left = picture.size_px[0] + 12;
    // Targets and stations first, as they were drawn last.
    for (n, (roi, name)) in legend.iter().zip(&names).rev().enumerate() {
        let top = 8 + n * line;
        for y in 4..14 {
            for x in 0..10 {
                whole.blend(left + x, top + y, roi.color, 1.0);
            }
        }
        label::write(&mut whole, left + 18, top, name, [225; 3]);
    }
    label::write(&mut whole, left, rows - line, "Research only", [150; 3]);
    whole
}
