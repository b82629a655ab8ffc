#if defined(__AVX512F__) && defined(__AVX512BW__) && defined(__AVX512DQ__) && defined(__AVX512VL__)
#include <immintrin.h>

#include "cnnkit.h"
#include "isa.h"
#include "net/net.h"

namespace cnnkit {
namespace {
#include "sizes.inl.h"
#include "vec_avx512.inl.h"
#include "pool.inl.h"
#include "direct.inl.h"
#include "winograd_small.inl.h"
#include "winograd_few.inl.h"
#include "winograd.inl.h"
#include "stem.inl.h"
#include "gradient.inl.h"
#include "dense.inl.h"
#include "kernels.inl.h"
#include "limits.inl.h"
}  // namespace

extern const Isa kAvx512 = {"avx512",   kLanes, has_avx512, kAlgorithms, kAlgorithmCount,
                            kGradients, kDense, kLimits,    &kNetAvx512};
}  // namespace cnnkit
#endif
