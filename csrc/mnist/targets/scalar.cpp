// The network engine for any machine.
#include <math.h>

#include "mnist/mnist.h"

namespace cnnkit {
namespace {
#include "weighted_loss.inl.h"
#include "mnist/reference.inl.h"
#include "mnist/epoch.inl.h"
}  // namespace

const MnistKernels kMnistScalar = {weights_bytes, workspace_bytes, pack,         infer_u8,
                                   infer_f32,     state_bytes,     import_state, export_state,
                                   train,         gradients,       nullptr};
}  // namespace cnnkit
