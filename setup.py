"""The one part of the build that pyproject.toml cannot say: the compiled kernels.

Optional: where there is no C compiler, moderate is installed without them and works the same, more slowly. They use
Python's stable interface, so that one wheel serves every Python from 3.11 on.
"""

from pathlib import Path

from setuptools import Extension, setup

setup(
    ext_modules=[
        Extension(
            "moderate._kernels",
            sources=sorted(map(str, Path("moderate/kernels").glob("*.c"))),
            depends=sorted(map(str, Path("moderate/kernels").glob("*.h"))),
            # No fused multiply-add: it rounds once where numpy rounds twice, and scores must not depend on a platform.
            extra_compile_args=["-O3", "-g0", "-ffp-contract=off"],
            py_limited_api=True,
            optional=True,
        )
    ],
    options={"bdist_wheel": {"py_limited_api": "cp311"}},
)
