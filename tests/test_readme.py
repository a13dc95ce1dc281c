"""The numbers and verdicts of the README, and of the page of results, are those of the committed runs."""

import re
import runpy
from dataclasses import replace
from pathlib import Path
from statistics import fmean

import pytest

from receptive.evidence import ablations, claims, predictions
from receptive.evidence.roster import DECIDED
from receptive.evidence.rules import HALF, key
from receptive.evidence.statistics import sample
from receptive.evidence.verdicts import compare, judge, judge_all
from receptive.networks.variants import LARGE, REGISTERED, SMALL
from receptive.protocols import CONTROL_READING, PAPER, RELEASED, protocol, with_other_reading
from receptive.report.tables import plus_minus
from receptive.theory.assembly import kind_of
from receptive.theory.fields import receptive_fields
from receptive.theory.layers import parse_layers
from receptive.theory.prediction import outcomes, predict

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
RUNNING = " ".join((README + (ROOT / "docs" / "results.md").read_text(encoding="utf-8")).split())


@pytest.mark.parametrize("variant", [*SMALL, *LARGE])
def test_the_table_has_the_numbers_of_the_runs_and_of_the_paper(variant, committed):
    cells = []
    for column in ("auroc", "jaspar", "relevant"):
        quoted, cell = sample(committed["synthetic"].of(key(variant, column))), claims.cell(variant, column)
        cells += [plus_minus(quoted.mean, quoted.sd), plus_minus(cell.mean, cell.sd)]
    row = f"| {variant.upper()} | {' | '.join(cells)} |".replace("±", " ± ")
    assert row in README.splitlines()


def test_how_many_published_numbers_agree(committed):
    cells = [cell for cell in claims.published_numbers() if cell.task == "synthetic"]
    comparisons = [compare(cell, committed["synthetic"].of(cell.key)) for cell in cells]
    missed = [judgement for judgement in comparisons if judgement.verdict != "reproduced"]
    assert {judgement.cell.column for judgement in missed} == {"jaspar"}
    words = ", ".join(
        f"{cell.variant.upper()} has {judgement.measured.mean:.3f} instead of {cell.mean:.3f}"
        for judgement, cell in ((judgement, judgement.cell) for judgement in missed)
    )
    agree = len(cells) - len(missed)
    assert f"{agree} of all {len(cells)} numbers of Table 1 and of the deeper layers agree" in RUNNING
    assert f"Two do not, both shares of filters that match anything in JASPAR: {words}" in RUNNING
    shown = sum(number.shown is True for number in comparisons)
    assert f"is shown of {shown}, by two one-sided tests at 5%; of the other {agree - shown}" in RUNNING
    apart = [number for number in comparisons if not number.difference.low <= 0 <= number.difference.high]
    assert f"Of the {len(cells)} intervals at 95%, {len(apart)} leave 0 out, two of them by less" in RUNNING
    assert len(apart) - len(missed) == 2
    assert f"chance would make {0.05 * len(cells):.0f} if" in RUNNING


def test_how_narrowly_pool_1_holds(committed, judgements):
    paired = judge(judgements["POOL-1"].criterion, replace(committed["synthetic"], by_trial=True))
    ends = [judgement.evidence[0].interval.high for judgement in (judgements["POOL-1"], paired)]
    assert f"the widest interval ends at {ends[0]:.3f}; with trials of one seed taken as pairs" in RUNNING
    also = "(and DISC-7 undecided, VIVO-4 in trend only)"
    assert f"it ends at {ends[1]:.3f}, and POOL-1 would be {paired.verdict} {also}" in RUNNING
    by_trial = {task: replace(results_, by_trial=True) for task, results_ in committed.items()}
    pairs = {judgement.criterion.id: judgement.verdict for judgement in judge_all(DECIDED, by_trial)}
    changed = {
        name: pairs[name] for name, judgement in judgements.items() if pairs[name] != judgement.verdict
    }
    assert changed == {"POOL-1": "undecided", "VIVO-4": "trend only", "DISC-7": "undecided"}


def test_no_claim_of_the_paper_is_contradicted(judgements):
    assert "*not reproduced* means contradicted, which no claim of the paper is" in RUNNING
    contradicted = {name for name, judgement in judgements.items() if judgement.verdict == "not reproduced"}
    (ours,) = re.findall(r"which no claim of the paper is; (.*?), are\.", RUNNING)
    assert {*re.findall(r"\b[A-Z]+-\d+\b", ours)} == contradicted
    sources = {name: claims.statements()[name].source for name in contradicted}
    assert {name for name, source in sources.items() if not source.startswith("Ours")} <= {"DISC-11"}
    assert all("registered in results/" in source for source in sources.values())


def test_the_example_of_a_prediction_came_true():
    (text,) = re.findall(r'receptive predict "([^"]+)"', README)
    first = predict(receptive_fields(parse_layers(text), 200))[0]
    names = {str(network): name for name, network in REGISTERED.items()}
    (came,) = (
        layer for layer in outcomes().layers if (layer.network, layer.view.name) == (names[text], "conv1")
    )
    assert kind_of(came.mean) == first.kind
    assert all(first.low <= trial <= first.high for trial in came.trials)
    assert abs(came.mean - came.forecast) < 0.05


def test_the_sentence_behind_vivo_1_holds(judgements):
    assert "VIVO-6 judges the sentence alone, and it holds" in RUNNING
    assert all(inequality.holds for inequality in judgements["VIVO-6"].evidence)
    assert judgements["VIVO-6"].verdict == "trend only"


def test_what_the_activation_does_to_cnn_2(committed):
    names = ("cnn-2", "cnn-2+activation=exponential")
    shares = [sample(committed["conditions"].of(key(name, "relevant"))).mean for name in names]
    assert f"match a motif of the task goes from {shares[0]:.2f} to {shares[1]:.2f}" in RUNNING


def test_the_activations_that_were_forecast_came_out_so(committed, judgements):
    assert judgements["DISC-10"].verdict == "reproduced"
    cube, *parts = (
        sample(committed["conditions"].of(key(f"cnn-2+activation={activation}", "relevant"))).mean
        for activation in ("cubed_relu", "gelu", "silu")
    )
    words = "the exponential ({:.2f}), GELU and SiLU leave the filters in parts ({:.2f} and {:.2f})"
    assert words.format(cube, *parts) in RUNNING


def test_the_step_with_pool_size_on_real_sequences(committed):
    chipseq = committed["chipseq"]
    small, large = ([sample(chipseq.of(key(v, "relevant"))).mean for v in group] for group in (SMALL, LARGE))
    words = (
        f"relevant: {min(small):.2f} to {max(small):.2f} of the filters with small pools, "
        f"{min(large):.2f} to {max(large):.2f} with large ones"
    )
    assert words in RUNNING


def test_what_trimming_does_to_the_matches_of_cnn_2():
    readings = (CONTROL_READING, protocol("released", trim_bits=None))
    pairs = [(variant, reading) for variant in ("cnn-2", "cnn-25") for reading in readings]
    trimmed, whole, *localist = ablations.rows(ROOT / "results", pairs)
    jaspar, relevant = (
        [fmean(row.values[column].values()) for row in (trimmed, whole)] for column in ("jaspar", "relevant")
    )
    words = (
        f"{jaspar[0]:.2f} of the filters match any JASPAR motif trimmed and {jaspar[1]:.2f} untrimmed, while "
        f"{relevant[0]:.2f} and {relevant[1]:.2f} match a relevant one; CNN-25's shares do not change"
    )
    assert localist[0].values == localist[1].values
    assert words in RUNNING
    assert {len(row.values["auroc"]) for row in (trimmed, whole)} == {3}


def test_the_protocol_of_the_text():
    pairs = [
        (variant, chosen)
        for variant in ablations.BY_THE_PAPER
        for chosen in (PAPER, with_other_reading(PAPER))
    ]
    trials = {
        (row.variant, row.protocol): row.values["relevant"].values()
        for row in ablations.rows(ROOT / "results", pairs)
    }
    assert {len(trial) for trial in trials.values()} == {3}
    shares = {pair: fmean(shares_) for pair, shares_ in trials.items()}
    small, large = (
        [share for (variant, chosen), share in shares.items() if variant in group and chosen != PAPER]
        for group in (SMALL, LARGE)
    )
    words = (
        f"at most {max(small):.2f} relevant filters, read as the code reads them, and those with pools from "
        f"10 at least {min(large):.2f}. Read as the text says it is {shares['cnn-4', PAPER]:.2f} in CNN-4"
    )
    assert words in RUNNING
    assert shares["cnn-4", PAPER] > HALF > max(small)


def test_cnn_50_2_in_both_sizes():
    pairs = [("cnn-50-2", RELEASED), ("cnn-50-2", protocol("released", cnn_50_2="full"))]
    small, large = (row.values for row in ablations.rows(ROOT / "results", pairs))
    published = claims.cell("cnn-50-2", "auroc")
    words = (
        f"an AU-ROC of {fmean(large['auroc'].values()):.3f} (three trials), as released with "
        f"{fmean(small['auroc'].values()):.3f}; published is {published.mean:.3f}"
    )
    assert words in RUNNING
    assert f"Of the large one {fmean(large['relevant'].values()):.3f} of the filters" in RUNNING
    assert published
    verdicts = [compare(published, list(entry["auroc"].values())).verdict for entry in (small, large)]
    assert verdicts == ["reproduced", "not reproduced"]


def test_the_score_of_the_registered_predictions(committed):
    score = predictions.score(committed["synthetic"])
    assert f"{score.hits} of {len(score.outcomes)} networks fell in the predicted class" in RUNNING
    alone = score.baseline
    words = (
        f"off by {alone.error:.3f} on average (the predicted number: {score.error:.3f}), with a rank "
        f"correlation of {alone.rho:.2f} ({-score.rho.estimate:.2f}) and {alone.hits} networks in their "
        f"class ({score.hits})"
    )
    assert words in RUNNING


def test_the_lists_of_claims_have_their_verdicts(judgements):
    verdicts = {name: judgement.verdict for name, judgement in judgements.items()}
    with_lists = runpy.run_path(str(ROOT / "tools" / "refresh.py"))["with_lists"]
    assert with_lists(README, verdicts) == README, "python tools/refresh.py makes them anew"
