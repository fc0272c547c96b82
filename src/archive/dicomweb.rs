//! QIDO-RS (DICOM PS3.18 section 10.6): which studies, series and instances an archive has.

use super::error::ArchiveError;
use super::http::Client;
use super::json;
use super::shelf::Uid;
use crate::tf;
use crate::words::t;
use std::collections::BTreeSet;

const JSON: &str = "application/dicom+json, application/json;q=0.9";
/// Rows asked for at once.
const PAGE: usize = 200;
/// More instances than any study of this program's users has.
const MOST_INSTANCES: usize = 200_000;

/// What to look for; empty fields match everything.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StudyQuery {
    /// Patient's name; `*` stands for any letters, and is put at the end where there is none.
    pub patient_name: String,
    pub patient_id: String,
    /// First and last day of the study, YYYYMMDD; either may be empty.
    pub from: String,
    pub to: String,
    /// A modality of the study, such as CT.
    pub modality: String,
    /// Rows to skip, and at most this many rows.
    pub offset: usize,
    pub limit: usize,
}

/// Checks a date and gives it as YYYYMMDD; 2024-03-01 is understood as well.
///
/// # Errors
/// A sentence about what is wrong.
pub fn check_date(text: &str) -> Result<String, ArchiveError> {
    let text = text.trim();
    let bare = text.replace('-', "");
    let number = |range: std::ops::Range<usize>| bare.get(range).and_then(|t| t.parse::<u32>().ok()).unwrap_or(0);
    let digits = bare.len() == 8 && bare.bytes().all(|b| b.is_ascii_digit());
    if text.is_empty() || digits && (1..=12).contains(&number(4..6)) && (1..=31).contains(&number(6..8)) {
        return Ok(bare);
    }
    Err(ArchiveError::request(tf!("\"{text}\" is no date; write it as 2024-03-01", text)))
}

impl StudyQuery {
    fn parameters(&self) -> Result<Vec<(&'static str, String)>, ArchiveError> {
        let mut all = Vec::new();
        // Parts of a name are joined by ^, a space or a comma, here and there; one of any letter stands for each.
        let parts = self.patient_name.split(|c: char| c.is_whitespace() || matches!(c, ',' | '^'));
        let name = parts.filter(|p| !p.is_empty()).collect::<Vec<_>>().join("?");
        if !name.is_empty() {
            let wild = self.patient_name.contains(['*', '?']);
            all.push(("PatientName", if wild { name } else { format!("{name}*") }));
        }
        if !self.patient_id.trim().is_empty() {
            all.push(("PatientID", self.patient_id.trim().to_owned()));
        }
        let (from, to) = (check_date(&self.from)?, check_date(&self.to)?);
        if !from.is_empty() && !to.is_empty() && from > to {
            return Err(ArchiveError::request(t("the first day lies after the last day; exchange them")));
        }
        if !from.is_empty() || !to.is_empty() {
            all.push(("StudyDate", if from == to { from } else { format!("{from}-{to}") }));
        }
        let modality = self.modality.trim().to_ascii_uppercase();
        if !modality.is_empty() {
            if modality.len() > 16 || !modality.bytes().all(|b| b.is_ascii_alphanumeric()) {
                return Err(ArchiveError::request(t("a modality is a short word such as CT or RTSTRUCT")));
            }
            all.push(("ModalitiesInStudy", modality));
        }
        Ok(all)
    }
}

/// A study as an archive describes it. Texts stand as the archive gave them.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize)]
pub struct StudyRecord {
    pub study_instance_uid: String,
    /// Readable.
    pub patient_name: String,
    pub patient_id: String,
    /// YYYYMMDD.
    pub birth_date: String,
    /// YYYYMMDD.
    pub study_date: String,
    pub description: String,
    pub accession_number: String,
    pub modalities: Vec<String>,
    /// Where the archive says how many.
    pub series: Option<usize>,
    pub instances: Option<usize>,
}

/// A series as an archive describes it.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize)]
pub struct SeriesRecord {
    pub series_instance_uid: String,
    pub number: String,
    pub modality: String,
    pub description: String,
    pub instances: Option<usize>,
}

/// What a search found.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize)]
pub struct StudyList {
    /// Newest first.
    pub studies: Vec<StudyRecord>,
    /// True where the archive has more than were asked for.
    pub more: bool,
}

/// What must have come for a study or series to be whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Expected {
    Instances(BTreeSet<Uid>),
    /// Where the archive cannot list instances.
    Count(usize),
}

impl Expected {
    pub fn len(&self) -> usize {
        match self {
            Self::Instances(all) => all.len(),
            Self::Count(count) => *count,
        }
    }
}

/// Text for a query (RFC 3986 section 3.4); the wild cards stand as they are, for some archives look for them so.
fn escaped(text: &str) -> String {
    text.bytes()
        .map(|b| match b {
            b if b.is_ascii_alphanumeric() || b"-._~*?/:@".contains(&b) => char::from(b).to_string(),
            b => format!("%{b:02X}"),
        })
        .collect()
}

impl Client {
    /// Asks for one study, to see that the archive is there and answers as it should.
    ///
    /// # Errors
    /// What is wrong with the archive, its address or the sign-in.
    pub fn echo(&self) -> Result<(), ArchiveError> {
        let what = t("the test of the connection");
        let answer = self.get(what, "/studies?limit=1", JSON)?;
        json::data_sets(self, what, answer).map(drop)
    }

    /// Searches for studies.
    ///
    /// # Errors
    /// A query that makes no sense, or what went wrong with the archive.
    pub fn studies(&self, query: &StudyQuery) -> Result<StudyList, ArchiveError> {
        let fields = ["00081030", "00080061", "00201206", "00201208", "00100030", "00080050"];
        let mut parameters = query.parameters()?;
        parameters.extend(fields.map(|f| ("includefield", f.to_owned())));
        // One more than wanted tells whether there are more.
        let wanted = query.limit.max(1);
        let rows = self.pages(t("the search"), "/studies", &parameters, "0020000D", query.offset, wanted + 1)?;
        let mut studies: Vec<StudyRecord> = rows
            .iter()
            .map(|ds| StudyRecord {
                study_instance_uid: json::text(ds, "0020000D"),
                patient_name: crate::dicom::readable_name(&json::person(ds, "00100010")),
                patient_id: json::text(ds, "00100020"),
                birth_date: json::text(ds, "00100030"),
                study_date: json::text(ds, "00080020"),
                description: json::text(ds, "00081030"),
                accession_number: json::text(ds, "00080050"),
                modalities: json::texts(ds, "00080061"),
                series: json::count(ds, "00201206"),
                instances: json::count(ds, "00201208"),
            })
            .collect();
        let more = studies.len() > wanted;
        studies.truncate(wanted);
        studies.sort_by(|a, b| (&b.study_date, &a.patient_name).cmp(&(&a.study_date, &b.patient_name)));
        Ok(StudyList { studies, more })
    }

    /// The series of a study, by their numbers.
    ///
    /// # Errors
    /// What went wrong with the archive.
    pub fn series(&self, study: &Uid) -> Result<Vec<SeriesRecord>, ArchiveError> {
        let fields = ["0008103E", "00201209"].map(|f| ("includefield", f.to_owned()));
        let rows =
            self.pages(t("the list of series"), &format!("/studies/{study}/series"), &fields, "0020000E", 0, 10_000)?;
        let mut series: Vec<SeriesRecord> = rows
            .iter()
            .map(|ds| SeriesRecord {
                series_instance_uid: json::text(ds, "0020000E"),
                number: json::text(ds, "00200011"),
                modality: json::text(ds, "00080060"),
                description: json::text(ds, "0008103E"),
                instances: json::count(ds, "00201209"),
            })
            .collect();
        series.sort_by_cached_key(|s| (s.number.parse::<i64>().unwrap_or(i64::MAX), s.series_instance_uid.clone()));
        Ok(series)
    }

    /// The instances of a series.
    pub(super) fn expected(&self, study: &Uid, series: &SeriesRecord) -> Result<Expected, ArchiveError> {
        let uid = Uid::new(&series.series_instance_uid)?;
        let path = format!("/studies/{study}/series/{uid}/instances");
        match self.pages(t("the list of instances"), &path, &[], "00080018", 0, MOST_INSTANCES) {
            Ok(rows) if !rows.is_empty() => {
                let all = rows.iter().map(|ds| Uid::new(&json::text(ds, "00080018")));
                Ok(Expected::Instances(all.collect::<Result<_, _>>()?))
            }
            Ok(_) => Err(ArchiveError::archive(t("the archive lists no instances of this series; search again"))),
            // Some archives list studies and series only.
            Err(error) => match series.instances {
                Some(count) if error.cause == super::error::Cause::Archive => Ok(Expected::Count(count)),
                _ => Err(error),
            },
        }
    }

    /// Rows of a search, page after page, each once, told apart by `key`.
    fn pages(
        &self,
        what: &str,
        path: &str,
        parameters: &[(&str, String)],
        key: &str,
        offset: usize,
        most: usize,
    ) -> Result<Vec<serde_json::Value>, ArchiveError> {
        let (mut rows, mut known) = (Vec::new(), BTreeSet::new());
        let mut at = offset;
        while rows.len() < most {
            let wanted = PAGE.min(most - rows.len());
            let mut query: Vec<String> = parameters.iter().map(|(k, v)| format!("{k}={}", escaped(v))).collect();
            query.push(format!("limit={wanted}"));
            query.push(format!("offset={at}"));
            let answer = self.get(what, &format!("{path}?{}", query.join("&")), JSON)?;
            let page = json::data_sets(self, what, answer)?;
            at += page.len();
            let before = rows.len();
            rows.extend(page.into_iter().filter(|ds| {
                let uid = json::text(ds, key);
                !uid.is_empty() && known.insert(uid)
            }));
            // An archive may give fewer at once than it was asked for; one that knows no paging gives the same again.
            if rows.len() == before {
                break;
            }
        }
        rows.truncate(most);
        Ok(rows)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_checked_and_escaped() {
        let query = StudyQuery {
            patient_name: " Müller, x&y ".into(),
            from: "2024-01-05".into(),
            modality: "ct".into(),
            ..StudyQuery::default()
        };
        let parameters = query.parameters().expect("valid");
        let expected = [("PatientName", "Müller?x&y*"), ("StudyDate", "20240105-"), ("ModalitiesInStudy", "CT")];
        assert_eq!(parameters, expected.map(|(k, v)| (k, v.to_owned())));
        assert_eq!(escaped("Mü&*"), "M%C3%BC%26*");
        for (from, to) in [("2024-13-01", ""), ("yesterday", ""), ("20240201", "20240101")] {
            let query = StudyQuery { from: from.into(), to: to.into(), ..StudyQuery::default() };
            assert!(query.parameters().is_err(), "{from} {to}");
        }
        assert!(StudyQuery { modality: "CT&limit=9".into(), ..StudyQuery::default() }.parameters().is_err());
    }
}
