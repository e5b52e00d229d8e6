// CHUNK words, or vec4s of words, of a slice of the output per invocation: data [outer, extent, inner] and indices [count]
// give [outer, count, inner]. W is u32 or vec4<u32>, and inner counts W. Negative indices count from the end; an index
// outside the axis takes its nearest end. Only those are taken that lie in the rows of data that are bound: `rows` slices
// from `first` on, counted over all of data.
struct Params {
  invocations: u32,
  chunks: u32,
  first: u32,
  rows: u32,
  extent: i32,
  count: u32,
  inner: u32,
}

@group(0) @binding(0) var<storage, read> data: array<W>;
@group(0) @binding(1) var<storage, read> indices: array<i32>;
@group(0) @binding(2) var<storage, read_write> y: array<W>;
@group(1) @binding(0) var<uniform> params: Params;

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let index = flat_index(id, groups, WORKGROUP_SIZE);
  if (index >= params.invocations) { return; }
  let row = index / params.chunks;
  let start = (index - row * params.chunks) * u32(CHUNK);
  let outer = row / params.count;
  let wanted = indices[row - outer * params.count];
  let taken = u32(clamp(select(wanted, wanted + params.extent, wanted < 0), 0, params.extent - 1));
  let source = outer * u32(params.extent) + taken;
  if (source < params.first || source >= params.first + params.rows) { return; }
  let base = (source - params.first) * params.inner;
  for (var place = start; place < min(start + u32(CHUNK), params.inner); place++) {
    y[row * params.inner + place] = data[base + place];
  }
}
