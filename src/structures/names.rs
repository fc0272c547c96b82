//! From the names that clinics give to the roles that the program understands.
//!
//! The names are data (`assets/names/aliases.toml`); the code only cuts a name into words and knows how
//! station numbers are written. A proposal is shown and can be changed; it never changes a file.

use super::{Role, Station};
use std::collections::BTreeMap;
use std::sync::LazyLock;

/// A role proposed from a name.
#[derive(Debug, Clone, PartialEq)]
pub struct Proposal {
    pub role: Role,
    /// False where the name only hints at the role; the window then asks for a look.
    pub certain: bool,
}

impl Proposal {
    fn certain(role: Role) -> Self {
        Self { role, certain: true }
    }

    fn guess(role: Role) -> Self {
        Self { role, certain: false }
    }
}

/// Proposes a role from an ROI name and its RT ROI Interpreted Type (3006,00A4), which may be empty.
/// The name decides; the type is asked where the name says nothing, because planning systems fill it
/// carelessly (one writes ORGAN for every tumour).
pub fn propose_role(name: &str, interpreted_type: &str) -> Proposal {
    TABLE.propose(name, interpreted_type)
}

/// A name in the form in which names are compared: words that say how a structure was made are left out, laterality is
/// last. "Lt Lung", "lung_left" and "Lung_L" give the same.
pub fn name_key(name: &str) -> String {
    TABLE.key(name.trim()).text
}

/// The alias file as it is written.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct AliasFile {
    ignored_words: Vec<String>,
    right: Vec<String>,
    left: Vec<String>,
    station_prefixes: Vec<String>,
    doubtful_station_prefixes: Vec<String>,
    alias: Vec<AliasEntry>,
    prefix: Vec<PrefixEntry>,
    stations: BTreeMap<Station, Vec<String>>,
    types: TypeEntry,
    organs: OrganEntry,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct AliasEntry {
    role: FileRole,
    certain: bool,
    names: Vec<String>,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct PrefixEntry {
    role: FileRole,
    certain: bool,
    /// True where a word must end, or a number begin, behind the beginning.
    #[serde(default)]
    whole_words: bool,
    starts: Vec<String>,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct TypeEntry {
    certain_other: Vec<String>,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct OrganEntry {
    names: Vec<String>,
}

#[derive(serde::Deserialize, Clone, Copy)]
enum FileRole {
    #[serde(rename = "GTVp")]
    Gtvp,
    #[serde(rename = "GTVn")]
    Gtvn,
    #[serde(rename = "CTV")]
    Ctv,
    Organ,
    Other,
}

impl From<FileRole> for Role {
    fn from(role: FileRole) -> Self {
        match role {
            FileRole::Gtvp => Self::Gtvp,
            FileRole::Gtvn => Self::Gtvn,
            FileRole::Ctv => Self::Ctv,
            FileRole::Organ => Self::Organ,
            FileRole::Other => Self::Other,
        }
    }
}

/// The aliases ready for look-up: keys are names in the form of [`Table::key`].
struct Table {
    ignored_words: Vec<String>,
    right: Vec<String>,
    left: Vec<String>,
    /// Longest first.
    station_prefixes: Vec<(String, bool)>,
    names: BTreeMap<String, Proposal>,
    /// In the order of the file.
    prefixes: Vec<Prefix>,
    other_types: Vec<String>,
}

struct Prefix {
    start: String,
    whole_words: bool,
    proposal: Proposal,
}

/// A name in the form in which names are compared.
struct Key {
    /// The words that carry meaning, laterality last, written together.
    text: String,
    /// Where in the text a word ends.
    ends: Vec<usize>,
    /// True where words were left out that say how a structure was made.
    shortened: bool,
}

impl Key {
    fn starts_with(&self, prefix: &Prefix) -> bool {
        self.text.strip_prefix(prefix.start.as_str()).is_some_and(|rest| {
            let word_ends = self.ends.contains(&prefix.start.len()) || rest.starts_with(|c: char| c.is_ascii_digit());
            !prefix.whole_words || word_ends
        })
    }
}

static TABLE: LazyLock<Table> = LazyLock::new(|| {
    Table::parse(include_str!("../../assets/names/aliases.toml")).expect("the alias table is checked by a test")
});

impl Table {
    fn parse(text: &str) -> Result<Self, String> {
        let file: AliasFile = toml::from_str(text).map_err(|e| e.to_string())?;
        let mut table = Self {
            ignored_words: file.ignored_words,
            right: file.right,
            left: file.left,
            station_prefixes: Vec::new(),
            names: BTreeMap::new(),
            prefixes: Vec::new(),
            other_types: file.types.certain_other,
        };
        let with_trust = |list: Vec<String>, trust: bool| list.into_iter().map(move |p| (joined(&words(&p)), trust));
        table.station_prefixes =
            with_trust(file.station_prefixes, true).chain(with_trust(file.doubtful_station_prefixes, false)).collect();
        table.station_prefixes.sort_by_key(|(p, _)| std::cmp::Reverse(p.len()));
        let mut entries: Vec<(String, Proposal)> = Vec::new();
        for entry in file.alias {
            let proposal = Proposal { role: entry.role.into(), certain: entry.certain };
            entries.extend(entry.names.into_iter().map(|n| (n, proposal.clone())));
        }
        for (station, names) in file.stations {
            entries.extend(names.into_iter().map(|n| (n, Proposal::certain(Role::Station(station)))));
        }
        entries.extend(file.organs.names.into_iter().map(|n| (n, Proposal::certain(Role::Organ))));
        for (name, proposal) in entries {
            let key = table.key(&name).text;
            if let Some(before) = table.names.insert(key, proposal.clone())
                && before != proposal
            {
                return Err(format!("\"{name}\" stands for {} and for {}", before.role.label(), proposal.role.label()));
            }
        }
        for entry in file.prefix {
            let proposal = Proposal { role: entry.role.into(), certain: entry.certain };
            let whole_words = entry.whole_words;
            let starts: Vec<String> = entry.starts.iter().map(|s| table.key(s).text).collect();
            let prefix = |start| Prefix { start, whole_words, proposal: proposal.clone() };
            table.prefixes.extend(starts.into_iter().map(prefix));
        }
        Ok(table)
    }

    fn key(&self, name: &str) -> Key {
        let all = words(name);
        let mut kept: Vec<&str> = all
            .iter()
            .map(String::as_str)
            .filter(|w| !self.ignored_words.iter().any(|i| i == w) && !is_phase(w))
            .collect();
        if kept.is_empty() {
            kept = all.iter().map(String::as_str).collect();
        }
        let shortened = kept.len() < all.iter().filter(|w| !is_phase(w)).count();
        let side_of = |word: &str| {
            let is_in = |list: &[String]| list.iter().any(|s| s == word);
            if is_in(&self.right) {
                Some("r")
            } else if is_in(&self.left) {
                Some("l")
            } else {
                None
            }
        };
        // A single letter is laterality only beside another word.
        if kept.len() > 1
            && let Some(at) = kept.iter().position(|w| side_of(w).is_some())
            && let Some(side) = side_of(kept[at])
        {
            kept.remove(at);
            kept.push(side);
        }
        let ends = kept.iter().scan(0, |end, word| {
            *end += word.len();
            Some(*end)
        });
        Key { ends: ends.collect(), text: kept.concat(), shortened }
    }

    fn propose(&self, name: &str, interpreted_type: &str) -> Proposal {
        let name = name.trim();
        if is_helper(name) {
            return Proposal::certain(Role::Other);
        }
        let key = self.key(name);
        if let Some(found) = self.names.get(&key.text) {
            // A target whose name is an organ (a whole breast as GTV) deserves a look.
            let contradicts = found.role == Role::Organ && matches!(interpreted_type, "GTV" | "CTV");
            return Proposal { role: found.role, certain: found.certain && !contradicts };
        }
        if let Some(found) = self.station(&key) {
            return found;
        }
        if let Some(prefix) = self.prefixes.iter().find(|p| key.starts_with(p)) {
            return prefix.proposal.clone();
        }
        match interpreted_type {
            "GTV" => Proposal::guess(Role::Gtvp),
            "CTV" => Proposal::guess(Role::Ctv),
            "EXTERNAL" => Proposal::certain(Role::Organ),
            "ORGAN" | "AVOIDANCE" | "CAVITY" => Proposal::guess(Role::Organ),
            other if self.other_types.iter().any(|t| t == other) => Proposal::certain(Role::Other),
            _ => Proposal::guess(Role::Other),
        }
    }

    /// A station number with or without prefix: `4r`, `ln4r`, `station07`, `lniaslc03a`, `11rs`.
    fn station(&self, key: &Key) -> Option<Proposal> {
        // Several prefixes may stand together (LN_IASLC_04_R, LN station 7).
        let (mut rest, mut prefixed, mut trusted) = (key.text.as_str(), false, true);
        while let Some((prefix, trust)) = self.station_prefixes.iter().find(|(p, _)| rest.starts_with(p.as_str())) {
            rest = &rest[prefix.len()..];
            prefixed = true;
            trusted &= trust;
        }
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (number, side) = rest.split_at(digits);
        if digits == 0 || digits > 2 {
            return None;
        }
        let number: u8 = number.parse().ok()?;
        let side = match side {
            "right" => "r",
            "left" => "l",
            "anterior" | "ant" => "a",
            "posterior" | "post" => "p",
            other => other,
        };
        // A bare number beside words that were left out counts something else: ROI-5, copy 7.
        if !prefixed && side.is_empty() && key.shortened {
            return None;
        }
        let label = match (number, side) {
            (1 | 2 | 4 | 10, "r" | "l") | (3, "a" | "p") => format!("{number}{side}"),
            (5..=8, "") => number.to_string(),
            (8, "r" | "l") => "8".to_owned(),
            // 11Rs and 11Ri (superior and inferior) are parts of 11R.
            (11, "r" | "rs" | "ri") => "11r".to_owned(),
            (11, "l" | "ls" | "li") => "11l".to_owned(),
            _ => return None,
        };
        let station: Station = label.parse().ok()?;
        let certain = trusted && (prefixed || !side.is_empty());
        Some(Proposal { role: Role::Station(station), certain })
    }
}

fn joined(words: &[String]) -> String {
    words.concat()
}

/// Lower-case words, cut at everything that is no letter or digit and between a small and a capital letter.
fn words(name: &str) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    let mut word = String::new();
    let mut before_small = false;
    for c in name.chars() {
        if !c.is_alphanumeric() || (before_small && c.is_uppercase()) {
            all.push(std::mem::take(&mut word));
        }
        if c.is_alphanumeric() {
            word.extend(c.to_lowercase());
        }
        before_small = c.is_lowercase();
    }
    all.push(word);
    all.retain(|w| !w.is_empty());
    all
}

/// The breathing phase of a 4D scan: `c40`, `t50`.
fn is_phase(word: &str) -> bool {
    let digits = word.strip_prefix(['c', 't']).unwrap_or("");
    (2..=3).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit()) && digits.ends_with('0')
}

/// TG-263: names with `z` or `_` before them are helpers, not for evaluation.
fn is_helper(name: &str) -> bool {
    let mut chars = name.chars();
    match (chars.next(), chars.next()) {
        (Some('_'), _) => true,
        (Some('z'), Some(next)) => next == '_' || next.is_uppercase(),
        _ => false,
    }
}

/// A name that is not taken: `wanted`, else `wanted 2`, `wanted 3` ...
pub fn free_name(wanted: &str, is_taken: impl Fn(&str) -> bool) -> String {
    let mut name = wanted.to_owned();
    let mut n = 1;
    while is_taken(&name) {
        n += 1;
        name = format!("{wanted} {n}");
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    /// name, type, role label, certain
    const CASES: &[(&str, &str, &str, bool)] = &[
        // real sets
        ("Tumor_c40", "ORGAN", "GTVp", false),
        ("LN_c40", "ORGAN", "GTVn", false),
        ("Carina_c40", "ORGAN", "Organ", true),
        ("Vertebra_c40", "ORGAN", "Organ", true),
        ("GTV_Mass_CT", "GTV", "GTVp", false),
        ("ROI-1", "ORGAN", "Organ", false),
        ("ROI-1", "", "Other", false),
        ("ROI-5", "", "Other", false),
        ("ROI-6", "ORGAN", "Organ", false),
        ("ROI_7", "", "Other", false),
        ("ROI 8", "GTV", "GTVp", false),
        ("copy 7", "", "Other", false),
        ("ROI_4R", "", "Station 4R", true),
        ("Lt Lung", "AVOIDANCE", "Organ", true),
        ("Heart", "ORGAN", "Organ", true),
        ("BODY", "EXTERNAL", "Organ", true),
        ("Tumor Bed", "CTV", "CTV", false),
        ("Breast", "GTV", "Organ", false),
        ("Nodes", "AVOIDANCE", "GTVn", false),
        ("Borders", "CTV", "CTV", false),
        // targets
        ("GTVp", "", "GTVp", true),
        ("GTVp1", "", "GTVp", true),
        ("GTV_p", "", "GTVp", true),
        ("GTV", "GTV", "GTVp", false),
        ("GTVn", "", "GTVn", true),
        ("GTVnd", "", "GTVn", true),
        ("GTVn01", "", "GTVn", true),
        ("GTVn_4R", "", "GTVn", true),
        ("LN gtv", "", "GTVn", true),
        ("CTV", "", "CTV", true),
        ("CTVp_6000", "", "CTV", true),
        ("CTV 45Gy", "", "CTV", true),
        ("GTV_primary_2", "", "GTVp", true),
        ("GTVpT2", "", "GTVp", true),
        ("GTV node 3", "", "GTVn", true),
        ("GTVnodes", "", "GTVn", true),
        ("GTVn left", "", "GTVn", true),
        ("GTV_n2", "", "GTVn", true),
        ("GTV_NSCLC", "", "GTVp", false),
        ("GTV_nodule", "", "GTVp", false),
        ("GTV_new2", "", "GTVp", false),
        ("GTV_post", "", "GTVp", false),
        ("GTV_preop", "GTV", "GTVp", false),
        ("GTV_PTV", "", "GTVp", false),
        ("PTV_6000", "PTV", "Other", true),
        ("ITV", "", "Other", true),
        ("zGTV", "GTV", "Other", true),
        ("zAI_LN_04_R", "", "Other", true),
        ("z_opt", "", "Other", true),
        ("_helper", "CTV", "Other", true),
        ("ideaCTV", "", "Other", true),
        // stations by number
        ("LN_IASLC_04_R", "", "Station 4R", true),
        ("LN_IASLC_03_A", "", "Station 3A", true),
        ("LN_IASLC_07", "", "Station 7", true),
        ("LN_IASLC_11_L", "", "Station 11L", true),
        ("4R", "", "Station 4R", true),
        ("ln4r", "", "Station 4R", true),
        ("LN4R", "", "Station 4R", true),
        ("St 4R", "", "Station 4R", true),
        ("station4R", "", "Station 4R", true),
        ("Station_07", "", "Station 7", true),
        ("LN7", "", "Station 7", true),
        ("LN_4R_c40", "", "Station 4R", true),
        ("Station 4 right", "", "Station 4R", true),
        ("R4", "", "Other", false),
        ("10 L", "", "Station 10L", true),
        ("11Rs", "", "Station 11R", true),
        ("8R", "", "Station 8", true),
        ("3P", "", "Station 3P", true),
        ("3a", "", "Station 3A", true),
        ("5", "", "Station 5", false),
        ("07", "", "Station 7", false),
        ("S5", "", "Station 5", false),
        ("4", "", "Other", false),
        ("LN4", "", "Other", false),
        ("12R", "", "Other", false),
        ("9", "", "Other", false),
        // stations by name
        ("AP window", "", "Station 5", true),
        ("Subcarinal", "", "Station 7", true),
        ("upper paratracheal R", "", "Station 2R", true),
        ("Right lower paratracheal", "", "Station 4R", true),
        ("hilar_left", "", "Station 10L", true),
        ("SCF_R", "", "Station 1R", true),
        ("para-oesophageal", "", "Station 8", true),
        ("prevascular", "", "Station 3A", true),
        // organs
        ("Lung_L", "", "Organ", true),
        ("lung_upper_lobe_left", "", "Organ", true),
        ("SpinalCord", "", "Organ", true),
        ("spinal_cord", "", "Organ", true),
        ("superior_vena_cava", "", "Organ", true),
        ("brachiocephalic_vein_left", "", "Organ", true),
        ("V_Venacava_S", "", "Organ", true),
        ("vertebrae_T5", "", "Organ", true),
        ("rib_left_4", "", "Organ", true),
        ("Rib04_L", "", "Organ", true),
        ("A_Aorta", "", "Organ", true),
        ("Oesophagus", "", "Organ", true),
        ("heart_atrium_left", "", "Organ", true),
        ("", "", "Other", false),
        ("食道", "ORGAN", "Organ", false),
    ];

    #[test]
    fn names_give_the_expected_roles() {
        let wrong: Vec<String> = CASES
            .iter()
            .filter_map(|(name, kind, label, certain)| {
                let p = propose_role(name, kind);
                (p.role.label() != *label || p.certain != *certain)
                    .then(|| format!("{name} [{kind}]: {} {} instead of {label} {certain}", p.role.label(), p.certain))
            })
            .collect();
        assert!(wrong.is_empty(), "{wrong:#?}");
    }

    #[test]
    fn the_names_written_by_this_program_are_understood_by_it() {
        for station in Station::all() {
            for name in [station.export_name(), station.label()] {
                assert_eq!(propose_role(name, "").role, Role::Station(station), "{name}");
            }
        }
    }

    #[test]
    fn a_name_with_two_meanings_is_refused() {
        let text = include_str!("../../assets/names/aliases.toml");
        assert!(Table::parse(text).is_ok());
        let twice = text.replace("\"Body\", ", "\"Body\", \"GTVp\", ");
        assert!(Table::parse(&twice).is_err_and(|e| e.contains("GTVp")));
    }
}
