"""Replaying: runs are given what is on the tape, and nothing outside is touched."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Self

from ...data import CallerError, Secret
from ...models.tapes import Scrubber, Tape, TapeWriter
from .player import Player
from .recording import Recorder, Taping


def replay(
    tape: str | os.PathLike[str] | Tape,
    *,
    strict: bool = True,
    record_new: bool = False,
    secrets: Iterable[str | Secret] = (),
) -> Replaying:
    """Put a tape in that plays to whatever runs are begun within this `with` (or `async with`).

    No model is asked and no tool is called; times, run ids and answers are those of the tape, so that a run's journal is the
    same to the byte. What is not on the tape raises `ReplayMismatch` with the first difference, and so does, at the end,
    what was on it and was not asked for. With `strict=False` such a request or call goes to the real model or tool, with a
    warning, and `record_new` adds it to the tape. `secrets` as in `record`.

    Raises `CallerError` within another recording or replay, and for a tape that is absent, damaged or of another version.
    """
    if strict and record_new:
        raise CallerError("record_new=True needs strict=False: a strict replay asks nobody, so there is nothing new")
    if record_new and isinstance(tape, Tape):
        raise CallerError("record_new=True needs the path of a tape, to add to it")
    return Replaying(tape, strict=strict, record_new=record_new, secrets=tuple(secrets))


class Replaying(Taping):
    """Made by `replay`; `player` is what plays, while it does."""

    def __init__(
        self, tape: str | os.PathLike[str] | Tape, *, strict: bool, record_new: bool, secrets: tuple[str | Secret, ...]
    ) -> None:
        super().__init__()
        self.player: Player | None = None
        self._source = tape
        self._strict = strict
        self._record_new = record_new
        self._secrets = secrets
        self._writer: TapeWriter | None = None

    def __enter__(self) -> Self:
        self.check_alone()
        scrub = Scrubber(os.environ, self._secrets)
        try:
            recorder = self._recorder(scrub) if self._record_new else None
            tape = self._source if isinstance(self._source, Tape) else Tape.load(Path(self._source))
            self.player = Player(tape, scrub, strict=self._strict, recorder=recorder)
        except BaseException:
            self._close()
            raise
        self.enter(self.player)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.leave()
        player, self.player = self.player, None
        self._close()
        if player is None or not self._strict:
            return
        # A program may have swallowed what its runs raised; a replay that went wrong never ends well all the same.
        missed = player.missed or player.left_over()
        if error is None and missed is not None:
            raise missed
        if isinstance(error, Exception) and player.missed is not None and error is not player.missed:
            error.add_note(f"the replay had gone wrong before: {player.missed}")

    async def __aenter__(self) -> Self:
        return self.__enter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.__exit__(kind, error, traceback)

    def _recorder(self, scrub: Scrubber) -> Recorder:
        assert not isinstance(self._source, Tape)  # noqa: S101  (`replay` has looked; this tells the type checkers)
        self._writer = TapeWriter.open(Path(self._source), scrub, append=True)
        return Recorder(self._writer)

    def _close(self) -> None:
        if self._writer is not None:
            self._writer.close()
