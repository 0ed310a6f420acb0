// RubiksShift and the 1x1 convolution after it on the GPU. A block multiplies tiles in shared
// memory, and computes the tile of shifted pixels there, so the shifted map is never in memory.

#include "custom_ops/kernels/cuda_rubiks_shift.h"
#include "custom_ops/kernels/rubiks_shift_pointwise.h"

namespace gsf {
namespace {

using Position = int64_t;

// A block's part of a product: kRows x kColumns sums over kDepth elements at a time. A thread has
// kRowSums x kColumnSums of them.
constexpr int kRows = 32;
constexpr int kDepth = 32;
constexpr int kAcross = 32;  // threads
constexpr int kDown = 8;
constexpr int kRowSums = kRows / kDown;
constexpr int kColumnSums = 4;
constexpr int kColumns = kAcross * kColumnSums;

// The two elements of x on an axis that a shift points between, and their coefficients.
template <typename R>
struct Pair {
  Position position[2];
  R value[2];  // zero outside of the clip

  __device__ Pair(const R* shift, int axis_index, const Axis<Position>& axis, Position target,
                  Position channel, const Map<Position>& map) {
    const Corner<R, Position> corner(ReadShift(shift, axis_index, channel, map));
    for (int i = 0; i < 2; ++i) {
      const Position source = target * axis.stride + corner.below + i;
      const bool inside = source >= 0 && source < axis.length;
      position[i] = inside ? source : 0;
      value[i] = inside ? corner.Value(corner.below + i) : R(0);
    }
  }
};

// Element `channel` of the shifted pixel with the number `pixel`, rounded to T.
template <typename T>
__device__ Real<T> Shifted(const T* x, const Real<T>* shift, const Map<Position>& map,
                           Position pixel, Position channel) {
  using R = Real<T>;
  const Position row = Quotient(pixel, map.horizontal.output);
  const Position frame = Quotient(row, map.vertical.output);
  const Position clip = Quotient(frame, map.time.output);
  const Pair<R> time(shift, 0, map.time, frame - clip * map.time.output, channel, map);
  const Pair<R> down(shift, 1, map.vertical, row - frame * map.vertical.output, channel, map);
  const Pair<R> across(shift, 2, map.horizontal, pixel - row * map.horizontal.output, channel, map);
  R value = 0;
  for (int t = 0; t < 2; ++t) {
    const Position from = (clip * map.time.length + time.position[t]) * map.vertical.length;
    R blended = 0;
    for (int i = 0; i < 2; ++i) {
      const T* pixels = x + (from + down.position[i]) * map.horizontal.length * map.channels;
      R between = 0;
      for (int j = 0; j < 2; ++j) {
        between +=
            across.value[j] * static_cast<R>(pixels[across.position[j] * map.channels + channel]);
      }
      blended += down.value[i] * between;
    }
    value += time.value[t] * blended;
  }
  return static_cast<R>(static_cast<T>(value));
}

template <typename R>
struct Tiles {
  R left[kRows][kDepth + 1];  // one more, against conflicts of the banks
  R right[kDepth][kColumns];
};

template <typename R>
__device__ void AddProducts(const Tiles<R>& tiles, R (&sums)[kRowSums][kColumnSums]) {
  for (int k = 0; k < kDepth; ++k) {
#pragma unroll
    for (int i = 0; i < kRowSums; ++i) {
#pragma unroll
      for (int j = 0; j < kColumnSums; ++j) {
        sums[i][j] +=
            tiles.left[threadIdx.y + i * kDown][k] * tiles.right[k][threadIdx.x + j * kAcross];
      }
    }
  }
}

// Columns of the matrix `source` [rows, columns] as the tile's right side; zero beyond its ends.
template <typename T, typename R>
__device__ void ReadRight(const T* source, Position first_row, Position rows, Position first_column,
                          Position columns, Tiles<R>* tiles) {
  for (int k = threadIdx.y; k < kDepth; k += kDown) {
    for (int j = threadIdx.x; j < kColumns; j += kAcross) {
      const Position row = first_row + k, column = first_column + j;
      const bool inside = row < rows && column < columns;
      tiles->right[k][j] = inside ? static_cast<R>(source[row * columns + column]) : R(0);
    }
  }
}

// Calls use(row, column, sum) for those of the block's sums that are inside.
template <typename R, typename Use>
__device__ void ForSums(const R (&sums)[kRowSums][kColumnSums], Position first_row, Position rows,
                        Position first_column, Position columns, Use use) {
#pragma unroll
  for (int i = 0; i < kRowSums; ++i) {
#pragma unroll
    for (int j = 0; j < kColumnSums; ++j) {
      const Position row = first_row + threadIdx.y + i * kDown;
      const Position column = first_column + threadIdx.x + j * kAcross;
      if (row < rows && column < columns) use(row, column, sums[i][j]);
    }
  }
}

template <typename T>
__global__ void __launch_bounds__(kAcross* kDown)
    ForwardKernel(const T* __restrict__ x, const Real<T>* __restrict__ shift,
                  const Real<T>* __restrict__ kernel, const T* __restrict__ addend,
                  T* __restrict__ y, Map<Position> map, Position pixels, Position filters) {
  using R = Real<T>;
  __shared__ Tiles<R> tiles;
  for (Position first = blockIdx.x * Position{kRows}; first < pixels;
       first += gridDim.x * Position{kRows}) {
    for (Position column = blockIdx.y * Position{kColumns}; column < filters;
         column += gridDim.y * Position{kColumns}) {
      R sums[kRowSums][kColumnSums] = {};
      for (Position depth = 0; depth < map.channels; depth += kDepth) {
        const Position channel = depth + threadIdx.x;
        for (int i = threadIdx.y; i < kRows; i += kDown) {
          const bool inside = first + i < pixels && channel < map.channels;
          tiles.left[i][threadIdx.x] = inside ? Shifted(x, shift, map, first + i, channel) : R(0);
        }
        ReadRight(kernel, depth, map.channels, column, filters, &tiles);
        __syncthreads();
        AddProducts(tiles, sums);
        __syncthreads();
      }
      ForSums(sums, first, pixels, column, filters, [&](Position p, Position f, R sum) {
        const Position at = p * filters + f;
        if (addend != nullptr) sum += static_cast<R>(addend[at]);
        y[at] = static_cast<T>(sum);
      });
    }
  }
}

// Sums over the pixels of part blockIdx.z; `partials` is [parts, channels, filters].
template <typename T>
__global__ void __launch_bounds__(kAcross* kDown)
    KernelGradientKernel(const T* __restrict__ x, const Real<T>* __restrict__ shift,
                         const T* __restrict__ y_gradient, Real<T>* __restrict__ partials,
                         Map<Position> map, Position pixels, Position filters) {
  using R = Real<T>;
  __shared__ Tiles<R> tiles;
  R* const sums_of_part = partials + blockIdx.z * map.channels * filters;
  for (Position first = blockIdx.x * Position{kRows}; first < map.channels;
       first += gridDim.x * Position{kRows}) {
    for (Position column = blockIdx.y * Position{kColumns}; column < filters;
         column += gridDim.y * Position{kColumns}) {
      R sums[kRowSums][kColumnSums] = {};
      for (Position depth = blockIdx.z * Position{kDepth}; depth < pixels;
           depth += gridDim.z * Position{kDepth}) {
        const Position channel = first + threadIdx.x;
        for (int k = threadIdx.y; k < kDepth; k += kDown) {
          const bool inside = depth + k < pixels && channel < map.channels;
          tiles.left[threadIdx.x][k] = inside ? Shifted(x, shift, map, depth + k, channel) : R(0);
        }
        ReadRight(y_gradient, depth, pixels, column, filters, &tiles);
        __syncthreads();
        AddProducts(tiles, sums);
        __syncthreads();
      }
      ForSums(sums, first, map.channels, column, filters,
              [&](Position c, Position f, R sum) { sums_of_part[c * filters + f] = sum; });
    }
  }
}

template <typename R>
__global__ void __launch_bounds__(kSumColumns* kSumLanes)
    AddPartsKernel(const R* __restrict__ partials, R* __restrict__ kernel_gradient, int64_t parts,
                   int64_t columns) {
  for (int64_t first = blockIdx.x * int64_t{kSumColumns}; first < columns;
       first += gridDim.x * int64_t{kSumColumns}) {
    const int64_t column = first + threadIdx.x;
    const double sum = SumRows(partials, parts, columns, column);
    if (threadIdx.y == 0 && column < columns) kernel_gradient[column] = static_cast<R>(sum);
  }
}

Map<Position> MapOf(const gsf_rubiks_shift_shape& shape) {
  Map<Position> map;
  Divide(shape, 1, true, &map);
  map.rounded = shape.quantized != 0;
  return map;
}

Position Pixels(const Map<Position>& map) {
  return map.num_clips * map.time.output * map.vertical.output * map.horizontal.output;
}

// Parts that the pixels of the kernel's gradient are in; of the shape alone, as results are.
int64_t Parts(const gsf_rubiks_shift_shape& shape, int64_t filters) {
  const int64_t tiles = CeilDiv(shape.channels, kRows) * CeilDiv(filters, kColumns);
  const int64_t steps = CeilDiv(Pixels(MapOf(shape)), kDepth);
  return std::min(steps, std::max<int64_t>(1, kEnoughBlocks / tiles));
}

template <typename T>
int Forward(const void* x, const void* shift, const void* kernel, const void* addend, void* y,
            int64_t filters, const gsf_rubiks_shift_shape& shape, cudaStream_t stream) {
  using R = Real<T>;
  const auto map = MapOf(shape);
  const int64_t pixels = Pixels(map);
  const dim3 threads(kAcross, kDown);
  const dim3 grid(GridSize(CeilDiv(pixels, kRows), kMaxGridX),
                  GridSize(CeilDiv(filters, kColumns), kMaxGridY));
  ForwardKernel<T><<<grid, threads, 0, stream>>>(
      static_cast<const T*>(x), static_cast<const R*>(shift), static_cast<const R*>(kernel),
      static_cast<const T*>(addend), static_cast<T*>(y), map, pixels, filters);
  return cudaGetLastError();
}

template <typename T>
int KernelGradient(const void* x, const void* shift, const void* y_gradient, void* kernel_gradient,
                   void* workspace, int64_t filters, const gsf_rubiks_shift_shape& shape,
                   cudaStream_t stream) {
  using R = Real<T>;
  const int64_t columns = shape.channels * filters;
  if (IsEmpty(shape)) {
    return columns == 0 ? cudaSuccess
                        : cudaMemsetAsync(kernel_gradient, 0, columns * sizeof(R), stream);
  }
  const auto map = MapOf(shape);
  const int64_t parts = Parts(shape, filters);
  const dim3 threads(kAcross, kDown);
  const dim3 grid(GridSize(CeilDiv(shape.channels, kRows), kMaxGridX),
                  GridSize(CeilDiv(filters, kColumns), kMaxGridY), static_cast<unsigned>(parts));
  KernelGradientKernel<T><<<grid, threads, 0, stream>>>(
      static_cast<const T*>(x), static_cast<const R*>(shift), static_cast<const T*>(y_gradient),
      static_cast<R*>(workspace), map, Pixels(map), filters);
  const int error = cudaGetLastError();
  if (error != cudaSuccess) return error;
  const dim3 sum_threads(kSumColumns, kSumLanes);
  const dim3 sum_grid(GridSize(CeilDiv(columns, kSumColumns), kMaxGridX));
  AddPartsKernel<R><<<sum_grid, sum_threads, 0, stream>>>(
      static_cast<const R*>(workspace), static_cast<R*>(kernel_gradient), parts, columns);
  return cudaGetLastError();
}

}  // namespace
}  // namespace gsf

int gsf_rubiks_shift_pointwise_cuda(const void* x, const void* shift, const void* kernel,
                                    const void* addend, void* y, int64_t filters,
                                    const gsf_rubiks_shift_shape* shape, void* stream) {
  if (gsf::IsEmpty(*shape)) return cudaSuccess;
  return gsf::WithElementType(shape->dtype, [&](auto element) {
    return gsf::Forward<decltype(element)>(x, shift, kernel, addend, y, filters, *shape,
                                           static_cast<cudaStream_t>(stream));
  });
}

int64_t gsf_rubiks_shift_pointwise_gradient_workspace_cuda(const gsf_rubiks_shift_shape* shape,
                                                           int64_t filters) {
  if (gsf::IsEmpty(*shape)) return 0;
  const int64_t size = shape->dtype == GSF_FLOAT64 ? sizeof(double) : sizeof(float);
  return gsf::Parts(*shape, filters) * shape->channels * filters * size;
}

int gsf_rubiks_shift_pointwise_gradient_cuda(const void* x, const void* shift,
                                             const void* y_gradient, void* kernel_gradient,
                                             void* workspace, int64_t filters,
                                             const gsf_rubiks_shift_shape* shape, void* stream) {
  return gsf::WithElementType(shape->dtype, [&](auto element) {
    return gsf::KernelGradient<decltype(element)>(x, shift, y_gradient, kernel_gradient, workspace,
                                                  filters, *shape,
                                                  static_cast<cudaStream_t>(stream));
  });
}
