"""Target `interface`: what schemathesis draws from the OpenAPI file, valid and not, at a running
server with a small hospital.
"""

from __future__ import annotations

from pathlib import Path

import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import seed as seeded
from hypothesis.strategies import SearchStrategy
from schemathesis import Case, GenerationMode
from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance

from streams.http import site
from tests.harness.site import START, FakeWorker, Site, simulated

DESCRIBED = Path(site.__file__).with_name("openapi.json")


def ask_interface(inputs: int, seed: int) -> str | None:
    """Send requests over all operations.

    Return the first answer that the file does not describe, or that is an internal error.
    """
    schema = schemathesis.openapi.from_path(DESCRIBED)
    operations = [found.ok() for found in schema.get_all_operations()]
    modes = (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)
    each = max(inputs // (len(operations) * len(modes)), 1)
    with Site(FakeWorker(simulated(until=START + 3_600_000))) as served:
        for operation in operations:
            for mode in modes:
                if mode is GenerationMode.NEGATIVE and not operation.query:
                    continue  # nothing that could be wrong
                try:
                    _ask(
                        operation.as_strategy(generation_mode=mode),
                        served.address.rstrip("/"),
                        each,
                        seed,
                    )
                except (Exception, BaseExceptionGroup) as error:
                    return f"{operation.label}, {mode.value}: {' '.join(str(error).split())[:600]}"
    return None


def _ask(cases: SearchStrategy[Case], address: str, inputs: int, seed: int) -> None:
    @seeded(seed)
    @settings(
        max_examples=inputs,
        deadline=None,
        database=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    @given(cases)
    def ask(case: Case) -> None:
        # Unknown parameters are ignored, as the contract ignores unknown fields; so not all that is
        # "negative" is refused. And which windows and types there are is a matter of policy and
        # facts: not all that has the right form is accepted.
        response = case.call(base_url=address)
        case.validate_response(
            response, excluded_checks=[negative_data_rejection, positive_data_acceptance]
        )

    ask()
