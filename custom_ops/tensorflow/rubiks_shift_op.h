// What the ops of RubiksShift share.

#ifndef GSF_TF_CUSTOM_OPS_TENSORFLOW_RUBIKS_SHIFT_OP_H_
#define GSF_TF_CUSTOM_OPS_TENSORFLOW_RUBIKS_SHIFT_OP_H_

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "custom_ops/kernels/rubiks_shift.h"
#include "custom_ops/tensorflow/typed_kernels.h"
#include "tensorflow/core/framework/op.h"
#include "tensorflow/core/framework/op_kernel.h"
#include "tensorflow/core/framework/shape_inference.h"

namespace gsf_tf {

using tensorflow::DataType;
using tensorflow::OpKernelConstruction;
using tensorflow::OpKernelContext;
using tensorflow::Tensor;
using tensorflow::shape_inference::DimensionHandle;
using tensorflow::shape_inference::InferenceContext;
using tensorflow::shape_inference::ShapeHandle;

struct RubiksShiftAttributes {
  int64_t num_segments;
  std::vector<int64_t> strides;
  bool quantized;
};

template <typename Context>
absl::Status GetAttributes(Context* context, RubiksShiftAttributes* attributes) {
  TF_RETURN_IF_ERROR(context->GetAttr("num_segments", &attributes->num_segments));
  TF_RETURN_IF_ERROR(context->GetAttr("strides", &attributes->strides));
  TF_RETURN_IF_ERROR(context->GetAttr("quantized", &attributes->quantized));
  const std::vector<int64_t>& strides = attributes->strides;
  if (strides.size() != 3 || *std::min_element(strides.begin(), strides.end()) < 1) {
    return absl::InvalidArgumentError(absl::StrCat(
        "strides must be three integers >= 1 (time, vertical, horizontal). Received: (",
        absl::StrJoin(strides, ", "), ")"));
  }
  return absl::OkStatus();
}

// Unknown dimensions are negative and pass. `received` is the text of the shapes.
inline absl::Status CheckShapes(const RubiksShiftAttributes& attributes, int64_t frames,
                                int64_t channels, int64_t rows, int64_t shift_channels,
                                absl::string_view received) {
  if ((rows >= 0 && rows != 2 && rows != 3) ||
      (channels >= 0 && shift_channels >= 0 && channels != shift_channels)) {
    return absl::InvalidArgumentError(
        absl::StrCat("shift must be [3, channels] (time, vertical, horizontal) or [2, channels] "
                     "(vertical, horizontal). Received: ",
                     received));
  }
  if (rows == 2 && attributes.strides[0] != 1) {
    return absl::InvalidArgumentError(
        absl::StrCat("A spatial shift [2, channels] has no stride in time. Received: ", received,
                     ", strides (", absl::StrJoin(attributes.strides, ", "), ")"));
  }
  if (rows == 3 && frames >= 0 && frames % attributes.num_segments != 0) {
    return absl::InvalidArgumentError(absl::StrCat(
        "The first dimension of x must be a multiple of num_segments. Received: ", received,
        ", num_segments ", attributes.num_segments));
  }
  return absl::OkStatus();
}

inline int64_t OutputLength(int64_t length, int64_t stride) {
  return length < 0 ? InferenceContext::kUnknownDim : length / stride + (length % stride != 0);
}

// Of y; a length that is negative is unknown.
inline std::vector<int64_t> OutputShape(const RubiksShiftAttributes& attributes, int64_t rows,
                                        const std::vector<int64_t>& x) {
  const int64_t segments = attributes.num_segments;
  int64_t frames = x[0];
  if (rows < 0 && attributes.strides[0] != 1) rows = 3;
  if (rows == 3 && frames >= 0) {
    frames = frames / segments * OutputLength(segments, attributes.strides[0]);
  }
  return {frames, OutputLength(x[1], attributes.strides[1]),
          OutputLength(x[2], attributes.strides[2]), x[3]};
}

inline absl::Status InferOutput(InferenceContext* context, ShapeHandle* x, ShapeHandle* shift,
                                ShapeHandle* y) {
  TF_RETURN_IF_ERROR(context->WithRank(context->input(0), 4, x));
  TF_RETURN_IF_ERROR(context->WithRank(context->input(1), 2, shift));
  RubiksShiftAttributes attributes;
  TF_RETURN_IF_ERROR(GetAttributes(context, &attributes));
  std::vector<int64_t> lengths;
  for (int axis = 0; axis < 4; ++axis) {
    lengths.push_back(context->Value(context->Dim(*x, axis)));
  }
  const int64_t rows = context->Value(context->Dim(*shift, 0));
  const int64_t channels = context->Value(context->Dim(*shift, 1));
  TF_RETURN_IF_ERROR(CheckShapes(attributes, lengths[0], lengths[3], rows, channels,
                                 absl::StrCat("x of shape ", context->DebugString(*x),
                                              ", shift of shape ", context->DebugString(*shift))));
  if (lengths[3] < 0) lengths[3] = channels;
  std::vector<DimensionHandle> dims;
  for (const int64_t length : OutputShape(attributes, rows, lengths)) {
    dims.push_back(context->MakeDim(length));
  }
  *y = context->MakeShape(dims);
  return absl::OkStatus();
}

inline gsf_dtype RubiksShiftDtype(DataType type) {
  switch (type) {
    case tensorflow::DT_BFLOAT16:
      return GSF_BFLOAT16;
    case tensorflow::DT_HALF:
      return GSF_FLOAT16;
    case tensorflow::DT_DOUBLE:
      return GSF_FLOAT64;
    default:
      return GSF_FLOAT32;
  }
}

struct DeletePlan {
  void operator()(gsf_rubiks_shift_plan* plan) const { gsf_rubiks_shift_delete_plan_cpu(plan); }
};
using Plan = std::unique_ptr<gsf_rubiks_shift_plan, DeletePlan>;

// Runs work(first, last) over all units, which together cost `cycles`.
template <typename Work>
void ForUnits(OpKernelContext* context, int64_t units, int64_t cycles, Work work) {
  context->device()->tensorflow_cpu_worker_threads()->workers->ParallelFor(
      units, cycles / std::max<int64_t>(units, 1), work);
}

class RubiksShiftOpBase : public tensorflow::OpKernel {
 public:
  explicit RubiksShiftOpBase(OpKernelConstruction* context) : tensorflow::OpKernel(context) {
    OP_REQUIRES_OK(context, GetAttributes(context, &attributes_));
    DataType x, shift;
    OP_REQUIRES_OK(context, context->GetAttr("T", &x));
    OP_REQUIRES_OK(context, context->GetAttr("S", &shift));
    OP_REQUIRES(
        context, (x == tensorflow::DT_DOUBLE) == (shift == tensorflow::DT_DOUBLE),
        absl::InvalidArgumentError(absl::StrCat(
            "shift must be double where x is double and else float. Received: x of type ",
            tensorflow::DataTypeString(x), ", shift of type ", tensorflow::DataTypeString(shift))));
  }

 protected:
  // Checks the first two inputs; they give the kernel's shape and that of y.
  absl::Status CheckInputs(OpKernelContext* context, gsf_rubiks_shift_shape* shape,
                           tensorflow::TensorShape* y) const {
    const Tensor& x = context->input(0);
    const Tensor& shift = context->input(1);
    const std::string received = absl::StrCat("x of shape ", x.shape().DebugString(),
                                              ", shift of shape ", shift.shape().DebugString());
    if (x.dims() != 4 || shift.dims() != 2) {
      return absl::InvalidArgumentError(absl::StrCat(
          "x must be [batch * num_segments, height, width, channels] and shift [3, channels] or "
          "[2, channels]. Received: ",
          received));
    }
    const int64_t rows = shift.dim_size(0);
    TF_RETURN_IF_ERROR(
        CheckShapes(attributes_, x.dim_size(0), x.dim_size(3), rows, shift.dim_size(1), received));
    shape->num_segments = rows == 3 ? attributes_.num_segments : 1;
    shape->num_clips = x.dim_size(0) / shape->num_segments;
    shape->height = x.dim_size(1);
    shape->width = x.dim_size(2);
    shape->channels = x.dim_size(3);
    // A stride beyond the length takes the first element alone, as one of the length does. So sums
    // of lengths and strides stay small.
    const auto stride = [this](int axis, int64_t length) {
      return std::min(attributes_.strides[axis], std::max<int64_t>(length, 1));
    };
    shape->time_stride = stride(0, shape->num_segments);
    shape->height_stride = stride(1, shape->height);
    shape->width_stride = stride(2, shape->width);
    shape->rows = rows;
    shape->quantized = attributes_.quantized;
    shape->dtype = RubiksShiftDtype(x.dtype());
    return tensorflow::TensorShape::BuildTensorShape(
        OutputShape(attributes_, rows,
                    {x.dim_size(0), x.dim_size(1), x.dim_size(2), x.dim_size(3)}),
        y);
  }

 private:
  RubiksShiftAttributes attributes_;
};

}  // namespace gsf_tf

#endif  // GSF_TF_CUSTOM_OPS_TENSORFLOW_RUBIKS_SHIFT_OP_H_
