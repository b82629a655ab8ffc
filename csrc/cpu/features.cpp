#include "cpu/features.h"

#if defined(__x86_64__) || defined(_M_X64)
#include <cpuid.h>
#endif
#if defined(__x86_64__) && defined(__linux__)
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdint>
#endif
#if defined(__aarch64__) && defined(__linux__)
#include <sys/auxv.h>
#endif

namespace cnnkit {
namespace {

#if defined(__x86_64__)
struct Registers {
    unsigned a, b, c, d;
};

Registers cpuid(unsigned leaf, unsigned part = 0) {
    Registers r = {};
    __get_cpuid_count(leaf, part, &r.a, &r.b, &r.c, &r.d);
    return r;
}

bool has(unsigned bits, unsigned bit) { return bits >> bit & 1; }

// The register states that the operating system saves (XCR0). A processor may know AVX-512 where
// its system does not.
bool system_saves(unsigned states) {
    constexpr unsigned kOsxsave = 27;
    if (!has(cpuid(1).c, kOsxsave)) return false;
    unsigned low, high;
    __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return (low & states) == states;
}

constexpr unsigned kYmm = 0x06;  // XMM and YMM
constexpr unsigned kZmm = 0xe6;  // and the mask registers, and ZMM in both halves

// Linux gives the tiles' memory only to processes that asked; it refuses those whose signal stacks
// are too small for it.
bool system_gives_tiles() {
#if defined(__linux__)
    constexpr unsigned kTiles = 0x60000;  // the tiles' shapes and the tiles
    constexpr int64_t kRequestPermission = 0x1023, kTileData = 18;
    return system_saves(kTiles) && !syscall(SYS_arch_prctl, kRequestPermission, kTileData);
#else
    return false;
#endif
}
#endif

}  // namespace

bool has_scalar() { return true; }

#if defined(__x86_64__)
bool has_avx2() {
    const Registers one = cpuid(1), seven = cpuid(7);
    return has(one.c, 12) && has(one.c, 28) && has(seven.b, 5) && system_saves(kYmm);
}

bool has_avx512() {
    const unsigned b = cpuid(7).b;
    return has_avx2() && has(b, 16) && has(b, 17) && has(b, 30) && has(b, 31) && system_saves(kZmm);
}

bool has_amx() {
    const unsigned d = cpuid(7).d;
    return has_avx512() && has(d, 22) && has(d, 24) && system_gives_tiles();
}

bool has_avx_vnni() { return has_avx2() && has(cpuid(7, 1).a, 4); }

bool has_avx512_vnni() { return has_avx512() && has(cpuid(7).c, 11); }

// Only AMD's processors say it: EAX bit 3 of this leaf stands for units of 512 bits.
bool avx512_is_halved() {
    constexpr unsigned kAuth = 0x68747541, kOptimization = 0x8000001a;
    return has_avx512() && cpuid(0).b == kAuth && !has(cpuid(kOptimization).a, 3);
}

bool has_neon() { return false; }
bool has_neon_dot() { return false; }
#else
bool has_avx2() { return false; }
bool has_avx512() { return false; }
bool has_amx() { return false; }
bool has_avx_vnni() { return false; }
bool has_avx512_vnni() { return false; }
bool avx512_is_halved() { return false; }
#if defined(__aarch64__)
bool has_neon() { return true; }  // part of the AArch64 baseline
#if defined(__linux__)
bool has_neon_dot() { return getauxval(AT_HWCAP) >> 20 & 1; }  // HWCAP_ASIMDDP
#elif defined(__APPLE__)
bool has_neon_dot() { return true; }  // of every processor that Apple has sold in a computer
#else
bool has_neon_dot() { return false; }
#endif
#else
bool has_neon() { return false; }
bool has_neon_dot() { return false; }
#endif
#endif

}  // namespace cnnkit
