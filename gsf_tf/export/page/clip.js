// A clip: the chosen frames, scaled, cropped and joined.

import { frameChooser } from "./sampling.js";
import { centerCrop } from "./scaling.js";

/**
 * Makes the clip that the model takes.
 *
 * @param video {numFrames, eachPicture(positions, shortSide, take)}, where `eachPicture` calls `take` with each
 *     position and its picture, whose shorter side has at most `shortSide` pixels.
 * @param recipe The content of preprocessing.json.
 * @returns {positions, frames, data}: positions of the frames, what the model sees of each, and all
 *     pixels, uint8 RGB [T, H, W, 3].
 */
export async function makeClip(video, recipe) {
  const positions = frameChooser(recipe)(video.numFrames);
  const crops = new Map();
  const crop = (position, picture) => {
    crops.set(position, centerCrop(picture, recipe.image_size, recipe.crop_share));
  };
  const inOrder = [...new Set(positions)].sort((a, b) => a - b);
  await video.eachPicture(inOrder, recipe.short_side, crop);
  const frames = positions.map((position) => crops.get(position));
  const size = frames[0].data.length;
  const data = new Uint8Array(positions.length * size);
  frames.forEach((frame, i) => data.set(frame.data, i * size));
  return { positions, frames, data };
}
