# Which files photo.c reads: besides PGM, PPM and PAM also JPEG and PNG, where libjpeg and libpng are
# installed (Debian's libjpeg-dev and libpng-dev).
has = $(shell printf '\043include <stdio.h>\n\043include <$(1)>\n' | \
    $(CC) $(CPPFLAGS) -fsyntax-only -x c - 2>/dev/null && echo yes)
ifeq ($(call has,jpeglib.h),yes)
PHOTO_FLAGS += -DCNNKIT_WITH_JPEG
PHOTO_LIBS += -ljpeg
endif
ifeq ($(call has,png.h),yes)
PHOTO_FLAGS += -DCNNKIT_WITH_PNG
PHOTO_LIBS += -lpng
endif
