//! Stations that the rules drew, as structures of a case that nobody looks at meanwhile.

use super::{Case, Change, Edit, EditError};
use crate::anatomy::{LandmarkId, StationSet};
use crate::structures::{Provenance, Roi, Role, Station, free_name, station_color};
use std::sync::Arc;

/// The stations as structures of the case; gives their names.
pub fn add_rule_stations(case: &mut Case, set: &StationSet) -> Result<[Option<String>; Station::COUNT], EditError> {
    let mut names: [Option<String>; Station::COUNT] = Default::default();
    let mut changes = Vec::new();
    let first = case.structures().rois.len();
    for station in Station::all() {
        let mask = &set.masks[station.index()];
        if mask.is_empty() {
            continue;
        }
        let taken = case.structures().with_role(Role::Station(station)).next().is_some();
        let wanted = if taken { format!("zRule_{}", station.export_name()) } else { station.export_name().to_owned() };
        let name = free_name(&wanted, |n| case.structures().by_name(n).is_some());
        let role = if taken { Role::Other } else { Role::Station(station) };
        let provenance = Provenance::Proposed { recipe: recipe(set, station) };
        let roi = Roi::new(case.new_id(), name.clone(), station_color(station), role, provenance);
        let (roi, _) = roi.with_mask(case.grid(), mask);
        names[station.index()] = Some(name);
        changes.push(Change::Add { index: first + changes.len(), roi: Arc::new(roi) });
    }
    case.apply(Edit::new("Draw stations by the rules", changes))?;
    Ok(names)
}

/// Rules, version, quality and what the limits rest on.
fn recipe(set: &StationSet, station: Station) -> String {
    let (row, band) = (set.rules.station(station), &set.bands[station.index()]);
    let source = |id: LandmarkId| set.landmarks.get(id).map_or("", |l| l.source.words());
    format!(
        "station {station} by {}; {}; from {} ({}) to {} ({})",
        set.rules.title(),
        set.quality.label(),
        row.superior.text,
        source(band.superior),
        row.inferior.text,
        source(band.inferior)
    )
}
