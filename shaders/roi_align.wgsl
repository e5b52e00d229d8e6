// One element of the output per invocation: the mean, or with MAXIMUM the largest, of a lattice of bilinear samples in
// one bin of one region. A lattice has `sampling` points a side, or as many as the bin has elements where that is 0.
struct Params {
  length: u32,
  channels: u32,
  batches: i32,
  height: i32,
  width: i32,
  out_height: u32,
  out_width: u32,
  sampling: u32,
  most_rows: u32,
  most_columns: u32,
  scale: f32,
  offset: f32,
}

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> rois: array<f32>;
@group(0) @binding(2) var<storage, read> batch_indices: array<i32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;
@group(1) @binding(0) var<uniform> params: Params;

fn edge(region: u32, place: u32) -> f32 {
  return rois[region * 4u + place] * params.scale - params.offset;
}

fn points_of(bin: f32) -> u32 {
  return select(params.sampling, u32(ceil(bin)), params.sampling == 0u);
}

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let index = flat_index(id, groups, WORKGROUP_SIZE);
  if (index >= params.length) { return; }
  let column = index % params.out_width;
  let row = index / params.out_width % params.out_height;
  let plane = index / (params.out_width * params.out_height);
  let region = plane / params.channels;
  let batch = clamp(batch_indices[region], 0, params.batches - 1);
  let base = (u32(batch) * params.channels + plane % params.channels) * u32(params.height * params.width);
  let left = edge(region, 0u);
  let top = edge(region, 1u);
  var size = vec2<f32>(edge(region, 2u) - left, edge(region, 3u) - top);
  if (!HALF_PIXEL) { size = max(size, vec2<f32>(1.0)); }
  let bin = size / vec2<f32>(f32(params.out_width), f32(params.out_height));
  let columns = min(points_of(bin.x), params.most_columns);
  let rows = min(points_of(bin.y), params.most_rows);
  var sum = 0.0;
  var largest = 0.0;
  for (var r = 0u; r < rows; r++) {
    let v = top + f32(row) * bin.y + (f32(r) + 0.5) * bin.y / f32(rows);
    for (var c = 0u; c < columns; c++) {
      let u = left + f32(column) * bin.x + (f32(c) + 0.5) * bin.x / f32(columns);
      var parts = vec4<f32>(0.0);
      if (v >= -1.0 && v <= f32(params.height) && u >= -1.0 && u <= f32(params.width)) {
        let low = vec2<i32>(i32(min(max(u, 0.0), f32(params.width - 1))), i32(min(max(v, 0.0), f32(params.height - 1))));
        let high = min(low + 1, vec2<i32>(params.width - 1, params.height - 1));
        let t = clamp(vec2<f32>(u, v), vec2<f32>(0.0), vec2<f32>(f32(params.width - 1), f32(params.height - 1))) - vec2<f32>(low);
        parts = vec4<f32>(
          (1.0 - t.y) * (1.0 - t.x) * x[base + u32(low.y * params.width + low.x)],
          (1.0 - t.y) * t.x * x[base + u32(low.y * params.width + high.x)],
          t.y * (1.0 - t.x) * x[base + u32(high.y * params.width + low.x)],
          t.y * t.x * x[base + u32(high.y * params.width + high.x)],
        );
      }
      sum += parts.x + parts.y + parts.z + parts.w;
      let most = max(max(parts.x, parts.y), max(parts.z, parts.w));
      largest = select(max(largest, most), most, r == 0u && c == 0u);
    }
  }
  let count = f32(max(rows * columns, 1u));
  y[index] = finish(select(sum / count, largest, MAXIMUM), index);
}
