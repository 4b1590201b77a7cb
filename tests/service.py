"""A running `moderate serve` for the tests, and what Coral sends it."""

import hashlib
import hmac
import json
import re
import signal
import subprocess
from contextlib import contextmanager
from pathlib import Path

from commands import start

SECRET = "ssec_0123456789abcdef-of-the-tests"


@contextmanager
def running(*options, environment=None, log=None):
    """Start `moderate serve` on a free port; gives the process and its address, and ends it."""
    more = {"env": environment} if environment else {}
    stderr = Path(log).open("wb") if log else subprocess.DEVNULL  # noqa: SIM115 - closed below
    process = start("serve", "--port", "0", *options, stderr=stderr, **more)
    try:
        line = process.stdout.readline().decode()
        found = re.search(r"listens on (http://\S+)", line)
        assert found, f"it did not start: {line}"
        yield process, found[1]
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
        process.stdout.close()
        if log:
            stderr.close()


def coral_body(text, action="NEW"):
    """The bytes that Coral sends for a comment: as in its guide, indented as `JSON.stringify(data, null, 2)` does."""
    request = {
        "action": action,
        "comment": {"body": text, "parentID": None},
        "author": {"id": "baf4e943", "role": "COMMENTER"},
        "story": {"id": "245b3856", "url": "http://localhost:1313/posts/a-story-url/"},
        "site": {"id": "a4bede88"},
        "tenantID": "19ba5794",
        "tenantDomain": "localhost",
    }
    return json.dumps(request, indent=2, ensure_ascii=False).encode("utf-8", "surrogatepass")


def sign(body, *secrets):
    """The value of X-Coral-Signature."""
    return ",".join(
        "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest() for secret in secrets or (SECRET,)
    )
