// The fast algorithms of one instruction set, best first. Each may decline a step, its weights,
// or an image; the C format's own kernel takes what all decline.

constexpr ProgramAlgorithm kAlgorithms[] = {
    fast::by_winograd::k4x4,      fast::by_winograd::k4x2,
    fast::by_winograd::k2x2,      fast::by_winograd_pixels::kConv,
    fast::by_winograd_1d::kConv,  fast::columns::kConv,
#if defined(__AVX512F__)
    fast::halves::kConv,          fast::pairs::kConv,
#endif
    fast::dense::kConv,           fast::bands::k3x3,
    fast::bands::k3x3Stride2,     fast::depthwise::k5x5,
    fast::depthwise::k5x5Stride2, fast::pool::kMax,
    fast::pool::kAverage,         fast::pixels::kBytes,
    fast::depthwise::kNorm,       fast::function::kSigmoid,
    fast::function::kHardSigmoid, fast::function::kHardSwish,
    fast::function::kLeaky,
};
constexpr int kAlgorithmCount = sizeof(kAlgorithms) / sizeof(kAlgorithms[0]);
