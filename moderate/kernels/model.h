/* Rows of weights: what model.c and explanation.c share. */
#ifndef MODERATE_MODEL_H
#define MODERATE_MODEL_H

#include "kernels.h"

#define ROW_BYTES 16
#define OFFSET 128
#define HEADS 14

typedef struct {
    const uint8_t *rows;
    const int16_t *signals; /* (signals, levels, HEADS) */
    double gram_ratio;
} Model;

/* Add to `total`, (HEADS,), an unknown word: the sum of its n-grams, scaled to the weight of a word. */
void add_unknown(const Model *model, int64_t *total, const int32_t *rows, Py_ssize_t count);

#endif
