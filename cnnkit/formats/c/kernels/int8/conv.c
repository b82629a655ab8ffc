/* A convolution of any windows. */
static void conv(const struct conv* c, const int8_t* weight, const int32_t* bias,
                 const float* factor, const uint8_t* x, uint8_t* room, uint8_t* y) {
    convolve(c, weight, bias, factor, x, room, y, 0);
}
