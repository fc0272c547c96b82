//! Voxel for voxel as another program fills the same contours.
//!
//! Checked by hand as well, plastimatch 1.9.4 (Debian 1.9.4+dfsg.2-0+deb12u1):
//! `plastimatch convert --input set.dcm --referenced-ct ct --xor-contours --output-prefix masks --prefix-format mha`

use super::load_folder;
use super::made_sets::{Item, MadeRoi, Syntax, closed, contour, file, roi, square, structure_set};
use super::odd_series::write_stack;
use glam::DVec3;
use hilum::contour::rasterize;
use hilum::dicom::load_structure_set;
use hilum::geometry::VoxelGrid;
use std::path::Path;
use std::process::Command;

/// Pixels wider than high and a slice spacing of a third size; no corner falls on a centre.
fn grid() -> VoxelGrid {
    VoxelGrid::axial(DVec3::new(-21.3, 12.7, -40.25), [1.37, 0.83, 2.5], [48, 64, 9]).expect("a grid")
}

const MIDDLE: [f64; 2] = [11.03, 39.07];

/// A star whose arms cross each other; even-odd leaves holes in it.
fn star(points: usize, step: usize, radius: f64, z: f64) -> Vec<[f64; 3]> {
    (0..points)
        .map(|n| {
            let a = std::f64::consts::TAU * (n * step) as f64 / points as f64 + 0.1;
            let r = radius * (1.0 + 0.2 * (3.0 * a).cos());
            [MIDDLE[0] + r * a.cos(), MIDDLE[1] + 0.8 * r * a.sin(), z].map(|x| (x * 1e4).round() / 1e4)
        })
        .collect()
}

/// One ring with a hole that a narrow channel of no width joins to the outside.
fn keyhole(z: f64) -> Vec<[f64; 3]> {
    let (mut outer, mut inner) = (square(MIDDLE, 17.0, z), square(MIDDLE, 8.0, z));
    inner.reverse();
    let (first, entry) = (outer[0], inner[0]);
    outer.push(first);
    inner.push(entry);
    [outer, inner].concat()
}

/// `xor` is what contours with holes are called: plastimatch knows no CLOSEDPLANAR_XOR, and fills it as its own kind.
fn rois(xor: &str) -> Vec<MadeRoi> {
    let z = |k: usize| -40.25 + 2.5 * k as f64;
    let every = |rings: &dyn Fn(f64) -> Vec<Item>| (1..7).flat_map(|k| rings(z(k))).collect::<Vec<_>>();
    let beside = |du: f64, half: f64, z: f64| closed(&square([MIDDLE[0] + du, MIDDLE[1] - 9.0], half, z));
    vec![
        roi("hole", every(&|z| vec![closed(&star(40, 1, 19.0, z)), closed(&star(31, 1, 8.0, z))])),
        roi("island", every(&|z| [18.0, 12.0, 5.0].map(|half| closed(&square(MIDDLE, half, z))).to_vec())),
        roi("keyhole", every(&|z| vec![closed(&keyhole(z))])),
        roi("xor", every(&|z| [16.0, 9.0, 3.0].map(|half| contour(xor, &square(MIDDLE, half, z))).to_vec())),
        roi("several", every(&|z| vec![beside(-14.0, 5.0, z), beside(2.0, 6.0, z), beside(15.0, 3.0, z)])),
        roi("star", every(&|z| vec![closed(&star(23, 7, 18.0, z))])),
        roi("two stars", every(&|z| vec![closed(&star(23, 5, 18.0, z)), closed(&star(17, 4, 14.0, z))])),
        // Written with few decimals, a hundredth beside the slice.
        roi("rounded", every(&|z| vec![closed(&star(60, 1, 15.0, z + 0.01))])),
        roi("over the edge", every(&|z| vec![closed(&square([MIDDLE[0] + 30.0, MIDDLE[1]], 14.0, z))])),
    ]
}

/// Values of a MetaImage file of bytes, x fastest.
fn read_mha(path: &Path, grid: &VoxelGrid) -> Vec<u8> {
    let bytes = std::fs::read(path).expect("the mask was written");
    let data = b"ElementDataFile = LOCAL\n";
    let at = bytes.windows(data.len()).position(|w| w == data).expect("a header") + data.len();
    let header = String::from_utf8_lossy(&bytes[..at]);
    let size = format!("DimSize = {} {} {}", grid.columns(), grid.rows(), grid.slices());
    assert!(header.contains(&size) && header.contains("MET_UCHAR"), "{header}");
    if !header.contains("CompressedData = True") {
        return bytes[at..].to_vec();
    }
    let mut unpacked = Vec::new();
    std::io::Read::read_to_end(&mut flate2::read::ZlibDecoder::new(&bytes[at..]), &mut unpacked).expect("zlib");
    unpacked
}

#[test]
fn every_shape_fills_the_voxels_that_plastimatch_fills() {
    let out = tempfile::tempdir().expect("temporary folder");
    let folder = out.path().join("ct");
    write_stack(&folder, grid(), 1, 1);
    let (_, ct) = load_folder(&folder);
    let grid = &ct.volume.grid;
    let set = |xor: &str, name: &str| {
        let path = out.path().join(name);
        std::fs::write(&path, file(&structure_set(&ct.meta, rois(xor)), Syntax::Implicit)).expect("written");
        path
    };
    let (ours, theirs) = (set("CLOSEDPLANAR_XOR", "ours.dcm"), set("CLOSED_PLANAR", "theirs.dcm"));
    let loaded = load_structure_set(&ours, grid, &ct.meta, 0).expect("loads");
    assert!(loaded.warnings.is_empty(), "{:?}", loaded.warnings);
    let masks: Vec<_> = loaded.rois.iter().map(|r| (r.name.as_str(), rasterize(grid, &r.slices))).collect();
    // As counted by plastimatch 1.9.4 with the command above.
    let counted = masks.iter().map(|(name, mask)| (*name, mask.count())).collect::<Vec<_>>();
    let masks_of_others = out.path().join("masks");
    let run = Command::new("plastimatch")
        .args(["convert", "--xor-contours", "--prefix-format", "mha", "--input"])
        .arg(&theirs)
        .arg("--referenced-ct")
        .arg(&folder)
        .arg("--output-prefix")
        .arg(&masks_of_others)
        .output();
    let Ok(run) = run else {
        eprintln!("only the counts were compared: plastimatch is not installed");
        assert_eq!(counted, COUNTED_BY_PLASTIMATCH);
        return;
    };
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    for (name, mask) in &masks {
        let name_of_file = format!("{}.mha", name.replace(' ', "_"));
        let file = [masks_of_others.join(format!("{name}.mha")), masks_of_others.join(name_of_file)];
        let file = file.iter().find(|f| f.exists()).unwrap_or_else(|| panic!("{name} was written"));
        let values = read_mha(file, grid);
        let [_, rows, columns] = grid.shape();
        let different = values
            .iter()
            .enumerate()
            .filter(|(n, v)| (**v != 0) != mask.get(n / (rows * columns), n / columns % rows, n % columns))
            .count();
        assert_eq!(different, 0, "{name}, of {} voxels", mask.count());
    }
    assert_eq!(counted, COUNTED_BY_PLASTIMATCH);
}

const COUNTED_BY_PLASTIMATCH: [(&str, u64); 9] = [
    ("hole", 3978),
    ("island", 4152),
    ("keyhole", 4782),
    ("xor", 4068),
    ("several", 1554),
    ("star", 2766),
    ("two stars", 2832),
    ("rounded", 3036),
    ("over the edge", 2448),
];
