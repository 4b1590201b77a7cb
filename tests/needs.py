"""What a test needs that pip does not install."""

import os

import pytest


def missing(what):
    """Skip, and say why; where everything is said to be there, as in .ci/run, fail."""
    if os.environ.get("MODERATE_TEST_ALL"):
        pytest.fail(f"{what}, although MODERATE_TEST_ALL is set")
    pytest.skip(what)
