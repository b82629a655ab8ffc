#include "kernels.h"
#include "training/training_kernels.h"

namespace cnnkit {
namespace {
#include "integers.inl.h"
#include "cpu/simd/scalar.inl.h"
#include "cpu/simd/single.inl.h"
#include "conv/winograd/transforms.inl.h"
#include "training/kernels/multiply.inl.h"
#include "training/kernels/max_pool.inl.h"
#include "training/kernels/places.inl.h"
#include "training/kernels/list_maxima.inl.h"
#include "training/kernels/list_pixels.inl.h"
#include "training/kernels/maxima.inl.h"
#include "training/kernels/maxima_input.inl.h"
#include "training/kernels/pixels.inl.h"
#include "training/kernels/pooled_rows.inl.h"
#include "training/kernels/winograd_gradients.inl.h"
#include "training/kernels/pooled_columns.inl.h"
#include "training/kernels/table.inl.h"
}  // namespace

extern const TrainingKernels kScalarTraining = kTraining;
}  // namespace cnnkit
