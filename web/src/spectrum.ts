// Levels over time and pitch: a Hann window, a radix-2 transform, 80 dB of range.

const SIZE = 2048;
const LOWEST_HZ = 50;
const RANGE_DB = 80;

/** Levels 0..1, `rows` of `columns` values; the first row is the highest pitch. */
export function spectrum(samples: Float32Array, sampleRate: number, columns: number, rows: number): Float32Array {
  const window = Float32Array.from({ length: SIZE }, (_, i) => 0.5 - 0.5 * Math.cos((2 * Math.PI * i) / SIZE));
  const levels = new Float32Array(rows * columns);
  const re = new Float32Array(SIZE);
  const im = new Float32Array(SIZE);
  const bins = Array.from({ length: rows }, (_, row) => binOf(1 - row / (rows - 1), sampleRate));
  for (let column = 0; column < columns; column++) {
    const middle = Math.floor(((column + 0.5) / columns) * samples.length);
    for (let i = 0; i < SIZE; i++) re[i] = (samples[middle - SIZE / 2 + i] ?? 0) * (window[i] ?? 0);
    im.fill(0);
    transform(re, im);
    bins.forEach((bin, row) => {
      const power = ((re[bin] ?? 0) ** 2 + (im[bin] ?? 0) ** 2) / (SIZE / 4) ** 2;
      levels[row * columns + column] = Math.max(0, Math.min(1, 1 + (10 * Math.log10(power + 1e-12)) / RANGE_DB));
    });
  }
  return levels;
}

function binOf(height: number, sampleRate: number): number {
  const hz = LOWEST_HZ * (sampleRate / 2 / LOWEST_HZ) ** height;
  return Math.min(SIZE / 2 - 1, Math.max(1, Math.round((hz * SIZE) / sampleRate)));
}

/** In place, decimation in time (Cooley and Tukey 1965). */
function transform(re: Float32Array, im: Float32Array): void {
  const n = re.length;
  for (let i = 1, j = 0; i < n; i++) {
    let bit = n >> 1;
    for (; j & bit; bit >>= 1) j ^= bit;
    j ^= bit;
    if (i < j) {
      [re[i], re[j]] = [re[j] as number, re[i] as number];
      [im[i], im[j]] = [im[j] as number, im[i] as number];
    }
  }
  for (let size = 2; size <= n; size <<= 1) {
    for (let k = 0; k < size / 2; k++) {
      const [c, s] = [Math.cos((-2 * Math.PI * k) / size), Math.sin((-2 * Math.PI * k) / size)];
      for (let i = k; i < n; i += size) {
        const j = i + size / 2;
        const [a, b] = [(re[j] as number) * c - (im[j] as number) * s, (re[j] as number) * s + (im[j] as number) * c];
        re[j] = (re[i] as number) - a;
        im[j] = (im[i] as number) - b;
        re[i] = (re[i] as number) + a;
        im[i] = (im[i] as number) + b;
      }
    }
  }
}
