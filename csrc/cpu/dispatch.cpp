#include "cpu/dispatch.h"

#include <cstdlib>

namespace cnnkit {

#if defined(__x86_64__) || defined(_M_X64)
extern const Isa kAvx512, kAvx2;
#endif
#if defined(CNNKIT_AMX)
extern const Addition kAmx;
#endif
#if defined(__aarch64__)
extern const Isa kNeon;
#endif
extern const Isa kScalar;

namespace {

#if defined(CNNKIT_AMX)
// Put together here, because no code of an ISA file may run before it was asked for.
const Isa& amx() {
    static const std::vector<Algorithm> algorithms = [] {
        std::vector<Algorithm> all(kAmx.algorithms, kAmx.algorithms + kAmx.algorithm_count);
        all.insert(all.end(), kAvx512.algorithms, kAvx512.algorithms + kAvx512.algorithm_count);
        return all;
    }();
    static const Isa isa = [] {
        Isa joined = kAvx512;
        joined.name = kAmx.name, joined.supported = kAmx.supported;
        joined.algorithms = algorithms.data();
        joined.algorithm_count = static_cast<int>(algorithms.size());
        return joined;
    }();
    return isa;
}
#endif

std::string names() {
    std::string joined;
    for (const Isa* isa : available_isas())
        joined += (joined.empty() ? "" : ", ") + std::string(isa->name);
    return joined;
}

}  // namespace

const std::vector<const Isa*>& available_isas() {
    static const std::vector<const Isa*> available = [] {
        // Best first, the fallback last.
        const Isa* const table[] = {
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
        std::vector<const Isa*> found;
        for (const Isa* isa : table) {
            if (isa->supported()) found.push_back(isa);
        }
        return found;
    }();
    return available;
}

const Isa& find_isa(const std::string& name) {
    for (const Isa* isa : available_isas()) {
        if (name == isa->name) return *isa;
    }
    throw IsaError("'" + name + "' is not one of the instruction sets that this machine can run (" +
                   names() + ")");
}

const Isa& current_isa() {
    static const Isa& chosen = [&]() -> const Isa& {
        const char* forced = std::getenv("CNNKIT_ISA");
        return forced && *forced ? find_isa(forced) : *available_isas().front();
    }();
    return chosen;
}

}  // namespace cnnkit
