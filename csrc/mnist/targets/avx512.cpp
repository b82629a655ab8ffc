// The network engine for AVX-512 (F, BW, DQ, VL).
#if defined(__AVX512F__) && defined(__AVX512BW__) && defined(__AVX512DQ__) && defined(__AVX512VL__)
#include <immintrin.h>

#include "kernels.h"
#include "mnist/mnist.h"

namespace cnnkit {
namespace {
#include "integers.inl.h"
#include "cpu/simd/avx512.inl.h"
#include "weighted_loss.inl.h"
#include "mnist/layout.inl.h"
#include "mnist/classes_avx512.inl.h"
#include "mnist/common.inl.h"
#include "mnist/block1_avx512.inl.h"
#include "mnist/block2.inl.h"
#include "mnist/infer.inl.h"
#include "mnist/train_common.inl.h"
#include "mnist/train_avx512.inl.h"
#include "mnist/batch.inl.h"
#include "mnist/epoch.inl.h"
}  // namespace

const MnistKernels kMnistAvx512 = {weights_bytes, workspace_bytes, pack,         infer_u8,
                                   infer_f32,     state_bytes,     import_state, export_state,
                                   train,         gradients,       run_parts};
}  // namespace cnnkit
#endif
