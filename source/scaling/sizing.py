"""From what there is to what fits: writers, interval, selection."""

import math
from dataclasses import replace

from connector.keba.pacing import REPEAT_PAUSE_S
from scaling.campus import COSTS, Campus, Costs, load_of
from scaling.selections import SELECTIONS, Selection

UTILISATION = 0.8
"""How busy writers should be at most: status messages, results of commands,
logs and the catching up after a restart need the rest."""


def writers_needed(campus: Campus, costs: Costs = COSTS) -> int:
    """Return how many writers of the API store all values in time."""
    return math.ceil(
        load_of(campus, costs).values_per_s / _capacity(1, costs) - 1e-9
    )


def shortest_interval_s(
    campus: Campus, writers: int, costs: Costs = COSTS
) -> int | None:
    """Return the shortest POLL_SECONDS that so many writers bear.

    The interval of the campus itself plays no part. None if status messages
    alone are too much for them.
    """
    left_per_s = _capacity(writers, costs) - campus.pushed_values_per_s
    if left_per_s <= 0:
        return None
    values = campus.stations * campus.values_per_poll
    interval_s = math.ceil(values / left_per_s - 1e-9)
    return max(math.ceil(REPEAT_PAUSE_S), interval_s)


def largest_size(campus: Campus, writers: int, costs: Costs = COSTS) -> int:
    """Return how many datapoints of each station so many writers bear.

    Every value is published in every poll and none by status messages; the
    selection of the campus plays no part.
    """
    polls_per_s = load_of(campus, costs).polls_per_s
    for_writers = int(_capacity(writers, costs) / polls_per_s + 1e-9)
    return min(for_writers, costs.api_queue // campus.stations)


def largest_selection(
    campus: Campus, writers: int, costs: Costs = COSTS
) -> Selection | None:
    """Return the largest selection with a name that fits, None without one."""
    for selection in SELECTIONS.values():
        selected = replace(campus, selection=selection)
        if writers_needed(selected, costs) <= writers and fits_queue(
            selected, costs
        ):
            return selection
    return None


def fits_queue(campus: Campus, costs: Costs = COSTS) -> bool:
    """Tell whether a round over all stations fits into the API's queue."""
    return load_of(campus, costs).values_at_once <= costs.api_queue


def share_lost(
    campus: Campus,
    writers: int,
    costs: Costs = COSTS,
    within_s: float = math.inf,
) -> float:
    """Return the share of values that the API drops at worst.

    At worst means that all connectors poll at the same time.

    Parameters
    ----------
    campus, writers, costs
        Who sends and who stores.
    within_s
        Time since the queue was empty, whole rounds; at first it takes what
        is too much.
    """
    interval_s = campus.poll_interval_s
    come = load_of(campus, costs).values_per_s * interval_s
    stored = _stored_per_s(writers, costs) * interval_s
    # Status messages are spread over the interval, the rest comes at once.
    pushed = campus.pushed_values_per_s * interval_s
    let_in = min(come - pushed, costs.api_queue) + pushed
    room_at_first = max(0.0, costs.api_queue - stored)
    kept = min(stored, let_in) + room_at_first * interval_s / within_s
    return max(0.0, 1 - kept / come)


def age_when_stored_s(
    campus: Campus, writers: int, costs: Costs = COSTS
) -> float:
    """Return how old the last value of a round is when it is stored.

    All stations are polled within a second; their values wait for a writer.
    Meaningful while nothing is lost.
    """
    values = campus.stations * campus.values_per_poll
    return values / _stored_per_s(writers, costs)


def overflow_after_s(
    campus: Campus, writers: int, costs: Costs = COSTS
) -> float | None:
    """Return how long the API's queue takes to overflow, None for ever.

    Each round comes at once; between two rounds writers work all the time.
    """
    if not fits_queue(campus, costs):
        return 0.0
    interval_s = campus.poll_interval_s
    come = load_of(campus, costs).values_per_s * interval_s
    stored = _stored_per_s(writers, costs) * interval_s
    if come <= stored:
        return None
    room = costs.api_queue - campus.stations * campus.values_per_poll
    rounds = 1 + math.floor(room / (come - stored))
    return rounds * interval_s


def _stored_per_s(writers: int, costs: Costs) -> float:
    return writers * costs.values_per_writer_s


def _capacity(writers: int, costs: Costs) -> float:
    return UTILISATION * _stored_per_s(writers, costs)
