// Pictures instead of a video file: those of a folder, or what a camera has recorded.

import { scalePicture } from "./picture_scaling.js";
import { Reason } from "./reason.js";
import { pixelsOf } from "./video_file.js";

/**
 * Takes picture files as the frames of a video, in the order of their names.
 *
 * @param files Files or Blobs with names.
 * @returns As openVideoFile; the frames have no times.
 */
export function openPictures(files) {
  const order = new Intl.Collator("en", { numeric: true });
  const sorted = [...files].sort((a, b) => order.compare(a.name, b.name));
  const options = { colorSpaceConversion: "none", premultiplyAlpha: "none" };
  const read = (position) =>
    createImageBitmap(sorted[position], options).catch(() => {
      throw new Reason(`${sorted[position].name} is not a picture that this browser can decode.`);
    });
  return ofBitmaps(sorted.length, read, () => undefined, () => {});
}

/**
 * Takes what a camera has recorded.
 *
 * @param recorded Array of {bitmap, seconds}.
 */
export function openRecording(recorded) {
  const read = (position) => recorded[position].bitmap;
  const seconds = (position) => recorded[position].seconds;
  const close = () => recorded.forEach(({ bitmap }) => bitmap.close());
  return ofBitmaps(recorded.length, read, seconds, close);
}

function ofBitmaps(numFrames, read, seconds, close) {
  let size = null;
  const eachPicture = async (positions, shortSide, take) => {
    for (const position of positions) {
      const bitmap = await read(position);
      size ??= [bitmap.width, bitmap.height];
      if (bitmap.width !== size[0] || bitmap.height !== size[1]) {
        throw new Reason("All pictures of a clip must have one size; these have several.");
      }
      const context = new OffscreenCanvas(...size).getContext("2d", { willReadFrequently: true });
      context.drawImage(bitmap, 0, 0);
      bitmap.close();
      take(position, scalePicture(pixelsOf(context), shortSide));
    }
  };
  return { numFrames, seconds, eachPicture, close };
}
