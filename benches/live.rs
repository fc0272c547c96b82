//! The promise of live editing, measured: from an event of a brush stroke on a case of 512 x 512 x 200
//! voxels with sixteen stations until features and risk are current. `hilum bench live` measures the
//! same and gives percentiles. Run with `cargo bench --bench live`.

use divan::Bencher;
use hilum::cli::bench::LiveBench;

fn main() {
    divan::main();
}

/// One stroke: press, nineteen drags, release; divide by 21 for an event.
#[divan::bench(sample_count = 50, sample_size = 1)]
fn stroke_to_features_and_risk(bencher: Bencher) {
    let mut bench = LiveBench::new();
    bencher.bench_local(move || bench.stroke().expect("features and risk are current"));
}

/// One stroke applied to the case and committed, without features.
#[divan::bench(sample_count = 50, sample_size = 1)]
fn stroke_applied_and_committed(bencher: Bencher) {
    let mut bench = LiveBench::new();
    bencher.bench_local(move || bench.bare_stroke().expect("the stroke fits the case"));
}
