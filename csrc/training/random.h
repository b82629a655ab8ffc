// Random bits that follow from where they are needed.
#pragma once

#include <cstdint>

namespace cnnkit {

// SplitMix64's step (Steele et al. 2014).
inline uint64_t mixed(uint64_t bits) {
    bits += 0x9e3779b97f4a7c15u;
    bits = (bits ^ (bits >> 30)) * 0xbf58476d1ce4e5b9u;
    bits = (bits ^ (bits >> 27)) * 0x94d049bb133111ebu;
    return bits ^ (bits >> 31);
}

}  // namespace cnnkit
