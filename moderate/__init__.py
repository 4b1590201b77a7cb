"""moderate: decide whether a reader's comment may be published, and say why."""

from ._version import __version__
from .columns import to_columns
from .decision import Decision, Reason
from .errors import (
    DamagedInputError,
    InputError,
    MissingExtraError,
    ModelError,
    ModerateError,
    PolicyError,
    RulesError,
    SettingsError,
    StoppedError,
    WorkerKilledError,
)
from .guidelines import CATEGORIES, Category, Policy
from .moderator import Moderator, classify, classify_many

__all__ = [
    "CATEGORIES",
    "Category",
    "DamagedInputError",
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
    "SettingsError",
    "StoppedError",
    "WorkerKilledError",
    "__version__",
    "classify",
    "classify_many",
    "to_columns",
]
