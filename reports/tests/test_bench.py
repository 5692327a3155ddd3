"""Results of a benchmark: their numbers, their comparison, their page."""

import json

import attrs
import cattrs
import pytest

from reports import bench
from reports.bench.results import geometric_mean, slope


def measurement(peer, seconds, threads=2):
    """Three turns of two samples around a time."""
    turns = [[seconds * (1 + i / 100), seconds * (1 - i / 100)] for i in range(3)]
    return bench.Measurement(
        peer=peer, threads=threads, turns=turns, variant="only", memory=1 << 20
    )


def layer(name, times, one_thread=None, **others):
    """A layer with a time for each peer with two threads, and for some with one."""
    return bench.LayerResult(
        **{"name": name, "group": "sixteen", "sizes": "1×2×3×4 → 5", "dtype": "float32", "flop": 2e9,  # noqa: RUF001
           "bytes": 1e7, **others},
        measurements=[measurement(peer, seconds) for peer, seconds in times.items()]
        + [measurement(peer, seconds, 1) for peer, seconds in (one_thread or {}).items()],
    )  # fmt: skip


def results(layers, **settings):
    """A run of three peers, one of them absent."""
    return bench.Results(
        tool="0.1.0", commit="abc", command=["conformance", "bench"],
        started="2026-01-02T03:04:05+00:00", took=12.0,
        settings=bench.Settings(**{"threads": [2], "rounds": 3, "seconds": 0.1, **settings}),
        machine=bench.Machine(
            platform="Linux", processor="a processor", instructions="avx2", cores=2, memory=8 << 30,
            python="3.11", load_before=0.1, load_after=0.2, environment={},
            rates=[
                bench.Rate(
                    threads=2, dtype="float32", library="SciPy", products=[1e11, 3e11, 2e11], copies=[2e10]
                ),
                bench.Rate(threads=1, dtype="float32", library="NumPy", products=[1e11], copies=[1e10]),
            ],
        ),
        peers=[
            bench.Peer(name="fast", versions={"numpy": "1"}),
            bench.Peer(name="torch", versions={"torch": "2"}, kernels={"oneDNN": "AVX-512"}),
            bench.Peer(name="openvino", absent="No module named <openvino>"),
        ],
        layers=layers,
    )  # fmt: skip


RUN = results(
    [layer("a", {"fast": 0.02, "torch": 0.01}), layer("b", {"fast": 0.01, "torch": 0.02})]
)


def test_the_time_is_the_median_of_the_turns_medians():
    turns = [[1.0, 9.0, 2.0], [4.0], [3.0, 3.0]]
    assert bench.Measurement(peer="fast", threads=1, turns=turns).seconds == 3.0


def test_the_quartiles_are_those_of_all_samples():
    found = bench.Measurement(peer="fast", threads=1, turns=[[1.0, 2.0], [3.0, 4.0, 5.0]])
    assert found.quartiles == (2.0, 4.0)


def test_the_spread_is_half_the_quartiles_distance():
    found = bench.Measurement(peer="fast", threads=1, turns=[[1.0, 2.0, 3.0, 4.0, 5.0]])
    assert found.spread == pytest.approx(1 / 3)


def test_the_ratio_is_to_the_best_rival():
    one = layer("a", {"fast": 0.03, "torch": 0.02, "tensorflow": 0.01})
    assert one.ratio("fast") == pytest.approx(3)


def test_an_algorithm_of_fast_is_no_rival():
    one = layer("a", {"fast": 0.03, "fast:planar": 0.01, "torch": 0.02})
    assert one.ratio("fast") == pytest.approx(1.5)


def test_the_rate_is_a_share_of_this_machines_product():
    assert RUN.share_of_product(RUN.layers[0], 0.02) == pytest.approx(0.5)


def test_the_share_of_a_number_of_threads_is_of_the_product_with_as_many():
    assert RUN.share_of_product(RUN.layers[0], 0.02, 1) == pytest.approx(1)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_sixteen_bits_are_measured_by_products_in_float32(dtype):
    one = layer("a", {"fast": 0.02}, dtype=dtype)
    assert RUN.share_of_product(one, 0.02) == pytest.approx(0.5)


def test_the_machine_copies_with_the_better_number_of_threads():
    assert RUN.machine.copy == 2e10


# --- numbers of threads -----------------------------------------------------------------------

#: `fast` is the faster with two threads, `torch` with one.
BOTH = results(
    [
        layer("a", {"fast": 0.02, "torch": 0.03}, {"fast": 0.03, "torch": 0.01}),
        layer("b", {"fast": 0.01, "torch": 0.08}, {"fast": 0.04, "torch": 0.04}),
    ],
    threads=[1, 2],
)
NEW_SIZE = layer("shapes-a", {"fast": 0.006, "torch": 0.003}, group="shapes")


@pytest.mark.parametrize(("peer", "threads"), [("fast", 2), ("torch", 1)])
def test_the_better_number_of_threads_counts(peer, threads):
    assert BOTH.layers[0].of(peer).threads == threads


@pytest.mark.parametrize(("threads", "seconds"), [(1, 0.03), (2, 0.02)])
def test_the_time_with_either_number_is_kept(threads, seconds):
    assert BOTH.layers[0].of("fast", threads).seconds == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("threads", "expected"), [(None, [2, 0.25]), (1, [3, 1]), (2, [2 / 3, 1 / 8])]
)
def test_ratios_are_those_of_the_better_numbers_or_of_one_for_both(threads, expected):
    assert BOTH.ratios("fast", threads=threads) == pytest.approx(expected)


def test_the_same_reason_with_either_number_of_threads_is_one_problem():
    absent = bench.Measurement(peer="torch", threads=1, problem="unsupported", reason="no float128")
    both = [absent, attrs.evolve(absent, threads=2)]
    one = attrs.evolve(RUN.layers[0], measurements=[RUN.layers[0].measurements[0], *both])
    other = attrs.evolve(RUN.layers[1], measurements=RUN.layers[1].measurements[:1])
    (found,) = results([one, other]).problems
    assert found.layers == "a"


def test_the_page_has_a_group_of_columns_for_each_number_of_threads():
    head = bench.render(BOTH).split("<thead>")[1].split("</thead>")[0]
    groups = [part.split(">", 1)[1].split("<")[0] for part in head.split('class="group over"')[1:]]
    assert groups == ["the better", "1 thread", "2 threads"]


def test_the_groups_of_columns_are_as_wide_as_their_cells():
    body = bench.render(BOTH).split("<tbody>")[1].split("</tr>")[0]
    head = bench.render(BOTH).split("<thead>")[1].split("</tr>")[0]
    spans = [int(part.split('"')[1]) for part in head.split("colspan=")[1:]]
    assert (body.count("<td"), spans) == (1 + sum(spans), [3, 3, 3])


def test_a_single_number_of_threads_is_no_better_one():
    assert "the better" not in bench.render(RUN)


def test_the_markdown_has_a_table_for_each_number_of_threads():
    text = bench.table(BOTH)
    headings = [line for line in text.splitlines() if line.startswith("**")]
    assert headings == ["**1 thread**", "**2 threads**"]
    assert "each library with the better number of threads: fast takes 0.71 of" in text


# --- new sizes --------------------------------------------------------------------------------


def test_new_sizes_are_no_part_of_the_mean():
    run = results([*RUN.layers, NEW_SIZE])
    assert (run.ratios("fast"), [one.name for one in run.shapes]) == (
        RUN.ratios("fast"),
        ["shapes-a"],
    )


def test_new_sizes_have_a_table_of_their_own():
    page = bench.render(results([*RUN.layers, NEW_SIZE]))
    ours, others = page.split('id="shapes"')[1].split("</section>")[0], page.split('id="layers"')
    assert ("shapes-a" in ours, "shapes-a" in others[1].split("</section>")[0]) == (True, False)
    assert "takes <b>2.00×</b> the best peer’s time" in ours  # noqa: RUF001


def test_a_page_of_new_sizes_alone_stands():
    assert "2 peers on 1 layer of new sizes" in bench.render(results([NEW_SIZE]))


def test_the_markdown_has_new_sizes():
    text = bench.table(results([*RUN.layers, NEW_SIZE]))
    assert "**A size never seen before: 2 threads**" in text
    assert "| shapes-a | 1×2×3×4 → 5 | 6.00 | 3.00 | 2.00 |" in text  # noqa: RUF001


# --- kernels ----------------------------------------------------------------------------------


def with_environment(**variables):
    """The run in an environment."""
    return attrs.evolve(RUN, machine=attrs.evolve(RUN.machine, environment=variables))


#: All that a page may have.
FULL = attrs.evolve(
    results([*BOTH.layers, NEW_SIZE], threads=[1, 2]),
    machine=with_environment(OPENBLAS_CORETYPE="Haswell").machine,
)


@pytest.mark.parametrize("made", [bench.render, bench.table], ids=["page", "markdown"])
def test_a_variable_that_hides_kernels_is_warned_of(made):
    text = made(with_environment(OPENBLAS_CORETYPE="Haswell"))
    assert "OPENBLAS_CORETYPE=Haswell is set in the environment" in text


@pytest.mark.parametrize("made", [bench.render, bench.table], ids=["page", "markdown"])
@pytest.mark.parametrize("variables", [{}, {"OMP_WAIT_POLICY": "passive"}], ids=["none", "waiting"])
def test_other_environments_are_not_warned_of(made, variables):
    assert "Warning:" not in made(with_environment(**variables))


@pytest.mark.parametrize("made", [bench.render, bench.table], ids=["page", "markdown"])
def test_the_kernels_in_use_are_told(made):
    assert "AVX-512" in made(RUN)


def test_the_geometric_mean_of_a_ratio_and_its_inverse_is_one():
    assert geometric_mean([4.0, 0.25]) == pytest.approx(1)


@pytest.mark.parametrize("power", [1, 2, 3.5])
def test_the_slope_of_a_power_is_its_exponent(power):
    assert slope([(n, 0.002 * n**power) for n in (1, 2, 4, 8)]) == pytest.approx(power)


def test_points_below_a_millisecond_do_not_bend_the_slope():
    slow = [(n, 0.002 * n**2) for n in (2, 4, 8)]
    assert slope([(1, 0.0009), *slow]) == pytest.approx(2)


def test_two_points_make_no_slope():
    assert slope([(1, 0.1), (2, 0.2)]) is None


# --- comparison -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("factor", "verdict"), [(0.5, "faster"), (2.0, "slower"), (1.0, "within noise")]
)
def test_a_change_is_one_where_all_turns_agree(factor, verdict):
    new = results([layer("a", {"fast": 0.02 * factor})])
    assert [c.verdict for c in bench.compare(RUN, new).changes] == [verdict]


def test_one_turn_that_is_as_fast_as_before_is_noise():
    old, new = measurement("fast", 0.01), measurement("fast", 0.02)
    new = attrs.evolve(new, turns=[*new.turns, [0.01]])
    assert bench.Change(layer="a", peer="fast", old=old, new=new).verdict == "within noise"


def test_the_machines_own_rates_are_compared():
    assert (bench.compare(RUN, RUN).product, bench.compare(RUN, RUN).copy) == (1, 1)


def test_other_versions_are_noted():
    peers = [attrs.evolve(RUN.peers[0], versions={"numpy": "2"}), *RUN.peers[1:]]
    found = bench.compare(RUN, attrs.evolve(RUN, peers=peers))
    assert found.notes == ["fast: numpy 1 before, numpy 2 now"]


def test_gradients_are_not_compared_with_outputs():
    with pytest.raises(bench.ResultsError, match="gradients False and gradients True"):
        bench.compare(RUN, results(RUN.layers, gradients=True))


def test_times_with_the_same_number_of_threads_are_compared():
    new = results([layer("a", {}, {"fast": 0.06, "torch": 0.01})], threads=[1])
    found = [(c.peer, c.threads, c.ratio) for c in bench.compare(BOTH, new).changes]
    assert found == [("fast", 1, pytest.approx(2)), ("torch", 1, pytest.approx(1))]


def test_rates_of_the_machine_are_compared_with_the_same_number_of_threads():
    one = results([layer("a", {}, {"fast": 0.06})], threads=[1])
    rates = [attrs.evolve(one.machine.rates[1], products=[2e11], copies=[3e10])]
    new = attrs.evolve(one, machine=attrs.evolve(one.machine, rates=rates))
    found = bench.compare(BOTH, new)
    assert (found.product, found.copy) == (pytest.approx(2), pytest.approx(3))


def test_runs_without_a_common_number_of_threads_are_told_how_to_get_one():
    new = results([layer("a", {}, {"fast": 0.06})], threads=[1])
    with pytest.raises(bench.ResultsError, match="threads 2 before, 1 now; --threads"):
        bench.compare(RUN, new)


def test_another_environment_is_noted():
    found = bench.compare(RUN, with_environment(OPENBLAS_CORETYPE="Haswell"))
    assert found.notes == ["environment: nothing set before, OPENBLAS_CORETYPE=Haswell now"]


def test_other_kernels_are_noted():
    peers = [RUN.peers[0], attrs.evolve(RUN.peers[1], kernels={"oneDNN": "AVX2"})]
    found = bench.compare(RUN, attrs.evolve(RUN, peers=peers))
    assert found.notes == ["torch: oneDNN AVX-512 before, oneDNN AVX2 now"]


def test_runs_without_a_common_layer_are_not_compared():
    with pytest.raises(bench.ResultsError, match="in common"):
        bench.compare(RUN, results([layer("c", {"fast": 0.02})]))


def test_layers_of_other_sizes_are_not_the_same():
    with pytest.raises(bench.ResultsError, match="in common"):
        bench.compare(RUN, results([layer("a", {"fast": 0.02}, sizes="2×2×3×4 → 5")]))  # noqa: RUF001


# --- files ------------------------------------------------------------------------------------


def test_results_survive_json(tmp_path):
    bench.save(RUN, tmp_path / "a.json")
    assert bench.load(tmp_path / "a.json") == RUN


def as_format_1(run):
    """The results of a run of one number of threads as earlier versions wrote them."""
    data = cattrs.unstructure(run)
    (threads,) = data["settings"]["threads"]
    data["settings"]["threads"] = threads
    machine = data["machine"]
    del machine["environment"]
    rates = [rate for rate in machine.pop("rates") if rate["threads"] == threads]
    machine["products"] = {rate["dtype"]: rate["products"] for rate in rates}
    machine["product_library"] = {rate["dtype"]: rate["library"] for rate in rates}
    machine["copies"] = [copy for rate in rates for copy in rate["copies"]]
    for peer in data["peers"]:
        del peer["kernels"]
    for one in data["layers"]:
        for found in one["measurements"]:
            del found["threads"]
    return {"kind": "conformance-bench", "format": 1, **data}


def test_results_of_format_1_are_read(tmp_path):
    (tmp_path / "old.json").write_text(json.dumps(as_format_1(RUN)))
    machine = attrs.evolve(RUN.machine, rates=RUN.machine.rates[:1], environment=None)
    peers = [attrs.evolve(peer, kernels={}) for peer in RUN.peers]
    assert bench.load(tmp_path / "old.json") == attrs.evolve(RUN, machine=machine, peers=peers)


def test_results_of_format_1_are_compared_without_a_note_on_what_they_do_not_say(tmp_path):
    (tmp_path / "old.json").write_text(json.dumps(as_format_1(RUN)))
    new = with_environment(OPENBLAS_CORETYPE="Haswell")
    found = bench.compare(bench.load(tmp_path / "old.json"), new)
    assert (len(found.changes), found.notes) == (4, [])


def test_results_of_a_later_format_are_told_what_to_do(tmp_path):
    (tmp_path / "new.json").write_text('{"kind": "conformance-bench", "format": 3}')
    with pytest.raises(bench.ResultsError, match="reads 1 and 2: measure again"):
        bench.load(tmp_path / "new.json")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{", "not JSON"),
        ("[]", "no results"),
        ('{"kind": "header"}', "no results"),
        ('{"kind": "conformance-bench", "format": 99}', "format 99"),
        ('{"kind": "conformance-bench", "format": 1}', "no results of format 1"),
        ('{"kind": "conformance-bench", "format": 1, "settings": [], "machine": 3}', "no results"),
        ('{"kind": "conformance-bench", "format": 2}', "no results"),
    ],
)
def test_a_file_without_results_is_named_in_one_line(tmp_path, text, says):
    (tmp_path / "bad.json").write_text(text)
    with pytest.raises(bench.ResultsError, match=says) as caught:
        bench.load(tmp_path / "bad.json")
    assert ("bad.json" in str(caught.value), "\n" in str(caught.value)) == (True, False)


# --- page -------------------------------------------------------------------------------------


def test_the_page_says_the_mean_and_the_wins():
    page = bench.render(RUN)
    assert "<b>1.00×</b> the best peer’s time, and is the fastest on <b>1</b> of 2 layers" in page  # noqa: RUF001


def test_an_absent_peer_is_on_the_page_and_escaped():
    assert "Absent: No module named &lt;openvino&gt;" in bench.render(RUN)


def test_the_page_loads_nothing():
    page = bench.render(RUN)
    assert ("http:" in page, "https:" in page, "src=" in page.replace("-src", "")) == (False,) * 3


@pytest.mark.parametrize("kind", ["wide", "narrow"])
def test_the_page_has_a_mark_for_every_time(kind):
    svg = bench.render(RUN).split(f'class="chart ratios {kind}"')[1].split("</svg>")[0]
    assert svg.count('class="mark') == 4


@pytest.mark.parametrize("kind", ["wide", "narrow"])
def test_the_roofline_has_every_layer(kind):
    svg = bench.render(RUN).split(f'class="chart roofline {kind}"')[1].split("</svg>")[0]
    assert svg.count('class="numbered"') == 2


def test_growth_shows_each_peers_slope():
    grown = [
        layer(f"g-{n}", {"fast": 0.002 * n**2}, group="growth", series="n", axis="size", value=n)
        for n in (1, 2, 4)
    ]
    page = bench.render(results(grown))
    assert 'fast <b class="peer-0">2.00</b>' in page


def test_a_wrong_peer_is_said():
    wrong = bench.Measurement(peer="torch", threads=2, problem="wrong", reason="differs by 0.7")
    one = attrs.evolve(RUN.layers[0], measurements=[RUN.layers[0].measurements[0], wrong])
    assert "<b>torch</b>, all layers: wrong. differs by 0.7" in bench.render(results([one]))


def test_what_a_peer_cannot_do_is_said_once():
    absent = bench.Measurement(peer="torch", threads=2, problem="unsupported", reason="no float128")
    one, two, three = (
        attrs.evolve(RUN.layers[0], name=name, measurements=[RUN.layers[0].measurements[0], *more])
        for name, more in (("a", [absent]), ("b", [absent]), ("c", []))
    )
    (found,) = results([one, two, three]).problems
    assert attrs.astuple(found) == ("torch", "unsupported", "no float128", "a, b")


def test_changes_are_on_the_page():
    new = results([layer("a", {"fast": 0.2})])
    assert '<td class="left bad">slower</td>' in bench.render(new, bench.compare(RUN, new))


def test_without_fast_the_page_still_stands():
    run = attrs.evolve(RUN, peers=RUN.peers[1:], layers=[layer("a", {"torch": 0.01})])
    assert "1 peer on 1 layer" in bench.render(run)


def test_the_markdown_table_has_every_layer_and_ratio():
    text = bench.table(RUN)
    rows = [line.split(" | ") for line in text.splitlines() if line.startswith("| ")]
    widths = {len(row) for row in rows}
    assert (len(rows), widths) == (2 + len(RUN.compared), {len(rows[0])})
    for layer in RUN.compared:
        ratio = layer.of("fast").seconds / layer.best_rival().seconds
        (row,) = [row for row in rows if row[0] == f"| {layer.name}"]
        assert f"{ratio:.2f}" in row


def test_the_markdown_table_says_how_it_was_measured():
    text = bench.table(RUN)
    assert "Geometric means: fast takes" in text
    assert f"`{' '.join(RUN.command)}`" in text


def test_a_markdown_table_without_ours_compares_nothing():
    others = [
        attrs.evolve(layer, measurements=[m for m in layer.measurements if m.peer != "fast"])
        for layer in RUN.layers
    ]
    peers = [peer for peer in RUN.peers if peer.name != "fast"]
    text = bench.table(attrs.evolve(RUN, layers=others, peers=peers))
    assert "÷" not in text
    assert "Geometric" not in text
