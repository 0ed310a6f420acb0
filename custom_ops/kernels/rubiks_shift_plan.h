// What RubiksShift does on each axis, from the values of the shift, and how its work is divided.
//
// Trilinear interpolation is a product of one interpolation per axis (equation (6)), so the kernels
// blend rows along one axis after the other.

#ifndef GSF_TF_CUSTOM_OPS_KERNELS_RUBIKS_SHIFT_PLAN_H_
#define GSF_TF_CUSTOM_OPS_KERNELS_RUBIKS_SHIFT_PLAN_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "custom_ops/kernels/row_blend.h"
#include "custom_ops/kernels/rubiks_shift.h"

namespace gsf_tf {

enum RubiksAxisName { kTime = 0, kVertical = 1, kHorizontal = 2 };

// The taps of every block of channels on one axis: those with a coefficient in at least one channel
// of the block, ascending.
template <typename R>
struct AxisTaps {
  std::vector<int64_t> begin;   // of each block in `taps`, and the end
  std::vector<int64_t> taps;    // positions of the input minus stride * positions of the output
  std::vector<R> coefficients;  // [taps, lanes]
  int64_t lowest = 0;           // of all taps and 0
  int64_t highest = 0;          // of all taps and 0
  std::vector<R> near;          // [blocks, 3, lanes] of -1, 0 and 1, where all taps are these
};

template <typename R>
struct RubiksAxis {
  int64_t length;         // of the input
  int64_t output_length;  // ceil(length / stride)
  int64_t stride;
  bool identity;             // the output is the input
  AxisTaps<R> value;         // of the output, and of the gradient of x
  AxisTaps<R> interpolated;  // at the shift as it is; unlike `value` where that is quantized
  AxisTaps<R> slope;         // derivative of `interpolated` by the shift
};

// Blocks of channels whose pixels are computed together.
struct ChannelChunk {
  int64_t first_block;
  int64_t last_block;  // exclusive
  int64_t first_channel;
  Blocks blocks;  // counted from the chunk's first channel
};

template <typename R>
struct RubiksPlan {
  // `gradient`: the taps that only the gradient needs are made too.
  RubiksPlan(const gsf_rubiks_shift_shape& shape, const R* shift, bool gradient);

  int64_t num_clips;  // a frame each for a shift without time
  int64_t channels;
  int64_t rows;  // of the shift
  bool quantized;
  int64_t lanes;      // per block: those of a vector, or one where there are fewer channels
  int64_t band_rows;  // of the output, in a unit of the gradient's work
  bool near_values;   // near_rows.h serves the values, where all taps are -1, 0 and 1
  bool near_slopes;   // and the gradient
  RubiksAxis<R> axes[3];
  std::vector<ChannelChunk> chunks;

  // Bands of rows in all clips.
  int64_t num_bands() const;
  // Width of the tiles that a row of the output is cut into.
  int64_t TilePixels(const ChannelChunk& chunk) const;
};

int64_t FloorDivide(int64_t number, int64_t divisor);
int64_t CeilDivide(int64_t number, int64_t divisor);

// Tables of a chunk's blocks. `rows` has `lanes` values for each of `taps`: its coefficients, or
// where sums over its taps go.
//
// The taps of one position of the output that lie inside the input; offsets from position 0.
template <typename R, typename Row>
void TapsOfOutput(const RubiksAxis<R>& axis, const AxisTaps<R>& taps, Row* rows,
                  const ChannelChunk& chunk, int64_t position, int64_t pitch, TapTable<Row>* table);
// The taps that one position of the input has in the output; offsets from position 0 of an output
// that is held in a ring of `ring` positions.
template <typename R>
void TapsOfInput(const RubiksAxis<R>& axis, const AxisTaps<R>& taps, const ChannelChunk& chunk,
                 int64_t position, int64_t pitch, int64_t ring, TapTable<const R>* table);
// All taps of any output, inside or not; offsets from the input at stride * position.
template <typename R, typename Row>
void TapsOfAnyOutput(const AxisTaps<R>& taps, Row* rows, const ChannelChunk& chunk, int64_t pitch,
                     TapTable<Row>* table);
// All taps of any input at stride * position + remainder; offsets from the output at position.
template <typename R>
void TapsOfAnyInput(const RubiksAxis<R>& axis, const AxisTaps<R>& taps, const ChannelChunk& chunk,
                    int64_t remainder, int64_t pitch, TapTable<const R>* table);

}  // namespace gsf_tf

// One of the two, as the type that is computed in.
struct gsf_rubiks_shift_plan {
  int32_t dtype;
  std::unique_ptr<gsf_tf::RubiksPlan<float>> single;
  std::unique_ptr<gsf_tf::RubiksPlan<double>> twice;
};

#endif  // GSF_TF_CUSTOM_OPS_KERNELS_RUBIKS_SHIFT_PLAN_H_
