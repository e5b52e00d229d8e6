// Counts the values of every sample in equal bins; what lies outside falls into the outermost. One part of one sample per
// workgroup, counted in global memory: y is [samples, bins] and starts at zero.
struct Params {
  sample_length: u32,
  part_length: u32,
  bins: u32,
  low: f32,
  // Bins per unit.
  density: f32,
}

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<atomic<u32>>;
@group(1) @binding(0) var<uniform> params: Params;

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let base = group.y * params.sample_length;
  let start = group.x * params.part_length;
  let end = min(start + params.part_length, params.sample_length);
  for (var offset = start + lane; offset < end; offset += WORKGROUP_SIZE) {
    let place = clamp(floor((x[base + offset] - params.low) * params.density), 0.0, f32(params.bins - 1u));
    atomicAdd(&y[group.y * params.bins + u32(place)], 1u);
  }
}
