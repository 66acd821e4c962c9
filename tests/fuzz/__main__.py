"""`python -m tests.fuzz`: each target in a process of its own, driven by atheris; the interface by
schemathesis; rows of tables without either.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.fuzz.plain import plain
from tests.fuzz.rows import fuzz_rows
from tests.fuzz.targets import CORPUS, INTERFACE, ROWS, ROWS_SHARE, TARGETS

INPUTS = 1_000_000
SECONDS_AN_INPUT = 20
"""An input that takes longer is a finding: work is bounded by what was accepted."""
MEGABYTES = 2048
_CHILD = "--child"


def main(arguments: Sequence[str]) -> int:
    """0 if no input broke a rule."""
    if arguments[:1] == [_CHILD]:
        return _fuzz(arguments[1], list(arguments[2:]))
    parser = argparse.ArgumentParser(
        prog="python -m tests.fuzz",
        description="Arbitrary bytes at every input of the service.",
    )
    parser.add_argument(
        "targets",
        nargs="*",
        metavar="TARGET",
        help=f"{', '.join([*TARGETS, ROWS, INTERFACE])} (default: all)",
    )
    parser.add_argument(
        "--inputs",
        type=int,
        default=INPUTS,
        help="in all, shared out over the targets (default: %(default)s)",
    )
    parser.add_argument("--seed", type=int, default=1, help="(default: %(default)s)")
    parser.add_argument(
        "--plain",
        action="store_true",
        help="change the kept inputs at random, without atheris: no coverage, several times faster",
    )
    parser.add_argument(
        "--one",
        type=Path,
        metavar="FILE",
        help="run one target on this file alone, with the traceback",
    )
    options = parser.parse_args(arguments)
    chosen = options.targets or [*TARGETS, ROWS, INTERFACE]
    if unknown := set(chosen) - {*TARGETS, ROWS, INTERFACE}:
        parser.error(f"no such target: {', '.join(sorted(unknown))}")
    if options.one is not None:
        for name in set(chosen) & set(TARGETS):
            TARGETS[name].one(options.one.read_bytes())
        return 0
    shares = {name: _share(name) for name in chosen}
    failed = []
    for name, share in shares.items():
        inputs = max(round(options.inputs * share / sum(shares.values())), 1)
        began = time.monotonic()
        driver = plain if options.plain else _run
        found = _others.get(name, lambda *given, name=name, by=driver: by(name, *given))(
            inputs, options.seed
        )
        print(
            f"{name}: {inputs} inputs, {time.monotonic() - began:.0f} s, {found or 'no finding'}",
            flush=True,
        )
        if found:
            failed.append(name)
    return 1 if failed else 0


def _share(name: str) -> float:
    if name in TARGETS:
        return TARGETS[name].share
    rest = 1 - sum(target.share for target in TARGETS.values())
    return ROWS_SHARE if name == ROWS else rest - ROWS_SHARE


def _run(name: str, inputs: int, seed: int) -> str | None:
    """Fuzz a target in a process of its own; what was found, in one line."""
    folder = Path(tempfile.mkdtemp(prefix=f"alarm-fatigue-fuzz-{name}-"))
    grown = folder / "corpus"
    grown.mkdir()
    command = [
        sys.executable,
        "-m",
        "tests.fuzz",
        _CHILD,
        name,
        str(grown),
        str(CORPUS / name),
        f"-runs={inputs}",
        f"-seed={seed}",
        f"-max_len={TARGETS[name].max_bytes}",
        f"-timeout={SECONDS_AN_INPUT}",
        f"-rss_limit_mb={MEGABYTES}",
        f"-artifact_prefix={folder}/",
        "-print_final_stats=1",
    ]
    log = folder / "log"
    with log.open("wb") as out:
        status = subprocess.run(command, stdout=out, stderr=out, check=False).returncode
    lines = log.read_text(errors="replace").splitlines()
    done = next(
        (line.split()[-1] for line in lines if line.startswith("stat::number_of_executed_units")),
        None,
    )
    if status == 0 and done is not None and int(done) >= inputs:
        shutil.rmtree(folder)
        return None
    why = next(
        (line for line in lines if "Error" in line or "Exception" in line),
        lines[-1] if lines else "it printed nothing",
    )
    return (
        f"status {status} after {done or '?'} inputs: {why.strip()[:200]}; input and log: {folder}"
    )


def _fuzz(name: str, arguments: list[str]) -> int:
    """This process becomes the fuzzer of one target."""
    import atheris

    target = TARGETS[name]

    def mutate(data: bytes, max_bytes: int, seed: int) -> bytes:
        return mutated(
            name, data, max_bytes, seed, lambda one, most: bytes(atheris.Mutate(one, most))
        )

    from tests.fuzz.mutation import mutated

    _instrument(atheris)
    atheris.Setup([sys.argv[0], *arguments], target.one, custom_mutator=mutate)
    atheris.Fuzz()
    return 0


def _instrument(atheris: Any) -> None:
    """Count the edges of our own functions, and of the HTTP server's."""
    names = ("streams.", "analyzer.", "aiohttp.web", "aiohttp.http")
    for module_name, module in list(sys.modules.items()):
        if not module_name.startswith(names):
            continue
        for thing in list(vars(module).values()):
            for one in [thing, *(vars(thing).values() if isinstance(thing, type) else ())]:
                if (
                    getattr(one, "__module__", None) == module_name
                    and type(one).__name__ == "function"
                ):
                    atheris.instrument_func(one)


def _interface(inputs: int, seed: int) -> str | None:
    from tests.fuzz.interface import ask_interface

    return ask_interface(inputs, seed)


_others = {INTERFACE: _interface, ROWS: fuzz_rows}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
