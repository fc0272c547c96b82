//! Colors of stations, targets and organs, the same wherever they are drawn.
//!
//! Stations that touch each other differ clearly (CIE76 25 and more) for normal, red-blind and
//! green-blind eyes, and no station looks like a target.

use super::{Role, Station};

/// Color of a station, sRGB.
pub fn station_color(station: Station) -> [u8; 3] {
    match station {
        Station::S1R => [0, 140, 56],
        Station::S1L => [174, 157, 242],
        Station::S2R => [119, 36, 242],
        Station::S2L => [242, 160, 36],
        Station::S3A => [191, 29, 126],
        Station::S3P => [56, 73, 140],
        Station::S4R => [140, 56, 56],
        Station::S4L => [0, 145, 242],
        Station::S5 => [242, 184, 97],
        Station::S6 => [36, 78, 242],
        Station::S7 => [97, 242, 184],
        Station::S8 => [242, 213, 97],
        Station::S10R => [155, 97, 242],
        Station::S10L => [121, 91, 140],
        Station::S11R => [140, 56, 123],
        Station::S11L => [159, 29, 191],
    }
}

/// Color of a role, sRGB. Organs are told apart by [`organ_color`].
pub fn role_color(role: Role) -> [u8; 3] {
    match role {
        Role::Gtvp => [230, 25, 40],
        Role::Gtvn => [255, 120, 190],
        Role::Ctv => [255, 225, 25],
        Role::Station(station) => station_color(station),
        Role::Organ => [150, 170, 180],
        Role::Other => [200, 200, 200],
    }
}

/// Color of an organ by its name: what anatomy plates use where a word of the name tells, grey-blue otherwise.
pub fn organ_color(name: &str) -> [u8; 3] {
    const BY_WORD: [(&str, [u8; 3]); 19] = [
        ("body", [110, 110, 110]),
        ("lung", [120, 190, 220]),
        ("airway", [170, 230, 240]),
        ("trachea", [170, 230, 240]),
        ("bronch", [170, 230, 240]),
        ("pulmonary", [80, 110, 200]),
        ("aorta", [200, 70, 60]),
        ("a_", [215, 100, 85]),
        ("v_", [90, 120, 210]),
        ("vessel", [120, 110, 190]),
        ("heart", [180, 90, 100]),
        ("esophagus", [190, 150, 110]),
        ("canal", [240, 240, 150]),
        ("cord", [240, 240, 150]),
        ("thyroid", [200, 130, 170]),
        ("liver", [150, 90, 70]),
        ("vertebra", [225, 215, 190]),
        ("sternum", [225, 215, 190]),
        ("rib", [215, 205, 180]),
    ];
    let lower = name.to_lowercase();
    BY_WORD
        .iter()
        .find(|(word, _)| if word.ends_with('_') { lower.starts_with(word) } else { lower.contains(word) })
        .map_or(role_color(Role::Organ), |(_, color)| *color)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// CIE L*a*b* of an sRGB color seen through a matrix on linear RGB.
    fn lab(color: [u8; 3], seen: &[[f64; 3]; 3]) -> [f64; 3] {
        let linear = color.map(|c| {
            let c = f64::from(c) / 255.0;
            if c <= 0.04045 { c / 12.92 } else { ((c + 0.055) / 1.055).powf(2.4) }
        });
        let l = seen.map(|row| (0..3).map(|n| row[n] * linear[n]).sum::<f64>().clamp(0.0, 1.0));
        let f = |t: f64| if t > 0.008856 { t.cbrt() } else { 7.787 * t + 16.0 / 116.0 };
        let x = f((0.4124 * l[0] + 0.3576 * l[1] + 0.1805 * l[2]) / 0.9505);
        let y = f(0.2126 * l[0] + 0.7152 * l[1] + 0.0722 * l[2]);
        let z = f((0.0193 * l[0] + 0.1192 * l[1] + 0.9505 * l[2]) / 1.089);
        [116.0 * y - 16.0, 500.0 * (x - y), 200.0 * (y - z)]
    }

    /// Smallest difference over normal, red-blind and green-blind sight (Machado 2009, severity 1).
    fn difference(a: [u8; 3], b: [u8; 3]) -> f64 {
        let sights = [
            [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]],
            [[0.367_322, 0.860_646, -0.227_968], [0.280_085, 0.672_501, 0.047_413], [-0.011_820, 0.042_940, 0.968_881]],
            [
                [0.152_286, 1.052_583, -0.204_868],
                [0.114_503, 0.786_281, 0.099_216],
                [-0.003_882, -0.048_116, 1.051_998],
            ],
        ];
        let distance = |p: [f64; 3], q: [f64; 3]| (0..3).map(|n| (p[n] - q[n]).powi(2)).sum::<f64>().sqrt();
        sights.iter().map(|s| distance(lab(a, s), lab(b, s))).fold(f64::INFINITY, f64::min)
    }

    #[test]
    fn neighbors_differ_for_every_eye_and_no_station_looks_like_a_target() {
        let touching = "1R-1L 1R-2R 1L-2L 2R-2L 2R-3A 2L-3A 2R-3P 2L-3P 2R-4R 2L-4L 3A-4R 3A-4L 3A-6 3A-5 3P-4R 3P-4L \
                        4R-4L 4L-5 5-6 4L-6 4R-10R 4R-7 4L-7 4L-10L 5-10L 7-8 7-10R 7-10L 8-10R 8-10L 10R-11R 10L-11L \
                        7-11R 7-11L 8-11R 8-11L 3P-8 3P-7 3A-10R 3A-1R 3A-1L 3P-1R 3P-1L";
        for pair in touching.split_whitespace() {
            let (a, b) = pair.split_once('-').expect("a pair");
            let color = |s: &str| station_color(s.parse().expect("a station"));
            let d = difference(color(a), color(b));
            assert!(d >= 25.0, "{pair}: {d:.1}");
        }
        let targets = [Role::Gtvp, Role::Gtvn, Role::Ctv].map(role_color);
        for station in Station::all() {
            assert!(targets.iter().all(|t| difference(*t, station_color(station)) >= 15.0), "{station}");
            for other in Station::all().filter(|o| *o != station) {
                assert!(station_color(station) != station_color(other));
            }
        }
    }
}
