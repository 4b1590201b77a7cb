"""``python -m moderate``."""

from .cli import main

main()
