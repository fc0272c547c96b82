//! `hilum landmarks`: the anatomy that a CT itself shows, as a list of landmarks and as a picture.

use super::analyze::png;
use super::case_args::CaseArgs;
use super::failure::Failure;
use super::output::{self, Table};
use super::rule_args::{anatomy_failure, parts};
use super::terminal::Terminal;
use crate::anatomy::{ImageAnatomy, RuleSet, add_structures, find_anatomy, ordered_landmarks};
use crate::contour::Mask;
use crate::geometry::{ImagePlane, Orientation, PatientPoint};
use crate::image::{Coverage, CtVolume, PictureFrame, SlicePicture, WindowLevel};
use glam::DVec2;
use std::path::PathBuf;
use std::time::Duration;

/// Find body, lungs and airway in a CT and print the landmarks on them
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Body, lungs and airway are found from the CT numbers; structures with known names (those of TotalSegmentator v2 and of
TG-263) show the landmarks on vessels and bones. What neither shows is estimated from the carina. Positions are patient mm (x to the
left, y to the back, z to the head); of landmarks that are levels only z counts. The spread is how far off a landmark
usually is. A scan without the anatomy (no lungs, half a chest, a head, a phantom, one slice) ends with code 3 and the reason.

Examples:
  hilum landmarks /data/patient1
  hilum landmarks /data/patient1 --json
  hilum landmarks /data/patient1 --picture anatomy.png

JSON: a list of
  key            short name as in the table of station limits, such as z_car
  name           in words
  x, y, z        patient mm
  is_level       true where only z counts
  source         found, structure, user, estimated
  spread_mm      or null")]
pub struct LandmarksCommand {
    #[command(flatten)]
    case: CaseArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// Draw what was found into a PNG file: planes through the carina with body, lungs, airway and landmarks
    #[arg(long, value_name = "FILE")]
    picture: Option<PathBuf>,
    /// Replace the picture if it is there
    #[arg(long, requires = "picture")]
    overwrite: bool,
}

#[derive(serde::Serialize)]
struct Row {
    key: &'static str,
    name: &'static str,
    x: f64,
    y: f64,
    z: f64,
    is_level: bool,
    source: &'static str,
    spread_mm: Option<f64>,
}

impl LandmarksCommand {
    pub fn run(&self, terminal: &Terminal) -> Result<(), Failure> {
        let opened = self.case.load(terminal)?;
        if let Some(path) = &self.picture {
            opened.refuse_source(path)?;
            if !self.overwrite {
                output::refuse_existing(path)?;
            }
        }
        let volume = &opened.loaded.case.image.volume;
        let found = find_anatomy(volume, terminal).map_err(anatomy_failure)?;
        let mut sources = found.sources(volume);
        add_structures(&mut sources, volume, parts(&opened.loaded.case));
        let landmarks = match ordered_landmarks(&RuleSet::iaslc_2009(), &sources.landmarks) {
            Ok(landmarks) => landmarks,
            Err(out_of_order) => {
                terminal.note(&format!("warning: {out_of_order}"));
                sources.landmarks.clone()
            }
        };
        if let Some(path) = &self.picture {
            output::write_file(path, &png(&picture(volume, &found))?, self.overwrite)?;
        }
        // To the micrometer: more digits say nothing.
        let round = |x: f64| (x * 1000.0).round() / 1000.0;
        let rows = landmarks.iter().map(|(id, landmark)| Row {
            key: id.key(),
            name: id.label(),
            x: round(landmark.position.x),
            y: round(landmark.position.y),
            z: round(landmark.position.z),
            is_level: !id.is_point(),
            source: landmark.source.key(),
            spread_mm: landmark.spread_mm.map(round),
        });
        let rows: Vec<Row> = rows.collect();
        terminal.finish();
        if self.json { output::print_json(&rows) } else { output::print(&text(volume, &found, &rows)) }
    }
}

fn text(volume: &CtVolume, found: &ImageAnatomy, rows: &[Row]) -> String {
    let mut table = Table::new(&["Landmark", "x mm", "y mm", "z mm", "Source", "Spread mm"]);
    for row in rows {
        let level = |x: f64| if row.is_level { "-".to_owned() } else { format!("{x:.1}") };
        let spread = output::number(row.spread_mm, 1);
        table.row([
            row.name.to_owned(),
            level(row.x),
            level(row.y),
            format!("{:.1}", row.z),
            row.source.into(),
            spread,
        ]);
    }
    let cm3 = |mask: &Mask| mask.volume_cm3(&volume.grid);
    let seconds = |time: Duration| time.as_secs_f64();
    let times = found.times;
    format!(
        "{table}\nBody {:.0} cm3, right lung {:.0} cm3, left lung {:.0} cm3, airway {:.1} cm3\n\
         Found in {:.2} s: body {:.2}, airway {:.2}, lungs {:.2}\n",
        cm3(&found.body),
        cm3(&found.lung_right),
        cm3(&found.lung_left),
        cm3(&found.airway),
        seconds(times.total),
        seconds(times.body),
        seconds(times.airway),
        seconds(times.lungs)
    )
}

const LONGEST_PX: usize = 760;
const CROSS_PX: f64 = 6.0;
const CROSS: [u8; 3] = [255, 60, 255];
/// A landmark is drawn on planes not farther from it than this, mm.
const NEAR_MM: f64 = 12.0;

/// A coronal and an axial plane through the carina, side by side.
fn picture(volume: &CtVolume, found: &ImageAnatomy) -> SlicePicture {
    let carina = found.landmarks.iter().find(|(id, _)| id.key() == "z_car").map(|(_, l)| l.position);
    let through = carina.unwrap_or_else(|| volume.grid.center());
    let parts =
        [Orientation::Coronal, Orientation::Axial].map(|orientation| plane(volume, found, orientation, through));
    let width = parts.iter().map(|p| p.size_px[0]).sum();
    let height = parts.iter().map(|p| p.size_px[1]).max().unwrap_or(1);
    let mut whole = SlicePicture::filled([width, height], [0; 3]);
    let mut left = 0;
    for part in &parts {
        whole.paste(part, left, 0);
        left += part.size_px[0];
    }
    whole
}

fn plane(volume: &CtVolume, found: &ImageAnatomy, orientation: Orientation, through: PatientPoint) -> SlicePicture {
    let grid = &*volume.grid;
    let plane = ImagePlane::through(grid, orientation, through);
    let last = grid.shape().map(|n| n as f64 - 1.0);
    let corners = (0..8).map(|n| {
        let at: [f64; 3] = std::array::from_fn(|a| if n >> a & 1 == 0 { 0.0 } else { last[a] });
        let n_mm = grid.position_from_slice_index(at[0]);
        plane.plane_from_patient(grid.patient_from_plane(grid.plane_from_index(at[2], at[1]), n_mm))
    });
    let (low, high) =
        corners.fold((DVec2::splat(f64::MAX), DVec2::splat(f64::MIN)), |(lo, hi), p| (lo.min(p), hi.max(p)));
    let frame = PictureFrame::showing(plane, low, high, LONGEST_PX);
    let mut picture = SlicePicture::of_ct(volume, &frame, WindowLevel::LUNG);
    let colors: [(&Mask, [u8; 3]); 4] = [
        (&found.body, [90, 120, 230]),
        (&found.lung_right, [235, 70, 70]),
        (&found.lung_left, [60, 200, 80]),
        (&found.airway, [250, 225, 40]),
    ];
    let [width, height] = frame.size_px;
    for y in 0..height {
        for x in 0..width {
            let p = frame.patient_from_pixel(DVec2::new(x as f64 + 0.5, y as f64 + 0.5));
            let Some([k, j, i]) = grid.containing_voxel(p) else { continue };
            // The last one that holds the place.
            if let Some((_, color)) = colors.iter().rev().find(|(mask, _)| mask.get(k, j, i)) {
                picture.blend(x, y, *color, 0.22);
            }
        }
    }
    let normal = plane.right.cross(plane.down).normalize_or_zero();
    for (_, landmark) in found.landmarks.iter().filter(|(id, _)| id.is_point()) {
        if (landmark.position - through).dot(normal).abs() > NEAR_MM {
            continue;
        }
        let at = frame.pixel_from_patient(landmark.position);
        let mut cross = Coverage::new(frame.size_px);
        for step in [DVec2::X * CROSS_PX, DVec2::Y * CROSS_PX] {
            cross.line(at - step, at + step, 1.5);
        }
        cross.paint(&mut picture, CROSS, 1.0);
    }
    picture
}
