/* See netpbm.h; the formats are described at https://netpbm.sourceforge.net/doc/ */
#include "netpbm.h"

#include <string.h>

enum { LARGEST_NUMBER = 99999999, LONGEST_WORD = 15 };

typedef struct {
    const uint8_t *at, *end;
} cursor;

static int is_space(uint8_t letter) { return letter == ' ' || (letter >= '\t' && letter <= '\r'); }

/* Skip white space, and comments up to the end of their line. */
static void skip_space(cursor* c) {
    int is_comment = 0;
    for (; c->at < c->end && (is_comment || is_space(*c->at) || *c->at == '#'); ++c->at)
        is_comment = (is_comment || *c->at == '#') && *c->at != '\n' && *c->at != '\r';
}

/* Read digits after white space; -1 if there are none, or too many. */
static int read_number(cursor* c) {
    int number = -1;
    skip_space(c);
    for (; c->at < c->end && *c->at >= '0' && *c->at <= '9'; ++c->at) {
        number = (number < 0 ? 0 : 10 * number) + (*c->at - '0');
        if (number > LARGEST_NUMBER) return -1;
    }
    return number;
}

/* Read a word after white space; it is empty at the end of the file, or if it is too long. */
static void read_word(cursor* c, char word[LONGEST_WORD + 1]) {
    int length = 0;
    skip_space(c);
    for (; c->at < c->end && !is_space(*c->at); ++c->at, ++length)
        if (length < LONGEST_WORD) word[length] = (char)*c->at;
    word[length <= LONGEST_WORD ? length : 0] = '\0';
}

/* Read the lines of a PAM header, in any order. Return 0 if one is unknown or missing. */
static int read_pam_header(cursor* c, cnnkit_picture* picture, int* most) {
    static const char* const types[] = {"GRAYSCALE", "GRAYSCALE_ALPHA", "RGB", "RGB_ALPHA"};
    char word[LONGEST_WORD + 1];
    int type = 0;
    for (read_word(c, word); strcmp(word, "ENDHDR") != 0; read_word(c, word)) {
        if (strcmp(word, "WIDTH") == 0) {
            picture->width = read_number(c);
        } else if (strcmp(word, "HEIGHT") == 0) {
            picture->height = read_number(c);
        } else if (strcmp(word, "DEPTH") == 0) {
            picture->channels = read_number(c);
        } else if (strcmp(word, "MAXVAL") == 0) {
            *most = read_number(c);
        } else if (strcmp(word, "TUPLTYPE") == 0 && !type) {
            read_word(c, word);
            for (type = 4; type > 0 && strcmp(word, types[type - 1]) != 0;) --type;
            if (!type) return 0;
        } else {
            return 0;
        }
    }
    if (picture->channels < 1 || picture->channels > 4) return 0;
    return !type || type == picture->channels;
}

const char* cnnkit_read_netpbm(const uint8_t* bytes, size_t count, cnnkit_picture* picture) {
    cursor c;
    int most = -1;
    uint64_t area;
    c.at = bytes;
    c.end = bytes + count;
    if (count < 3 || bytes[0] != 'P' || bytes[1] < '5' || bytes[1] > '7')
        return "is not a binary PGM, PPM or PAM file";
    c.at += 2;
    picture->width = picture->height = -1;
    picture->channels = bytes[1] == '5' ? 1 : bytes[1] == '6' ? 3 : -1;
    if (bytes[1] == '7') {
        if (!read_pam_header(&c, picture, &most)) return "has a PAM header of another kind";
    } else {
        picture->width = read_number(&c);
        picture->height = read_number(&c);
        most = read_number(&c);
    }
    if (picture->width < 1 || picture->height < 1 || most < 1) return "has a damaged header";
    if (most != 255) return "has other than 8 bits a sample";
    area = (uint64_t)picture->width * (uint64_t)picture->height;
    if (area > CNNKIT_LARGEST_PICTURE) return "has too many pixels";
    if (c.at == c.end || !is_space(*c.at)) return "has a damaged header";
    picture->pixels = c.at + 1;
    if ((uint64_t)(c.end - picture->pixels) < area * (uint64_t)picture->channels)
        return "is cut off";
    return NULL;
}
