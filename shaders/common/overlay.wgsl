// Values laid over the CT on a grid of their own: sampled trilinearly, coloured by stops.
// Indices are continuous as in grid.wgsl; `n` is mm along the overlay's normal from its first slice.

@group(0) @binding(4) var overlay: texture_3d<f32>;
// Per slice of the overlay: its position n, and 1.
@group(0) @binding(5) var overlay_table: texture_2d<f32>;

// Smaller values are mixed with "no value" (image::OverlayVolume::ABSENT).
const ABSENT_BELOW: f32 = -1e30;

fn overlay_in_slice(i: f32, j: f32, k: u32) -> f32 {
    let last = vec2<f32>(frame.overlay_size.xy) - 1.0;
    let at = clamp(vec2<f32>(i, j), vec2<f32>(0.0), last);
    let low = floor(at);
    let f = at - low;
    let a = vec2<i32>(low);
    let b = vec2<i32>(min(low + 1.0, last));
    let z = i32(k);
    let aa = textureLoad(overlay, vec3<i32>(a.x, a.y, z), 0).r;
    let ba = textureLoad(overlay, vec3<i32>(b.x, a.y, z), 0).r;
    let ab = textureLoad(overlay, vec3<i32>(a.x, b.y, z), 0).r;
    let bb = textureLoad(overlay, vec3<i32>(b.x, b.y, z), 0).r;
    return mix(mix(aa, ba, f.x), mix(ab, bb, f.x), f.y);
}

// The colour under a value of the overlay at a pixel of the view.
fn with_overlay(under: vec3<f32>, pixel: vec2<f32>) -> vec3<f32> {
    let count = frame.overlay_size.w;
    if count == 0u {
        return under;
    }
    let squares_per_px = frame.overlay_per_pixel_x.w;
    if squares_per_px > 0.0 {
        let square = floor(vec2<f32>(frame.overlay_at_corner.w, frame.overlay_per_pixel_y.w) + pixel * squares_per_px);
        let sum = square.x + square.y;
        if sum - 2.0 * floor(sum / 2.0) < 0.5 {
            return under;
        }
    }
    let at = frame.overlay_at_corner + pixel.x * frame.overlay_per_pixel_x + pixel.y * frame.overlay_per_pixel_y;
    let low = vec2<f32>(-0.5);
    let high = vec2<f32>(frame.overlay_size.xy) - 0.5;
    if any(at.xy < low) || any(at.xy >= high) || at.z < frame.overlay_range.x || at.z > frame.overlay_range.y {
        return under;
    }
    let pair = slices_around(overlay_table, frame.overlay_size.z, frame.overlay_shade.w, at.z);
    let value =
        mix(overlay_in_slice(at.x, at.y, pair.below), overlay_in_slice(at.x, at.y, pair.above), pair.fraction);
    let first = frame.overlay_stops[0].w;
    if value < ABSENT_BELOW || value < first {
        return under;
    }
    var n = 0u;
    loop {
        if n + 1u >= count || frame.overlay_stops[n + 1u].w > value {
            break;
        }
        n = n + 1u;
    }
    var color = frame.overlay_stops[n].rgb;
    if frame.overlay_shade.z < 0.5 && n + 1u < count {
        let next = frame.overlay_stops[n + 1u];
        color = mix(color, next.rgb, (value - frame.overlay_stops[n].w) / (next.w - frame.overlay_stops[n].w));
    }
    let rise = frame.overlay_shade.y - first;
    var share = 1.0;
    if rise > 0.0 {
        share = min((value - first) / rise, 1.0);
    }
    return mix(under, color, frame.overlay_shade.x * share);
}
