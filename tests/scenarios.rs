//! Recorded edits as data (`tests/scenarios/*.toml`, in the format of `hilum edit`), replayed through the workbench on the
//! synthetic thorax and on a real case, with these invariants after every command: rings are closed and cross neither
//! themselves nor each other, new vertices lie on the lattice of 1e-4 mm, what was not touched is the same in memory,
//! masks are those of the rings, features are those of a full count. Undo of everything leads back to the case as it was
//! opened, redo of everything to its end, and a second run gives the same contours.

use crate::support::test_data;
use hilum::contour::{Ring, SliceContours, rasterize_slice};
use hilum::geometry::Revision;
use hilum::progress::Silent;
use hilum::structures::{Roi, RoiId, StructureSet};
use hilum::workbench::jobs::{JobKey, JobMode};
use hilum::workbench::{
    Case, Command, Live, LoadedCase, Moment, Script, StationRule, Surroundings, Workbench, load_case, load_demo,
};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The scripts whose names begin so.
fn scripts(begin: &str) -> Vec<(String, Script)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios");
    let mut paths: Vec<PathBuf> =
        std::fs::read_dir(folder).expect("the folder of scenarios").flatten().map(|e| e.path()).collect();
    paths.sort();
    let name = |path: &Path| path.file_stem().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    let found: Vec<_> = paths
        .iter()
        .filter(|path| name(path).starts_with(begin))
        .map(|path| {
            let text = std::fs::read_to_string(path).expect("readable");
            let script = Script::parse(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
            (name(path), script)
        })
        .collect();
    assert!(!found.is_empty(), "no scenario is named {begin}…");
    found
}

/// What the last look saw.
struct Witness {
    opened: StructureSet,
    /// Vertices of the opened case that are not on the lattice, by their bits.
    imported: BTreeSet<[u64; 2]>,
    revision: Revision,
    structures: StructureSet,
    /// Found once: what of it depends on structures is found again where they changed.
    surroundings: Surroundings,
    /// Counts features anew after every command, not only after every step.
    counts_always: bool,
    commands: usize,
}

fn off_lattice(p: [f64; 2]) -> bool {
    Ring::new([p]).points()[0] != p
}

impl Witness {
    fn new(case: &Case, counts_always: bool) -> Self {
        let points = case.structures().rois.iter().flat_map(|roi| roi.slices.values());
        let points = points.flat_map(|contours| &contours.rings).flat_map(|ring| ring.points());
        let imported = points.filter(|p| off_lattice(**p)).map(|p| p.map(f64::to_bits)).collect();
        let opened = case.structures().clone();
        let (surroundings, revision) = (Surroundings::find(case), case.revision());
        Self { structures: opened.clone(), opened, imported, revision, surroundings, counts_always, commands: 0 }
    }

    fn look(&mut self, workbench: &Workbench, moment: Moment) -> Result<(), String> {
        let case = workbench.case().ok_or("no case is open")?;
        self.commands += 1;
        let mut touched: BTreeSet<(RoiId, usize)> = BTreeSet::new();
        for change in case.changes_since(self.revision) {
            touched.extend(change.slices.iter().map(|k| (change.roi, *k)));
        }
        self.untouched_is_the_same(case, &touched)?;
        // While a vertex is dragged its ring may cross others; what is done is settled.
        let settled = !case.in_transaction();
        for (roi, k) in &touched {
            let Some(contours) = case.structures().get(*roi).and_then(|r| r.slices.get(k)) else { continue };
            self.rings_are_sound(contours, settled).map_err(|why| format!("slice {k}: {why}"))?;
            let mask = rasterize_slice(case.grid(), contours);
            let held = case.mask(*roi).slices.get(k);
            if held.map_or(!mask.is_empty(), |held| **held != mask) {
                return Err(format!("the mask of slice {k} is not that of its rings"));
            }
        }
        let changed = case.revision() != self.revision;
        if moment == Moment::Step {
            case.check_invariants()?;
        }
        if changed && self.counts_always || moment == Moment::Step {
            features_are_current(workbench, case, &self.surroundings)?;
        }
        self.revision = case.revision();
        self.structures = case.structures().clone();
        Ok(())
    }

    fn untouched_is_the_same(&self, case: &Case, touched: &BTreeSet<(RoiId, usize)>) -> Result<(), String> {
        for before in &self.structures.rois {
            let Some(now) = case.structures().get(before.id) else { continue };
            let slices: BTreeSet<usize> = before.slices.keys().chain(now.slices.keys()).copied().collect();
            for k in slices.into_iter().filter(|k| !touched.contains(&(before.id, *k))) {
                let same = match (before.slices.get(&k), now.slices.get(&k)) {
                    (Some(a), Some(b)) => Arc::ptr_eq(a, b),
                    _ => false,
                };
                if !same {
                    return Err(format!("slice {k} of {} changed without being told", before.name));
                }
            }
        }
        Ok(())
    }

    fn rings_are_sound(&self, contours: &SliceContours, settled: bool) -> Result<(), String> {
        for ring in contours.rings.iter().filter(|ring| ring.source_contour().is_none()) {
            let points = ring.points();
            if points.len() < 3 || points.first() == points.last() || points.windows(2).any(|pair| pair[0] == pair[1]) {
                return Err(format!("a ring of {} points is not closed or repeats one", points.len()));
            }
            let strange = points.iter().find(|p| off_lattice(**p) && !self.imported.contains(&p.map(f64::to_bits)));
            if let Some(p) = strange {
                return Err(format!("the vertex {p:?} is neither on the lattice nor of the source"));
            }
        }
        if settled && let Some(place) = crossing(contours) {
            return Err(format!("rings cross at about {place:?}"));
        }
        Ok(())
    }
}

fn features_are_current(workbench: &Workbench, case: &Case, surroundings: &Surroundings) -> Result<(), String> {
    let Some(live) = workbench.live().filter(|_| !workbench.is_running(JobKey::Airway)) else { return Ok(()) };
    if live.features().revision != case.revision() {
        return Err("the features are of another revision".into());
    }
    let fresh = Live::new(case, surroundings.clone(), None);
    if live.features().value != fresh.features().value {
        return Err("the features are not those of a full count".into());
    }
    Ok(())
}

/// Where two edges of the slice cross, beyond what the lattice explains. Rings of the source may do what they like among
/// themselves.
fn crossing(contours: &SliceContours) -> Option<[f64; 2]> {
    struct Edge {
        ring: usize,
        a: [f64; 2],
        b: [f64; 2],
    }
    let is_new = |n: usize| contours.rings[n].source_contour().is_none();
    let edges =
        contours.rings.iter().enumerate().flat_map(|(n, r)| r.edges().map(move |(a, b)| Edge { ring: n, a, b }));
    let mut edges: Vec<Edge> = edges.collect();
    let left = |e: &Edge| e.a[0].min(e.b[0]);
    edges.sort_by(|a, b| left(a).total_cmp(&left(b)));
    for (n, e) in edges.iter().enumerate() {
        let right = e.a[0].max(e.b[0]);
        for f in edges[n + 1..].iter().take_while(|f| left(f) <= right) {
            if (is_new(e.ring) || is_new(f.ring)) && cross((e.a, e.b), (f.a, f.b)) {
                return Some(e.a);
            }
        }
    }
    None
}

/// Whether two edges cross with all ends further than three lattice steps from the other edge's line.
fn cross((a, b): ([f64; 2], [f64; 2]), (c, d): ([f64; 2], [f64; 2])) -> bool {
    let from_line = |p: [f64; 2], (a, b): ([f64; 2], [f64; 2])| {
        let (dx, dy) = (b[0] - a[0], b[1] - a[1]);
        (dx * (p[1] - a[1]) - dy * (p[0] - a[0])) / dx.hypot(dy).max(1e-12)
    };
    let apart = |x: f64, y: f64| x * y < 0.0 && x.abs().min(y.abs()) > 3.0 * Ring::STEP_MM;
    apart(from_line(c, (a, b)), from_line(d, (a, b))) && apart(from_line(a, (c, d)), from_line(b, (c, d)))
}

fn replay(name: &str, script: &Script, loaded: LoadedCase, counts_always: bool) -> StructureSet {
    let mut workbench = Workbench::new(JobMode::Inline, None);
    workbench.take_case(loaded);
    let case = |workbench: &Workbench| -> StructureSet { workbench.case().expect("open").structures().clone() };
    let mut witness = Witness::new(workbench.case().expect("open"), counts_always);
    script
        .run(&mut workbench, &mut |workbench, moment| witness.look(workbench, moment))
        .unwrap_or_else(|error| panic!("{name}: {error}"));
    let end = case(&workbench);
    assert_ne!(end, witness.opened, "{name} changes something");
    others_are_untouched(name, script, &witness.opened, &end);
    let mut undone = 0;
    let mut go = |workbench: &mut Workbench, command: Command| {
        workbench.execute(command);
        workbench.poll();
        witness.look(workbench, Moment::Command).unwrap_or_else(|why| panic!("{name}, undo or redo: {why}"));
    };
    while workbench.case().is_some_and(|c| c.history().undo_label().is_some()) {
        go(&mut workbench, Command::Undo);
        undone += 1;
    }
    let back = case(&workbench);
    for _ in 0..undone {
        go(&mut workbench, Command::Redo);
    }
    assert_eq!(case(&workbench), end, "{name}: redo leads to the end");
    assert_eq!(back, witness.opened, "{name}: undo leads back to the start");
    let last = workbench.case().expect("open");
    features_are_current(&workbench, last, &witness.surroundings).unwrap_or_else(|why| panic!("{name}: {why}"));
    println!("{name}: {} commands, {undone} steps of undo", witness.commands);
    end
}

/// Structures that no step names keep every slice in memory, unless stations may take from each other.
fn others_are_untouched(name: &str, script: &Script, opened: &StructureSet, end: &StructureSet) {
    let takes = script.steps.iter().filter_map(|s| s.rules.as_ref()).any(|r| r.stations == StationRule::Take);
    let named: BTreeSet<&str> = script.steps.iter().filter_map(|s| s.roi.as_deref()).collect();
    let by_id: BTreeMap<RoiId, _> = end.rois.iter().map(|roi| (roi.id, roi)).collect();
    let may_change = |roi: &Roi| named.contains(roi.name.as_str()) || takes && roi.role.is_station();
    for before in opened.rois.iter().filter(|roi| !may_change(roi)) {
        let now = by_id[&before.id];
        let same = before.slices.len() == now.slices.len()
            && before.slices.iter().all(|(k, c)| now.slices.get(k).is_some_and(|n| Arc::ptr_eq(n, c)));
        assert!(same, "{name}: {} was not named, and is not what it was", before.name);
    }
}

#[test]
fn scenarios_on_the_synthetic_thorax() {
    for (name, script) in scripts("phantom") {
        let load = || load_demo(Workbench::DEMO_SEED, &Silent).expect("the demo case");
        let end = replay(&name, &script, load(), true);
        let mut again = Workbench::new(JobMode::Inline, None);
        again.take_case(load());
        script.run(&mut again, &mut |_, _| Ok(())).unwrap_or_else(|error| panic!("{name}, again: {error}"));
        assert_eq!(*again.case().expect("open").structures(), end, "{name}: the same events give the same contours");
    }
}

#[test]
fn scenarios_on_a_real_case() {
    let Some(folder) = test_data("4dlung-113") else { return };
    for (name, script) in scripts("4dlung") {
        let loaded = load_case(std::slice::from_ref(&folder), &Silent, &mut |_| Ok(())).expect("the case opens");
        replay(&name, &script, loaded, false);
    }
}
