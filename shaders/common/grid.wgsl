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
    // 0 none, 1 maximum, 2 minimum, 3 average; its axis (0 columns, 1 rows, 2 mm along the normal); from, to.
    slab: vec4<f32>,
    // 0 nearest voxel, 1 linear, 2 cubic within a slice.
    sampling: vec4<u32>,
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

fn slice_is_loaded(k: u32) -> bool {
    return textureLoad(slice_table, vec2<u32>(k, 0u), 0).g > 0.5;
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

fn voxel(i: i32, j: i32, k: u32) -> f32 {
    let last = vec2<i32>(frame.size.xy) - 1;
    let at = clamp(vec2<i32>(i, j), vec2<i32>(0), last);
    return textureLoad(ct, vec3<i32>(at, i32(k)), 0).r;
}

fn cubic(v: vec4<f32>, f: f32) -> f32 {
    let f2 = f * f;
    let f3 = f2 * f;
    let weights = vec4<f32>(-0.5 * f + f2 - 0.5 * f3, 1.0 - 2.5 * f2 + 1.5 * f3, 0.5 * f + 2.0 * f2 - 1.5 * f3, 0.5 * (f3 - f2));
    return dot(v, weights);
}

// Catmull-Rom within a slice, held between the four voxels around.
fn ct_cubic(i: f32, j: f32, k: u32) -> f32 {
    let last = vec2<f32>(frame.size.xy) - 1.0;
    let at = clamp(vec2<f32>(i, j), vec2<f32>(0.0), last);
    let low = floor(at);
    let f = at - low;
    let a = vec2<i32>(low);
    var rows: array<vec4<f32>, 4>;
    for (var r = 0; r < 4; r++) {
        let y = a.y + r - 1;
        rows[r] = vec4<f32>(voxel(a.x - 1, y, k), voxel(a.x, y, k), voxel(a.x + 1, y, k), voxel(a.x + 2, y, k));
    }
    let across = vec4<f32>(cubic(rows[0], f.x), cubic(rows[1], f.x), cubic(rows[2], f.x), cubic(rows[3], f.x));
    let around = vec4<f32>(rows[1].yz, rows[2].yz);
    let least = min(min(around.x, around.y), min(around.z, around.w));
    let most = max(max(around.x, around.y), max(around.z, around.w));
    return clamp(cubic(across, f.y), least, most);
}

// Within a slice as the frame wants it.
fn ct_on_slice(i: f32, j: f32, k: u32) -> f32 {
    if frame.sampling.x == 0u {
        return voxel(i32(floor(i + 0.5)), i32(floor(j + 0.5)), k);
    }
    if frame.sampling.x == 2u {
        return ct_cubic(i, j, k);
    }
    return ct_in_slice(i, j, k);
}

// Linear within and between slices.
fn ct_between(i: f32, j: f32, pair: SlicePair) -> f32 {
    let below = ct_in_slice(i, j, pair.below);
    if pair.fraction == 0.0 {
        return below;
    }
    return mix(below, ct_in_slice(i, j, pair.above), pair.fraction);
}

// The value at a depth of the slab below a pixel whose own place is `at`.
fn ct_at_depth(at: vec3<f32>, pair: SlicePair, depth: f32) -> f32 {
    if frame.slab.y == 0.0 {
        return ct_between(depth, at.y, pair);
    }
    if frame.slab.y == 1.0 {
        return ct_between(at.x, depth, pair);
    }
    return ct_between(at.x, at.y, slices_around(slice_table, frame.size.z, frame.window.w, depth));
}

// Through the slab: its ends, and every voxel centre or slice between them; linear between those.
fn ct_through_slab(at: vec3<f32>) -> f32 {
    let low = frame.slab.z;
    let high = frame.slab.w;
    let pair = slices_around(slice_table, frame.size.z, frame.window.w, at.z);
    var first = i32(ceil(low));
    var last = i32(floor(high));
    if frame.slab.y == 2.0 {
        first = i32(slices_around(slice_table, frame.size.z, frame.window.w, low).below);
        last = i32(slices_around(slice_table, frame.size.z, frame.window.w, high).above);
    }
    var depth = low;
    var value = ct_at_depth(at, pair, low);
    var extreme = value;
    var area = 0.0;
    for (var n = first; n <= last + 1; n++) {
        var next = high;
        if n <= last {
            next = f32(n);
            if frame.slab.y == 2.0 {
                next = slice_position(slice_table, u32(n));
            }
            if next <= low || next >= high {
                continue;
            }
        }
        let v = ct_at_depth(at, pair, next);
        extreme = select(max(extreme, v), min(extreme, v), frame.slab.x == 2.0);
        area += (next - depth) * 0.5 * (value + v);
        depth = next;
        value = v;
    }
    if frame.slab.x == 3.0 && high > low {
        return area / (high - low);
    }
    return extreme;
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
