"""Two runs side by side: what became faster or slower beyond the noise of both."""

from __future__ import annotations

import attrs

from reports.bench.results import Machine, Measurement, Results, ResultsError


@attrs.frozen(kw_only=True)
class Change:
    """One peer on one layer with one number of threads, in both runs.

    Ratios are new time over old: `low` and `high` are the least and the greatest that any turn of the
    one makes with any turn of the other.
    """

    layer: str
    peer: str
    old: Measurement
    new: Measurement

    @property
    def threads(self) -> int:
        """How many threads the peer had."""
        return self.new.threads

    @property
    def ratio(self) -> float:
        """The ratio of the medians; below one the new run is the faster."""
        return self.new.seconds / self.old.seconds

    @property
    def low(self) -> float:
        """The fastest new turn over the slowest old one."""
        return min(self.new.medians) / max(self.old.medians)

    @property
    def high(self) -> float:
        """The slowest new turn over the fastest old one."""
        return max(self.new.medians) / min(self.old.medians)

    @property
    def verdict(self) -> str:
        """`faster` or `slower` where every turn of the one beats every turn of the other."""
        if self.high < 1:
            return "faster"
        return "slower" if self.low > 1 else "within noise"


@attrs.frozen(kw_only=True)
class Comparison:
    """All that two runs share; rates are the machine's own, new over old, and should be near one."""

    old_commit: str
    new_commit: str
    old_started: str
    changes: list[Change]
    product: float | None
    copy: float | None
    notes: list[str]


def compare(old: Results, new: Results) -> Comparison:
    """Pair what both runs measured, with the same number of threads.

    Raises:
        ResultsError: one has gradients and the other has not, or they share nothing.
    """
    before, after = old.settings.gradients, new.settings.gradients
    if before != after:
        raise ResultsError(
            f"runs with gradients {before} and gradients {after} cannot be compared: measure one of them again"
        )
    changes = []
    earlier = {(layer.name, layer.dtype, layer.sizes): layer for layer in old.layers}
    for layer in new.layers:
        before_layer = earlier.get((layer.name, layer.dtype, layer.sizes))
        for measurement in layer.measurements if before_layer else []:
            peer, threads = measurement.peer, measurement.threads
            earlier_one = before_layer.of(peer, threads) if before_layer else None
            if earlier_one is not None and measurement.is_timed:
                changes.append(
                    Change(layer=layer.name, peer=peer, old=earlier_one, new=measurement)
                )
    if not changes:
        raise ResultsError(
            "the two runs have no layer, peer and number of threads in common: threads "
            f"{_numbers(old)} before, {_numbers(new)} now; --threads measures with one number"
        )
    dtype = new.layers[0].dtype
    both = {change.threads for change in changes}
    old_machine, new_machine = (_with_threads(run.machine, both) for run in (old, new))
    return Comparison(
        old_commit=old.commit,
        new_commit=new.commit,
        old_started=old.started,
        changes=changes,
        product=_ratio(new_machine.product(dtype), old_machine.product(dtype)),
        copy=_ratio(new_machine.copy, old_machine.copy),
        notes=_notes(old, new),
    )


def _notes(old: Results, new: Results) -> list[str]:
    notes = []
    for name in ("processor", "cores", "python"):
        before, after = getattr(old.machine, name), getattr(new.machine, name)
        if before != after:
            notes.append(f"{name}: {before} before, {after} now")
    set_before, set_now = old.machine.environment, new.machine.environment
    if None not in (set_before, set_now) and set_before != set_now:
        before, after = _set(set_before or {}), _set(set_now or {})
        notes.append(f"environment: {before} before, {after} now")
    earlier = {peer.name: peer for peer in old.measured}
    for peer in new.measured:
        before_peer = earlier.get(peer.name)
        if before_peer is None:
            continue
        if before_peer.versions != peer.versions:
            before, after = _listed(before_peer.versions), _listed(peer.versions)
            notes.append(f"{peer.name}: {before} before, {after} now")
        # Results of format 1 do not say.
        if before_peer.kernels and before_peer.kernels != peer.kernels:
            before, after = _listed(before_peer.kernels), _listed(peer.kernels)
            notes.append(f"{peer.name}: {before} before, {after} now")
    return notes


def _with_threads(machine: Machine, threads: set[int]) -> Machine:
    """Return the machine with the rates of some numbers of threads alone."""
    return attrs.evolve(machine, rates=[rate for rate in machine.rates if rate.threads in threads])


def _numbers(run: Results) -> str:
    return " and ".join(map(str, run.settings.threads))


def _set(environment: dict[str, str]) -> str:
    return ", ".join(f"{n}={value}" for n, value in sorted(environment.items())) or "nothing set"


def _listed(versions: dict[str, str]) -> str:
    return ", ".join(f"{name} {version}" for name, version in sorted(versions.items()))


def _ratio(new: float | None, old: float | None) -> float | None:
    return None if new is None or old is None else new / old
