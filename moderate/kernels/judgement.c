/* Sums to scores, and scores to broken categories: `weigh` of judgement.py and `reject` of explanation.py. */
#include "model.h"

#define KIND_SHARE 0.15f
#define FAMILY 7 /* children in the tree of categories */

/* --- Sums to scores -------------------------------------------------------------------------------------------- */

#define REACH 16
#define STEPS 256

/* The logistic function by table, linear between its knots. */
static float logistic(const double *knots, Py_ssize_t count, double logit) {
    double place = (logit + REACH) * STEPS;
    if (place < 0) place = 0;
    if (place > (double)(count - 1)) place = (double)(count - 1);
    Py_ssize_t below = (Py_ssize_t)place;
    double low = knots[below], high = knots[below + 1 < count ? below + 1 : count - 1];
    return (float)(low + (high - low) * (place - (double)below));
}

/* Let general heads lean on the surest of their particular ones, each of which says what it says by itself. */
static void lean(double *logits, const double *leaning, const Array *particulars) {
    double surest[HEADS];
    for (int head = 0; head < HEADS; head++) surest[head] = -INFINITY;
    for (Py_ssize_t j = 0; j + 1 < particulars->size; j += 2) {
        int64_t particular = I64(*particulars)[j], general = I64(*particulars)[j + 1];
        if (logits[particular] > surest[general]) surest[general] = logits[particular];
    }
    for (int head = 0; head < HEADS; head++)
        if (leaning[head] != 0) logits[head] += leaning[head] * (surest[head] - logits[head]);
}

#define LEAST_KNOWN 0.2
#define LONG 32  /* words of a comment from which, ... */
#define STRONG 2 /* ... and severity of a hit from which, a passage is heard as if it were the comment */

/* Raise the scores of heads that have a strong hit to what their highest passage says by itself, up to a ceiling. */
static void hear_passages(float *score, const double *alone, const int64_t *severities, const float *ceilings,
                          const double *knots, Py_ssize_t count) {
    for (int head = 0; head < HEADS; head++) {
        if (severities[head] < STRONG) continue;
        float heard = logistic(knots, count, alone[head]);
        if (heard > ceilings[head]) heard = ceilings[head];
        if (heard > score[head]) score[head] = heard;
    }
}

enum { SCORES, BY_RULES, BLANK, WEIGH_OUTPUTS };

/* weigh((words, signals, peaks, counts, known, links, severities or empty, factors, intercepts, shares and margins of
   passages, leaning, particulars, evidence, knots, rule_scores, family, promotions, ceilings),
   (prior_words, damping))
   -> scores, by_rules, blank: fields of Judgement */
PyObject *kernel_weigh(PyObject *module, PyObject *arguments) {
    PyObject *tables;
    double prior_words, damping;
    Array a[19] = {0};
    if (!PyArg_ParseTuple(arguments, "O(dd)", &tables, &prior_words, &damping)) return NULL;
    if (!arrays_from(tables, a, 19, "qqdqqqqdddddqddfqqf")) return NULL;
    const int64_t *words = I64(a[0]), *signals = I64(a[1]), *counts = I64(a[3]), *known = I64(a[4]), *links = I64(a[5]);
    const int64_t *severities = a[6].size ? I64(a[6]) : NULL, *family = I64(a[16]), *promotions = I64(a[17]);
    const double *peaks = a[2].data, *factors = a[7].data, *intercepts = a[8].data, *shares = a[9].data;
    const double *margins = a[10].data, *leaning = a[11].data, *evidence = a[13].data, *knots = a[14].data;
    const float *rule_scores = a[15].data, *ceilings = a[18].data;
    Lengths lengths = lengths_of(prior_words, damping);
    Py_ssize_t comments = a[3].size;
    Vector out[WEIGH_OUTPUTS] = {0};
    float *score = vector_extend(&out[SCORES], comments * HEADS * sizeof(float));
    uint8_t *by_rules = vector_extend(&out[BY_RULES], comments), *blank = vector_extend(&out[BLANK], comments);
    for (Py_ssize_t i = 0; score && by_rules && blank && i < comments; i++, score += HEADS) {
        double inverse = 1 / divisor(lengths, counts[i]), logits[HEADS], alone[HEADS];
        for (int head = 0; head < HEADS; head++) logits[head] = (double)words[i * HEADS + head] * inverse;
        for (int head = 0; head < HEADS; head++) {
            double exceeding = peaks[i * HEADS + head] - logits[head] - margins[head];
            logits[head] += shares[head] * (exceeding > 0 ? exceeding : 0);
        }
        for (int head = 0; head < HEADS; head++)
            logits[head] = (logits[head] + (double)signals[i * HEADS + head]) * factors[head] + intercepts[head];
        bool strong = false;
        for (int head = 0; severities && head < HEADS; head++) {
            int64_t severity = severities[i * HEADS + head];
            logits[head] += evidence[severity];
            strong |= severity >= STRONG && counts[i] >= LONG;
        }
        lean(logits, leaning, &a[12]);
        for (int head = 0; head < HEADS; head++) score[head] = logistic(knots, a[14].size, logits[head]);
        if (strong) {
            for (int head = 0; head < HEADS; head++)
                alone[head] = (peaks[i * HEADS + head] + (double)signals[i * HEADS + head]) * factors[head] +
                              intercepts[head] + evidence[severities[i * HEADS + head]];
            lean(alone, leaning, &a[12]);
            hear_passages(score, alone, &severities[i * HEADS], ceilings, knots, a[14].size);
        }
        by_rules[i] = (double)known[i] < LEAST_KNOWN * (double)counts[i];
        if (by_rules[i]) {
            float ruled[HEADS];
            for (int head = 0; head < HEADS; head++) ruled[head] = severities ? rule_scores[severities[i * HEADS + head]] : 0;
            for (Py_ssize_t j = 0; j < a[17].size; j++) { /* a link is one in any language */
                int64_t head = promotions[j];
                if (score[head] > ruled[head]) ruled[head] = score[head];
            }
            memcpy(score, ruled, sizeof ruled);
        }
        blank[i] = counts[i] == 0 && links[i] == 0;
        if (blank[i]) memset(score, 0, HEADS * sizeof(float));
        for (Py_ssize_t j = 0; j + 1 < a[16].size; j += 2) {
            float parent = score[family[j + 1]], *child = &score[family[j]];
            if (*child > parent) *child = parent;
        }
    }
    arrays_release(a, 19);
    return vectors_to_tuple(out, WEIGH_OUTPUTS);
}

/* --- Categories ------------------------------------------------------------------------------------------------ */

typedef struct {
    const int64_t (*family)[2]; /* child, parent */
    const int64_t *nearest;     /* columns that a rude general impression may count as */
    Py_ssize_t nearest_count;
    int64_t toxic;
} Tree;

/* Which categories a comment that reaches some of its `limits` breaks, as `mask`. */
static void name_categories(const Tree *tree, const float *scores, const float *limits, uint8_t *mask) {
    bool any = false;
    for (int i = 0; i < FAMILY; i++) mask[tree->family[i][1]] |= mask[tree->family[i][0]];
    for (int i = 0; i < FAMILY; i++) {
        int64_t child = tree->family[i][0], parent = tree->family[i][1];
        mask[child] |= mask[parent] && scores[child] >= KIND_SHARE * scores[parent];
    }
    mask[tree->toxic] = 0;
    for (int head = 0; head < HEADS; head++) any |= mask[head];
    if (any) return;
    int64_t best = tree->nearest[0];
    float closest = -1;
    for (Py_ssize_t i = 0; i < tree->nearest_count; i++) {
        int64_t head = tree->nearest[i];
        float limit = limits[head] > 1e-9f ? limits[head] : 1e-9f, closeness = scores[head] / limit;
        if (closeness > closest) closest = closeness, best = head;
    }
    mask[best] = 1;
}

/* reject((scores, by_rules, blank, limits, family, nearest), toxic) -> rejected, mask, columns, bounds */
PyObject *kernel_reject(PyObject *module, PyObject *arguments) {
    PyObject *tables;
    Py_ssize_t toxic;
    Array a[6] = {0};
    if (!PyArg_ParseTuple(arguments, "On", &tables, &toxic)) return NULL;
    if (!arrays_from(tables, a, 6, "fbbfqq")) return NULL;
    const float *scores = a[0].data, *limits = a[3].data;
    const uint8_t *by_rules = U8(a[1]), *blank = U8(a[2]);
    Tree tree = {(const int64_t(*)[2])a[4].data, I64(a[5]), a[5].size, toxic};
    Vector out[4] = {0};
    APPEND(&out[3], int64_t, 0);
    for (Py_ssize_t comment = 0; comment < a[1].size; comment++, scores += HEADS) {
        const float *limit = limits + HEADS * (by_rules[comment] != 0);
        uint8_t mask[HEADS], rejected = 0;
        int64_t columns[HEADS], count = 0;
        if (blank[comment]) continue;
        for (int head = 0; head < HEADS; head++) rejected |= mask[head] = scores[head] >= limit[head];
        if (!rejected) continue;
        name_categories(&tree, scores, limit, mask);
        for (int head = 0; head < HEADS; head++) { /* strongest first; of equals the first */
            if (!mask[head]) continue;
            int64_t place = count++;
            for (; place > 0 && scores[columns[place - 1]] < scores[head]; place--) columns[place] = columns[place - 1];
            columns[place] = head;
        }
        APPEND(&out[0], int64_t, comment);
        uint8_t *kept = vector_extend(&out[1], HEADS);
        if (kept) memcpy(kept, mask, HEADS);
        for (int64_t i = 0; i < count; i++) APPEND(&out[2], int64_t, columns[i]);
        APPEND(&out[3], int64_t, COUNT(out[2], int64_t));
    }
    arrays_release(a, 6);
    return vectors_to_tuple(out, 4);
}
