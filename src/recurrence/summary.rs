//! Recurrences of many patients: how many in which pattern, and how much of their stations the plans covered.

use super::Pattern;
use crate::structures::Station;

/// What is counted of one patient.
#[derive(Debug, Clone, PartialEq)]
pub struct PatientRecurrence {
    /// As a physicist confirmed it, else as proposed; `None` where it touches none.
    pub station: Option<Station>,
    pub confirmed: bool,
    pub by_ctv: Option<Pattern>,
    pub by_isodose: Option<Pattern>,
    /// Share of that station inside the CTV, percent.
    pub ctv_percent: Option<f64>,
}

/// How often a pattern was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct PatternCount {
    pub pattern: Pattern,
    pub by_ctv: usize,
    pub by_isodose: usize,
}

/// How values spread. Quartiles by linear interpolation between ordered values (type 7 of Hyndman and Fan 1996, the usual
/// one of numpy and R).
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Spread {
    pub n: usize,
    pub min: f64,
    pub q1: f64,
    pub median: f64,
    pub q3: f64,
    pub max: f64,
    pub mean: f64,
    /// In ascending order.
    pub values: Vec<f64>,
}

impl Spread {
    /// `None` of no values.
    pub fn of(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut values: Vec<f64> = values.into_iter().collect();
        values.sort_by(f64::total_cmp);
        let (min, max) = (*values.first()?, *values.last()?);
        let quantile = |q: f64| {
            let at = q * (values.len() - 1) as f64;
            let low = at.floor() as usize;
            let high = (low + 1).min(values.len() - 1);
            values[low] + (at - low as f64) * (values[high] - values[low])
        };
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        Some(Self {
            n: values.len(),
            min,
            q1: quantile(0.25),
            median: quantile(0.5),
            q3: quantile(0.75),
            max,
            mean,
            values,
        })
    }
}

/// Recurrences in one station.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct StationCoverage {
    pub station: Station,
    pub recurrences: usize,
    /// Share of the station inside the CTV over these patients, percent; `None` where no plan had one.
    pub ctv_percent: Option<Spread>,
}

/// All patients together.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Summary {
    pub recurrences: usize,
    pub confirmed: usize,
    /// In no station.
    pub without_station: usize,
    pub patterns: Vec<PatternCount>,
    /// Of the recurrent stations of all patients.
    pub ctv_percent: Option<Spread>,
    /// Stations with recurrences, in canonical order.
    pub stations: Vec<StationCoverage>,
}

pub fn summarise(patients: &[PatientRecurrence]) -> Summary {
    let count = |of: &dyn Fn(&PatientRecurrence) -> bool| patients.iter().filter(|p| of(p)).count();
    let patterns = Pattern::ALL.map(|pattern| PatternCount {
        pattern,
        by_ctv: count(&|p| p.by_ctv == Some(pattern)),
        by_isodose: count(&|p| p.by_isodose == Some(pattern)),
    });
    let stations = Station::all().filter_map(|station| {
        let there: Vec<&PatientRecurrence> = patients.iter().filter(|p| p.station == Some(station)).collect();
        (!there.is_empty()).then(|| StationCoverage {
            station,
            recurrences: there.len(),
            ctv_percent: Spread::of(there.iter().filter_map(|p| p.ctv_percent)),
        })
    });
    Summary {
        recurrences: patients.len(),
        confirmed: count(&|p| p.confirmed),
        without_station: count(&|p| p.station.is_none()),
        patterns: patterns.to_vec(),
        ctv_percent: Spread::of(patients.iter().filter_map(|p| p.ctv_percent)),
        stations: stations.collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quartiles_are_those_of_numpy() {
        // numpy 2: numpy.percentile([12.5, 40, 41, 77, 98], [25, 50, 75]) = [40, 41, 77]; of the first four [33.125, 40.5, 50]
        let five = Spread::of([98.0, 12.5, 77.0, 41.0, 40.0]).expect("values");
        assert_eq!((five.min, five.q1, five.median, five.q3, five.max), (12.5, 40.0, 41.0, 77.0, 98.0));
        let four = Spread::of([12.5, 40.0, 41.0, 77.0]).expect("values");
        assert_eq!((four.q1, four.median, four.q3), (33.125, 40.5, 50.0));
        assert!(Spread::of([]).is_none());
    }

    #[test]
    fn patients_are_counted_by_pattern_and_station() {
        let patient = |station, by_ctv, ctv_percent, confirmed| PatientRecurrence {
            station,
            confirmed,
            by_ctv,
            by_isodose: None,
            ctv_percent,
        };
        let all = summarise(&[
            patient(Some(Station::S4R), Some(Pattern::InField), Some(90.0), true),
            patient(Some(Station::S4R), Some(Pattern::Marginal), Some(30.0), false),
            patient(Some(Station::S7), None, None, false),
            patient(None, Some(Pattern::OutOfField), None, false),
        ]);
        assert_eq!((all.recurrences, all.confirmed, all.without_station), (4, 1, 1));
        assert_eq!(all.patterns.iter().map(|p| p.by_ctv).collect::<Vec<_>>(), [1, 1, 1]);
        let of: Vec<(Station, usize, bool)> =
            all.stations.iter().map(|s| (s.station, s.recurrences, s.ctv_percent.is_some())).collect();
        assert_eq!(of, [(Station::S4R, 2, true), (Station::S7, 1, false)]);
        assert_eq!(all.ctv_percent.expect("two values").median, 60.0);
    }
}
