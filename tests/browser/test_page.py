"""The page of a report in a browser: it filters and sorts, loads nothing, and is accessible."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.report.finding_cases import by_hand
from tests.report.test_bounded_reports import hostile, report
from tests.warm import started

webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
axe = pytest.importorskip("axe_core_python", reason="axe-core-python is not installed")
pytest.importorskip("jinja2", reason="the extra `report` is not installed")
CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM or not DRIVER, reason="no chromium or no chromedriver here"),
]
EXAMPLE = Path(__file__).parents[2] / "docs" / "example"
ARGUMENTS = (
    *("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Chromium without a window."""
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for argument in ARGUMENTS:
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    from selenium.webdriver.chrome.service import Service

    driver = webdriver.Chrome(options=options, service=Service(DRIVER))
    driver.set_script_timeout(100)
    yield driver
    driver.quit()


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page with findings of both kinds, one of them with names that try what they can."""
    from pff_stream.report.formats.html import Html

    path = tmp_path_factory.mktemp("page") / "page.html"
    found = [*by_hand(0.9, 0.8, 0.7, 0.6), hostile()]
    path.write_text(report(Html(), found, ["gone"], reason="5 violations"), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of a run over documents, with all sections, sources of a hostile document, too."""
    folder = tmp_path_factory.mktemp("whole")
    name = '<script>alert(1)</script>"onload=\u202ejavascript:x'
    document = {"id": name, "likes": [name + "y", "z" * 65536], "knows": ["http://javascript:y"]}
    (folder / "hostile.json").write_text(json.dumps(document, indent=1, ensure_ascii=False))
    (folder / "m.yaml").write_text(
        f"tasks:\n- one: {EXAMPLE / 'umls_document.json'}\n- two: hostile.json\n- three: gone\n"
    )
    rules = (EXAMPLE / "umls_rules.tsv").read_text() + "9\t8\t0.9\tknows(X,Y) <= likes(X,Y)\n"
    (folder / "rules.tsv").write_text(rules)
    asked = ["--manifest", "m.yaml", "--rules", "rules.tsv", "--report", "page.html"]
    done = started(["run", *asked], folder=folder)
    assert done.returncode == 4, done.stderr
    return folder / "page.html"


@pytest.fixture(scope="module")
def planned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The picture of a plan."""
    folder = tmp_path_factory.mktemp("planned")
    given = [str(EXAMPLE / "umls_rules.tsv"), str(EXAMPLE / "umls_document.json")]
    done = started(["plan", *given, "--report", "plan.html"], folder=folder)
    assert done.returncode == 0, done.stderr
    return folder / "plan.html"


def shown(browser: Any) -> list[str]:
    """The scores of the rows that can be seen, from above."""
    script = """return [...document.querySelectorAll('#table tbody tr')]
        .filter((row) => !row.hidden).map((row) => row.cells[0].textContent.trim())"""
    return list(browser.execute_script(script))


def test_it_filters_and_sorts(browser: Any, page: Path) -> None:
    """By words, by kind and by column, up and down."""
    from selenium.webdriver.support.ui import Select

    browser.get(page.as_uri())
    assert shown(browser) == ["0.900", "0.800", "0.700", "0.600", "0.500"]
    search = browser.find_element("id", "search")
    search.send_keys("expected b2")
    assert shown(browser) == ["0.700"]
    assert browser.find_element("id", "shown").text == "1 of 5"
    search.clear()
    browser.execute_script("arguments[0].dispatchEvent(new Event('input'))", search)
    kind = Select(browser.find_element("id", "kind"))
    kind.select_by_visible_text("absent")
    assert shown(browser) == ["0.800", "0.600"]
    kind.select_by_visible_text("all")
    score = browser.find_element("css selector", "#table th button")
    score.click()
    assert shown(browser)[0] == "0.900"
    score.click()
    assert shown(browser)[0] == "0.500"


@pytest.mark.parametrize("width", [390, 1200])
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("which", ["whole", "planned"])
def test_they_are_quiet_and_accessible(
    browser: Any, request: pytest.FixtureRequest, which: str, scheme: str, width: int
) -> None:
    """No error, no request but for itself; axe finds nothing, narrow or wide, light or dark."""
    page: Path = request.getfixturevalue(which)
    browser.set_window_size(width, 1200)
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
    browser.get_log("performance")
    browser.get(page.as_uri())
    sent = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    urls = [
        one["params"]["request"]["url"]
        for one in sent
        if one["method"] == "Network.requestWillBeSent"
    ]
    assert urls == [page.as_uri()]
    assert browser.get_log("browser") == []
    wide = browser.execute_script("return document.documentElement.scrollWidth > innerWidth")
    assert not wide
    script = next(Path(axe.__file__).parent.rglob("axe.min.js")).read_text(encoding="utf-8")
    browser.execute_script(script)
    found = browser.execute_async_script(
        "const done = arguments[0]; axe.run().then((result) => done(result))"
    )
    assert [(one["id"], one["nodes"][0]["html"]) for one in found["violations"]] == []


def test_sources_lead_from_a_finding_to_its_reason(browser: Any, whole: Path) -> None:
    """By keyboard: a document is opened, and a link goes to the line that is the reason."""
    from selenium.webdriver.common.keys import Keys

    browser.get(whole.as_uri())
    titles = browser.find_elements("css selector", "details[id^=source] > summary")
    assert titles[0].text.startswith("one: ") and len(titles) == 2
    second = browser.find_element("id", "source-2")
    assert second.get_attribute("open") is None
    titles[1].send_keys(Keys.ENTER)
    assert second.get_attribute("open") is not None
    link = second.find_element("css selector", ".here a")
    link.send_keys(Keys.ENTER)
    target = browser.execute_script("return document.querySelector(':target')")
    assert target.get_attribute("class") == "because"
    assert target.find_element("tag name", "th").text.isdigit()


def test_printed(browser: Any, whole: Path) -> None:
    """Without controls; what is folded is written out."""
    browser.get(whole.as_uri())
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    assert not browser.find_element("css selector", ".filter").is_displayed()
    script = "return document.querySelector('#source-2 table').getBoundingClientRect().height"
    assert browser.execute_script(script) > 0
    assert browser.execute_cdp_cmd("Page.printToPDF", {})["data"]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})
