#if defined(__AVX2__) && defined(__FMA__)
#include <immintrin.h>

#include "cnnkit.h"
#include "isa.h"
#include "net/net.h"

namespace cnnkit {
namespace {
#include "sizes.inl.h"
#include "vec_avx2.inl.h"
#include "pool.inl.h"
#include "direct.inl.h"
#include "winograd_small.inl.h"
#include "winograd.inl.h"
#include "stem.inl.h"
#include "gradient.inl.h"
#include "dense.inl.h"
#include "kernels.inl.h"
#include "limits.inl.h"
}  // namespace

extern const Isa kAvx2 = {"avx2",     kLanes, has_avx2, kAlgorithms, kAlgorithmCount,
                          kGradients, kDense, kLimits,  &kNetAvx2};
}  // namespace cnnkit
#endif
