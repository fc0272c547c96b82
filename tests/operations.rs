//! Operations on whole structures: what they give, how they enter the case, what is remembered of them, and contours for
//! missing slices.

use crate::support::bench::{Bench, even, small_case, write_case};
use crate::support::test_data;
use glam::DVec3;
use hilum::contour::{self, DistanceField, Margins, Smoothing};
use hilum::geometry::Orientation;
use hilum::progress::Silent;
use hilum::structures::{DerivedState, Generation, Operation, Provenance, Recipe, RoiId, Role, Station};
use hilum::workbench::jobs::JobMode;
use hilum::workbench::tools::ToolOptions;
use hilum::workbench::{
    Case, Command, EditRules, ExportFormat, Keep, Limit, OperationCommand, OperationRequest, Target, ToolKind,
    Workbench, load_case,
};
use std::path::PathBuf;
use std::sync::Arc;

/// On slice 5, a little off the voxel centres.
const CENTER: DVec3 = DVec3::new(32.3, 32.2, 15.0);

/// A tumour of radius 6 mm on slice 5, a bone beside it, an empty CTV, and a structure for later.
fn bench() -> Bench {
    let rois = [("GTVp", Role::Gtvp), ("Bones", Role::Organ), ("CTV", Role::Ctv), ("GTVn", Role::Gtvn)];
    let mut b = Bench::new(small_case(&rois));
    draw(&mut b, "GTVp", CENTER, 6.0);
    draw(&mut b, "Bones", CENTER + DVec3::X * 14.0, 5.0);
    draw(&mut b, "GTVn", CENTER - DVec3::X * 16.0, 4.0);
    b
}

fn draw(b: &mut Bench, name: &str, at: DVec3, radius_mm: f64) {
    b.select(name).run(Command::SetBrushRadius(radius_mm));
    b.stroke(ToolKind::Brush, Orientation::Axial, &[at]);
}

fn erase(b: &mut Bench, name: &str, at: DVec3) {
    b.select(name).run(Command::SetBrushRadius(3.0));
    b.stroke(ToolKind::Eraser, Orientation::Axial, &[at]);
}

fn id(b: &Bench, name: &str) -> RoiId {
    b.roi(name).id
}

fn recipe(b: &Bench, operation: Operation, of: &[&str], outside: &[&str]) -> Recipe {
    let ids = |names: &[&str]| names.iter().map(|n| id(b, n)).collect();
    Recipe { operation, of: ids(of), inside: Vec::new(), outside: ids(outside) }
}

fn run(b: &mut Bench, recipe: Recipe, target: Target, keep: Keep) {
    b.run(Command::Operate(OperationCommand::Run(Box::new(OperationRequest { recipe, target, keep }))));
}

fn new(name: &str) -> Target {
    Target::New { name: name.into(), role: Role::Other }
}

fn grow(mm: f64) -> Operation {
    Operation::Margin(Margins::uniform(mm))
}

#[test]
fn a_margin_into_a_new_structure_is_one_step_and_says_what_it_did() {
    let mut b = bench();
    let steps = b.case().history().len();
    let of = recipe(&b, grow(5.0), &["GTVp"], &[]);
    run(&mut b, of, new("PTV"), Keep::Nothing);
    assert_eq!(b.case().history().len(), steps + 1);
    assert_eq!(b.case().history().undo_label(), Some("Margin PTV"));
    let ptv = b.roi("PTV");
    assert_eq!(ptv.provenance, Provenance::Computed { recipe: "GTVp, margin 5 mm".into() });
    assert!(ptv.derivation.is_none() && b.workbench.derived_state(ptv.id).is_none());
    // Slabs end 1.5 mm beyond slice 5: slices 4 and 6 lie 1.5 mm beyond it, 3 and 7 4.5 mm.
    assert_eq!(ptv.slices.keys().copied().collect::<Vec<_>>(), [3, 4, 5, 6, 7]);
    let truth: f64 = [0.0f64, 1.5, 1.5, 4.5, 4.5]
        .iter()
        .map(|z| std::f64::consts::PI * (6.0 + (25.0 - z * z).sqrt()).powi(2) * 3.0)
        .sum();
    let found = contour::volume_mm3(&ptv.slices, b.case().grid());
    assert!((found / truth - 1.0).abs() < 0.01, "{found} for {truth}");
    let operated = b.workbench.operated().expect("told");
    assert_eq!((operated.rows.len(), operated.rows[0].volume_cm3_before), (1, 0.0));
    assert_eq!(operated.rows[0].volume_cm3, b.volume_cm3("PTV"));
    assert_eq!(b.workbench.view.selected, Some(ptv.id));
    b.run(Command::Undo);
    assert!(b.case().structures().by_name("PTV").is_none());
}

#[test]
fn limits_spare_a_structure_and_keep_what_was_there() {
    let mut b = bench();
    draw(&mut b, "Bones", CENTER + DVec3::X * 6.0, 2.0);
    let of = recipe(&b, grow(10.0), &["GTVp"], &["Bones"]);
    run(&mut b, of, new("CTV spared"), Keep::Nothing);
    let (grid, ctv) = (b.case().grid(), b.roi("CTV spared"));
    let [gtv, bones] = ["GTVp", "Bones"].map(|n| &b.roi(n).slices);
    let kept = contour::combine(contour::BooleanOp::Difference, &[gtv, &ctv.slices]);
    assert!(contour::volume_mm3(&kept, grid) < 0.05, "the tumour stays in, also in the bone");
    let met = contour::combine(contour::BooleanOp::Intersection, &[&ctv.slices, bones]);
    let before = contour::combine(contour::BooleanOp::Intersection, &[gtv, bones]);
    let [met, before] = [met, before].map(|s| contour::volume_mm3(&s, grid));
    assert!(before > 1.0 && (met - before).abs() < 0.05, "{met} {before}");
}

#[test]
fn booleans_replace_the_first_and_leave_slices_alone_that_they_do_not_change() {
    let mut b = bench();
    draw(&mut b, "GTVp", CENTER + DVec3::Z * 6.0, 6.0);
    draw(&mut b, "GTVn", CENTER + DVec3::X * 4.0, 3.0);
    let (first, volume) = (Arc::clone(&b.roi("GTVp").slices[&7]), b.volume_cm3("GTVp"));
    let (gtvp, difference) = (id(&b, "GTVp"), recipe(&b, Operation::Difference, &["GTVp", "GTVn"], &[]));
    run(&mut b, difference, Target::Roi(gtvp), Keep::Nothing);
    assert!(b.volume_cm3("GTVp") < volume && Arc::ptr_eq(&b.roi("GTVp").slices[&7], &first));
    let both = recipe(&b, Operation::Union, &["GTVp", "GTVn"], &[]);
    run(&mut b, both, new("GTV"), Keep::Nothing);
    assert!((b.volume_cm3("GTV") - b.volume_cm3("GTVp") - b.volume_cm3("GTVn")).abs() < 1e-9);
    let one = recipe(&b, Operation::SymmetricDifference, &["GTV", "GTVp"], &[]);
    run(&mut b, one, new("one"), Keep::Nothing);
    assert!((b.volume_cm3("one") - b.volume_cm3("GTVn")).abs() < 0.01);
}

#[test]
fn what_must_not_change_or_means_nothing_is_refused_with_the_reason() {
    let mut b = bench();
    let state = b.case().history().state();
    let (gtvp, ctv) = (id(&b, "GTVp"), id(&b, "CTV"));
    let margin = recipe(&b, grow(5.0), &["GTVp"], &[]);
    b.run(Command::SetLocked { roi: gtvp, locked: true });
    run(&mut b, margin.clone(), Target::Roi(gtvp), Keep::Nothing);
    assert!(b.message().contains("GTVp is locked"), "{}", b.message());
    b.run(Command::SetLocked { roi: gtvp, locked: false }).run(Command::SetVisible { roi: gtvp, visible: false });
    run(&mut b, margin.clone(), Target::Roi(gtvp), Keep::Nothing);
    assert!(b.message().contains("GTVp is hidden"), "{}", b.message());
    b.run(Command::SetVisible { roi: gtvp, visible: true });
    run(&mut b, margin.clone(), Target::Roi(gtvp), Keep::Recipe);
    assert!(b.message().contains("cannot be made of itself"), "{}", b.message());
    for (operation, of, words) in [
        (grow(0.0), vec!["GTVp"], "changes nothing"),
        (grow(5.0), vec!["CTV"], "CTV has no contours yet"),
        (Operation::Union, vec!["GTVp"], "at least two"),
        (grow(5.0), vec![], "Choose a structure"),
    ] {
        let of = recipe(&b, operation, &of, &[]);
        run(&mut b, of, new("x"), Keep::Nothing);
        assert!(b.message().contains(words), "{}", b.message());
    }
    let limited = recipe(&b, Operation::Shrink(Margins::uniform(1.0)), &["GTVp"], &["Bones"]);
    run(&mut b, limited, Target::Roi(gtvp), Keep::Nothing);
    assert!(b.message().contains("remove them"), "{}", b.message());
    assert_eq!(b.case().history().state(), state);
    // What becomes nothing is said, and no empty structure appears.
    let none = recipe(&b, Operation::Shrink(Margins::uniform(20.0)), &["GTVp"], &[]);
    run(&mut b, none, new("nothing"), Keep::Nothing);
    assert!(b.message().contains("nothing is left") && b.case().structures().by_name("nothing").is_none());
    run(&mut b, margin, Target::Roi(ctv), Keep::Nothing);
    assert!(b.volume_cm3("CTV") > b.volume_cm3("GTVp"), "another structure may be the target");
}

#[test]
fn rules_for_tools_narrow_what_an_operation_adds_to_a_structure() {
    let mut b = bench();
    let (gtvp, bones) = (id(&b, "GTVp"), id(&b, "Bones"));
    b.run(Command::SetRules(EditRules { limit: Limit::Outside(bones), ..EditRules::default() }));
    let margin = recipe(&b, grow(10.0), &["GTVp"], &[]);
    run(&mut b, margin, Target::Roi(gtvp), Keep::Nothing);
    let met = contour::combine(contour::BooleanOp::Intersection, &[&b.roi("GTVp").slices, &b.roi("Bones").slices]);
    assert!(b.roi("GTVp").slices.len() > 1 && contour::volume_mm3(&met, b.case().grid()) < 0.05);
}

#[test]
fn overlaps_of_stations_go_to_the_one_higher_in_the_list_unless_one_is_locked() {
    let rois =
        [("4R", Role::Station(Station::S4R)), ("7", Role::Station(Station::S7)), ("8", Role::Station(Station::S8))];
    let mut b = Bench::new(small_case(&rois));
    for (n, name) in ["4R", "7", "8"].iter().enumerate() {
        draw(&mut b, name, CENTER + DVec3::X * 5.0 * n as f64, 5.0);
    }
    let before: Vec<f64> = ["4R", "7", "8"].iter().map(|n| b.volume_cm3(n)).collect();
    let steps = b.case().history().len();
    b.run(Command::SetLocked { roi: id(&b, "8"), locked: true });
    let order = b.workbench.stations_in_order();
    b.run(Command::Operate(OperationCommand::ResolveOverlaps(order)));
    assert_eq!(b.case().history().len(), steps + 1);
    assert_eq!((b.volume_cm3("8"), b.volume_cm3("4R") < before[0]), (before[2], false));
    assert!(b.volume_cm3("7") < before[1]);
    for (x, y) in [("4R", "7"), ("7", "8")] {
        let met = contour::combine(contour::BooleanOp::Intersection, &[&b.roi(x).slices, &b.roi(y).slices]);
        assert!(contour::volume_mm3(&met, b.case().grid()) < 0.05, "{x} {y}");
    }
    b.run(Command::Undo);
    assert_eq!(["4R", "7", "8"].map(|n| b.volume_cm3(n)).to_vec(), before);
}

/// GTVp and GTVn with 5 mm, spared by the bones, as a structure that remembers it.
fn derived(b: &mut Bench, keep: Keep) {
    let of = recipe(b, grow(5.0), &["GTVp", "GTVn"], &["Bones"]);
    run(b, of, new("PTV"), keep);
}

fn state(b: &Bench, name: &str) -> Option<DerivedState> {
    b.workbench.derived_state(id(b, name))
}

#[test]
fn a_derived_structure_knows_whether_it_is_what_its_recipe_gives() {
    use DerivedState::{InputGone, Overridden, Stale, UpToDate};
    let mut b = bench();
    derived(&mut b, Keep::Recipe);
    assert_eq!(state(&b, "PTV"), Some(UpToDate));
    assert_eq!(b.workbench.recipe_words(b.roi("PTV")).as_deref(), Some("GTVp + GTVn, margin 5 mm, outside Bones"));
    // An input is edited, and the edit taken back and done again.
    draw(&mut b, "GTVn", CENTER - DVec3::X * 12.0, 4.0);
    assert_eq!(state(&b, "PTV"), Some(Stale));
    b.run(Command::Undo);
    assert_eq!(state(&b, "PTV"), Some(UpToDate));
    b.run(Command::Redo);
    assert_eq!(state(&b, "PTV"), Some(Stale));
    // A limit is an input as well; a structure that is not is none.
    b.run(Command::Undo);
    erase(&mut b, "Bones", CENTER + DVec3::X * 10.0);
    assert_eq!(state(&b, "PTV"), Some(Stale));
    b.run(Command::Undo);
    draw(&mut b, "CTV", CENTER, 3.0);
    assert_eq!(state(&b, "PTV"), Some(UpToDate));
    b.run(Command::Rename { roi: id(&b, "GTVn"), name: "Nodes".into() });
    assert_eq!(state(&b, "PTV"), Some(UpToDate));
    // Updating is one step.
    draw(&mut b, "GTVp", CENTER + DVec3::Y * 8.0, 4.0);
    let (volume, steps) = (b.volume_cm3("PTV"), b.case().history().len());
    b.run(Command::Operate(OperationCommand::Update(id(&b, "PTV"))));
    assert_eq!((state(&b, "PTV"), b.case().history().len()), (Some(UpToDate), steps + 1));
    assert!(b.volume_cm3("PTV") > volume);
    b.run(Command::Undo);
    assert_eq!((state(&b, "PTV"), b.volume_cm3("PTV")), (Some(Stale), volume));
    b.run(Command::Redo);
    assert_eq!(state(&b, "PTV"), Some(UpToDate));
    // Edited by hand, and made again.
    draw(&mut b, "PTV", CENTER + DVec3::Y * 20.0, 3.0);
    assert_eq!((state(&b, "PTV"), b.roi("PTV").generation), (Some(Overridden), Generation::Semiautomatic));
    assert!(b.workbench.stale_structures().is_empty(), "an update of all leaves edits by hand alone");
    b.run(Command::Operate(OperationCommand::Update(id(&b, "PTV"))));
    assert_eq!(state(&b, "PTV"), Some(UpToDate));
    b.run(Command::Undo);
    assert_eq!(state(&b, "PTV"), Some(Overridden));
    b.run(Command::Undo);
    assert_eq!(state(&b, "PTV"), Some(UpToDate));
    // An input is deleted.
    b.run(Command::DeleteRoi(id(&b, "Nodes")));
    assert_eq!(state(&b, "PTV"), Some(InputGone));
    b.run(Command::Operate(OperationCommand::Update(id(&b, "PTV"))));
    assert!(b.message().contains("was deleted"), "{}", b.message());
    b.run(Command::Undo);
    assert_eq!(state(&b, "PTV"), Some(UpToDate));
    b.run(Command::Operate(OperationCommand::Detach(id(&b, "PTV"))));
    assert_eq!(state(&b, "PTV"), None);
    b.run(Command::Undo);
    assert_eq!(state(&b, "PTV"), Some(UpToDate));
}

#[test]
fn live_structures_follow_edits_through_each_other_and_never_undo() {
    use DerivedState::{Overridden, Stale, UpToDate};
    let mut b = bench();
    derived(&mut b, Keep::Live);
    let of = recipe(&b, grow(3.0), &["PTV"], &[]);
    run(&mut b, of, new("Ring"), Keep::Live);
    let [ptv, ring] = ["PTV", "Ring"].map(|n| b.volume_cm3(n));
    draw(&mut b, "GTVp", CENTER + DVec3::Y * 8.0, 4.0);
    b.poll_until(|w| !w.is_running(hilum::workbench::jobs::JobKey::Derive));
    b.workbench.poll();
    b.workbench.poll();
    assert_eq!((state(&b, "PTV"), state(&b, "Ring")), (Some(UpToDate), Some(UpToDate)));
    assert!(b.volume_cm3("PTV") > ptv && b.volume_cm3("Ring") > ring);
    assert_eq!(b.case().history().undo_label(), Some("Update Ring"));
    // Undo goes back step by step and stays there.
    b.run(Command::Undo).run(Command::Undo);
    assert_eq!((state(&b, "PTV"), b.volume_cm3("PTV")), (Some(Stale), ptv));
    b.run(Command::Undo);
    assert_eq!((state(&b, "PTV"), state(&b, "Ring")), (Some(UpToDate), Some(UpToDate)));
    // What was edited by hand is not made again.
    draw(&mut b, "PTV", CENTER + DVec3::Y * 20.0, 3.0);
    draw(&mut b, "GTVn", CENTER - DVec3::X * 12.0, 4.0);
    b.workbench.poll();
    assert_eq!(state(&b, "PTV"), Some(Overridden));
    assert_eq!(state(&b, "Ring"), Some(UpToDate), "it follows what its input has become");
    // A locked one stays, and one that is not live is only stale.
    b.run(Command::Operate(OperationCommand::SetLive { roi: id(&b, "Ring"), live: false }));
    b.run(Command::Operate(OperationCommand::Update(id(&b, "PTV"))));
    assert_eq!((state(&b, "PTV"), state(&b, "Ring")), (Some(UpToDate), Some(Stale)));
    b.run(Command::Operate(OperationCommand::UpdateAll));
    assert_eq!(state(&b, "Ring"), Some(UpToDate));
    b.case().check_invariants().expect("masks follow contours");
}

#[test]
fn a_proposed_ctv_is_derived_and_an_idea_ctv_is_the_stations_that_it_touches() {
    let rois = [("GTVp", Role::Gtvp), ("4R", Role::Station(Station::S4R)), ("7", Role::Station(Station::S7))];
    let mut b = Bench::new(small_case(&rois));
    draw(&mut b, "GTVp", CENTER, 5.0);
    draw(&mut b, "4R", CENTER + DVec3::X * 10.0, 5.0);
    draw(&mut b, "7", CENTER - DVec3::X * 24.0, 5.0);
    b.run(Command::ProposeCtv);
    assert_eq!(state(&b, "CTV proposed"), Some(DerivedState::UpToDate));
    let touched = recipe(&b, Operation::UnionOfTouched, &["CTV proposed", "4R", "7"], &[]);
    run(&mut b, touched, new("zIdeaCTV"), Keep::Recipe);
    assert_eq!(b.volume_cm3("zIdeaCTV"), b.volume_cm3("4R"));
    draw(&mut b, "GTVp", CENTER - DVec3::X * 14.0, 5.0);
    assert_eq!(state(&b, "CTV proposed"), Some(DerivedState::Stale));
    b.run(Command::Operate(OperationCommand::UpdateAll));
    b.run(Command::Operate(OperationCommand::UpdateAll));
    assert_eq!(state(&b, "zIdeaCTV"), Some(DerivedState::UpToDate));
    assert!((b.volume_cm3("zIdeaCTV") - b.volume_cm3("4R") - b.volume_cm3("7")).abs() < 1e-9);
}

#[test]
fn an_input_that_changes_while_something_is_computed_changes_nothing() {
    let rois = [("GTVp", Role::Gtvp)];
    let mut b = Bench::with_mode(JobMode::Stepped, small_case(&rois));
    draw(&mut b, "GTVp", CENTER, 6.0);
    let request =
        OperationRequest { recipe: recipe(&b, grow(5.0), &["GTVp"], &[]), target: new("PTV"), keep: Keep::Recipe };
    b.only(Command::Operate(OperationCommand::Run(Box::new(request))));
    b.only(Command::SetBrushRadius(4.0)).only(Command::SetTool(ToolKind::Brush));
    let at = hilum::workbench::tools::Pointer::new(CENTER + DVec3::X * 9.0, Orientation::Axial);
    b.only(Command::Tool(hilum::workbench::tools::ToolEvent::Press(at)));
    b.only(Command::Tool(hilum::workbench::tools::ToolEvent::Release));
    b.poll_until(|w| !w.is_running(hilum::workbench::jobs::JobKey::Operate));
    assert!(b.message().contains("GTVp was edited while this was computed"), "{}", b.message());
    assert!(b.case().structures().by_name("PTV").is_none());
}

#[test]
fn a_recipe_survives_export_and_import_and_another_export_in_place() {
    use DerivedState::{Overridden, Stale, UpToDate};
    let folder = tempfile::tempdir().expect("temporary folder");
    let data = folder.path().join("case");
    write_case(&data, &["Plan"], even());
    let open = |paths: Vec<PathBuf>| {
        let loaded = load_case(&paths, &Silent, &mut |_| Ok(())).expect("opened");
        Bench::new(loaded)
    };
    let mut b = open(vec![data.clone()]);
    let margin = recipe(&b, Operation::Margin(Margins { left: 3.0, ..Margins::uniform(4.0) }), &["Tumor 0"], &[]);
    run(&mut b, margin, new("PTV"), Keep::Live);
    let first = folder.path().join("first.dcm");
    let export = |b: &mut Bench, path: &PathBuf| {
        b.run(Command::Export { path: path.clone(), format: ExportFormat::StructureSet, overwrite: false });
        assert!(path.exists(), "{}", b.message());
    };
    export(&mut b, &first);
    let words = b.workbench.recipe_words(b.roi("PTV"));
    let ct = |set: &PathBuf| {
        let slices = std::fs::read_dir(&data).expect("a folder").map(|e| e.expect("an entry").path());
        slices
            .filter(|p| !p.file_name().is_some_and(|n| n.to_string_lossy().starts_with("RS")))
            .chain([set.clone()])
            .collect()
    };
    let mut b = open(ct(&first));
    assert_eq!((state(&b, "PTV"), b.workbench.recipe_words(b.roi("PTV"))), (Some(UpToDate), words));
    assert!(b.roi("PTV").derivation.as_ref().is_some_and(|d| d.live));
    assert!(matches!(b.roi("PTV").provenance, Provenance::Computed { .. }));
    // Made again without a change of an input, nothing is another contour than before.
    b.run(Command::Operate(OperationCommand::Update(id(&b, "PTV"))));
    assert!(b.roi("PTV").slices.values().flat_map(|c| &c.rings).all(|r| r.source_contour().is_some()));
    // Edited in place: what was stale stays so, and what was updated is current.
    b.run(Command::Operate(OperationCommand::SetLive { roi: id(&b, "PTV"), live: false }));
    draw(&mut b, "Tumor 0", CENTER + DVec3::X * 12.0, 4.0);
    assert_eq!(state(&b, "PTV"), Some(Stale));
    let [stale, current, edited] = ["stale", "current", "edited"].map(|n| folder.path().join(format!("{n}.dcm")));
    export(&mut b, &stale);
    b.run(Command::Operate(OperationCommand::Update(id(&b, "PTV"))));
    export(&mut b, &current);
    draw(&mut b, "PTV", CENTER - DVec3::X * 20.0, 3.0);
    export(&mut b, &edited);
    for (path, expected) in [(&stale, Stale), (&current, UpToDate), (&edited, Overridden)] {
        let b = open(ct(path));
        assert_eq!(state(&b, "PTV"), Some(expected), "{}", path.display());
        assert!(b.roi("PTV").derivation.as_ref().is_some_and(|d| !d.live));
    }
    b.run(Command::Operate(OperationCommand::Detach(id(&b, "PTV"))));
    let forgotten = folder.path().join("forgotten.dcm");
    export(&mut b, &forgotten);
    assert_eq!(state(&open(ct(&forgotten)), "PTV"), None);
}

#[test]
fn a_derived_structure_comes_back_from_the_journal_with_its_state() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let (settings, data) = (folder.path().join("home/settings.toml"), folder.path().join("case"));
    write_case(&data, &["Plan"], even());
    let mut w = Workbench::new(JobMode::Inline, Some(settings.clone()));
    w.execute(Command::Open(vec![data]));
    w.poll();
    let tumor = w.case().expect("open").structures().rois[0].id;
    let recipe = Recipe { operation: grow(4.0), of: vec![tumor], inside: Vec::new(), outside: Vec::new() };
    let request = OperationRequest { recipe, target: new("PTV"), keep: Keep::Recipe };
    w.execute(Command::Operate(OperationCommand::Run(Box::new(request))));
    w.poll();
    let shrink = Operation::Shrink(Margins::uniform(2.0));
    let recipe = Recipe { operation: shrink, of: vec![tumor], inside: Vec::new(), outside: Vec::new() };
    let request = OperationRequest { recipe, target: Target::Roi(tumor), keep: Keep::Nothing };
    w.execute(Command::Operate(OperationCommand::Run(Box::new(request))));
    w.poll();
    let left = w.case().expect("open").structures().clone();
    let ptv = left.by_name("PTV").expect("made").id;
    assert_eq!(w.derived_state(ptv), Some(DerivedState::Stale));
    drop(w);
    let mut w = Workbench::new(JobMode::Inline, Some(settings));
    w.poll();
    let path = w.unfinished_journals().next().expect("offered").path.clone();
    w.execute(Command::Journal(hilum::workbench::journal::JournalCommand::Recover(path)));
    w.poll();
    assert_eq!(*w.case().expect("recovered").structures(), left);
    assert_eq!(w.derived_state(ptv), Some(DerivedState::Stale));
    w.execute(Command::Undo);
    assert_eq!(w.derived_state(ptv), Some(DerivedState::UpToDate));
}

#[test]
fn missing_slices_are_shown_at_every_edit_and_stored_when_they_are_accepted() {
    let mut b = bench();
    draw(&mut b, "GTVp", CENTER + DVec3::Z * 12.0, 4.0);
    let preview = |b: &Bench| b.workbench.interpolation_preview().map(|roi| roi.slices.clone()).unwrap_or_default();
    let keys = |b: &Bench| preview(b).keys().copied().collect::<Vec<_>>();
    b.workbench.poll();
    assert_eq!(keys(&b), [6, 7, 8]);
    let middle = contour::area_mm2(&preview(&b)[&7]);
    assert!((middle / (std::f64::consts::PI * 25.0) - 1.0).abs() < 0.02, "between radii of 6 and 4: {middle}");
    // Another structure has none, and nothing of it is in the case.
    b.select("Bones");
    assert!(preview(&b).is_empty() && b.roi("GTVp").slices.len() == 2);
    b.select("GTVp");
    b.workbench.poll();
    // A slice that is drawn is drawn: the others follow it.
    draw(&mut b, "GTVp", CENTER + DVec3::Z * 6.0, 9.0);
    b.workbench.poll();
    assert_eq!(keys(&b), [6, 8]);
    assert!(contour::area_mm2(&preview(&b)[&6]) > 1.3 * middle);
    let drawn = b.roi("GTVp").slices.clone();
    b.run(Command::Operate(OperationCommand::ShowPreview(false)));
    assert!(preview(&b).is_empty());
    let steps = b.case().history().len();
    b.run(Command::Operate(OperationCommand::AcceptPreview));
    assert_eq!((b.case().history().len(), b.case().history().undo_label()), (steps + 1, Some("Interpolate GTVp")));
    assert_eq!(b.roi("GTVp").slices.keys().copied().collect::<Vec<_>>(), [5, 6, 7, 8, 9]);
    assert!(drawn.iter().all(|(k, c)| Arc::ptr_eq(c, &b.roi("GTVp").slices[k])), "drawn slices stay");
    b.run(Command::Operate(OperationCommand::AcceptPreview));
    assert!(b.message().contains("no empty slices"), "{}", b.message());
    b.run(Command::Undo);
    assert_eq!(b.roi("GTVp").slices, drawn);
    b.run(Command::SetLocked { roi: id(&b, "GTVp"), locked: true });
    b.run(Command::Operate(OperationCommand::AcceptPreview));
    assert!(b.message().contains("locked") && b.roi("GTVp").slices == drawn);
}

#[test]
fn a_hole_stays_a_hole_in_missing_slices() {
    let mut b = bench();
    for z in [0.0, 9.0] {
        draw(&mut b, "CTV", CENTER + DVec3::Z * z, 10.0);
        b.run(Command::SetToolOptions(ToolOptions { radius_mm: 4.0, ..*b.workbench.toolbox().options() }));
        b.stroke(ToolKind::Eraser, Orientation::Axial, &[CENTER + DVec3::Z * z]);
    }
    b.workbench.poll();
    let preview = b.workbench.interpolation_preview().expect("two slices are missing");
    assert_eq!(preview.slices.keys().copied().collect::<Vec<_>>(), [6, 7]);
    for contours in preview.slices.values() {
        assert_eq!(contours.rings.len(), 2);
        let truth = std::f64::consts::PI * (100.0 - 16.0);
        assert!((contour::area_mm2(contours) / truth - 1.0).abs() < 0.02);
    }
}

/// Structures of real cases: the margin in space against the distance between voxels, and what smoothing and
/// interpolation keep.
#[test]
fn real_structures_grow_smooth_and_interpolate_as_they_should() {
    let mut checked = 0;
    for sub in ["4dlung-113", "rtutils-phantom"] {
        let Some(folder) = test_data(sub) else { continue };
        let loaded = load_case(&[folder], &Silent, &mut |_| Ok(())).expect("opened");
        let case = loaded.case;
        let small = case.structures().rois.iter().filter(|roi| roi.slices.len() > 4);
        let small = small.filter(|roi| (0.5..400.0).contains(&case.mask(roi.id).volume_cm3(case.grid()))).take(3);
        for roi in small {
            check_margin(&case, roi.id);
            let (grid, slices) = (case.grid(), &roi.slices);
            let smooth = contour::smooth(slices, grid, &Smoothing { in_plane_mm: 1.5, between_mm: 2.0 });
            let [before, after] = [slices, &smooth].map(|s| contour::volume_mm3(s, grid));
            assert!((after / before - 1.0).abs() < 0.005, "{sub} {}: {after} for {before}", roi.name);
            let drawn: contour::Slices =
                slices.iter().enumerate().filter(|(n, _)| n % 3 == 0).map(|(_, (k, c))| (*k, Arc::clone(c))).collect();
            let found = contour::interpolate(&drawn, grid);
            let mut filled = drawn.clone();
            filled.extend(found.slices);
            let last = drawn.keys().next_back().expect("some");
            let truth: contour::Slices = slices.range(..=last).map(|(k, c)| (*k, Arc::clone(c))).collect();
            let wrong = contour::combine(contour::BooleanOp::Xor, &[&filled, &truth]);
            let wrong = contour::volume_mm3(&wrong, grid) / contour::volume_mm3(&truth, grid);
            let is_large = after > 10_000.0;
            assert!(!is_large || wrong < 0.25, "{sub} {}: {wrong} of the volume lies elsewhere", roi.name);
            checked += 1;
        }
    }
    eprintln!("{checked} real structures checked");
}

fn check_margin(case: &Case, roi: RoiId) {
    const MM: f64 = 7.0;
    let (grid, mask) = (case.grid(), case.mask(roi));
    let slices = &case.structures().get(roi).expect("there").slices;
    let grown = contour::rasterize(grid, &contour::grow(slices, grid, &Margins::uniform(MM)));
    let field = DistanceField::signed(mask, grid, MM + 5.0);
    // Voxels know the rings to half a diagonal of a pixel, and the distance between them to another half.
    let unsure = 1.1 * grid.spacing_i_mm().hypot(grid.spacing_j_mm());
    let mut wrong = 0;
    for ((k, j, i), mm) in field.mm.indexed_iter() {
        let at = [k + field.first_kji[0], j + field.first_kji[1], i + field.first_kji[2]];
        let is_in = grown.get(at[0], at[1], at[2]);
        let mm = f64::from(*mm);
        wrong += u64::from((mm < MM - unsure && !is_in) || (mm > MM + unsure && is_in));
    }
    assert_eq!(wrong, 0, "of {} voxels", grown.count());
    let back = contour::shrink(&contour::grow(slices, grid, &Margins::uniform(MM)), grid, &Margins::uniform(MM - 1.0));
    let lost = contour::combine(contour::BooleanOp::Difference, &[slices, &back]);
    assert!(contour::volume_mm3(&lost, grid) < 1e-3 * contour::volume_mm3(slices, grid), "what was there comes back");
}
