/* Quotations: `Quotations.find` of quotations.py, as a part of `RuleBook.find`. */
#include "quotations.h"

/* Roles of a word, one bit each, in the order of quotations.py. */
enum {
    REPORTED = 1, CONDEMNED = 2, APPROVED = 4, INSULTS = 8, HURLED = 16, SUFFERED = 32, ONESELF = 64, UTTERED = 128
};

static int64_t role_of(const Quoting *quoting, uint64_t hash) {
    if (!filter_passes(quoting->filter, hash)) return 0;
    Py_ssize_t low = 0, high = quoting->size;
    while (low < high) {
        Py_ssize_t middle = (low + high) / 2;
        if (quoting->hashes[middle] < hash) low = middle + 1;
        else high = middle;
    }
    return low < quoting->size && quoting->hashes[low] == hash ? quoting->roles[low] : 0;
}

/* Whether one of the words [begin, end) has any of the `roles`. */
static bool has_role(const Quoting *quoting, const uint64_t *words, Py_ssize_t begin, Py_ssize_t end, int64_t roles) {
    for (Py_ssize_t i = begin; i < end; i++)
        if (role_of(quoting, words[i]) & roles) return true;
    return false;
}

/* All roles that occur in [begin, end). */
static int64_t roles_among(const int64_t *roles, Py_ssize_t begin, Py_ssize_t end) {
    int64_t found = 0;
    for (Py_ssize_t i = begin; i < end; i++) found |= roles[i];
    return found;
}

/* Whether it says in [0, count) that the writer himself spoke: "I shouted". */
static bool speaks_himself(const int64_t *roles, Py_ssize_t count) {
    for (Py_ssize_t i = 0; i + 1 < count; i++)
        if (roles[i] & ONESELF && roles[i + 1] & UTTERED) return true;
    return false;
}

static inline Py_ssize_t before_marks(const Quoting *quoting, Py_ssize_t open) {
    return open < quoting->before ? 0 : open - quoting->before;
}

static inline Py_ssize_t behind_marks(const Quoting *quoting, Py_ssize_t close, Py_ssize_t count) {
    return close + 1 + quoting->behind > count ? count : close + 1 + quoting->behind;
}

/* Whether anything is reported or hurled near any pair of marks: most are scare quotes and titles, and the other words
   of their comments need not be looked up. */
static bool may_quote(const Quoting *quoting, const uint64_t *words, Py_ssize_t count, const int64_t *marks,
                      Py_ssize_t pairs) {
    for (Py_ssize_t pair = 0; pair < pairs; pair++) {
        Py_ssize_t open = marks[2 * pair], close = marks[2 * pair + 1];
        if (has_role(quoting, words, before_marks(quoting, open), open, REPORTED | HURLED)) return true;
        if (has_role(quoting, words, close + 1, behind_marks(quoting, close, count), REPORTED | HURLED)) return true;
    }
    return false;
}

/* Append the words of a comment of `count` words, the first of which is word `base` of the batch, that it quotes in
   order to condemn them. `marks` are its quotation marks; `outside` has room for the roles of each word. */
static void read_comment(const Quoting *quoting, const uint64_t *words, Py_ssize_t base, Py_ssize_t count,
                         const int64_t *marks, Py_ssize_t marked, int64_t *outside, Vector *out) {
    Py_ssize_t pair = 0, pairs = marked / 2;
    if (!may_quote(quoting, words, count, marks, pairs)) return;
    for (Py_ssize_t i = 0; i < count; i++) {
        if (pair < pairs && i > marks[2 * pair + 1]) pair++;
        bool quoted = pair < pairs && i >= marks[2 * pair];
        outside[i] = quoted ? 0 : role_of(quoting, words[i]);
    }
    int64_t said_of_all = roles_among(outside, 0, count);
    if (said_of_all & APPROVED || speaks_himself(outside, count)) return;
    for (pair = 0; pair < pairs; pair++) {
        Py_ssize_t open = marks[2 * pair], close = marks[2 * pair + 1], length = close - open - 1;
        int64_t near = roles_among(outside, before_marks(quoting, open), behind_marks(quoting, close, count));
        bool condemned = near & REPORTED && said_of_all & CONDEMNED, hurled = near & HURLED && near & SUFFERED;
        if (length > quoting->longest || !(condemned || hurled)) continue;
        if (length < quoting->least_said && !has_role(quoting, words, open + 1, close, INSULTS)) continue;
        for (Py_ssize_t i = open + 1; i < close; i++) APPEND(out, int64_t, base + i);
    }
}

void find_quotations(const Quoting *quoting, const uint64_t *words, Py_ssize_t count, Vector *out) {
    Vector marks = {0}, roles = {0};
    for (Py_ssize_t base = 0, end; base < count; base = end) {
        marks.bytes = 0;
        for (end = base; end < count && (end == base || words[end] != quoting->boundary); end++)
            if (words[end] == quoting->mark) APPEND(&marks, int64_t, end - base);
        Py_ssize_t marked = COUNT(marks, int64_t);
        if (marked < 2) continue;
        roles.bytes = 0;
        int64_t *outside = vector_extend(&roles, (end - base) * sizeof(int64_t));
        if (!outside || marks.failed) break;
        read_comment(quoting, words + base, base, end - base, ITEMS(marks, int64_t), marked, outside, out);
    }
    out->failed |= marks.failed | roles.failed;
    free(marks.data);
    free(roles.data);
}
