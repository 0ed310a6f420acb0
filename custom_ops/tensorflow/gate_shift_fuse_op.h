// What GsfTf>GateShiftFuse and its gradient share.

#ifndef GSF_TF_CUSTOM_OPS_TENSORFLOW_GATE_SHIFT_FUSE_OP_H_
#define GSF_TF_CUSTOM_OPS_TENSORFLOW_GATE_SHIFT_FUSE_OP_H_

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "custom_ops/kernels/gate_shift_fuse.h"
#include "custom_ops/tensorflow/typed_kernels.h"
#include "tensorflow/core/framework/op.h"
#include "tensorflow/core/framework/op_kernel.h"

namespace gsf_tf {

using tensorflow::OpKernelContext;
using tensorflow::Tensor;

// Unknown dimensions are negative and pass.
inline absl::Status CheckShape(int64_t frames, int64_t channels, int64_t processed,
                               int64_t num_segments, const std::string& x,
                               const std::string& gamma) {
  const std::string received = absl::StrCat(". Received: x of shape ", x, ", gamma of shape ",
                                            gamma, " and num_segments ", num_segments, ".");
  if (frames >= 0 && frames % num_segments != 0) {
    return absl::InvalidArgumentError(absl::StrCat(
        "The first dimension of x must be a multiple of num_segments (batch * time)", received));
  }
  if (processed >= 0 && (processed == 0 || processed % 4 != 0)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "The number of processed channels, the length of gamma, must be a positive multiple of 4",
        received));
  }
  if (processed >= 0 && channels >= 0 && processed > channels) {
    return absl::InvalidArgumentError(absl::StrCat(
        "The processed channels, the length of gamma, must not be more than those of x", received));
  }
  return absl::OkStatus();
}

template <typename T>
struct DtypeOf;
template <>
struct DtypeOf<float> {
  using Real = float;
  static constexpr gsf_dtype value = GSF_FLOAT32;
};
template <>
struct DtypeOf<tensorflow::bfloat16> {
  using Real = float;
  static constexpr gsf_dtype value = GSF_BFLOAT16;
};
template <>
struct DtypeOf<Eigen::half> {
  using Real = float;
  static constexpr gsf_dtype value = GSF_FLOAT16;
};
template <>
struct DtypeOf<double> {
  using Real = double;
  static constexpr gsf_dtype value = GSF_FLOAT64;
};

template <typename RunPass>
void RunOnThreads(OpKernelContext* context, const gsf_pass& pass, const RunPass& run) {
  if (pass.units == 0) return;
  context->device()->tensorflow_cpu_worker_threads()->workers->ParallelFor(pass.units,
                                                                           pass.unit_cycles, run);
}

// What both directions share: attributes, checks, the shape, the workspace.
template <typename T>
class GateShiftFuseKernel : public tensorflow::OpKernel {
 protected:
  explicit GateShiftFuseKernel(tensorflow::OpKernelConstruction* context)
      : tensorflow::OpKernel(context) {
    OP_REQUIRES_OK(context, context->GetAttr("num_segments", &num_segments_));
    OP_REQUIRES_OK(context, context->GetAttr("epsilon", &epsilon_));
    OP_REQUIRES_OK(context, context->GetAttr("training", &training_));
    std::string fusion;
    OP_REQUIRES_OK(context, context->GetAttr("fusion", &fusion));
    learned_fusion_ = fusion == "learned";
    OP_REQUIRES_OK(context, context->GetAttr("causal", &causal_));
  }

  // Writes `shape`; the names say which input is which.
  absl::Status Check(OpKernelContext* context, gsf_gate_shift_fuse_shape* shape) const {
    const Tensor *x, *gamma;
    TF_RETURN_IF_ERROR(context->input("x", &x));
    TF_RETURN_IF_ERROR(context->input("gamma", &gamma));
    const std::string x_shape = x->shape().DebugString();
    if (x->dims() != 4 || gamma->dims() != 1) {
      return absl::InvalidArgumentError(absl::StrCat(
          "x must be [batch * num_segments, height, width, channels] and gamma [processed "
          "channels]. Received: x of shape ",
          x_shape, " and gamma of shape ", gamma->shape().DebugString(), "."));
    }
    const int64_t processed = gamma->dim_size(0);
    TF_RETURN_IF_ERROR(CheckShape(x->dim_size(0), x->dim_size(3), processed, num_segments_, x_shape,
                                  gamma->shape().DebugString()));
    *shape = {};
    shape->num_frames = x->dim_size(0);
    shape->num_segments = num_segments_;
    shape->height = x->dim_size(1);
    shape->width = x->dim_size(2);
    shape->channels = x->dim_size(3);
    shape->processed = processed;
    shape->epsilon = epsilon_;
    shape->training = training_;
    shape->learned_fusion = learned_fusion_;
    shape->causal = causal_;
    shape->dtype = DtypeOf<T>::value;
    TF_RETURN_IF_ERROR(Require(context, "beta", {processed}));
    TF_RETURN_IF_ERROR(Require(context, "gate_kernel", {3, 3, 3, processed / 2, 2}));
    TF_RETURN_IF_ERROR(Require(context, "gate_bias", {2}));
    if (learned_fusion_) {
      TF_RETURN_IF_ERROR(Require(context, "fusion_kernel", {2, 3, 3, 2}));
      TF_RETURN_IF_ERROR(Require(context, "fusion_bias", {2}));
    }
    return absl::OkStatus();
  }

  // `dims` is no shape, because their product may be too large for one where `x` is empty.
  absl::Status Require(OpKernelContext* context, const char* name,
                       const std::vector<int64_t>& dims) const {
    const Tensor* tensor;
    TF_RETURN_IF_ERROR(context->input(name, &tensor));
    const auto found = tensor->shape().dim_sizes();
    if (std::equal(found.begin(), found.end(), dims.begin(), dims.end())) return absl::OkStatus();
    const Tensor *x, *gamma;
    TF_RETURN_IF_ERROR(context->input("x", &x));
    TF_RETURN_IF_ERROR(context->input("gamma", &gamma));
    return absl::InvalidArgumentError(
        absl::StrCat(name, " must have the shape [", absl::StrJoin(dims, ","), "] for x of shape ",
                     x->shape().DebugString(), " and gamma of shape ", gamma->shape().DebugString(),
                     ". Received: ", name, " of shape ", tensor->shape().DebugString(), "."));
  }

  const void* Input(OpKernelContext* context, const char* name) const {
    const Tensor* tensor;
    TF_CHECK_OK(context->input(name, &tensor));
    return tensor->NumElements() == 0 ? nullptr : tensor->data();
  }

  void* Saved(OpKernelContext* context, const char* name) const {
    return const_cast<void*>(Input(context, name));
  }

  int64_t num_segments_;
  float epsilon_;
  bool training_, learned_fusion_, causal_;
};

}  // namespace gsf_tf

#endif  // GSF_TF_CUSTOM_OPS_TENSORFLOW_GATE_SHIFT_FUSE_OP_H_
