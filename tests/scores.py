"""Print a digest of the scores of many comments, to compare between versions, platforms and installations."""

import hashlib

import numpy
from test_cases import CASES
from test_hostile import HOSTILE

from moderate import Moderator

texts = [case.text for case in CASES] + [make(2_000) for make in HOSTILE.values()]
texts += ["".join(map(chr, range(start, start + 64))) for start in range(0, 0x110000, 64)]
scores = Moderator.load().scores(texts)
kernels = Moderator.load().info()["kernels"]
print(hashlib.sha256(scores.astype("<f4").tobytes()).hexdigest(), f"numpy {numpy.__version__}, {kernels}")
