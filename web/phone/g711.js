// G.711 mu-law (ITU-T G.711), one byte a sample: to and from samples between -1 and 1.

const BIAS = 33; // added before the segment is looked up, in 14-bit units
const CLIP = 8158; // the largest 14-bit magnitude whose biased value still fits the top segment
const FULL = 8192;

const LINEAR = Float32Array.from({ length: 256 }, (_, code) => {
  const segment = (~code >> 4) & 7, step = ~code & 15;
  const magnitude = (((step << 1) + BIAS) << segment) - BIAS;
  return (code & 0x80 ? magnitude : -magnitude) / FULL;
});

/** Mu-law bytes to samples. */
export const decode = (bytes) => Float32Array.from(bytes, (code) => LINEAR[code]);

/** Samples to mu-law bytes. */
export const encode = (samples) => Uint8Array.from(samples, codeOf);

function codeOf(sample) {
  const biased = Math.min(Math.abs(Math.round(sample * FULL)), CLIP) + BIAS;
  const segment = 26 - Math.clz32(biased); // the highest set bit is bit 5 in segment 0
  const code = (segment << 4) | ((biased >> (segment + 1)) & 15);
  return code ^ (sample < 0 ? 0x7f : 0xff);
}
