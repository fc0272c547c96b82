//! What is told of a recurrence on the terminal.

use crate::cli::output::{Table, number};
use crate::workbench::followup::{RecurrenceReport, STATEMENT, StationsBy};

pub fn of(report: &RecurrenceReport) -> String {
    let r = &report.registration;
    let mut text = format!(
        "{}: {:.1} cm3 on the planning CT ({:.1} cm3 as drawn), its middle at {:.1}, {:.1}, {:.1} mm\n",
        report.structure,
        report.recurrence.volume_cm3,
        report.recurrence.drawn_cm3,
        report.recurrence.x,
        report.recurrence.y,
        report.recurrence.z
    );
    text.push_str(&format!(
        "Registration ({}): {:.1} mm, {:.2} degrees{}",
        r.source,
        r.shift_mm,
        r.turn_degrees,
        if r.correction.is_some() { ", corrected by hand" } else { "" }
    ));
    if let Some(correlation) = r.correlation {
        text.push_str(&format!("; correlation {correlation:.3}"));
    }
    for (what, gap) in [("bones", r.bone), ("lungs", r.lung)] {
        if let Some(gap) = gap {
            text.push_str(&format!("; {what} {:.1} mm apart (95 %: {:.1})", gap.mean_mm, gap.p95_mm));
        }
    }
    text.push('\n');
    if let Some(problem) = &r.problem {
        text.push_str(&format!("Doubtful: {problem}\n"));
    }
    let by = match report.stations_by {
        StationsBy::Set => "the structure set",
        StationsBy::Rules => "the rules",
        StationsBy::Network => "the network",
    };
    text.push_str(&match (report.station.proposed, report.station.nearest) {
        (Some(station), _) => format!("Station proposed: {station} (stations by {by})\n"),
        (None, Some(nearest)) => format!(
            "Station proposed: none; the nearest is {nearest}, {:.1} mm away (stations by {by})\n",
            report.station.nearest_mm.unwrap_or_default()
        ),
        (None, None) => format!("Station proposed: none, and none within 80 mm (stations by {by})\n"),
    });
    let mut table =
        Table::new(&["Station", ">Recurrence cm3", ">%", ">Station cm3", ">In CTV cm3", ">%", ">In isodose %"]);
    for row in &report.coverage {
        let share = report.stations.iter().find(|s| s.station == row.station);
        table.row([
            row.station.to_string(),
            number(share.map(|s| s.cm3), 2),
            number(share.map(|s| s.percent), 1),
            number(Some(row.station_cm3), 1),
            number(row.ctv_cm3, 1),
            number(row.ctv_percent, 1),
            number(row.isodose_percent, 1),
        ]);
    }
    if !report.coverage.is_empty() {
        text.push_str(&table.to_string());
    }
    text.push_str(&format!("In no station: {:.2} cm3\n", report.outside_cm3));
    text.push_str(&match &report.ctv {
        Some(ctv) => {
            format!(
                "By the CTV ({}): {}, {:.1} % inside\n",
                ctv.names.join(", "),
                ctv.pattern.label(),
                ctv.inside_percent
            )
        }
        None => "By the CTV: no structure has that role; give one with --ctv\n".to_owned(),
    });
    if let Some(dose) = &report.dose {
        text.push_str(&format!(
            "By the {} % isodose ({:.1} Gy of {:.1} Gy, {}): {}, {:.1} % inside; dose in it {} to {} Gy, mean {}\n",
            dose.isodose_percent,
            dose.isodose_gy,
            dose.reference_gy,
            dose.reference_origin,
            dose.pattern.label(),
            dose.inside_percent,
            number(dose.min_gy, 1),
            number(dose.max_gy, 1),
            number(dose.mean_gy, 1)
        ));
    }
    for definition in &report.definitions {
        text.push_str(&format!("{definition}\n"));
    }
    text.push_str(&match (report.station.confirmed, report.station.confirmed_none) {
        (Some(station), _) => format!("Confirmed: {station}\n"),
        (None, true) => "Confirmed: in no station\n".to_owned(),
        (None, false) => "Not confirmed yet: look at the checkerboard, then add --confirm STATION\n".to_owned(),
    });
    text.push_str(&format!("The station is {STATEMENT}.\n"));
    text
}
