// The algorithms of one instruction set, best first. Included last inside an ISA file's anonymous
// namespace.

constexpr Algorithm kAlgorithms[] = {winograd_small::kAlgorithm, direct::kAlgorithm};
constexpr int kAlgorithmCount = sizeof(kAlgorithms) / sizeof(kAlgorithms[0]);
