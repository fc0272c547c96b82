//! SUV by body weight as the Quantitative Imaging Biomarkers Alliance defines it (vendor-neutral pseudo-code of the
//! FDG-PET/CT profile): activity concentration x body weight / injected activity, the latter decayed to the time to
//! which the image is decay corrected. What is missing is named; nothing is guessed.

use super::raw::DataSet;
use dicom_core::Tag;
use dicom_core::chrono::{Duration, NaiveDate, NaiveDateTime, NaiveTime};
use dicom_dictionary_std::tags;

const PHILIPS_CREATOR: Tag = Tag(0x7053, 0x0010);
const PHILIPS_SUV_FACTOR: Tag = Tag(0x7053, 0x1000);
const PHILIPS_ACTIVITY_FACTOR: Tag = Tag(0x7053, 0x1009);
const GE_CREATOR: Tag = Tag(0x0009, 0x0010);
const GE_SCAN_DATE_TIME: Tag = Tag(0x0009, 0x100D);

/// Below this an injected activity is not in Bq but in MBq or mCi, Bq.
const LEAST_DOSE_BQ: f64 = 1e5;
/// Beyond this a weight is not in kg.
const MOST_WEIGHT_KG: f64 = 650.0;
/// A start time without a date is only sure where the nuclide is gone within a day.
const LONG_LIVED_S: f64 = 86_400.0;

/// What the header of one PET image says about its values. Texts are empty and numbers `None` where absent.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct PetHeader {
    units: String,
    suv_type: String,
    corrections: String,
    decay_correction: String,
    has_rescale: bool,
    series: Option<NaiveDateTime>,
    acquisition: Option<NaiveDateTime>,
    ge_scan: Option<NaiveDateTime>,
    /// Actual Frame Duration, s.
    duration_s: Option<f64>,
    /// Frame Reference Time, s.
    reference_s: Option<f64>,
    weight_kg: Option<f64>,
    radiopharmaceuticals: usize,
    injection: Option<NaiveDateTime>,
    injection_time: Option<NaiveTime>,
    dose_bq: Option<f64>,
    half_life_s: Option<f64>,
    philips_suv: Option<f64>,
    philips_activity: Option<f64>,
}

impl PetHeader {
    pub(super) fn of(ds: &DataSet) -> Self {
        let number = |ds: &DataSet, tag| ds.decimals(tag).and_then(|v| v.first().copied());
        let moment = |date: Tag, time: Tag| {
            let study = ds.string(tags::STUDY_DATE);
            let date = Some(ds.string(date)).filter(|d| !d.is_empty()).unwrap_or(study);
            Some(parse_date(&date)?.and_time(parse_time(&ds.string(time))?))
        };
        let items = ds.items(tags::RADIOPHARMACEUTICAL_INFORMATION_SEQUENCE);
        let nothing = DataSet::default();
        let drug = items.first().unwrap_or(&nothing);
        let is_philips = ds.string(PHILIPS_CREATOR).to_uppercase().contains("PHILIPS PET");
        let is_ge = ds.string(GE_CREATOR) == "GEMS_PETD_01";
        Self {
            units: ds.string(tags::UNITS),
            suv_type: ds.string(tags::SUV_TYPE),
            corrections: ds.string(tags::CORRECTED_IMAGE),
            decay_correction: ds.string(tags::DECAY_CORRECTION),
            has_rescale: number(ds, tags::RESCALE_SLOPE).is_some(),
            series: moment(tags::SERIES_DATE, tags::SERIES_TIME),
            acquisition: moment(tags::ACQUISITION_DATE, tags::ACQUISITION_TIME),
            ge_scan: is_ge.then(|| parse_date_time(&ds.string(GE_SCAN_DATE_TIME))).flatten(),
            duration_s: number(ds, tags::ACTUAL_FRAME_DURATION).map(|ms| ms / 1000.0),
            reference_s: number(ds, tags::FRAME_REFERENCE_TIME).map(|ms| ms / 1000.0),
            weight_kg: number(ds, tags::PATIENT_WEIGHT),
            radiopharmaceuticals: items.len(),
            injection: parse_date_time(&drug.string(tags::RADIOPHARMACEUTICAL_START_DATE_TIME)),
            injection_time: parse_time(&drug.string(tags::RADIOPHARMACEUTICAL_START_TIME)),
            dose_bq: number(drug, tags::RADIONUCLIDE_TOTAL_DOSE),
            half_life_s: number(drug, tags::RADIONUCLIDE_HALF_LIFE),
            philips_suv: number(ds, PHILIPS_SUV_FACTOR).filter(|f| is_philips && *f > 0.0),
            philips_activity: number(ds, PHILIPS_ACTIVITY_FACTOR).filter(|f| is_philips && *f > 0.0),
        }
    }
}

/// Factors that turn the rescaled values of each image into what is shown.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Scaled {
    pub factors: Vec<f64>,
    pub unit: String,
    /// Why the values are no SUV.
    pub refusal: Option<String>,
    /// How they came about.
    pub method: String,
    pub remarks: Vec<String>,
}

/// SUV by body weight where everything is known, else the raw values.
pub(super) fn scale(headers: &[PetHeader]) -> Scaled {
    match suv(headers) {
        Ok(Suv { factors, method, remarks }) => Scaled {
            factors,
            unit: "g/ml".into(),
            refusal: None,
            method: format!("SUV body weight: {method}"),
            remarks,
        },
        Err(why) => Scaled {
            factors: vec![1.0; headers.len()],
            unit: raw_unit(headers.first().map_or("", |h| h.units.as_str())),
            refusal: Some(why),
            method: "Values as stored in the file, rescaled".into(),
            remarks: Vec::new(),
        },
    }
}

fn raw_unit(units: &str) -> String {
    match units {
        "BQML" => "Bq/ml".into(),
        "CNTS" => "counts".into(),
        "GML" => "g/ml, not by body weight".into(),
        "" => "no unit".into(),
        other => other.to_owned(),
    }
}

struct Suv {
    factors: Vec<f64>,
    method: String,
    remarks: Vec<String>,
}

fn suv(headers: &[PetHeader]) -> Result<Suv, String> {
    let first = headers.first().ok_or("there is no image")?;
    if headers.iter().any(|h| h.units != first.units) {
        return Err("the Units (0054,1001) differ from image to image".into());
    }
    if headers.iter().any(|h| !h.has_rescale) {
        return Err("Rescale Slope (0028,1053) is missing".into());
    }
    let same = |factor: f64, method: &str| {
        Ok(Suv { factors: vec![factor; headers.len()], method: method.to_owned(), remarks: Vec::new() })
    };
    match first.units.as_str() {
        "GML" => match first.suv_type.as_str() {
            "" | "BW" => same(1.0, "the images hold it already (Units GML)"),
            other => Err(format!("the images hold an SUV of another kind, SUV Type (0054,1006) {other}")),
        },
        "BQML" => from_activity(headers, &vec![1.0; headers.len()]),
        "CNTS" => {
            let all = |factor: fn(&PetHeader) -> Option<f64>| headers.iter().map(factor).collect::<Option<Vec<f64>>>();
            if let Some(factors) = all(|h| h.philips_suv) {
                let method = "counts times the SUV factor (7053,1000) of Philips".to_owned();
                return Ok(Suv { factors, method, remarks: Vec::new() });
            }
            let to_activity = all(|h| h.philips_activity).ok_or(
                "the Units (0054,1001) are counts, and the images have neither an SUV factor (7053,1000) nor an activity concentration factor (7053,1009) of Philips",
            )?;
            from_activity(headers, &to_activity)
        }
        "" => Err("Units (0054,1001) is missing".into()),
        other => Err(format!("the Units (0054,1001) are {other}; BQML, GML and counts of Philips are known")),
    }
}

fn from_activity(headers: &[PetHeader], to_bq_per_ml: &[f64]) -> Result<Suv, String> {
    let first = &headers[0];
    let differs = |what: &str| format!("the {what} differs from image to image");
    let weight_kg = first.weight_kg.ok_or("Patient's Weight (0010,1030) is missing")?;
    if !(weight_kg > 0.0 && weight_kg < MOST_WEIGHT_KG) {
        return Err(format!("Patient's Weight (0010,1030) is {weight_kg}, which is no weight in kg"));
    }
    match first.radiopharmaceuticals {
        0 => return Err("Radiopharmaceutical Information Sequence (0054,0016) is missing".into()),
        1 => {}
        n => return Err(format!("Radiopharmaceutical Information Sequence (0054,0016) names {n} injections")),
    }
    let dose_bq = first.dose_bq.ok_or("Radionuclide Total Dose (0018,1074) is missing")?;
    if !(dose_bq >= LEAST_DOSE_BQ && dose_bq.is_finite()) {
        return Err(format!("Radionuclide Total Dose (0018,1074) is {dose_bq}, which is no injected activity in Bq"));
    }
    let half_life_s = first.half_life_s.ok_or("Radionuclide Half Life (0018,1075) is missing")?;
    if !(half_life_s > 0.0 && half_life_s.is_finite()) {
        return Err(format!("Radionuclide Half Life (0018,1075) is {half_life_s} s"));
    }
    let injection = |h: &PetHeader| (h.weight_kg, h.dose_bq, h.half_life_s, h.injection, h.injection_time);
    if headers.iter().any(|h| injection(h) != injection(first)) {
        return Err(differs("weight or the injection (0054,0016)"));
    }
    if headers.iter().any(|h| h.decay_correction != first.decay_correction) {
        return Err(differs("Decay Correction (0054,1102)"));
    }
    if !first.corrections.contains("ATTN") {
        return Err("Corrected Image (0028,0051) lists no attenuation correction (ATTN)".into());
    }
    let decays = matches!(first.decay_correction.as_str(), "START" | "ADMIN");
    if decays && !first.corrections.contains("DECY") {
        return Err(format!(
            "Decay Correction (0054,1102) is {}, but Corrected Image (0028,0051) lists none (DECY)",
            first.decay_correction
        ));
    }
    let grams = weight_kg * 1000.0;
    let mut remarks = Vec::new();
    let left_after = |seconds: f64| (-std::f64::consts::LN_2 * seconds / half_life_s).exp();
    let (per_image, method): (Vec<f64>, String) = match first.decay_correction.as_str() {
        "ADMIN" => (
            vec![grams / dose_bq; headers.len()],
            "activity x weight / injected activity, decay corrected to the injection (ADMIN)".into(),
        ),
        "START" => {
            let (scan, which) = scan_start(headers, half_life_s)?;
            let uptake_s = uptake_s(first, scan, half_life_s, &mut remarks)?;
            let words = format!(
                "activity x weight / injected activity decayed over {:.1} min to the start of the scan (START, {which})",
                uptake_s / 60.0
            );
            (vec![grams / (dose_bq * left_after(uptake_s)); headers.len()], words)
        }
        "NONE" => {
            let lambda = std::f64::consts::LN_2 / half_life_s;
            let mut factors = Vec::with_capacity(headers.len());
            for header in headers {
                let start =
                    header.acquisition.ok_or("Acquisition Date and Time (0008,0022) (0008,0032) are missing")?;
                let seconds = header.duration_s.filter(|s| *s > 0.0);
                let seconds = seconds.ok_or("Actual Frame Duration (0018,1242) is missing")?;
                let uptake_s = uptake_s(header, start, half_life_s, &mut remarks)?;
                // The mean activity over the frame is less than that at its start.
                let at_start = lambda * seconds / -(-lambda * seconds).exp_m1();
                factors.push(grams * at_start / (dose_bq * left_after(uptake_s)));
            }
            let words =
                "activity of each image corrected to its start x weight / injected activity decayed to then (NONE)";
            (factors, words.into())
        }
        "" => return Err("Decay Correction (0054,1102) is missing".into()),
        other => return Err(format!("Decay Correction (0054,1102) is {other}; START, ADMIN and NONE are known")),
    };
    remarks.dedup();
    let factors = per_image.iter().zip(to_bq_per_ml).map(|(a, b)| a * b).collect();
    Ok(Suv { factors, method, remarks })
}

/// The time to which a series with Decay Correction START is corrected, and what it was taken from.
fn scan_start(headers: &[PetHeader], half_life_s: f64) -> Result<(NaiveDateTime, &'static str), String> {
    const MISSING: &str = "Acquisition Date and Time (0008,0022) (0008,0032) are missing";
    let times = headers.iter().map(|h| h.acquisition).collect::<Option<Vec<_>>>().ok_or(MISSING)?;
    let earliest = *times.iter().min().ok_or(MISSING)?;
    let first = &headers[0];
    if let Some(series) = first.series.filter(|s| *s <= earliest) {
        return Ok((series, "series time"));
    }
    // A series made later has the time of its making. GE keeps the start of the scan in a private attribute.
    if let Some(scan) = first.ge_scan {
        return Ok((scan, "scan time (0009,100D) of GE"));
    }
    // Else from the Frame Reference Time: where the mean activity of a frame was reached, counted from the start.
    let lambda = std::f64::consts::LN_2 / half_life_s;
    let of_image = |h: &PetHeader| {
        let (start, duration) = (h.acquisition?, h.duration_s.filter(|s| *s > 0.0)?);
        let mean_at = (lambda * duration / -(-lambda * duration).exp_m1()).ln() / lambda;
        let offset = mean_at - h.reference_s?;
        Some(start + Duration::microseconds((offset * 1e6).round() as i64))
    };
    let starts: Option<Vec<NaiveDateTime>> = headers.iter().map(of_image).collect();
    let starts = starts.ok_or(
        "the series was made after the acquisition, and Frame Reference Time (0054,1300) or Actual Frame Duration (0018,1242) is missing, so the start of the scan is not known",
    )?;
    /// Rounded attributes of different beds may differ by so much, s.
    const SPREAD_S: i64 = 5;
    let (Some(low), Some(high)) = (starts.iter().min(), starts.iter().max()) else { return Err(MISSING.into()) };
    if (*high - *low).num_seconds() > SPREAD_S {
        return Err(
            "the series was made after the acquisition, and the Frame Reference Times (0054,1300) of its images give different starts of the scan"
                .into(),
        );
    }
    Ok((*low, "Frame Reference Time (0054,1300)"))
}

/// Seconds from the injection to a moment.
fn uptake_s(header: &PetHeader, at: NaiveDateTime, half_life_s: f64, remarks: &mut Vec<String>) -> Result<f64, String> {
    let seconds = |from: NaiveDateTime| (at - from).num_milliseconds() as f64 / 1000.0;
    if let Some(injection) = header.injection {
        let uptake = seconds(injection);
        return if uptake >= 0.0 {
            Ok(uptake)
        } else {
            Err(format!("Radiopharmaceutical Start DateTime (0018,1078) lies {:.0} min after the scan", -uptake / 60.0))
        };
    }
    let time = header.injection_time.ok_or(
        "Radiopharmaceutical Start DateTime (0018,1078) and Radiopharmaceutical Start Time (0018,1072) are missing",
    )?;
    if half_life_s > LONG_LIVED_S {
        return Err(
            "Radiopharmaceutical Start DateTime (0018,1078) is missing, and without it the day of the injection is not known for a nuclide that lives so long"
                .into(),
        );
    }
    let same_day = seconds(at.date().and_time(time));
    if same_day >= 0.0 {
        return Ok(same_day);
    }
    remarks.push("The injection was before midnight, the scan after it".into());
    Ok(same_day + 86_400.0)
}

/// DA, also with the points of old files.
fn parse_date(text: &str) -> Option<NaiveDate> {
    let digits: String = text.chars().filter(|c| *c != '.').collect();
    if digits.len() != 8 {
        return None;
    }
    NaiveDate::parse_from_str(&digits, "%Y%m%d").ok()
}

/// TM: hours, and what follows as far as it is given; also with the colons of old files.
fn parse_time(text: &str) -> Option<NaiveTime> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits: String = whole.chars().filter(|c| *c != ':').collect();
    if !matches!(digits.len(), 2 | 4 | 6) || !digits.is_ascii() {
        return None;
    }
    let part = |from: usize| digits.get(from..from + 2).map_or(Some(0), |d| d.parse::<u32>().ok());
    let micro: u32 = format!("{fraction:0<6}").get(..6)?.parse().ok()?;
    // A leap second counts as the one before.
    NaiveTime::from_hms_micro_opt(part(0)?, part(2)?, part(4)?.min(59), micro)
}

/// DT as the clock on the wall showed it; an offset from UTC is that of the same clock.
fn parse_date_time(text: &str) -> Option<NaiveDateTime> {
    let text = text.split(['+', '-']).next().unwrap_or(text);
    Some(parse_date(text.get(..8)?)?.and_time(parse_time(text.get(8..)?)?))
}

#[cfg(test)]
mod tests;
