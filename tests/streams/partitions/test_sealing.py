"""Stored state is sealed: unreadable without the key, and bound to its place."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.formats.pseudonyms import key_id
from streams.partitions.checkpoint import CheckpointError
from streams.partitions.sealing import CLEAR, Sealing

KEY, OLD = b"k" * 32, b"o" * 32
RECORDS = st.dictionaries(st.binary(min_size=1, max_size=60), st.binary(max_size=400))


@given(RECORDS)
def test_sealed_state_can_be_opened_and_is_not_readable(records: dict[bytes, bytes]) -> None:
    sealed = dict(Sealing(KEY).sealed(list(records.items())))
    assert Sealing(KEY).opened(sealed) == records
    assert Sealing(OLD, [KEY]).opened(sealed) == records
    assert all(len(value) < 8 or value not in sealed[key] for key, value in records.items())


def test_deletions_and_clear_state_pass() -> None:
    assert Sealing(KEY).sealed([(b"a", None)]) == [(b"a", None)]
    assert Sealing(KEY).opened({b"a": b"stored in clear"}) == {b"a": b"stored in clear"}
    assert CLEAR.sealed([(b"a", b"value")]) == [(b"a", b"value")]


def test_state_of_an_unknown_key_says_which_key_is_needed() -> None:
    [(key, value)] = Sealing(OLD).sealed([(b"shard", b"value")])
    for sealing, here in ((Sealing(KEY), key_id(KEY)), (CLEAR, "none")):
        with pytest.raises(CheckpointError) as refused:
            sealing.opened({key: value})
        assert str(refused.value).startswith(
            f"the stored state was sealed with another pseudonym key (id {key_id(OLD)}; here: "
            f"{here}): give that key"
        )
        assert refused.value.key == key


def test_records_under_a_rotated_key_are_skipped_unless_they_are_newer_state() -> None:
    """Two manifests: one of the old key and one of the new key, in either order."""
    before, after = b'["manifest","a"]', b'["manifest","b"]'
    stored = dict(
        [*Sealing(OLD).sealed([(before, b"old")]), *Sealing(KEY).sealed([(after, b"new")])]
    )
    found = Sealing(KEY).opened(stored, {before: 0, after: 1})
    assert (found, found.outdated) == ({after: b"new"}, True)
    with pytest.raises(CheckpointError) as refused:
        Sealing(KEY).opened(stored, {before: 1, after: 0})
    assert refused.value.key == before
    both = Sealing(KEY, [OLD]).opened(stored, {before: 1, after: 0})
    assert both == {before: b"old", after: b"new"}


@pytest.mark.parametrize(
    ("sealing", "outdated"), [(Sealing(KEY), False), (CLEAR, True), (Sealing(OLD, [KEY]), True)]
)
def test_state_is_outdated_unless_it_would_be_stored_so_now(
    sealing: Sealing, outdated: bool
) -> None:
    stored = dict(Sealing(KEY).sealed([(b"shard", b"value")]))
    opener = sealing if sealing is not CLEAR else Sealing(None, [KEY])
    assert opener.opened(stored).outdated is outdated
    assert Sealing(KEY).opened({b"shard": b"clear"}).outdated
    assert not CLEAR.opened({b"shard": b"clear"}).outdated


def test_a_value_that_was_changed_or_moved_is_not_opened() -> None:
    [(_, value)] = Sealing(KEY).sealed([(b"shard", b"value")])
    changed = value[:-1] + bytes([value[-1] ^ 1])
    for key, found in ((b"shard", changed), (b"another", value), (b"shard", value[:20])):
        assert Sealing(KEY).opened({key: found}) == {key: found}
