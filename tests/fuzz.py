"""Coverage-guided fuzzing of whole decisions, outside the ordinary test run (libFuzzer by way of atheris).

Every input is one or several comments. The contract must hold for each, the compiled kernels must say what the numpy
code says, a batch what single comments get, and blank or invisible characters at the end must change nothing. The
branches of the numpy code guide the search. The kernels are compiled so that undefined behaviour stops them; then
with the address sanitizer too, which does not go together with the guidance, and what was found is run again. From a
checkout, in an environment of its own:

    CFLAGS="-g -fsanitize=undefined -fsanitize-undefined-trap-on-error" pip install -e ".[test]" atheris
    mkdir found; python tests/fuzz.py found -max_total_time=1200 -timeout=20 -max_len=2000 -len_control=10

    CFLAGS="-g -fsanitize=address,undefined -fno-sanitize-recover=all" LDFLAGS="-fsanitize=address,undefined" \\
        pip install -e ".[test]"
    export LD_PRELOAD="$(gcc -print-file-name=libasan.so) $(gcc -print-file-name=libubsan.so)"
    ASAN_OPTIONS=detect_leaks=0 python tests/fuzz.py found -runs=0
"""

import sys
from itertools import pairwise
from pathlib import Path

import atheris

sys.path.insert(0, str(Path(__file__).parent))
with atheris.instrument_imports(include=["moderate"]):
    import moderate.moderator
    from moderate import Moderator
    from moderate.rules import RuleBook

from test_kernels import PHRASES, decide_with_numpy
from test_moderator import check
from tiny import PIECES

# What a mutation of bytes would seldom write: a byte from 0xE0 on is followed by the number of one of these.
WORDS = [*PIECES, *PHRASES, " ", "\n", "\u200d", "\u0336", "\ufe0f", "🏳️‍🌈", "ᴀ", "ⓕ", "𝔣", "＠", "&lt", "a\u0301" * 5]
TAILS = ["", " ", "\n\t ", "\u200b\u00ad", "\ufeff\u202e\x00"]
SEPARATOR = "\x1e"  # between the comments of a batch

MODEL = Moderator.load()
RULES = Moderator(model=None, rules=RuleBook.from_toml(moderate.moderator.DATA / "rules.toml"))


def read(data):
    """Comments from bytes: code points of every plane, words, and what separates comments."""
    letters, at = [], 0
    while at < len(data):
        byte = data[at]
        if byte >= 0xE0 and at + 1 < len(data):
            letters.append(WORDS[data[at + 1] % len(WORDS)])
            at += 2
        elif byte >= 0x80 and at + 2 < len(data):
            letters.append(chr((byte % 0x11) << 16 | data[at + 1] << 8 | data[at + 2]))
            at += 3
        else:
            letters.append(chr(byte))
            at += 1
    return "".join(letters).split(SEPARATOR)


def same(left, right):
    return repr(left) == repr(right)


def test_one_input(data):
    """Everything that must hold of any input."""
    texts = read(data)
    tail = TAILS[len(data) % len(TAILS)]
    for judge in (MODEL, RULES):
        together = judge.classify_many(texts)
        for text, decision in zip(texts, together, strict=True):
            check(decision, text)
            assert all(before[1] < after[0] for reason in decision.reasons for before, after in pairwise(reason.spans))
        assert same(together, [judge.classify(text) for text in texts]), "a batch differs from single comments"
        assert same(together, judge.classify_many([text + tail for text in texts])), "the end of a comment matters"
        assert same(together, decide_with_numpy(judge, texts)), "the kernels differ from the numpy code"


if __name__ == "__main__":
    atheris.Setup(sys.argv, test_one_input)
    atheris.Fuzz()
