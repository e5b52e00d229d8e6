// One invocation copies 4 quads that lie a grid apart, so that neighbours read neighbouring ones.
@group(0) @binding(0) var<storage, read_write> y: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read> x: array<vec4<f32>>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let stride = groups.x * 64u;
  y[id.x] = x[id.x];
  y[id.x + stride] = x[id.x + stride];
  y[id.x + 2u * stride] = x[id.x + 2u * stride];
  y[id.x + 3u * stride] = x[id.x + 3u * stride];
}
