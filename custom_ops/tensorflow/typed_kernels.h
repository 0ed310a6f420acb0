// What the ops with kernels for CPU and GPU and for four element types share. Include it before
// TensorFlow's headers, which look at EIGEN_USE_GPU.

#ifndef GSF_TF_CUSTOM_OPS_TENSORFLOW_TYPED_KERNELS_H_
#define GSF_TF_CUSTOM_OPS_TENSORFLOW_TYPED_KERNELS_H_

#ifdef GOOGLE_CUDA
#define EIGEN_USE_GPU
#endif

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "custom_ops/kernels/temporal_shift.h"
#include "tensorflow/core/framework/op_kernel.h"

namespace gsf_tf {

using CpuDevice = Eigen::ThreadPoolDevice;

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
