"""The paper's trends: on networks trained afresh (``tox -e gpu``), and on the committed runs.

Both ask the same of the same claims: that every inequality holds with its whole 95% interval. With
``--quick`` one trial of six networks is trained; there is no interval then, and the estimate itself has to be
on the claimed side, for the claims that these six decide, and for the step with pool size among them.
"""

import json
import subprocess
import sys
from itertools import product

import pytest

from receptive.evidence import claims, measured
from receptive.evidence.roster import DECIDED
from receptive.evidence.rules import CLAIMS, HALF, key
from receptive.evidence.statistics import sample
from receptive.evidence.verdicts import PUBLISHED_TRIALS, Criterion, Judgement, judge
from receptive.networks.variants import LARGE, SMALL
from receptive.replication import runs

QUICK = ("cnn-1", "cnn-2", "cnn-10", "cnn-25", "cnn-50-2", "cnn19-1-2")
TRIALS = PUBLISHED_TRIALS
MAIN = "from receptive.cli import main; main()"
DESCRIBE = (
    "import json; from receptive.networks import backend; backend.configure(); "
    "print(json.dumps(backend.describe()))"
)


def _python(code: str, *arguments: object, **options) -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, "-c", code, *map(str, arguments)], check=False, **options)


@pytest.fixture(scope="session")
def fresh(request, tmp_path_factory):
    """One sweep for all tests of the session, its progress on the terminal; ``--runs`` keeps its runs.

    Runs that another backend or device has trained are no proof of this one.
    """
    option = request.config.getoption
    probe = _python(DESCRIBE, capture_output=True, text=True)
    if probe.returncode != 0:
        why = (probe.stderr.strip().splitlines() or [f"code {probe.returncode}"])[-1]
        pytest.exit(f"the backend does not start: {why}", returncode=1)
    here = json.loads(probe.stdout)
    if here["device"] == "CPU" and not option("--on-cpu"):
        pytest.exit(
            "there is no graphics card here; --on-cpu trains on the processor, for hours", returncode=1
        )
    store = option("--runs") or tmp_path_factory.mktemp("runs")
    names, trials = (QUICK, 1) if option("--quick") else (["table1"], TRIALS)
    capture = request.config.pluginmanager.getplugin("capturemanager")
    with capture.global_and_fixture_disabled():
        done = _python(MAIN, "replicate", *names, "--trials", trials, "--store", store)
    assert done.returncode == 0, "not all runs were trained; the reasons stand above"
    for folder in measured.folders(store, "synthetic", "released"):
        stored = runs.load(folder)
        trained_on = stored.backend, stored.device
        assert trained_on == (here["backend"], here["device"]), f"{folder} was trained on {trained_on}"
    return measured.require_results(store)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Ask for every claim, or, with ``--quick``, for those that six networks decide."""
    if "claim" in metafunc.fixturenames:
        quick = metafunc.config.getoption("--quick")
        asked = [c for c in CLAIMS if not quick or {variant for variant, *_ in c.needs} <= {*QUICK}]
        metafunc.parametrize("claim", asked, ids=[claim.id for claim in asked])


def assert_trend(judgement: Judgement) -> None:
    """Where an interval is known to miss (claims.toml says why), the estimates have to be on its side."""
    shown = [str(inequality) for inequality in judgement.evidence]
    if claims.statements()[judgement.criterion.id].explanation or judgement.explanation:
        assert shown, judgement.waits_for
        assert all(inequality.margin > 0 for inequality in judgement.evidence), shown
    else:
        assert judgement.verdict in ("reproduced", "trend only"), shown or judgement.waits_for


@pytest.mark.gpu
@pytest.mark.claim("POOL-1", "POOL-2", "POOL-3", "POOL-4", "NUM-1", "SIZE-*", "STRIDE-1")
@pytest.mark.claim("DEEP-1", "DEEP-2", "DEEP-3")
def test_the_trend_holds_on_fresh_runs(claim: Criterion, fresh, pytestconfig):
    if pytestconfig.getoption("--quick"):
        for inequality in claim.rule(fresh):
            assert inequality.margin > 0, inequality
    else:
        assert_trend(judge(claim, fresh))


@pytest.mark.gpu
@pytest.mark.claim("POOL-2")
@pytest.mark.parametrize(("large", "small"), [pair for pair in product(LARGE, SMALL) if {*pair} <= {*QUICK}])
def test_pool_size_decides_on_fresh_runs(large, small, fresh):
    whole, parts = (
        {column: sample(fresh.of(key(variant, column))).mean for column in ("jaspar", "relevant")}
        for variant in (large, small)
    )
    assert parts["jaspar"] < whole["jaspar"]
    assert parts["relevant"] < HALF < whole["relevant"]


def holds_or_is_explained(judgement: Judgement) -> bool:
    """A claim has an explanation if, and only if, the runs do not bear it out."""
    failed = judgement.verdict in ("undecided", "not reproduced")
    return failed == bool(judgement.explanation or claims.statements()[judgement.criterion.id].explanation)


@pytest.mark.claim("POOL-1", "POOL-2", "POOL-3", "POOL-4", "NUM-1", "SIZE-*", "STRIDE-1")
@pytest.mark.claim("DEEP-1", "DEEP-2", "DEEP-3", "VIVO-*")
@pytest.mark.claim("ASM-3", "ASM-4", "ASM-5", "ASM-6", "ASM-7", "DISC-*")
@pytest.mark.parametrize("name", [claim.id for claim in DECIDED])
def test_a_trend_holds_on_the_committed_runs_or_its_failure_is_explained(name, judgements):
    judgement = judgements[name]
    assert holds_or_is_explained(judgement), [str(inequality) for inequality in judgement.evidence]
    if judgement.criterion in CLAIMS:
        assert_trend(judgement)
