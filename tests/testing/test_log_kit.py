"""The kit for logs finds a log that does wrong, check by check."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence

import pytest
from msgspec.structs import replace

from journeyman.adapters.log_memory import MemoryLog
from journeyman.adapters.log_rules import check_batch, cursor, taken
from journeyman.data import Conflict, Message, ModelResponse
from journeyman.journal import (
    Fact,
    ModelResponded,
    Page,
    RunFailed,
    RunPaused,
    RunQuery,
    RunStarted,
    RunSummary,
    encode_fact,
)
from journeyman.testing import log_kit, log_probes
from journeyman.testing.log_kit import DAMAGE_CHECKS, LOG_CHECKS, LogCheck


class Backwards(MemoryLog):
    """Reads the last fact first."""

    async def read(self, run: str, after: int = -1) -> AsyncIterator[Fact]:
        facts = [fact async for fact in super().read(run, after)]
        for fact in reversed(facts):
            yield fact


class DeafToCursors(MemoryLog):
    """Reads from the beginning, whatever it is told."""

    def read(self, run: str, after: int = -1) -> AsyncIterator[Fact]:
        return super().read(run)


class Unnumbered(MemoryLog):
    """Takes any facts at the right place."""

    async def append(self, run: str, at: int, facts: Sequence[Fact]) -> None:
        kept = self._facts.get(run, [])
        if len(kept) != at:
            raise taken(run, at, len(kept))
        if facts:
            self._facts[run] = [*kept, *facts]


class Gapped(MemoryLog):
    """Takes facts beyond the end."""

    async def append(self, run: str, at: int, facts: Sequence[Fact]) -> None:
        if at > len(self._facts.get(run, ())):
            self._facts.setdefault(run, []).extend(facts)
        else:
            await super().append(run, at, facts)


class Forgiving(MemoryLog):
    """Takes what was appended before for done."""

    async def append(self, run: str, at: int, facts: Sequence[Fact]) -> None:
        if facts and at < len(self._facts.get(run, ())):
            return
        await super().append(run, at, facts)


class KeepsEmptyRuns(MemoryLog):
    """Makes a run of nothing."""

    async def append(self, run: str, at: int, facts: Sequence[Fact]) -> None:
        await super().append(run, at, facts)
        self._facts.setdefault(run, [])


class Unfenced(MemoryLog):
    """Looks where a run ends, then writes a little later."""

    async def append(self, run: str, at: int, facts: Sequence[Fact]) -> None:
        check_batch(run, at, facts)
        end = len(self._facts.get(run, ()))
        await asyncio.sleep(0)
        if end != at:
            raise taken(run, at, end)
        self._facts.setdefault(run, [])[at:] = facts


class RollsBackTooMuch(MemoryLog):
    """Takes the last fact from every run when one append is refused."""

    async def append(self, run: str, at: int, facts: Sequence[Fact]) -> None:
        try:
            await super().append(run, at, facts)
        except Conflict:
            for kept in self._facts.values():
                kept.pop()
            raise


class EndsWithWhatThereIs(MemoryLog):
    """Follows no further than reading goes."""

    def watch(self, run: str, after: int = -1) -> AsyncIterator[Fact]:
        return self.read(run, after)


class NeverWakes(MemoryLog):
    """Lets followers sleep."""

    async def append(self, run: str, at: int, facts: Sequence[Fact]) -> None:
        waiting, self._waiting = self._waiting, {}
        await super().append(run, at, facts)
        self._waiting = waiting


class FollowsFromTheBeginning(MemoryLog):
    """Forgets where a follower was."""

    def watch(self, run: str, after: int = -1) -> AsyncIterator[Fact]:
        return super().watch(run)


class NeverEnds(MemoryLog):
    """Keeps followers of a run that has ended."""

    async def watch(self, run: str, after: int = -1) -> AsyncIterator[Fact]:
        async for fact in super().watch(run, after):
            yield fact
        await asyncio.get_running_loop().create_future()


class EndsAtAPause(MemoryLog):
    """Takes a pause, or a failure long mended, for the end."""

    async def watch(self, run: str, after: int = -1) -> AsyncIterator[Fact]:
        async with contextlib.aclosing(super().watch(run, after)) as facts:
            async for fact in facts:
                yield fact
                if isinstance(fact, RunPaused | RunFailed):
                    return


class KnowsEveryRun(MemoryLog):
    """Reads nothing where there is no run."""

    async def read(self, run: str, after: int = -1) -> AsyncIterator[Fact]:
        if run in self._facts:
            async for fact in super().read(run, after):
                yield fact


class DeletesNothing(MemoryLog):
    """Says that it deleted."""

    async def delete(self, run: str) -> None:
        await asyncio.sleep(0)


class DeletesInSilence(MemoryLog):
    """Does not tell followers of a deletion."""

    async def delete(self, run: str) -> None:
        del self._facts[run]


class MishearsOtherThreads(MemoryLog):
    """Takes other facts than those it is given, except from the first event loop."""

    home: asyncio.AbstractEventLoop | None = None

    async def append(self, run: str, at: int, facts: Sequence[Fact]) -> None:
        loop = asyncio.get_running_loop()
        self.home = self.home or loop
        await super().append(run, at, facts if loop is self.home else [replace(fact, at=0) for fact in facts])


class IgnoresTags(MemoryLog):
    """Lists runs with any tag."""

    async def runs(self, query: RunQuery = RunQuery()) -> Page[RunSummary]:  # noqa: B008  (frozen)
        return await super().runs(replace(query, tag=None))


class SkipsTheSameMoment(MemoryLog):
    """Takes the time alone for a cursor."""

    async def runs(self, query: RunQuery = RunQuery()) -> Page[RunSummary]:  # noqa: B008  (frozen)
        before = None if query.before is None else query.before.partition(":")[0] + ":"
        return await super().runs(replace(query, before=before))


class CountsTo64Bits(MemoryLog):
    """Takes of a number what fits into a word of the machine."""

    async def runs(self, query: RunQuery = RunQuery()) -> Page[RunSummary]:  # noqa: B008  (as the protocol has it)
        after = query.started_after
        return await super().runs(query if after is None else replace(query, started_after=after & ((1 << 63) - 1)))


class ForgivesCursors(MemoryLog):
    """Shows the first page for a cursor that is none."""

    async def runs(self, query: RunQuery = RunQuery()) -> Page[RunSummary]:  # noqa: B008  (frozen)
        return await super().runs(replace(query, before=None, limit=max(1, query.limit)))


class ListsWhatWas(MemoryLog):
    """Shows a run as it was when it was first listed."""

    def _row(self, run: str, kept: list[Fact]) -> RunSummary:
        return self._rows.get(run) or super()._row(run, kept)


class LosesControlCharacters(MemoryLog):
    """Keeps words up to the first zero byte, as C does."""

    async def read(self, run: str, after: int = -1) -> AsyncIterator[Fact]:
        async for fact in super().read(run, after):
            cut = isinstance(fact, RunStarted)
            yield replace(fact, agent=fact.agent.partition("\0")[0]) if cut else fact


class CutsLargeFacts(MemoryLog):
    """Keeps the first 64 KB of an answer."""

    async def read(self, run: str, after: int = -1) -> AsyncIterator[Fact]:
        async for fact in super().read(run, after):
            if isinstance(fact, ModelResponded):
                text = fact.response.message.text[:65_536]
                yield replace(fact, response=ModelResponse(Message.assistant(text), fact.response.usage))
            else:
                yield fact


class ReadsOnePage(MemoryLog):
    """Reads a thousand facts at most."""

    async def read(self, run: str, after: int = -1) -> AsyncIterator[Fact]:
        async for fact in super().read(run, after):
            if fact.seq - after <= 1000:
                yield fact


class NeverCloses(MemoryLog):
    """Goes on after it was closed."""

    async def close(self) -> None:
        self._followers.wake_all()


FAULTS: dict[LogCheck, type[MemoryLog]] = {
    log_kit.facts_come_back_in_order: Backwards,
    log_kit.reading_begins_at_any_cursor: DeafToCursors,
    log_kit.a_batch_is_numbered_without_a_gap: Unnumbered,
    log_kit.an_append_past_the_end_is_a_conflict: Gapped,
    log_kit.an_append_before_the_end_is_a_conflict: Forgiving,
    log_kit.an_empty_batch_writes_nothing: KeepsEmptyRuns,
    log_kit.one_of_two_writers_wins: Unfenced,
    log_kit.a_conflict_does_not_hurt_others: RollsBackTooMuch,
    log_kit.a_follower_hears_what_is_appended: EndsWithWhatThereIs,
    log_kit.a_follower_begins_at_any_cursor: FollowsFromTheBeginning,
    log_kit.following_ends_with_the_run: NeverEnds,
    log_kit.a_pause_is_no_end: EndsAtAPause,
    log_kit.an_unknown_run_is_the_callers_error: KnowsEveryRun,
    log_kit.a_deleted_run_is_gone: DeletesNothing,
    log_kit.deletion_ends_following: DeletesInSilence,
    log_kit.another_event_loop_is_right_or_refused: MishearsOtherThreads,
    log_kit.lists_answer_every_query: IgnoresTags,
    log_kit.pages_follow_on_each_other: SkipsTheSameMoment,
    log_kit.impossible_queries_are_refused: ForgivesCursors,
    log_kit.numbers_beyond_all_times_are_answered: CountsTo64Bits,
    log_kit.lists_are_right_after_every_append: ListsWhatWas,
    log_kit.words_come_back_unchanged: LosesControlCharacters,
    log_kit.a_large_fact_comes_back: CutsLargeFacts,
    log_kit.a_long_run_comes_back: ReadsOnePage,
    log_kit.a_closed_log_says_so: NeverCloses,
}


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A kit that takes silence for an answer at once; only for logs that are never going to speak."""
    monkeypatch.setattr(log_probes, "PATIENCE", 0.05)


@pytest.mark.parametrize(("check", "fault"), FAULTS.items(), ids=lambda item: item.__name__)
async def test_each_check_finds_its_fault(check: LogCheck, fault: type[MemoryLog], impatient: None):
    """A log with one fault fails the check that is there for it."""
    with pytest.raises(AssertionError):
        await check(fault())


def test_every_check_has_a_fault_to_find():
    """No check is without a log that fails it."""
    assert set(FAULTS) == set(LOG_CHECKS)


async def test_silence_is_a_fault(impatient: None):
    """A follower that is never woken fails the check after the kit's patience."""
    with pytest.raises(AssertionError, match="a follower heard nothing"):
        await log_kit.a_follower_hears_what_is_appended(NeverWakes())


async def test_a_log_that_refuses_other_loops_conforms():
    """A log that belongs to one event loop passes if it says so."""

    class OneLoop(MemoryLog):
        home: asyncio.AbstractEventLoop | None = None

        async def append(self, run: str, at: int, facts: Sequence[Fact]) -> None:
            loop = asyncio.get_running_loop()
            self.home = self.home or loop
            if loop is not self.home:
                raise Conflict("this log belongs to another event loop")
            await super().append(run, at, facts)

    await log_kit.another_event_loop_is_right_or_refused(OneLoop())


async def test_the_whole_kit_stops_at_the_first_fault():
    """`check_log` raises what the first check that fails raises."""
    with pytest.raises(AssertionError, match="three batches: wanted 8 facts, found 8, wrong from"):
        await log_kit.check_log(Backwards)


async def test_a_log_that_overlooks_damage_fails():
    """A log whose readers never notice a damaged line fails the check for damage."""
    log = MemoryLog()

    async def rewrite(run: str, seq: int, damage: Callable[[bytes], bytes]) -> None:
        line = encode_fact(run, log._facts[run][seq])
        assert damage(line) != line

    for check in DAMAGE_CHECKS:
        with pytest.raises(AssertionError, match="a cut line must raise CorruptJournal; it came to"):
            await check(log, rewrite)


async def test_pages_without_end_are_a_fault():
    """A log whose pages always have a next one does not hang the kit."""

    class Endless(MemoryLog):
        async def runs(self, query: RunQuery = RunQuery()) -> Page[RunSummary]:  # noqa: B008  (frozen)
            page = await super().runs(replace(query, before=None))
            return Page(page.rows, cursor(page.rows[-1]))

    with pytest.raises(AssertionError, match="must list each run once"):
        await log_kit.pages_follow_on_each_other(Endless())
