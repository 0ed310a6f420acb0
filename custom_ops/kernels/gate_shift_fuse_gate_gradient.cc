// Adjoint of equations (1), (2): through the gate's convolution, ReLU and into the weights' sums.

#include <cmath>

#include "custom_ops/kernels/gate_shift_fuse_gradient.h"

namespace gsf_tf {
namespace gate_shift_fuse {
namespace {

// A pixel's 27 neighbors in the gradient of the gate's sum, ordered as the adjoint kernel; padded.
constexpr int kNeighbors = 28;
// So many pixels at a time keep a tile's channels in the first-level cache.
constexpr int64_t kTilePixels = 32;

// A tile of rows of one half of one frame.
template <typename R>
struct Tile {
  int64_t pixels;
  const R* neighbors;  // [pixels, kNeighbors]
  const R* activated;  // [pixels, padded]
  const R* centered;   // [pixels, padded]
  R* gradient;         // [pixels, 2, padded], of the activation before ReLU
  int64_t padded;
};

template <typename T>
GSF_INLINE void GatherNeighbors(const Gradient<T>& g, int64_t frame, int64_t half, int64_t h,
                                Real<T>* neighbors) {
  using V = Vector<Real<T>, 4>;
  const Sizes& s = g.sizes;
  const int64_t t = frame % s.segments;
  for (int tap = 0; tap < 9; ++tap) {
    const int64_t time_step = -s.TapStep(tap / 3), row = h + 1 - tap % 3;
    const bool inside = s.InClip(t + time_step) && row >= 0 && row < s.height;
    const Real<T>* source = inside ? g.GateSumRow(frame + time_step, half, row) : g.zero_row;
    Real<T>* target = neighbors + 3 * tap;
    for (int64_t w = 0; w < s.width; ++w) {
      V four;
      Load<4>(source + w, four);
      Store<4>(four, target + w * kNeighbors);
    }
  }
}

// The gradient of the activation at kPixels pixels, for the lanes from channel c on.
template <int kLanes, int kPixels, typename R>
GSF_INLINE void AdjointPixels(const Tile<R>& tile, const R* kernel, int64_t pixel, int64_t c,
                              Vector<R, kLanes>& sum, Vector<R, kLanes>& centered_sum) {
  using V = Vector<R, kLanes>;
  V total[kPixels] = {};
  const R* const neighbors = tile.neighbors + pixel * kNeighbors;
  for (int tap = 0; tap < kTaps; ++tap) {
    V weight;
    Load<kLanes>(kernel + tap * tile.padded + c, weight);
#pragma GCC unroll 16
    for (int p = 0; p < kPixels; ++p) total[p] += weight * neighbors[p * kNeighbors + tap];
  }
#pragma GCC unroll 16
  for (int p = 0; p < kPixels; ++p) {
    V activated, centered;
    Load<kLanes>(tile.activated + (pixel + p) * tile.padded + c, activated);
    Load<kLanes>(tile.centered + (pixel + p) * tile.padded + c, centered);
    const V passed = activated > V{} ? total[p] : V{};
    sum += passed;
    centered_sum += passed * centered;
    Store<kLanes>(passed, tile.gradient + (pixel + p) * 2 * tile.padded + c);
  }
}

// sums[tap, c] += sum over pixels of activated * neighbor, nine taps at a time in registers.
template <int kLanes, typename R>
GSF_INLINE void AddKernelGradient(const Tile<R>& tile, int64_t c, R* sums) {
  using V = Vector<R, kLanes>;
  for (int begin = 0; begin < kTaps; begin += 9) {
    V total[9];
    R* const rows = sums + begin * tile.padded + c;
#pragma GCC unroll 9
    for (int tap = 0; tap < 9; ++tap) Load<kLanes>(rows + tap * tile.padded, total[tap]);
    for (int64_t pixel = 0; pixel < tile.pixels; ++pixel) {
      V activated;
      Load<kLanes>(tile.activated + pixel * tile.padded + c, activated);
      const R* const neighbors = tile.neighbors + pixel * kNeighbors + begin;
#pragma GCC unroll 9
      for (int tap = 0; tap < 9; ++tap) total[tap] += activated * neighbors[tap];
    }
#pragma GCC unroll 9
    for (int tap = 0; tap < 9; ++tap) Store<kLanes>(total[tap], rows + tap * tile.padded);
  }
}

template <int kBytes, typename R>
GSF_INLINE void AddTile(const Tile<R>& tile, const R* kernel, R* sums) {
  constexpr int kLanes = kBytes / sizeof(R);
  constexpr int kGroup = kBytes == 64 ? 8 : 4;
  for (int64_t c = 0; c < tile.padded; c += kLanes) {
    Vector<R, kLanes> sum, centered_sum;
    R* const beta_row = sums + kTaps * tile.padded + c;
    R* const gamma_row = beta_row + tile.padded;
    Load<kLanes>(beta_row, sum);
    Load<kLanes>(gamma_row, centered_sum);
    int64_t pixel = 0;
    for (; pixel + kGroup <= tile.pixels; pixel += kGroup) {
      AdjointPixels<kLanes, kGroup>(tile, kernel, pixel, c, sum, centered_sum);
    }
    for (; pixel < tile.pixels; ++pixel) {
      AdjointPixels<kLanes, 1>(tile, kernel, pixel, c, sum, centered_sum);
    }
    Store<kLanes>(sum, beta_row);
    Store<kLanes>(centered_sum, gamma_row);
    AddKernelGradient<kLanes>(tile, c, sums);
  }
}

struct GateAdjointPass {
  template <int kBytes, typename T>
  static GSF_INLINE void Run(const Gradient<T>& g, int64_t first, int64_t last) {
    using R = Real<T>;
    const Sizes& s = g.sizes;
    const int64_t rows = std::max<int64_t>(1, kTilePixels / s.width);
    // Zero beyond the half's channels, where nothing is written.
    const auto activated = Buffer<R>(rows * s.width * s.padded);
    const auto centered = Buffer<R>(rows * s.width * s.padded);
    const auto neighbors = Buffer<R>(rows * s.width * kNeighbors);
    const int64_t chunks = NumChunks(s);
    for (int64_t unit = first; unit < last; ++unit) {
      const int64_t chunk = unit / 2, half = unit % 2, c = half * s.half;
      R* const sums = g.channel_sums + unit * kChannelSums * s.padded;
      std::fill(sums, sums + kChannelSums * s.padded, R{0});
      R bias = 0;
      const int64_t end = (chunk + 1) * s.frames / chunks;
      for (int64_t frame = chunk * s.frames / chunks; frame < end; ++frame) {
        for (int64_t h = 0; h < s.height; h += rows) {
          const int64_t tile_rows = std::min(rows, s.height - h);
          const int64_t position = frame * s.pixels + h * s.width;
          const Tile<R> tile = {tile_rows * s.width,
                                neighbors.get(),
                                activated.get(),
                                centered.get(),
                                g.activation_gradient + (position * 2 + half) * s.padded,
                                s.padded};
          for (int64_t row = 0; row < tile_rows; ++row) {
            GatherNeighbors(g, frame, half, h + row, neighbors.get() + row * s.width * kNeighbors);
            const R* const gate_sums = g.GateSumRow(frame, half, h + row) + 1;
            R row_sum = 0;
            for (int64_t w = 0; w < s.width; ++w) row_sum += gate_sums[w];
            bias += row_sum;
          }
          for (int64_t pixel = 0; pixel < tile.pixels; ++pixel) {
            Activation<T> activation = {g.x + (position + pixel) * s.channels + c,
                                        g.mean + c,
                                        g.scale + c,
                                        g.beta + c,
                                        activated.get() + pixel * s.padded,
                                        centered.get() + pixel * s.padded};
            ForBlocks<kBytes / static_cast<int>(sizeof(R))>(activation, s.half);
          }
          AddTile<kBytes>(tile, g.adjoint_kernel + half * kTaps * s.padded, sums);
        }
      }
      g.bias_sums[unit] = bias;
    }
  }
};

}  // namespace

GSF_DEFINE_PASS(GateAdjoint, Gradient);
template <typename T>
void WeightGradients(const Gradient<T>& g, int64_t first, int64_t last) {
  using R = Real<T>;
  const Sizes& s = g.sizes;
  const int64_t chunks = NumChunks(s);
  if (first == 0) {
    for (int64_t half = 0; half < 2; ++half) {
      double bias = 0;
      for (int64_t chunk = 0; chunk < chunks; ++chunk) bias += g.bias_sums[chunk * 2 + half];
      g.gate_bias_gradient[half] = static_cast<R>(bias);
      for (int64_t i = 0; s.learned_fusion && i < kFusionWeights; ++i) {
        double sum = 0;
        for (int64_t clip = 0; clip < s.clips; ++clip) {
          sum += g.fusion_sums[(clip * 2 + half) * kFusionWeights + i];
        }
        R* const target = i == kFusionWeights - 1 ? g.fusion_bias_gradient + half
                                                  : g.fusion_kernel_gradient + half * 18 + i;
        *target = static_cast<R>(sum);
      }
    }
  }
  for (int64_t channel = first; channel < last; ++channel) {
    const int64_t half = channel / s.half, c = channel % s.half;
    double sums[kChannelSums] = {};
    for (int64_t chunk = 0; chunk < chunks; ++chunk) {
      const R* const own = g.channel_sums + (chunk * 2 + half) * kChannelSums * s.padded + c;
      for (int i = 0; i < kChannelSums; ++i) sums[i] += own[i * s.padded];
    }
    for (int tap = 0; tap < kTaps; ++tap) {
      const int reversed = tap - tap % 3 + 2 - tap % 3;
      g.gate_kernel_gradient[(reversed * s.half + c) * 2 + half] = static_cast<R>(sums[tap]);
    }
    const double deviation = std::sqrt(g.variance[channel] + s.epsilon);
    const double beta_sum = sums[kTaps], gamma_sum = sums[kTaps + 1] / deviation;
    g.beta_gradient[channel] = static_cast<R>(beta_sum);
    g.gamma_gradient[channel] = static_cast<R>(gamma_sum);
    const double count = static_cast<double>(s.frames) * s.pixels;
    g.mean_term[channel] = s.training ? static_cast<R>(beta_sum / count) : 0;
    g.variance_term[channel] = s.training ? static_cast<R>(gamma_sum / deviation / count) : 0;
  }
}
GSF_INSTANTIATE_PASS(WeightGradients, Gradient);

}  // namespace gate_shift_fuse
}  // namespace gsf_tf
