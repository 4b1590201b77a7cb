"""moderate: decide whether a reader's comment may be published, and say why."""

from ._version import __version__
from .columns import to_columns
from .decision import Decision, Reason
from .errors import InputError, MissingExtraError, ModelError, ModerateError, PolicyError, RulesError
from .guidelines import CATEGORIES, Category, Policy
from .moderator import Moderator, classify, classify_many

__all__ = [
    "CATEGORIES",
    "Category",
    "Decision",
    "InputError",
    "MissingExtraError",
    "ModelError",
    "ModerateError",
    "Moderator",
    "Policy",
    "PolicyError",
    "Reason",
    "RulesError",
    "__version__",
    "classify",
    "classify_many",
    "to_columns",
]
