// Scaling of pictures to the short side, as Pillow's BICUBIC does it for `gsf-tf predict`: with whole
// numbers, first along the rows, then along the columns, and rounded to bytes in between.

import { PILLOW_BICUBIC, shortSideSize, taps } from "./scaling.js";

const PRECISION = 22; // Bits behind the point of a weight.
const HALF = 2 ** (PRECISION - 1);

/** Scales the shorter side of a picture down to `shortSide`; smaller ones stay as they are. */
export function scalePicture(picture, shortSide) {
  const { height, width } = shortSideSize(picture, shortSide);
  if (height === picture.height && width === picture.width) return picture;
  const rows = { data: picture.data, step: picture.channels, line: picture.width * picture.channels };
  const narrow = scaleLines(rows, picture.height, wholeTaps(picture.width, width));
  // From here on, a column is a line.
  const columns = { data: narrow, step: width * 3, line: 3 };
  const turned = scaleLines(columns, width, wholeTaps(picture.height, height));
  return { data: transpose(turned, width, height), width, height, channels: 3 };
}

/** The weights as whole numbers. */
function wholeTaps(inputSize, outputSize) {
  const whole = (weight) => Math.sign(weight) * Math.floor(Math.abs(weight) * 2 ** PRECISION + 0.5);
  return taps(inputSize, outputSize, PILLOW_BICUBIC).map(({ first, weights }) => ({
    first,
    weights: Int32Array.from(weights, whole),
  }));
}

/** Scales each of `count` lines; `step` lies between its pixels, `line` between the lines. */
function scaleLines({ data, step, line }, count, pixels) {
  const result = new Uint8ClampedArray(count * pixels.length * 3);
  for (let i = 0, to = 0; i < count; i++) {
    for (const { first, weights } of pixels) {
      let red = HALF;
      let green = HALF;
      let blue = HALF;
      for (let k = 0, from = i * line + first * step; k < weights.length; k++, from += step) {
        red += weights[k] * data[from];
        green += weights[k] * data[from + 1];
        blue += weights[k] * data[from + 2];
      }
      result[to++] = red >> PRECISION;
      result[to++] = green >> PRECISION;
      result[to++] = blue >> PRECISION;
    }
  }
  return result;
}

/** Makes rows of an RGB picture's columns. */
function transpose(data, width, height) {
  const result = new Uint8ClampedArray(data.length);
  for (let y = 0, to = 0; y < height; y++) {
    for (let x = 0; x < width; x++, to += 3) {
      const from = (x * height + y) * 3;
      for (let color = 0; color < 3; color++) result[to + color] = data[from + color];
    }
  }
  return result;
}
