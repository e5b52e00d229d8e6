// Linear interpolation along the last two axes: ROWS by 4 neighbouring elements of the output per invocation, out of
// planes of `extents`. Along both axes the coordinate is (at + t.x) * t.y / t.z + t.w; neighbours beyond the input
// repeat its border. A row of the input is interpolated along the columns once for all rows of the output between it and
// the next: enlarging reads few of them.
struct Params {
  invocations: u32,
  strips: u32,
  blocks: u32,
  sizes: vec4<u32>,
  extents: vec4<u32>,
  transforms: array<vec4<f32>, 2>,
}

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@group(1) @binding(0) var<uniform> params: Params;

// Where four neighbouring columns lie in a row of the input: the elements before and behind, and how far from the first.
struct Columns {
  before: vec4<u32>,
  behind: vec4<u32>,
  fraction: vec4<f32>,
}

fn columns_from(first: u32) -> Columns {
  let t = params.transforms[1];
  let coordinate = (vec4<f32>(first + vec4<u32>(0u, 1u, 2u, 3u)) + t.x) * t.y / t.z + t.w;
  let low = floor(coordinate);
  let last = vec4<i32>(i32(params.extents.y) - 1);
  let place = vec4<i32>(low);
  return Columns(
    vec4<u32>(clamp(place, vec4<i32>(0), last)),
    vec4<u32>(clamp(place + 1, vec4<i32>(0), last)),
    coordinate - low,
  );
}

fn row_at(place: i32, plane: u32, columns: Columns) -> vec4<f32> {
  let row = u32(clamp(place, 0, i32(params.extents.x) - 1));
  let start = (plane * params.extents.x + row) * params.extents.y;
  let before = start + columns.before;
  let behind = start + columns.behind;
  let left = vec4<f32>(x[before.x], x[before.y], x[before.z], x[before.w]);
  let right = vec4<f32>(x[behind.x], x[behind.y], x[behind.z], x[behind.w]);
  return left * (1.0 - columns.fraction) + right * columns.fraction;
}

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let index = flat_index(id, groups, WORKGROUP_SIZE);
  if (index >= params.invocations) { return; }
  let block = index / params.strips;
  let first = (index - block * params.strips) * 4u;
  let plane = block / params.blocks;
  let row = (block - plane * params.blocks) * u32(ROWS);
  let columns = columns_from(first);
  let count = min(params.sizes.y - first, 4u);
  let t = params.transforms[0];
  var place = -2147483647;
  var above = vec4<f32>(0.0);
  var below = vec4<f32>(0.0);
  for (var at = row; at < min(row + u32(ROWS), params.sizes.x); at++) {
    let coordinate = (f32(at) + t.x) * t.y / t.z + t.w;
    let low = floor(coordinate);
    if (i32(low) != place) {
      place = i32(low);
      above = row_at(place, plane, columns);
      below = row_at(place + 1, plane, columns);
    }
    let fraction = coordinate - low;
    let values = above * (1.0 - fraction) + below * fraction;
    let start = (plane * params.sizes.x + at) * params.sizes.y + first;
    y[start] = finish(values.x, start);
    if (count > 1u) { y[start + 1u] = finish(values.y, start + 1u); }
    if (count > 2u) { y[start + 2u] = finish(values.z, start + 2u); }
    if (count > 3u) { y[start + 3u] = finish(values.w, start + 3u); }
  }
}
