"""``python -m moderate``."""

from .cli import main

if __name__ == "__main__":
    main()
