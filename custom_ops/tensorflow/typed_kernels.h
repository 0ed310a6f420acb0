// What the ops with kernels for CPU and GPU and for four element types share. Include it before
// TensorFlow's headers, which look at EIGEN_USE_GPU.

#ifndef GSF_TF_CUSTOM_OPS_TENSORFLOW_TYPED_KERNELS_H_
#define GSF_TF_CUSTOM_OPS_TENSORFLOW_TYPED_KERNELS_H_

#if defined(GOOGLE_CUDA) && !defined(EIGEN_USE_GPU)
#define EIGEN_USE_GPU
#endif

#include <cstdint>
#include <cstring>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "custom_ops/kernels/temporal_shift.h"
#include "tensorflow/core/framework/op_kernel.h"

namespace gsf_tf {

using CpuDevice = Eigen::ThreadPoolDevice;

// Bytes that make zeros and NaNs of every type.
constexpr int kZeros = 0;
constexpr int kNans = 0xff;

inline void FillBytes(const CpuDevice&, tensorflow::Tensor* tensor, int byte) {
  if (tensor->TotalBytes() > 0) std::memset(tensor->data(), byte, tensor->TotalBytes());
}

#ifdef GOOGLE_CUDA
inline void FillBytes(const Eigen::GpuDevice& device, tensorflow::Tensor* tensor, int byte) {
  if (tensor->TotalBytes() > 0) device.memset(tensor->data(), byte, tensor->TotalBytes());
}
#endif

// Allocates an output whose dimensions come from inputs that may be empty, so that their product
// may be too large for a shape.
inline absl::Status AllocateOutput(tensorflow::OpKernelContext* context, int output,
                                   const std::vector<int64_t>& dims, tensorflow::Tensor** tensor) {
  tensorflow::TensorShape shape;
  TF_RETURN_IF_ERROR(tensorflow::TensorShape::BuildTensorShape(dims, &shape));
  return context->allocate_output(output, shape, tensor);
}

#ifdef GOOGLE_CUDA
// The status of an op whose CUDA launcher returned `error`.
inline absl::Status LaunchStatus(absl::string_view op, int error) {
  if (error == 0) return absl::OkStatus();
  return absl::InternalError(
      absl::StrCat("The CUDA launch of ", op, " failed: ", gsf_cuda_error_string(error), "."));
}
#endif

#define GSF_FOR_EACH_TYPE(REGISTER, DEVICE, DEVICE_TYPE) \
  REGISTER(DEVICE, DEVICE_TYPE, float);                  \
  REGISTER(DEVICE, DEVICE_TYPE, double);                 \
  REGISTER(DEVICE, DEVICE_TYPE, Eigen::half);            \
  REGISTER(DEVICE, DEVICE_TYPE, tensorflow::bfloat16)

// REGISTER(Eigen's device, TensorFlow's name of it, element type) for all that a kernel is built
// for.
#ifdef GOOGLE_CUDA
#define GSF_FOR_EACH_KERNEL(REGISTER)                 \
  GSF_FOR_EACH_TYPE(REGISTER, CpuDevice, DEVICE_CPU); \
  GSF_FOR_EACH_TYPE(REGISTER, Eigen::GpuDevice, DEVICE_GPU)
#else
#define GSF_FOR_EACH_KERNEL(REGISTER) GSF_FOR_EACH_TYPE(REGISTER, CpuDevice, DEVICE_CPU)
#endif

}  // namespace gsf_tf

#endif  // GSF_TF_CUSTOM_OPS_TENSORFLOW_TYPED_KERNELS_H_
