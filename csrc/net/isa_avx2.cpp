// The network engine for AVX2 with FMA.
#if defined(__AVX2__) && defined(__FMA__)
#include <immintrin.h>

#include "net.h"

namespace cnnkit {
namespace {
#include "layout.inl.h"
#include "lanes_avx2.inl.h"
#include "parts.inl.h"
#include "avx2.inl.h"
#include "block2.inl.h"
#include "infer.inl.h"
#include "train_parts.inl.h"
#include "train_avx2.inl.h"
#include "batch.inl.h"
#include "epoch.inl.h"
}  // namespace

const NetKernels kNetAvx2 = {weights_bytes, workspace_bytes, pack,         infer_u8,
                             infer_f32,     state_bytes,     import_state, export_state,
                             train,         gradients,       run_parts};
}  // namespace cnnkit
#endif
