//! Results of this program beside the DICOM files: risk, features and export proofs. They are written
//! anew from the keys that are known here; everything else in them is dropped.

use super::Secret;
use super::identifiers::{Identifiers, REMOVED};
use super::report::Counts;
use crate::words::keep;
use serde_json::{Map, Value};
use std::io::Read;
use std::path::Path;

/// A longer file is no result of this program.
const MAX_BYTES: u64 = 8 << 20;

/// First line of `features.csv`.
const CSV_HEADER: [&str; 5] = ["index", "name", "value", "unit", "description"];

/// A result that was recognized by what it holds.
pub(super) enum OwnFile {
    Risk(Value),
    Features(Value),
    Proof(Value),
    FeatureTable(Vec<csv::StringRecord>),
}

/// Keys whose values, of whatever form, are looked into.
const KNOWN: &[&str] = &[
    // risk
    "risk",
    "refused",
    "ctv",
    "source",
    "names",
    "recipe",
    "model",
    "model_id",
    "endpoint",
    "provenance",
    "simulated",
    "patients",
    "events",
    "forest_sha256",
    "validation",
    "method",
    "auc",
    "auc_interval",
    "lower",
    "upper",
    "auc_repeats_mean",
    "auc_repeats_sd",
    "brier",
    "accuracy",
    "accuracy_interval",
    "calibration_intercept",
    "calibration_slope",
    "tree_sd",
    "base",
    "imputed",
    "out_of_range",
    "unfamiliar",
    "rank",
    "out",
    "feature",
    "value",
    "min",
    "max",
    "contributions",
    "change",
    "flags",
    "code",
    "level",
    "text",
    "research_only",
    // features
    "schema",
    "schema_sha256",
    "definition",
    "touch",
    "Volume",
    "volume",
    "denominator",
    "features",
    "index",
    "name",
    "unit",
    "description",
    // export proof
    "sop_instance_uid",
    "bytes",
    "rois",
    "number",
    "contours",
    "points",
    "contours_identical",
    "voxels",
    "voxels_different",
    "volume_cm3",
    "largest_deviation_mm",
    "rings_identical",
];

/// Keys that hold names which people gave to structures.
const NAMES: [&str; 2] = ["names", "name"];

/// Features that are characteristics of the patient (Retain Patient Characteristics).
const CHARACTERISTICS: [&str; 3] = ["c_sex_male", "c_age_gt60", "c_smoking_index"];

/// Looks into a file that is no DICOM.
pub(super) fn recognize(path: &Path) -> Option<OwnFile> {
    let mut bytes = Vec::new();
    std::fs::File::open(path).ok()?.take(MAX_BYTES + 1).read_to_end(&mut bytes).ok()?;
    if bytes.len() as u64 > MAX_BYTES {
        return None;
    }
    if let Ok(Value::Object(object)) = serde_json::from_slice::<Value>(&bytes) {
        let has = |keys: &[&str]| keys.iter().all(|k| object.contains_key(*k));
        return if has(&["risk", "model", "contributions", "research_only"]) {
            Some(OwnFile::Risk(Value::Object(object)))
        } else if has(&["schema", "schema_sha256", "features", "research_only"]) {
            Some(OwnFile::Features(Value::Object(object)))
        } else if has(&["sop_instance_uid", "sha256", "rois", "voxels_different"]) {
            Some(OwnFile::Proof(Value::Object(object)))
        } else {
            None
        };
    }
    let mut reader = csv::Reader::from_reader(bytes.as_slice());
    if reader.headers().ok()?.iter().ne(CSV_HEADER) {
        return None;
    }
    Some(OwnFile::FeatureTable(reader.records().collect::<Result<_, _>>().ok()?))
}

/// Why a file that is neither DICOM nor a known result stays behind.
pub(super) fn why_not(path: &Path) -> &'static str {
    let ending = path.extension().map(|e| e.to_string_lossy().to_lowercase()).unwrap_or_default();
    match ending.as_str() {
        "html" | "htm" | "png" | "jpg" | "jpeg" => keep(
            "a report or picture, where names cannot be found with certainty; make it again from the de-identified case",
        ),
        "json" | "csv" => keep("a table or JSON file that is no known result of this program"),
        "nii" | "gz" | "nrrd" | "mha" | "npy" | "zip" | "tar" => keep("a volume or archive that is no DICOM file"),
        _ => keep("no DICOM file"),
    }
}

impl OwnFile {
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Risk(_) => "risk",
            Self::Features(_) | Self::FeatureTable(_) => "features",
            Self::Proof(_) => "proof",
        }
    }

    pub fn ending(&self) -> &'static str {
        if matches!(self, Self::FeatureTable(_)) { "csv" } else { "json" }
    }

    /// The bytes of the new file.
    pub fn deidentified(
        &self,
        secret: &Secret,
        identifiers: &Identifiers,
        keep_patient_characteristics: bool,
    ) -> Result<(Vec<u8>, Counts), serde_json::Error> {
        let mut cleaner = Cleaner { secret, identifiers, keep_patient_characteristics, counts: Counts::default() };
        let bytes = match self {
            Self::Risk(v) | Self::Features(v) | Self::Proof(v) => {
                serde_json::to_vec_pretty(&cleaner.value("", v, matches!(self, Self::Proof(_))))?
            }
            Self::FeatureTable(rows) => cleaner.table(rows),
        };
        Ok((bytes, cleaner.counts))
    }
}

struct Cleaner<'a> {
    secret: &'a Secret,
    identifiers: &'a Identifiers,
    keep_patient_characteristics: bool,
    counts: Counts,
}

impl Cleaner<'_> {
    /// A value below `key`, with the known keys only. In a proof `name` is that of a structure.
    fn value(&mut self, key: &str, value: &Value, is_proof: bool) -> Value {
        match value {
            Value::Object(object) => {
                let mut kept = Map::new();
                let is_secret = !self.keep_patient_characteristics
                    && ["feature", "name"]
                        .iter()
                        .any(|k| object.get(*k).and_then(Value::as_str).is_some_and(is_characteristic));
                for (k, v) in object {
                    if !KNOWN.contains(&k.as_str()) {
                        self.counts.removed += 1;
                    } else if is_secret && k == "value" {
                        self.counts.emptied += 1;
                        kept.insert(k.clone(), Value::Null);
                    } else {
                        kept.insert(k.clone(), self.value(k, v, is_proof));
                    }
                }
                Value::Object(kept)
            }
            Value::Array(items) => Value::Array(items.iter().map(|v| self.value(key, v, is_proof)).collect()),
            Value::String(text) if key == "sop_instance_uid" => {
                self.counts.uids += 1;
                Value::String(self.secret.uid(text))
            }
            Value::String(text) => {
                let thorough = NAMES.contains(&key) && (is_proof || key == "names");
                Value::String(self.text(text, thorough))
            }
            other => other.clone(),
        }
    }

    fn text(&mut self, text: &str, thorough: bool) -> String {
        if self.identifiers.are_in(text, thorough) {
            self.counts.cleaned += 1;
            REMOVED.to_owned()
        } else {
            text.to_owned()
        }
    }

    fn table(&mut self, rows: &[csv::StringRecord]) -> Vec<u8> {
        let mut text = CSV_HEADER.join(",");
        text.push('\n');
        for row in rows {
            let cell = |n: usize| row.get(n).unwrap_or_default();
            let mut cells: Vec<String> = (0..CSV_HEADER.len()).map(|n| self.text(cell(n), false)).collect();
            if !self.keep_patient_characteristics && is_characteristic(cell(1)) && !cells[2].is_empty() {
                cells[2].clear();
                self.counts.emptied += 1;
            }
            // A value is a number or nothing.
            if !cells[2].is_empty() && cells[2].parse::<f64>().is_err() {
                cells[2].clear();
                self.counts.emptied += 1;
            }
            let quoted: Vec<String> = cells.iter().map(|c| quote(c)).collect();
            text.push_str(&quoted.join(","));
            text.push('\n');
        }
        text.into_bytes()
    }
}

fn is_characteristic(feature: &str) -> bool {
    CHARACTERISTICS.contains(&feature)
}

/// A cell of a CSV file (RFC 4180).
fn quote(cell: &str) -> String {
    if cell.contains([',', '"', '\n', '\r']) { format!("\"{}\"", cell.replace('"', "\"\"")) } else { cell.to_owned() }
}
