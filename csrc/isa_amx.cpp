#if defined(__AMX_TILE__) && defined(__AMX_BF16__) && defined(__AVX512F__) && \
    defined(__AVX512BW__) && defined(__AVX512DQ__) && defined(__AVX512VL__)
#include <immintrin.h>

#include "cnnkit.h"
#include "isa.h"

namespace cnnkit {
namespace {
#include "sizes.inl.h"
#include "vec_avx512.inl.h"
#include "pool.inl.h"
#include "winograd.inl.h"
#include "winograd_tiles.inl.h"

constexpr Algorithm kAlgorithms[] = {winograd::kTwoParts, winograd::kThreeParts};
}  // namespace

extern const Addition kAmx = {"amx", has_amx, kAlgorithms,
                              sizeof(kAlgorithms) / sizeof(kAlgorithms[0])};
}  // namespace cnnkit
#endif
