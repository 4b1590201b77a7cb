"""The version, in one place, readable without importing numpy."""

__version__ = "0.1.0"
