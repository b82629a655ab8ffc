/* See photo.h. */
#include "photo.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if defined(CNNKIT_WITH_JPEG) || defined(CNNKIT_WITH_PNG)

/* The state of a decoder, whose library jumps back to `failed` on an error. */
typedef struct {
    jmp_buf failed;
    const uint8_t *at, *end;
    uint8_t* pixels;
    int width, height, channels;
    int orientation; /* as EXIF numbers it: 1 is upright, 5 to 8 exchange height and width */
    int is_cut_off;
    const char* problem; /* of the file; here, because a jump leaves local variables undefined */
} decoder;

static const char* set_size(decoder* d, unsigned long width, unsigned long height, int channels) {
    if (width < 1 || height < 1) return "has a damaged header";
    if ((uint64_t)width * height > CNNKIT_LARGEST_PICTURE) return "has too many pixels";
    d->width = (int)width;
    d->height = (int)height;
    d->channels = channels;
    d->pixels = malloc((size_t)width * height * (size_t)channels);
    return d->pixels ? NULL : "takes more memory than there is";
}

static unsigned long number(const uint8_t* at, int bytes, int is_little) {
    unsigned long value = 0;
    for (int i = 0; i < bytes; ++i)
        value |= (unsigned long)at[is_little ? i : bytes - 1 - i] << 8 * i;
    return value;
}

/* The orientation in a TIFF header and its first directory, which is what EXIF is; else 1. */
static int exif_orientation(const uint8_t* tiff, size_t count) {
    if (count < 8 || (memcmp(tiff, "II*", 4) != 0 && memcmp(tiff, "MM\0*", 4) != 0)) return 1;
    const int is_little = tiff[0] == 'I';
    const unsigned long begin = number(tiff + 4, 4, is_little);
    if (begin > count - 2) return 1;
    unsigned long entries = number(tiff + begin, 2, is_little);
    for (size_t at = begin + 2; entries-- > 0 && at + 12 <= count; at += 12) {
        if (number(tiff + at, 2, is_little) != 0x0112) continue;
        if (number(tiff + at + 2, 2, is_little) != 3) return 1; /* no short number */
        const unsigned long value = number(tiff + at + 8, 2, is_little);
        return value >= 1 && value <= 8 ? (int)value : 1;
    }
    return 1;
}

/* Turn the pixels as they are to be seen. */
static const char* turn(decoder* d) {
    const int o = d->orientation, exchange = o >= 5;
    const int height = exchange ? d->width : d->height, width = exchange ? d->height : d->width;
    const size_t channels = (size_t)d->channels;
    if (o == 1) return NULL;
    uint8_t* turned = malloc((size_t)height * (size_t)width * channels);
    if (!turned) return "takes more memory than there is";
    for (int i = 0; i < height; ++i) {
        for (int j = 0; j < width; ++j) {
            int row = exchange ? j : i, column = exchange ? i : j;
            if (o == 3 || o == 4 || o == 6 || o == 7) row = d->height - 1 - row;
            if (o == 2 || o == 3 || o == 7 || o == 8) column = d->width - 1 - column;
            memcpy(turned + ((size_t)i * (size_t)width + (size_t)j) * channels,
                   d->pixels + ((size_t)row * (size_t)d->width + (size_t)column) * channels,
                   channels);
        }
    }
    free(d->pixels);
    d->pixels = turned;
    d->height = height;
    d->width = width;
    return NULL;
}
#endif

#ifdef CNNKIT_WITH_JPEG
#include <jerror.h>
#include <jpeglib.h>

typedef struct {
    struct jpeg_error_mgr manager; /* the first, so that it has the same address */
    decoder* d;
} jpeg_errors;

static void jpeg_failed(j_common_ptr jpeg) { longjmp(((jpeg_errors*)jpeg->err)->d->failed, 1); }

static void jpeg_message(j_common_ptr jpeg, int level) {
    (void)level;
    if (jpeg->err->msg_code == JWRN_JPEG_EOF) ((jpeg_errors*)jpeg->err)->d->is_cut_off = 1;
}

/* Ink of four colours, inverted as Adobe writes it, on white paper. */
static void cmyk_to_rgb(const uint8_t* from, long count, uint8_t* to) {
    for (; count-- > 0; from += 4) {
        for (int i = 0; i < 3; ++i) {
            const int product = (255 - from[i]) * from[3] + 128;
            *to++ = (uint8_t)(from[3] - ((product + (product >> 8)) >> 8));
        }
    }
}

static const char* decode_jpeg(decoder* d, struct jpeg_decompress_struct* jpeg) {
    jpeg_save_markers(jpeg, JPEG_APP0 + 1, 0xFFFF);
    jpeg_read_header(jpeg, TRUE);
    const int is_cmyk = jpeg->num_components == 4, is_gray = jpeg->num_components == 1;
    jpeg->out_color_space = is_cmyk ? JCS_CMYK : is_gray ? JCS_GRAYSCALE : JCS_RGB;
    for (jpeg_saved_marker_ptr m = jpeg->marker_list; m; m = m->next) {
        if (m->data_length > 6 && memcmp(m->data, "Exif\0", 6) == 0) {
            d->orientation = exif_orientation(m->data + 6, m->data_length - 6);
            break;
        }
    }
    const char* problem = set_size(d, jpeg->image_width, jpeg->image_height, is_gray ? 1 : 3);
    if (problem) return problem;
    jpeg_start_decompress(jpeg);
    const JSAMPARRAY line =
        jpeg->mem->alloc_sarray((j_common_ptr)jpeg, JPOOL_IMAGE, jpeg->output_width * 4, 1);
    while (jpeg->output_scanline < jpeg->output_height) {
        const size_t width = (size_t)d->width * (size_t)d->channels;
        uint8_t* to = d->pixels + jpeg->output_scanline * width;
        jpeg_read_scanlines(jpeg, line, 1);
        if (is_cmyk) {
            cmyk_to_rgb(line[0], d->width, to);
        } else {
            memcpy(to, line[0], width);
        }
    }
    return d->is_cut_off ? "is cut off" : NULL;
}

static const char* read_jpeg(decoder* d) {
    struct jpeg_decompress_struct jpeg;
    jpeg_errors errors;
    d->problem = "is a damaged JPEG file";
    jpeg.err = jpeg_std_error(&errors.manager);
    errors.manager.error_exit = jpeg_failed;
    errors.manager.emit_message = jpeg_message;
    errors.d = d;
    memset(&jpeg.mem, 0, sizeof jpeg.mem); /* nothing to destroy yet */
    if (!setjmp(d->failed)) {
        jpeg_create_decompress(&jpeg);
        jpeg_mem_src(&jpeg, (unsigned char*)d->at, (unsigned long)(d->end - d->at));
        d->problem = decode_jpeg(d, &jpeg);
    }
    jpeg_destroy_decompress(&jpeg);
    return d->problem;
}
#endif

#ifdef CNNKIT_WITH_PNG
#include <png.h>

static void png_failed(png_structp png, png_const_charp text) {
    (void)text;
    longjmp(((decoder*)png_get_error_ptr(png))->failed, 1);
}

static void png_message(png_structp png, png_const_charp text) {
    (void)png;
    (void)text;
}

static void png_bytes(png_structp png, png_bytep to, size_t count) {
    decoder* d = png_get_io_ptr(png);
    if (count > (size_t)(d->end - d->at)) png_error(png, "cut off");
    memcpy(to, d->at, count);
    d->at += count;
}

static const char* decode_png(decoder* d, png_structp png, png_infop info) {
    png_read_info(png, info);
    const int type = png_get_color_type(png, info);
    png_set_expand(png); /* palettes, less than 8 bits, transparent colours */
    if (type == PNG_COLOR_TYPE_GRAY) {
        png_set_scale_16(png);
    } else {
        png_set_strip_16(png);
    }
    const int passes = png_set_interlace_handling(png);
    const unsigned long width = png_get_image_width(png, info);
    if ((uint64_t)width * png_get_image_height(png, info) > CNNKIT_LARGEST_PICTURE)
        return "has too many pixels"; /* before rows are planned */
    png_read_update_info(png, info);
    const char* problem =
        set_size(d, width, png_get_image_height(png, info), png_get_channels(png, info));
    if (problem) return problem;
    for (int pass = 0; pass < passes; ++pass) {
        uint8_t* row = d->pixels;
        for (int i = 0; i < d->height; ++i, row += (size_t)d->width * (size_t)d->channels)
            png_read_row(png, row, NULL);
    }
    png_read_end(png, info);
#ifdef PNG_eXIf_SUPPORTED
    png_uint_32 count;
    png_bytep exif;
    if (png_get_eXIf_1(png, info, &count, &exif)) d->orientation = exif_orientation(exif, count);
#endif
    return NULL;
}

static const char* read_png(decoder* d) {
    png_structp png = png_create_read_struct(PNG_LIBPNG_VER_STRING, d, png_failed, png_message);
    png_infop info = png ? png_create_info_struct(png) : NULL;
    d->problem = "is a damaged PNG file";
    if (!info) {
        png_destroy_read_struct(&png, NULL, NULL);
        return "takes more memory than there is";
    }
    if (!setjmp(d->failed)) {
        png_set_read_fn(png, d, png_bytes);
        d->problem = decode_png(d, png, info);
    }
    png_destroy_read_struct(&png, &info, NULL);
    return d->problem;
}
#endif

const char* cnnkit_read_photo(const uint8_t* bytes, size_t count, cnnkit_picture* picture,
                              uint8_t** memory) {
    *memory = NULL;
#if defined(CNNKIT_WITH_JPEG) || defined(CNNKIT_WITH_PNG)
    const char* (*read)(decoder*) = NULL;
#ifdef CNNKIT_WITH_JPEG
    if (count >= 3 && memcmp(bytes, "\xFF\xD8\xFF", 3) == 0) read = read_jpeg;
#endif
#ifdef CNNKIT_WITH_PNG
    if (count >= 8 && memcmp(bytes, "\x89PNG\r\n\x1a\n", 8) == 0) read = read_png;
#endif
    if (read) {
        decoder d;
        memset(&d, 0, sizeof d);
        d.at = bytes;
        d.end = bytes + count;
        d.orientation = 1;
        const char* problem = read(&d);
        if (!problem) problem = turn(&d);
        *memory = d.pixels;
        picture->pixels = d.pixels;
        picture->channels = d.channels;
        picture->height = d.height;
        picture->width = d.width;
        return problem;
    }
#endif
    return cnnkit_read_netpbm(bytes, count, picture);
}
