//! The mediastinum as a drawing, in numbers: airway, vessels, and the field of every station.
//!
//! Coordinates are those of a sheet 128 wide and 108 high, seen from the front: the patient's right is on the left. 3A and
//! 3P lie before and behind the trachea and have a view from the side beside it.

use crate::structures::Station;
use crate::words::keep;

/// Width and height of the sheet.
pub const SHEET: [f64; 2] = [128.0, 108.0];
/// Half width and half height of a station's field.
pub const FIELD: [f64; 2] = [7.6, 5.2];
/// The view from the side: left, top, right, bottom.
pub const SIDE_VIEW: [f64; 4] = [88.0, 2.0, 127.5, 52.0];

/// What a tube of the drawing is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    Esophagus,
    Artery,
    Vein,
    Airway,
    PulmonaryArtery,
}

/// A thick line with round joints and ends along a smooth curve.
#[derive(Debug, Clone, Copy)]
pub struct Tube {
    pub part: Part,
    pub points: &'static [[f64; 2]],
    pub width: f64,
}

const fn tube(part: Part, width: f64, points: &'static [[f64; 2]]) -> Tube {
    Tube { part, points, width }
}

/// From back to front.
pub const TUBES: [Tube; 21] = {
    use Part::{Airway, Artery, Esophagus, PulmonaryArtery, Vein};
    [
        tube(Esophagus, 3.4, &[[52.0, 2.0], [52.0, 40.0], [50.0, 75.0], [54.0, 106.0]]),
        tube(Artery, 6.0, &[[66.0, 44.0], [67.0, 60.0], [65.0, 84.0], [61.0, 106.0]]),
        tube(Vein, 2.0, &[[44.0, 34.0], [40.5, 49.0], [41.0, 60.0], [43.0, 70.0]]),
        tube(Airway, 6.4, &[[49.0, 1.0], [49.0, 30.0], [49.0, 54.0]]),
        tube(Airway, 5.0, &[[48.0, 52.0], [41.0, 60.0], [31.0, 67.0], [22.0, 72.0]]),
        tube(Airway, 3.2, &[[37.0, 62.5], [28.0, 60.0], [21.0, 57.0]]),
        tube(Airway, 3.8, &[[33.0, 66.0], [29.0, 77.0], [26.0, 88.0]]),
        tube(Airway, 4.6, &[[50.0, 52.0], [60.0, 61.0], [71.0, 68.0], [79.0, 72.0]]),
        tube(Airway, 3.4, &[[73.0, 69.0], [77.0, 79.0], [80.0, 88.0]]),
        tube(Airway, 3.0, &[[73.0, 69.0], [81.0, 65.0], [86.0, 60.0]]),
        tube(PulmonaryArtery, 4.6, &[[55.0, 88.0], [56.0, 74.0], [62.0, 65.0], [78.0, 62.0]]),
        tube(PulmonaryArtery, 3.6, &[[56.0, 70.0], [44.0, 66.0], [27.0, 66.0]]),
        tube(Artery, 2.8, &[[43.0, 33.5], [38.0, 20.0], [35.0, 6.0]]),
        tube(Artery, 2.4, &[[56.0, 32.0], [57.0, 16.0], [60.0, 2.0]]),
        tube(Artery, 2.4, &[[62.0, 33.0], [68.0, 20.0], [78.0, 8.0]]),
        tube(
            Artery,
            6.6,
            &[[47.0, 90.0], [43.5, 68.0], [43.5, 46.0], [48.0, 36.0], [56.0, 32.5], [64.0, 35.0], [66.5, 45.0]],
        ),
        tube(Vein, 3.4, &[[80.0, 15.0], [58.0, 27.0], [36.0, 33.0]]),
        tube(Vein, 3.4, &[[24.0, 15.0], [31.0, 25.0], [34.5, 33.0]]),
        tube(Vein, 4.8, &[[34.5, 32.0], [33.5, 50.0], [35.0, 82.0]]),
        // From the side.
        tube(Airway, 4.2, &[[109.0, 11.0], [109.5, 30.0], [110.5, 46.0]]),
        tube(Artery, 4.0, &[[103.5, 46.0], [103.5, 38.0], [106.0, 36.5]]),
    ]
};

/// Words on the sheet, each around its middle.
pub const LABELS: [([f64; 2], &str); 9] = [
    ([8.0, 4.0], keep("Right")),
    ([84.0, 4.0], keep("Left")),
    ([49.0, 38.0], keep("Trachea")),
    ([69.0, 92.0], keep("Aorta")),
    ([30.0, 90.0], keep("Lower lobe")),
    ([23.0, 52.0], keep("Upper lobe")),
    ([107.0, 5.5], keep("From the side")),
    ([92.5, 48.0], keep("Front")),
    ([121.5, 48.0], keep("Back")),
];

/// Middle of a station's field on the sheet.
pub fn field_center(station: Station) -> [f64; 2] {
    match station {
        Station::S1R => [31.0, 9.0],
        Station::S1L => [67.0, 9.0],
        Station::S2R => [38.5, 25.0],
        Station::S2L => [60.5, 23.0],
        Station::S3A => [98.0, 27.0],
        Station::S3P => [119.0, 27.0],
        Station::S4R => [38.0, 44.0],
        Station::S4L => [57.0, 50.0],
        Station::S5 => [73.0, 51.0],
        Station::S6 => [77.0, 37.0],
        Station::S7 => [49.0, 71.0],
        Station::S8 => [49.0, 93.0],
        Station::S10R => [28.5, 60.0],
        Station::S10L => [75.0, 66.0],
        Station::S11R => [17.5, 73.0],
        Station::S11L => [82.0, 79.0],
    }
}

/// Points along a Catmull-Rom curve through the given ones.
pub fn smooth(points: &[[f64; 2]]) -> Vec<[f64; 2]> {
    const STEPS: usize = 12;
    let Some(last) = points.len().checked_sub(1).filter(|last| *last >= 2) else { return points.to_vec() };
    let mut out = Vec::with_capacity(points.len() * STEPS);
    for i in 0..last {
        let [p0, p1, p2, p3] = [i.saturating_sub(1), i, i + 1, (i + 2).min(last)].map(|n| points[n]);
        for s in 0..STEPS {
            let t = s as f64 / STEPS as f64;
            out.push([0, 1].map(|a| {
                let (a0, a1, a2, a3) = (p0[a], p1[a], p2[a], p3[a]);
                0.5 * (2.0 * a1
                    + (a2 - a0) * t
                    + (2.0 * a0 - 5.0 * a1 + 4.0 * a2 - a3) * t * t
                    + (3.0 * a1 - a0 - 3.0 * a2 + a3) * t * t * t)
            }));
        }
    }
    out.push(points[last]);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_stations_overlap_and_all_lie_on_the_sheet() {
        let all: Vec<Station> = Station::all().collect();
        for (n, a) in all.iter().enumerate() {
            let [x, y] = field_center(*a);
            assert!(x > FIELD[0] && x < SHEET[0] - FIELD[0] && y > FIELD[1] && y < SHEET[1] - FIELD[1], "{a}");
            for b in &all[n + 1..] {
                let [u, v] = field_center(*b);
                let apart = (x - u).abs() >= 2.0 * FIELD[0] - 0.2 || (y - v).abs() >= 2.0 * FIELD[1] - 0.2;
                assert!(apart, "{a} {b}");
            }
        }
    }

    #[test]
    fn a_curve_goes_through_its_points() {
        for tube in TUBES {
            let curve = smooth(tube.points);
            for p in tube.points {
                assert!(curve.iter().any(|q| (q[0] - p[0]).hypot(q[1] - p[1]) < 1e-9), "{p:?}");
            }
        }
    }
}
