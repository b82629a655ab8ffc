#include "cpu/dispatch.h"

#include <cstdlib>

namespace cnnkit {

#if defined(__x86_64__) || defined(_M_X64)
extern const KernelTable kAvx512, kAvx2;
#endif
#if defined(CNNKIT_AMX)
extern const KernelTableExtension kAmx;
#endif
#if defined(__aarch64__)
extern const KernelTable kNeon;
#endif
extern const KernelTable kScalar;

namespace {

#if defined(CNNKIT_AMX)
// Put together here, because no code of an ISA file may run before it was asked for.
const KernelTable& amx() {
    static const std::vector<ConvKernel> conv = [] {
        std::vector<ConvKernel> all(kAmx.conv, kAmx.conv + kAmx.conv_count);
        all.insert(all.end(), kAvx512.conv, kAvx512.conv + kAvx512.conv_count);
        return all;
    }();
    static const KernelTable kernels = [] {
        KernelTable joined = kAvx512;
        joined.name = kAmx.name, joined.supported = kAmx.supported;
        joined.conv = conv.data();
        joined.conv_count = static_cast<int>(conv.size());
        return joined;
    }();
    return kernels;
}
#endif

std::string names() {
    std::string joined;
    for (const KernelTable* kernels : available_kernels())
        joined += (joined.empty() ? "" : ", ") + std::string(kernels->name);
    return joined;
}

}  // namespace

const std::vector<const KernelTable*>& available_kernels() {
    static const std::vector<const KernelTable*> available = [] {
        // Best first, the fallback last.
        const KernelTable* const table[] = {
#if defined(CNNKIT_AMX)
            &amx(),
#endif
#if defined(__x86_64__) || defined(_M_X64)
            &kAvx512, &kAvx2,
#endif
#if defined(__aarch64__)
            &kNeon,
#endif
            &kScalar,
        };
        std::vector<const KernelTable*> found;
        for (const KernelTable* kernels : table) {
            if (kernels->supported()) found.push_back(kernels);
        }
        return found;
    }();
    return available;
}

const KernelTable& find_kernels(const std::string& name) {
    for (const KernelTable* kernels : available_kernels()) {
        if (name == kernels->name) return *kernels;
    }
    throw IsaError("'" + name + "' is not one of the instruction sets that this machine can run (" +
                   names() + ")");
}

const KernelTable& current_kernels() {
    static const KernelTable& chosen = [&]() -> const KernelTable& {
        const char* forced = std::getenv("CNNKIT_ISA");
        return forced && *forced ? find_kernels(forced) : *available_kernels().front();
    }();
    return chosen;
}

}  // namespace cnnkit
