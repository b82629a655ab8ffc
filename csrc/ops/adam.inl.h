// Adam's update of parameters and moments, over whole vectors; what is left over is masked.

namespace adam {

// Kingma and Ba 2015 as torch.optim.Adam computes it, with AdamW's decay.
inline void update(const AdamStep& a, const float* gradient, ptrdiff_t count, float* parameter,
                   float* mean, float* square) {
    const Vec step = set1(a.step), correction = set1(1.0f / a.root_correction),
              epsilon = set1(a.epsilon), keep = set1(a.keep);
    const Vec take1 = set1(a.take1), keep2 = set1(a.keep2), take2 = set1(a.take2);
    const auto run = [&](ptrdiff_t i, const auto& read, const auto& write) {
        const Vec g = read(gradient + i), m = read(mean + i);
        const Vec new_mean = fma(take1, sub(g, m), m);
        const Vec new_square = fma(mul(take2, g), g, mul(read(square + i), keep2));
        const Vec divisor = fma(near_root(new_square), correction, epsilon);
        const Vec p = mul(read(parameter + i), keep);
        write(parameter + i, add(p, near_quotient(mul(step, new_mean), divisor)));
        write(mean + i, new_mean);
        write(square + i, new_square);
    };
    ptrdiff_t i = 0;
    for (; i + kLanes <= count; i += kLanes) {
        run(
            i, [](const float* from) { return load(from); },
            [](float* to, Vec v) { store(to, v); });
    }
    const Mask rest = mask_lanes(0, count - i);
    if (i < count) {
        run(
            i, [&](const float* from) { return load_mask(from, rest); },
            [&](float* to, Vec v) { store_mask(to, rest, v); });
    }
}

}  // namespace adam
