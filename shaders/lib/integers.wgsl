// Narrow integers live in 32-bit words: results that left their range wrap around, as on the host.
fn wrap_int8(x: i32) -> i32 { return extractBits(x, 0u, 8u); }
fn wrap_int16(x: i32) -> i32 { return extractBits(x, 0u, 16u); }
fn wrap_uint8(x: i32) -> i32 { return x & 0xff; }
fn wrap_uint16(x: i32) -> i32 { return x & 0xffff; }

// Exponentiation by squaring, with wraparound; a negative exponent leaves only powers of 1 and -1.
fn integer_power(base: i32, exponent: i32) -> i32 {
  if (exponent < 0) {
    if (base == 1) { return 1; }
    return select(0, select(1, -1, (exponent & 1) != 0), base == -1);
  }
  var result = 1;
  var square = base;
  var rest = exponent;
  for (var bit = 0; bit < 31; bit++) {
    if (rest == 0) { break; }
    if ((rest & 1) != 0) { result *= square; }
    square *= square;
    rest >>= 1u;
  }
  return result;
}
