"""What an operator can set, checked before anything starts."""

from __future__ import annotations

import ipaddress
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from ..errors import SettingsError
from ..guidelines import Policy

# Where keys and secrets are looked for when no file is named. Never on the command line: every user of the machine can
# read that.
KEYS_VARIABLE: Final = "MODERATE_API_KEYS"
CORAL_VARIABLE: Final = "MODERATE_CORAL_SECRET"

SHORTEST_SECRET: Final = 8  # characters; what is shorter is a slip, such as a file with the wrong content


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How the service runs.

    Attributes:
        host, port: where it listens; port 0 takes a free one.
        workers: processes that share the port.
        model: a model folder; ``None`` is the packaged model.
        policy: where the lines are drawn; ``None`` is the default policy.
        api_keys: keys of which a request must bring one; none asks for no key.
        coral_secrets: signing secrets of Coral, whole, of which one must have signed; none asks for no signature.
        coral_rejects: reject in Coral outright, with a reason code, instead of withholding for a moderator.
        feedback: file to which suggested scores are appended; ``None`` throws them away.
        log_text: let the log have the comments.
        log_level: of the log; "debug", "info", "warning" or "error".
        most_bytes: longest request body.
        most_comments: most comments of a request.
        most_requests: requests in hand at once, for each worker; the next is refused with 503.
        read_seconds: time for a request to arrive whole.
        shutdown_seconds: time for what was accepted to be finished after SIGTERM.
    """

    host: str = "127.0.0.1"
    port: int = 8000
    workers: int = 1
    model: str | None = None
    policy: Policy | None = None
    api_keys: tuple[str, ...] = field(default=(), repr=False)
    coral_secrets: tuple[str, ...] = field(default=(), repr=False)
    coral_rejects: bool = False
    feedback: Path | None = None
    log_text: bool = False
    log_level: str = "info"
    most_bytes: int = 2 << 20  # a thousand comments of two thousand characters
    most_comments: int = 1000
    most_requests: int = 100
    read_seconds: float = 5.0
    shutdown_seconds: float = 30.0

    @property
    def local(self) -> bool:
        """Whether only this machine can reach it."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False


def read_secrets(path: str | Path | None, variable: str) -> tuple[str, ...]:
    """Keys or secrets from a file, one a line, blank lines and # comments left out; else from the environment.

    Args:
        path: the file; ``None`` looks into the environment.
        variable: an environment variable with one or several, separated by commas.

    Raises:
        SettingsError: the file cannot be read or holds none, or one is too short to be meant.
    """
    if path is None:
        source, lines = f"${variable}", os.environ.get(variable, "").split(",")
    else:
        source = str(path)
        try:
            lines = Path(path).read_text(encoding="utf-8-sig").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise SettingsError(f"{path}: {error}") from error
    secrets = tuple(line.strip() for line in lines if line.strip() and not line.lstrip().startswith("#"))
    if path is not None and not secrets:
        raise SettingsError(f"{path}: there is no key in it; write one on a line of its own")
    if any(len(secret) < SHORTEST_SECRET for secret in secrets):
        raise SettingsError(f"{source}: a key has fewer than {SHORTEST_SECRET} characters")
    return secrets
