#if defined(__AVX512F__) && defined(__AVX512BW__) && defined(__AVX512DQ__) && defined(__AVX512VL__)
#include <immintrin.h>

#include "kernels.h"
#include "training/training_kernels.h"

namespace cnnkit {
namespace {
#include "integers.inl.h"
#include "cpu/simd/avx512.inl.h"
#include "cpu/simd/single_avx512.inl.h"
#include "conv/winograd/transforms.inl.h"
#include "training/kernels/multiply.inl.h"
#include "training/kernels/max_pool.inl.h"
#include "training/kernels/places.inl.h"
#include "training/kernels/list_maxima_avx512.inl.h"
#include "training/kernels/list_pixels_avx512.inl.h"
#include "training/kernels/maxima.inl.h"
#include "training/kernels/maxima_input.inl.h"
#include "training/kernels/pixels.inl.h"
#include "training/kernels/pooled_rows.inl.h"
#include "training/kernels/winograd_gradients.inl.h"
#include "training/kernels/pooled_columns.inl.h"
#include "training/kernels/table.inl.h"
}  // namespace

extern const TrainingKernels kAvx512Training = kTraining;
}  // namespace cnnkit
#endif
