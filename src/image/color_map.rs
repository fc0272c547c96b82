//! Colours for values laid over a grey image, computed in OKLab (Ottosson 2020): lightness rises evenly with the
//! value, so that the order is seen without hue, on a grey print and by colour-blind readers.

/// A scale of colours from low to high.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Default, strum::EnumIter, strum::Display, serde::Serialize, serde::Deserialize,
)]
pub enum ColorMap {
    /// Violet over red and orange to pale yellow.
    #[default]
    Heat,
    /// Blue over green to yellow.
    Sea,
    /// Black to white.
    Grey,
}

impl ColorMap {
    /// sRGB of a share from 0 to 1.
    pub fn color(self, share: f64) -> [u8; 3] {
        let t = share.clamp(0.0, 1.0);
        let arc = (std::f64::consts::PI * t).sin();
        let (lightness, chroma, hue) = match self {
            Self::Heat => (0.24 + 0.71 * t, 0.10 + 0.12 * arc, 295.0 + 170.0 * t),
            Self::Sea => (0.30 + 0.63 * t, 0.11 + 0.07 * arc, 275.0 - 170.0 * t),
            Self::Grey => (0.10 + 0.89 * t, 0.0, 0.0),
        };
        in_gamut(lightness, chroma, hue)
    }

    /// Colours of so many lines or bands, the lowest first; bright enough to be read on a dark image.
    pub fn levels(self, count: usize) -> Vec<[u8; 3]> {
        let share = |n: usize| if count < 2 { 1.0 } else { n as f64 / (count - 1) as f64 };
        (0..count).map(|n| self.color(0.42 + 0.58 * share(n))).collect()
    }
}

/// The nearest colour of this lightness and hue (degrees) that a screen shows: chroma gives way.
fn in_gamut(lightness: f64, chroma: f64, hue: f64) -> [u8; 3] {
    let (sin, cos) = hue.to_radians().sin_cos();
    let linear = |c: f64| linear_from_oklab(lightness, c * cos, c * sin);
    let fits = |rgb: [f64; 3]| rgb.iter().all(|c| (-1e-3..=1.001).contains(c));
    let (mut low, mut high) = (0.0, chroma);
    if !fits(linear(chroma)) {
        for _ in 0..20 {
            let middle = f64::midpoint(low, high);
            if fits(linear(middle)) { low = middle } else { high = middle }
        }
        high = low;
    }
    linear(high).map(|c| {
        let c = c.clamp(0.0, 1.0);
        let encoded = if c <= 0.003_130_8 { 12.92 * c } else { 1.055 * c.powf(1.0 / 2.4) - 0.055 };
        (encoded * 255.0).round() as u8
    })
}

fn linear_from_oklab(l: f64, a: f64, b: f64) -> [f64; 3] {
    let l3 = (l + 0.396_337_777_4 * a + 0.215_803_757_3 * b).powi(3);
    let m3 = (l - 0.105_561_345_8 * a - 0.063_854_172_8 * b).powi(3);
    let s3 = (l - 0.089_484_177_5 * a - 1.291_485_548_0 * b).powi(3);
    [
        4.076_741_662_1 * l3 - 3.307_711_591_3 * m3 + 0.230_969_929_2 * s3,
        -1.268_438_004_6 * l3 + 2.609_757_401_1 * m3 - 0.341_319_396_5 * s3,
        -0.004_196_086_3 * l3 - 0.703_418_614_7 * m3 + 1.707_614_701_0 * s3,
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use strum::IntoEnumIterator as _;

    fn luminance(rgb: [u8; 3]) -> f64 {
        let [r, g, b] = rgb.map(|c| (f64::from(c) / 255.0).powf(2.2));
        0.2126 * r + 0.7152 * g + 0.0722 * b
    }

    #[test]
    fn lightness_rises_all_the_way() {
        for map in ColorMap::iter() {
            let all: Vec<f64> = (0..=64).map(|n| luminance(map.color(f64::from(n) / 64.0))).collect();
            assert!(all.windows(2).all(|w| w[1] > w[0]), "{map}: {all:?}");
            assert!(all[64] - all[0] > 0.6, "{map}");
        }
    }

    #[test]
    fn seven_levels_differ_for_the_color_blind() {
        // Simulation matrices for full protanopia and deuteranopia (Machado, Oliveira and Fernandes 2009), on linear RGB.
        let protan = [[0.152, 1.053, -0.205], [0.115, 0.786, 0.099], [-0.004, -0.048, 1.052]];
        let deutan = [[0.367, 0.861, -0.228], [0.280, 0.673, 0.047], [-0.012, 0.043, 0.969]];
        for map in [ColorMap::Heat, ColorMap::Sea] {
            let levels = map.levels(7);
            for matrix in [protan, deutan] {
                let seen = |c: [u8; 3]| {
                    let l = c.map(|v| (f64::from(v) / 255.0).powf(2.2));
                    matrix
                        .map(|row: [f64; 3]| (0..3).map(|k| row[k] * l[k]).sum::<f64>().clamp(0.0, 1.0).powf(1.0 / 2.2))
                };
                for pair in levels.windows(2) {
                    let (a, b) = (seen(pair[0]), seen(pair[1]));
                    let distance: f64 = (0..3).map(|k| (a[k] - b[k]).powi(2)).sum::<f64>().sqrt();
                    assert!(distance > 0.07, "{map} {pair:?} {distance:.3}");
                }
            }
        }
    }
}
