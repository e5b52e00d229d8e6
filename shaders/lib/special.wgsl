// Functions that WGSL lacks, or whose built-in form loses all relative precision near zero.

// Maclaurin series below 1, Abramowitz and Stegun 7.1.26 above: absolute error below 5e-7, relative below 1e-6 near zero.
fn erf(x: f32) -> f32 {
  let a = abs(x);
  if (a < 1.0) {
    let s = x * x;
    var sum = 1.0 / 75600.0 - s / 685440.0;
    sum = 1.0 / 9360.0 - s * sum;
    sum = 1.0 / 1320.0 - s * sum;
    sum = 1.0 / 216.0 - s * sum;
    sum = 1.0 / 42.0 - s * sum;
    sum = 1.0 / 10.0 - s * sum;
    sum = 1.0 / 3.0 - s * sum;
    return 1.1283791670955126 * x * (1.0 - s * sum);
  }
  let t = 1.0 / (1.0 + 0.3275911 * a);
  let tail = t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))));
  return sign(x) * (1.0 - tail * exp(-a * a));
}

// exp(x) - 1.
fn expm1(x: f32) -> f32 {
  if (abs(x) < 0.5) {
    return x * (1.0 + x / 2.0 * (1.0 + x / 3.0 * (1.0 + x / 4.0 * (1.0 + x / 5.0 * (1.0 + x / 6.0 * (1.0 + x / 7.0))))));
  }
  return exp(x) - 1.0;
}

// log(1 + x).
fn log1p(x: f32) -> f32 {
  if (abs(x) < 0.25) {
    let r = x / (2.0 + x);
    let s = r * r;
    return 2.0 * r * (1.0 + s * (1.0 / 3.0 + s * (1.0 / 5.0 + s * (1.0 / 7.0 + s / 9.0))));
  }
  return log(1.0 + x);
}

// log(1 + exp(x)) without overflow.
fn softplus(x: f32) -> f32 {
  return max(x, 0.0) + log1p(exp(-abs(x)));
}

fn hyperbolic_tangent(x: f32) -> f32 {
  let e = expm1(-2.0 * abs(x));
  return -sign(x) * e / (2.0 + e);
}

fn hyperbolic_sine(x: f32) -> f32 {
  if (abs(x) > 10.0) { return sign(x) * exp(abs(x) - 0.6931471805599453); }
  let e = expm1(abs(x));
  return sign(x) * 0.5 * (e + e / (1.0 + e));
}

fn inverse_hyperbolic_sine(x: f32) -> f32 {
  let a = abs(x);
  if (a > 10000.0) { return sign(x) * (log(a) + 0.6931471805599453); }
  return sign(x) * log1p(a + a * a / (1.0 + sqrt(a * a + 1.0)));
}

fn inverse_hyperbolic_cosine(x: f32) -> f32 {
  let d = x - 1.0;
  return log1p(d + sqrt(d * (x + 1.0)));
}

fn inverse_hyperbolic_tangent(x: f32) -> f32 {
  return 0.5 * log1p(2.0 * x / (1.0 - x));
}

// WGSL leaves the sign of pow's base to chance; ONNX means C's.
fn power(base: f32, exponent: f32) -> f32 {
  if (exponent == 0.0) { return 1.0; }
  if (exponent == 1.0) { return base; }
  if (exponent == 2.0) { return base * base; }
  if (exponent == 0.5) { return sqrt(base); }
  if (base > 0.0) { return pow(base, exponent); }
  if (base == 0.0) { return select(1.0 / abs(base), 0.0, exponent > 0.0); }
  let magnitude = pow(-base, exponent);
  if (floor(exponent) != exponent) { return sqrt(base); }
  let odd = floor(exponent * 0.5) * 2.0 != exponent;
  return select(magnitude, -magnitude, odd);
}

// Two half-angle steps take the argument below tan(pi / 16), where five terms of the series suffice.
fn inverse_tangent(x: f32) -> f32 {
  let a = abs(x);
  var r = select(a, 1.0 / a, a > 1.0);
  r = r / (1.0 + sqrt(1.0 + r * r));
  r = r / (1.0 + sqrt(1.0 + r * r));
  let s = r * r;
  let angle = 4.0 * r * (1.0 - s * (1.0 / 3.0 - s * (1.0 / 5.0 - s * (1.0 / 7.0 - s / 9.0))));
  return sign(x) * select(angle, 1.5707963267948966 - angle, a > 1.0);
}

fn inverse_sine(x: f32) -> f32 {
  return 2.0 * inverse_tangent(x / (1.0 + sqrt((1.0 - x) * (1.0 + x))));
}

fn inverse_cosine(x: f32) -> f32 {
  return 2.0 * inverse_tangent(sqrt((1.0 - x) / (1.0 + x)));
}
