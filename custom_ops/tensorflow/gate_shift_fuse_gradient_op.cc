#include "custom_ops/tensorflow/gate_shift_fuse_op.h"
#include "tensorflow/core/framework/shape_inference.h"

namespace gsf_tf {
namespace {

using tensorflow::shape_inference::InferenceContext;

// Each gradient has the shape of what it is the gradient of.
absl::Status InferGradientShape(InferenceContext* context) {
  for (int output = 0; output < 7; ++output) {
    context->set_output(output, context->input(output));
  }
  return absl::OkStatus();
}

}  // namespace

REGISTER_OP("GsfTf>GateShiftFuseGradient")
    .Input("y_gradient: T")
    .Input("gamma: U")
    .Input("beta: U")
    .Input("gate_kernel: U")
    .Input("gate_bias: U")
    .Input("fusion_kernel: U")
    .Input("fusion_bias: U")
    .Input("x: T")
    .Input("mean: U")
    .Input("variance: U")
    .Input("gate: U")
    .Input("means: U")
    .Input("fusion_weight: U")
    .Output("x_gradient: T")
    .Output("gamma_gradient: U")
    .Output("beta_gradient: U")
    .Output("gate_kernel_gradient: U")
    .Output("gate_bias_gradient: U")
    .Output("fusion_kernel_gradient: U")
    .Output("fusion_bias_gradient: U")
    .Attr("T: {float, bfloat16, half, double}")
    .Attr("U: {float, double}")
    .Attr("num_segments: int >= 1")
    .Attr("epsilon: float")
    .Attr("training: bool")
    .Attr("fusion: {'learned', 'sum'}")
    .Attr("causal: bool = false")
    .SetShapeFn(InferGradientShape)
    .Doc(R"doc(
Gradient of GsfTf>GateShiftFuse, from its inputs and outputs.
)doc");

namespace {

absl::Status Run(OpKernelContext* context, const CpuDevice&,
                 const gsf_gate_shift_fuse_gradient_tensors& tensors,
                 const gsf_gate_shift_fuse_shape& shape) {
  for (int pass = 0; pass < GSF_GATE_SHIFT_FUSE_GRADIENT_PASSES; ++pass) {
    RunOnThreads(context, gsf_gate_shift_fuse_gradient_pass_cpu(&shape, pass),
                 [&](int64_t first, int64_t last) {
                   gsf_gate_shift_fuse_gradient_cpu(&tensors, &shape, pass, first, last);
                 });
  }
  return absl::OkStatus();
}

int64_t WorkspaceBytes(const CpuDevice&, const gsf_gate_shift_fuse_shape& shape) {
  return gsf_gate_shift_fuse_gradient_workspace_cpu(&shape);
}

#ifdef GOOGLE_CUDA
absl::Status Run(OpKernelContext*, const Eigen::GpuDevice& device,
                 const gsf_gate_shift_fuse_gradient_tensors& tensors,
                 const gsf_gate_shift_fuse_shape& shape) {
  return LaunchStatus(
      "GsfTf>GateShiftFuseGradient",
      gsf_gate_shift_fuse_gradient_cuda(tensors.x, &tensors.weights, &tensors.saved,
                                        tensors.y_gradient, tensors.x_gradient, &tensors.gradients,
                                        tensors.workspace, &shape, device.stream()));
}

int64_t WorkspaceBytes(const Eigen::GpuDevice&, const gsf_gate_shift_fuse_shape& shape) {
  return gsf_gate_shift_fuse_gradient_workspace_cuda(&shape);
}
#endif

template <typename Device, typename T>
class GateShiftFuseGradientOp : public GateShiftFuseKernel<T> {
 public:
  explicit GateShiftFuseGradientOp(tensorflow::OpKernelConstruction* context)
      : GateShiftFuseKernel<T>(context) {}

  void Compute(OpKernelContext* context) override {
    gsf_gate_shift_fuse_shape shape;
    OP_REQUIRES_OK(context, this->Check(context, &shape));
    OP_REQUIRES_OK(context, CheckSaved(context, shape));
    const Tensor& y_gradient = context->input(0);
    const void* const y_gradient_data = y_gradient.data();
    const bool is_empty = y_gradient.NumElements() == 0;
    Tensor* outputs[7];
    for (int output = 1; output < 7; ++output) {
      OP_REQUIRES_OK(context, context->allocate_output(output, context->input(output).shape(),
                                                       &outputs[output]));
    }
    OP_REQUIRES_OK(context, context->forward_input_or_allocate_output({0}, 0, y_gradient.shape(),
                                                                      &outputs[0]));
    const Device& device = context->eigen_device<Device>();
    if (is_empty) {
      for (int output = 1; output < 7; ++output) FillBytes(device, outputs[output], kZeros);
      return;
    }
    if (!shape.learned_fusion) {
      // The kernel writes no gradient of weights that do not take part, whatever their shape.
      for (int output : {5, 6}) FillBytes(device, outputs[output], kZeros);
    }
    Tensor workspace;
    OP_REQUIRES_OK(context, context->allocate_temp(tensorflow::DT_INT8,
                                                   {WorkspaceBytes(device, shape)}, &workspace));
    gsf_gate_shift_fuse_gradient_tensors tensors = {};
    tensors.x = this->Input(context, "x");
    tensors.y_gradient = y_gradient_data;
    tensors.x_gradient = outputs[0]->data();
    tensors.weights = {this->Input(context, "gamma"),         this->Input(context, "beta"),
                       this->Input(context, "mean"),          this->Input(context, "variance"),
                       this->Input(context, "gate_kernel"),   this->Input(context, "gate_bias"),
                       this->Input(context, "fusion_kernel"), this->Input(context, "fusion_bias")};
    tensors.saved = {this->Saved(context, "mean"), this->Saved(context, "variance"),
                     this->Saved(context, "gate"), this->Saved(context, "means"),
                     this->Saved(context, "fusion_weight")};
    tensors.gradients = {outputs[1]->data(), outputs[2]->data(), outputs[3]->data(),
                         outputs[4]->data(), outputs[5]->data(), outputs[6]->data()};
    tensors.workspace = workspace.data();
    OP_REQUIRES_OK(context, Run(context, device, tensors, shape));
  }

 private:
  absl::Status CheckSaved(OpKernelContext* context, const gsf_gate_shift_fuse_shape& shape) const {
    const int64_t rows = shape.learned_fusion ? shape.num_frames : 0;
    TF_RETURN_IF_ERROR(this->Require(
        context, "y_gradient", {shape.num_frames, shape.height, shape.width, shape.channels}));
    TF_RETURN_IF_ERROR(this->Require(context, "mean", {shape.processed}));
    TF_RETURN_IF_ERROR(this->Require(context, "variance", {shape.processed}));
    TF_RETURN_IF_ERROR(
        this->Require(context, "gate", {shape.num_frames, shape.height, shape.width, 2}));
    TF_RETURN_IF_ERROR(this->Require(context, "means", {rows, 2, shape.processed}));
    return this->Require(context, "fusion_weight", {rows, shape.processed});
  }
};

#define REGISTER(DEVICE, DEVICE_TYPE, TYPE)                              \
  REGISTER_KERNEL_BUILDER(Name("GsfTf>GateShiftFuseGradient")            \
                              .Device(tensorflow::DEVICE_TYPE)           \
                              .TypeConstraint<TYPE>("T")                 \
                              .TypeConstraint<DtypeOf<TYPE>::Real>("U"), \
                          GateShiftFuseGradientOp<DEVICE, TYPE>)

GSF_FOR_EACH_KERNEL(REGISTER);

}  // namespace
}  // namespace gsf_tf
