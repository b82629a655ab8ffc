#include "cnnkit.h"
#include "isa.h"

namespace cnnkit {
namespace {
#include "sizes.inl.h"
#include "vec_scalar.inl.h"
#include "pool.inl.h"
#include "direct.inl.h"
#include "winograd_small.inl.h"
#include "gradient.inl.h"
#include "dense.inl.h"
#include "kernels.inl.h"
#include "limits.inl.h"
}  // namespace

extern const Isa kScalar = {"scalar",   kLanes, has_scalar, kAlgorithms, kAlgorithmCount,
                            kGradients, kDense, kLimits,    nullptr};
}  // namespace cnnkit
