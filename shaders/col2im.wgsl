// One element of the image per invocation: the sum of the elements of x [batch, channels, k0, k1, k2, l0, l1, l2] whose
// block, with its dilation, covers it. Axes that an image lacks have extent 1. Steps of a loop are the block's elements.
struct Params {
  length: u32,
  image: vec4<i32>,
  block: vec4<i32>,
  columns: vec4<i32>,
  strides: vec4<i32>,
  dilations: vec4<i32>,
  pads: vec4<i32>,
}

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@group(1) @binding(0) var<uniform> params: Params;

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let index = flat_index(id, groups, WORKGROUP_SIZE);
  if (index >= params.length) { return; }
  let image = params.image.xyz;
  let block = params.block.xyz;
  let columns = params.columns.xyz;
  let place = i32(index);
  let at = vec3<i32>(place / (image.z * image.y) % image.x, place / image.z % image.y, place % image.z) + params.pads.xyz;
  let plane = place / (image.x * image.y * image.z);
  let elements = block.x * block.y * block.z;
  var sum = 0.0;
  for (var k = 0; k < elements; k++) {
    let within = vec3<i32>(k / (block.z * block.y), k / block.z % block.y, k % block.z);
    let from_start = at - within * params.dilations.xyz;
    let column = from_start / params.strides.xyz;
    let covers = (from_start >= vec3<i32>(0)) & (column < columns) & (column * params.strides.xyz == from_start);
    if (all(covers)) {
      sum += x[(((plane * elements + k) * columns.x + column.x) * columns.y + column.y) * columns.z + column.z];
    }
  }
  y[index] = finish(sum, index);
}
