#include "dsp_compact.h"
#include "dsp_pairs.h"

void mg_dsp_conv_pairs(const int8_t* in, int8_t* out, void* scratch,
                       const mg_dsp_conv_pairs_params* p) {
  mg_pair_table(scratch, p->book);
  mg_dsp_conv(in, out, (uint8_t*)scratch + MG_PAIR_TABLE, &p->conv);
}
