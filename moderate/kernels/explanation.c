/* Why comments are rejected: `find_reasons` of explanation.py. */
#include "kernels.h"
#include "model.h"

#define MOST_CATEGORIES 3
#define MOST_WORDS 5
#define LEAST_SHARE 0.35

/* --- Words ----------------------------------------------------------------------------------------------------- */

typedef struct {
    const int64_t *piece_first, *chain, *gram_words;
    const int32_t *rows, *chain_rows, *gram_rows; /* (K, 4), (C, 2), (G,) */
    Py_ssize_t pieces, chains, grams;
} Features;

/* First place in sorted `values` that is not below `value`. */
static Py_ssize_t lower_bound(const int64_t *values, Py_ssize_t count, int64_t value) {
    Py_ssize_t low = 0;
    while (low < count) {
        Py_ssize_t middle = (low + count) / 2;
        if (values[middle] < value) low = middle + 1;
        else count = middle;
    }
    return low;
}

/* Where reading a comment begins among the pieces, the chains and the n-grams of a batch. */
typedef struct {
    Py_ssize_t piece, link, gram;
} Start;

static Start start_of(const Features *features, int64_t begin) {
    return (Start){
        .piece = lower_bound(features->piece_first, features->pieces, begin),
        .link = lower_bound(features->chain, features->chains, begin),
        .gram = lower_bound(features->gram_words, features->grams, begin),
    };
}

static inline int64_t weight_of(const Model *model, int32_t row, int64_t head) {
    return (int64_t)model->rows[(size_t)row * ROW_BYTES + head] - OFFSET;
}

#define SHARED 6 /* parts of a unit, so that two words and three can share one evenly */

/* What each of the words [begin, end) of a comment adds to a head; a feature of several words is shared among them. */
static void weigh_words(const Model *model, const Features *features, Start start, Py_ssize_t begin, Py_ssize_t end,
                        int64_t head, int64_t *weights) {
    int64_t pair = 0, frame = 0, frame_before = 0; /* shares of those that began one and two words before */
    for (Py_ssize_t word = begin; word < end; word++) {
        const int32_t *rows = features->rows + 4 * word;
        int64_t next_pair = weight_of(model, rows[1], head) * (SHARED / 2);
        int64_t next_frame = weight_of(model, rows[2], head) * (SHARED / 3);
        int64_t single = SHARED * (weight_of(model, rows[0], head) + weight_of(model, rows[3], head));
        weights[word - begin] = single + next_pair + pair + next_frame + frame + frame_before;
        pair = next_pair, frame_before = frame, frame = next_frame;
    }
    pair = frame = frame_before = 0;
    for (Py_ssize_t link = start.link; link < features->chains && features->chain[link] < end; link++) {
        const int32_t *rows = features->chain_rows + 2 * link;
        int64_t next_pair = weight_of(model, rows[0], head) * (SHARED / 2);
        int64_t next_frame = weight_of(model, rows[1], head) * (SHARED / 3);
        weights[features->chain[link] - begin] += next_pair + pair + next_frame + frame + frame_before;
        pair = next_pair, frame_before = frame, frame = next_frame;
    }
    Py_ssize_t gram = start.gram;
    while (gram < features->grams && features->gram_words[gram] < end) {
        int64_t word = features->gram_words[gram], values[HEADS] = {0};
        Py_ssize_t first = gram;
        while (gram < features->grams && features->gram_words[gram] == word) gram++;
        add_unknown(model, values, features->gram_rows + first, gram - first);
        weights[word - begin] += SHARED * values[head];
    }
    for (Py_ssize_t piece = start.piece; piece < features->pieces && features->piece_first[piece] < end; piece++)
        weights[features->piece_first[piece] - begin] = 0;
}

/* What words add once the passage that stands out counts more; `count` of them, the first one a boundary. */
static void weigh_passages(const Model *model, const int64_t *weights, Py_ssize_t count, double share, double margin,
                           double *raised) {
    Py_ssize_t best = 0, best_end = 0, words = count - 1;
    int64_t sum = 0;
    double peak = -INFINITY, best_root = 1, root = divisor(model->lengths, words);
    for (Py_ssize_t i = 0; i < count; i++) sum += weights[i];
    for (Py_ssize_t place = 0; place == 0 || words - place > BLOCK; place += BLOCK) {
        Py_ssize_t read = words - place < 2 * BLOCK ? words - place : 2 * BLOCK;
        Py_ssize_t begin = place ? place + 1 : 0, end = place + 1 + read;
        int64_t passage = 0;
        for (Py_ssize_t i = begin; i < end; i++) passage += weights[i];
        double passage_root = divisor(model->lengths, read), value = (double)passage / passage_root;
        if (value > peak) peak = value, best = begin, best_end = end, best_root = passage_root;
    }
    bool standing = peak - (double)sum / root - margin > 0;
    double outside = standing ? 1 - share : 1, inside = standing ? outside + share * root / best_root : 1;
    for (Py_ssize_t i = 0; i < count; i++)
        raised[i] = (double)weights[i] * (i >= best && i < best_end ? inside : outside);
}

/* Append the words that weigh most, in order of place. */
static void choose(const double *weights, Py_ssize_t begin, Py_ssize_t count, Vector *words) {
    Py_ssize_t best[MOST_WORDS], chosen = 0; /* strongest first; of equals the first */
    double strongest = 0;
    for (Py_ssize_t i = 0; i < count; i++)
        if (weights[i] > strongest) strongest = weights[i];
    for (Py_ssize_t i = 0; i < count; i++) {
        if (!(weights[i] > 0 && weights[i] >= LEAST_SHARE * strongest)) continue;
        Py_ssize_t rank = chosen;
        while (rank > 0 && weights[best[rank - 1]] < weights[i]) rank--;
        if (rank == MOST_WORDS) continue;
        if (chosen < MOST_WORDS) chosen++;
        for (Py_ssize_t j = chosen - 1; j > rank; j--) best[j] = best[j - 1];
        best[rank] = i;
    }
    for (Py_ssize_t i = 1; i < chosen; i++) {
        Py_ssize_t word = best[i], j = i;
        for (; j > 0 && best[j - 1] > word; j--) best[j] = best[j - 1];
        best[j] = word;
    }
    for (Py_ssize_t i = 0; i < chosen; i++) APPEND(words, int64_t, begin + best[i]);
}

/* --- Spans ----------------------------------------------------------------------------------------------------- */

typedef struct {
    const int64_t *index, *last, *begins, *ends, *offsets, *shifts;
} Places;

typedef struct {
    int64_t begin, end;
} Span;

/* Add the place of a stretch of words of a comment that begins with `piece`; stretches come in order, and those one
   character apart are one. */
static void add_span(const Features *features, const Places *places, Py_ssize_t piece, int64_t start, int64_t end,
                     Vector *spans) {
    while (features->piece_first[piece + 1] <= start) piece++;
    int64_t shift = places->shifts[piece] - places->offsets[piece];
    Span span = {
        places->begins[places->index[start]] + shift,
        places->ends[places->last[end]] + shift,
    };
    Span *before = spans->bytes ? ITEMS(*spans, Span) + COUNT(*spans, Span) - 1 : NULL;
    if (!before || span.begin > before->end + 1) APPEND(spans, Span, span);
    else if (span.end > before->end) before->end = span.end;
}

/* The spans as a tuple of pairs. */
static PyObject *spans_to_tuple(const Vector *vector) {
    const Span *spans = ITEMS(*vector, Span);
    Py_ssize_t count = COUNT(*vector, Span);
    PyObject *tuple = vector->failed ? PyErr_NoMemory() : PyTuple_New(count);
    for (Py_ssize_t i = 0; tuple && i < count; i++) {
        PyObject *pair = PyTuple_New(2);
        PyObject *begin = PyLong_FromSsize_t(spans[i].begin), *end = PyLong_FromSsize_t(spans[i].end);
        if (!pair || !begin || !end) {
            Py_XDECREF(pair);
            Py_XDECREF(begin);
            Py_XDECREF(end);
            Py_DECREF(tuple);
            return NULL;
        }
        PyTuple_SetItem(pair, 0, begin);
        PyTuple_SetItem(pair, 1, end);
        PyObject_GC_UnTrack(pair); /* numbers alone: nothing for the garbage collector */
        PyTuple_SetItem(tuple, i, pair);
    }
    if (tuple && count) PyObject_GC_UnTrack(tuple);
    return tuple;
}

/* --- Reasons --------------------------------------------------------------------------------------------------- */

enum { BY_RULE, BY_MODEL };

typedef struct {
    int64_t column, rule, source;
    PyObject *spans;
} Ground;

typedef struct {
    const Model *model; /* NULL where the rules decide alone */
    Features features;
    Places places;
    const int64_t *first, *hit_start, *hit_end, *hit_rule, *rule_columns;
    Py_ssize_t hits, rules;
    const double *shares, *margins; /* of passages */
    Start start;                    /* of the comment that is explained */
    Vector spans, weights, raised, words, chosen; /* scratch */
} Explainer;

static bool add_ground(Explainer *explainer, int64_t column, int64_t rule, int64_t source, Vector *grounds) {
    PyObject *spans = spans_to_tuple(&explainer->spans);
    if (!spans) return false;
    APPEND(grounds, Ground, ((Ground){column, rule, source, spans}));
    if (grounds->failed) Py_DECREF(spans);
    return !grounds->failed || PyErr_NoMemory();
}

/* One of the rule hits in a comment. */
typedef struct {
    int64_t rule, place;
} Hit;

static int by_rule(const void *a, const void *b) {
    const Hit *left = a, *right = b;
    if (left->rule != right->rule) return left->rule < right->rule ? -1 : 1;
    return (left->place > right->place) - (left->place < right->place);
}

/* One ground for each rule that hit, with all its places. */
static bool add_rules(Explainer *explainer, int64_t comment, const uint8_t *mask, Vector *grounds) {
    int64_t begin = explainer->first[comment], end = explainer->first[comment + 1];
    Vector *chosen = &explainer->chosen;
    chosen->bytes = 0;
    Py_ssize_t place = lower_bound(explainer->hit_start, explainer->hits, begin);
    for (; place < explainer->hits && explainer->hit_start[place] < end; place++) {
        int64_t rule = explainer->hit_rule[place];
        if (mask[explainer->rule_columns[rule]]) APPEND(chosen, Hit, ((Hit){rule, place}));
    }
    if (chosen->failed) return PyErr_NoMemory();
    Hit *hits = ITEMS(*chosen, Hit);
    Py_ssize_t count = COUNT(*chosen, Hit);
    if (count > 1) qsort(hits, count, sizeof(Hit), by_rule);
    for (Py_ssize_t i = 0; i < count;) {
        int64_t rule = hits[i].rule;
        explainer->spans.bytes = 0;
        for (; i < count && hits[i].rule == rule; i++) {
            int64_t hit = hits[i].place;
            add_span(&explainer->features, &explainer->places, explainer->start.piece, explainer->hit_start[hit],
                     explainer->hit_end[hit], &explainer->spans);
        }
        if (!add_ground(explainer, explainer->rule_columns[rule], rule, BY_RULE, grounds)) return false;
    }
    return true;
}

/* One ground for each of the strongest categories in which words weigh anything. */
static bool add_categories(Explainer *explainer, int64_t comment, const int64_t *columns, Py_ssize_t count,
                           Vector *grounds) {
    Py_ssize_t begin = explainer->first[comment], end = explainer->first[comment + 1];
    explainer->weights.bytes = explainer->raised.bytes = 0;
    int64_t *weights = vector_extend(&explainer->weights, (end - begin) * sizeof(int64_t));
    double *raised = vector_extend(&explainer->raised, (end - begin) * sizeof(double));
    if (!weights || !raised) return PyErr_NoMemory();
    for (Py_ssize_t i = 0; i < count && i < MOST_CATEGORIES; i++) {
        weigh_words(explainer->model, &explainer->features, explainer->start, begin, end, columns[i], weights);
        weigh_passages(explainer->model, weights, end - begin, explainer->shares[columns[i]],
                       SHARED * explainer->margins[columns[i]], raised);
        explainer->words.bytes = explainer->spans.bytes = 0;
        choose(raised, begin, end - begin, &explainer->words);
        const int64_t *words = ITEMS(explainer->words, int64_t);
        for (Py_ssize_t j = 0; j < COUNT(explainer->words, int64_t); j++)
            add_span(&explainer->features, &explainer->places, explainer->start.piece, words[j], words[j],
                     &explainer->spans);
        if (COUNT(explainer->words, int64_t) &&
            !add_ground(explainer, columns[i], explainer->rules, BY_MODEL, grounds))
            return false;
    }
    return true;
}

/* Whether ground `a` goes before `b`: strongest category first, and what a rule says before the words of the model. */
static bool goes_before(const Ground *a, const Ground *b, const float *scores) {
    if (scores[a->column] != scores[b->column]) return scores[a->column] > scores[b->column];
    return a->source < b->source;
}

enum { COLUMN, RULE, SOURCE, SCORE, BOUNDS, GROUND_OUTPUTS };

/* Append the grounds of a comment, in order, to the outputs; their spans to a list. */
static bool append_grounds(Vector *grounds, const float *scores, Vector *out, PyObject *spans) {
    Ground *ground = ITEMS(*grounds, Ground);
    Py_ssize_t count = COUNT(*grounds, Ground);
    for (Py_ssize_t i = 1; i < count; i++) {
        Ground moved = ground[i];
        Py_ssize_t j = i;
        for (; j > 0 && goes_before(&moved, &ground[j - 1], scores); j--) ground[j] = ground[j - 1];
        ground[j] = moved;
    }
    for (Py_ssize_t i = 0; i < count; i++) {
        APPEND(&out[COLUMN], int64_t, ground[i].column);
        APPEND(&out[RULE], int64_t, ground[i].rule);
        APPEND(&out[SOURCE], int64_t, ground[i].source);
        APPEND(&out[SCORE], double, scores[ground[i].column]);
        if (PyList_Append(spans, ground[i].spans) < 0) return false;
    }
    APPEND(&out[BOUNDS], int64_t, COUNT(out[COLUMN], int64_t));
    return true;
}

static bool explain(Explainer *explainer, Array *a, Vector *out, PyObject *spans) {
    const int64_t *rejected = I64(a[0]), *columns = I64(a[2]), *bounds = I64(a[3]);
    const uint8_t *by_rules = U8(a[5]);
    Vector grounds = {0};
    bool good = true;
    APPEND(&out[BOUNDS], int64_t, 0);
    for (Py_ssize_t i = 0; good && i < a[0].size; i++) {
        int64_t comment = rejected[i];
        grounds.bytes = 0;
        explainer->start = start_of(&explainer->features, explainer->first[comment]);
        good = add_rules(explainer, comment, U8(a[1]) + i * HEADS, &grounds);
        if (good && explainer->model && !by_rules[comment])
            good = add_categories(explainer, comment, columns + bounds[i], bounds[i + 1] - bounds[i], &grounds);
        good = good && append_grounds(&grounds, (const float *)a[4].data + comment * HEADS, out, spans);
        for (Py_ssize_t j = 0; j < COUNT(grounds, Ground); j++) Py_DECREF(ITEMS(grounds, Ground)[j].spans);
    }
    free(grounds.data);
    return good;
}

/* explain((rejected, mask, columns, bounds, scores, by_rules, first, shifts), (rows, shares and margins of passages) or (),
   gram_ratio, (prior_words, damping), arrays of Features, (index, last, token begins, ends, offsets),
   (start, end, rule, rule columns))
   -> column, rule, source and score of each reason, bounds of the comments, and a list of their spans */
PyObject *kernel_explain(PyObject *module, PyObject *arguments) {
    PyObject *asked, *weights, *features, *places, *hits;
    double prior_words, damping;
    Model model = {0};
    Array a[8] = {0}, m[3] = {0}, f[7] = {0}, p[5] = {0}, h[4] = {0};
    if (!PyArg_ParseTuple(arguments, "OOd(dd)OOO", &asked, &weights, &model.gram_ratio, &prior_words, &damping,
                          &features, &places, &hits))
        return NULL;
    Py_ssize_t models = PyTuple_Check(weights) && PyTuple_Size(weights) ? 3 : 0;
    bool good = arrays_from(asked, a, 8, "qbqqfbqq") && arrays_from(weights, m, models, "bdd") &&
                arrays_from(features, f, 7, "qiqiiqq") && arrays_from(places, p, 5, "qqqqq") &&
                arrays_from(hits, h, 4, "qqqq");
    model.rows = U8(m[0]);
    model.lengths = lengths_of(prior_words, damping);
    Explainer explainer = {
        .model = models ? &model : NULL,
        .features = {
            .piece_first = I64(f[0]), .pieces = f[0].size - 1, .rows = I32(f[1]), .chain = I64(f[2]),
            .chains = f[2].size, .chain_rows = I32(f[3]), .gram_rows = I32(f[4]), .gram_words = I64(f[5]),
            .grams = f[4].size,
        },
        .places = {I64(p[0]), I64(p[1]), I64(p[2]), I64(p[3]), I64(p[4]), I64(a[7])},
        .first = I64(a[6]), .hit_start = I64(h[0]), .hit_end = I64(h[1]), .hit_rule = I64(h[2]),
        .rule_columns = I64(h[3]), .hits = h[0].size, .rules = h[3].size,
        .shares = m[1].data, .margins = m[2].data,
    };
    Vector out[GROUND_OUTPUTS] = {0};
    PyObject *spans = good ? PyList_New(0) : NULL, *result = NULL;
    good = spans && explain(&explainer, a, out, spans);
    free(explainer.spans.data);
    free(explainer.weights.data);
    free(explainer.raised.data);
    free(explainer.words.data);
    free(explainer.chosen.data);
    arrays_release(a, 8);
    arrays_release(m, 3);
    arrays_release(f, 7);
    arrays_release(p, 5);
    arrays_release(h, 4);
    if (good) {
        PyObject *columns = vectors_to_tuple(out, GROUND_OUTPUTS);
        result = columns ? PyTuple_Pack(2, columns, spans) : NULL;
        Py_XDECREF(columns);
    } else {
        for (int i = 0; i < GROUND_OUTPUTS; i++) free(out[i].data);
    }
    Py_XDECREF(spans);
    return result;
}
