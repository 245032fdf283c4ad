import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from muscgen.engine.slots import Slots


class SlotsMachine(RuleBasedStateMachine):
    """A model of the slab beside the policy: who leaves, who moves, whose row is whose."""

    def __init__(self):
        super().__init__()
        self.slots = Slots(slots=4, rows=8)
        self.slab = [None] * 8
        self.next = 0

    @rule(rows=st.integers(1, 2))
    def seat(self, rows):
        if not self.slots.has_room(rows):
            with pytest.raises(ValueError, match="room"):
                self.slots.seat("late", rows)
            return
        for at, row in enumerate(self.slots.seat(self.next, rows)):
            self.slab[row] = (self.next, at)
        self.next += 1

    @precondition(lambda self: len(self.slots))
    @rule(choice=st.integers(0, 3))
    def leave(self, choice):
        song = list(self.slots)[choice % len(self.slots)]
        for row in self.slots.rows_of(song):
            self.slab[row] = None
        for source, target, owner in self.slots.leave(song):
            assert self.slab[source][0] == owner
            assert self.slab[target] is None
            self.slab[target], self.slab[source] = self.slab[source], None
        assert song not in self.slots

    @invariant()
    def rows_in_use_are_a_prefix_and_nobodys_twice(self):
        used = sorted(row for song in self.slots for row in self.slots.rows_of(song))
        assert used == list(range(self.slots.used))

    @invariant()
    def each_song_finds_its_rows_in_their_order(self):
        for song in self.slots:
            rows = self.slots.rows_of(song)
            assert [self.slab[row] for row in rows] == [(song, at) for at in range(len(rows))]
            assert all(self.slots.owners[row] == song for row in rows)

    @invariant()
    def nobody_else_is_in_the_slab(self):
        assert sum(row is not None for row in self.slab) == self.slots.used


TestSlots = SlotsMachine.TestCase
TestSlots.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)


def test_no_more_songs_than_slots_even_when_rows_are_left():
    slots = Slots(slots=2, rows=4)
    slots.seat("a", 1)
    slots.seat("b", 1)
    assert not slots.has_room(1)


def test_the_last_to_sit_leaves_without_a_move():
    slots = Slots(slots=2, rows=4)
    slots.seat("a", 2)
    slots.seat("b", 2)
    assert slots.leave("b") == []
