// The convolution kernels of one instruction set, best first. Included last inside an ISA file's
// anonymous namespace.

constexpr ConvKernel kConvKernels[] = {
#if defined(__AVX2__)
    winograd::kFast,
#endif
#if defined(__AVX512F__)
    winograd_f2x1::kConvKernel,
#endif
    winograd_f2x2::kConvKernel,
#if defined(__AVX2__)
    winograd::kMany,
    winograd::k5x5,
    winograd::kSome,
    few_inputs::kConvKernel,
#endif
    direct::kConvKernel,
    general::kConvKernel,
};
constexpr int kConvKernelCount = sizeof(kConvKernels) / sizeof(kConvKernels[0]);
