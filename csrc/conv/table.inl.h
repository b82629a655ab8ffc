// The algorithms of one instruction set, best first. Included last inside an ISA file's anonymous
// namespace.

constexpr Algorithm kAlgorithms[] = {
#if defined(__AVX2__)
    winograd::kFast,
#endif
#if defined(__AVX512F__)
    winograd_few::kAlgorithm,
#endif
    winograd_small::kAlgorithm,
#if defined(__AVX2__)
    winograd::kMany,
    winograd::k5x5,
    winograd::kSome,
    stem::kAlgorithm,
#endif
    direct::kAlgorithm,
};
constexpr int kAlgorithmCount = sizeof(kAlgorithms) / sizeof(kAlgorithms[0]);
