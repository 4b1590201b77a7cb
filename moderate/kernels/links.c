/* Links, mark-up, HTML entities and drawn letters: links.py. */
#include "text.h"

/* Index of a key among sorted keys, or -1. */
static Py_ssize_t find_key(const Array *keys, int64_t key) {
    Py_ssize_t low = 0, high = keys->size;
    while (low < high) {
        Py_ssize_t middle = (low + high) / 2;
        if (I64(*keys)[middle] < key) low = middle + 1;
        else high = middle;
    }
    return low < keys->size && I64(*keys)[low] == key ? low : -1;
}

/* Up to `length` letters from `place` as a number, five bits each; -1 when another character is among them. */
static int64_t packed(const Batch *batch, Py_ssize_t place, Py_ssize_t length) {
    int64_t key = 0;
    for (Py_ssize_t i = 0; i < length; i++) {
        int64_t letter = (int64_t)code_at(batch, place + i) - 96;
        if (letter <= 0 || letter >= 27) return -1;
        key |= letter << (5 * i);
    }
    return key;
}

/* --- Entities ------------------------------------------------------------------------------------------------- */

#define ENTITY_WINDOW 10

/* Code point of the entity whose name or number has `length` characters from `place`; -1 when it is none. */
static int64_t decode_entity(const Batch *batch, const Knowledge *known, Py_ssize_t place, Py_ssize_t length) {
    if (code_at(batch, place) != '#') {
        Py_ssize_t index = find_key(known->named_keys, packed(batch, place, length));
        return index < 0 ? -1 : I64(*known->named_codes)[index];
    }
    bool hexadecimal = code_at(batch, place + 1) == 'x';
    int64_t base = hexadecimal ? 16 : 10, value = 0;
    Py_ssize_t skip = hexadecimal ? 2 : 1;
    if (skip >= length) return -1;
    for (Py_ssize_t i = skip; i < length; i++) {
        int64_t code = code_at(batch, place + i);
        int64_t digit = code >= 'a' ? code - 'a' + 10 : code - '0';
        if (digit < 0 || digit >= base) return -1;
        value = value * base + digit;
    }
    return value > 0 && value < BOUNDARY_CODE ? value : -1;
}

void replace_entities(Batch *batch, const Knowledge *known) {
    for (Py_ssize_t place = 0; place < batch->size; place++) {
        if (CODE(batch, place) != '&') continue;
        Py_ssize_t length = 0;
        while (length < ENTITY_WINDOW && code_at(batch, place + 1 + length) != ';') length++;
        if (length < 2 || length == ENTITY_WINDOW) continue;
        int64_t code = decode_entity(batch, known, place + 1, length);
        if (code < 0) continue;
        batch->entries[place] = U32(*known->folding)[code];
        batch->classes[place] = (batch->entries[place] >> CLASS_SHIFT) & 7;
        memset(batch->classes + place + 1, IGNORED, length + 1);
        place += length + 1;
    }
}

/* --- Drawn letters -------------------------------------------------------------------------------------------- */

static const struct {
    const char *strokes;
    uint32_t letter;
} DRAWINGS[] = {
    {"|-|", 'h'}, {"|_|", 'u'}, {"|\\|", 'n'}, {"|\\/|", 'm'}, {"|<", 'k'}, {"|3", 'b'}, {"|)", 'd'}, {"()", 'o'},
};

/* Number of strokes of the drawing at `place`, and which it is; 0 where there is none. */
static Py_ssize_t drawing_at(const Batch *batch, Py_ssize_t place, size_t *which) {
    for (*which = 0; *which < sizeof DRAWINGS / sizeof *DRAWINGS; ++*which) {
        const char *strokes = DRAWINGS[*which].strokes;
        Py_ssize_t length = 0;
        while (strokes[length] && code_at(batch, place + length) == (uint32_t)strokes[length]) length++;
        if (!strokes[length]) return length;
    }
    return 0;
}

/* Whether one may begin among `count` entries: so simple that the compiler looks at several at once. */
static bool may_be_drawn(const uint32_t *entries, Py_ssize_t count) {
    uint32_t found = 0;
    for (Py_ssize_t i = 0; i < count; i++) {
        uint32_t code = entries[i] & CODE_MASK, next = entries[i + 1] & CODE_MASK;
        found |= (code == '|') | ((code == '(') & (next == ')'));
    }
    return found;
}

#define BLOCK 64 /* entries that are looked at together: most comments have no drawing */

bool replace_drawings(Batch *batch, const Knowledge *known) {
    Py_ssize_t reach = 0; /* behind the drawings so far */
    bool replaced = false;
    batch->entries[batch->size] = 0; /* there is room for one more */
    for (Py_ssize_t begin = 0; begin < batch->size; begin += BLOCK) {
        Py_ssize_t end = begin + BLOCK < batch->size ? begin + BLOCK : batch->size;
        if (!may_be_drawn(batch->entries + begin, end - begin)) continue;
        for (Py_ssize_t place = begin; place < end; place++) {
            uint32_t code = CODE(batch, place);
            size_t which;
            Py_ssize_t length = code == '|' || code == '(' ? drawing_at(batch, place, &which) : 0;
            if (!length) continue;
            bool before = batch->classes[place - 1] == LETTER, behind = class_at(batch, place + length) == LETTER;
            if (code == '(' ? !(before && behind) : !(before || behind)) continue;
            if (place >= reach) {
                batch->entries[place] = U32(*known->folding)[DRAWINGS[which].letter];
                batch->classes[place] = LETTER;
                memset(batch->classes + place + 1, IGNORED, length - 1);
                replaced = true;
            }
            if (place + length > reach) reach = place + length;
        }
    }
    return replaced;
}

/* --- Tags and links ------------------------------------------------------------------------------------------- */

#define TAG_WINDOW 14
#define TAG_LETTERS 10
#define DOMAIN_LETTERS 8

static void cut_tag(Batch *batch, const Knowledge *known, Py_ssize_t place) {
    static const char anchor[] = "a href";
    Py_ssize_t slash = code_at(batch, place + 1) == '/', begin = place + 1 + slash, length = 0;
    uint32_t window[TAG_WINDOW];
    for (Py_ssize_t i = 0; i < TAG_WINDOW; i++) {
        /* behind a slash the window ends one character earlier, and its last stands twice */
        window[i] = code_at(batch, begin + (slash && i == TAG_WINDOW - 1 ? i - 1 : i));
    }
    while (length < TAG_WINDOW && window[length] >= 'a' && window[length] <= 'z') length++;
    if (length == TAG_WINDOW) length = 0;
    int64_t key = 0;
    for (Py_ssize_t i = 0; i < length && i < TAG_LETTERS; i++) key |= (int64_t)(window[i] - 96) << (5 * i);
    if (find_key(known->tag_keys, key) < 0) return;
    bool closed = false, anchored = true;
    for (Py_ssize_t i = length; i < length + 3; i++) {
        uint32_t code = window[i < TAG_WINDOW ? i : TAG_WINDOW - 1];
        if (code == BOUNDARY_CODE) break; /* the next comment closes no tag */
        closed |= code == '>';
    }
    for (Py_ssize_t i = 0; anchor[i]; i++) anchored &= window[i] == (uint32_t)anchor[i];
    if (!closed && !anchored) return;
    Py_ssize_t end = begin + (anchored ? (Py_ssize_t)sizeof anchor - 1 : length);
    if (end > batch->size) end = batch->size;
    memset(batch->classes + place, PUNCTUATION, end - place);
}

static bool is_domain(const Batch *batch, const Knowledge *known, Py_ssize_t dot) {
    if (class_at(batch, dot + 1) != LETTER || !is_alphanumeric(class_at(batch, dot - 1))) return false;
    Py_ssize_t length = 0;
    while (length < DOMAIN_LETTERS && class_at(batch, dot + 1 + length) == LETTER) length++;
    int64_t key = packed(batch, dot + 1, length);
    if (find_key(known->domain_keys, key) >= 0) return true;
    bool path = length < DOMAIN_LETTERS && code_at(batch, dot + 1 + length) == '/';
    if (path && find_key(known->path_keys, key) >= 0) return true;
    return code_at(batch, dot - 1) == 'w' && code_at(batch, dot - 2) == 'w' && code_at(batch, dot - 3) == 'w';
}

#define KINDS (LINK_COUNTS - 1)
#define REFERRALS (KINDS - 1)
#define NAME_LETTERS 12

static inline bool breaks_address(uint32_t code) { return code == '/' || code == '?' || code == '#'; }

static inline bool divides_names(uint32_t code) {
    return breaks_address(code) || code == '.' || code == ':' || code == '=' || code == '&' || code == '@';
}

/* Which kinds the link [begin, end) is, a bit each: see `_tell_kinds`. */
static unsigned tell_kinds(const Batch *batch, const Knowledge *known, Py_ssize_t begin, Py_ssize_t end) {
    unsigned kinds = 0;
    bool at_site = true;
    for (Py_ssize_t name = begin, place = begin; place <= end; place++) {
        uint32_t code = place < end ? CODE(batch, place) : 0;
        if (place < end && !divides_names(code)) continue;
        int64_t key = packed(batch, name, place - name < NAME_LETTERS ? place - name : NAME_LETTERS);
        if (at_site) {
            Py_ssize_t site = find_key(known->site_keys, key);
            if (site >= 0) kinds |= 1u << I64(*known->sites)[site];
        } else if (code == '=' && find_key(known->referral_keys, key) >= 0) {
            kinds |= 1u << REFERRALS;
        }
        if (code == ':' && code_at(batch, place + 1) == '/' && code_at(batch, place + 2) == '/') {
            at_site = true;
            place += 2;
        } else if (breaks_address(code)) {
            at_site = false;
        }
        name = place + 1;
    }
    return kinds;
}

void cut_links(Batch *batch, const Knowledge *known, int64_t *links) {
    for (Py_ssize_t i = 0; i < batch->mark_count; i++)
        if (CODE(batch, batch->marks[i]) == '<') cut_tag(batch, known, batch->marks[i]);
    Py_ssize_t end = 0, begin = 0, comment = 0; /* begin, end: the stretch between blanks that was looked at last */
    Py_ssize_t start = -1;                      /* where the link in it starts; -1: no link */
    Py_ssize_t found = 0;
    for (Py_ssize_t i = 0; i < batch->mark_count; i++) {
        Py_ssize_t place = batch->marks[i];
        uint32_t code = CODE(batch, place);
        bool scheme = code == ':' && code_at(batch, place + 1) == '/' && code_at(batch, place + 2) == '/';
        if (!scheme && !(code == '.' && is_domain(batch, known, place))) continue;
        if (place >= end) {
            begin = place, end = place;
            while (batch->classes[begin] != SPACE && batch->classes[begin] != BOUNDARY) begin--;
            while (end < batch->size && batch->classes[end] != SPACE && batch->classes[end] != BOUNDARY) end++;
            begin++;
            batch->scratch[found++] = start = place;
            batch->scratch[found++] = end;
        }
        Py_ssize_t first = begin;
        if (scheme) {
            Py_ssize_t letters = 0;
            while (letters < 8 && class_at(batch, place - 1 - letters) == LETTER) letters++;
            first = place - letters;
        }
        if (first < start) batch->scratch[found - 2] = start = first;
    }
    for (Py_ssize_t i = 0; i < found; i += 2) {
        memset(batch->classes + batch->scratch[i], SPACE, batch->scratch[i + 1] - batch->scratch[i]);
        while (comment + 1 < batch->comments && batch->boundaries[comment + 1] <= batch->scratch[i]) comment++;
        int64_t *counts = links + comment * LINK_COUNTS;
        unsigned kinds = tell_kinds(batch, known, batch->scratch[i], batch->scratch[i + 1]);
        counts[0]++;
        for (int kind = 0; kind < KINDS; kind++) counts[1 + kind] += kinds >> kind & 1;
    }
}
