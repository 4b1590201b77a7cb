"""``python -m moderate.spark``; this file is also what ``spark-submit`` is given, so it names its imports in full."""

from moderate.spark.command import main

if __name__ == "__main__":
    main()
