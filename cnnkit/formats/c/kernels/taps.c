/* The taps of a window that lie in the image, along one axis: from `first` on, `count` of them. */
struct taps {
    int first, count;
};

/* How many taps of a window come before `size`. */
INLINE int reach(int start, int size, int kernel, int dilation) {
    const int end = size > start ? (size - start + dilation - 1) / dilation : 0;
    return end < kernel ? end : kernel;
}

INLINE struct taps inside(int start, int size, int kernel, int dilation) {
    struct taps found;
    const int end = reach(start, size, kernel, dilation);
    found.first = start < 0 ? (dilation - 1 - start) / dilation : 0;
    found.count = end > found.first ? end - found.first : 0;
    return found;
}
