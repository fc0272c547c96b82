// The voxel grid as the shaders see it, and the CT and the masks on it.
// Indices are continuous, voxel centres lie at whole numbers; `n` is mm along the slice normal from the first slice.

// Must match `gpu::uniforms::SliceUniforms`, field by field (tests/shaders.rs compares them).
struct SliceUniforms {
    // Column index i, row index j and position n at the top left corner of the view, and their change per pixel.
    at_corner: vec4<f32>,
    per_pixel_x: vec4<f32>,
    per_pixel_y: vec4<f32>,
    // Top left corner of the view in the framebuffer.
    corner_px: vec2<f32>,
    // Smallest and largest n that belong to the scan.
    n_range: vec2<f32>,
    // Columns, rows, slices; then the slice shown, or NO_SLICE where the view crosses the slices.
    size: vec4<u32>,
    // First voxel (i, j, k) and size of the box that the mask texture covers; a size of 0 means no masks.
    mask_first: vec4<i32>,
    mask_size: vec4<i32>,
    // HU shown black, 1 / width of the window, period of the hatching in pixels, slices per mm on average.
    window: vec4<f32>,
    background: vec4<f32>,
    // One bit a slot: low word, high word.
    hatched: vec4<u32>,
    // Column, row and n of the overlay at the top left corner of the view, and their change per pixel.
    overlay_at_corner: vec4<f32>,
    overlay_per_pixel_x: vec4<f32>,
    overlay_per_pixel_y: vec4<f32>,
    // Columns, rows, slices of the overlay; number of stops, 0 without an overlay.
    overlay_size: vec4<u32>,
    // Opacity, value at which all of it is there, 1 for bands of one colour, slices per mm on average.
    overlay_shade: vec4<f32>,
    // Smallest and largest n that belong to the overlay.
    overlay_range: vec4<f32>,
    // Colour and value of every stop, ascending.
    overlay_stops: array<vec4<f32>, 17>,
    // Colour and opacity of every slot.
    fills: array<vec4<f32>, 64>,
};

const NO_SLICE: u32 = 0xffffffffu;

@group(0) @binding(0) var<uniform> frame: SliceUniforms;
@group(0) @binding(1) var ct: texture_3d<f32>;
// Per slice: its position n, and 1 once its voxels are there.
@group(0) @binding(2) var slice_table: texture_2d<f32>;
// Two words a voxel, one bit a slot.
@group(0) @binding(3) var masks: texture_3d<u32>;

fn slice_position(table: texture_2d<f32>, k: u32) -> f32 {
    return textureLoad(table, vec2<u32>(k, 0u), 0).r;
}

fn slice_is_loaded(k: u32) -> bool {
    return textureLoad(slice_table, vec2<u32>(k, 0u), 0).g > 0.5;
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

// Linear within a slice. Weighted here and not by a sampler: samplers weigh in steps of 1/256, which shows at bone edges.
fn ct_in_slice(i: f32, j: f32, k: u32) -> f32 {
    let last = vec2<f32>(frame.size.xy) - 1.0;
    let at = clamp(vec2<f32>(i, j), vec2<f32>(0.0), last);
    let low = floor(at);
    let f = at - low;
    let a = vec2<i32>(low);
    let b = vec2<i32>(min(low + 1.0, last));
    let z = i32(k);
    let top = mix(textureLoad(ct, vec3<i32>(a.x, a.y, z), 0).r, textureLoad(ct, vec3<i32>(b.x, a.y, z), 0).r, f.x);
    let bottom = mix(textureLoad(ct, vec3<i32>(a.x, b.y, z), 0).r, textureLoad(ct, vec3<i32>(b.x, b.y, z), 0).r, f.x);
    return mix(top, bottom, f.y);
}

// The words of the voxel nearest to a point.
fn mask_words(i: f32, j: f32, k: u32) -> vec2<u32> {
    let voxel = vec3<i32>(i32(floor(i + 0.5)), i32(floor(j + 0.5)), i32(k));
    let at = voxel - frame.mask_first.xyz;
    if any(at < vec3<i32>(0)) || any(at >= frame.mask_size.xyz) {
        return vec2<u32>(0u);
    }
    return textureLoad(masks, at, 0).rg;
}
