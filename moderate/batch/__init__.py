"""Batch work: tables of comments in, the same tables with decisions out."""

from ..errors import StoppedError
from ..tables.reading import Options
from .run import Progress, Summary, moderate_file

__all__ = ["Options", "Progress", "StoppedError", "Summary", "moderate_file"]
