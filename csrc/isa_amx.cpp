#if defined(__AMX_TILE__) && defined(__AMX_BF16__) && defined(__AVX512F__) && \
    defined(__AVX512BW__) && defined(__AVX512DQ__) && defined(__AVX512VL__)
#include <immintrin.h>

#include "cnnkit.h"
#include "isa.h"

namespace cnnkit {
extern const Isa kAvx512;

namespace {
#include "sizes.inl.h"
#include "vec_avx512.inl.h"
#include "pool.inl.h"
#include "winograd.inl.h"
#include "winograd_tiles.inl.h"

// Where register tiles do not help, everything is as with AVX-512.
constexpr int kMost = 16;
struct Algorithms {
    Algorithm list[kMost] = {winograd::kTwoParts, winograd::kThreeParts};
    int count = 2;
    Algorithms() {
        for (int i = 0; i < kAvx512.algorithm_count; ++i) list[count++] = kAvx512.algorithms[i];
    }
} const kAlgorithms;
}  // namespace

extern const Isa kAmx = {"amx",
                         kLanes,
                         has_amx,
                         kAlgorithms.list,
                         kAlgorithms.count,
                         kAvx512.gradients,
                         kAvx512.dense,
                         kAvx512.limits,
                         kAvx512.net};
}  // namespace cnnkit
#endif
