//! The one place that decides which names of files, patients and dates can be read in the window.
//! Whatever a panel shows of a path or of words that came from a file goes through here.

use crate::dicom::{CtMeta, ImportWarning, ProofSection};
use crate::risk::RiskManifest;
use crate::tf;
use crate::words::{t, told_sentence};
use crate::workbench::jobs::JobStatus;
use crate::workbench::journal::{CaseOrigin, FoundJournal};
use crate::workbench::{Exported, FoundSeries, ModelOrigin, Notice, Overlay, RecentCase, Trouble, Workbench};
use std::path::Path;

/// Stands for what identifies the patient.
fn hidden() -> &'static str {
    t("[hidden]")
}

fn hides(workbench: &Workbench) -> bool {
    workbench.view.identifiers_hidden
}

/// A path; `None` where identifiers are hidden, for folders and files are named after patients.
pub fn path_words(workbench: &Workbench, path: &Path) -> Option<String> {
    (!hides(workbench)).then(|| path.display().to_string())
}

/// A text that is an identifier, or words that stand for it.
pub fn identifier<'a>(workbench: &Workbench, text: &'a str, instead: &'a str) -> &'a str {
    if hides(workbench) { instead } else { text }
}

/// Text that may hold words from a file, without what identifies the patient where that is hidden.
pub fn words(workbench: &Workbench, text: &str) -> String {
    if !hides(workbench) {
        return text.to_owned();
    }
    let labels = workbench.case().iter().flat_map(|c| &c.sources).map(|s| s.label.clone()).collect::<Vec<_>>();
    let voxels = workbench.case().into_iter().flat_map(|c| &c.voxel_sources).map(|s| s.label.clone());
    let labels = labels.into_iter().chain(voxels);
    let labels = labels.chain(workbench.other_structure_sets().map(|(_, s)| s.label().to_owned()));
    let list = workbench.series();
    let labels = labels.chain(list.foreign_sets.iter().map(|s| s.set.label().to_owned()));
    let labels = labels.chain(list.series.iter().map(|s| s.description.clone()));
    let followed = workbench.follow_up().into_iter();
    let labels = labels.chain(followed.flat_map(|f| &f.series().series).map(|s| s.description.clone()));
    let mut secrets: Vec<String> = labels.flat_map(|l| [format!("\"{l}\""), format!("“{l}”")]).collect();
    let loading = workbench.loading().map(|l| l.meta.as_ref());
    let followed = workbench.follow_up().map(|f| f.case().image.meta.as_ref());
    for meta in workbench.case().map(|c| c.image.meta.as_ref()).into_iter().chain(loading).chain(followed) {
        secrets.extend(secrets_of(meta));
    }
    secrets.extend(workbench.archive_names().map(str::to_owned));
    without(text, secrets)
}

/// A text without these secrets and without UIDs.
fn without(text: &str, mut secrets: Vec<String>) -> String {
    let mut text = text.to_owned();
    // The longest first: a part must not leave the rest of a whole.
    secrets.sort_by_key(|s| std::cmp::Reverse(s.len()));
    // Initials are parts of words; names of two signs are not where a sign is a syllable.
    let is_name = |s: &str| s.chars().count() > if s.is_ascii() { 2 } else { 1 };
    for secret in secrets.iter().filter(|s| is_name(s)) {
        text = text.replace(secret.as_str(), hidden());
    }
    let is_uid = |word: &str| word.matches('.').count() > 3 && word.chars().all(|c| c.is_ascii_digit() || c == '.');
    let parts = text.split_inclusive(|c: char| c.is_whitespace() || ",;()\"，；：。（）“”、".contains(c));
    let part = |part: &str| {
        let word = part.trim_end_matches(|c: char| c.is_whitespace() || ",;()\".，；：。（）“”、".contains(c));
        if is_uid(word) { format!("{}{}", hidden(), &part[word.len()..]) } else { part.to_owned() }
    };
    parts.map(part).collect()
}

fn secrets_of(meta: &CtMeta) -> Vec<String> {
    let patient = &meta.patient;
    let mut secrets = vec![patient.name.clone(), patient.dicom_name.clone(), patient.id.clone()];
    secrets.extend([meta.accession_number.clone(), meta.referring_physician.clone()]);
    let parts = patient.dicom_name.split(|c: char| !c.is_alphanumeric());
    secrets.extend(parts.map(str::to_owned));
    for date in [&patient.birth_date, &meta.study_date] {
        secrets.extend([date.clone(), readable_date(date)]);
    }
    secrets
}

/// A series by its number, and by its description where that may be shown.
pub fn series_title(workbench: &Workbench, series: &FoundSeries) -> String {
    match identifier(workbench, series.description.trim(), "") {
        "" => tf!("Series {number}", number = series.number),
        description => format!("{}: {description}", series.number),
    }
}

/// An overlay by its number and kind, and by its description where that may be shown.
pub fn overlay_title(workbench: &Workbench, overlay: &Overlay) -> String {
    let title = format!("{}: {}", overlay.number, overlay.source.kind);
    match identifier(workbench, overlay.source.description.trim(), "") {
        "" => title,
        description => format!("{title}, {description}"),
    }
}

/// A DICOM date as people read it.
pub fn readable_date(date: &str) -> String {
    match date {
        d if d.len() == 8 && d.is_ascii() => format!("{}-{}-{}", &d[..4], &d[4..6], &d[6..]),
        other => other.to_owned(),
    }
}

/// Whose case a journal holds; where identifiers are hidden, of what kind it is.
pub fn journal_title(workbench: &Workbench, journal: &FoundJournal) -> String {
    let identity = &journal.identity;
    let slices = identity.grid.slices();
    if let CaseOrigin::Demo { seed } = identity.origin {
        return tf!("Demo case, seed {seed}", seed);
    }
    if hides(workbench) {
        return tf!("CT of {slices} slices ({id})", slices, id = journal.id());
    }
    let parts = [identity.patient.as_str(), identity.description.as_str()];
    let named = parts.into_iter().filter(|p| !p.trim().is_empty()).collect::<Vec<_>>().join(", ");
    if named.is_empty() { tf!("CT of {slices} slices ({id})", slices, id = journal.id()) } else { named }
}

/// What a job does, with the name of the file that it is about.
pub fn job_title(workbench: &Workbench, job: &JobStatus) -> String {
    let file = job.subject.as_deref().filter(|_| !hides(workbench));
    let file =
        file.map(|p| p.file_name().map_or_else(|| p.display().to_string(), |n| n.to_string_lossy().into_owned()));
    file.map_or_else(|| job.title.clone(), |file| format!("{} {file}", job.title))
}

/// What happened, in one line.
pub fn notice_summary(workbench: &Workbench, notice: &Notice) -> String {
    words(workbench, &notice.summary)
}

/// The lines behind a message, the files last.
pub fn notice_lines(workbench: &Workbench, notice: &Notice) -> Vec<String> {
    const MOST: usize = 20;
    let mut lines: Vec<String> = notice.details.iter().map(|line| words(workbench, line)).collect();
    lines.extend(notice.files.iter().take(MOST).filter_map(|f| path_words(workbench, f)));
    if notice.files.len() > MOST && !hides(workbench) {
        lines.push(tf!("and {n} more files", n = notice.files.len() - MOST));
    }
    lines
}

/// The whole proof of an export; where identifiers are hidden, without names, values and UIDs.
pub fn proof_sections(workbench: &Workbench, proof: &Exported) -> Vec<ProofSection> {
    let mut sections = proof.sections(hides(workbench));
    for line in sections.iter_mut().flat_map(|s| &mut s.lines) {
        *line = words(workbench, line);
    }
    sections
}

/// A line of the import report.
pub fn warning_words(workbench: &Workbench, warning: &ImportWarning) -> String {
    if hides(workbench) { words(workbench, &warning.text) } else { warning.to_string() }
}

/// A remark with the names of its files, short enough for one or two lines.
pub fn warning_line(workbench: &Workbench, warning: &ImportWarning) -> String {
    const MOST: usize = 4;
    let text = words(workbench, &warning.text);
    if hides(workbench) || warning.files.is_empty() {
        return text;
    }
    let name =
        |path: &std::path::PathBuf| path.file_name().map_or_else(String::new, |n| n.to_string_lossy().into_owned());
    let mut names: Vec<String> = warning.files.iter().take(MOST).map(name).collect();
    match warning.files.len() - names.len() {
        0 => {}
        1 => names.push(t("one more file").into()),
        more => names.push(tf!("{more} more files", more)),
    }
    let last = names.pop().unwrap_or_default();
    let names = if names.is_empty() { last } else { tf!("{names} and {last}", names = names.join(", "), last) };
    format!("{text}: {names}")
}

/// A patient of a cohort by the pseudonym; by the number of the row where identifiers are hidden.
pub fn patient_name(workbench: &Workbench, row: usize, id: &str) -> String {
    if hides(workbench) { tf!("Patient {n}", n = row + 1) } else { id.to_owned() }
}

/// What stands in a private cell of a cohort; `None` where it is hidden.
pub fn private_cell<'a>(workbench: &Workbench, text: &'a str) -> Option<&'a str> {
    (!hides(workbench) || text.is_empty()).then_some(text)
}

/// The name of a cohort, which a clinic may have chosen after a person or a place.
pub fn cohort_name(workbench: &Workbench, name: &str) -> String {
    if hides(workbench) || name.is_empty() { t("Cohort").to_owned() } else { name.to_owned() }
}

/// The name of a risk model, which a clinic may have chosen after a person or a place; `number` is its place in a list.
pub fn risk_model_name(workbench: &Workbench, folder: &Path, origin: ModelOrigin, number: Option<usize>) -> String {
    match (origin, number) {
        (ModelOrigin::Shipped, _) => t("Comes with Hilum").to_owned(),
        (_, Some(n)) if hides(workbench) => tf!("Risk model {n}", n = n + 1),
        (_, None) if hides(workbench) => t("Own risk model").to_owned(),
        _ => {
            folder.file_name().map_or_else(|| folder.display().to_string(), |name| name.to_string_lossy().into_owned())
        }
    }
}

/// What a risk model was trained on, without the name of its cohort where that is hidden.
pub fn risk_provenance(workbench: &Workbench, manifest: &RiskManifest) -> String {
    if manifest.simulated || !hides(workbench) {
        told_sentence(&manifest.provenance)
    } else {
        tf!("Trained on {n} patients of one cohort, validated in no other one.", n = manifest.patients)
    }
}

/// Why a cell or a case cannot be used, without its files and without what it quotes where identifiers are hidden.
pub fn reason(workbench: &Workbench, text: &str) -> String {
    let text = Trouble::from_text(text.to_owned()).text;
    if !hides(workbench) {
        return text;
    }
    let parts = text.split(['"', '“', '”']).enumerate();
    words(workbench, &parts.map(|(n, part)| if n % 2 == 0 { part } else { hidden() }).collect::<String>())
}

/// A cohort that was opened before.
pub fn recent_cohort(workbench: &Workbench, number: usize, path: &Path) -> String {
    path_words(workbench, path).unwrap_or_else(|| tf!("Recent cohort {n}", n = number + 1))
}

/// A recent case, by its number where its folder must not be shown.
pub fn recent_label(workbench: &Workbench, number: usize, recent: &RecentCase) -> String {
    let paths = recent.paths();
    match paths.first().and_then(|p| path_words(workbench, p)) {
        Some(first) if paths.len() > 1 => tf!("{first} and {n} more", first, n = paths.len() - 1),
        Some(first) => first,
        None => tf!("Recent case {n}", n = number + 1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workbench::Command;
    use crate::workbench::jobs::JobMode;

    #[test]
    fn names_are_hidden_also_where_two_signs_are_one() {
        let secrets = ["李娜", "Li", "Li^Na", "Müller"].map(str::to_owned).to_vec();
        assert_eq!(
            without("李娜 CTV of Li^Na, Lingula, Müller", secrets),
            "[hidden] CTV of [hidden], Lingula, [hidden]"
        );
    }

    #[test]
    fn uids_are_hidden_whatever_signs_stand_beside_them() {
        let mut workbench = Workbench::new(JobMode::Inline, None);
        let text = "Frame 1.2.840.113619.2.55.3, not (2.25.1.1.1.7); 坐标系（1.2.840.113619.2.55.3），而非“2.25.1.1.1.7”。1.5 mm";
        assert_eq!(words(&workbench, text), text);
        workbench.execute(Command::SetIdentifiersHidden(true));
        let hidden = words(&workbench, text);
        assert_eq!(hidden.matches("[hidden]").count(), 4, "{hidden}");
        assert!(!hidden.contains("840") && !hidden.contains("2.25") && hidden.ends_with("1.5 mm"), "{hidden}");
    }
}
