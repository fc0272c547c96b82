//! The export proof in words: one line, some lines behind it, and the whole of it.

use super::ExportProof;
use crate::dicom::conformance::Comparison;

/// A part of the whole proof.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProofSection {
    pub title: String,
    pub lines: Vec<String>,
}

fn counted(n: usize, one: &str) -> String {
    if n == 1 { format!("1 {one}") } else { format!("{n} {one}s") }
}

impl ExportProof {
    /// What the comparison found, in one line.
    pub fn summary(&self) -> String {
        format!(
            "Exported and read back: {} voxels different, largest deviation {:.4} mm, {} ROIs, {} contours, {} introduced",
            self.voxels_different,
            self.largest_deviation_mm,
            self.rois.len(),
            self.contours,
            counted(Comparison::errors(&self.conformance.introduced), "error"),
        )
    }

    /// Counts, hash, conformance, changed attributes and remarks, one a line; the file last.
    pub fn details(&self) -> Vec<String> {
        let mut lines = self.counts();
        lines.push(self.conformance_line());
        if !self.attributes_changed.is_empty() {
            let mut names: Vec<&str> = self.attributes_changed.iter().map(|c| c.attribute.as_str()).collect();
            names.dedup();
            lines.push(format!("Attributes changed against the source: {}", names.join(", ")));
        }
        lines.extend(self.notes.iter().cloned());
        lines.push(format!("File: {}", self.path.display()));
        lines
    }

    fn counts(&self) -> Vec<String> {
        vec![
            format!("{} of {} contours are the source's, byte for byte", self.rings_identical, self.contours),
            format!("{} points, {} bytes, SHA-256 {}", self.points, self.bytes, self.sha256),
        ]
    }

    fn conformance_line(&self) -> String {
        let part = |findings| {
            let errors = Comparison::errors(findings);
            format!("{}, {}", counted(errors, "error"), counted(findings.len() - errors, "warning"))
        };
        let c = &self.conformance;
        let (introduced, inherited) = (part(&c.introduced), part(&c.inherited));
        if self.sources.is_empty() {
            return format!("Conformance to the RT Structure Set IOD: {introduced}");
        }
        let repaired = part(&c.repaired);
        format!(
            "Conformance to the RT Structure Set IOD: introduced {introduced}; inherited from the source {inherited}; no longer there {repaired}"
        )
    }

    /// The whole proof, part by part. The path is not in it.
    pub fn sections(&self) -> Vec<ProofSection> {
        let mut sections = Vec::new();
        let mut add = |title: String, lines: Vec<String>| {
            if !lines.is_empty() {
                sections.push(ProofSection { title, lines });
            }
        };
        let mut whole = self.counts();
        whole.push(self.conformance_line());
        let uid = |uid: &str| if uid.is_empty() { String::new() } else { format!(" {uid}") };
        whole.push(format!("Written by {}; SOP Instance UID{}", self.program, uid(&self.sop_instance_uid)));
        for source in &self.sources {
            whole.push(format!("Source{}, SHA-256 {}", uid(&source.sop_instance_uid), source.sha256));
        }
        add("File".into(), whole);
        let rois = self.rois.iter().map(|r| {
            let name = if r.name.is_empty() { String::new() } else { format!(" \"{}\"", r.name) };
            format!(
                "{}{name}: {}, {} of them the source's byte for byte, {}; {} voxels, {:.3} cm³, {} different; largest deviation {:.4} mm",
                r.number,
                counted(r.contours, "contour"),
                r.contours_identical,
                counted(r.points, "point"),
                r.voxels,
                r.volume_cm3,
                r.voxels_different,
                r.largest_deviation_mm
            )
        });
        add(format!("Structures ({})", self.rois.len()), rois.collect());
        let repairs =
            self.repairs.iter().map(|r| format!("{} {}: {} → {} ({})", r.path, r.attribute, r.before, r.after, r.why));
        add(format!("Repairs of headers and references ({})", self.repairs.len()), repairs.collect());
        let changed = self.attributes_changed.iter().map(|c| format!("{} {c}", c.path));
        add(format!("Attributes changed against the source ({})", self.attributes_changed.len()), changed.collect());
        for (title, findings) in [
            ("Conformance, introduced", &self.conformance.introduced),
            ("Conformance, inherited from the source", &self.conformance.inherited),
            ("Conformance, no longer there", &self.conformance.repaired),
        ] {
            add(format!("{title} ({})", findings.len()), findings.iter().map(ToString::to_string).collect());
        }
        add("Remarks".into(), self.notes.clone());
        sections
    }
}
