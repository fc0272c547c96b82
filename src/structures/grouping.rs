//! Ways to count the stations: the sixteen of the program taken together as atlases and papers do. Views only; contours
//! and files always have the sixteen.

use super::Station;
use super::Station::{S1L, S1R, S2L, S2R, S3A, S3P, S4L, S4R, S5, S6, S7, S8, S10L, S10R, S11L, S11R};

/// One way to count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StationGrouping {
    /// For the command line and files.
    pub key: &'static str,
    pub name: &'static str,
    /// Label and stations of each group; a station that the grouping leaves out is in none.
    pub groups: &'static [(&'static str, &'static [Station])],
}

/// Groups in a line each: a label and its stations.
macro_rules! groups {
    ($($label:literal: $($station:ident)+),* $(,)?) => { &[$(($label, &[$($station),+])),*] };
}

static GROUPINGS: [StationGrouping; 5] = [
    StationGrouping {
        key: "atomic16",
        name: "the sixteen stations",
        groups: groups!(
            "1R": S1R, "1L": S1L, "2R": S2R, "2L": S2L, "3A": S3A, "3P": S3P, "4R": S4R, "4L": S4L, "5": S5, "6": S6,
            "7": S7, "8": S8, "10R": S10R, "10L": S10L, "11R": S11R, "11L": S11L
        ),
    },
    StationGrouping {
        key: "paper14",
        name: "fourteen stations, without 11",
        groups: groups!(
            "1R": S1R, "1L": S1L, "2R": S2R, "2L": S2L, "3A": S3A, "3P": S3P, "4R": S4R, "4L": S4L, "5": S5, "6": S6,
            "7": S7, "8": S8, "10R": S10R, "10L": S10L
        ),
    },
    StationGrouping {
        key: "merged14",
        name: "fourteen stations, 10 with 11",
        groups: groups!(
            "1R": S1R, "1L": S1L, "2R": S2R, "2L": S2L, "3A": S3A, "3P": S3P, "4R": S4R, "4L": S4L, "5": S5, "6": S6,
            "7": S7, "8": S8, "10-11R": S10R S11R, "10-11L": S10L S11L
        ),
    },
    StationGrouping {
        key: "chapet12",
        name: "twelve regions of Chapet 2005",
        groups: groups!(
            "1-2R": S1R S2R, "1-2L": S1L S2L, "3A": S3A, "3P": S3P, "4R": S4R, "4L": S4L, "5": S5, "6": S6, "7": S7,
            "8": S8, "10-11R": S10R S11R, "10-11L": S10L S11L
        ),
    },
    StationGrouping {
        key: "zones",
        name: "zones of the IASLC map",
        groups: groups!(
            "supraclavicular": S1R S1L, "upper": S2R S2L S3A S3P S4R S4L, "aortopulmonary": S5 S6, "subcarinal": S7,
            "lower": S8, "hilar and interlobar": S10R S10L S11R S11L
        ),
    },
];

impl StationGrouping {
    /// All groupings, the sixteen stations first.
    pub fn all() -> &'static [Self] {
        &GROUPINGS
    }

    pub fn by_key(key: &str) -> Option<&'static Self> {
        GROUPINGS.iter().find(|grouping| grouping.key.eq_ignore_ascii_case(key))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_station_is_in_two_groups_and_only_one_grouping_leaves_any_out() {
        for grouping in StationGrouping::all() {
            let all: Vec<Station> = grouping.groups.iter().flat_map(|(_, stations)| stations.iter().copied()).collect();
            let different: std::collections::BTreeSet<Station> = all.iter().copied().collect();
            assert_eq!(all.len(), different.len(), "{}", grouping.key);
            let expected = if grouping.key == "paper14" { 14 } else { Station::COUNT };
            assert_eq!(all.len(), expected, "{}", grouping.key);
        }
        let count = |key: &str| StationGrouping::by_key(key).map(|g| g.groups.len());
        assert_eq!((count("chapet12"), count("merged14"), count("zones")), (Some(12), Some(14), Some(6)));
    }
}
