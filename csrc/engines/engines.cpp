#include "engines/engines.h"

#include "mnist/engine.h"
#include "training/convnet_engine.h"

namespace cnnkit {
namespace {

// Best first; the last one runs every network.
const Engine* const kEngines[] = {&kMnistEngine, &kConvnetEngine};

}  // namespace

const Engine& find_engine(const KernelTable& kernels, const Architecture& architecture) {
    const Engine* const* engine = kEngines;
    while (!(*engine)->fits(kernels, architecture)) ++engine;
    return **engine;
}

}  // namespace cnnkit
