// Scaling of RGB frames: bilinear, antialiased where it shrinks, as PIL and tf.image.resize do.

#ifndef GSF_TF_CUSTOM_OPS_KERNELS_FRAME_SCALING_H_
#define GSF_TF_CUSTOM_OPS_KERNELS_FRAME_SCALING_H_

#include <cstdint>
#include <vector>

namespace gsf_tf {

// What each output position reads along one axis: `num_taps` inputs from `starts[position]` on,
// with `weights[position * num_taps ..]`, some of which may be zero.
struct ScalingTaps {
  int64_t num_taps;
  std::vector<int64_t> starts;
  std::vector<float> weights;
};

// Scales frames of one size to another. The arithmetic is that of TensorFlow's ScaleAndTranslate
// with a triangle kernel, in the same order and rounded half to even, so that the pixels are equal.
class FrameScaler {
 public:
  // All sizes are at least 1.
  FrameScaler(int64_t input_height, int64_t input_width, int64_t output_height,
              int64_t output_width);

  // No more memory than this, for sizes below 2^50.
  static int64_t MostBytes(int64_t input_height, int64_t input_width, int64_t output_height,
                           int64_t output_width);

  // Whether the frames can be scaled. Positions beyond 2^23 are no longer exact in single
  // precision, and an output may then seem to read more inputs than there is room for. TensorFlow
  // fails there too.
  bool can_scale() const { return can_scale_; }

  // Only if `can_scale`.
  // `input` and `output` are the first pixels of frames with 3 bytes per pixel; `input_pitch` bytes
  // are from one row of the input to the next; the output's rows follow one another.
  void Scale(const uint8_t* input, int64_t input_pitch, uint8_t* output);

 private:
  int64_t input_width_, output_height_, output_width_;
  bool can_scale_ = true;
  ScalingTaps vertical_, horizontal_;
  std::vector<float> wide_weights_;  // each of the horizontal weights, once per lane
  std::vector<float> column_sums_, pixel_sums_;
};

}  // namespace gsf_tf

#endif  // GSF_TF_CUSTOM_OPS_KERNELS_FRAME_SCALING_H_
