"""From outcomes to docs/chaos.md. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

Results = dict[str, Any]
Calls = Sequence[dict[str, Any]]

HEAD = """# Chaos

Written by `make chaos` from `chaos/results.json`; do not edit. Everybody in these calls says numbered words, all the
time. The recogniser (Deepgram's SDK against an emulated Deepgram) writes them in another way in each session and is
off by up to {jitter} ms in the time of each. What happens, and when, follows from a seed. At each call's end the oracle
(`chaos/oracle.py`) compares what was said with the database, with three readers of `/v1/stream` who lose their
connections, and with the export: a word is in the transcript once, at its place and time, or in a gap.

{machine}
How long things took says something beside that load only. A call again: `python -m chaos SUITE --seed SEED`.
"""
WHAT = {
    "drops": "Each participant's recogniser connection is lost every 4 to 10 s: reset, closed with 1011, or silent.",
    "kills": "SIGKILL of the service while everybody talks, at once started again, some of them before it is back.",
    "mixed": (
        "Everything at the same time: media streams, recogniser, REST, callbacks, signatures, process, database.\n"
        "A fork may wait for several of them: how long forks are away is told here, and judged only among the kills."
    ),
}
# At most so many of a hundred recogniser drops may leave a word doubled.
DOUBLED_PERCENT = 0.5


def broken(results: Results) -> list[str]:
    """The promises that were not kept; a gap that was declared breaks none."""
    found = [
        f"{call['suite']} --seed {call['seed']}: {fault}" for call in results["calls"] for fault in faults_of(call)
    ]
    for suite, calls in _by_suite(results):
        drops = sum(call["drops"] for call in calls)
        doubled = sum(len(call["verdict"]["doubled"]) for call in calls)
        if doubled > drops * DOUBLED_PERCENT / 100:
            found.append(f"{suite}: {doubled} words doubled in {drops} drops")
    return found + [f"webhooks: {fault}" for fault in results.get("webhooks", {}).get("faults", [])]


def faults_of(call: dict[str, Any]) -> list[str]:
    """What was wrong in one call; doubled words are judged over all calls of a suite."""
    told = [*call["faults"], *call["late"]]
    return [fault for fault in told if _of_a_copy(fault) or " doubled: " not in fault]


def summary(results: Results) -> str:
    """A table for the terminal and the page."""
    rows = [
        "| | calls | words said | in gaps | lost | doubled | disordered | times off | copies | committed lost |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for suite, calls in _by_suite(results):
        verdicts = [call["verdict"] for call in calls]
        said, in_gaps = (sum(one[name] for one in verdicts) for name in ("said", "in_gaps"))
        lost, doubled, disordered = (sum(len(one[n]) for one in verdicts) for n in ("lost", "doubled", "disordered"))
        copies = sum(_of_a_copy(fault) for call in calls for fault in call["faults"])
        rows.append(
            f"| {suite} | {len(calls)} | {said:,} | {in_gaps:,} ({in_gaps / max(1, said):.1%}) | {lost} | {doubled} "
            f"| {disordered} | {sum(one['times_off'] for one in verdicts)} | {copies} "
            f"| {sum(call['committed_lost'] for call in calls)} |"
        )
    return "\n".join(rows)


def page(results: Results) -> str:
    """The whole page."""
    told = results["machine"]
    load = " ".join(map(str, told["load_before"]))
    machine = (
        f"{told['date']}, seed {results['seed']}: {told['cores']} cores, {told['system']}, Python {told['python']}, "
        f"load before: {load}.\n"
    )
    head = HEAD.format(jitter=results["jitter_ms"], machine=machine)
    found = broken(results)
    verdict = "Every promise was kept." if not found else "Not kept:\n\n" + "\n".join(f"- {line}" for line in found)
    sections = [_section(*one) for one in _by_suite(results)]
    if "webhooks" in results:
        sections.append(_webhooks(results["webhooks"]))
    return "\n".join([head, summary(results), "", verdict, *sections])


def _webhooks(told: dict[str, Any]) -> str:
    return "\n".join(
        [
            "\n## Webhooks\n",
            f"`python -m chaos.webhooks --seed {told['seed']}`: SIGKILL of whoever stores events and tells four",
            "endpoints of them, at once started again. The receivers verify each message with the library of Standard",
            "Webhooks, and refuse one of a hundred at first.\n",
            f"- {told['date']}, load before: {told['load_before']}; {told['kills']} kills, {told['events']:,} events, "
            f"{told['deliveries']:,} deliveries in {told['seconds']:.0f} s.",
            f"- {told['undelivered']} undelivered; {told['repeated']} taken twice "
            f"({told['repeated'] / max(1, told['deliveries']):.2%}); {told['refused']} refused and tried again.",
            f"- {told['forged']} did not verify, {told['changed']} changed between attempts, {told['moved']} had "
            "another id.",
            "",
        ]
    )


def _section(suite: str, calls: Calls) -> str:
    blows: Counter[str] = Counter()
    gaps: Counter[str] = Counter()
    for call in calls:
        blows.update(call["blows"])
        gaps.update(call["verdict"]["gaps"])
    lines = [
        f"\n## {suite.capitalize()}\n",
        WHAT[suite] + "\n",
        f"- {len(calls)} calls of {calls[0]['participants']} people; what happened: {_counted(blows)}.",
        f"- Gaps by reason: {_counted(gaps) or 'none'}; {sum(c['verdict']['gap_ms'] for c in calls) / 1000:,.0f} s in "
        f"all. Heard although a gap covers them: {sum(len(c['verdict']['heard_in_gaps']) for c in calls)} words.",
        f"- Readers came back {sum(call['reconnects'] for call in calls):,} times.",
        f"- Worst word time: {max(call['verdict']['off_ms'] for call in calls)} ms beyond the jitter.",
    ]
    for name, what in (
        ("captions_back_ms", "From the end of the first word after a drop to its first caption"),
        ("captions_ms", "From the end of a word to its first caption, without a drop near"),
    ):
        if values := [value for call in calls for value in call[name]]:
            lines.append(f"- {what}: p50 {_at(values, 50):.0f} ms, p95 {_at(values, 95):.0f} ms ({len(values):,}).")
    if ready := [value for call in calls for value in call["ready_s"]]:
        cpu = _at([value for call in calls for value in call["ready_cpu_s"]], 50)
        lines.append(
            f"- Ready after a kill: p50 {_at(ready, 50)} s, most {max(ready)} s; {cpu} s of a core ({len(ready)})."
        )
    if back := [value for call in calls for value in call["forks_back_s"]]:
        lines.append(f"- All forks back after a kill: p50 {_at(back, 50)} s, most {max(back)} s ({len(back)}).")
    return "\n".join([*lines, ""])


def _by_suite(results: Results) -> list[tuple[str, Calls]]:
    suites = [suite for suite in WHAT if any(call["suite"] == suite for call in results["calls"])]
    return [(suite, [call for call in results["calls"] if call["suite"] == suite]) for suite in suites]


def _of_a_copy(fault: str) -> bool:
    return fault.startswith(("reader ", "export"))


def _counted(counts: Counter[str]) -> str:
    return ", ".join(f"{count} {name}" for name, count in counts.most_common())


def _at(values: Iterable[float], percent: int) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, len(ordered) * percent // 100)]
