"""The pages in a browser, with the network off (``tox -e browser``, after ``tox -e docs``)."""

import re
import shutil
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

HTML = Path(__file__).parent.parent / "docs" / "_build" / "html"
NOT_OURS = {"genindex", "search", "py-modindex", "permalink"}
PAGES = sorted(
    path
    for path in HTML.rglob("*.html")
    if path.stem not in NOT_OURS and not {"_modules", "results"} & {*path.parent.relative_to(HTML).parts}
)
RUNS = HTML / "results"
PAGES += [  # one of each kind: the list, trials, a run of one layer, of several, with epochs kept
    RUNS / "index.html",
    RUNS / "synthetic/cnn-1/released/index.html",
    RUNS / "synthetic/cnn-25/released/trial-0/index.html",
    RUNS / "synthetic/cnn-1/released/trial-0/index.html",
    *[path.parent / "index.html" for path in sorted(RUNS.rglob("epochs.npz"))[:1]],
]
WIDTHS = {"desktop": 1280, "phone": 390}

pytestmark = pytest.mark.browser
every_page = pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(HTML)))


@pytest.fixture(scope="session")
def browser():
    from playwright.sync_api import sync_playwright

    executable = shutil.which("chromium") or shutil.which("chromium-browser")
    assert executable, "no chromium on the path; Debian has it as the package chromium"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="session", params=list(WIDTHS))
def window(request, browser):
    """A browser window of one width, in which nothing but files can be reached."""
    context = browser.new_context(viewport={"width": WIDTHS[request.param], "height": 900}, offline=True)
    yield context.new_page()
    context.close()


def test_the_pages_are_built():
    assert PAGES, f"no pages in {HTML}: build them by tox -e docs"


@every_page
def test_a_page_shows_as_it_should(page, window):
    """No error, no request elsewhere, math typeset, pictures there and described, nothing too wide."""
    troubles, requests = [], []
    heard = {
        "console": lambda message: message.type == "error" and troubles.append(message.text),
        "pageerror": lambda error: troubles.append(str(error)),
        "request": lambda request: requests.append(request.url),
    }
    for event, listener in heard.items():
        window.on(event, listener)
    try:
        window.goto(page.as_uri(), wait_until="load")
        window.wait_for_function(
            "() => [...document.querySelectorAll('.math')].every((it) => it.querySelector('mjx-container'))",
            timeout=60_000,
        )
        shown = window.evaluate(
            """() => {
                const all = (selector) => [...document.querySelectorAll(selector)];
                return {
                    width: document.documentElement.scrollWidth, window: window.innerWidth,
                    wrong: all('mjx-merror').length,
                    broken: all('img').filter((image) => !image.naturalWidth).map((image) => image.alt),
                    nameless: all('img').filter((image) => !image.alt.trim()).length,
                    headings: all('h1').length,
                };
            }"""
        )
    finally:
        for event, listener in heard.items():
            window.remove_listener(event, listener)
    assert troubles == []
    assert [url for url in requests if not url.startswith(("file:", "data:", "blob:"))] == []
    assert shown["width"] <= shown["window"], "scrolls sideways"
    assert shown | {"width": 0, "window": 0} == {
        "width": 0, "window": 0, "wrong": 0, "broken": [], "nameless": 0, "headings": 1,
    }  # fmt: skip


@every_page
def test_a_page_asks_nothing_of_another_host_and_its_links_lead_somewhere(page):
    text = page.read_text(encoding="utf-8")
    loaded = re.findall(r'<(?:script|img|iframe|source)[^>]+src="([^"]+)"|<link[^>]+href="([^"]+)"', text)
    assert [url for pair in loaded for url in pair if re.match(r"(https?:)?//", url)] == []
    for url in re.findall(r'<a [^>]*href="([^"]+)"', text):
        parts = urlsplit(url)
        if parts.scheme or not parts.path:
            continue
        target = (page.parent / unquote(parts.path)).resolve()
        assert target.is_file(), url
        if parts.fragment and target.suffix == ".html" and target.stem not in NOT_OURS:
            assert f'id="{unquote(parts.fragment)}"' in target.read_text(encoding="utf-8"), url


def test_the_matrix_can_be_filtered(window):
    window.goto((HTML / "spec" / "matrix.html").as_uri())
    rows = window.locator(".matrix tbody tr:visible")
    every = rows.count()
    window.fill(".matrix-filter input", "pool")
    assert 0 < rows.count() < every
    window.fill(".matrix-filter input", "")
    window.select_option(".matrix-filter select", label="⊢ tested")
    assert 0 < rows.count() < every
    assert set(window.locator(".matrix tbody tr:visible td:nth-child(4)").all_inner_texts()) == {"⊢ tested"}


def test_a_run_page_draws_every_filter(window):
    window.goto((RUNS / "synthetic/cnn-25/released/trial-0/index.html").as_uri())
    drawn = window.locator("svg[data-logo]")
    assert drawn.count() == 30
    assert all(drawn.evaluate_all("(them) => them.map((svg) => svg.querySelectorAll('use').length > 4)"))


CLICKS = {  # where a number stands, and the network whose trials it is the mean of
    "spec/matrix.html": ('//tr[td[1][normalize-space()="T1-5"]]/td[3]//a', "synthetic/cnn-25"),
    "spec/pool-size.html": ('[id="POOL-3"] li a', "synthetic/cnn-1"),
    "spec/in-vivo.html": ('[id="VIVO-3"] li a', "chipseq/cnn-1"),
    "spec/prediction.html": ('//td[.="conv19 pool1 conv1 pool100"]/a', "synthetic/cnn-pool1-conv1"),
    "docs/results.html": ('//tr[td[1][normalize-space()="T1-5"]]/td[5]//a', "synthetic/cnn-25"),
}


@pytest.mark.parametrize("page", CLICKS)
def test_a_measured_number_leads_to_its_trials_in_one_click(page, window):
    place, network = CLICKS[page]
    window.goto((HTML / page).as_uri())
    address = window.locator(place).first.evaluate("(link) => link.href", timeout=5_000)
    assert address.endswith(f"/results/{network}/released/index.html")
    window.goto(address)
    assert window.locator("tbody a").count() >= 3
