// Equations (3)-(10): means, fusion weights, output.

#include <algorithm>
#include <cmath>
#include <cstring>

#include "custom_ops/kernels/gate_shift_fuse_forward.h"

namespace gsf_tf {
namespace gate_shift_fuse {
namespace {

// Adds the sums over `count` pixels of Y = gate x and of x.
template <typename T>
struct SumGated {
  const T* x;
  int64_t pitch;
  const Real<T>* gate;
  int64_t count;
  Real<T>* gated_sum;
  Real<T>* sum;

  template <int kLanes>
  GSF_INLINE void Block(int64_t i) {
    using V = Vector<Real<T>, kLanes>;
    V gated = {}, raw = {}, value;
    for (int64_t pixel = 0; pixel < count; ++pixel) {
      Load<kLanes>(x + pixel * pitch + i, value);
      gated += value * gate[2 * pixel];
      raw += value;
    }
    V before;
    Load<kLanes>(gated_sum + i, before);
    Store<kLanes>(before + gated, gated_sum + i);
    Load<kLanes>(sum + i, before);
    Store<kLanes>(before + raw, sum + i);
  }
};

struct MeansPass {
  template <int kBytes, typename T>
  static GSF_INLINE void Run(const Forward<T>& f, int64_t first, int64_t last) {
    using R = Real<T>;
    const Sizes& s = f.sizes;
    const auto sums = Buffer<R>(2 * s.half);
    for (int64_t unit = first; unit < last; ++unit) {
      const int64_t frame = unit / 2, half = unit % 2;
      std::fill(sums.get(), sums.get() + 2 * s.half, R{0});
      SumGated<T> sum;
      sum.pitch = s.channels;
      sum.gated_sum = sums.get();
      sum.sum = sums.get() + s.half;
      for (int64_t pixel = 0; pixel < s.pixels; pixel += kSumPixels) {
        const int64_t position = frame * s.pixels + pixel;
        sum.x = f.x + position * s.channels + half * s.half;
        sum.gate = f.gate + position * 2 + half;
        sum.count = std::min(kSumPixels, s.pixels - pixel);
        ForBlocks<kBytes / static_cast<int>(sizeof(R))>(sum, s.half);
      }
      Write(f, frame, half, sums.get());
    }
  }

  // Y of this frame is S of the frame that reads it; the clip's other end reads zeros.
  template <typename T>
  static void Write(const Forward<T>& f, int64_t frame, int64_t half, const Real<T>* sums) {
    using R = Real<T>;
    const Sizes& s = f.sizes;
    const int64_t t = frame % s.segments;
    const int64_t step = s.ShiftStep(half);
    const bool is_read = s.InClip(t - step);
    const int64_t reader = frame + (is_read ? -step : step * (s.segments - 1));
    R* const shifted = f.means + reader * 2 * s.processed + half * s.half;
    R* const residual = f.means + (frame * 2 + 1) * s.processed + half * s.half;
    const R pixels = static_cast<R>(s.pixels);
    for (int64_t c = 0; c < s.half; ++c) {
      shifted[c] = is_read ? sums[c] / pixels : 0;
      residual[c] = (sums[s.half + c] - sums[c]) / pixels;
    }
  }
};

struct FusionWeightPass {
  template <int kBytes, typename T>
  static GSF_INLINE void Run(const Forward<T>& f, int64_t first, int64_t last) {
    using R = Real<T>;
    const Sizes& s = f.sizes;
    for (int64_t unit = first; unit < last; ++unit) {
      const int64_t clip = unit / 2, half = unit % 2;
      for (int64_t t = 0; t < s.segments; ++t) {
        const int64_t row = (clip * s.segments + t) * s.processed + half * s.half;
        R* const score = f.shifted_weight.rows + row;
        R* const residual_weight = f.residual_weight.rows + row;
        std::fill(score, score + s.half, f.fusion_bias[half]);
        for (int64_t i = 0; i < 18; ++i) {
          const int64_t channel_step = i / 6 - 1, time = t + s.TapStep(i / 2 % 3);
          if (!s.InClip(time)) continue;
          const R* const means =
              f.means + ((clip * s.segments + time) * 2 + i % 2) * s.processed + half * s.half;
          const R tap = f.fusion_kernel[half * 18 + i];
          const int64_t begin = std::max<int64_t>(0, -channel_step);
          const int64_t end = s.half - std::max<int64_t>(0, channel_step);
          for (int64_t c = begin; c < end; ++c) score[c] += tap * means[c + channel_step];
        }
        for (int64_t c = 0; c < s.half; ++c) {
          score[c] = 1 / (1 + std::exp(-score[c]));
          residual_weight[c] = 1 - score[c];
        }
      }
    }
  }
};

// A pixel's half of the output, interleaved; `shifted` is the pixel that S reads, of `other_gate`.
template <typename T>
struct FusePixel {
  const T* x;
  const T* shifted;
  Real<T> gate;
  Real<T> other_gate;
  const Real<T>* shifted_weight;
  const Real<T>* residual_weight;
  int64_t quarter;
  T* output;

  template <int kLanes>
  GSF_INLINE void Part(int64_t c, Vector<Real<T>, kLanes>& z) {
    using V = Vector<Real<T>, kLanes>;
    V own, other, own_weight, other_weight;
    Load<kLanes>(x + c, own);
    Load<kLanes>(shifted + c, other);
    Load<kLanes>(residual_weight + c, own_weight);
    Load<kLanes>(shifted_weight + c, other_weight);
    z = other_weight * (other * other_gate) + own_weight * (own - own * gate);
  }

  template <int kLanes>
  GSF_INLINE void Block(int64_t i) {
    Vector<Real<T>, kLanes> even, odd;
    Part<kLanes>(i, even);
    Part<kLanes>(quarter + i, odd);
    Interleave<kLanes>(even, odd);
    Store<kLanes>(even, output + 2 * i);
    Store<kLanes>(odd, output + 2 * i + kLanes);
  }
};

struct OutputPass {
  template <int kBytes, typename T>
  static GSF_INLINE void Run(const Forward<T>& f, int64_t first, int64_t last) {
    using R = Real<T>;
    constexpr int kLanes = kBytes / sizeof(R);
    const Sizes& s = f.sizes;
    // In place a pixel's output would overwrite what its later channels read.
    const bool in_place = f.x == f.y;
    const auto buffer = Buffer<T>(s.half);
    const auto zeros = Buffer<T>(s.half);
    for (int64_t unit = first; unit < last; ++unit) {
      const int64_t clip = unit / s.height, h = unit % s.height;
      for (int64_t half = 0; half < 2; ++half) {
        // A half that reads later frames goes forwards, another backwards: in place, no frame is
        // read after it is written.
        const int64_t step = s.ShiftStep(half);
        for (int64_t t = step > 0 ? 0 : s.segments - 1; s.InClip(t); t += step) {
          const bool inside = s.InClip(t + step);
          const int64_t frame = clip * s.segments + t;
          FusePixel<T> fuse;
          fuse.quarter = s.quarter;
          fuse.shifted_weight = f.shifted_weight.row(frame) + half * s.half;
          fuse.residual_weight = f.residual_weight.row(frame) + half * s.half;
          for (int64_t w = 0; w < s.width; ++w) {
            const int64_t pixel = (frame * s.height + h) * s.width + w;
            const int64_t other = pixel + step * s.pixels;
            T* const target = f.y + pixel * s.channels + half * s.half;
            fuse.x = f.x + pixel * s.channels + half * s.half;
            fuse.gate = f.gate[pixel * 2 + half];
            fuse.shifted = inside ? f.x + other * s.channels + half * s.half : zeros.get();
            fuse.other_gate = inside ? f.gate[other * 2 + half] : R{0};
            fuse.output = in_place ? buffer.get() : target;
            ForBlocks<kLanes>(fuse, s.quarter);
            if (in_place) {
              std::memcpy(target, buffer.get(), s.half * sizeof(T));
            } else if (half == 0) {
              std::memcpy(target + s.processed, fuse.x + s.processed,
                          (s.channels - s.processed) * sizeof(T));
            }
          }
        }
      }
    }
  }
};

}  // namespace

GSF_DEFINE_PASS(Means, Forward);
GSF_DEFINE_PASS(FusionWeight, Forward);
GSF_DEFINE_PASS(Output, Forward);

}  // namespace gate_shift_fuse
}  // namespace gsf_tf
