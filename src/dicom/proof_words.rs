//! The export proof in words: one line, and the lines behind it.

use super::ExportProof;

impl ExportProof {
    /// What the comparison found, in one line.
    pub fn summary(&self) -> String {
        format!(
            "Exported and read back: {} voxels different, largest deviation {:.4} mm, {} ROIs, {} contours",
            self.voxels_different,
            self.largest_deviation_mm,
            self.rois.len(),
            self.contours
        )
    }

    /// Counts, hash, changed attributes and remarks, one a line; the file last.
    pub fn details(&self) -> Vec<String> {
        let mut lines = vec![
            format!("{} of {} contours are the source's, byte for byte", self.rings_identical, self.contours),
            format!("{} points, {} bytes, SHA-256 {}", self.points, self.bytes, self.sha256),
        ];
        if !self.attributes_changed.is_empty() {
            lines.push(format!("Attributes changed against the source: {}", self.attributes_changed.join(", ")));
        }
        lines.extend(self.notes.iter().cloned());
        lines.push(format!("File: {}", self.path.display()));
        lines
    }
}
