// A root, and a / b, where the last places may be wrong: exact here.

namespace adam {

inline Vec near_root(Vec v) { return root(v); }
inline Vec near_quotient(Vec a, Vec b) { return div(a, b); }

}  // namespace adam
