/* Quotations: `Quotations.find` of quotations.py. */
#include "kernels.h"

/* Roles of a word, one bit each, in the order of quotations.py. */
enum { REPORTED = 1, CONDEMNED = 2, APPROVED = 4, INSULTS = 8, HURLED = 16, SUFFERED = 32 };

typedef struct {
    const uint64_t *hashes; /* sorted */
    const int64_t *roles;
    Py_ssize_t size;
    Filter filter;
} Lexicon;

typedef struct {
    Py_ssize_t before, behind, longest, least_said;
} Limits;

static int64_t role_of(const Lexicon *lexicon, uint64_t hash) {
    if (!filter_passes(lexicon->filter, hash)) return 0;
    Py_ssize_t low = 0, high = lexicon->size;
    while (low < high) {
        Py_ssize_t middle = (low + high) / 2;
        if (lexicon->hashes[middle] < hash) low = middle + 1;
        else high = middle;
    }
    return low < lexicon->size && lexicon->hashes[low] == hash ? lexicon->roles[low] : 0;
}

/* All roles that occur in [begin, end). */
static int64_t roles_among(const int64_t *roles, Py_ssize_t begin, Py_ssize_t end) {
    int64_t found = 0;
    for (Py_ssize_t i = begin; i < end; i++) found |= roles[i];
    return found;
}

/* Append the words of a comment of `count` words, the first of which is word `base` of the batch, that it quotes in
   order to condemn them. `marks` are its quotation marks; `outside` and `inside` have room for a role each word. */
static void read_comment(const Lexicon *lexicon, Limits limits, const uint64_t *words, Py_ssize_t base, Py_ssize_t count,
                         const int64_t *marks, Py_ssize_t marked, int64_t *outside, int64_t *inside, Vector *out) {
    Py_ssize_t pair = 0, pairs = marked / 2;
    for (Py_ssize_t i = 0; i < count; i++) {
        int64_t role = role_of(lexicon, words[i]);
        if (pair < pairs && i > marks[2 * pair + 1]) pair++;
        bool quoted = pair < pairs && i >= marks[2 * pair];
        outside[i] = quoted ? 0 : role;
        inside[i] = quoted ? role : 0;
    }
    int64_t said_of_all = roles_among(outside, 0, count);
    if (said_of_all & APPROVED) return;
    for (pair = 0; pair < pairs; pair++) {
        Py_ssize_t open = marks[2 * pair], close = marks[2 * pair + 1], length = close - open - 1;
        Py_ssize_t before = open < limits.before ? 0 : open - limits.before;
        Py_ssize_t behind = close + 1 + limits.behind > count ? count : close + 1 + limits.behind;
        int64_t near = roles_among(outside, before, behind);
        bool condemned = near & REPORTED && said_of_all & CONDEMNED, hurled = near & HURLED && near & SUFFERED;
        if (length > limits.longest || !(condemned || hurled)) continue;
        if (length < limits.least_said && !(roles_among(inside, open + 1, close) & INSULTS)) continue;
        for (Py_ssize_t i = open + 1; i < close; i++) APPEND(out, int64_t, base + i);
    }
}

/* find_quotations((words, hashes, roles, filter), (mark, boundary), (before, behind, longest, least said))
   -> indices of the words that are quoted in order to condemn them; int64 */
PyObject *kernel_find_quotations(PyObject *module, PyObject *arguments) {
    PyObject *tables;
    unsigned long long mark, boundary;
    Limits limits;
    Array a[4] = {0};
    if (!PyArg_ParseTuple(arguments, "O(KK)(nnnn)", &tables, &mark, &boundary, &limits.before, &limits.behind,
                          &limits.longest, &limits.least_said))
        return NULL;
    if (!arrays_from(tables, a, 4, "QQqb")) return NULL;
    const uint64_t *words = U64(a[0]);
    Py_ssize_t count = a[0].size;
    Lexicon lexicon = {U64(a[1]), I64(a[2]), a[1].size, filter_of(&a[3])};
    Vector out = {0}, marks = {0}, roles = {0};
    Py_BEGIN_ALLOW_THREADS
    for (Py_ssize_t base = 0, end; base < count; base = end) {
        marks.bytes = 0;
        for (end = base; end < count && (end == base || words[end] != boundary); end++)
            if (words[end] == mark) APPEND(&marks, int64_t, end - base);
        Py_ssize_t marked = COUNT(marks, int64_t);
        if (marked < 2) continue;
        roles.bytes = 0;
        int64_t *outside = vector_extend(&roles, 2 * (end - base) * sizeof(int64_t));
        if (!outside || marks.failed) break;
        read_comment(&lexicon, limits, words + base, base, end - base, ITEMS(marks, int64_t), marked, outside,
                     outside + (end - base), &out);
    }
    Py_END_ALLOW_THREADS
    out.failed |= marks.failed | roles.failed;
    free(marks.data);
    free(roles.data);
    arrays_release(a, 4);
    return vectors_to_tuple(&out, 1);
}
