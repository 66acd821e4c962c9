"""Targets without a fuzzer: the kept inputs, and what became of them, changed at random."""

from __future__ import annotations

import random
import signal
import tempfile
from collections.abc import Callable
from pathlib import Path
from types import FrameType

from tests.fuzz.mutation import mutated
from tests.fuzz.targets import TARGETS, corpus

_POOL = 512
SECONDS_AN_INPUT = 20


def plain(name: str, inputs: int, seed: int) -> str | None:
    """What broke a rule, in one line; None: nothing. The input is kept in a file."""
    target, dice = TARGETS[name], random.Random(seed)
    pool = [one.read_bytes() for one in corpus(name)]
    kept, last = len(pool), b""

    def hang(_: int, __: FrameType | None) -> None:
        raise TimeoutError(f"longer than {SECONDS_AN_INPUT} s")

    before = signal.signal(signal.SIGALRM, hang)
    try:
        for number in range(inputs):
            if number % 1000 == 0:
                signal.alarm(SECONDS_AN_INPUT)  # for a thousand: most take far less
            last = mutated(
                name, dice.choice(pool), target.max_bytes, dice.getrandbits(32), _flipped(dice)
            )
            target.one(last)
            if dice.random() < 0.02:  # what was changed is changed again
                if len(pool) < _POOL:
                    pool.append(last)
                else:
                    pool[dice.randrange(kept, _POOL)] = last
    except Exception as error:
        path = Path(tempfile.mkdtemp(prefix=f"alarm-fatigue-fuzz-{name}-")) / "input"
        path.write_bytes(last)
        return f"{type(error).__name__} after {number} inputs: {str(error)[:200]}; {path}"
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
    return None


def _flipped(dice: random.Random) -> Callable[[bytes, int], bytes]:
    """Changes some bytes: another value, out, in, or a stretch that is repeated."""

    def change(data: bytes, max_bytes: int) -> bytes:
        found = bytearray(data or b"\x00")
        for _ in range(dice.choice((1, 1, 2, 4, 8))):
            place = dice.randrange(len(found) or 1)
            match dice.randrange(4):
                case 0 if found:
                    found[place] = dice.choice((dice.randrange(256), *b"|^~&\\\r\n\x0b\x1c\x0d-."))
                case 1:
                    del found[place : place + dice.choice((1, 1, 4, 16))]
                case 2:
                    found[place:place] = dice.randbytes(dice.choice((1, 2, 4)))
                case _:
                    end = place + dice.randrange(1, 64)
                    found[place:place] = found[dice.randrange(len(found) or 1) : end]
        return bytes(found[:max_bytes])

    return change
