//! Undo and redo over everything: random sequences of every kind of edit, taken back to the case as it was opened and done
//! again to the last one, at any time through the journal too.

use super::{Place, open, recover, stroke};
use glam::DVec3;
use hilum::features::{ClinicalValues, Sex};
use hilum::geometry::Orientation;
use hilum::structures::{Role, Station, StructureSet};
use hilum::workbench::tools::{BrushShape, Keys, Pointer, ToolEvent};
use hilum::workbench::{Command, Settings, TeachCommand, Workbench};
use proptest::prelude::*;

#[derive(Debug, Clone)]
enum Act {
    Stroke(usize),
    Add(usize),
    Delete(usize),
    Rename(usize, usize),
    Role(usize, Role),
    Color(usize, [u8; 3]),
    Clinical(f64),
    /// Adds the other structure set of the folder.
    Import,
    Propose,
    Exercise(usize),
    CopySlice,
    Undo,
    Redo,
    /// To a step by its place.
    GoTo(usize),
    /// The program ends and is started again.
    Restart,
}

fn act() -> impl Strategy<Value = Act> {
    let role = prop_oneof![
        Just(Role::Gtvp),
        Just(Role::Gtvn),
        Just(Role::Ctv),
        Just(Role::Other),
        Just(Role::Station(Station::S7)),
    ];
    let n = 0usize..8;
    prop_oneof![
        6 => (0usize..500).prop_map(Act::Stroke),
        2 => n.clone().prop_map(Act::Add),
        2 => n.clone().prop_map(Act::Delete),
        1 => (n.clone(), 0usize..4).prop_map(|(at, name)| Act::Rename(at, name)),
        1 => (n.clone(), role).prop_map(|(at, role)| Act::Role(at, role)),
        1 => (n.clone(), any::<[u8; 3]>()).prop_map(|(at, color)| Act::Color(at, color)),
        1 => (20.0..90.0f64).prop_map(Act::Clinical),
        1 => Just(Act::Import),
        1 => Just(Act::Propose),
        1 => n.clone().prop_map(Act::Exercise),
        1 => Just(Act::CopySlice),
        3 => Just(Act::Undo),
        2 => Just(Act::Redo),
        2 => (0usize..40).prop_map(Act::GoTo),
        1 => Just(Act::Restart),
    ]
}

/// Everything of a case that is edited.
#[derive(Debug, Clone, PartialEq)]
struct Contents {
    structures: StructureSet,
    clinical: ClinicalValues,
    sources: usize,
}

fn contents(w: &Workbench) -> Contents {
    let case = w.case().expect("open");
    case.check_invariants().expect("masks follow contours");
    Contents { structures: case.structures().clone(), clinical: case.clinical().clone(), sources: case.sources.len() }
}

/// All steps in order with their numbers, and where the case is among them.
fn steps(w: &Workbench) -> (Vec<(u64, String)>, u64) {
    let history = w.case().expect("open").history();
    let all = history.done().chain(history.undone()).map(|s| (s.state, s.edit.label.clone()));
    (all.collect(), history.state())
}

fn perform(w: &mut Workbench, act: &Act) {
    let ids: Vec<_> = w.case().expect("open").structures().rois.iter().map(|r| r.id).collect();
    let at = |n: usize| ids.get(n % ids.len().max(1)).copied();
    let command = match *act {
        Act::Stroke(n) => {
            w.execute(Command::SetTool(hilum::workbench::ToolKind::Brush));
            return stroke(w, n);
        }
        Act::Add(n) => Command::AddRoi { name: format!("New {n}"), role: Role::Other },
        Act::Clinical(age) => {
            Command::SetClinical(ClinicalValues { age_years: Some(age), sex: Some(Sex::Male), ..Default::default() })
        }
        Act::Import => match w.other_structure_sets().next().map(|(n, _)| n) {
            Some(n) => Command::AddStructureSet(n),
            None => return,
        },
        Act::Propose => Command::ProposeCtv,
        Act::CopySlice => Command::CopySlice { to_head: true },
        Act::Undo => Command::Undo,
        Act::Redo => Command::Redo,
        Act::GoTo(place) => match w.case().and_then(|c| c.history().step(place)).map(|s| s.state) {
            Some(state) => Command::GoToState(state),
            None => return,
        },
        Act::Delete(n) | Act::Rename(n, _) | Act::Role(n, _) | Act::Color(n, _) | Act::Exercise(n) => {
            let Some(roi) = at(n) else { return };
            match *act {
                Act::Delete(_) => Command::DeleteRoi(roi),
                Act::Rename(_, name) => Command::Rename { roi, name: format!("Renamed {name}") },
                Act::Role(_, role) => Command::SetRole { roi, role },
                Act::Color(_, color) => Command::SetColor { roi, color },
                _ => Command::Teach(TeachCommand::Start(roi)),
            }
        }
        Act::Restart => return,
    };
    w.execute(command);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_sequence_is_taken_back_and_done_again_exactly_also_through_the_journal(
        acts in prop::collection::vec(act(), 1..30),
    ) {
        let place = Place::with_sets(&["Plan", "Other plan"]);
        let mut w = place.opened();
        let opened = contents(&w);
        for act in acts.iter().chain([&Act::Restart]) {
            if !matches!(act, Act::Restart) {
                perform(&mut w, act);
                w.poll();
                continue;
            }
            let before = (contents(&w), steps(&w), w.has_unexported_changes());
            drop(w);
            w = place.workbench();
            w.poll();
            if before.2 {
                recover(&mut w);
                prop_assert_eq!((contents(&w), steps(&w)), (before.0, before.1));
                let roi = w.case().and_then(|c| c.structures().rois.first()).map(|r| r.id);
                w.execute(Command::SelectRoi(roi));
            } else {
                prop_assert!(w.unfinished_journals().next().is_none());
                prop_assert_eq!(&before.0, &opened);
                open(&mut w, &place.case());
            }
        }
        while w.case().expect("open").history().redo_label().is_some() {
            w.execute(Command::Redo);
        }
        let last = contents(&w);
        let mut way = Vec::new();
        while w.case().expect("open").history().undo_label().is_some() {
            way.push(contents(&w));
            w.execute(Command::Undo);
        }
        prop_assert_eq!(contents(&w), opened);
        while let Some(expected) = way.pop() {
            w.execute(Command::Redo);
            prop_assert_eq!(contents(&w), expected);
        }
        prop_assert_eq!(contents(&w), last);
    }
}

#[test]
fn a_jump_over_many_steps_is_that_many_steps_and_the_view_goes_to_what_changed() {
    let place = Place::new();
    let mut w = place.opened();
    let mut all = vec![contents(&w)];
    for n in 0..12 {
        stroke(&mut w, n);
        all.push(contents(&w));
    }
    for to in [3_u64, 11, 0, 12, 5] {
        w.execute(Command::GoToState(to));
        assert_eq!(contents(&w), all[to as usize], "state {to}");
    }
    let live = w.live().expect("features").features().revision;
    assert_eq!(live, w.case().expect("open").revision(), "features follow");
    // Step 6 was drawn on slice 35 % 12 = 11.
    let grid = w.case().expect("open").grid().clone();
    w.execute(Command::Scroll { orientation: Orientation::Axial, steps: -20 });
    w.execute(Command::Redo);
    assert_eq!(w.view.axial_slice(&grid), 11);
    let here = w.view.crosshair;
    w.execute(Command::Undo);
    assert_eq!(w.view.crosshair, here, "what changes in sight moves no view");
    w.execute(Command::GoToState(99));
    assert_eq!(contents(&w), all[5], "a step that there never was changes nothing");
    assert!(w.notices().all().last().is_some_and(|n| n.summary.contains("can no longer be reached")));
}

#[test]
fn the_oldest_steps_go_when_the_memory_is_used_up_and_the_journal_knows_it() {
    let place = Place::new();
    let mut w = place.opened();
    w.execute(Command::SetHistoryBudget(1));
    assert_eq!(w.settings().history_mb, Some(Settings::LEAST_HISTORY_MB));
    let budget = w.case().expect("open").history().budget_bytes();
    assert_eq!(budget, (Settings::LEAST_HISTORY_MB as usize) << 20);
    w.execute(Command::SetBrushShape(BrushShape::Ball));
    w.execute(Command::SetBrushRadius(14.0));
    let at = DVec3::new(32.0, 50.0, 15.0);
    for n in 0.. {
        // The same place is painted and erased again.
        let keys = if n % 2 == 0 { Keys::NONE } else { Keys::ALT };
        w.execute(Command::Tool(ToolEvent::Press(Pointer::new(at, Orientation::Axial).with(keys))));
        w.execute(Command::Tool(ToolEvent::Release));
        if w.case().expect("open").history().dropped() >= 3 {
            break;
        }
        assert!(n < 20_000, "the budget is never used up");
    }
    let case = w.case().expect("open");
    assert!(case.history().bytes() <= budget);
    let (left, base, dropped) = (contents(&w), case.history().base(), case.history().dropped());
    drop(w);
    let mut w = place.workbench();
    w.poll();
    recover(&mut w);
    assert_eq!(contents(&w), left);
    let history = w.case().expect("recovered").history();
    assert!(history.budget_bytes() == budget && history.bytes() <= budget);
    assert!(history.dropped() >= dropped && history.base() >= base);
    let base = history.base();
    w.execute(Command::GoToState(base));
    assert!(w.has_unexported_changes(), "the case is not as it was opened");
}
