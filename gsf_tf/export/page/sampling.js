// Which frames of a video make a clip; as gsf_tf/data/pipeline/sampling.py, in the same order of
// operations, so that the doubles are the same.

/** The middle frame of each of `numSegments` equal segments; frames repeat if there are fewer. */
export function segmentFrames(numFrames, numSegments) {
  const tick = numFrames / numSegments;
  return Array.from({ length: numSegments }, (_, i) => Math.floor(tick * i + tick / 2));
}

/** A window in the middle of the video, of which every `stride`-th frame is taken. */
export function denseFrames(numFrames, numSegments, frameStride) {
  const stride = frameStride ?? Math.max(Math.floor(64 / numSegments), 1);
  const window = frameStride ? frameStride * numSegments : 64;
  const start = Math.floor(Math.max(numFrames - window, 0) / 2);
  return Array.from({ length: numSegments }, (_, i) => (start + i * stride) % numFrames);
}

/** Returns the function from a number of frames to the positions that the model was trained on. */
export function frameChooser({ sampling, num_segments: numSegments, frame_stride: stride }) {
  if (sampling === "dense") return (numFrames) => denseFrames(numFrames, numSegments, stride);
  return (numFrames) => segmentFrames(numFrames, numSegments);
}
