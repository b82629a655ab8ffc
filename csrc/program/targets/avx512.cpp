#if defined(__AVX512F__) && defined(__AVX512BW__) && defined(__AVX512DQ__) && defined(__AVX512VL__)
#include <immintrin.h>

#include <cstdint>

#include "cpu/features.h"
#include "kernels.h"
#include "program/kernels.h"

namespace cnnkit {
namespace {
#include "program/kernels.inl.h"
#include "integers.inl.h"
#include "cpu/simd/avx512.inl.h"
#include "cpu/simd/single_avx512.inl.h"
#include "program/fast/common.inl.h"
#include "program/fast/tiles.inl.h"
#include "conv/winograd/transforms.inl.h"
#include "conv/winograd/transforms_8.inl.h"
#include "program/fast/winograd_tiles.inl.h"
#include "program/fast/winograd.inl.h"
#include "program/fast/dense.inl.h"
#include "program/fast/winograd_1d.inl.h"
#include "program/fast/columns.inl.h"
#include "program/fast/winograd_pixels.inl.h"
#include "program/fast/halves_avx512.inl.h"
#include "program/fast/pairs_avx512.inl.h"
#include "program/fast/depthwise.inl.h"
#include "program/fast/bands.inl.h"
#include "program/fast/pixels.inl.h"
#include "program/fast/pool.inl.h"
#include "program/fast/function.inl.h"
#include "program/fast/table.inl.h"
}  // namespace

extern const ProgramKernelTable kAvx512Program = {rows::kRows, kAlgorithms, kAlgorithmCount};
}  // namespace cnnkit
#endif
