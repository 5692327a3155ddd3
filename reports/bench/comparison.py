"""Two runs side by side: what became faster or slower beyond the noise of both."""

from __future__ import annotations

import attrs

from reports.bench.results import Measurement, Results, ResultsError


@attrs.frozen(kw_only=True)
class Change:
    """One peer on one layer, in both runs.

    Ratios are new time over old: `low` and `high` are the least and the greatest that any turn of the
    one makes with any turn of the other.
    """

    layer: str
    peer: str
    old: Measurement
    new: Measurement

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
    """Pair what both runs measured.

    Raises:
        ResultsError: they were measured in different ways, or share nothing.
    """
    for name in ("threads", "gradients"):
        before, after = getattr(old.settings, name), getattr(new.settings, name)
        if before != after:
            raise ResultsError(
                f"runs with {name} {before} and {name} {after} cannot be compared: "
                "measure one of them again"
            )
    changes = []
    earlier = {(layer.name, layer.dtype, layer.sizes): layer for layer in old.layers}
    for layer in new.layers:
        before_layer = earlier.get((layer.name, layer.dtype, layer.sizes))
        for measurement in layer.measurements if before_layer else []:
            before = before_layer.of(measurement.peer) if before_layer else None
            if before is not None and measurement.is_timed:
                changes.append(
                    Change(layer=layer.name, peer=measurement.peer, old=before, new=measurement)
                )
    if not changes:
        raise ResultsError("the two runs have no layer and peer in common")
    dtype = new.layers[0].dtype
    return Comparison(
        old_commit=old.commit,
        new_commit=new.commit,
        old_started=old.started,
        changes=changes,
        product=_ratio(new.machine.product(dtype), old.machine.product(dtype)),
        copy=_ratio(new.machine.copy, old.machine.copy),
        notes=_notes(old, new),
    )


def _notes(old: Results, new: Results) -> list[str]:
    notes = []
    for name in ("processor", "cores", "python"):
        before, after = getattr(old.machine, name), getattr(new.machine, name)
        if before != after:
            notes.append(f"{name}: {before} before, {after} now")
    versions = {peer.name: peer.versions for peer in old.measured}
    for peer in new.measured:
        before = versions.get(peer.name)
        if before is not None and before != peer.versions:
            notes.append(f"{peer.name}: {_listed(before)} before, {_listed(peer.versions)} now")
    return notes


def _listed(versions: dict[str, str]) -> str:
    return ", ".join(f"{name} {version}" for name, version in sorted(versions.items()))


def _ratio(new: float | None, old: float | None) -> float | None:
    return None if new is None or old is None else new / old
