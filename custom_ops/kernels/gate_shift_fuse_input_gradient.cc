// Gradient of equations (2)-(6), (9), (10) with respect to the gate and to x.

#include <cstring>

#include "custom_ops/kernels/gate_shift_fuse_gradient.h"

namespace gsf_tf {
namespace gate_shift_fuse {
namespace {

// What a pixel's gradients are made of. A primed name is a gradient: with Z' of a frame,
// R' = (1 - F) Z' + mean(R)', and S' = F Z' + mean(S)' of the frame that reads this one is a part
// of Y' = S' - R'.
template <typename T>
struct Parts {
  const T* x;
  const T* y_gradient;
  const T* reader_gradient;  // y_gradient of the frame that reads this one
  const Real<T>* residual_weight;
  const Real<T>* residual_mean_gradient;
  const Real<T>* reader_weight;
  const Real<T>* reader_mean_gradient;

  template <int kLanes>
  GSF_INLINE void At(int64_t c, const Vector<Real<T>, kLanes>& z, Vector<Real<T>, kLanes>& reader_z,
                     Vector<Real<T>, kLanes>& own_x, Vector<Real<T>, kLanes>& residual) const {
    Vector<Real<T>, kLanes> weight, mean;
    Load<kLanes>(residual_weight + c, weight);
    Load<kLanes>(residual_mean_gradient + c, mean);
    residual = weight * z + mean;
    Load<kLanes>(reader_weight + c, weight);
    Load<kLanes>(reader_mean_gradient + c, mean);
    reader_z = weight * reader_z + mean - residual;
    Load<kLanes>(x + c, own_x);
  }

  template <int kLanes>
  GSF_INLINE void LoadGradients(int64_t i, Vector<Real<T>, kLanes> (&z)[2],
                                Vector<Real<T>, kLanes> (&reader_z)[2]) const {
    Load<kLanes>(y_gradient + 2 * i, z[0]);
    Load<kLanes>(y_gradient + 2 * i + kLanes, z[1]);
    Deinterleave<kLanes>(z[0], z[1]);
    Load<kLanes>(reader_gradient + 2 * i, reader_z[0]);
    Load<kLanes>(reader_gradient + 2 * i + kLanes, reader_z[1]);
    Deinterleave<kLanes>(reader_z[0], reader_z[1]);
  }
};

template <typename T>
struct SumGateGradient {
  Parts<T> parts;
  int64_t quarter;
  Real<T> sum;

  template <int kLanes>
  GSF_INLINE void Block(int64_t i) {
    using V = Vector<Real<T>, kLanes>;
    V z[2], gated[2], x[2], residual;
    parts.template LoadGradients<kLanes>(i, z, gated);
    parts.template At<kLanes>(i, z[0], gated[0], x[0], residual);
    parts.template At<kLanes>(quarter + i, z[1], gated[1], x[1], residual);
    const V products = gated[0] * x[0] + gated[1] * x[1];
    Real<T> total[kLanes];
    Store<kLanes>(products, total);
    for (int step = kLanes / 2; step > 0; step /= 2) {
      for (int lane = 0; lane < step; ++lane) total[lane] += total[lane + step];
    }
    sum += total[0];
  }
};

template <typename T>
struct WriteInputGradient {
  Parts<T> parts;
  int64_t quarter;
  Real<T> gate;
  const Real<T>* activation_gradient;
  const Real<T>* mean;
  const Real<T>* scale;
  const Real<T>* mean_term;
  const Real<T>* variance_term;
  T* target;

  template <int kLanes>
  GSF_INLINE void Part(int64_t c, const Vector<Real<T>, kLanes>& z,
                       Vector<Real<T>, kLanes>& reader_z) {
    Vector<Real<T>, kLanes> x, residual, activation, scale_block, shift, slope, center;
    parts.template At<kLanes>(c, z, reader_z, x, residual);
    Load<kLanes>(activation_gradient + c, activation);
    Load<kLanes>(scale + c, scale_block);
    Load<kLanes>(mean_term + c, shift);
    Load<kLanes>(variance_term + c, slope);
    Load<kLanes>(mean + c, center);
    activation = scale_block * (activation - shift - (x - center) * slope);
    Store<kLanes>(residual + reader_z * gate + activation, target + c);
  }

  template <int kLanes>
  GSF_INLINE void Block(int64_t i) {
    Vector<Real<T>, kLanes> z[2], reader_z[2];
    parts.template LoadGradients<kLanes>(i, z, reader_z);
    Part<kLanes>(i, z[0], reader_z[0]);
    Part<kLanes>(quarter + i, z[1], reader_z[1]);
  }
};

// The frame that reads this one: the earlier one in half 1 unless causal, else the later one.
template <typename T>
struct Reader {
  Reader(const Gradient<T>& g, int64_t frame, int64_t half, const T* zeros,
         const Real<T>* no_weight)
      : g(g),
        frame(frame),
        channel(half * g.sizes.half),
        step(-g.sizes.ShiftStep(half)),
        zeros(zeros) {
    inside = g.sizes.InClip(frame % g.sizes.segments + step);
    parts.residual_weight = g.residual_weight.row(frame) + channel;
    parts.residual_mean_gradient = g.residual_mean_gradient.row(frame) + channel;
    parts.reader_weight = inside ? g.shifted_weight.row(frame + step) + channel : no_weight;
    parts.reader_mean_gradient =
        inside ? g.shifted_mean_gradient.row(frame + step) + channel : no_weight;
  }

  GSF_INLINE const Parts<T>& At(int64_t pixel) {
    const Sizes& s = g.sizes;
    const int64_t position = (frame * s.pixels + pixel) * s.channels + channel;
    parts.x = g.x + position;
    parts.y_gradient = g.y_gradient + position;
    parts.reader_gradient = inside ? g.y_gradient + position + step * s.pixels * s.channels : zeros;
    return parts;
  }

  const Gradient<T>& g;
  int64_t frame, channel, step;
  const T* zeros;
  bool inside;
  Parts<T> parts;
};

struct GateGradientPass {
  template <int kBytes, typename T>
  static GSF_INLINE void Run(const Gradient<T>& g, int64_t first, int64_t last) {
    using R = Real<T>;
    const Sizes& s = g.sizes;
    const auto zeros = Buffer<T>(s.half);
    const auto no_weight = Buffer<R>(s.half);
    for (int64_t unit = first; unit < last; ++unit) {
      const int64_t frame = unit / s.height, h = unit % s.height;
      for (int64_t half = 0; half < 2; ++half) {
        Reader<T> reader(g, frame, half, zeros.get(), no_weight.get());
        R* const row = g.gate_sum_gradient + ((frame * 2 + half) * s.height + h) * g.gate_pitch;
        row[0] = row[s.width + 1] = row[s.width + 2] = 0;
        for (int64_t w = 0; w < s.width; ++w) {
          const int64_t pixel = h * s.width + w;
          SumGateGradient<T> sum = {reader.At(pixel), s.quarter, 0};
          ForBlocks<kBytes / static_cast<int>(sizeof(R))>(sum, s.quarter);
          const R gate = g.gate[(frame * s.pixels + pixel) * 2 + half];
          row[w + 1] = sum.sum * (1 - gate * gate);
        }
      }
    }
  }
};

struct InputGradientPass {
  template <int kBytes, typename T>
  static GSF_INLINE void Run(const Gradient<T>& g, int64_t first, int64_t last) {
    using R = Real<T>;
    const Sizes& s = g.sizes;
    // In place a pixel's gradient would overwrite what its later channels read.
    const bool in_place = g.x_gradient == g.y_gradient;
    const auto buffer = Buffer<T>(s.half);
    const auto zeros = Buffer<T>(s.half);
    const auto no_weight = Buffer<R>(s.half);
    for (int64_t unit = first; unit < last; ++unit) {
      const int64_t clip = unit / s.height, h = unit % s.height;
      for (int64_t half = 0; half < 2; ++half) {
        const int64_t channel = half * s.half;
        for (int64_t i = 0; i < s.segments; ++i) {
          // Away from the frame that is read: in place, none is read after it is written.
          const bool backwards = s.ShiftStep(half) > 0;
          const int64_t frame = clip * s.segments + (backwards ? s.segments - 1 - i : i);
          Reader<T> reader(g, frame, half, zeros.get(), no_weight.get());
          WriteInputGradient<T> write;
          write.quarter = s.quarter;
          write.mean = g.mean + channel;
          write.scale = g.scale + channel;
          write.mean_term = g.mean_term + channel;
          write.variance_term = g.variance_term + channel;
          for (int64_t w = 0; w < s.width; ++w) {
            const int64_t pixel = h * s.width + w, position = frame * s.pixels + pixel;
            T* const target = g.x_gradient + position * s.channels + channel;
            write.parts = reader.At(pixel);
            write.gate = g.gate[position * 2 + half];
            write.activation_gradient = g.activation_gradient + (position * 2 + half) * s.padded;
            write.target = in_place ? buffer.get() : target;
            ForBlocks<kBytes / static_cast<int>(sizeof(R))>(write, s.quarter);
            if (in_place) {
              std::memcpy(target, buffer.get(), s.half * sizeof(T));
            } else if (half == 0) {
              std::memcpy(target + s.processed, write.parts.y_gradient + s.processed,
                          (s.channels - s.processed) * sizeof(T));
            }
          }
        }
      }
    }
  }
};

}  // namespace

GSF_DEFINE_PASS(GateGradient, Gradient);
GSF_DEFINE_PASS(InputGradient, Gradient);

}  // namespace gate_shift_fuse
}  // namespace gsf_tf
