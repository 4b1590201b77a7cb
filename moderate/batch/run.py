"""A whole run: one table in, the same table with decisions out."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import InputError, StoppedError, WorkerKilledError
from ..guidelines import Policy
from ..tables.formats import Kind
from ..tables.reading import Options, TableReader, open_table
from ..tables.streams import STDIN
from ..tables.writing import encode_header, pack
from .decide import Counts, added_columns
from .journal import Output, PartialOutput, State
from .plan import (
    collect_settings,
    identify,
    is_file_target,
    most_jobs,
    open_output,
    plan_layout,
    refuse_same_file,
    tell_findings,
)
from .work import Chunk, Only, Work, process_all

if TYPE_CHECKING:
    from ..moderator import Moderator


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run is.

    Attributes:
        counts: of the rows so far, those of an interrupted run included.
        share: of the input read, in [0, 1]; ``None`` for a pipe.
    """

    counts: Counts
    share: float | None


@dataclass(frozen=True, slots=True)
class Summary:
    """What a run did.

    Attributes:
        rows: rows of the input.
        approved: rows that may be published.
        rejected: rows that may not.
        by_category: category to number of rejected rows that break it (a row may break several).
        decided_by_rules: rows on which the rule book decided, not the model.
        problems: rows that could not be read; in the output they have an error and no verdict.
        blank_lines: lines that held no row and were passed over.
        seconds: time taken by this run, without an interrupted one before it.
    """

    rows: int
    approved: int
    rejected: int
    by_category: Mapping[str, int]
    decided_by_rules: int
    problems: int
    blank_lines: int
    seconds: float


def moderate_file(
    input: str | Path,  # noqa: A002 - the word of the command line
    output: str | Path,
    *,
    options: Options | None = None,
    output_format: str | None = None,
    model: str | Path | None = None,
    policy: Policy | str | None = None,
    jobs: int = 1,
    resume: bool = False,
    strict: bool = False,
    columns: Sequence[str] | None = None,
    only: Only | None = None,
    html: bool = False,
    scores: bool = False,
    explain: bool = False,
    progress: Callable[[Progress], None] | None = None,
    notify: Callable[[str], None] | None = None,
) -> Summary:
    """Classify every comment of a table and write the table with the decisions.

    Every row comes out, in order. One that cannot be read has an empty verdict and the reason in the column ``error``.
    The output appears under its name only when it is whole; until then it is ``OUTPUT.partial``.

    Args:
        input: path of the table; ``"-"`` is standard input.
        output: path of the result; ``"-"`` is standard output.
        options: what is known about the input; the rest is found out.
        output_format: as in ``"csv.gz"``; by the output's suffix when ``None``.
        model: folder of a model; the packaged one when ``None``.
        policy: where the lines are drawn, or the name of a preset.
        jobs: processes that work, this one among them; -1 for one per processor. The result is the same for any number.
        resume: go on where an interrupted run with the same settings stopped.
        strict: stop at the first row that cannot be read.
        columns: the input columns to keep, in this order; all when ``None``.
        only: keep only rows ``"approved"`` or ``"rejected"``.
        html: strip HTML from the comments before they are classified; the output keeps them as they were.
        scores: add a column ``score_<category>`` per category.
        explain: add a column ``explain`` with every reason, as JSON.
        progress: called after each chunk.
        notify: called with each thing a user should know, such as the text column that was found.

    Raises:
        InputError: before anything is written: the input cannot be read or the output not be written.
        StoppedError: the run stopped half-way; its message says how to go on.
        ModelError, PolicyError: the model or the policy cannot be used.
        MissingExtraError: a format needs an extra.
    """
    began = time.monotonic()
    tell = notify or (lambda message: None)
    input, output = str(input), str(output)  # noqa: A001
    refuse_same_file(input, output)
    if resume and (input == STDIN or not is_file_target(output)):
        raise InputError("--resume needs an input file and an output file: a pipe cannot be read twice")
    if jobs < 1:
        from joblib import cpu_count  # knows of limits that containers set

        jobs = cpu_count()
    with ExitStack() as stack:
        reader = stack.enter_context(closing(open_table(input, options)))
        tell_findings(reader, tell)
        added = added_columns(scores=scores, explain=explain)
        layout = plan_layout(reader, output, output_format=output_format, columns=columns, added=added, tell=tell)
        table = replace(
            reader.table,
            reserved=frozenset(layout.added),
            closed=layout.kept is None and layout.format.kind is not Kind.JSONL,
        )
        policy = Policy.named(policy) if isinstance(policy, str) else policy
        work = Work(table, layout, str(model) if model else None, policy, html, scores, explain, only)
        moderator = work.load_moderator()
        state = State(collect_settings(work, moderator), identify(input))
        target = stack.enter_context(open_output(output, layout))
        run = _Run(reader, work, moderator, target, state, strict=strict, progress=progress)
        if resume and isinstance(target, PartialOutput):
            run.resume(tell)
        elif isinstance(target, PartialOutput) and target.read_state() is not None:
            tell(f"starting over: {target.path} of an interrupted run is discarded (--resume would have gone on)")
        run.go(min(jobs, most_jobs(reader)))
        counts = run.state.counts
    return Summary(
        rows=counts.rows,
        approved=counts.approved,
        rejected=counts.rejected,
        by_category=dict(sorted(counts.by_category.items(), key=lambda item: (-item[1], item[0]))),
        decided_by_rules=counts.decided_by_rules,
        problems=counts.problems,
        blank_lines=counts.blank_lines,
        seconds=time.monotonic() - began,
    )


# --- The run ----------------------------------------------------------------------------------------------------


class _Run:
    """The loop over the chunks, and what happens when something stops it."""

    def __init__(
        self,
        reader: TableReader,
        work: Work,
        moderator: Moderator,
        output: Output,
        state: State,
        *,
        strict: bool,
        progress: Callable[[Progress], None] | None,
    ) -> None:
        self.state = state
        self._reader, self._work, self._moderator, self._output = reader, work, moderator, output
        self._strict, self._progress = strict, progress
        self._trusted = False

    def resume(self, tell: Callable[[str], None]) -> None:
        """Take up the state that an interrupted run left, if it left one."""
        assert isinstance(self._output, PartialOutput)
        found = self._output.read_state()
        if found is None:
            tell("nothing to resume: starting at the beginning")
            return
        different = [key for key in self.state.settings if self.state.settings[key] != found.settings.get(key)]
        if different:
            raise InputError(
                f"{self._output.path}: made with other settings ({', '.join(different)}): "
                "give the same as before, or start again without --resume"
            )
        self._trusted = found.input == self.state.input
        self._output.resume(found)
        self.state = replace(found, input=self.state.input)
        tell(f"resuming after {found.counts.rows:,} rows")

    def go(self, jobs: int) -> None:
        """Work through the rest of the input."""
        name = self._work.table.name
        try:
            if self.state.mark is None:
                self._begin()
            pieces = self._reader.pieces(self.state.mark, trusted=self._trusted)
            with closing(process_all(pieces, self._work, self._moderator, jobs=jobs)) as chunks:
                for chunk in chunks:
                    self._take(chunk)
            self._finish()
        except BrokenPipeError:
            raise
        except (InputError, WorkerKilledError) as error:
            raise StoppedError(f"{error}; {self._kept()}") from error
        except OSError as error:
            place = getattr(self._output, "path", None) or error.filename or name
            raise StoppedError(f"{place}: {error.strerror or error}; {self._kept()}") from error
        except KeyboardInterrupt as error:
            error.add_note(self._kept())
            raise

    def _begin(self) -> None:
        if isinstance(self._output, PartialOutput):
            self._output.start()
        header = pack(encode_header(self._work.layout, self._work.table), self._work.layout.format.compression)
        if header:
            self._output.append(header, self.state)

    def _take(self, chunk: Chunk) -> None:
        if self._strict and chunk.problem is not None:
            raise InputError(f"{self._work.table.name}, {chunk.problem}")
        state = self.state
        state.counts.add(chunk.counts)
        state.mark = chunk.end
        self._output.append(chunk.data, state)
        if self._progress is not None:
            size = self._reader.size
            self._progress(Progress(state.counts, min(1.0, self._reader.bytes_read / size) if size else None))

    def _finish(self) -> None:
        if isinstance(self._output, PartialOutput) and self._work.layout.format.kind is Kind.PARQUET:
            from ..tables import parquet

            whole = self._output.path.with_name(self._output.path.name + ".parquet")
            parquet.assemble(self._output.path, whole, self._work.layout, self._work.table)
            self._output.finish(whole)
        else:
            self._output.finish()

    def _kept(self) -> str:
        """What is left of the run, and how to go on."""
        if not isinstance(self._output, PartialOutput):
            return "what was written so far is not whole"
        state = self._output.read_state()
        if state is None:
            return "nothing was finished"
        if self._work.table.name == STDIN:
            return f"{state.counts.rows:,} rows are in {self._output.path}, but a pipe cannot be resumed"
        return f"{state.counts.rows:,} rows are done and kept in {self._output.path}: go on with --resume"
