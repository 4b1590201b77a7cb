"""Apache Spark: comments decided on where the archive lies, with the extra ``spark``."""

from .frames import moderate_dataframe, moderate_udf

__all__ = ["moderate_dataframe", "moderate_udf"]
