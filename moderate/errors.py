"""The errors, all from one root.

ModerateError
├── ModelError         a model folder that cannot be used: what is wrong with it
├── PolicyError        a policy that cannot be used: file, line, key
├── RulesError         a rule book that cannot be used: file, line, key
├── InputError         a table that cannot be read or written: file, line, column
│   ├── DamagedInputError  a compressed input that ends too early or is not what it says
│   └── StoppedError       a run that ended half-way and can be resumed
├── SettingsError      a service cannot start with these settings: which, and what to do
├── WorkerKilledError  a worker process of a batch is gone
└── MissingExtraError  an optional dependency is needed: which extra to install

A value that is not a ``str`` where a comment is expected raises the built-in ``TypeError``.
"""


class ModerateError(Exception):
    """Root of every error that this library raises on purpose."""


class ModelError(ModerateError):
    """A model folder is missing, damaged, of a newer format, or inconsistent."""


class PolicyError(ModerateError):
    """A policy file or value is not valid."""


class RulesError(ModerateError):
    """A rule book is not valid."""


class InputError(ModerateError):
    """An input or output table cannot be read or written as asked."""


class DamagedInputError(InputError):
    """A compressed input ends too early or is not what it says; what came before is sound."""


class StoppedError(InputError):
    """A run ended before its end; what was finished is kept for resuming."""


class SettingsError(ModerateError):
    """The service cannot start with the settings given."""


class WorkerKilledError(ModerateError):
    """A worker process is gone; by the hand of the system, mostly, for want of memory."""


class MissingExtraError(ModerateError):
    """A feature needs an optional dependency that is not installed."""

    def __init__(self, feature: str, *, extra: str) -> None:
        """Say what needs the extra, and how to install it."""
        super().__init__(f"{feature} needs the extra '{extra}': pip install 'moderate[{extra}]'")
        self.extra = extra
