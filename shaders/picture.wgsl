//#include common/screen.wgsl

// A picture that was drawn before, laid onto the window: each of its pixels is a ray, and where a ray stands for several pixels of
// the window, they lie between rays.

// Must match `gpu::solid::PlaceUniforms`.
struct PlaceUniforms {
    // Top left corner in the framebuffer.
    corner_px: vec2<f32>,
    // Of the picture, in rays.
    size: vec2<f32>,
    pixels_per_ray: f32,
};

@group(0) @binding(0) var<uniform> place: PlaceUniforms;
@group(0) @binding(1) var picture: texture_2d<f32>;

@vertex
fn vertex(@builtin(vertex_index) index: u32) -> @builtin(position) vec4<f32> {
    return covering_triangle(index);
}

fn ray(at: vec2<f32>) -> vec3<f32> {
    return textureLoad(picture, vec2<i32>(clamp(at, vec2<f32>(0.0), place.size - 1.0)), 0).rgb;
}

fn color(position_px: vec2<f32>) -> vec3<f32> {
    let at = (position_px - place.corner_px) / place.pixels_per_ray;
    if place.pixels_per_ray == 1.0 {
        return ray(at);
    }
    // Between the middles of four rays.
    let low = floor(at - 0.5);
    let t = at - 0.5 - low;
    let upper = mix(ray(low), ray(low + vec2<f32>(1.0, 0.0)), t.x);
    let lower = mix(ray(low + vec2<f32>(0.0, 1.0)), ray(low + 1.0), t.x);
    return mix(upper, lower, t.y);
}

@fragment
fn fragment_gamma(@builtin(position) position: vec4<f32>) -> @location(0) vec4<f32> {
    return vec4<f32>(color(position.xy), 1.0);
}

@fragment
fn fragment_linear(@builtin(position) position: vec4<f32>) -> @location(0) vec4<f32> {
    return vec4<f32>(linear_from_srgb(color(position.xy)), 1.0);
}
