"""Disks that fill up, inputs that are cut off, readers that hang up: said clearly, and nothing is lost."""

import gzip
import resource
import subprocess
import sys
from pathlib import Path

import pytest
import zstandard
from commands import ENVIRONMENT, run
from interrupted import in_pieces, journal

from moderate.batch import StoppedError

# --- Full disks -------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def whole(tmp_path_factory, comments):
    """What becomes of the comments when nothing happens."""
    output = tmp_path_factory.mktemp("whole") / "whole.csv"
    in_pieces(comments, output)
    return output.read_bytes()


@pytest.mark.parametrize("limit", [1_000, 20_000, 200_000])
def test_an_output_that_cannot_grow_stops_the_run_and_keeps_what_is_finished(tmp_path, comments, whole, limit):
    output = tmp_path / "out.csv"
    code = "import sys, interrupted; interrupted.run_in_pieces(sys.argv[1], sys.argv[2])"
    done = subprocess.run(
        [sys.executable, "-c", code, comments, output],
        cwd=Path(__file__).parent, env=ENVIRONMENT, check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
    )  # fmt: skip
    assert done.returncode == 3
    message = output.with_name("out.csv.said").read_text()
    assert f"{output}.partial: File too large" in message
    assert not output.exists()
    if limit == 200_000:
        assert "rows are done and kept" in message
        assert 0 < output.with_name("out.csv.partial").stat().st_size == journal(output)["output_size"] <= limit
    in_pieces(comments, output, resume=True)
    assert output.read_bytes() == whole


class SmallDisk:
    """A folder for at most ``size`` bytes: a tmpfs, or where that needs rights we lack, a limit on file sizes."""

    def __init__(self, folder, size):
        folder.mkdir()
        self.folder, self._limits = folder, resource.getrlimit(resource.RLIMIT_FSIZE)
        mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", folder]
        self._mounted = subprocess.run(mount, capture_output=True, check=False).returncode == 0
        if not self._mounted:
            resource.setrlimit(resource.RLIMIT_FSIZE, (size, self._limits[1]))
        self.message = "No space left on device" if self._mounted else "File too large"

    def enlarge(self):
        """Make room."""
        resource.setrlimit(resource.RLIMIT_FSIZE, self._limits)
        if self._mounted:
            subprocess.run(["mount", "-o", "remount,size=64m", self.folder], check=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.enlarge()
        if self._mounted:
            subprocess.run(["umount", self.folder], check=True)


def test_a_small_disk_that_fills_up(tmp_path, comments, whole):
    with SmallDisk(tmp_path / "disk", 256 << 10) as disk:
        output = disk.folder / "out.csv"
        with pytest.raises(StoppedError, match=rf"{disk.message}; [\d,]+ rows are done and kept"):
            in_pieces(comments, output)
        assert sorted(path.name for path in disk.folder.iterdir()) == ["out.csv.partial", "out.csv.partial.json"]
        disk.enlarge()
        in_pieces(comments, output, resume=True)
        assert output.read_bytes() == whole


def test_a_disk_that_fills_up_when_the_parquet_file_is_put_together(tmp_path, comments):
    output = tmp_path / "out.parquet"
    output.with_name("out.parquet.partial.parquet").symlink_to("/dev/full")  # where the chunks become one file
    with pytest.raises(StoppedError, match=r"No space left on device.*; 6,000 rows are done and kept"):
        in_pieces(comments, output)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.parquet.partial", "out.parquet.partial.json"]
    in_pieces(comments, output, resume=True)
    in_pieces(comments, tmp_path / "whole.parquet")
    assert output.read_bytes() == (tmp_path / "whole.parquet").read_bytes()


def test_a_full_device_is_an_error_and_not_a_silent_gap(comments):
    done = run("batch", comments, "-o", "/dev/full")
    assert done.returncode == 3
    assert "No space left on device" in done.stderr


# --- Inputs that are cut off ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("suffix", "kind", "pack"), [("gz", "gzip", gzip.compress), ("zst", "zstd", zstandard.compress)]
)
def test_a_truncated_input_is_said_to_be_and_resumed_when_it_is_whole(tmp_path, comments, whole, suffix, kind, pack):
    packed = pack(comments.read_bytes())
    source, output = tmp_path / f"in.csv.{suffix}", tmp_path / "out.csv"
    source.write_bytes(packed[: len(packed) // 2])
    message = rf"in\.csv\.{suffix}: the {kind} stream is cut off before its end; [\d,]+ rows are done"
    with pytest.raises(StoppedError, match=message):
        in_pieces(source, output)
    assert not output.exists()
    source.write_bytes(packed)
    in_pieces(source, output, resume=True)
    assert output.read_bytes() == whole


@pytest.mark.parametrize("size", [15, 200])
def test_an_input_cut_off_before_its_first_row_is_said_to_be(tmp_path, comments, size):
    (tmp_path / "in.csv.gz").write_bytes(gzip.compress(comments.read_bytes())[:size])
    done = run("batch", tmp_path / "in.csv.gz", "-o", tmp_path / "out.csv")
    assert done.returncode in {2, 3}
    assert "the gzip stream is cut off before its end" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["in.csv.gz"]


# --- The other end ----------------------------------------------------------------------------------------------


def test_a_reader_that_hangs_up_ends_the_run_quietly(tmp_path):
    source = tmp_path / "in.csv"
    source.write_text("id,comment\n" + "".join(f"{n},comment number {n} of many\n" for n in range(100_000)))
    line = f"{sys.executable} -m moderate batch -q {source} -o - | head -2; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, env=ENVIRONMENT, check=False)
    assert done.stdout.splitlines()[2:] == ["141"]
    assert done.stderr == ""
