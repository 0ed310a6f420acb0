#include "custom_ops/kernels/frame_scaling.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "custom_ops/kernels/half_precision.h"
#include "custom_ops/kernels/instruction_sets.h"

// Without fused multiply-add, which would round differently from TensorFlow.
#ifdef GSF_AVX2
#define GSF_AVX2_UNFUSED __attribute__((target("avx2")))
#endif

namespace gsf_tf {
namespace {

constexpr int64_t kColors = 3;
// A pixel is computed in four lanes, and written over the fourth of the pixel before it.
constexpr int64_t kPixelLanes = 4;
// TensorFlow leaves weights as they are if their sum is as small as this.
constexpr float kLeastTotal = 1000.0f * std::numeric_limits<float>::min();
using Pixel = Vector<float, 4>;
using PixelPair = Vector<float, 8>;

// Each output is the input of its position.
ScalingTaps MakeSameTaps(int64_t size) {
  ScalingTaps taps = {1, std::vector<int64_t>(size), std::vector<float>(size, 1.0f)};
  std::iota(taps.starts.begin(), taps.starts.end(), 0);
  return taps;
}

// Clears `can_scale` if an output reads more inputs than the width of the kernel has room for.
ScalingTaps MakeTaps(int64_t input_size, int64_t output_size, bool* can_scale) {
  const float scale = static_cast<float>(output_size) / static_cast<float>(input_size);
  const float inverse = 1.0f / scale;
  const float widening = std::max(inverse, 1.0f);
  ScalingTaps taps;
  taps.num_taps = std::min<int64_t>(2 * static_cast<int64_t>(std::ceil(widening)) + 1, input_size);
  taps.starts.resize(output_size);
  taps.weights.assign(output_size * taps.num_taps, 0.0f);
  int64_t used = 1;
  for (int64_t position = 0; position < output_size; ++position) {
    const float sample = (static_cast<float>(position) + 0.5f) * inverse;
    // Rounding may move the last positions of a long output past the input: they read nothing.
    if (sample > static_cast<float>(input_size)) continue;
    int64_t begin = static_cast<int64_t>(std::ceil(sample - widening - 0.5f));
    int64_t end = static_cast<int64_t>(std::floor(sample + widening - 0.5f));
    begin = std::clamp<int64_t>(begin, 0, input_size - 1);
    end = std::clamp<int64_t>(end, 0, input_size - 1) + 1;
    if (end - begin > taps.num_taps) {
      *can_scale = false;
      return taps;
    }
    float* weights = &taps.weights[position * taps.num_taps];
    float total = 0.0f;
    for (int64_t source = begin; source < end; ++source) {
      const float distance =
          std::fabs((static_cast<float>(source) + 0.5f - sample) * (1.0f / widening));
      const float weight = std::max(1.0f - distance, 0.0f);
      weights[source - begin] = weight;
      total += weight;
    }
    if (total >= kLeastTotal) {
      for (int64_t k = 0; k < end - begin; ++k) weights[k] *= 1.0f / total;
    }
    while (end - begin > 1 && weights[end - begin - 1] == 0.0f) --end;
    while (end - begin > 1 && weights[0] == 0.0f) {
      std::copy(weights + 1, weights + (end - begin), weights);
      weights[end - begin - 1] = 0.0f;
      ++begin;
    }
    taps.starts[position] = begin;
    used = std::max(used, end - begin);
  }
  // As few taps as all positions need; near the end of the input they start earlier, with zeros.
  for (int64_t position = 0; position < output_size; ++position) {
    float* from = &taps.weights[position * taps.num_taps];
    float* to = &taps.weights[position * used];
    const int64_t late = std::max<int64_t>(taps.starts[position] + used - input_size, 0);
    taps.starts[position] -= late;
    std::copy(from, from + used - late, to + late);
    std::fill(to, to + late, 0.0f);
  }
  taps.num_taps = used;
  taps.weights.resize(output_size * used);
  return taps;
}

template <int kTaps>
GSF_INLINE void SumRows(const uint8_t* rows, int64_t pitch, const float* weights, float* sums,
                        int64_t count) {
  for (int64_t i = 0; i < count; ++i) {
    float sum = 0.0f;
    for (int k = 0; k < kTaps; ++k) sum += static_cast<float>(rows[k * pitch + i]) * weights[k];
    sums[i] = sum;
  }
}

GSF_INLINE void SumAnyRows(const uint8_t* rows, int64_t pitch, const float* weights,
                           int64_t num_taps, float* sums, int64_t count) {
  std::fill(sums, sums + count, 0.0f);
  for (int64_t k = 0; k < num_taps; ++k) {
    const uint8_t* row = rows + k * pitch;
    const float weight = weights[k];
    for (int64_t i = 0; i < count; ++i) sums[i] += static_cast<float>(row[i]) * weight;
  }
}

template <int kTaps>
GSF_INLINE void SumPixels(const float* input, const int64_t* starts, const float* weights,
                          int64_t num_taps, float* output, int64_t num_pairs) {
  for (int64_t pair = 0; pair < num_pairs; ++pair) {
    const float* left = input + starts[2 * pair] * kColors;
    const float* right = input + starts[2 * pair + 1] * kColors;
    PixelPair sum = {};
    for (int64_t k = 0; k < (kTaps > 0 ? kTaps : num_taps); ++k) {
      Pixel one, other;
      PixelPair weight;
      Load<4>(left + k * kColors, one);
      Load<4>(right + k * kColors, other);
      Load<8>(weights, weight);
      weights += 2 * kPixelLanes;
      sum += __builtin_shufflevector(one, other, 0, 1, 2, 3, 4, 5, 6, 7) * weight;
    }
    const Pixel first = __builtin_shufflevector(sum, sum, 0, 1, 2, 3);
    const Pixel second = __builtin_shufflevector(sum, sum, 4, 5, 6, 7);
    Store<4>(first, output);
    Store<4>(second, output + kColors);
    output += 2 * kColors;
  }
}

GSF_INLINE void RoundRow(const float* values, uint8_t* output, int64_t count) {
  // Numbers of this size are whole, so the sum is rounded, half to even, into its lowest bits.
  constexpr float kWhole = 12582912.0f;
  for (int64_t i = 0; i < count; ++i) {
    const float shifted = values[i] + kWhole;
    int32_t bits;
    memcpy(&bits, &shifted, sizeof(bits));
    output[i] = static_cast<uint8_t>(bits);
  }
}

struct FrameSums {
  const ScalingTaps& vertical;
  const ScalingTaps& horizontal;
  const float* wide_weights;
  int64_t input_width;
  int64_t output_height;
  int64_t output_width;
  float* columns;
  float* pixels;
};

GSF_INLINE void ScaleRows(const FrameSums& sums, const uint8_t* input, int64_t pitch,
                          uint8_t* output) {
  const int64_t in_count = sums.input_width * kColors, out_count = sums.output_width * kColors;
  const int64_t num_pairs = (sums.output_width + 1) / 2;
  const int64_t rows = sums.vertical.num_taps, taps = sums.horizontal.num_taps;
  const int64_t* starts = sums.horizontal.starts.data();
  for (int64_t y = 0; y < sums.output_height; ++y) {
    const uint8_t* from = input + sums.vertical.starts[y] * pitch;
    const float* weights = sums.vertical.weights.data() + y * rows;
    switch (rows) {
      case 1:
        SumRows<1>(from, pitch, weights, sums.columns, in_count);
        break;
      case 2:
        SumRows<2>(from, pitch, weights, sums.columns, in_count);
        break;
      case 3:
        SumRows<3>(from, pitch, weights, sums.columns, in_count);
        break;
      default:
        SumAnyRows(from, pitch, weights, rows, sums.columns, in_count);
    }
    switch (taps) {
      case 1:
        SumPixels<1>(sums.columns, starts, sums.wide_weights, taps, sums.pixels, num_pairs);
        break;
      case 2:
        SumPixels<2>(sums.columns, starts, sums.wide_weights, taps, sums.pixels, num_pairs);
        break;
      case 3:
        SumPixels<3>(sums.columns, starts, sums.wide_weights, taps, sums.pixels, num_pairs);
        break;
      default:
        SumPixels<0>(sums.columns, starts, sums.wide_weights, taps, sums.pixels, num_pairs);
    }
    RoundRow(sums.pixels, output, out_count);
    output += out_count;
  }
}

#ifdef GSF_AVX2
GSF_AVX2_UNFUSED void ScaleRowsWithAvx2(const FrameSums& sums, const uint8_t* input, int64_t pitch,
                                        uint8_t* output) {
  ScaleRows(sums, input, pitch, output);
}
#endif

}  // namespace

FrameScaler::FrameScaler(int64_t input_height, int64_t input_width, int64_t output_height,
                         int64_t output_width)
    : input_width_(input_width), output_height_(output_height), output_width_(output_width) {
  if (input_height == output_height && input_width == output_width) {
    vertical_ = MakeSameTaps(output_height);
    horizontal_ = MakeSameTaps(output_width);
  } else {
    vertical_ = MakeTaps(input_height, output_height, &can_scale_);
    horizontal_ = MakeTaps(input_width, output_width, &can_scale_);
  }
  if (!can_scale_) return;
  column_sums_.resize(input_width * kColors + kPixelLanes);
  pixel_sums_.resize((output_width + 2) * kColors + kPixelLanes);
  // Pixels come in pairs; the last may be there twice.
  const int64_t taps = horizontal_.num_taps;
  horizontal_.starts.push_back(horizontal_.starts.back());
  wide_weights_.reserve((output_width + 1) / 2 * 2 * kPixelLanes * taps);
  for (int64_t pair = 0; pair < (output_width + 1) / 2; ++pair) {
    for (int64_t k = 0; k < taps; ++k) {
      for (int64_t pixel : {2 * pair, std::min(2 * pair + 1, output_width - 1)}) {
        wide_weights_.insert(wide_weights_.end(), kPixelLanes,
                             horizontal_.weights[pixel * taps + k]);
      }
    }
  }
}

int64_t FrameScaler::MostBytes(int64_t input_height, int64_t input_width, int64_t output_height,
                               int64_t output_width) {
  // An axis has at most 2 * input + 3 * output weights, and a start per output.
  const int64_t vertical = 2 * input_height + 3 * output_height;
  const int64_t horizontal = 2 * input_width + 3 * output_width;
  const int64_t floats =
      vertical + (1 + 2 * kPixelLanes) * horizontal + kColors * (input_width + output_width) + 64;
  return floats * sizeof(float) + 2 * (output_height + output_width) * sizeof(int64_t);
}

void FrameScaler::Scale(const uint8_t* input, int64_t input_pitch, uint8_t* output) {
  const FrameSums sums = {vertical_,      horizontal_,   wide_weights_.data(), input_width_,
                          output_height_, output_width_, column_sums_.data(),  pixel_sums_.data()};
#ifdef GSF_AVX2
  if (VectorBytes() >= 32) return ScaleRowsWithAvx2(sums, input, input_pitch, output);
#endif
  ScaleRows(sums, input, input_pitch, output);
}

}  // namespace gsf_tf
