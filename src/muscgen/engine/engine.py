"""Songs in, handles out; a loop between: admit, step, retire.

    caller        text thread          loop thread                            codec thread
    submit  ──►   encode prompts  ──►  admit: rows in the slab           ┌─►  codes to sound, in chunks
      │                                feed:  known codes, a chunk each  │         │
      │                                step:  all songs, one code column │         │
      ▼                                retire: who is done or cancelled ─┘         ▼
    Handle  ◄──────────────────────────────────────────────────────────────  chunks, result

A song that is longer than a window begins its rows anew where a window is full; one with sections listens to
another prompt where the next begins.
A song whose handle is final, for whatever reason, leaves its rows before the next step: cancelling, failing
and closing all work by ending the handle.
"""

from __future__ import annotations

from collections import deque
from threading import Condition, Thread, current_thread
from time import monotonic

from muscgen import telemetry
from muscgen.backends.base import Backend, Codes
from muscgen.engine.batch import Batch
from muscgen.engine.decode import Decoder, Decoding, Piece
from muscgen.engine.failures import failure
from muscgen.engine.handle import Handle
from muscgen.engine.prepare import Preparer
from muscgen.engine.slots import Slots
from muscgen.engine.song import Song
from muscgen.engine.take import Take
from muscgen.errors import ConfigurationError, InternalError, Unavailable

FED_STEPS = 16  # a chunk; others wait meanwhile, about as long as 5 steps
LEAST_FED_STEPS = 6  # fewer are as quickly stepped
CLOSE_TIMEOUT_S = 30.0  # for each thread; a step of a large model on a busy CPU takes about 1 s


class Engine:
    """Makes up to `slots` songs at once with one backend, which stays its owner's to close.

    chunk_s: how much sound is decoded at a time.
    """

    def __init__(self, backend: Backend, *, slots: int, chunk_s: float = 0.5) -> None:
        if slots < 1 or backend.rows < 2 * slots:
            raise ConfigurationError(
                f"{slots} slots need {max(2, 2 * slots)} rows; the backend has {backend.rows}"
            )
        self._backend = backend
        self._shape = backend.shape
        self._chunk_frames = max(1, round(chunk_s * self._shape.frame_rate))
        self._slots: Slots[Take] = Slots(slots, backend.rows)
        self._batch: Batch | None = None  # None: somebody came or went since
        self._decodings: dict[Take, Decoding] = {}
        self._ready: deque[Take] = deque()
        self._waiting: set[Handle] = set()  # not yet in a slot
        self._open: set[Handle] = set()  # not yet final
        self._closed = False
        self._wake = Condition()
        self._steps = 0
        self._song_steps = 0
        self._preparer = Preparer(backend, self._enqueue)
        self._decoder = Decoder(backend.open_codec)
        self._loop = Thread(target=self._run, name="muscgen-engine", daemon=True)
        self._loop.start()

    @property
    def slots(self) -> int:
        """How many songs it makes at once: what it was given, or what memory has room for since."""
        return self._slots.slots

    @property
    def free(self) -> int:
        """Slots neither in use nor waited for."""
        with self._wake:
            return max(0, self._slots.slots - len(self._slots) - len(self._waiting))

    @property
    def steps(self) -> int:
        """Passes of the language model so far."""
        return self._steps

    @property
    def song_steps(self) -> int:
        """Songs in those passes, each counted in each."""
        return self._song_steps

    def submit(self, song: Song, codes: Codes | None = None) -> Handle:
        """Begin a song as soon as a slot is free, after those that wait. Returns at once.

        codes: the song's first codes [K, F0], if some were made before. They are fed, not drawn, and what
        follows is bit for bit the song that was interrupted.

        Raises DurationTooLong; ValueError for codes of another song; Unavailable once closed. A prompt that
        is too long fails the handle.
        """
        take = Take(song, self._shape, codes)
        with self._wake:
            if self._closed:
                raise Unavailable("the engine is closed")
            self._open.add(take.handle)
            self._waiting.add(take.handle)
            self._preparer.put(take)
        take.handle.add_done_callback(self._forget)
        return take.handle

    def close(self) -> None:
        """End all threads; what is not final fails as Unavailable."""
        self._refuse_and_fail()
        self._preparer.close(CLOSE_TIMEOUT_S)
        if current_thread() is not self._loop:
            self._loop.join(CLOSE_TIMEOUT_S)
        self._decoder.close(CLOSE_TIMEOUT_S)

    def _enqueue(self, take: Take) -> None:
        with self._wake:
            self._ready.append(take)
            self._wake.notify_all()

    def _forget(self, handle: Handle) -> None:
        with self._wake:
            self._open.discard(handle)
            self._waiting.discard(handle)

    def _refuse_and_fail(self) -> None:
        with self._wake:
            self._closed = True
            pending = list(self._open)
            self._wake.notify_all()
        for handle in pending:
            handle.fail(Unavailable("the engine was closed before the song was done"))

    def _run(self) -> None:
        try:
            while self._wait_for_work():
                self._guarded_turn()
        finally:
            self._refuse_and_fail()  # should this thread die of a mistake of ours, nobody waits for ever

    def _guarded_turn(self) -> None:
        try:
            self._turn()
        except MemoryError:
            self._make_room()
        except Exception as error:  # noqa: BLE001  (a step's failure concerns every song in it, and no other)
            self._fail_all(error)

    def _wait_for_work(self) -> bool:
        with self._wake:
            self._wake.wait_for(lambda: self._closed or self._ready or len(self._slots))
            return not self._closed

    def _turn(self) -> None:
        self._retire()
        self._admit()
        if len(self._slots) > self._feed():
            self._step()
            self._retire()

    def _admit(self) -> None:
        while self._ready and self._slots.has_room(self._ready[0].rows):
            take = self._ready.popleft()
            if not take.handle.done:
                self._seat(take)

    def _seat(self, take: Take) -> None:
        with self._wake:
            self._slots.seat(take, take.rows)
            self._waiting.discard(take.handle)
        self._batch = None
        take.seated_at_s = monotonic()
        self._decodings[take] = Decoding(take, self._shape.sample_rate)
        self._decode(take)  # all of it, where all codes are known
        self._listen(take)
        if take.handle.done or take.complete:
            self._leave(take)

    def _listen(self, take: Take) -> None:
        """Rows that begin with the next step, or hear another prompt in it."""
        if take.complete or not (take.begins_window or take.begins_section):
            return
        try:
            if take.begins_window:
                self._open_rows(take)
            else:
                for row, text in zip(self._slots.rows_of(take), take.texts, strict=True):
                    self._backend.set_text(row, text)
        except Exception as error:  # noqa: BLE001  (whatever a backend raises here belongs to this song)
            take.handle.fail(failure("starting", error))

    def _open_rows(self, take: Take) -> None:
        places = zip(self._slots.rows_of(take), take.texts, take.melodies, strict=True)
        take.open(max(self._backend.open_row(row, text, melody) for row, text, melody in places))

    def _feed(self) -> int:
        """Takes whose next codes are known go ahead by a chunk -> how many of them need no step as well.

        All of them where nobody draws; else one, so that those who draw wait for one chunk at most.
        """
        known = [take for take in self._slots if take.known_steps >= LEAST_FED_STEPS]
        alone = len(known) == len(self._slots)
        for take in known if alone else known[:1]:
            self._feed_take(take)
        return len(known) if alone else 0

    def _feed_take(self, take: Take) -> None:
        steps = min(take.known_steps, FED_STEPS)
        try:
            self._backend.feed(self._slots.rows_of(take), take.next_tokens(steps), take.position)
        except MemoryError:
            raise
        except Exception as error:  # noqa: BLE001  (whatever else a backend raises here belongs to this song)
            take.handle.fail(failure("computing", error))
            return
        take.go_on(steps)
        self._decode(take)
        self._listen(take)

    def _step(self) -> None:
        batch = self._batch = self._batch or Batch(self._slots, self._shape.vocabulary)
        for take in batch.step(self._backend):
            take.handle.fail(InternalError("the model's numbers were not finite"))
        self._steps += 1
        self._song_steps += len(batch.takes)
        for take in batch.takes:
            self._decode(take)
            self._listen(take)

    def _decode(self, take: Take) -> None:
        """One chunk a step, lest a resumed song fill the codec's queue; at the end all that are left."""
        while (piece := take.next_codes(self._chunk_frames)) is not None:
            self._decoder.put(Piece(self._decodings[take], *piece))
            if not take.complete:
                return

    def _retire(self) -> None:
        while gone := [take for take in self._slots if take.complete or take.handle.done]:
            for take in gone:
                self._leave(take)

    def _leave(self, take: Take) -> None:
        with self._wake:
            moves = self._slots.leave(take)
        self._batch = None
        del self._decodings[take]
        for move in moves:
            if move.song.complete or move.song.handle.done:
                continue  # leaves before the next step
            try:
                self._backend.move_row(move.source, move.target, move.song.position)
            except Exception as error:  # noqa: BLE001  (half a row is nobody's but this song's)
                move.song.handle.fail(failure("moving", error))

    def _make_room(self) -> None:
        """Fewer songs at once from now on: those that came last give way, the others step again."""
        takes = list(self._slots)
        stay = len(takes) // 2
        with self._wake:
            self._slots.slots = max(1, stay)
        telemetry.warning("engine.fewer_slots", songs=len(takes), slots=self._slots.slots)
        for take in takes[stay:]:
            take.handle.fail(Unavailable("memory ran out; the song can be made again"))
            self._leave(take)

    def _fail_all(self, error: Exception) -> None:
        reason = failure("computing", error)
        for take in list(self._slots):
            take.handle.fail(reason)
            self._leave(take)
