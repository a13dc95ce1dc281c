"""The pages in a browser, with the network off (``tox -e browser``, after ``tox -e docs``)."""

import base64
import random
import re
import shutil
from pathlib import Path
from urllib.parse import unquote, urlsplit

import explorers
import pytest

from receptive.evidence.studies import Epochs, read_record
from receptive.motifs import tomtom
from receptive.motifs.jaspar import jaspar_2016
from receptive.motifs.meme import read_meme
from receptive.replication import runs
from receptive.theory import prediction, toy
from receptive.theory.fields import receptive_fields
from receptive.theory.layers import parse_layers

ROOT = Path(__file__).parent.parent
HTML = ROOT / "docs" / "_build" / "html"
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
every_page_but_the_way_in = pytest.mark.parametrize(
    "page",
    [page for page in PAGES if page != HTML / "index.html"],  # which leads on to docs/index.html
    ids=lambda path: str(path.relative_to(HTML)),
)


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
    """No error, no request elsewhere, math typeset, pictures there and described, nothing too wide.

    What a command prints may be wide on a page of the manual, as it is in a terminal.
    """
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
        window.wait_for_selector("h1", state="attached")  # the way in leads on to a page that has one
        window.wait_for_load_state("load")
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
                    cut: all(location.pathname.includes('/spec/') ? 'div.cell pre' : 'div.cell_input pre')
                        .filter((it) => it.innerText)
                        .filter((it) => it.scrollWidth > it.clientWidth + 1)
                        .map((it) => it.innerText.slice(0, 80)),
                };
            }"""
        )
    finally:
        for event, listener in heard.items():
            window.remove_listener(event, listener)
    assert troubles == []
    assert [url for url in requests if not url.startswith(("file:", "data:", "blob:"))] == []
    assert shown["width"] <= shown["window"], "scrolls sideways"
    assert shown["window"] < WIDTHS["desktop"] or shown["cut"] == [], "code or output is cut off at the right"
    assert shown | {"width": 0, "window": 0, "cut": []} == {
        "width": 0, "window": 0, "wrong": 0, "broken": [], "nameless": 0, "headings": 1, "cut": [],
    }  # fmt: skip


@every_page_but_the_way_in
def test_every_cell_that_is_seen_shows_what_came_of_it(page, window):
    """No code that prints nothing, and no "Show the code" without anything below it."""
    window.goto(page.as_uri())
    silent = window.evaluate(
        """() => [...document.querySelectorAll("div.cell")]
            .filter((it) => !it.querySelector(".cell_output") && it.offsetHeight)
            .filter((it) => it.querySelector(".cell_input, details.hide"))
            .map((it) => it.innerText.slice(0, 80))"""
    )
    assert silent == []


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


def opened(window, page):
    """Open a page, and all that is folded away on it."""
    window.goto(page.as_uri())
    window.evaluate("() => document.querySelectorAll('details').forEach((it) => (it.open = true))")


@every_page_but_the_way_in
def test_text_in_pictures_can_be_read(page, window):
    """At least 9 pixels high, in pictures (matplotlib writes outlines with a scale) and in what moves."""
    opened(window, page)
    pictures = window.evaluate(
        """() => [...document.querySelectorAll("figure.picture img")]
            .filter((it) => it.clientWidth)
            .map((it) => [
                it.alt.slice(0, 60), it.clientWidth, it.closest("figure").clientWidth, it.src,
                parseFloat(getComputedStyle(it).getPropertyValue("--legible"))])"""
    )
    small = []
    for what, width, room, source, legible in pictures:
        assert width + 1 >= legible, what
        assert window.viewport_size["width"] == WIDTHS["phone"] or width <= room + 1, f"{what}: scrolls"
        kind, _, data = source.partition(";base64,")
        if kind == "data:image/svg+xml":
            drawn = base64.b64decode(data).decode()
            (units,) = re.findall(r'viewBox="0 0 ([\d.]+)', drawn)
            scales = re.findall(r"<!-- .+? -->\s*<g[^>]*scale\(([\d.]+) -", drawn)
            assert scales or "Sequence logo" in what, what
            small += [what for scale in scales if 100 * float(scale) * width / float(units) < 8.95]
    assert small == []
    sizes = window.evaluate(
        """() => [...document.querySelectorAll("svg[viewBox] text")].map((it) => {
            const svg = it.closest("svg");
            const scale = svg.clientWidth / svg.viewBox.baseVal.width;
            return scale && scale * parseFloat(getComputedStyle(it).fontSize);
        }).filter((size) => size)"""
    )
    assert min(sizes, default=9) >= 8.95


@every_page_but_the_way_in
def test_what_goes_on_to_the_right_fades_there_until_its_end_is_in_view(page, window):
    """No table scrolls on a desktop; on a phone one sees of everything that scrolls that it does.

    An audit may have as many columns as its network has classes.
    """
    opened(window, page)
    on_a_phone = window.viewport_size["width"] == WIDTHS["phone"]
    fades = window.evaluate(
        """async (skipped) => {
            const scrolls = [...document.querySelectorAll("article *, .scroll, body > pre")]
                .filter((it) => it.clientWidth && it.scrollWidth > it.clientWidth + 1 && !it.matches(skipped))
                .filter((it) => ["auto", "scroll"].includes(getComputedStyle(it).overflowX));
            const fade = (it) => getComputedStyle(it).getPropertyValue("--fade");
            const frame = () => new Promise(requestAnimationFrame);
            const drawn = () => frame().then(frame);
            await drawn();
            const before = scrolls.map(fade);
            scrolls.forEach((it) => (it.scrollLeft = it.scrollWidth));
            await drawn();
            return scrolls.map((it, n) => [it.tagName + "." + it.className, before[n], fade(it)]);
        }""",
        "none" if on_a_phone else "pre, pre *",
    )
    assert [name for name, before, _ in fades if before == "0px"] == []
    assert [name for name, _, after in fades if after != "0px"] == []
    assert on_a_phone or "audits" in page.parts or fades == []


@every_page_but_the_way_in
def test_no_word_in_a_table_is_broken(page, window):
    opened(window, page)
    broken = window.evaluate(
        """() => [...document.querySelectorAll("td, th")].filter((it) => it.offsetParent).flatMap((cell) => {
            const texts = document.createTreeWalker(cell, NodeFilter.SHOW_TEXT), broken = [];
            while (texts.nextNode()) {
                const text = texts.currentNode, range = document.createRange();
                if (text.parentElement.closest("code, script")) continue;
                for (const word of text.data.matchAll(/[\\w.±]+/g)) {
                    range.setStart(text, word.index);
                    range.setEnd(text, word.index + word[0].length);
                    const boxes = [...range.getClientRects()].filter((box) => box.width);
                    if (new Set(boxes.map((box) => Math.round(box.top))).size > 1) broken.push(word[0]);
                }
            }
            return broken;
        })"""
    )
    assert broken == []


@pytest.mark.parametrize(("chosen", "system"), [("dark", "light"), ("light", "dark"), ("auto", "dark")])
def test_a_run_page_has_the_theme_that_was_chosen_elsewhere(chosen, system, window):
    window.emulate_media(color_scheme=system)
    window.goto((HTML / "docs" / "index.html").as_uri())
    window.evaluate("(theme) => localStorage.setItem('theme', theme)", chosen)
    window.goto((RUNS / "synthetic/cnn-25/released/trial-0/index.html").as_uri())
    try:
        paper, ink = window.evaluate(
            """() => { const style = getComputedStyle(document.body);
                return [style.backgroundColor, style.color].map((it) => +it.match(/\\d+/)[0]); }"""
        )
        assert (paper < ink) == ((system if chosen == "auto" else chosen) == "dark")
    finally:
        window.evaluate("() => localStorage.removeItem('theme')")
        window.emulate_media(color_scheme="light")


def test_every_published_number_leads_to_its_place_in_the_paper(window):
    window.goto((HTML / "spec" / "matrix.html").as_uri())
    cells = window.locator(".matrix tbody tr td:nth-child(5)")
    linked = bare = 0
    for text, links, left in cells.evaluate_all(
        """(them) => them.map((it) => {
            const links = [...it.querySelectorAll("a.paper")].map((link) => link.href);
            it.querySelectorAll("a").forEach((link) => link.remove());
            return [it.textContent, links, it.textContent];
        })"""
    ):
        assert text == left
        linked += len(links)
        bare += bool(re.search(r"\d\.\d", left))
        assert all(re.match(r"https://(doi\.org|journals\.plos\.org)/", link) for link in links)
    assert linked > 60
    assert bare == 0


def test_the_code_of_every_claim_leads_to_what_judges(window):
    window.goto((HTML / "spec" / "matrix.html").as_uri())
    rows = window.locator(".matrix tbody tr").evaluate_all(
        """(them) => them.map((it) => [it.children[0].textContent.trim(),
            it.lastElementChild.querySelectorAll("code").length,
            [...it.lastElementChild.querySelectorAll("a:has(code)")].map((link) => link.href)])"""
    )
    assert len(rows) > 90
    assert [name for name, codes, links in rows if not codes or codes != len(links)] == []
    by_name = {name: links for name, _, links in rows}
    (judge,) = [link for link in by_name["POOL-3"] if "receptive.evidence.rules" in link]
    window.goto(judge)
    assert window.locator(f'[id="{urlsplit(judge).fragment}"]').is_visible()


def test_the_number_of_the_audit_leads_to_its_page_in_one_click(window):
    window.goto((HTML / "docs" / "audit.html").as_uri())
    link = window.locator("a[href*='_static/audits/basset']").first
    window.goto(link.evaluate("(link) => link.href"))
    assert "basset" in window.content().lower()


CLICKS = {  # where a number stands, and the network whose trials it is the mean of
    "spec/matrix.html": ('//tr[td[1][normalize-space()="T1-5"]]/td[3]//a', "synthetic/cnn-25"),
    "spec/pool-size.html": ('[id="POOL-3"] li a', "synthetic/cnn-1"),
    "spec/in-vivo.html": ('[id="VIVO-3"] li a', "chipseq/cnn-1"),
    "spec/prediction.html": ('//p//a[.="cnn-pool1-conv1"]', "synthetic/cnn-pool1-conv1"),
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


def set_controls(form, **values):
    """Move the controls of an explorer; return what it says then."""
    return form.evaluate(
        """(form, values) => {
            for (const [name, value] of Object.entries(values)) {
                form.elements[name].value = value;
                form.elements[name].dispatchEvent(new Event("input", { bubbles: true }));
            }
            return form.querySelector(".said").textContent;
        }""",
        values,
    )


def open_explorer(window, page, name):
    window.goto((HTML / page).as_uri())
    form = window.locator(f"form[data-explorer={name}]")
    assert form.is_visible()
    return form


EXPLORERS = {
    "toy": "spec/pooling.html",
    "filters": "spec/pool-size.html",
    "epochs": "spec/discussion.html",
    "fields": "spec/receptive-fields.html",
    "architecture": "spec/prediction.html",
}


@pytest.mark.parametrize("name", EXPLORERS)
def test_every_control_of_an_explorer_has_a_name_and_moves_by_keyboard(name, window):
    form = open_explorer(window, EXPLORERS[name], name)
    assert form.get_attribute("aria-label")
    requests = []
    window.on("request", lambda request: requests.append(request.url))
    controls = form.locator("input, select")
    for number in range(controls.count()):
        control = controls.nth(number)
        assert control.evaluate("(it) => it.labels.length === 1 && it.labels[0].textContent.trim() !== ''")
        ends = "(it) => [it, it.closest('label')].map((each) => each.getBoundingClientRect().right)"
        end, room = control.evaluate(ends)
        assert end <= room + 1, control.get_attribute("name")
        before = control.input_value()
        control.focus()
        for key in ("ArrowUp", "ArrowDown", "Backspace"):
            window.keyboard.press(key)
            if control.input_value() != before:
                break
        assert control.input_value() != before, control.get_attribute("name")
        assert form.locator(".said").inner_text()
    assert requests == []


def test_the_toy_says_what_the_library_says(window):
    form = open_explorer(window, EXPLORERS["toy"], "toy")
    choose = random.Random(0)
    for _ in range(40):
        pool = choose.randint(1, 20)
        stride, width, apart = (
            choose.randint(1, pool),
            choose.choice([1, 2, 3, 4, 5, 6, None]),
            choose.randint(4, 8),
        )
        row, phase = choose.randrange(3), choose.randrange(stride)
        names = ["CACGTG", "GTGCAC", f"CAC{'N' * (apart - 3)}GTG"]
        patterns = [toy.parse_pattern(name) for name in names]
        said = set_controls(form, pool=pool, stride=stride, width=6 if width is None else width - 1,
                            distance=apart - 4, pattern=row, phase=phase)  # fmt: skip
        seen = [toy.views(toy.signature(patterns[row], at, pool, stride), width) for at in range(stride)]
        others = {
            name: toy.signatures(pattern, pool, stride, width)
            for name, pattern in zip(names, patterns, strict=True)
            if name != names[row]
        }
        known = sum(all(view not in given for given in others.values()) for view in seen)
        like = [name for name, given in others.items() if seen[phase] in given]
        now = f"it may as well be {' or '.join(like)}" if like else "it is known"
        bits = [toy.information(patterns, pool, stride, view_width) for view_width in (width, None)]
        assert said == (
            f"{names[row]} is known in {known} of {stride} phases. In this phase {now}. Bits about "
            f"which of the three it is: {bits[0]:.2f} through the filter, {bits[1]:.2f} in the map."
        )


def test_a_pattern_of_the_toy_can_be_dragged(window):
    form = open_explorer(window, EXPLORERS["toy"], "toy")
    assert form.locator("svg[role=img]").get_attribute("aria-label") == form.locator(".said").inner_text()
    form.locator("svg").scroll_into_view_if_needed()
    box = form.locator("svg").bounding_box()
    window.mouse.move(box["x"] + box["width"] / 2, box["y"] + 10)
    window.mouse.down()
    window.mouse.move(box["x"] + box["width"] - 10, box["y"] + 10)
    window.mouse.up()
    assert form.locator("[name=phase]").input_value() == "2"


def test_filters_match_as_often_as_tomtom_says(window):
    form = open_explorer(window, EXPLORERS["filters"], "filters")
    names = form.locator("[name=layer] option").all_inner_texts()
    steps = form.locator("[name=step]").get_attribute("data-words").split("|")
    choose = random.Random(0)
    for number, (words, name, layer) in enumerate(choose.sample(explorers.SHOWN, 4)):
        trial, step = choose.randrange(3), steps[choose.randrange(3, len(steps))] if number else "0.1"
        said = set_controls(form, layer=names.index(words), trial=trial, step=steps.index(step))
        folder = ROOT / "results" / "synthetic" / name / "released" / f"trial-{trial}"
        matches = tomtom.match(read_meme(folder / f"{layer}.meme"), jaspar_2016(), float(step))
        run = runs.load(folder)
        shares = runs.summary(matches, run.plan.classes)
        if step == "0.1":
            assert shares.jaspar == run.filters[layer].jaspar
        numbers = [shares.jaspar, shares.jaspar_without_gmeb1, shares.relevant]
        counts = [round(share * len(matches)) for share in numbers]
        assert [int(number) for number in re.findall(r"\d+", said.replace("Gmeb1", ""))] == [
            len(matches),
            *counts,
        ]
        assert form.locator(".meters b").all_inner_texts() == [f"{share:.3f}" for share in numbers]
        assert form.locator(".logos li:not(.no)").count() == counts[0]
        assert form.locator(".logos strong").count() == counts[2]
        assert (
            form.locator(".stage a")
            .evaluate("(link) => link.href")
            .endswith(f"/results/synthetic/{name}/released/trial-{trial}/index.html")
        )
        drawn = form.locator(".logos svg").first
        assert drawn.get_attribute("viewBox") != set_whole(form, drawn)
        set_controls(form, whole=0)


def test_filters_over_epochs_are_what_was_kept(window):
    form = open_explorer(window, EXPLORERS["epochs"], "epochs")
    names = form.locator("[name=network] option").all_inner_texts()
    assert "CNN-2, exponential" in names
    for number in range(len(names)):
        set_controls(form, network=number)
        page = unquote(form.locator(".stage a").evaluate("(link) => link.href")).partition("/html/")[2]
        kept = read_record(ROOT / Path(page).parent, Epochs)
        for step, epoch in enumerate(kept.epoch):
            said = set_controls(form, step=step)
            factors, n = kept.factor[step], len(kept.factor[step])
            when = f"After epoch {epoch}" if epoch else "Before training"
            any_, relevant = sum(kept.matches[step]), sum(map(bool, factors))
            assert said == (
                f"{when} the loss is {kept.loss[step]:.3f}. Of {n} filters {any_} match a motif of JASPAR, "
                f"{relevant} a relevant one; a filter holds {sum(kept.bits[step]) / n:.1f} bits on average."
            )
            assert form.locator("output").inner_text() == str(epoch)
            assert form.locator(".logos strong").all_inner_texts() == [factor for factor in factors if factor]
            assert form.locator(".logos li:not(.no)").count() == any_
            assert float(form.locator(".meters b").last.inner_text()) == round(kept.relevant(step), 3)
    # A network with fewer epochs does not leave the slider beyond its end.
    assert form.locator("[name=step]").get_attribute("max") == str(len(kept.epoch) - 1)


def set_whole(form, drawn):
    set_controls(form, whole=1)
    return drawn.get_attribute("viewBox")


@pytest.mark.parametrize("name", ["fields", "architecture"])
def test_architectures_say_what_the_library_says(name, window):
    form = open_explorer(window, EXPLORERS[name], name)
    choose = random.Random(0)
    for _ in range(30):
        pool = choose.choice(explorers.POOL)
        stride, taps = choose.choice(explorers.strides(pool)), choose.choice(explorers.TAPS)
        filter, dilation = choose.choice(explorers.FILTER), choose.choice(explorers.DILATION)
        layers = (filter, pool, stride, taps, dilation)
        neurons = receptive_fields(parse_layers(explorers.layers_of(*layers)), 200).rows[-1].length
        pool_2 = choose.choice([size for size in explorers.POOL_2 if size <= neurons])
        taps_3, dilation_3 = choose.choice(explorers.TAPS_3), choose.choice(explorers.DILATION)
        said = set_controls(
            form,
            filter=explorers.FILTER.index(filter),
            pool=explorers.POOL.index(pool),
            stride=explorers.strides(pool).index(stride),
            taps=explorers.TAPS.index(taps),
            dilation=explorers.DILATION.index(dilation),
            pool_2=explorers.POOL_2.index(pool_2),
            taps_3=explorers.TAPS_3.index(taps_3),
            dilation_3=explorers.DILATION.index(dilation_3),
        )
        written = explorers.layers_of(*layers, pool_2, taps_3, dilation_3)
        assert form.locator("[name=layers]").input_value() == written
        fields = receptive_fields(parse_layers(written), 200)
        assert form.locator("rect.field:not(.beside)").count() == len(fields.rows)
        for row in fields.rows[1:]:
            sees = f"A neuron of {row.name} sees {row.size} positions, {row.overlap} of them with its"
            assert f"{sees} neighbour, and leaves {row.uncertainty} open." in said
        if name == "architecture":
            expected = prediction.predict(fields)[0]
            assert f"Bits about the offset of two parts: {expected.bits:.3f}." in said
            if expected.outside:
                assert f"No prediction: {expected.outside}." in said
            else:
                assert f"{expected.curve:.2f} of the first filters relevant, " in said
                assert f"{expected.low:.2f} to {expected.high:.2f}." in said


OFF = ["none", "none", "1"]  # second pool, third filter, its dilation


def test_a_network_that_is_chosen_sets_the_numbers_and_its_dot_leads_to_its_runs(window):
    form = open_explorer(window, EXPLORERS["architecture"], "architecture")
    form.locator("[name=network]").select_option(label="CNN-50-2")
    assert form.locator("output").all_inner_texts() == ["19", "50", "2", "5", "1", *OFF]
    set_controls(form, pool_2=explorers.POOL_2.index(50))
    assert form.locator("[name=network] option:checked").inner_text() == "CNN-50-2"
    set_controls(form, taps_3=1)
    assert form.locator("[name=network] option:checked").inner_text() == "another"
    form.locator("[name=network]").select_option(label="CNN-50-2")
    assert form.locator("output").all_inner_texts() == ["19", "50", "2", "5", "1", *OFF]
    set_controls(form, taps=0)
    assert form.locator("[name=network] option:checked").inner_text() == "another"
    dot = form.locator("a[aria-label^='CNN-25:']")
    assert dot.evaluate("(it) => it.href.baseVal") == "../results/synthetic/cnn-25/released/index.html"
    dot.focus()
    window.keyboard.press("Enter")
    window.wait_for_url("**/cnn-25/released/index.html")


@pytest.mark.parametrize("name", ["fields", "architecture"])
def test_a_network_can_be_typed(name, window):
    form = open_explorer(window, EXPLORERS[name], name)
    numbers, said, text = form.locator("output"), form.locator(".said"), form.locator("[name=layers]")
    assert text.input_value() == "conv19 pool2 conv5"
    for typed, expected in (
        ("conv9 pool4s2same conv3d2", ["9", "4", "2", "3", "2", *OFF]),
        (" CONV19  pool50s2same conv5 pool50", ["19", "50", "2", "5", "1", "50", "none", "1"]),
        ("conv9 pool2 conv5 pool4 conv3d2", ["9", "2", "2", "5", "1", "4", "3", "2"]),
        ("conv19 pool1 conv5 conv9", ["19", "1", "1", "5", "1", "none", "9", "1"]),
        ("conv3 pool100 conv1 pool2", ["3", "100", "100", "1", "1", "2", "none", "1"]),
        ("conv3 pool100 conv1", ["3", "100", "100", "1", "1", *OFF]),
    ):
        text.fill(typed)
        assert numbers.all_inner_texts() == expected
        assert text.input_value() == typed
        for row in receptive_fields(parse_layers(typed.lower()), 200).rows[1:]:
            sees = f"A neuron of {row.name} sees {row.size} positions, {row.overlap} of them"
            assert sees in said.inner_text()
    for typed in (
        "conv19 pool3x conv5",
        "conv7 pool2 conv5",
        "nonsense",
        "conv19 pool4s4same conv5",
        "conv19 pool4s2 conv5",
        "conv19 pool100 conv5 pool4",
        "conv19 pool2 conv5 pool3",
        "conv19 pool2 conv5 pool2 conv5 pool2",
        "",
    ):
        text.fill(typed)
        assert numbers.all_inner_texts() == expected
        assert f'"{typed}" cannot be shown here' in said.inner_text()
        assert "Still shown: conv3 pool100 conv1." in said.inner_text()
    set_controls(form, taps=2)
    assert text.input_value() == "conv3 pool100 conv3"
    form.locator("[name=network]").select_option(label="CNN-50-2")
    assert text.input_value() == "conv19 pool50s2same conv5"


@pytest.mark.parametrize("name", ["toy", "filters"])
def test_the_still_figure_stands_on_paper_and_the_moving_one_on_the_screen(name, window):
    form = open_explorer(window, EXPLORERS[name], name)
    still = window.locator("figure.still")
    assert (form.is_visible(), still.is_visible()) == (True, False)
    window.emulate_media(media="print")
    assert (form.is_visible(), still.is_visible()) == (False, True)
    window.emulate_media(media="screen")
