//#include common/screen.wgsl

// A picture that was drawn before, laid onto the window: each of its pixels is a ray.

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

fn color(position_px: vec2<f32>) -> vec3<f32> {
    let at = clamp((position_px - place.corner_px) / place.pixels_per_ray, vec2<f32>(0.0), place.size - 1.0);
    return textureLoad(picture, vec2<i32>(at), 0).rgb;
}

@fragment
fn fragment_gamma(@builtin(position) position: vec4<f32>) -> @location(0) vec4<f32> {
    return vec4<f32>(color(position.xy), 1.0);
}

@fragment
fn fragment_linear(@builtin(position) position: vec4<f32>) -> @location(0) vec4<f32> {
    return vec4<f32>(linear_from_srgb(color(position.xy)), 1.0);
}
