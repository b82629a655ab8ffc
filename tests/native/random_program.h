// Random programs of the general engine: `random_chain()`.
#pragma once

#include "program_conv.h"
#include "program_elements.h"
#include "program_functions.h"
#include "program_rows.h"

namespace {

Chain random_chain() {
    Chain chain;
    chain.image = {draw(1, 14), draw(1, one_in(4) ? 40 : 14), one_in(4) ? 1 : draw(1, 5)};
    add_pixels(chain);
    for (ptrdiff_t left = draw(3, 12); left > 0; --left) {
        const ptrdiff_t last = static_cast<ptrdiff_t>(chain.buffers.size()) - 1;
        const ptrdiff_t x = one_in(4) ? draw(0, last) : last;
        switch (draw(0, 13)) {
            case 0:
            case 1:
                add_conv(chain, x, false);
                if (one_in(2)) add_pool(chain, static_cast<ptrdiff_t>(chain.buffers.size()) - 1);
                break;
            case 2:
                add_conv(chain, x, true);
                break;
            case 3:
                add_pool(chain, x);
                break;
            case 4:
                add_activation(chain, x);
                break;
            case 5:
                add_function(chain, x);
                break;
            case 6:
                add_arithmetic(chain, x);
                break;
            case 7:
                add_copy(chain, x);
                break;
            case 8:
                one_in(2) ? add_lrn(chain, x) : add_matmul(chain, x);
                break;
            case 9:
                add_elementary(chain, x);
                break;
            case 10:
                one_in(2) ? add_extreme(chain, x) : add_chosen(chain, x);
                break;
            case 11:
                one_in(2) ? add_resample(chain, x) : add_summary(chain, x);
                break;
            default:
                add_rows(chain, x, one_in(2));
        }
    }
    return chain;
}

}  // namespace
