//#include common/slices.wgsl

// The shown structures as solids: a ray a pixel through the mask bits, their surfaces laid over each other from front to
// back. A surface lies where the linear share of voxels inside crosses one half, so that solids are as large as the
// contours that they come from, not as their voxels' corners.

// Must match `gpu::solid::SolidUniforms`, field by field (tests/shaders.rs compares them).
struct SolidUniforms {
    // Column i, row j and position n of the ray through the top left corner; their change per pixel and per mm of depth.
    at_corner: vec4<f32>,
    per_pixel_x: vec4<f32>,
    per_pixel_y: vec4<f32>,
    per_mm: vec4<f32>,
    // First voxel (i, j, k) and size of the box that the masks cover.
    mask_first: vec4<i32>,
    mask_size: vec4<i32>,
    // One bit a shown slot: low word, high word.
    shown: vec4<u32>,
    // Where dot(xyz, (i, j, n)) + w < 0 everything is cut away.
    cut: vec4<f32>,
    // Size of a voxel along columns and rows, mm; slices per mm on average; length of a step, mm.
    voxel: vec4<f32>,
    // Along columns, rows and normal of the grid: towards the light, towards the viewer, out of the cut.
    light: vec4<f32>,
    viewer: vec4<f32>,
    cut_outward: vec4<f32>,
    background: vec4<f32>,
    // Colour and opacity of every slot.
    fills: array<vec4<f32>, 64>,
};

@group(0) @binding(0) var<uniform> solid: SolidUniforms;
@group(0) @binding(1) var slice_table: texture_2d<f32>;
// Two words a voxel, one bit a slot.
@group(0) @binding(2) var masks: texture_3d<u32>;
// For every slice and every 8 x 8 cells between voxel centres: bits of any voxel there, bits of all of them.
@group(0) @binding(3) var blocks: texture_3d<u32>;

const BLOCK: f32 = 8.0;
// More cells than any ray meets.
const MOST_CELLS: i32 = 6000;
const FAR: f32 = 1e9;

// The eight voxels around a point, and what each counts.
var<private> words: array<vec2<u32>, 8>;
var<private> weights: array<f32, 8>;

fn position_of(k: i32) -> f32 {
    return slice_position(slice_table, u32(k));
}

// The slice at or below a position within the box; `near` is where to begin looking.
fn slice_below(n: f32, near: i32) -> i32 {
    let first = solid.mask_first.z;
    let last = first + solid.mask_size.z - 2;
    var k = clamp(near, first, last);
    loop {
        if k >= last || position_of(k + 1) > n {
            break;
        }
        k = k + 1;
    }
    loop {
        if k <= first || position_of(k) <= n {
            break;
        }
        k = k - 1;
    }
    return k;
}

fn look_around(p: vec3<f32>, k: i32) {
    let n0 = position_of(k);
    let n1 = position_of(k + 1);
    let last = vec2<f32>(solid.mask_size.xy - 2);
    let at = p.xy - vec2<f32>(solid.mask_first.xy);
    let low = clamp(floor(at), vec2<f32>(0.0), last);
    let f = clamp(vec3<f32>(at - low, (p.z - n0) / (n1 - n0)), vec3<f32>(0.0), vec3<f32>(1.0));
    let voxel = vec3<i32>(vec2<i32>(low), k - solid.mask_first.z);
    for (var c = 0; c < 8; c++) {
        let offset = vec3<i32>(c & 1, (c >> 1u) & 1, c >> 2u);
        words[c] = textureLoad(masks, voxel + offset, 0).rg;
        let share = select(1.0 - f, f, offset == vec3<i32>(1));
        weights[c] = share.x * share.y * share.z;
    }
}

// How much of a slot there is at the point last looked around at, 0 to 1.
fn share_of(slot: u32) -> f32 {
    var sum = 0.0;
    for (var c = 0; c < 8; c++) {
        let word = select(words[c].x, words[c].y, slot >= 32u);
        sum += weights[c] * f32((word >> (slot & 31u)) & 1u);
    }
    return sum;
}

fn inside_of(some: u32, every: u32, first_slot: u32) -> u32 {
    var inside = every;
    var left = some & ~every;
    loop {
        if left == 0u {
            break;
        }
        let bit = firstTrailingBit(left);
        left = left & (left - 1u);
        if share_of(first_slot + bit) >= 0.5 {
            inside = inside | (1u << bit);
        }
    }
    return inside;
}

// The shown slots that hold a point.
fn inside_at(p: vec3<f32>, k: i32) -> vec2<u32> {
    look_around(p, k);
    var some = vec2<u32>(0u);
    var every = vec2<u32>(0xffffffffu);
    for (var c = 0; c < 8; c++) {
        some = some | words[c];
        every = every & words[c];
    }
    some = some & solid.shown.xy;
    every = every & solid.shown.xy;
    return vec2<u32>(inside_of(some.x, every.x, 0u), inside_of(some.y, every.y, 32u));
}

fn share_at(p: vec3<f32>, k: i32, slot: u32) -> f32 {
    look_around(p, slice_below(p.z, k));
    return share_of(slot);
}

// Out of the surface of a slot, along columns, rows and normal: where its share falls, seen from near and from afar.
fn outward(p: vec3<f32>, k: i32, slot: u32) -> vec3<f32> {
    let apart = position_of(k + 1) - position_of(k);
    var sum = vec3<f32>(0.0);
    for (var ring = 1; ring <= 2; ring++) {
        let h = f32(ring) * max(max(solid.voxel.x, solid.voxel.y), 0.6 * apart);
        let i = vec3<f32>(h / solid.voxel.x, 0.0, 0.0);
        let j = vec3<f32>(0.0, h / solid.voxel.y, 0.0);
        let n = vec3<f32>(0.0, 0.0, h);
        sum += vec3<f32>(
            share_at(p - i, k, slot) - share_at(p + i, k, slot),
            share_at(p - j, k, slot) - share_at(p + j, k, slot),
            share_at(p - n, k, slot) - share_at(p + n, k, slot),
        );
    }
    if dot(sum, sum) < 1e-6 {
        return solid.viewer.xyz;
    }
    return normalize(sum);
}

struct Picture {
    color: vec3<f32>,
    // Of what lies behind.
    seen: f32,
};

fn lay_surface(under: Picture, slot: u32, normal: vec3<f32>) -> Picture {
    let fill = solid.fills[slot];
    let facing = max(dot(normal, solid.viewer.xyz), 0.0);
    let lit = max(dot(normal, solid.light.xyz), 0.0);
    let half_way = normalize(solid.light.xyz + solid.viewer.xyz);
    let gloss = 0.12 * pow(max(dot(normal, half_way), 0.0), 24.0);
    let color = fill.rgb * (0.25 + 0.75 * lit) + vec3<f32>(gloss);
    // A thin skin seen from the side covers more.
    let cover = 1.0 - pow(1.0 - min(fill.a, 0.999), 1.0 / max(facing, 0.25));
    let opacity = select(cover, 1.0, fill.a >= 1.0);
    return Picture(under.color + under.seen * opacity * color, under.seen * (1.0 - opacity));
}

// The surfaces that a ray enters between two depths.
fn lay_entered(under: Picture, entered: u32, first_slot: u32, origin: vec3<f32>, before: f32, now: f32, k: i32, cut: bool) -> Picture {
    var picture = under;
    var left = entered;
    loop {
        if left == 0u || picture.seen < 0.01 {
            break;
        }
        let bit = firstTrailingBit(left);
        left = left & (left - 1u);
        let slot = first_slot + bit;
        var normal = solid.cut_outward.xyz;
        if !cut {
            var outside = before;
            var inside = now;
            for (var n = 0; n < 5; n++) {
                let middle = 0.5 * (outside + inside);
                if share_at(origin + middle * solid.per_mm.xyz, k, slot) >= 0.5 {
                    inside = middle;
                } else {
                    outside = middle;
                }
            }
            normal = outward(origin + inside * solid.per_mm.xyz, k, slot);
        }
        picture = lay_surface(picture, slot, normal);
    }
    return picture;
}

fn lay_both(under: Picture, entered: vec2<u32>, origin: vec3<f32>, before: f32, now: f32, k: i32, cut: bool) -> Picture {
    let low = lay_entered(under, entered.x, 0u, origin, before, now, k, cut);
    return lay_entered(low, entered.y, 32u, origin, before, now, k, cut);
}

// Depths between which a ray lies in the box of the masks and not in what is cut away; z is 1 where the cut comes first.
fn depths(origin: vec3<f32>) -> vec3<f32> {
    let d = solid.per_mm.xyz;
    let first = solid.mask_first.xyz;
    let last = first + solid.mask_size.xyz - 1;
    let low = vec3<f32>(vec2<f32>(first.xy), position_of(first.z));
    let high = vec3<f32>(vec2<f32>(last.xy), position_of(last.z));
    var near = -FAR;
    var far = FAR;
    for (var axis = 0; axis < 3; axis++) {
        if abs(d[axis]) < 1e-7 {
            if origin[axis] < low[axis] || origin[axis] > high[axis] {
                return vec3<f32>(0.0, -1.0, 0.0);
            }
        } else {
            let a = (low[axis] - origin[axis]) / d[axis];
            let b = (high[axis] - origin[axis]) / d[axis];
            near = max(near, min(a, b));
            far = min(far, max(a, b));
        }
    }
    let height = dot(solid.cut.xyz, origin) + solid.cut.w;
    let rise = dot(solid.cut.xyz, d);
    var is_cut = 0.0;
    if abs(rise) < 1e-7 {
        if height < 0.0 {
            return vec3<f32>(0.0, -1.0, 0.0);
        }
    } else {
        let at = -height / rise;
        if rise > 0.0 && at > near {
            near = at;
            is_cut = 1.0;
        }
        if rise < 0.0 {
            far = min(far, at);
        }
    }
    return vec3<f32>(near, far, is_cut);
}

// Depth at which a ray leaves the interval [low, high] of an axis.
fn leaves(origin: f32, step: f32, low: f32, high: f32) -> f32 {
    if abs(step) < 1e-7 {
        return FAR;
    }
    return (select(low, high, step > 0.0) - origin) / step;
}

fn ray(origin: vec3<f32>) -> Picture {
    var picture = Picture(vec3<f32>(0.0), 1.0);
    let range = depths(origin);
    if range.x >= range.y {
        return picture;
    }
    let d = solid.per_mm.xyz;
    let first = vec2<f32>(solid.mask_first.xy);
    let last_block = (solid.mask_size.xy - 2) / i32(BLOCK);
    var t = range.x;
    let start = origin + t * d;
    var k = slice_below(start.z, i32(slices_around(slice_table, u32(solid.viewer.w), solid.voxel.z, start.z).below));
    // A ray that starts on a slice goes on into the next ones.
    if d.z < 0.0 && start.z <= position_of(k) && k > solid.mask_first.z {
        k = k - 1;
    }
    var block = clamp(vec2<i32>(floor((start.xy - first) / BLOCK)), vec2<i32>(0), last_block);
    var inside = inside_at(start, k);
    picture = lay_both(picture, inside, origin, t, t, k, range.z > 0.5);
    for (var cell = 0; cell < MOST_CELLS; cell++) {
        let corner = first + vec2<f32>(block) * BLOCK;
        let next = vec3<f32>(
            leaves(origin.x, d.x, corner.x, corner.x + BLOCK),
            leaves(origin.y, d.y, corner.y, corner.y + BLOCK),
            leaves(origin.z, d.z, position_of(k), position_of(k + 1)),
        );
        let leave = min(min(min(next.x, next.y), next.z), range.y);
        if leave > t {
            let layer = vec3<i32>(block, k - solid.mask_first.z);
            let below = textureLoad(blocks, layer, 0);
            let above = textureLoad(blocks, layer + vec3<i32>(0, 0, 1), 0);
            let some = (below.xy | above.xy) & solid.shown.xy;
            let every = below.zw & above.zw & solid.shown.xy;
            if all(some == every) {
                let entered = some & ~inside;
                if any(entered != vec2<u32>(0u)) {
                    picture = lay_both(picture, entered, origin, t, leave, k, false);
                }
                inside = some;
            } else {
                let steps = i32(ceil((leave - t) / solid.voxel.w));
                let stride = (leave - t) / f32(steps);
                var before = t;
                for (var s = 1; s <= steps; s++) {
                    let now = t + f32(s) * stride;
                    let here = inside_at(origin + now * d, k);
                    let entered = here & ~inside;
                    if any(entered != vec2<u32>(0u)) {
                        picture = lay_both(picture, entered, origin, before, now, k, false);
                        if picture.seen < 0.01 {
                            return picture;
                        }
                    }
                    inside = here;
                    before = now;
                }
            }
            t = leave;
        }
        if leave >= range.y || picture.seen < 0.01 {
            break;
        }
        if next.z <= leave {
            k = k + select(-1, 1, d.z > 0.0);
        }
        if next.x <= leave {
            block.x = block.x + select(-1, 1, d.x > 0.0);
        }
        if next.y <= leave {
            block.y = block.y + select(-1, 1, d.y > 0.0);
        }
        if k < solid.mask_first.z || k > solid.mask_first.z + solid.mask_size.z - 2 {
            break;
        }
        if any(block < vec2<i32>(0)) || any(block > last_block) {
            break;
        }
    }
    return picture;
}

@vertex
fn vertex(@builtin(vertex_index) index: u32) -> @builtin(position) vec4<f32> {
    let corner = vec2<f32>(f32((index << 1u) & 2u), f32(index & 2u));
    return vec4<f32>(corner * 2.0 - 1.0, 0.0, 1.0);
}

@fragment
fn fragment(@builtin(position) position: vec4<f32>) -> @location(0) vec4<f32> {
    if any(solid.mask_size.xyz < vec3<i32>(2)) || all(solid.shown.xy == vec2<u32>(0u)) {
        return vec4<f32>(solid.background.rgb, 1.0);
    }
    let origin = solid.at_corner + position.x * solid.per_pixel_x + position.y * solid.per_pixel_y;
    let picture = ray(origin.xyz);
    return vec4<f32>(min(picture.color, vec3<f32>(1.0)) + picture.seen * solid.background.rgb, 1.0);
}
