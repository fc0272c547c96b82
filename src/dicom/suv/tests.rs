//! Golden factors by an independent calculation (Python):
//! `W * 1000 / (D * 2 ** (-t / T))` with W = 75 kg, D = 370e6 Bq, T = 6586.2 s.

use super::super::raw::DataSet;
use super::*;

const AFTER_60_MIN: f64 = 0.000_296_075_016_126_046_3;
/// Times `c = l * d / (1 - exp(-l * d))`, with `l = ln 2 / T` and frames of d = 180 s, 60 and 63 min after the injection.
const NONE_60: f64 = 0.000_298_888_237_021_112_13;
const NONE_63: f64 = 0.000_304_604_233_127_390_97;
/// `ln(c) / l` is 89.857923 s; the second frame begins 180 s after the first.
const BED_TWO_MS: &str = "269857.923";
const AT_INJECTION: f64 = 0.000_202_702_702_702_702_7;

/// An image of a series with everything that is needed: injection at 11:00, scan at 12:00.
fn image() -> DataSet {
    let mut drug = DataSet::default();
    drug.put_str(tags::RADIOPHARMACEUTICAL_START_TIME, "110000.00");
    drug.put_str(tags::RADIONUCLIDE_TOTAL_DOSE, "370000000");
    drug.put_str(tags::RADIONUCLIDE_HALF_LIFE, "6586.2");
    let mut ds = DataSet::default();
    for (tag, value) in [
        (tags::STUDY_DATE, "20210304"),
        (tags::SERIES_DATE, "20210304"),
        (tags::SERIES_TIME, "120000"),
        (tags::ACQUISITION_DATE, "20210304"),
        (tags::ACQUISITION_TIME, "120000.0"),
        (tags::UNITS, "BQML"),
        (tags::CORRECTED_IMAGE, "NORM\\DTIM\\ATTN\\SCAT\\DECY"),
        (tags::DECAY_CORRECTION, "START"),
        (tags::PATIENT_WEIGHT, "75"),
        (tags::RESCALE_SLOPE, "1.5"),
        (tags::ACTUAL_FRAME_DURATION, "180000"),
    ] {
        ds.put_str(tag, value);
    }
    ds.put_items(tags::RADIOPHARMACEUTICAL_INFORMATION_SEQUENCE, vec![drug]);
    ds
}

fn drug(ds: &mut DataSet) -> &mut DataSet {
    &mut ds.items_mut(tags::RADIOPHARMACEUTICAL_INFORMATION_SEQUENCE).expect("there")[0]
}

fn of(images: &[DataSet]) -> Scaled {
    scale(&images.iter().map(PetHeader::of).collect::<Vec<_>>())
}

/// The factor of a series of one image, changed.
fn factor(change: impl FnOnce(&mut DataSet)) -> Result<f64, String> {
    let mut ds = image();
    change(&mut ds);
    let scaled = of(&[ds]);
    scaled.refusal.map_or(Ok(scaled.factors[0]), Err)
}

#[track_caller]
fn assert_factor(found: Result<f64, String>, expected: f64) {
    let found = found.expect("SUV");
    assert!((found / expected - 1.0).abs() < 1e-9, "{found:e} instead of {expected:e}");
}

#[test]
fn decay_is_counted_from_the_injection_to_the_time_of_correction() {
    assert_factor(factor(|_| {}), AFTER_60_MIN);
    assert_factor(factor(|ds| ds.put_str(tags::DECAY_CORRECTION, "ADMIN")), AT_INJECTION);
    // Uncorrected frames of 3 min, the second from 12:03: the factor times the mean of the decay over the frame.
    let (mut first, mut second) = (image(), image());
    for ds in [&mut first, &mut second] {
        ds.put_str(tags::DECAY_CORRECTION, "NONE");
        ds.put_str(tags::CORRECTED_IMAGE, "ATTN\\SCAT");
    }
    second.put_str(tags::ACQUISITION_TIME, "120300");
    let scaled = of(&[first, second]);
    assert_eq!((scaled.refusal, scaled.unit.as_str()), (None, "g/ml"));
    for (found, expected) in scaled.factors.iter().zip([NONE_60, NONE_63]) {
        assert!((found / expected - 1.0).abs() < 1e-9, "{found:e} {expected:e}");
    }
}

#[test]
fn a_date_and_time_of_injection_goes_before_a_time_and_midnight_is_crossed_once() {
    // The date and time of the day before is believed: 25 hours.
    let long = factor(|ds| drug(ds).put_str(tags::RADIOPHARMACEUTICAL_START_DATE_TIME, "20210303110000.000000+0100"));
    assert_factor(long, AFTER_60_MIN * 2f64.powf(86_400.0 / 6586.2));
    let night = factor(|ds| {
        drug(ds).put_str(tags::RADIOPHARMACEUTICAL_START_TIME, "233000");
        for tag in [tags::SERIES_TIME, tags::ACQUISITION_TIME] {
            ds.put_str(tag, "003000");
        }
    });
    assert_factor(night, AFTER_60_MIN);
    let later = factor(|ds| drug(ds).put_str(tags::RADIOPHARMACEUTICAL_START_DATE_TIME, "20210304130000"));
    assert!(later.expect_err("refused").contains("60 min after the scan"));
    let zirconium = factor(|ds| drug(ds).put_str(tags::RADIONUCLIDE_HALF_LIFE, "282240"));
    assert!(zirconium.expect_err("refused").contains("(0018,1078) is missing, and without it the day"));
}

#[test]
fn a_series_made_later_finds_the_start_of_the_scan_or_says_why_not() {
    // Made at 15:00; the second bed from 12:03. Its mean activity is reached 89.9 s after its start.
    let bed = |reference_ms: &str| {
        let mut ds = image();
        ds.put_str(tags::SERIES_TIME, "150000");
        ds.put_str(tags::ACQUISITION_TIME, "120300");
        ds.put_str(tags::FRAME_REFERENCE_TIME, reference_ms);
        ds
    };
    let scaled = of(&[bed(BED_TWO_MS)]);
    assert!(scaled.method.contains("Frame Reference Time"), "{}", scaled.method);
    assert_factor(Ok(scaled.factors[0]), AFTER_60_MIN);
    let why = of(&[bed(BED_TWO_MS), bed("89000")]).refusal.expect("refused");
    assert!(why.contains("different starts"), "{why}");
    let why = of(&[bed("")]).refusal.expect("refused");
    assert!(why.contains("(0054,1300) or Actual Frame Duration"), "{why}");
    let mut ge = bed("");
    ge.put_str(GE_CREATOR, "GEMS_PETD_01");
    ge.put_str(GE_SCAN_DATE_TIME, "20210304120000.00");
    assert_factor(Ok(of(&[ge.clone()]).factors[0]), AFTER_60_MIN);
    ge.put_str(GE_CREATOR, "SOMEBODY ELSE");
    assert!(of(&[ge]).refusal.is_some(), "a private attribute counts for its creator only");
}

#[test]
fn units_decide_and_what_philips_writes_is_used() {
    assert_factor(factor(|ds| ds.put_str(tags::UNITS, "GML")), 1.0);
    let lean = factor(|ds| {
        ds.put_str(tags::UNITS, "GML");
        ds.put_str(tags::SUV_TYPE, "LBM");
    });
    assert!(lean.expect_err("refused").contains("(0054,1006) LBM"));
    let philips = |tag: Tag, creator: &str| {
        factor(|ds| {
            ds.put_str(tags::UNITS, "CNTS");
            ds.put_str(PHILIPS_CREATOR, creator);
            ds.put_str(tag, "0.000551");
        })
    };
    assert_factor(philips(PHILIPS_SUV_FACTOR, "Philips PET Private Group"), 0.000_551);
    assert_factor(philips(PHILIPS_ACTIVITY_FACTOR, "Philips PET Private Group"), 0.000_551 * AFTER_60_MIN);
    assert!(philips(PHILIPS_SUV_FACTOR, "OTHER").expect_err("refused").contains("counts"));
    let scaled = of(&[{
        let mut ds = image();
        ds.put_str(tags::UNITS, "CNTS");
        ds
    }]);
    assert_eq!((scaled.unit.as_str(), scaled.factors.as_slice()), ("counts", &[1.0][..]), "raw values, labelled so");
}

#[test]
fn what_is_missing_or_cannot_be_is_named() {
    // Attributes of the image or of the injection, their new value ("" removes them), and what is said.
    let cases = [
        (tags::UNITS, "", "Units (0054,1001) is missing"),
        (tags::UNITS, "PROPCPS", "(0054,1001) are PROPCPS"),
        (tags::RESCALE_SLOPE, "", "Rescale Slope (0028,1053) is missing"),
        (tags::PATIENT_WEIGHT, "", "Patient's Weight (0010,1030) is missing"),
        (tags::PATIENT_WEIGHT, "0", "(0010,1030) is 0, which is no weight"),
        (tags::PATIENT_WEIGHT, "75000", "no weight in kg"),
        (tags::RADIOPHARMACEUTICAL_INFORMATION_SEQUENCE, "", "(0054,0016) is missing"),
        (tags::RADIONUCLIDE_TOTAL_DOSE, "", "Total Dose (0018,1074) is missing"),
        (tags::RADIONUCLIDE_TOTAL_DOSE, "370", "no injected activity in Bq"),
        (tags::RADIONUCLIDE_HALF_LIFE, "", "Half Life (0018,1075) is missing"),
        (tags::RADIOPHARMACEUTICAL_START_TIME, "", "(0018,1072) are missing"),
        (tags::CORRECTED_IMAGE, "DECY", "no attenuation correction"),
        (tags::CORRECTED_IMAGE, "ATTN", "lists none (DECY)"),
        (tags::DECAY_CORRECTION, "", "Decay Correction (0054,1102) is missing"),
        (tags::DECAY_CORRECTION, "LATER", "(0054,1102) is LATER"),
        (tags::ACQUISITION_TIME, "", "Acquisition Date and Time (0008,0022)"),
    ];
    for (tag, value, words) in cases {
        let why = factor(|ds| {
            let target = if ds.get(tag).is_some() { ds } else { drug(ds) };
            if value.is_empty() {
                assert!(target.remove(tag), "{tag} is there");
            } else {
                target.put_str(tag, value);
            }
        });
        let why = why.expect_err(words);
        assert!(why.contains(words), "{why:?} does not say {words:?}");
    }
    let why = factor(|ds| {
        ds.put_str(tags::DECAY_CORRECTION, "NONE");
        ds.remove(tags::ACTUAL_FRAME_DURATION);
    });
    assert!(why.expect_err("refused").contains("Actual Frame Duration (0018,1242) is missing"));
    let mut two = image();
    let second = drug(&mut two).clone();
    two.items_mut(tags::RADIOPHARMACEUTICAL_INFORMATION_SEQUENCE).expect("there").push(second);
    assert!(of(&[two]).refusal.expect("refused").contains("names 2 injections"));
    let mut heavier = image();
    heavier.put_str(tags::PATIENT_WEIGHT, "76");
    assert!(of(&[image(), heavier]).refusal.expect("refused").contains("differs from image to image"));
}

#[test]
fn times_are_read_as_far_as_they_are_given() {
    let time = |h, m, s| NaiveTime::from_hms_opt(h, m, s);
    assert_eq!(parse_time("1105"), time(11, 5, 0));
    assert_eq!(parse_time("11:05:09"), time(11, 5, 9));
    assert_eq!(parse_time("110509.5"), NaiveTime::from_hms_milli_opt(11, 5, 9, 500));
    assert_eq!((parse_time(""), parse_time("25"), parse_time("11050")), (None, None, None));
    assert_eq!(parse_date("2021.03.04"), NaiveDate::from_ymd_opt(2021, 3, 4));
    assert_eq!(parse_date_time("2021"), None);
}
