// A chain of elementwise operators, four neighbouring elements per invocation: y = chain(x). Its numbers lie in
// params.scalars.
struct Params {
  length: u32,
  scalars: array<vec4<f32>, 8>,
}

@group(0) @binding(0) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read_write> y: array<vec4<f32>>;
@group(1) @binding(0) var<uniform> params: Params;

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let index = flat_index(id, groups, WORKGROUP_SIZE);
  if (index >= params.length) { return; }
  y[index] = finish4(chain(x[index], params.scalars), 4u * index);
}
