// One element per invocation: y = x * factor[c] + shift[c], where x is a byte of a word or a float.
// Samples are padded to whole words when they are bytes.
struct Params {
  length: u32,
  sample_length: u32,
  // Words of one sample.
  sample_words: u32,
  channels: u32,
  // Elements between neighbours along the channel axis.
  inner: u32,
}

@group(0) @binding(0) var<storage, read> x: array<u32>;
@group(0) @binding(1) var<storage, read> factor: array<f32>;
@group(0) @binding(2) var<storage, read> shift: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;
@group(1) @binding(0) var<uniform> params: Params;

fn stored(sample: u32, offset: u32) -> f32 {
  if (BYTES) {
    let word = x[sample * params.sample_words + offset / 4u];
    return f32((word >> (8u * (offset % 4u))) & 255u);
  }
  return bitcast<f32>(x[sample * params.sample_words + offset]);
}

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let index = flat_index(id, groups, WORKGROUP_SIZE);
  if (index >= params.length) { return; }
  let offset = index % params.sample_length;
  let channel = (offset / params.inner) % params.channels;
  y[index] = finish((stored(index / params.sample_length, offset) - shift[channel]) / factor[channel], index);
}
