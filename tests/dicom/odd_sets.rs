//! Structure sets that are not as they should be: nothing degenerate hides its neighbours, every oddity is
//! told with the name of its ROI, and everything leaves as it came.

use super::export::request;
use super::load_folder;
use super::made_sets::{
    Item, MadeRoi, SYNTAXES, Syntax, change, closed, contour, contour_with_data, file, items, items_of, of_image, roi,
    square, structure_set, text,
};
use super::odd_series::write_stack;
use glam::DVec3;
use hilum::contour::{Ring, SliceContours, rasterize};
use hilum::dicom::{
    LoadedCt, LoadedStructureSet, Severity, StructureSetError, export_structure_set, load_structure_set,
};
use hilum::geometry::VoxelGrid;
use hilum::structures::{Roi, RoiId, StructureSet};
use std::path::Path;
use std::sync::Arc;

/// Six slices from 0 to 10 mm, pixels of 1 mm.
pub(super) fn small_ct(folder: &Path) -> LoadedCt {
    let grid = VoxelGrid::axial(DVec3::ZERO, [1.0, 1.0, 2.0], [16, 16, 6]).expect("a grid");
    write_stack(folder, grid, 1, 1);
    load_folder(folder).1
}

pub(super) fn load_made(path: &Path, ct: &LoadedCt) -> Result<LoadedStructureSet, StructureSetError> {
    load_structure_set(path, &ct.volume.grid, &ct.meta, 0)
}

/// The ring that every odd ROI has beside its oddity, on the slice at 4 mm: 36 voxels.
fn good() -> Item {
    closed(&square([7.5, 7.5], 3.0, 4.0))
}

/// Name, contours beside the good one, and what the report says of them.
fn oddities() -> Vec<(&'static str, Vec<Item>, &'static str)> {
    let far = "1e300\\2\\4\\9\\2\\4\\9\\9\\4";
    let private = {
        let mut item = closed(&square([7.5, 7.5], 2.0, 6.0));
        change(&mut item, 0x3007, 0x10, Some(text(0x3007, 0x10, "LO", "ACME")));
        change(&mut item, 0x3007, 0x1001, Some(text(0x3007, 0x1001, "UN", [1, 2, 3, 255])));
        item
    };
    let enclose = "enclose nothing";
    let between = "lie between the slices or repeat";
    let unreadable = "no readable points";
    vec![
        ("point", vec![contour("POINT", &[[7.0, 7.0, 4.0]])], "points or open lines"),
        ("open", vec![contour("OPEN_PLANAR", &square([7.0, 7.0], 5.0, 4.0))], "points or open lines"),
        ("bent", vec![contour("OPEN_NONPLANAR", &[[1.0, 1.0, 0.0], [2.0, 2.0, 9.0]])], "points or open lines"),
        ("sphere", vec![contour("CLOSED_SPHERE", &square([7.0, 7.0], 5.0, 4.0))], "points or open lines"),
        ("speck", vec![closed(&square([7.3, 7.3], 0.06, 4.0))], enclose),
        ("one point", vec![closed(&[[7.0, 7.0, 4.0]])], enclose),
        ("two points", vec![closed(&[[6.0, 7.0, 4.0], [9.0, 7.0, 4.0]])], enclose),
        ("line", vec![closed(&[[6.0, 7.0, 4.0], [9.0, 7.0, 4.0], [7.0, 7.0, 4.0]])], enclose),
        ("between", vec![closed(&square([7.0, 7.0], 5.0, 4.9))], between),
        ("twice", vec![good()], between),
        ("outside", vec![closed(&square([7.0, 7.0], 5.0, 100.0))], "outside the scan"),
        ("tilted", vec![closed(&[[1.0, 1.0, 3.0], [9.0, 1.0, 4.0], [9.0, 9.0, 5.0]])], "not parallel"),
        ("words", vec![contour_with_data("CLOSED_PLANAR", 3, "a\\b\\c")], unreadable),
        ("commas", vec![contour_with_data("CLOSED_PLANAR", 1, "1,5\\2,5\\4,0")], unreadable),
        ("no triples", vec![contour_with_data("CLOSED_PLANAR", 2, "1\\2\\4\\5")], unreadable),
        ("not a number", vec![contour_with_data("CLOSED_PLANAR", 1, "nan\\inf\\4")], unreadable),
        ("far", vec![contour_with_data("CLOSED_PLANAR", 3, far)], unreadable),
        ("no data", vec![contour_with_data("CLOSED_PLANAR", 0, "")], unreadable),
        ("empty item", vec![Item::new()], unreadable),
        (
            "miscounted",
            vec![contour_with_data("CLOSED_PLANAR", 9, "1\\1\\6\\5\\1\\6\\5\\5\\6")],
            "another number of points",
        ),
        ("stranger", vec![of_image("1.2.3.99", closed(&square([7.0, 7.0], 2.0, 6.0)))], "not in this CT"),
        ("private", vec![private], ""),
        ("no type", vec![contour("", &square([7.0, 7.0], 2.0, 6.0))], ""),
    ]
}

/// Every oddity before and after a good contour, in ROIs of one set.
fn odd_set(ct: &LoadedCt) -> Item {
    let mut rois: Vec<MadeRoi> = oddities()
        .into_iter()
        .enumerate()
        .map(|(n, (name, mut contours, _))| {
            contours.insert(if n % 2 == 0 && name != "twice" { contours.len() } else { 0 }, good());
            roi(name, contours)
        })
        .collect();
    let wrong = of_image(&ct.meta.slices[0].sop_instance_uid, good());
    rois.push(roi("wrong image", vec![wrong]));
    rois.push(roi("nothing", Vec::new()));
    let nested = [6.0, 4.0, 2.0].map(|half| closed(&square([7.5, 7.5], half, 4.0)));
    rois.push(roi("nested", nested.to_vec()));
    structure_set(&ct.meta, rois)
}

fn case_of(set: &LoadedStructureSet) -> StructureSet {
    let rois = set.rois.iter().enumerate().map(|(n, r)| Roi { id: RoiId(n as u32 + 1), ..r.clone() }).collect();
    StructureSet { rois }
}

#[test]
fn an_oddity_hides_no_neighbour_and_is_told_by_name_in_every_transfer_syntax() {
    let out = tempfile::tempdir().expect("temporary folder");
    let ct = small_ct(&out.path().join("ct"));
    let grid = &ct.volume.grid;
    let mut told = Vec::new();
    for syntax in SYNTAXES {
        let path = out.path().join(format!("{syntax:?}.dcm"));
        std::fs::write(&path, file(&odd_set(&ct), syntax)).expect("written");
        let set = load_made(&path, &ct).expect("loads");
        for (roi, (name, ..)) in set.rois.iter().zip(oddities()) {
            assert_eq!(roi.name, name);
            let mask = rasterize(grid, &roi.slices);
            let on_slice = mask.slices.get(&2).map_or(0, |s| s.count());
            assert_eq!(on_slice, 36, "{syntax:?}: {name}");
        }
        for (name, _, expected) in oddities() {
            let of_it: Vec<_> = set.warnings.iter().filter(|w| w.text.contains(&format!("\"{name}\""))).collect();
            if expected.is_empty() {
                assert!(of_it.is_empty(), "{syntax:?}: {of_it:?}");
            } else {
                assert!(of_it.iter().any(|w| w.text.contains(expected)), "{syntax:?}: {name}: {:?}", set.warnings);
            }
        }
        let says = |text: &str, name: &str| set.warnings.iter().any(|w| w.text.contains(text) && w.text.contains(name));
        assert!(says("Without contours", "\"nothing\"") && says("another image than the one", "\"wrong image\""));
        let nested = set.rois.iter().find(|r| r.name == "nested").expect("there");
        assert_eq!(rasterize(grid, &nested.slices).count(), 144 - 64 + 16);
        assert!(set.warnings.iter().all(|w| w.files == [path.clone()]));
        told.push(set.warnings.iter().map(|w| w.text.clone()).collect::<Vec<_>>());
    }
    told.dedup();
    assert_eq!(told.len(), 1, "the transfer syntax makes no difference: {told:#?}");
}

#[test]
fn odd_sets_leave_as_they_came_and_an_edit_touches_one_slice_of_one_roi() {
    let out = tempfile::tempdir().expect("temporary folder");
    let ct = small_ct(&out.path().join("ct"));
    let path = out.path().join("odd.dcm");
    std::fs::write(&path, file(&odd_set(&ct), Syntax::Undefined)).expect("written");
    let set = load_made(&path, &ct).expect("loads");
    let mut structures = case_of(&set);
    let sources = [Arc::clone(&set.source)];
    let target = out.path().join("again.dcm");
    let proof = export_structure_set(&request(&ct, &structures, &sources), &target).expect("exports");
    let contours: usize = set.summaries.iter().map(|s| s.contours).sum();
    assert_eq!((proof.contours, proof.rings_identical), (contours, contours));
    assert_eq!(load_made(&target, &ct).expect("loads").summaries, set.summaries);
    let bytes = std::fs::read(&target).expect("readable");
    assert!(bytes.windows(12).any(|w| w == [7, 0x30, 1, 0x10, 4, 0, 0, 0, 1, 2, 3, 255]), "the private attribute");

    // The good ring of "one point" moves: it is written anew, and so is nothing else.
    let at = structures.rois.iter().position(|r| r.name == "one point").expect("there");
    let speck = structures.rois[at].slices[&2].rings.iter().find(|r| r.points().len() == 1).expect("the point").clone();
    let moved = Ring::new([[3.0, 3.0], [9.0, 3.0], [9.0, 9.0], [3.0, 9.0]]);
    structures.rois[at].slices.insert(2, Arc::new(SliceContours::new(vec![moved, speck])));
    let edited = out.path().join("edited.dcm");
    let proof = export_structure_set(&request(&ct, &structures, &sources), &edited).expect("exports");
    assert_eq!((proof.contours, proof.rings_identical), (contours, contours - 1));
    assert_eq!(proof.voxels_different, 0);
}

#[test]
fn broken_lists_of_rois_are_told_and_the_whole_ones_remain() {
    let out = tempfile::tempdir().expect("temporary folder");
    let ct = small_ct(&out.path().join("ct"));
    let mut data = structure_set(&ct.meta, vec![roi("one", vec![good()]), roi("two", vec![good()])]);
    let again = items_of(&mut data, 0x3006, 0x20)[1].clone();
    let mut numberless = again.clone();
    change(&mut numberless, 0x3006, 0x22, None);
    change(&mut numberless, 0x3006, 0x26, Some(text(0x3006, 0x26, "LO", "numberless")));
    items_of(&mut data, 0x3006, 0x20).extend([again, numberless, Item::new()]);
    let mut orphan = items_of(&mut data, 0x3006, 0x39)[0].clone();
    change(&mut orphan, 0x3006, 0x84, Some(text(0x3006, 0x84, "IS", "77")));
    items_of(&mut data, 0x3006, 0x39).extend([orphan, Item::new()]);
    items_of(&mut data, 0x3006, 0x80).remove(0);
    items_of(&mut data, 0x3006, 0x80).push(Item::new());
    change(&mut data, 8, 0x20, Some(text(8, 0x20, "DA", "31/12/2025")));
    change(&mut data, 0x3006, 8, Some(text(0x3006, 8, "DA", "20251399")));
    change(&mut data, 0x3006, 9, Some(text(0x3006, 9, "TM", "noon")));
    let path = out.path().join("broken.dcm");
    std::fs::write(&path, file(&data, Syntax::Explicit)).expect("written");
    let set = load_made(&path, &ct).expect("loads");
    assert_eq!(set.rois.iter().map(|r| r.name.as_str()).collect::<Vec<_>>(), ["one", "two"]);
    assert!(set.summaries.iter().all(|s| s.rings == 1));
    let texts: Vec<&str> = set.warnings.iter().map(|w| w.text.as_str()).collect();
    for expected in [
        "\"two\" has the number 2 of another",
        "\"numberless\" has no number",
        "1 sets of contours belong to no ROI",
        "1 sets of contours name no ROI",
        "The study date \"31/12/2025\" is no date",
        "The structure set date \"20251399\" is no date",
    ] {
        assert!(texts.iter().any(|t| t.contains(expected)), "{expected}: {texts:#?}");
    }
    let sources = [Arc::clone(&set.source)];
    let target = out.path().join("again.dcm");
    let proof = export_structure_set(&request(&ct, &case_of(&set), &sources), &target).expect("exports");
    assert_eq!((proof.contours, proof.rings_identical), (2, 2));
    let back = load_made(&target, &ct).expect("loads");
    assert_eq!(back.summaries, set.summaries);
}

#[test]
fn sets_without_references_are_placed_by_position_and_say_so() {
    let out = tempfile::tempdir().expect("temporary folder");
    let ct = small_ct(&out.path().join("ct"));
    let load_without = |drop: &dyn Fn(&mut Item)| {
        let mut data = structure_set(&ct.meta, vec![roi("one", vec![good()])]);
        drop(&mut data);
        let path = out.path().join("set.dcm");
        std::fs::write(&path, file(&data, Syntax::Implicit)).expect("written");
        load_made(&path, &ct)
    };
    let texts = |set: &LoadedStructureSet| set.warnings.iter().map(|w| w.text.clone()).collect::<Vec<_>>().join("; ");
    // Frame of reference, but no study, series or images.
    let set = load_without(&|data| {
        let frame = text(0x20, 0x52, "UI", &ct.meta.frame_of_reference_uid);
        change(data, 0x3006, 0x10, Some(items(0x3006, 0x10, vec![vec![frame]])));
    })
    .expect("loads");
    assert!(
        set.rois[0].ring_count() == 1 && texts(&set).contains("does not say to which CT series"),
        "{}",
        texts(&set)
    );
    // No references at all.
    let nothing = |data: &mut Item| {
        change(data, 0x3006, 0x10, None);
        change(data, 0x20, 0x52, None);
        for roi in items_of(data, 0x3006, 0x20) {
            change(roi, 0x3006, 0x24, None);
        }
    };
    let set = load_without(&nothing).expect("loads");
    assert_eq!(set.rois[0].ring_count(), 1);
    assert!(texts(&set).contains("names no frame of reference") && texts(&set).contains("check that they fit"));
    assert!(set.warnings.iter().any(|w| w.severity == Severity::Warning));
    // Empty items in the chain.
    let set =
        load_without(&|data| change(data, 0x3006, 0x10, Some(items(0x3006, 0x10, vec![Item::new()])))).expect("loads");
    assert_eq!(set.rois[0].ring_count(), 1);
    // No references, and nowhere near the scan: nobody can know.
    let error = load_without(&|data| {
        nothing(data);
        let away = closed(&square([7.0, 7.0], 3.0, 900.0));
        items_of(&mut items_of(data, 0x3006, 0x39)[0], 0x3006, 0x40)[0] = away;
    });
    assert!(matches!(error, Err(StructureSetError::NotInScan { .. })));
}
