//! The report as one HTML page that needs nothing else: readable on a screen and on paper.

use super::picture::ReportPicture;
use crate::cli::inspect::structures;
use crate::cli::output::number;
use crate::cli::results::{FeatureReport, RiskReport};
use crate::features::{FeatureVector, GLOBAL_FIRST, RATIO_SUFFIXES, catalogue, ratio_index};
use crate::structures::Station;
use crate::workbench::Case;
use std::fmt::Write;

/// A model that had a part in the results.
pub struct ModelUsed {
    pub what: &'static str,
    pub model_id: String,
    pub sha256: String,
    pub statement: String,
}

/// What the report is made from.
pub struct ReportParts<'a> {
    pub case: &'a Case,
    pub hide_identifiers: bool,
    /// The import report, and what was chosen without asking.
    pub remarks: &'a [String],
    /// What could not be done, and why.
    pub omissions: &'a [String],
    pub features: &'a FeatureVector,
    pub feature_report: &'a FeatureReport,
    pub risk: Option<&'a RiskReport>,
    pub models: &'a [ModelUsed],
    /// With the bytes of their PNG files.
    pub pictures: &'a [(ReportPicture, Vec<u8>)],
}

/// The whole page.
pub fn html(parts: &ReportParts) -> String {
    let mut page = String::new();
    page.push_str("<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">");
    page.push_str("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">");
    page.push_str("<title>Hilum report</title>\n<style>\n");
    page.push_str(include_str!("report.html.css"));
    page.push_str("</style></head><body>\n");
    notice(&mut page);
    page.push_str("<h1>Contour report</h1>\n");
    header(&mut page, parts);
    remarks(&mut page, parts);
    risk(&mut page, parts);
    structure_table(&mut page, parts);
    features(&mut page, parts);
    pictures(&mut page, parts);
    models(&mut page, parts);
    notice(&mut page);
    page.push_str("</body></html>\n");
    page
}

/// Text as it may stand in HTML.
fn escape(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut out, c| {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            other => out.push(other),
        }
        out
    })
}

macro_rules! push {
    ($page:expr, $($part:tt)*) => {{
        // Writing into a text cannot fail.
        let _infallible = write!($page, $($part)*);
    }};
}

fn notice(page: &mut String) {
    push!(page, "<p class=\"notice\">{}</p>\n", escape(crate::RESEARCH_ONLY));
}

/// YYYYMMDD as people read it.
fn date(text: &str) -> String {
    match (text.get(..4), text.get(4..6), text.get(6..8), text.len()) {
        (Some(y), Some(m), Some(d), 8) => format!("{y}-{m}-{d}"),
        _ => text.to_owned(),
    }
}

fn header(page: &mut String, parts: &ReportParts) {
    let (meta, grid) = (&parts.case.image.meta, parts.case.grid());
    let mut facts: Vec<(&str, String)> = Vec::new();
    if parts.hide_identifiers {
        facts.push(("Patient", "identifiers hidden".into()));
    } else {
        let p = &meta.patient;
        facts.push(("Patient", p.name.clone()));
        facts.push(("Patient ID", p.id.clone()));
        facts.push(("Sex", p.sex.clone()));
        facts.push(("Age", p.age_years.map(|a| format!("{a} years")).unwrap_or_default()));
        facts.push(("Study date", date(&meta.study_date)));
    }
    let synthetic = if meta.is_synthetic { " (synthetic)" } else { "" };
    // Descriptions of series name patients and dates at times.
    let description = if parts.hide_identifiers { "description hidden" } else { &meta.series_description };
    facts.push(("Series", format!("{description}{synthetic}")));
    facts.push((
        "Geometry",
        format!(
            "{} slices of {} x {} voxels, {:.3} x {:.3} mm in the plane, {:.2} mm thick (median), positions {:.1} to {:.1} mm",
            grid.slices(),
            grid.columns(),
            grid.rows(),
            grid.spacing_i_mm(),
            grid.spacing_j_mm(),
            grid.median_thickness_mm(),
            grid.position_mm(0),
            grid.position_mm(grid.slices() - 1)
        ),
    ));
    facts.push(("CTV", parts.feature_report.ctv.sentence()));
    facts.push(("Stations", parts.feature_report.basis.stations_sentence()));
    facts.push(("Made with", crate::PROGRAM.into()));
    page.push_str("<dl class=\"facts\">");
    for (label, value) in facts.iter().filter(|(_, v)| !v.is_empty()) {
        push!(page, "<dt>{label}</dt><dd>{}</dd>", escape(value));
    }
    page.push_str("</dl>\n");
}

fn list(page: &mut String, items: impl Iterator<Item = String>) {
    page.push_str("<ul>");
    for item in items {
        push!(page, "<li>{item}</li>");
    }
    page.push_str("</ul>\n");
}

fn remarks(page: &mut String, parts: &ReportParts) {
    if !parts.omissions.is_empty() {
        page.push_str("<h2>Not done</h2>\n");
        list(page, parts.omissions.iter().map(|o| escape(o)));
    }
    page.push_str("<h2>Import</h2>\n");
    if parts.remarks.is_empty() {
        page.push_str("<p>Everything was read without remarks.</p>\n");
    } else {
        list(page, parts.remarks.iter().map(|r| escape(r)));
    }
}

fn risk(page: &mut String, parts: &ReportParts) {
    let Some(report) = parts.risk else {
        page.push_str("<h2>Risk</h2>\n<p>No risk model was available.</p>\n");
        return;
    };
    push!(page, "<h2>Risk: {}</h2>\n", escape(&report.model.endpoint));
    match (report.risk, &report.refused) {
        (Some(risk), _) => {
            push!(page, "<p class=\"risk\">{:.0} %</p>\n", 100.0 * risk);
        }
        (None, why) => push!(page, "<p>{}</p>\n", escape(why.as_deref().unwrap_or("No figure is given"))),
    }
    let doubts = report.doubts();
    if !doubts.is_empty() && report.risk.is_some() {
        list(page, doubts.iter().map(|d| escape(d)));
    }
    push!(page, "<p><span class=\"level\">Provenance.</span> {}</p>\n", escape(&report.model.statement()));
    push!(page, "<p class=\"quiet\">CTV: {}</p>\n", escape(&report.ctv.sentence()));
}

fn structure_table(page: &mut String, parts: &ReportParts) {
    let case = parts.case;
    page.push_str("<h2>Structures</h2>\n");
    if case.structures().rois.is_empty() {
        page.push_str("<p>The case has no structures.</p>\n");
        return;
    }
    page.push_str(
        "<table><thead><tr><th>Name</th><th>Role</th><th class=\"n\">Contours</th><th class=\"n\">Slices</th><th class=\"n\">Volume, cm³</th><th>Made</th><th>Origin</th></tr></thead><tbody>\n",
    );
    for s in structures(case, parts.hide_identifiers) {
        let [r, g, b] = s.color;
        push!(
            page,
            "<tr><td><span class=\"swatch\" style=\"background:#{r:02x}{g:02x}{b:02x}\"></span>{}</td><td>{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{:.2}</td><td>{}</td><td>{}</td></tr>\n",
            escape(&s.name),
            escape(&s.role),
            s.contours,
            s.slices,
            s.volume_cm3,
            s.generation.to_lowercase(),
            escape(&s.provenance)
        );
    }
    page.push_str("</tbody></table>\n");
}

/// A share in a cell: three decimals, zeros quiet.
fn share_cell(page: &mut String, value: Option<f64>) {
    match value {
        Some(0.0) => page.push_str("<td class=\"n zero\">0</td>"),
        other => push!(page, "<td class=\"n\">{}</td>", number(other, 3)),
    }
}

fn features(page: &mut String, parts: &ReportParts) {
    page.push_str("<h2>Features</h2>\n");
    for flag in &parts.feature_report.flags {
        push!(page, "<p><span class=\"level\">{}.</span> {}</p>\n", capital(flag.level), escape(&flag.text));
    }
    page.push_str(
        "<p class=\"quiet\">Shares of 0 to 1. “of station” is the part of the station that lies in the structure; “of ideaCTV” is the common volume as a part of the union of all stations that the CTV touches. Margin is the CTV without the GTV. A dash is a missing value.</p>\n",
    );
    page.push_str("<table><thead><tr><th>Station</th><th class=\"n\">Volume, cm³</th>");
    for suffix in RATIO_SUFFIXES {
        let (part, whole) = suffix.split_once("_in_").unwrap_or((suffix, ""));
        let part = match part {
            "ctv" => "CTV",
            "gtv" => "GTV",
            _ => "Margin",
        };
        let whole = if whole == "ln" { "of station" } else { "of ideaCTV" };
        push!(page, "<th class=\"n\">{part}<br>{whole}</th>");
    }
    page.push_str("<th>CTV touches</th></tr></thead><tbody>\n");
    for station in Station::all() {
        let volumes = &parts.features.partition.stations[station.index()];
        push!(page, "<tr><td>{station}</td><td class=\"n\">{:.2}</td>", volumes.volume_cm3);
        for f in 0..RATIO_SUFFIXES.len() {
            share_cell(page, parts.features.values[ratio_index(station, f)]);
        }
        push!(page, "<td>{}</td></tr>\n", if volumes.touched_by_ctv { "yes" } else { "" });
    }
    page.push_str("</tbody></table>\n<table style=\"margin-top:1.2rem\"><thead><tr><th>Feature</th><th class=\"n\">Value</th><th>Unit</th><th>Meaning</th></tr></thead><tbody>\n");
    for (info, value) in catalogue().iter().zip(parts.features.values).skip(GLOBAL_FIRST) {
        push!(
            page,
            "<tr><td>{}</td><td class=\"n\">{}</td><td>{}</td><td>{}</td></tr>\n",
            escape(&info.name),
            short(value),
            escape(info.unit),
            escape(&info.description)
        );
    }
    page.push_str("</tbody></table>\n");
}

/// Whole numbers without decimals, others with three.
fn short(value: Option<f64>) -> String {
    let whole = value.is_some_and(|v| v.fract() == 0.0);
    number(value, if whole { 0 } else { 3 })
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |c| c.to_uppercase().chain(chars).collect())
}

fn pictures(page: &mut String, parts: &ReportParts) {
    page.push_str("<h2>Pictures</h2>\n<div class=\"pictures\">\n");
    for (picture, png) in parts.pictures {
        let [width, height] = picture.picture.size_px;
        push!(
            page,
            "<figure><img alt=\"{0}\" width=\"{width}\" height=\"{height}\" src=\"data:image/png;base64,{1}\"><figcaption>{0}</figcaption></figure>\n",
            escape(&picture.title),
            base64(png)
        );
    }
    page.push_str("</div>\n");
}

fn models(page: &mut String, parts: &ReportParts) {
    if parts.models.is_empty() {
        return;
    }
    page.push_str("<h2>Models</h2>\n<dl class=\"facts\">");
    for model in parts.models {
        push!(
            page,
            "<dt>{}</dt><dd>{}: {}<br><span class=\"quiet\">sha256 {}</span></dd>",
            model.what,
            escape(&model.model_id),
            escape(&model.statement),
            escape(&model.sha256)
        );
    }
    page.push_str("</dl>\n");
}

/// RFC 4648, with padding.
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let word = chunk.iter().fold(0u32, |w, b| w << 8 | u32::from(*b)) << (8 * (3 - chunk.len()));
        for digit in 0..4 {
            let value = (word >> (18 - 6 * digit)) & 63;
            out.push(if digit <= chunk.len() { char::from(DIGITS[value as usize]) } else { '=' });
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_follows_the_vectors_of_rfc_4648() {
        for (plain, coded) in
            [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("foobar", "Zm9vYmFy")]
        {
            assert_eq!(base64(plain.as_bytes()), coded);
        }
    }

    #[test]
    fn names_cannot_break_out_of_the_page() {
        assert_eq!(escape("<b>\"x\" & y"), "&lt;b&gt;&quot;x&quot; &amp; y");
        assert_eq!((date("19991126"), date("")), ("1999-11-26".into(), String::new()));
    }
}
