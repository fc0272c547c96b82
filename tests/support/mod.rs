//! What the tests share: the folder of real cases, and temporary folders.

pub mod bench;
pub mod overlays;
#[cfg(feature = "gui")]
pub mod window;

use std::path::PathBuf;

/// The folder of real test data: HILUM_TEST_DATA, else `../shared/data`. Without it a test says so
/// and skips; under CI a missing folder is a failure.
pub fn test_data(sub: &str) -> Option<PathBuf> {
    let root = std::env::var_os("HILUM_TEST_DATA")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/data"), PathBuf::from);
    let path = root.join(sub);
    if path.exists() {
        return Some(path);
    }
    assert!(
        std::env::var_os("CI").is_none(),
        "under CI the test data must be present: {sub} is missing (HILUM_TEST_DATA)"
    );
    eprintln!("skipped: {sub} is not there; set HILUM_TEST_DATA to the folder of test cases");
    None
}
