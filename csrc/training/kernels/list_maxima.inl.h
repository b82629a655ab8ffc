// Of the channels of a window: gradients of those whose maximum is at `tap`, and `step` times their
// number. Writes a vector beyond what it returns the count of.

namespace training {

inline int list_maxima(const float* dy, const unsigned char* indices, long channels, int tap,
                       int step, float* values, int* places) {
    int n = 0;
    for (long o = 0; o < channels; ++o) {
        values[n] = dy[o], places[n] = static_cast<int>(o) * step;
        n += indices[o] == tap;
    }
    return n;
}

}  // namespace training
