// One matrix per invocation: Gaussian elimination with row pivoting on a copy of the matrix.
struct Params {
  matrices: u32,
  order: u32,
}

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> work: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;
@group(1) @binding(0) var<uniform> params: Params;

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let matrix = flat_index(id, groups, WORKGROUP_SIZE);
  if (matrix >= params.matrices) { return; }
  let n = params.order;
  let base = matrix * n * n;
  for (var i = 0u; i < n * n; i++) { work[base + i] = x[base + i]; }
  var product = 1.0;
  for (var column = 0u; column < n; column++) {
    var pivot = column;
    for (var row = column + 1u; row < n; row++) {
      if (abs(work[base + row * n + column]) > abs(work[base + pivot * n + column])) { pivot = row; }
    }
    let head = work[base + pivot * n + column];
    product *= select(-head, head, pivot == column);
    if (head == 0.0) { break; }
    for (var k = column; k < n; k++) {
      let swapped = work[base + pivot * n + k];
      work[base + pivot * n + k] = work[base + column * n + k];
      work[base + column * n + k] = swapped;
    }
    for (var row = column + 1u; row < n; row++) {
      let factor = work[base + row * n + column] / head;
      for (var k = column; k < n; k++) { work[base + row * n + k] -= factor * work[base + column * n + k]; }
    }
  }
  y[matrix] = finish(product, matrix);
}
