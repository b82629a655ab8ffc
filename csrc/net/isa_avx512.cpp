// The network engine for AVX-512 (F, BW, DQ, VL).
#if defined(__AVX512F__) && defined(__AVX512BW__) && defined(__AVX512DQ__) && defined(__AVX512VL__)
#include <immintrin.h>

#include "net.h"

namespace cnnkit {
namespace {
#include "layout.inl.h"
#include "lanes_avx512.inl.h"
#include "parts.inl.h"
#include "avx512.inl.h"
#include "block2.inl.h"
#include "infer.inl.h"
#include "train_parts.inl.h"
#include "train_avx512.inl.h"
#include "batch.inl.h"
#include "epoch.inl.h"
}  // namespace

const NetKernels kNetAvx512 = {weights_bytes, workspace_bytes, pack,         infer_u8,
                               infer_f32,     state_bytes,     import_state, export_state,
                               train,         gradients,       run_parts};
}  // namespace cnnkit
#endif
