#include <type_traits>

#include "custom_ops/kernels/row_products.h"
#include "custom_ops/kernels/rubiks_shift_kernels.h"
#include "custom_ops/kernels/rubiks_shift_pointwise.h"
#include "custom_ops/kernels/rubiks_shift_types.h"

namespace gsf_tf {
namespace {

// A band of the shifted map stays in the second cache, unless one row of all frames is larger.
constexpr int64_t kBandBytes = int64_t{128} << 10;
// Units of the gradient's work that are wanted, for as many threads.
constexpr int64_t kGradientUnits = 16;

// How the work is divided; it follows from the shape alone.
template <typename R>
struct Division {
  explicit Division(const RubiksPlan<R>& plan)
      : frames(plan.axes[kTime].output_length),
        height(plan.axes[kVertical].output_length),
        width(plan.axes[kHorizontal].output_length),
        chunks(plan.chunks.size()) {
    const int64_t row_bytes = frames * width * plan.channels * static_cast<int64_t>(sizeof(R));
    band_rows = std::clamp<int64_t>(kBandBytes / std::max<int64_t>(row_bytes, 1), 1, height);
    bands_per_clip = CeilDivide(height, band_rows);
    bands = plan.num_clips * bands_per_clip;
    groups = std::min(bands, CeilDivide(kGradientUnits, std::max<int64_t>(chunks, 1)));
  }

  int64_t band_pixels() const { return frames * band_rows * width; }

  int64_t frames;  // of a clip of y
  int64_t height;  // of y
  int64_t width;
  int64_t chunks;
  int64_t band_rows;
  int64_t bands_per_clip;
  int64_t bands;   // of all clips
  int64_t groups;  // of bands that a unit of the gradient's work adds up
};

// One band: its clip, its rows, and the offsets of its pixels in y, which has `filters` channels.
template <typename R>
class Band {
 public:
  Band(const Division<R>& division, int64_t filters)
      : offsets(division.band_pixels()), division_(division), filters_(filters) {}

  void Set(int64_t band) {
    clip = band / division_.bands_per_clip;
    first_row = band % division_.bands_per_clip * division_.band_rows;
    last_row = std::min(first_row + division_.band_rows, division_.height);
    count = 0;
    for (int64_t t = 0; t < division_.frames; ++t) {
      const int64_t frame = (clip * division_.frames + t) * division_.height;
      const int64_t end = (frame + last_row) * division_.width;
      for (int64_t i = (frame + first_row) * division_.width; i < end; ++i) {
        offsets[count++] = i * filters_;
      }
    }
  }

  int64_t clip, first_row, last_row;
  int64_t count;  // pixels
  std::vector<int64_t> offsets;

 private:
  const Division<R>& division_;
  int64_t filters_;
};

template <typename T>
void Widen(const T* source, int64_t count, Real<T>* target) {
  if constexpr (std::is_same_v<T, Real<T>>) {
    std::copy_n(source, count, target);
  } else {
    for (int64_t i = 0; i < count; ++i) {
      Vector<float, 1> value;
      Load<1>(source + i, value);
      target[i] = value[0];
    }
  }
}

// The shifted pixels of a band; those of half precision have been rounded to it.
template <int kLanes, typename T>
class ShiftedBand {
 public:
  using R = Real<T>;
  static constexpr bool kIsReal = std::is_same_v<T, R>;

  ShiftedBand(const RubiksPlan<R>& plan, const T* x, int64_t pixels)
      : plan_(plan), x_(x), band_(pixels * plan.channels), widened_(kIsReal ? 0 : band_.size()) {}

  const R* Shift(const Band<R>& band, int64_t first_chunk, int64_t last_chunk) {
    RubiksForwardBand<kLanes, T>(plan_, x_, band.clip, band.first_row, band.last_row, first_chunk,
                                 last_chunk, band_.data());
    if constexpr (kIsReal) {
      return band_.data();
    } else {
      Widen(band_.data(), band.count * plan_.channels, widened_.data());
      return widened_.data();
    }
  }

 private:
  const RubiksPlan<R>& plan_;
  const T* x_;
  std::vector<T> band_;
  std::vector<R> widened_;
};

// Bands of the shifted map, each multiplied as soon as it is there.
template <int kLanes, typename T>
void ShiftAndMultiply(const RubiksPlan<Real<T>>& plan, const T* x, const Real<T>* kernel,
                      const T* addend, T* y, int64_t filters, int64_t first, int64_t last) {
  const Division<Real<T>> division(plan);
  Band<Real<T>> band(division, filters);
  ShiftedBand<kLanes, T> shifted(plan, x, division.band_pixels());
  for (int64_t unit = first; unit < last; ++unit) {
    band.Set(unit);
    const Real<T>* left = shifted.Shift(band, 0, division.chunks);
    MultiplyRows<T>(
        {left, plan.channels, 1, plan.channels, kernel, filters, band.offsets.data(), addend, y}, 0,
        band.count);
  }
}

// A unit is a chunk of channels in a group of bands. `partial_sums` is
// [groups, 2, channels, filters]: the sums so far, and where the next ones go.
template <int kLanes, typename T>
void KernelGradient(const RubiksPlan<Real<T>>& plan, const T* x, const T* y_gradient,
                    Real<T>* partial_sums, int64_t filters, int64_t first, int64_t last) {
  using R = Real<T>;
  const Division<R> division(plan);
  Band<R> band(division, filters);
  ShiftedBand<kLanes, T> shifted(plan, x, division.band_pixels());
  std::vector<R> right(division.band_pixels() * filters);
  std::vector<int64_t> rows(plan.channels);
  for (int64_t c = 0; c < plan.channels; ++c) rows[c] = c * filters;
  for (int64_t unit = first; unit < last; ++unit) {
    const int64_t index = unit % division.chunks, group = unit / division.chunks;
    const ChannelChunk& chunk = plan.chunks[index];
    const int64_t end = chunk.first_channel + chunk.blocks.channels;
    R* sums = partial_sums + group * 2 * plan.channels * filters;
    R* next = sums + plan.channels * filters;
    const R* so_far = nullptr;
    for (int64_t i = group; i < division.bands; i += division.groups) {
      band.Set(i);
      const R* left = shifted.Shift(band, index, index + 1);
      for (int64_t p = 0; p < band.count; ++p) {
        Widen(y_gradient + band.offsets[p], filters, &right[p * filters]);
      }
      MultiplyRows<R>(
          {left, 1, plan.channels, band.count, right.data(), filters, rows.data(), so_far, next},
          chunk.first_channel, end);
      so_far = next;
      std::swap(sums, next);
    }
    if (so_far != partial_sums + group * 2 * plan.channels * filters) {
      std::copy(so_far + rows[chunk.first_channel], so_far + end * filters,
                next + rows[chunk.first_channel]);
    }
  }
}

template <typename R>
void AddSums(const RubiksPlan<R>& plan, const R* partial_sums, R* kernel_gradient,
             int64_t filters) {
  const int64_t count = plan.channels * filters;
  std::fill_n(kernel_gradient, count, R{0});
  for (int64_t group = 0; group < Division<R>(plan).groups; ++group) {
    const R* sums = partial_sums + group * 2 * count;
    for (int64_t i = 0; i < count; ++i) kernel_gradient[i] += sums[i];
  }
}

}  // namespace
}  // namespace gsf_tf

using gsf_tf::Division;
using gsf_tf::kWide;
using gsf_tf::Real;

int64_t gsf_rubiks_shift_pointwise_units_cpu(const gsf_rubiks_shift_plan* plan) {
  return gsf_tf::UsePlan(plan, [](const auto& plan) { return Division(plan).bands; });
}

void gsf_rubiks_shift_pointwise_cpu(const void* x, const void* kernel, const void* addend, void* y,
                                    int64_t filters, const gsf_rubiks_shift_plan* plan,
                                    int64_t first, int64_t last) {
  gsf_tf::UseType(plan, [&](const auto& plan, auto element) {
    using T = decltype(element);
    using gsf_tf::ShiftAndMultiply;
    const auto forward =
        gsf_tf::ForLanes<T>(plan, ShiftAndMultiply<kWide<T>, T>, ShiftAndMultiply<kWide<T> / 2, T>,
                            ShiftAndMultiply<1, T>);
    forward(plan, static_cast<const T*>(x), static_cast<const Real<T>*>(kernel),
            static_cast<const T*>(addend), static_cast<T*>(y), filters, first, last);
  });
}

int64_t gsf_rubiks_shift_pointwise_gradient_units_cpu(const gsf_rubiks_shift_plan* plan) {
  return gsf_tf::UsePlan(plan, [](const auto& plan) {
    const Division division(plan);
    return division.groups * division.chunks;
  });
}

int64_t gsf_rubiks_shift_pointwise_sums_cpu(const gsf_rubiks_shift_plan* plan, int64_t filters) {
  return gsf_tf::UsePlan(
      plan, [&](const auto& plan) { return Division(plan).groups * 2 * plan.channels * filters; });
}

void gsf_rubiks_shift_pointwise_gradient_cpu(const void* x, const void* y_gradient,
                                             void* partial_sums, int64_t filters,
                                             const gsf_rubiks_shift_plan* plan, int64_t first,
                                             int64_t last) {
  gsf_tf::UseType(plan, [&](const auto& plan, auto element) {
    using T = decltype(element);
    using gsf_tf::KernelGradient;
    const auto gradient = gsf_tf::ForLanes<T>(
        plan, KernelGradient<kWide<T>, T>, KernelGradient<kWide<T> / 2, T>, KernelGradient<1, T>);
    gradient(plan, static_cast<const T*>(x), static_cast<const T*>(y_gradient),
             static_cast<Real<T>*>(partial_sums), filters, first, last);
  });
}

void gsf_rubiks_shift_pointwise_add_sums_cpu(const void* partial_sums, void* kernel_gradient,
                                             int64_t filters, const gsf_rubiks_shift_plan* plan) {
  if (plan->twice) {
    gsf_tf::AddSums(*plan->twice, static_cast<const double*>(partial_sums),
                    static_cast<double*>(kernel_gradient), filters);
  } else {
    gsf_tf::AddSums(*plan->single, static_cast<const float*>(partial_sums),
                    static_cast<float*>(kernel_gradient), filters);
  }
}
