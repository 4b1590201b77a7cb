/* Disguised words: spelling.py, spaced.py and joined.py for one token after another. */
#include "kernels.h"

#define LEAST_RUN 3
#define LONGEST_RUN 48
#define MARKED_SALT 0xA0761D6478BD642Full
#define BLANK_SALT 0xE7037ED1A0B428DBull
#define PLAIN 0x5851F42D4C957F2Dull
#define ACRONYM 3
#define UNIT 2
#define LONGEST 40

#define LEAST_LETTERS 6
#define MOST_LETTERS 32
#define LONGEST_PART 16
#define COST_UNIT 16
#define MOST_COST 2.3
#define MOST_SPELT_COST 3.5
#define TELLING 1
#define NEVER_LAST 2
#define OPENER 4
#define FLAG_BITS 3
#define ONE_TELLING ((int64_t)1 << 6)
#define ONE_PART ((int64_t)1 << 12)
#define ONE_COST ((int64_t)1 << 20)
#define ABSENT ((int64_t)1 << 44)
#define PART_SALT 0x94D049BB133111EBull

static inline bool is_letter(uint32_t code) { return code >= 'a' && code <= 'z'; }
static inline bool is_digit(uint32_t code) { return code >= '0' && code <= '9'; }

/* Place of a key, or -1. */
static Py_ssize_t find_key(const Keys *keys, uint64_t key) {
    if (!filter_passes(keys->filter, key)) return -1;
    const int32_t *bound = keys->bounds + (key >> keys->shift);
    for (int32_t place = bound[0]; place < bound[1]; place++)
        if (keys->keys[place] == key) return place;
    return -1;
}

/* --- One spelling ---------------------------------------------------------------------------------------------- */

typedef struct {
    const uint32_t *codes;
    Py_ssize_t length; /* at most LONGEST */
} Stretch;

/* Key of a stretch read by `table`: see `spell`. */
static uint64_t spell(const Spelling *spelling, Stretch stretch, const uint32_t *table, bool plain, bool collapse) {
    uint32_t letters[LONGEST];
    Py_ssize_t count = 0;
    for (Py_ssize_t i = 0; i < stretch.length; i++) {
        uint32_t code = stretch.codes[i];
        uint32_t letter = code < (uint32_t)spelling->letters_size ? table[code] : code;
        if (!letter || (collapse && count && letters[count - 1] == letter)) continue;
        letters[count++] = letter;
    }
    uint64_t key = hash_stretch(letters, count);
    return plain ? key ^ PLAIN : key;
}

static bool try_spelling(const Spelling *spelling, Stretch stretch, const uint32_t *table, bool plain, bool collapse,
                         uint64_t *word) {
    uint64_t key = spell(spelling, stretch, table, plain, collapse);
    Py_ssize_t place = find_key(&spelling->keys, key);
    if (place < 0) return false;
    *word = spelling->words[place];
    return true;
}

/* Whether the stretch spells a word, and which. */
static bool look_up(const Spelling *spelling, Stretch stretch, bool spaced, uint64_t *word) {
    if (!spelling->keys.size) return false;
    bool plain = !spaced, star = false, either = false;
    for (Py_ssize_t i = 0; i < stretch.length; i++) {
        uint32_t code = stretch.codes[i];
        plain &= is_letter(code);
        plain &= i < 2 || code != stretch.codes[i - 1] || code != stretch.codes[i - 2];
        star |= code < (uint32_t)spelling->letters_size && spelling->starred[code] == '*';
        either |= code == '1' || code == '!' || code == '|';
    }
    if (star && try_spelling(spelling, stretch, spelling->starred, false, false, word)) return true;
    if (try_spelling(spelling, stretch, spelling->letters, plain, false, word)) return true;
    if (!plain && try_spelling(spelling, stretch, spelling->letters, false, true, word)) return true;
    return either && try_spelling(spelling, stretch, spelling->either, false, true, word);
}

/* --- Words run together ---------------------------------------------------------------------------------------- */

/* Keys of the parts of 1 to `length` letters that begin at `codes`. */
static void hash_windows(const uint32_t *codes, Py_ssize_t length, uint64_t *keys) {
    uint64_t sum = PART_SALT;
    for (Py_ssize_t i = 0; i < length; i++) {
        sum = (sum + codes[i]) * SPREAD;
        keys[i] = mix(sum);
    }
}

/* Value of the part with this key, 0 when there is none. */
static int64_t part_value(const Spelling *spelling, uint64_t key) {
    Py_ssize_t place = find_key(&spelling->parts, key);
    return place < 0 ? 0 : spelling->part_values[place];
}

static inline Py_ssize_t least(Py_ssize_t a, Py_ssize_t b) { return a < b ? a : b; }

/* Whether the token begins with a part and ends with one, and is none itself. */
static bool touches(const Spelling *spelling, Stretch token) {
    uint64_t keys[LONGEST_PART] = {0};
    Py_ssize_t longest = least(token.length, LONGEST_PART);
    bool found = false;
    hash_windows(token.codes, longest, keys);
    if (token.length <= LONGEST_PART && part_value(spelling, keys[token.length - 1])) return false;
    for (Py_ssize_t size = 1; size <= longest && !found; size++) found = part_value(spelling, keys[size - 1]) > 0;
    if (!found) return false;
    for (Py_ssize_t size = 1; size <= longest; size++) {
        hash_windows(token.codes + token.length - size, size, keys);
        if (part_value(spelling, keys[size - 1])) return true;
    }
    return false;
}

/* Places where the parts of the cheapest row of them begin in a token of at most LONGEST_RUN letters, from the last to
   the first; their number, 0 when the token stays whole. `spelt`: the letters were spelt out. */
static Py_ssize_t split(const Spelling *spelling, Stretch token, bool spelt, Py_ssize_t *begins) {
    int64_t costs[LONGEST_RUN + 1][LONGEST_PART + 1]; /* of the part that ends at a place, by its size */
    int64_t best[LONGEST_RUN + 1];
    bool told = spelt;
    if (!spelling->parts.size || !touches(spelling, token)) return 0;
    for (Py_ssize_t place = 0; place <= token.length; place++)
        for (Py_ssize_t size = 0; size <= LONGEST_PART; size++) costs[place][size] = ABSENT;
    for (Py_ssize_t place = 0; place < token.length; place++) {
        uint64_t keys[LONGEST_PART];
        Py_ssize_t longest = least(token.length - place, LONGEST_PART);
        hash_windows(token.codes + place, longest, keys);
        for (Py_ssize_t size = 1; size <= longest; size++) {
            int64_t value = part_value(spelling, keys[size - 1]);
            if (!value) continue;
            told |= (value & TELLING) != 0;
            if ((value & NEVER_LAST) && place + size == token.length) continue;
            costs[place + size][size] = (value >> FLAG_BITS) * ONE_COST + ONE_PART +
                                        ((value & TELLING) ? ONE_TELLING : 0) + ((value & OPENER) ? 1 : 0);
        }
    }
    if (!told) return 0;
    best[0] = 0;
    for (Py_ssize_t place = 1; place <= token.length; place++) {
        best[place] = ABSENT;
        for (Py_ssize_t size = least(place, LONGEST_PART); size; size--) {
            int64_t cost = best[place - size] + costs[place][size];
            if (cost < best[place]) best[place] = cost;
        }
    }
    int64_t total = best[token.length];
    int64_t parts = total % ONE_COST / ONE_PART, telling = total % ONE_PART / ONE_TELLING, openers = total % ONE_TELLING;
    bool enough = telling > 0 && (parts > 2 || (parts == 2 && telling + openers > 1));
    double most = COST_UNIT * (spelt ? MOST_SPELT_COST : MOST_COST);
    if (!(enough || spelt) || (double)(total / ONE_COST) > most * (double)token.length) return 0;
    Py_ssize_t count = 0;
    for (Py_ssize_t left = token.length; left > 0;) {
        Py_ssize_t chosen = 1;
        int64_t lowest = 2 * ABSENT;
        for (Py_ssize_t size = least(left, LONGEST_PART); size; size--) { /* of equals the longest */
            int64_t cost = best[left - size] + costs[left][size];
            if (cost < lowest) lowest = cost, chosen = size;
        }
        left -= chosen;
        begins[count++] = left;
    }
    return count;
}

/* --- A batch --------------------------------------------------------------------------------------------------- */

static inline Stretch stretch_of(const Tokens *tokens, Py_ssize_t token) {
    return (Stretch){tokens->codes + tokens->starts[token], tokens->starts[token + 1] - tokens->starts[token]};
}

static void append(Vector *readings, int64_t index, int64_t last, uint64_t word) {
    Reading *reading = vector_extend(readings, sizeof(Reading));
    if (reading) *reading = (Reading){index, last, word};
}

/* --- Letters set apart ----------------------------------------------------------------------------------------- */

static inline uint32_t initial_of(const Tokens *tokens, Py_ssize_t token) {
    return tokens->codes[tokens->starts[token]];
}

static inline bool is_pictograph(const Tokens *tokens, Py_ssize_t token) {
    uint32_t code = initial_of(tokens, token);
    return (code >= 0x2190 && code < 0x2C00) || (code >= 0x1F000 && code < 0x20000);
}

static inline Py_ssize_t length_of(const Tokens *tokens, Py_ssize_t token) {
    return tokens->starts[token + 1] - tokens->starts[token];
}

/* Whether the token is a single letter that may be one of a word spelt out. */
static bool is_single(const Tokens *tokens, Py_ssize_t token) {
    if (length_of(tokens, token) != 1) return false;
    uint32_t initial = initial_of(tokens, token);
    return initial >= '0' && initial != BOUNDARY_CODE && !is_pictograph(tokens, token);
}

/* The single letter that follows one, set apart by a blank or by a mark or emoji, which is told in `link`; -1: none. */
static Py_ssize_t next_letter(const Tokens *tokens, Py_ssize_t token, uint8_t *link) {
    const uint8_t *gaps = tokens->gaps;
    Py_ssize_t next = token + 1;
    if (next >= tokens->count) return -1;
    if ((gaps[next] == ONE_BLANK || gaps[next] == ONE_MARK) && is_single(tokens, next)) {
        *link = gaps[next];
        return next;
    }
    if (next + 1 < tokens->count && gaps[next] == ADJACENT && gaps[next + 1] == ADJACENT &&
        is_pictograph(tokens, next) && is_single(tokens, next + 1)) {
        *link = ONE_MARK;
        return next + 1;
    }
    return -1;
}

/* Whether at least LEAST_RUN letters set apart alike begin with this token. */
static bool begins_run(const Tokens *tokens, Py_ssize_t token) {
    uint8_t first = ADJACENT, second = ADJACENT;
    if (!is_single(tokens, token)) return false;
    Py_ssize_t next = next_letter(tokens, token, &first);
    return next >= 0 && next_letter(tokens, next, &second) >= 0 && first == second;
}

/* Put together `count` letters at `members`, and append the words that they spell; `reach` is the last token that
   letters put together so far have reached. */
static void join_letters(const Spelling *spelling, const Tokens *tokens, const Py_ssize_t *members, Py_ssize_t count,
                         Py_ssize_t *reach, Vector *readings) {
    uint32_t letters[LONGEST_RUN];
    for (Py_ssize_t i = 0; i < count; i++) letters[i] = initial_of(tokens, members[i]);
    const Py_ssize_t tries[3][2] = {{0, count}, {1, count}, {0, count - 1}};
    for (int i = 0; i < 3; i++) {
        Py_ssize_t first = tries[i][0], last = tries[i][1];
        uint64_t word;
        if (last - first < LEAST_RUN || last - first > LONGEST) continue;
        if (!look_up(spelling, (Stretch){letters + first, last - first}, true, &word)) continue;
        if (members[first] > *reach) append(readings, members[first], members[last - 1], word);
        if (members[last - 1] > *reach) *reach = members[last - 1];
        return;
    }
    bool word = tokens->gaps[members[1]] != ONE_BLANK;
    for (Py_ssize_t i = 0; i < count; i++) {
        word = word && is_letter(letters[i]);
        uint32_t letter = letters[i] < (uint32_t)spelling->letters_size ? spelling->letters[letters[i]] : letters[i];
        if (letter) letters[i] = letter;
    }
    Py_ssize_t begins[LONGEST_RUN] = {0}, parts = 0;
    if (count >= LEAST_LETTERS) parts = split(spelling, (Stretch){letters, count}, true, begins);
    if (!parts && word) parts = 1; /* one that nobody knows */
    if (!parts) return;
    for (Py_ssize_t i = parts - 1; i >= 0 && members[0] > *reach; i--) {
        Py_ssize_t end = i ? begins[i - 1] : count;
        append(readings, members[begins[i]], members[end - 1], hash_stretch(letters + begins[i], end - begins[i]));
    }
    if (members[count - 1] > *reach) *reach = members[count - 1];
}

/* Put together the run that begins with a token; its last token, or the one before it when another run begins there. */
static Py_ssize_t join_run(const Spelling *spelling, const Tokens *tokens, Py_ssize_t token, Py_ssize_t *reach,
                           Py_ssize_t *within, Vector *readings) {
    Py_ssize_t members[LONGEST_RUN], count = 0, total = 1, next;
    uint8_t kind = ADJACENT, link = ADJACENT;
    members[count++] = token;
    while ((next = next_letter(tokens, token, &link)) >= 0 && (kind == ADJACENT || link == kind)) {
        kind = link;
        if (count == LONGEST_RUN) {
            join_letters(spelling, tokens, members, count, reach, readings);
            count = 0;
        }
        members[count++] = token = next;
        total++;
    }
    if (total < LEAST_RUN) return next >= 0 && total > 1 ? token - 1 : token;
    if (count >= LEAST_RUN) join_letters(spelling, tokens, members, count, reach, readings);
    *within = token;
    return next >= 0 ? token - 1 : token;
}

/* Whether two tokens are the halves of a word, and which; any word across an emoji, or a mark if a half is unknown. */
static bool are_halves(const Spelling *spelling, const Tokens *tokens, Py_ssize_t first, Py_ssize_t second, bool marked,
                       bool unknown, uint64_t *word) {
    uint64_t key = mix((tokens->hashes[first] * SPREAD + tokens->hashes[second]) ^ (marked ? MARKED_SALT : BLANK_SALT));
    Py_ssize_t place = find_key(&spelling->keys, key);
    if (place >= 0) {
        *word = spelling->words[place];
        return true;
    }
    uint32_t letters[LONGEST];
    Py_ssize_t left = length_of(tokens, first), right = length_of(tokens, second);
    if (!marked || !(unknown || second - first > 1) || left + right > LONGEST) return false;
    if (!is_letter(initial_of(tokens, first)) || !is_letter(initial_of(tokens, second))) return false;
    memcpy(letters, tokens->codes + tokens->starts[first], (size_t)left * sizeof(uint32_t));
    memcpy(letters + left, tokens->codes + tokens->starts[second], (size_t)right * sizeof(uint32_t));
    return look_up(spelling, (Stretch){letters, left + right}, true, word);
}

/* Whether it is worth while to look at a token and the next: of most neither is unknown and only a blank is between. */
static inline bool may_be_half(const Tokens *tokens, Py_ssize_t token, const int32_t *rows) {
    if (token + 1 >= tokens->count) return false;
    uint8_t gap = tokens->gaps[token + 1];
    return gap != APART && (gap != ONE_BLANK || !rows[token] || !rows[token + 1]);
}

/* Put together a token that may be a half and the next, or the one behind an emoji, if they are the halves of a word:
   the last token of it, or -1. `reach` is the last token of all halves found so far, `within` the last token of a run. */
static Py_ssize_t join_halves(const Spelling *spelling, const Tokens *tokens, Py_ssize_t token, const int32_t *rows,
                              Py_ssize_t within, Py_ssize_t *reach, Vector *readings) {
    const uint8_t *gaps = tokens->gaps;
    Py_ssize_t second = token + 1;
    if (token <= within) return -1;
    uint8_t gap = gaps[second];
    if (gap == ADJACENT) {
        second++;
        if (second >= tokens->count || gaps[second] != ADJACENT || !is_pictograph(tokens, token + 1)) return -1;
    }
    bool unknown = !rows[token] || !rows[second];
    uint64_t word;
    if (!are_halves(spelling, tokens, token, second, gap != ONE_BLANK, unknown, &word)) return -1;
    if (begins_run(tokens, second)) return -1;
    bool apart = token > *reach;
    if (second > *reach) *reach = second;
    if (!apart) return -1;
    append(readings, token, second, word);
    return second;
}

/* Whether a token is so many capitals, an abbreviation. */
static bool is_acronym(const Tokens *tokens, Py_ssize_t token) {
    return tokens->capitals[token] && length_of(tokens, token) == ACRONYM;
}

/* Whether a token is a number and a unit. */
static bool is_quantity(Stretch token) {
    Py_ssize_t digits = 0;
    while (digits < token.length && is_digit(token.codes[digits])) digits++;
    if (!digits || token.length - digits > UNIT) return false;
    for (Py_ssize_t i = digits; i < token.length; i++)
        if (is_digit(token.codes[i])) return false;
    return true;
}

static void take_apart(const Spelling *spelling, Stretch token, Py_ssize_t index, Vector *readings) {
    Py_ssize_t begins[MOST_LETTERS];
    if (token.length < LEAST_LETTERS || token.length > MOST_LETTERS) return;
    if (!is_letter(token.codes[0]) || !is_letter(token.codes[token.length - 1])) return;
    for (Py_ssize_t count = split(spelling, token, false, begins), i = count - 1; i >= 0; i--) {
        Py_ssize_t end = i ? begins[i - 1] : token.length;
        append(readings, index, index, hash_stretch(token.codes + begins[i], end - begins[i]));
    }
}

void spelling_resolve(const Spelling *spelling, const Tokens *tokens, const int32_t *rows, Vector *readings,
                      int64_t *handles) {
    Py_ssize_t comment = 0;
    Py_ssize_t run = -1, within = -1, letters = -1; /* last tokens of: runs looked at, runs, letters put together */
    Py_ssize_t halves = -1, joined = -1;            /* of halves found, and of those put together */
    for (Py_ssize_t token = 0; token < tokens->count; token++) {
        while (comment + 1 < tokens->comments && tokens->first[comment + 1] <= token) comment++;
        Stretch stretch = stretch_of(tokens, token);
        if (token > run && is_single(tokens, token))
            run = join_run(spelling, tokens, token, &letters, &within, readings);
        if (spelling->keys.size && may_be_half(tokens, token, rows)) {
            Py_ssize_t last = join_halves(spelling, tokens, token, rows, within, &halves, readings);
            if (last >= 0) joined = last;
        }
        if (token <= joined || stretch.length == 1 || rows[token]) continue;
        if (stretch.length > LONGEST || is_acronym(tokens, token) || is_quantity(stretch)) continue;
        uint64_t word;
        if (look_up(spelling, stretch, false, &word)) {
            append(readings, token, token, word);
        } else if (stretch.codes[0] == '@') {
            handles[comment]++;
            append(readings, token, -1, 0);
        } else {
            take_apart(spelling, stretch, token, readings);
        }
    }
}
