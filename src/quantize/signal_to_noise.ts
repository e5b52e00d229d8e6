/** How faithful quantized values are. */

/** 10·log10(Σx² / Σ(x − q)²) in dB; Infinity where nothing was lost. Both lists have one entry per element. */
export function signalToNoise(original: ArrayLike<number>, quantized: ArrayLike<number>): number {
  if (original.length !== quantized.length) {
    throw new RangeError(
      `Cannot compare values: found ${quantized.length} quantized ones, expected ${original.length}`,
    );
  }
  let [signal, noise] = [0, 0];
  for (let index = 0; index < original.length; index++) {
    const value = original[index]!;
    signal += value ** 2;
    noise += (value - quantized[index]!) ** 2;
  }
  return noise === 0 ? Infinity : 10 * Math.log10(signal / noise);
}
