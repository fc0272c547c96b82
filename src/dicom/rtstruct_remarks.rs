//! What has to be said about a structure set that was read: what is missing in it, to what it refers, and what of its ROIs
//! does not show.

use super::meta::CtMeta;
use super::rtstruct_read::{ReadRoi, RoiSummary, SourceStructureSet};
use super::warning::{ImportWarning, Severity};
use dicom_dictionary_std::tags;
use std::collections::HashMap;

/// What a whole structure set always has; a file that was cut off between two attributes lacks the last ones.
pub(super) fn check_completeness(source: &SourceStructureSet, read: &[ReadRoi], warnings: &mut Vec<ImportWarning>) {
    let ds = &source.dataset;
    let missing = if read.is_empty() {
        None
    } else if ds.get(tags::ROI_CONTOUR_SEQUENCE).is_none() {
        Some("contours")
    } else if ds.get(tags::RTROI_OBSERVATIONS_SEQUENCE).is_none() {
        Some("types of the structures")
    } else {
        None
    };
    if let Some(missing) = missing {
        warnings.push(ImportWarning::warning(crate::tf!(
            "The structure set has no {missing} at all; was the file cut off? Compare it with the original",
            missing
        )));
    }
    for (tag, name) in [
        (tags::STUDY_DATE, "study"),
        (tags::SERIES_DATE, "series"),
        (tags::STRUCTURE_SET_DATE, "structure set"),
        (tags::REVIEW_DATE, "review"),
    ] {
        let date = ds.string(tag);
        if !date.is_empty() && !is_date(&date) {
            warnings.push(ImportWarning::info(crate::tf!("The {name} date \"{date}\" is no date", name, date)));
        }
    }
}

/// True for YYYYMMDD, and for YYYY.MM.DD of old files.
fn is_date(text: &str) -> bool {
    let digits: String = text.chars().filter(|c| *c != '.').collect();
    let all_digits = digits.len() == 8 && digits.bytes().all(|b| b.is_ascii_digit());
    all_digits && dicom_core::chrono::NaiveDate::parse_from_str(&digits, "%Y%m%d").is_ok()
}

/// Names in quotes, the first ones of many.
pub(super) fn quoted(names: &[&str]) -> String {
    const SHOWN: usize = 8;
    let mut list: Vec<String> = names.iter().take(SHOWN).map(|n| format!("\"{n}\"")).collect();
    if names.len() > SHOWN {
        list.push(format!("{} more", names.len() - SHOWN));
    }
    list.join(", ")
}

/// Whether the contours name the images on which they lie, and the series.
pub(super) fn check_references(
    source: &SourceStructureSet,
    read: &[ReadRoi],
    ct: &CtMeta,
    warnings: &mut Vec<ImportWarning>,
) {
    // The frames of a multi-frame image share its UID.
    let mut slices_of: HashMap<&str, Vec<usize>> = HashMap::new();
    for (k, slice) in ct.slices.iter().enumerate() {
        slices_of.entry(&slice.sop_instance_uid).or_default().push(k);
    }
    let (mut referring, mut unknown, mut elsewhere) = (0, 0, 0);
    let (mut with_unknown, mut with_elsewhere) = (Vec::new(), Vec::new());
    for roi in read {
        let before = (unknown, elsewhere);
        for (k, indices) in &roi.binding.rings {
            for uid in indices.iter().map(|i| roi.contours[*i].image_uid.as_str()).filter(|u| !u.is_empty()) {
                referring += 1;
                match slices_of.get(uid) {
                    None => unknown += 1,
                    Some(slices) => elsewhere += usize::from(!slices.contains(k)),
                }
            }
        }
        with_unknown.extend((unknown > before.0).then_some(roi.name.as_str()));
        with_elsewhere.extend((elsewhere > before.1).then_some(roi.name.as_str()));
    }
    if unknown > 0 {
        let text = if unknown == referring {
            "The contours refer to images that are not in this CT (was it exported again?); they were placed by their position".into()
        } else {
            format!(
                "{unknown} of {referring} contours refer to images that are not in this CT; they were placed by their position: {}",
                quoted(&with_unknown)
            )
        };
        warnings.push(ImportWarning::warning(text));
    }
    if elsewhere > 0 {
        warnings.push(ImportWarning::warning(crate::tf!("{elsewhere} of {referring} contours refer to another image than the one at their position; the position was used: {with_elsewhere}", elsewhere, referring, with_elsewhere = quoted(&with_elsewhere))));
    }
    let series: Vec<String> = (source.dataset.items(tags::REFERENCED_FRAME_OF_REFERENCE_SEQUENCE).iter())
        .flat_map(|f| f.items(tags::RT_REFERENCED_STUDY_SEQUENCE))
        .flat_map(|s| s.items(tags::RT_REFERENCED_SERIES_SEQUENCE))
        .map(|s| s.string(tags::SERIES_INSTANCE_UID))
        .filter(|uid| !uid.is_empty())
        .collect();
    if series.is_empty() {
        warnings
            .push(ImportWarning::info(crate::words::t("The structure set does not say to which CT series it belongs")));
    } else if !series.contains(&ct.series_instance_uid) && (unknown == 0 || unknown < referring) {
        warnings.push(ImportWarning::warning(crate::words::t(
            "The structure set was drawn on another series than this CT",
        )));
    }
}

/// Says what of an ROI does not show.
pub(super) fn report_roi(s: &RoiSummary, incomplete: usize, warnings: &mut Vec<ImportWarning>) {
    let mut say = |severity, count: usize, what: &str| {
        if count > 0 {
            let text = format!("\"{}\": {count} of {} contours {what}", s.name, s.contours);
            warnings.push(ImportWarning::new(severity, text, Vec::new()));
        }
    };
    say(
        Severity::Warning,
        s.outside,
        "lie outside the scan or in a gap of it and are not shown; they are kept on export",
    );
    say(
        Severity::Warning,
        s.idle,
        "lie between the slices or repeat a contour; only the plane nearest to each slice is shown, all are kept on export",
    );
    say(Severity::Warning, s.tilted, "are not parallel to the slices and are not shown; they are kept on export");
    say(Severity::Warning, s.unreadable, "have no readable points; they are kept on export");
    say(
        Severity::Warning,
        incomplete,
        "have another number of points than they say; they are shown as they are: compare them with the original",
    );
    say(Severity::Info, s.open, "are points or open lines, which enclose nothing; they are kept on export");
    say(Severity::Info, s.degenerate, "enclose nothing (fewer than three points, or a speck)");
}
