//#include common/screen.wgsl
//#include common/slices.wgsl
//#include common/grid.wgsl
//#include common/overlay.wgsl

// One view of the scan: CT in a window, an overlay in colours, structures as translucent fills.
// `gpu::cpu_slice` draws the same picture; a test keeps the two within 1/255.

@vertex
fn vertex(@builtin(vertex_index) index: u32) -> @builtin(position) vec4<f32> {
    return covering_triangle(index);
}

fn fill_word(under: vec3<f32>, word: u32, first_slot: u32, hatched: u32, in_gap: bool) -> vec3<f32> {
    var color = under;
    var left = word;
    loop {
        if left == 0u {
            break;
        }
        let bit = firstTrailingBit(left);
        left = left & (left - 1u);
        let fill = frame.fills[first_slot + bit];
        let thinned = in_gap && ((hatched >> bit) & 1u) == 1u;
        color = mix(color, fill.rgb, select(fill.a, 0.0, thinned));
    }
    return color;
}

fn shade(position_px: vec2<f32>) -> vec3<f32> {
    let pixel = position_px - frame.corner_px;
    let at = frame.at_corner + pixel.x * frame.per_pixel_x + pixel.y * frame.per_pixel_y;
    let low = vec2<f32>(-0.5);
    let high = vec2<f32>(frame.size.xy) - 0.5;
    if any(at.xy < low) || any(at.xy >= high) {
        return frame.background.rgb;
    }
    var hu: f32;
    var nearest: u32;
    if frame.size.w != NO_SLICE {
        nearest = frame.size.w;
        if !slice_is_loaded(nearest) {
            return frame.background.rgb;
        }
        hu = ct_on_slice(at.x, at.y, nearest);
    } else {
        if at.z < frame.n_range.x || at.z > frame.n_range.y {
            return frame.background.rgb;
        }
        let pair = slices_around(slice_table, frame.size.z, frame.window.w, at.z);
        nearest = select(pair.below, pair.above, pair.fraction > 0.5);
        let other = select(pair.above, pair.below, pair.fraction > 0.5);
        if !slice_is_loaded(nearest) {
            return frame.background.rgb;
        }
        hu = ct_on_slice(at.x, at.y, nearest);
        if frame.sampling.x != 0u && slice_is_loaded(other) {
            let weight = select(pair.fraction, 1.0 - pair.fraction, pair.fraction > 0.5);
            hu = mix(hu, ct_on_slice(at.x, at.y, other), weight);
        }
    }
    if frame.slab.x != 0.0 {
        hu = ct_through_slab(at.xyz);
    }
    var color = vec3<f32>(clamp((hu - frame.window.x) * frame.window.y, 0.0, 1.0));
    color = with_overlay(color, pixel);
    let words = mask_words(at.x, at.y, nearest);
    let diagonal = floor(pixel.x) + floor(pixel.y);
    let in_gap = diagonal - frame.window.z * floor(diagonal / frame.window.z) >= 0.5 * frame.window.z;
    color = fill_word(color, words.x, 0u, frame.hatched.x, in_gap);
    color = fill_word(color, words.y, 32u, frame.hatched.y, in_gap);
    return color;
}

@fragment
fn fragment_gamma(@builtin(position) position: vec4<f32>) -> @location(0) vec4<f32> {
    return vec4<f32>(shade(position.xy), 1.0);
}

@fragment
fn fragment_linear(@builtin(position) position: vec4<f32>) -> @location(0) vec4<f32> {
    return vec4<f32>(linear_from_srgb(shade(position.xy)), 1.0);
}
