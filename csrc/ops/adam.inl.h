// Adam's update of parameters and moments, over whole vectors; what is left over is masked.

namespace adam {

// Kingma and Ba 2015 as torch.optim.Adam computes it, with AdamW's decay.
inline void update(const AdamStep& a, const float* gradient, long count, float* parameter,
                   float* mean, float* square) {
    const Vec step = set1(a.step), root_correction = set1(a.root_correction),
              epsilon = set1(a.epsilon), keep = set1(a.keep);
    const Vec take1 = set1(a.take1), keep2 = set1(a.keep2), take2 = set1(a.take2);
    for (long i = 0; i < count; i += kLanes) {
        const Mask inside = mask_lanes(0, count - i);
        const Vec g = load_mask(gradient + i, inside), m = load_mask(mean + i, inside);
        const Vec new_mean = fma(take1, sub(g, m), m);
        const Vec new_square = fma(mul(take2, g), g, mul(load_mask(square + i, inside), keep2));
        const Vec divisor = add(div(root(new_square), root_correction), epsilon);
        const Vec p = mul(load_mask(parameter + i, inside), keep);
        store_mask(parameter + i, inside, add(p, div(mul(step, new_mean), divisor)));
        store_mask(mean + i, inside, new_mean);
        store_mask(square + i, inside, new_square);
    }
}

}  // namespace adam
