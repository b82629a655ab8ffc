#include <cstring>

#include "program/int8/session.h"

namespace cnnkit {

extern const ByteKernelTable kScalarBytes;
#if defined(__x86_64__)
extern const ByteKernelTable kAvx2Bytes;
#endif
#if defined(CNNKIT_AVX_VNNI)
extern const ByteKernelTable kAvxVnniBytes;
#endif
#if defined(CNNKIT_AVX512_VNNI)
extern const ByteKernelTable kAvx512VnniBytes;
#endif
#if defined(__aarch64__)
extern const ByteKernelTable kNeonBytes;
#endif
#if defined(CNNKIT_NEON_DOT)
extern const ByteKernelTable kNeonDotBytes;
#endif

namespace {

// What belongs to each instruction set that CNNKIT_ISA may name, best first.
struct Row {
    const char* isa;
    const ByteKernelTable* table;
};
constexpr Row kTables[] = {
#if defined(CNNKIT_AVX512_VNNI)
    {"avx512", &kAvx512VnniBytes},
#endif
#if defined(CNNKIT_AVX_VNNI)
    {"avx2", &kAvxVnniBytes},
#endif
#if defined(__x86_64__)
    {"avx2", &kAvx2Bytes},
#endif
#if defined(CNNKIT_NEON_DOT)
    {"neon", &kNeonDotBytes},
#endif
#if defined(__aarch64__)
    {"neon", &kNeonBytes},
#endif
    {"scalar", &kScalarBytes},
};

}  // namespace

std::vector<const ByteKernelTable*> available_byte_kernels() {
    std::vector<const ByteKernelTable*> found;
    for (const Row& row : kTables)
        if (row.table->supported()) found.push_back(row.table);
    return found;
}

const ByteKernelTable& byte_kernels(const KernelTable& kernels) {
    // Of instruction sets in the order of the rows, those from the wanted one on.
    const char* isa = std::strcmp(kernels.name, "amx") == 0 ? "avx512" : kernels.name;
    bool reached = std::strcmp(isa, "avx512") == 0;
    for (const Row& row : kTables) {
        reached = reached || std::strcmp(row.isa, isa) == 0;
        if (reached && row.table->supported()) return *row.table;
    }
    return kScalarBytes;
}

}  // namespace cnnkit
