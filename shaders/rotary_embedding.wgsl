// One element of the output per invocation. Elements of a head beyond `rotated` stay as they are; the others are one half of a
// pair that turns by the angle of its token: pairs lie side by side (INTERLEAVED) or half of `rotated` apart.
struct Params {
  length: u32,
  heads: u32,
  tokens: u32,
  size: u32,
  rotated: u32,
}

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> cosines: array<f32>;
@group(0) @binding(2) var<storage, read> sines: array<f32>;
@group(0) @binding(3) var<storage, read> positions: array<i32>;
@group(0) @binding(4) var<storage, read_write> y: array<f32>;
@group(1) @binding(0) var<uniform> params: Params;

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let index = flat_index(id, groups, WORKGROUP_SIZE);
  if (index >= params.length) { return; }
  let at = index % params.size;
  if (at >= params.rotated) {
    y[index] = x[index];
    return;
  }
  let row = index / params.size;
  let half = params.rotated / 2u;
  let batch = row / (params.heads * params.tokens);
  let token = batch * params.tokens + select(row % params.tokens, row / params.heads % params.tokens, HEADS_INNERMOST);
  let pair = select(at % half, at / 2u, INTERLEAVED);
  let is_second = select(at >= half, at % 2u == 1u, INTERLEAVED);
  let apart = select(half, 1u, INTERLEAVED);
  let other = x[select(index + apart, index - apart, is_second)];
  var entry = token;
  if (HAS_POSITIONS) { entry = u32(positions[token]); }
  let angle = entry * half + pair;
  y[index] = x[index] * cosines[angle] + select(-other, other, is_second) * sines[angle];
}
