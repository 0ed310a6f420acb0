// Scaling and cropping of pictures; the crops are those of gsf_tf.ops.scale_crops. A canvas of the
// browser could scale too, but every browser does it in its own way.

const triangle = (x) => Math.max(1 - Math.abs(x), 0);

/** Keys' cubic. */
const cubic = (a) => (x) => {
  const d = Math.abs(x);
  if (d < 1) return (a + 2) * d ** 3 - (a + 3) * d ** 2 + 1;
  return d < 2 ? a * (d ** 3 - 5 * d ** 2 + 8 * d - 4) : 0;
};

// TensorFlow and Pillow leave out what lies outside of the picture; FFmpeg repeats the pixel at the
// edge. Videos are scaled as by FFmpeg, pictures as by Pillow.
const BILINEAR = { kernel: triangle, radius: 1, repeatEdge: false };
export const BICUBIC = { kernel: cubic(-0.6), radius: 2, repeatEdge: true };
export const PILLOW_BICUBIC = { kernel: cubic(-0.5), radius: 2, repeatEdge: false };

/**
 * Returns, for each position of the result, the first pixel that it reads and the weights.
 *
 * @param offset How far to the right of its place it reads, in pixels of the input.
 */
export function taps(inputSize, outputSize, { kernel, radius, repeatEdge }, offset = 0) {
  const step = inputSize / outputSize;
  const widening = Math.max(step, 1);
  return Array.from({ length: outputSize }, (_, position) => {
    const center = (position + 0.5) * step + offset;
    const begin = Math.ceil(center - radius * widening - 0.5);
    const end = Math.floor(center + radius * widening - 0.5);
    const first = Math.min(Math.max(begin, 0), inputSize - 1);
    const last = Math.min(Math.max(end, 0), inputSize - 1);
    const weights = new Float64Array(last - first + 1);
    for (let i = begin; i <= end; i++) {
      const inside = Math.min(Math.max(i, first), last);
      if (inside === i || repeatEdge) weights[inside - first] += kernel((i + 0.5 - center) / widening);
    }
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    return { first, weights: weights.map((weight) => weight / total) };
  });
}

/** Rounds to the nearest integer, and to the even one where two are equally near. */
export function roundHalfEven(x) {
  const floor = Math.floor(x);
  return x - floor === 0.5 ? floor + (floor % 2) : Math.round(x);
}

/**
 * Scales a box of a picture.
 *
 * @param picture {data, width, height}; `data` has `channels` bytes per pixel, the first three RGB.
 * @param box {top, left, height, width} in pixels.
 * @returns {data, width, height, channels: 3}, `data` being a Uint8ClampedArray.
 */
function scaleBox(picture, box, height, width, filter) {
  const { data, channels } = picture;
  const result = new Uint8ClampedArray(height * width * 3);
  const rows = taps(box.height, height, filter);
  const columns = taps(box.width, width, filter);
  const line = new Float32Array(box.width * 3);
  for (let y = 0; y < height; y++) {
    sumRows(data, channels, picture.width, box, rows[y], line);
    for (let x = 0; x < width; x++) {
      const { first, weights } = columns[x];
      for (let color = 0; color < 3; color++) {
        let sum = 0;
        for (let k = 0; k < weights.length; k++) sum += weights[k] * line[(first + k) * 3 + color];
        // A Uint8ClampedArray rounds half to even by itself.
        result[(y * width + x) * 3 + color] = sum;
      }
    }
  }
  return { data: result, width, height, channels: 3 };
}

function sumRows(data, channels, pitch, box, { first, weights }, line) {
  line.fill(0);
  for (let k = 0; k < weights.length; k++) {
    let from = ((box.top + first + k) * pitch + box.left) * channels;
    for (let i = 0; i < line.length; i += 3, from += channels) {
      line[i] += weights[k] * data[from];
      line[i + 1] += weights[k] * data[from + 1];
      line[i + 2] += weights[k] * data[from + 2];
    }
  }
}

const wholeBox = ({ height, width }) => ({ top: 0, left: 0, height, width });

/** The size at which the shorter side has `shortSide` pixels; smaller pictures stay as they are. */
export function shortSideSize({ height, width }, shortSide) {
  const shorter = Math.min(height, width);
  if (!shortSide || shorter <= shortSide) return { height, width };
  return {
    height: roundHalfEven((height * shortSide) / shorter),
    width: roundHalfEven((width * shortSide) / shorter),
  };
}

/** Scales an RGB picture to that size. */
export function scaleShortSide(picture, shortSide) {
  const { height, width } = shortSideSize(picture, shortSide);
  if (height === picture.height && width === picture.width) return picture;
  return scaleBox(picture, wholeBox(picture), height, width, BICUBIC);
}

/** The centered box of the input's shape, `share` of the largest one. */
export function centerBox({ height, width }, imageSize, share) {
  const [inputHeight, inputWidth] = imageSize;
  const largestHeight = Math.min(height, Math.floor((width * inputHeight) / inputWidth));
  const largestWidth = Math.min(width, Math.floor((height * inputWidth) / inputHeight));
  const boxHeight = Math.max(roundHalfEven(largestHeight * share), 1);
  const boxWidth = Math.max(roundHalfEven(largestWidth * share), 1);
  return {
    top: Math.floor((height - boxHeight) / 2),
    left: Math.floor((width - boxWidth) / 2),
    height: boxHeight,
    width: boxWidth,
  };
}

/** Cuts the center out of a picture and scales it to the model's input. */
export function centerCrop(picture, imageSize, share) {
  const box = centerBox(picture, imageSize, share);
  return scaleBox(picture, box, ...imageSize, BILINEAR);
}

/**
 * Turns a picture clockwise by 0, 90, 180 or 270 degrees, and mirrors it left to right if `flip`.
 */
export function turn(picture, degrees, flip) {
  if (!degrees && !flip) return picture;
  const { data, width, height, channels } = picture;
  const [newWidth, newHeight] = degrees % 180 ? [height, width] : [width, height];
  const result = new Uint8ClampedArray(newWidth * newHeight * 3);
  for (let y = 0, to = 0; y < newHeight; y++) {
    for (let x = 0; x < newWidth; x++, to += 3) {
      const column = flip ? newWidth - 1 - x : x;
      const [fromX, fromY] = {
        0: [column, y],
        90: [y, height - 1 - column],
        180: [width - 1 - column, height - 1 - y],
        270: [width - 1 - y, column],
      }[degrees];
      const from = (fromY * width + fromX) * channels;
      for (let color = 0; color < 3; color++) result[to + color] = data[from + color];
    }
  }
  return { data: result, width: newWidth, height: newHeight, channels: 3 };
}
