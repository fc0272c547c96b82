// Slices at their true positions, in a table of one row: position n from the first slice, and 1 once it is loaded.

fn slice_position(table: texture_2d<f32>, k: u32) -> f32 {
    return textureLoad(table, vec2<u32>(k, 0u), 0).r;
}

// Slices below and above a position, and how far it lies between them (0 to 1).
struct SlicePair {
    below: u32,
    above: u32,
    fraction: f32,
};

// Where even spacing (`per_mm` slices) is not right: bisection over the true positions in the table of slices.
fn slices_around(table: texture_2d<f32>, count: u32, per_mm: f32, n: f32) -> SlicePair {
    var low = 0u;
    var high = count - 1u;
    let guess = u32(clamp(n * per_mm, 0.0, max(f32(high) - 1.0, 0.0)));
    if high > 0u && slice_position(table, guess) <= n && n < slice_position(table, guess + 1u) {
        low = guess;
        high = guess + 1u;
    }
    loop {
        if high <= low + 1u {
            break;
        }
        let middle = (low + high) / 2u;
        if slice_position(table, middle) <= n {
            low = middle;
        } else {
            high = middle;
        }
    }
    if high == low {
        return SlicePair(low, low, 0.0);
    }
    let p0 = slice_position(table, low);
    let p1 = slice_position(table, high);
    return SlicePair(low, high, clamp((n - p0) / (p1 - p0), 0.0, 1.0));
}
