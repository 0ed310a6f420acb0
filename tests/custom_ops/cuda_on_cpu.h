// Enough of CUDA for g++ to run the kernels on a CPU, for their indexing and arithmetic to be
// tested where there is no GPU. It says nothing about speed, and a GPU has more ways to fail.
//
// The blocks of a grid run one after the other. The threads of a block are fibers: each runs to its
// next __syncthreads(), then the next thread does, in ascending or, after cuda_on_cpu_reverse(1),
// in descending order; a result that depends on the order has a race. Threads of a block that pass
// unequal numbers of barriers are an error.

#ifndef GSF_TF_TESTS_CUSTOM_OPS_CUDA_ON_CPU_H_
#define GSF_TF_TESTS_CUSTOM_OPS_CUDA_ON_CPU_H_

#include <math.h>
#include <setjmp.h>
#include <stdint.h>
#include <string.h>
#include <ucontext.h>

#include <functional>
#include <memory>
#include <vector>

#define __global__
#define __device__
#define __forceinline__ inline
#define __launch_bounds__(...)
#define __restrict__
// Blocks run one after the other, so one copy per kernel will do.
#define __shared__ static

enum cudaError_t { cudaSuccess = 0, cudaErrorInvalidValue = 1, cudaErrorInvalidConfiguration = 9 };
enum cudaMemcpyKind { cudaMemcpyDeviceToDevice = 3 };
using cudaStream_t = void*;

struct dim3 {
  unsigned x, y, z;
  dim3(unsigned x = 1, unsigned y = 1, unsigned z = 1) : x(x), y(y), z(z) {}
};

struct alignas(8) uint2 {
  uint32_t x, y;
};
struct alignas(16) uint4 {
  uint32_t x, y, z, w;
};

inline dim3 gridDim, blockDim, blockIdx, threadIdx;

namespace cuda_on_cpu {

template <typename To, typename From>
To BitCast(From from) {
  To to;
  static_assert(sizeof(to) == sizeof(from), "A bit cast keeps the size");
  memcpy(&to, &from, sizeof(to));
  return to;
}

// A 16-bit number with kExponent bits of exponent; conversions round to nearest, ties to even.
template <int kExponent>
struct SmallFloat {
  static constexpr int kMantissa = 15 - kExponent;
  static constexpr int kBias = (1 << (kExponent - 1)) - 1;
  uint16_t bits;

  SmallFloat() = default;
  SmallFloat(double number) {
    const uint16_t sign = signbit(number) ? 0x8000 : 0;
    constexpr uint16_t kInfinity = ((1 << kExponent) - 1) << kMantissa;
    if (isnan(number)) {
      bits = sign | kInfinity | 1 << (kMantissa - 1);
      return;
    }
    int exponent;
    frexp(number, &exponent);
    const int lowest = 1 - kBias;
    exponent = number == 0 || exponent - 1 < lowest ? lowest : exponent - 1;
    // In units of the last place: the sum of the two fields, into which a carry runs by itself.
    const double units = isinf(number) ? 0 : nearbyint(ldexp(fabs(number), kMantissa - exponent));
    const double fields = units + ldexp(exponent - lowest, kMantissa);
    bits = sign | (isinf(number) || fields >= kInfinity ? kInfinity : static_cast<int>(fields));
  }
  operator float() const {
    const int exponent = (bits & 0x7fff) >> kMantissa;
    const int mantissa = bits & ((1 << kMantissa) - 1);
    const bool special = exponent == (1 << kExponent) - 1;
    const float magnitude = special ? (mantissa != 0 ? NAN : INFINITY)
                                    : ldexpf(mantissa + (exponent > 0 ? 1 << kMantissa : 0),
                                             (exponent > 0 ? exponent : 1) - kBias - kMantissa);
    return bits & 0x8000 ? -magnitude : magnitude;
  }
};

struct Fiber {
  ucontext_t context;
  jmp_buf position;
  std::unique_ptr<char[]> stack;
  dim3 index;
  bool started, finished;
  int barriers;
};

constexpr size_t kStackBytes = 64 << 10;
// What every kernel of this project keeps to.
constexpr unsigned kMaxThreads = 256;

struct State {
  std::vector<Fiber> fibers;
  std::function<void()> body;
  jmp_buf scheduler;
  Fiber* current;
  size_t turn, waiting;
  bool reverse = false;
  cudaError_t error = cudaSuccess;
};

inline State state;

inline void RunFiber() {
  state.body();
  state.current->finished = true;
  _longjmp(state.scheduler, 1);
}

inline void RunBlock() {
  const size_t threads = state.fibers.size();
  for (size_t i = 0; i < threads; ++i) {
    Fiber& fiber = state.fibers[i];
    fiber.started = fiber.finished = false;
    fiber.barriers = 0;
    fiber.index = dim3(i % blockDim.x, i / blockDim.x % blockDim.y, i / blockDim.x / blockDim.y);
  }
  // All that changes between the jumps is in `state`.
  for (state.waiting = threads; state.waiting > 0;) {
    state.waiting = 0;
    for (state.turn = 0; state.turn < threads; ++state.turn) {
      Fiber& fiber = state.fibers[state.reverse ? threads - 1 - state.turn : state.turn];
      if (fiber.finished) continue;
      state.current = &fiber;
      threadIdx = fiber.index;
      if (_setjmp(state.scheduler) == 0) {
        if (fiber.started) _longjmp(fiber.position, 1);
        fiber.started = true;
        getcontext(&fiber.context);
        fiber.context.uc_stack.ss_sp = fiber.stack.get();
        fiber.context.uc_stack.ss_size = kStackBytes;
        makecontext(&fiber.context, RunFiber, 0);
        setcontext(&fiber.context);
      }
      if (!state.current->finished) ++state.waiting;
    }
  }
  for (const Fiber& fiber : state.fibers) {
    if (fiber.barriers != state.fibers[0].barriers) state.error = cudaErrorInvalidConfiguration;
  }
}

// Stands for kernel<<<grid, threads, shared, stream>>>.
template <typename... Parameters>
auto Configured(dim3 grid, dim3 threads, size_t, cudaStream_t, void (*kernel)(Parameters...)) {
  return [=](Parameters... parameters) {
    const unsigned count = threads.x * threads.y * threads.z;
    if (count == 0 || count > kMaxThreads || threads.z > 64 || grid.x == 0 || grid.y == 0 ||
        grid.z == 0 || grid.x > 0x7fffffff || grid.y > 65535 || grid.z > 65535) {
      state.error = cudaErrorInvalidConfiguration;
      return;
    }
    state.body = [&] { kernel(parameters...); };
    state.fibers.resize(count);
    for (Fiber& fiber : state.fibers) {
      if (!fiber.stack) fiber.stack.reset(new char[kStackBytes]);
    }
    gridDim = grid;
    blockDim = threads;
    for (blockIdx.z = 0; blockIdx.z < grid.z; ++blockIdx.z) {
      for (blockIdx.y = 0; blockIdx.y < grid.y; ++blockIdx.y) {
        for (blockIdx.x = 0; blockIdx.x < grid.x; ++blockIdx.x) RunBlock();
      }
    }
  };
}

}  // namespace cuda_on_cpu

using __half = cuda_on_cpu::SmallFloat<5>;
using __nv_bfloat16 = cuda_on_cpu::SmallFloat<8>;

inline void __syncthreads() {
  cuda_on_cpu::Fiber& fiber = *cuda_on_cpu::state.current;
  ++fiber.barriers;
  if (_setjmp(fiber.position) == 0) _longjmp(cuda_on_cpu::state.scheduler, 1);
}

inline cudaError_t cudaGetLastError() {
  const cudaError_t error = cuda_on_cpu::state.error;
  cuda_on_cpu::state.error = cudaSuccess;
  return error;
}

inline const char* cudaGetErrorString(cudaError_t error) {
  return error == cudaSuccess ? "no error" : "invalid argument or configuration";
}

inline cudaError_t cudaMemsetAsync(void* target, int value, size_t count, cudaStream_t) {
  memset(target, value, count);
  return cudaSuccess;
}

inline cudaError_t cudaMemcpyAsync(void* target, const void* source, size_t count, cudaMemcpyKind,
                                   cudaStream_t) {
  memcpy(target, source, count);
  return cudaSuccess;
}

inline cudaError_t cudaMemcpy2DAsync(void* target, size_t target_pitch, const void* source,
                                     size_t source_pitch, size_t width, size_t height,
                                     cudaMemcpyKind, cudaStream_t) {
  for (size_t row = 0; row < height; ++row) {
    memcpy(static_cast<char*>(target) + row * target_pitch,
           static_cast<const char*>(source) + row * source_pitch, width);
  }
  return cudaSuccess;
}

extern "C" inline __attribute__((used)) void cuda_on_cpu_reverse(int reverse) {
  cuda_on_cpu::state.reverse = reverse != 0;
}

#endif  // GSF_TF_TESTS_CUSTOM_OPS_CUDA_ON_CPU_H_
