// Functions of each element that the C format's kernel computes one by one. After common.inl.h.

namespace fast {
namespace function {

using Function = struct written::function;
using Integers = int __attribute__((vector_size(sizeof(Vec))));

constexpr ptrdiff_t kAtOnce = 4096;  // floats of a part

inline const Function& function_of(const void* fields) {
    return *static_cast<const Function*>(fields);
}

template <int kind>
bool fits(const void* fields) {
    return function_of(fields).kind == kind;
}
inline ptrdiff_t no_floats(const void*) { return 0; }
inline ptrdiff_t parts(const void* fields) {
    return (function_of(fields).count + kAtOnce - 1) / kAtOnce;
}

// e^x for x from -104 to 0, and NaN: 2^n e^r, where x = n ln 2 + r and e^r is a polynomial (Cephes'
// expf). 2^n may be denormal, so it is multiplied in two steps.
inline Vec power(Vec x) {
    constexpr float kRound = 12582912.0f;  // 1.5 * 2^23: what is added to it is rounded
    const Vec shifted = fma(x, set1(1.44269504f), set1(kRound)), n = sub(shifted, set1(kRound));
    const Vec r = fnma(n, set1(-2.12194440e-4f), fnma(n, set1(0.693359375f), x));
    constexpr float kTerms[] = {1.3981999507e-3f, 8.3334519073e-3f, 4.1665795894e-2f,
                                1.6666665459e-1f, 5.0000001201e-1f};
    Vec p = set1(1.9875691500e-4f);
    for (const float term : kTerms) p = fma(p, r, set1(term));
    p = add(fma(mul(r, r), p, r), set1(1.0f));
    const Integers whole = (Integers)shifted - (Integers)set1(kRound), half = whole >> 1;
    const Vec first = (Vec)((half + 127) << 23), second = (Vec)((whole - half + 127) << 23);
    return mul(mul(p, first), second);
}

// 1 / (1 + e^-x), by a power of at most 1.
inline Vec sigmoid(Vec x) {
    const Vec below = max(set1(-104.0f), select_greater(x, zero(), sub(zero(), x), x));
    const Vec e = power(below), one = set1(1.0f);
    return div(select_greater(zero(), x, e, one), add(one, e));
}

inline Vec hard_sigmoid(Vec x, float alpha, float beta) {
    return limited(fma(set1(alpha), x, set1(beta)), {2, zero(), set1(1.0f)});
}

// By the kinds of the C format.
template <int kind>
inline Vec value(const Function& f, Vec x) {
    if (kind == 0) return sigmoid(x);
    if (kind == 2) return hard_sigmoid(x, f.alpha, f.beta);
    if (kind == 3) return mul(x, hard_sigmoid(x, 1.0f / 6.0f, 0.5f));
    return select_greater(zero(), x, mul(set1(f.alpha), x), x);  // leaky ReLU
}

template <int kind>
void run(const void* fields, const float*, const float* x, const float*, float* y, float*,
         ptrdiff_t first, ptrdiff_t end) {
    const Function& f = function_of(fields);
    const ptrdiff_t last = min(end * kAtOnce, f.count);
    ptrdiff_t i = first * kAtOnce;
    for (; i + kLanes <= last; i += kLanes) store(y + i, value<kind>(f, load(x + i)));
    if (i < last) {
        const Mask lanes = mask_lanes(0, last - i);
        store_first(y + i, value<kind>(f, load_mask(x + i, lanes)), last - i);
    }
}

template <int kind>
constexpr ProgramAlgorithm algorithm(const char* name) {
    return {name, "function", fits<kind>, no_floats, nullptr, no_floats, parts, nullptr, run<kind>};
}
constexpr ProgramAlgorithm kSigmoid = algorithm<0>("sigmoid");
constexpr ProgramAlgorithm kHardSigmoid = algorithm<2>("hard-sigmoid");
constexpr ProgramAlgorithm kHardSwish = algorithm<3>("hard-swish");
constexpr ProgramAlgorithm kLeaky = algorithm<4>("leaky-relu");

}  // namespace function
}  // namespace fast
