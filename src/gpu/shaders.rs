//! The WGSL sources, embedded, with `//#include common/NAME.wgsl` lines replaced by that file.
//! `tests/shaders.rs` parses and validates every one of them.

const COMMON: [(&str, &str); 4] = [
    ("common/grid.wgsl", include_str!("../../shaders/common/grid.wgsl")),
    ("common/overlay.wgsl", include_str!("../../shaders/common/overlay.wgsl")),
    ("common/slices.wgsl", include_str!("../../shaders/common/slices.wgsl")),
    ("common/screen.wgsl", include_str!("../../shaders/common/screen.wgsl")),
];

/// Every shader by file name, not yet expanded.
pub const ALL: [(&str, &str); 3] = [
    ("slice.wgsl", include_str!("../../shaders/slice.wgsl")),
    ("solid.wgsl", include_str!("../../shaders/solid.wgsl")),
    ("picture.wgsl", include_str!("../../shaders/picture.wgsl")),
];

/// The full source of a shader of [`ALL`].
///
/// # Panics
/// If the name or an included name does not exist; both are fixed when the program is built and tested.
pub fn source(name: &str) -> String {
    let text = ALL.iter().find(|(n, _)| *n == name).expect("a shader of this name is embedded").1;
    let mut full = String::new();
    for line in text.lines() {
        if let Some(include) = line.strip_prefix("//#include ") {
            let part = COMMON.iter().find(|(n, _)| *n == include.trim()).expect("an included file is embedded").1;
            full.push_str(part);
        } else {
            full.push_str(line);
        }
        full.push('\n');
    }
    full
}
