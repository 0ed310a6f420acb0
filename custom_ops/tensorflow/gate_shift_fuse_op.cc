#include "custom_ops/tensorflow/gate_shift_fuse_op.h"

#include "tensorflow/core/framework/shape_inference.h"

namespace gsf_tf {
namespace {

using tensorflow::shape_inference::DimensionHandle;
using tensorflow::shape_inference::InferenceContext;
using tensorflow::shape_inference::ShapeHandle;

absl::Status InferShape(InferenceContext* context) {
  ShapeHandle x, gamma;
  TF_RETURN_IF_ERROR(context->WithRank(context->input(0), 4, &x));
  TF_RETURN_IF_ERROR(context->WithRank(context->input(1), 1, &gamma));
  int64_t num_segments;
  TF_RETURN_IF_ERROR(context->GetAttr("num_segments", &num_segments));
  std::string fusion;
  TF_RETURN_IF_ERROR(context->GetAttr("fusion", &fusion));
  const bool learned = fusion == "learned";
  const DimensionHandle frames = context->Dim(x, 0), processed = context->Dim(gamma, 0);
  TF_RETURN_IF_ERROR(CheckShape(context->Value(frames), context->Value(context->Dim(x, 3)),
                                context->Value(processed), num_segments, context->DebugString(x),
                                context->DebugString(gamma)));
  context->set_output(0, x);
  context->set_output(1, gamma);
  context->set_output(2, gamma);
  context->set_output(
      3, context->MakeShape({frames, context->Dim(x, 1), context->Dim(x, 2), context->MakeDim(2)}));
  const DimensionHandle rows = learned ? frames : context->MakeDim(0);
  context->set_output(4, context->MakeShape({rows, context->MakeDim(2), processed}));
  context->set_output(5, context->MakeShape({rows, processed}));
  return absl::OkStatus();
}

}  // namespace

REGISTER_OP("GsfTf>GateShiftFuse")
    .Input("x: T")
    .Input("gamma: U")
    .Input("beta: U")
    .Input("moving_mean: U")
    .Input("moving_variance: U")
    .Input("gate_kernel: U")
    .Input("gate_bias: U")
    .Input("fusion_kernel: U")
    .Input("fusion_bias: U")
    .Output("y: T")
    .Output("mean: U")
    .Output("variance: U")
    .Output("gate: U")
    .Output("means: U")
    .Output("fusion_weight: U")
    .Attr("T: {float, bfloat16, half, double}")
    .Attr("U: {float, double}")
    .Attr("num_segments: int >= 1")
    .Attr("epsilon: float")
    .Attr("training: bool")
    .Attr("fusion: {'learned', 'sum'}")
    .Attr("causal: bool = false")
    .SetShapeFn(InferShape)
    .Doc(R"doc(
Gates the first channels of a clip, shifts them in time and fuses them again (GSF, GSM).

x: [batch * num_segments, height, width, channels].
gamma: [P], P channels are processed, a multiple of 4.
beta: [P].
moving_mean: [P]; not read in training.
moving_variance: [P]; not read in training.
gate_kernel: [3, 3, 3, P / 2, 2]: time, height, width, channel, half.
gate_bias: [2].
fusion_kernel: [2, 3, 3, 2]: half, channel, time, (shifted, residual); empty with fusion 'sum'.
fusion_bias: [2]; empty with fusion 'sum'.
mean: [P], what was used: the batch's in training.
variance: [P], biased, what was used.
gate: [batch * num_segments, height, width, 2].
means: [batch * num_segments, 2, P]: spatial means (shifted, residual); empty with fusion 'sum'.
fusion_weight: [batch * num_segments, P]; empty with fusion 'sum'.
causal: No frame reads a later one: the convolutions over time are centered on the frame before,
  which both halves read.
U: double where T is, else float.
)doc");

namespace {

absl::Status Run(OpKernelContext* context, const CpuDevice&,
                 const gsf_gate_shift_fuse_tensors& tensors,
                 const gsf_gate_shift_fuse_shape& shape) {
  for (int pass = 0; pass < GSF_GATE_SHIFT_FUSE_PASSES; ++pass) {
    RunOnThreads(context, gsf_gate_shift_fuse_pass_cpu(&shape, pass),
                 [&](int64_t first, int64_t last) {
                   gsf_gate_shift_fuse_cpu(&tensors, &shape, pass, first, last);
                 });
  }
  return absl::OkStatus();
}

int64_t WorkspaceBytes(const CpuDevice&, const gsf_gate_shift_fuse_shape& shape) {
  return gsf_gate_shift_fuse_workspace_cpu(&shape);
}

#ifdef GOOGLE_CUDA
absl::Status Run(OpKernelContext*, const Eigen::GpuDevice& device,
                 const gsf_gate_shift_fuse_tensors& tensors,
                 const gsf_gate_shift_fuse_shape& shape) {
  return LaunchStatus(
      "GsfTf>GateShiftFuse",
      gsf_gate_shift_fuse_cuda(tensors.x, &tensors.weights, tensors.y, &tensors.saved,
                               tensors.workspace, &shape, device.stream()));
}

int64_t WorkspaceBytes(const Eigen::GpuDevice&, const gsf_gate_shift_fuse_shape& shape) {
  return gsf_gate_shift_fuse_workspace_cuda(&shape);
}
#endif

template <typename Device, typename T>
class GateShiftFuseOp : public GateShiftFuseKernel<T> {
 public:
  explicit GateShiftFuseOp(tensorflow::OpKernelConstruction* context)
      : GateShiftFuseKernel<T>(context) {}

  void Compute(OpKernelContext* context) override {
    gsf_gate_shift_fuse_shape shape;
    OP_REQUIRES_OK(context, this->Check(context, &shape));
    const std::vector<int64_t> channels = {shape.processed};
    OP_REQUIRES_OK(context, this->Require(context, "moving_mean", channels));
    OP_REQUIRES_OK(context, this->Require(context, "moving_variance", channels));
    const Tensor& x = context->input(0);
    // Held so that `x` still has its data where the buffer becomes that of `y`.
    const void* const x_data = x.data();
    const bool is_empty = x.NumElements() == 0;
    const int64_t rows = shape.learned_fusion ? shape.num_frames : 0;
    Tensor *y, *mean = nullptr, *variance = nullptr, *gate, *means, *fusion;
    if (is_empty && !shape.training) {
      context->set_output(1, context->input(3));
      context->set_output(2, context->input(4));
    } else {
      OP_REQUIRES_OK(context, AllocateOutput(context, 1, channels, &mean));
      OP_REQUIRES_OK(context, AllocateOutput(context, 2, channels, &variance));
    }
    OP_REQUIRES_OK(
        context,
        AllocateOutput(context, 3, {shape.num_frames, shape.height, shape.width, 2}, &gate));
    OP_REQUIRES_OK(context, AllocateOutput(context, 4, {rows, 2, shape.processed}, &means));
    OP_REQUIRES_OK(context, AllocateOutput(context, 5, {rows, shape.processed}, &fusion));
    OP_REQUIRES_OK(context, context->forward_input_or_allocate_output({0}, 0, x.shape(), &y));
    const Device& device = context->eigen_device<Device>();
    if (is_empty) {
      // The mean over nothing, as everywhere in TensorFlow.
      if (shape.training) {
        FillBytes(device, mean, kNans);
        FillBytes(device, variance, kNans);
      }
      FillBytes(device, means, kNans);
      FillBytes(device, fusion, kNans);
      return;
    }
    Tensor workspace;
    OP_REQUIRES_OK(context, context->allocate_temp(tensorflow::DT_INT8,
                                                   {WorkspaceBytes(device, shape)}, &workspace));
    gsf_gate_shift_fuse_tensors tensors = {};
    tensors.x = x_data;
    tensors.y = y->data();
    tensors.weights = {
        this->Input(context, "gamma"),         this->Input(context, "beta"),
        this->Input(context, "moving_mean"),   this->Input(context, "moving_variance"),
        this->Input(context, "gate_kernel"),   this->Input(context, "gate_bias"),
        this->Input(context, "fusion_kernel"), this->Input(context, "fusion_bias")};
    tensors.saved = {mean->data(), variance->data(), gate->data(), rows ? means->data() : nullptr,
                     rows ? fusion->data() : nullptr};
    tensors.workspace = workspace.data();
    OP_REQUIRES_OK(context, Run(context, device, tensors, shape));
  }
};

#define REGISTER(DEVICE, DEVICE_TYPE, TYPE)                              \
  REGISTER_KERNEL_BUILDER(Name("GsfTf>GateShiftFuse")                    \
                              .Device(tensorflow::DEVICE_TYPE)           \
                              .TypeConstraint<TYPE>("T")                 \
                              .TypeConstraint<DtypeOf<TYPE>::Real>("U"), \
                          GateShiftFuseOp<DEVICE, TYPE>)

GSF_FOR_EACH_KERNEL(REGISTER);

}  // namespace
}  // namespace gsf_tf
