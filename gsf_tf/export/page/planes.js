// From the planes of a decoded frame to RGB, scaled in the same pass, as FFmpeg's scaler does it for
// `gsf-tf predict`. Browsers convert too, but Chromium, for one, takes the colors of a video that
// names no color space for BT.709, FFmpeg for BT.601, and neither averages the other's pixels.

import { BICUBIC, shortSideSize, taps } from "./scaling.js";

// How many pixels share a value of color, horizontally and vertically.
const SUBSAMPLING = { I420: [2, 2], NV12: [2, 2], I422: [2, 1], I444: [1, 1] };
// Shares of red and blue in the luma (ITU-T H.273, table 4); BT.601 where a video says nothing.
const LUMA_SHARES = { bt709: [0.2126, 0.0722], "bt2020-ncl": [0.2627, 0.0593] };
const BT601 = [0.299, 0.114];

/** Whether the planes of a frame can be read. */
export const hasPlanes = (sample) => sample.format in SUBSAMPLING;

/**
 * Returns the upright RGB picture of a frame, its shorter side scaled down to `shortSide`.
 *
 * @param sample A VideoSample of Mediabunny.
 * @param colors The color space that the file names: {matrix, fullRange}, each may be missing.
 */
export async function pictureOfPlanes(sample, shortSide, colors) {
  const [luma, blue, red] = await readPlanes(sample);
  const { width, height } = shortSideSize(luma, shortSide);
  const [across] = SUBSAMPLING[sample.format];
  // Values of color lie on the left one of the pixels that share them, as in MPEG-2 and H.264.
  const offset = across === 2 ? 0.25 : 0;
  const y = scalePlane(luma, height, width, 0);
  const [u, v] = [blue, red].map((plane) => scalePlane(plane, height, width, offset));
  return { data: toRgb(y, u, v, colors), width, height, channels: 3 };
}

/** Copies the planes: [luma, blue difference, red difference], each {data, pitch, step, ...}. */
async function readPlanes(sample) {
  const { width, height } = sample.visibleRect;
  const bytes = new Uint8Array(sample.allocationSize());
  const layout = await sample.copyTo(bytes);
  const [across, down] = SUBSAMPLING[sample.format];
  const half = { width: Math.ceil(width / across), height: Math.ceil(height / down) };
  const plane = ({ offset, stride }, size, step = 1, first = 0) => ({
    data: bytes.subarray(offset + first),
    pitch: stride,
    step,
    ...size,
  });
  const luma = plane(layout[0], { width, height });
  if (sample.format !== "NV12") return [luma, plane(layout[1], half), plane(layout[2], half)];
  return [luma, plane(layout[1], half, 2, 0), plane(layout[1], half, 2, 1)];
}

/** Scales a plane; returns a Float32Array. `offset` moves what is read, in its own pixels. */
function scalePlane(plane, height, width, offset) {
  const rows = taps(plane.height, height, BICUBIC);
  const columns = taps(plane.width, width, BICUBIC, offset);
  const result = new Float32Array(height * width);
  const line = new Float32Array(plane.width);
  for (let y = 0; y < height; y++) {
    line.fill(0);
    rows[y].weights.forEach((weight, k) => {
      if (!weight) return;
      const from = (rows[y].first + k) * plane.pitch;
      for (let i = 0; i < line.length; i++) line[i] += weight * plane.data[from + i * plane.step];
    });
    for (let x = 0; x < width; x++) {
      const { first, weights } = columns[x];
      let sum = 0;
      for (let k = 0; k < weights.length; k++) sum += weights[k] * line[first + k];
      result[y * width + x] = sum;
    }
  }
  return result;
}

function toRgb(y, u, v, { matrix, fullRange }) {
  const [red, blue] = LUMA_SHARES[matrix] ?? BT601;
  const green = 1 - red - blue;
  const [black, lumaScale, colorScale] = fullRange ? [0, 1, 1] : [16, 255 / 219, 255 / 224];
  const result = new Uint8ClampedArray(y.length * 3);
  for (let i = 0, to = 0; i < y.length; i++, to += 3) {
    const light = (y[i] - black) * lumaScale;
    const b = (u[i] - 128) * colorScale * 2 * (1 - blue);
    const r = (v[i] - 128) * colorScale * 2 * (1 - red);
    result[to] = light + r;
    result[to + 1] = light - (b * blue + r * red) / green;
    result[to + 2] = light + b;
  }
  return result;
}
