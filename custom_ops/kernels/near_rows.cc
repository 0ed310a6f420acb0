#include "custom_ops/kernels/near_rows.h"

#include "custom_ops/kernels/instruction_sets.h"

namespace gsf_tf {
namespace {

template <int kLanes, typename R>
GSF_INLINE void LoadTaps(const R* source, Vector<R, kLanes> (&taps)[kNearTaps]) {
  for (int j = 0; j < kNearTaps; ++j) Load<kLanes>(source + j * kLanes, taps[j]);
}

// The rows that are there, blended vertically: once with their coefficients, or also with the
// derivatives of these.
template <int kLanes, int kRows, typename T>
struct Vertical {
  using V = Vector<Real<T>, kLanes>;

  GSF_INLINE Vertical(const NearRow<const T> (&rows)[kNearTaps], const Real<T>* down,
                      const Real<T>* down_slope)
      : pitch(0), frame_pitch(0) {
    for (int i = 0, n = 0; i < kNearTaps; ++i) {
      if (rows[i].pixels == nullptr) continue;
      pixels[n] = rows[i].pixels;
      pitch = rows[i].pitch;
      frame_pitch = rows[i].frame_pitch;
      Load<kLanes>(down + i * kLanes, coefficients[n]);
      if (down_slope != nullptr) Load<kLanes>(down_slope + i * kLanes, slopes[n]);
      if (++n == kRows) break;
    }
  }

  GSF_INLINE void At(int64_t pixel, int64_t frame, V& blended) const {
    const int64_t offset = pixel * pitch + frame * frame_pitch;
    blended = V{};
    for (int n = 0; n < kRows; ++n) {
      V value;
      Load<kLanes>(pixels[n] + offset, value);
      blended = coefficients[n] * value + blended;
    }
  }

  GSF_INLINE void At(int64_t pixel, int64_t frame, V& blended, V& sloped) const {
    const int64_t offset = pixel * pitch + frame * frame_pitch;
    blended = sloped = V{};
    for (int n = 0; n < kRows; ++n) {
      V value;
      Load<kLanes>(pixels[n] + offset, value);
      blended = coefficients[n] * value + blended;
      sloped = slopes[n] * value + sloped;
    }
  }

  const T* pixels[kRows];
  V coefficients[kRows], slopes[kRows];
  int64_t pitch;
  int64_t frame_pitch;
};

// Calls use(frame, value) with the blend over rows and time at a pixel of every frame.
template <int kLanes, int kRows, bool kInTime, typename T, typename Use>
GSF_INLINE void ForFrames(const Vertical<kLanes, kRows, T>& vertical,
                          const Vector<Real<T>, kLanes> (&time)[kNearTaps], int64_t length,
                          int64_t pixel, int64_t frames, Use use) {
  using V = Vector<Real<T>, kLanes>;
  if (pixel < 0 || pixel >= length) {
    const V zero = {};
    for (int64_t t = 0; t < frames; ++t) use(t, zero);
    return;
  }
  V before = {}, now, after;
  vertical.At(pixel, 0, now);
  for (int64_t t = 0; t < frames; ++t) {
    after = V{};
    if (t + 1 < frames) vertical.At(pixel, t + 1, after);
    if constexpr (kInTime) {
      const V value = time[0] * before + (time[1] * now + time[2] * after);
      use(t, value);
      before = now;
    } else {
      use(t, now);
    }
    now = after;
  }
}

// Pixel w of the output is a0 v(w - 1) + a1 v(w) + a2 v(w + 1): v(u) is pixel u of the input,
// blended over rows and time, and a is `across`. The loop visits each u once, from left to right;
// there it computes v(u) in every frame t and adds it to the three pixels of the output that need
// it. Between two visits, two pixels of each frame are unfinished, and `open` and `ahead` hold
// their sums:
//
//   pixel of the output        u - 1            u          u + 1
//   before the visit          open[t]        ahead[t]       none
//     which holds       a0 v(u-2) + a1 v(u-1)  a0 v(u-1)
//   the visit of u adds      a2 v(u)         a1 v(u)       a0 v(u)
//   after the visit           stored         open[t]       ahead[t]
//
// With stride two, pixel w needs v(2 w - 1), v(2 w) and v(2 w + 1): an even u adds to one pixel,
// and an odd u finishes one and starts the next. In the adjoint of that, v(u) is needed by the
// pixels 2 u - 1, which it finishes, 2 u, which needs nothing else, and 2 u + 1, which it starts.
template <int kLanes, int kRows, bool kInTime, NearStride kStride, typename T>
GSF_INLINE void BlendRows(const NearRow<const T> (&rows)[kNearTaps], int64_t length, int64_t frames,
                          const NearTaps<Real<T>>& taps, int64_t begin, int64_t end,
                          const NearRow<T>& output) {
  using V = Vector<Real<T>, kLanes>;
  const Vertical<kLanes, kRows, T> vertical(rows, taps.down, nullptr);
  V time[kNearTaps], across[kNearTaps];
  if constexpr (kInTime) LoadTaps<kLanes>(taps.time, time);
  LoadTaps<kLanes>(taps.across, across);
  V open[kMaxNearFrames], ahead[kMaxNearFrames];
  for (int64_t t = 0; t < frames; ++t) open[t] = ahead[t] = V{};
  const auto at = [&](int64_t pixel) { return output.pixels + (pixel - begin) * output.pitch; };

  if constexpr (kStride == NearStride::kOne) {
    for (int64_t u = begin - 1; u <= end; ++u) {
      T* target = u > begin ? at(u - 1) : nullptr;
      ForFrames<kLanes, kRows, kInTime>(
          vertical, time, length, u, frames,
          [&](int64_t t, const V& value) __attribute__((always_inline)) {
            if (target != nullptr) {
              Store<kLanes>(across[2] * value + open[t], target + t * output.frame_pitch);
            }
            open[t] = across[1] * value + ahead[t];
            ahead[t] = across[0] * value;
          });
    }
  } else if constexpr (kStride == NearStride::kTwo) {
    for (int64_t w = begin - 1; w < end; ++w) {
      if (w >= begin) {
        ForFrames<kLanes, kRows, kInTime>(
            vertical, time, length, 2 * w, frames,
            [&](int64_t t, const V& value)
                __attribute__((always_inline)) { open[t] = across[1] * value + ahead[t]; });
      }
      ForFrames<kLanes, kRows, kInTime>(
          vertical, time, length, 2 * w + 1, frames,
          [&](int64_t t, const V& value) __attribute__((always_inline)) {
            if (w >= begin) {
              Store<kLanes>(across[2] * value + open[t], at(w) + t * output.frame_pitch);
            }
            ahead[t] = across[0] * value;
          });
    }
  } else {
    for (int64_t w = begin - 2; w <= end; w += 2) {
      T* left = w > begin ? at(w - 1) : nullptr;
      T* here = w >= begin && w < end ? at(w) : nullptr;
      ForFrames<kLanes, kRows, kInTime>(
          vertical, time, length, w / 2, frames,
          [&](int64_t t, const V& value) __attribute__((always_inline)) {
            if (left != nullptr) {
              Store<kLanes>(across[0] * value + ahead[t], left + t * output.frame_pitch);
            }
            if (here != nullptr) Store<kLanes>(across[1] * value, here + t * output.frame_pitch);
            ahead[t] = across[2] * value;
          });
    }
  }
}

// The horizontal adjoint of a row of y's gradient at pixel u of x, with the coefficients and with
// their derivatives.
template <int kLanes, bool kIsTwo, typename T>
struct Horizontal {
  using V = Vector<Real<T>, kLanes>;

  GSF_INLINE void At(int64_t u, int64_t frame, V& blended, V& sloped) const {
    blended = sloped = V{};
    for (int j = 0; j < kNearTaps; ++j) {
      // Pixel w of y reads stride * w + j - 1.
      int64_t w = u - (j - 1);
      if (kIsTwo && w % 2 != 0) continue;
      if (kIsTwo) w /= 2;
      if (w < 0 || w >= length) continue;
      V value;
      Load<kLanes>(gradient.pixels + w * gradient.pitch + frame * gradient.frame_pitch, value);
      blended = across[j] * value + blended;
      sloped = across_slope[j] * value + sloped;
    }
  }

  NearRow<const T> gradient;
  int64_t length;
  V across[kNearTaps], across_slope[kNearTaps];
};

template <int kLanes, bool kInTime, bool kIsTwo, typename T>
GSF_INLINE void AddSlopes(const NearRow<const T> (&rows)[kNearTaps], int64_t frames,
                          const NearTaps<Real<T>>& taps, const NearTaps<Real<T>>& slopes,
                          int64_t begin, int64_t end, const NearRow<const T>& y_gradient,
                          int64_t y_length, Real<T>* sums) {
  using V = Vector<Real<T>, kLanes>;
  const Vertical<kLanes, kNearTaps, T> vertical(rows, taps.down, slopes.down);
  Horizontal<kLanes, kIsTwo, T> horizontal;
  horizontal.gradient = y_gradient;
  horizontal.length = y_length;
  LoadTaps<kLanes>(taps.across, horizontal.across);
  LoadTaps<kLanes>(slopes.across, horizontal.across_slope);
  V time[kNearTaps], time_slope[kNearTaps];
  if constexpr (kInTime) {
    LoadTaps<kLanes>(taps.time, time);
    LoadTaps<kLanes>(slopes.time, time_slope);
  }
  V in_time, down, across;
  Load<kLanes>(sums, in_time);
  Load<kLanes>(sums + kLanes, down);
  Load<kLanes>(sums + 2 * kLanes, across);
  for (int64_t u = begin; u < end; ++u) {
    V before = {}, before_sloped = {}, now, now_sloped, after, after_sloped;
    horizontal.At(u, 0, now, now_sloped);
    for (int64_t t = 0; t < frames; ++t) {
      V value, value_sloped;
      vertical.At(u, t, value, value_sloped);
      if constexpr (kInTime) {
        after = after_sloped = V{};
        if (t + 1 < frames) horizontal.At(u, t + 1, after, after_sloped);
        // The adjoint in time: frame t of x is read by t + 1 with the tap -1.
        down += value_sloped * (time[0] * after + (time[1] * now + time[2] * before));
        across +=
            value * (time[0] * after_sloped + (time[1] * now_sloped + time[2] * before_sloped));
        in_time += value * (time_slope[0] * after + (time_slope[1] * now + time_slope[2] * before));
        before = now;
        before_sloped = now_sloped;
        now = after;
        now_sloped = after_sloped;
      } else {
        down += value_sloped * now;
        across += value * now_sloped;
        if (t + 1 < frames) horizontal.At(u, t + 1, now, now_sloped);
      }
    }
  }
  Store<kLanes>(in_time, sums);
  Store<kLanes>(down, sums + kLanes);
  Store<kLanes>(across, sums + 2 * kLanes);
}

template <int kLanes, int kRows, bool kInTime, typename T>
GSF_INLINE void BlendStride(const NearRow<const T> (&rows)[kNearTaps], int64_t length,
                            int64_t frames, const NearTaps<Real<T>>& taps, NearStride stride,
                            int64_t begin, int64_t end, const NearRow<T>& output) {
  switch (stride) {
    case NearStride::kOne:
      return BlendRows<kLanes, kRows, kInTime, NearStride::kOne>(rows, length, frames, taps, begin,
                                                                 end, output);
    case NearStride::kTwo:
      return BlendRows<kLanes, kRows, kInTime, NearStride::kTwo>(rows, length, frames, taps, begin,
                                                                 end, output);
    case NearStride::kAdjointOfTwo:
      return BlendRows<kLanes, kRows, kInTime, NearStride::kAdjointOfTwo>(rows, length, frames,
                                                                          taps, begin, end, output);
  }
}

template <int kLanes, bool kInTime, typename T>
GSF_INLINE void BlendCount(const NearRow<const T> (&rows)[kNearTaps], int64_t length,
                           int64_t frames, const NearTaps<Real<T>>& taps, NearStride stride,
                           int64_t begin, int64_t end, const NearRow<T>& output) {
  int count = 0;
  for (const NearRow<const T>& row : rows) count += row.pixels != nullptr;
  switch (count) {
    case 0: {
      const Vector<Real<T>, kLanes> zero = {};
      for (int64_t t = 0; t < frames; ++t) {
        for (int64_t w = 0; w < end - begin; ++w) {
          Store<kLanes>(zero, output.pixels + w * output.pitch + t * output.frame_pitch);
        }
      }
      return;
    }
    case 1:
      return BlendStride<kLanes, 1, kInTime>(rows, length, frames, taps, stride, begin, end,
                                             output);
    case 2:
      return BlendStride<kLanes, 2, kInTime>(rows, length, frames, taps, stride, begin, end,
                                             output);
    default:
      return BlendStride<kLanes, 3, kInTime>(rows, length, frames, taps, stride, begin, end,
                                             output);
  }
}

template <int kLanes, typename T>
GSF_INLINE void BlendAny(const NearRow<const T> (&rows)[kNearTaps], int64_t length, int64_t frames,
                         const NearTaps<Real<T>>& taps, NearStride stride, int64_t begin,
                         int64_t end, const NearRow<T>& output) {
  if (taps.time != nullptr) {
    BlendCount<kLanes, true>(rows, length, frames, taps, stride, begin, end, output);
  } else {
    BlendCount<kLanes, false>(rows, length, frames, taps, stride, begin, end, output);
  }
}

template <int kLanes, typename T>
GSF_INLINE void AddAny(const NearRow<const T> (&rows)[kNearTaps], int64_t frames,
                       const NearTaps<Real<T>>& taps, const NearTaps<Real<T>>& slopes,
                       NearStride stride, int64_t begin, int64_t end,
                       const NearRow<const T>& y_gradient, int64_t y_length, Real<T>* sums) {
  const bool in_time = taps.time != nullptr, is_two = stride == NearStride::kTwo;
  if (in_time && is_two) {
    AddSlopes<kLanes, true, true>(rows, frames, taps, slopes, begin, end, y_gradient, y_length,
                                  sums);
  } else if (in_time) {
    AddSlopes<kLanes, true, false>(rows, frames, taps, slopes, begin, end, y_gradient, y_length,
                                   sums);
  } else if (is_two) {
    AddSlopes<kLanes, false, true>(rows, frames, taps, slopes, begin, end, y_gradient, y_length,
                                   sums);
  } else {
    AddSlopes<kLanes, false, false>(rows, frames, taps, slopes, begin, end, y_gradient, y_length,
                                    sums);
  }
}

#ifdef GSF_AVX2

template <int kLanes, typename T>
GSF_AVX2 void BlendWithAvx2(const NearRow<const T> (&rows)[kNearTaps], int64_t length,
                            int64_t frames, const NearTaps<Real<T>>& taps, NearStride stride,
                            int64_t begin, int64_t end, const NearRow<T>& output) {
  BlendAny<kLanes>(rows, length, frames, taps, stride, begin, end, output);
}

template <int kLanes, typename T>
GSF_AVX512 void BlendWithAvx512(const NearRow<const T> (&rows)[kNearTaps], int64_t length,
                                int64_t frames, const NearTaps<Real<T>>& taps, NearStride stride,
                                int64_t begin, int64_t end, const NearRow<T>& output) {
  BlendAny<kLanes>(rows, length, frames, taps, stride, begin, end, output);
}

template <int kLanes, typename T>
GSF_AVX2 void AddWithAvx2(const NearRow<const T> (&rows)[kNearTaps], int64_t frames,
                          const NearTaps<Real<T>>& taps, const NearTaps<Real<T>>& slopes,
                          NearStride stride, int64_t begin, int64_t end,
                          const NearRow<const T>& y_gradient, int64_t y_length, Real<T>* sums) {
  AddAny<kLanes>(rows, frames, taps, slopes, stride, begin, end, y_gradient, y_length, sums);
}

template <int kLanes, typename T>
GSF_AVX512 void AddWithAvx512(const NearRow<const T> (&rows)[kNearTaps], int64_t frames,
                              const NearTaps<Real<T>>& taps, const NearTaps<Real<T>>& slopes,
                              NearStride stride, int64_t begin, int64_t end,
                              const NearRow<const T>& y_gradient, int64_t y_length, Real<T>* sums) {
  AddAny<kLanes>(rows, frames, taps, slopes, stride, begin, end, y_gradient, y_length, sums);
}

#endif

}  // namespace

// 64 bytes are only asked for where VectorBytes says so.
template <int kLanes, typename T>
void BlendNear(const NearRow<const T> (&rows)[kNearTaps], int64_t length, int64_t frames,
               const NearTaps<Real<T>>& taps, NearStride stride, int64_t begin, int64_t end,
               const NearRow<T>& output) {
#ifdef GSF_AVX2
  if constexpr (kLanes * sizeof(Real<T>) == 64) {
    return BlendWithAvx512<kLanes>(rows, length, frames, taps, stride, begin, end, output);
  }
  if (VectorBytes() >= 32) {
    return BlendWithAvx2<kLanes>(rows, length, frames, taps, stride, begin, end, output);
  }
#endif
  BlendAny<kLanes>(rows, length, frames, taps, stride, begin, end, output);
}

template <int kLanes, typename T>
void AddNearSlopes(const NearRow<const T> (&rows)[kNearTaps], int64_t frames,
                   const NearTaps<Real<T>>& taps, const NearTaps<Real<T>>& slopes,
                   NearStride stride, int64_t begin, int64_t end,
                   const NearRow<const T>& y_gradient, int64_t y_length, Real<T>* sums) {
#ifdef GSF_AVX2
  if constexpr (kLanes * sizeof(Real<T>) == 64) {
    return AddWithAvx512<kLanes>(rows, frames, taps, slopes, stride, begin, end, y_gradient,
                                 y_length, sums);
  }
  if (VectorBytes() >= 32) {
    return AddWithAvx2<kLanes>(rows, frames, taps, slopes, stride, begin, end, y_gradient, y_length,
                               sums);
  }
#endif
  AddAny<kLanes>(rows, frames, taps, slopes, stride, begin, end, y_gradient, y_length, sums);
}

#define INSTANTIATE(LANES, T)                                                               \
  template void BlendNear<LANES>(const NearRow<const T>(&)[kNearTaps], int64_t, int64_t,    \
                                 const NearTaps<Real<T>>&, NearStride, int64_t, int64_t,    \
                                 const NearRow<T>&);                                        \
  template void AddNearSlopes<LANES>(const NearRow<const T>(&)[kNearTaps], int64_t,         \
                                     const NearTaps<Real<T>>&, const NearTaps<Real<T>>&,    \
                                     NearStride, int64_t, int64_t, const NearRow<const T>&, \
                                     int64_t, Real<T>*)

INSTANTIATE(8, float);
INSTANTIATE(16, float);
INSTANTIATE(8, Bfloat16);
INSTANTIATE(16, Bfloat16);
INSTANTIATE(8, Float16);
INSTANTIATE(16, Float16);
INSTANTIATE(4, double);
INSTANTIATE(8, double);

}  // namespace gsf_tf
