"""From results to docs/performance.md."""

from __future__ import annotations

from typing import Any

Results = dict[str, Any]

HEAD = """# Performance

Written by `make bench` from `benchmarks/results.json`; do not edit. All processes run on one machine over loopback, so
only ratios within one run say much; single figures carry 15 % of noise. How each is taken: `benchmarks/scenes.py`.
Parts that were not run again keep their figures of before, which may be of a busier machine.
"""


def page(results: Results) -> str:
    """The whole page; a scene that was not run has no section."""
    sections = [HEAD, _machine(results["machine"])]
    for name, section in (
        ("media", _media),
        ("memory", _memory),
        ("latency", _latency),
        ("assistant", _assistant),
        ("fan_out", _fan_out),
        ("crowd", _crowd),
        ("resume", _resume),
        ("webhooks", _webhooks),
        ("search", _search),
        ("talkers", _talkers),
        ("endurance", _endurance),
    ):
        if name in results:
            sections.append(section(results[name]))
    return "\n".join(sections)


def _machine(told: Results) -> str:
    load = " ".join(map(str, told["load_before"]))
    return (
        f"{told['date']}: {told['cores']} cores, {told['system']}, Python {told['python']}, aiohttp {told['aiohttp']}, "
        f"uvloop {told['uvloop']}; load before: {load}.\n"
    )


def _media(runs: list[Results]) -> str:
    """The service beside the bridge of the same run, by number of forks."""
    bridge = {run["forks"]: run["cpu_us_per_frame"] for run in runs if run["kind"] == "bridge"}
    rows = []
    for run in runs:
        base, cost = bridge.get(run["forks"], 0), run["cpu_us_per_frame"]
        cells = (
            NAMES.get(run["kind"], run["kind"]),
            run["forks"],
            cost,
            f"{cost / base:.2f}" if base else "-",
            f"{run['cpu_percent']} %",
            _ms(run["lag_ms"], "p50"),
            _ms(run["lag_ms"], "p99"),
            run["load_late_ms"],
            f"{run['frames'] / max(1, run['expected_frames']):.0%}",
        )
        rows.append(_cells(*cells))
    return MEDIA + "\n".join(rows) + "\n" + TRIED


MEDIA = """## Media: what a frame costs

A fork sends 50 frames per second; 100 ms of audio go upstream at once. The bridge is the least that aiohttp can do
with such a stream (`benchmarks/bridge.py`). Lag: from the moment the caller writes a frame to the moment the upstream
has it. Late: the worst by which the load itself was late. Budgets: a ratio of at most 1.3 with the bare client and
1.6 with deepgram-sdk, a p99 below 20 ms at 800 and 500 forks on one core.

| | forks | CPU us/frame | ratio | of a core | lag p50 ms | lag p99 ms | late ms | frames sent |
|---|---|---|---|---|---|---|---|---|
"""
TRIED = """
Where the interpreter's time goes (200 forks, bare client, a sampling profiler): sending upstream 28 %, of that nearly
all in the transport's write; reading WebSockets 16 %; placing a frame and keeping its audio 19 %; the loop over frames
8 %; decoding them 7 %; the event loop 4 %; the conferences' clocks 4 %; storing what was covered 3 %. Processor time of
the kernel is a quarter, as it is in the bridge. With warm caches, all that is ours of a frame (decoding, order, gaps,
the clock, the ring, coverage, health) is 5 us, against 0.9 us in the bridge; amid 200 forks it is 10: each frame wakes
another fork, whose objects are not in the caches. So what is left is not one place but the sum of what a fork does
more than a bridge. With deepgram-sdk the old client of `websockets` comes to it, in Python, and a task's turn for each
piece; a result costs 55 us in the SDK's models, and each final here comes at its own time and is stored by itself.

What was tried, and kept: audio goes to the engine in the call that brings it, no task of its own and no timer per
piece; a frame that follows the last one is placed by two comparisons; numbers are read by the decoder; frames are
taken without a coroutine; the loop over frames is a task of its own (each frame woke eight middlewares before), and
asks for messages itself (8 %); sound is looked for at the edges of 100 ms only; coverage alone is stored twice a second
instead of each 12 ms; lanes are looked after once a second; a second in which nothing happens raises no exception and
hands nothing to the writer. Full collections of the garbage collector are rare (`sidecar/cli/garbage.py`): they cost
few per cent, but each stopped 400 forks for 200 to 280 ms, and lag p99 fell from 93 to 22 ms without them.

Tried without gain: a shorter switch interval of the interpreter. Tried and left: reading a socket only when its next
100 ms are due (`pause_reading`), 10 to 20 % less time per frame. When forks are woken by what they have just done they
flock together, and lag p99 of 400 forks rises from 20 to 180 ms; when each keeps its own time the gain is gone. Leaving
a piece's first four frames in aiohttp's queue until the fifth is due, so that one wake-up does for five: 8 % less at
400 forks, nothing at 800, where they come together by themselves, and lag p50 rises from 4 to 8 ms. Not done: pieces
longer than 100 ms, for captions would wait.

A p99 below 20 ms at 800 forks is not to be had from this machine: the bridge, which does nothing but pass on, has it
not either, for callers, service and upstream share two cores.
"""
NAMES = {"bridge": "bridge (baseline)", "bare": "service, bare client", "deepgram": "service, deepgram-sdk"}


def _memory(run: Results) -> str:
    return (
        "## Memory\n\n"
        f"{run['memory_per_fork_kb']:.0f} kB per fork, measured with {run['forks']} forks after 40 s. Budget: 600 kB.\n"
    )


def _latency(run: Results) -> str:
    rows = []
    for place, name in (("in_memory", "store in memory"), ("on_disk", "store on the disk")):
        if told := run.get(place):
            rows.append(f"| finals, {name} | {_row(told['final_ms'])} | 60 ms | {told['final_ms']['n']} |\n")
            rows.append(f"| partials, {name} | {_row(told['partial_ms'])} | 120 ms | {told['partial_ms']['n']} |\n")
    at_once = run["together"]["final_ms"]
    return (
        "## From the recogniser to the reader\n\n"
        f"{run['forks']} forks, each a partial per half second and a final per 3 s, each at its own time; from the\n"
        "moment the upstream sends a result to the moment a reader of `/v1/stream` has it. Finals are stored first\n"
        "(SQLite, flushed to the disk), partials are gathered. So a final cannot be sooner than the disk: what it\n"
        "takes for 12 kB with nobody else there was measured just before, and the store was put into memory\n"
        "(`/dev/shm`) to see what the service itself adds. Checkpoints of SQLite are not to blame: without any the\n"
        "stalls are the same.\n\n"
        "Finals of all forks within the same 20 ms, which no hundred people do, wait 12 ms for each other, are stored\n"
        "in one transaction (14 ms in a process that does nothing else; numbering each conference by itself took\n"
        "70 ms more), and are written to all readers.\n\n"
        "| | p50 ms | p99 ms | most ms | budget p99 | events |\n|---|---|---|---|---|---|\n"
        + "".join(rows)
        + f"| finals, all at once | {_row(at_once)} | | {at_once['n']} |\n"
        + f"| the disk alone, a flush | {_row(run['disk_ms'])} | | {run['disk_ms']['n']} |\n"
    )


def _assistant(run: Results) -> str:
    return (
        "## The assistant: our own share\n\n"
        f"{run['turns']} turns on {run['rooms']} calls at once; engines take no time; callers and small Twilio are in\n"
        "the same process. To first media: from the moment the last words of a question are known (everybody has been\n"
        "quiet for long enough by then) to the first audio sent to Twilio. To clear: from the words that confirm an\n"
        "interruption to `clear` sent. To silence: from there to the end of its sound in a recording of the call;\n"
        "negative where holding had made it silent before.\n\n"
        "| | p50 ms | p99 ms | most ms | budget |\n|---|---|---|---|---|\n"
        f"| to first media | {_row(run['first_media_ms'])} | p99 60 ms |\n"
        f"| to clear | {_row(run['clear_ms'])} | p99 60 ms |\n"
        f"| to silence | {_row(run['silent_ms'])} | 300 ms |\n"
    )


def _fan_out(run: Results) -> str:
    return (
        "## Many readers of one conference\n\n"
        f"{run['subscribers']:,} subscribers, {run['delivered']:,} events delivered: {run['cpu_us_per_event']} us of\n"
        f"CPU for each, {run['cpu_percent']} % of a core; finals p99 {_ms(run['final_ms'], 'p99')} ms. Most of it is\n"
        "the write to the socket; timeouts of waits that end at once were 40 % before (63 us in all).\n"
    )


def _crowd(run: Results) -> str:
    return (
        "## A node of readers only\n\n"
        f"{run['subscribers']:,} subscribers at once of two people who talk as people do: {run['delivered']:,} events\n"
        f"delivered with {run['cpu_percent']} % of a core, {run['memory_per_subscriber_kb']} kB each; finals p50\n"
        f"{_ms(run['final_ms'], 'p50')} ms, p99 {_ms(run['final_ms'], 'p99')} ms. The readers share the machine.\n"
        "An event for 5,000 takes some two tenths of a second to write, so half of them wait for more than one.\n"
        "Budget: 5,000 clients.\n"
    )


def _resume(run: Results) -> str:
    return (
        "## Catching up\n\n"
        f"A client that resumes {run['events']:,} events behind has them after {run['seconds']} s\n"
        f"(median of {run['rounds']}). Budget: 1 s.\n"
    )


def _search(run: Results) -> str:
    rows = [
        _cells(name, f"`{one['query']}`", one["hits"], _ms(one["ms"], "p50"), _ms(one["ms"], "max"))
        for name, one in run["queries"].items()
    ]
    return (
        "## Search\n\n"
        f"The newest 50 of {run['lines']:,} lines that fit, on SQLite. In batches of 100 a line is stored in "
        f"{run['stored_us']} us,\nwith its words for searches.\n\n"
        "| looks for | query | hits | p50 ms | slowest ms |\n|---|---|---|---|---|\n" + "\n".join(rows) + "\n"
    )


def _webhooks(run: Results) -> str:
    return (
        "## Webhooks\n\n"
        f"{run['per_s']} events a second to one fast receiver, each a signed message of its own, beside\n"
        f"{run['forks']} forks with a final per 3 s each: {run['told']:,} told, {run['missing']} missing, "
        f"{run['repeated']} repeated.\n"
        "Age: from the event to its arrival, stored in between (SQLite); up to 100 ms of it wait for company. CPU: of\n"
        "the whole service; storing the events is in it.\n\n"
        "| age p50 ms | age p99 ms | most ms | media lag p99 ms | of a core | without | CPU us/delivery |\n"
        "|---|---|---|---|---|---|---|\n"
        f"| {_row(run['age_ms'])} | {_ms(run['lag_ms'], 'p99')} | {run['cpu_percent']} % "
        f"| {run['cpu_percent_before']} % | {run['cpu_us_per_delivery']} |\n"
    )


def _talkers(runs: list[Results]) -> str:
    rows = [
        _cells(*(run[name] for name in ("talkers", "final_p95_s", "partials_dropped", "lost", "cpu_per_speech_s")))
        for run in runs
    ]
    return (
        "## The local recogniser\n\n"
        "People who all talk all the time, which no call has. Live means finals within 2 s at p95.\n\n"
        "| talk at once | finals p95 s | partials dropped | lost | CPU s per s of speech |\n|---|---|---|---|---|\n"
        + "\n".join(rows)
        + "\n"
    )


def _endurance(run: Results) -> str:
    return (
        "## Half an hour\n\n"
        f"`python -m benchmarks.endurance`: {run['forks']} forks with deepgram-sdk at their true pace for\n"
        f"{run['minutes']:.0f} minutes, {run['words']:,} numbered words: {run['lost']} lost,\n"
        f"{run['doubled']} doubled, {run['disordered']} out of order, {run['gaps']} gaps. Memory of the service:\n"
        f"{run['memory_mb_warm']} MB after a minute, {run['memory_mb_end']} MB at the end;\n"
        f"{run['cpu_percent']} % of a core.\n"
    )


def _cells(*values: object) -> str:
    return f"| {' | '.join(map(str, values))} |"


def _ms(told: Results, which: str) -> str:
    return f"{told[which]:.1f}" if told.get("n") else "-"


def _row(told: Results) -> str:
    return " | ".join(_ms(told, which) for which in ("p50", "p99", "max"))
