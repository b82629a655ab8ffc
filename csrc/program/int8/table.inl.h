// The fast integer algorithms of one instruction set, best first. Each may decline a step or its
// constants; the C format's own kernel takes what all decline. Where sums of four products need no
// weights of 7 bits, the wide ones are the same functions.

constexpr ByteAlgorithm kAlgorithms[] = {
#if defined(__x86_64__)
    fast::by_winograd::kConv,
#endif
    fast::dense::conv_as<Quads>("int8-dense"),
    fast::dense::conv_as<WideQuads>("int8-dense-wide"),
    fast::depthwise::algorithm<Quads>("int8-depthwise"),
    fast::depthwise::algorithm<WideQuads>("int8-depthwise-wide"),
    fast::dense::matrix_as<Quads, struct written::gemm>("int8-gemm", "gemm"),
    fast::dense::matrix_as<WideQuads, struct written::gemm>("int8-gemm-wide", "gemm"),
    fast::dense::matrix_as<Quads, struct written::scores>("int8-scores", "scores"),
    fast::dense::matrix_as<WideQuads, struct written::scores>("int8-scores-wide", "scores"),
    fast::elements::kPixels,
    fast::elements::kPool,
    fast::elements::kAverage,
    fast::elements::kAdd,
    fast::elements::kSignedAdd,
    fast::elements::kTable,
};
constexpr int kAlgorithmCount = sizeof(kAlgorithms) / sizeof(kAlgorithms[0]);
