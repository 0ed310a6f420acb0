// Vectors of float32 or float64, and the two 16-bit types as they are loaded into and stored from
// float32 vectors. The vectors are those of GCC and Clang, which any instruction set can run.

#ifndef GSF_TF_CUSTOM_OPS_KERNELS_HALF_PRECISION_H_
#define GSF_TF_CUSTOM_OPS_KERNELS_HALF_PRECISION_H_

#include <stdint.h>
#include <string.h>

// Inlined into functions of several instruction sets, so that each gets its own. Not for the
// sanitizers: their checks inside of every copy would take minutes to compile.
#ifdef __SANITIZE_ADDRESS__
#define GSF_INLINE inline
#else
#define GSF_INLINE inline __attribute__((always_inline))
#endif

namespace gsf_tf {

struct Bfloat16 {
  uint16_t bits;
};

struct Float16 {
  uint16_t bits;
};

// What a type is computed in.
template <typename T>
struct RealOf {
  using type = float;
};
template <>
struct RealOf<double> {
  using type = double;
};
template <typename T>
using Real = typename RealOf<T>::type;

template <typename T, int kLanes>
struct VectorOf {
  typedef T type __attribute__((vector_size(sizeof(T) * kLanes)));
};
template <typename T, int kLanes>
using Vector = typename VectorOf<T, kLanes>::type;

template <int kLanes>
GSF_INLINE void Select(const Vector<int32_t, kLanes>& mask, const Vector<uint32_t, kLanes>& yes,
                       Vector<uint32_t, kLanes>& value) {
  const auto chosen = (Vector<uint32_t, kLanes>)mask;
  value = (chosen & yes) | (~chosen & value);
}

template <int kLanes>
GSF_INLINE void Widen(const uint16_t* source, Vector<uint32_t, kLanes>& bits) {
  Vector<uint16_t, kLanes> narrow;
  memcpy(&narrow, source, sizeof(narrow));
  bits = __builtin_convertvector(narrow, Vector<uint32_t, kLanes>);
}

template <int kLanes>
GSF_INLINE void Narrow(const Vector<uint32_t, kLanes>& bits, uint16_t* target) {
  const auto narrow = __builtin_convertvector(bits, Vector<uint16_t, kLanes>);
  memcpy(target, &narrow, sizeof(narrow));
}

template <int kLanes>
GSF_INLINE void Load(const float* source, Vector<float, kLanes>& value) {
  memcpy(&value, source, sizeof(value));
}

template <int kLanes>
GSF_INLINE void Store(const Vector<float, kLanes>& value, float* target) {
  memcpy(target, &value, sizeof(value));
}

template <int kLanes>
GSF_INLINE void Load(const double* source, Vector<double, kLanes>& value) {
  memcpy(&value, source, sizeof(value));
}

template <int kLanes>
GSF_INLINE void Store(const Vector<double, kLanes>& value, double* target) {
  memcpy(target, &value, sizeof(value));
}

template <int kLanes>
GSF_INLINE void Load(const Bfloat16* source, Vector<float, kLanes>& value) {
  Vector<uint32_t, kLanes> bits;
  Widen<kLanes>(&source->bits, bits);
  value = (Vector<float, kLanes>)(bits << 16);
}

// To nearest, ties to even.
template <int kLanes>
GSF_INLINE void Store(const Vector<float, kLanes>& value, Bfloat16* target) {
  const auto bits = (Vector<uint32_t, kLanes>)value;
  Vector<uint32_t, kLanes> rounded = (bits + 0x7fff + ((bits >> 16) & 1)) >> 16;
  Select<kLanes>((bits & 0x7fffffff) > 0x7f800000, (bits >> 16) | 0x40, rounded);
  Narrow<kLanes>(rounded, &target->bits);
}

template <int kLanes>
GSF_INLINE void Load(const Float16* source, Vector<float, kLanes>& value) {
  using Bits = Vector<uint32_t, kLanes>;
  using Floats = Vector<float, kLanes>;
  Bits half;
  Widen<kLanes>(&source->bits, half);
  const Bits shifted = (half & 0x7fff) << 13;
  // The exponent's bias is 15 there and 127 here.
  Bits bits = shifted + (112u << 23);
  Select<kLanes>(shifted >= (31u << 23), shifted + (224u << 23), bits);
  // A subnormal is a difference of two normal numbers, as TensorFlow's threads flush subnormals.
  const Bits smallest_normal = (Bits{} + 113u) << 23;
  const Floats subnormal = (Floats)(shifted + smallest_normal) - (Floats)smallest_normal;
  Select<kLanes>(shifted < (1u << 23), (Bits)subnormal, bits);
  value = (Floats)(bits | ((half & 0x8000) << 16));
}

// To nearest, ties to even.
template <int kLanes>
GSF_INLINE void Store(const Vector<float, kLanes>& value, Float16* target) {
  using Bits = Vector<uint32_t, kLanes>;
  using Floats = Vector<float, kLanes>;
  const Bits sign = (Bits)value & 0x80000000u;
  const Bits bits = (Bits)value ^ sign;
  Bits half = (bits - (112u << 23) + 0xfff + ((bits >> 13) & 1)) >> 13;
  // Below 2^-14 results are multiples of 2^-24, the last place of 0.5 in float32.
  const Bits last_place = (Bits{} + 126u) << 23;
  Select<kLanes>(bits < (113u << 23), (Bits)((Floats)bits + (Floats)last_place) - last_place, half);
  Select<kLanes>(bits >= (143u << 23), Bits{} + 0x7c00, half);
  Select<kLanes>(bits > (255u << 23), Bits{} + 0x7e00, half);
  Narrow<kLanes>(half | (sign >> 16), &target->bits);
}

}  // namespace gsf_tf

#endif  // GSF_TF_CUSTOM_OPS_KERNELS_HALF_PRECISION_H_
