//! What a contour must be (PS3.3 C.8.8.6.1 and C.8.8.6.3).

use super::{Place, Report};
use crate::dicom::contours::{Contour, ContourKind};
use crate::dicom::raw::DataSet;
use crate::geometry::PatientPoint;
use dicom_core::Tag;
use dicom_dictionary_std::tags;
use glam::DVec3;
use rayon::prelude::*;

const PART: &str = "PS3.3 C.8.8.6";
/// How far a point of a planar contour may lie from its plane, mm.
const PLANAR_MM: f64 = 0.1;

/// What is wrong with one contour: whether it is an error, the attribute, the words, the value.
type Wrong = (bool, Tag, &'static str, String);

pub(super) fn check(report: &mut Report, ds: &DataSet) {
    for (n, item) in ds.items(tags::ROI_CONTOUR_SEQUENCE).iter().enumerate() {
        let at = Place::default().roi_item(tags::ROI_CONTOUR_SEQUENCE, n, item);
        let contours = item.items(tags::CONTOUR_SEQUENCE);
        let wrong: Vec<Vec<Wrong>> = contours.par_iter().map(wrong_with).collect();
        for (c, wrong) in wrong.into_iter().enumerate() {
            let place = at.item(tags::CONTOUR_SEQUENCE, c);
            for (is_error, tag, text, value) in wrong {
                if is_error {
                    report.error(&place, tag, text, &value, PART);
                } else {
                    report.warning(&place, tag, text, &value, PART);
                }
            }
        }
        let kinds = || contours.iter().map(|c| c.string(tags::CONTOUR_GEOMETRIC_TYPE));
        if kinds().any(|k| k == "CLOSEDPLANAR_XOR") && kinds().any(|k| k != "CLOSEDPLANAR_XOR") {
            let text = "mixes CLOSEDPLANAR_XOR with contours of other types";
            report.error(&at, tags::CONTOUR_SEQUENCE, text, "", "PS3.3 C.8.8.6.3");
        }
    }
}

/// True for a closed contour in which nothing is wrong, as its text shows without reading numbers: as many
/// points as it says, at least three, all with the same third coordinate, the last one not the first. Nearly all
/// contours are like that, and there may be a million points.
fn is_plainly_good(item: &DataSet) -> bool {
    let bytes = item.bytes(tags::CONTOUR_DATA).unwrap_or_default().trim_ascii_end();
    let bytes = bytes.strip_suffix(b"\0").unwrap_or(bytes);
    let mut values = bytes.split(|b| *b == b'\\');
    let (mut points, mut first, mut last) = (0, None, None);
    while let Some(x) = values.next() {
        let (Some(y), Some(z)) = (values.next(), values.next()) else { return false };
        let point = [x, y, z];
        let [_, _, level] = *first.get_or_insert(point);
        if level != z || !point.iter().all(|v| is_near(v)) {
            return false;
        }
        last = Some(point);
        points += 1;
    }
    let kind = item.string(tags::CONTOUR_GEOMETRIC_TYPE);
    matches!(kind.as_str(), "CLOSED_PLANAR" | "CLOSEDPLANAR_XOR")
        && points >= 3
        && first != last
        && item.integer(tags::NUMBER_OF_CONTOUR_POINTS) == Some(points)
}

/// A plain number that no reader refuses: a sign, up to five digits, a fraction.
fn is_near(value: &[u8]) -> bool {
    let digits = value.strip_prefix(b"-").unwrap_or(value);
    let whole = digits.iter().take_while(|b| b.is_ascii_digit()).count();
    let rest = &digits[whole..];
    (1..=5).contains(&whole)
        && rest.strip_prefix(b".").map_or(rest.is_empty(), |fraction| fraction.iter().all(u8::is_ascii_digit))
}

fn wrong_with(item: &DataSet) -> Vec<Wrong> {
    if is_plainly_good(item) {
        return Vec::new();
    }
    let contour = Contour::of(item);
    let mut wrong = Vec::new();
    let points = contour.points.len();
    if points == 0 {
        if item.bytes(tags::CONTOUR_DATA).is_some_and(|b| !b.trim_ascii().is_empty()) {
            wrong.push((true, tags::CONTOUR_DATA, "is no list of triples of numbers", String::new()));
        }
        return wrong;
    }
    if item.get(tags::NUMBER_OF_CONTOUR_POINTS).is_some() && !contour.is_complete
        || item.integer(tags::NUMBER_OF_CONTOUR_POINTS).is_none()
    {
        let value = item.string(tags::NUMBER_OF_CONTOUR_POINTS);
        wrong.push((true, tags::NUMBER_OF_CONTOUR_POINTS, "is not the number of points", value));
    }
    match contour.kind {
        ContourKind::Closed | ContourKind::ClosedXor => {
            if points < 3 {
                wrong.push((true, tags::CONTOUR_DATA, "is a closed contour of fewer than three points", String::new()));
            } else if contour.points.first() == contour.points.last() {
                let text = "repeats the first point at the end; a closed contour closes by itself";
                wrong.push((false, tags::CONTOUR_DATA, text, String::new()));
            }
        }
        ContourKind::Point if points != 1 => {
            wrong.push((true, tags::CONTOUR_DATA, "is a POINT of several points", String::new()));
        }
        ContourKind::Point | ContourKind::Open => {}
    }
    let is_planar = contour.is_closed() || item.string(tags::CONTOUR_GEOMETRIC_TYPE) == "OPEN_PLANAR";
    if is_planar && out_of_plane_mm(&contour.points) > PLANAR_MM {
        wrong.push((true, tags::CONTOUR_DATA, "does not lie in one plane", String::new()));
    }
    wrong
}

/// Largest distance of a point from the plane of all, mm: the plane through the middle of the points with
/// the normal of their area (Newell), which is robust for points in a line: those are in a plane.
fn out_of_plane_mm(points: &[PatientPoint]) -> f64 {
    let middle = points.iter().sum::<DVec3>() / points.len() as f64;
    let next = points.iter().cycle().skip(1);
    let normal: DVec3 = points.iter().zip(next).map(|(p, q)| (*p - middle).cross(*q - middle)).sum();
    let size = points.iter().map(|p| p.distance_squared(middle)).fold(0.0, f64::max);
    // Rings that enclose next to nothing have no normal of their own: an axial plane is tried for them.
    let normal = if normal.length() < 1e-6 * size.max(1e-12) { DVec3::Z } else { normal.normalize() };
    points.iter().map(|p| (*p - middle).dot(normal).abs()).fold(0.0, f64::max)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_contour_out_of_its_plane_is_seen_and_an_oblique_one_is_not() {
        let ring = |tilt: f64, bump: f64| -> Vec<DVec3> {
            (0..24)
                .map(|n| {
                    let a = std::f64::consts::TAU * f64::from(n) / 24.0;
                    let (x, y) = (30.0 * a.cos(), 20.0 * a.sin());
                    DVec3::new(x, y, tilt * x + if n == 5 { bump } else { 0.0 })
                })
                .collect()
        };
        assert!(out_of_plane_mm(&ring(0.0, 0.0)) < 1e-9 && out_of_plane_mm(&ring(0.4, 0.0)) < 1e-9);
        assert!(out_of_plane_mm(&ring(0.0, 0.5)) > 0.4);
        let line = [DVec3::ZERO, DVec3::X, 2.0 * DVec3::X];
        assert!(out_of_plane_mm(&line) < 1e-9);
    }
}
