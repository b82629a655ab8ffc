// The fused operation inside ONNX Runtime: a library of custom operators, domain "cnnkit", for
// SessionOptions.register_custom_ops_library. Built where ONNX Runtime's headers are named
// (CNNKIT_ORT_INCLUDE); the runtime itself hands its functions over.
//
//   y = ConvReluPool(x, weight, bias), with the attributes pads, pool_kernel, pool_strides and
//   pool_pads (two integers each, rows first) and strides. Weight and bias are initialisers.
#define ORT_API_MANUAL_INIT
#include <onnxruntime_cxx_api.h>

#include <atomic>
#include <exception>
#include <new>
#include <stdexcept>
#include <string>

#include "cpu/dispatch.h"
#include "runtime/conv_op.h"

namespace cnnkit {
namespace {

Pair pair(const Ort::ConstKernelInfo& info, const char* name) {
    const auto values = info.GetAttributes<int64_t>(name);
    if (values.size() != 2) throw std::invalid_argument(std::string(name) + " is not two numbers");
    return {static_cast<ptrdiff_t>(values[0]), static_cast<ptrdiff_t>(values[1])};
}

Ort::ConstValue constant(const Ort::ConstKernelInfo& info, size_t index, size_t rank) {
    int is_constant = 0;
    const auto value = info.GetTensorConstantInput(index, &is_constant);
    if (!is_constant) throw std::invalid_argument("weight and bias must be initialisers");
    const auto about = value.GetTensorTypeAndShapeInfo();
    if (about.GetElementType() != ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT ||
        about.GetDimensionsCount() != rank)
        throw std::invalid_argument("weight and bias must be float32 of four and one dimensions");
    return value;
}

ConvOp make_op(const Ort::ConstKernelInfo& info) {
    const auto weight = constant(info, 1, 4), bias = constant(info, 2, 1);
    const auto sizes = weight.GetTensorTypeAndShapeInfo().GetShape();
    if (bias.GetTensorTypeAndShapeInfo().GetElementCount() != static_cast<size_t>(sizes[0]))
        throw std::invalid_argument("bias must have a value for each output channel");
    ConvShape shape = {};
    shape.channels_out = static_cast<ptrdiff_t>(sizes[0]);
    shape.channels_in = static_cast<ptrdiff_t>(sizes[1]);
    shape.kernel = {static_cast<ptrdiff_t>(sizes[2]), static_cast<ptrdiff_t>(sizes[3])};
    shape.stride = pair(info, "strides");
    shape.padding = pair(info, "pads");
    shape.pool_kernel = pair(info, "pool_kernel");
    shape.pool_stride = pair(info, "pool_strides");
    shape.pool_padding = pair(info, "pool_pads");
    for (const Pair& p : {shape.stride, shape.pool_kernel, shape.pool_stride})
        if (p.h < 1 || p.w < 1) throw std::invalid_argument("a stride or pool is below 1");
    return ConvOp(current_kernels(), shape, Precision::kDefault, weight.GetTensorData<float>(),
                  bias.GetTensorData<float>());
}

class Kernel {
  public:
    explicit Kernel(const OrtKernelInfo* info) : op_(make_op(Ort::ConstKernelInfo(info))) {}

    OrtStatusPtr ComputeV2(OrtKernelContext* raw) {
        try {
            const Ort::KernelContext context(raw);
            const auto input = context.GetInput(0);
            const auto sizes = input.GetTensorTypeAndShapeInfo().GetShape();
            ConvShape shape = op_.shape();
            if (sizes.size() != 4 || sizes[1] != shape.channels_in)
                throw std::invalid_argument("x does not have the weight's channels");
            shape.input = {static_cast<ptrdiff_t>(sizes[2]), static_cast<ptrdiff_t>(sizes[3])};
            complete(shape);
            if (shape.output.h < 1 || shape.output.w < 1)
                throw std::invalid_argument("x is too small for kernel and pool");
            auto output = context.GetOutput(
                0, {sizes[0], shape.channels_out, shape.output.h, shape.output.w});
            Call call = {
                op_, shape, input.GetTensorData<float>(), output.GetTensorMutableData<float>(), {}};
            // The session's own threads, one image after another.
            if (sizes[0] > 0)
                context.ParallelFor(run_image, static_cast<size_t>(sizes[0]), 0, &call);
            if (call.failed) throw std::bad_alloc();
            return nullptr;
        } catch (const std::exception& error) {
            return Ort::Status(error.what(), ORT_RUNTIME_EXCEPTION).release();
        }
    }

  private:
    struct Call {
        const ConvOp& op;
        const ConvShape& shape;
        const float* x;
        float* y;
        std::atomic<bool> failed;
    };

    static void run_image(void* context, size_t image) {
        Call& c = *static_cast<Call*>(context);
        const ConvShape& s = c.shape;
        const auto index = static_cast<ptrdiff_t>(image);
        try {
            c.op.run(s, c.x + index * s.channels_in * s.input.h * s.input.w, 1,
                     c.y + index * s.channels_out * s.output.h * s.output.w, nullptr, 1);
        } catch (const std::bad_alloc&) {
            c.failed = true;
        }
    }

    ConvOp op_;
};

struct ConvReluPool : Ort::CustomOpBase<ConvReluPool, Kernel, true> {
    const char* GetName() const { return "ConvReluPool"; }
    size_t GetInputTypeCount() const { return 3; }
    size_t GetOutputTypeCount() const { return 1; }
    ONNXTensorElementDataType GetInputType(size_t) const {
        return ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT;
    }
    ONNXTensorElementDataType GetOutputType(size_t) const {
        return ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT;
    }
    OrtStatusPtr CreateKernelV2(const OrtApi&, const OrtKernelInfo* info, void** kernel) const {
        try {
            *kernel = new Kernel(info);
            return nullptr;
        } catch (const std::exception& error) {
            return Ort::Status(error.what(), ORT_INVALID_ARGUMENT).release();
        }
    }
};

}  // namespace
}  // namespace cnnkit

extern "C" __attribute__((visibility("default"))) OrtStatus* RegisterCustomOps(
    OrtSessionOptions* options, const OrtApiBase* base) {
    const OrtApi* api = base->GetApi(ORT_API_VERSION);
    if (!api)
        return base->GetApi(1)->CreateStatus(
            ORT_FAIL, "cnnkit's operators were built for a newer ONNX Runtime than this one");
    Ort::InitApi(api);
    static const cnnkit::ConvReluPool operation;
    static Ort::CustomOpDomain domain = [] {
        Ort::CustomOpDomain made("cnnkit");
        made.Add(&operation);
        return made;
    }();
    return api->AddCustomOpDomain(options, domain);
}
