/* Rows of weights: what model.c and explanation.c share. */
#ifndef MODERATE_MODEL_H
#define MODERATE_MODEL_H

#include "kernels.h"

#define ROW_BYTES 16
#define OFFSET 128
#define HEADS 14
#define BLOCK 4 /* words; a passage is two blocks (passages.py) */

/* How sums are divided for length: `Lengths` of passages.py. */
typedef struct {
    double prior_words, damping, passage; /* the last is the eighth root of a passage's length */
} Lengths;

static inline Lengths lengths_of(double prior_words, double damping) {
    return (Lengths){prior_words, damping, sqrt(sqrt(sqrt(2 * BLOCK + prior_words)))};
}

static inline double divisor(Lengths lengths, int64_t words) {
    double length = (double)words + lengths.prior_words, root = sqrt(length > 1 ? length : 1);
    if (words <= 2 * BLOCK) return root;
    double beyond = sqrt(sqrt(root)) / lengths.passage;
    return root * (1 + lengths.damping * ((beyond > 1 ? beyond : 1) - 1));
}

typedef struct {
    const uint8_t *rows;
    const int16_t *signals; /* (signals, levels, HEADS) */
    double gram_ratio;
    Lengths lengths;
} Model;


/* Add to `total`, (HEADS,), an unknown word: the sum of its n-grams, scaled to the weight of a word. */
void add_unknown(const Model *model, int64_t *total, const int32_t *rows, Py_ssize_t count);

#endif
