// Whether this processor, and the operating system on it, can run an instruction set.
#pragma once

namespace cnnkit {

bool has_scalar();
bool has_avx2();    // AVX2 and FMA
bool has_avx512();  // AVX-512 F, BW, DQ and VL
bool has_amx();     // AVX-512 as above, AMX tiles and bfloat16, with the system's leave to use them
bool has_avx_vnni();      // AVX2 as above, and sums of four products of bytes
bool has_avx512_vnni();   // AVX-512 as above, and likewise
bool avx512_is_halved();  // it has AVX-512, whose instructions it executes in two halves
bool has_neon();
bool has_neon_dot();  // sums of four products of bytes

}  // namespace cnnkit
