"""Links of the pages lead to the runs that a text names, and to no others."""

import re
import sys
from importlib import import_module
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[1] / "docs"


@pytest.fixture(scope="module")
def links():
    sys.path.insert(0, str(DOCS))
    yield import_module("links")
    sys.path.remove(str(DOCS))


@pytest.mark.parametrize(
    ("task", "text", "places"),
    [
        ("synthetic", "CNN-2 and cnn-25 conv1", ["synthetic/cnn-2/released", "synthetic/cnn-25/released"]),
        ("chipseq", "CNN-2", ["chipseq/cnn-2/released"]),
        ("conditions", "CNN-2", ["synthetic/cnn-2/released"]),
        ("chipseq", "CNN-2 on pairs", ["synthetic-pairs/cnn-2/released"]),
        (
            "synthetic",
            "CNN-2 (exponential) on ChIP-seq, CNN-4 (exponential)",
            [
                "chipseq/cnn-2/released%2Bactivation=exponential",
                "synthetic/cnn-4/released%2Bactivation=exponential",
            ],
        ),
        ("synthetic", "CNN-25 (cubed ReLU) on pairs, CNN-100 on pairs, my-cnn-2, their CNN-2", []),
    ],
)
def test_a_label_leads_to_its_runs_or_nowhere(links, task, text, places):
    linked = links.named(text, task)
    assert re.findall(r'href="\.\./results/([^"]+)/index\.html"', linked) == places
    assert re.sub(r"<[^>]+>", "", linked) == text


def test_runs_under_a_figure_have_their_labels_in_the_order_of_their_numbers(links):
    figure = '<img alt="cnn-1; cnn-100; CNN9-4; cnn-2" ><figcaption>Shares.</figcaption>'
    shown = re.sub(r"<[^>]+>", "", links.in_computed(figure, "synthetic"))
    assert shown == "Shares. Runs: CNN-1, CNN-2, CNN9-4, CNN-100."
