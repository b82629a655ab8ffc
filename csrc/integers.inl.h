// Integers, as the kernels compute sizes with them. Included inside an ISA file's anonymous
// namespace: the standard library's templates would be merged by the linker across ISA files.

inline long min(long a, long b) { return a < b ? a : b; }
inline long max(long a, long b) { return a > b ? a : b; }
constexpr long round_up(long n, long to) { return (n + to - 1) / to * to; }
